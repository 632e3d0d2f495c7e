/*
 * What is wrong with a script, and where: in both languages.
 */
#include "sieve/testing.h"

TEST(sieve_mistakes)
{
	static const struct {
		const char *script;
		unsigned line, column;
		const char *en, *zh;
	} v[] = {
		{"keep", 1, 5,
			"the command must end with ';' or a block, but the end of the script was "
			"found",
			"命令必须以“;”或语句块结束，却遇到脚本结尾"},
		{"\n  keep \"x\";", 2, 3,
			"the keep command requires 0 positional arguments, but 1 is specified",
			"keep 命令需要 0 个位置参数，却有 1 个"},
		{"# 你好\nif true { 你 }", 2, 11, "unexpected characters '你'", "意外的字符“你”"},
		{"fileinto \"x\";", 1, 1,
			"unknown command 'fileinto': it needs `require \"fileinto\"` first",
			"未知的命令“fileinto”：需要先写 require \"fileinto\""},
		{"require \"nothing\";", 1, 9, "unknown extension 'nothing'",
			"未知的扩展“nothing”"},
		{"if header :is \"a\" { }", 1, 4,
			"the header test requires 2 positional arguments, but 1 is specified",
			"header 测试需要 2 个位置参数，却有 1 个"},
		{"if header \"a\" 3 { }", 1, 15,
			"the header test expects a string list as argument 2 (key list), but a "
			"number was found",
			"header 测试的第 2 个参数（关键字列表）应为字符串列表，却是数字"},
		{"keep; require \"copy\";", 1, 7,
			"require commands must stand at the very top of the script",
			"require 命令必须位于脚本的最前面"},
		{"redirect \"nobody\";", 1, 10, "redirect: 'nobody' is no mail address",
			"redirect：“nobody”不是邮件地址"},
		{"if true { keep; ", 1, 9, "this block is never closed: its '}' is missing",
			"语句块没有结束：缺少“}”"},
		{"redirect \"x;", 1, 10,
			"this string is never closed: its quotation mark \" is missing",
			"字符串没有结束：缺少引号 \""},
		{"/* x", 1, 1, "this comment is never closed: its end */ is missing",
			"注释没有结束：缺少 */"},
		{"else { }", 1, 1,
			"the else command must follow directly behind an if or elsif command",
			"else 命令必须紧跟在 if 或 elsif 命令之后"},
		{"if header :regex \"a\" \"b\" { }", 1, 11,
			"unknown tagged argument ':regex' for the header test (it needs `require "
			"\"regex\"` first)",
			"header 测试没有标签“:regex”（需要先写 require \"regex\"）"},
		{"require \"regex\"; if header :regex \"a\" \"(b\" { }", 1, 39,
			"invalid regular expression '(b': missing closing parenthesis",
			"无效的正则表达式“(b”：missing closing parenthesis"},
		{"}", 1, 1, "a command was expected, but '}' was found", "此处应为命令，却遇到“}”"},
		{"require \"variables\"; set \"1\" \"x\";", 1, 26,
			"'1' is no name of a variable that can be set", "“1”不是可以赋值的变量名"},
		{"require \"foreverypart\"; break;", 1, 25,
			"the break command stands in no such foreverypart",
			"break 命令不在相应的 foreverypart 之中"},
	};
	for (size_t i = 0; i < sizeof v / sizeof *v; i++) {
		AUTO(arena) struct arena a = {0};
		struct sieve_mistakes m;
		struct sieve_source s = {.name = S("x"), .text = slice_z(v[i].script)};
		CHECK(!sieve_compile(&s, 0, &a, &m));
		CHECK_INT(m.n, 1);
		CHECK_STR(m.v[0].en, slice_z(v[i].en));
		CHECK_STR(m.v[0].zh, slice_z(v[i].zh));
		CHECK_INT(m.v[0].line, v[i].line);
		CHECK_INT(m.v[0].column, v[i].column);
	}
}

TEST(sieve_source_as_a_whole)
{
	AUTO(arena) struct arena a = {0};
	struct sieve_mistakes m;
	struct sieve_source s = {.name = S("x"), .text = S("keep;\nkeep; # \xff")};
	CHECK(!sieve_compile(&s, 0, &a, &m));
	CHECK_STR(m.v[0].en, S("this is not valid UTF-8"));
	CHECK_INT(m.v[0].line, 2);
	CHECK_INT(m.v[0].column, 9);
	s.text = S("keep; keep;");
	CHECK(!sieve_compile(&s, 10, &a, &m));
	CHECK_STR(m.v[0].en, S("the script is longer than 10 bytes"));
	CHECK(sieve_compile(&s, 11, &a, &m) && !m.n);
	s.text = S("\xef\xbb\xbfkeep;");
	CHECK(sieve_compile(&s, 0, &a, &m) && !m.n);
	s.text = S("if header \"a:\" \"b\" { }");
	CHECK(sieve_compile(&s, 0, &a, &m) && m.n == 1 && m.v[0].warning);
}

/* What is announced can be required, and the other way round. */
TEST(sieve_announces_what_it_has)
{
	slice all = sieve_extensions(), one;
	size_t n = 0;
	while (slice_cut(&all, ' ', &one)) {
		CHECK(sieve_ext_find(one) != EXT_NONE);
		n++;
	}
	size_t known = 0;
	for (unsigned e = 1; e < EXT_NONE; e++)
		known += sieve_ext_name(e).n > 0;
	CHECK_INT(n, known - 2); /* comparators that are always there */
}
