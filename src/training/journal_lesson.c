/*
 * Lessons: what becomes of a letter that was told, and whom it teaches (journal.h).
 *
 * Protection against poisoning: what a user says teaches only his own layer. It reaches the site's
 * when `agree` users say the same of letters alike (twice as many when the models were sure of the
 * contrary), trust in them weighed, and nobody who is believed says the opposite; or when an
 * administrator or a trap says the same. Letters are alike when they share at least KIN_ALIKE of
 * TRAINING_KIN numbers (alike.h: minima of hashes over what a reader sees). Who was
 * confirmed is trusted more, who was contradicted less.
 */
#include "base/mem.h"
#include "base/time.h"
#include "training/journal_impl.h"
#include <math.h>

enum {
	KIN_ALIKE = 6,
	CLUSTER_MAX = 500, /* letters alike that are looked at, the newest */
	SURE_PERCENT = 99,
	OLD_FACTOR = 4, /* rows without features: kept so many times [learning] keep */
};
enum judged { UNJUDGED, CONFIRMED, CONTRADICTED };

/* ---- letters alike ---- */

struct member {
	int64_t id;
	slice who;
	enum training_source source;
	bool spam, vouched, site;
	enum judged judged;
	double probability;
	float trust;
};
struct cluster {
	struct member v[CLUSTER_MAX];
	size_t n;
};

float journal_trust(int64_t agreed, int64_t disagreed)
{
	return (float)(agreed + 2) / (float)(agreed + 2 * disagreed + 2);
}

static struct member read_member(struct sql_stmt *s, struct arena *a)
{
	return (struct member){.id = sql_int(s, 0),
		.who = arena_dup(a, sql_text(s, 1)),
		.source = (enum training_source)sql_int(s, 2),
		.spam = sql_int(s, 3) != 0,
		.vouched = sql_int(s, 4) != 0,
		.site = sql_int(s, 5) != 0,
		.judged = (enum judged)sql_int(s, 6),
		.probability = (double)sql_int(s, 7) / JOURNAL_MILLION,
		.trust = journal_trust(sql_int(s, 8), sql_int(s, 9))};
}

/* Lessons in force that are like lesson `id`, itself among them. */
static int find_alike(
	struct sql *db, int64_t id, struct arena *a, struct cluster **ret, struct err *e)
{
	struct cluster *c = ARENA_NEW(a, struct cluster);
	struct sql_stmt *s = sql_prepare(db,
		"SELECT l.id, l.who, l.source, l.spam, l.vouched, l.site, l.judged, l.probability,"
		" COALESCE(p.agreed, 0), COALESCE(p.disagreed, 0)"
		" FROM (SELECT k.lesson AS lesson FROM kin m JOIN kin k ON k.value = m.value"
		" WHERE m.lesson = $1 GROUP BY k.lesson HAVING COUNT(*) >= $2) x"
		" JOIN lesson l ON l.id = x.lesson LEFT JOIN person p ON p.who = l.who"
		" WHERE l.state = $3 ORDER BY l.id DESC LIMIT $4",
		e);
	int r;
	if (!s)
		return -1;
	sql_bind_int(s, 1, id);
	sql_bind_int(s, 2, KIN_ALIKE);
	sql_bind_int(s, 3, TRAINING_LEARNED);
	sql_bind_int(s, 4, CLUSTER_MAX);
	while ((r = sql_step(s, e)) == 1)
		c->v[c->n++] = read_member(s, a);
	*ret = c;
	return r;
}

/* The word of those who need no agreement, the newest first; administrators' before that of traps,
 * to which anybody can have honest mail sent. */
static bool authority(const struct cluster *c, bool *ret_spam)
{
	const struct member *found = NULL;
	for (size_t i = 0; i < c->n; i++) {
		const struct member *m = &c->v[i];
		if (training_source_personal(m->source))
			continue;
		if (!found)
			found = m;
		if (m->source != TRAINING_HONEYPOT) {
			found = m;
			break;
		}
	}
	if (found)
		*ret_spam = found->spam;
	return found;
}

/* Does an earlier entry have the same user? */
static bool counted(const struct cluster *c, size_t i, bool spam)
{
	for (size_t j = 0; j < i; j++)
		if (c->v[j].spam == spam && slice_eq(c->v[j].who, c->v[i].who))
			return true;
	return false;
}

static float voices(const struct cluster *c, bool spam, unsigned *ret_users)
{
	float sum = 0;
	*ret_users = 0;
	for (size_t i = 0; i < c->n; i++) {
		if (c->v[i].spam != spam || counted(c, i, spam))
			continue;
		sum += c->v[i].trust;
		*ret_users += 1;
	}
	return sum;
}

/* Models that were sure of the contrary count as much as all those users. */
static bool surprising(const struct cluster *c, bool spam)
{
	for (size_t i = 0; i < c->n; i++) {
		double p = spam ? 1 - c->v[i].probability : c->v[i].probability;
		if (c->v[i].spam == spam && p * 100 >= SURE_PERCENT)
			return true;
	}
	return false;
}

static bool crowd(const struct cluster *c, bool spam, const struct learning_conf *conf)
{
	unsigned users, against;
	float heard = voices(c, spam, &users), contrary = voices(c, !spam, &against);
	float need = (float)conf->agree * (surprising(c, spam) ? 2 : 1);
	for (size_t i = 0; i < c->n; i++)
		if (spam && c->v[i].vouched)
			return false;
	return (float)users >= need && heard >= need / 2 && contrary * 2 < heard;
}

static int64_t weight_of(const struct member *m, const struct learning_conf *conf)
{
	if (training_source_personal(m->source))
		return lrintf((float)conf->weight_user * fminf(1, m->trust));
	return m->source == TRAINING_HONEYPOT ? conf->weight_honeypot : 100;
}

static int judge(struct sql *db, const struct member *m, enum judged judged, struct err *e)
{
	if (m->judged == judged)
		return 0;
	int agreed = (judged == CONFIRMED) - (m->judged == CONFIRMED);
	int disagreed = (judged == CONTRADICTED) - (m->judged == CONTRADICTED);
	return sql_run(db, e,
		       "UPDATE person SET agreed = agreed + $1, disagreed = disagreed + $2"
		       " WHERE who = $3",
		       "iit", (int64_t)agreed, (int64_t)disagreed, m->who) < 0
		       ? -1
		       : 0;
}

static int settle_one(struct sql *db, const struct member *m, bool site, enum judged judged,
	const struct learning_conf *conf, bool *changed, struct err *e)
{
	if (site == m->site && judged == m->judged)
		return 0;
	if (judge(db, m, judged, e) < 0)
		return -1;
	*changed |= site != m->site;
	return sql_run(db, e, "UPDATE lesson SET site = $1, judged = $2, weight = $3 WHERE id = $4",
		       "iiii", (int64_t)site, (int64_t)judged, weight_of(m, conf), m->id) < 0
		       ? -1
		       : 0;
}

/* Whom do letters like this one teach now? */
static int settle(struct sql *db, int64_t id, const struct learning_conf *conf, struct err *e)
{
	AUTO(arena) struct arena a = {0};
	struct cluster *c;
	bool truth = false, changed = false;
	if (find_alike(db, id, &a, &c, e) < 0)
		return -1;
	bool known = authority(c, &truth);
	for (int spam = 0; spam < 2 && !known; spam++) {
		known = crowd(c, spam, conf);
		truth = spam;
	}
	for (size_t i = 0; i < c->n; i++) {
		const struct member *m = &c->v[i];
		bool own = training_source_personal(m->source);
		enum judged j = !known || !own     ? UNJUDGED
				: m->spam == truth ? CONFIRMED
						   : CONTRADICTED;
		bool overruled = m->source == TRAINING_HONEYPOT && known && m->spam != truth;
		bool site = own ? j == CONFIRMED : !overruled;
		if (settle_one(db, m, site, j, conf, &changed, e) < 0)
			return -1;
	}
	return changed ? journal_touch_site_tx(db, e) : 0;
}

/* ---- a letter becomes a lesson ---- */

static int gone(struct sql *db, int64_t waiting, struct err *e)
{
	return sql_run(db, e, "DELETE FROM waiting WHERE id = $1", "i", waiting) < 0 ? -1 : 0;
}

static int taken_today(struct sql *db, slice who, int64_t now, int64_t *ret, struct err *e)
{
	struct sql_stmt *s = sql_prepare(db,
		"SELECT COUNT(*) FROM lesson WHERE who = $1 AND learned_at > $2 AND state <> $3",
		e);
	if (!s)
		return -1;
	sql_bind_text(s, 1, who);
	sql_bind_int(s, 2, now - DAY);
	sql_bind_int(s, 3, TRAINING_REJECTED);
	int r = sql_step(s, e);
	if (r == 1) {
		*ret = sql_int(s, 0);
		sql_reset(s);
	}
	return r < 0 ? -1 : 0;
}

/* Strangers shall not fill the journal through honeypots. 1: enough for today; 0, -1 */
static int enough_trapped(struct sql *db, const struct learning_conf *c, int64_t now, struct err *e)
{
	struct sql_stmt *s = sql_prepare(db,
		"SELECT COUNT(*) FROM lesson WHERE who = '' AND learned_at > $1 AND source = $2",
		e);
	if (!s)
		return -1;
	sql_bind_int(s, 1, now - DAY);
	sql_bind_int(s, 2, TRAINING_HONEYPOT);
	int r = sql_step(s, e);
	if (r != 1)
		return r;
	r = sql_int(s, 0) >= c->honeypot_day;
	sql_reset(s);
	return r;
}

struct former {
	int64_t id;
	bool in_force, same; /* same: and says the same */
	enum training_source source;
};

/* 1, 0, -1 */
static int find_former(struct sql *db, const struct journal_waiting *w,
	const uint8_t digest[TRAINING_DIGEST], struct former *ret, struct err *e)
{
	struct sql_stmt *s = sql_prepare(
		db, "SELECT id, spam, state, source FROM lesson WHERE digest = $1 AND who = $2", e);
	if (!s)
		return -1;
	sql_bind_blob(s, 1, slice_of(digest, TRAINING_DIGEST));
	sql_bind_text(s, 2, w->told.who);
	int r = sql_step(s, e);
	if (r != 1)
		return r;
	bool in_force = sql_int(s, 2) == TRAINING_LEARNED;
	*ret = (struct former){sql_int(s, 0), in_force,
		in_force && (sql_int(s, 1) != 0) == w->told.spam,
		(enum training_source)sql_int(s, 3)};
	sql_reset(s);
	return 1;
}

/* The same letter by the same person: his last word counts. */
static int put(struct sql *db, const struct journal_waiting *w, const struct journal_read *r,
	enum training_state state, slice reason, int64_t now, int64_t *ret_id, struct err *e)
{
	AUTO(buf) struct buf in = BUF(INPUTS_BYTES);
	journal_put_inputs(r->in, &in);
	struct sql_stmt *s = sql_prepare(db,
		"INSERT INTO lesson (told_at, learned_at, source, who, spam, vouched, state, "
		"reason,"
		" subject, sender, probability, site, weight, judged, digest, inputs, features)"
		" VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, 0, 0, 0, $12, $13, $14)"
		" ON CONFLICT (digest, who) DO UPDATE SET told_at = excluded.told_at,"
		" learned_at = excluded.learned_at, source = excluded.source, spam = excluded.spam,"
		" vouched = excluded.vouched, state = excluded.state, reason = excluded.reason,"
		" features = excluded.features RETURNING id",
		e);
	if (!s)
		return -1;
	sql_bind_int(s, 1, w->told_at);
	sql_bind_int(s, 2, now);
	sql_bind_int(s, 3, w->told.source);
	sql_bind_text(s, 4, w->told.who);
	sql_bind_int(s, 5, w->told.spam);
	sql_bind_int(s, 6, w->told.vouched);
	sql_bind_int(s, 7, state);
	sql_bind_text(s, 8, reason);
	sql_bind_text(s, 9, r->subject);
	sql_bind_text(s, 10, r->sender);
	sql_bind_int(s, 11, (int64_t)(r->probability * JOURNAL_MILLION));
	sql_bind_blob(s, 12, slice_of(r->digest, TRAINING_DIGEST));
	sql_bind_blob(s, 13, buf_slice(&in));
	sql_bind_blob(s, 14, r->packed);
	int got = sql_step(s, e);
	if (got < 0)
		return -1;
	*ret_id = sql_int(s, 0);
	sql_reset(s);
	return 0;
}

static int put_kin(struct sql *db, int64_t id, const uint64_t kin[TRAINING_KIN], struct err *e)
{
	for (unsigned i = 0; i < TRAINING_KIN; i++)
		if (sql_run(db, e,
			    "INSERT INTO kin (value, lesson) VALUES ($1, $2)"
			    " ON CONFLICT (value, lesson) DO NOTHING",
			    "ii", (int64_t)(kin[i] >> 1), id) < 0)
			return -1;
	return 0;
}

int journal_reject_tx(
	struct sql *db, const struct journal_waiting *w, slice reason, int64_t now, struct err *e)
{
	struct journal_read r = {.probability = 0.5};
	uint64_t id = (uint64_t)w->id,
		 tag = 0x72656a6563740000; /* unlike every digest of SHA-256 */
	int64_t lesson;
	memcpy(r.digest, &tag, sizeof tag);
	memcpy(r.digest + sizeof tag, &id, sizeof id);
	if (put(db, w, &r, TRAINING_REJECTED, reason, now, &lesson, e) < 0)
		return -1;
	return gone(db, w->id, e);
}

static int over_limit(struct sql *db, const struct journal_waiting *w, const struct journal_read *r,
	const struct learning_conf *c, int64_t now, int64_t *ret_id, struct err *e)
{
	AUTO(arena) struct arena a = {0};
	struct journal_read bare = *r;
	bare.packed = S("");
	slice why = arena_printf(&a, "more than %lld lessons in a day", (long long)c->per_user_day);
	if (put(db, w, &bare, TRAINING_REJECTED, why, now, ret_id, e) < 0)
		return -1;
	return gone(db, w->id, e);
}

int journal_learn_tx(struct sql *db, const struct journal_waiting *w, const struct journal_read *r,
	const struct learning_conf *c, int64_t now, int64_t *ret_id, struct err *e)
{
	struct former former = {0};
	int64_t today = 0;
	int known = find_former(db, w, r->digest, &former, e);
	if (known < 0)
		return -1;
	/* What an administrator said no trap changes. */
	bool firm = former.in_force && w->told.source == TRAINING_HONEYPOT &&
		    former.source != TRAINING_HONEYPOT;
	if (known && (former.same || firm)) {
		*ret_id = former.id;
		return gone(db, w->id, e);
	}
	if (training_source_personal(w->told.source)) {
		if (taken_today(db, w->told.who, now, &today, e) < 0)
			return -1;
		if (today >= c->per_user_day && !former.in_force)
			return over_limit(db, w, r, c, now, ret_id, e);
	}
	int enough = w->told.source == TRAINING_HONEYPOT ? enough_trapped(db, c, now, e) : 0;
	if (enough < 0)
		return -1;
	if (enough) {
		*ret_id = 0;
		return gone(db, w->id, e);
	}
	if (put(db, w, r, TRAINING_LEARNED, S(""), now, ret_id, e) < 0 ||
		put_kin(db, *ret_id, r->kin, e) < 0 ||
		journal_touch_person_tx(db, w->told.who, e) < 0)
		return -1;
	if (known && !training_source_personal(w->told.source) && journal_touch_site_tx(db, e) < 0)
		return -1;
	if (settle(db, *ret_id, c, e) < 0)
		return -1;
	return gone(db, w->id, e);
}

/* ---- taking back ---- */

static int forget(struct sql *db, int64_t id, slice who, bool site, int64_t now, struct err *e)
{
	if (sql_run(db, e, "UPDATE lesson SET state = $1, site = 0, learned_at = $2 WHERE id = $3",
		    "iii", (int64_t)TRAINING_UNLEARNED, now, id) < 0)
		return -1;
	if (site && journal_touch_site_tx(db, e) < 0)
		return -1;
	return journal_touch_person_tx(db, who, e);
}

int journal_forget_tx(
	struct sql *db, int64_t id, const struct learning_conf *c, int64_t now, struct err *e)
{
	AUTO(arena) struct arena a = {0};
	struct sql_stmt *s =
		sql_prepare(db, "SELECT who, site, state FROM lesson WHERE id = $1", e);
	if (!s)
		return -1;
	sql_bind_int(s, 1, id);
	int r = sql_step(s, e);
	if (r < 0)
		return -1;
	slice who = r ? arena_dup(&a, sql_text(s, 0)) : S("");
	bool site = r && sql_int(s, 1), learned = r && sql_int(s, 2) == TRAINING_LEARNED;
	if (r)
		sql_reset(s);
	if (!learned)
		return err_set(
			e, ERR_NOTFOUND, "there is no such lesson in force: %lld", (long long)id);
	if (forget(db, id, who, site, now, e) < 0)
		return -1;
	return settle(db, id, c, e); /* those who agreed with it may be too few now */
}

struct one {
	int64_t id;
	slice who;
	bool site;
};

static int collect(struct sql *db, slice who, bool everybody, struct arena *a, struct one *ret,
	size_t *ret_n, struct err *e)
{
	struct sql_stmt *s = sql_prepare(db,
		"SELECT id, who, site FROM lesson WHERE state = $1 AND (who = $2 OR $3 = 1)"
		" ORDER BY id LIMIT $4",
		e);
	int r;
	if (!s)
		return -1;
	sql_bind_int(s, 1, TRAINING_LEARNED);
	sql_bind_text(s, 2, who);
	sql_bind_int(s, 3, everybody);
	sql_bind_int(s, 4, CLUSTER_MAX);
	for (*ret_n = 0; (r = sql_step(s, e)) == 1;)
		ret[(*ret_n)++] = (struct one){
			sql_int(s, 0), arena_dup(a, sql_text(s, 1)), sql_int(s, 2) != 0};
	return r;
}

int64_t journal_forget_all_tx(struct sql *db, slice who, bool everybody,
	const struct learning_conf *c, int64_t now, struct err *e)
{
	int64_t total = 0;
	for (;;) {
		AUTO(arena) struct arena a = {0};
		struct one *v = ARENA_ARRAY(&a, struct one, CLUSTER_MAX);
		size_t n;
		if (collect(db, who, everybody, &a, v, &n, e) < 0)
			return -1;
		for (size_t i = 0; i < n; i++)
			if (forget(db, v[i].id, v[i].who, v[i].site, now, e) < 0 ||
				(!everybody && settle(db, v[i].id, c, e) < 0))
				return -1;
		total += (int64_t)n;
		if (n < CLUSTER_MAX)
			return total;
	}
}

/* Of the letters to honeypots the newest, a part of all. */
static int trim_trapped(struct sql *db, const struct learning_conf *c, struct err *e)
{
	return sql_run(db, e,
		       "UPDATE lesson SET features = $1, site = 0 WHERE source = $2 AND"
		       " length(features) > 0 AND id < (SELECT COALESCE(MIN(id), 0) FROM"
		       " (SELECT id FROM lesson WHERE source = $2 AND length(features) > 0"
		       " ORDER BY id DESC LIMIT $3) x)",
		       "bii", S(""), (int64_t)TRAINING_HONEYPOT,
		       c->keep / JOURNAL_TRAPPED_SHARE) < 0
		       ? -1
		       : 0;
}

int journal_trim_tx(struct sql *db, const struct learning_conf *c, struct err *e)
{
	if (trim_trapped(db, c, e) < 0)
		return -1;
	if (sql_run(db, e,
		    "UPDATE lesson SET features = $1, site = 0 WHERE length(features) > 0 AND id <"
		    " (SELECT COALESCE(MIN(id), 0) FROM (SELECT id FROM lesson WHERE"
		    " length(features) > 0 ORDER BY id DESC LIMIT $2) x)",
		    "bi", S(""), c->keep) < 0)
		return -1;
	if (sql_run(db, e,
		    "DELETE FROM kin WHERE lesson < (SELECT COALESCE(MIN(id), 0) FROM"
		    " (SELECT id FROM lesson ORDER BY id DESC LIMIT $1) x)",
		    "i", c->keep * OLD_FACTOR) < 0)
		return -1;
	if (sql_run(db, e,
		    "DELETE FROM noted WHERE lesson < (SELECT COALESCE(MIN(id), 0) FROM"
		    " (SELECT id FROM lesson ORDER BY id DESC LIMIT $1) x)",
		    "i", c->keep * OLD_FACTOR) < 0)
		return -1;
	return sql_run(db, e,
		       "DELETE FROM lesson WHERE id < (SELECT COALESCE(MIN(id), 0) FROM"
		       " (SELECT id FROM lesson ORDER BY id DESC LIMIT $1) x)",
		       "i", c->keep * OLD_FACTOR) < 0
		       ? -1
		       : 0;
}
