/*
 * Rules against one letter: fields are searched for literals and expressions, what is found counts
 * for conditions, rules of which something was found are looked at, in an order in which each
 * stands behind those that it needs. Called by content/examine.c for every message.
 *
 * Nothing is set back between letters: what was found carries the number of the run.
 */
#include "content/rules_run.h"
#include "base/must.h"
#include "content/rules_text.h"

/* ---- something is found ---- */

static void touch(struct rules *r, uint32_t cond)
{
	uint32_t order = r->v[r->conds[cond]->rule]->order;
	r->touched[order / 64] |= 1ULL << (order % 64);
}

static struct rule_found *found(struct rules *r, uint32_t cond)
{
	struct rule_found *f = &r->found[cond];
	if (f->run != r->run)
		*f = (struct rule_found){.run = r->run, .field = FIELDS_MAX};
	return f;
}

/* A value counts once. False: it has counted already. */
static bool count(struct rules *r, uint32_t value, struct rule_found **ret)
{
	uint32_t cond = r->values[value].cond;
	if (r->value_run[value] == r->run)
		return false;
	r->value_run[value] = r->run;
	*ret = found(r, cond);
	if (++(*ret)->count == r->conds[cond]->need)
		touch(r, cond);
	return true;
}

static void count_at(
	struct runner *u, uint32_t value, struct rule_span span, bool unknown, uint32_t regex)
{
	struct rule_found *f;
	if (!count(u->r, value, &f) || f->count != 1)
		return;
	f->field = (uint8_t)u->field;
	f->normal = u->normal;
	f->unknown = unknown;
	f->regex = regex;
	f->span = span;
}

/* ---- literals ---- */

/* What stands at the ends of a literal that was found: asked once, for all that use it. */
struct place {
	size_t from, to;
	bool word_before, word_after;
};

static bool edge_fits(const struct runner *u, uint8_t edge, const struct place *p, bool left)
{
	slice s = u->text;
	bool end = left ? p->from == 0 : p->to == s.n;
	char next = end ? '\n' : s.p[left ? p->from - 1 : p->to];
	switch (edge) {
	case EDGE_VALUE:
		return end || (next == '\n' && rules_field_many(u->field));
	case EDGE_DOMAIN:
		return end || next == '\n' || next == '.' || next == '@';
	case EDGE_WORD:
		return !(left ? p->word_before : p->word_after);
	default:
		return true;
	}
}

static struct rule_progress *progress(struct runner *u, const struct rule_chain *c, unsigned i)
{
	struct rule_progress *p = &u->r->progress[c->first + i];
	if (p->scan != u->r->scan)
		p->scan = u->r->scan, p->n = 0;
	return p;
}

/* Where the chain so far ends near enough before `from`, the latest first. */
static bool joins(struct runner *u, const struct rule_chain *c, unsigned segment, size_t from,
	uint32_t *ret_start)
{
	const struct rule_progress *p = progress(u, c, segment - 1);
	for (uint32_t k = 0; k < ENDS_KEPT && k < p->n; k++) {
		struct rule_span s = p->ends[(p->n - 1 - k) % ENDS_KEPT];
		if (s.to > from)
			continue;
		*ret_start = s.from;
		return rules_within(u->text, s.to, from, c->gap);
	}
	return false;
}

/* False: nothing that stands here could change anything, in this field. */
static bool use(struct runner *u, const struct rule_use *w, const struct place *p)
{
	struct rules *r = u->r;
	const struct rule_chain *c = &r->chains[w->chain];
	const struct rule_segment *s = &r->segments[c->first + w->segment];
	uint32_t cond = r->values[c->value].cond, start = (uint32_t)p->from;
	if (r->value_run[c->value] == r->run || !(r->conds[cond]->fields >> u->field & 1))
		return false;
	if (!edge_fits(u, s->left, p, true) || !edge_fits(u, s->right, p, false))
		return true;
	if (w->segment && !joins(u, c, w->segment, p->from, &start))
		return true;
	if (w->segment + 1 == c->n) {
		count_at(u, c->value, (struct rule_span){start, (uint32_t)p->to}, false, 0);
		return true;
	}
	struct rule_progress *k = progress(u, c, w->segment);
	k->ends[k->n++ % ENDS_KEPT] = (struct rule_span){start, (uint32_t)p->to};
	return true;
}

static int on_literal(
	unsigned id, unsigned long long from, unsigned long long to, unsigned flags, void *ctx)
{
	struct runner *u = ctx;
	struct rule_literal *l = &u->group->literals[id];
	bool useful = false;
	(void)from, (void)flags;
	if (l->spent == u->r->scan)
		return 0;
	struct place p = {.from = (size_t)to - l->text.n, .to = (size_t)to};
	p.word_before = rules_word_before(u->text, p.from);
	p.word_after = rules_word_after(u->text, p.to);
	for (uint32_t i = l->uses; i < l->uses + l->nuses; i++)
		useful |= use(u, &u->group->uses[i], &p);
	if (!useful)
		l->spent = u->r->scan;
	return 0;
}

static void search_literals(struct runner *u)
{
	struct rules *r = u->r;
	u->normal = true;
	for (unsigned i = 0; i < FIELDS_MAX; i++) {
		u->group = &r->groups[rules_field_group(i)];
		if (!u->group->db || !(u->group->fields >> i & 1))
			continue;
		u->field = i;
		u->text = rules_field_normal(&u->f, i);
		r->scan++;
		if (u->text.n)
			hs_scan(u->group->db, u->text.p, (unsigned)u->text.n, 0, r->scratch,
				on_literal, u);
	}
}

/* ---- expressions ---- */

static int on_regex(
	unsigned id, unsigned long long from, unsigned long long to, unsigned flags, void *ctx)
{
	struct runner *u = ctx;
	struct rules *r = u->r;
	struct rule_regex *x = &r->regexes[id];
	struct rule_span span = {0};
	(void)from, (void)to, (void)flags;
	if (r->value_run[x->value] == r->run)
		return 0;
	if (x->exact) {
		count_at(u, x->value, span, true, id);
	} else if (r->confirms == RULES_CONFIRM_MAX) {
		rules_count_limited(r);
	} else {
		r->confirms++;
		if (rules_confirm(r, x, rules_field_many(u->field), u->text, &span))
			count_at(u, x->value, span, false, id);
	}
	return 0;
}

static void search_regexes(struct runner *u)
{
	struct rules *r = u->r;
	for (size_t i = 0; i < r->nregex_dbs; i++) {
		const struct rule_regex_db *d = &r->regex_dbs[i];
		u->field = d->field;
		u->normal = d->normal;
		u->text = d->normal ? rules_field_normal(&u->f, d->field)
				    : rules_field_written(&u->f, d->field);
		if (u->text.n)
			hs_scan(d->db, u->text.p, (unsigned)u->text.n, 0, r->scratch, on_regex, u);
	}
}

/* ---- signals ---- */

static void signal_found(struct rules *r, uint32_t signal)
{
	struct rule_found *f;
	for (uint32_t k = r->wait_at[signal]; k < r->wait_at[signal + 1]; k++)
		count(r, r->waits[k].value, &f);
}

static void signals_found(struct rules *r, const struct signals *s)
{
	const struct signal_def *table = signal_def((enum signal_id)0);
	for (unsigned i = 0; s && i < s->n; i++) {
		uintptr_t at = (uintptr_t)s->v[i].def - (uintptr_t)table;
		enum signal_id id;
		if (at < SIGNALS_KNOWN * sizeof *table)
			signal_found(r, (uint32_t)(at / sizeof *table));
		else if (signal_by_name(slice_z(s->v[i].def->name), &id))
			signal_found(r, id);
	}
}

/* ---- conditions ---- */

static bool compare(double v, unsigned how, double limit)
{
	switch (how) {
	case CMP_GT:
		return v > limit;
	case CMP_LT:
		return v < limit;
	case CMP_GE:
		return v >= limit;
	case CMP_LE:
		return v <= limit;
	default:
		return v == limit;
	}
}

static bool in_nets(const struct runner *u, const struct rule_cond *c)
{
	struct net_addr a;
	struct err e;
	if (!u->x->ctx->client_ip.n || net_from_ip(u->x->ctx->client_ip, 0, &a, &e) < 0)
		return false;
	for (size_t i = 0; i < c->nvalues; i++)
		if (net_cidr_match(&c->nets[i], &a))
			return true;
	return false;
}

static bool exists(struct runner *u, uint64_t fields)
{
	for (unsigned i = 0; i < FIELDS_MAX; i++)
		if ((fields >> i & 1) && rules_field_written(&u->f, i).n)
			return true;
	return false;
}

static bool cond_holds(struct runner *u, const struct rule_cond *c)
{
	const struct rule_found *f = &u->r->found[c->id];
	switch (c->op) {
	case OP_NUMBER:
		return compare(
			rules_number(&u->f, (enum rule_number)c->number), c->compare, c->limit);
	case OP_FACT:
		return rules_fact(&u->f, (enum rule_fact)c->number);
	case OP_EXISTS:
		return exists(u, c->fields);
	case OP_IP_EXISTS:
		return u->x->ctx->client_ip.n > 0;
	case OP_IP:
		return in_nets(u, c);
	default:
		return f->run == u->r->run && f->count >= c->need;
	}
}

/* As deep as groups may be nested. */
static bool node_holds(struct runner *u, const struct rule_node *n)
{
	unsigned held = 0, left = n->n;
	if (n->kind == NODE_COND)
		return cond_holds(u, n->cond) != n->not ;
	for (const struct rule_node *k = n->child; k && held < n->need; k = k->next) {
		if (held + left < n->need)
			break;
		held += node_holds(u, k);
		left--;
	}
	return (held >= n->need) != n->not ;
}

static void look_at_rules(struct runner *u)
{
	struct rules *r = u->r;
	for (size_t i = 0; i < r->nsorted / 64 + 1; i++) {
		uint64_t done = 0, bits;
		while ((bits = (r->touched[i] | r->always[i]) & ~done) != 0) {
			size_t order = i * 64 + (size_t)__builtin_ctzll(bits);
			done |= (bits & -bits) | ((bits & -bits) - 1);
			struct rule *rule = r->sorted[order];
			if (!node_holds(u, &rule->body))
				continue;
			signal_found(r, SIGNALS_KNOWN + rule->index);
			if (!rule->info.part)
				u->holding[u->nholding++] = rule;
		}
	}
}

/* ---- all of it ---- */

static void begin(struct rules *r)
{
	r->hits = NULL;
	r->nhits = 0;
	r->confirms = 0;
	memset(r->touched, 0, (r->nsorted / 64 + 1) * sizeof *r->touched);
	if (++r->run && r->scan < UINT32_MAX - FIELDS_MAX)
		return;
	/* Hundreds of millions of letters on: numbers of former runs would come again. */
	r->run = 1;
	r->scan = 0;
	memset(r->value_run, 0, r->nvalues * sizeof *r->value_run);
	memset(r->found, 0, r->nconds * sizeof *r->found);
	memset(r->progress, 0, r->nsegments * sizeof *r->progress);
	for (int i = 0; i < GROUPS; i++)
		for (size_t k = 0; k < r->groups[i].nliterals; k++)
			r->groups[i].literals[k].spent = 0;
}

void rules_run(struct rules *r, struct content_exam *x)
{
	struct runner u = {.r = r, .x = x};
	must(r->ready);
	begin(r);
	u.f.r = r;
	u.f.x = x;
	u.holding = ARENA_ARRAY(x->a, struct rule *, r->nsorted + 1);
	signals_found(r, x->ctx->known);
	signals_found(r, x->signals);
	search_literals(&u);
	search_regexes(&u);
	look_at_rules(&u);
	rules_tell(&u);
}
