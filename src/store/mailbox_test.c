/* Mailboxes: delivering once, UIDs, lists, usage. */
#include "base/time.h"
#include "store/mailbox.h"
#include "store/store_testing.h"

static struct sql *open_shard(const struct testdir *d)
{
	struct err e;
	struct sql *db;
	OK(sql_open(testdir_slice(d), mailbox_db_name(3), &db, &e));
	OK(sql_migrate(db, mailbox_migrations, mailbox_migrations_n, &e));
	return db;
}

static struct mailbox_delivery delivery(int64_t account, msg_id id)
{
	return (struct mailbox_delivery){.account_id = account,
		.folder = S("inbox"),
		.queue_id = id,
		.blob = 9,
		.size = 1000,
		.prefix = S("Delivered-To: x\r\n"),
		.received_at = id};
}

static bool collect(void *arg, const struct mailbox_message *m)
{
	struct buf *out = arg;
	CHECK_STR(m->folder, S("INBOX"));
	buf_printf(out, "%u ", m->uid);
	return true;
}

TEST(delivery_is_made_once)
{
	AUTO(testdir) struct testdir d = testdir_make();
	struct sql *db = open_shard(&d);
	struct err e;
	struct mailbox_place place;
	for (int64_t id = 1; id <= 3; id++) {
		struct mailbox_delivery m = delivery(7, id);
		OK(mailbox_deliver_tx(db, &m, &place, &e));
		CHECK_INT(place.uid, id);
		OK(mailbox_deliver_tx(db, &m, &place, &e)); /* again, after a crash */
		CHECK_INT(place.uid, id);
	}
	struct mailbox_delivery m = delivery(7, 3);
	m.rcpt_idx = 1; /* the same message to another recipient that ends here */
	OK(mailbox_deliver_tx(db, &m, &place, &e));
	CHECK_INT(place.uid, 4);
	m = delivery(11, 3);
	OK(mailbox_deliver_tx(db, &m, &place, &e));
	CHECK_INT(place.uid, 1);
	m.queue_id = 8;
	m.folder = S("垃圾邮件");
	OK(mailbox_deliver_tx(db, &m, &place, &e));
	CHECK_INT(place.uid, 1);

	uint64_t bytes, messages;
	OK(mailbox_usage(db, 7, &bytes, &messages, &e));
	CHECK(messages == 4 && bytes == 4 * 1017);
	CHECK_INT(mailbox_remove_some_tx(db, 999, &e), 0);
	OK(mailbox_usage(db, 999, &bytes, &messages, &e));
	CHECK(messages == 0 && bytes == 0);

	struct arena names = {0};
	struct mailbox_folder *folders;
	size_t n;
	OK(mailbox_folders(db, 11, &names, &folders, &n, &e));
	CHECK(n == 2 && folders[0].messages == 1 && folders[0].uidnext == 2);
	CHECK_STR(folders[1].name, S("垃圾邮件"));
	arena_done(&names);

	AUTO(buf) struct buf list = BUF(100);
	OK(mailbox_list(db, 7, S("INBOX"), 0, 100, collect, &list, &e));
	CHECK_STR(buf_slice(&list), S("1 2 3 4 "));
	buf_reset(&list);
	OK(mailbox_list(db, 7, S("Inbox"), 1, 2, collect, &list, &e));
	CHECK_STR(buf_slice(&list), S("2 3 "));
	CHECK(mailbox_list(db, 7, S("Trash"), 0, 9, collect, &list, &e) < 0 &&
		e.kind == ERR_NOTFOUND);

	struct arena a = {0};
	struct mailbox_message got;
	OK(mailbox_get(db, 7, S("INBOX"), 2, &a, &got, &e));
	CHECK(got.blob == 9 && got.size == 1017 && got.received_at == 2);
	CHECK_STR(got.prefix, S("Delivered-To: x\r\n"));
	CHECK(mailbox_get(db, 7, S("INBOX"), 5, &a, &got, &e) < 0 && e.kind == ERR_NOTFOUND);
	arena_done(&a);
	sql_close(db);
}

TEST(mailbox_is_removed_in_pieces)
{
	AUTO(testdir) struct testdir d = testdir_make();
	struct sql *db = open_shard(&d);
	struct err e;
	struct mailbox_place place;
	uint64_t bytes, messages;
	OK(sql_begin(db, &e));
	for (msg_id i = 1; i <= MAILBOX_REMOVE_BATCH + 3; i++) {
		struct mailbox_delivery m = delivery(7, i), other = delivery(11, i);
		OK(mailbox_deliver_tx(db, &m, &place, &e));
		if (i < 3)
			OK(mailbox_deliver_tx(db, &other, &place, &e));
	}
	OK(sql_commit(db, &e));
	CHECK_INT(mailbox_remove_some_tx(db, 7, &e), MAILBOX_REMOVE_BATCH);
	CHECK_INT(mailbox_remove_some_tx(db, 7, &e), 3);
	OK(mailbox_usage(db, 7, &bytes, &messages, &e));
	CHECK(bytes == 0 && messages == 0);
	OK(mailbox_usage(db, 11, &bytes, &messages, &e));
	CHECK_INT(messages, 2);
	sql_close(db);
}

TEST(bad_folder_names_are_refused)
{
	AUTO(testdir) struct testdir d = testdir_make();
	struct sql *db = open_shard(&d);
	struct err e;
	struct mailbox_place place;
	char longer[MAILBOX_FOLDER_MAX + 1];
	memset(longer, 'x', sizeof longer);
	const slice bad[] = {S(""), S("a\nb"), S("\xff"), slice_of(longer, sizeof longer)};
	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
		struct mailbox_delivery m = delivery(7, 1);
		m.folder = bad[i];
		OK(sql_begin(db, &e));
		CHECK(mailbox_deliver_tx(db, &m, &place, &e) < 0 && e.kind == ERR_PROTO);
		sql_rollback(db);
	}
	sql_close(db);
}

TEST(delivery_is_cheap)
{
	AUTO(testdir) struct testdir d = testdir_make();
	struct sql *db = open_shard(&d);
	struct err e;
	struct mailbox_place place;
	enum { N = 20000 };
	instant from = instant_now();
	OK(sql_begin(db, &e));
	for (int i = 0; i < N; i++) {
		struct mailbox_delivery m = delivery(i % 500 * 4 + 3, i + 1);
		OK(mailbox_deliver_tx(db, &m, &place, &e));
	}
	OK(sql_commit(db, &e));
	double us = (double)(instant_now() - from) / N;
	if (getenv("MAILBOX_TEST_TIMES"))
		fprintf(stderr, "%.1f us a delivery\n", us);
	CHECK(us < 500);
	sql_close(db);
}
