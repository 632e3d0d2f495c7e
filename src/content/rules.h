/*
 * rules: findings that are written, not programmed: keywords with conditions, regular expressions
 * over any part, combinations (m of n), shipped in data/rules and added by the site. One rule gives
 * one signal with a name, a score and a sentence in English and Chinese. The language:
 * doc/en/rules.md; why it is as it is: doc/notes/rules.md.
 *
 * Thousands of rules cost little more than a hundred: all phrases and expressions are looked for in
 * one pass (Hyperscan), what it cannot tell by itself is confirmed (PCRE2, with limits), and only
 * rules of which something was found are looked at further.
 *
 *	rules_lex.c	lines and words		rules_parse.c	rules, lists, conditions
 *	rules_link.c	names, lists, order	rules_phrase.c	phrases to literals
 *	rules_db.c	Hyperscan, PCRE2	rules_field.c	what is looked at in a letter
 *	rules_run.c	one letter		rules_tell.c	its signals, what was found
 *	rules_regex.c	expressions		rules.c		the whole, for others
 */
#pragma once
#include "base/err.h"
#include "content/content.h"

enum {
	RULES_MAX = 50000, /* with parts */
	RULES_VALUES_MAX = 200000, /* of all rules, lists put in their places */
	RULES_VALUE_MAX = 200, /* characters */
	RULES_REGEX_MAX = 1000, /* bytes */
	RULES_DEPTH_MAX = 8, /* groups inside each other; lists inside lists */
	RULES_LINE_MAX = 16 * 1024,
	RULES_TEXT_MAX = 16 * 1024 * 1024, /* of all sources together */
	RULES_NAME_MAX = 64,
	RULES_HEADERS_MAX = 40, /* different names of header fields */
	RULES_NEAR_MAX = 200, /* characters */
	RULES_STAR = 20, /* characters that a '*' stands for, at most */
	RULES_SEGMENTS_MAX = 8, /* pieces between stars */
	RULES_FIELD_MAX = 256 * 1024, /* bytes of a field that are looked at */
	RULES_SIGNALS_MAX = 60, /* of one letter; those with the largest scores */
	RULES_CONFIRM_MAX = 64, /* expressions of one letter that PCRE2 has to look at */
};

struct rules;

/* One text of rules, with the name that errors tell ("FILE:LINE: ..."). */
struct rules_source {
	slice name, text;
};

/* A rule, for showing. Lives as long as *rules. */
struct rule_info {
	struct signal_def def; /* name, score, sentences, class */
	slice file, text; /* where it stands, and as it is written there */
	unsigned line;
	bool part; /* conditions with a name, no signal */
	bool off;
	unsigned source; /* index */
};

/* Only reads: for showing and explaining; such rules cannot run. Errors as below. */
int rules_parse(const struct rules_source *v, size_t n, struct rules **ret, struct err *e);
/* Later sources change rules of earlier ones: same name: replaced; `score NAME N`, `off NAME`.
 * ERR_PROTO with a sentence, ERR_LIMIT. Takes up to seconds for ten thousands. Borrows nothing. */
int rules_compile(const struct rules_source *v, size_t n, struct rules **ret, struct err *e);
void rules_free(struct rules *r); /* NULL is fine */
static inline void auto_rules(struct rules **r)
{
	rules_free(*r);
}

/* Adds the signals of the rules that hold. One thread at a time for each *r. */
void rules_run(struct rules *r, struct content_exam *x);

/* What made rules hold in the last run: in *x's arena, as long as that lives. Rules whose
 * conditions found no text (numbers, facts) come with an empty field. */
struct rule_hit {
	const struct rule_info *rule;
	slice field, text;
};
size_t rules_hits(const struct rules *r, const struct rule_hit **ret);
/* How often a limit kept an expression from being confirmed, since the rules were made. */
uint64_t rules_limited(const struct rules *r);

/* What a rule's signal means; NULL: no such rule. */
const struct signal_def *rules_signal(const struct rules *r, slice name);
const struct rule_info *rules_find(const struct rules *r, slice name); /* parts, too */
size_t rules_count(const struct rules *r); /* with parts and those that are off */
const struct rule_info *rules_nth(const struct rules *r, size_t i); /* in order of reading */
/* Doubtful things that are no errors: "FILE:LINE: sentence\n" each. */
slice rules_warnings(const struct rules *r);
