/*
 * The keys of [source "NAME"] (source.h): what may be written, and the documentation of each.
 * Values are read here as text, because an empty one means "as the class has it"; source.c puts
 * them over the defaults.
 */
#include "defence/source_conf.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>

static const char *const class_words[] = {"trusted", "known", "unknown", "bad", "auto", NULL};
static const char *const auto_words[] = {"auto", "no", "yes", NULL};
_Static_assert(SOURCE_CLASSES == 4, "class_words");

static const char *const action_words[DOOR_ACTIONS] = {
	"accept", "mark", "slow", "greylist", "defer", "reject", "drop"};

const char *door_action_name(enum door_action a)
{
	return action_words[a];
}

const char *source_class_name(enum source_class c)
{
	return class_words[c];
}

static bool action_parse(slice s, enum door_action *ret)
{
	for (unsigned i = 0; i < DOOR_ACTIONS; i++)
		if (slice_eq(s, slice_z(action_words[i]))) {
			*ret = (enum door_action)i;
			return i == DOOR_SLOW || i >= DOOR_DEFER;
		}
	return false;
}

bool source_rule_parse(
	const struct conf_list *words, enum door_action usual, struct source_rule *ret)
{
	uint64_t n;
	struct source_rule r = {.action = usual};
	if (words->n < 1 || words->n > 2 || !slice_u64(words->v[0], &n) || n > INT32_MAX)
		return false;
	if (words->n == 2 && !action_parse(words->v[1], &r.action))
		return false;
	r.n = (int64_t)n;
	*ret = r;
	return true;
}

bool source_number_parse(slice s, enum number_kind kind, int64_t *ret)
{
	uint64_t n;
	if (kind == WRITTEN_SIZE)
		return conf_size_parse(s, ret) && *ret >= 0;
	if (kind == WRITTEN_TIME)
		return duration_parse(s, ret) && *ret >= 0 && *ret <= DAY;
	if (!slice_u64(s, &n) || n > INT32_MAX)
		return false;
	*ret = (int64_t)n;
	return true;
}

bool source_score_parse(slice s, float *ret)
{
	char text[32], *end;
	if (slice_eq(s, S("off"))) {
		*ret = SOURCE_OFF;
		return true;
	}
	if (s.n == 0 || s.n >= sizeof text)
		return false;
	memcpy(text, s.p, s.n);
	text[s.n] = 0;
	errno = 0;
	float f = strtof(text, &end);
	if (errno || *end || !isfinite(f) || f < -1000 || f > 1000)
		return false;
	*ret = f;
	return true;
}

/* ---- rules between keys ---- */

static void check_limits(const struct source_conf *v, struct conf_check *c)
{
	struct source_rule rule;
#define X(key, id)                                                                                 \
	if (v->key.n && !source_rule_parse(&v->key, DOOR_DEFER, &rule))                            \
		conf_complain(c, #key, "is a number, and maybe one of slow, defer, reject, drop",  \
			"是一个数字，后面可跟 slow、defer、reject 或 drop");
	SOURCE_LIMIT_KEYS(X)
#undef X
}

static void check_numbers(const struct source_conf *v, struct conf_check *c)
{
	int64_t n;
#define X(key, id, kind)                                                                           \
	if (v->key.n && !source_number_parse(v->key, kind, &n))                                    \
		conf_complain(c, #key,                                                             \
			kind == WRITTEN_TIME   ? "is a duration up to 1d"                          \
			: kind == WRITTEN_SIZE ? "is a size"                                       \
					       : "is a number",                                    \
			kind == WRITTEN_TIME   ? "是不超过 1d 的时长"                       \
			: kind == WRITTEN_SIZE ? "是一个大小"                                 \
					       : "是一个数字");
	SOURCE_NUMBER_KEYS(X)
	X(error_minimum, 0, WRITTEN_COUNT)
	X(delay, 0, WRITTEN_TIME)
	X(delay_max, 0, WRITTEN_TIME)
#undef X
}

static void check_scores(const struct source_conf *v, struct conf_check *c)
{
	float f;
#define X(key, id)                                                                                 \
	if (v->key.n && !source_score_parse(v->key, &f))                                           \
		conf_complain(                                                                     \
			c, #key, "is a number such as 4.5, or off", "是 4.5 这样的数字，或 off");
	SOURCE_SCORE_KEYS(X)
#undef X
}

static void check(const void *value, slice instance, struct conf_check *c)
{
	const struct source_conf *v = value;
	enum source_class cls;
	bool is_class = source_is_class(instance, &cls);
	check_limits(v, c);
	check_numbers(v, c);
	check_scores(v, c);
	if (is_class && (v->networks.n || v->hosts.n))
		conf_complain(c, v->networks.n ? "networks" : "hosts",
			"a class has none; give them to a section with a name of its own",
			"类别本身没有这一项；请另取名字写一个小节");
	if (is_class && v->class != SOURCE_CLASSES && v->class != (int)cls)
		conf_complain(c, "class", "is another one than the section's name",
			"与小节名所指的类别不同");
	if (!is_class && !v->networks.n && !v->hosts.n && !slice_eq(instance, S("local")))
		conf_complain(c, "networks",
			"a section that is no class needs networks or hosts; classes are trusted, "
			"known, unknown and bad",
			"不是类别的小节需要 networks 或 hosts；类别有 trusted、known、unknown 和 "
			"bad");
	if (!is_class && v->class == SOURCE_CLASSES && !slice_eq(instance, S("local")))
		conf_complain(c, "class", "is needed here", "在这里必须给出");
}

#define LIMIT(f, en, zh) CONF_KEY_LIST(struct source_conf, f, "", en, zh)
#define NUMBER(f, en, zh) CONF_KEY_STRING(struct source_conf, f, "", en, zh)
#define TOGGLE(f, en, zh) CONF_KEY_ENUM(struct source_conf, f, "auto", auto_words, en, zh)

static const struct conf_key keys[] = {
	CONF_KEY_ENUM(struct source_conf, class, "auto", class_words,
		"What callers of this section are. auto: the section's name says it. All that is "
		"left "
		"empty below is as the section of the class has it, or built in (see the manual, "
		"connection rules).",
		"本小节的来访者属于哪一类。auto：由小节名决定。下面留空的项取该类别小节的值，或内置"
		"默认值（见手册“连接规则”）。"),
	CONF_KEY_NETS(struct source_conf, networks, "",
		"Addresses that this section is about; the longest prefix wins over all sections.",
		"本小节所指的地址；在所有小节中前缀最长者优先。"),
	CONF_KEY_LIST(struct source_conf, hosts, "",
		"Host names that this section is about, verified by the DNS in both directions: "
		"\"mx.example.net\", or \".example.net\" for all below it.",
		"本小节所指的主机名，须经 DNS "
		"正反向核实：“mx.example.net”，或以“.example.net”表示其下所有主机。"),
	CONF_KEY_NETS(struct source_conf, exceptions, "",
		"Addresses spared the limits, checks and scores of this section.",
		"不受本小节的限制、检查和评分约束的地址。"),
	LIMIT(connections,
		"\"NUMBER ACTION\"; 0 is no limit. Actions: slow, defer, reject, drop. Connections "
		"at a "
		"time from one IPv4 address or IPv6 /64.",
		"“数字 动作”；0 为不限。动作有 slow、defer、reject、drop。同一 IPv4 地址或 IPv6 "
		"/64 同时的连接数。"),
	LIMIT(connections_per_minute, "Connections in a minute from there.",
		"上述来源每分钟的连接数。"),
	LIMIT(network_connections_per_minute,
		"Connections in a minute from its IPv4 /24 or IPv6 /48.",
		"其 IPv4 /24 或 IPv6 /48 每分钟的连接数。"),
	LIMIT(messages_per_minute, "Messages in a minute from one address.",
		"同一地址每分钟的邮件数。"),
	LIMIT(sender_messages_15m,
		"Messages in 15 minutes of one envelope sender from one network.",
		"同一网段的同一信封发件人 15 分钟内的邮件数。"),
	LIMIT(sender_rcpts_15m, "Recipients in 15 minutes, likewise.",
		"同上，15 分钟内的收件人数。"),
	LIMIT(sender_messages_day, "Messages in a day, likewise.", "同上，一天内的邮件数。"),
	LIMIT(sender_rcpts_day, "Recipients in a day, likewise.", "同上，一天内的收件人数。"),
	LIMIT(error_ratio,
		"Percent of the commands of the last hour that failed, from error_minimum commands "
		"on.",
		"最近一小时失败命令的百分比，命令数达到 error_minimum 起计。"),
	NUMBER(error_minimum, "See error_ratio.", "见 error_ratio。"),
	LIMIT(auth_failures_per_hour,
		"Failed logins in the last hour from one address, above twice the number of good "
		"ones.",
		"同一地址最近一小时登录失败的次数减去成功次数的两倍后的上限。"),
	LIMIT(unknown_rcpts_per_hour,
		"Unknown recipients in the last hour from one address, above twice the number of "
		"good "
		"ones (address harvesting).",
		"同一地址最近一小时不存在的收件人数减去有效收件人数的两倍后的上限（探测地址）。"),
	LIMIT(offences_per_hour,
		"Connections in the last hour that were no mail traffic or broke its order: HTTP "
		"and "
		"other protocols, talking before the greeting, not waiting, harvesting, or cut off "
		"for "
		"too many mistakes.",
		"最近一小时中非邮件或违反次序的连接数：HTTP "
		"等其他协议、抢先说话、不等应答、探测地址、因错误过多被断开。"),
	NUMBER(messages_per_connection,
		"A number; 0: as the listener has it. Messages in one connection.",
		"数字；0：同监听的设置。一个连接中的邮件数。"),
	NUMBER(commands_per_connection, "Commands in one connection.", "一个连接中的命令数。"),
	NUMBER(rcpts_per_message, "Recipients of one message.", "一封邮件的收件人数。"),
	NUMBER(rcpts_per_connection, "Recipients in one connection.", "一个连接中的收件人数。"),
	NUMBER(max_size, "Largest message.", "邮件的最大长度。"),
	NUMBER(max_header, "Largest header of a message; it is held in memory.",
		"邮件头的最大长度；邮件头保存在内存中。"),
	NUMBER(errors_per_connection, "Mistakes and refusals in one connection, then it is closed.",
		"一个连接中的错误和被拒次数，超过则断开。"),
	NUMBER(unknown_rcpts_per_connection, "Unknown recipients in one connection, likewise.",
		"同上，不存在的收件人数。"),
	NUMBER(idle_time, "Wait for a command or for the next piece of a message.",
		"等待命令或邮件下一段数据的时间。"),
	NUMBER(hello_time, "Wait for the first command.", "等待第一个命令的时间。"),
	NUMBER(greet_delay, "Wait before the greeting, watching for clients that talk first.",
		"发出欢迎行之前等待的时间，用来发现抢先说话的客户端。"),
	NUMBER(mark_score,
		"A number, or off. From this sum of signals on the message is accepted and marked.",
		"数字，或 off。信号总分从此值起：接收并标记。"),
	NUMBER(slow_score, "From this sum on replies are delayed.", "从此值起：延迟应答。"),
	NUMBER(greylist_score, "From this sum on the caller has to come again (450).",
		"从此值起：要求稍后再来（灰名单，450）。"),
	NUMBER(defer_score, "From this sum on: refused for now (451).",
		"从此值起：暂时拒绝（451）。"),
	NUMBER(reject_score, "From this sum on: refused for good (554).",
		"从此值起：拒收（554）。"),
	NUMBER(delay, "How long the action slow waits; it grows with each time.",
		"动作 slow 等待的时间；每次递增。"),
	NUMBER(delay_max, "Longest such wait.", "上述等待的上限。"),
	TOGGLE(dnsbl, "Ask the lists of [dnsbl] sections.", "查询各 [dnsbl] 小节的名单。"),
	TOGGLE(reverse_dns, "Look at the host name of the address.", "检查地址的反向域名。"),
	TOGGLE(helo, "Look at the name given in HELO or EHLO.", "检查 HELO/EHLO 名称。"),
	TOGGLE(spf, "Count what SPF says.", "计入 SPF 结果。"),
	TOGGLE(dkim, "Count what DKIM and ARC say.", "计入 DKIM 和 ARC 结果。"),
	TOGGLE(dmarc, "Count and obey DMARC.", "计入并执行 DMARC。"),
	TOGGLE(reputation, "Count what is remembered about callers and senders.", "计入信誉记录。"),
	TOGGLE(greylist, "Greylisting.", "灰名单。"),
	TOGGLE(content, "Examine contents.", "检查内容。"), CONF_END};

const struct conf_section source_section = {
	.name = "source",
	.keys = keys,
	.size = sizeof(struct source_conf),
	.named = true,
	.doc_en = "Rules for callers of one class (trusted, known, unknown, bad), or of a range of "
		  "addresses or hosts. [source \"local\"] is built in: private and loopback "
		  "networks, "
		  "known, without limits.",
	.doc_zh = "对一类来访者（trusted、known、unknown、bad）或一段地址、一组主机的规则。"
		  "[source \"local\"] 是内置的：私有和回环网段，属于 known，不受限制。",
	.check = check,
};
