/*
 * Reading messages back (blob.h), piece by piece. Thread-safe: a reader belongs to one thread at a
 * time, the cache of open packs is shared.
 */
#include "store/blob_int.h"

#include "base/mem.h"

struct blob_reader {
	struct blobs *b;
	struct pack_record message, segment;
	struct piece_list list;
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
	if (blobs_read_list(b, id, &r->message, &r->list, e) < 0) {
		blob_close(r);
		return -1;
	}
	*ret = r;
	return 0;
}

int blob_next(struct blob_reader *r, slice *ret, struct err *e)
{
	struct piece p;
	if (!piece_next(&r->list, &p))
		return 0;
	if (p.kind == PIECE_INLINE) {
		*ret = p.bytes;
		return 1;
	}
	if (read_record(r->b, p.ref, p.n, &r->segment, e) < 0) {
		if (e->kind == ERR_NOTFOUND) /* the message is there and lacks a part */
			e->kind = ERR_PERM;
		return -1;
	}
	if (r->segment.head.type == RECORD_MESSAGE || r->segment.content.n != p.n)
		return err_set(e, ERR_PERM, "pack %u holds no segment of %u bytes at %llu",
			blob_pack(p.ref), p.n, (unsigned long long)blob_offset(p.ref));
	*ret = r->segment.content;
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
