/*
 * A scanner of XML (xml_scan.h), used by the reader of office documents. Each byte is looked at a
 * fixed number of times.
 */
#include "codec/xml_scan.h"

#include "base/utf8.h"

static bool is_space(char c)
{
	return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

static slice local_name(slice name)
{
	size_t colon = slice_index(name, ':');
	return colon < name.n ? slice_skip(name, colon + 1) : name;
}

/* The length up to and with the '>' that ends the tag; quotes hide it. */
static size_t tag_length(slice s)
{
	char quote = 0;
	for (size_t i = 1; i < s.n; i++) {
		char c = s.p[i];
		if (quote)
			quote = c == quote ? 0 : quote;
		else if (c == '"' || c == '\'')
			quote = c;
		else if (c == '>')
			return i + 1;
	}
	return s.n;
}

/* Comments, instructions, declarations: what is skipped. 0: none of them. */
static size_t skipped(slice s)
{
	slice end = S(">");
	if (slice_starts(s, S("<!--")))
		end = S("-->");
	else if (slice_starts(s, S("<?")))
		end = S("?>");
	else if (!slice_starts(s, S("<!")))
		return 0;
	size_t at = slice_find(s, end);
	return at < s.n ? at + end.n : s.n;
}

static void read_tag(slice tag, struct xml_token *ret)
{
	bool close = tag.n > 1 && tag.p[1] == '/';
	slice inner = slice_skip(tag, 1 + close);
	if (inner.n && inner.p[inner.n - 1] == '>')
		inner.n--;
	bool empty = inner.n && inner.p[inner.n - 1] == '/';
	inner.n -= empty;
	size_t n = 0;
	while (n < inner.n && !is_space(inner.p[n]))
		n++;
	*ret = (struct xml_token){.kind = close   ? XML_CLOSE
					  : empty ? XML_EMPTY
						  : XML_OPEN,
		.name = local_name(slice_first(inner, n)),
		.attributes = slice_skip(inner, n)};
}

bool xml_next(slice *in, struct xml_token *ret)
{
	size_t n;
	while (in->n && (n = slice_starts(*in, S("<![CDATA[")) ? 0 : skipped(*in)) > 0)
		*in = slice_skip(*in, n);
	if (!in->n)
		return false;
	if (slice_starts(*in, S("<![CDATA["))) {
		slice body = slice_skip(*in, 9);
		n = slice_find(body, S("]]>"));
		*ret = (struct xml_token){
			.kind = XML_TEXT, .text = slice_first(body, n), .verbatim = true};
		*in = slice_skip(body, n + 3);
	} else if (in->p[0] == '<') {
		n = tag_length(*in);
		read_tag(slice_first(*in, n), ret);
		*in = slice_skip(*in, n);
	} else {
		n = slice_index(*in, '<');
		*ret = (struct xml_token){.kind = XML_TEXT, .text = slice_first(*in, n)};
		*in = slice_skip(*in, n);
	}
	return true;
}

/* "&amp;", "&#20320;", "&#x4f60;". Returns its length, 0: none. */
static size_t entity(slice s, uint32_t *ret_cp)
{
	static const struct {
		slice name;
		char c;
	} named[] = {{S_INIT("&amp;"), '&'}, {S_INIT("&lt;"), '<'}, {S_INIT("&gt;"), '>'},
		{S_INIT("&quot;"), '"'}, {S_INIT("&apos;"), '\''}};
	for (size_t i = 0; i < sizeof named / sizeof *named; i++)
		if (slice_starts(s, named[i].name)) {
			*ret_cp = (unsigned char)named[i].c;
			return named[i].name.n;
		}
	if (!slice_starts(s, S("&#")))
		return 0;
	bool hex = s.n > 2 && (s.p[2] == 'x' || s.p[2] == 'X');
	uint32_t cp = 0;
	for (size_t i = 2 + hex; i < s.n && i < 12; i++) {
		char c = ascii_lower(s.p[i]);
		if (c == ';')
			return *ret_cp = cp, i + 1;
		if (c >= '0' && c <= '9')
			cp = cp * (hex ? 16 : 10) + (uint32_t)(c - '0');
		else if (hex && c >= 'a' && c <= 'f')
			cp = cp * 16 + (uint32_t)(c - 'a' + 10);
		else
			return 0;
	}
	return 0;
}

void xml_text(slice raw, struct buf *out)
{
	while (raw.n) {
		uint32_t cp;
		size_t plain = slice_index(raw, '&');
		buf_put(out, slice_first(raw, plain));
		raw = slice_skip(raw, plain);
		size_t n = entity(raw, &cp);
		if (n)
			utf8_put(out, cp);
		else if (raw.n)
			buf_byte(out, '&');
		raw = slice_skip(raw, n ? n : 1);
	}
}

bool xml_attribute(slice s, slice name, slice *ret_raw)
{
	while (s.n) {
		size_t equals = slice_index(s, '=');
		slice key = local_name(slice_trim(slice_first(s, equals)));
		s = slice_skip(s, equals + 1);
		while (s.n && is_space(s.p[0]))
			s = slice_skip(s, 1);
		if (!s.n)
			return false;
		char quote = s.p[0];
		if (quote != '"' && quote != '\'')
			continue;
		s = slice_skip(s, 1);
		size_t n = slice_index(s, quote);
		if (slice_eq(key, name)) {
			*ret_raw = slice_first(s, n);
			return true;
		}
		s = slice_skip(s, n + 1);
	}
	return false;
}
