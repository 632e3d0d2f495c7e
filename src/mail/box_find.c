/*
 * Finding in all folders (box_find.h): each is searched by box_search, with one question to the index for each mailbox; of what is found only
 * the newest are kept, and only those of the page are read. Folders that go, or may not be read, are left out.
 */
#include "mail/box_find.h"

#include "base/mem.h"
#include "mail/box_index.h"
#include <stdlib.h>

struct found {
	size_t folder; /* index */
	uint32_t uid;
	int64_t received_at, email_id;
};
struct finding {
	struct box_user *u;
	const struct box_find *q;
	struct arena *a;
	struct box_folder *folders;
	size_t nfolders;
	struct found *v; /* a heap would do; a sorted list of a page does, too */
	size_t n, cap;
	struct box_asked asked;
	struct box_finding *ret;
};

/* Newest first. */
static int by_age(const void *a, const void *b)
{
	const struct found *x = a, *y = b;
	if (x->received_at != y->received_at)
		return x->received_at < y->received_at ? 1 : -1;
	if (x->email_id != y->email_id)
		return x->email_id < y->email_id ? 1 : -1;
	return (x->folder > y->folder) - (x->folder < y->folder);
}

static bool is_behind(const struct box_find *q, const struct mailbox_message *m)
{
	if (!q->before_at)
		return true;
	if (m->received_at != q->before_at)
		return m->received_at < q->before_at;
	return m->email_id < q->before_email;
}

/* The newest so many and one more stay. */
static void add(struct finding *f, size_t folder, const struct mailbox_message *m)
{
	if (!is_behind(f->q, m))
		return;
	if (f->n == f->cap) {
		qsort(f->v, f->n, sizeof *f->v, by_age);
		f->n = f->q->most + 1;
		f->ret->more = true;
	}
	f->v[f->n++] = (struct found){folder, m->uid, m->received_at, m->email_id};
}

static int add_rows(struct finding *f, struct box_view *v, size_t folder, const struct uidset *uids,
	struct err *e)
{
	AUTO(arena) struct arena rows = {0};
	struct box_query q = {.uids = uids};
	struct mailbox_message *m;
	size_t n;
	while (q.after < uidset_last(uids)) {
		arena_reset(&rows);
		if (box_rows(v, &q, &rows, &m, &n, e) < 0)
			return -1;
		if (!n)
			break;
		for (size_t i = 0; i < n; i++)
			add(f, folder, &m[i]);
		q.after = m[n - 1].uid;
	}
	return 0;
}

static int find_in(struct finding *f, struct box_view *v, size_t folder, struct err *e)
{
	struct box_found found = {0};
	const struct box_search s = {.what = f->q->what,
		.progress = f->q->progress,
		.arg = f->q->arg,
		.asked = &f->asked};
	int r = box_search(v, &s, &found, e);
	if (r == 0) {
		f->ret->found += found.uids.count;
		f->ret->unread += found.unread;
		r = add_rows(f, v, folder, &found.uids, e);
	}
	uidset_done(&found.uids);
	return r;
}

static bool is_hidden(const struct err *e)
{
	return e->kind == ERR_NOTFOUND || e->kind == ERR_DENIED;
}

static int find_in_folder(struct finding *f, size_t i, struct err *e)
{
	struct box_view *v;
	if (!f->folders[i].f.id || !f->folders[i].f.messages)
		return 0;
	if (f->q->folder.n && !slice_eq(f->q->folder, f->folders[i].name))
		return 0;
	if (box_open(f->u, f->folders[i].name, true, &v, e) < 0)
		return is_hidden(e) ? 0 : -1;
	int r = find_in(f, v, i, e);
	box_close(v);
	return r < 0 && !is_hidden(e) ? -1 : 0;
}

/* ---- the page ---- */

static int by_folder(const void *a, const void *b)
{
	const struct box_hit *const *x = a, *const *y = b;
	int c = slice_cmp((*x)->folder.name, (*y)->folder.name);
	return c ? c : ((*x)->m.uid > (*y)->m.uid) - ((*x)->m.uid < (*y)->m.uid);
}

/* Hits of one folder, by UID: their rows with summaries. One that left meanwhile keeps folder.f.id 0. */
static int read_hits(struct finding *f, struct box_hit **v, size_t n, struct err *e)
{
	AUTO(uidset) struct uidset uids = {0};
	struct box_query q = {.uids = &uids, .want = MAILBOX_WANT_SUMMARY | MAILBOX_WANT_EMAIL};
	struct box_view *view;
	struct mailbox_message *m;
	size_t rows, at = 0;
	if (box_open(f->u, v[0]->folder.name, true, &view, e) < 0)
		return is_hidden(e) ? 0 : -1;
	for (size_t i = 0; i < n; i++)
		uidset_add(&uids, v[i]->m.uid, v[i]->m.uid);
	int r;
	while ((r = box_rows(view, &q, f->a, &m, &rows, e)) == 0 && rows) {
		for (size_t i = 0; i < rows; i++) {
			while (at < n && v[at]->m.uid < m[i].uid)
				at++;
			if (at == n || v[at]->m.uid != m[i].uid)
				continue;
			v[at]->m = m[i];
			v[at]->m.folder = v[at]->folder.name;
			v[at]->folder.rights |= RIGHT_ALL + 1; /* read */
		}
		q.after = m[rows - 1].uid;
	}
	box_close(view);
	return r < 0 && !is_hidden(e) ? -1 : 0;
}

static int read_page(struct finding *f, struct err *e)
{
	struct box_finding *ret = f->ret;
	struct box_hit **order = ARENA_ARRAY(f->a, struct box_hit *, f->n + 1);
	size_t kept = 0;
	ret->v = ARENA_ARRAY(f->a, struct box_hit, f->n + 1);
	for (size_t i = 0; i < f->n; i++) {
		ret->v[i].folder = f->folders[f->v[i].folder];
		ret->v[i].m.uid = f->v[i].uid;
		order[i] = &ret->v[i];
	}
	if (f->n)
		qsort(order, f->n, sizeof *order, by_folder);
	for (size_t i = 0, k; i < f->n; i = k) {
		for (k = i + 1; k < f->n && slice_eq(order[k]->folder.name, order[i]->folder.name);)
			k++;
		if (read_hits(f, order + i, k - i, e) < 0)
			return -1;
	}
	for (size_t i = 0; i < f->n; i++) {
		if (!(ret->v[i].folder.rights & (RIGHT_ALL + 1)))
			continue;
		ret->v[i].folder.rights &= RIGHT_ALL;
		ret->v[kept++] = ret->v[i];
	}
	ret->n = kept;
	return 0;
}

static int find(struct finding *f, struct err *e)
{
	if (box_folders(f->u, f->q->scope, f->a, &f->folders, &f->nfolders, e) < 0)
		return -1;
	for (size_t i = 0; i < f->nfolders; i++)
		if (find_in_folder(f, i, e) < 0)
			return -1;
	if (f->n)
		qsort(f->v, f->n, sizeof *f->v, by_age);
	if (f->n > f->q->most) {
		f->n = f->q->most;
		f->ret->more = true;
	}
	return read_page(f, e);
}

int box_find(struct box_user *u, const struct box_find *q, struct arena *a, struct box_finding *ret,
	struct err *e)
{
	struct finding f = {.u = u, .q = q, .a = a, .ret = ret};
	*ret = (struct box_finding){0};
	if (!q->most || q->most > BOX_FIND_MOST)
		return err_set(e, ERR_PROTO, "1 to %d messages a page", BOX_FIND_MOST);
	f.cap = 4 * q->most + 4;
	f.v = mem_alloc(f.cap * sizeof *f.v);
	int r = find(&f, e);
	arena_done(&f.asked.mem);
	free(f.v);
	return r;
}
