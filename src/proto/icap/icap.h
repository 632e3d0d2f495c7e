/*
 * icap: asking an ICAP server (RFC 3507) whether it would let a message pass. Works on a struct io; the
 * caller connects, sets the deadline and closes.
 *
 *	icap.c		requests and what follows from the answer
 *	icap_head.c	status lines and fields of answers
 *	icap_body.c	chunks, in both directions
 *
 * ICAP says how content is changed, not what is wrong with it. So a message counts as infected when the
 * server names a threat, when it sends an error page in its place, or when what comes back is not what
 * was sent. Fields of threats are those of draft-stecher-icap-subid and of the engines that there are.
 */
#pragma once
#include "base/arena.h"
#include "base/err.h"
#include "run/io.h"

enum {
	ICAP_LINE_MAX = 8192,
	ICAP_FIELDS_MAX = 100,
	ICAP_HTTP_MAX = 64 * 1024, /* header of the encapsulated HTTP message */
	ICAP_PREVIEW_MAX = 64 * 1024,
	ICAP_NAME_MAX = 255,
};

/* Where: for the request's URL. */
struct icap_target {
	slice host; /* "192.0.2.5:1344" */
	slice service; /* "/avscan" */
};
struct icap_options {
	slice version; /* ISTag: changes with the server's signatures */
	slice server; /* what it calls itself */
	int64_t preview; /* bytes it wants to see first; -1: none */
	bool respmod, reqmod; /* methods that it named */
};
int icap_options(struct io *io, const struct icap_target *t, struct arena *a,
	struct icap_options *ret, struct err *e);

struct icap_question {
	slice bytes;
	slice name; /* of the file, for engines that go by endings */
	bool reqmod; /* else RESPMOD */
	int64_t preview; /* -1: none */
};
struct icap_answer {
	bool infected;
	slice virus; /* may be empty: it was blocked without a name */
};
/* ERR_NOTFOUND: no such service. ERR_TEMP: its words. */
int icap_ask(struct io *io, const struct icap_target *t, const struct icap_question *q,
	struct arena *a, struct icap_answer *ret, struct err *e);
