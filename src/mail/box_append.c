/*
 * New messages from a person (box.h): APPEND with any number of messages, CATENATE, REPLACE. Bytes go into the blob store as they come;
 * up to a limit they are kept beside, for the summary; larger messages are read back for that. All of them get their rows in
 * one transaction, after their bytes are durable; until then nothing of them is there.
 *
 * The folder is looked up once; that it is still the same is seen in the transaction. Whoever appends to the same
 * folder again does not look it up again.
 */
#include "base/mem.h"
#include "base/must.h"
#include "mail/box_impl.h"
#include "run/pool.h"

enum { APPEND_MAX = 1000 /* messages of one command */ };
#define TOTAL_MAX (INT64_C(1) << 30) /* bytes of these; one message may be larger */

struct item {
	blob_id blob;
	uint64_t size;
	unsigned flags;
	slice keywords, summary;
	int64_t received_at;
};

struct box_append {
	struct box_user *u;
	struct arena mem;
	struct box_where where;
	slice folder; /* its name in the mailbox */
	int64_t folder_id;
	uint32_t uidvalidity;
	unsigned rights;
	struct item *v;
	size_t n, cap;
	uint64_t total; /* bytes of those before */
	/* The message that is coming in. */
	struct blob_writer *writer;
	struct item now;
	struct buf kept;
	bool whole; /* all of it is in `kept` */
	/* REPLACE. */
	struct box_view *view;
	uint32_t uid;
	/* box_append_also. */
	box_append_fn also;
	void *also_arg;
	/* What the transaction gave. */
	struct uidset uids;
	struct mailbox_place *places;
};

/* ---- the folder ---- */

static bool remembered(struct box_append *p, slice name)
{
	const struct box_user *u = p->u;
	if (!u->append_folder || !p->where.own || !slice_eq(slice_z(u->append_name), name))
		return false;
	p->folder_id = u->append_folder;
	p->uidvalidity = u->append_validity;
	p->rights = RIGHT_ALL;
	return true;
}

static void remember(struct box_append *p)
{
	struct box_user *u = p->u;
	if (!p->where.own)
		return;
	free(u->append_name);
	u->append_name = mem_dup(p->folder.p, p->folder.n);
	u->append_folder = p->folder_id;
	u->append_validity = p->uidvalidity;
}

static void forget(struct box_user *u)
{
	free(take(&u->append_name));
	u->append_folder = 0;
}

static int find_folder(struct box_append *p, slice name, struct err *e)
{
	struct box_look l;
	if (box_locate(p->u, name, &p->mem, &p->where, e) < 0)
		return -1;
	p->folder = p->where.folder;
	if (p->folder.n && remembered(p, p->folder))
		return 0;
	if (box_look_up(p->u, name, BOX_DO_APPEND, &p->mem, &l, e) < 0)
		return -1;
	p->where = l.where;
	p->folder = l.f.name;
	p->folder_id = l.f.id;
	p->uidvalidity = l.f.uidvalidity;
	p->rights = l.rights;
	remember(p);
	return 0;
}

int box_append_begin(struct box_user *u, slice folder, struct box_append **ret, struct err *e)
{
	struct box_append *p = NEW(struct box_append);
	p->u = u;
	if (find_folder(p, folder, e) < 0 || box_own_quota(u, &p->where, e) < 0) {
		box_append_cancel(p);
		return -1;
	}
	*ret = p;
	return 0;
}

/* ---- messages ---- */

int box_append_start(struct box_append *p, const struct box_append_options *o, struct err *e)
{
	must(!p->writer);
	if (p->n >= APPEND_MAX)
		return err_set(e, ERR_LIMIT, "at most %d messages at once", APPEND_MAX);
	bool keywords = p->rights & RIGHT_WRITE;
	p->now = (struct item){.flags = o->flags & box_flags_allowed(p->rights),
		.keywords = keywords ? arena_dup(&p->mem, o->keywords) : (slice){0},
		.received_at = o->received_at};
	p->kept = BUF(BOX_KEEP_MAX);
	p->whole = true;
	p->writer = blob_begin(p->u->b->blobs);
	return 0;
}

int box_append_bytes(struct box_append *p, slice bytes, struct err *e)
{
	must(p->writer);
	p->now.size += bytes.n;
	if (p->now.size > (uint64_t)p->u->b->conf.max_message)
		return err_set(e, ERR_LIMIT, "message is larger than %lld bytes",
			(long long)p->u->b->conf.max_message);
	/* Before they are on the disk: a few words of CATENATE make a lot of them. */
	if (p->total && p->total + p->now.size > TOTAL_MAX)
		return err_set(e, ERR_LIMIT, "messages of one command are larger than %lld bytes",
			(long long)TOTAL_MAX);
	if (p->where.quota && p->total + p->now.size > p->where.quota)
		return err_set(e, ERR_QUOTA, "the mailbox has no room left for this");
	if (p->whole && p->now.size <= BOX_KEEP_MAX) {
		buf_put(&p->kept, bytes);
	} else if (p->whole) {
		p->whole = false;
		buf_done(&p->kept);
	}
	return blob_add(p->writer, bytes, e);
}

struct making {
	slice message;
	struct buf *out;
};

static void make_in_pool(void *arg)
{
	struct making *m = arg;
	box_summary_make(m->message, 0, m->out);
}

/* Without one the message is stored all the same: it is made when somebody asks. */
static void make_summary(struct box_append *p)
{
	AUTO(buf) struct buf out = BUF(2 * SUMMARY_MAX);
	struct making m = {buf_slice(&p->kept), &out};
	struct err e;
	if (!p->whole) {
		if (box_summary_read(p->u->b, (slice){0}, p->now.blob, p->now.size, &out, &e) < 0)
			return;
	} else if (m.message.n <= BOX_SMALL) {
		make_in_pool(&m);
	} else {
		pool_call(make_in_pool, &m);
	}
	if (buf_ok(&out))
		p->now.summary = arena_dup(&p->mem, buf_slice(&out));
}

int box_append_end(struct box_append *p, struct err *e)
{
	must(p->writer);
	if (blob_finish(take(&p->writer), &p->now.blob, &p->now.size, e) < 0)
		return -1;
	if (p->n == p->cap) {
		p->cap = p->cap ? 2 * p->cap : 1;
		struct item *grown = ARENA_ARRAY(&p->mem, struct item, p->cap);
		if (p->n)
			memcpy(grown, p->v, p->n * sizeof *grown);
		p->v = grown;
	}
	make_summary(p);
	buf_done(&p->kept);
	p->total += p->now.size;
	p->v[p->n++] = p->now;
	p->now = (struct item){0};
	return 0;
}

void box_append_date(struct box_append *p, int64_t received_at)
{
	must(p->writer);
	p->now.received_at = received_at;
}

void box_append_drop(struct box_append *p)
{
	blob_cancel(take(&p->writer));
	buf_done(&p->kept);
	p->now = (struct item){0};
}

/* ---- all or none ---- */

void box_append_also(struct box_append *p, box_append_fn fn, void *arg)
{
	p->also = fn;
	p->also_arg = arg;
}

static int check_room(struct sql *db, const struct box_append *p, struct err *e)
{
	uint64_t bytes = 0;
	for (size_t i = 0; i < p->n; i++)
		bytes += p->v[i].size;
	return box_room_tx(db, &p->where, bytes, p->n, e);
}

/* REPLACE: the one that leaves. Within the mailbox its room is free again, so this comes first. */
static int replace_tx(struct sql *db, struct box_append *p, struct err *e)
{
	AUTO(uidset) struct uidset one = {0};
	AUTO(uidset) struct uidset gone = {0};
	const struct box_folder *f = &p->view->folder;
	uint64_t modseq;
	uidset_add(&one, p->uid, p->uid);
	if (mailbox_expunge_tx(
		    db, f->account_id, f->f.id, &one, false, &p->u->actor, &gone, &modseq, e) < 0)
		return -1;
	return gone.count ? 0 : err_set(e, ERR_NOTFOUND, "the message to be replaced is gone");
}

static int append_tx(struct sql *db, void *arg, struct err *e)
{
	struct box_append *p = arg;
	uidset_done(&p->uids);
	if ((p->view && replace_tx(db, p, e) < 0) || check_room(db, p, e) < 0)
		return -1;
	for (size_t i = 0; i < p->n; i++) {
		const struct item *it = &p->v[i];
		struct mailbox_place place;
		const struct mailbox_delivery d = {.account_id = p->where.account_id,
			.folder = p->folder,
			.blob = it->blob,
			.size = it->size,
			.received_at = it->received_at,
			.flags = it->flags,
			.keywords = it->keywords,
			.summary = it->summary};
		if (mailbox_deliver_tx(db, &d, &place, e) < 0)
			return -1;
		if (place.folder_id != p->folder_id) /* removed, and made again just now */
			return box_no_such(p->folder, e);
		p->uidvalidity = place.uidvalidity;
		p->places[i] = place;
		uidset_add(&p->uids, place.uid, place.uid);
	}
	return p->also ? p->also(db, p->also_arg, p->places, p->n, e) : 0;
}

static void use_blobs(struct box_append *p, blob_id *ret)
{
	int64_t now = wall_now();
	for (size_t i = 0; i < p->n; i++) {
		ret[i] = p->v[i].blob;
		if (!p->v[i].received_at)
			p->v[i].received_at = now;
	}
}

/* Across shards the new one comes first: a crash between leaves both. */
static int replace_after(struct box_view *view, uint32_t uid, struct err *e)
{
	AUTO(uidset) struct uidset one = {0};
	AUTO(uidset) struct uidset gone = {0};
	uint64_t modseq;
	uidset_add(&one, uid, uid);
	return box_expunge(view, &one, true, &gone, &modseq, e);
}

static int may_replace(struct box_view *view, struct err *e)
{
	if (view->read_only)
		return err_set(e, ERR_DENIED, "the folder was opened for reading");
	return box_view_may(view, BOX_DO_REPLACE, e);
}

int box_append_commit(struct box_append *p, struct box_view *view, uint32_t uid,
	uint32_t *ret_uidvalidity, struct uidset *ret_uids, struct err *e)
{
	struct boxes *b = p->u->b;
	must(!p->writer);
	if (view && may_replace(view, e) < 0)
		return -1;
	int shard = mailbox_shard(p->where.account_id);
	bool together = view && mailbox_shard(view->folder.account_id) == shard;
	blob_id *blobs = ARENA_ARRAY(&p->mem, blob_id, p->n + 1);
	size_t n = p->n;
	use_blobs(p, blobs);
	p->places = ARENA_ARRAY(&p->mem, struct mailbox_place, n + 1);
	p->view = together ? view : NULL;
	p->uid = uid;
	int r = commit_run_blobs(b->commit[shard], blobs, n, append_tx, p, e);
	p->n = 0; /* settled, whatever came of it */
	if (r < 0) {
		if (e->kind == ERR_NOTFOUND)
			forget(p->u);
		return -1;
	}
	changes_tell(b->changes, p->where.account_id);
	if (together && view->folder.account_id != p->where.account_id)
		changes_tell(b->changes, view->folder.account_id);
	*ret_uidvalidity = p->uidvalidity;
	uidset_join(ret_uids, &p->uids);
	return view && !together ? replace_after(view, uid, e) : 0;
}

void box_append_cancel(struct box_append *p)
{
	if (!p)
		return;
	blob_cancel(p->writer);
	for (size_t i = 0; i < p->n; i++)
		blob_settle(p->u->b->blobs, p->v[i].blob);
	buf_done(&p->kept);
	uidset_done(&p->uids);
	arena_done(&p->mem);
	free(p);
}
