/*
 * A directory as the target of backups (backup_target.h), maybe of another machine by NFS. A file is written under another name, synced,
 * then renamed: what has its name is whole.
 */
#include "store/backup_target.h"

#include "base/mem.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

enum { WRITE_AT_ONCE = 1 << 20, DEPTH_MAX = 3 };

struct folder {
	struct backup_target base;
	char *path;
	int fd; /* -1: not there */
};

static struct folder *folder_of(struct backup_target *t)
{
	return (struct folder *)t;
}

static int there(const struct folder *f, struct err *e)
{
	return f->fd >= 0 ? 0
			  : err_set(e, ERR_NOTFOUND, "%s is not there (is it mounted?)", f->path);
}

static int failed(const struct folder *f, const char *name, int error, struct err *e)
{
	if (error == ENOSPC || error == EDQUOT)
		return err_set(e, ERR_TEMP, "%s is full", f->path);
	return err_sys(e, error, "%s/%s", f->path, name);
}

static int write_all(int fd, slice bytes)
{
	while (bytes.n) {
		ssize_t n = write(fd, bytes.p, bytes.n < WRITE_AT_ONCE ? bytes.n : WRITE_AT_ONCE);
		if (n < 0 && errno != EINTR)
			return -1;
		bytes = slice_skip(bytes, n > 0 ? (size_t)n : 0);
	}
	return 0;
}

/* The directories of a name; and the last one's, open. */
static int parent(const struct folder *f, const char *name, struct err *e)
{
	char part[BACKUP_NAME_MAX] = ".";
	for (const char *p = name; (p = strchr(p, '/')); p++) {
		snprintf(part, sizeof part, "%.*s", (int)(p - name), name);
		if (mkdirat(f->fd, part, 0700) == 0)
			fsync(f->fd);
		else if (errno != EEXIST)
			return failed(f, part, errno, e);
	}
	int fd = openat(f->fd, part, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return fd < 0 ? failed(f, part, errno, e) : fd;
}

static int write_named(
	struct folder *f, int dir, const char *name, slice bytes, bool replace, struct err *e)
{
	const char *slash = strrchr(name, '/'), *last = slash ? slash + 1 : name;
	char part[BACKUP_NAME_MAX + 8];
	struct stat st;
	/* Objects are sent by one writer at a time, so that one that broke off leaves one name, which the next one takes. */
	bool object =
		slice_starts(slice_z(name), S("data/")) || slice_starts(slice_z(name), S("gen/"));
	int from = object ? f->fd : dir;
	snprintf(part, sizeof part, "%s.part", object ? "incoming" : last);
	if (!replace && fstatat(dir, last, &st, 0) == 0)
		return err_set(e, ERR_EXISTS, "%s/%s is there already", f->path, name);
	AUTO(fd)
	int fd = openat(from, part, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0)
		return failed(f, name, errno, e);
	if (write_all(fd, bytes) == 0 && fsync(fd) == 0 && renameat(from, part, dir, last) == 0 &&
		fsync(dir) == 0)
		return 0;
	failed(f, name, errno, e);
	unlinkat(from, part, 0);
	return -1;
}

static int folder_put(
	struct backup_target *t, const char *name, slice bytes, bool replace, struct err *e)
{
	struct folder *f = folder_of(t);
	if (there(f, e) < 0)
		return -1;
	AUTO(fd) int dir = parent(f, name, e);
	return dir < 0 ? -1 : write_named(f, dir, name, bytes, replace, e);
}

static int folder_get(struct backup_target *t, const char *name, uint64_t at, size_t n,
	struct buf *out, struct err *e)
{
	struct folder *f = folder_of(t);
	if (there(f, e) < 0)
		return -1;
	AUTO(fd) int fd = openat(f->fd, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	if (fd < 0)
		return failed(f, name, errno, e);
	while (n) {
		size_t want = n < WRITE_AT_ONCE ? n : WRITE_AT_ONCE;
		char *room = buf_room(out, want);
		if (!room)
			return err_set(e, ERR_LIMIT, "%s/%s is too large", f->path, name);
		ssize_t got = pread(fd, room, want, (off_t)at);
		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return failed(f, name, errno, e);
		if (got == 0)
			break;
		buf_commit(out, (size_t)got);
		at += (uint64_t)got;
		n -= (size_t)got;
	}
	return 0;
}

static int folder_size(struct backup_target *t, const char *name, uint64_t *ret, struct err *e)
{
	struct folder *f = folder_of(t);
	struct stat st;
	if (there(f, e) < 0)
		return -1;
	if (fstatat(f->fd, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return failed(f, name, errno, e);
	*ret = (uint64_t)st.st_size;
	return 0;
}

static int folder_remove(struct backup_target *t, const char *name, struct err *e)
{
	struct folder *f = folder_of(t);
	if (there(f, e) < 0)
		return -1;
	return unlinkat(f->fd, name, 0) < 0 && errno != ENOENT ? failed(f, name, errno, e) : 0;
}

struct listing {
	struct folder *f;
	int (*fn)(void *arg, const char *name, uint64_t size, struct err *e);
	void *arg;
};

static int list_dir(const struct listing *l, const char *prefix, unsigned depth, struct err *e);

static int list_entry(const struct listing *l, int dir, const char *prefix, const char *entry,
	unsigned depth, struct err *e)
{
	char name[BACKUP_NAME_MAX];
	struct stat st;
	if (entry[0] == '.' || slice_ends(slice_z(entry), S(".part")) ||
		fstatat(dir, entry, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return 0;
	bool is_dir = S_ISDIR(st.st_mode);
	int n = snprintf(name, sizeof name, "%s%s%s", prefix, entry, is_dir ? "/" : "");
	if (n >= (int)sizeof name)
		return 0; /* none of ours */
	if (is_dir)
		return depth < DEPTH_MAX ? list_dir(l, name, depth + 1, e) : 0;
	return S_ISREG(st.st_mode) ? l->fn(l->arg, name, (uint64_t)st.st_size, e) : 0;
}

static int list_dir(const struct listing *l, const char *prefix, unsigned depth, struct err *e)
{
	int fd = openat(l->f->fd, prefix, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	DIR *d = fd >= 0 ? fdopendir(fd) : NULL;
	int r = 0;
	if (!d)
		return errno == ENOENT ? 0 : failed(l->f, prefix, errno, e);
	for (struct dirent *entry; r == 0 && (entry = readdir(d));)
		r = list_entry(l, dirfd(d), prefix, entry->d_name, depth, e);
	closedir(d);
	return r;
}

static int folder_list(struct backup_target *t, const char *prefix,
	int (*fn)(void *arg, const char *name, uint64_t size, struct err *e), void *arg,
	struct err *e)
{
	struct listing l = {folder_of(t), fn, arg};
	return there(l.f, e) < 0 ? -1 : list_dir(&l, prefix, 0, e);
}

static void folder_close(struct backup_target *t)
{
	struct folder *f = folder_of(t);
	if (f->fd >= 0)
		close(f->fd);
	free(f->path);
	free(f);
}

static const struct backup_target_ops folder_ops = {
	folder_put, folder_get, folder_size, folder_remove, folder_list, folder_close};

bool backup_is_s3(const struct backup_conf *c)
{
	return slice_starts(c->target, S("s3://"));
}

int backup_target_open(const struct backup_where *w, struct backup_target **ret, struct err *e)
{
	if (w->conf->target.n == 0)
		return err_set(e, ERR_NOTFOUND, "[backup] target is not configured");
	if (backup_is_s3(w->conf))
		return backup_s3_open(w, ret, e);
	struct folder *f = NEW(struct folder);
	f->path = mem_dup(w->conf->target.p, w->conf->target.n);
	f->base.ops = &folder_ops;
	f->base.where = slice_z(f->path);
	f->fd = open(f->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (f->fd < 0 && errno != ENOENT) {
		err_sys(e, errno, "%s", f->path);
		folder_close(&f->base);
		return -1;
	}
	*ret = &f->base;
	return 0;
}

void backup_target_close(struct backup_target *t)
{
	if (t)
		t->ops->close(t);
}

int backup_target_make(struct backup_target *t, struct err *e)
{
	if (t->ops != &folder_ops)
		return 0;
	struct folder *f = folder_of(t);
	if (f->fd >= 0)
		return 0;
	if (mkdir(f->path, 0700) < 0 && errno != EEXIST)
		return err_sys(e, errno, "%s", f->path);
	f->fd = open(f->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return f->fd < 0 ? err_sys(e, errno, "%s", f->path) : 0;
}

int backup_target_get_all(struct backup_target *t, const char *name, struct buf *out, struct err *e)
{
	uint64_t size;
	if (t->ops->size(t, name, &size, e) < 0)
		return -1;
	if (size > out->limit - out->n)
		return err_set(e, ERR_LIMIT, "%s is too large", name);
	return t->ops->get(t, name, 0, (size_t)size, out, e);
}
