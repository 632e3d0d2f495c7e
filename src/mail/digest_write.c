/*
 * The digest (digest.h): a list of held mail, one block a message with what can be done about it, the likeliest mistakes
 * first. The plain text says the same, with the same links. What strangers wrote is made harmless by notice_page's
 * functions.
 */
#include "mail/digest.h"

#include "base/mem.h"
#include "codec/html_escape.h"

enum { FROM_COLUMNS = 60, SUBJECT_COLUMNS = 120, REASON_COLUMNS = 160 };

static slice title_of(const struct digest_facts *f, struct arena *a)
{
	if (f->group)
		return f->chinese ? arena_printf(a, "隔离邮件清单（%.*s）：%llu 封", SFMT(f->name),
					    (unsigned long long)f->nrows)
				  : arena_printf(a, "Held mail (%.*s): %llu %s", SFMT(f->name),
					    (unsigned long long)f->nrows,
					    f->nrows == 1 ? "message" : "messages");
	return f->chinese ? arena_printf(
				    a, "有 %llu 封邮件被拦截，请查看", (unsigned long long)f->nrows)
			  : arena_printf(a, "%llu %s held for you", (unsigned long long)f->nrows,
				    f->nrows == 1 ? "message is" : "messages are");
}

static slice intro(const struct digest_facts *f, struct arena *a)
{
	slice zh = f->only_new ? S("自上次清单以来，以下邮件没有投递，已保存在隔离区。")
			       : S("以下邮件没有投递，已保存在隔离区。");
	slice en = f->only_new
			   ? S("Since the last list, these messages were not delivered but kept.")
			   : S("These messages were not delivered but are kept.");
	if (f->chinese)
		return arena_printf(a, "%.*s最可能误判的排在前面。", SFMT(zh));
	return arena_printf(a, "%.*s Those that are most likely wanted come first.", SFMT(en));
}

/* ---- one message ---- */

static void put_cell(struct notice_page *p, const char *style, slice text)
{
	buf_printf(&p->html, "<div style=\"%s\"><bdi>", style);
	html_escape(&p->html, text);
	buf_put(&p->html, S("</bdi></div>\n"));
}

static void put_from(struct notice_page *p, const struct digest_row *r)
{
	slice from = notice_safe(r->from, FROM_COLUMNS, p->a);
	slice sender = notice_safe_address(r->sender, FROM_COLUMNS, p->a);
	slice shown = from.n ? from : sender;
	if (shown.n == 0)
		shown = notice_word(p, "(no sender)", "（无发件人）");
	buf_printf(&p->text, "%.*s", SFMT(shown));
	put_cell(p, "font-size:14px;color:#37424f;word-break:break-word;overflow-wrap:anywhere",
		shown);
	if (sender.n && slice_find(shown, sender) == shown.n) {
		buf_printf(&p->text, "  (%.*s)", SFMT(sender));
		put_cell(p, "font-size:12px;color:#66707c;word-break:break-all", sender);
	}
	buf_byte(&p->text, '\n');
}

static slice about(struct notice_page *p, const struct digest_facts *f, const struct digest_row *r)
{
	return arena_printf(p->a, "%.*s · %.*s · %.*s",
		SFMT(notice_time(r->held_at, f->zone, f->chinese, p->a)),
		SFMT(notice_size(r->size, p->a)), SFMT(r->class_text));
}

static void put_reasons(struct notice_page *p, const struct digest_row *r)
{
	AUTO(buf) struct buf all = BUF(2048);
	for (unsigned i = 0; i < r->nreasons; i++) {
		if (i)
			buf_put(&all, notice_word(p, "; ", "；"));
		buf_put(&all, notice_safe(r->reasons[i], REASON_COLUMNS, p->a));
	}
	if (all.n == 0)
		return;
	slice label = notice_word(p, "Why: ", "原因：");
	buf_printf(&p->text, "    %.*s%.*s\n", SFMT(label), SFMT(buf_slice(&all)));
	put_cell(p, "font-size:13px;color:#66707c;word-break:break-word;overflow-wrap:anywhere",
		arena_printf(p->a, "%.*s%.*s", SFMT(label), SFMT(buf_slice(&all))));
}

static void put_verbs(struct notice_page *p, const struct digest_row *r)
{
	const struct {
		slice url;
		const char *en, *zh;
		enum notice_button look;
	} verbs[] = {
		{r->release_url, "Release", "放行", NOTICE_GOOD},
		{r->allow_url, "Release and allow sender", "放行并信任发件人", NOTICE_PLAIN},
		{r->ask_url, "Ask for release", "申请放行", NOTICE_PLAIN},
		{r->view_url, "View", "查看", NOTICE_PLAIN},
		{r->block_url, "Block sender", "拒收发件人", NOTICE_BAD},
		{r->delete_url, "Delete", "删除", NOTICE_BAD},
	};
	if (r->protected) {
		slice note = notice_word(p, "Only the administrator can release this message.",
			"此邮件只能由管理员放行。");
		buf_printf(&p->text, "    %.*s\n", SFMT(note));
		put_cell(p, "font-size:13px;color:#a32020", note);
	}
	for (size_t i = 0; i < sizeof verbs / sizeof *verbs; i++)
		notice_page_button(
			p, notice_word(p, verbs[i].en, verbs[i].zh), verbs[i].url, verbs[i].look);
}

static void put_row(struct notice_page *p, const struct digest_facts *f, size_t i)
{
	const struct digest_row *r = &f->rows[i];
	slice subject = notice_safe(r->subject, SUBJECT_COLUMNS, p->a);
	if (subject.n == 0)
		subject = notice_word(p, "(no subject)", "（无主题）");
	buf_put(&p->html, S("<tr><td style=\"padding:12px 0;border-top:1px solid #e6e9ed\">\n"));
	buf_printf(&p->text, "%zu. %.*s\n    ", i + 1, SFMT(subject));
	put_cell(p,
		"font-size:15px;font-weight:600;color:#1f2733;word-break:break-word;overflow-wrap:"
		"anywhere",
		subject);
	put_from(p, r);
	if (f->group && r->rcpt.n) {
		slice to = arena_printf(p->a, "%.*s%.*s", SFMT(notice_word(p, "To: ", "收件人：")),
			SFMT(notice_safe_address(r->rcpt, FROM_COLUMNS, p->a)));
		buf_printf(&p->text, "    %.*s\n", SFMT(to));
		put_cell(p, "font-size:13px;color:#37424f;word-break:break-all", to);
	}
	slice line = about(p, f, r);
	buf_printf(&p->text, "    %.*s\n", SFMT(line));
	put_cell(p, "font-size:13px;color:#66707c", line);
	put_reasons(p, r);
	put_verbs(p, r);
	buf_byte(&p->text, '\n');
	buf_put(&p->html, S("</td></tr>\n"));
}

/* ---- the whole ---- */

static void put_rest(struct notice_page *p, const struct digest_facts *f)
{
	if (f->total > f->nrows)
		notice_page_para(
			p, arena_printf(p->a,
				   f->chinese ? "共有 %llu 封邮件等待处理，这里列出 %zu 封。"
					      : "%llu messages wait in all; %zu are listed here.",
				   (unsigned long long)f->total, f->nrows));
	if (f->all_url.n == 0)
		return;
	notice_page_button(p, notice_word(p, "See all", "查看全部"), f->all_url, NOTICE_PLAIN);
	notice_page_buttons_end(p);
}

static slice footer(const struct digest_facts *f, struct arena *a)
{
	return f->chinese
		       ? arena_printf(a,
				 "本邮件由 %.*s 的邮件系统自动发出，列出发给 %.*s "
				 "的隔离邮件。链接打开后需确认才会生效；请勿转发本邮件，他人可借链"
				 "接代您操作。",
				 SFMT(f->hostname), SFMT(f->name))
		       : arena_printf(a,
				 "Sent automatically by the mail server %.*s about mail held for "
				 "%.*s. Links open a page on which you confirm. Do not forward "
				 "this "
				 "letter: whoever has the links can use them in your place.",
				 SFMT(f->hostname), SFMT(f->name));
}

int digest_write(
	const struct digest_facts *f, struct arena *a, struct notice_letter *ret, struct err *e)
{
	struct notice_page p;
	slice title = title_of(f, a);
	notice_page_begin(&p, f->chinese, title, a);
	notice_page_para(&p, intro(f, a));
	buf_put(&p.html, S("<table role=\"presentation\" width=\"100%\" cellpadding=\"0\" "
			   "cellspacing=\"0\" border=\"0\" style=\"margin:0 0 14px 0;"
			   "border-bottom:1px solid #e6e9ed\">\n"));
	for (size_t i = 0; i < f->nrows; i++)
		put_row(&p, f, i);
	buf_put(&p.html, S("</table>\n"));
	put_rest(&p, f);
	bool fits = notice_page_end(&p, footer(f, a));
	*ret = (struct notice_letter){.chinese = f->chinese,
		.subject = title,
		.kind = "digest",
		.text = arena_dup(a, buf_slice(&p.text)),
		.html = arena_dup(a, buf_slice(&p.html))};
	notice_page_done(&p);
	return fits ? 0 : err_set(e, ERR_LIMIT, "a digest of more than %d bytes", NOTICE_TEXT_MAX);
}
