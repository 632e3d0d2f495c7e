/*
 * Office documents in zip files (office.h): which entry is read by whom. ECMA-376 part 2
 * (packages), OpenDocument 1.3 part 2. Called by the reader of attachments. What the entries say is
 * office_parts.c; macros are compound files and belong to ole.h.
 */
#include "codec/office.h"

#include "base/mem.h"
#include "codec/charset.h"
#include "codec/office_impl.h"
#include "codec/ole.h"
#include "codec/unpack.h"

enum {
	XML_TOTAL = 96 << 20, /* unpacked bytes of one document */
	ENTRIES_MAX = 5000,
	TEXT_MAX = 1 << 20, /* of one entry */
	VALUE_MAX = 16 * 1024,
};

enum part {
	PART_NONE,
	PART_RELATIONS,
	PART_WORDS,
	PART_WORKBOOK,
	PART_OPEN,
	PART_FIXED,
	PART_PAGE,
	PART_MACROS,
	PART_MACRO_SHEET,
	PART_SCRIPT,
	PART_MANIFEST,
	PART_FILE,
};

static bool under(slice name, slice folder, slice ending)
{
	return slice_istarts(name, folder) && slice_iends(name, ending);
}

static bool is_word_text(slice n)
{
	return under(n, S("word/document"), S(".xml")) || under(n, S("word/header"), S(".xml")) ||
	       under(n, S("word/footer"), S(".xml")) || under(n, S("word/footnotes"), S(".xml")) ||
	       under(n, S("word/endnotes"), S(".xml")) || under(n, S("word/comments"), S(".xml")) ||
	       under(n, S("ppt/slides/slide"), S(".xml")) ||
	       under(n, S("ppt/notesSlides/notes"), S(".xml")) ||
	       under(n, S("ppt/diagrams/data"), S(".xml")) ||
	       under(n, S("xl/sharedStrings"), S(".xml")) ||
	       under(n, S("xl/worksheets/"), S(".xml")) || under(n, S("xl/drawings/"), S(".xml")) ||
	       under(n, S("visio/pages/"), S(".xml"));
}

static bool in_folder(slice n, slice folder)
{
	return slice_find(n, folder) < n.n;
}

static bool not_looked_at(slice n)
{
	return slice_iends(n, S(".xml")) || slice_iends(n, S("/")) || slice_iends(n, S("ttf")) ||
	       slice_iends(n, S(".otf"));
}

static enum part part_of(slice n)
{
	if (slice_iends(n, S(".rels")))
		return PART_RELATIONS;
	if (slice_iends(n, S("vbaProject.bin")))
		return PART_MACROS;
	if (slice_istarts(n, S("xl/macrosheets/")))
		return PART_MACRO_SHEET;
	if (slice_ieq(n, S("xl/workbook.xml")) || under(n, S("xl/externalLinks/"), S(".xml")))
		return PART_WORKBOOK;
	if (is_word_text(n))
		return PART_WORDS;
	if (slice_eq(n, S("content.xml")) || slice_eq(n, S("styles.xml")))
		return PART_OPEN;
	if (slice_istarts(n, S("Basic/")) || slice_istarts(n, S("Scripts/")))
		return PART_SCRIPT;
	if (slice_eq(n, S("META-INF/manifest.xml")))
		return PART_MANIFEST;
	if (slice_iends(n, S(".fpage")) || under(n, S("Doc_"), S("Content.xml")) ||
		under(n, S("Doc_"), S("Annotation.xml")))
		return PART_FIXED;
	if (slice_iends(n, S(".xhtml")) || slice_iends(n, S(".html")) || slice_iends(n, S(".htm")))
		return PART_PAGE;
	if (in_folder(n, S("media/")) || in_folder(n, S("embeddings/")) ||
		slice_starts(n, S("Pictures/")) || in_folder(n, S("/Res/")) ||
		slice_starts(n, S("Object ")) || slice_starts(n, S("ObjectReplacements/")) ||
		slice_istarts(n, S("Resources/")) || slice_istarts(n, S("word/activeX/")))
		return not_looked_at(n) ? PART_NONE : PART_FILE;
	return PART_NONE;
}

static bool want(void *arg, slice name)
{
	struct office *o = arg;
	return !o->stopped && part_of(name) != PART_NONE;
}

/* UTF-8, whatever it was. */
static slice as_utf8(slice xml, struct buf *space)
{
	struct charset_reading how;
	if (!slice_starts(xml, S("\xff\xfe")) && !slice_starts(xml, S("\xfe\xff")))
		return xml;
	charset_read(S(""), xml, false, space, &how);
	return buf_slice(space);
}

static void read_xml(struct office *o, enum part part, slice bytes)
{
	AUTO(buf) struct buf space = BUF(2 * bytes.n + 4);
	slice xml = as_utf8(bytes, &space);
	buf_reset(&o->text);
	if (part == PART_RELATIONS)
		office_relations(o, xml);
	else if (part == PART_WORDS)
		office_words(o, xml);
	else if (part == PART_OPEN)
		office_open_document(o, xml);
	else if (part == PART_FIXED)
		office_fixed(o, xml);
	else if (part == PART_PAGE)
		office_page(o, xml);
	else if (part == PART_WORKBOOK)
		office_workbook(o, xml);
	if (o->text.n)
		o->x->text(o->x->ctx, buf_slice(&o->text));
	if (o->text.full)
		o->x->fact(o->x->ctx, EXTRACT_LIMIT, S(""));
}

static bool got_entry(void *arg, slice name, slice bytes)
{
	struct office *o = arg;
	enum part part = part_of(name);
	if (!extract_take(o->limits, bytes.n)) {
		o->x->fact(o->x->ctx, EXTRACT_LIMIT, S(""));
		return false;
	}
	o->taken += bytes.n;
	switch (part) {
	case PART_FILE:
		if (in_folder(name, S("embeddings/")) || slice_starts(name, S("Object ")))
			o->x->fact(o->x->ctx, EXTRACT_EMBEDDED, name);
		o->stopped = !o->x->file(o->x->ctx, name, bytes);
		break;
	case PART_MACROS:
		o->x->fact(o->x->ctx, EXTRACT_MACRO, S("VBA"));
		ole_read(bytes, o->limits, o->x);
		break;
	case PART_MACRO_SHEET:
		o->x->fact(o->x->ctx, EXTRACT_MACRO, S("XLM"));
		break;
	case PART_SCRIPT: /* every document written by LibreOffice lists its empty library */
		if (!slice_iends(name, S("script-lb.xml")) &&
			!slice_iends(name, S("script-lc.xml")))
			o->x->fact(o->x->ctx, EXTRACT_MACRO, name);
		break;
	case PART_MANIFEST:
		if (slice_find(bytes, S("encryption-data")) < bytes.n)
			o->x->fact(o->x->ctx, EXTRACT_ENCRYPTED, S(""));
		break;
	default:
		read_xml(o, part, bytes);
	}
	return !o->stopped;
}

static void locked(void *arg, slice name)
{
	struct office *o = arg;
	o->x->fact(o->x->ctx, EXTRACT_ENCRYPTED, name);
}

void office_read(slice in, struct extract_limits *l, const struct extract *x)
{
	struct office o = {.limits = l, .x = x, .text = BUF(TEXT_MAX), .value = BUF(VALUE_MAX)};
	uint64_t total = l->unpacked < XML_TOTAL ? l->unpacked : XML_TOTAL;
	uint64_t spent = 0;
	struct unpack_how how = {.limits = {.total = total, .files = ENTRIES_MAX},
		.ret_spent = &spent,
		.only_zip = true,
		.want = want,
		.locked = locked};
	enum unpack_result r = unpack_with(in, &how, got_entry, &o);
	extract_pay(l, spent - o.taken); /* an entry that broke off */
	if (r == UNPACK_LIMIT)
		x->fact(x->ctx, total / 200 > in.n ? EXTRACT_BOMB : EXTRACT_LIMIT, S(""));
	if (r == UNPACK_DAMAGED || r == UNPACK_NO_ARCHIVE)
		x->fact(x->ctx, EXTRACT_DAMAGED, S(""));
	buf_done(&o.text);
	buf_done(&o.value);
}
