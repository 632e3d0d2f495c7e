/*
 * The part for programs: message/delivery-status (RFC 3464 section 2), in its international form
 * RFC 6533 section 4 when an address is not ASCII. Called by dsn.c.
 */
#include "base/mem.h"
#include "base/time.h"
#include "base/utf8.h"
#include "codec/dsn_parts.h"

enum { FOLD_AT = 76, FIELD_LINE_MAX = 900 };

void dsn_put_line(struct buf *out, slice s, size_t most)
{
	s = utf8_first(s, most);
	for (uint32_t cp; utf8_next(&s, &cp);)
		utf8_put(out, cp < 0x20 || (cp >= 0x7f && cp < 0xa0) ? ' ' : cp);
}

/* "Name: type; value", folded at blanks; a run without one is cut hard. */
static void put_field(struct buf *out, const char *name, slice value, bool utf8)
{
	AUTO(buf) struct buf line = BUF(4 * DSN_DIAGNOSTIC_MAX);
	size_t column = strlen(name) + 1;
	dsn_put_line(&line, slice_trim(value), DSN_DIAGNOSTIC_MAX);
	slice s = buf_slice(&line);
	buf_printf(out, "%s:", name);
	for (slice word; slice_cut(&s, ' ', &word);) {
		if (word.n == 0)
			continue;
		if (column + 1 + word.n > FOLD_AT && column > 1) {
			buf_put(out, S("\r\n"));
			column = 0;
		}
		word = utf8_first(word, FIELD_LINE_MAX);
		buf_byte(out, ' ');
		for (size_t i = 0; i < word.n; i++)
			buf_byte(out, (word.p[i] & 0x80) && !utf8 ? '?' : word.p[i]);
		column += 1 + word.n;
	}
	buf_put(out, S("\r\n"));
}

static void put_typed(struct buf *out, const char *name, const char *type, slice value, bool utf8)
{
	AUTO(buf) struct buf text = BUF(DSN_DIAGNOSTIC_MAX + 32);
	buf_printf(&text, "%s; ", type);
	buf_put(&text, utf8_first(value, DSN_DIAGNOSTIC_MAX));
	put_field(out, name, buf_slice(&text), utf8);
}

static void put_date(struct buf *out, const char *name, int64_t wall)
{
	char date[TIME_RFC5322_MAX];
	if (wall)
		buf_printf(out, "%s: %.*s\r\n", name, (int)time_rfc5322(wall, date), date);
}

static void put_rcpt(struct buf *out, const struct dsn_rcpt *r, bool utf8)
{
	static const char *const actions[] = {
		[DSN_FAILED] = "failed",
		[DSN_DELAYED] = "delayed",
		[DSN_DELIVERED] = "delivered",
		[DSN_RELAYED] = "relayed",
		[DSN_EXPANDED] = "expanded",
	};
	buf_put(out, S("\r\n"));
	if (r->orcpt.n)
		put_field(out, "Original-Recipient", r->orcpt, utf8);
	put_typed(out, "Final-Recipient", utf8_is_ascii(r->address) ? "rfc822" : "utf-8",
		r->address, utf8);
	buf_printf(out, "Action: %s\r\nStatus: ", actions[r->action]);
	status_print(out, r->status);
	buf_put(out, S("\r\n"));
	if (r->remote_mta.n)
		put_typed(out, "Remote-MTA", "dns", r->remote_mta, utf8);
	if (r->diagnostic.n) /* RFC 3464 2.3.6: "smtp" only for what an SMTP server said */
		put_typed(out, "Diagnostic-Code", r->remote_mta.n ? "smtp" : "X-Posthouse",
			r->diagnostic, utf8);
	put_date(out, "Last-Attempt-Date", r->last_attempt);
	put_date(out, "Will-Retry-Until", r->action == DSN_DELAYED ? r->retry_until : 0);
}

void dsn_status(struct buf *out, const struct dsn_facts *f, bool utf8)
{
	if (f->envid.n)
		put_field(out, "Original-Envelope-Id", f->envid, utf8);
	put_typed(out, "Reporting-MTA", "dns", f->reporting_mta, utf8);
	put_date(out, "Arrival-Date", f->arrived_at);
	for (size_t i = 0; i < f->nrcpts && i < DSN_RCPTS_MAX; i++)
		put_rcpt(out, &f->rcpts[i], utf8);
}
