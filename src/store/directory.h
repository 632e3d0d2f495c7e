/*
 * The directory: domains, accounts, aliases, routes; and what gives order to them: organisations,
 * departments, groups, shared mailboxes, service classes (changed through directory_org.h). Small,
 * read often: processes keep the answers in a cache that notices changes of the database (struct
 * directory). Passwords are elsewhere: store/credential.h.
 *
 * Addresses are compared in their canonical spelling (codec/address.h): domain as lower-case
 * A-labels, ASCII letters of the local part folded, quotes only where needed. How an address of a
 * local domain is found, first hit wins: an account, group or alias of that name; the same without
 * "+detail"; the domain's catch-all alias "@domain"; and, for postmaster (RFC 5321 4.5.1), the
 * postmaster that directory_set_postmaster named, else the oldest enabled account of the domain,
 * else of all.
 */
#pragma once
#include "base/arena.h"
#include "store/sql.h"

enum {
	DIRECTORY_ALIAS_DEPTH = 8, /* aliases of aliases */
	DIRECTORY_TARGETS_MAX = 1000, /* addresses behind one alias, all told */
	DIRECTORY_ROUTES_MAX = 10000,
	DIRECTORY_TEXT_MAX = 1000, /* names, hosts, patterns */
	DIRECTORY_CACHE_MAX = 50000, /* answers kept in a process */
	DIRECTORY_MEMBERSHIPS_MAX =
		1000, /* groups, departments or shared mailboxes of one account */
	DIRECTORY_GROUP_DEPTH = 16, /* groups in groups */
	DIRECTORY_DEPARTMENT_DEPTH = 16, /* departments in departments */
	DIRECTORY_FIRST = 1, /* id of the organisation and of the class that are always there */
	DIRECTORY_UNLIMITED = -1,
};

extern const struct sql_migration directory_migrations[];
extern const size_t directory_migrations_n;

enum domain_kind {
	DOMAIN_LOCAL = 1, /* mailboxes here */
	DOMAIN_BACKEND = 2, /* behind us: routed to a backend mail system */
	DOMAIN_ALIAS =
		3, /* every address in it is the one of a local domain with the same local part */
};
struct domain {
	int64_t id;
	slice name; /* lower case A-label (RFC 5890) */
	enum domain_kind kind;
	slice backend; /* name of the route that its mail takes, for DOMAIN_BACKEND */
	bool callout; /* recipients of a backend domain are asked there at RCPT */
	bool disabled;
	int64_t created_at;
	int64_t org_id; /* 0 when added: the first one (DIRECTORY_FIRST) */
	slice stands_for; /* of a DOMAIN_ALIAS: the local domain */
	bool org_disabled; /* told by lookups */
};
enum account_kind { /* stored */
	ACCOUNT_PERSON = 1,
	ACCOUNT_SHARED = 2, /* a mailbox of several people, who log in as themselves */
	ACCOUNT_ROOM = 3, /* resources: nobody logs in as these either */
	ACCOUNT_EQUIPMENT = 4,
};
enum service { /* bits, stored: by what people reach their mailbox */
	SERVICE_SUBMISSION = 1,
	SERVICE_IMAP = 2,
	SERVICE_POP3 = 4,
	SERVICE_WEB = 8,
	SERVICE_DAV = 16,
	SERVICE_EAS = 32,
	SERVICE_SIEVE = 64,
	SERVICE_COLLECT =
		128, /* collect mail of accounts elsewhere (mail/collections.h): no login */
	SERVICE_ALL = 255,
};
/* What a service class allows, or an account by its class and its own settings. 0: no limit. */
struct limits {
	uint64_t quota, quota_messages; /* of the mailbox */
	uint64_t max_message; /* bytes of one message that is sent */
	uint64_t max_rcpts; /* of one message that is sent */
	uint64_t rcpts_hour, rcpts_day; /* that are sent to */
	uint64_t sieve_scripts, sieve_bytes; /* store/script.h; 0: what it says */
	unsigned services;
};
struct account {
	int64_t id, domain_id;
	slice address; /* canonical, lower case */
	slice name; /* display name, UTF-8 */
	bool disabled;
	uint64_t quota, quota_messages; /* bytes; by its own setting or its class; 0 none */
	int64_t created_at;
	enum account_kind kind;
	int64_t class_id, department_id; /* department 0: none */
	int64_t own_quota, own_quota_messages; /* 0: the class's; DIRECTORY_UNLIMITED: none */
	unsigned services_on, services_off; /* beside the class's, without them */
	slice language; /* "zh-CN", "en"; empty: the installation's */
	int64_t deleted_at; /* wall usec; 0: no. Else it can be recovered until it is purged */
};
/* A named way out, for backends, smarthosts and per-destination rules. */
struct route {
	int64_t id;
	slice name;
	slice match; /* "domain", ".domain" (and below), "user@domain", "*": recipients that take
			it; may be empty (then only domains name it) */
	slice protocol; /* "smtp" or "lmtp" */
	slice hosts; /* "host[:port] ..." tried by health, in order; "[192.0.2.1]:25" */
	slice tls; /* "opportunistic", "required" (any certificate), "ca", "host", "dane",
		      "none" */
	slice auth_user, auth_secret; /* SASL at the next hop; may be empty */
	bool disabled;
};

/* An address without mailbox that stands for others; "@domain" for all that is not found there. */
struct alias {
	slice address, target;
	int64_t account_id; /* whose further address it is; 0: nobody's own */
};

/* The canonical spelling. False: no address. "@domain" is allowed where a catch-all may stand. */
bool directory_canonical(slice address, struct arena *a, slice *ret);
bool directory_canonical_catchall(slice address, struct arena *a, slice *ret);

/* Lookups. 0, or -1: ERR_NOTFOUND, ERR_TEMP. Strings from *a. `address` may be in any case. An
 * account that was deleted and can be recovered is found by its id alone. */
int directory_domain(
	struct sql *db, slice name, struct arena *a, struct domain *ret, struct err *e);
int directory_account(
	struct sql *db, slice address, struct arena *a, struct account *ret, struct err *e);
int directory_account_by_id(
	struct sql *db, int64_t id, struct arena *a, struct account *ret, struct err *e);
int directory_route(struct sql *db, slice name, struct arena *a, struct route *ret, struct err *e);
/* The best match for a recipient: exact address, domain, parent domains, "*". */
int directory_route_for(
	struct sql *db, slice address, struct arena *a, struct route *ret, struct err *e);

/* Changes, each in a transaction of its own. ERR_EXISTS, ERR_NOTFOUND, ERR_PROTO (bad name). */
int directory_domain_add(struct sql *db, const struct domain *d, struct err *e);
int directory_domain_remove(
	struct sql *db, slice name, struct err *e); /* ERR_PERM while it has accounts or aliases */
/* The password goes into the database of credentials beside `db`. */
int directory_account_add(struct sql *db, slice address, slice name, slice password, struct err *e);
int directory_account_disable(struct sql *db, slice address, bool disabled, struct err *e);
int directory_account_quota(
	struct sql *db, slice address, uint64_t bytes, struct err *e); /* 0 none */
/* At once, with its password, its own aliases and memberships (directory_org.h has what can be
 * recovered).
 * ERR_PERM while an alias of others leads to it. Its mail is the caller's matter
 * (mailbox_remove_some_tx); ids are never given out again. */
int directory_account_may_go(struct sql *db, slice address, struct err *e); /* only the check */
int directory_account_remove(struct sql *db, slice address, struct err *e);
int directory_password(struct sql *db, slice address, slice password, struct err *e);
/* The address must be in a local domain and no account (an alias that is also a mailbox would be
 * expanded again at its own delivery). An alias may have up to DIRECTORY_TARGETS_MAX targets, here
 * or elsewhere. "@domain" is the alias of every address of a local domain that has none of its own.
 */
int directory_alias_add(struct sql *db, slice address, slice target, struct err *e);
/* An empty target removes the whole alias. */
int directory_alias_remove(struct sql *db, slice address, slice target, struct err *e);
int directory_route_add(
	struct sql *db, const struct route *r, struct err *e); /* replaces by name */
int directory_route_remove(struct sql *db, slice name, struct err *e);
int directory_domains(
	struct sql *db, struct arena *a, struct domain **ret, size_t *ret_n, struct err *e);
int directory_accounts(struct sql *db, slice domain, struct arena *a, struct account **ret,
	size_t *ret_n, struct err *e);
int directory_aliases(struct sql *db, slice domain, struct arena *a, struct alias **ret,
	size_t *ret_n, struct err *e); /* of one domain, or all when empty; likewise accounts */
int directory_routes(
	struct sql *db, struct arena *a, struct route **ret, size_t *ret_n, struct err *e);

/* The cached view for servers: lookups answer from memory, without blocking when the answer is
 * known; else they go through the pool. Changes by other processes are seen within a second. In a
 * coroutine. */
struct directory;
int directory_open(slice dir, struct directory **ret, struct err *e);
void directory_close(struct directory *d);
/* Where postmaster@ a local domain goes that has no such address; used when it is an address here.
 * postmaster@ the domain of this address is answered for even when that domain is not ours. */
void directory_set_postmaster(struct directory *d, slice address);

enum rcpt_kind { RCPT_UNKNOWN_DOMAIN, RCPT_LOCAL, RCPT_BACKEND, RCPT_NO_SUCH_USER, RCPT_DISABLED };
struct rcpt_answer {
	enum rcpt_kind kind;
	int64_t account_id; /* RCPT_LOCAL without alias: the mailbox; else 0 */
	uint64_t quota, quota_messages; /* of that account; 0 none */
	enum account_kind account_kind; /* of that account */
	slice *targets; /* RCPT_LOCAL through an alias or group: final addresses; else NULL */
	size_t ntargets;
	int64_t group_id; /* the address is that of a group */
	int64_t list_id; /* of a mailing list, or one that belongs to it (enum maillist_part); -owner has its targets */
	unsigned list_part;
	slice backend; /* RCPT_BACKEND: the route's name */
	bool callout;
	uint64_t version; /* changes when the directory changed */
};
/* Are they of one organisation? 1, 0, -1. */
int directory_group_is_near(struct sql *db, int64_t group_id, int64_t account_id, struct err *e);
/* What a recipient address means here. "local+detail@domain" falls back to "local@domain". */
int directory_rcpt(struct directory *d, slice address, struct arena *a, struct rcpt_answer *ret,
	struct err *e);
/* What the address is now, when it was changed since then (rename.h). 1, 0: it was not, -1. */
int directory_renamed(struct directory *d, slice address, int64_t since, struct arena *a,
	slice *ret, struct err *e);
/* May this login use this address as its sender? True for its own address (also with "+detail"),
 * for aliases that lead to it, and for the null sender. False for unknown and disabled logins. */
int directory_may_send_as(
	struct directory *d, slice login, slice address, bool *ret, struct err *e);

/* ---- who a login is, what it belongs to ---- */

/* Facts of an account, so that logging in, and a session that runs, can be checked. */
struct login_facts {
	int64_t id, org_id, domain_id, department_id, class_id; /* department 0: none */
	enum account_kind kind; /* only a person logs in */
	bool disabled; /* it, its domain or its organisation */
	bool deleted; /* (only by id: a deleted login is not found) */
	struct limits limits; /* services: 0 when it is no person */
	slice address, name, language;
	uint64_t version; /* of the directory: while it stays no fact changes */
};
/* By login (canonical spelling not needed), or by account id. ERR_NOTFOUND, ERR_TEMP. */
int directory_login_facts(
	struct sql *db, slice login, struct arena *a, struct login_facts *ret, struct err *e);
int directory_account_facts(
	struct sql *db, int64_t id, struct arena *a, struct login_facts *ret, struct err *e);

enum shared_level { /* stored */
	SHARED_READ = 1, /* list, read, flags \Seen */
	SHARED_WRITE = 2, /* and file, flag, delete, make folders */
	SHARED_MANAGE = 3, /* and give rights on folders to others */
};
struct shared_access {
	int64_t account_id;
	slice address, name;
	enum shared_level level; /* the highest of several ways to it */
	bool send_as;
};
struct membership_group {
	int64_t id;
	slice address;
};
enum member_kind { /* stored: of what a group consists, who uses a shared mailbox */
	MEMBER_ACCOUNT = 1,
	MEMBER_GROUP = 2,
	MEMBER_DEPARTMENT = 3, /* with all below it */
	MEMBER_ADDRESS = 4, /* elsewhere; groups only */
	MEMBER_ORG = 5, /* everybody in the organisation */
};
/* All that an account belongs to, through groups in groups and departments in departments. */
struct memberships {
	struct membership_group *groups; /* by address */
	size_t ngroups;
	int64_t *departments; /* its own first, then those above */
	slice *department_paths; /* "Sales/East", the same order */
	size_t ndepartments;
	struct shared_access *shared; /* by address; not those that are disabled or deleted */
	size_t nshared;
	int64_t org_id;
	uint64_t version;
};
int directory_find_memberships(
	struct sql *db, slice login, struct arena *a, struct memberships *ret, struct err *e);
/* What an address belongs to, a word a line: "org:NAME", "class:NAME", "group:ADDRESS", "department:PATH" and
 * "department:ORG:PATH", with departments above. Of an alias that leads to one account: that account's; of an address without
 * account: its domain's organisation; of strangers: empty. */
int directory_find_belonging(
	struct sql *db, slice address, struct arena *a, slice *ret, struct err *e);
/* IMAP rights (enum mailbox_right) of a level. */
unsigned shared_level_rights(enum shared_level level);

/* Cached counterparts; in a coroutine. */
int directory_get_facts(
	struct directory *d, slice login, struct arena *a, struct login_facts *ret, struct err *e);
int directory_memberships(
	struct directory *d, slice login, struct arena *a, struct memberships *ret, struct err *e);
int directory_belonging(
	struct directory *d, slice address, struct arena *a, slice *ret, struct err *e);
/* The version that this process last saw; never waits. While it is the same nothing has changed
 * that is older than a second. */
uint64_t directory_seen(struct directory *d);

/* ---- cached counterparts of the lookups above ---- */
int directory_get_route(
	struct directory *d, slice name, struct arena *a, struct route *ret, struct err *e);
int directory_get_route_for(
	struct directory *d, slice address, struct arena *a, struct route *ret, struct err *e);
