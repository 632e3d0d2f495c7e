/*
 * What accounts want done with mail that comes (forward.h): the tables of the directory's database. Read by delivery
 * through the directory's cache (directory_cache.c), changed by the command line and later by pages.
 */
#include "store/forward.h"

#include "base/mem.h"
#include "base/time.h"
#include "base/utf8.h"
#include "store/directory_impl.h"
#include "store/script.h"

const char forward_schema_up[] =
	"CREATE TABLE forward ("
	"account_id {{KEY}}, enabled BIGINT NOT NULL, keep BIGINT NOT NULL, targets TEXT NOT NULL,"
	"set_by TEXT NOT NULL, set_at BIGINT NOT NULL);"
	"CREATE TABLE autoreply ("
	"account_id {{KEY}}, enabled BIGINT NOT NULL, subject TEXT NOT NULL, body TEXT NOT NULL,"
	"from_at BIGINT NOT NULL, until_at BIGINT NOT NULL, days BIGINT NOT NULL,"
	"set_by TEXT NOT NULL, set_at BIGINT NOT NULL);";
const char forward_schema_down[] = "DROP TABLE autoreply; DROP TABLE forward;";

/* Runs one change, raising the directory's version. ERR_NOTFOUND: no row. */
static int end_change(struct sql *db, int64_t n, const char *what, struct err *e)
{
	if (n == 0)
		n = err_set(e, ERR_NOTFOUND, "this account has no %s", what);
	return directory_end_change(db, n, e);
}

/* ---- passing on ---- */

static slice own_address(struct sql *db, int64_t account_id, struct arena *a)
{
	struct account account;
	struct err e;
	return directory_account_by_id(db, account_id, a, &account, &e) == 0 ? account.address
									     : S("");
}

/* The account itself, by any of its names. */
static int is_itself(
	struct sql *db, int64_t account_id, slice target, struct arena *a, bool *ret, struct err *e)
{
	struct rcpt_answer answer;
	if (directory_resolve(db, target, S(""), a, &answer, e) < 0)
		return -1;
	slice own = own_address(db, account_id, a);
	*ret = answer.kind == RCPT_LOCAL && answer.account_id == account_id;
	for (size_t i = 0; answer.kind == RCPT_LOCAL && i < answer.ntargets && answer.ntargets == 1;
		i++)
		*ret |= slice_eq(answer.targets[i], own);
	return 0;
}

static bool is_among(const slice *v, size_t n, slice s)
{
	for (size_t i = 0; i < n; i++)
		if (slice_eq(v[i], s))
			return true;
	return false;
}

int forwarding_check(struct sql *db, const struct forwarding *f, struct arena *a,
	struct forwarding *ret, struct err *e)
{
	struct forwarding r = *f;
	r.targets = ARENA_ARRAY(a, slice, f->ntargets + 1);
	r.ntargets = 0;
	if (!f->ntargets)
		return err_set(e, ERR_PROTO, "an address is needed to forward to");
	if (f->ntargets > FORWARD_TARGETS_MAX)
		return err_set(
			e, ERR_LIMIT, "more than %d addresses to forward to", FORWARD_TARGETS_MAX);
	for (size_t i = 0; i < f->ntargets; i++) {
		slice target;
		bool itself;
		if (!directory_canonical(f->targets[i], a, &target))
			return err_set(e, ERR_PROTO, "no mail address: %.*s", SFMT(f->targets[i]));
		if (is_itself(db, f->account_id, target, a, &itself, e) < 0)
			return -1;
		if (itself)
			return err_set(e, ERR_PROTO,
				"mail cannot be forwarded to the same mailbox: %.*s", SFMT(target));
		if (!is_among(r.targets, r.ntargets, target))
			r.targets[r.ntargets++] = target;
	}
	*ret = r;
	return 0;
}

/* Addresses have no line ends. */
static slice join(const struct forwarding *f, struct arena *a)
{
	AUTO(buf) struct buf b = BUF(FORWARD_TARGETS_MAX * 1024);
	for (size_t i = 0; i < f->ntargets; i++) {
		buf_put(&b, i ? S("\n") : S(""));
		buf_put(&b, f->targets[i]);
	}
	return arena_dup(a, buf_slice(&b));
}

static void split(slice text, struct arena *a, struct forwarding *f)
{
	slice one;
	f->targets = ARENA_ARRAY(a, slice, FORWARD_TARGETS_MAX);
	while (f->ntargets < FORWARD_TARGETS_MAX && slice_cut(&text, '\n', &one))
		if (one.n)
			f->targets[f->ntargets++] = arena_dup(a, one);
}

int forwarding_set(struct sql *db, const struct forwarding *f, struct err *e)
{
	AUTO(arena) struct arena a = {0};
	struct forwarding r;
	if (forwarding_check(db, f, &a, &r, e) < 0 || sql_begin(db, e) < 0)
		return -1;
	return directory_end_change(db,
		sql_run(db, e,
			"INSERT INTO forward (account_id, enabled, keep, targets, set_by, set_at)"
			" VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT (account_id) DO UPDATE SET"
			" enabled = excluded.enabled, keep = excluded.keep, targets = "
			"excluded.targets,"
			" set_by = excluded.set_by, set_at = excluded.set_at",
			"iiitti", r.account_id, (int64_t)r.enabled, (int64_t)r.keep, join(&r, &a),
			r.set_by, r.set_at ? r.set_at : wall_now()),
		e);
}

#define FORWARD_COLUMNS                                                                            \
	"forward.account_id, forward.enabled, forward.keep, forward.targets, forward.set_by, "     \
	"forward.set_at"

static struct forwarding read_forwarding(struct sql_stmt *s, struct arena *a)
{
	struct forwarding f = {.account_id = sql_int(s, 0),
		.enabled = sql_int(s, 1) != 0,
		.keep = sql_int(s, 2) != 0,
		.set_by = arena_dup(a, sql_text(s, 4)),
		.set_at = sql_int(s, 5)};
	split(sql_text(s, 3), a, &f);
	return f;
}

int forwarding_get(
	struct sql *db, int64_t account_id, struct arena *a, struct forwarding *ret, struct err *e)
{
	struct sql_stmt *s = directory_query(db, e,
		"SELECT " FORWARD_COLUMNS " FROM forward WHERE account_id = $1", "i", account_id);
	int r = s ? sql_step(s, e) : -1;
	if (r < 0)
		return -1;
	if (r == 0)
		return err_set(e, ERR_NOTFOUND, "this account has no forwarding");
	*ret = read_forwarding(s, a);
	sql_reset(s);
	return 0;
}

int forwarding_remove(struct sql *db, int64_t account_id, struct err *e)
{
	if (sql_begin(db, e) < 0)
		return -1;
	return end_change(db,
		sql_run(db, e, "DELETE FROM forward WHERE account_id = $1", "i", account_id),
		"forwarding", e);
}

int forwarding_leaves(struct sql *db, slice target, bool *ret, struct err *e)
{
	AUTO(arena) struct arena a = {0};
	struct domain d;
	slice domain = slice_skip(target, slice_rindex(target, '@') + 1);
	int r = directory_domain(db, domain, &a, &d, e);
	if (r < 0 && e->kind != ERR_NOTFOUND)
		return -1;
	*ret = r < 0;
	return 0;
}

static void read_row(struct sql_stmt *s, struct arena *a, void *row)
{
	struct forwarding_row *r = row;
	*r = (struct forwarding_row){
		.f = read_forwarding(s, a), .address = arena_dup(a, sql_text(s, 6))};
}

int forwarding_list(struct sql *db, slice domain, struct arena *a, struct forwarding_row **ret,
	size_t *ret_n, struct err *e)
{
	void *v;
	struct sql_stmt *s = directory_query(db, e,
		"SELECT " FORWARD_COLUMNS
		", account.address FROM forward JOIN account ON account.id = forward.account_id"
		" JOIN domain ON domain.id = account.domain_id"
		" WHERE ($1 = '' OR domain.name = $1) ORDER BY account.address",
		"t", domain);
	if (!s ||
		directory_collect(s, sizeof(struct forwarding_row), read_row, a, &v, ret_n, e) < 0)
		return -1;
	struct forwarding_row *rows = v;
	for (size_t i = 0; i < *ret_n; i++)
		for (size_t k = 0; k < rows[i].f.ntargets && !rows[i].outside; k++)
			if (forwarding_leaves(db, rows[i].f.targets[k], &rows[i].outside, e) < 0)
				return -1;
	*ret = rows;
	return 0;
}

/* ---- answering ---- */

static int check_reply(const struct autoreply *r, struct err *e)
{
	if (!utf8_valid(r->subject) || !utf8_valid(r->text))
		return err_set(e, ERR_PROTO, "the answer is no UTF-8");
	if (!slice_trim(r->text).n)
		return err_set(e, ERR_PROTO, "the answer has no text");
	if (slice_index(r->subject, '\n') < r->subject.n ||
		slice_index(r->subject, '\r') < r->subject.n)
		return err_set(e, ERR_PROTO, "a subject is one line");
	if (r->subject.n > AUTOREPLY_SUBJECT_MAX || r->text.n > AUTOREPLY_TEXT_MAX)
		return err_set(e, ERR_LIMIT, "an answer has at most %d bytes, its subject %d",
			AUTOREPLY_TEXT_MAX, AUTOREPLY_SUBJECT_MAX);
	if (r->days < 1 || r->days > AUTOREPLY_DAYS_MAX)
		return err_set(e, ERR_LIMIT, "one sender is answered once in 1 to %d days",
			AUTOREPLY_DAYS_MAX);
	if (r->until_at && r->from_at && r->until_at <= r->from_at)
		return err_set(e, ERR_PROTO, "it ends before it begins");
	return 0;
}

int autoreply_set(struct sql *db, const struct autoreply *r, struct err *e)
{
	if (check_reply(r, e) < 0 || sql_begin(db, e) < 0)
		return -1;
	return directory_end_change(db,
		sql_run(db, e,
			"INSERT INTO autoreply (account_id, enabled, subject, body, from_at, "
			"until_at, days, set_by, set_at)"
			" VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9) ON CONFLICT (account_id) DO "
			"UPDATE SET"
			" enabled = excluded.enabled, subject = excluded.subject, body = "
			"excluded.body,"
			" from_at = excluded.from_at, until_at = excluded.until_at, days = "
			"excluded.days,"
			" set_by = excluded.set_by, set_at = excluded.set_at",
			"iittiiiti", r->account_id, (int64_t)r->enabled, r->subject, r->text,
			r->from_at, r->until_at, r->days, r->set_by,
			r->set_at ? r->set_at : wall_now()),
		e);
}

int autoreply_get(
	struct sql *db, int64_t account_id, struct arena *a, struct autoreply *ret, struct err *e)
{
	struct sql_stmt *s = directory_query(db, e,
		"SELECT enabled, subject, body, from_at, until_at, days, set_by, set_at FROM "
		"autoreply"
		" WHERE account_id = $1",
		"i", account_id);
	int r = s ? sql_step(s, e) : -1;
	if (r < 0)
		return -1;
	if (r == 0)
		return err_set(e, ERR_NOTFOUND, "this account has no automatic answer");
	*ret = (struct autoreply){.account_id = account_id,
		.enabled = sql_int(s, 0) != 0,
		.subject = arena_dup(a, sql_text(s, 1)),
		.text = arena_dup(a, sql_text(s, 2)),
		.from_at = sql_int(s, 3),
		.until_at = sql_int(s, 4),
		.days = sql_int(s, 5),
		.set_by = arena_dup(a, sql_text(s, 6)),
		.set_at = sql_int(s, 7)};
	sql_reset(s);
	return 0;
}

int autoreply_remove(struct sql *db, int64_t account_id, struct err *e)
{
	if (sql_begin(db, e) < 0)
		return -1;
	return end_change(db,
		sql_run(db, e, "DELETE FROM autoreply WHERE account_id = $1", "i", account_id),
		"automatic answer", e);
}

bool autoreply_is_due(const struct autoreply *r, int64_t now)
{
	return r->enabled && now >= r->from_at && (!r->until_at || now < r->until_at);
}

/* ---- both ---- */

int forward_wishes(struct sql *db, int64_t account_id, struct arena *a, struct delivery_wishes *ret,
	struct err *e)
{
	struct forwarding *f = ARENA_NEW(a, struct forwarding);
	struct autoreply *r = ARENA_NEW(a, struct autoreply);
	struct account account;
	*ret = (struct delivery_wishes){0};
	if (forwarding_get(db, account_id, a, f, e) == 0)
		ret->forwarding = f->enabled ? f : NULL;
	else if (e->kind != ERR_NOTFOUND)
		return -1;
	if (autoreply_get(db, account_id, a, r, e) == 0)
		ret->autoreply = r->enabled ? r : NULL;
	else if (e->kind != ERR_NOTFOUND)
		return -1;
	if (directory_account_by_id(db, account_id, a, &account, e) < 0)
		return -1;
	ret->address = account.address;
	ret->name = account.name;
	return script_applies(db, account_id, &ret->scripts, e);
}

struct delivery_wishes forward_copy_wishes(const struct delivery_wishes *from, struct arena *a)
{
	struct delivery_wishes to = *from;
	to.address = arena_dup(a, from->address);
	to.name = arena_dup(a, from->name);
	if (from->forwarding) {
		struct forwarding *f = ARENA_NEW(a, struct forwarding);
		*f = *from->forwarding;
		f->set_by = arena_dup(a, f->set_by);
		f->targets = ARENA_ARRAY(a, slice, f->ntargets + 1);
		for (size_t i = 0; i < f->ntargets; i++)
			f->targets[i] = arena_dup(a, from->forwarding->targets[i]);
		to.forwarding = f;
	}
	if (from->autoreply) {
		struct autoreply *r = ARENA_NEW(a, struct autoreply);
		*r = *from->autoreply;
		r->subject = arena_dup(a, r->subject);
		r->text = arena_dup(a, r->text);
		r->set_by = arena_dup(a, r->set_by);
		to.autoreply = r;
	}
	return to;
}
