/*
 * MTA-STS (RFC 8461): the record at _mta-sts.DOMAIN, the policy at
 * https://mta-sts.DOMAIN/.well-known/mta-sts.txt, and whether a host's name is in it.
 */
#pragma once
#include "base/slice.h"

enum {
	MTA_STS_ID_MAX = 32, /* RFC 8461 3.1 */
	MTA_STS_POLICY_MAX = 64 << 10, /* RFC 8461 3.3 */
	MTA_STS_MX_MAX = 128, /* patterns of a policy */
	MTA_STS_AGE_MAX = 31557600, /* seconds; RFC 8461 3.2 */
};

/* One record: "v=STSv1; id=20160831085700Z;". False: not such a record. */
bool mta_sts_record_parse(slice txt, slice *ret_id);
enum mta_sts_found { MTA_STS_NONE, MTA_STS_FOUND, MTA_STS_BAD };
/* Among all TXT records of the name: exactly one may begin with the version (RFC 8461 3.1), and it
 * must be well-formed, else BAD. */
enum mta_sts_found mta_sts_record_find(const slice *txt, size_t n, slice *ret_id);

enum mta_sts_mode { MTA_STS_MODE_NONE, MTA_STS_TESTING, MTA_STS_ENFORCE };
const char *mta_sts_mode_name(enum mta_sts_mode m); /* "none", "testing", "enforce" */

struct mta_sts_policy {
	enum mta_sts_mode mode;
	int64_t max_age; /* seconds, at most MTA_STS_AGE_MAX */
	slice mx[MTA_STS_MX_MAX]; /* borrowed from the text: "mx.example.com", "*.example.net" */
	size_t nmx;
};
/* False: *ret_why tells in a few words. Unknown keys are passed over; of a key that may occur once
 * the first counts. */
bool mta_sts_policy_parse(slice text, struct mta_sts_policy *ret, const char **ret_why);

/* RFC 8461 4.1: "*" stands for exactly one label, the leftmost. */
bool mta_sts_mx_matches(const struct mta_sts_policy *p, slice host);
