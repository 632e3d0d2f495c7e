/*
 * extlists (RFC 6134): is a list known? Whether an address is in it is asked by match.c, who is in it for redirect by the caller. All
 * of it are questions to the caller: the key is the list's name, a line feed, and the value; without a value: is there such a list?
 */
#include "sieve/impl.h"

static bool holds_valid_ext_list(struct run *r, const struct node *n)
{
	size_t count;
	const struct sieve_answer *answer;
	slice *v = sieve_run_strings(r, n->pos[0], &count);
	for (size_t i = 0; i < count; i++) {
		slice key = arena_printf(r->a, "%.*s\n", SFMT(v[i]));
		if (!sieve_run_memory(r, key.n) ||
			!sieve_run_ask(r, SIEVE_ASK_LIST, key, 0, &answer) || !answer->yes)
			return false;
	}
	return true;
}

const struct word sieve_words_extlists[] = {
	{.name = S_INIT("valid_ext_list"),
		.ext = EXT_EXTLISTS,
		.test = true,
		.params = {{'S', false, "lists", "列表"}},
		.holds = holds_valid_ext_list},
	{.name = {0}},
};
