/*
 * A message or a saved web page as a file (.eml, .mht): its texts and links, and its attachments as
 * files inside. Called by files.c. What is attached to a letter as message/rfc822 without encoding
 * is not here: mime_parse has taken it apart with the letter.
 */
#include "base/mem.h"
#include "codec/charset.h"
#include "codec/mime.h"
#include "content/files.h"

enum { TEXT_PART_MAX = 256 * 1024 };

static const struct mime_limits limits = {.depth = 10, .parts = 200, .fields = 100000};

static void read_text(struct files_look *k, const struct mime_part *p, slice bytes, struct arena *a)
{
	AUTO(buf) struct buf utf8 = BUF(2 * TEXT_PART_MAX);
	struct charset_reading how;
	bool is_html = mime_is(p, S("text"), S("html"));
	charset_read(mime_param(&p->type, S("charset")), slice_first(bytes, TEXT_PART_MAX), is_html,
		&utf8, &how);
	if (is_html)
		files_read_page(k, buf_slice(&utf8), a);
	else
		k->x.text(k, buf_slice(&utf8));
}

static void read_subject(struct files_look *k, const struct mime_part *p, struct arena *a)
{
	struct header_field f;
	if (!header_find(p->header, S("subject"), 0, &f))
		return;
	k->x.text(k, header_text(f.value, a));
	k->x.text(k, S("\n"));
}

void files_look_mail(struct files_look *k, slice bytes)
{
	AUTO(arena) struct arena a = {0};
	struct mime m;
	mime_parse(bytes, &limits, &a, &m);
	read_subject(k, &m.v[0], &a);
	for (size_t i = 0; i < m.n; i++) {
		AUTO(buf) struct buf out = BUF(m.v[i].body.n + 1);
		const struct mime_part *p = &m.v[i];
		if (p->multipart || p->message)
			continue;
		mime_decode(p, &out);
		slice name = mime_filename(p, &a);
		bool attached = slice_eq(p->disposition.main, S("attachment")) || name.n;
		if (mime_is(p, S("text"), S("")) && !attached &&
			!mime_is(p, S("text"), S("calendar")))
			read_text(k, p, buf_slice(&out), &a);
		else if (!k->x.file(k, name, buf_slice(&out)))
			return;
	}
}
