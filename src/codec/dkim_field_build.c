/*
 * Signature fields written (RFC 6376 section 3.5, RFC 8617 section 4.1), for the signers and
 * sealers of senderauth/: one tag after the other, folded between tags, and inside h= and b=.
 */
#include "base/b64.h"
#include "base/mem.h"
#include "codec/dkim_field.h"

enum { LINE = 78, SIGNATURE_MAX = 2048 };

/* Where a line is folded. */
struct folder {
	struct buf *out;
	size_t column;
};

static void put(struct folder *f, slice s)
{
	buf_put(f->out, s);
	f->column += s.n;
}

static void fold(struct folder *f)
{
	buf_put(f->out, S("\r\n\t"));
	f->column = 8;
}

/* " name=value;" in one piece, on a line of its own when this one is full. */
static void put_tag(struct folder *f, const char *name, slice value)
{
	slice key = slice_z(name);
	if (f->column + 3 + key.n + value.n > LINE)
		fold(f);
	else
		put(f, S(" "));
	put(f, key);
	put(f, S("="));
	put(f, value);
	put(f, S(";"));
}

static void put_number(struct folder *f, const char *name, int64_t n)
{
	AUTO(buf) struct buf text = BUF(32);
	buf_printf(&text, "%lld", (long long)n);
	put_tag(f, name, buf_slice(&text));
}

static void put_names(struct folder *f, const struct dkim_field *field)
{
	fold(f);
	put(f, S("h="));
	for (size_t i = 0; i < field->nnames; i++) {
		if (i && f->column + field->names[i].n + 1 > LINE)
			fold(f);
		put(f, field->names[i]);
		put(f, i + 1 < field->nnames ? S(":") : S(";"));
	}
}

/* i= of DKIM: dkim-quoted-printable. */
static void put_identity(struct folder *f, slice identity)
{
	AUTO(buf) struct buf text = BUF(4096);
	for (size_t i = 0; i < identity.n; i++) {
		unsigned char c = (unsigned char)identity.p[i];
		if (c > ' ' && c < 0x7f && c != ';' && c != '=')
			buf_byte(&text, (char)c);
		else
			buf_printf(&text, "=%02X", c);
	}
	put_tag(f, "i", buf_slice(&text));
}

static void put_body_hash(struct folder *f, slice hash)
{
	AUTO(buf) struct buf text = BUF(256);
	b64_encode(&text, hash);
	put_tag(f, "bh", buf_slice(&text));
}

static void put_who(struct folder *f, const struct dkim_field *field)
{
	put_tag(f, "d", field->domain);
	put_tag(f, "s", field->selector);
	if (field->kind == DKIM_SIGNATURE && field->identity.n)
		put_identity(f, field->identity);
	if (field->signed_at >= 0)
		put_number(f, "t", field->signed_at);
	if (field->expires_at >= 0)
		put_number(f, "x", field->expires_at);
}

/* c=, bh=, h=: what a seal has not. */
static void put_what(struct folder *f, const struct dkim_field *field)
{
	AUTO(buf) struct buf canon = BUF(32);
	buf_printf(&canon, "%s/%s", dkim_canon_name(field->header_canon),
		dkim_canon_name(field->body_canon));
	put_tag(f, "c", buf_slice(&canon));
	put_who(f, field);
	put_body_hash(f, field->body_hash);
	put_names(f, field);
}

void dkim_field_begin(struct buf *out, const struct dkim_field *field)
{
	static const char *const cv[] = {"none", "pass", "fail"};
	struct folder f = {.out = out};
	put(&f, slice_z(dkim_field_name(field->kind)));
	put(&f, S(":"));
	if (field->kind == DKIM_SIGNATURE)
		put_tag(&f, "v", S("1"));
	else
		put_number(&f, "i", field->instance);
	put_tag(&f, "a", slice_z(dkim_algorithm_name(field->algorithm)));
	if (field->kind == ARC_SEAL) {
		put_tag(&f, "cv", slice_z(cv[field->cv]));
		put_who(&f, field);
	} else {
		put_what(&f, field);
	}
	fold(&f);
	put(&f, S("b="));
}

void dkim_field_finish(struct buf *out, slice signature)
{
	enum { PER_LINE = LINE - 8 };
	AUTO(buf) struct buf text = BUF(b64_size(SIGNATURE_MAX));
	b64_encode(&text, slice_first(signature, SIGNATURE_MAX));
	slice rest = buf_slice(&text);
	for (size_t room = PER_LINE - 2; rest.n; room = PER_LINE) {
		if (room == PER_LINE)
			buf_put(out, S("\r\n\t"));
		buf_put(out, slice_first(rest, room));
		rest = slice_skip(rest, room);
	}
	buf_put(out, S("\r\n"));
}
