/* Which rule holds for a folder, and that a legal hold keeps what would end, until it is released. */
#include "base/time.h"
#include "store/directory_org.h"
#include "store/retention.h"
#include "store/store_testing.h"

static const struct retention_rule rules[] = {
	{.scope = RETENTION_ALL, .folder = S_INIT("*"), .days = 1000},
	{.scope = RETENTION_ALL, .folder = S_INIT("\\Trash"), .days = 30},
	{.scope = RETENTION_ALL, .folder = S_INIT("Work"), .days = 500},
	{.scope = RETENTION_ALL, .folder = S_INIT("Work/Keep"), .days = 0},
	{.scope = RETENTION_ORG, .scope_id = 5, .folder = S_INIT("*"), .days = 200},
	{.scope = RETENTION_CLASS, .scope_id = 6, .folder = S_INIT("\\Junk"), .days = 7},
	{.scope = RETENTION_ACCOUNT, .scope_id = 7, .folder = S_INIT("INBOX"), .days = 0},
};

TEST(retention_narrowest_rule)
{
	static const struct {
		struct retention_whom w;
		const char *folder;
		enum mailbox_use use;
		int64_t days;
	} v[] = {
		{{1, 1, 1}, "INBOX", 0, 1000},
		{{1, 1, 1}, "Bin", MAILBOX_USE_TRASH, 30},
		{{1, 1, 1}, "Work", 0, 500},
		{{1, 1, 1}, "Work/2026", 0, 500},
		{{1, 1, 1}, "Workshop", 0, 1000},
		{{1, 1, 1}, "Work/Keep/x", 0, 0},
		{{1, 1, 5}, "Work/Keep", 0, 200}, /* whom it is for counts first */
		{{1, 6, 5}, "Junk", MAILBOX_USE_JUNK, 7},
		{{7, 6, 5}, "INBOX", 0, 0},
		{{7, 6, 5}, "Other", 0, 200},
	};
	for (size_t i = 0; i < sizeof v / sizeof *v; i++) {
		struct mailbox_folder f = {.name = slice_z(v[i].folder), .use = v[i].use};
		CHECK_INT(retention_days(rules, sizeof rules / sizeof *rules, &v[i].w, &f),
			v[i].days);
	}
	struct mailbox_folder f = {.name = S("INBOX")};
	CHECK_INT(retention_days(NULL, 0, &v[0].w, &f), 0);
}

static struct sql *directory_of(const struct testdir *d)
{
	struct sql *db;
	struct err e;
	OK(sql_open(testdir_slice(d), "directory", &db, &e));
	OK(sql_migrate(db, directory_migrations, directory_migrations_n, &e));
	OK(directory_domain_add(
		db, &(struct domain){.name = S("one.test"), .kind = DOMAIN_LOCAL}, &e));
	OK(directory_account_add(db, S("ann@one.test"), S(""), S("correct horse 7"), &e));
	OK(directory_account_add(db, S("bob@one.test"), S(""), S("correct horse 7"), &e));
	return db;
}

TEST(retention_rules_are_kept)
{
	AUTO(testdir) struct testdir d = testdir_make();
	AUTO(arena) struct arena a = {0};
	struct sql *db = directory_of(&d);
	struct retention_rule *v;
	struct err e;
	size_t n;
	struct retention_rule r = {
		.scope = RETENTION_ALL, .folder = S("\\trash"), .days = 30, .set_by = S("x")};
	OK(retention_put(db, &r, &e));
	r.days = 40; /* instead of the one before */
	OK(retention_put(db, &r, &e));
	OK(retention_list(db, &a, &v, &n, &e));
	CHECK_INT(n, 1);
	CHECK_INT(v[0].days, 40);
	CHECK_STR(v[0].folder, S("\\Trash"));
	r.folder = S("\\Nonsense");
	CHECK_INT(retention_put(db, &r, &e), -1);
	CHECK_INT(e.kind, ERR_PROTO);
	r = (struct retention_rule){.scope = RETENTION_ACCOUNT, .folder = S("*"), .days = 3};
	CHECK_INT(retention_put(db, &r, &e), -1); /* of nobody */
	OK(retention_remove(db, v[0].id, &e));
	CHECK_INT(retention_remove(db, v[0].id, &e), -1);
	CHECK_INT(e.kind, ERR_NOTFOUND);
	sql_close(db);
}

static int64_t account_id(struct sql *db, slice address)
{
	AUTO(arena) struct arena a = {0};
	struct account v;
	struct err e;
	OK(directory_account(db, address, &a, &v, &e));
	return v.id;
}

static void deliver_and_remove(struct sql *shard, int64_t account)
{
	struct mailbox_place place;
	struct uidset gone = {0};
	uint64_t modseq;
	struct err e;
	const struct mailbox_delivery m = {.account_id = account,
		.folder = S("INBOX"),
		.blob = 1,
		.size = 10,
		.prefix = S(""),
		.received_at = 1,
		.keywords = S(""),
		.summary = S("")};
	OK(mailbox_deliver_tx(shard, &m, &place, &e));
	OK(mailbox_expunge_tx(
		shard, account, place.folder_id, NULL, false, NULL, &gone, &modseq, &e));
	CHECK_INT(gone.count, 1);
	uidset_done(&gone);
}

TEST(retention_hold_keeps_what_was_removed)
{
	AUTO(testdir) struct testdir d = testdir_make();
	struct sql *db = directory_of(&d), *shard;
	struct err e;
	const struct mailbox_ends all = {wall_now() + DAY, wall_now() + DAY, 0, 0};
	int64_t ann = account_id(db, S("ann@one.test")), ids[] = {ann};
	OK(sql_open(testdir_slice(&d), mailbox_db_name(mailbox_shard(ann)), &shard, &e));
	OK(sql_migrate(shard, mailbox_migrations, mailbox_migrations_n, &e));
	deliver_and_remove(shard, ann);
	OK(mailbox_hold_tx(shard, ids, 1, false, &e));
	CHECK_INT(mailbox_on_hold(shard, ann, &e), 1);
	CHECK_INT(mailbox_removed_ends(shard, &all, &e), 0);
	CHECK_INT(mailbox_removed_end_tx(shard, &all, &e), 0);
	OK(mailbox_hold_tx(shard, NULL, 0, false, &e)); /* who knows too little lets nobody go */
	CHECK_INT(mailbox_removed_ends(shard, &all, &e), 0);
	OK(mailbox_hold_tx(shard, NULL, 0, true, &e));
	CHECK_INT(mailbox_removed_ends(shard, &all, &e), 1);
	CHECK(mailbox_removed_end_tx(shard, &all, &e) > 0);
	sql_close(shard);
	sql_close(db);
}

TEST(retention_hold_has_its_accounts)
{
	AUTO(testdir) struct testdir d = testdir_make();
	AUTO(arena) struct arena a = {0};
	struct sql *db = directory_of(&d);
	struct account gone;
	struct err e;
	int64_t *ids, before, after, ann = account_id(db, S("ann@one.test")),
				     bob = account_id(db, S("bob@one.test"));
	size_t n;
	struct hold h = {.name = S("case"),
		.scope = RETENTION_ACCOUNT,
		.scope_id = ann,
		.reason = S(""),
		.set_by = S("x")};
	OK(hold_version(db, &before, &e));
	OK(hold_set(db, &h, &e));
	CHECK_INT(hold_set(db, &h, &e), -1);
	CHECK_INT(e.kind, ERR_EXISTS);
	OK(hold_version(db, &after, &e));
	CHECK(before != after);
	CHECK_INT(hold_on(db, ann, &e), 1);
	CHECK_INT(hold_on(db, bob, &e), 0);
	/* Deleted, it stays. */
	OK(directory_account_delete(db, S("ann@one.test"), &e));
	OK(directory_account_delete(db, S("bob@one.test"), &e));
	CHECK_INT(directory_next_deleted(db, wall_now() + DAY, &a, &gone, &e), 1);
	CHECK_INT(gone.id, bob);
	OK(hold_accounts(db, &a, &ids, &n, &e));
	CHECK(n == 1 && ids[0] == ann);
	OK(hold_release(db, S("case"), S("y"), &e));
	CHECK_INT(hold_release(db, S("case"), S("y"), &e), -1);
	CHECK_INT(hold_on(db, ann, &e), 0);
	h = (struct hold){
		.name = S("all"), .scope = RETENTION_ALL, .reason = S(""), .set_by = S("x")};
	OK(hold_set(db, &h, &e));
	OK(hold_accounts(db, &a, &ids, &n, &e));
	CHECK_INT(n, 2);
	sql_close(db);
}
