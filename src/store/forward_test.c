/* What accounts want done with their mail: checked, kept, seen by servers, gone with the account. */
#include "store/forward.h"

#include "base/time.h"
#include "run/co.h"
#include "run/loop.h"
#include "run/pool.h"
#include "store/directory_testing.h"
#include "store/queue.h"

static struct sql *open_dir(const struct testdir *d, int64_t *ret_id)
{
	struct err e;
	struct sql *db = directory_testing_ann(d, ret_id);
	OK(directory_account_add(db, S("bob@here.test"), S("Bob"), S("long enough"), &e));
	OK(directory_alias_add(db, S("info@here.test"), S("ann@here.test"), &e));
	return db;
}

TEST(forwards_are_checked)
{
	AUTO(testdir) struct testdir d = testdir_make();
	AUTO(arena) struct arena a = {0};
	struct err e;
	int64_t id;
	struct sql *db = open_dir(&d, &id);
	static const struct {
		slice target;
		enum err_kind want;
	} bad[] = {{S_INIT("nobody"), ERR_PROTO}, {S_INIT("Ann@HERE.test"), ERR_PROTO},
		{S_INIT("info@here.test"), ERR_PROTO}, {S_INIT("ann+x@here.test"), ERR_PROTO}};
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		slice target = bad[i].target;
		struct forwarding f = {.account_id = id, .targets = &target, .ntargets = 1};
		FAILS(forwarding_set(db, &f, &e), bad[i].want);
	}
	slice many[FORWARD_TARGETS_MAX + 1];
	for (int i = 0; i <= FORWARD_TARGETS_MAX; i++)
		many[i] = arena_printf(&a, "x%d@far.test", i);
	struct forwarding f = {
		.account_id = id, .targets = many, .ntargets = FORWARD_TARGETS_MAX + 1};
	FAILS(forwarding_set(db, &f, &e), ERR_LIMIT);
	f.ntargets = 0;
	FAILS(forwarding_set(db, &f, &e), ERR_PROTO);
	FAILS(forwarding_get(db, id, &a, &f, &e), ERR_NOTFOUND);
	FAILS(forwarding_remove(db, id, &e), ERR_NOTFOUND);
	sql_close(db);
}

TEST(forwards_are_kept_and_listed)
{
	AUTO(testdir) struct testdir d = testdir_make();
	AUTO(arena) struct arena a = {0};
	struct err e;
	int64_t id;
	struct sql *db = open_dir(&d, &id);
	struct forwarding_row *rows;
	size_t n;
	slice targets[] = {S("Bob@Here.test"), S("x@FAR.test"), S("x@far.test")};
	struct forwarding got, f = {.account_id = id,
				       .enabled = true,
				       .keep = true,
				       .targets = targets,
				       .ntargets = 1,
				       .set_by = S("ann@here.test"),
				       .set_at = 7};
	OK(forwarding_set(db, &f, &e));
	OK(forwarding_list(db, S("here.test"), &a, &rows, &n, &e));
	CHECK(n == 1 && !rows[0].outside);
	f.ntargets = 3;
	f.keep = false;
	OK(forwarding_set(db, &f, &e));
	OK(forwarding_get(db, id, &a, &got, &e));
	CHECK_INT(got.ntargets, 2);
	CHECK_STR(got.targets[0], S("bob@here.test"));
	CHECK_STR(got.targets[1], S("x@far.test"));
	CHECK(got.enabled && !got.keep && got.set_at == 7);
	CHECK_STR(got.set_by, S("ann@here.test"));
	OK(forwarding_list(db, S(""), &a, &rows, &n, &e));
	CHECK(n == 1 && rows[0].outside);
	CHECK_STR(rows[0].address, S("ann@here.test"));
	OK(forwarding_list(db, S("far.test"), &a, &rows, &n, &e));
	CHECK_INT(n, 0);
	OK(directory_alias_remove(db, S("info@here.test"), S(""), &e));
	OK(directory_account_remove(db, S("ann@here.test"), &e));
	FAILS(forwarding_get(db, id, &a, &got, &e), ERR_NOTFOUND);
	sql_close(db);
}

TEST(automatic_answers_are_checked_and_kept)
{
	AUTO(testdir) struct testdir d = testdir_make();
	AUTO(arena) struct arena a = {0};
	struct err e;
	int64_t id;
	struct sql *db = open_dir(&d, &id);
	struct autoreply got, r = {.account_id = id,
				      .enabled = true,
				      .subject = S("Away"),
				      .text = S("Back on Monday.\n"),
				      .from_at = 10,
				      .until_at = 20,
				      .days = 3};
	OK(autoreply_set(db, &r, &e));
	OK(autoreply_get(db, id, &a, &got, &e));
	CHECK_STR(got.text, r.text);
	CHECK(!autoreply_is_due(&got, 9) && autoreply_is_due(&got, 10) &&
		autoreply_is_due(&got, 19));
	CHECK(!autoreply_is_due(&got, 20));
	struct autoreply bad = r;
	bad.subject = S("two\nlines");
	FAILS(autoreply_set(db, &bad, &e), ERR_PROTO);
	bad = r;
	bad.text = S(" \n");
	FAILS(autoreply_set(db, &bad, &e), ERR_PROTO);
	bad.text = S("\xff");
	FAILS(autoreply_set(db, &bad, &e), ERR_PROTO);
	bad = r;
	bad.days = 0;
	FAILS(autoreply_set(db, &bad, &e), ERR_LIMIT);
	bad = r;
	bad.until_at = 10;
	FAILS(autoreply_set(db, &bad, &e), ERR_PROTO);
	OK(autoreply_remove(db, id, &e));
	FAILS(autoreply_remove(db, id, &e), ERR_NOTFOUND);
	sql_close(db);
}

TEST(one_sender_is_answered_once_in_a_while)
{
	AUTO(testdir) struct testdir d = testdir_make();
	struct err e;
	struct sql *db;
	OK(sql_open(testdir_slice(&d), "queue", &db, &e));
	OK(sql_migrate(db, queue_migrations, queue_migrations_n, &e));
	CHECK_INT(autoreply_note_tx(db, 1, S("a@far.test"), 1000, 100, &e), 1);
	CHECK_INT(autoreply_note_tx(db, 1, S("a@far.test"), 1099, 100, &e), 0);
	CHECK_INT(autoreply_note_tx(db, 1, S("b@far.test"), 1099, 100, &e), 1);
	CHECK_INT(autoreply_note_tx(db, 2, S("a@far.test"), 1099, 100, &e), 1);
	CHECK_INT(autoreply_note_tx(db, 1, S("a@far.test"), 1100, 100, &e), 1);
	CHECK_INT(autoreply_note_tx(db, 1, S("a@far.test"), 900, 100, &e),
		1); /* the clock was set back */
	CHECK_INT(autoreply_note_tx(
			  db, 1, S("c@far.test"), 1100 + (AUTOREPLY_DAYS_MAX + 1) * DAY, 100, &e),
		1);
	sql_close(db);
}

static void watch(void *arg)
{
	AUTO(arena) struct arena a = {0};
	const struct testdir *d = arg;
	struct delivery_wishes w;
	struct directory *view;
	struct err e;
	int64_t id;
	struct sql *db = open_dir(d, &id);
	OK(directory_open(testdir_slice(d), &view, &e));
	OK(directory_get_wishes(view, id, &a, &w, &e));
	CHECK(!w.forwarding && !w.autoreply);
	slice target = S("x@far.test");
	struct forwarding f = {
		.account_id = id, .enabled = true, .targets = &target, .ntargets = 1};
	struct autoreply r = {.account_id = id, .enabled = true, .text = S("Away"), .days = 1};
	OK(forwarding_set(db, &f, &e));
	OK(autoreply_set(db, &r, &e));
	OK(co_sleep(instant_in(1100 * MSEC), &e));
	for (int i = 0; i < 2; i++) { /* from the database, from memory */
		OK(directory_get_wishes(view, id, &a, &w, &e));
		CHECK(w.forwarding && w.autoreply);
		CHECK_STR(w.forwarding->targets[0], target);
		CHECK_STR(w.autoreply->text, S("Away"));
		CHECK_STR(w.address, S("ann@here.test"));
		CHECK_STR(w.name, S("Ann"));
	}
	f.enabled = false;
	OK(forwarding_set(db, &f, &e));
	OK(co_sleep(instant_in(1100 * MSEC), &e));
	OK(directory_get_wishes(view, id, &a, &w, &e));
	CHECK(!w.forwarding && w.autoreply);
	directory_close(view);
	sql_close(db);
	loop_stop();
}

TEST(servers_see_what_accounts_want)
{
	AUTO(testdir) struct testdir d = testdir_make();
	loop_init();
	pool_init(1);
	co_go("watch", watch, &d);
	loop_run();
	pool_done();
	loop_done();
}
