/*
 * Passwords and tokens that others check (auth_impl.h): asked of the identity process, which has the network and no credentials. When it, or
 * who it asks, does not answer, the login is put off: never "wrong password".
 */
#include "base/mem.h"
#include "bin/auth_impl.h"
#include "bin/identity_conf.h"
#include "bin/identity_wire.h"
#include "run/link.h"
#include <string.h>

enum { IDENTITY_WAIT = 40 };

static int ask(struct auth *a, const struct identity_request *q, struct arena *mem,
	slice *ret_login, struct err *e)
{
	struct buf request = BUF(IDENTITY_WIRE_MAX);
	struct identity_reply reply;
	slice answer;
	int r = -1;
	identity_request_encode(&request, q);
	if (buf_ok(&request))
		r = link_call(a->identity, buf_slice(&request), instant_in(IDENTITY_WAIT * SECOND),
			mem, &answer, e);
	else
		err_set(e, ERR_DENIED, "password or token too long");
	if (request.p)
		explicit_bzero(request.p, request.cap);
	buf_done(&request);
	if (r < 0)
		return -1;
	if (!identity_reply_decode(answer, &reply))
		return err_set(e, ERR_TEMP, "malformed answer of the identity process");
	if (reply.outcome == IDENTITY_YES) {
		*ret_login = reply.login;
		return 0;
	}
	return err_set(e, reply.outcome == IDENTITY_NO ? ERR_DENIED : ERR_TEMP, "%.*s",
		SFMT(slice_first(reply.why, 200)));
}

int auth_identity_bind(struct auth *a, slice login, slice id, slice password, struct err *e)
{
	AUTO(arena) struct arena mem = {0};
	slice ignored;
	const struct identity_request q = {IDENTITY_BIND, login, id, password};
	if (!ldap_wanted(conf_get(a->env->config.conf, &ldap_section)))
		return err_set(e, ERR_TEMP,
			"the account belongs to a directory server, and [ldap] names none");
	return ask(a, &q, &mem, &ignored, e);
}

int auth_identity_token(
	struct auth *a, slice token, struct arena *mem, slice *ret_login, struct err *e)
{
	const struct identity_request q = {.op = IDENTITY_TOKEN, .secret = token};
	if (!oidc_wanted(conf_get(a->env->config.conf, &oidc_section)))
		return err_set(e, ERR_DENIED, "nobody who issues tokens is configured");
	return ask(a, &q, mem, ret_login, e);
}
