/* Small looks at texts that phrases and the search for them share: inside the rule engine only. */
#pragma once
#include "base/buf.h"

/* Does a letter or digit of an alphabet that separates words begin at, end before byte `at`? */
bool rules_word_after(slice s, size_t at);
bool rules_word_before(slice s, size_t at);
/* Is the number of characters from byte `from` to `to` at most that? */
bool rules_within(slice s, size_t from, size_t to, unsigned characters);
