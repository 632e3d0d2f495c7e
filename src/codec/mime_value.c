/*
 * Content-Type and its like (mime_value.h): a forgiving reader. Used by codec/mime.c for every
 * part.
 */
#include "codec/mime_value.h"

#include "base/buf.h"
#include "base/hex.h"
#include "base/mem.h"
#include "codec/charset.h"
#include "codec/paren.h"
#include "codec/words.h"

/* One parameter as written: "name*1*=value". */
struct piece {
	slice name; /* lower case, without marks */
	unsigned index; /* 0 when it is not continued */
	bool continued, encoded;
	slice value; /* unquoted */
};

static bool is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

/* Behind a comment that begins at s (RFC 5322 3.2.2); one without end goes to the end. */
static slice skip_comment(slice s)
{
	size_t n = paren_length(s);
	return slice_skip(s, n ? n : s.n);
}

static slice skip_blanks(slice s)
{
	while (s.n && (is_blank(s.p[0]) || s.p[0] == '('))
		s = s.p[0] == '(' ? skip_comment(s) : slice_skip(s, 1);
	return s;
}

/* What may stand in a type (RFC 2045 5.1), and the '/'. */
static bool is_main(char c)
{
	return c > ' ' && c <= '~' && !strchr("()<>@,;:\\\"[]?=", c);
}

/*
 * "type/subtype", "attachment": in quotes, with blanks around the '/', with comments. It ends at
 * the first blank behind it; what follows without ';' are parameters all the same.
 */
static slice read_main(slice *in, struct arena *a)
{
	char *out = arena_alloc(a, in->n + 1);
	size_t n = 0;
	slice s = skip_blanks(*in);
	for (slice next; s.n && (is_main(s.p[0]) || s.p[0] == '"'); s = next) {
		if (s.p[0] != '"')
			out[n++] = ascii_lower(s.p[0]);
		next = slice_skip(s, 1);
		slice behind = skip_blanks(next);
		bool slash = (behind.n && behind.p[0] == '/') || s.p[0] == '/';
		if (slash)
			next = behind;
	}
	*in = skip_blanks(s);
	return slice_of(out, n);
}

/* A quoted string with its escapes undone; line ends inside it go. False: the quote never ended. */
static bool read_quoted(slice *in, struct arena *a, slice *ret)
{
	slice s = slice_skip(*in, 1);
	char *out = arena_alloc(a, s.n + 1);
	size_t n = 0, i = 0;
	for (; i < s.n && s.p[i] != '"'; i++) {
		/* Other backslashes are meant: C:\TEMP\a.gif */
		if (s.p[i] == '\\' && i + 1 < s.n && (s.p[i + 1] == '"' || s.p[i + 1] == '\\'))
			i++;
		else if (s.p[i] == '\r' || s.p[i] == '\n')
			continue;
		out[n++] = s.p[i];
	}
	*in = slice_skip(s, i + 1);
	*ret = slice_of(out, n);
	return i < s.n;
}

/* A token; senders also put blanks and much else there: all up to the next ';'. */
static slice read_token(slice *in)
{
	slice all = slice_first(*in, slice_index(*in, ';'));
	*in = slice_skip(*in, all.n);
	size_t comment = slice_find(all, S(" ("));
	return slice_trim(slice_first(all, comment));
}

static slice lower(slice s, struct arena *a)
{
	char *out = arena_alloc(a, s.n + 1);
	for (size_t i = 0; i < s.n; i++)
		out[i] = ascii_lower(s.p[i]);
	return slice_of(out, s.n);
}

/* "name*3*" into its parts (RFC 2231 section 7). */
static void read_marks(slice name, struct piece *p)
{
	uint64_t index;
	if (slice_ends(name, S("*"))) {
		p->encoded = true;
		name.n--;
	}
	size_t star = slice_rindex(name, '*');
	if (star < name.n && slice_u64(slice_skip(name, star + 1), &index) &&
		index < MIME_PIECES_MAX) {
		p->continued = true;
		p->index = (unsigned)index;
		name.n = star;
	}
	p->name = name;
}

/* At a parameter, behind the ';'. False when there is none up to the next ';'. */
static bool read_piece(slice *in, struct arena *a, struct piece *p, unsigned *defects)
{
	size_t end = 0;
	slice s = skip_blanks(*in);
	while (end < s.n && s.p[end] != '=' && s.p[end] != ';' && s.p[end] != '"')
		end++;
	slice name = slice_trim(slice_first(s, end));
	if (end == s.n || s.p[end] != '=' || !name.n) {
		if (name.n)
			*defects |= MIME_VALUE_SYNTAX;
		*in = slice_skip(s, slice_index(s, ';'));
		return false;
	}
	read_marks(lower(name, a), p);
	s = skip_blanks(slice_skip(s, end + 1));
	if (s.n && s.p[0] == '"') {
		if (!read_quoted(&s, a, &p->value))
			*defects |= MIME_VALUE_SYNTAX;
		size_t junk = slice_index(s, ';');
		if (slice_trim(slice_first(s, junk)).n && skip_blanks(slice_first(s, junk)).n)
			*defects |= MIME_VALUE_SYNTAX;
		s = slice_skip(s, junk);
	} else {
		p->value = read_token(&s);
	}
	*in = s;
	return true;
}

/* ---- joining ---- */

static void percent_decode(struct buf *out, slice s)
{
	for (size_t i = 0; i < s.n; i++) {
		int high = s.p[i] == '%' && i + 2 < s.n ? hex_digit(s.p[i + 1]) : -1;
		int low = high >= 0 ? hex_digit(s.p[i + 2]) : -1;
		if (low >= 0) {
			buf_byte(out, (char)(high << 4 | low));
			i += 2;
		} else {
			buf_byte(out, s.p[i]);
		}
	}
}

/* "charset'language'" off the front of the first piece. */
static slice cut_charset(slice *value)
{
	slice rest = *value, charset, language;
	if (!slice_cut(&rest, '\'', &charset) || !rest.p || !slice_cut(&rest, '\'', &language) ||
		!rest.p)
		return S("");
	*value = rest;
	return charset;
}

static const struct piece *find_piece(
	const struct piece *v, size_t n, slice name, unsigned index, bool continued)
{
	for (size_t i = 0; i < n; i++)
		if (v[i].index == index && v[i].continued == continued && slice_eq(v[i].name, name))
			return &v[i];
	return NULL;
}

static void join_pieces(const struct piece *v, size_t n, slice name, struct buf *out,
	slice *ret_charset, unsigned *defects)
{
	unsigned count = 0, have = 0;
	for (size_t i = 0; i < n; i++)
		have += v[i].continued && slice_eq(v[i].name, name);
	const struct piece *p;
	for (; (p = find_piece(v, n, name, count, true)); count++) {
		slice value = p->value;
		if (p->encoded && count == 0)
			*ret_charset = cut_charset(&value);
		if (p->encoded)
			percent_decode(out, value);
		else
			buf_put(out, value);
	}
	if (count < have)
		*defects |= MIME_VALUE_GAP;
}

/* The value of the parameter that piece `first` belongs to. RFC 2231 forms win over the plain one,
 * which senders add for old readers. */
static void join(const struct piece *v, size_t n, slice name, struct arena *a,
	struct mime_param *ret, unsigned *defects)
{
	AUTO(buf) struct buf out = BUF(MIME_PARAM_TEXT_MAX);
	const struct piece *plain = NULL, *encoded = NULL;
	*ret = (struct mime_param){.name = name};
	for (size_t i = 0; i < n; i++) {
		if (v[i].continued || !slice_eq(v[i].name, name))
			continue;
		const struct piece **kind = v[i].encoded ? &encoded : &plain;
		if (*kind)
			*defects |= MIME_VALUE_DUPLICATE;
		else
			*kind = &v[i];
	}
	if (find_piece(v, n, name, 0, true)) {
		join_pieces(v, n, name, &out, &ret->charset, defects);
	} else if (encoded) {
		slice value = encoded->value;
		ret->charset = cut_charset(&value);
		percent_decode(&out, value);
	} else if (plain) {
		buf_put(&out, slice_first(plain->value, MIME_PARAM_TEXT_MAX));
	} else {
		*defects |= MIME_VALUE_GAP;
	}
	ret->value = arena_dup(a, buf_slice(&out));
}

static bool known(const struct mime_value *v, slice name)
{
	for (size_t i = 0; i < v->n; i++)
		if (slice_eq(v->v[i].name, name))
			return true;
	return false;
}

/* No more pieces than there are semicolons. */
static size_t count_pieces(slice field)
{
	size_t n = 0;
	for (size_t i = 0; i < field.n && n < MIME_PIECES_MAX; i++)
		n += field.p[i] == ';';
	return n;
}

void mime_value_parse(slice field, struct arena *a, struct mime_value *ret)
{
	size_t n = 0, most = count_pieces(field) + 1;
	struct piece *pieces = ARENA_ARRAY(a, struct piece, most + 1);
	*ret = (struct mime_value){.main = read_main(&field, a)};
	while (field.n) {
		if (n == most) {
			ret->defects |= MIME_VALUE_MANY;
			break;
		}
		if (field.p[0] == ';')
			field = slice_skip(field, 1);
		else /* only in front of the first */
			ret->defects |= MIME_VALUE_SYNTAX;
		pieces[n] = (struct piece){0};
		if (read_piece(&field, a, &pieces[n], &ret->defects))
			n++;
	}
	ret->v = ARENA_ARRAY(a, struct mime_param, (n < MIME_PARAMS_MAX ? n : MIME_PARAMS_MAX) + 1);
	for (size_t i = 0; i < n; i++) {
		if (known(ret, pieces[i].name))
			continue;
		if (ret->n == MIME_PARAMS_MAX) {
			ret->defects |= MIME_VALUE_MANY;
			break;
		}
		join(pieces, n, pieces[i].name, a, &ret->v[ret->n], &ret->defects);
		ret->n++;
	}
}

static const struct mime_param *find(const struct mime_value *v, slice name)
{
	for (size_t i = 0; i < v->n; i++)
		if (slice_eq(v->v[i].name, name))
			return &v->v[i];
	return NULL;
}

slice mime_param(const struct mime_value *v, slice name)
{
	const struct mime_param *p = find(v, name);
	return p ? p->value : S("");
}

slice mime_param_text(const struct mime_value *v, slice name, struct arena *a)
{
	AUTO(buf) struct buf utf8 = BUF(4 * MIME_PARAM_TEXT_MAX);
	AUTO(buf) struct buf text = BUF(4 * MIME_PARAM_TEXT_MAX);
	const struct mime_param *p = find(v, name);
	if (!p)
		return S("");
	/* With a charset it is text already; without one it may have encoded words or raw bytes. */
	if (p->charset.n && charset_to_utf8(p->charset, p->value, &utf8))
		words_decode(&text, buf_slice(&utf8));
	else
		words_decode(&text, p->value);
	return arena_dup(a, buf_slice(&text));
}
