/*
 * The table of elements (html_tag.h), sorted by name. Used by the tokenizer, which gives each tag
 * its number.
 */
#include "codec/html_tag.h"

static const struct row {
	slice name;
	unsigned traits;
} rows[HTML_TAG_COUNT] = {{S_INIT(""), 0},
#define X(id, name, traits) {S_INIT(name), traits},
	HTML_TAGS(X)
#undef X
};

enum html_tag html_tag_of(slice name)
{
	char lower[HTML_TAG_NAME_MAX];
	size_t from = 1, to = HTML_TAG_COUNT;
	if (name.n > HTML_TAG_NAME_MAX)
		return HTML_TAG_OTHER;
	for (size_t i = 0; i < name.n; i++)
		lower[i] = ascii_lower(name.p[i]);
	slice wanted = slice_of(lower, name.n);
	while (from < to) {
		size_t middle = (from + to) / 2;
		int order = slice_cmp(wanted, rows[middle].name);
		if (order == 0)
			return (enum html_tag)middle;
		if (order < 0)
			to = middle;
		else
			from = middle + 1;
	}
	return HTML_TAG_OTHER;
}

slice html_tag_name(enum html_tag tag)
{
	return rows[tag].name;
}

unsigned html_tag_traits(enum html_tag tag)
{
	return rows[tag].traits;
}
