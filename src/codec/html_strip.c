/*
 * The words of HTML: see html_strip.h. One pass, no memory beside a few bytes of state. Called by searches.
 */
#include "codec/html_strip.h"
#include "base/utf8.h"
#include "codec/html_entity.h"

/* Tags that do not part words. */
static bool is_inline(const char *name)
{
	static const char *const names[] = {"a", "abbr", "b", "bdi", "bdo", "big", "cite", "code",
		"del", "dfn", "em", "font", "i", "ins", "kbd", "mark", "o:p", "q", "s", "samp",
		"small", "span", "strike", "strong", "sub", "sup", "tt", "u", "var", "wbr"};
	if (*name == '/')
		name++;
	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++)
		if (!strcmp(names[i], name))
			return true;
	return false;
}

static void end_tag(struct html_strip *h, struct buf *out)
{
	h->state = HTML_STRIP_TEXT;
	h->name[h->name_n] = 0;
	if (*h->inside) {
		if (*h->name == '/' && !strcmp(h->name + 1, h->inside))
			*h->inside = 0;
	} else if (!strcmp(h->name, "style") || !strcmp(h->name, "script")) {
		strcpy(h->inside, h->name);
	} else if (!is_inline(h->name)) {
		buf_byte(out, ' ');
	}
}

static void in_tag(struct html_strip *h, char c, struct buf *out)
{
	if (*h->inside && !h->name_n && c != '/') {
		h->state = HTML_STRIP_TEXT; /* of a script: a sign, no tag */
		return;
	}
	if (c == '>') {
		end_tag(h, out);
		return;
	}
	bool blank = c == ' ' || c == '\t' || c == '\r' || c == '\n';
	if ((c == '"' || c == '\'') && h->name_ended) {
		h->state = HTML_STRIP_QUOTE;
		h->quote = c;
	} else if (blank || (c == '/' && h->name_n)) {
		h->name_ended = true;
	} else if (!h->name_ended && h->name_n + 1 < sizeof(h->name)) {
		h->name[h->name_n++] = ascii_lower(c);
		if (h->name_n == 3 && !memcmp(h->name, "!--", 3)) {
			h->state = HTML_STRIP_COMMENT;
			h->dashes = 0;
		}
	}
}

static void in_comment(struct html_strip *h, char c)
{
	if (c == '>' && h->dashes >= 2)
		h->state = HTML_STRIP_TEXT;
	h->dashes = c == '-' ? h->dashes + 1 : 0;
}

/* Text up to a tag; returns how much of it. */
static size_t text(struct html_strip *h, slice in, struct buf *out)
{
	size_t tag = slice_index(in, '<');
	slice run = slice_first(in, tag);
	while (run.n && !*h->inside) {
		size_t n = slice_index(run, '&');
		uint32_t cp[2] = {0};
		buf_put(out, slice_first(run, n));
		run = slice_skip(run, n);
		if (!run.n)
			break;
		size_t taken = html_entity(run, false, cp);
		if (!taken)
			buf_byte(out, '&');
		for (unsigned i = 0; taken && i < 2 && cp[i]; i++)
			utf8_put(out, cp[i]);
		run = slice_skip(run, taken ? taken : 1);
	}
	return tag;
}

void html_strip(struct html_strip *h, slice in, struct buf *out)
{
	while (in.n) {
		if (h->state == HTML_STRIP_TEXT) {
			in = slice_skip(in, text(h, in, out));
			if (!in.n)
				return;
			h->state = HTML_STRIP_TAG;
			h->name_n = 0;
			h->name_ended = false;
		} else if (h->state == HTML_STRIP_TAG) {
			in_tag(h, *in.p, out);
		} else if (h->state == HTML_STRIP_COMMENT) {
			in_comment(h, *in.p);
		} else if (*in.p == h->quote) {
			h->state = HTML_STRIP_TAG;
		}
		in = slice_skip(in, 1);
	}
}
