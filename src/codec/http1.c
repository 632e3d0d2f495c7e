/*
 * Heads of HTTP/1.1 messages (http1.h): RFC 9112 2-6, fields RFC 9110 5. Called by proto/http.
 *
 * What smuggles requests past other readers is refused, never interpreted: a CR or LF alone, folded lines, space
 * before a colon, a length beside a transfer coding, a length twice, a coding other than "chunked" alone, a
 * coding in HTTP/1.0, no Host or two. It does not read bodies (http1_chunk.c) nor targets (http1_target.c).
 */
#include "codec/http1.h"

/* ---- where it ends ---- */

static bool is_control(char c)
{
	return (unsigned char)c < 0x20 || c == 0x7f;
}

static enum http1_result too_long(slice in, size_t at)
{
	bool first = slice_index(slice_first(in, at), '\n') >= at;
	return first ? HTTP1_LONG_TARGET : HTTP1_LARGE;
}

enum http1_result http1_head_end(slice in, size_t *from, size_t *ret_n)
{
	size_t line = 0;
	for (size_t i = *from; i > 0 && in.p[i - 1] != '\n'; i--)
		line++;
	for (size_t i = *from; i < in.n; i++) {
		char c = in.p[i];
		bool after_cr = i > 0 && in.p[i - 1] == '\r';
		bool odd = is_control(c) && c != '\t' && c != '\r' && c != '\n';
		if (odd || (c == '\n') != after_cr)
			return HTTP1_BAD;
		if (++line > HTTP1_LINE_MAX)
			return too_long(in, i);
		if (i >= HTTP1_HEAD_MAX)
			return HTTP1_LARGE;
		if (c != '\n')
			continue;
		if (line == 2) {
			*ret_n = i + 1;
			return i == 1 ? HTTP1_BAD : HTTP1_FINE; /* no head at all */
		}
		line = 0;
	}
	*from = in.n;
	return HTTP1_MORE;
}

/* ---- words ---- */

static bool is_token(slice s)
{
	static const char others[] = "!#$%&'*+-.^_`|~";
	for (size_t i = 0; i < s.n; i++) {
		char c = ascii_lower(s.p[i]);
		if (!((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || (c && strchr(others, c))))
			return false;
	}
	return s.n > 0;
}

/* Visible characters, blanks and bytes above ASCII. */
static bool is_value(slice s)
{
	for (size_t i = 0; i < s.n; i++)
		if (is_control(s.p[i]) && s.p[i] != '\t')
			return false;
	return true;
}

static slice trim_blanks(slice s)
{
	while (s.n && (s.p[0] == ' ' || s.p[0] == '\t'))
		s = slice_skip(s, 1);
	while (s.n && (s.p[s.n - 1] == ' ' || s.p[s.n - 1] == '\t'))
		s.n--;
	return s;
}

/* A line without its CRLF off the front. */
static bool next_line(slice *in, slice *ret)
{
	size_t n = slice_find(*in, S("\r\n"));
	if (n == in->n)
		return false;
	*ret = slice_first(*in, n);
	*in = slice_skip(*in, n + 2);
	return true;
}

slice http1_field(const struct http1_head *h, slice name)
{
	for (size_t i = 0; i < h->nfields; i++)
		if (slice_ieq(h->fields[i].name, name))
			return h->fields[i].value;
	return (slice){0};
}

size_t http1_count(const struct http1_head *h, slice name)
{
	size_t n = 0;
	for (size_t i = 0; i < h->nfields; i++)
		n += slice_ieq(h->fields[i].name, name);
	return n;
}

bool http1_has_word(const struct http1_head *h, slice name, slice word)
{
	for (size_t i = 0; i < h->nfields; i++) {
		slice rest = h->fields[i].value, part;
		if (!slice_ieq(h->fields[i].name, name))
			continue;
		while (slice_cut(&rest, ',', &part))
			if (slice_ieq(trim_blanks(part), word))
				return true;
	}
	return false;
}

/* ---- fields ---- */

/* A line that begins with a blank would continue the one before (obs-fold): such a name is no token. */
static enum http1_result read_fields(slice in, struct http1_head *h)
{
	slice line;
	while (next_line(&in, &line) && line.n) {
		size_t colon = slice_index(line, ':');
		slice name = slice_first(line, colon), value = slice_skip(line, colon + 1);
		if (colon == line.n || !is_token(name) || !is_value(value))
			return HTTP1_BAD;
		if (h->nfields == HTTP1_FIELDS_MAX)
			return HTTP1_LARGE;
		h->fields[h->nfields++] = (struct http1_field){name, trim_blanks(value)};
	}
	return HTTP1_FINE;
}

static enum http1_result read_version(slice s, unsigned *ret_minor)
{
	if (s.n != 8 || !slice_starts(s, S("HTTP/")) || s.p[6] != '.' || s.p[5] < '0' ||
		s.p[5] > '9' || s.p[7] < '0' || s.p[7] > '9')
		return HTTP1_BAD;
	if (s.p[5] != '1')
		return HTTP1_VERSION;
	*ret_minor = s.p[7] == '0' ? 0 : 1; /* a later 1.x is answered as 1.1 */
	return HTTP1_FINE;
}

/* RFC 9112 6.3; `length` and `coding` are those of the only fields of these names. */
static enum http1_result read_framing(struct http1_head *h)
{
	size_t codings = http1_count(h, S("transfer-encoding"));
	size_t lengths = http1_count(h, S("content-length"));
	if (codings + lengths > 1)
		return HTTP1_BAD;
	if (codings) {
		if (h->minor == 0)
			return HTTP1_BAD;
		h->body = HTTP1_CHUNKED;
		return slice_ieq(http1_field(h, S("transfer-encoding")), S("chunked"))
			       ? HTTP1_FINE
			       : HTTP1_CODING;
	}
	if (!lengths)
		return HTTP1_FINE;
	if (!slice_u64(http1_field(h, S("content-length")), &h->length) || h->length > INT64_MAX)
		return HTTP1_BAD;
	h->body = h->length ? HTTP1_LENGTH : HTTP1_NO_BODY;
	return HTTP1_FINE;
}

static void read_connection(struct http1_head *h)
{
	bool closes = http1_has_word(h, S("connection"), S("close"));
	bool keeps = http1_has_word(h, S("connection"), S("keep-alive"));
	h->keep_alive = !closes && (h->minor == 1 || keeps);
}

/* ---- requests ---- */

static bool is_target(slice s)
{
	for (size_t i = 0; i < s.n; i++)
		if (s.p[i] <= 0x20 || s.p[i] >= 0x7f || s.p[i] == '#')
			return false;
	return s.n > 0;
}

static bool is_host(slice s)
{
	static const char others[] = "-._~!$&'()*+,;=%:[]";
	for (size_t i = 0; i < s.n; i++) {
		char c = ascii_lower(s.p[i]);
		if (!((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || (c && strchr(others, c))))
			return false;
	}
	return s.n <= 300;
}

static enum http1_result read_request_line(slice line, struct http1_head *h)
{
	slice rest = line;
	if (!slice_cut(&rest, ' ', &h->method) || !slice_cut(&rest, ' ', &h->target) || !rest.p)
		return HTTP1_BAD;
	if (!is_token(h->method) || h->method.n > HTTP1_METHOD_MAX || !is_target(h->target))
		return HTTP1_BAD;
	return read_version(rest, &h->minor);
}

/* One, or in HTTP/1.0 none. */
static enum http1_result read_host(struct http1_head *h)
{
	size_t n = http1_count(h, S("host"));
	h->host = http1_field(h, S("host"));
	if (n > 1 || (n == 0 && h->minor == 1) || !is_host(h->host))
		return HTTP1_BAD;
	return HTTP1_FINE;
}

enum http1_result http1_read_request(slice head, struct http1_head *ret)
{
	slice in = head, line;
	enum http1_result r;
	*ret = (struct http1_head){0};
	if (!next_line(&in, &line))
		return HTTP1_BAD;
	if ((r = read_request_line(line, ret)) != HTTP1_FINE ||
		(r = read_fields(in, ret)) != HTTP1_FINE || (r = read_host(ret)) != HTTP1_FINE)
		return r;
	read_connection(ret);
	ret->expects =
		ret->minor == 1 && slice_ieq(http1_field(ret, S("expect")), S("100-continue"));
	return read_framing(ret);
}

/* ---- responses ---- */

static enum http1_result read_status_line(slice line, struct http1_head *h)
{
	slice rest = line, version, code;
	uint64_t status;
	enum http1_result r;
	if (!slice_cut(&rest, ' ', &version) || !slice_cut(&rest, ' ', &code))
		return HTTP1_BAD;
	if ((r = read_version(version, &h->minor)) != HTTP1_FINE)
		return r;
	if (code.n != 3 || !slice_u64(code, &status) || status < 100 || status > 599 ||
		!is_value(rest))
		return HTTP1_BAD;
	h->status = (unsigned)status;
	h->reason = rest;
	return HTTP1_FINE;
}

enum http1_result http1_read_response(slice head, bool to_head, struct http1_head *ret)
{
	slice in = head, line;
	enum http1_result r;
	*ret = (struct http1_head){0};
	if (!next_line(&in, &line))
		return HTTP1_BAD;
	if ((r = read_status_line(line, ret)) != HTTP1_FINE ||
		(r = read_fields(in, ret)) != HTTP1_FINE || (r = read_framing(ret)) != HTTP1_FINE)
		return r;
	read_connection(ret);
	if (to_head || ret->status < 200 || ret->status == 204 || ret->status == 304) {
		ret->body = HTTP1_NO_BODY;
	} else if (ret->body == HTTP1_NO_BODY && !http1_count(ret, S("content-length"))) {
		ret->body = HTTP1_TO_END;
		ret->keep_alive = false;
	}
	return HTTP1_FINE;
}
