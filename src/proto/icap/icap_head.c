/*
 * Heads of ICAP answers (RFC 3507 section 4.3): status line, fields, the Encapsulated field; the fields in
 * which engines name what they found. Lines may be folded; what is not known is passed over.
 */
#include "proto/icap/icap_impl.h"

#include "base/buf.h"
#include "base/mem.h"

/* ---- single fields ---- */

static slice quoted(slice s)
{
	s = slice_trim(s);
	return s.n >= 2 && s.p[0] == '"' && s.p[s.n - 1] == '"' ? slice_of(s.p + 1, s.n - 2) : s;
}

slice icap_threat_of(slice field)
{
	slice part, rest = field;
	while (slice_cut(&rest, ';', &part)) {
		part = slice_trim(part);
		if (slice_istarts(part, S("Threat=")))
			return quoted(slice_skip(part, 7));
	}
	return S("");
}

/* A number of violations, then four lines each: file, threat, number, what was done. */
static slice violation_of(slice field)
{
	slice line, rest = field;
	uint64_t n;
	if (!slice_cut(&rest, '\n', &line) || !slice_u64(slice_trim(line), &n) || n == 0)
		return S("");
	slice_cut(&rest, '\n', &line);
	return slice_cut(&rest, '\n', &line) && slice_trim(line).n ? slice_trim(line)
								   : S("unnamed");
}

static slice named(slice threat)
{
	return threat.n ? threat : S("unnamed");
}

static void take_threat(struct icap_head *h, slice name, slice value)
{
	slice threat = S("");
	if (slice_ieq(name, S("X-Infection-Found")))
		threat = named(icap_threat_of(value));
	else if (slice_ieq(name, S("X-Virus-ID")) || slice_ieq(name, S("X-Virus-Name")))
		threat = slice_ieq(value, S("no threats")) ? S("") : named(value);
	else if (slice_ieq(name, S("X-Violations-Found")))
		threat = violation_of(value);
	if (threat.n && (!h->threat.n || slice_eq(h->threat, S("unnamed"))))
		h->threat = threat;
}

static bool has_word(slice list, slice word)
{
	slice part;
	while (slice_cut(&list, ',', &part))
		if (slice_ieq(slice_trim(part), word))
			return true;
	return false;
}

/* "res-hdr=0, res-body=213": headers lie before the body, which comes last. */
static bool take_encapsulated(struct icap_head *h, slice value)
{
	slice part;
	uint64_t at = 0;
	while (slice_cut(&value, ',', &part)) {
		part = slice_trim(part);
		size_t is = slice_index(part, '=');
		slice what = slice_first(part, is);
		if (!slice_u64(slice_trim(slice_skip(part, is + 1)), &at) || at > ICAP_HTTP_MAX)
			return false;
		h->response |= slice_istarts(what, S("res-"));
		h->body = slice_iends(what, S("-body")) && !slice_ieq(what, S("null-body"));
	}
	h->http = (size_t)at;
	return true;
}

static bool take_field(struct icap_head *h, slice name, slice value)
{
	uint64_t n;
	if (slice_ieq(name, S("Encapsulated")))
		return take_encapsulated(h, value);
	if (slice_ieq(name, S("ISTag")))
		h->istag = quoted(value);
	else if (slice_ieq(name, S("Service")))
		h->service = value;
	else if (slice_ieq(name, S("Preview")) && slice_u64(value, &n))
		h->preview = n < ICAP_PREVIEW_MAX ? (int64_t)n : ICAP_PREVIEW_MAX;
	else if (slice_ieq(name, S("Methods"))) {
		h->respmod |= has_word(value, S("RESPMOD"));
		h->reqmod |= has_word(value, S("REQMOD"));
	} else {
		take_threat(h, name, value);
	}
	return true;
}

/* ---- the head ---- */

static int bad(struct err *e)
{
	return err_set(e, ERR_PROTO, "no answer of ICAP");
}

static int read_line(struct io *io, slice *ret, struct err *e)
{
	int r = io_line(io, ICAP_LINE_MAX, ret, e);
	if (r == 0)
		return err_set(e, ERR_CLOSED, "the ICAP server closed the connection");
	if (r < 0)
		return -1;
	*ret = slice_first(*ret, ret->n - 1);
	if (ret->n && ret->p[ret->n - 1] == '\r')
		ret->n--;
	return 0;
}

static bool take_status(struct icap_head *h, slice line, struct arena *a)
{
	uint64_t status;
	if (!slice_starts(line, S("ICAP/1.")))
		return false;
	slice rest = slice_skip(line, slice_index(line, ' ') + 1);
	if (rest.n < 3 || !slice_u64(slice_first(rest, 3), &status))
		return false;
	h->status = (unsigned)status;
	h->reason = arena_dup(a, slice_trim(slice_skip(rest, 3)));
	return true;
}

/* Whole fields: folded lines stay apart by LF. */
static int take_fields(struct icap_head *h, slice text)
{
	while (text.n) {
		size_t end = 0;
		do
			end += slice_index(slice_skip(text, end), '\n') + 1;
		while (end < text.n && (text.p[end] == ' ' || text.p[end] == '\t'));
		slice field = slice_first(text, end - 1);
		text = slice_skip(text, end);
		size_t colon = slice_index(field, ':');
		if (colon < field.n && !take_field(h, slice_trim(slice_first(field, colon)),
					       slice_trim(slice_skip(field, colon + 1))))
			return -1;
	}
	return 0;
}

int icap_head_read(struct io *io, struct arena *a, struct icap_head *ret, struct err *e)
{
	struct icap_head h = {.preview = -1};
	struct buf fields = BUF((size_t)ICAP_FIELDS_MAX * ICAP_LINE_MAX);
	slice line;
	if (read_line(io, &line, e) < 0)
		return -1;
	if (!take_status(&h, line, a))
		return bad(e);
	for (unsigned n = 0;; n++) {
		if (read_line(io, &line, e) < 0 || n > ICAP_FIELDS_MAX) {
			buf_done(&fields);
			return n > ICAP_FIELDS_MAX ? bad(e) : -1;
		}
		if (!line.n)
			break;
		buf_put(&fields, line);
		buf_byte(&fields, '\n');
	}
	slice text = arena_dup(a, buf_slice(&fields));
	buf_done(&fields);
	if (take_fields(&h, text) < 0)
		return bad(e);
	*ret = h;
	return 0;
}

unsigned icap_http_status(slice header)
{
	uint64_t status = 0;
	slice line = slice_first(header, slice_index(header, '\n'));
	if (slice_starts(line, S("HTTP/")))
		slice_u64(slice_first(slice_skip(line, slice_index(line, ' ') + 1), 3), &status);
	return (unsigned)status;
}
