/*
 * Lessons that people give by moving messages: into Junk is spam, out of Junk (not into Trash) is not. Noted in the shard, in
 * the transaction that moves the message, so that none is lost; a process that may speak with the filter takes them
 * from time to time:
 *
 *	boxes_lessons_due	those of all shards, the oldest first
 *	... reads the message (prefix and blob), tells the filter ...
 *	boxes_lessons_done	they are forgotten; one that changed meanwhile stays
 *
 * A message moved to and fro is one lesson: what was last. Only one process of an installation does this. In coroutines.
 */
#pragma once
#include "mail/box.h"

struct box_lesson {
	int64_t account_id, email_id;
	slice who; /* login of the person who moved it */
	bool spam;
	blob_id blob;
	uint64_t size; /* of the blob */
	slice prefix;
	int64_t at; /* wall: when */
};
enum { BOX_LESSONS_MAX = 200 /* a call */ };
int boxes_lessons_due(
	struct boxes *b, struct arena *a, struct box_lesson **ret, size_t *ret_n, struct err *e);
int boxes_lessons_done(struct boxes *b, const struct box_lesson *v, size_t n, struct err *e);
