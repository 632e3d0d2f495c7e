/*
 * `posthouse export`: the mail of an account, or of all accounts of a domain, as files (mail/export.h). It works while the server runs and changes nothing
 * in the store; files belong to who runs the command.
 */
#include "base/mem.h"
#include "base/utf8.h"
#include "bin/cli_mailbox.h"
#include "mail/export.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <sys/fsuid.h>
#include <sys/stat.h>

enum { PROGRESS_EVERY = 200 * MSEC };

struct cli_export {
	struct cli_call *c;
	struct cli_env env;
	struct export_how how;
	struct blobs *blobs;
	slice address;
	uint64_t messages, bytes;
	instant shown_at;
	bool terminal;
	struct json j;
};

static void rights(void *arg, bool caller)
{
	const struct cli_export *x = arg;
	if (!x->env.is_root)
		return;
	setfsuid(caller ? 0 : x->env.root_uid);
	setfsgid(caller ? 0 : x->env.root_gid);
}

static void progress(void *arg, slice folder, uint64_t bytes)
{
	struct cli_export *x = arg;
	char size[OUT_TEXT];
	instant now;
	x->messages++;
	x->bytes += bytes;
	if (!x->terminal || (now = instant_now()) < x->shown_at + PROGRESS_EVERY)
		return;
	x->shown_at = now;
	fprintf(stderr, "\r\033[K%.*s: %" PRIu64 "  %s  %.*s", SFMT(x->address), x->messages,
		out_size(x->bytes, size), (int)utf8_first_columns(folder, 40).n, folder.p);
	fflush(stderr);
}

static void report(struct cli_export *x, const char *path, const struct export_report *r)
{
	char size[OUT_TEXT];
	if (x->terminal)
		fputs("\r\033[K", stderr);
	if (x->c->cli->json) {
		json_open_object(&x->j, NULL);
		json_text(&x->j, "account", x->address);
		json_text(&x->j, "path", slice_z(path));
		json_int(&x->j, "folders", (int64_t)r->folders);
		json_int(&x->j, "written", (int64_t)r->messages);
		json_int(&x->j, "bytes", (int64_t)r->bytes);
		json_int(&x->j, "present", (int64_t)r->present);
		json_int(&x->j, "keywords_lost", (int64_t)r->words_lost);
		json_close(&x->j, '}');
		return;
	}
	printf(T("%.*s: %" PRIu64 " messages (%s) of %" PRIu64 " folders written to %s",
		       "%.*s：已将 %" PRIu64 " 封邮件（%s，%" PRIu64 " 个文件夹）写入 %s"),
		SFMT(x->address), r->messages, out_size(r->bytes, size), r->folders, path);
	if (r->present)
		printf(T(", %" PRIu64 " were there", "，%" PRIu64 " 个此前已有"), r->present);
	putchar('\n');
	if (r->words_lost)
		printf(T("  %" PRIu64 " messages have keywords that a Maildir has no room for\n",
			       "  %" PRIu64 " 封邮件的部分关键字超出 Maildir 的容量，未能保留\n"),
			r->words_lost);
}

static int one(struct cli_export *x, const struct account *a, const char *path, struct err *e)
{
	struct export_report r = {0};
	x->address = a->address;
	x->messages = x->bytes = 0;
	struct sql *shard = cli_env_shard(&x->env, a->id, e);
	if (!shard)
		return -1;
	int result = export_account(shard, x->blobs, a->id, path, &x->how, &r, e);
	sql_close(shard);
	report(x, path, &r);
	return result;
}

static int domain(struct cli_export *x, slice name, const char *dir, struct err *e)
{
	struct sql *db = cli_env_db(&x->env, DB_DIRECTORY, e);
	struct account *v;
	size_t n;
	if (!db || directory_accounts(db, name, &x->env.mem, &v, &n, e) < 0)
		return -1;
	if (!n)
		return err_set(e, ERR_NOTFOUND, "no account of %.*s", SFMT(name));
	rights(x, true);
	int made = mkdir(dir, 0700), saved = errno;
	rights(x, false);
	if (made < 0 && saved != EEXIST)
		return err_sys(e, saved, "%s", dir);
	for (size_t i = 0; i < n; i++) {
		slice path = arena_printf(&x->env.mem, "%s/%.*s%s", dir, SFMT(v[i].address),
			x->how.format == EXPORT_ZIP ? ".zip" : "");
		if (one(x, &v[i], arena_strz(&x->env.mem, path), e) == 0)
			continue;
		if (x->how.format == EXPORT_ZIP &&
			e->kind == ERR_EXISTS) /* an earlier run made it */
			continue;
		if (x->how.folder.n && e->kind == ERR_NOTFOUND)
			continue;
		return err_wrap(e, "%.*s", SFMT(v[i].address));
	}
	return 0;
}

static int take_options(struct cli_export *x)
{
	static const char *const names[] = {"maildir", "mbox", "eml", "zip"};
	slice format = cli_option_text(x->c, "format"), since = cli_option_text(x->c, "since");
	bool all = cli_option(x->c, "domain");
	int f = EXPORT_MAILDIR;
	while (format.n && f <= EXPORT_ZIP && !slice_eq(format, slice_z(names[f])))
		f++;
	if (f > EXPORT_ZIP)
		return out_usage("%s", T("--format: maildir, mbox, eml, zip",
					       "--format：maildir、mbox、eml、zip"));
	x->how = (struct export_how){.format = (enum export_format)f,
		.folder = cli_option_text(x->c, "folder"),
		.rights = rights,
		.progress = progress,
		.arg = x};
	if (since.n && !time_parse(since, wall_now(), &x->how.since))
		return out_usage("%s", T("--since: a date like 2026-01-31, or an age like 30d",
					       "--since：日期（2026-01-31）或时长（30d）"));
	if (x->c->nargs != (all ? 1 : 2))
		return out_usage("%s",
			T("ADDRESS and DIRECTORY are needed, or --domain DOMAIN and DIRECTORY",
				"需要 ADDRESS 和 DIRECTORY，或 --domain DOMAIN 和 DIRECTORY"));
	x->terminal = isatty(2) && !x->c->cli->json;
	return CLI_OK;
}

static int work(struct cli_export *x, struct err *e)
{
	const char *wanted = cli_option(x->c, "domain");
	struct account a;
	if (blobs_open(x->env.config.server->data, &x->blobs, e) < 0)
		return -1;
	if (wanted)
		return domain(x, slice_z(wanted), x->c->args[0], e);
	struct sql *db = cli_env_db(&x->env, DB_DIRECTORY, e);
	if (!db || directory_account(db, cli_arg(x->c, 0), &x->env.mem, &a, e) < 0)
		return -1;
	return one(x, &a, x->c->args[1], e);
}

static int export(struct cli_call *c)
{
	struct cli_export x = {.c = c};
	struct err e;
	int code;
	if (cli_env_open(c->cli, &x.env, &code) < 0)
		return code;
	code = take_options(&x);
	if (code == CLI_OK) {
		if (c->cli->json) {
			json_begin(&x.j);
			json_open_array(&x.j, "exports");
		}
		int r = work(&x, &e);
		if (c->cli->json) {
			json_close(&x.j, ']');
			json_end(&x.j);
		}
		code = r < 0 ? out_fail(&e) : CLI_OK;
	}
	blobs_close(x.blobs);
	cli_env_close(&x.env);
	return code;
}

static const struct cli_option export_options[] = {
	{"format", "FORMAT", "maildir (the default), mbox, eml, zip",
		"maildir（默认）、mbox、eml、zip"},
	{"folder", "NAME", "only this folder", "只导出此文件夹"},
	{"since", "TIME", "only what was received since: 2026-01-31, 30d",
		"只导出此后收到的邮件：2026-01-31、30d"},
	{"domain", "DOMAIN", "all accounts of a domain, each below DIRECTORY",
		"一个域的全部帐号，各自置于 DIRECTORY 之下"},
	{NULL, NULL, NULL, NULL}};

const struct cli_verb export_verbs[] = {
	{.run = export,
		.args = "[ADDRESS] DIRECTORY",
		.least = 1,
		.most = 2,
		.json = true,
		.options = export_options,
		.en = "Writes the mail of an account to files.",
		.zh = "将帐号的邮件写成文件。",
		.more_en = "maildir: Maildir++, as Dovecot and Courier have it; mbox: a file for "
			   "each folder; eml: a file for "
			   "each message;\nzip: DIRECTORY is the name of the zip file. Nothing is "
			   "overwritten: repeat the "
			   "command when it was interrupted.\n`posthouse import` makes the same "
			   "mailbox of it again.\n\n"
			   "Example: posthouse export ann@example.com /srv/ann --format maildir\n",
		.more_zh = "maildir：Maildir++，与 Dovecot、Courier "
			   "相同；mbox：每个文件夹一个文件；eml：每封邮件一个文件；\n"
			   "zip：DIRECTORY 为 zip 文件名。不会覆盖任何文件：中断后重新执行即可。\n"
			   "posthouse import 可据此恢复同样的邮箱。\n\n示例：posthouse export "
			   "ann@example.com /srv/ann --format maildir\n"},
	CLI_VERBS_END};
