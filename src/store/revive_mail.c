/*
 * Folders, rights on them and mailing lists of an account that comes back (revive.h). The shards and the lists are databases of their own, so
 * these are transactions of their own, each of which may be carried out again.
 */
#include "store/revive_impl.h"

#include "base/mem.h"
#include "store/directory_impl.h"
#include "store/mailbox.h"

/* ---- mailing lists ---- */

static const char put_member[] =
	"INSERT INTO maillist_member (list_id, address, name, state, digest, own, joined_at)"
	" VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT (list_id, address)"
	" DO UPDATE SET state = excluded.state, score = 0, disabled_at = 0, probes = 0 RETURNING 1";

/* The list of this number then; *ret_id 0: there is none of that address any more. */
static int find_list(
	struct revive *v, int64_t then_id, slice *ret_address, int64_t *ret_id, struct err *e)
{
	*ret_address = S("");
	*ret_id = 0;
	struct sql_stmt *s = directory_query(
		v->then, e, "SELECT address FROM maillist WHERE id = $1", "i", then_id);
	int r = s ? sql_step(s, e) : -1;
	if (r <= 0)
		return r;
	*ret_address = arena_dup(v->a, sql_text(s, 0));
	sql_reset(s);
	*ret_id = directory_number(
		v->now, e, "SELECT id FROM maillist WHERE address = $1", "t", *ret_address);
	return *ret_id < 0 ? -1 : 0;
}

static int put_in_list(struct revive *v, struct sql_stmt *row, struct sql *now, struct err *e)
{
	slice address;
	int64_t id;
	if (find_list(v, sql_int(row, 0), &address, &id, e) < 0)
		return -1;
	if (address.n)
		revive_note(v, REVIVE_LIST, id > 0, address);
	if (id == 0)
		return 0;
	int64_t n =
		directory_number(now, e, put_member, "ittiiii", id, v->address, sql_text(row, 1),
			sql_int(row, 2), sql_int(row, 3), sql_int(row, 4), sql_int(row, 5));
	return n < 0 ? -1 : 0;
}

static int put_in_lists(struct revive *v, struct sql *then, struct sql *now, struct err *e)
{
	int r;
	struct sql_stmt *row = directory_query(then, e,
		"SELECT list_id, name, state, digest, own, joined_at FROM maillist_member"
		" WHERE address = $1",
		"t", v->address);
	if (!row)
		return -1;
	while ((r = sql_step(row, e)) == 1)
		if (put_in_list(v, row, now, e) < 0) {
			sql_reset(row);
			return -1;
		}
	return r;
}

static int end(struct sql *db, int r, struct err *e)
{
	if (r == 0)
		return sql_commit(db, e);
	sql_rollback(db);
	return -1;
}

int revive_lists(struct revive *v, struct sql *then, struct sql *now, struct err *e)
{
	return sql_begin(now, e) < 0 ? -1 : end(now, put_in_lists(v, then, now, e), e);
}

/* ---- folders ---- */

static int make_folder(
	struct revive *v, const struct mailbox_folder *f, struct sql *now, struct err *e)
{
	int64_t id;
	int r = mailbox_folder_make_tx(now, v->id, f->name, f->use, &id, e);
	if (r < 0 && e->kind != ERR_EXISTS)
		return e->kind == ERR_TEMP || e->kind == ERR_BUG
			       ? -1
			       : (revive_note(v, REVIVE_FOLDER, false, f->name), 0);
	return 0;
}

static int make_folders(struct revive *v, struct sql *then, struct sql *now, struct err *e)
{
	struct mailbox_folder *f;
	slice *names;
	size_t n, nnames;
	if (mailbox_folders(then, v->then_id, v->a, &f, &n, e) < 0 ||
		mailbox_subscriptions(then, v->then_id, v->a, &names, &nnames, e) < 0)
		return -1;
	for (size_t i = 0; i < n; i++)
		if (make_folder(v, &f[i], now, e) < 0)
			return -1;
	for (size_t i = 0; i < nnames; i++)
		if (mailbox_subscribe_tx(now, v->id, names[i], true, e) < 0)
			return -1;
	return 0;
}

int revive_folders(struct revive *v, struct sql *then_shard, struct sql *now_shard, struct err *e)
{
	return sql_begin(now_shard, e) < 0
		       ? -1
		       : end(now_shard, make_folders(v, then_shard, now_shard, e), e);
}

/* ---- rights ---- */

/* Addresses are given again: rights are for who had them then. Numbers are not. 1, 0, -1. */
static int is_same_account(struct revive *v, slice address, struct err *e)
{
	struct account was, is;
	if (directory_account(v->then, address, v->a, &was, e) < 0)
		return e->kind == ERR_NOTFOUND ? 0 : -1;
	if (was.id == v->then_id)
		return 1;
	if (directory_account_by_id(v->now, was.id, v->a, &is, e) < 0)
		return e->kind == ERR_NOTFOUND ? 0 : -1;
	return slice_eq(is.address, was.address) && (!is.deleted_at || is.deleted_at == REVIVING);
}

/* Who is named there is one still: 1, 0, -1. */
static int is_known(struct revive *v, slice who, struct err *e)
{
	slice name = slice_skip(who, slice_starts(who, S("-")));
	if (slice_eq(name, S("anyone")) || slice_eq(name, S("owner")))
		return 1;
	if (!slice_starts(name, S("group:")))
		return is_same_account(v, name, e);
	return (int)directory_number(
		v->now, e, "SELECT 1 FROM mailgroup WHERE address = $1", "t", slice_skip(name, 6));
}

/* The folder of then in the account of now; 0: it is there no more; -1. folder_id 0: all of them. */
static int find_folder(struct sql *then, const struct mailbox_grant *g, struct sql *now,
	int64_t account_id, struct arena *a, struct mailbox_folder *ret, struct err *e)
{
	struct mailbox_folder was;
	*ret = (struct mailbox_folder){0};
	if (g->folder_id == 0)
		return 1;
	if (mailbox_folder_by_id(then, g->account_id, g->folder_id, a, &was, e) < 0 ||
		mailbox_folder_find(now, account_id, was.name, a, ret, e) < 0)
		return e->kind == ERR_NOTFOUND ? 0 : -1;
	return 1;
}

static int put_grant(struct sql *now, const struct mailbox_grant *was, int64_t account_id,
	int64_t folder_id, struct err *e)
{
	struct mailbox_grant g = *was;
	g.account_id = account_id;
	g.folder_id = folder_id;
	return sql_begin(now, e) < 0 ? -1 : end(now, mailbox_grant_tx(now, &g, e), e);
}

static int give(struct revive *v, const struct mailbox_grant *g, struct sql *then, struct sql *now,
	struct err *e)
{
	struct mailbox_folder f;
	int there = is_known(v, g->who, e);
	if (there == 1)
		there = find_folder(then, g, now, v->id, v->a, &f, e);
	if (there < 0)
		return -1;
	revive_note(v, REVIVE_GRANT, there == 1, g->who);
	return there ? put_grant(now, g, v->id, f.id, e) : 0;
}

static int give_of(
	struct revive *v, int64_t folder_id, struct sql *then, struct sql *now, struct err *e)
{
	struct mailbox_grant *g;
	size_t n;
	if (mailbox_grants(then, v->then_id, folder_id, v->a, &g, &n, e) < 0)
		return -1;
	for (size_t i = 0; i < n; i++)
		if (give(v, &g[i], then, now, e) < 0)
			return -1;
	return 0;
}

int revive_grants(struct revive *v, struct sql *then_shard, struct sql *now_shard, struct err *e)
{
	struct mailbox_folder *f;
	size_t n;
	if (give_of(v, 0, then_shard, now_shard, e) < 0 ||
		mailbox_folders(then_shard, v->then_id, v->a, &f, &n, e) < 0)
		return -1;
	for (size_t i = 0; i < n; i++)
		if (give_of(v, f[i].id, then_shard, now_shard, e) < 0)
			return -1;
	return 0;
}

/* ---- rights that others gave ---- */

struct giver {
	int (*open_now)(void *arg, int64_t account_id, struct sql **ret, struct err *e);
	void *arg;
};

static int regain(struct revive *v, const struct mailbox_grant *g, struct sql *then,
	const struct giver *by, struct err *e)
{
	struct account was, is;
	struct mailbox_folder f;
	struct sql *now;
	if (g->account_id == v->then_id)
		return 0;
	if (directory_account_by_id(v->then, g->account_id, v->a, &was, e) < 0)
		return e->kind == ERR_NOTFOUND ? 0 : -1;
	int there = directory_account(v->now, was.address, v->a, &is, e) == 0;
	if (!there && e->kind != ERR_NOTFOUND)
		return -1;
	if (!there || is.id != was.id) /* or another's address now */
		return revive_note(v, REVIVE_GRANTED, false, was.address), 0;
	if (by->open_now(by->arg, is.id, &now, e) < 0)
		return -1;
	there = find_folder(then, g, now, is.id, v->a, &f, e);
	if (there == 1 && put_grant(now, g, is.id, f.id, e) < 0)
		there = -1;
	sql_close(now);
	if (there >= 0)
		revive_note(v, REVIVE_GRANTED, there == 1,
			arena_printf(v->a, "%.*s%s%.*s", SFMT(was.address), f.name.n ? "/" : "",
				SFMT(f.name)));
	return there < 0 ? -1 : 0;
}

int revive_granted(struct revive *v, struct sql *then_shard,
	int (*open_now)(void *arg, int64_t account_id, struct sql **ret, struct err *e), void *arg,
	struct err *e)
{
	const slice who[] = {v->address, arena_printf(v->a, "-%.*s", SFMT(v->address))};
	const struct giver by = {open_now, arg};
	struct mailbox_grant *g;
	size_t n;
	if (mailbox_grants_to(then_shard, who, 2, v->a, &g, &n, e) < 0)
		return -1;
	for (size_t i = 0; i < n; i++)
		if (regain(v, &g[i], then_shard, &by, e) < 0)
			return -1;
	return 0;
}
