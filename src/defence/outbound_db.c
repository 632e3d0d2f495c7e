/*
 * The suspended senders (outbound.h): table `suspension` of the queue's database, made by its migrations
 * (store/queue.c). Written by edge (sudden volume, spam), the queue process (recipients that do not exist)
 * and the command line; read by each edge process.
 */
#include "defence/outbound.h"

#include "base/mem.h"
#include "store/queue.h"

#define HELD_REASON "sender suspended"

static slice lower(slice who, struct arena *a)
{
	slice s = arena_dup(a, who);
	for (size_t i = 0; i < s.n; i++)
		((char *)s.p)[i] = ascii_lower(s.p[i]);
	return s;
}

/* 1, 0, -1. */
static int find(struct sql *db, slice who, int64_t now, struct arena *a,
	struct outbound_suspension *ret, struct err *e)
{
	struct sql_stmt *s = sql_prepare(db,
		"SELECT why, detail, since, until_at, by_whom FROM suspension WHERE who = $1"
		" AND (until_at = 0 OR until_at > $2)",
		e);
	if (!s)
		return -1;
	sql_bind_text(s, 1, who);
	sql_bind_int(s, 2, now);
	int r = sql_step(s, e);
	if (r <= 0)
		return r;
	*ret = (struct outbound_suspension){.who = who,
		.why = (enum outbound_why)sql_int(s, 0),
		.detail = arena_dup(a, sql_text(s, 1)),
		.since = sql_int(s, 2),
		.until = sql_int(s, 3),
		.by = arena_dup(a, sql_text(s, 4))};
	sql_reset(s);
	return 1;
}

int outbound_suspended(struct sql *db, slice who, int64_t now, struct arena *a,
	struct outbound_suspension *ret, struct err *e)
{
	slice w = lower(who, a);
	int r = find(db, w, now, a, ret, e);
	if (r != 0)
		return r;
	slice domain = slice_skip(w, slice_rindex(w, '@'));
	return domain.n && domain.n < w.n ? find(db, domain, now, a, ret, e) : 0;
}

int outbound_suspend_tx(struct sql *db, const struct outbound_suspension *s, struct err *e)
{
	AUTO(arena) struct arena a = {0};
	struct outbound_suspension had;
	slice who = lower(s->who, &a);
	int r = find(db, who, s->since, &a, &had, e);
	if (r < 0 || (r == 1 && s->why != OUTBOUND_ADMIN))
		return r < 0 ? -1 : 0;
	if (sql_run(db, e, "DELETE FROM suspension WHERE who = $1", "t", who) < 0)
		return -1;
	int64_t n = sql_run(db, e,
		"INSERT INTO suspension (who, why, detail, since, until_at, by_whom)"
		" VALUES ($1, $2, $3, $4, $5, $6)",
		"titiit", who, (int64_t)s->why, s->detail, s->since, s->until, s->by);
	return n < 0 ? -1 : 1;
}

int outbound_lift_tx(struct sql *db, slice who, struct err *e)
{
	AUTO(arena) struct arena a = {0};
	int64_t n = sql_run(db, e, "DELETE FROM suspension WHERE who = $1", "t", lower(who, &a));
	if (n == 0)
		return err_set(e, ERR_NOTFOUND, "%.*s is not suspended", SFMT(who));
	return n < 0 ? -1 : 0;
}

int outbound_each(struct sql *db, bool (*fn)(void *arg, const struct outbound_suspension *s),
	void *arg, struct err *e)
{
	struct sql_stmt *s = sql_prepare(db,
		"SELECT who, why, detail, since, until_at, by_whom FROM suspension ORDER BY who",
		e);
	if (!s)
		return -1;
	int r;
	bool more = true;
	while (more && (r = sql_step(s, e)) == 1) {
		const struct outbound_suspension one = {.who = sql_text(s, 0),
			.why = (enum outbound_why)sql_int(s, 1),
			.detail = sql_text(s, 2),
			.since = sql_int(s, 3),
			.until = sql_int(s, 4),
			.by = sql_text(s, 5)};
		more = fn(arg, &one);
	}
	if (!more)
		sql_reset(s);
	return more && r < 0 ? -1 : 0;
}

/* ---- its mail in the queue ---- */

struct waiting {
	msg_id id;
	int32_t idx;
};

/* A login's rows are found by an index; those of a domain or an address are looked for among all that
 * were submitted. */
static int64_t find_rows(struct sql *db, slice who, enum rcpt_state state, uint64_t most,
	struct waiting *v, struct err *e)
{
	bool domain = slice_starts(who, S("@")), ip = slice_starts(who, S("ip:"));
	struct sql_stmt *s = sql_prepare(db,
		domain ? "SELECT r.msg, r.idx FROM msg m JOIN rcpt r ON r.msg = m.id WHERE m.auth "
			 "<> ''"
			 " AND substr(lower(m.auth), length(m.auth) - length($1) + 1) = $1"
			 " AND r.state = $2 AND ($3 = '' OR r.reason LIKE $3) LIMIT $4"
		: ip ? "SELECT r.msg, r.idx FROM msg m JOIN rcpt r ON r.msg = m.id WHERE m.auth = "
		       "''"
		       " AND substr(m.client, 1, length($1) + 1) = $1 || ' '"
		       " AND r.state = $2 AND ($3 = '' OR r.reason LIKE $3) LIMIT $4"
		     : "SELECT r.msg, r.idx FROM msg m JOIN rcpt r ON r.msg = m.id WHERE m.auth <> "
		       "''"
		       " AND m.auth = $1 AND r.state = $2 AND ($3 = '' OR r.reason LIKE $3) LIMIT "
		       "$4",
		e);
	if (!s)
		return -1;
	sql_bind_text(s, 1, ip ? slice_skip(who, 3) : who);
	sql_bind_int(s, 2, state);
	sql_bind_text(s, 3, state == RCPT_HELD ? S(HELD_REASON "%") : S(""));
	sql_bind_int(s, 4, (int64_t)most);
	int64_t n = 0;
	int r;
	while ((r = sql_step(s, e)) == 1) {
		if (v)
			v[n] = (struct waiting){sql_int(s, 0), (int32_t)sql_int(s, 1)};
		n++;
	}
	return r < 0 ? -1 : n;
}

static int64_t change(struct sql *db, slice who, enum rcpt_state from, enum queue_change to,
	slice by, uint64_t most, struct err *e)
{
	AUTO(arena) struct arena a = {0};
	slice w = lower(who, &a);
	struct waiting *v = ARENA_ARRAY(&a, struct waiting, most + 1);
	int64_t n = find_rows(db, w, from, most, v, e);
	for (int64_t i = 0; i < n; i++)
		if (queue_change_tx(db, v[i].id, v[i].idx, to, by,
			    to == QUEUE_HOLD ? S(HELD_REASON) : S(""), e) < 0 &&
			e->kind != ERR_NOTFOUND)
			return -1;
	return n;
}

int64_t outbound_hold_tx(struct sql *db, slice who, slice by, uint64_t most, struct err *e)
{
	return change(db, who, RCPT_WAITING, QUEUE_HOLD, by, most, e);
}

int64_t outbound_release_tx(struct sql *db, slice who, slice by, uint64_t most, struct err *e)
{
	return change(db, who, RCPT_HELD, QUEUE_RELEASE, by, most, e);
}

int64_t outbound_held(struct sql *db, slice who, struct err *e)
{
	AUTO(arena) struct arena a = {0};
	return find_rows(db, lower(who, &a), RCPT_HELD, INT32_MAX, NULL, e);
}
