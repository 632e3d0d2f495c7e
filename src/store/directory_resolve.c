/*
 * What an address means (directory.h tells the order of the rules): account, alias, detail,
 * catch-all, postmaster. Blocks; called in the pool by directory_cache.c, and by the command line.
 */
#include "base/mem.h"
#include "store/directory_impl.h"

int directory_targets(
	struct sql *db, slice address, struct arena *a, slice **ret, size_t *ret_n, struct err *e)
{
	struct sql_stmt *s = sql_prepare(
		db, "SELECT target FROM alias WHERE address = $1 ORDER BY target LIMIT $2", e);
	if (!s)
		return -1;
	sql_bind_text(s, 1, address);
	sql_bind_int(s, 2, DIRECTORY_TARGETS_MAX);
	slice *targets = NULL;
	size_t n = 0;
	int r;
	while ((r = sql_step(s, e)) == 1) {
		if (!targets)
			targets = ARENA_ARRAY(a, slice, DIRECTORY_TARGETS_MAX);
		targets[n++] = arena_dup(a, sql_text(s, 0));
	}
	if (r < 0)
		return -1;
	*ret = targets;
	*ret_n = n;
	return 0;
}

/* What stands under one name. */
struct found {
	struct account account;
	slice *targets;
	size_t ntargets;
	bool is_account;
};

/* 1 found, 0 not, -1. */
static int find_exact(
	struct sql *db, slice address, struct arena *a, struct found *ret, struct err *e)
{
	*ret = (struct found){0};
	if (!slice_starts(address, S("@"))) {
		if (directory_account(db, address, a, &ret->account, e) == 0) {
			ret->is_account = true;
			return 1;
		}
		if (e->kind != ERR_NOTFOUND)
			return -1;
	}
	if (directory_targets(db, address, a, &ret->targets, &ret->ntargets, e) < 0)
		return -1;
	return ret->ntargets > 0;
}

/* The name itself, without its detail, or the catch-all of its domain. */
static int find_name(struct sql *db, const struct directory_name *n, struct arena *a,
	struct found *ret, struct err *e)
{
	slice base;
	int r = find_exact(db, n->address, a, ret, e);
	if (r == 0 && directory_base_name(n, a, &base))
		r = find_exact(db, base, a, ret, e);
	if (r == 0)
		r = find_exact(db, arena_printf(a, "@%.*s", SFMT(n->domain)), a, ret, e);
	return r;
}

/* The oldest enabled account of the domain, else of the whole installation. */
static int first_account(
	struct sql *db, int64_t domain_id, struct arena *a, struct found *ret, struct err *e)
{
	struct sql_stmt *s = sql_prepare(db,
		"SELECT id FROM account WHERE disabled = 0 AND deleted_at = 0"
		" ORDER BY CASE WHEN domain_id = $1 THEN 0 ELSE 1 END, id LIMIT 1",
		e);
	if (!s)
		return -1;
	sql_bind_int(s, 1, domain_id);
	int r = sql_step(s, e);
	if (r != 1)
		return r;
	int64_t id = sql_int(s, 0);
	sql_reset(s);
	*ret = (struct found){.is_account = true};
	return directory_account_by_id(db, id, a, &ret->account, e) < 0 ? -1 : 1;
}

static int find_postmaster(struct sql *db, slice postmaster, int64_t domain_id, struct arena *a,
	struct found *ret, struct err *e)
{
	struct directory_name n;
	int r = 0;
	if (directory_name(postmaster, a, &n))
		r = find_name(db, &n, a, ret, e);
	return r ? r : first_account(db, domain_id, a, ret, e);
}

/* ---- aliases of aliases ---- */

struct expansion {
	struct sql *db;
	struct arena *a;
	struct err *e;
	struct map seen; /* canonical addresses, aliases and results */
	slice *out;
	size_t n;
};

static int expand(struct expansion *x, slice address, unsigned depth);

static int expand_all(struct expansion *x, const struct found *f, unsigned depth)
{
	if (depth >= DIRECTORY_ALIAS_DEPTH)
		return err_set(
			x->e, ERR_LIMIT, "aliases are more than %d deep", DIRECTORY_ALIAS_DEPTH);
	for (size_t i = 0; i < f->ntargets; i++)
		if (expand(x, f->targets[i], depth + 1) < 0)
			return -1;
	return 0;
}

static int expand(struct expansion *x, slice address, unsigned depth)
{
	struct directory_name n;
	struct found f;
	if (!directory_name(address, x->a, &n))
		return 0; /* cannot be: changes refuse it */
	if (map_get(&x->seen, n.address))
		return 0;
	map_put(&x->seen, n.address, x);
	int r = find_name(x->db, &n, x->a, &f, x->e);
	if (r < 0)
		return -1;
	if (f.ntargets)
		return expand_all(x, &f, depth);
	if (x->n == DIRECTORY_TARGETS_MAX)
		return err_set(
			x->e, ERR_LIMIT, "alias has more than %d targets", DIRECTORY_TARGETS_MAX);
	x->out[x->n++] = arena_dup(x->a, n.address);
	return 0;
}

static int expand_found(struct sql *db, const struct found *f, struct arena *a, slice **ret,
	size_t *ret_n, struct err *e)
{
	struct expansion x = {
		.db = db, .a = a, .e = e, .out = ARENA_ARRAY(a, slice, DIRECTORY_TARGETS_MAX)};
	int r = expand_all(&x, f, 0);
	map_done(&x.seen);
	if (r < 0)
		return -1;
	if (x.n == 0)
		return err_set(e, ERR_PERM, "alias leads only to itself");
	*ret = x.out;
	*ret_n = x.n;
	return 0;
}

/* ---- the whole answer ---- */

static int answer_local(struct sql *db, const struct directory_name *n, const struct domain *d,
	slice postmaster, struct arena *a, struct rcpt_answer *ret, struct err *e)
{
	struct found f;
	slice base;
	int r = find_name(db, n, a, &f, e);
	bool is_postmaster =
		slice_eq(n->local, S("postmaster")) ||
		(directory_base_name(n, a, &base) && slice_starts(base, S("postmaster@")));
	if (r == 0 && is_postmaster)
		r = find_postmaster(db, postmaster, d->id, a, &f, e);
	if (r < 0)
		return -1;
	if (r == 0) {
		ret->kind = RCPT_NO_SUCH_USER;
	} else if (f.is_account) {
		ret->kind = f.account.disabled ? RCPT_DISABLED : RCPT_LOCAL;
		ret->account_id = f.account.id;
		ret->quota = f.account.quota;
	} else {
		ret->kind = RCPT_LOCAL;
		if (expand_found(db, &f, a, &ret->targets, &ret->ntargets, e) < 0) {
			if (e->kind != ERR_PERM && e->kind != ERR_LIMIT)
				return -1;
			ret->kind = RCPT_NO_SUCH_USER; /* an alias nobody can receive through */
		}
	}
	return 0;
}

/* postmaster@ the domain of our own postmaster's address, which is the server's name unless
 * configured otherwise, reaches somebody even when that domain is not in the directory (RFC
 * 5321 4.5.1). */
static bool is_own_postmaster(const struct directory_name *n, slice postmaster, struct arena *a)
{
	struct directory_name own;
	return slice_eq(n->local, S("postmaster")) && directory_name(postmaster, a, &own) &&
	       slice_eq(n->domain, own.domain);
}

int directory_resolve(struct sql *db, slice address, slice postmaster, struct arena *a,
	struct rcpt_answer *ret, struct err *e)
{
	struct directory_name n;
	struct domain d;
	*ret = (struct rcpt_answer){.kind = RCPT_UNKNOWN_DOMAIN};
	if (!directory_name(address, a, &n))
		return 0;
	if (directory_domain(db, n.domain, a, &d, e) < 0) {
		if (e->kind != ERR_NOTFOUND)
			return -1;
		d = (struct domain){.kind = DOMAIN_LOCAL};
		return is_own_postmaster(&n, postmaster, a)
			       ? answer_local(db, &n, &d, postmaster, a, ret, e)
			       : 0;
	}
	if (d.disabled) {
		ret->kind = RCPT_DISABLED;
		return 0;
	}
	if (d.kind == DOMAIN_LOCAL)
		return answer_local(db, &n, &d, postmaster, a, ret, e);
	ret->kind = RCPT_BACKEND;
	ret->backend = d.backend;
	ret->callout = d.callout;
	return 0;
}

int directory_check_sender(struct sql *db, slice login, slice address, slice postmaster,
	struct arena *a, bool *ret, struct err *e)
{
	int64_t account;
	bool disabled;
	struct rcpt_answer answer, target;
	*ret = false;
	if (directory_login(db, login, a, &account, &disabled, e) < 0)
		return e->kind == ERR_NOTFOUND ? 0 : -1;
	if (disabled)
		return 0;
	if (address.n == 0) {
		*ret = true;
		return 0;
	}
	if (directory_resolve(db, address, postmaster, a, &answer, e) < 0)
		return -1;
	if (answer.account_id == account)
		*ret = true;
	for (size_t i = 0; i < answer.ntargets && !*ret; i++) {
		if (directory_resolve(db, answer.targets[i], postmaster, a, &target, e) < 0)
			return -1;
		*ret = target.account_id == account;
	}
	return 0;
}
