/*
 * When a message came that is imported without a date (import.h): the date of its newest Received: field, which stands first, else that of
 * its Date: field. A date in the future or before there was mail counts for nothing.
 */
#include "base/mem.h"
#include "codec/date.h"
#include "codec/header.h"
#include "mail/import_impl.h"

#define FIRST_MAIL INT64_C(0) /* 1970 */

static bool plausible(int64_t seconds)
{
	return seconds > FIRST_MAIL && seconds * SECOND <= wall_now() + DAY;
}

int64_t import_date(slice head)
{
	AUTO(arena) struct arena a = {0};
	struct header_field f;
	int64_t seconds, dated = 0;
	while (header_next(&head, &f)) {
		bool received = slice_ieq(f.name, S("Received"));
		if (!received && (dated || !slice_ieq(f.name, S("Date"))))
			continue;
		slice value = header_unfold(f.value, &a);
		if (received)
			value = slice_skip(value, slice_rindex(value, ';') + 1);
		if (!date_parse(slice_trim(value), &seconds) || !plausible(seconds))
			continue;
		if (received)
			return seconds * SECOND;
		dated = seconds * SECOND;
	}
	return dated;
}
