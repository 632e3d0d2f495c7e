/* Section [verify] of the configuration: see edge_verify.h. */
#include "bin/edge_verify.h"

static const char *const actions[] = {"mark", "reject", NULL};
static const char *const temporaries[] = {"accept", "defer", NULL};
static const char *const methods[] = {"tree-walk", "public-suffix", NULL};
_Static_assert(VERIFY_MARK == 0 && VERIFY_REJECT == 1, "actions");
_Static_assert(VERIFY_ACCEPT == 0 && VERIFY_DEFER == 1, "temporaries");
_Static_assert(DMARC_TREE_WALK == 0 && DMARC_PUBLIC_SUFFIX == 1, "methods");

#define T struct verify_conf
static const struct conf_key verify_keys[] = {
	CONF_KEY_STRING(T, authserv_id, "",
		"Our name in Authentication-Results. Hosts that trust each other's results share "
		"one. "
		"Empty: our host name.",
		"Authentication-Results "
		"中我方的名字。互相信任结果的多台主机应使用同一个名字。空：本机主机名。"),
	CONF_KEY_BOOL(T, iprev, "yes",
		"Look up the client's name and confirm it by its addresses; it is shown in "
		"Received:.",
		"反查客户端的主机名并以正向解析确认，写入 Received:。"),
	CONF_KEY_BOOL(T, spf, "yes", "Check SPF of the envelope sender.", "检查信封发件人的 SPF。"),
	CONF_KEY_BOOL(T, spf_helo, "yes", "Check SPF of the HELO name, too.",
		"同时检查 HELO 名称的 SPF。"),
	CONF_KEY_BOOL(T, dkim, "yes", "Verify DKIM signatures.", "验证 DKIM 签名。"),
	CONF_KEY_BOOL(T, arc, "yes", "Verify ARC chains.", "验证 ARC 链。"),
	CONF_KEY_BOOL(T, dmarc, "yes", "Evaluate DMARC.", "评估 DMARC。"),
	CONF_KEY_ENUM(T, spf_fail, "mark", actions,
		"Mail whose sender's domain forbids the client to send (SPF -all). mark: a signal; "
		"reject: refused at RCPT. Forwarded mail fails SPF and is lost with reject.",
		"发件人域禁止该客户端发信（SPF -all）的邮件。mark：记为信号；reject：在 RCPT "
		"时拒绝。"
		"转发的邮件通不过 SPF，选 reject 会丢失这类邮件。"),
	CONF_KEY_ENUM(T, dmarc_fail, "reject", actions,
		"Mail that fails DMARC of a domain with p=reject. mark: a signal; reject: refused. "
		"p=quarantine is always a signal.",
		"未通过 DMARC 且域策略为 p=reject 的邮件。mark：记为信号；reject：拒绝。"
		"p=quarantine 总是记为信号。"),
	CONF_KEY_ENUM(T, dmarc_unknown, "accept", temporaries,
		"When the DNS does not answer for DMARC. defer: the sender has to try again (451).",
		"DMARC 查询得不到 DNS 应答时。defer：让发件方稍后再试（451）。"),
	CONF_KEY_ENUM(T, dmarc_method, "tree-walk", methods,
		"How a domain's organisation is found. tree-walk: by DNS (RFC 9989); "
		"public-suffix: by "
		"the list of public suffixes (RFC 7489).",
		"如何确定域名所属的组织。tree-walk：按 DNS 逐级查询（RFC "
		"9989）；public-suffix：按公共后缀列表（RFC 7489）。"),
	CONF_KEY_LIST(T, dmarc_exceptions, "",
		"Domains in From: whose failed DMARC policy is not applied. \".example.com\" "
		"stands for "
		"all below.",
		"From: 属于这些域时，DMARC 失败不执行其策略。“.example.com”表示其下所有域。"),
	CONF_KEY_LIST(T, arc_trusted, "",
		"Domains of forwarders (the d= of ARC seals) that are believed when they say that "
		"a "
		"message was authentic when it came to them. \".example.com\" stands for all "
		"below.",
		"可信转发者的域（ARC 封印的 "
		"d=）：它们声明邮件到达时通过了认证，则予以采信。“.example.com”表示其下所有域。"),
	CONF_KEY_BOOL(T, strip_forged, "yes",
		"Remove Authentication-Results from outside that claim to be ours (RFC 8601 5).",
		"删除外来邮件中冒充我方的 Authentication-Results（RFC 8601 5）。"),
	CONF_KEY_LIST(T, our_ids, "",
		"Further names that are ours in Authentication-Results, such as other hosts'. "
		"\".example.com\" stands for all below.",
		"Authentication-Results "
		"中也属于我方的其他名字，例如其他主机。“.example.com”表示其下所有名字。"),
	CONF_KEY_DURATION(T, time_limit, "15s", SECOND, 2 * MINUTE,
		"All lookups for one message together may take so long; what is not known then is "
		"a "
		"temporary error, and the message is taken.",
		"一封邮件全部查询的总时限；到时仍不知道的按临时错误处理，邮件照收。"),
	CONF_KEY_INT(T, max_signatures, "10", 1, DKIM_SIGNATURES_MAX,
		"DKIM signatures of one message that are verified; the others are only counted.",
		"一封邮件中验证的 DKIM 签名数，其余只计数。"),
	CONF_KEY_BOOL(T, dkim_partial_body, "no",
		"Let DKIM signatures count that leave the end of the body unsigned (l=), where "
		"anybody "
		"can add text. Some mailing lists and old signers need it.",
		"承认未覆盖正文末尾的 DKIM 签名（l=）；未覆盖部分任何人都可以添加内容。"
		"某些邮件列表和旧的签名程序需要它。"),
	CONF_KEY_INT(T, max_arc_sets, "50", 1, ARC_SETS_MAX,
		"Longest ARC chain that is verified; a longer one fails.",
		"验证的 ARC 链的最大长度，更长的视为失败。"),
	CONF_END};
#undef T

static void check_verify(const void *value, slice instance, struct conf_check *c)
{
	const struct verify_conf *v = value;
	(void)instance;
	if (v->dmarc && !v->spf && !v->dkim)
		conf_complain(c, "dmarc", "dmarc needs spf or dkim", "dmarc 需要 spf 或 dkim");
	if (v->spf_fail == VERIFY_REJECT && !v->spf)
		conf_complain(c, "spf_fail", "spf_fail = reject needs spf = yes",
			"spf_fail = reject 需要 spf = yes");
}

const struct conf_section verify_section = {.name = "verify",
	.keys = verify_keys,
	.size = sizeof(struct verify_conf),
	.doc_en = "Verifying who stands behind mail from strangers (listeners with verify).",
	.doc_zh = "验证外来邮件的真实发件方（用于启用了 verify 的监听）。",
	.check = check_verify};
