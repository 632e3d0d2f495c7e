/*
 * Which hosts are tried for a domain or a route, with a name server of our own on loopback, and
 * which reason is given when there are none.
 */
#include "base/mem.h"
#include "base/test.h"
#include "mail/hosts.h"
#include "run/loop.h"
#include "run/pool.h"
#include <arpa/inet.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdio.h>

/* ---- a name server: answers from a table, knows nothing else below "example" ---- */

enum { TYPE_A = 1, TYPE_SOA = 6, TYPE_MX = 15 };

static const struct record {
	const char *name;
	int type, pref;
	const char *data;
} zone[] = {
	{"two.example", TYPE_MX, 20, "b.example"},
	{"two.example", TYPE_MX, 10, "a.example"},
	{"a.example", TYPE_A, 0, "192.0.2.1"},
	{"b.example", TYPE_A, 0, "192.0.2.2"},
	{"null.example", TYPE_MX, 0, ""},
	{"implicit.example", TYPE_A, 0, "192.0.2.7"},
	{"loop.example", TYPE_MX, 10, "mx.us.example"},
	{"loop.example", TYPE_MX, 20, "b.example"},
	{"backup.example", TYPE_MX, 10, "a.example"},
	{"backup.example", TYPE_MX, 20, "mx.us.example"},
	{"backup.example", TYPE_MX, 30, "b.example"},
	{"byaddr.example", TYPE_MX, 10, "a.example"},
	{"byaddr.example", TYPE_MX, 20, "alias-of-us.example"},
	{"alias-of-us.example", TYPE_A, 0, "192.0.2.99"},
	{"void.example", TYPE_MX, 10, "nothing.example"},
	{"nothing.example", TYPE_MX, 0, ""},
};
enum { ZONE_N = sizeof zone / sizeof zone[0] };

static int server_fd;
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

static void put_record(struct buf *b, const struct record *r)
{
	AUTO(buf) struct buf data = BUF(300);
	if (r->type == TYPE_MX) {
		buf_u16(&data, (uint16_t)r->pref);
		put_name(&data, slice_z(r->data));
	} else {
		struct in_addr ip;
		inet_pton(AF_INET, r->data, &ip);
		buf_put(&data, slice_of(&ip, 4));
	}
	put_name(b, slice_z(r->name));
	buf_u16(b, (uint16_t)r->type);
	buf_u16(b, 1);
	buf_u32(b, 60);
	buf_u16(b, (uint16_t)data.n);
	buf_put(b, buf_slice(&data));
}

static void put_soa(struct buf *b)
{
	put_name(b, S("example"));
	buf_u16(b, TYPE_SOA);
	buf_u16(b, 1);
	buf_u32(b, 60);
	buf_u16(b, 2 + 20);
	buf_u16(b, 0);
	for (int i = 0; i < 5; i++)
		buf_u32(b, 60);
}

/* The question's name in lower case; *ret_type follows it. Returns its length on the wire. */
static size_t read_question(const char *q, size_t n, char name[256], int *ret_type)
{
	size_t at = 12, out = 0;
	while (at < n && q[at]) {
		for (int i = q[at++]; i > 0 && at < n && out < 250; i--)
			name[out++] = ascii_lower(q[at++]);
		name[out++] = '.';
	}
	name[out ? out - 1 : 0] = 0;
	*ret_type = (unsigned char)q[at + 1] << 8 | (unsigned char)q[at + 2];
	return at + 5 - 12;
}

static void answer(const char *q, size_t n, const struct sockaddr *to, socklen_t to_n)
{
	AUTO(buf) struct buf out = BUF(4000);
	AUTO(buf) struct buf records = BUF(3000);
	char name[256];
	int type;
	size_t question = read_question(q, n, name, &type);
	unsigned count = 0;
	bool known = strcmp(name, "example") == 0 || !*name;
	for (int i = 0; i < ZONE_N; i++) {
		known = known || strcmp(zone[i].name, name) == 0;
		if (strcmp(zone[i].name, name) == 0 && zone[i].type == type) {
			put_record(&records, &zone[i]);
			count++;
		}
	}
	int rcode = strstr(name, "broken") ? 2 : known ? 0 : 3;
	buf_put(&out, slice_of(q, 2));
	buf_u16(&out, (uint16_t)(0x8580 | rcode));
	buf_u16(&out, 1);
	buf_u16(&out, (uint16_t)count);
	buf_u16(&out, count ? 0 : 1);
	buf_u16(&out, 0);
	buf_put(&out, slice_of(q + 12, question));
	buf_put(&out, buf_slice(&records));
	if (!count)
		put_soa(&out);
	sendto(server_fd, out.p, out.n, 0, to, to_n);
}

static void *serve(void *arg)
{
	char q[1500];
	struct sockaddr_in from;
	socklen_t from_n = sizeof from;
	ssize_t n;
	while ((n = recvfrom(server_fd, q, sizeof q, 0, (struct sockaddr *)&from, &from_n)) > 0)
		if (n > 16)
			answer(q, (size_t)n, (struct sockaddr *)&from, from_n);
	return arg;
}

static void start_server(void)
{
	static pthread_t thread;
	if (server_fd)
		return;
	struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t n = sizeof a;
	server_fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	CHECK(bind(server_fd, (struct sockaddr *)&a, n) == 0);
	getsockname(server_fd, (struct sockaddr *)&a, &n);
	server_port = ntohs(a.sin_port);
	CHECK(pthread_create(&thread, NULL, serve, NULL) == 0);
}

/* ---- the frame of a test ---- */

struct bench {
	struct arena a;
	struct hosts_self self;
	struct hosts_want want;
	void (*fn)(struct bench *b);
};

static struct net_addr addr_of(const char *text)
{
	struct net_addr a;
	struct err e;
	if (net_parse(slice_z(text), 25, &a, &e) < 0)
		test_fail(__FILE__, __LINE__, "%s", e.text);
	return a;
}

static void with_dns(void *arg)
{
	struct bench *b = arg;
	static slice names[] = {S_INIT("mx.us.example")};
	static struct net_addr own;
	struct err e;
	slice server = arena_printf(&b->a, "127.0.0.1@%u", server_port);
	struct dns_config cfg = {.mode = DNS_FORWARD,
		.servers = {&server, 1},
		.order = DNS_V4_ONLY,
		.cache_size = 1 << 20,
		.timeout = 5 * SECOND};
	if (dns_open(&cfg, &b->want.dns, &e) < 0)
		test_fail(__FILE__, __LINE__, "%s", e.text);
	own = addr_of("192.0.2.99:25");
	b->self = (struct hosts_self){names, 1, &own, 1};
	b->want.self = &b->self;
	b->want.health = hosts_health_new();
	b->want.port = 25;
	b->want.now = instant_now();
	b->want.deadline = instant_in(10 * SECOND);
	b->fn(b);
	hosts_health_free(b->want.health);
	dns_close(b->want.dns);
}

static void run(void (*fn)(struct bench *b))
{
	struct bench b = {.fn = fn};
	start_server();
	loop_init();
	pool_init(1);
	loop_main(with_dns, &b);
	pool_done();
	loop_done();
	arena_done(&b.a);
}

/* "a.example=192.0.2.1:25 b.example=...", or "failed 5.1.2 ...", "deferred 4.4.3 ...". */
static slice show(struct bench *b, int r, const struct host *v, size_t n, const struct result *why)
{
	struct buf *out = ARENA_NEW(&b->a, struct buf);
	*out = BUF(4000);
	if (r < 0) {
		buf_printf(out, "%s %u.%u.%u %.*s",
			why->kind == RESULT_FAILED ? "failed" : "deferred", why->status.cls,
			why->status.subject, why->status.detail, SFMT(why->text));
	}
	for (size_t i = 0; r == 0 && i < n; i++) {
		char text[NET_TEXT_MAX];
		net_print(&v[i].addr, text);
		buf_printf(out, "%s%.*s=%s", i ? " " : "", SFMT(v[i].name), text);
	}
	slice s = arena_dup(&b->a, buf_slice(out));
	buf_done(out);
	return s;
}

static slice domain(struct bench *b, const char *name)
{
	struct host *v = NULL;
	size_t n = 0;
	struct result why = {0};
	int r = hosts_for_domain(&b->want, slice_z(name), &b->a, &v, &n, &why);
	return show(b, r, v, n, &why);
}

static slice route(struct bench *b, const char *list)
{
	struct host *v = NULL;
	size_t n = 0;
	struct result why = {0};
	int r = hosts_for_route(&b->want, slice_z(list), &b->a, &v, &n, &why);
	return show(b, r, v, n, &why);
}

#define STARTS(got, want)                                                                          \
	do {                                                                                       \
		slice g = (got);                                                                   \
		CHECK_STR(slice_first(g, sizeof want - 1), S(want));                               \
	} while (0)

/* ---- the rules ---- */

static void domains(struct bench *b)
{
	CHECK_STR(domain(b, "two.example"), S("a.example=192.0.2.1:25 b.example=192.0.2.2:25"));
	CHECK_STR(domain(b, "implicit.example"), S("implicit.example=192.0.2.7:25"));
	STARTS(domain(b, "null.example"), "failed 5.1.10");
	STARTS(domain(b, "missing.example"), "failed 5.1.2");
	STARTS(domain(b, "void.example"), "failed 5.4.4");
	STARTS(domain(b, "broken.example"), "deferred 4.4.3");
	/* RFC 5321 5.1: hosts that are not better than ourselves are left out. */
	STARTS(domain(b, "loop.example"), "failed 5.4.6");
	CHECK_STR(domain(b, "backup.example"), S("a.example=192.0.2.1:25"));
	CHECK_STR(domain(b, "byaddr.example"), S("a.example=192.0.2.1:25"));
	STARTS(domain(b, "alias-of-us.example"), "failed 5.4.6");
	/* On another port it is not us. */
	b->want.port = 2525;
	CHECK_STR(domain(b, "alias-of-us.example"), S("alias-of-us.example=192.0.2.99:2525"));
}

TEST(hosts_of_domains)
{
	run(domains);
}

static void literals(struct bench *b)
{
	CHECK_STR(domain(b, "[192.0.2.5]"), S("[192.0.2.5]=192.0.2.5:25"));
	CHECK_STR(domain(b, "[IPv6:2001:db8::5]"), S("[IPv6:2001:db8::5]=[2001:db8::5]:25"));
	STARTS(domain(b, "[192.0.2.99]"), "failed 5.4.6");
	STARTS(domain(b, "[nonsense]"), "failed 5.1.2");
}

TEST(hosts_of_address_literals)
{
	run(literals);
}

static void routes(struct bench *b)
{
	CHECK_STR(route(b, "a.example  b.example:2500 [2001:db8::9]:26 192.0.2.4 unix:/run/lmtp"),
		S("a.example=192.0.2.1:25 b.example=192.0.2.2:2500 2001:db8::9=[2001:db8::9]:26 "
		  "192.0.2.4=192.0.2.4:25 unix:/run/lmtp=unix:/run/lmtp"));
	/* A route is an administrator's word: what is wrong with it bounces nothing. */
	STARTS(route(b, "missing.example"), "deferred 4.4.4");
	STARTS(route(b, "192.0.2.99"), "deferred 4.4.6");
	STARTS(route(b, "broken.example"), "deferred 4.4.3");
	CHECK_STR(route(b, "broken.example a.example"), S("a.example=192.0.2.1:25"));
	STARTS(route(b, ""), "deferred 4.4.4");
}

TEST(hosts_of_routes)
{
	run(routes);
}

static void health(struct bench *b)
{
	struct net_addr first = addr_of("192.0.2.1:25");
	struct hosts_health *h = b->want.health;
	hosts_health_failed(h, &first, b->want.now);
	CHECK_STR(domain(b, "two.example"), S("b.example=192.0.2.2:25 a.example=192.0.2.1:25"));
	b->want.now += HOSTS_DOWN_FIRST_S * SECOND;
	CHECK_STR(domain(b, "two.example"), S("a.example=192.0.2.1:25 b.example=192.0.2.2:25"));
	hosts_health_failed(h, &first, b->want.now); /* again: down for twice as long */
	CHECK(hosts_health_is_down(h, &first, b->want.now + (2 * HOSTS_DOWN_FIRST_S - 1) * SECOND));
	CHECK(!hosts_health_is_down(h, &first, b->want.now + 2 * HOSTS_DOWN_FIRST_S * SECOND));
	hosts_health_ok(h, &first);
	CHECK(!hosts_health_is_down(h, &first, b->want.now));
	for (int i = 0; i < HOSTS_HEALTH_MAX + 100;
		i++) { /* bounded, and what is over makes room */
		char text[40];
		snprintf(text, sizeof text, "10.%d.%d.%d:25", i >> 16, i >> 8 & 255, i & 255);
		struct net_addr a = addr_of(text);
		hosts_health_failed(h, &a, b->want.now);
	}
	hosts_health_failed(h, &first, b->want.now);
	CHECK(!hosts_health_is_down(h, &first, b->want.now));
	hosts_health_failed(h, &first, b->want.now + HOUR);
	CHECK(hosts_health_is_down(h, &first, b->want.now + HOUR));
}

TEST(hosts_that_failed_are_tried_last)
{
	run(health);
}

TEST(hosts_listening_addresses)
{
	struct net_addr interfaces[2] = {addr_of("127.0.0.1:0"), addr_of("192.0.2.99:0")}, v[8];
	struct net_addr any = addr_of("*:2525"), one = addr_of("192.0.2.50:25"),
			v4 = addr_of("0.0.0.0:26");
	size_t n = 0;
	hosts_add_listening(&any, interfaces, 2, v, &n);
	hosts_add_listening(&one, interfaces, 2, v, &n);
	hosts_add_listening(&v4, interfaces, 2, v, &n);
	CHECK_INT(n, 5);
	struct hosts_self self = {.addrs = v, .naddrs = n};
	static const struct {
		const char *addr;
		bool self;
	} t[] = {{"192.0.2.99:2525", true}, {"192.0.2.99:25", false}, {"192.0.2.50:25", true},
		{"192.0.2.50:2525", false}, {"127.0.0.1:26", true}, {"[::1]:2525", false}};
	for (size_t i = 0; i < sizeof t / sizeof *t; i++) {
		struct net_addr a = addr_of(t[i].addr);
		CHECK_INT(hosts_is_self_addr(&self, &a), t[i].self);
	}
}
