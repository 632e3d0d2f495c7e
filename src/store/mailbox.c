/*
 * The tables of a mail shard and delivering into them (mailbox.h). Every table is led by
 * account_id, so that a cluster can distribute them by it.
 *
 * A folder row counts: the next UID (never used twice while uidvalidity stands, RFC 3501 2.3.1.1),
 * the messages and their bytes. An account row gives out modification sequences (RFC 7162): one per
 * change, across its folders. A delivery is three statements.
 */
#include "store/mailbox.h"

#include "base/mem.h"
#include "base/must.h"
#include "base/time.h"
#include "base/utf8.h"

const struct sql_migration mailbox_migrations[] = {
	{1, "mailbox",
		"CREATE TABLE mailbox ("
		"account_id {{KEY}}, modseq BIGINT NOT NULL, next_folder BIGINT NOT NULL);"
		"CREATE TABLE folder ("
		"account_id BIGINT NOT NULL, id BIGINT NOT NULL, name TEXT NOT NULL,"
		"uidvalidity BIGINT NOT NULL, uidnext BIGINT NOT NULL, modseq BIGINT NOT NULL,"
		"messages BIGINT NOT NULL, bytes BIGINT NOT NULL,"
		"PRIMARY KEY (account_id, name)) {{WITHOUT_ROWID}};"
		"CREATE TABLE message ("
		"account_id BIGINT NOT NULL, folder_id BIGINT NOT NULL, uid BIGINT NOT NULL,"
		"blob BIGINT NOT NULL, size BIGINT NOT NULL, prefix {{BLOB}} NOT NULL,"
		"received_at BIGINT NOT NULL, flags BIGINT NOT NULL, modseq BIGINT NOT NULL,"
		"queue_id BIGINT NOT NULL, rcpt_idx BIGINT NOT NULL,"
		"PRIMARY KEY (account_id, folder_id, uid)) {{WITHOUT_ROWID}};"
		"CREATE UNIQUE INDEX message_delivery ON message (account_id, queue_id, rcpt_idx);"
		"CREATE INDEX message_blob ON message (blob);",
		"DROP TABLE message; DROP TABLE folder; DROP TABLE mailbox;"},
};
const size_t mailbox_migrations_n = sizeof mailbox_migrations / sizeof mailbox_migrations[0];

const char *mailbox_db_name(int shard)
{
	static const char *const names[MAILBOX_SHARDS] = {
		"mail-00", "mail-01", "mail-02", "mail-03"};
	must(shard >= 0 && shard < MAILBOX_SHARDS);
	return names[shard];
}

static int check_folder_name(slice name, struct err *e)
{
	for (size_t i = 0; i < name.n; i++)
		if ((unsigned char)name.p[i] < ' ' || name.p[i] == 0x7f)
			return err_set(e, ERR_PROTO, "control character in a folder's name");
	if (name.n == 0 || name.n > MAILBOX_FOLDER_MAX || !utf8_valid(name))
		return err_set(e, ERR_PROTO, "a folder's name is 1 to %d bytes of UTF-8",
			MAILBOX_FOLDER_MAX);
	return 0;
}

/* INBOX is one folder in every spelling (RFC 3501 5.1). */
static slice folder_name(slice name)
{
	return slice_ieq(name, S("INBOX")) ? S("INBOX") : name;
}

/* One row of one column, given by RETURNING: 1, 0 when no row was changed, -1. */
static int returned(struct sql_stmt *s, int64_t *ret, struct err *e)
{
	int r = sql_step(s, e);
	if (r == 1) {
		*ret = sql_int(s, 0);
		sql_reset(s);
	}
	return r;
}

static int next_modseq(struct sql *db, int64_t account_id, int64_t *ret, struct err *e)
{
	struct sql_stmt *s = sql_prepare(db,
		"INSERT INTO mailbox (account_id, modseq, next_folder) VALUES ($1, 1, 1)"
		" ON CONFLICT (account_id) DO UPDATE SET modseq = mailbox.modseq + 1 RETURNING "
		"modseq",
		e);
	if (!s)
		return -1;
	sql_bind_int(s, 1, account_id);
	return returned(s, ret, e) < 0 ? -1 : 0;
}

struct place {
	int64_t folder_id, uid, modseq;
};

/* Counts the message in and takes its UID: 1, 0 when there is no such folder, -1. */
static int enter_folder(
	struct sql *db, const struct mailbox_delivery *d, struct place *p, struct err *e)
{
	struct sql_stmt *s = sql_prepare(db,
		"UPDATE folder SET uidnext = uidnext + 1, messages = messages + 1, bytes = bytes + "
		"$3, modseq = $4"
		" WHERE account_id = $1 AND name = $2 RETURNING id, uidnext - 1",
		e);
	if (!s)
		return -1;
	sql_bind_int(s, 1, d->account_id);
	sql_bind_text(s, 2, folder_name(d->folder));
	sql_bind_int(s, 3, (int64_t)(d->size + d->prefix.n));
	sql_bind_int(s, 4, p->modseq);
	int r = sql_step(s, e);
	if (r == 1) {
		p->folder_id = sql_int(s, 0);
		p->uid = sql_int(s, 1);
		sql_reset(s);
	}
	return r;
}

static int count_folders(struct sql *db, int64_t account_id, struct err *e)
{
	int64_t n = 0;
	struct sql_stmt *s =
		sql_prepare(db, "SELECT COUNT(*) FROM folder WHERE account_id = $1", e);
	if (!s)
		return -1;
	sql_bind_int(s, 1, account_id);
	if (returned(s, &n, e) < 0)
		return -1;
	return n < MAILBOX_FOLDERS_MAX ? 0
				       : err_set(e, ERR_LIMIT, "an account has at most %d folders",
						 MAILBOX_FOLDERS_MAX);
}

static int make_folder(struct sql *db, int64_t account_id, slice name, struct err *e)
{
	int64_t id = 0;
	if (check_folder_name(name, e) < 0 || count_folders(db, account_id, e) < 0)
		return -1;
	struct sql_stmt *s = sql_prepare(db,
		"UPDATE mailbox SET next_folder = next_folder + 1 WHERE account_id = $1 RETURNING "
		"next_folder - 1",
		e);
	if (!s)
		return -1;
	sql_bind_int(s, 1, account_id);
	if (returned(s, &id, e) < 0)
		return -1;
	/* The time and a number that is never given again: differs from that of any former folder.
	 */
	int64_t uidvalidity = wall_now() / SECOND + id;
	int64_t r = sql_run(db, e,
		"INSERT INTO folder (account_id, id, name, uidvalidity, uidnext, modseq, messages, "
		"bytes)"
		" VALUES ($1, $2, $3, $4, 1, 0, 0, 0)",
		"iiti", account_id, id, folder_name(name), uidvalidity);
	return r < 0 ? -1 : 0;
}

/* The UID of this delivery if it was made before: 1, 0, -1. */
static int delivered_before(
	struct sql *db, const struct mailbox_delivery *d, int64_t *ret, struct err *e)
{
	struct sql_stmt *s = sql_prepare(db,
		"SELECT uid FROM message WHERE account_id = $1 AND queue_id = $2 AND rcpt_idx = $3",
		e);
	if (!s)
		return -1;
	sql_bind_int(s, 1, d->account_id);
	sql_bind_int(s, 2, d->queue_id);
	sql_bind_int(s, 3, d->rcpt_idx);
	return returned(s, ret, e);
}

int mailbox_delivered(struct sql *db, const struct mailbox_delivery *d, struct err *e)
{
	int64_t uid;
	return delivered_before(db, d, &uid, e);
}

static int insert_message(
	struct sql *db, const struct mailbox_delivery *d, const struct place *p, struct err *e)
{
	int64_t n = sql_run(db, e,
		"INSERT INTO message (account_id, folder_id, uid, blob, size, prefix, received_at, "
		"flags, modseq,"
		" queue_id, rcpt_idx) VALUES ($1, $2, $3, $4, $5, $6, $7, 0, $8, $9, $10)",
		"iiiiibiiii", d->account_id, p->folder_id, p->uid, (int64_t)d->blob,
		(int64_t)(d->size + d->prefix.n), d->prefix, d->received_at, p->modseq, d->queue_id,
		(int64_t)d->rcpt_idx);
	return n < 0 ? -1 : 0;
}

int mailbox_deliver_tx(
	struct sql *db, const struct mailbox_delivery *d, struct mailbox_place *ret, struct err *e)
{
	struct place p;
	int64_t uid;
	int r = delivered_before(db, d, &uid, e);
	if (r == 1) {
		*ret = (struct mailbox_place){.uid = (uint32_t)uid};
		return 0;
	}
	if (r < 0 || next_modseq(db, d->account_id, &p.modseq, e) < 0)
		return -1;
	r = enter_folder(db, d, &p, e);
	if (r == 0) {
		if (make_folder(db, d->account_id, d->folder, e) < 0)
			return -1;
		r = enter_folder(db, d, &p, e);
	}
	if (r < 0)
		return -1;
	must(r == 1);
	if (p.uid > UINT32_MAX)
		return err_set(e, ERR_LIMIT, "folder has no UID left");
	if (insert_message(db, d, &p, e) < 0)
		return -1;
	*ret = (struct mailbox_place){.folder_id = p.folder_id, .uid = (uint32_t)p.uid, .modseq = (uint64_t)p.modseq};
	return 0;
}

/* ---- reading ---- */

static int find_folder(
	struct sql *db, int64_t account_id, slice folder, int64_t *ret, struct err *e)
{
	struct sql_stmt *s =
		sql_prepare(db, "SELECT id FROM folder WHERE account_id = $1 AND name = $2", e);
	if (!s)
		return -1;
	sql_bind_int(s, 1, account_id);
	sql_bind_text(s, 2, folder_name(folder));
	int r = returned(s, ret, e);
	return r ? (r < 0 ? -1 : 0)
		 : err_set(e, ERR_NOTFOUND, "no such folder: %.*s", SFMT(folder));
}

static struct mailbox_message read_message(
	struct sql_stmt *s, int64_t account_id, slice folder, struct arena *a)
{
	return (struct mailbox_message){
		.account_id = account_id,
		.folder = folder_name(folder),
		.uid = (uint32_t)sql_int(s, 0),
		.blob = (blob_id)sql_int(s, 1),
		.size = (uint64_t)sql_int(s, 2),
		.prefix = arena_dup(a, sql_text(s, 3)),
		.received_at = sql_int(s, 4),
		.flags = (unsigned)sql_int(s, 5),
	};
}

enum { LIST_PIECE = 200 };

struct piece {
	struct arena a;
	struct mailbox_message rows[LIST_PIECE];
	size_t n;
};

static int read_piece(struct sql *db, int64_t account_id, slice folder, int64_t folder_id,
	uint32_t after_uid, struct piece *p, struct err *e)
{
	arena_reset(&p->a);
	p->n = 0;
	struct sql_stmt *s = sql_prepare(db,
		"SELECT uid, blob, size, prefix, received_at, flags FROM message"
		" WHERE account_id = $1 AND folder_id = $2 AND uid > $3 ORDER BY uid LIMIT $4",
		e);
	if (!s)
		return -1;
	sql_bind_int(s, 1, account_id);
	sql_bind_int(s, 2, folder_id);
	sql_bind_int(s, 3, after_uid);
	sql_bind_int(s, 4, LIST_PIECE);
	int r;
	while ((r = sql_step(s, e)) == 1)
		p->rows[p->n++] = read_message(s, account_id, folder, &p->a);
	return r;
}

int mailbox_list(struct sql *db, int64_t account_id, slice folder, uint32_t after_uid,
	uint64_t most, bool (*row)(void *arg, const struct mailbox_message *m), void *arg,
	struct err *e)
{
	int64_t folder_id;
	if (find_folder(db, account_id, folder, &folder_id, e) < 0)
		return -1;
	struct piece *p = NEW(struct piece);
	bool go_on = most > 0;
	int r = 0;
	while (go_on && (r = read_piece(db, account_id, folder, folder_id, after_uid, p, e)) == 0 &&
		p->n) {
		for (size_t i = 0; i < p->n && go_on; i++)
			go_on = row(arg, &p->rows[i]) && --most > 0;
		after_uid = p->rows[p->n - 1].uid;
	}
	arena_done(&p->a);
	free(p);
	return r;
}

int mailbox_get(struct sql *db, int64_t account_id, slice folder, uint32_t uid, struct arena *a,
	struct mailbox_message *ret, struct err *e)
{
	int64_t folder_id;
	if (find_folder(db, account_id, folder, &folder_id, e) < 0)
		return -1;
	struct sql_stmt *s = sql_prepare(db,
		"SELECT uid, blob, size, prefix, received_at, flags FROM message"
		" WHERE account_id = $1 AND folder_id = $2 AND uid = $3",
		e);
	if (!s)
		return -1;
	sql_bind_int(s, 1, account_id);
	sql_bind_int(s, 2, folder_id);
	sql_bind_int(s, 3, uid);
	int r = sql_step(s, e);
	if (r <= 0)
		return r < 0 ? -1
			     : err_set(e, ERR_NOTFOUND, "no message %u in %.*s", uid, SFMT(folder));
	*ret = read_message(s, account_id, arena_dup(a, folder), a);
	sql_reset(s);
	return 0;
}

int mailbox_find(struct sql *db, int64_t account_id, msg_id queue_id, struct arena *a,
	struct mailbox_message *ret, struct err *e)
{
	struct sql_stmt *s = sql_prepare(db,
		"SELECT uid, blob, size, prefix, received_at, flags FROM message"
		" WHERE account_id = $1 AND queue_id = $2 LIMIT 1",
		e);
	if (!s)
		return -1;
	sql_bind_int(s, 1, account_id);
	sql_bind_int(s, 2, queue_id);
	int r = sql_step(s, e);
	if (r <= 0)
		return r < 0 ? -1 : err_set(e, ERR_NOTFOUND, "not in this mailbox");
	*ret = read_message(s, account_id, S(""), a);
	sql_reset(s);
	return 0;
}

int mailbox_usage(struct sql *db, int64_t account_id, uint64_t *ret_bytes, uint64_t *ret_messages,
	struct err *e)
{
	struct sql_stmt *s = sql_prepare(db,
		"SELECT CAST(COALESCE(SUM(bytes), 0) AS BIGINT), CAST(COALESCE(SUM(messages), 0) "
		"AS BIGINT)"
		" FROM folder WHERE account_id = $1",
		e);
	if (!s)
		return -1;
	sql_bind_int(s, 1, account_id);
	if (sql_step(s, e) < 0)
		return -1;
	*ret_bytes = (uint64_t)sql_int(s, 0);
	*ret_messages = (uint64_t)sql_int(s, 1);
	sql_reset(s);
	return 0;
}

int64_t mailbox_remove_some_tx(struct sql *db, int64_t account_id, struct err *e)
{
	int64_t n = sql_run(db, e,
		"DELETE FROM message WHERE account_id = $1 AND (folder_id, uid) IN"
		" (SELECT folder_id, uid FROM message WHERE account_id = $1 LIMIT $2)",
		"ii", account_id, (int64_t)MAILBOX_REMOVE_BATCH);
	if (n < 0 || n == MAILBOX_REMOVE_BATCH)
		return n;
	if (sql_run(db, e, "DELETE FROM folder WHERE account_id = $1", "i", account_id) < 0 ||
		sql_run(db, e, "DELETE FROM mailbox WHERE account_id = $1", "i", account_id) < 0)
		return -1;
	return n;
}

int mailbox_folders(struct sql *db, int64_t account_id, struct arena *a,
	struct mailbox_folder **ret, size_t *ret_n, struct err *e)
{
	struct sql_stmt *s = sql_prepare(db,
		"SELECT name, messages, bytes, uidvalidity, uidnext FROM folder WHERE account_id = "
		"$1"
		" ORDER BY name LIMIT $2",
		e);
	if (!s)
		return -1;
	sql_bind_int(s, 1, account_id);
	sql_bind_int(s, 2, MAILBOX_FOLDERS_MAX);
	struct mailbox_folder *v = ARENA_ARRAY(a, struct mailbox_folder, MAILBOX_FOLDERS_MAX);
	size_t n = 0;
	int r;
	while ((r = sql_step(s, e)) == 1)
		v[n++] = (struct mailbox_folder){
			.name = arena_dup(a, sql_text(s, 0)),
			.messages = (uint64_t)sql_int(s, 1),
			.bytes = (uint64_t)sql_int(s, 2),
			.uidvalidity = (uint32_t)sql_int(s, 3),
			.uidnext = (uint32_t)sql_int(s, 4),
		};
	if (r < 0)
		return -1;
	*ret = v;
	*ret_n = n;
	return 0;
}
