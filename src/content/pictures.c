/*
 * Pictures of a letter: attached, inside documents and archives, and inside its HTML (data: URLs).
 * Each is decoded once within what is left of content_limits.pixels, described, and searched for
 * QR codes; what those say becomes links. Called by files.c and read.c. What it is worth as a sign
 * of spam: check_pictures.c; the classifier: pictures_model.c.
 */
#include "content/pictures.h"
#include "content/read.h"

#include "base/b64.h"
#include "base/mem.h"
#include "base/utf8.h"
#include "codec/charset.h"
#include "codec/filetype.h"
#include "codec/html_token.h"
#include "codec/qrcode.h"

enum {
	TINY = 20, /* pixels: with a side below that it is a spacer, a rule or an icon */
	RECORDS_MAX = 200, /* pictures that are told of, decoded or not */
	SAID_MAX = 500, /* bytes of a code that are kept for people */
	CELLS_MIN = 150, /* of tables: fewer draw no code */
	BLOCKS_MIN = 60, /* characters that draw */
	TRIES_DRAWN = 8, /* at codes drawn in the text, whatever pictures took */
	TRIES_MAX = 48, /* at QR codes, of all pictures; one may take 50 ms */
	HTML_MAX = 8 << 20, /* bytes of a part in which data: URLs are sought */
};

static struct content_picture *new_picture(struct content_reader *r)
{
	struct content *c = r->c;
	if (c->npictures == RECORDS_MAX) {
		c->limited = true;
		return NULL;
	}
	if (c->npictures == r->pictures_cap) {
		size_t cap = r->pictures_cap ? 2 * r->pictures_cap : 4;
		struct content_picture *v = ARENA_ARRAY(r->a, struct content_picture, cap);
		if (c->npictures)
			memcpy(v, c->pictures, c->npictures * sizeof *v);
		c->pictures = v;
		r->pictures_cap = cap;
	}
	return &c->pictures[c->npictures++];
}

bool content_picture_inside(const struct content *c, int file)
{
	return file >= 0 &&
	       (c->files[file].depth > 0 || !filetype_is(c->files[file].type, FILETYPE_PICTURE));
}

/* ---- what a code says ---- */

/* "weixin://", "upi:", "mailto:", "https:": a scheme and no blanks. */
static bool is_whole_url(slice s)
{
	size_t colon = slice_index(s, ':');
	for (size_t i = 0; i < colon; i++) {
		char c = ascii_lower(s.p[i]);
		if ((c < 'a' || c > 'z') && (i == 0 || !strchr("0123456789+-.", c) || !c))
			return false;
	}
	for (size_t i = 0; i < s.n; i++)
		if ((unsigned char)s.p[i] <= ' ')
			return false;
	return colon > 1 && colon < s.n - 1;
}

static void add_code(struct content_reader *r, struct content_picture *p, slice said)
{
	struct url *v;
	if (p->qr++ == 0)
		p->said = arena_dup(r->a, utf8_first(said, SAID_MAX));
	slice text = slice_trim(said);
	if (is_whole_url(text)) {
		content_add_link(r, arena_dup(r->a, text), S(""), CONTENT_IN_QR, p->file);
		return;
	}
	size_t n = url_find(arena_dup(r->a, text), r->tools->names, r->a, &v);
	for (size_t i = 0; i < n; i++)
		if (!content_add_link(r, v[i].text, S(""), CONTENT_IN_QR, p->file))
			return;
}

static bool add_codes(struct content_reader *r, struct content_picture *p,
	const struct qrcode v[QRCODES_MAX], unsigned n)
{
	for (unsigned i = 0; i < n; i++)
		add_code(r, p, v[i].text);
	return n > 0;
}

/* Before and after codes are sought: what is left of the tries. */
static unsigned tries_left(const struct content_reader *r)
{
	return TRIES_MAX - r->code_tries;
}

static void tried(struct content_reader *r, unsigned left)
{
	r->code_tries = TRIES_MAX - left;
	if (left == 0)
		r->c->limited = true;
}

static unsigned codes_of(struct content_reader *r, const struct picture *in, struct arena *mem,
	struct qrcode v[QRCODES_MAX])
{
	unsigned left = tries_left(r), n = qrcode_read(in, &left, mem, v);
	tried(r, left);
	return n;
}

/* ---- one picture ---- */

static uint64_t pixels_left(const struct content_reader *r)
{
	return r->limits->pixels > r->pixels ? r->limits->pixels - r->pixels : 0;
}

static void describe(const struct picture *in, struct content_picture *p, struct arena *mem)
{
	struct picture_stats s;
	picture_stats(in, mem, &s);
	p->decoded = true;
	p->hash = s.hash;
	p->flat = s.flat;
	p->text = s.text;
	p->photo = s.photo;
	p->background = s.background;
	p->edges = s.edges;
	p->saturation = s.saturation;
	p->contrast = s.contrast;
	p->colours = s.colours;
}

/* A code may come in a later frame of an animation. */
static void search_frames(
	struct content_reader *r, struct content_picture *p, slice bytes, struct arena *mem)
{
	struct qrcode v[QRCODES_MAX];
	struct picture frame;
	for (unsigned i = 1; i < PICTURE_FRAMES; i++) {
		arena_reset(mem);
		if (picture_read_frame(bytes, i, pixels_left(r), mem, &frame) != PICTURE_READ)
			return;
		r->pixels += (uint64_t)frame.header.width * frame.header.height;
		if (add_codes(r, p, v, codes_of(r, &frame, mem, v)))
			return;
	}
}

static bool may_decode(const struct content_reader *r)
{
	unsigned n = 0;
	for (size_t i = 0; i < r->c->npictures; i++)
		n += r->c->pictures[i].decoded;
	return n < r->limits->pictures;
}

static void decode(struct content_reader *r, struct content_picture *p, slice bytes)
{
	AUTO(arena) struct arena mem = {0};
	struct qrcode v[QRCODES_MAX];
	struct picture in;
	enum picture_result result = picture_read(bytes, pixels_left(r), &mem, &in);
	if (result == PICTURE_LIMIT)
		r->c->limited = true;
	if (result == PICTURE_READ || result == PICTURE_DAMAGED) /* that costs as much */
		r->pixels += (uint64_t)in.header.width * in.header.height;
	if (result != PICTURE_READ)
		return;
	describe(&in, p, &mem);
	if (!add_codes(r, p, v, codes_of(r, &in, &mem, v)) && p->animated)
		search_frames(r, p, bytes, &mem);
}

void content_read_picture(struct content_reader *r, int file, slice bytes)
{
	struct picture_header h;
	if (!picture_header_read(bytes, &h))
		return;
	bool decodable = may_decode(r);
	struct content_picture *p = new_picture(r);
	if (!p)
		return;
	*p = (struct content_picture){
		.file = file, .width = h.width, .height = h.height, .animated = h.animated};
	if (h.width < TINY || h.height < TINY)
		return;
	if (!decodable)
		r->c->limited = true;
	else
		decode(r, p, bytes);
}

/* ---- in the text of the letter ---- */

static void read_data_url(struct content_reader *r, slice url)
{
	AUTO(buf) struct buf bytes = BUF(url.n + 4);
	slice head = slice_first(url, slice_index(url, ','));
	if (head.n == url.n || !slice_iends(head, S(";base64")))
		return;
	b64_decode_tolerant(&bytes, slice_skip(url, head.n + 1));
	content_read_picture(r, -1, buf_slice(&bytes));
}

static void read_data_urls(struct content_reader *r, slice html)
{
	struct html_tokens in = {html, HTML_TAG_OTHER};
	struct html_token *t = ARENA_NEW(r->a, struct html_token);
	while (html_token_next(&in, t)) {
		if (t->kind != HTML_TOKEN_START || t->tag != HTML_TAG_IMG)
			continue;
		slice src = slice_trim(html_attribute(t, S("src")));
		if (slice_istarts(src, S("data:image/")))
			read_data_url(r, src);
	}
}

static void add_drawn(struct content_reader *r, const struct qrcode v[QRCODES_MAX], unsigned n)
{
	struct content_picture *p = n ? new_picture(r) : NULL;
	if (!p)
		return;
	*p = (struct content_picture){.file = -1, .drawn = true};
	add_codes(r, p, v, n);
}

/* Only what may hold a code or a picture is decoded once more: rare. */
static bool has_many_cells(slice skeleton)
{
	size_t n = 0;
	for (size_t i = 0; i < skeleton.n; i++)
		n += skeleton.p[i] == HTML_TAG_TD || skeleton.p[i] == HTML_TAG_TH;
	return n >= CELLS_MIN;
}

static bool has_data_picture(const struct learn_mail *m)
{
	for (size_t i = 0; i < m->nurls; i++)
		if (m->urls[i].kind == HTML_LINK_IMAGE && m->urls[i].url.flags & URL_DATA)
			return true;
	return false;
}

/* Full and half blocks, squares. */
static bool has_many_blocks(slice text)
{
	size_t n = 0;
	while (text.n >= 3 && n < BLOCKS_MIN) {
		text = slice_skip(text, slice_index(text, (char)0xe2));
		n += text.n >= 3 && ((uint8_t)text.p[1] == 0x96 || (uint8_t)text.p[1] == 0xac);
		text = slice_skip(text, 3);
	}
	return n == BLOCKS_MIN;
}

static bool has_many_marks(slice text)
{
	size_t n = 0;
	for (slice rest = text; rest.n && n < BLOCKS_MIN; n++)
		rest = slice_skip(rest, slice_index(rest, '#') + 1);
	return n == BLOCKS_MIN;
}

struct wanted {
	bool cells, blocks, pictures;
};

static void read_html_part(
	struct content_reader *r, const struct mime_part *p, const struct wanted *w)
{
	AUTO(buf) struct buf html = BUF(HTML_MAX), utf8 = BUF(HTML_MAX);
	struct charset_reading how;
	struct qrcode v[QRCODES_MAX];
	unsigned left = tries_left(r);
	mime_decode(p, &html);
	if (w->pictures) /* ASCII in all charsets of mail */
		read_data_urls(r, buf_slice(&html));
	if (w->cells)
		add_drawn(r, v, qrcode_read_html(buf_slice(&html), &left, r->a, v));
	tried(r, left);
	if (!w->blocks)
		return;
	charset_read(mime_param(&p->type, S("charset")), buf_slice(&html), true, &utf8, &how);
	add_drawn(r, v, qrcode_read_html_text(buf_slice(&utf8), &left, r->a, v));
	tried(r, left);
}

void content_read_drawn(struct content_reader *r)
{
	const struct learn_mail *m = &r->c->mail;
	struct qrcode v[QRCODES_MAX];
	if (r->code_tries > TRIES_MAX - TRIES_DRAWN)
		r->code_tries = TRIES_MAX - TRIES_DRAWN;
	bool blocks = has_many_blocks(m->text) || has_many_marks(m->text);
	unsigned left = tries_left(r);
	unsigned n = blocks ? qrcode_read_text(m->text, &left, r->a, v) : 0;
	tried(r, left);
	struct wanted w = {.cells = has_many_cells(m->skeleton),
		.blocks = n == 0 && m->rich && blocks,
		.pictures = has_data_picture(m)};
	add_drawn(r, v, n);
	for (size_t i = 0; i < m->mime->n && (w.cells || w.blocks || w.pictures); i++)
		if (mime_is(&m->mime->v[i], S("text"), S("html")))
			read_html_part(r, &m->mime->v[i], &w);
}
