/*
 * The posthouse program: the command line and every server role. Takes the options that all
 * commands know out of argv, in whatever place they stand (before "--"), and runs the command.
 */
#include "base/mem.h"
#include "bin/cli_args.h"

#include <locale.h>
#include <signal.h>
#include <stdio.h>

static int usage(FILE *to)
{
	fputs(T("Usage: posthouse [--config FILE] COMMAND [ARGUMENTS]\n\nCommands:\n",
		      "用法：posthouse [--config 文件] 命令 [参数]\n\n命令：\n"),
		to);
	for (const struct command *c = commands; c->name; c++)
		if (c->help_en)
			fprintf(to, "  %-14s%s\n", c->name, T(c->help_en, c->help_zh));
	fputs(T("\nOptions for every command:\n"
		"  --config FILE  configuration (default: /etc/posthouse/posthouse.conf)\n"
		"  --lang zh|en   language (default: by LC_ALL, LC_MESSAGES, LANG)\n"
		"  --json         output for programs, where output is data\n"
		"  --help         about a command: posthouse COMMAND [VERB] --help\n"
		"\nExit codes: 0 done; 1 failed; 2 mistake in the command line or configuration;\n"
		"3 nothing found; 75 try again later.\n",
		      "\n各命令通用的选项：\n"
		      "  --config 文件  配置文件（默认 /etc/posthouse/posthouse.conf）\n"
		      "  --lang zh|en   语言（默认取自 LC_ALL、LC_MESSAGES、LANG）\n"
		      "  --json         输出为 JSON，供程序使用\n"
		      "  --help         命令说明：posthouse 命令 [动作] --help\n"
		      "\n退出码：0 成功；1 失败；2 命令行或配置有误；3 没有找到；75 "
		      "暂时不行，稍后再试。\n"),
		to);
	return CLI_USAGE;
}

/* Is argv[*i] this option? Its value goes to *ret; NULL when it is missing. */
static bool is_option(const char *name, int argc, char **argv, int *i, const char **ret)
{
	size_t n = strlen(name);
	if (strncmp(argv[*i], name, n) != 0 || (argv[*i][n] && argv[*i][n] != '='))
		return false;
	*ret = argv[*i][n] ? argv[*i] + n + 1 : *i + 1 < argc ? argv[++*i] : NULL;
	return true;
}

/* Moves the common options out of argv; the rest stays, in order. */
static int take_common(struct cli *cli, int *argc, char **argv)
{
	int n = 1, i = 1;
	for (; i < *argc && strcmp(argv[i], "--") != 0; i++) {
		const char *value;
		if (is_option("--config", *argc, argv, &i, &value)) {
			if (!value || !*value)
				return out_usage(
					T("--config needs a file", "--config 需要一个文件"));
			cli->config = value;
		} else if (is_option("--lang", *argc, argv, &i, &value)) {
			if (!value || (strcmp(value, "zh") != 0 && strcmp(value, "en") != 0))
				return out_usage(T("--lang is zh or en", "--lang 为 zh 或 en"));
			tr_parse(value, &tr_lang);
		} else if (strcmp(argv[i], "--json") == 0) {
			cli->json = true;
		} else if (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0) {
			cli->help = true;
		} else {
			argv[n++] = argv[i];
		}
	}
	while (i < *argc)
		argv[n++] = argv[i++];
	*argc = n;
	argv[n] = NULL;
	return CLI_OK;
}

static const struct command *find(const char *name)
{
	for (const struct command *c = commands; c->name; c++)
		if (strcmp(c->name, name) == 0)
			return c;
	return NULL;
}

static int run(struct cli *cli, int argc, char **argv)
{
	if (argc < 2 || (strcmp(argv[1], "help") == 0 && argc == 2)) {
		usage(cli->help || argc == 2 ? stdout : stderr);
		return cli->help || argc == 2 ? CLI_OK : CLI_USAGE;
	}
	if (strcmp(argv[1], "help") == 0) { /* posthouse help queue list */
		cli->help = true;
		argc--;
		argv++;
	}
	const struct command *c = find(argv[1]);
	if (!c) {
		out_usage(T("unknown command: %s (posthouse --help lists them)",
				  "没有这个命令：%s（posthouse --help 列出所有命令）"),
			argv[1]);
		return CLI_USAGE;
	}
	if (c->verbs)
		return cli_run(c, cli, argc - 1, argv + 1);
	if (cli->help) {
		cli_help(c, NULL);
		return CLI_OK;
	}
	if (cli->json)
		return out_usage(T("this command has no --json", "此命令没有 --json"));
	return c->run(cli, argc - 1, argv + 1);
}

int main(int argc, char **argv)
{
	struct cli cli = {0};
	setlocale(LC_CTYPE, "C.UTF-8"); /* libarchive: names in archives, whatever the environment says */
	signal(SIGPIPE, SIG_IGN);
	signal(SIGXFSZ, SIG_IGN);
	tr_from_environment();
	int r = take_common(&cli, &argc, argv);
	if (r == CLI_OK)
		r = run(&cli, argc, argv);
	if (fflush(stdout) != 0 && r == CLI_OK)
		r = CLI_FAILED; /* what was printed did not arrive: a full disk, a closed pipe */
	return r;
}
