/*
 * `posthouse import`: mail from files (mail/import_file.h) into an account, or into many by a table. It works while the server runs: messages are written to a
 * pack of this command's own and made in ordinary transactions, of which mail programs that wait hear at once. What was imported before is not
 * imported again, so a command that was interrupted is just repeated.
 */
#include "bin/cli_import.h"
#include "base/map.h"
#include "base/mem.h"
#include "base/utf8.h"
#include "bin/cli_import_child.h"
#include "codec/csv.h"
#include "mail/box.h"
#include "run/co.h"
#include "run/loop.h"
#include "run/pool.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <sys/fsuid.h>

enum { READERS = 2, ACCOUNTS_FILE_MAX = 16 << 20, PROGRESS_EVERY = 200 * MSEC };

struct job {
	slice address;
	const char *path;
};

struct folder_line { /* of the report */
	struct import_folder_seen f;
	struct folder_line *next;
};

struct cli_import {
	struct cli_call *c;
	struct cli_env env;
	struct import_options options;
	struct import_files_how how;
	bool verify;
	struct job *jobs;
	size_t njobs;
	struct directory *directory;
	struct blobs *blobs;
	struct boxes *boxes;
	struct cli_import_child reader;
	struct arena seen_mem; /* of one account */
	struct map by_folder; /* what the source calls it -> struct folder_line */
	struct folder_line *first, **last;
	struct json j;
	/* Progress of the one being read. */
	const struct job *now;
	uint64_t messages, bytes;
	instant shown_at;
	bool terminal;
	int code;
	struct err e;
};

/* Of this thread alone: others go on writing the store as the server's user. */
static void rights(void *arg, bool caller)
{
	const struct cli_import *m = arg;
	if (!m->env.is_root)
		return;
	setfsuid(caller ? 0 : m->env.root_uid);
	setfsgid(caller ? 0 : m->env.root_gid);
}

/* ---- the process that takes containers apart ---- */

static int start_reader(void *arg, struct import_unpack *u, struct err *e)
{
	struct cli_import *m = arg;
	return cli_import_child_start(&m->reader, u, e);
}

static int end_reader(void *arg, bool kill_it, int *ret_status, struct err *e)
{
	struct cli_import *m = arg;
	return cli_import_child_end(&m->reader, kill_it, ret_status, e);
}

/* ---- what came of each folder ---- */

static void forget_folders(struct cli_import *m)
{
	map_done(&m->by_folder);
	m->by_folder = (struct map){0};
	arena_done(&m->seen_mem);
	m->seen_mem = (struct arena){0};
	m->first = NULL;
	m->last = &m->first;
}

/* Of an archive a folder may come in pieces. */
static void folder_done(void *arg, const struct import_folder_seen *f)
{
	struct cli_import *m = arg;
	struct folder_line *x = map_get(&m->by_folder, f->box);
	if (!x) {
		x = ARENA_NEW(&m->seen_mem, struct folder_line);
		x->f.box = arena_dup(&m->seen_mem, f->box);
		map_put(&m->by_folder, f->box, x);
		*m->last = x;
		m->last = &x->next;
	}
	x->f.found += f->found;
	x->f.imported += f->imported;
	x->f.present += f->present;
	x->f.left += f->left;
	x->f.failed += f->failed;
}

/* ---- progress ---- */

static void progress(void *arg, slice box, uint64_t bytes)
{
	struct cli_import *m = arg;
	char size[OUT_TEXT];
	instant now;
	m->messages++;
	m->bytes += bytes;
	if (!m->terminal || (now = instant_now()) < m->shown_at + PROGRESS_EVERY)
		return;
	m->shown_at = now;
	fprintf(stderr, "\r\033[K%.*s: %" PRIu64 "  %s  %.*s", SFMT(m->now->address), m->messages,
		out_size(m->bytes, size), (int)utf8_first_columns(box, 40).n, box.p);
	fflush(stderr);
}

static void end_progress(const struct cli_import *m)
{
	if (m->terminal)
		fputs("\r\033[K", stderr);
}

/* ---- the report ---- */

static bool show_refused(void *arg, slice box, slice key, slice why)
{
	struct cli_import *m = arg;
	if (m->c->cli->json) {
		json_open_object(&m->j, NULL);
		json_text(&m->j, "folder", box);
		json_text(&m->j, "message", key);
		json_text(&m->j, "why", why);
		json_close(&m->j, '}');
		return true;
	}
	fputs("  ", stdout);
	out_safe(box);
	fputs(" ", stdout);
	out_safe(key);
	fputs(T(": ", "："), stdout);
	out_safe(why);
	putchar('\n');
	return true;
}

/* By enum pst_kind; letters and what is damaged are told elsewhere. */
static const struct left_name {
	const char *json, *en, *zh;
} left_names[PST_KINDS] = {[PST_CONTACT] = {"contacts", "contacts", "联系人"},
	[PST_CALENDAR] = {"appointments", "appointments", "日程"},
	[PST_TASK] = {"tasks", "tasks", "任务"},
	[PST_NOTE] = {"notes", "notes", "便笺"},
	[PST_JOURNAL] = {"journal", "journal entries", "日记条目"},
	[PST_OTHER] = {"other", "other items", "其他项目"}};

static void json_folders(struct cli_import *m)
{
	json_open_array(&m->j, "by_folder");
	for (const struct folder_line *x = m->first; x; x = x->next) {
		json_open_object(&m->j, NULL);
		json_text(&m->j, "folder", x->f.box);
		json_int(&m->j, "found", (int64_t)x->f.found);
		json_int(&m->j, "imported", (int64_t)x->f.imported);
		json_int(&m->j, "present", (int64_t)x->f.present);
		json_int(&m->j, "left_out", (int64_t)x->f.left);
		json_int(&m->j, "failed", (int64_t)x->f.failed);
		json_close(&m->j, '}');
	}
	json_close(&m->j, ']');
}

static void json_left(struct json *j, const struct import_files_seen *s)
{
	json_open_object(j, "left_out");
	for (int i = 0; i < PST_KINDS; i++)
		if (left_names[i].json)
			json_int(j, left_names[i].json, (int64_t)s->left[i]);
	json_close(j, '}');
}

static void json_counts(
	struct json *j, const struct import_report *r, const struct import_files_seen *s)
{
	json_int(j, "folders", (int64_t)s->folders);
	json_int(j, "messages", (int64_t)r->messages);
	json_int(j, "copied", (int64_t)r->copied);
	json_int(j, "bytes", (int64_t)r->bytes);
	json_int(j, "present", (int64_t)r->present);
	json_int(j, "flagged", (int64_t)r->flagged);
	json_int(j, "mended", (int64_t)r->mended);
	json_int(j, "refused", (int64_t)r->refused);
	json_int(j, "other_files", (int64_t)s->other);
	json_int(j, "verified", (int64_t)r->verified);
	json_int(j, "missing", (int64_t)r->missing);
	json_int(j, "different", (int64_t)r->different);
}

static void say(const char *what, uint64_t n, bool always)
{
	if (n || always)
		printf("  %-28s %" PRIu64 "\n", what, n);
}

/* A table when there is more to tell of folders than of all together. */
static void text_folders(const struct cli_import *m)
{
	if (!m->first || !m->first->next)
		return;
	printf("  %10s %10s %10s %10s %10s  %s\n", T("found", "找到"), T("imported", "已导入"),
		T("here before", "此前已有"), T("left out", "未取"), T("failed", "失败"),
		T("folder", "文件夹"));
	for (const struct folder_line *x = m->first; x; x = x->next) {
		printf("  %10" PRIu64 " %10" PRIu64 " %10" PRIu64 " %10" PRIu64 " %10" PRIu64 "  ",
			x->f.found, x->f.imported, x->f.present, x->f.left, x->f.failed);
		out_safe(x->f.box);
		putchar('\n');
	}
}

static void text_left(const struct import_files_seen *s)
{
	for (int i = 0; i < PST_KINDS; i++)
		if (left_names[i].en && s->left[i])
			printf(T("  left out: %" PRIu64 " %s\n", "  未导入：%" PRIu64 " 个%s\n"),
				s->left[i], T(left_names[i].en, left_names[i].zh));
}

static void text_counts(const struct cli_import *m, const struct import_report *r,
	const struct import_files_seen *s)
{
	char size[OUT_TEXT];
	printf("%.*s  <-  %s\n", SFMT(m->now->address), m->now->path);
	say(T("folders", "文件夹"), s->folders, true);
	say(T("messages found", "找到的邮件"), r->messages, true);
	printf("  %-28s %" PRIu64 " (%s)\n",
		m->options.dry_run ? T("would be imported", "将导入") : T("imported", "已导入"),
		r->copied, out_size(r->bytes, size));
	say(T("here before", "此前已导入"), r->present, true);
	say(T("flags changed", "更新标记"), r->flagged, false);
	say(T("line ends or keywords mended", "已修正换行或关键字"), r->mended, false);
	say(T("files that are no mail", "不是邮件的文件"), s->other, false);
	if (m->verify) {
		say(T("verified byte for byte", "逐字节核对一致"), r->verified, true);
		say(T("missing", "缺少"), r->missing, true);
		say(T("different", "不一致"), r->different, true);
	}
	text_left(s);
	say(T("not imported", "未能导入"), r->refused, true);
	text_folders(m);
}

static void report(struct cli_import *m, struct importing *i, const struct import_files_seen *s)
{
	struct import_report r;
	struct err e;
	import_report(i, &r);
	if (m->c->cli->json) {
		json_counts(&m->j, &r, s);
		json_left(&m->j, s);
		json_folders(m);
	} else {
		text_counts(m, &r, s);
	}
	if (m->c->cli->json)
		json_open_array(&m->j, "refusals");
	if (import_refused(i, show_refused, m, &e) < 0)
		out_fail(&e);
	if (m->c->cli->json)
		json_close(&m->j, ']');
	if (r.refused || r.missing || r.different)
		m->code = CLI_FAILED;
}

/* ---- one account ---- */

static int bring(struct cli_import *m, struct box_user *u, struct err *e)
{
	AUTO(arena) struct arena a = {0};
	struct importing *i = NULL;
	struct import_files_seen seen = {0};
	slice source;
	if (import_files_source(m->now->path, &m->how, &a, &source, e) < 0 ||
		import_open(m->boxes, u, source, &m->options, &i, e) < 0)
		return -1;
	int r = import_files(i, m->now->path, &m->how, &seen, e);
	if (r == 0 && m->verify)
		r = import_verify(i, e);
	end_progress(m);
	report(m, i, &seen);
	import_close(i);
	return r;
}

static void one(struct cli_import *m)
{
	const struct mailbox_actor actor = {
		.who = cli_env_who(&m->env.mem), .protocol = S("command")};
	struct box_user *u = NULL;
	struct err e;
	m->messages = m->bytes = 0;
	forget_folders(m);
	if (m->c->cli->json) {
		json_open_object(&m->j, NULL);
		json_text(&m->j, "account", m->now->address);
		json_text(&m->j, "path", slice_z(m->now->path));
	}
	int r = box_user_open(m->boxes, m->now->address, &actor, &u, &e);
	if (r == 0)
		r = bring(m, u, &e);
	box_user_close(u);
	if (r < 0 && m->c->cli->json)
		json_text(&m->j, "error", slice_z(e.text));
	if (m->c->cli->json)
		json_close(&m->j, '}');
	if (r < 0 && m->njobs > 1)
		fprintf(stderr, "%.*s: ", SFMT(m->now->address));
	if (r < 0)
		m->code = out_fail(&e);
}

static int open_all(struct cli_import *m, struct err *e)
{
	const struct config *c = &m->env.config;
	if (directory_open(c->server->data, &m->directory, e) < 0 ||
		blobs_open(c->server->data, &m->blobs, e) < 0)
		return -1;
	const struct boxes_config b = {.data = c->server->data,
		.directory = m->directory,
		.blobs = m->blobs,
		.readers = READERS,
		.conf = conf_get(c->conf, &mailbox_section)};
	if (boxes_open(&b, &m->boxes, e) < 0)
		return -1;
	m->how.max_message = (uint64_t)boxes_max_message(m->boxes);
	return 0;
}

static void run(void *arg)
{
	struct cli_import *m = arg;
	if (open_all(m, &m->e) < 0)
		m->code = out_fail(&m->e);
	for (size_t k = 0; m->boxes && k < m->njobs; k++) {
		m->now = &m->jobs[k];
		one(m);
	}
	if (m->boxes)
		boxes_drain(m->boxes);
	loop_stop();
}

/* ---- what is asked for ---- */

static bool read_format(slice s, enum import_format *ret, enum mbox_quoting *quoting)
{
	static const struct {
		const char *name;
		enum import_format format;
		enum mbox_quoting quoting;
	} names[] = {{"auto", IMPORT_AUTO, MBOX_RD}, {"eml", IMPORT_EML, MBOX_RD},
		{"mbox", IMPORT_MBOX, MBOX_RD}, {"mboxrd", IMPORT_MBOX, MBOX_RD},
		{"mboxo", IMPORT_MBOX, MBOX_O}, {"mboxcl", IMPORT_MBOX, MBOX_O},
		{"mboxcl2", IMPORT_MBOX, MBOX_AS_IS}, {"maildir", IMPORT_MAILDIR, MBOX_RD},
		{"zip", IMPORT_ARCHIVE, MBOX_RD}, {"tar", IMPORT_ARCHIVE, MBOX_RD},
		{"pst", IMPORT_PST, MBOX_RD}};
	for (size_t i = 0; i < sizeof names / sizeof *names; i++)
		if (slice_eq(s, slice_z(names[i].name))) {
			*ret = names[i].format;
			*quoting = names[i].quoting;
			return true;
		}
	return false;
}

static int read_accounts(struct cli_import *m, const char *path, struct err *e)
{
	AUTO(buf) struct buf file = BUF(ACCOUNTS_FILE_MAX);
	AUTO(buf) struct buf text = BUF(2 * ACCOUNTS_FILE_MAX);
	rights(m, true);
	AUTO(fd) int fd = open(path, O_RDONLY | O_CLOEXEC);
	int saved = errno;
	rights(m, false);
	if (fd < 0)
		return err_sys(e, saved, "%s", path);
	for (;;) {
		char *room = buf_room(&file, 64 * 1024);
		ssize_t n = room ? read(fd, room, 64 * 1024) : -1;
		if (n < 0)
			return err_set(e, ERR_LIMIT, "%s: too large, or it cannot be read", path);
		if (n == 0)
			break;
		buf_commit(&file, (size_t)n);
	}
	if (!csv_text(buf_slice(&file), &text))
		return err_set(e, ERR_PROTO, "%s is not a text", path);
	struct csv csv = csv_begin(arena_dup(&m->env.mem, buf_slice(&text)));
	slice *cells = ARENA_ARRAY(&m->env.mem, slice, CSV_COLUMNS_MAX);
	size_t n, cap = 0;
	enum csv_result r;
	while ((r = csv_next(&csv, &m->env.mem, cells, &n)) == CSV_ROW) {
		if (slice_index(cells[0], '@') == cells[0].n && csv.line == 1)
			continue; /* the head */
		if (n < 2 || !cells[0].n || !cells[1].n)
			return err_set(e, ERR_PROTO, "%s line %u: address,path", path, csv.line);
		if (m->njobs == cap)
			m->jobs = mem_grow(m->jobs, (cap = cap ? 2 * cap : 64) * sizeof *m->jobs);
		m->jobs[m->njobs++] = (struct job){
			slice_trim(cells[0]), arena_strz(&m->env.mem, slice_trim(cells[1]))};
	}
	return r == CSV_END ? 0 : err_set(e, ERR_PROTO, "%s line %u: no table", path, csv.line);
}

static int take_jobs(struct cli_import *m)
{
	slice accounts = cli_option_text(m->c, "accounts");
	struct err e;
	if (accounts.n && m->c->nargs)
		return out_usage("%s", T("either ADDRESS and PATH, or --accounts",
					       "ADDRESS、PATH 与 --accounts 只能二选一"));
	if (accounts.n)
		return read_accounts(m, cli_option(m->c, "accounts"), &e) < 0 ? out_fail(&e)
									      : CLI_OK;
	if (m->c->nargs != 2)
		return out_usage("%s", T("ADDRESS and PATH are needed", "需要 ADDRESS 和 PATH"));
	m->jobs = NEW(struct job);
	m->jobs[0] = (struct job){cli_arg(m->c, 0), m->c->args[1]};
	m->njobs = 1;
	return CLI_OK;
}

static int take_options(struct cli_import *m)
{
	slice format = cli_option_text(m->c, "format"),
	      separator = cli_option_text(m->c, "separator");
	m->how = (struct import_files_how){.separator = '.',
		.into = cli_option_text(m->c, "into"),
		.rights = rights,
		.progress = progress,
		.folder = folder_done,
		.reader = {start_reader, end_reader},
		.arg = m};
	m->reader.config = &m->env.config;
	if (format.n && !read_format(format, &m->how.format, &m->how.quoting))
		return out_usage("%s", T("--format: auto, eml, mbox (mboxrd, mboxo, mboxcl, "
					 "mboxcl2), maildir, zip, tar, pst",
					       "--"
					       "format：auto、eml、mbox（mboxrd、mboxo、mboxcl、mbo"
					       "xcl2）、maildir、zip、tar、pst"));
	if (separator.n > 1 || (separator.n && separator.p[0] == '/'))
		return out_usage("%s", T("--separator: one character", "--separator：一个字符"));
	if (separator.n)
		m->how.separator = separator.p[0];
	m->verify = cli_flag(m->c, "verify");
	m->options = (struct import_options){
		.dry_run = cli_flag(m->c, "dry-run"), .flags = cli_flag(m->c, "flags")};
	m->terminal = isatty(2) && !m->c->cli->json;
	return take_jobs(m);
}

static int import(struct cli_call *c)
{
	struct cli_import m = {.c = c, .code = CLI_OK};
	int code;
	if (cli_env_open(c->cli, &m.env, &code) < 0)
		return code;
	code = take_options(&m);
	if (code == CLI_OK) {
		if (c->cli->json) {
			json_begin(&m.j);
			json_open_array(&m.j, "imports");
		}
		loop_init();
		pool_init(READERS);
		co_go("cli.import", run, &m);
		loop_run();
		boxes_close(m.boxes);
		pool_done();
		loop_done();
		directory_close(m.directory);
		blobs_close(m.blobs);
		if (c->cli->json) {
			json_close(&m.j, ']');
			json_end(&m.j);
		}
		code = m.code;
	}
	forget_folders(&m);
	free(m.jobs);
	cli_env_close(&m.env);
	return code;
}

static const struct cli_option import_options[] = {
	{"format", "FORMAT",
		"what PATH is (auto): eml, mbox, mboxo, mboxcl2, maildir, zip, tar, pst",
		"PATH 的格式（auto）：eml、mbox、mboxo、mboxcl2、maildir、zip、tar、pst"},
	{"into", "FOLDER", "folder for its INBOX; others go below it",
		"收件箱导入到此文件夹，其他文件夹置于其下"},
	{"dry-run", NULL, "only tell what would be imported", "只显示将导入什么"},
	{"verify", NULL, "afterwards compare all that came from there with what is stored",
		"导入后逐封核对"},
	{"flags", NULL, "take over flags that changed there since", "同步来源处此后改变的标记"},
	{"separator", "C", "between levels in names of Maildir folders (.)",
		"Maildir 文件夹名的层级分隔符（.）"},
	{"accounts", "FILE", "a CSV table: address,path", "CSV 表：地址,路径"},
	{NULL, NULL, NULL, NULL}};

const struct cli_verb import_verbs[] = {
	{.run = import,
		.args = "ADDRESS PATH",
		.least = 0,
		.most = 2,
		.json = true,
		.options = import_options,
		.en = "Imports mail from a file or a directory.",
		.zh = "从文件或目录导入邮件。",
		.more_en = "PATH: a letter (.eml), an mbox file, a Maildir, a directory of any of "
			   "these, "
			   "an archive of them, or a PST or OST file of Outlook. Folders, flags, "
			   "keywords and dates are "
			   "kept where the format tells them.\nWhat was imported from PATH before "
			   "is not imported "
			   "again: repeat the command when it was interrupted.\nArchives and "
			   "PST files are taken apart by a process that can do nothing else. Of a "
			   "PST, contacts, appointments, tasks and notes are counted and left "
			   "out.\nExit code 1: "
			   "something could not be "
			   "imported; the report says what.\n\nExample: posthouse import "
			   "ann@example.com /srv/old/ann\n",
		.more_zh = "PATH 可以是单封邮件（.eml）、mbox "
			   "文件、Maildir、含有它们的目录或压缩包，或 Outlook 的 PST、OST 文件。\n"
			   "文件夹、标记、关键字和日期按格式所载保留。\n曾从 PATH "
			   "导入的邮件不会重复导入：中断后重新执行即可。\n"
			   "压缩包和 PST 文件由一个受限进程拆解。PST "
			   "中的联系人、日程、任务和便笺只计数，不导入。\n"
			   "退出码 1 表示有邮件未能导入，报告中会说明。\n\n示例：posthouse import "
			   "ann@example.com /srv/old/ann\n"},
	CLI_VERBS_END};
