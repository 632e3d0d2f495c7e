/* report_in_arf: feedback reports (RFC 5965, 6591) for report_in.c. */
#pragma once
#include "codec/mime.h"
#include <jansson.h>

/* m: a message whose part `feedback` is the message/feedback-report. */
json_t *report_in_arf(const struct mime *m, size_t feedback, struct arena *a);
