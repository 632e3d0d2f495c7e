/*
 * commands: what `posthouse COMMAND ...` can be. main.c takes the options that every command knows
 * out of the command line, finds the command in the table of commands.c and runs it. Whoever adds a
 * command adds a line there.
 */
#pragma once
#include "base/slice.h"
#include "bin/tr.h"

/* Exit codes, documented in `posthouse --help` and posthouse(1). */
enum {
	CLI_OK = 0,
	CLI_FAILED = 1,
	CLI_USAGE = 2, /* the command line or the configuration has a mistake */
	CLI_NOTHING = 3, /* nothing matched, no such thing, no server there */
	CLI_TEMPORARY = 75, /* try again later: locked, full, server busy (EX_TEMPFAIL) */
};

/* The options that may stand anywhere: --config FILE, --json, --lang, --help. */
struct cli {
	const char *config; /* or NULL: the default place */
	bool json, help;
};

/* argv[0] is the command's name, the rest its own arguments. Returns an exit code. */
typedef int (*command_fn)(struct cli *cli, int argc, char **argv);

struct cli_verb;
struct command {
	const char *name;
	command_fn run; /* or NULL: `verbs` */
	const char *help_en, *help_zh; /* one line for the list; NULL: not listed (roles) */
	const struct cli_verb *verbs; /* cli_args.h; a single one without a name: no subcommands */
	const char *more_en, *more_zh; /* for --help of a `run`; may be NULL */
};
extern const struct command commands[]; /* commands.c; ends with a NULL name */
