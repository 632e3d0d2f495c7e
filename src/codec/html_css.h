/*
 * As much of CSS as decides whether text can be seen: declarations to values, sheets to rules.
 */
#pragma once
#include "base/arena.h"

enum css_property {
	CSS_COLOUR,
	CSS_BACKGROUND, /* colour; its unit CSS_UNKNOWN for a picture */
	CSS_FONT_SIZE,
	CSS_OPACITY,
	CSS_VISIBILITY, /* 0: hidden */
	CSS_DISPLAY, /* 0: none */
	CSS_WIDTH,
	CSS_HEIGHT,
	CSS_MAX_WIDTH,
	CSS_MAX_HEIGHT,
	CSS_OVERFLOW, /* 0: hidden */
	CSS_POSITION, /* 1: absolute or fixed */
	CSS_LEFT,
	CSS_TOP,
	CSS_INDENT,
	CSS_MARGIN_LEFT,
	CSS_MARGIN_TOP,
	CSS_CLIP, /* 0: nothing is left */
	CSS_SCALE, /* 0: to nothing */
	CSS_SPACE, /* 1: white space is kept */
	CSS_MSO_HIDE, /* 1 */
	CSS_PROPERTIES
};

enum css_unit { CSS_NUMBER, CSS_PX, CSS_EM, CSS_PERCENT, CSS_UNKNOWN };

struct css_colour {
	uint8_t r, g, b, a; /* a 0: cannot be seen */
};
struct css_value {
	float n;
	enum css_unit unit;
	struct css_colour colour;
};
struct css_values {
	unsigned set, important; /* bits 1u << enum css_property */
	struct css_value v[CSS_PROPERTIES];
};

/* Called for every url() and @import. */
struct css_links {
	void (*found)(void *arg, slice target, bool import);
	void *arg;
};

/* "color: red; ..." Later ones win. Comments and escapes are undone (in *a). */
void css_declarations(
	slice text, const struct css_links *links, struct arena *a, struct css_values *into);
/* What `over` sets replaces what is in `into`, unless that was more important. */
void css_merge(struct css_values *into, const struct css_values *over);

bool css_colour(slice text, struct css_colour *ret); /* css_colour.c */
/* As the old attributes do: "ff0000", "red", "#f00". */
bool css_colour_attribute(slice text, struct css_colour *ret);
/* "12px", "50%", "0": false when it is none. */
bool css_length(slice text, struct css_value *ret);

/* ---- sheets ---- */

enum {
	CSS_CLASSES_MAX = 16, /* of one element; others are not looked at */
	CSS_APPLIED_MAX = 32, /* rules that count for one element */
	CSS_SELECTOR_MAX = 64, /* longest class, id or name */
	CSS_BUCKETS = 256
};

struct css_rule;
struct css_sheet {
	unsigned nrules, nblocks, max, ignored; /* ignored: selectors that were not understood */
	struct css_rule *buckets[CSS_BUCKETS];
};
/* Adds the rules of a <style>. False: too many. */
bool css_sheet_add(
	struct css_sheet *sheet, slice text, const struct css_links *links, struct arena *a);
void css_sheet_apply(
	const struct css_sheet *sheet, slice tag, slice id, slice classes, struct css_values *into);
