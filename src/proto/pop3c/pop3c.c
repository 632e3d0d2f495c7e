/*
 * A POP3 client session (pop3c.h): answers, lists, messages. Login is in login.c. Commands go one at a time, but for lists nothing waits on
 * another; a message is handed on while it comes.
 */
#include "base/mem.h"
#include "proto/pop3c/session.h"

/* ---- lines ---- */

static int lost(struct pop3c *s)
{
	s->dead = true;
	return -1;
}

int pop3c_broken(struct pop3c *s, struct err *e, const char *what)
{
	s->dead = true;
	return err_set(e, ERR_PROTO, "the POP3 server sent %s", what);
}

static void set_deadline(struct pop3c *s)
{
	instant until = instant_in(s->cfg.idle_time);
	if (s->cfg.deadline && s->cfg.deadline < until)
		until = s->cfg.deadline;
	io_set_deadline(s->io, until);
}

/* Without its line end. */
static int line(struct pop3c *s, slice *ret, struct err *e)
{
	if (s->dead)
		return err_set(e, ERR_CLOSED, "the connection is broken");
	set_deadline(s);
	int r = io_line(s->io, POP3C_LINE_MAX, ret, e);
	if (r < 0)
		return e->kind == ERR_LIMIT ? pop3c_broken(s, e, "an overlong line") : lost(s);
	if (r == 0) {
		err_set(e, ERR_CLOSED, "the POP3 server closed the connection");
		return lost(s);
	}
	if (slice_ends(*ret, S("\n")))
		ret->n--;
	if (slice_ends(*ret, S("\r")))
		ret->n--;
	return 0;
}

int pop3c_said_no(slice text, struct err *e)
{
	char out[180];
	size_t n = text.n < sizeof out - 1 ? text.n : sizeof out - 1;
	for (size_t i = 0; i < n; i++)
		out[i] = (unsigned char)text.p[i] < ' ' || (unsigned char)text.p[i] >= 0x7f
				 ? '?'
				 : text.p[i];
	out[n] = 0;
	bool busy = slice_istarts(text, S("[IN-USE]")) || slice_istarts(text, S("[SYS/TEMP]")) ||
		    slice_istarts(text, S("[LOGIN-DELAY]"));
	return err_set(e, busy ? ERR_TEMP : ERR_PERM, "the POP3 server says: %s", out);
}

int pop3c_answer(struct pop3c *s, slice *ret, struct err *e)
{
	slice l;
	if (line(s, &l, e) < 0)
		return -1;
	if (slice_istarts(l, S("+OK"))) {
		*ret = slice_trim(slice_skip(l, 3));
		return 0;
	}
	if (slice_starts(l, S("+"))) { /* of SASL */
		*ret = slice_trim(slice_skip(l, 1));
		return 1;
	}
	if (slice_istarts(l, S("-ERR")))
		return pop3c_said_no(slice_trim(slice_skip(l, 4)), e);
	return pop3c_broken(s, e, "something that is no answer");
}

int pop3c_ask(struct pop3c *s, slice *ret, struct err *e, const char *fmt, ...)
{
	AUTO(buf) struct buf out = BUF(64 * 1024);
	va_list ap;
	if (s->dead)
		return err_set(e, ERR_CLOSED, "the connection is broken");
	va_start(ap, fmt);
	buf_vprintf(&out, fmt, ap);
	va_end(ap);
	if (!buf_ok(&out))
		return err_set(e, ERR_LIMIT, "overlong command");
	set_deadline(s);
	if (io_write(s->io, buf_slice(&out), e) < 0 || io_write(s->io, S("\r\n"), e) < 0 ||
		io_flush(s->io, e) < 0)
		return lost(s);
	return pop3c_answer(s, ret, e);
}

/* The lines of a list: 1, 0 at its end, -1. */
int pop3c_next(struct pop3c *s, slice *ret, struct err *e)
{
	if (line(s, ret, e) < 0)
		return -1;
	if (slice_eq(*ret, S(".")))
		return 0;
	if (slice_starts(*ret, S(".")))
		*ret = slice_skip(*ret, 1);
	return 1;
}

/* ---- lists ---- */

struct listed {
	struct arena *a;
	struct pop3c_message *v;
	size_t n, cap;
	uint32_t last;
};

static int add(struct pop3c *s, struct listed *l, uint64_t n, uint64_t size, struct err *e)
{
	if (n == 0 || n > UINT32_MAX || n <= l->last)
		return pop3c_broken(s, e, "a list out of order");
	if (l->n == POP3C_MESSAGES_MAX) {
		s->dead = true;
		return err_set(e, ERR_LIMIT, "more than %d messages", POP3C_MESSAGES_MAX);
	}
	if (l->n == l->cap) {
		struct pop3c_message *old = l->v;
		l->cap = l->cap ? 2 * l->cap : 64;
		l->v = ARENA_ARRAY(l->a, struct pop3c_message, l->cap);
		if (l->n)
			memcpy(l->v, old, l->n * sizeof *old);
	}
	l->last = (uint32_t)n;
	l->v[l->n++] = (struct pop3c_message){.n = (uint32_t)n, .size = size};
	return 0;
}

static int list_sizes(struct pop3c *s, struct listed *l, struct err *e)
{
	slice text, first;
	int r = pop3c_ask(s, &text, e, "LIST");
	if (r)
		return r < 0 ? -1 : pop3c_broken(s, e, "no list");
	while ((r = pop3c_next(s, &text, e)) == 1) {
		uint64_t n, size = 0;
		slice_cut(&text, ' ', &first);
		if (!slice_u64(slice_trim(first), &n))
			return pop3c_broken(s, e, "a broken list");
		slice rest = slice_trim(text.p ? text : S(""));
		slice_u64(slice_first(rest, slice_index(rest, ' ')), &size);
		if (add(s, l, n, size, e) < 0)
			return -1;
	}
	return r;
}

static struct pop3c_message *find(struct listed *l, size_t *at, uint64_t n)
{
	while (*at < l->n && l->v[*at].n < n)
		++*at;
	return *at < l->n && l->v[*at].n == n ? &l->v[*at] : NULL;
}

/* Names in the order of the list. No UIDL is no error. */
static int list_names(struct pop3c *s, struct listed *l, struct err *e)
{
	slice text, first;
	size_t at = 0;
	int r = pop3c_ask(s, &text, e, "UIDL");
	if (r)
		return r < 0 && s->dead ? -1 : r > 0 ? pop3c_broken(s, e, "no list") : 0;
	while ((r = pop3c_next(s, &text, e)) == 1) {
		uint64_t n;
		slice_cut(&text, ' ', &first);
		slice name = slice_trim(text.p ? text : S(""));
		if (!slice_u64(slice_trim(first), &n) || name.n > POP3C_NAME_MAX)
			return pop3c_broken(s, e, "a broken list of names");
		struct pop3c_message *m = find(l, &at, n);
		if (m && name.n)
			m->name = arena_dup(l->a, name);
	}
	return r;
}

int pop3c_list(
	struct pop3c *s, struct arena *a, struct pop3c_message **ret, size_t *ret_n, struct err *e)
{
	struct listed l = {.a = a};
	if (list_sizes(s, &l, e) < 0 || (l.n && list_names(s, &l, e) < 0))
		return -1;
	*ret = l.v;
	*ret_n = l.n;
	return 0;
}

/* ---- messages ---- */

struct streaming {
	int (*fn)(void *arg, slice piece, struct err *e);
	void *arg;
	int wanted; /* 0; 1: no more */
};

static int hand_on(struct pop3c *s, struct streaming *t, slice piece, struct err *e)
{
	if (t->wanted == 0 && piece.n)
		t->wanted = t->fn(t->arg, piece, e);
	if (t->wanted < 0)
		return lost(s);
	return 0;
}

static int more(struct pop3c *s, struct err *e)
{
	set_deadline(s);
	int r = io_fill(s->io, 64 * 1024, e);
	if (r == 1)
		return 0;
	if (r == 0)
		err_set(e, ERR_CLOSED, "the POP3 server closed the connection");
	return lost(s);
}

/* At the beginning of a line with a dot: 1: the end of the message; 0: undone. Waits for the bytes that tell. */
static int dot(struct pop3c *s, struct err *e)
{
	for (;;) {
		slice in = io_peek(s->io);
		if (in.n >= 2 && in.p[1] == '\n') {
			io_consume(s->io, 2);
			return 1;
		}
		if (in.n >= 3 && in.p[1] == '\r' && in.p[2] == '\n') {
			io_consume(s->io, 3);
			return 1;
		}
		bool undecided = in.n < 2 || (in.p[1] == '\r' && in.n < 3);
		if (!undecided) {
			io_consume(s->io, 1);
			return 0;
		}
		if (more(s, e) < 0)
			return -1;
	}
}

static int stream(struct pop3c *s, struct streaming *t, struct err *e)
{
	bool fresh = true;
	for (;;) {
		slice in = io_peek(s->io);
		if (in.n == 0) {
			if (more(s, e) < 0)
				return -1;
			continue;
		}
		if (fresh && in.p[0] == '.') {
			int r = dot(s, e);
			if (r)
				return r < 0 ? -1 : 0;
			fresh = false;
			continue;
		}
		/* Up to a line end that a dot follows, or may follow. */
		size_t n = 0;
		fresh = false;
		while (n < in.n) {
			const char *lf = memchr(in.p + n, '\n', in.n - n);
			n = lf ? (size_t)(lf - in.p) + 1 : in.n;
			fresh = lf != NULL;
			if (n < in.n && in.p[n] == '.' && fresh)
				break;
		}
		if (hand_on(s, t, slice_first(in, n), e) < 0)
			return -1;
		io_consume(s->io, n);
	}
}

int pop3c_fetch(struct pop3c *s, uint32_t n, int (*fn)(void *arg, slice piece, struct err *e),
	void *arg, struct err *e)
{
	struct streaming t = {fn, arg, 0};
	slice text;
	int r = pop3c_ask(s, &text, e, "RETR %u", n);
	if (r)
		return r < 0 ? -1 : pop3c_broken(s, e, "no message");
	return stream(s, &t, e) < 0 ? -1 : t.wanted;
}

int pop3c_delete(struct pop3c *s, uint32_t n, struct err *e)
{
	slice text;
	int r = pop3c_ask(s, &text, e, "DELE %u", n);
	return r > 0 ? pop3c_broken(s, e, "something that is no answer") : r;
}

/* ---- beginning and end ---- */

bool pop3c_usable(const struct pop3c *s)
{
	return !s->dead;
}

void pop3c_close(struct pop3c *s)
{
	if (!s)
		return;
	io_abort(s->io);
	arena_done(&s->mem);
	free(s);
}

int pop3c_quit(struct pop3c *s, struct err *e)
{
	slice text;
	s->cfg.idle_time = MINUTE; /* it may have much to delete */
	int r = pop3c_ask(s, &text, e, "QUIT");
	if (r > 0)
		r = pop3c_broken(s, e, "something that is no answer");
	pop3c_close(s);
	return r;
}
