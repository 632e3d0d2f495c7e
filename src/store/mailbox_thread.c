/*
 * Threads (THREADID, RFC 8474): a message belongs to the thread of the oldest message that it refers to, by the
 * message ids in its header (References, In-Reply-To, its own). Ids are kept as hashes of 64 bits, with the
 * thread they belong to. Threads are never merged: what a client was told stays. An email's own id goes with it,
 * ids that others only refer to go with the last email of the thread.
 */
#include "store/mailbox_impl.h"

#include "base/hash.h"
#include "base/mem.h"
#include "codec/summary.h"

enum { IDS_LAST = 4, IDS_MAX = 2 + IDS_LAST }; /* its own, the first it refers to, the last ones */

struct ids {
	int64_t v[IDS_MAX];
	int64_t last[IDS_LAST]; /* a ring */
	size_t n, seen;
	bool has_own; /* v[0] */
};

/* Not secret: two who refer to the same id must meet in every process. */
static int64_t hash_of(slice message_id)
{
	static const uint64_t key[2] = {0x706f7374686f7573, 0x6d657373616765};
	return (int64_t)hash_with(key, message_id);
}

static void add(struct ids *ids, int64_t hash)
{
	for (size_t i = 0; i < ids->n; i++)
		if (ids->v[i] == hash)
			return;
	ids->v[ids->n++] = hash;
}

static void read_ids(slice record, struct ids *ids)
{
	AUTO(arena) struct arena a = {0};
	struct summary s;
	slice id;
	if (!summary_open(record, &s))
		return;
	slice own = summary_text(&s, 0, SUMMARY_MESSAGE_ID);
	ids->has_own = summary_message_id(&own, &a, &id);
	if (ids->has_own)
		add(ids, hash_of(id));
	for (unsigned it = 0; summary_next_reference(&s, &it, &id); ids->seen++)
		if (ids->seen == 0)
			add(ids, hash_of(id));
		else
			ids->last[ids->seen % IDS_LAST] = hash_of(id);
	for (size_t i = 1; i <= IDS_LAST && i < ids->seen; i++)
		add(ids, ids->last[(ids->seen - i) % IDS_LAST]);
}

static int find(struct sql *db, int64_t account_id, int64_t hash, int64_t *ret, struct err *e)
{
	struct sql_stmt *s = sql_prepare(
		db, "SELECT thread_id FROM thread_ref WHERE account_id = $1 AND hash = $2", e);
	if (!s)
		return -1;
	sql_bind_int(s, 1, account_id);
	sql_bind_int(s, 2, hash);
	return mailbox_returned(s, ret, e);
}

int mailbox_thread_enter(struct sql *db, int64_t account_id, int64_t email_id, slice summary,
	int64_t *ret, struct err *e)
{
	struct ids ids = {.n = 0};
	bool known[IDS_MAX] = {false};
	int64_t thread_id = email_id, found;
	read_ids(summary, &ids);
	for (size_t i = 0; i < ids.n; i++) {
		int r = find(db, account_id, ids.v[i], &found, e);
		if (r < 0)
			return -1;
		known[i] = r == 1;
		if (r == 1 && found < thread_id)
			thread_id = found;
	}
	for (size_t i = 0; i < ids.n; i++)
		if (!known[i] && sql_run(db, e,
					 "INSERT INTO thread_ref (account_id, hash, thread_id, own)"
					 " VALUES ($1, $2, $3, $4)",
					 "iiii", account_id, ids.v[i], thread_id,
					 (int64_t)(i == 0 && ids.has_own)) < 0)
			return -1;
	*ret = thread_id;
	return 0;
}

static int forget_own(
	struct sql *db, int64_t account_id, slice summary, int64_t thread_id, struct err *e)
{
	struct ids ids = {.n = 0};
	read_ids(summary, &ids);
	if (!ids.has_own)
		return 0;
	return sql_run(db, e,
		       "DELETE FROM thread_ref WHERE account_id = $1 AND hash = $2"
		       " AND thread_id = $3 AND own = 1",
		       "iii", account_id, ids.v[0], thread_id) < 0
		       ? -1
		       : 0;
}

int mailbox_thread_leave(
	struct sql *db, int64_t email_id, int64_t thread_id, slice summary, struct err *e)
{
	int64_t other;
	if (forget_own(db, email_id >> EMAIL_BITS, summary, thread_id, e) < 0)
		return -1;
	struct sql_stmt *s = sql_prepare(db,
		"SELECT id FROM email WHERE id = $1 UNION ALL"
		" SELECT id FROM email WHERE thread_id = $1 AND thread_id <> id LIMIT 1",
		e);
	if (!s)
		return -1;
	sql_bind_int(s, 1, thread_id);
	int r = mailbox_returned(s, &other, e);
	if (r)
		return r < 0 ? -1 : 0;
	return sql_run(db, e, "DELETE FROM thread_ref WHERE thread_id = $1 AND own = 0", "i",
		       thread_id) < 0
		       ? -1
		       : 0;
}
