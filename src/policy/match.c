/*
 * Does a policy hold for a letter and a recipient: all its conditions must. document_conditions.c has
 * put them in the order of their cost. What several conditions need (the header's fields, which of
 * the asked signals are there) is found once a judgement, when first asked for. Called by decide.c.
 */
#include "policy/policy_impl.h"

#include "base/time.h"
#include "codec/address.h"
#include "codec/header.h"
#include "store/wildcard.h"

#include <math.h>
#include <stdlib.h>
#include <time.h>

bool policy_matches(struct policy_judging *j, const struct policy *p)
{
	j->policy = p;
	if (j->matched && p->wants_files)
		memset(j->matched, 0, j->f->nfiles * sizeof *j->matched);
	for (size_t i = 0; i < p->ntests; i++)
		if (!p->tests[i].holds(j, &p->tests[i]))
			return false;
	return true;
}

/* One of the alternatives, and none of what must not be. */
bool policy_words_hold(struct policy_judging *j, const struct policy_words *w,
	bool (*one)(struct policy_judging *j, const struct policy_word *w))
{
	bool hit = false;
	for (size_t i = 0; i < w->n; i++) {
		const struct policy_word *word = &w->v[i];
		if (hit && !word->not )
			continue;
		if (!one(j, word))
			continue;
		if (word->not )
			return false;
		hit = true;
	}
	return hit || !w->positive;
}

/* ---- people ---- */

static bool yes(const struct policy_people *p, const struct policy_address *x)
{
	return x->whole.p && policy_who_has(&p->yes, x);
}

static bool no(const struct policy_people *p, const struct policy_address *x)
{
	return x->whole.p && policy_who_has(&p->no, x);
}

/* b may be NULL: no second person. */
static bool people_hold(const struct policy_people *p, const struct policy_address *a,
	const struct policy_address *b)
{
	if (no(p, a) || (b && no(p, b)))
		return false;
	return !p->positive || yes(p, a) || (b && yes(p, b));
}

bool policy_holds_from(struct policy_judging *j, const struct policy_test *t)
{
	return people_hold(t->people, &j->sender, &j->from);
}

bool policy_holds_envelope_from(struct policy_judging *j, const struct policy_test *t)
{
	return people_hold(t->people, &j->sender, NULL);
}

bool policy_holds_header_from(struct policy_judging *j, const struct policy_test *t)
{
	return people_hold(t->people, &j->from, NULL);
}

bool policy_holds_to(struct policy_judging *j, const struct policy_test *t)
{
	return people_hold(t->people, &j->rcpt, NULL);
}

bool policy_holds_login(struct policy_judging *j, const struct policy_test *t)
{
	return people_hold(t->people, &j->login, NULL);
}

/* Whose mail it is: of the recipient, where it comes in; of the sender, where it goes out. */
bool policy_holds_organisation(struct policy_judging *j, const struct policy_test *t)
{
	if (j->f->direction == POLICY_IN)
		return people_hold(t->people, &j->rcpt, NULL);
	const struct policy_address *who = j->sender.domain.n ? &j->sender : &j->login;
	return people_hold(t->people, who, j->f->direction == POLICY_INTERNAL ? &j->rcpt : NULL);
}

/* ---- where from, when ---- */

bool policy_holds_direction(struct policy_judging *j, const struct policy_test *t)
{
	unsigned wanted = t->words.positive ? 0 : POLICY_IN | POLICY_OUT | POLICY_INTERNAL;
	for (size_t i = 0; i < t->words.n; i++)
		wanted = t->words.v[i].not ? wanted & ~t->words.v[i].bits
					   : wanted | t->words.v[i].bits;
	return wanted & j->f->direction;
}

bool policy_holds_ip(struct policy_judging *j, const struct policy_test *t)
{
	struct net_addr ip;
	struct err e;
	bool known = j->f->client_ip.n && net_from_ip(j->f->client_ip, 0, &ip, &e) == 0;
	bool hit = false;
	for (size_t i = 0; i < t->words.n && known; i++) {
		if (!net_cidr_match(&t->words.v[i].net, &ip))
			continue;
		if (t->words.v[i].not )
			return false;
		hit = true;
	}
	return hit || !t->words.positive;
}

static bool host_is(struct policy_judging *j, const struct policy_word *w)
{
	return j->f->client_name.n && wildcard_match(w->text, j->f->client_name);
}

bool policy_holds_host(struct policy_judging *j, const struct policy_test *t)
{
	return policy_words_hold(j, &t->words, host_is);
}

/* 0 is Sunday. */
static void local_time(
	const struct policy_judging *j, int zone, unsigned *ret_weekday, double *ret_minute)
{
	time_t at = (time_t)(j->f->at / SECOND) + (zone == POLICY_ZONE_LOCAL ? 0 : zone * 60);
	struct tm tm = {0};
	if (zone == POLICY_ZONE_LOCAL)
		localtime_r(&at, &tm);
	else
		gmtime_r(&at, &tm);
	*ret_weekday = (unsigned)tm.tm_wday;
	*ret_minute = tm.tm_hour * 60 + tm.tm_min;
}

static bool within_hours(const struct policy_word *w, double minute)
{
	return w->min <= w->max ? minute >= w->min && minute < w->max
				: minute >= w->min || minute < w->max; /* over midnight */
}

bool policy_holds_hours(struct policy_judging *j, const struct policy_test *t)
{
	unsigned weekday;
	double minute;
	bool hit = false;
	local_time(j, t->zone, &weekday, &minute);
	for (size_t i = 0; i < t->words.n; i++) {
		if (!within_hours(&t->words.v[i], minute))
			continue;
		if (t->words.v[i].not )
			return false;
		hit = true;
	}
	return hit || !t->words.positive;
}

bool policy_holds_weekdays(struct policy_judging *j, const struct policy_test *t)
{
	unsigned weekday, wanted = t->words.positive ? 0 : 0x7f;
	double minute;
	local_time(j, t->zone, &weekday, &minute);
	for (size_t i = 0; i < t->words.n; i++)
		wanted = t->words.v[i].not ? wanted & ~t->words.v[i].bits
					   : wanted | t->words.v[i].bits;
	return wanted >> weekday & 1;
}

/* ---- signals ---- */

static void note(struct policy_judging *j, unsigned asked, double score)
{
	if (score > j->found[asked])
		j->found[asked] = score;
}

static void note_name(struct policy_judging *j, const struct signal *s)
{
	const struct policy_set *set = j->set;
	slice name = slice_z(s->def->name);
	size_t low = 0, high = set->nby_name;
	while (low < high) {
		size_t mid = low + (high - low) / 2;
		int order = policy_slice_order(set->signals[set->by_name[mid]].text, name);
		if (order == 0) {
			note(j, set->by_name[mid], (double)s->score);
			return;
		}
		if (order < 0)
			low = mid + 1;
		else
			high = mid;
	}
}

static bool asks_for(const struct policy_signal *asked, const struct signal *s)
{
	if (asked->kind == POLICY_SIGNAL_CLASS)
		return s->def->class && slice_eq(asked->text, slice_z(s->def->class));
	return asked->kind == POLICY_SIGNAL_WILD &&
	       wildcard_match(asked->text, slice_z(s->def->name));
}

static void look_for_signals(struct policy_judging *j)
{
	const struct policy_set *set = j->set;
	const struct signals *all = j->f->signals;
	j->found = ARENA_ARRAY(j->scratch, double, set->nsignals + 1);
	for (size_t i = 0; i < set->nsignals; i++)
		j->found[i] = -INFINITY;
	for (unsigned i = 0; i < all->n; i++)
		note_name(j, &all->v[i]);
	for (unsigned asked = 0; asked < set->nsignals; asked++)
		for (unsigned i = 0; i < all->n && set->signals[asked].kind != POLICY_SIGNAL_NAME;
			i++)
			if (asks_for(&set->signals[asked], &all->v[i]))
				note(j, asked, (double)all->v[i].score);
}

static bool signal_is(struct policy_judging *j, const struct policy_word *w)
{
	return j->found[w->index] > -INFINITY && j->found[w->index] >= w->min;
}

bool policy_holds_signal(struct policy_judging *j, const struct policy_test *t)
{
	if (!j->found)
		look_for_signals(j);
	return policy_words_hold(j, &t->words, signal_is);
}

bool policy_holds_every_signal(struct policy_judging *j, const struct policy_test *t)
{
	if (!j->found)
		look_for_signals(j);
	for (size_t i = 0; i < t->words.n; i++)
		if (signal_is(j, &t->words.v[i]) == t->words.v[i].not )
			return false;
	return true;
}

/* ---- the judgement ---- */

static bool in_range(const struct policy_test *t, double v)
{
	return v >= t->min && v <= t->max;
}

/* Those who are allowed are only asked when the policy means them. */
static bool may_be_judged(const struct policy_judging *j)
{
	return j->policy->knows_allowed || !(j->f->allowed || j->f->spared);
}

bool policy_holds_class(struct policy_judging *j, const struct policy_test *t)
{
	bool hit = false;
	for (size_t i = 0; i < t->words.n; i++) {
		if (!(t->words.v[i].bits >> j->class & 1))
			continue;
		if (t->words.v[i].not )
			return false;
		hit = true;
	}
	return hit || !t->words.positive;
}

bool policy_holds_probability(struct policy_judging *j, const struct policy_test *t)
{
	return may_be_judged(j) && in_range(t, j->probability);
}

bool policy_holds_score(struct policy_judging *j, const struct policy_test *t)
{
	return may_be_judged(j) && in_range(t, j->score);
}

/* ---- numbers, yes and no ---- */

bool policy_holds_size(struct policy_judging *j, const struct policy_test *t)
{
	return in_range(t, (double)j->f->size);
}

bool policy_holds_recipients(struct policy_judging *j, const struct policy_test *t)
{
	return in_range(t, j->f->rcpts);
}

bool policy_holds_bulk(struct policy_judging *j, const struct policy_test *t)
{
	return in_range(t, j->f->bulk);
}

bool policy_holds_attachments(struct policy_judging *j, const struct policy_test *t)
{
	unsigned n = 0;
	for (size_t i = 0; i < j->f->nfiles; i++)
		n += j->f->files[i].depth == 0;
	return in_range(t, n);
}

bool policy_holds_examined(struct policy_judging *j, const struct policy_test *t)
{
	return (j->f->examined && !j->f->too_large) == t->yes;
}

bool policy_holds_limited(struct policy_judging *j, const struct policy_test *t)
{
	return j->f->limited == t->yes;
}

bool policy_holds_allowed(struct policy_judging *j, const struct policy_test *t)
{
	return j->f->allowed == t->yes;
}

bool policy_holds_engine_down(struct policy_judging *j, const struct policy_test *t)
{
	return (j->f->engine_down.n > 0) == t->yes;
}

/* ---- viruses ---- */

/* "clamav: Win.Test.EICAR_HDB-1, other: EICAR": each item, with and without its engine. */
static bool virus_is(struct policy_judging *j, const struct policy_word *w)
{
	slice rest = j->f->virus, item;
	if (w->text.n == 0)
		return policy_is_virus(j->f);
	while (rest.n && slice_cut(&rest, ',', &item)) {
		item = slice_trim(item);
		size_t colon = slice_find(item, S(": "));
		if (wildcard_match(w->text, item) ||
			(colon < item.n && wildcard_match(w->text, slice_skip(item, colon + 2))))
			return true;
	}
	return false;
}

bool policy_holds_virus(struct policy_judging *j, const struct policy_test *t)
{
	return policy_words_hold(j, &t->words, virus_is);
}

/* ---- the header ---- */

static void read_header(struct policy_judging *j)
{
	enum { LINES_MAX = 500 };
	struct header_field field;
	size_t n = 0;
	slice rest = j->f->header;
	j->header_read = true;
	while (n < LINES_MAX && header_next(&rest, &field))
		n++;
	j->lines = ARENA_ARRAY(j->scratch, struct policy_line, n + 1);
	rest = j->f->header;
	while (j->nlines < n && header_next(&rest, &field))
		j->lines[j->nlines++] =
			(struct policy_line){.name = field.name, .value = field.value};
}

static slice line_text(struct policy_judging *j, struct policy_line *l)
{
	if (!l->decoded)
		l->text = header_text(l->value, j->scratch);
	l->decoded = true;
	return l->text;
}

/* An empty pattern: the field is there. */
static bool header_is(struct policy_judging *j, const struct policy_word *w)
{
	for (size_t i = 0; i < j->nlines; i++)
		if (slice_ieq(j->lines[i].name, w->name) &&
			wildcard_match(w->text, w->text.n ? line_text(j, &j->lines[i]) : S("")))
			return true;
	return false;
}

bool policy_holds_header(struct policy_judging *j, const struct policy_test *t)
{
	if (!j->header_read)
		read_header(j);
	return policy_words_hold(j, &t->words, header_is);
}

static bool subject_is(struct policy_judging *j, const struct policy_word *w)
{
	return wildcard_match(w->text, j->f->subject);
}

bool policy_holds_subject(struct policy_judging *j, const struct policy_test *t)
{
	return policy_words_hold(j, &t->words, subject_is);
}
