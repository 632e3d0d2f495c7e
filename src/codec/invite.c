/*
 * Calendar objects and address cards as far as a reader sees them (RFC 5545 3.1, 3.3.11; RFC 6350
 * 3.2, 3.4): values of the properties that calendars show, unfolded, unescaped; addresses in them.
 * Called by the reader of attachments. Dates and repetitions are not looked at.
 */
#include "codec/invite.h"

#include "base/buf.h"
#include "base/mem.h"
#include "codec/charset.h"

enum {
	INPUT_MAX = 1 << 20,
	VALUE_MAX = 64 * 1024, /* one property */
	LINES_MAX = 50000,
};

enum show { SHOW_TEXT = 1, SHOW_LINK = 2, SHOW_HTML = 4 };

static const struct {
	slice name;
	unsigned show;
} properties[] = {
	{S_INIT("SUMMARY"), SHOW_TEXT},
	{S_INIT("DESCRIPTION"), SHOW_TEXT},
	{S_INIT("LOCATION"), SHOW_TEXT},
	{S_INIT("COMMENT"), SHOW_TEXT},
	{S_INIT("CONTACT"), SHOW_TEXT},
	{S_INIT("X-ALT-DESC"), SHOW_TEXT | SHOW_HTML},
	{S_INIT("URL"), SHOW_LINK},
	{S_INIT("ATTACH"), SHOW_LINK},
	{S_INIT("CONFERENCE"), SHOW_LINK},
	{S_INIT("SOURCE"), SHOW_LINK},
	{S_INIT("FN"), SHOW_TEXT},
	{S_INIT("ORG"), SHOW_TEXT},
	{S_INIT("TITLE"), SHOW_TEXT},
	{S_INIT("NOTE"), SHOW_TEXT},
};

struct invite {
	struct extract_limits *limits;
	const struct extract *x;
	struct buf line, value;
};

static slice physical_line(slice *in)
{
	size_t n = slice_index(*in, '\n');
	slice line = slice_first(*in, n);
	*in = slice_skip(*in, n + 1);
	if (line.n && line.p[line.n - 1] == '\r')
		line.n--;
	return line;
}

/* One content line, unfolded (RFC 5545 3.1), or with quoted-printable's line ends (vCard 2.1). */
static slice content_line(struct invite *v, slice *in)
{
	buf_reset(&v->line);
	buf_put(&v->line, physical_line(in));
	bool quoted = slice_find(buf_slice(&v->line), S("QUOTED-PRINTABLE")) < v->line.n;
	while (in->n) {
		if (in->p[0] == ' ' || in->p[0] == '\t') {
			buf_put(&v->line, slice_skip(physical_line(in), 1));
		} else if (quoted && v->line.n && v->line.p[v->line.n - 1] == '=') {
			v->line.n--;
			buf_put(&v->line, physical_line(in));
		} else {
			break;
		}
	}
	return buf_slice(&v->line);
}

/* The colon that ends name and parameters; quoted ones do not. */
static size_t value_at(slice line)
{
	bool quoted = false;
	for (size_t i = 0; i < line.n; i++) {
		quoted ^= line.p[i] == '"';
		if (line.p[i] == ':' && !quoted)
			return i + 1;
	}
	return line.n;
}

/* RFC 5545 3.3.11. */
static slice unescaped(struct invite *v, slice value)
{
	buf_reset(&v->value);
	for (size_t i = 0; i < value.n; i++) {
		char c = value.p[i];
		if (c == '\\' && i + 1 < value.n) {
			c = value.p[++i];
			c = c == 'n' || c == 'N' ? '\n' : c;
		}
		buf_byte(&v->value, c);
	}
	return buf_slice(&v->value);
}

/* Text without tags: X-ALT-DESC is HTML. */
static void strip_tags(struct buf *b)
{
	size_t n = 0;
	bool tag = false;
	for (size_t i = 0; i < b->n; i++) {
		char c = b->p[i];
		if (c == '<' || c == '>') {
			tag = c == '<';
			b->p[n++] = ' ';
		} else if (!tag) {
			b->p[n++] = c;
		}
	}
	b->n = n;
}

/* href="..." of HTML in a value. */
static void html_links(struct invite *v, slice value)
{
	for (slice s = value; s.n;) {
		size_t at = slice_find(s, S("href=\""));
		s = slice_skip(s, at + 6);
		slice target = slice_first(s, slice_index(s, '"'));
		if (target.n)
			v->x->link(v->x->ctx, target, S(""));
	}
}

static void property(struct invite *v, slice line)
{
	size_t at = value_at(line), name_end = 0;
	slice head = slice_first(line, at ? at - 1 : 0), value = slice_skip(line, at);
	while (name_end < head.n && head.p[name_end] != ';')
		name_end++;
	slice name = slice_first(head, name_end);
	size_t dot = slice_rindex(name, '.'); /* item1.URL of vCard */
	name = dot < name.n ? slice_skip(name, dot + 1) : name;
	bool inside = slice_find(head, S("BASE64")) < head.n ||
		      slice_find(head, S("ENCODING=B")) < head.n ||
		      slice_istarts(value, S("data:"));
	for (size_t i = 0; i < sizeof properties / sizeof *properties; i++) {
		if (!slice_ieq(name, properties[i].name))
			continue;
		slice text = unescaped(v, value);
		if (properties[i].show & SHOW_LINK && !inside && text.n)
			v->x->link(v->x->ctx, slice_trim(text), S(""));
		if (properties[i].show & SHOW_LINK && inside)
			v->x->fact(v->x->ctx, EXTRACT_EMBEDDED, name);
		if (properties[i].show & SHOW_HTML) {
			html_links(v, text);
			strip_tags(&v->value);
		}
		if (properties[i].show & SHOW_TEXT) {
			buf_byte(&v->value, '\n');
			v->x->text(v->x->ctx, buf_slice(&v->value));
		}
		return;
	}
}

/* ORGANIZER;CN="Name":mailto:someone@example.org */
static void organizer(struct invite *v, slice line)
{
	size_t cn = slice_find(line, S("CN="));
	if (!slice_istarts(line, S("ORGANIZER")) || cn >= line.n)
		return;
	slice name = slice_skip(line, cn + 3);
	bool quoted = name.n && name.p[0] == '"';
	name = slice_skip(name, quoted);
	size_t end = 0;
	while (end < name.n &&
		(quoted ? name.p[end] != '"' : name.p[end] != ':' && name.p[end] != ';'))
		end++;
	v->x->text(v->x->ctx, slice_first(name, end));
	v->x->text(v->x->ctx, S("\n"));
}

void invite_read(slice in, struct extract_limits *l, const struct extract *x)
{
	struct invite v = {l, x, BUF(VALUE_MAX), BUF(VALUE_MAX + 1)};
	AUTO(buf) struct buf utf8 = BUF(2 * INPUT_MAX);
	struct charset_reading how;
	if (in.n > INPUT_MAX || !extract_take(l, in.n))
		x->fact(x->ctx, EXTRACT_LIMIT, S(""));
	charset_read(S(""), slice_first(in, INPUT_MAX), false, &utf8, &how);
	slice rest = buf_slice(&utf8);
	for (unsigned lines = 0; rest.n && lines < LINES_MAX; lines++) {
		slice line = content_line(&v, &rest);
		property(&v, line);
		organizer(&v, line);
	}
	buf_done(&v.line);
	buf_done(&v.value);
}
