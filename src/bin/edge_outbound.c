/*
 * The guard on what our own accounts send, in the edge process (edge_outbound.h). Called by edge_session.c at
 * each step of a message. Who is suspended is read from the queue's database once a second and kept in
 * memory; a database that cannot be read stops nobody.
 */
#include "bin/edge_outbound.h"

#include "base/mem.h"
#include "bin/edge_scan.h"
#include "run/metrics.h"
#include "run/pool.h"

METRIC_COUNTER(capped, "posthouse_outbound_capped_total", "",
	"Recipients put off because their sender has reached a cap of [outbound].");
METRIC_COUNTER(refused, "posthouse_outbound_refused_total", "",
	"Messages refused because their sender is suspended.");

enum { LOOK_EVERY_MS = 1000, SUSPENDED_MAX = 10000 };

struct edge_outbound {
	struct sql *db; /* opened when it is first looked at */
	slice data;
	struct arena mem; /* of the list */
	struct outbound_suspension *v;
	size_t n;
	instant looked_at;
	bool looking;
};

struct edge_outbound *edge_outbound_new(struct edge *e)
{
	struct edge_outbound *o = NEW(struct edge_outbound);
	o->data = e->config->server->data;
	return o;
}

void edge_outbound_free(struct edge_outbound *o)
{
	if (!o)
		return;
	sql_close(o->db);
	arena_done(&o->mem);
	free(o);
}

/* ---- who is suspended ---- */

struct looking {
	struct edge_outbound *o;
	struct arena mem;
	struct outbound_suspension *v;
	size_t n, room;
	bool good;
};

static bool keep(void *arg, const struct outbound_suspension *s)
{
	struct looking *k = arg;
	if (k->n == k->room) {
		size_t room = k->room ? 2 * k->room : 8;
		struct outbound_suspension *v =
			ARENA_ARRAY(&k->mem, struct outbound_suspension, room);
		if (k->n)
			memcpy(v, k->v, k->n * sizeof *v);
		k->v = v;
		k->room = room;
	}
	struct outbound_suspension *to = &k->v[k->n++];
	*to = *s;
	to->who = arena_dup(&k->mem, s->who);
	to->detail = arena_dup(&k->mem, s->detail);
	to->by = arena_dup(&k->mem, s->by);
	return k->n < SUSPENDED_MAX;
}

static void read_list(void *arg)
{
	struct looking *k = arg;
	struct err e;
	if (!k->o->db && sql_open_read(k->o->data, "queue", &k->o->db, &e) < 0)
		return;
	k->good = outbound_each(k->o->db, keep, k, &e) == 0;
}

/* One coroutine looks, the others take what is there. */
static void look(struct edge_outbound *o)
{
	if (o->looking || (o->looked_at && instant_now() < o->looked_at + LOOK_EVERY_MS * MSEC))
		return;
	struct looking k = {.o = o};
	o->looking = true;
	pool_call(read_list, &k);
	o->looking = false;
	o->looked_at = instant_now();
	if (!k.good) {
		arena_done(&k.mem);
		return;
	}
	arena_done(&o->mem);
	o->mem = k.mem;
	o->v = k.v;
	o->n = k.n;
}

static const struct outbound_suspension *suspension_of(const struct edge_outbound *o, slice who)
{
	slice org = slice_skip(who, slice_rindex(who, '@'));
	int64_t now = wall_now();
	for (size_t i = 0; i < o->n; i++) {
		const struct outbound_suspension *s = &o->v[i];
		bool holds = s->until == 0 || s->until > now;
		if (holds && (slice_ieq(s->who, who) || (org.n && slice_ieq(s->who, org))))
			return s;
	}
	return NULL;
}

/* ---- of one session ---- */

static const struct outbound_conf *conf_of(const struct edge_session *s)
{
	return conf_get(s->edge->config->conf, &outbound_section);
}

/* Whom mail of this session counts for; empty: nobody of ours. */
static slice who_is(const struct edge_session *s, struct arena *a)
{
	if (s->client->login.n)
		return s->client->login;
	if (!s->client->trusted || s->client->peer.ss.ss_family == AF_UNIX ||
		!conf_of(s)->addresses)
		return S("");
	return arena_printf(a, "ip:%s", s->client->ip);
}

static struct outbound guard(const struct edge_session *s)
{
	return (struct outbound){conf_of(s), s->edge->kv};
}

int edge_outbound_mail(struct edge_session *s, struct smtpd_refusal *no)
{
	AUTO(arena) struct arena a = {0};
	slice who = who_is(s, &a);
	s->outbound = (struct outbound_count){0};
	if (!who.n || !s->edge->outbound)
		return 0;
	look(s->edge->outbound);
	const struct outbound_suspension *found = suspension_of(s->edge->outbound, who);
	if (!found)
		return 0;
	metric_add(&refused, 1);
	smtpd_refuse(no, 550, "5.7.1",
		"Sending is suspended for %.*s: %s; please ask your administrator [suspended]",
		SFMT(slice_first(found->who, 100)), outbound_why_text(found->why, false));
	return err_set(
		&no->err, ERR_DENIED, "suspended: %.*s", SFMT(slice_first(found->detail, 150)));
}

int edge_outbound_rcpt(struct edge_session *s, bool foreign, struct smtpd_refusal *no)
{
	AUTO(arena) struct arena a = {0};
	slice who = who_is(s, &a);
	if (!who.n)
		return 0;
	struct outbound_cap cap;
	struct outbound o = guard(s);
	struct outbound_count m = s->outbound;
	m.outside += foreign;
	m.inside += !foreign;
	const struct outbound_count asked = {foreign ? 0 : m.inside, foreign ? m.outside : 0};
	outbound_ask(&o, who, &asked, &cap);
	if (!cap.reached) {
		s->outbound = m;
		return 0;
	}
	metric_add(&capped, 1);
	smtpd_refuse(no, 452, "4.5.3",
		"%s may write to %u recipients %s within %s%s; try the others later [outbound-cap]",
		cap.org ? "Your organisation" : "You", cap.most,
		cap.outside ? "of other systems" : "here", cap.day ? "a day" : "an hour",
		cap.fresh ? " while the account is new" : "");
	return err_set(&no->err, ERR_LIMIT, "cap of [outbound]");
}

/* By its content alone. [filter] need not act on own mail for that. */
static bool is_spam(const struct edge_session *s)
{
	const struct edge_scan *x = s->scan;
	return x && x->active && x->report && x->alone * 100 >= (double)conf_of(s)->spam_from;
}

static int suspend(struct edge_session *s, slice who, enum outbound_why why, slice detail,
	struct smtpd_refusal *no)
{
	struct edge_outbound *o = s->edge->outbound;
	const struct outbound_conf *c = conf_of(s);
	int64_t now = wall_now();
	const struct outbound_suspension to = {.who = who,
		.why = why,
		.detail = detail,
		.since = now,
		.until = c->suspend_for ? now + c->suspend_for : 0};
	if (outbound_act(s->edge->queue, &to, &no->err) < 0)
		return -1; /* not durable: try again */
	o->looked_at = 0;
	metric_add(&refused, 1);
	smtpd_refuse(no, 550, "5.7.1",
		"Sending is suspended for %.*s: %s; please ask your administrator [suspended]",
		SFMT(slice_first(who, 100)), outbound_why_text(why, false));
	return err_set(&no->err, ERR_DENIED, "suspended: %.*s", SFMT(slice_first(detail, 150)));
}

int edge_outbound_verdict(struct edge_session *s, struct smtpd_refusal *no)
{
	AUTO(arena) struct arena a = {0};
	slice who = who_is(s, &a), detail;
	if (!who.n || !s->edge->outbound || !conf_of(s)->enabled)
		return 0;
	struct outbound o = guard(s);
	outbound_judged(&o, who, is_spam(s));
	if (outbound_is_sudden(&o, who, &s->outbound, &a, &detail))
		return suspend(s, who, OUTBOUND_SUDDEN, detail, no);
	if (is_spam(s) && outbound_is_spam(&o, who, &a, &detail))
		return suspend(s, who, OUTBOUND_SPAM, detail, no);
	return 0;
}

void edge_outbound_sent(struct edge_session *s)
{
	AUTO(arena) struct arena a = {0};
	slice who = who_is(s, &a);
	struct outbound o = guard(s);
	if (who.n)
		outbound_sent(&o, who, &s->outbound);
}
