/* `posthouse mailbox`: what is in a mailbox, as the store has it; reading it changes nothing. */
#include "bin/cli_verbs.h"

#include "base/mem.h"
#include "codec/header.h"
#include "store/directory.h"
#include "store/mailbox.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>

enum { HEADER_READ_MAX = HEADER_SUMMARY_MAX };

/* One mailbox, opened. */
struct box {
	struct cli_env env;
	struct account account;
	struct sql *shard;
	struct blobs *blobs;
	slice folder;
};

static void box_close(struct box *b)
{
	sql_close(b->shard);
	blobs_close(b->blobs);
	cli_env_close(&b->env);
}

static int box_find(struct box *b, slice address, struct err *e)
{
	struct sql *db = cli_env_db(&b->env, DB_DIRECTORY, e);
	if (!db || directory_account(db, address, &b->env.mem, &b->account, e) < 0)
		return -1;
	b->shard = cli_env_shard(&b->env, b->account.id, e);
	return b->shard ? blobs_open(b->env.config.server->data, &b->blobs, e) : -1;
}

/* -1 after a complaint. The folder: INBOX when empty. */
static int box_open(struct cli_call *c, slice folder, struct box *b, int *ret_code)
{
	struct err e;
	*b = (struct box){.folder = folder.n ? folder : S("INBOX")};
	if (cli_env_open(c->cli, &b->env, ret_code) < 0)
		return -1;
	if (box_find(b, cli_arg(c, 0), &e) == 0)
		return 0;
	*ret_code = out_fail(&e);
	box_close(b);
	return -1;
}

/* ---- list ---- */

struct listed {
	struct listing l;
	struct box *b;
};

/* The start of the stored message, appended; what cannot be read is left out. */
static void read_start(struct box *b, blob_id id, struct buf *out)
{
	struct blob_reader *r;
	struct err e;
	slice piece;
	if (blob_open(b->blobs, id, &r, &e) < 0)
		return;
	while (out->n < HEADER_READ_MAX && blob_next(r, &piece, &e) == 1) {
		slice wanted = slice_first(piece, HEADER_READ_MAX - out->n);
		buf_put(out, wanted);
		if (header_length(buf_slice(out)) < out->n)
			break;
	}
	blob_close(r);
}

static bool list_message(void *arg, const struct mailbox_message *m)
{
	struct listed *l = arg;
	AUTO(arena) struct arena a = {0};
	AUTO(buf) struct buf start = BUF(HEADER_READ_MAX);
	buf_put(&start, slice_first(m->prefix, HEADER_READ_MAX / 2)); /* may have From: */
	struct header_summary h;
	char text[OUT_TEXT];
	read_start(l->b, m->blob, &start);
	header_summarize(buf_slice(&start), &a, &h);
	slice from = header_text(h.from_value, &a);
	if (l->l.json) {
		struct json *j = &l->l.j;
		json_open_object(j, NULL);
		json_int(j, "uid", m->uid);
		json_int(j, "size", (int64_t)m->size);
		json_time(j, "received_at", m->received_at);
		json_text(j, "from", from);
		json_text(j, "subject", h.subject);
		json_text(j, "message_id", h.message_id);
		json_close(j, '}');
		return true;
	}
	table_cellf(l->l.table, "%u", m->uid);
	table_cell(l->l.table, slice_z(out_time(m->received_at, text)));
	table_cell(l->l.table, slice_z(out_size(m->size, text)));
	table_cell(l->l.table, from);
	table_cell(l->l.table, h.subject);
	return true;
}

/* A mailbox to which nothing came yet has no folders: it is empty, not missing. */
static bool is_fresh(struct box *b, const struct err *e)
{
	struct mailbox_folder *v;
	struct err ignored;
	size_t n;
	return e->kind == ERR_NOTFOUND && slice_ieq(b->folder, S("INBOX")) &&
	       mailbox_folders(b->shard, b->account.id, &b->env.mem, &v, &n, &ignored) == 0 &&
	       n == 0;
}

static int list(struct cli_call *c)
{
	struct box b;
	struct err e;
	int code;
	if (box_open(c, cli_option_text(c, "folder"), &b, &code) < 0)
		return code;
	const char *const heads[] = {T(">UID", ">编号"), T("RECEIVED", "收到时间"),
		T(">SIZE", ">大小"), T("FROM", "发件人"), T("SUBJECT", "主题")};
	struct listed l = {.b = &b};
	listing_begin(&l.l, c->cli->json, "messages", heads, 5);
	int r = mailbox_list(b.shard, b.account.id, b.folder, 0, UINT64_MAX, list_message, &l, &e);
	listing_end_rows(&l.l);
	listing_end(&l.l);
	code = r < 0 && !is_fresh(&b, &e) ? out_fail(&e) : CLI_OK;
	box_close(&b);
	return code;
}

static int folders(struct cli_call *c)
{
	struct box b;
	struct err e;
	struct mailbox_folder *v;
	struct listing l;
	char text[OUT_TEXT];
	size_t n = 0;
	int code;
	if (box_open(c, S(""), &b, &code) < 0)
		return code;
	const char *const heads[] = {
		T("FOLDER", "文件夹"), T(">MAILS", ">邮件数"), T(">SIZE", ">大小")};
	int r = mailbox_folders(b.shard, b.account.id, &b.env.mem, &v, &n, &e);
	listing_begin(&l, c->cli->json, "folders", heads, 3);
	for (size_t i = 0; r == 0 && i < n; i++) {
		if (l.json) {
			json_open_object(&l.j, NULL);
			json_text(&l.j, "name", v[i].name);
			json_int(&l.j, "messages", (int64_t)v[i].messages);
			json_int(&l.j, "bytes", (int64_t)v[i].bytes);
			json_close(&l.j, '}');
			continue;
		}
		table_cell(l.table, v[i].name);
		table_cellf(l.table, "%llu", (unsigned long long)v[i].messages);
		table_cell(l.table, slice_z(out_size(v[i].bytes, text)));
	}
	listing_end_rows(&l);
	listing_end(&l);
	code = r < 0 ? out_fail(&e) : CLI_OK;
	box_close(&b);
	return code;
}

/* ---- cat, export ---- */

static int write_all(int fd, slice s, struct err *e)
{
	while (s.n) {
		ssize_t n = write(fd, s.p, s.n);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return err_sys(e, errno, "%s", T("writing the message", "写出邮件"));
		s = slice_skip(s, (size_t)n);
	}
	return 0;
}

/* The message as it was delivered: the header lines of its delivery, then the stored bytes. */
static int write_message(struct box *b, const struct mailbox_message *m, int fd, struct err *e)
{
	struct blob_reader *r;
	slice piece;
	int more;
	if (blob_open(b->blobs, m->blob, &r, e) < 0)
		return -1;
	int result = write_all(fd, m->prefix, e);
	while (result == 0 && (more = blob_next(r, &piece, e)))
		result = more < 0 ? -1 : write_all(fd, piece, e);
	blob_close(r);
	return result;
}

static int cat(struct cli_call *c)
{
	struct box b;
	struct err e;
	struct mailbox_message m;
	uint64_t uid;
	int code;
	if (!slice_u64(cli_arg(c, 1), &uid) || uid == 0 || uid > UINT32_MAX)
		return out_usage(T("not a UID: %.*s", "不是邮件编号：%.*s"), SFMT(cli_arg(c, 1)));
	if (box_open(c, cli_option_text(c, "folder"), &b, &code) < 0)
		return code;
	int r = mailbox_get(b.shard, b.account.id, b.folder, (uint32_t)uid, &b.env.mem, &m, &e);
	if (r == 0)
		r = write_message(&b, &m, 1, &e);
	code = r < 0 ? out_fail(&e) : CLI_OK;
	box_close(&b);
	return code;
}

struct export
{
	struct box *b;
	int dir;
	uint64_t n;
	struct err *e;
	bool failed;
};

static bool export_message(void *arg, const struct mailbox_message *m)
{
	struct export *x = arg;
	char name[32];
	snprintf(name, sizeof name, "%010u.eml", m->uid);
	cli_env_as_caller(&x->b->env);
	AUTO(fd) int fd = openat(x->dir, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	int saved = errno;
	cli_env_as_server(&x->b->env);
	if (fd < 0) {
		err_sys(x->e, saved, "%s", name);
		x->failed = true;
	} else if (write_message(x->b, m, fd, x->e) < 0) {
		x->failed = true;
	}
	x->n += !x->failed;
	return !x->failed;
}

/* A folder's name may hold slashes and dots: its directory is called by its number in the list. */
static int open_dir(struct box *b, const char *path, int *ret_fd, struct err *e)
{
	cli_env_as_caller(&b->env);
	int made = mkdir(path, 0700), saved = errno;
	int fd = made == 0 || saved == EEXIST ? open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;
	saved = fd < 0 && (made == 0 || saved == EEXIST) ? errno : saved;
	cli_env_as_server(&b->env);
	if (fd < 0)
		return err_sys(e, saved, "%s", path);
	*ret_fd = fd;
	return 0;
}

static int export_folder(struct box *b, slice dir, const struct mailbox_folder *f, size_t number,
	uint64_t *count, struct err *e)
{
	AUTO(fd) int fd = -1;
	slice path = slice_eq(f->name, S("INBOX"))
			     ? arena_printf(&b->env.mem, "%.*s/INBOX", SFMT(dir))
			     : arena_printf(&b->env.mem, "%.*s/folder-%zu", SFMT(dir), number);
	if (open_dir(b, path.p, &fd, e) < 0)
		return -1;
	struct export x = {.b = b, .dir = fd, .e = e};
	int r = mailbox_list(
		b->shard, b->account.id, f->name, 0, UINT64_MAX, export_message, &x, e);
	*count += x.n;
	return x.failed ? -1 : r;
}

static int export_all(struct box *b, slice dir, uint64_t *count, struct err *e)
{
	struct mailbox_folder *v;
	size_t n;
	AUTO(fd) int fd = -1;
	if (open_dir(b, arena_strz(&b->env.mem, dir), &fd, e) < 0 ||
		mailbox_folders(b->shard, b->account.id, &b->env.mem, &v, &n, e) < 0)
		return -1;
	for (size_t i = 0; i < n; i++)
		if (export_folder(b, dir, &v[i], i + 1, count, e) < 0)
			return -1;
	return 0;
}

static int export(struct cli_call *c)
{
	struct box b;
	struct err e;
	uint64_t count = 0;
	int code;
	if (box_open(c, S(""), &b, &code) < 0)
		return code;
	if (export_all(&b, cli_arg(c, 1), &count, &e) < 0) {
		code = out_fail(&e);
	} else {
		printf(T("%llu messages written to %.*s\n", "已将 %llu 封邮件写入 %.*s\n"),
			(unsigned long long)count, SFMT(cli_arg(c, 1)));
		code = CLI_OK;
	}
	box_close(&b);
	return code;
}

/* ---- tables ---- */

static const struct cli_option folder_options[] = {
	{"folder", "NAME", "instead of INBOX", "文件夹，默认 INBOX"},
	{NULL, NULL, NULL, NULL},
};

const struct cli_verb mailbox_verbs[] = {
	{"list", list, "ADDRESS", 1, 1, true, folder_options, "Lists the messages of a folder.",
		"列出文件夹中的邮件。", "  posthouse mailbox list alice@example.org",
		"  posthouse mailbox list alice@example.org"},
	{"folders", folders, "ADDRESS", 1, 1, true, NULL, "Lists the folders.", "列出文件夹。",
		NULL, NULL},
	{"cat", cat, "ADDRESS UID", 2, 2, false, folder_options,
		"Writes one message, byte for byte, to stdout.", "将一封邮件逐字节写到标准输出。",
		"  posthouse mailbox cat alice@example.org 17 > letter.eml",
		"  posthouse mailbox cat alice@example.org 17 > letter.eml"},
	{"export", export, "ADDRESS DIRECTORY", 2, 2, false, NULL,
		"Writes every message to a file of its own.", "将每封邮件写成一个文件。",
		"Files are DIRECTORY/FOLDER/UID.eml; none is overwritten. Folders other than INBOX "
		"are called\n"
		"folder-N, in the order of `mailbox folders`.",
		"文件为 目录/文件夹/编号.eml，不覆盖已有文件。INBOX 以外的文件夹按 `mailbox "
		"folders` 的顺序命名为 folder-N。"},
	CLI_VERBS_END,
};
