/*
 * Tokens and values of PDF (ISO 32000-1 7.2, 7.3), read where they stand. Dictionaries are not
 * turned into trees: a key is looked for when it is needed. Called by the other pdf*.c.
 */
#include "codec/pdf_impl.h"

#include "codec/paren.h"

static bool is_space(char c)
{
	return c == ' ' || c == '\n' || c == '\r' || c == '\t' || c == '\f' || c == 0;
}

static bool is_delimiter(char c)
{
	return c == '(' || c == ')' || c == '<' || c == '>' || c == '[' || c == ']' || c == '{' ||
	       c == '}' || c == '/' || c == '%';
}

static bool is_regular(char c)
{
	return !is_space(c) && !is_delimiter(c);
}

static int hex(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c = ascii_lower(c);
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static slice without_space(slice s)
{
	size_t i = 0;
	while (i < s.n && (is_space(s.p[i]) || s.p[i] == '%')) {
		if (s.p[i] == '%')
			while (i < s.n && s.p[i] != '\n' && s.p[i] != '\r')
				i++;
		else
			i++;
	}
	return slice_skip(s, i);
}

static size_t read_name(slice s, struct pdf_token *t)
{
	size_t i = 1, n = 0;
	for (; i < s.n && is_regular(s.p[i]); i++) {
		char c = s.p[i];
		if (c == '#' && i + 2 < s.n && hex(s.p[i + 1]) >= 0 && hex(s.p[i + 2]) >= 0) {
			c = (char)(hex(s.p[i + 1]) << 4 | hex(s.p[i + 2]));
			t->escaped |= ascii_lower(c) >= 'a' && ascii_lower(c) <= 'z';
			i += 2;
		}
		if (n + 1 < PDF_NAME_MAX)
			t->name[n++] = c;
	}
	t->name[n] = 0;
	return i;
}

static bool read_number(slice s, double *ret)
{
	double v = 0, part = 1;
	bool minus = s.n && s.p[0] == '-', digits = false, fraction = false;
	for (size_t i = s.n && (s.p[0] == '-' || s.p[0] == '+'); i < s.n; i++) {
		char c = s.p[i];
		if (c == '.' && !fraction) {
			fraction = true;
		} else if (c >= '0' && c <= '9') {
			digits = true;
			if (fraction)
				v += (c - '0') * (part /= 10);
			else if (v < 1e15)
				v = v * 10 + (c - '0');
		} else {
			return false;
		}
	}
	*ret = minus ? -v : v;
	return digits;
}

static size_t read_word(slice s, struct pdf_token *t)
{
	size_t n = 0;
	while (n < s.n && is_regular(s.p[n]))
		n++;
	n = n ? n : 1; /* a stray delimiter */
	t->kind = read_number(slice_first(s, n), &t->number) ? PDF_NUMBER : PDF_WORD;
	return n;
}

void pdf_next(slice *in, struct pdf_token *t)
{
	slice s = without_space(*in);
	size_t n = 1;
	t->escaped = false;
	t->name[0] = 0;
	if (!s.n) {
		t->kind = PDF_END;
		t->text = *in = s;
		return;
	}
	bool twice = s.n > 1 && s.p[1] == s.p[0];
	switch (s.p[0]) {
	case '/':
		t->kind = PDF_NAME;
		n = read_name(s, t);
		break;
	case '(':
		t->kind = PDF_STRING;
		n = paren_length(s);
		n = n ? n : s.n; /* one without end goes to the end */
		break;
	case '<':
		t->kind = twice ? PDF_OPEN_DICT : PDF_HEX;
		n = twice ? 2 : slice_index(s, '>') + 1;
		break;
	case '>':
		t->kind = twice ? PDF_CLOSE_DICT : PDF_WORD;
		n = twice ? 2 : 1;
		break;
	case '[':
		t->kind = PDF_OPEN_ARRAY;
		break;
	case ']':
		t->kind = PDF_CLOSE_ARRAY;
		break;
	default:
		n = read_word(s, t);
	}
	t->text = slice_first(s, n);
	*in = slice_skip(s, n);
}

/* Behind "12": is there " 0 R"? */
static bool skip_reference(slice *in)
{
	struct pdf_token t;
	slice s = *in;
	pdf_next(&s, &t);
	if (t.kind != PDF_NUMBER)
		return false;
	pdf_next(&s, &t);
	if (t.kind != PDF_WORD || !slice_eq(t.text, S("R")))
		return false;
	*in = s;
	return true;
}

slice pdf_value(slice *in)
{
	struct pdf_token t;
	unsigned depth = 0;
	slice start = without_space(*in);
	*in = start;
	do {
		pdf_next(in, &t);
		depth += t.kind == PDF_OPEN_DICT || t.kind == PDF_OPEN_ARRAY;
		if (t.kind == PDF_CLOSE_DICT || t.kind == PDF_CLOSE_ARRAY)
			depth -= depth != 0;
	} while (depth && t.kind != PDF_END);
	if (t.kind == PDF_NUMBER)
		skip_reference(in);
	return slice_first(start, start.n - in->n);
}

slice pdf_get(slice dict, const char *key)
{
	struct pdf_token t;
	pdf_next(&dict, &t);
	if (t.kind != PDF_OPEN_DICT)
		return (slice){0};
	for (;;) {
		pdf_next(&dict, &t);
		if (t.kind == PDF_END || t.kind == PDF_CLOSE_DICT)
			return (slice){0};
		if (t.kind != PDF_NAME)
			continue;
		bool is_it = strcmp(t.name, key) == 0;
		slice value = pdf_value(&dict);
		if (is_it)
			return value;
	}
}

bool pdf_name_is(slice value, const char *name)
{
	struct pdf_token t;
	pdf_next(&value, &t);
	return t.kind == PDF_NAME && strcmp(t.name, name) == 0;
}

bool pdf_number(slice value, double *ret)
{
	struct pdf_token t;
	pdf_next(&value, &t);
	if (t.kind == PDF_NUMBER)
		*ret = t.number;
	return t.kind == PDF_NUMBER;
}

bool pdf_reference(slice value, uint32_t *ret)
{
	struct pdf_token t;
	pdf_next(&value, &t);
	if (t.kind != PDF_NUMBER || t.number < 0 || t.number > 1e9 || !skip_reference(&value))
		return false;
	*ret = (uint32_t)t.number;
	return true;
}

/* ---- strings (7.3.4) ---- */

static void hex_string(slice s, struct buf *out)
{
	int high = -1;
	for (size_t i = 0; i < s.n; i++) {
		int v = hex(s.p[i]);
		if (v < 0)
			continue;
		if (high >= 0)
			buf_byte(out, (char)(high << 4 | v));
		high = high >= 0 ? -1 : v;
	}
	if (high >= 0)
		buf_byte(out, (char)(high << 4));
}

/* Behind a backslash. Returns how many characters it took. */
static size_t escape(slice s, struct buf *out)
{
	static const char from[] = "nrtbf", to[] = "\n\r\t\b\f";
	if (!s.n)
		return 0;
	const char *p = memchr(from, s.p[0], 5);
	unsigned v = 0;
	size_t n = 0;
	if (p) {
		buf_byte(out, to[p - from]);
		return 1;
	}
	if (s.p[0] == '\r' || s.p[0] == '\n')
		return s.p[0] == '\r' && s.n > 1 && s.p[1] == '\n' ? 2 : 1;
	for (; n < 3 && n < s.n && s.p[n] >= '0' && s.p[n] <= '7'; n++)
		v = v * 8 + (unsigned)(s.p[n] - '0');
	buf_byte(out, n ? (char)v : s.p[0]);
	return n ? n : 1;
}

void pdf_string_raw(slice value, struct buf *out)
{
	struct pdf_token t;
	pdf_next(&value, &t);
	if (t.kind == PDF_HEX) {
		hex_string(t.text, out);
		return;
	}
	if (t.kind != PDF_STRING || t.text.n < 2)
		return;
	slice s = slice_skip(t.text, 1);
	s.n -= s.p[s.n - 1] == ')';
	for (size_t i = 0; i < s.n; i++) {
		if (s.p[i] == '\\')
			i += escape(slice_skip(s, i + 1), out);
		else
			buf_byte(out, s.p[i]);
	}
}
