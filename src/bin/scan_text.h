/*
 * scan_text: has the texts of a stored message read by the process `texts` (scan.h, content/texts.h): for the indexer, and for who shows
 * or looks at what is inside attachments. A message over which the process dies twice, or takes too long, is not tried again.
 */
#pragma once
#include "bin/scan.h"
#include "content/texts.h"
#include "store/blob.h"

struct scan_text {
	blob_id blob;
	uint64_t size; /* of the blob */
	slice prefix; /* stored before it */
	enum content_texts_want want;
	bool whole; /* larger than [scan] max_size: ERR_LIMIT; else what is beyond it is left out and the texts are cut */
};
/*
 * In a coroutine. *ret from *a. ERR_TEMP, ERR_TIMEOUT: no process, or it is too busy: again later. ERR_PERM: it cannot be read, now or
 * later: the process died of it, or its bytes are damaged. ERR_NOTFOUND: it has gone.
 */
int scan_text_ask(struct link *texts, const struct scan_conf *c, struct blobs *blobs,
	const struct scan_text *q, struct arena *a, struct content_texts *ret, struct err *e);
