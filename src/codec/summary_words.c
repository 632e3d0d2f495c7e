/*
 * What letters are compared by: base subjects (RFC 5256 2.1) and message ids. Used when summaries are made, and by
 * sorting and threading. The case of letters is the collation's business (i;unicode-casemap).
 */
#include "codec/summary.h"

static bool is_space(char c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

/* Single blanks between words (RFC 5256 2.1 (1)). */
static slice fold_blanks(slice s, struct arena *a)
{
	size_t n = 0;
	bool odd = false;
	for (size_t i = 0; i < s.n; i++)
		odd |= is_space(s.p[i]) && (s.p[i] != ' ' || (i && is_space(s.p[i - 1])));
	if (!odd)
		return s;
	char *out = arena_alloc(a, s.n);
	for (size_t i = 0; i < s.n; i++)
		if (!is_space(s.p[i]))
			out[n++] = s.p[i];
		else if (!n || out[n - 1] != ' ')
			out[n++] = ' ';
	return slice_of(out, n);
}

static slice skip_spaces(slice s)
{
	while (s.n && s.p[0] == ' ')
		s = slice_skip(s, 1);
	return s;
}

/* subj-blob: "[...]" and blanks. 0: none. */
static size_t blob_length(slice s)
{
	size_t i = 1;
	if (!s.n || s.p[0] != '[')
		return 0;
	while (i < s.n && s.p[i] != '[' && s.p[i] != ']')
		i++;
	if (i == s.n || s.p[i] == '[')
		return 0;
	return s.n - skip_spaces(slice_skip(s, i + 1)).n;
}

/* subj-refwd: "re:", "fw:", "fwd [x]:". 0: none. */
static size_t refwd_length(slice s)
{
	size_t n = slice_istarts(s, S("re"))    ? 2
		   : slice_istarts(s, S("fwd")) ? 3
		   : slice_istarts(s, S("fw"))  ? 2
						: 0;
	slice rest = skip_spaces(slice_skip(s, n));
	if (!n)
		return 0;
	rest = slice_skip(rest, blob_length(rest));
	return slice_starts(rest, S(":")) ? s.n - rest.n + 1 : 0;
}

/* (2) */
static slice drop_trailers(slice s, bool *reply)
{
	for (;;) {
		while (s.n && s.p[s.n - 1] == ' ')
			s.n--;
		if (!slice_iends(s, S("(fwd)")))
			return s;
		s.n -= 5;
		*reply = true;
	}
}

/* (3) to (5): leaders, and blobs where something stays behind them. */
static slice drop_leaders(slice s, bool *reply)
{
	for (;;) {
		s = skip_spaces(s);
		slice rest = s, last = s;
		for (size_t n; (n = blob_length(rest));) {
			last = rest;
			rest = slice_skip(rest, n);
		}
		size_t n = refwd_length(rest);
		if (!n)
			return rest.n ? rest : last;
		*reply = true;
		s = slice_skip(rest, n);
	}
}

slice summary_base_subject(slice subject, struct arena *a, bool *ret_reply)
{
	bool reply = false;
	slice s = fold_blanks(subject.p ? subject : S(""), a);
	for (;;) {
		s = drop_leaders(drop_trailers(s, &reply), &reply);
		if (!slice_istarts(s, S("[fwd:")) || !slice_ends(s, S("]")))
			break;
		reply = true; /* (6) */
		s = slice_of(s.p + 5, s.n - 6);
	}
	*ret_reply = reply;
	return s;
}

bool summary_message_id(slice *in, struct arena *a, slice *ret)
{
	for (;;) {
		slice s = slice_skip(*in, slice_index(*in, '<') + 1);
		size_t end = 0, n = 0;
		for (bool quoted = false; end < s.n && (quoted || s.p[end] != '>'); end++) {
			if (s.p[end] == '\\')
				end++;
			else if (s.p[end] == '"')
				quoted = !quoted;
		}
		if (end >= s.n) { /* an open quote hides no end */
			end = slice_index(s, '>');
			if (end == s.n)
				return false;
		}
		*in = slice_skip(s, end + 1);
		char *out = arena_alloc(a, end + 1);
		for (size_t i = 0; i < end; i++)
			if (!is_space(s.p[i]) && s.p[i] != '"' && s.p[i] != '\\' &&
				(unsigned char)s.p[i] >= ' ')
				out[n++] = s.p[i];
		*ret = slice_of(out, n);
		if (n)
			return true;
	}
}
