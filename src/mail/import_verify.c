/*
 * Is what came all here (import.h)? By SHA-256 of the bytes that came and of the bytes that are stored now. And the lines of the report.
 */
#include "base/mem.h"
#include "mail/import_impl.h"

/* ---- lines of the report ---- */

struct noting {
	int64_t source_id;
	struct moved_refused r;
};

static int note_tx(struct sql *db, void *arg, struct err *e)
{
	const struct noting *n = arg;
	return moved_refuse_tx(db, n->source_id, &n->r, e);
}

int import_note(struct importing *i, slice key, const char *why, struct err *e)
{
	struct noting n = {
		i->source_id, {i->box.name, key, slice_first(slice_z(why), IMPORT_WHY_MAX)}};
	if (i->refused_lines >= IMPORT_REFUSED_MAX || !i->source_id)
		return 0;
	i->refused_lines++;
	return box_change_light(i->b, i->u->account, note_tx, &n, e);
}

struct reading {
	const struct importing *i;
	int64_t after;
	struct arena mem;
	struct moved_refused *v;
	size_t n;
};

static int refused_job(struct sql *db, void *arg, struct err *e)
{
	struct reading *r = arg;
	return moved_refused_list(db, r->i->source_id, &r->after, 500, &r->mem, &r->v, &r->n, e);
}

int import_refused(struct importing *i, bool (*fn)(void *arg, slice box, slice key, slice why),
	void *arg, struct err *e)
{
	struct reading r = {.i = i};
	int result = 0;
	if (!i->source_id)
		return 0;
	do {
		arena_reset(&r.mem);
		result = box_read_of(i->b, i->u->account, refused_job, &r, e);
		for (size_t k = 0; result == 0 && k < r.n; k++)
			if (!fn(arg, r.v[k].box, r.v[k].key, r.v[k].why))
				result = 1;
	} while (result == 0 && r.n == 500);
	arena_done(&r.mem);
	return result < 0 ? -1 : 0;
}

void import_report(const struct importing *i, struct import_report *ret)
{
	*ret = i->r;
}

/* ---- what is here ---- */

struct hashing {
	const struct importing *i;
	const struct moved_key *k; /* by box, epoch, key */
	unsigned char *hash;
	struct arena mem;
	struct mailbox_message m;
	bool here;
	int64_t since; /* it went another way then */
	struct err *e;
	int result;
};

static int find_message(struct sql *db, void *arg, struct err *e)
{
	struct hashing *h = arg;
	AUTO(uidset) struct uidset one = {0};
	struct moved_key k;
	struct mailbox_message *v;
	int64_t folder;
	uint32_t uid;
	size_t n;
	if (moved_get(db, h->k->box_id, h->k->epoch, h->k->key, &h->mem, &k, e) < 0)
		return e->kind == ERR_NOTFOUND ? 0 : -1;
	if (!k.email_id) {
		h->since = (int64_t)k.uid * SECOND;
		return 0;
	}
	int r = moved_place(db, h->i->u->account, &k, &folder, &uid, e);
	if (r <= 0)
		return r;
	uidset_add(&one, uid, uid);
	const struct mailbox_query q = {.account_id = h->i->u->account,
		.folder_id = folder,
		.uids = &one,
		.want = MAILBOX_WANT_EMAIL,
		.most = 1};
	if (mailbox_rows(db, &q, &h->mem, &v, &n, e) < 0)
		return -1;
	h->here = n == 1;
	if (n == 1)
		h->m = v[0];
	return 0;
}

static void hash_in_pool(void *arg)
{
	struct hashing *h = arg;
	EVP_MD_CTX *md = EVP_MD_CTX_new();
	struct blob_reader *r = NULL;
	slice piece;
	int more = 0;
	h->result = blob_open(h->i->b->blobs, h->m.blob, &r, h->e);
	EVP_DigestInit_ex(md, EVP_sha256(), NULL);
	while (h->result == 0 && (more = blob_next(r, &piece, h->e)) == 1)
		EVP_DigestUpdate(md, piece.p, piece.n);
	if (more < 0)
		h->result = -1;
	EVP_DigestFinal_ex(md, h->hash, NULL);
	blob_close(r);
	EVP_MD_CTX_free(md);
}

int import_hash_here(struct importing *i, const struct moved_key *k, unsigned char ret[MOVED_HASH],
	struct err *e)
{
	struct hashing h = {.i = i, .k = k, .hash = ret, .e = e};
	int r = box_read_of(i->b, i->u->account, find_message, &h, e);
	if (r == 0 && h.here) {
		pool_call(hash_in_pool, &h);
		r = h.result;
	}
	arena_done(&h.mem);
	if (r < 0 && (e->kind == ERR_NOTFOUND || e->kind == ERR_PERM))
		return memset(ret, 0, MOVED_HASH), 1; /* its bytes cannot be read: not the same */
	return r < 0 ? -1 : h.here;
}

int import_since(struct importing *i, slice key, int64_t *ret, struct err *e)
{
	const struct moved_key k = {.box_id = i->box.id, .epoch = i->box.epoch, .key = key};
	unsigned char unused[MOVED_HASH];
	struct hashing h = {.i = i, .k = &k, .hash = unused, .e = e};
	int r = box_read_of(i->b, i->u->account, find_message, &h, e);
	arena_done(&h.mem);
	if (r == 0)
		*ret = h.here ? h.m.saved_at : h.since;
	return r;
}

/* ---- all of a source ---- */

struct walking {
	struct importing *i;
	struct moved_box *boxes;
	size_t nboxes;
	int64_t box_id;
	struct moved_key *v, *after;
	size_t n;
	struct arena *mem;
};

static int boxes_job(struct sql *db, void *arg, struct err *e)
{
	struct walking *w = arg;
	return moved_boxes(db, w->i->source_id, w->mem, &w->boxes, &w->nboxes, e);
}

static int keys_job(struct sql *db, void *arg, struct err *e)
{
	struct walking *w = arg;
	return moved_keys(db, w->box_id, w->after, w->mem, &w->v, &w->n, e);
}

static int verify_key(struct importing *i, const struct moved_key *k, struct err *e)
{
	unsigned char here[MOVED_HASH];
	if (!k->email_id) /* it went another way */
		return 0;
	int r = import_hash_here(i, k, here, e);
	if (r < 0)
		return -1;
	bool same = r && memcmp(here, k->hash, MOVED_HASH) == 0;
	i->r.verified += same;
	i->r.missing += !r;
	i->r.different += r && !same;
	if (same)
		return 0;
	return import_note(i, k->key, r ? "not the bytes that came" : "it is not here any more", e);
}

static int verify_box(struct importing *i, const struct moved_box *b, struct err *e)
{
	AUTO(arena) struct arena a = {0};
	struct walking w = {.i = i, .box_id = b->id, .mem = &a};
	struct moved_key last;
	int r = 0;
	i->box = *b;
	do {
		if (box_read_of(i->b, i->u->account, keys_job, &w, e) < 0)
			return -1;
		for (size_t k = 0; r == 0 && k < w.n; k++)
			r = verify_key(i, &w.v[k], e);
		if (w.n) {
			AUTO(arena) __attribute__((unused)) struct arena old = a;
			a = (struct arena){0};
			last = w.v[w.n - 1];
			last.key = arena_dup(&a, last.key);
			w.after = &last;
		}
	} while (r == 0 && w.n == MOVED_PIECE);
	return r;
}

int import_verify(struct importing *i, struct err *e)
{
	AUTO(arena) struct arena a = {0};
	struct walking w = {.i = i, .mem = &a};
	if (!i->source_id)
		return 0;
	if (import_flush(i, e) < 0 || box_read_of(i->b, i->u->account, boxes_job, &w, e) < 0)
		return -1;
	for (size_t k = 0; k < w.nboxes; k++)
		if (verify_box(i, &w.boxes[k], e) < 0)
			return -1;
	i->box = (struct moved_box){0};
	return 0;
}
