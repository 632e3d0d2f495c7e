/* Accounts that come back into another directory: other numbers, names that are gone, another secret of the server; steps that are carried out twice. */
#include "store/revive.h"

#include "base/mem.h"
#include "base/time.h"
#include "codec/totp.h"
#include "store/credential.h"
#include "store/directory_org.h"
#include "store/directory_testing.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

static const char secret_then[] = "a secret of thirty-two bytes....",
		  secret_now[] = "another one of thirty-two bytes.";

static struct credential_keys keys(const char *secret)
{
	struct credential_keys k;
	credential_keys_of((const unsigned char *)secret, &k);
	return k;
}

static void write_secret(const struct testdir *d, const char *secret)
{
	char path[600];
	snprintf(path, sizeof path, "%s/auth", d->path);
	mkdir(path, 0700);
	snprintf(path, sizeof path, "%s/auth/secret", d->path);
	AUTO(fd) int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	CHECK(fd >= 0 && write(fd, secret, CREDENTIAL_KEY) == CREDENTIAL_KEY);
}

static slice code_at(slice base32, int64_t wall, struct arena *a)
{
	AUTO(buf) struct buf raw = BUF(64);
	CHECK(base32_decode(&raw, base32));
	return arena_printf(
		a, "%06u", totp_code(buf_slice(&raw), (uint64_t)(wall / SECOND / TOTP_STEP_S)));
}

static const struct revive_item *find(const struct revive *v, enum revive_kind kind, slice name)
{
	for (size_t i = 0; i < v->nitems; i++)
		if (v->items[i].kind == kind && slice_eq(v->items[i].name, name))
			return &v->items[i];
	return NULL;
}

static bool came(const struct revive *v, enum revive_kind kind, const char *name)
{
	const struct revive_item *x = find(v, kind, slice_z(name));
	CHECK(x != NULL);
	return x && x->back;
}

/* bob@one.test with a class and a group of his own. */
static int64_t then_bob(struct place *then)
{
	struct err e;
	struct account bob;
	struct service_class class = {.name = S("gold"), .limits.services = SERVICE_ALL};
	OK(directory_class_add(then->db, &class, &e));
	OK(directory_class(then->db, S("gold"), &then->a, &class, &e));
	OK(directory_account_add(then->db, S("bob@one.test"), S("Bob"), S("long enough"), &e));
	OK(directory_account(then->db, S("bob@one.test"), &then->a, &bob, &e));
	struct account_draft d = {.account = bob, .field[FIELD_TITLE] = S("Director")};
	d.account.class_id = class.id;
	OK(directory_account_save(then->db, &d, &e));
	OK(directory_own_add(then->db, bob.id, S("b@two.test"), &e));
	OK(directory_own_add(then->db, bob.id, S("taken@two.test"), &e));
	OK(directory_group_add(then->db, S("all@one.test"), S(""), &e));
	struct mail_group g;
	OK(directory_group(then->db, S("all@one.test"), &then->a, &g, &e));
	OK(directory_group_put(
		then->db, g.id, &(struct member){.kind = MEMBER_ACCOUNT, .id = bob.id}, &e));
	return bob.id;
}

TEST(revive_into_another_directory)
{
	struct place *then = place(), *now = place();
	struct err e;
	struct account bob;
	int64_t then_id = then_bob(then);
	/* His number is somebody else's, and so is one of his addresses. */
	OK(directory_account_add(now->db, S("taken@two.test"), S(""), S("long enough"), &e));
	OK(directory_group_add(now->db, S("all@one.test"), S(""), &e));
	struct revive v = {
		.then = then->db, .now = now->db, .address = S("Bob@ONE.test"), .a = &now->a};
	OK(revive_begin(&v, &e));
	CHECK(v.id != then_id && v.then_id == then_id && !v.went_on);
	CHECK(!came(&v, REVIVE_CLASS, "gold"));
	CHECK(came(&v, REVIVE_ALIAS, "b@two.test"));
	CHECK(!came(&v, REVIVE_ALIAS, "taken@two.test"));
	CHECK(came(&v, REVIVE_GROUP, "all@one.test"));
	/* Not there before the end, and another run goes on. */
	FAILS(directory_account(now->db, v.address, &now->a, &bob, &e), ERR_NOTFOUND);
	struct revive more = {
		.then = then->db, .now = now->db, .address = S("bob@one.test"), .a = &now->a};
	OK(revive_begin(&more, &e));
	CHECK(more.went_on && more.id == v.id);
	OK(revive_finish(&more, &e));
	FAILS(revive_finish(&more, &e), ERR_NOTFOUND);
	OK(directory_account(now->db, v.address, &now->a, &bob, &e));
	CHECK(bob.id == v.id && bob.class_id == DIRECTORY_FIRST);
	slice field[FIELD_COUNT];
	OK(directory_account_fields(now->db, bob.id, &now->a, field, &e));
	CHECK(slice_eq(field[FIELD_TITLE], S("Director")));
	leave(then);
	leave(now);
}

TEST(revive_refusals)
{
	struct place *then = place(), *now = place();
	struct err e;
	int64_t then_id = then_bob(then);
	struct revive v = {
		.then = then->db, .now = now->db, .address = S("eve@one.test"), .a = &now->a};
	FAILS(revive_begin(&v, &e), ERR_NOTFOUND);
	v.address = S("bob@one.test");
	OK(directory_domain_remove(now->db, S("one.test"), &e));
	FAILS(revive_begin(&v, &e), ERR_NOTFOUND);
	directory_testing_domain(now->db, S("one.test"));
	OK(revive_begin(&v, &e));
	CHECK(v.id == then_id); /* it was free */
	OK(revive_finish(&v, &e));
	FAILS(revive_begin(&v, &e), ERR_EXISTS);
	OK(directory_account_delete(now->db, v.address, &e));
	FAILS(revive_begin(&v, &e), ERR_EXISTS);
	leave(then);
	leave(now);
}

/* Sealed for another number with another secret, a second factor goes on showing the same codes. */
TEST(revive_second_factor)
{
	struct place *then = place(), *now = place();
	struct err e;
	struct credential_keys was = keys(secret_then), is = keys(secret_now);
	struct credential c;
	struct sql *db, *new_db;
	slice secret, codes[FACTOR_CODES], app;
	int64_t t = 1790000000 * SECOND, then_id = then_bob(then), left;
	write_secret(&now->dir, secret_now);
	OK(credential_open(testdir_slice(&then->dir), &db, &e));
	OK(factor_begin(db, &was, then_id, &then->a, &secret, &e));
	OK(factor_confirm(db, &was, then_id, code_at(secret, t, &then->a), t, &then->a, codes, &e));
	OK(app_password_make(db, &was,
		&(struct app_password){
			.account_id = then_id, .label = S("phone"), .services = SERVICE_IMAP},
		&then->a, &app, &e));
	struct revive v = {.now = now->db, .a = &now->a, .then_id = then_id, .id = then_id + 50};
	for (int twice = 0; twice < 2; twice++)
		OK(revive_credentials(&v, db, testdir_slice(&now->dir), false, &was, &e));
	CHECK(came(&v, REVIVE_PASSWORD, "") && came(&v, REVIVE_FACTOR, ""));
	CHECK(!came(&v, REVIVE_APP_PASSWORD, "phone"));
	OK(credential_open(testdir_slice(&now->dir), &new_db, &e));
	OK(credential_get(new_db, v.id, &now->a, &c, &e));
	CHECK(c.factor && c.argon2.n);
	OK(factor_codes_left(new_db, v.id, &left, &e));
	CHECK_INT(left, 0);
	t += TOTP_STEP_S * SECOND;
	OK(factor_check(new_db, &is, v.id, code_at(secret, t, &now->a), t, &e));
	sql_close(new_db);
	/* With a secret that is not known it does not come. */
	struct revive blind = {
		.now = now->db, .a = &now->a, .then_id = then_id, .id = then_id + 51};
	OK(revive_credentials(&blind, db, testdir_slice(&now->dir), false, NULL, &e));
	CHECK(!came(&blind, REVIVE_FACTOR, ""));
	sql_close(db);
	leave(then);
	leave(now);
}
