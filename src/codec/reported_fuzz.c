/* Any message as a report of a user: what is found has its limits. */
#include "base/must.h"
#include "codec/reported.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	json_t *r = reported_read(slice_of(data, n));
	must(json_is_string(json_object_get(r, "how")));
	must(json_array_size(json_object_get(r, "letters")) <= REPORTED_LETTERS_MAX);
	json_decref(r);
	return 0;
}
