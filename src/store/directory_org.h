/*
 * What gives the directory its order, and how it is changed: organisations, departments, service
 * classes, accounts with all their settings, groups, shared mailboxes and resources, accounts that
 * were deleted and can come back. For the command line, the API and the console; servers ask
 * directory.h.
 *
 *	directory_org.c		organisations and what they may have	directory_class.c	classes
 *	directory_department.c	the tree				directory_group.c	groups
 *	directory_shared.c	who uses a shared mailbox		directory_own.c		addresses of an account
 *	directory_account.c	accounts: making, changing, fields	directory_deleted.c	deleted, recovered, purged
 *	directory_page.c	lists in pages
 *
 * Each change is a transaction of its own and raises the version; the `_tx` ones run inside
 * directory_begin and directory_end, for whoever changes many. Texts are one line of UTF-8. Errors:
 * ERR_EXISTS, ERR_NOTFOUND, ERR_PROTO (bad name), ERR_LIMIT (too many), ERR_PERM (still used),
 * ERR_TEMP.
 */
#pragma once
#include "run/conf.h"
#include "store/directory.h"

enum {
	DIRECTORY_PAGE_MAX = 1000, /* rows of one call */
	DIRECTORY_ORGS_MAX = 10000,
	DIRECTORY_CLASSES_MAX = 1000,
	DIRECTORY_DEPARTMENTS_MAX = 100000, /* of one organisation */
	DIRECTORY_PATH_MAX = 1000, /* bytes of a department's path */
	DIRECTORY_LEVEL_MAX = 120, /* bytes of a department's name */
	DIRECTORY_GROUP_MEMBERS_MAX = 10000, /* direct ones of one group */
	DIRECTORY_GROUP_TARGETS_MAX = 20000, /* addresses behind one group, all told */
	DIRECTORY_SHARED_MEMBERS_MAX = 1000, /* direct ones of one mailbox */
	DIRECTORY_OWN_MAX = 100, /* further addresses of one account */
	DIRECTORY_FIELD_MAX = 250, /* bytes of a field */
};

struct directory_conf { /* section [directory], directory_deleted.c */
	int64_t keep_deleted; /* usec */
};
extern const struct conf_section directory_section;

/* A transaction for many changes. `r` < 0: undone. Checks what organisations may have. */
int directory_begin(struct sql *db, struct err *e);
int directory_end(struct sql *db, int64_t r, struct err *e);

/* ---- organisations ---- */

struct org {
	int64_t id;
	slice name; /* letters, digits, "-", "_", "."; for commands and files */
	slice title; /* as people write it */
	uint64_t max_accounts; /* 0: any number; deleted ones count until they are purged */
	uint64_t max_bytes; /* quotas of its accounts, all told; 0: any */
	bool disabled; /* nobody in it logs in or gets mail */
	int64_t created_at;
	uint64_t accounts, domains, bytes; /* lists and lookups tell: what it has; read only */
};
int directory_org(struct sql *db, slice name, struct arena *a, struct org *ret, struct err *e);
int directory_org_by_id(
	struct sql *db, int64_t id, struct arena *a, struct org *ret, struct err *e);
int directory_org_add(struct sql *db, const struct org *o, struct err *e);
int directory_org_save(struct sql *db, const struct org *o, struct err *e); /* all of it, by id */
int directory_org_remove(
	struct sql *db, slice name, struct err *e); /* ERR_PERM: not empty, the first */
int directory_orgs(struct sql *db, struct arena *a, struct org **ret, size_t *ret_n, struct err *e);
/* The domain, with its accounts, moves there; their departments stay behind. */
int directory_domain_move(struct sql *db, slice domain, slice org, struct err *e);
int directory_domain_disable(struct sql *db, slice domain, bool disabled, struct err *e);

/* ---- departments ---- */

struct department {
	int64_t id, org_id, parent_id; /* parent 0: at the top */
	slice name, path; /* path: "Sales/East" */
	uint64_t accounts; /* in it, not below; lists tell */
};
int directory_department(struct sql *db, int64_t org_id, slice path, struct arena *a,
	struct department *ret, struct err *e);
int directory_department_by_id(
	struct sql *db, int64_t id, struct arena *a, struct department *ret, struct err *e);
/* Makes those above, too. *ret_id also of one that is there already; *ret_made: how many were made. */
int directory_department_make_tx(struct sql *db, int64_t org_id, slice path, int64_t *ret_id,
	unsigned *ret_made, struct err *e);
int directory_department_add(struct sql *db, int64_t org_id, slice path, struct err *e);
int directory_department_rename(struct sql *db, int64_t id, slice name, struct err *e);
/* parent 0: to the top. ERR_PROTO: into itself or what is below it. */
int directory_department_move(struct sql *db, int64_t id, int64_t parent_id, struct err *e);
/* ERR_PERM while it has people or departments, or is a member of something. */
int directory_department_remove(struct sql *db, int64_t id, struct err *e);
/* The whole tree of an organisation, each behind the one it is in. */
int directory_departments(struct sql *db, int64_t org_id, struct arena *a, struct department **ret,
	size_t *ret_n, struct err *e);

/* ---- service classes ---- */

struct service_class {
	int64_t id;
	slice name;
	struct limits limits;
	int64_t created_at;
	uint64_t accounts; /* lists tell */
};
int directory_class(
	struct sql *db, slice name, struct arena *a, struct service_class *ret, struct err *e);
int directory_class_by_id(
	struct sql *db, int64_t id, struct arena *a, struct service_class *ret, struct err *e);
int directory_class_add(struct sql *db, const struct service_class *c, struct err *e);
int directory_class_save(struct sql *db, const struct service_class *c, struct err *e); /* by id */
int directory_class_remove(
	struct sql *db, slice name, struct err *e); /* ERR_PERM: used, the first */
int directory_classes(
	struct sql *db, struct arena *a, struct service_class **ret, size_t *ret_n, struct err *e);
const char *service_name(enum service one); /* "imap", NULL: none of ours */
/* "imap,pop3", "all", "none"; what separates is a comma or a blank. */
bool services_parse(slice s, unsigned *ret);
slice services_print(unsigned services, struct arena *a);

/* ---- accounts ---- */

enum person_field { /* stored */
	FIELD_GIVEN_NAME = 1,
	FIELD_SURNAME,
	FIELD_PINYIN, /* of the name, for sorting and finding */
	FIELD_NUMBER, /* employee number */
	FIELD_TITLE,
	FIELD_PHONE,
	FIELD_MOBILE,
	FIELD_FAX,
	FIELD_OFFICE,
	FIELD_CITY,
	FIELD_ADDRESS, /* postal */
	FIELD_MANAGER, /* address or name */
	FIELD_BIRTHDAY,
	FIELD_NOTE,
	FIELD_COUNT
};
struct person_field_name {
	const char *key, *en, *zh; /* "title", "Title", "职务" */
};
extern const struct person_field_name person_fields[FIELD_COUNT]; /* [0] is none */
const char *account_kind_name(enum account_kind k); /* "person", "shared", "room", "equipment" */
bool account_kind_parse(slice s, enum account_kind *ret);

/* A whole account, to be made or changed. */
struct account_draft {
	struct account account; /* address, name, kind and settings; id 0: a new one */
	slice field[FIELD_COUNT]; /* p NULL: as it is; empty: goes */
	const void *password; /* struct password; NULL: none (nobody can log in), or as it is */
};
int directory_account_make(
	struct sql *db, const struct account_draft *d, int64_t *ret_id, struct err *e);
/* The same without the password, which the caller stores before directory_end. */
int directory_account_make_tx(
	struct sql *db, const struct account_draft *d, int64_t *ret_id, struct err *e);
/* Name, disabled, class, department, quotas, services, language, fields; by id. */
int directory_account_save(struct sql *db, const struct account_draft *d, struct err *e);
int directory_account_save_tx(struct sql *db, const struct account_draft *d, struct err *e);
int directory_account_fields(
	struct sql *db, int64_t account_id, struct arena *a, slice ret[FIELD_COUNT], struct err *e);
uint64_t directory_own_or_class(int64_t own, uint64_t of_class); /* which limit counts */

/* Lists in pages, by address: start again behind the last one until fewer come. */
struct account_query {
	int64_t org_id, domain_id, class_id; /* 0: any */
	int64_t department_id; /* with all below it; 0: any */
	enum account_kind kind; /* 0: any */
	slice text; /* in address, name or a field; empty: any */
	bool deleted; /* these instead of those that are there */
	slice after; /* address */
	size_t limit; /* 0: DIRECTORY_PAGE_MAX */
};
int directory_accounts_page(struct sql *db, const struct account_query *q, struct arena *a,
	struct account **ret, size_t *ret_n, struct err *e);

/* Further addresses of an account, in any local domain; it may send as these, and they go with it. */
int directory_own_add(struct sql *db, int64_t account_id, slice address, struct err *e);
int directory_own_add_tx(struct sql *db, int64_t account_id, slice address, struct err *e);
int directory_own_remove(struct sql *db, int64_t account_id, slice address, struct err *e);
int directory_own(struct sql *db, int64_t account_id, struct arena *a, slice **ret, size_t *ret_n,
	struct err *e);

/* ---- deleted accounts ---- */

/* It and its addresses are unknown from now on, but stay reserved; mail, password and memberships
 * stay. ERR_PERM while an alias of others leads to it. */
int directory_account_delete(struct sql *db, slice address, struct err *e);
/* All as it was. */
int directory_account_recover(struct sql *db, slice address, struct err *e);
int directory_deleted(
	struct sql *db, slice address, struct arena *a, struct account *ret, struct err *e);
/* One that was deleted before `before`: 1, 0 none, -1. For the keeper, who removes its mail first. */
int directory_next_deleted(
	struct sql *db, int64_t before, struct arena *a, struct account *ret, struct err *e);
/* For good: its rows; and its password, where the caller may write those (else credential_sweep takes it
 * later). Only of a deleted one. */
int directory_account_purge(struct sql *db, int64_t account_id, bool password, struct err *e);

/* ---- groups ---- */

struct mail_group {
	int64_t id, domain_id;
	slice address, name;
	int64_t created_at;
	uint64_t members; /* direct ones; lists tell */
};
struct member {
	enum member_kind kind;
	int64_t id; /* of the account, group, department or organisation */
	slice text; /* its address; "department:PATH", "org:NAME" */
	bool send_as; /* may use the address as sender */
	enum shared_level level; /* of a shared mailbox */
};
/* "address" (of an account or group, else elsewhere), "department:PATH" (in this organisation),
 * "org:NAME". ERR_NOTFOUND, ERR_PROTO. */
int directory_member_parse(struct sql *db, int64_t org_id, slice text, struct arena *a,
	struct member *ret, struct err *e);
int directory_group(
	struct sql *db, slice address, struct arena *a, struct mail_group *ret, struct err *e);
int directory_group_add(struct sql *db, slice address, slice name, struct err *e);
int directory_group_rename(struct sql *db, int64_t id, slice name, struct err *e);
int directory_group_remove(struct sql *db, slice address, struct err *e);
/* One that is there already gets the new setting. ERR_PROTO: the group itself. */
int directory_group_put(struct sql *db, int64_t group_id, const struct member *m, struct err *e);
int directory_group_put_tx(struct sql *db, int64_t group_id, const struct member *m, struct err *e);
int directory_group_take(struct sql *db, int64_t group_id, const struct member *m, struct err *e);
int directory_group_members(struct sql *db, int64_t group_id, struct arena *a, struct member **ret,
	size_t *ret_n, struct err *e);
/* By address, of an organisation (0: all), in pages. */
int directory_groups(struct sql *db, int64_t org_id, slice after, size_t limit, struct arena *a,
	struct mail_group **ret, size_t *ret_n, struct err *e);
/* Everybody behind it, once each: who would get a message to it. */
int directory_group_expand(
	struct sql *db, slice address, struct arena *a, slice **ret, size_t *ret_n, struct err *e);

/* ---- shared mailboxes and resources: accounts of these kinds, and who uses them ---- */

int directory_shared_put(struct sql *db, int64_t account_id, const struct member *m, struct err *e);
int directory_shared_put_tx(
	struct sql *db, int64_t account_id, const struct member *m, struct err *e);
int directory_shared_take(
	struct sql *db, int64_t account_id, const struct member *m, struct err *e);
int directory_shared_members(struct sql *db, int64_t account_id, struct arena *a,
	struct member **ret, size_t *ret_n, struct err *e);
const char *shared_level_name(enum shared_level l); /* "read", "write", "manage" */
bool shared_level_parse(slice s, enum shared_level *ret);
