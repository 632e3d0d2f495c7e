/*
 * Text and HTML of a letter, written side by side (notice.h): each call adds the same thing to both, so that neither
 * can lack what the other says. HTML as mail programs of any age show it: tables, inline styles, no pictures, nothing
 * from elsewhere. All text is harmless and escaped here; callers never write markup.
 */
#include "mail/notice.h"

#include "base/mem.h"
#include "base/time.h"
#include "base/utf8.h"
#include "codec/address.h"
#include "codec/html_escape.h"

#define FONT                                                                                       \
	"font-family:-apple-system,'Segoe UI','PingFang SC','Microsoft YaHei','Noto Sans CJK SC'," \
	"Roboto,Helvetica,Arial,sans-serif"

enum { SAFE_COLUMNS_MAX = 4000 };

/* ---- strangers' text ---- */

/* Nothing to see, or it turns what stands around it about. */
static bool is_hidden(uint32_t cp)
{
	return cp < 0x20 || (cp >= 0x7f && cp < 0xa0) || cp == 0xad || cp == 0x34f || cp == 0x61c ||
	       cp == 0x115f || cp == 0x1160 || cp == 0x180e || cp == 0x2800 ||
	       (cp >= 0x200b && cp <= 0x200f) || (cp >= 0x2028 && cp <= 0x202e) ||
	       (cp >= 0x2060 && cp <= 0x206f) || cp == 0x3164 || cp == 0xfeff || cp == 0xffa0 ||
	       (cp >= 0xfff0 && cp <= 0xfffb) || (cp >= 0xe0000 && cp <= 0xe0fff);
}

static bool is_blank(uint32_t cp)
{
	return cp == ' ' || cp == '\t' || cp == '\n' || cp == '\r' || cp == 0xa0 || cp == 0x3000;
}

slice notice_safe(slice text, size_t most, struct arena *a)
{
	AUTO(buf) struct buf out = BUF(8 * SAFE_COLUMNS_MAX);
	uint32_t last = ' ';
	size_t room = most < SAFE_COLUMNS_MAX ? most : SAFE_COLUMNS_MAX;
	for (uint32_t cp; out.n < 6 * SAFE_COLUMNS_MAX && utf8_next(&text, &cp); last = cp) {
		if (is_blank(cp))
			cp = ' ';
		else if (is_hidden(cp))
			cp = 0x25ab; /* a small box: something was here */
		if ((cp == ' ' || cp == 0x25ab) && cp == last)
			continue;
		utf8_put(&out, cp);
	}
	slice s = slice_trim(buf_slice(&out));
	if (text.n == 0 && utf8_width(s) <= room)
		return arena_dup(a, s);
	return arena_printf(a, "%.*s…", SFMT(utf8_first_columns(s, room > 1 ? room - 1 : 0)));
}

slice notice_safe_address(slice address, size_t most, struct arena *a)
{
	slice local, domain, ascii, safe = notice_safe(address, most, a);
	if (!address_split(address, &local, &domain) || utf8_is_ascii(domain) ||
		!domain_to_ascii(domain, a, &ascii))
		return safe;
	return arena_printf(a, "%.*s [%.*s]", SFMT(safe), SFMT(notice_safe(ascii, most, a)));
}

slice notice_time(int64_t wall, const struct zone *z, bool chinese, struct arena *a)
{
	struct zone_time t;
	zone_local(z, wall / SECOND, &t);
	return chinese ? arena_printf(a, "%d年%d月%d日 %02d:%02d", t.year, t.month, t.day, t.hour,
				 t.minute)
		       : arena_printf(a, "%04d-%02d-%02d %02d:%02d", t.year, t.month, t.day, t.hour,
				 t.minute);
}

slice notice_size(uint64_t bytes, struct arena *a)
{
	if (bytes < 1000)
		return arena_printf(a, "%u B", (unsigned)bytes);
	if (bytes < 1000 * 1000)
		return arena_printf(a, "%u KB", (unsigned)((bytes + 500) / 1000));
	return arena_printf(a, "%.1f MB", (double)bytes / 1e6);
}

/* ---- the page ---- */

void notice_page_begin(struct notice_page *p, bool chinese, slice title, struct arena *a)
{
	*p = (struct notice_page){.text = BUF(NOTICE_TEXT_MAX),
		.html = BUF(NOTICE_TEXT_MAX),
		.chinese = chinese,
		.a = a};
	slice safe = notice_safe(title, 300, a);
	buf_printf(&p->text, "%.*s\n\n", SFMT(safe));
	buf_printf(&p->html,
		"<!DOCTYPE html>\n<html lang=\"%s\"><head><meta charset=\"utf-8\">"
		"<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">"
		"<meta name=\"color-scheme\" content=\"light\">\n<title>",
		chinese ? "zh-CN" : "en");
	html_escape(&p->html, safe);
	buf_put(&p->html,
		S("</title></head>\n"
		  "<body style=\"margin:0;padding:0;background:#f2f4f7;color:#1f2733;" FONT "\">\n"
		  "<table role=\"presentation\" width=\"100%\" cellpadding=\"0\" cellspacing=\"0\" "
		  "border=\"0\" style=\"background:#f2f4f7\"><tr><td align=\"center\" "
		  "style=\"padding:20px 8px\">\n"
		  "<table role=\"presentation\" width=\"100%\" cellpadding=\"0\" cellspacing=\"0\" "
		  "border=\"0\" style=\"max-width:680px;background:#ffffff;border:1px solid "
		  "#dfe3e8;"
		  "border-radius:6px;text-align:left\">"
		  "<tr><td style=\"padding:22px 24px 18px 24px;font-size:15px;line-height:1.6;" FONT
		  "\">\n<h1 style=\"margin:0 0 12px 0;font-size:19px;line-height:1.4;"
		  "font-weight:600;color:#12325c\">"));
	html_escape(&p->html, safe);
	buf_put(&p->html, S("</h1>\n"));
}

/* A paragraph of text is folded for people who read the plain part. */
static void put_folded(struct buf *out, slice text)
{
	size_t column = 0;
	slice word;
	for (bool first = true; slice_cut(&text, ' ', &word); first = false) {
		size_t width = utf8_width(word);
		if (!first && column + 1 + width > 76) {
			buf_byte(out, '\n');
			column = 0;
		} else if (!first) {
			buf_byte(out, ' ');
			column++;
		}
		buf_put(out, word);
		column += width;
	}
}

void notice_page_para(struct notice_page *p, slice text)
{
	if (text.n == 0)
		return;
	slice safe = notice_safe(text, SAFE_COLUMNS_MAX, p->a);
	put_folded(&p->text, safe);
	buf_put(&p->text, S("\n\n"));
	buf_put(&p->html, S("<p style=\"margin:0 0 12px 0\">"));
	html_escape(&p->html, safe);
	buf_put(&p->html, S("</p>\n"));
}

void notice_page_heading(struct notice_page *p, slice text)
{
	slice safe = notice_safe(text, 300, p->a);
	buf_printf(&p->text, "== %.*s ==\n\n", SFMT(safe));
	buf_put(&p->html, S("<h2 style=\"margin:18px 0 8px "
			    "0;font-size:16px;font-weight:600;color:#12325c\">"));
	html_escape(&p->html, safe);
	buf_put(&p->html, S("</h2>\n"));
}

/* Facts are lines of one table each: nothing needs to know which is the first. */
void notice_page_fact(struct notice_page *p, slice label, slice value)
{
	if (value.n == 0)
		return;
	slice safe = notice_safe(value, 600, p->a);
	buf_printf(&p->text, "%.*s%s%.*s\n", SFMT(label), p->chinese ? "：" : ": ", SFMT(safe));
	buf_put(&p->html,
		S("<table role=\"presentation\" width=\"100%\" cellpadding=\"0\" cellspacing=\"0\" "
		  "border=\"0\"><tr><td width=\"110\" valign=\"top\" style=\"padding:3px 10px 3px "
		  "0;font-size:14px;color:#66707c;white-space:nowrap\">"));
	html_escape(&p->html, label);
	buf_put(&p->html, S("</td><td valign=\"top\" style=\"padding:3px 0;font-size:14px;"
			    "word-break:break-word;overflow-wrap:anywhere\"><bdi>"));
	html_escape(&p->html, safe);
	buf_put(&p->html, S("</bdi></td></tr></table>\n"));
}

void notice_page_facts_end(struct notice_page *p)
{
	buf_byte(&p->text, '\n');
	buf_put(&p->html, S("<div style=\"height:10px;line-height:10px\">&nbsp;</div>\n"));
}

void notice_page_code(struct notice_page *p, slice text)
{
	slice safe = notice_safe(text, 600, p->a);
	buf_printf(&p->text, "    %.*s\n\n", SFMT(safe));
	buf_put(&p->html,
		S("<p style=\"margin:0 0 12px 0;padding:8px "
		  "10px;background:#f2f4f7;border-radius:4px;"
		  "font-family:Consolas,Menlo,'DejaVu Sans Mono',monospace;font-size:13px;"
		  "word-break:break-all\">"));
	html_escape(&p->html, safe);
	buf_put(&p->html, S("</p>\n"));
}

void notice_page_button(struct notice_page *p, slice label, slice url, enum notice_button look)
{
	static const char *const styles[] = {
		[NOTICE_PLAIN] = "color:#12508f;background:#ffffff;border:1px solid #b9c6d6",
		[NOTICE_GOOD] = "color:#ffffff;background:#1b6e3c;border:1px solid #1b6e3c",
		[NOTICE_BAD] = "color:#a32020;background:#ffffff;border:1px solid #d9a8a8",
	};
	if (url.n == 0)
		return;
	buf_printf(&p->text, "  %.*s%s%.*s\n", SFMT(label), p->chinese ? "：" : ": ", SFMT(url));
	buf_put(&p->html, S("<a href=\""));
	html_escape(&p->html, url);
	buf_printf(&p->html,
		"\" style=\"display:inline-block;margin:4px 6px 4px 0;padding:5px 12px;"
		"border-radius:4px;font-size:13px;line-height:1.5;text-decoration:none;%s\">",
		styles[look]);
	html_escape(&p->html, label);
	buf_put(&p->html, S("</a>\n"));
}

void notice_page_buttons_end(struct notice_page *p)
{
	buf_byte(&p->text, '\n');
	buf_put(&p->html, S("<div style=\"height:10px;line-height:10px\">&nbsp;</div>\n"));
}

bool notice_page_end(struct notice_page *p, slice footer)
{
	buf_put(&p->text, S("-- \n"));
	put_folded(&p->text, footer);
	buf_byte(&p->text, '\n');
	buf_put(&p->html,
		S("</td></tr><tr><td style=\"padding:12px 24px;border-top:1px solid #e6e9ed;"
		  "font-size:12px;line-height:1.5;color:#66707c;" FONT "\">"));
	html_escape(&p->html, footer);
	buf_put(&p->html, S("</td></tr></table>\n</td></tr></table>\n</body></html>\n"));
	return buf_ok(&p->text) && buf_ok(&p->html);
}

void notice_page_done(struct notice_page *p)
{
	buf_done(&p->text);
	buf_done(&p->html);
}
