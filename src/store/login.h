/*
 * login: the log of logins, the places that accounts are known to log in from, when application passwords were used
 * last, and banned networks: DIR/auth/db/login.sqlite, written by the auth process in batches, read by the command line.
 * Apart from the credentials, whose version moves only when a credential changes.
 *
 * Rows that say the same within an hour are one row with a count: programs that poll, and attackers, do not fill it.
 */
#pragma once
#include "base/arena.h"
#include "base/buf.h"
#include "store/sql.h"

extern const struct sql_migration login_migrations[];
extern const size_t login_migrations_n;
#define LOGIN_DB "login"

enum {
	LOGIN_TEXT_MAX = 200, /* of one text; longer ones are cut */
	LOGIN_TRIM_MAX = 5000, /* rows that one login_trim removes */
	BANS_MAX = 10000,
	PLACES_MAX = 300, /* remembered of one account; the oldest go */
};

/* For writing; made when it is not there. */
int login_open(slice dir, struct sql **ret, struct err *e);

/* ---- the log ---- */

enum login_result { /* stored */
	LOGIN_OK = 1,
	LOGIN_FAILED,
	LOGIN_REFUSED, /* locked out, banned: the password was not looked at */
	LOGIN_NOT_HERE,
	LOGIN_EXPIRED,
	LOGIN_TEMP,
	LOGIN_RESULTS
};
const char *login_result_name(enum login_result r); /* "ok", "failed" ... */
bool login_result_parse(slice s, enum login_result *ret);

struct login_row {
	int64_t id, at, last_at, times; /* wall; times >= 1 */
	int64_t account_id; /* 0: no such account */
	slice login; /* canonical, or as it was given */
	slice service, ip, how, client, country, why;
	enum login_result result;
	bool secure; /* over TLS */
};
int login_add_tx(struct sql *db, const struct login_row *r, struct err *e);

struct login_filter {
	slice login; /* canonical; empty: all */
	slice ip; /* exact; empty: all */
	int64_t since; /* wall */
	enum login_result result; /* 0: all */
	int64_t most;
};
/* Latest first; strings live during the call. */
int login_each(struct sql *db, const struct login_filter *f,
	bool (*fn)(void *arg, const struct login_row *r), void *arg, struct err *e);
/* Removes rows older than `before`; *ret_n of them. */
int login_trim(struct sql *db, int64_t before, int64_t *ret_n, struct err *e);
int login_forget(
	struct sql *db, int64_t account_id, struct err *e); /* all about an account that is gone */

/* ---- places ---- */

enum place_kind { PLACE_NETWORK = 1, PLACE_COUNTRY, PLACE_CLIENT };
/* Notes it. *ret_new: was never seen for this account (and others of its kind were); *ret_known_since: when the account
 * was first seen anywhere. */
int place_note_tx(struct sql *db, int64_t account_id, enum place_kind kind, slice value, int64_t at,
	bool *ret_new, int64_t *ret_known_since, struct err *e);

/* Did a network come up since then, of an account that had others before? */
int place_is_new(struct sql *db, int64_t account_id, int64_t since, bool *ret, struct err *e);

/* ---- application passwords ---- */

int app_used_tx(struct sql *db, int64_t app_id, int64_t at, slice ip, slice service, struct err *e);
struct app_used {
	int64_t at; /* 0: never */
	slice ip, service;
};
int app_used(struct sql *db, int64_t app_id, struct arena *a, struct app_used *ret, struct err *e);

/* ---- bans ---- */

struct ban {
	slice network; /* "192.0.2.0/24", as net_cidr_parse reads it */
	int64_t made_at, until; /* wall; until 0: for good */
	slice by, why;
};
/* Replaces one of the same network. ERR_LIMIT: too many. */
int ban_add(struct sql *db, const struct ban *b, struct err *e);
int ban_remove(struct sql *db, slice network, struct err *e); /* ERR_NOTFOUND */
/* Those that hold at `now`, latest first. Those whose time is up are removed by ban_add. */
int ban_list(struct sql *db, int64_t now, struct arena *a, struct ban **ret, size_t *ret_n,
	struct err *e);
/* Raised by each change of the bans. */
int ban_version(struct sql *db, uint64_t *ret, struct err *e);
