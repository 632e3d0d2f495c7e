/*
 * The database of private keys and secrets (keyring.h). Written by the command line, read by the
 * keys role. How keys are made is in keyring_key.c.
 */
#include "store/keyring.h"

#include "base/mem.h"
#include "base/rand.h"
#include "base/time.h"
#include "store/directory_impl.h"
#include <errno.h>
#include <sys/stat.h>

const struct sql_migration keyring_migrations[] = {
	{1, "keyring",
		"CREATE TABLE meta (id {{KEY}}, version BIGINT NOT NULL);"
		"INSERT INTO meta (id, version) VALUES (1, 1);"
		"CREATE TABLE dkim_key ("
		"id {{AUTO_KEY}}, domain TEXT NOT NULL, selector TEXT NOT NULL,"
		"algorithm BIGINT NOT NULL, bits BIGINT NOT NULL, private {{BLOB}} NOT NULL,"
		"public {{BLOB}} NOT NULL, state BIGINT NOT NULL, created_at BIGINT NOT NULL,"
		"activated_at BIGINT NOT NULL, retired_at BIGINT NOT NULL,"
		"revoked_at BIGINT NOT NULL, changed_by TEXT NOT NULL, UNIQUE (domain, selector));"
		"CREATE INDEX dkim_key_state ON dkim_key (state);"
		"CREATE TABLE secret ("
		"name TEXT NOT NULL PRIMARY KEY, bytes {{BLOB}} NOT NULL, old {{BLOB}} NOT NULL,"
		"changed_at BIGINT NOT NULL) {{WITHOUT_ROWID}};",
		"DROP TABLE secret; DROP TABLE dkim_key; DROP TABLE meta;"},
};
const size_t keyring_migrations_n = sizeof keyring_migrations / sizeof keyring_migrations[0];

#define KEY_COLUMNS                                                                                \
	"id, domain, selector, algorithm, bits, public, state, created_at, activated_at,"          \
	" retired_at, revoked_at, changed_by"

slice keyring_dir(slice dir, struct arena *a)
{
	return arena_printf(a, "%.*s/keys", SFMT(dir));
}

/* A store that an older program made has no place for it yet. */
static int make_place(slice dir, struct arena *a, struct err *e)
{
	const char *path = arena_strz(a, dir);
	const char *snapshots = arena_strz(a, arena_printf(a, "%s/snapshot", path));
	if (mkdir(path, 0700) < 0 && errno != EEXIST)
		return err_sys(e, errno, "%s", path);
	if (mkdir(snapshots, 0700) < 0 && errno != EEXIST)
		return err_sys(e, errno, "%s", snapshots);
	return 0;
}

int keyring_open(slice dir, struct sql **ret, struct err *e)
{
	AUTO(arena) struct arena a = {0};
	slice place = keyring_dir(dir, &a);
	struct sql *db;
	if (make_place(place, &a, e) < 0 || sql_open(place, KEYRING_DB, &db, e) < 0)
		return -1;
	if (sql_migrate(db, keyring_migrations, keyring_migrations_n, e) < 0) {
		sql_close(db);
		return -1;
	}
	*ret = db;
	return 0;
}

const char *keyring_state_name(enum keyring_state s)
{
	static const char *const names[] = {[KEYRING_PREPARED] = "prepared",
		[KEYRING_ACTIVE] = "active",
		[KEYRING_RETIRED] = "retired",
		[KEYRING_REVOKED] = "revoked"};
	return s >= KEYRING_PREPARED && s <= KEYRING_REVOKED ? names[s] : "?";
}

/* ---- reading ---- */

int keyring_version(struct sql *db, uint64_t *ret, struct err *e)
{
	struct sql_stmt *s = sql_prepare(db, "SELECT version FROM meta WHERE id = 1", e);
	if (!s)
		return -1;
	int r = sql_step(s, e);
	if (r <= 0)
		return r < 0 ? -1 : err_set(e, ERR_BUG, "the keyring has no version");
	*ret = (uint64_t)sql_int(s, 0);
	sql_reset(s);
	return 0;
}

/* KEY_COLUMNS, and behind them the private key where the statement asked for it. */
static struct keyring_key read_key(struct sql_stmt *s, bool private, struct arena *a)
{
	return (struct keyring_key){
		.id = sql_int(s, 0),
		.domain = arena_dup(a, sql_text(s, 1)),
		.selector = arena_dup(a, sql_text(s, 2)),
		.algorithm = (enum keyring_algorithm)sql_int(s, 3),
		.bits = (unsigned)sql_int(s, 4),
		.public_key = arena_dup(a, sql_text(s, 5)),
		.state = (enum keyring_state)sql_int(s, 6),
		.created_at = sql_int(s, 7),
		.activated_at = sql_int(s, 8),
		.retired_at = sql_int(s, 9),
		.revoked_at = sql_int(s, 10),
		.by = arena_dup(a, sql_text(s, 11)),
		.private_der = private ? arena_dup(a, sql_text(s, 12)) : (slice){0},
	};
}

static int read_keys(struct sql_stmt *s, bool private, struct arena *a, struct keyring_key **ret,
	size_t *ret_n, struct err *e)
{
	struct keyring_key *v = NULL;
	size_t n = 0, cap = 0;
	int r;
	while ((r = sql_step(s, e)) == 1) {
		if (n == cap) {
			struct keyring_key *more =
				ARENA_ARRAY(a, struct keyring_key, cap = cap ? 2 * cap : 16);
			if (n)
				memcpy(more, v, n * sizeof *v);
			v = more;
		}
		v[n++] = read_key(s, private, a);
	}
	if (r < 0)
		return -1;
	*ret = v;
	*ret_n = n;
	return 0;
}

int keyring_list(struct sql *db, slice domain, struct arena *a, struct keyring_key **ret,
	size_t *ret_n, struct err *e)
{
	slice name = S("");
	if (domain.n && !directory_domain_name(domain, a, &name))
		return err_set(e, ERR_PROTO, "not a domain: %.*s", SFMT(domain));
	struct sql_stmt *s = sql_prepare(db,
		"SELECT " KEY_COLUMNS " FROM dkim_key WHERE $1 = '' OR domain = $1"
		" ORDER BY domain, created_at, selector",
		e);
	if (!s)
		return -1;
	sql_bind_text(s, 1, name);
	return read_keys(s, false, a, ret, ret_n, e);
}

int keyring_active(
	struct sql *db, struct arena *a, struct keyring_key **ret, size_t *ret_n, struct err *e)
{
	struct sql_stmt *s = sql_prepare(db,
		"SELECT " KEY_COLUMNS ", private FROM dkim_key WHERE state = $1"
		" ORDER BY domain, activated_at DESC, selector",
		e);
	if (!s)
		return -1;
	sql_bind_int(s, 1, KEYRING_ACTIVE);
	return read_keys(s, true, a, ret, ret_n, e);
}

/* Labels as DNS has them, lower case. */
static bool canonical_selector(slice s, struct arena *a, slice *ret)
{
	slice copy = arena_dup(a, s), rest = copy, label;
	char *p = (char *)copy.p;
	if (!s.n || s.n > KEYRING_SELECTOR_MAX)
		return false;
	for (size_t i = 0; i < copy.n; i++) {
		p[i] = ascii_lower(p[i]);
		if (!((p[i] >= 'a' && p[i] <= 'z') || (p[i] >= '0' && p[i] <= '9') || p[i] == '-' ||
			    p[i] == '_' || p[i] == '.'))
			return false;
	}
	while (slice_cut(&rest, '.', &label))
		if (!label.n || label.p[0] == '-' || label.p[label.n - 1] == '-')
			return false;
	*ret = copy;
	return true;
}

static int canonical(slice domain, slice selector, struct arena *a, slice *ret_domain,
	slice *ret_selector, struct err *e)
{
	if (!directory_domain_name(domain, a, ret_domain))
		return err_set(e, ERR_PROTO, "not a domain: %.*s", SFMT(domain));
	if (!canonical_selector(selector, a, ret_selector))
		return err_set(e, ERR_PROTO, "not a selector: %.*s", SFMT(selector));
	return 0;
}

int keyring_find(struct sql *db, slice domain, slice selector, struct arena *a,
	struct keyring_key *ret, struct err *e)
{
	slice d, sel;
	if (canonical(domain, selector, a, &d, &sel, e) < 0)
		return -1;
	struct sql_stmt *s = sql_prepare(db,
		"SELECT " KEY_COLUMNS ", private FROM dkim_key WHERE domain = $1 AND selector = $2",
		e);
	if (!s)
		return -1;
	sql_bind_text(s, 1, d);
	sql_bind_text(s, 2, sel);
	int r = sql_step(s, e);
	if (r <= 0)
		return r < 0 ? -1
			     : err_set(e, ERR_NOTFOUND, "no key %.*s of %.*s", SFMT(sel), SFMT(d));
	*ret = read_key(s, true, a);
	sql_reset(s);
	return 0;
}

/* ---- changing ---- */

static int changed(struct sql *db, struct err *e)
{
	return sql_run(db, e, "UPDATE meta SET version = version + 1 WHERE id = 1", "") < 0 ? -1
											    : 0;
}

/* Commits what was done since sql_begin, or undoes it. */
static int finish(struct sql *db, int r, struct err *e)
{
	if (r < 0 || changed(db, e) < 0) {
		sql_rollback(db);
		return -1;
	}
	return sql_commit(db, e);
}

/* Keys of a domain, in one state or (0) in all. -1 on failure. */
static int64_t count(struct sql *db, slice domain, int state, struct err *e)
{
	struct sql_stmt *s = sql_prepare(db,
		"SELECT COUNT(*) FROM dkim_key WHERE domain = $1 AND ($2 = 0 OR state = $2)", e);
	if (!s)
		return -1;
	sql_bind_text(s, 1, domain);
	sql_bind_int(s, 2, state);
	int r = sql_step(s, e);
	int64_t n = r == 1 ? sql_int(s, 0) : -1;
	sql_reset(s);
	return n;
}

static int check_room(struct sql *db, slice domain, bool activates, struct err *e)
{
	int64_t all = count(db, domain, 0, e), active = count(db, domain, KEYRING_ACTIVE, e);
	if (all < 0 || active < 0)
		return -1;
	if (all > KEYRING_DOMAIN_KEYS_MAX)
		return err_set(e, ERR_LIMIT, "%.*s has %d keys already: remove old ones",
			SFMT(domain), KEYRING_DOMAIN_KEYS_MAX);
	if (activates && active > KEYRING_ACTIVE_MAX)
		return err_set(e, ERR_LIMIT, "%.*s has %d active keys already", SFMT(domain),
			KEYRING_ACTIVE_MAX);
	return 0;
}

static int insert(struct sql *db, const struct keyring_key *k, slice by, int64_t now,
	int64_t *ret_id, struct err *e)
{
	struct sql_stmt *s = sql_prepare(db,
		"INSERT INTO dkim_key (domain, selector, algorithm, bits, private, public, state,"
		" created_at, activated_at, retired_at, revoked_at, changed_by)"
		" VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, 0, 0, $10) RETURNING id",
		e);
	if (!s)
		return -1;
	sql_bind_text(s, 1, k->domain);
	sql_bind_text(s, 2, k->selector);
	sql_bind_int(s, 3, k->algorithm);
	sql_bind_int(s, 4, k->bits);
	sql_bind_blob(s, 5, k->private_der);
	sql_bind_blob(s, 6, k->public_key);
	sql_bind_int(s, 7, k->state);
	sql_bind_int(s, 8, now);
	sql_bind_int(s, 9, k->state == KEYRING_ACTIVE ? now : 0);
	sql_bind_text(s, 10, by);
	int r = sql_step(s, e);
	if (r == 1)
		*ret_id = sql_int(s, 0);
	sql_reset(s);
	if (r < 0 && e->kind == ERR_EXISTS)
		return err_set(e, ERR_EXISTS, "%.*s has a key %.*s already", SFMT(k->domain),
			SFMT(k->selector));
	return r < 0 ? -1 : 0;
}

int keyring_add(struct sql *db, const struct keyring_key *given, slice by, int64_t now,
	int64_t *ret_id, struct err *e)
{
	AUTO(arena) struct arena a = {0};
	struct keyring_key k = *given;
	if (k.state != KEYRING_PREPARED && k.state != KEYRING_ACTIVE)
		return err_set(e, ERR_PROTO, "a new key is prepared or active");
	if (canonical(given->domain, given->selector, &a, &k.domain, &k.selector, e) < 0 ||
		sql_begin(db, e) < 0)
		return -1;
	int64_t id = 0;
	int r = insert(db, &k, by, now, &id, e);
	if (r == 0)
		r = check_room(db, k.domain, k.state == KEYRING_ACTIVE, e);
	if (finish(db, r, e) < 0)
		return -1;
	*ret_id = id;
	return 0;
}

static int find_by_id(
	struct sql *db, int64_t id, struct arena *a, struct keyring_key *ret, struct err *e)
{
	struct sql_stmt *s =
		sql_prepare(db, "SELECT " KEY_COLUMNS " FROM dkim_key WHERE id = $1", e);
	if (!s)
		return -1;
	sql_bind_int(s, 1, id);
	int r = sql_step(s, e);
	if (r <= 0)
		return r < 0 ? -1 : err_set(e, ERR_NOTFOUND, "the key is gone");
	*ret = read_key(s, false, a);
	sql_reset(s);
	return 0;
}

static void enter_state(struct keyring_key *k, enum keyring_state to, int64_t now)
{
	k->state = to;
	switch (to) {
	case KEYRING_PREPARED:
		k->activated_at = k->retired_at = 0;
		break;
	case KEYRING_ACTIVE:
		k->activated_at = now;
		k->retired_at = 0;
		break;
	case KEYRING_RETIRED:
		k->retired_at = now;
		break;
	case KEYRING_REVOKED:
		k->revoked_at = now;
		break;
	}
}

static int write_state(struct sql *db, const struct keyring_key *k, slice by, struct err *e)
{
	if (sql_run(db, e,
		    "UPDATE dkim_key SET state = $1, changed_by = $2, activated_at = $3,"
		    " retired_at = $4, revoked_at = $5 WHERE id = $6",
		    "itiiii", (int64_t)k->state, by, k->activated_at, k->retired_at, k->revoked_at,
		    k->id) < 0)
		return -1;
	if (k->state != KEYRING_REVOKED)
		return 0;
	return sql_run(db, e, "UPDATE dkim_key SET private = $1 WHERE id = $2", "bi", S(""),
		       k->id) < 0
		       ? -1
		       : 0;
}

static int change_state(
	struct sql *db, int64_t id, enum keyring_state to, slice by, int64_t now, struct err *e)
{
	AUTO(arena) struct arena a = {0};
	struct keyring_key k = {0};
	if (find_by_id(db, id, &a, &k, e) < 0)
		return -1;
	if (k.state == to)
		return 0;
	if (k.state == KEYRING_REVOKED)
		return err_set(e, ERR_DENIED, "a revoked key stays revoked");
	enter_state(&k, to, now);
	if (write_state(db, &k, by, e) < 0)
		return -1;
	return check_room(db, k.domain, to == KEYRING_ACTIVE, e);
}

int keyring_set_state(
	struct sql *db, int64_t id, enum keyring_state to, slice by, int64_t now, struct err *e)
{
	if (sql_begin(db, e) < 0)
		return -1;
	return finish(db, change_state(db, id, to, by, now, e), e);
}

int keyring_remove(struct sql *db, int64_t id, struct err *e)
{
	if (sql_begin(db, e) < 0)
		return -1;
	int64_t n = sql_run(db, e, "DELETE FROM dkim_key WHERE id = $1", "i", id);
	if (n == 0)
		err_set(e, ERR_NOTFOUND, "the key is gone");
	return finish(db, n > 0 ? 0 : -1, e);
}

/* ---- secrets ---- */

static slice new_secret(struct arena *a)
{
	char bytes[KEYRING_SECRET];
	rand_bytes(bytes, sizeof bytes);
	return arena_dup(a, slice_of(bytes, sizeof bytes));
}

int keyring_secret_make(struct sql *db, slice name, int64_t now, struct err *e)
{
	AUTO(arena) struct arena a = {0};
	if (sql_begin(db, e) < 0)
		return -1;
	int64_t n = sql_run(db, e,
		"INSERT INTO secret (name, bytes, old, changed_at) VALUES ($1, $2, $3, $4)"
		" ON CONFLICT (name) DO NOTHING",
		"tbbi", name, new_secret(&a), S(""), now);
	return finish(db, n < 0 ? -1 : 0, e);
}

int keyring_secret_renew(struct sql *db, slice name, int64_t now, struct err *e)
{
	AUTO(arena) struct arena a = {0};
	if (sql_begin(db, e) < 0)
		return -1;
	int64_t n = sql_run(db, e,
		"UPDATE secret SET old = bytes, bytes = $1, changed_at = $2 WHERE name = $3", "bit",
		new_secret(&a), now, name);
	if (n == 0)
		err_set(e, ERR_NOTFOUND, "no secret %.*s", SFMT(name));
	return finish(db, n > 0 ? 0 : -1, e);
}

int keyring_secrets(
	struct sql *db, struct arena *a, struct keyring_secret **ret, size_t *ret_n, struct err *e)
{
	enum { SECRETS_MAX = 100 };
	struct sql_stmt *s =
		sql_prepare(db, "SELECT name, bytes, old FROM secret ORDER BY name LIMIT 100", e);
	if (!s)
		return -1;
	struct keyring_secret *v = ARENA_ARRAY(a, struct keyring_secret, SECRETS_MAX);
	size_t n = 0;
	int r;
	while ((r = sql_step(s, e)) == 1)
		v[n++] = (struct keyring_secret){arena_dup(a, sql_text(s, 0)),
			arena_dup(a, sql_text(s, 1)), arena_dup(a, sql_text(s, 2))};
	if (r < 0)
		return -1;
	*ret = v;
	*ret_n = n;
	return 0;
}
