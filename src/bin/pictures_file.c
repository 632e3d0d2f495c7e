/* The file of the site's classifier of pictures (pictures_file.h). */
#include "bin/pictures_file.h"

#include "base/arena.h"
#include "base/hash.h"
#include "base/mem.h"
#include "base/time.h"
#include "run/file.h"
#include "training/versions.h"
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#define NAME S("pictures.model")

static slice dir_of(slice data, struct arena *a)
{
	return arena_printf(a, "%.*s/learn", SFMT(data));
}

static const char *path_of(slice data, struct arena *a)
{
	return arena_strz(a, arena_printf(a, "%.*s/%.*s", SFMT(dir_of(data, a)), SFMT(NAME)));
}

static int complain(const char *path, int why, struct err *e)
{
	if (why == ENOENT)
		return err_set(e, ERR_NOTFOUND, "no model of pictures was made here");
	return err_sys(e, why, "%s", path);
}

int pictures_file_open(slice data, int *ret_fd, struct err *e)
{
	AUTO(arena) struct arena a = {0};
	const char *path = path_of(data, &a);
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return complain(path, errno, e);
	*ret_fd = fd;
	return 0;
}

int pictures_file_read(slice data, struct buf *out, struct err *e)
{
	enum { PIECE = 64 * 1024 };
	AUTO(fd) int fd = -1;
	if (pictures_file_open(data, &fd, e) < 0)
		return -1;
	for (;;) {
		char *room = buf_room(out, PIECE);
		if (!room)
			return err_set(e, ERR_PROTO, "no model of pictures, or a damaged one");
		ssize_t n = read(fd, room, PIECE);
		if (n < 0)
			return err_sys(e, errno, "the model of pictures");
		if (n == 0)
			return 0;
		buf_commit(out, (size_t)n);
	}
}

int pictures_file_look(slice data, uint64_t *ret_which, int64_t *ret_made_at, struct err *e)
{
	AUTO(arena) struct arena a = {0};
	const char *path = path_of(data, &a);
	struct stat st;
	*ret_which = 0;
	*ret_made_at = 0;
	if (stat(path, &st) < 0)
		return errno == ENOENT ? 0 : err_sys(e, errno, "%s", path);
	*ret_made_at = st.st_mtim.tv_sec * SECOND;
	const uint64_t is[] = {st.st_ino, (uint64_t)st.st_size, (uint64_t)st.st_mtim.tv_sec,
		(uint64_t)st.st_mtim.tv_nsec};
	*ret_which = hash_keyed(slice_of((const char *)is, sizeof is)) | 1;
	return 0;
}

int pictures_file_put(slice data, slice model, struct err *e)
{
	AUTO(arena) struct arena a = {0};
	return file_replace(dir_of(data, &a), NAME, model, e);
}

int pictures_file_remove(slice data, struct err *e)
{
	AUTO(arena) struct arena a = {0};
	const char *path = path_of(data, &a);
	return unlink(path) < 0 ? complain(path, errno, e) : 0;
}
