/*
 * SASL steps of a session, asked of the auth process (auth_client.h), and what the door makes of their outcome.
 */
#include "bin/edge.h"

#include "bin/edge_door.h"

static enum smtpd_auth outcome(
	struct edge_session *s, const struct auth_reply *r, struct smtpd_auth_result *ret)
{
	*ret = (struct smtpd_auth_result){
		.challenge = r->challenge, .login = r->login, .why = r->why, .say = r->say};
	if (r->outcome == AUTH_OK || r->outcome == AUTH_FAILED)
		edge_door_login(s, ret->login, r->outcome == AUTH_OK);
	switch (r->outcome) {
	case AUTH_MORE:
		return SMTPD_AUTH_MORE;
	case AUTH_OK:
		return SMTPD_AUTH_OK;
	case AUTH_FAILED:
		return SMTPD_AUTH_FAILED;
	case AUTH_EXPIRED:
	case AUTH_NOT_HERE:
		return SMTPD_AUTH_DENIED;
	default:
		return SMTPD_AUTH_TEMP;
	}
}

enum smtpd_auth edge_auth_start(void *arg, const struct smtpd_auth_start *st, struct arena *a,
	struct smtpd_auth_result *ret)
{
	struct edge_session *s = arg;
	struct auth_reply reply;
	slice why;
	if (!edge_door_may_login(s, &why)) {
		*ret = (struct smtpd_auth_result){.why = why};
		return SMTPD_AUTH_TEMP;
	}
	const struct auth_request q = {
		.response = st->initial,
		.mech = st->mech,
		.has_initial = st->has_initial,
		.secure = s->client && s->client->tls_version,
		.cb_type = slice_z(st->cb_type),
		.cb_data = st->cb_data,
		.ip = slice_z(s->ip),
		.service = S("smtp"),
		.client = s->client ? s->client->helo : S(""),
	};
	s->login.link = s->edge->auth_link;
	auth_client_start(&s->login, &q, a, &reply);
	return outcome(s, &reply, ret);
}

enum smtpd_auth edge_auth_step(
	void *arg, slice response, struct arena *a, struct smtpd_auth_result *ret)
{
	struct edge_session *s = arg;
	struct auth_reply reply;
	auth_client_step(&s->login, response, a, &reply);
	return outcome(s, &reply, ret);
}

void edge_auth_cancel(void *arg)
{
	struct edge_session *s = arg;
	auth_client_cancel(&s->login);
}
