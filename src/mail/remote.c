/*
 * Opening a connection to a mail server elsewhere (remote.h): the same for IMAP and POP3. RFC 4616 PLAIN (also as somebody else), RFC 7628
 * OAUTHBEARER, XOAUTH2. Called by proto/imapc and proto/pop3c.
 */
#include "mail/remote.h"

#include "base/b64.h"
#include "base/mem.h"
#include "run/dns.h"

#define CONNECT_TIME (30 * SECOND)

struct remote remote_keep(const struct remote *r, struct arena *a)
{
	struct remote kept = *r;
	kept.host = arena_dup(a, r->host);
	kept.user = arena_dup(a, r->user);
	kept.as = arena_dup(a, r->as);
	kept.password.value = arena_dup(a, r->password.value);
	if (kept.idle_time <= 0)
		kept.idle_time = 2 * MINUTE;
	if (kept.command_time <= 0)
		kept.command_time = 10 * MINUTE;
	return kept;
}

int remote_connect(
	const struct net_addr *to, const struct remote *r, struct io **ret, struct err *e)
{
	instant until = instant_in(CONNECT_TIME);
	if (r->deadline && r->deadline < until)
		until = r->deadline;
	return net_connect(to, NULL, until, ret, e);
}

/* A certificate is named by its SHA-256: RFC 7671's "3 0 1". */
int remote_handshake(struct io *io, const struct remote *r, struct err *e)
{
	static const enum tls_verify how[] = {TLS_VERIFY_HOST, TLS_VERIFY_DANE, TLS_OPPORTUNISTIC};
	const struct dns_tlsa this = {
		.usage = 3, .matching = 1, .data = slice_of(r->fingerprint, REMOTE_FINGERPRINT)};
	const struct tls_want want = {
		.host = r->host, .verify = how[r->trust], .tlsa = &this, .ntlsa = 1};
	enum tls_failure why;
	if (!r->ctx)
		return err_set(e, ERR_PERM, "TLS is not configured here");
	io_set_deadline(io, instant_in(r->idle_time));
	return tls_connect_as(io, r->ctx, &want, &why, e);
}

const char *remote_sasl(const struct remote *r, enum remote_mech mech, struct buf *out)
{
	AUTO(buf) struct buf b = BUF(REMOTE_SASL_MAX);
	slice user = r->as.n ? r->as : r->user, password = r->password.value;
	const char *name = "PLAIN";
	if (mech == REMOTE_AUTH_OAUTHBEARER) {
		name = "OAUTHBEARER";
		buf_printf(&b, "n,a=%.*s,\1host=%.*s\1port=%u\1auth=Bearer %.*s\1\1", SFMT(user),
			SFMT(r->host), r->port, SFMT(password));
	} else if (mech == REMOTE_AUTH_XOAUTH2) {
		name = "XOAUTH2";
		buf_printf(&b, "user=%.*s\1auth=Bearer %.*s\1\1", SFMT(user), SFMT(password));
	} else {
		buf_put(&b, r->as);
		buf_byte(&b, 0);
		buf_put(&b, r->user);
		buf_byte(&b, 0);
		buf_put(&b, password);
	}
	b64_encode(out, buf_slice(&b));
	return name;
}
