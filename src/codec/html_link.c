/*
 * Where HTML leads and what it loads (html_reader.h): links, forms, pictures, frames, refreshes,
 * url() in styles. Called by html.c for each start tag.
 */
#include "codec/html_reader.h"

#include "base/must.h"
#include <stdlib.h>

enum { TRACKER_SIZE = 3 /* pixels: smaller ones are not for eyes */ };

/* ---- targets ---- */

static bool has_scheme(slice s)
{
	size_t i = 0;
	while (i < s.n && ((ascii_lower(s.p[i]) >= 'a' && ascii_lower(s.p[i]) <= 'z') ||
				  (i && (s.p[i] == '+' || s.p[i] == '-' || s.p[i] == '.' ||
						(s.p[i] >= '0' && s.p[i] <= '9')))))
		i++;
	return i && i < s.n && s.p[i] == ':';
}

/* As browsers do: without blanks and controls around it, without line ends and tabs inside. */
static slice clean(struct html_reader *r, slice s)
{
	while (s.n && (unsigned char)s.p[0] <= ' ')
		s = slice_skip(s, 1);
	while (s.n && (unsigned char)s.p[s.n - 1] <= ' ')
		s.n--;
	if (slice_index(s, '\n') == s.n && slice_index(s, '\r') == s.n &&
		slice_index(s, '\t') == s.n)
		return s;
	char *out = arena_alloc(r->mem, s.n + 1);
	size_t n = 0;
	for (size_t i = 0; i < s.n; i++)
		if (!strchr("\t\r\n", s.p[i]) || !s.p[i])
			out[n++] = s.p[i];
	return slice_of(out, n);
}

/* "https://example.org" of "https://example.org/a/b". */
static size_t origin_length(slice base)
{
	size_t at = slice_find(base, S("//"));
	if (at == base.n)
		return base.n;
	return at + 2 + slice_index(slice_skip(base, at + 2), '/');
}

static slice with_base(struct html_reader *r, slice s)
{
	slice base = r->base;
	if (!base.n || !s.n || s.p[0] == '#' || has_scheme(s))
		return s;
	if (slice_starts(s, S("//")))
		base = slice_first(base, slice_index(base, ':') + 1);
	else if (s.p[0] == '/')
		base = slice_first(base, origin_length(base));
	else if (slice_rindex(base, '/') < origin_length(base))
		base = slice_first(base, origin_length(base));
	else
		base = slice_first(base, slice_rindex(base, '/') + 1);
	bool slash = s.p[0] != '/' && !slice_ends(base, S("/")) && s.p[0] != '?';
	return arena_printf(r->mem, "%.*s%s%.*s", SFMT(base), slash ? "/" : "", SFMT(s));
}

/* ---- the lists ---- */

static struct html_link *add_link(struct html_reader *r, enum html_link_kind kind, slice target)
{
	struct html *h = r->html;
	if (h->nlinks == r->limits->links) {
		h->limits |= HTML_LIMIT_LINKS;
		return NULL;
	}
	if (h->nlinks == r->link_room) {
		size_t room = r->link_room ? 2 * r->link_room : 16;
		struct html_link *v = ARENA_ARRAY(r->mem, struct html_link, room);
		struct html_span *spans = ARENA_ARRAY(r->mem, struct html_span, room);
		if (h->nlinks) {
			memcpy(v, h->links, h->nlinks * sizeof *v);
			memcpy(spans, r->spans, h->nlinks * sizeof *spans);
		}
		h->links = v;
		r->spans = spans;
		r->link_room = room;
	}
	target = clean(r, target);
	h->stats.javascript_links +=
		slice_istarts(target, S("javascript:")) || slice_istarts(target, S("vbscript:"));
	h->stats.data_links += slice_istarts(target, S("data:"));
	h->stats.data_html_links += slice_istarts(target, S("data:text/html")) ||
				    slice_istarts(target, S("data:image/svg"));
	h->stats.cid_links += slice_istarts(target, S("cid:"));
	struct html_link *link = &h->links[h->nlinks++];
	*link = (struct html_link){.kind = kind, .hiding = html_top(r)->style.hiding};
	link->target = with_base(r, target);
	return link;
}

static struct html_link *add_attribute(
	struct html_reader *r, enum html_link_kind kind, const struct html_token *t, slice name)
{
	bool cut;
	slice raw = html_attribute(t, name);
	if (!raw.p || !raw.n)
		return NULL;
	slice target = html_value(r, raw, &cut);
	struct html_link *link = add_link(r, kind, target);
	if (link)
		link->truncated = cut;
	return link;
}

void html_found_url(void *reader, slice target, bool import)
{
	bool cut;
	struct html_reader *r = reader;
	slice value = html_value(r, target, &cut);
	struct html_link *link =
		value.n ? add_link(r, import ? HTML_LINK_STYLE : HTML_LINK_BACKGROUND, value)
			: NULL;
	if (link)
		link->truncated = cut;
}

/* ---- links with text ---- */

void html_end_link(struct html_reader *r, struct html_open *o)
{
	if (!o->link)
		return;
	size_t end = r->seen.b.n;
	r->spans[o->link - 1] = (struct html_span){o->from, end > o->from ? end : o->from};
	o->link = 0;
}

static void begin_link(struct html_reader *r, struct html_open *o, struct html_link *link)
{
	html_end_link(r, o);
	if (!link)
		return;
	o->link = (size_t)(link - r->html->links) + 1;
	o->from = r->seen.b.n;
}

void html_place_spans(struct html_reader *r)
{
	struct html *h = r->html;
	for (size_t i = 0; i < h->nlinks; i++) {
		struct html_span s = r->spans[i];
		if (s.to > s.from && !h->links[i].text.p)
			h->links[i].text = slice_trim(slice_of(h->text.p + s.from, s.to - s.from));
	}
}

static void anchor(struct html_reader *r, const struct html_token *t, slice name)
{
	bool cut;
	struct html_link *link = add_attribute(r, HTML_LINK_A, t, name);
	if (link)
		link->title = html_value(r, html_attribute(t, S("title")), &cut);
	begin_link(r, &r->a, link);
}

/* ---- pictures ---- */

static int pixels(
	const struct html_token *t, slice name, const struct css_values *own, enum css_property p)
{
	struct css_value v;
	if (own && own->set & 1u << p && own->v[p].unit != CSS_PERCENT)
		return (int)own->v[p].n;
	slice s = html_attribute(t, name);
	if (!s.p || !css_length(s, &v) || v.unit == CSS_PERCENT || v.n < 0 || v.n > 100000)
		return -1;
	return (int)v.n;
}

static bool is_remote(slice target)
{
	return slice_istarts(target, S("http:")) || slice_istarts(target, S("https:")) ||
	       slice_starts(target, S("//")) || slice_istarts(target, S("ftp:"));
}

static struct html_image *add_image(struct html_reader *r)
{
	struct html *h = r->html;
	h->stats.images++;
	if (h->nimages == r->limits->images) {
		h->limits |= HTML_LIMIT_IMAGES;
		return NULL;
	}
	if (h->nimages == r->image_room) {
		size_t room = r->image_room ? 2 * r->image_room : 16;
		struct html_image *v = ARENA_ARRAY(r->mem, struct html_image, room);
		if (h->nimages)
			memcpy(v, h->images, h->nimages * sizeof *v);
		h->images = v;
		r->image_room = room;
	}
	return &h->images[h->nimages++];
}

/* Its own style is needed: an <img> is never on the stack. */
static void picture(struct html_reader *r, const struct html_token *t)
{
	struct html_image *image = add_image(r);
	struct css_values own = {0};
	bool cut;
	struct html_link *link = add_attribute(r, HTML_LINK_IMAGE, t, S("src"));
	if (r->a.link)
		r->html->links[r->a.link - 1].has_image = true;
	if (!image)
		return;
	slice style = html_value(r, html_attribute(t, S("style")), &cut);
	css_declarations(style, NULL, r->mem, &own);
	struct html_style s = html_style_of(&html_top(r)->style, &own);
	*image = (struct html_image){.width = pixels(t, S("width"), &own, CSS_WIDTH),
		.height = pixels(t, S("height"), &own, CSS_HEIGHT),
		.hiding = s.gone | (s.invisible ? HTML_HIDDEN_VISIBILITY : 0)};
	image->alt = html_value(r, html_attribute(t, S("alt")), &cut);
	image->src = link ? link->target : (slice){0};
	image->remote = is_remote(image->src);
	image->cid = slice_istarts(image->src, S("cid:"));
	image->data = slice_istarts(image->src, S("data:"));
	bool small = image->width >= 0 && image->width < TRACKER_SIZE && image->height >= 0 &&
		     image->height < TRACKER_SIZE;
	image->tracker = image->remote && (small || image->hiding);
	r->html->stats.images_remote += image->remote;
	r->html->stats.trackers += image->tracker;
}

/* "a.png 1x, b.png 2x": the first. */
static void srcset(struct html_reader *r, const struct html_token *t, enum html_link_kind kind)
{
	bool cut;
	slice s = slice_trim(html_value(r, html_attribute(t, S("srcset")), &cut));
	size_t n = 0;
	while (n < s.n && !strchr(" ,\t\r\n", s.p[n]))
		n++;
	if (n)
		add_link(r, kind, slice_first(s, n));
}

/* ---- meta ---- */

void html_meta(struct html_reader *r, const struct html_token *t)
{
	bool cut;
	r->html->stats.metas++;
	if (!slice_ieq(slice_trim(html_attribute(t, S("http-equiv"))), S("refresh")))
		return;
	slice s = html_value(r, html_attribute(t, S("content")), &cut);
	size_t at = 0;
	while (at < s.n && s.p[at] != ';' && s.p[at] != ',')
		at++;
	s = slice_trim(slice_skip(s, at + 1));
	if (slice_istarts(s, S("url"))) {
		slice rest = slice_trim(slice_skip(s, 3));
		s = slice_starts(rest, S("=")) ? slice_trim(slice_skip(rest, 1)) : s;
	}
	if (s.n && (s.p[0] == '"' || s.p[0] == '\'')) {
		slice rest = slice_skip(s, 1);
		s = slice_first(rest, slice_index(rest, s.p[0]));
	}
	if (s.n)
		add_link(r, HTML_LINK_REFRESH, s);
}

static void base(struct html_reader *r, const struct html_token *t)
{
	struct html_link *link = add_attribute(r, HTML_LINK_BASE, t, S("href"));
	r->html->stats.bases++;
	if (link && !r->base.n && is_remote(link->target))
		r->base = link->target;
}

void html_tag_links(struct html_reader *r, const struct html_token *t)
{
	add_attribute(r, HTML_LINK_BACKGROUND, t, S("background"));
	switch (t->tag) {
	case HTML_TAG_A:
		anchor(r, t, S("href"));
		if (!r->a.link) /* in SVG */
			anchor(r, t, S("xlink:href"));
		break;
	case HTML_TAG_V_RECT:
	case HTML_TAG_V_ROUNDRECT: /* Outlook's buttons */
		add_attribute(r, HTML_LINK_A, t, S("href"));
		break;
	case HTML_TAG_AREA: {
		bool cut;
		struct html_link *link = add_attribute(r, HTML_LINK_AREA, t, S("href"));
		if (link)
			link->title = html_value(r, html_attribute(t, S("alt")), &cut);
		break;
	}
	case HTML_TAG_FORM:
		begin_link(r, &r->form, add_attribute(r, HTML_LINK_FORM, t, S("action")));
		break;
	case HTML_TAG_BUTTON:
	case HTML_TAG_INPUT:
		add_attribute(r, HTML_LINK_FORM, t, S("formaction"));
		if (slice_ieq(html_attribute(t, S("type")), S("image")))
			add_attribute(r, HTML_LINK_IMAGE, t, S("src"));
		break;
	case HTML_TAG_IMG:
		picture(r, t);
		srcset(r, t, HTML_LINK_IMAGE);
		break;
	case HTML_TAG_V_FILL:
	case HTML_TAG_V_IMAGEDATA:
		add_attribute(r, HTML_LINK_BACKGROUND, t, S("src"));
		break;
	case HTML_TAG_IFRAME:
	case HTML_TAG_FRAME:
	case HTML_TAG_EMBED:
	case HTML_TAG_BGSOUND:
		add_attribute(r, HTML_LINK_FRAME, t, S("src"));
		break;
	case HTML_TAG_OBJECT:
		add_attribute(r, HTML_LINK_FRAME, t, S("data"));
		break;
	case HTML_TAG_LINK:
		add_attribute(r, HTML_LINK_STYLE, t, S("href"));
		break;
	case HTML_TAG_SCRIPT:
		add_attribute(r, HTML_LINK_SCRIPT, t, S("src"));
		break;
	case HTML_TAG_AUDIO:
	case HTML_TAG_VIDEO:
	case HTML_TAG_SOURCE:
	case HTML_TAG_TRACK:
		add_attribute(r, HTML_LINK_MEDIA, t, S("src"));
		add_attribute(r, HTML_LINK_MEDIA, t, S("poster"));
		srcset(r, t, HTML_LINK_MEDIA);
		break;
	case HTML_TAG_BASE:
		base(r, t);
		break;
	case HTML_TAG_META:
		html_meta(r, t);
		break;
	default:
		break;
	}
}
