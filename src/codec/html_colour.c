/*
 * Colours of CSS (Colors level 3) and of the old attributes (html_css.h).
 */
#include "base/hex.h"
#include "codec/html_css.h"
#include <stdlib.h>

static const struct {
	slice name;
	uint32_t rgb;
} names[] = {
	{S_INIT("aliceblue"), 0xf0f8ff},
	{S_INIT("antiquewhite"), 0xfaebd7},
	{S_INIT("aqua"), 0x00ffff},
	{S_INIT("aquamarine"), 0x7fffd4},
	{S_INIT("azure"), 0xf0ffff},
	{S_INIT("beige"), 0xf5f5dc},
	{S_INIT("bisque"), 0xffe4c4},
	{S_INIT("black"), 0x000000},
	{S_INIT("blanchedalmond"), 0xffebcd},
	{S_INIT("blue"), 0x0000ff},
	{S_INIT("blueviolet"), 0x8a2be2},
	{S_INIT("brown"), 0xa52a2a},
	{S_INIT("burlywood"), 0xdeb887},
	{S_INIT("cadetblue"), 0x5f9ea0},
	{S_INIT("chartreuse"), 0x7fff00},
	{S_INIT("chocolate"), 0xd2691e},
	{S_INIT("coral"), 0xff7f50},
	{S_INIT("cornflowerblue"), 0x6495ed},
	{S_INIT("cornsilk"), 0xfff8dc},
	{S_INIT("crimson"), 0xdc143c},
	{S_INIT("cyan"), 0x00ffff},
	{S_INIT("darkblue"), 0x00008b},
	{S_INIT("darkcyan"), 0x008b8b},
	{S_INIT("darkgoldenrod"), 0xb8860b},
	{S_INIT("darkgray"), 0xa9a9a9},
	{S_INIT("darkgreen"), 0x006400},
	{S_INIT("darkgrey"), 0xa9a9a9},
	{S_INIT("darkkhaki"), 0xbdb76b},
	{S_INIT("darkmagenta"), 0x8b008b},
	{S_INIT("darkolivegreen"), 0x556b2f},
	{S_INIT("darkorange"), 0xff8c00},
	{S_INIT("darkorchid"), 0x9932cc},
	{S_INIT("darkred"), 0x8b0000},
	{S_INIT("darksalmon"), 0xe9967a},
	{S_INIT("darkseagreen"), 0x8fbc8f},
	{S_INIT("darkslateblue"), 0x483d8b},
	{S_INIT("darkslategray"), 0x2f4f4f},
	{S_INIT("darkslategrey"), 0x2f4f4f},
	{S_INIT("darkturquoise"), 0x00ced1},
	{S_INIT("darkviolet"), 0x9400d3},
	{S_INIT("deeppink"), 0xff1493},
	{S_INIT("deepskyblue"), 0x00bfff},
	{S_INIT("dimgray"), 0x696969},
	{S_INIT("dimgrey"), 0x696969},
	{S_INIT("dodgerblue"), 0x1e90ff},
	{S_INIT("firebrick"), 0xb22222},
	{S_INIT("floralwhite"), 0xfffaf0},
	{S_INIT("forestgreen"), 0x228b22},
	{S_INIT("fuchsia"), 0xff00ff},
	{S_INIT("gainsboro"), 0xdcdcdc},
	{S_INIT("ghostwhite"), 0xf8f8ff},
	{S_INIT("gold"), 0xffd700},
	{S_INIT("goldenrod"), 0xdaa520},
	{S_INIT("gray"), 0x808080},
	{S_INIT("green"), 0x008000},
	{S_INIT("greenyellow"), 0xadff2f},
	{S_INIT("grey"), 0x808080},
	{S_INIT("honeydew"), 0xf0fff0},
	{S_INIT("hotpink"), 0xff69b4},
	{S_INIT("indianred"), 0xcd5c5c},
	{S_INIT("indigo"), 0x4b0082},
	{S_INIT("ivory"), 0xfffff0},
	{S_INIT("khaki"), 0xf0e68c},
	{S_INIT("lavender"), 0xe6e6fa},
	{S_INIT("lavenderblush"), 0xfff0f5},
	{S_INIT("lawngreen"), 0x7cfc00},
	{S_INIT("lemonchiffon"), 0xfffacd},
	{S_INIT("lightblue"), 0xadd8e6},
	{S_INIT("lightcoral"), 0xf08080},
	{S_INIT("lightcyan"), 0xe0ffff},
	{S_INIT("lightgoldenrodyellow"), 0xfafad2},
	{S_INIT("lightgray"), 0xd3d3d3},
	{S_INIT("lightgreen"), 0x90ee90},
	{S_INIT("lightgrey"), 0xd3d3d3},
	{S_INIT("lightpink"), 0xffb6c1},
	{S_INIT("lightsalmon"), 0xffa07a},
	{S_INIT("lightseagreen"), 0x20b2aa},
	{S_INIT("lightskyblue"), 0x87cefa},
	{S_INIT("lightslategray"), 0x778899},
	{S_INIT("lightslategrey"), 0x778899},
	{S_INIT("lightsteelblue"), 0xb0c4de},
	{S_INIT("lightyellow"), 0xffffe0},
	{S_INIT("lime"), 0x00ff00},
	{S_INIT("limegreen"), 0x32cd32},
	{S_INIT("linen"), 0xfaf0e6},
	{S_INIT("magenta"), 0xff00ff},
	{S_INIT("maroon"), 0x800000},
	{S_INIT("mediumaquamarine"), 0x66cdaa},
	{S_INIT("mediumblue"), 0x0000cd},
	{S_INIT("mediumorchid"), 0xba55d3},
	{S_INIT("mediumpurple"), 0x9370db},
	{S_INIT("mediumseagreen"), 0x3cb371},
	{S_INIT("mediumslateblue"), 0x7b68ee},
	{S_INIT("mediumspringgreen"), 0x00fa9a},
	{S_INIT("mediumturquoise"), 0x48d1cc},
	{S_INIT("mediumvioletred"), 0xc71585},
	{S_INIT("midnightblue"), 0x191970},
	{S_INIT("mintcream"), 0xf5fffa},
	{S_INIT("mistyrose"), 0xffe4e1},
	{S_INIT("moccasin"), 0xffe4b5},
	{S_INIT("navajowhite"), 0xffdead},
	{S_INIT("navy"), 0x000080},
	{S_INIT("oldlace"), 0xfdf5e6},
	{S_INIT("olive"), 0x808000},
	{S_INIT("olivedrab"), 0x6b8e23},
	{S_INIT("orange"), 0xffa500},
	{S_INIT("orangered"), 0xff4500},
	{S_INIT("orchid"), 0xda70d6},
	{S_INIT("palegoldenrod"), 0xeee8aa},
	{S_INIT("palegreen"), 0x98fb98},
	{S_INIT("paleturquoise"), 0xafeeee},
	{S_INIT("palevioletred"), 0xdb7093},
	{S_INIT("papayawhip"), 0xffefd5},
	{S_INIT("peachpuff"), 0xffdab9},
	{S_INIT("peru"), 0xcd853f},
	{S_INIT("pink"), 0xffc0cb},
	{S_INIT("plum"), 0xdda0dd},
	{S_INIT("powderblue"), 0xb0e0e6},
	{S_INIT("purple"), 0x800080},
	{S_INIT("rebeccapurple"), 0x663399},
	{S_INIT("red"), 0xff0000},
	{S_INIT("rosybrown"), 0xbc8f8f},
	{S_INIT("royalblue"), 0x4169e1},
	{S_INIT("saddlebrown"), 0x8b4513},
	{S_INIT("salmon"), 0xfa8072},
	{S_INIT("sandybrown"), 0xf4a460},
	{S_INIT("seagreen"), 0x2e8b57},
	{S_INIT("seashell"), 0xfff5ee},
	{S_INIT("sienna"), 0xa0522d},
	{S_INIT("silver"), 0xc0c0c0},
	{S_INIT("skyblue"), 0x87ceeb},
	{S_INIT("slateblue"), 0x6a5acd},
	{S_INIT("slategray"), 0x708090},
	{S_INIT("slategrey"), 0x708090},
	{S_INIT("snow"), 0xfffafa},
	{S_INIT("springgreen"), 0x00ff7f},
	{S_INIT("steelblue"), 0x4682b4},
	{S_INIT("tan"), 0xd2b48c},
	{S_INIT("teal"), 0x008080},
	{S_INIT("thistle"), 0xd8bfd8},
	{S_INIT("tomato"), 0xff6347},
	{S_INIT("turquoise"), 0x40e0d0},
	{S_INIT("violet"), 0xee82ee},
	{S_INIT("wheat"), 0xf5deb3},
	{S_INIT("white"), 0xffffff},
	{S_INIT("whitesmoke"), 0xf5f5f5},
	{S_INIT("window"), 0xffffff},
	{S_INIT("windowtext"), 0x000000},
	{S_INIT("yellow"), 0xffff00},
	{S_INIT("yellowgreen"), 0x9acd32},
};

static struct css_colour of_rgb(uint32_t rgb)
{
	return (struct css_colour){(uint8_t)(rgb >> 16), (uint8_t)(rgb >> 8), (uint8_t)rgb, 255};
}

static bool by_name(slice s, struct css_colour *ret)
{
	size_t from = 0, to = sizeof names / sizeof *names;
	char lower[24];
	if (s.n > sizeof lower)
		return false;
	for (size_t i = 0; i < s.n; i++)
		lower[i] = ascii_lower(s.p[i]);
	while (from < to) {
		size_t middle = (from + to) / 2;
		int order = slice_cmp(slice_of(lower, s.n), names[middle].name);
		if (order == 0) {
			*ret = of_rgb(names[middle].rgb);
			return true;
		}
		if (order < 0)
			to = middle;
		else
			from = middle + 1;
	}
	return false;
}

/* 3, 4, 6 or 8 digits. */
static bool by_digits(slice s, struct css_colour *ret)
{
	uint8_t v[4] = {0, 0, 0, 255};
	bool twice = s.n == 3 || s.n == 4;
	if (!twice && s.n != 6 && s.n != 8)
		return false;
	for (size_t i = 0; i < s.n; i++)
		if (hex_digit(s.p[i]) < 0)
			return false;
	for (size_t i = 0; i < (twice ? s.n : s.n / 2); i++) {
		int high = hex_digit(s.p[twice ? i : 2 * i]);
		int low = twice ? high : hex_digit(s.p[2 * i + 1]);
		v[i] = (uint8_t)(high << 4 | low);
	}
	*ret = (struct css_colour){v[0], v[1], v[2], v[3]};
	return true;
}

static uint8_t channel(float f)
{
	return (uint8_t)(f < 0 ? 0 : f > 255 ? 255 : f + .5f);
}

/* Hue in degrees, others 0..1. */
static float hsl_channel(float hue, float s, float l, float offset)
{
	float k = offset + hue / 30;
	k -= 12 * (float)(int)(k / 12);
	float a = s * (l < 1 - l ? l : 1 - l), m = k - 3 < 9 - k ? k - 3 : 9 - k;
	m = m < 1 ? m : 1;
	return (l - a * (m > -1 ? m : -1)) * 255;
}

/* "rgb(1, 2, 3)", "rgba(1 2 3 / 50%)", "hsl(0, 100%, 50%)". */
static bool by_function(slice s, struct css_colour *ret)
{
	bool hsl = slice_istarts(s, S("hsl"));
	float v[4] = {0, 0, 0, 1};
	size_t n = 0;
	slice rest = slice_skip(s, slice_index(s, '(') + 1);
	if (!hsl && !slice_istarts(s, S("rgb")))
		return false;
	while (rest.n && rest.p[0] != ')' && n < 4) {
		size_t k = 0;
		while (k < rest.n && !strchr(" ,/)", rest.p[k]))
			k++;
		struct css_value value;
		slice word = slice_first(rest, k);
		rest = slice_skip(rest, k + (k < rest.n && rest.p[k] != ')'));
		if (!word.n)
			continue;
		if (!css_length(word, &value))
			return false;
		bool percent = value.unit == CSS_PERCENT;
		v[n] = !percent ? value.n : n == 3 || hsl ? value.n / 100 : value.n * 2.55f;
		n++;
	}
	if (n < 3)
		return false;
	float hue = v[0] - 360 * (float)(int)(v[0] / 360);
	hue = hue < 0 ? hue + 360 : hue;
	*ret = hsl ? (struct css_colour){channel(hsl_channel(hue, v[1], v[2], 0)),
			     channel(hsl_channel(hue, v[1], v[2], 8)),
			     channel(hsl_channel(hue, v[1], v[2], 4)), channel(v[3] * 255)}
		   : (struct css_colour){
			     channel(v[0]), channel(v[1]), channel(v[2]), channel(v[3] * 255)};
	return true;
}

bool css_colour(slice text, struct css_colour *ret)
{
	slice s = slice_trim(text);
	if (slice_ieq(s, S("transparent"))) {
		*ret = (struct css_colour){0};
		return true;
	}
	if (s.n && s.p[0] == '#')
		return by_digits(slice_skip(s, 1), ret);
	return by_name(s, ret) || by_function(s, ret);
}

bool css_colour_attribute(slice text, struct css_colour *ret)
{
	return css_colour(text, ret) || by_digits(slice_trim(text), ret);
}
