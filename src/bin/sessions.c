/*
 * The file of sessions (sessions.h): a head of one page, then SESSIONS_MAX rows of fixed size, in host order: it never leaves the machine. It is
 * sparse; slots are given out from the low end, so a process with few sessions has few pages of it.
 *
 * The command reads it with pread and writes two marks with pwrite: in the row (the low half of the session's id, so that a slot that has
 * got another session meanwhile is not meant), and in the head a number that is another one each time.
 */
#include "bin/sessions.h"

#include "base/mem.h"
#include "base/must.h"
#include "base/rand.h"
#include "base/time.h"
#include "base/utf8.h"
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define FILE_MAGIC 0x31736573736f6873ull /* "shosses1" */
enum { HEAD_SIZE = 4096, FILES_MAX = 256, READ_ROWS = 64 };

struct head {
	uint64_t magic;
	uint32_t row_size, rows;
	int64_t pid;
	uint32_t used; /* slots below this may be in use */
	uint32_t asked; /* another number whenever a row was marked */
};
_Static_assert(sizeof(struct head) <= HEAD_SIZE, "head");

struct sessions {
	int fd;
	struct head *head;
	struct session_row *rows;
	uint32_t seen; /* of head->asked */
	unsigned *spare; /* slots below head->used that are free */
	size_t nspare, cap;
};

static size_t file_size(void)
{
	return HEAD_SIZE + sizeof(struct session_row) * SESSIONS_MAX;
}

/* ---- a process's own ---- */

static int make_file(const char *path, int *ret_fd, struct err *e)
{
	AUTO(fd) int fd = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	if (fd < 0 || ftruncate(fd, (off_t)file_size()) < 0 || flock(fd, LOCK_EX | LOCK_NB) < 0)
		return err_sys(e, errno, "%s", path);
	*ret_fd = take_fd(&fd);
	return 0;
}

static int map_file(int fd, struct sessions **ret, struct err *e)
{
	void *p = mmap(NULL, file_size(), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (p == MAP_FAILED)
		return err_sys(e, errno, "sessions");
	struct sessions *s = NEW(struct sessions);
	s->fd = fd;
	s->head = p;
	s->rows = (struct session_row *)((char *)p + HEAD_SIZE);
	*s->head =
		(struct head){FILE_MAGIC, sizeof(struct session_row), SESSIONS_MAX, getpid(), 0, 0};
	*ret = s;
	return 0;
}

int sessions_open(slice run, slice role, unsigned n, struct sessions **ret, struct err *e)
{
	AUTO(arena) struct arena a = {0};
	const char *dir = arena_strz(&a, arena_printf(&a, "%.*s/sessions", SFMT(run)));
	slice path = arena_printf(&a, "%s/%.*s-%u", dir, SFMT(role), n);
	const char *made = arena_strz(&a, arena_printf(&a, "%.*s.new", SFMT(path)));
	AUTO(fd) int fd = -1;
	/* A sandbox may forbid it: then it is there, or making the file fails. */
	if (mkdir(dir, 0750) < 0 && errno != EEXIST && errno != EPERM)
		return err_sys(e, errno, "%s", dir);
	if (make_file(made, &fd, e) < 0)
		return -1;
	if (rename(made, arena_strz(&a, path)) < 0) {
		err_sys(e, errno, "%s", made);
		unlink(made);
		return -1;
	}
	if (map_file(fd, ret, e) < 0)
		return -1;
	take_fd(&fd);
	return 0;
}

void sessions_close(struct sessions *s)
{
	if (!s)
		return;
	munmap(s->head, file_size());
	close(s->fd);
	free(s->spare);
	free(s);
}

struct session_row *sessions_enter(struct sessions *s)
{
	unsigned at = s->nspare ? s->spare[--s->nspare] : s->head->used;
	if (at == SESSIONS_MAX)
		return NULL;
	if (at == s->head->used)
		s->head->used++;
	struct session_row *row = &s->rows[at];
	memset(row, 0, sizeof *row);
	row->since = row->active_at = wall_now();
	uint64_t id;
	do {
		id = rand_u64() >> 24;
	} while ((uint32_t)id == 0);
	__atomic_store_n(&row->id, id, __ATOMIC_RELEASE);
	return row;
}

void sessions_leave(struct sessions *s, struct session_row *row)
{
	if (!row)
		return;
	must(row->id);
	__atomic_store_n(&row->id, 0, __ATOMIC_RELEASE);
	if (s->nspare == s->cap) {
		s->cap = s->cap ? 2 * s->cap : 64;
		s->spare = realloc(s->spare, s->cap * sizeof *s->spare);
		must(s->spare != NULL);
	}
	s->spare[s->nspare++] = (unsigned)sessions_index(s, row);
}

size_t sessions_index(const struct sessions *s, const struct session_row *row)
{
	return (size_t)(row - s->rows);
}

void session_text(char *to, size_t size, slice value)
{
	size_t n = value.n < size ? value.n : size - 1;
	while (n > 0 && n < value.n && ((unsigned char)value.p[n] & 0xc0) == 0x80)
		n--; /* no half characters */
	for (size_t i = 0; i < n; i++)
		to[i] = (unsigned char)value.p[i] < ' ' || value.p[i] == 0x7f ? '?' : value.p[i];
	to[n] = 0;
}

struct session_row *sessions_next_asked(struct sessions *s, size_t *it)
{
	if (*it == 0) {
		uint32_t asked = __atomic_load_n(&s->head->asked, __ATOMIC_ACQUIRE);
		if (asked == s->seen)
			return NULL;
		s->seen = asked;
	}
	while (*it < s->head->used) {
		struct session_row *row = &s->rows[(*it)++];
		if (row->id && row->end_asked == (uint32_t)row->id)
			return row;
	}
	return NULL;
}

/* ---- the command's side ---- */

struct file {
	slice role;
	unsigned n;
	int fd;
	struct head head;
};

/* "access-3" */
static bool parse_name(slice name, struct arena *a, slice *ret_role, unsigned *ret_n)
{
	size_t dash = name.n;
	while (dash > 0 && name.p[dash - 1] != '-')
		dash--;
	uint64_t n;
	if (dash < 2 || !slice_u64(slice_skip(name, dash), &n) || n > UINT16_MAX)
		return false;
	*ret_role = arena_dup(a, slice_first(name, dash - 1));
	*ret_n = (unsigned)n;
	return true;
}

/* The file of a process that lives, of this version. Who holds the lock does. */
static bool open_file(int dir, const char *name, struct arena *a, struct file *ret)
{
	struct file f = {0};
	if (!parse_name(slice_z(name), a, &f.role, &f.n))
		return false;
	AUTO(fd) int fd = openat(dir, name, O_RDWR | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	if (fd < 0 || flock(fd, LOCK_SH | LOCK_NB) == 0 || errno != EWOULDBLOCK)
		return false;
	if (pread(fd, &f.head, sizeof f.head, 0) != sizeof f.head || f.head.magic != FILE_MAGIC ||
		f.head.row_size != sizeof(struct session_row) || f.head.used > SESSIONS_MAX)
		return false;
	f.fd = take_fd(&fd);
	*ret = f;
	return true;
}

static off_t place(size_t row)
{
	return (off_t)(HEAD_SIZE + row * sizeof(struct session_row));
}

/* Another process wrote it: no text is trusted to end. */
static void end_texts(struct session_row *r)
{
	r->service[sizeof r->service - 1] = r->login[sizeof r->login - 1] =
		r->ip[sizeof r->ip - 1] = r->client[sizeof r->client - 1] =
			r->doing[sizeof r->doing - 1] = r->folder[sizeof r->folder - 1] =
				r->how[sizeof r->how - 1] = r->tls[sizeof r->tls - 1] = 0;
}

typedef void (*each_fn)(void *arg, const struct file *f, size_t at, struct session_row *row);

static void each_row(const struct file *f, each_fn fn, void *arg)
{
	AUTO(free) struct session_row *rows = mem_alloc(sizeof *rows * READ_ROWS);
	for (size_t at = 0; at < f->head.used; at += READ_ROWS) {
		ssize_t got = pread(f->fd, rows, sizeof *rows * READ_ROWS, place(at));
		size_t n = got > 0 ? (size_t)got / sizeof *rows : 0;
		for (size_t i = 0; i < n && at + i < f->head.used; i++)
			if (rows[i].id) {
				end_texts(&rows[i]);
				fn(arg, f, at + i, &rows[i]);
			}
	}
}

static int each(slice run, each_fn fn, void *arg, struct arena *a, struct err *e)
{
	const char *path = arena_strz(a, arena_printf(a, "%.*s/sessions", SFMT(run)));
	DIR *d = opendir(path);
	if (!d)
		return errno == ENOENT ? 0 : err_sys(e, errno, "%s", path);
	int files = 0;
	for (struct dirent *entry; files < FILES_MAX && (entry = readdir(d));) {
		struct file f;
		if (!open_file(dirfd(d), entry->d_name, a, &f))
			continue;
		files++;
		each_row(&f, fn, arg);
		close(f.fd);
	}
	closedir(d);
	return 0;
}

struct collected {
	struct arena *a;
	struct session_seen *v;
	size_t n, cap;
};

static void collect(void *arg, const struct file *f, size_t at, struct session_row *row)
{
	struct collected *c = arg;
	(void)at;
	if (c->n == c->cap) {
		size_t cap = c->cap ? 2 * c->cap : 64;
		struct session_seen *v = ARENA_ARRAY(c->a, struct session_seen, cap);
		if (c->n)
			memcpy(v, c->v, c->n * sizeof *v);
		c->v = v;
		c->cap = cap;
	}
	c->v[c->n++] = (struct session_seen){f->role, f->n, (int)f->head.pid, *row};
}

int sessions_read(
	slice run, struct arena *a, struct session_seen **ret, size_t *ret_n, struct err *e)
{
	struct collected c = {.a = a};
	if (each(run, collect, &c, a, e) < 0)
		return -1;
	*ret = c.v;
	*ret_n = c.n;
	return 0;
}

struct ending {
	bool (*which)(void *arg, const struct session_row *row);
	void *arg;
	int64_t n;
	int error;
};

static void mark(void *arg, const struct file *f, size_t at, struct session_row *row)
{
	struct ending *m = arg;
	uint32_t end = (uint32_t)row->id, asked = (uint32_t)rand_u64() | 1;
	if (!m->which(m->arg, row))
		return;
	bool fine =
		pwrite(f->fd, &end, sizeof end,
			place(at) + (off_t)offsetof(struct session_row, end_asked)) == sizeof end &&
		pwrite(f->fd, &asked, sizeof asked, (off_t)offsetof(struct head, asked)) ==
			sizeof asked;
	if (fine)
		m->n++;
	else
		m->error = errno ? errno : EIO;
}

int64_t sessions_end(slice run, bool (*which)(void *arg, const struct session_row *row), void *arg,
	struct err *e)
{
	AUTO(arena) struct arena a = {0};
	struct ending m = {.which = which, .arg = arg};
	if (each(run, mark, &m, &a, e) < 0)
		return -1;
	return m.error ? err_sys(e, m.error, "sessions") : m.n;
}
