/*
 * The resolver against an authoritative server of its own: a thread that answers from a table on an
 * ephemeral UDP port, signs one zone with Ed25519 (RFC 8080), and misbehaves on request.
 */
#include "base/cur.h"
#include "base/list.h"
#include "base/mem.h"
#include "base/test.h"
#include "run/co.h"
#include "run/dns.h"
#include "run/loop.h"
#include "run/pool.h"

#include <arpa/inet.h>
#include <openssl/evp.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

/* ---- the server ---- */

static const struct {
	const char *name;
	int type;
	const char *data;
} zone[] = {
	{"one.test", DNS_TYPE_MX, "10 MX.one.test"},
	{"mx.one.test", DNS_TYPE_A, "192.0.2.1"},
	{"mx.one.test", DNS_TYPE_AAAA, "2001:db8::1"},
	{"four.test", DNS_TYPE_MX, "20 c.test"},
	{"four.test", DNS_TYPE_MX, "10 a.test"},
	{"four.test", DNS_TYPE_MX, "10 b.test"},
	{"four.test", DNS_TYPE_MX, "30 ."},
	{"four.test", DNS_TYPE_MX, "40 a.test"},
	{"null.test", DNS_TYPE_MX, "0 ."},
	{"nomx.test", DNS_TYPE_A, "192.0.2.7"},
	{"alias.test", DNS_TYPE_CNAME, "one.test"},
	{"v4.test", DNS_TYPE_A, "192.0.2.4"},
	{"half.test", DNS_TYPE_A, "192.0.2.5"},
	{"half.test", DNS_TYPE_AAAA, "!servfail"},
	{"text.test", DNS_TYPE_TXT, "v=spf1 |include:x.test| -all"},
	{"text.test", DNS_TYPE_TXT, "other"},
	{"9.2.0.192.in-addr.arpa", DNS_TYPE_PTR, "Host.Nine.test"},
	{"1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.ip6.arpa", DNS_TYPE_PTR,
		"six.test"},
	{"_25._tcp.mx.one.test", DNS_TYPE_TLSA, "3 1 1 ABCD"},
	{"_25._tcp.mx.one.test", DNS_TYPE_TLSA, "3 1"},
	{"drop.test", DNS_TYPE_MX, "!drop"},
	{"servfail.test", DNS_TYPE_MX, "!servfail"},
	{"signed.test", DNS_TYPE_MX, "10 mx.signed.test"},
	{"bad.signed.test", DNS_TYPE_MX, "10 mx.signed.test"},
};
enum {
	ZONE = sizeof zone / sizeof *zone,
	TYPE_SOA = 6,
	TYPE_RRSIG = 46,
	TYPE_DNSKEY = 48,
	TTL = 300
};

static EVP_PKEY *key;
static int server_fd, queries;
static uint16_t server_port;

static void put_name(struct buf *b, slice name)
{
	slice label;
	while (name.n && slice_cut(&name, '.', &label)) {
		buf_u8(b, (uint8_t)label.n);
		buf_put(b, label);
	}
	buf_u8(b, 0);
}

static void put_dnskey(struct buf *b)
{
	unsigned char pub[32];
	size_t n = sizeof pub;
	CHECK(EVP_PKEY_get_raw_public_key(key, pub, &n) == 1);
	buf_u16(b, 257);
	buf_u8(b, 3);
	buf_u8(b, 15);
	buf_put(b, slice_of(pub, n));
}

static void put_mx(struct buf *b, slice data)
{
	uint64_t pref;
	slice word;
	slice_cut(&data, ' ', &word);
	CHECK(slice_u64(word, &pref));
	buf_u16(b, (uint16_t)pref);
	put_name(b, slice_eq(data, S(".")) ? S("") : data);
}

static void put_rdata(struct buf *b, int type, const char *z)
{
	slice data = slice_z(z), word;
	uint8_t ip[16];
	if (type == DNS_TYPE_MX) {
		put_mx(b, data);
	} else if (type == DNS_TYPE_A || type == DNS_TYPE_AAAA) {
		CHECK(inet_pton(type == DNS_TYPE_A ? AF_INET : AF_INET6, z, ip) == 1);
		buf_put(b, slice_of(ip, type == DNS_TYPE_A ? 4 : 16));
	} else if (type == DNS_TYPE_TXT) {
		while (slice_cut(&data, '|', &word)) {
			buf_u8(b, (uint8_t)word.n);
			buf_put(b, word);
		}
	} else if (type == DNS_TYPE_TLSA) {
		for (int i = 0; i < 3 && slice_cut(&data, ' ', &word); i++)
			buf_u8(b, (uint8_t)(*word.p - '0'));
		buf_put(b, data);
	} else {
		put_name(b, data);
	}
}

static void put_rr(struct buf *b, slice owner, int type, slice rdata)
{
	put_name(b, owner);
	buf_u16(b, (uint16_t)type);
	buf_u16(b, 1);
	buf_u32(b, TTL);
	buf_u16(b, (uint16_t)rdata.n);
	buf_put(b, rdata);
}

/* RFC 4034 appendix B */
static uint16_t key_tag(void)
{
	AUTO(buf) struct buf k = BUF(100);
	uint32_t sum = 0;
	put_dnskey(&k);
	for (size_t i = 0; i < k.n; i++)
		sum += (uint32_t)(uint8_t)k.p[i] << (i & 1 ? 0 : 8);
	return (uint16_t)(sum + (sum >> 16));
}

/* A signature over a set of one record (RFC 4034 3.1.8.1). */
static void put_rrsig(struct buf *b, slice owner, int type, slice rdata)
{
	AUTO(buf) struct buf sig = BUF(1000), data = BUF(2000);
	unsigned char raw[64];
	size_t n = sizeof raw, labels = 1;
	for (size_t i = 0; i < owner.n; i++)
		labels += owner.p[i] == '.';
	buf_u16(&sig, (uint16_t)type);
	buf_u8(&sig, 15);
	buf_u8(&sig, (uint8_t)labels);
	buf_u32(&sig, TTL);
	buf_u32(&sig, (uint32_t)(wall_now() / SECOND + 3600));
	buf_u32(&sig, (uint32_t)(wall_now() / SECOND - 3600));
	buf_u16(&sig, key_tag());
	put_name(&sig, S("signed.test"));
	buf_put(&data, buf_slice(&sig));
	put_rr(&data, owner, type, rdata);
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	CHECK(EVP_DigestSignInit(ctx, NULL, NULL, NULL, key) == 1);
	CHECK(EVP_DigestSign(ctx, raw, &n, (unsigned char *)data.p, data.n) == 1);
	EVP_MD_CTX_free(ctx);
	raw[0] ^= slice_starts(owner, S("bad."));
	buf_put(&sig, slice_of(raw, n));
	put_rr(b, owner, TYPE_RRSIG, buf_slice(&sig));
}

struct reply {
	struct buf *b;
	slice name;
	int type, n, rcode;
	bool drop;
};

static void add(struct reply *r, int type, slice rdata)
{
	put_rr(r->b, r->name, type, rdata);
	r->n++;
	if (slice_ends(r->name, S("signed.test"))) {
		put_rrsig(r->b, r->name, type, rdata);
		r->n++;
	}
}

/* 70 MX, 40 A and AAAA: more than we take. */
static void add_many(struct reply *r)
{
	char host[32];
	for (unsigned i = 0; i < 70; i++) {
		AUTO(buf) struct buf rdata = BUF(300);
		uint8_t ip[16] = {192, 0, 2, (uint8_t)i};
		if (r->type == DNS_TYPE_MX) {
			snprintf(host, sizeof host, "%u mx%u.many.test", 100 - i, i);
			put_mx(&rdata, slice_z(host));
		} else {
			buf_put(&rdata, slice_of(ip, r->type == DNS_TYPE_A ? 4 : 16));
		}
		add(r, r->type, buf_slice(&rdata));
	}
}

static bool exists(slice name)
{
	for (int i = 0; i < ZONE; i++)
		if (slice_ends(slice_z(zone[i].name), name)) /* and the empty names above it */
			return true;
	return false;
}

static void answer_from_zone(struct reply *r)
{
	AUTO(buf) struct buf rdata = BUF(1000);
	for (int i = 0; i < ZONE; i++) {
		if (!slice_eq(slice_z(zone[i].name), r->name) ||
			(zone[i].type != r->type && zone[i].type != DNS_TYPE_CNAME))
			continue;
		r->drop = strcmp(zone[i].data, "!drop") == 0;
		r->rcode = strcmp(zone[i].data, "!servfail") == 0 ? 2 : 0;
		if (*zone[i].data == '!')
			return;
		buf_reset(&rdata);
		put_rdata(&rdata, zone[i].type, zone[i].data);
		add(r, zone[i].type, buf_slice(&rdata));
	}
	if (slice_eq(r->name, S("many.test")) &&
		(r->type == DNS_TYPE_MX || r->type == DNS_TYPE_A || r->type == DNS_TYPE_AAAA))
		add_many(r);
	if (slice_eq(r->name, S("signed.test")) && r->type == TYPE_DNSKEY) {
		buf_reset(&rdata);
		put_dnskey(&rdata);
		add(r, TYPE_DNSKEY, buf_slice(&rdata));
	}
	if (r->n == 0)
		r->rcode = exists(r->name) || slice_ends(r->name, S("many.test")) ? 0 : 3;
}

static void put_soa(struct buf *b)
{
	AUTO(buf) struct buf soa = BUF(200);
	put_name(&soa, S("ns.test"));
	put_name(&soa, S("root.test"));
	for (int i = 0; i < 5; i++)
		buf_u32(&soa, 60);
	put_rr(b, S(""), TYPE_SOA, buf_slice(&soa));
}

static slice question_name(struct cur *c, struct buf *to)
{
	for (slice label; (label = cur_bytes(c, cur_u8(c))).n;) {
		if (to->n)
			buf_byte(to, '.');
		for (size_t i = 0; i < label.n; i++)
			buf_byte(to, ascii_lower(label.p[i]));
	}
	return buf_slice(to);
}

static void serve_one(slice query, const struct sockaddr *from, socklen_t from_n)
{
	AUTO(buf) struct buf out = BUF(65000), records = BUF(60000), name = BUF(300);
	struct cur c = cur_of(query);
	uint16_t id = cur_u16(&c);
	cur_bytes(&c, 10);
	size_t question = 12;
	struct reply r = {.b = &records, .name = question_name(&c, &name)};
	r.type = cur_u16(&c);
	cur_u16(&c);
	size_t question_end = query.n - cur_rest(&c).n;
	answer_from_zone(&r);
	if (r.drop)
		return;
	if (r.n == 0)
		put_soa(&records);
	buf_u16(&out, id);
	buf_u16(&out, (uint16_t)(0x8400 | r.rcode)); /* QR AA */
	buf_u16(&out, 1);
	buf_u16(&out, (uint16_t)r.n);
	buf_u16(&out, r.n == 0);
	buf_u16(&out, 1);
	buf_put(&out, slice_of(query.p + question, question_end - question));
	buf_put(&out, buf_slice(&records));
	buf_put(&out, slice_of("\0\0\x29\x10\0\0\0\x80\0\0\0", 11)); /* OPT, DO */
	sendto(server_fd, out.p, out.n, 0, from, from_n);
}

static void *serve(void *arg)
{
	static char query[2048];
	struct sockaddr_storage from;
	(void)arg;
	for (;;) {
		socklen_t n = sizeof from;
		ssize_t got =
			recvfrom(server_fd, query, sizeof query, 0, (struct sockaddr *)&from, &n);
		__atomic_fetch_add(&queries, 1, __ATOMIC_RELAXED);
		if (got > 12)
			serve_one(slice_of(query, (size_t)got), (struct sockaddr *)&from, n);
	}
	return NULL;
}

static void start_server(void)
{
	struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t n = sizeof at;
	pthread_t thread;
	key = EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");
	server_fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	CHECK(key && bind(server_fd, (struct sockaddr *)&at, n) == 0);
	CHECK(getsockname(server_fd, (struct sockaddr *)&at, &n) == 0);
	server_port = ntohs(at.sin_port);
	CHECK(pthread_create(&thread, NULL, serve, NULL) == 0);
	pthread_detach(thread);
}

/* ---- what each test starts from ---- */

static struct arena a;
static struct dns *dns;
static int order = DNS_V6_FIRST;
static int64_t timeout = 20 * SECOND;
static slice anchor;

static void with_resolver(void *arg)
{
	void (*test)(void);
	memcpy(&test, arg, sizeof test);
	slice server = arena_printf(&a, "127.0.0.1@%u", server_port);
	struct dns_config cfg = {.mode = DNS_FORWARD,
		.servers = {&server, 1},
		.order = order,
		.cache_size = 1 << 20,
		.timeout = timeout,
		.trust_anchor = anchor};
	struct err e;
	if (dns_open(&cfg, &dns, &e) < 0)
		test_fail(__FILE__, __LINE__, "%s", e.text);
	test();
	dns_close(dns);
}

static void run(void (*test)(void))
{
	start_server();
	loop_init();
	pool_init(1);
	loop_main(with_resolver, &test);
	pool_done();
	loop_done();
	arena_done(&a);
	EVP_PKEY_free(key);
}

static instant soon(void)
{
	return instant_in(10 * SECOND);
}

static struct dns_mx_answer mx(const char *domain)
{
	struct dns_mx_answer m = {0};
	struct err e;
	if (dns_mx(dns, slice_z(domain), soon(), &a, &m, &e) < 0)
		test_fail(__FILE__, __LINE__, "%s: %s", domain, e.text);
	return m;
}

static slice addresses(const char *host)
{
	struct dns_addr_answer r = {0};
	struct err e;
	struct buf b = BUF(10000);
	char text[NET_TEXT_MAX];
	if (dns_addr(dns, slice_z(host), soon(), &a, &r, &e) < 0)
		test_fail(__FILE__, __LINE__, "%s: %s", host, e.text);
	buf_put(&b, slice_z(dns_status_name(r.dns.status)));
	for (size_t i = 0; i < r.n; i++)
		buf_printf(&b, " %.*s", (int)net_print_ip(&r.v[i], text), text);
	slice s = arena_dup(&a, buf_slice(&b));
	buf_done(&b);
	return s;
}

/* ---- tests ---- */

static void mx_test(void)
{
	struct dns_mx_answer m = mx("one.test.");
	CHECK(m.dns.status == DNS_OK && m.n == 1 && !m.null_mx && !m.dns.secure &&
		m.v[0].pref == 10);
	CHECK(m.dns.ttl > 0 && m.dns.ttl <= TTL);
	CHECK_STR(m.v[0].host, S("mx.one.test"));
	m = mx("null.test");
	CHECK(m.dns.status == DNS_OK && m.null_mx && m.n == 0);
	m = mx("nomx.test");
	CHECK(m.dns.status == DNS_NODATA && m.n == 0);
	m = mx("absent.test");
	CHECK(m.dns.status == DNS_NXDOMAIN && m.n == 0);
	m = mx("ALIAS.test");
	CHECK(m.dns.status == DNS_OK && m.n == 1);
	CHECK_STR(m.dns.canon, S("one.test"));
}

TEST(dns_finds_mail_exchangers)
{
	run(mx_test);
}

static void mx_order_test(void)
{
	int first_a = 0;
	for (int i = 0; i < 64; i++) {
		struct dns_mx_answer m = mx("four.test");
		CHECK(m.n == 3 && !m.null_mx);
		CHECK_STR(m.v[2].host, S("c.test"));
		CHECK(m.v[0].pref == 10 && m.v[1].pref == 10);
		first_a += slice_eq(m.v[0].host, S("a.test"));
	}
	CHECK(first_a > 0 && first_a < 64); /* fails by chance once in 2^63 */
	struct dns_mx_answer m = mx("many.test");
	CHECK_INT(m.n, DNS_MX_MAX);
	CHECK_STR(m.v[0].host, S("mx69.many.test"));
}

TEST(dns_orders_and_limits_mail_exchangers)
{
	run(mx_order_test);
}

static void hosts_test(void)
{
	struct dns_hosts_answer h;
	struct err e;
	CHECK(dns_mail_hosts(dns, S("nomx.test"), soon(), &a, &h, &e) == 0);
	CHECK(h.implicit && h.n == 1 && h.dns.status == DNS_OK);
	CHECK_STR(h.v[0].host, S("nomx.test"));
	CHECK(dns_mail_hosts(dns, S("one.test"), soon(), &a, &h, &e) == 0 && !h.implicit &&
		h.n == 1);
	CHECK(dns_mail_hosts(dns, S("null.test"), soon(), &a, &h, &e) == 0 && h.null_mx &&
		h.n == 0);
	CHECK(dns_mail_hosts(dns, S("absent.test"), soon(), &a, &h, &e) == 0 &&
		h.dns.status == DNS_NXDOMAIN);
}

TEST(dns_knows_the_implicit_exchanger)
{
	run(hosts_test);
}

static void addr_test(void)
{
	CHECK_STR(addresses("mx.one.test"), S("ok 2001:db8::1 192.0.2.1"));
	CHECK_STR(addresses("v4.test"), S("ok 192.0.2.4"));
	CHECK_STR(addresses("half.test"), S("ok 192.0.2.5"));
	CHECK_STR(addresses("text.test"), S("nodata"));
	CHECK_STR(addresses("absent.test"), S("nxdomain"));
	CHECK_STR(addresses("localhost"), S("ok ::1 127.0.0.1"));
	CHECK_STR(addresses("x.LocalHost."), S("ok ::1 127.0.0.1"));
	struct dns_addr_answer r;
	struct err e;
	int v6 = 0;
	CHECK(dns_addr(dns, S("many.test"), soon(), &a, &r, &e) == 0 && r.n == DNS_ADDR_MAX);
	for (size_t i = 0; i < r.n; i++)
		v6 += r.v[i].ss.ss_family == AF_INET6;
	CHECK_INT(v6, DNS_ADDR_MAX / 2);
}

TEST(dns_finds_addresses)
{
	run(addr_test);
}

static void v4_first_test(void)
{
	CHECK_STR(addresses("mx.one.test"), S("ok 192.0.2.1 2001:db8::1"));
}

static void v4_only_test(void)
{
	CHECK_STR(addresses("mx.one.test"), S("ok 192.0.2.1"));
	CHECK_STR(addresses("localhost"), S("ok 127.0.0.1"));
}

TEST(dns_keeps_the_configured_order)
{
	order = DNS_V4_FIRST;
	run(v4_first_test);
}

TEST(dns_keeps_to_one_family)
{
	order = DNS_V4_ONLY;
	run(v4_only_test);
}

static void other_types_test(void)
{
	struct dns_names_answer r;
	struct dns_tlsa_answer t;
	struct net_addr addr;
	struct err e;
	CHECK(dns_txt(dns, S("text.test"), soon(), &a, &r, &e) == 0 && r.n == 2);
	slice spf = slice_starts(r.v[0], S("v=")) ? r.v[0] : r.v[1];
	CHECK_STR(spf, S("v=spf1 include:x.test -all"));
	CHECK(net_from_ip(S("192.0.2.9"), 25, &addr, &e) == 0);
	CHECK(dns_ptr(dns, &addr, soon(), &a, &r, &e) == 0 && r.n == 1);
	CHECK_STR(r.v[0], S("host.nine.test"));
	CHECK(net_from_ip(S("::ffff:192.0.2.9"), 25, &addr, &e) == 0);
	CHECK(dns_ptr(dns, &addr, soon(), &a, &r, &e) == 0 && r.n == 1);
	CHECK(net_from_ip(S("2001:db8::1"), 25, &addr, &e) == 0);
	CHECK(dns_ptr(dns, &addr, soon(), &a, &r, &e) == 0 && r.n == 1);
	CHECK_STR(r.v[0], S("six.test"));
	CHECK(dns_tlsa(dns, S("mx.one.test"), 25, soon(), &a, &t, &e) == 0 && t.n == 1 &&
		!t.dns.secure);
	CHECK(t.v[0].usage == 3 && t.v[0].selector == 1 && t.v[0].matching == 1);
	CHECK_STR(t.v[0].data, S("ABCD"));
	CHECK(dns_query(dns, S("v4.test"), DNS_TYPE_A, soon(), &a, &r, &e) == 0 && r.n == 1 &&
		r.v[0].n == 4);
}

TEST(dns_reads_other_records)
{
	run(other_types_test);
}

static void failure_test(void)
{
	struct dns_mx_answer m = {0};
	struct err e;
	CHECK(dns_mx(dns, S("servfail.test"), soon(), &a, &m, &e) == -1);
	CHECK(e.kind == ERR_TEMP && m.dns.status == DNS_TEMP);
	CHECK(slice_starts(slice_z(e.text), S("dns: servfail.test MX: ")));
	static const char *const not_names[] = {
		"", "a..b", ".a", "a b.test", "a\\.test", "\xe4.test", "a\n.test"};
	for (size_t i = 0; i < sizeof not_names / sizeof *not_names; i++)
		CHECK(dns_mx(dns, slice_z(not_names[i]), soon(), &a, &m, &e) == -1 &&
			e.kind == ERR_PROTO);
	char label[66], name[260];
	memset(label, 'x', sizeof label);
	memset(name, 'y', sizeof name);
	CHECK(dns_mx(dns, slice_of(label, 64), soon(), &a, &m, &e) == -1 && e.kind == ERR_PROTO);
	for (size_t i = 9; i < sizeof name; i += 10)
		name[i] = '.';
	CHECK(dns_mx(dns, slice_of(name, 255), soon(), &a, &m, &e) == -1 && e.kind == ERR_PROTO);
}

TEST(dns_tells_failures_apart)
{
	run(failure_test);
}

static void deadline_test(void)
{
	struct dns_mx_answer m = {0};
	struct err e;
	instant begun = instant_now();
	CHECK(dns_mx(dns, S("drop.test"), instant_in(100 * MSEC), &a, &m, &e) == -1 &&
		e.kind == ERR_TIMEOUT);
	CHECK(instant_now() - begun < 2 * SECOND);
	CHECK(mx("one.test").n == 1); /* and it works on */
}

TEST(dns_keeps_deadlines)
{
	run(deadline_test);
}

static void own_timeout_test(void)
{
	struct dns_mx_answer m = {0};
	struct err e;
	CHECK(dns_mx(dns, S("drop.test"), soon(), &a, &m, &e) == -1);
	CHECK(e.kind == ERR_TEMP && m.dns.status == DNS_TEMP);
}

TEST(dns_gives_up_by_itself)
{
	timeout = 200 * MSEC;
	run(own_timeout_test);
}

static struct {
	struct group group;
	int closed, limited;
} crowd;

static void wait_for_nothing(void *arg)
{
	AUTO(arena) struct arena mine = {0};
	struct dns_mx_answer m = {0};
	struct err e;
	(void)arg;
	CHECK(dns_mx(dns, S("drop.test"), INSTANT_NEVER, &mine, &m, &e) == -1);
	crowd.closed += e.kind == ERR_CLOSED;
	crowd.limited += e.kind == ERR_TEMP;
}

static void crowd_test(void)
{
	struct err e;
	group_init(&crowd.group);
	for (int i = 0; i < DNS_FLIGHT_MAX + 5; i++)
		group_go(&crowd.group, "crowd", wait_for_nothing, NULL);
	CHECK(co_sleep(instant_in(200 * MSEC), &e) == 0);
	CHECK_INT(crowd.limited, 5);
	CHECK_INT(crowd.closed, 0);
	group_cancel(&crowd.group);
	group_join(&crowd.group);
	CHECK_INT(crowd.closed, DNS_FLIGHT_MAX);
	CHECK(mx("one.test").n == 1);
}

TEST(dns_limits_and_cancels_lookups)
{
	run(crowd_test);
}

static void cache_test(void)
{
	mx("one.test");
	int before = __atomic_load_n(&queries, __ATOMIC_RELAXED);
	CHECK(before > 0);
	for (int i = 0; i < 50; i++)
		mx("one.test");
	CHECK_INT(__atomic_load_n(&queries, __ATOMIC_RELAXED), before);
}

TEST(dns_caches)
{
	run(cache_test);
}

static void secure_test(void)
{
	unsigned char raw[64], text[128];
	char path[] = "/tmp/ph-anchor-XXXXXX";
	struct buf k = BUF(100);
	put_dnskey(&k);
	memcpy(raw, k.p + 4, k.n - 4);
	EVP_EncodeBlock(text, raw, (int)k.n - 4);
	buf_done(&k);
	int fd = mkstemp(path);
	CHECK(fd >= 0 && dprintf(fd, "signed.test. IN DNSKEY 257 3 15 %s\n", text) > 0);
	close(fd);
	slice server = arena_printf(&a, "127.0.0.1@%u", server_port);
	struct dns_config cfg = {.mode = DNS_FORWARD,
		.servers = {&server, 1},
		.cache_size = 1 << 20,
		.timeout = 20 * SECOND,
		.trust_anchor = slice_z(path)};
	struct dns *outer = dns;
	struct err e;
	CHECK(dns_open(&cfg, &dns, &e) == 0);
	struct dns_mx_answer m = mx("signed.test");
	CHECK(m.dns.secure && m.n == 1);
	CHECK(!mx("one.test").dns.secure);
	m = (struct dns_mx_answer){0};
	CHECK(dns_mx(dns, S("bad.signed.test"), soon(), &a, &m, &e) == -1);
	CHECK(e.kind == ERR_TEMP && m.dns.status == DNS_BOGUS);
	dns_close(dns);
	dns = outer;
	unlink(path);
	int bad = mkstemp(strcpy(path, "/tmp/ph-anchor-XXXXXX"));
	CHECK(bad >= 0 && write(bad, "nonsense ( \n", 12) == 12);
	close(bad);
	CHECK(dns_open(&cfg, &outer, &e) == -1 && e.kind == ERR_PERM);
	CHECK(strstr(e.text, path) != NULL);
	unlink(path);
	cfg.trust_anchor = S("/no/such/file");
	CHECK(dns_open(&cfg, &outer, &e) == -1 && e.kind == ERR_PERM);
}

TEST(dns_validates)
{
	run(secure_test);
}

TEST(dns_configuration_is_checked)
{
	static const struct conf_section *const sections[] = {&dns_section, NULL};
	struct {
		const char *text, *want;
	} table[] = {
		{"[dns]\nmode = forward\n", "t:1: [dns] servers: the mode forward"},
		{"[dns]\nmode = forward\nservers = 127.0.0.1@0\n",
			"t:3: [dns] servers: each server"},
		{"[dns]\nservers = ns.example\n", "t:2: [dns] servers: each server"},
		{"[dns]\nmode = forward\nservers = 127.0.0.1@5353 ::1 192.0.2.1\n", NULL},
		{"", NULL},
	};
	for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
		struct conf *c = NULL;
		struct conf_errors errors;
		struct err e;
		int r = conf_parse(
			slice_z(table[i].text), S("t"), sections, CONF_EN, &a, &c, &errors, &e);
		CHECK_INT(r, table[i].want ? -1 : 0);
		if (table[i].want)
			CHECK(slice_starts(slice_z(e.text), slice_z(table[i].want)));
		conf_free(c);
	}
	arena_done(&a);
}

TEST(dns_reversed)
{
	static const struct {
		const char *ip, *below, *alone, *name;
	} cases[] = {
		{"192.0.2.1", "1.2.0.192.bl.test", "1.2.0.192", "1.2.0.192.in-addr.arpa"},
		{"::ffff:192.0.2.1", "1.2.0.192.bl.test", "1.2.0.192", "1.2.0.192.in-addr.arpa"},
		{"2001:db8::1",
			"1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.bl.test",
			"1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2",
			"1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.ip6.arpa"},
	};
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		AUTO(arena) struct arena mem = {0};
		struct net_addr ip;
		struct err e;
		CHECK(net_from_ip(slice_z(cases[i].ip), 0, &ip, &e) == 0);
		CHECK_STR(dns_reverse(&ip, S("bl.test"), &mem), slice_z(cases[i].below));
		CHECK_STR(dns_reverse(&ip, S(""), &mem), slice_z(cases[i].alone));
		CHECK_STR(dns_reverse_name(&ip, &mem), slice_z(cases[i].name));
	}
	struct net_addr none = {0};
	AUTO(arena) struct arena mem = {0};
	CHECK(dns_reverse(&none, S(""), &mem).n == 0);
}
