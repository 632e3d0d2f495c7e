/*
 * rule_files: the texts of all rules in force: those that are shipped, then those of feature packs
 * (features.h), then the site's own, files *.rules of the directory [filter] rules in the order of
 * their names. A pack's file takes the place of the shipped one of the same name. For the scan
 * processes, `posthouse explain` and `posthouse rule`.
 *
 * The master reads what is not shipped at its start, at each reload and when another pack comes into
 * force, into a memory file that every scan process gets: one that is started again has the rules that
 * were in force, whatever is being written in the directories.
 */
#pragma once
#include "base/arena.h"
#include "content/rules.h"

struct feature_set;

enum { RULE_FILES_MAX = 1000, RULE_SOURCES_MAX = 6000 /* with those of packs */ };

struct rule_files_from {
	slice own; /* directory; empty, or there is none: no rules of the site */
	slice data; /* of the server; empty: no packs */
	const struct feature_set *set; /* packs; NULL: those that are in force on disk */
};

/* All, in their order. Memory from *a. */
int rule_files_read(const struct rule_files_from *f, struct arena *a,
	const struct rules_source **ret, size_t *ret_n, struct err *e);

/* One file. */
int rule_file_read(const char *path, struct arena *a, struct rules_source *ret, struct err *e);

/* What is not shipped as a memory file. */
int rule_files_pack(const struct rule_files_from *f, int *ret_fd, struct err *e);
/* From it, with the shipped ones before them; fd -1: those alone. */
int rule_files_unpack(
	int fd, struct arena *a, const struct rules_source **ret, size_t *ret_n, struct err *e);

/* The name of a pack's file among the sources: "features:PACK/FILE". */
slice rule_files_name(slice pack, slice file, struct arena *a);
/* Came with the program or in a pack: not the site's own. */
bool rule_files_foreign(slice name);
/* Those given behind the shipped ones whose places they do not take. */
void rule_files_join(const struct rules_source *v, size_t n, struct arena *a,
	const struct rules_source **ret, size_t *ret_n);
