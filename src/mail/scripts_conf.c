/* Section [sieve] of the configuration (scripts_run.h). Used by the queue process, scan processes and the command line. */
#include "mail/scripts_run.h"

#include "base/time.h"
#include "codec/address.h"
#include "store/forward.h"

static void check(const void *value, slice instance, struct conf_check *c)
{
	const struct scripts_conf *v = value;
	(void)instance;
	for (size_t i = 0; i < v->webhook_hosts.n; i++) {
		slice host = v->webhook_hosts.v[i];
		if (slice_starts(host, S(".")))
			host = slice_skip(host, 1);
		if (!domain_valid(host, false))
			conf_complain(c, "webhook_hosts", "has what is no host",
				"其中有不是主机名的内容");
	}
	if (v->vacation_min > v->vacation_max)
		conf_complain(
			c, "vacation_min", "is larger than vacation_max", "大于 vacation_max");
}

#define T struct scripts_conf
static const struct conf_key keys[] = {
	CONF_KEY_BOOL(T, enabled, "yes",
		"Sieve scripts of accounts and of the administrator are run over incoming mail. "
		"no: mail goes "
		"where it goes without them.",
		"收信时运行帐号和管理员的 Sieve 脚本。no：不运行，邮件按没有脚本时投递。"),
	CONF_KEY_DURATION(T, time, "10s", SECOND, MINUTE,
		"Time that all scripts together may take for one letter.",
		"一封邮件的所有脚本最多可运行的时间。"),
	CONF_KEY_INT(T, steps, "1000000", 1000, 1000000000,
		"Commands and tests that they may carry out for it (64 bytes that are looked at "
		"count as one).",
		"一封邮件最多可执行的命令和测试数（每检查 64 字节计 1）。"),
	CONF_KEY_SIZE(T, memory, "16m", 1 << 20, 1 << 30, "Memory that they may take for it.",
		"为一封邮件最多可占用的内存。"),
	CONF_KEY_INT(T, actions, "32", 1, 150, "Actions for one letter.", "一封邮件的动作数上限。"),
	CONF_KEY_INT(T, redirects, "4", 0, 32,
		"Addresses that one letter may be sent on to. [delivery] forward_outside says "
		"whether those may "
		"be elsewhere.",
		"一封邮件最多转发到多少个地址。能否转发到外部由 [delivery] forward_outside 决定。"),
	CONF_KEY_INT(T, redirects_day, "500", 1, 10000000,
		"Letters that an account's rules may send on within a day; what is beyond stays in "
		"the mailbox.",
		"一个帐号的规则每天最多转发的邮件数；超出的留在邮箱中。"),
	CONF_KEY_INT(T, notices, "4", 0, 32, "Notifications about one letter.",
		"一封邮件的通知数上限。"),
	CONF_KEY_INT(T, notices_day, "200", 1, 10000000,
		"Notifications that an account's rules may send within a day; no more are sent "
		"then.",
		"一个帐号的规则每天最多发送的通知数；超出的不发送。"),
	CONF_KEY_LIST(T, webhook_hosts, "",
		"Hosts that `notify` may reach by https: names, \".example.org\" for all below it. "
		"None: only "
		"mailto.",
		"notify 可以用 https "
		"访问的主机：主机名，或“.example.org”表示其下所有主机。空：只允许 mailto。"),
	CONF_KEY_BOOL(T, webhook_private, "no",
		"They may have private addresses (of this network, of this machine).",
		"这些主机是否可以使用内网或本机地址。"),
	CONF_KEY_BOOL(T, make_folders, "yes",
		"A folder that `fileinto` names is made when it is not there. no: only with "
		":create; the letter "
		"goes to INBOX, and its owner is told.",
		"fileinto 指定的文件夹不存在时自动创建。no：只有带 :create "
		"时创建，否则投递到收件箱并通知所有者。"),
	CONF_KEY_DURATION(T, vacation_min, "1h", 0, AUTOREPLY_DAYS_MAX *DAY,
		"`vacation` answers one sender at most once in so long, whatever the script says.",
		"无论脚本如何设置，vacation 对同一发件人的回复间隔不小于此值。"),
	CONF_KEY_DURATION(T, vacation_max, "30d", DAY, AUTOREPLY_DAYS_MAX *DAY,
		"And at least once in so long.", "也不大于此值。"),
	CONF_END};
#undef T
const struct conf_section scripts_section = {.name = "sieve",
	.keys = keys,
	.size = sizeof(struct scripts_conf),
	.doc_en = "Rules of people and of the administrator for incoming mail.",
	.doc_zh = "用户和管理员的收信规则（Sieve 脚本）。",
	.check = check};
