/*
 * The report as a whole message: its header, the readable part, the part for programs, and the
 * original or its header (RFC 3464, RFC 6522; international forms by RFC 6533). mail/bounce calls
 * it; whether a report is due, and to whom, is decided there.
 *
 * All parts but a whole 8-bit original are 7-bit, so that a report gets through where its original
 * could not.
 */
#include "codec/dsn.h"

#include "base/b64.h"
#include "base/mem.h"
#include "base/time.h"
#include "base/utf8.h"
#include "codec/dsn_parts.h"
#include "codec/header.h"
#include "codec/qp.h"
#include "codec/smtp_data.h"
#include "codec/words.h"

enum { BOUNDARY_MAX = 100, TEXT_MAX = 2 * 1024 * 1024, SUBJECT_MAX = 300, LINE_LIMIT = 998 };

enum dsn_action dsn_kind(const struct dsn_facts *f)
{
	static const enum dsn_action by_gravity[] = {
		DSN_FAILED, DSN_DELAYED, DSN_RELAYED, DSN_EXPANDED};
	for (size_t k = 0; k < sizeof by_gravity / sizeof by_gravity[0]; k++)
		for (size_t i = 0; i < f->nrcpts; i++)
			if (f->rcpts[i].action == by_gravity[k])
				return by_gravity[k];
	return DSN_DELIVERED;
}

static bool has_utf8_address(const struct dsn_facts *f)
{
	for (size_t i = 0; i < f->nrcpts && i < DSN_RCPTS_MAX; i++)
		if (!utf8_is_ascii(f->rcpts[i].address) || !utf8_is_ascii(f->rcpts[i].orcpt))
			return true;
	return false;
}

/* A line that is nowhere in the original: our id, and a number should someone have guessed it. */
static slice make_boundary(const struct dsn_facts *f, char out[BOUNDARY_MAX])
{
	struct buf b = BUF(BOUNDARY_MAX);
	for (unsigned i = 0;; i++) {
		buf_reset(&b);
		buf_printf(&b, "=_posthouse_%.*s_%u", SFMT(slice_first(f->dsn_id, 40)), i);
		if (slice_find(f->original, buf_slice(&b)) == f->original.n)
			break;
	}
	size_t n = b.n;
	memcpy(out, b.p, n);
	buf_done(&b);
	return slice_of(out, n);
}

void dsn_subject(struct buf *out, const struct dsn_facts *f)
{
	static const char *const starts[] = {
		[DSN_FAILED] = "未能送达 Undeliverable",
		[DSN_DELAYED] = "投递延迟 Delayed",
		[DSN_DELIVERED] = "已送达 Delivered",
		[DSN_RELAYED] = "已转交 Relayed",
		[DSN_EXPANDED] = "已分发 Distributed",
	};
	buf_put(out, slice_z(starts[dsn_kind(f)]));
	if (f->subject.n) {
		buf_put(out, S(": "));
		dsn_put_line(out, f->subject, SUBJECT_MAX);
	}
}

static void put_subject(struct buf *out, const struct dsn_facts *f)
{
	AUTO(buf) struct buf text = BUF(2 * SUBJECT_MAX);
	dsn_subject(&text, f);
	buf_put(out, S("Subject: "));
	words_encode(out, buf_slice(&text), strlen("Subject: "));
	buf_put(out, S("\r\n"));
}

static bool is_token_like(slice s)
{
	for (size_t i = 0; i < s.n; i++)
		if (s.p[i] <= ' ' || s.p[i] > '~')
			return false;
	return s.n > 2 && s.n < LINE_LIMIT - 20;
}

static void put_header(struct buf *out, const struct dsn_facts *f, slice boundary)
{
	char date[TIME_RFC5322_MAX];
	buf_put(out, S("From: "));
	words_encode_phrase(out, S("邮件系统 Mail Delivery System"), strlen("From: "));
	buf_printf(out, " <%.*s>\r\nTo: <%.*s>\r\n", SFMT(f->from), SFMT(f->to));
	put_subject(out, f);
	buf_printf(out, "Date: %.*s\r\n", (int)time_rfc5322(f->now, date), date);
	buf_printf(out, "Message-ID: <%.*s@%.*s>\r\n", SFMT(f->dsn_id), SFMT(f->reporting_mta));
	if (is_token_like(f->original_message_id))
		buf_printf(out, "In-Reply-To: %.*s\r\nReferences: %.*s\r\n",
			SFMT(f->original_message_id), SFMT(f->original_message_id));
	buf_printf(out,
		"Auto-Submitted: auto-replied\r\nMIME-Version: 1.0\r\n"
		"Content-Type: multipart/report; "
		"report-type=delivery-status;\r\n\tboundary=\"%.*s\"\r\n\r\n",
		SFMT(boundary));
	buf_put(out, S("This is a delivery status notification in MIME format.\r\n"));
}

static void open_part(struct buf *out, slice boundary, const char *type, const char *encoding)
{
	buf_printf(out, "\r\n--%.*s\r\nContent-Type: %s\r\nContent-Transfer-Encoding: %s\r\n\r\n",
		SFMT(boundary), type, encoding);
}

static void put_text_part(struct buf *out, const struct dsn_facts *f, slice boundary)
{
	AUTO(buf) struct buf text = BUF(TEXT_MAX), crlf = BUF(TEXT_MAX);
	dsn_text(&text, f);
	for (slice s = buf_slice(&text), line; slice_cut(&s, '\n', &line);) {
		buf_put(&crlf, line);
		if (s.p)
			buf_put(&crlf, S("\r\n"));
	}
	open_part(out, boundary, "text/plain; charset=utf-8", "base64");
	b64_encode_lines(out, buf_slice(&crlf));
	out->full |= text.full | crlf.full;
}

static void put_status_part(struct buf *out, const struct dsn_facts *f, slice boundary)
{
	bool utf8 = has_utf8_address(f);
	AUTO(buf) struct buf fields = BUF(TEXT_MAX);
	dsn_status(&fields, f, utf8);
	if (utf8) { /* RFC 6533 section 4 allows an encoding here, RFC 3464 does not */
		open_part(out, boundary, "message/global-delivery-status", "quoted-printable");
		qp_encode(out, buf_slice(&fields));
	} else {
		open_part(out, boundary, "message/delivery-status", "7bit");
		buf_put(out, buf_slice(&fields));
	}
	out->full |= fields.full;
}

/* May the original be put in as it is? It must be mail that 8BITMIME can carry. */
static bool can_return_full(const struct dsn_facts *f, const struct smtp_data *facts)
{
	if (!f->full || f->original.n > DSN_ORIGINAL_MAX)
		return false;
	return !facts->has_nul && !facts->bare_cr && !facts->bare_lf &&
	       facts->longest_line <= LINE_LIMIT;
}

static void put_headers_part(struct buf *out, slice header, slice boundary)
{
	bool ascii = utf8_is_ascii(header);
	bool international = !ascii && utf8_valid(header);
	open_part(out, boundary, international ? "message/global-headers" : "text/rfc822-headers",
		ascii ? "7bit" : "quoted-printable");
	if (!ascii) {
		qp_encode(out, header);
		return;
	}
	for (slice line; header.n;) {
		size_t n = slice_index(header, '\n');
		line = slice_trim(slice_first(header, n));
		if (n && (header.p[0] == ' ' || header.p[0] == '\t'))
			buf_byte(out, ' ');
		dsn_put_line(out, line, LINE_LIMIT - 1);
		buf_put(out, S("\r\n"));
		header = slice_skip(header, n + 1);
	}
}

static void put_original_part(
	struct buf *out, const struct dsn_facts *f, slice boundary, struct dsn_needs *needs)
{
	struct smtp_data facts;
	smtp_data_init(&facts);
	smtp_data_count(&facts, f->original);
	smtp_data_finish(&facts);
	slice header = slice_first(f->original, header_length(f->original));
	bool international = !utf8_is_ascii(header);
	/* A message with an international header goes back whole only where the road is open for
	 * it. */
	if (can_return_full(f, &facts) && (!international || !utf8_is_ascii(f->to))) {
		open_part(out, boundary, international ? "message/global" : "message/rfc822",
			facts.has_8bit ? "8bit" : "7bit");
		buf_put(out, f->original);
		needs->eightbit |= facts.has_8bit;
		needs->smtputf8 |= international;
		return;
	}
	put_headers_part(out, slice_first(header, DSN_HEADERS_MAX), boundary);
}

bool dsn_build(struct buf *out, const struct dsn_facts *f, struct dsn_needs *ret)
{
	char space[BOUNDARY_MAX];
	slice boundary = make_boundary(f, space);
	struct dsn_needs needs = {0};
	needs.smtputf8 = !utf8_is_ascii(f->to) || !utf8_is_ascii(f->from);
	needs.eightbit = needs.smtputf8;
	put_header(out, f, boundary);
	put_text_part(out, f, boundary);
	put_status_part(out, f, boundary);
	put_original_part(out, f, boundary, &needs);
	buf_printf(out, "\r\n--%.*s--\r\n", SFMT(boundary));
	if (!buf_ok(out))
		return false;
	*ret = needs;
	return true;
}
