/*
 * The keys of a policy document: sections [group "NAME"] and [policy "NAME"]. What their values mean
 * is for document_conditions.c and document_actions.c; the manual is doc/en/policies.md.
 */
#include "base/time.h"
#include "policy/policy_impl.h"

#define T struct policy_group_entry
static const struct conf_key group_keys[] = {
	CONF_KEY_LIST(T, members, "",
		"Addresses, @domain, .domain (and all below it), group:NAME, patterns with *; of "
		"the directory "
		"group:ADDRESS, department:PATH (with all below), org:NAME, class:NAME.",
		"地址、@域、.域（包括所有子域）、group:组名、带 * 的模式；"
		"通讯目录中的 group:组地址、department:路径（含下级）、org:组织、class:服务等级。"),
	CONF_END};
#undef T
const struct conf_section policy_group_section = {.name = "group",
	.keys = group_keys,
	.size = sizeof(struct policy_group_entry),
	.named = true,
	.doc_en = "People that policies name together.",
	.doc_zh = "策略中一并提及的人员。"};

static const char *const answers[] = {"any", "yes", "no", NULL};

#define T struct policy_entry
#define LIST_AS(name_, field, en, zh)                                                              \
	{                                                                                          \
		.key = name_, .type = CONF_LIST, .offset = offsetof(T, field), .def = "",          \
		.doc_en = en, .doc_zh = zh                                                         \
	}
static const struct conf_key policy_keys[] = {
	CONF_KEY_BOOL(T, disabled, "no", "It is not tried.", "停用此策略。"),
	CONF_KEY_LIST(T, direction, "", "in, out, internal.", "in 收信，out 发信，internal 域内。"),
	CONF_KEY_LIST(T, organisation, "", "Domains of ours that the letter is from or for.",
		"邮件所属的本方域。"),
	CONF_KEY_LIST(T, from, "", "Sender: of the envelope or in From:.",
		"发件人：信封发件人或 From: 中的地址。"),
	CONF_KEY_LIST(T, envelope_from, "", "Sender of the envelope alone; <> is the empty one.",
		"仅信封发件人；<> 为空发件人。"),
	CONF_KEY_LIST(T, header_from, "", "Address in From: alone.", "仅 From: 中的地址。"),
	CONF_KEY_LIST(T, to, "", "Recipient of the envelope.", "信封收件人。"),
	CONF_KEY_LIST(T, login, "", "Who has logged in; * is anybody.", "登录的用户；* 为任何人。"),
	CONF_KEY_LIST(T, ip, "", "Networks that it comes from.", "来源网段。"),
	CONF_KEY_LIST(
		T, host, "", "Host names that it comes from, with *.", "来源主机名，可用 *。"),
	CONF_KEY_LIST(T, hours, "", "Times of the day: 08:00-18:30.", "时段：08:00-18:30。"),
	CONF_KEY_LIST(T, weekdays, "", "Days: mon-fri sat.", "星期：mon-fri sat。"),
	CONF_KEY_STRING(T, zone, "local", "Time zone of hours and weekdays: local, UTC, +08:00.",
		"hours 与 weekdays 的时区：local、UTC、+08:00。"),
	CONF_KEY_LIST(T, signal, "",
		"One of these was found: spf-fail, link-*, class:phishing, dnsbl>=3.",
		"出现其中任一信号：spf-fail、link-*、class:phishing、dnsbl>=3。"),
	CONF_KEY_LIST(T, every_signal, "", "All of these were found.", "同时出现这些信号。"),
	CONF_KEY_LIST(T, class, "",
		"none spam bulk suspicious phishing high-phishing virus unexamined.",
		"邮件类别：none spam bulk suspicious phishing high-phishing virus unexamined。"),
	CONF_KEY_LIST(T, header, "", "Fields of the header: \"Subject: *invoice*\".",
		"信头字段：\"Subject: *发票*\"。"),
	CONF_KEY_LIST(T, subject, "", "The decoded subject, with *.", "解码后的主题，可用 *。"),
	CONF_KEY_LIST(T, attachment, "",
		"A file: program archive+encrypted name:*.iso office+macro size:10m.. ...",
		"附件：program archive+encrypted name:*.iso office+macro size:10m.. 等。"),
	CONF_KEY_LIST(
		T, virus, "", "found, or names with *.", "found 发现病毒，或病毒名（可用 *）。"),
	CONF_KEY_STRING(T, probability, "", "Of being spam: 0.9.. or 0.5..0.9.",
		"垃圾邮件概率：0.9.. 或 0.5..0.9。"),
	CONF_KEY_STRING(
		T, score, "", "Sum of the signals: 5.. or -2..2.", "信号总分：5.. 或 -2..2。"),
	CONF_KEY_STRING(
		T, size, "", "Of the letter: 10m.. or ..64k.", "邮件大小：10m.. 或 ..64k。"),
	CONF_KEY_STRING(T, recipients, "", "How many: 50..", "收件人数：50.."),
	CONF_KEY_STRING(
		T, bulk, "", "How much it is bulk mail, 0..100: 50..", "群发程度 0..100：50.."),
	CONF_KEY_STRING(T, attachments, "", "How many: 1..", "附件数：1.."),
	CONF_KEY_ENUM(T, examined, "any", answers, "It was examined whole.", "已完整检查。"),
	CONF_KEY_ENUM(T, limited, "any", answers, "A limit was reached while it was examined.",
		"检查时达到了限制。"),
	CONF_KEY_ENUM(
		T, allowed, "any", answers, "An allow list speaks for it.", "发件方在允许名单中。"),
	CONF_KEY_ENUM(T, engine_down, "any", answers, "A virus engine could not look.",
		"有病毒引擎未能检查。"),
	LIST_AS("do", does,
		"What is done: deliver junk quarantine[:CLASS] approve reject bounce discard "
		"forward defer; mark strip[:all] clean keep_copy tell_sender tell_recipient; "
		"continue.",
		"处置：deliver junk quarantine[:类别] approve reject bounce discard forward "
		"defer；mark strip[:all] clean keep_copy tell_sender tell_recipient；continue。"),
	CONF_KEY_LIST(
		T, approvers, "", "Who may release what waits for approval.", "有权审批放行的人。"),
	CONF_KEY_LIST(T, forward_to, "", "Who gets it instead.", "改为投递给这些地址。"),
	CONF_KEY_LIST(T, copy_to, "", "Who gets a copy.", "抄送副本的地址。"),
	CONF_KEY_LIST(T, supervise_to, "", "Who gets a copy for supervision.", "监管审核的地址。"),
	CONF_KEY_LIST(T, add_field, "", "Fields to be added: \"X-Checked: yes\".",
		"添加的信头字段：\"X-Checked: yes\"。"),
	CONF_KEY_STRING(T, subject_tag, "", "Put before the subject.", "加在主题前的文字。"),
	CONF_KEY_STRING(
		T, banner_zh, "", "On top of the text, in Chinese.", "正文顶部的中文提示。"),
	CONF_KEY_STRING(
		T, banner_en, "", "On top of the text, in English.", "正文顶部的英文提示。"),
	CONF_KEY_STRING(
		T, disclaimer_zh, "", "Below the text, in Chinese.", "正文末尾的中文声明。"),
	CONF_KEY_STRING(
		T, disclaimer_en, "", "Below the text, in English.", "正文末尾的英文声明。"),
	CONF_KEY_STRING(T, notice_zh, "", "In place of what was stripped, in Chinese.",
		"代替被剥离附件的中文说明。"),
	CONF_KEY_STRING(T, notice_en, "", "In place of what was stripped, in English.",
		"代替被剥离附件的英文说明。"),
	CONF_KEY_DURATION(T, delay, "0s", 0, 7 * DAY, "How long it waits before it is delivered.",
		"延迟投递的时间。"),
	CONF_KEY_INT(T, code, "0", 0, 599, "Of a reject (550 ...) or a defer (451 ...).",
		"reject（550 等）或 defer（451 等）的应答码。"),
	CONF_KEY_STRING(T, status, "", "The same, extended: 5.7.1.", "扩展状态码：5.7.1。"),
	CONF_KEY_STRING(
		T, text, "", "What the sender is told, in English.", "告知发送方的文字（英文）。"),
	CONF_KEY_LIST(T, without, "", "Checks that are left out of the judgement from here on.",
		"自此起不计入判断的检查。"),
	CONF_KEY_STRING(T, mark_from, "", "Marked from this probability on; 0: never.",
		"概率达到此值时加标记；0：从不。"),
	CONF_KEY_STRING(T, junk_from, "",
		"Into the junk folder from this probability on; 0: never.",
		"概率达到此值时投入垃圾箱；0：从不。"),
	CONF_KEY_STRING(T, quarantine_from, "", "Held from this probability on; 0: never.",
		"概率达到此值时隔离；0：从不。"),
	CONF_KEY_STRING(T, reject_from, "", "Refused from this probability on; 0: never.",
		"概率达到此值时拒收；0：从不。"),
	CONF_END};
#undef T
const struct conf_section policy_section = {.name = "policy",
	.keys = policy_keys,
	.size = sizeof(struct policy_entry),
	.named = true,
	.doc_en = "A policy: what is done with letters that meet all its conditions.",
	.doc_zh = "一条策略：对符合其全部条件的邮件如何处置。"};
