/*
 * Messages of a POP3 session: RETR and TOP (RFC 1939 5 and 7), streamed in pieces from the store. Lines that begin with a dot get another one;
 * what was stored with bare LF is sent with CRLF, and a last line without end gets one.
 */
#include "proto/pop3/session.h"

#include "base/mem.h"

enum { PIECE = 64 * 1024 };

/* ---- byte stuffing ---- */

struct sink {
	struct pop3 *s;
	bool inside; /* a line: the last byte was no LF */
	bool cr; /* the last byte was CR */
	uint64_t octets; /* sent, without dots of ours */
	/* TOP */
	bool cut, body,
		empty; /* counts lines; behind the header; the line at hand has nothing so far */
	uint64_t lines; /* of the body, still to come */
};

static void put(struct sink *k, slice s)
{
	k->octets += s.n;
	pop3_put(k->s, s);
}

static void dot_if_needed(struct sink *k, slice s, size_t at)
{
	if (at < s.n && s.p[at] == '.')
		pop3_put(k->s, S("."));
}

/* From `s` all that may be sent, as few writes as can be: a run ends only where something has to be put between. */
static void stuff(struct sink *k, slice s)
{
	size_t from = 0, at = 0;
	if (s.n == 0)
		return;
	if (!k->inside)
		dot_if_needed(k, s, 0);
	for (;;) {
		size_t lf = at + slice_index(slice_skip(s, at), '\n');
		if (lf >= s.n)
			break;
		bool bare = lf > 0 ? s.p[lf - 1] != '\r' : !k->cr;
		at = lf + 1;
		if (bare) {
			put(k, slice_of(s.p + from, lf - from));
			put(k, S("\r\n"));
			from = at;
		}
		if (at < s.n && s.p[at] == '.') {
			put(k, slice_of(s.p + from, at - from));
			dot_if_needed(k, s, at);
			from = at;
		}
	}
	put(k, slice_skip(s, from));
	k->inside = s.p[s.n - 1] != '\n';
	k->cr = s.p[s.n - 1] == '\r';
}

static void end_lines(struct sink *k)
{
	if (k->inside)
		put(k, S("\r\n"));
	pop3_put(k->s, S(".\r\n"));
}

/* ---- TOP: how much of a piece belongs to the header and so many lines ---- */

static size_t top_part(struct sink *k, slice s)
{
	size_t i = 0;
	while (i < s.n) {
		if (k->body && k->lines == 0)
			return i;
		size_t lf = i + slice_index(slice_skip(s, i), '\n');
		slice line = slice_of(s.p + i, lf - i);
		bool nothing = line.n == 0 || (line.n == 1 && line.p[0] == '\r');
		if (lf >= s.n) {
			k->empty = k->empty && nothing;
			return s.n;
		}
		if (k->body)
			k->lines--;
		else if (k->empty && nothing)
			k->body = true;
		k->empty = true;
		i = lf + 1;
	}
	return s.n;
}

/* ---- reading ---- */

static int open_message(
	struct pop3 *s, const struct pop3_message *m, struct box_content **ret, struct err *e)
{
	AUTO(uidset) struct uidset one = {0};
	struct mailbox_message *rows;
	size_t n;
	uidset_add(&one, m->uid, m->uid);
	const struct box_query q = {.uids = &one, .want = MAILBOX_WANT_EMAIL};
	if (box_rows(s->view, &q, &s->base.mem, &rows, &n, e) < 0)
		return -1;
	if (n == 0)
		return err_set(e, ERR_NOTFOUND, "not there any more");
	return box_content_open(s->view, rows, ret, e);
}

/* Sends until the end, or until `k` has had enough. -1: what was sent is not whole, and the client must not believe that it
 * is: the connection goes without the last dot. */
static int stream(struct sink *k, struct box_content *c, struct buf *piece, struct err *e)
{
	struct pop3 *s = k->s;
	uint64_t at = 0, size = box_content_size(c);
	while (at < size && !s->base.over) {
		buf_reset(piece);
		if (box_content_read(c, at, PIECE, piece, e) < 0)
			return -1;
		slice got = buf_slice(piece);
		if (got.n == 0)
			return err_set(e, ERR_PERM, "a message is shorter than it should be");
		at += got.n;
		size_t part = k->cut ? top_part(k, got) : got.n;
		io_set_deadline(s->base.io, instant_in(s->service->session.limits.idle_time));
		stuff(k, slice_first(got, part));
		if (k->cut && k->body && k->lines == 0)
			break;
	}
	return 0;
}

static void send_message(struct pop3 *s, struct pop3_message *m, struct sink *k)
{
	AUTO(buf) struct buf piece = BUF(2 * PIECE);
	struct box_content *c;
	struct err e = {0};
	if (open_message(s, m, &c, &e) < 0) {
		pop3_fail(s, &e);
		return;
	}
	pop3_ok(s, k->cut ? "Top of message follows" : "Message follows");
	int r = stream(k, c, &piece, &e);
	box_content_close(c);
	if (r < 0) {
		session_end(&s->base, "read", e.text);
		return;
	}
	end_lines(k);
	if (k->cut || s->base.over)
		return;
	m->octets = k->octets;
	m->retrieved = true;
	s->base.sum.messages++;
}

void pop3_retr(struct pop3 *s, slice arg)
{
	struct pop3_message *m = pop3_message(s, arg);
	struct sink k = {.s = s};
	if (m)
		send_message(s, m, &k);
}

void pop3_top(struct pop3 *s, slice arg)
{
	size_t blank = slice_index(arg, ' ');
	struct sink k = {.s = s, .cut = true, .empty = true};
	if (!slice_u64(slice_trim(slice_skip(arg, blank)), &k.lines)) {
		pop3_err(s, NULL, "TOP wants a message and a number of lines");
		session_bad(&s->base);
		return;
	}
	struct pop3_message *m = pop3_message(s, slice_first(arg, blank));
	if (m)
		send_message(s, m, &k);
}
