/*
 * A message in the form that learning looks at: MIME undone, charsets read, HTML as it is seen,
 * links collected. Called by content/read, which reads all the rest of a message, too, and by
 * tests.
 *
 * Text parts count whether they are said to be attachments or not: mail programs show them. A
 * message inside the message is read as part of it. What is inside encoded messages, archives and
 * documents is the scanner's business.
 */
#include "learn/mail.h"

#include "base/mem.h"
#include "base/utf8.h"
#include "codec/charset.h"

static bool take_url(struct learn_reading *r, const struct learn_url *u)
{
	if (r->m->nurls >= LEARN_URLS_MAX)
		return false;
	r->m->urls[r->m->nurls++] = *u;
	return true;
}

static void urls_of_text(struct learn_reading *r, slice text)
{
	struct url *v;
	size_t n = url_find(text, r->m->names, r->a, &v);
	for (size_t i = 0; i < n; i++) {
		struct learn_url u = {.url = v[i], .kind = HTML_LINK_A};
		if (!take_url(r, &u))
			return;
	}
}

static void urls_of_html(struct learn_reading *r, const struct html *h)
{
	for (size_t i = 0; i < h->nlinks; i++) {
		const struct html_link *l = &h->links[i];
		struct learn_url u = {.kind = l->kind,
			.in_html = true,
			.text = l->text,
			.hidden = l->hiding != 0};
		if (!url_parse(l->target, r->a, &u.url))
			continue;
		u.deceives = url_deceives(l->text, &u.url, r->m->names, r->a);
		if (!take_url(r, &u))
			return;
	}
}

/* As much as there is room for, and a line end. */
static void append(struct buf *out, slice text)
{
	size_t room = out->limit - out->n;
	if (room < 2)
		return;
	buf_put(out, utf8_first(text, room - 1));
	buf_byte(out, '\n');
}

static void add_stats(struct html_stats *sum, const struct html_stats *h)
{
	enum { COUNTS = offsetof(struct html_stats, visible) / sizeof(unsigned) };
	unsigned a[COUNTS], b[COUNTS];
	memcpy(a, sum, sizeof a);
	memcpy(b, h, sizeof b);
	for (size_t i = 0; i < COUNTS; i++)
		a[i] += b[i];
	memcpy(sum, a, sizeof a);
	sum->visible += h->visible;
	sum->hidden += h->hidden;
	sum->faint += h->faint;
	sum->tiny += h->tiny;
	sum->zero_width += h->zero_width;
	sum->zero_width_in_words += h->zero_width_in_words;
	sum->hiding |= h->hiding;
}

static void read_html(struct learn_reading *r, slice utf8)
{
	struct html h;
	html_read(utf8, &html_limits_default, r->a, &h);
	append(&r->rich, h.text);
	append(&r->hidden, h.hidden);
	r->m->rich += h.text.n;
	add_stats(&r->m->html, &h.stats);
	if (h.skeleton.n > r->m->skeleton.n)
		r->m->skeleton = h.skeleton;
	urls_of_html(r, &h);
	urls_of_text(r, h.text);
}

static void read_plain(struct learn_reading *r, slice utf8)
{
	append(&r->plain, utf8);
	r->m->plain += utf8.n;
	urls_of_text(r, utf8);
}

void learn_reading_part(struct learn_reading *r, const struct mime_part *p)
{
	AUTO(buf) struct buf raw = BUF(LEARN_PART_MAX), utf8 = BUF(2 * LEARN_PART_MAX);
	struct charset_reading how;
	bool html = mime_is(p, S("text"), S("html"));
	mime_decode(p, &raw);
	charset_read(mime_param(&p->type, S("charset")), buf_slice(&raw), html, &utf8, &how);
	r->m->charset_lies += how.lied;
	r->m->charset_unknown += how.unknown;
	r->m->charset_replaced += how.replaced > 0;
	slice text = arena_dup(r->a, buf_slice(&utf8));
	if (html)
		read_html(r, text);
	else
		read_plain(r, text);
}

static void add_undone(struct text_undone *sum, const struct text_undone *u)
{
	enum { COUNTS = sizeof *u / sizeof(size_t) };
	size_t a[COUNTS], b[COUNTS];
	memcpy(a, sum, sizeof a);
	memcpy(b, u, sizeof b);
	for (size_t i = 0; i < COUNTS; i++)
		a[i] += b[i];
	memcpy(sum, a, sizeof a);
}

static slice normal(struct learn_mail *m, slice text, bool count, struct arena *a)
{
	AUTO(buf) struct buf out = BUF(4 * text.n + 64);
	struct text_undone undone = {0};
	text_normalise(text, &out, &undone);
	if (count)
		add_undone(&m->undone, &undone);
	return arena_dup(a, buf_slice(&out));
}

void learn_mail_normalise(struct learn_mail *m, struct arena *a)
{
	m->undone = (struct text_undone){0};
	m->normal = normal(m, m->text, true, a);
	m->normal_subject = normal(m, m->subject, true, a);
	m->normal_hidden = normal(m, m->hidden, false, a);
}

static void read_parts(struct learn_reading *r)
{
	const struct mime *mime = r->m->mime;
	for (size_t i = 0; i < mime->n; i++)
		if (mime_is(&mime->v[i], S("text"), S("")) && !mime->v[i].multipart)
			learn_reading_part(r, &mime->v[i]);
}

/* HTML first: it is what is shown. */
static slice joined(const struct learn_reading *r)
{
	char *p = arena_alloc(r->a, r->rich.n + r->plain.n + 1);
	if (r->rich.n)
		memcpy(p, r->rich.p, r->rich.n);
	if (r->plain.n)
		memcpy(p + r->rich.n, r->plain.p, r->plain.n);
	return slice_of(p, r->rich.n + r->plain.n);
}

void learn_reading_begin(struct learn_reading *r, const struct mime *mime,
	const struct url_names *names, struct arena *a, struct learn_mail *ret)
{
	struct header_field f;
	*ret = (struct learn_mail){.mime = mime, .names = names, .header = mime->v[0].header};
	if (header_find(ret->header, S("subject"), 0, &f))
		ret->subject = header_text(f.value, a);
	ret->urls = ARENA_ARRAY(a, struct learn_url, LEARN_URLS_MAX);
	*r = (struct learn_reading){
		ret, a, BUF(LEARN_TEXT_MAX / 2), BUF(LEARN_TEXT_MAX / 2), BUF(LEARN_TEXT_MAX / 4)};
}

void learn_reading_end(struct learn_reading *r)
{
	r->m->text = joined(r);
	r->m->html_text = r->rich.n;
	r->m->hidden = arena_dup(r->a, buf_slice(&r->hidden));
	buf_done(&r->plain);
	buf_done(&r->rich);
	buf_done(&r->hidden);
	learn_mail_normalise(r->m, r->a);
}

void learn_mail_read(
	slice message, const struct url_names *names, struct arena *a, struct learn_mail *ret)
{
	struct mime *mime = ARENA_NEW(a, struct mime);
	struct learn_reading r;
	mime_parse(message, &mime_limits_default, a, mime);
	learn_reading_begin(&r, mime, names, a, ret);
	read_parts(&r);
	learn_reading_end(&r);
}
