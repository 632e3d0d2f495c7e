/*
 * Everything back to an empty directory (backup.h). Files are made in DATA/restoring and moved up when all are there, databases last: a restore
 * that broke off leaves nothing that a server would begin to serve (prepare refuses while "restoring" is there).
 */
#include "base/mem.h"
#include "run/file.h"
#include "store/backup_read.h"
#include "store/crypt.h"
#include "store/sql_crypt.h"
#include "store/mailbox.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

enum { AHEAD = 4 << 20, PATH_LIMIT = 3000 };

struct restoring {
	struct backup_repo *r;
	const struct backup_restore *x;
	struct arena a;
	uint64_t done, all;
};

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *at)
{
	(void)st, (void)type, (void)at;
	return remove(path);
}

/* Directories of `path` below `base`. */
static int make_dirs(const char *base, const char *path, struct err *e)
{
	char part[PATH_LIMIT];
	for (const char *p = path + strlen(base); (p = strchr(p + 1, '/'));) {
		snprintf(part, sizeof part, "%.*s", (int)(p - path), path);
		if (mkdir(part, 0700) < 0 && errno != EEXIST)
			return err_sys(e, errno, "%s", part);
	}
	return 0;
}

static int write_at(int fd, slice bytes, uint64_t at)
{
	while (bytes.n) {
		ssize_t n = pwrite(fd, bytes.p, bytes.n, (off_t)at);
		if (n < 0 && errno != EINTR)
			return -1;
		bytes = slice_skip(bytes, n > 0 ? (size_t)n : 0);
		at += n > 0 ? (uint64_t)n : 0;
	}
	return 0;
}

static int fill(struct restoring *s, const struct backup_file *f, int fd, struct err *e)
{
	for (uint64_t i = 0, at = 0; at < f->size; i++, at += f->chunk) {
		struct backup_ref ref;
		const char *bytes;
		if (backup_file_ref(s->r, f, i, &ref, e) < 0)
			return -1;
		s->done += ref.raw;
		if (s->x->go_on && !s->x->go_on(s->x->arg, s->done, s->all))
			return err_set(e, ERR_CLOSED, "the restore was ended");
		if (backup_ref_is_hole(&ref))
			continue;
		if (backup_chunk(s->r, &ref, &bytes, e) < 0)
			return -1;
		if (write_at(fd, slice_of(bytes, ref.raw), at) < 0)
			return err_sys(e, errno, "writing");
	}
	return ftruncate(fd, (off_t)f->size) < 0 || fsync(fd) < 0 ? err_sys(e, errno, "writing")
								  : 0;
}

static int make_file(
	struct restoring *s, const struct backup_file *f, slice base, slice name, struct err *e)
{
	AUTO(arena) struct arena a = {0};
	char *path = arena_strz(&a, arena_printf(&a, "%.*s/%.*s", SFMT(base), SFMT(name)));
	if (strlen(path) >= PATH_LIMIT)
		return err_set(e, ERR_LIMIT, "path is too long");
	if (make_dirs(arena_strz(&a, base), path, e) < 0)
		return -1;
	AUTO(fd) int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0)
		return err_sys(e, errno, "%s", path);
	if (fill(s, f, fd, e) < 0)
		return err_wrap(e, "%.*s", (int)(f->path.n < 100 ? f->path.n : 100), f->path.p);
	const struct timespec times[2] = {{.tv_nsec = UTIME_OMIT},
		{.tv_sec = f->changed_at / SECOND, .tv_nsec = f->changed_at % SECOND * 1000}};
	fchmod(fd,
		f->mode & 0700); /* what was readable for others is for the administrator to say */
	futimens(fd, times);
	return 0;
}

/* ---- the directory ---- */

/* Nothing but what an earlier restore left. */
static int check_empty(const char *data, struct err *e)
{
	DIR *d = opendir(data);
	int r = 0;
	if (!d)
		return errno == ENOENT ? 0 : err_sys(e, errno, "%s", data);
	for (struct dirent *entry; r == 0 && (entry = readdir(d));)
		if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0 &&
			strcmp(entry->d_name, BACKUP_RESTORING) != 0 &&
			strcmp(entry->d_name, "lost+found") != 0)
			r = err_set(e, ERR_EXISTS, "%s is not empty (%s): nothing is overwritten",
				data, entry->d_name);
	closedir(d);
	return r;
}

static int begin(struct restoring *s, slice *ret_base, struct err *e)
{
	const char *data = arena_strz(&s->a, s->x->data);
	*ret_base = arena_printf(&s->a, "%s/%s", data, BACKUP_RESTORING);
	const char *base = arena_strz(&s->a, *ret_base);
	if (check_empty(data, e) < 0)
		return -1;
	if (mkdir(data, 0750) < 0 && errno != EEXIST)
		return err_sys(e, errno, "%s", data);
	nftw(base, remove_one, 16, FTW_DEPTH | FTW_PHYS);
	if (mkdir(base, 0700) < 0)
		return err_sys(e, errno, "%s", base);
	return 0;
}

static int move_up(struct restoring *s, const char *base, const char *entry, struct err *e)
{
	AUTO(arena) struct arena a = {0};
	const char *from = arena_strz(&a, arena_printf(&a, "%s/%s", base, entry));
	const char *to = arena_strz(&a, arena_printf(&a, "%.*s/%s", SFMT(s->x->data), entry));
	return rename(from, to) < 0 && errno != ENOENT ? err_sys(e, errno, "%s", to) : 0;
}

/* The next start makes numbers go on behind what was given since the backup (mailbox_boot). */
static int mark_restored(struct restoring *s, slice base, struct err *e)
{
	slice db = arena_printf(&s->a, "%.*s/db", SFMT(base));
	if (access(arena_strz(&s->a, db), F_OK) < 0)
		return 0;
	return file_replace(db, S(MAILBOX_RESTORED), S(""), e);
}

/* Databases last: without them nothing is served. */
static int finish(struct restoring *s, slice base_slice, struct err *e)
{
	const char *base = arena_strz(&s->a, base_slice);
	if (mark_restored(s, base_slice, e) < 0)
		return -1;
	DIR *d = opendir(base);
	int r = 0;
	if (!d)
		return err_sys(e, errno, "%s", base);
	for (struct dirent *entry; r == 0 && (entry = readdir(d));)
		if (entry->d_name[0] != '.' && strcmp(entry->d_name, "db") != 0)
			r = move_up(s, base, entry->d_name, e);
	closedir(d);
	if (r == 0)
		r = move_up(s, base, "db", e);
	if (r == 0 && rmdir(base) < 0)
		r = err_sys(e, errno, "%s", base);
	return r < 0 ? -1 : file_sync_dir(arena_strz(&s->a, s->x->data), e);
}

static int restore_files(
	struct restoring *s, const struct backup_content *c, slice base, struct err *e)
{
	for (size_t i = 0; i < c->nfiles; i++) {
		const struct backup_file *f = &c->files[i];
		if (f->kind != BACKUP_CONFIG && f->kind != BACKUP_KEYS && make_file(s, f, base, f->path, e) < 0)
			return -1;
		/* "config/x" becomes CONFIG_TO/x */
		if (f->kind == BACKUP_CONFIG && s->x->config_to.n &&
			make_file(s, f, s->x->config_to, slice_skip(f->path, 7), e) < 0)
			return -1;
	}
	return 0;
}

/* ---- an encrypted store ---- */

/* Before anything is written. 1: the keys are in the ring. */
static int take_keys(struct restoring *s, const struct backup_content *c, struct err *e)
{
	int r = s->x->data.n ? backup_keys_read(s->r, c, crypt_adopt, e) : 0;
	if (r == 1 && !s->x->keep_keys)
		return err_set(e, ERR_PERM,
			"the backup is of an encrypted store: [encryption] key_file must say where its key is, or is made");
	return r;
}

/* Databases came as plain pages. */
static int encrypt_again(struct restoring *s, const struct backup_content *c, slice base, struct err *e)
{
	for (size_t i = 0; i < c->nfiles; i++) {
		AUTO(arena) struct arena a = {0};
		slice path = c->files[i].path;
		size_t at = slice_rindex(path, '/');
		bool done;
		if (c->files[i].kind != BACKUP_DATABASE || at < 2 || at == path.n)
			continue;
		/* "auth/db/login.sqlite": BASE/auth, "login" */
		slice dir = arena_printf(&a, "%.*s/%.*s", SFMT(base), SFMT(slice_first(path, at - 2)));
		slice name = slice_skip(path, at + 1);
		name = slice_first(name, name.n > 7 ? name.n - 7 : 0);
		if (sql_recrypt(dir, arena_strz(&a, name), &done, e) < 0)
			return err_wrap(e, "%.*s", SFMT(path));
	}
	return s->x->keep_keys(s->x->arg, base, e);
}

int backup_restore_all(struct backup_repo *r, const struct backup_content *c,
	const struct backup_restore *x, struct err *e)
{
	struct restoring s = {.r = r, .x = x, .all = c->bytes};
	slice base;
	r->ahead = AHEAD;
	int result = 0;
	if (x->config_to.n && mkdir(arena_strz(&s.a, x->config_to), 0700) < 0 && errno != EEXIST)
		result = err_sys(e, errno, "%.*s", SFMT(x->config_to));
	int keys = result == 0 ? take_keys(&s, c, e) : 0;
	if (keys < 0)
		result = -1;
	if (result == 0 && x->data.n)
		result = begin(&s, &base, e);
	if (result == 0 && x->data.n)
		result = restore_files(&s, c, base, e);
	if (result == 0 && keys == 1)
		result = encrypt_again(&s, c, base, e);
	for (size_t i = 0; result == 0 && !x->data.n && i < c->nfiles; i++)
		if (c->files[i].kind == BACKUP_CONFIG)
			result = make_file(
				&s, &c->files[i], x->config_to, slice_skip(c->files[i].path, 7), e);
	if (result == 0 && x->data.n)
		result = finish(&s, base, e);
	r->ahead = 0;
	arena_done(&s.a);
	return result;
}
