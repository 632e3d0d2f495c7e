/*
 * edge_trial: while a version of feature packs is tried (features.h), a sample of mail is judged by it, too: what the
 * edge does for that. Nobody waits for it, and nothing follows from it for the message; the features process is told.
 */
#pragma once
#include "bin/edge_scan.h"

struct edge_trial;
/* Before a message is examined; NULL: nothing is tried, or its process has enough to do. */
struct edge_trial *edge_trial_begin(struct edge *e, const struct scans_asked *q);
/* It was examined and judged, which took so long. NULL is fine. Takes it over. */
void edge_trial_go(struct edge_trial *t, struct edge_scan *x, msg_id id, int64_t took);
void edge_trial_drop(struct edge_trial *t); /* NULL is fine */
