/*
 * Text of strangers inside HTML of ours: digests, notices, pages, banners (html_escape.h).
 */
#include "codec/html_escape.h"

void html_escape(struct buf *out, slice text)
{
	for (size_t i = 0; i < text.n; i++)
		switch (text.p[i]) {
		case '&':
			buf_put(out, S("&amp;"));
			break;
		case '<':
			buf_put(out, S("&lt;"));
			break;
		case '>':
			buf_put(out, S("&gt;"));
			break;
		case '"':
			buf_put(out, S("&quot;"));
			break;
		case '\'':
			buf_put(out, S("&#39;"));
			break;
		default:
			buf_byte(out, text.p[i]);
		}
}
