/* Tables of mailboxes that disagree: each kind is found, mended, and not found again. And the schema, up and down. */
#include "base/time.h"
#include "codec/summary.h"
#include "store/mailbox.h"
#include "store/store_testing.h"

static const struct mailbox_actor alice = {
	.who = S_INIT("alice@example.org"), .protocol = S_INIT("imap")};

static struct sql *open_shard(const struct testdir *d)
{
	struct err e;
	struct sql *db;
	OK(sql_open(testdir_slice(d), mailbox_db_name(3), &db, &e));
	OK(sql_migrate(db, mailbox_migrations, mailbox_migrations_n, &e));
	return db;
}

static void deliver(struct sql *db, int64_t account, const char *folder, msg_id id)
{
	struct err e;
	struct mailbox_place place;
	const struct mailbox_delivery d = {.account_id = account,
		.folder = slice_z(folder),
		.queue_id = id,
		.blob = (blob_id)(1000 + id),
		.size = 100,
		.prefix = S("X: y\r\n"),
		.received_at = id};
	OK(mailbox_deliver_tx(db, &d, &place, &e));
}

/* Two accounts; copies, a removal that can return, one that cannot, rights, keywords, metadata. */
static void fill(struct sql *db)
{
	struct err e;
	int64_t work;
	uint32_t validity;
	uint64_t modseq;
	struct uidset uids = {0}, from = {0}, to = {0}, gone = {0};
	for (msg_id i = 1; i <= 6; i++)
		deliver(db, 7, "INBOX", i);
	deliver(db, 11, "INBOX", 7);
	OK(mailbox_folder_make_tx(db, 7, S("Work"), MAILBOX_USE_NONE, &work, &e));
	uidset_add(&uids, 1, 3);
	const struct mailbox_store s = {.account_id = 7,
		.folder_id = 1,
		.uids = &uids,
		.flags = MAILBOX_SEEN | MAILBOX_DELETED,
		.keywords = S("a b"),
		.unchanged_since = UINT64_MAX};
	OK(mailbox_store_tx(db, &s, &gone, &to, &modseq, &e));
	const struct mailbox_copy c = {.account_id = 7,
		.folder_id = 1,
		.uids = &uids,
		.to_account = 7,
		.to_folder = work,
		.keep_flags = ~0u,
		.by = &alice};
	OK(mailbox_copy_tx(db, &c, &from, &to, &validity, &e));
	uidset_remove(&uids, 1, 2);
	uidset_add(&uids, 6, 6);
	OK(mailbox_expunge_tx(db, 7, 1, &uids, false, &alice, &gone, &modseq, &e));
	OK(mailbox_grant_tx(db, &(struct mailbox_grant){7, work, S("anyone"), RIGHT_LOOKUP}, &e));
	const struct mailbox_metadata comment = {S("/shared/comment"), S("x")};
	OK(mailbox_metadata_set_tx(db, 7, work, 7, &comment, 1, &e));
	uidset_done(&uids);
	uidset_done(&from);
	uidset_done(&to);
	uidset_done(&gone);
}

static void note(void *arg, const struct mailbox_finding *f)
{
	struct buf *out = arg;
	CHECK(f->n > 0 && f->text[0]);
	if (slice_find(buf_slice(out), slice_z(f->kind)) == out->n)
		buf_printf(out, "%s%s ", f->kind, f->mended ? "+" : "");
}

static slice look(struct sql *db, int64_t account, bool repair, struct arena *a)
{
	AUTO(buf) struct buf out = BUF(10000);
	struct err e;
	if (repair)
		OK(sql_begin(db, &e));
	OK(mailbox_verify(db, account, repair, note, &out, &e));
	if (repair)
		OK(sql_commit(db, &e));
	return arena_dup(a, buf_slice(&out));
}

TEST(mailbox_damage_is_found_and_mended)
{
	static const struct {
		const char *sql, *found;
	} cases[] = {
		{"UPDATE folder SET messages = 9 WHERE account_id = 7",
			"mailbox-count mailbox-total "},
		{"UPDATE folder SET unseen = unseen + 1 WHERE id = 1 AND account_id = 7",
			"mailbox-count "},
		{"UPDATE folder SET deleted = 0 WHERE account_id = 7", "mailbox-count "},
		{"UPDATE mailbox SET bytes = bytes + 1 WHERE account_id = 7", "mailbox-total "},
		{"UPDATE folder SET uidnext = 2 WHERE account_id = 7 AND id = 1", "mailbox-uid "},
		{"UPDATE folder SET modseq = 0 WHERE account_id = 7", "mailbox-modseq "},
		{"UPDATE mailbox SET modseq = 1 WHERE account_id = 7", "mailbox-modseq "},
		{"UPDATE mailbox SET next_email = 1 WHERE account_id = 7", "mailbox-next "},
		{"UPDATE mailbox SET next_folder = 1 WHERE account_id = 7", "mailbox-next "},
		{"UPDATE email SET refs = 5 WHERE account_id = 7", "mailbox-refs "},
		{"UPDATE message SET size = 1 WHERE account_id = 7", "mailbox-size mailbox-count "},
		{"DELETE FROM folder WHERE account_id = 7 AND id = 1",
			"mailbox-orphan mailbox-total "},
		{"DELETE FROM mailbox WHERE account_id = 7", "mailbox-missing "},
		{"DELETE FROM email WHERE blob = 1001", "mailbox-lost "},
		{"DELETE FROM email WHERE blob = 1006", "mailbox-removed "},
		{"DELETE FROM message WHERE account_id = 7 AND uid = 4",
			"mailbox-count mailbox-nowhere mailbox-refs "},
		{"INSERT INTO thread_ref (account_id, hash, thread_id, own) VALUES (7, 1, 5, 1)",
			"mailbox-thread "},
		{"UPDATE acl SET folder_id = 9", "mailbox-rights "},
		{"UPDATE metadata SET folder_id = 9", "mailbox-metadata "},
		{"UPDATE keyword SET folder_id = 9", "mailbox-keyword "},
	};
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		AUTO(testdir) struct testdir d = testdir_make();
		AUTO(arena) struct arena a = {0};
		struct sql *db = open_shard(&d);
		struct err e;
		fill(db);
		CHECK_STR(look(db, 0, false, &a), S(""));
		OK(sql_run(db, &e, cases[i].sql, ""));
		CHECK_STR(look(db, 11, false, &a), S(""));
		slice found = look(db, 7, false, &a), rest = slice_z(cases[i].found), kind;
		CHECK_STR(look(db, 0, false, &a), found);
		while (slice_cut(&rest, ' ', &kind))
			if (kind.n && slice_find(found, kind) == found.n)
				test_fail(__FILE__, __LINE__, "%s: no %.*s in %.*s", cases[i].sql,
					SFMT(kind), SFMT(found));
		look(db, i % 2 ? 7 : 0, true, &a);
		if (look(db, 0, false, &a).n)
			test_fail(__FILE__, __LINE__, "%s: still %.*s", cases[i].sql,
				SFMT(look(db, 0, false, &a)));
		sql_close(db);
	}
}

/* ---- schema ---- */

static slice text_of(struct sql *db, const char *sql, struct arena *a)
{
	AUTO(buf) struct buf out = BUF(10000);
	struct err e;
	struct sql_stmt *s = sql_prepare(db, sql, &e);
	if (!s)
		test_fail(__FILE__, __LINE__, "%s: %s", sql, e.text);
	while (sql_step(s, &e) == 1)
		buf_printf(&out, "%.*s ", SFMT(sql_text(s, 0)));
	return arena_dup(a, buf_slice(&out));
}

static const char old_rows[] =
	"INSERT INTO mailbox (account_id, modseq, next_folder) VALUES (7, 9, 3), (11, 2, 2), (15, "
	"1, 2);"
	"INSERT INTO folder (account_id, id, name, uidvalidity, uidnext, modseq, messages, bytes) "
	"VALUES"
	" (7, 1, 'INBOX', 1700000000, 5, 9, 3, 330), (7, 2, 'Junk', 1700000009, 2, 8, 1, 110),"
	" (11, 1, 'INBOX', 1700000001, 2, 2, 1, 110), (15, 1, 'INBOX', 1700000002, 1, 1, 0, 0);"
	"INSERT INTO message (account_id, folder_id, uid, blob, size, prefix, received_at, flags, "
	"modseq,"
	" queue_id, rcpt_idx) VALUES"
	" (7, 1, 1, 500, 110, 'Prefix: x\n', 30, 0, 1, 71, 0), (7, 1, 2, 501, 110, 'Prefix: x\n', "
	"20, 0, 2, 72, 0),"
	" (7, 1, 4, 500, 110, 'Prefix: x\n', 40, 0, 9, 71, 1), (7, 2, 1, 502, 110, 'Prefix: x\n', "
	"10, 0, 8, 74, 0),"
	" (11, 1, 1, 503, 110, 'Prefix: x\n', 10, 0, 2, 71, 2)";

static const char shape_1[] =
	"SELECT account_id || '/' || folder_id || '/' || uid || ':' || blob || ',' || size || ',' "
	"|| flags"
	" || ',' || queue_id || '.' || rcpt_idx FROM message ORDER BY account_id, folder_id, uid";

static void run_all(struct sql *db, const char *script)
{
	struct err e;
	slice rest = slice_z(script), one;
	AUTO(arena) struct arena a = {0};
	while (slice_cut(&rest, ';', &one))
		OK(sql_run(db, &e, arena_strz(&a, one), ""));
}

TEST(mailbox_schema_moves_up_and_down_with_mail)
{
	AUTO(testdir) struct testdir d = testdir_make();
	AUTO(arena) struct arena a = {0};
	struct sql *db;
	struct err e;
	OK(sql_open(testdir_slice(&d), mailbox_db_name(3), &db, &e));
	OK(sql_migrate(db, mailbox_migrations, 1, &e));
	run_all(db, old_rows);
	slice before = text_of(db, shape_1, &a);
	OK(sql_migrate(db, mailbox_migrations, 2, &e));
	CHECK_STR(look(db, 0, false, &a), S(""));
	struct mailbox_message m;
	struct mailbox_folder f;
	OK(mailbox_get(db, 7, S("INBOX"), 4, &a, &m, &e));
	CHECK(m.blob == 500 && m.size == 110 && m.received_at == 40 && m.modseq == 9 &&
		m.flags == 0);
	CHECK_INT(m.email_id & 0xffffffff, 4); /* the last one that came */
	CHECK_STR(m.prefix, slice_of("Prefix: x\n", 10));
	OK(mailbox_folder_find(db, 7, S("Junk"), &a, &f, &e));
	CHECK(f.uidvalidity == 1700000009 && f.uidnext == 2 && f.use == MAILBOX_USE_JUNK &&
		f.unseen == 1);
	deliver(db, 7, "INBOX", 80);
	deliver(db, 7, "INBOX", 71); /* another time the same delivery */
	OK(mailbox_get(db, 7, S("INBOX"), 5, &a, &m, &e));
	CHECK_INT(mailbox_get(db, 7, S("INBOX"), 6, &a, &m, &e), -1);
	struct uidset uids = {0}, from = {0}, to = {0}, gone = {0};
	uint64_t modseq;
	uint32_t validity;
	uidset_add(&uids, 1, 1);
	const struct mailbox_copy c = {
		.account_id = 7, .folder_id = 1, .uids = &uids, .to_account = 7, .to_folder = 2};
	OK(mailbox_copy_tx(db, &c, &from, &to, &validity, &e));
	uidset_add(&gone, 5, 5);
	uidset_done(&from);
	OK(mailbox_expunge_tx(db, 7, 1, &gone, false, &alice, &from, &modseq, &e));
	OK(sql_migrate_down(db, 1, &e));
	slice after = text_of(db, shape_1, &a);
	CHECK(slice_find(after, S("7/2/2:500,110,0,0.")) <
		after.n); /* the copy: a delivery of its own */
	OK(sql_run(db, &e, "DELETE FROM message WHERE account_id = 7 AND folder_id = 2 AND uid = 2",
		""));
	CHECK_STR(text_of(db, shape_1, &a), before);
	CHECK_STR(
		text_of(db, "SELECT name || messages FROM folder WHERE account_id = 7 ORDER BY id",
			&a),
		S("INBOX3 Junk2 "));
	OK(sql_migrate(db, mailbox_migrations, 2, &e));
	uidset_done(&uids);
	uidset_done(&from);
	uidset_done(&to);
	uidset_done(&gone);
	sql_close(db);
}

/* ---- threads, reindex ---- */

static blob_id put(struct blobs *b, slice message, uint64_t *ret_size)
{
	struct err e;
	blob_id id;
	struct blob_writer *w = blob_begin(b);
	OK(blob_add(w, message, &e));
	OK(blob_finish(w, &id, ret_size, &e));
	OK(blobs_sync(b, &e));
	blob_settle(b, id);
	return id;
}

static slice letter(struct arena *a, const char *id, const char *references)
{
	return arena_printf(a,
		"From: Bob <bob@example.org>\r\nSubject: =?utf-8?Q?=E4=BD=A0?= "
		"there\r\nMessage-ID: <%s@x>\r\n%s%s%s\r\nHi\r\n",
		id, references ? "References: " : "", references ? references : "",
		references ? "\r\n" : "");
}

static slice record_of(slice message, struct arena *a)
{
	AUTO(buf) struct buf out = BUF(SUMMARY_MAX);
	struct mime m;
	mime_parse(message, &mime_limits_default, a, &m);
	summary_build(message, 0, &m, true, &out);
	return arena_dup(a, buf_slice(&out));
}

/* Its thread, as a number in the account. */
static int64_t arrive(struct sql *db, struct blobs *b, msg_id id, slice message, struct arena *a)
{
	struct err e;
	struct mailbox_place place;
	struct mailbox_message m;
	struct mailbox_delivery d = {.account_id = 7,
		.folder = S("INBOX"),
		.queue_id = id,
		.summary = record_of(message, a)};
	d.blob = put(b, message, &d.size);
	OK(mailbox_deliver_tx(db, &d, &place, &e));
	OK(mailbox_get(db, 7, S("INBOX"), place.uid, a, &m, &e));
	CHECK_STR(m.summary, d.summary);
	return m.thread_id & 0xffffffff;
}

TEST(mailbox_threads_are_found_and_made_again)
{
	AUTO(testdir) struct testdir d = testdir_make();
	AUTO(arena) struct arena a = {0};
	struct blobs *b;
	struct err e;
	struct sql *db = open_shard(&d);
	OK(blobs_open(testdir_slice(&d), &b, &e));
	CHECK_INT(arrive(db, b, 1, letter(&a, "one", NULL), &a), 1);
	CHECK_INT(arrive(db, b, 2, letter(&a, "two", NULL), &a), 2);
	CHECK_INT(arrive(db, b, 3, letter(&a, "three", "<one@x>"), &a), 1);
	CHECK_INT(
		arrive(db, b, 4, letter(&a, "four", "<0@x> <1@x> <2@x> <3@x> <4@x> <three@x>"), &a),
		1);
	CHECK_INT(arrive(db, b, 5, letter(&a, "five", "<0@x>"), &a), 1);
	CHECK_INT(arrive(db, b, 6, letter(&a, "six", "<late@x>"), &a), 6);
	CHECK_INT(arrive(db, b, 7, letter(&a, "late", NULL), &a),
		6); /* what it is answered by came first */
	CHECK_INT(arrive(db, b, 8, letter(&a, "two", NULL), &a), 2); /* once more the same */
	slice threads = text_of(db, "SELECT thread_id - 7 * 4294967296 FROM email ORDER BY id", &a);
	slice ids =
		text_of(db, "SELECT hash || ':' || thread_id FROM thread_ref ORDER BY hash", &a);
	slice records = text_of(db, "SELECT LENGTH(summary) FROM email ORDER BY id", &a);
	struct uidset uids = {0}, gone = {0};
	uint64_t modseq, unread;
	uidset_add(&uids, 1, 1);
	const struct mailbox_store s = {.account_id = 7,
		.folder_id = 1,
		.uids = &uids,
		.keywords = S("Kept"),
		.unchanged_since = UINT64_MAX};
	OK(mailbox_store_tx(db, &s, &gone, &gone, &modseq, &e));
	OK(sql_run(db, &e,
		"INSERT INTO keyword (account_id, folder_id, name, spelling) VALUES (7, 1, 'x', "
		"'X')",
		""));
	OK(sql_run(db, &e, "UPDATE email SET thread_id = id", ""));
	OK(sql_run(db, &e, "UPDATE email SET summary = blob WHERE queue_id < 3", ""));
	CHECK_INT(mailbox_reindex(db, b, 7, &unread, &e), 8);
	CHECK_INT(unread, 0);
	CHECK_STR(text_of(db, "SELECT thread_id - 7 * 4294967296 FROM email ORDER BY id", &a),
		threads);
	CHECK_STR(text_of(db, "SELECT hash || ':' || thread_id FROM thread_ref ORDER BY hash", &a),
		ids);
	CHECK_STR(text_of(db, "SELECT LENGTH(summary) FROM email ORDER BY id", &a), records);
	CHECK_STR(text_of(db, "SELECT spelling FROM keyword", &a), S("Kept "));
	/* What the log says of it; and with the last of a thread its ids go. */
	uidset_add(&uids, 2, 8);
	OK(mailbox_expunge_tx(db, 7, 1, &uids, false, &alice, &gone, &modseq, &e));
	struct mailbox_removed *v;
	size_t n;
	OK(mailbox_removed_list(db,
		&(struct mailbox_removed_query){.account_id = 7, .most = 9, .text = S("THERE")}, &a,
		&v, &n, &e));
	CHECK_INT(n, 8);
	CHECK_STR(v[0].subject, S("\xe4\xbd\xa0 there"));
	CHECK_STR(v[0].from, S("bob@example.org"));
	OK(mailbox_removed_list(db,
		&(struct mailbox_removed_query){.account_id = 7, .most = 9, .text = S("th%re")}, &a,
		&v, &n, &e));
	CHECK_INT(n, 0);
	CHECK_STR(look(db, 0, false, &a), S(""));
	OK(mailbox_removed_end_tx(db, &(struct mailbox_ends){wall_now() + DAY, 0, 0, 0}, &e));
	CHECK_STR(text_of(db,
			  "SELECT (SELECT COUNT(*) FROM email) + (SELECT COUNT(*) FROM thread_ref)",
			  &a),
		S("0 "));
	CHECK_STR(look(db, 0, false, &a), S(""));
	uidset_done(&uids);
	uidset_done(&gone);
	blobs_close(b);
	sql_close(db);
}
