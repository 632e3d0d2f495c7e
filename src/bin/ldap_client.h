/*
 * ldap_client: asking directory servers (RFC 4511) by libldap: who somebody is, whether a password is theirs, everybody who fits a filter. All
 * calls block for as long as the servers may take: in the pool, or in the command line. libldap looks no names up: the caller brings
 * addresses, so that the process's own resolver and sandbox hold.
 */
#pragma once
#include "base/arena.h"
#include "base/err.h"
#include "bin/identity_conf.h"
#include "run/net.h"

enum {
	LDAP_SERVERS_MAX = 16,
	LDAP_ADDRESSES_MAX = 8, /* of one server */
	LDAP_ENTRIES_MAX = 500000, /* of one search */
	LDAP_VALUES_MAX = 100000, /* members of one group */
	LDAP_PAGE = 500,
	LDAP_ID_MAX = 100,
};

/* A server of the configuration with its addresses. */
struct ldap_server {
	slice url, host;
	uint16_t port;
	bool tls_first; /* ldaps:// */
	struct net_addr addr[LDAP_ADDRESSES_MAX];
	size_t n; /* 0: its name gave none */
};
/* host and port of each; the caller fills in addresses. */
size_t ldap_servers(const struct ldap_conf *c, struct ldap_server *v);

struct ldap_client {
	const struct ldap_conf *conf;
	slice ca; /* file */
	const struct ldap_server *servers;
	size_t n;
};

/* Value of an attribute for a filter (RFC 4515 section 3). */
void ldap_escape(struct buf *out, slice value);
/* %a %u %d of an address; "%%" is a percent sign. False: too long. */
bool ldap_filter(slice pattern, slice address, struct buf *out);

/* Is this the password of the person whose id (`id`, as of ldap_person) is this? `id` empty: whoever the login filter finds. 0;
 * -1: ERR_DENIED (no, or nobody, or disabled there), ERR_TEMP (no server answers). */
int ldap_check(const struct ldap_client *c, slice address, slice id, slice password, struct err *e);

struct ldap_person {
	slice id, dn, address, name;
	bool disabled; /* userAccountControl of Active Directory */
};
struct ldap_group {
	slice id, dn, address, name;
	slice *members; /* DNs */
	size_t n;
};
struct ldap_people {
	struct ldap_person *v;
	size_t n;
	struct ldap_group *groups;
	size_t ngroups;
};
/* Everybody and, with a group filter, all groups. From *a. Either all of it or an error: ERR_TEMP, ERR_LIMIT. */
int ldap_read(const struct ldap_client *c, struct arena *a, struct ldap_people *ret, struct err *e);
/* Reaches this server as the configuration says, and searches; how many people. */
int ldap_try(const struct ldap_client *c, size_t server, size_t *ret_people, struct err *e);
