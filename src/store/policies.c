/*
 * Versions of the policy document, table `policies` of the directory's database, and the facts of
 * recent letters, table `fact` of the trace's (policies.h). What stands in the texts is not known
 * here. Called by the command line, by bin/policies.c, by the edge's commits and by the keeper.
 */
#include "store/policies.h"

#include "base/mem.h"

static int current(struct sql *db, int64_t *ret, struct err *e)
{
	struct sql_stmt *s = sql_prepare(db, "SELECT COALESCE(MAX(version), 0) FROM policies", e);
	int more = s ? sql_step(s, e) : -1;
	if (more < 0)
		return -1;
	*ret = more ? sql_int(s, 0) : 0;
	sql_reset(s);
	return 0;
}

int policies_current_version(struct sql *db, int64_t *ret, struct err *e)
{
	return current(db, ret, e);
}

static int put(struct sql *db, const struct policies_version *v, int64_t based_on,
	int64_t *ret_version, struct err *e)
{
	int64_t now;
	if (current(db, &now, e) < 0)
		return -1;
	if (based_on && based_on != now)
		return err_set(e, ERR_EXISTS,
			"version %lld is in force by now, and the change was made to version %lld",
			(long long)now, (long long)based_on);
	if (sql_run(db, e,
		    "INSERT INTO policies (version, made_at, made_by, note, body)"
		    " VALUES ($1, $2, $3, $4, $5)",
		    "iittt", now + 1, v->at, v->by, v->note, v->text) < 0)
		return -1;
	*ret_version = now + 1;
	return 0;
}

int policies_put(struct sql *db, const struct policies_version *v, int64_t based_on,
	int64_t *ret_version, struct err *e)
{
	int64_t version = 0;
	if (sql_begin(db, e) < 0)
		return -1;
	if (put(db, v, based_on, &version, e) < 0) {
		sql_rollback(db);
		return -1;
	}
	if (sql_commit(db, e) < 0)
		return -1;
	*ret_version = version;
	return 0;
}

int policies_get(struct sql *db, int64_t version, struct arena *a, struct policies_version *ret,
	struct err *e)
{
	int64_t newest;
	if (current(db, &newest, e) < 0)
		return -1;
	struct sql_stmt *s = sql_prepare(db,
		"SELECT version, made_at, made_by, note, body FROM policies WHERE version = $1", e);
	if (!s)
		return -1;
	sql_bind_int(s, 1, version ? version : newest);
	int more = sql_step(s, e);
	if (more < 0)
		return -1;
	if (!more)
		return version ? err_set(e, ERR_NOTFOUND,
					 "there is no version %lld of the policies",
					 (long long)version)
			       : err_set(e, ERR_NOTFOUND, "there are no policies yet");
	*ret = (struct policies_version){.version = sql_int(s, 0),
		.at = sql_int(s, 1),
		.by = arena_dup(a, sql_text(s, 2)),
		.note = arena_dup(a, sql_text(s, 3)),
		.text = arena_dup(a, sql_text(s, 4))};
	ret->current = ret->version == newest;
	sql_reset(s);
	return 0;
}

int policies_history(struct sql *db, uint64_t most,
	bool (*fn)(void *arg, const struct policies_version *v), void *arg, struct err *e)
{
	struct sql_stmt *s = sql_prepare(db,
		"SELECT version, made_at, made_by, note FROM policies ORDER BY version DESC LIMIT "
		"$1",
		e);
	int more = -1;
	bool first = true;
	if (!s)
		return -1;
	sql_bind_int(s, 1, most > INT64_MAX ? INT64_MAX : (int64_t)most);
	while ((more = sql_step(s, e)) > 0) {
		const struct policies_version v = {.version = sql_int(s, 0),
			.at = sql_int(s, 1),
			.by = sql_text(s, 2),
			.note = sql_text(s, 3),
			.current = first};
		first = false;
		if (!fn(arg, &v)) {
			sql_reset(s);
			return 0;
		}
	}
	return more;
}

/* ---- facts ---- */

int policies_fact_add_tx(struct sql *db, const struct policies_fact *f, struct err *e)
{
	return sql_run(db, e,
		       "INSERT INTO fact (id, at, facts, decided) VALUES ($1, $2, $3, $4)"
		       " ON CONFLICT (id) DO UPDATE SET at = excluded.at, facts = excluded.facts,"
		       " decided = excluded.decided",
		       "iitt", (int64_t)f->id, f->at, f->facts, f->decided) < 0
		       ? -1
		       : 0;
}

int policies_facts_each(struct sql *db, int64_t since, uint64_t most,
	bool (*fn)(void *arg, const struct policies_fact *f), void *arg, struct err *e)
{
	struct sql_stmt *s = sql_prepare(db,
		"SELECT id, at, facts, decided FROM fact WHERE at >= $1"
		" ORDER BY at DESC, id DESC LIMIT $2",
		e);
	int more = -1;
	if (!s)
		return -1;
	sql_bind_int(s, 1, since);
	sql_bind_int(s, 2, most > INT64_MAX ? INT64_MAX : (int64_t)most);
	while ((more = sql_step(s, e)) > 0) {
		const struct policies_fact f = {.id = (msg_id)sql_int(s, 0),
			.at = sql_int(s, 1),
			.facts = sql_text(s, 2),
			.decided = sql_text(s, 3)};
		if (!fn(arg, &f)) {
			sql_reset(s);
			return 0;
		}
	}
	return more;
}

int64_t policies_facts_expire_tx(struct sql *db, int64_t before, uint64_t most, struct err *e)
{
	return sql_run(db, e,
		"DELETE FROM fact WHERE id IN"
		" (SELECT id FROM fact WHERE at < $1 ORDER BY at LIMIT $2)",
		"ii", before, (int64_t)(most > INT64_MAX ? INT64_MAX : most));
}
