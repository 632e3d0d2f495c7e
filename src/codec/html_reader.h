/*
 * The state of one reading of HTML, shared by html.c (tags), html_out.c (text), html_link.c (links,
 * pictures) and html_stack.c (elements inside each other).
 */
#pragma once
#include "codec/html_style.h"
#include "codec/html_token.h"

enum { HTML_STACK_MAX = 512 };

struct html_element {
	enum html_tag tag;
	struct html_style style;
	struct css_values own; /* for restyling */
};

struct html_out {
	struct buf b;
	unsigned breaks; /* line ends due before the next character */
	bool space; /* a blank is due */
};

struct html_open { /* a link whose text is being read */
	size_t link; /* index + 1; 0: none */
	size_t from; /* in the visible text */
};

/* Where a link's text stands, until the text has its final place. */
struct html_span {
	size_t from, to;
};

struct html_reader {
	const struct html_limits *limits;
	struct arena *mem;
	struct html *html;
	struct html_out seen, unseen;
	struct buf comments, scripts, title, skeleton;
	struct css_sheet sheet;
	struct html_element *stack;
	unsigned depth; /* of the stack; stack[0] is the page */
	unsigned deeper; /* elements open beyond the limit */
	struct html_span *spans; /* beside html->links */
	size_t link_room, image_room;
	struct html_open a, form;
	slice base;
	bool after_letter; /* the last visible character was a letter or digit */
	bool zero_width; /* one without width followed it */
	bool split; /* something unseen followed it */
	uint32_t last; /* visible character */
	bool unseen_before; /* the last text was hidden */
};

static inline struct html_element *html_top(struct html_reader *r)
{
	return &r->stack[r->depth - 1];
}

/* html_stack.c */
void html_open_element(
	struct html_reader *r, const struct html_token *t, const struct css_values *own);
/* False: there was nothing to close. */
bool html_close_element(struct html_reader *r, enum html_tag tag);
void html_close_implied(struct html_reader *r, enum html_tag opening);

/* html_out.c */
void html_put_text(struct html_reader *r, slice text, bool entities);
void html_put_break(struct html_reader *r, unsigned lines);
void html_put_space(struct html_reader *r);
/* With character references undone; borrowed where there are none. */
slice html_value(struct html_reader *r, slice raw, bool *ret_cut);

/* html_link.c */
void html_tag_links(struct html_reader *r, const struct html_token *t);
void html_end_link(struct html_reader *r, struct html_open *o);
void html_found_url(void *reader, slice target, bool import); /* css_links */
void html_meta(struct html_reader *r, const struct html_token *t);
void html_place_spans(struct html_reader *r);
