/*
 * Compiled lists: all entries in memory, found by hashing (list.h tells the rules). A key is the
 * number of its scope (the system, an organisation, a user), its kind, and what it says; networks
 * are asked by each prefix length that the scope has, domains label by label, patterns one after
 * the other, the longest first. Immutable once made; read by one thread while the next one is made
 * by another.
 */
#include "base/map.h"
#include "base/mem.h"
#include "base/time.h"
#include "codec/address.h"
#include "store/directory_impl.h"
#include "store/list_impl.h"
#include "store/wildcard.h"

#include <netinet/in.h>

enum { PREFIXES = 129, KEY_MAX = 600 };

struct scope {
	uint32_t no;
	unsigned kinds; /* a bit each */
	bool v4[PREFIXES], v6[PREFIXES]; /* prefix lengths in use */
	struct lists_entry **patterns; /* the longest first */
	size_t npatterns, cap;
};
struct lists_table {
	struct arena mem;
	struct map scopes, entries;
	size_t n;
};

/* ---- keys ---- */

struct key {
	char text[KEY_MAX];
	size_t n;
};

static slice make_key(struct key *k, const struct scope *s, enum lists_kind kind, slice what)
{
	k->n = 0;
	for (int i = 0; i < 4; i++)
		k->text[k->n++] = (char)(s->no >> 8 * i);
	k->text[k->n++] = (char)kind;
	size_t n = what.n < KEY_MAX - k->n ? what.n : KEY_MAX - k->n;
	if (n)
		memcpy(k->text + k->n, what.p, n);
	k->n += n;
	return slice_of(k->text, k->n);
}

static slice ip_key(
	struct key *k, const struct scope *s, int family, const uint8_t *ip, unsigned bits)
{
	uint8_t what[18] = {family == AF_INET6, (uint8_t)bits};
	size_t n = family == AF_INET ? 4 : 16;
	memcpy(what + 2, ip, n);
	for (unsigned bit = bits; bit < 8 * n; bit++)
		what[2 + bit / 8] &= (uint8_t) ~(0x80 >> bit % 8);
	return make_key(k, s, LISTS_IP, slice_of(what, 2 + n));
}

static slice scope_key(enum lists_level level, slice scope, struct arena *a)
{
	return arena_printf(a, "%d %.*s", (int)level, SFMT(scope));
}

/* ---- making ---- */

static struct scope *scope_of(struct lists_table *t, enum lists_level level, slice name)
{
	AUTO(arena) struct arena a = {0};
	slice key = scope_key(level, name, &a);
	struct scope *s = map_get(&t->scopes, key);
	if (s)
		return s;
	s = ARENA_NEW(&t->mem, struct scope);
	s->no = (uint32_t)t->scopes.n;
	map_put(&t->scopes, key, s);
	return s;
}

static size_t letters(slice pattern)
{
	size_t n = 0;
	for (size_t i = 0; i < pattern.n; i++)
		n += pattern.p[i] != '*';
	return n;
}

static void add_pattern(struct scope *s, struct lists_entry *entry)
{
	if (s->npatterns == LISTS_PATTERNS_MAX)
		return;
	if (s->npatterns == s->cap) {
		s->cap = s->cap ? s->cap * 2 : 8;
		s->patterns = mem_grow(s->patterns, s->cap * sizeof *s->patterns);
	}
	size_t at = s->npatterns++;
	for (; at > 0 && letters(s->patterns[at - 1]->what) < letters(entry->what); at--)
		s->patterns[at] = s->patterns[at - 1];
	s->patterns[at] = entry;
}

static void add_network(
	struct lists_table *t, struct scope *s, struct lists_entry *entry, struct key *k)
{
	struct net_cidr c;
	struct err e;
	if (net_cidr_parse(entry->what, &c, &e) < 0)
		return;
	(c.family == AF_INET ? s->v4 : s->v6)[c.bits] = true;
	map_put(&t->entries, ip_key(k, s, c.family, c.ip, c.bits), entry);
}

static bool add_entry(void *arg, const struct lists_entry *from)
{
	struct lists_table *t = arg;
	struct key k;
	struct lists_entry *entry = ARENA_NEW(&t->mem, struct lists_entry);
	*entry = lists_copy(from, &t->mem);
	struct scope *s = scope_of(t, entry->level, entry->scope);
	s->kinds |= 1U << entry->kind;
	t->n++;
	if (entry->kind == LISTS_PATTERN)
		add_pattern(s, entry);
	else if (entry->kind == LISTS_IP)
		add_network(t, s, entry, &k);
	else
		map_put(&t->entries, make_key(&k, s, entry->kind, entry->what), entry);
	return true;
}

int lists_table_read(struct sql *db, struct lists_table **ret, struct err *e)
{
	const struct lists_filter all = {0};
	struct lists_table *t = NEW(struct lists_table);
	if (lists_each(db, &all, add_entry, t, e) < 0) {
		lists_table_free(t);
		return -1;
	}
	*ret = t;
	return 0;
}

void lists_table_free(struct lists_table *t)
{
	void *s;
	slice key;
	if (!t)
		return;
	for (size_t i = 0; map_next(&t->scopes, &i, &key, &s);)
		free(((struct scope *)s)->patterns);
	map_done(&t->scopes);
	map_done(&t->entries);
	arena_done(&t->mem);
	free(t);
}

size_t lists_table_size(const struct lists_table *t)
{
	return t->n;
}

/* ---- matching ---- */

/* What is asked, in canonical spelling. */
struct question {
	const struct lists_table *t;
	const struct lists_facts *f;
	int64_t wall;
	struct net_addr ip; /* plain; family 0: none */
	slice host, helo;
	struct directory_name sender, from; /* address empty: none */
	struct key key;
};
/* What one group of entries of one level says. */
struct finding {
	const struct lists_entry *by, *waiting;
	slice fact;
};

static bool is_proven(const struct question *q, slice domain)
{
	size_t n = q->f->nproven < LISTS_PROVEN_MAX ? q->f->nproven : LISTS_PROVEN_MAX;
	for (size_t i = 0; i < n; i++)
		if (domain_within(domain, q->f->proven[i]))
			return true;
	return false;
}

/* True: it decides. `counts`: an allow entry may. */
static bool consider(const struct question *q, const struct lists_entry *entry, bool counts,
	slice fact, struct finding *ret)
{
	if (!entry || (entry->expires_at && entry->expires_at <= q->wall))
		return false;
	if (entry->allow && !entry->insist && !counts) {
		if (!ret->waiting)
			ret->waiting = entry;
		return false;
	}
	ret->by = entry;
	ret->fact = fact;
	return true;
}

static const struct lists_entry *find(
	struct question *q, const struct scope *s, enum lists_kind kind, slice what)
{
	return map_get(&q->t->entries, make_key(&q->key, s, kind, what));
}

/* The name, and then each one above it. */
static bool try_names(struct question *q, const struct scope *s, enum lists_kind kind, slice name,
	bool counts, slice fact, struct finding *ret)
{
	slice label;
	if (!(s->kinds >> kind & 1))
		return false;
	for (slice at = name; at.n; slice_cut(&at, '.', &label))
		if (consider(q, find(q, s, kind, at), counts, fact, ret))
			return true;
	return false;
}

static bool try_ip(struct question *q, const struct scope *s, struct finding *ret)
{
	int family = q->ip.ss.ss_family;
	if (!(s->kinds >> LISTS_IP & 1) || family == 0)
		return false;
	const bool *prefixes = family == AF_INET ? s->v4 : s->v6;
	const uint8_t *ip =
		family == AF_INET
			? (const uint8_t *)&((const struct sockaddr_in *)&q->ip.ss)->sin_addr
			: (const uint8_t *)&((const struct sockaddr_in6 *)&q->ip.ss)->sin6_addr;
	for (int bits = family == AF_INET ? 32 : 128; bits >= 0; bits--)
		if (prefixes[bits] && consider(q,
					      map_get(&q->t->entries, ip_key(&q->key, s, family, ip,
									      (unsigned)bits)),
					      true, (slice){0}, ret))
			return true;
	return false;
}

static void judge_connection(struct question *q, const struct scope *s, struct finding *ret)
{
	if (try_ip(q, s, ret) || try_names(q, s, LISTS_PTR, q->host, true, q->host, ret))
		return;
	try_names(q, s, LISTS_HELO, q->helo, q->f->helo_verified, q->helo, ret);
}

static bool try_patterns(
	struct question *q, const struct scope *s, slice address, bool counts, struct finding *ret)
{
	for (size_t i = 0; i < s->npatterns; i++)
		if (wildcard_match(s->patterns[i]->what, address) &&
			consider(q, s->patterns[i], counts, address, ret))
			return true;
	return false;
}

static void judge_sender(struct question *q, const struct scope *s,
	const struct directory_name *who, struct arena *a, struct finding *ret)
{
	slice base;
	if (who->address.n == 0)
		return;
	bool counts = is_proven(q, who->domain);
	if (s->kinds >> LISTS_ADDRESS & 1) {
		if (consider(q, find(q, s, LISTS_ADDRESS, who->address), counts, who->address, ret))
			return;
		if (directory_base_name(who, a, &base) &&
			consider(q, find(q, s, LISTS_ADDRESS, base), counts, who->address, ret))
			return;
	}
	if (!try_patterns(q, s, who->address, counts, ret))
		try_names(q, s, LISTS_DOMAIN, who->domain, counts, who->address, ret);
}

/* Of several groups of one level: a block if any says so. */
static struct finding judge_level(
	struct question *q, enum lists_level level, slice name, struct arena *a)
{
	struct finding groups[3] = {0}, level_says = {0};
	const struct scope *s = map_get(&q->t->scopes, scope_key(level, name, a));
	if (!s)
		return level_says;
	judge_connection(q, s, &groups[0]);
	judge_sender(q, s, &q->sender, a, &groups[1]);
	if (!slice_eq(q->from.address, q->sender.address))
		judge_sender(q, s, &q->from, a, &groups[2]);
	for (int i = 0; i < 3; i++) {
		if (!level_says.waiting)
			level_says.waiting = groups[i].waiting;
		if (groups[i].by &&
			(!level_says.by || (level_says.by->allow && !groups[i].by->allow))) {
			level_says.by = groups[i].by;
			level_says.fact = groups[i].fact;
		}
	}
	return level_says;
}

static slice canonical_host(slice name, struct arena *a)
{
	slice out;
	if (name.n == 0 || name.n > ADDRESS_DOMAIN_MAX)
		return (slice){0};
	if (directory_domain_name(name, a, &out))
		return out;
	char *p = arena_strz(a, name);
	for (size_t i = 0; i < name.n; i++)
		p[i] = ascii_lower(p[i]);
	return slice_of(p, name.n);
}

static struct question ask(
	const struct lists_table *t, const struct lists_facts *f, int64_t wall, struct arena *a)
{
	struct question q = {.t = t, .f = f, .wall = wall};
	if (f->ip && (f->ip->ss.ss_family == AF_INET || f->ip->ss.ss_family == AF_INET6)) {
		q.ip = *f->ip;
		net_unmap(&q.ip);
	}
	q.host = canonical_host(f->host, a);
	q.helo = canonical_host(f->helo, a);
	if (f->sender.n && !directory_name(f->sender, a, &q.sender))
		q.sender = (struct directory_name){0};
	if (f->from.n && !directory_name(f->from, a, &q.from))
		q.from = (struct directory_name){0};
	return q;
}

/* The levels from the widest to the narrowest: the first block, else the last allow. */
static void weigh(const struct finding *f, struct finding *ret)
{
	if (!ret->waiting || f->waiting)
		ret->waiting = f->waiting ? f->waiting : ret->waiting;
	if (!f->by || (ret->by && !ret->by->allow))
		return;
	ret->by = f->by;
	ret->fact = f->fact;
}

static slice fact_text(const struct question *q, slice fact, struct arena *a)
{
	char ip[NET_TEXT_MAX];
	if (fact.n) /* none: it was about the address */
		return arena_dup(a, fact);
	return arena_dup(a, slice_of(ip, net_print_ip(&q->ip, ip)));
}

void lists_table_match(const struct lists_table *t, const struct lists_facts *f, int64_t wall,
	struct arena *a, struct lists_answer *ret)
{
	struct finding all = {0}, level;
	struct directory_name rcpt;
	slice base;
	*ret = (struct lists_answer){0};
	if (t->n == 0)
		return;
	struct question q = ask(t, f, wall, a);
	level = judge_level(&q, LISTS_SYSTEM, S(""), a);
	weigh(&level, &all);
	if (f->rcpt.n && directory_name(f->rcpt, a, &rcpt)) {
		level = judge_level(&q, LISTS_ORG, rcpt.domain, a);
		weigh(&level, &all);
		bool detail = directory_base_name(&rcpt, a, &base);
		level = judge_level(&q, LISTS_USER, detail ? base : rcpt.address, a);
		weigh(&level, &all);
	}
	if (all.waiting) {
		struct lists_entry *copy = ARENA_NEW(a, struct lists_entry);
		*copy = lists_copy(all.waiting, a);
		ret->waiting = copy;
	}
	if (!all.by)
		return;
	struct lists_entry *copy = ARENA_NEW(a, struct lists_entry);
	*copy = lists_copy(all.by, a);
	ret->by = copy;
	ret->verdict = copy->allow ? LISTS_ALLOW : LISTS_BLOCK;
	ret->fact = fact_text(&q, all.fact, a);
}
