/*
 * yara_files: sources of YARA rules (content/yara.h): those of feature packs, then files *.yar and *.yara of the
 * directory [yara] rules in the order of their names. Like the rules of rule_files.h they travel from the master
 * to every scan process as a memory file; unlike those a file with a mistake is left out and named.
 */
#pragma once
#include "base/arena.h"
#include "content/yara.h"
#include "run/conf.h"

struct feature_set;

enum { YARA_FILES_MAX = 2000 };

struct yara_conf {
	slice rules; /* directory */
	int64_t time; /* for one letter */
};
extern const struct conf_section yara_section;

/* `data`: of the server, empty: no packs; set NULL: the packs in force. No directory: none. Memory
 * from *a. */
int yara_files_read(slice dir, slice data, const struct feature_set *set, struct arena *a,
	struct yara_source **ret, size_t *ret_n, struct err *e);
/* As a memory file. *ret_fd -1: there are none. */
int yara_files_pack(
	slice dir, slice data, const struct feature_set *set, int *ret_fd, struct err *e);
/* fd -1: none. Memory from *a. */
int yara_files_unpack(
	int fd, struct arena *a, struct yara_source **ret, size_t *ret_n, struct err *e);
