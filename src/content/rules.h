/*
 * rules: findings that are written, not programmed: keywords with conditions, regular expressions
 * over any part, combinations (m of n), shipped in data/rules and added by the site. One rule gives
 * one signal with a name, a score and a sentence in English and Chinese. The language:
 * doc/en/rules.md.
 *
 * Thousands of rules cost little more than a hundred: all phrases and expressions are looked for in
 * one pass (Hyperscan), and what it finds is confirmed (PCRE2) where it cannot tell by itself.
 */
#pragma once
#include "base/err.h"
#include "content/content.h"

struct rules;

/* One text of rules, with the name that errors tell ("FILE:LINE: ..."). */
struct rules_source {
	slice name, text;
};
/* Later sources change rules of earlier ones: same name: replaced; `score NAME N`, `off NAME`.
 * ERR_PROTO with a sentence. Takes up to seconds for ten thousands. */
int rules_compile(const struct rules_source *v, size_t n, struct rules **ret, struct err *e);
void rules_free(struct rules *r); /* NULL is fine */

/* Adds the signals of the rules that hold. One thread at a time for each *r. */
void rules_run(struct rules *r, struct content_exam *x);

/* What a rule's signal means; NULL: no such rule. */
const struct signal_def *rules_signal(const struct rules *r, slice name);
size_t rules_count(const struct rules *r);
