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

static instant patience(const struct edge_scan *x)
{
	return instant_in(x->conf->wait);
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
		.deadline = patience(x)};
	engines_ask(s->edge->engines, &q, &x->mem, &x->engines);
}

static void add_signals(struct edge_scan *x)
{
	const struct engines_answer *w = &x->engines;
	if (w->infected)
		signals_add(x->signals, SIGNAL_VIRUS_FOUND, 1, w->virus);
	if (w->failed.n)
		signals_add(x->signals, SIGNAL_ENGINE_UNAVAILABLE, 1, w->failed);
}

/* Before the scan process gets the message: it may write into the memory where it is. */
void edge_engines_look(struct edge_session *s, struct edge_scan *x)
{
	enum engine_purpose purpose = purpose_of(x->context.direction);
	x->engines = (struct engines_answer){.none = true};
	if (!engines_any(s->edge->engines, purpose))
		return;
	instant began = instant_now();
	ask(s, x, purpose);
	metric_observe(&seconds, (uint64_t)(instant_now() - began));
	add_signals(x);
}

unsigned edge_engines_wishes(const struct edge_session *s, const struct edge_scan *x)
{
	return engines_any(s->edge->engines, purpose_of(x->context.direction)) ? CONTENT_OPENED : 0;
}

static void ask_about(
	struct edge_session *s, struct edge_scan *x, const struct content_report_opened *file)
{
	struct engines_answer more;
	const struct engines_asked q = {.purpose = purpose_of(x->context.direction),
		.fd = x->letter.fd,
		.from = file->from,
		.size = file->size,
		.name = file->name,
		.deadline = patience(x)};
	engines_ask(s->edge->engines, &q, &x->mem, &more);
	engines_answer_add(&x->engines, &more, &x->mem);
}

/* Rules that say of themselves that they know a virus count like an engine. */
static void take_rules(struct edge_scan *x)
{
	const struct signals *found = &x->report->signals;
	for (unsigned i = 0; i < found->n; i++) {
		const struct signal_def *d = found->v[i].def;
		if (!d->class || strcmp(d->class, "virus") != 0)
			continue;
		const struct engines_answer more = {
			.infected = true, .virus = arena_printf(&x->mem, "rules: %s", d->name)};
		engines_answer_add(&x->engines, &more, &x->mem);
	}
}

void edge_engines_look_inside(struct edge_session *s, struct edge_scan *x)
{
	for (size_t i = 0; i < x->report->nopened && !x->engines.infected; i++)
		ask_about(s, x, &x->report->opened[i]);
	take_rules(x);
	add_signals(x);
}

void edge_engines_tell(const struct edge_scan *x, struct buf *log)
{
	const struct engines_answer *w = &x->engines;
	if (w->none)
		return;
	if (w->infected)
		metric_add(&infected, 1);
	if (w->failed.n)
		metric_add(&not_looked, 1);
	trace_event(log, wall_now(), "engines", "result",
		w->infected   ? S("infected")
		: w->failed.n ? S("failed")
			      : S("clean"),
		"virus", w->virus, "failed", w->failed, NULL);
}
