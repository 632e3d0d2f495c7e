/*
 * Sections [access], [imap "NAME"], [pop3 "NAME"] and [managesieve "NAME"] of the configuration (access.h), and what follows from them: whether mail programs
 * are served at all, where, by how many processes. Used by config_keys.c, config.c, the master and the access role.
 *
 * Nothing is listened on unless the configuration says so: beside another mail system its ports are taken.
 */
#include "bin/access.h"

#include "base/must.h"
#include "bin/web.h"
#include "run/net.h"

/* Served when `enabled = yes` and no section says where. */
#define DEFAULT_LISTENERS                                                                          \
	"\n[imap \"imap\"]\nlisten = *:143\n"                                                      \
	"[imap \"imaps\"]\nlisten = *:993\ntls = implicit\n"                                       \
	"[pop3 \"pop3\"]\nlisten = *:110\n"                                                        \
	"[pop3 \"pop3s\"]\nlisten = *:995\ntls = implicit\n"                                       \
	"[managesieve \"sieve\"]\nlisten = *:4190\n"

static const char *const enabled_words[] = {"auto", "yes", "no", NULL};
static const char *const tls_words[] = {"offer", "implicit", "no", NULL};
_Static_assert(ACCESS_AUTO == 0 && ACCESS_YES == 1 && ACCESS_NO == 2, "enabled_words");
_Static_assert(
	SESSION_TLS_OFFER == 0 && SESSION_TLS_IMPLICIT == 1 && SESSION_TLS_NO == 2, "tls_words");

#define T struct access_conf
static const struct conf_key access_keys[] = {
	CONF_KEY_ENUM(T, enabled, "auto", enabled_words,
		"Serve mail programs (IMAP, POP3, ManageSieve). auto: where sections [imap], "
		"[pop3] and "
		"[managesieve] say; yes: when there are none, at ports 143, 993, 110, 995 and "
		"4190; no: "
		"not at all.",
		"是否为邮件客户端提供服务（IMAP、POP3、ManageSieve）。auto：按 "
		"[imap]、[pop3]、[managesieve] "
		"各节监听；yes：没有这些节时监听 143、993、110、995、4190 端口；no：不提供。"),
	CONF_KEY_INT(T, processes, "0", 0, 32,
		"Processes that serve them. 0: as many as [server] edges.",
		"服务进程数。0：与 [server] edges 相同。"),
	CONF_KEY_INT(T, max_connections, "20000", 1, 1000000,
		"Connections at a time, all together.", "同时的连接数，全部合计。"),
	CONF_KEY_INT(T, max_per_ip, "500", 1, 60000,
		"Connections at a time from one IPv4 address or one IPv6 /64 network; a mail "
		"program opens "
		"several. Peers in `trusted` or `proxy_from` of a listener are not counted.",
		"同一 IPv4 地址或同一 IPv6 /64 网段同时的连接数；一个邮件客户端会开多个。监听的 "
		"trusted、proxy_from 网络不计。"),
	CONF_KEY_INT(T, max_per_account, "60", 1, 60000,
		"Sessions of one account at a time, all its devices and programs together.",
		"一个帐号同时的会话数，其所有设备和程序合计。"),
	CONF_KEY_DURATION(T, login_time, "2m", 5 * SECOND, HOUR,
		"A connection on which nobody has logged in is closed after this time.",
		"没有登录的连接多久后关闭。"),
	CONF_END};
#undef T
const struct conf_section access_section = {.name = "access",
	.keys = access_keys,
	.size = sizeof(struct access_conf),
	.doc_en = "Mail programs: reading mailboxes by IMAP and POP3.",
	.doc_zh = "邮件客户端：通过 IMAP 和 POP3 读取邮箱。"};

#define T struct access_listener_conf
#define COMMON_KEYS(address, port, idle, idle_least)                                                      \
	CONF_KEY_ADDRS(T, listen, address, port, "Addresses and ports to listen on.",                     \
		"监听的地址和端口。"),                                                                    \
		CONF_KEY_ENUM(T, tls, "offer", tls_words,                                                 \
			"offer: STARTTLS, and no login before it; implicit: TLS from the first "          \
			"byte; no: "                                                                      \
			"none.",                                                                          \
			"offer：STARTTLS，之前不能登录；implicit：从第一个字节起就是 " \
			"TLS；no：没有。"),                                                               \
		CONF_KEY_BOOL(T, auth_plaintext, "no", "Allow logins without TLS.",                       \
			"允许在没有 TLS 时登录。"),                                                       \
		CONF_KEY_LIST(T, auth_mechs,                                                              \
			"SCRAM-SHA-256-PLUS SCRAM-SHA-256 PLAIN LOGIN OAUTHBEARER XOAUTH2",               \
			"SASL mechanisms to offer, best first; those of tokens only where [oidc] "        \
			"names an issuer.",                                                               \
			"提供的 SASL 机制，优先的在前；令牌机制仅在 [oidc] 配置了提供方时提供。"),        \
		CONF_KEY_NETS(T, trusted, "",                                                             \
			"Networks not counted by [access] max_per_ip: web mail of yours, "                \
			"offices.",                                                                       \
			"[access] max_per_ip 不计的网络：自己的网页邮箱、办公室等。"),                    \
		CONF_KEY_NETS(T, proxy_from, "",                                                          \
			"Load balancers that send a PROXY protocol header (v1 or v2) first. When "        \
			"set, all "                                                                       \
			"other peers are turned away.",                                                   \
			"先发送 PROXY 协议头（v1 或 "                                             \
			"v2）的负载均衡器。设置后，其他来源一律拒绝。"),                                  \
		CONF_KEY_DURATION(T, idle_time, idle, idle_least, DAY,                                    \
			"A session that says nothing is closed after this time.",                         \
			"没有任何命令的会话多久后关闭。"),                                                \
		CONF_KEY_INT(T, bad_commands, "20", 1, 100000,                                            \
			"Commands that are none, then the connection is closed.",                         \
			"无法理解的命令个数，超过则断开连接。"),                                          \
		CONF_KEY_INT(T, login_failures, "3", 1, 1000,                                             \
			"Failed logins in one connection, then it is closed.",                            \
			"一个连接中登录失败的次数，超过则断开连接。")

static const struct conf_key imap_keys[] = {COMMON_KEYS("*:143", 143, "31m", 30 * MINUTE),
	CONF_KEY_DURATION(T, command_time, "5m", 10 * SECOND, HOUR,
		"A client that takes nothing of an answer, or sends nothing of what it has begun, "
		"is given up "
		"after this time.",
		"客户端不接收应答、或不继续发送已开始的内容，多久后放弃。"),
	CONF_KEY_SIZE(T, max_line, "64k", 8192, 1 << 20, "Longest command without its literals.",
		"命令（不含字面量）的最大长度。"),
	CONF_KEY_SIZE(T, max_literal, "64k", 4096, 64 << 20,
		"Longest literal that is not a message.", "邮件以外的字面量的最大长度。"),
	CONF_KEY_SIZE(T, max_command, "1m", 64 << 10, 1 << 30,
		"All literals of one command that are no messages.",
		"一条命令中邮件以外的字面量合计。"),
	CONF_KEY_INT(T, max_messages, "0", 0, 1000000000,
		"Messages that one FETCH, STORE, SEARCH ... handles (MESSAGELIMIT, RFC 9738). 0: "
		"any number.",
		"一条 FETCH、STORE、SEARCH 等命令处理的邮件数（MESSAGELIMIT，RFC "
		"9738）。0：不限。"),
	CONF_END};
static const struct conf_key managesieve_keys[] = {
	COMMON_KEYS("*:4190", 4190, "30m", 30 * MINUTE), CONF_END};
static const struct conf_key pop3_keys[] = {
	COMMON_KEYS("*:110", 110, "10m", 10 * MINUTE), CONF_END};
#undef T

static void check_listener(const void *value, slice instance, struct conf_check *c)
{
	const struct access_listener_conf *v = value;
	(void)instance;
	if (v->tls == SESSION_TLS_NO && !v->auth_plaintext)
		conf_complain(c, "tls",
			"nobody could log in: without TLS that needs auth_plaintext = yes",
			"无人能登录：没有 TLS 时须 auth_plaintext = yes");
}

const struct conf_section imap_section = {.name = "imap",
	.keys = imap_keys,
	.size = sizeof(struct access_listener_conf),
	.named = true,
	.doc_en = "A listener for IMAP; the section's name appears in logs.",
	.doc_zh = "一个 IMAP 监听服务；小节名出现在日志中。",
	.check = check_listener};
const struct conf_section pop3_section = {.name = "pop3",
	.keys = pop3_keys,
	.size = sizeof(struct access_listener_conf),
	.named = true,
	.doc_en = "A listener for POP3; the section's name appears in logs.",
	.doc_zh = "一个 POP3 监听服务；小节名出现在日志中。",
	.check = check_listener};
const struct conf_section managesieve_section = {.name = "managesieve",
	.keys = managesieve_keys,
	.size = sizeof(struct access_listener_conf),
	.named = true,
	.doc_en = "A listener for ManageSieve, by which people's programs edit their rules; the "
		  "section's "
		  "name appears in logs.",
	.doc_zh = "一个 ManageSieve 监听服务，用户的程序通过它编辑邮件规则；小节名出现在日志中。",
	.check = check_listener};

/* By enum access_protocol. */
static const struct {
	const char *name;
	const struct conf_section *section;
} protocols[ACCESS_PROTOCOLS] = {
	{"imap", &imap_section}, {"pop3", &pop3_section}, {"sieve", &managesieve_section}};

const char *access_protocol_name(enum access_protocol p)
{
	return protocols[p].name;
}

static const struct access_conf *conf_of(const struct conf *c)
{
	return conf_get(c, &access_section);
}

static size_t sections(const struct conf *c)
{
	size_t n = 0;
	for (int i = 0; i < ACCESS_PROTOCOLS; i++)
		n += conf_count(c, protocols[i].section);
	return n;
}

slice access_defaults(const struct conf *c)
{
	return sections(c) == 0 && conf_of(c)->enabled == ACCESS_YES ? S(DEFAULT_LISTENERS) : S("");
}

size_t access_listeners(const struct config *c)
{
	return conf_of(c->conf)->enabled == ACCESS_NO ? 0 : sections(c->conf);
}

struct access_listener access_listener(const struct config *c, size_t i)
{
	struct access_listener l = {.protocol = ACCESS_IMAP};
	for (;;) {
		const struct conf_section *section = protocols[l.protocol].section;
		size_t n = conf_count(c->conf, section);
		if (i < n) {
			l.conf = conf_nth(c->conf, section, i, &l.name);
			return l;
		}
		i -= n;
		l.protocol++;
		must(l.protocol < ACCESS_PROTOCOLS);
	}
}

unsigned access_wanted(const struct config *c)
{
	const struct access_conf *a = conf_of(c->conf);
	if (access_listeners(c) == 0)
		return 0;
	return a->processes ? (unsigned)a->processes : c->edges;
}

/* ---- addresses ---- */

/* The addresses of everything that listens: [smtp] sections, [web], then ours; NULL: no more. */
static const struct conf_addrs *addresses(const struct config *c, size_t i)
{
	const struct web_conf *w = conf_get(c->conf, &web_section);
	if (i < c->nlisteners)
		return &c->listeners[i].conf->listen;
	if (i == c->nlisteners)
		return &w->listen;
	i -= c->nlisteners + 1;
	return i < access_listeners(c) ? &access_listener(c, i).conf->listen : NULL;
}

static bool same(const struct net_addr *a, const struct net_addr *b)
{
	return net_port(a) && a->len == b->len && memcmp(&a->ss, &b->ss, a->len) == 0;
}

/* Does anything before [at], or itself earlier, listen on its k-th address? */
static bool taken(const struct config *c, size_t at, size_t k)
{
	const struct net_addr *mine = &addresses(c, at)->v[k];
	for (size_t i = 0; i <= at; i++) {
		const struct conf_addrs *v = addresses(c, i);
		for (size_t j = 0; j < v->n && (i < at || j < k); j++)
			if (same(mine, &v->v[j]))
				return true;
	}
	return false;
}

int access_check(const struct config *c, struct err *e)
{
	char text[NET_TEXT_MAX];
	for (size_t i = 0; i < access_listeners(c); i++) {
		struct access_listener l = access_listener(c, i);
		for (size_t k = 0; k < l.conf->listen.n; k++) {
			if (!taken(c, c->nlisteners + 1 + i, k))
				continue;
			net_print(&l.conf->listen.v[k], text);
			return err_set(e, ERR_PERM,
				"[%s \"%.*s\"]: another section listens on %s, too",
				protocols[l.protocol].section->name, SFMT(l.name), text);
		}
	}
	return 0;
}
