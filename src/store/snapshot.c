/*
 * Old snapshots go (snapshot.h). Called by store_prepare once all schemas are as this program wants
 * them. Only files that carry a snapshot's name are touched: NAME-vN-TIME.sqlite. How old a file is
 * tells its own time, so a copy that was put back by hand counts as new.
 */
#include "store/snapshot.h"

#include "base/buf.h"
#include "base/mem.h"
#include "base/time.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

struct snapshot {
	char *file;
	slice database; /* in file */
	int64_t changed_at;
};

/* "mail-00-v3-2026-01-31T10-20-30.123Z.sqlite": the database is what stands before "-v3-". */
static bool parse_name(slice file, slice *ret_database)
{
	if (!slice_ends(file, S(".sqlite")))
		return false;
	for (size_t at = 1; at + 3 < file.n; at++) {
		if (file.p[at] != '-' || file.p[at + 1] != 'v')
			continue;
		size_t end = at + 2;
		while (end < file.n && file.p[end] >= '0' && file.p[end] <= '9')
			end++;
		if (end > at + 2 && end < file.n && file.p[end] == '-') {
			*ret_database = slice_first(file, at);
			return true;
		}
	}
	return false;
}

/* By database, the newest first. */
static int by_age(const void *x, const void *y)
{
	const struct snapshot *a = x, *b = y;
	int r = slice_cmp(a->database, b->database);
	return r ? r : (a->changed_at < b->changed_at) - (a->changed_at > b->changed_at);
}

static size_t list(DIR *d, struct snapshot **ret)
{
	struct snapshot *v = NULL;
	size_t n = 0, cap = 0;
	struct stat st;
	slice database;
	for (struct dirent *f; (f = readdir(d));) {
		if (!parse_name(slice_z(f->d_name), &database) ||
			fstatat(dirfd(d), f->d_name, &st, AT_SYMLINK_NOFOLLOW) < 0)
			continue;
		if (n == cap)
			v = mem_grow(v, (cap = cap ? 2 * cap : 16) * sizeof *v);
		char *file = mem_dup(f->d_name, strlen(f->d_name));
		v[n++] = (struct snapshot){
			file, slice_of(file, database.n), st.st_mtim.tv_sec * SECOND};
	}
	*ret = v;
	return n;
}

static int remove_old(int dir, const struct snapshot *v, size_t n, struct err *e)
{
	int64_t before = wall_now() - SNAPSHOTS_DAYS * DAY;
	size_t of_this = 0;
	int r = 0;
	for (size_t i = 0; i < n; i++) {
		of_this = i && slice_eq(v[i].database, v[i - 1].database) ? of_this + 1 : 1;
		if (of_this > SNAPSHOTS_KEPT && v[i].changed_at < before &&
			unlinkat(dir, v[i].file, 0) < 0 && errno != ENOENT)
			r = err_sys(e, errno, "snapshot %s", v[i].file);
	}
	return r;
}

int snapshots_thin(slice dir, struct err *e)
{
	AUTO(buf) struct buf path = BUF(4096);
	buf_printf(&path, "%.*s/snapshot", SFMT(dir));
	buf_byte(&path, 0);
	if (!buf_ok(&path))
		return err_set(e, ERR_LIMIT, "path of the store is too long");
	DIR *d = opendir(path.p);
	if (!d)
		return errno == ENOENT ? 0 : err_sys(e, errno, "%s", path.p);
	struct snapshot *v;
	size_t n = list(d, &v);
	if (n)
		qsort(v, n, sizeof *v, by_age);
	int r = remove_old(dirfd(d), v, n, e);
	for (size_t i = 0; i < n; i++)
		free(v[i].file);
	free(v);
	closedir(d);
	return r;
}
