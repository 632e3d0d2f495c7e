/*
 * The configuration of a listener: section [smtp "NAME"], its keys, limits and defaults, and what
 * follows from "auto". Used by bin/edge and the master (for `listen`).
 *
 * Timeouts: RFC 5321 section 4.5.3.2 (minimum for a server: 5 minutes for a command). Limits:
 * section 4.5.3.1 (minimum: 100 recipients, 64 KiB message).
 */
#include "proto/smtpd/smtpd.h"

#define KEY_ADDRS(f, d, port, en, zh) CONF_KEY_ADDRS(struct smtpd_conf, f, d, port, en, zh)
#define KEY_ENUM(f, d, words, en, zh) CONF_KEY_ENUM(struct smtpd_conf, f, d, words, en, zh)
#define KEY_BOOL(f, d, en, zh) CONF_KEY_BOOL(struct smtpd_conf, f, d, en, zh)
#define KEY_LIST(f, d, en, zh) CONF_KEY_LIST(struct smtpd_conf, f, d, en, zh)
#define KEY_NETS(f, d, en, zh) CONF_KEY_NETS(struct smtpd_conf, f, d, en, zh)
#define KEY_STR(f, d, en, zh) CONF_KEY_STRING(struct smtpd_conf, f, d, en, zh)
#define KEY_INT(f, d, lo, hi, en, zh) CONF_KEY_INT(struct smtpd_conf, f, d, lo, hi, en, zh)
#define KEY_SIZE(f, d, lo, hi, en, zh) CONF_KEY_SIZE(struct smtpd_conf, f, d, lo, hi, en, zh)
#define KEY_TIME(f, d, lo, hi, en, zh) CONF_KEY_DURATION(struct smtpd_conf, f, d, lo, hi, en, zh)

static const char *const kinds[] = {"mx", "submission", "submissions", "lmtp", "internal", NULL};
static const char *const tls_modes[] = {"auto", "no", "offer", "require", "implicit", NULL};
static const char *const autos[] = {"auto", "no", "yes", NULL};
static const char *const bares[] = {"refuse", "trusted", "keep", NULL};
static const char *const froms[] = {"any", "add-sender", "match", NULL};

static const struct conf_key keys[] = {
	KEY_ADDRS(listen, "*:25", 25, "Addresses and ports to listen on.", "监听的地址和端口。"),
	KEY_ENUM(kind, "mx", kinds,
		"Who connects here. mx: everyone, for our domains. submission, submissions: our "
		"users, "
		"after login. lmtp: our other systems, by LMTP. internal: trusted networks (and "
		"logged-in users when auth = yes).",
		"谁连到这里。mx：任何人，发往本系统的域。submission、submissions：登录后的本系统用"
		"户。"
		"lmtp：本单位其他系统，用 LMTP。internal：受信网络（auth = yes "
		"时还有已登录用户）。"),
	KEY_ENUM(tls, "auto", tls_modes,
		"auto: implicit for submissions, offer for the others (no for lmtp). require: "
		"nothing but STARTTLS before TLS.",
		"auto：submissions 为 implicit，其余为 offer（lmtp 为 no）。require：TLS "
		"之前只接受 STARTTLS。"),
	KEY_ENUM(auth, "auto", autos, "Offer AUTH. auto: yes for submission and submissions.",
		"是否提供 AUTH。auto：submission 和 submissions 提供。"),
	KEY_LIST(auth_mechs, "SCRAM-SHA-256-PLUS SCRAM-SHA-256 PLAIN LOGIN OAUTHBEARER XOAUTH2",
		"SASL mechanisms to offer, best first; those of tokens only where [oidc] names an issuer.", "提供的 SASL 机制，优先的在前；令牌机制仅在 [oidc] 配置了提供方时提供。"),
	KEY_BOOL(auth_plaintext, "no", "Allow AUTH without TLS.", "允许在没有 TLS 时使用 AUTH。"),
	KEY_NETS(trusted, "",
		"Networks whose clients may send to foreign domains without login; Unix sockets "
		"are "
		"trusted, too. Not obeyed where login is required, nor by lmtp.",
		"其中的客户端不登录也可以向外域发信的网络；Unix 套接字视为受信。对要求登录的服务和 "
		"lmtp 无效。"),
	KEY_NETS(proxy_from, "",
		"Load balancers that send a PROXY protocol header (v1 or v2) first. When set, all "
		"other peers are turned away.",
		"先发送 PROXY 协议头（v1 或 v2）的负载均衡器。设置后，其他来源一律拒绝。"),
	KEY_NETS(xclient_from, "", "Peers that may use XCLIENT.", "可以使用 XCLIENT 的来源。"),
	KEY_ENUM(sync, "auto", autos,
		"Hang up on clients that do not wait where they must (behind EHLO, behind DATA). "
		"auto: yes for mx.",
		"对该等待而不等待（EHLO 之后、DATA 之后）的客户端断开连接。auto：mx 为 yes。"),
	KEY_TIME(greet_delay, "0s", 0, 5 * MINUTE,
		"Wait this long before the greeting and watch for clients that talk first.",
		"发出欢迎行之前等待的时间，用来发现抢先说话的客户端。"),
	KEY_BOOL(refuse_early, "no",
		"Refuse clients that talk before the greeting, instead of only recording it.",
		"拒绝在欢迎行之前说话的客户端；否则只作记录。"),
	KEY_BOOL(strict_helo, "no",
		"Refuse HELO and EHLO names that are no host name or address literal.",
		"拒绝不是主机名或地址字面量的 HELO/EHLO 名称。"),
	KEY_ENUM(bare_newline, "refuse", bares,
		"CR or LF that stand alone (RFC 5321 forbids them; they are used to smuggle "
		"messages). trusted: "
		"kept from trusted networks and logged-in users. keep: kept from everyone.",
		"单独出现的 CR 或 LF（RFC 5321 "
		"禁止，可被用来夹带邮件）。trusted：来自受信网络和已登录用户的保留。keep：一律保留"
		"。"),
	KEY_BOOL(refuse_nul, "yes", "Refuse messages with NUL bytes unless sent as BINARYMIME.",
		"拒绝含有 NUL 字节的邮件（以 BINARYMIME 发送的除外）。"),
	KEY_ENUM(bind_sender, "auto", autos,
		"The envelope sender must belong to the login. auto: yes for submission and "
		"submissions.",
		"信封发件人必须属于登录帐号。auto：submission 和 submissions 为 yes。"),
	KEY_ENUM(header_from, "match", froms,
		"From: of a logged-in user that is not his address. any: left alone. add-sender: a "
		"Sender: with the login is added (RFC 6409 8.1). match: refused.",
		"已登录用户的 From: 不是其本人地址时。any：不管。add-sender：加上写有登录帐号的 "
		"Sender:（RFC 6409 "
		"8.1）。match：拒绝。"),
	KEY_ENUM(fix_headers, "auto", autos,
		"Add missing Date:, Message-ID: and From:, remove Bcc: from mail of users and "
		"trusted networks (RFC 6409 8). auto: yes for submission and submissions.",
		"为用户和受信网络的邮件补上缺少的 Date:、Message-ID: 和 From:，去掉 Bcc:（RFC 6409 "
		"8）。"
		"auto:submission 和 submissions 为 yes。"),
	KEY_ENUM(verify, "auto", autos,
		"Verify the authentication of messages from strangers (SPF, DKIM, ARC, DMARC: "
		"section "
		"[verify]). Logged-in users and trusted networks are never asked. auto: yes for "
		"mx.",
		"验证外来邮件的发件认证（SPF、DKIM、ARC、DMARC，见 "
		"[verify]）。已登录用户和受信网络从不验证。"
		"auto：mx 为 yes。"),
	KEY_STR(banner, "ESMTP Posthouse", "Text of the greeting behind the host name.",
		"欢迎行中主机名之后的文字。"),
	KEY_STR(postmaster, "",
		"Address that gets mail for <postmaster>, and for postmaster@ of our domains where "
		"no such address exists. Empty: postmaster@ our host name.",
		"接收发给 <postmaster> 以及本系统各域中不存在的 postmaster@ "
		"的邮件的地址。空：postmaster@ 本机主机名。"),

	KEY_SIZE(max_size, "50m", 64 << 10, 1LL << 40, "Largest message.", "邮件的最大长度。"),
	KEY_SIZE(max_header, "1m", 16 << 10, 64 << 20,
		"Largest header of a message; it is held in memory.",
		"邮件头的最大长度；邮件头保存在内存中。"),
	KEY_SIZE(max_line, "1m", 998, 1LL << 40,
		"Longest line of text. RFC 5321 allows 998 bytes, but programs that write longer "
		"ones are common.",
		"正文行的最大长度。RFC 5321 只允许 998 字节，但写出更长行的程序很常见。"),
	KEY_INT(max_rcpts, "1000", 100, 1000000, "Recipients of one message.",
		"一封邮件的收件人数。"),
	KEY_INT(max_expanded, "10000", 100, 10000000,
		"Recipients of one message after aliases are expanded.",
		"一封邮件展开别名后的收件人数。"),
	KEY_INT(max_transactions, "1000", 1, 1000000000,
		"Messages in one connection (LIMITS MAILMAX).",
		"一个连接中的邮件数（LIMITS MAILMAX）。"),
	KEY_INT(max_commands, "20000", 100, 1000000000,
		"Commands in one connection; a message in progress is finished.",
		"一个连接中的命令数；正在传送的邮件会处理完。"),
	KEY_INT(max_idle_commands, "100", 10, 1000000,
		"Commands without effect (NOOP, RSET, VRFY, HELP ...) between two messages.",
		"两封邮件之间无效命令（NOOP、RSET、VRFY、HELP 等）的个数。"),
	KEY_INT(max_errors, "20", 1, 1000000,
		"Mistakes and refusals, then the connection is closed.",
		"错误和被拒次数，超过则断开连接。"),
	KEY_INT(soft_errors, "5", 0, 1000000,
		"Mistakes and refusals, then replies are delayed by `tarpit`.",
		"错误和被拒次数，超过则按 tarpit 延迟应答。"),
	KEY_INT(max_unknown, "20", 1, 1000000,
		"Unknown recipients in one connection, then it is closed (address harvesting).",
		"一个连接中不存在的收件人个数，超过则断开连接（防止探测地址）。"),
	KEY_INT(max_auth_failures, "3", 1, 1000,
		"Failed logins in one connection, then it is closed.",
		"一个连接中登录失败的次数，超过则断开连接。"),
	KEY_INT(max_hops, "50", 10, 1000,
		"Received: fields; a message with more is going in circles.",
		"Received: 的个数，超过则认为邮件在循环。"),
	KEY_INT(null_sender_rcpts, "1", 1, 1000000,
		"Recipients of a message with the null sender <>, from clients that are not "
		"trusted; the others are asked to come in a message of their own.",
		"非受信客户端以空发件人 <> 发信时的收件人数；其余的要求另发。"),

	KEY_TIME(timeout_command, "5m", SECOND, HOUR, "Wait for a command.", "等待命令的时间。"),
	KEY_TIME(timeout_data, "5m", SECOND, HOUR, "Wait for the next piece of a message.",
		"等待邮件下一段数据的时间。"),
	KEY_TIME(timeout_message, "2h", 10 * SECOND, DAY, "Time for one whole message to come in.",
		"接收一封完整邮件的时间。"),
	KEY_TIME(
		timeout_tls, "1m", SECOND, HOUR, "Time for the TLS handshake.", "TLS 握手的时间。"),
	KEY_TIME(timeout_proxy, "10s", SECOND, HOUR, "Wait for the PROXY protocol header.",
		"等待 PROXY 协议头的时间。"),
	KEY_TIME(tarpit, "1s", 0, MINUTE,
		"Delay that grows by this with each mistake above soft_errors; 0 turns it off.",
		"超过 soft_errors 后每错一次增加的延迟；0 为关闭。"),
	KEY_TIME(tarpit_max, "10s", 0, 5 * MINUTE, "Longest such delay.", "上述延迟的上限。"),
	CONF_END};

static void check(const void *value, slice instance, struct conf_check *c)
{
	const struct smtpd_conf *v = value;
	(void)instance;
	if (v->kind == SMTPD_SUBMISSION || v->kind == SMTPD_SUBMISSIONS) {
		if (v->auth == SMTPD_NO)
			conf_complain(
				c, "auth", "submission needs AUTH", "submission 必须提供 AUTH");
		if (v->tls == SMTPD_TLS_NO && !v->auth_plaintext)
			conf_complain(c, "tls",
				"nobody could log in: without TLS, AUTH is offered only with "
				"auth_plaintext = yes",
				"无人能登录：没有 TLS 时只有 auth_plaintext = yes 才提供 AUTH");
	}
	if (v->kind == SMTPD_INTERNAL && v->auth != SMTPD_YES && !v->trusted.n)
		conf_complain(c, "trusted",
			"an internal service without trusted networks serves nobody",
			"internal 服务没有受信网络就不会为任何人服务");
	if (v->kind == SMTPD_SUBMISSIONS && v->tls != SMTPD_TLS_AUTO &&
		v->tls != SMTPD_TLS_IMPLICIT)
		conf_complain(c, "tls",
			"submissions means TLS from the first byte: auto or implicit",
			"submissions 意味着从第一个字节起就是 TLS：只能是 auto 或 implicit");
	if (v->kind == SMTPD_LMTP && v->auth == SMTPD_YES)
		conf_complain(c, "auth", "LMTP here has no AUTH", "这里的 LMTP 没有 AUTH");
	if (v->soft_errors > v->max_errors)
		conf_complain(c, "soft_errors", "is larger than max_errors", "大于 max_errors");
}

const struct conf_section smtpd_section = {
	.name = "smtp",
	.keys = keys,
	.size = sizeof(struct smtpd_conf),
	.named = true,
	.doc_en = "A listener for SMTP or LMTP; the section's name appears in logs and traces.",
	.doc_zh = "一个 SMTP 或 LMTP 监听服务；小节名出现在日志和跟踪记录中。",
	.check = check,
};

static bool decide(int how, bool by_kind)
{
	return how == SMTPD_YES || (how == SMTPD_AUTO && by_kind);
}

static enum smtpd_tls tls_mode(const struct smtpd_conf *c)
{
	if (c->tls != SMTPD_TLS_AUTO)
		return (enum smtpd_tls)c->tls;
	if (c->kind == SMTPD_SUBMISSIONS)
		return SMTPD_TLS_IMPLICIT;
	return c->kind == SMTPD_LMTP ? SMTPD_TLS_NO : SMTPD_TLS_OFFER;
}

int smtpd_service_init(struct smtpd_service *s, const struct smtpd_conf *conf, slice name,
	slice hostname, struct tls_ctx *tls, struct arena *a, struct err *e)
{
	bool submission = conf->kind == SMTPD_SUBMISSION || conf->kind == SMTPD_SUBMISSIONS;
	*s = (struct smtpd_service){
		.conf = conf,
		.name = name,
		.hostname = hostname,
		.tls = tls,
		.tls_mode = tls_mode(conf),
		.auth = decide(conf->auth, submission),
		.sync = decide(conf->sync, conf->kind == SMTPD_MX),
		.fix_headers = decide(conf->fix_headers, submission),
		.bind_sender = decide(conf->bind_sender, submission),
		.verify = decide(conf->verify, conf->kind == SMTPD_MX),
		.require_auth = submission,
		.require_trust = conf->kind == SMTPD_INTERNAL,
		.postmaster = conf->postmaster.n
				      ? conf->postmaster
				      : arena_printf(a, "postmaster@%.*s", SFMT(hostname)),
	};
	if (!tls && s->tls_mode == SMTPD_TLS_OFFER && conf->tls == SMTPD_TLS_AUTO &&
		(!submission || conf->auth_plaintext))
		s->tls_mode = SMTPD_TLS_NO;
	if (!tls && s->tls_mode != SMTPD_TLS_NO)
		return err_set(e, ERR_PERM,
			"smtp \"%.*s\": TLS is wanted but no certificate is configured",
			SFMT(name));
	return 0;
}
