/* Section [collect] of the configuration (collect.h). */
#include "bin/collect.h"

#define T struct collect_conf
static const struct conf_key collect_keys[] = {
	CONF_KEY_BOOL(T, enabled, "yes",
		"Bring mail of accounts elsewhere: migration and collection. no: jobs wait.",
		"是否从其他邮箱收取邮件（迁移和代收）。no：任务等待。"),
	CONF_KEY_INT(T, parallel, "4", 1, COLLECT_PARALLEL_MAX, "Accounts at a time.",
		"同时处理的帐号数。"),
	CONF_KEY_INT(T, per_server, "4", 1, COLLECT_PARALLEL_MAX,
		"Connections at a time to one server.", "同时连接同一服务器的连接数。"),
	CONF_KEY_SIZE(T, rate, "0", 0, 1LL << 40,
		"Bytes a second that one job reads at most; 0: as fast as it goes.",
		"每个任务每秒最多读取的字节数；0：不限。"),
	CONF_KEY_BOOL(T, allow_private, "no",
		"People's own accounts elsewhere may be on servers with private addresses (of this "
		"network, of this machine). What administrators set up may always.",
		"个人添加的外部邮箱是否允许使用内网或本机地址的服务器。管理员添加的任务不受此限制"
		"。"),
	CONF_KEY_DURATION(T, pass_time, "1h", MINUTE, 30 * DAY,
		"A pass over a collected account ends after this time; the next one goes on.",
		"一次代收最长持续的时间；下次继续。"),
	CONF_KEY_DURATION(T, tell_after, "3d", 0, 365 * DAY,
		"The owner of a collected account is told when it has failed for so long; 0: "
		"never.",
		"代收连续失败多久后通知邮箱主人；0：从不。"),
	CONF_KEY_STRING(T, filter, "",
		"Where collected mail is handed in by LMTP, so that it is filtered as any other: "
		"\"ADDRESS:PORT\". Empty: at the first listener of kind lmtp; when there is none, "
		"nothing is collected. \"none\": it goes straight into the folder, marked "
		"$Unfiltered.",
		"代收的邮件在何处以 LMTP "
		"提交，以便像其他邮件一样过滤：“地址:端口”。空："
		"第一个 kind 为 lmtp 的监听；没有这种监听时不收取。“none”：直接放入文件夹，并带 "
		"$Unfiltered 标记。"),
	CONF_END};
#undef T

/* A role opens no sockets of the file system (run/sandbox.h). */
static void check_collect(const void *value, slice instance, struct conf_check *c)
{
	const struct collect_conf *v = value;
	struct net_addr at;
	struct err e;
	(void)instance;
	if (!v->filter.n || slice_eq(v->filter, S("none")))
		return;
	if (slice_starts(v->filter, S("unix:")) ||
		net_parse(v->filter, COLLECT_LMTP_PORT, &at, &e) < 0)
		conf_complain(c, "filter", "wants ADDRESS:PORT or none", "应为“地址:端口”或 none");
}

const struct conf_section collect_section = {.name = "collect",
	.keys = collect_keys,
	.size = sizeof(struct collect_conf),
	.doc_en = "Mail of accounts elsewhere: migration (posthouse migrate) and collection "
		  "(posthouse collect).",
	.doc_zh = "其他邮箱的邮件：迁移（posthouse migrate）和代收（posthouse collect）。",
	.check = check_collect};
