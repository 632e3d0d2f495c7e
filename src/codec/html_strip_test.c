#include "base/mem.h"
#include "base/test.h"
#include "codec/html_strip.h"

TEST(words_of_html_are_what_stands_between_its_tags)
{
	static const struct {
		const char *in, *want;
	} rows[] = {
		{"<p>one<br>two</p>", " one two "},
		{"a<b>b</b>c", "abc"},
		{"x<style>p { color: red }</style>y", "xy"},
		{"x<SCRIPT>if (a<b) c</SCRIPT>y", "xy"},
		{"x<!-- <p>no</p> -- > -->y", "xy"},
		{"<a title='>'>t</a>&amp;&#20013;&nosuch;&lt;", "t&\xe4\xb8\xad&nosuch;<"},
		{"1 &lt 2", "1 < 2"},
		{"<td a=\"b>c\">cell</td>", " cell "},
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		AUTO(buf) struct buf out = BUF(1000);
		struct html_strip h = {0};
		html_strip(&h, slice_z(rows[i].in), &out);
		CHECK_STR(buf_slice(&out), slice_z(rows[i].want));
	}
}

TEST(pieces_of_html_make_no_difference)
{
	slice in =
		S("<div class=\"x\">Hello <b>wor</b>ld<style> a { } </style><!-- c -->!</div> end");
	for (size_t n = 1; n < in.n; n++) {
		AUTO(buf) struct buf out = BUF(1000);
		struct html_strip h = {0};
		html_strip(&h, slice_first(in, n), &out);
		html_strip(&h, slice_skip(in, n), &out);
		CHECK_STR(buf_slice(&out), S(" Hello world! "
					     " end"));
	}
}
