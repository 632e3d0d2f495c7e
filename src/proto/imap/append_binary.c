/*
 * A message that holds NUL, rewritten so that it holds none: bodies of the parts concerned become base64 (RFC 3516 4.4). Called by append.c.
 */
#include "base/b64.h"
#include "base/mem.h"
#include "codec/mime.h"
#include "proto/imap/append.h"

static bool has_nul(slice s)
{
	return s.n && memchr(s.p, 0, s.n);
}

/* The header of a part with another encoding. */
static void put_header(slice header, struct buf *out)
{
	struct header_field f;
	while (header_next(&header, &f))
		if (!slice_ieq(f.name, S("Content-Transfer-Encoding")))
			buf_put(out, f.raw);
	buf_put(out, S("Content-Transfer-Encoding: base64\r\n\r\n"));
}

bool append_without_nul(slice message, struct buf *out)
{
	AUTO(arena) struct arena a = {0};
	struct mime m;
	const char *done = message.p;
	mime_parse(message, &mime_limits_default, &a, &m);
	for (size_t i = 0; i < m.n; i++) {
		const struct mime_part *p = &m.v[i];
		if (p->multipart || p->message || !has_nul(p->body))
			continue;
		if (p->encoding == MIME_QP || p->encoding == MIME_BASE64 ||
			p->encoding == MIME_UUENCODE)
			return false;
		buf_put(out, slice_of(done, (size_t)(p->header.p - done)));
		put_header(p->header, out);
		b64_encode_lines(out, p->body);
		done = p->body.p + p->body.n;
	}
	buf_put(out, slice_of(done, (size_t)(message.p + message.n - done)));
	return buf_ok(out) && !has_nul(buf_slice(out));
}
