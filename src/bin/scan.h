/*
 * scan: what the other processes ask the scan processes, which are the ones where messages from
 * outside are taken apart: no network, no database, no files, memory and time are capped. One that
 * crashes or runs out of time takes down nothing but itself.
 *
 * A request is a link call with a file (run/link.h): a memory file that holds the message as it
 * would be delivered. The scan process replaces its content by the answer, JSON.
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
	SCAN_REPORT = 1, /* read it as a report of others: codec/report_in.h */
};
enum {
	SCAN_PROCESSES_MAX = 32,
	SCAN_ANSWER_MAX = 32 * 1024 * 1024,
};

struct scan_conf {
	int64_t processes; /* 0: half as many as there are edges, at least one */
	int64_t memory, time, max_size;
};
extern const struct conf_section scan_section;

/*
 * Has a stored message examined. In a coroutine. A new reference in *ret (json_decref). ERR_TEMP: the
 * process died twice. ERR_TIMEOUT: there was none, or it was busy for too long. ERR_LIMIT: larger
 * than max_size.
 */
int scan_ask(struct link *scan, enum scan_job job, const struct scan_conf *c, struct blobs *blobs,
	const struct queue_msg *m, struct json_t **ret, struct err *e);
