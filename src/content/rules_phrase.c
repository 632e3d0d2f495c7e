/*
 * Phrases as Hyperscan can look for them: chains of literals with stars between them, and what
 * has to stand at their edges. Prose in the one spelling of codec/text_normal.h, white space
 * folded; addresses and names in lower case. Called by rules_link.c for each value.
 */
#include "base/mem.h"
#include "base/utf8.h"
#include "codec/address.h"
#include "codec/text_table.h"
#include "content/rules_impl.h"
#include "content/rules_text.h"

enum { LITERAL_MIN = 2 }; /* bytes */

struct piece {
	slice text;
	uint8_t left, right; /* enum rule_edge */
};
struct phrase {
	struct rules *r;
	const struct rule_cond *c;
	const struct rule_word *w;
	enum rule_group group;
	struct piece v[RULES_SEGMENTS_MAX];
	size_t n;
	struct err *e;
};

/* ---- literals, chains ---- */

static uint32_t literal(struct rules *r, struct rule_group_db *g, slice text)
{
	size_t known = (size_t)map_get(&g->by_text, text);
	if (known)
		return (uint32_t)known - 1;
	ROOM(g->literals, g->nliterals, g->literals_room);
	g->literals[g->nliterals++] = (struct rule_literal){.text = arena_dup(&r->mem, text)};
	map_put(&g->by_text, text, (void *)g->nliterals);
	return (uint32_t)g->nliterals - 1;
}

static void chain(struct phrase *p, const struct piece *v, size_t n, uint32_t value, unsigned gap)
{
	struct rules *r = p->r;
	struct rule_group_db *g = &r->groups[p->group];
	ROOM(r->chains, r->nchains, r->chains_room);
	uint32_t id = (uint32_t)r->nchains++;
	r->chains[id] = (struct rule_chain){.value = value,
		.first = (uint32_t)r->nsegments,
		.n = (uint8_t)n,
		.gap = (uint16_t)gap};
	g->fields |= p->c->fields;
	for (size_t i = 0; i < n; i++) {
		uint32_t l = literal(r, g, v[i].text);
		ROOM(r->segments, r->nsegments, r->segments_room);
		r->segments[r->nsegments++] = (struct rule_segment){l, v[i].left, v[i].right};
		ROOM(g->uses, g->nuses, g->uses_room);
		g->uses[g->nuses++] = (struct rule_use){l, id, (uint8_t)i};
	}
}

/* ---- pieces ---- */

static slice prose(struct phrase *p, slice s)
{
	struct text_undone undone;
	AUTO(buf) struct buf normal = BUF(64 * 1024), out = BUF(64 * 1024);
	text_normalise(s, &normal, &undone);
	rules_squeeze(buf_slice(&normal), false, &out);
	return arena_dup(&p->r->mem, buf_slice(&out));
}

/* Names of domains in other letters are looked for as the DNS has them. */
static slice name(struct phrase *p, slice s)
{
	slice ascii;
	bool domain = p->c->op == OP_DOMAIN || p->c->fields == 1ULL << FIELD_HOST;
	if (domain && !utf8_is_ascii(s) && domain_to_ascii(s, &p->r->mem, &ascii))
		return ascii;
	char *low = arena_strz(&p->r->mem, s);
	for (size_t i = 0; i < s.n; i++)
		low[i] = ascii_lower(low[i]);
	return slice_of(low, s.n);
}

static uint8_t outer_edge(const struct phrase *p, bool left)
{
	switch (p->c->op) {
	case OP_IS:
		return EDGE_VALUE;
	case OP_STARTS:
		return left ? EDGE_VALUE : EDGE_NONE;
	case OP_ENDS:
		return left ? EDGE_NONE : EDGE_VALUE;
	case OP_DOMAIN:
		return left ? EDGE_DOMAIN : EDGE_VALUE;
	default:
		return p->group == GROUP_PROSE ? EDGE_WORD : EDGE_NONE;
	}
}

/* Only where letters meet letters does a word's edge mean something. */
static uint8_t useful(uint8_t edge, slice text, bool left)
{
	bool word = left ? rules_word_after(text, 0) : rules_word_before(text, text.n);
	return edge == EDGE_WORD && !word ? EDGE_NONE : edge;
}

static bool blank_at(slice s, size_t i)
{
	return s.n && (s.p[i] == ' ' || s.p[i] == '\t');
}

static int piece(struct phrase *p, slice raw, bool first, bool last)
{
	struct piece k = {.left = EDGE_NONE, .right = EDGE_NONE};
	bool words = p->group == GROUP_PROSE;
	if (slice_trim(raw).n == 0)
		return 0;
	if (p->n == RULES_SEGMENTS_MAX)
		return RULES_ERR_AT(p->r, p->w, p->e, "more than %d stars", RULES_SEGMENTS_MAX - 1);
	k.text = words ? prose(p, slice_trim(raw)) : name(p, raw);
	if (k.text.n < LITERAL_MIN)
		return RULES_ERR_AT(p->r, p->w, p->e, "\"%.*s\" is too short to look for",
			SFMT(slice_first(raw, 40)));
	if (first)
		k.left = outer_edge(p, true);
	else if (words && blank_at(raw, 0))
		k.left = EDGE_WORD;
	if (last)
		k.right = outer_edge(p, false);
	else if (words && blank_at(raw, raw.n - 1))
		k.right = EDGE_WORD;
	k.left = useful(k.left, k.text, true);
	k.right = useful(k.right, k.text, false);
	p->v[p->n++] = k;
	return 0;
}

static int pieces(struct phrase *p)
{
	slice left = p->w->text, part;
	if (left.n == 0 || left.n > (size_t)RULES_VALUE_MAX * 4)
		return RULES_ERR_AT(
			p->r, p->w, p->e, "a value of 1 to %d characters", RULES_VALUE_MAX);
	bool first = true;
	p->n = 0;
	while (slice_cut(&left, STAR, &part)) {
		if (piece(p, part, first, left.p == NULL) < 0)
			return -1;
		first = false;
	}
	if (p->n == 0)
		return RULES_ERR_AT(p->r, p->w, p->e, "a value of nothing but stars and blanks");
	return 0;
}

static struct phrase phrase_of(
	struct rules *r, const struct rule_cond *c, const struct rule_word *w, struct err *e)
{
	unsigned field = (unsigned)__builtin_ctzll(c->fields);
	return (struct phrase){.r = r, .c = c, .w = w, .group = rules_field_group(field), .e = e};
}

int rules_phrase(struct rules *r, const struct rule_cond *c, const struct rule_word *w,
	uint32_t value, struct err *e)
{
	struct phrase p = phrase_of(r, c, w, e);
	if (pieces(&p) < 0)
		return -1;
	chain(&p, p.v, p.n, value, RULES_STAR);
	return 0;
}

/* Either may come first. */
int rules_near(struct rules *r, const struct rule_cond *c, const struct rule_word *w,
	uint32_t value, struct err *e)
{
	struct phrase p = phrase_of(r, c, w, e);
	struct piece both[3];
	for (int i = 0; i < 2; i++) {
		p.w = &w[i];
		if (pieces(&p) < 0)
			return -1;
		if (p.n != 1 || memchr(w[i].text.p, STAR, w[i].text.n))
			return RULES_ERR_AT(r, &w[i], e, "near takes phrases without stars");
		both[i] = p.v[0];
	}
	both[2] = both[0];
	chain(&p, both, 2, value, c->distance);
	chain(&p, both + 1, 2, value, c->distance);
	return 0;
}
