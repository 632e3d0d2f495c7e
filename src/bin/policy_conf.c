/* Section [policy] of the configuration (policy_conf.h). */
#include "bin/policy_conf.h"

#define T struct policy_conf
static const struct conf_key policy_keys[] = {
	CONF_KEY_DURATION(T, facts_keep, "7d", 0, 90 * DAY,
		"What is known of letters that came (sender, header, findings, files; not their "
		"text) "
		"is kept so "
		"long, so that other policies can be tried on true mail. 0: not at all.",
		"来信的已知情况（发件人、邮件头、检查结果、附件，不含正文）保留多久，以便用真实邮件"
		"试行新策略。0："
		"不保留。"),
	CONF_END};
#undef T
const struct conf_section policy_conf_section = {.name = "policy",
	.keys = policy_keys,
	.size = sizeof(struct policy_conf),
	.doc_en = "What is kept for the sake of policies. The policies themselves: `posthouse "
		  "policy`.",
	.doc_zh = "为策略保留的资料。策略本身见 `posthouse policy`。"};
