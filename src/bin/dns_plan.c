/*
 * What a domain should publish (dns_plan.h): addresses and MX (RFC 5321), SPF (7208), DKIM (6376),
 * DMARC (9989), MTA-STS (8461), TLS-RPT (8460), TLSA (7672), services (6186, 8314), PTR. Only what
 * this installation offers.
 */
#include "bin/dns_plan.h"

#include "bin/access.h"

#include "base/hex.h"
#include "base/mem.h"
#include "bin/cli_dkim.h"
#include "bin/dns_plan_impl.h"
#include "bin/tr.h"
#include "mail/hosts.h"
#include "mail/report_conf.h"
#include <arpa/inet.h>
#include <openssl/evp.h>

#define STS_AGE "604800" /* a week */

struct plan_record *plan_add(struct making_plan *m, enum plan_kind kind, const char *type,
	slice name, slice value, bool optional, const char *why)
{
	struct plan *p = m->p;
	struct plan_record *r = &p->v[p->n < PLAN_RECORDS_MAX ? p->n++ : PLAN_RECORDS_MAX - 1];
	*r = (struct plan_record){.kind = kind,
		.name = name,
		.value = value,
		.type = type,
		.optional = optional,
		.why = why};
	return r;
}

/* ---- our addresses ---- */

bool plan_is_public(const struct net_addr *a)
{
	static const char *const others[] = {"0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10",
		"127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12", "192.0.2.0/24", "192.168.0.0/16",
		"198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24", "224.0.0.0/3", "::/8",
		"fc00::/7", "fe80::/10", "ff00::/8", "2001:db8::/32"};
	for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
		struct net_cidr c;
		struct err e;
		if (net_cidr_parse(slice_z(others[i]), &c, &e) == 0 && net_cidr_match(&c, a))
			return false;
	}
	return a->ss.ss_family == AF_INET || a->ss.ss_family == AF_INET6;
}

static void add_own(struct plan *p, const struct net_addr *a)
{
	char text[NET_TEXT_MAX], other[NET_TEXT_MAX];
	net_print_ip(a, text);
	for (size_t i = 0; i < p->nown; i++) {
		net_print_ip(&p->own[i], other);
		if (strcmp(text, other) == 0)
			return;
	}
	if (p->nown < PLAN_ADDRESSES_MAX)
		p->own[p->nown++] = *a;
}

static int add_own_text(struct plan *p, slice text, struct err *e)
{
	struct net_addr a;
	slice word;
	while (slice_cut(&text, ' ', &word)) {
		if (!word.n)
			continue;
		if (net_from_ip(word, 0, &a, e) < 0)
			return err_set(e, ERR_PROTO, "not an IP address: %.*s", SFMT(word));
		add_own(p, &a);
		p->own_told = true;
	}
	return 0;
}

/* Told, else those that mail is sent from, listened at, or that the machine has. */
static int find_own(struct making_plan *m, const struct plan_input *in, struct err *e)
{
	struct plan *p = m->p;
	const struct config *c = in->config;
	struct net_addr *v;
	struct err ignored;
	size_t n;
	if (add_own_text(p, in->addresses, e) < 0)
		return -1;
	if (!p->own_told && (add_own_text(p, c->delivery->source_v4, e) < 0 ||
				    add_own_text(p, c->delivery->source_v6, e) < 0))
		return -1;
	if (p->own_told)
		return 0;
	for (size_t i = 0; i < c->nlisteners; i++)
		for (size_t k = 0; k < c->listeners[i].conf->listen.n; k++)
			if (plan_is_public(&c->listeners[i].conf->listen.v[k]))
				add_own(p, &c->listeners[i].conf->listen.v[k]);
	if (p->nown || hosts_interfaces(m->mem, &v, &n, &ignored) < 0)
		return 0;
	for (size_t i = 0; i < n; i++)
		if (plan_is_public(&v[i]))
			add_own(p, &v[i]);
	return 0;
}

static void add_addresses(struct making_plan *m)
{
	struct plan *p = m->p;
	char text[NET_TEXT_MAX];
	for (size_t i = 0; i < p->nown; i++) {
		const struct net_addr *own = &p->own[i];
		net_print_ip(own, text);
		plan_add(m, PLAN_ADDRESS, own->ss.ss_family == AF_INET ? "A" : "AAAA", p->hostname,
			arena_dup(m->mem, slice_z(text)), false,
			T("The server's address: where others deliver.",
				"服务器地址：其他系统向此投递。"));
	}
}

static void add_reverse(struct making_plan *m)
{
	struct plan *p = m->p;
	for (size_t i = 0; i < p->nown; i++)
		plan_add(m, PLAN_PTR, "PTR", dns_reverse_name(&p->own[i], m->mem),
			arena_printf(m->mem, "%.*s.", SFMT(p->hostname)), false,
			T("Reverse name, set by whoever gives out the address: large receivers "
			  "refuse mail from addresses without one.",
				"反向解析，由提供地址的服务商设置：没有反向解析的地址会被大型邮件系"
				"统拒收。"));
}

/* ---- SPF ---- */

static slice spf_value(const struct plan *p, struct arena *a)
{
	AUTO(buf) struct buf out = BUF(2000);
	char text[NET_TEXT_MAX];
	buf_put(&out, S("v=spf1 mx"));
	for (size_t i = 0; i < p->nown && p->own_told; i++) {
		net_print_ip(&p->own[i], text);
		buf_printf(&out, " ip%c:%s", p->own[i].ss.ss_family == AF_INET ? '4' : '6', text);
	}
	buf_put(&out, S(" -all"));
	return arena_dup(a, buf_slice(&out));
}

static void add_spf(struct making_plan *m, const struct config *c)
{
	struct plan *p = m->p;
	slice srs = c->srs->rewrite ? c->srs->domain : (slice){0};
	plan_add(m, PLAN_SPF, "TXT", p->domain, spf_value(p, m->mem), false,
		T("SPF: who may send for the domain. Add what else sends in its name (include:..., "
		  "ip4:...).",
			"SPF：谁可以用该域发信。请补上其他代发系统（include:…、ip4:…）。"));
	if (!srs.n || slice_ieq(srs, p->domain))
		return;
	plan_add(m, PLAN_MX, "MX", srs, arena_printf(m->mem, "10 %.*s.", SFMT(p->hostname)), false,
		T("Where bounces of forwarded mail come back ([srs] domain).",
			"转发邮件的退信由此返回（[srs] domain）。"));
	plan_add(m, PLAN_SPF_SRS, "TXT", srs, spf_value(p, m->mem), false,
		T("SPF of the domain that forwarded mail is sent from ([srs] domain).",
			"转发邮件所用发件域（[srs] domain）的 SPF。"));
}

/* ---- DKIM, DMARC ---- */

static const char *dkim_why(enum keyring_state s)
{
	switch (s) {
	case KEYRING_PREPARED:
		return T("DKIM: a key that will sign. Publish it before it is activated.",
			"DKIM：即将启用的密钥。请在启用之前发布。");
	case KEYRING_ACTIVE:
		return T("DKIM: the key of our signatures.", "DKIM：签名所用的密钥。");
	case KEYRING_RETIRED:
		return T("DKIM: a former key. Mail that it signed is still on its way.",
			"DKIM：已停用的密钥。它签过名的邮件可能还在途中。");
	case KEYRING_REVOKED:
		break;
	}
	return T("DKIM: a revoked key. Can be removed a month after the revocation (posthouse dkim "
		 "remove).",
		"DKIM：已吊销的密钥。吊销一个月后可删除（posthouse dkim remove）。");
}

static void add_dkim(struct making_plan *m, const struct plan_input *in)
{
	for (size_t i = 0; i < in->nkeys; i++) {
		const struct keyring_key *k = &in->keys[i];
		bool optional = k->state != KEYRING_ACTIVE;
		plan_add(m, PLAN_DKIM, "TXT", dkim_record_name(k, m->mem),
			dkim_record_value(k, m->mem), optional, dkim_why(k->state))
			->key = k;
	}
}

/* The address that reports come to, as configured. */
static slice reports_address(const struct plan *p, const struct config *c, struct arena *a)
{
	if (!c->reports->addresses.n)
		return arena_printf(a, "postmaster@%.*s", SFMT(p->domain));
	slice first = c->reports->addresses.v[0];
	return slice_index(first, '@') < first.n
		       ? first
		       : arena_printf(a, "%.*s@%.*s", SFMT(first), SFMT(p->domain));
}

static void add_dmarc(struct making_plan *m)
{
	struct plan *p = m->p;
	slice rua = p->rua;
	slice there = slice_skip(rua, slice_rindex(rua, '@') + 1);
	plan_add(m, PLAN_DMARC, "TXT", arena_printf(m->mem, "_dmarc.%.*s", SFMT(p->domain)),
		arena_printf(m->mem, "v=DMARC1; p=none; rua=mailto:%.*s", SFMT(rua)), false,
		T("DMARC: what receivers do with mail that is not proven ours, and where they tell "
		  "about it. Begin with p=none; when the reports show only your own senders, "
		  "p=quarantine, then p=reject.",
			"DMARC：收件方如何处理无法证明属于本域的邮件，以及报告发往何处。先用 "
			"p=none；当报告中只剩自己的发信系统时，改为 p=quarantine，再改为 "
			"p=reject。"));
	if (slice_ieq(there, p->domain))
		return;
	plan_add(m, PLAN_DMARC_REPORTS, "TXT",
		arena_printf(m->mem, "%.*s._report._dmarc.%.*s", SFMT(p->domain), SFMT(there)),
		S("v=DMARC1"), true,
		T("The domain that takes the reports agrees to it (in its own zone).",
			"接收报告的域表示同意（写在该域自己的区域中）。"));
}

/* ---- safe transport ---- */

/* The id changes exactly when the policy does. */
static slice sts_id(slice policy, struct arena *a)
{
	unsigned char digest[32];
	AUTO(buf) struct buf hex = BUF(32);
	EVP_Digest(policy.p, policy.n, digest, NULL, EVP_sha256(), NULL);
	hex_encode(&hex, slice_of(digest, 10));
	return arena_dup(a, buf_slice(&hex));
}

static void add_safe_transport(struct making_plan *m, bool enforce)
{
	struct plan *p = m->p;
	struct arena *a = m->mem;
	p->sts_policy = arena_printf(a,
		"version: STSv1\r\nmode: %s\r\nmx: %.*s\r\nmax_age: " STS_AGE "\r\n",
		enforce ? "enforce" : "testing", SFMT(p->hostname));
	plan_add(m, PLAN_TLSRPT, "TXT", arena_printf(a, "_smtp._tls.%.*s", SFMT(p->domain)),
		arena_printf(a, "v=TLSRPTv1; rua=mailto:%.*s", SFMT(p->rua)), true,
		T("TLS-RPT: others tell about failures of encryption towards us.",
			"TLS-RPT：其他系统报告向本域加密投递时的失败。"));
	plan_add(m, PLAN_MTA_STS, "TXT", arena_printf(a, "_mta-sts.%.*s", SFMT(p->domain)),
		arena_printf(a, "v=STSv1; id=%.*s", SFMT(sts_id(p->sts_policy, a))), true,
		T("MTA-STS: others deliver to us only encrypted, to the hosts of the policy. Needs "
		  "the policy file below on a web server with a valid certificate, and a valid "
		  "certificate of this server.",
			"MTA-"
			"STS：其他系统只以加密方式、向策略中的主机投递。需要把下面的策略文件放在证"
			"书有效"
			"的网站上，并且本服务器的证书有效。"));
}

/* ---- services for users (RFC 6186, 8314) ---- */

static void add_services(struct making_plan *m, const struct config *c)
{
	for (size_t i = 0; i < c->nlisteners; i++) {
		const struct smtpd_conf *l = c->listeners[i].conf;
		bool implicit = l->kind == SMTPD_SUBMISSIONS;
		if (!(implicit || l->kind == SMTPD_SUBMISSION) || !l->listen.n)
			continue;
		plan_add(m, PLAN_SRV, "SRV",
			arena_printf(m->mem, "_submission%s._tcp.%.*s", implicit ? "s" : "",
				SFMT(m->p->domain)),
			arena_printf(m->mem, "%d 1 %u %.*s.", implicit ? 0 : 10,
				net_port(&l->listen.v[0]), SFMT(m->p->hostname)),
			true,
			T("Mail programs find the server for sending by themselves.",
				"邮件客户端自动找到发信服务器。"));
	}
}

/* Reading before sending, IMAP before POP3, TLS from the first byte before STARTTLS. */
static void add_reading(struct making_plan *m, const struct config *c)
{
	for (size_t i = 0; i < access_listeners(c); i++) {
		struct access_listener l = access_listener(c, i);
		bool implicit = l.conf->tls == SESSION_TLS_IMPLICIT;
		if (l.conf->tls == SESSION_TLS_NO || !l.conf->listen.n)
			continue;
		if (implicit && l.protocol == ACCESS_SIEVE) /* RFC 5804 1.8 knows none */
			continue;
		plan_add(m, PLAN_SRV, "SRV",
			arena_printf(m->mem, "_%s%s._tcp.%.*s", access_protocol_name(l.protocol),
				implicit ? "s" : "", SFMT(m->p->domain)),
			arena_printf(m->mem, "%d 1 %u %.*s.",
				(l.protocol == ACCESS_POP3 ? 20 : 0) + (implicit ? 0 : 10),
				net_port(&l.conf->listen.v[0]), SFMT(m->p->hostname)),
			true,
			T("Mail programs find the server for reading by themselves.",
				"邮件客户端自动找到收信服务器。"));
	}
}

/* ---- all ---- */

int plan_make(const struct plan_input *in, struct arena *a, struct plan *ret, struct err *e)
{
	struct making_plan m = {ret, a};
	const struct config *c = in->config;
	*ret = (struct plan){.domain = in->domain, .hostname = c->hostname};
	ret->rua = reports_address(ret, c, a);
	if (find_own(&m, in, e) < 0)
		return -1;
	add_addresses(&m);
	plan_add(&m, PLAN_MX, "MX", ret->domain, arena_printf(a, "10 %.*s.", SFMT(ret->hostname)),
		false, T("Mail for the domain comes to this server.", "该域的邮件送到本服务器。"));
	add_spf(&m, c);
	add_dkim(&m, in);
	add_dmarc(&m);
	add_safe_transport(&m, in->enforce);
	if (plan_add_tls(&m, in, e) < 0)
		return -1;
	add_services(&m, c);
	add_reading(&m, c);
	add_reverse(&m);
	return 0;
}
