/*
 * Web pages and drawings as files: what their reader sees, where they lead, what they ask for, and
 * files that their scripts build (codec/smuggle.h). Called by files.c and files_mail.c.
 */
#include "base/mem.h"
#include "codec/charset.h"
#include "codec/html.h"
#include "codec/smuggle.h"
#include "content/files.h"

enum {
	PAGE_MAX = 4 << 20, /* of a page that are read as such */
	SCRIPT_LOOK = 64 * 1024, /* of its scripts: where addresses are sought */
	SCRIPT_LINKS = 50,
};

static const struct html_limits limits = {.depth = 200,
	.rules = 500,
	.links = 300,
	.images = 100,
	.value = 8192,
	.text = 256 * 1024,
	.hidden = 64 * 1024,
	.aside = SCRIPT_LOOK};

static bool leads_somewhere(const struct html_link *l)
{
	switch (l->kind) {
	case HTML_LINK_A:
	case HTML_LINK_AREA:
	case HTML_LINK_FORM:
	case HTML_LINK_REFRESH:
	case HTML_LINK_FRAME:
	case HTML_LINK_BASE:
	case HTML_LINK_SCRIPT:
		return true;
	default:
		return false;
	}
}

/* Names of formats, not places: in every drawing. */
static bool is_namespace(slice host)
{
	static const slice v[] = {S_INIT("www.w3.org"), S_INIT("w3.org"), S_INIT("ns.adobe.com"),
		S_INIT("purl.org"), S_INIT("creativecommons.org"), S_INIT("www.inkscape.org"),
		S_INIT("sodipodi.sourceforge.net"), S_INIT("schema.org"),
		S_INIT("schemas.microsoft.com")};
	for (size_t i = 0; i < sizeof v / sizeof *v; i++)
		if (slice_eq(host, v[i]))
			return true;
	return false;
}

static void script_links(struct files_look *k, slice scripts, struct arena *a)
{
	struct url *v;
	size_t n = url_find(slice_first(scripts, SCRIPT_LOOK), k->r->tools->names, a, &v);
	for (size_t i = 0; i < n && i < SCRIPT_LINKS; i++)
		if (!(v[i].flags & (URL_BARE | URL_MAIL)) && !is_namespace(v[i].host))
			k->x.link(k, v[i].text, S(""));
}

void files_read_page(struct files_look *k, slice utf8, struct arena *a)
{
	struct html h;
	html_read(utf8, &limits, a, &h);
	k->x.text(k, h.text);
	for (size_t i = 0; i < h.nlinks; i++)
		if (leads_somewhere(&h.links[i]) && !slice_istarts(h.links[i].target, S("data:")))
			k->x.link(k, h.links[i].target, h.links[i].text);
	if (h.stats.scripts || h.stats.event_handlers)
		k->x.fact(k, EXTRACT_SCRIPT, S(""));
	if (h.stats.password_inputs)
		k->x.fact(k, EXTRACT_FORM, S("password"));
	else if (h.stats.forms && h.stats.inputs > h.stats.hidden_inputs)
		k->x.fact(k, EXTRACT_FORM, S(""));
	script_links(k, h.scripts, a);
}

void files_look_html(struct files_look *k, slice bytes)
{
	AUTO(arena) struct arena a = {0};
	AUTO(buf) struct buf utf8 = BUF(2 * PAGE_MAX);
	struct charset_reading how;
	charset_read(S(""), slice_first(bytes, PAGE_MAX), true, &utf8, &how);
	files_read_page(k, buf_slice(&utf8), &a);
	if (files_of(k)->type == FILETYPE_SVG)
		script_links(k, buf_slice(&utf8), &a);
	smuggle_read(buf_slice(&utf8), &k->limits, &k->x);
}
