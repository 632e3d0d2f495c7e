/*
 * The message that carries a report, and its way into the queue (report.h). The file is compressed
 * and base64; all is 7-bit, so that it gets through everywhere.
 *
 * The envelope sender is the author's address, not the null sender: mailboxes for reports often
 * refuse mail without a sender. NOTIFY=NEVER keeps our own queue from telling anybody that a report
 * could not be delivered, and asks the same of the next system.
 */
#include "mail/report_impl.h"

#include "base/b64.h"
#include "base/mem.h"
#include "base/time.h"
#include "codec/words.h"
#include "mail/report_conf.h"
#include "store/trace.h"
#include <time.h>
#include <zlib.h>

enum { TEXT_MAX = 64 * 1024, GZIP_WINDOW = 15 + 16 /* zlib: with gzip's header */ };

void report_sender_of(
	const struct reports_conf *c, slice hostname, struct arena *a, struct report_sender *ret)
{
	*ret = (struct report_sender){
		.hostname = hostname,
		.org_name = c->org_name.n ? c->org_name : hostname,
		.contact = c->contact,
		.from = c->from.n ? c->from
				  : arena_printf(a, "noreply-reports@%.*s", SFMT(hostname)),
		.lifetime = REPORT_LIFETIME_S * SECOND,
	};
}

int report_gzip(slice in, struct buf *out, struct err *e)
{
	z_stream z = {0};
	if (deflateInit2(&z, Z_DEFAULT_COMPRESSION, Z_DEFLATED, GZIP_WINDOW, 8,
		    Z_DEFAULT_STRATEGY) != Z_OK)
		return err_set(e, ERR_TEMP, "zlib cannot begin");
	size_t room = deflateBound(&z, in.n);
	char *to = buf_room(out, room);
	z.next_in = (Bytef *)(uintptr_t)in.p;
	z.avail_in = (uInt)in.n;
	z.next_out = (Bytef *)to;
	z.avail_out = (uInt)room;
	int r = to ? deflate(&z, Z_FINISH) : Z_BUF_ERROR;
	if (r == Z_STREAM_END)
		buf_commit(out, z.total_out);
	deflateEnd(&z);
	return r == Z_STREAM_END ? 0 : err_set(e, ERR_LIMIT, "a report of %zu bytes", in.n);
}

slice report_day_text(int64_t wall, struct arena *a)
{
	time_t t = (time_t)(wall / SECOND);
	struct tm tm;
	gmtime_r(&t, &tm);
	return arena_printf(a, "%04d-%02d-%02d", tm.tm_year + 1900, tm.tm_mon + 1, tm.tm_mday);
}

/* In both languages. */
static void introduce(const struct report_parts *p, unsigned i, const struct report_words *words,
	struct arena *a, struct buf *out)
{
	const struct report_window *w = &p->window;
	slice day = report_day_text(w->begin_at, a);
	buf_printf(out,
		"This is %s about %.*s, by %.*s, for %.*s (UTC).\n"
		"%lld %s were counted, %lld of them failed.\n",
		words->kind_en, SFMT(w->domain), SFMT(p->sender.hostname), SFMT(day),
		(long long)w->messages, words->unit_en, (long long)w->failed);
	if (p->nparts > 1)
		buf_printf(out, "It comes in %u messages; this is number %u.\n", p->nparts, i + 1);
	buf_printf(out,
		"\n这是 %.*s 生成的关于 %.*s 的 %s，日期 %.*s（UTC）。\n"
		"共统计 %lld %s，其中 %lld %s。\n",
		SFMT(p->sender.hostname), SFMT(w->domain), words->kind_zh, SFMT(day),
		(long long)w->messages, words->unit_zh, (long long)w->failed, words->failed_zh);
	if (p->nparts > 1)
		buf_printf(out, "分为 %u 封，本封为第 %u 封。\n", p->nparts, i + 1);
}

struct report_mail report_message(const struct report_parts *p, slice gz, slice id, unsigned i,
	int64_t now, const struct report_words *words, const char *suffix, struct arena *a)
{
	AUTO(buf) struct buf text = BUF(8192);
	const struct report_window *w = &p->window;
	slice host = p->sender.hostname;
	introduce(p, i, words, a, &text);
	return (struct report_mail){
		.sender = &p->sender,
		.to = p->to.address,
		.subject = arena_printf(a,
			"Report Domain: %.*s Submitter: %.*s Report-ID: <%.*s@%.*s>",
			SFMT(w->domain), SFMT(host), SFMT(id), SFMT(host)),
		.id = id,
		.text = arena_dup(a, buf_slice(&text)),
		.file_name = arena_printf(a, "%.*s!%.*s!%lld!%lld!%.*s.%s", SFMT(host),
			SFMT(w->domain), (long long)(w->begin_at / SECOND),
			(long long)(w->end_at / SECOND - 1), SFMT(id), suffix),
		.file = gz,
		.now = now,
	};
}

/* ---- the message ---- */

void report_put_header(struct buf *out, const struct report_sender *s, slice to, slice subject,
	slice id, int64_t now)
{
	char date[TIME_RFC5322_MAX];
	buf_put(out, S("From: "));
	words_encode_phrase(out, s->org_name, strlen("From: "));
	buf_printf(out, " <%.*s>\r\nTo: <%.*s>\r\nSubject: ", SFMT(s->from), SFMT(to));
	words_encode(out, subject, strlen("Subject: "));
	buf_printf(out, "\r\nDate: %.*s\r\nMessage-ID: <%.*s@%.*s>\r\n",
		(int)time_rfc5322(now, date), date, SFMT(id), SFMT(s->hostname));
	buf_put(out, S("Auto-Submitted: auto-generated\r\nMIME-Version: 1.0\r\n"));
}

void report_put_text(struct buf *out, slice text)
{
	AUTO(buf) struct buf crlf = BUF(TEXT_MAX);
	slice line;
	while (slice_cut(&text, '\n', &line)) {
		buf_put(&crlf, line);
		if (text.p)
			buf_put(&crlf, S("\r\n"));
	}
	b64_encode_lines(out, buf_slice(&crlf));
	out->full |= crlf.full;
}

int report_mail_build(struct buf *out, const struct report_mail *m, struct err *e)
{
	AUTO(buf) struct buf boundary = BUF(200);
	/* Base64 has no underscore: it cannot stand in a part. */
	buf_printf(&boundary, "=_posthouse_report_%.*s", SFMT(slice_first(m->id, 100)));
	report_put_header(out, m->sender, m->to, m->subject, m->id, m->now);
	buf_put(out, m->headers);
	buf_printf(
		out, "Content-Type: %s;\r\n\tboundary=\"%.*s\"\r\n\r\n", m->type, SFMT(boundary));
	buf_printf(out,
		"--%.*s\r\nContent-Type: text/plain; charset=utf-8\r\n"
		"Content-Transfer-Encoding: base64\r\n\r\n",
		SFMT(boundary));
	report_put_text(out, m->text);
	buf_printf(out,
		"\r\n--%.*s\r\nContent-Type: %.*s;\r\n\tname=\"%.*s\"\r\n"
		"Content-Transfer-Encoding: base64\r\n"
		"Content-Disposition: attachment;\r\n\tfilename=\"%.*s\"\r\n\r\n",
		SFMT(boundary), SFMT(m->file_type), SFMT(m->file_name), SFMT(m->file_name));
	b64_encode_lines(out, m->file);
	buf_printf(out, "\r\n--%.*s--\r\n", SFMT(boundary));
	return buf_ok(out) ? 0
			   : err_set(e, ERR_LIMIT, "a report of more than %zu bytes", out->limit);
}

/* ---- parts ---- */

bool report_add_row(struct report_parts *p)
{
	if (p->n == p->cap) {
		p->cap = p->cap ? 2 * p->cap : 256;
		p->ends = mem_grow(p->ends, p->cap * sizeof *p->ends);
	}
	p->ends[p->n++] = p->text.n;
	return buf_ok(&p->text);
}

slice report_rows(const struct report_parts *p, size_t first, size_t n)
{
	size_t at = first ? p->ends[first - 1] : 0;
	return slice_of(p->text.p + at, p->ends[first + n - 1] - at);
}

/* Of the same window, address and rows always the same: a crash repeats it at most. */
static slice report_id(const struct report_parts *p, size_t first, struct arena *a)
{
	return arena_printf(a, "%lld.%lld.%zu", (long long)(p->window.begin_at / SECOND),
		(long long)p->window.id, first);
}

static int build(const struct report_parts *p, size_t first, size_t n, unsigned i, int64_t now,
	struct buf *out, struct arena *a, slice *ret_subject, slice *ret_message_id, struct err *e)
{
	AUTO(buf) struct buf file = BUF(REPORT_XML_MAX + TEXT_MAX), gz = BUF(REPORT_XML_MAX);
	slice id = report_id(p, first, a);
	bool dmarc = p->window.kind == REPORT_DMARC;
	(dmarc ? report_dmarc_file : report_tls_file)(p, first, n, id, &file);
	if (!buf_ok(&file))
		return err_set(e, ERR_LIMIT, "a report of more than %zu bytes", file.limit);
	if (report_gzip(buf_slice(&file), &gz, e) < 0)
		return -1;
	*ret_message_id = arena_printf(a, "<%.*s@%.*s>", SFMT(id), SFMT(p->sender.hostname));
	return (dmarc ? report_dmarc_mail : report_tls_mail)(
		p, buf_slice(&gz), id, i, now, a, ret_subject, out, e);
}

static int add_part(struct report_parts *p, size_t first, size_t n, struct err *e)
{
	if (p->nparts == REPORT_PARTS_MAX)
		return err_set(e, ERR_LIMIT, "more than %d parts", REPORT_PARTS_MAX);
	p->part[p->nparts].first = first;
	p->part[p->nparts++].n = n;
	return 0;
}

/* Halves what is too large. The depth is that of a number's bits. */
static int cut(struct report_parts *p, size_t first, size_t n, uint64_t limit, struct err *e)
{
	AUTO(arena) struct arena a = {0};
	AUTO(buf) struct buf out = BUF(limit);
	slice subject, message_id;
	if (build(p, first, n, 0, p->window.end_at, &out, &a, &subject, &message_id, e) == 0)
		return add_part(p, first, n, e);
	if (e->kind != ERR_LIMIT)
		return -1;
	if (n == 1)
		return err_set(e, ERR_LIMIT, "one row does not fit into %llu bytes",
			(unsigned long long)limit);
	buf_done(&out);
	return cut(p, first, n / 2, limit, e) < 0 ? -1 : cut(p, first + n / 2, n - n / 2, limit, e);
}

static int render(struct report_parts *p, struct sql *db, struct err *e)
{
	int r = p->window.kind == REPORT_DMARC ? report_dmarc_render(p, db, e)
					       : report_tls_render(p, db, e);
	if (r < 0)
		return -1;
	if (!buf_ok(&p->text))
		return err_set(e, ERR_LIMIT, "rows of more than %d bytes", REPORT_XML_MAX);
	if (p->n == 0)
		return err_set(e, ERR_NOTFOUND, "there are no rows");
	uint64_t limit = p->to.size && p->to.size < REPORT_MAIL_MAX ? p->to.size : REPORT_MAIL_MAX;
	return cut(p, 0, p->n, limit, e);
}

int report_parts_new(struct sql *db, const struct report_window *w, const struct report_sender *s,
	const struct report_to *to, struct report_parts **ret, struct err *e)
{
	struct report_parts *p = NEW(struct report_parts);
	*p = (struct report_parts){
		.window = *w, .sender = *s, .to = *to, .text = BUF(REPORT_XML_MAX)};
	if (render(p, db, e) < 0) {
		report_parts_free(p);
		return -1;
	}
	*ret = p;
	return 0;
}

unsigned report_parts_count(const struct report_parts *p)
{
	return p->nparts;
}

int report_parts_build(const struct report_parts *p, unsigned i, int64_t now, struct buf *out,
	struct arena *a, slice *ret_subject, slice *ret_message_id, struct err *e)
{
	return build(
		p, p->part[i].first, p->part[i].n, i, now, out, a, ret_subject, ret_message_id, e);
}

int report_parts_file(const struct report_parts *p, unsigned i, struct buf *out, struct err *e)
{
	AUTO(arena) struct arena a = {0};
	(p->window.kind == REPORT_DMARC ? report_dmarc_file : report_tls_file)(
		p, p->part[i].first, p->part[i].n, report_id(p, p->part[i].first, &a), out);
	return buf_ok(out) ? 0
			   : err_set(e, ERR_LIMIT, "a report of more than %zu bytes", out->limit);
}

void report_parts_free(struct report_parts *p)
{
	if (!p)
		return;
	buf_done(&p->text);
	free(p->ends);
	arena_done(&p->mem);
	free(p);
}

/* ---- the queue ---- */

static int store(struct blobs *blobs, slice text, struct queue_msg *m, struct err *e)
{
	struct blob_writer *w = blob_begin(blobs);
	if (blob_add(w, text, e) < 0) {
		blob_cancel(w);
		return -1;
	}
	return blob_finish(w, &m->blob, &m->size, e);
}

static slice first_log(struct arena *a, slice subject, int64_t now)
{
	AUTO(buf) struct buf log = BUF(TRACE_LOG_MAX);
	trace_event(&log, now, "queued", "report", subject, NULL);
	return arena_dup(a, buf_slice(&log));
}

int report_queue(const struct report_sender *s, const struct route_lookup *l, struct blobs *blobs,
	slice to, slice text, slice prefix, slice subject, slice message_id, int64_t now,
	struct arena *a, struct queue_msg *ret, struct err *e)
{
	struct route_decision d;
	if (route_decide(l, to, false, a, &d, e) < 0)
		return -1;
	if (d.kind == ROUTE_ERROR)
		return err_set(e, d.status.cls == 4 ? ERR_TEMP : ERR_NOTFOUND, "%.*s: %.*s",
			SFMT(to), SFMT(d.text));
	struct queue_rcpt *r = ARENA_NEW(a, struct queue_rcpt);
	*r = (struct queue_rcpt){.address = arena_dup(a, to),
		.dest = d.dest,
		.notify = NOTIFY_NEVER,
		.next_at = now};
	struct queue_msg m = {.id = msg_id_new(),
		.sender = arena_dup(a, s->from),
		.prefix = arena_dup(a, prefix),
		.priority = QUEUE_BULK,
		.arrived_at = now,
		.expires_at = now + s->lifetime,
		.log = first_log(a, subject, now),
		.subject = subject,
		.message_id = message_id,
		.rcpts = r,
		.nrcpts = 1};
	if (store(blobs, text, &m, e) < 0)
		return -1;
	*ret = m;
	return 0;
}
