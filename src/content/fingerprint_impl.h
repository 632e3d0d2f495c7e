/* Between the parts of fingerprint.c. */
#pragma once
#include "content/fingerprint.h"

enum { /* how many of each kind; together at most FINGERPRINTS_MAX */
	FINGERPRINTS_OF_TEXT = 16,
	FINGERPRINTS_OF_LAYOUT = 3,
	FINGERPRINTS_OF_LINKS = 1,
	FINGERPRINTS_OF_LINK = 12,
	FINGERPRINTS_OF_PICTURES = 12,
	FINGERPRINTS_OF_FILES = 8,
	FINGERPRINTS_OF_SENDER = 4,
	FINGERPRINTS_OF_CLUSTER = 2,
};

struct fingerprints_out {
	struct fingerprint *v; /* FINGERPRINTS_MAX */
	size_t n;
};
/* Each once. */
void fingerprint_put(struct fingerprints_out *out, enum fingerprint_kind kind, uint64_t hash);
unsigned fingerprint_count(const struct fingerprints_out *out, enum fingerprint_kind kind);

void fingerprints_of_text(struct fingerprints_out *out, slice normal, struct arena *a);
void fingerprints_of_sender(struct fingerprints_out *out, const struct content_exam *x);
