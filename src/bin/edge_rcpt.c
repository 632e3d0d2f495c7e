/*
 * What a recipient address means at RCPT: a mailbox, an alias, a backend's (who may be asked), or
 * foreign. Whether a client may send to foreign addresses is judged by proto/smtpd.
 */
#include "bin/edge.h"

#include "base/mem.h"
#include "bin/callout.h"
#include <stdio.h>

static int refuse(const struct route_decision *d, struct smtpd_refusal *no)
{
	char status[12];
	snprintf(status, sizeof status, "%u.%u.%u", d->status.cls, d->status.subject,
		d->status.detail);
	return smtpd_refuse(no, d->status.cls == 4 ? 450 : 550, status, "%.*s", SFMT(d->text));
}

static int ask_backend(
	struct edge *e, slice route, slice address, struct arena *a, struct smtpd_refusal *no)
{
	struct callout_answer answer;
	callout_ask(e->callout, route, address, a, &answer);
	if (answer.kind == CALLOUT_GOOD)
		return 0;
	if (answer.kind == CALLOUT_BAD) {
		smtpd_refuse(no, 550, "5.1.1", "No such user here");
		err_set(&no->err, ERR_NOTFOUND, "backend says: %.*s", SFMT(answer.text));
		return -1;
	}
	if (e->config->callout->if_unreachable == CALLOUT_ACCEPT)
		return 0;
	smtpd_refuse(no, 451, "4.4.1", "The recipient cannot be verified now, try later");
	err_set(&no->err, ERR_TEMP, "callout: %.*s", SFMT(answer.text));
	return -1;
}

/* A sender that we rewrote takes reports about what we passed on, and nothing else. */
static int take_report(struct edge *e, const struct smtpd_ask_rcpt *r, slice true_sender,
	struct arena *a, struct smtpd_refusal *no)
{
	instant now = instant_now();
	directory_canonical(true_sender, a, &true_sender); /* in one case */
	if (r->sender.n)
		return smtpd_refuse(no, 550, "5.7.1", "This address takes delivery reports only");
	if (auth_failures_count(&e->srs_used, true_sender, now) >= e->config->srs->bounces)
		return smtpd_refuse(no, 450, "4.7.1", "Too many delivery reports for this address");
	auth_failures_add(&e->srs_used, true_sender, now);
	return 0;
}

int edge_rcpt(void *arg, const struct smtpd_ask_rcpt *r, struct arena *a, struct smtpd_rcpt *ret,
	struct smtpd_refusal *no)
{
	struct edge *e = ((struct edge_session *)arg)->edge;
	struct route_decision d;
	if (route_decide(&e->routes, r->address, false, a, &d, &no->err) < 0)
		return -1;
	ret->foreign = !d.ours;
	if (ret->foreign && !r->may_relay)
		return 0; /* smtpd refuses it */
	if (d.kind == ROUTE_ERROR)
		return refuse(&d, no);
	if (d.kind == ROUTE_BACKEND && d.ours && d.callout &&
		ask_backend(e, d.route, r->address, a, no) < 0)
		return -1;
	if (d.kind == ROUTE_LOCAL && edge_quota_full(e->quota, &d))
		return smtpd_refuse(no, 452, "4.2.2", "The mailbox is full");
	if (d.kind == ROUTE_REPORT && !slice_eq(d.dest, S("report")) && !r->may_relay)
		return smtpd_refuse(no, 550, "5.7.1", "This address takes reports of our own users");
	if (d.stands_for.n && take_report(e, r, d.stands_for, a, no) < 0)
		return -1;
	ret->targets = ARENA_NEW(a, struct smtpd_target);
	ret->targets[0] = (struct smtpd_target){
		.address = d.stands_for.n ? d.stands_for : r->address, .dest = d.dest};
	ret->n = 1;
	return 0;
}
