/*
 * One opened LMDB environment: opening, what its error codes mean, reading an entry, moving a
 * damaged file aside. Used by the writing thread and, for reading, by kv.c.
 *
 * The file is written by pwrite, not through the map: a full disk is an error, not a signal. Reads
 * are from the map: a damaged page may be one. kv_guard_in/out mark that LMDB is at work, and the
 * fault handler then leaves a file DIR/kv/damaged, which whoever opens next heeds.
 */
#include "store/kv_impl.h"

#include "base/mem.h"
#include "base/must.h"
#include "run/log.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <unistd.h>

enum {
	LOCK_FILE_BYTES = 128 * 1024, /* more than LMDB wants for KV_READERS_MAX */
	LOCK_STEP_MS = 5,
	OPEN_TURN_MS = 1500,
	MODE = 0600,
	FLAGS = MDB_NOSYNC | MDB_NOTLS | MDB_NOMEMINIT,
};

/* ---- codes ---- */

enum kv_fault kv_fault_of(int rc)
{
	switch (rc) {
	case 0:
	case MDB_NOTFOUND:
		return KV_FINE;
	case MDB_MAP_FULL:
	case MDB_TXN_FULL:
		return KV_FULL;
	case MDB_PANIC:
	case MDB_BAD_TXN:
	case MDB_BAD_RSLOT:
	case MDB_MAP_RESIZED: /* another process has a larger map */
	case MDB_READERS_FULL:
	case MDB_TLS_FULL:
		return KV_REOPEN;
	default:
		return rc > 0 ? KV_DISK : KV_DAMAGED;
	}
}

const char *kv_fault_text(int rc)
{
	return mdb_strerror(rc);
}

/* ---- faults inside of LMDB ---- */

static _Thread_local volatile sig_atomic_t inside;
static struct sigaction before_segv, before_bus;
static char *guarded; /* DIR/kv/damaged */

void kv_guard_in(void)
{
	inside++;
}

void kv_guard_out(void)
{
	inside--;
}

/* Signal context: open(2), write(2). */
static void leave_mark(void)
{
	int fd = guarded ? open(guarded, O_WRONLY | O_CREAT | O_CLOEXEC, MODE) : -1;
	if (fd >= 0)
		close(fd);
}

static void on_fault(int signo, siginfo_t *info, void *context)
{
	const struct sigaction *before = signo == SIGBUS ? &before_bus : &before_segv;
	if (inside)
		leave_mark();
	if (before->sa_flags & SA_SIGINFO) {
		before->sa_sigaction(signo, info, context);
	} else {
		signal(signo, SIG_DFL);
		raise(signo);
	}
}

static void on_assert(MDB_env *env, const char *text)
{
	(void)env;
	leave_mark();
	log_error(NULL, "kv.damaged", F("text", text)); /* then it aborts */
}

void kv_guard_dir(const char *dir)
{
	static pthread_mutex_t once = PTHREAD_MUTEX_INITIALIZER;
	char *name;
	pthread_mutex_lock(&once);
	must(asprintf(&name, "%s/damaged", dir) > 0);
	if (!guarded) {
		struct sigaction sa = {
			.sa_sigaction = on_fault, .sa_flags = SA_SIGINFO | SA_ONSTACK};
		must(sigaction(SIGSEGV, &sa, &before_segv) == 0);
		must(sigaction(SIGBUS, &sa, &before_bus) == 0);
	}
	free(guarded);
	guarded = name;
	pthread_mutex_unlock(&once);
}

/* ---- files ---- */

static void path_of(char out[KV_PATH_MAX + 32], const char *dir, const char *name)
{
	snprintf(out, KV_PATH_MAX + 32, "%s/%s", dir, name);
}

int kv_lock_file(const char *dir, const char *name, int64_t max_wait)
{
	char path[KV_PATH_MAX + 32];
	struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
	const struct timespec step = {.tv_nsec = LOCK_STEP_MS * 1000000};
	instant deadline = instant_in(max_wait);
	path_of(path, dir, name);
	AUTO(fd) int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, MODE);
	if (fd < 0)
		return -1;
	while (fcntl(fd, F_OFD_SETLK, &lock) < 0) {
		if ((errno != EAGAIN && errno != EACCES && errno != EINTR) ||
			instant_now() >= deadline)
			return -1;
		nanosleep(&step, NULL);
	}
	return take_fd(&fd);
}

/* With the turn held. The lock file belongs to the data file: both are new together. */
static void put_away(const char *dir, const char *why)
{
	char from[KV_PATH_MAX + 32], to[KV_PATH_MAX + 32];
	path_of(from, dir, "data.mdb");
	path_of(to, dir, "data.damaged");
	log_error(NULL, "kv.anew", F("dir", dir), F("reason", why));
	if (rename(from, to) < 0 && errno != ENOENT)
		unlink(from);
	path_of(from, dir, "lock.mdb");
	unlink(from);
	path_of(from, dir, "damaged");
	unlink(from);
}

bool kv_db_is_current(const struct kv_db *db, const char *dir)
{
	char path[KV_PATH_MAX + 32];
	struct stat st;
	path_of(path, dir, "data.mdb");
	return stat(path, &st) == 0 && st.st_dev == db->dev && st.st_ino == db->ino;
}

void kv_db_move_aside(const char *dir, const struct kv_db *which, const char *why)
{
	AUTO(fd) int turn = kv_lock_file(dir, "turn", OPEN_TURN_MS * MSEC);
	if (turn >= 0 && (!which || kv_db_is_current(which, dir)))
		put_away(dir, why);
}

/* The lock file is written through a map: its blocks must be there. */
static int make_lock_file(const char *dir, struct err *e)
{
	char path[KV_PATH_MAX + 32];
	struct stat st;
	path_of(path, dir, "lock.mdb");
	AUTO(fd) int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, MODE);
	if (fd < 0 || fstat(fd, &st) < 0)
		return err_sys(e, errno, "%s", path);
	if (st.st_size >= LOCK_FILE_BYTES)
		return 0;
	int r = posix_fallocate(fd, 0, LOCK_FILE_BYTES);
	return r ? err_sys(e, r, "%s", path) : 0;
}

/* ---- opening ---- */

static int open_table(struct kv_db *db)
{
	int rc = mdb_txn_begin(db->env, NULL, MDB_RDONLY, &db->reader);
	if (rc == 0)
		rc = mdb_dbi_open(db->reader, NULL, 0, &db->dbi);
	return rc;
}

/* Keeps the reader for later, its slot in the table of readers with it. */
static int settle(struct kv_db *db)
{
	struct stat st;
	mdb_filehandle_t fd;
	uint64_t used, all;
	mdb_txn_reset(db->reader);
	kv_db_pages(db, &used, &all);
	if (mdb_env_get_fd(db->env, &fd) != 0 || fstat(fd, &st) < 0)
		return errno;
	db->dev = st.st_dev;
	db->ino = st.st_ino;
	db->size = all * (uint64_t)sysconf(_SC_PAGESIZE);
	/* Cut short: pages in use are not there. */
	return used * (uint64_t)sysconf(_SC_PAGESIZE) > (uint64_t)st.st_size ? MDB_CORRUPTED : 0;
}

static int open_env(const char *dir, uint64_t size, struct kv_db *db)
{
	int rc = mdb_env_create(&db->env);
	if (rc == 0)
		rc = mdb_env_set_mapsize(db->env, size);
	if (rc == 0)
		rc = mdb_env_set_maxreaders(db->env, KV_READERS_MAX);
	if (rc == 0)
		rc = mdb_env_set_assert(db->env, on_assert);
	if (rc == 0)
		rc = mdb_env_open(db->env, dir, FLAGS, MODE);
	if (rc == 0)
		rc = open_table(db);
	if (rc == 0)
		rc = settle(db);
	return rc;
}

/* LMDB's code, or 0 and *ret. */
static int try_open(const char *dir, uint64_t size, struct kv_db **ret)
{
	struct kv_db *db = NEW(struct kv_db);
	size_t page = (size_t)sysconf(_SC_PAGESIZE);
	kv_guard_in();
	int rc = open_env(dir, (size + page - 1) / page * page, db);
	kv_guard_out();
	if (rc == 0)
		*ret = db;
	else
		kv_db_close(db);
	return rc;
}

static bool is_marked(const char *dir)
{
	char path[KV_PATH_MAX + 32];
	path_of(path, dir, "damaged");
	return access(path, F_OK) == 0;
}

int kv_db_open(const char *dir, uint64_t size, struct kv_db **ret, struct err *e)
{
	if (mkdir(dir, 0700) < 0 && errno != EEXIST)
		return err_sys(e, errno, "%s", dir);
	kv_guard_dir(dir);
	AUTO(fd) int turn = kv_lock_file(dir, "turn", OPEN_TURN_MS * MSEC);
	if (turn < 0)
		return err_set(e, ERR_TEMP, "%s: another process is opening it", dir);
	if (is_marked(dir))
		put_away(dir, "a process crashed in it");
	if (make_lock_file(dir, e) < 0)
		return -1;
	int rc = try_open(dir, size, ret);
	if (kv_fault_of(rc) == KV_DAMAGED) {
		put_away(dir, mdb_strerror(rc));
		if (make_lock_file(dir, e) < 0)
			return -1;
		rc = try_open(dir, size, ret);
	}
	return rc == 0 ? 0 : err_set(e, ERR_TEMP, "%s: %s", dir, mdb_strerror(rc));
}

void kv_db_close(struct kv_db *db)
{
	if (!db)
		return;
	if (db->reader)
		mdb_txn_abort(db->reader);
	if (db->env)
		mdb_env_close(db->env);
	free(db);
}

/* ---- using it ---- */

bool kv_record_of(const MDB_val *v, struct kv_record *ret)
{
	const unsigned char *p = v->mv_data;
	if (v->mv_size < KV_HEAD || v->mv_size > KV_HEAD + KV_VALUE_MAX)
		return false;
	ret->ends = (int64_t)p[0] << 24 | (int64_t)p[1] << 16 | (int64_t)p[2] << 8 | p[3];
	ret->value = slice_of(p + KV_HEAD, v->mv_size - KV_HEAD);
	return true;
}

int kv_db_read(struct kv_db *db, MDB_txn *txn, slice key, int64_t now, struct kv_record *ret)
{
	MDB_val k = {key.n, (void *)key.p}, v;
	int rc = mdb_get(txn, db->dbi, &k, &v);
	if (rc == 0 && (!kv_record_of(&v, ret) || ret->ends <= now))
		rc = MDB_NOTFOUND;
	return rc;
}

void kv_db_pages(const struct kv_db *db, uint64_t *ret_used, uint64_t *ret_all)
{
	MDB_stat st = {0};
	MDB_envinfo info = {0};
	mdb_env_stat(db->env, &st);
	mdb_env_info(db->env, &info);
	*ret_used = st.ms_branch_pages + st.ms_leaf_pages + st.ms_overflow_pages;
	*ret_all = st.ms_psize ? info.me_mapsize / st.ms_psize : 0;
}
