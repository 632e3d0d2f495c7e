/*
 * The table of allow and block entries in the directory's database (list.h): canonical spelling,
 * adding, removing, showing. Run by the command line (and the console later); blocks. Each change
 * raises the lists' version, by which servers notice (list_match.c).
 */
#include "store/list.h"

#include "base/mem.h"
#include "base/time.h"
#include "base/utf8.h"
#include "codec/address.h"
#include "store/directory_impl.h"
#include "store/list_impl.h"
#include "store/wildcard.h"

#include <arpa/inet.h>

static const char *const level_names[LISTS_LEVELS] = {"system", "organisation", "user"};
static const char *const kind_names[LISTS_KINDS] = {
	[LISTS_IP] = "ip",
	[LISTS_PTR] = "host",
	[LISTS_HELO] = "helo",
	[LISTS_DOMAIN] = "domain",
	[LISTS_PATTERN] = "pattern",
	[LISTS_ADDRESS] = "address",
};

const char *lists_level_name(enum lists_level l)
{
	return level_names[l];
}

const char *lists_kind_name(enum lists_kind k)
{
	return kind_names[k];
}

static bool find_name(slice s, const char *const *names, int n, int *ret)
{
	for (int i = 0; i < n; i++)
		if (slice_ieq(s, slice_z(names[i]))) {
			*ret = i;
			return true;
		}
	return false;
}

bool lists_level_parse(slice s, enum lists_level *ret)
{
	int i;
	if (slice_ieq(s, S("org")) || slice_ieq(s, S("organization")))
		i = LISTS_ORG;
	else if (!find_name(s, level_names, LISTS_LEVELS, &i))
		return false;
	*ret = (enum lists_level)i;
	return true;
}

bool lists_kind_parse(slice s, enum lists_kind *ret)
{
	int i;
	if (slice_ieq(s, S("ptr")))
		i = LISTS_PTR;
	else if (slice_ieq(s, S("cidr")) || slice_ieq(s, S("network")))
		i = LISTS_IP;
	else if (!find_name(s, kind_names, LISTS_KINDS, &i))
		return false;
	*ret = (enum lists_kind)i;
	return true;
}

/* ---- canonical spelling ---- */

static bool one_line(slice s, size_t most)
{
	for (size_t i = 0; i < s.n; i++)
		if ((unsigned char)s.p[i] < ' ' || s.p[i] == 0x7f)
			return false;
	return s.n <= most && utf8_valid(s);
}

static slice lower(slice s, struct arena *a)
{
	char *p = arena_strz(a, s);
	for (size_t i = 0; i < s.n; i++)
		p[i] = ascii_lower(p[i]);
	return slice_of(p, s.n);
}

static slice cidr_text(struct net_cidr *c, struct arena *a)
{
	char ip[INET6_ADDRSTRLEN];
	unsigned all = c->family == AF_INET ? 32 : 128;
	for (unsigned bit = c->bits; bit < all; bit++)
		c->ip[bit / 8] &= (uint8_t) ~(0x80 >> bit % 8);
	inet_ntop(c->family, c->ip, ip, sizeof ip);
	return c->bits == all ? arena_dup(a, slice_z(ip)) : arena_printf(a, "%s/%u", ip, c->bits);
}

/* "example.org" of "example.org", ".example.org", "*.example.org", "@example.org". */
static bool domain_text(slice s, struct arena *a, slice *ret)
{
	if (slice_starts(s, S("*.")))
		s = slice_skip(s, 2);
	else if (slice_starts(s, S(".")) || slice_starts(s, S("@")))
		s = slice_skip(s, 1);
	return directory_domain_name(s, a, ret);
}

/* What callers name themselves need not be a domain. */
static bool helo_text(slice s, struct arena *a, slice *ret)
{
	if (domain_text(s, a, ret))
		return true;
	*ret = lower(s, a);
	return s.n > 0 && s.n <= ADDRESS_DOMAIN_MAX && slice_index(s, ' ') == s.n;
}

static bool pattern_text(slice s, struct arena *a, slice *ret)
{
	*ret = lower(s, a);
	return s.n > 0 && s.n <= ADDRESS_MAX && slice_index(s, '*') < s.n &&
	       slice_index(s, ' ') == s.n;
}

static enum lists_kind guess_kind(slice what)
{
	struct net_cidr c;
	struct err e;
	if (slice_index(what, '*') < what.n)
		return LISTS_PATTERN;
	if (slice_rindex(what, '@') < what.n && what.p[0] != '@')
		return LISTS_ADDRESS;
	return net_cidr_parse(what, &c, &e) == 0 ? LISTS_IP : LISTS_DOMAIN;
}

static bool canonical_what(struct lists_entry *entry, struct arena *a)
{
	struct net_cidr c;
	struct err e;
	slice *what = &entry->what;
	switch (entry->kind) {
	case LISTS_IP:
		if (net_cidr_parse(*what, &c, &e) < 0)
			return false;
		*what = cidr_text(&c, a);
		return true;
	case LISTS_PTR:
	case LISTS_DOMAIN:
		return domain_text(*what, a, what);
	case LISTS_HELO:
		return helo_text(*what, a, what);
	case LISTS_PATTERN:
		return pattern_text(*what, a, what);
	case LISTS_ADDRESS:
		return directory_canonical(*what, a, what);
	default:
		return false;
	}
}

static bool canonical_scope(struct lists_entry *entry, struct arena *a)
{
	switch (entry->level) {
	case LISTS_SYSTEM:
		return entry->scope.n == 0;
	case LISTS_ORG:
		return domain_text(entry->scope, a, &entry->scope);
	case LISTS_USER:
		return directory_canonical(entry->scope, a, &entry->scope);
	default:
		return false;
	}
}

int lists_canonical(struct lists_entry *entry, bool guess, struct arena *a, struct err *e)
{
	entry->what = slice_trim(entry->what);
	if (!one_line(entry->what, DIRECTORY_TEXT_MAX) ||
		!one_line(entry->comment, LISTS_COMMENT_MAX) ||
		!one_line(entry->created_by, DIRECTORY_TEXT_MAX))
		return err_set(e, ERR_PROTO, "the text of an entry is one short line of UTF-8");
	if (guess)
		entry->kind = guess_kind(entry->what);
	slice was = slice_first(entry->what, 100);
	if ((unsigned)entry->kind >= LISTS_KINDS || !canonical_what(entry, a))
		return err_set(e, ERR_PROTO, "not a %s: %.*s",
			(unsigned)entry->kind < LISTS_KINDS ? kind_names[entry->kind] : "kind",
			SFMT(was));
	was = slice_first(entry->scope, 100);
	if (!canonical_scope(entry, a))
		return err_set(e, ERR_PROTO, "not the name of %s: %.*s",
			entry->level == LISTS_ORG    ? "an organisation (a domain)"
			: entry->level == LISTS_USER ? "a user (an address)"
						     : "a level",
			SFMT(was));
	return 0;
}

struct lists_entry lists_copy(const struct lists_entry *entry, struct arena *a)
{
	struct lists_entry to = *entry;
	slice *const texts[] = {&to.scope, &to.what, &to.created_by, &to.comment};
	for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
		*texts[i] = arena_dup(a, *texts[i]);
	return to;
}

/* ---- changes ---- */

int lists_version(struct sql *db, uint64_t *ret, struct err *e)
{
	struct sql_stmt *s = sql_prepare(db, "SELECT version FROM meta WHERE id = 2", e);
	int r = s ? sql_step(s, e) : -1;
	if (r <= 0)
		return r < 0 ? -1 : err_set(e, ERR_BUG, "the lists have no version");
	*ret = (uint64_t)sql_int(s, 0);
	sql_reset(s);
	return 0;
}

static int64_t end_change(struct sql *db, int64_t r, struct err *e)
{
	if (r > 0 && sql_run(db, e, "UPDATE meta SET version = version + 1 WHERE id = 2", "") < 0)
		r = -1;
	if (r < 0) {
		sql_rollback(db);
		return -1;
	}
	return sql_commit(db, e) < 0 ? -1 : r;
}

static int64_t count_rows(struct sql *db, struct err *e)
{
	struct sql_stmt *s = sql_prepare(db, "SELECT COUNT(*) FROM list_entry", e);
	if (!s || sql_step(s, e) < 0)
		return -1;
	int64_t n = sql_int(s, 0);
	sql_reset(s);
	return n;
}

static int check_patterns(struct sql *db, const struct lists_entry *entry, struct err *e)
{
	struct sql_stmt *s = sql_prepare(db,
		"SELECT COUNT(*) FROM list_entry WHERE level = $1 AND scope = $2 AND kind = $3", e);
	if (!s)
		return -1;
	sql_bind_int(s, 1, entry->level);
	sql_bind_text(s, 2, entry->scope);
	sql_bind_int(s, 3, LISTS_PATTERN);
	if (sql_step(s, e) < 0)
		return -1;
	int64_t n = sql_int(s, 0);
	sql_reset(s);
	return n > LISTS_PATTERNS_MAX ? err_set(e, ERR_LIMIT, "more than %d patterns at one place",
						LISTS_PATTERNS_MAX)
				      : 0;
}

/* 1: it is new, 0: replaced. */
static int64_t put(struct sql *db, const struct lists_entry *v, struct err *e)
{
	int64_t gone = sql_run(db, e,
		"DELETE FROM list_entry WHERE level = $1 AND scope = $2 AND kind = $3 AND what = "
		"$4",
		"itit", (int64_t)v->level, v->scope, (int64_t)v->kind, v->what);
	if (gone < 0 ||
		sql_run(db, e,
			"INSERT INTO list_entry (level, scope, kind, what, allow, insist, "
			"expires_at, created_at, created_by, comment)"
			" VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)",
			"ititiiiitt", (int64_t)v->level, v->scope, (int64_t)v->kind, v->what,
			(int64_t)v->allow, (int64_t)v->insist, v->expires_at,
			v->created_at ? v->created_at : wall_now(), v->created_by, v->comment) < 0)
		return -1;
	if (v->kind == LISTS_PATTERN && check_patterns(db, v, e) < 0)
		return -1;
	return gone == 0;
}

/* What expired long ago leaves with the next change. */
static int forget_expired(struct sql *db, struct err *e)
{
	return sql_run(db, e, "DELETE FROM list_entry WHERE expires_at > 0 AND expires_at < $1",
		       "i", wall_now() - LISTS_KEEP_DAYS * DAY) < 0
		       ? -1
		       : 0;
}

static int64_t add_tx(
	struct sql *db, const struct lists_entry *v, size_t n, size_t *ret_bad, struct err *e)
{
	int64_t fresh = 0;
	for (size_t i = 0; i < n; i++) {
		AUTO(arena) struct arena a = {0};
		struct lists_entry entry = v[i];
		*ret_bad = i + 1;
		int64_t r = lists_canonical(&entry, false, &a, e) < 0 ? -1 : put(db, &entry, e);
		if (r < 0)
			return -1;
		fresh += r;
	}
	*ret_bad = 0;
	if (forget_expired(db, e) < 0)
		return -1;
	int64_t rows = count_rows(db, e);
	if (rows > LISTS_ENTRIES_MAX)
		return err_set(e, ERR_LIMIT, "more than %d entries", LISTS_ENTRIES_MAX);
	return rows < 0 ? -1 : fresh;
}

int64_t lists_add(
	struct sql *db, const struct lists_entry *v, size_t n, size_t *ret_bad, struct err *e)
{
	*ret_bad = 0;
	if (sql_begin(db, e) < 0)
		return -1;
	int64_t fresh = add_tx(db, v, n, ret_bad, e);
	/* Replacing is a change, too. */
	int64_t r = end_change(db, fresh < 0 ? -1 : (int64_t)n, e);
	return r < 0 ? -1 : fresh;
}

static int64_t there_is(struct sql *db, const struct lists_entry *v, struct err *e)
{
	struct sql_stmt *s = sql_prepare(db,
		"SELECT COUNT(*) FROM list_entry WHERE level = $1 AND scope = $2 AND kind = $3 AND "
		"what = $4",
		e);
	if (!s)
		return -1;
	sql_bind_int(s, 1, v->level);
	sql_bind_text(s, 2, v->scope);
	sql_bind_int(s, 3, v->kind);
	sql_bind_text(s, 4, v->what);
	if (sql_step(s, e) < 0)
		return -1;
	int64_t n = sql_int(s, 0);
	sql_reset(s);
	return n;
}

static int64_t set_features_tx(struct sql *db, const struct lists_entry *v, size_t n, struct err *e)
{
	int64_t put_in = 0;
	if (sql_run(db, e, "DELETE FROM list_entry WHERE created_by LIKE '" LISTS_OF_FEATURES "%'",
		    "") < 0)
		return -1;
	for (size_t i = 0; i < n; i++) {
		int64_t there = there_is(db, &v[i], e);
		if (there < 0 || (!there && put(db, &v[i], e) < 0))
			return -1;
		put_in += !there;
	}
	int64_t rows = count_rows(db, e);
	if (rows > LISTS_ENTRIES_MAX)
		return err_set(e, ERR_LIMIT, "more than %d entries", LISTS_ENTRIES_MAX);
	return rows < 0 ? -1 : put_in;
}

int64_t lists_set_features(struct sql *db, const struct lists_entry *v, size_t n, struct err *e)
{
	if (sql_begin(db, e) < 0)
		return -1;
	int64_t r = set_features_tx(db, v, n, e);
	/* Entries that went are a change, too. */
	int64_t end = end_change(db, r < 0 ? -1 : 1, e);
	return r < 0 || end < 0 ? -1 : r;
}

/* ---- looking ---- */

static struct lists_entry read_entry(struct sql_stmt *s)
{
	return (struct lists_entry){
		.id = sql_int(s, 0),
		.level = (enum lists_level)sql_int(s, 1),
		.scope = sql_text(s, 2),
		.kind = (enum lists_kind)sql_int(s, 3),
		.what = sql_text(s, 4),
		.allow = sql_int(s, 5) != 0,
		.insist = sql_int(s, 6) != 0,
		.expires_at = sql_int(s, 7),
		.created_at = sql_int(s, 8),
		.created_by = sql_text(s, 9),
		.comment = sql_text(s, 10),
	};
}

static bool fits(const struct lists_filter *f, const struct lists_entry *entry, int64_t now)
{
	if ((f->has_level && f->level != entry->level) || (f->has_kind && f->kind != entry->kind) ||
		(f->has_allow && f->allow != entry->allow) || (f->id && f->id != entry->id))
		return false;
	if (f->scope.n && !slice_ieq(f->scope, entry->scope))
		return false;
	if (f->expired && (entry->expires_at == 0 || entry->expires_at > now))
		return false;
	return wildcard_match(f->what, entry->what);
}

int lists_each(struct sql *db, const struct lists_filter *f,
	bool (*fn)(void *arg, const struct lists_entry *entry), void *arg, struct err *e)
{
	int64_t now = wall_now();
	struct sql_stmt *s = sql_prepare(db,
		"SELECT id, level, scope, kind, what, allow, insist, expires_at, created_at, "
		"created_by, comment FROM list_entry ORDER BY level, scope, kind, what",
		e);
	if (!s)
		return -1;
	int r;
	while ((r = sql_step(s, e)) > 0) {
		struct lists_entry entry = read_entry(s);
		if ((unsigned)entry.level >= LISTS_LEVELS || (unsigned)entry.kind >= LISTS_KINDS)
			continue; /* of a newer program */
		if (fits(f, &entry, now) && !fn(arg, &entry))
			break;
	}
	sql_reset(s);
	return r < 0 ? -1 : 0;
}

struct ids {
	int64_t *v;
	size_t n, cap;
};

static bool note_id(void *arg, const struct lists_entry *entry)
{
	struct ids *ids = arg;
	if (ids->n == ids->cap) {
		ids->cap = ids->cap ? ids->cap * 2 : 64;
		ids->v = mem_grow(ids->v, ids->cap * sizeof *ids->v);
	}
	ids->v[ids->n++] = entry->id;
	return true;
}

int64_t lists_remove(struct sql *db, const struct lists_filter *f, struct err *e)
{
	struct ids ids = {0};
	if (!f->has_level && !f->has_kind && !f->has_allow && !f->scope.n && !f->what.n &&
		!f->expired && !f->id)
		return err_set(e, ERR_PROTO, "what is to be removed?");
	if (sql_begin(db, e) < 0)
		return -1;
	int64_t r = lists_each(db, f, note_id, &ids, e);
	for (size_t i = 0; i < ids.n && r >= 0; i++) {
		int64_t gone =
			sql_run(db, e, "DELETE FROM list_entry WHERE id = $1", "i", ids.v[i]);
		r = gone < 0 ? -1 : r + gone;
	}
	free(ids.v);
	return end_change(db, r, e);
}
