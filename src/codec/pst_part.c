/*
 * Pieces of MIME that messages out of a PST are made of (RFC 2045, 2046, 2231). Called by pst_mail.c and pst_attach.c.
 */
#include "codec/pst_impl.h"

#include "base/b64.h"
#include "base/hex.h"
#include "base/utf8.h"
#include "codec/qp.h"

/* Base64 where quoted-printable would be longer. */
static bool is_mostly_ascii(slice s)
{
	size_t odd = 0;
	for (size_t i = 0; i < s.n; i++)
		odd += (unsigned char)s.p[i] >= 127 || (s.p[i] < ' ' && !strchr("\t\r\n", s.p[i]));
	return odd < s.n / 6 + 1;
}

/* Lines of a text end in CRLF (RFC 2045 6.8). */
static void put_lines(struct buf *out, slice s)
{
	for (size_t i = 0; i < s.n; i++) {
		if (s.p[i] == '\n' && (!i || s.p[i - 1] != '\r'))
			buf_byte(out, '\r');
		buf_byte(out, s.p[i]);
		if (s.p[i] == '\r' && (i + 1 == s.n || s.p[i + 1] != '\n'))
			buf_byte(out, '\n');
	}
}

void pst_put_base64(struct buf *out, slice bytes)
{
	buf_put(out, S("Content-Transfer-Encoding: base64\r\n\r\n"));
	b64_encode_lines(out, bytes);
}

void pst_put_text(struct buf *out, const char *type, slice charset, slice text)
{
	AUTO(buf) struct buf lines = BUF(2 * (size_t)PST_TEXT_MAX);
	put_lines(&lines, text);
	slice s = buf_slice(&lines);
	buf_printf(out, "Content-Type: %s; charset=%.*s\r\n", type, SFMT(charset));
	if (!is_mostly_ascii(s)) {
		pst_put_base64(out, s);
		return;
	}
	buf_put(out, S("Content-Transfer-Encoding: quoted-printable\r\n\r\n"));
	qp_encode(out, s);
	if (!slice_ends(buf_slice(out), S("\r\n")))
		buf_put(out, S("\r\n"));
}

/* ---- parameters ---- */

static bool is_plain(slice v)
{
	for (size_t i = 0; i < v.n; i++)
		if (v.p[i] < ' ' || v.p[i] == '"' || v.p[i] == '\\' || v.p[i] == 127)
			return false;
	return v.n <= 60;
}

static bool is_attribute(unsigned char c)
{
	return (c >= '0' && c <= '9') ||
	       (ascii_lower((char)c) >= 'a' && ascii_lower((char)c) <= 'z') ||
	       (c && strchr("-._~!#$&+^`{}|", c));
}

/* Pieces of a line each (RFC 2231 3, 4.1). */
void pst_put_param(struct buf *out, const char *name, slice value)
{
	enum { PIECE = 20 };
	if (is_plain(value) && utf8_is_ascii(value)) {
		buf_printf(out, ";\r\n %s=\"%.*s\"", name, SFMT(value));
		return;
	}
	bool several = value.n > PIECE;
	for (unsigned i = 0; value.n; i++) {
		slice piece = utf8_first(value, PIECE);
		if (!piece.n)
			piece = slice_first(value, 1);
		if (several)
			buf_printf(out, ";\r\n %s*%u*=%s", name, i, i ? "" : "utf-8''");
		else
			buf_printf(out, ";\r\n %s*=utf-8''", name);
		for (size_t k = 0; k < piece.n; k++) {
			unsigned char c = (unsigned char)piece.p[k];
			if (is_attribute(c))
				buf_byte(out, (char)c);
			else
				buf_printf(out, "%%%02X", c);
		}
		value = slice_skip(value, piece.n);
	}
}

/* ---- multiparts ---- */

slice pst_multipart(struct pst_making *m, const char *type)
{
	slice b = arena_printf(m->a, "=_%.24s.%u.%u", m->key.p, m->depth, m->parts++);
	buf_printf(
		m->out, "Content-Type: multipart/%s;\r\n boundary=\"%.*s\"\r\n\r\n", type, SFMT(b));
	return b;
}

void pst_next_part(struct pst_making *m, slice boundary)
{
	buf_printf(m->out, "\r\n--%.*s\r\n", SFMT(boundary));
}

void pst_end_parts(struct pst_making *m, slice boundary)
{
	buf_printf(m->out, "\r\n--%.*s--\r\n", SFMT(boundary));
}
