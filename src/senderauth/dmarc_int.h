/* What dmarc.c and dmarc_find.c share. Nobody else includes this. */
#pragma once
#include "senderauth/dmarc.h"

/* Asks for records, each name once, within the budget of one message. */
struct dmarc_asker {
	const struct lookup *lookup;
	enum dmarc_method method;
	instant deadline;
	struct arena *a;
	struct dmarc_step *asked[DMARC_LOOKUPS_MAX];
	unsigned n;
};
void dmarc_find_by(struct dmarc_asker *k, slice domain, struct dmarc_found *ret);
/* Is there neither address nor mail host at the name? Only when that is certain. */
bool dmarc_nonexistent(struct dmarc_asker *k, slice domain);
