/*
 * What becomes of mail of our own accounts (defence/outbound.h): an account most of whose recipients
 * outside do not exist is suspended. Called by queue_session.c with the results of each group. Counted in
 * memory, for the present hour and the one before; a new process begins anew.
 */
#include "bin/edge_outbound.h"
#include "bin/queue.h"

#include "base/hash.h"
#include "base/mem.h"
#include "run/log.h"

enum { ACCOUNTS = 4096, WHO_MAX = 120, HOUR_S = 3600 };

struct outcome {
	char who[WHO_MAX];
	size_t nwho;
	int64_t hour;
	uint64_t tried, unknown, tried_before, unknown_before;
	bool told; /* suspended in this hour already */
};
struct queue_outbound {
	struct outcome v[ACCOUNTS];
};

/* The account's row; another's of the same place gives way. */
static struct outcome *row_of(struct queue_outbound *o, slice who, int64_t hour)
{
	struct outcome *r = &o->v[hash_keyed(who) % ACCOUNTS];
	if (!slice_eq(slice_of(r->who, r->nwho), who)) {
		*r = (struct outcome){.nwho = who.n, .hour = hour};
		memcpy(r->who, who.p, who.n);
	}
	if (r->hour != hour) {
		bool next = r->hour + 1 == hour;
		r->tried_before = next ? r->tried : 0;
		r->unknown_before = next ? r->unknown : 0;
		r->tried = r->unknown = 0;
		r->told = false;
		r->hour = hour;
	}
	return r;
}

/* 5.1.x: the address is wrong (RFC 3463 3.2). */
static bool is_unknown(const struct result *r)
{
	return r->kind == RESULT_FAILED && r->status.cls == 5 && r->status.subject == 1;
}

static void suspend(struct queue *q, slice who, slice detail)
{
	const struct outbound_conf *c = conf_get(q->settings->config.conf, &outbound_section);
	struct err e;
	int64_t now = wall_now();
	const struct outbound_suspension s = {.who = who,
		.why = OUTBOUND_FAILING,
		.detail = detail,
		.since = now,
		.until = c->suspend_for ? now + c->suspend_for : 0};
	if (outbound_act(q->queue_commit, &s, &e) < 0)
		log_error(NULL, "outbound.suspend", F("who", who), F("error", &e));
}

static void judge(struct queue *q, struct outcome *r, slice who, int64_t second)
{
	AUTO(arena) struct arena a = {0};
	const struct outbound_conf *c = conf_get(q->settings->config.conf, &outbound_section);
	uint64_t left = (uint64_t)(HOUR_S - second);
	uint64_t tried = r->tried + r->tried_before * left / HOUR_S;
	uint64_t unknown = r->unknown + r->unknown_before * left / HOUR_S;
	slice detail;
	if (r->told || outbound_is_excepted(c, who) ||
		!outbound_is_failing(c, tried, unknown, &a, &detail))
		return;
	r->told = true;
	suspend(q, arena_dup(&a, who), detail);
}

void queue_outbound_note(
	struct queue *q, const struct queue_msg *m, const struct settle_rcpt *v, size_t n)
{
	int64_t now = wall_now() / SECOND;
	slice who = m->auth;
	bool bad = false;
	if (!who.n || who.n > WHO_MAX)
		return;
	if (!q->outbound)
		q->outbound = NEW(struct queue_outbound);
	struct outcome *r = row_of(q->outbound, who, now / HOUR_S);
	for (size_t i = 0; i < n; i++) {
		r->tried +=
			v[i].result.kind == RESULT_DELIVERED || v[i].result.kind == RESULT_FAILED;
		r->unknown += is_unknown(&v[i].result);
		bad = bad || is_unknown(&v[i].result);
	}
	if (bad)
		judge(q, r, who, now % HOUR_S);
}
