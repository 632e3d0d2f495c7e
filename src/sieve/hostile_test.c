/*
 * Scripts that mean harm: each ends, soon, with the letter kept or with what was asked for, and always at the same step. Times are not
 * measured, work is: the bounds below are steps and bytes, so a slow machine does not matter.
 */
#include "sieve/testing.h"

enum { HOSTILE_MEMORY = 64 << 20 }; /* bytes that one run of these may take from the heap */

static void put_many(struct buf *out, size_t n, const char *what)
{
	for (size_t i = 0; i < n; i++)
		buf_put(out, slice_z(what));
}

static const struct sieve_script *compile_text(
	struct arena *a, slice text, struct sieve_mistakes *m)
{
	struct sieve_source s = {.name = S("hostile"), .text = text};
	return sieve_compile(&s, 0, a, m);
}

/* Runs it twice: the same end after the same steps, within limits. */
static slice run_twice(struct arena *a, slice text, slice message)
{
	struct sieve_result r[2];
	struct sieve_mistakes m;
	struct sieve_input q;
	testing_input(&q);
	const struct sieve_script *s = compile_text(a, text, &m);
	if (!s)
		return m.v[0].en;
	q.scripts = &s;
	q.nscripts = 1;
	if (message.n)
		q.message = message;
	for (int i = 0; i < 2; i++) {
		size_t before = a->total;
		sieve_run(&q, a, &r[i]);
		CHECK(a->total - before < HOSTILE_MEMORY);
	}
	CHECK_INT(r[0].steps, r[1].steps);
	CHECK_INT(r[0].end, r[1].end);
	CHECK(r[0].end != SIEVE_FAILED || r[0].actions[r[0].nactions - 1].kind == SIEVE_KEEP);
	return r[0].end == SIEVE_FAILED ? r[0].mistake.en : S("done");
}

#define STEPS S("the script takes more steps than a letter may cost")

TEST(sieve_deep_nesting_is_refused)
{
	static const struct {
		const char *open, *inside, *close;
	} v[] = {{"if true {", "keep;", "}"}, {"if not ", "", ""}, {"if allof(", "true", ")"},
		{"{", "", "}"}, {"(", "", ")"}, {"[", "", "]"}, {"if anyof(not ", "true", ")"},
		{"/*", "", ""}, {"if header [", "", "]"}};
	for (size_t i = 0; i < sizeof v / sizeof *v; i++) {
		AUTO(arena) struct arena a = {0};
		AUTO(buf) struct buf text = BUF(SIEVE_SCRIPT_MAX);
		struct sieve_mistakes m;
		size_t n = 240000 / (strlen(v[i].open) + strlen(v[i].close) + 1);
		put_many(&text, n, v[i].open);
		put_many(&text, 1, v[i].inside);
		put_many(&text, n, v[i].close);
		CHECK(!compile_text(&a, buf_slice(&text), &m));
		CHECK(m.n > 0 && m.n <= SIEVE_MISTAKES_MAX);
	}
}

TEST(sieve_large_scripts)
{
	static const char *const parts[] = {"keep;", "if true{}", "redirect \"a@b.c\";", "\"",
		"${hex:", "a", ":a ", "1 ", "#\n", "\xe4\xbd\xa0",
		"if header \"a\" \"b\" { keep; } ", "require \"fileinto\";", "text:\n", "\\", "],[",
		",", "else{}"};
	for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
		AUTO(arena) struct arena a = {0};
		AUTO(buf) struct buf text = BUF(SIEVE_SCRIPT_MAX);
		struct sieve_mistakes m;
		while (text.n + strlen(parts[i]) < SIEVE_SCRIPT_MAX)
			put_many(&text, 1, parts[i]);
		if (compile_text(&a, buf_slice(&text), &m))
			run_twice(&a, buf_slice(&text), (slice){0});
		CHECK(a.total < HOSTILE_MEMORY);
	}
	AUTO(arena) struct arena a = {0};
	AUTO(buf) struct buf text = BUF(SIEVE_SCRIPT_MAX);
	struct sieve_mistakes m;
	buf_put(&text, S("require [\"variables\", \"encoded-character\"]; set \"a\" \""));
	while (text.n + 20 < SIEVE_SCRIPT_MAX)
		put_many(&text, 1, text.n % 3 ? "${a" : "${hex: ");
	buf_put(&text, S("\";"));
	CHECK(compile_text(&a, buf_slice(&text), &m));
}

TEST(sieve_variables_do_not_explode)
{
	AUTO(arena) struct arena a = {0};
	AUTO(buf) struct buf text = BUF(SIEVE_SCRIPT_MAX);
	buf_put(&text, S("require [\"variables\", \"fileinto\"]; set \"a\" \"0123456789\";"));
	put_many(&text, 60, "set \"a\" \"${a}${a}${a}${a}\";");
	CHECK_STR(run_twice(&a, buf_slice(&text), (slice){0}), S("done"));
	put_many(&text, 3000, "set \"a\" \"${a}${a}${a}${a}\";");
	CHECK_STR(run_twice(&a, buf_slice(&text), (slice){0}),
		S("the script makes more text than a letter may cost"));
	text.n = 0;
	buf_put(&text, S("require \"variables\";"));
	for (int i = 0; i < 300; i++)
		buf_printf(&text, "set \"v%d\" \"x\";", i);
	CHECK_STR(run_twice(&a, buf_slice(&text), (slice){0}),
		S("the script sets more than 255 variables"));
	text.n = 0;
	buf_put(&text, S("require \"variables\";"));
	for (int i = 0; i < 2000; i++)
		buf_printf(&text, "set \"v\" \"${v%d}\";", i);
	CHECK_STR(run_twice(&a, buf_slice(&text), (slice){0}),
		S("the script has too many variables"));
}

/* *a*a*a...*b on aaaa...: what backtracks would never end. */
TEST(sieve_wild_patterns_are_cheap)
{
	static const char *const patterns[] = {
		"*a", "*?", "?*", "*a?", "*aa?b", "**", "a*a", "*ab", "*\\\\*a"};
	for (size_t i = 0; i < sizeof patterns / sizeof *patterns; i++) {
		AUTO(arena) struct arena a = {0};
		AUTO(buf) struct buf text = BUF(SIEVE_SCRIPT_MAX), message = BUF(1 << 20);
		struct sieve_input q;
		struct sieve_result r;
		struct sieve_mistakes m;
		buf_put(&message, S("Subject: "));
		buf_fill(&message, 'a', 60000);
		buf_put(&message, S("\r\n\r\n"));
		buf_put(&text, S("if header :matches \"subject\" \""));
		put_many(&text, 1000, patterns[i]);
		buf_put(&text, S("b\" { discard; }"));
		testing_input(&q);
		const struct sieve_script *s = compile_text(&a, buf_slice(&text), &m);
		q.scripts = &s;
		q.nscripts = 1;
		q.message = buf_slice(&message);
		sieve_run(&q, &a, &r);
		CHECK_INT(r.end, SIEVE_DONE);
		CHECK(r.steps < 2000000);
	}
}

TEST(sieve_regular_expressions_end)
{
	static const struct {
		const char *pattern;
		bool ends; /* within what a letter may cost */
	} v[] = {
		{"^(a+)+$", false},
		{"^(a|aa)+$", false},
		{"(a*)*b", true},
		{"(.*)(.*)(.*)(.*)(.*)(.*)(.*)(.*)(.*)[b-z]$", false},
		{"a*b", true},
		{"(aaa|aab)", true},
		{"[a-z]+@[a-z]+", true},
		{"^a{1,200}b", true},
		{"a.*a.*!", true},
		{"aa.*c", true},
	};
	for (size_t i = 0; i < sizeof v / sizeof *v; i++) {
		AUTO(arena) struct arena a = {0};
		AUTO(buf) struct buf message = BUF(1 << 20);
		buf_put(&message, S("Subject: "));
		buf_fill(&message, 'a', 3000);
		buf_put(&message, S("!\r\n\r\n"));
		slice text = arena_printf(&a,
			"require \"regex\"; if header :regex \"subject\" \"%s\" { stop; }",
			v[i].pattern);
		slice got = run_twice(&a, text, buf_slice(&message));
		if (slice_eq(got, S("done")) != v[i].ends)
			test_fail(__FILE__, __LINE__, "%s: %.*s", v[i].pattern, SFMT(got));
		CHECK(v[i].ends || slice_eq(got, STEPS));
	}
	AUTO(arena) struct arena a = {0};
	AUTO(buf) struct buf text = BUF(SIEVE_SCRIPT_MAX);
	static const char *const refused[] = {"(a)\\\\1", "(?R)", "(?=a)", "a++", "a*?", "(*FAIL)",
		"\\\\Ca", "a{1,99999}", "((((((((((((((((((((((((((((((((((((((((((((((((((((a"};
	for (size_t i = 0; i < sizeof refused / sizeof *refused; i++) {
		struct sieve_mistakes m;
		CHECK(!compile_text(&a,
			arena_printf(&a,
				"require \"regex\"; if header :regex \"a\" \"%s\" { stop; }",
				refused[i]),
			&m));
	}
	buf_put(&text,
		S("require [\"regex\", \"variables\"]; set \"x\" \"(((a{1,50}){1,50}){1,50})\";"));
	put_many(&text, 3000, "if header :regex \"subject\" \"${x}\" { stop; }");
	slice got = run_twice(&a, buf_slice(&text), (slice){0});
	CHECK(!slice_eq(got, S("")));
}

/* Short expressions that become large ones. */
TEST(sieve_regular_expressions_are_small)
{
	AUTO(arena) struct arena a = {0};
	AUTO(buf) struct buf text = BUF(SIEVE_SCRIPT_MAX);
	struct sieve_mistakes m;
	buf_put(&text, S("require \"regex\";"));
	put_many(&text, 3000, "if header :regex \"a\" \"((ab|c){1,60}){1,40}\" { stop; }");
	CHECK(!compile_text(&a, buf_slice(&text), &m));
	CHECK_STR(m.v[0].en, S("the regular expressions of the script are too large together"));
	CHECK(a.total < HOSTILE_MEMORY);
	text.n = 0;
	buf_put(&text,
		S("require [\"regex\", \"variables\"]; set \"x\" \"((ab|c){1,60}){1,40}\";"));
	put_many(&text, 3000, "if header :regex \"a\" \"${x}\" { stop; }");
	CHECK_STR(run_twice(&a, buf_slice(&text), (slice){0}),
		S("the script makes more text than a letter may cost"));
}

TEST(sieve_actions_are_few)
{
	static const struct {
		const char *many, *want;
	} v[] = {
		{"fileinto \"f%d\";", "total number of actions exceeds policy limit: more than 32"},
		{"redirect \"a%d@example.com\";",
			"number of redirect actions exceeds policy limit: more than 4"},
		{"notify \"mailto:a%d@example.com\";",
			"number of notify actions exceeds policy limit: more than 4"},
		{"addheader \"X\" \"%d\";", "the script changes more than 100 fields"},
		{"keep; redirect \"a@example.com\"; discard; # %d\n", "done"},
	};
	for (size_t i = 0; i < sizeof v / sizeof *v; i++) {
		AUTO(arena) struct arena a = {0};
		AUTO(buf) struct buf text = BUF(SIEVE_SCRIPT_MAX);
		buf_put(&text, S("require [\"fileinto\", \"enotify\", \"editheader\"];"));
		for (int k = 0; k < 3000; k++) {
			slice rest = slice_z(v[i].many), first;
			slice_cut(&rest, '%', &first);
			buf_printf(&text, "%.*s%d%.*s", SFMT(first), k, SFMT(slice_skip(rest, 1)));
		}
		CHECK_STR(run_twice(&a, buf_slice(&text), (slice){0}), slice_z(v[i].want));
	}
}

/* Loops over 1000 parts inside each other, with work inside. */
TEST(sieve_loops_over_parts_end)
{
	AUTO(arena) struct arena a = {0};
	AUTO(buf) struct buf message = BUF(1 << 20);
	buf_put(&message,
		S("MIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n"));
	for (int i = 0; i < 900; i++)
		buf_put(&message,
			S("--b\r\nContent-Type: message/rfc822\r\n\r\nSubject: x\r\n\r\nbody\r\n"));
	buf_put(&message, S("--b--\r\n"));
	slice text = S("require [\"foreverypart\", \"mime\", \"body\", \"variables\", "
		       "\"extracttext\", \"replace\", \"enclose\"];"
		       "foreverypart { foreverypart { foreverypart { if header :mime :anychild "
		       ":contains \"subject\" \"y\" { stop; } } } }"
		       "foreverypart { if header :mime :anychild :contains \"subject\" \"y\" { "
		       "stop; } if body \"q\" { stop; } }"
		       "foreverypart { if header :mime :anychild :contains \"subject\" \"y\" { "
		       "stop; } if body \"q\" { stop; } }"
		       "foreverypart { if header :mime :anychild :contains \"subject\" \"y\" { "
		       "stop; } if body \"q\" { stop; } }");
	run_twice(&a, text, buf_slice(&message));
	CHECK_STR(run_twice(&a,
			  S("require [\"foreverypart\", \"replace\"]; foreverypart { replace "
			    "\"x\"; }"),
			  buf_slice(&message)),
		S("done"));
	CHECK_STR(run_twice(&a,
			  S("require [\"foreverypart\", \"replace\"]; foreverypart { foreverypart "
			    "{ replace :mime text:\n"
			    "Content-Type: multipart/mixed; "
			    "boundary=b\n\n--b\n\nx\n--b\n\ny\n--b--\n.\n; } }"),
			  buf_slice(&message)),
		S("the script changes more than 100 fields"));
	slice got = run_twice(&a,
		S("require [\"foreverypart\", \"enclose\", \"replace\", \"mime\"]; foreverypart { "
		  "enclose \"x\"; if header :mime \"a\" \"b\" { } replace \"y\"; "
		  "foreverypart { replace \"z\"; } }"),
		buf_slice(&message));
	CHECK_STR(got, S("done"));
}

/* Scripts that include others, each three times: 3^10 runs if nobody counted. */
TEST(sieve_includes_end)
{
	AUTO(arena) struct arena a = {0};
	struct sieve_input q;
	struct sieve_result r;
	const struct sieve_script *v[14];
	testing_input(&q);
	for (int i = 0; i < 14; i++)
		v[i] = testing_compile(&a, arena_printf(&a, "s%d", i),
			arena_printf(&a,
				"require \"include\"; include :optional \"s%d\"; include :optional "
				"\"s%d\"; include :optional \"s%d\";",
				i + 1, i + 1, i + 1));
	q.scripts = &v[0];
	q.nscripts = 1;
	q.included = v;
	q.nincluded = 14;
	sieve_run(&q, &a, &r);
	CHECK_INT(r.end, SIEVE_FAILED);
	CHECK_STR(r.mistake.en, S("scripts include each other too deeply"));
	q.nincluded = 10;
	sieve_run(&q, &a, &r);
	CHECK_INT(r.end, SIEVE_DONE);
	CHECK(r.steps < 2000000);
	CHECK(a.total < HOSTILE_MEMORY);
}

/* Twice the letter, twice the work. */
TEST(sieve_work_is_linear)
{
	static const char *const scripts[] = {"if header :contains \"x\" \"zz\" { stop; }",
		"if address :contains \"to\" \"zz\" { stop; }",
		"require \"body\"; if body :contains \"zz\" { stop; }",
		"require \"mime\"; if header :mime :anychild :contains \"x\" \"zz\" { stop; }",
		"require [\"regex\", \"body\"]; if body :regex \"z+\" { stop; }",
		"require \"vacation\"; vacation \"x\";",
		"require \"editheader\"; deleteheader \"y\"; addheader \"a\" \"b\";"};
	for (size_t i = 0; i < sizeof scripts / sizeof *scripts; i++) {
		uint64_t steps[2];
		for (unsigned k = 0; k < 2; k++) {
			AUTO(arena) struct arena a = {0};
			AUTO(buf) struct buf message = BUF(1 << 22);
			struct sieve_input q;
			struct sieve_result r;
			for (unsigned n = 0; n < 500U << k; n++)
				buf_printf(&message,
					"X: some text %u\r\nTo: a%u@example.com, \"b\" "
					"<b@example.com>\r\n",
					n, n);
			buf_put(&message, S("\r\n"));
			for (unsigned n = 0; n < 1000U << k; n++)
				buf_put(&message, S("a line of text that says nothing at all\r\n"));
			testing_input(&q);
			q.message = buf_slice(&message);
			const struct sieve_script *s =
				testing_compile(&a, S("x"), slice_z(scripts[i]));
			q.scripts = &s;
			q.nscripts = 1;
			sieve_run(&q, &a, &r);
			CHECK_INT(r.end, SIEVE_DONE);
			steps[k] = r.steps;
		}
		if (steps[1] > steps[0] * 5 / 2 + 100)
			test_fail(__FILE__, __LINE__, "%s: %lu steps became %lu", scripts[i],
				(unsigned long)steps[0], (unsigned long)steps[1]);
	}
}
