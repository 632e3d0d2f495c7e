/* Section [filter] of the configuration: its keys, defaults and the rules between them. */
#include "bin/filter_conf.h"

#include "base/mem.h"
#include "codec/address.h"

#include <stdlib.h>

enum { NEVER = 2 };

/* Values of the configuration end in a NUL. */
static bool read_probability(slice s, double *ret)
{
	char *end;
	double v = strtod(s.p, &end);
	if (s.n == 0 || end != s.p + s.n || !(v >= 0 && v <= 1))
		return false;
	*ret = v > 0 ? v : NEVER;
	return true;
}

double filter_probability(slice value)
{
	double v = NEVER;
	read_probability(value, &v);
	return v;
}

struct policy_thresholds filter_thresholds(const struct filter_conf *c)
{
	return (struct policy_thresholds){.mark = filter_probability(c->mark),
		.junk = filter_probability(c->junk),
		.quarantine = filter_probability(c->quarantine),
		.reject = filter_probability(c->reject),
		.own_mark = filter_probability(c->own_mark),
		.own_junk = filter_probability(c->own_junk),
		.own_quarantine = filter_probability(c->own_quarantine),
		.own_reject = filter_probability(c->own_reject),
		.suspicious = filter_probability(c->suspicious),
		.sure = filter_probability(c->sure),
		.defer_unavailable = c->unavailable == FILTER_DEFER,
		.hold_large = c->too_large == FILTER_LARGE_HOLD};
}

struct threshold {
	const char *key;
	slice text;
};

static double check_number(struct conf_check *c, const struct threshold *t)
{
	double v = NEVER;
	if (!read_probability(t->text, &v))
		conf_complain(c, t->key, "is no number from 0 to 1", "不是 0 到 1 之间的数");
	return v;
}

/* Marking, junk, quarantine, refusing: what is harder is for what is surer. */
static void check_thresholds(struct conf_check *c, const struct threshold t[4])
{
	double v[4];
	for (unsigned i = 0; i < 4; i++)
		v[i] = check_number(c, &t[i]);
	if (v[0] < NEVER && v[3] < v[0])
		conf_complain(
			c, t[3].key, "is lower than the number for marking", "低于加标记的概率");
	else if (v[2] < NEVER && v[3] < v[2])
		conf_complain(c, t[3].key, "is lower than the number for the quarantine",
			"低于隔离的概率");
	if (v[1] < NEVER && v[2] < v[1])
		conf_complain(c, t[2].key, "is lower than the number for the junk folder",
			"低于投入垃圾箱的概率");
}

static void check_filter(const void *value, slice instance, struct conf_check *c)
{
	const struct filter_conf *v = value;
	(void)instance;
	const struct threshold theirs[] = {{"mark", v->mark}, {"junk", v->junk},
		{"quarantine", v->quarantine}, {"reject", v->reject}};
	const struct threshold own[] = {{"own_mark", v->own_mark}, {"own_junk", v->own_junk},
		{"own_quarantine", v->own_quarantine}, {"own_reject", v->own_reject}};
	const struct threshold kinds[] = {{"suspicious", v->suspicious}, {"sure", v->sure}};
	check_thresholds(c, theirs);
	check_thresholds(c, own);
	double suspicious = check_number(c, &kinds[0]), sure = check_number(c, &kinds[1]);
	if (suspicious < NEVER && sure < suspicious)
		conf_complain(c, "sure", "is lower than the number for suspicious mail",
			"低于可疑邮件的概率");
	AUTO(arena) struct arena a = {0};
	slice name;
	for (size_t i = 0; i < v->partners.n; i++)
		if (!domain_to_ascii(v->partners.v[i], &a, &name))
			conf_complain(c, "partners", "is a list of domains", "应为域名列表");
}

static const char *const unavailable_words[] = {"defer", "accept", NULL};
static const char *const too_large_words[] = {"accept", "hold", NULL};
static const char *const fields_words[] = {"marked", "always", "never", NULL};

#define T struct filter_conf
static const struct conf_key filter_keys[] = {
	CONF_KEY_BOOL(T, enabled, "yes", "Look into the content of mail and judge it.",
		"检查邮件的内容并作出判断。"),
	CONF_KEY_STRING(T, mark, "0.9",
		"From this probability of being spam on, 0 to 1, a message is marked. 0: never.",
		"垃圾邮件概率（0 到 1）达到此值时给邮件加标记。0：从不。"),
	CONF_KEY_STRING(T, reject, "0",
		"From this probability of being spam on, 0 to 1, a message is refused. 0: never.",
		"垃圾邮件概率（0 到 1）达到此值时拒收邮件。0：从不。"),
	CONF_KEY_STRING(T, junk, "0",
		"From this probability on a message goes to the junk folder. 0: never.",
		"垃圾邮件概率达到此值时投入垃圾箱。0：从不。"),
	CONF_KEY_STRING(T, quarantine, "0",
		"From this probability on a message is held in the quarantine. 0: never.",
		"垃圾邮件概率达到此值时隔离邮件。0：从不。"),
	CONF_KEY_STRING(T, own_mark, "0",
		"The same as mark, for mail that comes from logins and trusted networks.",
		"同 mark，用于来自已登录用户和受信任网络的邮件。"),
	CONF_KEY_STRING(T, own_junk, "0",
		"The same as junk, for mail that comes from logins and trusted networks.",
		"同 junk，用于来自已登录用户和受信任网络的邮件。"),
	CONF_KEY_STRING(T, own_quarantine, "0",
		"The same as quarantine, for mail that comes from logins and trusted networks.",
		"同 quarantine，用于来自已登录用户和受信任网络的邮件。"),
	CONF_KEY_STRING(T, own_reject, "0",
		"The same as reject, for mail that comes from logins and trusted networks.",
		"同 reject，用于来自已登录用户和受信任网络的邮件。"),
	CONF_KEY_STRING(T, suspicious, "0.6",
		"From this probability on a message is of the class suspicious, for policies. 0: "
		"never.",
		"垃圾邮件概率达到此值时归为可疑类（suspicious），供策略使用。0：从不。"),
	CONF_KEY_STRING(T, sure, "0.99",
		"From this probability on phishing is of the class high-phishing, for policies. "
		"0: never.",
		"垃圾邮件概率达到此值的钓鱼邮件归为高置信钓鱼类（high-phishing），供策略使用。"
		"0：从不。"),
	CONF_KEY_ENUM(T, fields, "marked", fields_words,
		"Which messages get X-Spam-Status: marked ones, always (all that were examined), "
		"never.",
		"哪些邮件添加 X-Spam-Status：marked 仅被标记的，always 所有检查过的，never 从不。"),
	CONF_KEY_BOOL(T, strip_forged, "yes", "Leave out X-Spam fields that strangers wrote.",
		"去掉外来邮件自带的 X-Spam 字段。"),
	CONF_KEY_ENUM(T, unavailable, "defer", unavailable_words,
		"When no scan process can examine a message in time: defer (the sender tries again "
		"later), accept (with the signal not-examined).",
		"没有解析进程能及时检查邮件时：defer 请发送方稍后再试，accept 照收并记下信号 "
		"not-examined。"),
	CONF_KEY_ENUM(T, too_large, "accept", too_large_words,
		"Of messages larger than [scan] max_size only the beginning is examined; then: "
		"accept "
		"(with the signal not-examined-size), hold (in the quarantine).",
		"大于 [scan] max_size 的邮件只检查开头部分；之后：accept 照收并记下信号 "
		"not-examined-size，hold 隔离。"),
	CONF_KEY_DURATION(T, wait, "2m", SECOND, 10 * MINUTE,
		"How long a message waits for its examination, all in all.",
		"一封邮件等待检查的总时长。"),
	CONF_KEY_INT(T, waiting, "1000", 1, 100000,
		"Messages of one SMTP server process that may wait for their examination.",
		"每个 SMTP 服务进程中最多有多少封邮件等待检查。"),
	CONF_KEY_INT(T, lookups, "20", 0, 40,
		"Hosts of links in a message that lists of type uri are asked about.",
		"每封邮件最多有多少个链接主机向 uri 类型的名单查询。"),
	CONF_KEY_DURATION(T, lookup_time, "3s", 100 * MSEC, MINUTE, "Time for all these lookups.",
		"这些查询的总时限。"),
	CONF_KEY_LIST(T, partners, "",
		"Domains of banks, suppliers and others whom swindlers imitate to reach you.",
		"银行、供应商等常被骗子仿冒的域名。"),
	CONF_KEY_PATH(T, rules, "/etc/posthouse/rules.d",
		"Directory of your own rules, files *.rules in the order of their names. Empty: "
		"none.",
		"自定义规则所在的目录，按文件名顺序读取其中的 *.rules 文件。空：没有。"),
	CONF_END};
#undef T
const struct conf_section filter_section = {.name = "filter",
	.keys = filter_keys,
	.size = sizeof(struct filter_conf),
	.doc_en = "Judging mail by its content.",
	.doc_zh = "按内容判断邮件。",
	.check = check_filter};

static void check_person(const void *value, slice instance, struct conf_check *c)
{
	const struct person_conf *v = value;
	(void)instance;
	for (size_t i = 0; i < v->addresses.n; i++)
		if (slice_index(v->addresses.v[i], '@') == v->addresses.v[i].n)
			conf_complain(
				c, "addresses", "is a list of mail addresses", "应为邮件地址列表");
}

#define T struct person_conf
static const struct conf_key person_keys[] = {
	CONF_KEY_LIST(T, addresses, "", "The addresses that are truly that person's.",
		"此人真正使用的地址。"),
	CONF_END};
#undef T
const struct conf_section person_section = {.name = "person",
	.keys = person_keys,
	.size = sizeof(struct person_conf),
	.named = true,
	.doc_en =
		"People whom swindlers like to impersonate, under the name that they are known by: "
		"[person \"Zhang Wei\"].",
	.doc_zh = "常被骗子冒充的人，以其为人所知的姓名命名：[person \"张伟\"]。",
	.check = check_person};
