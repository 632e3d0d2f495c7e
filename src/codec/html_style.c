/*
 * Computed styles (html_style.h): inheritance, colours over colours, and what makes text unseen.
 * No layout: sizes of boxes are looked at, not where they come to lie.
 */
#include "codec/html_style.h"

/* Limits of the eye, with some room: what newsletters do for honest reasons is not called hidden.
 */
#define FONT_UNSEEN 1.5f
#define OPACITY_UNSEEN .06f
#define CONTRAST_UNSEEN 1.12f /* of the brighter to the darker, WCAG 2.1's formula */
#define CONTRAST_FAINT 1.6f
enum {
	NEAR = 40, /* channels of equal brightness that differ more are seen */
	FAR_LEFT = -300, /* pixels */
	SMALL_BOX = 1,
};

const struct html_style html_style_root = {.fg = {0, 0, 0, 255},
	.bg = {255, 255, 255, 255},
	.bg_known = true,
	.font = 16,
	.opacity = 1};

static uint8_t mix(uint8_t over, uint8_t under, uint8_t alpha)
{
	return (uint8_t)((over * alpha + under * (255 - alpha)) / 255);
}

static struct css_colour blend(struct css_colour over, struct css_colour under)
{
	return (struct css_colour){mix(over.r, under.r, over.a), mix(over.g, under.g, over.a),
		mix(over.b, under.b, over.a), 255};
}

/* Relative luminance, with a power of 2 for sRGB's 2.4. */
static float luminance(struct css_colour c)
{
	return (.2126f * (float)(c.r * c.r) + .7152f * (float)(c.g * c.g) +
		       .0722f * (float)(c.b * c.b)) /
	       65025;
}

static float contrast(struct css_colour a, struct css_colour b)
{
	float x = luminance(a), y = luminance(b);
	return ((x > y ? x : y) + .05f) / ((x > y ? y : x) + .05f);
}

static int distance(struct css_colour a, struct css_colour b)
{
	int r = a.r > b.r ? a.r - b.r : b.r - a.r, g = a.g > b.g ? a.g - b.g : b.g - a.g;
	int u = a.b > b.b ? a.b - b.b : b.b - a.b;
	return r > g ? (r > u ? r : u) : (g > u ? g : u);
}

static bool is_set(const struct css_values *v, enum css_property p)
{
	return v->set & 1u << p;
}

/* Is it set, and 0 of a keyword? */
static bool off(const struct css_values *v, enum css_property p)
{
	return is_set(v, p) && v->v[p].n == 0;
}

static bool below(const struct css_values *v, enum css_property p, float limit)
{
	return is_set(v, p) && v->v[p].unit != CSS_UNKNOWN && v->v[p].n <= limit;
}

static bool is_box(const struct css_values *v)
{
	return below(v, CSS_HEIGHT, SMALL_BOX) || below(v, CSS_MAX_HEIGHT, SMALL_BOX) ||
	       below(v, CSS_WIDTH, SMALL_BOX) || below(v, CSS_MAX_WIDTH, SMALL_BOX);
}

static bool is_away(const struct css_values *v)
{
	bool placed = is_set(v, CSS_POSITION) && v->v[CSS_POSITION].n > 0;
	return (placed && (below(v, CSS_LEFT, FAR_LEFT) || below(v, CSS_TOP, FAR_LEFT))) ||
	       below(v, CSS_INDENT, FAR_LEFT) || below(v, CSS_MARGIN_LEFT, FAR_LEFT) ||
	       below(v, CSS_MARGIN_TOP, 3 * FAR_LEFT);
}

static unsigned gone(const struct css_values *v, float opacity)
{
	unsigned bits = 0;
	bits |= off(v, CSS_DISPLAY) ? HTML_HIDDEN_DISPLAY : 0;
	bits |= off(v, CSS_OVERFLOW) && is_box(v) ? HTML_HIDDEN_BOX : 0;
	bits |= is_away(v) ? HTML_HIDDEN_OFFSCREEN : 0;
	bits |= off(v, CSS_CLIP) ? HTML_HIDDEN_CLIP : 0;
	bits |= off(v, CSS_SCALE) ? HTML_HIDDEN_BOX : 0;
	bits |= opacity < OPACITY_UNSEEN ? HTML_HIDDEN_OPACITY : 0;
	return bits;
}

static float font_of(float parent, const struct css_value *v)
{
	float px = v->unit == CSS_EM        ? v->n * parent
		   : v->unit == CSS_PERCENT ? v->n / 100 * parent
					    : v->n;
	return px > 1000 ? 1000 : px;
}

static void colours(struct html_style *s, const struct css_values *own)
{
	const struct css_value *bg = &own->v[CSS_BACKGROUND], *fg = &own->v[CSS_COLOUR];
	if (is_set(own, CSS_BACKGROUND)) {
		if (bg->unit == CSS_UNKNOWN) {
			s->bg_known = false;
		} else if (bg->colour.a) {
			s->bg = blend(bg->colour, s->bg);
			s->bg_known |= bg->colour.a == 255;
		}
	}
	if (is_set(own, CSS_COLOUR)) {
		s->fg_gone = fg->colour.a < 16;
		s->fg = blend(fg->colour, s->bg);
	}
}

struct html_style html_style_of(const struct html_style *parent, const struct css_values *own)
{
	struct html_style s = *parent;
	if (!own->set)
		return s;
	colours(&s, own);
	if (is_set(own, CSS_FONT_SIZE))
		s.font = font_of(parent->font, &own->v[CSS_FONT_SIZE]);
	if (is_set(own, CSS_OPACITY))
		s.opacity *= own->v[CSS_OPACITY].n;
	if (is_set(own, CSS_VISIBILITY))
		s.invisible = own->v[CSS_VISIBILITY].n == 0;
	if (is_set(own, CSS_SPACE))
		s.pre = own->v[CSS_SPACE].n > 0;
	s.gone |= gone(own, s.opacity);
	float seen = contrast(s.fg, s.bg);
	bool same = s.bg_known && seen < CONTRAST_UNSEEN && distance(s.fg, s.bg) < NEAR;
	s.faint = s.bg_known && seen < CONTRAST_FAINT && distance(s.fg, s.bg) < 3 * NEAR;
	s.hiding = s.gone | (s.invisible ? HTML_HIDDEN_VISIBILITY : 0) |
		   (s.font <= FONT_UNSEEN ? HTML_HIDDEN_FONT : 0) |
		   (s.fg_gone || same ? HTML_HIDDEN_COLOUR : 0);
	return s;
}
