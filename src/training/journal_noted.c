/*
 * What was noted elsewhere of a lesson's fingerprints (journal.h), until the lesson is taken back or
 * forgotten by age. Called by the learn process.
 */
#include "base/cur.h"
#include "base/mem.h"
#include "training/journal_impl.h"

enum { PRINT_BYTES = 9 };

int journal_noted_tx(
	struct sql *db, int64_t id, bool spam, const struct fingerprint *v, size_t n, struct err *e)
{
	AUTO(buf) struct buf out = BUF(FINGERPRINTS_MAX * PRINT_BYTES);
	for (size_t i = 0; i < n; i++) {
		buf_u8(&out, (uint8_t)v[i].kind);
		buf_u64(&out, v[i].hash);
	}
	return sql_run(db, e,
		       "INSERT INTO noted (lesson, spam, prints) VALUES ($1, $2, $3)"
		       " ON CONFLICT (lesson) DO UPDATE SET spam = excluded.spam,"
		       " prints = excluded.prints",
		       "iib", id, (int64_t)spam, buf_slice(&out)) < 0
		       ? -1
		       : 0;
}

static void read_prints(slice in, struct journal_noted *ret)
{
	struct cur c = cur_of(in);
	for (ret->n = 0; ret->n < FINGERPRINTS_MAX && c.end - c.p >= PRINT_BYTES; ret->n++) {
		uint8_t kind = cur_u8(&c);
		ret->v[ret->n] = (struct fingerprint){
			(enum fingerprint_kind)(kind < FINGERPRINTS ? kind : 0), cur_u64(&c)};
	}
}

int journal_noted_next(struct sql *db, struct journal_noted *ret, struct err *e)
{
	struct sql_stmt *s = sql_prepare(db,
		"SELECT n.lesson, n.spam, n.prints FROM noted n JOIN lesson l ON l.id = n.lesson"
		" WHERE l.state = $1 LIMIT 1",
		e);
	if (!s)
		return -1;
	sql_bind_int(s, 1, TRAINING_UNLEARNED);
	int got = sql_step(s, e);
	if (got <= 0)
		return got;
	ret->lesson = sql_int(s, 0);
	ret->spam = sql_int(s, 1) != 0;
	read_prints(sql_text(s, 2), ret);
	sql_reset(s);
	return 1;
}

int journal_noted_done_tx(struct sql *db, int64_t id, struct err *e)
{
	return sql_run(db, e, "DELETE FROM noted WHERE lesson = $1", "i", id) < 0 ? -1 : 0;
}
