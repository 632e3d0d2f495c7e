/* Inside the trace: the two derived columns by which rows are found. */
#pragma once
#include "store/trace.h"

int64_t trace_hour(msg_id id); /* hours since 1970 */
/* "Alice@Example.com" -> "example.com/alice"; no '@': "/alice". Memory from *a. */
slice trace_key(slice address, struct arena *a);
