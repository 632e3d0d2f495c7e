/*
 * Regular expressions of rules: checked when they are read, confirmed in a letter where Hyperscan
 * only knows that they could match. PCRE2 without its compiler (the sandbox lets nobody make code),
 * with a limit of steps. Called by rules_link.c and rules_run.c.
 */
#define PCRE2_CODE_UNIT_WIDTH 8
#include "base/mem.h"
#include "base/must.h"
#include "content/rules_impl.h"
#include "run/metrics.h"
#include <pcre2.h>

METRIC_COUNTER(limited, "posthouse_rules_limited_total", "",
	"Expressions of rules that did not match because a limit was reached.");

enum {
	NESTED_MAX = 50, /* groups inside each other */
	STEPS = 10000, /* and STEPS_A_BYTE for each byte of the text */
	STEPS_A_BYTE = 4,
	HEAP_KIB = 1024,
	LONG_REPEAT = 16, /* {m,n}: from this n on Hyperscan looks for {m,} */
};

static pcre2_code *compile(slice source, uint32_t flags, int *ret_error, size_t *ret_at)
{
	pcre2_compile_context *c = pcre2_compile_context_create(NULL);
	must(c);
	pcre2_set_max_pattern_length(c, RULES_REGEX_MAX);
	pcre2_set_parens_nest_limit(c, NESTED_MAX);
	pcre2_code *code =
		pcre2_compile((PCRE2_SPTR)source.p, source.n, flags, ret_error, ret_at, c);
	pcre2_compile_context_free(c);
	return code;
}

/* ---- reading ---- */

static bool read_flags(struct rule_regex *x)
{
	x->hs_flags = HS_FLAG_UTF8 | HS_FLAG_SINGLEMATCH;
	x->pcre_flags = PCRE2_UTF | PCRE2_NEVER_BACKSLASH_C;
	for (size_t i = 0; i < x->flags.n; i++)
		switch (x->flags.p[i]) {
		case 'i':
			x->hs_flags |= HS_FLAG_CASELESS;
			x->pcre_flags |= PCRE2_CASELESS;
			break;
		case 's':
			x->hs_flags |= HS_FLAG_DOTALL;
			x->pcre_flags |= PCRE2_DOTALL;
			break;
		case 'm':
			x->hs_flags |= HS_FLAG_MULTILINE;
			x->pcre_flags |= PCRE2_MULTILINE;
			break;
		case 'n':
			x->normal = true;
			break;
		default:
			return false;
		}
	return true;
}

/* Does PCRE2 take it, and does it want anything to be there? */
static int check_pcre(
	struct rules *r, const struct rule_regex *x, const struct rule_word *w, struct err *e)
{
	int error;
	size_t at;
	uint32_t least = 0;
	PCRE2_UCHAR text[160];
	pcre2_code *code = compile(x->source, x->pcre_flags, &error, &at);
	if (!code) {
		pcre2_get_error_message(error, text, sizeof text);
		return RULES_ERR_AT(r, w, e, "/.../ at its byte %zu: %s", at, (char *)text);
	}
	pcre2_match_data *m = pcre2_match_data_create(1, NULL);
	pcre2_pattern_info(code, PCRE2_INFO_MINLENGTH, &least);
	bool empty = pcre2_match(code, (PCRE2_SPTR) "", 0, 0, 0, m, NULL) >= 0;
	pcre2_match_data_free(m);
	pcre2_code_free(code);
	if (empty)
		return RULES_ERR_AT(r, w, e, "/.../ matches the empty text: it would always hold");
	return 0;
}

/* "{2,40}" -> the length of that and where its comma is; 0: no such thing here, or a short one. */
static size_t long_repeat(slice s, size_t *ret_comma)
{
	size_t end = slice_index(s, '}');
	uint64_t least, most;
	*ret_comma = slice_index(s, ',');
	if (end == s.n || *ret_comma >= end ||
		!slice_u64(slice_skip(slice_first(s, *ret_comma), 1), &least) ||
		!slice_u64(slice_skip(slice_first(s, end), *ret_comma + 1), &most))
		return 0;
	return most >= LONG_REPEAT && most > least ? end + 1 : 0;
}

/* Bounds of long repetitions make Hyperscan take a hundred times as long to compile them, most of
 * all in UTF-8. Without them it finds more, and PCRE2 confirms. */
static slice without_bounds(slice s, struct arena *a)
{
	AUTO(buf) struct buf out = BUF(RULES_REGEX_MAX + 1);
	size_t comma, n, first = 0; /* in a class: where a ']' is one of its characters */
	for (size_t i = 0; i < s.n; i++) {
		slice rest = slice_skip(s, i);
		if (rest.p[0] == '\\' && rest.n > 1) {
			buf_put(&out, slice_first(rest, 2));
			i++;
		} else if (!first && rest.p[0] == '{' && (n = long_repeat(rest, &comma)) > 0) {
			buf_put(&out, slice_first(rest, comma + 1));
			buf_byte(&out, '}');
			i += n - 1;
		} else {
			if (!first && rest.p[0] == '[')
				first = i + (slice_starts(rest, S("[^")) ? 2 : 1);
			else if (rest.p[0] == ']' && i != first)
				first = 0;
			buf_byte(&out, rest.p[0]);
		}
	}
	return slice_of(arena_strz(a, buf_slice(&out)), out.n);
}

/* Taken over only where Hyperscan takes it: then it is a regular expression in the strict sense,
 * and what matched before matches still. */
static void look_roughly(struct rules *r, struct rule_regex *x)
{
	hs_expr_info_t *info = NULL;
	hs_compile_error_t *bad = NULL;
	slice rough = without_bounds(x->source, &r->mem);
	if (rough.n == x->source.n || slice_find(x->source, S("\\Q")) < x->source.n)
		return;
	if (hs_expression_info(rough.p, x->hs_flags, &info, &bad) == HS_SUCCESS) {
		x->look = rough.p;
		x->exact = false;
	}
	free(info);
	hs_free_compile_error(bad);
}

/* What Hyperscan cannot do exactly it may do roughly, for PCRE2 to confirm. */
static int check_hyperscan(
	struct rules *r, struct rule_regex *x, const struct rule_word *w, struct err *e)
{
	hs_expr_info_t *info = NULL;
	hs_compile_error_t *bad = NULL;
	const char *z = arena_strz(&r->mem, x->source);
	x->exact = hs_expression_info(z, x->hs_flags, &info, &bad) == HS_SUCCESS;
	if (!x->exact) {
		hs_free_compile_error(bad);
		bad = NULL;
		x->hs_flags |= HS_FLAG_PREFILTER;
		if (hs_expression_info(z, x->hs_flags, &info, &bad) != HS_SUCCESS) {
			RULES_ERR_AT(r, w, e, "/.../: %s", bad->message);
			hs_free_compile_error(bad);
			return -1;
		}
	}
	bool anything = info->min_width == 0;
	free(info);
	if (anything)
		return RULES_ERR_AT(r, w, e, "/.../ has no part that must be there to look for");
	x->source = slice_of(z, x->source.n);
	x->look = z;
	if (x->exact)
		look_roughly(r, x);
	return 0;
}

int rules_regex(struct rules *r, const struct rule_cond *c, const struct rule_word *w,
	uint32_t value, struct err *e)
{
	struct rule_regex x = {.source = w->text,
		.flags = w->flags,
		.value = value,
		.cond = c->id,
		.fields = c->fields,
		.line = w->line,
		.origin = w->source};
	if (x.source.n == 0 || x.source.n > RULES_REGEX_MAX || memchr(x.source.p, 0, x.source.n))
		return RULES_ERR_AT(
			r, w, e, "an expression of 1 to %d bytes is missing", RULES_REGEX_MAX);
	if (!read_flags(&x))
		return RULES_ERR_AT(r, w, e, "behind /.../ may stand i, s, m, n");
	if (check_pcre(r, &x, w, e) < 0 || check_hyperscan(r, &x, w, e) < 0)
		return -1;
	ROOM(r->regexes, r->nregexes, r->regexes_room);
	r->regexes[r->nregexes++] = x;
	return 0;
}

/* ---- confirming ---- */

static void limit_steps(pcre2_match_context *c, size_t n)
{
	pcre2_set_match_limit(c, (uint32_t)(STEPS + STEPS_A_BYTE * n));
	pcre2_set_heap_limit(c, HEAP_KIB);
}

void rules_count_limited(struct rules *r)
{
	r->limited++;
	metric_add(&limited, 1);
}

static bool confirm(struct rules *r, struct rule_regex *x, bool many, slice text,
	struct rule_span *ret, bool *ret_limited)
{
	int error;
	size_t at;
	uint32_t flags = x->pcre_flags | (many ? PCRE2_MULTILINE : 0);
	if (!r->match_data) {
		r->match_data = pcre2_match_data_create(1, NULL);
		r->match_context = pcre2_match_context_create(NULL);
		must(r->match_data && r->match_context);
	}
	if (!x->code[many])
		x->code[many] = compile(x->source, flags, &error, &at);
	if (!x->code[many])
		return false;
	limit_steps(r->match_context, text.n);
	error = pcre2_match(x->code[many], (PCRE2_SPTR)text.p, text.n, 0, PCRE2_NO_UTF_CHECK,
		r->match_data, r->match_context);
	if (error == PCRE2_ERROR_MATCHLIMIT || error == PCRE2_ERROR_HEAPLIMIT ||
		error == PCRE2_ERROR_DEPTHLIMIT)
		*ret_limited = true;
	if (error < 0)
		return false;
	const size_t *place = pcre2_get_ovector_pointer(r->match_data);
	*ret = (struct rule_span){(uint32_t)place[0], (uint32_t)place[1]};
	return true;
}

bool rules_confirm(
	struct rules *r, struct rule_regex *x, bool many, slice text, struct rule_span *ret)
{
	bool limit = false;
	bool matches = confirm(r, x, many, text, ret, &limit);
	if (limit)
		rules_count_limited(r);
	return matches;
}

bool rules_place(
	struct rules *r, struct rule_regex *x, bool many, slice text, struct rule_span *ret)
{
	bool limit;
	return confirm(r, x, many, text, ret, &limit);
}

void rules_regex_free(struct rules *r)
{
	for (size_t i = 0; i < r->nregexes; i++) {
		pcre2_code_free(r->regexes[i].code[0]);
		pcre2_code_free(r->regexes[i].code[1]);
	}
	pcre2_match_data_free(r->match_data);
	pcre2_match_context_free(r->match_context);
	free(r->regexes);
}
