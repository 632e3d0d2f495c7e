/*
 * What a session of proto/smtpd asks of the edge process (struct smtpd_ops): limits, senders, the
 * message's way into the store, and the word to the queue process.
 *
 * A message is in the pack and in the queue database, both synced in one group commit, before
 * accept() returns 0.
 */
#include "bin/edge.h"

#include "base/mem.h"
#include "base/must.h"
#include "bin/edge_door.h"
#include "bin/edge_learn.h"
#include "bin/edge_class.h"
#include "bin/edge_outbound.h"
#include "bin/edge_policy.h"
#include "bin/edge_report.h"
#include "bin/edge_scan.h"
#include "bin/edge_sign.h"
#include "bin/edge_verify.h"
#include "mail/handoff.h"
#include "run/link.h"
#include "run/metrics.h"
#include "store/trace.h"
#include <inttypes.h>
#include <stdio.h>

METRIC_COUNTER(accepted_rcpts, "posthouse_edge_recipients_accepted_total", "",
	"Recipients of accepted messages.");
METRIC_COUNTER(handoff_lost, "posthouse_edge_handoffs_lost_total", "",
	"Messages that the queue process was not told about; its sweep finds them.");
METRIC_DURATION(accept_seconds, "posthouse_edge_accept_seconds", "",
	"From the end of a message's data to stable storage.");
METRIC_COUNTER(refused_disk, "posthouse_edge_refused_disk_total", "",
	"Messages refused for lack of free space.");

/* ---- the connection ---- */

bool edge_in_nets(const struct conf_nets *nets, const struct net_addr *a)
{
	for (size_t i = 0; i < nets->n; i++)
		if (net_cidr_match(&nets->v[i], a))
			return true;
	return false;
}

void edge_log_client(struct edge_session *s, const char *ip)
{
	snprintf(s->ip, sizeof s->ip, "%s", ip);
	log_ctx_init(&s->log, NULL);
	log_ctx_add(&s->log, F("listener", s->service->name));
	log_ctx_add(&s->log, F("ip", ip));
}

/* Behind a proxy or XCLIENT the client is somebody else than the peer: count it where it is. */
static int op_connect(void *arg, struct smtpd_client *c, struct smtpd_refusal *no)
{
	struct edge_session *s = arg;
	struct edge *e = s->edge;
	edge_log_client(s, c->ip);
	s->client = c;
	edge_verify_connect(s);
	if (!c->proxied && !c->xclient)
		return edge_door_connect(s, no);
	bool limited = !c->trusted;
	census_leave(e->census, &s->counted);
	enum census_answer answer = census_enter(
		e->census, &c->peer, 0, limited ? e->config->connections->max_per_ip : 0);
	if (answer == CENSUS_FINE) {
		s->counted = c->peer;
		return edge_door_connect(s, no);
	}
	if (census_enter(e->census, &s->counted, 0, 0) != CENSUS_FINE)
		s->counted.len = 0; /* not counted at all */
	smtpd_refuse(no, 421, "4.7.0", "Too many connections from your address");
	no->hang_up = true;
	return -1;
}

static int op_helo(void *arg, struct smtpd_refusal *no)
{
	return edge_door_helo(arg, no);
}

static void op_end(void *arg, const struct smtpd_client *c, const struct smtpd_summary *sum)
{
	struct edge_session *s = arg;
	edge_policy_end(s);
	edge_scan_end(s);
	edge_verify_end(s);
	edge_door_end(s, sum);
	arena_done(&s->message.mem);
	s->client = NULL;
	log_info(&s->log, "smtp.end", F("helo", c->helo), F("login", c->login),
		F("tls", c->tls_version ? c->tls_version : "none"), F("accepted", sum->accepted),
		F("refused", sum->refused), F("rcpts", sum->rcpts), F("bytes", sum->bytes_in),
		F("errors", sum->errors), F("end", sum->end), F("why", sum->why),
		F_USEC("took", wall_now() - c->connected_at));
}

/* ---- senders ---- */

static int op_may_send_as(void *arg, slice login, slice address, bool *ret, struct err *e)
{
	struct edge_session *s = arg;
	return directory_may_send_as(s->edge->directory, login, address, ret, e);
}

static int refuse_for_space(struct smtpd_refusal *no)
{
	metric_add(&refused_disk, 1);
	return err_set(&no->err, ERR_LIMIT, "free disk space is below the configured minimum");
}

/* A message that would not fit is told so before it is sent (RFC 1870 section 6.1). */
static int op_mail(void *arg, const struct smtpd_ask_mail *m, struct smtpd_refusal *no)
{
	struct edge_session *s = arg;
	struct edge *e = s->edge;
	uint64_t keep = (uint64_t)e->config->store->min_free;
	if (e->disk_low || (m->size && e->free_bytes < keep + m->size))
		return refuse_for_space(no);
	if (edge_class_mail(s, m, no) < 0 || edge_outbound_mail(s, no) < 0 ||
		edge_door_mail(s, m, no) < 0)
		return -1;
	edge_verify_mail(s, m->sender, s->visit ? door_signals(s->visit) : NULL);
	return 0;
}

static int op_rcpt(void *arg, const struct smtpd_ask_rcpt *r, struct arena *a,
	struct smtpd_rcpt *ret, struct smtpd_refusal *no)
{
	struct edge_session *s = arg;
	if (edge_verify_rcpt(s, r->address, no) < 0 || edge_door_rcpt(s, r, no) < 0)
		return -1;
	int got = edge_rcpt(s, r, a, ret, no);
	bool takes = got == 0 && (!ret->foreign || r->may_relay);
	if (takes && (edge_outbound_rcpt(s, ret->foreign, no) < 0 ||
			     edge_door_greylist(s, no) < 0 || edge_class_rcpt(s, r, a, ret, no) < 0))
		got = -1;
	edge_door_rcpt_was(s, takes && got == 0, no);
	return got;
}

/* ---- the message ---- */

static int op_body_begin(void *arg, const struct queue_msg *m, struct smtpd_refusal *no)
{
	struct edge_session *s = arg;
	s->msg = m;
	must(!s->body);
	if (s->edge->disk_low)
		return refuse_for_space(no);
	s->body = blob_begin(s->edge->blobs);
	edge_scan_begin(s);
	return 0;
}

static int op_header(void *arg, struct smtpd_header *h, struct arena *a, struct smtpd_refusal *no)
{
	edge_door_header(arg, h);
	if (edge_verify_header(arg, h, a, no) < 0)
		return -1;
	edge_scan_header(arg, h, a);
	edge_policy_header(arg, h);
	return edge_sign_header(arg, h, a, no);
}

static int op_body_add(void *arg, slice bytes, bool behind, struct err *e)
{
	struct edge_session *s = arg;
	if (behind)
		edge_verify_body(s, bytes);
	edge_sign_add(s, bytes, behind);
	edge_scan_body(s, bytes);
	return blob_add(s->body, bytes, e);
}

static void op_body_cancel(void *arg)
{
	struct edge_session *s = arg;
	edge_sign_end(s);
	edge_scan_cancel(s);
	blob_cancel(take(&s->body));
}

static void tell_signals(const struct edge_session *s, struct buf *log)
{
	AUTO(buf) struct buf text = BUF(TRACE_VALUE_MAX);
	AUTO(arena) struct arena a = {0};
	const struct signals *signals = edge_scan_signals(s);
	if (!signals)
		signals = edge_verify_signals(s);
	if (!signals || !signals->n)
		return;
	signals_print(&text, signals);
	trace_event(log, wall_now(), "signals", "score",
		arena_printf(&a, "%.1f", signals_score(signals)), "list", buf_slice(&text), NULL);
}

static int op_verdict(void *arg, struct smtpd_verdict *v, struct smtpd_refusal *no)
{
	struct edge_session *s = arg;
	int r = edge_class_verdict(s, v->msg, no);
	if (r == 0)
		r = edge_verify_verdict(s, v, no);
	if (r == 0)
		r = edge_door_verdict(s, v, no);
	if (r == 0) {
		edge_scan_verdict(s, v);
		r = edge_policy_verdict(s, v, no);
	}
	tell_signals(s, v->log);
	if (edge_outbound_verdict(s, no) < 0)
		r = -1;
	if (r == 0)
		r = edge_sign_verdict(s, v, no);
	edge_report(s, v->msg, r < 0 ? no : NULL);
	bool bad = no->code >= 500 && edge_policy_refused_bad(s);
	if (r < 0)
		edge_door_message_was(s, bad ? DOOR_REFUSED_BAD : DOOR_NOT_STORED);
	return r;
}

/* Losing this word is harmless: the queue process also looks into its database. */
void edge_hand_off(struct edge *e, const struct queue_msg *m)
{
	AUTO(buf) struct buf datagram = BUF(HANDOFF_MAX);
	handoff_encode(&datagram, m);
	if (!link_send(e->queue_link, buf_slice(&datagram)))
		metric_add(&handoff_lost, 1);
}

static int store_message(struct edge_session *s, struct queue_msg *m, struct smtpd_refusal *no)
{
	struct edge *e = s->edge;
	instant began = instant_now();
	uint64_t size;
	if (blob_finish(take(&s->body), &m->blob, &size, &no->err) < 0)
		return -1;
	must(size == m->size);
	m->expires_at = m->arrived_at + e->config->queue->lifetime;
	m->priority = QUEUE_NORMAL;
	m->summary = edge_scan_found(s) ? edge_scan_found(s)->summary : S("");
	edge_learn_mark(s, m);
	if (edge_policy_accept(s, m, no) < 0) {
		log_error(&s->log, "smtp.store", F("error", &no->err));
		return -1;
	}
	edge_door_sent(s, m);
	edge_outbound_sent(s);
	edge_class_sent(s);
	edge_door_message_was(s, DOOR_STORED);
	metric_observe(&accept_seconds, (uint64_t)(instant_now() - began));
	metric_add(&accepted_rcpts, (int64_t)m->nrcpts);
	char id[MSG_ID_TEXT];
	msg_id_print(m->id, id);
	log_info(&s->log, "smtp.accepted", F("id", (const char *)id), F("from", m->sender),
		F("rcpts", m->nrcpts), F("bytes", m->size), F("login", m->auth));
	return 0;
}

/* Forms of the message that policy had changed are signed anew, so what signing needs stays till now. */
static int op_accept(void *arg, struct queue_msg *m, struct smtpd_refusal *no)
{
	struct edge_session *s = arg;
	int r = store_message(s, m, no);
	edge_sign_end(s);
	return r;
}

const struct smtpd_ops edge_ops = {
	.connect = op_connect,
	.helo = op_helo,
	.auth_start = edge_auth_start,
	.auth_step = edge_auth_step,
	.auth_cancel = edge_auth_cancel,
	.may_send_as = op_may_send_as,
	.mail = op_mail,
	.rcpt = op_rcpt,
	.body_begin = op_body_begin,
	.header = op_header,
	.body_add = op_body_add,
	.verdict = op_verdict,
	.body_cancel = op_body_cancel,
	.accept = op_accept,
	.refused = edge_refused,
	.end = op_end,
};
