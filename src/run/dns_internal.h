/* Shared by dns.c (asking) and dns_types.c (understanding the answers). */
#pragma once
#include "run/co.h"
#include "run/dns.h"
#include "run/dns_hot.h"
#include <unbound.h>

/* One question under way; lies on the asking coroutine's stack. */
struct lookup {
	struct dns *d;
	slice name; /* the caller's, for error texts */
	int type, id;
	struct cond done;
	bool running;
	int error; /* enum ub_ctx_err */
	struct dns_held *held; /* the answer; NULL: none yet, or none came */
	struct ub_result *result; /* in held */
};

/* Starts; lookup_wait and lookup_end must follow when this returned 0. */
int lookup_start(struct lookup *l, struct dns *d, slice name, int type, struct err *e);
/* 0 with a definite answer, -1 (see dns.h); ret->status is set unless it was ERR_TIMEOUT or
 * ERR_CLOSED. */
int lookup_wait(
	struct lookup *l, instant deadline, struct arena *a, struct dns_answer *ret, struct err *e);
void lookup_end(struct lookup *l);
enum dns_order dns_order_of(const struct dns *d);
