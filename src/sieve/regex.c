/*
 * Regular expressions (draft-ietf-sieve-regex: POSIX extended ones), done by PCRE2 without its compiler. What POSIX does not have
 * (look-around, recursion, back references, lazy and possessive repetition) is refused, so that an expression means here what
 * it means elsewhere; of several alternatives the first that fits is taken, not the longest.
 *
 * PCRE2's match limit counts its inner calls at each place of the text. A match is tried with a small limit; when that is not enough,
 * place by place with limits that grow, each paid in steps before: an expression that explodes ends its script, and always at the same
 * step.
 */
#define PCRE2_CODE_UNIT_WIDTH 8
#include "base/must.h"
#include "base/utf8.h"
#include "sieve/impl.h"
#include <pcre2.h>

enum {
	PATTERN_MAX = 4096, /* bytes */
	PARENS_MAX = 30, /* nested: PCRE2 reads them on the stack */
	TEXT_MAX = 128 * 1024, /* bytes that are looked at */
	HEAP_KIB = 4096,
	FIRST_LIMIT = 20, /* calls at each place of the text, in a first go */
	PLACE_LIMIT = 4, /* then at one place; and times LIMIT_GROWS */
	LIMIT_GROWS = 8,
	CALLS = 4, /* for one step */
};
struct regex {
	pcre2_code *code;
	bool utf; /* characters, not octets */
};

static void *from_arena(size_t n, void *arena)
{
	return arena_alloc(arena, n);
}

static void leave(void *p, void *arena)
{
	(void)p; /* the arena frees */
	(void)arena;
}

/* ---- POSIX to PCRE2 ---- */

/* "[^]a[:alpha:]\]": in brackets a backslash is itself. False: it is not closed. */
static bool put_bracket(slice *s, struct buf *out)
{
	size_t i = 1;
	buf_byte(out, '[');
	if (i < s->n && s->p[i] == '^')
		buf_byte(out, s->p[i++]);
	for (size_t first = i; i < s->n && (s->p[i] != ']' || i == first); i++) {
		slice rest = slice_skip(*s, i);
		if (slice_starts(rest, S("[:")) && slice_find(rest, S(":]")) < rest.n) {
			size_t n = slice_find(rest, S(":]")) + 2;
			buf_put(out, slice_first(rest, n));
			i += n - 1;
			continue;
		}
		if (s->p[i] == '\\' || s->p[i] == '[' || (s->p[i] == ']' && i == first))
			buf_byte(out, '\\');
		buf_byte(out, s->p[i]);
	}
	if (i >= s->n)
		return false;
	buf_byte(out, ']');
	*s = slice_skip(*s, i + 1);
	return true;
}

static const char *put_escape(slice *s, struct buf *out)
{
	if (s->n < 2)
		return "a backslash at the end";
	char c = s->p[1];
	bool letter = (ascii_lower(c) >= 'a' && ascii_lower(c) <= 'z') || (c >= '0' && c <= '9');
	if (letter && !strchr("wWsSdDbB", c))
		return c >= '0' && c <= '9' ? "back references are not supported"
					    : "this escape is not supported";
	buf_put(out, slice_first(*s, 2));
	*s = slice_skip(*s, 2);
	return NULL;
}

/* What cannot be, or NULL and the expression for PCRE2. */
static const char *translate(slice s, struct buf *out)
{
	bool repeated = false;
	while (s.n) {
		char c = s.p[0];
		const char *why;
		bool repeats = c == '*' || c == '+' || c == '?' ||
			       (c == '{' && s.n > 1 && s.p[1] >= '0' && s.p[1] <= '9');
		if (repeats && repeated)
			return "two repetitions behind each other";
		if (c == '(' && s.n > 1 && (s.p[1] == '?' || s.p[1] == '*'))
			return "groups with (? are not supported";
		repeated = repeats;
		if (c == '[') {
			if (!put_bracket(&s, out))
				return "missing terminating ]";
		} else if (c == '\\') {
			why = put_escape(&s, out);
			if (why)
				return why;
		} else {
			size_t n = repeats && c == '{' ? slice_index(s, '}') + 1 : 1;
			buf_put(out, slice_first(s, n));
			s = slice_skip(s, n);
		}
	}
	return NULL;
}

static uint32_t options(enum comparator c)
{
	uint32_t o = PCRE2_DOTALL | PCRE2_DOLLAR_ENDONLY | PCRE2_NEVER_BACKSLASH_C |
		     PCRE2_NO_AUTO_POSSESS;
	if (c == COMPARE_OCTET)
		return o | PCRE2_NEVER_UTF;
	return o | PCRE2_UTF | PCRE2_CASELESS;
}

struct regex *sieve_regex_compile(struct arena *a, slice pattern, enum comparator c, slice *ret_why)
{
	AUTO(buf) struct buf out = BUF(PATTERN_MAX * 2 + 100);
	int error;
	size_t at;
	PCRE2_UCHAR text[160];
	const char *why = pattern.n > PATTERN_MAX ? "it is too long" : translate(pattern, &out);
	if (!why && !utf8_valid(pattern) && c != COMPARE_OCTET)
		why = "it is not valid UTF-8";
	if (why) {
		*ret_why = slice_z(why);
		return NULL;
	}
	pcre2_general_context *memory = pcre2_general_context_create(from_arena, leave, a);
	pcre2_compile_context *context = pcre2_compile_context_create(memory);
	must(memory && context);
	pcre2_set_parens_nest_limit(context, PARENS_MAX);
	pcre2_code *code = pcre2_compile(
		(PCRE2_SPTR)(out.n ? out.p : ""), out.n, options(c), &error, &at, context);
	if (!code) {
		pcre2_get_error_message(error, text, sizeof text);
		*ret_why = arena_dup(a, slice_z((char *)text));
		return NULL;
	}
	struct regex *x = ARENA_NEW(a, struct regex);
	x->code = code;
	x->utf = c != COMPARE_OCTET;
	return x;
}

size_t sieve_regex_size(const struct regex *x)
{
	size_t n = 0;
	pcre2_pattern_info(x->code, PCRE2_INFO_SIZE, &n);
	return n;
}

/* ---- matching ---- */

static int at_place(struct run *r, const struct regex *x, slice value, size_t at,
	pcre2_match_data *data, pcre2_match_context *context)
{
	for (uint64_t limit = PLACE_LIMIT;; limit *= LIMIT_GROWS) {
		if (!sieve_run_spend(r, 1 + limit / CALLS))
			return PCRE2_ERROR_MATCHLIMIT;
		pcre2_set_match_limit(context, limit > UINT32_MAX ? UINT32_MAX : (uint32_t)limit);
		int n = pcre2_match(x->code, (PCRE2_SPTR)value.p, value.n, at,
			PCRE2_ANCHORED | PCRE2_NO_UTF_CHECK, data, context);
		if (n != PCRE2_ERROR_MATCHLIMIT)
			return n;
	}
}

/* The whole text with little patience; when that is not enough, place by place, each with as much as it needs. */
static int try_match(struct run *r, const struct regex *x, slice value, pcre2_match_data *data,
	pcre2_match_context *context)
{
	if (!sieve_run_spend(r, 1 + (value.n + 1) * FIRST_LIMIT / CALLS))
		return PCRE2_ERROR_MATCHLIMIT;
	pcre2_set_match_limit(context, FIRST_LIMIT);
	int n = pcre2_match(
		x->code, (PCRE2_SPTR)value.p, value.n, 0, PCRE2_NO_UTF_CHECK, data, context);
	for (size_t at = 0; n == PCRE2_ERROR_MATCHLIMIT && at <= value.n; at++) {
		if (x->utf && at < value.n && ((unsigned char)value.p[at] & 0xc0) == 0x80)
			continue;
		n = at_place(r, x, value, at, data, context);
		if (n == PCRE2_ERROR_NOMATCH && at < value.n)
			n = PCRE2_ERROR_MATCHLIMIT; /* the next place */
		else if (n == PCRE2_ERROR_MATCHLIMIT)
			break;
	}
	return n;
}

/* What is looked at: not too long, and characters where they are wanted. */
static slice text_of(struct run *r, const struct regex *x, slice value)
{
	if (!value.n)
		return S("");
	if (!x->utf)
		return slice_first(value, TEXT_MAX);
	value = utf8_first(value, TEXT_MAX);
	if (utf8_valid(value))
		return value;
	AUTO(buf) struct buf out = BUF(value.n * 3 + 16);
	utf8_scrub(&out, value);
	value = sieve_run_dup(r, buf_slice(&out));
	return value.n ? value : S("");
}

bool sieve_regex_match(
	struct run *r, const struct regex *x, slice value, slice *ret, unsigned *ret_n)
{
	pcre2_general_context *memory = pcre2_general_context_create(NULL, NULL, NULL);
	pcre2_match_context *context = pcre2_match_context_create(memory);
	pcre2_match_data *data = pcre2_match_data_create(SIEVE_MATCH_VALUES, memory);
	must(memory && context && data);
	value = text_of(r, x, value);
	pcre2_set_heap_limit(context, HEAP_KIB);
	int n = try_match(r, x, value, data, context);
	size_t *place = pcre2_get_ovector_pointer(data);
	unsigned found = n == 0 ? SIEVE_MATCH_VALUES : n > 0 ? (unsigned)n : 0;
	for (unsigned i = 0; i < found; i++)
		ret[i] = place[2 * i] == PCRE2_UNSET
				 ? (slice){0}
				 : slice_skip(slice_first(value, place[2 * i + 1]), place[2 * i]);
	*ret_n = found;
	pcre2_match_data_free(data);
	pcre2_match_context_free(context);
	pcre2_general_context_free(memory);
	if (n == PCRE2_ERROR_HEAPLIMIT || n == PCRE2_ERROR_DEPTHLIMIT)
		sieve_run_fail(r, S("a regular expression needs too much memory"),
			S("正则表达式需要过多内存"));
	return n >= 0;
}
