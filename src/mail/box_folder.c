/*
 * Folders as a person sees them (box.h): finding one with the rights on it, listing those that may be seen, making, renaming and
 * removing them, subscriptions.
 *
 * Everything about one folder is one read of its shard. A list of the own folders is one, too; with those of others
 * it is one more for each mailbox in which anything was granted.
 */
#include "base/mem.h"
#include "base/must.h"
#include "mail/box_impl.h"

#include <stdlib.h>

/* ---- one folder ---- */

int box_look_begin(
	struct box_user *u, slice name, struct arena *a, struct box_look *ret, struct err *e)
{
	*ret = (struct box_look){.a = a};
	if (box_locate(u, name, a, &ret->where, e) < 0)
		return -1;
	if (ret->where.own) {
		ret->base = RIGHT_ALL;
		return 0;
	}
	if (box_whos(u, a, &ret->whos, e) < 0)
		return -1;
	ret->base = box_rights_base(u, ret->where.account_id, &ret->whos);
	return 0;
}

int box_look_rights(struct sql *db, struct box_look *l, int64_t folder_id, struct err *e)
{
	struct mailbox_grant *v[2];
	size_t n[2] = {0, 0};
	l->rights = l->gone ? 0 : l->base;
	if (l->where.own || l->gone)
		return 0;
	if (mailbox_grants(db, l->where.account_id, 0, l->a, &v[0], &n[0], e) < 0 ||
		(folder_id && mailbox_grants(db, l->where.account_id, folder_id, l->a, &v[1], &n[1],
				      e) < 0))
		return -1;
	struct mailbox_grant *all = ARENA_ARRAY(l->a, struct mailbox_grant, n[0] + n[1] + 1);
	size_t nall = 0;
	for (int k = 0; k < 2; k++)
		for (size_t i = 0; i < n[k]; i++) {
			all[nall] = v[k][i];
			all[nall].account_id = l->where.account_id;
			all[nall++].folder_id = k ? folder_id : 0;
		}
	l->rights = box_rights_of(l->base, all, nall, l->where.account_id, folder_id, &l->whos);
	return 0;
}

int box_look_db(struct sql *db, struct box_look *l, struct err *e)
{
	l->found = false;
	l->rights = 0;
	if (!l->where.folder.n)
		return 0;
	if (mailbox_folder_find(db, l->where.account_id, l->where.folder, l->a, &l->f, e) < 0)
		return e->kind == ERR_NOTFOUND ? 0 : -1;
	l->found = true;
	return box_look_rights(db, l, l->f.id, e);
}

static int look_job(struct sql *db, void *arg, struct err *e)
{
	return box_look_db(db, arg, e);
}

int box_look_up(struct box_user *u, slice name, enum box_op op, struct arena *a,
	struct box_look *ret, struct err *e)
{
	if (box_look_begin(u, name, a, ret, e) < 0)
		return -1;
	if (!ret->where.folder.n)
		return box_no_such(name, e);
	if (box_read_brief(u->b, ret->where.account_id, look_job, ret, e) < 0)
		return -1;
	if (!ret->found)
		return box_no_such(name, e);
	return box_may(ret->rights, op, name, e);
}

static void fill(const struct box_look *l, struct arena *a, struct box_folder *ret)
{
	slice name = l->f.name;
	if (l->where.prefix.n)
		name = arena_printf(a, "%.*s%.*s", SFMT(l->where.prefix), SFMT(l->f.name));
	*ret = (struct box_folder){.name = name,
		.account_id = l->where.account_id,
		.f = l->f,
		.rights = l->rights,
		.own = l->where.own};
}

int box_folder(
	struct box_user *u, slice name, struct arena *a, struct box_folder *ret, struct err *e)
{
	struct box_look l;
	if (box_look_up(u, name, BOX_DO_LIST, a, &l, e) < 0)
		return -1;
	fill(&l, a, ret);
	return 0;
}

/* ---- all that may be seen ---- */

struct listing {
	struct box_user *u;
	struct arena *a;
	const struct box_whos *whos;
	struct box_folder *v;
	size_t n, cap;
	/* The mailbox being read. */
	int64_t account_id;
	slice prefix;
	unsigned base;
	/* With the own one. */
	bool own;
	slice *subscribed;
	size_t nsubscribed;
};

static void list_add(struct listing *l, const struct box_folder *f)
{
	if (l->n == l->cap) {
		l->cap = l->cap ? 2 * l->cap : 32;
		struct box_folder *grown = ARENA_ARRAY(l->a, struct box_folder, l->cap);
		if (l->n)
			memcpy(grown, l->v, l->n * sizeof *grown);
		l->v = grown;
	}
	l->v[l->n++] = *f;
}

static int list_mailbox(struct sql *db, void *arg, struct err *e)
{
	struct listing *l = arg;
	const struct box_user *u = l->u;
	struct mailbox_folder *v;
	size_t n;
	if (mailbox_folders(db, l->account_id, l->a, &v, &n, e) < 0)
		return -1;
	for (size_t i = 0; i < n; i++) {
		unsigned rights = l->own ? RIGHT_ALL
					 : box_rights_of(l->base, u->granted, u->ngranted,
						   l->account_id, v[i].id, l->whos);
		if (!(rights & RIGHT_LOOKUP))
			continue;
		slice name = v[i].name;
		if (!l->own)
			name = arena_printf(l->a, "%.*s%.*s", SFMT(l->prefix), SFMT(name));
		const struct box_folder f = {.name = name,
			.account_id = l->account_id,
			.f = v[i],
			.rights = rights,
			.own = l->own};
		list_add(l, &f);
	}
	return 0;
}

static int list_own(struct sql *db, void *arg, struct err *e)
{
	struct listing *l = arg;
	if (l->own && list_mailbox(db, l, e) < 0)
		return -1;
	return mailbox_subscriptions(db, l->u->account, l->a, &l->subscribed, &l->nsubscribed, e);
}

static int list_other(struct listing *l, unsigned scope, int64_t account_id, struct err *e)
{
	struct box_person p;
	if (account_id == l->u->account)
		return 0;
	if (box_person(l->u->b, account_id, l->a, &p, e) < 0)
		return -1;
	unsigned of = p.kind == ACCOUNT_PERSON ? BOX_OTHERS_TOO : BOX_SHARED_TOO;
	if (p.gone || p.org_id != l->u->org || !(scope & of))
		return 0;
	l->account_id = account_id;
	l->base = box_rights_base(l->u, account_id, l->whos);
	l->prefix = box_person_prefix(&p, l->a);
	return box_read_of(l->u->b, account_id, list_mailbox, l, e);
}

static int list_once(struct listing *l, unsigned scope, int64_t id, struct map *seen, struct err *e)
{
	return map_put(seen, slice_of(&id, sizeof id), l) ? 0 : list_other(l, scope, id, e);
}

/* Mailboxes by membership and by grants, each once. */
static int list_others(struct listing *l, unsigned scope, struct err *e)
{
	const struct memberships *m = &l->whos->m;
	const struct box_user *u = l->u;
	struct map seen = {0};
	int r = 0;
	for (size_t i = 0; r == 0 && i < m->nshared; i++)
		r = list_once(l, scope, m->shared[i].account_id, &seen, e);
	for (size_t i = 0; r == 0 && i < u->ngranted; i++)
		r = list_once(l, scope, u->granted[i].account_id, &seen, e);
	map_done(&seen);
	return r;
}

/* What is below a folder comes directly behind it: "/" sorts before all else. */
static int compare_names(slice a, slice b)
{
	for (size_t i = 0; i < a.n && i < b.n; i++) {
		int x = a.p[i] == '/' ? 0 : (unsigned char)a.p[i],
		    y = b.p[i] == '/' ? 0 : (unsigned char)b.p[i];
		if (x != y)
			return x - y;
	}
	return (a.n > b.n) - (a.n < b.n);
}

static int compare_folders(const void *a, const void *b)
{
	return compare_names(
		((const struct box_folder *)a)->name, ((const struct box_folder *)b)->name);
}

static bool is_below(slice name, slice above)
{
	return name.n > above.n && name.p[above.n] == '/' && slice_starts(name, above);
}

/* Levels that are no folders, where the one before does not stand in them already. */
static void add_levels(struct listing *out, slice name)
{
	slice before = out->n ? out->v[out->n - 1].name : S("");
	for (size_t i = 0; i < name.n; i++) {
		slice level = slice_first(name, i);
		if (name.p[i] != '/' || slice_eq(before, level) || is_below(before, level))
			continue;
		const struct box_folder none = {.name = level, .rights = RIGHT_LOOKUP};
		list_add(out, &none);
		before = level;
	}
}

static void arrange(struct listing *l, struct box_folder **ret, size_t *ret_n)
{
	struct listing out = {.a = l->a};
	struct map subscribed = {0};
	if (l->n)
		qsort(l->v, l->n, sizeof *l->v, compare_folders);
	for (size_t i = 0; i < l->nsubscribed; i++)
		map_put(&subscribed, l->subscribed[i], l);
	for (size_t i = 0; i < l->n; i++) {
		add_levels(&out, l->v[i].name);
		list_add(&out, &l->v[i]);
	}
	for (size_t i = 0; i < out.n; i++) {
		struct box_folder *f = &out.v[i];
		f->subscribed = map_get(&subscribed, f->name) != NULL;
		f->children = i + 1 < out.n && is_below(out.v[i + 1].name, f->name);
	}
	map_done(&subscribed);
	*ret = out.v;
	*ret_n = out.n;
}

int box_folders(struct box_user *u, unsigned scope, struct arena *a, struct box_folder **ret,
	size_t *ret_n, struct err *e)
{
	struct listing l = {.u = u, .a = a, .account_id = u->account, .own = scope & BOX_OWN};
	struct box_whos whos;
	if (box_read_of(u->b, u->account, list_own, &l, e) < 0)
		return -1;
	if (scope & (BOX_OTHERS_TOO | BOX_SHARED_TOO)) {
		l.own = false;
		l.whos = &whos;
		if (box_whos(u, a, &whos, e) < 0 || box_granted(u, &whos, e) < 0 ||
			list_others(&l, scope, e) < 0)
			return -1;
	}
	arrange(&l, ret, ret_n);
	return 0;
}

/* ---- subscriptions: of any name, so that what is hidden is not told apart from what is not there ---- */

struct subscribing {
	struct box_user *u;
	struct arena *a;
	slice name, *v;
	size_t n;
	bool on;
};

static int subscribe_tx(struct sql *db, void *arg, struct err *e)
{
	const struct subscribing *s = arg;
	return mailbox_subscribe_tx(db, s->u->account, s->name, s->on, e);
}

int box_subscribe(struct box_user *u, slice name, bool on, struct err *e)
{
	AUTO(arena) struct arena a = {0};
	struct subscribing s = {.u = u, .on = on};
	if (mailbox_folder_name(name, &a, &s.name, e) < 0)
		return -1;
	return box_change(u->b, u->account, subscribe_tx, &s, e);
}

static int subscriptions_job(struct sql *db, void *arg, struct err *e)
{
	struct subscribing *s = arg;
	return mailbox_subscriptions(db, s->u->account, s->a, &s->v, &s->n, e);
}

int box_subscriptions(
	struct box_user *u, struct arena *a, slice **ret, size_t *ret_n, struct err *e)
{
	struct subscribing s = {.u = u, .a = a};
	if (box_read_of(u->b, u->account, subscriptions_job, &s, e) < 0)
		return -1;
	*ret = s.v;
	*ret_n = s.n;
	return 0;
}
