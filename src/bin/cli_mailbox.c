/*
 * `posthouse mailbox`: what is in a mailbox, as the store has it; reading it changes nothing. What left it and mending are in
 * cli_mailbox_*.c.
 */
#include "bin/cli_mailbox.h"

#include "base/mem.h"
#include "codec/header.h"
#include "codec/summary.h"
#include "store/changes.h"

#include <errno.h>
#include <stdio.h>

enum { HEADER_READ_MAX = HEADER_SUMMARY_MAX };

void cli_box_close(struct cli_box *b)
{
	sql_close(b->shard);
	blobs_close(b->blobs);
	cli_env_close(&b->env);
}

static int box_find(struct cli_box *b, slice address, struct err *e)
{
	struct sql *db = cli_env_db(&b->env, DB_DIRECTORY, e);
	if (!db || directory_account(db, address, &b->env.mem, &b->account, e) < 0)
		return -1;
	b->shard = cli_env_shard(&b->env, b->account.id, e);
	return b->shard ? blobs_open(b->env.config.server->data, &b->blobs, e) : -1;
}

int cli_box_open(struct cli_call *c, slice folder, struct cli_box *b, int *ret_code)
{
	struct err e;
	*b = (struct cli_box){.folder = folder.n ? folder : S("INBOX")};
	if (cli_env_open(c->cli, &b->env, ret_code) < 0)
		return -1;
	if (box_find(b, cli_arg(c, 0), &e) == 0)
		return 0;
	*ret_code = out_fail(&e);
	cli_box_close(b);
	return -1;
}

void cli_box_tell(struct cli_env *env, int64_t account_id)
{
	struct changes *c;
	struct err e; /* then they find it by their slow look */
	if (changes_open(env->config.server->data, &c, &e) < 0)
		return;
	changes_tell(c, account_id);
	changes_close(c);
}

struct mailbox_actor cli_box_actor(struct cli_env *env)
{
	return (struct mailbox_actor){.who = cli_env_administrator(env), .protocol = S("command")};
}

/* ---- list ---- */

struct listed {
	struct listing l;
	struct cli_box *b;
};

/* The start of the stored message, appended; what cannot be read is left out. */
static void read_start(struct cli_box *b, blob_id id, struct buf *out)
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

struct words {
	slice from, subject, message_id;
};

static slice first_sender(const struct summary *s, struct arena *a)
{
	struct summary_address who;
	unsigned it = 0;
	while (summary_next_address(s, 0, SUMMARY_FROM, &it, &who)) {
		slice name = who.name.n ? header_text(who.name, a) : who.name;
		if (who.host.p && name.n)
			return arena_printf(a, "%.*s <%.*s@%.*s>", SFMT(name), SFMT(who.mailbox),
				SFMT(who.host));
		if (who.host.p)
			return arena_printf(a, "%.*s@%.*s", SFMT(who.mailbox), SFMT(who.host));
	}
	return S("");
}

/* From the summary; without one from the message's first bytes. */
static void read_words(
	struct cli_box *b, const struct mailbox_message *m, struct arena *a, struct words *ret)
{
	AUTO(buf) struct buf start = BUF(HEADER_READ_MAX);
	struct header_summary h;
	struct summary s;
	if (summary_open(m->summary, &s)) {
		ret->from = first_sender(&s, a);
		ret->subject = summary_text(&s, 0, SUMMARY_SUBJECT_TEXT);
		ret->message_id = slice_trim(summary_text(&s, 0, SUMMARY_MESSAGE_ID));
		return;
	}
	buf_put(&start, slice_first(m->prefix, HEADER_READ_MAX / 2)); /* may have From: */
	read_start(b, m->blob, &start);
	header_summarize(buf_slice(&start), a, &h);
	ret->from = header_text(h.from_value, a);
	ret->subject = arena_dup(a, h.subject);
	ret->message_id = arena_dup(a, h.message_id);
}

/* "\\Seen \\Flagged work" */
static slice flags_text(const struct mailbox_message *m, struct arena *a)
{
	static const char *const names[] = {
		"\\Seen", "\\Answered", "\\Flagged", "\\Deleted", "\\Draft"};
	AUTO(buf) struct buf out = BUF((MAILBOX_KEYWORD_MAX + 1) * MAILBOX_KEYWORDS_MAX + 100);
	for (size_t i = 0; i < sizeof names / sizeof *names; i++)
		if (m->flags & 1u << i)
			buf_printf(&out, "%s%s", out.n ? " " : "", names[i]);
	if (m->keywords.n)
		buf_printf(&out, "%s%.*s", out.n ? " " : "", SFMT(m->keywords));
	return arena_dup(a, buf_slice(&out));
}

static void message_json(struct json *j, struct cli_box *b, const struct mailbox_message *m)
{
	AUTO(arena) struct arena a = {0};
	struct words w = {0};
	read_words(b, m, &a, &w);
	json_int(j, "uid", m->uid);
	json_int(j, "size", (int64_t)m->size);
	json_time(j, "received_at", m->received_at);
	json_time(j, "saved_at", m->saved_at);
	json_text(j, "flags", flags_text(m, &a));
	json_int(j, "modseq", (int64_t)m->modseq);
	json_int(j, "email", m->email_id);
	json_int(j, "thread", m->thread_id);
	json_text(j, "from", w.from);
	json_text(j, "subject", w.subject);
	json_text(j, "message_id", w.message_id);
}

static bool list_message(void *arg, const struct mailbox_message *m)
{
	struct listed *l = arg;
	AUTO(arena) struct arena a = {0};
	struct words w = {0};
	char text[OUT_TEXT];
	if (l->l.json) {
		json_open_object(&l->l.j, NULL);
		message_json(&l->l.j, l->b, m);
		json_close(&l->l.j, '}');
		return true;
	}
	read_words(l->b, m, &a, &w);
	table_cellf(l->l.table, "%u", m->uid);
	table_cell(l->l.table, slice_z(out_time(m->received_at, text)));
	table_cell(l->l.table, slice_z(out_size(m->size, text)));
	table_cell(l->l.table, flags_text(m, &a));
	table_cell(l->l.table, w.from);
	table_cell(l->l.table, w.subject);
	return true;
}

/* A mailbox to which nothing came yet has no folders: it is empty, not missing. */
static bool is_fresh(struct cli_box *b, const struct err *e)
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
	struct cli_box b;
	struct err e;
	int code;
	if (cli_box_open(c, cli_option_text(c, "folder"), &b, &code) < 0)
		return code;
	const char *const heads[] = {T(">UID", ">编号"), T("RECEIVED", "收到时间"),
		T(">SIZE", ">大小"), T("FLAGS", "标记"), T("FROM", "发件人"), T("SUBJECT", "主题")};
	struct listed l = {.b = &b};
	listing_begin(&l.l, c->cli->json, "messages", heads, 6);
	int r = mailbox_list(b.shard, b.account.id, b.folder, 0, UINT64_MAX, list_message, &l, &e);
	listing_end_rows(&l.l);
	listing_end(&l.l);
	code = r < 0 && !is_fresh(&b, &e) ? out_fail(&e) : CLI_OK;
	cli_box_close(&b);
	return code;
}

/* As in RFC 6154. */
static const char *use_name(enum mailbox_use use)
{
	static const char *const names[] = {
		"", "archive", "drafts", "junk", "sent", "trash", "flagged", "all", "important"};
	return use < sizeof names / sizeof *names ? names[use] : "";
}

static int folders(struct cli_call *c)
{
	struct cli_box b;
	struct err e;
	struct mailbox_folder *v;
	struct listing l;
	char text[OUT_TEXT];
	size_t n = 0;
	int code;
	if (cli_box_open(c, S(""), &b, &code) < 0)
		return code;
	const char *const heads[] = {T("FOLDER", "文件夹"), T(">MAILS", ">邮件数"),
		T(">UNREAD", ">未读"), T(">SIZE", ">大小"), T("USE", "用途")};
	int r = mailbox_folders(b.shard, b.account.id, &b.env.mem, &v, &n, &e);
	listing_begin(&l, c->cli->json, "folders", heads, 5);
	for (size_t i = 0; r == 0 && i < n; i++) {
		if (l.json) {
			json_open_object(&l.j, NULL);
			json_text(&l.j, "name", v[i].name);
			json_int(&l.j, "messages", (int64_t)v[i].messages);
			json_int(&l.j, "unseen", (int64_t)v[i].unseen);
			json_int(&l.j, "bytes", (int64_t)v[i].bytes);
			json_text(&l.j, "use", slice_z(use_name(v[i].use)));
			json_int(&l.j, "uidvalidity", v[i].uidvalidity);
			json_int(&l.j, "uidnext", v[i].uidnext);
			json_int(&l.j, "modseq", (int64_t)v[i].modseq);
			json_close(&l.j, '}');
			continue;
		}
		table_cell(l.table, v[i].name);
		table_cellf(l.table, "%llu", (unsigned long long)v[i].messages);
		table_cellf(l.table, "%llu", (unsigned long long)v[i].unseen);
		table_cell(l.table, slice_z(out_size(v[i].bytes, text)));
		table_cell(l.table, slice_z(use_name(v[i].use)));
	}
	listing_end_rows(&l);
	listing_end(&l);
	code = r < 0 ? out_fail(&e) : CLI_OK;
	cli_box_close(&b);
	return code;
}

/* ---- cat ---- */

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
static int write_message(struct cli_box *b, const struct mailbox_message *m, int fd, struct err *e)
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

/* -1 after a complaint, with the mailbox closed. */
static int open_message(
	struct cli_call *c, struct cli_box *b, struct mailbox_message *ret, int *ret_code)
{
	struct err e;
	uint64_t uid;
	if (!slice_u64(cli_arg(c, 1), &uid) || uid == 0 || uid > UINT32_MAX) {
		*ret_code =
			out_usage(T("not a UID: %.*s", "不是邮件编号：%.*s"), SFMT(cli_arg(c, 1)));
		return -1;
	}
	if (cli_box_open(c, cli_option_text(c, "folder"), b, ret_code) < 0)
		return -1;
	if (mailbox_get(b->shard, b->account.id, b->folder, (uint32_t)uid, &b->env.mem, ret, &e) ==
		0)
		return 0;
	*ret_code = out_fail(&e);
	cli_box_close(b);
	return -1;
}

static int cat(struct cli_call *c)
{
	struct cli_box b;
	struct err e;
	struct mailbox_message m;
	int code;
	if (open_message(c, &b, &m, &code) < 0)
		return code;
	code = write_message(&b, &m, 1, &e) < 0 ? out_fail(&e) : CLI_OK;
	cli_box_close(&b);
	return code;
}

/* ---- show ---- */

static void line(const char *what, slice value)
{
	printf("%s: ", what);
	out_safe(value);
	putchar('\n');
}

static void show_message(struct cli_box *b, const struct mailbox_message *m)
{
	struct arena *a = &b->env.mem;
	struct words w = {0};
	struct summary s;
	char text[OUT_TEXT];
	read_words(b, m, a, &w);
	line(T("From", "发件人"), w.from);
	line(T("Subject", "主题"), w.subject);
	line(T("Message-ID", "邮件标识"), w.message_id);
	line(T("Received", "收到时间"), slice_z(out_time(m->received_at, text)));
	line(T("In this folder since", "存入此文件夹"), slice_z(out_time(m->saved_at, text)));
	line(T("Size", "大小"), slice_z(out_size(m->size, text)));
	line(T("Flags", "标记"), flags_text(m, a));
	line(T("Thread", "会话"), arena_printf(a, "%lld", (long long)m->thread_id));
	if (!summary_open(m->summary, &s))
		return;
	for (size_t i = 0; i < s.nparts; i++) {
		struct summary_part p;
		summary_part(&s, i, &p);
		line(T("Part", "部分"),
			arena_printf(a, "%*s%.*s/%.*s, %s", 2 * (int)p.depth, "", SFMT(p.type),
				SFMT(p.subtype), out_size(p.body_n, text)));
	}
	line(T("Begins with", "开头"), summary_text(&s, 0, SUMMARY_PREVIEW));
}

int cli_mailbox_show(struct cli_call *c)
{
	struct cli_box b;
	struct mailbox_message m;
	int code;
	if (open_message(c, &b, &m, &code) < 0)
		return code;
	if (c->cli->json) {
		struct json j = {0};
		json_begin(&j);
		message_json(&j, &b, &m);
		json_end(&j);
	} else {
		show_message(&b, &m);
	}
	cli_box_close(&b);
	return CLI_OK;
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
	{"show", cli_mailbox_show, "ADDRESS UID", 2, 2, true, folder_options,
		"What is known of a message: flags, times, its parts.",
		"显示一封邮件的信息：标记、时间、组成部分。", NULL, NULL},
	{"cat", cat, "ADDRESS UID", 2, 2, false, folder_options,
		"Writes one message, byte for byte, to stdout.", "将一封邮件逐字节写到标准输出。",
		"  posthouse mailbox cat alice@example.org 17 > letter.eml",
		"  posthouse mailbox cat alice@example.org 17 > letter.eml"},
	{"removed", cli_mailbox_removed, "ADDRESS", 1, 1, true, cli_mailbox_removed_options,
		"Lists deleted messages that can come back.", "列出可恢复的已删除邮件。",
		"They are kept for [mailbox] keep_removed.\n\n"
		"  posthouse mailbox removed alice@example.org --since 2d --text invoice",
		"保留时间见 [mailbox] keep_removed。\n\n"
		"  posthouse mailbox removed alice@example.org --since 2d --text 发票"},
	{"recover", cli_mailbox_recover, "ADDRESS [ID...]", 1, 1000, false,
		cli_mailbox_recover_options, "Brings deleted messages back into their folders.",
		"将已删除的邮件恢复到原文件夹。",
		"IDs are those of mailbox removed; or all that the options name. A folder that has "
		"gone is made "
		"again.\n\n"
		"  posthouse mailbox recover alice@example.org 412.17\n"
		"  posthouse mailbox recover alice@example.org --folder Work --since 1d",
		"编号见 mailbox removed；也可用选项选择。原文件夹已不存在时会重新建立。\n\n"
		"  posthouse mailbox recover alice@example.org 412.17\n"
		"  posthouse mailbox recover alice@example.org --folder 工作 --since 1d"},
	{"log", cli_mailbox_log, "ADDRESS", 1, 1, true, cli_mailbox_removed_options,
		"What was deleted, moved and brought back: when, by whom, with which program.",
		"删除、移动、恢复的记录：时间、操作者、所用程序。",
		"It is kept for [mailbox] keep_log.", "保留时间见 [mailbox] keep_log。"},
	{"verify", cli_mailbox_verify, "[ADDRESS]", 0, 1, true, NULL,
		"Looks whether the tables of a mailbox, or of all, agree.",
		"检查一个或全部邮箱的数据是否一致。",
		"The bytes of messages are looked at by store verify. Exit code 1: there are "
		"problems.",
		"邮件内容由 store verify 检查。退出码 1 表示发现问题。"},
	{"repair", cli_mailbox_repair, "[ADDRESS]", 0, 1, true, NULL,
		"Mends what verify finds. No message is given up.",
		"修复 verify 发现的问题，不丢弃邮件。", NULL, NULL},
	{"reindex", cli_mailbox_reindex, "[ADDRESS]", 0, 1, true, NULL,
		"Makes summaries, threads and lists of keywords anew from the messages.",
		"根据邮件重新建立摘要、会话和关键字列表。",
		"The mailbox stays in use meanwhile; it may take some minutes for many messages.",
		"期间邮箱可继续使用；邮件多时可能需要几分钟。"},
	CLI_VERBS_END,
};
