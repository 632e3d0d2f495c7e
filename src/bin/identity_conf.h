/* identity_conf: sections [ldap] and [oidc]: others who say who somebody is. Read by the identity process, the auth process and the command line. */
#pragma once
#include "run/conf.h"

enum ldap_gone { LDAP_GONE_DISABLE, LDAP_GONE_DELETE, LDAP_GONE_KEEP };
struct ldap_conf {
	struct conf_list servers; /* "ldaps://host[:port]", "ldap://host"; empty: none */
	bool tls;
	slice ca;
	slice bind_dn;
	struct secret bind_password;
	slice base, login_filter, user_filter, group_filter;
	slice address, name, id, member;
	int64_t timeout, remember;
	int64_t sync_every;
	slice class;
	int gone; /* enum ldap_gone */
	int64_t brake;
};
struct oidc_conf {
	slice issuer; /* empty: none */
	struct conf_list audience;
	slice claim, domain;
	slice introspection, client_id;
	struct secret client_secret;
	int64_t skew, max_life;
};
extern const struct conf_section ldap_section, oidc_section;

struct config;
/* Is there anybody to ask? */
bool identity_wanted(const struct config *c);

static inline bool ldap_wanted(const struct ldap_conf *c)
{
	return c->servers.n > 0;
}

static inline bool oidc_wanted(const struct oidc_conf *c)
{
	return c->issuer.n > 0;
}
