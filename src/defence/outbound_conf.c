/* Section [outbound] (outbound.h). */
#include "defence/outbound.h"

#include "base/time.h"

#define T struct outbound_conf
static const struct conf_key keys[] = {
	CONF_KEY_BOOL(T, enabled, "yes",
		"Own accounts that send as nobody does by hand are stopped, and the administrator "
		"is told.",
		"发现本系统帐号异常外发时停用其发送并通知管理员。"),
	CONF_KEY_INT(T, outside_hour, "1000", 0, 1000000000,
		"Recipients of other systems that one account may write to within an hour; the "
		"surplus is "
		"put off. 0: any number.",
		"一个帐号每小时可发往外部的收件人数，超出部分暂缓。0：不限。"),
	CONF_KEY_INT(T, outside_day, "3000", 0, 1000000000, "Within a day.", "每天，同上。"),
	CONF_KEY_INT(T, inside_hour, "10000", 0, 1000000000,
		"Recipients of our own domains within an hour.",
		"每小时可发往本系统各域的收件人数。"),
	CONF_KEY_INT(T, inside_day, "30000", 0, 1000000000, "Within a day.", "每天，同上。"),
	CONF_KEY_INT(T, org_outside_hour, "0", 0, 1000000000,
		"Recipients of other systems for all accounts of a domain together, within an "
		"hour.",
		"一个域的全部帐号合计每小时可发往外部的收件人数。"),
	CONF_KEY_INT(T, org_outside_day, "0", 0, 1000000000, "Within a day.", "每天，同上。"),
	CONF_KEY_INT(T, new_outside_day, "500", 0, 1000000000,
		"Recipients of other systems in a day for an account that began to send lately.",
		"新帐号（最近才开始发送）每天可发往外部的收件人数。"),
	CONF_KEY_DURATION(T, new_for, "3d", 0, 365 * DAY, "How long an account is new.",
		"帐号视为新帐号的时长。"),
	CONF_KEY_INT(T, sudden_minimum, "300", 1, 1000000000,
		"A sudden volume suspends the account: at least so many recipients of other "
		"systems within "
		"an hour,",
		"突然大量发送会停用帐号：一小时内的外部收件人不少于此数，"),
	CONF_KEY_INT(T, sudden_factor, "20", 0, 1000000,
		"and so many times what is usual in an hour in which the account sends. 0: never.",
		"且达到该帐号平时每个发送小时的这么多倍。0：不检查。"),
	CONF_KEY_INT(T, failing_minimum, "50", 1, 1000000000,
		"Recipients that do not exist suspend the account: at least so many within an "
		"hour,",
		"收件人大量不存在会停用帐号：一小时内不少于此数，"),
	CONF_KEY_INT(T, failing_percent, "40", 0, 100,
		"and this percentage of all that were tried. 0: never.",
		"且占全部尝试的百分比达到此值。0：不检查。"),
	CONF_KEY_INT(T, spam_minimum, "10", 1, 1000000000,
		"Messages that are judged to be spam suspend the account: at least so many within "
		"an hour,",
		"外发邮件被判为垃圾邮件会停用帐号：一小时内不少于此数，"),
	CONF_KEY_INT(T, spam_percent, "50", 0, 100,
		"and this percentage of what it sends. 0: never.",
		"且占其全部外发的百分比达到此值。0：不检查。"),
	CONF_KEY_INT(T, spam_from, "97", 1, 100,
		"A message counts as spam when its content alone is that probably spam, in "
		"percent.",
		"按内容判断为垃圾邮件的概率（百分比）达到此值的邮件计为垃圾邮件。"),
	CONF_KEY_DURATION(T, suspend_for, "0s", 0, 365 * DAY,
		"How long a suspension lasts; 0: until an administrator lifts it.",
		"停用多久；0：直到管理员解除。"),
	CONF_KEY_BOOL(T, addresses, "no",
		"Trusted networks without login are counted, too, by address (as \"ip:ADDRESS\").",
		"对受信任网络中不登录的发送方也按地址计数（记为“ip:地址”）。"),
	CONF_KEY_LIST(T, exceptions, "",
		"Logins, \"@domain\"s and \"ip:ADDRESS\"es that are left alone: newsletters, "
		"programs.",
		"不受此限的帐号、“@域”与“ip:地址”：通讯、程序。"),
	CONF_END};
#undef T

const struct conf_section outbound_section = {
	.name = "outbound",
	.keys = keys,
	.size = sizeof(struct outbound_conf),
	.doc_en = "Own accounts that send as nobody sends who writes by hand: stolen ones.",
	.doc_zh = "本系统帐号的异常外发（多为被盗帐号）。",
};
