/*
 * One condition: [not] FIELD OPERATOR [QUANTITY of] VALUES (doc/en/rules.md). Called by
 * rules_parse.c. What the values are worth is seen in rules_link.c, when lists are known.
 */
#include "base/mem.h"
#include "content/rules_impl.h"

#include <stdlib.h>

#define BIT(f) (1ULL << (f))

static const struct field {
	const char *name;
	uint64_t fields;
} fields[] = {
	{"subject", BIT(FIELD_SUBJECT)},
	{"text", BIT(FIELD_TEXT)},
	{"hidden", BIT(FIELD_HIDDEN)},
	{"attached", BIT(FIELD_ATTACHED)},
	{"anywhere", BIT(FIELD_SUBJECT) | BIT(FIELD_TEXT) | BIT(FIELD_ATTACHED) | BIT(FIELD_FILE)},
	{"from-name", BIT(FIELD_FROM_NAME)},
	{"link-text", BIT(FIELD_LINK_TEXT)},
	{"file", BIT(FIELD_FILE)},
	{"from", BIT(FIELD_FROM)},
	{"reply-to", BIT(FIELD_REPLY_TO)},
	{"sender", BIT(FIELD_SENDER)},
	{"rcpt", BIT(FIELD_RCPT)},
	{"link", BIT(FIELD_LINK)},
	{"host", BIT(FIELD_HOST)},
	{"helo", BIT(FIELD_HELO)},
	{"client-name", BIT(FIELD_CLIENT_NAME)},
	{"login", BIT(FIELD_LOGIN)},
	{"type", BIT(FIELD_TYPE)},
	{"html", BIT(FIELD_HTML)},
};
static const char *const numbers[NUMBERS] = {"size", "rcpts", "links", "files", "pictures",
	"text-length", "subject-length", "hidden-length", "chinese", "bulk"};
static const char *const facts[FACTS] = {"inbound", "outbound", "internal", "logged-in", "proven",
	"unproven", "wrote-before", "written-to"};
static const struct {
	const char *name;
	enum rule_op op;
} operators[] = {
	{"has", OP_HAS},
	{"is", OP_IS},
	{"starts", OP_STARTS},
	{"ends", OP_ENDS},
	{"domain", OP_DOMAIN},
	{"near", OP_NEAR},
	{"like", OP_LIKE},
	{"exists", OP_EXISTS},
};

struct cond_reader {
	struct rules *r;
	slice file;
	const struct rule_word *w, *end;
	unsigned line;
	struct rule_cond *c;
	struct err *e;
};

static int complain(struct cond_reader *p, const char *text)
{
	return rules_err(p->e, p->file, p->line, "%s", text);
}

static bool next_is(const struct cond_reader *p, size_t i, const char *word)
{
	return p->w + i < p->end && p->w[i].kind == WORD_BARE &&
	       slice_eq(p->w[i].text, slice_z(word));
}

static bool skip(struct cond_reader *p, const char *word)
{
	bool is = next_is(p, 0, word);
	p->w += is;
	return is;
}

static int at_end(struct cond_reader *p)
{
	return p->w == p->end ? 0 : complain(p, "something stands behind the end of the condition");
}

/* ---- numbers, facts, addresses ---- */

static bool read_limit(slice s, double *ret)
{
	char text[24], *end;
	if (s.n == 0 || s.n >= sizeof text || s.p[0] < '0' || s.p[0] > '9')
		return false;
	memcpy(text, s.p, s.n);
	text[s.n] = 0;
	double v = strtod(text, &end);
	if (*end == 'k' || *end == 'K')
		v *= 1024, end++;
	else if (*end == 'm' || *end == 'M')
		v *= 1024 * 1024, end++;
	if (*end || !(v <= 1e15))
		return false;
	*ret = v;
	return true;
}

static int number(struct cond_reader *p, unsigned n)
{
	static const char *const signs[] = {">", "<", ">=", "<=", "="};
	p->c->op = OP_NUMBER;
	p->c->number = n;
	for (unsigned i = 0; i < sizeof signs / sizeof *signs; i++)
		if (skip(p, signs[i])) {
			p->c->compare = i;
			if (p->w == p->end || !read_limit(p->w->text, &p->c->limit))
				return complain(p, "a number is missing, like 10 or 20k");
			p->w++;
			return at_end(p);
		}
	return complain(p, "a comparison is missing: > < >= <= =");
}

static int fact(struct cond_reader *p, unsigned n)
{
	p->c->op = OP_FACT;
	p->c->number = n;
	return at_end(p);
}

static int ip(struct cond_reader *p)
{
	if (skip(p, "exists")) {
		p->c->op = OP_IP_EXISTS;
		return at_end(p);
	}
	p->c->op = OP_IP;
	if (!skip(p, "is") || p->w == p->end)
		return complain(p, "is written: ip is 192.0.2.0/24 2001:db8::/32");
	while (p->w < p->end)
		rules_words_add(&p->c->words, &p->r->mem, p->w++);
	return 0;
}

/* ---- fields with values ---- */

static int header(struct cond_reader *p, uint64_t *ret)
{
	struct rules *r = p->r;
	if (p->w == p->end || p->w->kind == WORD_REGEX || p->w->kind == WORD_LIST)
		return complain(p, "the name of the header field is missing");
	slice given = p->w++->text;
	if (given.n == 0 || given.n > RULES_NAME_MAX)
		return complain(p, "no name of a header field");
	char *name = arena_strz(&r->mem, given);
	for (size_t i = 0; i < given.n; i++) {
		if (name[i] <= ' ' || name[i] == ':' || (unsigned char)name[i] > '~')
			return complain(p, "no name of a header field");
		name[i] = ascii_lower(name[i]);
	}
	size_t i = 0;
	while (i < r->nheaders && !slice_eq(r->headers[i], slice_z(name)))
		i++;
	if (i == RULES_HEADERS_MAX)
		return err_set(p->e, ERR_LIMIT, "%.*s:%u: more than %d different header fields",
			SFMT(p->file), p->line, RULES_HEADERS_MAX);
	if (i == r->nheaders)
		r->headers[r->nheaders++] = slice_of(name, given.n);
	*ret = BIT(FIELD_HEADER + i);
	return 0;
}

/* "any of", "all of", "3 of" in front of values. */
static int quantity(struct cond_reader *p)
{
	uint64_t n;
	p->c->need = 1;
	if (p->end - p->w < 3 || !next_is(p, 1, "of"))
		return 0;
	if (next_is(p, 0, "all"))
		p->c->need = 0;
	else if (p->w->kind == WORD_BARE && slice_u64(p->w->text, &n) && n > 0 && n < 1000)
		p->c->need = (unsigned)n;
	else if (!next_is(p, 0, "any"))
		return 0;
	p->w += 2;
	return 0;
}

static int distance(struct cond_reader *p)
{
	uint64_t n;
	if (p->w == p->end || !slice_u64(p->w->text, &n) || n > RULES_NEAR_MAX)
		return complain(
			p, "is written: near NUMBER PHRASE PHRASE, with a number up to 200");
	p->c->distance = (unsigned)n;
	p->c->need = 1;
	p->w++;
	if (p->end - p->w != 2 || p->w[0].kind > WORD_QUOTED || p->w[1].kind > WORD_QUOTED)
		return complain(p, "near wants two phrases");
	return 0;
}

static int values(struct cond_reader *p)
{
	if ((p->c->op == OP_NEAR ? distance(p) : quantity(p)) < 0)
		return -1;
	if (p->w == p->end)
		return complain(p, "values are missing");
	while (p->w < p->end)
		rules_words_add(&p->c->words, &p->r->mem, p->w++);
	return 0;
}

/* Only what has addresses or hosts in it has domains. */
static bool has_domains(uint64_t f)
{
	return !(f & ~(BIT(FIELD_FROM) | BIT(FIELD_REPLY_TO) | BIT(FIELD_SENDER) | BIT(FIELD_RCPT) |
			     BIT(FIELD_HOST) | BIT(FIELD_HELO) | BIT(FIELD_CLIENT_NAME) |
			     BIT(FIELD_LOGIN)));
}

static int field(struct cond_reader *p, uint64_t f)
{
	p->c->fields = f;
	for (size_t i = 0; i < sizeof operators / sizeof *operators; i++) {
		if (!skip(p, operators[i].name))
			continue;
		p->c->op = operators[i].op;
		if (p->c->op == OP_DOMAIN && !has_domains(f))
			return complain(p, "only addresses and hosts have a domain");
		return p->c->op == OP_EXISTS ? at_end(p) : values(p);
	}
	return complain(
		p, "an operator is missing: has, is, starts, ends, domain, near, like, exists");
}

static int any_field(struct cond_reader *p)
{
	uint64_t f = 0;
	for (size_t i = 0; i < sizeof fields / sizeof *fields; i++)
		if (skip(p, fields[i].name))
			return field(p, fields[i].fields);
	for (unsigned i = 0; i < NUMBERS; i++)
		if (skip(p, numbers[i]))
			return number(p, i);
	for (unsigned i = 0; i < FACTS; i++)
		if (skip(p, facts[i]))
			return fact(p, i);
	if (skip(p, "ip"))
		return ip(p);
	if (skip(p, "signal")) {
		p->c->op = OP_SIGNAL;
		return values(p);
	}
	if (skip(p, "header"))
		return header(p, &f) < 0 ? -1 : field(p, f);
	return rules_err(p->e, p->file, p->line, "\"%.*s\" is nothing that a condition begins with",
		p->w < p->end ? (int)slice_first(p->w->text, 40).n : 0,
		p->w < p->end ? p->w->text.p : "");
}

int rules_read_cond(struct rules *r, unsigned source, const struct rule_line *l,
	struct rule_node *ret, struct err *e)
{
	struct cond_reader p = {.r = r,
		.file = r->files[source],
		.w = l->words.v,
		.end = l->words.v + l->words.n,
		.line = l->number,
		.c = ARENA_NEW(&r->mem, struct rule_cond),
		.e = e};
	struct rule_node node = {.kind = NODE_COND, .cond = p.c};
	p.c->line = l->number;
	p.c->source = source;
	node.not = skip(&p, "not");
	if (any_field(&p) < 0)
		return -1;
	*ret = node;
	return 0;
}

slice rules_field_name(const struct rules *r, unsigned f)
{
	if (f >= FIELD_HEADER)
		return r->headers[f - FIELD_HEADER];
	for (size_t i = 0; i < sizeof fields / sizeof *fields; i++)
		if (fields[i].fields == BIT(f))
			return slice_z(fields[i].name);
	return S("");
}
