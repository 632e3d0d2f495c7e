/*
 * Reading a letter once, whole: its texts and their links by learn/mail, everything else
 * (attachments and what is inside them, pictures) by files.c and pictures.c, which give their texts
 * and links back here. Called by examine.c, by the trainer and by tests.
 *
 * A text part without file name that is not said to be an attachment is body text; a mail program
 * shows it. What is inside an encoded message or multipart, which RFC 2045 6.4 forbids, is read
 * too.
 */
#include "content/read.h"

#include "base/mem.h"
#include "base/utf8.h"
#include "codec/address.h"
#include "content/pictures.h"

enum { INSIDE_MAX = 4 }; /* encoded structures inside each other */

const struct content_limits content_limits_default = {
	.files = 1000,
	.depth = 8,
	.unpacked = 128 << 20,
	.text = 1 << 20,
	.links = 1000,
	.pictures = 32,
	.pixels = 40 * 1000 * 1000,
};

/* ---- what files and pictures give ---- */

static struct content_link *new_link(struct content_reader *r)
{
	struct content *c = r->c;
	if (c->nlinks == r->links_cap) {
		size_t cap = r->links_cap ? 2 * r->links_cap : 16;
		struct content_link *v = ARENA_ARRAY(r->a, struct content_link, cap);
		if (c->nlinks)
			memcpy(v, c->links, c->nlinks * sizeof *v);
		c->links = v;
		r->links_cap = cap;
	}
	return &c->links[c->nlinks++];
}

bool content_add_link(
	struct content_reader *r, slice target, slice text, enum content_where where, int file)
{
	struct url url;
	if (r->links_room == 0) {
		r->c->limited = true;
		return false;
	}
	if (!url_parse(target, r->a, &url))
		return true;
	r->links_room--;
	slice seen = arena_dup(r->a, utf8_first(text, CONTENT_LINK_TEXT_MAX));
	*new_link(r) = (struct content_link){.url = url,
		.where = where,
		.text = seen,
		.file = file,
		.kind = HTML_LINK_A,
		.deceives = url_deceives(seen, &url, r->tools->names, r->a)};
	return true;
}

void content_add_text(struct content_reader *r, slice utf8)
{
	size_t room = r->limits->text - r->attached.n;
	if (utf8.n + 1 > room)
		r->c->limited = true;
	if (room < 2)
		return;
	buf_put(&r->attached, utf8_first(utf8, room - 1));
	buf_byte(&r->attached, '\n');
}

/* ---- parts ---- */

static bool is_body(const struct mime_part *p, struct arena *a)
{
	if (mime_is(p, S("multipart"), S("")))
		return true; /* one that nobody can take apart is shown as it is */
	if (!mime_is(p, S("text"), S("")) || mime_is(p, S("text"), S("calendar")) ||
		mime_is(p, S("text"), S("rtf")))
		return false;
	if (p->parent < 0)
		return p->encoding != MIME_UUENCODE;
	return !slice_eq(p->disposition.main, S("attachment")) && mime_filename(p, a).n == 0;
}

static bool has_structure(const struct mime_part *p)
{
	bool outer = mime_is(p, S("multipart"), S("")) || mime_is(p, S("message"), S("rfc822")) ||
		     mime_is(p, S("message"), S("global"));
	return outer && p->encoding >= MIME_QP && p->encoding <= MIME_UUENCODE;
}

static void read_parts(struct content_reader *r, struct learn_reading *text, const struct mime *m,
	unsigned inside, int as_part);

static void read_inside(struct content_reader *r, struct learn_reading *text,
	const struct mime_part *p, unsigned inside, int as_part)
{
	AUTO(buf) struct buf raw = BUF(p->body.n + 1);
	struct mime m;
	mime_decode(p, &raw);
	mime_parse_inside(p, arena_dup(r->a, buf_slice(&raw)), &mime_limits_default, r->a, &m);
	read_parts(r, text, &m, inside + 1, as_part);
}

/* Bodies that hold files between their lines. */
static void read_uu(struct content_reader *r, const struct mime_part *p, unsigned index)
{
	if (slice_find(p->body, S("begin ")) == p->body.n)
		return;
	AUTO(buf) struct buf raw = BUF(p->body.n + 1);
	mime_decode(p, &raw);
	content_read_uu(r, index, buf_slice(&raw));
}

static void read_file(struct content_reader *r, const struct mime_part *p, unsigned index)
{
	AUTO(buf) struct buf raw = BUF(p->body.n + 1);
	mime_decode(p, &raw);
	content_read_file(r, index, mime_filename(p, r->a), p->type.main, buf_slice(&raw));
}

/*
 * In two rounds: with `text` its texts; without, its files, which may need what the texts say.
 * as_part: the part of the message that all this is inside of; -1: it is the message.
 */
static void read_parts(struct content_reader *r, struct learn_reading *text, const struct mime *m,
	unsigned inside, int as_part)
{
	for (size_t i = 0; i < m->n; i++) {
		const struct mime_part *p = &m->v[i];
		int index = as_part < 0 ? (int)i : as_part;
		if (p->multipart || p->message)
			continue;
		if (has_structure(p) && inside < INSIDE_MAX)
			read_inside(r, text, p, inside, index);
		else if (text && is_body(p, r->a))
			learn_reading_part(text, p);
		else if (!text && is_body(p, r->a))
			read_uu(r, p, (unsigned)index);
		else if (!text)
			read_file(r, p, (unsigned)index);
	}
}

/* ---- links of the body, in front of those of attachments ---- */

static void join_links(struct content_reader *r)
{
	struct content *c = r->c;
	const struct learn_mail *m = &c->mail;
	size_t n = m->nurls + c->nlinks;
	struct content_link *v = ARENA_ARRAY(r->a, struct content_link, n);
	for (size_t i = 0; i < m->nurls; i++)
		v[i] = (struct content_link){.url = m->urls[i].url,
			.where = m->urls[i].in_html ? CONTENT_IN_HTML : CONTENT_IN_TEXT,
			.text = m->urls[i].text,
			.file = -1,
			.kind = m->urls[i].kind,
			.hidden = m->urls[i].hidden,
			.deceives = m->urls[i].deceives};
	if (c->nlinks)
		memcpy(v + m->nurls, c->links, c->nlinks * sizeof *v);
	c->links = v;
	c->nlinks = n;
}

/* ---- who wrote it ---- */

static slice plain_address(const struct header_address *h, struct arena *a)
{
	slice domain;
	if (!h->valid || !domain_to_ascii(h->domain, a, &domain))
		return h->address;
	return arena_printf(a, "%.*s@%.*s", SFMT(h->local), SFMT(domain));
}

static slice address_of(const struct content *c, slice field, struct arena *a, slice *ret_name)
{
	struct header_field f;
	struct header_address *v;
	if (!header_find(c->mail.header, field, 0, &f))
		return S("");
	size_t n = header_addresses(f.value, a, &v);
	if (n == 0)
		return S("");
	size_t i = 0;
	while (i + 1 < n && !v[i].domain.n) /* "Bank, <x@y.example>": a comma that nobody quoted */
		i++;
	if (ret_name)
		*ret_name = v[i].display;
	return plain_address(&v[i], a);
}

static void read_people(struct content *c, struct arena *a)
{
	c->from_address = address_of(c, S("from"), a, &c->from_name);
	c->reply_address = address_of(c, S("reply-to"), a, NULL);
	c->sender_address = address_of(c, S("sender"), a, NULL);
}

static slice one_spelling(slice text, struct arena *a)
{
	AUTO(buf) struct buf out = BUF(4 * text.n + 64);
	struct text_undone undone = {0};
	text_normalise(text, &out, &undone);
	return arena_dup(a, buf_slice(&out));
}

void content_read(slice message, const struct content_tools *t, const struct content_limits *l,
	struct arena *a, struct content *ret)
{
	struct learn_reading text;
	*ret = (struct content){.message = message, .mime = ARENA_NEW(a, struct mime)};
	struct content_reader r = {.c = ret,
		.tools = t,
		.limits = l,
		.a = a,
		.attached = BUF(l->text),
		.links_room = l->links};
	mime_parse(message, &mime_limits_default, a, ret->mime);
	learn_reading_begin(&text, ret->mime, t->names, a, &ret->mail);
	read_people(ret, a);
	read_parts(&r, &text, ret->mime, 0, -1);
	learn_reading_end(&text);
	read_parts(&r, NULL, ret->mime, 0, -1);
	content_read_drawn(&r);
	join_links(&r);
	if (t->pictures)
		content_judge_pictures(ret, t->pictures);
	ret->attached = arena_dup(a, buf_slice(&r.attached));
	ret->attached_normal = one_spelling(ret->attached, a);
	buf_done(&r.attached);
}
