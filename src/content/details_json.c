/*
 * The parts, files, links and pictures of a letter as JSON, for people: `posthouse explain`, tests.
 */
#include "content/report.h"

#include "base/hex.h"
#include "base/mem.h"
#include "base/utf8.h"
#include "codec/filetype.h"
#include <jansson.h>

enum { ATTACHED_SHOWN = 16 << 10 }; /* bytes of the text of attachments */

static const char *const places[] = {"text", "html", "qr", "pdf", "office", "calendar", "file"};

static json_t *text(slice s)
{
	json_t *j = json_stringn(s.n ? s.p : "", s.n);
	return j ? j : json_string("");
}

static json_t *part(const struct mime_part *p, struct arena *a)
{
	return json_pack("{s:i, s:i, s:o, s:o, s:I, s:i}", "parent", p->parent, "depth",
		(int)p->depth, "type", text(p->type.main), "name", text(mime_filename(p, a)),
		"size", (json_int_t)p->body.n, "defects", (int)p->defects);
}

static json_t *parts(const struct mime *m)
{
	AUTO(arena) struct arena a = {0};
	json_t *v = json_array();
	for (size_t i = 0; i < m->n && i < CONTENT_SHOWN_MAX; i++)
		json_array_append_new(v, part(&m->v[i], &a));
	return v;
}

static json_t *one_link(const struct content_link *l)
{
	return json_pack("{s:o, s:o, s:o, s:s, s:i, s:b, s:b, s:i}", "url", text(l->url.text),
		"host", text(l->url.host), "text", text(l->text), "where", places[l->where], "file",
		l->file, "hidden", (int)l->hidden, "deceives", (int)l->deceives, "flags",
		(int)l->url.flags);
}

static json_t *facts(unsigned bits)
{
	json_t *v = json_array();
	for (unsigned i = 0; i < EXTRACT_FACTS; i++)
		if (bits >> i & 1)
			json_array_append_new(v, json_string(extract_fact_names[i].name));
	return v;
}

static json_t *file(const struct content_file *f)
{
	AUTO(buf) struct buf digest = BUF(2 * sizeof f->digest);
	hex_encode(&digest, slice_of((const char *)f->digest, sizeof f->digest));
	return json_pack("{s:i, s:i, s:o, s:o, s:s, s:I, s:o, s:o, s:o}", "parent", f->parent,
		"part", (int)f->part, "name", text(f->name), "label", text(f->label), "type",
		filetype_name((enum filetype)f->type), "size", (json_int_t)f->size, "sha256",
		text(buf_slice(&digest)), "facts", facts(f->facts), "detail", text(f->detail));
}

static json_t *picture(const struct content_picture *p)
{
	return json_pack("{s:i, s:i, s:i, s:f, s:f, s:b, s:b, s:f}", "file", p->file, "width",
		(int)p->width, "height", (int)p->height, "text", (double)p->text, "photo",
		(double)p->photo, "qr", (int)p->qr, "decoded", (int)p->decoded, "spam",
		(double)p->spam);
}

json_t *content_details_json(const struct content *c)
{
	json_t *links = json_array(), *files = json_array(), *pictures = json_array();
	for (size_t i = 0; i < c->nlinks && i < CONTENT_SHOWN_MAX; i++)
		json_array_append_new(links, one_link(&c->links[i]));
	for (size_t i = 0; i < c->nfiles && i < CONTENT_SHOWN_MAX; i++)
		json_array_append_new(files, file(&c->files[i]));
	for (size_t i = 0; i < c->npictures && i < CONTENT_SHOWN_MAX; i++)
		json_array_append_new(pictures, picture(&c->pictures[i]));
	return json_pack("{s:o, s:o, s:o, s:o, s:o, s:i, s:i, s:i}", "parts", parts(c->mime),
		"links", links, "files", files, "pictures", pictures, "attached",
		text(utf8_first(c->attached, ATTACHED_SHOWN)), "charset_lies",
		(int)c->mail.charset_lies, "charset_unknown", (int)c->mail.charset_unknown,
		"charset_replaced", (int)c->mail.charset_replaced);
}
