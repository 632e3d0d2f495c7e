/*
 * Words of what a server sends (RFC 9051 section 9): atoms, quoted strings, literals of any length, parentheses, ends of lines. Read as they come;
 * a message's bytes are handed on in pieces and never gathered. Used by everything in imapc/.
 *
 * Lines may end with a bare LF, blanks may be doubled, quoted strings may hold 8-bit bytes: some servers do so.
 */
#include "base/mem.h"
#include "proto/imapc/session.h"

enum { BYTES_A_SECOND_LEAST = 512, PIECE = 32 * 1024 };

int imapc_broken(struct imapc *s, struct err *e, const char *what)
{
	s->dead = true;
	return err_set(e, ERR_PROTO, "the IMAP server sent %s", what);
}

/* More bytes than there are now. */
static int fill(struct imapc *s, size_t max, struct err *e)
{
	instant idle = instant_in(s->cfg.idle_time), until = s->until < idle ? s->until : idle;
	if (s->cfg.deadline && s->cfg.deadline < until)
		until = s->cfg.deadline;
	io_set_deadline(s->io, until);
	int r = io_fill(s->io, max, e);
	if (r == 1)
		return 0;
	s->dead = true;
	if (r == 0)
		return err_set(e, ERR_CLOSED, "the IMAP server closed the connection");
	if (e->kind == ERR_LIMIT)
		return imapc_broken(s, e, "an overlong word");
	return -1;
}

/* The next byte, not consumed; -1. */
static int peek(struct imapc *s, struct err *e)
{
	if (s->dead)
		return err_set(e, ERR_CLOSED, "the connection is broken");
	while (io_peek(s->io).n == 0)
		if (fill(s, PIECE, e) < 0)
			return -1;
	return (unsigned char)io_peek(s->io).p[0];
}

static int end_of_line(struct imapc *s, struct err *e)
{
	int c = peek(s, e);
	if (c == '\r') {
		io_consume(s->io, 1);
		c = peek(s, e);
	}
	if (c < 0)
		return -1;
	if (c != '\n')
		return imapc_broken(s, e, "a CR alone");
	io_consume(s->io, 1);
	return 0;
}

static bool ends_atom(char c)
{
	return c == ' ' || c == '(' || c == ')' || c == '\r' || c == '\n' || c == '\t';
}

static int atom(struct imapc *s, struct imapc_word *ret, struct err *e)
{
	buf_reset(&s->word);
	for (;;) {
		slice in = io_peek(s->io);
		size_t n = 0;
		while (n < in.n && !ends_atom(in.p[n]))
			n++;
		buf_put(&s->word, slice_first(in, n));
		io_consume(s->io, n);
		if (!buf_ok(&s->word))
			return imapc_broken(s, e, "an overlong word");
		if (n < in.n)
			break;
		if (peek(s, e) < 0)
			return -1;
	}
	ret->kind = WORD_ATOM;
	ret->text = buf_slice(&s->word);
	return 0;
}

static int quoted(struct imapc *s, struct imapc_word *ret, struct err *e)
{
	buf_reset(&s->word);
	io_consume(s->io, 1);
	for (;;) {
		int c = peek(s, e);
		if (c < 0)
			return -1;
		io_consume(s->io, 1);
		if (c == '"')
			break;
		if (c == '\\') {
			c = peek(s, e);
			if (c < 0)
				return -1;
			io_consume(s->io, 1);
		}
		if (c == '\r' || c == '\n')
			return imapc_broken(s, e, "a quoted string without end");
		buf_byte(&s->word, (char)c);
		if (!buf_ok(&s->word))
			return imapc_broken(s, e, "an overlong word");
	}
	ret->kind = WORD_STRING;
	ret->text = buf_slice(&s->word);
	return 0;
}

/* "{123}" CRLF, "{123+}", "~{123}" (RFC 3516, 7888). */
static int literal(struct imapc *s, struct imapc_word *ret, struct err *e)
{
	if (atom(s, ret, e) < 0)
		return -1;
	slice t = ret->text;
	t = slice_skip(t, slice_starts(t, S("~")) ? 2 : 1);
	if (!slice_ends(t, S("}")))
		return imapc_broken(s, e, "a broken literal");
	t = slice_first(t, t.n - 1);
	if (slice_ends(t, S("+")))
		t = slice_first(t, t.n - 1);
	if (!slice_u64(t, &ret->n) || ret->n > (UINT64_C(1) << 40))
		return imapc_broken(s, e, "a literal of an impossible size");
	ret->kind = WORD_LITERAL;
	ret->text = (slice){0};
	return end_of_line(s, e);
}

static int one(struct imapc *s, struct imapc_word *ret, enum imapc_word_kind kind)
{
	io_consume(s->io, 1);
	*ret = (struct imapc_word){.kind = kind};
	return 0;
}

int imapc_word(struct imapc *s, struct imapc_word *ret, struct err *e)
{
	int c;
	*ret = (struct imapc_word){0};
	while ((c = peek(s, e)) == ' ' || c == '\t')
		io_consume(s->io, 1);
	switch (c) {
	case -1:
		return -1;
	case '(':
		return one(s, ret, WORD_OPEN);
	case ')':
		return one(s, ret, WORD_CLOSE);
	case '\r':
	case '\n':
		ret->kind = WORD_EOL;
		return end_of_line(s, e);
	case '"':
		return quoted(s, ret, e);
	case '{':
		return literal(s, ret, e);
	case '~':
		while (io_peek(s->io).n < 2)
			if (fill(s, PIECE, e) < 0)
				return -1;
		return io_peek(s->io).p[1] == '{' ? literal(s, ret, e) : atom(s, ret, e);
	default:
		return atom(s, ret, e);
	}
}

/* ---- literals ---- */

int imapc_literal(struct imapc *s, uint64_t n, int (*piece)(void *arg, slice s, struct err *e),
	void *arg, struct err *e)
{
	int wanted = piece ? 0 : 1;
	instant due =
		instant_in(s->cfg.command_time + (int64_t)(n / BYTES_A_SECOND_LEAST) * SECOND);
	if (due > s->until)
		s->until = due;
	while (n) {
		if (peek(s, e) < 0)
			return -1;
		slice in = slice_first(io_peek(s->io), n > PIECE ? PIECE : (size_t)n);
		n -= in.n;
		if (wanted == 0)
			wanted = piece(arg, in, e);
		if (wanted < 0) {
			s->dead = true; /* its rest is on the way */
			return -1;
		}
		io_consume(s->io, in.n);
	}
	return piece ? wanted : 0;
}

static int keep(void *arg, slice piece, struct err *e)
{
	struct imapc *s = arg;
	(void)e;
	buf_put(&s->word, piece);
	return 0;
}

int imapc_literal_word(struct imapc *s, uint64_t n, slice *ret, struct err *e)
{
	if (n > IMAPC_WORD_MAX)
		return imapc_broken(s, e, "an overlong literal");
	buf_reset(&s->word);
	if (imapc_literal(s, n, keep, s, e) < 0)
		return -1;
	*ret = buf_slice(&s->word);
	if (!ret->p)
		ret->p = "";
	return 0;
}

/* ---- values ---- */

int imapc_string(struct imapc *s, slice *ret, struct err *e)
{
	struct imapc_word w;
	if (imapc_word(s, &w, e) < 0)
		return -1;
	if (w.kind == WORD_LITERAL)
		return imapc_literal_word(s, w.n, ret, e);
	if (w.kind != WORD_ATOM && w.kind != WORD_STRING)
		return imapc_broken(s, e, "no string where one belongs");
	bool nil = w.kind == WORD_ATOM && slice_ieq(w.text, S("NIL"));
	*ret = nil ? (slice){0} : w.text;
	if (!nil && !ret->p)
		ret->p = "";
	return 0;
}

int imapc_skip_value(struct imapc *s, const struct imapc_word *first, struct err *e)
{
	struct imapc_word w = *first;
	int depth = 0;
	for (;;) {
		if (w.kind == WORD_LITERAL && imapc_literal(s, w.n, NULL, NULL, e) < 0)
			return -1;
		if (w.kind == WORD_EOL)
			return imapc_broken(s, e, "a line that ends within a list");
		depth += w.kind == WORD_OPEN;
		depth -= w.kind == WORD_CLOSE;
		if (depth > IMAPC_DEPTH_MAX)
			return imapc_broken(s, e, "lists in lists in lists");
		if (depth <= 0)
			return 0;
		if (imapc_word(s, &w, e) < 0)
			return -1;
	}
}

int imapc_skip_line(struct imapc *s, struct err *e)
{
	struct imapc_word w;
	for (;;) {
		if (imapc_word(s, &w, e) < 0)
			return -1;
		if (w.kind == WORD_EOL)
			return 0;
		if (w.kind == WORD_LITERAL && imapc_literal(s, w.n, NULL, NULL, e) < 0)
			return -1;
	}
}

int imapc_rest(struct imapc *s, struct err *e)
{
	buf_reset(&s->text);
	for (;;) {
		if (peek(s, e) < 0)
			return -1;
		slice in = io_peek(s->io);
		size_t n = slice_index(in, '\n');
		buf_put(&s->text, slice_first(slice_first(in, n), s->text.limit - s->text.n));
		io_consume(s->io, n < in.n ? n + 1 : n);
		if (n < in.n)
			break;
	}
	while (s->text.n && (s->text.p[s->text.n - 1] == '\r' || s->text.p[s->text.n - 1] == ' '))
		s->text.n--;
	slice t = slice_trim(buf_slice(&s->text));
	if (t.n < s->text.n)
		buf_drop_front(&s->text, (size_t)(t.p - s->text.p));
	return 0;
}
