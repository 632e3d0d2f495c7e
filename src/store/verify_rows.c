/* Verify, the references: every message that a row refers to opens, has its pieces and its size. */
#include "store/verify.h"

#include "base/mem.h"

#include <inttypes.h>

/* Notes that `until` bytes of the pack are referred to. */
static void need(struct verify *v, blob_id id, uint64_t size)
{
	struct gc_pack *p = gc_find(v->g, blob_pack(id));
	uint64_t until = blob_offset(id) + size;
	if (p && until > v->needed[p - v->g->packs])
		v->needed[p - v->g->packs] = until;
}

static int peek(struct verify *v, blob_id id, struct record *ret, struct err *e)
{
	struct pack_in *p;
	if (pack_cache_get(&v->g->cache, blob_pack(id), &p, e) < 0)
		return -1;
	int r = pack_in_peek(p, blob_offset(id), ret, e);
	pack_cache_put(&v->g->cache, p);
	if (r == 0)
		need(v, id, record_size(ret));
	return r;
}

static bool is_linked(struct verify *v, uint32_t from, uint32_t to)
{
	struct gc_pack *p = gc_find(v->g, from);
	struct err e;
	if (!p || from == to || gc_read_links(v->g, p, &e) < 0)
		return true; /* said elsewhere */
	for (unsigned i = 0; i < p->nlinks; i++)
		if (p->links[i] == to)
			return true;
	return false;
}

/* Reads the message's record and finds all its pieces. ERR_DENIED: it is encrypted and the key is missing. */
static int open_message(struct verify *v, blob_id id, uint64_t *ret_size, struct err *e)
{
	struct pack_in *p;
	AUTO(pack_record) struct pack_record rec = {0};
	struct piece_list list;
	need(v, id, 1);
	if (pack_cache_get(&v->g->cache, blob_pack(id), &p, e) < 0)
		return -1;
	bool locked = pack_key_missing(&p->key);
	int r = pack_in_read(p, blob_offset(id), 0, &rec, e);
	pack_cache_put(&v->g->cache, p);
	if (r < 0 && locked && e->kind == ERR_TEMP)
		return peek(v, id, &rec.head, e) < 0 ? -1
						     : err_set(e, ERR_DENIED, "encrypted: the key is missing");
	if (r < 0)
		return -1;
	if (rec.head.type != RECORD_MESSAGE || !piece_list_parse(rec.content, &list))
		return err_set(e, ERR_PERM, "no message there");
	need(v, id, record_size(&rec.head));
	*ret_size = list.size;
	struct piece piece;
	while (piece_next(&list, &piece)) {
		struct record seg;
		if (piece.kind != PIECE_REF)
			continue;
		if (peek(v, piece.ref, &seg, e) < 0)
			return -1;
		if (seg.type == RECORD_MESSAGE || seg.raw != piece.n)
			return err_set(e, ERR_PERM, "a segment has the wrong size");
		if (verify_ids_has(&v->damaged,
			    blob_id_make(blob_pack(piece.ref), blob_offset(piece.ref), 0)))
			return err_set(e, ERR_PERM, "a segment is damaged");
		if (v->again || is_linked(v, blob_pack(id), blob_pack(piece.ref)))
			continue;
		struct gc_pack *q = gc_find(v->g, blob_pack(id));
		bool mended = v->repair && repair_link(v, q, blob_pack(piece.ref));
		verify_report(v, "pack-link", mended,
			"pack %u uses segments of pack %u and does not say so", q->no,
			blob_pack(piece.ref));
	}
	return 0;
}

struct sizes {
	struct verify *v;
	uint64_t want;
};

static int compare_size(void *arg, int db, blob_id id, uint64_t size, struct err *e)
{
	struct sizes *s = arg;
	(void)e;
	if (size != s->want && !s->v->again)
		verify_report(s->v, "size-wrong",
			s->v->repair && repair_size(s->v, db, id, s->want),
			"%s: the row says %" PRIu64 " bytes, the message at pack %u offset %" PRIu64
			" has %" PRIu64,
			refs_table(db), size, blob_pack(id), blob_offset(id), s->want);
	return 0;
}

static int still_there(void *arg, int db, blob_id id, uint64_t size, struct err *e)
{
	(void)id;
	(void)size;
	(void)e;
	*(int *)arg = db;
	return 0;
}

static int one_message(struct verify *v, blob_id id, struct err *e)
{
	struct sizes s = {.v = v};
	struct err why;
	if (open_message(v, id, &s.want, &why) == 0)
		return refs_each(&v->g->refs, id, id + 1, compare_size, &s, e);
	if (why.kind == ERR_TEMP) {
		*e = why;
		return -1;
	}
	if (why.kind == ERR_DENIED) /* said of its pack */
		return 0;
	int db = -1; /* the row may have gone meanwhile, and the message with it */
	if (refs_each(&v->g->refs, id, id + 1, still_there, &db, e) < 0)
		return -1;
	if (db < 0 || (v->again && verify_ids_has(&v->told, id)))
		return 0;
	if (!v->again)
		verify_ids_add(&v->told, id);
	verify_report(v, why.kind == ERR_NOTFOUND ? "blob-missing" : "blob-damaged",
		v->repair && repair_message(v, id), "%s: message at pack %u offset %" PRIu64 ": %s",
		refs_table(db), blob_pack(id), blob_offset(id), why.text);
	return 0;
}

/* One message at a time, so that no read transaction stays open and the log can be folded. */
int verify_messages(struct verify *v, struct err *e)
{
	blob_id id = 0;
	int r;
	while ((r = refs_next(&v->g->refs, id, &id, e)) == 1) {
		if (one_message(v, id, e) < 0)
			return -1;
		id++;
	}
	return r;
}

int verify_again(struct verify *v, struct err *e)
{
	v->again = true;
	return v->damaged.n ? verify_messages(v, e) : 0;
}
