/*
 * Letters that wait in the journal become lessons (learn.h): each is read by a scan process, a few
 * at a time, and what was read goes into the journal in one transaction. A letter leaves the
 * waiting ones in that transaction: killed anywhere, it is learned once.
 */
#include "base/mem.h"
#include "bin/learn.h"
#include "defence/fingerprint.h"
#include "run/link.h"
#include "run/log.h"
#include "run/metrics.h"
#include "run/pool.h"
#include "training/alike.h"
#include "training/pack.h"
#include <jansson.h>

METRIC_COUNTER(lessons, "posthouse_learn_lessons_total", "", "Lessons learned.");
METRIC_COUNTER(
	unread, "posthouse_learn_unreadable_total", "", "Lessons that no scan process could read.");
METRIC_DURATION(lesson_seconds, "posthouse_learn_read_seconds", "",
	"Time that reading one batch of lessons took.");

enum { BATCH = 16, AT_ONCE = 4, TRIES = 3, LOOK_SECONDS = 5, TRIM_EVERY = 64 };
enum { ADMIN_WEIGHT = 3 }; /* of persons' */
#define READ_TIME (2 * MINUTE)
#define UNAVAILABLE_PAUSE (2 * SECOND)

struct letter {
	struct journal_waiting w;
	struct journal_read r;
	struct fingerprint prints[FINGERPRINTS_MAX];
	size_t nprints;
	enum scans_fate fate;
	struct err e;
};
struct batch {
	struct learn *l;
	struct arena mem;
	struct letter v[BATCH];
	size_t n, next;
	int result;
	struct err e;
};

/* ---- what waits ---- */

static void load(void *arg)
{
	struct batch *b = arg;
	int64_t after = 0;
	b->result = 1;
	while (b->n < BATCH && b->result == 1) {
		struct letter *one = &b->v[b->n];
		b->result = journal_next(b->l->read_db, after, &b->mem, &one->w, &b->e);
		if (b->result == 1) {
			after = one->w.id;
			b->n++;
		}
	}
}

/* ---- reading ---- */

/* Shortened at the end of a character. */
static slice shorten(slice s, struct arena *a)
{
	size_t n = s.n < TRAINING_ABOUT_MAX ? s.n : TRAINING_ABOUT_MAX;
	while (n && n < s.n && ((unsigned char)s.p[n] & 0xc0) == 0x80)
		n--;
	return arena_dup(a, slice_first(s, n));
}

static void take_features(struct letter *one, const struct content_report *r, struct arena *a)
{
	AUTO(buf) struct buf packed = BUF(TRAINING_PACKED_MAX);
	struct learn_features f = {
		.v = (struct learn_feature *)(uintptr_t)r->features, .n = r->nfeatures};
	training_pack(r->features, r->nfeatures, &packed);
	one->r.packed = arena_dup(a, buf_slice(&packed));
	training_digest(one->r.packed, one->r.digest);
	training_kin(&f, one->r.digest, one->r.kin);
}

static void read_one(struct learn *l, struct letter *one, struct arena *a)
{
	AUTO(arena) struct arena mem = {0};
	struct scan_letter letter;
	struct content_report *report = ARENA_NEW(&mem, struct content_report);
	json_t *json;
	const struct content_context context = {0};
	scan_letter_init(&letter, (uint64_t)l->conf.max_size);
	scan_letter_add(&letter, one->w.told.message);
	const struct scans_asked ask = {.letter = &letter,
		.context = &context,
		.wishes = CONTENT_FEATURES,
		.deadline = instant_in(READ_TIME)};
	one->fate = scans_examine(l->scans, &ask, &mem, report, &json, &one->e);
	scan_letter_done(&letter);
	if (one->fate != SCANS_EXAMINED)
		return;
	memcpy(one->r.in, report->in, sizeof one->r.in);
	one->r.in[LEARN_RULES] = (float)signals_score(&report->signals);
	one->r.probability = report->probability;
	one->r.subject = shorten(report->subject, a);
	one->r.sender = shorten(report->from_address, a);
	memcpy(one->prints, report->prints, sizeof one->prints);
	one->nprints = report->nprints;
	take_features(one, report, a);
	json_decref(json);
}

static void read_some(void *arg)
{
	struct batch *b = arg;
	while (b->next < b->n && !b->l->stopping) {
		struct letter *one = &b->v[b->next++];
		read_one(b->l, one, &b->mem);
	}
}

/* ---- into the journal ---- */

/* Mail like what an administrator speaks of is known at once. Users speak for themselves alone,
 * archives of what is long over; what comes to honeypots the edges have noted. */
static bool is_noted(const struct learn *l, const struct letter *one)
{
	return l->prints && one->fate == SCANS_EXAMINED && one->w.told.source == TRAINING_ADMIN;
}

static int keep_one(struct sql *db, struct batch *b, struct letter *one, struct err *e)
{
	int64_t id;
	if (one->fate == SCANS_EXAMINED) {
		if (journal_learn_tx(db, &one->w, &one->r, &b->l->conf, wall_now(), &id, e) < 0)
			return -1;
		return id && is_noted(b->l, one) ? journal_noted_tx(db, id, one->w.told.spam,
							   one->prints, one->nprints, e)
						 : 0;
	}
	if (one->fate == SCANS_CANNOT || one->w.tries + 1 >= TRIES)
		return journal_reject_tx(
			db, &one->w, S("the letter cannot be read"), wall_now(), e);
	return journal_tried_tx(db, one->w.id, e);
}

static int keep(struct sql *db, void *arg, struct err *e)
{
	struct batch *b = arg;
	for (size_t i = 0; i < b->n; i++)
		if (keep_one(db, b, &b->v[i], e) < 0)
			return -1;
	return 0;
}

static int trim(struct sql *db, void *arg, struct err *e)
{
	struct learn *l = arg;
	return journal_trim_tx(db, &l->conf, e);
}

/* No process to read them is nobody's fault: they wait, and are not counted as tried. */
static bool nobody_reads(const struct batch *b)
{
	for (size_t i = 0; i < b->n; i++)
		if (b->v[i].fate != SCANS_UNAVAILABLE)
			return false;
	return true;
}

static void note_prints(const struct learn *l, const struct letter *one)
{
	const struct training_told *t = &one->w.told;
	if (!is_noted(l, one))
		return;
	if (!t->spam)
		fingerprints_note(l->prints, one->prints, one->nprints, FINGERPRINT_NOT_BAD,
			FINGERPRINT_WEIGHT_MAX);
	fingerprints_note(l->prints, one->prints, one->nprints,
		t->spam ? FINGERPRINT_BAD : FINGERPRINT_GOOD, ADMIN_WEIGHT);
}

static void count(const struct batch *b)
{
	for (size_t i = 0; i < b->n; i++)
		metric_add(b->v[i].fate == SCANS_EXAMINED ? &lessons : &unread,
			b->v[i].fate != SCANS_UNAVAILABLE);
}

/* 1: something was learned; 0: nothing waits; -1: later. */
static int learn_batch(struct batch *b)
{
	struct learn *l = b->l;
	struct group readers;
	instant began = instant_now();
	pool_call(load, b);
	if (b->result < 0) {
		log_error(NULL, "learn.journal", F("error", &b->e));
		return -1;
	}
	if (!b->n)
		return 0;
	group_init(&readers);
	for (int i = 0; i < AT_ONCE; i++)
		group_go(&readers, "learn.letter", read_some, b);
	group_join(&readers);
	if (l->stopping || nobody_reads(b))
		return -1;
	if (commit_run(l->commit, keep, b, &b->e) < 0) {
		log_error(NULL, "learn.journal", F("error", &b->e));
		return -1;
	}
	for (size_t i = 0; i < b->n; i++)
		note_prints(l, &b->v[i]);
	count(b);
	metric_observe(&lesson_seconds, (uint64_t)(instant_now() - began));
	return 1;
}

/* ---- what was taken back ---- */

struct taking_back {
	struct learn *l;
	struct journal_noted noted;
	int got;
	struct err e;
};

static void find_noted(void *arg)
{
	struct taking_back *t = arg;
	t->got = journal_noted_next(t->l->read_db, &t->noted, &t->e);
}

static int done_noted(struct sql *db, void *arg, struct err *e)
{
	const struct taking_back *t = arg;
	return journal_noted_done_tx(db, t->noted.lesson, e);
}

static void take_prints_back(struct learn *l)
{
	struct taking_back *t = NEW(struct taking_back);
	t->l = l;
	while (l->prints && !l->stopping) {
		pool_call(find_noted, t);
		if (t->got <= 0 || commit_run(l->commit, done_noted, t, &t->e) < 0)
			break;
		fingerprints_note(l->prints, t->noted.v, t->noted.n,
			t->noted.spam ? FINGERPRINT_NOT_BAD : FINGERPRINT_NOT_GOOD, ADMIN_WEIGHT);
	}
	if (t->got < 0)
		log_error(NULL, "learn.journal", F("error", &t->e));
	free(t);
}

static int one_batch(struct learn *l)
{
	struct batch *b = NEW(struct batch);
	b->l = l;
	int r = learn_batch(b);
	arena_done(&b->mem);
	free(b);
	return r;
}

void learn_read_run(void *arg)
{
	struct learn *l = arg;
	struct err e;
	unsigned since = 0;
	while (!l->stopping) {
		int r = l->conf.enabled ? one_batch(l) : 0;
		take_prints_back(l);
		l->reading = r > 0;
		if (r > 0 && ++since >= TRIM_EVERY) {
			commit_run(l->commit, trim, l, &e);
			since = 0;
		}
		if (r != 0)
			cond_wake_all(&l->changed);
		if (r > 0)
			continue;
		instant until = instant_in(r < 0 ? UNAVAILABLE_PAUSE : LOOK_SECONDS * SECOND);
		if (cond_wait(&l->told, until, &e) < 0 && e.kind == ERR_CLOSED)
			return;
	}
}
