/*
 * cli_args: command lines by tables. A command has verbs (`queue list`), a verb has options and
 * positional arguments; parsing, `--help` and the complaints follow from the table.
 *
 *	posthouse COMMAND VERB [--option VALUE | --option=VALUE | --flag | ARGUMENT]...
 *		[-- ARGUMENT...]
 */
#pragma once
#include "bin/cli_out.h"

enum { CLI_OPTIONS_MAX = 24 };

struct cli_option {
	const char *name; /* without --; NULL ends the list */
	const char
		*value; /* what stands for the value in help, "ADDRESS"; NULL: a flag. "PATH...":
			   the words up to the next option, and it may be given again: cli_word */
	const char *en, *zh;
};

struct cli_call {
	struct cli *cli;
	const struct command *command;
	const struct cli_verb *verb;
	char **args; /* the positional ones */
	int nargs;
	const char *values[CLI_OPTIONS_MAX]; /* by place in verb->options; flags: "" */
	struct cli_word {
		int option;
		const char *word;
	} * words; /* of options with several values, in their order */
	int nwords;
};

struct cli_verb {
	const char *name; /* NULL: the command itself */
	int (*run)(struct cli_call *c);
	const char *args; /* "ADDRESS [TARGET]", shown in help */
	int least, most; /* positional arguments; most -1: any number */
	bool json; /* understands --json */
	const struct cli_option *options; /* may be NULL */
	const char *en, *zh; /* what it does, one line */
	const char *more_en, *more_zh; /* paragraphs and examples; may be NULL */
};
#define CLI_VERBS_END                                                                              \
	{                                                                                          \
		.run = NULL                                                                        \
	}

/* NULL when not given. Asking for an option that the verb does not have is a bug. */
const char *cli_option(const struct cli_call *c, const char *name);
slice cli_option_text(const struct cli_call *c, const char *name); /* empty when not given */
bool cli_flag(const struct cli_call *c, const char *name);
/* The next word of that option behind *at, which begins with 0; NULL: no more. */
const char *cli_word(const struct cli_call *c, const char *name, int *at);
slice cli_arg(const struct cli_call *c, int i); /* empty when there are fewer */
/* "2h", "2026-11-22T09:00"; an option that is not given leaves *ret. An exit code. */
int cli_time_option(struct cli_call *c, const char *name, int64_t *ret);
/* --limit likewise: from 1 to most; or any number, and 0 for all. */
int cli_limit_option(struct cli_call *c, uint64_t most, uint64_t *ret);
int cli_limit_or_all_option(struct cli_call *c, uint64_t *ret);

/* Runs a command by its table. */
int cli_run(const struct command *command, struct cli *cli, int argc, char **argv);
void cli_help(const struct command *command, const struct cli_verb *verb); /* verb NULL: all */
