/*
 * A message out of a PST as MIME (pst.h; MS-OXCMAIL 2.1): header, texts as alternatives, pictures of its HTML beside it, attachments. Signed and encrypted
 * ones (S/MIME) keep what was signed byte for byte: it is their attachment. The same message is always made the same, to the byte.
 */
#include "codec/pst_impl.h"

#include "codec/header.h"

/* ---- texts ---- */

static void put_rtf(struct pst_making *m, slice rtf)
{
	buf_put(m->out, S("Content-Type: text/rtf\r\n"));
	pst_put_base64(m->out, rtf);
}

static void put_texts(struct pst_making *m, const struct pst_body *b)
{
	unsigned n = b->has_text + b->has_html + b->has_rtf;
	slice boundary = S("");
	if (n > 1)
		boundary = pst_multipart(m, "alternative");
	if (n > 1 && b->has_text)
		pst_next_part(m, boundary);
	if (b->has_text || !n)
		pst_put_text(m->out, "text/plain", S("utf-8"), b->text);
	if (n > 1 && (b->has_html || b->has_rtf))
		pst_next_part(m, boundary);
	if (b->has_html)
		pst_put_text(m->out, "text/html", b->charset, b->html);
	if (b->has_rtf)
		put_rtf(m, b->rtf);
	if (n > 1)
		pst_end_parts(m, boundary);
}

struct made {
	struct pst_props *o;
	struct pst_body body;
	struct pst_attachment *v;
	size_t n, inside;
};

static void put_some(struct pst_making *m, const struct made *x, bool inside, slice boundary)
{
	for (size_t i = 0; i < x->n && buf_ok(m->out); i++) {
		if (x->v[i].inside != inside)
			continue;
		pst_next_part(m, boundary);
		pst_put_attachment(m, x->o, &x->v[i]);
	}
}

static void put_related(struct pst_making *m, const struct made *x)
{
	if (!x->inside) {
		put_texts(m, &x->body);
		return;
	}
	slice boundary = pst_multipart(m, "related");
	pst_next_part(m, boundary);
	put_texts(m, &x->body);
	put_some(m, x, true, boundary);
	pst_end_parts(m, boundary);
}

static void put_mixed(struct pst_making *m, const struct made *x)
{
	if (x->inside == x->n) {
		put_related(m, x);
		return;
	}
	slice boundary = pst_multipart(m, "mixed");
	pst_next_part(m, boundary);
	put_related(m, x);
	put_some(m, x, false, boundary);
	pst_end_parts(m, boundary);
}

/* ---- S/MIME (MS-OXOSMIME 2.1.3) ---- */

static bool has_content_type(slice s)
{
	struct header_field f;
	return header_find(slice_first(s, 64 * 1024), S("Content-Type"), 0, &f) &&
	       header_length(s) < s.n;
}

static void put_lines(struct buf *out, slice s)
{
	slice line;
	while (slice_cut(&s, '\n', &line)) {
		if (line.n && line.p[line.n - 1] == '\r')
			line.n--;
		buf_put(out, line);
		if (s.p)
			buf_put(out, S("\r\n"));
	}
}

/* Its one attachment is all of its content: a multipart/signed, or a blob. */
static bool put_sealed(struct pst_making *m, struct pst_props *o)
{
	AUTO(arena) struct arena a = {0};
	AUTO(buf) struct buf bytes = BUF(m->out->limit);
	struct pst_attachment *v;
	slice class = pst_text(o, 0x001a, &a);
	if (!slice_istarts(class, S("IPM.Note.SMIME")) || pst_attachments(m, o, S(""), &v) != 1 ||
		!pst_attachment_bytes(m, o, v, &bytes))
		return false;
	slice s = buf_slice(&bytes);
	if (slice_istarts(class, S("IPM.Note.SMIME.MultipartSigned"))) {
		if (!has_content_type(s))
			return false;
		put_lines(m->out, s);
		return true;
	}
	buf_put(m->out, S("Content-Type: application/pkcs7-mime; name=\"smime.p7m\"\r\n"
			  "Content-Disposition: attachment; filename=\"smime.p7m\"\r\n"));
	pst_put_base64(m->out, s);
	return true;
}

/* ---- all of it ---- */

bool pst_message(struct pst_making *m, struct pst_props *o)
{
	struct made x = {.o = o};
	pst_fields(m, o);
	buf_put(m->out, S("MIME-Version: 1.0\r\n"));
	if (put_sealed(m, o))
		return buf_ok(m->out);
	pst_body(m, o, &x.body);
	x.n = pst_attachments(m, o, x.body.has_html ? x.body.html : S(""), &x.v);
	for (size_t i = 0; i < x.n; i++)
		x.inside += x.v[i].inside;
	put_mixed(m, &x);
	return buf_ok(m->out);
}

bool pst_mail(struct pst *p, const struct pst_item *i, struct buf *out, unsigned *ret_lost)
{
	AUTO(arena) struct arena a = {0};
	struct pst_making m = {.p = p, .a = &a, .out = out, .key = slice_z(i->key)};
	*ret_lost = 0;
	if (!i->props)
		return pst_fail(p, "it is damaged");
	p->steps = 0;
	if (!pst_message(&m, i->props))
		return pst_fail(p, "larger than the mailbox takes");
	*ret_lost = m.lost;
	return true;
}
