/*
 * `posthouse rule stats`: how often each rule and each other signal spoke lately, what became of those letters,
 * and how many of them people released. Called by cli_rule.c. From the facts that are kept of letters
 * (store/policies.h: under load of a sample) and from the quarantine; changes nothing.
 *
 * A letter counts once for a signal, and for what became of it at that recipient who got the least: refused,
 * held, marked, delivered. What is released is counted among all that is in the quarantine, so it can be more
 * than what facts know of.
 */
#include "bin/cli_rule.h"

#include "base/map.h"
#include "base/mem.h"
#include "base/time.h"
#include "policy/policy.h"
#include "store/policies.h"
#include "store/quarantine.h"

#include <stdio.h>
#include <stdlib.h>

enum {
	NAMES_MAX = 100000, /* different ones; more are not counted, which is said */
	MEMORY_KEPT = 1 << 20,
};
enum became { BECAME_DELIVERED, BECAME_MARKED, BECAME_HELD, BECAME_REFUSED, BECAME_KINDS };

struct tally {
	slice name;
	uint64_t letters, became[BECAME_KINDS], released;
	msg_id last; /* counted for this letter already */
};
struct stats {
	struct arena mem, letter;
	struct map by_name;
	struct tally all;
	uint64_t unreadable;
	bool left_out;
};

static struct tally *tally_of(struct stats *s, slice name)
{
	struct tally *t = map_get(&s->by_name, name);
	if (t)
		return t;
	if (s->by_name.n >= NAMES_MAX) {
		s->left_out = true;
		return NULL;
	}
	t = ARENA_NEW(&s->mem, struct tally);
	t->name = arena_dup(&s->mem, name);
	map_put(&s->by_name, name, t);
	return t;
}

/* ---- facts ---- */

static bool has_word(slice text, slice word)
{
	slice one;
	while (text.n && slice_cut(&text, ' ', &one))
		if (slice_eq(one, word))
			return true;
	return false;
}

static enum became became_of(slice done)
{
	slice end = slice_first(done, slice_index(done, ' '));
	if (slice_eq(end, slice_z(policy_end_name(POLICY_QUARANTINE))) ||
		slice_eq(end, slice_z(policy_end_name(POLICY_APPROVE))))
		return BECAME_HELD;
	if (slice_eq(end, slice_z(policy_end_name(POLICY_JUNK))))
		return BECAME_MARKED;
	if (slice_eq(end, slice_z(policy_end_name(POLICY_DELIVER))) ||
		slice_eq(end, slice_z(policy_end_name(POLICY_FORWARD))))
		return has_word(done, S("mark")) ? BECAME_MARKED : BECAME_DELIVERED;
	return BECAME_REFUSED; /* rejected, bounced, discarded, to come again */
}

static void count(struct tally *t, msg_id id, enum became what)
{
	if (!t || t->last == id)
		return;
	t->last = id;
	t->letters++;
	t->became[what]++;
}

static bool count_letter(void *arg, const struct policies_fact *kept)
{
	struct stats *s = arg;
	struct policy_facts f;
	struct policy_decided one;
	enum became what = BECAME_DELIVERED;
	slice rest = kept->decided;
	if (s->letter.total > MEMORY_KEPT)
		arena_done(&s->letter);
	else
		arena_reset(&s->letter);
	if (!policy_facts_read(kept->facts, &s->letter, &f)) {
		s->unreadable++;
		return true;
	}
	while (policy_decided_next(&rest, &one))
		if (became_of(one.done) > what)
			what = became_of(one.done);
	count(&s->all, kept->id, what);
	for (unsigned i = 0; i < f.signals->n; i++)
		count(tally_of(s, slice_z(f.signals->v[i].def->name)), kept->id, what);
	return true;
}

/* ---- what people released ---- */

static void count_released(struct tally *t, msg_id id)
{
	if (!t || t->last == id)
		return;
	t->last = id;
	t->released++;
}

/* A row a recipient; those of a letter follow each other. */
static bool count_row(void *arg, const struct quarantine_row *r)
{
	struct stats *s = arg;
	slice text = r->signals, name, detail;
	double score;
	count_released(&s->all, r->id);
	while (signals_next(&text, &name, &score, &detail))
		count_released(tally_of(s, name), r->id);
	return true;
}

static int gather(struct cli_env *env, int64_t since, struct stats *s, struct err *e)
{
	const struct quarantine_filter f = {.kind = QUARANTINE_HELD,
		.class = -1,
		.state = QUARANTINE_RELEASED,
		.direction = -1,
		.after = since};
	struct sql *trace = cli_env_db(env, DB_TRACE, e);
	struct sql *queue = trace ? cli_env_db(env, DB_QUEUE, e) : NULL;
	if (!queue)
		return -1;
	if (policies_facts_each(trace, since, UINT64_MAX, count_letter, s, e) < 0)
		return -1;
	return quarantine_list(queue, &f, NULL, UINT64_MAX, count_row, s, e);
}

/* ---- showing ---- */

static int most_first(const void *a, const void *b)
{
	const struct tally *x = *(struct tally *const *)a, *y = *(struct tally *const *)b;
	if (x->letters != y->letters)
		return x->letters < y->letters ? 1 : -1;
	if (x->released != y->released)
		return x->released < y->released ? 1 : -1;
	return slice_cmp(x->name, y->name);
}

static void members(struct json *j, const struct tally *t)
{
	json_int(j, "letters", (int64_t)t->letters);
	json_int(j, "delivered", (int64_t)t->became[BECAME_DELIVERED]);
	json_int(j, "marked", (int64_t)t->became[BECAME_MARKED]);
	json_int(j, "held", (int64_t)t->became[BECAME_HELD]);
	json_int(j, "refused", (int64_t)t->became[BECAME_REFUSED]);
	json_int(j, "released", (int64_t)t->released);
}

static void row(struct listing *l, const struct tally *t)
{
	if (l->json) {
		json_open_object(&l->j, NULL);
		json_text(&l->j, "name", t->name);
		members(&l->j, t);
		json_close(&l->j, '}');
		return;
	}
	table_cell(l->table, t->name);
	table_cellf(l->table, "%llu", (unsigned long long)t->letters);
	for (int i = 0; i < BECAME_KINDS; i++)
		table_cellf(l->table, "%llu", (unsigned long long)t->became[i]);
	table_cellf(l->table, "%llu", (unsigned long long)t->released);
}

static void sum_up(const struct stats *s)
{
	printf(T("All letters whose facts are kept: %llu; delivered %llu, marked %llu, held %llu, "
		 "refused %llu. Released by people: %llu.\n",
		       "有记录的邮件共 %llu 封：投递 %llu，标记 %llu，扣留 %llu，拒绝 "
		       "%llu。人工放行 "
		       "%llu 封。\n"),
		(unsigned long long)s->all.letters,
		(unsigned long long)s->all.became[BECAME_DELIVERED],
		(unsigned long long)s->all.became[BECAME_MARKED],
		(unsigned long long)s->all.became[BECAME_HELD],
		(unsigned long long)s->all.became[BECAME_REFUSED],
		(unsigned long long)s->all.released);
	if (s->unreadable)
		printf(T("Facts of %llu letters could not be read.\n",
			       "有 %llu 封邮件的记录无法读取。\n"),
			(unsigned long long)s->unreadable);
	if (s->left_out)
		printf(T("There are more than %d names; the rest was not counted.\n",
			       "名称超过 %d 个，其余未统计。\n"),
			NAMES_MAX);
}

/* All, or those that were named. */
static bool wanted(const struct cli_call *c, slice name)
{
	for (int i = 0; i < c->nargs; i++)
		if (slice_ieq(cli_arg(c, i), name))
			return true;
	return c->nargs == 0;
}

static void show(struct cli_call *c, struct stats *s)
{
	struct listing l;
	const char *const heads[] = {T("NAME", "名称"), T(">LETTERS", ">邮件"),
		T(">DELIVERED", ">投递"), T(">MARKED", ">标记"), T(">HELD", ">扣留"),
		T(">REFUSED", ">拒绝"), T(">RELEASED", ">放行")};
	struct tally **v = ARENA_ARRAY(&s->mem, struct tally *, s->by_name.n + 1);
	size_t n = 0;
	slice name;
	void *value;
	for (size_t i = 0; map_next(&s->by_name, &i, &name, &value);)
		if (wanted(c, name))
			v[n++] = value;
	if (n)
		qsort(v, n, sizeof(struct tally *), most_first);
	listing_begin(&l, c->cli->json, "signals", heads, sizeof heads / sizeof *heads);
	for (size_t i = 0; i < n; i++)
		row(&l, v[i]);
	listing_end_rows(&l);
	if (l.json) {
		json_open_object(&l.j, "all");
		members(&l.j, &s->all);
		json_close(&l.j, '}');
		json_int(&l.j, "unreadable", (int64_t)s->unreadable);
		json_bool(&l.j, "names_left_out", s->left_out);
	}
	listing_end(&l);
	if (!c->cli->json)
		sum_up(s);
}

int rule_stats(struct cli_call *c)
{
	AUTO(cli_env) struct cli_env env = {0};
	struct stats s = {0};
	int64_t since = wall_now() - 7 * DAY;
	slice text = cli_option_text(c, "since");
	struct err e;
	int code = CLI_OK;
	if (text.n && !time_parse(text, wall_now(), &since))
		return out_usage(T("--since is a date or an age: 2026-11-22, 7d",
			"--since 为日期或时长：2026-11-22、7d"));
	if (cli_env_open(c->cli, &env, &code) < 0)
		return code;
	if (gather(&env, since, &s, &e) < 0)
		code = out_fail(&e);
	else
		show(c, &s);
	map_done(&s.by_name);
	arena_done(&s.letter);
	arena_done(&s.mem);
	return code;
}

const struct cli_option rule_stats_options[] = {
	{"since", "TIME", "from then on (default 7d)", "从何时起（默认 7d）"},
	{NULL, NULL, NULL, NULL},
};
