/*
 * What left folders (mailbox.h): one row a message says that its UID vanished (RFC 7162), who took it out by what
 * means, and, while its bytes are kept, how it can come back. The keeper ends both: first the bytes, then the line.
 */
#include "store/mailbox_impl.h"

#include "base/mem.h"
#include "base/time.h"
#include "base/utf8.h"
#include "codec/summary.h"
#include "store/moved.h"

enum {
	WORDS_MAX = 150, /* bytes of a subject, a sender, an id, a login that the log keeps */
	END_BATCH = 500,
};

/* ---- writing ---- */

struct words {
	slice from, subject, message_id;
};

static slice shortened(slice s)
{
	return utf8_first(s, WORDS_MAX);
}

static slice sender_of(const struct summary *s, struct arena *a)
{
	struct summary_address who;
	unsigned it = 0;
	while (summary_next_address(s, 0, SUMMARY_FROM, &it, &who))
		if (who.host.p)
			return arena_printf(a, "%.*s@%.*s", SFMT(who.mailbox), SFMT(who.host));
	return S("");
}

static int read_words(
	struct sql *db, int64_t email_id, struct arena *a, struct words *ret, struct err *e)
{
	struct summary summary;
	struct sql_stmt *s = sql_prepare(db, "SELECT summary FROM email WHERE id = $1", e);
	if (!s)
		return -1;
	sql_bind_int(s, 1, email_id);
	int r = sql_step(s, e);
	if (r <= 0)
		return r;
	if (summary_open(sql_text(s, 0), &summary)) {
		ret->from = arena_dup(a, shortened(sender_of(&summary, a)));
		ret->subject =
			arena_dup(a, shortened(summary_text(&summary, 0, SUMMARY_SUBJECT_TEXT)));
		ret->message_id =
			arena_dup(a, shortened(summary_text(&summary, 0, SUMMARY_MESSAGE_ID)));
	}
	sql_reset(s);
	return 0;
}

static int insert(struct sql *db, const struct mailbox_leaving *l, const struct mailbox_message *m,
	const struct words *w, struct err *e)
{
	static const struct mailbox_actor nobody;
	const struct mailbox_actor *by = l->by ? l->by : &nobody;
	return sql_run(db, e,
		       "INSERT INTO removed (account_id, modseq, folder_id, uid, email_id,"
		       " can_return, how, removed_at, received_at, flags, keywords, size, folder,"
		       " sender, subject, message_id, who, protocol, client, ip)"
		       " VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15,"
		       " $16, $17, $18, $19, $20)",
		       "iiiiiiiiiitittttttt"
		       "t",
		       l->account_id, (int64_t)l->modseq, l->folder_id, (int64_t)m->uid,
		       m->email_id, (int64_t)l->can_return, (int64_t)l->how, l->at, m->received_at,
		       (int64_t)m->flags, m->keywords, (int64_t)m->size, l->folder, w->from,
		       w->subject, w->message_id, shortened(by->who), shortened(by->protocol),
		       shortened(by->client), shortened(by->ip)) < 0
		       ? -1
		       : 0;
}

int mailbox_removed_insert(struct sql *db, const struct mailbox_leaving *l,
	const struct mailbox_message *m, struct err *e)
{
	AUTO(arena) struct arena a = {0};
	struct words w = {0};
	if (read_words(db, m->email_id, &a, &w, e) < 0)
		return -1;
	return insert(db, l, m, &w, e);
}

/* ---- reading ---- */

#define REMOVED                                                                                    \
	"SELECT modseq, folder_id, uid, email_id, can_return, how, removed_at, received_at, "      \
	"flags,"                                                                                   \
	" keywords, size, folder, sender, subject, message_id, who, protocol, client, ip FROM "    \
	"removed"

static struct mailbox_removed read_removed(struct sql_stmt *s, struct arena *a)
{
	return (struct mailbox_removed){
		.modseq = (uint64_t)sql_int(s, 0),
		.folder_id = sql_int(s, 1),
		.uid = (uint32_t)sql_int(s, 2),
		.email_id = sql_int(s, 3),
		.can_return = sql_int(s, 4),
		.how = (enum mailbox_how)sql_int(s, 5),
		.removed_at = sql_int(s, 6),
		.received_at = sql_int(s, 7),
		.flags = (unsigned)sql_int(s, 8),
		.keywords = arena_dup(a, sql_text(s, 9)),
		.size = (uint64_t)sql_int(s, 10),
		.folder = arena_dup(a, sql_text(s, 11)),
		.from = arena_dup(a, sql_text(s, 12)),
		.subject = arena_dup(a, sql_text(s, 13)),
		.message_id = arena_dup(a, sql_text(s, 14)),
		.by = {arena_dup(a, sql_text(s, 15)), arena_dup(a, sql_text(s, 16)),
			arena_dup(a, sql_text(s, 17)), arena_dup(a, sql_text(s, 18)), 0},
	};
}

/* For LIKE: what is in it counts as it is. */
static slice pattern(slice text, struct arena *a)
{
	AUTO(buf) struct buf out = BUF(4096);
	buf_byte(&out, '%');
	for (size_t i = 0; i < text.n; i++) {
		if (strchr("%_\\", text.p[i]) && text.p[i])
			buf_byte(&out, '\\');
		buf_byte(&out, ascii_lower(text.p[i]));
	}
	buf_byte(&out, '%');
	return arena_dup(a, buf_slice(&out));
}

int mailbox_removed_list(struct sql *db, const struct mailbox_removed_query *q, struct arena *a,
	struct mailbox_removed **ret, size_t *ret_n, struct err *e)
{
	struct sql_stmt *s = sql_prepare(db,
		REMOVED " WHERE account_id = $1 AND (modseq < $2 OR (modseq = $2 AND uid < $3))"
			" AND removed_at >= $4 AND removed_at <= $5 AND ($6 = '' OR folder = $6)"
			" AND ($7 = '' OR LOWER(subject) LIKE $8 ESCAPE '\\'"
			" OR LOWER(sender) LIKE $8 ESCAPE '\\') AND can_return >= $9"
			" ORDER BY modseq DESC, uid DESC LIMIT $10",
		e);
	if (!s)
		return -1;
	sql_bind_int(s, 1, q->account_id);
	sql_bind_int(s, 2, q->before ? (int64_t)q->before : INT64_MAX);
	sql_bind_int(s, 3, q->before_uid);
	sql_bind_int(s, 4, q->since);
	sql_bind_int(s, 5, q->until ? q->until : INT64_MAX);
	sql_bind_text(s, 6, q->folder);
	sql_bind_text(s, 7, q->text);
	sql_bind_text(s, 8, pattern(slice_first(q->text, 1000), a));
	sql_bind_int(s, 9, q->only_returnable);
	sql_bind_int(s, 10, (int64_t)q->most);
	struct mailbox_removed *v = NULL;
	size_t n = 0, cap = 0;
	int r;
	while ((r = sql_step(s, e)) == 1) {
		if (n == cap) {
			cap = cap ? 2 * cap : 16;
			v = mem_grow(v, cap * sizeof *v);
		}
		v[n++] = read_removed(s, a);
	}
	*ret = ARENA_ARRAY(a, struct mailbox_removed, n + 1);
	memcpy(*ret, v ? v : *ret, n * sizeof *v);
	*ret_n = n;
	free(v);
	return r;
}

/* ---- coming back ---- */

static int load(struct sql *db, int64_t account_id, uint64_t modseq, uint32_t uid, struct arena *a,
	struct mailbox_removed *ret, struct err *e)
{
	struct sql_stmt *s = sql_prepare(db,
		REMOVED " WHERE account_id = $1 AND modseq = $2 AND uid = $3"
			" ORDER BY can_return DESC LIMIT 1",
		e);
	if (!s)
		return -1;
	sql_bind_int(s, 1, account_id);
	sql_bind_int(s, 2, (int64_t)modseq);
	sql_bind_int(s, 3, uid);
	int r = sql_step(s, e);
	if (r <= 0)
		return r < 0 ? -1 : err_set(e, ERR_NOTFOUND, "no such deleted message");
	*ret = read_removed(s, a);
	sql_reset(s);
	return ret->can_return
		       ? 0
		       : err_set(e, ERR_PERM, "the message is not kept any more, or is back");
}

/* Its row can return no more; what held the email then holds it as a message. A line of the log says who. */
static int come_back(struct sql *db, int64_t account_id, const struct mailbox_removed *was,
	int64_t folder_id, slice folder, const struct mailbox_actor *by, struct arena *a,
	struct mailbox_place *ret, struct err *e)
{
	struct mailbox_message m = {.account_id = account_id,
		.folder_id = folder_id,
		.email_id = was->email_id,
		.flags = was->flags & ~(unsigned)MAILBOX_DELETED,
		.size = was->size,
		.received_at = was->received_at,
		.saved_at = wall_now()};
	struct mailbox_sum sum = {0};
	uint32_t uidvalidity;
	int64_t email;
	mailbox_sum_add(&sum, m.flags, m.size);
	if (mailbox_keywords_note(db, account_id, folder_id, was->keywords, a, &m.keywords, e) <
			0 ||
		mailbox_next(db, account_id, &sum, 0, &m.modseq, &email, e) < 0 ||
		mailbox_folder_enter(db, account_id, folder_id, &sum, 1, m.modseq, &m.uid,
			&uidvalidity, e) < 0 ||
		mailbox_message_insert(db, &m, e) < 0)
		return -1;
	const struct mailbox_leaving l = {.account_id = account_id,
		.folder_id = folder_id,
		.folder = folder,
		.modseq = m.modseq,
		.at = m.saved_at,
		.how = MAILBOX_RECOVERED,
		.by = by};
	if (sql_run(db, e,
		    "UPDATE removed SET can_return = 0 WHERE account_id = $1 AND modseq = $2"
		    " AND folder_id = $3 AND uid = $4",
		    "iiii", account_id, (int64_t)was->modseq, was->folder_id,
		    (int64_t)was->uid) < 0 ||
		mailbox_removed_insert(db, &l, &m, e) < 0)
		return -1;
	*ret = (struct mailbox_place){folder_id, m.email_id, m.uid, uidvalidity, m.modseq};
	return 0;
}

int mailbox_recover_tx(struct sql *db, int64_t account_id, uint64_t modseq, uint32_t uid,
	slice folder, const struct mailbox_actor *by, struct mailbox_place *ret, struct err *e)
{
	AUTO(arena) struct arena a = {0};
	struct mailbox_removed was = {0};
	struct mailbox_folder f;
	int64_t folder_id;
	if (load(db, account_id, modseq, uid, &a, &was, e) < 0)
		return -1;
	/* Its folder may have another name today. */
	int r = folder.n ? 0 : mailbox_folder_load(db, account_id, was.folder_id, &a, &f, e);
	if (r < 0)
		return -1;
	if (r == 0)
		f.name = folder.n ? folder : was.folder;
	if (mailbox_folder_need(db, account_id, f.name, &folder_id, e) < 0)
		return -1;
	return come_back(db, account_id, &was, folder_id, f.name, by, &a, ret, e);
}

/* ---- the end ---- */

struct ending {
	int64_t account_id, modseq, folder_id, uid, email_id;
};

/* Of an account that is on no hold. */
#define FREE                                                                                       \
	" AND NOT EXISTS (SELECT 1 FROM mailbox WHERE mailbox.account_id = removed.account_id"     \
	" AND mailbox.held > 0)"

/* Rows of removed_end from one end of time. */
static int find_ending(struct sql *db, bool can_return, int64_t from, int64_t before,
	struct ending *v, size_t *ret_n, struct err *e)
{
	struct sql_stmt *s = sql_prepare(db,
		"SELECT account_id, modseq, folder_id, uid, email_id FROM removed"
		" WHERE can_return = $1 AND removed_at < $2 AND removed_at >= $4" FREE
		" ORDER BY removed_at LIMIT $3",
		e);
	if (!s)
		return -1;
	sql_bind_int(s, 1, can_return);
	sql_bind_int(s, 2, before);
	sql_bind_int(s, 3, END_BATCH);
	sql_bind_int(s, 4, from);
	size_t n = 0;
	int r;
	while ((r = sql_step(s, e)) == 1)
		v[n++] = (struct ending){
			sql_int(s, 0), sql_int(s, 1), sql_int(s, 2), sql_int(s, 3), sql_int(s, 4)};
	*ret_n = n;
	return r;
}

static int give_up(struct sql *db, const struct ending *x, struct err *e)
{
	if (sql_run(db, e,
		    "UPDATE removed SET can_return = 0 WHERE account_id = $1 AND modseq = $2"
		    " AND folder_id = $3 AND uid = $4",
		    "iiii", x->account_id, x->modseq, x->folder_id, x->uid) < 0)
		return -1;
	return mailbox_email_drop(db, x->email_id, e);
}

static int forget(struct sql *db, const struct ending *x, struct err *e)
{
	if (sql_run(db, e,
		    "DELETE FROM removed WHERE account_id = $1 AND modseq = $2 AND folder_id = $3"
		    " AND uid = $4",
		    "iiii", x->account_id, x->modseq, x->folder_id, x->uid) < 0)
		return -1;
	return sql_run(db, e,
		       "UPDATE folder SET removed_floor = $3 WHERE account_id = $1 AND id = $2"
		       " AND removed_floor < $3",
		       "iii", x->account_id, x->folder_id, x->modseq) < 0
		       ? -1
		       : 0;
}

static int64_t end_some(
	struct sql *db, const struct mailbox_ends *t, struct ending *v, struct err *e)
{
	size_t bytes, lines;
	if (find_ending(db, true, t->bytes_from, t->bytes, v, &bytes, e) < 0)
		return -1;
	for (size_t i = 0; i < bytes; i++)
		if (give_up(db, &v[i], e) < 0)
			return -1;
	if (find_ending(db, false, t->log_from, t->log, v, &lines, e) < 0)
		return -1;
	for (size_t i = 0; i < lines; i++)
		if (forget(db, &v[i], e) < 0)
			return -1;
	return (int64_t)(bytes + lines);
}

int mailbox_removed_ends(struct sql *db, const struct mailbox_ends *t, struct err *e)
{
	int64_t any;
	struct sql_stmt *s = sql_prepare(db,
		"SELECT 1 FROM removed WHERE can_return = 1 AND removed_at < $1 AND removed_at >= "
		"$3" FREE " UNION ALL"
		" SELECT 1 FROM removed WHERE can_return = 0 AND removed_at < $2 AND removed_at >= "
		"$4" FREE " LIMIT 1",
		e);
	if (!s)
		return -1;
	sql_bind_int(s, 1, t->bytes);
	sql_bind_int(s, 2, t->log);
	sql_bind_int(s, 3, t->bytes_from);
	sql_bind_int(s, 4, t->log_from);
	return mailbox_returned(s, &any, e);
}

int64_t mailbox_removed_end_tx(struct sql *db, const struct mailbox_ends *t, struct err *e)
{
	AUTO(free) struct ending *v = mem_alloc(END_BATCH * sizeof *v);
	return end_some(db, t, v, e);
}

/* ---- retention ---- */

static int find_aged(struct sql *db, int64_t account_id, int64_t folder_id, int64_t before,
	struct uidset *ret, struct err *e)
{
	struct sql_stmt *s = sql_prepare(db,
		"SELECT uid FROM message WHERE account_id = $1 AND folder_id = $2"
		" AND saved_at < $3 ORDER BY uid LIMIT $4",
		e);
	if (!s)
		return -1;
	sql_bind_int(s, 1, account_id);
	sql_bind_int(s, 2, folder_id);
	sql_bind_int(s, 3, before);
	sql_bind_int(s, 4, MAILBOX_BATCH);
	int r;
	while ((r = sql_step(s, e)) == 1)
		uidset_add(ret, (uint32_t)sql_int(s, 0), (uint32_t)sql_int(s, 0));
	return r;
}

int64_t mailbox_aged(
	struct sql *db, int64_t account_id, int64_t folder_id, int64_t before, struct err *e)
{
	int64_t n;
	struct sql_stmt *s = sql_prepare(db,
		"SELECT COUNT(*) FROM message WHERE account_id = $1 AND folder_id = $2 AND "
		"saved_at < $3",
		e);
	if (!s)
		return -1;
	sql_bind_int(s, 1, account_id);
	sql_bind_int(s, 2, folder_id);
	sql_bind_int(s, 3, before);
	return mailbox_returned(s, &n, e) < 0 ? -1 : n;
}

int64_t mailbox_age_tx(struct sql *db, int64_t account_id, int64_t folder_id, int64_t before,
	const struct mailbox_actor *by, struct err *e)
{
	AUTO(uidset) struct uidset old = {0};
	AUTO(uidset) struct uidset gone = {0};
	struct mailbox_actor how = by ? *by : (struct mailbox_actor){0};
	uint64_t modseq;
	how.how = MAILBOX_AGED;
	if (find_aged(db, account_id, folder_id, before, &old, e) < 0)
		return -1;
	if (old.n && mailbox_expunge_tx(
			     db, account_id, folder_id, &old, false, &how, &gone, &modseq, e) < 0)
		return -1;
	return (int64_t)gone.count;
}

/* ---- a whole account ---- */

static int64_t remove_emails(struct sql *db, int64_t account_id, struct err *e)
{
	int64_t v[64], n, done = 0;
	do {
		struct sql_stmt *s = sql_prepare(db,
			"SELECT id FROM email WHERE id BETWEEN $1 AND $2 ORDER BY id LIMIT $3", e);
		if (!s)
			return -1;
		sql_bind_int(s, 1, email_first(account_id));
		sql_bind_int(s, 2, email_last(account_id));
		int64_t left = MAILBOX_REMOVE_BATCH - done;
		sql_bind_int(s, 3, left < 64 ? left : 64);
		int r;
		for (n = 0; (r = sql_step(s, e)) == 1;)
			v[n++] = sql_int(s, 0);
		if (r < 0)
			return -1;
		for (int64_t i = 0; i < n; i++)
			if (sql_run(db, e, "DELETE FROM message WHERE email_id = $1", "i", v[i]) <
					0 ||
				sql_run(db, e, "DELETE FROM email WHERE id = $1", "i", v[i]) < 0)
				return -1;
		done += n;
	} while (n && done < MAILBOX_REMOVE_BATCH);
	return done;
}

int64_t mailbox_remove_some_tx(struct sql *db, int64_t account_id, struct err *e)
{
	static const char *const tables[] = {
		"DELETE FROM message WHERE account_id = $1",
		"DELETE FROM thread_ref WHERE account_id = $1",
		"DELETE FROM keyword WHERE account_id = $1",
		"DELETE FROM acl WHERE account_id = $1",
		"DELETE FROM metadata WHERE account_id = $1",
		"DELETE FROM subscription WHERE account_id = $1",
		"DELETE FROM lesson WHERE account_id = $1",
		"DELETE FROM seen WHERE account_id = $1",
		"DELETE FROM folder WHERE account_id = $1",
		"DELETE FROM mailbox WHERE account_id = $1",
	};
	int64_t n = remove_emails(db, account_id, e);
	if (n < 0 || n == MAILBOX_REMOVE_BATCH)
		return n;
	int64_t lines = sql_run(db, e,
		"DELETE FROM removed WHERE account_id = $1 AND (modseq, folder_id, uid) IN"
		" (SELECT modseq, folder_id, uid FROM removed WHERE account_id = $1 LIMIT $2)",
		"ii", account_id, (int64_t)MAILBOX_REMOVE_BATCH);
	if (lines < 0 || lines == MAILBOX_REMOVE_BATCH)
		return lines;
	int64_t moved = moved_forget_account_tx(db, account_id, MAILBOX_REMOVE_BATCH, e);
	if (moved < 0 || moved == MAILBOX_REMOVE_BATCH)
		return moved;
	for (size_t i = 0; i < sizeof tables / sizeof *tables; i++)
		if (sql_run(db, e, tables[i], "i", account_id) < 0)
			return -1;
	return n;
}
