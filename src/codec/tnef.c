/*
 * winmail.dat (MS-OXTNEF 2.1): attributes one behind the other, each with a length; the body as
 * text, attachments with their names. Properties (MAPI) of a message and of an attachment are read
 * as far as names and bodies need (MS-OXTNEF 2.1.3.4). Compressed RTF bodies (MS-OXRTFCP) are
 * undone. Checksums are not looked at. Called by the reader of attachments.
 */
#include "codec/tnef.h"

#include "base/buf.h"
#include "base/mem.h"
#include "codec/charset.h"
#include "codec/rtfcp.h"

enum {
	ATTRIBUTES_MAX = 5000,
	PROPERTIES_MAX = 2000, /* of one list */
	VALUES_MAX = 1000, /* of one property */
	NAME_MAX_BYTES = 1024,
	TEXT_MAX = 1 << 20,
	/* identifiers with their types */
	ATT_BODY = 0x0002800c,
	ATT_SUBJECT = 0x00018004,
	ATT_MAPI = 0x00069003,
	ATT_RENDER = 0x00069002,
	ATT_TITLE = 0x00018010,
	ATT_DATA = 0x0006800f,
	ATT_ATTACHMENT = 0x00069005,
	/* properties */
	PR_BODY = 0x1000,
	PR_RTF = 0x1009,
	PR_HTML = 0x1013,
	PR_SUBJECT = 0x0037,
	PR_LONG_NAME = 0x3707,
	PR_DATA = 0x3701,
};

struct tnef {
	struct extract_limits *limits;
	const struct extract *x;
	slice data; /* of the present attachment */
	struct buf name;
	bool open, stopped;
};

static uint32_t le(slice *s, size_t n)
{
	uint32_t v = 0;
	for (size_t i = 0; i < n && i < s->n; i++)
		v |= (uint32_t)(unsigned char)s->p[i] << 8 * i;
	*s = slice_skip(*s, n);
	return v;
}

static slice bytes(slice *s, size_t n)
{
	slice r = slice_first(*s, n);
	*s = slice_skip(*s, n);
	return r;
}

static slice until_nul(slice s)
{
	return slice_first(s, slice_index(s, 0));
}

static void give_text(struct tnef *t, slice raw, bool wide)
{
	AUTO(buf) struct buf out = BUF(TEXT_MAX);
	struct charset_reading how;
	raw = slice_first(raw, TEXT_MAX / 2);
	if (wide)
		charset_to_utf8(S("utf-16le"), raw, &out);
	else
		charset_read(S(""), until_nul(raw), false, &out, &how);
	slice text = until_nul(buf_slice(&out));
	t->x->text(t->x->ctx, text);
	t->x->text(t->x->ctx, S("\n"));
}

static void set_name(struct tnef *t, slice raw, bool wide)
{
	struct charset_reading how;
	raw = slice_first(raw, NAME_MAX_BYTES);
	buf_reset(&t->name);
	if (wide)
		charset_to_utf8(S("utf-16le"), raw, &t->name);
	else
		charset_read(S(""), until_nul(raw), false, &t->name, &how);
	t->name.n = until_nul(buf_slice(&t->name)).n;
}

static void give(struct tnef *t, slice name, slice file)
{
	if (!extract_take(t->limits, file.n)) {
		t->x->fact(t->x->ctx, EXTRACT_LIMIT, S(""));
		t->stopped = true;
	} else if (!t->x->file(t->x->ctx, name, file)) {
		t->stopped = true;
	}
}

static void end_attachment(struct tnef *t)
{
	if (t->open && t->data.n)
		give(t, buf_slice(&t->name), t->data);
	t->open = false;
	t->data = (slice){0};
	buf_reset(&t->name);
}

static void rtf_body(struct tnef *t, slice compressed)
{
	AUTO(buf) struct buf out = BUF(TEXT_MAX);
	if (!rtfcp_undo(compressed, &out) && out.full)
		t->x->fact(t->x->ctx, EXTRACT_LIMIT, S(""));
	if (out.n) /* programs show what is cut, too */
		give(t, S(""), buf_slice(&out));
}

/* One value of a property of the message or an attachment. */
static void value(struct tnef *t, uint32_t id, uint32_t type, slice v)
{
	bool wide = type == 0x1f;
	if (id == PR_BODY || id == PR_SUBJECT)
		give_text(t, v, wide);
	else if (id == PR_RTF)
		rtf_body(t, v);
	else if (id == PR_HTML)
		give(t, S("body.html"), v);
	else if (id == PR_LONG_NAME)
		set_name(t, v, wide);
	else if (id == PR_DATA && type == 0x0d) /* an object: its class in front */
		t->data = slice_skip(v, 16);
	else if (id == PR_DATA)
		t->data = v;
}

/* How long a value of a type is; 0: it says so itself. */
static size_t fixed(uint32_t type)
{
	switch (type & 0xfff) {
	case 2:
	case 3:
	case 4:
	case 0x0a:
	case 0x0b:
		return 4;
	case 5:
	case 6:
	case 7:
	case 0x14:
	case 0x40:
		return 8;
	case 0x48:
		return 16;
	default:
		return 0;
	}
}

static void skip_name(slice *in)
{
	bytes(in, 16); /* the set's identifier */
	if (le(in, 4) == 0) {
		le(in, 4);
		return;
	}
	uint32_t n = le(in, 4);
	bytes(in, ((size_t)n + 3) & ~(size_t)3);
}

static void properties(struct tnef *t, slice in)
{
	uint32_t count = le(&in, 4);
	for (uint32_t i = 0; i < count && i < PROPERTIES_MAX && in.n >= 4 && !t->stopped; i++) {
		uint32_t type = le(&in, 2), id = le(&in, 2), n = 1;
		bool many = type & 0x1000, sized = !fixed(type);
		if (id >= 0x8000)
			skip_name(&in);
		if (many || sized)
			n = le(&in, 4);
		for (uint32_t k = 0; k < n && k < VALUES_MAX && in.n; k++) {
			size_t length = sized ? le(&in, 4) : fixed(type);
			slice v = bytes(&in, length);
			value(t, id, type & 0xfff, v);
			bytes(&in, (4 - length % 4) % 4);
		}
	}
}

static void attribute(struct tnef *t, uint32_t id, slice v)
{
	switch (id) {
	case ATT_BODY:
	case ATT_SUBJECT:
		give_text(t, v, false);
		break;
	case ATT_RENDER: /* begins an attachment */
		end_attachment(t);
		t->open = true;
		break;
	case ATT_TITLE:
		if (!t->name.n)
			set_name(t, v, false);
		break;
	case ATT_DATA:
		t->open = true;
		t->data = v;
		break;
	case ATT_MAPI:
	case ATT_ATTACHMENT:
		properties(t, v);
		break;
	default:
		break;
	}
}

void tnef_read(slice in, struct extract_limits *l, const struct extract *x)
{
	struct tnef t = {.limits = l, .x = x, .name = BUF(4 * NAME_MAX_BYTES)};
	bytes(&in, 6); /* signature and key */
	for (unsigned i = 0; i < ATTRIBUTES_MAX && in.n >= 9 && !t.stopped; i++) {
		le(&in, 1); /* of the message or an attachment: the identifier tells */
		uint32_t id = le(&in, 4), n = le(&in, 4);
		if (n > in.n)
			x->fact(x->ctx, EXTRACT_DAMAGED, S(""));
		attribute(&t, id, bytes(&in, n));
		le(&in, 2);
	}
	if (!t.stopped)
		end_attachment(&t);
	buf_done(&t.name);
}
