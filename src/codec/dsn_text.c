/*
 * The part for people: first in Chinese, then in English. What happened to which recipient, why,
 * what can be done, and what the other side said literally. Sentences for status codes:
 * status_text.c.
 */
#include "base/time.h"
#include "codec/dsn_parts.h"
#include <stdio.h>
#include <time.h>

enum { TEXT_DIAGNOSTIC_MAX = 500, TEXT_ADDRESS_MAX = 320, TEXT_SUBJECT_MAX = 200 };

/* Sentences; {1} and {2} are filled in. */
struct language {
	const char *opening[5]; /* by dsn_action; {1}: when the message came */
	const char *done[5]; /* said of one recipient when all went well */
	const char *subject;
	const char *remote_said; /* {1}: host, {2}: its reply */
	const char *reason; /* {1}: our own */
	const char *until; /* {1}: date */
	const char *more; /* {1}: how many recipients */
	const char *closing; /* {1}: host, {2}: id */
	bool zh;
};

/* clang-format off */
static const struct language chinese = {
	.opening = {
		[DSN_FAILED] = "您好！您于 {1} 发出的邮件未能送达以下收件人：",
		[DSN_DELAYED] = "您好！您于 {1} 发出的邮件尚未送达以下收件人。系统仍在继续尝试，您无需重发。",
		[DSN_DELIVERED] = "您好！您于 {1} 发出的邮件已送达以下收件人的邮箱：",
		[DSN_RELAYED] = "您好！您于 {1} 发出的邮件已转交给下一个邮件系统，该系统不再提供送达通知：",
		[DSN_EXPANDED] = "您好！您于 {1} 发出的邮件已分发给以下地址所代表的收件人：",
	},
	.done = {[DSN_DELIVERED] = "已送达。", [DSN_RELAYED] = "已转交。", [DSN_EXPANDED] = "已分发。"},
	.subject = "邮件主题：{1}",
	.remote_said = "对方服务器 {1} 的答复：{2}",
	.reason = "具体原因：{1}",
	.until = "系统将继续尝试投递，直至 {1}。",
	.more = "另有 {1} 位收件人未在此列出。",
	.closing = "本通知由 {1} 的邮件系统自动发出（邮件编号 {2}），请勿回复。原邮件附后。",
	.zh = true,
};

static const struct language english = {
	.opening = {
		[DSN_FAILED] = "Your message of {1} could not be delivered to the following recipients:",
		[DSN_DELAYED] = "Your message of {1} has not yet been delivered to the following recipients. "
			"We keep trying; there is no need to send it again.",
		[DSN_DELIVERED] = "Your message of {1} was delivered to the mailboxes of the following recipients:",
		[DSN_RELAYED] = "Your message of {1} was handed on to the next mail system, which does not report "
			"its delivery:",
		[DSN_EXPANDED] = "Your message of {1} was distributed to the people behind the following addresses:",
	},
	.done = {[DSN_DELIVERED] = "Delivered.", [DSN_RELAYED] = "Handed on.", [DSN_EXPANDED] = "Distributed."},
	.subject = "Subject: {1}",
	.remote_said = "The server {1} said: {2}",
	.reason = "Reason: {1}",
	.until = "We keep trying until {1}.",
	.more = "{1} more recipients are not listed here.",
	.closing = "This notice was made by the mail system at {1} (message {2}). Please do not reply to it. "
		"The original message follows.",
};
/* clang-format on */

static void fill(struct buf *out, const char *sentence, slice one, slice two)
{
	slice s = slice_z(sentence), part;
	while (slice_cut(&s, '{', &part)) {
		buf_put(out, part);
		if (!s.p)
			break;
		buf_put(out, s.p[0] == '1' ? one : two);
		s = slice_skip(s, 2);
	}
	buf_byte(out, '\n');
}

static slice date_text(const struct language *lang, int64_t wall, char out[TIME_RFC5322_MAX])
{
	time_t seconds = (time_t)(wall / SECOND);
	struct tm t;
	if (!lang->zh)
		return slice_of(out, time_rfc5322(wall, out));
	localtime_r(&seconds, &t);
	return slice_of(out, strftime(out, TIME_RFC5322_MAX, "%Y-%m-%d %H:%M:%S (UTC%z)", &t));
}

static void put_cause(struct buf *out, const struct language *lang, const struct dsn_rcpt *r)
{
	struct status_text t = status_explain(r->status, r->action == DSN_DELAYED);
	buf_printf(out, "    %s\n    %s\n", lang->zh ? t.what_zh : t.what_en,
		lang->zh ? t.todo_zh : t.todo_en);
	if (r->cause.cls) {
		t = status_explain(r->cause, false);
		buf_printf(out, "    %s\n", lang->zh ? t.what_zh : t.what_en);
	}
	if (r->diagnostic.n == 0)
		return;
	struct buf said = BUF(4 * TEXT_DIAGNOSTIC_MAX), host = BUF(4 * TEXT_ADDRESS_MAX);
	dsn_put_line(&said, r->diagnostic, TEXT_DIAGNOSTIC_MAX);
	dsn_put_line(&host, r->remote_mta, TEXT_ADDRESS_MAX);
	buf_put(out, S("    "));
	if (host.n)
		fill(out, lang->remote_said, buf_slice(&host), buf_slice(&said));
	else
		fill(out, lang->reason, buf_slice(&said), (slice){0});
	buf_done(&said);
	buf_done(&host);
}

static void put_rcpt(struct buf *out, const struct language *lang, const struct dsn_rcpt *r)
{
	char date[TIME_RFC5322_MAX];
	buf_put(out, S("\n  "));
	dsn_put_line(out, r->address, TEXT_ADDRESS_MAX);
	buf_byte(out, '\n');
	if (lang->done[r->action])
		buf_printf(out, "    %s\n", lang->done[r->action]);
	else
		put_cause(out, lang, r);
	if (r->action == DSN_DELAYED && r->retry_until) {
		buf_put(out, S("    "));
		fill(out, lang->until, date_text(lang, r->retry_until, date), (slice){0});
	}
}

static void put_language(struct buf *out, const struct language *lang, const struct dsn_facts *f)
{
	char date[TIME_RFC5322_MAX], number[24];
	fill(out, lang->opening[dsn_kind(f)], date_text(lang, f->arrived_at, date), (slice){0});
	if (f->subject.n) {
		struct buf subject = BUF(4 * TEXT_SUBJECT_MAX);
		dsn_put_line(&subject, f->subject, TEXT_SUBJECT_MAX);
		fill(out, lang->subject, buf_slice(&subject), (slice){0});
		buf_done(&subject);
	}
	for (size_t i = 0; i < f->nrcpts && i < DSN_RCPTS_MAX; i++)
		put_rcpt(out, lang, &f->rcpts[i]);
	buf_byte(out, '\n');
	if (f->nrcpts > DSN_RCPTS_MAX) {
		int n = snprintf(number, sizeof number, "%zu", f->nrcpts - DSN_RCPTS_MAX);
		fill(out, lang->more, slice_of(number, (size_t)n), (slice){0});
	}
	fill(out, lang->closing, f->reporting_mta, f->id);
}

void dsn_text(struct buf *out, const struct dsn_facts *f)
{
	put_language(out, &chinese, f);
	buf_put(out, S("\n----------------------------------------------------------------\n\n"));
	put_language(out, &english, f);
}
