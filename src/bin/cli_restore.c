/* `posthouse restore all|config`: a whole installation out of a backup (store/backup.h). One account, folder or message: cli_restore_mail.c. */
#include "bin/cli_backup.h"

#include "base/mem.h"
#include "bin/cli_encryption.h"
#include "bin/cli_verbs.h"
#include "store/crypt_admin.h"

#include <errno.h>
#include <stdio.h>
#include <unistd.h>

/* The store that comes back is opened by the key in [encryption] key_file, which is made when it is not there. */
static int keep_keys(void *arg, slice dir, struct err *e)
{
	struct cli_backup *b = arg;
	slice path = cli_key_file(&b->env);
	cli_env_as_caller(&b->env);
	bool made = cli_key_make(&b->env, path, e) == 0, unused;
	int r = made || e->kind == ERR_EXISTS ? crypt_settle(dir, path, &unused, e) : -1;
	cli_env_as_server(&b->env);
	if (r == 0 && made) {
		printf(T("A new key is in %.*s.\n", "已在 %.*s 生成新的密钥。\n"), SFMT(path));
		cli_key_advice(path);
	}
	return r;
}

static int restore(
	struct cli_backup *b, struct cli_call *c, slice data, slice config_to, struct err *e)
{
	struct backup_generation g;
	struct backup_content *content;
	if (cli_backup_find(b, cli_option_text(c, "backup"), &g, e) < 0 ||
		backup_content_open(b->repo, g.name, &content, e) < 0)
		return -1;
	const struct backup_restore x = {.data = data,
		.config_to = config_to,
		.go_on = cli_backup_progress,
		.keep_keys = cli_key_file(&b->env).n ? keep_keys : NULL,
		.arg = b};
	int r = backup_restore_all(b->repo, content, &x, e);
	cli_backup_progress_end(b);
	if (r == 0) {
		char text[OUT_TEXT];
		printf(T("Backup %.*s of %.*s, made %s:\n", "备份 %.*s，主机 %.*s，时间 %s：\n"),
			SFMT(cli_backup_id(g.name, &b->mem)), SFMT(content->host),
			out_time(content->started_at, text));
	}
	backup_content_close(content);
	return r;
}

static int all(struct cli_call *c)
{
	AUTO(cli_backup) struct cli_backup b = {0};
	struct err e;
	int code;
	if (cli_backup_open(c, NEEDS_KEY, &b, &code) < 0)
		return code;
	slice data = b.env.config.server->data;
	if (restore(&b, c, data, S(""), &e) < 0)
		return out_fail(&e);
	printf(T("everything is in %.*s again.\n"
		 "Now: posthouse store verify; posthouse mailbox verify. Mail that waited in the "
		 "queue then is "
		 "delivered again when the\n"
		 "server starts: posthouse queue hold --all keeps it until you have looked at it.\n"
		 "Then: posthouse backup adopt, so that this installation makes the next "
		 "backups.\n",
		       "全部内容已恢复到 %.*s。\n"
		       "接下来请执行：posthouse store verify 和 posthouse mailbox "
		       "verify。备份当时仍在队列中的邮件会在服务器"
		       "启动后再次投递：\nposthouse queue hold --all 可先全部暂停，查看后再放行。\n"
		       "最后执行 posthouse backup adopt，由本系统继续备份。\n"),
		SFMT(data));
	return CLI_OK;
}

static int config(struct cli_call *c)
{
	AUTO(cli_backup) struct cli_backup b = {0};
	struct err e;
	int code;
	slice to = cli_option_text(c, "to");
	if (to.n == 0 || to.p[0] != '/')
		return out_usage("%s", T("--to: an absolute path is needed", "--to：须为绝对路径"));
	if (cli_backup_open(c, NEEDS_KEY, &b, &code) < 0)
		return code;
	cli_env_as_caller(&b.env);
	int r = restore(&b, c, S(""), to, &e);
	if (r < 0)
		return out_fail(&e);
	printf(T("posthouse.conf (as it was written), effective.conf (all its values in one file) "
		 "and the certificate with its key are in "
		 "%.*s.\n",
		       "%.*s 中有 "
		       "posthouse.conf（原文件）、effective.conf（全部配置值）以及证书和私钥。\n"),
		SFMT(to));
	return CLI_OK;
}

#define WHICH                                                                                      \
	{                                                                                          \
		"backup", "BACKUP", "which: an ID, \"latest\" (the default), or a time",           \
			"使用哪个备份：编号、latest（默认）或时间"                \
	}

static const struct cli_option all_options[] = {
	CLI_BACKUP_KEY_OPTIONS, WHICH, {NULL, NULL, NULL, NULL}};
static const struct cli_option config_options[] = {CLI_BACKUP_KEY_OPTIONS, WHICH,
	{"to", "DIRECTORY", "where it is written", "写入的目录"}, {NULL, NULL, NULL, NULL}};

#define MAIL_OPTIONS                                                                               \
	CLI_BACKUP_KEY_OPTIONS, WHICH,                                                             \
		{"to", "DIRECTORY",                                                                \
			"write files there instead of putting mail back into the mailbox",         \
			"写成文件存到此目录，不放回邮箱"},                                         \
		{"format", "FORMAT", "of these files: eml (the default), mbox, maildir",           \
			"文件格式：eml（默认）、mbox、maildir"},                                   \
		{"into", "FOLDER", "all of it into this folder of the mailbox",                    \
			"全部放入邮箱的此文件夹"},                                                 \
	{                                                                                          \
		"again", NULL, "also what is in the mailbox still",                                \
			"邮箱中仍存在的邮件也再放入一份"                            \
	}

const struct cli_option cli_restore_account_options[] = {MAIL_OPTIONS,
	{"mail-only", NULL, "an account that is gone does not come back: an error then",
		"不恢复已不存在的帐号（此时报错）"},
	{NULL, NULL, NULL, NULL}};
const struct cli_option cli_restore_folder_options[] = {MAIL_OPTIONS, {NULL, NULL, NULL, NULL}};
const struct cli_option cli_restore_message_options[] = {MAIL_OPTIONS,
	{"folder", "NAME", "that it was in", "原所在文件夹"},
	{"message-id", "ID", "its Message-ID", "邮件的 Message-ID"},
	{"from", "TEXT", "in the sender", "发件人中的文字"},
	{"subject", "TEXT", "in the subject", "主题中的文字"},
	{"since", "TIME", "received since: an age (2h, 3d) or a time",
		"接收时间不早于：时长（2h、3d）或时间"},
	{"until", "TIME", "received until", "接收时间不晚于"},
	{"uid", "N", "its UID in the folder", "在文件夹中的 UID"},
	{"list", NULL, "only show what fits", "只列出符合条件的邮件"},
	{"all", NULL, "all that fit, not one alone", "符合条件的全部邮件，而不限一封"},
	{NULL, NULL, NULL, NULL}};

#define PUT_BACK_EN                                                                                \
	"The server goes on running. Mail is put back as new messages, with flags, keywords and "  \
	"dates; nothing is "                                                                       \
	"overwritten,\nand what is in the mailbox still is left alone. With --to it is written "   \
	"as files."
#define PUT_BACK_ZH                                                                                                                            \
	"服务器照常运行。邮件作为新邮件放回，保留标志、关键字和日期；不覆盖任何内容，邮箱中仍有的" \
	"邮件不重复放入。\n"                                                                                                           \
	"使用 --to 时写成文件。"

const struct cli_verb restore_verbs[] = {
	{"all", all, "", 0, 0, false, all_options, "Everything, into an empty data directory.",
		"把全部内容恢复到空的数据目录。",
		"The server does not run. The configuration says where: [server] data, [backup] "
		"target. Nothing is overwritten.\n"
		"On a new machine: a file with these two sections, then restore config, then "
		"restore all.",
		"服务器须未运行。位置由配置决定：[server] data、[backup] target。不覆盖任何内容。\n"
		"在新机器上：先写只含这两节的配置文件，执行 restore config，再执行 restore all。"},
	{"config", config, "", 0, 0, false, config_options, "The configuration, aside.",
		"取出配置文件。", NULL, NULL},
	{"account", cli_restore_account, "ADDRESS", 1, 1, true, cli_restore_account_options,
		"All mail of one account; the account itself, too, when it is gone.",
		"恢复一个帐号的全部邮件；帐号已不存在时连同帐号恢复。",
		PUT_BACK_EN
		"\nAn account that was deleted and purged comes back with its password, aliases, "
		"groups, lists, forwarding, scripts and rights,\nas far as what they name is there "
		"still; it says what came and what did not. It can be used when its mail is back.",
		PUT_BACK_ZH
		"已删除并清除的帐号连同密码、别名、群组、邮件列表、转发、脚本和权限一起恢复，\n"
		"前提是所涉及的对象仍然存在；并报告哪些已恢复、哪些未恢复。邮件全部恢复后帐号即可使"
		"用。"},
	{"folder", cli_restore_folder, "ADDRESS FOLDER", 2, 2, true, cli_restore_folder_options,
		"One folder, with those below it.", "恢复一个文件夹及其子文件夹。", PUT_BACK_EN,
		PUT_BACK_ZH},
	{"message", cli_restore_message, "ADDRESS", 1, 1, true, cli_restore_message_options,
		"One message.", "恢复一封邮件。", PUT_BACK_EN, PUT_BACK_ZH},
	CLI_VERBS_END,
};
