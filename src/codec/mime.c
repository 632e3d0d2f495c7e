/*
 * The structure of messages (mime.h): one pass over the lines with a stack of the multiparts that
 * are open. A delimiter of any of them ends everything inside it, as RFC 2046 section 5.1.2 asks.
 *
 * Not here: decoding of charsets, HTML, what parts mean.
 */
#include "codec/mime.h"

#include "base/mem.h"
#include "base/must.h"

const struct mime_limits mime_limits_default = {.depth = 30, .parts = 1000, .fields = 1000000};

enum { BOUNDARY_MAX = 8192 /* RFC 2046: 70; senders exceed it */, STACK_MAX = 64 };

struct open_part {
	int index; /* in the list of parts */
	slice boundary; /* empty: a message/rfc822, which only ends with what is around it */
	const char *content; /* where the body began */
	bool seen, closed; /* a delimiter; the closing one */
};

struct parser {
	const struct mime_limits *limits;
	struct arena *mem;
	struct mime *m;
	size_t room;
	struct open_part stack[STACK_MAX];
	unsigned nstack;
	int leaf; /* part whose body is being read, or -1 between parts */
	const char *body; /* where it began */
	slice rest; /* what is not read yet */
};

/* ---- one part's header ---- */

static enum mime_encoding encoding_of(slice v, struct arena *a)
{
	static const struct {
		slice name;
		enum mime_encoding encoding;
	} names[] = {{S_INIT("7bit"), MIME_7BIT}, {S_INIT("8bit"), MIME_8BIT},
		{S_INIT("binary"), MIME_BINARY}, {S_INIT("quoted-printable"), MIME_QP},
		{S_INIT("base64"), MIME_BASE64}, {S_INIT("x-uuencode"), MIME_UUENCODE},
		{S_INIT("uuencode"), MIME_UUENCODE}, {S_INIT("x-uue"), MIME_UUENCODE},
		{S_INIT("7-bit"), MIME_7BIT}, {S_INIT("8-bit"), MIME_8BIT},
		{S_INIT("base-64"), MIME_BASE64}};
	struct mime_value value;
	mime_value_parse(v, a, &value);
	for (size_t i = 0; i < sizeof names / sizeof *names; i++)
		if (slice_eq(value.main, names[i].name))
			return names[i].encoding;
	return value.main.n ? MIME_UNKNOWN : MIME_7BIT;
}

struct content_fields {
	slice type, encoding, disposition;
	bool has_type, has_encoding;
};

/* mbox's line before the header, and what gateways make of it. */
static bool is_envelope(slice line)
{
	return slice_starts(line, S("From ")) || slice_starts(line, S(">From "));
}

static void read_fields(struct parser *p, struct mime_part *part, struct content_fields *ret)
{
	struct header_field f;
	slice rest = part->header;
	for (unsigned i = 0; i < p->limits->fields && header_next(&rest, &f); i++) {
		if (!f.name.n && !is_envelope(f.raw))
			part->defects |= MIME_BAD_HEADER;
		if (!slice_istarts(f.name, S("Content-")))
			continue;
		slice what = slice_skip(f.name, 8);
		if (slice_ieq(what, S("Type"))) {
			part->defects |= ret->has_type ? MIME_TWICE : 0;
			ret->type = ret->has_type ? ret->type : f.value;
			ret->has_type = true;
		} else if (slice_ieq(what, S("Transfer-Encoding"))) {
			part->defects |= ret->has_encoding ? MIME_TWICE : 0;
			ret->encoding = ret->has_encoding ? ret->encoding : f.value;
			ret->has_encoding = true;
		} else if (slice_ieq(what, S("Disposition")) && !ret->disposition.n) {
			ret->disposition = f.value;
		}
	}
}

static bool is_type(slice main)
{
	size_t slash = slice_index(main, '/');
	return slash > 0 && slash + 1 < main.n;
}

static bool in_digest(const struct parser *p)
{
	const struct open_part *top = p->nstack ? &p->stack[p->nstack - 1] : NULL;
	return top && top->boundary.n &&
	       slice_eq(p->m->v[top->index].type.main, S("multipart/digest"));
}

static void read_type(struct parser *p, struct mime_part *part)
{
	struct content_fields f = {0};
	read_fields(p, part, &f);
	part->type_given = f.has_type;
	mime_value_parse(f.type, p->mem, &part->type);
	mime_value_parse(f.disposition, p->mem, &part->disposition);
	part->encoding = encoding_of(f.encoding, p->mem);
	if (part->type.defects | part->disposition.defects)
		part->defects |= MIME_VALUES;
	if (!f.has_type)
		part->type.main = in_digest(p) ? S("message/rfc822") : S("text/plain");
	else if (!is_type(part->type.main)) {
		part->defects |= MIME_BAD_TYPE;
		part->type.main = S("text/plain");
	}
	if (part->encoding == MIME_UNKNOWN)
		part->defects |= MIME_BAD_ENCODING;
}

/* ---- parts ---- */

static bool has_empty_line(slice header)
{
	return slice_ends(header, S("\n\r\n")) || slice_ends(header, S("\n\n")) ||
	       slice_eq(header, S("\r\n")) || slice_eq(header, S("\n"));
}

static int add_part(struct parser *p, int parent, unsigned depth, slice header)
{
	struct mime *m = p->m;
	if (m->n == p->room) {
		size_t room = p->room ? p->room * 2 : 8;
		struct mime_part *v = ARENA_ARRAY(p->mem, struct mime_part, room);
		if (m->n)
			memcpy(v, m->v, m->n * sizeof *v);
		m->v = v;
		p->room = room;
	}
	struct mime_part *part = &m->v[m->n];
	*part = (struct mime_part){.parent = parent, .depth = depth, .header = header};
	if (!has_empty_line(header))
		part->defects |= MIME_NO_HEADER;
	read_type(p, part);
	return (int)m->n++;
}

static void push(struct parser *p, int index, slice boundary)
{
	must(p->nstack < STACK_MAX);
	p->stack[p->nstack++] =
		(struct open_part){.index = index, .boundary = boundary, .content = p->rest.p};
}

static void begin_part(struct parser *p, int parent);

/* The header of part `index` has been read, p->rest is its body. */
static void begin_body(struct parser *p, int index)
{
	struct mime_part *part = &p->m->v[index];
	bool plain = part->encoding <= MIME_BINARY || part->encoding == MIME_UNKNOWN;
	bool container = mime_is(part, S("multipart"), S("")) ||
			 (mime_is(part, S("message"), S("")) && plain &&
				 (slice_eq(part->type.main, S("message/rfc822")) ||
					 slice_eq(part->type.main, S("message/global")) ||
					 slice_eq(part->type.main, S("message/news"))));
	p->leaf = index;
	p->body = p->rest.p;
	if (!container)
		return;
	if (p->nstack + 1 >= p->limits->depth || p->nstack + 1 >= STACK_MAX) {
		part->defects |= MIME_TOO_DEEP;
		return;
	}
	if (!mime_is(part, S("multipart"), S(""))) {
		part->message = true;
		push(p, index, S(""));
		begin_part(p, index);
		return;
	}
	slice boundary = slice_first(mime_param(&part->type, S("boundary")), BOUNDARY_MAX);
	while (boundary.n && boundary.p[boundary.n - 1] == ' ')
		boundary.n--;
	if (!plain)
		part->defects |=
			MIME_BAD_ENCODING; /* RFC 2045 6.4; clients look inside all the same */
	if (!boundary.n) {
		part->defects |= MIME_NO_BOUNDARY;
		return;
	}
	part->multipart = true;
	push(p, index, boundary);
	p->leaf = -1;
}

/* Where the header of a part ends when a delimiter of an open multipart cuts it short. */
static slice cut_header(struct parser *p);

static void begin_part(struct parser *p, int parent)
{
	slice header = cut_header(p);
	unsigned depth = parent < 0 ? 0 : p->m->v[parent].depth + 1;
	p->rest = slice_skip(p->rest, header.n);
	begin_body(p, add_part(p, parent, depth, header));
}

/* ---- delimiters ---- */

static size_t line_length(slice s)
{
	size_t n = slice_index(s, '\n');
	return n < s.n ? n + 1 : n;
}

/*
 * Is the line a delimiter of that boundary? Blanks may follow (RFC 2046 5.1.1). Some readers take
 * it with a blank and anything behind it, so a part must not hide there.
 */
static bool is_delimiter(slice line, slice boundary, bool *ret_closing)
{
	slice tail = slice_skip(line, 2);
	if (!slice_starts(tail, boundary))
		return false;
	tail = slice_skip(tail, boundary.n);
	*ret_closing = slice_starts(tail, S("--"));
	if (*ret_closing)
		return true; /* clients do not mind what follows */
	return !tail.n || tail.p[0] == ' ' || tail.p[0] == '\t' || slice_trim(tail).n == 0;
}

/* The innermost open multipart whose delimiter this is, or -1. */
static int delimited(const struct parser *p, slice line, bool *ret_closing)
{
	if (line.n < 3 || line.p[0] != '-' || line.p[1] != '-')
		return -1;
	for (unsigned i = p->nstack; i-- > 0;)
		if (p->stack[i].boundary.n && !p->stack[i].closed &&
			is_delimiter(line, p->stack[i].boundary, ret_closing))
			return (int)i;
	return -1;
}

/* "Name:" at the beginning of a line. */
static bool is_field(slice line)
{
	size_t i = 0;
	while (i < line.n && line.p[i] > ' ' && line.p[i] <= '~' && line.p[i] != ':')
		i++;
	size_t name = slice_starts(line, S("--")) ? 0 : i; /* "--x=:1" is a delimiter */
	while (i < line.n && (line.p[i] == ' ' || line.p[i] == '\t'))
		i++;
	return name && i < line.n && line.p[i] == ':';
}

static bool is_continuation(slice line)
{
	return line.n && (line.p[0] == ' ' || line.p[0] == '\t');
}

/*
 * The header ends at its empty line; or at a delimiter; or, where the empty line is missing, with
 * its last field: lines that are no fields and have none behind them are text that somebody reads.
 */
static slice cut_header(struct parser *p)
{
	slice rest = p->rest;
	const char *text = NULL; /* where the lines began that are no fields */
	bool closing;
	while (rest.n) {
		slice line = slice_first(rest, line_length(rest));
		if (slice_eq(line, S("\r\n")) || slice_eq(line, S("\n"))) {
			rest = text ? rest : slice_skip(rest, line.n);
			break;
		}
		bool field = is_field(line) || (!text && is_continuation(line));
		if (delimited(p, line, &closing) >= 0 || (!field && slice_starts(line, S("--"))))
			break;
		if (field)
			text = NULL;
		else if (!text && !(rest.p == p->rest.p && is_envelope(line)))
			text = line.p;
		rest = slice_skip(rest, line.n);
	}
	const char *end = text ? text : rest.p;
	return slice_of(p->rest.p, (size_t)(end - p->rest.p));
}

static slice without_line_end(const char *from, const char *to)
{
	slice s = slice_of(from, (size_t)(to - from));
	if (slice_ends(s, S("\n")))
		s.n--;
	if (slice_ends(s, S("\r")))
		s.n--;
	return s;
}

static void end_leaf(struct parser *p, const char *end)
{
	if (p->leaf < 0)
		return;
	struct mime_part *part = &p->m->v[p->leaf];
	part->body = end > p->body ? without_line_end(p->body, end) : slice_of(p->body, 0);
	p->leaf = -1;
}

/* Everything above `level` of the stack ends at `end`. */
static void end_down_to(struct parser *p, unsigned level, const char *end)
{
	end_leaf(p, end);
	while (p->nstack > level) {
		struct open_part *o = &p->stack[--p->nstack];
		struct mime_part *part = &p->m->v[o->index];
		part->body = end > o->content ? without_line_end(o->content, end)
					      : slice_of(o->content, 0);
		if (o->boundary.n && !o->closed)
			part->defects |= o->seen ? MIME_UNCLOSED : MIME_BOUNDARY_UNSEEN;
	}
}

/* Two delimiters with nothing between them, or one at the very end: no part. */
static void forget_empty(struct parser *p)
{
	struct mime_part *last = &p->m->v[p->m->n - 1];
	if (p->leaf == (int)p->m->n - 1 && p->leaf > 0 && !last->header.n && p->nstack &&
		p->stack[p->nstack - 1].boundary.n) {
		p->m->n--;
		p->leaf = -1;
	}
}

/* False: no more parts; the last one goes on. */
static bool at_delimiter(struct parser *p, unsigned level, bool closing, slice line)
{
	struct open_part *o = &p->stack[level];
	if (!closing && p->m->n >= p->limits->parts) {
		p->m->v[o->index].defects |= MIME_TOO_MANY;
		return false;
	}
	if (p->leaf >= 0 && p->body == line.p)
		forget_empty(p);
	end_down_to(p, level + 1, line.p);
	o->seen = true;
	o->closed = closing;
	if (!closing)
		begin_part(p, o->index);
	return true;
}

/* Whole messages: what precedes or follows the parts of a multipart is in no leaf. */
static void read_lines(struct parser *p)
{
	while (p->rest.n) {
		bool closing;
		slice line = slice_first(p->rest, line_length(p->rest));
		p->rest = slice_skip(p->rest, line.n);
		int level = delimited(p, line, &closing);
		if (level >= 0 && !at_delimiter(p, (unsigned)level, closing, line))
			return;
	}
}

/* A multipart without any delimiter: people see its body as text. */
static void unmask(struct mime_part *part)
{
	if (part->defects & MIME_BOUNDARY_UNSEEN)
		part->multipart = false;
}

static void finish(struct parser *p, const char *end)
{
	struct mime *m = p->m;
	read_lines(p);
	if (p->leaf >= 0 && p->body == end)
		forget_empty(p);
	/* The end of the message is no delimiter: the last line end belongs to the body. */
	for (unsigned i = p->nstack + 1; i-- > 0;) {
		int index = i == p->nstack ? p->leaf : p->stack[i].index;
		const char *from = i == p->nstack ? p->body : p->stack[i].content;
		if (index < 0)
			continue;
		end_down_to(p, i, end);
		m->v[index].body = slice_of(from, (size_t)(end - from));
	}
	for (size_t i = 0; i < m->n; i++) {
		unmask(&m->v[i]);
		m->defects |= m->v[i].defects;
	}
}

void mime_parse(slice message, const struct mime_limits *l, struct arena *a, struct mime *ret)
{
	struct parser *p = ARENA_NEW(a, struct parser);
	*p = (struct parser){.limits = l, .mem = a, .m = ret, .leaf = -1, .rest = message};
	*ret = (struct mime){0};
	if (!message.p)
		p->rest = S("");
	begin_part(p, -1);
	finish(p, p->rest.p + p->rest.n);
}

void mime_parse_inside(const struct mime_part *outer, slice decoded, const struct mime_limits *l,
	struct arena *a, struct mime *ret)
{
	if (!mime_is(outer, S("multipart"), S(""))) {
		mime_parse(decoded, l, a, ret);
		return;
	}
	struct parser *p = ARENA_NEW(a, struct parser);
	*p = (struct parser){.limits = l, .mem = a, .m = ret, .leaf = -1, .rest = decoded};
	*ret = (struct mime){0};
	if (!decoded.p)
		p->rest = S("");
	add_part(p, -1, 0, outer->header);
	ret->v[0].encoding = MIME_BINARY;
	begin_body(p, 0);
	finish(p, p->rest.p + p->rest.n);
}

/* ---- what callers ask ---- */

bool mime_is(const struct mime_part *p, slice type, slice subtype)
{
	slice rest = p->type.main, first;
	return slice_cut(&rest, '/', &first) && slice_eq(first, type) &&
	       (!subtype.n || slice_eq(rest, subtype));
}

slice mime_filename(const struct mime_part *p, struct arena *a)
{
	slice name = mime_param_text(&p->disposition, S("filename"), a);
	return name.n ? name : mime_param_text(&p->type, S("name"), a);
}
