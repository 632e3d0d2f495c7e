/*
 * Mail that was delivered lately, looked at once more (mailbox.h): walking through it account by account in the
 * order of arrival, and taking one message out. Called by the keeper when signatures of virus engines have changed.
 */
#include "store/mailbox.h"

/* Behind *m in its own account. */
static int next_of_account(struct sql *db, msg_id oldest, const struct mailbox_mark *m,
	struct arena *a, struct mailbox_recent *ret, struct err *e)
{
	struct sql_stmt *s = sql_prepare(db,
		"SELECT queue_id, rcpt_idx, uid, folder_id, blob, size, prefix, received_at"
		" FROM message WHERE account_id = $1 AND queue_id >= $2"
		" AND (queue_id > $3 OR (queue_id = $3 AND rcpt_idx > $4))"
		" ORDER BY queue_id, rcpt_idx LIMIT 1",
		e);
	if (!s)
		return -1;
	sql_bind_int(s, 1, m->account_id);
	sql_bind_int(s, 2, oldest);
	sql_bind_int(s, 3, m->queue_id);
	sql_bind_int(s, 4, m->rcpt_idx);
	int r = sql_step(s, e);
	if (r <= 0)
		return r;
	*ret = (struct mailbox_recent){
		.mark = {m->account_id, sql_int(s, 0), (int32_t)sql_int(s, 1)},
		.uid = (uint32_t)sql_int(s, 2),
		.folder_id = sql_int(s, 3),
		.blob = sql_int(s, 4),
		.size = (uint64_t)sql_int(s, 5),
		.prefix = arena_dup(a, sql_text(s, 6)),
		.received_at = sql_int(s, 7)};
	sql_reset(s);
	return 1;
}

static int next_account(struct sql *db, struct mailbox_mark *m, struct err *e)
{
	struct sql_stmt *s = sql_prepare(db,
		"SELECT account_id FROM mailbox WHERE account_id > $1 ORDER BY account_id LIMIT 1",
		e);
	if (!s)
		return -1;
	sql_bind_int(s, 1, m->account_id);
	int r = sql_step(s, e);
	if (r <= 0)
		return r;
	*m = (struct mailbox_mark){sql_int(s, 0), 0, -1};
	sql_reset(s);
	return 1;
}

int mailbox_next_recent(struct sql *db, msg_id oldest, struct mailbox_mark *mark, struct arena *a,
	struct mailbox_recent *ret, struct err *e)
{
	for (;;) {
		int r = next_of_account(db, oldest, mark, a, ret, e);
		if (r > 0)
			*mark = ret->mark;
		if (r != 0)
			return r;
		r = next_account(db, mark, e);
		if (r <= 0)
			return r;
	}
}

int mailbox_take_tx(struct sql *db, const struct mailbox_recent *m, const struct mailbox_actor *by, struct err *e)
{
	(void)by;
	int64_t gone = sql_run(db, e,
		"DELETE FROM message WHERE account_id = $1 AND folder_id = $2 AND uid = $3", "iii",
		m->mark.account_id, m->folder_id, (int64_t)m->uid);
	if (gone < 0)
		return -1;
	if (gone == 0)
		return err_set(e, ERR_NOTFOUND, "not in this mailbox any more");
	if (sql_run(db, e, "UPDATE mailbox SET modseq = modseq + 1 WHERE account_id = $1", "i",
		    m->mark.account_id) < 0)
		return -1;
	return sql_run(db, e,
		       "UPDATE folder SET messages = messages - 1, bytes = bytes - $1, modseq ="
		       " (SELECT modseq FROM mailbox WHERE account_id = $2)"
		       " WHERE account_id = $2 AND id = $3",
		       "iii", (int64_t)m->size, m->mark.account_id, m->folder_id) < 0
		       ? -1
		       : 0;
}
