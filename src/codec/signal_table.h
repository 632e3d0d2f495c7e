/*
 * The table of signals (signal.h): SIGNAL(id, name, stage, default score, English, Chinese).
 * Included where the table is needed with SIGNAL defined; no #pragma once on purpose.
 */
/* clang-format off */
/* Sender authentication */
SIGNAL(SPF_PASS, "spf-pass", SIGNAL_MAIL, -0.1, "the sender's domain allows this address to send (SPF)", "发件人域授权该地址发信（SPF）")
SIGNAL(SPF_FAIL, "spf-fail", SIGNAL_MAIL, 3.0, "the sender's domain forbids this address to send (SPF)", "发件人域不允许该地址发信（SPF）")
SIGNAL(SPF_SOFTFAIL, "spf-softfail", SIGNAL_MAIL, 1.0, "the sender's domain doubts this address (SPF ~all)", "发件人域不认可该地址（SPF ~all）")
SIGNAL(SPF_NONE, "spf-none", SIGNAL_MAIL, 0.3, "the sender's domain says nothing about who may send (no SPF)", "发件人域没有发布 SPF")
SIGNAL(SPF_PERMERROR, "spf-permerror", SIGNAL_MAIL, 0.8, "the sender's SPF record is broken", "发件人域的 SPF 记录有错误")
SIGNAL(SPF_TEMPERROR, "spf-temperror", SIGNAL_MAIL, 0.0, "the sender's SPF record could not be looked up", "暂时无法查询发件人域的 SPF")
/* Callers (defence/door) */
SIGNAL(DNSBL, "dnsbl", SIGNAL_CONNECT, 4.0, "the address is on a block list", "该地址在黑名单（DNSBL）中")
SIGNAL(DNSWL, "dnswl", SIGNAL_CONNECT, -4.0, "the address is on a list of good senders", "该地址在可信发信者名单（DNSWL）中")
SIGNAL(DNSBL_DOMAIN, "dnsbl-domain", SIGNAL_MAIL, 4.0, "the sender's domain or the host's name is on a block list", "发件人域或主机名在域名黑名单中")
SIGNAL(PTR_NONE, "ptr-none", SIGNAL_CONNECT, 1.5, "the address has no host name (no PTR record)", "该地址没有反向域名（PTR）")
SIGNAL(PTR_UNCONFIRMED, "ptr-unconfirmed", SIGNAL_CONNECT, 1.0, "the host name of the address does not lead back to it", "该地址的反向域名不能正向解析回该地址")
SIGNAL(PTR_DYNAMIC, "ptr-dynamic", SIGNAL_CONNECT, 2.0, "the host name looks like a customer's line, not a mail server", "主机名像是宽带用户线路，不像邮件服务器")
SIGNAL(EARLY_TALKER, "early-talker", SIGNAL_CONNECT, 5.0, "it talked before it was greeted", "在欢迎行之前抢先说话")
SIGNAL(HELO_SYNTAX, "helo-syntax", SIGNAL_HELO, 1.5, "the name in HELO is no host name", "HELO 名称不是合法的主机名")
SIGNAL(HELO_BARE_IP, "helo-bare-ip", SIGNAL_HELO, 2.5, "the name in HELO is an address without brackets", "HELO 名称是不带方括号的 IP 地址")
SIGNAL(HELO_FOREIGN_IP, "helo-foreign-ip", SIGNAL_HELO, 3.5, "the address in HELO is not the caller's", "HELO 中的地址不是来访者的地址")
SIGNAL(HELO_OURS, "helo-ours", SIGNAL_HELO, 6.0, "a stranger calls itself by our name", "外来者在 HELO 中自称是本系统")
SIGNAL(HELO_UNQUALIFIED, "helo-unqualified", SIGNAL_HELO, 1.0, "the name in HELO has no domain", "HELO 名称没有域名部分")
SIGNAL(HELO_UNKNOWN, "helo-unknown", SIGNAL_HELO, 1.0, "the name in HELO does not exist in the DNS", "HELO 名称在 DNS 中不存在")
SIGNAL(HELO_MISMATCH, "helo-mismatch", SIGNAL_HELO, 0.3, "the name in HELO belongs to another address", "HELO 名称属于其他地址")
SIGNAL(HELO_DYNAMIC, "helo-dynamic", SIGNAL_HELO, 0.5, "the name in HELO looks like a customer's line", "HELO 名称像是宽带用户线路")
SIGNAL(HELO_CHANGED, "helo-changed", SIGNAL_HELO, 1.0, "it called itself by another name before, in the same connection", "同一连接中更换了 HELO 名称")
SIGNAL(PASSWORDS, "passwords", SIGNAL_MAIL, 1.0, "logins from this address have failed lately", "该地址最近有登录失败")
SIGNAL(HARVEST, "harvest", SIGNAL_RCPT, 2.0, "it asked for many recipients that do not exist", "探测了许多不存在的收件人")
