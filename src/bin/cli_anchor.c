/*
 * Probing a resolver for DNSSEC (cli_anchor.h): a name that has been signed for long must come out
 * proven, and one that is not signed must not come out as forged. Called by `posthouse init` and
 * `posthouse lookup dnssec`.
 */
#include "bin/cli_anchor.h"

#include "base/mem.h"
#include "bin/tr.h"
#include "run/loop.h"
#include "run/pool.h"

#include <unistd.h>

enum { PROBE_SECONDS = 6 };

static enum anchor_state ask(struct dns *d, struct err *why)
{
	AUTO(arena) struct arena a = {0};
	const instant deadline = instant_in(PROBE_SECONDS * SECOND);
	struct dns_names_answer org = {0}, qq = {0};
	int proven = dns_query(d, S("org"), DNS_TYPE_NS, deadline, &a, &org, why);
	if (proven < 0)
		return org.dns.status == DNS_BOGUS ? ANCHOR_DROPPED : ANCHOR_SILENT;
	if (!org.dns.secure) {
		err_set(why, ERR_PERM, "the answer about \"org\" has no proof");
		return ANCHOR_DROPPED;
	}
	/* That qq.com is not signed has to be proven, too. */
	if (dns_query(d, S("qq.com"), DNS_TYPE_MX, deadline, &a, &qq, why) < 0)
		return qq.dns.status == DNS_BOGUS ? ANCHOR_DROPPED : ANCHOR_SILENT;
	return ANCHOR_WORKS;
}

enum anchor_state anchor_probe(const struct dns_config *cfg, struct err *why)
{
	AUTO(arena) struct arena a = {0};
	struct dns_config with = *cfg;
	struct dns *d;
	if (!with.trust_anchor.n)
		with.trust_anchor = S(ANCHOR_FILE);
	const char *file = arena_strz(&a, with.trust_anchor);
	if (access(file, R_OK) < 0) {
		err_set(why, ERR_NOTFOUND, "%s cannot be read", file);
		return ANCHOR_NO_FILE;
	}
	if (dns_open(&with, &d, why) < 0)
		return ANCHOR_NO_FILE;
	enum anchor_state s = ask(d, why);
	dns_close(d);
	return s;
}

struct trying {
	const struct dns_config *cfg;
	struct err *why;
	enum anchor_state state;
};

static void try_it(void *arg)
{
	struct trying *t = arg;
	t->state = anchor_probe(t->cfg, t->why);
}

enum anchor_state anchor_try(const struct dns_config *cfg, struct err *why)
{
	struct trying t = {cfg, why, ANCHOR_SILENT};
	loop_init();
	pool_init(2);
	loop_main(try_it, &t);
	pool_done();
	loop_done();
	return t.state;
}

const char *anchor_sentence(enum anchor_state s)
{
	switch (s) {
	case ANCHOR_WORKS:
		return T("The resolver hands on DNSSEC signatures: answers can be validated, and "
			 "receivers' certificates looked up in the DNS (DANE).",
			"解析服务器传递 DNSSEC 签名：可以验证应答，并通过 DNS "
			"查证对方证书（DANE）。");
	case ANCHOR_NO_FILE:
		return T("Answers of the DNS cannot be validated, and DANE is off: the trust "
			 "anchor is missing (on Debian the package dns-root-data has it).",
			"无法验证 DNS 应答，DANE 不启用：缺少信任锚（Debian 上由 dns-root-data "
			"软件包提供）。");
	case ANCHOR_SILENT:
		return T("The resolver does not answer, so whether it hands on DNSSEC signatures "
			 "is unknown.",
			"解析服务器没有应答，无法得知它是否传递 DNSSEC 签名。");
	case ANCHOR_DROPPED:
		break;
	}
	return T("The resolver does not hand on DNSSEC signatures: its answers cannot be "
		 "validated, and DANE cannot work with it.",
		"解析服务器不传递 DNSSEC 签名：无法验证其应答，DANE 无法使用。");
}
