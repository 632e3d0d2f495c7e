/*
 * Attachments: each gets its true type, the tricks of its name are noted, and the reader for its
 * kind looks inside; files found there come here again, until a limit (content_limits) is reached.
 * Called by read.c for every leaf of a message that is no body text. Texts, links and pictures go
 * where those of the letter itself go.
 *
 * Files inside documents that are pictures are looked at as pictures of that document; all others
 * are files of their own. Nothing here says what a finding is worth: that is check_files.c.
 */
#include "content/files.h"

#include "base/b64.h"
#include "base/mem.h"
#include "base/utf8.h"
#include "codec/charset.h"
#include "codec/invite.h"
#include "codec/office.h"
#include "codec/ole.h"
#include "codec/onenote.h"
#include "codec/pdf.h"
#include "codec/rtf.h"
#include "codec/shortcut.h"
#include "codec/signed.h"
#include "codec/tnef.h"
#include "codec/uu.h"
#include "content/yara.h"
#include <openssl/sha.h>

enum {
	PARTS_MAX = 20000, /* streams, objects, entries of one file that readers look into */
	LINKED_TEXT_MAX = 256 * 1024, /* text of one file in which links are sought */
};

/* ---- what readers tell ---- */

void files_fact(struct content_reader *r, int file, unsigned fact, slice detail)
{
	struct content_file *f = &r->c->files[file];
	f->facts |= fact;
	if (fact & (EXTRACT_LIMIT | EXTRACT_BOMB | EXTRACT_DEEP))
		r->c->limited = true;
	detail = utf8_first(detail, FILES_NAME_MAX);
	if (!detail.n || f->detail.n + detail.n + 2 > FILES_DETAIL_MAX ||
		slice_find(f->detail, detail) < f->detail.n)
		return;
	AUTO(buf) struct buf clean = BUF(4 * FILES_DETAIL_MAX);
	utf8_scrub(&clean, detail);
	for (size_t i = 0; i < clean.n; i++)
		if ((unsigned char)clean.p[i] < ' ')
			clean.p[i] = ' ';
	f->detail = f->detail.n ? arena_printf(r->a, "%.*s, %.*s", SFMT(f->detail),
					  SFMT(buf_slice(&clean)))
				: arena_dup(r->a, buf_slice(&clean));
}

static void got_text(void *ctx, slice utf8)
{
	struct files_look *k = ctx;
	if (utf8.n + 1 > k->text.limit - k->text.n)
		k->r->c->limited = true;
	else if (!k->text.full)
		buf_put(&k->text, utf8);
}

static void got_link(void *ctx, slice target, slice text)
{
	struct files_look *k = ctx;
	content_add_link(k->r, target, text, k->where, k->file);
}

static bool got_file(void *ctx, slice name, slice bytes)
{
	struct files_look *k = ctx;
	struct content_reader *r = k->r;
	if (r->unpacked > r->limits->unpacked || bytes.n > r->limits->unpacked - r->unpacked) {
		files_fact(r, k->file, EXTRACT_LIMIT, S(""));
		return false;
	}
	r->unpacked += bytes.n;
	if (filetype_is(filetype_of_bytes(bytes), FILETYPE_PICTURE) &&
		filetype_is(files_of(k)->type, FILETYPE_DOCUMENT)) {
		content_read_picture(r, k->file, bytes);
		return true;
	}
	if (r->c->nfiles >= r->limits->files) {
		files_fact(r, k->file, EXTRACT_LIMIT, S(""));
		return false;
	}
	files_add(r, k->file, files_of(k)->part, name, S(""), bytes);
	return true;
}

static void got_fact(void *ctx, enum extract_fact fact, slice detail)
{
	struct files_look *k = ctx;
	files_fact(k->r, k->file, fact, detail);
}

/* ---- looking into one ---- */

static void read_plain(struct files_look *k, slice bytes)
{
	AUTO(buf) struct buf utf8 = BUF(k->text.limit);
	struct charset_reading how;
	charset_read(S(""), slice_first(bytes, k->text.limit), false, &utf8, &how);
	got_text(k, buf_slice(&utf8));
}

/* Blocks of "begin 644 name" in a text are files. */
static void look_uu(struct files_look *k, slice bytes)
{
	slice block;
	while (uu_next(&bytes, &block)) {
		AUTO(buf) struct buf out = BUF(block.n + 1);
		slice name;
		uu_read(block, &out, &name);
		if (!got_file(k, name, buf_slice(&out)))
			return;
	}
}

static const struct {
	enum filetype type;
	enum content_where where;
	void (*read)(slice in, struct extract_limits *l, const struct extract *x);
} readers[] = {
	{FILETYPE_PDF, CONTENT_IN_PDF, pdf_read},
	{FILETYPE_RTF, CONTENT_IN_OFFICE, rtf_read},
	{FILETYPE_OLE, CONTENT_IN_OFFICE, ole_read},
	{FILETYPE_DOC, CONTENT_IN_OFFICE, ole_read},
	{FILETYPE_XLS, CONTENT_IN_OFFICE, ole_read},
	{FILETYPE_PPT, CONTENT_IN_OFFICE, ole_read},
	{FILETYPE_SEALED, CONTENT_IN_OFFICE, ole_read},
	{FILETYPE_MSG, CONTENT_IN_FILE, ole_read},
	{FILETYPE_DOCX, CONTENT_IN_OFFICE, office_read},
	{FILETYPE_XLSX, CONTENT_IN_OFFICE, office_read},
	{FILETYPE_XLSB, CONTENT_IN_OFFICE, office_read},
	{FILETYPE_PPTX, CONTENT_IN_OFFICE, office_read},
	{FILETYPE_OOXML, CONTENT_IN_OFFICE, office_read},
	{FILETYPE_DOCM, CONTENT_IN_OFFICE, office_read},
	{FILETYPE_XLSM, CONTENT_IN_OFFICE, office_read},
	{FILETYPE_PPTM, CONTENT_IN_OFFICE, office_read},
	{FILETYPE_ODT, CONTENT_IN_OFFICE, office_read},
	{FILETYPE_ODS, CONTENT_IN_OFFICE, office_read},
	{FILETYPE_ODP, CONTENT_IN_OFFICE, office_read},
	{FILETYPE_ODF, CONTENT_IN_OFFICE, office_read},
	{FILETYPE_OFD, CONTENT_IN_OFFICE, office_read},
	{FILETYPE_XPS, CONTENT_IN_OFFICE, office_read},
	{FILETYPE_EPUB, CONTENT_IN_OFFICE, office_read},
	{FILETYPE_ONENOTE, CONTENT_IN_OFFICE, onenote_read},
	{FILETYPE_TNEF, CONTENT_IN_FILE, tnef_read},
	{FILETYPE_ICS, CONTENT_IN_CALENDAR, invite_read},
	{FILETYPE_VCF, CONTENT_IN_FILE, invite_read},
	{FILETYPE_LNK, CONTENT_IN_FILE, shortcut_read},
	{FILETYPE_URL, CONTENT_IN_FILE, shortcut_read},
	{FILETYPE_SCF, CONTENT_IN_FILE, shortcut_read},
	{FILETYPE_LIBRARY, CONTENT_IN_FILE, shortcut_read},
	{FILETYPE_DESKTOP, CONTENT_IN_FILE, shortcut_read},
	{FILETYPE_RDP, CONTENT_IN_FILE, shortcut_read},
	{FILETYPE_IQY, CONTENT_IN_FILE, shortcut_read},
	{FILETYPE_P7M, CONTENT_IN_FILE, signed_read},
	{FILETYPE_P7S, CONTENT_IN_FILE, signed_read},
};

static bool read_by_table(struct files_look *k, enum filetype t, slice bytes)
{
	for (size_t i = 0; i < sizeof readers / sizeof *readers; i++)
		if (readers[i].type == t) {
			k->where = readers[i].where;
			readers[i].read(bytes, &k->limits, &k->x);
			return true;
		}
	return false;
}

static bool is_container(enum filetype t)
{
	return filetype_is(t, FILETYPE_ARCHIVE | FILETYPE_DISK | FILETYPE_MAIL | FILETYPE_WEB |
				      FILETYPE_DOCUMENT) ||
	       t == FILETYPE_JAR || t == FILETYPE_P7M;
}

static void look_by_type(struct files_look *k, enum filetype t, slice bytes)
{
	if (files_of(k)->depth >= k->r->limits->depth && is_container(t))
		files_fact(k->r, k->file, EXTRACT_DEEP, S(""));
	else if (read_by_table(k, t, bytes))
		return;
	else if (t == FILETYPE_UUE)
		look_uu(k, bytes);
	else if (t == FILETYPE_EML || t == FILETYPE_MHT)
		files_look_mail(k, bytes);
	else if (filetype_is(t, FILETYPE_WEB) || t == FILETYPE_HTA)
		files_look_html(k, bytes);
	else if ((filetype_is(t, FILETYPE_ARCHIVE | FILETYPE_DISK) &&
			 !filetype_is(t, FILETYPE_CLOSED)) ||
		 t == FILETYPE_JAR || t == FILETYPE_MSIX)
		files_look_archive(k, bytes);
	else if (filetype_is(t, FILETYPE_PICTURE))
		content_read_picture(k->r, k->file, bytes);
	else if (filetype_is(t, FILETYPE_PLAIN))
		read_plain(k, bytes);
}

/* Text of the file goes to the letter's; links that are written in it, too. */
static void give_text(struct files_look *k)
{
	slice text = buf_slice(&k->text);
	struct url *v;
	if (!text.n)
		return;
	content_add_text(k->r, text);
	if (!k->r->limits->links)
		return;
	size_t n = url_find(utf8_first(text, LINKED_TEXT_MAX), k->r->tools->names, k->r->a, &v);
	for (size_t i = 0; i < n; i++)
		if (!content_add_link(k->r, v[i].text, S(""), k->where, k->file))
			return;
}

/*
 * A part whose header names two encodings is read by the first, by other programs with the second:
 * what looks like base64 is read so, too.
 */
static void look_twice(struct files_look *k, slice bytes)
{
	const struct mime *m = k->r->c->mime;
	const struct content_file *f = files_of(k);
	AUTO(buf) struct buf out = BUF(bytes.n + 1);
	if (f->parent >= 0 || f->part >= m->n || !(m->v[f->part].defects & MIME_TWICE) ||
		!b64_decode_tolerant(&out, bytes) || !out.n)
		return;
	got_file(k, f->name, buf_slice(&out));
}

static void look(struct content_reader *r, int file, slice bytes)
{
	uint64_t left = r->unpacked < r->limits->unpacked ? r->limits->unpacked - r->unpacked : 0;
	struct files_look k = {.r = r, .file = file, .where = CONTENT_IN_FILE};
	k.limits = (struct extract_limits){.unpacked = left, .files = PARTS_MAX};
	k.text = BUF(r->limits->text - r->attached.n + 1);
	k.x = (struct extract){&k, got_text, got_link, got_file, got_fact};
	look_by_type(&k, r->c->files[file].type, bytes);
	r->unpacked += left - k.limits.unpacked;
	look_twice(&k, bytes);
	give_text(&k);
	buf_done(&k.text);
}

/* ---- the list ---- */

static int new_file(struct content_reader *r)
{
	struct content *c = r->c;
	if (c->nfiles >= r->limits->files) {
		c->limited = true;
		return -1;
	}
	if (c->nfiles == r->files_cap) {
		size_t cap = r->files_cap ? 2 * r->files_cap : 8;
		struct content_file *v = ARENA_ARRAY(r->a, struct content_file, cap);
		if (c->nfiles)
			memcpy(v, c->files, c->nfiles * sizeof *v);
		c->files = v;
		r->files_cap = cap;
	}
	return (int)c->nfiles++;
}

/* Chinese characters of GB 2312 in pairs and nothing else beyond ASCII: too short for statistics,
 * and what archives made in China have. */
static bool is_gb(slice name)
{
	for (size_t i = 0; i < name.n; i++) {
		unsigned char c = (unsigned char)name.p[i], next = 0;
		if (c < 128)
			continue;
		if (i + 1 < name.n)
			next = (unsigned char)name.p[++i];
		if (c < 0xb0 || c > 0xf7 || next < 0xa1 || next == 0xff)
			return false;
	}
	return true;
}

/* Names in archives come in any charset. */
static slice clean_name(struct content_reader *r, slice name)
{
	AUTO(buf) struct buf utf8 = BUF(4 * FILES_NAME_MAX);
	struct charset_reading how;
	name = slice_first(name, 4 * FILES_NAME_MAX);
	if (utf8_valid(name))
		return arena_dup(r->a, utf8_first(name, FILES_NAME_MAX));
	charset_read(is_gb(name) ? S("gb18030") : S(""), name, false, &utf8, &how);
	return arena_dup(r->a, utf8_first(buf_slice(&utf8), FILES_NAME_MAX));
}

/* Engines of others do not know the words of the letter that opened it, and read a part whose header
 * names two encodings one way only. */
static bool is_unseen(const struct content_reader *r, const struct content_file *f)
{
	const struct mime *m = r->c->mime;
	if (f->parent < 0)
		return false;
	return r->c->files[f->parent].facts & EXTRACT_OPENED ||
	       (f->depth == 1 && f->part < m->n && m->v[f->part].defects & MIME_TWICE);
}

static void keep_unseen(struct content_reader *r, struct content_file *f, slice bytes)
{
	if (!is_unseen(r, f) || r->opened >= r->limits->opened ||
		bytes.n > r->limits->opened - r->opened)
		return;
	r->opened += bytes.n;
	f->bytes = arena_dup(r->a, bytes);
}

static void ask_yara(struct content_reader *r, const struct content_file *f, slice bytes)
{
	const struct yara_piece piece = {.bytes = bytes,
		.where = "file",
		.name = f->name,
		.type = slice_z(filetype_name((enum filetype)f->type))};
	if (r->tools->yara)
		yara_look(r->tools->yara, &piece);
}

void files_add(
	struct content_reader *r, int parent, unsigned part, slice name, slice label, slice bytes)
{
	int i = new_file(r);
	if (i < 0) {
		if (parent >= 0)
			files_fact(r, parent, EXTRACT_LIMIT, S(""));
		return;
	}
	struct content_file *f = &r->c->files[i];
	name = clean_name(r, name);
	*f = (struct content_file){.parent = parent,
		.part = part,
		.depth = parent < 0 ? 0 : r->c->files[parent].depth + 1,
		.name = name,
		.label = arena_dup(r->a, label),
		.type = filetype_of(bytes, name, label),
		.size = bytes.n,
		.facts = filetype_name_tricks(name)};
	if (part < r->c->mime->n)
		f->is_inline = slice_eq(r->c->mime->v[part].disposition.main, S("inline"));
	SHA256((const unsigned char *)bytes.p, bytes.n, f->digest);
	if (filetype_disguised(f->type, name, label))
		f->facts |= EXTRACT_DISGUISED;
	keep_unseen(r, f, bytes);
	ask_yara(r, f, bytes);
	look(r, i, bytes);
}

void content_read_file(
	struct content_reader *r, unsigned part, slice name, slice label, slice bytes)
{
	files_add(r, -1, part, name, label, bytes);
}

void content_read_uu(struct content_reader *r, unsigned part, slice text)
{
	slice block;
	while (uu_next(&text, &block)) {
		AUTO(buf) struct buf out = BUF(block.n + 1);
		slice name;
		uu_read(block, &out, &name);
		files_add(r, -1, part, name, S(""), buf_slice(&out));
		if (r->c->nfiles >= r->limits->files)
			return;
	}
}
