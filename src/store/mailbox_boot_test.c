/* Numbers of changes after the machine was started anew. */
#include "base/mem.h"
#include "store/mailbox.h"
#include "store/store.h"
#include "store/store_testing.h"

#include <fcntl.h>
#include <unistd.h>

static uint64_t deliver(const struct testdir *d, int64_t account)
{
	struct err e;
	struct sql *db;
	struct mailbox_place place;
	const struct mailbox_delivery m = {
		.account_id = account, .folder = S("INBOX"), .blob = 1, .size = 10};
	OK(sql_open(testdir_slice(d), mailbox_db_name(mailbox_shard(account)), &db, &e));
	OK(sql_begin(db, &e));
	OK(mailbox_deliver_tx(db, &m, &place, &e));
	OK(sql_commit(db, &e));
	sql_close(db);
	return place.modseq;
}

static void other_boot(const struct testdir *d)
{
	AUTO(arena) struct arena a = {0};
	slice path = arena_printf(&a, "%.*s/db/boot", SFMT(testdir_slice(d)));
	AUTO(fd) int fd = open(arena_strz(&a, path), O_WRONLY | O_TRUNC);
	CHECK(write(fd, "another\n", 8) == 8);
}

TEST(mailbox_numbers_of_a_lost_second_are_not_given_again)
{
	AUTO(testdir) struct testdir d = testdir_make();
	struct err e;
	uint64_t seq[3];
	if (access("/proc/sys/kernel/random/boot_id", R_OK) < 0)
		return;
	OK(store_prepare(testdir_slice(&d), &e));
	for (int64_t account = 1; account <= 3; account++)
		seq[account - 1] = deliver(&d, account);
	OK(store_prepare(testdir_slice(&d), &e)); /* the same boot: as if nothing had been */
	CHECK_INT(deliver(&d, 1), seq[0] + 1);
	other_boot(&d);
	OK(store_prepare(testdir_slice(&d), &e));
	CHECK(deliver(&d, 1) > seq[0] + 1000000);
	CHECK(deliver(&d, 2) > seq[1] + 1000000);
	uint64_t now = deliver(&d, 3);
	CHECK(now > seq[2] + 1000000);
	OK(store_prepare(testdir_slice(&d), &e)); /* once a boot */
	CHECK_INT(deliver(&d, 3), now + 1);
}

static int64_t number(const struct testdir *d, int64_t account, const char *query)
{
	struct err e;
	struct sql *db;
	OK(sql_open(testdir_slice(d), mailbox_db_name(mailbox_shard(account)), &db, &e));
	struct sql_stmt *s = sql_prepare(db, query, &e);
	CHECK(s && sql_step(s, &e) == 1);
	int64_t n = sql_int(s, 0);
	sql_reset(s);
	sql_close(db);
	return n;
}

/* What came after the backup is known to mail programs alone. */
TEST(mailbox_numbers_since_a_restored_backup_are_not_given_again)
{
	AUTO(testdir) struct testdir d = testdir_make();
	AUTO(arena) struct arena a = {0};
	struct err e;
	OK(store_prepare(testdir_slice(&d), &e));
	uint64_t seq = deliver(&d, 1);
	int64_t email = number(&d, 1, "SELECT MAX(id) FROM email");
	slice path = arena_printf(&a, "%.*s/db/" MAILBOX_RESTORED, SFMT(testdir_slice(&d)));
	close(open(arena_strz(&a, path), O_WRONLY | O_CREAT, 0600));
	OK(store_prepare(testdir_slice(&d), &e));
	CHECK(access(arena_strz(&a, path), F_OK) < 0);
	/* all of it has changed, and nobody may ask what left before */
	int64_t changed = number(&d, 1, "SELECT MIN(modseq) FROM message");
	CHECK(changed > (int64_t)seq + 1000000);
	CHECK_INT(number(&d, 1, "SELECT modseq FROM folder WHERE name = 'INBOX'"), changed);
	CHECK_INT(number(&d, 1, "SELECT removed_floor FROM folder WHERE name = 'INBOX'"), changed);
	CHECK_INT((int64_t)deliver(&d, 1), changed + 1);
	CHECK(number(&d, 1, "SELECT MAX(uid) FROM message") > 1000000);
	CHECK(number(&d, 1, "SELECT MAX(id) FROM email") > email + 1000000);
	OK(store_prepare(testdir_slice(&d), &e)); /* once */
	CHECK_INT((int64_t)deliver(&d, 1), changed + 2);
}
