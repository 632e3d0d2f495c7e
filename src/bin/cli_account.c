/* `posthouse account`: who has a mailbox here. Its larger parts are in cli_account_*.c, aliases in
 * cli_alias.c. */
#include "bin/cli_account.h"
#include "bin/cli_account_login.h"
#include "bin/cli_rename.h"
#include "bin/cli_tty.h"
#include "bin/cli_verbs.h"

#include "base/mem.h"
#include "store/password.h"
#include "store/password_rule.h"

#include <stdio.h>

static int account_add(struct cli_call *c)
{
	AUTO(cli_env) struct cli_env env = {0};
	struct err e;
	struct account found;
	struct password p;
	struct account_draft d = {.account = {.address = cli_arg(c, 0)}};
	slice password;
	int64_t id;
	int code;
	struct sql *db = cli_env_directory(c->cli, &env, &code);
	if (!db)
		return code;
	if (directory_account(db, d.account.address, &env.mem, &found, &e) ==
		0) { /* before anybody types a password */
		err_set(&e, ERR_EXISTS, "account %.*s exists already", SFMT(found.address));
		return out_fail(&e);
	}
	code = account_options(c, db, &d, &env.mem);
	if (code)
		return code;
	if (tty_new_password(cli_flag(c, "stdin"), &env.mem, &password, &e) < 0 ||
		password_check(cli_password_rule(&env), password, d.account.address,
			cli_option_text(c, "name"), &e) < 0 ||
		password_make(password, &env.mem, &p, &e) < 0)
		return out_fail(&e);
	d.password = &p;
	if (directory_account_make(db, &d, &id, &e) < 0)
		return out_fail(&e);
	printf(T("Account %.*s added.\n", "已添加帐号 %.*s。\n"), SFMT(d.account.address));
	return CLI_OK;
}

/* "2g", "none". An exit code. */
static int parse_quota(slice s, uint64_t *ret)
{
	int64_t v = 0;
	if (!slice_eq(s, S("none")) && (!conf_size_parse(s, &v) || v == 0))
		return out_usage(T("a quota is a size such as 500m or 2g, or none: %.*s",
					 "限额是一个大小（如 500m、2g）或 none：%.*s"),
			SFMT(s));
	*ret = (uint64_t)v;
	return CLI_OK;
}

static int account_quota(struct cli_call *c)
{
	AUTO(cli_env) struct cli_env env = {0};
	struct err e;
	uint64_t quota = 0;
	int code = parse_quota(cli_arg(c, 1), &quota);
	if (code)
		return code;
	struct sql *db = cli_env_directory(c->cli, &env, &code);
	if (!db)
		return code;
	if (directory_account_quota(db, cli_arg(c, 0), quota, &e) < 0)
		return out_fail(&e);
	printf(T("Quota of %.*s: %.*s.\n", "%.*s 的限额：%.*s。\n"), SFMT(cli_arg(c, 0)),
		SFMT(cli_arg(c, 1)));
	return CLI_OK;
}

static int disable(struct sql *db, slice name, struct err *e)
{
	return directory_account_disable(db, name, true, e);
}

static int enable(struct sql *db, slice name, struct err *e)
{
	return directory_account_disable(db, name, false, e);
}

static int account_disable(struct cli_call *c)
{
	return cli_directory_each(
		c, disable, T("Account %.*s disabled.\n", "已停用帐号 %.*s。\n"));
}

static int account_enable(struct cli_call *c)
{
	return cli_directory_each(c, enable, T("Account %.*s enabled.\n", "已启用帐号 %.*s。\n"));
}

/* ---- tables ---- */

static const struct cli_option add_options[] = {
	ACCOUNT_OPTIONS,
	{"stdin", NULL, "read the password from the first line of stdin",
		"从标准输入的第一行读取密码"},
	{NULL, NULL, NULL, NULL},
};
static const struct cli_option set_options[] = {ACCOUNT_OPTIONS, {NULL, NULL, NULL, NULL}};
static const struct cli_option own_options[] = {
	{"remove", NULL, "take them away", "移除"},
	{NULL, NULL, NULL, NULL},
};
static const struct cli_option import_options[] = {
	{"dry-run", NULL, "only look for mistakes", "仅检查，不作更改"},
	{"update", NULL, "change accounts that are there already", "修改已有帐号"},
	{"result", "FILE", "where the passwords go that were made for accounts without one",
		"为没有密码的帐号生成的密码保存到此文件"},
	{"no-passwords", NULL, "new accounts without a password have none (LDAP, OpenID)",
		"没有密码的新帐号不设密码（用于 LDAP、OpenID 登录）"},
	{NULL, NULL, NULL, NULL},
};
static const struct cli_option export_options[] = {
	{"org", "NAME", "of this organisation alone", "仅此组织"},
	{"chinese", NULL, "names of columns in Chinese", "使用中文列名"},
	{NULL, NULL, NULL, NULL},
};
static const struct cli_option passwd_options[] = {
	{"stdin", NULL, "read the password from the first line of stdin",
		"从标准输入的第一行读取密码"},
	{"must-change", NULL, "the owner has to change it before mail programs work",
		"主人须先修改此密码，邮件程序才能使用"},
	{NULL, NULL, NULL, NULL},
};
static const struct cli_option suspend_options[] = {
	{"reason", "TEXT", "kept and shown in lists", "保存并在列表中显示的原因"},
	{NULL, NULL, NULL, NULL},
};
static const struct cli_option list_options[] = {
	{"usage", NULL, "with messages, bytes and quota of each mailbox",
		"同时显示每个邮箱的邮件数、大小和限额"},
	{"org", "NAME", "of this organisation", "此组织"},
	{"department", "PATH", "of this department and below", "此部门及下级部门"},
	{"class", "NAME", "of this service class", "此服务等级"},
	{"kind", "KIND", "person, shared, room, equipment",
		"person 个人、shared 共享、room 会议室、equipment 设备"},
	{"find", "TEXT", "in address, name or a field", "在地址、姓名或字段中查找"},
	{"deleted", NULL, "those that were deleted and can be recovered", "已删除、可恢复的帐号"},
	{NULL, NULL, NULL, NULL},
};
static const struct cli_option remove_options[] = {
	{"with-mail", NULL, "also when there is mail in it, which is deleted",
		"邮箱中有邮件时也删除，邮件一并删除"},
	{"yes", NULL, "do not ask", "不经询问直接执行"},
	{NULL, NULL, NULL, NULL},
};

const struct cli_verb account_verbs[] = {
	{"add", account_add, "ADDRESS", 1, 1, false, add_options,
		"Makes a mailbox in a domain that is here.", "在本机的域中创建邮箱帐号。",
		"The password is asked on the terminal, or read from stdin; it is kept only as "
		"argon2id and\n"
		"SCRAM-SHA-256 verifiers.\n\n"
		"  posthouse account add alice@example.org --name \"Alice Wang\"\n"
		"  pwgen 16 1 | posthouse account add bob@example.org --stdin",
		"密码在终端上询问，或从标准输入读取；只保存 argon2id 和 SCRAM-SHA-256 校验值。\n\n"
		"  posthouse account add alice@example.org --name \"王小丽\"\n"
		"  pwgen 16 1 | posthouse account add bob@example.org --stdin"},
	{"list", account_list, "[DOMAIN]", 0, 1, true, list_options,
		"Lists the accounts, of one domain or all.", "列出帐号（某个域的或全部）。", NULL,
		NULL},
	{"passwd", cli_account_passwd, "ADDRESS", 1, 1, false, passwd_options,
		"Changes an account's password.", "修改帐号密码。",
		"The rules of section [password] hold; former passwords that may not come again "
		"are refused.",
		"须符合 [password] 一节的规则；不得重复使用的旧密码会被拒绝。"},
	{"suspend", cli_account_suspend, "ADDRESS", 1, 1, false, suspend_options,
		"Nobody logs in to it any more, sessions end; mail still comes in.",
		"暂停帐号：不能登录，会话结束，邮件照常接收。", NULL, NULL},
	{"resume", cli_account_resume, "ADDRESS", 1, 1, false, NULL,
		"Ends a suspension: by hand, or because the account behaved as if stolen.",
		"恢复被手动暂停、或因疑似被盗而暂停的帐号。", NULL, NULL},
	{"suspended", cli_account_suspended, "", 0, 0, true, NULL,
		"Lists the accounts that are suspended, and why.", "列出已暂停的帐号及原因。", NULL,
		NULL},
	{"disable", account_disable, "ADDRESS...", 1, -1, false, NULL,
		"Refuses the account's mail and logins; its messages stay.",
		"停用帐号：拒收其邮件和登录，已有邮件保留。", NULL, NULL},
	{"enable", account_enable, "ADDRESS...", 1, -1, false, NULL, "Undoes disable.",
		"重新启用帐号。", NULL, NULL},
	{"quota", account_quota, "ADDRESS SIZE|none", 2, 2, false, NULL,
		"Sets how much the mailbox may hold.", "设置邮箱容量限额。",
		"Mail for a full mailbox is refused at RCPT (452 4.2.2) or waits in the queue.\n\n"
		"  posthouse account quota alice@example.org 2g",
		"邮箱已满时，在 RCPT 拒绝其邮件（452 4.2.2），或在队列中等待。\n\n"
		"  posthouse account quota alice@example.org 2g"},
	{"set", account_set, "ADDRESS...", 1, -1, false, set_options,
		"Changes the settings of accounts.", "修改帐号的设置。",
		"  posthouse account set alice@example.org --department Sales --field "
		"title=Director\n"
		"  posthouse account set bob@example.org --deny pop3,eas --quota class",
		"  posthouse account set alice@example.org --department 销售部 --field "
		"title=经理\n"
		"  posthouse account set bob@example.org --deny pop3,eas --quota class"},
	{"show", account_show, "ADDRESS", 1, 1, true, NULL,
		"Shows an account: settings, limits, groups, fields.",
		"显示帐号：设置、限制、所属组、字段。", NULL, NULL},
	{"fields", account_fields, "", 0, 0, true, NULL, "Lists the fields of the address book.",
		"列出通讯录字段。", NULL, NULL},
	{"own", account_own, "ADDRESS FURTHER...", 2, -1, false, own_options,
		"Gives an account further addresses, in any domain here; it may send as these.",
		"为帐号添加本机任意域的其他地址，可用其发信。", NULL, NULL},
	{"rename", account_rename, "ADDRESS NEW", 2, 2, false, rename_options,
		"Gives an account another address; the former one stays one of its own.",
		"更改帐号地址；原地址保留为该帐号的其他地址。",
		"For people whose name changes, and shared mailboxes. They log in by the new address from now on;\n"
		"password, second factor, application passwords, mail, rules, rights that others granted, lists, digests,\n"
		"what was learned: all stay theirs. Sessions end and programs log in again.\n\n"
		"  posthouse account rename ann.miller@example.org ann.smith@example.org",
		"用于更名的人员和共享邮箱。此后用新地址登录；密码、双因素、应用密码、邮件、规则、\n"
		"他人授予的权限、列表、摘要、学习数据均保持不变。当前会话结束，邮件程序须重新登录。\n\n"
		"  posthouse account rename ann.miller@example.org ann.smith@example.org"},
	{"delete", account_delete, "ADDRESS...", 1, -1, false, NULL,
		"Deletes accounts so that they can be recovered.", "删除帐号，可以恢复。",
		"Mail, password and memberships stay for [directory] keep_deleted; meanwhile the "
		"address is\nunknown, and nobody else can get it. Then the account goes for good.",
		"邮件、密码和所属关系保留到 [directory] keep_deleted 期满；其间该地址视为不存在，"
		"也不能另作他用。\n期满后永久删除。"},
	{"recover", account_recover, "ADDRESS...", 1, -1, false, NULL,
		"Brings deleted accounts back, with everything.", "恢复已删除的帐号及其全部内容。",
		NULL, NULL},
	{"remove", account_remove, "ADDRESS", 1, 1, false, remove_options,
		"Removes an account for good whose mailbox is empty and to which no alias leads.",
		"永久删除邮箱为空且没有别名指向的帐号。", NULL, NULL},
	{"import", account_import, "FILE.csv", 1, 1, true, import_options,
		"Makes or changes many accounts from a table.", "由表格批量创建或修改帐号。",
		"The first line names the columns, in English or Chinese: address, name, password, "
		"hash, department,\nclass, quota, services, language, aliases, disabled, and the "
		"fields of the address book. UTF-8 or\nGB18030, as spreadsheets write them. All "
		"mistakes are told, with their lines, before anything is changed.\n\n"
		"  posthouse account import staff.csv --dry-run\n"
		"  posthouse account import staff.csv --update --result passwords.csv",
		"第一行为列名，中英文均可：地址、姓名、密码、密码哈希、部门、服务等级、容量、服务、"
		"语言、别名、停用，\n以及通讯录字段。编码为 UTF-8 或 "
		"GB18030，即电子表格导出的格式。"
		"先逐行报告所有错误，无误才作更改。\n\n"
		"  posthouse account import staff.csv --dry-run\n"
		"  posthouse account import staff.csv --update --result passwords.csv"},
	{"export", account_export, "[DOMAIN]", 0, 1, false, export_options,
		"Prints accounts as a table that import reads (without passwords).",
		"以 import 可读取的表格输出帐号（不含密码）。", NULL, NULL},
	CLI_VERBS_END,
};
