/*
 * cli_letters: the letters that paths on a command line stand for: a letter, an mbox, a directory
 * with such (also a Maildir with its folders), "-" for standard input.
 */
#pragma once
#include "bin/cli_env.h"

struct cli_letters {
	struct cli_env *env;
	/* Each letter, without the line of an mbox that begins it; any other file as it is.
	 * Negative: ends the walk with that. */
	int (*each)(void *arg, const char *path, slice letter);
	void *arg;
	size_t faults; /* files that could not be read */
};
/* Files are opened with the rights of who runs the command. 0, or what `each` returned. */
int cli_letters(struct cli_letters *w, const char *path);
/* Counts and complains; says nothing any more when there are many. */
void cli_letters_fault(struct cli_letters *w, const char *path, const char *why);
