/*
 * Reading mbox files (mbox.h): where letters begin and end. Works line by line; a line that is longer than LINE_MAX is taken in pieces, so it is no
 * "From " line. A Content-Length that turns out wrong costs one reading more of what was believed to be the letter, from memory, during which none
 * is believed: all is linear. What is done with a letter's header: mbox_letter.c; writing: mbox_write.c.
 */
#include "base/mem.h"
#include "codec/mbox_impl.h"

enum {
	LINE_MAX = 8 * 1024,
	HINTS_WRONG_MAX = 16, /* then no Content-Length of the file is believed */
};

void mbox_init(struct mbox *m, size_t letter_max, enum mbox_quoting q, mbox_fn fn, void *arg)
{
	*m = (struct mbox){.quoting = q,
		.fn = fn,
		.arg = arg,
		.line = BUF(LINE_MAX),
		.raw = BUF(letter_max + 2 /* the empty line before the next */),
		.blank = true};
}

void mbox_done(struct mbox *m)
{
	buf_done(&m->line);
	buf_done(&m->raw);
	arena_done(&m->mem);
}

bool mbox_looks_so(slice start)
{
	slice line;
	while (start.n && (start.p[0] == '\r' || start.p[0] == '\n'))
		start = slice_skip(start, 1);
	if (!slice_cut(&start, '\n', &line) || !start.p || !slice_starts(line, S("From ")))
		return false;
	return true;
}

static bool is_blank(slice line)
{
	return slice_eq(line, S("\n")) || slice_eq(line, S("\r\n"));
}

/* ---- a letter's end ---- */

/* Without the empty line that stands before the next letter. */
static size_t without_blank(slice raw)
{
	if (slice_ends(raw, S("\n\n")))
		return raw.n - 1;
	if (slice_ends(raw, S("\n\r\n")))
		return raw.n - 2;
	return raw.n;
}

static void give(struct mbox *m, size_t n, bool exact)
{
	struct mbox_letter l = {.at = m->at, .too_large = m->skipping};
	mbox_read_from(slice_of(m->from, m->from_n), &l.received_at);
	if (!m->skipping)
		mbox_read_letter(m, n, exact && m->candidate ? MBOX_AS_IS : m->quoting, &l);
	if (!m->fn(m->arg, &l))
		m->stopped = true;
}

static void begin(struct mbox *m, slice line, uint64_t at)
{
	slice keep = slice_first(line, sizeof m->from);
	memcpy(m->from, keep.p, keep.n);
	m->from_n = keep.n;
	m->at = at;
	m->begun = m->in_head = true;
	m->skipping = m->at_hint = false;
	m->blank = false;
	m->head_n = m->candidate = 0;
	m->hint_end = 0;
	buf_reset(&m->raw);
	arena_reset(&m->mem);
}

static void take_line(struct mbox *m, slice line, uint64_t at);

/* It was no end: the letter ends at the first line inside that may be one. */
static void hint_failed(struct mbox *m)
{
	size_t from = m->candidate;
	m->hint_end = 0;
	m->at_hint = false;
	m->hints_wrong++;
	if (!from)
		return;
	AUTO(buf) struct buf again = m->raw;
	uint64_t at = m->at + m->from_n;
	m->raw = BUF(again.limit);
	buf_put(&m->raw, slice_first(buf_slice(&again), from));
	give(m, without_blank(buf_slice(&m->raw)), false);
	bool was = m->no_hint;
	m->no_hint = true;
	m->begun = false;
	m->blank = true;
	for (slice rest = slice_skip(buf_slice(&again), from); rest.n && !m->stopped;) {
		size_t n = slice_index(rest, '\n');
		n += n < rest.n;
		take_line(m, slice_first(rest, n), at + (uint64_t)(rest.p - again.p));
		rest = slice_skip(rest, n);
	}
	m->no_hint = was;
}

/* ---- lines ---- */

static void end_of_head(struct mbox *m)
{
	uint64_t n;
	m->in_head = false;
	m->head_n = m->raw.n;
	if (m->no_hint || m->hints_wrong >= HINTS_WRONG_MAX ||
		!mbox_content_length(buf_slice(&m->raw), &n) || n == 0 || n > m->raw.limit)
		return;
	m->hint_end = m->raw.n + n;
	m->at_hint = false;
}

static void keep(struct mbox *m, slice line)
{
	if (m->skipping)
		return;
	buf_put(&m->raw, line);
	if (buf_ok(&m->raw))
		return;
	m->skipping = true;
	m->hint_end = 0;
	m->at_hint = false;
	buf_done(&m->raw);
}

/* At the end that Content-Length tells: an empty line may stand before the next letter. True: the line is taken care of. */
static bool behind_hint(struct mbox *m, slice line, bool from, uint64_t at)
{
	if (from) {
		give(m, m->hint_end, true);
		begin(m, line, at);
		return true;
	}
	if (is_blank(line) && m->raw.n == m->hint_end) {
		keep(m, line);
		m->blank = true;
		return true;
	}
	hint_failed(m);
	return false;
}

/* A whole line, or a piece of one that is too long. */
static void take_line(struct mbox *m, slice line, uint64_t at)
{
	bool start = !m->in_line, whole = line.p[line.n - 1] == '\n';
	bool from = start && slice_starts(line, S("From ")) &&
		    (!m->begun || mbox_is_from(line, m->blank && !m->in_head));
	if (m->at_hint && start && behind_hint(m, line, from, at))
		return;
	m->in_line = !whole;
	if (from && m->hint_end) {
		m->candidate = m->candidate ? m->candidate : m->raw.n;
	} else if (from) {
		if (m->begun)
			give(m, without_blank(buf_slice(&m->raw)), false);
		begin(m, line, at);
		return;
	}
	if (!m->begun)
		return;
	keep(m, line);
	m->blank = start && is_blank(line);
	if (m->in_head && m->blank)
		end_of_head(m);
	if (m->hint_end && m->raw.n == m->hint_end && whole)
		m->at_hint = true;
	else if (m->hint_end && m->raw.n > m->hint_end)
		hint_failed(m);
}

bool mbox_bytes(struct mbox *m, slice bytes)
{
	while (bytes.n && !m->stopped) {
		size_t n = slice_index(bytes, '\n');
		bool whole = n < bytes.n;
		slice piece = slice_first(bytes, n + whole);
		slice fits = slice_first(piece, LINE_MAX - m->line.n);
		bytes = slice_skip(bytes, fits.n);
		buf_put(&m->line, fits);
		if (m->line.n < LINE_MAX && (!whole || fits.n < piece.n))
			continue;
		take_line(m, buf_slice(&m->line), m->read);
		m->read += m->line.n;
		buf_reset(&m->line);
	}
	return !m->stopped;
}

bool mbox_end(struct mbox *m)
{
	if (m->line.n && !m->stopped)
		take_line(m, buf_slice(&m->line), m->read);
	if (m->hint_end && !m->stopped && m->raw.n < m->hint_end)
		hint_failed(m);
	if (m->stopped || !m->begun)
		return false;
	bool exact = m->hint_end;
	give(m, exact ? m->hint_end : without_blank(buf_slice(&m->raw)), exact);
	return !m->stopped;
}
