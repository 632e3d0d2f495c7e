/*
 * engine_wire: what is said to the engine process over its links (engines.h). One call, one answer. A
 * message comes as a memory file with the request.
 */
#pragma once
#include "base/arena.h"
#include "base/buf.h"
#include "bin/engines.h"

enum engine_ask {
	ENGINE_SCAN = 1, /* look at the file */
	ENGINE_VERSION, /* of all that look at mail again: u64 */
};
enum { ENGINE_WIRE_MAX = 16 * 1024, ENGINE_NAME_MAX = 255 };

struct engine_request {
	enum engine_ask ask;
	unsigned purpose; /* one of enum engine_purpose */
	uint64_t from, size;
	int64_t within; /* usec */
	slice name;
};
void engine_request_encode(struct buf *out, const struct engine_request *r);
/* Borrows. False: malformed. */
bool engine_request_decode(slice in, struct engine_request *ret);

void engine_answer_encode(struct buf *out, const struct engines_answer *w);
bool engine_answer_decode(slice in, struct engines_answer *ret);
