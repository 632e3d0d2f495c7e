/*
 * The texts of a message out of a PST (MS-OXBBODY): plain, HTML, RTF. HTML that is only there inside RTF is taken out of it; RTF goes along when it
 * is all there is of the form. Called by pst_mail.c.
 */
#include "codec/pst_impl.h"

#include "base/utf8.h"
#include "codec/rtfcp.h"

enum {
	BODY = 0x1000,
	REPORT_TEXT = 0x1001,
	RTF = 0x1009,
	HTML = 0x1013,
	PAGE_INTERNET = 0x3fde,
	RTF_MAX = 64 << 20
};

static void lose(struct pst_making *m, const struct pst_props *o, unsigned id)
{
	m->lost += pst_has(o, id);
}

static void take_text(struct pst_making *m, struct pst_props *o, struct pst_body *b)
{
	static const unsigned ids[] = {BODY, REPORT_TEXT};
	for (size_t i = 0; i < 2 && !b->has_text; i++) {
		AUTO(pst_raw) struct pst_raw r = {0};
		if (!pst_get(o, ids[i], PST_TEXT_MAX, &r)) {
			lose(m, o, ids[i]);
			continue;
		}
		b->text = pst_text_of(o, &r, m->a);
		b->has_text = b->text.n > 0;
	}
}

/* HTML is bytes of some charset, in old files also a string. */
static void take_html(struct pst_making *m, struct pst_props *o, struct pst_body *b)
{
	AUTO(pst_raw) struct pst_raw r = {0};
	if (!pst_get(o, HTML, PST_TEXT_MAX, &r)) {
		lose(m, o, HTML);
		return;
	}
	if (r.type != PST_T_BINARY) {
		b->html = pst_text_of(o, &r, m->a);
		b->charset = S("utf-8");
	} else {
		b->html = arena_dup(m->a, r.s);
		b->charset = pst_charset(pst_number(o, PAGE_INTERNET, 0));
		if (!b->charset.n || !charset_fits(b->charset, b->html))
			b->charset = charset_guess(b->html);
		if (slice_istarts(b->charset, S("utf-16")) ||
			slice_istarts(b->charset, S("utf-32"))) {
			AUTO(buf) struct buf utf8 = BUF(2 * (size_t)PST_TEXT_MAX);
			charset_to_utf8(b->charset, b->html, &utf8);
			b->html = arena_dup(m->a, buf_slice(&utf8));
			b->charset = S("utf-8");
		}
	}
	b->has_html = b->html.n > 0;
}

static void take_rtf(struct pst_making *m, struct pst_props *o, struct pst_body *b)
{
	AUTO(pst_raw) struct pst_raw r = {0};
	AUTO(buf) struct buf rtf = BUF(RTF_MAX);
	AUTO(buf) struct buf out = BUF(2 * (size_t)PST_TEXT_MAX);
	if (!pst_get(o, RTF, PST_TEXT_MAX, &r)) {
		lose(m, o, RTF);
		return;
	}
	rtfcp_undo(r.s, &rtf);
	if (!rtf.n)
		return;
	if (pst_rtf_html(buf_slice(&rtf), &out)) {
		b->html = arena_dup(m->a, buf_slice(&out));
		b->charset = S("utf-8");
		b->has_html = b->html.n > 0;
		return;
	}
	if (slice_find(slice_first(buf_slice(&rtf), 1024), S("\\fromtext")) < 1024 && b->has_text)
		return; /* text that was packed */
	if (!b->has_text) {
		pst_rtf_text(buf_slice(&rtf), &out);
		b->text = arena_dup(m->a, buf_slice(&out));
		b->has_text = b->text.n > 0;
	}
	b->rtf = arena_dup(m->a, buf_slice(&rtf));
	b->has_rtf = true;
}

void pst_body(struct pst_making *m, struct pst_props *o, struct pst_body *ret)
{
	*ret = (struct pst_body){0};
	take_text(m, o, ret);
	take_html(m, o, ret);
	if (!ret->has_html)
		take_rtf(m, o, ret);
}
