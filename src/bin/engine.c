/*
 * One engine (engine.h): a message waits for its turn, an answer that is still good is given again, and who
 * does not answer is noticed: after FAILURES failures in a row nobody waits for it any more; it is
 * probed beside, with growing pauses, until it answers. Called by engine_role.c.
 */
#include "bin/engine.h"

#include "base/mem.h"
#include "bin/engine_command.h"
#include "run/log.h"
#include <stdio.h>

METRIC_COUNTER(given_again, "posthouse_engine_answers_kept_total", "",
	"Answers of engines that were given again for the same bytes.");
METRIC_COUNTER(asked_again, "posthouse_engine_repeated_total", "",
	"Messages given to an engine again because it died over them.");

enum { FAILURES = 3 };
#define PAUSE_FIRST (2 * SECOND)
#define PAUSE_MOST (MINUTE)
#define PROBE_TIME (10 * SECOND)

/* ---- counters ---- */

static struct metric *make_metric(enum metric_kind kind, const char *name, slice engine,
	const char *more, const char *help, struct arena *a)
{
	struct metric *m = ARENA_NEW(a, struct metric);
	size_t cells = kind == METRIC_HIST_USEC ? METRIC_CELLS_HIST : 1;
	*m = (struct metric){kind, name,
		arena_strz(a, arena_printf(a, "engine=\"%.*s\"%s", SFMT(engine), more)), help,
		ARENA_ARRAY(a, uint64_t, cells), NULL};
	metric_register(m);
	return m;
}

static void make_metrics(struct engine *g, struct arena *a)
{
	static const char name[] = "posthouse_engine_messages_total";
	static const char help[] = "Messages by what a virus engine said.";
	g->up = make_metric(METRIC_LEVEL, "posthouse_engine_up", g->name, "",
		"Whether a virus engine answers.", a);
	g->clean = make_metric(METRIC_COUNT, name, g->name, ",result=\"clean\"", help, a);
	g->infected = make_metric(METRIC_COUNT, name, g->name, ",result=\"infected\"", help, a);
	g->failed = make_metric(METRIC_COUNT, name, g->name, ",result=\"failed\"", help, a);
	g->seconds = make_metric(METRIC_HIST_USEC, "posthouse_engine_seconds", g->name, "",
		"Time a virus engine took for a message.", a);
}

/* The name is quoted in labels. */
static slice safe_name(slice name, struct arena *a)
{
	char *p = arena_strz(a, name);
	for (size_t i = 0; i < name.n; i++)
		if (p[i] == '"' || p[i] == '\\')
			p[i] = '_';
	return slice_of(p, name.n);
}

void engine_init(
	struct engine *g, slice name, unsigned index, const struct engine_conf *c, struct arena *a)
{
	struct err e;
	*g = (struct engine){.name = safe_name(name, a),
		.index = index,
		.conf = c,
		.purposes = engine_purposes(c),
		.preview = -1,
		.pause = PAUSE_FIRST};
	if (c->type == ENGINE_CLAMD)
		engine_clamd_parse(c->address, &g->addr, &e);
	if (c->type == ENGINE_ICAP)
		engine_icap_parse(c->address, &g->addr, &g->service);
	cond_init(&g->turn);
	cond_init(&g->sick);
	make_metrics(g, a);
	metric_set(g->up, 1);
}

/* ---- health ---- */

static void was_well(struct engine *g)
{
	if (g->down_until)
		log_info(NULL, "engine.up", F("engine", g->name));
	g->failures = 0;
	g->down_until = 0;
	g->pause = PAUSE_FIRST;
	metric_set(g->up, 1);
}

static void was_ill(struct engine *g, const struct err *why)
{
	snprintf(g->why, sizeof g->why, "%s", why->text);
	if (++g->failures < FAILURES)
		return;
	if (!g->down_until)
		log_error(NULL, "engine.down", F("engine", g->name), F("error", why));
	g->down_until = instant_in(g->pause);
	g->pause = g->pause * 2 < PAUSE_MOST ? g->pause * 2 : PAUSE_MOST;
	metric_set(g->up, 0);
	cond_wake_all(&g->sick);
}

/* A command cannot be probed beside: after a pause one message tries it. */
static bool is_down(struct engine *g)
{
	if (!g->down_until)
		return false;
	if (g->conf->type != ENGINE_COMMAND || g->down_until > instant_now())
		return true;
	g->down_until = instant_in(g->pause);
	return false;
}

/* ---- versions ---- */

static void probe(struct engine *g)
{
	AUTO(arena) struct arena a = {0};
	slice version;
	struct err e;
	if (engine_net_version(g, instant_in(PROBE_TIME), &a, &version, &e) < 0) {
		if (e.kind != ERR_CLOSED || !co_cancelled())
			was_ill(g, &e);
		return;
	}
	was_well(g);
	version = slice_first(version, sizeof g->version - 1);
	if (slice_eq(version, slice_z(g->version)))
		return;
	snprintf(g->version, sizeof g->version, "%.*s", SFMT(version));
	log_info(NULL, "engine.version", F("engine", g->name), F("version", version));
}

/* Who finds it down wakes us; then it has its pause before it is asked. */
static int wait_to_probe(struct engine *g, int64_t every, struct err *e)
{
	if (!g->down_until &&
		cond_wait(&g->sick, instant_in(g->failures ? PAUSE_FIRST : every), e) < 0)
		return e->kind == ERR_TIMEOUT ? 0 : -1;
	return g->down_until ? co_sleep(g->down_until, e) : 0;
}

void engine_watch(struct engine *g, int64_t every)
{
	struct err e;
	if (g->conf->type == ENGINE_COMMAND)
		return;
	do
		probe(g);
	while (wait_to_probe(g, every, &e) == 0);
}

/* ---- a message ---- */

slice engine_virus_name(slice raw, struct arena *a)
{
	slice s = slice_first(slice_trim(raw), ENGINE_VIRUS_MAX);
	char *p = arena_strz(a, s);
	for (size_t i = 0; i < s.n; i++)
		if (p[i] <= ' ' || p[i] > '~' || p[i] == ',' || p[i] == ';')
			p[i] = '_';
	return s.n ? slice_of(p, s.n) : S("unnamed");
}

static int look(struct engine *g, const struct engine_look *q, struct arena *a,
	struct engine_found *ret, bool *ret_began, struct err *e)
{
	*ret_began = false;
	return g->conf->type == ENGINE_COMMAND ? engine_command_look(g, q, a, ret, e)
					       : engine_net_look(g, q, a, ret, ret_began, e);
}

/* One that dies in the middle is asked once more: perhaps it died of something else. */
static int look_twice(struct engine *g, const struct engine_look *q, struct arena *a,
	struct engine_found *ret, struct err *e)
{
	bool began;
	int r = look(g, q, a, ret, &began, e);
	if (r == 0 || !began || e->kind != ERR_CLOSED || co_cancelled())
		return r;
	metric_add(&asked_again, 1);
	log_warn(NULL, "engine.again", F("engine", g->name), F("error", e));
	return look(g, q, a, ret, &began, e);
}

static int take_turn(struct engine *g, instant deadline, struct err *e)
{
	while (g->under_way >= (unsigned)g->conf->at_once)
		if (cond_wait(&g->turn, deadline, e) < 0)
			return err_wrap(e, "waiting for its turn");
	g->under_way++;
	return 0;
}

static int look_in_turn(struct engine *g, const struct engine_look *q, struct arena *a,
	struct engine_found *ret, struct err *e)
{
	if (take_turn(g, q->deadline, e) < 0)
		return -1;
	instant began = instant_now();
	int r = look_twice(g, q, a, ret, e);
	g->under_way--;
	cond_wake_one(&g->turn);
	if (r == 0) {
		was_well(g);
		metric_observe(g->seconds, (uint64_t)(instant_now() - began));
	} else if (e->kind != ERR_LIMIT && !co_cancelled()) {
		was_ill(g, e);
	}
	return r;
}

static int fresh(struct engine *g, const struct engine_look *q, struct arena *a,
	struct engine_found *ret, struct err *e)
{
	if (q->bytes.n > (uint64_t)g->conf->max_size)
		return err_set(
			e, ERR_LIMIT, "larger than %lld bytes", (long long)g->conf->max_size);
	if (is_down(g))
		return err_set(e, ERR_TEMP, "down: %s", g->why);
	struct engine_look own = *q;
	instant until = instant_in(g->conf->timeout);
	own.deadline = until < q->deadline ? until : q->deadline;
	return look_in_turn(g, &own, a, ret, e);
}

int engine_ask(struct engine *g, struct engine_kept *kept, const struct engine_look *q,
	struct arena *a, struct engine_found *ret, struct err *e)
{
	if (!q->again && engine_kept_get(kept, g, q->digest, a, ret)) {
		metric_add(&given_again, 1);
		return 0;
	}
	if (fresh(g, q, a, ret, e) < 0) {
		metric_add(g->failed, 1);
		return -1;
	}
	if (ret->infected)
		ret->virus = engine_virus_name(ret->virus, a);
	metric_add(ret->infected ? g->infected : g->clean, 1);
	engine_kept_put(kept, g, q->digest, ret);
	return 0;
}
