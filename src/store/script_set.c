/*
 * What runs over an account's mail (script.h): the administrator's scripts that apply to it, its own active one, and whatever
 * these include, at any depth. Kept in memory until the directory changes, at most CACHE_MAX bytes; read in the pool by one
 * connection. Called by local delivery, for accounts that script_applies to.
 */
#include "store/script_int.h"

#include "base/map.h"
#include "base/mem.h"
#include "base/must.h"
#include "run/co.h"
#include "run/pool.h"

enum { CACHE_MAX = 32 << 20 };
#define LOCK_WAIT (30 * SECOND)

/* Of `script` s with account 0, beside account and domain of $1. */
#define APPLIES                                                                                    \
	"s.place IN (1, 2) AND (s.scope = 1 OR (s.scope = 2 AND s.scope_id = domain.org_id)"       \
	" OR (s.scope = 3 AND s.scope_id = domain.id))"
#define ITS_DOMAIN " account JOIN domain ON domain.id = account.domain_id"

int script_applies(struct sql *db, int64_t account_id, bool *ret, struct err *e)
{
	int64_t n = directory_number(db, e,
		"SELECT CASE WHEN EXISTS (SELECT 1 FROM script s WHERE s.account_id = $1 AND"
		" s.active > 0) OR EXISTS (SELECT 1 FROM script s," ITS_DOMAIN
		" WHERE account.id = $1 AND s.account_id = 0 AND s.active > 0 AND " APPLIES
		") THEN 1 ELSE 0 END",
		"i", account_id);
	*ret = n > 0;
	return n < 0 ? -1 : 0;
}

/* ---- loading ---- */

static int load_run(
	struct sql *db, int64_t account_id, struct arena *a, struct script_set *ret, struct err *e)
{
	struct sql_stmt *s = directory_query(db, e,
		SCRIPT_WHOLE
		" FROM script s," ITS_DOMAIN " WHERE account.id = $1 AND s.active > 0 AND"
		" (s.account_id = $1 OR (s.account_id = 0 AND " APPLIES "))"
		" ORDER BY CASE s.place WHEN 1 THEN s.scope WHEN 0 THEN 10 ELSE 20 - s.scope END,"
		" s.ord, s.name",
		"i", account_id);
	return s ? directory_collect(s, sizeof *ret->run, script_read_row, a, (void **)&ret->run,
			   &ret->nrun, e)
		 : -1;
}

static bool is_there(const struct script_set *set, bool system, slice name)
{
	for (size_t i = 0; i < set->nincluded; i++)
		if ((set->included[i].account_id == 0) == system &&
			slice_eq(set->included[i].name, name))
			return true;
	return false;
}

/* What is not there is the script's mistake, told when it runs. */
static int load_included(struct sql *db, int64_t account_id, slice line, struct arena *a,
	struct script_set *set, struct err *e)
{
	bool system = slice_starts(line, S("global "));
	slice name = slice_skip(line, slice_index(line, ' ') + 1);
	if (set->nincluded == SCRIPT_INCLUDED_MAX || is_there(set, system, name))
		return 0;
	struct script *to = &set->included[set->nincluded];
	if (script_get(db, system ? 0 : account_id, name, a, to, e) < 0)
		return e->kind == ERR_NOTFOUND ? 0 : -1;
	/* One that is switched off is for nobody; an account's needs not be active. */
	set->nincluded += !system || to->active;
	return 0;
}

static int load_includes_of(struct sql *db, int64_t account_id, const struct script *s,
	struct arena *a, struct script_set *set, struct err *e)
{
	slice line, rest = s->includes;
	int64_t whose = s->account_id;
	while (slice_cut(&rest, '\n', &line))
		if (line.n && load_included(db, whose ? whose : account_id, line, a, set, e) < 0)
			return -1;
	return 0;
}

/* ---- whose mail it is ---- */

/* Aliases of several readers are nobody's own. */
#define OWN_ALIASES                                                                                \
	"SELECT alias.address FROM alias WHERE alias.target = $1 AND alias.address NOT LIKE '@%'"  \
	" AND (SELECT COUNT(*) FROM alias other WHERE other.address = alias.address) = 1"          \
	" ORDER BY alias.address LIMIT $2"

static void read_slice(struct sql_stmt *s, struct arena *a, void *row)
{
	*(slice *)row = arena_dup(a, sql_text(s, 0));
}

/* The same local parts in domains that stand for this one. */
static int add_domain_aliases(
	struct sql *db, slice domain, struct arena *a, struct script_set *set, struct err *e)
{
	void *v;
	size_t n, plain = set->nown;
	struct sql_stmt *s = directory_query(db, e,
		"SELECT name FROM domain WHERE kind = 3 AND stands_for = $1 ORDER BY name", "t",
		domain);
	if (!s || directory_collect(s, sizeof(slice), read_slice, a, &v, &n, e) < 0)
		return -1;
	for (size_t i = 0; i < plain; i++)
		for (size_t k = 0; k < n && set->nown < SCRIPT_OWN_MAX; k++)
			if (slice_iends(set->own[i], domain))
				set->own[set->nown++] = arena_printf(a, "%.*s@%.*s",
					SFMT(slice_first(
						set->own[i], slice_rindex(set->own[i], '@'))),
					SFMT(((slice *)v)[k]));
	return 0;
}

static int load_owner(
	struct sql *db, int64_t account_id, struct arena *a, struct script_set *set, struct err *e)
{
	struct account account;
	void *v;
	size_t n;
	if (directory_account_by_id(db, account_id, a, &account, e) < 0)
		return -1;
	set->owner = account.address;
	set->owner_name = account.name;
	set->own = ARENA_ARRAY(a, slice, SCRIPT_OWN_MAX + 1);
	set->own[set->nown++] = account.address;
	struct sql_stmt *s = directory_query(
		db, e, OWN_ALIASES, "ti", account.address, (int64_t)SCRIPT_OWN_MAX - 1);
	if (!s || directory_collect(s, sizeof(slice), read_slice, a, &v, &n, e) < 0)
		return -1;
	for (size_t i = 0; i < n; i++)
		set->own[set->nown++] = ((slice *)v)[i];
	slice domain = slice_skip(account.address, slice_rindex(account.address, '@') + 1);
	return add_domain_aliases(db, domain, a, set, e);
}

/* Everything that `require` names stands in the text. */
static void note_spamtest(struct script_set *set)
{
	for (size_t i = 0; i < set->nrun + set->nincluded; i++) {
		const struct script *s =
			i < set->nrun ? &set->run[i] : &set->included[i - set->nrun];
		if (slice_find(s->text, S("spamtest")) < s->text.n)
			*(s->account_id ? &set->spamtest : &set->system_spamtest) = true;
	}
}

int script_set_load(
	struct sql *db, int64_t account_id, struct arena *a, struct script_set *ret, struct err *e)
{
	struct script_set set = {0};
	if (load_run(db, account_id, a, &set, e) < 0)
		return -1;
	set.included = ARENA_ARRAY(a, struct script, SCRIPT_INCLUDED_MAX);
	for (size_t i = 0; i < set.nrun; i++)
		if (load_includes_of(db, account_id, &set.run[i], a, &set, e) < 0)
			return -1;
	for (size_t i = 0; i < set.nincluded; i++) /* grows meanwhile */
		if (load_includes_of(db, account_id, &set.included[i], a, &set, e) < 0)
			return -1;
	if (load_owner(db, account_id, a, &set, e) < 0)
		return -1;
	note_spamtest(&set);
	set.bytes = a->total;
	*ret = set;
	return 0;
}

/* ---- in memory ---- */

struct kept {
	struct script_set set; /* first: what is lent */
	struct arena mem;
	unsigned lent;
	bool known; /* the cache has it */
};
struct script_cache {
	struct sql *db;
	bool busy;
	struct cond idle;
	uint64_t version;
	struct map sets; /* by account */
	size_t bytes;
};

static void free_kept(struct kept *k)
{
	arena_done(&k->mem);
	free(k);
}

static void forget_all(struct script_cache *c)
{
	size_t i = 0;
	slice key;
	void *value;
	while (map_next(&c->sets, &i, &key, &value)) {
		struct kept *k = value;
		k->known = false;
		if (!k->lent)
			free_kept(k);
	}
	map_done(&c->sets);
	c->sets = (struct map){0};
	c->bytes = 0;
}

int script_cache_open(slice dir, struct script_cache **ret, struct err *e)
{
	struct sql *db;
	if (sql_open_read(dir, "directory", &db, e) < 0)
		return -1;
	struct script_cache *c = NEW(struct script_cache);
	c->db = db;
	cond_init(&c->idle);
	*ret = c;
	return 0;
}

void script_cache_close(struct script_cache *c)
{
	if (!c)
		return;
	must(!c->busy);
	forget_all(c);
	sql_close(c->db);
	free(c);
}

struct loading {
	struct script_cache *c;
	int64_t account_id;
	struct kept *k;
	int result;
	struct err e;
};

static void load_in_pool(void *arg)
{
	struct loading *l = arg;
	if (sql_read_begin(l->c->db, &l->e) < 0) {
		l->result = -1;
		return;
	}
	l->result = script_set_load(l->c->db, l->account_id, &l->k->mem, &l->k->set, &l->e);
	sql_read_end(l->c->db);
}

static int load(struct script_cache *c, int64_t account_id, struct kept **ret, struct err *e)
{
	struct loading l = {.c = c, .account_id = account_id};
	while (c->busy)
		if (cond_wait(&c->idle, instant_in(LOCK_WAIT), e) < 0) {
			if (!c->busy)
				cond_wake_one(&c->idle);
			return -1;
		}
	c->busy = true;
	l.k = NEW(struct kept);
	pool_call(load_in_pool, &l);
	c->busy = false;
	cond_wake_one(&c->idle);
	if (l.result < 0) {
		*e = l.e;
		free_kept(l.k);
		return -1;
	}
	*ret = l.k;
	return 0;
}

static void keep(struct script_cache *c, uint64_t version, slice key, struct kept *k)
{
	if (version != c->version || map_get(&c->sets, key))
		return; /* it changed meanwhile, or somebody was first */
	if (c->bytes + k->set.bytes > CACHE_MAX)
		forget_all(c);
	if (k->set.bytes > CACHE_MAX / 4)
		return;
	k->known = true;
	c->bytes += k->set.bytes;
	map_put(&c->sets, key, k);
}

int script_cache_get(struct script_cache *c, uint64_t version, int64_t account_id,
	const struct script_set **ret, struct err *e)
{
	slice key = slice_of((const char *)&account_id, sizeof account_id);
	if (version != c->version)
		forget_all(c);
	c->version = version;
	struct kept *k = map_get(&c->sets, key);
	if (!k && load(c, account_id, &k, e) < 0)
		return -1;
	if (!k->known)
		keep(c, version, key, k);
	k->lent++;
	*ret = &k->set;
	return 0;
}

void script_cache_drop(struct script_cache *c, const struct script_set *s)
{
	struct kept *k = (struct kept *)(uintptr_t)s;
	(void)c;
	must(k->lent > 0);
	if (--k->lent == 0 && !k->known)
		free_kept(k);
}
