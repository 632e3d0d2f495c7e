/*
 * features: packs of what detects (rules, lists, model, fingerprints, YARA rules, signatures of virus engines), signed and
 * versioned, made by the maker of the product or by the site itself for its other machines; installed from a directory or
 * URL on a schedule, or offline from a file. One version is in force; those before it are kept for going back.
 *
 * A new version is tried first (canary): one scan process judges by it a sample of the mail that the others
 * judge by the version in force; when too many verdicts differ it is not taken into force, and the administrator
 * is told.
 */
#pragma once
#include "base/arena.h"
#include "base/err.h"
#include "base/slice.h"
