/*
 * SASL steps of a session, asked of the auth process over its link. The edge sees responses pass
 * through and verdicts come back; what is stored about accounts' passwords it cannot read.
 */
#include "bin/edge.h"

#include "base/mem.h"
#include "bin/auth_wire.h"
#include "bin/edge_door.h"
#include "run/link.h"
#include <string.h>

enum { AUTH_WAIT = 75 }; /* seconds: hashing may queue, failures are answered late */

static void wipe(struct buf *b)
{
	if (b->p)
		explicit_bzero(b->p, b->cap);
	buf_done(b);
}

static enum smtpd_auth outcome(struct edge_session *s, const struct auth_reply *r, struct arena *a,
	struct smtpd_auth_result *ret)
{
	*ret = (struct smtpd_auth_result){
		.challenge = arena_dup(a, r->challenge),
		.login = arena_dup(a, r->login),
		.why = arena_dup(a, r->why),
	};
	s->login = r->outcome == AUTH_MORE ? r->handle : 0;
	if (r->outcome == AUTH_OK || r->outcome == AUTH_FAILED)
		edge_door_login(s, ret->login, r->outcome == AUTH_OK);
	switch (r->outcome) {
	case AUTH_MORE:
		return SMTPD_AUTH_MORE;
	case AUTH_OK:
		return SMTPD_AUTH_OK;
	case AUTH_FAILED:
		return SMTPD_AUTH_FAILED;
	default:
		return SMTPD_AUTH_TEMP;
	}
}

static enum smtpd_auth ask(struct edge_session *s, const struct auth_request *q, struct arena *a,
	struct smtpd_auth_result *ret)
{
	struct buf request = BUF(AUTH_WIRE_MAX);
	AUTO(arena) struct arena mem = {0};
	struct auth_reply reply;
	slice answer;
	struct err e;
	auth_request_encode(&request, q);
	int r = -1;
	if (buf_ok(&request))
		r = link_call(s->edge->auth_link, buf_slice(&request),
			instant_in(AUTH_WAIT * SECOND), &mem, &answer, &e);
	else
		err_set(&e, ERR_LIMIT, "SASL response too long");
	wipe(&request);
	if (r == 0 && auth_reply_decode(answer, &reply))
		return outcome(s, &reply, a, ret);
	s->login = 0;
	*ret = (struct smtpd_auth_result){
		.why = r < 0 ? arena_dup(a, slice_z(e.text)) : S("malformed answer")};
	return SMTPD_AUTH_TEMP;
}

enum smtpd_auth edge_auth_start(void *arg, const struct smtpd_auth_start *st, struct arena *a,
	struct smtpd_auth_result *ret)
{
	struct edge_session *s = arg;
	slice why;
	if (!edge_door_may_login(s, &why)) {
		*ret = (struct smtpd_auth_result){.why = why};
		return SMTPD_AUTH_TEMP;
	}
	const struct auth_request q = {
		.op = AUTH_START,
		.response = st->initial,
		.mech = st->mech,
		.has_initial = st->has_initial,
		.cb_type = slice_z(st->cb_type),
		.cb_data = st->cb_data,
		.ip = slice_z(s->ip),
		.service = S("smtp"),
	};
	return ask(s, &q, a, ret);
}

enum smtpd_auth edge_auth_step(
	void *arg, slice response, struct arena *a, struct smtpd_auth_result *ret)
{
	struct edge_session *s = arg;
	const struct auth_request q = {.op = AUTH_STEP, .handle = s->login, .response = response};
	return ask(s, &q, a, ret);
}

void edge_auth_cancel(void *arg)
{
	struct edge_session *s = arg;
	AUTO(buf) struct buf out = BUF(64);
	if (!s->login)
		return;
	auth_request_encode(&out, &(struct auth_request){.op = AUTH_CANCEL, .handle = s->login});
	link_send(s->edge->auth_link, buf_slice(&out)); /* lost: the exchange times out there */
	s->login = 0;
}
