/*
 * The text of the policies -> struct policy_set: syntax by the configuration engine (run/conf.h),
 * groups, conditions and actions by document_*.c, all mistakes with their lines. Called by whoever
 * puts a document into force or tries one, in any thread.
 */
#include "base/mem.h"
#include "base/must.h"
#include "policy/policy_impl.h"

#include <stdlib.h>

static const struct conf_section *const sections[] = {&policy_group_section, &policy_section, NULL};

/* Behind a policy that decides all mail none is ever tried. */
static void warn_unreached(struct policy_reading *rd, size_t n)
{
	const struct policy *last = n ? &rd->set->policies[n - 1] : NULL;
	if (last && last->ntests == 0 && last->does.ends && !last->does.go_on)
		policy_doubt(rd, NULL,
			"[policy \"%.*s\"] is never tried: the one before decides all",
			"[policy \"%.*s\"] 永远不会生效：前一条策略已决定所有邮件",
			SFMT(rd->p->name));
}

static void read_policy(struct policy_reading *rd, size_t i)
{
	struct policy_set *s = rd->set;
	slice name;
	rd->i = i;
	rd->c = conf_nth(rd->r->conf, &policy_section, i, &name);
	rd->p = &s->policies[s->n];
	*rd->p = (struct policy){.name = name};
	policy_read_conditions(rd);
	policy_read_actions(rd);
	if (rd->c->disabled)
		return;
	warn_unreached(rd, s->n);
	s->n++;
}

static int by_name(const void *a, const void *b, void *arg)
{
	const struct policy_set *s = arg;
	return policy_slice_order(
		s->signals[*(const unsigned *)a].text, s->signals[*(const unsigned *)b].text);
}

static void sort_signals(struct policy_set *s)
{
	s->by_name = ARENA_ARRAY(&s->mem, unsigned, s->nsignals + 1);
	for (unsigned i = 0; i < s->nsignals; i++)
		if (s->signals[i].kind == POLICY_SIGNAL_NAME)
			s->by_name[s->nby_name++] = i;
	if (s->nby_name)
		qsort_r(s->by_name, s->nby_name, sizeof *s->by_name, by_name, s);
}

static void review(void *arg, struct conf_review *r)
{
	struct policy_set *s = arg;
	struct policy_reading rd = {.set = s, .r = r};
	size_t n = conf_count(r->conf, &policy_section);
	if (n > POLICY_POLICIES_MAX) {
		conf_review_mistake(r, &policy_section, POLICY_POLICIES_MAX, NULL,
			"more than %d policies", "超过 %d 条策略", POLICY_POLICIES_MAX);
		n = POLICY_POLICIES_MAX;
	}
	s->signals = ARENA_ARRAY(&s->mem, struct policy_signal, POLICY_SIGNALS_MAX);
	s->policies = ARENA_ARRAY(&s->mem, struct policy, n + 1);
	policy_read_groups(&rd);
	for (size_t i = 0; i < n; i++)
		read_policy(&rd, i);
	sort_signals(s);
}

static void keep_warnings(struct policy_set *s, const struct conf_errors *from)
{
	s->warnings.v = ARENA_ARRAY(&s->mem, slice, from->n + 1);
	for (size_t i = 0; i < from->n; i++)
		s->warnings.v[s->warnings.n++] = arena_dup(&s->mem, from->v[i]);
}

static int too_large(enum conf_lang lang, struct arena *a, struct conf_errors *ret, struct err *e)
{
	ret->v = ARENA_NEW(a, slice);
	ret->n = 1;
	*ret->v = arena_printf(a, lang == CONF_ZH ? "策略文档超过 %d 字节" : "longer than %d bytes",
		POLICY_DOCUMENT_MAX);
	return err_set(e, ERR_PERM, "the policies are longer than %d bytes", POLICY_DOCUMENT_MAX);
}

int policy_parse(slice text, slice name, enum conf_lang lang, struct arena *a,
	struct policy_set **ret, struct conf_errors *ret_errors, struct err *e)
{
	if (text.n > POLICY_DOCUMENT_MAX)
		return too_large(lang, a, ret_errors, e);
	struct policy_set *s = NEW(struct policy_set);
	struct conf_reviewer reviewer = {.review = review, .arg = s};
	s->users = 1;
	int r = conf_parse_document(
		text, name, sections, lang, &reviewer, a, &s->conf, ret_errors, e);
	if (r < 0) {
		policy_release(s);
		return -1;
	}
	keep_warnings(s, &reviewer.warnings);
	*ret = s;
	return 0;
}

struct conf_errors policy_warnings(const struct policy_set *s)
{
	return s->warnings;
}

bool policy_asks_directory(const struct policy_set *s)
{
	return s && s->asks_directory;
}

size_t policy_count(const struct policy_set *s)
{
	return s->n;
}

const struct policy_set *policy_hold(const struct policy_set *s)
{
	if (s)
		((struct policy_set *)s)->users++;
	return s;
}

void policy_release(const struct policy_set *set)
{
	struct policy_set *s = (struct policy_set *)set;
	if (!s)
		return;
	must(s->users > 0);
	if (--s->users)
		return;
	conf_free(s->conf);
	arena_done(&s->mem);
	free(s);
}
