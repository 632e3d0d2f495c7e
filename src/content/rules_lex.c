/*
 * Texts of rules as lines of words (doc/en/rules.md): indentation, quotes, expressions between
 * slashes, comments. Called by rules_parse.c. What the words mean is not known here.
 */
#include "content/rules_impl.h"

#include <stdio.h>

enum { TAB = 8 };

int rules_err(struct err *e, slice file, unsigned line, const char *fmt, ...)
{
	char text[sizeof e->text];
	va_list ap;
	va_start(ap, fmt);
	vsnprintf(text, sizeof text, fmt, ap);
	va_end(ap);
	return err_set(e, ERR_PROTO, "%.*s:%u: %s", SFMT(slice_first(file, 120)), line, text);
}

void rules_words_add(struct rule_words *w, struct arena *a, const struct rule_word *word)
{
	if (w->n == w->room) {
		size_t room = w->room ? w->room * 2 : 4;
		struct rule_word *v = ARENA_ARRAY(a, struct rule_word, room);
		if (w->n)
			memcpy(v, w->v, w->n * sizeof *v);
		w->v = v;
		w->room = room;
	}
	w->v[w->n++] = *word;
}

/* ---- one line ---- */

struct scan {
	struct rule_lexer *l;
	slice in;
	struct err *e;
};

static bool at_blank(slice s)
{
	return s.n == 0 || s.p[0] == ' ' || s.p[0] == '\t';
}

/* A star that is meant is marked; \* \" \\ are the signs themselves. */
static slice meant(struct scan *s, slice raw)
{
	char *out = arena_alloc(s->l->a, raw.n + 1);
	size_t n = 0;
	for (size_t i = 0; i < raw.n; i++) {
		char c = raw.p[i], next = i + 1 < raw.n ? raw.p[i + 1] : 0;
		if (c == '\\' && (next == '"' || next == '\\' || next == '*'))
			out[n++] = raw.p[++i];
		else
			out[n++] = c == '*' ? (char)STAR : c;
	}
	return slice_of(out, n);
}

/* From behind `open` to before `close`, skipping what a backslash protects. */
static bool cut_quoted(struct scan *s, slice open, slice close, slice *ret)
{
	slice in = slice_skip(s->in, open.n);
	for (size_t i = 0; i < in.n; i++) {
		if (in.p[i] == '\\' && i + 1 < in.n) {
			i++;
		} else if (slice_starts(slice_skip(in, i), close)) {
			*ret = slice_first(in, i);
			s->in = slice_skip(in, i + close.n);
			return true;
		}
	}
	rules_err(s->e, s->l->file, s->l->number, "%.*s without its end", SFMT(open));
	return false;
}

static bool quoted(struct scan *s, slice open, slice close, struct rule_word *w)
{
	slice raw;
	w->kind = WORD_QUOTED;
	if (!cut_quoted(s, open, close, &raw))
		return false;
	w->text = meant(s, raw);
	if (at_blank(s->in))
		return true;
	rules_err(s->e, s->l->file, s->l->number, "a blank is missing behind the quote");
	return false;
}

/* \/ is a slash; all else is for PCRE2. */
static slice without_escaped_slashes(struct arena *a, slice raw)
{
	char *out = arena_alloc(a, raw.n + 1);
	size_t n = 0;
	for (size_t i = 0; i < raw.n; i++) {
		if (raw.p[i] == '\\' && i + 1 < raw.n) {
			if (raw.p[i + 1] != '/')
				out[n++] = '\\';
			i++;
		}
		out[n++] = raw.p[i];
	}
	return slice_of(out, n);
}

static size_t bare_length(slice s)
{
	size_t n = 0;
	while (!at_blank(slice_skip(s, n)))
		n++;
	return n;
}

static bool regex(struct scan *s, struct rule_word *w)
{
	slice raw;
	w->kind = WORD_REGEX;
	if (!cut_quoted(s, S("/"), S("/"), &raw))
		return false;
	w->text = without_escaped_slashes(s->l->a, raw);
	w->flags = slice_first(s->in, bare_length(s->in));
	s->in = slice_skip(s->in, w->flags.n);
	return true;
}

static void bare(struct scan *s, struct rule_word *w)
{
	slice raw = slice_first(s->in, bare_length(s->in));
	s->in = slice_skip(s->in, raw.n);
	w->kind = raw.p[0] == '@' ? WORD_LIST : WORD_BARE;
	w->text = raw.p[0] == '@' ? slice_skip(raw, 1) : meant(s, raw);
}

static bool word(struct scan *s, struct rule_word *w)
{
	static const slice open = S_INIT("“"), close = S_INIT("”");
	w->line = s->l->number;
	w->source = s->l->source;
	if (slice_starts(s->in, S("\"")))
		return quoted(s, S("\""), S("\""), w);
	if (slice_starts(s->in, open))
		return quoted(s, open, close, w);
	if (slice_starts(s->in, S("/")))
		return regex(s, w);
	bare(s, w);
	return true;
}

static slice skip_blanks(slice s)
{
	while (s.n && at_blank(s))
		s = slice_skip(s, 1);
	return s;
}

static bool is_sentence(const struct rule_word *w)
{
	return w->kind == WORD_BARE && (slice_eq(w->text, S("en")) || slice_eq(w->text, S("zh")));
}

static bool words(struct rule_lexer *l, slice text, struct err *e)
{
	struct scan s = {l, text, e};
	struct rule_line *line = &l->line;
	for (;;) {
		struct rule_word w = {0};
		s.in = skip_blanks(s.in);
		if (!s.in.n || s.in.p[0] == '#')
			return true;
		if (!word(&s, &w))
			return false;
		rules_words_add(&line->words, l->a, &w);
		if (line->words.n == 1) {
			line->rest = slice_trim(s.in);
			if (is_sentence(&w))
				return true;
		}
	}
}

/* ---- lines ---- */

static unsigned indent_of(slice s)
{
	unsigned n = 0;
	for (size_t i = 0; i < s.n && at_blank(slice_skip(s, i)); i++)
		n = s.p[i] == '\t' ? (n / TAB + 1) * TAB : n + 1;
	return n;
}

static bool has_control(slice s)
{
	for (size_t i = 0; i < s.n; i++)
		if (((unsigned char)s.p[i] < ' ' && s.p[i] != '\t') || s.p[i] == 0x7f)
			return true;
	return false;
}

static bool one_line(struct rule_lexer *l, slice text, struct err *e)
{
	if (text.n > RULES_LINE_MAX) {
		rules_err(e, l->file, l->number, "a line is longer than %d bytes", RULES_LINE_MAX);
		return false;
	}
	if (has_control(text)) {
		rules_err(e, l->file, l->number, "a control character");
		return false;
	}
	l->line = (struct rule_line){.number = l->number,
		.indent = indent_of(text),
		.from = text.p,
		.to = text.p + text.n};
	return words(l, text, e);
}

bool rules_lex_peek(struct rule_lexer *l, struct err *e)
{
	slice text;
	while (!l->have && slice_cut(&l->left, '\n', &text)) {
		l->number++;
		if (slice_ends(text, S("\r")))
			text = slice_first(text, text.n - 1);
		if (!one_line(l, text, e))
			return false;
		l->have = l->line.words.n > 0;
	}
	return l->have;
}

void rules_lex_take(struct rule_lexer *l)
{
	l->have = false;
	l->taken = l->line.to;
}
