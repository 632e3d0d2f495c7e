/*
 * A folder that is open (box.h): which messages a session knows, up to which change, and what happened since.
 *
 * Nothing is read twice in one snapshot; the order of reading makes up for it. The folder's modseq comes first, then what left,
 * then what changed: whatever happens meanwhile has a higher modseq and comes again with the next sync, which does no harm.
 * What left may have to wait until it can be told: it has a mark of its own, left_modseq.
 *
 * The sets of UIDs of large folders are kept when a view is closed: opened again, such a folder costs what happened since.
 */
#include "base/mem.h"
#include "base/must.h"
#include "mail/box_impl.h"
#include "run/loop.h"

enum { SYNC_PIECE = 250 };
#define REVIEW_AFTER (SECOND / 2) /* until then what was seen of the directory is as good as new */

/* ---- sets of UIDs of folders that were closed ---- */

static void kept_unref(struct box_kept *k)
{
	if (--k->refs)
		return;
	uidset_done(&k->uids);
	free(k);
}

static void kept_drop(struct boxes *b, struct box_kept *k)
{
	list_remove(&k->in);
	b->nkept--;
	b->kept_ranges -= k->uids.n;
	kept_unref(k);
}

void box_kept_clear(struct boxes *b)
{
	list_each(it, &b->kept)
		kept_drop(b, list_entry(it, struct box_kept, in));
}

static struct box_kept *kept_find(struct boxes *b, int64_t account_id, int64_t folder_id)
{
	list_each(it, &b->kept) {
		struct box_kept *k = list_entry(it, struct box_kept, in);
		if (k->account_id == account_id && k->folder_id == folder_id)
			return k;
	}
	return NULL;
}

/* Takes the view's set. */
static void keep_uids(struct boxes *b, struct box_view *v)
{
	const struct mailbox_folder *f = &v->folder.f;
	if (v->uids.count < BOX_KEPT_FROM || v->uids.n > BOX_KEPT_RANGES / 2 ||
		v->left_modseq != v->modseq)
		return;
	struct box_kept *k = kept_find(b, v->folder.account_id, f->id);
	if (k && k->modseq >= v->modseq)
		return;
	if (k)
		kept_drop(b, k);
	k = NEW(struct box_kept);
	*k = (struct box_kept){.refs = 1,
		.account_id = v->folder.account_id,
		.folder_id = f->id,
		.uidvalidity = f->uidvalidity,
		.uidnext = f->uidnext,
		.modseq = v->modseq,
		.uids = v->uids};
	v->uids = (struct uidset){0};
	uidset_trim(&k->uids);
	list_prepend(&b->kept, &k->in);
	b->nkept++;
	b->kept_ranges += k->uids.n;
	while (b->nkept > BOX_KEPT_MAX || b->kept_ranges > BOX_KEPT_RANGES)
		kept_drop(b, list_entry(b->kept.prev, struct box_kept, in));
}

/* ---- opening ---- */

struct opening {
	struct box_user *u;
	struct box_look look;
	struct box_kept **kept; /* those of the process; a share in each while the pool reads */
	unsigned nkept;
	struct uidset uids;
	bool first_unseen;
	uint64_t version; /* of the directory, before rights were looked up */
	struct box_selected *more; /* or NULL */
	struct arena *a; /* for more */
};

static const struct box_kept *kept_of(const struct opening *o)
{
	for (unsigned i = 0; i < o->nkept; i++)
		if (o->kept[i]->folder_id == o->look.f.id)
			return o->kept[i];
	return NULL;
}

static int add_new(struct sql *db, struct opening *o, uint32_t after, struct err *e)
{
	AUTO(arena) struct arena a = {0};
	struct mailbox_query q = {.account_id = o->look.where.account_id,
		.folder_id = o->look.f.id,
		.after = after,
		.most = SYNC_PIECE};
	struct mailbox_message *v;
	size_t n;
	do {
		arena_reset(&a);
		if (mailbox_rows(db, &q, &a, &v, &n, e) < 0)
			return -1;
		for (size_t i = 0; i < n; i++)
			uidset_add(&o->uids, q.after = v[i].uid, v[i].uid);
	} while (n == SYNC_PIECE);
	return 0;
}

/* From what was known of it: 1, 0 when that does not help, -1. */
static int read_kept(struct sql *db, struct opening *o, struct err *e)
{
	const struct box_kept *k = kept_of(o);
	const struct mailbox_folder *f = &o->look.f;
	AUTO(uidset) struct uidset gone = {0};
	if (!k || k->uidvalidity != f->uidvalidity || k->modseq > f->modseq ||
		f->uidnext - k->uidnext > k->uids.count / 10 + 1000)
		return 0;
	if (k->modseq < f->modseq &&
		mailbox_vanished(db, o->look.where.account_id, f->id, k->modseq, &gone, e) < 0)
		return e->kind == ERR_NOTFOUND ? 0 : -1;
	uidset_copy(&o->uids, &k->uids);
	uidset_drop(&o->uids, &gone);
	return f->uidnext == k->uidnext || add_new(db, o, k->uidnext - 1, e) == 0 ? 1 : -1;
}

static int read_uids(struct sql *db, struct opening *o, struct err *e)
{
	int64_t account = o->look.where.account_id;
	int r = read_kept(db, o, e);
	if (r == 0)
		r = mailbox_uids(db, account, o->look.f.id, &o->uids, e);
	return r < 0 ? -1 : 0;
}

static int read_more(struct sql *db, struct opening *o, struct err *e)
{
	int64_t account = o->look.where.account_id, folder = o->look.f.id;
	struct box_selected *m = o->more;
	AUTO(uidset) struct uidset unseen = {0};
	if (!m)
		return 0;
	*m = (struct box_selected){0};
	if (mailbox_keywords(db, account, folder, o->a, &m->keywords, &m->nkeywords, e) < 0)
		return -1;
	if (!o->first_unseen || !o->look.f.unseen)
		return 0;
	if (mailbox_uids_flagged(db, account, folder, MAILBOX_SEEN, false, &unseen, e) < 0)
		return -1;
	m->first_unseen = uidset_at(&unseen, 0);
	return 0;
}

static int open_job(struct sql *db, void *arg, struct err *e)
{
	struct opening *o = arg;
	uidset_done(&o->uids);
	if (box_look_db(db, &o->look, e) < 0)
		return -1;
	if (!o->look.found || !box_may_quietly(o->look.rights, BOX_DO_OPEN))
		return 0;
	return read_uids(db, o, e) < 0 ? -1 : read_more(db, o, e);
}

/* What may be of use: sets of this account. */
static void borrow_kept(struct opening *o)
{
	struct boxes *b = o->u->b;
	o->kept = ARENA_ARRAY(o->look.a, struct box_kept *, b->nkept + 1);
	list_each(it, &b->kept) {
		struct box_kept *k = list_entry(it, struct box_kept, in);
		if (k->account_id != o->look.where.account_id)
			continue;
		k->refs++;
		o->kept[o->nkept++] = k;
	}
}

static void return_kept(struct opening *o)
{
	for (unsigned i = 0; i < o->nkept; i++)
		kept_unref(o->kept[i]);
}

struct recent {
	int64_t account_id, folder_id;
	uint32_t from, uidnext;
};

static int recent_tx(struct sql *db, void *arg, struct err *e)
{
	struct recent *r = arg;
	return mailbox_recent_tx(db, r->account_id, r->folder_id, r->uidnext, &r->from, e);
}

/* Nothing is written when nothing is new. Of several sessions one gets them, whoever asks first; what fails leaves them recent once
 * more. Who only looks takes them from nobody. */
static void take_recent(struct box_view *v)
{
	const struct mailbox_folder *f = &v->folder.f;
	struct recent r = {v->folder.account_id, f->id, v->recent_taken, f->uidnext};
	struct err ignored;
	if (v->recent_taken >= f->uidnext)
		return;
	v->recent_taken = f->uidnext;
	uint32_t known = r.from;
	bool take_them = !v->read_only && !v->user->no_recent;
	if (take_them && commit_run_brief(v->user->b->light[mailbox_shard(r.account_id)], recent_tx,
				 &r, &ignored) < 0)
		r.from = known;
	if (r.from < r.uidnext)
		uidset_add(&v->recent, r.from, r.uidnext - 1);
}

uint64_t box_recent_count(const struct box_view *v)
{
	uint64_t n = 0;
	for (size_t i = 0; i < v->recent.n; i++) {
		struct uidrange r = v->recent.v[i];
		n += uidset_position(&v->uids, r.last) + uidset_has(&v->uids, r.last) -
		     uidset_position(&v->uids, r.first);
	}
	return n;
}

static struct box_view *view_new(struct opening *o, slice name, bool read_only)
{
	const struct box_look *l = &o->look;
	struct box_view *v = NEW(struct box_view);
	v->user = o->u;
	v->read_only = read_only;
	v->uids = o->uids;
	uidset_trim(&v->uids);
	/* As the mailbox spells it. */
	slice tail = l->f.name, head = slice_first(name, l->where.prefix.n);
	if (l->where.prefix.n)
		head = l->where.prefix;
	v->name_z = mem_alloc(head.n + tail.n + 1);
	if (head.n)
		memcpy(v->name_z, head.p, head.n);
	memcpy(v->name_z + head.n, tail.p, tail.n);
	v->folder = (struct box_folder){.name = slice_of(v->name_z, head.n + tail.n),
		.account_id = l->where.account_id,
		.f = l->f,
		.rights = l->rights,
		.own = l->where.own};
	v->folder.f.name = slice_skip(v->folder.name, head.n);
	v->modseq = v->left_modseq = l->f.modseq;
	v->recent_taken = l->f.recent_uid ? l->f.recent_uid : 1;
	return v;
}

static int open_view(
	struct opening *o, slice name, bool read_only, struct box_view **ret, struct err *e)
{
	struct boxes *b = o->u->b;
	if (!o->look.where.folder.n)
		return box_no_such(name, e);
	uint64_t seen = changes_seen(b->changes, o->look.where.account_id);
	borrow_kept(o);
	int r = box_read_of(b, o->look.where.account_id, open_job, o, e);
	return_kept(o);
	if (r == 0 && !o->look.found)
		r = box_no_such(name, e);
	if (r == 0)
		r = box_may(o->look.rights, BOX_DO_OPEN, name, e);
	if (r < 0) {
		uidset_done(&o->uids);
		return -1;
	}
	struct box_view *v = view_new(o, name, read_only);
	v->seen = v->rights_seen = seen;
	v->rights_version = o->version;
	v->looked_at = loop_now();
	take_recent(v);
	*ret = v;
	return 0;
}

int box_select(struct box_user *u, slice name, bool read_only, bool first_unseen, struct arena *a,
	struct box_selected *ret_more, struct box_view **ret, struct err *e)
{
	AUTO(arena) struct arena mem = {0};
	struct opening o = {.u = u,
		.first_unseen = first_unseen,
		.version = directory_seen(u->b->directory),
		.more = ret_more,
		.a = a};
	if (box_look_begin(u, name, &mem, &o.look, e) < 0)
		return -1;
	return open_view(&o, name, read_only, ret, e);
}

int box_open(struct box_user *u, slice name, bool read_only, struct box_view **ret, struct err *e)
{
	return box_select(u, name, read_only, false, NULL, NULL, ret, e);
}

void box_close(struct box_view *v)
{
	if (!v)
		return;
	keep_uids(v->user->b, v);
	box_ahead_free(v->ahead);
	uidset_done(&v->uids);
	uidset_done(&v->recent);
	free(v->name_z);
	free(v);
}

/* ---- what may be done with it now ---- */

struct reviewing {
	struct box_look look;
	int64_t folder_id;
};

static int review_job(struct sql *db, void *arg, struct err *e)
{
	struct reviewing *r = arg;
	return box_look_rights(db, &r->look, r->folder_id, e);
}

/* Everything but the database: an owner who is gone takes all rights along. */
static int begin_review(
	const struct box_view *v, struct arena *a, struct box_look *l, struct err *e)
{
	struct box_person owner;
	l->a = a;
	l->where.account_id = v->folder.account_id;
	if (box_whos(v->user, a, &l->whos, e) < 0 ||
		box_person(v->user->b, v->folder.account_id, a, &owner, e) < 0)
		return -1;
	l->gone = owner.gone || owner.org_id != v->user->org;
	l->base = box_rights_base(v->user, v->folder.account_id, &l->whos);
	return 0;
}

/* In the loop's thread, from memory: is what was worked out still so? */
static bool reviewed(const struct box_view *v, uint64_t seen)
{
	return v->rights_seen == seen && v->rights_version == directory_seen(v->user->b->directory);
}

static int review(struct box_view *v, struct err *e)
{
	AUTO(arena) struct arena a = {0};
	struct boxes *b = v->user->b;
	struct reviewing r = {.folder_id = v->folder.f.id};
	uint64_t seen = changes_seen(b->changes, v->folder.account_id);
	if (v->folder.own || (reviewed(v, seen) && loop_now() - v->reviewed_at < REVIEW_AFTER))
		return 0;
	if (begin_review(v, &a, &r.look, e) <
		0) /* this asks the directory where it was not asked lately */
		return -1;
	v->reviewed_at = loop_now();
	if (reviewed(v, seen))
		return 0;
	if (box_read_of(b, v->folder.account_id, review_job, &r, e) < 0)
		return -1;
	v->folder.rights = r.look.rights;
	v->rights_seen = seen;
	v->rights_version = r.look.whos.m.version;
	return 0;
}

int box_view_may(struct box_view *v, enum box_op op, struct err *e)
{
	return review(v, e) < 0 ? -1 : box_may(v->folder.rights, op, v->folder.name, e);
}

/* ---- what happened since ---- */

struct syncing {
	struct box_view *v;
	struct box_look look; /* for rights on what is another's */
	struct arena *a;
	bool expunges;
	bool gone; /* the folder, or the right to read it */
	struct mailbox_folder f;
	struct uidset left;
	struct mailbox_message *rows;
	size_t nrows, cap;
};

static int read_left(struct sql *db, struct syncing *s, struct err *e)
{
	const struct box_view *v = s->v;
	int64_t account = v->folder.account_id, folder = v->folder.f.id;
	AUTO(uidset) struct uidset now = {0};
	if (v->left_modseq >= s->f.modseq)
		return 0;
	if (mailbox_vanished(db, account, folder, v->left_modseq, &s->left, e) == 0) {
		uidset_keep(&s->left, &v->uids);
		return 0;
	}
	if (e->kind != ERR_NOTFOUND || mailbox_uids(db, account, folder, &now, e) < 0)
		return -1;
	uidset_copy(&s->left, &v->uids); /* longer ago than is remembered: compared */
	uidset_drop(&s->left, &now);
	return 0;
}

static void add_rows(struct syncing *s, const struct mailbox_message *v, size_t n)
{
	if (s->nrows + n > s->cap) {
		s->cap = s->cap ? 2 * s->cap : n;
		if (s->cap < s->nrows + n)
			s->cap = s->nrows + n;
		struct mailbox_message *grown = ARENA_ARRAY(s->a, struct mailbox_message, s->cap);
		if (s->nrows)
			memcpy(grown, s->rows, s->nrows * sizeof *grown);
		s->rows = grown;
	}
	if (n)
		memcpy(s->rows + s->nrows, v, n * sizeof *v);
	s->nrows += n;
}

static int read_changed(struct sql *db, struct syncing *s, struct err *e)
{
	const struct box_view *v = s->v;
	struct mailbox_query q = {.account_id = v->folder.account_id,
		.folder_id = v->folder.f.id,
		.since = v->modseq,
		.most = SYNC_PIECE};
	struct mailbox_message *rows;
	size_t n;
	if (v->modseq >= s->f.modseq)
		return 0;
	do {
		if (mailbox_rows(db, &q, s->a, &rows, &n, e) < 0)
			return -1;
		if (!n)
			break;
		add_rows(s, rows, n);
		q.after = rows[n - 1].uid;
	} while (n == SYNC_PIECE);
	return 0;
}

static int sync_job(struct sql *db, void *arg, struct err *e)
{
	struct syncing *s = arg;
	const struct box_folder *of = &s->v->folder;
	uidset_done(&s->left);
	s->rows = NULL;
	s->nrows = s->cap = 0;
	s->gone = false;
	if (mailbox_folder_by_id(db, of->account_id, of->f.id, s->a, &s->f, e) < 0) {
		s->gone = e->kind == ERR_NOTFOUND;
		return s->gone ? 0 : -1;
	}
	if (!of->own && box_look_rights(db, &s->look, of->f.id, e) < 0)
		return -1;
	s->gone = !of->own && !box_may_quietly(s->look.rights, BOX_DO_OPEN);
	if (s->gone)
		return 0;
	if (s->expunges && read_left(db, s, e) < 0)
		return -1;
	return read_changed(db, s, e);
}

/* Rights on another's folder are worked out anew: they may have been taken away. */
static int begin_rights(struct syncing *s, struct err *e)
{
	const struct box_view *v = s->v;
	if (v->folder.own)
		return 0;
	return begin_review(v, s->a, &s->look, e);
}

static void tell_left(struct syncing *s, struct box_news *ret)
{
	struct box_view *v = s->v;
	v->left_modseq = s->f.modseq;
	if (!s->left.count)
		return;
	ret->any = true;
	uidset_copy(&ret->before, &v->uids);
	uidset_drop(&v->uids, &s->left);
	ret->gone = s->left;
	s->left = (struct uidset){0};
}

static void tell_rows(struct syncing *s, struct box_news *ret)
{
	struct box_view *v = s->v;
	uint32_t next = v->folder.f.uidnext;
	ret->came = s->nrows ? ARENA_ARRAY(s->a, uint32_t, s->nrows) : NULL;
	for (size_t i = 0; i < s->nrows; i++) {
		uint32_t uid = s->rows[i].uid;
		if (uid < next)
			continue;
		uidset_add(&v->uids, uid, uid);
		ret->came[ret->ncame++] = uid;
	}
	ret->changed = s->rows;
	ret->nchanged = s->nrows;
	ret->any |= s->nrows > 0;
	next = ret->ncame && ret->came[ret->ncame - 1] >= s->f.uidnext
		       ? ret->came[ret->ncame - 1] + 1
		       : s->f.uidnext;
	slice name = v->folder.f.name; /* as it was opened */
	if (s->f.modseq >= v->folder.f.modseq)
		v->folder.f = s->f;
	v->folder.f.name = name;
	v->folder.f.uidnext = next;
	v->modseq = s->f.modseq;
}

/* ---- what the session did itself ---- */

struct box_ahead *box_ahead_new(const struct box_view *v)
{
	struct box_ahead *x = NEW(struct box_ahead);
	x->told.a = &x->mem;
	x->seen = changes_seen(v->user->b->changes, v->folder.account_id) + 1;
	return x;
}

void box_ahead_free(struct box_ahead *x)
{
	if (x)
		arena_done(&x->mem);
	free(x);
}

void box_ahead_keep(struct box_view *v, struct box_ahead *x)
{
	box_ahead_free(v->ahead);
	v->ahead = x;
}

static void tell_ahead(
	struct box_view *v, const struct mailbox_stored *t, struct arena *a, struct box_news *ret)
{
	ret->any = t->n > 0;
	ret->nchanged = t->n;
	ret->changed = t->n ? ARENA_ARRAY(a, struct mailbox_message, t->n) : NULL;
	for (size_t i = 0; i < t->n; i++) {
		ret->changed[i] = t->rows[i];
		ret->changed[i].keywords = arena_dup(a, t->rows[i].keywords);
	}
	slice name = v->folder.f.name;
	v->folder.f = t->folder;
	v->folder.f.name = name;
	v->modseq = v->left_modseq = t->folder.modseq;
}

/* The folder was as the view knows it, nothing else has happened in the account since: so this is all the news. */
static bool use_ahead(struct box_view *v, uint64_t seen, struct arena *a, struct box_news *ret)
{
	struct box_ahead *x = take(&v->ahead);
	bool all = x && v->folder.own && x->seen == seen && x->told.modseq_before == v->modseq &&
		   v->left_modseq == v->modseq;
	if (all) {
		tell_ahead(v, &x->told, a, ret);
		v->seen = v->rights_seen = seen;
	}
	box_ahead_free(x);
	return all;
}

/* In the loop's thread: does anything speak for looking? */
static bool must_look(struct box_view *v, bool expunges, uint64_t seen, uint64_t version)
{
	return seen != v->seen || (!v->folder.own && version != v->rights_version) ||
	       (expunges && v->left_modseq < v->modseq) ||
	       loop_now() - v->looked_at >= BOX_SLOW_LOOK;
}

int box_sync(
	struct box_view *v, bool expunges, struct arena *a, struct box_news *ret, struct err *e)
{
	struct boxes *b = v->user->b;
	struct syncing s = {.v = v, .a = a, .expunges = expunges};
	uint64_t seen = changes_seen(b->changes, v->folder.account_id);
	uint64_t version = directory_seen(b->directory);
	*ret = (struct box_news){0};
	if (use_ahead(v, seen, a, ret) || !must_look(v, expunges, seen, version))
		return 0;
	if (begin_rights(&s, e) < 0 ||
		box_read_brief(b, v->folder.account_id, sync_job, &s, e) < 0) {
		uidset_done(&s.left);
		return -1;
	}
	v->seen = v->rights_seen = seen;
	v->rights_version = version;
	v->looked_at = loop_now();
	if (s.gone) {
		v->seen = seen - 1; /* so it stays */
		v->folder.rights = 0;
		ret->any = ret->folder_gone = true;
		return 0;
	}
	if (!v->folder.own)
		v->folder.rights = s.look.rights;
	if (expunges)
		tell_left(&s, ret);
	tell_rows(&s, ret);
	take_recent(v);
	return 0;
}

/* ---- asked beside ---- */

struct asking {
	const struct box_view *v;
	struct arena *a;
	slice *keywords;
	size_t nkeywords;
	uint64_t since;
	struct uidset gone;
};

static int keywords_job(struct sql *db, void *arg, struct err *e)
{
	struct asking *q = arg;
	const struct box_folder *f = &q->v->folder;
	return mailbox_keywords(db, f->account_id, f->f.id, q->a, &q->keywords, &q->nkeywords, e);
}

int box_keywords(struct box_view *v, struct arena *a, slice **ret, size_t *ret_n, struct err *e)
{
	struct asking q = {.v = v, .a = a};
	if (box_view_may(v, BOX_DO_READ, e) < 0 ||
		box_read_of(v->user->b, v->folder.account_id, keywords_job, &q, e) < 0)
		return -1;
	*ret = q.keywords;
	*ret_n = q.nkeywords;
	return 0;
}

static int vanished_job(struct sql *db, void *arg, struct err *e)
{
	struct asking *q = arg;
	const struct box_folder *f = &q->v->folder;
	uidset_done(&q->gone);
	return mailbox_vanished(db, f->account_id, f->f.id, q->since, &q->gone, e);
}

/* Of what left, only what this session does not still count as there. */
int box_vanished(struct box_view *v, uint64_t since, struct uidset *ret, struct err *e)
{
	struct asking q = {.v = v, .since = since};
	if (box_view_may(v, BOX_DO_READ, e) < 0)
		return -1;
	if (box_read_of(v->user->b, v->folder.account_id, vanished_job, &q, e) < 0) {
		uidset_done(&q.gone);
		return -1;
	}
	uidset_drop(&q.gone, &v->uids);
	uidset_join(ret, &q.gone);
	uidset_done(&q.gone);
	return 0;
}
