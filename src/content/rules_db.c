/*
 * What rules look for, made into Hyperscan's databases: the literals of prose, of names, of HTML,
 * and the expressions of each field. And which rules could hold although nothing of them is found.
 * Called by rules.c when names are linked; takes most of the time that rules take to be made.
 */
#include "base/mem.h"
#include "base/must.h"
#include "content/rules_impl.h"

bool rules_field_many(unsigned field)
{
	return field == FIELD_LINK_TEXT || field == FIELD_FILE || field == FIELD_RCPT ||
	       field == FIELD_LINK || field == FIELD_HOST || field == FIELD_TYPE ||
	       field >= FIELD_HEADER;
}

enum rule_group rules_field_group(unsigned field)
{
	if (field == FIELD_HTML)
		return GROUP_HTML;
	return field < FIELDS_PROSE || field >= FIELD_HEADER ? GROUP_PROSE : GROUP_NAMES;
}

/* ---- literals ---- */

static int by_literal(const void *a, const void *b)
{
	const struct rule_use *x = a, *y = b;
	if (x->literal != y->literal)
		return x->literal < y->literal ? -1 : 1;
	return (x->chain > y->chain) - (x->chain < y->chain);
}

static void sort_uses(struct rule_group_db *g)
{
	qsort(g->uses, g->nuses, sizeof *g->uses, by_literal);
	for (size_t i = 0; i < g->nuses; i++) {
		struct rule_literal *l = &g->literals[g->uses[i].literal];
		if (l->nuses++ == 0)
			l->uses = (uint32_t)i;
	}
}

static int hs_failed(struct err *e, hs_compile_error_t *bad, const char *what)
{
	err_set(e, ERR_PERM, "%s: %s", what, bad ? bad->message : "Hyperscan failed");
	hs_free_compile_error(bad);
	return -1;
}

static int literals_db(struct rule_group_db *g, struct err *e)
{
	size_t n = g->nliterals;
	hs_compile_error_t *bad = NULL;
	if (n == 0)
		return 0;
	sort_uses(g);
	AUTO(free) const char **v = mem_alloc(n * sizeof *v);
	AUTO(free) size_t *lengths = mem_alloc(n * sizeof *lengths);
	AUTO(free) unsigned *flags = mem_alloc(n * sizeof *flags);
	AUTO(free) unsigned *ids = mem_alloc(n * sizeof *ids);
	for (size_t i = 0; i < n; i++) {
		v[i] = g->literals[i].text.p;
		lengths[i] = g->literals[i].text.n;
		ids[i] = (unsigned)i;
	}
	if (hs_compile_lit_multi(v, flags, ids, lengths, (unsigned)n, HS_MODE_BLOCK, NULL, &g->db,
		    &bad) != HS_SUCCESS)
		return hs_failed(e, bad, "phrases of rules");
	return 0;
}

/* ---- expressions ---- */

static int regex_failed(
	struct rules *r, hs_compile_error_t *bad, const unsigned *ids, struct err *e)
{
	if (!bad || bad->expression < 0)
		return hs_failed(e, bad, "expressions of rules");
	const struct rule_regex *x = &r->regexes[ids[bad->expression]];
	rules_err(e, r->files[x->origin], x->line, "/.../: %s", bad->message);
	hs_free_compile_error(bad);
	return -1;
}

static int compile_regexes(struct rules *r, struct rule_regex_db *d, struct err *e)
{
	size_t n = 0;
	hs_compile_error_t *bad = NULL;
	AUTO(free) const char **v = mem_alloc(r->nregexes * sizeof *v);
	AUTO(free) unsigned *flags = mem_alloc(r->nregexes * sizeof *flags);
	AUTO(free) unsigned *ids = mem_alloc(r->nregexes * sizeof *ids);
	for (size_t i = 0; i < r->nregexes; i++) {
		const struct rule_regex *x = &r->regexes[i];
		if (x->normal != d->normal || !(x->fields >> d->field & 1))
			continue;
		v[n] = x->look;
		flags[n] = x->hs_flags | (rules_field_many(d->field) ? HS_FLAG_MULTILINE : 0);
		ids[n++] = (unsigned)i;
	}
	if (hs_compile_multi(v, flags, ids, (unsigned)n, HS_MODE_BLOCK, NULL, &d->db, &bad) !=
		HS_SUCCESS)
		return regex_failed(r, bad, ids, e);
	return 0;
}

static int regex_dbs(struct rules *r, struct err *e)
{
	uint64_t fields[2] = {0};
	for (size_t i = 0; i < r->nregexes; i++)
		fields[r->regexes[i].normal] |= r->regexes[i].fields;
	r->regex_dbs = mem_alloc(2 * FIELDS_MAX * sizeof *r->regex_dbs);
	for (unsigned k = 0; k < 2 * FIELDS_MAX; k++) {
		struct rule_regex_db *d = &r->regex_dbs[r->nregex_dbs];
		*d = (struct rule_regex_db){.field = k / 2, .normal = k % 2};
		if (!(fields[k % 2] >> d->field & 1))
			continue;
		if (compile_regexes(r, d, e) < 0)
			return -1;
		r->nregex_dbs++;
	}
	return 0;
}

/* ---- which rules have to be looked at always ---- */

enum outcome { NO, MAYBE, YES };

static bool is_found(enum rule_op op)
{
	return op <= OP_SIGNAL;
}

static enum outcome without_findings(const struct rule_node *n)
{
	unsigned yes = 0, maybe = 0;
	enum outcome o;
	if (n->kind == NODE_COND) {
		o = is_found(n->cond->op) ? NO : MAYBE;
	} else {
		for (const struct rule_node *k = n->child; k; k = k->next) {
			enum outcome one = without_findings(k);
			yes += one == YES;
			maybe += one == MAYBE;
		}
		o = yes >= n->need ? YES : yes + maybe >= n->need ? MAYBE : NO;
	}
	return n->not &&o != MAYBE ? YES - o : o;
}

static void find_always(struct rules *r)
{
	r->always = mem_alloc((r->nsorted / 64 + 1) * sizeof *r->always);
	r->touched = mem_alloc((r->nsorted / 64 + 1) * sizeof *r->touched);
	for (size_t i = 0; i < r->nsorted; i++)
		if (without_findings(&r->sorted[i]->body) != NO)
			r->always[i / 64] |= 1ULL << (i % 64);
}

/* ---- all of it ---- */

static int scratch_for(struct rules *r, const hs_database_t *db, struct err *e)
{
	if (db && hs_alloc_scratch(db, &r->scratch) != HS_SUCCESS)
		return err_set(e, ERR_PERM, "no memory to look for phrases of rules");
	return 0;
}

int rules_db(struct rules *r, struct err *e)
{
	for (int i = 0; i < GROUPS; i++)
		if (literals_db(&r->groups[i], e) < 0 || scratch_for(r, r->groups[i].db, e) < 0)
			return -1;
	if (regex_dbs(r, e) < 0)
		return -1;
	for (size_t i = 0; i < r->nregex_dbs; i++)
		if (scratch_for(r, r->regex_dbs[i].db, e) < 0)
			return -1;
	find_always(r);
	r->value_run = mem_alloc((r->nvalues + 1) * sizeof *r->value_run);
	r->progress = mem_alloc((r->nsegments + 1) * sizeof *r->progress);
	r->found = mem_alloc((r->nconds + 1) * sizeof *r->found);
	r->ready = true;
	return 0;
}

void rules_db_free(struct rules *r)
{
	for (int i = 0; i < GROUPS; i++) {
		struct rule_group_db *g = &r->groups[i];
		hs_free_database(g->db);
		map_done(&g->by_text);
		free(g->literals);
		free(g->uses);
	}
	for (size_t i = 0; i < r->nregex_dbs; i++)
		hs_free_database(r->regex_dbs[i].db);
	hs_free_scratch(r->scratch);
	free(r->regex_dbs);
	free(r->always);
	free(r->touched);
	free(r->value_run);
	free(r->progress);
	free(r->found);
}
