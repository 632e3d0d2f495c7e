/*
 * Parts that are taken out (edit_impl.h). A part of a multipart becomes a text part with the notice; a
 * message whose only content goes keeps its other fields; in a multipart/alternative, where readers see
 * the last part that they know, the notice of anything but a text goes below the other texts. What was
 * signed or encrypted around it is a multipart/mixed from then on: its signature does not hold any more.
 */
#include "base/mem.h"
#include "codec/edit_impl.h"

static bool is_container(const struct mime_part *p)
{
	return mime_is(p, S("multipart"), S(""));
}

/* What the notice stands between, where it is all that there is. */
static slice with_texts(struct editing *x, size_t index, slice notice)
{
	AUTO(buf) struct buf out = BUF(4 * EDIT_TEXT_MAX + notice.n);
	if (index > 0)
		return notice;
	if (x->banner.text.n)
		buf_printf(&out, "%.*s\r\n\r\n", SFMT(x->banner.text));
	buf_put(&out, notice);
	if (x->disclaimer.text.n)
		buf_printf(&out, "\r\n\r\n%.*s", SFMT(x->disclaimer.text));
	return arena_dup(x->a, buf_slice(&out));
}

/* The content of a message: its other fields stay. */
static void replace_content(struct editing *x, size_t index, slice notice)
{
	const struct mime_part *p = &x->mime.v[index];
	AUTO(buf) struct buf part = BUF(16 * EDIT_TEXT_MAX + 8 * notice.n);
	AUTO(buf) struct buf fields = BUF(p->header.n + 2);
	edit_put_text_part(x, with_texts(x, index, notice), &part);
	slice made = buf_slice(&part);
	size_t n = header_length(made);
	edit_close_header(x, index);
	edit_ensure_mime(x, p);
	edit_take_content_fields(x, p, &fields);
	edit_splice_ranked(x, edit_header_top(x, p), 0, arena_dup(x->a, slice_first(made, n - 2)),
		EDIT_ON_TOP);
	edit_splice(x, p->body.p, p->body.n,
		arena_printf(x->a, "%.*s%s", SFMT(slice_skip(made, n)),
			slice_ends(p->body, S("\n")) || p->parent < 0 ? "\r\n" : ""));
}

static void replace_part(struct editing *x, size_t index, slice notice)
{
	const struct mime_part *p = &x->mime.v[index];
	AUTO(buf) struct buf part = BUF(16 * EDIT_TEXT_MAX + 8 * notice.n);
	edit_put_text_part(x, notice, &part);
	if (slice_ends(p->body, S("\n")) || !p->body.n)
		buf_put(&part, S("\r\n"));
	const char *end = edit_end(p->body);
	edit_splice(x, p->header.p, (size_t)(end - p->header.p), arena_dup(x->a, buf_slice(&part)));
}

/* A calendar entry, an AMP page ... beside texts. */
static bool is_odd_alternative(const struct editing *x, size_t index)
{
	const struct mime_part *p = &x->mime.v[index];
	if (p->parent < 0 || !mime_is(&x->mime.v[p->parent], S("multipart"), S("alternative")) ||
		mime_is(p, S("text"), S("plain")) || mime_is(p, S("text"), S("html")))
		return false;
	for (size_t i = 0; i < x->mime.n; i++)
		if (x->mime.v[i].parent == p->parent && i != index && !x->gone[i])
			return true;
	return false;
}

/* It goes with the delimiter before it. */
static void remove_part(struct editing *x, size_t index)
{
	const struct mime_part *p = &x->mime.v[index];
	const char *from = p->header.p - 1, *end = edit_end(p->body);
	while (from > x->message.p && from[-1] != '\n')
		from--;
	if (end < edit_end(x->message) && *end == '\r')
		end++;
	if (end < edit_end(x->message) && *end == '\n')
		end++;
	edit_splice(x, from, (size_t)(end - from), S(""));
}

static void add_notice(struct editing *x, slice notice)
{
	x->notices = x->notices.n
			     ? arena_printf(x->a, "%.*s\r\n%.*s", SFMT(x->notices), SFMT(notice))
			     : notice;
}

/* As a parameter's value between quotes. */
static slice quotable(slice s, struct arena *a)
{
	AUTO(buf) struct buf out = BUF(2 * s.n + 1);
	for (size_t i = 0; i < s.n; i++) {
		if (s.p[i] == '"' || s.p[i] == '\\')
			buf_byte(&out, '\\');
		buf_byte(&out, s.p[i]);
	}
	return arena_dup(a, buf_slice(&out));
}

/* Everything around it that vouches for it. */
static void open_around(struct editing *x, size_t index)
{
	for (int i = x->mime.v[index].parent; i >= 0; i = x->mime.v[i].parent) {
		const struct mime_part *p = &x->mime.v[i];
		if (x->opened[i] || !is_container(p) ||
			!(edit_is_signed(p) || edit_is_encrypted(p)))
			continue;
		x->opened[i] = true;
		edit_set_field(x, p, S("Content-Type"),
			arena_printf(x->a, "Content-Type: multipart/mixed; boundary=\"%.*s\"\r\n",
				SFMT(quotable(mime_param(&p->type, S("boundary")), x->a))));
	}
}

static bool around_is_gone(const struct editing *x, size_t index)
{
	for (int i = x->mime.v[index].parent; i >= 0; i = x->mime.v[i].parent)
		if (x->gone[i])
			return true;
	return false;
}

static void strip_one(struct editing *x, const struct edit_strip *s)
{
	const struct mime_part *p = &x->mime.v[s->part];
	slice notice = edit_tidy(s->notice, x->a);
	open_around(x, s->part);
	if (p->parent < 0 || x->mime.v[p->parent].message)
		replace_content(x, s->part, notice);
	else if (is_odd_alternative(x, s->part)) {
		remove_part(x, s->part);
		add_notice(x, notice);
	} else {
		replace_part(x, s->part, notice);
	}
}

/* Children of what is gone are gone, too; parents come first in the list of parts. */
static void mark_gone(struct editing *x)
{
	const struct edit *e = x->e;
	for (size_t i = 0; i < e->nstrip; i++)
		if (e->strip[i].block < 0)
			x->gone[e->strip[i].part] = true;
}

static int check(struct editing *x)
{
	const struct edit *e = x->e;
	if (e->nstrip > EDIT_STRIP_MAX)
		return err_set(x->err, ERR_LIMIT, "more than %d parts are to be taken out",
			(int)EDIT_STRIP_MAX);
	for (size_t i = 0; i < e->nstrip; i++) {
		size_t blocks = 0;
		if (e->strip[i].part >= x->mime.n)
			return err_set(
				x->err, ERR_PROTO, "the message has no part %u", e->strip[i].part);
		for (size_t k = 0; k < e->nstrip; k++)
			blocks += e->strip[k].part == e->strip[i].part && e->strip[k].block >= 0;
		if (blocks > EDIT_BLOCKS_MAX)
			return err_set(x->err, ERR_LIMIT, "more than %d files in one text",
				(int)EDIT_BLOCKS_MAX);
		if (e->strip[i].notice.n > EDIT_TEXT_MAX)
			return err_set(x->err, ERR_LIMIT, "a notice has more than %d bytes",
				(int)EDIT_TEXT_MAX);
	}
	return 0;
}

static slice below(const struct editing *x)
{
	slice n = x->notices, d = x->disclaimer.text;
	return !n.n ? d : !d.n ? n : arena_printf(x->a, "%.*s\r\n\r\n%.*s", SFMT(n), SFMT(d));
}

int edit_strip(struct editing *x)
{
	const struct edit *e = x->e;
	if (check(x) < 0)
		return -1;
	mark_gone(x);
	bool *done = ARENA_ARRAY(x->a, bool, x->mime.n);
	for (size_t i = 0; i < e->nstrip; i++) {
		const struct edit_strip *s = &e->strip[i];
		if (s->block >= 0)
			open_around(x, s->part);
		if (s->block >= 0 || done[s->part] || around_is_gone(x, s->part))
			continue;
		done[s->part] = true;
		x->notes |= EDIT_BODY;
		strip_one(x, s);
	}
	for (size_t i = 0; i < x->mime.n; i++)
		x->gone[i] = x->gone[i] || around_is_gone(x, i);
	x->below = below(x);
	return 0;
}
