/*
 * Versions (learn.h): made when the journal has changed and letters stop coming for a moment,
 * judged, put into service; every scan process is told to use the one that DATA/learn/current
 * names, also when somebody else (`posthouse learn use`) changed that. So it is with the classifier
 * of pictures, which `posthouse learn pictures` makes. Users' layers are files that
 * the edges look at by themselves.
 */
#include "base/mem.h"
#include "bin/learn.h"
#include "bin/pictures_file.h"
#include "run/link.h"
#include "run/log.h"
#include "run/metrics.h"
#include "run/pool.h"
#include <errno.h>
#include <inttypes.h>
#include <malloc.h>
#include <sys/mman.h>

METRIC_COUNTER(
	made, "posthouse_learn_versions_total", "result=\"used\"", "Versions of the site's layer.");
METRIC_COUNTER(kept_back, "posthouse_learn_versions_total", "result=\"refused\"",
	"Versions of the site's layer.");
METRIC_COUNTER(users_made, "posthouse_learn_user_layers_total", "", "Layers of users made.");
METRIC_DURATION(
	build_seconds, "posthouse_learn_build_seconds", "", "Time that making a version took.");
METRIC_GAUGE(in_service, "posthouse_learn_version", "", "The version in service.");

enum {
	LOOK_MS = 2000, /* at `current`, and at the journal */
	REST_FACTOR = 10, /* making versions takes at most this part of the time */
	PATIENCE = 20, /* pauses, while letters still wait to be read */
};
#define USE_TIME (10 * SECOND)

/* ---- in the pool ---- */

struct work {
	struct learn *l;
	struct build build;
	struct learning_conf conf; /* a reload may come meanwhile */
	struct arena mem;
	struct build_result built;
	int64_t revision, made_from, users_from, users_now;
	slice *users;
	size_t nusers;
	uint64_t current, pictures;
	bool pinned;
	int result;
	struct err e;
};

static void look(void *arg)
{
	struct work *w = arg;
	struct sql *db = w->l->build_db;
	int64_t made_at;
	w->result = -1;
	if (versions_current(w->l->data, &w->current, &w->pinned, &w->e) == 0 &&
		journal_revision(db, &w->revision, &w->e) == 0 &&
		pictures_file_look(w->l->data, &w->pictures, &made_at, &w->e) == 0 &&
		versions_built(db, &w->made_from, &w->e) == 0 &&
		journal_users_built(db, &w->users_from, &w->e) == 0 &&
		journal_changed_users(db, w->users_from, &w->mem, &w->users, &w->nusers,
			&w->users_now, &w->e) == 0)
		w->result = 0;
}

static void make_version(void *arg)
{
	struct work *w = arg;
	w->result = build_version(&w->build, &w->mem, &w->built, &w->e);
}

static void make_users(void *arg)
{
	struct work *w = arg;
	w->result = 0;
	for (size_t i = 0; i < w->nusers && w->result == 0 && !w->l->stopping; i++)
		w->result = build_user(w->l->data, w->l->build_db, w->users[i], &w->e);
}

struct file {
	slice data;
	enum scan_use what;
	uint64_t number; /* 0: nothing */
	int fd, result;
	struct err e;
};

static void open_file(void *arg)
{
	struct file *f = arg;
	f->result = 0;
	if (f->number)
		f->result = f->what == SCAN_USE_PICTURES
				    ? pictures_file_open(f->data, &f->fd, &f->e)
				    : training_current_open(f->data, &f->fd, &f->e);
	else
		f->fd = memfd_create("nothing learned", MFD_CLOEXEC);
	if (f->fd < 0 && f->result == 0)
		f->result = err_sys(&f->e, errno, "memfd_create");
}

/* ---- scan processes ---- */

/* All of them, or those that were told nothing yet. One that cannot be told now reads `current`
 * itself when it starts again, or is told the next time. */
static bool tell(struct learn *l, enum scan_use what, int fd)
{
	bool all = true;
	struct err e;
	for (unsigned i = 0; i < SCAN_PLACES; i++) {
		struct link *scan = scans_link_of(l->scans, i);
		if (!scan || !link_up(scan))
			continue;
		if (scan_use(scan, what, fd, instant_in(USE_TIME), &e) == 0)
			continue;
		log_warn(NULL, "learn.use", F("scan", i), F("error", &e));
		all = e.kind == ERR_PROTO && all;
	}
	return all;
}

static void put_into_service(struct learn *l, uint64_t number)
{
	struct file f = {.data = l->data, .what = SCAN_USE_LEARNED, .number = number, .fd = -1};
	pool_call(open_file, &f);
	AUTO(fd) int fd = f.fd;
	if (f.result < 0) {
		log_error(NULL, "learn.use", F("version", number), F("error", &f.e));
		l->fresh_links = true;
		return;
	}
	if (!tell(l, SCAN_USE_LEARNED, fd))
		l->fresh_links = true;
	if (!l->told_any || number != l->in_service)
		log_info(NULL, "learn.in_service", F("version", number));
	l->told_any = true;
	l->in_service = number;
	metric_set(&in_service, (int64_t)number);
}

static void put_pictures_into_service(struct learn *l, uint64_t which)
{
	struct file f = {.data = l->data, .what = SCAN_USE_PICTURES, .number = which, .fd = -1};
	pool_call(open_file, &f);
	AUTO(fd) int fd = f.fd;
	if (f.result < 0) {
		log_error(NULL, "learn.use_pictures", F("error", &f.e));
		l->fresh_links = true;
		return;
	}
	if (!tell(l, SCAN_USE_PICTURES, fd))
		l->fresh_links = true;
	if (which != l->pictures)
		log_info(NULL, "learn.pictures_in_service", F("there", which ? S("yes") : S("no")));
	l->pictures = which;
}

/* Scan processes are told what they do not know yet. */
static void tell_changes(struct learn *l, const struct work *w)
{
	bool all = !l->told_any || l->fresh_links;
	l->fresh_links = false; /* before: one may come meanwhile */
	if (all || w->pictures != l->pictures)
		put_pictures_into_service(l, w->pictures);
	if (all || w->current != l->in_service)
		put_into_service(l, w->current);
}

/* ---- versions ---- */

static int users_tx(struct sql *db, void *arg, struct err *e)
{
	const struct work *w = arg;
	return journal_users_built_tx(db, w->users_now, e);
}

static void do_users(struct learn *l, struct work *w)
{
	pool_call(make_users, w);
	if (w->result == 0 && !l->stopping)
		w->result = commit_run(l->commit, users_tx, w, &w->e);
	if (w->result < 0)
		log_error(NULL, "learn.users", F("error", &w->e));
	else
		metric_add(&users_made, (int64_t)w->nusers);
}

static void tell_built(const struct work *w, int64_t took)
{
	const struct training_version *v = &w->built.version;
	const struct training_figures *f = &v->figures, *b = &v->before;
	metric_add(v->refused ? &kept_back : &made, 1);
	metric_observe(&build_seconds, (uint64_t)took);
	if (v->refused)
		log_warn(NULL, "learn.version_refused", F("version", v->number), F("why", v->why));
	log_info(NULL, "learn.version", F("version", v->number), F("ham", v->lessons[0]),
		F("spam", v->lessons[1]), F("published", w->built.published),
		F("caught", f->caught), F("of_spam", f->spam), F("caught_before", b->caught),
		F("accused", f->accused), F("of_ham", f->ham), F("accused_before", b->accused),
		F("changed", v->changed), F("of_recent", v->sampled), F_USEC("took", took));
}

/* Returns how long it took. */
static int64_t do_version(struct work *w)
{
	instant began = instant_now();
	pool_call(make_version, w);
	malloc_trim(0); /* making one takes tens of megabytes, for a moment */
	int64_t took = instant_now() - began;
	if (w->result == 0)
		tell_built(w, took);
	else if (w->e.kind != ERR_CLOSED)
		log_error(NULL, "learn.build", F("error", &w->e));
	return took;
}

/* Letters that wait are learned together with the first one. False: cancelled. */
static bool gather(struct learn *l)
{
	struct err e;
	for (int i = 0; i < PATIENCE; i++) {
		if (co_sleep(instant_in(l->conf.pause), &e) < 0)
			return false;
		if (!l->reading)
			break;
	}
	return !l->stopping;
}

/* Until something may have changed. False: cancelled. */
static bool wait(struct learn *l)
{
	struct err e;
	if (cond_wait(&l->changed, instant_in(LOOK_MS * MSEC), &e) < 0 && e.kind == ERR_CLOSED)
		return false;
	return !l->stopping;
}

static bool one_round(struct learn *l, struct work *w, instant *rest_until)
{
	pool_call(look, w);
	if (w->result < 0) {
		log_error(NULL, "learn.look", F("error", &w->e));
		return true;
	}
	tell_changes(l, w);
	if (!w->nusers && w->revision == w->made_from)
		return true;
	bool version = w->revision != w->made_from && !w->pinned && instant_now() >= *rest_until;
	if (!w->nusers && !version)
		return true;
	if (!gather(l))
		return false;
	arena_reset(&w->mem);
	pool_call(look, w);
	if (w->result == 0 && w->nusers)
		do_users(l, w);
	if (!version || l->stopping)
		return !l->stopping;
	int64_t took = do_version(w);
	*rest_until = instant_in(REST_FACTOR * took);
	if (w->result == 0 && w->built.published)
		put_into_service(l, w->built.version.number);
	return true;
}

void learn_build_run(void *arg)
{
	struct learn *l = arg;
	instant rest_until = 0;
	bool go_on = true;
	do {
		struct work *w = NEW(struct work);
		w->l = l;
		w->conf = l->conf;
		w->build = (struct build){l->data, l->build_db, &w->conf, &l->fuse, &l->stopping};
		go_on = one_round(l, w, &rest_until);
		arena_done(&w->mem);
		free(w);
	} while (go_on && wait(l));
}
