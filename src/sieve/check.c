/*
 * What RFCs allow: are words known and required, do their arguments, tests and blocks fit (RFC 5228 section 2.7 and the tables in
 * words.c)? Called by compile.c on the tree of parse.c; leaves in each node what the run needs. What lies behind an `ihave`
 * that does not hold is not looked at (RFC 5463 section 4).
 */
#include "sieve/impl.h"

static int check_node(struct check *c, struct node *n, bool test);
static void check_commands(struct check *c, struct node *first, bool top);

static const char *kind_en(const struct node *n)
{
	return n->word->test ? "test" : "command";
}

static const char *kind_zh(const struct node *n)
{
	return n->word->test ? "测试" : "命令";
}

/* ---- which word ---- */

static bool find_word(struct check *c, struct node *n, bool test)
{
	enum ext needs = EXT_NONE;
	slice name = n->name;
	n->word = sieve_word_find(c, name, test, &needs);
	if (n->word && needs == EXT_NONE)
		return true;
	if (n->word && needs != EXT_NONE) {
		slice ext = sieve_ext_name(needs);
		sieve_mistake(c, n->at,
			SAY(c, "unknown %s '%.*s': it needs `require \"%.*s\"` first", kind_en(n),
				SFMT(name), SFMT(ext)),
			SAY(c, "未知的%s“%.*s”：需要先写 require \"%.*s\"", kind_zh(n), SFMT(name),
				SFMT(ext)));
	} else if (sieve_word_find(c, name, !test, &needs)) {
		const char *en = test ? "cannot use command '%.*s' as a test"
				      : "cannot use test '%.*s' as a command";
		const char *zh = test ? "不能把命令“%.*s”用作测试" : "不能把测试“%.*s”用作命令";
		sieve_mistake(c, n->at, SAY(c, en, SFMT(name)), SAY(c, zh, SFMT(name)));
	} else {
		const char *en = test ? "unknown test '%.*s'" : "unknown command '%.*s'";
		const char *zh = test ? "未知的测试“%.*s”" : "未知的命令“%.*s”";
		sieve_mistake(c, n->at, SAY(c, en, SFMT(name)), SAY(c, zh, SFMT(name)));
	}
	n->word = NULL;
	return false;
}

/* ---- arguments ---- */

static slice arg_en(struct check *c, const struct arg *a)
{
	switch (a->kind) {
	case ARG_TAG:
		return SAY(c, "tagged argument ':%.*s'", SFMT(a->tag));
	case ARG_NUMBER:
		return S("number");
	case ARG_STRING:
		return S("string");
	default:
		return S("string list");
	}
}

static slice arg_zh(struct check *c, const struct arg *a)
{
	switch (a->kind) {
	case ARG_TAG:
		return SAY(c, "标签“:%.*s”", SFMT(a->tag));
	case ARG_NUMBER:
		return S("数字");
	case ARG_STRING:
		return S("字符串");
	default:
		return S("字符串列表");
	}
}

static const char *type_en(char type)
{
	return type == 'n' ? "number" : type == 's' ? "string" : "string list";
}

static const char *type_zh(char type)
{
	return type == 'n' ? "数字" : type == 's' ? "字符串" : "字符串列表";
}

static bool fits(char type, const struct arg *a)
{
	if (type == 'n')
		return a->kind == ARG_NUMBER;
	return a->kind == ARG_STRING || (type == 'S' && a->kind == ARG_LIST);
}

/* Strings get their meaning. */
static bool read_strings(struct check *c, struct arg *a)
{
	bool plain = true, good = true;
	if (a->kind != ARG_STRING && a->kind != ARG_LIST)
		return true;
	for (size_t i = 0; i < a->n; i++) {
		good = sieve_text_read(c, &a->v[i], a->at) && good;
		plain = plain && a->v[i].n == 0;
	}
	if (good && plain) {
		a->plain = ARENA_ARRAY(c->a, slice, a->n + 1);
		for (size_t i = 0; i < a->n; i++)
			a->plain[i] = a->v[i].plain;
	}
	return good;
}

static bool unknown_tag(struct check *c, const struct node *n, const struct arg *a, enum ext needs)
{
	if (needs != EXT_NONE) {
		slice ext = sieve_ext_name(needs);
		sieve_mistake(c, a->at,
			SAY(c,
				"unknown tagged argument ':%.*s' for the %.*s %s (it needs "
				"`require \"%.*s\"` first)",
				SFMT(a->tag), SFMT(n->word->name), kind_en(n), SFMT(ext)),
			SAY(c, "%.*s %s没有标签“:%.*s”（需要先写 require \"%.*s\"）",
				SFMT(n->word->name), kind_zh(n), SFMT(a->tag), SFMT(ext)));
		return false;
	}
	slice names = sieve_tag_names(c, n->word);
	sieve_mistake(c, a->at,
		SAY(c, "unknown tagged argument ':%.*s' for the %.*s %s (it takes %.*s)",
			SFMT(a->tag), SFMT(n->word->name), kind_en(n),
			SFMT(names.n ? names : S("none"))),
		SAY(c, "%.*s %s没有标签“:%.*s”（可用：%.*s）", SFMT(n->word->name), kind_zh(n),
			SFMT(a->tag), SFMT(names.n ? names : S("无"))));
	return false;
}

static bool clashes(struct check *c, const struct node *n, const struct tag *t, const struct arg *a,
	const uint8_t *groups)
{
	for (unsigned i = 0; i < n->ntags; i++) {
		bool same = n->tags[i].id == t->id;
		if (!same && !(t->group && groups[i] == t->group))
			continue;
		const char *en = same ? "the tagged argument ':%.*s' stands twice in the %.*s %s"
				      : "the tagged argument ':%.*s' cannot be combined with "
					"another one of the %.*s %s";
		const char *zh = same ? "标签“:%.*s”在 %.*s %s中出现两次"
				      : "标签“:%.*s”与 %.*s %s的另一个标签冲突";
		sieve_mistake(c, a->at, SAY(c, en, SFMT(a->tag), SFMT(n->word->name), kind_en(n)),
			SAY(c, zh, SFMT(a->tag), SFMT(n->word->name), kind_zh(n)));
		return true;
	}
	return false;
}

static bool tag_value(struct check *c, const struct node *n, const struct tag *t, struct arg *a,
	struct arg *end, struct arg **ret)
{
	if (a + 1 < end && fits(t->value, a + 1)) {
		*ret = a + 1;
		return read_strings(c, a + 1);
	}
	sieve_mistake(c, a->at,
		SAY(c, "the tagged argument ':%.*s' of the %.*s %s must be followed by a %s",
			SFMT(t->name), SFMT(n->word->name), kind_en(n), type_en(t->value)),
		SAY(c, "%.*s %s的标签“:%.*s”之后必须是%s", SFMT(n->word->name), kind_zh(n),
			SFMT(t->name), type_zh(t->value)));
	return false;
}

/* Tags at the front; *ret_first: the argument behind them. */
static bool read_tags(struct check *c, struct node *n, unsigned *ret_first)
{
	uint8_t groups[SIEVE_TAGS_MAX];
	*ret_first = 0;
	if (!n->nargs)
		return true;
	struct arg *a = n->args, *end = n->args + n->nargs;
	if (a->kind == ARG_TAG)
		n->tags = ARENA_ARRAY(c->a, struct tagged, SIEVE_TAGS_MAX);
	for (; a < end && a->kind == ARG_TAG; a++) {
		enum ext needs = EXT_NONE;
		struct arg *value = NULL;
		const struct tag *t = sieve_tag_find(c, n->word, a->tag, &needs);
		if (!t || needs != EXT_NONE)
			return unknown_tag(c, n, a, needs);
		if (n->ntags == SIEVE_TAGS_MAX || clashes(c, n, t, a, groups))
			return false;
		if (t->value && !tag_value(c, n, t, a, end, &value))
			return false;
		groups[n->ntags] = t->group;
		n->tags[n->ntags++] = (struct tagged){t->id, value};
		a += t->value != 0;
	}
	*ret_first = (unsigned)(a - n->args);
	return true;
}

/* No tags may come behind the first positional argument (2.6.2); unknown ones are said to be so. */
static bool no_more_tags(struct check *c, const struct node *n, unsigned i)
{
	for (; i < n->nargs; i++) {
		enum ext needs = EXT_NONE;
		const struct arg *a = &n->args[i];
		if (a->kind != ARG_TAG)
			continue;
		if (!sieve_tag_find(c, n->word, a->tag, &needs))
			return unknown_tag(c, n, a, EXT_NONE);
		sieve_mistake(c, a->at,
			SAY(c,
				"unexpected tagged argument ':%.*s' behind the other arguments of "
				"the %.*s %s",
				SFMT(a->tag), SFMT(n->word->name), kind_en(n)),
			SAY(c, "标签“:%.*s”必须位于 %.*s %s的其他参数之前", SFMT(a->tag),
				SFMT(n->word->name), kind_zh(n)));
		return false;
	}
	return true;
}

/* `address matches "x" "y"`: the arguments landed behind what was meant as a tag. */
static const struct node *missing_colon(const struct check *c, const struct node *n)
{
	enum ext needs;
	return n->tests && !n->list && n->word->tests == 0 &&
			       sieve_tag_find(c, n->word, n->tests->name, &needs)
		       ? n->tests
		       : NULL;
}

static bool read_positional(struct check *c, struct node *n, unsigned first)
{
	const struct param *p = n->word->params;
	unsigned most = 0, least = 0, given = n->nargs - first, i = first;
	for (unsigned k = 0; k < 4 && p[k].type; k++) {
		most++;
		least += !p[k].optional;
	}
	n->pos = ARENA_ARRAY(c->a, const struct arg *, 5);
	if (given < least && n->tests && n->word->tests == 0 && !missing_colon(c, n))
		return true; /* what is wrong is said with the tests */
	if (given < least || given > most) {
		unsigned want = given < least ? least : most;
		sieve_mistake(c, n->at,
			SAY(c, "the %.*s %s requires %u positional argument%s, but %u %s specified",
				SFMT(n->word->name), kind_en(n), want, want == 1 ? "" : "s", given,
				given == 1 ? "is" : "are"),
			SAY(c, "%.*s %s需要 %u 个位置参数，却有 %u 个", SFMT(n->word->name),
				kind_zh(n), want, given));
		return false;
	}
	unsigned left_out = most - given;
	for (unsigned k = 0; k < most; k++) {
		if (p[k].optional && left_out) {
			left_out--;
			continue;
		}
		struct arg *a = &n->args[i++];
		if (!fits(p[k].type, a)) {
			slice en = arg_en(c, a), zh = arg_zh(c, a);
			sieve_mistake(c, a->at,
				SAY(c,
					"the %.*s %s expects a %s as argument %u (%s), but a %.*s "
					"was found",
					SFMT(n->word->name), kind_en(n), type_en(p[k].type), k + 1,
					p[k].en, SFMT(en)),
				SAY(c, "%.*s %s的第 %u 个参数（%s）应为%s，却是%.*s",
					SFMT(n->word->name), kind_zh(n), k + 1, p[k].zh,
					type_zh(p[k].type), SFMT(zh)));
			return false;
		}
		n->pos[k] = a;
		if (!read_strings(c, a))
			return false;
	}
	return true;
}

static bool check_arguments(struct check *c, struct node *n)
{
	unsigned first = 0;
	return read_tags(c, n, &first) && no_more_tags(c, n, first) && read_positional(c, n, first);
}

/* ---- tests and blocks ---- */

static void say_semicolon(struct check *c, const struct node *n)
{
	sieve_mistake(c, n->at,
		SAY(c, "missing semicolon behind the %.*s command", SFMT(n->word->name)),
		SAY(c, "%.*s 命令之后缺少分号", SFMT(n->word->name)));
}

/* Tests where none belong: what was meant? */
static bool no_tests(struct check *c, const struct node *n)
{
	enum ext needs;
	const struct node *t = n->tests;
	if (missing_colon(c, n)) {
		sieve_mistake(c, t->at,
			SAY(c, "missing colon ':' before '%.*s': it is a tag of the %.*s %s",
				SFMT(t->name), SFMT(n->word->name), kind_en(n)),
			SAY(c, "“%.*s”之前缺少冒号：它是 %.*s %s的标签", SFMT(t->name),
				SFMT(n->word->name), kind_zh(n)));
		return false;
	}
	if (!n->word->test && !n->list && !sieve_word_find(c, t->name, true, &needs)) {
		say_semicolon(c, n);
		return false;
	}
	sieve_mistake(c, t->at,
		SAY(c, "the %.*s %s accepts no sub-tests, but %u %s specified", SFMT(n->word->name),
			kind_en(n), n->ntests, n->ntests == 1 ? "is" : "are"),
		SAY(c, "%.*s %s不带测试，却有 %u 个", SFMT(n->word->name), kind_zh(n), n->ntests));
	return false;
}

static bool count_tests(struct check *c, const struct node *n)
{
	if (n->word->tests == 0 && n->tests)
		return no_tests(c, n);
	if (n->word->tests == 1 && (n->ntests != 1 || n->list)) {
		const char *list_en = n->ntests ? "a list of them" : "none";
		const char *list_zh = n->ntests ? "一个列表" : "没有";
		sieve_mistake(c, n->at,
			SAY(c, "the %.*s %s requires one test, but %s is specified",
				SFMT(n->word->name), kind_en(n), list_en),
			SAY(c, "%.*s %s需要一个测试，却是%s", SFMT(n->word->name), kind_zh(n),
				list_zh));
		return false;
	}
	if (n->word->tests == 2 && !n->list) {
		sieve_mistake(c, n->at,
			SAY(c, "the %.*s %s requires a list of tests in parentheses",
				SFMT(n->word->name), kind_en(n)),
			SAY(c, "%.*s %s需要括号中的测试列表", SFMT(n->word->name), kind_zh(n)));
		return false;
	}
	return true;
}

static bool check_has_block(struct check *c, const struct node *n)
{
	if (n->has_block == n->word->block)
		return true;
	const char *en = n->has_block ? "the %.*s %s takes no block"
				      : "the %.*s %s requires a block: { ... }";
	const char *zh = n->has_block ? "%.*s %s不带语句块" : "%.*s %s需要语句块：{ ... }";
	sieve_mistake(c, n->at, SAY(c, en, SFMT(n->word->name), kind_en(n)),
		SAY(c, zh, SFMT(n->word->name), kind_zh(n)));
	return false;
}

/* Does `ihave` decide it now? 1: it holds, -1: it does not, 0: the run will see. */
static int check_tests(struct check *c, struct node *n)
{
	bool any = n->word->tests == 2 && slice_eq(n->word->name, S("anyof"));
	bool decided = false, all_known = true;
	int last = 0;
	for (struct node *t = n->tests; t; t = t->next) {
		t->dead = decided;
		if (decided)
			continue;
		last = check_node(c, t, true);
		all_known = all_known && last != 0;
		decided = n->word->tests == 2 && last == (any ? 1 : -1);
	}
	if (n->word->tests == 2)
		return decided ? last : all_known && n->tests ? last : 0;
	return slice_eq(n->word->name, S("not")) ? -last : last;
}

static int check_node(struct check *c, struct node *n, bool test)
{
	if (!find_word(c, n, test))
		return 0;
	if (!test && n->tests && n->word->tests == 0 && !n->list && !n->has_block) {
		/* `keep redirect "x";`: a semicolon is missing, and the rest is a command of its own */
		enum ext needs;
		if (!sieve_word_find(c, n->tests->name, true, &needs) &&
			sieve_word_find(c, n->tests->name, false, &needs)) {
			say_semicolon(c, n);
			return 0;
		}
	}
	bool args = check_arguments(c, n);
	bool tests = count_tests(c, n);
	if (!tests || !check_has_block(c, n) || !args)
		return 0;
	if ((n->word->takes & TAKES_MATCH) && !sieve_check_match(c, n))
		return 0;
	int known = check_tests(c, n);
	if (n->word->check && !n->word->check(c, n))
		return 0;
	if (n->word->ext == EXT_IHAVE && n->word->test)
		known = n->data ? 1 : -1;
	return known;
}

/* ---- commands ---- */

struct chain { /* of if, elsif, else */
	bool open; /* an elsif or else may follow */
	bool said; /* it was wrong from the start: once is enough */
	bool dead; /* a branch before holds for sure */
};

static bool is_command(const struct node *n, slice name)
{
	return slice_ieq(n->name, name);
}

static void check_chain(struct check *c, const struct node *n, struct chain *ch)
{
	bool more = is_command(n, S("elsif")) || is_command(n, S("else"));
	if (!more) {
		*ch = (struct chain){.open = is_command(n, S("if"))};
		return;
	}
	if (!ch->open && !ch->said)
		sieve_mistake(c, n->at,
			SAY(c,
				"the %.*s command must follow directly behind an if or elsif "
				"command",
				SFMT(n->name)),
			SAY(c, "%.*s 命令必须紧跟在 if 或 elsif 命令之后", SFMT(n->name)));
	ch->said = ch->said || !ch->open;
	ch->open = ch->open && !is_command(n, S("else"));
}

static bool is_loop(const struct node *n)
{
	return n->word && n->word->ext == EXT_FOREVERYPART && n->word->block;
}

static void check_command(struct check *c, struct node *n, struct chain *ch)
{
	int known = check_node(c, n, false);
	bool loop = is_loop(n) && c->loops < SIEVE_LOOPS_MAX;
	ch->dead = ch->dead || (known == 1 && ch->open);
	if (known == -1)
		return; /* its block never runs */
	c->loops += loop;
	check_commands(c, n->block, false);
	c->loops -= loop;
}

static void check_commands(struct check *c, struct node *first, bool top)
{
	struct chain ch = {0};
	bool may_require = top;
	for (struct node *n = first; n; n = n->next) {
		check_chain(c, n, &ch);
		n->dead = ch.dead && !is_command(n, S("if"));
		if (n->dead)
			continue;
		if (is_command(n, S("require")) && !may_require) {
			sieve_mistake(c, n->at,
				S("require commands must stand at the very top of the script"),
				S("require 命令必须位于脚本的最前面"));
			continue;
		}
		may_require = may_require && is_command(n, S("require"));
		check_command(c, n, &ch);
	}
}

void sieve_check(struct check *c, struct node *first)
{
	check_commands(c, first, true);
}

/* ---- for words ---- */

const struct arg *sieve_node_tag(const struct node *n, enum tag_id id, bool *ret_there)
{
	for (unsigned i = 0; i < n->ntags; i++)
		if (n->tags[i].id == id) {
			if (ret_there)
				*ret_there = true;
			return n->tags[i].arg;
		}
	if (ret_there)
		*ret_there = false;
	return NULL;
}

bool sieve_constant(struct check *c, const struct node *n, const struct arg *arg, slice *ret)
{
	if (arg->n == 1 && arg->v[0].n == 0) {
		*ret = arg->v[0].plain;
		return true;
	}
	sieve_mistake(c, arg->at,
		SAY(c, "the %.*s %s needs a constant string here: no variables",
			SFMT(n->word->name), kind_en(n)),
		SAY(c, "%.*s %s的此处需要固定字符串，不能含变量", SFMT(n->word->name), kind_zh(n)));
	return false;
}
