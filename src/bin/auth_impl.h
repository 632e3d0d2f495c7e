/*
 * Inside the auth role: what its files share.
 *
 *	auth.c		the process, requests, exchanges under way
 *	auth_login.c	one exchange, step by step
 *	auth_check.c	what is stored, and whether the password is right
 *	auth_permit.c	what a right password opens
 *	auth_lock.c	failures, lockouts, delays, bans
 *	auth_log.c	the log of logins, written in batches; last use of application passwords
 *	auth_places.c	places never seen before; accounts that behave as if stolen
 *	auth_outbound.c	accounts that send like stolen ones
 *	auth_identity.c	passwords and tokens that others check: asked of the identity process
 *	auth_still.c	whether sessions' logins still hold
 */
#pragma once
#include "base/list.h"
#include "base/map.h"
#include "bin/auth_cache.h"
#include "bin/auth_conf.h"
#include "bin/auth_failures.h"
#include "bin/auth_wire.h"
#include "bin/role.h"
#include "bin/sasl.h"
#include "run/co.h"
#include "run/net.h"
#include "store/credential.h"
#include "store/directory.h"
#include "store/login.h"
#include "store/password_rule.h"

enum { AUTH_CONNECTIONS = 6, AUTH_NAME_MAX = 400, AUTH_LABEL_MAX = 80 };

struct link_request;
struct auth_log;
struct auth_places;

/* Connections that are used together, by one thread at a time. */
struct auth_db {
	struct sql *directory, *credentials, *logins;
};

/* One exchange between its first step and its end. */
struct auth_login {
	struct list all;
	uint64_t handle;
	struct sasl *sasl;
	bool busy, cancelled, can_code, secure;
	bool code_asked; /* the password was right; the next step brings a code */
	instant expires, begun; /* begun: of this step */
	char ip[64], mech[32], service[16], client[100];
	char network[64]; /* that counts for failures */
	/* For the code. */
	int64_t account_id;
	uint64_t grant;
	char how[AUTH_LABEL_MAX];
	char why[160]; /* its token is wrong; told in the last step */
};

struct auth {
	struct role_env *env;
	const struct auth_conf *conf;
	const struct password_rule *rule;
	struct credential_keys keys;
	struct sasl_library *library;
	struct map by_handle;
	struct list logins;
	unsigned nlogins;
	struct auth_failures by_login, by_network;
	struct auth_failures
		known; /* "login network" that succeeded lately: never locked out by others */
	struct auth_failures guessed; /* networks' failures and refusals, for bans */
	struct auth_cache cache, ldap_cache;
	struct ban_net {
		struct net_cidr net;
		int64_t until;
	} * bans;
	size_t nbans;
	uint64_t bans_version;
	struct auth_db connections[AUTH_CONNECTIONS];
	unsigned nfree;
	struct cond connection_free;
	unsigned hashing;
	struct cond hash_done;
	struct auth_log *log;
	struct auth_places *places;
	struct link *identity;
};

/* What is known about who logs in; strings from the arena of the step. */
struct auth_who {
	bool found; /* there is such an account */
	struct login_facts facts;
	struct credential credential;
	bool has_app; /* the password is this one of its application passwords */
	struct app_password app;
	bool external; /* its password is checked by a directory server, which knows it by this: */
	slice external_id;
	bool factor_required;
};

/* auth.c: takes a connection for fn, which runs in the pool. -1: none became free in time. */
int auth_with_db(struct auth *a, void (*fn)(void *arg, struct auth_db *db), void *arg,
	instant deadline, struct err *e);

/* auth_login.c: one step. Fills *reply (its texts live in *mem or in the login). */
void auth_login_step(struct auth *a, struct auth_login *l, slice response, struct arena *mem,
	struct auth_reply *reply);

/* auth_permit.c */
/* enum service of a wire name; 0: none of ours. */
unsigned auth_service_bit(slice name);
/* May this account use it now, apart from the password? False: *ret_why (a literal). */
bool auth_account_fine(
	const struct login_facts *f, const struct credential *c, const char **ret_why);
uint64_t auth_grant_password(slice verifier);
#define AUTH_GRANT_APP (UINT64_C(1) << 63) /* with the number of the application password */
#define AUTH_GRANT_PASSWORD (UINT64_C(1) << 62)
enum { AUTH_GRANT_LDAP = 1, AUTH_GRANT_OAUTH = 2 };

/* auth_lock.c */
void auth_network_of(slice ip, char out[64]); /* the address, or the /64 */
/* Why logins of this name from there are refused without looking, or NULL. */
const char *auth_network_locked(struct auth *a, const struct auth_login *l);
const char *auth_locked(struct auth *a, const struct auth_login *l, slice name);
void auth_count_failure(struct auth *a, const struct auth_login *l, slice name);
void auth_count_refusal(struct auth *a, const struct auth_login *l);
/* Also watches where accounts come from. */
void auth_count_success(struct auth *a, const struct auth_login *l, const struct login_facts *f);
/* How long a failed login waits for its answer, from its beginning. */
int64_t auth_delay(struct auth *a, const struct auth_login *l, slice name);
void auth_bans_forget(struct auth *a);
/* In the pool: has the list of bans changed? auth_bans_take puts the new one in force, in the loop. */
struct auth_bans_read {
	uint64_t version;
	struct ban *v;
	size_t n;
	bool changed;
};
void auth_bans_look(
	struct auth_db *db, uint64_t version, struct arena *a, struct auth_bans_read *ret);
void auth_bans_take(struct auth *a, const struct auth_bans_read *r);

/* auth_log.c */
struct auth_log *auth_log_new(struct auth *a);
int auth_log_open(struct auth_log *log, struct err *e); /* in a coroutine */
void auth_log_free(struct auth_log *log);
/* Never waits; full: counted and dropped. app_id 0: none. */
void auth_log_add(struct auth_log *log, const struct login_row *r, int64_t app_id);
/* Runs fn in the pool with the connection for writing; in a coroutine. */
struct sql;
void auth_log_with_db(struct auth_log *log, void (*fn)(void *arg, struct sql *logins), void *arg);

/* auth_places.c */
struct auth_places *auth_places_new(
	struct auth *a, struct err *e); /* before the sandbox; NULL: e */
void auth_places_free(struct auth_places *p); /* NULL is fine */
/* A login succeeded, not from a trusted network. `known`: so it did from this network lately. Returns at once. */
void auth_places_ok(struct auth_places *p, const struct auth_login *l, const struct login_facts *f,
	bool known, unsigned failures_there);
slice auth_country(struct auth_places *p, slice ip, char out[4]); /* "CN", or empty */

/* It behaves as if stolen, for this reason: alarm, suspended, as configured. In a coroutine. */
void auth_places_stolen(struct auth_places *p, const struct login_facts *f, slice why_en, slice why_zh);

/* auth_outbound.c: a coroutine; arg is the struct auth. */
void auth_outbound_watch(void *arg);

/* auth_identity.c: 0: right. -1: ERR_DENIED: wrong; else it cannot be told now. *ret_login: the address in a token, from *mem. */
int auth_identity_bind(struct auth *a, slice login, slice id, slice password, struct err *e);
int auth_identity_token(
	struct auth *a, slice token, struct arena *mem, slice *ret_login, struct err *e);

/* auth_still.c */
void auth_still_request(struct auth *a, struct link_request *r, slice request);
