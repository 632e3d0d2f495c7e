/* Opening the repository for `posthouse backup` and `posthouse restore`, and which generation is meant (cli_backup.h). */
#include "bin/cli_backup.h"

#include "base/hex.h"
#include "base/mem.h"
#include "bin/cli_tty.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>

enum { ID_SHOWN = 8 };

/* ---- opening ---- */

static int read_key_file(struct cli_backup *b, const char *path, struct err *e)
{
	AUTO(buf) struct buf text = BUF(CLI_BACKUP_KEY_FILE_MAX);
	cli_env_as_caller(&b->env);
	AUTO(fd) int fd = open(path, O_RDONLY | O_CLOEXEC);
	int error = errno;
	cli_env_as_server(&b->env);
	if (fd < 0)
		return err_sys(e, error, "%s", path);
	ssize_t n = read(fd, buf_room(&text, CLI_BACKUP_KEY_FILE_MAX), CLI_BACKUP_KEY_FILE_MAX);
	if (n < 0)
		return err_sys(e, errno, "%s", path);
	buf_commit(&text, (size_t)n);
	return backup_secret_parse(buf_slice(&text), &b->secret, e);
}

static int get_secret(struct cli_call *c, struct cli_backup *b, struct err *e)
{
	const char *path = cli_option(c, "key");
	slice passphrase;
	if (path)
		return read_key_file(b, path, e);
	if (tty_secret(T("Passphrase of the backup repository: ", "备份仓库的口令："),
		    cli_flag(c, "stdin"), &b->mem, &passphrase, e) < 0)
		return -1;
	return backup_secret_unlock(b->target, passphrase, &b->secret, e);
}

static int open_parts(struct cli_call *c, unsigned needs, struct cli_backup *b, struct err *e)
{
	const struct backup_where where = {b->conf, S("")};
	if (backup_target_open(&where, &b->target, e) < 0)
		return -1;
	if (!(needs & NEEDS_KEY))
		return 0;
	if (get_secret(c, b, e) < 0)
		return -1;
	return backup_repo_open(b->target, &b->secret, &b->repo, e);
}

static int open_env(struct cli_call *c, unsigned needs, struct cli_backup *b, int *ret_code)
{
	struct err e;
	if (needs & NEEDS_EXTRAS) { /* read by who runs the command */
		struct cli_env config;
		if (cli_env_config(c->cli, &config, ret_code) < 0)
			return -1;
		backup_extras_read(&config.config, slice_z(c->cli->config), &b->extras);
		cli_env_close(&config);
	}
	if (needs & NEEDS_STORE)
		return cli_env_open(c->cli, &b->env, ret_code);
	if (cli_env_config(c->cli, &b->env, ret_code) < 0)
		return -1;
	if (cli_env_take_user(&b->env, &e) == 0)
		return 0;
	*ret_code = out_fail(&e);
	return -1;
}

int cli_backup_open(struct cli_call *c, unsigned needs, struct cli_backup *b, int *ret_code)
{
	struct err e;
	*b = (struct cli_backup){.progress = isatty(2) && !c->cli->json};
	if (open_env(c, needs, b, ret_code) < 0) {
		backup_extras_done(&b->extras);
		return -1;
	}
	b->conf = backup_conf_of(&b->env.config);
	if (open_parts(c, needs, b, &e) == 0)
		return 0;
	*ret_code = out_fail(&e);
	cli_backup_close(b);
	return -1;
}

void cli_backup_close(struct cli_backup *b)
{
	backup_repo_close(b->repo);
	backup_target_close(b->target);
	backup_extras_done(&b->extras);
	arena_done(&b->mem);
	if (b->env.config.conf)
		cli_env_close(&b->env);
	*b = (struct cli_backup){0};
}

bool cli_backup_progress(void *arg, uint64_t done, uint64_t all)
{
	struct cli_backup *b = arg;
	char x[OUT_TEXT], y[OUT_TEXT];
	if (!b->progress || instant_now() - b->told_at < SECOND / 4)
		return true;
	b->told_at = instant_now();
	fprintf(stderr, "\r%s / %s   ", out_size(done, x), out_size(all < done ? done : all, y));
	return true;
}

void cli_backup_progress_end(struct cli_backup *b)
{
	if (b->told_at)
		fputs("\r                                        \r", stderr);
}

/* ---- generations ---- */

slice cli_backup_id(const unsigned char name[BACKUP_ID], struct arena *a)
{
	AUTO(buf) struct buf hex = BUF(2 * BACKUP_ID);
	hex_encode(&hex, slice_of(name, ID_SHOWN / 2));
	return arena_dup(a, buf_slice(&hex));
}

int cli_backup_generations(
	struct cli_backup *b, struct backup_generation **ret, size_t *ret_n, struct err *e)
{
	return b->repo ? backup_repo_list(b->repo, &b->mem, ret, ret_n, e)
		       : backup_generations(b->env.config.server->data, &b->mem, ret, ret_n, e);
}

static bool is_called(const struct backup_generation *g, slice which)
{
	AUTO(buf) struct buf hex = BUF(2 * BACKUP_ID);
	hex_encode(&hex, slice_of(g->name, BACKUP_ID));
	return which.n >= 4 && which.n <= hex.n &&
	       slice_ieq(slice_first(buf_slice(&hex), which.n), which);
}

int cli_backup_find(struct cli_backup *b, slice which, struct backup_generation *ret, struct err *e)
{
	struct backup_generation *v;
	size_t n;
	int64_t until = INT64_MAX;
	bool latest = which.n == 0 || slice_eq(which, S("latest"));
	if (cli_backup_generations(b, &v, &n, e) < 0)
		return -1;
	for (size_t i = 0; i < n && !latest; i++)
		if (is_called(&v[i], which)) {
			*ret = v[i];
			return 0;
		}
	if (!latest && !time_parse(which, wall_now(), &until))
		return err_set(e, ERR_NOTFOUND, T("no backup %.*s", "没有备份 %.*s"), SFMT(which));
	for (size_t i = 0; i < n; i++)
		if (v[i].started_at <= until) {
			*ret = v[i];
			return 0;
		}
	return err_set(e, ERR_NOTFOUND, "%s",
		n ? T("no backup is so old", "没有这么早的备份")
		  : T("there is no backup", "没有任何备份"));
}
