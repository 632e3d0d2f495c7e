/*
 * The stream below the tokens (reader.h): lines, literals with their continuation requests, and what is skipped of a command that
 * was bad. RFC 9051 sections 2.2.1, 4.3 and 9; RFC 7888 (LITERAL-: a literal that does not wait for "+" has at most 4096 bytes).
 * Used by imap.c and by all commands. Tokens are in token.c.
 *
 * A bare LF ends a line, too; what is dangerous about that in SMTP has no counterpart here.
 */
#include "proto/imap/reader.h"

#include <stdio.h>

enum {
	UNASKED_MAX = 4096, /* RFC 7888 5: of a literal that does not wait */
	SKIP_MAX = 256 << 20, /* of a bad command that we still read */
	SKIP_LITERALS_MAX = 10000,
	TAIL_MAX = 32, /* "{18446744073709551615+}" fits in */
	READ_MAX = 64 * 1024, /* unconsumed input held */
};

bool imap_wrong(struct imap_reader *r, const char *what)
{
	if (!r->bad)
		r->what = what;
	r->bad = true;
	return false;
}

bool imap_wrong_size(struct imap_reader *r, const char *what)
{
	if (!r->bad)
		r->too_big = true;
	return imap_wrong(r, what);
}

static bool lose(struct imap_reader *r)
{
	r->lost = true;
	return imap_wrong(r, "the connection is lost");
}

static bool lose_because(struct imap_reader *r, enum err_kind kind, const char *why)
{
	err_set(&r->why, kind, "%s", why);
	return lose(r);
}

static instant patience(const struct imap_reader *r)
{
	instant t = instant_in(r->time);
	return r->until && r->until < t ? r->until : t;
}

/* More input, with a fresh deadline: there is progress. */
static bool more(struct imap_reader *r)
{
	io_set_deadline(r->io, patience(r));
	int got = io_fill(r->io, READ_MAX, &r->why);
	if (got > 0)
		return true;
	return got < 0 ? lose(r) : lose_because(r, ERR_CLOSED, "closed inside a command");
}

static void consume(struct imap_reader *r, slice s)
{
	*r->bytes_in += s.n;
	if (r->wipe && s.n)
		explicit_bzero((char *)s.p, s.n); /* the io's own buffer */
	io_consume(r->io, s.n);
}

/* ---- skipping */

/* Reads n bytes and forgets them. */
static bool skip_bytes(struct imap_reader *r, uint64_t n)
{
	while (n > 0) {
		slice have = slice_first(io_peek(r->io), n);
		consume(r, have);
		n -= have.n;
		if (n > 0 && have.n == 0 && !more(r))
			return false;
	}
	return true;
}

bool imap_wrong_number(struct imap_reader *r)
{
	if (!r->bad)
		r->code = "UIDREQUIRED";
	return imap_wrong(r, "message numbers are not used in this session");
}

/* The rest of a line; what it ends with is kept (TAIL_MAX bytes). */
static bool skip_line(struct imap_reader *r, uint64_t *budget, char tail[TAIL_MAX], size_t *tail_n)
{
	for (;;) {
		slice have = io_peek(r->io);
		size_t lf = slice_index(have, '\n');
		slice part = slice_first(have, lf);
		size_t keep = part.n < TAIL_MAX ? part.n : TAIL_MAX;
		size_t old = TAIL_MAX - keep < *tail_n ? TAIL_MAX - keep : *tail_n;
		memmove(tail, tail + *tail_n - old, old);
		if (keep)
			memcpy(tail + old, part.p + part.n - keep, keep);
		*tail_n = old + keep;
		consume(r, slice_first(have, lf + 1));
		if (lf < have.n)
			return true;
		if (part.n > *budget)
			return lose_because(r, ERR_LIMIT, "a line without end");
		*budget -= part.n;
		if (!more(r))
			return false;
	}
}

struct marker {
	uint64_t size;
	bool asks; /* the client waits for "+" */
	size_t n; /* bytes of the text that it takes */
};

/* "{123}" or "{123+}" at the end of a line. */
static bool marker_at_end(slice line, struct marker *ret)
{
	if (line.n < 3 || line.p[line.n - 1] != '}')
		return false;
	size_t open = slice_rindex(line, '{');
	if (open == line.n)
		return false;
	slice digits = slice_of(line.p + open + 1, line.n - open - 2);
	bool unasked = digits.n > 0 && digits.p[digits.n - 1] == '+';
	if (unasked)
		digits.n--;
	*ret = (struct marker){.asks = !unasked, .n = line.n - open};
	return slice_u64(digits, &ret->size);
}

/* Behind a line that ends so: whether more of the command comes, which was read then. */
static bool skip_literal_of(struct imap_reader *r, slice line, uint64_t *budget, bool *ret_more)
{
	struct marker m;
	*ret_more = marker_at_end(line, &m) && !m.asks;
	if (!*ret_more)
		return true;
	if (m.size > *budget)
		return lose_because(r, ERR_LIMIT, "a literal is too large to be skipped");
	*budget -= m.size;
	return skip_bytes(r, m.size);
}

/* Lines and the literals behind them until one ends the command. */
static bool skip_lines(struct imap_reader *r, slice line, uint64_t budget)
{
	char tail[TAIL_MAX];
	bool more_comes;
	for (unsigned i = 0; i < SKIP_LITERALS_MAX; i++) {
		if (!skip_literal_of(r, line, &budget, &more_comes))
			return false;
		if (!more_comes)
			return true;
		size_t n = 0;
		if (!skip_line(r, &budget, tail, &n))
			return false;
		if (n > 0 && tail[n - 1] == '\r')
			n--;
		line = slice_of(tail, n);
	}
	return lose_because(r, ERR_LIMIT, "a command without end");
}

bool imap_skip_rest(struct imap_reader *r)
{
	uint64_t budget = SKIP_MAX;
	char tail[TAIL_MAX];
	if (r->lost)
		return false;
	if (r->ended || r->pending || r->announced)
		return true; /* announced literals are not sent once the command has failed */
	slice line = slice_of(r->p, (size_t)(r->end - r->p));
	if (r->in_literal) {
		if (r->literal_at > budget)
			return lose_because(r, ERR_LIMIT, "a literal is too large to be skipped");
		budget -= r->literal_at;
		size_t n = 0;
		if (!skip_bytes(r, r->literal_at) || !skip_line(r, &budget, tail, &n))
			return false;
		line = slice_of(tail, n > 0 && tail[n - 1] == '\r' ? n - 1 : n);
	}
	r->ended = true;
	return skip_lines(r, line, budget);
}

/* ---- lines */

static bool skip_long_line(struct imap_reader *r)
{
	char tail[TAIL_MAX];
	size_t n = 0;
	uint64_t budget = SKIP_MAX;
	if (!skip_line(r, &budget, tail, &n))
		return false;
	slice line = slice_of(tail, n > 0 && tail[n - 1] == '\r' ? n - 1 : n);
	r->ended = true;
	return skip_lines(r, line, budget) && imap_wrong_size(r, "the line is too long");
}

static bool read_line(struct imap_reader *r)
{
	slice line;
	io_set_deadline(r->io, patience(r));
	int got = io_line(r->io, r->line_left + 2, &line, &r->why);
	r->p = r->end = "";
	if (got < 0 && r->why.kind == ERR_LIMIT)
		return skip_long_line(r);
	if (got < 0)
		return lose(r);
	if (got == 0)
		return lose_because(r, ERR_CLOSED, "closed");
	*r->bytes_in += line.n;
	size_t n = line.n - 1;
	if (n > 0 && line.p[n - 1] == '\r')
		n--;
	char *copy = arena_alloc(r->mem, n + 1);
	if (n)
		memcpy(copy, line.p, n);
	if (r->wipe)
		explicit_bzero((char *)line.p, line.n);
	r->line_left -= n < r->line_left ? n : r->line_left;
	r->p = copy;
	r->end = copy + n;
	if (memchr(copy, 0, n))
		return imap_wrong(r, "NUL is nowhere allowed");
	return true;
}

bool imap_begin(struct imap_reader *r)
{
	r->what = r->code = NULL;
	r->bad = r->too_big = r->lost = r->pending = r->announced = r->ended = false;
	r->in_literal = false;
	r->literal_at = 0;
	r->line_left = r->line_max;
	r->command_left = r->command_max;
	return read_line(r);
}

bool imap_raw_line(struct imap_reader *r, slice *ret)
{
	r->line_left = r->line_max;
	if (!read_line(r))
		return false;
	*ret = slice_of(r->p, (size_t)(r->end - r->p));
	r->p = r->end;
	return true;
}

/* ---- literals */

static bool ask_for_literal(struct imap_reader *r)
{
	io_set_deadline(r->io, patience(r));
	return io_write(r->io, S("+ OK\r\n"), &r->why) == 0 || lose(r);
}

/* The marker that stands here, which must end the line. */
static bool marker(struct imap_reader *r, struct marker *ret)
{
	slice rest = slice_of(r->p, (size_t)(r->end - r->p));
	if (r->bad)
		return false;
	if (!marker_at_end(rest, ret) || ret->n != rest.n)
		return imap_wrong(r, "a literal is written {SIZE} at the end of a line");
	r->p = r->end;
	return true;
}

/* Takes note of a literal that cannot be taken: it comes all the same, or the client waits. */
static bool refuse_literal(struct imap_reader *r, const struct marker *m, const char *what)
{
	r->pending = m->asks;
	r->literal_at = m->asks ? 0 : m->size;
	r->in_literal = !m->asks;
	return imap_wrong_size(r, what);
}

/* In the midst of a command: its bytes, and then the next line. */
bool imap_read_literal(struct imap_reader *r, slice *ret)
{
	struct marker m;
	if (!marker(r, &m))
		return false;
	if (!m.asks && m.size > UNASKED_MAX)
		return refuse_literal(r, &m, "a literal of more than 4096 bytes must wait");
	if (m.size > r->literal_max || m.size > r->command_left)
		return refuse_literal(r, &m, "the literal is too large");
	r->command_left -= m.size;
	if (m.asks && !ask_for_literal(r))
		return false;
	char *to = arena_alloc(r->mem, m.size + 1);
	size_t n = 0;
	while (n < m.size) {
		slice have = slice_first(io_peek(r->io), m.size - n);
		if (have.n)
			memcpy(to + n, have.p, have.n);
		consume(r, have);
		n += have.n;
		if (n < m.size && !more(r))
			return false;
	}
	*ret = slice_of(to, m.size);
	return read_line(r);
}

bool imap_literal(struct imap_reader *r, uint64_t *ret_size, bool *ret_binary)
{
	struct marker m;
	bool binary = imap_accept(r, '~');
	if (!marker(r, &m))
		return false;
	if (!m.asks && m.size > UNASKED_MAX)
		return refuse_literal(r, &m, "a literal of more than 4096 bytes must wait");
	r->literal_at = m.size;
	r->announced = m.asks;
	r->in_literal = true;
	*ret_size = m.size;
	*ret_binary = binary;
	return true;
}

int imap_literal_bytes(struct imap_reader *r, slice *ret, struct err *e)
{
	if (r->announced && !ask_for_literal(r)) {
		*e = r->why;
		return -1;
	}
	r->announced = false;
	if (r->literal_at == 0) {
		if (r->in_literal && !read_line(r) && r->lost) {
			*e = r->why;
			return -1;
		}
		r->in_literal = false;
		return 0;
	}
	if (io_peek(r->io).n == 0 && !more(r)) {
		*e = r->why;
		return -1;
	}
	*ret = slice_first(io_peek(r->io), r->literal_at);
	r->literal_at -= ret->n;
	*r->bytes_in += ret->n;
	io_consume(r->io, ret->n);
	return 1;
}
