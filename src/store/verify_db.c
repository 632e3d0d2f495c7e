/*
 * Verify, the databases: the engine's own structures, recipients and messages that belong together,
 * folders and their counts, the index of segments (verify.h). Repairs that need nothing but SQL are
 * done here, each in one transaction.
 */
#include "store/verify.h"

#include "base/mem.h"
#include "store/collect.h"
#include "store/credential.h"
#include "store/keyring.h"
#include "store/login.h"
#include "store/maillist.h"
#include "store/report.h"
#include "store/tlspolicy.h"

#include <inttypes.h>

static const char *const databases[] = {"directory", "queue", "trace", "mail-00", "mail-01",
	"mail-02", "mail-03", "segment", REPORT_DB, TLSPOLICY_DB, MAILLIST_DB, COLLECT_DB};

static bool repair_database(struct verify *v, slice dir, const char *name)
{
	struct sql *db;
	struct err e;
	if (slice_eq(slice_z(name), S("segment")))
		return repair_index(v);
	if (sql_open(dir, name, &db, &e) < 0)
		return false;
	AUTO(arena) struct arena a = {0};
	slice report;
	bool mended = sql_reindex(db, &e) == 0 && sql_check(db, &a, &report, &e) == 0;
	sql_close(db);
	return mended;
}

/* -1: it is encrypted and its key is missing, which is no damage. */
static int check_database(struct verify *v, slice dir, const char *name, struct err *ret_e)
{
	struct sql *db;
	struct err e;
	AUTO(arena) struct arena a = {0};
	slice report = {0}, line;
	if (sql_open_read(dir, name, &db, &e) < 0) {
		if (e.kind == ERR_NOTFOUND && slice_eq(slice_z(name), S("segment")))
			return 0; /* made when the first segment is shared */
		if (e.kind == ERR_PERM)
			goto no_key;
		verify_report(v, "sqlite", v->repair && repair_database(v, dir, name), "%s: %s",
			name, e.text);
		return 0;
	}
	int n = sql_check(db, &a, &report, &e);
	sql_close(db);
	if (n == 0)
		return 0;
	if (n < 0 && e.kind == ERR_PERM)
		goto no_key;
	bool mended = v->repair && repair_database(v, dir, name);
	if (n < 0)
		verify_report(v, "sqlite", mended, "%s: %s", name, e.text);
	while (n > 0 && slice_cut(&report, '\n', &line))
		if (line.n)
			verify_report(v, "sqlite", mended, "%s: %.*s", name, SFMT(line));
	return 0;
no_key:
	*ret_e = e;
	return -1;
}

/* A database in a directory of its own. */
static int check_below(struct verify *v, slice sub, const char *name, struct err *e)
{
	AUTO(buf) struct buf dir = BUF(4000);
	buf_put(&dir, v->dir);
	buf_put(&dir, sub);
	return check_database(v, buf_slice(&dir), name, e);
}

int verify_databases(struct verify *v, struct err *e)
{
	for (size_t i = 0; i < sizeof databases / sizeof *databases; i++)
		if (check_database(v, v->dir, databases[i], e) < 0)
			return -1;
	return check_below(v, S("/auth"), CREDENTIAL_DB, e) < 0 ||
			       check_below(v, S("/auth"), LOGIN_DB, e) < 0
		       ? -1
		       : check_below(v, S("/keys"), KEYRING_DB, e);
}

static int count(struct sql *db, const char *sql, int64_t *ret, struct err *e)
{
	struct sql_stmt *s = sql_prepare(db, sql, e);
	int r = s ? sql_step(s, e) : -1;
	if (r < 0)
		return -1;
	*ret = r ? sql_int(s, 0) : 0;
	if (r)
		sql_reset(s);
	return 0;
}

static bool recipients_as_text(struct sql *db, struct buf *text, struct err *e)
{
	struct sql_stmt *s = sql_prepare(db,
		"SELECT msg, idx, address, dest, reason, log FROM rcpt WHERE NOT EXISTS"
		" (SELECT 1 FROM msg WHERE msg.id = rcpt.msg) ORDER BY msg, idx",
		e);
	int r = s ? 1 : -1;
	while (s && (r = sql_step(s, e)) == 1) {
		buf_printf(text, "message %" PRId64 " recipient %" PRId64, sql_int(s, 0),
			sql_int(s, 1));
		for (int col = 2; col < 6; col++) {
			buf_put(text, S("\n\t"));
			buf_put(text, sql_text(s, col));
		}
		buf_byte(text, '\n');
	}
	return r == 0 && buf_ok(text);
}

/* Their rows are all that is left of them. */
static bool keep_recipients(struct verify *v, struct sql *db)
{
	struct err e;
	AUTO(buf) struct buf text = BUF(64 << 20);
	if (!recipients_as_text(db, &text, &e) ||
		repair_keep(v, "queue-recipients.txt", buf_slice(&text), &e) < 0)
		return false;
	return sql_run(db, &e,
		       "DELETE FROM rcpt WHERE NOT EXISTS (SELECT 1 FROM msg WHERE msg.id = "
		       "rcpt.msg)",
		       "") >= 0;
}

static int recipients_without_message(struct verify *v, struct sql *db, struct err *e)
{
	int64_t n;
	if (count(db,
		    "SELECT COUNT(*) FROM rcpt WHERE NOT EXISTS (SELECT 1 FROM msg WHERE msg.id = "
		    "rcpt.msg)",
		    &n, e) < 0)
		return -1;
	if (n)
		verify_report(v, "queue-orphan", v->repair && keep_recipients(v, db),
			"queue: %" PRId64 " recipients without a message", n);
	return 0;
}

static const char no_recipients[] = "SELECT id, blob FROM msg WHERE NOT EXISTS"
				    " (SELECT 1 FROM rcpt WHERE rcpt.msg = msg.id) ORDER BY id";

static int messages_without_recipient(struct verify *v, struct sql *db, struct err *e)
{
	struct verify_ids found = {0};
	struct sql_stmt *s = sql_prepare(db, no_recipients, e);
	int r = s ? 1 : -1;
	while (s && (r = sql_step(s, e)) == 1) {
		verify_ids_add(&found, (blob_id)sql_int(s, 0));
		verify_ids_add(&found, (blob_id)sql_int(s, 1));
	}
	for (size_t i = 0; r == 0 && i < found.n; i += 2) {
		char id[MSG_ID_TEXT];
		msg_id_print((msg_id)found.v[i], id);
		bool mended =
			v->repair && repair_queue_row(v, db, (msg_id)found.v[i], found.v[i + 1]);
		verify_report(v, "queue-empty", mended, "queue: message %s has no recipient", id);
	}
	free(found.v);
	return r;
}

/* Runs look() on a connection; with repair on a writing one, in a transaction. */
int verify_with_database(struct verify *v, const char *name,
	int (*look)(struct verify *, struct sql *, struct err *), struct err *e)
{
	struct sql *db;
	if ((v->repair ? sql_open(v->dir, name, &db, e) : sql_open_read(v->dir, name, &db, e)) < 0)
		return e->kind == ERR_NOTFOUND ? 0 : -1;
	int r = v->repair ? sql_begin(db, e) : 0;
	if (r == 0) {
		r = look(v, db, e);
		if (v->repair && r < 0)
			sql_rollback(db);
		else if (v->repair)
			r = sql_commit(db, e);
	}
	if (r < 0)
		verify_report(v, "sqlite", false, "%s: %s", name, e->text);
	sql_close(db);
	return 0;
}

static int look_at_queue(struct verify *v, struct sql *db, struct err *e)
{
	return recipients_without_message(v, db, e) < 0 ? -1 : messages_without_recipient(v, db, e);
}

int verify_queue(struct verify *v, struct err *e)
{
	return verify_with_database(v, "queue", look_at_queue, e);
}

struct in_shard {
	struct verify *v;
	struct sql *db;
};

static void found_in_mailboxes(void *arg, const struct mailbox_finding *f)
{
	struct in_shard *x = arg;
	verify_report(
		x->v, f->kind, f->mended, "%s: %" PRId64 " %s", sql_name(x->db), f->n, f->text);
}

static int look_at_mailboxes(struct verify *v, struct sql *db, struct err *e)
{
	struct in_shard x = {v, db};
	return mailbox_verify(db, 0, v->repair, found_in_mailboxes, &x, e) < 0 ? -1 : 0;
}

int verify_mailboxes(struct verify *v, struct err *e)
{
	for (int i = 0; i < MAILBOX_SHARDS; i++)
		if (verify_with_database(v, mailbox_db_name(i), look_at_mailboxes, e) < 0)
			return -1;
	return 0;
}

enum entry { ENTRY_GOOD, ENTRY_STALE, ENTRY_WRONG };

/* Stale entries are no fault: a process may enter a segment whose pack gc has just removed. */
static enum entry look_at_entry(struct verify *v, slice digest, blob_id id, int64_t size)
{
	struct pack_in *p;
	struct err e;
	struct record r;
	char stored[DIGEST_SIZE];
	if (verify_ids_has(&v->damaged, blob_id_make(blob_pack(id), blob_offset(id), 0)) ||
		pack_cache_get(&v->g->cache, blob_pack(id), &p, &e) < 0)
		return ENTRY_STALE;
	bool found = pack_in_digest(p, blob_offset(id), &r, stored, &e) == 0;
	bool locked = pack_key_missing(&p->key);
	pack_cache_put(&v->g->cache, p);
	if (locked)
		return ENTRY_GOOD; /* nobody can say */
	if (!found)
		return ENTRY_STALE;
	bool same = r.type == RECORD_SEGMENT && r.raw == size &&
		    slice_eq(slice_of(stored, DIGEST_SIZE), digest);
	return same ? ENTRY_GOOD : ENTRY_WRONG;
}

static int look_at_index(struct verify *v, struct sql *db, struct err *e)
{
	struct verify_ids bad = {0};
	size_t wrong = 0;
	int version;
	if (sql_version(db, &version, e) < 0)
		return -1;
	if (version == 0) /* whoever made the file died before the table */
		return 0;
	struct sql_stmt *s = sql_prepare(db, "SELECT digest, id, size FROM segment", e);
	int r = s ? 1 : -1;
	while (s && (r = sql_step(s, e)) == 1) {
		enum entry is =
			look_at_entry(v, sql_text(s, 0), (blob_id)sql_int(s, 1), sql_int(s, 2));
		wrong += is == ENTRY_WRONG;
		if (is != ENTRY_GOOD)
			verify_ids_add(&bad, (blob_id)sql_int(s, 1));
	}
	bool mended = r == 0 && v->repair;
	for (size_t i = 0; i < bad.n && mended; i++)
		mended = sql_run(db, e, "DELETE FROM segment WHERE id = $1", "i",
				 (int64_t)bad.v[i]) >= 0;
	if (r == 0 && wrong)
		verify_report(v, "segment-index", mended,
			"%zu entries of the index lead to other bytes", wrong);
	free(bad.v);
	return r;
}

int verify_index(struct verify *v, struct err *e)
{
	if (!verify_has_index(v))
		return 0;
	return verify_with_database(v, "segment", look_at_index, e);
}
