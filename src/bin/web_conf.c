/* Section [web] of the configuration (web.h). Used by config_keys.c and the web role. */
#include "bin/web.h"

static const char *const tls_words[] = {"implicit", "none", NULL};
_Static_assert(WEB_TLS_YES == 0 && WEB_TLS_NO == 1, "tls_words");

#define T struct web_conf
static const struct conf_key keys[] = {
	CONF_KEY_ADDRS(T, listen, "", 443,
		"Addresses of the web pages behind the links of digests and notices. Empty: none.",
		"隔离邮件清单和通知中链接所指网页的监听地址。空：不提供。"),
	CONF_KEY_ENUM(T, tls, "implicit", tls_words,
		"implicit: HTTPS, with the certificate of [tls]; none: plain HTTP, behind a proxy "
		"of "
		"yours that speaks HTTPS.",
		"implicit：HTTPS，使用 [tls] 的证书；none：明文 HTTP，用于您自己的 HTTPS "
		"代理之后。"),
	CONF_KEY_NETS(T, proxies, "",
		"Networks of such proxies: they are believed when they say for whom they ask "
		"(X-Forwarded-For, X-Forwarded-Proto).",
		"这类代理所在的网络：采信其所述的来访者地址（X-Forwarded-For、X-Forwarded-"
		"Proto）。"),
	CONF_KEY_INT(
		T, max_connections, "1000", 1, 100000, "Connections at a time.", "同时的连接数。"),
	CONF_KEY_INT(T, max_per_ip, "50", 1, 100000,
		"Connections at a time from one IPv4 address or one IPv6 /64 network. Proxies are "
		"not counted.",
		"同一 IPv4 地址或同一 IPv6 /64 网段同时的连接数。代理不计。"),
	CONF_KEY_INT(T, requests, "300", 1, 1000000,
		"Requests in a minute from one such address; then 429 is answered.",
		"这样一个地址每分钟的请求数，超出则回 429。"),
	CONF_KEY_INT(T, bad_links, "30", 1, 1000000,
		"Links that are not ours, and failed logins, in an hour from one such address; "
		"then "
		"it is not served for a while.",
		"这样一个地址每小时出现的无效链接和登录失败次数，超出则暂不服务。"),
	CONF_KEY_DURATION(T, idle_time, "30s", SECOND, HOUR,
		"A connection that asks nothing is closed after this time.",
		"没有请求的连接多久后关闭。"),
	CONF_KEY_BOOL(T, reports, "yes",
		"Mail programs may report mail at /api/report, with the user's name and password.",
		"邮件客户端可凭用户名和密码通过 /api/report 举报邮件。"),
	CONF_KEY_INT(T, reports_per_hour, "100", 1, 1000000, "Reports of one user in an hour.",
		"一个用户每小时的举报数。"),
	CONF_KEY_SIZE(T, report_size, "20m", 64 * 1024, 1LL << 30,
		"Largest message that is taken there.", "所接受邮件的最大长度。"),
	CONF_END};
#undef T

const struct conf_section web_section = {.name = "web",
	.keys = keys,
	.size = sizeof(struct web_conf),
	.doc_en = "Web pages: held mail, by the links of digests and notices.",
	.doc_zh = "网页：通过隔离邮件清单和通知中的链接处理被隔离的邮件。"};

bool web_wanted(const struct config *c)
{
	const struct web_conf *w = conf_get(c->conf, &web_section);
	return w->listen.n > 0;
}
