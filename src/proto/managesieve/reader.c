/*
 * Commands as they come (RFC 5804 4): a word, then strings and numbers. Strings are quoted or literals, which a client sends without waiting
 * ("{5+}"). Everything is copied into the arena of the command. A literal above what a script may have is read and
 * dropped up to a limit, so that the client hears why.
 */
#include "base/must.h"
#include "proto/managesieve/session.h"
#include "run/co.h"

static instant patience(const struct managesieve *s)
{
	const struct managesieve_limits *l = &s->service->limits;
	return s->account_id ? instant_in(l->idle_time) : s->began + l->login_time;
}

/* Cancelled: a drain, or somebody ends the session. */
static void was_cancelled(struct managesieve *s)
{
	const char *why = s->ops->why_end ? s->ops->why_end(s->arg) : NULL;
	managesieve_bye(s, s->hub->draining ? "drain" : "ended", "TRYLATER",
		why ? why : "The server is going down, come again");
}

static bool lost(struct managesieve *s, int r, const struct err *e)
{
	if (co_cancelled())
		was_cancelled(s);
	else if (r < 0 && e->kind == ERR_TIMEOUT)
		managesieve_bye(s, "timeout", NULL, "Nothing was said for too long");
	else if (r < 0 && e->kind == ERR_LIMIT)
		managesieve_bye(s, "line", NULL, "Line too long");
	managesieve_end(s, "closed", r < 0 ? e->text : "");
	return false;
}

/* A line without its end, copied. */
static bool read_line(struct managesieve *s, slice *ret)
{
	struct err e = {0};
	int r = io_line(s->io, MANAGESIEVE_LINE_MAX, ret, &e);
	if (r <= 0)
		return lost(s, r, &e);
	s->sum.bytes_in += ret->n;
	ret->n--;
	if (ret->n && ret->p[ret->n - 1] == '\r')
		ret->n--;
	*ret = arena_dup(&s->mem, *ret);
	return true;
}

/* The bytes of a literal: kept, or dropped. */
static bool read_bytes(struct managesieve *s, uint64_t n, char *to)
{
	struct err e = {0};
	while (n) {
		slice in = io_peek(s->io);
		if (!in.n) {
			int r = io_fill(s->io, MANAGESIEVE_LINE_MAX, &e);
			if (r <= 0)
				return lost(s, r, &e);
			continue;
		}
		size_t take = in.n < n ? in.n : (size_t)n;
		if (to) {
			memcpy(to, in.p, take);
			to += take;
		}
		io_consume(s->io, take);
		s->sum.bytes_in += take;
		n -= take;
	}
	return true;
}

enum token { TOKEN_FINE, TOKEN_WRONG, TOKEN_OVER /* the session is */ };

/* `"..."` at the beginning of *rest. */
static enum token quoted(struct managesieve *s, slice *rest, slice *ret)
{
	char *p = arena_alloc(&s->mem, rest->n);
	size_t n = 0, i = 1;
	for (; i < rest->n && rest->p[i] != '"'; i++) {
		if (rest->p[i] == '\\' &&
			(++i == rest->n || (rest->p[i] != '"' && rest->p[i] != '\\')))
			return TOKEN_WRONG;
		p[n++] = rest->p[i];
	}
	if (i >= rest->n || n > MANAGESIEVE_QUOTED_MAX)
		return TOKEN_WRONG;
	*rest = slice_skip(*rest, i + 1);
	*ret = slice_of(p, n);
	return TOKEN_FINE;
}

/* "{5+}" at the end of *rest; what follows the bytes becomes *rest. "{5}" is a client's mistake that is understood. */
static enum token literal(
	struct managesieve *s, slice *rest, struct managesieve_args *args, slice *ret)
{
	slice inside = slice_skip(*rest, 1);
	uint64_t n;
	if (!slice_ends(inside, S("}")))
		return TOKEN_WRONG;
	inside.n--;
	if (slice_ends(inside, S("+")))
		inside.n--;
	if (!slice_u64(inside, &n))
		return TOKEN_WRONG;
	if (n > MANAGESIEVE_SKIP_MAX) {
		managesieve_bye(s, "limit", "QUOTA/MAXSIZE", "This is far too long");
		return TOKEN_OVER;
	}
	char *p = NULL;
	if (n > SCRIPT_TEXT_MAX)
		args->too_long = true;
	else
		p = arena_alloc(&s->mem, n + 1);
	if (!read_bytes(s, n, p) || !read_line(s, rest))
		return TOKEN_OVER;
	*ret = p ? slice_of(p, n) : S("");
	return TOKEN_FINE;
}

static enum token number(slice *rest, uint64_t *ret)
{
	slice digits = slice_first(*rest, slice_index(*rest, ' '));
	if (!slice_u64(digits, ret))
		return TOKEN_WRONG;
	*rest = slice_skip(*rest, digits.n);
	return TOKEN_FINE;
}

static enum token argument(struct managesieve *s, slice *rest, struct managesieve_args *args)
{
	if (args->n == MANAGESIEVE_ARGS_MAX || !rest->n)
		return TOKEN_WRONG;
	struct managesieve_arg *a = &args->v[args->n++];
	*a = (struct managesieve_arg){0};
	if (rest->p[0] == '"')
		return quoted(s, rest, &a->text);
	if (rest->p[0] == '{')
		return literal(s, rest, args, &a->text);
	a->number = true;
	return number(rest, &a->n);
}

/* Arguments, a blank before each. */
static enum token arguments(struct managesieve *s, slice rest, struct managesieve_args *args)
{
	while (rest.n) {
		if (rest.p[0] != ' ')
			return TOKEN_WRONG;
		rest = slice_skip(rest, 1);
		enum token t = argument(s, &rest, args);
		if (t != TOKEN_FINE)
			return t;
	}
	return TOKEN_FINE;
}

static void complain(struct managesieve *s)
{
	managesieve_no(s, NULL, S("This is no command"));
	if (++s->bad >= s->service->limits.bad_commands)
		managesieve_bye(s, "commands", NULL, "Too many bad commands");
}

/* Waits for the line with which something begins. */
static bool begin(struct managesieve *s, slice *ret)
{
	if (s->over)
		return false;
	if (s->hub->draining) {
		was_cancelled(s);
		return false;
	}
	io_set_deadline(s->io, patience(s));
	s->waiting = true;
	bool fine = read_line(s, ret);
	s->waiting = false;
	return fine;
}

bool managesieve_read(struct managesieve *s, slice *ret_verb, struct managesieve_args *ret)
{
	slice line;
	while (begin(s, &line)) {
		*ret = (struct managesieve_args){.n = 0};
		*ret_verb = slice_first(line, slice_index(line, ' '));
		enum token t = arguments(s, slice_skip(line, ret_verb->n), ret);
		if (t == TOKEN_FINE && ret_verb->n)
			return true;
		if (t != TOKEN_OVER)
			complain(s);
		arena_reset(&s->mem);
	}
	return false;
}

bool managesieve_read_string(struct managesieve *s, slice *ret)
{
	struct managesieve_args args = {.n = 0};
	slice line;
	if (!begin(s, &line))
		return false;
	enum token t = argument(s, &line, &args);
	if (t == TOKEN_FINE && !line.n && !args.too_long && !args.v[0].number) {
		*ret = args.v[0].text;
		return true;
	}
	if (t != TOKEN_OVER)
		complain(s);
	return false;
}
