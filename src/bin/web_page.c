/*
 * What every page has (web.h): HTML that needs no script, one style sheet, headers that keep it out of frames, caches,
 * indexes and referrers; the reader's language: `lang` in the link or form, else what the browser asks for.
 */
#include "bin/web.h"

#include "base/mem.h"
#include "codec/html_escape.h"
#include "mail/digest.h"
#include "mail/notice.h"
#include "run/log.h"
#include <stdio.h>

__asm__(".pushsection .rodata\nweb_style_bytes:\n\t.incbin \"data/web/style.css\"\n"
	"web_style_end:\n\t.byte 0\n\t.popsection\n");
extern const char web_style_bytes[], web_style_end[];

const char web_headers[] =
	"Content-Security-Policy: default-src 'none'; style-src 'self'; form-action 'self'; "
	"base-uri 'none'; frame-ancestors 'none'\r\n"
	"X-Frame-Options: DENY\r\n"
	"X-Content-Type-Options: nosniff\r\n"
	"Referrer-Policy: no-referrer\r\n"
	"X-Robots-Tag: noindex, nofollow, noarchive\r\n"
	"Cross-Origin-Resource-Policy: same-origin\r\n"
	"Cross-Origin-Opener-Policy: same-origin\r\n"
	"Permissions-Policy: interest-cohort=()\r\n";

/* ---- language ---- */

bool web_chinese(struct http *h)
{
	static const slice offered[] = {S_INIT("en"), S_INIT("zh")};
	size_t def = web_of(h)->config->digest->language == DIGEST_ZH;
	slice lang;
	if (http_query(h, S("lang"), &lang) && (slice_eq(lang, S("zh")) || slice_eq(lang, S("en"))))
		return slice_eq(lang, S("zh"));
	return http1_language(http1_field(h->head, S("accept-language")), offered, 2, def) == 1;
}

/* ---- text ---- */

void web_html(struct http *h, slice text)
{
	html_escape(&h->out, text);
}

void web_text(struct http *h, const char *class, const char *text)
{
	buf_printf(&h->out, "<p class=\"%s\">%s</p>\n", class, text);
}

void web_strange(struct http *h, slice text)
{
	web_html(h, notice_safe(text, WEB_SUBJECT_COLUMNS, h->a));
}

void web_facts_begin(struct http *h)
{
	buf_put(&h->out, S("<dl>\n"));
}

void web_fact(struct http *h, const char *label, slice value)
{
	if (!value.n)
		return;
	buf_printf(&h->out, "<dt>%s</dt><dd>", label);
	web_strange(h, value);
	buf_put(&h->out, S("</dd>\n"));
}

void web_facts_end(struct http *h)
{
	buf_put(&h->out, S("</dl>\n"));
}

/* As the letters have it: the zone of [digest]. */
slice web_time(struct http *h, int64_t wall)
{
	struct web *w = web_of(h);
	bool known;
	const struct zone *z = zones_get(&w->zones, w->config->digest->zone, &known);
	return notice_time(wall, z, web_chinese(h), h->a);
}

/* ---- frame ---- */

/* The same page in the other language; links never carry more than they came with. */
static void put_languages(struct http *h, bool zh)
{
	if (h->method != HTTP_GET || h->status != 200)
		return;
	slice item;
	buf_put(&h->out, S("<a href=\""));
	web_html(h, h->target.path);
	buf_printf(&h->out, "?lang=%s", zh ? "en" : "zh");
	if (http_query(h, S("item"), &item)) {
		buf_put(&h->out, S("&amp;item="));
		http1_put_encoded(&h->out, item);
	}
	buf_printf(&h->out, "\" lang=\"%s\">%s</a>", zh ? "en" : "zh-CN", zh ? "English" : "中文");
}

void web_page_begin(struct http *h, const char *title)
{
	bool zh = web_chinese(h);
	http_header(h, S("Content-Type"), S("text/html; charset=utf-8"));
	http_header(h, S("Cache-Control"), S("no-store"));
	http_header(h, S("Content-Language"), zh ? S("zh-CN") : S("en"));
	http_header(h, S("Vary"), S("Accept-Language"));
	buf_printf(&h->out,
		"<!DOCTYPE html>\n<html lang=\"%s\">\n<head>\n<meta charset=\"utf-8\">\n"
		"<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
		"<meta name=\"robots\" content=\"noindex, nofollow\">\n<title>%s</title>\n"
		"<link rel=\"stylesheet\" href=\"/static/style.css\">\n</head>\n<body>\n"
		"<header><span><b>%s</b> · ",
		zh ? "zh-CN" : "en", title, zh ? "邮件隔离区" : "Mail quarantine");
	web_html(h, web_of(h)->config->hostname);
	buf_put(&h->out, S("</span>"));
	put_languages(h, zh);
	buf_printf(&h->out, "</header>\n<main>\n<section>\n<h1>%s</h1>\n", title);
}

void web_page_end(struct http *h)
{
	buf_printf(&h->out, "</section>\n</main>\n<footer>%s</footer>\n</body>\n</html>\n",
		web_word(h,
			"The link to this page is meant for you alone: whoever has it can act in "
			"your "
			"name on this mail.",
			"本页链接仅供您本人使用：持有链接者即可代表您处理这封邮件。"));
}

void web_message(
	struct http *h, unsigned status, const char *title, const char *text, const char *advice)
{
	h->status = status;
	buf_reset(&h->out);
	web_page_begin(h, title);
	web_text(h, status < 400 ? "good" : "", text);
	if (advice)
		web_text(h, "soft", advice);
	web_page_end(h);
}

/* ---- errors ---- */

static const struct {
	unsigned status;
	const char *title_en, *title_zh, *text_en, *text_zh;
} pages[] = {
	{400, "This request cannot be understood", "无法识别的请求",
		"Please open the link again as it stands in the letter.",
		"请按邮件中的链接重新打开。"},
	{403, "Not allowed", "不允许", "This cannot be done here.", "此处不能进行该操作。"},
	{404, "There is nothing here", "没有此页面",
		"Please open the link as it stands in the letter; some mail programs break long "
		"ones.",
		"请按邮件中的链接打开；有些邮件程序会截断长链接。"},
	{405, "Not allowed", "不允许", "This cannot be asked of this page.",
		"此页面不接受这种请求。"},
	{413, "Too large", "内容过大", "What was sent is too large.", "提交的内容过大。"},
	{429, "Too many requests", "请求过多",
		"There were too many requests from your network. Please try again later.",
		"来自您所在网络的请求过多，请稍后再试。"},
	{503, "Not possible at the moment", "暂时无法处理",
		"Nothing was changed. Please try again in a minute.",
		"没有作任何更改。请过一分钟再试。"},
	{0, "Something went wrong", "出现错误", "Please try again later.", "请稍后再试。"},
};

void web_error_page(struct http *h)
{
	size_t i = 0;
	while (pages[i].status && pages[i].status != h->status)
		i++;
	if (h->status == 503)
		http_header(h, S("Retry-After"), S("60"));
	bool zh = web_chinese(h);
	web_message(h, h->status, zh ? pages[i].title_zh : pages[i].title_en,
		zh ? pages[i].text_zh : pages[i].text_en, NULL);
}

static unsigned status_of(enum err_kind kind)
{
	switch (kind) {
	case ERR_NOTFOUND:
		return 404;
	case ERR_DENIED: /* of files and the like: what people may not is told where it is known */
	case ERR_TEMP:
	case ERR_TIMEOUT:
	case ERR_CLOSED:
	case ERR_LIMIT:
		return 503;
	default:
		return 500;
	}
}

void web_failed(struct http *h, const struct err *e)
{
	unsigned status = status_of(e->kind);
	if (status >= 500)
		log_error(NULL, "web.failed", F("route", h->route), F("error", e));
	http_fail(h, status);
}

/* ---- what is not a page ---- */

void web_style(struct http *h)
{
	http_header(h, S("Content-Type"), S("text/css; charset=utf-8"));
	http_header(h, S("Cache-Control"), S("public, max-age=3600"));
	buf_put(&h->out, slice_of(web_style_bytes, (size_t)(web_style_end - web_style_bytes)));
}

void web_robots(struct http *h)
{
	http_header(h, S("Content-Type"), S("text/plain; charset=utf-8"));
	buf_put(&h->out, S("User-agent: *\nDisallow: /\n"));
}
