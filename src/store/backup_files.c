/*
 * What of DATA is in a backup, and in which order it is held and read (backup_write.h). Called by backup_run.c.
 *
 * Held first, all within moments: the databases, queue before mailboxes, because a message is written there before it leaves the queue; then the
 * packs that have changed, by the shared lock that keeps gc away (pack_hold.h); gc itself pauses meanwhile, no longer. A row of a database
 * refers to bytes that were in a pack before it was committed: so every message of the databases is in the packs that are read afterwards.
 *
 * Left out: what can be made or fetched again (full-text indexes, kv, mirror), schema snapshots, logs and locks of databases, DATA/backup, DATA/crypt.
 */
#include "base/mem.h"
#include "store/backup_write.h"
#include "store/pack_format.h"
#include "store/sql_image.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
	PATH_LIMIT = 3000,
	DEPTH_MAX = 12,
	RACY_SECONDS =
		2, /* changed so lately: it may change again within the same tick of the clock */
	GC_WAIT_MS = 100,
};
#define GC_PATIENCE (2 * HOUR)

struct item {
	enum backup_kind kind;
	slice path; /* below DATA */
	slice dir, name; /* of a database: for sql_open */
	char face[SQL_FACE_MAX];
	size_t face_n;
	struct sql_moment *moment;
	int fd; /* of a pack that is read: locked; -1 */
	struct stat st;
	bool same; /* as the last run left it */
};
struct backup_plan {
	struct backup_writer *w;
	struct item *v;
	size_t n, cap;
	struct buf chunk;
};

static struct item *add(struct backup_plan *p, enum backup_kind kind, slice path)
{
	if (p->n == p->cap)
		p->v = mem_grow(p->v, (p->cap = p->cap ? 2 * p->cap : 256) * sizeof *p->v);
	p->v[p->n] = (struct item){.kind = kind, .path = arena_dup(&p->w->mem, path), .fd = -1};
	return &p->v[p->n++];
}

static const char *full(struct backup_plan *p, slice path)
{
	return arena_strz(&p->w->mem,
		arena_printf(&p->w->mem, "%.*s/%.*s", SFMT(p->w->run->data), SFMT(path)));
}

/* ---- walking through DATA ---- */

static bool is_left_out(slice path)
{
	static const slice names[] = {S_INIT("kv"), S_INIT("mirror"), S_INIT("snapshot"),
		S_INIT("backup"), S_INIT("blob"), S_INIT("auth/snapshot"), S_INIT("keys/snapshot"),
		S_INIT("learn/snapshot"), S_INIT("crypt"), S_INIT(BACKUP_RESTORING)};
	static const slice ends[] = {S_INIT("-wal"), S_INIT("-shm"), S_INIT("-journal"),
		S_INIT(".lock"), S_INIT(".new"), S_INIT(".part"), S_INIT(".tmp")};
	for (size_t i = 0; i < sizeof names / sizeof *names; i++)
		if (slice_eq(path, names[i]))
			return true;
	for (size_t i = 0; i < sizeof ends / sizeof *ends; i++)
		if (slice_ends(path, ends[i]))
			return true;
	return slice_starts(path, S("db/index-"));
}

/* "learn/db/learn.sqlite": DATA/learn, "learn". */
static bool is_in_db(slice path, slice *ret_dir, slice *ret_name)
{
	size_t slash = slice_rindex(path, '/');
	slice dir = slice_first(path, slash);
	if (slash == path.n || !(slice_eq(dir, S("db")) || slice_ends(dir, S("/db"))))
		return false;
	slice name = slice_skip(path, slash + 1);
	*ret_dir = slice_first(dir, dir.n > 2 ? dir.n - 3 : 0);
	*ret_name = slice_ends(name, S(".sqlite")) ? slice_first(name, name.n - 7) : S("");
	return true;
}

static void add_database(struct backup_plan *p, slice path, slice dir, slice name)
{
	struct arena *a = &p->w->mem;
	slice data = p->w->run->data;
	struct item *it = add(p, BACKUP_DATABASE, path);
	it->dir = dir.n ? arena_printf(a, "%.*s/%.*s", SFMT(data), SFMT(dir)) : arena_dup(a, data);
	it->name = slice_of(arena_strz(a, name), name.n);
}

static int walk(struct backup_plan *p, slice below, unsigned depth, struct err *e);

static int walk_entry(
	struct backup_plan *p, slice below, const char *entry, unsigned depth, struct err *e)
{
	AUTO(arena) struct arena a = {0};
	slice dir, name;
	struct stat st;
	slice path = arena_printf(&a, "%.*s%s%s", SFMT(below), below.n ? "/" : "", entry);
	if (entry[0] == '.' || is_left_out(path) || path.n > 1000 ||
		lstat(arena_strz(
			      &a, arena_printf(&a, "%.*s/%.*s", SFMT(p->w->run->data), SFMT(path))),
			&st) < 0)
		return 0;
	if (S_ISDIR(st.st_mode))
		return walk(p, path, depth + 1, e);
	if (!S_ISREG(st.st_mode))
		return 0;
	if (!is_in_db(path, &dir, &name))
		add(p, BACKUP_PLAIN, path);
	else if (name.n)
		add_database(p, path, dir, name);
	return 0;
}

static int walk(struct backup_plan *p, slice below, unsigned depth, struct err *e)
{
	AUTO(arena) struct arena a = {0};
	if (depth > DEPTH_MAX)
		return 0;
	const char *path =
		arena_strz(&a, arena_printf(&a, "%.*s/%.*s", SFMT(p->w->run->data), SFMT(below)));
	DIR *d = opendir(path);
	if (!d)
		return errno == ENOENT && depth ? 0 : err_sys(e, errno, "%s", path);
	int r = 0;
	for (struct dirent *entry; r == 0 && (entry = readdir(d));)
		r = walk_entry(p, below, entry->d_name, depth, e);
	closedir(d);
	return r;
}

/* The queue, then mailboxes, then the rest: by the way that messages take. */
static int rank(const struct item *it)
{
	if (it->kind != BACKUP_DATABASE)
		return 3;
	return slice_eq(it->path, S("db/queue.sqlite")) ? 0
	       : slice_starts(it->path, S("db/mail-"))  ? 1
							: 2;
}

static int by_rank(const void *x, const void *y)
{
	const struct item *a = x, *b = y;
	int r = rank(a) - rank(b);
	return r ? r : slice_cmp(a->path, b->path);
}

/* ---- faces ---- */

static bool settled(const struct timespec *changed)
{
	return changed->tv_sec < wall_now() / SECOND - RACY_SECONDS;
}

static void face_of_file(struct item *it)
{
	const struct stat *st = &it->st;
	if (!settled(&st->st_mtim) || !settled(&st->st_ctim))
		return;
	int n = snprintf(it->face, sizeof it->face, "%llx %llx %llx.%lx %llx.%lx",
		(unsigned long long)st->st_ino, (unsigned long long)st->st_size,
		(unsigned long long)st->st_mtim.tv_sec, (unsigned long)st->st_mtim.tv_nsec,
		(unsigned long long)st->st_ctim.tv_sec, (unsigned long)st->st_ctim.tv_nsec);
	it->face_n = n > 0 && n < (int)sizeof it->face ? (size_t)n : 0;
}

/* Database and log alike. */
static bool database_settled(struct backup_plan *p, const struct item *it)
{
	struct stat st;
	const char *path = full(p, it->path);
	if (stat(path, &st) < 0 || !settled(&st.st_mtim))
		return false;
	path = arena_strz(&p->w->mem, arena_printf(&p->w->mem, "%s-wal", path));
	return stat(path, &st) < 0 || settled(&st.st_mtim);
}

static struct backup_file file_of(const struct item *it)
{
	return (struct backup_file){.path = it->path,
		.kind = it->kind,
		.mode = it->kind == BACKUP_DATABASE ? 0600 : it->st.st_mode & 07777,
		.size = (uint64_t)it->st.st_size,
		.changed_at = it->st.st_mtim.tv_sec * SECOND + it->st.st_mtim.tv_nsec / 1000,
		.chunk = it->kind == BACKUP_DATABASE ? BACKUP_DB_CHUNK : BACKUP_FILE_CHUNK};
}

/* ---- holding ---- */

static int hold_database(struct backup_plan *p, struct item *it, struct err *e)
{
	if (database_settled(p, it))
		it->face_n = sql_moment_face(it->dir, it->name.p, it->face);
	struct backup_file f = file_of(it);
	int r = backup_file_same(p->w, &f, slice_of(it->face, it->face_n), e);
	it->same = r == 1;
	if (r)
		return r < 0 ? -1 : 0;
	r = sql_moment_begin(it->dir, it->name.p, &it->moment, e);
	if (r < 0 && e->kind == ERR_NOTFOUND)
		it->same = true; /* it went meanwhile */
	return r < 0 && !it->same ? -1 : 0;
}

static int hold_pack(struct backup_plan *p, struct item *it, struct err *e)
{
	struct flock lock = {.l_type = F_RDLCK, .l_whence = SEEK_SET};
	AUTO(fd) int fd = open(full(p, it->path), O_RDONLY | O_CLOEXEC);
	if (fd < 0 && errno == ENOENT)
		return it->same = true, 0;
	if (fd < 0 || fstat(fd, &it->st) < 0)
		return err_sys(e, errno, "%.*s", SFMT(it->path));
	face_of_file(it);
	struct backup_file f = file_of(it);
	int r = backup_file_same(p->w, &f, slice_of(it->face, it->face_n), e);
	it->same = r == 1;
	if (r)
		return r < 0 ? -1 : 0;
	if (fcntl(fd, F_OFD_SETLK, &lock) < 0)
		return err_set(e, ERR_TEMP, "%.*s is being mended", SFMT(it->path));
	it->fd = take_fd(&fd);
	return 0;
}

static int list_packs(struct backup_plan *p, struct err *e)
{
	AUTO(arena) struct arena a = {0};
	DIR *d = opendir(full(p, S("blob")));
	uint32_t no;
	if (!d)
		return errno == ENOENT ? 0 : err_sys(e, errno, "pack directory");
	for (struct dirent *entry; (entry = readdir(d));)
		if (pack_name_parse(entry->d_name, &no))
			add(p, BACKUP_PACK, arena_printf(&a, "blob/%s", entry->d_name));
		else if (strcmp(entry->d_name, "counter") == 0)
			add(p, BACKUP_PLAIN, S("blob/counter"));
	closedir(d);
	return 0;
}

/* gc pauses while it is held (begin_run in gc.c). */
static int pause_gc(struct backup_plan *p, int *ret, struct err *e)
{
	struct flock lock = {.l_type = F_RDLCK, .l_whence = SEEK_SET};
	instant until = instant_in(GC_PATIENCE);
	AUTO(fd) int fd = open(full(p, S("blob/gc.lock")), O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return err_sys(e, errno, "gc.lock");
	while (fcntl(fd, F_OFD_SETLK, &lock) < 0) {
		if (instant_now() > until)
			return err_set(e, ERR_TEMP, "packs are being collected for too long");
		if (backup_write_pace(p->w, 0, e) < 0)
			return -1;
		usleep(GC_WAIT_MS * 1000);
	}
	*ret = take_fd(&fd);
	return 0;
}

static void expect(struct backup_plan *p)
{
	for (size_t i = 0; i < p->n; i++) {
		const struct item *it = &p->v[i];
		if (!it->same)
			p->w->expected +=
				it->moment ? sql_moment_size(it->moment) : (uint64_t)it->st.st_size;
	}
}

static int hold_all(struct backup_plan *p, struct err *e)
{
	for (size_t i = 0; i < p->n; i++)
		if (p->v[i].kind == BACKUP_DATABASE && hold_database(p, &p->v[i], e) < 0)
			return -1;
	size_t packs = p->n;
	if (list_packs(p, e) < 0)
		return -1;
	qsort(p->v + packs, p->n - packs, sizeof *p->v, by_rank);
	for (size_t i = packs; i < p->n; i++)
		if (p->v[i].kind == BACKUP_PACK && hold_pack(p, &p->v[i], e) < 0)
			return -1;
	return 0;
}

int backup_plan_make(struct backup_writer *w, struct backup_plan **ret, struct err *e)
{
	struct backup_plan *p = NEW(struct backup_plan);
	AUTO(fd) int gc = -1;
	p->w = w;
	p->chunk = BUF(BACKUP_CHUNK_MAX);
	int r = walk(p, S(""), 0, e);
	if (r == 0 && p->n)
		qsort(p->v, p->n, sizeof *p->v, by_rank);
	if (r == 0)
		r = pause_gc(p, &gc, e);
	if (r == 0)
		r = hold_all(p, e);
	if (r < 0) {
		backup_plan_done(p);
		return -1;
	}
	expect(p);
	*ret = p;
	return 0;
}

void backup_plan_done(struct backup_plan *p)
{
	if (!p)
		return;
	for (size_t i = 0; i < p->n; i++) {
		sql_moment_end(p->v[i].moment);
		if (p->v[i].fd >= 0)
			close(p->v[i].fd);
	}
	free(p->v);
	buf_done(&p->chunk);
	free(p);
}

/* ---- reading ---- */

static int write_database(
	struct backup_plan *p, struct item *it, struct backup_making *m, struct err *e)
{
	struct backup_file f = file_of(it);
	f.size = sql_moment_size(it->moment);
	f.changed_at = wall_now();
	for (uint64_t at = 0; at < f.size; at += f.chunk) {
		size_t n = f.size - at < f.chunk ? (size_t)(f.size - at) : f.chunk;
		buf_reset(&p->chunk);
		char *room = buf_room(&p->chunk, n);
		if (sql_moment_read(it->moment, at, n, room, e) < 0 ||
			backup_file_part(m, slice_of(room, n), e) < 0)
			return -1;
	}
	sql_moment_end(take(&it->moment));
	return backup_file_end(m, &f, slice_of(it->face, it->face_n), e);
}

/* A whole chunk, or what is left of the file. */
static int read_chunk(int fd, uint64_t at, struct buf *out, size_t want, struct err *e)
{
	buf_reset(out);
	while (out->n < want) {
		ssize_t n = pread(
			fd, buf_room(out, want - out->n), want - out->n, (off_t)(at + out->n));
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return err_sys(e, errno, "reading");
		if (n == 0)
			break;
		buf_commit(out, (size_t)n);
	}
	return 0;
}

static int write_file(
	struct backup_plan *p, struct item *it, struct backup_making *m, struct err *e)
{
	struct backup_file f = file_of(it);
	uint64_t at = 0;
	while (at < f.size) {
		uint64_t left = f.size - at;
		if (read_chunk(it->fd, at, &p->chunk, left < f.chunk ? (size_t)left : f.chunk, e) <
			0)
			return err_wrap(e, "%.*s", SFMT(it->path));
		if (p->chunk.n == 0)
			break; /* it became shorter */
		if (backup_file_part(m, buf_slice(&p->chunk), e) < 0)
			return -1;
		at += p->chunk.n;
	}
	if (at < f.size)
		it->face_n = 0;
	f.size = at;
	/* Mail that is read by people shall not make room for what is read once. */
	posix_fadvise(it->fd, 0, 0, POSIX_FADV_DONTNEED);
	return backup_file_end(m, &f, slice_of(it->face, it->face_n), e);
}

static int open_plain(struct backup_plan *p, struct item *it, struct err *e)
{
	it->fd = open(full(p, it->path), O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	if (it->fd < 0 && errno == ENOENT)
		return 0;
	if (it->fd < 0 || fstat(it->fd, &it->st) < 0)
		return err_sys(e, errno, "%.*s", SFMT(it->path));
	face_of_file(it);
	struct backup_file f = file_of(it);
	int r = backup_file_same(p->w, &f, slice_of(it->face, it->face_n), e);
	return r < 0 ? -1 : r == 0;
}

static int write_item(struct backup_plan *p, struct item *it, struct err *e)
{
	struct backup_making m;
	int r = it->same ? 0 : it->kind == BACKUP_PLAIN ? open_plain(p, it, e) : 1;
	if (r == 1) {
		backup_file_begin(p->w, &m);
		r = it->moment ? write_database(p, it, &m, e) : write_file(p, it, &m, e);
		backup_file_drop(&m);
	}
	if (it->fd >= 0)
		close(take_fd(&it->fd));
	return r < 0 ? -1 : 0;
}

static int write_extra(struct backup_plan *p, const struct backup_extra *x, struct err *e)
{
	struct backup_making m;
	struct backup_file f = {.path = x->path,
		.kind = BACKUP_CONFIG,
		.mode = 0600,
		.size = x->bytes.n,
		.changed_at = wall_now(),
		.chunk = BACKUP_FILE_CHUNK};
	backup_file_begin(p->w, &m);
	int r = 0;
	for (slice rest = x->bytes; r == 0 && rest.n; rest = slice_skip(rest, f.chunk))
		r = backup_file_part(&m, slice_first(rest, f.chunk), e);
	if (r == 0)
		r = backup_file_end(&m, &f, S(""), e);
	backup_file_drop(&m);
	return r;
}

int backup_plan_write(struct backup_plan *p, struct err *e)
{
	for (size_t i = 0; i < p->n; i++)
		if (write_item(p, &p->v[i], e) < 0)
			return -1;
	for (size_t i = 0; i < p->w->run->nextra; i++)
		if (write_extra(p, &p->w->run->extra[i], e) < 0)
			return -1;
	return backup_keys_write(p->w, e);
}
