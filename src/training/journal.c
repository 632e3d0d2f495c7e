/*
 * The journal's tables, and what waits in it (journal.h). Who tells (the learn process for others,
 * the command line for administrators) has its answer as soon as the letter is in `waiting`;
 * reading it comes later.
 */
#include "base/mem.h"
#include "training/journal_impl.h"
#include <errno.h>
#include <math.h>
#include <sys/stat.h>

static const struct sql_migration migrations[] = {
	{1, "learn",
		"CREATE TABLE meta (id {{KEY}}, revision BIGINT NOT NULL, site BIGINT NOT NULL,"
		"users BIGINT NOT NULL);"
		"INSERT INTO meta (id, revision, site, users) VALUES (1, 0, 0, 0);"
		"CREATE TABLE waiting ("
		"id {{AUTO_KEY}}, told_at BIGINT NOT NULL, source BIGINT NOT NULL, who TEXT NOT "
		"NULL,"
		"spam BIGINT NOT NULL, vouched BIGINT NOT NULL, tries BIGINT NOT NULL,"
		"message {{BLOB}} NOT NULL);"
		"CREATE TABLE lesson ("
		"id {{AUTO_KEY}}, told_at BIGINT NOT NULL, learned_at BIGINT NOT NULL,"
		"source BIGINT NOT NULL, who TEXT NOT NULL, spam BIGINT NOT NULL,"
		"vouched BIGINT NOT NULL, state BIGINT NOT NULL, reason TEXT NOT NULL,"
		"subject TEXT NOT NULL, sender TEXT NOT NULL, probability BIGINT NOT NULL,"
		"site BIGINT NOT NULL, weight BIGINT NOT NULL, judged BIGINT NOT NULL,"
		"digest {{BLOB}} NOT NULL, inputs {{BLOB}} NOT NULL, features {{BLOB}} NOT NULL,"
		"UNIQUE (digest, who));"
		"CREATE INDEX lesson_site ON lesson (site, state, digest, weight);"
		"CREATE INDEX lesson_who ON lesson (who, learned_at);"
		"CREATE INDEX lesson_state ON lesson (state);"
		"CREATE TABLE noted (lesson {{KEY}}, spam BIGINT NOT NULL, prints {{BLOB}} NOT "
		"NULL);"
		"CREATE TABLE kin ("
		"value BIGINT NOT NULL, lesson BIGINT NOT NULL, PRIMARY KEY (value, lesson))"
		" {{WITHOUT_ROWID}};"
		"CREATE INDEX kin_lesson ON kin (lesson);"
		"CREATE TABLE person ("
		"who TEXT NOT NULL PRIMARY KEY, agreed BIGINT NOT NULL, disagreed BIGINT NOT NULL,"
		"changed BIGINT NOT NULL) {{WITHOUT_ROWID}};"
		"CREATE INDEX person_changed ON person (changed);"
		"CREATE TABLE sample ("
		"id {{AUTO_KEY}}, at BIGINT NOT NULL, rules BIGINT NOT NULL, inputs {{BLOB}} NOT "
		"NULL,"
		"features {{BLOB}} NOT NULL);"
		"CREATE TABLE version ("
		"number {{KEY}}, revision BIGINT NOT NULL, made_at BIGINT NOT NULL,"
		"used_at BIGINT NOT NULL,"
		"ham BIGINT NOT NULL, spam BIGINT NOT NULL, figures {{BLOB}} NOT NULL,"
		"sampled BIGINT NOT NULL, changed BIGINT NOT NULL, refused BIGINT NOT NULL,"
		"why TEXT NOT NULL);",
		"DROP TABLE version; DROP TABLE sample; DROP TABLE person; DROP TABLE kin;"
		"DROP TABLE noted;"
		"DROP TABLE lesson; DROP TABLE waiting; DROP TABLE meta;"},
};

slice journal_dir(slice data, struct arena *a)
{
	return arena_printf(a, "%.*s/learn", SFMT(data));
}

int journal_prepare(slice data, struct err *e)
{
	static const char *const subs[] = {"", "/snapshot", "/versions", "/users"};
	AUTO(arena) struct arena a = {0};
	struct sql *db;
	slice dir = journal_dir(data, &a);
	for (size_t i = 0; i < sizeof subs / sizeof *subs; i++) {
		const char *path = arena_strz(&a, arena_printf(&a, "%.*s%s", SFMT(dir), subs[i]));
		if (mkdir(path, 0700) < 0 && errno != EEXIST)
			return err_sys(e, errno, "%s", path);
	}
	if (sql_open(dir, JOURNAL_DB, &db, e) < 0)
		return -1;
	int r = sql_migrate(db, migrations, sizeof migrations / sizeof *migrations, e);
	sql_close(db);
	return r;
}

/* ---- pieces ---- */

void journal_put_inputs(const float in[LEARN_INPUTS], struct buf *out)
{
	for (unsigned i = 0; i < LEARN_INPUTS; i++)
		buf_f32(out, in[i]);
}

void journal_get_inputs(slice s, float ret[LEARN_INPUTS])
{
	struct cur c = cur_of(s);
	for (unsigned i = 0; i < LEARN_INPUTS; i++) {
		ret[i] = cur_f32(&c);
		if (!isfinite(ret[i]))
			ret[i] = 0;
	}
}

int journal_touch_site_tx(struct sql *db, struct err *e)
{
	return sql_run(db, e, "UPDATE meta SET revision = revision + 1, site = revision + 1", "") <
			       0
		       ? -1
		       : 0;
}

int journal_touch_person_tx(struct sql *db, slice who, struct err *e)
{
	if (!who.n)
		return 0;
	if (sql_run(db, e, "UPDATE meta SET revision = revision + 1", "") < 0)
		return -1;
	return sql_run(db, e,
		       "INSERT INTO person (who, agreed, disagreed, changed)"
		       " SELECT $1, 0, 0, revision FROM meta WHERE id = 1"
		       " ON CONFLICT (who) DO UPDATE SET changed = excluded.changed",
		       "t", who) < 0
		       ? -1
		       : 0;
}

static int one_number(struct sql *db, const char *text, int64_t *ret, struct err *e)
{
	struct sql_stmt *s = sql_prepare(db, text, e);
	int r = s ? sql_step(s, e) : -1;
	if (r == 1) {
		*ret = sql_int(s, 0);
		sql_reset(s);
	}
	return r < 0 ? -1 : 0;
}

int journal_revision(struct sql *db, int64_t *ret, struct err *e)
{
	return one_number(db, "SELECT site FROM meta WHERE id = 1", ret, e);
}

int journal_users_built(struct sql *db, int64_t *ret, struct err *e)
{
	return one_number(db, "SELECT users FROM meta WHERE id = 1", ret, e);
}

int journal_users_built_tx(struct sql *db, int64_t revision, struct err *e)
{
	return sql_run(db, e, "UPDATE meta SET users = $1", "i", revision) < 0 ? -1 : 0;
}

/* ---- what waits ---- */

int journal_tell_tx(struct sql *db, const struct training_told *t, int64_t now, size_t max_size,
	int64_t *ret_id, struct err *e)
{
	int64_t waiting = 0;
	int most = t->source == TRAINING_HONEYPOT ? JOURNAL_TRAPPED_MAX : JOURNAL_WAITING_MAX;
	/* They go in the order in which they came: as good as counting them, and far cheaper. */
	const char *count = "SELECT COALESCE(MAX(id) - MIN(id) + 1, 0) FROM waiting";
	if (one_number(db, count, &waiting, e) < 0)
		return -1;
	if (waiting >= most)
		return err_set(e, ERR_LIMIT, "%d letters wait to be learned already", most);
	struct sql_stmt *s = sql_prepare(db,
		"INSERT INTO waiting (told_at, source, who, spam, vouched, tries, message)"
		" VALUES ($1, $2, $3, $4, $5, 0, $6) RETURNING id",
		e);
	if (!s)
		return -1;
	sql_bind_int(s, 1, now);
	sql_bind_int(s, 2, t->source);
	sql_bind_text(s, 3, slice_first(t->who, TRAINING_WHO_MAX));
	sql_bind_int(s, 4, t->spam);
	sql_bind_int(s, 5, t->vouched);
	sql_bind_blob(s, 6, slice_first(t->message, max_size));
	int r = sql_step(s, e);
	if (r < 0)
		return -1;
	*ret_id = sql_int(s, 0);
	sql_reset(s);
	return 0;
}

int journal_next(
	struct sql *db, int64_t after, struct arena *a, struct journal_waiting *ret, struct err *e)
{
	struct sql_stmt *s = sql_prepare(db,
		"SELECT id, told_at, source, who, spam, vouched, tries, message FROM waiting"
		" WHERE id > $1 ORDER BY id LIMIT 1",
		e);
	if (!s)
		return -1;
	sql_bind_int(s, 1, after);
	int r = sql_step(s, e);
	if (r != 1)
		return r;
	*ret = (struct journal_waiting){.id = sql_int(s, 0),
		.told_at = sql_int(s, 1),
		.told = {.source = (enum training_source)sql_int(s, 2),
			.who = arena_dup(a, sql_text(s, 3)),
			.spam = sql_int(s, 4) != 0,
			.vouched = sql_int(s, 5) != 0,
			.message = arena_dup(a, sql_text(s, 7))},
		.tries = (unsigned)sql_int(s, 6)};
	sql_reset(s);
	return 1;
}

int journal_tried_tx(struct sql *db, int64_t id, struct err *e)
{
	return sql_run(db, e, "UPDATE waiting SET tries = tries + 1 WHERE id = $1", "i", id) < 0
		       ? -1
		       : 0;
}

/* ---- a sample of recent mail ---- */

int journal_sample_tx(struct sql *db, const struct journal_sample *v, int64_t most, struct err *e)
{
	AUTO(buf) struct buf in = BUF(INPUTS_BYTES);
	journal_put_inputs(v->in, &in);
	if (sql_run(db, e,
		    "INSERT INTO sample (at, rules, inputs, features) VALUES ($1, $2, $3, $4)",
		    "iibb", v->at, (int64_t)(v->rules * 1000), buf_slice(&in), v->packed) < 0)
		return -1;
	return sql_run(db, e, "DELETE FROM sample WHERE id <= (SELECT MAX(id) FROM sample) - $1",
		       "i", most) < 0
		       ? -1
		       : 0;
}

int journal_each_sample(struct sql *db, bool (*each)(void *arg, const struct journal_sample *s),
	void *arg, struct err *e)
{
	struct sql_stmt *s =
		sql_prepare(db, "SELECT at, rules, inputs, features FROM sample ORDER BY id", e);
	int r;
	if (!s)
		return -1;
	while ((r = sql_step(s, e)) == 1) {
		struct journal_sample v = {.at = sql_int(s, 0),
			.rules = (double)sql_int(s, 1) / 1000,
			.packed = sql_text(s, 3)};
		journal_get_inputs(sql_text(s, 2), v.in);
		if (!each(arg, &v)) {
			sql_reset(s);
			return 0;
		}
	}
	return r;
}
