/*
 * What every change of a mailbox shares (mailbox_impl.h): the account's numbers, a folder's counts,
 * rows of messages and emails; and delivery. Called inside the transactions of mailbox_*.c and of
 * final delivery.
 *
 * A folder row counts its messages and gives the next UID (never used twice while UIDVALIDITY
 * stands, RFC 9051 2.3.1.1). An account row gives out modification sequences (RFC 7162), one a
 * change across its folders, and has the totals. A delivery is seven short statements.
 */
#include "store/mailbox_impl.h"

#include "base/mem.h"
#include "base/must.h"
#include "base/time.h"

int mailbox_returned(struct sql_stmt *s, int64_t *ret, struct err *e)
{
	int r = sql_step(s, e);
	if (r == 1) {
		*ret = sql_int(s, 0);
		sql_reset(s);
	}
	return r;
}

/* ---- counting ---- */

static void count(struct mailbox_sum *s, int by, unsigned flags, uint64_t size)
{
	s->messages += by;
	s->bytes += by * (int64_t)size;
	if (!(flags & MAILBOX_SEEN))
		s->unseen += by;
	if (flags & MAILBOX_DELETED)
		s->deleted += by;
}

void mailbox_sum_add(struct mailbox_sum *s, unsigned flags, uint64_t size)
{
	count(s, 1, flags, size);
}

void mailbox_sum_sub(struct mailbox_sum *s, unsigned flags, uint64_t size)
{
	count(s, -1, flags, size);
}

int mailbox_next(struct sql *db, int64_t account_id, const struct mailbox_sum *sum, int64_t emails,
	uint64_t *ret_modseq, int64_t *ret_email, struct err *e)
{
	struct sql_stmt *s = sql_prepare(db,
		"INSERT INTO mailbox (account_id, modseq, next_folder, next_email, uidvalidity,"
		" messages, bytes, prepared) VALUES ($1, 1, 1, 1 + $2, 0, $3, $4, 0)"
		" ON CONFLICT (account_id) DO UPDATE SET modseq = mailbox.modseq + 1,"
		" next_email = mailbox.next_email + $2, messages = mailbox.messages + $3,"
		" bytes = mailbox.bytes + $4 RETURNING modseq, next_email - $2",
		e);
	if (!s)
		return -1;
	if (account_id < 1 || account_id > ACCOUNTS_MAX) {
		sql_reset(s);
		return err_set(
			e, ERR_LIMIT, "an account's number is at most %ld", (long)ACCOUNTS_MAX);
	}
	sql_bind_int(s, 1, account_id);
	sql_bind_int(s, 2, emails);
	sql_bind_int(s, 3, sum->messages);
	sql_bind_int(s, 4, sum->bytes);
	int r = sql_step(s, e);
	if (r < 0)
		return -1;
	must(r == 1);
	*ret_modseq = (uint64_t)sql_int(s, 0);
	int64_t first = sql_int(s, 1);
	sql_reset(s);
	if (first + emails > EMAILS_MAX)
		return err_set(e, ERR_LIMIT, "the mailbox has had too many messages");
	*ret_email = email_first(account_id) + first;
	return 0;
}

int mailbox_total(struct sql *db, int64_t account_id, const struct mailbox_sum *sum, struct err *e)
{
	if (!sum->messages && !sum->bytes)
		return 0;
	return sql_run(db, e,
		       "UPDATE mailbox SET messages = messages + $2, bytes = bytes + $3"
		       " WHERE account_id = $1",
		       "iii", account_id, sum->messages, sum->bytes) < 0
		       ? -1
		       : 0;
}

int mailbox_folder_count(struct sql *db, int64_t account_id, int64_t folder_id,
	const struct mailbox_sum *sum, uint64_t modseq, struct err *e)
{
	return sql_run(db, e,
		       "UPDATE folder SET messages = messages + $3, unseen = unseen + $4,"
		       " deleted = deleted + $5, bytes = bytes + $6, modseq = $7"
		       " WHERE account_id = $1 AND id = $2",
		       "iiiiiii", account_id, folder_id, sum->messages, sum->unseen, sum->deleted,
		       sum->bytes, (int64_t)modseq) < 0
		       ? -1
		       : 0;
}

int mailbox_folder_enter(struct sql *db, int64_t account_id, int64_t folder_id,
	const struct mailbox_sum *sum, int64_t n, uint64_t modseq, uint32_t *ret_uid,
	uint32_t *ret_uidvalidity, struct err *e)
{
	struct sql_stmt *s = sql_prepare(db,
		"UPDATE folder SET uidnext = uidnext + $8, messages = messages + $3,"
		" unseen = unseen + $4, deleted = deleted + $5, bytes = bytes + $6, modseq = $7"
		" WHERE account_id = $1 AND id = $2 RETURNING uidnext - $8, uidvalidity",
		e);
	if (!s)
		return -1;
	sql_bind_int(s, 1, account_id);
	sql_bind_int(s, 2, folder_id);
	sql_bind_int(s, 3, sum->messages);
	sql_bind_int(s, 4, sum->unseen);
	sql_bind_int(s, 5, sum->deleted);
	sql_bind_int(s, 6, sum->bytes);
	sql_bind_int(s, 7, (int64_t)modseq);
	sql_bind_int(s, 8, n);
	int r = sql_step(s, e);
	if (r <= 0)
		return r < 0 ? -1 : err_set(e, ERR_NOTFOUND, "no such folder");
	int64_t first = sql_int(s, 0);
	*ret_uidvalidity = (uint32_t)sql_int(s, 1);
	sql_reset(s);
	if (first + n > UINT32_MAX)
		return err_set(e, ERR_LIMIT, "folder has no UID left");
	*ret_uid = (uint32_t)first;
	return 0;
}

int mailbox_usage(struct sql *db, int64_t account_id, uint64_t *ret_bytes, uint64_t *ret_messages,
	struct err *e)
{
	struct sql_stmt *s =
		sql_prepare(db, "SELECT bytes, messages FROM mailbox WHERE account_id = $1", e);
	if (!s)
		return -1;
	sql_bind_int(s, 1, account_id);
	int r = sql_step(s, e);
	if (r < 0)
		return -1;
	*ret_bytes = r ? (uint64_t)sql_int(s, 0) : 0;
	*ret_messages = r ? (uint64_t)sql_int(s, 1) : 0;
	if (r)
		sql_reset(s);
	return 0;
}

int mailbox_modseq(struct sql *db, int64_t account_id, uint64_t *ret, struct err *e)
{
	int64_t n = 0;
	struct sql_stmt *s = sql_prepare(db, "SELECT modseq FROM mailbox WHERE account_id = $1", e);
	if (!s)
		return -1;
	sql_bind_int(s, 1, account_id);
	if (mailbox_returned(s, &n, e) < 0)
		return -1;
	*ret = (uint64_t)n;
	return 0;
}

/* ---- rows ---- */

int mailbox_message_insert(struct sql *db, const struct mailbox_message *m, struct err *e)
{
	struct sql_stmt *s = sql_prepare(db,
		"INSERT INTO message (account_id, folder_id, uid, email_id, flags, keywords, "
		"modseq,"
		" size, received_at, saved_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)",
		e);
	if (!s)
		return -1;
	sql_bind_int(s, 1, m->account_id);
	sql_bind_int(s, 2, m->folder_id);
	sql_bind_int(s, 3, m->uid);
	sql_bind_int(s, 4, m->email_id);
	sql_bind_int(s, 5, m->flags);
	sql_bind_text(s, 6, m->keywords);
	sql_bind_int(s, 7, (int64_t)m->modseq);
	sql_bind_int(s, 8, (int64_t)m->size);
	sql_bind_int(s, 9, m->received_at);
	sql_bind_int(s, 10, m->saved_at);
	return sql_step(s, e);
}

int mailbox_message_delete(
	struct sql *db, int64_t account_id, int64_t folder_id, uint32_t uid, struct err *e)
{
	return sql_run(db, e,
		       "DELETE FROM message WHERE account_id = $1 AND folder_id = $2 AND uid = $3",
		       "iii", account_id, folder_id, (int64_t)uid) < 0
		       ? -1
		       : 0;
}

int mailbox_email_hold(struct sql *db, int64_t email_id, struct err *e)
{
	return sql_run(db, e, "UPDATE email SET refs = refs + 1 WHERE id = $1", "i", email_id) < 0
		       ? -1
		       : 0;
}

int mailbox_email_drop(struct sql *db, int64_t email_id, struct err *e)
{
	struct sql_stmt *s = sql_prepare(
		db, "UPDATE email SET refs = refs - 1 WHERE id = $1 RETURNING refs, thread_id", e);
	if (!s)
		return -1;
	sql_bind_int(s, 1, email_id);
	int r = sql_step(s, e);
	if (r <= 0)
		return r; /* none: damage, which verify mends */
	int64_t refs = sql_int(s, 0), thread_id = sql_int(s, 1);
	sql_reset(s);
	if (refs > 0)
		return 0;
	AUTO(arena) struct arena a = {0};
	slice summary = S("");
	if (mailbox_summary(db, email_id, &a, &summary, e) < 0 ||
		sql_run(db, e, "DELETE FROM email WHERE id = $1", "i", email_id) < 0)
		return -1;
	return mailbox_thread_leave(db, email_id, thread_id, summary, e);
}

int mailbox_summary(struct sql *db, int64_t email_id, struct arena *a, slice *ret, struct err *e)
{
	struct sql_stmt *s = sql_prepare(db, "SELECT summary FROM email WHERE id = $1", e);
	if (!s)
		return -1;
	sql_bind_int(s, 1, email_id);
	int r = sql_step(s, e);
	if (r == 1) {
		*ret = arena_dup(a, sql_text(s, 0));
		sql_reset(s);
	}
	return r;
}

/* ---- delivery ---- */

/* The email of this delivery if it was made before: 1, 0, -1. */
static int delivered_before(
	struct sql *db, const struct mailbox_delivery *d, int64_t *ret_email, struct err *e)
{
	if (!d->queue_id)
		return 0;
	struct sql_stmt *s = sql_prepare(db,
		"SELECT id FROM email WHERE account_id = $1 AND queue_id = $2 AND rcpt_idx = $3"
		" AND queue_id <> 0",
		e);
	if (!s)
		return -1;
	sql_bind_int(s, 1, d->account_id);
	sql_bind_int(s, 2, d->queue_id);
	sql_bind_int(s, 3, d->rcpt_idx);
	return mailbox_returned(s, ret_email, e);
}

int mailbox_delivered(struct sql *db, const struct mailbox_delivery *d, struct err *e)
{
	int64_t email_id;
	return delivered_before(db, d, &email_id, e);
}

/* Where that email is now; nowhere when its owner has deleted it since. */
static int earlier_place(struct sql *db, int64_t email_id, struct mailbox_place *ret, struct err *e)
{
	struct mailbox_place p = {.email_id = email_id};
	struct sql_stmt *s = sql_prepare(db,
		"SELECT m.folder_id, m.uid, m.modseq, f.uidvalidity FROM message m JOIN folder f"
		" ON f.account_id = m.account_id AND f.id = m.folder_id WHERE m.email_id = $1"
		" ORDER BY m.folder_id, m.uid LIMIT 1",
		e);
	if (!s)
		return -1;
	sql_bind_int(s, 1, email_id);
	int r = sql_step(s, e);
	if (r < 0)
		return -1;
	if (r == 1) {
		p.folder_id = sql_int(s, 0);
		p.uid = (uint32_t)sql_int(s, 1);
		p.modseq = (uint64_t)sql_int(s, 2);
		p.uidvalidity = (uint32_t)sql_int(s, 3);
		sql_reset(s);
	}
	*ret = p;
	return 0;
}

static int folder_of(struct sql *db, const struct mailbox_delivery *d, int64_t *ret, struct err *e)
{
	struct sql_stmt *s =
		sql_prepare(db, "SELECT id FROM folder WHERE account_id = $1 AND name = $2", e);
	if (!s)
		return -1;
	sql_bind_int(s, 1, d->account_id);
	sql_bind_text(s, 2, known_name(d->folder));
	int r = mailbox_returned(s, ret, e);
	return r == 0 ? mailbox_folder_need(db, d->account_id, d->folder, ret, e) : r < 0 ? -1 : 0;
}

static int insert_email(struct sql *db, const struct mailbox_delivery *d, int64_t email_id,
	int64_t thread_id, struct err *e)
{
	struct sql_stmt *s = sql_prepare(db,
		"INSERT INTO email (id, account_id, refs, blob, size, queue_id, rcpt_idx, "
		"thread_id,"
		" received_at, summary, prefix) VALUES ($1, $2, 1, $3, $4, $5, $6, $7, $8, $9, "
		"$10)",
		e);
	if (!s)
		return -1;
	sql_bind_int(s, 1, email_id);
	sql_bind_int(s, 2, d->account_id);
	sql_bind_int(s, 3, (int64_t)d->blob);
	sql_bind_int(s, 4, (int64_t)d->size);
	sql_bind_int(s, 5, d->queue_id);
	sql_bind_int(s, 6, d->rcpt_idx);
	sql_bind_int(s, 7, thread_id);
	sql_bind_int(s, 8, d->received_at);
	sql_bind_blob(s, 9, d->summary);
	sql_bind_blob(s, 10, d->prefix);
	return sql_step(s, e);
}

/* The email and what is known of it. */
static int enter_email(
	struct sql *db, const struct mailbox_delivery *d, int64_t email_id, struct err *e)
{
	int64_t thread_id = email_id;
	if (d->summary.n &&
		mailbox_thread_enter(db, d->account_id, email_id, d->summary, &thread_id, e) < 0)
		return -1;
	return insert_email(db, d, email_id, thread_id, e);
}

int mailbox_deliver_tx(
	struct sql *db, const struct mailbox_delivery *d, struct mailbox_place *ret, struct err *e)
{
	AUTO(arena) struct arena a = {0};
	struct mailbox_message m = {.account_id = d->account_id,
		.flags = d->flags,
		.size = d->size + d->prefix.n,
		.received_at = d->received_at,
		.saved_at = wall_now()};
	uint32_t uidvalidity;
	int64_t email_id;
	int r = delivered_before(db, d, &email_id, e);
	if (r)
		return r < 0 ? -1 : earlier_place(db, email_id, ret, e);
	struct mailbox_sum sum = {0};
	mailbox_sum_add(&sum, m.flags, m.size);
	if (folder_of(db, d, &m.folder_id, e) < 0 ||
		mailbox_next(db, d->account_id, &sum, 1, &m.modseq, &m.email_id, e) < 0 ||
		mailbox_folder_enter(db, d->account_id, m.folder_id, &sum, 1, m.modseq, &m.uid,
			&uidvalidity, e) < 0)
		return -1;
	if (d->keywords.n && mailbox_keywords_note(db, d->account_id, m.folder_id, d->keywords, &a,
				     &m.keywords, e) < 0)
		return -1;
	if (enter_email(db, d, m.email_id, e) < 0 || mailbox_message_insert(db, &m, e) < 0)
		return -1;
	*ret = (struct mailbox_place){m.folder_id, m.email_id, m.uid, uidvalidity, m.modseq};
	return 0;
}

int mailbox_deliver_also_tx(struct sql *db, const struct mailbox_delivery *d, int64_t email_id,
	struct mailbox_place *ret, struct err *e)
{
	AUTO(arena) struct arena a = {0};
	struct mailbox_message m = {.account_id = d->account_id,
		.email_id = email_id,
		.flags = d->flags,
		.size = d->size + d->prefix.n,
		.received_at = d->received_at,
		.saved_at = wall_now()};
	uint32_t uidvalidity;
	int64_t unused;
	struct mailbox_sum sum = {0};
	mailbox_sum_add(&sum, m.flags, m.size);
	if (folder_of(db, d, &m.folder_id, e) < 0 ||
		mailbox_next(db, d->account_id, &sum, 0, &m.modseq, &unused, e) < 0 ||
		mailbox_folder_enter(db, d->account_id, m.folder_id, &sum, 1, m.modseq, &m.uid,
			&uidvalidity, e) < 0)
		return -1;
	if (d->keywords.n && mailbox_keywords_note(db, d->account_id, m.folder_id, d->keywords, &a,
				     &m.keywords, e) < 0)
		return -1;
	if (mailbox_email_hold(db, email_id, e) < 0 || mailbox_message_insert(db, &m, e) < 0)
		return -1;
	*ret = (struct mailbox_place){m.folder_id, email_id, m.uid, uidvalidity, m.modseq};
	return 0;
}

/* Late: the thread is looked for when it is not known yet, that is when the email is alone in its own. */
static int late_thread(
	struct sql *db, int64_t account_id, int64_t email_id, slice summary, struct err *e)
{
	int64_t thread_id = email_id;
	if (mailbox_thread_enter(db, account_id, email_id, summary, &thread_id, e) < 0)
		return -1;
	if (thread_id == email_id)
		return 0;
	return sql_run(db, e, "UPDATE email SET thread_id = $2 WHERE id = $1 AND thread_id = $1",
		       "ii", email_id, thread_id) < 0
		       ? -1
		       : 0;
}

int mailbox_summary_tx(
	struct sql *db, int64_t account_id, int64_t email_id, slice summary, struct err *e)
{
	int64_t n =
		sql_run(db, e, "UPDATE email SET summary = $3 WHERE id = $1 AND account_id = $2",
			"iib", email_id, account_id, summary);
	if (n <= 0) /* 0: it left meanwhile, nobody needs it */
		return n < 0 ? -1 : 0;
	return late_thread(db, account_id, email_id, summary, e);
}
