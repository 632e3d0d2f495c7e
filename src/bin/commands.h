/*
 * commands: what `posthouse COMMAND ...` can be. main.c reads the options that stand before the
 * command, finds it in the table of commands.c and runs it. Whoever adds a command adds a line there.
 */
#pragma once
#include "base/slice.h"
#include "bin/tr.h"

/* Exit codes, documented in `posthouse --help` and posthouse(1). */
enum {
	CLI_OK = 0,
	CLI_FAILED = 1,
	CLI_USAGE = 2,	   /* the command line was not understood, or the configuration has mistakes */
	CLI_NOTHING = 3,   /* nothing matched, no such thing */
	CLI_TEMPORARY = 75, /* try again later: locked, full, server busy (EX_TEMPFAIL) */
};

/* The options before the command; `--json` and `--yes` are also understood behind it. */
struct cli {
	const char *config; /* --config FILE, or NULL: the default place */
	bool json;
};

/* argv[0] is the command's name, the rest its own arguments. Returns an exit code. */
typedef int (*command_fn)(struct cli *cli, int argc, char **argv);

struct command {
	const char *name;
	command_fn run;
	const char *help_en, *help_zh; /* one line for the list; NULL: not listed (roles) */
};
extern const struct command commands[]; /* commands.c; ends with a NULL name */
