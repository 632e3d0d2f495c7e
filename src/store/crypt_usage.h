/*
 * crypt_usage: what in DATA is encrypted by which data key (crypt.h): packs by their heads, databases by their pages. Needs no key; a server may run.
 */
#pragma once
#include "store/crypt.h"

enum { CRYPT_DATABASES_MAX = 256, CRYPT_NAME_MAX = 64 };

struct crypt_use {
	uint32_t no; /* 0: plain */
	uint64_t packs, pack_bytes;
	uint64_t pages, page_bytes; /* of databases */
	uint64_t copies; /* files that are kept aside: snapshots of databases, packs in DATA/lost */
};
struct crypt_database {
	char dir[CRYPT_NAME_MAX],
		name[CRYPT_NAME_MAX]; /* below DATA: "", "/auth" ...; for sql_open */
};
struct crypt_usage {
	struct crypt_use use[CRYPT_KEYS_MAX + 2]; /* the first is what is plain; then by number */
	size_t n;
	uint64_t logs; /* databases with a log: what is in it was not looked at */
	uint64_t strange; /* packs and pages of which nobody can say */
	struct crypt_database databases[CRYPT_DATABASES_MAX];
	size_t ndatabases;
};
/* Large: on the heap. ERR_LIMIT: more keys or databases than there can be. */
int crypt_usage_read(slice dir, struct crypt_usage *ret, struct err *e);
/* Is anything encrypted by it? For crypt_drop: arg is a struct crypt_usage. */
bool crypt_usage_has(void *usage, uint32_t no);

/* Copies of databases that schema changes left behind (snapshot.h) become as things stand now (sql_recrypt_file); *ret: how many were not. */
int crypt_convert_copies(slice dir, unsigned *ret, struct err *e);
