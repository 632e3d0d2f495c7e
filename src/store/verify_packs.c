/* Verify, the files: every record of every pack is read and checked (verify.h). */
#include "store/verify.h"

#include "base/mem.h"
#include "store/pack_scan.h"

struct finding {
	struct verify *v;
	struct gc_pack *pack;
	uint64_t needed; /* bytes before this were referred to: damage there counts */
	struct verify_ids good; /* offsets of good records */
	uint64_t end; /* of the last good record */
	bool locked; /* encrypted, the key is missing: only CRCs can be checked, nothing mended */
	struct damage *bad;
	size_t nbad, cap;
};

/* Told when it is known whether it could be mended. */
struct damage {
	uint64_t from, to;
	const char *what;
};

/* What its CRC does not say: a segment's digest, the list of a message. */
static const char *deeper(const struct pack_record *r)
{
	struct piece_list list;
	char digest[DIGEST_SIZE];
	if (r->head.type == RECORD_MESSAGE && !piece_list_parse(r->content, &list))
		return "the message's list of pieces is wrong";
	if (r->head.type != RECORD_SEGMENT)
		return NULL;
	segment_digest(r->content, digest);
	return slice_eq(r->digest, slice_of(digest, DIGEST_SIZE))
		       ? NULL
		       : "the segment's SHA-256 is wrong";
}

static void damage(struct finding *f, const struct pack_scan *s, const char *what)
{
	if (s->from >= f->needed) /* behind the last sync before a crash: nobody was promised it */
		return;
	if (f->nbad == f->cap) {
		f->cap = f->cap ? 2 * f->cap : 16;
		f->bad = mem_grow(f->bad, f->cap * sizeof *f->bad);
	}
	f->bad[f->nbad++] = (struct damage){s->from, s->to, what};
}

static void report(const struct finding *f, bool mended)
{
	for (size_t i = 0; i < f->nbad; i++)
		verify_report(f->v, "pack-damaged", mended, "pack %u, bytes %llu to %llu: %s",
			f->pack->no, (unsigned long long)f->bad[i].from,
			(unsigned long long)f->bad[i].to, f->bad[i].what);
}

static void look_at(struct finding *f, const struct pack_scan *s, enum pack_scan_kind kind,
	const struct pack_record *rec)
{
	const char *wrong = kind == SCAN_RECORD && !f->locked ? deeper(rec) : NULL;
	switch (kind) {
	case SCAN_RECORD:
		if (wrong) {
			damage(f, s, wrong);
			verify_ids_add(
				&f->v->damaged, blob_id_make(f->pack->no, rec->head.offset, 0));
			return;
		}
		verify_ids_add(&f->good, rec->head.offset);
		f->end = s->to;
		if (f->v->rebuild && !f->locked && rec->head.type == RECORD_SEGMENT)
			repair_index_add(f->v, rec, blob_id_make(f->pack->no, rec->head.offset, 0));
		return;
	case SCAN_DAMAGED:
		damage(f, s, "the record's CRC is wrong");
		verify_ids_add(&f->v->damaged, blob_id_make(f->pack->no, rec->head.offset, 0));
		return;
	case SCAN_GAP:
	case SCAN_TAIL:
		if (!s->blank || kind == SCAN_GAP)
			damage(f, s, "no record");
		return;
	case SCAN_END:
		return;
	}
}

static int scan(struct finding *f, struct pack_in *in, struct err *e)
{
	AUTO(pack_record) struct pack_record rec = {0};
	AUTO(pack_scan) struct pack_scan s;
	if (pack_scan_begin(in, &s, e) < 0) {
		s = (struct pack_scan){0};
		return -1;
	}
	enum pack_scan_kind kind;
	do {
		if (pack_scan_next(&s, &rec, &kind, e) < 0)
			return -1;
		look_at(f, &s, kind, &rec);
	} while (kind != SCAN_END);
	return 0;
}

static int one_pack(struct verify *v, struct gc_pack *p, uint64_t needed, struct err *e)
{
	struct pack_in *in;
	if (pack_in_open(v->g->packs_dir, p->no, &in, e) < 0) {
		if (e->kind == ERR_NOTFOUND) /* collected meanwhile, or empty */
			return 0;
		if (e->kind != ERR_PERM)
			return -1;
		verify_report(v, "pack-damaged", false, "%s", e->text);
		return 0;
	}
	bool locked = pack_key_missing(&in->key);
	if (locked)
		verify_report(v, "pack-locked", false,
			"pack %u: encrypted, the key is missing (data key %u)", p->no, in->key.no);
	if (in->head_damaged)
		verify_report(v, "pack-damaged", v->repair && repair_head(v, p, in),
			"pack %u: head", p->no);
	struct finding f = {.v = v, .pack = p, .needed = needed, .end = PACK_RECORDS_AT, .locked = locked};
	int r = scan(&f, in, e);
	bool mended = r == 0 && v->repair && !locked && f.nbad && repair_pack(v, p, &f.good);
	report(&f, mended);
	if (mended)
		verify_report(v, "pack-salvaged", true,
			"pack %u: %zu good records kept, the file as it was is in lost/", p->no,
			f.good.n);
	else if (r == 0 && v->repair && !locked && !f.nbad && !in->head.map_at)
		repair_tail(v, p, f.end);
	pack_in_close(in);
	free(f.good.v);
	free(f.bad);
	return r;
}

int verify_packs(struct verify *v, struct err *e)
{
	for (size_t i = 0; i < v->g->npacks; i++)
		if (one_pack(v, &v->g->packs[i], v->needed[i], e) < 0)
			return -1;
	repair_index_flush(v);
	verify_ids_sort(&v->damaged);
	return 0;
}
