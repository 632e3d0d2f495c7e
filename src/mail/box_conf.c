/* Section [mailbox] of the configuration (box.h). */
#include "base/time.h"
#include "mail/box_impl.h"

#define T struct mailbox_conf
static const struct conf_key keys[] = {
	CONF_KEY_DURATION(T, keep_removed, "14d", 0, 3650 * DAY,
		"Deleted mail can be brought back for so long, by its owner and by the "
		"administrator; it does not count "
		"for the quota. 0: not at all.",
		"已删除的邮件在这段时间内可由本人或管理员恢复，不计入配额。0：不可恢复。"),
	CONF_KEY_DURATION(T, keep_log, "90d", DAY, 3650 * DAY,
		"The log of deletions (when, by whom, with which program) is kept so long.",
		"删除记录（时间、操作者、所用程序）的保留时间。"),
	CONF_KEY_SIZE(T, max_message, "50m", 64 << 10, BOX_WHOLE_MAX,
		"Largest message that mail programs may store (IMAP APPEND).",
		"邮件程序可存入的最大邮件（IMAP APPEND）。"),
	CONF_KEY_BOOL(T, teach, "yes",
		"A message that somebody moves into Junk, or out of it (not to Trash), is a lesson "
		"for the filter.",
		"用户把邮件移入或移出垃圾邮件文件夹（移到废件箱除外）时，过滤器从中学习。"),
	CONF_END};
#undef T
const struct conf_section mailbox_section = {.name = "mailbox",
	.keys = keys,
	.size = sizeof(struct mailbox_conf),
	.doc_en = "Mailboxes: what was deleted, what may be stored.",
	.doc_zh = "邮箱：已删除的邮件，可存入的内容。"};
