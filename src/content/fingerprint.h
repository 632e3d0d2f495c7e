/*
 * Fingerprints of a letter: what it has in common with its copies, variants and relatives. Called
 * by content_examine after all checks and rules, because the last kind is of what they found.
 */
#pragma once
#include "content/report.h"

/* Fills ret->prints and ret->nprints. */
void content_fingerprints(const struct content_exam *x, struct content_report *ret);
