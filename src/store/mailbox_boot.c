/*
 * Before the server's processes start (store_prepare): changes of flags are committed without a sync of their own, so a power failure may
 * undo those of its last second, and their modification sequences with them (doc/notes/boxes.md). They must not be given again: a mail
 * program that had heard of such a change asks what is newer than that number (RFC 7162 3.1.2.1) and would never hear of what took its
 * place. So the first time after the machine was started all accounts go on with a number that no lost change can have had.
 *
 * A backup that was restored lacks what came after it: mail programs have seen UIDs, numbers of changes, ids of emails and folders that
 * the databases know nothing of. They all go on behind what can have been given, every message counts as changed, and what has left a
 * folder as unknown: so a mail program takes nothing old for new, and hears of all that is not there any more.
 *
 * That processes die loses nothing, and advances nothing. Does not find out whether anything was lost.
 */
#include "store/mailbox.h"

#include "base/mem.h"
#include "run/file.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#define BOOT_ID "/proc/sys/kernel/random/boot_id"
#define MARK "boot" /* beside the shards: the boot in which the numbers were advanced last */

enum { BOOT_ID_MAX = 64 };
#define MARGIN 16777216 /* more changes than an account has in a second, by far */
#define LOST 1048576 /* more messages than came to a folder since a backup was made */
#define STRING(x) TEXT_OF(x)
#define TEXT_OF(x) #x

static slice read_small(const char *path, char room[BOOT_ID_MAX])
{
	AUTO(fd) int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? 0 : read(fd, room, BOOT_ID_MAX);
	return slice_trim(slice_of(room, n > 0 ? (size_t)n : 0));
}

static int run_all(struct sql *db, const char *const *text, size_t n, struct err *e)
{
	for (size_t i = 0; i < n; i++)
		if (sql_run(db, e, text[i], "") < 0)
			return -1;
	return 0;
}

/* Whole numbers of a shard go on. */
static int advance(slice dir, int shard, bool restored, struct err *e)
{
	static const char *const text[] = {
		"UPDATE mailbox SET modseq = modseq + " STRING(MARGIN),
		"UPDATE mailbox SET next_email = next_email + " STRING(
			LOST) ","
			      " next_folder = next_folder + " STRING(LOST),
		"UPDATE message SET modseq ="
		" COALESCE((SELECT modseq FROM mailbox WHERE mailbox.account_id = "
		"message.account_id), modseq)",
		"UPDATE folder SET uidnext = uidnext + " STRING(
			LOST) ", removed_floor ="
			      " COALESCE((SELECT modseq FROM mailbox WHERE mailbox.account_id = "
			      "folder.account_id), modseq)",
		"UPDATE folder SET modseq = removed_floor",
	};
	struct sql *db;
	if (sql_open(dir, mailbox_db_name(shard), &db, e) < 0)
		return -1;
	int r = sql_begin(db, e);
	if (r == 0 && run_all(db, text, restored ? sizeof text / sizeof *text : 1, e) < 0) {
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
	const char *mark = arena_strz(&a, arena_printf(&a, "%.*s/" MAILBOX_RESTORED, SFMT(db)));
	bool restored = access(mark, F_OK) == 0;
	if (now.n && slice_eq(was, now) && !restored)
		return 0;
	for (int i = 0; i < MAILBOX_SHARDS; i++)
		if (advance(dir, i, restored, e) < 0)
			return -1;
	/* Last: a crash between advances once more. */
	if (restored && unlink(mark) < 0)
		return err_sys(e, errno, "%s", mark);
	return file_replace(db, S(MARK), now, e);
}
