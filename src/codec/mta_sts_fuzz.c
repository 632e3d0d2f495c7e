/* MTA-STS records and policies; what is accepted is within the limits and matches its own hosts. */
#include "base/must.h"
#include "codec/mta_sts.h"
#include <stdio.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static void check_policy(const struct mta_sts_policy *p)
{
	must(p->max_age >= 0 && p->max_age <= MTA_STS_AGE_MAX && p->nmx <= MTA_STS_MX_MAX);
	must(p->nmx > 0 || p->mode == MTA_STS_MODE_NONE);
	for (size_t i = 0; i < p->nmx; i++) {
		char host[300];
		slice mx = p->mx[i];
		bool wild = mx.p[0] == '*';
		must(mx.n < sizeof host - 1);
		int len = snprintf(host, sizeof host, "%s%.*s", wild ? "x" : "",
			SFMT(slice_skip(mx, wild ? 1 : 0)));
		must(mta_sts_mx_matches(p, slice_of(host, (size_t)len)));
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	slice in = slice_of(data, n), id, lines[8];
	struct mta_sts_policy p;
	const char *why = NULL;
	size_t k = 0;
	if (mta_sts_policy_parse(in, &p, &why))
		check_policy(&p);
	else
		must(why != NULL);
	if (mta_sts_record_parse(in, &id))
		must(id.n > 0 && id.n <= MTA_STS_ID_MAX);
	while (k < 8 && slice_cut(&in, '\n', &lines[k]))
		k++;
	if (mta_sts_record_find(lines, k, &id) == MTA_STS_FOUND)
		must(id.n > 0 && id.n <= MTA_STS_ID_MAX);
	return 0;
}
