/*
 * How another system is spoken with (way.h). Called by queue_smtp.c and callout.c. RFC 2033 (LMTP;
 * 24 is its customary port), RFC 8314 3.3 (465 is TLS from the first byte).
 */
#include "bin/way.h"

_Static_assert((int)TLS_LEVEL_NEVER == SMTPC_TLS_NEVER && (int)TLS_LEVEL_MAYBE == SMTPC_TLS_MAYBE &&
		       (int)TLS_LEVEL_ALWAYS == SMTPC_TLS_ALWAYS &&
		       (int)TLS_LEVEL_CA == SMTPC_TLS_CA && (int)TLS_LEVEL_HOST == SMTPC_TLS_HOST &&
		       (int)TLS_LEVEL_DANE == SMTPC_TLS_DANE,
	"one vocabulary for TLS");

enum { PORT_LMTP = 24, PORT_IMPLICIT_TLS = 465 };

const char *const way_tls_words[] = {[SMTPC_TLS_NEVER] = "none",
	[SMTPC_TLS_MAYBE] = "opportunistic",
	[SMTPC_TLS_ALWAYS] = "required",
	[SMTPC_TLS_CA] = "ca",
	[SMTPC_TLS_HOST] = "host",
	[SMTPC_TLS_DANE] = "dane",
	NULL};

struct way way_to_domain(const struct delivery_conf *c)
{
	return (struct way){.tls = (enum smtpc_tls)c->tls, .port = (uint16_t)c->port};
}

/* The directory keeps only words of the list. */
static enum smtpc_tls tls_of_word(slice word)
{
	for (int i = 0; way_tls_words[i]; i++)
		if (slice_eq(slice_z(way_tls_words[i]), word))
			return (enum smtpc_tls)i;
	return SMTPC_TLS_HOST;
}

struct way way_by_route(const struct route *r, const struct delivery_conf *c)
{
	bool lmtp = slice_eq(r->protocol, S("lmtp"));
	return (struct way){
		.lmtp = lmtp,
		.tls = tls_of_word(r->tls),
		.port = lmtp ? PORT_LMTP : (uint16_t)c->port,
		.hosts = r->hosts,
		.user = r->auth_user,
		.password = {r->auth_secret},
	};
}

struct tls_rules way_rules(const struct way *w, struct dns *d)
{
	return (struct tls_rules){.dns = d, .least = (enum tls_level)w->tls};
}

struct smtpc_config way_config(
	const struct way *w, const struct host *h, const struct tls_policy *p)
{
	struct smtpc_config c = {
		.lmtp = w->lmtp,
		.tls = (enum smtpc_tls)p->level,
		.tls_implicit =
			p->level != TLS_LEVEL_NEVER && net_port(&h->addr) == PORT_IMPLICIT_TLS,
		.host = p->want.host,
		.tlsa = p->want.tlsa,
		.ntlsa = p->want.ntlsa,
		.nnames = p->want.nnames,
		.authentic = p->authentic,
		.auth_user = w->user,
		.auth_password = w->password,
	};
	memcpy(c.names, p->want.names, sizeof c.names);
	return c;
}
