/*
 * collect: what the collect process is to do: jobs that bring mail of accounts elsewhere here, once (migration) or again and again
 * (collection); DATA/db/import.sqlite. The command line and, later, the console write rows; the process takes them up, and writes how far it is. What
 * was taken from where is not here: that is in the mail shards (store/moved.h), so these rows may be lost without a message coming twice.
 *
 * Passwords are sealed (store/seal.h) for the collect process, whose public key is in this database.
 */
#pragma once
#include "base/arena.h"
#include "store/sql.h"

#define COLLECT_DB "import"
extern const struct sql_migration collect_migrations[];
extern const size_t collect_migrations_n;

enum {
	COLLECT_JOBS_MAX = 200000,
	COLLECT_TEXT_MAX = 500, /* bytes of a name, a host */
	COLLECT_LIST_MAX = 16 * 1024, /* bytes of excludes, of a mapping */
	COLLECT_SECRET_MAX = 16 * 1024, /* of a password or token */
	COLLECT_WHY_MAX = 300,
	COLLECT_OWN_MAX = 20, /* collections of one account */
};

enum collect_protocol { COLLECT_IMAP = 1, COLLECT_POP3 }; /* stored, as all below */
enum collect_security { COLLECT_TLS = 1, COLLECT_STARTTLS, COLLECT_PLAIN };
enum collect_auth {
	COLLECT_AUTO = 0,
	COLLECT_AUTH_PLAIN,
	COLLECT_AUTH_LOGIN,
	COLLECT_XOAUTH2,
	COLLECT_OAUTHBEARER
};
enum collect_state {
	COLLECT_WAITING = 1, /* for its turn, or until next_at */
	COLLECT_RUNNING,
	COLLECT_DONE, /* a job that comes once */
	COLLECT_FAILED, /* for good, or until an administrator says again */
	COLLECT_PAUSED,
	COLLECT_CANCELLED,
};
enum collect_option {
	COLLECT_FLAGS = 1, /* later changes of flags come, too */
	COLLECT_DELETE_GONE = 2, /* what left there leaves here */
	COLLECT_VERIFY = 4, /* compare all bytes */
	COLLECT_DRY_RUN = 8,
	COLLECT_UNFILTERED = 16, /* collection: straight into the folder, past the filter */
	COLLECT_PRIVATE = 32, /* the server may have a private address: an administrator says so */
	COLLECT_TRUST_ANY = 64, /* any certificate */
	COLLECT_REPORTED = 128, /* its owner was told that it fails */
};

struct collect_counts {
	uint64_t boxes, boxes_done; /* folders there, and done in this pass */
	uint64_t messages, bytes, copied, present, flagged, gone, refused, mended, verified,
		missing, different;
};

struct collect_job {
	int64_t id, account_id;
	slice address; /* here */
	slice batch; /* what was added together: a name, or empty */
	enum collect_protocol protocol;
	slice host;
	uint16_t port;
	enum collect_security security;
	slice fingerprint; /* SHA-256 of the certificate, hex; empty: it must verify */
	enum collect_auth auth;
	slice user, as; /* whose mail there, when `user` is an administrator */
	slice secret; /* sealed */
	slice into; /* folder; empty: the same names (IMAP), INBOX (POP3) */
	slice exclude, map; /* lines: patterns of folders there; "OLD=NEW" */
	slice folders; /* collection by IMAP: lines, patterns of folders there; empty: INBOX alone */
	/* Collection: which messages; the others stay there. */
	int64_t since; /* that came since then (wall); 0: all */
	slice from_has, subject_has; /* whose From:, whose Subject: contains this; empty: all */
	unsigned options; /* enum collect_option */
	int64_t rate; /* bytes a second; 0: none but [collect]'s */
	uint64_t max_message; /* 0: what the mailbox takes */
	int64_t every; /* usec; 0: once (migration) */
	int64_t delete_after; /* usec after it was collected; -1: it stays there */
	int64_t made_at;
	slice made_by;
	/* How it is. */
	enum collect_state state;
	int64_t next_at, started_at, ended_at, good_at; /* good_at: last pass without failure */
	unsigned failures; /* in a row */
	uint64_t passes;
	slice why; /* it failed */
	slice box; /* being read */
	struct collect_counts n; /* of the last or running pass */
	uint64_t total_copied; /* of all passes */
};

/* The public key that secrets are sealed for; put there by prepare. */
int collect_key(struct sql *db, unsigned char ret[32], struct err *e); /* ERR_NOTFOUND */
int collect_key_tx(struct sql *db, const unsigned char key[32], struct err *e);
/* What a secret is sealed for: it cannot be moved to a job of another account, or one with another server, user or security. From *a. */
slice collect_about(const struct collect_job *j, struct arena *a);

/* ERR_EXISTS: this account has a job of this kind from there already; ERR_LIMIT; ERR_PROTO: a text too long. */
int collect_add_tx(struct sql *db, const struct collect_job *j, int64_t *ret_id, struct err *e);
int collect_remove_tx(struct sql *db, int64_t id, struct err *e); /* ERR_NOTFOUND */
int collect_get(
	struct sql *db, int64_t id, struct arena *a, struct collect_job *ret, struct err *e);

struct collect_query {
	int64_t id; /* 0: any */
	int64_t account_id; /* 0: any */
	slice batch; /* empty: any */
	int repeated; /* -1: any; 0: migration; 1: collection */
	unsigned state; /* 0: any */
	int64_t after; /* id */
	size_t most;
};
/* By id. */
int collect_list(struct sql *db, const struct collect_query *q, struct arena *a,
	struct collect_job **ret, size_t *ret_n, struct err *e);

/* ---- the process ---- */

/* Those whose turn it is, by next_at; not those that run. */
int collect_due(struct sql *db, int64_t now, size_t most, struct arena *a, struct collect_job **ret,
	size_t *ret_n, struct err *e);
/* At the start: what ran when the process ended waits again. How many. */
int64_t collect_resume_tx(struct sql *db, struct err *e);
int collect_start_tx(struct sql *db, int64_t id, int64_t now,
	struct err *e); /* ERR_NOTFOUND: not waiting any more */
int collect_progress_tx(struct sql *db, const struct collect_job *j, struct err *e); /* box, n */
/* Whether somebody wants it to end: PAUSED, CANCELLED; else RUNNING; 0: it was removed. */
int collect_wanted(struct sql *db, int64_t id, enum collect_state *ret, struct err *e);
/* state, next_at, ended_at, good_at, failures, why, n, options; keeps PAUSED and CANCELLED that came meanwhile. */
int collect_end_tx(struct sql *db, const struct collect_job *j, struct err *e);

/* ---- people ---- */

enum collect_order {
	COLLECT_PAUSE,
	COLLECT_RESUME,
	COLLECT_CANCEL,
	COLLECT_AGAIN,
	COLLECT_CHECK /* again, comparing bytes */
};
/* Of those that the query names; how many were changed. */
int64_t collect_order_tx(struct sql *db, const struct collect_query *q, enum collect_order o,
	int64_t now, struct err *e);
const char *collect_state_name(enum collect_state s); /* "waiting" ... */
