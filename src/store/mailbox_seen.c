/*
 * What rules remember of mail that came (mailbox.h): keys of letters, for the test `duplicate` of Sieve (RFC 7352). A key is
 * noted in the transaction that puts the letter into the mailbox, so that it is remembered if and only if that was done (3.3 of
 * the RFC); with it stands which delivery did so: when that one is made again after a crash, it does not find itself.
 */
#include "store/mailbox.h"

#include "base/hex.h"
#include "base/mem.h"
#include <openssl/sha.h>

enum { SWEEP = 8 /* rows whose time is up, with each new one */ };

/* Keys are as long as people make them. */
static void put_name(struct buf *out, slice key)
{
	unsigned char digest[SHA256_DIGEST_LENGTH];
	SHA256((const unsigned char *)(key.n ? key.p : ""), key.n, digest);
	hex_encode(out, slice_of((const char *)digest, sizeof digest));
}

int mailbox_seen(struct sql *db, const struct mailbox_seen *s, int64_t since, struct err *e)
{
	AUTO(buf) struct buf name = BUF(2 * SHA256_DIGEST_LENGTH);
	put_name(&name, s->key);
	struct sql_stmt *st = sql_prepare(db,
		"SELECT 1 FROM seen WHERE account_id = $1 AND name = $2 AND until_at > $3"
		" AND at >= $4 AND (queue_id <> $5 OR rcpt_idx <> $6)",
		e);
	if (!st)
		return -1;
	sql_bind_int(st, 1, s->account_id);
	sql_bind_text(st, 2, buf_slice(&name));
	sql_bind_int(st, 3, s->now);
	sql_bind_int(st, 4, since);
	sql_bind_int(st, 5, s->queue_id);
	sql_bind_int(st, 6, s->rcpt_idx);
	int r = sql_step(st, e);
	if (r == 1)
		sql_reset(st);
	return r;
}

int mailbox_seen_tx(struct sql *db, const struct mailbox_seen *s, struct err *e)
{
	AUTO(buf) struct buf name = BUF(2 * SHA256_DIGEST_LENGTH);
	put_name(&name, s->key);
	if (sql_run(db, e,
		    "DELETE FROM seen WHERE (account_id, name) IN (SELECT account_id, name FROM "
		    "seen"
		    " WHERE until_at <= $1 ORDER BY until_at LIMIT $2)",
		    "ii", s->now, (int64_t)SWEEP) < 0)
		return -1;
	return sql_run(db, e,
		       "INSERT INTO seen (account_id, name, at, until_at, queue_id, rcpt_idx)"
		       " VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT (account_id, name) DO UPDATE "
		       "SET"
		       " at = excluded.at, until_at = excluded.until_at,"
		       " queue_id = excluded.queue_id, rcpt_idx = excluded.rcpt_idx",
		       "itiiii", s->account_id, buf_slice(&name), s->now, s->until, s->queue_id,
		       (int64_t)s->rcpt_idx) < 0
		       ? -1
		       : 0;
}
