/*
 * What the XML of office documents says (office.c): visible text, where it leads, what it loads
 * from elsewhere when it is opened. ECMA-376 part 1: 17.3 (runs), 17.16 (fields), 18.14 (external
 * links), part 2: 9.3 (relationships); OpenDocument 1.3; XPS 1.0; OFD (GB/T 33190).
 */
#include "base/mem.h"
#include "codec/field.h"
#include "codec/office_impl.h"
#include "codec/xml_scan.h"

enum { FIELD_MAX = 8192 };

void office_target(struct office *o, slice type, slice target)
{
	static const slice loading[] = {S_INIT("/attachedTemplate"), S_INIT("/oleObject"),
		S_INIT("/frame"), S_INIT("/subDocument"), S_INIT("/externalLinkPath"),
		S_INIT("/xlExternalLinkPath/xlPathMissing"), S_INIT("/package")};
	const struct extract *x = o->x;
	target = slice_trim(target);
	if (slice_ends(type, S("/hyperlink"))) {
		x->link(x->ctx, target, S(""));
		return;
	}
	for (size_t i = 0; i < sizeof loading / sizeof *loading; i++) {
		if (!slice_ends(type, loading[i]) || !field_is_remote(target))
			continue;
		x->link(x->ctx, target, S(""));
		if (i != 4) /* figures of another workbook: honest tables do that */
			x->fact(x->ctx, EXTRACT_REMOTE, slice_skip(loading[i], 1));
		if (slice_istarts(target, S("mhtml:")) || slice_istarts(target, S("ms-")) ||
			slice_ends(target, S("!")))
			x->fact(x->ctx, EXTRACT_EXPLOIT, target);
	}
}

static slice attribute(struct office *o, const struct xml_token *t, slice name)
{
	slice raw;
	buf_reset(&o->value);
	if (!xml_attribute(t->attributes, name, &raw))
		return (slice){0};
	xml_text(raw, &o->value);
	return buf_slice(&o->value);
}

void office_relations(struct office *o, slice xml)
{
	struct xml_token t;
	while (xml_next(&xml, &t)) {
		slice type;
		if (t.kind == XML_TEXT || t.kind == XML_CLOSE ||
			!slice_eq(t.name, S("Relationship")) ||
			!slice_ieq(attribute(o, &t, S("TargetMode")), S("External")) ||
			!xml_attribute(t.attributes, S("Type"), &type))
			continue;
		office_target(o, type, attribute(o, &t, S("Target")));
	}
}

/* =HYPERLINK("https://...","text") in a cell. */
static void formula(struct office *o, slice f)
{
	size_t at = slice_find(f, S("HYPERLINK("));
	if (at < f.n) {
		slice target = field_argument(slice_skip(f, at + 10));
		o->x->link(o->x->ctx, target, S(""));
	}
	if (slice_find(f, S("cmd|")) < f.n || slice_find(f, S("powershell|")) < f.n)
		o->x->fact(o->x->ctx, EXTRACT_EXPLOIT, S("DDE"));
}

/* Text stands in <t>, field codes in <instrText>, formulas in <f>; the rest is form. */
void office_words(struct office *o, slice xml)
{
	AUTO(buf) struct buf field = BUF(FIELD_MAX);
	enum { NOTHING, TEXT, FIELD, FORMULA } in = NOTHING;
	struct xml_token t;
	while (xml_next(&xml, &t)) {
		if (t.kind == XML_TEXT && in != NOTHING) {
			xml_text(t.text, in == TEXT ? &o->text : &field);
		} else if (t.kind == XML_OPEN) {
			bool text = slice_eq(t.name, S("t")) || slice_eq(t.name, S("Text"));
			in = text                               ? TEXT
			     : slice_eq(t.name, S("instrText")) ? FIELD
			     : slice_eq(t.name, S("f"))         ? FORMULA
								: NOTHING;
		} else if (t.kind == XML_CLOSE) {
			bool line = slice_eq(t.name, S("p")) || slice_eq(t.name, S("si")) ||
				    slice_eq(t.name, S("Text"));
			if (in == FORMULA) {
				formula(o, buf_slice(&field));
				buf_reset(&field);
			}
			if (line && o->text.n && o->text.p[o->text.n - 1] != '\n')
				buf_byte(&o->text, '\n');
			in = NOTHING;
		}
		if (t.kind == XML_TEXT)
			continue;
		if (slice_eq(t.name, S("tab")) || slice_eq(t.name, S("br")))
			buf_byte(&o->text, slice_eq(t.name, S("tab")) ? '\t' : '\n');
		if (slice_eq(t.name, S("fldSimple")) && t.kind == XML_OPEN)
			field_read(attribute(o, &t, S("instr")), o->x);
		if (slice_eq(t.name, S("fldChar")) || (slice_eq(t.name, S("p")) && field.n)) {
			field_read(buf_slice(&field), o->x); /* the pieces of a code are one */
			buf_reset(&field);
		}
	}
}

/* Names that run by themselves; commands of other programs. */
void office_workbook(struct office *o, slice xml)
{
	struct xml_token t;
	while (xml_next(&xml, &t)) {
		if (t.kind == XML_TEXT || t.kind == XML_CLOSE)
			continue;
		if (slice_eq(t.name, S("definedName"))) {
			slice name = attribute(o, &t, S("name"));
			if (slice_find(name, S("Auto_Open")) < name.n ||
				slice_find(name, S("Auto_Close")) < name.n)
				o->x->fact(o->x->ctx, EXTRACT_AUTORUN, name);
		} else if (slice_eq(t.name, S("ddeLink"))) {
			slice service = attribute(o, &t, S("ddeService"));
			if (slice_ieq(service, S("cmd")) ||
				slice_istarts(service, S("powershell")) ||
				slice_ieq(service, S("mshta")) || slice_ieq(service, S("msexcel")))
				o->x->fact(o->x->ctx, EXTRACT_EXPLOIT, S("DDE"));
		}
	}
}

/* ---- OpenDocument: text is what stands between the tags ---- */

static bool ends_line(slice name)
{
	static const slice v[] = {S_INIT("p"), S_INIT("h"), S_INIT("table-cell"), S_INIT("li"),
		S_INIT("div"), S_INIT("br"), S_INIT("tr"), S_INIT("title"), S_INIT("h1"),
		S_INIT("h2"), S_INIT("h3"), S_INIT("line-break"), S_INIT("TextCode"),
		S_INIT("Glyphs")};
	for (size_t i = 0; i < sizeof v / sizeof *v; i++)
		if (slice_eq(name, v[i]))
			return true;
	return false;
}

static void line_end(struct office *o)
{
	if (o->text.n && o->text.p[o->text.n - 1] != '\n')
		buf_byte(&o->text, '\n');
}

void office_open_document(struct office *o, slice xml)
{
	struct xml_token t;
	while (xml_next(&xml, &t)) {
		if (t.kind == XML_TEXT) {
			slice text = slice_trim(t.text).n ? t.text : (slice){0};
			xml_text(text, &o->text);
			continue;
		}
		if (t.kind != XML_OPEN && ends_line(t.name))
			line_end(o);
		if (t.kind == XML_CLOSE)
			continue;
		bool link = slice_eq(t.name, S("a"));
		bool object = slice_eq(t.name, S("object")) || slice_eq(t.name, S("object-ole")) ||
			      slice_eq(t.name, S("section-source"));
		slice target = link || object ? attribute(o, &t, S("href")) : (slice){0};
		if (link && target.n)
			o->x->link(o->x->ctx, target, S(""));
		if (object && field_is_remote(target))
			o->x->fact(o->x->ctx, EXTRACT_REMOTE, target);
		if (slice_eq(t.name, S("event-listener")))
			o->x->fact(o->x->ctx, EXTRACT_AUTORUN, attribute(o, &t, S("event-name")));
	}
}

/* ---- fixed pages: XPS <Glyphs UnicodeString>, OFD <TextCode> ---- */

void office_fixed(struct office *o, slice xml)
{
	bool code = false;
	struct xml_token t;
	while (xml_next(&xml, &t)) {
		if (t.kind == XML_TEXT) {
			if (code)
				xml_text(t.text, &o->text);
			continue;
		}
		code = t.kind == XML_OPEN && slice_eq(t.name, S("TextCode"));
		if (t.kind == XML_CLOSE)
			continue;
		if (slice_eq(t.name, S("Glyphs"))) {
			buf_put(&o->text, attribute(o, &t, S("UnicodeString")));
			line_end(o);
		}
		slice target = attribute(o, &t, S("FixedPage.NavigateUri"));
		if (!target.n && slice_eq(t.name, S("URI")))
			target = attribute(o, &t, S("URI"));
		if (target.n)
			o->x->link(o->x->ctx, target, S(""));
	}
}

void office_page(struct office *o, slice xhtml)
{
	bool aside = false;
	struct xml_token t;
	while (xml_next(&xhtml, &t)) {
		if (t.kind == XML_TEXT) {
			if (!aside && slice_trim(t.text).n)
				xml_text(t.text, &o->text);
			continue;
		}
		if (slice_ieq(t.name, S("script")) || slice_ieq(t.name, S("style")))
			aside = t.kind == XML_OPEN;
		if (ends_line(t.name))
			line_end(o);
		slice target = t.kind != XML_CLOSE && slice_ieq(t.name, S("a"))
				       ? attribute(o, &t, S("href"))
				       : (slice){0};
		if (slice_istarts(target, S("http")))
			o->x->link(o->x->ctx, target, S(""));
	}
}
