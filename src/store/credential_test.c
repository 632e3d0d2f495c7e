/* What is stored in place of passwords: rules, history, passwords of programs, second factors, suspensions. */
#include "base/time.h"
#include "codec/totp.h"
#include "store/credential.h"
#include "store/directory.h"
#include "store/password.h"
#include "store/password_rule.h"
#include "store/store_testing.h"
#include <sys/stat.h>

static struct sql *open_in(const struct testdir *d)
{
	struct err e;
	struct sql *db;
	char path[128];
	snprintf(path, sizeof path, "%s/auth", d->path);
	CHECK(mkdir(path, 0700) == 0);
	OK(credential_open(testdir_slice(d), &db, &e));
	return db;
}

static const struct password_rule loose = {.minimum = 8, .classes = 1};

TEST(credential_rules)
{
	static const struct {
		struct password_rule rule;
		const char *password;
		bool fine;
	} t[] = {
		{{.minimum = 8, .classes = 1}, "correct horse", true},
		{{.minimum = 8, .classes = 1}, "short7!", false},
		{{.minimum = 8, .classes = 1}, "八个汉字已经够了", true},
		{{.minimum = 8, .classes = 3}, "correct horse", false},
		{{.minimum = 8, .classes = 3}, "Correct horse", true},
		{{.minimum = 8, .classes = 4}, "Correct horse", false},
		{{.minimum = 8, .classes = 1}, "Password123!", false},
		{{.minimum = 8, .classes = 1}, "passw0rd", false},
		{{.minimum = 8, .classes = 1, .common = true}, "Password123!", true},
		{{.minimum = 8, .classes = 1}, "woaini1314", false},
		{{.minimum = 8, .classes = 1}, "12345678", false},
		{{.minimum = 8, .classes = 1}, "hgfedcba", false},
		{{.minimum = 8, .classes = 1}, "aaaaaaaaab", false},
		{{.minimum = 8, .classes = 1}, "alice.wang", false},
		{{.minimum = 8, .classes = 1}, "Alice.Wang1", false},
		{{.minimum = 8, .classes = 1, .own_name = true}, "Alice.Wang1", true},
		{{.minimum = 8, .classes = 1}, "example1", false},
		{{.minimum = 4, .classes = 1}, "Alice12", false},
		{{.minimum = 8, .classes = 1}, "alice.wang is away today", true},
	};
	struct err e;
	for (size_t i = 0; i < sizeof t / sizeof *t; i++)
		if ((password_check(&t[i].rule, slice_z(t[i].password), S("alice.wang@example.org"),
			     S("Alice Wang"), &e) == 0) != t[i].fine)
			test_fail(__FILE__, __LINE__, "%s: %s", t[i].password,
				t[i].fine ? e.text : "taken");
}

TEST(credential_common_file)
{
	AUTO(testdir) struct testdir d = testdir_make();
	struct err e;
	char path[128];
	snprintf(path, sizeof path, "%s/common", d.path);
	FILE *f = fopen(path, "w");
	fputs("first one\r\nTr0ub4dor&3\nlast", f);
	fclose(f);
	struct password_rule r = {.minimum = 4, .classes = 1, .common_file = slice_z(path)};
	FAILS(password_check(&r, S("tr0ub4dor&3"), S("a@b.test"), S(""), &e), ERR_PROTO);
	FAILS(password_check(&r, S("first one"), S("a@b.test"), S(""), &e), ERR_PROTO);
	OK(password_check(&r, S("first two"), S("a@b.test"), S(""), &e));
	r.common_file = S("/nowhere/at/all");
	FAILS(password_check(&r, S("first two"), S("a@b.test"), S(""), &e), ERR_NOTFOUND);
}

TEST(credential_history_and_age)
{
	AUTO(testdir) struct testdir d = testdir_make();
	AUTO(arena) struct arena a = {0};
	struct sql *db = open_in(&d);
	struct err e;
	struct credential now;
	uint64_t v1, v2;
	struct password_rule r = {.minimum = 8, .classes = 1, .history = 2, .min_age = DAY};
	struct credential_change c = {
		.account_id = 7, .address = S("a@b.test"), .password = S("number one")};
	OK(credential_version(db, &v1, &e));
	OK(credential_change(db, &c, &r, &e));
	OK(credential_version(db, &v2, &e));
	CHECK(v2 > v1);
	FAILS(credential_change(db, &c, &r, &e), ERR_PROTO); /* the present one */
	c.password = S("number two");
	OK(credential_change(db, &c, &r, &e));
	c.password = S("number one");
	FAILS(credential_change(db, &c, &r, &e), ERR_PROTO);
	c.password = S("number three");
	c.by_owner = true;
	FAILS(credential_change(db, &c, &r, &e), ERR_PROTO); /* too soon */
	c.by_owner = false;
	c.must_change = true;
	OK(credential_change(db, &c, &r, &e));
	OK(credential_get(db, 7, &a, &now, &e));
	CHECK(now.must_change && password_verify(now.argon2, S("number three")));
	c = (struct credential_change){.account_id = 7,
		.address = S("a@b.test"),
		.password = S("number one"),
		.by_owner = true};
	OK(credential_change(db, &c, &r, &e)); /* long enough ago; who must change may at once */
	OK(credential_get(db, 7, &a, &now, &e));
	CHECK(!now.must_change && now.changed_at > 0);
	struct password_rule old = {.max_age = DAY};
	CHECK(!password_expired(&old, now.changed_at, now.changed_at + DAY - 1));
	CHECK(password_expired(&old, now.changed_at, now.changed_at + DAY));
	CHECK(!password_expired(&loose, now.changed_at, now.changed_at + 1000 * DAY));
	OK(credential_remove(testdir_slice(&d), 7, &e));
	OK(credential_get(db, 7, &a, &now, &e));
	CHECK(now.argon2.n == 0 && !now.factor && !now.suspended);
	sql_close(db);
}

TEST(credential_app_passwords)
{
	AUTO(testdir) struct testdir d = testdir_make();
	AUTO(arena) struct arena a = {0};
	struct sql *db = open_in(&d);
	struct credential_keys k, other;
	struct app_password found, *v;
	struct err e;
	slice text, second;
	size_t n;
	int64_t gone;
	bool still;
	credential_keys_of((const unsigned char *)"a secret of thirty-two bytes....", &k);
	credential_keys_of((const unsigned char *)"another one of thirty-two bytes.", &other);
	struct app_password app = {.account_id = 7, .label = S("phone"), .services = SERVICE_IMAP};
	OK(app_password_make(db, &k, &app, &a, &text, &e));
	CHECK_INT(text.n, 24);
	FAILS(app_password_make(db, &k, &app, &a, &second, &e), ERR_EXISTS);
	app.label = S("tablet");
	app.expires_at = 1000 * DAY;
	OK(app_password_make(db, &k, &app, &a, &second, &e));
	app.services = 0;
	app.label = S("x");
	FAILS(app_password_make(db, &k, &app, &a, &second, &e), ERR_PROTO);
	CHECK(app_password_shape(text) && !app_password_shape(S("correct horse 7")));
	OK(app_password_match(db, &k, 7, text, DAY, &a, &found, &e));
	CHECK_STR(found.label, S("phone"));
	AUTO(buf) struct buf typed = BUF(100); /* as people type it */
	for (size_t i = 0; i < text.n; i++)
		buf_byte(&typed, text.p[i] == '-' ? ' '
						  : (char)(text.p[i] >= 'a' && text.p[i] <= 'z'
								    ? text.p[i] - 32
								    : text.p[i]));
	OK(app_password_match(db, &k, 7, buf_slice(&typed), DAY, &a, &found, &e));
	FAILS(app_password_match(db, &k, 8, text, DAY, &a, &found, &e), ERR_NOTFOUND);
	FAILS(app_password_match(db, &other, 7, text, DAY, &a, &found, &e), ERR_NOTFOUND);
	OK(app_password_match(db, &k, 7, second, 1000 * DAY - 1, &a, &found, &e));
	int64_t id = found.id;
	FAILS(app_password_match(db, &k, 7, second, 1000 * DAY, &a, &found, &e), ERR_NOTFOUND);
	OK(app_password_still(db, 7, id, DAY, &still, &e));
	CHECK(still);
	OK(app_password_still(db, 7, id, 1001 * DAY, &still, &e));
	CHECK(!still);
	OK(app_password_still(db, 8, id, DAY, &still, &e));
	CHECK(!still);
	OK(app_password_list(db, 7, &a, &v, &n, &e));
	CHECK_INT(n, 2);
	FAILS(app_password_revoke(db, 7, S("nothing"), &gone, &e), ERR_NOTFOUND);
	OK(app_password_revoke(db, 7, S("phone"), &gone, &e));
	FAILS(app_password_match(db, &k, 7, text, DAY, &a, &found, &e), ERR_NOTFOUND);
	sql_close(db);
}

static slice code_at(slice base32, int64_t wall, struct arena *a)
{
	AUTO(buf) struct buf raw = BUF(64);
	CHECK(base32_decode(&raw, base32));
	return arena_printf(
		a, "%06u", totp_code(buf_slice(&raw), (uint64_t)(wall / SECOND / TOTP_STEP_S)));
}

TEST(credential_second_factor)
{
	AUTO(testdir) struct testdir d = testdir_make();
	AUTO(arena) struct arena a = {0};
	struct sql *db = open_in(&d);
	struct credential_keys k, other;
	struct credential now;
	struct err e;
	slice secret, codes[FACTOR_CODES];
	int64_t t = 1790000000 * SECOND, left;
	credential_keys_of((const unsigned char *)"a secret of thirty-two bytes....", &k);
	credential_keys_of((const unsigned char *)"another one of thirty-two bytes.", &other);
	FAILS(factor_check(db, &k, 7, S("123456"), t, &e), ERR_NOTFOUND);
	OK(factor_begin(db, &k, 7, &a, &secret, &e));
	OK(credential_get(db, 7, &a, &now, &e));
	CHECK(!now.factor); /* not before it is confirmed */
	FAILS(factor_check(db, &k, 7, code_at(secret, t, &a), t, &e), ERR_NOTFOUND);
	FAILS(factor_confirm(db, &k, 7, code_at(secret, t + 1000 * SECOND, &a), t, &a, codes, &e),
		ERR_DENIED);
	OK(factor_confirm(db, &k, 7, code_at(secret, t, &a), t, &a, codes, &e));
	OK(credential_get(db, 7, &a, &now, &e));
	CHECK(now.factor);
	FAILS(factor_check(db, &k, 7, code_at(secret, t, &a), t, &e),
		ERR_DENIED); /* used to confirm */
	OK(factor_check(
		db, &k, 7, code_at(secret, t + 30 * SECOND, &a), t, &e)); /* a clock that is fast */
	FAILS(factor_check(db, &k, 7, code_at(secret, t + 30 * SECOND, &a), t + 30 * SECOND, &e),
		ERR_DENIED);
	FAILS(factor_check(db, &k, 7, code_at(secret, t, &a), t + 30 * SECOND, &e),
		ERR_DENIED); /* older than one used */
	FAILS(factor_check(
		      db, &other, 7, code_at(secret, t + 90 * SECOND, &a), t + 90 * SECOND, &e),
		ERR_PERM);
	OK(factor_check(db, &k, 7, codes[3], t, &e));
	FAILS(factor_check(db, &k, 7, codes[3], t, &e), ERR_DENIED); /* once */
	FAILS(factor_check(db, &k, 7, S("abcde-fghjk"), t, &e), ERR_DENIED);
	OK(factor_codes_left(db, 7, &left, &e));
	CHECK_INT(left, FACTOR_CODES - 1);
	/* A row that was copied to another account is worthless. */
	CHECK(sql_begin(db, &e) == 0);
	CHECK(sql_run(db, &e,
		      "INSERT INTO second_factor SELECT 8, secret, fresh, confirmed_at, 0 FROM "
		      "second_factor WHERE account_id = 7",
		      "") == 1);
	CHECK(sql_commit(db, &e) == 0);
	FAILS(factor_check(db, &k, 8, code_at(secret, t + 90 * SECOND, &a), t + 90 * SECOND, &e),
		ERR_PERM);
	OK(factor_remove(db, 7, &e));
	FAILS(factor_remove(db, 7, &e), ERR_NOTFOUND);
	FAILS(factor_check(db, &k, 7, codes[4], t, &e), ERR_NOTFOUND);
	sql_close(db);
}

TEST(credential_suspension)
{
	AUTO(testdir) struct testdir d = testdir_make();
	AUTO(arena) struct arena a = {0};
	struct sql *db = open_in(&d);
	struct suspension s = {.account_id = 7, .at = 5, .by = S("auth"), .why = S("stolen")}, *v;
	struct credential now;
	struct err e;
	size_t n;
	OK(suspension_put(db, &s, &e));
	FAILS(suspension_put(db, &s, &e), ERR_EXISTS);
	OK(credential_get(db, 7, &a, &now, &e));
	CHECK(now.suspended);
	OK(suspension_list(db, &a, &v, &n, &e));
	CHECK(n == 1 && slice_eq(v[0].why, S("stolen")));
	OK(suspension_end(db, 7, &e));
	FAILS(suspension_end(db, 7, &e), ERR_NOTFOUND);
	sql_close(db);
}
