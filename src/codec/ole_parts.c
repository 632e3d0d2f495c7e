/*
 * Compound files: which stream is read by whom (ole.h). Macros (MS-OVBA), embedded objects
 * (MS-OLEDS), documents of old (ole_word.c, ole_sheet.c, ole_slides.c), Outlook's messages
 * (ole_message.c). Called by the readers of attachments and of office documents.
 */
#include "base/mem.h"
#include "codec/ole_impl.h"
#include "codec/vba.h"

enum {
	SOURCE_MAX = 4 << 20, /* of all macros */
	NATIVE_NAME_MAX = 260,
	FONT_NAME_MAX = 36, /* of an equation: longer ones overflow (CVE-2017-11882) */
	EQUATION_HEAD = 28,
};

static bool is_in(const struct ole *o, const struct ole_entry *e, slice storage)
{
	return e->parent < o->n && slice_ieq(slice_z(o->v[e->parent].name), storage);
}

/* ---- objects ---- */

static slice zero_ended(slice *s)
{
	slice r = slice_first(*s, slice_index(*s, 0));
	*s = slice_skip(*s, r.n + 1);
	return r;
}

/* MS-OLEDS 2.3.6, and what the Packager of Windows writes into it. */
static void native(struct ole *o, slice s)
{
	const struct extract *x = o->x;
	slice all = slice_skip(s, 4), rest = slice_skip(s, 6);
	slice name = slice_first(zero_ended(&rest), NATIVE_NAME_MAX);
	zero_ended(&rest); /* where it came from */
	uint32_t path = ole_le32(rest, 4);
	rest = slice_skip(rest, 8);
	rest = slice_skip(rest, path);
	uint32_t n = ole_le32(rest, 0);
	slice body = slice_first(slice_skip(rest, 4), n);
	x->fact(x->ctx, EXTRACT_EMBEDDED, name);
	o->stopped = !x->file(x->ctx, body.n ? name : S(""), body.n ? body : all);
}

/* A font record that overflows, right at the beginning (MTEF). */
static void equation(struct ole *o, slice s)
{
	for (size_t i = EQUATION_HEAD + 3; i < EQUATION_HEAD + 16u && i + 3 < s.n; i++) {
		slice font = slice_skip(s, i + 3);
		if (s.p[i] == 8 && slice_index(font, 0) > FONT_NAME_MAX) {
			o->x->fact(o->x->ctx, EXTRACT_EXPLOIT, S("equation"));
			return;
		}
	}
}

size_t ole_monikers(struct ole *o, slice s)
{
	static const slice url =
		S_INIT("\xe0\xc9\xea\x79\xf9\xba\xce\x11\x8c\x82\x00\xaa\x00\x4b\xa9\x0b");
	size_t found = 0;
	for (size_t at; (at = slice_find(s, url)) < s.n; found++) {
		AUTO(buf) struct buf text = BUF(8192);
		slice rest = slice_skip(s, at + url.n);
		uint32_t n = ole_le32(rest, 0);
		ole_wide(slice_first(slice_skip(rest, 4), n < 4096 ? n : 4096), &text);
		slice target = slice_first(buf_slice(&text), slice_index(buf_slice(&text), 0));
		if (target.n)
			o->x->link(o->x->ctx, target, S(""));
		s = rest;
	}
	return found;
}

/* ---- macros ---- */

static void macro(struct ole *o, slice stream)
{
	o->macros = true;
	vba_source(stream, &o->source);
	buf_byte(&o->source, '\n');
}

static bool is_module(const struct ole *o, const struct ole_entry *e)
{
	return is_in(o, e, S("VBA")) && !slice_ieq(slice_z(e->name), S("dir")) &&
	       !slice_starts(slice_z(e->name), S("__SRP_")) &&
	       !slice_ieq(slice_z(e->name), S("_VBA_PROJECT"));
}

/* ---- all streams ---- */

static void by_name(struct ole *o, const struct ole_entry *e, slice name, slice bytes)
{
	const struct extract *x = o->x;
	if (slice_eq(name, S("WordDocument")))
		ole_word(o, e, bytes);
	else if (slice_eq(name, S("Workbook")) || slice_eq(name, S("Book")))
		ole_sheet(o, bytes);
	else if (slice_eq(name, S("PowerPoint Document")))
		ole_slides(o, bytes);
	else if (slice_eq(name, S("Pictures")) || slice_eq(name, S("Data")))
		ole_pictures(o, bytes);
	else if (slice_eq(name, S("\1Ole10Native")))
		native(o, bytes);
	else if (slice_eq(name, S("\1Ole")) && ole_monikers(o, bytes))
		x->fact(x->ctx, EXTRACT_REMOTE, S("OLE"));
	else if (slice_ieq(name, S("Equation Native")))
		equation(o, bytes);
	else if (slice_eq(name, S("EncryptedPackage")))
		x->fact(x->ctx, EXTRACT_ENCRYPTED, S(""));
	else if (slice_eq(name, S("Package"))) /* an office document of today inside one of old */
		o->stopped = !x->file(x->ctx, S(""), bytes);
	else if (is_module(o, e))
		macro(o, bytes);
}

static bool is_wanted(const struct ole *o, const struct ole_entry *e, slice name)
{
	static const slice v[] = {S_INIT("WordDocument"), S_INIT("Workbook"), S_INIT("Book"),
		S_INIT("PowerPoint Document"), S_INIT("Pictures"), S_INIT("Data"),
		S_INIT("\1Ole10Native"), S_INIT("\1Ole"), S_INIT("Equation Native"),
		S_INIT("EncryptedPackage"), S_INIT("Package")};
	for (size_t i = 0; i < sizeof v / sizeof *v; i++)
		if (slice_ieq(name, v[i]))
			return true;
	return is_module(o, e) || slice_istarts(name, S("__substg1.0_"));
}

static void one(struct ole *o, const struct ole_entry *e)
{
	AUTO(buf) struct buf bytes = BUF(o->in.n + 1);
	slice name = slice_z(e->name);
	if (e->kind != 2 || !is_wanted(o, e, name) || !ole_stream(o, e, &bytes))
		return;
	if (!ole_message(o, e, buf_slice(&bytes)))
		by_name(o, e, name, buf_slice(&bytes));
}

void ole_read(slice in, struct extract_limits *l, const struct extract *x)
{
	struct ole o = {.limits = l, .x = x, .source = BUF(SOURCE_MAX)};
	if (!ole_open(&o, in))
		x->fact(x->ctx, EXTRACT_DAMAGED, S(""));
	for (size_t i = 0; i < o.n && !o.stopped; i++)
		one(&o, &o.v[i]);
	if (o.macros) {
		x->fact(x->ctx, EXTRACT_MACRO, S("VBA"));
		vba_words(buf_slice(&o.source), x);
	}
	buf_done(&o.source);
	buf_done(&o.ministream);
	arena_done(&o.a);
}
