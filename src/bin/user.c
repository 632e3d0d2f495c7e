/*
 * Ownership of the store's files (user.h). Used by the master and, before it changes its user, by
 * the command line (cli_env.c). The tree belongs to somebody else than root, who may rename in it
 * meanwhile: every step goes by descriptors and follows no link.
 */
#include "bin/user.h"

#include "base/mem.h"
#include "run/log.h"
#include "run/sandbox.h"
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

struct gift {
	const char *top;
	unsigned uid, gid, n;
};

static int give_dir(struct gift *g, int fd, int depth, struct err *e);

static int give_entry(struct gift *g, int dir, const char *name, int depth, struct err *e)
{
	struct stat st;
	AUTO(fd) int fd = openat(dir, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0 && errno == ENOENT) /* gone meanwhile */
		return 0;
	if (fd < 0 || fstat(fd, &st) < 0)
		return err_sys(e, errno, "%s: %s", g->top, name);
	bool is_dir = S_ISDIR(st.st_mode);
	if (!is_dir && !S_ISREG(st.st_mode))
		return 0;
	if (st.st_uid != g->uid) {
		if (!is_dir && st.st_nlink > 1)
			return err_set(e, ERR_PERM,
				"%s: %s belongs to user %u and has other names (hard links)",
				g->top, name, st.st_uid);
		if (fchownat(fd, "", g->uid, g->gid, AT_EMPTY_PATH) < 0)
			return err_sys(e, errno, "changing the owner of %s in %s", name, g->top);
		g->n++;
	}
	if (!is_dir || depth == USER_DEPTH_MAX)
		return 0;
	AUTO(fd) int sub = openat(fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (sub < 0)
		return err_sys(e, errno, "%s: %s", g->top, name);
	return give_dir(g, sub, depth + 1, e);
}

static int give_dir(struct gift *g, int fd, int depth, struct err *e)
{
	int copy = fcntl(fd, F_DUPFD_CLOEXEC, 0);
	DIR *d = copy < 0 ? NULL : fdopendir(copy);
	if (!d) {
		err_sys(e, errno, "%s", g->top);
		if (copy >= 0)
			close(copy);
		return -1;
	}
	int r = 0;
	for (struct dirent *f; r == 0 && (f = readdir(d));)
		if (strcmp(f->d_name, ".") != 0 && strcmp(f->d_name, "..") != 0)
			r = give_entry(g, fd, f->d_name, depth, e);
	closedir(d);
	return r;
}

int user_give(const char *dir, unsigned uid, unsigned gid, struct err *e)
{
	struct gift g = {.top = dir, .uid = uid, .gid = gid};
	struct stat st;
	AUTO(fd) int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0 || fstat(fd, &st) < 0)
		return err_sys(e, errno, "%s", dir);
	if (st.st_uid != uid && fchown(fd, uid, gid) < 0)
		return err_sys(e, errno, "changing the owner of %s", dir);
	if (give_dir(&g, fd, 1, e) < 0)
		return -1;
	if (g.n)
		log_info(NULL, "store.owner", F("dir", dir), F("uid", uid), F("files", g.n));
	return 0;
}

static int make_dir(const char *path, mode_t mode, const struct config *c, bool deep, struct err *e)
{
	unsigned uid, gid;
	struct stat st;
	if (mkdir(path, mode) < 0 && errno != EEXIST)
		return err_sys(e, errno, "%s", path);
	if (geteuid() != 0)
		return 0;
	if (sandbox_user_ids(c->server->user, &uid, &gid, e) < 0)
		return -1;
	if (deep)
		return user_give(path, uid, gid, e);
	if (stat(path, &st) < 0)
		return err_sys(e, errno, "%s", path);
	if (st.st_uid == uid)
		return 0;
	return chown(path, uid, gid) < 0 ? err_sys(e, errno, "%s", path) : 0;
}

int user_make_dirs(const struct config *c, struct err *e)
{
	AUTO(arena) struct arena a = {0};
	const char *run = arena_strz(&a, c->server->run);
	const char *metrics = arena_strz(&a, arena_printf(&a, "%s/metrics", run));
	const char *sessions = arena_strz(&a, arena_printf(&a, "%s/sessions", run));
	if (make_dir(arena_strz(&a, c->server->data), 0750, c, true, e) < 0)
		return -1;
	if (make_dir(run, 0755, c, false, e) < 0 || make_dir(metrics, 0755, c, false, e) < 0)
		return -1;
	return make_dir(sessions, 0750, c, false, e);
}
