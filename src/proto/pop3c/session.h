/* What the files of pop3c/ share. */
#pragma once
#include "proto/pop3c/pop3c.h"

struct pop3c {
	struct io *io;
	struct remote cfg;
	struct arena mem;
	bool dead;
	bool stls, plain, xoauth2, oauthbearer; /* offered */
};

int pop3c_broken(struct pop3c *s, struct err *e, const char *what); /* ERR_PROTO; dead */
int pop3c_said_no(slice text, struct err *e);
/* "+OK": 0; "+ ": 1; "-ERR": -1 with ERR_PERM or ERR_TEMP. Its text, until the next line. */
int pop3c_answer(struct pop3c *s, slice *ret, struct err *e);
/* A command and its answer. */
int pop3c_ask(struct pop3c *s, slice *ret, struct err *e, const char *fmt, ...) __attribute__((format(printf, 4, 5)));
int pop3c_next(struct pop3c *s, slice *ret, struct err *e);
