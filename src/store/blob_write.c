/*
 * Taking a message in (blob.h). All bytes go into `rec`, the message's own record in the making: a
 * list of pieces whose last one is open. When content that could be an attachment turns out large,
 * it is taken out of `rec` again, becomes a segment, and a reference stays. Other bytes that grow
 * too large become chunks, which are like segments that nobody else can find.
 *
 * A small message touches neither SHA-256 nor the index: it is copied twice and that is all.
 */
#include "store/blob_int.h"

#include "base/mem.h"
#include "base/must.h"
#include "codec/mime_cut.h"
#include "run/pool.h"

enum { REC_MAX = 3 * BLOB_SEGMENT_MAX, PACKS_MAX = 400, NO_PIECE = 0 };

struct blob_writer {
	struct blobs *b;
	struct mime_cut cut;
	struct buf rec;
	size_t piece_at; /* head of the open inline piece, NO_PIECE when none is open */
	size_t run_at; /* where the bytes since the last cut begin */
	bool in_content; /* they are content of a part */
	uint64_t size, epoch;
	uint32_t pieces;
	struct packs packs; /* that this message refers to: held */
};

struct blob_writer *blob_begin(struct blobs *b)
{
	struct blob_writer *w = NEW(struct blob_writer);
	w->b = b;
	w->rec = BUF(REC_MAX);
	buf_fill(&w->rec, 0, LIST_HEAD_SIZE);
	w->run_at = w->rec.n;
	pthread_mutex_lock(&b->lock);
	w->epoch = b->epoch;
	pthread_mutex_unlock(&b->lock);
	return w;
}

static void free_writer(struct blob_writer *w)
{
	buf_done(&w->rec);
	free(w->packs.no);
	free(w);
}

void blob_cancel(struct blob_writer *w)
{
	if (!w)
		return;
	pthread_mutex_lock(&w->b->lock);
	for (size_t i = 0; i < w->packs.n; i++)
		hold_drop(&w->b->holds, w->packs.no[i]);
	pthread_mutex_unlock(&w->b->lock);
	free_writer(w);
}

static bool packs_has(const struct packs *p, uint32_t no)
{
	for (size_t i = 0; i < p->n; i++)
		if (p->no[i] == no)
			return true;
	return false;
}

/* With the lock held: the pack stays until the message is settled. */
static int refer_to(struct blob_writer *w, uint32_t no, struct err *e)
{
	if (packs_has(&w->packs, no))
		return 0;
	if (w->packs.n == PACKS_MAX)
		return err_set(e, ERR_LIMIT, "message refers to too many packs");
	if (hold_take(&w->b->holds, no, e) < 0)
		return -1;
	if (!w->packs.no)
		w->packs.no = mem_alloc(PACKS_MAX * sizeof *w->packs.no);
	w->packs.no[w->packs.n++] = no;
	return 0;
}

struct disk_job {
	struct blobs *b;
	bool rotate;
	uint32_t full;
	int r;
	struct err *e;
};

static void run_disk_job(void *arg)
{
	struct disk_job *j = arg;
	j->r = j->rotate ? blobs_rotate(j->b, j->full, j->e) : blobs_flush(j->b, false, j->e);
}

/* Runs the job in the pool; while another one runs, waits for that instead: the caller looks again
 * whether the work is still needed. */
static int at_disk(struct disk_job *j)
{
	struct blobs *b = j->b;
	if (!co_self()) {
		run_disk_job(j);
		return j->r;
	}
	if (b->disk_busy)
		return cond_wait(&b->room, INSTANT_NEVER, j->e);
	b->disk_busy = true;
	pool_call(run_disk_job, j);
	b->disk_busy = false;
	cond_wake_all(&b->room);
	return j->r;
}

struct record_in {
	enum record_type type;
	slice digest, content;
};

/* With the lock held: 1 done, 0 needs another pack, -1. */
static int try_append(struct blob_writer *w, const struct record_in *r, blob_id *ret, struct err *e)
{
	struct blobs *b = w->b;
	if (w->packs.n && w->epoch != b->epoch)
		return err_set(
			e, ERR_TEMP, "blob store: the disk failed while the message was received");
	struct pack_out *p = b->active;
	if (!p)
		return 0;
	for (size_t i = 0; r->type == RECORD_MESSAGE && i < w->packs.n; i++)
		if (!pack_out_link(p, w->packs.no[i]))
			return 0;
	uint64_t offset;
	if (!pack_out_append(p, r->type, r->digest, r->content, &offset))
		return 0;
	bool refs = r->type == RECORD_MESSAGE && w->packs.n;
	*ret = blob_id_make(p->no, offset, refs ? BLOB_HAS_REFS : 0);
	if (r->type == RECORD_MESSAGE)
		return hold_take(&b->holds, p->no, e) < 0 ? -1 : 1;
	return refer_to(w, p->no, e) < 0 ? -1 : 1;
}

static int append(struct blob_writer *w, const struct record_in *r, blob_id *ret, struct err *e)
{
	struct blobs *b = w->b;
	for (;;) {
		pthread_mutex_lock(&b->lock);
		int done = try_append(w, r, ret, e);
		uint32_t no = b->active ? b->active->no : 0;
		bool much = b->active && b->active->pending.n > BLOB_UNWRITTEN_MAX;
		pthread_mutex_unlock(&b->lock);
		if (done < 0)
			return -1;
		struct disk_job j = {.b = b, .rotate = !done, .full = no, .e = e};
		if (done && !much)
			return 0;
		int disk = at_disk(&j);
		if (done) /* if the disk failed, the epoch or blobs_lost() will tell */
			return 0;
		if (disk < 0)
			return err_wrap(e, "blob store");
	}
}

static uint32_t open_length(const struct blob_writer *w)
{
	return w->piece_at == NO_PIECE ? 0 : (uint32_t)(w->rec.n - w->piece_at - PIECE_HEAD_SIZE);
}

static void close_piece(struct blob_writer *w)
{
	if (w->piece_at == NO_PIECE)
		return;
	uint32_t n = open_length(w);
	if (n) {
		for (int i = 0; i < 4; i++)
			w->rec.p[w->piece_at + 1 + (size_t)i] = (char)(n >> (24 - 8 * i));
		w->pieces++;
	} else {
		w->rec.n = w->piece_at;
	}
	w->piece_at = NO_PIECE;
}

static void put_ref(struct blob_writer *w, blob_id id, uint32_t n)
{
	close_piece(w);
	buf_u8(&w->rec, PIECE_REF);
	buf_u32(&w->rec, n);
	buf_u64(&w->rec, id);
	w->pieces++;
	w->run_at = w->rec.n;
}

struct share_job {
	struct blob_writer *w;
	slice bytes;
	char digest[DIGEST_SIZE];
	blob_id found;
};

/* With the lock held: a segment of this process that is not in the index yet. */
static blob_id find_fresh(struct blob_writer *w, slice digest, uint32_t size)
{
	const struct segment *s = map_get(&w->b->fresh, digest);
	struct err e;
	if (!s || s->size != size || refer_to(w, blob_pack(s->id), &e) < 0)
		return 0;
	return s->id;
}

/* Reads it all: were it damaged since, every new message would share the damage. */
static bool is_there(struct blobs *b, blob_id id, slice bytes)
{
	AUTO(pack_record) struct pack_record r = {0};
	struct pack_in *p;
	struct err e;
	if (pack_cache_get(&b->cache, blob_pack(id), &p, &e) < 0)
		return false;
	bool same = pack_in_read(p, blob_offset(id), (uint32_t)bytes.n, &r, &e) == 0 &&
		    r.head.type == RECORD_SEGMENT && slice_eq(r.content, bytes);
	pack_cache_put(&b->cache, p);
	return same;
}

/* In the pool: hashes, and finds the same bytes in the store. */
static void share(void *arg)
{
	struct share_job *j = arg;
	struct blobs *b = j->w->b;
	uint32_t size = (uint32_t)j->bytes.n;
	segment_digest(j->bytes, j->digest);
	slice digest = slice_of(j->digest, DIGEST_SIZE);
	pthread_mutex_lock(&b->lock);
	j->found = find_fresh(j->w, digest, size);
	pthread_mutex_unlock(&b->lock);
	struct err e;
	blob_id id;
	if (j->found || segments_find(b->segments, digest, size, &id, &e) != 1)
		return;
	pthread_mutex_lock(&b->lock);
	bool held = refer_to(j->w, blob_pack(id), &e) == 0;
	pthread_mutex_unlock(&b->lock);
	if (held && is_there(b, id, j->bytes))
		j->found = id;
}

static void remember_fresh(struct blobs *b, const struct share_job *j, blob_id id)
{
	struct segment *s = NEW(struct segment);
	memcpy(s->digest, j->digest, DIGEST_SIZE);
	s->id = id;
	s->size = (uint32_t)j->bytes.n;
	pthread_mutex_lock(&b->lock);
	s->next = b->unsynced;
	b->unsynced = s;
	map_put(&b->fresh, slice_of(s->digest, DIGEST_SIZE), s);
	pthread_mutex_unlock(&b->lock);
}

/* The bytes since the last cut become a segment. */
static int make_segment(struct blob_writer *w, struct err *e)
{
	struct share_job j = {.w = w, .bytes = slice_skip(buf_slice(&w->rec), w->run_at)};
	pool_call(share, &j);
	blob_id id = j.found;
	if (!id) {
		struct record_in r = {RECORD_SEGMENT, slice_of(j.digest, DIGEST_SIZE), j.bytes};
		if (append(w, &r, &id, e) < 0)
			return -1;
		remember_fresh(w->b, &j, id);
	}
	w->rec.n = w->run_at;
	put_ref(w, id, (uint32_t)j.bytes.n);
	return 0;
}

/* The open piece becomes chunks. */
static int make_chunks(struct blob_writer *w, struct err *e)
{
	size_t head = w->piece_at, n = open_length(w);
	blob_id ids[4];
	size_t nids = 0;
	for (slice rest = slice_of(w->rec.p + head + PIECE_HEAD_SIZE, n); rest.n; nids++) {
		must(nids < sizeof ids / sizeof *ids);
		struct record_in r = {RECORD_CHUNK, {0}, slice_first(rest, BLOB_SEGMENT_MAX)};
		if (append(w, &r, &ids[nids], e) < 0)
			return -1;
		rest = slice_skip(rest, r.content.n);
	}
	w->rec.n = head;
	w->piece_at = NO_PIECE;
	for (size_t i = 0; i < nids; i++, n -= BLOB_SEGMENT_MAX)
		put_ref(w, ids[i], (uint32_t)(n < BLOB_SEGMENT_MAX ? n : BLOB_SEGMENT_MAX));
	return 0;
}

/* A cut, or as much as may gather. */
static int end_run(struct blob_writer *w, struct err *e)
{
	if (w->in_content && w->rec.n - w->run_at >= BLOB_SEGMENT_MIN)
		return make_segment(w, e);
	uint32_t open = open_length(w);
	bool large = w->rec.n > BLOB_SEGMENT_MAX && open >= BLOB_SEGMENT_MIN;
	if ((large || (w->rec.n > 2 * BLOB_SEGMENT_MAX && open)) && make_chunks(w, e) < 0)
		return -1;
	w->run_at = w->rec.n;
	return 0;
}

static int add_bytes(struct blob_writer *w, slice s, struct err *e)
{
	while (s.n) {
		size_t room = BLOB_SEGMENT_MAX - (w->rec.n - w->run_at);
		if (w->piece_at == NO_PIECE) {
			w->piece_at = w->rec.n;
			buf_fill(&w->rec, 0,
				PIECE_HEAD_SIZE); /* PIECE_INLINE, and its length later */
			w->run_at = w->rec.n;
			room = BLOB_SEGMENT_MAX;
		}
		slice part = slice_first(s, room);
		buf_put(&w->rec, part);
		if (!buf_ok(&w->rec))
			return err_set(e, ERR_LIMIT, "message has too many parts to store");
		s = slice_skip(s, part.n);
		if (part.n == room && end_run(w, e) < 0)
			return -1;
	}
	return 0;
}

int blob_add(struct blob_writer *w, slice bytes, struct err *e)
{
	w->size += bytes.n;
	slice part;
	enum mime_event ev;
	while ((ev = mime_cut_next(&w->cut, &bytes, &part)) != MIME_MORE) {
		if (ev == MIME_BYTES) {
			if (add_bytes(w, part, e) < 0)
				return -1;
			continue;
		}
		if (end_run(w, e) < 0)
			return -1;
		w->in_content = ev == MIME_CONTENT;
	}
	return 0;
}

static void put_list_head(struct blob_writer *w)
{
	struct buf head = BUF(LIST_HEAD_SIZE);
	buf_u64(&head, w->size);
	buf_u32(&head, w->pieces);
	memcpy(w->rec.p, head.p, LIST_HEAD_SIZE);
	buf_done(&head);
}

static int finish(struct blob_writer *w, blob_id *ret, struct err *e)
{
	if (add_bytes(w, mime_cut_end(&w->cut), e) < 0 || end_run(w, e) < 0)
		return -1;
	close_piece(w);
	put_list_head(w);
	struct record_in r = {RECORD_MESSAGE, {0}, buf_slice(&w->rec)};
	return append(w, &r, ret, e);
}

int blob_finish(struct blob_writer *w, blob_id *ret, uint64_t *ret_size, struct err *e)
{
	blob_id id;
	if (finish(w, &id, e) < 0) {
		blob_cancel(w);
		return -1;
	}
	*ret = id;
	*ret_size = w->size;
	if (id & BLOB_HAS_REFS) {
		pthread_mutex_lock(&w->b->lock);
		blobs_hold_more(w->b, id, &w->packs);
		pthread_mutex_unlock(&w->b->lock);
	}
	blob_cancel(w);
	return 0;
}
