/*
 * Building Authentication-Results (RFC 8601 section 2.2): one result a line, folded before column
 * 78 where that is possible. Values come from strangers: what is no token is quoted, control
 * characters and broken UTF-8 are left out, what is very long is cut.
 */
#include "codec/authres.h"

#include "base/mem.h"
#include "base/utf8.h"

enum {
	LINE_MAX_WANTED = 78,
	NAME_LENGTH = 24, /* of "Authentication-Results: " */
	VALUE_MAX = 512, /* so that no line comes near 998 octets (RFC 5322 section 2.1.1) */
};

struct folder {
	struct buf *out;
	size_t column;
};

/* " item", on a new line where this one is full. */
static void put_item(struct folder *f, slice item)
{
	bool fold = f->column + 1 + item.n > LINE_MAX_WANTED;
	buf_put(f->out, fold ? S("\r\n\t\t") : S(" "));
	buf_put(f->out, item);
	f->column = (fold ? 16 : f->column + 1) + item.n;
}

/* A code point that may stand in a header field; others are left out. */
static bool put_safe(struct buf *out, slice *s, const char *escaped)
{
	slice at = *s;
	uint32_t cp;
	if (!utf8_next(s, &cp))
		return false;
	size_t n = (size_t)(s->p - at.p);
	if (cp < ' ' || (cp >= 0x7f && cp < 0xa0) || cp == UTF8_REPLACEMENT)
		return true;
	if (cp < 0x80 && strchr(escaped, (int)cp))
		buf_byte(out, '\\');
	buf_put(out, slice_first(at, n));
	return true;
}

static void put_between(struct buf *out, char open, slice s, char close, const char *escaped)
{
	slice rest = utf8_first(s, VALUE_MAX);
	buf_byte(out, open);
	while (put_safe(out, &rest, escaped))
		;
	buf_byte(out, close);
}

/* Tokens and addresses of atoms stand as they are (RFC 8601: pvalue). */
static bool stands_bare(slice s)
{
	for (size_t i = 0; i < s.n; i++)
		if ((unsigned char)s.p[i] <= ' ' || (unsigned char)s.p[i] >= 0x7f ||
			strchr("()<>,;:\\\"/[]?=", s.p[i]))
			return false;
	return s.n > 0 && s.n <= VALUE_MAX && s.p[s.n - 1] != '@' &&
	       slice_index(s, '@') == slice_rindex(s, '@');
}

static void put_value(struct buf *out, slice s)
{
	if (stands_bare(s))
		buf_put(out, s);
	else
		put_between(out, '"', s, '"', "\"\\");
}

static void put_keyword(struct buf *out, slice s)
{
	for (size_t i = 0; i < s.n; i++) {
		char c = ascii_lower(s.p[i]);
		if ((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_')
			buf_byte(out, s.p[i]);
	}
}

static void put_prop(struct folder *f, const struct authres_prop *p, struct buf *item)
{
	buf_reset(item);
	put_keyword(item, p->ptype);
	buf_byte(item, '.');
	put_keyword(item, p->property);
	buf_byte(item, '=');
	put_value(item, p->value);
	put_item(f, buf_slice(item));
}

static void put_method(struct folder *f, const struct authres_method *m, struct buf *item)
{
	buf_put(f->out, S(";\r\n\t"));
	buf_reset(item);
	put_keyword(item, m->method);
	buf_byte(item, '=');
	put_keyword(item, m->result);
	buf_put(f->out, buf_slice(item));
	f->column = 8 + item->n;
	if (m->comment.n) {
		buf_reset(item);
		put_between(item, '(', m->comment, ')', "()\\");
		put_item(f, buf_slice(item));
	}
	if (m->reason.n) {
		buf_reset(item);
		buf_put(item, S("reason="));
		put_value(item, m->reason);
		put_item(f, buf_slice(item));
	}
	for (unsigned i = 0; i < m->nprops; i++)
		if (m->props[i].value.n)
			put_prop(f, &m->props[i], item);
}

void authres_build(struct buf *out, const struct authres *r)
{
	AUTO(buf) struct buf item = BUF(4 * VALUE_MAX);
	struct folder f = {out, NAME_LENGTH};
	bool token =
		stands_bare(r->authserv_id) && slice_index(r->authserv_id, '@') == r->authserv_id.n;
	if (token)
		buf_put(out, r->authserv_id);
	else
		put_between(out, '"', r->authserv_id, '"', "\"\\");
	if (r->version > 1)
		buf_printf(out, " %u", r->version);
	if (r->n == 0)
		buf_put(out, S("; none"));
	for (size_t i = 0; i < r->n; i++)
		put_method(&f, &r->v[i], &item);
}
