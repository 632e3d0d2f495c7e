/* Ownership of the store's files (user.h). Used by the master; the command
 * line changes its user by itself (cli_env.c). */
#include "bin/user.h"

#include "base/mem.h"
#include "run/log.h"
#include "run/sandbox.h"
#include <errno.h>
#include <ftw.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

static unsigned to_uid, to_gid; /* of one walk; nftw has no argument */

static int give(const char *path, const struct stat *st, int type, struct FTW *f)
{
	(void)st, (void)type, (void)f;
	return lchown(path, to_uid, to_gid);
}

static int give_all(const char *path, unsigned uid, unsigned gid, struct err *e)
{
	to_uid = uid;
	to_gid = gid;
	if (nftw(path, give, 32, FTW_PHYS) != 0)
		return err_sys(e, errno, "changing the owner of %s", path);
	log_info(NULL, "store.owner", F("dir", path), F("uid", uid));
	return 0;
}

static int make_dir(const char *path, mode_t mode, const struct config *c, bool deep, struct err *e)
{
	unsigned uid, gid;
	struct stat st;
	bool made = mkdir(path, mode) == 0;
	if (!made && errno != EEXIST)
		return err_sys(e, errno, "%s", path);
	if (geteuid() != 0)
		return 0;
	if (sandbox_user_ids(c->server->user, &uid, &gid, e) < 0)
		return -1;
	if (stat(path, &st) < 0)
		return err_sys(e, errno, "%s", path);
	if (st.st_uid == uid)
		return 0;
	if (deep && !made)
		return give_all(path, uid, gid, e);
	return chown(path, uid, gid) < 0 ? err_sys(e, errno, "%s", path) : 0;
}

int user_make_dirs(const struct config *c, struct err *e)
{
	AUTO(arena) struct arena a = {0};
	const char *run = arena_strz(&a, c->server->run);
	const char *metrics = arena_strz(&a, arena_printf(&a, "%s/metrics", run));
	if (make_dir(arena_strz(&a, c->server->data), 0750, c, true, e) < 0)
		return -1;
	return make_dir(run, 0755, c, false, e) < 0 ? -1 : make_dir(metrics, 0755, c, false, e);
}
