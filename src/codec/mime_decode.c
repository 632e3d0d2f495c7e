/*
 * Transfer encodings undone (mime.h; RFC 2045 section 6, uuencode): as much as fits, whatever is
 * broken. Charsets are not looked at here.
 */
#include "base/b64.h"
#include "codec/mime.h"
#include "codec/qp.h"
#include "codec/uu.h"

static bool uu_decode(struct buf *out, slice in)
{
	slice block, name;
	return uu_next(&in, &block) && uu_read(block, out, &name);
}

bool mime_decode(const struct mime_part *p, struct buf *out)
{
	bool good = true;
	size_t room = out->limit > out->n ? out->limit - out->n : 0;
	slice body = p->body;
	if (p->encoding == MIME_BASE64 && room < body.n / 4 * 3)
		body = slice_first(body, room / 3 * 4);
	else if (p->encoding != MIME_BASE64 && room < body.n)
		body = slice_first(body, room);
	switch (p->encoding) {
	case MIME_QP:
		qp_decode(out, body);
		break;
	case MIME_BASE64:
		good = b64_decode_tolerant(out, body);
		break;
	case MIME_UUENCODE:
		good = uu_decode(out, body);
		break;
	default:
		buf_put(out, body);
	}
	out->full |= body.n < p->body.n;
	return good && buf_ok(out);
}
