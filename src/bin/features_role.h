/* features_role: what the files of the features process share. */
#pragma once
#include "bin/features.h"
#include "bin/role.h"
#include "run/co.h"
#include "store/sql.h"

struct json_t;

/* One piece of work for the pool, made by the loop's side and thrown away after it. */
struct features_work {
	slice data, clamav;
	struct sql *directory;
	struct fingerprints *prints;
	struct arena mem;
	struct feature_set current;
	bool signatures_changed;
	int result;
	struct err e;
};

struct features {
	struct role_env *env;
	struct arena mem;
	slice data;
	const struct features_conf *conf; /* of env->config */
	struct link *master, *scans[SCAN_INSTANCES_MAX];
	unsigned next_scan;
	struct dns *dns;
	struct kv *kv;
	struct fingerprints *prints;
	struct sql *directory, *queue;
	struct group workers;
	struct cond told;
	bool open, stopping;
	/* The trial. */
	uint64_t trying; /* version; 0: none */
	instant began;
	struct features_counts counts;
	struct json_t *examples;
	bool counts_written;
	/* The source. */
	instant next_look;
	slice etag; /* of the index as it was looked at last, heap */
	bool look_now;
};

/* features_apply.c, in the pool: arg is a struct features_work. */
void features_apply(void *arg);

/* features_fetch.c: looks at the source, stores and proposes what is newer. In a coroutine. */
void features_look(struct features *f);

/* features_try.c, in a coroutine: begins the trial that is wanted, or ends it when it has said enough. */
void features_try(struct features *f);
void features_try_count(struct features *f, slice message);
/* Takes a version into force: the master first, then the disk. */
int features_into_force(struct features *f, const char *what, uint64_t number, slice by,
	struct json_t *more, struct err *e);
/* Tells the history and, by mail, the administrator. */
void features_alarm(struct features *f, uint64_t number, slice why, slice facts);
