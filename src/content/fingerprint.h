/*
 * Fingerprints of a letter: what it has in common with its copies, variants and relatives. Called
 * by content_examine; content/fingerprint*.c.
 */
#pragma once
#include "content/report.h"

/* Fills ret->prints and ret->nprints with those of the letter itself (all kinds but CLUSTER),
 * before or after the checks. */
void content_fingerprints(const struct content_exam *x, struct content_report *ret);
/* Adds the CLUSTER ones: of the set of signals found. After all checks and rules. */
void content_clusters(const struct content_exam *x, struct content_report *ret);
