/*
 * Canonical header fields (RFC 6376 sections 3.4.1, 3.4.2) and the choice of signed fields from the
 * bottom up (5.4.2), for DKIM and ARC alike. The header is indexed once a message; choosing costs
 * what the signature's h= and the chosen fields are long. Bodies: senderauth/bodyhash.c.
 */
#include "codec/dkim_canon.h"

#include "base/hash.h"
#include "base/mem.h"

enum { NAME_MAX_INDEXED = 1000 }; /* longer ones do not fit a line (RFC 5322 2.1.1) */

/* All fields of one name, chained from the bottom up. Places are positions + 1; 0 is none. */
struct chain {
	slice name;
	uint32_t hash;
	unsigned bottom, count;
	unsigned next, round; /* what is chosen next, in the selection with that number */
};

struct dkim_header {
	struct header_field *v;
	unsigned *above; /* the next field of the same name further up */
	size_t n;
	struct chain *chains; /* open hashing, at most half full */
	size_t cap; /* a power of two */
	unsigned round;
};

const char *dkim_canon_name(enum dkim_canon c)
{
	return c == CANON_SIMPLE ? "simple" : "relaxed";
}

static uint32_t name_hash(slice name)
{
	char lower[NAME_MAX_INDEXED];
	for (size_t i = 0; i < name.n; i++)
		lower[i] = ascii_lower(name.p[i]);
	return (uint32_t)hash_keyed(slice_of(lower, name.n));
}

/* The chain of that name, or the free place for it. NULL: a name that is not indexed. */
static struct chain *chain_of(const struct dkim_header *h, slice name)
{
	if (name.n == 0 || name.n > NAME_MAX_INDEXED)
		return NULL;
	uint32_t hash = name_hash(name);
	for (size_t i = hash & (h->cap - 1);; i = (i + 1) & (h->cap - 1)) {
		struct chain *c = &h->chains[i];
		if (!c->bottom || (c->hash == hash && slice_ieq(c->name, name))) {
			c->hash = hash;
			return c;
		}
	}
}

static void index_field(struct dkim_header *h, unsigned i)
{
	struct chain *c = chain_of(h, h->v[i].name);
	if (!c)
		return;
	h->above[i] = c->bottom;
	c->name = h->v[i].name;
	c->bottom = i + 1;
	c->count++;
}

static size_t count_fields(slice block)
{
	struct header_field f;
	size_t n = 0;
	while (n <= DKIM_HEADER_FIELDS_MAX && header_next(&block, &f))
		n++;
	return n;
}

struct dkim_header *dkim_header_new(slice before, slice block, struct arena *a)
{
	size_t n = count_fields(before) + count_fields(block);
	if (n > DKIM_HEADER_FIELDS_MAX)
		return NULL;
	struct dkim_header *h = ARENA_NEW(a, struct dkim_header);
	h->v = ARENA_ARRAY(a, struct header_field, n);
	h->above = ARENA_ARRAY(a, unsigned, n);
	for (h->cap = 16; h->cap < 2 * n;)
		h->cap *= 2;
	h->chains = ARENA_ARRAY(a, struct chain, h->cap);
	while (header_next(&before, &h->v[h->n]))
		index_field(h, (unsigned)h->n++);
	while (header_next(&block, &h->v[h->n]))
		index_field(h, (unsigned)h->n++);
	return h;
}

size_t dkim_header_fields(const struct dkim_header *h)
{
	return h->n;
}

const struct header_field *dkim_header_field(const struct dkim_header *h, size_t i)
{
	return i < h->n ? &h->v[i] : NULL;
}

size_t dkim_header_count(const struct dkim_header *h, slice name)
{
	const struct chain *c = chain_of(h, name);
	return c ? c->count : 0;
}

/* The next field of that name in this round, going up. */
static const struct header_field *choose(struct dkim_header *h, slice name)
{
	struct chain *c = chain_of(h, name);
	if (!c)
		return NULL;
	if (c->round != h->round) {
		c->round = h->round;
		c->next = c->bottom;
	}
	if (!c->next)
		return NULL;
	const struct header_field *f = &h->v[c->next - 1];
	c->next = h->above[c->next - 1];
	return f;
}

void dkim_header_select(struct dkim_header *h, const slice *names, size_t n, enum dkim_canon canon,
	const struct header_field *self, struct buf *out)
{
	h->round++;
	for (size_t i = 0; i < n; i++) {
		const struct header_field *f = choose(h, names[i]);
		if (f && f == self)
			f = choose(h, names[i]);
		if (f)
			dkim_canon_field(out, canon, f->raw);
	}
}

static bool is_blank(char c)
{
	return c == ' ' || c == '\t';
}

static slice without_line_end(slice raw)
{
	if (slice_ends(raw, S("\n")))
		raw.n--;
	if (slice_ends(raw, S("\r")))
		raw.n--;
	return raw;
}

/* What relaxing remembers between two pieces of a value. */
struct relax {
	bool begun; /* something was written */
	bool blank; /* a space is owed before the next character */
};

/* Runs of blanks become one space, line ends and outer blanks vanish. */
static void relax_value(struct buf *out, struct relax *r, slice value)
{
	char *start = buf_room(out, value.n + 1), *to = start; /* one may be owed from before */
	if (!to)
		return;
	for (size_t i = 0; i < value.n; i++) {
		char c = value.p[i];
		if (is_blank(c)) {
			r->blank = true;
			continue;
		}
		if (c == '\n' || (c == '\r' && i + 1 < value.n && value.p[i + 1] == '\n'))
			continue;
		if (r->blank && r->begun)
			*to++ = ' ';
		r->blank = false;
		r->begun = true;
		*to++ = c;
	}
	buf_commit(out, (size_t)(to - start));
}

static void relax_name(struct buf *out, slice name)
{
	while (name.n && is_blank(name.p[name.n - 1]))
		name.n--;
	for (size_t i = 0; i < name.n; i++)
		buf_byte(out, ascii_lower(name.p[i]));
	buf_byte(out, ':');
}

void dkim_canon_signature(struct buf *out, enum dkim_canon canon, slice raw, slice b)
{
	struct relax relax = {0};
	size_t colon = slice_index(raw, ':');
	raw = without_line_end(raw);
	size_t cut = b.p ? (size_t)(b.p - raw.p) : raw.n;
	slice rest = b.p ? slice_skip(raw, cut + b.n) : (slice){0};
	if (canon == CANON_SIMPLE) {
		buf_put(out, slice_first(raw, cut));
		buf_put(out, rest);
		return;
	}
	relax_name(out, slice_first(raw, colon));
	relax_value(out, &relax, slice_skip(slice_first(raw, cut), colon + 1));
	relax_value(out, &relax, rest);
}

void dkim_canon_field(struct buf *out, enum dkim_canon canon, slice raw)
{
	dkim_canon_signature(out, canon, raw, (slice){0});
	buf_put(out, S("\r\n"));
}
