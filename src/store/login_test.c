/* The log of logins: rows that are one, filters, places never seen, bans. */
#include "base/time.h"
#include "store/login.h"
#include "store/store_testing.h"
#include <sys/stat.h>

static struct sql *open_in(const struct testdir *d)
{
	struct err e;
	struct sql *db;
	char path[128];
	snprintf(path, sizeof path, "%s/auth", d->path);
	CHECK(mkdir(path, 0700) == 0);
	OK(login_open(testdir_slice(d), &db, &e));
	return db;
}

struct tally {
	size_t rows;
	int64_t times;
};

static bool count(void *arg, const struct login_row *r)
{
	struct tally *t = arg;
	t->rows++;
	t->times += r->times;
	return true;
}

static struct tally find(struct sql *db, struct login_filter f)
{
	struct tally t = {0};
	struct err e;
	if (!f.most)
		f.most = 100;
	OK(login_each(db, &f, count, &t, &e));
	return t;
}

TEST(login_log)
{
	AUTO(testdir) struct testdir d = testdir_make();
	struct sql *db = open_in(&d);
	struct err e;
	int64_t n;
	struct login_row r = {.at = 1000 * HOUR,
		.account_id = 1,
		.login = S("a@x.test"),
		.service = S("imap"),
		.ip = S("192.0.2.1"),
		.how = S("password"),
		.result = LOGIN_OK,
		.secure = true};
	OK(sql_begin(db, &e));
	for (int i = 0; i < 60; i++, r.at += MINUTE)
		OK(login_add_tx(db, &r, &e)); /* polls for an hour: one row */
	OK(login_add_tx(db, &r, &e)); /* the next hour */
	r.result = LOGIN_FAILED;
	OK(login_add_tx(db, &r, &e));
	r.login = S("b@x.test");
	r.ip = S("192.0.2.2");
	OK(login_add_tx(db, &r, &e));
	OK(sql_commit(db, &e));
	CHECK_INT(find(db, (struct login_filter){0}).rows, 4);
	CHECK_INT(find(db, (struct login_filter){0}).times, 63);
	CHECK_INT(find(db, (struct login_filter){.login = S("a@x.test")}).rows, 3);
	CHECK_INT(find(db, (struct login_filter){.login = S("a@x.test"), .result = LOGIN_OK}).times,
		61);
	CHECK_INT(find(db, (struct login_filter){.ip = S("192.0.2.2")}).rows, 1);
	CHECK_INT(find(db, (struct login_filter){.since = 1001 * HOUR}).rows, 3);
	CHECK_INT(find(db, (struct login_filter){.most = 2}).rows, 2);
	OK(login_trim(db, 1001 * HOUR, &n, &e));
	CHECK_INT(n, 1);
	OK(login_forget(db, 1, &e));
	CHECK_INT(find(db, (struct login_filter){0}).rows, 0);
	sql_close(db);
}

TEST(login_places)
{
	AUTO(testdir) struct testdir d = testdir_make();
	struct sql *db = open_in(&d);
	struct err e;
	bool fresh;
	int64_t since;
	OK(sql_begin(db, &e));
	OK(place_note_tx(db, 1, PLACE_NETWORK, S("192.0.2.0"), 100, &fresh, &since, &e));
	CHECK(!fresh && since == 100); /* the very first says nothing */
	OK(place_note_tx(db, 1, PLACE_NETWORK, S("192.0.2.0"), 200, &fresh, &since, &e));
	CHECK(!fresh);
	OK(place_note_tx(db, 1, PLACE_NETWORK, S("198.51.100.0"), 300, &fresh, &since, &e));
	CHECK(fresh && since == 100);
	OK(place_note_tx(db, 1, PLACE_COUNTRY, S("CN"), 300, &fresh, &since, &e));
	CHECK(!fresh); /* the first of its kind */
	OK(place_note_tx(db, 2, PLACE_NETWORK, S("203.0.113.0"), 300, &fresh, &since, &e));
	CHECK(!fresh && since == 300);
	OK(sql_commit(db, &e));
	OK(place_is_new(db, 1, 250, &fresh, &e));
	CHECK(fresh);
	OK(place_is_new(db, 1, 301, &fresh, &e));
	CHECK(!fresh);
	OK(place_is_new(db, 2, 0, &fresh, &e));
	CHECK(!fresh); /* its only one */
	OK(place_is_new(db, 3, 0, &fresh, &e));
	CHECK(!fresh);
	sql_close(db);
}

TEST(login_bans)
{
	AUTO(testdir) struct testdir d = testdir_make();
	AUTO(arena) struct arena a = {0};
	struct sql *db = open_in(&d);
	struct err e;
	struct ban *v;
	size_t n;
	uint64_t v1, v2;
	int64_t now = wall_now();
	OK(ban_version(db, &v1, &e));
	OK(ban_add(
		db, &(struct ban){S("192.0.2.0/24"), now, now + HOUR, S("me"), S("guessing")}, &e));
	OK(ban_add(db, &(struct ban){S("2001:db8::/32"), now, 0, S("me"), S("for good")}, &e));
	CHECK(ban_add(db, &(struct ban){S("nonsense"), now, 0, S("me"), S("")}, &e) < 0 &&
		e.kind == ERR_PROTO);
	OK(ban_version(db, &v2, &e));
	CHECK_INT(v2, v1 + 2);
	OK(ban_list(db, now, &a, &v, &n, &e));
	CHECK_INT(n, 2);
	OK(ban_list(db, now + HOUR, &a, &v, &n, &e));
	CHECK_INT(n, 1);
	OK(ban_remove(db, S("192.0.2.0/24"), &e));
	CHECK(ban_remove(db, S("192.0.2.0/24"), &e) < 0 && e.kind == ERR_NOTFOUND);
	sql_close(db);
}
