/* Inside the directory: what directory*.c share. */
#pragma once
#include "base/map.h"
#include "store/directory.h"
#include "store/directory_org.h"
#include "store/retention.h"

/* An address taken apart, in canonical spelling. */
struct directory_name {
	slice address, local, domain; /* local as it stands in address, maybe quoted */
};
bool directory_name(slice address, struct arena *a, struct directory_name *ret);
/* "local@domain" of "local+detail@domain"; false: there is no detail. */
bool directory_base_name(const struct directory_name *n, struct arena *a, slice *ret);

/* Lower-case A-labels. */
bool directory_domain_name(slice name, struct arena *a, slice *ret);

/* The number that every change of the directory raises. */
int directory_version(struct sql *db, uint64_t *ret, struct err *e);

/* What an address of the directory means; the uncached directory_rcpt. `postmaster` may be empty.
 */
int directory_resolve(struct sql *db, slice address, slice postmaster, struct arena *a,
	struct rcpt_answer *ret, struct err *e);

/* Which account a login is, and whether it (or its domain) is disabled. ERR_NOTFOUND. */
int directory_login(struct sql *db, slice login, struct arena *a, int64_t *ret_id,
	bool *ret_disabled, struct err *e);

/* The uncached directory_may_send_as. */
int directory_check_sender(struct sql *db, slice login, slice address, slice postmaster,
	struct arena *a, bool *ret, struct err *e);

/* The targets of an alias in canonical spelling; none: not an alias. */
int directory_targets(
	struct sql *db, slice address, struct arena *a, slice **ret, size_t *ret_n, struct err *e);

/* Calls each key under which a route may stand for this address, best first, until fn says true:
 * "user@domain", "domain", ".domain", ".parent" ..., "*". */
bool directory_route_keys(
	slice address, struct arena *a, bool (*fn)(void *arg, slice key), void *arg);

struct memberships directory_copy_memberships(const struct memberships *from, struct arena *a);

/* One row of a statement with the columns DOMAIN_COLUMNS (FROM domain). */
#define DOMAIN_COLUMNS                                                                             \
	"domain.id, domain.name, domain.kind, domain.backend, domain.callout, domain.disabled, "   \
	"domain.created_at, domain.org_id, domain.stands_for, "                                    \
	"(SELECT org.disabled FROM org WHERE org.id = domain.org_id)"
struct domain directory_read_domain(struct sql_stmt *s, struct arena *a);
/* One row of a statement with the columns ACCOUNT_COLUMNS (FROM ACCOUNT_TABLES). */
#define ACCOUNT_COLUMNS                                                                            \
	"account.id, account.domain_id, account.address, account.name, account.disabled, "         \
	"service_class.quota, account.created_at, account.kind, account.class_id, "                \
	"account.department_id, account.quota, account.quota_messages, account.services_on, "      \
	"account.services_off, account.language, account.deleted_at, "                             \
	"service_class.quota_messages"
#define ACCOUNT_TABLES "account JOIN service_class ON service_class.id = account.class_id"
struct account directory_read_account(struct sql_stmt *s, struct arena *a);

/* One row of the statement with the columns ROUTE_COLUMNS. */
#define ROUTE_COLUMNS "id, name, pattern, protocol, hosts, tls, auth_user, auth_secret, disabled"
struct route directory_read_route(struct sql_stmt *s, struct arena *a);

/* ---- for changes ---- */

/* A statement with its values: i int64_t, t slice. NULL on error. */
struct sql_stmt *directory_query(
	struct sql *db, struct err *e, const char *text, const char *types, ...);
/* The first number of the first row, 0 without one; -1 on error. */
int64_t directory_number(struct sql *db, struct err *e, const char *text, const char *types, ...);

/* Ends the transaction that sql_begin began, raising the version; r < 0: it went wrong. */
int directory_end_change(struct sql *db, int64_t r, struct err *e);
bool directory_text_ok(slice s); /* text that people read: one line of UTF-8 */
bool directory_word_ok(slice s); /* names in destination keys and on command lines */
bool directory_language_ok(slice s); /* RFC 5646, roughly; empty is fine */
/* The local domain of a canonical address or "@domain". */
int directory_local_domain(
	struct sql *db, slice address, struct arena *a, struct domain *ret, struct err *e);
/* ERR_EXISTS when the address is an account (also a deleted one), a group or an alias, as asked, or a mailing list. */
enum { TAKEN_ACCOUNT = 1, TAKEN_GROUP = 2, TAKEN_ALIAS = 4 };
int directory_not_taken(struct sql *db, slice address, unsigned by, struct err *e);

/* Does the hold h count for the account row? Also when it was deleted. */
#define HOLDS_ACCOUNT                                                                              \
	" (h.released_at = 0 AND (h.scope = 1"                                                     \
	" OR (h.scope = 2 AND h.scope_id = (SELECT domain.org_id FROM domain"                      \
	" WHERE domain.id = account.domain_id))"                                                   \
	" OR (h.scope = 3 AND h.scope_id = account.class_id)"                                      \
	" OR (h.scope = 4 AND h.scope_id = account.id)))"

/* ERR_PERM while a hold of this scope is in force: whoever leaves it would be on hold no more. */
int directory_not_held(
	struct sql *db, enum retention_scope scope, int64_t scope_id, struct err *e);

/* What a row's scope and scope_id (retention.h) are called; `t` is its table. */
#define RETENTION_NAME(t)                                                                          \
	"CASE " t ".scope WHEN 2 THEN (SELECT org.name FROM org WHERE org.id = " t ".scope_id)"     \
	" WHEN 3 THEN (SELECT service_class.name FROM service_class WHERE service_class.id = " t   \
	".scope_id) WHEN 4 THEN (SELECT account.address FROM account WHERE account.id = " t        \
	".scope_id) ELSE '' END"

/* ---- for lists: collects all rows of s ---- */

int directory_collect(struct sql_stmt *s, size_t size,
	void (*read)(struct sql_stmt *s, struct arena *a, void *row), struct arena *a, void **ret,
	size_t *ret_n, struct err *e);

/* ---- groups ---- */

struct mail_group directory_read_group(struct sql_stmt *s, struct arena *a);
#define GROUP_COLUMNS                                                                              \
	"mailgroup.id, mailgroup.domain_id, mailgroup.address, mailgroup.name, "                   \
	"mailgroup.created_at"
/* The addresses of all people in a department with all below it, or in an organisation; of all accounts
 * that are direct members of a group. Without those that are disabled or deleted. fn says -1 to stop. */
int directory_each_person(struct sql *db, enum member_kind kind, int64_t id,
	int (*fn)(void *arg, slice address), void *arg, struct err *e);
/* May an account with these memberships send as the group? */
int directory_group_sender(struct sql *db, int64_t group_id, int64_t account_id,
	const struct memberships *m, bool *ret, struct err *e);
/* Members from rows (kind, id, address, send_as, level), with their texts. s NULL: -1. */
int directory_read_members(struct sql *db, struct sql_stmt *s, struct arena *a, struct member **ret,
	size_t *ret_n, struct err *e);
/* Members of a group that are no accounts. */
int directory_group_others(struct sql *db, int64_t group_id, struct arena *a, struct member **ret,
	size_t *ret_n, struct err *e);
/* After departments were made: ERR_LIMIT when there are too many. */
int directory_departments_fit(struct sql *db, struct err *e);
