/*
 * Features of structure: HTML, MIME and attachments, statistics of the writing, and what had to be
 * undone to read it.
 */
#include "base/utf8.h"
#include "learn/features_parts.h"

void learn_put_html(struct learn_features *f, const struct learn_mail *m)
{
	const struct html_stats *h = &m->html;
	const struct {
		slice name;
		size_t n;
	} counts[] = {{S("forms"), h->forms}, {S("inputs"), h->inputs},
		{S("password-inputs"), h->password_inputs}, {S("buttons"), h->buttons},
		{S("scripts"), h->scripts}, {S("event-handlers"), h->event_handlers},
		{S("frames"), h->frames}, {S("objects"), h->objects}, {S("svgs"), h->svgs},
		{S("bases"), h->bases}, {S("javascript-links"), h->javascript_links},
		{S("data-links"), h->data_links}, {S("cid-links"), h->cid_links},
		{S("entities-needless"), h->entities_needless},
		{S("splits-in-words"), h->splits_in_words},
		{S("zero-width-inside"), h->zero_width_in_words}};
	if (!h->tags)
		return;
	for (size_t i = 0; i < sizeof counts / sizeof *counts; i++)
		learn_put_count(f, LEARN_HTML, counts[i].name, counts[i].n);
	learn_put_share(f, LEARN_HTML, S("hidden-share"), h->hidden, h->hidden + h->visible);
	learn_put_share(f, LEARN_HTML, S("faint-share"), h->faint, h->visible);
	learn_put_share(f, LEARN_HTML, S("tiny-share"), h->tiny, h->visible);
	learn_put_flag(f, LEARN_HTML, S("picture-for-text"), h->images && h->visible < 200);
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

/* The usual ones say when it was written, not what it is. */
static void put_charset(struct learn_features *f, slice name)
{
	static const slice usual[] = {S_INIT("utf-8"), S_INIT("us-ascii"), S_INIT("iso-8859-1"),
		S_INIT("windows-1252"), S_INIT("gb2312"), S_INIT("gbk"), S_INIT("gb18030")};
	for (size_t i = 0; i < sizeof usual / sizeof *usual; i++)
		if (slice_ieq(name, usual[i]))
			return;
	if (name.n)
		learn_put_fact(f, LEARN_PARTS, S("charset"), name);
}

void learn_put_parts(struct learn_features *f, const struct learn_mail *m, struct arena *a)
{
	static const slice defects[] = {S_INIT("no-boundary"), S_INIT("boundary-unseen"),
		S_INIT("unclosed"), S_INIT("too-deep"), S_INIT("too-many"), S_INIT("bad-type"),
		S_INIT("bad-encoding"), S_INIT("bad-header"), S_INIT("twice"), S_INIT("no-header"),
		S_INIT("values")};
	unsigned files = 0;
	learn_put_fact(f, LEARN_PARTS, S("message"), m->mime->v[0].type.main);
	for (size_t i = 0; i < m->mime->n && i < 50; i++) {
		const struct mime_part *p = &m->mime->v[i];
		slice name = mime_filename(p, a);
		if (p->multipart || p->message)
			continue;
		files += name.n > 0;
		learn_put_fact(f, LEARN_PARTS, S("type"), p->type.main);
		if (mime_is(p, S("text"), S("")))
			put_charset(f, mime_param(&p->type, S("charset")));
		if (name.n)
			put_name(f, name);
	}
	learn_put_count(f, LEARN_PARTS, S("files"), files);
	for (unsigned bit = 0; bit < sizeof defects / sizeof *defects; bit++)
		learn_put_flag(f, LEARN_PARTS, defects[bit], m->mime->defects >> bit & 1);
}

/* ---- writing ---- */

struct writing {
	size_t letters, capitals, digits, exclaims, money, accents, chinese, lines, quoted, blank;
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
		w.accents += c >= 0xc3 && c < 0xe4;
		w.chinese += c >= 0xe4 && c <= 0xe9;
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
	learn_put_share(f, LEARN_SHAPE, S("quoted-lines"), w.quoted, w.lines - w.blank);
	learn_put_count(f, LEARN_SHAPE, S("exclaims"), w.exclaims);
	learn_put_count(f, LEARN_SHAPE, S("money"), w.money);
	learn_put_flag(f, LEARN_SHAPE, S("charset-lies"), m->charset_lies);
	learn_put_flag(f, LEARN_SHAPE, S("charset-broken"), m->charset_replaced);
	learn_put_flag(f, LEARN_SHAPE, S("charset-unknown"), m->charset_unknown);
	put_undone(f, &m->undone);
}

/* ---- layout ---- */

static void put_skeleton(struct learn_features *f, slice skeleton)
{
	skeleton = slice_first(skeleton, SKELETON_TEXT);
	for (size_t i = 0; i + SKELETON_GRAM <= skeleton.n; i += 2) {
		slice gram = slice_of(skeleton.p + i, SKELETON_GRAM);
		learn_put(f, LEARN_LAYOUT, learn_hash(7, gram), S("skeleton"));
	}
}

void learn_put_layout(struct learn_features *f, const struct learn_mail *m)
{
	const struct html_stats *h = &m->html;
	struct writing w = look(m->text);
	const struct {
		slice name;
		size_t n;
	} counts[] = {{S("length"), m->text.n / 32}, {S("lines"), w.lines}, {S("tags"), h->tags},
		{S("bad-tags"), h->bad_tags}, {S("comments"), h->comments},
		{S("styles"), h->styles}, {S("conditional-comments"), h->conditional_comments},
		{S("metas"), h->metas}, {S("doctypes"), h->doctypes}, {S("tables"), h->tables},
		{S("images"), h->images}, {S("remote-images"), h->images_remote},
		{S("trackers"), h->trackers}, {S("mso-hidden"), h->mso_hidden},
		{S("links"), m->nurls}, {S("parts"), m->mime->n}};
	for (size_t i = 0; i < sizeof counts / sizeof *counts; i++)
		learn_put_count(f, LEARN_LAYOUT, counts[i].name, counts[i].n);
	learn_put_count(f, LEARN_LAYOUT, S("subject-length"), m->subject.n / 4);
	learn_put_share(f, LEARN_LAYOUT, S("blank-lines"), w.blank, w.lines);
	learn_put_share(f, LEARN_LAYOUT, S("plain"), m->plain, m->plain + m->rich);
	learn_put_share(f, LEARN_LAYOUT, S("chinese"), w.chinese, w.letters + w.chinese);
	learn_put_share(f, LEARN_LAYOUT, S("accents"), w.accents, w.letters + w.accents);
	put_skeleton(f, m->skeleton);
}
