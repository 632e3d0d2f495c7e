/*
 * Virus engines look at a message (engines.h). Called by edge_scan.c for each message that is examined, also
 * when the scan processes could not: what they cannot read an engine may know. What follows from it is
 * for policy; here are the facts: struct edge_scan.engines, signals, an event of the trace.
 */
#include "bin/edge_scan.h"

#include "base/mem.h"
#include "run/metrics.h"
#include "store/trace.h"

METRIC_COUNTER(
	infected, "posthouse_edge_infected_total", "", "Messages in which a virus was found.");
METRIC_COUNTER(not_looked, "posthouse_edge_engines_failed_total", "",
	"Messages that a virus engine should have looked at and could not.");
METRIC_DURATION(seconds, "posthouse_edge_engines_seconds", "",
	"Time that messages waited for virus engines.");

static enum engine_purpose purpose_of(enum content_direction d)
{
	return d == CONTENT_OUTBOUND   ? ENGINE_OUT
	       : d == CONTENT_INTERNAL ? ENGINE_INTERNAL
				       : ENGINE_IN;
}

/* As it came, without what we put before it: the same letter is the same bytes. */
static void ask(struct edge_session *s, struct edge_scan *x, enum engine_purpose purpose)
{
	uint32_t from;
	struct err e;
	if (scan_letter_file(&x->letter, S(""), &from, &e) < 0) {
		x->engines = (struct engines_answer){
			.failed = arena_printf(&x->mem, "no memory for it: %s", e.text),
			.defer = true};
		return;
	}
	const struct engines_asked q = {.purpose = purpose,
		.fd = x->letter.fd,
		.from = from,
		.size = x->letter.written,
		.name = S("message.eml"),
		.deadline = instant_in(x->conf->wait)};
	engines_ask(s->edge->engines, &q, &x->mem, &x->engines);
}

void edge_engines_look(struct edge_session *s, struct edge_scan *x)
{
	enum engine_purpose purpose = purpose_of(x->context.direction);
	x->engines = (struct engines_answer){.none = true};
	if (!engines_any(s->edge->engines, purpose))
		return;
	instant began = instant_now();
	ask(s, x, purpose);
	metric_observe(&seconds, (uint64_t)(instant_now() - began));
	if (x->engines.infected) {
		metric_add(&infected, 1);
		signals_add(x->signals, SIGNAL_VIRUS_FOUND, 1, x->engines.virus);
	}
	if (x->engines.failed.n) {
		metric_add(&not_looked, 1);
		signals_add(x->signals, SIGNAL_ENGINE_UNAVAILABLE, 1, x->engines.failed);
	}
}

void edge_engines_tell(const struct edge_scan *x, struct buf *log)
{
	const struct engines_answer *w = &x->engines;
	if (w->none)
		return;
	trace_event(log, wall_now(), "engines", "result",
		w->infected   ? S("infected")
		: w->failed.n ? S("failed")
			      : S("clean"),
		"virus", w->virus, "failed", w->failed, NULL);
}
