/*
 * What is encrypted by which key (crypt_usage.h): asked by `posthouse encryption`, to tell how far a conversion is and whether a key may go. Places of databases are
 * those that store_prepare and the learning journal make; all files *.sqlite in them count, whatever program version made them.
 */
#include "store/crypt_usage.h"

#include "base/arena.h"
#include "base/mem.h"
#include "store/pack_format.h"
#include "store/sql_crypt.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

static const char *const places[] = {"", "/auth", "/keys", "/learn"};
enum { PLACES = sizeof places / sizeof *places };

struct usage {
	slice data;
	struct crypt_usage *u;
	unsigned converted;
};

static struct crypt_use *use_of(struct crypt_usage *u, uint32_t no, struct err *e)
{
	size_t at = 0;
	while (at < u->n && u->use[at].no < no)
		at++;
	if (at < u->n && u->use[at].no == no)
		return &u->use[at];
	if (u->n == sizeof u->use / sizeof *u->use) {
		err_set(e, ERR_LIMIT, "more data keys than there can be");
		return NULL;
	}
	memmove(&u->use[at + 1], &u->use[at], (u->n - at) * sizeof *u->use);
	u->n++;
	u->use[at] = (struct crypt_use){.no = no};
	return &u->use[at];
}

bool crypt_usage_has(void *usage, uint32_t no)
{
	const struct crypt_usage *u = usage;
	for (size_t i = 0; i < u->n; i++)
		if (u->use[i].no == no)
			return u->use[i].packs || u->use[i].pages || u->use[i].copies;
	return false;
}

typedef int (*seen)(struct usage *x, int dir, const char *sub, const char *name, struct err *e);

/* Every file of DATA/SUB; none when it is not there. */
static int each_file(struct usage *x, const char *sub, seen fn, struct err *e)
{
	AUTO(buf) struct buf path = BUF(PATH_MAX);
	buf_put(&path, x->data);
	buf_printf(&path, "%s", sub);
	buf_byte(&path, 0);
	DIR *d = buf_ok(&path) ? opendir(path.p) : NULL;
	if (!d)
		return errno == ENOENT ? 0 : err_sys(e, errno, "%.*s%s", SFMT(x->data), sub);
	int r = 0;
	struct dirent *f;
	/* Of what was not listed nobody knows which key it needs. */
	while (r == 0 && (errno = 0, f = readdir(d)))
		if (f->d_name[0] != '.')
			r = fn(x, dirfd(d), sub, f->d_name, e);
	if (r == 0 && errno)
		r = err_sys(e, errno, "%.*s%s", SFMT(x->data), sub);
	closedir(d);
	return r;
}

/* ---- packs ---- */

/* 1 with the head; 0: it went, or is empty: just made, or just collected; -1: nobody can say. */
static int pack_head_of(int dir, const char *name, struct pack_head *ret, struct stat *st)
{
	char block[PACK_HEAD_COPY_AT + PACK_HEAD_SIZE];
	AUTO(fd) int fd = openat(dir, name, O_RDONLY | O_CLOEXEC);
	if (fd < 0 || fstat(fd, st) < 0)
		return fd < 0 && errno == ENOENT ? 0 : -1;
	if (st->st_size == 0)
		return 0;
	ssize_t n = pread(fd, block, sizeof block, 0);
	slice s = slice_of(block, n > 0 ? (size_t)n : 0);
	return pack_head_parse(s, ret) || pack_head_parse(slice_skip(s, PACK_HEAD_COPY_AT), ret)
		       ? 1
		       : -1;
}

static int see_pack(struct usage *x, int dir, const char *sub, const char *name, struct err *e)
{
	struct pack_head h;
	struct stat st;
	uint32_t no;
	bool lost = strcmp(sub, "/lost") == 0;
	if (lost ? slice_find(slice_z(name), S(".pack")) == strlen(name)
		 : !pack_name_parse(name, &no))
		return 0;
	int r = pack_head_of(dir, name, &h, &st);
	if (r <= 0) {
		x->u->strange += r < 0;
		return 0;
	}
	struct crypt_use *use = use_of(x->u, h.crypt_no, e);
	if (!use)
		return -1;
	if (lost) {
		use->copies++;
		return 0;
	}
	use->packs++;
	use->pack_bytes += (uint64_t)st.st_blocks * 512;
	return 0;
}

/* ---- databases ---- */

/* "queue.sqlite" in "/auth/db": DATA/auth, "queue". */
static bool name_of(const char *file, char ret[CRYPT_NAME_MAX])
{
	slice s = slice_z(file);
	if (!slice_ends(s, S(".sqlite")) || s.n - 7 >= CRYPT_NAME_MAX)
		return false;
	snprintf(ret, CRYPT_NAME_MAX, "%.*s", (int)(s.n - 7), file);
	return true;
}

static int count_pages(
	struct crypt_usage *u, const struct sql_crypt_state *s, uint64_t bytes, struct err *e)
{
	u->strange += s->strange;
	for (size_t i = 0; i < s->nkeys; i++) {
		struct crypt_use *use = use_of(u, s->key[i].no, e);
		if (!use)
			return -1;
		use->pages += s->key[i].pages;
		use->page_bytes += s->pages ? bytes / s->pages * s->key[i].pages : 0;
	}
	return 0;
}

static int see_database(struct usage *x, int dir, const char *sub, const char *file, struct err *e)
{
	struct crypt_usage *u = x->u;
	char name[CRYPT_NAME_MAX], log[CRYPT_NAME_MAX + 16];
	struct stat st, of_log;
	if (!name_of(file, name) || fstatat(dir, file, &st, 0) < 0)
		return 0;
	if (u->ndatabases == CRYPT_DATABASES_MAX)
		return err_set(e, ERR_LIMIT, "more than %d databases", CRYPT_DATABASES_MAX);
	AUTO(free) struct sql_crypt_state *s = NEW(struct sql_crypt_state);
	struct crypt_database *db = &u->databases[u->ndatabases];
	snprintf(db->dir, sizeof db->dir, "%.*s", (int)strlen(sub) - 3, sub);
	snprintf(db->name, sizeof db->name, "%s", name);
	AUTO(arena) struct arena a = {0};
	if (sql_crypt_state(arena_printf(&a, "%.*s%s", SFMT(x->data), db->dir), name, s, e) < 0)
		return e->kind == ERR_NOTFOUND ? 0 : -1;
	u->ndatabases++;
	snprintf(log, sizeof log, "%s.sqlite-wal", name);
	u->logs += fstatat(dir, log, &of_log, 0) == 0 && of_log.st_size > 0;
	return count_pages(u, s, (uint64_t)st.st_size, e);
}

/* ---- copies of databases that schema changes left behind (snapshot.h) ---- */

static bool is_copy(const char *name)
{
	return slice_ends(slice_z(name), S(".sqlite"));
}

static const char *path_in(struct usage *x, struct arena *a, const char *sub, const char *name)
{
	return arena_strz(a, arena_printf(a, "%.*s%s/%s", SFMT(x->data), sub, name));
}

static int see_copy(struct usage *x, int dir, const char *sub, const char *name, struct err *e)
{
	AUTO(arena) struct arena a = {0};
	(void)dir;
	if (!is_copy(name))
		return 0;
	AUTO(free) struct sql_crypt_state *s = NEW(struct sql_crypt_state);
	if (sql_crypt_state_file(path_in(x, &a, sub, name), s, e) < 0)
		return e->kind == ERR_NOTFOUND ? 0 : -1;
	x->u->strange += s->strange;
	for (size_t i = 0; i < s->nkeys; i++) {
		struct crypt_use *use = use_of(x->u, s->key[i].no, e);
		if (!use)
			return -1;
		use->copies++;
	}
	return 0;
}

static int convert_copy(struct usage *x, int dir, const char *sub, const char *name, struct err *e)
{
	AUTO(arena) struct arena a = {0};
	bool done = false;
	(void)dir;
	if (is_copy(name) && sql_recrypt_file(path_in(x, &a, sub, name), &done, e) < 0)
		return err_wrap(e, "%s", name);
	x->converted += done;
	return 0;
}

int crypt_convert_copies(slice dir, unsigned *ret, struct err *e)
{
	struct usage x = {.data = dir};
	for (size_t i = 0; i < PLACES; i++) {
		char sub[CRYPT_NAME_MAX];
		snprintf(sub, sizeof sub, "%s/snapshot", places[i]);
		if (each_file(&x, sub, convert_copy, e) < 0)
			return -1;
	}
	*ret = x.converted;
	return 0;
}

int crypt_usage_read(slice dir, struct crypt_usage *ret, struct err *e)
{
	struct usage x = {.data = dir, .u = ret};
	*ret = (struct crypt_usage){0};
	if (!use_of(ret, 0, e) || each_file(&x, "/blob", see_pack, e) < 0 ||
		each_file(&x, "/lost", see_pack, e) < 0)
		return -1;
	for (size_t i = 0; i < PLACES; i++) {
		char sub[CRYPT_NAME_MAX];
		snprintf(sub, sizeof sub, "%s/db", places[i]);
		if (each_file(&x, sub, see_database, e) < 0)
			return -1;
		snprintf(sub, sizeof sub, "%s/snapshot", places[i]);
		if (each_file(&x, sub, see_copy, e) < 0)
			return -1;
	}
	return 0;
}
