/*
 * Bounces of members (maillist.h): a score that fades. One bounce a day counts at most, so that ten posts in an hour to a mailbox that
 * is full for an hour are one bounce; a hard one counts 1, a soft one a quarter; one is forgotten in `bounce_days`. At `bounce_score`
 * the member gets no more mail; then up to three probes, a week apart, ask whether the address works again. Called by the queue
 * process, in group commits: thousands of bounces are few transactions.
 */
#include "base/mem.h"
#include "base/time.h"
#include "base/utf8.h"
#include "store/maillist_impl.h"

enum { PROBE_EVERY_DAYS = 7, PROBE_ANSWER_DAYS = 3 };

/* What is left of a score after so long. */
static int64_t faded(int64_t score, int64_t since, int64_t now, int64_t days)
{
	int64_t gone =
		now > since ? (now - since) / MINUTE * MAILLIST_BOUNCE_HARD / (days * DAY / MINUTE)
			    : 0;
	return score > gone ? score - gone : 0;
}

int maillist_bounce_tx(struct sql *db, int64_t member_id, int64_t weight, slice text,
	const struct maillist_conf *c, int64_t now, bool *ret_disabled, struct err *e)
{
	AUTO(arena) struct arena a = {0};
	struct maillist_member m;
	*ret_disabled = false;
	if (maillist_member_by_id(db, member_id, &a, &m, e) < 0)
		return -1;
	/* The same day: only what weighs more than what was counted. */
	bool again = m.bounced_at && now - m.bounced_at < DAY && now >= m.bounced_at;
	int64_t score = faded(m.score, m.bounced_at, now, c->bounce_days);
	if (!again)
		score += weight;
	else if (weight == MAILLIST_BOUNCE_HARD &&
		 m.score % MAILLIST_BOUNCE_HARD == MAILLIST_BOUNCE_SOFT)
		score += MAILLIST_BOUNCE_HARD - MAILLIST_BOUNCE_SOFT;
	bool over = m.state == MAILLIST_ACTIVE && score >= c->bounce_score * MAILLIST_BOUNCE_HARD;
	*ret_disabled = over;
	return sql_run(db, e,
		       "UPDATE maillist_member SET score = $1, bounced_at = $2, bounce = $3,"
		       " state = $4, disabled_at = $5 WHERE id = $6",
		       "iitiii", score, again ? m.bounced_at : now,
		       utf8_first(text, MAILLIST_BOUNCE_TEXT_MAX),
		       (int64_t)(over ? MAILLIST_BOUNCED : m.state), over ? now : m.disabled_at,
		       member_id) < 0
		       ? -1
		       : 0;
}

/* By the first of these that is true: three probes without success; a probe that came through; time for the next one. */
static enum maillist_deed deed_of(const struct maillist_member *m, int64_t now)
{
	bool answered = m->probed_at && m->bounced_at < m->probed_at;
	if (m->probes && answered && now - m->probed_at > PROBE_ANSWER_DAYS * DAY)
		return MAILLIST_DO_ENABLE;
	if (now - (m->probed_at ? m->probed_at : m->disabled_at) < PROBE_EVERY_DAYS * DAY)
		return 0;
	return m->probes >= MAILLIST_PROBES_MAX ? MAILLIST_DO_REMOVE : MAILLIST_DO_PROBE;
}

int maillist_bounced_next(struct sql *db, int64_t now, struct arena *a, struct maillist_member *ret,
	enum maillist_deed *ret_deed, struct err *e)
{
	struct sql_stmt *s = sql_prepare(db,
		"SELECT " MEMBER_COLUMNS
		" FROM maillist_member WHERE disabled_at > 0 AND disabled_at < $1"
		" AND probed_at < $1 ORDER BY disabled_at, probed_at LIMIT 1000",
		e);
	if (!s)
		return -1;
	sql_bind_int(s, 1, now - PROBE_ANSWER_DAYS * DAY);
	int r;
	while ((r = sql_step(s, e)) == 1) {
		*ret = maillist_read_member(s, a);
		*ret_deed = deed_of(ret, now);
		if (*ret_deed) {
			sql_reset(s);
			return 1;
		}
	}
	return r;
}

int maillist_probed_tx(struct sql *db, int64_t member_id, int64_t now, struct err *e)
{
	return sql_run(db, e,
		       "UPDATE maillist_member SET probes = probes + 1, probed_at = $1 WHERE id = "
		       "$2",
		       "ii", now, member_id) < 0
		       ? -1
		       : 0;
}

int maillist_enable_tx(struct sql *db, int64_t member_id, struct err *e)
{
	return sql_run(db, e,
		       "UPDATE maillist_member SET state = 1, score = 0, disabled_at = 0, probes = "
		       "0, probed_at = 0"
		       " WHERE id = $1 AND state = 3",
		       "i", member_id) < 0
		       ? -1
		       : 0;
}
