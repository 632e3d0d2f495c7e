/*
 * Objects in RTF: OLE 1.0 as MS-OLEDS 2.2 has it: class, then the native data, which is a compound
 * file or what the Packager wrote. Called by rtf.c.
 */
#include "codec/rtf_impl.h"

enum { LINKED = 1, NAME_MAX_BYTES = 300 };

static uint32_t le32(slice s)
{
	const unsigned char *p = (const unsigned char *)s.p;
	return s.n < 4 ? 0
		       : p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

/* A length of four bytes and that many letters with their NUL. */
static slice counted(slice *s)
{
	uint32_t n = le32(*s);
	slice r = slice_first(slice_skip(*s, 4), n);
	*s = slice_skip(*s, 4 + r.n);
	return slice_first(r, slice_index(r, 0));
}

static slice zero_ended(slice *s)
{
	slice r = slice_first(*s, slice_index(*s, 0));
	*s = slice_skip(*s, r.n + 1);
	return r;
}

/* What the Packager wrote: mark, name, where it came from, eight bytes with a path, data. */
static bool package(slice native, const struct extract *x)
{
	slice rest = slice_skip(native, 2);
	slice name = slice_first(zero_ended(&rest), NAME_MAX_BYTES);
	zero_ended(&rest);
	rest = slice_skip(rest, 4);
	counted(&rest);
	slice body = slice_first(slice_skip(rest, 4), le32(rest));
	x->fact(x->ctx, EXTRACT_EMBEDDED, name);
	return body.n ? x->file(x->ctx, name, body) : x->file(x->ctx, S(""), native);
}

bool rtf_object(const struct rtf_object *how, slice data, const struct extract *x)
{
	slice rest = slice_skip(data, 4);
	uint32_t format = le32(rest);
	rest = slice_skip(rest, 4);
	slice class = counted(&rest);
	counted(&rest); /* topic */
	counted(&rest); /* item */
	slice native = slice_first(slice_skip(rest, 4), le32(rest));
	if (how->update)
		x->fact(x->ctx, EXTRACT_AUTORUN, S("objupdate"));
	if (slice_istarts(class, S("Equation")) && (how->update || how->odd))
		x->fact(x->ctx, EXTRACT_EXPLOIT, class);
	else if (how->odd)
		x->fact(x->ctx, EXTRACT_EXPLOIT, S("obfuscated object"));
	if (format == LINKED || how->linked)
		x->fact(x->ctx, EXTRACT_REMOTE, class);
	if (slice_ieq(class, S("Package")))
		return package(native, x);
	x->fact(x->ctx, EXTRACT_EMBEDDED, class);
	/* What cannot be taken apart is given whole: a compound file in it is found by its mark. */
	slice ole = slice_skip(data, slice_find(data, S("\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1")));
	return ole.n ? x->file(x->ctx, S(""), ole) : true;
}
