/*
 * Commands as they come (RFC 5804 4): a word, then strings and numbers. Strings are quoted or literals, which a client sends without waiting
 * ("{5+}"). Everything is copied into the arena of the command. A literal above what a script may have is read and
 * dropped up to a limit, so that the client hears why.
 */
#include "base/must.h"
#include "proto/managesieve/session.h"

/* The bytes of a literal: kept, or dropped. */
static bool read_bytes(struct managesieve *s, uint64_t n, char *to)
{
	struct err e = {0};
	while (n) {
		slice in = io_peek(s->base.io);
		if (!in.n) {
			int r = io_fill(s->base.io, MANAGESIEVE_LINE_MAX, &e);
			if (r <= 0)
				return session_lost(&s->base, r, &e);
			continue;
		}
		size_t take = in.n < n ? in.n : (size_t)n;
		if (to) {
			memcpy(to, in.p, take);
			to += take;
		}
		io_consume(s->base.io, take);
		s->base.sum.bytes_in += take;
		n -= take;
	}
	return true;
}

enum token { TOKEN_FINE, TOKEN_WRONG, TOKEN_OVER /* the session is */ };

/* `"..."` at the beginning of *rest. */
static enum token quoted(struct managesieve *s, slice *rest, slice *ret)
{
	char *p = arena_alloc(&s->base.mem, rest->n);
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
		p = arena_alloc(&s->base.mem, n + 1);
	if (!read_bytes(s, n, p) || !session_line(&s->base, MANAGESIEVE_LINE_MAX, rest))
		return TOKEN_OVER;
	*rest = arena_dup(&s->base.mem, *rest);
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
	session_bad(&s->base);
}

/* Waits for the line with which something begins; copied. */
static bool begin(struct managesieve *s, slice *ret)
{
	if (!session_wait(&s->base, MANAGESIEVE_LINE_MAX, ret))
		return false;
	*ret = arena_dup(&s->base.mem, *ret);
	return true;
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
		arena_reset(&s->base.mem);
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
