/*
 * identity: the role that asks others who somebody is: directory servers (LDAP, Active Directory) and issuers of tokens (OpenID Connect). It has
 * the network and no credentials; the auth process asks it over a link (identity_wire.h). Runs when [ldap] or [oidc] is configured.
 *
 *	identity.c	the process, requests, names to addresses
 *	identity_oidc.c	tokens: keys of the issuer, introspection, which address
 *	identity_sync.c	people and groups of the directory become accounts and groups here
 *	ldap_client.c	LDAP
 */
#pragma once
#include "bin/identity_conf.h"
#include "bin/ldap_client.h"
#include "bin/role.h"
#include "run/co.h"
#include "run/dns.h"

/* The servers of [ldap] with the addresses of their names. In a coroutine. From *a. */
struct ldap_client identity_ldap(
	const struct config *c, struct dns *dns, instant deadline, struct arena *a);

/* ---- tokens ---- */

struct oidc;
struct oidc *oidc_new(const struct config *c, struct dns *dns);
/* Fetches the keys, so that the first login does not wait for them. In a coroutine. */
void oidc_warm_up(struct oidc *o);
void oidc_wait_warm(struct oidc *o); /* until that has ended, or for a short time */
void oidc_free(struct oidc *o); /* NULL is fine */
/* In a coroutine. 0 and the address that the token says, from *a. -1: ERR_DENIED, or it cannot be told now. */
int oidc_token(struct oidc *o, slice token, struct arena *a, slice *ret_address, struct err *e);

/* ---- people and groups ---- */

struct identity_sync {
	size_t people, added, changed, gone, back, skipped, groups;
	bool braked; /* too many would have gone: none did */
	slice notes; /* what was left out and why, lines; from *a */
};
/* Blocks: in the pool or the command line. One at a time, everywhere: ERR_EXISTS while another runs. An alarm is told when the brake holds. */
int identity_sync(const struct config *c, const struct ldap_client *ldap, struct arena *a,
	struct identity_sync *ret, struct err *e);
