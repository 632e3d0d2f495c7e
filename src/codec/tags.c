/*
 * Tag lists (RFC 6376 section 3.2; values also in UTF-8, RFC 8616 section 5). The strict reader is
 * for DKIM and ARC, tags_next for records whose RFC tells to ignore what is broken (DMARC). What a
 * tag means is its reader's business.
 */
#include "codec/tags.h"

#include "base/b64.h"
#include "base/mem.h"

static bool is_space(char c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

/* ALPHA *(ALPHA / DIGIT / "_"); real records also have "-" in names they made up. */
static bool name_valid(slice name)
{
	for (size_t i = 0; i < name.n; i++) {
		char c = ascii_lower(name.p[i]);
		bool letter = c >= 'a' && c <= 'z';
		if (!letter && (i == 0 || !((c >= '0' && c <= '9') || c == '_' || c == '-')))
			return false;
	}
	return name.n > 0;
}

/* Visible characters, white space and UTF-8 beyond ASCII; the ";" is gone already. */
static bool value_valid(slice value)
{
	for (size_t i = 0; i < value.n; i++)
		if (((unsigned char)value.p[i] < ' ' && !is_space(value.p[i])) ||
			value.p[i] == 0x7f)
			return false;
	return true;
}

enum tag_found tags_next(slice *in, struct tag *ret)
{
	slice text;
	if (!slice_cut(in, ';', &text))
		return TAG_END;
	if (!in->p && slice_trim(text).n == 0)
		return TAG_END;
	size_t equals = slice_index(text, '=');
	slice name = slice_trim(slice_first(text, equals));
	slice span = slice_skip(text, equals + 1);
	if (equals == text.n || !name_valid(name) || !value_valid(span))
		return TAG_BAD;
	*ret = (struct tag){.name = name, .value = slice_trim(span), .span = span};
	return TAG_FOUND;
}

const struct tag *tags_get(const struct tags *t, slice name)
{
	for (unsigned i = 0; i < t->n; i++)
		if (slice_eq(t->v[i].name, name))
			return &t->v[i];
	return NULL;
}

bool tags_parse(slice text, struct tags *ret)
{
	enum tag_found found;
	struct tag tag;
	ret->n = 0;
	if (text.n > TAGS_TEXT_MAX)
		return false;
	while ((found = tags_next(&text, &tag)) == TAG_FOUND) {
		if (ret->n == TAGS_MAX || tags_get(ret, tag.name))
			return false;
		ret->v[ret->n++] = tag;
	}
	return found == TAG_END;
}

slice tags_compact(slice value, struct arena *a)
{
	size_t i = 0;
	while (i < value.n && !is_space(value.p[i]))
		i++;
	if (i == value.n)
		return value;
	char *to = arena_alloc(a, value.n), *end = to + i;
	memcpy(to, value.p, i);
	for (; i < value.n; i++)
		if (!is_space(value.p[i]))
			*end++ = value.p[i];
	return slice_of(to, (size_t)(end - to));
}

bool tags_item(slice *list, char sep, slice *ret)
{
	if (!slice_cut(list, sep, ret))
		return false;
	*ret = slice_trim(*ret);
	return true;
}

/* Unused bits need not be zero here: verifiers in the field all take such values, and what counts
 * is the bytes that come out. */
bool tags_base64(slice value, struct arena *a, slice *ret)
{
	AUTO(buf) struct buf out = BUF(TAGS_TEXT_MAX);
	slice text = tags_compact(value, a);
	size_t digits = text.n;
	while (digits && text.p[digits - 1] == '=')
		digits--;
	slice body = slice_first(text, digits);
	if (text.n - digits > 2 || digits % 4 == 1 || slice_index(body, '=') < body.n)
		return false;
	/* Without its padding the tolerant decoder only says false for what is cut short. */
	bool clean = b64_decode_tolerant(&out, slice_first(body, digits - digits % 4));
	if (clean && digits % 4) {
		char last[4] = {'A', 'A', '=', '='};
		memcpy(last, body.p + digits - digits % 4, digits % 4);
		clean = b64_decode_tolerant(&out, slice_of(last, 4));
	}
	if (!clean || !buf_ok(&out))
		return false;
	*ret = arena_dup(a, buf_slice(&out));
	return true;
}
