/*
 * The store of an installation: making it and what it holds in numbers (store.h). Run by `posthouse
 * init`, by the master at start, and by the command line.
 */
#include "store/store.h"

#include "base/mem.h"
#include "run/log.h"
#include "store/changes.h"
#include "store/collect.h"
#include "store/credential.h"
#include "store/directory.h"
#include "store/gc.h"
#include "store/keyring.h"
#include "store/kv.h"
#include "store/login.h"
#include "store/maillist.h"
#include "store/queue.h"
#include "store/report.h"
#include "store/snapshot.h"
#include "store/tlspolicy.h"
#include "store/trace.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/statvfs.h>

enum { PATH_LIMIT = 3000 };

static int make_dir(slice dir, const char *sub, struct err *e)
{
	AUTO(buf) struct buf path = BUF(PATH_LIMIT);
	buf_put(&path, dir);
	buf_printf(&path, "%s", sub);
	buf_byte(&path, 0);
	if (!buf_ok(&path))
		return err_set(e, ERR_LIMIT, "path of the store is too long");
	if (mkdir(path.p, 0700) < 0 && errno != EEXIST)
		return err_sys(e, errno, "%s", path.p);
	return 0;
}

typedef int (*schema_step)(slice dir, const char *name, const struct sql_migration *m, size_t n,
	void *arg, struct err *e);

/* Every database that this program knows, with the steps of its schema. */
static int each_schema(slice dir, schema_step step, void *arg, struct err *e)
{
	if (step(dir, "directory", directory_migrations, directory_migrations_n, arg, e) < 0 ||
		step(dir, "queue", queue_migrations, queue_migrations_n, arg, e) < 0 ||
		step(dir, "trace", trace_migrations, trace_migrations_n, arg, e) < 0 ||
		step(dir, REPORT_DB, report_migrations, report_migrations_n, arg, e) < 0 ||
		step(dir, MAILLIST_DB, maillist_migrations, maillist_migrations_n, arg, e) < 0 ||
		step(dir, COLLECT_DB, collect_migrations, collect_migrations_n, arg, e) < 0 ||
		step(dir, TLSPOLICY_DB, tlspolicy_migrations, tlspolicy_migrations_n, arg, e) < 0)
		return -1;
	AUTO(arena) struct arena a = {0};
	if (step(credential_dir(dir, &a), CREDENTIAL_DB, credential_migrations,
		    credential_migrations_n, arg, e) < 0)
		return -1;
	if (step(credential_dir(dir, &a), LOGIN_DB, login_migrations, login_migrations_n, arg, e) < 0)
		return -1;
	if (step(keyring_dir(dir, &a), KEYRING_DB, keyring_migrations, keyring_migrations_n, arg, e) <
		0)
		return -1;
	for (int i = 0; i < MAILBOX_SHARDS; i++)
		if (step(dir, mailbox_db_name(i), mailbox_migrations, mailbox_migrations_n, arg, e) <
			0)
			return -1;
	return 0;
}

static int migrate(slice dir, const char *name, const struct sql_migration *m, size_t n, void *arg,
	struct err *e)
{
	struct sql *db;
	(void)arg;
	if (sql_open(dir, name, &db, e) < 0)
		return -1;
	int r = sql_migrate(db, m, n, e);
	sql_close(db);
	return r;
}

/* One that was never made is not behind. */
static int note_behind(slice dir, const char *name, const struct sql_migration *m, size_t n,
	void *arg, struct err *e)
{
	struct sql *db;
	int version = 0;
	if (sql_open_read(dir, name, &db, e) < 0)
		return e->kind == ERR_NOTFOUND ? 0 : -1;
	int r = sql_version(db, &version, e);
	sql_close(db);
	if (r == 0 && version > 0 && version < m[n - 1].version)
		*(bool *)arg = true;
	return r;
}

int store_behind(slice dir, struct err *e)
{
	bool behind = false;
	return each_schema(dir, note_behind, &behind, e) < 0 ? -1 : behind;
}

/* Too many snapshots keep nothing from working. */
static void thin(slice dir)
{
	struct err e;
	if (snapshots_thin(dir, &e) < 0)
		log_warn(NULL, "store.snapshots", F("error", &e));
}

/* Made here, so that it belongs to whom everything belongs. */
static int make_changes(slice dir, struct err *e)
{
	struct changes *c;
	if (changes_open(dir, &c, e) < 0)
		return -1;
	changes_close(c);
	return 0;
}

/* By which gc and backups keep away from each other: there for whoever may only read. */
static int make_gc_lock(slice dir, struct err *e)
{
	AUTO(arena) struct arena a = {0};
	const char *path = arena_strz(&a, arena_printf(&a, "%.*s/blob/gc.lock", SFMT(dir)));
	AUTO(fd) int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	return fd < 0 ? err_sys(e, errno, "%s", path) : 0;
}

int store_prepare(slice dir, struct err *e)
{
	static const char *const subs[] = {"", "/db", "/blob", "/snapshot", "/auth",
		"/auth/snapshot", "/keys", "/keys/snapshot", "/mirror", "/backup"};
	for (size_t i = 0; i < sizeof subs / sizeof *subs; i++)
		if (make_dir(dir, subs[i], e) < 0)
			return -1;
	if (each_schema(dir, migrate, NULL, e) < 0)
		return -1;
	AUTO(arena) struct arena a = {0};
	if (make_gc_lock(dir, e) < 0 || mailbox_boot(dir, e) < 0 || kv_prepare(dir, e) < 0 || make_changes(dir, e) < 0)
		return -1;
	thin(dir);
	thin(credential_dir(dir, &a));
	thin(keyring_dir(dir, &a));
	return 0;
}

/* Adds up the files of DIR/sub whose names end so. */
static int add_files(
	slice dir, const char *sub, slice end, uint64_t *n, uint64_t *bytes, struct err *e)
{
	AUTO(buf) struct buf path = BUF(PATH_LIMIT);
	buf_put(&path, dir);
	buf_printf(&path, "%s", sub);
	buf_byte(&path, 0);
	DIR *d = buf_ok(&path) ? opendir(path.p) : NULL;
	if (!d)
		return err_sys(e, errno, "%.*s%s", SFMT(dir), sub);
	struct stat st;
	for (struct dirent *f; (f = readdir(d));) {
		if (f->d_name[0] == '.' || !slice_ends(slice_z(f->d_name), end) ||
			fstatat(dirfd(d), f->d_name, &st, 0) < 0)
			continue;
		*n += 1;
		*bytes += (uint64_t)st.st_blocks * 512;
	}
	closedir(d);
	return 0;
}

struct question {
	const char *db, *sql;
	uint64_t *ret;
};

/* One number; a database that was never made, or has no tables yet, counts nothing. */
static int ask(slice dir, const struct question *q, struct err *e)
{
	struct sql *db;
	int version = 0;
	if (sql_open_read(dir, q->db, &db, e) < 0)
		return e->kind == ERR_NOTFOUND ? 0 : -1;
	int r = sql_version(db, &version, e);
	struct sql_stmt *s = r == 0 && version > 0 ? sql_prepare(db, q->sql, e) : NULL;
	if (r == 0 && version > 0)
		r = s ? sql_step(s, e) : -1;
	if (r == 1)
		*q->ret += (uint64_t)sql_int(s, 0);
	sql_close(db);
	return r < 0 ? -1 : 0;
}

static int ask_all(slice dir, struct store_stat *st, struct err *e)
{
	const struct question questions[] = {
		{"segment", "SELECT COUNT(*) FROM segment", &st->segments},
		{"segment", "SELECT COALESCE(SUM(size), 0) FROM segment", &st->segment_bytes},
		{"queue", "SELECT COUNT(*) FROM msg", &st->queue_messages},
		{"queue", "SELECT COUNT(*) FROM rcpt", &st->queue_rcpts},
		{"queue", "SELECT COUNT(*) FROM held", &st->quarantine_messages},
		{"queue", "SELECT COUNT(*) FROM held_rcpt", &st->quarantine_rcpts},
		{"trace", "SELECT COUNT(*) FROM trace", &st->trace_rows},
		{"directory", "SELECT COUNT(*) FROM account", &st->accounts},
		{"directory", "SELECT COUNT(*) FROM domain", &st->domains},
	};
	for (size_t i = 0; i < sizeof questions / sizeof *questions; i++)
		if (ask(dir, &questions[i], e) < 0)
			return -1;
	for (int i = 0; i < MAILBOX_SHARDS; i++) {
		const struct question q = {
			mailbox_db_name(i), "SELECT COUNT(*) FROM message", &st->mailbox_messages};
		if (ask(dir, &q, e) < 0)
			return -1;
	}
	return 0;
}

int store_stat(slice dir, struct store_stat *ret, struct err *e)
{
	struct store_stat st = {0};
	uint64_t files = 0;
	if (add_files(dir, "/blob", S(".pack"), &st.packs, &st.pack_bytes, e) < 0 ||
		add_files(dir, "/db", S(""), &files, &st.db_bytes, e) < 0 ||
		ask_all(dir, &st, e) < 0)
		return -1;
	AUTO(free) char *path = mem_dup(dir.p, dir.n);
	struct statvfs fs;
	if (statvfs(path, &fs) < 0)
		return err_sys(e, errno, "%s", path);
	st.free_bytes = (uint64_t)fs.f_bavail * fs.f_frsize;
	*ret = st;
	return 0;
}
