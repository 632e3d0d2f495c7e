/*
 * The tree of a script: commands with their arguments, tests and blocks (RFC 5228 section 8.2), whatever they mean (check.c
 * knows). Called by compile.c. After a mistake it goes on behind the command, so that several are found at once.
 */
#include "sieve/lex.h"

struct parser {
	struct check *c;
	struct lexer lex;
	struct token t; /* the one that was not used yet */
	unsigned blocks, tests; /* nested now */
	bool lost; /* a mistake in this command: nothing of it is read any more */
};

static struct node *read_commands(struct parser *p);

static void advance(struct parser *p)
{
	sieve_lex_next(&p->lex, &p->t);
}

static bool at(const struct parser *p, char punct)
{
	return p->t.kind == TOKEN_PUNCT && p->t.punct == punct;
}

static bool accept(struct parser *p, char punct)
{
	if (!at(p, punct))
		return false;
	advance(p);
	return true;
}

/* What stands here, for mistakes. */
static slice found(const struct parser *p, bool zh)
{
	switch (p->t.kind) {
	case TOKEN_END:
		return zh ? S("脚本结尾") : S("the end of the script");
	case TOKEN_NUMBER:
		return zh ? S("数字") : S("a number");
	case TOKEN_STRING:
		return zh ? S("字符串") : S("a string");
	case TOKEN_TAG:
		return SAY(p->c, zh ? "“:%.*s”" : "':%.*s'", SFMT(p->t.text));
	case TOKEN_WORD:
		return SAY(p->c, zh ? "“%.*s”" : "'%.*s'", SFMT(p->t.text));
	default:
		return SAY(p->c, zh ? "“%c”" : "'%c'", p->t.punct);
	}
}

static void lose(struct parser *p, const char *en, const char *zh)
{
	if (!p->lost && p->t.kind != TOKEN_BAD) {
		slice f = found(p, false), g = found(p, true);
		sieve_mistake(p->c, p->t.at, SAY(p->c, "%s, but %.*s was found", en, SFMT(f)),
			SAY(p->c, "%s，却遇到%.*s", zh, SFMT(g)));
	}
	p->lost = true;
}

/* Goes behind the command: its ';' or its block; or before the '}' of the block that it stands in. */
static void recover(struct parser *p)
{
	unsigned depth = 0;
	for (; p->t.kind != TOKEN_END; advance(p)) {
		if (at(p, '{'))
			depth++;
		if (at(p, '}')) {
			if (depth == 0)
				break;
			if (--depth == 0) {
				advance(p);
				break;
			}
		}
		if (depth == 0 && accept(p, ';'))
			break;
	}
	p->lost = false;
}

/* ---- arguments ---- */

static void read_strings(struct parser *p, struct arg *a)
{
	size_t room = 0;
	do {
		if (p->t.kind != TOKEN_STRING) {
			lose(p, "a string was expected in the list", "列表中应为字符串");
			return;
		}
		if (a->n == room) {
			struct text *more =
				ARENA_ARRAY(p->c->a, struct text, room = room ? room * 2 : 4);
			if (a->n)
				memcpy(more, a->v, a->n * sizeof *more);
			a->v = more;
		}
		a->v[a->n++].plain = p->t.text;
		advance(p);
	} while (accept(p, ','));
	if (!accept(p, ']'))
		lose(p, "',' or ']' was expected in the list", "列表中应为“,”或“]”");
}

static bool read_argument(struct parser *p, struct arg *a)
{
	*a = (struct arg){.at = p->t.at};
	switch (p->t.kind) {
	case TOKEN_TAG:
		a->kind = ARG_TAG;
		a->tag = p->t.text;
		break;
	case TOKEN_NUMBER:
		a->kind = ARG_NUMBER;
		a->number = p->t.number;
		break;
	case TOKEN_STRING:
		a->kind = ARG_STRING;
		a->v = ARENA_NEW(p->c->a, struct text);
		a->v->plain = p->t.text;
		a->n = 1;
		break;
	default:
		if (!accept(p, '['))
			return false;
		a->kind = ARG_LIST;
		a->v = ARENA_NEW(p->c->a, struct text);
		read_strings(p, a);
		return true;
	}
	advance(p);
	return true;
}

static void read_arguments(struct parser *p, struct node *n)
{
	struct arg a, *more;
	unsigned room = 0;
	while (!p->lost && read_argument(p, &a)) {
		if (n->nargs == SIEVE_ARGS_MAX) {
			lose(p, "this is one argument too many for any command",
				"参数过多：没有命令需要这么多参数");
			return;
		}
		if (n->nargs == room) {
			more = ARENA_ARRAY(p->c->a, struct arg, room = room ? room * 2 : 2);
			if (n->nargs)
				memcpy(more, n->args, n->nargs * sizeof *more);
			n->args = more;
		}
		n->args[n->nargs++] = a;
	}
}

/* ---- tests ---- */

static void read_test(struct parser *p, struct node *n);

static struct node *new_node(struct parser *p)
{
	struct node *n = ARENA_NEW(p->c->a, struct node);
	n->name = p->t.text;
	n->at = p->t.at;
	advance(p);
	return n;
}

static void add_test(struct parser *p, struct node *of, struct node ***end)
{
	if (p->t.kind != TOKEN_WORD) {
		lose(p, "a test was expected", "此处应为测试");
		return;
	}
	struct node *n = new_node(p);
	of->ntests++;
	**end = n;
	*end = &n->next;
	read_test(p, n);
}

/* Arguments and tests of a command or test (8.2 arguments). */
static void read_test(struct parser *p, struct node *n)
{
	struct node **end = &n->tests;
	read_arguments(p, n);
	if (p->lost || (p->t.kind != TOKEN_WORD && !at(p, '(')))
		return;
	if (p->tests == SIEVE_BLOCKS_MAX) {
		lose(p, "tests are nested too deeply here", "测试嵌套过深");
		return;
	}
	p->tests++;
	n->list = accept(p, '(');
	do
		add_test(p, n, &end);
	while (!p->lost && n->list && accept(p, ','));
	if (!p->lost && n->list && !accept(p, ')'))
		lose(p, "',' or ')' was expected in the list of tests", "测试列表中应为“,”或“)”");
	p->tests--;
}

/* ---- commands ---- */

static void read_block(struct parser *p, struct node *n)
{
	struct place start = p->t.at;
	n->has_block = true;
	if (p->blocks == SIEVE_BLOCKS_MAX) {
		lose(p, "blocks are nested too deeply here", "语句块嵌套过深");
		return;
	}
	advance(p);
	p->blocks++;
	n->block = read_commands(p);
	p->blocks--;
	if (!accept(p, '}') && p->t.kind != TOKEN_BAD)
		sieve_mistake(p->c, start, S("this block is never closed: its '}' is missing"),
			S("语句块没有结束：缺少“}”"));
}

static struct node *read_command(struct parser *p)
{
	if (p->t.kind != TOKEN_WORD) {
		lose(p, "a command was expected", "此处应为命令");
		return NULL;
	}
	struct node *n = new_node(p);
	read_test(p, n);
	if (p->lost)
		return n;
	if (at(p, '{'))
		read_block(p, n);
	else if (!accept(p, ';'))
		lose(p, "the command must end with ';' or a block", "命令必须以“;”或语句块结束");
	return n;
}

static struct node *read_commands(struct parser *p)
{
	struct node *first = NULL, **end = &first;
	while (p->t.kind != TOKEN_END && !at(p, '}')) {
		struct node *n = read_command(p);
		if (n) {
			*end = n;
			end = &n->next;
		}
		if (p->lost)
			recover(p);
	}
	return first;
}

struct node *sieve_parse(struct check *c)
{
	struct parser p = {.c = c};
	sieve_lex_init(&p.lex, c, c->source->text);
	advance(&p);
	struct node *first = read_commands(&p);
	while (at(&p, '}')) {
		lose(&p, "a command was expected", "此处应为命令");
		p.lost = false;
		advance(&p);
		read_commands(&p);
	}
	return first;
}
