/*
 * Looking for newer packs (features_role.h): an index in a directory or behind an https URL, then those packs whose
 * serial is higher than what was here. A pack is read by a scan process, verified here again, stored, and tried or
 * taken. What is interrupted, cut or wrong changes nothing: it is looked at again the next time.
 */
#include "bin/features_role.h"

#include "base/mem.h"
#include "base/rand.h"
#include "run/fetch.h"
#include "run/file.h"
#include "run/link.h"
#include "run/log.h"
#include "run/memfile.h"
#include "run/metrics.h"
#include "run/pool.h"
#include <errno.h>
#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

METRIC_COUNTER(
	looks, "posthouse_features_looks_total", "", "Looks at the source of feature packs.");
METRIC_COUNTER(failures, "posthouse_features_failures_total", "",
	"Looks that failed, and packs that were refused.");

#define INDEX S("index.json")
#define INDEX_TIME (MINUTE)
#define PACK_TIME (10 * MINUTE)
#define READ_TIME (2 * MINUTE)
enum { TRIES = 3 };

struct looking {
	struct features *f;
	struct arena mem;
	slice base; /* directory or URL with its slash */
	slice path; /* in the pool */
	size_t most;
	slice bytes;
	struct feature_keys keys;
	struct feature_known known;
	struct feature_pack pack;
	uint64_t number;
	bool canary;
	int fd, result;
	struct err e;
};

/* ---- getting a file ---- */

static void read_in_pool(void *arg)
{
	struct looking *l = arg;
	l->result = feature_read_file(l->path, l->most, &l->mem, &l->bytes, &l->e);
}

static int get_local(struct looking *l, slice name, size_t most)
{
	l->path = arena_printf(&l->mem, "%.*s%.*s", SFMT(l->base), SFMT(name));
	l->most = most;
	pool_call(read_in_pool, l);
	return l->result;
}

static void keep_etag(struct features *f, slice etag)
{
	free((void *)(uintptr_t)f->etag.p);
	f->etag = (slice){mem_dup(etag.p ? etag.p : "", etag.n), etag.n};
}

/* 1: the index is what it was. */
static int get_remote(struct looking *l, slice name, size_t most, bool index)
{
	struct fetch_answer answer;
	const struct fetch_want want = {
		.url = index ? l->f->conf->source
			     : arena_printf(&l->mem, "%.*s%.*s", SFMT(l->base), SFMT(name)),
		.ca_file = l->f->env->config.tls->ca,
		.max = most,
		.timeout = index ? INDEX_TIME : PACK_TIME,
		.etag = index ? l->f->etag : S("")};
	int r = fetch(l->f->dns, &want, &l->mem, &answer, &l->e);
	if (r < 0)
		return index && answer.status == 304 ? 1 : -1;
	l->bytes = answer.body;
	if (index)
		keep_etag(l->f, answer.etag);
	return 0;
}

static int get(struct looking *l, slice name, size_t most, bool index)
{
	return l->base.p[0] == '/' ? get_local(l, name, most) : get_remote(l, name, most, index);
}

static void find_base(struct looking *l)
{
	slice s = l->f->conf->source;
	if (s.p[0] == '/')
		l->base = slice_ends(s, S("/")) ? s : arena_printf(&l->mem, "%.*s/", SFMT(s));
	else
		l->base = slice_first(s, slice_rindex(s, '/') + 1);
}

/* ---- reading a pack: in a scan process ---- */

static void put_keys(const struct feature_keys *k, struct buf *out)
{
	for (size_t i = 0; i < k->n; i++) {
		char text[FEATURE_KEY_TEXT];
		feature_key_print(&k->v[i], text);
		buf_printf(out, "%s\n", text);
	}
}

static void write_question(void *arg)
{
	struct looking *l = arg;
	AUTO(buf) struct buf keys = BUF(FEATURE_KEYS_MAX * FEATURE_KEY_TEXT);
	AUTO(buf) struct buf text = BUF(FEATURE_PACK_MAX + 4096);
	put_keys(&l->keys, &keys);
	buf_str(&text, buf_slice(&keys));
	buf_put(&text, l->bytes);
	l->fd = memfile_of("pack", buf_slice(&text), &l->e);
	l->result = l->fd < 0 ? -1 : 0;
}

static void read_answer(void *arg)
{
	struct looking *l = arg;
	struct stat st;
	l->result = -1;
	if (fstat(l->fd, &st) < 0 || st.st_size > FEATURE_TOTAL_MAX + (2 << 20)) {
		err_set(&l->e, ERR_PROTO, "the answer of the scan process is too large");
		return;
	}
	size_t n = (size_t)st.st_size;
	char *p = arena_alloc(&l->mem, n + 1);
	if (pread(l->fd, p, n, 0) != (ssize_t)n)
		err_sys(&l->e, errno, "the answer of a scan process");
	else
		l->result = feature_pack_decode(slice_of(p, n), &l->keys, &l->mem, &l->pack, &l->e);
}

static struct link *pick_scan(struct features *f)
{
	for (unsigned i = 0; i < SCAN_INSTANCES_MAX; i++) {
		struct link *l = f->scans[f->next_scan++ % SCAN_INSTANCES_MAX];
		if (l && link_up(l))
			return l;
	}
	return NULL;
}

/* A process that dies of it is started again; after some tries the pack is what it dies of. */
static int read_pack(struct looking *l)
{
	const char job = SCAN_PACK;
	slice nothing;
	int r = -1;
	for (int i = 0; i < TRIES && r < 0; i++) {
		struct link *scan = pick_scan(l->f);
		if (!scan)
			return err_set(&l->e, ERR_TEMP, "no scan process runs");
		pool_call(write_question, l);
		if (l->result < 0)
			return -1;
		r = link_call_file(scan, slice_of(&job, 1), l->fd, instant_in(READ_TIME), &l->mem,
			&nothing, &l->e);
		if (r == 0)
			pool_call(read_answer, l);
		close(take_fd(&l->fd));
		if (r < 0 && l->e.kind != ERR_TEMP)
			return -1;
	}
	return r < 0 ? -1 : l->result;
}

/* ---- storing ---- */

static void store(void *arg)
{
	struct looking *l = arg;
	struct features *f = l->f;
	AUTO(fd) int lock = -1;
	l->result = -1;
	if (feature_depot_lock(f->data, &lock, &l->e) < 0 ||
		features_store(f->data, &l->pack, false, S("source"), &l->number, &l->e) < 0)
		return;
	const struct feature_trial t = {l->number, wall_now(), S("source")};
	l->result = l->canary ? feature_trial_write(f->data, &t, &l->e) : 0;
}

static void read_state(void *arg)
{
	struct looking *l = arg;
	l->result = feature_known_read(l->f->data, &l->known, &l->e) < 0
			    ? -1
			    : features_trusted(l->f->conf, l->f->data, &l->keys, &l->e);
}

struct told {
	struct looking *l;
	slice file;
};

static void tell_refused(void *arg)
{
	const struct told *t = arg;
	struct err e;
	json_t *more = json_pack("{s:s, s:s%}", "why", t->l->e.text, "file", t->file.p, t->file.n);
	if (features_tell(t->l->f->data, "refused", 0, S("source"), more, &e) < 0)
		log_error(NULL, "features.history", F("error", &e));
}

/* Told once for each serial, or every look would tell it. */
static void refused(struct looking *l, const struct features_offer *o)
{
	struct told t = {l, o->file};
	metric_add(&failures, 1);
	log_error(NULL, "features.pack", F("file", o->file), F("error", &l->e));
	if (l->e.kind == ERR_TEMP || l->e.kind == ERR_TIMEOUT || l->e.kind == ERR_CLOSED)
		return;
	pool_call(tell_refused, &t);
	features_alarm(l->f, o->serial, slice_z(l->e.text), o->file);
}

static int take_offer(struct looking *l, const struct features_offer *o)
{
	const struct features_conf *c = l->f->conf;
	if (get(l, o->file, FEATURE_PACK_MAX, false) < 0 || read_pack(l) < 0)
		return -1;
	if (!slice_eq(l->pack.m.name, o->name) || l->pack.m.serial != o->serial)
		return err_set(&l->e, ERR_PROTO, "it is not the pack that the index promises");
	l->canary = c->automatic && c->canary;
	pool_call(store, l);
	if (l->result < 0)
		return l->e.kind == ERR_EXISTS ? 0 : -1;
	log_info(NULL, "features.stored", F("pack", o->name), F("serial", o->serial),
		F("version", l->number));
	if (!c->automatic || c->canary)
		return 0;
	return features_into_force(l->f, "in-force", l->number, S("source"), NULL, &l->e);
}

/* Of each name the newest alone. */
static bool is_newest(const struct features_offer *v, size_t n, size_t i)
{
	for (size_t k = 0; k < n; k++)
		if (slice_eq(v[k].name, v[i].name) &&
			(v[k].serial > v[i].serial || (v[k].serial == v[i].serial && k < i)))
			return false;
	return true;
}

static int look(struct looking *l)
{
	struct features_offer *v;
	size_t n;
	int got = get(l, INDEX, FEATURES_INDEX_MAX, true), r = 0;
	if (got != 0)
		return got < 0 ? -1 : 0;
	if (features_index_read(l->bytes, &l->mem, &v, &n, &l->e) < 0)
		return -1;
	pool_call(read_state, l);
	if (l->result < 0)
		return -1;
	for (size_t i = 0; i < n; i++) {
		if (!is_newest(v, n, i) ||
			v[i].serial <= feature_known_serial(&l->known, v[i].name))
			continue;
		if (take_offer(l, &v[i]) < 0) {
			refused(l, &v[i]);
			r = -1;
		}
	}
	return r;
}

static void write_state(void *arg)
{
	struct looking *l = arg;
	struct err e;
	json_t *j = json_pack("{s:I, s:b, s:s}", "at", (json_int_t)wall_now(), "failed",
		l->result < 0, "error", l->result < 0 ? l->e.text : "");
	AUTO(free) char *text = json_dumps(j, JSON_COMPACT);
	json_decref(j);
	slice dir = arena_printf(&l->mem, "%.*s/features", SFMT(l->f->data));
	if (text && file_replace(dir, S("source"), slice_z(text), &e) < 0)
		log_warn(NULL, "features.source", F("error", &e));
}

static instant next_time(const struct features *f)
{
	int64_t every = f->conf->every, spread = every / 10 + 1;
	uint64_t chance;
	rand_bytes(&chance, sizeof chance);
	return instant_in(every - spread + (int64_t)(chance % (uint64_t)(2 * spread)));
}

void features_look(struct features *f)
{
	struct looking *l = NEW(struct looking);
	l->f = f;
	l->fd = -1;
	f->look_now = false;
	find_base(l);
	metric_add(&looks, 1);
	int r = look(l);
	if (r < 0) {
		keep_etag(f, S("")); /* the whole again, the next time */
		metric_add(&failures, 1);
		log_warn(NULL, "features.source", F("source", f->conf->source), F("error", &l->e));
	}
	l->result = r;
	pool_call(write_state, l);
	f->next_look = next_time(f);
	arena_done(&l->mem);
	free(l);
}
