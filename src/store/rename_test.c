/* Addresses that change: every text that holds them, alone and together with others, once and twice. */
#include "store/rename.h"

#include "base/mem.h"
#include "store/credential.h"
#include "store/directory_impl.h"
#include "store/directory_testing.h"
#include "store/mailbox.h"
#include "store/maillist.h"
#include "store/queue.h"
#include "store/rename_impl.h"

/* ---- texts ---- */

static const struct {
	enum rename_form form;
	const char *from, *to; /* to NULL: stays */
} texts[] = {
	{RENAME_WHOLE, "ann@one.test", "eve@one.test"},
	{RENAME_WHOLE, "Ann@ONE.test", "eve@one.test"},
	{RENAME_WHOLE, "ann+lists@one.test", "eve+lists@one.test"},
	{RENAME_WHOLE, "joann@one.test", NULL},
	{RENAME_WHOLE, "ann@one.test.example", NULL},
	{RENAME_WHOLE, "", NULL},
	{RENAME_WHOLE, "bob@old.test", "bob@new.test"},
	{RENAME_WHOLE, "@old.test", "@new.test"},
	{RENAME_WHOLE, "bob@sub.old.test", NULL},
	{RENAME_WHOLE, "group all", NULL},
	{RENAME_LINES, "x@y.test\nann@one.test\nbob@old.test",
		"x@y.test\neve@one.test\nbob@new.test"},
	{RENAME_WORDS, "ann@one.test *", "eve@one.test *"},
	{RENAME_WORDS, "* other@one.test", NULL},
	{RENAME_RIGHTS, "-ann@one.test", "-eve@one.test"},
	{RENAME_RIGHTS, "group:all@old.test", "group:all@new.test"},
	{RENAME_RIGHTS, "-group:all@old.test", "-group:all@new.test"},
	{RENAME_RIGHTS, "anyone", NULL},
	{RENAME_FOLDER, "Other Users/ann@one.test/Work/ann@one.test",
		"Other Users/eve@one.test/Work/ann@one.test"},
	{RENAME_FOLDER, "Shared/info@old.test/INBOX", "Shared/info@new.test/INBOX"},
	{RENAME_FOLDER, "Work/ann@one.test", NULL},
	{RENAME_FOLDER, "Shared/ann@one.test", "Shared/eve@one.test"},
	{RENAME_SETTINGS, "footer=archive=ann@one.test\narchive=ann@one.test\nx=1\n",
		"footer=archive=ann@one.test\narchive=eve@one.test\nx=1\n"},
	{RENAME_SETTINGS, "footer=ann@one.test\n", NULL},
	{RENAME_DOMAIN, "old.test", "new.test"},
	{RENAME_DOMAIN, "one.test", NULL},
	{RENAME_WHOLE, "twice@one.test", "third@one.test"},
	{RENAME_WHOLE, "second@one.test", "third@one.test"},
};

TEST(rename_texts)
{
	static const struct rename v[] = {
		{1, S_INIT("ann@one.test"), S_INIT("eve@one.test"), 0, S_INIT("")},
		{2, S_INIT("@old.test"), S_INIT("@new.test"), 0, S_INIT("")},
		{3, S_INIT("twice@one.test"), S_INIT("second@one.test"), 0, S_INIT("")},
		{4, S_INIT("second@one.test"), S_INIT("third@one.test"), 0, S_INIT("")},
	};
	AUTO(arena) struct arena a = {0};
	struct rename_map m;
	rename_map_init(&m, v, 4, &a);
	for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
		slice from = slice_z(texts[i].from), to = from;
		bool changed = rename_text(&m, texts[i].form, from, &to);
		CHECK_INT(changed, texts[i].to != NULL);
		CHECK_STR(to, slice_z(texts[i].to ? texts[i].to : texts[i].from));
	}
	rename_map_done(&m);
}

/* ---- the directory ---- */

static int64_t make(struct place *p, slice address)
{
	struct err e;
	int64_t id = 0;
	struct account_draft d = {.account = {.address = address}};
	OK(directory_account_make(p->db, &d, &id, &e));
	return id;
}

static int64_t count(struct sql *db, const char *text)
{
	struct err e;
	return directory_number(db, &e, text, "");
}

static void run(struct sql *db, const char *text)
{
	struct err e;
	OK(sql_run(db, &e, text, "") < 0 ? -1 : 0);
}

static slice resolves(struct place *p, slice address)
{
	struct err e;
	struct rcpt_answer r;
	OK(directory_resolve(p->db, address, S(""), &p->a, &r, &e));
	return r.kind == RCPT_NO_SUCH_USER ? S("nobody") : r.ntargets ? r.targets[0] : S("mailbox");
}

TEST(rename_account_keeps_its_former_address)
{
	struct place *p = place();
	struct err e;
	struct account v;
	int64_t ann = make(p, S("ann@one.test")), bob = make(p, S("bob@one.test"));
	OK(directory_own_add(p->db, ann, S("a.m@two.test"), &e));
	OK(directory_own_add(p->db, ann, S("eve@one.test"), &e)); /* the new one, given before */
	OK(directory_alias_add(p->db, S("info@one.test"), S("ann@one.test"), &e));
	run(p->db, "INSERT INTO forward VALUES (2, 1, 1, 'x@y.test\nann@one.test', '', 0)");
	run(p->db, "INSERT INTO list_entry VALUES (1, 2, 'ann@one.test', 5, 'z@z.test', 0, 0, 0, "
		   "0, '', '')");
	run(p->db, "INSERT INTO digest_setting VALUES ('ann@one.test', 1, 0, 0, 0, 0, '', '', '', "
		   "'', 0, '')");
	run(p->db, "INSERT INTO digest_setting VALUES ('group g', 1, 0, 0, 0, 0, '', '', "
		   "'ann@one.test', 'ann@one.test @two.test', 0, '')");
	run(p->db, "INSERT INTO account_field VALUES (2, 12, 'ann@one.test')");
	run(p->db, "INSERT INTO maillist_role VALUES (1, 1, 'ann@one.test', 1)");
	int64_t lists = count(p->db, "SELECT version FROM meta WHERE id = 2");
	OK(directory_account_rename(
		p->db, S("ANN@one.test"), S("Eve@one.test"), true, S("admin"), &e));
	OK(directory_account_by_id(p->db, ann, &p->a, &v, &e));
	CHECK_STR(v.address, S("eve@one.test"));
	CHECK_STR(resolves(p, S("eve@one.test")), S("mailbox"));
	CHECK_STR(resolves(p, S("ann@one.test")), S("eve@one.test"));
	CHECK_STR(resolves(p, S("a.m@two.test")), S("eve@one.test"));
	CHECK_STR(resolves(p, S("info@one.test")), S("eve@one.test"));
	CHECK_INT(count(p->db, "SELECT COUNT(*) FROM alias WHERE account_id = 1"), 2);
	CHECK_INT(count(p->db,
			  "SELECT COUNT(*) FROM forward WHERE targets = 'x@y.test\neve@one.test'"),
		1);
	CHECK_INT(count(p->db, "SELECT COUNT(*) FROM list_entry WHERE scope = 'eve@one.test'"), 1);
	CHECK(count(p->db, "SELECT version FROM meta WHERE id = 2") > lists);
	CHECK_INT(
		count(p->db, "SELECT COUNT(*) FROM digest_setting WHERE name = 'eve@one.test'"), 1);
	CHECK_INT(count(p->db, "SELECT COUNT(*) FROM digest_setting WHERE send_to = 'eve@one.test' "
			       "AND covers = 'eve@one.test @two.test'"),
		1);
	CHECK_INT(
		count(p->db, "SELECT COUNT(*) FROM account_field WHERE value = 'eve@one.test'"), 1);
	CHECK_INT(count(p->db, "SELECT COUNT(*) FROM maillist_role WHERE address = 'eve@one.test'"),
		1);
	/* Taken, wrong, gone. */
	CHECK(directory_account_rename(
		      p->db, S("eve@one.test"), S("bob@one.test"), true, S(""), &e) < 0 &&
		e.kind == ERR_EXISTS);
	CHECK(directory_account_rename(
		      p->db, S("eve@one.test"), S("info@one.test"), true, S(""), &e) < 0 &&
		e.kind == ERR_EXISTS);
	CHECK(directory_account_rename(
		      p->db, S("eve@one.test"), S("eve@one.test"), true, S(""), &e) < 0 &&
		e.kind == ERR_EXISTS);
	CHECK(directory_account_rename(
		      p->db, S("eve@one.test"), S("eve@else.test"), true, S(""), &e) < 0 &&
		e.kind == ERR_NOTFOUND);
	CHECK(directory_account_rename(
		      p->db, S("no@one.test"), S("yes@one.test"), true, S(""), &e) < 0 &&
		e.kind == ERR_NOTFOUND);
	CHECK_INT(bob, 2);
	leave(p);
}

TEST(rename_waits_until_followed)
{
	struct place *p = place();
	struct err e;
	struct rename *v;
	size_t n;
	int64_t id;
	make(p, S("ann@one.test"));
	OK(directory_account_rename(
		p->db, S("ann@one.test"), S("eve@two.test"), false, S("admin"), &e));
	CHECK_STR(resolves(p, S("ann@one.test")), S("nobody"));
	struct account_draft d = {.account = {.address = S("ann@one.test")}};
	/* What still says ann elsewhere is eve's: nobody becomes ann meanwhile. */
	CHECK(directory_account_make(p->db, &d, &id, &e) < 0 && e.kind == ERR_TEMP);
	OK(rename_waiting(p->db, &p->a, &v, &n, &e));
	CHECK_INT(n, 1);
	CHECK_STR(v[0].to, S("eve@two.test"));
	OK(rename_done(p->db, v[0].id, &e));
	OK(rename_waiting(p->db, &p->a, &v, &n, &e));
	CHECK_INT(n, 0);
	OK(directory_account_make(p->db, &d, &id, &e));
	leave(p);
}

TEST(rename_domain_with_all_in_it)
{
	struct place *p = place();
	struct err e;
	int64_t ann = make(p, S("ann@one.test"));
	make(p, S("bob@two.test"));
	OK(directory_own_add(p->db, ann, S("am@one.test"), &e));
	OK(directory_alias_add(p->db, S("@one.test"), S("ann@one.test"), &e));
	OK(directory_alias_add(p->db, S("both@two.test"), S("ann@one.test"), &e));
	OK(directory_group_add(p->db, S("all@one.test"), S("All"), &e));
	OK(directory_domain_add(p->db,
		&(struct domain){
			.name = S("fresh.test"), .kind = DOMAIN_ALIAS, .stands_for = S("one.test")},
		&e));
	OK(directory_domain_add(p->db,
		&(struct domain){
			.name = S("more.test"), .kind = DOMAIN_ALIAS, .stands_for = S("one.test")},
		&e));
	CHECK(directory_domain_rename(p->db, S("one.test"), S("two.test"), true, S(""), &e) < 0 &&
		e.kind == ERR_EXISTS);
	CHECK(directory_domain_rename(p->db, S("more.test"), S("x.test"), true, S(""), &e) < 0 &&
		e.kind == ERR_PROTO);
	OK(directory_domain_rename(p->db, S("one.test"), S("fresh.test"), true, S(""), &e));
	CHECK_STR(resolves(p, S("ann@fresh.test")), S("mailbox"));
	CHECK_STR(resolves(p, S("am@fresh.test")), S("ann@fresh.test"));
	CHECK_STR(resolves(p, S("anybody@fresh.test")), S("ann@fresh.test"));
	CHECK_STR(resolves(p, S("both@two.test")), S("ann@fresh.test"));
	CHECK_INT(count(p->db, "SELECT COUNT(*) FROM account WHERE address LIKE '%@one.test'"), 0);
	CHECK_INT(
		count(p->db, "SELECT COUNT(*) FROM mailgroup WHERE address = 'all@fresh.test'"), 1);
	CHECK_INT(
		count(p->db,
			"SELECT COUNT(*) FROM domain WHERE kind = 3 AND stands_for = 'fresh.test'"),
		2);
	CHECK_STR(resolves(p, S("bob@two.test")), S("mailbox"));
	/* The former name still leads there. */
	struct rcpt_answer r;
	OK(directory_resolve(p->db, S("ann@one.test"), S(""), &p->a, &r, &e));
	CHECK_INT(r.account_id ? r.account_id : ann, ann);
	CHECK_INT(r.kind, RCPT_LOCAL);
	leave(p);
}

TEST(rename_does_not_end_a_hold)
{
	struct place *p = place();
	struct err e;
	int64_t ann = make(p, S("ann@one.test"));
	OK(directory_org_add(p->db, &(struct org){.name = S("other")}, &e));
	OK(directory_class_add(p->db, &(struct service_class){.name = S("plus")}, &e));
	run(p->db, "UPDATE domain SET org_id = 2 WHERE name = 'two.test'");
	OK(hold_set(p->db, &(struct hold){.name = S("case"), .scope = RETENTION_ORG, .scope_id = 1},
		&e));
	CHECK(directory_account_rename(
		      p->db, S("ann@one.test"), S("ann@two.test"), true, S(""), &e) < 0 &&
		e.kind == ERR_PERM);
	CHECK(directory_domain_move(p->db, S("one.test"), S("other"), &e) < 0 &&
		e.kind == ERR_PERM);
	OK(directory_account_rename(p->db, S("ann@one.test"), S("eve@one.test"), true, S(""), &e));
	OK(hold_release(p->db, S("case"), S(""), &e));
	OK(directory_domain_move(p->db, S("one.test"), S("other"), &e));
	OK(hold_set(p->db,
		&(struct hold){.name = S("class"), .scope = RETENTION_CLASS, .scope_id = 1}, &e));
	struct account_draft d = {0};
	OK(directory_account_by_id(p->db, ann, &p->a, &d.account, &e));
	d.account.name = S("Ann");
	OK(directory_account_save(p->db, &d, &e));
	d.account.class_id = 2;
	CHECK(directory_account_save(p->db, &d, &e) < 0 && e.kind == ERR_PERM);
	OK(hold_release(p->db, S("class"), S(""), &e));
	OK(directory_account_save(p->db, &d, &e));
	leave(p);
}

/* ---- other databases ---- */

static struct sql *open_db(
	struct place *p, const char *name, const struct sql_migration *m, size_t n)
{
	struct err e;
	struct sql *db;
	OK(sql_open(testdir_slice(&p->dir), name, &db, &e));
	OK(sql_migrate(db, m, n, &e));
	return db;
}

TEST(rename_followed_by_shards_queue_and_lists)
{
	struct place *p = place();
	struct err e;
	struct rename_map m;
	static const struct rename v = {
		1, S_INIT("ann@one.test"), S_INIT("eve@one.test"), 0, S_INIT("")};
	struct sql *shard =
		open_db(p, mailbox_db_name(1), mailbox_migrations, mailbox_migrations_n);
	struct sql *queue = open_db(p, "queue", queue_migrations, queue_migrations_n);
	struct sql *lists = open_db(p, MAILLIST_DB, maillist_migrations, maillist_migrations_n);
	run(shard, "INSERT INTO acl VALUES (9, 1, 'ann@one.test', 3), (9, 1, 'eve@one.test', 1), "
		   "(9, 2, '-ann@one.test', 7), (9, 2, 'joann@one.test', 7)");
	run(shard, "INSERT INTO subscription VALUES (5, 'Other Users/ann@one.test/Work'), (5, "
		   "'Work')");
	run(queue, "INSERT INTO suspension VALUES ('ann@one.test', 1, '', 0, 0, '')");
	run(queue, "INSERT INTO digest_due VALUES ('ann@one.test', 1, 1)");
	run(queue, "INSERT INTO held_rcpt VALUES (1, 0, 0, 0, 'ann@one.test', 'Ann@one.test', '', "
		   "0, '', 0, '', 0, '')");
	run(lists, "INSERT INTO maillist_member (list_id, address, name, state, digest, own, "
		   "joined_at) VALUES"
		   " (1, 'ann@one.test', '', 1, 0, 1, 0), (2, 'ann@one.test', '', 1, 0, 1, 0), (2, "
		   "'eve@one.test', '', 1, 0, 1, 0)");
	rename_map_init(&m, &v, 1, &p->a);
	for (int i = 0; i < 2; i++) /* whoever was killed does it again */
		OK(rename_follow(testdir_slice(&p->dir), &m, &e));
	rename_map_done(&m);
	CHECK_INT(count(shard, "SELECT COUNT(*) FROM acl"), 3);
	CHECK_INT(count(shard, "SELECT rights FROM acl WHERE who = 'eve@one.test'"), 3);
	CHECK_INT(count(shard, "SELECT COUNT(*) FROM acl WHERE who IN ('-eve@one.test', "
			       "'joann@one.test')"),
		2);
	CHECK_INT(count(shard, "SELECT COUNT(*) FROM subscription WHERE name = 'Other "
			       "Users/eve@one.test/Work'"),
		1);
	CHECK_INT(count(queue, "SELECT COUNT(*) FROM suspension WHERE who = 'eve@one.test'"), 1);
	CHECK_INT(count(queue, "SELECT COUNT(*) FROM digest_due WHERE name = 'eve@one.test'"), 1);
	CHECK_INT(count(queue, "SELECT COUNT(*) FROM held_rcpt WHERE rcpt_key = 'eve@one.test' AND "
			       "address = 'eve@one.test'"),
		1);
	CHECK_INT(
		count(lists, "SELECT COUNT(*) FROM maillist_member WHERE address = 'eve@one.test'"),
		2);
	CHECK_INT(count(lists, "SELECT COUNT(*) FROM maillist_member"), 2);
	sql_close(shard);
	sql_close(queue);
	sql_close(lists);
	leave(p);
}
