/* Parsing command lines by tables, and the help that follows from them (cli_args.h). */
#include "bin/cli_args.h"

#include "base/mem.h"
#include "base/must.h"
#include "base/time.h"
#include "base/utf8.h"

#include <stdio.h>

static int option_index(const struct cli_verb *v, slice name)
{
	for (int i = 0; v->options && v->options[i].name; i++) {
		must(i < CLI_OPTIONS_MAX);
		if (slice_eq(name, slice_z(v->options[i].name)))
			return i;
	}
	return -1;
}

const char *cli_option(const struct cli_call *c, const char *name)
{
	int i = option_index(c->verb, slice_z(name));
	must(i >= 0);
	return c->values[i];
}

slice cli_option_text(const struct cli_call *c, const char *name)
{
	return slice_z(cli_option(c, name));
}

bool cli_flag(const struct cli_call *c, const char *name)
{
	return cli_option(c, name) != NULL;
}

const char *cli_word(const struct cli_call *c, const char *name, int *at)
{
	int option = option_index(c->verb, slice_z(name));
	must(option >= 0);
	while (*at < c->nwords) {
		const struct cli_word *w = &c->words[(*at)++];
		if (w->option == option)
			return w->word;
	}
	return NULL;
}

slice cli_arg(const struct cli_call *c, int i)
{
	return i < c->nargs ? slice_z(c->args[i]) : (slice){0};
}

int cli_time_option(struct cli_call *c, const char *name, int64_t *ret)
{
	const char *text = cli_option(c, name);
	if (!text || time_parse(slice_z(text), wall_now(), ret))
		return CLI_OK;
	return out_usage(
		T("--%s: \"%s\" is neither an age (90s, 15m, 2h, 3d) nor a time (2026-11-22T09:00)",
			"--%s：\"%s\" 既不是时长（90s、15m、2h、3d）也不是时间（2026-11-22T09:00）"),
		name, text);
}

int cli_limit_option(struct cli_call *c, uint64_t most, uint64_t *ret)
{
	const char *text = cli_option(c, "limit");
	if (text && (!slice_u64(slice_z(text), ret) || *ret == 0 || *ret > most))
		return out_usage(
			T("--limit is a number from 1 to %llu", "--limit 为 1 到 %llu 的数字"),
			(unsigned long long)most);
	return CLI_OK;
}

int cli_limit_or_all_option(struct cli_call *c, uint64_t *ret)
{
	const char *text = cli_option(c, "limit");
	if (text && !slice_u64(slice_z(text), ret))
		return out_usage(T("--limit is a number, 0 for all", "--limit 为数字，0 表示全部"));
	if (*ret == 0)
		*ret = UINT64_MAX - 1;
	return CLI_OK;
}

/* ---- help ---- */

static void name_of(const struct command *c, const struct cli_verb *v)
{
	printf("posthouse %s", c->name);
	if (v->name)
		printf(" %s", v->name);
}

static size_t option_width(const char *name, const char *value)
{
	return strlen(name) + (value ? strlen(value) + 1 : 0);
}

static void print_option(const char *name, const char *value, const char *text, size_t width)
{
	printf("  --%s%s%s%*s  %s\n", name, value ? " " : "", value ? value : "",
		(int)(width - option_width(name, value)), "", text);
}

static void print_options(const struct cli_verb *v)
{
	size_t width = v->json ? strlen("json") : 0;
	for (const struct cli_option *o = v->options; o && o->name; o++) {
		size_t w = option_width(o->name, o->value);
		width = w > width ? w : width;
	}
	if (width)
		printf("\n%s\n", T("Options:", "选项："));
	for (const struct cli_option *o = v->options; o && o->name; o++)
		print_option(o->name, o->value, T(o->en, o->zh), width);
	if (v->json)
		print_option(
			"json", NULL, T("output for programs", "输出 JSON，供程序使用"), width);
}

static void help_verb(const struct command *c, const struct cli_verb *v)
{
	fputs(T("Usage: ", "用法："), stdout);
	name_of(c, v);
	printf("%s%s%s\n\n%s\n", v->options ? T(" [OPTIONS]", " [选项]") : "",
		v->args[0] ? " " : "", v->args, T(v->en, v->zh));
	if (v->more_en)
		printf("\n%s\n", T(v->more_en, v->more_zh));
	print_options(v);
}

static void help_command(const struct command *c)
{
	printf(T("Usage: posthouse %s VERB [OPTIONS] [ARGUMENTS]\n\n%s\n\n",
		       "用法：posthouse %s 动作 [选项] [参数]\n\n%s\n\n"),
		c->name, T(c->help_en, c->help_zh));
	size_t width = 0;
	for (const struct cli_verb *v = c->verbs; v->run; v++) {
		size_t w = strlen(v->name) + strlen(v->args);
		width = w > width ? w : width;
	}
	for (const struct cli_verb *v = c->verbs; v->run; v++)
		printf("  %s %s%*s  %s\n", v->name, v->args,
			(int)(width - strlen(v->name) - strlen(v->args)), "", T(v->en, v->zh));
	printf(T("\n`posthouse %s VERB --help` tells more and gives examples.\n",
		       "\n`posthouse %s 动作 --help` 给出详细说明和示例。\n"),
		c->name);
}

void cli_help(const struct command *command, const struct cli_verb *verb)
{
	if (!command->verbs)
		printf("%s\n%s%s", T(command->help_en, command->help_zh),
			command->more_en ? "\n" : "",
			command->more_en ? T(command->more_en, command->more_zh) : "");
	else if (verb || !command->verbs->name)
		help_verb(command, verb ? verb : command->verbs);
	else
		help_command(command);
}

/* ---- parsing ---- */

static int misunderstood(const struct cli_call *c)
{
	fputs(T("Try: ", "请看："), stderr);
	fprintf(stderr, "posthouse %s%s%s --help\n", c->command->name, c->verb->name ? " " : "",
		c->verb->name ? c->verb->name : "");
	return CLI_USAGE;
}

static bool takes_many(const struct cli_option *o)
{
	return o->value && slice_ends(slice_z(o->value), S("..."));
}

/* The value at argv[*i], and the words behind it that are no options. */
static void take_words(struct cli_call *c, int option, int argc, char **argv, int *i)
{
	for (int first = *i; *i < argc; (*i)++) {
		bool is_option = argv[*i][0] == '-' && argv[*i][1];
		if (*i > first && is_option)
			break;
		c->words[c->nwords++] = (struct cli_word){option, argv[*i]};
	}
	(*i)--;
}

/* Takes the option at argv[*i]: its value may be in the next word. */
static int take_option(struct cli_call *c, int argc, char **argv, int *i)
{
	const char *word = argv[*i] + 2, *eq = strchr(word, '=');
	slice name = eq ? slice_of(word, (size_t)(eq - word)) : slice_z(word);
	int at = option_index(c->verb, name);
	if (at < 0) {
		out_usage(T("unknown option --%.*s", "未知选项 --%.*s"), SFMT(name));
		return misunderstood(c);
	}
	bool flag = !c->verb->options[at].value;
	bool many = takes_many(&c->verb->options[at]);
	if (c->values[at] && !many) {
		out_usage(T("--%.*s is given twice", "--%.*s 给出了两次"), SFMT(name));
		return misunderstood(c);
	}
	if (flag && eq) {
		out_usage(T("--%.*s takes no value", "--%.*s 不带值"), SFMT(name));
		return misunderstood(c);
	}
	if (!flag && !eq && *i + 1 >= argc) {
		out_usage(T("--%.*s needs a value", "--%.*s 需要一个值"), SFMT(name));
		return misunderstood(c);
	}
	c->values[at] = flag ? "" : eq ? eq + 1 : argv[++*i];
	if (many && eq)
		c->words[c->nwords++] = (struct cli_word){at, eq + 1};
	else if (many)
		take_words(c, at, argc, argv, i);
	return CLI_OK;
}

static int parse(struct cli_call *c, int argc, char **argv)
{
	bool only_args = false;
	for (int i = 0; i < argc; i++) {
		if (!only_args && strcmp(argv[i], "--") == 0) {
			only_args = true;
		} else if (!only_args && strncmp(argv[i], "--", 2) == 0) {
			int r = take_option(c, argc, argv, &i);
			if (r)
				return r;
		} else if (!only_args && argv[i][0] == '-' && argv[i][1]) {
			out_usage(T("unknown option %s", "未知选项 %s"), argv[i]);
			return misunderstood(c);
		} else {
			c->args[c->nargs++] = argv[i];
		}
	}
	if (c->nargs < c->verb->least) {
		out_usage(T("an argument is missing: %s", "缺少参数：%s"), c->verb->args);
		return misunderstood(c);
	}
	if (c->verb->most >= 0 && c->nargs > c->verb->most) {
		out_usage(T("too many arguments: %s", "参数过多：%s"), c->args[c->verb->most]);
		return misunderstood(c);
	}
	if (c->cli->json && !c->verb->json) {
		out_usage(T("this command has no --json", "此命令没有 --json"));
		return misunderstood(c);
	}
	return CLI_OK;
}

static int run_verb(const struct command *command, const struct cli_verb *v, struct cli *cli,
	int argc, char **argv)
{
	struct cli_call c = {.cli = cli, .command = command, .verb = v};
	if (cli->help) {
		cli_help(command, v);
		return CLI_OK;
	}
	AUTO(free) char **args = mem_alloc(((size_t)argc + 1) * sizeof *args);
	AUTO(free) struct cli_word *words = mem_alloc(((size_t)argc + 1) * sizeof *words);
	c.args = args;
	c.words = words;
	int r = parse(&c, argc, argv);
	return r ? r : v->run(&c);
}

static const struct cli_verb *find_verb(const struct command *c, const char *name)
{
	for (const struct cli_verb *v = c->verbs; v->run; v++)
		if (strcmp(v->name, name) == 0)
			return v;
	return NULL;
}

int cli_run(const struct command *command, struct cli *cli, int argc, char **argv)
{
	if (!command->verbs->name)
		return run_verb(command, command->verbs, cli, argc - 1, argv + 1);
	if (argc < 2) {
		cli_help(command, NULL);
		return cli->help ? CLI_OK : CLI_USAGE;
	}
	const struct cli_verb *v = find_verb(command, argv[1]);
	if (v)
		return run_verb(command, v, cli, argc - 2, argv + 2);
	/* "search ann@example.com words": where finding is the first verb, an address in its place means it. */
	v = command->verbs;
	if (strcmp(v->name, "find") == 0 && strchr(argv[1], '@'))
		return run_verb(command, v, cli, argc - 1, argv + 1);
	out_usage(T("unknown: posthouse %s %s", "没有这个命令：posthouse %s %s"), command->name,
		argv[1]);
	fprintf(stderr, T("Try: posthouse %s --help\n", "请看：posthouse %s --help\n"),
		command->name);
	return CLI_USAGE;
}
