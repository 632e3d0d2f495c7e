/*
 * Writing values (session.h): RFC 9051 section 9. Used by all files that answer. Bytes go to the io's buffer; that a write failed is
 * kept in s->lost, so that nobody needs to ask.
 */
#include "proto/imap/session.h"

#include "base/mem.h"
#include "base/utf8.h"
#include "codec/mutf7.h"

#include <stdarg.h>
#include <stdio.h>
#include <time.h>

enum { QUOTED_MAX = 4000 }; /* longer strings are literals */

void imap_put(struct imap *s, slice raw)
{
	struct err e;
	s->summary.bytes_out += raw.n;
	if (!s->lost && io_write(s->io, raw, &e) < 0)
		s->lost = true;
}

void imap_printf(struct imap *s, const char *fmt, ...)
{
	char text[512];
	va_list ap, again;
	va_start(ap, fmt);
	va_copy(again, ap);
	int n = vsnprintf(text, sizeof text, fmt, ap);
	if (n >= 0 && (size_t)n < sizeof text) {
		imap_put(s, slice_of(text, (size_t)n));
	} else if (n > 0) {
		AUTO(free) char *large = mem_alloc((size_t)n + 1);
		vsnprintf(large, (size_t)n + 1, fmt, again);
		imap_put(s, slice_of(large, (size_t)n));
	}
	va_end(again);
	va_end(ap);
}

void imap_put_number(struct imap *s, uint64_t n)
{
	char text[20], *p = text + sizeof text;
	do
		*--p = (char)('0' + n % 10);
	while (n /= 10);
	imap_put(s, slice_of(p, (size_t)(text + sizeof text - p)));
}

/* ---- strings */

/* Every byte may stand between quotes, but for \ and ". */
static bool may_be_quoted(const struct imap *s, slice v, bool *ret_escapes)
{
	bool high = false;
	*ret_escapes = false;
	if (v.n > QUOTED_MAX)
		return false;
	for (size_t i = 0; i < v.n; i++) {
		unsigned char c = (unsigned char)v.p[i];
		if (c == '\r' || c == '\n' || c == 0)
			return false;
		*ret_escapes |= c == '"' || c == '\\';
		high |= c > 127;
	}
	return !high || (s->in.utf8 && utf8_valid(v));
}

static void put_escaped(struct imap *s, slice v)
{
	size_t from = 0;
	for (size_t i = 0; i < v.n; i++)
		if (v.p[i] == '"' || v.p[i] == '\\') {
			imap_put(s, slice_of(v.p + from, i - from));
			imap_put(s, S("\\"));
			from = i;
		}
	imap_put(s, slice_skip(v, from));
}

/* NUL is nowhere allowed: it becomes "?". */
static void put_without_nul(struct imap *s, slice v)
{
	while (v.n > 0) {
		slice part = slice_first(v, slice_index(v, '\0'));
		imap_put(s, part);
		v = slice_skip(v, part.n);
		if (v.n > 0)
			imap_put(s, S("?"));
		v = slice_skip(v, 1);
	}
}

void imap_put_string(struct imap *s, slice v)
{
	bool escapes;
	if (!v.p) {
		imap_put(s, S("NIL"));
	} else if (!may_be_quoted(s, v, &escapes)) {
		imap_printf(s, "{%zu}\r\n", v.n);
		put_without_nul(s, v);
	} else {
		imap_put(s, S("\""));
		if (escapes)
			put_escaped(s, v);
		else
			imap_put(s, v);
		imap_put(s, S("\""));
	}
}

static bool may_be_atom(slice v)
{
	for (size_t i = 0; i < v.n; i++) {
		unsigned char c = (unsigned char)v.p[i];
		if (c <= ' ' || c >= 0x7f || strchr("(){%*\"\\", c))
			return false;
	}
	return v.n > 0 && v.n < QUOTED_MAX && !slice_ieq(v, S("NIL"));
}

void imap_put_astring(struct imap *s, slice v)
{
	if (may_be_atom(v))
		imap_put(s, v);
	else
		imap_put_string(s, v.p ? v : S(""));
}

void imap_put_mailbox(struct imap *s, slice utf8)
{
	if (s->in.utf8 || (utf8_is_ascii(utf8) && !memchr(utf8.p, '&', utf8.n))) {
		imap_put_astring(s, utf8);
		return;
	}
	AUTO(buf) struct buf b = BUF(8 * utf8.n + 16);
	mutf7_encode(utf8, &b);
	imap_put_astring(s, buf_slice(&b));
}

/* ---- flags, sets, dates */

void imap_put_flags(struct imap *s, const struct mailbox_message *m)
{
	static const struct {
		unsigned flag;
		const char *name;
	} names[] = {{MAILBOX_ANSWERED, "\\Answered"}, {MAILBOX_FLAGGED, "\\Flagged"},
		{MAILBOX_DELETED, "\\Deleted"}, {MAILBOX_SEEN, "\\Seen"},
		{MAILBOX_DRAFT, "\\Draft"}};
	const char *between = "";
	imap_put(s, S("("));
	for (size_t i = 0; i < sizeof names / sizeof *names; i++)
		if (m->flags & names[i].flag) {
			imap_putz(s, between);
			imap_putz(s, names[i].name);
			between = " ";
		}
	if (!imap_has(s, IMAP_REV2) && s->view && uidset_has(&s->view->recent, m->uid)) {
		imap_putz(s, between);
		imap_put(s, S("\\Recent"));
		between = " ";
	}
	if (m->keywords.n) {
		imap_putz(s, between);
		imap_put(s, m->keywords);
	}
	imap_put(s, S(")"));
}

static void put_range(struct imap *s, struct uidrange r)
{
	imap_put_number(s, r.first);
	if (r.last == r.first)
		return;
	imap_put(s, S(":"));
	imap_put_number(s, r.last);
}

void imap_put_set(struct imap *s, const struct uidset *u)
{
	for (size_t i = 0; i < u->n; i++) {
		if (i > 0)
			imap_put(s, S(","));
		put_range(s, u->v[i]);
	}
}

slice imap_print_set(struct arena *a, const struct uidset *u)
{
	enum { RANGE_MAX = 22 };
	AUTO(buf) struct buf b = BUF(RANGE_MAX * u->n + 1);
	for (size_t i = 0; i < u->n; i++) {
		struct uidrange r = u->v[i];
		buf_printf(
			&b, r.first == r.last ? "%s%u" : "%s%u:%u", i ? "," : "", r.first, r.last);
	}
	return arena_dup(a, buf_slice(&b));
}

void imap_put_date_time(struct imap *s, int64_t usec)
{
	char text[40];
	time_t t = (time_t)(usec / 1000000);
	struct tm tm;
	gmtime_r(&t, &tm);
	strftime(text, sizeof text, "\"%d-%b-%Y %H:%M:%S +0000\"", &tm);
	imap_putz(s, text);
}
