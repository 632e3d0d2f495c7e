/*
 * backup: what the command line, the backup role and the upgrade share: a run as the configuration wants it (store/backup.h), with the
 * configuration itself and the server's certificate.
 */
#pragma once
#include "bin/config.h"
#include "store/backup.h"

struct backup_extras {
	struct arena mem;
	struct backup_extra *v;
	size_t n, room;
};
/* While the process may still read them; what is not readable is left out. `path`: of the configuration file; empty: the default one. */
void backup_extras_read(const struct config *c, slice path, struct backup_extras *ret);
void backup_extras_done(struct backup_extras *x);

struct backup_job {
	const struct config *config;
	const struct backup_extras *extras;
	slice why, addresses;
	bool (*go_on)(void *arg, uint64_t done, uint64_t all);
	void *arg;
};
/* A generation, then those that are over go. *ret_pruned of what went; a failure to remove them is in *e with *ret filled in: 1. */
int backup_job_run(const struct backup_job *j, struct backup_result *ret,
	struct backup_pruned *ret_pruned, struct err *e);
struct backup_keep backup_keep_of(const struct backup_conf *c);
/* From now on this process leaves processor and disk to the others. What cannot be lowered stays as it is. */
void backup_be_modest(void);
const struct backup_conf *backup_conf_of(const struct config *c);
