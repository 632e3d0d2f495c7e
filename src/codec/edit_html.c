/*
 * Where in an HTML text something is put above and below all that is shown (edit_impl.h): inside of
 * <body>, or where a browser would begin and end it when its tags are missing or stand in odd places
 * (WHATWG HTML 13.2.6). And the box that comes in, with styles that the page's own do not change:
 * inline and important, they win over all style sheets.
 *
 * What the box stands in (a body that is not shown) still counts.
 */
#include "base/mem.h"
#include "codec/edit_impl.h"
#include "codec/html_escape.h"
#include "codec/html_token.h"

/* Elements that begin no body. */
static bool is_head(enum html_tag t)
{
	switch (t) {
	case HTML_TAG_HTML:
	case HTML_TAG_HEAD:
	case HTML_TAG_TITLE:
	case HTML_TAG_META:
	case HTML_TAG_LINK:
	case HTML_TAG_STYLE:
	case HTML_TAG_SCRIPT:
	case HTML_TAG_BASE:
	case HTML_TAG_BASEFONT:
	case HTML_TAG_BGSOUND:
	case HTML_TAG_TEMPLATE:
	case HTML_TAG_NOSCRIPT:
	case HTML_TAG_NOFRAMES:
		return true;
	default:
		return false;
	}
}

static bool is_raw(enum html_tag t)
{
	return html_tag_traits(t) & (HTML_RAW | HTML_RCDATA);
}

/* The token is something that is shown. */
static bool is_content(const struct html_token *t)
{
	if (t->kind == HTML_TOKEN_TEXT)
		return !is_raw(t->tag) && slice_trim(t->text).n > 0;
	return t->kind == HTML_TOKEN_START && !is_head(t->tag) && t->tag != HTML_TAG_BODY;
}

/*
 * What swallows the rest of the page: an element of raw text, or a comment, that never ends. Behind
 * its beginning nothing is shown.
 */
struct swallowed {
	size_t at;
	bool open;
};

static void watch(struct swallowed *w, const struct html_token *t, size_t at, slice rest)
{
	if (t->kind == HTML_TOKEN_CUT) {
		*w = (struct swallowed){at, true};
	} else if (t->kind == HTML_TOKEN_START && is_raw(t->tag)) {
		*w = (struct swallowed){at, true};
	} else if (t->kind == HTML_TOKEN_END && is_raw(t->tag)) {
		w->open = false;
	} else if (t->kind == HTML_TOKEN_COMMENT || t->kind == HTML_TOKEN_BOGUS) {
		bool ended = rest.p > t->text.p && rest.p[-1] == '>';
		if (!rest.n && !ended)
			*w = (struct swallowed){at, true};
	}
}

size_t edit_html_top(slice html)
{
	struct html_tokens all = {.rest = html};
	struct html_token t;
	struct swallowed w = {0};
	size_t at = 0;
	while (html_token_next(&all, &t)) {
		size_t next = html.n - all.rest.n;
		watch(&w, &t, at, all.rest);
		if (t.kind == HTML_TOKEN_START && t.tag == HTML_TAG_BODY)
			return next;
		if (is_content(&t))
			return at;
		if (t.kind == HTML_TOKEN_END && t.tag == HTML_TAG_BODY)
			return at;
		at = next;
	}
	return w.open ? w.at : html.n;
}

size_t edit_html_bottom(slice html)
{
	struct html_tokens all = {.rest = html};
	struct html_token t;
	struct swallowed w = {0};
	size_t at = 0, end = 0;
	bool ended = false;
	while (html_token_next(&all, &t)) {
		size_t next = html.n - all.rest.n;
		bool closes = t.kind == HTML_TOKEN_END &&
			      (t.tag == HTML_TAG_BODY || t.tag == HTML_TAG_HTML);
		watch(&w, &t, at, all.rest);
		if (closes && !ended) {
			ended = true;
			end = at;
		} else if (is_content(&t)) { /* browsers take it into the body all the same */
			ended = false;
		}
		at = next;
	}
	if (w.open && !(ended && end <= w.at))
		return w.at;
	return ended ? end : html.n;
}

/* ---- the box ---- */

/* Its lines stay lines. */
static void put_escaped(struct buf *out, slice text)
{
	slice line, part;
	for (bool first = true; slice_cut(&text, '\n', &line); first = false) {
		if (!first)
			buf_put(out, S("<br>\r\n"));
		while (slice_cut(&line, '\r', &part))
			html_escape(out, part);
	}
}

#define SHOWN                                                                                      \
	"display:block !important;visibility:visible !important;opacity:1 !important;\r\n"         \
	"position:static !important;float:none !important;clear:both;width:auto !important;\r\n"   \
	"height:auto !important;max-height:none !important;overflow:visible !important;\r\n"       \
	"transform:none !important;text-indent:0 !important;letter-spacing:normal !important;\r\n" \
	"font:normal 14px/1.5 sans-serif !important;text-align:left;white-space:normal;\r\n"

void edit_html_box(const struct edit_text *t, slice notices, bool banner, struct buf *out)
{
	static const char above[] =
		SHOWN "color:#332b00 !important;background:#fff6d6 !important;\r\n"
		      "border:1px solid #d9b84a !important;margin:0 0 12px 0;padding:8px 12px";
	static const char below[] = SHOWN
		"color:#555555 !important;background:#ffffff !important;\r\n"
		"border:0 !important;border-top:1px solid #cccccc !important;margin:16px 0 0 0;"
		"padding:8px 0";
	buf_printf(out, "\r\n<div style=\"%s\">\r\n", banner ? above : below);
	put_escaped(out, notices);
	if (notices.n && t->text.n)
		buf_put(out, S("<br><br>\r\n"));
	if (t->html.n && t->text.n)
		buf_put(out, t->html);
	else
		put_escaped(out, t->text);
	buf_put(out, S("\r\n</div>\r\n"));
}
