/*
 * Tokens of commands (reader.h): RFC 9051 section 9, with what RFC 3501 writes otherwise. Used by all commands. Nothing
 * here waits but where a literal stands.
 */
#include "proto/imap/reader.h"

#include "base/mem.h"
#include "base/utf8.h"
#include "codec/mutf7.h"
#include "store/mailbox.h"

bool imap_char(struct imap_reader *r, char c)
{
	if (imap_accept(r, c))
		return true;
	switch (c) {
	case '(':
		return imap_wrong(r, "\"(\" is expected");
	case ')':
		return imap_wrong(r, "\")\" is expected");
	case '"':
		return imap_wrong(r, "a quote is expected");
	default:
		return imap_wrong(r, "something else is expected");
	}
}

bool imap_space(struct imap_reader *r)
{
	return imap_accept(r, ' ') || imap_wrong(r, "an argument is missing");
}

bool imap_end(struct imap_reader *r)
{
	if (r->bad)
		return false;
	if (r->p < r->end || r->in_literal)
		return imap_wrong(r, "there is more than is expected");
	r->ended = true;
	return true;
}

static bool is_atom_char(unsigned char c)
{
	return c > ' ' && c < 0x7f && !strchr("(){%*\"\\]", c);
}

/* Characters from here on that `is` says yes to. */
static slice run_of(struct imap_reader *r, bool (*is)(unsigned char c), const char *stops)
{
	const char *begin = r->p;
	if (r->bad)
		return (slice){0};
	while (r->p < r->end && is((unsigned char)*r->p) && !strchr(stops, *r->p))
		r->p++;
	return slice_of(begin, (size_t)(r->p - begin));
}

bool imap_atom(struct imap_reader *r, slice *ret)
{
	slice a = run_of(r, is_atom_char, "");
	if (a.n == 0)
		return imap_wrong(r, "a word is expected");
	*ret = a;
	return true;
}

static bool is_word_char(unsigned char c)
{
	return c > ' ' && c < 0x7f && !strchr("(){\"", c);
}

bool imap_word(struct imap_reader *r, const char *stops, slice *ret)
{
	slice w = run_of(r, is_word_char, stops);
	if (w.n == 0)
		return imap_wrong(r, "a word is expected");
	*ret = w;
	return true;
}

bool imap_is(slice word, const char *name)
{
	return slice_ieq(word, slice_z(name));
}

/* ---- strings */

/* Behind the opening quote. Without escapes it is lent out where it stands. */
static bool quoted(struct imap_reader *r, slice *ret)
{
	const char *begin = r->p;
	while (r->p < r->end && *r->p != '"' && *r->p != '\\')
		r->p++;
	size_t n = (size_t)(r->p - begin);
	if (imap_accept(r, '"')) {
		*ret = slice_of(begin, n);
		return utf8_valid(*ret) || imap_wrong(r, "a quoted string is no valid UTF-8");
	}
	char *to = arena_alloc(r->mem, (size_t)(r->end - begin) + 1);
	memcpy(to, begin, n);
	while (r->p < r->end && *r->p != '"') {
		if (*r->p == '\\' && (++r->p == r->end || (*r->p != '"' && *r->p != '\\')))
			return imap_wrong(r, "\\ quotes only \\ and \"");
		to[n++] = *r->p++;
	}
	if (!imap_accept(r, '"'))
		return imap_wrong(r, "a quoted string does not end");
	*ret = slice_of(to, n);
	return utf8_valid(*ret) || imap_wrong(r, "a quoted string is no valid UTF-8");
}

/* A literal, where a NUL is nothing that can be meant. */
static bool literal(struct imap_reader *r, slice *ret)
{
	if (!imap_read_literal(r, ret))
		return false;
	return !memchr(ret->p, 0, ret->n) || imap_wrong(r, "a string with NUL");
}

bool imap_string(struct imap_reader *r, slice *ret)
{
	if (imap_accept(r, '"'))
		return quoted(r, ret);
	if (imap_peek(r) == '{')
		return literal(r, ret);
	return imap_wrong(r, "a string is expected");
}

static bool is_astring_char(unsigned char c)
{
	return c == ']' || is_atom_char(c);
}

bool imap_astring(struct imap_reader *r, slice *ret)
{
	char c = imap_peek(r);
	if (c == '"' || c == '{')
		return imap_string(r, ret);
	slice a = run_of(r, is_astring_char, "");
	if (a.n == 0)
		return imap_wrong(r, "a string is expected");
	*ret = a;
	return true;
}

static bool nil(struct imap_reader *r, slice *ret)
{
	slice rest = slice_of(r->p, (size_t)(r->end - r->p));
	if (r->bad || !slice_istarts(rest, S("NIL")) ||
		(rest.n > 3 && is_astring_char((unsigned char)rest.p[3])))
		return false;
	r->p += 3;
	*ret = (slice){0};
	return true;
}

bool imap_nstring(struct imap_reader *r, slice *ret)
{
	return nil(r, ret) || imap_string(r, ret);
}

bool imap_nstring8(struct imap_reader *r, slice *ret)
{
	if (imap_peek(r) == '~') {
		r->p++;
		return imap_read_literal(r, ret);
	}
	return imap_nstring(r, ret);
}

/* ---- names of mailboxes */

bool imap_mailbox_decode(const struct imap_reader *r, slice raw, slice *ret)
{
	if (slice_ieq(raw, S("INBOX"))) {
		*ret = S("INBOX");
		return true;
	}
	if (r->utf8 || !memchr(raw.p, '&', raw.n)) {
		if (r->utf8 ? !utf8_valid(raw) : !utf8_is_ascii(raw))
			return false;
		*ret = raw;
		return true;
	}
	AUTO(buf) struct buf b = BUF(4 * raw.n + 16);
	if (!mutf7_decode(raw, &b))
		return false;
	*ret = arena_dup(r->mem, buf_slice(&b));
	return true;
}

/* No folder can be called so: what is no modified UTF-7 is a name that there is not, rather than no name (NO, not BAD). */
#define NO_NAME S("\xff")

static bool decode_name(struct imap_reader *r, slice raw, slice *ret)
{
	if (imap_mailbox_decode(r, raw, ret))
		return true;
	if (r->utf8 || !utf8_is_ascii(raw))
		return imap_wrong(r, "the mailbox name is not encoded as it must be");
	*ret = NO_NAME;
	return true;
}

bool imap_mailbox(struct imap_reader *r, slice *ret)
{
	slice raw;
	return imap_astring(r, &raw) && decode_name(r, raw, ret);
}

static bool is_list_char(unsigned char c)
{
	return c == '%' || c == '*' || is_astring_char(c);
}

bool imap_list_mailbox(struct imap_reader *r, slice *ret)
{
	slice raw;
	char c = imap_peek(r);
	if (c == '"' || c == '{')
		return imap_string(r, &raw) && decode_name(r, raw, ret);
	raw = run_of(r, is_list_char, "");
	if (raw.n == 0)
		return imap_wrong(r, "a mailbox pattern is expected");
	return decode_name(r, raw, ret);
}

/* ---- numbers, sets */

bool imap_number(struct imap_reader *r, uint64_t max, uint64_t *ret)
{
	const char *begin = r->p;
	uint64_t n;
	if (r->bad)
		return false;
	while (r->p < r->end && *r->p >= '0' && *r->p <= '9')
		r->p++;
	if (!slice_u64(slice_of(begin, (size_t)(r->p - begin)), &n) || n > max)
		return imap_wrong(r, "a number is expected");
	*ret = n;
	return true;
}

/* "12" or "*". */
static bool set_number(struct imap_reader *r)
{
	uint64_t n;
	if (imap_accept(r, '*'))
		return true;
	if (imap_peek(r) == '0')
		return imap_wrong(r, "a set of numbers from 1 on is expected");
	return imap_number(r, UINT32_MAX, &n);
}

bool imap_set(struct imap_reader *r, slice *ret_text)
{
	const char *begin = r->p;
	if (imap_accept(r, '$')) {
		*ret_text = S("$");
		return true;
	}
	do
		if (!set_number(r) || (imap_accept(r, ':') && !set_number(r)))
			return false;
	while (imap_accept(r, ','));
	*ret_text = slice_of(begin, (size_t)(r->p - begin));
	return true;
}

/* ---- flags */

static bool system_flag(struct imap_reader *r, unsigned *flags)
{
	static const struct {
		const char *name;
		unsigned flag;
	} known[] = {{"Seen", MAILBOX_SEEN}, {"Answered", MAILBOX_ANSWERED},
		{"Flagged", MAILBOX_FLAGGED}, {"Deleted", MAILBOX_DELETED},
		{"Draft", MAILBOX_DRAFT}, {"Recent", 0}};
	slice name;
	if (!imap_atom(r, &name))
		return false;
	for (size_t i = 0; i < sizeof known / sizeof *known; i++)
		if (imap_is(name, known[i].name)) {
			*flags |= known[i].flag;
			return true;
		}
	return imap_wrong(r, "there is no such system flag");
}

static bool keyword(struct imap_reader *r, struct buf *keywords)
{
	slice k;
	if (!imap_atom(r, &k))
		return false;
	if (k.n > MAILBOX_KEYWORD_MAX)
		return imap_wrong_size(r, "the keyword is too long");
	if (keywords->n)
		buf_byte(keywords, ' ');
	buf_put(keywords, k);
	return buf_ok(keywords) || imap_wrong_size(r, "there are too many keywords");
}

bool imap_flag_list(struct imap_reader *r, bool parens, unsigned *ret_flags, slice *ret_keywords)
{
	enum { KEYWORDS_BYTES = MAILBOX_KEYWORDS_MAX * (MAILBOX_KEYWORD_MAX + 1) };
	AUTO(buf) struct buf keywords = BUF(KEYWORDS_BYTES);
	unsigned flags = 0;
	bool open = imap_accept(r, '(');
	if (parens && !open)
		return imap_wrong(r, "a list of flags is expected");
	bool empty = open && imap_peek(r) == ')';
	while (!empty) {
		if (!(imap_accept(r, '\\') ? system_flag(r, &flags) : keyword(r, &keywords)))
			return false;
		if (!imap_accept(r, ' '))
			break;
	}
	if (open && !imap_char(r, ')'))
		return false;
	*ret_flags = flags;
	*ret_keywords = keywords.n ? arena_dup(r->mem, buf_slice(&keywords)) : S("");
	return true;
}
