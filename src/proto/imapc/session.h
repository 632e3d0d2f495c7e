/* What the files of imapc/ share: the session, words of responses, commands and what comes back. */
#pragma once
#include "proto/imapc/imapc.h"

enum imapc_cap {
	CAP_STARTTLS = 1,
	CAP_LOGINDISABLED = 2,
	CAP_PLAIN = 4,
	CAP_SASL_IR = 8,
	CAP_LITERAL_PLUS = 16,
	CAP_NAMESPACE = 32,
	CAP_SPECIAL_USE = 64,
	CAP_XLIST = 128,
	CAP_LIST_EXTENDED = 256,
	CAP_CONDSTORE = 512,
	CAP_UIDPLUS = 1024,
	CAP_UTF8_ONLY = 2048,
	CAP_ENABLE = 4096,
	CAP_LOGIN_MECH = 8192,
	CAP_REV2 = 16384,
};

enum imapc_word_kind { WORD_ATOM, WORD_STRING, WORD_LITERAL, WORD_OPEN, WORD_CLOSE, WORD_EOL };
struct imapc_word {
	enum imapc_word_kind kind;
	slice text; /* ATOM, STRING: until the next word is read */
	uint64_t n; /* LITERAL: bytes that follow */
};

struct imapc_namespace {
	slice prefix;
	char delimiter; /* 0: none */
};
enum { IMAPC_NAMESPACES_MAX = 20 };

struct imapc {
	struct io *io;
	struct remote cfg;
	struct arena mem;
	struct buf word; /* the last one */
	unsigned caps; /* enum imapc_cap */
	bool caps_known, utf8, dead, greeted, preauth;
	unsigned tag;
	instant until; /* of the command under way */
	struct buf text; /* what the last status said to people */
	struct imapc_selected box;
	bool has_namespaces;
	struct imapc_namespace own, others[IMAPC_NAMESPACES_MAX];
	unsigned nothers;
};

/* ---- read.c ---- */

/* -1: the session is dead. */
int imapc_word(struct imapc *s, struct imapc_word *ret, struct err *e);
/* Of a literal whose length was read: all of it into s->word (ERR_PROTO: too long). */
int imapc_literal_word(struct imapc *s, uint64_t n, slice *ret, struct err *e);
/* In pieces; piece may be NULL: skipped. 1 of it: the rest is skipped, and that is what is returned. */
int imapc_literal(struct imapc *s, uint64_t n, int (*piece)(void *arg, slice s, struct err *e), void *arg, struct err *e);
/* What is left of the line, for people; shortened. In s->text. */
int imapc_rest(struct imapc *s, struct err *e);
int imapc_skip_line(struct imapc *s, struct err *e);
/* The value whose first word this is. */
int imapc_skip_value(struct imapc *s, const struct imapc_word *w, struct err *e);
/* A string in whatever form, or NIL: *ret.p NULL. */
int imapc_string(struct imapc *s, slice *ret, struct err *e);
int imapc_broken(struct imapc *s, struct err *e, const char *what); /* ERR_PROTO; dead */

/* ---- command.c ---- */

/* An untagged response: `n` is the number before its name, if there was one. Reads its words up to the end of the line, which it says
 * by 0; 1: not ours, nothing read. */
typedef int imapc_untagged(struct imapc *s, slice name, uint64_t n, void *arg, struct err *e);
/* "TAG ", then the caller writes the command without its CRLF, then imapc_run. */
int imapc_begin(struct imapc *s, struct err *e);
int imapc_put_string(struct imapc *s, slice v, struct err *e); /* quoted, or a literal */
/* Sends it and reads until its end. ERR_PERM: NO (s->text), BAD. */
int imapc_run(struct imapc *s, imapc_untagged *fn, void *arg, struct err *e);
/* Until "+ ", whose text goes to s->text: 1; 0: the command ended with OK before; -1. */
int imapc_wait_plus(struct imapc *s, struct err *e);
int imapc_greeting(struct imapc *s, struct err *e);
int imapc_capability(struct imapc *s, struct err *e);

/* ---- auth.c ---- */
int imapc_login(struct imapc *s, struct err *e);

/* ---- date.c ---- */
/* "17-Jul-1996 02:44:25 -0700" (RFC 9051 date-time), usec; 0: it is none. */
int64_t imapc_date(slice text);
