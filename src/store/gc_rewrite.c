/*
 * Rewriting packs that are mostly dead, or cold and compressible: live records are copied to a new
 * file, compressed where that pays, together with a map from their names (offsets in the first
 * file) to their places. The new file takes the old one's name by rename: no row changes, no id
 * changes, and a crash at any point leaves the one or the other.
 *
 * A batch of packs is locked, then everything that refers into it is gathered. A pack with anything
 * unreadable in it that is still needed is left as it is, for `store verify`. No transaction is open
 * meanwhile, so resting keeps nobody waiting.
 */
#include "store/gc.h"

#include "base/hash.h"
#include "base/mem.h"
#include "base/must.h"
#include "base/time.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zstd.h>

enum {
	BATCH = 64,
	CONVERT_BATCH = 8, /* what is locked keeps mail waiting that moves from the queue to a mailbox */
	SMALLEST = 256 * 1024, /* saving less is not worth it */
	SAMPLES = 32,
	COMPRESS_MIN = 256,
	ZSTD_LEVEL = 3,
	OUT_BUFFER = 1 << 20,
};
#define COLD_AGE (7 * DAY)
#define REST_MAX (100 * MSEC)

int64_t gc_rest_age = 10 * MINUTE;

struct set {
	uint64_t *v;
	size_t n, cap;
};

static void set_add(struct set *s, uint64_t v)
{
	if (s->n == s->cap) {
		s->cap = s->cap ? 2 * s->cap : 256;
		s->v = mem_grow(s->v, s->cap * sizeof *s->v);
	}
	s->v[s->n++] = v;
}

static int compare(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
	return x < y ? -1 : x > y;
}

static void set_sort(struct set *s)
{
	size_t n = 0;
	if (s->n)
		qsort(s->v, s->n, sizeof *s->v, compare);
	for (size_t i = 0; i < s->n; i++)
		if (!i || s->v[i] != s->v[i - 1])
			s->v[n++] = s->v[i];
	s->n = n;
}

struct target {
	struct gc_pack *pack; /* found again by number when the list grows */
	uint32_t no;
	struct set live; /* offsets */
	struct set links; /* packs that its live messages use */
	bool unsure; /* something that refers to it cannot be read */
};
struct batch {
	struct store_gc *g;
	struct target t[BATCH];
	size_t n;
};

static struct target *target_of(struct batch *b, uint32_t no)
{
	for (size_t i = 0; i < b->n; i++)
		if (b->t[i].no == no)
			return &b->t[i];
	return NULL;
}

/* Marks the segments that one message uses. */
static int mark_pieces(struct batch *b, blob_id id, struct err *e)
{
	struct pack_in *p;
	AUTO(pack_record) struct pack_record rec = {0};
	struct piece_list list;
	if (pack_cache_get(&b->g->cache, blob_pack(id), &p, e) < 0)
		return -1;
	int r = pack_in_read(p, blob_offset(id), 0, &rec, e);
	pack_cache_put(&b->g->cache, p);
	if (r < 0 || !piece_list_parse(rec.content, &list))
		return -1;
	struct target *own = target_of(b, blob_pack(id));
	struct piece piece;
	while (piece_next(&list, &piece)) {
		if (piece.kind != PIECE_REF)
			continue;
		struct target *t = target_of(b, blob_pack(piece.ref));
		if (t)
			set_add(&t->live, blob_offset(piece.ref));
		if (own && blob_pack(piece.ref) != own->no)
			set_add(&own->links, blob_pack(piece.ref));
	}
	return 0;
}

static int collect_id(void *arg, int db, blob_id id, uint64_t size, struct err *e)
{
	(void)db;
	(void)size;
	(void)e;
	set_add(arg, id);
	return 0;
}

static void doubt(struct batch *b, const struct gc_pack *q)
{
	struct target *own = target_of(b, q->no);
	if (own)
		own->unsure = true;
	for (unsigned i = 0; i < q->nlinks; i++) {
		struct target *t = target_of(b, q->links[i]);
		if (t)
			t->unsure = true;
	}
}

static bool concerns(struct batch *b, const struct gc_pack *q)
{
	if (target_of(b, q->no))
		return true;
	for (unsigned i = 0; i < q->nlinks; i++)
		if (target_of(b, q->links[i]))
			return true;
	return false;
}

/* The messages of one pack, as far as rows refer to them. */
static int mark_messages(struct batch *b, struct gc_pack *q, struct err *e)
{
	struct set ids = {0};
	struct target *own = target_of(b, q->no);
	int r = refs_each(&b->g->refs, blob_id_make(q->no, 0, 0), blob_id_make(q->no + 1, 0, 0),
		collect_id, &ids, e);
	set_sort(&ids);
	for (size_t i = 0; r == 0 && i < ids.n; i++) {
		struct err unreadable;
		if (own)
			set_add(&own->live, blob_offset(ids.v[i]));
		if ((ids.v[i] & BLOB_HAS_REFS) && mark_pieces(b, ids.v[i], &unreadable) < 0)
			doubt(b, q);
	}
	free(ids.v);
	return r;
}

static int mark_batch(struct batch *b, struct err *e)
{
	struct store_gc *g = b->g;
	if (refs_fence(&g->refs, e) < 0 || gc_list_packs(g, e) < 0)
		return -1;
	for (size_t i = 0; i < g->npacks; i++) {
		struct gc_pack *q = &g->packs[i];
		if (gc_read_links(g, q, e) < 0) {
			if (e->kind == ERR_NOTFOUND)
				continue;
			return err_wrap(e, "gc rewrites nothing");
		}
		if (concerns(b, q) && mark_messages(b, q, e) < 0)
			return -1;
	}
	for (size_t i = 0; i < b->n; i++) {
		set_sort(&b->t[i].live);
		set_sort(&b->t[i].links);
		b->t[i].pack = gc_find(g, b->t[i].no);
	}
	return 0;
}

/* The size that live records take now; false when one cannot be found. */
static bool live_size(struct pack_in *in, const struct set *live, uint64_t *ret)
{
	uint64_t sum = 0;
	struct record r;
	struct err e;
	for (size_t i = 0; i < live->n; i++) {
		if (pack_in_peek(in, live->v[i], &r, &e) < 0)
			return false;
		sum += record_size(&r);
	}
	*ret = sum;
	return true;
}

/* Compressed content, or the content itself when that does not save a tenth. */
static slice squeeze(slice content, struct buf *out, bool *ret_squeezed)
{
	*ret_squeezed = false;
	if (content.n < COMPRESS_MIN)
		return content;
	size_t bound = ZSTD_compressBound(content.n);
	out->limit = 2 * RECORD_STORED_MAX;
	buf_reset(out);
	size_t n = ZSTD_compress(buf_room(out, bound), bound, content.p, content.n, ZSTD_LEVEL);
	if (ZSTD_isError(n) || n > content.n - content.n / 10)
		return content;
	buf_commit(out, n);
	*ret_squeezed = true;
	return buf_slice(out);
}

static bool compresses_well(struct pack_in *in, const struct set *live)
{
	AUTO(pack_record) struct pack_record rec = {0};
	AUTO(buf) struct buf out = BUF(0);
	uint64_t before = 0, after = 0;
	size_t step = live->n / SAMPLES + 1;
	struct err e;
	bool squeezed;
	for (size_t i = 0; i < live->n; i += step) {
		if (pack_in_read(in, live->v[i], 0, &rec, &e) < 0)
			return false;
		before += rec.content.n;
		after += squeeze(rec.content, &out, &squeezed).n;
	}
	return after * 100 < before * 85;
}

/* The new file in the making. */
struct rewriting {
	int fd;
	uint64_t at; /* in the file, of what `out` begins with */
	struct buf out, map, squeezed;
	uint32_t map_n;
	struct pack_head head;
	struct pack_key key;
	instant since; /* at work, without a rest */
	bool convert; /* what was not compressed stays so */
};

/* Half of the time is left to mail; more while the machine is busy, as the work takes longer then. */
static void rest(struct rewriting *w)
{
	int64_t worked = instant_now() - w->since;
	usleep((useconds_t)(worked < REST_MAX ? worked : REST_MAX));
	w->since = instant_now();
}

static int flush(struct rewriting *w, struct err *e)
{
	for (slice s = buf_slice(&w->out); s.n;) {
		ssize_t n = pwrite(w->fd, s.p, s.n, (off_t)w->at);
		if (n < 0 && errno != EINTR)
			return err_sys(e, errno, "rewriting pack %u", w->head.no);
		s = slice_skip(s, n > 0 ? (size_t)n : 0);
		w->at += n > 0 ? (uint64_t)n : 0;
	}
	buf_reset(&w->out);
	return 0;
}

static int copy_record(struct rewriting *w, const struct pack_record *rec, struct err *e)
{
	struct record r = rec->head;
	bool squeezed = false, as_it_was = w->convert && !(r.flags & RECORD_ZSTD);
	slice content = as_it_was ? rec->content : squeeze(rec->content, &w->squeezed, &squeezed);
	r.flags = squeezed ? RECORD_ZSTD : 0;
	uint64_t size = record_fit(&w->key, &r, rec->digest, content);
	buf_u32(&w->map, (uint32_t)(r.offset / PACK_ALIGN));
	buf_u32(&w->map, (uint32_t)((w->at + w->out.n) / PACK_ALIGN));
	w->map_n++;
	char *room = buf_room(&w->out, size);
	must(room);
	record_build(&w->key, w->head.salt, &r, rec->digest, content, room);
	buf_commit(&w->out, size);
	if (w->out.n <= OUT_BUFFER)
		return 0;
	if (flush(w, e) < 0)
		return -1;
	rest(w);
	return 0;
}

static int copy_live(struct rewriting *w, struct pack_in *in, const struct set *live, struct err *e)
{
	AUTO(pack_record) struct pack_record rec = {0};
	for (size_t i = 0; i < live->n; i++)
		if (pack_in_read(in, live->v[i], 0, &rec, e) < 0 || copy_record(w, &rec, e) < 0)
			return -1;
	return flush(w, e);
}

static int write_front(struct rewriting *w, const struct set *links, struct err *e)
{
	char head[PACK_HEAD_SIZE], link[8];
	pack_head_put(&w->head, head);
	buf_put(&w->out, slice_of(head, sizeof head));
	buf_fill(&w->out, 0, PACK_HEAD_COPY_AT - w->out.n);
	buf_put(&w->out, slice_of(head, sizeof head));
	buf_fill(&w->out, 0, PACK_LINKS_AT - w->out.n);
	for (size_t i = 0; i < links->n; i++) {
		pack_link_put(w->head.salt, (uint32_t)links->v[i], link);
		buf_put(&w->out, slice_of(link, sizeof link));
	}
	w->at = 0;
	return flush(w, e);
}

static int write_file(
	struct rewriting *w, struct pack_in *in, const struct target *t, struct err *e)
{
	w->at = PACK_RECORDS_AT;
	if (copy_live(w, in, &t->live, e) < 0)
		return -1;
	w->head.map_at = w->at;
	w->head.map_n = w->map_n;
	buf_u32(&w->map, crc32c(0, buf_slice(&w->map)));
	must(buf_ok(&w->map) && buf_ok(&w->out));
	buf_put(&w->out, buf_slice(&w->map));
	if (flush(w, e) < 0 || write_front(w, &t->links, e) < 0)
		return -1;
	return fsync(w->fd) < 0 ? err_sys(e, errno, "rewriting pack %u", w->head.no) : 0;
}

static int replace(struct store_gc *g, struct pack_in *in, const struct target *t,
	uint64_t *ret_size, struct err *e)
{
	char name[PACK_NAME_MAX], fresh[PACK_NAME_MAX];
	pack_name(t->no, name);
	snprintf(fresh, sizeof fresh, "%s.new", name);
	AUTO(fd) int fd = openat(g->packs_dir, fresh, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	if (fd < 0)
		return err_sys(e, errno, "%s", fresh);
	struct rewriting w = {.fd = fd, .head = in->head, .since = instant_now(), .convert = g->convert};
	w.out = BUF(2 * OUT_BUFFER + 2 * RECORD_STORED_MAX);
	w.map = BUF(BLOB_PACK_MAX);
	pack_key_new(&w.head, &w.key);
	int r = write_file(&w, in, t, e);
	if (r == 0 &&
		(renameat(g->packs_dir, fresh, g->packs_dir, name) < 0 || fsync(g->packs_dir) < 0))
		r = err_sys(e, errno, "%s", fresh);
	if (r < 0)
		unlinkat(g->packs_dir, fresh, 0);
	struct stat st;
	*ret_size = fstat(fd, &st) == 0 ? (uint64_t)st.st_blocks * 512 : 0;
	buf_done(&w.out);
	buf_done(&w.map);
	buf_done(&w.squeezed);
	pack_key_done(&w.key);
	return r;
}

int gc_salvage(
	struct store_gc *g, struct gc_pack *p, const uint64_t *offsets, size_t n, struct err *e)
{
	struct pack_in *in;
	if (gc_read_links(g, p, e) < 0 || pack_in_open(g->packs_dir, p->no, &in, e) < 0)
		return -1;
	struct target t = {.pack = p, .no = p->no};
	for (size_t i = 0; i < n; i++)
		set_add(&t.live, offsets[i]);
	for (unsigned i = 0; i < p->nlinks; i++)
		set_add(&t.links, p->links[i]);
	set_sort(&t.live);
	uint64_t size;
	int r = replace(g, in, &t, &size, e);
	pack_in_close(in);
	free(t.live.v);
	free(t.links.v);
	return r;
}

static bool worth_it(const struct store_gc *g, const struct target *t, struct pack_in *in)
{
	uint64_t live, size = t->pack->size;
	if (g->convert)
		return !t->unsure;
	if (t->unsure || !live_size(in, &t->live, &live))
		return false;
	if (live + SMALLEST < size && live * 2 < size)
		return true;
	bool cold = t->pack->changed_at < wall_now() - COLD_AGE && !in->head.map_at;
	return cold && live > 2 * SMALLEST && compresses_well(in, &t->live);
}

/* 1 done, 0 not worth it or not possible, -1 the disk. */
static int rewrite_one(
	struct store_gc *g, const struct target *t, uint64_t *ret_freed, struct err *e)
{
	struct pack_in *in;
	if (pack_in_open(g->packs_dir, t->no, &in, e) < 0)
		return 0;
	uint64_t size = 0;
	int r = 0;
	if (t->links.n <= PACK_LINKS_MAX && !pack_key_missing(&in->key) && worth_it(g, t, in))
		r = replace(g, in, t, &size, e) == 0 ? 1 : e->kind == ERR_PERM ? 0 : -1;
	pack_in_close(in);
	struct err ignored; /* what the index says is checked before it is believed */
	if (r == 1 && g->sharing)
		segments_keep(g->segments, t->no, t->live.v, t->live.n, &ignored);
	if (r == 1)
		*ret_freed = t->pack->size > size ? t->pack->size - size : 0;
	return r;
}

static void count_converted(struct gc_convert *x, bool done, uint64_t bytes)
{
	x->result.done += done;
	x->result.left += !done;
	x->result.bytes += done ? bytes : 0;
}

static bool goes_on(const struct gc_convert *x)
{
	return !x || !x->go_on || x->go_on(x->arg, x->result.done + x->result.left, x->all);
}

static int rewrite_batch(struct batch *b, struct store_gc_result *result, struct err *e)
{
	int r = b->n ? mark_batch(b, e) : 0;
	for (size_t i = 0; i < b->n; i++) {
		struct target *t = &b->t[i];
		uint64_t freed;
		int one = r == 0 ? rewrite_one(b->g, t, &freed, e) : 0;
		if (one > 0) {
			result->packs_rewritten++;
			result->bytes_freed += freed;
		}
		if (b->g->convert)
			count_converted(b->g->convert, one > 0, t->pack ? t->pack->size : 0);
		if (r == 0 && one >= 0 && !goes_on(b->g->convert))
			r = err_set(e, ERR_CLOSED, "the conversion was ended");
		if (one < 0)
			r = -1;
		gc_unlock(gc_find(b->g, t->no));
		free(t->live.v);
		free(t->links.v);
	}
	b->n = 0;
	return r;
}

/* Is the pack of another state than what is written now? */
static bool is_other(struct store_gc *g, uint32_t no)
{
	struct pack_in *in;
	struct err e;
	if (pack_in_open(g->packs_dir, no, &in, &e) < 0)
		return e.kind != ERR_NOTFOUND; /* damaged: one that is left */
	bool other = in->head.crypt_no != crypt_now();
	pack_in_close(in);
	return other;
}

static bool wants_rewriting(struct store_gc *g, const struct gc_pack *p)
{
	if (g->convert)
		return is_other(g, p->no);
	return p->size > SMALLEST && p->changed_at <= wall_now() - gc_rest_age;
}

static void count_others(struct store_gc *g)
{
	for (size_t i = 0; g->convert && i < g->npacks; i++)
		g->convert->all += is_other(g, g->packs[i].no);
}

int gc_rewrite_all(struct store_gc *g, struct store_gc_result *result, struct err *e)
{
	if (gc_list_packs(g, e) < 0)
		return -1;
	AUTO(free) struct batch *b = NEW(struct batch);
	b->g = g;
	size_t most = g->convert ? CONVERT_BATCH : BATCH;
	uint32_t last = 0;
	count_others(g);
	for (size_t i = 0; i < g->npacks;
		i++) { /* the list grows while we go: continue by number */
		struct gc_pack *p = &g->packs[i];
		if (p->no <= last)
			continue;
		last = p->no;
		if (!wants_rewriting(g, p))
			continue;
		if (!gc_lock(g, p)) {
			if (g->convert)
				count_converted(g->convert, false, 0);
			continue;
		}
		b->t[b->n++] = (struct target){.no = p->no};
		if (b->n == most && rewrite_batch(b, result, e) < 0)
			return -1;
	}
	return rewrite_batch(b, result, e);
}
