/* Keeping gc away from packs (see the header); used by blob.c alone. */
#include "store/pack_hold.h"

#include "base/mem.h"
#include "base/must.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>

static slice key_of(const uint32_t *no)
{
	return slice_of(no, sizeof *no);
}

void hold_adopt(struct holds *h, uint32_t no, int fd)
{
	struct hold *hold = NEW(struct hold);
	*hold = (struct hold){.no = no, .fd = fd, .users = 1, .lost_from = UINT64_MAX};
	must(!map_put(&h->by_no, key_of(&no), hold));
}

struct hold *hold_find(const struct holds *h, uint32_t no)
{
	return map_get(&h->by_no, key_of(&no));
}

/* 1 locked, 0 removed or replaced between open and lock, -1. */
static int try_lock(int dir, uint32_t no, int *ret, struct err *e)
{
	char name[PACK_NAME_MAX];
	pack_name(no, name);
	AUTO(fd) int fd = openat(dir, name, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return err_sys(e, errno, "pack %u", no);
	struct flock lock = {.l_type = F_RDLCK, .l_whence = SEEK_SET};
	if (fcntl(fd, F_OFD_SETLK, &lock) < 0) {
		if (errno == EAGAIN || errno == EACCES)
			return err_set(e, ERR_TEMP, "pack %u is being collected", no);
		return err_sys(e, errno, "pack %u", no);
	}
	struct stat st;
	if (fstat(fd, &st) < 0 || st.st_nlink == 0)
		return 0;
	*ret = take_fd(&fd);
	return 1;
}

static int open_locked(int dir, uint32_t no, int *ret, struct err *e)
{
	for (int tries = 0; tries < 5; tries++) {
		int r = try_lock(dir, no, ret, e);
		if (r)
			return r < 0 ? -1 : 0;
	}
	return err_set(e, ERR_TEMP, "pack %u is being collected", no);
}

int hold_take(struct holds *h, uint32_t no, struct err *e)
{
	struct hold *hold = hold_find(h, no);
	if (!hold) {
		int fd = -1;
		if (open_locked(h->dir, no, &fd, e) < 0)
			return -1;
		hold_adopt(h, no, fd);
		return 0;
	}
	hold->users++;
	return 0;
}

void hold_drop(struct holds *h, uint32_t no)
{
	struct hold *hold = hold_find(h, no);
	must(hold && hold->users);
	if (--hold->users)
		return;
	map_remove(&h->by_no, key_of(&no));
	close(hold->fd);
	free(hold);
}

void holds_done(struct holds *h)
{
	slice key;
	void *value;
	for (size_t i = 0; map_next(&h->by_no, &i, &key, &value);) {
		struct hold *hold = value;
		close(hold->fd);
		free(hold);
	}
	map_done(&h->by_no);
}
