/* Accounts and groups of a directory server (external.h). The table is made in directory_schema.c. Written by the identity process. */
#include "store/external.h"

#include "base/mem.h"

static struct external read_row(struct sql_stmt *s, struct arena *a)
{
	return (struct external){.account_id = sql_int(s, 0),
		.id = arena_dup(a, sql_text(s, 1)),
		.dn = arena_dup(a, sql_text(s, 2)),
		.seen_at = sql_int(s, 3),
		.gone = sql_int(s, 4) != 0};
}

int external_get(
	struct sql *db, int64_t account_id, struct arena *a, struct external *ret, struct err *e)
{
	struct sql_stmt *s = sql_prepare(db,
		"SELECT ref_id, ext_id, dn, seen_at, gone FROM external WHERE kind = 1 AND ref_id "
		"= $1",
		e);
	if (!s)
		return -1;
	sql_bind_int(s, 1, account_id);
	int r = sql_step(s, e);
	if (r <= 0)
		return r < 0 ? -1 : err_set(e, ERR_NOTFOUND, "not from a directory server");
	*ret = read_row(s, a);
	sql_reset(s);
	return 0;
}

int external_list(struct sql *db, enum external_kind kind, struct arena *a, struct external **ret,
	size_t *ret_n, struct err *e)
{
	struct external *v = NULL;
	size_t n = 0, cap = 0;
	struct sql_stmt *s = sql_prepare(db,
		"SELECT ref_id, ext_id, dn, seen_at, gone FROM external WHERE kind = $1 ORDER BY "
		"ref_id",
		e);
	if (!s)
		return -1;
	sql_bind_int(s, 1, kind);
	int r;
	while ((r = sql_step(s, e)) == 1) {
		if (n == cap) {
			struct external *wide =
				ARENA_ARRAY(a, struct external, cap = cap ? cap * 2 : 64);
			if (n)
				memcpy(wide, v, n * sizeof *v);
			v = wide;
		}
		v[n++] = read_row(s, a);
	}
	if (r < 0)
		return -1;
	*ret = v;
	*ret_n = n;
	return 0;
}

int external_put_tx(
	struct sql *db, enum external_kind kind, const struct external *x, struct err *e)
{
	int64_t r = sql_run(db, e,
		"INSERT INTO external (kind, ref_id, ext_id, dn, seen_at, gone) VALUES ($1, $2, "
		"$3, $4, $5, $6)"
		" ON CONFLICT (kind, ref_id) DO UPDATE SET ext_id = excluded.ext_id, dn = "
		"excluded.dn,"
		" seen_at = excluded.seen_at, gone = excluded.gone",
		"iittii", (int64_t)kind, x->account_id, x->id, x->dn, x->seen_at, (int64_t)x->gone);
	return r < 0 ? -1 : 0;
}

int external_remove_tx(struct sql *db, enum external_kind kind, int64_t id, struct err *e)
{
	int64_t r = sql_run(db, e, "DELETE FROM external WHERE kind = $1 AND ref_id = $2", "ii",
		(int64_t)kind, id);
	return r < 0 ? -1 : 0;
}
