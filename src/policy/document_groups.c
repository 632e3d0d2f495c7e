/*
 * Sections [group "NAME"] of a policy document, and the lists of people in conditions: words become
 * patterns (who.c), names of groups become the groups with all that are in them. Called by
 * document.c.
 */
#include "base/mem.h"
#include "policy/policy_impl.h"

static const slice group_prefix = S_INIT("group:");

/* Which section a list stands in. */
struct place {
	const struct conf_section *section;
	size_t i;
	const char *key;
};

/* Of the document; one with '@' is a group of the directory. */
static bool names_group(slice word)
{
	return slice_starts(word, group_prefix) && !policy_who_is_of_directory(word);
}

static bool find_group(const struct policy_set *s, slice name, unsigned *ret)
{
	for (size_t i = 0; i < s->ngroups; i++)
		if (slice_eq(s->groups[i].name, name)) {
			*ret = (unsigned)i;
			return true;
		}
	return false;
}

/* ---- what is in groups that are in groups ---- */

struct closure {
	bool *seen; /* one a group */
	unsigned *todo;
	size_t n;
};

static void visit(struct closure *c, unsigned group)
{
	if (c->seen[group])
		return;
	c->seen[group] = true;
	c->todo[c->n++] = group;
}

static void follow(const struct policy_set *s, struct closure *c)
{
	for (size_t at = 0; at < c->n; at++) {
		const struct policy_group *g = &s->groups[c->todo[at]];
		for (size_t i = 0; i < g->ndirect; i++)
			visit(c, g->direct[i]);
	}
}

static struct closure closure_new(const struct policy_set *s, struct arena *a)
{
	return (struct closure){
		ARENA_ARRAY(a, bool, s->ngroups + 1), ARENA_ARRAY(a, unsigned, s->ngroups + 1), 0};
}

static void take_groups(struct policy_set *s, const struct closure *c, struct policy_who *w)
{
	w->ngroups = c->n;
	w->groups = ARENA_ARRAY(&s->mem, const struct policy_who *, c->n + 1);
	for (size_t i = 0; i < c->n; i++)
		w->groups[i] = &s->groups[c->todo[i]].who;
}

/* ---- words ---- */

static bool too_many(struct policy_reading *rd, const struct place *at)
{
	if (rd->members++ < POLICY_MEMBERS_MAX)
		return false;
	if (!rd->crowded)
		conf_review_mistake(rd->r, at->section, at->i, at->key,
			"more than %d addresses, domains and groups in all lists together",
			"所有列表中的地址、域和组合计超过 %d 个", POLICY_MEMBERS_MAX);
	rd->crowded = true;
	return true;
}

static void add_person(struct policy_reading *rd, const struct place *at, enum policy_who_kind kind,
	slice word, struct policy_who *w)
{
	if (too_many(rd, at))
		return;
	rd->set->asks_directory |= policy_who_is_of_directory(word);
	switch (policy_who_add(w, kind, word, &rd->set->mem)) {
	case POLICY_WHO_FINE:
		break;
	case POLICY_WHO_BARE:
		conf_review_mistake(rd->r, at->section, at->i, at->key,
			"%s: '%.*s': a domain is written @%.*s, with all below it .%.*s, a group "
			"group:NAME",
			"%s：“%.*s”：域写作 @%.*s，包括所有子域写作 .%.*s，组写作 group:名称",
			at->key, SFMT(word), SFMT(word), SFMT(word));
		break;
	case POLICY_WHO_BAD:
		conf_review_mistake(rd->r, at->section, at->i, at->key,
			"%s: '%.*s' is neither an address nor @domain, .domain, group:NAME, "
			"org:NAME, "
			"department:PATH, class:NAME or a pattern with *",
			"%s：“%.*s”既不是地址，也不是 "
			"@域、.域、group:名称、org:名称、department:路径、class:名称 或带 * 的模式",
			at->key, SFMT(word));
	}
}

static bool group_of(struct policy_reading *rd, const struct place *at, slice word, unsigned *ret)
{
	slice name = slice_skip(word, group_prefix.n);
	if (find_group(rd->set, name, ret))
		return true;
	conf_review_mistake(rd->r, at->section, at->i, at->key, "%s: there is no [group \"%.*s\"]",
		"%s：没有 [group \"%.*s\"]", at->key, SFMT(name));
	return false;
}

void policy_read_people(struct policy_reading *rd, const char *key, const struct conf_list *words,
	enum policy_who_kind kind, struct policy_people *ret)
{
	const struct place at = {&policy_section, rd->i, key};
	AUTO(arena) struct arena a = {0};
	struct closure in[2] = {closure_new(rd->set, &a), closure_new(rd->set, &a)};
	struct policy_who *const who[2] = {&ret->yes, &ret->no};
	unsigned group;
	for (size_t i = 0; i < words->n; i++) {
		slice word = words->v[i];
		bool not = slice_starts(word, S("!"));
		word = slice_skip(word, not );
		ret->positive |= !not ;
		if (!names_group(word))
			add_person(rd, &at, kind, word, who[not ]);
		else if (group_of(rd, &at, word, &group))
			visit(&in[not ], group);
	}
	for (int side = 0; side < 2; side++) {
		follow(rd->set, &in[side]);
		take_groups(rd->set, &in[side], who[side]);
		policy_who_ready(who[side]);
	}
}

/* ---- sections ---- */

static void read_members(struct policy_reading *rd, size_t i, const struct conf_list *words)
{
	const struct place at = {&policy_group_section, i, "members"};
	struct policy_group *g = &rd->set->groups[i];
	g->direct = ARENA_ARRAY(&rd->set->mem, unsigned, words->n + 1);
	for (size_t w = 0; w < words->n; w++) {
		slice word = words->v[w];
		if (slice_starts(word, S("!")))
			conf_review_mistake(rd->r, &policy_group_section, i, "members",
				"members: '%.*s': nobody can be left out of a group",
				"members：“%.*s”：组中不能写排除项", SFMT(word));
		else if (!names_group(word))
			add_person(rd, &at, POLICY_WHO_ADDRESS, word, &g->who);
		else if (!too_many(rd, &at) && group_of(rd, &at, word, &g->direct[g->ndirect]))
			g->ndirect++;
	}
	policy_who_ready(&g->who);
}

/* Harmless, and never meant. */
static void tell_circle(struct policy_reading *rd, unsigned i)
{
	AUTO(arena) struct arena a = {0};
	struct policy_set *s = rd->set;
	struct closure in = closure_new(s, &a);
	for (size_t d = 0; d < s->groups[i].ndirect; d++)
		visit(&in, s->groups[i].direct[d]);
	follow(s, &in);
	if (in.seen[i])
		conf_review_warning(rd->r, &policy_group_section, i, "members",
			"[group \"%.*s\"] contains itself, through its groups",
			"[group \"%.*s\"] 通过其中的组包含了自己", SFMT(s->groups[i].name));
}

void policy_read_groups(struct policy_reading *rd)
{
	struct policy_set *s = rd->set;
	size_t n = conf_count(rd->r->conf, &policy_group_section);
	if (n > POLICY_GROUPS_MAX) {
		conf_review_mistake(rd->r, &policy_group_section, POLICY_GROUPS_MAX, NULL,
			"more than %d groups", "超过 %d 个组", POLICY_GROUPS_MAX);
		n = POLICY_GROUPS_MAX;
	}
	s->groups = ARENA_ARRAY(&s->mem, struct policy_group, n + 1);
	for (size_t i = 0; i < n; i++)
		conf_nth(rd->r->conf, &policy_group_section, i, &s->groups[i].name);
	s->ngroups = n;
	for (size_t i = 0; i < n; i++) {
		const struct policy_group_entry *c =
			conf_nth(rd->r->conf, &policy_group_section, i, NULL);
		read_members(rd, i, &c->members);
	}
	for (unsigned i = 0; i < n; i++)
		tell_circle(rd, i);
}
