/* Mail that came lately: walking through it by account and arrival, going on behind a mark, taking one out. */
#include "base/mem.h"
#include "store/mailbox.h"
#include "store/store_testing.h"

static struct sql *open_shard(const struct testdir *d)
{
	struct err e;
	struct sql *db;
	OK(sql_open(testdir_slice(d), mailbox_db_name(0), &db, &e));
	OK(sql_migrate(db, mailbox_migrations, mailbox_migrations_n, &e));
	return db;
}

static void deliver(struct sql *db, int64_t account, const char *folder, msg_id id, int32_t idx)
{
	const struct mailbox_delivery d = {.account_id = account,
		.folder = slice_z(folder),
		.queue_id = id,
		.rcpt_idx = idx,
		.blob = id,
		.size = 100,
		.prefix = S("Delivered-To: x\r\n"),
		.received_at = id};
	struct err e;
	struct mailbox_place place;
	OK(mailbox_deliver_tx(db, &d, &place, &e));
}

static void walk(struct sql *db, msg_id oldest, struct mailbox_mark mark, struct buf *out)
{
	AUTO(arena) struct arena a = {0};
	struct mailbox_recent m;
	struct err e;
	int r;
	buf_reset(out);
	while ((r = mailbox_next_recent(db, oldest, &mark, &a, &m, &e)) > 0)
		buf_printf(out, "%d/%d.%d ", (int)m.mark.account_id, (int)m.mark.queue_id,
			(int)m.mark.rcpt_idx);
	CHECK_INT(r, 0);
}

static void fill(struct sql *db)
{
	deliver(db, 8, "INBOX", 50, 0);
	deliver(db, 4, "INBOX", 30, 0);
	deliver(db, 4, "Junk", 20, 0);
	deliver(db, 4, "INBOX", 30, 1);
	deliver(db, 4, "INBOX", 10, 0);
	deliver(db, 12, "INBOX", 10, 0);
}

TEST(recent_mail_comes_in_order)
{
	AUTO(testdir) struct testdir d = testdir_make();
	AUTO(buf) struct buf out = BUF(1000);
	struct sql *db = open_shard(&d);
	fill(db);
	walk(db, 0, (struct mailbox_mark){0}, &out);
	CHECK_STR(buf_slice(&out), S("4/10.0 12/10.0 4/20.0 4/30.0 4/30.1 8/50.0 "));
	walk(db, 20, (struct mailbox_mark){0}, &out);
	CHECK_STR(buf_slice(&out), S("4/20.0 4/30.0 4/30.1 8/50.0 "));
	walk(db, 20, (struct mailbox_mark){4, 30, 0}, &out);
	CHECK_STR(buf_slice(&out), S("4/30.1 8/50.0 "));
	walk(db, 60, (struct mailbox_mark){0}, &out);
	CHECK_STR(buf_slice(&out), S(""));
	sql_close(db);
}

TEST(recent_mail_is_taken_once_and_counted)
{
	AUTO(testdir) struct testdir d = testdir_make();
	AUTO(arena) struct arena a = {0};
	struct sql *db = open_shard(&d);
	struct mailbox_mark mark = {4, 20, 0};
	struct mailbox_recent m;
	uint64_t bytes, n, bytes_before, before;
	struct err e;
	fill(db);
	OK(mailbox_usage(db, 4, &bytes_before, &before, &e));
	CHECK_INT(mailbox_next_recent(db, 0, &mark, &a, &m, &e), 1);
	CHECK_INT(m.size, 100 + m.prefix.n);
	OK(mailbox_take_tx(db, &m, &(struct mailbox_actor){.who = S("test")}, &e));
	CHECK_INT(mailbox_take_tx(db, &m, &(struct mailbox_actor){.who = S("test")}, &e), -1);
	CHECK_INT(e.kind, ERR_NOTFOUND);
	OK(mailbox_usage(db, 4, &bytes, &n, &e));
	CHECK_INT(before - n, 1);
	CHECK_INT(bytes_before - bytes, m.size);
	AUTO(buf) struct buf out = BUF(1000);
	walk(db, 0, (struct mailbox_mark){0}, &out);
	CHECK_STR(buf_slice(&out), S("4/10.0 12/10.0 4/20.0 4/30.1 8/50.0 "));
	sql_close(db);
}
