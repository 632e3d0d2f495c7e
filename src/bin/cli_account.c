/* `posthouse account`: who has a mailbox here. Aliases are in cli_alias.c. */
#include "bin/cli_tty.h"
#include "bin/cli_verbs.h"

#include "base/mem.h"
#include "store/directory.h"
#include "store/mailbox.h"

#include <stdio.h>
#include <unistd.h>

static slice or_none(slice s)
{
	return s.n ? s : S("none");
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

static int account_add(struct cli_call *c)
{
	AUTO(cli_env) struct cli_env env = {0};
	struct err e;
	struct account found;
	slice password, address = cli_arg(c, 0);
	uint64_t quota;
	int code = parse_quota(or_none(cli_option_text(c, "quota")), &quota);
	if (code)
		return code;
	struct sql *db = cli_env_directory(c->cli, &env, &code);
	if (!db)
		return code;
	if (directory_account(db, address, &env.mem, &found, &e) ==
		0) { /* before anybody types a password */
		err_set(&e, ERR_EXISTS, "account %.*s exists already", SFMT(found.address));
		return out_fail(&e);
	}
	if (tty_new_password(cli_flag(c, "stdin"), &env.mem, &password, &e) < 0 ||
		directory_account_add(db, address, cli_option_text(c, "name"), password, &e) < 0 ||
		(quota && directory_account_quota(db, address, quota, &e) < 0))
		return out_fail(&e);
	printf(T("Account %.*s added.\n", "已添加帐号 %.*s。\n"), SFMT(address));
	return CLI_OK;
}

static int account_passwd(struct cli_call *c)
{
	AUTO(cli_env) struct cli_env env = {0};
	struct err e;
	struct account found;
	slice password;
	int code;
	struct sql *db = cli_env_directory(c->cli, &env, &code);
	if (!db)
		return code;
	if (directory_account(db, cli_arg(c, 0), &env.mem, &found, &e) < 0 ||
		tty_new_password(cli_flag(c, "stdin"), &env.mem, &password, &e) < 0 ||
		directory_password(db, cli_arg(c, 0), password, &e) < 0)
		return out_fail(&e);
	printf(T("Password of %.*s changed.\n", "已修改 %.*s 的密码。\n"), SFMT(found.address));
	return CLI_OK;
}

static int account_quota(struct cli_call *c)
{
	AUTO(cli_env) struct cli_env env = {0};
	struct err e;
	uint64_t quota;
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

static int set_disabled(struct cli_call *c, bool disabled)
{
	AUTO(cli_env) struct cli_env env = {0};
	struct err e;
	int code;
	struct sql *db = cli_env_directory(c->cli, &env, &code);
	if (!db)
		return code;
	for (int i = 0; i < c->nargs; i++) {
		if (directory_account_disable(db, cli_arg(c, i), disabled, &e) < 0)
			return out_fail(&e);
		printf(disabled ? T("Account %.*s disabled.\n", "已停用帐号 %.*s。\n")
				: T("Account %.*s enabled.\n", "已启用帐号 %.*s。\n"),
			SFMT(cli_arg(c, i)));
	}
	return CLI_OK;
}

static int account_disable(struct cli_call *c)
{
	return set_disabled(c, true);
}

static int account_enable(struct cli_call *c)
{
	return set_disabled(c, false);
}

struct usage {
	struct cli_env *env;
	struct sql *shard[MAILBOX_SHARDS];
	bool wanted;
};

static int usage_of(
	struct usage *u, int64_t id, uint64_t *ret_bytes, uint64_t *ret_messages, struct err *e)
{
	struct sql **db = &u->shard[mailbox_shard(id)];
	*ret_bytes = *ret_messages = 0;
	if (!u->wanted)
		return 0;
	if (!*db && !(*db = cli_env_shard(u->env, id, e)))
		return -1;
	return mailbox_usage(*db, id, ret_bytes, ret_messages, e);
}

static int print_account(struct listing *l, struct usage *u, const struct account *a, struct err *e)
{
	char text[OUT_TEXT];
	uint64_t bytes, messages;
	if (usage_of(u, a->id, &bytes, &messages, e) < 0)
		return -1;
	if (l->json) {
		json_open_object(&l->j, NULL);
		json_int(&l->j, "id", a->id);
		json_text(&l->j, "address", a->address);
		json_text(&l->j, "name", a->name);
		json_bool(&l->j, "disabled", a->disabled);
		json_int(&l->j, "quota", (int64_t)a->quota);
		json_time(&l->j, "created_at", a->created_at);
		if (u->wanted) {
			json_int(&l->j, "messages", (int64_t)messages);
			json_int(&l->j, "bytes", (int64_t)bytes);
		}
		json_close(&l->j, '}');
		return 0;
	}
	table_cell(l->table, out_address(a->address, &u->env->mem));
	table_cell(l->table, a->name);
	table_cell(l->table, slice_z(a->disabled ? T("disabled", "停用") : T("active", "正常")));
	if (u->wanted) {
		table_cellf(l->table, "%llu", (unsigned long long)messages);
		table_cell(l->table, slice_z(out_size(bytes, text)));
		table_cell(l->table,
			a->quota ? slice_z(out_size(a->quota, text)) : slice_z(T("none", "无")));
	}
	table_cell(l->table, slice_z(out_time(a->created_at, text)));
	return 0;
}

static int account_list(struct cli_call *c)
{
	AUTO(cli_env) struct cli_env env = {0};
	struct err e;
	struct account *v;
	struct listing l;
	struct usage u = {.env = &env, .wanted = cli_flag(c, "usage")};
	size_t n;
	int code, r = 0;
	struct sql *db = cli_env_directory(c->cli, &env, &code);
	if (!db)
		return code;
	if (directory_accounts(db, cli_arg(c, 0), &env.mem, &v, &n, &e) < 0)
		return out_fail(&e);
	const char *const heads[] = {T("ADDRESS", "地址"), T("NAME", "姓名"), T("STATE", "状态"),
		T("CREATED", "创建时间")};
	const char *const wide[] = {heads[0], heads[1], heads[2], T(">MAILS", ">邮件数"),
		T(">SIZE", ">大小"), T(">QUOTA", ">限额"), heads[3]};
	listing_begin(&l, c->cli->json, "accounts", u.wanted ? wide : heads, u.wanted ? 7 : 4);
	for (size_t i = 0; i < n && r == 0; i++)
		r = print_account(&l, &u, &v[i], &e);
	listing_end_rows(&l);
	listing_end(&l);
	for (int i = 0; i < MAILBOX_SHARDS; i++)
		sql_close(u.shard[i]);
	return r < 0 ? out_fail(&e) : CLI_OK;
}

/* ---- removing ---- */

enum { NOTICED_USEC = 1200 * 1000 }; /* servers see changes of the directory within a second */

/* An exit code: may it go, with what is in it? */
static int check_mail(struct cli_call *c, struct sql *shard, const struct account *a)
{
	uint64_t bytes, messages;
	struct err e;
	char text[OUT_TEXT];
	if (mailbox_usage(shard, a->id, &bytes, &messages, &e) < 0)
		return out_fail(&e);
	if (messages == 0 || cli_flag(c, "with-mail"))
		return CLI_OK;
	fprintf(stderr,
		T("posthouse: the mailbox holds %llu messages (%s): mailbox export saves them, "
		  "--with-mail deletes them\n",
			"posthouse: 邮箱中有 %llu 封邮件（%s）：可用 mailbox export 保存，"
			"或以 --with-mail 一并删除\n"),
		(unsigned long long)messages, out_size(bytes, text));
	return CLI_FAILED;
}

static int remove_mail(struct sql *shard, int64_t account_id, struct err *e)
{
	int64_t n;
	do {
		if (sql_begin(shard, e) < 0)
			return -1;
		n = mailbox_remove_some_tx(shard, account_id, e);
		if (n < 0) {
			sql_rollback(shard);
			return -1;
		}
		if (sql_commit(shard, e) < 0)
			return -1;
	} while (n == MAILBOX_REMOVE_BATCH);
	return 0;
}

/* Nothing comes in any more before the last look. An exit code. */
static int close_and_remove(
	struct cli_call *c, struct sql *db, struct sql *shard, const struct account *a)
{
	struct err e;
	if (directory_account_disable(db, a->address, true, &e) < 0)
		return out_fail(&e);
	usleep(NOTICED_USEC);
	int code = check_mail(c, shard, a);
	if (code == CLI_OK && (remove_mail(shard, a->id, &e) < 0 ||
				      directory_account_remove(db, a->address, &e) < 0))
		code = out_fail(&e);
	if (code == CLI_OK)
		printf(T("Account %.*s removed.\n", "已删除帐号 %.*s。\n"), SFMT(a->address));
	else if (!a->disabled && directory_account_disable(db, a->address, false, &e) < 0)
		out_fail(&e);
	return code;
}

static int account_remove(struct cli_call *c)
{
	AUTO(cli_env) struct cli_env env = {0};
	struct err e;
	struct account a;
	int code;
	struct sql *db = cli_env_directory(c->cli, &env, &code);
	if (!db)
		return code;
	if (directory_account(db, cli_arg(c, 0), &env.mem, &a, &e) < 0 ||
		directory_account_may_go(db, a.address, &e) < 0)
		return out_fail(&e);
	struct sql *shard = cli_env_shard(&env, a.id, &e);
	if (!shard)
		return out_fail(&e);
	code = check_mail(c, shard, &a);
	if (code == CLI_OK && cli_flag(c, "with-mail") && !cli_flag(c, "yes") &&
		!tty_confirm(T("Delete the account and all its mail for good?",
			"永久删除此帐号及其全部邮件？")))
		code = out_usage(T("nothing was changed; --yes does it without asking",
			"未作任何更改；--yes 可不经询问直接执行"));
	if (code == CLI_OK)
		code = close_and_remove(c, db, shard, &a);
	sql_close(shard);
	return code;
}

/* ---- tables ---- */

static const struct cli_option add_options[] = {
	{"name", "TEXT", "the person's name", "姓名"},
	{"quota", "SIZE", "the most that the mailbox may hold: 500m, 2g (default none)",
		"邮箱容量限额：500m、2g（默认无）"},
	{"stdin", NULL, "read the password from the first line of stdin",
		"从标准输入的第一行读取密码"},
	{NULL, NULL, NULL, NULL},
};
static const struct cli_option passwd_options[] = {
	{"stdin", NULL, "read the password from the first line of stdin",
		"从标准输入的第一行读取密码"},
	{NULL, NULL, NULL, NULL},
};
static const struct cli_option list_options[] = {
	{"usage", NULL, "with messages, bytes and quota of each mailbox",
		"同时显示每个邮箱的邮件数、大小和限额"},
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
	{"passwd", account_passwd, "ADDRESS", 1, 1, false, passwd_options,
		"Changes an account's password.", "修改帐号密码。", NULL, NULL},
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
	{"remove", account_remove, "ADDRESS", 1, 1, false, remove_options,
		"Removes an account whose mailbox is empty and to which no alias leads.",
		"删除邮箱为空且没有别名指向的帐号。", NULL, NULL},
	CLI_VERBS_END,
};
