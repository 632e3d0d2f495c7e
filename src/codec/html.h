/*
 * HTML as its reader sees it: the visible text with its lines, what is hidden from the eye, links
 * with the text that covers them, pictures, forms, scripts, and counts that signals are made of.
 *
 * A tolerant reader of its own: one pass, no document tree, so time and memory are linear in the
 * input whatever it holds. Styles are evaluated as far as mail uses them: inline, bgcolor and its
 * like, and <style> rules with simple selectors. No layout: what overlaps what is not known.
 */
#pragma once
#include "base/arena.h"
#include "base/buf.h"

struct html_limits {
	unsigned depth; /* elements inside each other; deeper ones count as text of the last */
	unsigned rules; /* of all style sheets */
	unsigned links, images;
	size_t value; /* bytes of one attribute that are looked at */
	size_t text, hidden, aside; /* output: visible, hidden; comments and scripts each */
};
extern const struct html_limits html_limits_default;

enum html_hiding { /* why text cannot be seen; several at once are possible */
	HTML_HIDDEN_DISPLAY = 1, /* display:none */
	HTML_HIDDEN_VISIBILITY = 2,
	HTML_HIDDEN_FONT = 4, /* a font of 0 or 1 pixel */
	HTML_HIDDEN_COLOUR = 8, /* the colour of the background, or nearly */
	HTML_HIDDEN_OPACITY = 16,
	HTML_HIDDEN_BOX = 32, /* a box without size that shows nothing beyond itself */
	HTML_HIDDEN_OFFSCREEN = 64,
	HTML_HIDDEN_CLIP = 128,
	HTML_HIDDEN_ATTRIBUTE = 256, /* hidden, or an element that is never drawn */
};

enum html_link_kind {
	HTML_LINK_A,
	HTML_LINK_AREA,
	HTML_LINK_FORM, /* action, formaction */
	HTML_LINK_REFRESH, /* <meta http-equiv=refresh> */
	HTML_LINK_FRAME, /* iframe, frame, object, embed */
	HTML_LINK_IMAGE,
	HTML_LINK_BACKGROUND, /* attribute or CSS url() */
	HTML_LINK_STYLE, /* <link>, @import */
	HTML_LINK_SCRIPT,
	HTML_LINK_MEDIA, /* audio, video, source, track */
	HTML_LINK_BASE,
};

struct html_link {
	enum html_link_kind kind;
	slice target; /* as a browser reads it: entities undone, blanks and line ends removed,
			 <base> applied */
	slice text; /* what is seen of it: of a form its buttons; white space folded */
	slice title; /* title attribute */
	unsigned hiding; /* of the element */
	bool has_image, truncated;
};

struct html_image {
	slice src, alt;
	int width, height; /* pixels; -1: not said */
	unsigned hiding;
	bool remote, cid, data;
	bool tracker; /* remote, and too small to be seen */
};

struct html_stats {
	unsigned tags, bad_tags, comments, conditional_comments, styles, rules_ignored;
	unsigned forms, inputs, password_inputs, hidden_inputs, buttons;
	unsigned scripts, event_handlers, frames, objects, svgs, metas, bases, doctypes, tables;
	unsigned javascript_links, data_links, data_html_links, cid_links;
	unsigned images, images_remote, trackers;
	unsigned entities, entities_needless; /* &#97; for a letter that needs no entity */
	unsigned splits_in_words; /* a tag or comment between two letters of a word */
	unsigned mso_hidden; /* hidden from Outlook only */
	size_t visible, hidden; /* characters without white space */
	size_t faint; /* visible, of a colour that is hard to see */
	size_t tiny; /* visible, of a font below 5 pixels */
	size_t zero_width; /* characters without width that were left out of the text */
	size_t zero_width_in_words; /* of them, those between letters */
	unsigned hiding; /* enum html_hiding: all ways that hid text */
};

enum html_reached { /* limits that were reached */
	HTML_LIMIT_DEPTH = 1,
	HTML_LIMIT_ATTRIBUTES = 2, /* HTML_ATTRIBUTES_MAX (html_token.h) */
	HTML_LIMIT_RULES = 4,
	HTML_LIMIT_LINKS = 8,
	HTML_LIMIT_IMAGES = 16,
	HTML_LIMIT_VALUE = 32,
	HTML_LIMIT_TEXT = 64,
};

enum { HTML_SKELETON_MAX = 4096 };

struct html {
	slice text; /* visible, UTF-8, lines end in LF, an empty line between paragraphs */
	slice hidden; /* what is not seen; runs end in LF */
	slice title, comments, scripts;
	slice skeleton; /* a byte for each start tag, for fingerprints of the layout */
	struct html_link *links;
	struct html_image *images;
	size_t nlinks, nimages;
	struct html_stats stats;
	unsigned limits; /* enum html_reached */
};

/* `in` is UTF-8 (charset_read). All memory from *a, some of it borrowed from `in`. */
void html_read(slice in, const struct html_limits *l, struct arena *a, struct html *ret);
