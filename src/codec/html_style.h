/*
 * How an element looks, as far as it decides whether its text can be seen.
 */
#pragma once
#include "codec/html.h"
#include "codec/html_css.h"

struct html_style {
	unsigned gone; /* enum html_hiding that nothing inside can undo */
	unsigned hiding; /* all that hides text here */
	struct css_colour fg, bg; /* opaque */
	bool fg_gone, bg_known; /* of no colour; no picture behind it */
	bool invisible, pre, faint;
	float font, opacity; /* pixels; 0..1 */
};

extern const struct html_style html_style_root; /* black on white, 16 pixels */
/* The style of an element from its parent's and from what is set for itself. */
struct html_style html_style_of(const struct html_style *parent, const struct css_values *own);
