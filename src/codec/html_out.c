/*
 * The text of HTML as a reader sees it (html_reader.h): character references, white space, lines,
 * characters without width; and apart from it what cannot be seen.
 */
#include "codec/html_entity.h"
#include "codec/html_reader.h"

#include "base/mem.h"
#include "base/utf8.h"

enum { TINY_FONT = 5 };

/* Drawn as nothing: joiners, direction marks, fillers, tags, variation selectors. */
static bool is_zero_width(uint32_t cp)
{
	return (cp >= 0x200b && cp <= 0x200f) || (cp >= 0x202a && cp <= 0x202e) ||
	       (cp >= 0x2060 && cp <= 0x206f) || cp == 0xfeff || cp == 0xad || cp == 0x34f ||
	       cp == 0x61c || cp == 0x115f || cp == 0x1160 || cp == 0x17b4 || cp == 0x17b5 ||
	       (cp >= 0x180b && cp <= 0x180e) || cp == 0x3164 || cp == 0xffa0 ||
	       (cp >= 0xfe00 && cp <= 0xfe0f) || (cp >= 0xe0000 && cp <= 0xe01ef);
}

/* Scripts in which joiners change letters, and emoji, which they glue. */
static bool wants_joiners(uint32_t cp)
{
	return (cp >= 0x590 && cp <= 0x109f) || cp >= 0x1f000 || (cp >= 0x2600 && cp <= 0x27ff);
}

static bool is_space(uint32_t cp)
{
	return cp == ' ' || (cp >= '\t' && cp <= '\r') || cp == 0xa0 || cp == 0x2028 ||
	       cp == 0x2029 || (cp >= 0x2000 && cp <= 0x200a) || cp == 0x202f || cp == 0x205f ||
	       cp == 0x2800;
}

static bool is_letter(uint32_t cp)
{
	return (cp >= '0' && cp <= '9') || (cp >= 'a' && cp <= 'z') || (cp >= 'A' && cp <= 'Z') ||
	       (cp >= 0xc0 && cp < 0x2000) || cp >= 0x3040;
}

/* What is due before the next text; hidden runs stand on lines of their own. */
static void due(struct html_reader *r, struct html_out *o)
{
	bool unseen = o == &r->unseen;
	if (unseen && !r->unseen_before && !o->breaks)
		o->breaks = 1;
	r->unseen_before = unseen;
	if (o->b.n && o->breaks)
		buf_fill(&o->b, '\n', o->breaks);
	else if (o->b.n && o->space)
		buf_byte(&o->b, ' ');
	o->breaks = 0;
	o->space = false;
}

static void remember(struct html_reader *r, uint32_t cp)
{
	bool letter = is_letter(cp), joined = !r->seen.breaks && !r->seen.space;
	if (letter && r->after_letter && joined) {
		r->html->stats.zero_width_in_words += r->zero_width;
		r->html->stats.splits_in_words += r->split;
	}
	r->after_letter = letter;
	r->zero_width = r->split = false;
	r->last = cp;
}

/* What fits. */
static void put_cut(struct buf *b, slice s)
{
	slice fit = slice_first(s, b->limit > b->n ? b->limit - b->n : 0);
	buf_put(b, fit);
	b->full |= fit.n < s.n;
}

/* Letters in a run, without anything special in it. */
static void put_plain(struct html_reader *r, slice s, const struct html_style *style)
{
	struct html_stats *stats = &r->html->stats;
	struct html_out *o = style->hiding ? &r->unseen : &r->seen;
	if (style->hiding) {
		stats->hidden += s.n;
		r->split = true;
	} else {
		remember(r, (unsigned char)s.p[0]);
		r->after_letter = is_letter((unsigned char)s.p[s.n - 1]);
		r->last = (unsigned char)s.p[s.n - 1];
		stats->visible += s.n;
		stats->faint += style->faint ? s.n : 0;
		stats->tiny += style->font < TINY_FONT ? s.n : 0;
	}
	stats->hiding |= style->hiding;
	due(r, o);
	put_cut(&o->b, s);
}

static void put_space(struct html_reader *r, uint32_t cp, const struct html_style *style)
{
	struct html_out *o = style->hiding ? &r->unseen : &r->seen;
	if (style->pre && cp == '\n')
		o->breaks = o->breaks < 2 ? o->breaks + 1 : 2;
	else
		o->space = true;
	if (!style->hiding)
		r->after_letter = r->split = r->zero_width = false;
}

static void put_char(struct html_reader *r, uint32_t cp, const struct html_style *style)
{
	char bytes[UTF8_MAX];
	if (is_space(cp)) {
		put_space(r, cp, style);
		return;
	}
	bool joiner = (cp == 0x200c || cp == 0x200d || cp == 0xfe0f) && wants_joiners(r->last);
	if (is_zero_width(cp) && !joiner) {
		r->html->stats.zero_width += style->hiding == 0;
		r->zero_width |= style->hiding == 0;
		return;
	}
	if (cp < ' ' || cp == 0x7f)
		return;
	struct html_stats *stats = &r->html->stats;
	struct html_out *o = style->hiding ? &r->unseen : &r->seen;
	if (style->hiding) {
		stats->hidden++;
		r->split = true;
	} else {
		remember(r, cp);
		stats->visible++;
		stats->faint += style->faint;
		stats->tiny += style->font < TINY_FONT;
	}
	stats->hiding |= style->hiding;
	due(r, o);
	buf_put(&o->b, slice_of(bytes, utf8_write(bytes, cp)));
}

static size_t put_reference(struct html_reader *r, slice s, const struct html_style *style)
{
	uint32_t cp[2];
	size_t n = html_entity(s, false, cp);
	if (!n)
		return 0;
	r->html->stats.entities++;
	if (s.p[1] == '#' && cp[0] < 0x80 && is_letter(cp[0]))
		r->html->stats.entities_needless++;
	put_char(r, cp[0], style);
	if (cp[1])
		put_char(r, cp[1], style);
	return n;
}

static size_t plain_run(slice s)
{
	size_t n = 0;
	while (n < s.n && s.p[n] > ' ' && s.p[n] < 0x7f && s.p[n] != '&')
		n++;
	return n;
}

void html_put_text(struct html_reader *r, slice text, bool entities)
{
	const struct html_style style = html_top(r)->style;
	while (text.n) {
		size_t n = plain_run(text);
		if (n) {
			put_plain(r, slice_first(text, n), &style);
			text = slice_skip(text, n);
			continue;
		}
		n = entities && text.p[0] == '&' ? put_reference(r, text, &style) : 0;
		if (n) {
			text = slice_skip(text, n);
			continue;
		}
		uint32_t cp;
		utf8_next(&text, &cp);
		put_char(r, cp, &style);
	}
}

/* Hidden text has the lines of all, visible text only its own. */
void html_put_break(struct html_reader *r, unsigned lines)
{
	if (r->unseen.breaks < lines)
		r->unseen.breaks = lines;
	if (html_top(r)->style.hiding)
		return;
	if (r->seen.breaks < lines)
		r->seen.breaks = lines;
	r->after_letter = false;
}

void html_put_space(struct html_reader *r)
{
	put_space(r, ' ', &html_top(r)->style);
}

slice html_value(struct html_reader *r, slice raw, bool *ret_cut)
{
	*ret_cut = raw.n > r->limits->value;
	if (*ret_cut)
		r->html->limits |= HTML_LIMIT_VALUE;
	raw = slice_first(raw, r->limits->value);
	if (slice_index(raw, '&') == raw.n)
		return raw;
	AUTO(buf) struct buf out = BUF(2 * raw.n + 2 * UTF8_MAX);
	while (raw.n) {
		size_t n = slice_index(raw, '&');
		uint32_t cp[2];
		buf_put(&out, slice_first(raw, n));
		raw = slice_skip(raw, n);
		n = raw.n ? html_entity(raw, true, cp) : 0;
		if (n) {
			utf8_put(&out, cp[0]);
			if (cp[1])
				utf8_put(&out, cp[1]);
		} else if (raw.n) {
			buf_byte(&out, '&');
			n = 1;
		}
		raw = slice_skip(raw, n);
	}
	return arena_dup(r->mem, buf_slice(&out));
}
