/*
 * Mail that moves in (import.h): sources and their folders. Called by live migration and collection (bin/collect*.c) and by commands that read
 * files. A source is read by one process at a time, which a lock on a byte of DATA/db/import-source.lock says; the kernel takes it back from a process that dies.
 *
 * What is known of a folder's messages is read when the folder begins and held while it is being read: a few dozen bytes a message.
 */
#include "base/mem.h"
#include "base/must.h"
#include "mail/import_impl.h"

#include <errno.h>
#include <fcntl.h>

/* ---- opening ---- */

struct opening {
	struct importing *i;
	int64_t source_id;
};

static int find_source(struct sql *db, void *arg, struct err *e)
{
	struct opening *o = arg;
	int r = moved_source_find(db, o->i->u->account, o->i->source, &o->source_id, e);
	return r < 0 && e->kind == ERR_NOTFOUND ? 0 : r;
}

static int make_source(struct sql *db, void *arg, struct err *e)
{
	struct opening *o = arg;
	if (moved_source_tx(db, o->i->u->account, o->i->source, wall_now(), &o->source_id, e) < 0)
		return -1;
	return moved_refused_clear_tx(db, o->source_id, e);
}

static int lock(struct importing *i, struct err *e)
{
	const char *path =
		arena_strz(&i->mem, arena_printf(&i->mem, "%.*s/db/import-source.lock", SFMT(i->b->data)));
	struct flock l = {.l_type = F_WRLCK,
		.l_whence = SEEK_SET,
		.l_start = i->source_id * MAILBOX_SHARDS + mailbox_shard(i->u->account),
		.l_len = 1};
	i->lock = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	if (i->lock < 0)
		return err_sys(e, errno, "%s", path);
	if (fcntl(i->lock, F_OFD_SETLK, &l) == 0)
		return 0;
	if (errno == EAGAIN || errno == EACCES)
		return err_set(e, ERR_EXISTS, "another process imports from there now");
	return err_sys(e, errno, "%s", path);
}

/* The lines of the last pass go when this one holds the lock. */
static int open_source(struct importing *i, struct err *e)
{
	struct opening o = {.i = i};
	if (box_read_of(i->b, i->u->account, find_source, &o, e) < 0)
		return -1;
	if (!o.source_id && i->o.dry_run)
		return 0;
	if (!o.source_id && box_change(i->b, i->u->account, make_source, &o, e) < 0)
		return -1;
	i->source_id = o.source_id;
	if (i->o.dry_run)
		return 0;
	if (lock(i, e) < 0)
		return -1;
	return box_change(i->b, i->u->account, make_source, &o, e);
}

int import_open(struct boxes *b, struct box_user *u, slice source, const struct import_options *o,
	struct importing **ret, struct err *e)
{
	if (source.n == 0 || source.n > IMPORT_SOURCE_MAX)
		return err_set(e, ERR_PROTO, "a source's name is 1 to %d bytes", IMPORT_SOURCE_MAX);
	struct importing *i = NEW(struct importing);
	i->b = b;
	i->u = u;
	i->o = *o;
	i->lock = -1;
	i->source = arena_dup(&i->mem, source);
	i->o.into = arena_dup(&i->mem, o->into);
	i->md = EVP_MD_CTX_new();
	i->head = BUF(IMPORT_HEAD_MAX);
	uint64_t most = (uint64_t)b->conf.max_message;
	if (!i->o.max_message || i->o.max_message > most)
		i->o.max_message = most;
	if (open_source(i, e) < 0) {
		import_close(i);
		return -1;
	}
	*ret = i;
	return 0;
}

void import_close(struct importing *i)
{
	if (!i)
		return;
	import_box_abandon(i);
	auto_fd(&i->lock);
	EVP_MD_CTX_free(i->md);
	buf_done(&i->head);
	arena_done(&i->batch_mem);
	arena_done(&i->change_mem);
	arena_done(&i->box_mem);
	arena_done(&i->mem);
	free(i);
}

int import_flush(struct importing *i, struct err *e)
{
	return import_batch_flush(i, e) < 0 ? -1 : import_changes_flush(i, e);
}

/* ---- where a box goes ---- */

/* The folder that has this use here. */
static int folder_of_use(struct importing *i, enum mailbox_use use, slice *ret, struct err *e)
{
	AUTO(arena) struct arena a = {0};
	struct box_folder *v;
	size_t n;
	if (box_folders(i->u, BOX_OWN, &a, &v, &n, e) < 0)
		return -1;
	for (size_t k = 0; k < n; k++)
		if (v[k].f.id && v[k].f.use == use)
			*ret = arena_dup(&i->box_mem, v[k].name);
	return 0;
}

static int make_folder(struct importing *i, const struct import_box *b, struct err *e)
{
	bool use = b->use && !i->o.into.n;
	if (i->o.dry_run)
		return 0;
	if (box_folder_make(i->u, i->folder, use ? b->use : MAILBOX_USE_NONE, e) < 0 &&
		e->kind != ERR_EXISTS)
		return -1;
	return b->subscribed ? box_subscribe(i->u, i->folder, true, e) : 0;
}

static int find_folder(struct importing *i, const struct import_box *b, struct err *e)
{
	slice path = b->path;
	i->folder = S("");
	if (i->o.into.n)
		path = arena_printf(&i->box_mem, "%.*s/%.*s", SFMT(i->o.into), SFMT(path));
	else if (b->use && !slice_ieq(path, S("INBOX")) &&
		 folder_of_use(i, b->use, &i->folder, e) < 0)
		return -1;
	if (!i->folder.n)
		i->folder = import_path(path, &i->box_mem);
	return make_folder(i, b, e);
}

/* ---- what is known of it ---- */

static void know(struct importing *i, const struct moved_key *k)
{
	if (k->epoch == i->box.epoch) {
		struct import_seen *s = ARENA_NEW(&i->box_mem, struct import_seen);
		*s = (struct import_seen){
			.flags = k->flags, .words = import_words_hash(k->keywords)};
		map_put(&i->keys, k->key, s);
		return;
	}
	struct import_stale *o = ARENA_NEW(&i->box_mem, struct import_stale);
	o->k = *k;
	o->k.key = arena_dup(&i->box_mem, k->key);
	o->k.keywords = arena_dup(&i->box_mem, k->keywords);
	o->next = map_get(&i->stale, slice_of(k->hash, MOVED_HASH));
	map_put(&i->stale, slice_of(k->hash, MOVED_HASH), o);
}

static int read_keys(struct sql *db, void *arg, struct err *e)
{
	struct importing *i = arg;
	AUTO(arena) struct arena one = {0};
	AUTO(arena) struct arena other = {0};
	struct arena *now = &one, *before = &other;
	struct moved_key *v = NULL;
	size_t n = 0;
	map_done(&i->keys);
	map_done(&i->stale);
	do {
		const struct moved_key *last = n ? &v[n - 1] : NULL;
		struct arena *swap = before;
		before = now;
		now = swap;
		arena_reset(now);
		if (moved_keys(db, i->box.id, last, now, &v, &n, e) < 0)
			return -1;
		for (size_t k = 0; k < n; k++)
			know(i, &v[k]);
		if (i->keys.n + i->stale.n > IMPORT_BOX_MAX)
			return err_set(
				e, ERR_LIMIT, "more than %d messages in a folder", IMPORT_BOX_MAX);
	} while (n == MOVED_PIECE);
	return 0;
}

static int make_box(struct sql *db, void *arg, struct err *e)
{
	struct importing *i = arg;
	return moved_box_tx(db, &i->box, &i->box.id, e);
}

/* Before it is made or its epoch changed: how far the last pass came. */
static int find_box(struct sql *db, void *arg, struct err *e)
{
	struct importing *i = arg;
	struct moved_box b;
	if (moved_box_find(db, i->source_id, i->box.name, &i->box_mem, &b, e) < 0)
		return e->kind == ERR_NOTFOUND ? 0 : -1;
	i->box.id = b.id;
	if (b.epoch == i->box.epoch) {
		i->box.modseq = b.modseq;
		i->box.told = b.told;
		i->box.whole = b.whole;
	}
	return 0;
}

struct words_job {
	struct importing *i;
	struct arena mem;
};

static int read_words(struct sql *db, void *arg, struct err *e)
{
	struct words_job *j = arg;
	struct importing *i = j->i;
	struct mailbox_folder f;
	slice *v;
	size_t n;
	bool lost;
	if (mailbox_folder_find(db, i->box.account_id, i->folder, &j->mem, &f, e) < 0)
		return e->kind == ERR_NOTFOUND ? 0 : -1;
	if (mailbox_keywords(db, i->box.account_id, f.id, &j->mem, &v, &n, e) < 0)
		return -1;
	for (size_t k = 0; k < n; k++)
		import_words(i, v[k], &j->mem, &lost);
	return 0;
}

static int know_box(struct importing *i, struct err *e)
{
	struct words_job words = {.i = i};
	int r = 0;
	if (i->source_id)
		r = box_read_of(i->b, i->u->account, find_box, i, e);
	if (r == 0 && !i->o.dry_run)
		r = box_change(i->b, i->u->account, make_box, i, e);
	if (r == 0 && i->box.id)
		r = box_read_of(i->b, i->u->account, read_keys, i, e);
	if (r == 0)
		r = box_read_of(i->b, i->u->account, read_words, &words, e);
	arena_done(&words.mem);
	return r;
}

int import_box_begin(struct importing *i, const struct import_box *b, struct import_known_box *ret,
	struct err *e)
{
	must(!i->in_box);
	arena_reset(&i->box_mem);
	i->in_box = true;
	i->refused_here = i->unchanged = false;
	i->told = 0;
	i->box = (struct moved_box){.source_id = i->source_id,
		.account_id = i->u->account,
		.name = arena_dup(&i->box_mem, b->name),
		.epoch = b->epoch};
	if (find_folder(i, b, e) < 0) {
		import_box_abandon(i);
		return -1;
	}
	i->box.path = i->folder;
	if (know_box(i, e) < 0) {
		import_box_abandon(i);
		return -1;
	}
	i->r.boxes++;
	*ret = (struct import_known_box){.epoch = i->box.whole || i->box.modseq ? b->epoch : 0,
		.modseq = i->box.modseq,
		.messages = i->box.whole ? i->box.told : UINT64_MAX,
		.keys = i->keys.n};
	return 0;
}

/* ---- its end ---- */

void import_box_abandon(struct importing *i)
{
	import_message_drop(i);
	import_batch_drop(i);
	i->nchanges = 0;
	map_done(&i->keys);
	map_done(&i->stale);
	map_done(&i->words);
	i->keys = i->stale = i->words = (struct map){0};
	i->in_box = false;
}

void import_box_unchanged(struct importing *i)
{
	must(i->in_box);
	i->unchanged = true;
	i->r.messages += i->keys.n;
	i->r.present += i->keys.n;
}

static int box_done(struct sql *db, void *arg, struct err *e)
{
	struct importing *i = arg;
	return moved_box_done_tx(db, &i->box, e) < 0
		       ? -1
		       : moved_source_done_tx(db, i->source_id, wall_now(), e);
}

static int finish_box(struct importing *i, bool complete, uint64_t modseq, struct err *e)
{
	if (i->unchanged)
		return 0;
	if (import_batch_flush(i, e) < 0 || (complete && import_gone(i, e) < 0) ||
		import_changes_flush(i, e) < 0)
		return -1;
	i->box.told = i->told;
	i->box.whole = complete && !i->refused_here;
	i->box.modseq = i->box.whole ? modseq : 0;
	return i->o.dry_run ? 0 : box_change(i->b, i->u->account, box_done, i, e);
}

int import_box_end(struct importing *i, bool complete, uint64_t modseq, struct err *e)
{
	must(i->in_box && !i->open);
	int r = finish_box(i, complete, modseq, e);
	import_box_abandon(i);
	return r;
}
