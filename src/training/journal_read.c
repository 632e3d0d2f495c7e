/* Reading the journal (journal.h): in the order that training wants, and in the one that people do.
 */
#include "base/mem.h"
#include "training/journal_impl.h"

#define COLUMNS                                                                                    \
	"id, learned_at, told_at, source, state, who, reason, subject, sender, spam, vouched, "    \
	"site,"                                                                                    \
	" weight, probability, inputs, digest"

static struct journal_lesson read_lesson(struct sql_stmt *s, bool features)
{
	struct journal_lesson l = {.id = sql_int(s, 0),
		.learned_at = sql_int(s, 1),
		.told_at = sql_int(s, 2),
		.source = (enum training_source)sql_int(s, 3),
		.state = (enum training_state)sql_int(s, 4),
		.who = sql_text(s, 5),
		.reason = sql_text(s, 6),
		.subject = sql_text(s, 7),
		.sender = sql_text(s, 8),
		.spam = sql_int(s, 9) != 0,
		.vouched = sql_int(s, 10) != 0,
		.site = sql_int(s, 11) != 0,
		.weight = (float)sql_int(s, 12) / 100,
		.probability = (double)sql_int(s, 13) / JOURNAL_MILLION};
	slice digest = sql_text(s, 15);
	journal_get_inputs(sql_text(s, 14), l.in);
	memcpy(l.digest, digest.p, digest.n < TRAINING_DIGEST ? digest.n : TRAINING_DIGEST);
	if (features)
		l.packed = sql_text(s, 16);
	return l;
}

typedef bool (*lesson_fn)(void *arg, const struct journal_lesson *l);

int journal_each_site(struct sql *db, lesson_fn each, void *arg, struct err *e)
{
	uint8_t last[TRAINING_DIGEST] = {0};
	bool any = false;
	int r;
	struct sql_stmt *s = sql_prepare(db,
		"SELECT " COLUMNS ", features FROM lesson WHERE site = 1 AND state = $1"
		" AND length(features) > 0 ORDER BY digest, weight DESC, id DESC",
		e);
	if (!s)
		return -1;
	sql_bind_int(s, 1, TRAINING_LEARNED);
	while ((r = sql_step(s, e)) == 1) {
		struct journal_lesson l = read_lesson(s, true);
		if (any && memcmp(last, l.digest, sizeof last) == 0)
			continue;
		memcpy(last, l.digest, sizeof last);
		any = true;
		if (each(arg, &l))
			continue;
		sql_reset(s);
		return 0;
	}
	return r;
}

int journal_each_user(struct sql *db, slice who, lesson_fn each, void *arg, struct err *e)
{
	int r;
	struct sql_stmt *s = sql_prepare(db,
		"SELECT " COLUMNS ", features FROM lesson WHERE who = $1 AND state = $2"
		" AND length(features) > 0 ORDER BY learned_at, id",
		e);
	if (!s)
		return -1;
	sql_bind_text(s, 1, who);
	sql_bind_int(s, 2, TRAINING_LEARNED);
	while ((r = sql_step(s, e)) == 1) {
		struct journal_lesson l = read_lesson(s, true);
		if (each(arg, &l))
			continue;
		sql_reset(s);
		return 0;
	}
	return r;
}

int journal_changed_users(struct sql *db, int64_t after, struct arena *a, slice **ret,
	size_t *ret_n, int64_t *ret_revision, struct err *e)
{
	enum { AT_ONCE = 1000 };
	slice *v = ARENA_ARRAY(a, slice, AT_ONCE);
	int64_t revision = after;
	size_t n = 0;
	int r;
	struct sql_stmt *s = sql_prepare(db,
		"SELECT who, changed FROM person WHERE changed > $1 ORDER BY changed LIMIT $2", e);
	if (!s)
		return -1;
	sql_bind_int(s, 1, after);
	sql_bind_int(s, 2, AT_ONCE);
	while ((r = sql_step(s, e)) == 1) {
		v[n++] = arena_dup(a, sql_text(s, 0));
		revision = sql_int(s, 1);
	}
	*ret = v;
	*ret_n = n;
	*ret_revision = revision;
	return r;
}

/* ---- for people ---- */

int journal_list(struct sql *db, slice who, int state, uint64_t most, lesson_fn each, void *arg,
	struct err *e)
{
	int r;
	struct sql_stmt *s = sql_prepare(db,
		"SELECT " COLUMNS " FROM lesson WHERE (who = $1 OR $1 = '')"
		" AND (state = $2 OR $2 = 0) ORDER BY learned_at DESC, id DESC LIMIT $3",
		e);
	if (!s)
		return -1;
	sql_bind_text(s, 1, who);
	sql_bind_int(s, 2, state);
	sql_bind_int(s, 3, (int64_t)most);
	while ((r = sql_step(s, e)) == 1) {
		struct journal_lesson l = read_lesson(s, false);
		if (each(arg, &l))
			continue;
		sql_reset(s);
		return 0;
	}
	return r;
}

static int count(struct sql *db, const char *text, uint64_t *ret, struct err *e)
{
	struct sql_stmt *s = sql_prepare(db, text, e);
	int r = s ? sql_step(s, e) : -1;
	if (r == 1) {
		*ret = (uint64_t)sql_int(s, 0);
		sql_reset(s);
	}
	return r < 0 ? -1 : 0;
}

static int count_lessons(struct sql *db, struct journal_totals *t, struct err *e)
{
	int r;
	struct sql_stmt *s = sql_prepare(
		db, "SELECT state, spam, site, COUNT(*) FROM lesson GROUP BY state, spam, site", e);
	if (!s)
		return -1;
	while ((r = sql_step(s, e)) == 1) {
		bool spam = sql_int(s, 1) != 0;
		uint64_t n = (uint64_t)sql_int(s, 3);
		switch ((enum training_state)sql_int(s, 0)) {
		case TRAINING_LEARNED:
			t->learned[spam] += n;
			t->site[spam] += sql_int(s, 2) ? n : 0;
			break;
		case TRAINING_UNLEARNED:
			t->unlearned += n;
			break;
		default:
			t->rejected += n;
		}
	}
	return r;
}

int journal_totals(struct sql *db, struct journal_totals *ret, struct err *e)
{
	struct journal_totals t = {0};
	uint64_t newest = 0;
	if (count_lessons(db, &t, e) < 0 ||
		count(db, "SELECT COUNT(*) FROM waiting", &t.waiting, e) < 0 ||
		count(db, "SELECT COUNT(*) FROM person", &t.users, e) < 0 ||
		count(db, "SELECT COUNT(*) FROM sample", &t.samples, e) < 0 ||
		count(db, "SELECT COALESCE(MAX(learned_at), 0) FROM lesson", &newest, e) < 0)
		return -1;
	t.newest_at = (int64_t)newest;
	*ret = t;
	return 0;
}

int journal_users(struct sql *db, bool (*each)(void *arg, const struct journal_user *u), void *arg,
	struct err *e)
{
	int r;
	struct sql_stmt *s = sql_prepare(db,
		"SELECT p.who, p.agreed, p.disagreed,"
		" COALESCE(SUM(CASE WHEN l.state = 2 AND l.spam = 1 THEN 1 ELSE 0 END), 0),"
		" COALESCE(SUM(CASE WHEN l.state = 2 AND l.spam = 0 THEN 1 ELSE 0 END), 0),"
		" COALESCE(SUM(CASE WHEN l.state = 4 THEN 1 ELSE 0 END), 0),"
		" COALESCE(MAX(l.learned_at), 0)"
		" FROM person p LEFT JOIN lesson l ON l.who = p.who"
		" GROUP BY p.who, p.agreed, p.disagreed ORDER BY p.who",
		e);
	if (!s)
		return -1;
	while ((r = sql_step(s, e)) == 1) {
		struct journal_user u = {.who = sql_text(s, 0),
			.trust = journal_trust(sql_int(s, 1), sql_int(s, 2)),
			.spam = (uint64_t)sql_int(s, 3),
			.ham = (uint64_t)sql_int(s, 4),
			.rejected = (uint64_t)sql_int(s, 5),
			.last_at = sql_int(s, 6)};
		if (each(arg, &u))
			continue;
		sql_reset(s);
		return 0;
	}
	return r;
}
