/*
 * Before the server's processes start (prepare role): the key-value store's directory, and whether
 * its file is sound. It is written without waiting for the disk, so a power failure or a crash of
 * the system may leave anything in it; the death of processes does not. So once a boot all of it is
 * read, by a child: what damage does to the code that reads it ends with that process. A file that
 * is not sound is moved aside; nothing that stops mail is in it.
 */
#include "store/kv_impl.h"

#include "base/mem.h"
#include "run/log.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

enum {
	BOOT_ID_MAX = 64,
	CHECK_SECONDS = 120,
	POLL_MS = 2,
	MODE = 0600,
};
#define BOOT_ID "/proc/sys/kernel/random/boot_id"

/* ---- the child: exit status 0 when all is well ---- */

struct check {
	MDB_txn *txn;
	uint64_t pages; /* the file has */
	uint8_t *free; /* a bit a page */
	uint64_t nfree;
};

/* LMDB's record of free pages: a count and that many page numbers, descending. */
static bool note_free(struct check *c, const MDB_val *v)
{
	const size_t *ids = v->mv_data;
	if (v->mv_size < sizeof *ids || ids[0] > v->mv_size / sizeof *ids - 1)
		return false;
	for (size_t i = 1; i <= ids[0]; i++) {
		size_t page = ids[i];
		if (page >= c->pages || (i > 1 && page >= ids[i - 1]) ||
			(c->free[page / 8] >> page % 8 & 1))
			return false;
		c->free[page / 8] |= (uint8_t)(1 << page % 8);
		c->nfree++;
	}
	return true;
}

/* The entry's bytes must not lie on a page that is said to be free. Each page begins with its
 * number, and pages are aligned. */
static bool on_used_page(const struct check *c, const MDB_val *v)
{
	size_t size = (size_t)sysconf(_SC_PAGESIZE);
	const size_t *page = (const size_t *)((uintptr_t)v->mv_data & ~(uintptr_t)(size - 1));
	return *page < c->pages && !(c->free[*page / 8] >> *page % 8 & 1);
}

static bool entry_ok(const struct check *c, const MDB_val *k, const MDB_val *v, slice before)
{
	struct kv_record rec;
	return k->mv_size > 0 && k->mv_size <= KV_KEY_MAX && kv_record_of(v, &rec) &&
	       on_used_page(c, k) && on_used_page(c, v) &&
	       (before.n == 0 || slice_cmp(before, slice_of(k->mv_data, k->mv_size)) < 0);
}

static bool free_list_ok(struct check *c)
{
	MDB_cursor *cur;
	MDB_val k, v;
	if (mdb_cursor_open(c->txn, 0, &cur) != 0)
		return false;
	int rc = mdb_cursor_get(cur, &k, &v, MDB_FIRST);
	for (; rc == 0; rc = mdb_cursor_get(cur, &k, &v, MDB_NEXT))
		if (!note_free(c, &v))
			return false;
	mdb_cursor_close(cur);
	return rc == MDB_NOTFOUND;
}

static bool entries_ok(struct check *c, MDB_dbi dbi, uint64_t expected)
{
	char last[KV_KEY_MAX];
	slice before = {0};
	MDB_cursor *cur;
	MDB_val k, v;
	uint64_t n = 0;
	if (mdb_cursor_open(c->txn, dbi, &cur) != 0)
		return false;
	int rc = mdb_cursor_get(cur, &k, &v, MDB_FIRST);
	for (; rc == 0; rc = mdb_cursor_get(cur, &k, &v, MDB_NEXT)) {
		if (n++ > expected || !entry_ok(c, &k, &v, before))
			return false;
		memcpy(last, k.mv_data, k.mv_size);
		before = slice_of(last, k.mv_size);
	}
	mdb_cursor_close(cur);
	return rc == MDB_NOTFOUND && n == expected;
}

static void give_up(MDB_env *env, const char *text)
{
	(void)env, (void)text;
	_exit(1);
}

static bool sound(const char *dir)
{
	struct check c = {0};
	MDB_env *env;
	MDB_envinfo info;
	MDB_stat st;
	MDB_dbi dbi;
	signal(SIGSEGV, SIG_DFL); /* quietly: that is what it is for */
	signal(SIGBUS, SIG_DFL);
	if (mdb_env_create(&env) != 0 || mdb_env_set_assert(env, give_up) != 0 ||
		mdb_env_open(env, dir, MDB_RDONLY | MDB_NOLOCK | MDB_NOTLS, MODE) != 0 ||
		mdb_txn_begin(env, NULL, MDB_RDONLY, &c.txn) != 0 ||
		mdb_dbi_open(c.txn, NULL, 0, &dbi) != 0 || mdb_stat(c.txn, dbi, &st) != 0 ||
		mdb_env_info(env, &info) != 0)
		return false;
	c.pages = info.me_last_pgno + 1;
	if (c.pages > info.me_mapsize / st.ms_psize)
		return false;
	c.free = mem_alloc(c.pages / 8 + 1);
	return free_list_ok(&c) && entries_ok(&c, dbi, st.ms_entries) &&
	       st.ms_branch_pages + st.ms_leaf_pages + st.ms_overflow_pages + c.nfree < c.pages;
}

/* ---- the parent ---- */

/* False also when the child crashed or did not come to an end. */
static bool sound_says_child(const char *dir)
{
	const struct timespec pause = {.tv_nsec = POLL_MS * 1000000};
	instant deadline = instant_in(CHECK_SECONDS * SECOND);
	int status = 0;
	pid_t child = fork();
	if (child < 0) {
		log_error(NULL, "kv.check", F("errno", errno));
		return false;
	}
	if (child == 0)
		_exit(sound(dir) ? 0 : 1);
	for (;;) {
		pid_t got = waitpid(child, &status, WNOHANG);
		if (got == child)
			return WIFEXITED(status) && WEXITSTATUS(status) == 0;
		if ((got < 0 && errno != EINTR) || instant_now() >= deadline)
			return false;
		nanosleep(&pause, NULL);
	}
}

static slice read_small(const char *path, char out[BOOT_ID_MAX])
{
	AUTO(fd) int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	ssize_t n = fd < 0 ? -1 : read(fd, out, BOOT_ID_MAX);
	return n < 0 ? (slice){0} : slice_trim(slice_of(out, (size_t)n));
}

static void write_small(const char *path, slice text)
{
	AUTO(fd) int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, MODE);
	if (fd < 0 || write(fd, text.p, text.n) != (ssize_t)text.n)
		log_warn(NULL, "kv.check", F("file", path), F("errno", errno));
}

/* Was it read to its end since the system started? Unknown is no. */
static bool checked_this_boot(const char *mark, slice boot)
{
	char was[BOOT_ID_MAX];
	return boot.n > 0 && slice_eq(read_small(mark, was), boot);
}

int kv_prepare(slice dir, struct err *e)
{
	AUTO(arena) struct arena a = {0};
	char boot_text[BOOT_ID_MAX];
	const char *kv = arena_strz(&a, arena_printf(&a, "%.*s/kv", SFMT(dir)));
	const char *file = arena_strz(&a, arena_printf(&a, "%s/data.mdb", kv));
	const char *mark = arena_strz(&a, arena_printf(&a, "%s/boot", kv));
	if (dir.n + sizeof "/kv" > KV_PATH_MAX)
		return err_set(e, ERR_LIMIT, "path of the store is too long");
	if (mkdir(kv, 0700) < 0 && errno != EEXIST)
		return err_sys(e, errno, "%s", kv);
	slice boot = read_small(BOOT_ID, boot_text);
	if (checked_this_boot(mark, boot))
		return 0;
	if (access(file, F_OK) == 0 && !sound_says_child(kv))
		kv_db_move_aside(kv, NULL, "the check at the start found it damaged");
	if (boot.n > 0)
		write_small(mark, boot);
	return 0;
}
