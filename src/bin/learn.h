/*
 * learn: the learn process. It takes lessons from other processes and the command line into the
 * journal, has each letter read by a scan process (it parses no mail itself), makes new versions of
 * the site's layer and of users' layers, and has the scan processes use the one in service. What
 * administrators say is noted for fingerprints, too (defence/fingerprint.h).
 *
 *	learn_role.c	the role: opening, links, orders, end
 *	learn_read.c	letters that wait become lessons
 *	learn_build.c	versions are made and put into service
 *	learn_wire.c	how other processes speak with it; learn_client.h is their side
 */
#pragma once
#include "bin/role.h"
#include "bin/scans.h"
#include "run/co.h"
#include "store/commit.h"
#include "training/build.h"

struct learn {
	struct role_env *env;
	struct arena mem;
	slice data;
	struct learning_conf conf; /* without its list */
	struct scan_conf scan_conf;
	struct scans *scans;
	struct sql *db, *read_db, *build_db; /* commits; what waits; the pool's */
	struct commit *commit;
	struct kv *kv;
	struct fingerprints *prints; /* what administrators say is remembered of mail like it */
	bool open, stopping; /* stopping: also read by the pool */
	struct cond opened, told, changed; /* told: something waits; changed: lessons, links */
	struct group workers;
	bool reading; /* letters wait and are being read */
	uint64_t in_service; /* what scan processes were told to use */
	uint64_t pictures; /* the same of the classifier of pictures: pictures_file.h */
	bool told_any; /* they were told something at all */
	bool fresh_links; /* some were told nothing yet */
	struct learn_fuse fuse; /* of the shipped model */
};

/* Run until cancelled. */
void learn_read_run(void *arg);
void learn_build_run(void *arg);

/* ---- learn_wire.c ---- */

enum { LEARN_WIRE_INLINE = 64 * 1024 }; /* longer letters travel in a memory file */
enum learn_message { LEARN_TELL = 1, LEARN_SAMPLE = 2 };

void learn_tell_encode(struct buf *out, const struct training_told *t, bool in_file);
/* Borrows. *ret_in_file: the message is in the file that came with it. */
bool learn_tell_decode(slice in, struct training_told *ret, bool *ret_in_file);
void learn_sample_encode(struct buf *out, const struct journal_sample *s);
bool learn_sample_decode(slice in, struct journal_sample *ret);
