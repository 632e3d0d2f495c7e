/*
 * report: what was found in a letter, as it travels from the scan process to those who decide, and
 * as `posthouse explain --json` shows it. Names in JSON are those of the fields here.
 */
#pragma once
#include "codec/fingerprint.h"
#include "content/content.h"

struct json_t;

enum content_class { CONTENT_ORDINARY, CONTENT_BULK /* newsletters, notices: wanted by many */ };

enum {
	CONTENT_FINGERPRINTS_MAX = FINGERPRINTS_MAX,
	CONTENT_HOSTS_MAX = 40,
	CONTENT_REASONS_MAX = 12,
	CONTENT_BULK_FROM = 50, /* of 100: then it is bulk mail */
	CONTENT_SHOWN_MAX = 1000, /* parts, files, links, pictures each in the details */
	CONTENT_OPENED_MAX = 50, /* files, and */
	CONTENT_OPENED_BYTES = 32 << 20, /* bytes of them all together */
	CONTENT_REPORT_FILES_MAX = 1000, /* attachments, each followed by what is inside it */
};

/* An attachment, or a file inside of one, in brief: what policies are about. */
struct content_report_file {
	slice name; /* UTF-8 */
	unsigned type; /* enum filetype: what it truly is */
	uint64_t size;
	unsigned facts; /* enum extract_fact */
	unsigned depth; /* 0: an attachment */
	unsigned part; /* index in mime_parse(message) */
};

/* A file that engines of others cannot see by themselves: it was opened with a word of the letter. */
struct content_report_opened {
	slice name;
	slice bytes; /* where it was examined */
	uint64_t from, size; /* where whoever examined it has put them: bin/scan_wire.h */
};

/* What moved a model most, in words. */
struct content_reason {
	slice what; /* "words: invoice … reply" */
	float margin;
};

struct content_report {
	struct signals signals; /* of the content alone */
	float in[LEARN_INPUTS]; /* what the models say; LEARN_RULES is left to those who know all
				   signals */
	struct learn_fuse fuse; /* makes a probability of it */
	double probability; /* by content alone, with the signals known so far */
	enum content_class class;
	unsigned bulk; /* 0..100 */
	bool limited;
	slice subject, from_name, from_address;
	slice text; /* the beginning of the visible text */
	slice *hosts; /* for lists of bad links: full host names, most suspicious first */
	size_t nhosts;
	struct fingerprint prints[CONTENT_FINGERPRINTS_MAX];
	size_t nprints;
	struct content_report_file *files;
	size_t nfiles;
	struct content_report_opened *opened; /* when asked for */
	size_t nopened;
	/* For explaining, when asked for (content_wish). */
	struct content_reason reasons[CONTENT_REASONS_MAX];
	size_t nreasons;
	float groups[LEARN_GROUPS]; /* what each group of features moved */
	/* For training and for users' own models, when asked for. */
	const struct learn_feature *features;
	size_t nfeatures;
	const struct content *content; /* files, links, pictures, parts; NULL after decoding */
	slice summary; /* codec/summary.h, where somebody put it beside the report: bin/scan_wire.h */
	struct json_t *details; /* after decoding: those as JSON, for showing; may be NULL */
};

enum content_wish { /* bits */
	CONTENT_EXPLAIN = 1, /* reasons, groups and details */
	CONTENT_FEATURES = 2,
	CONTENT_NO_CHECKS = 4, /* only what learning needs: no fingerprints, no hosts */
	CONTENT_OPENED = 16, /* files that were opened with words of the letter */
	CONTENT_SUMMARY = 32, /* `summary` */
	CONTENT_TEXT = 8, /* `text` is long, for people who want to read it */
};

/* One for each thread, used for many messages. */
struct content_examiner;
struct content_examiner *content_examiner_new(void);
void content_examiner_free(struct content_examiner *e);

/* Everything of *ret lives in *a and, the features, in *e until its next use. */
void content_examine(struct content_examiner *e, slice message, const struct content_context *ctx,
	const struct content_tools *t, unsigned wishes, struct arena *a,
	struct content_report *ret);

/* How much a point found elsewhere (caller, authentication, reputation) counts beside one of the
 * content: the fuse is fitted to letters alone, where five points are far more than enough. So the
 * small faults of an honest caller stay what they are; what is bad enough by itself the door refuses. */
#define CONTENT_ELSEWHERE 0.3
/* The probability with all signals known: `rules` is their sum. */
double content_probability(const struct content_report *r, double rules);

/* report_json.c: a new reference. */
struct json_t *content_report_json(const struct content_report *r, unsigned wishes);
/* details_json.c: parts, files, links, pictures. */
struct json_t *content_details_json(const struct content *c);
/* False: malformed. Borrows from *j; memory from *a. */
bool content_report_read(struct json_t *j, struct arena *a, struct content_report *ret);
