/* Section [auth] (auth_conf.h). Rules for passwords are [password], store/password_rule.c. */
#include "bin/auth_conf.h"

static const char *const factor_words[] = {"off", "optional", "required", NULL};
static const char *const stolen_words[] = {"off", "alarm", "suspend", NULL};
_Static_assert(SECOND_OFF == 0 && SECOND_REQUIRED == 2, "factor_words");
_Static_assert(STOLEN_OFF == 0 && STOLEN_SUSPEND == 2, "stolen_words");

#define T struct auth_conf
static const struct conf_key auth_keys[] = {
	CONF_KEY_INT(T, hashes_at_once, "2", 1, 64,
		"Passwords checked at a time; each takes 20 MiB of memory meanwhile.",
		"同时核对的口令数；每个期间占用 20 MiB 内存。"),
	CONF_KEY_DURATION(T, remember, "1h", 0, DAY,
		"A password that was found right is recognised for so long without the slow check, "
		"by a digest in the "
		"memory of the auth process, which a restart or a changed password ends. Mail "
		"programs that poll "
		"then cost hardly anything. 0: never.",
		"核对正确的口令在这段时间内凭 auth "
		"进程内存中的摘要识别，无需再做慢速核对；重启或修改口令后失效。"
		"这样频繁轮询的客户端几乎不耗资源。0：从不。"),
	CONF_KEY_INT(T, failures_per_login, "20", 1, 1000000,
		"Failed logins of one account within failure_window, then it is refused for a "
		"while; but not from networks where its owner logged in during the last day.",
		"一个帐号在 failure_window "
		"内登录失败的次数，超过则暂时拒绝；其主人最近一天成功登录过的网络除外。"),
	CONF_KEY_INT(T, failures_per_ip, "50", 1, 1000000,
		"Failed logins from one IPv4 address or IPv6 /64 network within failure_window.",
		"同一 IPv4 地址或 IPv6 /64 网段在 failure_window 内登录失败的次数。"),
	CONF_KEY_DURATION(T, failure_window, "15m", MINUTE, DAY, "See above.", "见上。"),
	CONF_KEY_DURATION(T, failure_delay, "2s", 0, MINUTE,
		"A failed login is answered that late. With each five failures of the account or "
		"the network the time "
		"doubles.",
		"登录失败时延迟这么久才应答。该帐号或该网络每失败五次，延迟加倍。"),
	CONF_KEY_DURATION(T, failure_delay_max, "15s", 0, MINUTE,
		"But it is never longer than this.", "但不超过这个时间。"),
	CONF_KEY_INT(T, ban_after, "100", 0, 1000000,
		"A network with so many failed or refused logins within failure_window is banned "
		"(posthouse ban). 0: never.",
		"同一网络在 failure_window 内登录失败或被拒达到这个次数即被封禁（见 posthouse "
		"ban）；0：从不。"),
	CONF_KEY_DURATION(T, ban_time, "1h", MINUTE, 30 * DAY, "How long.", "封禁多久。"),
	CONF_KEY_NETS(T, trusted, "127.0.0.0/8 ::1",
		"Networks that are never banned or locked out, and say nothing about where "
		"somebody is: gateways, webmail, "
		"the machines of administrators.",
		"从不封禁或锁定、也不反映用户所在地点的网络：网关、网页邮件、管理员的机器。"),
	CONF_KEY_ENUM(T, second_factor, "optional", factor_words,
		"off: second factors do not count. optional: whoever has set one up needs it. "
		"required: everybody does, or the "
		"classes below. The password alone then does not work for mail programs: they use "
		"application passwords "
		"or OAuth.",
		"off：不使用双因素；optional：已设置的用户必须使用；required：所有人（或下列服务等"
		"级）都必须使用。"
		"此时邮件客户端不能只用主密码登录，须使用应用专用密码或 OAuth。"),
	CONF_KEY_LIST(T, second_factor_classes, "",
		"Service classes whose accounts must have a second factor, with required. Empty: "
		"all.",
		"second_factor = required 时，必须使用双因素的服务等级；空：全部。"),
	CONF_KEY_DURATION(T, keep_logins, "90d", DAY, 3650 * DAY,
		"The log of logins reaches back so far.", "登录日志保留多久。"),
	CONF_KEY_PATH(T, country_database, "",
		"File in MaxMind's DB format that tells the country of an address. Empty: "
		"countries are not known.",
		"能查出地址所属国家的 MaxMind DB 格式文件；空：不识别国家。"),
	CONF_KEY_BOOL(T, new_place_notices, "yes",
		"The owner of an account gets a letter when somebody logs in from a country or a "
		"network and program never seen "
		"before.",
		"有人从以前从未出现过的国家、网络及客户端登录时，向帐号主人发信提醒。"),
	CONF_KEY_DURATION(T, new_place_after, "3d", 0, 365 * DAY,
		"Not in the first days of an account, when everything is new.",
		"帐号启用的最初几天一切都是新的，不提醒。"),
	CONF_KEY_ENUM(T, stolen, "suspend", stolen_words,
		"What happens when an account behaves as if it was stolen: nothing, an alarm to "
		"the administrator, or also that it "
		"is suspended until posthouse account resume.",
		"帐号表现得像被盗时：off 什么也不做，alarm 向管理员报警，suspend "
		"同时暂停帐号，直到 posthouse account resume。"),
	CONF_KEY_INT(T, stolen_networks, "12", 2, 64,
		"Logins from so many different networks (IPv4 /24, IPv6 /48) within an hour look "
		"like theft.",
		"一小时内从这么多个不同网络（IPv4 /24、IPv6 /48）登录，视为被盗。"),
	CONF_KEY_INT(T, stolen_countries, "4", 2, 64, "Or from so many countries.",
		"或从这么多个国家登录。"),
	CONF_KEY_INT(T, stolen_failures, "30", 2, 1000000,
		"Or a first login from a network that failed so often within failure_window: the "
		"password was guessed.",
		"或从某网络首次登录成功，而该网络在 failure_window 内已失败这么多次：密码被猜中。"),
	CONF_KEY_LIST(T, stolen_exempt, "", "Addresses of accounts that are never held for stolen.",
		"从不视为被盗的帐号地址。"),
	CONF_END};
#undef T

static void check(const void *value, slice instance, struct conf_check *c)
{
	const struct auth_conf *v = value;
	(void)instance;
	if (v->failure_delay_max < v->failure_delay)
		conf_complain(c, "failure_delay_max", "must not be shorter than failure_delay",
			"不能短于 failure_delay");
	if (v->second_factor != SECOND_REQUIRED && v->second_factor_classes.n)
		conf_complain(c, "second_factor_classes", "only with second_factor = required",
			"只能与 second_factor = required 一起使用");
}

const struct conf_section auth_section = {.name = "auth",
	.keys = auth_keys,
	.size = sizeof(struct auth_conf),
	.doc_en = "Logins.",
	.doc_zh = "登录。",
	.check = check};
