/*
 * rule_files: the texts of all rules in force: those that are shipped, then the site's own, files
 * *.rules of the directory [filter] rules in the order of their names. For the scan processes,
 * `posthouse explain` and `posthouse rule`.
 */
#pragma once
#include "base/arena.h"
#include "content/rules.h"

enum { RULE_FILES_MAX = 1000 };

/* `dir` empty, or no such directory: the shipped ones alone. Memory from *a. */
int rule_files_read(
	slice dir, struct arena *a, const struct rules_source **ret, size_t *ret_n, struct err *e);
/* One file, whatever its name. */
int rule_file_read(const char *path, struct arena *a, struct rules_source *ret, struct err *e);
