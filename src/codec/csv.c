/* Tables as text (csv.h). */
#include "codec/csv.h"

#include "base/mem.h"
#include "base/utf8.h"
#include "codec/charset.h"

bool csv_text(slice file, struct buf *out)
{
	size_t before = out->n;
	if (slice_starts(file, S("\xef\xbb\xbf")))
		file = slice_skip(file, 3);
	if (slice_starts(file, S("\xff\xfe")) || slice_starts(file, S("\xfe\xff"))) {
		bool little = file.p[0] == '\xff';
		if (!charset_to_utf8(
			    little ? S("utf-16le") : S("utf-16be"), slice_skip(file, 2), out))
			return false;
	} else if (utf8_valid(file)) {
		buf_put(out, file);
	} else if (!charset_fits(S("gb18030"), file) || !charset_to_utf8(S("gb18030"), file, out)) {
		return false;
	}
	return buf_ok(out) && utf8_valid(slice_skip(buf_slice(out), before));
}

char csv_separator(slice text)
{
	size_t count[3] = {0};
	bool quoted = false;
	for (size_t i = 0; i < text.n && (quoted || (text.p[i] != '\n' && text.p[i] != '\r'));
		i++) {
		quoted ^= text.p[i] == '"';
		count[0] += !quoted && text.p[i] == ',';
		count[1] += !quoted && text.p[i] == ';';
		count[2] += !quoted && text.p[i] == '\t';
	}
	if (count[2] > count[0] && count[2] >= count[1])
		return '\t';
	return count[1] > count[0] ? ';' : ',';
}

struct csv csv_begin(slice text)
{
	return (struct csv){.rest = text, .separator = csv_separator(text), .line = 0, .next = 1};
}

static bool is_break(char c)
{
	return c == '\n' || c == '\r';
}

/* One line break off the rest. */
static void skip_break(struct csv *c)
{
	bool crlf = slice_starts(c->rest, S("\r\n"));
	c->rest = slice_skip(c->rest, crlf ? 2 : 1);
	c->next++;
}

/* Behind the opening quote. False: it is never closed. */
static bool quoted_cell(struct csv *c, struct arena *a, slice *ret)
{
	slice s = c->rest;
	size_t n = 0, end = 0, doubled = 0;
	while (end < s.n && !(s.p[end] == '"' && (end + 1 == s.n || s.p[end + 1] != '"'))) {
		bool twice = s.p[end] == '"';
		c->next += s.p[end] == '\n' ||
			   (s.p[end] == '\r' && (end + 1 == s.n || s.p[end + 1] != '\n'));
		doubled += twice;
		end += twice ? 2 : 1;
	}
	if (end >= s.n)
		return false;
	c->rest = slice_skip(s, end + 1);
	if (!doubled) {
		*ret = slice_first(s, end);
		return true;
	}
	char *p = arena_alloc(a, end);
	for (size_t i = 0; i < end; i++) {
		p[n++] = s.p[i];
		i += s.p[i] == '"';
	}
	*ret = slice_of(p, n);
	return true;
}

static slice plain_cell(struct csv *c)
{
	size_t n = 0;
	while (n < c->rest.n && c->rest.p[n] != c->separator && !is_break(c->rest.p[n]))
		n++;
	slice cell = slice_first(c->rest, n);
	c->rest = slice_skip(c->rest, n);
	return cell;
}

static enum csv_result give_up(struct csv *c, enum csv_result why)
{
	c->rest = (slice){0};
	return why;
}

enum csv_result csv_next(
	struct csv *c, struct arena *a, slice cells[CSV_COLUMNS_MAX], size_t *ret_n)
{
	size_t n = 0;
	while (c->rest.n && is_break(c->rest.p[0]))
		skip_break(c);
	if (c->rest.n == 0)
		return CSV_END;
	c->line = c->next;
	for (;;) {
		slice cell = S(""), junk;
		if (n == CSV_COLUMNS_MAX)
			return give_up(c, CSV_TOO_MANY);
		if (c->rest.n && c->rest.p[0] == '"') {
			c->rest = slice_skip(c->rest, 1);
			if (!quoted_cell(c, a, &cell))
				return give_up(c, CSV_OPEN_QUOTE);
			junk = plain_cell(
				c); /* behind the closing quote: part of it, as others read it */
			if (slice_trim(junk).n)
				cell = arena_printf(a, "%.*s%.*s", SFMT(cell), SFMT(junk));
		} else {
			cell = plain_cell(c);
		}
		if (cell.n > CSV_CELL_MAX)
			return give_up(c, CSV_TOO_LONG);
		cells[n++] = cell;
		if (c->rest.n == 0 || is_break(c->rest.p[0]))
			break;
		c->rest = slice_skip(c->rest, 1);
	}
	if (c->rest.n)
		skip_break(c);
	*ret_n = n;
	return CSV_ROW;
}

/* ---- writing ---- */

void csv_put(struct buf *out, slice cell, bool first)
{
	bool quote = false;
	for (size_t i = 0; i < cell.n; i++)
		quote |= cell.p[i] == ',' || cell.p[i] == '"' || is_break(cell.p[i]);
	quote |= cell.n && (cell.p[0] == ' ' || cell.p[cell.n - 1] == ' ');
	if (!first)
		buf_byte(out, ',');
	if (!quote) {
		buf_put(out, cell);
		return;
	}
	buf_byte(out, '"');
	for (size_t i = 0; i < cell.n; i++) {
		if (cell.p[i] == '"')
			buf_byte(out, '"');
		buf_byte(out, cell.p[i]);
	}
	buf_byte(out, '"');
}

void csv_end_row(struct buf *out)
{
	buf_put(out, S("\r\n"));
}
