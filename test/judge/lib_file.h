/*
 * lib_file: what judges of files share: reading them, requests line by line, the processor's clock.
 */
#pragma once
#include "base/buf.h"
#include <jansson.h>

/* Adds the whole file; "-" is standard input. False: unreadable, or more than the limit. */
bool file_add(const char *path, struct buf *out);
/* The same; a file that cannot be read ends the program. For as long as that runs. */
slice file_of(const char *path);

double spent(void); /* processor time of this process, microseconds */

/* A judge's main loop: each line of standard input is an object, answered by a line of JSON (a new
 * reference). Input that is no JSON ends the program. */
void judge_lines(json_t *(*answer)(void *ctx, json_t *request), void *ctx);
