/*
 * What a person changes in an open folder (box.h): flags, copies, moves, expunging; each as far as the rights go (RFC 4314 section 4).
 *
 * Flags and expunges of many messages are several transactions, so that deliveries get their turn in between; what was
 * done before an error stays done. A copy is one transaction (RFC 9051 6.4.7), or is undone. A move is one for each batch (RFC 6851 3.3
 * wants each message whole). To a mailbox of another shard a move is a copy, and then an expunge: a crash between leaves
 * the message twice, never nowhere.
 */
#include "base/mem.h"
#include "base/must.h"
#include "mail/box_impl.h"

static const char read_only_text[] = "the folder was opened for reading";

/* The next at most MAILBOX_BATCH of `all` from *from on, which moves behind them (0: behind the largest number). */
static bool next_batch(const struct uidset *all, uint32_t *from, struct uidset *ret)
{
	uidset_done(ret);
	for (size_t i = 0; *from && i < all->n && ret->count < MAILBOX_BATCH; i++) {
		struct uidrange r = all->v[i];
		uint64_t room = MAILBOX_BATCH - ret->count;
		if (r.last < *from)
			continue;
		if (r.first < *from)
			r.first = *from;
		if (r.last - r.first >= room)
			r.last = r.first + (uint32_t)room - 1;
		uidset_add(ret, r.first, r.last);
		*from = r.last + 1;
	}
	return ret->count > 0;
}

static void of_view(const struct box_view *v, const struct uidset *uids, struct uidset *ret)
{
	uidset_copy(ret, uids ? uids : &v->uids);
	if (uids)
		uidset_keep(ret, &v->uids);
}

/* ---- flags ---- */

struct storing {
	struct mailbox_store s;
	struct uidset batch, changed, failed;
	uint64_t modseq;
};

static int store_tx(struct sql *db, void *arg, struct err *e)
{
	struct storing *t = arg;
	uidset_done(&t->changed);
	uidset_done(&t->failed);
	t->modseq = 0;
	return mailbox_store_tx(db, &t->s, &t->changed, &t->failed, &t->modseq, e);
}

/* RFC 4314 4: what may not be changed is left alone; ERR_DENIED when nothing is left of it. */
static int narrow(
	struct box_view *v, const struct box_store *s, struct mailbox_store *to, struct err *e)
{
	if (v->read_only)
		return err_set(e, ERR_DENIED, "%s", read_only_text);
	if (box_view_may(v, BOX_DO_STORE, e) < 0)
		return -1;
	unsigned allowed = box_flags_allowed(v->folder.rights);
	bool keywords = v->folder.rights & RIGHT_WRITE;
	*to = (struct mailbox_store){.account_id = v->folder.account_id,
		.folder_id = v->folder.f.id,
		.how = s->how,
		.flags = s->flags & allowed,
		.keywords = keywords ? s->keywords : (slice){0},
		.keep = ~allowed,
		.keep_keywords = !keywords,
		.unchanged_since = s->unchanged_since};
	bool asked = s->flags || s->keywords.n, left = to->flags || to->keywords.n;
	if (asked && !left)
		return err_set(e, ERR_DENIED, "you do not have the right to change these flags");
	return 0;
}

/* A few: what the session will have to tell is known when it is done. */
static int store_brief(struct box_view *v, struct storing *t, struct err *e)
{
	struct box_ahead *x = box_ahead_new(v);
	t->s.told = &x->told;
	int r = box_change_brief(v->user->b, v->folder.account_id, store_tx, t, e);
	t->s.told = NULL;
	if (r == 0)
		box_ahead_keep(v, x);
	else
		box_ahead_free(x);
	return r;
}

int box_store(struct box_view *v, const struct box_store *s, struct uidset *changed,
	struct uidset *failed, uint64_t *ret_modseq, struct err *e)
{
	struct storing t = {.modseq = 0};
	AUTO(uidset) struct uidset all = {0};
	uint64_t modseq = 0;
	int r = 0;
	if (narrow(v, s, &t.s, e) < 0)
		return -1;
	of_view(v, s->uids, &all);
	for (uint32_t from = 1; r == 0 && next_batch(&all, &from, &t.batch);) {
		t.s.uids = &t.batch;
		r = all.count <= BOX_BRIEF
			    ? store_brief(v, &t, e)
			    : box_change_light(v->user->b, v->folder.account_id, store_tx, &t, e);
		if (r < 0)
			break;
		uidset_join(changed, &t.changed);
		uidset_join(failed, &t.failed);
		if (t.modseq > modseq)
			modseq = t.modseq;
	}
	uidset_done(&t.batch);
	uidset_done(&t.changed);
	uidset_done(&t.failed);
	if (r == 0)
		*ret_modseq = modseq;
	return r;
}

/* ---- what leaves ---- */

struct expunging {
	const struct box_view *v;
	struct uidset batch, gone;
	bool only_deleted;
	uint64_t modseq;
};

static int expunge_tx(struct sql *db, void *arg, struct err *e)
{
	struct expunging *x = arg;
	const struct box_folder *f = &x->v->folder;
	uidset_done(&x->gone);
	x->modseq = 0;
	return mailbox_expunge_tx(db, f->account_id, f->f.id, &x->batch, x->only_deleted,
		&x->v->user->actor, &x->gone, &x->modseq, e);
}

static int expunge_all(struct box_view *v, const struct uidset *all, bool force,
	struct uidset *gone, uint64_t *ret_modseq, struct err *e)
{
	struct expunging x = {.v = v, .only_deleted = !force};
	uint64_t modseq = 0;
	int r = 0;
	for (uint32_t from = 1; r == 0 && next_batch(all, &from, &x.batch);) {
		r = box_change(v->user->b, v->folder.account_id, expunge_tx, &x, e);
		if (r < 0)
			break;
		if (gone)
			uidset_join(gone, &x.gone);
		if (x.modseq > modseq)
			modseq = x.modseq;
	}
	uidset_done(&x.batch);
	uidset_done(&x.gone);
	if (r == 0 && ret_modseq)
		*ret_modseq = modseq;
	return r;
}

static int deleted_job(struct sql *db, void *arg, struct err *e)
{
	struct expunging *x = arg;
	const struct box_folder *f = &x->v->folder;
	uidset_done(&x->gone);
	return mailbox_uids_flagged(db, f->account_id, f->f.id, MAILBOX_DELETED, true, &x->gone, e);
}

int box_expunge(struct box_view *v, const struct uidset *uids, bool force, struct uidset *gone,
	uint64_t *ret_modseq, struct err *e)
{
	AUTO(uidset) struct uidset all = {0};
	if (v->read_only)
		return err_set(e, ERR_DENIED, "%s", read_only_text);
	if (box_view_may(v, force ? BOX_DO_EXPUNGE_ANY : BOX_DO_EXPUNGE, e) < 0)
		return -1;
	of_view(v, uids, &all);
	if (!force && all.count > MAILBOX_BATCH) { /* those that have it, not all there are */
		struct expunging x = {.v = v};
		int r = box_read_of(v->user->b, v->folder.account_id, deleted_job, &x, e);
		uidset_keep(&all, &x.gone);
		uidset_done(&x.gone);
		if (r < 0)
			return -1;
	}
	return expunge_all(v, &all, force, gone, ret_modseq, e);
}

/* ---- copies within a shard ---- */

struct copying {
	struct box_view *v;
	struct box_look to;
	bool move;
	struct uidset batch; /* of a move, else all */
	struct box_lesson_tx lesson;
	struct box_copied done;
};

/* Bytes of a batch. */
static int add_sizes(struct sql *db, const struct copying *c, const struct uidset *batch,
	uint64_t *bytes, uint64_t *messages, struct err *e)
{
	AUTO(arena) struct arena a = {0};
	const struct box_folder *f = &c->v->folder;
	struct mailbox_message *rows;
	size_t n;
	const struct mailbox_query q = {.account_id = f->account_id,
		.folder_id = f->f.id,
		.uids = batch,
		.most = MAILBOX_BATCH};
	if (mailbox_rows(db, &q, &a, &rows, &n, e) < 0)
		return -1;
	for (size_t i = 0; i < n; i++)
		*bytes += rows[i].size;
	*messages += n;
	return 0;
}

/* A move within a mailbox takes no more room. */
static int check_room(struct sql *db, const struct copying *c, struct err *e)
{
	AUTO(uidset) struct uidset batch = {0};
	const struct box_where *w = &c->to.where;
	uint64_t bytes = 0, messages = 0;
	if ((c->move && c->v->folder.account_id == w->account_id) ||
		(!w->quota && !w->quota_messages))
		return 0;
	for (uint32_t from = 1; next_batch(&c->batch, &from, &batch);)
		if (add_sizes(db, c, &batch, &bytes, &messages, e) < 0)
			return -1;
	return box_room_tx(db, w, bytes, messages, e);
}

static int still_there(struct sql *db, struct copying *c, struct err *e)
{
	AUTO(arena) struct arena a = {0};
	struct mailbox_folder f;
	if (mailbox_folder_by_id(db, c->to.where.account_id, c->to.f.id, &a, &f, e) == 0)
		return 0;
	return e->kind == ERR_NOTFOUND ? box_no_such(c->to.where.folder, e) : -1;
}

static int copy_batch(struct sql *db, struct copying *c, const struct uidset *batch, struct err *e)
{
	const struct box_folder *f = &c->v->folder;
	const struct mailbox_copy m = {.account_id = f->account_id,
		.folder_id = f->f.id,
		.uids = batch,
		.to_account = c->to.where.account_id,
		.to_folder = c->to.f.id,
		.keep_flags = box_flags_allowed(c->to.rights),
		.keep_keywords = c->to.rights & RIGHT_WRITE,
		.move = c->move,
		.by = &c->v->user->actor};
	AUTO(uidset) struct uidset from = {0};
	AUTO(uidset) struct uidset to = {0};
	if (box_lessons_tx(db, &c->lesson, f, batch, e) < 0 ||
		mailbox_copy_tx(db, &m, &from, &to, &c->done.uidvalidity, e) < 0)
		return -1;
	uidset_join(&c->done.from, &from);
	uidset_join(&c->done.to, &to);
	return 0;
}

static int copy_tx(struct sql *db, void *arg, struct err *e)
{
	struct copying *c = arg;
	AUTO(uidset) struct uidset batch = {0};
	uidset_done(&c->done.from);
	uidset_done(&c->done.to);
	if (still_there(db, c, e) < 0 || check_room(db, c, e) < 0)
		return -1;
	for (uint32_t from = 1; next_batch(&c->batch, &from, &batch);)
		if (copy_batch(db, c, &batch, e) < 0)
			return -1;
	return 0;
}

static int copy_once(struct copying *c, struct box_copied *ret, struct err *e)
{
	struct boxes *b = c->v->user->b;
	if (box_change(b, c->to.where.account_id, copy_tx, c, e) < 0)
		return -1;
	if (c->v->folder.account_id != c->to.where.account_id)
		changes_tell(b->changes, c->v->folder.account_id);
	uidset_join(&ret->from, &c->done.from);
	uidset_join(&ret->to, &c->done.to);
	ret->uidvalidity = c->done.uidvalidity;
	return 0;
}

static int copy_within(
	struct copying *c, const struct uidset *all, struct box_copied *ret, struct err *e)
{
	int r = 0;
	if (!c->move) {
		uidset_copy(&c->batch, all);
		r = copy_once(c, ret, e);
	} else {
		for (uint32_t from = 1; r == 0 && next_batch(all, &from, &c->batch);)
			r = copy_once(c, ret, e);
	}
	uidset_done(&c->batch);
	uidset_done(&c->done.from);
	uidset_done(&c->done.to);
	return r;
}

/* ---- copies to another shard ---- */

struct crossing {
	struct copying *c;
	struct arena mem;
	struct mailbox_message *rows;
	size_t n, cap;
};

static int cross_read(struct sql *db, void *arg, struct err *e)
{
	struct crossing *x = arg;
	const struct box_folder *f = &x->c->v->folder;
	struct mailbox_query q = {.account_id = f->account_id,
		.folder_id = f->f.id,
		.uids = &x->c->batch,
		.want = MAILBOX_WANT_EMAIL | MAILBOX_WANT_SUMMARY,
		.most = (size_t)x->c->batch.count};
	return mailbox_rows(db, &q, &x->mem, &x->rows, &x->n, e);
}

static slice kept_keywords(const struct copying *c, const struct mailbox_message *m)
{
	return c->to.rights & RIGHT_WRITE ? m->keywords : (slice){0};
}

static int cross_tx(struct sql *db, void *arg, struct err *e)
{
	struct crossing *x = arg;
	struct copying *c = x->c;
	uint64_t bytes = 0;
	uidset_done(&c->done.from);
	uidset_done(&c->done.to);
	for (size_t i = 0; i < x->n; i++)
		bytes += x->rows[i].size;
	if (still_there(db, c, e) < 0 || box_room_tx(db, &c->to.where, bytes, x->n, e) < 0)
		return -1;
	for (size_t i = 0; i < x->n; i++) {
		const struct mailbox_message *m = &x->rows[i];
		struct mailbox_place p;
		const struct mailbox_delivery d = {.account_id = c->to.where.account_id,
			.folder = c->to.f.name,
			.blob = m->blob,
			.size = m->size - m->prefix.n,
			.prefix = m->prefix,
			.received_at = m->received_at,
			.flags = m->flags & box_flags_allowed(c->to.rights),
			.keywords = kept_keywords(c, m),
			.summary = m->summary};
		if (mailbox_deliver_tx(db, &d, &p, e) < 0)
			return -1;
		c->done.uidvalidity = p.uidvalidity;
		uidset_add(&c->done.from, m->uid, m->uid);
		uidset_add(&c->done.to, p.uid, p.uid);
	}
	return 0;
}

/* gc must not look between the two databases: the messages are held until both are written. */
static int hold_all(struct crossing *x, size_t *held, struct err *e)
{
	for (*held = 0; *held < x->n; ++*held)
		if (blob_hold(x->c->v->user->b->blobs, x->rows[*held].blob, e) < 0)
			return e->kind == ERR_NOTFOUND
				       ? err_set(e, ERR_TEMP,
						 "a message is just being moved on the disk")
				       : -1;
	return 0;
}

static int cross_batch(struct copying *c, struct box_copied *ret, struct err *e)
{
	struct crossing x = {.c = c};
	struct box_view *v = c->v;
	struct boxes *b = v->user->b;
	size_t held = 0;
	int r = box_read_of(b, v->folder.account_id, cross_read, &x, e);
	if (r == 0)
		r = hold_all(&x, &held, e);
	if (r == 0)
		r = box_change(b, c->to.where.account_id, cross_tx, &x, e);
	if (r == 0 && c->move)
		r = expunge_all(v, &c->done.from, true, NULL, NULL, e);
	while (held)
		blob_settle(b->blobs, x.rows[--held].blob);
	if (r == 0) {
		uidset_join(&ret->from, &c->done.from);
		uidset_join(&ret->to, &c->done.to);
		ret->uidvalidity = c->done.uidvalidity;
	}
	arena_done(&x.mem);
	return r;
}

struct undoing {
	struct copying *c;
	struct uidset batch, gone;
	uint64_t modseq;
};

static int undo_tx(struct sql *db, void *arg, struct err *e)
{
	struct undoing *x = arg;
	const struct box_look *to = &x->c->to;
	uidset_done(&x->gone);
	return mailbox_expunge_tx(db, to->where.account_id, to->f.id, &x->batch, false,
		&x->c->v->user->actor, &x->gone, &x->modseq, e);
}

/* A copy is all or nothing (RFC 9051 6.4.7), also where it took several transactions. */
static void undo(struct copying *c, struct box_copied *ret)
{
	struct undoing x = {.c = c};
	struct err ignored;
	for (uint32_t from = 1; next_batch(&ret->to, &from, &x.batch);)
		box_change(c->v->user->b, c->to.where.account_id, undo_tx, &x, &ignored);
	uidset_done(&x.batch);
	uidset_done(&x.gone);
	uidset_done(&ret->from);
	uidset_done(&ret->to);
}

static int copy_across(
	struct copying *c, const struct uidset *all, struct box_copied *ret, struct err *e)
{
	int r = 0;
	for (uint32_t from = 1; r == 0 && next_batch(all, &from, &c->batch);)
		r = cross_batch(c, ret, e);
	if (r < 0 && !c->move)
		undo(c, ret);
	uidset_done(&c->batch);
	uidset_done(&c->done.from);
	uidset_done(&c->done.to);
	return r;
}

int box_copy(struct box_view *v, const struct uidset *uids, slice to, bool move,
	struct box_copied *ret, struct err *e)
{
	AUTO(arena) struct arena a = {0};
	AUTO(uidset) struct uidset all = {0};
	struct copying c = {.v = v, .move = move};
	if (move && v->read_only)
		return err_set(e, ERR_DENIED, "%s", read_only_text);
	if (box_view_may(v, move ? BOX_DO_MOVE_FROM : BOX_DO_COPY_FROM, e) < 0 ||
		box_look_up(v->user, to, BOX_DO_COPY_TO, &a, &c.to, e) < 0 ||
		box_own_quota(v->user, &c.to.where, e) < 0)
		return -1;
	c.lesson = box_lesson_of(v, &c.to);
	of_view(v, uids, &all);
	ret->uidvalidity = c.to.f.uidvalidity;
	if (!all.count)
		return 0;
	bool within = mailbox_shard(v->folder.account_id) == mailbox_shard(c.to.where.account_id);
	return (within ? copy_within : copy_across)(&c, &all, ret, e);
}
