/*
 * Accounts that go: at once, or deleted first and recovered or purged later. Section [directory].
 * Mail in their mailboxes is the caller's matter (bin/keeper_deleted.c, bin/cli_account.c).
 */
#include "base/mem.h"
#include "base/time.h"
#include "store/credential.h"
#include "store/directory_impl.h"
#include "store/list.h"
#include "store/sql_driver.h"

static const struct conf_key directory_keys[] = {
	CONF_KEY_DURATION(struct directory_conf, keep_deleted, "30d", 0, 3650 * DAY,
		"An account that was deleted can be recovered for so long; then it goes with its "
		"mail.",
		"删除的帐号在此期间可以恢复；之后连同邮件永久删除。"),
	CONF_END};
const struct conf_section directory_section = {.name = "directory",
	.keys = directory_keys,
	.size = sizeof(struct directory_conf),
	.doc_en = "Accounts and what belongs to them.",
	.doc_zh = "帐号及其附属信息。"};

/* ERR_PERM while an alias that is not its own leads to it. */
static int not_wanted(struct sql *db, const struct account *v, struct err *e)
{
	struct sql_stmt *s = directory_query(db, e,
		"SELECT address FROM alias WHERE target = $1 AND account_id <> $2 LIMIT 1", "ti",
		v->address, v->id);
	int r = s ? sql_step(s, e) : -1;
	if (r <= 0)
		return r;
	slice alias = sql_text(s, 0);
	err_set(e, ERR_PERM, "the alias %.*s still leads to it", SFMT(alias));
	sql_reset(s);
	return -1;
}

int directory_account_may_go(struct sql *db, slice address, struct err *e)
{
	AUTO(arena) struct arena a = {0};
	struct account account;
	return directory_account(db, address, &a, &account, e) < 0 ? -1
								   : not_wanted(db, &account, e);
}

/* All that belongs to it in this database. */
static int64_t remove_rows(struct sql *db, const struct account *v, struct err *e)
{
	static const char *const by_id[] = {
		"DELETE FROM account_field WHERE account_id = $1",
		"DELETE FROM forward WHERE account_id = $1",
		"DELETE FROM autoreply WHERE account_id = $1",
		"DELETE FROM script WHERE account_id = $1",
		"DELETE FROM retention WHERE scope = 4 AND scope_id = $1",
		"DELETE FROM alias WHERE account_id = $1",
		"DELETE FROM mailgroup_member WHERE kind = 1 AND member_id = $1",
		"DELETE FROM shared_member WHERE kind = 1 AND member_id = $1",
		"DELETE FROM shared_member WHERE account_id = $1",
	};
	int64_t n = 0, r;
	for (size_t i = 0; i < sizeof by_id / sizeof *by_id && n >= 0; i++)
		n = sql_run(db, e, by_id[i], "i", v->id);
	if (n >= 0) {
		r = n = sql_run(db, e, "DELETE FROM list_entry WHERE level = $1 AND scope = $2",
			"it", (int64_t)LISTS_USER, v->address);
		if (r > 0)
			n = sql_run(
				db, e, "UPDATE meta SET version = version + 1 WHERE id = 2", "");
	}
	if (n >= 0) {
		r = n = sql_run(
			db, e, "DELETE FROM digest_setting WHERE name = $1", "t", v->address);
		if (r > 0)
			n = sql_run(
				db, e, "UPDATE meta SET version = version + 1 WHERE id = 3", "");
	}
	return n < 0 ? -1 : sql_run(db, e, "DELETE FROM account WHERE id = $1", "i", v->id);
}

/* A crash between the two leaves an account without password, which can be removed again. */
static int remove_account(struct sql *db, const struct account *v, bool password, struct err *e)
{
	int64_t r = remove_rows(db, v, e);
	return r > 0 && password ? credential_remove(slice_z(db->dir), v->id, e) : (int)r;
}

int directory_account_remove(struct sql *db, slice address, struct err *e)
{
	AUTO(arena) struct arena a = {0};
	struct account account;
	if (sql_begin(db, e) < 0)
		return -1;
	int r = directory_account(db, address, &a, &account, e);
	if (r == 0)
		r = not_wanted(db, &account, e);
	if (r == 0)
		r = remove_account(db, &account, true, e);
	return directory_end_change(db, r, e);
}

/* ---- deleted first ---- */

int directory_account_delete(struct sql *db, slice address, struct err *e)
{
	AUTO(arena) struct arena a = {0};
	struct account account;
	if (sql_begin(db, e) < 0)
		return -1;
	int64_t r = directory_account(db, address, &a, &account, e);
	if (r == 0)
		r = not_wanted(db, &account, e);
	if (r == 0)
		r = sql_run(db, e, "UPDATE account SET deleted_at = $2 WHERE id = $1", "ii",
			account.id, wall_now());
	return directory_end_change(db, r, e);
}

static int one_account(struct sql_stmt *s, struct arena *a, struct account *ret, struct err *e)
{
	int r = s ? sql_step(s, e) : -1;
	if (r == 1) {
		*ret = directory_read_account(s, a);
		sql_reset(s);
	}
	return r;
}

int directory_deleted(
	struct sql *db, slice address, struct arena *a, struct account *ret, struct err *e)
{
	slice key;
	int r = 0;
	if (directory_canonical(address, a, &key))
		r = one_account(directory_query(db, e,
					"SELECT " ACCOUNT_COLUMNS " FROM " ACCOUNT_TABLES
					" WHERE account.address = $1 AND account.deleted_at > 0",
					"t", key),
			a, ret, e);
	if (r == 0)
		return err_set(e, ERR_NOTFOUND, "no such deleted account: %.*s", SFMT(address));
	return r < 0 ? -1 : 0;
}

int directory_next_deleted(
	struct sql *db, int64_t before, struct arena *a, struct account *ret, struct err *e)
{
	return one_account(directory_query(db, e,
				   "SELECT " ACCOUNT_COLUMNS " FROM " ACCOUNT_TABLES
				   " WHERE account.deleted_at > 0 AND account.deleted_at < $1"
				   " AND NOT EXISTS (SELECT 1 FROM hold h WHERE" HOLDS_ACCOUNT ")"
				   " ORDER BY account.deleted_at LIMIT 1",
				   "i", before),
		a, ret, e);
}

int directory_account_recover(struct sql *db, slice address, struct err *e)
{
	AUTO(arena) struct arena a = {0};
	struct account account;
	if (sql_begin(db, e) < 0)
		return -1;
	int64_t r = directory_deleted(db, address, &a, &account, e);
	if (r == 0)
		r = sql_run(
			db, e, "UPDATE account SET deleted_at = 0 WHERE id = $1", "i", account.id);
	return directory_end_change(db, r, e);
}

int directory_account_purge(struct sql *db, int64_t account_id, bool password, struct err *e)
{
	AUTO(arena) struct arena a = {0};
	struct account account;
	if (sql_begin(db, e) < 0)
		return -1;
	int r = directory_account_by_id(db, account_id, &a, &account, e);
	if (r == 0 && !account.deleted_at)
		r = err_set(e, ERR_PERM, "%.*s is not deleted", SFMT(account.address));
	if (r == 0)
		r = remove_account(db, &account, password, e);
	return directory_end_change(db, r, e);
}
