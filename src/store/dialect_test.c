/*
 * The SQL that is written here must be understood by every engine (doc/notes/sql-dialect.md): no
 * string of src/ outside the driver may hold words that only SQLite or only PostgreSQL knows. And
 * every schema can be undone.
 */
#include "base/buf.h"
#include "base/mem.h"
#include "store/credential.h"
#include "store/directory.h"
#include "store/keyring.h"
#include "store/mailbox.h"
#include "store/queue.h"
#include "store/store_testing.h"
#include "store/trace.h"

#include <dirent.h>
#include <sys/stat.h>

static const char *const forbidden[] = {
	"AUTOINCREMENT",
	"WITHOUT ROWID",
	"INSERT OR ",
	"REPLACE INTO",
	"INDEXED BY",
	"PRAGMA ",
	"IFNULL(",
	" GLOB ",
	" ROWID",
	"(ROWID",
	"STRFTIME(",
	"DATETIME(",
	"INTEGER PRIMARY KEY",
	"GROUP_CONCAT",
	"UNIXEPOCH(",
	"RANDOMBLOB(",
	"LAST_INSERT",
	"CHANGES()",
	"VACUUM",
	"ATTACH ",
	"JULIANDAY",
	" SERIAL",
	"ILIKE",
	"::BIGINT",
	"::TEXT",
	"NOW()",
	"BYTEA",
	"STRING_AGG",
	"FOR UPDATE",
	"DISTINCT ON",
};

/* The next string literal of C text, without its quotes; adjacent ones come one by one. */
static bool next_string(slice *c, slice *ret)
{
	for (size_t i = 0; i < c->n; i++) {
		if (c->p[i] == '\'' && i + 2 < c->n) {
			i += c->p[i + 1] == '\\' ? 3 : 2;
		} else if (c->p[i] == '/' && i + 1 < c->n && c->p[i + 1] == '*') {
			i += slice_find(slice_skip(*c, i), S("*/"));
		} else if (c->p[i] == '"') {
			size_t from = ++i;
			while (i < c->n && c->p[i] != '"')
				i += c->p[i] == '\\' ? 2 : 1;
			*ret = slice_of(c->p + from, i - from);
			*c = slice_skip(*c, i + 1);
			return true;
		}
	}
	return false;
}

static bool is_sql(slice s)
{
	static const char *const starts[] = {
		"SELECT ", "INSERT ", "UPDATE ", "DELETE ", "CREATE ", "DROP ", "WITH "};
	for (size_t i = 0; i < sizeof starts / sizeof starts[0]; i++)
		if (slice_istarts(slice_trim(s), slice_z(starts[i])))
			return true;
	return slice_find(s, S(" BIGINT")) < s.n || slice_find(s, S("$1")) < s.n ||
	       slice_find(s, S("WHERE ")) < s.n;
}

static void check_text(const char *file, slice s)
{
	for (size_t w = 0; w < sizeof forbidden / sizeof forbidden[0]; w++)
		for (size_t i = 0; i < s.n; i++)
			if (slice_istarts(slice_skip(s, i), slice_z(forbidden[w])))
				test_fail(file, 0, "only one engine knows %s: %.*s", forbidden[w],
					SFMT(s));
}

static unsigned check_file(const char *path)
{
	AUTO(fd) int fd = open(path, O_RDONLY);
	struct stat st;
	CHECK(fd >= 0 && fstat(fd, &st) == 0);
	AUTO(free) char *text = mem_alloc((size_t)st.st_size + 1);
	CHECK(read(fd, text, (size_t)st.st_size) == st.st_size);
	slice rest = slice_of(text, (size_t)st.st_size), s;
	unsigned n = 0;
	while (next_string(&rest, &s))
		if (is_sql(s)) {
			check_text(path, s);
			n++;
		}
	return n;
}

/* {{WITHOUT_ROWID}} is ours: driver words are checked by the migrations themselves. */
static bool is_engine(const char *name)
{
	return strncmp(name, "sqlite", 6) == 0 || strstr(name, "_test.c") ||
	       strcmp(name, "sql_migrate.c") == 0;
}

TEST(sql_is_of_the_common_dialect)
{
	char dir[4096];
	snprintf(dir, sizeof dir, "%.*s", (int)(strrchr(__FILE__, '/') - __FILE__), __FILE__);
	DIR *d = opendir(dir);
	if (!d)
		test_skip("the sources are not where they were compiled");
	unsigned strings = 0;
	for (struct dirent *e; (e = readdir(d));) {
		char path[8192];
		size_t n = strlen(e->d_name);
		if (n < 3 || strcmp(e->d_name + n - 2, ".c") != 0 || is_engine(e->d_name))
			continue;
		snprintf(path, sizeof path, "%s/%s", dir, e->d_name);
		strings += check_file(path);
	}
	closedir(d);
	CHECK(strings > 60); /* it looked at something */
}

TEST(schemas_can_be_undone_and_made_again)
{
	static const struct {
		const char *name;
		const struct sql_migration *m;
		const size_t *n;
	} all[] = {
		{"queue", queue_migrations, &queue_migrations_n},
		{"trace", trace_migrations, &trace_migrations_n},
		{"directory", directory_migrations, &directory_migrations_n},
		{CREDENTIAL_DB, credential_migrations, &credential_migrations_n},
		{KEYRING_DB, keyring_migrations, &keyring_migrations_n},
		{"mail-00", mailbox_migrations, &mailbox_migrations_n},
	};
	AUTO(testdir) struct testdir d = testdir_make();
	for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) {
		struct err e;
		struct sql *db;
		int version;
		CHECK(sql_open(testdir_slice(&d), all[i].name, &db, &e) == 0);
		for (int round = 0; round < 2; round++) {
			CHECK(sql_migrate(db, all[i].m, *all[i].n, &e) == 0);
			CHECK(sql_version(db, &version, &e) == 0 && version > 0);
			if (sql_migrate_down(db, 0, &e) < 0)
				test_fail(all[i].name, 0, "%s", e.text);
			CHECK(sql_version(db, &version, &e) == 0 && version == 0);
		}
		sql_close(db);
	}
}
