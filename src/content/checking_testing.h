/*
 * For the tests of checks: a letter is read, one family looks at it, and what it found is compared
 * by name. For check_*_test.c only.
 */
#pragma once
#include "base/buf.h"
#include "base/mem.h"
#include "base/test.h"
#include "content/checking.h"
#include "content/checks.h"
#include "senderauth/psl.h"

struct checking_case {
	const char *letter; /* LF or CRLF */
	const char *want; /* names of signals in their order, apart by blanks */
};

static inline slice checking_names(const struct signals *s, struct arena *a)
{
	AUTO(buf) struct buf out = BUF(10000);
	for (unsigned i = 0; i < s->n; i++)
		buf_printf(&out, "%s%s", i ? " " : "", s->v[i].def->name);
	return arena_dup(a, buf_slice(&out));
}

/* bulk: what the check of bulk mail would have said; -1: it runs before. */
static inline void checking_try(void (*run)(struct content_exam *x),
	const struct content_context *ctx, const struct content_site *site, int bulk,
	const struct checking_case *t)
{
	AUTO(arena) struct arena a = {0};
	const struct url_names names = {psl_is_suffix, psl_org_domain};
	const struct content_tools tools = {.names = &names, .site = site};
	const struct content_context nothing = {0};
	struct signals s = {.mem = &a}, before = {.mem = &a};
	struct content c;
	content_read(slice_z(t->letter), &tools, &content_limits_default, &a, &c);
	struct content_exam x = {.c = &c,
		.ctx = ctx ? ctx : &nothing,
		.tools = &tools,
		.signals = &before,
		.a = &a,
		.bulk = bulk > 0 ? (unsigned)bulk : 0};
	if (bulk < 0)
		content_check_bulk(&x);
	x.signals = &s;
	run(&x);
	slice got = checking_names(&s, &a);
	if (!slice_eq(got, slice_z(t->want)))
		test_fail(__FILE__, __LINE__, "got \"%.*s\", not \"%s\" in\n%s", SFMT(got), t->want,
			t->letter);
}

#define CHECKING_TRY_ALL(run, ctx, site, cases)                                                    \
	for (size_t checking_i = 0; checking_i < sizeof(cases) / sizeof *(cases); checking_i++)    \
	checking_try((run), (ctx), (site), -1, &(cases)[checking_i])
