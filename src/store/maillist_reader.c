/*
 * Who gets a post (maillist.h): the members of a list and everybody whom its departments, groups and other lists bring in, in the
 * order of their addresses, once each, a page at a time. Called by the queue process while it sends a post out, and again from
 * where it stood after a crash: the order is what makes that possible.
 *
 * Each source gives its next addresses; the smallest of all of them are the page. What a source has not told yet lies behind the
 * last address it gave (its horizon), so nothing behind the nearest horizon is looked at. A list's own rows speak louder than its
 * sources: who left or wants no mail gets none, whoever brings him in.
 */
#include "base/mem.h"
#include "store/directory_org.h"
#include "store/maillist_impl.h"
#include <stdlib.h>

struct gather {
	struct sql *lists, *directory;
	struct arena *a;
	size_t most;
	slice after;
	int64_t seen[MAILLIST_DEPTH *
		     MAILLIST_SOURCES_MAX]; /* lists on the way: each counts once */
	size_t nseen;
	struct err *e;
};
enum {
	READS,
	SILENT, /* gets nothing, whoever brings him in */
	KNOWN, /* a row without being a member: counts when a source brings him in */
};
/* What one source gave. */
struct found {
	struct maillist_reader *v;
	unsigned char *word; /* of a list's own rows */
	size_t n, cap;
	slice horizon;
	bool more; /* behind the horizon */
};

static void add(struct gather *g, struct found *f, struct maillist_reader r, unsigned char word)
{
	if (f->n == f->cap) {
		size_t cap = f->cap ? 2 * f->cap : 64;
		struct maillist_reader *v = ARENA_ARRAY(g->a, struct maillist_reader, cap);
		unsigned char *w = ARENA_ARRAY(g->a, unsigned char, cap);
		if (f->n) {
			memcpy(v, f->v, f->n * sizeof *v);
			memcpy(w, f->word, f->n * sizeof *w);
		}
		f->v = v;
		f->word = w;
		f->cap = cap;
	}
	f->word[f->n] = word;
	f->v[f->n++] = r;
}

static void see_until(struct found *f, slice last)
{
	if (!f->more || slice_cmp(last, f->horizon) < 0)
		f->horizon = last;
	f->more = true;
}

/* ---- sources ---- */

static int own_rows(struct gather *g, int64_t list_id, struct found *f)
{
	struct maillist_member *m;
	size_t n;
	if (maillist_members(g->lists, list_id, g->after, 0, g->most, g->a, &m, &n, g->e) < 0)
		return -1;
	for (size_t i = 0; i < n; i++)
		add(g, f, (struct maillist_reader){m[i].address, m[i].id, m[i].digest},
			m[i].state != MAILLIST_ACTIVE ? SILENT
			: m[i].own                    ? READS
						      : KNOWN);
	if (n == g->most)
		see_until(f, m[n - 1].address);
	return 0;
}

static int from_accounts(struct gather *g, const struct maillist_source *s, struct found *f)
{
	struct account_query q = {.kind = ACCOUNT_PERSON, .after = g->after, .limit = g->most};
	struct account *v;
	size_t n;
	*(s->kind == MEMBER_ORG ? &q.org_id : &q.department_id) = s->ref;
	if (directory_accounts_page(g->directory, &q, g->a, &v, &n, g->e) < 0)
		return -1;
	for (size_t i = 0; i < n; i++)
		if (!v[i].disabled)
			add(g, f, (struct maillist_reader){v[i].address, 0, false}, READS);
	if (n == g->most)
		see_until(f, v[n - 1].address);
	return 0;
}

/* Empty or too large groups bring in nobody. */
static int from_group(struct gather *g, const struct maillist_source *s, struct found *f)
{
	slice *v;
	size_t n, taken = 0;
	slice address = slice_skip(s->text, slice_index(s->text, ':') + 1);
	if (directory_group_expand(g->directory, address, g->a, &v, &n, g->e) < 0)
		return g->e->kind == ERR_TEMP || g->e->kind == ERR_BUG ? -1 : 0;
	for (size_t i = 0; i < n && taken < g->most; i++)
		if (slice_cmp(v[i], g->after) > 0) {
			add(g, f, (struct maillist_reader){v[i], 0, false}, READS);
			taken++;
		}
	if (taken == g->most)
		see_until(f, f->v[f->n - 1].address);
	return 0;
}

static int from_list(struct gather *g, int64_t list_id, unsigned depth, struct found *ret);

static int from_source(
	struct gather *g, const struct maillist_source *s, unsigned depth, struct found *f)
{
	struct found inner = {0};
	if (s->kind == MEMBER_DEPARTMENT || s->kind == MEMBER_ORG)
		return from_accounts(g, s, f);
	if (s->kind == MEMBER_GROUP)
		return from_group(g, s, f);
	if (s->kind != MAILLIST_SOURCE_LIST || from_list(g, s->ref, depth + 1, &inner) < 0)
		return s->kind == MAILLIST_SOURCE_LIST ? -1 : 0;
	for (size_t i = 0; i < inner.n; i++) {
		inner.v[i].digest = false; /* that is of posts to the other list */
		add(g, f, inner.v[i], READS);
	}
	if (inner.more)
		see_until(f, inner.horizon);
	return 0;
}

/* ---- a list ---- */

static int by_address(const void *x, const void *y)
{
	const struct maillist_reader *a = x, *b = y;
	int r = slice_cmp(a->address, b->address);
	return r;
}

/* Joins what its own rows and its sources say: sorted, once each, up to the horizon. */
static void join(struct gather *g, struct found *own, struct found *others, struct found *ret)
{
	if (others->n)
		qsort(others->v, others->n, sizeof *others->v, by_address);
	if (own->more)
		see_until(ret, own->horizon);
	if (others->more)
		see_until(ret, others->horizon);
	size_t i = 0, k = 0;
	while (i < own->n || k < others->n) {
		int c = i == own->n      ? 1
			: k == others->n ? -1
					 : slice_cmp(own->v[i].address, others->v[k].address);
		struct maillist_reader r = c <= 0 ? own->v[i] : others->v[k];
		if (ret->more && slice_cmp(r.address, ret->horizon) > 0)
			break;
		unsigned char word = c <= 0 ? own->word[i] : READS;
		bool reads = word == READS || (word == KNOWN && c == 0);
		i += c <= 0;
		while (k < others->n && slice_eq(others->v[k].address, r.address))
			k++;
		if (reads)
			add(g, ret, r, READS);
	}
}

static int from_list(struct gather *g, int64_t list_id, unsigned depth, struct found *ret)
{
	struct found own = {0}, others = {0};
	struct maillist_source *v;
	size_t n;
	for (size_t i = 0; i < g->nseen; i++)
		if (g->seen[i] == list_id)
			return 0;
	if (depth > MAILLIST_DEPTH || g->nseen == sizeof g->seen / sizeof *g->seen)
		return err_set(g->e, ERR_LIMIT, "lists are more than %d deep", MAILLIST_DEPTH);
	g->seen[g->nseen++] = list_id;
	if (own_rows(g, list_id, &own) < 0 ||
		maillist_sources(g->directory, list_id, g->a, &v, &n, g->e) < 0)
		return -1;
	for (size_t i = 0; i < n; i++)
		if (from_source(g, &v[i], depth, &others) < 0)
			return -1;
	join(g, &own, &others, ret);
	return 0;
}

int maillist_readers(struct sql *lists, struct sql *directory, int64_t list_id, slice after,
	size_t most, struct arena *a, struct maillist_reader **ret, size_t *ret_n, slice *ret_next,
	bool *ret_more, struct err *e)
{
	AUTO(free) struct gather *g = NEW(struct gather);
	struct found f = {0};
	g->lists = lists;
	g->directory = directory;
	g->a = a;
	g->most = most && most < MAILLIST_PAGE_MAX ? most : MAILLIST_PAGE_MAX;
	g->after = after;
	g->e = e;
	if (from_list(g, list_id, 1, &f) < 0)
		return -1;
	*ret_more = f.more || f.n > g->most;
	*ret_n = f.n < g->most ? f.n : g->most;
	*ret = f.v;
	/* Silent ones may stand behind the last reader: then the horizon is farther. */
	*ret_next = f.n > g->most ? f.v[g->most - 1].address
		    : f.more      ? f.horizon
		    : f.n         ? f.v[f.n - 1].address
				  : after;
	return 0;
}

/* An address is behind the one that is a byte shorter: the page begins just before it. */
static slice just_before(slice address, struct arena *a)
{
	slice s = arena_dup(a, slice_first(address, address.n ? address.n - 1 : 0));
	return s;
}

int maillist_has(struct sql *lists, struct sql *directory, int64_t list_id, slice address,
	bool *ret, struct err *e)
{
	AUTO(arena) struct arena a = {0};
	struct maillist_member m;
	*ret = false;
	if (maillist_member_get(lists, list_id, address, &a, &m, e) == 0) {
		*ret = m.state != MAILLIST_LEFT;
		if (m.own || m.state != MAILLIST_ACTIVE)
			return 0;
	} else if (e->kind != ERR_NOTFOUND) {
		return -1;
	}
	*ret = false;
	slice after = just_before(address, &a);
	struct maillist_reader *v;
	size_t n;
	bool more = true;
	while (more && slice_cmp(after, address) < 0 && !*ret) {
		if (maillist_readers(lists, directory, list_id, after, 100, &a, &v, &n, &after,
			    &more, e) < 0)
			return -1;
		for (size_t i = 0; i < n && !*ret; i++)
			*ret = slice_eq(v[i].address, address);
	}
	return 0;
}
