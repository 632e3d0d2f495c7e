/*
 * Mending what verify found (verify.h). Nothing is thrown away: a damaged pack is linked into
 * DIR/lost before its good records move to a new file, and rows whose message cannot be read go
 * there as .eml with everything that can. A pack that a running process has open is left for the
 * next time.
 */
#include "store/verify.h"

#include "base/mem.h"
#include "base/time.h"
#include "store/quarantine_impl.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <sys/stat.h>

enum { EML_MAX = 1 << 30, NAMES_MAX = 10000, INDEX_BATCH = 1000 };

/* DIR/lost, made when needed; -1. */
static int open_lost(struct verify *v)
{
	if (mkdirat(v->g->packs_dir, "../lost", 0700) < 0 && errno != EEXIST)
		return -1;
	return openat(v->g->packs_dir, "../lost", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
}

/* "name", "name.1", "name.2" ... */
static void numbered(const char *name, int i, char out[128])
{
	if (i == 0)
		snprintf(out, 128, "%s", name);
	else
		snprintf(out, 128, "%s.%d", name, i);
}

static int write_file(int fd, slice bytes)
{
	while (bytes.n) {
		ssize_t n = write(fd, bytes.p, bytes.n);
		if (n < 0 && errno != EINTR)
			return -1;
		bytes = slice_skip(bytes, n > 0 ? (size_t)n : 0);
	}
	return fsync(fd);
}

int repair_keep(struct verify *v, const char *name, slice bytes, struct err *e)
{
	AUTO(fd) int dir = open_lost(v);
	if (dir < 0)
		return err_sys(e, errno, "lost");
	char file[128];
	for (int i = 0; i < NAMES_MAX; i++) {
		numbered(name, i, file);
		AUTO(fd) int fd = openat(dir, file, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
		if (fd < 0 && errno == EEXIST)
			continue;
		if (fd < 0 || write_file(fd, bytes) < 0 || fsync(dir) < 0)
			return err_sys(e, errno, "lost/%s", file);
		return 0;
	}
	return err_set(e, ERR_TEMP, "lost/%s: too many of that name", name);
}

/* A second name for the damaged file: the new one takes its first. */
static bool link_to_lost(struct verify *v, uint32_t no)
{
	AUTO(fd) int dir = open_lost(v);
	char name[PACK_NAME_MAX], file[128];
	pack_name(no, name);
	for (int i = 0; dir >= 0 && i < NAMES_MAX; i++) {
		numbered(name, i, file);
		if (linkat(v->g->packs_dir, name, dir, file, 0) == 0)
			return fsync(dir) == 0;
		if (errno != EEXIST)
			break;
	}
	return false;
}

bool repair_pack(struct verify *v, struct gc_pack *p, const struct verify_ids *good)
{
	struct err e;
	if (!gc_lock(v->g, p))
		return false;
	bool done = link_to_lost(v, p->no) && gc_salvage(v->g, p, good->v, good->n, &e) == 0;
	gc_unlock(p);
	pack_cache_forget(&v->g->cache, p->no);
	return done;
}

bool repair_head(struct verify *v, struct gc_pack *p, struct pack_in *in)
{
	if (!gc_lock(v->g, p))
		return false;
	char head[PACK_HEAD_SIZE];
	pack_head_put(&in->head, head);
	bool done = pwrite(p->fd, head, sizeof head, 0) == (ssize_t)sizeof head &&
		    fdatasync(p->fd) == 0;
	gc_unlock(p);
	pack_cache_forget(&v->g->cache, p->no);
	return done;
}

bool repair_tail(struct verify *v, struct gc_pack *p, uint64_t end)
{
	struct stat st;
	if (!gc_lock(v->g, p))
		return false;
	bool done = fstat(p->fd, &st) == 0 && (uint64_t)st.st_size > end &&
		    ftruncate(p->fd, (off_t)end) == 0;
	gc_unlock(p);
	return done;
}

bool repair_link(struct verify *v, struct gc_pack *p, uint32_t other)
{
	struct err e;
	struct pack_in *in;
	if (!gc_lock(v->g, p))
		return false;
	bool done = false;
	if (pack_in_open(v->g->packs_dir, p->no, &in, &e) == 0) {
		char slot[8];
		pack_link_put(in->head.salt, other, slot);
		pack_in_close(in);
		off_t at = PACK_LINKS_AT + 8 * (off_t)p->nlinks;
		done = p->nlinks < PACK_LINKS_MAX &&
		       pwrite(p->fd, slot, sizeof slot, at) == (ssize_t)sizeof slot &&
		       fdatasync(p->fd) == 0;
	}
	gc_unlock(p);
	gc_forget_links(v->g, p);
	return done;
}

static int read_record(struct verify *v, blob_id id, struct pack_record *ret, struct err *e)
{
	struct pack_in *p;
	if (pack_cache_get(&v->g->cache, blob_pack(id), &p, e) < 0)
		return -1;
	int r = pack_in_read(p, blob_offset(id), 0, ret, e);
	pack_cache_put(&v->g->cache, p);
	return r;
}

/* What can be read of the message; gaps are marked. */
static void put_readable(struct verify *v, blob_id id, struct buf *out)
{
	AUTO(pack_record) struct pack_record rec = {0}, seg = {0};
	struct piece_list list;
	struct piece p;
	struct err e;
	if (read_record(v, id, &rec, &e) < 0 || !piece_list_parse(rec.content, &list)) {
		buf_printf(out, "[the message cannot be read: %s]\r\n", e.text);
		return;
	}
	while (piece_next(&list, &p))
		if (p.kind == PIECE_INLINE)
			buf_put(out, p.bytes);
		else if (read_record(v, p.ref, &seg, &e) == 0 && seg.content.n == p.n)
			buf_put(out, seg.content);
		else
			buf_printf(out, "[%u bytes cannot be read]\r\n", p.n);
}

static bool keep_message(struct verify *v, const char *name, slice front, slice prefix, blob_id id)
{
	AUTO(buf) struct buf eml = BUF(EML_MAX);
	struct err e;
	buf_put(&eml, front);
	buf_put(&eml, prefix);
	put_readable(v, id, &eml);
	return buf_ok(&eml) && repair_keep(v, name, buf_slice(&eml), &e) == 0;
}

/* The envelope as header lines. */
static bool envelope(struct sql *db, msg_id id, struct buf *out, struct buf *prefix, struct err *e)
{
	struct sql_stmt *s = sql_prepare(db, "SELECT sender, prefix FROM msg WHERE id = $1", e);
	if (!s)
		return false;
	sql_bind_int(s, 1, id);
	if (sql_step(s, e) != 1)
		return false;
	buf_printf(out, "X-Envelope-From: <%.*s>\r\n", SFMT(sql_text(s, 0)));
	buf_put(prefix, sql_text(s, 1));
	sql_reset(s);
	if (!(s = sql_prepare(db, "SELECT address FROM rcpt WHERE msg = $1 ORDER BY idx", e)))
		return false;
	sql_bind_int(s, 1, id);
	int more;
	while ((more = sql_step(s, e)) == 1)
		buf_printf(out, "X-Envelope-To: <%.*s>\r\n", SFMT(sql_text(s, 0)));
	return more == 0;
}

bool repair_queue_row(struct verify *v, struct sql *db, msg_id id, blob_id blob)
{
	AUTO(buf) struct buf front = BUF(16 << 20);
	AUTO(buf) struct buf prefix = BUF(16 << 20);
	struct err e;
	char text[MSG_ID_TEXT], name[64];
	msg_id_print(id, text);
	snprintf(name, sizeof name, "queue-%s.eml", text);
	if (!envelope(db, id, &front, &prefix, &e) ||
		!keep_message(v, name, buf_slice(&front), buf_slice(&prefix), blob))
		return false;
	return sql_run(db, &e, "DELETE FROM rcpt WHERE msg = $1", "i", id) >= 0 &&
	       sql_run(db, &e, "DELETE FROM msg WHERE id = $1", "i", id) >= 0;
}

bool repair_held(struct verify *v, struct sql *db, msg_id id)
{
	AUTO(arena) struct arena a = {0};
	AUTO(buf) struct buf front = BUF(16 << 20);
	struct quarantine_msg m;
	struct err e;
	char text[MSG_ID_TEXT], name[64];
	if (quarantine_load(db, id, &a, &m, &e) < 0)
		return quarantine_drop_tx(db, id, &e) == 0; /* rows without their message */
	buf_printf(&front, "X-Envelope-From: <%.*s>\r\n", SFMT(m.msg.sender));
	for (size_t i = 0; i < m.nrcpts; i++)
		buf_printf(&front, "X-Envelope-To: <%.*s>\r\n", SFMT(m.rcpts[i].address));
	msg_id_print(id, text);
	snprintf(name, sizeof name, "quarantine-%s.eml", text);
	return keep_message(v, name, buf_slice(&front), m.msg.prefix, m.msg.blob) &&
	       quarantine_drop_tx(db, id, &e) == 0;
}

static bool ids_of(struct sql *db, const char *select, blob_id blob, struct verify_ids *ret)
{
	struct err e;
	struct sql_stmt *s = sql_prepare(db, select, &e);
	if (!s)
		return false;
	sql_bind_int(s, 1, (int64_t)blob);
	int more;
	while ((more = sql_step(s, &e)) == 1)
		verify_ids_add(ret, (blob_id)sql_int(s, 0));
	return more == 0;
}

/* All rows of the queue that refer to the message. */
static bool queue_rows(struct verify *v, struct sql *db, blob_id blob)
{
	struct verify_ids ids = {0};
	bool done = ids_of(db, "SELECT id FROM msg WHERE blob = $1", blob, &ids);
	for (size_t i = 0; i < ids.n; i++)
		done = done && repair_queue_row(v, db, (msg_id)ids.v[i], blob);
	free(ids.v);
	return done;
}

/* The same of the quarantine: what can be read goes to DIR/lost, the rows go. */
static bool held_rows(struct verify *v, struct sql *db, blob_id blob)
{
	struct verify_ids ids = {0};
	bool done = ids_of(db, "SELECT id FROM held WHERE blob = $1", blob, &ids);
	for (size_t i = 0; i < ids.n; i++)
		done = done && repair_held(v, db, (msg_id)ids.v[i]);
	free(ids.v);
	return done;
}

/* A mailbox's message; folder 0: it was deleted and could have been brought back. */
static bool lost_mailbox_rows(struct verify *v, struct sql *db, blob_id blob)
{
	struct err e;
	struct sql_stmt *s = sql_prepare(db,
		"SELECT e.account_id, COALESCE(m.folder_id, 0), COALESCE(m.uid, e.id), e.prefix"
		" FROM email e LEFT JOIN message m ON m.email_id = e.id WHERE e.blob = $1",
		&e);
	if (!s)
		return false;
	sql_bind_int(s, 1, (int64_t)blob);
	int more;
	while ((more = sql_step(s, &e)) == 1) {
		char name[100];
		snprintf(name, sizeof name,
			"account-%" PRId64 "-folder-%" PRId64 "-uid-%" PRId64 ".eml", sql_int(s, 0),
			sql_int(s, 1), sql_int(s, 2));
		if (!keep_message(v, name, (slice){0}, sql_text(s, 3), blob)) {
			sql_reset(s);
			return false;
		}
	}
	return more == 0 && mailbox_forget_blob(db, blob, &e) == 0;
}

bool repair_message(struct verify *v, blob_id id)
{
	bool done = true;
	for (int i = 0; i < REFS_DBS; i++) {
		struct sql *db;
		struct err e;
		if (!v->g->refs.db[i])
			continue;
		if (sql_open(v->dir, refs_table(i), &db, &e) < 0)
			return false;
		if (sql_begin(db, &e) < 0)
			done = false;
		else if (i == 0 ? !queue_rows(v, db, id) || !held_rows(v, db, id)
				: !lost_mailbox_rows(v, db, id)) {
			sql_rollback(db);
			done = false;
		} else if (sql_commit(db, &e) < 0) {
			done = false;
		}
		sql_close(db);
	}
	return done;
}

bool repair_size(struct verify *v, int db, blob_id id, uint64_t size)
{
	static const char queue[] = "UPDATE msg SET size = $1 WHERE blob = $2";
	static const char mailbox[] = "UPDATE email SET size = $1 WHERE blob = $2";
	static const char held[] = "UPDATE held SET size = $1 WHERE blob = $2";
	struct sql *c;
	struct err e;
	if (sql_open(v->dir, refs_table(db), &c, &e) < 0)
		return false;
	bool done = sql_run(c, &e, db ? mailbox : queue, "ii", (int64_t)size, (int64_t)id) >= 0;
	if (done && db == 0)
		done = sql_run(c, &e, held, "ii", (int64_t)size, (int64_t)id) >= 0;
	sql_close(c);
	return done;
}

bool verify_has_index(struct verify *v)
{
	return faccessat(v->g->packs_dir, "../db/segment.sqlite", F_OK, 0) == 0;
}

bool repair_index(struct verify *v)
{
	static const char *const ends[] = {"sqlite", "sqlite-wal", "sqlite-shm"};
	for (size_t i = 0; i < sizeof ends / sizeof *ends; i++) {
		AUTO(buf) struct buf path = BUF(4000);
		buf_put(&path, v->dir);
		buf_printf(&path, "/db/segment.%s", ends[i]);
		buf_byte(&path, 0);
		if (!buf_ok(&path) || (unlink(path.p) < 0 && errno != ENOENT))
			return false;
	}
	v->rebuild = true;
	return true;
}

void repair_index_flush(struct verify *v)
{
	struct err e; /* the index is a convenience */
	segments_add(v->g->segments, v->fresh, &e);
	while (v->fresh) {
		struct segment *next = v->fresh->next;
		free(v->fresh);
		v->fresh = next;
	}
	v->nfresh = 0;
}

void repair_index_add(struct verify *v, const struct pack_record *r, blob_id id)
{
	struct segment *s = NEW(struct segment);
	memcpy(s->digest, r->digest.p, DIGEST_SIZE);
	s->id = id;
	s->size = (uint32_t)r->content.n;
	s->next = v->fresh;
	v->fresh = s;
	if (++v->nfresh >= INDEX_BATCH)
		repair_index_flush(v);
}
