/*
 * The sections of the configuration that belong to no module of a lower floor: their keys,
 * defaults, documentation and the rules between keys. The listeners' section is in
 * proto/smtpd/conf.c, the resolver's in run/dns.
 */
#include "bin/config_keys.h"

#include "bin/access.h"
#include "bin/collect.h"
#include "bin/edge_verify.h"
#include "bin/engines.h"
#include "bin/features.h"
#include "bin/identity_conf.h"
#include "bin/filter_conf.h"
#include "bin/policy_conf.h"
#include "bin/quarantine_conf.h"
#include "bin/server_tls.h"
#include "bin/way.h"
#include "bin/web.h"
#include "bin/yara_files.h"
#include "codec/address.h"
#include "defence/caps.h"
#include "defence/dnsbl.h"
#include "defence/mirror.h"
#include "defence/outbound.h"
#include "mail/box.h"
#include "mail/search_conf.h"
#include "mail/digest.h"
#include "mail/report_conf.h"
#include "mail/scripts_run.h"
#include "run/sandbox.h"
#include "store/backup.h"
#include "store/crypt_conf.h"
#include "store/directory_org.h"
#include "store/password_rule.h"
#include "training/conf.h"

static const char *const sandbox_words[] = {"auto", "required", "off", NULL};
static const char *const callout_words[] = {"try-later", "accept", NULL};
static const char *const level_words[] = {"error", "warn", "info", "debug", NULL};
_Static_assert(SANDBOX_AUTO == 0 && SANDBOX_REQUIRED == 1 && SANDBOX_OFF == 2, "sandbox_words");
_Static_assert(LEVEL_ERROR == 0 && LEVEL_DEBUG == 3, "level_words");

#define T struct server_conf
static const struct conf_key server_keys[] = {
	CONF_KEY_STRING(T, hostname, "",
		"The server's own name, in greetings and headers. Empty: the machine's name.",
		"服务器自己的名字，用于欢迎行和邮件头。空：本机主机名。"),
	CONF_KEY_PATH(T, data, "/var/lib/posthouse", "Directory of messages and databases.",
		"存放邮件和数据库的目录。"),
	CONF_KEY_PATH(T, run, "/run/posthouse", "Directory of the control socket and of counters.",
		"存放控制套接字和计数器的目录。"),
	CONF_KEY_STRING(T, user, "posthouse",
		"When started as root, all processes that touch mail run as this user.",
		"以 root 启动时，所有处理邮件的进程以此用户身份运行。"),
	CONF_KEY_INT(T, edges, "0", 0, 32, "SMTP server processes. 0: one a processor.",
		"SMTP 服务进程数。0：每个处理器一个。"),
	CONF_KEY_ENUM(T, sandbox, "auto", sandbox_words,
		"Confine processes by landlock and seccomp. auto: as far as the kernel can; "
		"required: "
		"completely or do not start; off: only run as another user.",
		"用 landlock 和 seccomp "
		"约束各进程。auto：内核支持多少用多少；required：必须完整，否则不启动；"
		"off：只切换用户。"),
	CONF_KEY_DURATION(T, stop_time, "30s", SECOND, HOUR,
		"When stopping, messages on their way in or out have this long to finish.",
		"停止时，正在收发的邮件最多还有这么长时间完成。"),
	CONF_KEY_DURATION(T, drain_time, "10m", SECOND, DAY,
		"After a reload, sessions of the former processes have this long to finish.",
		"重新加载后，原有进程的会话最多还有这么长时间完成。"),
	CONF_END};
#undef T
const struct conf_section server_section = {.name = "server",
	.keys = server_keys,
	.size = sizeof(struct server_conf),
	.doc_en = "The server as a whole.",
	.doc_zh = "服务器整体。"};

static void check_tls(const void *value, slice instance, struct conf_check *c)
{
	const struct tls_conf *v = value;
	(void)instance;
	if ((v->certificate.n > 0) != (v->key.n > 0))
		conf_complain(c, v->key.n ? "certificate" : "key",
			"certificate and key go together", "certificate 和 key 必须同时给出");
}

#define T struct tls_conf
static const struct conf_key tls_keys[] = {
	CONF_KEY_PATH(T, certificate, "",
		"PEM file of the certificate, its chain behind it. Empty: "
		"DATA/tls/certificate.pem, made "
		"(self-signed) at the first start.",
		"证书的 PEM "
		"文件，证书链跟在后面。空：DATA/tls/"
		"certificate.pem，首次启动时自动生成（自签名）。"),
	CONF_KEY_PATH(T, key, "", "PEM file of its private key. Empty: DATA/tls/key.pem, likewise.",
		"私钥的 PEM 文件。空：DATA/tls/key.pem，同上。"),
	CONF_KEY_STRING(T, ciphers, "", "OpenSSL cipher list for TLS 1.2. Empty: OpenSSL's own.",
		"TLS 1.2 的 OpenSSL 密码套件列表。空：OpenSSL 默认。"),
	CONF_KEY_PATH(T, ca, "",
		"PEM file of authorities trusted when we connect to others. Empty: the system's.",
		"我方连接其他系统时信任的根证书 PEM 文件。空：系统自带。"),
	CONF_END};
#undef T
const struct conf_section tls_section = {.name = "tls",
	.keys = tls_keys,
	.size = sizeof(struct tls_conf),
	.doc_en = "Certificates.",
	.doc_zh = "证书。",
	.check = check_tls};

#define T struct connections_conf
static const struct conf_key connections_keys[] = {
	CONF_KEY_INT(T, max, "10000", 1, 1000000, "Connections at a time, all listeners together.",
		"同时的连接数，所有监听合计。"),
	CONF_KEY_INT(T, max_per_ip, "100", 1, 1000000,
		"Connections at a time from one IPv4 address or one IPv6 /64 network. Peers in a "
		"listener's "
		"`trusted` or `proxy_from` networks are not counted.",
		"同一 IPv4 地址或同一 IPv6 /64 网段同时的连接数。监听的 trusted、proxy_from "
		"网络不计。"),
	CONF_KEY_INT(T, stress, "80", 1, 100,
		"When so many percent of `max` are open, the server waits for strangers only ten "
		"seconds: "
		"slow connections make room for honest ones.",
		"连接数达到 max 的这个百分比时，对陌生来访者只等待十秒，慢连接要为正常连接让位。"),
	CONF_KEY_INT(T, traced_refusals, "100", 0, 1000000,
		"Refusals of strangers from one IPv4 /24 or IPv6 /48 in an hour that get a row of "
		"their own "
		"in the trace; the others are counted in one row. 0: all get one.",
		"同一 IPv4 /24 或 IPv6 /48 "
		"的外来者一小时内被拒时，单独写入跟踪记录的条数；其余合计为一条。0：全部单独写入"
		"。"),
	CONF_END};
#undef T
const struct conf_section connections_section = {.name = "connections",
	.keys = connections_keys,
	.size = sizeof(struct connections_conf),
	.doc_en = "Connections from outside.",
	.doc_zh = "外来连接。"};

#define T struct callout_conf
static const struct conf_key callout_keys[] = {
	CONF_KEY_DURATION(T, timeout, "30s", SECOND, 5 * MINUTE, "How long one question may take.",
		"一次查询最多多长时间。"),
	CONF_KEY_DURATION(T, good, "1h", 0, 30 * DAY,
		"A recipient that exists is remembered for so long.", "存在的收件人记住多久。"),
	CONF_KEY_DURATION(T, bad, "10m", 0, 30 * DAY,
		"A recipient that does not exist is remembered for so long.",
		"不存在的收件人记住多久。"),
	CONF_KEY_INT(T, entries, "100000", 100, 10000000, "Answers remembered by each process.",
		"每个进程记住的答案个数。"),
	CONF_KEY_ENUM(T, if_unreachable, "try-later", callout_words,
		"When the backend cannot answer: try-later asks the sender to come again (451), "
		"accept takes "
		"the message without knowing.",
		"后端无法回答时：try-later 让发件方稍后再试（451）；accept 不确认就接收。"),
	CONF_END};
#undef T
const struct conf_section callout_section = {.name = "callout",
	.keys = callout_keys,
	.size = sizeof(struct callout_conf),
	.doc_en = "Asking backend systems whether a recipient exists.",
	.doc_zh = "向后端邮件系统查询收件人是否存在。"};

static void check_queue(const void *value, slice instance, struct conf_check *c)
{
	const struct queue_conf *v = value;
	int64_t usec;
	(void)instance;
	if (v->retry.n == 0 || v->retry.n > CONFIG_RETRY_MAX)
		conf_complain(c, "retry", "needs 1 to 64 durations", "需要 1 到 64 个时长");
	for (size_t i = 0; i < v->retry.n; i++)
		if (!duration_parse(v->retry.v[i], &usec) || usec < SECOND || usec > 7 * DAY)
			conf_complain(c, "retry", "each is a duration from 1s to 7d",
				"每一项都是 1s 到 7d 的时长");
}

#define T struct queue_conf
static const struct conf_key queue_keys[] = {
	CONF_KEY_DURATION(T, lifetime, "5d", MINUTE, 365 * DAY,
		"A message that cannot be delivered goes back after this time.",
		"无法投递的邮件多久后退回。"),
	CONF_KEY_DURATION(T, delay_warning, "4h", 0, 365 * DAY,
		"The sender is told about a delay after this time; 0: never.",
		"延误多久后通知发件人；0：从不。"),
	CONF_KEY_LIST(T, retry, "5m 10m 20m 30m 1h 2h 3h 4h",
		"Waits between attempts; the last one repeats.",
		"两次尝试之间的等待时间；最后一个重复使用。"),
	CONF_KEY_INT(T, window, "20000", 100, 1000000,
		"Messages held in memory for delivery; the rest waits in the database.",
		"内存中等待投递的邮件数；其余在数据库中等待。"),
	CONF_KEY_STRING(T, postmaster, "",
		"Sender shown in bounces and warnings. Empty: mailer-daemon@ our host name.",
		"退信和警告中显示的发件人。空：mailer-daemon@ 本机主机名。"),
	CONF_KEY_STRING(T, double_bounces, "",
		"Address that gets the bounces that cannot be delivered to the sender. Empty: they "
		"are dropped, "
		"and the trace tells about them.",
		"收取无法送达发件人的退信的地址。空：丢弃这些退信，在跟踪记录中可查。"),
	CONF_KEY_SIZE(T, bounce_size, "100k", 0, 1LL << 30,
		"Originals up to this size come back whole in bounces; of larger ones only the "
		"header.",
		"不超过此长度的原件在退信中完整附上；更长的只附邮件头。"),
	CONF_END};
#undef T
const struct conf_section queue_section = {.name = "queue",
	.keys = queue_keys,
	.size = sizeof(struct queue_conf),
	.doc_en = "The queue of messages to deliver.",
	.doc_zh = "待投递邮件队列。",
	.check = check_queue};

static void check_source(struct conf_check *c, const char *key, slice ip, int family)
{
	struct net_addr a;
	struct err e;
	if (ip.n && (net_from_ip(ip, 0, &a, &e) < 0 || a.ss.ss_family != family))
		conf_complain(c, key, "is no address of this family", "不是这一类的地址");
}

static void check_exceptions(const struct conf_list *l, struct conf_check *c)
{
	for (size_t i = 0; i < l->n; i++)
		if (!domain_valid(
			    slice_skip(l->v[i], slice_starts(l->v[i], S(".")) ? 1 : 0), false))
			conf_complain(c, "tls_exceptions", "each is a domain, or \".domain\"",
				"每一项应为域名，或“.域名”");
}

static void check_delivery(const void *value, slice instance, struct conf_check *c)
{
	const struct delivery_conf *v = value;
	(void)instance;
	check_source(c, "source_v4", v->source_v4, AF_INET);
	check_source(c, "source_v6", v->source_v6, AF_INET6);
	check_exceptions(&v->tls_exceptions, c);
	if (v->per_destination_start > v->per_destination)
		conf_complain(c, "per_destination_start", "is larger than per_destination",
			"大于 per_destination");
}

#define T struct delivery_conf
static const struct conf_key delivery_keys[] = {
	CONF_KEY_INT(T, max_connections, "500", 1, 100000, "Outgoing connections at a time.",
		"同时的外出连接数。"),
	CONF_KEY_INT(T, per_destination, "20", 1, 10000, "Of these to one destination, at most.",
		"其中到同一目的地的最多个数。"),
	CONF_KEY_INT(T, per_destination_start, "5", 1, 10000,
		"Connections to a destination before we know how well it works.",
		"尚不了解一个目的地时的连接数。"),
	CONF_KEY_DURATION(T, connect_timeout, "30s", SECOND, 10 * MINUTE, "Wait for a connection.",
		"等待连接建立的时间。"),
	CONF_KEY_DURATION(T, command_timeout, "5m", SECOND, HOUR,
		"Wait for the reply to a command.", "等待命令应答的时间。"),
	CONF_KEY_DURATION(T, data_timeout, "10m", SECOND, HOUR,
		"Wait for the reply after the whole message (RFC 5321: 10 minutes).",
		"整封邮件发出后等待应答的时间（RFC 5321：10 分钟）。"),
	CONF_KEY_DURATION(T, reuse_time, "5s", 0, 5 * MINUTE,
		"An idle connection is kept open for so long for the next message.",
		"空闲连接为下一封邮件保持多久。"),
	CONF_KEY_INT(T, reuse_messages, "100", 1, 100000, "Messages over one connection.",
		"一个连接上最多发送的邮件数。"),
	CONF_KEY_STRING(T, source_v4, "",
		"Our address for outgoing IPv4. Empty: the system chooses.",
		"外出 IPv4 连接的本机地址。空：系统选择。"),
	CONF_KEY_STRING(
		T, source_v6, "", "Our address for outgoing IPv6.", "外出 IPv6 连接的本机地址。"),
	CONF_KEY_STRING(T, helo, "", "Name given in EHLO. Empty: our host name.",
		"EHLO 中使用的名字。空：本机主机名。"),
	CONF_KEY_INT(
		T, port, "25", 1, 65535, "Port of other mail servers.", "其他邮件服务器的端口。"),
	CONF_KEY_ENUM(T, tls, "opportunistic", way_tls_words,
		"Encryption towards the internet, at least. none: never; opportunistic: when "
		"offered, any certificate; required: always, any certificate; ca: always, with a "
		"valid certificate of any name; host: always, with a valid certificate of the "
		"host's name; dane: only to hosts whose certificate the DNS vouches for (DANE). "
		"Routes have their own (--tls), with the same words.",
		"发往互联网时对加密的最低要求。none：不加密；opportunistic：对方提供就用，不验证证"
		"书；"
		"required：必须加密，不验证证书；ca：必须加密且证书链有效；"
		"host：必须加密，且证书链和主机名都有效；dane：只发往证书经 DNS "
		"证实的主机（DANE）。"
		"路由有各自的设置（--tls），取值相同。"),
	CONF_KEY_BOOL(T, dane, "yes",
		"Verify hosts by their TLSA records (RFC 7672) where the destination's DNS is "
		"signed and has them. Needs [dns] trust_anchor; not with tls = none.",
		"目的域的 DNS 已签名且有 TLSA 记录时，据此验证其主机（RFC 7672）。需要 [dns] "
		"trust_anchor；tls = none 时不起作用。"),
	CONF_KEY_BOOL(T, mta_sts, "yes",
		"Follow the MTA-STS policies of other domains (RFC 8461). Not with tls = none.",
		"遵守其他域的 MTA-STS 策略（RFC 8461）。tls = none 时不起作用。"),
	CONF_KEY_LIST(T, tls_exceptions, "",
		"Domains whose DANE records and MTA-STS policies are not followed, because they "
		"are broken and mail must get there; \".example.com\" means all below it.",
		"不按其 DANE 记录和 MTA-STS 策略执行的域（因其设置有误而邮件又必须送达）；"
		"“.example.com”表示其所有下级域。"),
	CONF_KEY_BOOL(T, plus_folders, "yes",
		"Mail for user+folder@ goes to that folder of the mailbox when there is one; else to INBOX.",
		"发给“用户+文件夹@”的邮件投递到邮箱中的同名文件夹（如果存在），否则投递到收件箱。"),
	CONF_KEY_BOOL(T, forward_outside, "yes",
		"Accounts may have their mail passed on to other systems. no: what they have set for addresses "
		"outside is not followed; a copy stays in the mailbox.",
		"允许帐号把邮件自动转发到其他系统。no：不执行发往外部地址的转发设置，邮件保留在邮箱中。"),
	CONF_KEY_BOOL(T, autoreply, "yes", "Automatic answers that accounts have set are sent.",
		"发送帐号设置的自动回复。"),
	CONF_END};
#undef T
const struct conf_section delivery_section = {.name = "delivery",
	.keys = delivery_keys,
	.size = sizeof(struct delivery_conf),
	.doc_en = "Sending to other systems, and delivery into mailboxes.",
	.doc_zh = "向其他系统发送，以及投递到邮箱。",
	.check = check_delivery};

#define T struct store_conf
static const struct conf_key store_keys[] = {
	CONF_KEY_SIZE(T, min_free, "1g", 0, 1LL << 50,
		"With less free space than this no mail is accepted (452).",
		"剩余空间少于此值时不再接收邮件（452）。"),
	CONF_KEY_DURATION(T, trace_keep, "180d", DAY, 36500 * DAY, "Traces are kept so long.",
		"跟踪记录保留多久。"),
	CONF_KEY_DURATION(T, gc_every, "1d", 0, 30 * DAY,
		"How often old traces are removed and packs that are mostly dead rewritten; 0: "
		"never. "
		"Packs without live messages are deleted all the time.",
		"多久清除一次过期的跟踪记录并重写大部分已失效的存储包；0:"
		"不进行。不含有效邮件的存储包随时删除。"),
	CONF_END};
#undef T
const struct conf_section store_section = {.name = "store",
	.keys = store_keys,
	.size = sizeof(struct store_conf),
	.doc_en = "Stored messages and databases.",
	.doc_zh = "存储的邮件和数据库。"};

#define T struct log_conf
static const struct conf_key log_keys[] = {
	CONF_KEY_ENUM(T, level, "info", level_words, "How much is logged (to standard error).",
		"日志详细程度（写到标准错误）。"),
	CONF_END};
#undef T
const struct conf_section log_section = {.name = "log",
	.keys = log_keys,
	.size = sizeof(struct log_conf),
	.doc_en = "The log.",
	.doc_zh = "日志。"};

const struct conf_section *const config_sections[] = {&server_section, &tls_section, &tls_cert_section, &smtpd_section,
	&connections_section, &callout_section, &auth_section, &ldap_section, &oidc_section, &password_section, &queue_section, &delivery_section,
	&dns_section, &source_section, &scores_section, &caps_section, &outbound_section,
	&dnsbl_section, &mirror_section, &verify_section, &signing_section, &srs_section,
	&reports_section, &store_section, &crypt_section, &backup_section, &directory_section, &log_section, &scan_section, &filter_section,
	&person_section, &policy_conf_section, &learning_section, &kv_section, &reputation_section,
	&fingerprints_section, &greylist_section, &autowhite_section, &digest_section,
	&alarm_section, &mailbox_section, &search_section, &scripts_section, &access_section, &imap_section, &pop3_section, &managesieve_section, &web_section,
	&quarantine_section, &quarantine_class_section, &engines_section, &engine_section,
	&features_section, &collect_section, &yara_section, NULL};
