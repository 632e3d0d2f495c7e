/*
 * What an address means (directory.h tells the order of the rules): account, group, alias, detail,
 * catch-all, postmaster. Blocks; called in the pool by directory_cache.c, and by the command line.
 */
#include "base/mem.h"
#include "store/directory_impl.h"
#include "store/maillist.h"

int directory_targets(
	struct sql *db, slice address, struct arena *a, slice **ret, size_t *ret_n, struct err *e)
{
	struct sql_stmt *s = sql_prepare(db,
		"SELECT target FROM alias WHERE address = $1 AND (account_id = 0 OR"
		" EXISTS (SELECT 1 FROM account WHERE account.id = alias.account_id"
		" AND account.deleted_at = 0)) ORDER BY target LIMIT $2",
		e);
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
	int64_t group_id; /* 0: no group */
	int64_t list_id; /* 0: of no mailing list */
	enum maillist_part list_part;
};

static int64_t find_group(struct sql *db, slice address, struct err *e)
{
	return directory_number(db, e, "SELECT id FROM mailgroup WHERE address = $1", "t", address);
}

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
		ret->group_id = find_group(db, address, e);
		if (ret->group_id)
			return ret->group_id < 0 ? -1 : 1;
	}
	if (directory_targets(db, address, a, &ret->targets, &ret->ntargets, e) < 0)
		return -1;
	return ret->ntargets > 0;
}

/* A mailing list, or an address that belongs to one. What goes to its owners is like an alias of theirs. */
static int find_list(
	struct sql *db, slice address, struct arena *a, struct found *ret, struct err *e)
{
	int r = maillist_find(db, address, &ret->list_id, &ret->list_part, e);
	if (r == 1 && ret->list_part == MAILLIST_OWNER &&
		maillist_owners(db, ret->list_id, a, &ret->targets, &ret->ntargets, e) < 0)
		return -1;
	return r;
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
		r = find_list(db, n->address, a, ret, e);
	if (r == 0)
		r = find_exact(db, arena_printf(a, "@%.*s", SFMT(n->domain)), a, ret, e);
	return r;
}

/* The oldest enabled account of the domain, else of the whole installation. */
static int first_account(
	struct sql *db, int64_t domain_id, struct arena *a, struct found *ret, struct err *e)
{
	struct sql_stmt *s = sql_prepare(db,
		"SELECT id FROM account WHERE disabled = 0 AND deleted_at = 0 AND kind = 1"
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

/* ---- aliases of aliases, groups in groups ---- */

struct expansion {
	struct sql *db;
	struct arena *a;
	struct err *e;
	struct map seen; /* canonical addresses, aliases and results */
	slice *out; /* on the heap until the end */
	size_t n, cap, most;
	bool keep_groups; /* groups are results themselves */
};

static int expand(struct expansion *x, slice address, unsigned depth);

/* An address that was not there yet. */
static int add_target(struct expansion *x, slice address)
{
	if (x->n == x->most)
		return err_set(x->e, ERR_LIMIT, "more than %zu addresses are behind it", x->most);
	if (x->n == x->cap) {
		x->cap = x->cap ? x->cap * 2 : 16;
		x->out = mem_grow(x->out, x->cap * sizeof *x->out);
	}
	x->out[x->n++] = arena_dup(x->a, address);
	return 0;
}

/* Of somebody who is known to have an account. */
static int add_person(void *arg, slice address)
{
	struct expansion *x = arg;
	if (map_get(&x->seen, address))
		return 0;
	map_put(&x->seen, address, x);
	return add_target(x, address);
}

static int expand_targets(struct expansion *x, const struct found *f, unsigned depth)
{
	if (depth >= DIRECTORY_ALIAS_DEPTH)
		return err_set(
			x->e, ERR_LIMIT, "aliases are more than %d deep", DIRECTORY_ALIAS_DEPTH);
	for (size_t i = 0; i < f->ntargets; i++)
		if (expand(x, f->targets[i], depth + 1) < 0)
			return -1;
	return 0;
}

static int expand_group(struct expansion *x, int64_t id, unsigned depth)
{
	AUTO(arena) struct arena a = {0};
	struct member *v;
	size_t n;
	if (depth >= DIRECTORY_GROUP_DEPTH)
		return err_set(
			x->e, ERR_LIMIT, "groups are more than %d deep", DIRECTORY_GROUP_DEPTH);
	int r = directory_each_person(x->db, MEMBER_GROUP, id, add_person, x, x->e);
	if (r == 0)
		r = directory_group_others(x->db, id, &a, &v, &n, x->e);
	for (size_t i = 0; r == 0 && i < n; i++) {
		bool many = v[i].kind == MEMBER_DEPARTMENT || v[i].kind == MEMBER_ORG;
		r = many ? directory_each_person(x->db, v[i].kind, v[i].id, add_person, x, x->e)
			 : expand(x, v[i].text, depth + 1);
	}
	return r;
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
		return expand_targets(x, &f, depth);
	if (f.group_id && !x->keep_groups)
		return expand_group(x, f.group_id, depth);
	return add_target(x, n.address);
}

static int by_text(const void *x, const void *y)
{
	return slice_cmp(*(const slice *)x, *(const slice *)y);
}

static int expand_found(struct sql *db, const struct found *f, bool keep_groups, struct arena *a,
	slice **ret, size_t *ret_n, struct err *e)
{
	struct expansion x = {.db = db,
		.a = a,
		.e = e,
		.most = f->group_id ? DIRECTORY_GROUP_TARGETS_MAX : DIRECTORY_TARGETS_MAX,
		.keep_groups = keep_groups};
	int r = f->group_id ? expand_group(&x, f->group_id, 0) : expand_targets(&x, f, 0);
	if (r == 0 && x.n == 0)
		r = err_set(e, ERR_PERM, "nobody is behind the address");
	if (r == 0) {
		*ret = ARENA_ARRAY(a, slice, x.n);
		memcpy(*ret, x.out, x.n * sizeof **ret);
		if (f->group_id)
			qsort(*ret, x.n, sizeof **ret, by_text);
		*ret_n = x.n;
	}
	map_done(&x.seen);
	free(x.out);
	return r;
}

int directory_group_expand(
	struct sql *db, slice address, struct arena *a, slice **ret, size_t *ret_n, struct err *e)
{
	struct mail_group g;
	if (directory_group(db, address, a, &g, e) < 0)
		return -1;
	struct found f = {.group_id = g.id};
	return expand_found(db, &f, false, a, ret, ret_n, e);
}

/* ---- the whole answer ---- */

static int answer_local(struct sql *db, const struct directory_name *n, const struct domain *d,
	slice postmaster, bool keep_groups, struct arena *a, struct rcpt_answer *ret, struct err *e)
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
		ret->quota_messages = f.account.quota_messages;
		ret->account_kind = f.account.kind;
	} else if (f.list_id && !f.ntargets) {
		ret->kind = RCPT_LOCAL;
		ret->list_id = f.list_id;
		ret->list_part = f.list_part;
	} else {
		ret->kind = RCPT_LOCAL;
		ret->group_id = f.group_id;
		ret->list_id = f.list_id;
		ret->list_part = f.list_part;
		if (!(f.group_id && keep_groups) && expand_found(db, &f, keep_groups, a,
							    &ret->targets, &ret->ntargets, e) < 0) {
			if (e->kind != ERR_PERM && e->kind != ERR_LIMIT)
				return -1;
			ret->kind = RCPT_NO_SUCH_USER; /* an address nobody can receive through */
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

/* The same address in the domain that this one stands for. */
static int real_name(
	struct sql *db, struct directory_name *n, struct domain *d, struct arena *a, struct err *e)
{
	slice address = arena_printf(a, "%.*s@%.*s", SFMT(n->local), SFMT(d->stands_for));
	bool disabled = d->disabled || d->org_disabled;
	if (directory_domain(db, d->stands_for, a, d, e) < 0 || !directory_name(address, a, n))
		return -1;
	d->disabled |= disabled;
	return 0;
}

static int resolve(struct sql *db, slice address, slice postmaster, bool keep_groups,
	struct arena *a, struct rcpt_answer *ret, struct err *e)
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
			       ? answer_local(db, &n, &d, postmaster, keep_groups, a, ret, e)
			       : 0;
	}
	if (d.kind == DOMAIN_ALIAS && real_name(db, &n, &d, a, e) < 0)
		return e->kind == ERR_NOTFOUND ? 0 : -1;
	if (d.disabled || d.org_disabled) {
		ret->kind = RCPT_DISABLED;
		return 0;
	}
	if (d.kind == DOMAIN_LOCAL)
		return answer_local(db, &n, &d, postmaster, keep_groups, a, ret, e);
	ret->kind = RCPT_BACKEND;
	ret->backend = d.backend;
	ret->callout = d.callout;
	return 0;
}

int directory_resolve(struct sql *db, slice address, slice postmaster, struct arena *a,
	struct rcpt_answer *ret, struct err *e)
{
	return resolve(db, address, postmaster, false, a, ret, e);
}

/* ---- senders ---- */

struct sender {
	struct sql *db;
	slice postmaster;
	int64_t account_id;
	struct memberships m;
};

/* The account itself; a shared mailbox or group in whose name it may send. */
static int may_use(struct sender *s, const struct rcpt_answer *r, bool *ret, struct err *e)
{
	if (r->group_id)
		return directory_group_sender(s->db, r->group_id, s->account_id, &s->m, ret, e);
	*ret = r->account_id == s->account_id;
	for (size_t i = 0; i < s->m.nshared && !*ret; i++)
		*ret = s->m.shared[i].send_as && s->m.shared[i].account_id == r->account_id;
	return 0;
}

static int check_sender(struct sender *s, slice address, struct arena *a, bool *ret, struct err *e)
{
	struct rcpt_answer answer, target;
	if (resolve(s->db, address, s->postmaster, true, a, &answer, e) < 0)
		return -1;
	if (answer.account_id || answer.group_id)
		return may_use(s, &answer, ret, e);
	for (size_t i = 0; i < answer.ntargets && !*ret; i++)
		if (resolve(s->db, answer.targets[i], s->postmaster, true, a, &target, e) < 0 ||
			((target.account_id || target.group_id) && may_use(s, &target, ret, e) < 0))
			return -1;
	return 0;
}

int directory_check_sender(struct sql *db, slice login, slice address, slice postmaster,
	struct arena *a, bool *ret, struct err *e)
{
	struct sender s = {.db = db, .postmaster = postmaster};
	bool disabled;
	*ret = false;
	if (directory_login(db, login, a, &s.account_id, &disabled, e) < 0)
		return e->kind == ERR_NOTFOUND ? 0 : -1;
	if (disabled)
		return 0;
	if (address.n == 0) {
		*ret = true;
		return 0;
	}
	if (directory_find_memberships(db, login, a, &s.m, e) < 0)
		return -1;
	return check_sender(&s, address, a, ret, e);
}
