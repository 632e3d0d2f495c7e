/*
 * SASL steps of a session, asked of the auth process over its link (auth_client.h). Who asks sees responses pass
 * through and verdicts come back; what is stored about accounts' passwords it cannot read.
 */
#include "bin/auth_client.h"

#include "base/mem.h"
#include "run/link.h"
#include <string.h>

enum { AUTH_WAIT = 75 }; /* seconds: hashing may queue, failures are answered late */

static void wipe(struct buf *b)
{
	if (b->p)
		explicit_bzero(b->p, b->cap);
	buf_done(b);
}

static enum auth_outcome ask(struct auth_exchange *x, const struct auth_request *q, struct arena *a,
	struct auth_reply *ret)
{
	struct buf request = BUF(AUTH_WIRE_MAX);
	slice answer;
	struct err e;
	int r = -1;
	auth_request_encode(&request, q);
	if (buf_ok(&request))
		r = link_call(x->link, buf_slice(&request), instant_in(AUTH_WAIT * SECOND), a,
			&answer, &e);
	else
		err_set(&e, ERR_LIMIT, "SASL response too long");
	wipe(&request);
	x->handle = 0;
	if (r == 0 && auth_reply_decode(answer, ret)) {
		if (ret->outcome == AUTH_MORE)
			x->handle = ret->handle;
		return ret->outcome;
	}
	*ret = (struct auth_reply){.outcome = AUTH_TEMP,
		.why = r < 0 ? arena_dup(a, slice_z(e.text)) : S("malformed answer")};
	return AUTH_TEMP;
}

enum auth_outcome auth_client_start(struct auth_exchange *x, const struct auth_request *q,
	struct arena *a, struct auth_reply *ret)
{
	struct auth_request start = *q;
	start.op = AUTH_START;
	return ask(x, &start, a, ret);
}

enum auth_outcome auth_client_step(
	struct auth_exchange *x, slice response, struct arena *a, struct auth_reply *ret)
{
	const struct auth_request q = {.op = AUTH_STEP, .handle = x->handle, .response = response};
	return ask(x, &q, a, ret);
}

void auth_client_cancel(struct auth_exchange *x)
{
	AUTO(buf) struct buf out = BUF(64);
	if (!x->handle)
		return;
	auth_request_encode(&out, &(struct auth_request){.op = AUTH_CANCEL, .handle = x->handle});
	link_send(x->link, buf_slice(&out)); /* lost: the exchange times out there */
	x->handle = 0;
}
