/*
 * scan: what the other processes ask the scan processes, which are the ones where messages from
 * outside are taken apart: no network, no database, no files, memory and time are capped. One that
 * crashes or runs out of time takes down nothing but itself.
 *
 *	scan.c		the role: one message at a time
 *	scan_tools.c	what judges there: models, rules, what the site has set up
 *	scan_wire.c	how requests travel
 *	scan_ask.c	the queue process asks about reports of others
 *	scan_letter.c	a message on its way into the memory that a scan process sees
 *	scan_text.c	the indexer and who shows what was found have texts read (the role `texts`)
 *	scans.c		the edges have mail examined: which process, when again, when not at all
 */
#pragma once
#include "base/arena.h"
#include "base/err.h"
#include "run/conf.h"
#include "store/queue.h"

struct json_t; /* of jansson: callers include its header */

struct link;
struct blobs;

enum scan_job {
	/* Read it as a report of others: codec/report_in.h. A memory file holds the message as it
	 * would be delivered; its content is replaced by the answer, JSON. */
	SCAN_REPORT = 1,
	/* Examine it: content/report.h. See scan_wire.h. */
	SCAN_MESSAGE,
	/* From now on use what is in the file that comes with this; refused when it is no good. */
	SCAN_USE,
	/* As SCAN_REPORT: letters that one of our users reports, codec/reported.h. */
	SCAN_REPORTED,
	/* Read it as a feature pack and check what it holds: feature/feature.h. A memory file holds the
	 * keys that are trusted (buf_str of lines) and the pack; its content is replaced by what
	 * feature_pack_encode makes of it. */
	SCAN_PACK,
	/* Its texts by field: content/texts.h. See scan_wire.h, scan_text.h. */
	SCAN_TEXT,
	/* As SCAN_REPORT: what came to a mailing list's addresses, codec/bounce_in.h. */
	SCAN_BOUNCE,
	/* Run people's scripts over it: mail/scripts_case.h. The case stands before the letter, as lead_n bytes. */
	SCAN_SCRIPTS,
};
enum { SCAN_JOBS = SCAN_SCRIPTS + 1 };
enum scan_use {
	SCAN_USE_LEARNED, /* what the site has learned: training/published.h */
	SCAN_USE_DOMAINS, /* the site's domains, one a line */
	SCAN_USE_PICTURES, /* the classifier of pictures: pictures_file.h */
	SCAN_USES
};
enum {
	SCAN_PROCESSES_MAX = 32,
	SCAN_INSTANCES_MAX = 2 * SCAN_PROCESSES_MAX, /* those that a reload replaces included */
	SCAN_TRIAL =
		SCAN_INSTANCES_MAX, /* the one that judges by versions that are tried: features.h */
	SCAN_PLACES, /* with it */
	SCAN_ANSWER_MAX = 32 * 1024 * 1024,
};

struct scan_conf {
	int64_t processes; /* 0: as many as there are edges, at least two */
	int64_t memory, time, max_size;
};
extern const struct conf_section scan_section;

/*
 * Has a stored message examined. In a coroutine. A new reference in *ret (json_decref). ERR_TEMP:
 * the process died twice. ERR_TIMEOUT: there was none, or it was busy for too long. ERR_LIMIT:
 * larger than max_size.
 */
int scan_ask(struct link *scan, enum scan_job job, const struct scan_conf *c, struct blobs *blobs,
	const struct queue_msg *m, struct json_t **ret, struct err *e);

/* Has a scan process use what is in a file (borrowed). Whoever has it used tells every process that
 * is linked to him, also later. ERR_PROTO: refused, with a sentence. */
int scan_use(struct link *scan, enum scan_use what, int fd, instant deadline, struct err *e);
