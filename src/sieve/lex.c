/*
 * Tokens of a script (RFC 5228 sections 2.1 to 2.4.2, grammar 8.1). Called by parse.c. Lines may end in CRLF or LF; in strings
 * they become CRLF, as the grammar wants them. Places are counted in characters. What ${...} in strings means is
 * not looked at here (text.c).
 */
#include "sieve/lex.h"

void sieve_lex_init(struct lexer *l, struct check *c, slice text)
{
	if (slice_starts(text, S("\xef\xbb\xbf")))
		text = slice_skip(text, 3);
	*l = (struct lexer){.c = c, .rest = text, .at = {1, 1}};
}

static int peek(const struct lexer *l, size_t i)
{
	return i < l->rest.n ? (unsigned char)l->rest.p[i] : -1;
}

static void step(struct lexer *l, size_t n)
{
	for (; n && l->rest.n; n--) {
		unsigned char c = (unsigned char)l->rest.p[0];
		if (c == '\n')
			l->at = (struct place){l->at.line + 1, 1};
		else if ((c & 0xc0) != 0x80)
			l->at.column++;
		l->rest = slice_skip(l->rest, 1);
	}
}

static bool skip_comment(struct lexer *l)
{
	struct place at = l->at;
	size_t end = slice_find(slice_skip(l->rest, 2), S("*/"));
	bool closed = end + 2 < l->rest.n;
	step(l, closed ? end + 4 : l->rest.n);
	if (!closed)
		sieve_mistake(l->c, at, S("this comment is never closed: its end */ is missing"),
			S("注释没有结束：缺少 */"));
	return closed;
}

/* White space and comments (8.1 white-space). False: a comment without end. */
static bool skip_white(struct lexer *l)
{
	for (;;) {
		int c = peek(l, 0);
		if (c == ' ' || c == '\t' || c == '\r' || c == '\n') {
			step(l, 1);
		} else if (c == '#') {
			step(l, slice_index(l->rest, '\n'));
		} else if (c == '/' && peek(l, 1) == '*') {
			if (!skip_comment(l))
				return false;
		} else {
			return true;
		}
	}
}

static bool is_word(int c, bool first)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' ||
	       (!first && c >= '0' && c <= '9');
}

static slice read_word(struct lexer *l)
{
	size_t n = 0;
	struct place at = l->at;
	while (is_word(peek(l, n), n == 0))
		n++;
	slice word = slice_first(l->rest, n);
	step(l, n);
	if (n > SIEVE_WORD_MAX)
		sieve_mistake(l->c, at,
			SAY(l->c, "this word is longer than %d characters", SIEVE_WORD_MAX),
			SAY(l->c, "这个词超过 %d 个字符", SIEVE_WORD_MAX));
	return word;
}

/* Digits with K, M, G (2.4.1); all 64 bits. */
static void read_number(struct lexer *l, struct token *ret)
{
	size_t n = 0;
	bool fits = true;
	uint64_t v = 0;
	unsigned shift = 0;
	while (peek(l, n) >= '0' && peek(l, n) <= '9') {
		unsigned digit = (unsigned)(peek(l, n++) - '0');
		fits = fits && v <= (UINT64_MAX - digit) / 10;
		v = v * 10 + digit;
	}
	switch (peek(l, n) | 0x20) {
	case 'k':
		shift = 10;
		break;
	case 'm':
		shift = 20;
		break;
	case 'g':
		shift = 30;
		break;
	}
	n += shift != 0;
	ret->kind = TOKEN_NUMBER;
	ret->number = v << shift;
	if (!fits || (shift && v >> (64 - shift)))
		sieve_mistake(l->c, ret->at,
			SAY(l->c, "this number is too large: the largest one is %llu",
				(unsigned long long)UINT64_MAX),
			SAY(l->c, "数字太大：最大为 %llu", (unsigned long long)UINT64_MAX));
	step(l, n);
}

/* Copies one byte of a string; a line end becomes CRLF. */
static void put_line(struct buf *out, char c)
{
	if (c == '\n' && !(out->n && out->p[out->n - 1] == '\r'))
		buf_byte(out, '\r');
	buf_byte(out, c);
}

static void read_quoted(struct lexer *l, struct token *ret)
{
	AUTO(buf) struct buf out = BUF(SIEVE_SCRIPT_MAX * 2);
	size_t i = 1;
	for (; i < l->rest.n && l->rest.p[i] != '"'; i++) {
		if (l->rest.p[i] == '\\' && i + 1 < l->rest.n)
			i++;
		put_line(&out, l->rest.p[i]);
	}
	bool closed = i < l->rest.n;
	step(l, i + 1);
	ret->kind = closed ? TOKEN_STRING : TOKEN_BAD;
	ret->text = arena_dup(l->c->a, buf_slice(&out));
	if (!closed)
		sieve_mistake(l->c, ret->at,
			S("this string is never closed: its quotation mark \" is missing"),
			S("字符串没有结束：缺少引号 \""));
}

/* "text:" and white space or a comment up to the end of the line (8.1 multi-line). */
static bool at_text(const struct lexer *l, size_t *ret_start)
{
	size_t i = 5;
	if (!slice_istarts(l->rest, S("text:")))
		return false;
	while (peek(l, i) == ' ' || peek(l, i) == '\t')
		i++;
	if (peek(l, i) == '#')
		i += slice_index(slice_skip(l->rest, i), '\n');
	if (peek(l, i) == '\r')
		i++;
	if (peek(l, i) != '\n')
		return false;
	*ret_start = i + 1;
	return true;
}

static void read_text(struct lexer *l, size_t start, struct token *ret)
{
	AUTO(buf) struct buf out = BUF(SIEVE_SCRIPT_MAX * 2);
	bool closed = false;
	slice line;
	step(l, start);
	while (!closed && l->rest.n) {
		size_t n = slice_index(l->rest, '\n');
		bool ended = n < l->rest.n;
		line = slice_first(l->rest, n);
		if (slice_ends(line, S("\r")))
			line.n--;
		closed = slice_eq(line, S("."));
		step(l, n + ended);
		if (!closed) {
			buf_put(&out, slice_starts(line, S("..")) ? slice_skip(line, 1) : line);
			buf_put(&out, S("\r\n"));
		}
	}
	ret->kind = closed ? TOKEN_STRING : TOKEN_BAD;
	ret->text = arena_dup(l->c->a, buf_slice(&out));
	if (!closed)
		sieve_mistake(l->c, ret->at,
			S("this text: is never closed: a line with a single dot is missing"),
			S("text: 没有结束：缺少只有一个句点的行"));
}

static void read_bad(struct lexer *l, struct token *ret)
{
	size_t n = 0;
	int c = peek(l, 0);
	while (n < l->rest.n && !is_word(peek(l, n), true) && peek(l, n) > ' ' &&
		!strchr("\"()[]{},;:#/", peek(l, n)))
		n++;
	n += n == 0;
	slice bad = slice_first(l->rest, n > 20 ? 20 : n);
	ret->kind = TOKEN_BAD;
	if (c < ' ' || c == 0x7f)
		sieve_mistake(l->c, ret->at,
			SAY(l->c, "a control character (%d) has no place here", c),
			SAY(l->c, "此处不能有控制字符（%d）", c));
	else
		sieve_mistake(l->c, ret->at, SAY(l->c, "unexpected characters '%.*s'", SFMT(bad)),
			SAY(l->c, "意外的字符“%.*s”", SFMT(bad)));
	step(l, n);
}

static void read_tag(struct lexer *l, struct token *ret)
{
	if (!is_word(peek(l, 1), true)) {
		read_bad(l, ret);
		return;
	}
	step(l, 1);
	ret->kind = TOKEN_TAG;
	ret->text = read_word(l);
}

static void read_token(struct lexer *l, struct token *ret)
{
	size_t start;
	int c = peek(l, 0);
	if (c < 0) {
		ret->kind = TOKEN_END;
	} else if (at_text(l, &start)) {
		read_text(l, start, ret);
	} else if (is_word(c, true)) {
		ret->kind = TOKEN_WORD;
		ret->text = read_word(l);
	} else if (c >= '0' && c <= '9') {
		read_number(l, ret);
	} else if (c == '"') {
		read_quoted(l, ret);
	} else if (c == ':') {
		read_tag(l, ret);
	} else if (c && strchr("()[]{},;", c)) {
		ret->kind = TOKEN_PUNCT;
		ret->punct = (char)c;
		step(l, 1);
	} else {
		read_bad(l, ret);
	}
}

void sieve_lex_next(struct lexer *l, struct token *ret)
{
	bool closed = skip_white(l);
	*ret = (struct token){.at = l->at, .kind = TOKEN_BAD};
	if (!closed)
		return;
	if (l->tokens++ == SIEVE_TOKENS_MAX) {
		sieve_mistake(l->c, l->at,
			SAY(l->c, "the script has more than %d parts", SIEVE_TOKENS_MAX),
			SAY(l->c, "脚本的组成部分超过 %d 个", SIEVE_TOKENS_MAX));
		l->rest = (slice){0};
		return;
	}
	read_token(l, ret);
}
