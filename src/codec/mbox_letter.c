/*
 * A letter of an mbox file (mbox.h): its "From " line, the notes that mail programs keep in its header, quoted lines. In files that this program wrote the
 * notes are the first fields and are told by number; what follows is the letter's own, whatever it is called.
 */
#include "base/mem.h"
#include "base/time.h"
#include "codec/date.h"
#include "codec/header.h"
#include "codec/mbox_impl.h"

#include <stdio.h>
#include <time.h>

/* ---- "From joe@example.org Sun Nov 22 20:17:01 2026" ---- */

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

/* The first "dd:dd" ("d:dd") in it; line.n: none. */
static size_t find_time(slice line)
{
	for (size_t i = 6; i + 2 < line.n; i++)
		if (line.p[i] == ':' && is_digit(line.p[i - 1]) && is_digit(line.p[i + 1]) &&
			is_digit(line.p[i + 2]))
			return is_digit(line.p[i - 2]) ? i - 2 : i - 1;
	return line.n;
}

/* "Nov 22 20:17:01 2026", "Nov 22 20:17:01 +0800 2026", "Nov 22 20:17:01 2026 +0800" as a date of RFC 5322. */
static bool read_date(slice line, size_t at, int64_t *ret_seconds)
{
	char text[80];
	slice before = slice_trim(slice_first(line, at)), rest = slice_trim(slice_skip(line, at)),
	      part;
	slice day = slice_skip(before, slice_rindex(before, ' ') + 1);
	if (slice_rindex(before, ' ') == before.n)
		return false;
	before = slice_trim(slice_first(before, slice_rindex(before, ' ')));
	slice month = slice_rindex(before, ' ') < before.n
			      ? slice_skip(before, slice_rindex(before, ' ') + 1)
			      : before;
	slice clock = {0}, year = {0}, zone = S("+0000");
	for (int i = 0; slice_cut(&rest, ' ', &part) && i < 6; i++) {
		if (i == 0)
			clock = part;
		else if (part.n == 4 && is_digit(part.p[0]))
			year = part;
		else if (part.n == 5 && (part.p[0] == '+' || part.p[0] == '-'))
			zone = part;
	}
	if (!year.n || month.n != 3 || day.n > 2 || clock.n > 8)
		return false;
	int n = snprintf(text, sizeof text, "%.*s %.*s %.*s %.*s %.*s", SFMT(day), SFMT(month),
		SFMT(year), SFMT(clock), SFMT(zone));
	return n > 0 && (size_t)n < sizeof text &&
	       date_parse(slice_of(text, (size_t)n), ret_seconds);
}

bool mbox_is_from(slice line, bool after_blank)
{
	int64_t seconds;
	size_t at = find_time(line);
	if (at == line.n || line.n > 1000)
		return false;
	return after_blank || read_date(line, at, &seconds);
}

/* "From - " has the time when a program fetched it: nothing that counts. */
void mbox_read_from(slice line, int64_t *ret)
{
	int64_t seconds;
	size_t at = find_time(line);
	if (at < line.n && !slice_starts(line, S("From - ")) && read_date(line, at, &seconds) &&
		seconds > 0)
		*ret = seconds * SECOND;
}

/* ---- notes ---- */

bool mbox_content_length(slice head, uint64_t *ret)
{
	struct header_field f;
	if (slice_starts(head, S(MBOX_OWN ":"))) /* we write none */
		return false;
	return header_find(head, S("Content-Length"), 0, &f) && slice_u64(slice_trim(f.value), ret);
}

static void read_letters(slice value, const char *letters, const unsigned *bits, unsigned *flags)
{
	for (size_t i = 0; i < value.n; i++) {
		const char *at = value.p[i] ? strchr(letters, value.p[i]) : NULL;
		if (at)
			*flags |= bits[at - letters];
	}
}

static void read_mozilla(slice value, struct buf *words, struct mbox_letter *l)
{
	unsigned long bits = 0;
	for (size_t i = 0; i < value.n && i < 8; i++) {
		char c = ascii_lower(value.p[i]);
		int digit = is_digit(c) ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : 0;
		bits = bits << 4 | (unsigned long)digit;
	}
	l->flags |= (bits & 1 ? MBOX_SEEN : 0u) | (bits & 2 ? MBOX_ANSWERED : 0u) |
		    (bits & 4 ? MBOX_FLAGGED : 0u);
	l->expunged |= bits & 8;
	if (bits & 0x1000)
		buf_put(words, S("$Forwarded "));
}

/* A name that stands between brackets or blanks. */
static void read_words(slice value, struct buf *words)
{
	for (size_t i = 0; i < value.n; i++)
		buf_byte(words, value.p[i] == '\t' || value.p[i] == '\r' || value.p[i] == '\n'
					? ' '
					: value.p[i]);
	buf_byte(words, ' ');
}

/* True: a note, which is no part of the letter. */
static bool read_note(const struct header_field *f, struct buf *words, struct mbox_letter *l)
{
	static const unsigned status[] = {MBOX_SEEN, 0},
			      xstatus[] = {MBOX_ANSWERED, MBOX_FLAGGED, MBOX_DRAFT, MBOX_DELETED};
	static const slice other[] = {S_INIT("X-UID"), S_INIT("X-IMAP"), S_INIT("X-IMAPbase"),
		S_INIT("Content-Length"), S_INIT("X-Mozilla-Status2")};
	slice value = slice_trim(f->value);
	for (size_t i = 0; i < sizeof other / sizeof *other; i++)
		if (slice_ieq(f->name, other[i]))
			return true;
	if (slice_ieq(f->name, S("Status")))
		read_letters(value, "RO", status, &l->flags);
	else if (slice_ieq(f->name, S("X-Status")))
		read_letters(value, "AFTD", xstatus, &l->flags);
	else if (slice_ieq(f->name, S("X-Keywords")) || slice_ieq(f->name, S("X-Mozilla-Keys")))
		read_words(value, words);
	else if (slice_ieq(f->name, S("X-Mozilla-Status")))
		read_mozilla(value, words, l);
	else
		return false;
	l->noted = true;
	return true;
}

/* "received=1790000000000000; notes=2; cut" */
struct own {
	bool is, cut;
	uint64_t received_at, notes;
};

static struct own read_own(const struct header_field *f)
{
	struct own o = {.is = slice_ieq(f->name, S(MBOX_OWN))};
	slice rest = f->value, part;
	while (o.is && slice_cut(&rest, ';', &part)) {
		part = slice_trim(part);
		if (slice_starts(part, S("received=")))
			slice_u64(slice_skip(part, 9), &o.received_at);
		else if (slice_starts(part, S("notes=")))
			slice_u64(slice_skip(part, 6), &o.notes);
		else
			o.cut |= slice_eq(part, S("cut"));
	}
	return o;
}

/* The header without notes: what stays is moved together towards the body, so that both are one run again. Returns where it begins. */
static size_t strip_head(struct mbox *m, slice head, struct mbox_letter *l, struct own *own)
{
	AUTO(buf) struct buf words = BUF(64 * 1024);
	AUTO(buf) struct buf kept = BUF(head.n + 1);
	struct header_field f;
	slice rest = head;
	for (size_t i = 0; header_next(&rest, &f); i++) {
		if (i == 0)
			*own = read_own(&f);
		bool asked = own->is ? i <= own->notes : true;
		bool note = (i == 0 && own->is) || (asked && read_note(&f, &words, l));
		if (!note)
			buf_put(&kept, f.raw);
	}
	size_t body = head.n - (rest.p ? (size_t)(rest.p - head.p) : head.n);
	slice tail = slice_skip(head, head.n - body); /* nothing, as a rule */
	slice end = slice_ends(head, S("\r\n\r\n")) ? S("\r\n") : S("\n");
	if (m->head_n)
		buf_put(&kept, end);
	buf_put(&kept, tail);
	l->keywords = slice_trim(arena_dup(&m->mem, buf_slice(&words)));
	if (kept.n > head.n) /* cannot be */
		return 0;
	if (kept.n)
		memcpy(m->raw.p + head.n - kept.n, kept.p, kept.n);
	return head.n - kept.n;
}

/* ---- quoted lines ---- */

static bool is_quoted(slice line, enum mbox_quoting q)
{
	size_t n = 0;
	while (n < line.n && line.p[n] == '>')
		n++;
	return n > 0 && (q == MBOX_RD || n == 1) && slice_starts(slice_skip(line, n), S("From "));
}

/* In place; returns how long it is then. */
static size_t unquote(char *p, size_t n, enum mbox_quoting q)
{
	size_t to = 0;
	if (q == MBOX_AS_IS)
		return n;
	for (size_t at = 0; at < n;) {
		const char *lf = memchr(p + at, '\n', n - at);
		size_t len = lf ? (size_t)(lf - (p + at)) + 1 : n - at, skip = 0;
		if (p[at] == '>')
			skip = is_quoted(slice_of(p + at, len), q);
		if (to != at + skip)
			memmove(p + to, p + at + skip, len - skip);
		to += len - skip;
		at += len;
	}
	return to;
}

static size_t without_line_end(slice s)
{
	if (slice_ends(s, S("\r\n")))
		return s.n - 2;
	return slice_ends(s, S("\n")) ? s.n - 1 : s.n;
}

void mbox_read_letter(struct mbox *m, size_t n, enum mbox_quoting q, struct mbox_letter *l)
{
	struct own own = {0};
	size_t head_n = m->head_n && m->head_n <= n ? m->head_n : n;
	if (head_n != m->head_n)
		m->head_n = 0; /* its empty line counted as the one before the next letter */
	size_t from = n ? strip_head(m, slice_first(buf_slice(&m->raw), head_n), l, &own) : 0;
	if (own.is)
		q = MBOX_RD;
	if (own.is && own.received_at && own.received_at < INT64_MAX)
		l->received_at = (int64_t)own.received_at;
	if (n)
		n = head_n + unquote(m->raw.p + head_n, n - head_n, q);
	if (own.is && own.cut)
		n = without_line_end(slice_of(m->raw.p, n));
	l->head = slice_of(m->raw.p + from, head_n < n ? head_n - from : n - from);
	l->rest = slice_of(m->raw.p + head_n, n > head_n ? n - head_n : 0);
}
