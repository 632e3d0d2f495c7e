/* Scripts are kept, limited, found by whose mail they run over; faults and keys are remembered. */
#include "store/script.h"

#include "base/time.h"
#include "store/directory_org.h"
#include "store/directory_testing.h"
#include "store/mailbox.h"
#include "store/queue.h"

static struct sql *open_dir(const struct testdir *d, int64_t *ret_id)
{
	struct err e;
	struct sql *db = directory_testing_ann(d, ret_id);
	OK(directory_alias_add(db, S("info@here.test"), S("ann@here.test"), &e));
	return db;
}

TEST(names_of_scripts)
{
	struct err e;
	char long_one[200];
	memset(long_one, 'x', sizeof long_one);
	static const char *const bad[] = {
		"", "a/b", "a\nb", "\x7f", "\xff", "a\xe2\x80\xa8", "\xc2\x85"};
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
		FAILS(script_name_check(slice_z(bad[i]), &e), ERR_PROTO);
	FAILS(script_name_check(slice_of(long_one, 129), &e), ERR_PROTO);
	OK(script_name_check(slice_of(long_one, 128), &e));
	OK(script_name_check(S("过滤规则"), &e));
}

TEST(one_script_is_active)
{
	AUTO(testdir) struct testdir d = testdir_make();
	AUTO(arena) struct arena a = {0};
	struct script s, *v;
	struct err e;
	int64_t id;
	size_t n;
	bool any;
	struct sql *db = open_dir(&d, &id);
	struct script one = {.account_id = id, .name = S("one"), .text = S("keep;")};
	struct script two = {.account_id = id, .name = S("two"), .text = S("stop;")};
	OK(script_put(db, &one, &e));
	OK(script_put(db, &two, &e));
	OK(script_applies(db, id, &any, &e));
	CHECK(!any);
	FAILS(script_active(db, id, &a, &s, &e), ERR_NOTFOUND);
	FAILS(script_activate(db, id, S("three"), S("ann"), &e), ERR_NOTFOUND);
	OK(script_activate(db, id, S("one"), S("ann"), &e));
	OK(script_activate(db, id, S("two"), S("ann"), &e));
	OK(script_active(db, id, &a, &s, &e));
	CHECK_STR(s.name, S("two"));
	uint64_t version = s.version;
	two.text = S("discard;");
	OK(script_put(db, &two, &e));
	OK(script_active(db, id, &a, &s, &e));
	CHECK_STR(s.text, S("discard;"));
	CHECK(s.version > version);
	FAILS(script_remove(db, id, S("two"), &e), ERR_PERM);
	FAILS(script_remove(db, id, S("three"), &e), ERR_NOTFOUND);
	FAILS(script_rename(db, id, S("two"), S("one"), &e), ERR_EXISTS);
	OK(script_rename(db, id, S("two"), S("last"), &e));
	OK(script_remove(db, id, S("one"), &e));
	OK(script_list(db, id, &a, &v, &n, &e));
	CHECK(n == 1 && v[0].active && v[0].text.n == 0 && v[0].size == 8);
	OK(script_activate(db, id, S(""), S("ann"), &e));
	OK(script_applies(db, id, &any, &e));
	CHECK(!any);
	sql_close(db);
}

TEST(scripts_have_limits)
{
	AUTO(testdir) struct testdir d = testdir_make();
	AUTO(arena) struct arena a = {0};
	struct service_class class;
	enum script_room room;
	struct err e;
	int64_t id;
	struct sql *db = open_dir(&d, &id);
	OK(directory_class(db, S("standard"), &a, &class, &e));
	class.limits.sieve_scripts = 2;
	class.limits.sieve_bytes = 100;
	OK(directory_class_save(db, &class, &e));
	char text[101];
	memset(text, '#', sizeof text);
	struct script s = {.account_id = id, .name = S("a"), .text = slice_of(text, 60)};
	OK(script_put(db, &s, &e));
	OK(script_put(db, &s, &e)); /* its own place does not count twice */
	s.name = S("b");
	FAILS(script_put(db, &s, &e), ERR_LIMIT);
	s.text.n = 40;
	OK(script_put(db, &s, &e));
	OK(script_room(db, id, S("c"), 1, &room, &e));
	CHECK_INT(room, SCRIPT_TOO_MANY);
	OK(script_room(db, id, S("b"), 41, &room, &e));
	CHECK_INT(room, SCRIPT_TOO_LARGE);
	OK(script_room(db, id, S("b"), 40, &room, &e));
	CHECK_INT(room, SCRIPT_FITS);
	sql_close(db);
}

TEST(what_runs_and_what_it_includes)
{
	AUTO(testdir) struct testdir d = testdir_make();
	AUTO(arena) struct arena a = {0};
	struct domain domain;
	struct script_set set;
	struct err e;
	int64_t id;
	struct sql *db = open_dir(&d, &id);
	OK(directory_domain(db, S("here.test"), &a, &domain, &e));
	struct script v[] = {
		{.name = S("late"), .place = SCRIPT_AFTER, .scope = SCRIPT_ALL},
		{.name = S("late here"),
			.place = SCRIPT_AFTER,
			.scope = SCRIPT_DOMAIN,
			.scope_id = domain.id},
		{.name = S("here"),
			.place = SCRIPT_BEFORE,
			.scope = SCRIPT_DOMAIN,
			.scope_id = domain.id},
		{.name = S("all 2"), .place = SCRIPT_BEFORE, .scope = SCRIPT_ALL, .order = 2},
		{.name = S("all 1"),
			.place = SCRIPT_BEFORE,
			.scope = SCRIPT_ALL,
			.order = 1,
			.includes = S("global lib\n")},
		{.name = S("elsewhere"),
			.place = SCRIPT_BEFORE,
			.scope = SCRIPT_DOMAIN,
			.scope_id = domain.id + 1},
		{.name = S("lib"),
			.place = SCRIPT_LIBRARY,
			.scope = SCRIPT_ALL,
			.text = S("spamtest")},
	};
	for (size_t i = 0; i < sizeof v / sizeof *v; i++) {
		v[i].active = true;
		OK(script_system_put(db, &v[i], &e));
	}
	struct script own = {.account_id = id,
		.name = S("main"),
		.includes = S("own part\nglobal none\nown main\n")};
	struct script part = {
		.account_id = id, .name = S("part"), .includes = S("own main\nglobal lib\n")};
	OK(script_put(db, &own, &e));
	OK(script_put(db, &part, &e));
	OK(script_activate(db, id, S("main"), S("ann"), &e));
	OK(script_set_load(db, id, &a, &set, &e));
	static const char *const order[] = {"all 1", "all 2", "here", "main", "late here", "late"};
	CHECK_INT(set.nrun, 6);
	for (size_t i = 0; i < 6; i++)
		CHECK_STR(set.run[i].name, slice_z(order[i]));
	CHECK_INT(set.nincluded, 3); /* lib, part, main itself: once each */
	CHECK(set.system_spamtest && !set.spamtest);
	CHECK_STR(set.owner, S("ann@here.test"));
	CHECK_INT(set.nown, 2);
	sql_close(db);
}

TEST(faults_are_told_once_for_a_version)
{
	AUTO(testdir) struct testdir d = testdir_make();
	AUTO(arena) struct arena a = {0};
	struct script_fault f = {.account_id = 7,
		.script = S("main"),
		.version = 1,
		.line = 3,
		.en = S("no"),
		.zh = S("否"),
		.last_at = 1000};
	struct script_fault *v;
	struct sql *db;
	struct err e;
	size_t n;
	OK(sql_open(testdir_slice(&d), "queue", &db, &e));
	OK(sql_migrate(db, queue_migrations, queue_migrations_n, &e));
	CHECK_INT(script_fault_note_tx(db, &f, &e), 1);
	CHECK_INT(script_fault_note_tx(db, &f, &e), 0);
	f.version = 2;
	CHECK_INT(script_fault_note_tx(db, &f, &e), 1);
	f.version = 1; /* the old one again, from a queue that is slow */
	CHECK_INT(script_fault_note_tx(db, &f, &e), 1);
	for (int i = 0; i < SCRIPT_FAULTS_MAX + 5; i++) {
		f.script = arena_printf(&a, "s%d", i);
		f.last_at++;
		CHECK_INT(script_fault_note_tx(db, &f, &e), 1);
	}
	OK(script_faults(db, 7, &a, &v, &n, &e));
	CHECK_INT(n, SCRIPT_FAULTS_MAX);
	CHECK_STR(v[0].script, f.script);
	sql_close(db);
}

TEST(keys_are_remembered_by_others_than_oneself)
{
	AUTO(testdir) struct testdir d = testdir_make();
	struct mailbox_seen s = {.account_id = 4,
		.key = S("id\n<x@y>"),
		.now = 100 * SECOND,
		.until = 200 * SECOND,
		.queue_id = 5};
	struct sql *db;
	struct err e;
	OK(sql_open(testdir_slice(&d), mailbox_db_name(0), &db, &e));
	OK(sql_migrate(db, mailbox_migrations, mailbox_migrations_n, &e));
	CHECK_INT(mailbox_seen(db, &s, 0, &e), 0);
	OK(mailbox_seen_tx(db, &s, &e));
	CHECK_INT(mailbox_seen(db, &s, 0, &e), 0); /* the same delivery, made again */
	s.queue_id = 6;
	CHECK_INT(mailbox_seen(db, &s, 0, &e), 1);
	CHECK_INT(mailbox_seen(db, &s, 101 * SECOND, &e), 0); /* longer ago than asked */
	s.now = 200 * SECOND;
	CHECK_INT(mailbox_seen(db, &s, 0, &e), 0); /* forgotten */
	s.now = 150 * SECOND;
	s.account_id = 8;
	CHECK_INT(mailbox_seen(db, &s, 0, &e), 0);
	sql_close(db);
}
