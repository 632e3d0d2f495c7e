/* `posthouse backup key`: passphrases and key files of the repository (cli_backup.h). */
#include "bin/cli_backup.h"

#include "base/mem.h"
#include "bin/cli_tty.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>

const struct cli_option cli_backup_key_options[] = {
	CLI_BACKUP_KEY_OPTIONS, {NULL, NULL, NULL, NULL}};

static int list(struct cli_call *c)
{
	AUTO(cli_backup) struct cli_backup b = {0};
	struct backup_key *v;
	struct listing l;
	struct err e;
	char text[OUT_TEXT];
	size_t n;
	int code;
	if (cli_backup_open(c, 0, &b, &code) < 0)
		return code;
	if (backup_key_list(b.target, &b.mem, &v, &n, &e) < 0)
		return out_fail(&e);
	const char *const heads[] = {T("NAME", "名称"), T("MADE", "建立时间"), T("LABEL", "标签")};
	listing_begin(&l, c->cli->json, "keys", heads, 3);
	for (size_t i = 0; i < n; i++) {
		if (l.json) {
			json_open_object(&l.j, NULL);
			json_text(&l.j, "name", v[i].name);
			json_time(&l.j, "made_at", v[i].made_at);
			json_text(&l.j, "label", v[i].label);
			json_close(&l.j, '}');
			continue;
		}
		table_cell(l.table, v[i].name);
		table_cell(l.table, slice_z(out_time(v[i].made_at, text)));
		table_cell(l.table, v[i].label);
	}
	listing_end_rows(&l);
	listing_end(&l);
	return CLI_OK;
}

static int add(struct cli_call *c)
{
	AUTO(cli_backup) struct cli_backup b = {0};
	struct err e;
	slice passphrase;
	int code;
	/* The new one comes from standard input when the key is a file. */
	bool from_stdin = cli_flag(c, "stdin");
	if (from_stdin && !cli_option(c, "key"))
		return out_usage(
			"%s", T("--stdin gives the new passphrase: --key opens the repository",
				      "--stdin 提供新口令：请用 --key 打开仓库"));
	if (cli_backup_open(c, NEEDS_KEY, &b, &code) < 0)
		return code;
	puts(T("The new passphrase:", "新口令："));
	if (tty_new_password(from_stdin, &b.mem, &passphrase, &e) < 0 ||
		backup_key_add(b.target, &b.secret, passphrase, cli_arg(c, 1), wall_now(), &e) < 0)
		return out_fail(&e);
	puts(T("Added.", "已增加。"));
	return CLI_OK;
}

static int drop(struct cli_call *c)
{
	AUTO(cli_backup) struct cli_backup b = {0};
	struct err e;
	int code;
	/* Who cannot open the repository does not take others' keys away. */
	if (cli_backup_open(c, NEEDS_KEY, &b, &code) < 0)
		return code;
	if (backup_key_remove(b.target, cli_arg(c, 1), &e) < 0)
		return out_fail(&e);
	puts(T("Removed. Whoever knew it may have taken the key itself along.",
		"已删除。但知道该口令的人可能已取得密钥本身。"));
	return CLI_OK;
}

static int export(struct cli_call *c)
{
	AUTO(cli_backup) struct cli_backup b = {0};
	AUTO(buf) struct buf text = BUF(4096);
	AUTO(arena) struct arena a = {0};
	struct err e;
	int code;
	if (cli_backup_open(c, NEEDS_KEY, &b, &code) < 0)
		return code;
	const char *path = arena_strz(&a, cli_arg(c, 1));
	backup_secret_print(&b.secret, &text);
	cli_env_as_caller(&b.env);
	AUTO(fd) int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	bool good = fd >= 0 && write(fd, text.p, text.n) == (ssize_t)text.n && fsync(fd) == 0;
	int error = errno;
	cli_env_as_server(&b.env);
	if (good)
		return CLI_OK;
	err_sys(&e, error, "%s", path);
	return out_fail(&e);
}

int cli_backup_key(struct cli_call *c)
{
	static const struct {
		const char *name;
		int nargs;
		int (*run)(struct cli_call *c);
	} deeds[] = {
		{"list", 1, list}, {"add", 2, add}, {"remove", 2, drop}, {"export", 2, export}};
	for (size_t i = 0; i < sizeof deeds / sizeof *deeds; i++)
		if (slice_eq(cli_arg(c, 0), slice_z(deeds[i].name)) && c->nargs == deeds[i].nargs)
			return deeds[i].run(c);
	return out_usage("%s", T("backup key list | add LABEL | remove NAME | export FILE",
				       "backup key list | add 标签 | remove 名称 | export 文件"));
}
