/*
 * Advice after `posthouse init` (cli_advice.h): from the listeners of the configuration, so that
 * the ports are those that will be bound.
 */
#include "bin/cli_advice.h"

#include "bin/access.h"
#include "bin/tr.h"

#include <stdio.h>

static const char *use_of(int kind)
{
	switch (kind) {
	case SMTPD_MX:
		return T("mail from other servers; from everywhere",
			"接收其他邮件服务器的来信；对所有地址开放");
	case SMTPD_SUBMISSION:
		return T("users send mail, STARTTLS; from everywhere or from inside only",
			"用户发信（STARTTLS）；对所有地址或仅对内网开放");
	case SMTPD_SUBMISSIONS:
		return T("users send mail, TLS; from everywhere or from inside only",
			"用户发信（TLS）；对所有地址或仅对内网开放");
	default:
		return T("mail from a system behind the same wall (LMTP); never from outside",
			"来自内部系统的投递（LMTP）；绝不对外开放");
	}
}

static const char *use_of_reading(const struct access_listener *l)
{
	if (l->protocol == ACCESS_SIEVE)
		return T("users' programs edit their rules (ManageSieve)",
			"用户的客户端编辑邮件规则（ManageSieve）");
	if (l->conf->tls == SESSION_TLS_IMPLICIT)
		return l->protocol == ACCESS_IMAP
			       ? T("users read mail (IMAP), TLS", "用户收信（IMAP，TLS）")
			       : T("users fetch mail (POP3), TLS", "用户收信（POP3，TLS）");
	return l->protocol == ACCESS_IMAP
		       ? T("users read mail (IMAP), STARTTLS", "用户收信（IMAP，STARTTLS）")
		       : T("users fetch mail (POP3), STARTTLS", "用户收信（POP3，STARTTLS）");
}

static void print_reachable(const struct conf_addrs *v, const char *between, bool *first)
{
	for (size_t i = 0; i < v->n; i++) {
		if (net_is_loopback(&v->v[i]) || net_port(&v->v[i]) == 0)
			continue;
		printf("%s%u", *first ? "" : between, net_port(&v->v[i]));
		*first = false;
	}
}

/* The TCP ports that others must reach, "25, 465, 587". */
static void print_open_ports(const struct config *c, const char *between)
{
	bool first = true;
	for (size_t i = 0; i < c->nlisteners; i++)
		if (c->listeners[i].conf->kind != SMTPD_LMTP)
			print_reachable(&c->listeners[i].conf->listen, between, &first);
	for (size_t i = 0; i < access_listeners(c); i++)
		print_reachable(&access_listener(c, i).conf->listen, between, &first);
}

static void print_uses(const struct conf_addrs *v, const char *use)
{
	for (size_t i = 0; i < v->n; i++) {
		char text[NET_TEXT_MAX];
		net_print(&v->v[i], text);
		printf("  %-22s %s\n", text, use);
	}
}

static void ports(const struct config *c)
{
	puts(T("\nPorts (TCP) to open in the firewall, or to map to this machine:",
		"\n需要在防火墙开放、或映射到本机的端口（TCP）："));
	for (size_t i = 0; i < c->nlisteners; i++)
		print_uses(&c->listeners[i].conf->listen, use_of(c->listeners[i].conf->kind));
	for (size_t i = 0; i < access_listeners(c); i++) {
		struct access_listener l = access_listener(c, i);
		print_uses(&l.conf->listen, use_of_reading(&l));
	}
	fputs("  nftables: nft add rule inet filter input tcp dport { ", stdout);
	print_open_ports(c, ", ");
	fputs(" } accept\n  ufw:      ufw allow ", stdout);
	print_open_ports(c, ",");
	puts("/tcp");
	puts(T("Outgoing: TCP 25 to everywhere (or the port of your smarthost), UDP and TCP 53 to "
	       "the resolver.\n"
	       "Behind NAT: map these ports from the public address, and let mail leave by that "
	       "same address.",
		"出站：TCP 25 到所有地址（或中继服务器的端口），UDP/TCP 53 到域名解析服务器。\n"
		"在 NAT 之后：将公网地址的上述端口映射到本机，并使发出的邮件使用同一公网地址。"));
}

static void dns(slice domain)
{
	printf(T("\nDNS records to publish, and whether they are right (behind NAT with the public "
		 "addresses):\n"
		 "  posthouse domain dns %.*s --address \"IPV4 IPV6\"\n"
		 "  posthouse domain check %.*s --address \"IPV4 IPV6\"\n",
		       "\n应发布的 DNS 记录，以及是否正确（在 NAT 之后时给出公网地址）：\n"
		       "  posthouse domain dns %.*s --address \"IPV4 IPV6\"\n"
		       "  posthouse domain check %.*s --address \"IPV4 IPV6\"\n"),
		SFMT(domain), SFMT(domain));
}

void advice_print(const struct config *c, slice domain)
{
	ports(c);
	dns(domain);
	puts(T("\nNext: systemctl enable --now posthouse     (or: posthouse serve)\n"
	       "      posthouse status\n"
	       "      posthouse account add someone@...",
		"\n接下来：systemctl enable --now posthouse     （或：posthouse serve）\n"
		"        posthouse status\n"
		"        posthouse account add someone@…"));
}
