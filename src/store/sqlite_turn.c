/*
 * The writers' turn (sqlite.c). SQLite's own way to wait is to poll with growing pauses, which lets
 * one busy writer starve the others. Here the right to write is an OFD lock on a file, and the wait
 * is a futex in a page of that same file, which all processes map: whoever gives the turn back
 * wakes the one that has waited longest.
 *
 * The page is only a doorbell. A writer that is killed drops its lock but rings no bell, so waiters
 * also look by themselves every WAIT_STEP; a wrong count of waiters (killed while waiting) costs
 * needless wake calls, nothing else.
 */
#include "store/sqlite_turn.h"

#include "base/mem.h"
#include "base/must.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/futex.h>
#include <stdatomic.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>

#define WAIT_STEP (20 * MSEC)

struct doorbell {
	_Atomic uint32_t rings, waiters;
};

struct turn {
	int fd;
	bool held;
	struct doorbell *bell;
};

int turn_open(const char *path, struct turn **ret, struct err *e)
{
	AUTO(fd) int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0)
		return err_sys(e, errno, "%s", path);
	struct stat st;
	if (fstat(fd, &st) < 0)
		return err_sys(e, errno, "%s", path);
	if (st.st_size < (off_t)sizeof(struct doorbell)) {
		int r = posix_fallocate(
			fd, 0, sizeof(struct doorbell)); /* no SIGBUS on a full disk */
		if (r)
			return err_sys(e, r, "%s", path);
	}
	void *page = mmap(NULL, sizeof(struct doorbell), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (page == MAP_FAILED)
		return err_sys(e, errno, "%s", path);
	struct turn *t = NEW(struct turn);
	t->fd = take_fd(&fd);
	t->bell = page;
	*ret = t;
	return 0;
}

void turn_close(struct turn *t)
{
	if (!t)
		return;
	if (t->held)
		turn_give(t);
	munmap(t->bell, sizeof *t->bell);
	close(t->fd);
	free(t);
}

/* 1 it is ours, 0 somebody else's, -1. */
static int try_take(struct turn *t, struct err *e)
{
	struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
	if (fcntl(t->fd, F_OFD_SETLK, &lock) == 0)
		return 1;
	if (errno == EAGAIN || errno == EACCES || errno == EINTR)
		return 0;
	return err_sys(e, errno, "lock");
}

static void wait_for_ring(struct turn *t, uint32_t seen)
{
	struct timespec step = {.tv_nsec = WAIT_STEP * 1000};
	syscall(SYS_futex, &t->bell->rings, FUTEX_WAIT, seen, &step, NULL, 0);
}

int turn_take(struct turn *t, int64_t max_wait, struct err *e)
{
	must(!t->held);
	instant deadline = instant_in(max_wait);
	atomic_fetch_add(&t->bell->waiters, 1);
	int got;
	for (;;) {
		uint32_t seen = atomic_load(&t->bell->rings);
		got = try_take(t, e);
		if (got)
			break;
		if (instant_now() >= deadline) {
			got = err_set(e, ERR_TEMP, "another writer kept the database for %lld s",
				(long long)(max_wait / SECOND));
			break;
		}
		wait_for_ring(t, seen);
	}
	atomic_fetch_sub(&t->bell->waiters, 1);
	t->held = got == 1;
	return got == 1 ? 0 : -1;
}

bool turn_try(struct turn *t)
{
	struct err ignored;
	must(!t->held);
	t->held = try_take(t, &ignored) == 1;
	return t->held;
}

void turn_give(struct turn *t)
{
	must(t->held);
	struct flock lock = {.l_type = F_UNLCK, .l_whence = SEEK_SET};
	fcntl(t->fd, F_OFD_SETLK, &lock);
	t->held = false;
	atomic_fetch_add(&t->bell->rings, 1);
	if (atomic_load(&t->bell->waiters))
		syscall(SYS_futex, &t->bell->rings, FUTEX_WAKE, 1, NULL, NULL, 0);
}
