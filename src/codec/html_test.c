/* HTML as its reader sees it: text, what is hidden and how, links, pictures, forms, counts, limits.
 */
#include "codec/html.h"

#include "base/mem.h"
#include "base/test.h"
#include "codec/html_entity.h"

static const struct {
	const char *html, *text, *hidden;
	unsigned hiding;
} cases[] = {
	{"plain", "plain", "", 0},
	{"<p>one<p>two<br>three</p>four", "one\n\ntwo\nthree\n\nfour", "", 0},
	{"a <b> b </b>\n  c", "a b c", "", 0},
	{"<pre>a\n  b</pre>", "a\nb", "", 0},
	{"<table><tr><td>a<td>b<tr><td>c</table>d", "a b\nc\nd", "", 0},
	{"<ul><li>a<li>b</ul>", "a\nb", "", 0},
	{"1 &lt; 2 &amp; 3&nbsp;&copy &#x4e2d;&#25991; &notit; &bogus;",
		"1 < 2 & 3 © 中文 ¬it; &bogus;", "", 0},
	{"a < b <3 c", "a < b <3 c", "", 0},
	{"x<script>if (a<b) '</p>'</script>y<style>p{color:red}</style>z", "xyz", "", 0},
	{"x<!-- c --> y <![if !mso]>z<![endif]>", "x y z", "", 0},
	{"<title>T &amp; t</title>x", "x", "", 0},
	{"<noscript>seen</noscript><template>not</template>", "seen", "not", HTML_HIDDEN_ATTRIBUTE},
	{"<textarea>a<b></textarea><select><option>x<option>y</select>", "a<b>\nx\ny", "", 0},
	{"<input type=submit value='Log in'><input type=hidden value=no><input placeholder=Name>",
		"Log in Name", "", 0},
	/* Ways to hide. */
	{"a<div style='display:none'>b<p>c</div>d", "a\nd", "b\n\nc", HTML_HIDDEN_DISPLAY},
	{"a<div style='DISPLAY : None !important;'>b</div>d", "a\nd", "b", HTML_HIDDEN_DISPLAY},
	{"a<div style='dis\\70lay:/**/none'>b</div>d", "a\nd", "b", HTML_HIDDEN_DISPLAY},
	{"a<div style='dis/*x*/play:no/**/ne'>b</div>d", "a\nd", "b", HTML_HIDDEN_DISPLAY},
	{"a<span hidden>b</span>c", "ac", "b", HTML_HIDDEN_DISPLAY},
	{"<i style='visibility:hidden'>a<b style='visibility:visible'>b</b></i>", "b", "a",
		HTML_HIDDEN_VISIBILITY},
	{"<span style='font-size:0'>a</span><span style='font-size:1px'>b</span><span "
	 "style='font-size:9px'>c</span>",
		"c", "ab", HTML_HIDDEN_FONT},
	{"<span style='font:0/0 a'>a</span>b", "b", "a", HTML_HIDDEN_FONT},
	{"<font size=1>a</font>", "a", "", 0},
	{"<div style='font-size:0'>a<span style='font-size:14px'>b</span></div>", "b", "a",
		HTML_HIDDEN_FONT},
	{"<font color=white>a</font>b", "b", "a", HTML_HIDDEN_COLOUR},
	{"<font color=#fefefe>a</font>b", "b", "a", HTML_HIDDEN_COLOUR},
	{"<body bgcolor=black><font color=#010101>a</font><font color=white>b</font>", "b", "a",
		HTML_HIDDEN_COLOUR},
	{"<table bgcolor='#336699'><tr><td style='color:rgb(51, 102, 153)'>a<td bgcolor=white>b",
		"b", "a", HTML_HIDDEN_COLOUR},
	{"<div style='background:#000 url(x.png)'><font color=#000>a</font></div>", "a", "", 0},
	{"<div style='background:red'><span style='color:hsl(0,100%,50%)'>a</span></div>b", "b",
		"a", HTML_HIDDEN_COLOUR},
	{"<span style='color:rgba(0,0,0,0)'>a</span><span style='color:transparent'>b</span>c", "c",
		"ab", HTML_HIDDEN_COLOUR},
	{"<div style='background:#888'><span style='color:#a00'>red on grey</span></div>",
		"red on grey", "", 0},
	{"<div style='opacity:.5'><p style='opacity:0.1'>a</p>b</div>", "b", "a",
		HTML_HIDDEN_OPACITY},
	{"<div style='filter:alpha(opacity=0)'>a</div>b", "b", "a", HTML_HIDDEN_OPACITY},
	{"<div style='max-height:0;overflow:hidden'>a</div>b", "b", "a", HTML_HIDDEN_BOX},
	{"<div style='max-height:0'>a</div>b", "a\nb", "", 0},
	{"<div style='transform:scale(0)'>a</div>b", "b", "a", HTML_HIDDEN_BOX},
	{"<div style='position:absolute;left:-9999px'>a</div>b", "b", "a", HTML_HIDDEN_OFFSCREEN},
	{"<div style='text-indent:-9999px'>a</div>b", "b", "a", HTML_HIDDEN_OFFSCREEN},
	{"<div style='position:absolute;clip:rect(0,0,0,0)'>a</div>b", "b", "a", HTML_HIDDEN_CLIP},
	{"<div style='clip-path:inset(100%)'>a</div>b", "b", "a", HTML_HIDDEN_CLIP},
	/* Sheets. */
	{"<style>.x{display:none} P.y , #z {font-size:0px}</style><p class='q x'>a</p><p "
	 "class=y>b</p><i "
	 "id=z>c</i><b class=y>d</b>",
		"d", "a\n\nb\n\nc", HTML_HIDDEN_DISPLAY | HTML_HIDDEN_FONT},
	{"<style><!-- @media (max-width:600px){.x{display:none}} --></style><p class=x>a</p>", "a",
		"", 0},
	{"<style>@media screen {.x{display:none}}</style><p class=x>a</p>b", "b", "a",
		HTML_HIDDEN_DISPLAY},
	{"<style>div .x{display:none}</style><p class=x>a</p>", "a", "", 0},
	{"<style>.x{display:none!important}</style><p class=x style='display:block'>a</p>b", "b",
		"a", HTML_HIDDEN_DISPLAY},
	{"<style>.x{display:none}</style><p class=x style='display:block'>a</p>b", "a\n\nb", "", 0},
	/* How far a style reaches. */
	{"<p style='display:none'>a<p>b", "b", "a", HTML_HIDDEN_DISPLAY},
	{"<table><tr><td style='display:none'>a<td>b</table>", "b", "a", HTML_HIDDEN_DISPLAY},
	{"<div style='display:none'><table><tr><td>a</div>b</table></div>c", "c", "ab",
		HTML_HIDDEN_DISPLAY},
	{"<font color=white><p>a</font>b</p>", "b", "a", HTML_HIDDEN_COLOUR},
	{"<span style='display:none'><div>a</span>b</div></span>c", "c", "ab", HTML_HIDDEN_DISPLAY},
	{"<b style='display:none'/>a", "", "a", HTML_HIDDEN_DISPLAY},
	/* Characters without width; joiners stay where they mean something. */
	{"pay&#8203;pal in&shy;voice", "paypal invoice", "", 0},
	{"नम\xe2\x80\x8dस \xf0\x9f\x91\xa8\xe2\x80\x8d\xf0\x9f\x91\xa9",
		"नम\xe2\x80\x8dस \xf0\x9f\x91\xa8\xe2\x80\x8d\xf0\x9f\x91\xa9", "", 0},
	/* Broken. */
	{"a<b", "a", "", 0},
	{"a<a href='x>never ends", "a", "", 0},
	{"a<!-- never ends", "a", "", 0},
	{"a</>b</ x>c<?php d ?>e", "abce", "", 0},
	{"\xff<p>\xfe", "\xef\xbf\xbd\n\n\xef\xbf\xbd", "", 0},
};

TEST(html_text)
{
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		AUTO(arena) struct arena a = {0};
		struct html h;
		html_read(slice_z(cases[i].html), &html_limits_default, &a, &h);
		if (!slice_eq(h.text, slice_z(cases[i].text)) ||
			!slice_eq(h.hidden, slice_z(cases[i].hidden)) ||
			h.stats.hiding != cases[i].hiding)
			test_fail(__FILE__, __LINE__, "%s:\n\"%.*s\" hidden \"%.*s\" by %u",
				cases[i].html, SFMT(h.text), SFMT(h.hidden), h.stats.hiding);
	}
}

static const struct {
	const char *html;
	enum html_link_kind kind;
	const char *target, *text;
} links[] = {
	{"<a href='http://x/?a=1&amp;b=2&copy=3'>see <b>this</b></a>", HTML_LINK_A,
		"http://x/?a=1&b=2&copy=3", "see this"},
	{"<A HREF = http://x/y >t", HTML_LINK_A, "http://x/y", "t"},
	{"<a href=' java\nscript:x '>t</a>", HTML_LINK_A, "javascript:x", "t"},
	{"<a href=x><span style='display:none'>no</span>yes</a>", HTML_LINK_A, "x", "yes"},
	{"<a href=one>a<a href=two>b", HTML_LINK_A, "one", "a"},
	{"<map><area href=x alt=y></map>", HTML_LINK_AREA, "x", ""},
	{"<form action=x><input type=submit value='Log in'></form>", HTML_LINK_FORM, "x", "Log in"},
	{"<meta http-equiv=Refresh content=\"0; URL='http://x/'\">", HTML_LINK_REFRESH, "http://x/",
		""},
	{"<iframe src=x>", HTML_LINK_FRAME, "x", ""},
	{"<img src=cid:1>", HTML_LINK_IMAGE, "cid:1", ""},
	{"<td background=x>", HTML_LINK_BACKGROUND, "x", ""},
	{"<p style=\"background:url( 'a;b' )\">", HTML_LINK_BACKGROUND, "a;b", ""},
	{"<style>@import url(x);</style>", HTML_LINK_STYLE, "x", ""},
	{"<style>p{background:url(x)}</style>", HTML_LINK_BACKGROUND, "x", ""},
	{"<link href=x>", HTML_LINK_STYLE, "x", ""},
	{"<script src=x></script>", HTML_LINK_SCRIPT, "x", ""},
	{"<video poster=x>", HTML_LINK_MEDIA, "x", ""},
	{"<object data=x>", HTML_LINK_FRAME, "x", ""},
	{"<v:roundrect href=x>", HTML_LINK_A, "x", ""},
	{"<img srcset='x 1x, y 2x'>", HTML_LINK_IMAGE, "x", ""},
};

TEST(html_links)
{
	for (size_t i = 0; i < sizeof links / sizeof *links; i++) {
		AUTO(arena) struct arena a = {0};
		struct html h;
		html_read(slice_z(links[i].html), &html_limits_default, &a, &h);
		if (h.nlinks < 1 || h.links[0].kind != links[i].kind ||
			!slice_eq(h.links[0].target, slice_z(links[i].target)) ||
			!slice_eq(h.links[0].text, slice_z(links[i].text)))
			test_fail(__FILE__, __LINE__, "%s: %zu links, kind %d, %.*s, \"%.*s\"",
				links[i].html, h.nlinks, h.nlinks ? (int)h.links[0].kind : -1,
				SFMT(h.nlinks ? h.links[0].target : S("")),
				SFMT(h.nlinks ? h.links[0].text : S("")));
	}
}

TEST(html_base)
{
	AUTO(arena) struct arena a = {0};
	struct html h;
	html_read(S("<base href=http://e.org/d/f><a href=x>1</a><a href=/y>2</a><a href=//z/>3</a>"
		    "<a href=https://q/>4</a><a href=#t>5</a>"),
		&html_limits_default, &a, &h);
	CHECK_INT(h.nlinks, 6);
	CHECK_STR(h.links[1].target, S("http://e.org/d/x"));
	CHECK_STR(h.links[2].target, S("http://e.org/y"));
	CHECK_STR(h.links[3].target, S("http://z/"));
	CHECK_STR(h.links[4].target, S("https://q/"));
	CHECK_STR(h.links[5].target, S("#t"));
}

TEST(html_pictures)
{
	AUTO(arena) struct arena a = {0};
	struct html h;
	html_read(S("<a href=x><img src='http://t/p' width=1 height=1></a><img src=cid:a width=600 "
		    "height='300px' alt='A &amp; B'><img src=https://h/ style='display:none'>"
		    "<img src='data:image/png;base64,AA' width=50%>"),
		&html_limits_default, &a, &h);
	CHECK_INT(h.nimages, 4);
	CHECK(h.images[0].tracker && h.images[0].remote && h.links[0].has_image);
	CHECK(h.images[1].cid && !h.images[1].tracker);
	CHECK_INT(h.images[1].width, 600);
	CHECK_INT(h.images[1].height, 300);
	CHECK_STR(h.images[1].alt, S("A & B"));
	CHECK(h.images[2].tracker && h.images[2].hiding == HTML_HIDDEN_DISPLAY);
	CHECK(h.images[3].data && h.images[3].width == -1);
	CHECK_INT(h.stats.trackers, 2);
	CHECK_INT(h.stats.images_remote, 2);
}

TEST(html_counts)
{
	AUTO(arena) struct arena a = {0};
	struct html h;
	html_read(S("<!doctype html><form onsubmit=x><input type=password><input><input "
		    "type=hidden><button>b</button></form><script>s1</script><svg onload=1></svg>"
		    "<!-- c --><!--[if mso]>o<![endif]--><p style='mso-hide:all'>V<!-- x -->i<foo>a"
		    "g&#8203;ra &#97;&#x42; &eacute; <span style='color:#ddd'>faint</span>"
		    "<span style='font-size:3px'>tiny</span>"),
		&html_limits_default, &a, &h);
	CHECK_INT(h.stats.doctypes, 1);
	CHECK_INT(h.stats.forms, 1);
	CHECK_INT(h.stats.password_inputs, 1);
	CHECK_INT(h.stats.inputs, 2);
	CHECK_INT(h.stats.hidden_inputs, 1);
	CHECK_INT(h.stats.buttons, 1);
	CHECK_INT(h.stats.event_handlers, 2);
	CHECK_INT(h.stats.scripts, 1);
	CHECK_STR(h.scripts, S("s1"));
	CHECK_INT(h.stats.svgs, 1);
	CHECK_INT(h.stats.comments, 3);
	CHECK_INT(h.stats.conditional_comments, 1);
	CHECK_STR(h.comments, S(" c \n[if mso]>o<![endif]\n x "));
	CHECK_INT(h.stats.mso_hidden, 1);
	CHECK_INT(h.stats.splits_in_words, 2);
	CHECK_INT(h.stats.zero_width_in_words, 1);
	CHECK_INT(h.stats.entities, 4);
	CHECK_INT(h.stats.entities_needless, 2);
	CHECK_INT(h.stats.faint, 5);
	CHECK_INT(h.stats.tiny, 4);
}

TEST(html_limits_hold)
{
	const struct html_limits l = {.depth = 5,
		.rules = 3,
		.links = 2,
		.images = 1,
		.value = 10,
		.text = 20,
		.hidden = 5,
		.aside = 5};
	AUTO(arena) struct arena a = {0};
	struct html h;
	html_read(S("<div><div><div><div><div><div><div "
		    "style='display:none'>x</div></div></div></div>"
		    "<a href=1><a href=2><a href=3><img><img><a href=12345678901234>long text long "
		    "text"
		    "<style>a{}b{}c{}d{}</style><!-- long comment --></div>"),
		&l, &a, &h);
	CHECK_INT(h.limits, HTML_LIMIT_DEPTH | HTML_LIMIT_LINKS | HTML_LIMIT_IMAGES |
				    HTML_LIMIT_VALUE | HTML_LIMIT_RULES | HTML_LIMIT_TEXT);
	CHECK(h.text.n <= 20 && h.comments.n <= 5);
	CHECK_INT(h.nlinks, 2);
	CHECK_INT(h.nimages, 1);
}

TEST(html_long_word_is_cut)
{
	const struct html_limits l = {.depth = 5, .text = 20};
	AUTO(arena) struct arena a = {0};
	struct html h;
	html_read(S("aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"), &l, &a, &h);
	CHECK_INT(h.text.n, 20);
	CHECK_INT(h.limits, HTML_LIMIT_TEXT);
}

TEST(html_entities)
{
	static const struct {
		const char *in;
		bool attribute;
		size_t n;
		uint32_t first, second;
	} v[] = {{"&amp;", false, 5, '&', 0}, {"&ampx", false, 4, '&', 0}, {"&ampx", true, 0, 0, 0},
		{"&copy=", true, 0, 0, 0}, {"&copy;=", true, 6, 0xa9, 0},
		{"&#128;", false, 6, 0x20ac, 0}, {"&#0;", false, 4, 0xfffd, 0},
		{"&#xD800;", false, 8, 0xfffd, 0}, {"&#99999999999;", false, 14, 0xfffd, 0},
		{"&#x41", false, 5, 'A', 0}, {"&#x;", false, 0, 0, 0}, {"&#", false, 0, 0, 0},
		{"&", false, 0, 0, 0}, {"&NotEqualTilde;", false, 15, 0x2242, 0x338},
		{"&CounterClockwiseContourIntegral;", false, 33, 0x2233, 0},
		{"&notin;", false, 7, 0x2209, 0}, {"&zwj;", false, 5, 0x200d, 0},
		{"&AElig", false, 6, 0xc6, 0}};
	for (size_t i = 0; i < sizeof v / sizeof *v; i++) {
		uint32_t cp[2];
		CHECK_INT(html_entity(slice_z(v[i].in), v[i].attribute, cp), v[i].n);
		CHECK_INT(cp[0], v[i].first);
		CHECK_INT(cp[1], v[i].second);
	}
}
