/*
 * session: what the files of proto/pop3 share. A command is a function of the table in command.c; it says exactly one status line
 * (pop3_ok, pop3_err), some then an answer of several lines that ends with ".".
 *
 *	session.c	the life of a session	command.c	the table, CAPA, NOOP, LANG ...
 *	login.c		USER, PASS, AUTH, STLS	drop.c		the maildrop: STAT, LIST, UIDL, DELE, RSET, QUIT
 *	message.c	RETR, TOP
 */
#pragma once
#include "base/arena.h"
#include "proto/pop3/pop3.h"

enum pop3_state { POP3_AUTHORIZATION = 1, POP3_TRANSACTION = 2, POP3_ANY = 3 };
enum {
	POP3_LINE_MAX = 16 * 1024, /* an AUTH command with a token; RFC 2449 4 wants 255 at least */
	POP3_MESSAGES_MAX = 10 * 1000 * 1000, /* of a maildrop */
	POP3_USER_MAX = 400,
};

struct pop3_message {
	uint32_t uid;
	bool deleted, retrieved;
	uint64_t octets;
};
struct pop3 {
	struct session base;
	const struct pop3_service *service;
	enum pop3_state state;
	bool utf8;
	char *user; /* of USER; NULL: none */
	struct box_user *who;
	struct box_view *view;
	struct pop3_message *v; /* message 1 is v[0] */
	size_t n;
	bool sized; /* octets are as RETR sends them; else as they are stored */
};

typedef void (*pop3_fn)(struct pop3 *s, slice arg);
struct pop3_command {
	const char *name;
	unsigned allowed_in; /* enum pop3_state */
	bool may_arg, must_arg;
	pop3_fn run;
};

/* session.c */
void pop3_ok(struct pop3 *s, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* `code`: "AUTH", "SYS/TEMP" ... (RFC 2449 8, 3206) or NULL. */
void pop3_err(struct pop3 *s, const char *code, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
/* An error of the store, in words. */
void pop3_fail(struct pop3 *s, const struct err *e);
void pop3_put(struct pop3 *s, slice raw);
void pop3_printf(struct pop3 *s, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* command.c */
void pop3_dispatch(struct pop3 *s, slice line);

/* login.c */
void pop3_user(struct pop3 *s, slice arg), pop3_pass(struct pop3 *s, slice arg),
	pop3_auth(struct pop3 *s, slice arg), pop3_stls(struct pop3 *s, slice arg);
/* How it speaks while somebody logs in, and its last word. */
extern const struct session_kind pop3_kind;

/* drop.c */
int pop3_drop_open(struct pop3 *s, slice login, struct err *e);
void pop3_drop_close(struct pop3 *s);
/* By the number a client says; NULL: "-ERR" was said. */
struct pop3_message *pop3_message(struct pop3 *s, slice number);
void pop3_stat(struct pop3 *s, slice arg), pop3_list(struct pop3 *s, slice arg),
	pop3_uidl(struct pop3 *s, slice arg), pop3_dele(struct pop3 *s, slice arg),
	pop3_rset(struct pop3 *s, slice arg), pop3_quit(struct pop3 *s, slice arg);

/* message.c */
void pop3_retr(struct pop3 *s, slice arg), pop3_top(struct pop3 *s, slice arg);
