/*
 * Reading messages back (blob.h), piece by piece. Thread-safe: a reader belongs to one thread at a
 * time, the cache of open packs is shared.
 */
#include "store/blob_int.h"

#include "base/mem.h"

struct blob_reader {
	struct blobs *b;
	struct pack_record message, segment;
	struct piece_list all, list; /* the whole, and from the next piece on */
	uint64_t at; /* where the next piece begins */
	struct piece piece; /* the next one, when it was looked at already */
	bool looked;
	uint32_t skip; /* so much of it was jumped over */
	uint64_t segment_at; /* what is in `segment`; UINT64_MAX: nothing */
	bool at_hand;
};

/* A message of this process may be read before it was written. */
static int written(struct blobs *b, blob_id id, struct err *e)
{
	pthread_mutex_lock(&b->lock);
	const struct pack_out *p = b->active;
	bool pending = p && p->no == blob_pack(id) && blob_offset(id) >= p->end - p->pending.n;
	pthread_mutex_unlock(&b->lock);
	return pending ? blobs_flush(b, false, e) : 0;
}

static int read_record(
	struct blobs *b, blob_id id, uint32_t hint, struct pack_record *ret, struct err *e)
{
	struct pack_in *p;
	if (pack_cache_get(&b->cache, blob_pack(id), &p, e) < 0)
		return -1;
	int r = pack_in_read(p, blob_offset(id), hint, ret, e);
	pack_cache_put(&b->cache, p);
	return r;
}

int blobs_read_list(
	struct blobs *b, blob_id id, struct pack_record *rec, struct piece_list *ret, struct err *e)
{
	if (written(b, id, e) < 0 || read_record(b, id, 0, rec, e) < 0)
		return -1;
	if (rec->head.type != RECORD_MESSAGE || !piece_list_parse(rec->content, ret))
		return err_set(e, ERR_PERM, "pack %u holds no message at %llu", blob_pack(id),
			(unsigned long long)blob_offset(id));
	return 0;
}

int blob_open(struct blobs *b, blob_id id, struct blob_reader **ret, struct err *e)
{
	struct blob_reader *r = NEW(struct blob_reader);
	r->b = b;
	r->segment_at = UINT64_MAX;
	if (blobs_read_list(b, id, &r->message, &r->all, e) < 0) {
		blob_close(r);
		return -1;
	}
	r->list = r->all;
	r->at_hand = !(id & BLOB_HAS_REFS);
	*ret = r;
	return 0;
}

uint64_t blob_size(const struct blob_reader *r)
{
	return r->all.size;
}

bool blob_at_hand(const struct blob_reader *r)
{
	return r->at_hand;
}

static bool look(struct blob_reader *r)
{
	if (!r->looked)
		r->looked = piece_next(&r->list, &r->piece);
	return r->looked;
}

void blob_seek(struct blob_reader *r, uint64_t to)
{
	if (to < r->at) {
		r->list = r->all;
		r->at = 0;
		r->looked = false;
	}
	r->skip = 0;
	while (look(r) && to - r->at >= r->piece.n) {
		r->at += r->piece.n;
		r->looked = false;
	}
	if (r->looked)
		r->skip = (uint32_t)(to - r->at);
}

static int read_segment(struct blob_reader *r, const struct piece *p, struct err *e)
{
	if (r->segment_at == r->at)
		return 0;
	r->segment_at = UINT64_MAX;
	if (read_record(r->b, p->ref, p->n, &r->segment, e) < 0) {
		if (e->kind == ERR_NOTFOUND) /* the message is there and lacks a part */
			e->kind = ERR_PERM;
		return -1;
	}
	if (r->segment.head.type == RECORD_MESSAGE || r->segment.content.n != p->n)
		return err_set(e, ERR_PERM, "pack %u holds no segment of %u bytes at %llu",
			blob_pack(p->ref), p->n, (unsigned long long)blob_offset(p->ref));
	r->segment_at = r->at;
	return 0;
}

int blob_next(struct blob_reader *r, slice *ret, struct err *e)
{
	if (!look(r))
		return 0;
	const struct piece *p = &r->piece;
	if (p->kind != PIECE_INLINE && read_segment(r, p, e) < 0)
		return -1;
	*ret = slice_skip(p->kind == PIECE_INLINE ? p->bytes : r->segment.content, r->skip);
	r->skip = 0;
	r->at += p->n;
	r->looked = false;
	return 1;
}

void blob_close(struct blob_reader *r)
{
	if (!r)
		return;
	pack_record_done(&r->message);
	pack_record_done(&r->segment);
	free(r);
}

int blob_read(struct blobs *b, blob_id id, struct buf *out, struct err *e)
{
	struct blob_reader *r;
	if (blob_open(b, id, &r, e) < 0)
		return -1;
	slice s;
	int more;
	while ((more = blob_next(r, &s, e)) > 0)
		buf_put(out, s);
	blob_close(r);
	if (more == 0 && !buf_ok(out))
		return err_set(
			e, ERR_LIMIT, "message is larger than the limit of %zu bytes", out->limit);
	return more;
}
