/*
 * published: what a site (or a user) has learned, as one file that the scan processes map. It is
 * written once and never changed; a newer version is another file.
 *
 *	8 bytes "PHSITE01", u64 version, u64 lessons of ham, u64 of spam, u32 messages counted: ham,
 *	u32 spam, u32 length of the model, u32 bits of the counts' buckets (0: there are no counts),
 *	u32 flags, u32 CRC-32C of model and counts, u32 of the 56 bytes before it; zeros up to 64;
 *	the model (learn/model.h), zeros up to a multiple of 64; the buckets
 *	(counts.h; little endian)
 *
 * Whom it may concern:
 *	scan	gets a descriptor at its start (training_current_open, before its sandbox) and a new
 *		one when another version is published; training_published_map
 *	edge	users' layers: user.h
 */
#pragma once
#include "learn/model.h"
#include "training/counts.h"

enum training_flag { TRAINING_CALIBRATED = 1 /* the fuse was fitted to this site's letters */ };
enum { TRAINING_FILE_MAX = 64 << 20 };

struct training_published {
	uint64_t version;
	uint64_t lessons[2]; /* ham, spam */
	unsigned flags; /* enum training_flag */
	struct learn_model model; /* .weights: the layer; .fuse: when calibrated, the site's */
	bool has_counts;
	struct learn_counts counts; /* look function over the file */
	/* inside */
	struct training_look look;
	void *map;
	size_t mapped;
};

/* From bytes that outlive *ret. Not to be moved afterwards (counts point into it). ERR_PROTO: no
 * such file, damaged, or for other features; *ret is untouched. */
int training_published_read(slice file, struct training_published *ret, struct err *e);
/* The same of a file; the descriptor may be closed afterwards. */
int training_published_map(int fd, struct training_published *ret, struct err *e);
void training_published_done(struct training_published *p); /* NULL is fine */
static inline void auto_training_published(struct training_published *p)
{
	training_published_done(p);
}

/* counts may be NULL. */
void training_published_write(uint64_t version, const uint64_t lessons[2], unsigned flags,
	const struct learn_model *model, const struct training_counts *counts, struct buf *out);

/* ---- where files are: DATA/learn/versions/NNNNNN.site, DATA/learn/current names one ---- */

/* The version in service, for reading. ERR_NOTFOUND: nothing was published yet. */
int training_current_open(slice data, int *ret_fd, struct err *e);
