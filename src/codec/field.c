/*
 * Field codes (field.h): links, and what is loaded or started when the document is opened. Called
 * by the readers of Word's formats. Nested fields are read as one code.
 */
#include "codec/field.h"

bool field_is_remote(slice target)
{
	static const slice v[] = {S_INIT("http:"), S_INIT("https:"), S_INIT("ftp:"),
		S_INIT("mhtml:"), S_INIT("mshtml:"), S_INIT("ms-"), S_INIT("search-ms:")};
	for (size_t i = 0; i < sizeof v / sizeof *v; i++)
		if (slice_istarts(target, v[i]))
			return true;
	/* \\host@SSL\path: a web server behind a share's name. */
	return slice_find(target, S("@SSL")) < target.n || slice_find(target, S("@80")) < target.n;
}

slice field_argument(slice s)
{
	s = slice_trim(s);
	if (s.n && s.p[0] == '"') {
		s = slice_skip(s, 1);
		return slice_first(s, slice_index(s, '"'));
	}
	return slice_first(s, slice_index(s, ' '));
}

void field_read(slice code, const struct extract *x)
{
	code = slice_trim(code);
	if (slice_istarts(code, S("HYPERLINK"))) {
		slice target = field_argument(slice_skip(code, 9));
		if (target.n && target.p[0] != '\\')
			x->link(x->ctx, target, S(""));
	} else if (slice_istarts(code, S("DDEAUTO")) || slice_istarts(code, S("DDE "))) {
		x->fact(x->ctx, EXTRACT_EXPLOIT, S("DDE"));
	} else if (slice_istarts(code, S("INCLUDETEXT"))) {
		slice target = field_argument(slice_skip(code, slice_index(code, ' ')));
		if (field_is_remote(target))
			x->fact(x->ctx, EXTRACT_REMOTE, S("INCLUDETEXT"));
	}
}
