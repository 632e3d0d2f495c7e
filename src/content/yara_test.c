/* YARA rules: what is compiled, what is left out, what a match is worth, where rules look. */
#include "content/yara.h"

#include "base/arena.h"
#include "base/mem.h"
#include "base/test.h"
#include "base/time.h"

struct told {
	unsigned n;
	char first[300];
};

static void tell(void *arg, slice about)
{
	struct told *t = arg;
	if (!t->n++) {
		about = slice_first(about, sizeof t->first - 1);
		memcpy(t->first, about.p, about.n);
	}
}

static struct yara_rules *compile(slice text, struct told *told)
{
	const struct yara_source v[] = {
		{S("one.yar"), S("rule Other { strings: $a = \"other\" condition: $a }")},
		{S("two.yar"), text}};
	struct yara_rules *r = NULL;
	struct err e;
	CHECK_INT(yara_compile(v, 2, tell, told, &r, &e), 0);
	CHECK(r);
	return r;
}

static void look(
	struct yara_rules *r, slice bytes, const char *where, slice name, struct signals *s)
{
	const struct yara_piece p = {
		.bytes = bytes, .where = where, .name = name, .type = S("text")};
	yara_begin(r, SECOND);
	yara_look(r, &p);
	CHECK(yara_end(r, s));
}

TEST(yara_mistakes_are_told_and_left_out)
{
	static const slice bad[] = {S_INIT("rule X { condition: nowhere }"), S_INIT("rule {"),
		S_INIT("include \"/etc/passwd\"\nrule X { condition: true }"),
		S_INIT("rule X\0 { condition: true }"),
		S_INIT("import \"nothing\"\nrule X { condition: true }")};
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		struct told told = {0};
		struct yara_rules *r = compile(bad[i], &told);
		CHECK_INT(told.n, 1);
		CHECK(slice_starts(slice_z(told.first), S("two.yar")));
		CHECK_INT(yara_count(r), 1);
		yara_free(r);
	}
}

TEST(yara_nothing_is_no_rules)
{
	struct yara_rules *r;
	struct err e;
	CHECK_INT(yara_compile(NULL, 0, tell, NULL, &r, &e), 0);
	CHECK(!r);
	CHECK_INT(yara_count(r), 0);
	yara_free(r);
}

TEST(yara_meta_says_what_it_is_worth)
{
	static const struct {
		slice rule, name;
		double score;
		const char *class;
	} v[] = {
		{S_INIT("rule A { strings: $a = \"xyzzy\" condition: $a }"), S_INIT("yara-A"), 3,
			NULL},
		{S_INIT("rule A { meta: score = 7 strings: $a = \"xyzzy\" condition: $a }"),
			S_INIT("yara-A"), 7, NULL},
		{S_INIT("rule A { meta: score = \"-1.5\" strings: $a = \"xyzzy\" condition: $a }"),
			S_INIT("yara-A"), -1.5, NULL},
		{S_INIT("rule A { meta: score = 900 class = \"Not A Word\" strings: $a = \"xyzzy\" "
			"condition: $a }"),
			S_INIT("yara-A"), YARA_SCORE_MAX, NULL},
		{S_INIT("rule Bad { meta: class = \"virus\" strings: $a = \"xyzzy\" condition: $a "
			"}"),
			S_INIT("yara-Bad"), YARA_SCORE_MAX, "virus"},
	};
	for (size_t i = 0; i < sizeof v / sizeof *v; i++) {
		AUTO(arena) struct arena a = {0};
		struct signals s = {.mem = &a};
		struct told told = {0};
		struct yara_rules *r = compile(v[i].rule, &told);
		look(r, S("some xyzzy here"), "file", S("a.txt"), &s);
		CHECK_INT(s.n, 1);
		CHECK_STR(slice_z(s.v[0].def->name), v[i].name);
		CHECK_INT(s.v[0].score * 10, v[i].score * 10);
		CHECK_STR(s.v[0].detail, S("a.txt"));
		CHECK(!v[i].class == !s.v[0].def->class);
		yara_free(r);
	}
}

TEST(yara_knows_where_it_looks)
{
	struct told told = {0};
	struct yara_rules *r = compile(S("rule F { condition: where == \"file\" and extension == "
					 "\".pdf\" and filetype == \"text\" }"
					 "rule T { condition: where == \"text\" }"),
		&told);
	static const struct {
		const char *where;
		slice name;
		unsigned n;
	} v[] = {{"file", S_INIT("a.pdf"), 1}, {"file", S_INIT("a.txt"), 0},
		{"text", S_INIT(""), 1}, {"header", S_INIT(""), 0}};
	for (size_t i = 0; i < sizeof v / sizeof *v; i++) {
		AUTO(arena) struct arena a = {0};
		struct signals s = {.mem = &a};
		look(r, S("x"), v[i].where, v[i].name, &s);
		CHECK_INT(s.n, v[i].n);
	}
	yara_free(r);
}

TEST(yara_time_is_limited)
{
	struct told told = {0};
	struct yara_rules *r = compile(S("rule Slow { condition: for all i in (0 .. 1000000000) : "
					 "(uint8(i % 10) < 300) }"),
		&told);
	AUTO(arena) struct arena a = {0};
	struct signals s = {.mem = &a};
	const struct yara_piece p = {.bytes = S("0123456789"), .where = "file"};
	instant began = instant_now();
	yara_begin(r, 100 * MSEC);
	yara_look(r, &p);
	CHECK(!yara_end(r, &s));
	CHECK(instant_now() - began < 10 * SECOND);
	yara_free(r);
}
