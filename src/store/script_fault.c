/*
 * What went wrong while scripts ran (script.h): a row for each script of an account, with how often, in the queue's database;
 * it is written in the transaction that ends the delivery. One version of a script is complained about once. Old rows go when
 * new ones come. Called by mail/settle.c, listed by the command line.
 */
#include "base/mem.h"
#include "base/time.h"
#include "store/script_int.h"

const char script_fault_up[] =
	"CREATE TABLE script_fault ("
	"account_id BIGINT NOT NULL, system BIGINT NOT NULL, script TEXT NOT NULL,"
	"version BIGINT NOT NULL, line BIGINT NOT NULL, en TEXT NOT NULL, zh TEXT NOT NULL,"
	"first_at BIGINT NOT NULL, last_at BIGINT NOT NULL, times BIGINT NOT NULL,"
	"PRIMARY KEY (account_id, system, script)) {{WITHOUT_ROWID}};"
	"CREATE INDEX script_fault_at ON script_fault (account_id, last_at);";
const char script_fault_down[] = "DROP TABLE script_fault;";

enum { TEXT_MAX = 500 };

static slice shorten(slice s)
{
	size_t n = s.n < TEXT_MAX ? s.n : TEXT_MAX;
	while (n < s.n && n && ((unsigned char)s.p[n] & 0xc0) == 0x80)
		n--;
	return slice_first(s, n);
}

/* 1: the same version is there, 0, -1. */
static int note_again(struct sql *db, const struct script_fault *f, struct err *e)
{
	int64_t n = sql_run(db, e,
		"UPDATE script_fault SET line = $5, en = $6, zh = $7, last_at = $8,"
		" times = times + 1 WHERE account_id = $1 AND system = $2 AND script = $3"
		" AND version = $4",
		"iitiitti", f->account_id, (int64_t)f->system, f->script, (int64_t)f->version,
		(int64_t)f->line, shorten(f->en), shorten(f->zh), f->last_at);
	return n < 0 ? -1 : n > 0;
}

int script_fault_note_tx(struct sql *db, const struct script_fault *f, struct err *e)
{
	int r = note_again(db, f, e);
	if (r)
		return r < 0 ? -1 : 0;
	if (sql_run(db, e,
		    "INSERT INTO script_fault (account_id, system, script, version, line, en, zh,"
		    " first_at, last_at, times) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $8, 1)"
		    " ON CONFLICT (account_id, system, script) DO UPDATE SET"
		    " version = excluded.version, line = excluded.line, en = excluded.en,"
		    " zh = excluded.zh, first_at = excluded.first_at,"
		    " last_at = excluded.last_at, times = 1",
		    "iitiitti", f->account_id, (int64_t)f->system, f->script, (int64_t)f->version,
		    (int64_t)f->line, shorten(f->en), shorten(f->zh), f->last_at) < 0)
		return -1;
	return sql_run(db, e,
		       "DELETE FROM script_fault WHERE account_id = $1 AND last_at <"
		       " (SELECT MIN(last_at) FROM (SELECT last_at FROM script_fault"
		       " WHERE account_id = $1 ORDER BY last_at DESC LIMIT $2) AS kept)",
		       "ii", f->account_id, (int64_t)SCRIPT_FAULTS_MAX) < 0
		       ? -1
		       : 1;
}

static void read_fault(struct sql_stmt *s, struct arena *a, void *row)
{
	*(struct script_fault *)row = (struct script_fault){
		.account_id = sql_int(s, 0),
		.system = sql_int(s, 1) != 0,
		.script = arena_dup(a, sql_text(s, 2)),
		.version = (uint64_t)sql_int(s, 3),
		.line = (unsigned)sql_int(s, 4),
		.en = arena_dup(a, sql_text(s, 5)),
		.zh = arena_dup(a, sql_text(s, 6)),
		.first_at = sql_int(s, 7),
		.last_at = sql_int(s, 8),
		.times = sql_int(s, 9),
	};
}

int script_faults(struct sql *db, int64_t account_id, struct arena *a, struct script_fault **ret,
	size_t *ret_n, struct err *e)
{
	struct sql_stmt *s = directory_query(db, e,
		"SELECT account_id, system, script, version, line, en, zh, first_at, last_at, times"
		" FROM script_fault WHERE $1 = 0 OR account_id = $1 ORDER BY last_at DESC",
		"i", account_id);
	return s ? directory_collect(s, sizeof **ret, read_fault, a, (void **)ret, ret_n, e) : -1;
}
