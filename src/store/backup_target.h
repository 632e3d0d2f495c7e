/*
 * target: where a repository's files are: a directory (backup_target.c) or a bucket (backup_s3.c). Names are those of backup_format.h.
 * Files are written whole and never changed.
 */
#pragma once
#include "base/buf.h"
#include "store/backup_format.h"

struct backup_target_ops {
	/* Whole and on stable storage when it returns 0. Without `replace` a name that is there is ERR_EXISTS. */
	int (*put)(struct backup_target *t, const char *name, slice bytes, bool replace,
		struct err *e);
	/* Appends up to n bytes from `at` on; fewer at the end. ERR_NOTFOUND. */
	int (*get)(struct backup_target *t, const char *name, uint64_t at, size_t n,
		struct buf *out, struct err *e);
	int (*size)(struct backup_target *t, const char *name, uint64_t *ret,
		struct err *e); /* ERR_NOTFOUND */
	int (*remove)(struct backup_target *t, const char *name,
		struct err *e); /* 0 also when it is not there */
	/* Every file whose name begins with `prefix`, which ends with "/". */
	int (*list)(struct backup_target *t, const char *prefix,
		int (*fn)(void *arg, const char *name, uint64_t size, struct err *e), void *arg,
		struct err *e);
	void (*close)(struct backup_target *t);
};
struct backup_target {
	const struct backup_target_ops *ops;
	slice where; /* for people: as configured */
};

/* The repository's directory is made, for a new one. */
int backup_target_make(struct backup_target *t, struct err *e);
int backup_target_get_all(
	struct backup_target *t, const char *name, struct buf *out, struct err *e);

int backup_s3_open(const struct backup_where *w, struct backup_target **ret, struct err *e);
