/*
 * Macros of SPF (RFC 7208 section 7). A macro-string is read in parts: runs of literal characters,
 * the three escapes, and %{letter transformers delimiters}. Checking and expanding share the
 * reader. Called by spf_record.c for every domain-spec and by senderauth/spf to expand it.
 */
#include "codec/spf_macro.h"

#include "base/mem.h"

enum { KEEP_MAX = 1000 }; /* more parts than any value has */

/* One part: a literal run, or an escape (%%, %_, %-) as what it stands for, or a macro. */
struct part {
	slice literal;
	bool escaped; /* the literal was an escape */
	char letter; /* 0: literal */
	bool url; /* the letter was a capital */
	bool reverse;
	unsigned keep; /* rightmost parts; 0: all */
	slice delimiters; /* empty: "." */
};

static bool is_alnum(char c)
{
	c = ascii_lower(c);
	return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
}

static bool read_escape(slice *s, struct part *ret)
{
	static const char marks[] = "%_-";
	static const slice values[] = {S_INIT("%"), S_INIT(" "), S_INIT("%20")};
	const char *at = s->n > 1 ? memchr(marks, s->p[1], sizeof marks - 1) : NULL;
	if (!at)
		return false;
	ret->literal = values[at - marks];
	ret->escaped = true;
	*s = slice_skip(*s, 2);
	return true;
}

/* What stands between %{ and }: the letter, digits, r, delimiters. */
static bool read_transformers(slice in, struct part *ret)
{
	size_t i = 1;
	bool digits = false;
	if (in.n == 0 || !memchr("slodiphcrtv", ascii_lower(in.p[0]), 11))
		return false;
	ret->letter = ascii_lower(in.p[0]);
	ret->url = in.p[0] != ret->letter;
	for (; i < in.n && in.p[i] >= '0' && in.p[i] <= '9'; i++) {
		digits = true;
		if (ret->keep < KEEP_MAX)
			ret->keep = ret->keep * 10 + (unsigned)(in.p[i] - '0');
	}
	if (digits && ret->keep == 0)
		return false;
	if (i < in.n && ascii_lower(in.p[i]) == 'r') {
		ret->reverse = true;
		i++;
	}
	ret->delimiters = slice_skip(in, i);
	for (; i < in.n; i++)
		if (!memchr(".-+,/_=", in.p[i], 7))
			return false;
	return true;
}

/* Cuts a part off the front. False: a % that begins no macro, or the end (*s is empty). */
static bool next_part(slice *s, struct part *ret)
{
	*ret = (struct part){0};
	if (s->n == 0)
		return false;
	size_t percent = slice_index(*s, '%');
	if (percent > 0) {
		ret->literal = slice_first(*s, percent);
		*s = slice_skip(*s, percent);
		return true;
	}
	if (!slice_starts(*s, S("%{")))
		return read_escape(s, ret);
	size_t end = slice_index(*s, '}');
	if (end == s->n || !read_transformers(slice_skip(slice_first(*s, end), 2), ret))
		return false;
	*s = slice_skip(*s, end + 1);
	return true;
}

/* ---- checking ---- */

static bool is_printable(slice s, char least)
{
	for (size_t i = 0; i < s.n; i++)
		if (s.p[i] < least || s.p[i] > '~')
			return false;
	return true;
}

/* The last part, too. */
static enum spf_fault check_parts(slice s, bool any, struct part *ret_last)
{
	struct part p = {0};
	*ret_last = p;
	while (s.n) {
		if (!next_part(&s, &p))
			return SPF_MACRO_BAD;
		if (!any && p.letter && memchr("crt", p.letter, 3))
			return SPF_MACRO_FORBIDDEN;
		*ret_last = p;
	}
	return SPF_FINE;
}

enum spf_fault spf_macro_check(slice s, bool any)
{
	struct part last;
	return is_printable(s, '!') ? check_parts(s, any, &last) : SPF_CHARACTER;
}

bool spf_explain_valid(slice s)
{
	struct part last;
	return is_printable(s, ' ') && check_parts(s, true, &last) == SPF_FINE;
}

/* "." toplabel [ "." ] at the end of s: letters, digits, hyphens inside, not digits alone. */
static bool ends_with_toplabel(slice s)
{
	bool digits_alone = true;
	if (slice_ends(s, S(".")))
		s.n--;
	size_t dot = slice_rindex(s, '.');
	slice label = slice_skip(s, dot + 1);
	if (dot == s.n || label.n == 0 || !is_alnum(label.p[0]) || !is_alnum(label.p[label.n - 1]))
		return false;
	for (size_t i = 0; i < label.n; i++) {
		if (!is_alnum(label.p[i]) && label.p[i] != '-')
			return false;
		if (label.p[i] < '0' || label.p[i] > '9')
			digits_alone = false;
	}
	return !digits_alone;
}

enum spf_fault spf_domain_check(slice s)
{
	struct part last;
	if (!is_printable(s, '!'))
		return SPF_CHARACTER;
	enum spf_fault f = check_parts(s, false, &last);
	if (f != SPF_FINE)
		return f;
	bool macro = last.letter || last.escaped;
	return macro || ends_with_toplabel(last.literal) ? SPF_FINE : SPF_DOMAIN_BAD;
}

bool spf_macro_uses(slice s, char letter)
{
	struct part p;
	while (next_part(&s, &p))
		if (p.letter == letter)
			return true;
	return false;
}

/* ---- expanding ---- */

static slice value_of(char letter, const struct spf_macro_values *v, struct buf *number)
{
	switch (letter) {
	case 's':
		return v->sender;
	case 'l':
		return v->local;
	case 'o':
		return v->sender_domain;
	case 'd':
		return v->domain;
	case 'h':
		return v->helo;
	case 'p':
		return v->validated;
	case 'i':
		return v->ip;
	case 'c':
		return v->ip_readable;
	case 'v':
		return v->family;
	case 'r':
		return v->receiver;
	default:
		buf_printf(number, "%lld", (long long)v->now);
		return buf_slice(number);
	}
}

/* RFC 3986 2.3: all but the unreserved characters. */
static void put_url(struct buf *out, slice s)
{
	for (size_t i = 0; i < s.n; i++) {
		if (is_alnum(s.p[i]) || (s.p[i] && memchr("-._~", s.p[i], 4)))
			buf_byte(out, s.p[i]);
		else
			buf_printf(out, "%%%02X", (unsigned char)s.p[i]);
	}
}

/* Length of the first piece, up to a delimiter or the end. */
static size_t piece_length(slice s, slice delimiters)
{
	size_t i = 0;
	while (i < s.n && slice_index(delimiters, s.p[i]) == delimiters.n)
		i++;
	return i;
}

static size_t count_pieces(slice s, slice delimiters)
{
	size_t n = 1;
	for (size_t i = 0; i < s.n; i++)
		n += slice_index(delimiters, s.p[i]) < delimiters.n;
	return n;
}

static slice piece_at(slice s, slice delimiters, size_t which)
{
	for (size_t len = piece_length(s, delimiters); which > 0; which--) {
		s = slice_skip(s, len + 1);
		len = piece_length(s, delimiters);
	}
	return slice_first(s, piece_length(s, delimiters));
}

static void put_macro(const struct part *p, slice value, struct buf *out)
{
	slice delimiters = p->delimiters.n ? p->delimiters : S(".");
	size_t n = count_pieces(value, delimiters);
	size_t first = p->keep && p->keep < n ? n - p->keep : 0;
	for (size_t i = first; i < n && buf_ok(out); i++) {
		slice piece = piece_at(value, delimiters, p->reverse ? n - 1 - i : i);
		if (i > first)
			buf_byte(out, '.');
		if (p->url)
			put_url(out, piece);
		else
			buf_put(out, piece);
	}
}

void spf_macro_expand(slice s, const struct spf_macro_values *v, struct buf *out)
{
	struct part p;
	while (buf_ok(out) && next_part(&s, &p)) {
		AUTO(buf) struct buf number = BUF(32);
		if (p.letter)
			put_macro(&p, value_of(p.letter, v, &number), out);
		else
			buf_put(out, p.literal);
	}
}
