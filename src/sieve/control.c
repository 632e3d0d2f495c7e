/*
 * Commands that steer: require, if, elsif, else, stop (RFC 5228 section 3). What if and its like do is in run.c.
 */
#include "sieve/impl.h"

static bool is_extra(slice names, slice name)
{
	slice one;
	while (slice_cut(&names, ' ', &one))
		if (slice_eq(one, name))
			return true;
	return false;
}

static bool require_one(struct check *c, const struct arg *a, slice name)
{
	enum ext e = sieve_ext_find(name);
	if (c->extra && is_extra(c->extra->names, name))
		e = EXT_EXTRA;
	if (e == EXT_NONE) {
		sieve_mistake(c, a->at, SAY(c, "unknown extension '%.*s'", SFMT(name)),
			SAY(c, "未知的扩展“%.*s”", SFMT(name)));
		return false;
	}
	c->exts |= EXT_BIT(e);
	return true;
}

static bool check_require(struct check *c, struct node *n)
{
	bool good = true;
	for (size_t i = 0; i < n->pos[0]->n; i++)
		good = require_one(c, n->pos[0], n->pos[0]->v[i].plain) && good;
	return good;
}

static void run_nothing(struct run *r, const struct node *n)
{
	(void)r;
	(void)n;
}

static void run_stop(struct run *r, const struct node *n)
{
	(void)n;
	r->state = RUN_STOP;
}

const struct word sieve_words_control[] = {
	{.name = S_INIT("require"),
		.params = {{'S', false, "extensions", "扩展"}},
		.check = check_require,
		.run = run_nothing},
	{.name = S_INIT("if"), .tests = 1, .block = true},
	{.name = S_INIT("elsif"), .tests = 1, .block = true},
	{.name = S_INIT("else"), .block = true},
	{.name = S_INIT("stop"), .run = run_stop},
	{.name = {0}},
};
