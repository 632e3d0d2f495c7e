/*
 * Rules as others see them (rules.h): made from texts, shown, freed. What happens to a letter is
 * in rules_run.c.
 */
#include "content/rules.h"

#include "base/mem.h"
#include "content/rules_impl.h"

enum { WARNINGS_MAX = 64 * 1024 };

static void auto_making(struct rules **r)
{
	rules_free(*r);
}

static int make(
	const struct rules_source *v, size_t n, bool whole, struct rules **ret, struct err *e)
{
	AUTO(making) struct rules *r = NEW(struct rules);
	size_t total = 0;
	r->warnings = BUF(WARNINGS_MAX);
	r->files = mem_alloc((n + 1) * sizeof *r->files);
	for (size_t i = 0; i < n; i++) {
		total += v[i].text.n;
		if (total > RULES_TEXT_MAX)
			return err_set(e, ERR_LIMIT, "%.*s: rules of more than %d bytes",
				SFMT(v[i].name), RULES_TEXT_MAX);
		if (rules_read(r, &v[i], (unsigned)i, e) < 0)
			return -1;
	}
	if (rules_link(r, e) < 0 || (whole && rules_db(r, e) < 0))
		return -1;
	*ret = take(&r);
	return 0;
}

int rules_parse(const struct rules_source *v, size_t n, struct rules **ret, struct err *e)
{
	return make(v, n, false, ret, e);
}

int rules_compile(const struct rules_source *v, size_t n, struct rules **ret, struct err *e)
{
	return make(v, n, true, ret, e);
}

void rules_free(struct rules *r)
{
	if (!r)
		return;
	rules_db_free(r);
	rules_regex_free(r);
	map_done(&r->by_name);
	map_done(&r->lists);
	buf_done(&r->warnings);
	free(r->files);
	free(r->v);
	free(r->sorted);
	free(r->conds);
	free(r->values);
	free(r->chains);
	free(r->segments);
	free(r->changes);
	free(r->waits);
	free(r->wait_at);
	arena_done(&r->mem);
	free(r);
}

size_t rules_hits(const struct rules *r, const struct rule_hit **ret)
{
	*ret = r->hits;
	return r->nhits;
}

uint64_t rules_limited(const struct rules *r)
{
	return r->limited;
}

const struct rule_info *rules_find(const struct rules *r, slice name)
{
	const struct rule *rule = map_get(&r->by_name, name);
	return rule ? &rule->info : NULL;
}

const struct signal_def *rules_signal(const struct rules *r, slice name)
{
	const struct rule_info *i = rules_find(r, name);
	return i && !i->part ? &i->def : NULL;
}

size_t rules_count(const struct rules *r)
{
	return r->n;
}

const struct rule_info *rules_nth(const struct rules *r, size_t i)
{
	return &r->v[i]->info;
}

slice rules_warnings(const struct rules *r)
{
	return buf_slice(&r->warnings);
}
