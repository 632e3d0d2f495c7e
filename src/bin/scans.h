/*
 * scans: the scan processes as the edges see them. Which of them examines a message, how long that
 * may take, what happens when one dies.
 *
 * A process that dies, or has to be given up, while it examines a message is a strike against the
 * message; after the second strike it is not tried again: SCANS_CANNOT. What only waited there is
 * sent to another process and is innocent.
 *
 * When more wait than can be served, those come first whose source has used the processes least in
 * the last minutes: one sender's laborious letters delay his own.
 */
#pragma once
#include "bin/scan_letter.h"
#include "content/report.h"

struct json_t;
struct scans;

struct scans *scans_new(const struct scan_conf *c, int64_t waiting_max);
void scans_free(struct scans *s); /* nobody may wait */
/* A (new) process; takes fd over. */
void scans_link(struct scans *s, unsigned instance, int fd);
/* For telling each something (scan_use); NULL: no such process. */
struct link *scans_link_of(const struct scans *s, unsigned instance);

enum scans_fate {
	SCANS_EXAMINED,
	SCANS_CANNOT, /* twice something went wrong over this message itself */
	SCANS_UNAVAILABLE, /* no process, too many wait, no time left, no memory */
};
struct scans_asked {
	struct scan_letter *letter;
	slice lead; /* put before it: fields that we add, the end of a header that is missing */
	const struct content_context *context;
	unsigned wishes; /* enum content_wish */
	slice source; /* whose turn it is: a network, a login; may be empty */
	instant deadline;
};
/* In a coroutine. EXAMINED: *ret from *a and *ret_json, which must live as long (json_decref).
 * Else *e says why. */
enum scans_fate scans_examine(struct scans *s, const struct scans_asked *q, struct arena *a,
	struct content_report *ret, struct json_t **ret_json, struct err *e);

/* One try by the process that judges by versions that are tried (features.h), which nothing else asks. `request` is
 * encoded (scan_wire.h), fd its file or -1. */
bool scans_trial_up(const struct scans *s);
int scans_try(struct scans *s, slice request, int fd, struct arena *a, struct content_report *ret,
	struct json_t **ret_json, struct err *e);
