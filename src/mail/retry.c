/*
 * The retry schedule. Called by settle for each deferred recipient. RFC 5321 4.5.4.1: at least 30
 * minutes is the classical advice for later attempts, give up after 4-5 days; the first waits are
 * shorter because greylisting and short outages are the common case today.
 */
#include "mail/retry.h"

#include "base/time.h"

static const int64_t default_waits[] = {
	5 * MINUTE, 10 * MINUTE, 20 * MINUTE, 40 * MINUTE, 1 * HOUR, 2 * HOUR, 2 * HOUR, 4 * HOUR};

/* What a status tells about the time after which another attempt makes sense. */
static const struct hint {
	struct status_code status;
	int64_t least, most; /* usec; 0: the schedule's */
} hints[] = {
	{STATUS(4, 2, 2), 30 * MINUTE, 0}, /* mailbox full: people clean up slowly */
	{STATUS(4, 2, 1), 30 * MINUTE, 0}, /* mailbox disabled for now */
	{STATUS(4, 5, 3), 0,
		30 * SECOND}, /* too many recipients: the rest goes in the next transaction */
	{STATUS(4, 3, 2), 10 * MINUTE, 0}, /* system not accepting messages */
	{STATUS(4, 4, 5), 10 * MINUTE, 0}, /* congestion */
	{STATUS(4, 7, 28), 15 * MINUTE, 0}, /* mail flood (RFC 7372's neighbour, X.7.28) */
	{STATUS(4, 7, 0), 0, 30 * MINUTE}, /* greylisting is usually told as 4.7.0 or 4.7.1 */
	{STATUS(4, 7, 1), 0, 30 * MINUTE},
};
enum { QUICK_ATTEMPTS = 4 }; /* a `most` counts for the first attempts only */

static int64_t scheduled(const struct retry_config *c, int32_t attempts)
{
	const int64_t *waits = c->nwaits ? c->waits : default_waits;
	size_t n = c->nwaits ? c->nwaits : sizeof default_waits / sizeof *default_waits;
	size_t i = attempts > 1 ? (size_t)attempts - 1 : 0;
	return waits[i < n ? i : n - 1];
}

static int64_t adjusted(int64_t wait, int32_t attempts, struct status_code status)
{
	for (size_t i = 0; i < sizeof hints / sizeof *hints; i++) {
		const struct hint *h = &hints[i];
		if (h->status.cls != status.cls || h->status.subject != status.subject ||
			h->status.detail != status.detail)
			continue;
		if (wait < h->least)
			return h->least;
		if (h->most && wait > h->most && attempts <= QUICK_ATTEMPTS)
			return h->most;
	}
	return wait;
}

/* Spread by a tenth to either side, and not beyond the end. */
static int64_t after(int64_t wait, int64_t now, int64_t expires_at, uint64_t random)
{
	int64_t spread = wait / 5;
	if (spread > 0)
		wait += (int64_t)(random % (uint64_t)spread) - spread / 2;
	int64_t at = now + wait;
	return at > expires_at && expires_at > now ? expires_at : at;
}

int64_t retry_next(const struct retry_config *c, int32_t attempts, int64_t now, int64_t expires_at,
	struct status_code status, uint64_t random)
{
	return after(adjusted(scheduled(c, attempts), attempts, status), now, expires_at, random);
}

int64_t retry_next_skipped(const struct retry_config *c, int32_t attempts, int64_t now,
	const struct queue_msg *m, uint64_t random)
{
	int64_t wait = scheduled(c, attempts), by_age = (now - m->arrived_at) / 4;
	if (by_age > RETRY_SKIP_MOST)
		by_age = RETRY_SKIP_MOST;
	return after(wait > by_age ? wait : by_age, now, m->expires_at, random);
}

int64_t retry_longest(const struct retry_config *c)
{
	int64_t longest = RETRY_SKIP_MOST;
	for (size_t i = 0; i < sizeof hints / sizeof *hints; i++)
		if (hints[i].least > longest)
			longest = hints[i].least;
	for (int32_t i = 1; i <= RETRY_WAITS_MAX; i++)
		if (scheduled(c, i) > longest)
			longest = scheduled(c, i);
	return longest + longest / 5;
}

bool retry_warning_due(const struct retry_config *c, const struct queue_msg *m,
	const struct queue_rcpt *r, int64_t now)
{
	return c->warn_after > 0 && !r->warned && now - m->arrived_at >= c->warn_after;
}
