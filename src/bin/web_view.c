/*
 * A held letter's content (web.h): its text as a scan process reads it, never its HTML, nothing loaded from anywhere, links
 * as words; and its bytes for download, where its class permits that. Neither changes anything: whoever follows links on his own leaves no mark on the letter; the log tells who looked.
 */
#include "bin/web.h"

#include "base/mem.h"
#include "bin/filter_conf.h"
#include "bin/scans.h"
#include "codec/filetype.h"
#include "mail/notice.h"
#include "run/log.h"
#include "run/pool.h"
#include <jansson.h>

enum { READ_TIME_S = 30, FILES_SHOWN = 50, HOSTS_SHOWN = 20 };

/* ---- reading ---- */

struct reading {
	struct blobs *blobs;
	blob_id blob;
	struct scan_letter letter;
	int result;
	struct err e;
};

static void read_letter(void *arg)
{
	struct reading *r = arg;
	struct blob_reader *b;
	slice piece;
	int got;
	r->result = blob_open(r->blobs, r->blob, &b, &r->e);
	if (r->result < 0)
		return;
	while ((got = blob_next(b, &piece, &r->e)) == 1 && !scan_letter_cut(&r->letter))
		scan_letter_add(&r->letter, piece);
	blob_close(b);
	r->result = got < 0 ? -1 : 0;
}

/* False: the response is made. */
static bool examine(
	struct http *h, const struct web_item *i, struct content_report *ret, json_t **ret_json)
{
	struct web *w = web_of(h);
	struct reading r = {.blobs = w->blobs, .blob = i->m.msg.blob};
	const struct content_context context = {0};
	struct err e = {0};
	enum scans_fate fate = SCANS_UNAVAILABLE;
	scan_letter_init(&r.letter, (uint64_t)w->config->scan->max_size);
	pool_call(read_letter, &r);
	if (r.result < 0) {
		e = r.e;
	} else {
		const struct scans_asked q = {.letter = &r.letter,
			.context = &context,
			.wishes = CONTENT_TEXT,
			.source = i->who.name,
			.deadline = instant_in(READ_TIME_S * SECOND)};
		fate = scans_examine(w->scans, &q, h->a, ret, ret_json, &e);
	}
	scan_letter_done(&r.letter);
	if (fate == SCANS_EXAMINED)
		return true;
	if (fate == SCANS_UNAVAILABLE)
		web_failed(h, &e);
	else
		web_message(h, 200, web_word(h, "This letter cannot be shown", "无法显示这封邮件"),
			web_word(h, "Reading it went wrong twice: it may be malicious.",
				"两次读取均失败，邮件可能含有恶意内容。"),
			web_word(h, "Please ask the administrator.", "请联系管理员。"));
	return false;
}

/* ---- showing ---- */

/* Line ends stay; what could turn or hide text does not. */
static void put_text(struct http *h, slice text)
{
	slice line;
	buf_put(&h->out, S("<pre>"));
	while (slice_cut(&text, '\n', &line)) {
		web_html(h, notice_safe(line, 100000, h->a));
		buf_byte(&h->out, '\n');
	}
	buf_put(&h->out, S("</pre>\n"));
}

static void put_files(struct http *h, const struct content_report *r)
{
	size_t shown = 0;
	for (size_t i = 0; i < r->nfiles && shown < FILES_SHOWN; i++) {
		const struct content_report_file *f = &r->files[i];
		if (f->depth)
			continue; /* inside another one */
		if (!shown++)
			buf_printf(
				&h->out, "<h2>%s</h2>\n<ul>\n", web_word(h, "Attachments", "附件"));
		buf_put(&h->out, S("<li>"));
		web_strange(h, f->name.n ? f->name : S("?"));
		buf_printf(&h->out, " <span class=\"soft\">%s, %.*s</span></li>\n",
			filetype_name((enum filetype)f->type), SFMT(notice_size(f->size, h->a)));
	}
	if (shown)
		buf_put(&h->out, S("</ul>\n"));
}

static void put_hosts(struct http *h, const struct content_report *r)
{
	if (!r->nhosts)
		return;
	buf_printf(&h->out, "<h2>%s</h2>\n<p class=\"soft\">",
		web_word(h, "Where its links lead", "链接指向"));
	for (size_t i = 0; i < r->nhosts && i < HOSTS_SHOWN; i++) {
		if (i)
			buf_put(&h->out, S(", "));
		web_strange(h, r->hosts[i]);
	}
	buf_put(&h->out, S("</p>\n"));
}

static void put_ways(struct http *h, const struct web_item *i)
{
	const char *en, *zh;
	const char *lang = web_chinese(h) ? "zh" : "en";
	char id[MSG_ID_TEXT];
	msg_id_print(i->m.msg.id, id);
	buf_put(&h->out, S("<div class=\"buttons\">\n"));
	if (!i->token.id || i->token.verb != QUARANTINE_PREVIEW)
		buf_printf(&h->out, "<a class=\"button\" href=\"/d/%.*s?lang=%s\">%s</a>\n",
			SFMT(i->text), lang, web_word(h, "Back", "返回"));
	if (web_may(web_of(h), i, QUARANTINE_DOWNLOAD, &en, &zh)) {
		buf_printf(&h->out, "<a class=\"button\" href=\"/d/%.*s/file?lang=%s",
			SFMT(i->text), lang);
		if (!i->token.id)
			buf_printf(&h->out, "&amp;item=%s.%d", id, i->idx);
		buf_printf(
			&h->out, "\">%s</a>\n", web_word(h, "Download the original", "下载原件"));
	}
	buf_put(&h->out, S("</div>\n"));
}

void web_view_page(struct http *h, const struct web_item *i)
{
	struct content_report *r = ARENA_NEW(h->a, struct content_report);
	json_t *json = NULL;
	const char *en = "", *zh = "";
	if (!web_may(web_of(h), i, QUARANTINE_PREVIEW, &en, &zh)) {
		web_message(
			h, 403, web_word(h, "Not allowed", "不允许"), web_word(h, en, zh), NULL);
		return;
	}
	if (!examine(h, i, r, &json))
		return;
	web_page_begin(h, web_word(h, "Held letter", "被隔离的邮件"));
	web_letter_facts(h, i);
	web_text(h, "soft",
		web_word(h,
			"Only its text is shown: no pictures, nothing from the internet, no links "
			"to "
			"click.",
			"仅显示文字：不含图片，不加载任何网络内容，链接不可点击。"));
	put_text(h, r->text);
	put_files(h, r);
	put_hosts(h, r);
	put_ways(h, i);
	web_page_end(h);
	json_decref(json);
}

void web_view(struct http *h)
{
	struct web_item i;
	if (!web_item_read(h, S(""), &i))
		return;
	if (!i.m.msg.id)
		http_fail(h, 404);
	else
		web_view_page(h, &i);
}

/* ---- its bytes ---- */

struct piece {
	struct blob_reader *reader;
	slice bytes;
	int got;
	struct err e;
};

static void next_piece(void *arg)
{
	struct piece *p = arg;
	p->got = blob_next(p->reader, &p->bytes, &p->e);
}

struct opening {
	struct web *w;
	blob_id id;
	struct blob_reader *reader;
	int result;
	struct err e;
};

static void open_blob(void *arg)
{
	struct opening *o = arg;
	o->result = blob_open(o->w->blobs, o->id, &o->reader, &o->e);
}

static void send_letter(struct http *h, const struct web_item *i, struct blob_reader *reader)
{
	const struct queue_msg *m = &i->m.msg;
	struct piece p = {.reader = reader, .got = 1};
	char id[MSG_ID_TEXT];
	msg_id_print(m->id, id);
	/* Bytes to be kept, whatever a browser thinks that they are. */
	http_header(h, S("Content-Type"), S("application/octet-stream"));
	http_header(h, S("Content-Disposition"),
		arena_printf(h->a, "attachment; filename=\"%s.eml\"", id));
	http_header(h, S("Cache-Control"), S("no-store"));
	if (http_begin(h, (int64_t)(m->prefix.n + m->size)) < 0 || http_send(h, m->prefix) < 0)
		return;
	while (!h->only_head) {
		pool_call(next_piece, &p);
		if (p.got != 1 || http_send(h, p.bytes) < 0)
			break;
	}
	if (p.got < 0) {
		log_error(NULL, "web.file", F("id", (const char *)id), F("error", &p.e));
		http_fail(h, 500);
	}
}

void web_file(struct http *h)
{
	struct web *w = web_of(h);
	struct web_item i;
	const char *en = "", *zh = "";
	if (!web_item_read(h, S(""), &i))
		return;
	if (!i.m.msg.id) {
		http_fail(h, 404);
		return;
	}
	if (!web_may(w, &i, QUARANTINE_DOWNLOAD, &en, &zh)) {
		web_message(
			h, 403, web_word(h, "Not allowed", "不允许"), web_word(h, en, zh), NULL);
		return;
	}
	struct opening o = {.w = w, .id = i.m.msg.blob};
	pool_call(open_blob, &o);
	if (o.result < 0) {
		web_failed(h, &o.e);
		return;
	}
	send_letter(h, &i, o.reader);
	blob_close(o.reader);
}
