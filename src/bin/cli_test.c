/* The command line's own parts: tables, JSON, sizes and ages, arguments, translated errors,
 * languages. */
#include "base/mem.h"
#include "base/test.h"
#include "base/time.h"
#include "base/utf8.h"
#include "bin/cli_args.h"

#include <stdio.h>

TEST(table_lines_up_with_chinese)
{
	static const char *const heads[] = {"NAME", ">SIZE", "NOTE"};
	AUTO(buf) struct buf out = BUF(4096);
	struct table *t = table_new(heads, 3);
	table_to(t, &out);
	static const char *const cells[] = {
		"alice", "5", "x", "王小丽", "1234567", "", "e\xcc\x81", "10", "bad\x1b[31m\xff"};
	for (size_t i = 0; i < sizeof cells / sizeof cells[0]; i++)
		table_cell(t, slice_z(cells[i]));
	table_end(t);
	CHECK_STR(buf_slice(&out), S("NAME       SIZE  NOTE\n"
				     "alice         5  x\n"
				     "王小丽  1234567\n"
				     "e\xcc\x81            10  bad?[31m\xef\xbf\xbd\n"));
}

TEST(table_prints_headers_once_and_nothing_when_empty)
{
	static const char *const heads[] = {"N"};
	AUTO(buf) struct buf out = BUF(1 << 20);
	struct table *t = table_new(heads, 1);
	table_to(t, &out);
	for (int i = 0; i < TABLE_ROWS_MAX + 5; i++)
		table_cellf(t, "%d", i);
	table_end(t);
	size_t lines = 0, heads_seen = 0;
	slice rest = buf_slice(&out), line;
	while (rest.n && slice_cut(&rest, '\n', &line)) {
		lines++;
		heads_seen += slice_eq(line, S("N"));
	}
	CHECK_INT(lines, TABLE_ROWS_MAX + 6);
	CHECK_INT(heads_seen, 1);
	buf_reset(&out);
	t = table_new(heads, 1);
	table_to(t, &out);
	table_end(t);
	CHECK_INT(out.n, 0);
}

TEST(json_is_well_formed)
{
	AUTO(buf) struct buf out = BUF(4096);
	struct json j = {.out = &out};
	json_begin(&j);
	json_open_array(&j, "rows");
	json_open_object(&j, NULL);
	json_text(&j, "a\"b", S("q\"\\\n\x01王\xff\xc2\x9b\xe2\x80\xae"));
	json_int(&j, "n", -5);
	json_close(&j, '}');
	json_text(&j, NULL, S(""));
	json_close(&j, ']');
	json_open_array(&j, "none");
	json_close(&j, ']');
	json_bool(&j, "yes", true);
	json_time(&j, "at", 1795309870LL * SECOND);
	json_time(&j, "never", 0);
	json_end(&j);
	CHECK_STR(buf_slice(&out),
		S("{\n"
		  "  \"rows\": [\n"
		  "    {\n"
		  "      \"a\\\"b\": \"q\\\"\\\\\\n\\u0001王\xef\xbf\xbd\\u009b\\u202e\",\n"
		  "      \"n\": -5\n"
		  "    },\n"
		  "    \"\"\n"
		  "  ],\n"
		  "  \"none\": [],\n"
		  "  \"yes\": true,\n"
		  "  \"at\": \"2026-11-22T01:11:10.000Z\",\n"
		  "  \"never\": null\n"
		  "}\n"));
}

TEST(sizes_and_ages)
{
	char out[OUT_TEXT];
	static const struct {
		uint64_t bytes;
		const char *want;
	} sizes[] = {{0, "0 B"}, {1023, "1023 B"}, {1024, "1.0 KiB"}, {12595, "12.3 KiB"},
		{150 << 10, "150 KiB"}, {UINT64_MAX, "16384 PiB"}};
	for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++)
		CHECK_STR(slice_z(out_size(sizes[i].bytes, out)), slice_z(sizes[i].want));
	static const struct {
		int64_t usec;
		const char *en, *zh;
	} ages[] = {{5 * SECOND, "5s", "5s"}, {90 * SECOND, "1m", "1m"},
		{2 * HOUR + 180 * SECOND, "2h 3m", "2h 3m"}, {3 * DAY + HOUR, "3d 1h", "3d 1h"},
		{-10 * MINUTE, "in 10m", "10m 后"}};
	for (size_t i = 0; i < sizeof ages / sizeof ages[0]; i++) {
		tr_lang = LANG_EN;
		CHECK_STR(slice_z(out_age(ages[i].usec, out)), slice_z(ages[i].en));
		tr_lang = LANG_ZH;
		CHECK_STR(slice_z(out_age(ages[i].usec, out)), slice_z(ages[i].zh));
	}
	CHECK_STR(slice_z(out_time(0, out)), S("-"));
}

TEST(errors_are_translated)
{
	static const struct {
		const char *en, *zh;
	} cases[] = {
		{"no such account: a@b", "没有这个帐号：a@b"},
		{"no such route: x (add the route first)", "没有这个路由：x（请先添加路由）"},
		{"no such route: x", "没有这个路由：x"},
		{"no message 5 in INBOX", "没有编号为 5 的邮件，文件夹：INBOX"},
		{"match is \"domain\", \".domain\", \"user@domain\" or \"*\", not a b",
			"match 应为 \"域名\"、\".域名\"、\"用户@域名\" 或 \"*\"，而不是 a b"},
		{"something nobody foresaw", "something nobody foresaw"},
	};
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		AUTO(buf) struct buf out = BUF(1000);
		struct err e;
		err_set(&e, ERR_PERM, "%s", cases[i].en);
		tr_lang = LANG_ZH;
		out_err_text(&e, &out);
		CHECK_STR(buf_slice(&out), slice_z(cases[i].zh));
		buf_reset(&out);
		tr_lang = LANG_EN;
		out_err_text(&e, &out);
		CHECK_STR(buf_slice(&out), slice_z(cases[i].en));
	}
}

TEST(errors_have_exit_codes)
{
	static const struct {
		enum err_kind kind;
		int code;
	} cases[] = {{ERR_NOTFOUND, CLI_NOTHING}, {ERR_TEMP, CLI_TEMPORARY},
		{ERR_TIMEOUT, CLI_TEMPORARY}, {ERR_PROTO, CLI_USAGE}, {ERR_PERM, CLI_FAILED},
		{ERR_EXISTS, CLI_FAILED}, {ERR_DENIED, CLI_FAILED}};
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		struct err e;
		err_set(&e, cases[i].kind, "x");
		CHECK_INT(out_fail(&e), cases[i].code);
	}
}

TEST(languages)
{
	enum lang l;
	CHECK(tr_parse("zh_CN.UTF-8", &l) && l == LANG_ZH);
	CHECK(tr_parse("zh", &l) && l == LANG_ZH);
	CHECK(tr_parse("zha", &l) && l == LANG_EN);
	CHECK(tr_parse("C", &l) && l == LANG_EN);
	CHECK(!tr_parse("", &l) && !tr_parse(NULL, &l));
	setenv("LC_ALL", "", 1);
	setenv("LC_MESSAGES", "zh_TW", 1);
	setenv("LANG", "en_US", 1);
	tr_from_environment();
	CHECK_INT(tr_lang, LANG_ZH);
}

/* ---- arguments ---- */

static struct cli_call seen;
static char *seen_args[10];

static int remember(struct cli_call *c)
{
	seen = *c;
	memcpy(seen_args, c->args, (size_t)c->nargs * sizeof *c->args);
	seen.args = seen_args;
	return 42;
}

static const struct cli_option opts[] = {
	{"from", "ADDRESS", "x", "x"}, {"all", NULL, "x", "x"}, {NULL, NULL, NULL, NULL}};
static const struct cli_verb verbs[] = {
	{"list", remember, "[ID...]", 0, -1, true, opts, "x", "x", NULL, NULL},
	{"show", remember, "ID", 1, 1, false, NULL, "x", "x", NULL, NULL},
	CLI_VERBS_END,
};
static const struct command queue = {"queue", NULL, "x", "x", verbs, NULL, NULL};

static int run_words(const char *words, bool json)
{
	static char text[200], *argv[20];
	struct cli cli = {.json = json};
	int argc = 0;
	snprintf(text, sizeof text, "%s", words);
	for (char *w = strtok(text, " "); w; w = strtok(NULL, " "))
		argv[argc++] = w;
	seen = (struct cli_call){0};
	return cli_run(&queue, &cli, argc, argv);
}

TEST(arguments_are_parsed)
{
	CHECK_INT(run_words("queue list A --from x@y B", false), 42);
	CHECK_INT(seen.nargs, 2);
	CHECK_STR(cli_arg(&seen, 1), S("B"));
	CHECK_STR(cli_arg(&seen, 2), S(""));
	CHECK_STR(cli_option_text(&seen, "from"), S("x@y"));
	CHECK(!cli_flag(&seen, "all"));
	CHECK_INT(run_words("queue list --from=--all --all -- --from", true), 42);
	CHECK_STR(cli_option_text(&seen, "from"), S("--all"));
	CHECK(cli_flag(&seen, "all"));
	CHECK_STR(cli_arg(&seen, 0), S("--from"));
	CHECK_INT(run_words("queue list -", false), 42);
	static const char *const bad[] = {"queue list --nope", "queue list --from",
		"queue list --all=1", "queue list --all --all", "queue list -x", "queue show",
		"queue show A B", "queue", "queue nope"};
	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
		CHECK_INT(run_words(bad[i], false), CLI_USAGE);
	CHECK_INT(run_words("queue show A", true), CLI_USAGE); /* no --json there */
}

/* Every line of help exists in both languages, and every verb can be reached. */
TEST(commands_are_complete)
{
	for (const struct command *c = commands; c->name; c++) {
		CHECK(!c->help_en == !c->help_zh && !c->more_en == !c->more_zh);
		CHECK(!c->run == !!c->verbs);
		for (const struct cli_verb *v = c->verbs; v && v->run; v++) {
			CHECK(v->args && v->en && v->zh && !v->more_en == !v->more_zh);
			CHECK(!utf8_is_ascii(slice_z(v->zh)));
			CHECK(v->name || v == c->verbs);
			for (const struct cli_option *o = v->options; o && o->name; o++)
				CHECK(o->en && o->zh);
		}
	}
}
