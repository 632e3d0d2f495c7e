/*
 * The blob store of a process: its open pack, flushing and syncing it, holds against gc. Messages
 * are taken in by blob_write.c and read by blob_read.c.
 *
 * Appending happens in memory under `lock`, by coroutines; the disk is written under `io`, in the
 * pool or in a program's only thread. When the disk fails, the pack is abandoned at its last good
 * sync and everything behind that is lost: its ids are known by pack and offset (hold.lost_from),
 * so that the committer can refuse exactly those messages.
 */
#include "store/blob_int.h"

#include "base/mem.h"
#include "base/must.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>

enum { SPARE_MAX = 2 * BLOB_UNWRITTEN_MAX };

int blobs_open(slice dir, struct blobs **ret, struct err *e)
{
	AUTO(free) char *root = mem_dup(dir.p, dir.n);
	AUTO(buf) struct buf path = BUF(3000);
	buf_printf(&path, "%s/blob", root);
	buf_byte(&path, 0);
	if (!buf_ok(&path))
		return err_set(e, ERR_LIMIT, "path of the store is too long");
	if (mkdir(path.p, 0700) < 0 && errno == ENOENT) {
		mkdir(root, 0700);
		mkdir(path.p, 0700);
	}
	AUTO(fd) int fd = open(path.p, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return err_sys(e, errno, "%s", path.p);
	struct blobs *b = NEW(struct blobs);
	b->dir = take_fd(&fd);
	b->holds.dir = b->dir;
	pack_cache_init(&b->cache, b->dir);
	b->segments = segments_new(root);
	pthread_mutex_init(&b->io, NULL);
	pthread_mutex_init(&b->lock, NULL);
	cond_init(&b->room);
	*ret = b;
	return 0;
}

static void free_segments(struct segment *list)
{
	while (list) {
		struct segment *next = list->next;
		free(list);
		list = next;
	}
}

/* With the lock held. The pack ends here; what it has on stable storage stays good. */
static void retire(struct blobs *b)
{
	struct pack_out *p = take(&b->active);
	uint32_t no = p->no;
	pack_out_close(p); /* its descriptor belongs to the hold */
	hold_drop(&b->holds, no);
}

void blobs_close(struct blobs *b)
{
	if (!b)
		return;
	if (b->active)
		retire(b);
	slice key;
	void *value;
	for (size_t i = 0; map_next(&b->extra, &i, &key, &value);)
		for (struct packs *p = value, *next; p; p = next) {
			next = p->next;
			free(p->no);
			free(p);
		}
	map_done(&b->extra);
	map_done(&b->fresh);
	free_segments(b->unsynced);
	free_segments(b->synced);
	holds_done(&b->holds);
	pack_cache_done(&b->cache);
	segments_free(b->segments);
	buf_done(&b->spare);
	pthread_mutex_destroy(&b->io);
	pthread_mutex_destroy(&b->lock);
	close(b->dir);
	free(b);
}

static void forget_fresh(struct blobs *b, struct segment *list)
{
	for (struct segment *s = list; s; s = s->next)
		if (map_get(&b->fresh, slice_of(s->digest, DIGEST_SIZE)) == s)
			map_remove(&b->fresh, slice_of(s->digest, DIGEST_SIZE));
	free_segments(list);
}

static struct segment *join(struct segment *a, struct segment *b)
{
	struct segment **end = &a;
	while (*end)
		end = &(*end)->next;
	*end = b;
	return a;
}

/* With the lock held. */
static void abandon(struct blobs *b)
{
	struct pack_out *p = b->active;
	hold_find(&b->holds, p->no)->lost_from = p->synced;
	if (p->synced == PACK_RECORDS_AT) { /* nothing of it ever reached the disk */
		char name[PACK_NAME_MAX];
		pack_name(p->no, name);
		unlinkat(b->dir, name, 0);
	}
	forget_fresh(b, take(&b->unsynced));
	b->epoch++;
	retire(b);
}

static void keep_spare(struct blobs *b, struct buf *used)
{
	buf_reset(used);
	if (!b->spare.p && used->cap <= SPARE_MAX)
		b->spare = *used;
	else
		buf_done(used);
}

/* With io held. */
static int flush(struct blobs *b, bool sync, struct err *e)
{
	pthread_mutex_lock(&b->lock);
	struct pack_out *p = b->active;
	if (!p) {
		pthread_mutex_unlock(&b->lock);
		return 0;
	}
	struct pack_job job;
	if (!b->spare.p)
		b->spare = BUF(SIZE_MAX / 2);
	pack_out_take(p, &b->spare, &job);
	struct segment *covered = take(&b->unsynced);
	pthread_mutex_unlock(&b->lock);

	uint64_t end = job.at + job.bytes.n;
	int r = pack_out_write(p, &job, e);
	if (r == 0 && sync)
		r = pack_out_sync(p, e);

	pthread_mutex_lock(&b->lock);
	if (r < 0) {
		b->unsynced = join(covered, b->unsynced);
		abandon(b);
	} else if (sync) {
		p->synced = end;
		b->synced = join(covered, b->synced);
	} else {
		b->unsynced = join(covered, b->unsynced);
	}
	keep_spare(b, &job.bytes);
	pthread_mutex_unlock(&b->lock);
	return r;
}

int blobs_flush(struct blobs *b, bool sync, struct err *e)
{
	pthread_mutex_lock(&b->io);
	int r = flush(b, sync, e);
	pthread_mutex_unlock(&b->io);
	return r;
}

int blobs_sync(struct blobs *b, struct err *e)
{
	return blobs_flush(b, true, e) < 0 ? err_wrap(e, "blob store") : 0;
}

/* With io held. */
static int rotate(struct blobs *b, uint32_t full, struct err *e)
{
	pthread_mutex_lock(&b->lock);
	bool needed = !b->active || b->active->no == full;
	bool open = b->active != NULL;
	if (open && needed)
		b->active->full = true; /* nothing is appended any more */
	pthread_mutex_unlock(&b->lock);
	if (!needed)
		return 0;
	if (open && flush(b, true, e) < 0)
		return -1;
	struct pack_out *p;
	if (pack_out_create(b->dir, &p, e) < 0)
		return -1;
	pthread_mutex_lock(&b->lock);
	if (b->active)
		retire(b);
	hold_adopt(&b->holds, p->no, p->fd);
	b->active = p;
	pthread_mutex_unlock(&b->lock);
	return 0;
}

int blobs_rotate(struct blobs *b, uint32_t full, struct err *e)
{
	pthread_mutex_lock(&b->io);
	int r = rotate(b, full, e);
	pthread_mutex_unlock(&b->io);
	return r;
}

bool blobs_lost(struct blobs *b, blob_id id)
{
	pthread_mutex_lock(&b->lock);
	const struct hold *h = hold_find(&b->holds, blob_pack(id));
	bool lost = h && blob_offset(id) >= h->lost_from;
	pthread_mutex_unlock(&b->lock);
	return lost;
}

bool blobs_wants_idle(struct blobs *b)
{
	pthread_mutex_lock(&b->lock);
	bool wants = b->synced != NULL;
	pthread_mutex_unlock(&b->lock);
	return wants;
}

void blobs_idle(struct blobs *b)
{
	pthread_mutex_lock(&b->lock);
	struct segment *list = take(&b->synced);
	pthread_mutex_unlock(&b->lock);
	if (!list)
		return;
	struct err e;
	segments_add(b->segments, list, &e); /* a failure costs sharing, nothing else */
	pthread_mutex_lock(&b->lock);
	forget_fresh(b, list);
	pthread_mutex_unlock(&b->lock);
}

void blobs_hold_more(struct blobs *b, blob_id id, struct packs *p)
{
	struct packs *kept = NEW(struct packs);
	*kept = *p;
	*p = (struct packs){0};
	kept->next = map_put(&b->extra, slice_of(&id, sizeof id), kept);
}

static void drop_all(struct blobs *b, struct packs *p)
{
	for (size_t i = 0; i < p->n; i++)
		hold_drop(&b->holds, p->no[i]);
	free(p->no);
}

void blob_settle(struct blobs *b, blob_id id)
{
	if (!id)
		return;
	pthread_mutex_lock(&b->lock);
	hold_drop(&b->holds, blob_pack(id));
	struct packs *p =
		id & BLOB_HAS_REFS ? map_remove(&b->extra, slice_of(&id, sizeof id)) : NULL;
	if (p) {
		drop_all(b, p);
		if (p->next)
			map_put(&b->extra, slice_of(&id, sizeof id), p->next);
		free(p);
	}
	pthread_mutex_unlock(&b->lock);
}

/* The packs that the message refers to. */
static int hold_pieces(struct blobs *b, blob_id id, struct packs *held, struct err *e)
{
	AUTO(pack_record) struct pack_record rec = {0};
	struct piece_list list;
	if (blobs_read_list(b, id, &rec, &list, e) < 0)
		return -1;
	held->no = mem_alloc((list.left + 1) * sizeof *held->no);
	struct piece piece;
	int r = 0;
	pthread_mutex_lock(&b->lock);
	while (r == 0 && piece_next(&list, &piece)) {
		uint32_t no = blob_pack(piece.ref);
		bool known = piece.kind != PIECE_REF;
		for (size_t i = 0; i < held->n && !known; i++)
			known = held->no[i] == no;
		if (!known && (r = hold_take(&b->holds, no, e)) == 0)
			held->no[held->n++] = no;
	}
	if (r < 0)
		drop_all(b, held);
	else
		blobs_hold_more(b, id, held);
	pthread_mutex_unlock(&b->lock);
	return r;
}

int blob_hold(struct blobs *b, blob_id id, struct err *e)
{
	pthread_mutex_lock(&b->lock);
	int r = hold_take(&b->holds, blob_pack(id), e);
	pthread_mutex_unlock(&b->lock);
	struct packs held = {0};
	if (r < 0 || !(id & BLOB_HAS_REFS) || hold_pieces(b, id, &held, e) == 0)
		return r;
	pthread_mutex_lock(&b->lock);
	hold_drop(&b->holds, blob_pack(id));
	pthread_mutex_unlock(&b->lock);
	return -1;
}
