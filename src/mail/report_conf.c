/*
 * The section [reports] (report_conf.h). Used by the queue process (bin/queue_reports.c), the edges
 * (failure reports) and the command line.
 */
#include "mail/report_conf.h"

#include "base/time.h"
#include "codec/address.h"

/* Addresses, or local parts. */
static void check_addresses(const struct conf_list *l, const char *key, struct conf_check *c)
{
	struct address parsed;
	for (size_t i = 0; i < l->n; i++)
		if (slice_index(l->v[i], '@') < l->v[i].n &&
			address_parse(l->v[i], false, &parsed) != ADDRESS_FINE)
			conf_complain(
				c, key, "has what is no mail address", "其中有不是邮件地址的内容");
}

static void check(const void *value, slice instance, struct conf_check *c)
{
	const struct reports_conf *v = value;
	struct address parsed;
	(void)instance;
	check_addresses(&v->addresses, "addresses", c);
	check_addresses(&v->spam, "spam", c);
	check_addresses(&v->ham, "ham", c);
	if (v->from.n && (address_parse(v->from, false, &parsed) != ADDRESS_FINE || parsed.family))
		conf_complain(c, "from", "is no mail address", "不是邮件地址");
}

#define T struct reports_conf
static const struct conf_key keys[] = {
	CONF_KEY_BOOL(T, dmarc, "yes",
		"Send DMARC aggregate reports, once a day, to domains that ask for them. A host "
		"name "
		"without a dot (a test machine) sends none.",
		"每天向要求的域发送 DMARC 汇总报告。主机名不含点（测试机）时不发送。"),
	CONF_KEY_BOOL(T, tls, "yes",
		"Send TLS reports (RFC 8460), once a day, to domains that ask for them.",
		"每天向要求的域发送 TLS 报告（RFC 8460）。"),
	CONF_KEY_BOOL(T, failure, "no",
		"Send DMARC failure reports: headers of single messages that failed, to domains "
		"that "
		"ask for them. They tell others about your users' mail; know your law before.",
		"发送 DMARC 失败报告：把未通过的单封邮件的邮件头发给要求的域。"
		"这会向他人透露用户的邮件信息，启用前请确认法律允许。"),
	CONF_KEY_STRING(T, from, "",
		"Author and envelope sender of reports; should be of a domain whose mail is "
		"signed. "
		"Empty: noreply-reports@ our host name.",
		"报告的发件人和信封发件人；其域的邮件应当有签名。空：noreply-reports@ "
		"本机主机名。"),
	CONF_KEY_STRING(T, org_name, "",
		"Name of the organisation, as reports show it. Empty: our host name.",
		"报告中显示的单位名称。空：本机主机名。"),
	CONF_KEY_STRING(T, contact, "",
		"Mail address or URL for questions about reports, shown in them. Empty: none.",
		"报告中给出的联系方式（邮件地址或网址）。空：不给出。"),
	CONF_KEY_LIST(T, addresses, "posthouse-reports",
		"Addresses at which reports of others about our mail arrive: they are read and "
		"kept "
		"for `posthouse report` instead of being delivered. A local part alone stands for "
		"every domain of ours.",
		"接收外部报告的地址：发到这里的报告不投递，而是被读取并保存，供 posthouse report "
		"查看。只写 @ 前的部分表示本系统的所有域。"),
	CONF_KEY_LIST(T, spam, "report-spam",
		"Addresses to which our own users report spam that they got, forwarded as "
		"attachment: "
		"the filter learns from it. A local part alone stands for every domain of ours. "
		"Others "
		"cannot send there.",
		"本系统用户举报垃圾邮件的地址（作为附件转发），过滤系统据此学习。只写 @ "
		"前的部分表示本系统的所有域。外部发件人不能发到这里。"),
	CONF_KEY_LIST(T, ham, "report-ham", "The same for wanted mail that was taken for spam.",
		"同上，用于反馈被误判的正常邮件。"),
	CONF_KEY_BOOL(T, answer, "yes", "Tell the user what was done with what he reported.",
		"把处理结果告知举报的用户。"),
	CONF_KEY_INT(T, letters_per_hour, "100", 1, 100000,
		"Letters that one user may report in an hour.", "一个用户每小时可举报的邮件数。"),
	CONF_KEY_DURATION(T, window, "4h", 0, 20 * HOUR,
		"Reports of a day leave within this time after its end (midnight UTC), each domain "
		"at "
		"a time of its own.",
		"一天结束（UTC 零点）后多久之内发完当天的报告，各域的时间错开。"),
	CONF_KEY_DURATION(T, keep, "90d", DAY, 3650 * DAY,
		"Counts behind reports, and reports that others sent us, are kept so long.",
		"统计数据以及收到的报告保留多久。"),
	CONF_KEY_INT(T, failures_per_hour, "10", 1, 10000,
		"Failure reports about one domain, at most.", "每个域每小时最多发送的失败报告数。"),
	CONF_END};
#undef T
const struct conf_section reports_section = {.name = "reports",
	.keys = keys,
	.size = sizeof(struct reports_conf),
	.doc_en = "Reports to other domains about their mail, and what users report.",
	.doc_zh = "发给其他域的报告，以及用户的举报。",
	.check = check};
