/*
 * The arguments of LIST (RFC 9051 6.3.9, RFC 5258 section 6; STATUS of RFC 5819, MYRIGHTS of RFC 8440, METADATA of RFC 9590). Used by
 * list.c.
 */
#include "proto/imap/list.h"

struct option {
	const char *name;
	unsigned bit;
};

static bool known(slice word, const struct option *v, size_t n, unsigned *bits)
{
	for (size_t i = 0; i < n; i++)
		if (imap_is(word, v[i].name)) {
			*bits |= v[i].bit;
			return true;
		}
	return false;
}

/* "(SUBSCRIBED RECURSIVEMATCH)" */
static bool read_selection(struct imap_reader *r, struct imap_list_args *a)
{
	static const struct option options[] = {{"SUBSCRIBED", LIST_SELECT_SUBSCRIBED},
		{"SPECIAL-USE", LIST_SELECT_SPECIAL_USE}, {"RECURSIVEMATCH", LIST_SELECT_RECURSIVE},
		{"REMOTE", 0}}; /* there are none, so nothing is added */
	slice word;
	a->extended = true;
	if (!imap_char(r, '('))
		return false;
	while (imap_peek(r) != ')') {
		if (!imap_atom(r, &word))
			return false;
		if (!known(word, options, sizeof options / sizeof *options, &a->select))
			return imap_wrong(r, "that selection option of LIST is not known");
		if (!imap_accept(r, ' ') && imap_peek(r) != ')')
			return imap_wrong(r, "\")\" is expected");
	}
	if (a->select == LIST_SELECT_RECURSIVE)
		return imap_wrong(r, "RECURSIVEMATCH needs something to match");
	return imap_char(r, ')') && imap_space(r);
}

bool imap_entries_read(struct imap *s, slice *ret, size_t most, size_t *ret_n)
{
	struct imap_reader *r = &s->in;
	bool list = imap_accept(r, '(');
	size_t n = 0;
	do {
		slice entry;
		if (!imap_astring(r, &entry))
			return false;
		if (n == most)
			return imap_wrong_size(r, "there are too many entries");
		char *z = arena_strz(&s->mem, entry);
		for (char *p = z; *p; p++)
			*p = ascii_lower(*p);
		ret[n++] = slice_of(z, entry.n);
	} while (list && imap_accept(r, ' '));
	*ret_n = n;
	return !list || imap_char(r, ')');
}

static bool read_return(struct imap *s, struct imap_list_args *a)
{
	static const struct option options[] = {{"SUBSCRIBED", LIST_RETURN_SUBSCRIBED},
		{"CHILDREN", LIST_RETURN_CHILDREN}, {"SPECIAL-USE", LIST_RETURN_SPECIAL_USE},
		{"MYRIGHTS", LIST_RETURN_MYRIGHTS}, {"STATUS", LIST_RETURN_STATUS},
		{"METADATA", LIST_RETURN_METADATA}};
	struct imap_reader *r = &s->in;
	slice word;
	unsigned bit = 0;
	if (!imap_atom(r, &word))
		return false;
	if (!known(word, options, sizeof options / sizeof *options, &bit))
		return imap_wrong(r, "that return option of LIST is not known");
	a->returns |= bit;
	if (bit == LIST_RETURN_STATUS)
		return imap_space(r) && imap_status_items(r, &a->status);
	if (bit != LIST_RETURN_METADATA)
		return true;
	a->entries = ARENA_ARRAY(&s->mem, slice, LIST_ENTRIES_MAX);
	return imap_space(r) && imap_entries_read(s, a->entries, LIST_ENTRIES_MAX, &a->nentries);
}

/* " RETURN (CHILDREN STATUS (MESSAGES))" */
static bool read_returns(struct imap *s, struct imap_list_args *a)
{
	struct imap_reader *r = &s->in;
	slice word;
	a->extended = true;
	if (!imap_atom(r, &word))
		return false;
	if (!imap_is(word, "RETURN"))
		return imap_wrong(r, "RETURN is expected");
	if (!imap_space(r) || !imap_char(r, '('))
		return false;
	while (imap_peek(r) != ')') {
		if (!read_return(s, a))
			return false;
		if (!imap_accept(r, ' ') && imap_peek(r) != ')')
			return imap_wrong(r, "\")\" is expected");
	}
	return imap_char(r, ')');
}

/* Neighbouring wildcards are one; too many of them are refused. */
static bool add_pattern(struct imap *s, slice reference, slice pattern, struct imap_list_args *a)
{
	size_t wildcards = 0, n = 0;
	char *to = arena_alloc(&s->mem, reference.n + pattern.n + 1);
	for (size_t i = 0; i < reference.n + pattern.n; i++) {
		char c = i < reference.n ? reference.p[i] : pattern.p[i - reference.n];
		if (c == '*' || c == '%') {
			if (n > 0 && (to[n - 1] == '*' || to[n - 1] == c))
				continue;
			if (n > 0 && c == '*' && to[n - 1] == '%')
				n--, wildcards--;
			wildcards++;
		}
		to[n++] = c;
	}
	if (wildcards > LIST_WILDCARDS_MAX || n > MAILBOX_FOLDER_MAX + LIST_WILDCARDS_MAX)
		return imap_wrong_size(&s->in, "the pattern is too long");
	if (a->npatterns == LIST_PATTERNS_MAX)
		return imap_wrong_size(&s->in, "there are too many patterns");
	a->patterns[a->npatterns++] = slice_of(to, n);
	return true;
}

static bool read_patterns(struct imap *s, slice reference, struct imap_list_args *a)
{
	struct imap_reader *r = &s->in;
	bool list = imap_accept(r, '(');
	slice pattern;
	a->patterns = ARENA_ARRAY(&s->mem, slice, LIST_PATTERNS_MAX);
	a->extended |= list;
	do {
		if (!imap_list_mailbox(r, &pattern))
			return false;
		a->root = pattern.n == 0 && !a->extended;
		if (!add_pattern(s, reference, pattern, a))
			return false;
	} while (list && imap_accept(r, ' '));
	return !list || imap_char(r, ')');
}

bool imap_list_read(struct imap *s, struct imap_list_args *ret)
{
	struct imap_reader *r = &s->in;
	struct imap_list_args a = {0};
	slice reference;
	if (!imap_space(r) || (imap_peek(r) == '(' && !read_selection(r, &a)) ||
		!imap_mailbox(r, &reference) || !imap_space(r) || !read_patterns(s, reference, &a))
		return false;
	if (imap_accept(r, ' ') && !read_returns(s, &a))
		return false;
	if (!imap_end(r))
		return false;
	if (a.select & LIST_SELECT_SUBSCRIBED)
		a.returns |= LIST_RETURN_SUBSCRIBED;
	*ret = a;
	return true;
}
