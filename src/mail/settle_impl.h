/* What settle_plan.c (deciding) and settle.c (bringing it to disk) share. */
#pragma once
#include "mail/settle.h"
#include "run/co.h"
#include "store/trace.h"

/* The consequences for one group, until they are on disk. */
struct docket {
	struct settle *s;
	struct letter *l;
	void *token;
	struct arena mem;
	struct list node; /* in settle.failed, waiting to be committed again */
	bool traced; /* the trace rows are on disk */
	unsigned tries;

	struct trace_row *ended;
	size_t nended;
	int32_t *end_idx; /* of the same recipients */
	int64_t next_at; /* the earliest of the deferred; 0: none */
	struct queue_rcpt *updated;
	size_t nupdated;
	struct dsn_rcpt *told; /* what the report says; none: no report */
	size_t ntold;
	int *told_ended; /* position in `ended` of each, -1: it goes on */
	slice *plain; /* logs of the ended without a note about the report; NULL: not noted yet */

	struct settle_answer *answers; /* to the sender */
	size_t nanswers;
	struct settle_extra extra; /* all of the group */
	bool has_report, rerouted;
	struct queue_msg report;
	struct expansions expansions;
	struct arena expansion_mem[SETTLE_EXPANSIONS_MAX], report_mem;
};

/* Decides; everything it needs is copied into docket->mem. `random` spreads retries. */
void settle_plan(struct docket *k, const struct settle_config *c, const struct settle_rcpt *v,
	size_t n, const struct attempt *attempt, const struct expansions *expansions, int64_t now,
	uint64_t random);
/* Notes in the timelines of the ended recipients that their sender is told by this report. */
void settle_note_report(struct docket *k, msg_id report, int64_t now);
