/*
 * What the objects of a PDF do (ISO 32000-1 12.6 actions, 7.11 files): links, scripts, programs
 * that are started, forms that are sent, files inside. Every object is looked at, also those that
 * no page refers to. Called by pdf.c.
 */
#include "base/mem.h"
#include "codec/charset.h"
#include "codec/pdf_impl.h"

enum { STRING_MAX = 16 * 1024 };

void pdf_text_string(struct pdf *p, const struct pdf_object *o, slice value, struct buf *out)
{
	AUTO(buf) struct buf raw = BUF(STRING_MAX);
	AUTO(buf) struct buf clear = BUF(STRING_MAX + 32);
	pdf_string_raw(value, &raw);
	slice s = pdf_decrypt(p, o, false, buf_slice(&raw), &clear);
	if (slice_starts(s, S("\xfe\xff")))
		charset_to_utf8(S("utf-16be"), slice_skip(s, 2), out);
	else if (slice_starts(s, S("\xff\xfe")))
		charset_to_utf8(S("utf-16le"), slice_skip(s, 2), out);
	else if (slice_starts(s, S("\xef\xbb\xbf")))
		buf_put(out, slice_skip(s, 3));
	else
		charset_to_utf8(S("windows-1252"), s, out);
}

static void link_to(struct pdf *p, const struct pdf_object *o, slice value)
{
	AUTO(buf) struct buf target = BUF(4 * STRING_MAX);
	pdf_text_string(p, o, value, &target);
	if (target.n)
		p->x->link(p->x->ctx, slice_trim(buf_slice(&target)), S(""));
}

/* A file elsewhere: a share or a web server. */
static void remote_file(struct pdf *p, const struct pdf_object *o, slice value, const char *what)
{
	AUTO(buf) struct buf target = BUF(4 * STRING_MAX);
	slice name = pdf_resolve(p, value);
	if (slice_starts(name, S("<<")))
		name = pdf_get_resolved(p, name, "F");
	pdf_text_string(p, o, name, &target);
	slice s = buf_slice(&target);
	if (slice_starts(s, S("\\\\")) || slice_starts(s, S("//")) || slice_istarts(s, S("http")))
		p->x->fact(p->x->ctx, EXTRACT_REMOTE, slice_z(what));
}

/* A script: what it starts and where it leads. */
static void script(struct pdf *p, slice source)
{
	static const slice launching[] = {S_INIT("exportDataObject"), S_INIT("app.launchURL"),
		S_INIT("app.execMenuItem"), S_INIT("submitForm")};
	static const slice exploits[] = {S_INIT("Collab.collectEmailInfo"),
		S_INIT("util.printf(\"%45"), S_INIT("Collab.getIcon"), S_INIT("media.newPlayer"),
		S_INIT("unescape(\"%u9090"), S_INIT("spell.customDictionaryOpen")};
	for (size_t i = 0; i < sizeof launching / sizeof *launching; i++)
		if (slice_find(source, launching[i]) < source.n && i == 0)
			p->x->fact(p->x->ctx, EXTRACT_LAUNCH, launching[i]);
	for (size_t i = 0; i < sizeof exploits / sizeof *exploits; i++)
		if (slice_find(source, exploits[i]) < source.n)
			p->x->fact(p->x->ctx, EXTRACT_EXPLOIT, exploits[i]);
	for (slice s = source; s.n;) { /* addresses in quotes */
		size_t at = slice_find(s, S("http"));
		slice url = slice_skip(s, at);
		size_t n = 0;
		while (n < url.n && url.p[n] > ' ' && url.p[n] != '"' && url.p[n] != '\'' &&
			url.p[n] != ')')
			n++;
		if (n > 8 && (slice_starts(url, S("http://")) || slice_starts(url, S("https://"))))
			p->x->link(p->x->ctx, slice_first(url, n), S(""));
		s = slice_skip(url, n ? n : 1);
	}
}

static void script_of(struct pdf *p, const struct pdf_object *o, slice value)
{
	AUTO(buf) struct buf source = BUF(PDF_STREAM_MAX);
	const struct pdf_object *target = pdf_target(p, value);
	const char *picture;
	if (target && target->stream.p)
		pdf_decode(p, target, &source, &picture);
	else
		pdf_text_string(p, target ? target : o, pdf_resolve(p, value), &source);
	script(p, buf_slice(&source));
}

/* <</S/Launch/F(cmd.exe)/Win<</F(cmd.exe)/P(...)>>>> */
static void launch(struct pdf *p, const struct pdf_object *o, slice action)
{
	AUTO(buf) struct buf what = BUF(4 * STRING_MAX);
	slice win = pdf_resolve(p, pdf_get_again(p, action, "Win"));
	slice file = pdf_resolve(p, pdf_get_again(p, win.n ? win : action, "F"));
	if (slice_starts(file, S("<<")))
		file = pdf_get_resolved(p, file, "F");
	pdf_text_string(p, o, file, &what);
	p->x->fact(p->x->ctx, EXTRACT_LAUNCH, buf_slice(&what));
}

/* dict: around the name. */
static void name_found(
	struct pdf *p, const struct pdf_object *o, const char *name, slice rest, slice dict)
{
	const struct extract *x = p->x;
	if (strcmp(name, "URI") == 0) {
		slice value = pdf_resolve(p, pdf_value_again(p, &rest));
		if (slice_starts(value, S("(")) ||
			(slice_starts(value, S("<")) && !slice_starts(value, S("<<"))))
			link_to(p, o, value);
	} else if (strcmp(name, "JS") == 0) {
		p->javascript = true;
		script_of(p, o, pdf_value_again(p, &rest));
	} else if (strcmp(name, "JavaScript") == 0) {
		p->javascript = true;
	} else if (strcmp(name, "OpenAction") == 0 || strcmp(name, "AA") == 0) {
		p->at_open = true;
	} else if (strcmp(name, "Launch") == 0) {
		launch(p, o, dict);
	} else if (strcmp(name, "SubmitForm") == 0) {
		x->fact(x->ctx, EXTRACT_FORM, slice_z(name));
		remote_file(p, o, pdf_get_again(p, dict, "F"), name);
	} else if (strcmp(name, "GoToR") == 0 || strcmp(name, "GoToE") == 0) {
		remote_file(p, o, pdf_get_again(p, dict, "F"), name);
	} else if (strcmp(name, "XFA") == 0) {
		x->fact(x->ctx, EXTRACT_FORM, slice_z(name));
	} else if (strcmp(name, "RichMedia") == 0) {
		x->fact(x->ctx, EXTRACT_EMBEDDED, slice_z(name));
	}
}

static bool is_telling(const char *name)
{
	static const char *const v[] = {
		"JavaScript", "JS", "Launch", "OpenAction", "EmbeddedFile", "URI"};
	for (size_t i = 0; i < sizeof v / sizeof *v; i++)
		if (strcmp(name, v[i]) == 0)
			return true;
	return false;
}

void pdf_facts(struct pdf *p, const struct pdf_object *o)
{
	struct pdf_token t;
	slice s = o->value, around[PDF_DEPTH_MAX];
	unsigned depth = 0;
	for (;;) {
		slice at = s;
		pdf_next(&s, &t);
		if (t.kind == PDF_END)
			return;
		if (t.kind == PDF_OPEN_DICT && depth < PDF_DEPTH_MAX)
			around[depth++] = at;
		depth -= t.kind == PDF_CLOSE_DICT && depth;
		if (t.kind != PDF_NAME)
			continue;
		if (t.escaped && is_telling(t.name))
			p->x->fact(p->x->ctx, EXTRACT_EXPLOIT, S("escaped name"));
		name_found(p, o, t.name, s, depth ? around[depth - 1] : o->value);
	}
}
