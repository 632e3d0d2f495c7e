/*
 * Bulk mail as a class of its own: newsletters, notices of machines, mailing lists. Runs first and
 * gives exam.bulk, 0..100, by which other checks soften what such mail does honestly. What it finds
 * speaks neither for nor against the mail: it is for sorting and policy, and for rules.
 *
 * RFC 2369, 2919 (List-*), 8058 (one click), 3834 (Auto-Submitted); Precedence is custom.
 */
#include "content/checking.h"
#include "content/checks.h"

enum {
	WHOLE = 100,
	DISCUSSION_MOST = 45, /* a list where people talk is no newsletter */
	TABLES = 4,
	PICTURES = 3,
	HOST_LINKS = 8, /* links to one host */
	NEWSLETTER_FROM = 50, /* the class begins here */
	HEAD = 1000, /* bytes of the text: there such mail says what it is, */
	FOOT = 3000, /* and here */
};

struct traits {
	unsigned points;
	bool list_id, post, unsubscribe, one_click, precedence, tool, automatic, nobody, words,
		page;
};

/* ---- header ---- */

/* Fields that systems for bulk mail write: by whom they are told what became of it. */
static const slice tools[] = {S_INIT("feedback-id"), S_INIT("x-csa-complaints"), S_INIT("x-sg-eid"),
	S_INIT("x-mailgun-sid"), S_INIT("x-mc-user"), S_INIT("x-campaign"), S_INIT("x-campaignid"),
	S_INIT("x-campaign-id"), S_INIT("x-mandrill-user"), S_INIT("x-ses-outgoing"),
	S_INIT("x-sfmc-stack"), S_INIT("x-job"), S_INIT("x-emarsys-identify"),
	S_INIT("x-rpcampaign"), S_INIT("x-mailer-recptid"), S_INIT("x-mailer-info"),
	S_INIT("x-roving-id"), S_INIT("x-report-abuse"), S_INIT("x-report-abuse-to"),
	S_INIT("x-mailin-campaign"), S_INIT("x-mailjet-campaign"), S_INIT("x-mj-mid"),
	S_INIT("x-msys-api"), S_INIT("x-pm-message-id"), S_INIT("x-hs-cid"), S_INIT("x-cm-jobid"),
	S_INIT("x-sendcloud-log"), S_INIT("x-sendcloud-tag"), S_INIT("x-alidm-rcpt"),
	S_INIT("x-dm-sid"), S_INIT("x-bounce-key"), S_INIT("x-et-id"), S_INIT("x-abuse-reports-to"),
	S_INIT("x-virtual-mta"), S_INIT("x-listid"), S_INIT("x-unsubscribe-web")};

static bool written_by_tool(struct content_exam *x)
{
	for (size_t i = 0; i < sizeof tools / sizeof *tools; i++)
		if (checking_has(x, tools[i]))
			return true;
	return false;
}

static bool is_nobody(slice local)
{
	static const slice names[] = {S_INIT("noreply"), S_INIT("no-reply"), S_INIT("no_reply"),
		S_INIT("donotreply"), S_INIT("do-not-reply"), S_INIT("newsletter"),
		S_INIT("notification"), S_INIT("notifications"), S_INIT("notify"), S_INIT("mailer"),
		S_INIT("news"), S_INIT("alerts"), S_INIT("alert"), S_INIT("marketing"),
		S_INIT("bounce"), S_INIT("edm")};
	for (size_t i = 0; i < sizeof names / sizeof *names; i++)
		if (slice_istarts(local, names[i]))
			return true;
	return false;
}

/* Companies send such mail from a host of its own below their domain. */
static bool is_host_for_bulk(slice domain)
{
	static const slice labels[] = {S_INIT("newsletter"), S_INIT("newsletters"), S_INIT("news"),
		S_INIT("mailing"), S_INIT("mailings"), S_INIT("marketing"), S_INIT("campaign"),
		S_INIT("campaigns"), S_INIT("notification"), S_INIT("notifications"),
		S_INIT("notify"), S_INIT("alerts"), S_INIT("email"), S_INIT("edm"), S_INIT("em")};
	slice first;
	if (!slice_cut(&domain, '.', &first) || slice_index(domain, '.') == domain.n)
		return false;
	for (size_t i = 0; i < sizeof labels / sizeof *labels; i++)
		if (slice_ieq(first, labels[i]))
			return true;
	return false;
}

static bool is_precedence(slice v)
{
	return slice_ieq(v, S("bulk")) || slice_ieq(v, S("list")) || slice_ieq(v, S("junk"));
}

static void look_at_header(struct content_exam *x, struct traits *t)
{
	slice automatic = checking_value(x, S("auto-submitted"));
	t->list_id = checking_has(x, S("list-id"));
	t->post = checking_has(x, S("list-post")) || checking_has(x, S("x-mailman-version")) ||
		  checking_has(x, S("mailing-list"));
	t->unsubscribe = checking_has(x, S("list-unsubscribe"));
	t->one_click = checking_has(x, S("list-unsubscribe-post"));
	t->precedence = is_precedence(checking_value(x, S("precedence")));
	t->tool = written_by_tool(x);
	t->automatic = (automatic.n && !slice_istarts(automatic, S("no"))) ||
		       checking_has(x, S("x-auto-response-suppress"));
	t->nobody = is_nobody(checking_local(x->c->from_address)) ||
		    is_host_for_bulk(checking_domain(x->c->from_address));
}

/* ---- text and links ---- */

static const slice unsubscribe_words[] = {S_INIT("unsubscribe"), S_INIT("opt out"),
	S_INIT("opt-out"), S_INIT("update your preferences"), S_INIT("manage preferences"),
	S_INIT("manage your subscription"), S_INIT("email preferences"),
	S_INIT("notification settings"), S_INIT("to stop receiving"), S_INIT("be removed from"),
	S_INIT("abmelden"), S_INIT("abbestellen"), S_INIT("desabonner"), S_INIT("darse de baja"),
	S_INIT("cancelar inscricao"), S_INIT("uitschrijven"), S_INIT("退订"), S_INIT("取消订阅"),
	S_INIT("不想再收到"), S_INIT("不再接收"), S_INIT("拒收此类邮件")};
static const slice page_words[] = {S_INIT("view in browser"), S_INIT("view in your browser"),
	S_INIT("view this email"), S_INIT("view online"), S_INIT("web version"),
	S_INIT("read online"), S_INIT("in your browser"), S_INIT("im browser"),
	S_INIT("add us to your address book"), S_INIT("在浏览器中"), S_INIT("如果您无法查看"),
	S_INIT("查看网页版"), S_INIT("无法正常显示")};
static const slice notice_words[] = {S_INIT("automatically generated"), S_INIT("do not reply"),
	S_INIT("automated message"), S_INIT("automated email"), S_INIT("auto-generated"),
	S_INIT("自动发送"), S_INIT("系统邮件"), S_INIT("请勿回复"), S_INIT("请勿直接回复"),
	S_INIT("自动发出")};

static bool any(slice normal, const slice *v, size_t n)
{
	return checking_says(normal, v, n);
}

static unsigned layout_points(struct content_exam *x)
{
	const struct html_stats *h = &x->c->mail.html;
	const struct checking_hosts *hosts = checking_hosts(x);
	unsigned most = 0;
	for (size_t i = 0; i < hosts->n; i++)
		most = hosts->v[i].links > most ? hosts->v[i].links : most;
	return (h->tables >= TABLES && h->images_remote >= PICTURES ? 5U : 0U) +
	       (h->trackers ? 5U : 0U) + (most >= HOST_LINKS ? 5U : 0U);
}

static void look_at_piece(slice text, struct traits *t)
{
	t->words |=
		any(text, unsubscribe_words, sizeof unsubscribe_words / sizeof *unsubscribe_words);
	t->page |= any(text, page_words, sizeof page_words / sizeof *page_words);
	t->automatic |= any(text, notice_words, sizeof notice_words / sizeof *notice_words);
}

static void look_at_text(struct content_exam *x, struct traits *t)
{
	slice text = x->c->mail.normal;
	if (text.n <= HEAD + FOOT) {
		look_at_piece(text, t);
		return;
	}
	look_at_piece(slice_first(text, HEAD), t);
	look_at_piece(slice_skip(text, text.n - FOOT), t);
}

/* ---- the sum ---- */

static unsigned points(struct content_exam *x, const struct traits *t)
{
	unsigned n = (t->unsubscribe ? 35U : 0U) + (t->list_id ? 25U : 0U) +
		     (t->one_click ? 15U : 0U) + (t->precedence ? 25U : 0U) + (t->tool ? 20U : 0U) +
		     (t->automatic ? 20U : 0U) + (t->nobody ? 15U : 0U) + (t->words ? 20U : 0U) +
		     (t->page ? 10U : 0U) + layout_points(x);
	bool advertises = t->tool || t->one_click || t->page || t->nobody;
	if (t->post && !advertises && n > DISCUSSION_MOST)
		n = DISCUSSION_MOST;
	return n > WHOLE ? WHOLE : n;
}

static void name_them(struct content_exam *x, const struct traits *t)
{
	bool list = t->post && x->bulk <= DISCUSSION_MOST;
	if (list)
		checking_found(x, SIGNAL_BULK_LIST, 1, checking_text(x, S("list-id")));
	else if (x->bulk >= NEWSLETTER_FROM)
		checking_found(x,
			t->automatic && !t->words && !t->unsubscribe ? SIGNAL_BULK_NOTICE
								     : SIGNAL_BULK_NEWSLETTER,
			1, S(""));
	if (t->tool)
		checking_found(x, SIGNAL_BULK_TOOL, 1, S(""));
	if (t->automatic)
		checking_found(x, SIGNAL_BULK_AUTOMATIC, 1, S(""));
	if (t->unsubscribe)
		checking_found(x, SIGNAL_BULK_UNSUBSCRIBE, 1, S(""));
	else if (t->words && !list)
		checking_found(x, SIGNAL_BULK_WORDS_ONLY, 1, S(""));
}

void content_check_bulk(struct content_exam *x)
{
	struct traits t = {0};
	look_at_header(x, &t);
	look_at_text(x, &t);
	x->bulk = points(x, &t);
	name_them(x, &t);
}
