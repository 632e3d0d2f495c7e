/*
 * `posthouse rule`: the rules in force, what one says, mistakes in files of rules, and what rules
 * find in letters. Needs no server. What they found lately: cli_rule_stats.c.
 */
#include "bin/cli_rule.h"
#include "bin/cli_verbs.h"

#include "base/mem.h"
#include "bin/filter_conf.h"
#include "bin/rule_files.h"
#include "bin/shipped.h"
#include "content/report.h"
#include "senderauth/psl.h"

#include <fcntl.h>
#include <stdio.h>

enum { LETTER_MAX = 100 << 20 };

/* What the server would read: the shipped rules and the site's. */
static int in_force(struct cli_call *c, struct cli_env *env, struct rules **ret)
{
	const struct rules_source *v;
	size_t n;
	int code;
	struct err e;
	if (cli_env_config(c->cli, env, &code) < 0)
		return code;
	if (rule_files_read(&(struct rule_files_from){.own = env->config.filter->rules, .data = env->config.server->data}, &env->mem, &v, &n, &e) < 0 ||
		rules_parse(v, n, ret, &e) < 0)
		return out_fail(&e);
	return CLI_OK;
}

/* Or came in a feature pack. */
static bool is_shipped(const struct rule_info *i)
{
	return rule_files_foreign(i->file);
}

/* ---- list ---- */

static const char *state(const struct rule_info *i)
{
	return i->off ? T("off", "关闭") : i->part ? T("part", "部件") : T("on", "启用");
}

static void row(struct listing *l, const struct rule_info *i)
{
	const struct signal_def *d = &i->def;
	if (l->json) {
		json_open_object(&l->j, NULL);
		json_text(&l->j, "name", slice_z(d->name));
		json_text(&l->j, "state", slice_z(i->off ? "off" : i->part ? "part" : "on"));
		if (!i->part) {
			char score[OUT_TEXT];
			snprintf(score, sizeof score, "%g", (double)d->score);
			json_text(&l->j, "score", slice_z(score));
			json_text(&l->j, "class", slice_z(d->class));
		}
		json_text(&l->j, "file", i->file);
		json_int(&l->j, "line", i->line);
		json_text(&l->j, "en", slice_z(d->en));
		json_text(&l->j, "zh", slice_z(d->zh));
		json_close(&l->j, '}');
		return;
	}
	table_cell(l->table, slice_z(d->name));
	if (i->part)
		table_cell(l->table, S(""));
	else
		table_cellf(l->table, "%.2g", (double)d->score);
	table_cell(l->table, slice_z(i->part ? "" : d->class));
	table_cell(l->table, slice_z(state(i)));
	table_cell(l->table, slice_z(T(d->en, d->zh)));
}

static int rule_list(struct cli_call *c)
{
	AUTO(cli_env) struct cli_env env = {0};
	AUTO(rules) struct rules *r = NULL;
	struct listing l;
	const char *const heads[] = {T("NAME", "名称"), T(">SCORE", ">分值"), T("CLASS", "类别"),
		T("STATE", "状态"), T("MEANING", "含义")};
	int code = in_force(c, &env, &r);
	if (code != CLI_OK)
		return code;
	listing_begin(&l, c->cli->json, "rules", heads, sizeof heads / sizeof *heads);
	for (size_t i = 0; i < rules_count(r); i++)
		if (cli_flag(c, "all") || !is_shipped(rules_nth(r, i)))
			row(&l, rules_nth(r, i));
	listing_end_rows(&l);
	listing_end(&l);
	return CLI_OK;
}

/* ---- show ---- */

static int rule_show(struct cli_call *c)
{
	AUTO(cli_env) struct cli_env env = {0};
	AUTO(rules) struct rules *r = NULL;
	int code = in_force(c, &env, &r);
	if (code != CLI_OK)
		return code;
	const struct rule_info *i = rules_find(r, cli_arg(c, 0));
	if (!i) {
		struct err e;
		err_set(&e, ERR_NOTFOUND, "no such rule: %s", c->args[0]);
		return out_fail(&e);
	}
	printf("# %.*s:%u", SFMT(i->file), i->line);
	if (i->off)
		printf(T(", off", "，关闭"));
	else if (!i->part)
		printf(T(", in force with %g", "，当前分值 %g"), (double)i->def.score);
	putchar('\n');
	fwrite(i->text.p, 1, i->text.n, stdout);
	putchar('\n');
	return CLI_OK;
}

/* ---- check ---- */

/* The shipped rules, and those files. */
static int with_files(struct cli_call *c, int from, int to, struct arena *a,
	const struct rules_source **ret, size_t *ret_n, struct err *e)
{
	size_t n;
	const struct rules_source *own = shipped_rules(&n);
	struct rules_source *v = ARENA_ARRAY(a, struct rules_source, n + (size_t)(to - from));
	memcpy(v, own, n * sizeof *v);
	for (int i = from; i < to; i++)
		if (rule_file_read(c->args[i], a, &v[n++], e) < 0)
			return -1;
	*ret = v;
	*ret_n = n;
	return 0;
}

static int rule_check(struct cli_call *c)
{
	AUTO(cli_env) struct cli_env env = {0};
	AUTO(rules) struct rules *r = NULL;
	const struct rules_source *v;
	size_t n;
	int code, got;
	struct err e;
	if (c->nargs == 0 && cli_env_config(c->cli, &env, &code) < 0)
		return code;
	got = c->nargs ? with_files(c, 0, c->nargs, &env.mem, &v, &n, &e)
		       : rule_files_read(&(struct rule_files_from){.own = env.config.filter->rules, .data = env.config.server->data}, &env.mem, &v, &n, &e);
	if (got < 0 || rules_compile(v, n, &r, &e) < 0)
		return out_fail(&e);
	slice line, doubts = rules_warnings(r);
	code = doubts.n ? CLI_FAILED : CLI_OK;
	while (doubts.n && slice_cut(&doubts, '\n', &line)) {
		AUTO(buf) struct buf text = BUF(4096);
		err_set(&e, ERR_PROTO, "%.*s", SFMT(line));
		out_err_text(&e, &text);
		fprintf(stderr, "%.*s\n", SFMT(buf_slice(&text)));
	}
	if (code == CLI_OK)
		printf(T("%zu rules, no mistakes\n", "共 %zu 条规则，没有错误\n"), rules_count(r));
	return code;
}

/* ---- test ---- */

struct tester {
	struct cli_call *c;
	struct rules *r;
	struct content_examiner *examiner;
	struct content_tools tools;
	bool all;
	struct json j;
};

static int read_letter(const char *path, struct buf *out, struct err *e)
{
	char *to;
	size_t n;
	bool from_stdin = strcmp(path, "-") == 0;
	FILE *f = from_stdin ? stdin : fopen(path, "re");
	if (!f)
		return err_set(e, ERR_NOTFOUND, "cannot open %s", path);
	while ((to = buf_room(out, 1 << 16)) && (n = fread(to, 1, 1 << 16, f)) > 0)
		buf_commit(out, n);
	if (!from_stdin)
		fclose(f);
	return buf_ok(out) ? 0 : err_set(e, ERR_LIMIT, "%s is too long for a message", path);
}

static void tell_rule(struct tester *t, const struct rule_info *i)
{
	if (t->c->cli->json) {
		char score[OUT_TEXT];
		snprintf(score, sizeof score, "%g", (double)i->def.score);
		json_open_object(&t->j, NULL);
		json_text(&t->j, "name", slice_z(i->def.name));
		json_text(&t->j, "score", slice_z(score));
		json_text(&t->j, "class", slice_z(i->def.class));
		json_open_array(&t->j, "found");
	} else {
		printf(T("  %+5.1f  %s: %s\n", "  %+5.1f  %s：%s\n"), (double)i->def.score,
			i->def.name, T(i->def.en, i->def.zh));
	}
}

static void tell_hit(struct tester *t, const struct rule_hit *h)
{
	if (!h->field.n)
		return;
	if (t->c->cli->json) {
		json_open_object(&t->j, NULL);
		json_text(&t->j, "field", h->field);
		json_text(&t->j, "text", h->text);
		json_close(&t->j, '}');
		return;
	}
	printf("         %.*s: ", SFMT(h->field));
	out_safe(h->text);
	putchar('\n');
}

static unsigned tell_hits(struct tester *t)
{
	const struct rule_hit *v;
	unsigned rules = 0;
	size_t n = rules_hits(t->r, &v);
	for (size_t i = 0; i < n;) {
		const struct rule_info *rule = v[i].rule;
		bool told = t->all || !is_shipped(rule);
		if (told)
			tell_rule(t, rule);
		rules += told;
		for (; i < n && v[i].rule == rule; i++)
			if (told)
				tell_hit(t, &v[i]);
		if (told && t->c->cli->json) {
			json_close(&t->j, ']');
			json_close(&t->j, '}');
		}
	}
	return rules;
}

static int test_letter(struct tester *t, const char *path)
{
	AUTO(arena) struct arena a = {0};
	AUTO(buf) struct buf letter = BUF(LETTER_MAX);
	struct content_report *report = ARENA_NEW(&a, struct content_report);
	const struct content_context ctx = {.direction = CONTENT_INBOUND};
	struct err e;
	if (read_letter(path, &letter, &e) < 0)
		return out_fail(&e);
	content_examine(t->examiner, buf_slice(&letter), &ctx, &t->tools, 0, &a, report);
	if (t->c->cli->json) {
		json_open_object(&t->j, NULL);
		json_text(&t->j, "letter", slice_z(path));
		json_open_array(&t->j, "rules");
	} else {
		out_safe(slice_z(path));
		putchar('\n');
	}
	unsigned held = tell_hits(t);
	if (t->c->cli->json) {
		json_close(&t->j, ']');
		json_close(&t->j, '}');
	} else if (!held) {
		printf("%s", T("         no rule holds\n", "         没有命中任何规则\n"));
	}
	return CLI_OK;
}

static int rule_test(struct cli_call *c)
{
	static const struct url_names names = {psl_is_known_suffix, psl_org_domain};
	AUTO(arena) struct arena a = {0};
	struct tester t = {.c = c, .all = cli_flag(c, "all")};
	const struct rules_source *v;
	size_t n;
	struct err e;
	int code = CLI_OK;
	if (with_files(c, 0, 1, &a, &v, &n, &e) < 0 || rules_compile(v, n, &t.r, &e) < 0)
		return out_fail(&e);
	t.tools.names = &names;
	t.tools.rules = t.r;
	t.examiner = content_examiner_new();
	if (c->cli->json) {
		json_begin(&t.j);
		json_open_array(&t.j, "letters");
	}
	for (int i = 1; i < c->nargs && code == CLI_OK; i++)
		code = test_letter(&t, c->args[i]);
	if (c->cli->json) {
		json_close(&t.j, ']');
		json_end(&t.j);
	}
	content_examiner_free(t.examiner);
	rules_free(t.r);
	return code;
}

static const struct cli_option all_option[] = {
	{"all", NULL, "the shipped rules, too", "包括随附的规则"},
	{NULL, NULL, NULL, NULL},
};

const struct cli_verb rule_verbs[] = {
	{"list", rule_list, "", 0, 0, true, all_option, "your rules", "列出自定义规则", NULL, NULL},
	{"show", rule_show, "NAME", 1, 1, false, NULL, "what a rule says, and where it stands",
		"显示一条规则的内容和位置", NULL, NULL},
	{"check", rule_check, "[FILE...]", 0, -1, false, NULL,
		"look for mistakes in files of rules; without FILE, in those that the server reads",
		"检查规则文件；不给出文件时检查服务器读取的规则",
		"Each mistake is told as FILE:LINE: sentence. Names of rules and signals that do "
		"not "
		"exist are told,\ntoo; the server takes such files, and what refers to them never "
		"holds. Exit code 1: there are such\nnames, 2: a mistake.\n",
		"错误以“文件:行: "
		"说明”的形式给出。引用了不存在的规则或信号也会指出：服务器仍接受这样的"
		"文件，\n但相应条件永不成立。退出码 1：有这样的名称；2：有错误。\n"},
	{"test", rule_test, "FILE LETTER...", 2, -1, true, all_option,
		"which rules of FILE hold for letters, and what they found there",
		"查看 FILE 中的规则命中哪些邮件，以及命中的内容",
		"The shipped rules and the built-in checks run, too, so that rules can use their "
		"signals; nothing is\nlooked up, and of the envelope nothing is known. LETTER - is "
		"standard input.\n",
		"随附的规则和内置检查同时运行，供规则引用其信号；不作任何查询，也不知道信封信息。LE"
		"TTER 为 "
		"- 时\n读标准输入。\n"},
	{"stats", rule_stats, "[NAME...]", 0, -1, true, rule_stats_options,
		"how often rules and other signals spoke, what became of that mail, and what "
		"people released",
		"规则和其他信号的命中次数、相应邮件的处置以及人工放行的数量",
		"A letter counts once for a signal, for what became of it at that recipient who "
		"got the least. Counted\nare letters whose facts are kept ([policy] facts_keep; "
		"under load a sample), and all that people released\nfrom the quarantine. A rule "
		"whose mail is often released is wrong or weighs too much.\n",
		"每封邮件对每个信号只计一次，按处置最重的收件人归类。统计范围为保留了记录的邮件（[policy] "
		"facts_keep，\n负载高时为抽样）和人工从隔离区放行的全部邮件。经常被放行的规则，要么有误，要么分"
		"值过高。\n"},
	CLI_VERBS_END,
};
