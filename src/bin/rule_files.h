/*
 * rule_files: the texts of all rules in force: those that are shipped, then the site's own, files
 * *.rules of the directory [filter] rules in the order of their names. For the scan processes,
 * `posthouse explain` and `posthouse rule`.
 *
 * The master reads the site's own at its start and at each reload, into a memory file that every
 * scan process gets: one that is started again has the rules that were in force, whatever is being
 * written in the directory.
 */
#pragma once
#include "base/arena.h"
#include "content/rules.h"

enum { RULE_FILES_MAX = 1000 };

/* `dir` empty, or no such directory: the shipped ones alone. Memory from *a. */
int rule_files_read(
	slice dir, struct arena *a, const struct rules_source **ret, size_t *ret_n, struct err *e);

/* One file. */
int rule_file_read(const char *path, struct arena *a, struct rules_source *ret, struct err *e);

/* The site's own as a memory file. */
int rule_files_pack(slice dir, int *ret_fd, struct err *e);
/* From it, with the shipped ones before them; fd -1: those alone. */
int rule_files_unpack(
	int fd, struct arena *a, const struct rules_source **ret, size_t *ret_n, struct err *e);
