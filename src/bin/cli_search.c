/*
 * `posthouse search`: finding mail as its owner would (mail/box_find.h), with the words in bold. What is inside attachments is read by a child that
 * is confined like the process `texts`. How the index stands, and beginning anew with it: cli_search_index.c.
 */
#include "bin/cli_search.h"

#include "base/mem.h"
#include "bin/cli_child.h"
#include "bin/role.h"
#include "codec/charset.h"
#include "codec/header.h"
#include "content/texts.h"
#include "mail/box_find.h"
#include "mail/search_conf.h"
#include "run/co.h"
#include "run/loop.h"
#include "run/pool.h"
#include "store/blob.h"
#include <inttypes.h>
#include <libxml/parser.h>
#include <signal.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

enum { MOST_DEFAULT = 20, READERS = 2 };

struct search {
	struct cli_call *c;
	struct cli_env env;
	struct box_find q;
	struct directory *directory;
	struct blobs *blobs;
	struct boxes *boxes;
	struct box_user *user;
	struct box_finding found;
	bool bold;
	struct listing l;
	int result;
	struct err e;
};

/* ---- texts of a message, by a child ---- */

struct texts {
	struct search *s;
	const struct mailbox_message *m;
	bool all;
	struct buf message, answer;
	int result;
	struct err *e;
};

static void child(void *arg, int out)
{
	const struct texts *t = arg;
	struct arena a = {0};
	struct content_texts ret;
	struct buf answer = BUF(SCAN_ANSWER_MAX);
	struct err e;
	signal(SIGALRM, SIG_DFL);
	alarm((unsigned)(t->s->env.config.scan->time / SECOND) + 1);
	charset_warm_up();
	xmlInitParser();
	if (role_confine("texts", &t->s->env.config, &e) < 0)
		_exit(2);
	content_texts(buf_slice(&t->message), t->m->prefix.n,
		t->all ? CONTENT_TEXTS_ALL : CONTENT_TEXTS_FILES, &a, &ret);
	content_texts_encode(&answer, &ret);
	cli_child_write(out, buf_slice(&answer));
	_exit(0);
}

/* In the pool: a stack of ordinary size. */
static void read_in_child(void *arg)
{
	struct texts *t = arg;
	int status = 0;
	buf_put(&t->message, t->m->prefix);
	t->result = blob_read(t->s->blobs, t->m->blob, &t->message, t->e);
	if (t->result == 0)
		t->result = cli_child(child, t, &t->answer, &status, t->e);
	if (t->result == 0 && (!WIFEXITED(status) || WEXITSTATUS(status)))
		t->result = err_set(t->e, ERR_PERM, "its texts cannot be read");
}

static int read_texts(void *arg, const struct mailbox_message *m, bool all, struct arena *a,
	slice *ret, struct err *e)
{
	struct search *s = arg;
	struct texts t = {.s = s,
		.m = m,
		.all = all,
		.message = BUF((size_t)s->env.config.scan->max_size),
		.answer = BUF(SCAN_ANSWER_MAX),
		.e = e};
	struct content_texts got;
	if (m->size > (uint64_t)s->env.config.scan->max_size)
		return err_set(e, ERR_PERM, "larger than is looked at");
	pool_call(read_in_child, &t);
	if (t.result == 0 && !content_texts_decode(arena_dup(a, buf_slice(&t.answer)), &got))
		t.result = err_set(e, ERR_PERM, "its texts cannot be read");
	for (int i = 0; t.result == 0 && i < INDEX_FIELDS; i++)
		ret[i] = got.text[i];
	buf_done(&t.message);
	buf_done(&t.answer);
	return t.result;
}

/* ---- what is shown ---- */

static slice sender(const struct summary *sum, struct arena *a)
{
	struct summary_address who;
	unsigned it = 0;
	while (summary_next_address(sum, 0, SUMMARY_FROM, &it, &who)) {
		slice name = who.name.n ? header_text(who.name, a) : who.name;
		if (name.n)
			return name;
		if (who.host.p)
			return arena_printf(a, "%.*s@%.*s", SFMT(who.mailbox), SFMT(who.host));
	}
	return S("");
}

static const char *field_name(enum index_field f)
{
	static const char *const names[INDEX_FIELDS] = {
		"from", "to", "cc", "bcc", "subject", "header", "body", "attachment"};
	return names[f];
}

static const char *field_word(enum index_field f)
{
	switch (f) {
	case INDEX_FROM:
		return T("From", "发件人");
	case INDEX_TO:
		return T("To", "收件人");
	case INDEX_CC:
		return T("Cc", "抄送");
	case INDEX_BCC:
		return T("Bcc", "密送");
	case INDEX_ATTACHMENT:
		return T("Attachment", "附件");
	default:
		return "";
	}
}

static void show_marked(const struct search *s, const struct box_snippet *p)
{
	size_t at = 0;
	for (size_t i = 0; i < p->nmarks; i++) {
		const struct box_mark *m = &p->marks[i];
		out_safe(slice_of(p->text.p + at, m->from - at));
		fputs(s->bold ? "\033[1m" : "", stdout);
		out_safe(slice_of(p->text.p + m->from, m->to - m->from));
		fputs(s->bold ? "\033[0m" : "", stdout);
		at = m->to;
	}
	out_safe(slice_skip(p->text, at));
}

static void show_snippets(const struct search *s, const struct box_snippet *v, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		const char *word = field_word(v[i].field);
		if (v[i].field == INDEX_SUBJECT)
			continue;
		printf("    %s%s%s", word, *word ? T(": ", "：") : "", v[i].cut_before ? "…" : "");
		show_marked(s, &v[i]);
		puts(v[i].cut_after ? "…" : "");
	}
}

static void show_subject(
	const struct search *s, slice subject, const struct box_snippet *v, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (v[i].field == INDEX_SUBJECT && !v[i].cut_after && !v[i].cut_before) {
			show_marked(s, &v[i]);
			return;
		}
	out_safe(subject);
}

static void show_hit(const struct search *s, const struct box_hit *h, slice from, slice subject,
	const struct box_snippet *v, size_t n)
{
	char when[OUT_TEXT];
	printf("%s  ", out_time(h->m.received_at, when));
	out_safe(from);
	fputs("  ", stdout);
	show_subject(s, subject, v, n);
	fputs("  [", stdout);
	out_safe(h->folder.name);
	printf(" %u]\n", h->m.uid);
	show_snippets(s, v, n);
}

static void json_snippets(struct json *j, const struct box_snippet *v, size_t n)
{
	json_open_array(j, "snippets");
	for (size_t i = 0; i < n; i++) {
		json_open_object(j, NULL);
		json_text(j, "field", slice_z(field_name(v[i].field)));
		json_text(j, "text", v[i].text);
		json_open_array(j, "marks");
		for (size_t k = 0; k < v[i].nmarks; k++) {
			json_open_array(j, NULL);
			json_int(j, NULL, (int64_t)v[i].marks[k].from);
			json_int(j, NULL, (int64_t)v[i].marks[k].to);
			json_close(j, ']');
		}
		json_close(j, ']');
		json_close(j, '}');
	}
	json_close(j, ']');
}

static void json_hit(struct search *s, const struct box_hit *h, slice from, slice subject,
	const struct box_snippet *v, size_t n)
{
	struct json *j = &s->l.j;
	json_open_object(j, NULL);
	json_text(j, "folder", h->folder.name);
	json_int(j, "uid", h->m.uid);
	json_time(j, "date", h->m.received_at);
	json_text(j, "from", from);
	json_text(j, "subject", subject);
	json_snippets(j, v, n);
	json_close(j, '}');
}

static int show_one(struct search *s, const struct box_hit *h, struct err *e)
{
	AUTO(arena) struct arena a = {0};
	struct summary sum = {0};
	struct box_snippet *v = NULL;
	size_t n = 0;
	bool known = summary_open(h->m.summary, &sum);
	slice from = known ? sender(&sum, &a) : S(""),
	      subject = known ? summary_text(&sum, 0, SUMMARY_SUBJECT_TEXT) : S("");
	if (box_snippets(s->user, h, s->q.what, &a, &v, &n, e) < 0 && e->kind == ERR_CLOSED)
		return -1; /* else it is shown without */
	if (s->l.json)
		json_hit(s, h, from, subject, v, n);
	else
		show_hit(s, h, from, subject, v, n);
	return 0;
}

static int show(struct search *s, struct err *e)
{
	const struct box_finding *f = &s->found;
	AUTO(arena) struct arena a = {0};
	slice next = {0};
	if (s->l.json) {
		json_begin(&s->l.j);
		json_open_array(&s->l.j, "messages");
	}
	for (size_t i = 0; i < f->n; i++)
		if (show_one(s, &f->v[i], e) < 0)
			return -1;
	if (f->more && f->n)
		next = arena_printf(&a, "%" PRId64 "-%" PRId64, f->v[f->n - 1].m.received_at,
			f->v[f->n - 1].m.email_id);
	if (s->l.json) {
		json_close(&s->l.j, ']');
		json_int(&s->l.j, "found", (int64_t)f->found);
		json_bool(&s->l.j, "more", f->more);
		json_text(&s->l.j, "next", next);
		json_end(&s->l.j);
	} else if (f->more) {
		printf(T("%" PRIu64 " messages found; more: --after %.*s\n",
			       "共找到 %" PRIu64 " 封邮件，下一页：--after %.*s\n"),
			f->found, SFMT(next));
	} else if (!f->found) {
		puts(T("Nothing found.", "没有找到邮件。"));
	}
	if (f->unread)
		fprintf(stderr,
			T("%" PRIu64 " messages could not be read\n",
				"有 %" PRIu64 " 封邮件无法读取\n"),
			f->unread);
	return 0;
}

/* ---- the search ---- */

static int open_all(struct search *s, struct err *e)
{
	const struct config *c = &s->env.config;
	const struct search_conf *conf = conf_get(c->conf, &search_section);
	const struct box_index index = {.files = conf->attachments, .texts = read_texts, .arg = s};
	const struct mailbox_actor actor = {
		.who = cli_env_who(&s->env.mem), .protocol = S("command")};
	if (directory_open(c->server->data, &s->directory, e) < 0 ||
		blobs_open(c->server->data, &s->blobs, e) < 0)
		return -1;
	const struct boxes_config b = {.data = c->server->data,
		.directory = s->directory,
		.blobs = s->blobs,
		.readers = READERS,
		.conf = conf_get(c->conf, &mailbox_section)};
	if (boxes_open(&b, &s->boxes, e) < 0)
		return -1;
	if (conf->enabled)
		boxes_index(s->boxes, &index);
	return box_user_open(s->boxes, cli_arg(s->c, 0), &actor, &s->user, e);
}

static void run(void *arg)
{
	struct search *s = arg;
	s->result = open_all(s, &s->e);
	if (s->result == 0)
		s->result = box_find(s->user, &s->q, &s->env.mem, &s->found, &s->e);
	if (s->result == 0)
		s->result = show(s, &s->e);
	box_user_close(s->user);
	if (s->boxes)
		boxes_drain(s->boxes);
	loop_stop();
}

/* All further arguments are what is looked for. */
static int take_words(struct search *s)
{
	AUTO(buf) struct buf typed = BUF(2 * BOX_FIND_TEXT_MAX);
	struct err e;
	for (int i = 1; i < s->c->nargs; i++) {
		buf_put(&typed, i > 1 ? S(" ") : S(""));
		buf_put(&typed, cli_arg(s->c, i));
	}
	if (buf_ok(&typed) && box_find_parse(arena_dup(&s->env.mem, buf_slice(&typed)), &s->env.mem,
				      &s->q.what, &e) == 0)
		return CLI_OK;
	if (buf_ok(&typed))
		out_fail(&e);
	else
		out_usage("%s", T("the text to look for is too long", "搜索内容过长"));
	return CLI_USAGE;
}

static int take_options(struct search *s)
{
	slice most = cli_option_text(s->c, "most"), after = cli_option_text(s->c, "after"), at;
	uint64_t n = MOST_DEFAULT, when = 0, email = 0;
	if (most.n && (!slice_u64(most, &n) || !n || n > BOX_FIND_MOST))
		return out_usage(T("--most: 1 to %d", "--most：1 到 %d"), BOX_FIND_MOST);
	if (after.n && (!slice_cut(&after, '-', &at) || !slice_u64(at, &when) ||
			       !slice_u64(after, &email)))
		return out_usage("%s",
			T("--after: as the page before tells it", "--after：请使用上一页给出的值"));
	s->q.most = (size_t)n;
	s->q.before_at = (int64_t)when;
	s->q.before_email = (int64_t)email;
	s->q.folder = cli_option_text(s->c, "folder");
	s->q.scope = cli_flag(s->c, "own") ? BOX_OWN : BOX_ALL;
	return take_words(s);
}

static int find(struct cli_call *c)
{
	struct search s = {.c = c, .l = {.json = c->cli->json}, .bold = isatty(1)};
	int code;
	if (cli_env_open(c->cli, &s.env, &code) < 0)
		return code;
	code = take_options(&s);
	if (code == CLI_OK) {
		loop_init();
		pool_init(READERS);
		co_go("cli.search", run, &s);
		loop_run();
		boxes_close(s.boxes);
		pool_done();
		loop_done();
		directory_close(s.directory);
		blobs_close(s.blobs);
		code = s.result < 0 ? out_fail(&s.e) : s.found.n ? CLI_OK : CLI_NOTHING;
	}
	cli_env_close(&s.env);
	return code;
}

static const struct cli_option find_options[] = {
	{"folder", "NAME", "only in this folder", "只在此文件夹中搜索"},
	{"own", NULL, "not in folders that others share", "不包括他人共享的文件夹"},
	{"most", "N", "messages of a page (20)", "每页邮件数（20）"},
	{"after", "PLACE", "the next page: what the one before tells",
		"下一页：使用上一页给出的值"},
	{NULL, NULL, NULL, NULL}};

const struct cli_verb search_verbs[] = {
	{.name = "find",
		.run = find,
		.args = "ADDRESS WORD...",
		.least = 2,
		.most = -1,
		.json = true,
		.options = find_options,
		.en = "find mail that this person sees, the newest first (the word `find` may be "
		      "left out)",
		.zh = "搜索此用户可见的邮件，最新的在前（find 一词可省略）",
		.more_en = "All words have to be in a message: in its subject, sender, recipients, "
			   "text or "
			   "attachments.\n"
			   "\"Several words\" stand together; -word: not that one; from: to: cc: "
			   "subject: body: text:\n"
			   "before:2026-01-31 after: on: larger:5m smaller: is:unread is:flagged "
			   "is:answered\n\n"
			   "Example: posthouse search ann@example.com 'from:bob \"annual report\" "
			   "after:2026-01-01'\n",
		.more_zh = "邮件须包含全部词语：主题、发件人、收件人、正文或附件中均可。\n"
			   "\"多个词\" 须连在一起；-词：不含该词；发件人: 收件人: 抄送: 主题: "
			   "正文: 全文:\n"
			   "之前:2026-01-31 之后: 当天: 大于:5m 小于: is:unread is:flagged "
			   "is:answered\n\n"
			   "示例：posthouse search ann@example.com '发件人:张三 \"年度报告\" "
			   "之后:2026-01-01'\n"},
	{.name = "status",
		.run = cli_search_status,
		.args = "[ADDRESS]",
		.most = 1,
		.json = true,
		.en = "how far the index is, how large",
		.zh = "索引的进度与大小"},
	{.name = "reindex",
		.run = cli_search_reindex,
		.args = "[ADDRESS]",
		.most = 1,
		.en = "make the index of a mailbox, or of all, anew; searches stay complete",
		.zh = "重建一个或全部邮箱的索引；重建期间搜索结果仍然完整"},
	CLI_VERBS_END};
