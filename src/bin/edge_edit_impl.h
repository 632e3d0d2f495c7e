/* What edge_edit.c and edge_edit_strip.c share. */
#pragma once
#include "bin/edge_edit.h"
#include "bin/engines.h"
#include "codec/edit.h"

enum {
	EDGE_EDIT_PARTS_MAX = 200, /* that engines are asked about, one by one */
	EDGE_EDIT_WAIT = 60, /* seconds for all of them together */
};

/* Parts that are to go. */
struct edge_stripping {
	struct edge_session *s;
	const struct edge_edit_ask *q;
	struct arena *a;
	slice whole; /* the message with a header */
	struct mime mime;
	struct edit_strip *v;
	slice *names; /* of each, for the trace */
	size_t n, room;
	unsigned blocks_of; /* the part whose uuencoded files are these, + 1 */
	slice *blocks; /* their names */
	size_t nblocks;
	slice viruses; /* names that engines gave to what is taken out */
	enum engine_purpose purpose;
	instant deadline;
	slice silent; /* engines that should have looked and did not; empty: none */
};
void edge_stripping_init(struct edge_stripping *t);
/* What policy says. -1: a file of the facts is in no part. */
int edge_strip_wanted(struct edge_stripping *t, struct err *e);
/* What engines call infected: each part is asked about. -1: memory, limits. Sets `silent`. */
int edge_strip_infected(struct edge_stripping *t, struct err *e);
/* Asks about bytes in memory. */
int edge_edit_ask_engines(struct edge_stripping *t, slice bytes, slice name,
	struct engines_answer *ret, struct err *e);
