/*
 * Header blocks (RFC 5322 2.2, 3.6; obsolete forms of 4.5): walking over fields in place, finding,
 * unfolding. Lines may end in LF alone: stored mail comes from everywhere. The summary of a
 * message: header_summary.c. MIME structure is not looked at here.
 */
#include "codec/header.h"

#include "base/buf.h"
#include "base/mem.h"
#include "codec/words.h"

/* Length of the first line with its LF; s.n if it has none. */
static size_t line_length(slice s)
{
	size_t n = slice_index(s, '\n');
	return n < s.n ? n + 1 : n;
}

static size_t empty_line(slice s)
{
	return slice_starts(s, S("\r\n")) ? 2 : slice_starts(s, S("\n")) ? 1 : 0;
}

/* The field's name without blanks before the colon (obs-optional), or empty when it is none. */
static slice field_name(slice before_colon)
{
	slice name = before_colon;
	while (name.n && (name.p[name.n - 1] == ' ' || name.p[name.n - 1] == '\t'))
		name.n--;
	for (size_t i = 0; i < name.n; i++)
		if (name.p[i] <= ' ' || name.p[i] > '~')
			return (slice){0};
	return name;
}

static slice without_line_end(slice s)
{
	if (slice_ends(s, S("\n")))
		s.n--;
	if (slice_ends(s, S("\r")))
		s.n--;
	return s;
}

bool header_next(slice *in, struct header_field *ret)
{
	size_t blank = empty_line(*in);
	if (in->n == 0 || blank) {
		*in = slice_skip(*in, blank);
		return false;
	}
	size_t n = line_length(*in);
	while (n < in->n && (in->p[n] == ' ' || in->p[n] == '\t'))
		n += line_length(slice_skip(*in, n));
	slice raw = slice_first(*in, n);
	*in = slice_skip(*in, n);
	size_t colon = slice_index(raw, ':');
	slice name = colon < raw.n ? field_name(slice_first(raw, colon)) : (slice){0};
	slice value = name.n ? slice_skip(raw, colon + 1) : raw;
	*ret = (struct header_field){.raw = raw, .name = name, .value = without_line_end(value)};
	return true;
}

size_t header_length(slice message)
{
	struct header_field f;
	slice rest = message;
	while (header_next(&rest, &f))
		;
	return message.n - rest.n;
}

bool header_find(slice block, slice name, size_t n, struct header_field *ret)
{
	struct header_field f;
	while (header_next(&block, &f)) {
		if (!slice_ieq(f.name, name) || n-- > 0)
			continue;
		*ret = f;
		return true;
	}
	return false;
}

size_t header_count(slice block, slice name)
{
	struct header_field f;
	size_t n = 0;
	while (header_next(&block, &f))
		n += slice_ieq(f.name, name);
	return n;
}

slice header_unfold(slice value, struct arena *a)
{
	value = slice_trim(value);
	if (slice_index(value, '\n') == value.n)
		return value;
	char *to = arena_alloc(a, value.n), *end = to;
	for (size_t i = 0; i < value.n; i++) {
		bool line_end = value.p[i] == '\n' ||
				(value.p[i] == '\r' && i + 1 < value.n && value.p[i + 1] == '\n');
		if (!line_end)
			*end++ = value.p[i];
	}
	return slice_of(to, (size_t)(end - to));
}

slice header_text(slice value, struct arena *a)
{
	AUTO(buf) struct buf out = BUF(4 * HEADER_TEXT_MAX);
	words_decode(&out, slice_trim(slice_first(value, HEADER_TEXT_MAX)));
	return arena_dup(a, slice_trim(buf_slice(&out)));
}
