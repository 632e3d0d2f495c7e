/* Section [search] of the configuration (search_conf.h). */
#include "mail/search_conf.h"

#define T struct search_conf
static const struct conf_key keys[] = {
	CONF_KEY_BOOL(T, enabled, "yes",
		"Mail is indexed as it arrives, so that searches are answered at once. Without the "
		"index searches read the messages: the answers are the same, but for the "
		"text of attachments.",
		"邮件到达时建立索引，搜索可立即得到结果。没有索引时搜索会逐封读取邮件：除附件内的文"
		"字外，"
		"结果相同。"),
	CONF_KEY_BOOL(T, attachments, "yes",
		"The text of attachments (PDF, office documents, archives ...) is found, too.",
		"同时搜索附件（PDF、办公文档、压缩包等）中的文字。"),
	CONF_END};
#undef T
const struct conf_section search_section = {.name = "search",
	.keys = keys,
	.size = sizeof(struct search_conf),
	.doc_en = "Full-text search in mailboxes.",
	.doc_zh = "邮箱全文搜索。"};
