/*
 * Rules, parts, lists, changes of scores (doc/en/rules.md), out of the lexer's lines. Called by
 * rules.c for each source. Conditions are read in rules_cond.c; names are looked up later, in
 * rules_link.c.
 */
#include "base/mem.h"
#include "base/utf8.h"
#include "content/rules_impl.h"

#include <stdlib.h>

struct reader {
	struct rules *r;
	struct rule_lexer lex;
	unsigned source;
	struct err *e;
};

static int complain(struct reader *p, const struct rule_line *l, const char *text)
{
	return rules_err(p->e, p->lex.file, l->number, "%s", text);
}

/* The next line, if it is indented deeper than that. */
static bool deeper(struct reader *p, unsigned indent)
{
	return rules_lex_peek(&p->lex, p->e) && p->lex.line.indent > indent;
}

/* ---- words ---- */

static bool is_name(slice s)
{
	for (size_t i = 0; i < s.n; i++)
		if (!((s.p[i] >= 'a' && s.p[i] <= 'z') || (s.p[i] >= '0' && s.p[i] <= '9') ||
			    s.p[i] == '-'))
			return false;
	return s.n > 0 && s.n <= RULES_NAME_MAX;
}

static bool is_pattern(slice s)
{
	return is_name(s) || (s.n > 1 && s.p[s.n - 1] == STAR && is_name(slice_first(s, s.n - 1)));
}

static bool read_score(slice s, float *ret)
{
	char text[16], *end;
	if (s.n == 0 || s.n >= sizeof text || !memchr("+-.0123456789", s.p[0], 13))
		return false;
	memcpy(text, s.p, s.n);
	text[s.n] = 0;
	double v = strtod(text, &end);
	if (*end || !(v >= -100 && v <= 100))
		return false;
	*ret = (float)v;
	return true;
}

static bool word_is(const struct rule_line *l, size_t i, const char *word)
{
	return i < l->words.n && l->words.v[i].kind == WORD_BARE &&
	       slice_eq(l->words.v[i].text, slice_z(word));
}

/* ---- blocks of conditions ---- */

/* "any", "all", "none", "3 of", with "not" in front. */
static bool group_line(const struct rule_line *l, struct rule_node *ret)
{
	uint64_t number;
	size_t i = word_is(l, 0, "not") ? 1 : 0;
	struct rule_node g = {.kind = NODE_GROUP, .not = i == 1};
	if (l->words.n == i + 1 && word_is(l, i, "any"))
		g.need = 1;
	else if (l->words.n == i + 1 && word_is(l, i, "all"))
		g.need = 0;
	else if (l->words.n == i + 1 && word_is(l, i, "none"))
		g.need = 1, g.not = !g.not ;
	else if (l->words.n == i + 2 && word_is(l, i + 1, "of") &&
		 slice_u64(l->words.v[i].text, &number) && number > 0 && number < 1000)
		g.need = (unsigned)number;
	else
		return false;
	*ret = g;
	return true;
}

static bool opens_value(const struct rule_line *l)
{
	return l->words.v[0].kind != WORD_BARE;
}

/* Values of a condition go on in lines below it. */
static int more_values(struct reader *p, unsigned indent, struct rule_words *words)
{
	while (deeper(p, indent)) {
		const struct rule_line *l = &p->lex.line;
		if (!opens_value(l))
			return complain(p, l,
				"only values may be indented below a condition: \"...\", @... or "
				"/.../");
		for (size_t i = 0; i < l->words.n; i++)
			rules_words_add(words, &p->r->mem, &l->words.v[i]);
		rules_lex_take(&p->lex);
	}
	return p->e->kind ? -1 : 0;
}

static int block(struct reader *p, unsigned indent, unsigned depth, struct rule_node *group,
	struct rule *rule);

static int condition(struct reader *p, unsigned depth, struct rule_node *ret)
{
	struct rule_line l = p->lex.line;
	rules_lex_take(&p->lex);
	if (group_line(&l, ret)) {
		if (block(p, l.indent, depth + 1, ret, NULL) < 0)
			return -1;
		if (!ret->n)
			return complain(p, &l, "a group without conditions below it");
		if (ret->need > ret->n)
			return complain(p, &l, "wants more conditions than there are below it");
		return 0;
	}
	if (more_values(p, l.indent, &l.words) < 0)
		return -1;
	return rules_read_cond(p->r, p->source, &l, ret, p->e);
}

/* Sentences stand in the outermost block only. */
static int sentence(struct reader *p, struct rule *rule)
{
	struct rule_line *l = &p->lex.line;
	const char **to = word_is(l, 0, "en") ? &rule->info.def.en : &rule->info.def.zh;
	if (*to)
		return complain(p, l, "a second sentence in the same language");
	if (!l->rest.n || l->rest.n > 300)
		return complain(p, l, "a sentence of 1 to 300 bytes is missing");
	*to = arena_strz(&p->r->mem, l->rest);
	rules_lex_take(&p->lex);
	return 0;
}

static int block(struct reader *p, unsigned indent, unsigned depth, struct rule_node *group,
	struct rule *rule)
{
	struct rule_node **end = &group->child;
	unsigned mine = 0;
	while (deeper(p, indent)) {
		const struct rule_line *l = &p->lex.line;
		if (depth > RULES_DEPTH_MAX)
			return complain(p, l, "groups are nested too deeply");
		if (mine && l->indent != mine)
			return complain(p, l, "is indented neither like the line above nor deeper");
		mine = l->indent;
		if (rule && (word_is(l, 0, "en") || word_is(l, 0, "zh"))) {
			if (sentence(p, rule) < 0)
				return -1;
			continue;
		}
		*end = ARENA_NEW(&p->r->mem, struct rule_node);
		if (condition(p, depth, *end) < 0)
			return -1;
		end = &(*end)->next;
		group->n++;
	}
	return p->e->kind ? -1 : 0;
}

/* ---- rules, parts ---- */

static int rule_head(struct reader *p, const struct rule_line *l, struct rule *ret)
{
	struct rule_info *i = &ret->info;
	bool part = word_is(l, 0, "part");
	if (part ? l->words.n != 2 : l->words.n < 3 || l->words.n > 4)
		return complain(p, l,
			part ? "is written: part NAME" : "is written: rule NAME SCORE [CLASS]");
	if (!is_name(l->words.v[1].text))
		return complain(p, l, "a name has lower-case letters, digits and '-', up to 64");
	i->part = part;
	i->def.name = arena_strz(&p->r->mem, l->words.v[1].text);
	i->def.stage = SIGNAL_CONTENT;
	i->file = p->lex.file;
	i->line = l->number;
	i->source = p->source;
	if (part)
		return 0;
	if (!read_score(l->words.v[2].text, &i->def.score))
		return complain(p, l, "the score is no number from -100 to 100");
	if (l->words.n == 4 && !is_name(l->words.v[3].text))
		return complain(p, l, "the class is no word of lower-case letters, digits and '-'");
	i->def.class = l->words.n == 4 ? arena_strz(&p->r->mem, l->words.v[3].text) : "spam";
	return 0;
}

/* Either language serves for both; a name is better than nothing. */
static void complete_sentences(struct rule_info *i)
{
	const char *any = i->def.en ? i->def.en : i->def.zh ? i->def.zh : i->def.name;
	i->def.en = i->def.en ? i->def.en : any;
	i->def.zh = i->def.zh ? i->def.zh : any;
}

static int keep(struct reader *p, struct rule *rule, const struct rule_line *l)
{
	struct rules *r = p->r;
	struct rule *old = map_get(&r->by_name, slice_z(rule->info.def.name));
	enum signal_id id;
	if (old && old->info.source == p->source)
		return rules_err(p->e, p->lex.file, l->number,
			"%s is in line %u of this file already", rule->info.def.name,
			old->info.line);
	if (signal_by_name(slice_z(rule->info.def.name), &id))
		return complain(p, l, "a built-in signal has this name");
	if (old) {
		rule->index = old->index;
		*old = *rule;
		return 0;
	}
	if (r->n >= RULES_MAX)
		return err_set(p->e, ERR_LIMIT, "more than %d rules", RULES_MAX);
	ROOM(r->v, r->n, r->room);
	r->v[r->n] = ARENA_NEW(&r->mem, struct rule);
	rule->index = (uint32_t)r->n;
	*r->v[r->n] = *rule;
	map_put(&r->by_name, slice_z(rule->info.def.name), r->v[r->n]);
	r->n++;
	return 0;
}

static int read_rule(struct reader *p)
{
	struct rule_line l = p->lex.line;
	struct rule rule = {.body = {.kind = NODE_GROUP}};
	if (rule_head(p, &l, &rule) < 0)
		return -1;
	rules_lex_take(&p->lex);
	if (block(p, 0, 1, &rule.body, &rule) < 0)
		return -1;
	if (!rule.body.n)
		return complain(p, &l, "a rule without conditions");
	complete_sentences(&rule.info);
	rule.info.text = slice_of(l.from, (size_t)(p->lex.taken - l.from));
	return keep(p, &rule, &l);
}

/* ---- lists ---- */

static int read_list(struct reader *p)
{
	struct rule_line l = p->lex.line;
	if (l.words.n != 2 || !is_name(l.words.v[1].text))
		return complain(p, &l, "is written: list NAME, and the values indented below");
	struct rule_list *list = ARENA_NEW(&p->r->mem, struct rule_list);
	list->name = l.words.v[1].text;
	list->source = p->source;
	rules_lex_take(&p->lex);
	while (deeper(p, 0)) {
		for (size_t i = 0; i < p->lex.line.words.n; i++)
			rules_words_add(&list->words, &p->r->mem, &p->lex.line.words.v[i]);
		rules_lex_take(&p->lex);
	}
	if (p->e->kind)
		return -1;
	if (!list->words.n)
		return complain(p, &l, "a list without values below it");
	struct rule_list *old = map_get(&p->r->lists, list->name);
	if (old && old->source == list->source)
		return complain(p, &l, "this file has a list of this name already");
	map_put(&p->r->lists, list->name, list);
	return 0;
}

/* ---- changes ---- */

static int read_change(struct reader *p)
{
	const struct rule_line *l = &p->lex.line;
	bool off = word_is(l, 0, "off");
	struct rule_change c = {.off = off, .source = p->source, .line = l->number};
	if (l->words.n != (off ? 2 : 3) || !is_pattern(l->words.v[1].text))
		return complain(
			p, l, off ? "is written: off NAME" : "is written: score NAME NUMBER");
	if (!off && !read_score(l->words.v[2].text, &c.score))
		return complain(p, l, "the score is no number from -100 to 100");
	c.name = l->words.v[1].text;
	ROOM(p->r->changes, p->r->nchanges, p->r->changes_room);
	p->r->changes[p->r->nchanges++] = c;
	rules_lex_take(&p->lex);
	return 0;
}

/* ---- a source ---- */

static int statement(struct reader *p)
{
	const struct rule_line *l = &p->lex.line;
	if (l->indent)
		return complain(p, l, "is indented, but belongs to nothing");
	if (word_is(l, 0, "rule") || word_is(l, 0, "part"))
		return read_rule(p);
	if (word_is(l, 0, "list"))
		return read_list(p);
	if (word_is(l, 0, "score") || word_is(l, 0, "off"))
		return read_change(p);
	return complain(p, l, "begins with none of rule, part, list, score, off");
}

int rules_read(struct rules *r, const struct rules_source *s, unsigned source, struct err *e)
{
	slice text = s->text;
	struct reader p = {.r = r, .source = source, .e = e};
	r->files[source] = arena_dup(&r->mem, s->name);
	e->kind = ERR_NONE;
	if (slice_starts(text, S("\xef\xbb\xbf")))
		text = slice_skip(text, 3);
	if (!utf8_valid(text))
		return err_set(e, ERR_PROTO, "%.*s: is not UTF-8", SFMT(s->name));
	p.lex = (struct rule_lexer){.file = r->files[source], .source = source, .a = &r->mem};
	p.lex.left = arena_dup(&r->mem, text);
	while (rules_lex_peek(&p.lex, e))
		if (statement(&p) < 0)
			return -1;
	return e->kind ? -1 : 0;
}
