/* Fuzzes reading bounces: any bytes give a complete object. */
#include "base/must.h"
#include "codec/bounce_in.h"
#include "codec/json_read.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	json_t *o = bounce_in_read(slice_of(data, n));
	must(json_read_text(o, "kind").n && json_is_array(json_object_get(o, "rcpts")));
	must(json_array_size(json_object_get(o, "rcpts")) <= BOUNCE_IN_RCPTS_MAX);
	json_decref(o);
	return 0;
}
