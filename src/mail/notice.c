/*
 * A letter of the server's own as a message (notice.h): multipart/alternative (RFC 2046 5.1.4), all lines
 * short and 7-bit, so that it gets through everywhere; marked by RFC 3834 so that no machine answers; into
 * the queue with the null sender. Called by bin/queue_notice.c, queue_digest.c and queue_user_report.c.
 * What it says is written elsewhere.
 */
#include "mail/notice.h"

#include "base/b64.h"
#include "base/mem.h"
#include "base/time.h"
#include "base/utf8.h"
#include "codec/address.h"
#include "codec/header.h"
#include "codec/qp.h"
#include "codec/words.h"
#include "store/trace.h"

/* Base64 once quoted-printable would be longer. */
static bool wants_base64(slice text)
{
	size_t wide = 0;
	for (size_t i = 0; i < text.n; i++)
		wide += (text.p[i] & 0x80) != 0;
	return wide > text.n / 6;
}

static void put_crlf(struct buf *out, slice text)
{
	slice line;
	while (slice_cut(&text, '\n', &line)) {
		buf_put(out, line);
		if (text.p)
			buf_put(out, S("\r\n"));
	}
}

static void put_part(struct buf *out, const char *type, slice text)
{
	bool base64 = wants_base64(text);
	buf_printf(out, "Content-Type: %s; charset=utf-8\r\nContent-Transfer-Encoding: %s\r\n\r\n",
		type, base64 ? "base64" : "quoted-printable");
	AUTO(buf) struct buf crlf = BUF(2 * NOTICE_TEXT_MAX);
	put_crlf(&crlf, text);
	if (base64)
		b64_encode_lines(out, buf_slice(&crlf));
	else
		qp_encode(out, buf_slice(&crlf));
	out->full |= crlf.full;
}

/* The address as a header may have it: the domain in A-labels where that is all it takes. */
static slice header_address(slice address, struct arena *a)
{
	slice local, domain, ascii;
	if (!address_split(address, &local, &domain) || !utf8_is_ascii(local) ||
		!domain_to_ascii(domain, a, &ascii))
		return address;
	return arena_printf(a, "%.*s@%.*s", SFMT(local), SFMT(ascii));
}

static void put_header(
	struct buf *out, const struct notice_letter *n, slice hostname, slice id, int64_t now)
{
	AUTO(arena) struct arena a = {0};
	char date[TIME_RFC5322_MAX];
	buf_put(out, S("From: "));
	words_encode_phrase(out, n->from_name, strlen("From: "));
	buf_printf(out, "%s<%.*s>\r\nTo: <%.*s>\r\nSubject: ", n->from_name.n ? "\r\n " : "",
		SFMT(header_address(n->from, &a)), SFMT(header_address(n->to, &a)));
	words_encode(out, n->subject, strlen("Subject: "));
	buf_printf(out, "\r\nDate: %.*s\r\nMessage-ID: <%.*s@%.*s>\r\n",
		(int)time_rfc5322(now, date), date, SFMT(id), SFMT(hostname));
	if (n->in_reply_to.n)
		buf_printf(out, "In-Reply-To: %.*s\r\nReferences: %.*s\r\n", SFMT(n->in_reply_to),
			SFMT(n->references.n ? n->references : n->in_reply_to));
	/* RFC 3834 section 5; the second one is heeded by Exchange alone. */
	buf_printf(out, "Auto-Submitted: auto-%s\r\nX-Auto-Response-Suppress: All\r\n",
		n->automatic_reply ? "replied" : "generated");
	if (!n->as_written)
		buf_printf(out, "Content-Language: %s\r\n", n->chinese ? "zh-CN" : "en");
	buf_printf(out, "X-Posthouse-Notice: %s\r\nMIME-Version: 1.0\r\n", n->kind);
}

static void put_lines(struct buf *out, slice text)
{
	slice line;
	while (slice_cut(&text, '\n', &line)) {
		if (slice_ends(line, S("\r")))
			line.n--;
		buf_put(out, line);
		buf_put(out, S("\r\n"));
	}
}

/* What a person wrote as MIME: of its header the fields that describe it, none that say who wrote to whom. */
static void put_entity(struct buf *out, slice entity)
{
	struct header_field f;
	slice rest = entity;
	while (header_next(&rest, &f))
		if (slice_istarts(f.name, S("Content-")))
			put_lines(out, f.raw);
	buf_put(out, S("\r\n"));
	put_lines(out, rest);
}

int notice_build(const struct notice_letter *n, slice hostname, slice id, int64_t now,
	struct buf *out, struct err *e)
{
	put_header(out, n, hostname, id, now);
	if (n->entity.n) {
		put_entity(out, n->entity);
	} else if (n->html.n == 0) {
		put_part(out, "text/plain", n->text);
	} else {
		/* Neither encoding yields "=_" or "_" at the start of a line's "--". */
		buf_printf(out,
			"Content-Type: "
			"multipart/alternative;\r\n\tboundary=\"=_notice_%.*s\"\r\n\r\n"
			"--=_notice_%.*s\r\n",
			SFMT(id), SFMT(id));
		put_part(out, "text/plain", n->text);
		buf_printf(out, "\r\n--=_notice_%.*s\r\n", SFMT(id));
		put_part(out, "text/html", n->html);
		buf_printf(out, "\r\n--=_notice_%.*s--\r\n", SFMT(id));
	}
	return buf_ok(out) ? 0
			   : err_set(e, ERR_LIMIT, "a letter of more than %zu bytes", out->limit);
}

static int store(struct blobs *blobs, slice text, struct queue_msg *m, struct err *e)
{
	struct blob_writer *w = blob_begin(blobs);
	if (blob_add(w, text, e) < 0) {
		blob_cancel(w);
		return -1;
	}
	return blob_finish(w, &m->blob, &m->size, e);
}

static slice first_log(const struct notice_letter *n, int64_t now, struct arena *a)
{
	AUTO(buf) struct buf log = BUF(TRACE_LOG_MAX);
	trace_event(&log, now, "queued", "notice", slice_z(n->kind), NULL);
	return arena_dup(a, buf_slice(&log));
}

static struct queue_rcpt *recipient(
	const struct notice_letter *n, const struct route_decision *d, int64_t now, struct arena *a)
{
	struct queue_rcpt *r = ARENA_NEW(a, struct queue_rcpt);
	*r = (struct queue_rcpt){.address = arena_dup(a, n->to),
		.dest = d->dest,
		.notify = NOTIFY_NEVER,
		.next_at = now};
	return r;
}

int notice_make(const struct notice_letter *n, slice hostname, const struct signing *signing,
	const struct route_lookup *l, struct blobs *blobs, int64_t now, struct arena *a,
	struct queue_msg *ret, struct err *e)
{
	AUTO(buf) struct buf text = BUF(2 * NOTICE_TEXT_MAX);
	struct route_decision d;
	char id[MSG_ID_TEXT];
	if (route_decide(l, n->to, false, a, &d, e) < 0)
		return -1;
	if (d.kind == ROUTE_ERROR)
		return err_set(e, d.status.cls == 4 ? ERR_TEMP : ERR_NOTFOUND, "%.*s: %.*s",
			SFMT(n->to), SFMT(d.text));
	struct queue_msg m = {.id = msg_id_new(),
		.priority = QUEUE_NORMAL,
		.arrived_at = now,
		.expires_at = now + n->lifetime,
		.subject = arena_dup(a, utf8_first(n->subject, TRACE_VALUE_MAX)),
		.rcpts = recipient(n, &d, now, a),
		.nrcpts = 1};
	msg_id_print(m.id, id);
	if (notice_build(n, hostname, slice_z(id), now, &text, e) < 0 ||
		sign_text(signing, buf_slice(&text), now, a, &m.prefix, e) < 0 ||
		store(blobs, buf_slice(&text), &m, e) < 0)
		return -1;
	m.message_id = arena_printf(a, "<%s@%.*s>", id, SFMT(hostname));
	m.flags =
		utf8_is_ascii(n->to) || utf8_is_ascii(header_address(n->to, a)) ? 0 : MSG_SMTPUTF8;
	m.flags |= n->stays ? MSG_STAYS : 0;
	m.flags |= utf8_is_ascii(n->entity) ? 0 : MSG_8BIT;
	m.log = first_log(n, now, a);
	*ret = m;
	return 0;
}
