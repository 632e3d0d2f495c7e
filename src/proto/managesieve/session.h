/*
 * session: what the files of proto/managesieve share.
 *
 *	session.c	the life of a session, answers	reader.c	commands and their strings
 *	command.c	the table, CAPABILITY, NOOP ...	login.c		AUTHENTICATE, STARTTLS, UNAUTHENTICATE
 *	script.c	PUTSCRIPT, LISTSCRIPTS, SETACTIVE ...	store.c	turns at the database
 */
#pragma once
#include "proto/managesieve/managesieve.h"
#include "store/script.h"

enum {
	MANAGESIEVE_LINE_MAX = 16 * 1024, /* without literals; a token's AUTHENTICATE is long */
	MANAGESIEVE_QUOTED_MAX = 8 * 1024, /* RFC 5804 4: 1024; tokens of logins are longer */
	MANAGESIEVE_SKIP_MAX =
		16 << 20, /* bytes of a literal that is too long, read to be dropped */
	MANAGESIEVE_ARGS_MAX = 3,
};

struct managesieve_args {
	struct managesieve_arg {
		bool number; /* else a string */
		uint64_t n;
		slice text; /* in the arena of the command */
	} v[MANAGESIEVE_ARGS_MAX];
	size_t n;
	bool too_long; /* one of them was, and was dropped */
};
struct managesieve {
	struct session base;
	const struct managesieve_service *service;
	int64_t account_id; /* 0: nobody has logged in */
	slice login; /* in base.life */
};

/* session.c: answers (RFC 5804 1.3). `code` "QUOTA/MAXSIZE" or NULL. */
void managesieve_put(struct managesieve *s, slice raw);
void managesieve_string(
	struct managesieve *s, slice text); /* quoted, or a literal where it must be */
void managesieve_answer(struct managesieve *s, const char *word, const char *code, slice text);
void managesieve_ok(struct managesieve *s, const char *code, slice text);
void managesieve_no(struct managesieve *s, const char *code, slice text);
/* An error of the store, in words. */
void managesieve_fail(struct managesieve *s, const struct err *e);
/* Says BYE and ends; `end` is a word for logs. */
void managesieve_bye(struct managesieve *s, const char *end, const char *code, const char *why);

/* reader.c */
/* The next command: its name in *ret_verb. False: the session is over. A line that is none is told, counted, and the next one is read. */
bool managesieve_read(struct managesieve *s, slice *ret_verb, struct managesieve_args *ret);
/* One string alone on its line: an answer to a challenge. */
bool managesieve_read_string(struct managesieve *s, slice *ret);

/* command.c */
void managesieve_dispatch(struct managesieve *s, slice verb, const struct managesieve_args *args);
void managesieve_capabilities(struct managesieve *s); /* with its OK */

/* login.c */
/* How it speaks while somebody logs in, and its last word. */
extern const struct session_kind managesieve_kind;
void managesieve_authenticate(struct managesieve *s, const struct managesieve_args *args);
void managesieve_starttls(struct managesieve *s, const struct managesieve_args *args);
void managesieve_unauthenticate(struct managesieve *s, const struct managesieve_args *args);

/* script.c */
typedef void (*managesieve_fn)(struct managesieve *s, const struct managesieve_args *args);
void managesieve_havespace(struct managesieve *s, const struct managesieve_args *args);
void managesieve_putscript(struct managesieve *s, const struct managesieve_args *args);
void managesieve_checkscript(struct managesieve *s, const struct managesieve_args *args);
void managesieve_listscripts(struct managesieve *s, const struct managesieve_args *args);
void managesieve_getscript(struct managesieve *s, const struct managesieve_args *args);
void managesieve_setactive(struct managesieve *s, const struct managesieve_args *args);
void managesieve_deletescript(struct managesieve *s, const struct managesieve_args *args);
void managesieve_renamescript(struct managesieve *s, const struct managesieve_args *args);

/* store.c */
/* Runs fn(db, arg) in the pool when it is our turn; -1 with ERR_CLOSED when the session is to end, else what fn says. */
int managesieve_store_call(struct managesieve_store *st,
	int (*fn)(struct sql *db, void *arg, struct err *e), void *arg, struct err *e);
