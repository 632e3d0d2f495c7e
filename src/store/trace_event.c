/*
 * The timeline of a message as text (trace.h): writing events and reading them back.
 *
 *	1795309870123456 attempt host=mx.example.com reply="451 4.7.1 try \"later\""
 */
#include "base/mem.h"
#include "base/utf8.h"
#include "store/trace.h"

#include <stdarg.h>
#include <stdio.h>

enum { KEEP_FIRST = 8, LINE_MAX = 8 * 1024, LINE_USUAL = 512 };

static bool is_bare(slice v)
{
	for (size_t i = 0; i < v.n; i++) {
		unsigned char c = (unsigned char)v.p[i];
		if (c <= ' ' || c == '"' || c == '\\' || c == '=' || c == 0x7f)
			return false;
	}
	return v.n > 0;
}

static bool is_ascii(slice v)
{
	for (size_t i = 0; i < v.n; i++)
		if (v.p[i] & 0x80)
			return false;
	return true;
}

static void put_value(struct buf *line, slice value)
{
	AUTO(buf) struct buf clean = BUF(4 * TRACE_VALUE_MAX);
	slice v = utf8_first(value, TRACE_VALUE_MAX);
	if (!is_ascii(v)) {
		utf8_scrub(&clean, v);
		v = buf_slice(&clean);
	}
	if (is_bare(v)) {
		buf_put(line, v);
		return;
	}
	buf_byte(line, '"');
	for (size_t i = 0; i < v.n; i++) {
		unsigned char c = (unsigned char)v.p[i];
		if (c == '"' || c == '\\')
			buf_byte(line, '\\');
		buf_byte(line, c < ' ' || c == 0x7f ? ' ' : (char)c);
	}
	buf_byte(line, '"');
}

/* The end of the n-th line, or of the log. */
static size_t skip_lines(slice log, unsigned n)
{
	size_t at = 0;
	while (n-- && at < log.n) {
		at += slice_index(slice_skip(log, at), '\n');
		at += at < log.n;
	}
	return at;
}

/* Takes the oldest events behind the first few out, until `need` more bytes fit below `limit`. */
static void make_room(struct buf *log, size_t need, size_t limit)
{
	enum { MARK_MAX = 64 };
	slice all = buf_slice(log);
	size_t from = skip_lines(all, KEEP_FIRST), to = from;
	uint64_t gone = 0;
	int64_t wall = 0;
	slice rest = slice_skip(all, from), event, fields, count;
	while (rest.n && all.n - (to - from) + need + MARK_MAX > limit &&
		trace_next_event(&rest, &wall, &event, &fields)) {
		uint64_t before;
		bool is_mark = slice_eq(event, S("omitted")) && slice_cut(&fields, '=', &count) &&
			       slice_u64(fields, &before);
		gone += is_mark ? before : 1;
		to = all.n - rest.n;
	}
	if (!gone)
		return;
	AUTO(buf) struct buf out = BUF(log->limit);
	buf_put(&out, slice_first(all, from));
	buf_printf(&out, "%lld omitted events=%llu\n", (long long)wall, (unsigned long long)gone);
	buf_put(&out, rest);
	buf_reset(log);
	buf_put(log, buf_slice(&out));
}

static void put_line(struct buf *log, slice line)
{
	size_t limit = log->limit < TRACE_LOG_MAX ? log->limit : TRACE_LOG_MAX;
	if (log->n + line.n > limit)
		make_room(log, line.n, limit);
	if (log->n + line.n <= limit)
		buf_put(log, line);
}

void trace_event(struct buf *log, int64_t wall, const char *event, ...)
{
	AUTO(buf) struct buf line = BUF(LINE_MAX);
	buf_room(&line, LINE_USUAL);
	buf_printf(&line, "%lld %s", (long long)wall, event);
	va_list ap;
	va_start(ap, event);
	const char *key;
	while ((key = va_arg(ap, const char *))) {
		slice value = va_arg(ap, slice);
		if (value.n == 0)
			continue;
		buf_byte(&line, ' ');
		buf_put(&line, slice_z(key));
		buf_byte(&line, '=');
		put_value(&line, value);
	}
	va_end(ap);
	buf_byte(&line, '\n');
	if (buf_ok(&line)) /* else more fields than any event has */
		put_line(log, buf_slice(&line));
}

static bool cut_line(slice *log, slice *ret_line)
{
	if (log->n == 0)
		return false;
	size_t at = slice_index(*log, '\n');
	*ret_line = slice_first(*log, at);
	*log = slice_skip(*log, at + 1);
	return true;
}

bool trace_next_event(slice *log, int64_t *ret_wall, slice *ret_event, slice *ret_fields)
{
	slice line, number, word;
	while (cut_line(log, &line)) {
		uint64_t wall;
		if (!slice_cut(&line, ' ', &number) || !slice_u64(number, &wall) ||
			wall > INT64_MAX || !slice_cut(&line, ' ', &word) || word.n == 0)
			continue; /* damaged: the rest may still be read */
		*ret_wall = (int64_t)wall;
		*ret_event = word;
		*ret_fields = line;
		return true;
	}
	return false;
}

static bool has_event(slice log, slice event, slice fields)
{
	int64_t wall;
	slice e, f;
	while (trace_next_event(&log, &wall, &e, &f))
		if (slice_eq(e, event) && slice_eq(f, fields))
			return true;
	return false;
}

void trace_append(struct buf *log, slice more)
{
	AUTO(buf) struct buf line = BUF(LINE_MAX);
	int64_t wall;
	slice event, fields;
	while (trace_next_event(&more, &wall, &event, &fields)) {
		if (has_event(buf_slice(log), event, fields))
			continue;
		buf_reset(&line);
		buf_printf(&line, "%lld %.*s%s%.*s\n", (long long)wall, SFMT(event),
			fields.n ? " " : "", SFMT(fields));
		if (buf_ok(&line))
			put_line(log, buf_slice(&line));
	}
}

static slice read_quoted(slice *rest, struct arena *a)
{
	char *out = arena_alloc(a, rest->n + 1);
	size_t n = 0, at = 1;
	while (at < rest->n && rest->p[at] != '"') {
		if (rest->p[at] == '\\' && at + 1 < rest->n)
			at++;
		out[n++] = rest->p[at++];
	}
	*rest = slice_skip(*rest, at + 1);
	return slice_of(out, n);
}

bool trace_field(slice *fields, struct arena *a, slice *ret_key, slice *ret_value)
{
	while (fields->n && fields->p[0] == ' ')
		*fields = slice_skip(*fields, 1);
	size_t at = slice_index(*fields, '=');
	if (at == fields->n)
		return false;
	*ret_key = slice_first(*fields, at);
	*fields = slice_skip(*fields, at + 1);
	if (fields->n && fields->p[0] == '"') {
		*ret_value = read_quoted(fields, a);
		return true;
	}
	at = slice_index(*fields, ' ');
	*ret_value = arena_dup(a, slice_first(*fields, at));
	*fields = slice_skip(*fields, at);
	return true;
}
