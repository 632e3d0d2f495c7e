/*
 * Making mirrors (mirror.h): one process watches the files and asks the name servers, and writes
 * DATA/mirror/NAME.list; reading a large file happens in a thread of the pool. Run by the queue
 * process (bin/queue.c), which may connect anyway.
 *
 * What cannot be had now keeps its old list: a mirror never empties itself by a failure.
 */
#include "base/b64.h"
#include "base/mem.h"
#include "defence/axfr.h"
#include "defence/mirror_conf.h"
#include "run/co.h"
#include "run/metrics.h"
#include "run/pool.h"
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/stat.h>

METRIC_COUNTER(loaded, "posthouse_mirror_loaded_total", "", "Mirrors of DNS lists made anew.");
METRIC_COUNTER(failed, "posthouse_mirror_failed_total", "",
	"Mirrors of DNS lists that could not be made anew.");

#define WATCH_EVERY (10 * SECOND)
#define FETCH_TIME (10 * MINUTE)
#define RETRY (5 * MINUTE)

struct keeping {
	const struct mirror_conf *conf;
	slice name, list, file; /* paths */
	/* Of the file as it was loaded last. */
	struct timespec mtime;
	off_t size;
	ino_t inode;
	/* Of the zone. */
	bool has_serial;
	uint32_t serial;
	instant next;
	bool complained;
};

struct keeper {
	struct arena mem;
	struct keeping v[MIRRORS_MAX];
	size_t n;
};

static void done(struct keeping *k, const struct err *e, uint64_t entries, uint64_t bad,
	const char *first_bad)
{
	if (e) {
		metric_add(&failed, 1);
		if (!k->complained)
			log_warn(NULL, "mirror.failed", F("mirror", k->name), F("error", e));
		k->complained = true;
		return;
	}
	k->complained = false;
	metric_add(&loaded, 1);
	log_info(NULL, "mirror.loaded", F("mirror", k->name), F("entries", entries), F("bad", bad),
		F("first_bad", first_bad));
}

/* ---- files ---- */

struct load {
	struct keeping *k;
	struct stat st;
	bool changed;
	int r;
	struct rbldnsd_report report;
	uint64_t entries;
	struct err e;
};

static int parse(struct load *l, const char *text, size_t n)
{
	struct rbldnsd in;
	AUTO(mirror_builder) struct mirror_builder *b = mirror_builder_new();
	rbldnsd_init(&in, (enum rbldnsd_format)l->k->conf->format, l->k->conf->subzone, b);
	bool all = rbldnsd_text(&in, slice_of(text, n));
	l->report = in.report;
	l->entries = mirror_builder_entries(b);
	if (!all)
		return err_set(&l->e, ERR_LIMIT, "more than %d entries", MIRROR_ENTRIES_MAX);
	if (l->entries == 0)
		return err_set(&l->e, ERR_PROTO, "no entry (%s)",
			in.report.bad ? in.report.first_bad : "the file is empty");
	return mirror_write(b, l->k->list, &l->e);
}

static int load_file(struct load *l, int fd)
{
	size_t n = (size_t)l->st.st_size;
	if (n == 0)
		return err_set(&l->e, ERR_PROTO, "the file is empty");
	char *p = mmap(NULL, n, PROT_READ, MAP_PRIVATE | MAP_POPULATE, fd, 0);
	if (p == MAP_FAILED)
		return err_sys(&l->e, errno, "%.*s", SFMT(l->k->file));
	int r = parse(l, p, n);
	munmap(p, n);
	return r;
}

static bool same(const struct keeping *k, const struct stat *st)
{
	return k->inode == st->st_ino && k->size == st->st_size &&
	       k->mtime.tv_sec == st->st_mtim.tv_sec && k->mtime.tv_nsec == st->st_mtim.tv_nsec;
}

/* In a pool thread. */
static void look_at_file(void *arg)
{
	struct load *l = arg;
	struct keeping *k = l->k;
	AUTO(arena) struct arena a = {0};
	AUTO(fd) int fd = open(arena_strz(&a, k->file), O_RDONLY | O_CLOEXEC);
	if (fd < 0 || fstat(fd, &l->st) < 0) {
		l->r = err_sys(&l->e, errno, "%.*s", SFMT(k->file));
		return;
	}
	l->changed = !same(k, &l->st);
	if (l->changed)
		l->r = load_file(l, fd);
}

static void keep_file(struct keeping *k)
{
	AUTO(free) struct load *l = NEW(struct load);
	l->k = k;
	pool_call(look_at_file, l);
	k->next = instant_in(WATCH_EVERY);
	if (l->r == 0 && !l->changed)
		return;
	done(k, l->r < 0 ? &l->e : NULL, l->entries, l->report.bad, l->report.first_bad);
	if (l->changed) { /* also a bad one is not read again and again */
		k->inode = l->st.st_ino;
		k->size = l->st.st_size;
		k->mtime = l->st.st_mtim;
	}
}

/* ---- transfers ---- */

struct written {
	struct mirror_builder *b;
	slice path;
	int r;
	struct err e;
};

static void write_list(void *arg)
{
	struct written *w = arg;
	w->r = mirror_write(w->b, w->path, &w->e);
}

static int fetch_from(struct keeping *k, const struct net_addr *from, const struct tsig_key *key,
	uint64_t *ret_entries, struct err *e)
{
	AUTO(mirror_builder) struct mirror_builder *b = mirror_builder_new();
	uint32_t serial = k->serial;
	int r = axfr_fetch(
		from, k->conf->zone, key, k->has_serial, &serial, instant_in(FETCH_TIME), b, e);
	if (r)
		return r;
	*ret_entries = mirror_builder_entries(b);
	struct written w = {.b = b, .path = k->list};
	pool_call(write_list, &w);
	*e = w.e;
	if (w.r == 0) {
		k->serial = serial;
		k->has_serial = true;
	}
	return w.r;
}

/* The first server that answers well. */
static int fetch(struct keeping *k, uint64_t *ret_entries, struct err *e)
{
	AUTO(buf) struct buf secret = BUF(1024);
	const struct mirror_conf *c = k->conf;
	if (!b64_decode(&secret, c->tsig_secret.value))
		return err_set(e, ERR_PERM, "tsig_secret is not base64");
	const struct tsig_key key = {c->tsig_name, c->tsig_algorithm, {buf_slice(&secret)}};
	int r = -1;
	for (size_t i = 0; r < 0 && i < c->transfer_from.n; i++)
		r = fetch_from(k, &c->transfer_from.v[i], &key, ret_entries, e);
	return r;
}

static void keep_zone(struct keeping *k)
{
	struct err e;
	uint64_t entries = 0;
	int r = fetch(k, &entries, &e);
	k->next = instant_in(r < 0 ? RETRY : k->conf->refresh);
	if (r <= 0)
		done(k, r < 0 ? &e : NULL, entries, 0, "");
}

/* ---- all ---- */

bool mirror_wanted(const struct conf *conf)
{
	return conf_count(conf, &mirror_section) > 0;
}

static void open_all(struct keeper *all, const struct conf *conf, slice data)
{
	for (size_t i = 0; i < conf_count(conf, &mirror_section) && i < MIRRORS_MAX; i++) {
		struct keeping *k = &all->v[all->n++];
		k->conf = conf_nth(conf, &mirror_section, i, &k->name);
		k->list = mirror_list_path(data, k->name, &all->mem);
		k->file = arena_printf(
			&all->mem, "%.*s/mirror/%.*s", SFMT(data), SFMT(k->conf->file));
	}
}

void mirror_keep(const struct conf *conf, slice data)
{
	AUTO(free) struct keeper *all = NEW(struct keeper);
	struct err e;
	open_all(all, conf, data);
	do {
		for (size_t i = 0; i < all->n && !co_cancelled(); i++) {
			if (instant_now() < all->v[i].next)
				continue;
			if (all->v[i].conf->file.n)
				keep_file(&all->v[i]);
			else
				keep_zone(&all->v[i]);
		}
	} while (co_sleep(instant_in(SECOND), &e) == 0);
	arena_done(&all->mem);
}
