/*
 * include (RFC 6609): scripts inside scripts, return, and variables that they share. The caller loads what sieve_includes() names;
 * a script that is not there is an error unless :optional, one that would include itself always.
 */
#include "sieve/impl.h"

static bool note_include(struct check *c, const struct sieve_include *inc)
{
	struct sieve_script *s = c->script;
	for (size_t i = 0; i < s->nincludes; i++)
		if (slice_eq(s->includes[i].name, inc->name) &&
			s->includes[i].global == inc->global) {
			s->includes[i].optional = s->includes[i].optional && inc->optional;
			return true;
		}
	if (s->nincludes == SIEVE_SCRIPTS_MAX)
		return false;
	if (s->nincludes == s->includes_room) {
		size_t room = s->includes_room ? s->includes_room * 2 : 4;
		struct sieve_include *more = ARENA_ARRAY(c->a, struct sieve_include, room);
		if (s->nincludes)
			memcpy(more, s->includes, s->nincludes * sizeof *more);
		s->includes = more;
		s->includes_room = room;
	}
	s->includes[s->nincludes++] = *inc;
	return true;
}

static bool check_include(struct check *c, struct node *n)
{
	struct sieve_include inc = {
		.global = node_has(n, TAG_GLOBAL), .optional = node_has(n, TAG_OPTIONAL)};
	if (!sieve_constant(c, n, n->pos[0], &inc.name))
		return false;
	if (inc.name.n == 0 || inc.name.n > SIEVE_NAME_MAX * 4 ||
		memchr(inc.name.p, '/', inc.name.n)) {
		sieve_mistake(c, n->pos[0]->at,
			SAY(c, "'%.*s' can be no script's name", SFMT(inc.name)),
			SAY(c, "“%.*s”不能作为脚本名", SFMT(inc.name)));
		return false;
	}
	if (!note_include(c, &inc)) {
		sieve_mistake(c, n->at, S("the script includes too many others"),
			S("脚本包含的其他脚本过多"));
		return false;
	}
	return true;
}

static const struct sieve_script *find(const struct run *r, slice name, bool global)
{
	for (size_t i = 0; i < r->in->nincluded; i++) {
		const struct sieve_script *s = r->in->included[i];
		if (s && slice_eq(s->name, name) && s->global == global)
			return s;
	}
	return NULL;
}

static bool was_run(const struct run *r, const struct sieve_script *s)
{
	for (size_t i = 0; i < r->nonce; i++)
		if (r->once[i] == s)
			return true;
	return false;
}

static bool runs_now(const struct run *r, const struct sieve_script *s)
{
	for (const struct frame *f = r->frame; f; f = f->up)
		if (f->script == s)
			return true;
	return false;
}

static void run_include(struct run *r, const struct node *n)
{
	slice name = sieve_run_string(r, n->pos[0]);
	const struct sieve_script *s = find(r, name, node_has(n, TAG_GLOBAL));
	if (!s) {
		if (!node_has(n, TAG_OPTIONAL))
			sieve_run_fail(r,
				arena_printf(r->a,
					"include: there is no script '%.*s', or it has mistakes",
					SFMT(name)),
				arena_printf(
					r->a, "include：没有脚本“%.*s”，或其中有错误", SFMT(name)));
		return;
	}
	if (runs_now(r, s)) {
		sieve_run_fail(r,
			arena_printf(r->a, "include: '%.*s' would include itself", SFMT(name)),
			arena_printf(r->a, "include：“%.*s”会包含自身", SFMT(name)));
		return;
	}
	if (node_has(n, TAG_ONCE) && was_run(r, s))
		return;
	if (r->includes == SIEVE_INCLUDES_MAX) {
		sieve_run_fail(
			r, S("scripts include each other too deeply"), S("脚本相互包含过深"));
		return;
	}
	if (!was_run(r, s) && r->nonce < SIEVE_SCRIPTS_MAX)
		r->once[r->nonce++] = s;
	r->includes++;
	sieve_run_included(r, s);
	r->includes--;
}

static void run_return(struct run *r, const struct node *n)
{
	(void)n;
	r->state = RUN_RETURN;
}

/* ---- global ---- */

static bool check_global(struct check *c, struct node *n)
{
	const struct arg *a = n->pos[0];
	unsigned *v = ARENA_ARRAY(c->a, unsigned, a->n + 1);
	if (!(c->exts & EXT_BIT(EXT_VARIABLES))) {
		sieve_mistake(c, n->at, S("the global command needs `require \"variables\"` first"),
			S("global 命令需要先写 require \"variables\""));
		return false;
	}
	for (size_t i = 0; i < a->n; i++) {
		uint64_t number;
		slice name = a->v[i].plain;
		if (a->v[i].n || !sieve_variable_name(name) || slice_u64(name, &number) ||
			slice_index(name, '.') < name.n) {
			sieve_mistake(c, a->at,
				SAY(c, "'%.*s' is no name of a variable", SFMT(name)),
				SAY(c, "“%.*s”不是变量名", SFMT(name)));
			return false;
		}
		v[i] = sieve_variable(c, name);
	}
	n->data = v;
	return true;
}

struct var *sieve_run_global(struct run *r, slice name)
{
	for (struct global *g = r->globals; g; g = g->next)
		if (slice_ieq(g->name, name))
			return &g->var;
	if (r->nvariables++ >= r->lim.variables) {
		sieve_run_fail(r, S("the script sets too many variables"), S("脚本设置的变量过多"));
		return NULL;
	}
	struct global *g = sieve_run_alloc(r, sizeof *g);
	g->name = name;
	g->next = r->globals;
	r->globals = g;
	return &g->var;
}

static void run_global_command(struct run *r, const struct node *n)
{
	const unsigned *v = n->data;
	for (size_t i = 0; i < n->pos[0]->n && sieve_run_look(r, 1000); i++)
		r->frame->slots[v[i]] = sieve_run_global(r, r->frame->script->vars[v[i]]);
}

static const struct tag include_tags[] = {
	{S_INIT("personal"), TAG_PERSONAL, EXT_INCLUDE, 0, 1},
	{S_INIT("global"), TAG_GLOBAL, EXT_INCLUDE, 0, 1},
	{S_INIT("once"), TAG_ONCE, EXT_INCLUDE, 0, 0},
	{S_INIT("optional"), TAG_OPTIONAL, EXT_INCLUDE, 0, 0},
	{{0}, 0, 0, 0, 0},
};

const struct word sieve_words_include[] = {
	{.name = S_INIT("include"),
		.ext = EXT_INCLUDE,
		.params = {{'s', false, "script", "脚本"}},
		.tags = include_tags,
		.check = check_include,
		.run = run_include},
	{.name = S_INIT("return"), .ext = EXT_INCLUDE, .run = run_return},
	{.name = S_INIT("global"),
		.ext = EXT_INCLUDE,
		.params = {{'S', false, "variables", "变量"}},
		.check = check_global,
		.run = run_global_command},
	{.name = {0}},
};
