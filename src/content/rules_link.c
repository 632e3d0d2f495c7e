/*
 * Names in rules looked up: lists put in the place of their names, changes of scores applied,
 * signals found, and an order in which each rule stands behind those that it needs. Called by
 * rules.c when all sources are read.
 */
#include "base/mem.h"
#include "content/rules_impl.h"

struct linker {
	struct rules *r;
	struct rule_cond *c;
	struct err *e;
	unsigned depth;
};

static void warn(struct rules *r, unsigned source, unsigned line, const char *text, slice name)
{
	slice shown = slice_ends(name, S("\x01")) ? slice_first(name, name.n - 1) : name;
	buf_printf(&r->warnings, "%.*s:%u: %s%.*s%s\n", SFMT(r->files[source]), line, text,
		SFMT(shown), shown.n < name.n ? "*" : "");
}

/* "zh-*" fits what begins so. */
static bool name_fits(slice pattern, slice name)
{
	if (pattern.n && pattern.p[pattern.n - 1] == STAR)
		return slice_starts(name, slice_first(pattern, pattern.n - 1));
	return slice_eq(pattern, name);
}

static bool is_pattern(slice s)
{
	return s.n && s.p[s.n - 1] == STAR;
}

/* ---- score, off ---- */

static void change(struct rule *rule, const struct rule_change *c)
{
	if (c->off)
		rule->info.off = true;
	else
		rule->info.def.score = c->score;
}

static void apply_changes(struct rules *r)
{
	for (size_t k = 0; k < r->nchanges; k++) {
		const struct rule_change *c = &r->changes[k];
		struct rule *one = map_get(&r->by_name, c->name);
		bool fits = one != NULL;
		if (one)
			change(one, c);
		for (size_t i = 0; is_pattern(c->name) && i < r->n; i++)
			if (name_fits(c->name, slice_z(r->v[i]->info.def.name))) {
				change(r->v[i], c);
				fits = true;
			}
		if (!fits)
			warn(r, c->source, c->line, "there is no rule ", c->name);
	}
}

/* ---- values ---- */

static int new_value(struct linker *l, uint32_t *ret)
{
	struct rules *r = l->r;
	if (r->nvalues >= RULES_VALUES_MAX)
		return err_set(l->e, ERR_LIMIT, "more than %d values in rules", RULES_VALUES_MAX);
	ROOM(r->values, r->nvalues, r->values_room);
	r->values[r->nvalues].cond = l->c->id;
	*ret = (uint32_t)r->nvalues++;
	l->c->nvalues++;
	return 0;
}

static int wait_for(struct linker *l, uint32_t signal)
{
	struct rules *r = l->r;
	uint32_t value;
	if (new_value(l, &value) < 0)
		return -1;
	ROOM(r->waits, r->nwaits, r->waits_room);
	r->waits[r->nwaits++] = (struct rule_wait){signal, value};
	return 0;
}

static int signal_value(struct linker *l, const struct rule_word *w)
{
	struct rules *r = l->r;
	size_t before = l->c->nvalues;
	for (unsigned i = 0; i < SIGNALS_KNOWN; i++)
		if (name_fits(w->text, slice_z(signal_def((enum signal_id)i)->name)) &&
			wait_for(l, i) < 0)
			return -1;
	struct rule *one = map_get(&r->by_name, w->text);
	bool known = one != NULL;
	if (one && !one->info.off && wait_for(l, SIGNALS_KNOWN + one->index) < 0)
		return -1;
	for (size_t i = 0; is_pattern(w->text) && i < r->n; i++) {
		struct rule *o = r->v[i];
		if (i == l->c->rule || !name_fits(w->text, slice_z(o->info.def.name)))
			continue;
		known = true;
		if (!o->info.off && wait_for(l, SIGNALS_KNOWN + o->index) < 0)
			return -1;
	}
	if (!known && l->c->nvalues == before)
		warn(r, w->source, w->line, "there is no signal and no rule ", w->text);
	/* One that cannot come counts as one that did not. */
	if (l->c->nvalues == before)
		l->c->nvalues++;
	return 0;
}

static int net_value(struct linker *l, const struct rule_word *w)
{
	struct err e;
	if (net_cidr_parse(w->text, &l->c->nets[l->c->nvalues], &e) < 0)
		return RULES_ERR_AT(l->r, w, l->e, "%.*s is no address and no network",
			SFMT(slice_first(w->text, 60)));
	l->c->nvalues++;
	return 0;
}

static int value(struct linker *l, const struct rule_word *w)
{
	uint32_t v;
	if ((w->kind == WORD_REGEX) != (l->c->op == OP_LIKE))
		return RULES_ERR_AT(
			l->r, w, l->e, "/.../ belongs to like, words and phrases to the others");
	if (l->c->op == OP_SIGNAL)
		return signal_value(l, w);
	if (l->c->op == OP_IP)
		return net_value(l, w);
	if (new_value(l, &v) < 0)
		return -1;
	return l->c->op == OP_LIKE ? rules_regex(l->r, l->c, w, v, l->e)
				   : rules_phrase(l->r, l->c, w, v, l->e);
}

static int values(struct linker *l, const struct rule_words *words);

static int list_values(struct linker *l, const struct rule_word *w)
{
	struct rule_list *list = map_get(&l->r->lists, w->text);
	if (!list)
		return RULES_ERR_AT(l->r, w, l->e, "there is no list %.*s", SFMT(w->text));
	if (list->open)
		return RULES_ERR_AT(l->r, w, l->e, "list %.*s stands in itself", SFMT(w->text));
	if (l->depth >= RULES_DEPTH_MAX)
		return RULES_ERR_AT(l->r, w, l->e, "lists are nested too deeply");
	list->open = true;
	l->depth++;
	int result = values(l, &list->words);
	l->depth--;
	list->open = false;
	return result;
}

static int values(struct linker *l, const struct rule_words *words)
{
	for (size_t i = 0; i < words->n; i++) {
		const struct rule_word *w = &words->v[i];
		if ((w->kind == WORD_LIST ? list_values(l, w) : value(l, w)) < 0)
			return -1;
	}
	return 0;
}

/* How many networks there are, lists counted whole; more than that cannot come. */
static size_t nets_room(const struct rules *r, const struct rule_words *words, unsigned depth)
{
	size_t n = words->n;
	for (size_t i = 0; depth < RULES_DEPTH_MAX && i < words->n; i++) {
		const struct rule_list *list =
			words->v[i].kind == WORD_LIST ? map_get(&r->lists, words->v[i].text) : NULL;
		n += list ? nets_room(r, &list->words, depth + 1) : 0;
	}
	return n;
}

static int link_cond(struct linker *l)
{
	struct rule_cond *c = l->c;
	uint32_t v;
	if (c->op == OP_NEAR)
		return new_value(l, &v) < 0 ? -1 : rules_near(l->r, c, c->words.v, v, l->e);
	if (c->op == OP_IP)
		c->nets = ARENA_ARRAY(&l->r->mem, struct net_cidr, nets_room(l->r, &c->words, 0));
	if (values(l, &c->words) < 0)
		return -1;
	if (c->words.n && c->need > c->nvalues)
		return rules_err(l->e, l->r->files[c->source], c->line, "wants %u of %zu values",
			c->need, c->nvalues);
	if (c->need == 0)
		c->need = (unsigned)c->nvalues;
	return 0;
}

static int link_node(struct linker *l, struct rule *rule, struct rule_node *n)
{
	struct rules *r = l->r;
	for (struct rule_node *k = n->child; k; k = k->next)
		if (link_node(l, rule, k) < 0)
			return -1;
	if (n->kind == NODE_GROUP) {
		n->need = n->need ? n->need : n->n;
		return 0;
	}
	ROOM(r->conds, r->nconds, r->conds_room);
	n->cond->id = (uint32_t)r->nconds;
	n->cond->rule = rule->index;
	r->conds[r->nconds++] = n->cond;
	l->c = n->cond;
	return link_cond(l);
}

/* ---- order ---- */

static int by_signal(const void *a, const void *b)
{
	const struct rule_wait *x = a, *y = b;
	if (x->signal != y->signal)
		return x->signal < y->signal ? -1 : 1;
	return (x->value > y->value) - (x->value < y->value);
}

/* The waits of each signal stand together; wait_at says where. */
static void index_waits(struct rules *r)
{
	size_t signals = SIGNALS_KNOWN + r->n, k = 0;
	if (r->nwaits)
		qsort(r->waits, r->nwaits, sizeof *r->waits, by_signal);
	free(r->wait_at);
	r->wait_at = mem_alloc((signals + 1) * sizeof *r->wait_at);
	for (size_t s = 0; s <= signals; s++) {
		while (k < r->nwaits && r->waits[k].signal < s)
			k++;
		r->wait_at[s] = (uint32_t)k;
	}
}

static struct rule *waiting(const struct rules *r, size_t wait)
{
	return r->v[r->conds[r->values[r->waits[wait].value].cond]->rule];
}

static int circle(const struct rules *r, const uint32_t *open, struct err *e)
{
	for (size_t i = 0; i < r->n; i++)
		if (open[i] && !r->v[i]->info.off)
			return rules_err(e, r->v[i]->info.file, r->v[i]->info.line,
				"%s needs itself, in a circle of rules", r->v[i]->info.def.name);
	return err_set(e, ERR_BUG, "a circle of rules");
}

/* Rules that wait for none come first, then those that wait for these ... */
static int sort(struct rules *r, struct err *e)
{
	AUTO(free) uint32_t *open = mem_alloc((r->n + 1) * sizeof *open);
	size_t done = 0, on = 0;
	r->sorted = mem_alloc((r->n + 1) * sizeof *r->sorted);
	for (size_t k = 0; k < r->nwaits; k++)
		if (r->waits[k].signal >= SIGNALS_KNOWN)
			open[waiting(r, k)->index]++;
	for (size_t i = 0; i < r->n; i++) {
		on += !r->v[i]->info.off;
		if (!open[i] && !r->v[i]->info.off)
			r->sorted[r->nsorted++] = r->v[i];
	}
	for (; done < r->nsorted; done++) {
		uint32_t signal = SIGNALS_KNOWN + r->sorted[done]->index;
		r->sorted[done]->order = (uint32_t)done;
		for (size_t k = r->wait_at[signal]; k < r->wait_at[signal + 1]; k++)
			if (--open[waiting(r, k)->index] == 0)
				r->sorted[r->nsorted++] = waiting(r, k);
	}
	return done < on ? circle(r, open, e) : 0;
}

int rules_link(struct rules *r, struct err *e)
{
	struct linker l = {.r = r, .e = e};
	apply_changes(r);
	for (size_t i = 0; i < r->n; i++)
		if (!r->v[i]->info.off && link_node(&l, r->v[i], &r->v[i]->body) < 0)
			return -1;
	index_waits(r);
	return sort(r, e);
}
