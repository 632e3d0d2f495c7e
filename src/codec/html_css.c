/*
 * Declarations of CSS (html_css.h): enough of CSS 2.1, Colors 3 and what mail adds to know what
 * cannot be seen. Used for style attributes and by html_sheet.c for sheets.
 */
#include "codec/html_css.h"

#include "base/buf.h"
#include "base/hex.h"
#include "base/mem.h"
#include "base/utf8.h"
#include <stdlib.h>

enum { NUMBER_MAX = 24, DECLARATIONS_MAX = 200 /* of one element or rule */ };

static bool is_space(char c)
{
	return c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == '\f';
}

static slice trim(slice s)
{
	while (s.n && is_space(s.p[0]))
		s = slice_skip(s, 1);
	while (s.n && is_space(s.p[s.n - 1]))
		s.n--;
	return s;
}

/* ---- values ---- */

bool css_length(slice text, struct css_value *ret)
{
	static const struct {
		slice name;
		enum css_unit unit;
		float factor;
	} units[] = {{S_INIT(""), CSS_NUMBER, 1}, {S_INIT("px"), CSS_PX, 1},
		{S_INIT("pt"), CSS_PX, 4 / 3.f}, {S_INIT("em"), CSS_EM, 1},
		{S_INIT("rem"), CSS_PX, 16}, {S_INIT("%"), CSS_PERCENT, 1},
		{S_INIT("pc"), CSS_PX, 16}, {S_INIT("in"), CSS_PX, 96}, {S_INIT("cm"), CSS_PX, 38},
		{S_INIT("mm"), CSS_PX, 3.8f}, {S_INIT("ex"), CSS_EM, .5f},
		{S_INIT("ch"), CSS_EM, .5f}, {S_INIT("vw"), CSS_PX, 10}, {S_INIT("vh"), CSS_PX, 8}};
	char z[NUMBER_MAX + 1], *end;
	slice s = trim(text);
	size_t n = 0;
	while (n < s.n && n < NUMBER_MAX && strchr("0123456789.+-", s.p[n]) && s.p[n])
		n++;
	if (!n)
		return false;
	memcpy(z, s.p, n);
	z[n] = 0;
	float number = strtof(z, &end);
	if (end == z)
		return false;
	slice unit = trim(slice_skip(s, n));
	for (size_t i = 0; i < sizeof units / sizeof *units; i++) {
		if (!slice_ieq(unit, units[i].name))
			continue;
		*ret = (struct css_value){.n = number * units[i].factor, .unit = units[i].unit};
		return true;
	}
	return false;
}

static bool font_size(slice s, struct css_value *ret)
{
	static const struct {
		slice name;
		float n;
		enum css_unit unit;
	} names[] = {{S_INIT("xx-small"), 9, CSS_PX}, {S_INIT("x-small"), 10, CSS_PX},
		{S_INIT("small"), 13, CSS_PX}, {S_INIT("medium"), 16, CSS_PX},
		{S_INIT("large"), 18, CSS_PX}, {S_INIT("x-large"), 24, CSS_PX},
		{S_INIT("xx-large"), 32, CSS_PX}, {S_INIT("smaller"), .83f, CSS_EM},
		{S_INIT("larger"), 1.2f, CSS_EM}, {S_INIT("inherit"), 1, CSS_EM}};
	for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
		if (slice_ieq(s, names[i].name)) {
			*ret = (struct css_value){.n = names[i].n, .unit = names[i].unit};
			return true;
		}
	}
	if (!css_length(s, ret))
		return false;
	if (ret->unit == CSS_NUMBER)
		ret->unit = CSS_PX;
	return ret->n >= 0;
}

static bool has_word(slice s, slice word)
{
	for (size_t i = 0; i + word.n <= s.n; i++)
		if (slice_ieq(slice_first(slice_skip(s, i), word.n), word))
			return true;
	return false;
}

/* "font: bold 12px/1.5 Arial" */
static bool font_shorthand(slice s, struct css_value *ret)
{
	slice word;
	while (slice_cut(&s, ' ', &word)) {
		struct css_value v;
		slice size = slice_first(word, slice_index(word, '/'));
		if (css_length(size, &v) && v.unit != CSS_NUMBER) {
			*ret = v;
			return true;
		}
		if (css_length(size, &v) && v.n == 0) {
			*ret = (struct css_value){.unit = CSS_PX};
			return true;
		}
	}
	return false;
}

/* A colour among the words, or a picture, of which nobody knows the colours. */
static bool background(slice s, struct css_value *ret)
{
	struct css_colour c;
	if (has_word(s, S("url(")) || has_word(s, S("gradient(")) || has_word(s, S("image("))) {
		*ret = (struct css_value){.unit = CSS_UNKNOWN};
		return true;
	}
	if (css_colour(s, &c)) {
		*ret = (struct css_value){.colour = c};
		return true;
	}
	for (slice word; slice_cut(&s, ' ', &word);) {
		if (css_colour(word, &c)) {
			*ret = (struct css_value){.colour = c};
			return true;
		}
	}
	return false;
}

/* "rect(0,0,0,0)", "inset(100%)", "circle(0)": everything is cut away. */
static bool clips_all(slice s)
{
	slice inside = slice_skip(s, slice_index(s, '(') + 1);
	inside = slice_first(inside, slice_index(inside, ')'));
	if (slice_istarts(s, S("inset(")))
		return has_word(inside, S("100%")) || slice_istarts(trim(inside), S("50%"));
	if (!slice_istarts(s, S("rect(")) && !slice_istarts(s, S("circle(")))
		return false;
	for (size_t i = 0; i < inside.n; i++)
		if (inside.p[i] >= '2' && inside.p[i] <= '9')
			return false;
	return inside.n > 0 && !has_word(inside, S("auto")) && !has_word(inside, S("1"));
}

static struct css_value number(float n)
{
	return (struct css_value){.n = n};
}

/* A factor 0..1, as number or percentage. */
static bool factor(slice s, float *ret)
{
	struct css_value v;
	if (!css_length(s, &v))
		return false;
	*ret = v.unit == CSS_PERCENT ? v.n / 100 : v.n;
	return true;
}

/* The argument of "name(" in s. */
static slice argument(slice s, slice name)
{
	for (size_t i = 0; i + name.n <= s.n; i++) {
		slice rest = slice_skip(s, i);
		if (!slice_istarts(rest, name))
			continue;
		rest = slice_skip(rest, name.n);
		return trim(slice_first(rest, slice_index(rest, ')')));
	}
	return (slice){0};
}

static bool keyword(slice value, slice off, struct css_value *ret)
{
	*ret = number(slice_ieq(value, off) ? 0 : 1);
	return true;
}

static bool filter(slice value, struct css_value *ret)
{
	float f;
	slice alpha = argument(value, S("alpha(opacity=")),
	      opacity = argument(value, S("opacity("));
	if (alpha.p && factor(alpha, &f)) {
		*ret = number(f / 100);
		return true;
	}
	if (!opacity.p || !factor(opacity, &f))
		return false;
	*ret = number(f);
	return true;
}

static bool transform(slice value, struct css_value *ret)
{
	float f;
	slice scale = argument(value, S("scale("));
	if (!scale.p || !factor(slice_first(scale, slice_index(scale, ',')), &f))
		return false;
	*ret = number(f < .05f && f > -.05f ? 0 : 1);
	return true;
}

/* ---- declarations ---- */

static const struct {
	slice name;
	enum css_property property;
} names[] = {{S_INIT("color"), CSS_COLOUR}, {S_INIT("background"), CSS_BACKGROUND},
	{S_INIT("background-color"), CSS_BACKGROUND}, {S_INIT("background-image"), CSS_BACKGROUND},
	{S_INIT("font-size"), CSS_FONT_SIZE}, {S_INIT("font"), CSS_FONT_SIZE},
	{S_INIT("opacity"), CSS_OPACITY}, {S_INIT("-moz-opacity"), CSS_OPACITY},
	{S_INIT("filter"), CSS_OPACITY}, {S_INIT("visibility"), CSS_VISIBILITY},
	{S_INIT("display"), CSS_DISPLAY}, {S_INIT("width"), CSS_WIDTH},
	{S_INIT("height"), CSS_HEIGHT}, {S_INIT("max-width"), CSS_MAX_WIDTH},
	{S_INIT("max-height"), CSS_MAX_HEIGHT}, {S_INIT("overflow"), CSS_OVERFLOW},
	{S_INIT("overflow-y"), CSS_OVERFLOW}, {S_INIT("position"), CSS_POSITION},
	{S_INIT("left"), CSS_LEFT}, {S_INIT("top"), CSS_TOP}, {S_INIT("text-indent"), CSS_INDENT},
	{S_INIT("margin-left"), CSS_MARGIN_LEFT}, {S_INIT("margin-top"), CSS_MARGIN_TOP},
	{S_INIT("clip"), CSS_CLIP}, {S_INIT("clip-path"), CSS_CLIP},
	{S_INIT("transform"), CSS_SCALE}, {S_INIT("-webkit-transform"), CSS_SCALE},
	{S_INIT("white-space"), CSS_SPACE}, {S_INIT("mso-hide"), CSS_MSO_HIDE}};

static bool colour(slice value, struct css_value *ret)
{
	struct css_colour c;
	if (!css_colour(value, &c))
		return false;
	*ret = (struct css_value){.colour = c};
	return true;
}

static bool read_value(slice name, enum css_property property, slice value, struct css_value *ret)
{
	float f;
	switch (property) {
	case CSS_COLOUR:
		return colour(value, ret);
	case CSS_BACKGROUND:
		return background(value, ret);
	case CSS_FONT_SIZE:
		return slice_ieq(name, S("font")) ? font_shorthand(value, ret)
						  : font_size(value, ret);
	case CSS_OPACITY:
		if (slice_ieq(name, S("filter")))
			return filter(value, ret);
		if (!factor(value, &f))
			return false;
		*ret = number(f);
		return true;
	case CSS_VISIBILITY:
		*ret = number(!slice_ieq(value, S("hidden")) && !slice_ieq(value, S("collapse")));
		return true;
	case CSS_DISPLAY:
		return keyword(value, S("none"), ret);
	case CSS_OVERFLOW:
		*ret = number(
			!slice_istarts(value, S("hidden")) && !slice_istarts(value, S("clip")));
		return true;
	case CSS_POSITION:
		*ret = number(slice_ieq(value, S("absolute")) || slice_ieq(value, S("fixed")));
		return true;
	case CSS_CLIP:
		*ret = number(!clips_all(value));
		return true;
	case CSS_SCALE:
		return transform(value, ret);
	case CSS_SPACE:
		*ret = number(slice_istarts(value, S("pre")) && !slice_ieq(value, S("pre-line")));
		return true;
	case CSS_MSO_HIDE:
		*ret = number(slice_ieq(value, S("all")));
		return true;
	default:
		return css_length(value, ret);
	}
}

static void set(
	struct css_values *into, enum css_property property, struct css_value v, bool important)
{
	unsigned bit = 1u << property;
	if (into->important & bit && !important)
		return;
	into->v[property] = v;
	into->set |= bit;
	into->important |= important ? bit : 0;
}

static void tell_urls(slice value, const struct css_links *links)
{
	for (size_t i = 0; links && i + 4 < value.n; i++) {
		slice rest = slice_skip(value, i);
		if (!slice_istarts(rest, S("url(")))
			continue;
		rest = trim(slice_skip(rest, 4));
		char quote = rest.n && (rest.p[0] == '"' || rest.p[0] == '\'') ? rest.p[0] : 0;
		slice target = quote ? slice_skip(rest, 1) : rest;
		size_t n = slice_index(target, quote ? quote : ')');
		links->found(links->arg, trim(slice_first(target, n)), false);
		i = (size_t)(target.p - value.p) + n;
	}
}

static void declaration(slice text, const struct css_links *links, struct css_values *into)
{
	size_t colon = slice_index(text, ':');
	if (colon == text.n)
		return;
	slice name = trim(slice_first(text, colon)), value = trim(slice_skip(text, colon + 1));
	size_t mark = slice_rindex(value, '!');
	bool important =
		mark < value.n && slice_ieq(trim(slice_skip(value, mark + 1)), S("important"));
	if (mark < value.n)
		value = trim(slice_first(value, mark));
	tell_urls(value, links);
	for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
		struct css_value v = {0};
		if (name.n == names[i].name.n && slice_ieq(name, names[i].name) &&
			read_value(name, names[i].property, value, &v))
			set(into, names[i].property, v, important);
	}
}

/* Without comments, with escapes undone: "dis\70 lay", "di" "/" "* *" "/splay". */
static slice plain(slice s, struct arena *a)
{
	if (slice_find(s, S("/*")) == s.n && slice_index(s, '\\') == s.n)
		return s;
	AUTO(buf) struct buf out = BUF(s.n * 2 + UTF8_MAX);
	for (size_t i = 0; i < s.n; i++) {
		slice rest = slice_skip(s, i);
		if (slice_starts(rest, S("/*"))) {
			i += slice_find(rest, S("*/")) + 1;
			continue;
		}
		if (s.p[i] != '\\' || i + 1 == s.n) {
			buf_byte(&out, s.p[i]);
			continue;
		}
		uint32_t cp = 0;
		size_t digits = 0;
		while (digits < 6 && i + 1 < s.n && hex_digit(s.p[i + 1]) >= 0) {
			cp = cp << 4 | (uint32_t)hex_digit(s.p[++i]);
			digits++;
		}
		if (!digits)
			buf_byte(&out, s.p[++i]);
		else
			utf8_put(&out, cp);
		if (digits && i + 1 < s.n && is_space(s.p[i + 1]))
			i++;
	}
	return arena_dup(a, buf_slice(&out));
}

/* Up to the next ';' outside quotes and parentheses; "url(data:a;b)" holds one. */
static slice cut_declaration(slice *s)
{
	char quote = 0;
	unsigned depth = 0;
	size_t i = 0;
	for (; i < s->n; i++) {
		char c = s->p[i];
		if (quote)
			quote = c == quote ? 0 : quote;
		else if (c == '"' || c == '\'')
			quote = c;
		else if (c == '(')
			depth++;
		else if (c == ')')
			depth -= depth > 0;
		else if (c == ';' && !depth)
			break;
	}
	slice text = slice_first(*s, i);
	*s = slice_skip(*s, i + 1);
	return text;
}

void css_declarations(
	slice text, const struct css_links *links, struct arena *a, struct css_values *into)
{
	slice s = plain(text, a);
	for (unsigned n = 0; s.n && n < DECLARATIONS_MAX; n++)
		declaration(cut_declaration(&s), links, into);
}

void css_merge(struct css_values *into, const struct css_values *over)
{
	for (unsigned i = 0; over->set && i < CSS_PROPERTIES; i++)
		if (over->set & 1u << i)
			set(into, i, over->v[i], over->important & 1u << i);
}
