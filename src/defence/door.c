/*
 * The door as a whole (door.h): its making, the life of a visit, and classes.
 *
 * How a class is found, and how it changes:
 *	a trusted network of the listener, an internal service	-> trusted
 *	networks of a [source]					-> that section, for good
 *	the block list, by address				-> refused
 *	the allow list, by address				-> known
 *	a login from there in the last hour (submission)	-> known
 *	nothing of these					-> unknown
 * and when the lookups have come in (door_lookups.c):
 *	hosts of a [source], by the verified name		-> that section, for good
 *	DNSWL, or a good reputation				-> known
 *	DNSBL, or a bad reputation				-> bad
 */
#include "defence/door_impl.h"

#include "base/mem.h"
#include "defence/reputation.h"
#include "run/metrics.h"
#include <stdio.h>

METRIC_COUNTER(visits_trusted, "posthouse_door_visits_total", "class=\"trusted\"", "Connections.");
METRIC_COUNTER(visits_known, "posthouse_door_visits_total", "class=\"known\"", "Connections.");
METRIC_COUNTER(visits_unknown, "posthouse_door_visits_total", "class=\"unknown\"", "Connections.");
METRIC_COUNTER(visits_bad, "posthouse_door_visits_total", "class=\"bad\"", "Connections.");

static struct metric *const visits[SOURCE_CLASSES] = {
	[SOURCE_TRUSTED] = &visits_trusted,
	[SOURCE_KNOWN] = &visits_known,
	[SOURCE_UNKNOWN] = &visits_unknown,
	[SOURCE_BAD] = &visits_bad,
};

int door_new(const struct door_config *c, struct door **ret, struct err *e)
{
	struct door *d = NEW(struct door);
	d->c = *c;
	d->caps = conf_get(c->conf, &caps_section);
	if (sources_make(c->conf, &d->mem, &d->sources, e) < 0) {
		door_free(d);
		return -1;
	}
	*ret = d;
	return 0;
}

void door_free(struct door *d)
{
	if (!d)
		return;
	arena_done(&d->mem);
	free(d);
}

/* ---- classes ---- */

void visit_set_source(struct door_visit *v, const struct source *s)
{
	v->source = s;
	v->excepted = source_excepts(s, &v->caller.ip);
	if (v->signals)
		v->signals->scores = s->scores;
}

void visit_set_class(struct door_visit *v, enum source_class c)
{
	if (!v->source->range && v->source->cls != c)
		visit_set_source(v, &v->door->sources.classes[c]);
}

const struct source *door_source(const struct door_visit *v)
{
	return v->source;
}

const struct iprev *door_iprev(const struct door_visit *v)
{
	return &v->iprev;
}

/* ---- signals ---- */

struct signals *door_signals(struct door_visit *v)
{
	if (!v->signals) {
		v->signals = NEW(struct signals);
		v->signals->mem = &v->mem;
		v->signals->scores = v->source->scores;
	}
	return v->signals;
}

struct door_words door_words(struct door_visit *v, struct arena *a)
{
	AUTO(buf) struct buf text = BUF(4096);
	struct door_words w = {
		.cls = slice_z(v->login.n ? "user" : source_class_name(v->source->cls)),
		.source = v->source->range ? v->source->name : S(""),
	};
	if (v->signals && v->signals->n) {
		signals_print(&text, v->signals);
		w.score = arena_printf(a, "%.1f", signals_score(v->signals));
		w.signals = arena_dup(a, buf_slice(&text));
	}
	return w;
}

size_t evidence_proven(const struct door_evidence *ev, slice out[DOOR_PROVEN_MAX])
{
	size_t n = 0;
	slice local, domain;
	if (!ev)
		return 0;
	if (ev->spf == AUTH_PASS && ev->spf_domain.n)
		out[n++] = ev->spf_domain;
	if (ev->dmarc == AUTH_PASS && slice_index(ev->from, '@') < ev->from.n) {
		local = slice_first(ev->from, slice_rindex(ev->from, '@'));
		domain = slice_skip(ev->from, local.n + 1);
		out[n++] = domain;
	}
	for (size_t i = 0; i < ev->ndkim && n < DOOR_PROVEN_MAX; i++)
		out[n++] = ev->dkim[i];
	return n;
}

/* ---- the end ---- */

static void note(struct door_visit *v, enum rep_event event, double weight)
{
	struct reputation *r = v->door->c.reputation;
	const struct rep_subjects s = {.ip = &v->caller.ip, .helo = visit_helo(v)};
	if (r && (v->source->checks & CHECK_REPUTATION))
		reputation_note(r, &s, event, weight);
}

static void remember(struct door_visit *v, const struct door_end *end)
{
	struct rates *r = v->door->c.rates;
	slice key = visit_address(v);
	/* A list with dead members is no harvest. */
	bool harvest = end->harvest && v->unknown_rcpts > v->good_rcpts;
	bool offence = end->nonsense || end->early || end->unsync || end->cut || harvest ||
		       v->rejected > DOOR_PUT_OFF_MAX;
	if (v->source->limits[LIMIT_ERROR_RATIO].n) {
		rates_add(r, RATE_COMMANDS, key, end->commands);
		if (end->errors)
			rates_add(r, RATE_ERRORS, key, end->errors);
	}
	if (offence && v->source->limits[LIMIT_OFFENCES].n)
		rates_add(r, RATE_OFFENCES, key, 1);
	if (offence)
		note(v, harvest ? REP_HARVEST : REP_ABUSE, 1);
	if (v->unknown_rcpts > v->good_rcpts)
		note(v, REP_UNKNOWN_USER, v->unknown_rcpts - v->good_rcpts);
}

void door_leave(struct door_visit *v, const struct door_end *end)
{
	if (!v)
		return;
	group_cancel(&v->lookups);
	group_join(&v->lookups);
	metric_add(visits[v->source->cls], 1);
	if (!visit_spared(v))
		remember(v, end);
	if (v->m)
		arena_done(&v->m->mem);
	free(v->m);
	free(v->signals);
	free(v->listed);
	arena_done(&v->mem);
	free(v);
}
