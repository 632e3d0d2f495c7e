/*
 * Features of structure: HTML, MIME and attachments, statistics of the writing, and what had to be
 * undone to read it.
 */
#include "base/utf8.h"
#include "learn/features_parts.h"

static void put_skeleton(struct learn_features *f, slice skeleton)
{
	skeleton = slice_first(skeleton, SKELETON_TEXT);
	for (size_t i = 0; i + SKELETON_GRAM <= skeleton.n; i += 2) {
		slice gram = slice_of(skeleton.p + i, SKELETON_GRAM);
		learn_put(f, LEARN_HTML, learn_hash(7, gram), S("layout"));
	}
}

void learn_put_html(struct learn_features *f, const struct learn_mail *m)
{
	const struct html_stats *h = &m->html;
	const struct {
		slice name;
		size_t n;
	} counts[] = {{S("tags"), h->tags}, {S("bad-tags"), h->bad_tags},
		{S("comments"), h->comments}, {S("conditional-comments"), h->conditional_comments},
		{S("styles"), h->styles}, {S("forms"), h->forms}, {S("inputs"), h->inputs},
		{S("password-inputs"), h->password_inputs}, {S("buttons"), h->buttons},
		{S("scripts"), h->scripts}, {S("event-handlers"), h->event_handlers},
		{S("frames"), h->frames}, {S("objects"), h->objects}, {S("svgs"), h->svgs},
		{S("metas"), h->metas}, {S("bases"), h->bases}, {S("doctypes"), h->doctypes},
		{S("tables"), h->tables}, {S("javascript-links"), h->javascript_links},
		{S("data-links"), h->data_links}, {S("images"), h->images},
		{S("remote-images"), h->images_remote}, {S("trackers"), h->trackers},
		{S("cid-links"), h->cid_links}, {S("entities-needless"), h->entities_needless},
		{S("splits-in-words"), h->splits_in_words}, {S("mso-hidden"), h->mso_hidden},
		{S("zero-width"), h->zero_width}, {S("zero-width-inside"), h->zero_width_in_words},
		{S("visible"), h->visible / 16}};
	if (!h->tags)
		return;
	for (size_t i = 0; i < sizeof counts / sizeof *counts; i++)
		learn_put_count(f, LEARN_HTML, counts[i].name, counts[i].n);
	learn_put_share(f, LEARN_HTML, S("hidden-share"), h->hidden, h->hidden + h->visible);
	learn_put_share(f, LEARN_HTML, S("faint-share"), h->faint, h->visible);
	learn_put_share(f, LEARN_HTML, S("tiny-share"), h->tiny, h->visible);
	learn_put_share(f, LEARN_HTML, S("tags-by-text"), h->tags, h->tags + h->visible / 8);
	put_skeleton(f, m->skeleton);
}

/* ---- MIME ---- */

static void put_name(struct learn_features *f, slice name)
{
	size_t dot = slice_rindex(name, '.');
	slice ext = dot < name.n ? slice_skip(name, dot) : S("none");
	learn_put_fact(f, LEARN_PARTS, S("file"), slice_first(ext, 12));
	size_t before = slice_rindex(slice_first(name, dot), '.');
	if (dot < name.n && before < dot && dot - before <= 5)
		learn_put_fact(f, LEARN_PARTS, S("double-extension"), ext);
}

void learn_put_parts(struct learn_features *f, const struct learn_mail *m, struct arena *a)
{
	static const char *const encodings[] = {
		"7bit", "8bit", "binary", "quoted-printable", "base64", "uuencode", "unknown"};
	unsigned leaves = 0, files = 0;
	learn_put_fact(f, LEARN_PARTS, S("message"), m->mime->v[0].type.main);
	for (size_t i = 0; i < m->mime->n && i < 50; i++) {
		const struct mime_part *p = &m->mime->v[i];
		slice name = mime_filename(p, a);
		bool text = mime_is(p, S("text"), S(""));
		if (p->multipart || p->message)
			continue;
		leaves++;
		files += name.n > 0;
		learn_put_fact(f, LEARN_PARTS, S("type"), p->type.main);
		if (text) {
			learn_put_fact(
				f, LEARN_PARTS, S("charset"), mime_param(&p->type, S("charset")));
			learn_put_fact(
				f, LEARN_PARTS, S("encoding"), slice_z(encodings[p->encoding]));
		}
		if (name.n)
			put_name(f, name);
		else
			learn_put_count(f, LEARN_PARTS, text ? S("text-size") : S("other-size"),
				p->body.n / 64);
	}
	learn_put_count(f, LEARN_PARTS, S("leaves"), leaves);
	learn_put_count(f, LEARN_PARTS, S("files"), files);
	for (unsigned bit = 0; bit < 11; bit++)
		learn_put_flag(f, LEARN_PARTS, slice_of(&"abcdefghijk"[bit], 1),
			m->mime->defects >> bit & 1);
}

/* ---- writing ---- */

struct writing {
	size_t letters, capitals, digits, exclaims, money, wide, cjk, lines, quoted, blank;
};

static struct writing look(slice s)
{
	struct writing w = {0};
	for (slice rest = s, line; slice_cut(&rest, '\n', &line);) {
		line = slice_trim(line);
		w.lines++;
		w.quoted += slice_starts(line, S(">")) || slice_starts(line, S("|"));
		w.blank += !line.n;
	}
	for (size_t i = 0; i < s.n; i++) {
		unsigned char c = (unsigned char)s.p[i];
		w.capitals += c >= 'A' && c <= 'Z';
		w.letters += (c | 32) >= 'a' && (c | 32) <= 'z';
		w.digits += c >= '0' && c <= '9';
		w.exclaims += c == '!';
		w.money += c == '$';
		w.wide += c >= 0xc3;
		w.cjk += c >= 0xe4 && c <= 0xe9;
	}
	return w;
}

static void put_undone(struct learn_features *f, const struct text_undone *u)
{
	learn_put_count(f, LEARN_SHAPE, S("zero-width"), u->zero_width_inside);
	learn_put_count(f, LEARN_SHAPE, S("styled"), u->styled);
	learn_put_count(f, LEARN_SHAPE, S("marks"), u->marks);
	learn_put_count(f, LEARN_SHAPE, S("homoglyphs"), u->homoglyphs);
	learn_put_count(f, LEARN_SHAPE, S("digits-for-letters"), u->digits);
	learn_put_count(f, LEARN_SHAPE, S("separators"), u->separators);
	learn_put_count(f, LEARN_SHAPE, S("separators-cjk"), u->separators_cjk);
	learn_put_count(f, LEARN_SHAPE, S("bidi"), u->bidi);
	learn_put_share(f, LEARN_SHAPE, S("wide"), u->wide, u->characters);
	learn_put_share(f, LEARN_SHAPE, S("traditional"), u->traditional, u->characters);
}

void learn_put_shape(struct learn_features *f, const struct learn_mail *m)
{
	struct writing w = look(m->text);
	learn_put_share(f, LEARN_SHAPE, S("capitals"), w.capitals, w.letters);
	learn_put_share(f, LEARN_SHAPE, S("digits"), w.digits, w.letters + w.digits);
	learn_put_share(f, LEARN_SHAPE, S("chinese"), w.cjk, w.letters + w.cjk);
	learn_put_share(f, LEARN_SHAPE, S("accents"), w.wide - w.cjk, w.letters + w.wide);
	learn_put_share(f, LEARN_SHAPE, S("quoted-lines"), w.quoted, w.lines - w.blank);
	learn_put_share(f, LEARN_SHAPE, S("blank-lines"), w.blank, w.lines);
	learn_put_count(f, LEARN_SHAPE, S("exclaims"), w.exclaims);
	learn_put_count(f, LEARN_SHAPE, S("money"), w.money);
	learn_put_count(f, LEARN_SHAPE, S("length"), m->text.n / 32);
	learn_put_share(f, LEARN_SHAPE, S("plain"), m->plain, m->plain + m->rich);
	learn_put_flag(f, LEARN_SHAPE, S("charset-lies"), m->charset_lies);
	learn_put_flag(f, LEARN_SHAPE, S("charset-broken"), m->charset_replaced);
	learn_put_flag(f, LEARN_SHAPE, S("charset-unknown"), m->charset_unknown);
	put_undone(f, &m->undone);
}
