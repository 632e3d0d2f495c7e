/* `posthouse backup init | adopt`: a repository is made, or taken over (cli_backup.h). */
#include "bin/cli_backup.h"

#include "base/mem.h"
#include "bin/cli_tty.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>

static int write_key_file(
	struct cli_backup *b, const char *path, const struct backup_secret *s, struct err *e)
{
	AUTO(buf) struct buf text = BUF(CLI_BACKUP_KEY_FILE_MAX);
	backup_secret_print(s, &text);
	cli_env_as_caller(&b->env);
	AUTO(fd) int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	bool good = fd >= 0 && write(fd, text.p, text.n) == (ssize_t)text.n && fsync(fd) == 0;
	int error = errno;
	cli_env_as_server(&b->env);
	return good ? 0 : err_sys(e, error, "%s", path);
}

/* As root: made for the server's user. */
static int make_target_dir(struct cli_backup *b, struct err *e)
{
	AUTO(arena) struct arena a = {0};
	const char *path = arena_strz(&a, b->conf->target);
	if (backup_is_s3(b->conf))
		return 0;
	cli_env_as_caller(&b->env);
	bool good = mkdir(path, 0700) < 0
			    ? errno == EEXIST
			    : !b->env.is_root || chown(path, b->env.root_uid, b->env.root_gid) == 0;
	int error = errno;
	cli_env_as_server(&b->env);
	return good ? 0 : err_sys(e, error, "%s", path);
}

static int make(struct cli_call *c, struct cli_backup *b, slice passphrase, struct err *e)
{
	const char *path = cli_option(c, "key");
	const struct backup_where where = {b->conf, S("")};
	struct backup_secret s;
	struct stat st;
	if (path && stat(path, &st) == 0)
		return err_set(e, ERR_EXISTS, T("%s is there already", "%s 已存在"), path);
	if (make_target_dir(b, e) < 0)
		return -1;
	backup_target_close(take(&b->target));
	if (backup_target_open(&where, &b->target, e) < 0 ||
		backup_init(b->env.config.server->data, b->target, wall_now(), &s, e) < 0)
		return -1;
	if (path && write_key_file(b, path, &s, e) < 0)
		return err_wrap(e, "%s",
			T("the key could not be written: remove the repository and begin again",
				"密钥未能写出：请删除仓库后重新开始"));
	return passphrase.n ? backup_key_add(b->target, &s, passphrase, S("init"), wall_now(), e)
			    : 0;
}

int cli_backup_init(struct cli_call *c)
{
	AUTO(cli_backup) struct cli_backup b = {0};
	struct err e;
	slice passphrase = S("");
	const char *path = cli_option(c, "key");
	int code;
	if (cli_backup_open(c, NEEDS_STORE, &b, &code) < 0)
		return code;
	if (backup_prepared(b.env.config.server->data, &e) == 1) {
		err_set(&e, ERR_EXISTS, "%s",
			T("this installation has a repository already", "本系统已有备份仓库"));
		return out_fail(&e);
	}
	if (!path || cli_flag(c, "stdin"))
		if (tty_new_password(cli_flag(c, "stdin"), &b.mem, &passphrase, &e) < 0)
			return out_fail(&e);
	if (passphrase.n && passphrase.n < BACKUP_PASSPHRASE_MIN)
		return out_usage(T("a passphrase has at least %d characters", "口令至少 %d 个字符"),
			BACKUP_PASSPHRASE_MIN);
	if (make(c, &b, passphrase, &e) < 0)
		return out_fail(&e);
	puts(T("The repository is made. This server can write to it and cannot read it back.",
		"仓库已建立。本服务器只能写入，不能读出。"));
	if (path)
		printf(T("Keep %s in a safe place, not on this machine: without it backups are "
			 "worth nothing.\n",
			       "请把 %s 保存在安全处，不要留在本机：没有它，备份无法恢复。\n"),
			path);
	else
		puts(T("Keep the passphrase in a safe place: without it backups are worth nothing.",
			"请妥善保管口令：没有它，备份无法恢复。"));
	return CLI_OK;
}

int cli_backup_adopt(struct cli_call *c)
{
	AUTO(cli_backup) struct cli_backup b = {0};
	struct err e;
	int code;
	if (cli_backup_open(c, NEEDS_STORE | NEEDS_KEY, &b, &code) < 0)
		return code;
	if (backup_adopt(b.env.config.server->data, b.target, &b.secret, &e) < 0)
		return out_fail(&e);
	puts(T("This installation writes to the repository now, and nobody else.",
		"现在由本系统写入此仓库，其他系统不能再写。"));
	return CLI_OK;
}
