/*
 * The texts of a message by field (texts.h). Called by the scan role. Attachments take part as far as their readers make text of
 * them, with the limits of looking at mail (content_limits) and none of its other work: no links, no pictures.
 *
 * INDEX_HEADER has all fields as they are written; From, To, Cc, Bcc and Subject also have fields of their own, with what summaries say.
 */
#include "content/texts.h"

#include "base/cur.h"
#include "base/mem.h"
#include "codec/search_text.h"
#include "content/files.h"

enum { OWN = INDEX_SUBJECT + 1 }; /* fields of their own */

struct texts {
	slice message;
	struct buf v[INDEX_FIELDS], raw[OWN];
	size_t room;
	bool cut;
};

static void put(struct texts *t, struct buf *to, slice s)
{
	if (s.n > t->room) {
		t->cut = true;
		s = slice_first(s, t->room);
	}
	t->room -= s.n;
	buf_put(to, s);
}

/* Where a text ends. */
static void gap(struct buf *to)
{
	if (to->n)
		buf_put(to, S(INDEX_GAP));
}

/* ---- what search_text.h gives ---- */

static int read_bytes(void *arg, uint64_t at, uint64_t n, struct buf *out, struct err *e)
{
	const struct texts *t = arg;
	(void)e;
	buf_put(out, slice_first(slice_skip(t->message, at), n));
	return 0;
}

static int own_field(slice name)
{
	static const slice names[OWN] = {[INDEX_FROM] = S_INIT("from"),
		[INDEX_TO] = S_INIT("to"),
		[INDEX_CC] = S_INIT("cc"),
		[INDEX_BCC] = S_INIT("bcc"),
		[INDEX_SUBJECT] = S_INIT("subject")};
	for (int i = 0; i < OWN; i++)
		if (slice_ieq(name, names[i]))
			return i;
	return -1;
}

static void put_named(struct texts *t, struct buf *to, slice name, slice value)
{
	put(t, to, name);
	put(t, to, S(": "));
	put(t, to, value);
	gap(to);
}

static void on_field(void *arg, const struct search_field *f)
{
	struct texts *t = arg;
	int own = f->part ? -1 : own_field(f->name);
	if (!f->text.p)
		return;
	put_named(t, &t->v[f->part ? INDEX_BODY : INDEX_HEADER], f->name, f->text);
	if (own < 0)
		return;
	gap(&t->raw[own]);
	buf_put(&t->raw[own], f->value);
}

static void on_text(void *arg, slice utf8, bool begins)
{
	struct texts *t = arg;
	if (begins)
		gap(&t->v[INDEX_BODY]);
	put(t, &t->v[INDEX_BODY], utf8);
}

/* ---- the five ---- */

/* What is searched when one of them is named is what the summary says (mail/box_search.c); when that was cut also what is written. */
static void give_own(struct texts *t, const struct summary *sum)
{
	static const enum summary_who whos[] = {[INDEX_FROM] = SUMMARY_FROM,
		[INDEX_TO] = SUMMARY_TO,
		[INDEX_CC] = SUMMARY_CC,
		[INDEX_BCC] = SUMMARY_BCC};
	for (int i = 0; i < OWN; i++) {
		struct buf *own = &t->v[i];
		if (i == INDEX_SUBJECT)
			put(t, own, summary_text(sum, 0, SUMMARY_SUBJECT_TEXT));
		else
			search_addresses(sum, whos[i], own);
		if (!(sum->flags & SUMMARY_CUT))
			continue;
		gap(own);
		put(t, own, buf_slice(&t->raw[i]));
	}
}

static void read_texts(struct texts *t, const struct summary *sum, size_t lead)
{
	struct err e;
	struct search_texts s = {.read = read_bytes,
		.field = on_field,
		.text = on_text,
		.arg = t,
		.prefix = lead,
		.size = t->message.n};
	search_texts_init(&s);
	if (search_texts_header(&s, sum, &e) < 0)
		t->cut = true;
	give_own(t, sum);
	if (search_texts_body(&s, sum, &e) < 0)
		t->cut = true;
	search_texts_done(&s);
}

/* ---- files ---- */

static void read_file(struct content_reader *r, const struct mime_part *p, unsigned index)
{
	AUTO(buf) struct buf raw = BUF(p->body.n + 1);
	mime_decode(p, &raw);
	content_read_file(r, index, mime_filename(p, r->a), p->type.main, buf_slice(&raw));
}

/* Texts of files, and names of those inside others: names of attachments are in the fields of their parts. */
static void read_files(
	struct texts *t, const struct mime *m, const struct summary *sum, struct arena *a)
{
	static const struct content_tools no_tools;
	struct content c = {.message = t->message, .mime = ARENA_NEW(a, struct mime)};
	struct content_limits l = content_limits_default;
	l.text = CONTENT_TEXTS_FILES_MAX;
	l.links = l.pictures = 0;
	struct content_reader r = {
		.c = &c, .tools = &no_tools, .limits = &l, .a = a, .attached = BUF(l.text)};
	*c.mime = *m;
	for (size_t i = 0; i < sum->nparts && i < m->n; i++) {
		struct summary_part p;
		summary_part(sum, i, &p);
		if (search_part_is_file(&p))
			read_file(&r, &m->v[i], (unsigned)i);
	}
	for (size_t i = 0; i < c.nfiles; i++)
		if (c.files[i].parent >= 0 && c.files[i].name.n) {
			put(t, &t->v[INDEX_ATTACHMENT], c.files[i].name);
			gap(&t->v[INDEX_ATTACHMENT]);
		}
	put(t, &t->v[INDEX_ATTACHMENT], buf_slice(&r.attached));
	buf_done(&r.attached);
}

void content_texts(slice message, size_t lead, enum content_texts_want want, struct arena *a,
	struct content_texts *ret)
{
	AUTO(buf) struct buf record = BUF(SUMMARY_MAX);
	struct texts t = {.message = message, .room = INDEX_TEXT_MAX};
	struct mime m;
	struct summary sum;
	for (int i = 0; i < INDEX_FIELDS; i++)
		t.v[i] = BUF(2 * INDEX_TEXT_MAX);
	for (int i = 0; i < OWN; i++)
		t.raw[i] = BUF(SEARCH_HEADER_MAX);
	mime_parse(message, &mime_limits_default, a, &m);
	summary_build(message, lead, &m, true, &record);
	*ret = (struct content_texts){0};
	if (summary_open(buf_slice(&record), &sum)) {
		read_files(&t, &m, &sum, a);
		if (want == CONTENT_TEXTS_ALL)
			read_texts(&t, &sum, lead);
	} else {
		t.cut = true;
	}
	for (int i = 0; i < INDEX_FIELDS; i++) {
		ret->text[i] = arena_dup(a, buf_slice(&t.v[i]));
		buf_done(&t.v[i]);
	}
	for (int i = 0; i < OWN; i++)
		buf_done(&t.raw[i]);
	ret->cut = t.cut;
}

/* ---- as it travels ---- */

void content_texts_encode(struct buf *out, const struct content_texts *t)
{
	buf_u8(out, t->cut);
	for (int i = 0; i < INDEX_FIELDS; i++)
		buf_str(out, t->text[i]);
}

bool content_texts_decode(slice in, struct content_texts *ret)
{
	struct cur c = cur_of(in);
	ret->cut = cur_u8(&c);
	for (int i = 0; i < INDEX_FIELDS; i++)
		ret->text[i] = cur_str(&c);
	return cur_ok(&c) && cur_at_end(&c);
}
