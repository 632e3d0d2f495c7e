/*
 * Texts with addresses in them, and what they become (rename.h). Pure, but for rename_columns(), which carries it out for columns of a database:
 * each different text is looked at once.
 */
#include "store/rename_impl.h"

#include "base/mem.h"
#include "store/directory_impl.h"

enum { TEXT_MAX = 1 << 20 };

void rename_map_init(struct rename_map *m, const struct rename *v, size_t n, struct arena *a)
{
	*m = (struct rename_map){.a = a, .v = v, .n = n};
	for (size_t i = 0; i < n; i++) /* of two the later one: an address that was given again */
		map_put(&m->exact, v[i].from, (void *)(uintptr_t)&v[i]);
}

void rename_map_done(struct rename_map *m)
{
	map_done(&m->exact);
}

/* One step: the address itself, without detail, its domain. Those before `from` are over. */
static bool step(const struct rename_map *m, slice address, size_t from, size_t *ret_at, slice *ret)
{
	struct directory_name n;
	slice base;
	const struct rename *r = map_get(&m->exact, address);
	if (r && (size_t)(r - m->v) >= from) {
		*ret = r->to, *ret_at = (size_t)(r - m->v);
		return true;
	}
	if (slice_starts(address, S("@")) || !directory_name(address, m->a, &n))
		return false;
	if (directory_base_name(&n, m->a, &base) && (r = map_get(&m->exact, base)) != NULL &&
		(size_t)(r - m->v) >= from) {
		size_t at = slice_index(n.local, '+');
		size_t to = slice_rindex(r->to, '@');
		*ret = arena_printf(m->a, "%.*s%.*s%.*s", SFMT(slice_first(r->to, to)),
			SFMT(slice_skip(n.local, at)), SFMT(slice_skip(r->to, to)));
		*ret_at = (size_t)(r - m->v);
		return slice_index(n.local, '"') == n.local.n;
	}
	r = map_get(&m->exact, arena_printf(m->a, "@%.*s", SFMT(n.domain)));
	if (!r || (size_t)(r - m->v) < from)
		return false;
	*ret = arena_printf(m->a, "%.*s%.*s", SFMT(n.local), SFMT(r->to));
	*ret_at = (size_t)(r - m->v);
	return true;
}

/* Renamed twice before anybody followed: each in its turn. */
bool rename_address(const struct rename_map *m, slice address, slice *ret)
{
	slice now = address;
	struct directory_name n;
	size_t at;
	if (!slice_starts(now, S("@")) && directory_name(now, m->a, &n))
		now = n.address;
	bool changed = false;
	for (size_t from = 0; from < m->n && step(m, now, from, &at, &now); from = at + 1)
		changed = true;
	if (changed)
		*ret = now;
	return changed && !slice_eq(now, address);
}

/* ---- forms ---- */

static bool parts(const struct rename_map *m, slice text, char between, slice *ret)
{
	AUTO(buf) struct buf out = BUF(TEXT_MAX);
	bool changed = false;
	slice one, to;
	for (bool first = true; slice_cut(&text, between, &one); first = false) {
		if (!first)
			buf_byte(&out, between);
		bool this = rename_address(m, one, &to);
		changed |= this;
		buf_put(&out, this ? to : one);
	}
	if (!changed || !buf_ok(&out))
		return false;
	*ret = arena_dup(m->a, buf_slice(&out));
	return true;
}

static bool behind(const struct rename_map *m, slice text, size_t n, slice *ret)
{
	slice to;
	if (!rename_address(m, slice_skip(text, n), &to))
		return false;
	*ret = arena_printf(m->a, "%.*s%.*s", SFMT(slice_first(text, n)), SFMT(to));
	return true;
}

static bool rights(const struct rename_map *m, slice text, slice *ret)
{
	size_t n = slice_starts(text, S("-"));
	n += slice_starts(slice_skip(text, n), S("group:")) ? 6 : 0;
	return behind(m, text, n, ret);
}

static bool folder(const struct rename_map *m, slice text, slice *ret)
{
	static const slice spaces[] = {S_INIT("Other Users/"), S_INIT("Shared/")};
	for (size_t i = 0; i < 2; i++) {
		slice rest = slice_skip(text, spaces[i].n), address, to;
		if (!slice_starts(text, spaces[i]) || !slice_cut(&rest, '/', &address) ||
			!rename_address(m, address, &to))
			continue;
		*ret = arena_printf(m->a, "%.*s%.*s%.*s", SFMT(spaces[i]), SFMT(to),
			SFMT(slice_skip(text, spaces[i].n + address.n)));
		return true;
	}
	return false;
}

static bool settings(const struct rename_map *m, slice text, slice *ret)
{
	static const slice key = S_INIT("archive=");
	size_t at = 0;
	while (at < text.n && !slice_starts(slice_skip(text, at), key))
		at += slice_index(slice_skip(text, at), '\n') + 1;
	if (at >= text.n)
		return false;
	slice rest = slice_skip(text, at + key.n), address, to;
	if (!slice_cut(&rest, '\n', &address) || !rename_address(m, address, &to))
		return false;
	*ret = arena_printf(m->a, "%.*s%.*s%.*s", SFMT(slice_first(text, at + key.n)), SFMT(to),
		SFMT(slice_skip(text, at + key.n + address.n)));
	return true;
}

static bool domain(const struct rename_map *m, slice text, slice *ret)
{
	slice to;
	if (!rename_address(m, arena_printf(m->a, "@%.*s", SFMT(text)), &to))
		return false;
	*ret = slice_skip(to, 1);
	return true;
}

bool rename_text(const struct rename_map *m, enum rename_form form, slice text, slice *ret)
{
	switch (form) {
	case RENAME_WHOLE:
		return rename_address(m, text, ret);
	case RENAME_LINES:
		return parts(m, text, '\n', ret);
	case RENAME_WORDS:
		return parts(m, text, ' ', ret);
	case RENAME_RIGHTS:
		return rights(m, text, ret);
	case RENAME_FOLDER:
		return folder(m, text, ret);
	case RENAME_SETTINGS:
		return settings(m, text, ret);
	case RENAME_DOMAIN:
		return domain(m, text, ret);
	}
	return false;
}

/* ---- columns ---- */

struct change {
	slice from, to;
	struct change *next;
};

/* Those that change; there are many texts and few of these. */
static int find_changes(struct sql *db, const struct rename_column *c, const struct rename_map *m,
	struct change **ret, struct err *e)
{
	struct sql_stmt *s = sql_prepare(db, c->list, e);
	struct change **end = ret;
	int r = s ? 1 : -1;
	*ret = NULL;
	while (r == 1 && (r = sql_step(s, e)) == 1) {
		slice text = sql_text(s, 0), to;
		if (!rename_text(m, c->form, text, &to))
			continue;
		struct change *x = ARENA_NEW(m->a, struct change);
		*x = (struct change){arena_dup(m->a, text), to, NULL};
		*end = x;
		end = &x->next;
	}
	return r;
}

static int change_one(
	struct sql *db, const struct rename_column *c, const struct change *x, struct err *e)
{
	if (c->clear && sql_run(db, e, c->clear, "tt", x->to, x->from) < 0)
		return -1;
	return sql_run(db, e, c->set, "tt", x->to, x->from) < 0 ? -1 : 0;
}

static int change_some(struct sql *db, const struct rename_column *c, const struct change **x,
	bool tx, struct err *e)
{
	if (!tx && sql_begin(db, e) < 0)
		return -1;
	int r = 0;
	for (size_t i = 0; *x && i < RENAME_BATCH && r == 0; i++, *x = (*x)->next)
		r = change_one(db, c, *x, e);
	if (r == 0 && c->after)
		r = sql_run(db, e, c->after, "") < 0 ? -1 : 0;
	if (tx)
		return r;
	if (r == 0)
		return sql_commit(db, e);
	sql_rollback(db);
	return -1;
}

int rename_columns(struct sql *db, const struct rename_column *v, size_t n,
	const struct rename_map *m, bool tx, struct err *e)
{
	for (size_t i = 0; i < n; i++) {
		struct change *found;
		if (find_changes(db, &v[i], m, &found, e) < 0)
			return -1;
		for (const struct change *x = found; x;)
			if (change_some(db, &v[i], &x, tx, e) < 0)
				return -1;
	}
	return 0;
}
