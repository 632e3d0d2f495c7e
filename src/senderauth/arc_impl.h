/* What the files of ARC share: arc.c (reading a chain), arc_verify.c, arc_trust.c, arc_seal.c. */
#pragma once
#include "codec/dkim_field.h"
#include "senderauth/arc.h"
#include "senderauth/dkim.h"

struct arc_set {
	const struct header_field *aar, *ams, *as; /* in arc.header */
	struct dkim_field message, seal; /* the latter two, parsed */
	slice results; /* of aar, behind "i=N;" */
	int body_hash; /* of the message signature; -1: none */
};

struct arc {
	struct dkim_header *header; /* NULL: there is no chain, or it was not read */
	bool there; /* any ARC field */
	slice broken; /* why the structure is wrong, in words; empty: it is right */
	bool failed_before; /* the newest seal says cv=fail */
	struct arc_set *sets; /* [0] is i=1 */
	unsigned n; /* sets that are there, complete or not */
};

/* Everything but the digests: for sealing, too. */
void arc_read(struct arc *x, slice before, slice header, unsigned most, struct arena *a);
/* "i=N;" in front of the results. False: it is not there. */
bool arc_results_instance(slice value, unsigned *ret, slice *ret_rest);
/* What the seal of set i (0 ...) signs, onto `out`, which holds the sets before it. */
void arc_seal_data(struct buf *out, const struct arc_set *s);
