/*
 * Walking and measuring a key-value store, for the command line (kv.h). Entries are copied out some
 * at a time; between two times nothing is held.
 */
#include "store/kv_impl.h"

#include "base/mem.h"

#include <unistd.h>

enum { AT_ONCE = 500 };

struct copied {
	slice key, value;
	int64_t ends;
};
struct page {
	struct arena mem;
	struct copied *v;
	size_t n;
	slice last; /* key looked at last */
	bool more;
};

static bool copy_out(struct page *p, const MDB_val *k, const MDB_val *v, int64_t now)
{
	struct kv_record rec;
	p->last = slice_of(k->mv_data, k->mv_size);
	if (!kv_record_of(v, &rec) || rec.ends <= now)
		return true;
	p->v[p->n++] = (struct copied){
		arena_dup(&p->mem, p->last), arena_dup(&p->mem, rec.value), rec.ends};
	return p->n < AT_ONCE;
}

/* Entries behind `after` (or from the prefix on). LMDB's code. */
static int fill(struct kv *kv, MDB_cursor *c, slice prefix, slice after, struct page *p)
{
	slice from = after.n ? after : prefix;
	MDB_val k = {from.n, (void *)from.p}, v;
	int64_t now = kv_now(kv);
	p->v = ARENA_ARRAY(&p->mem, struct copied, AT_ONCE);
	int rc = mdb_cursor_get(c, &k, &v, from.n ? MDB_SET_RANGE : MDB_FIRST);
	if (rc == 0 && after.n && slice_eq(slice_of(k.mv_data, k.mv_size), after))
		rc = mdb_cursor_get(c, &k, &v, MDB_NEXT);
	while (rc == 0 && slice_starts(slice_of(k.mv_data, k.mv_size), prefix)) {
		if (!copy_out(p, &k, &v, now)) {
			p->more = true;
			break;
		}
		rc = mdb_cursor_get(c, &k, &v, MDB_NEXT);
	}
	p->last = arena_dup(&p->mem, p->last);
	return rc == MDB_NOTFOUND ? 0 : rc;
}

static int read_page(struct kv *kv, slice prefix, slice after, struct page *p, struct err *e)
{
	MDB_cursor *c;
	pthread_mutex_lock(&kv->lock);
	int rc = kv->db && !kv->broken ? 0 : MDB_INVALID;
	kv_guard_in();
	if (rc == 0 && (rc = mdb_txn_renew(kv->db->reader)) == 0) {
		rc = mdb_cursor_open(kv->db->reader, kv->db->dbi, &c);
		if (rc == 0) {
			rc = fill(kv, c, prefix, after, p);
			mdb_cursor_close(c);
		}
		mdb_txn_reset(kv->db->reader);
	}
	kv_guard_out();
	pthread_mutex_unlock(&kv->lock);
	return rc ? err_set(e, ERR_TEMP, "%s: %s", kv->dir, kv_fault_text(rc)) : 0;
}

int kv_each(struct kv *kv, slice prefix,
	bool (*entry)(void *arg, slice key, slice value, int64_t ends_at), void *arg, struct err *e)
{
	char after[KV_KEY_MAX];
	size_t after_n = 0;
	bool more = true;
	while (more) {
		struct page p = {0};
		int r = read_page(kv, prefix, slice_of(after, after_n), &p, e);
		more = r == 0 && p.more;
		for (size_t i = 0; r == 0 && i < p.n; i++)
			if (!entry(arg, p.v[i].key, p.v[i].value, p.v[i].ends)) {
				more = false;
				break;
			}
		after_n = p.last.n < sizeof after ? p.last.n : sizeof after;
		memcpy(after, p.last.p, after_n);
		arena_done(&p.mem);
		if (r < 0)
			return -1;
	}
	return 0;
}

int kv_stat(struct kv *kv, struct kv_stat *ret, struct err *e)
{
	MDB_stat st;
	uint64_t used = 0, all = 0;
	pthread_mutex_lock(&kv->lock);
	int rc = kv->db && !kv->broken ? mdb_env_stat(kv->db->env, &st) : MDB_INVALID;
	if (rc == 0)
		kv_db_pages(kv->db, &used, &all);
	pthread_mutex_unlock(&kv->lock);
	if (rc)
		return err_set(e, ERR_TEMP, "%s: %s", kv->dir, kv_fault_text(rc));
	*ret = (struct kv_stat){
		.entries = st.ms_entries, .bytes = used * st.ms_psize, .size = all * st.ms_psize};
	return 0;
}
