/*
 * The text that a letter begins with (RFC 8970), for lists of mail: the first part that people read, as UTF-8 on one
 * line. Quoted text and the line that introduces it, headers of forwarded mail, signatures, rulers and links are left
 * out as well as they can be told. Used while a summary is made.
 */
#include "base/mem.h"
#include "base/utf8.h"
#include "codec/charset.h"
#include "codec/html.h"
#include "codec/summary.h"

enum {
	PLAIN_MAX = 16 * 1024, /* bytes of a text that are looked at */
	MARKUP_MAX = 256 * 1024,
	TRIED_MAX = 4, /* parts, until one has a text */
};

struct line_reader {
	struct buf *out;
	size_t chars;
	bool blank; /* one is due before the next character */
	slice held; /* the line that may introduce a quotation */
	bool in_header; /* of a forwarded letter */
};

/* ---- characters ---- */

static bool is_space(uint32_t c)
{
	return c <= ' ' || c == 0xa0 || c == 0x1680 || (c >= 0x2000 && c <= 0x200a) ||
	       c == 0x2028 || c == 0x2029 || c == 0x202f || c == 0x205f || c == 0x3000 ||
	       (c >= 0x7f && c < 0xa0);
}

/* Without width, or that change the direction of what stands behind them. */
static bool is_unseen(uint32_t c)
{
	return c == 0xad || c == 0x34f || (c >= 0x200b && c <= 0x200f) ||
	       (c >= 0x202a && c <= 0x202e) || (c >= 0x2060 && c <= 0x206f) || c == 0xfeff ||
	       c == 0x180e || c == 0xfffc;
}

static bool is_full(const struct line_reader *r)
{
	return r->chars >= SUMMARY_PREVIEW_MAX;
}

static void put_word(struct line_reader *r, slice word)
{
	for (uint32_t c; !is_full(r) && utf8_next(&word, &c);) {
		if (is_unseen(c))
			continue;
		if (r->blank && r->chars && ++r->chars < SUMMARY_PREVIEW_MAX)
			buf_byte(r->out, ' ');
		r->blank = false;
		if (is_full(r))
			return;
		utf8_put(r->out, c);
		r->chars++;
	}
}

static bool is_link(slice word)
{
	while (word.n && strchr("<([\"'", word.p[0]))
		word = slice_skip(word, 1);
	return slice_istarts(word, S("http://")) || slice_istarts(word, S("https://")) ||
	       slice_istarts(word, S("www.")) || slice_istarts(word, S("mailto:")) ||
	       slice_istarts(word, S("cid:"));
}

static void put_line(struct line_reader *r, slice line)
{
	while (line.n && !is_full(r)) {
		slice rest = line, before = line;
		uint32_t c;
		while (utf8_next(&rest, &c) && !is_space(c))
			before = rest;
		size_t n = line.n - before.n;
		slice word = slice_first(line, n);
		if (n && !is_link(word))
			put_word(r, word);
		r->blank |= n == 0 || before.n;
		line = n ? before : rest;
	}
	r->blank = true;
}

/* ---- lines ---- */

/* Nothing but marks: a ruler. */
static bool is_ruler(slice line)
{
	size_t marks = 0;
	for (size_t i = 0; i < line.n; i++) {
		if (!strchr("-_=*#~+. ", line.p[i]))
			return false;
		marks += line.p[i] != ' ';
	}
	return marks >= 3;
}

static bool has(slice line, slice word)
{
	for (; line.n >= word.n; line = slice_skip(line, 1))
		if (slice_istarts(line, word))
			return true;
	return false;
}

/* "-----Original Message-----" and its like: below it is somebody else's letter. */
static bool is_separator(slice line)
{
	static const slice words[] = {S_INIT("original message"), S_INIT("forwarded message"),
		S_INIT("original appointment"), S_INIT("原始邮件"), S_INIT("转发邮件"),
		S_INIT("原邮件"), S_INIT("Begin forwarded message"),
		S_INIT("Ursprüngliche Nachricht"), S_INIT("Message d'origine"),
		S_INIT("Mensaje original")};
	if (line.n > 100 ||
		!(slice_starts(line, S("--")) || slice_istarts(line, S("Begin forwarded"))))
		return false;
	for (size_t i = 0; i < sizeof words / sizeof *words; i++)
		if (has(line, words[i]))
			return true;
	return false;
}

/* "From: ..." as it stands above a quoted letter. */
static bool is_header(slice line)
{
	static const slice names[] = {S_INIT("From:"), S_INIT("Sent:"), S_INIT("To:"),
		S_INIT("Cc:"), S_INIT("Date:"), S_INIT("Subject:"), S_INIT("Reply-To:"),
		S_INIT("发件人"), S_INIT("发送时间"), S_INIT("发送日期"), S_INIT("收件人"),
		S_INIT("抄送"), S_INIT("主题"), S_INIT("日期")};
	while (line.n && (line.p[0] == '*' || line.p[0] == ' '))
		line = slice_skip(line, 1);
	for (size_t i = 0; i < sizeof names / sizeof *names; i++)
		if (slice_istarts(line, names[i]))
			return true;
	return false;
}

static bool introduces(slice line)
{
	return slice_ends(line, S(":")) || slice_ends(line, S("："));
}

/* "On Monday, Ann" with "wrote:" on the next line. */
static bool may_introduce(slice line)
{
	return slice_starts(line, S("On ")) || slice_starts(line, S("Am ")) ||
	       slice_starts(line, S("Le ")) || slice_starts(line, S("El ")) ||
	       slice_starts(line, S("在")) || slice_starts(line, S("于"));
}

static void put_held(struct line_reader *r)
{
	if (r->held.n)
		put_line(r, r->held);
	r->held = (slice){0};
}

/* False: enough. */
static bool take_line(struct line_reader *r, slice raw)
{
	slice line = slice_trim(raw);
	if (slice_eq(raw, S("-- ")) || slice_eq(raw, S("-- \r")))
		return false; /* a signature */
	if (!line.n) {
		r->in_header = false;
		return true;
	}
	if (line.p[0] == '>') {
		if (!introduces(r->held))
			put_held(r);
		r->held = (slice){0};
		return true;
	}
	if (is_separator(line)) {
		put_held(r);
		r->in_header = true;
		return !r->chars;
	}
	if (is_ruler(line) || (r->in_header && is_header(line)))
		return true;
	r->in_header = false;
	if (introduces(line) && may_introduce(r->held)) { /* over two lines */
		r->held = slice_of(r->held.p, (size_t)(line.p + line.n - r->held.p));
		return true;
	}
	put_held(r);
	r->held = line;
	return !is_full(r);
}

static void take_text(struct line_reader *r, slice text)
{
	bool more = true;
	for (slice line; more && slice_cut(&text, '\n', &line);)
		more = take_line(r, line);
	put_held(r);
}

/* ---- parts ---- */

static bool is_readable(const struct mime_part *p)
{
	return (mime_is(p, S("text"), S("plain")) || mime_is(p, S("text"), S("html"))) &&
	       !p->multipart && !slice_eq(p->disposition.main, S("attachment")) &&
	       !mime_param(&p->disposition, S("filename")).n;
}

static void read_part(struct line_reader *r, const struct mime_part *p)
{
	AUTO(arena) struct arena a = {0};
	bool markup = mime_is(p, S("text"), S("html"));
	AUTO(buf) struct buf bytes = BUF(markup ? MARKUP_MAX : PLAIN_MAX);
	AUTO(buf) struct buf text = BUF(4 * MARKUP_MAX);
	struct charset_reading reading;
	mime_decode(p, &bytes);
	charset_read(
		mime_param(&p->type, S("charset")), buf_slice(&bytes), markup, &text, &reading);
	if (!markup) {
		take_text(r, buf_slice(&text));
		return;
	}
	struct html_limits l = html_limits_default;
	struct html html;
	l.text = PLAIN_MAX;
	html_read(buf_slice(&text), &l, &a, &html);
	take_text(r, html.text);
}

void summary_preview(slice message, const struct mime *m, struct buf *out)
{
	struct line_reader r = {.out = out};
	unsigned tried = 0;
	(void)message;
	if (mime_is(&m->v[0], S("multipart"), S("encrypted")))
		return;
	for (size_t i = 0; i < m->n && !r.chars && tried < TRIED_MAX; i++) {
		if (!is_readable(&m->v[i]) || !m->v[i].body.n)
			continue;
		tried++;
		read_part(&r, &m->v[i]);
	}
}
