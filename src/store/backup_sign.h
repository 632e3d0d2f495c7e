/* sign: requests to what speaks S3 are signed with AWS Signature Version 4; pure. Called by backup_s3.c. */
#pragma once
#include "base/arena.h"
#include "base/buf.h"
#include "base/slice.h"

struct backup_request {
	const char *method; /* "GET" */
	slice host; /* with its port when that is not the scheme's */
	slice path; /* percent-encoded already */
	slice query; /* likewise, its names in ascending order; or empty */
	slice body;
	slice region, key, secret;
	int64_t now; /* wall */
};
/* Lines of the header, each without its end: "authorization: ...", "x-amz-date: ...", "x-amz-content-sha256: ...". */
struct backup_signed {
	slice authorization, date, digest;
};
void backup_sign(const struct backup_request *r, struct arena *a, struct backup_signed *ret);
/* Everything but letters, digits, "-_.~" (and "/" where it may stand) as %XX. */
slice backup_percent(slice s, bool slash, struct arena *a);
