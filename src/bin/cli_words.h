/*
 * cli_words: what the name of a signal in a trace means: built-in ones from their table, rules from
 * the texts of rules (read when the first name asks for them).
 */
#pragma once
#include "content/rules.h"

struct signal_words {
	slice dir; /* [filter] rules */
	slice data; /* [server] data, for those of packs; may be empty */
	bool tried;
	struct rules *rules;
};
/* NULL: there is no such signal any more. */
const struct signal_def *signal_words_def(struct signal_words *w, slice name);
/* In the language chosen. NULL: there is no such signal any more. */
const char *signal_in_words(struct signal_words *w, slice name);
void signal_words_done(struct signal_words *w);
static inline void auto_signal_words(struct signal_words *w)
{
	signal_words_done(w);
}
