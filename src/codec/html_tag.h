/*
 * The elements of HTML that matter here, and what is special about each.
 */
#pragma once
#include "base/slice.h"

enum html_trait {
	HTML_VOID = 1, /* has no content and no end tag */
	HTML_BLOCK = 2, /* stands on lines of its own */
	HTML_PARAGRAPH = 4, /* with an empty line around it */
	HTML_NEVER = 8, /* its content is never drawn */
	HTML_RAW = 16, /* its content is text up to its end tag */
	HTML_RCDATA = 32, /* the same, with entities */
	HTML_FORMATTING = 64, /* may be closed across blocks */
	HTML_SPECIAL = 128, /* an end tag of another element does not reach across it */
	HTML_CLOSES_P = 256,
	HTML_SCOPE = 512, /* no end tag reaches out of it */
};

/* clang-format off */
#define HTML_TAGS(X) \
	X(A, "a", HTML_FORMATTING) \
	X(ADDRESS, "address", HTML_BLOCK | HTML_SPECIAL | HTML_CLOSES_P) \
	X(APPLET, "applet", HTML_SPECIAL | HTML_SCOPE) \
	X(AREA, "area", HTML_VOID) \
	X(ARTICLE, "article", HTML_BLOCK | HTML_SPECIAL | HTML_CLOSES_P) \
	X(ASIDE, "aside", HTML_BLOCK | HTML_SPECIAL | HTML_CLOSES_P) \
	X(AUDIO, "audio", 0) \
	X(B, "b", HTML_FORMATTING) \
	X(BASE, "base", HTML_VOID) \
	X(BASEFONT, "basefont", HTML_VOID) \
	X(BGSOUND, "bgsound", HTML_VOID) \
	X(BIG, "big", HTML_FORMATTING) \
	X(BLOCKQUOTE, "blockquote", HTML_BLOCK | HTML_PARAGRAPH | HTML_SPECIAL | HTML_CLOSES_P) \
	X(BODY, "body", HTML_BLOCK | HTML_SPECIAL) \
	X(BR, "br", HTML_VOID) \
	X(BUTTON, "button", HTML_SPECIAL) \
	X(CAPTION, "caption", HTML_BLOCK | HTML_SPECIAL | HTML_SCOPE) \
	X(CENTER, "center", HTML_BLOCK | HTML_SPECIAL | HTML_CLOSES_P) \
	X(CODE, "code", HTML_FORMATTING) \
	X(COL, "col", HTML_VOID) \
	X(DD, "dd", HTML_BLOCK | HTML_SPECIAL | HTML_CLOSES_P) \
	X(DETAILS, "details", HTML_BLOCK | HTML_SPECIAL | HTML_CLOSES_P) \
	X(DIALOG, "dialog", HTML_BLOCK | HTML_SPECIAL | HTML_CLOSES_P | HTML_NEVER) \
	X(DIR, "dir", HTML_BLOCK | HTML_SPECIAL | HTML_CLOSES_P) \
	X(DIV, "div", HTML_BLOCK | HTML_SPECIAL | HTML_CLOSES_P) \
	X(DL, "dl", HTML_BLOCK | HTML_PARAGRAPH | HTML_SPECIAL | HTML_CLOSES_P) \
	X(DT, "dt", HTML_BLOCK | HTML_SPECIAL | HTML_CLOSES_P) \
	X(EM, "em", HTML_FORMATTING) \
	X(EMBED, "embed", HTML_VOID) \
	X(FIELDSET, "fieldset", HTML_BLOCK | HTML_SPECIAL | HTML_CLOSES_P) \
	X(FIGURE, "figure", HTML_BLOCK | HTML_SPECIAL | HTML_CLOSES_P) \
	X(FONT, "font", HTML_FORMATTING) \
	X(FOOTER, "footer", HTML_BLOCK | HTML_SPECIAL | HTML_CLOSES_P) \
	X(FORM, "form", HTML_BLOCK | HTML_SPECIAL | HTML_CLOSES_P) \
	X(FRAME, "frame", HTML_VOID) \
	X(FRAMESET, "frameset", HTML_SPECIAL) \
	X(H1, "h1", HTML_BLOCK | HTML_PARAGRAPH | HTML_SPECIAL | HTML_CLOSES_P) \
	X(H2, "h2", HTML_BLOCK | HTML_PARAGRAPH | HTML_SPECIAL | HTML_CLOSES_P) \
	X(H3, "h3", HTML_BLOCK | HTML_PARAGRAPH | HTML_SPECIAL | HTML_CLOSES_P) \
	X(H4, "h4", HTML_BLOCK | HTML_PARAGRAPH | HTML_SPECIAL | HTML_CLOSES_P) \
	X(H5, "h5", HTML_BLOCK | HTML_PARAGRAPH | HTML_SPECIAL | HTML_CLOSES_P) \
	X(H6, "h6", HTML_BLOCK | HTML_PARAGRAPH | HTML_SPECIAL | HTML_CLOSES_P) \
	X(HEAD, "head", HTML_SPECIAL) \
	X(HEADER, "header", HTML_BLOCK | HTML_SPECIAL | HTML_CLOSES_P) \
	X(HR, "hr", HTML_VOID | HTML_BLOCK | HTML_CLOSES_P) \
	X(HTML, "html", HTML_SPECIAL | HTML_SCOPE) \
	X(I, "i", HTML_FORMATTING) \
	X(IFRAME, "iframe", HTML_RAW | HTML_NEVER) \
	X(IMG, "img", HTML_VOID) \
	X(INPUT, "input", HTML_VOID) \
	X(LABEL, "label", 0) \
	X(LEGEND, "legend", HTML_BLOCK) \
	X(LI, "li", HTML_BLOCK | HTML_SPECIAL | HTML_CLOSES_P) \
	X(LINK, "link", HTML_VOID) \
	X(MAIN, "main", HTML_BLOCK | HTML_SPECIAL | HTML_CLOSES_P) \
	X(MAP, "map", 0) \
	X(MARQUEE, "marquee", HTML_BLOCK | HTML_SPECIAL | HTML_SCOPE) \
	X(MENU, "menu", HTML_BLOCK | HTML_SPECIAL | HTML_CLOSES_P) \
	X(META, "meta", HTML_VOID) \
	X(NAV, "nav", HTML_BLOCK | HTML_SPECIAL | HTML_CLOSES_P) \
	X(NOBR, "nobr", HTML_FORMATTING) \
	X(NOEMBED, "noembed", HTML_RAW | HTML_NEVER) \
	X(NOFRAMES, "noframes", HTML_RAW | HTML_NEVER) \
	X(NOSCRIPT, "noscript", 0) \
	X(OBJECT, "object", HTML_SPECIAL | HTML_SCOPE) \
	X(OL, "ol", HTML_BLOCK | HTML_SPECIAL | HTML_CLOSES_P) \
	X(OPTGROUP, "optgroup", HTML_BLOCK) \
	X(OPTION, "option", HTML_BLOCK) \
	X(P, "p", HTML_BLOCK | HTML_PARAGRAPH | HTML_SPECIAL | HTML_CLOSES_P) \
	X(PARAM, "param", HTML_VOID) \
	X(PLAINTEXT, "plaintext", HTML_BLOCK | HTML_RAW) \
	X(PRE, "pre", HTML_BLOCK | HTML_PARAGRAPH | HTML_SPECIAL | HTML_CLOSES_P) \
	X(S, "s", HTML_FORMATTING) \
	X(SCRIPT, "script", HTML_RAW | HTML_NEVER) \
	X(SECTION, "section", HTML_BLOCK | HTML_SPECIAL | HTML_CLOSES_P) \
	X(SELECT, "select", HTML_SPECIAL) \
	X(SMALL, "small", HTML_FORMATTING) \
	X(SOURCE, "source", HTML_VOID) \
	X(SPAN, "span", 0) \
	X(STRIKE, "strike", HTML_FORMATTING) \
	X(STRONG, "strong", HTML_FORMATTING) \
	X(STYLE, "style", HTML_RAW | HTML_NEVER) \
	X(SUB, "sub", 0) \
	X(SUMMARY, "summary", HTML_BLOCK | HTML_SPECIAL | HTML_CLOSES_P) \
	X(SUP, "sup", 0) \
	X(SVG, "svg", 0) \
	X(TABLE, "table", HTML_BLOCK | HTML_SPECIAL | HTML_SCOPE | HTML_CLOSES_P) \
	X(TBODY, "tbody", HTML_BLOCK | HTML_SPECIAL) \
	X(TD, "td", HTML_SPECIAL | HTML_SCOPE) \
	X(TEMPLATE, "template", HTML_SPECIAL | HTML_SCOPE | HTML_NEVER) \
	X(TEXTAREA, "textarea", HTML_RCDATA | HTML_SPECIAL) \
	X(TFOOT, "tfoot", HTML_BLOCK | HTML_SPECIAL) \
	X(TH, "th", HTML_SPECIAL | HTML_SCOPE) \
	X(THEAD, "thead", HTML_BLOCK | HTML_SPECIAL) \
	X(TITLE, "title", HTML_RCDATA | HTML_NEVER) \
	X(TR, "tr", HTML_BLOCK | HTML_SPECIAL) \
	X(TRACK, "track", HTML_VOID) \
	X(TT, "tt", HTML_FORMATTING) \
	X(U, "u", HTML_FORMATTING) \
	X(UL, "ul", HTML_BLOCK | HTML_SPECIAL | HTML_CLOSES_P) \
	X(V_FILL, "v:fill", 0) \
	X(V_IMAGEDATA, "v:imagedata", 0) \
	X(V_RECT, "v:rect", 0) \
	X(V_ROUNDRECT, "v:roundrect", 0) \
	X(VIDEO, "video", 0) \
	X(WBR, "wbr", HTML_VOID) \
	X(XMP, "xmp", HTML_BLOCK | HTML_RAW | HTML_CLOSES_P)
/* clang-format on */

enum html_tag {
	HTML_TAG_OTHER, /* a name that is none of these */
#define X(id, name, traits) HTML_TAG_##id,
	HTML_TAGS(X)
#undef X
		HTML_TAG_COUNT
};

enum { HTML_TAG_NAME_MAX = 12 };

enum html_tag html_tag_of(slice name); /* in any case */
slice html_tag_name(enum html_tag tag); /* of the table; empty for OTHER */
unsigned html_tag_traits(enum html_tag tag);
