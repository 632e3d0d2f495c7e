/*
 * Accounts: making and changing them, with all their settings (directory_org.h). Passwords lie in
 * another database: a verifier is stored before the account is there for others.
 */
#include "base/mem.h"
#include "base/time.h"
#include "store/credential.h"
#include "store/directory_impl.h"
#include "store/password.h"
#include "store/sql_driver.h"

/* ---- words ---- */

const struct person_field_name person_fields[FIELD_COUNT] = {
	[FIELD_GIVEN_NAME] = {"given-name", "Given name", "名"},
	[FIELD_SURNAME] = {"surname", "Surname", "姓"},
	[FIELD_PINYIN] = {"pinyin", "Pinyin", "拼音"},
	[FIELD_NUMBER] = {"number", "Employee number", "工号"},
	[FIELD_TITLE] = {"title", "Title", "职务"},
	[FIELD_PHONE] = {"phone", "Phone", "电话"},
	[FIELD_MOBILE] = {"mobile", "Mobile", "手机"},
	[FIELD_FAX] = {"fax", "Fax", "传真"},
	[FIELD_OFFICE] = {"office", "Office", "办公室"},
	[FIELD_CITY] = {"city", "City", "城市"},
	[FIELD_ADDRESS] = {"postal-address", "Postal address", "通讯地址"},
	[FIELD_MANAGER] = {"manager", "Manager", "上级"},
	[FIELD_BIRTHDAY] = {"birthday", "Birthday", "生日"},
	[FIELD_NOTE] = {"note", "Note", "备注"},
};

static const char *const kind_names[] = {
	[ACCOUNT_PERSON] = "person",
	[ACCOUNT_SHARED] = "shared",
	[ACCOUNT_ROOM] = "room",
	[ACCOUNT_EQUIPMENT] = "equipment",
};

const char *account_kind_name(enum account_kind k)
{
	return k >= ACCOUNT_PERSON && k <= ACCOUNT_EQUIPMENT ? kind_names[k] : "?";
}

bool account_kind_parse(slice s, enum account_kind *ret)
{
	for (int k = ACCOUNT_PERSON; k <= ACCOUNT_EQUIPMENT; k++)
		if (slice_ieq(s, slice_z(kind_names[k]))) {
			*ret = (enum account_kind)k;
			return true;
		}
	return false;
}

uint64_t directory_own_or_class(int64_t own, uint64_t of_class)
{
	return own == 0 ? of_class : own < 0 ? 0 : (uint64_t)own;
}

/* ---- checks ---- */

bool directory_language_ok(slice s)
{
	for (size_t i = 0; i < s.n; i++) {
		char c = ascii_lower(s.p[i]);
		if (!((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-'))
			return false;
	}
	return s.n <= 35; /* RFC 5646 4.4.1 */
}

static int check_fields(const slice field[FIELD_COUNT], struct err *e)
{
	for (int f = 1; f < FIELD_COUNT; f++)
		if (field[f].n > DIRECTORY_FIELD_MAX || !directory_text_ok(field[f]))
			return err_set(e, ERR_PROTO,
				"%s must be one line of UTF-8, at most %d bytes",
				person_fields[f].key, DIRECTORY_FIELD_MAX);
	return 0;
}

static int check_draft(const struct account_draft *d, struct err *e)
{
	const struct account *v = &d->account;
	if (!directory_text_ok(v->name))
		return err_set(e, ERR_PROTO, "the display name must be one line of UTF-8");
	if (v->own_quota < DIRECTORY_UNLIMITED || v->own_quota_messages < DIRECTORY_UNLIMITED)
		return err_set(e, ERR_PROTO, "a quota that large is none");
	if ((v->services_on | v->services_off) & ~(unsigned)SERVICE_ALL)
		return err_set(e, ERR_PROTO, "no such service");
	if (v->services_on & v->services_off)
		return err_set(e, ERR_PROTO, "a service cannot be switched both on and off");
	if (!directory_language_ok(v->language))
		return err_set(e, ERR_PROTO, "not a language: %.*s", SFMT(v->language));
	return check_fields(d->field, e);
}

static int64_t class_of(const struct account *v)
{
	return v->class_id ? v->class_id : DIRECTORY_FIRST;
}

/* Class and department must be there, the department in the organisation of the domain. */
static int check_places(struct sql *db, const struct account *v, int64_t org_id, struct err *e)
{
	int64_t n = directory_number(
		db, e, "SELECT 1 FROM service_class WHERE id = $1", "i", class_of(v));
	if (n == 0)
		return err_set(e, ERR_NOTFOUND, "no such class");
	if (n > 0 && v->department_id) {
		n = directory_number(db, e,
			"SELECT 1 FROM department WHERE id = $1 AND org_id = $2", "ii",
			v->department_id, org_id);
		if (n == 0)
			return err_set(e, ERR_NOTFOUND,
				"no such department in the organisation of the domain");
	}
	return n < 0 ? -1 : 0;
}

/* Nobody leaves a class that is on hold. */
static int check_class_hold(struct sql *db, const struct account *v, struct err *e)
{
	int64_t was = directory_number(
		db, e, "SELECT class_id FROM account WHERE id = $1", "i", v->id);
	if (was < 0)
		return -1;
	return was == class_of(v) ? 0 : directory_not_held(db, RETENTION_CLASS, was, e);
}

/* ---- rows ---- */

static int put_fields(struct sql *db, int64_t id, const slice field[FIELD_COUNT], struct err *e)
{
	int64_t r = 0;
	for (int f = 1; f < FIELD_COUNT && r >= 0; f++) {
		if (!field[f].p)
			continue;
		if (field[f].n)
			r = sql_run(db, e,
				"INSERT INTO account_field (account_id, field, value)"
				" VALUES ($1, $2, $3) ON CONFLICT (account_id, field)"
				" DO UPDATE SET value = excluded.value",
				"iit", id, (int64_t)f, field[f]);
		else
			r = sql_run(db, e,
				"DELETE FROM account_field WHERE account_id = $1 AND field = $2",
				"ii", id, (int64_t)f);
	}
	return r < 0 ? -1 : 0;
}

static int64_t insert_account(struct sql *db, const struct account *v, const struct domain *d,
	slice address, struct err *e)
{
	struct sql_stmt *s = directory_query(db, e,
		"INSERT INTO account (domain_id, address, name, disabled, quota, created_at, kind,"
		" class_id, department_id, quota_messages, services_on, services_off, language,"
		" deleted_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, 0)"
		" RETURNING id",
		"ittiiiiiiiiit", d->id, address, v->name, (int64_t)v->disabled, v->own_quota,
		v->created_at ? v->created_at : wall_now(),
		(int64_t)(v->kind ? v->kind : ACCOUNT_PERSON), class_of(v), v->department_id,
		v->own_quota_messages, (int64_t)v->services_on, (int64_t)v->services_off,
		v->language);
	if (!s || sql_step(s, e) < 0)
		return -1;
	int64_t id = sql_int(s, 0);
	sql_reset(s);
	return id;
}

int directory_account_make_tx(
	struct sql *db, const struct account_draft *d, int64_t *ret_id, struct err *e)
{
	AUTO(arena) struct arena a = {0};
	struct directory_name n;
	struct domain domain;
	if (!directory_name(d->account.address, &a, &n))
		return err_set(e, ERR_PROTO, "not a mail address: %.*s", SFMT(d->account.address));
	if (check_draft(d, e) < 0 || directory_local_domain(db, n.address, &a, &domain, e) < 0 ||
		check_places(db, &d->account, domain.org_id, e) < 0 ||
		directory_not_taken(db, n.address, TAKEN_ACCOUNT | TAKEN_GROUP | TAKEN_ALIAS, e) <
			0)
		return -1;
	int64_t id = insert_account(db, &d->account, &domain, n.address, e);
	if (id < 0 || put_fields(db, id, d->field, e) < 0)
		return -1;
	*ret_id = id;
	return 0;
}

int directory_account_make(
	struct sql *db, const struct account_draft *d, int64_t *ret_id, struct err *e)
{
	int64_t id = 0;
	if (directory_begin(db, e) < 0)
		return -1;
	int r = directory_account_make_tx(db, d, &id, e);
	/* Before the account is there for others: no account is ever without its password. A row
	 * left behind by a crash here is replaced by the next account that gets this id. */
	if (r == 0 && d->password)
		r = credential_put(slice_z(db->dir), id, d->password, e);
	r = directory_end(db, r, e);
	if (r == 0)
		*ret_id = id;
	return r;
}

int directory_account_add(struct sql *db, slice address, slice name, slice password, struct err *e)
{
	AUTO(arena) struct arena a = {0};
	struct password p;
	int64_t id;
	struct directory_name n;
	if (!directory_name(address, &a, &n)) /* before a password is hashed */
		return err_set(e, ERR_PROTO, "not a mail address: %.*s", SFMT(address));
	if (password_make(password, &a, &p, e) < 0)
		return -1;
	return directory_account_make(db,
		&(struct account_draft){
			.account = {.address = address, .name = name}, .password = &p},
		&id, e);
}

int directory_account_save_tx(struct sql *db, const struct account_draft *d, struct err *e)
{
	const struct account *v = &d->account;
	int64_t org = directory_number(db, e,
		"SELECT domain.org_id FROM account JOIN domain ON domain.id = account.domain_id"
		" WHERE account.id = $1 AND account.deleted_at = 0",
		"i", v->id);
	if (org <= 0)
		return org < 0 ? -1
			       : err_set(e, ERR_NOTFOUND, "no such account: %.*s",
					 SFMT(v->address));
	if (check_draft(d, e) < 0 || check_places(db, v, org, e) < 0 ||
		check_class_hold(db, v, e) < 0)
		return -1;
	int64_t r = sql_run(db, e,
		"UPDATE account SET name = $2, disabled = $3, quota = $4, class_id = $5,"
		" department_id = $6, quota_messages = $7, services_on = $8, services_off = $9,"
		" language = $10 WHERE id = $1",
		"itiiiiiiit", v->id, v->name, (int64_t)v->disabled, v->own_quota, class_of(v),
		v->department_id, v->own_quota_messages, (int64_t)v->services_on,
		(int64_t)v->services_off, v->language);
	return r < 0 ? -1 : put_fields(db, v->id, d->field, e);
}

int directory_account_save(struct sql *db, const struct account_draft *d, struct err *e)
{
	if (directory_begin(db, e) < 0)
		return -1;
	int r = directory_account_save_tx(db, d, e);
	if (r == 0 && d->password)
		r = credential_put(slice_z(db->dir), d->account.id, d->password, e);
	return directory_end(db, r, e);
}

/* ---- single settings ---- */

int directory_account_disable(struct sql *db, slice address, bool disabled, struct err *e)
{
	AUTO(arena) struct arena a = {0};
	struct account account;
	if (sql_begin(db, e) < 0)
		return -1;
	int64_t r = directory_account(db, address, &a, &account, e);
	if (r == 0)
		r = sql_run(db, e, "UPDATE account SET disabled = $2 WHERE id = $1", "ii",
			account.id, (int64_t)disabled);
	return directory_end_change(db, r, e);
}

int directory_account_quota(struct sql *db, slice address, uint64_t bytes, struct err *e)
{
	AUTO(arena) struct arena a = {0};
	struct account account;
	if (bytes > INT64_MAX)
		return err_set(e, ERR_PROTO, "a quota that large is none");
	if (directory_begin(db, e) < 0)
		return -1;
	int64_t r = directory_account(db, address, &a, &account, e);
	if (r == 0)
		r = sql_run(db, e, "UPDATE account SET quota = $2 WHERE id = $1", "ii", account.id,
			bytes ? (int64_t)bytes : (int64_t)DIRECTORY_UNLIMITED);
	return directory_end(db, r, e);
}

int directory_password(struct sql *db, slice address, slice password, struct err *e)
{
	AUTO(arena) struct arena a = {0};
	struct account account;
	struct password p;
	if (password_make(password, &a, &p, e) < 0 || sql_begin(db, e) < 0)
		return -1;
	int64_t r = directory_account(db, address, &a, &account, e);
	if (r == 0)
		r = credential_put(slice_z(db->dir), account.id, &p, e);
	return directory_end_change(db, r, e);
}

int directory_account_fields(
	struct sql *db, int64_t account_id, struct arena *a, slice ret[FIELD_COUNT], struct err *e)
{
	struct sql_stmt *s = directory_query(db, e,
		"SELECT field, value FROM account_field WHERE account_id = $1", "i", account_id);
	int r = s ? 1 : -1;
	for (int f = 0; f < FIELD_COUNT; f++)
		ret[f] = (slice){0};
	while (r == 1 && (r = sql_step(s, e)) == 1) {
		int64_t f = sql_int(s, 0);
		if (f > 0 && f < FIELD_COUNT)
			ret[f] = arena_dup(a, sql_text(s, 1));
	}
	return r;
}
