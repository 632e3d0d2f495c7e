/*
 * `posthouse quarantine undo N` and `operations`: an operation is taken back message by message: what was deleted, refused
 * or asked for is again as it was; of what was released everything that is still in the queue comes back, and the rest is
 * counted: it has been delivered.
 */
#include "bin/cli_quarantine.h"
#include "bin/cli_tty.h"

#include "base/mem.h"
#include "base/time.h"

#include <stdio.h>

enum { UNDO_A_TRANSACTION = 100, LATE_SHOWN = 20 };

struct undoing {
	struct sql *db;
	slice by;
	int64_t no, now;
	uint64_t back, late, gone, other; /* of recipients */
	struct quarantine_deed_item shown[LATE_SHOWN]; /* of `late` */
};

/* 1 it is as it was; 0 not any more, and *what counts why; -1. */
static int undo_one(
	struct undoing *u, const struct quarantine_deed_item *i, uint64_t **what, struct err *e)
{
	bool was_open = i->before == QUARANTINE_WAITS || i->before == QUARANTINE_ASKED ||
			i->before == QUARANTINE_DISCARDED;
	int64_t n =
		was_open ? quarantine_recall_tx(u->db, i->id, i->idx, i->before, u->by, u->now, e)
			 : err_set(e, ERR_PERM, "it did not wait");
	if (n >= 0) {
		*what = &u->late; /* released, and left the queue */
		return n > 0;
	}
	if (e->kind == ERR_PERM) /* not released: deleted, refused, asked for */
		n = quarantine_change_tx(u->db, i->id, i->idx,
			i->before == QUARANTINE_DISCARDED ? QUARANTINE_DISCARDED : QUARANTINE_WAITS,
			u->by, u->now, e);
	*what = &u->gone;
	if (n < 0 && e->kind == ERR_NOTFOUND)
		return 0;
	*what = &u->other;
	if (n < 0)
		return e->kind == ERR_PERM ? 0 : -1;
	if (i->before == QUARANTINE_ASKED && n > 0 &&
		quarantine_change_tx(u->db, i->id, i->idx, QUARANTINE_ASKED, u->by, u->now, e) < 0)
		return -1;
	return 1;
}

/* Counted when the transaction is durable. */
static int undo_in_tx(struct undoing *u, const struct quarantine_deed_item *v, int64_t n,
	struct undoing *ret, struct err *e)
{
	struct undoing after = *u;
	for (int64_t i = 0; i < n; i++) {
		uint64_t *what = NULL;
		int r = undo_one(&after, &v[i], &what, e);
		if (r < 0)
			return -1;
		if (r > 0) {
			after.back++;
			if (quarantine_deed_undone_tx(u->db, u->no, &v[i], u->now, e) < 0)
				return -1;
			continue;
		}
		if (what == &after.late && after.late < LATE_SHOWN)
			after.shown[after.late] = v[i];
		++*what;
	}
	*ret = after;
	return 0;
}

static int undo_all(struct undoing *u, struct err *e)
{
	struct quarantine_deed_item after = {0}, v[UNDO_A_TRANSACTION];
	int64_t n;
	while ((n = quarantine_deed_items(u->db, u->no, &after, v, UNDO_A_TRANSACTION, e)) > 0) {
		if (sql_begin(u->db, e) < 0)
			return -1;
		if (undo_in_tx(u, v, n, u, e) < 0) {
			sql_rollback(u->db);
			return -1;
		}
		if (sql_commit(u->db, e) < 0)
			return -1;
	}
	return n < 0 ? -1 : 0;
}

static void say(const struct undoing *u)
{
	printf(T("as before: %llu\n", "已恢复：%llu\n"), (unsigned long long)u->back);
	if (u->late)
		printf(T("released and delivered already, or on the way: %llu\n",
			       "已放行并投递，无法撤回：%llu\n"),
			(unsigned long long)u->late);
	for (uint64_t i = 0; i < u->late && i < LATE_SHOWN; i++) {
		char id[MSG_ID_TEXT];
		msg_id_print(u->shown[i].id, id);
		printf("  %s/%d\n", id, u->shown[i].idx);
	}
	if (u->late > LATE_SHOWN)
		puts(T("  ... (posthouse quarantine list --state released)",
			"  ……（posthouse quarantine list --state released）"));
	if (u->gone)
		printf(T("left the quarantine: %llu\n", "已离开隔离区：%llu\n"),
			(unsigned long long)u->gone);
	if (u->other)
		printf(T("changed by somebody since: %llu\n", "此后被他人改动：%llu\n"),
			(unsigned long long)u->other);
}

static void say_json(const struct undoing *u)
{
	struct json j = {0};
	json_begin(&j);
	json_int(&j, "back", (int64_t)u->back);
	json_int(&j, "delivered", (int64_t)u->late);
	json_int(&j, "gone", (int64_t)u->gone);
	json_int(&j, "changed_since", (int64_t)u->other);
	json_end(&j);
}

int held_undo(struct cli_call *c)
{
	AUTO(cli_env) struct cli_env env = {0};
	struct quarantine_deed d;
	struct undoing u = {.now = wall_now()};
	struct err e;
	uint64_t no;
	int code;
	if (!slice_u64(cli_arg(c, 0), &no) || no == 0 || no > INT64_MAX)
		return out_usage(
			T("%.*s: should be the number of an operation (posthouse quarantine "
			  "operations)",
				"%.*s：应为操作编号（posthouse quarantine operations）"),
			SFMT(cli_arg(c, 0)));
	if (cli_env_open(c->cli, &env, &code) < 0)
		return code;
	u.db = cli_env_db(&env, DB_QUEUE, &e);
	u.no = (int64_t)no;
	u.by = cli_env_who(&env.mem);
	if (!u.db || quarantine_deed_get(u.db, u.no, &env.mem, &d, &e) < 0 || undo_all(&u, &e) < 0)
		return out_fail(&e);
	if (c->cli->json)
		say_json(&u);
	else
		say(&u);
	return u.back || !(u.late + u.gone + u.other) ? CLI_OK : CLI_NOTHING;
}

/* ---- operations ---- */

static bool row(void *arg, const struct quarantine_deed *d)
{
	struct listing *l = arg;
	char text[OUT_TEXT];
	if (l->json) {
		json_open_object(&l->j, NULL);
		json_int(&l->j, "operation", d->no);
		json_time(&l->j, "at", d->at);
		json_text(&l->j, "by", d->by);
		json_text(&l->j, "verb", d->verb);
		json_text(&l->j, "query", d->query);
		json_int(&l->j, "recipients", (int64_t)d->items);
		json_time(&l->j, "undone_at", d->undone_at);
		json_close(&l->j, '}');
		return true;
	}
	table_cellf(l->table, "%lld", (long long)d->no);
	table_cell(l->table, slice_z(out_time(d->at, text)));
	table_cell(l->table, d->by);
	table_cell(l->table, d->verb);
	table_cellf(l->table, "%llu", (unsigned long long)d->items);
	table_cell(l->table, slice_z(out_time(d->undone_at, text)));
	table_cell(l->table, d->query);
	return true;
}

int held_operations(struct cli_call *c)
{
	enum { MOST = 1000 };
	AUTO(cli_env) struct cli_env env = {0};
	struct listing l = {0};
	struct err e;
	int code;
	if (cli_env_open(c->cli, &env, &code) < 0)
		return code;
	struct sql *db = cli_env_db(&env, DB_QUEUE, &e);
	if (!db)
		return out_fail(&e);
	const char *const heads[] = {T("NUMBER", "编号"), T("AT", "时间"), T("BY", "操作人"),
		T("WHAT", "操作"), T(">RECIPIENTS", ">收件人"), T("UNDONE", "撤销时间"),
		T("QUERY", "查询")};
	listing_begin(&l, c->cli->json, "operations", heads, 7);
	int r = quarantine_deeds(db, MOST, row, &l, &e);
	listing_end_rows(&l);
	listing_end(&l);
	return r < 0 ? out_fail(&e) : CLI_OK;
}
