/*
 * Before the server's processes start (store_prepare): changes of flags are committed without a sync of their own, so a power failure may
 * undo those of its last second, and their modification sequences with them (doc/notes/boxes.md). They must not be given again: a mail
 * program that had heard of such a change asks what is newer than that number (RFC 7162 3.1.2.1) and would never hear of what took its
 * place. So the first time after the machine was started all accounts go on with a number that no lost change can have had.
 *
 * That processes die loses nothing, and advances nothing. Does not find out whether anything was lost.
 */
#include "store/mailbox.h"

#include "base/mem.h"
#include "run/file.h"

#include <fcntl.h>
#include <unistd.h>

#define BOOT_ID "/proc/sys/kernel/random/boot_id"
#define MARK "boot" /* beside the shards: the boot in which the numbers were advanced last */

enum {
	BOOT_ID_MAX = 64,
	MARGIN = 1 << 24, /* more changes than an account has in a second, by far */
};

static slice read_small(const char *path, char room[BOOT_ID_MAX])
{
	AUTO(fd) int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? 0 : read(fd, room, BOOT_ID_MAX);
	return slice_trim(slice_of(room, n > 0 ? (size_t)n : 0));
}

static int advance(slice dir, int shard, struct err *e)
{
	struct sql *db;
	if (sql_open(dir, mailbox_db_name(shard), &db, e) < 0)
		return -1;
	int r = sql_begin(db, e);
	if (r == 0 && sql_run(db, e, "UPDATE mailbox SET modseq = modseq + $1", "i",
			      (int64_t)MARGIN) < 0) {
		sql_rollback(db);
		r = -1;
	} else if (r == 0) {
		r = sql_commit(db, e);
	}
	sql_close(db);
	return r;
}

int mailbox_boot(slice dir, struct err *e)
{
	AUTO(arena) struct arena a = {0};
	char was_room[BOOT_ID_MAX], now_room[BOOT_ID_MAX];
	slice db = arena_printf(&a, "%.*s/db", SFMT(dir));
	slice was = read_small(arena_strz(&a, arena_printf(&a, "%.*s/" MARK, SFMT(db))), was_room);
	slice now = read_small(BOOT_ID, now_room);
	if (now.n && slice_eq(was, now))
		return 0;
	for (int i = 0; i < MAILBOX_SHARDS; i++)
		if (advance(dir, i, e) < 0)
			return -1;
	return file_replace(db, S(MARK), now, e); /* last: a crash between advances once more */
}
