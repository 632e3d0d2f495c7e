/*
 * script: rules of people for their mail, as Sieve scripts (RFC 5228), and the administrator's, which run before and after
 * them. Tables of the directory's database, so that servers see changes within a second (directory_get_wishes says
 * whether any script has a say in an account's mail; script_cache has the texts). Of an account's scripts one at most is
 * active (RFC 5804 1.4). What went wrong while they ran is in the queue's database, written with the delivery.
 *
 * Nothing here knows the language: mail/scripts.h compiles first, then stores; use that to put scripts in.
 *
 *	script.c	accounts' scripts	script_system.c	the administrator's
 *	script_set.c	what runs over an account's mail, kept in memory
 *	script_fault.c	what went wrong
 */
#pragma once
#include "base/arena.h"
#include "store/sql.h"

enum {
	SCRIPT_NAME_MAX = 128, /* characters of a name (RFC 5804 1.6) */
	SCRIPT_TEXT_MAX = 256 * 1024, /* bytes of one, whatever the class allows */
	SCRIPT_COUNT_MAX = 100, /* of one account, likewise */
	SCRIPT_SCRIPTS = 16, /* what an account may have when its class says nothing */
	SCRIPT_BYTES = 1 << 20, /* all of them together, likewise */
	SCRIPT_FORM_MAX = 256 * 1024,
	SCRIPT_SYSTEM_MAX = 200, /* the administrator's */
	SCRIPT_OWN_MAX = 200, /* addresses of an account that scripts are told */
	SCRIPT_INCLUDED_MAX = 32, /* scripts that come along with those that run */
	SCRIPT_FAULTS_MAX = 20, /* remembered of an account */
};

enum script_place { /* stored; of the administrator's scripts */
	SCRIPT_OWN = 0, /* it is an account's */
	SCRIPT_BEFORE = 1, /* runs before the account's */
	SCRIPT_AFTER = 2,
	SCRIPT_LIBRARY = 3, /* for `include :global` alone */
};
enum script_scope { /* stored; whose mail */
	SCRIPT_ALL = 1,
	SCRIPT_ORG = 2,
	SCRIPT_DOMAIN = 3,
};
struct script {
	int64_t id;
	int64_t account_id; /* 0: the administrator's */
	slice name; /* UTF-8 */
	slice text; /* empty in lists */
	uint64_t size;
	bool active; /* the administrator's: in force */
	uint64_t version; /* another one whenever the text changes */
	slice includes; /* names that it includes, a line each: "own NAME" or "global NAME" */
	slice warnings; /* of compiling, a line each; empty: none */
	slice form; /* the simple rules (sieve/form.h) that made the text; empty: written by hand */
	slice changed_by; /* login, or "administrator NAME" */
	int64_t changed_at; /* wall */
	/* the administrator's: */
	enum script_place place;
	enum script_scope scope;
	int64_t scope_id; /* of the organisation or domain */
	slice scope_name; /* read */
	int order; /* among those of one place and scope: lower first, then by name */
};

extern const char script_schema_up[], script_schema_down[];

/* A good name? One line of UTF-8 without control characters, not empty, no "/". ERR_PROTO. */
int script_name_check(slice name, struct err *e);

/* ---- an account's; changes are transactions of their own ---- */

/* What it may have, by its class. */
struct script_quota {
	uint64_t scripts, bytes; /* most */
	uint64_t has_scripts, has_bytes;
};
int script_quota(struct sql *db, int64_t account_id, struct script_quota *ret, struct err *e);
enum script_room { SCRIPT_FITS, SCRIPT_TOO_MANY, SCRIPT_TOO_LARGE };
/* Would it fit under this name, replacing what has it? (HAVESPACE) */
int script_room(struct sql *db, int64_t account_id, slice name, uint64_t bytes,
	enum script_room *ret, struct err *e);
/* New, or another text for the one of this name, which stays active if it was. Reads account_id, name, text, includes, warnings,
 * form, changed_by. ERR_PROTO: bad name; ERR_LIMIT: no room. */
int script_put(struct sql *db, const struct script *s, struct err *e);
int script_list(struct sql *db, int64_t account_id, struct arena *a, struct script **ret,
	size_t *ret_n, struct err *e); /* by name, without text and form */
int script_get(struct sql *db, int64_t account_id, slice name, struct arena *a, struct script *ret,
	struct err *e); /* ERR_NOTFOUND */
int script_active(struct sql *db, int64_t account_id, struct arena *a, struct script *ret,
	struct err *e); /* ERR_NOTFOUND: none is */
int script_remove(
	struct sql *db, int64_t account_id, slice name, struct err *e); /* ERR_PERM: it is active */
int script_rename(
	struct sql *db, int64_t account_id, slice from, slice to, struct err *e); /* ERR_EXISTS */
/* Empty: none is active any more. ERR_NOTFOUND. */
int script_activate(struct sql *db, int64_t account_id, slice name, slice by, struct err *e);

/* ---- the administrator's ---- */

/* New, or another text, place, scope, order, active. ERR_PROTO, ERR_LIMIT. */
int script_system_put(struct sql *db, const struct script *s, struct err *e);
int script_system_list(struct sql *db, struct arena *a, struct script **ret, size_t *ret_n,
	struct err *e); /* by place, scope, order, name */
int script_system_get(
	struct sql *db, slice name, struct arena *a, struct script *ret, struct err *e);
int script_system_remove(struct sql *db, slice name, struct err *e);
int script_system_enable(struct sql *db, slice name, bool on, slice by, struct err *e);

/* ---- what runs over an account's mail ---- */

struct script_set {
	struct script *
		run; /* in order: before (for all, the organisation, the domain), the account's, after (the other way round) */
	size_t nrun;
	struct script *included; /* by any of these, at any depth */
	size_t nincluded;
	slice owner, owner_name; /* the account's address, its display name */
	slice *own; /* addresses that lead to it alone, its own first */
	size_t nown;
	bool spamtest,
		system_spamtest; /* the account's, the administrator's scripts ask what the filter found */
	size_t bytes; /* of memory, about */
};
/* Is there any? Cheap: two looks into indexes. */
int script_applies(struct sql *db, int64_t account_id, bool *ret, struct err *e);
int script_set_load(
	struct sql *db, int64_t account_id, struct arena *a, struct script_set *ret, struct err *e);

/* Sets in memory, as long as the directory does not change. In coroutines of one process. */
struct script_cache;
int script_cache_open(slice dir, struct script_cache **ret, struct err *e);
void script_cache_close(struct script_cache *c); /* nobody waits; NULL is fine */
/* `version`: of the directory (directory_seen). Lent until script_cache_drop. */
int script_cache_get(struct script_cache *c, uint64_t version, int64_t account_id,
	const struct script_set **ret, struct err *e);
void script_cache_drop(struct script_cache *c, const struct script_set *s);

/* ---- what went wrong; the queue's database ---- */

struct script_fault {
	int64_t account_id; /* whose mail it was */
	slice script; /* name */
	bool system; /* the administrator's */
	uint64_t version; /* of its text */
	unsigned line;
	slice en, zh;
	int64_t first_at, last_at; /* wall */
	int64_t times;
};
extern const char script_fault_up[], script_fault_down[];
/* 1: this version of the script has not been complained about to its owner: now it is; 0: it has; -1. */
int script_fault_note_tx(struct sql *db, const struct script_fault *f, struct err *e);
/* Latest first; account 0: of all. */
int script_faults(struct sql *db, int64_t account_id, struct arena *a, struct script_fault **ret,
	size_t *ret_n, struct err *e);
