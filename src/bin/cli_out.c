/*
 * Printing for the command line (cli_out.h): tables and times for people, JSON for programs. Errors
 * and their translation are in cli_err.c.
 */
#include "bin/cli_out.h"

#include "base/arena.h"
#include "base/mem.h"
#include "base/must.h"
#include "base/time.h"
#include "base/utf8.h"
#include "codec/address.h"

#include <stdarg.h>
#include <stdio.h>
#include <time.h>

/* ---- tables ---- */

struct table {
	struct arena a;
	struct buf *out;
	const char *const *headers;
	size_t ncolumns, ncells;
	bool headed;
	slice cells[TABLE_COLUMNS_MAX * TABLE_ROWS_MAX];
};

static void emit(struct buf *out, slice s)
{
	if (out)
		buf_put(out, s);
	else if (s.n)
		fwrite(s.p, 1, s.n, stdout);
}

/* What a terminal obeys, or what changes the order of what stands around it. */
static bool is_control(uint32_t cp)
{
	return cp < ' ' || (cp >= 0x7f && cp < 0xa0) || (cp >= 0x2028 && cp <= 0x202e) ||
	       (cp >= 0x2066 && cp <= 0x2069);
}

static void put_safe(struct buf *clean, slice text)
{
	uint32_t cp;
	while (utf8_next(&text, &cp))
		utf8_put(clean, is_control(cp) ? '?' : cp);
}

void out_safe(slice text)
{
	AUTO(buf) struct buf clean = BUF(4 * text.n + 16);
	put_safe(&clean, text);
	emit(NULL, buf_slice(&clean));
}

struct table *table_new(const char *const *headers, size_t ncolumns)
{
	must(ncolumns > 0 && ncolumns <= TABLE_COLUMNS_MAX);
	struct table *t = NEW(struct table);
	t->headers = headers;
	t->ncolumns = ncolumns;
	return t;
}

void table_to(struct table *t, struct buf *out)
{
	t->out = out;
}

static bool right(const struct table *t, size_t column)
{
	return t->headers[column][0] == '>';
}

static slice header(const struct table *t, size_t column)
{
	return slice_z(t->headers[column] + right(t, column));
}

static void print_cell(
	struct table *t, struct buf *line, size_t column, slice text, const size_t *widths)
{
	size_t width = utf8_width(text), fill = widths[column] > width ? widths[column] - width : 0;
	if (column)
		buf_put(line, S("  "));
	if (right(t, column))
		buf_fill(line, ' ', fill);
	buf_put(line, text);
	if (!right(t, column) && column + 1 < t->ncolumns)
		buf_fill(line, ' ', fill);
}

static void print_row(struct table *t, const slice *cells, const size_t *widths)
{
	AUTO(buf) struct buf line = BUF(1 << 20);
	for (size_t c = 0; c < t->ncolumns; c++)
		print_cell(t, &line, c, cells[c], widths);
	slice s = buf_slice(&line);
	while (s.n && s.p[s.n - 1] == ' ')
		s.n--;
	emit(t->out, s);
	emit(t->out, S("\n"));
}

static void flush(struct table *t)
{
	size_t widths[TABLE_COLUMNS_MAX];
	slice heads[TABLE_COLUMNS_MAX];
	for (size_t c = 0; c < t->ncolumns; c++) {
		heads[c] = header(t, c);
		widths[c] = utf8_width(heads[c]);
		for (size_t i = c; i < t->ncells; i += t->ncolumns) {
			size_t w = utf8_width(t->cells[i]);
			widths[c] = w > widths[c] ? w : widths[c];
		}
	}
	if (!t->headed)
		print_row(t, heads, widths);
	t->headed = true;
	for (size_t i = 0; i < t->ncells; i += t->ncolumns)
		print_row(t, t->cells + i, widths);
	t->ncells = 0;
	arena_reset(&t->a);
}

void table_cell(struct table *t, slice text)
{
	if (t->ncells == t->ncolumns * TABLE_ROWS_MAX)
		flush(t);
	AUTO(buf) struct buf clean = BUF(4 * text.n + 16);
	put_safe(&clean, text);
	t->cells[t->ncells++] = arena_dup(&t->a, buf_slice(&clean));
}

void table_cellf(struct table *t, const char *fmt, ...)
{
	AUTO(buf) struct buf text = BUF(1 << 16);
	va_list ap;
	va_start(ap, fmt);
	buf_vprintf(&text, fmt, ap);
	va_end(ap);
	table_cell(t, buf_slice(&text));
}

void table_end(struct table *t)
{
	must(t->ncells % t->ncolumns == 0);
	if (t->ncells)
		flush(t);
	arena_done(&t->a);
	free(t);
}

/* ---- JSON (RFC 8259) ---- */

static void json_raw(struct json *j, slice s)
{
	emit(j->out, s);
}

static void new_line(struct json *j)
{
	json_raw(j, S("\n"));
	for (unsigned i = 0; i < j->depth; i++)
		json_raw(j, S("  "));
}

static void quoted(struct json *j, slice v)
{
	AUTO(buf) struct buf out = BUF(32 * (v.n + 16));
	uint32_t cp;
	buf_byte(&out, '"');
	while (utf8_next(&v, &cp)) {
		if (cp == '"' || cp == '\\')
			buf_byte(&out, '\\');
		if (cp == '\n')
			buf_put(&out, S("\\n"));
		else if (is_control(cp))
			buf_printf(&out, "\\u%04x", cp);
		else
			utf8_put(&out, cp);
	}
	buf_byte(&out, '"');
	json_raw(j, buf_slice(&out));
}

/* Everything before a value: comma, line, key. */
static void lead(struct json *j, const char *key)
{
	if (!j->first)
		json_raw(j, S(","));
	j->first = false;
	new_line(j);
	if (key) {
		quoted(j, slice_z(key));
		json_raw(j, S(": "));
	}
}

static void open_bracket(struct json *j, slice bracket)
{
	json_raw(j, bracket);
	j->depth++;
	j->first = true;
}

void json_begin(struct json *j)
{
	open_bracket(j, S("{"));
}

void json_open_object(struct json *j, const char *key)
{
	lead(j, key);
	open_bracket(j, S("{"));
}

void json_open_array(struct json *j, const char *key)
{
	lead(j, key);
	open_bracket(j, S("["));
}

void json_close(struct json *j, char bracket)
{
	must(j->depth > 0);
	bool empty = j->first;
	j->depth--;
	j->first = false;
	if (!empty)
		new_line(j);
	json_raw(j, slice_of(&bracket, 1));
}

void json_end(struct json *j)
{
	json_close(j, '}');
	must(j->depth == 0);
	json_raw(j, S("\n"));
}

void json_text(struct json *j, const char *key, slice v)
{
	lead(j, key);
	quoted(j, v);
}

void json_int(struct json *j, const char *key, int64_t v)
{
	char text[24];
	lead(j, key);
	json_raw(j, slice_of(text, (size_t)snprintf(text, sizeof text, "%lld", (long long)v)));
}

void json_bool(struct json *j, const char *key, bool v)
{
	lead(j, key);
	json_raw(j, v ? S("true") : S("false"));
}

void json_time(struct json *j, const char *key, int64_t wall)
{
	char text[TIME_ISO_MAX];
	lead(j, key);
	if (wall == 0)
		json_raw(j, S("null"));
	else
		quoted(j, slice_of(text, time_iso(wall, text)));
}

void listing_begin(
	struct listing *l, bool json, const char *key, const char *const *headers, size_t ncolumns)
{
	*l = (struct listing){.json = json};
	if (!json) {
		l->table = table_new(headers, ncolumns);
		return;
	}
	json_begin(&l->j);
	json_open_array(&l->j, key);
}

void listing_end_rows(struct listing *l)
{
	if (l->json)
		json_close(&l->j, ']');
	else
		table_end(take(&l->table));
}

void listing_end(struct listing *l)
{
	if (l->json)
		json_end(&l->j);
}

/* ---- for people ---- */

const char *out_size(uint64_t bytes, char out[OUT_TEXT])
{
	static const char *const units[] = {"B", "KiB", "MiB", "GiB", "TiB", "PiB"};
	double v = (double)bytes;
	size_t u = 0;
	while (v >= 1024 && u + 1 < sizeof units / sizeof units[0]) {
		v /= 1024;
		u++;
	}
	snprintf(out, OUT_TEXT, u && v < 100 ? "%.1f %s" : "%.0f %s", v, units[u]);
	return out;
}

const char *out_age(int64_t usec, char out[OUT_TEXT])
{
	bool ahead = usec < 0;
	int64_t s = (ahead ? -usec : usec) / SECOND;
	char text[OUT_TEXT - 16];
	if (s < 60)
		snprintf(text, sizeof text, "%ds", (int)s);
	else if (s < 3600)
		snprintf(text, sizeof text, "%dm", (int)(s / 60));
	else if (s < 86400)
		snprintf(text, sizeof text, "%dh %dm", (int)(s / 3600), (int)(s / 60 % 60));
	else
		snprintf(text, sizeof text, "%lldd %dh", (long long)(s / 86400),
			(int)(s / 3600 % 24));
	snprintf(out, OUT_TEXT, ahead ? T("in %s", "%s 后") : "%s", text);
	return out;
}

slice out_address(slice address, struct arena *a)
{
	slice local, domain;
	if (!address_split(address, &local, &domain))
		return address;
	return arena_printf(a, "%.*s@%.*s", SFMT(local), SFMT(domain_to_utf8(domain, a)));
}

const char *out_time(int64_t wall, char out[OUT_TEXT])
{
	time_t sec = (time_t)(wall / SECOND);
	struct tm t;
	localtime_r(&sec, &t);
	if (wall == 0 || strftime(out, OUT_TEXT, "%Y-%m-%d %H:%M:%S", &t) == 0)
		snprintf(out, OUT_TEXT, "-");
	return out;
}
