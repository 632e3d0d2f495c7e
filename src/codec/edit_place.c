/*
 * Where banner and disclaimer go (edit_impl.h): into the texts that a reader sees first and last, in each
 * of their alternatives. Where there are none, or they may not be changed (signed, encrypted), the
 * texts become parts of their own: in the multipart/mixed that is there, else in one around everything
 * (RFC 2046 section 5.1.3).
 *
 * Texts inside of attached messages are never touched.
 */
#include "base/mem.h"
#include "base/utf8.h"
#include "codec/edit_impl.h"

struct place {
	size_t v[EDIT_PLACES_MAX];
	size_t n;
};

/* ---- what a part is ---- */

static bool is_smime(const struct mime_part *p)
{
	return slice_eq(p->type.main, S("application/pkcs7-mime")) ||
	       slice_eq(p->type.main, S("application/x-pkcs7-mime"));
}

/* OpenPGP without MIME. */
static bool begins_with(const struct mime_part *p, slice mark)
{
	return mime_is(p, S("text"), S("")) && slice_starts(slice_trim(p->body), mark);
}

bool edit_is_encrypted(const struct mime_part *p)
{
	slice kind = mime_param(&p->type, S("smime-type"));
	return slice_eq(p->type.main, S("multipart/encrypted")) ||
	       (is_smime(p) && !slice_ieq(kind, S("signed-data"))) ||
	       begins_with(p, S("-----BEGIN PGP MESSAGE-----"));
}

bool edit_is_signed(const struct mime_part *p)
{
	slice kind = mime_param(&p->type, S("smime-type"));
	return slice_eq(p->type.main, S("multipart/signed")) ||
	       (is_smime(p) && slice_ieq(kind, S("signed-data"))) ||
	       begins_with(p, S("-----BEGIN PGP SIGNED MESSAGE-----"));
}

bool edit_is_sealed(const struct editing *x, size_t index)
{
	const struct mime_part *p = &x->mime.v[index];
	return !x->opened[index] && (edit_is_signed(p) || edit_is_encrypted(p));
}

static bool is_mixed(const struct editing *x, size_t index)
{
	const struct mime_part *p = &x->mime.v[index];
	return p->multipart && (x->opened[index] || mime_is(p, S("multipart"), S("mixed")));
}

/* A text that is shown, and that we can write into. */
bool edit_is_text(const struct editing *x, size_t index)
{
	const struct mime_part *p = &x->mime.v[index];
	if (p->encoding >= MIME_UUENCODE || x->gone[index] ||
		!(mime_is(p, S("text"), S("plain")) || mime_is(p, S("text"), S("html"))))
		return false;
	if (p->parent < 0)
		return true;
	return !slice_eq(p->disposition.main, S("attachment")) && mime_filename(p, x->a).n == 0;
}

/* ---- finding texts ---- */

static bool find(struct editing *x, size_t index, bool last, struct place *ret);

static int child(const struct editing *x, size_t parent, size_t after)
{
	for (size_t i = after + 1; i < x->mime.n; i++)
		if (x->mime.v[i].parent == (int)parent)
			return (int)i;
	return -1;
}

/* Each alternative that has a text. */
static bool find_alternatives(struct editing *x, size_t index, bool last, struct place *ret)
{
	size_t had = ret->n;
	for (int i = child(x, index, index); i >= 0; i = child(x, index, (size_t)i)) {
		if (edit_is_sealed(x, (size_t)i)) {
			ret->n = had;
			return false;
		}
		find(x, (size_t)i, last, ret);
	}
	return ret->n > had;
}

/* The part that the others belong to: the one named by `start`, else the first (RFC 2387). */
static bool find_related(struct editing *x, size_t index, bool last, struct place *ret)
{
	slice start = mime_param(&x->mime.v[index].type, S("start"));
	int first = child(x, index, index), root = first;
	struct header_field f;
	for (int i = first; start.n && i >= 0; i = child(x, index, (size_t)i))
		if (header_find(x->mime.v[i].header, S("Content-ID"), 0, &f) &&
			slice_eq(slice_trim(f.value), slice_trim(start))) {
			root = i;
			break;
		}
	return root >= 0 && find(x, (size_t)root, last, ret);
}

/* What is no attachment: its texts are read with those of its neighbours. */
static bool is_shown(const struct editing *x, size_t index)
{
	const struct mime_part *p = &x->mime.v[index];
	return p->multipart || edit_is_sealed(x, index) || edit_is_text(x, index);
}

/* A text that cannot take ours. */
static bool is_odd_text(struct editing *x, size_t index)
{
	return edit_is_text(x, index) && !edit_text_work(x, index);
}

/* The first shown part, or the last. One that is sealed has no place for us. */
static bool find_mixed(struct editing *x, size_t index, bool last, struct place *ret)
{
	struct place had = *ret;
	bool found = false;
	for (int i = child(x, index, index); i >= 0; i = child(x, index, (size_t)i)) {
		struct place trial = had;
		bool closed = edit_is_sealed(x, (size_t)i) || is_odd_text(x, (size_t)i);
		if (!is_shown(x, (size_t)i) || (!closed && !find(x, (size_t)i, last, &trial)))
			continue;
		found = !closed;
		*ret = trial;
		if (!last)
			break;
	}
	return found;
}

static bool find_in_multipart(struct editing *x, size_t index, bool last, struct place *ret)
{
	const struct mime_part *p = &x->mime.v[index];
	int first;
	if (mime_is(p, S("multipart"), S("alternative")))
		return find_alternatives(x, index, last, ret);
	if (mime_is(p, S("multipart"), S("related")))
		return find_related(x, index, last, ret);
	if (mime_is(p, S("multipart"), S("report"))) { /* the part for people: RFC 6522 */
		first = child(x, index, index);
		return first >= 0 && find(x, (size_t)first, last, ret);
	}
	if (mime_is(p, S("multipart"), S("digest")) ||
		mime_is(p, S("multipart"), S("appledouble")) ||
		mime_is(p, S("multipart"), S("form-data")))
		return false;
	return find_mixed(x, index, last, ret);
}

static bool find(struct editing *x, size_t index, bool last, struct place *ret)
{
	if (edit_is_sealed(x, index) || x->gone[index])
		return false;
	if (x->mime.v[index].multipart)
		return find_in_multipart(x, index, last, ret);
	if (!edit_is_text(x, index) || !edit_text_work(x, index))
		return false;
	if (ret->n < EDIT_PLACES_MAX)
		ret->v[ret->n++] = index;
	return true;
}

/* ---- parts of our own ---- */

void edit_put_text_part(struct editing *x, slice text, struct buf *out)
{
	AUTO(buf) struct buf body = BUF(8 * text.n + 1024);
	slice encoding;
	edit_encode(x, text, &body, &encoding);
	buf_printf(out, "Content-Type: text/plain; charset=%s\r\n",
		utf8_is_ascii(text) ? "us-ascii" : "utf-8");
	buf_put(out, S("Content-Disposition: inline\r\n"));
	buf_put(out, edit_encoding_line(encoding, x->a));
	buf_put(out, S("\r\n"));
	buf_put(out, buf_slice(&body));
}

static void put_part(struct editing *x, slice boundary, slice text, struct buf *out)
{
	buf_put(out, S("--"));
	buf_put(out, boundary);
	buf_put(out, S("\r\n"));
	edit_put_text_part(x, text, out);
}

/* Where the delimiter line before this child begins. */
static const char *delimiter_before(const struct editing *x, const struct mime_part *p)
{
	const char *at = p->header.p;
	if (at > x->message.p)
		at--; /* its line end */
	while (at > x->message.p && at[-1] != '\n')
		at--;
	return at;
}

static void add_first(struct editing *x, size_t index, slice boundary)
{
	AUTO(buf) struct buf out = BUF(16 * EDIT_TEXT_MAX);
	int first = child(x, index, index);
	put_part(x, boundary, x->banner.text, &out);
	buf_put(&out, S("\r\n"));
	edit_splice(x, delimiter_before(x, &x->mime.v[first]), 0, arena_dup(x->a, buf_slice(&out)));
}

static void add_last(struct editing *x, size_t index, slice boundary)
{
	AUTO(buf) struct buf out = BUF(16 * EDIT_TEXT_MAX);
	const struct mime_part *up = &x->mime.v[index], *last = NULL;
	for (int i = child(x, index, index); i >= 0; i = child(x, index, (size_t)i))
		last = &x->mime.v[i];
	const char *at = edit_end(last->body);
	buf_put(&out, S("\r\n"));
	put_part(x, boundary, x->below, &out);
	if (up->defects & MIME_UNCLOSED)
		buf_printf(&out, "\r\n--%.*s--\r\n", SFMT(boundary));
	else if (at < edit_end(up->body) && *at == '-') /* no line end belongs to the delimiter */
		buf_put(&out, S("\r\n"));
	edit_splice(x, at, 0, arena_dup(x->a, buf_slice(&out)));
}

static void add_parts(struct editing *x, size_t index, bool banner, bool disclaimer)
{
	slice boundary = mime_param(&x->mime.v[index].type, S("boundary"));
	while (boundary.n && boundary.p[boundary.n - 1] == ' ')
		boundary.n--;
	if (banner)
		add_first(x, index, boundary);
	if (disclaimer)
		add_last(x, index, boundary);
}

/* Everything becomes a part of a new multipart/mixed; its content keeps its own fields. */
static void wrap(struct editing *x, bool banner, bool disclaimer)
{
	const struct mime_part *p = &x->mime.v[0];
	slice b = edit_boundary(x);
	AUTO(buf) struct buf front = BUF(16 * EDIT_TEXT_MAX + p->header.n);
	AUTO(buf) struct buf back = BUF(16 * EDIT_TEXT_MAX);
	AUTO(buf) struct buf fields = BUF(p->header.n + 2);
	edit_close_header(x, 0);
	edit_ensure_mime(x, p);
	edit_take_content_fields(x, p, &fields);
	edit_splice_ranked(x, edit_header_top(x, p), 0,
		arena_printf(x->a, "Content-Type: multipart/mixed; boundary=\"%.*s\"\r\n", SFMT(b)),
		EDIT_ON_TOP);
	if (banner) {
		put_part(x, b, x->banner.text, &front);
		buf_put(&front, S("\r\n"));
	}
	buf_printf(&front, "--%.*s\r\n", SFMT(b));
	buf_put(&front, buf_slice(&fields));
	buf_put(&front, S("\r\n"));
	edit_splice(x, p->body.p, 0, arena_dup(x->a, buf_slice(&front)));
	buf_put(&back, S("\r\n"));
	if (disclaimer) {
		put_part(x, b, x->below, &back);
		buf_put(&back, S("\r\n"));
	}
	buf_printf(&back, "--%.*s--\r\n", SFMT(b));
	edit_splice(x, edit_end(p->body), 0, arena_dup(x->a, buf_slice(&back)));
}

/* ---- all together ---- */

static bool has(const struct place *p, size_t index)
{
	for (size_t i = 0; i < p->n; i++)
		if (p->v[i] == index)
			return true;
	return false;
}

static void into_texts(struct editing *x, const struct place *top, const struct place *bottom)
{
	for (size_t i = 0; i < x->mime.n; i++)
		if (has(top, i) || has(bottom, i))
			edit_text_part(x, i, has(top, i), has(bottom, i));
}

/* Texts whose uuencoded files go, and that get no text of ours. */
static int only_blocks(struct editing *x, const struct place *top, const struct place *bottom)
{
	const struct edit *e = x->e;
	for (size_t i = 0; i < e->nstrip; i++) {
		bool before = false;
		for (size_t k = 0; k < i; k++)
			before = before ||
				 (e->strip[k].part == e->strip[i].part && e->strip[k].block >= 0);
		if (e->strip[i].block >= 0 && !before && !x->gone[e->strip[i].part] &&
			!has(top, e->strip[i].part) && !has(bottom, e->strip[i].part) &&
			!edit_text_part(x, e->strip[i].part, false, false))
			return err_set(x->err, ERR_PROTO,
				"a file cannot be taken out of the text of part %u",
				e->strip[i].part);
	}
	return 0;
}

int edit_place(struct editing *x)
{
	struct place top = {0}, bottom = {0};
	bool banner = x->banner.text.n > 0, disclaimer = x->below.n > 0;
	bool no_top = banner && !find(x, 0, false, &top);
	bool no_bottom = disclaimer && !find(x, 0, true, &bottom);
	into_texts(x, &top, &bottom);
	if (only_blocks(x, &top, &bottom) < 0)
		return -1;
	if (x->gone[0] || !(no_top || no_bottom)) /* edit_strip has put all into the notice */
		return 0;
	x->notes |= EDIT_NO_TEXT | EDIT_BODY;
	if (is_mixed(x, 0) && child(x, 0, 0) >= 0)
		add_parts(x, 0, no_top, no_bottom);
	else
		wrap(x, no_top, no_bottom);
	return 0;
}
