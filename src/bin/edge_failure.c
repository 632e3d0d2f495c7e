/*
 * Sending failure reports (edge_failure.h, RFC 9991). Called by edge_report.c. What is told is
 * decided in mail/report_failure.c, to whom in mail/report_to.c.
 *
 * Limits: so many an hour about one domain, counted together by all edges (a store of counts that
 * cannot be asked means: none), and only a few being made at a time; what is above is dropped, for
 * the aggregate report tells the numbers.
 */
#include "bin/edge_failure.h"

#include "base/mem.h"
#include "bin/edge_verify.h"
#include "bin/keys_client.h"
#include "mail/report.h"
#include "mail/report_conf.h"
#include "mail/sign.h"
#include "run/metrics.h"
#include "store/kv.h"
#include <stdio.h>

METRIC_COUNTER(queued, "posthouse_reports_queued_total", "kind=\"failure\"", "Reports queued.");

enum { HOUR_S = 3600, TEXT_MAX = 256 * 1024, KEY_MAX = 300 };

struct edge_failures {
	struct edge *edge;
	struct group making;
};

/* One report being made; everything is its own. */
struct making {
	struct edge_failures *owner;
	struct arena mem;
	struct report_failure f;
	struct dmarc_result result;
	enum dmarc_method method;
};

static bool within_rate(struct edge *e, slice domain)
{
	char key[KEY_MAX];
	int64_t n;
	int len = snprintf(key, sizeof key, "dmarcfail:%.*s", SFMT(slice_first(domain, 255)));
	slice k = slice_of(key, (size_t)len);
	if (kv_count(e->kv, k, &n) == KV_UNKNOWN || n >= e->config->reports->failures_per_hour)
		return false;
	kv_add(e->kv, k, 1, HOUR_S);
	return true;
}

/* ---- making one ---- */

static int add(struct sql *db, void *arg, struct err *err)
{
	return queue_add_tx(db, arg, err);
}

static int queue_one(
	struct making *g, const struct report_sender *sender, slice to, struct err *err)
{
	struct edge *e = g->owner->edge;
	AUTO(buf) struct buf text = BUF(TEXT_MAX);
	const struct signing signing = {e->config->signing, keys_client_signer(e->keys)};
	slice subject, id, signature;
	struct queue_msg m;
	int64_t now = wall_now();
	if (report_failure_build(sender, &g->f, to, now, &text, &g->mem, &subject, &id, err) < 0 ||
		sign_text(&signing, buf_slice(&text), now, &g->mem, &signature, err) < 0 ||
		report_queue(sender, &e->routes, e->blobs, to, buf_slice(&text), signature, subject,
			id, now, &g->mem, &m, err) < 0 ||
		commit_run_blob(e->queue, m.blob, add, &m, err) < 0)
		return -1;
	edge_hand_off(e, &m);
	metric_add(&queued, 1);
	return 0;
}

static void make(void *arg)
{
	struct making *g = arg;
	struct edge *e = g->owner->edge;
	const struct dmarc_result *d = &g->result;
	struct report_sender sender;
	struct report_to to[REPORT_TO_MAX];
	struct err err;
	unsigned n = 0;
	slice why;
	report_sender_of(e->config->reports, e->config->hostname, &g->mem, &sender);
	if (report_to_dmarc(&e->lookup, d->record_domain, d->record_text, true, g->method,
		    instant_in(EDGE_FAILURES_LOOKUP_S * SECOND), &g->mem, to, &n,
		    &why) == REPORT_TO_FOUND)
		for (unsigned i = 0; i < n; i++)
			if (queue_one(g, &sender, to[i].address, &err) < 0)
				log_warn(NULL, "reports.failure", F("to", to[i].address),
					F("error", &err));
	arena_done(&g->mem);
	free(g);
}

/* ---- from the session ---- */

static struct making *copy(struct edge_failures *x, const struct report_failure *f)
{
	struct making *g = NEW(struct making);
	struct arena *a = &g->mem;
	g->owner = x;
	g->f = *f;
	g->result = *f->result;
	g->f.result = &g->result;
	struct dmarc_result *d = &g->result;
	struct report_failure *c = &g->f;
	slice *const texts[] = {&c->header, &c->client_ip, &c->sender, &c->id, &c->authserv_id,
		&c->spf_domain, &d->dkim_domain, &d->from_domain, &d->org_domain, &d->record_domain,
		&d->record_text, &d->reason};
	c->header = slice_first(c->header, REPORT_HEADERS_MAX);
	for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++)
		*texts[i] = arena_dup(a, *texts[i]);
	struct dmarc_record *record = ARENA_NEW(a, struct dmarc_record);
	if (dmarc_record_parse(d->record_text, a, record, NULL))
		d->record = record;
	struct dmarc_dkim *dkim = ARENA_ARRAY(a, struct dmarc_dkim, c->ndkim + 1);
	for (size_t i = 0; i < c->ndkim; i++)
		dkim[i] = (struct dmarc_dkim){arena_dup(a, c->dkim[i].domain),
			arena_dup(a, c->dkim[i].selector), c->dkim[i].result};
	c->dkim = dkim;
	return g;
}

void edge_failure(struct edge_session *s, const struct queue_msg *m, const struct edge_verified *f,
	bool refused)
{
	AUTO(arena) struct arena a = {0};
	struct edge *e = s->edge;
	struct edge_failures *x = e->failures;
	char id[MSG_ID_TEXT];
	if (!e->config->reports->failure || f->dmarc.record->nruf == 0 ||
		x->making.n >= EDGE_FAILURES_AT_ONCE)
		return;
	struct dmarc_result result = f->dmarc;
	struct dmarc_dkim *dkim = ARENA_ARRAY(&a, struct dmarc_dkim, f->dkim.n + 1);
	for (size_t i = 0; i < f->dkim.n; i++)
		dkim[i] = (struct dmarc_dkim){f->dkim.v[i].field.domain,
			f->dkim.v[i].field.selector, f->dkim.v[i].result};
	msg_id_print(m->id, id);
	const struct report_failure what = {
		.header = f->header,
		.client_ip = slice_z(s->client->ip),
		.sender = m->sender,
		.id = slice_z(id),
		.arrived_at = m->arrived_at,
		.authserv_id = e->authserv_id,
		.result = &result,
		.spf_domain = f->spf.domain,
		.spf = f->spf.result,
		.dkim = dkim,
		.ndkim = f->dkim.n,
		.refused = refused,
	};
	if (!report_failure_wanted(&what) || !within_rate(e, result.record_domain))
		return;
	struct making *g = copy(x, &what);
	g->method = result.method;
	group_go(&x->making, "edge.failure", make, g);
}

struct edge_failures *edge_failures_new(struct edge *e)
{
	struct edge_failures *x = NEW(struct edge_failures);
	x->edge = e;
	group_init(&x->making);
	return x;
}

void edge_failures_stop(struct edge_failures *x)
{
	if (!x)
		return;
	group_cancel(&x->making);
	group_join(&x->making);
}

void edge_failures_free(struct edge_failures *x)
{
	free(x);
}
