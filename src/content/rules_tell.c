/*
 * What rules found, told: a signal for each that holds, the strongest first, and the places in the
 * letter that made it hold. Called by rules_run.c at the end of a run.
 */
#include "base/mem.h"
#include "base/utf8.h"
#include "content/rules_run.h"

#include <math.h>

enum { DETAIL_TEXTS = 3, DETAIL_TEXT = 48, HIT_TEXT = 120, HITS_MAX = 1000, RULE_HITS = 6 };

static slice around(slice s, struct rule_span span)
{
	slice text = slice_skip(slice_first(s, span.to), span.from);
	return utf8_first(text, HIT_TEXT);
}

static slice found_text(struct runner *u, struct rule_found *f)
{
	slice s = f->normal ? rules_field_normal(&u->f, f->field)
			    : rules_field_written(&u->f, f->field);
	if (f->unknown) {
		struct rule_regex *x = &u->r->regexes[f->regex];
		if (!rules_place(u->r, x, rules_field_many(f->field), s, &f->span))
			return S("");
		f->unknown = false;
	}
	return around(s, f->span);
}

struct telling {
	struct runner *u;
	struct rule_hit *v;
	size_t n, room;
	const struct rule *rule;
};

static void tell_node(struct telling *t, const struct rule_node *n, size_t first)
{
	struct rule_found *f;
	for (const struct rule_node *k = n->child; k; k = k->next)
		if (!k->not )
			tell_node(t, k, first);
	if (n->kind == NODE_GROUP || t->n == t->room || t->n - first >= RULE_HITS)
		return;
	f = &t->u->r->found[n->cond->id];
	if (f->run != t->u->r->run || f->field == FIELDS_MAX || f->count < n->cond->need)
		return;
	t->v[t->n++] = (struct rule_hit){
		.rule = &t->rule->info,
		.field = rules_field_name(t->u->r, f->field),
		.text = found_text(t->u, f),
	};
}

static slice detail(const struct rule_hit *v, size_t n, struct arena *a)
{
	AUTO(buf) struct buf b = BUF(SIGNAL_DETAIL_MAX);
	for (size_t i = 0; i < n && i < DETAIL_TEXTS; i++)
		if (v[i].text.n) {
			buf_put(&b, b.n ? S(", ") : S(""));
			buf_put(&b, utf8_first(v[i].text, DETAIL_TEXT));
		}
	return arena_dup(a, buf_slice(&b));
}

static int by_weight(const void *a, const void *b)
{
	const struct rule *x = *(struct rule *const *)a, *y = *(struct rule *const *)b;
	float v = fabsf(x->info.def.score), w = fabsf(y->info.def.score);
	return v != w ? (v < w ? 1 : -1) : (x->index > y->index) - (x->index < y->index);
}

void rules_tell(struct runner *u)
{
	struct telling t = {.u = u, .room = HITS_MAX};
	qsort(u->holding, u->nholding, sizeof(struct rule *), by_weight);
	if (u->nholding > RULES_SIGNALS_MAX)
		u->nholding = RULES_SIGNALS_MAX;
	t.v = ARENA_ARRAY(u->x->a, struct rule_hit, u->nholding * (RULE_HITS + 1) + 1);
	for (size_t i = 0; i < u->nholding; i++) {
		size_t first = t.n;
		t.rule = u->holding[i];
		tell_node(&t, &t.rule->body, first);
		if (t.n == first)
			t.v[t.n++] = (struct rule_hit){.rule = &t.rule->info};
		signals_add_def(u->x->signals, &t.rule->info.def, t.rule->info.def.score,
			detail(t.v + first, t.n - first, u->x->a));
	}
	u->r->hits = t.v;
	u->r->nhits = t.n;
}
