/* Verify, the quarantine: messages, their other half, recipients and terms belong together. */
#include "store/verify.h"

#include "base/mem.h"
#include "store/quarantine_impl.h"

#include <inttypes.h>

static int64_t count(struct sql *db, const char *text, struct err *e)
{
	struct sql_stmt *s = sql_prepare(db, text, e);
	if (!s || sql_step(s, e) < 0)
		return -1;
	int64_t n = sql_int(s, 0);
	sql_reset(s);
	return n;
}

/* Parts of messages that are not whole: no main row, no other half, or nobody to whom it is. */
static const char broken[] =
	"SELECT id, 0 FROM held WHERE NOT EXISTS (SELECT 1 FROM held_rcpt WHERE msg = held.id)"
	" OR NOT EXISTS (SELECT 1 FROM held_more WHERE held_more.id = held.id)"
	" UNION SELECT id, 1 FROM held_more WHERE NOT EXISTS"
	" (SELECT 1 FROM held WHERE held.id = held_more.id)"
	" UNION SELECT msg, 1 FROM held_rcpt WHERE NOT EXISTS"
	" (SELECT 1 FROM held WHERE held.id = held_rcpt.msg) ORDER BY 1";

static int look_for_broken(struct verify *v, struct sql *db, struct err *e)
{
	struct verify_ids found = {0};
	struct sql_stmt *s = sql_prepare(db, broken, e);
	int r = s ? 1 : -1;
	while (s && (r = sql_step(s, e)) == 1)
		if (!found.n || found.v[found.n - 1] != (blob_id)sql_int(s, 0))
			verify_ids_add(&found, (blob_id)sql_int(s, 0));
	for (size_t i = 0; r == 0 && i < found.n; i++) {
		char id[MSG_ID_TEXT];
		msg_id_print((msg_id)found.v[i], id);
		verify_report(v, "quarantine-broken",
			v->repair && repair_held(v, db, (msg_id)found.v[i]),
			"quarantine: the rows of message %s do not belong together", id);
	}
	free(found.v);
	return r;
}

/* Terms without message, messages without the term of their kind, counts that are not right. */
static const char wrong_index[] =
	"SELECT (SELECT COUNT(*) FROM held_by_term WHERE NOT EXISTS"
	" (SELECT 1 FROM held WHERE held.id = held_by_term.msg))"
	" + (SELECT COUNT(*) FROM held WHERE NOT EXISTS (SELECT 1 FROM held_by_term t"
	" CROSS JOIN held_term n WHERE t.msg = held.id AND n.id = t.term"
	" AND n.name = 'k' || CAST(held.kind AS TEXT)))"
	" + (SELECT CASE WHEN (SELECT COALESCE(SUM(messages), 0) FROM held_total)"
	" = (SELECT COUNT(*) FROM held) AND (SELECT COALESCE(SUM(rcpts), 0) FROM held_total)"
	" = (SELECT COUNT(*) FROM held_rcpt) THEN 0 ELSE 1 END)";

static int look(struct verify *v, struct sql *db, struct err *e)
{
	int version;
	if (sql_version(db, &version, e) < 0)
		return -1;
	if (version < 5)
		return 0; /* made by an older version: none yet */
	if (look_for_broken(v, db, e) < 0)
		return -1;
	int64_t n = count(db, wrong_index, e);
	if (n > 0)
		verify_report(v, "quarantine-index", v->repair && quarantine_rebuild_tx(db, e) == 0,
			"quarantine: %" PRId64 " entries by which messages are found are wrong", n);
	return n < 0 ? -1 : 0;
}

int verify_quarantine(struct verify *v, struct err *e)
{
	return verify_with_database(v, "queue", look, e);
}
