#include "defence/rbldnsd.h"

#include "base/mem.h"
#include "base/rand.h"
#include "base/test.h"
#include <arpa/inet.h>
#include <stdio.h>

static struct mirror_data *made(struct mirror_builder *b)
{
	char path[] = "/tmp/posthouse-mirror-XXXXXX";
	struct mirror_data *m;
	struct err e;
	int fd = mkstemp(path);
	CHECK(fd >= 0);
	close(fd);
	CHECK(mirror_write(b, slice_z(path), &e) == 0);
	CHECK(mirror_map(slice_z(path), &m, &e) == 0);
	unlink(path);
	mirror_builder_free(b);
	return m;
}

static struct mirror_data *parsed(
	enum rbldnsd_format format, const char *subzone, const char *text, uint64_t bad)
{
	struct rbldnsd r;
	struct mirror_builder *b = mirror_builder_new();
	rbldnsd_init(&r, format, slice_z(subzone), b);
	CHECK(rbldnsd_text(&r, slice_z(text)));
	if (r.report.bad != bad)
		test_fail(__FILE__, __LINE__, "%llu bad lines, the first: %s",
			(unsigned long long)r.report.bad, r.report.first_bad);
	return made(b);
}

static uint32_t ip(const struct mirror_data *m, const char *text)
{
	struct net_addr a;
	struct err e;
	CHECK(net_from_ip(slice_z(text), 0, &a, &e) == 0);
	return mirror_find_ip(m, &a);
}

struct want {
	const char *what;
	uint32_t code;
};

static void check_ips(struct mirror_data *m, const struct want *w)
{
	for (; w->what; w++)
		if (ip(m, w->what) != w->code)
			test_fail(__FILE__, __LINE__, "%s is %08x, not %08x", w->what,
				ip(m, w->what), w->code);
	mirror_unmap(m);
}

TEST(mirror_ip4set)
{
	static const char text[] = "# a comment\n"
				   "$SOA 3600 ns.example root.example 1 2 3 4 5\n"
				   "$NS 3600 ns.example\n"
				   "192.0.2.1\n"
				   ":127.0.0.3:Listed, see $\n"
				   "198.51.100.0/24\n"
				   "!198.51.100.9\n"
				   "198.51.100.64/26 :4:another answer\n"
				   "198.51.100.66 :127.0.1.5:\r\n"
				   "203.0.113.5-9\n"
				   "203.0.113.250-203.0.114.3 text only\n"
				   "10.1 :7\n"
				   "192.0.2.300\n"
				   "not an address\n"
				   "192.0.2.1/24\n"
				   "0.0.0.0/32 :9\n"
				   "255.255.255.255 :8";
	static const struct want wants[] = {
		{"192.0.2.0", 0},
		{"192.0.2.1", 0x7f000002},
		{"192.0.2.2", 0},
		{"198.51.99.255", 0},
		{"198.51.100.0", 0x7f000003},
		{"198.51.100.9", 0},
		{"198.51.100.10", 0x7f000003},
		{"198.51.100.63", 0x7f000003},
		{"198.51.100.64", 0x7f000004},
		{"198.51.100.66", 0x7f000105},
		{"198.51.100.127", 0x7f000004},
		{"198.51.100.128", 0x7f000003},
		{"198.51.100.255", 0x7f000003},
		{"198.51.101.0", 0},
		{"203.0.113.4", 0},
		{"203.0.113.5", 0x7f000003},
		{"203.0.113.9", 0x7f000003},
		{"203.0.113.10", 0},
		{"203.0.113.255", 0x7f000003},
		{"203.0.114.3", 0x7f000003},
		{"203.0.114.4", 0},
		{"10.1.200.3", 0x7f000007},
		{"10.2.0.0", 0},
		{"0.0.0.0", 0x7f000009},
		{"0.0.0.1", 0},
		{"255.255.255.255", 0x7f000008},
		{"::1", 0},
		{NULL, 0},
	};
	check_ips(parsed(RBLDNSD_IP4SET, "", text, 3), wants);
}

TEST(mirror_whole_space)
{
	static const struct want wants[] = {{"0.0.0.0", 0x7f000002},
		{"255.255.255.255", 0x7f000002}, {"9.9.9.9", 0}, {NULL, 0}};
	struct mirror_builder *b = mirror_builder_new();
	CHECK(mirror_add_range4(b, 0, UINT32_MAX, 0x7f000002));
	CHECK(mirror_add_ip4(b, 0x09090909, 32, 0));
	check_ips(made(b), wants);
}

TEST(mirror_ip6trie)
{
	static const char text[] = "2001:db8::/32 :3:\n"
				   "!2001:db8:1::/48\n"
				   "2001:db8:1:2::/64 :4:\n"
				   "192.0.2.1\n"
				   "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff :5:\n";
	static const struct want wants[] = {
		{"2001:db7:ffff::1", 0},
		{"2001:db8::", 0x7f000003},
		{"2001:db8:0:ffff:ffff:ffff:ffff:ffff", 0x7f000003},
		{"2001:db8:1::", 0},
		{"2001:db8:1:1:ffff:ffff:ffff:ffff", 0},
		{"2001:db8:1:2::77", 0x7f000004},
		{"2001:db8:1:3::", 0},
		{"2001:db8:2::", 0x7f000003},
		{"2001:db8:ffff:ffff:ffff:ffff:ffff:ffff", 0x7f000003},
		{"2001:db9::", 0},
		{"ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", 0x7f000005},
		{"ffff:ffff:ffff:ffff:ffff:ffff:ffff:fffe", 0},
		{"192.0.2.1", 0},
		{NULL, 0},
	};
	check_ips(parsed(RBLDNSD_IP6TRIE, "", text, 1), wants);
}

TEST(mirror_dnset)
{
	static const char text[] = "bad.example\n.worse.example :3:\n*.sub.example :4:\n"
				   "!good.worse.example\nBig.Example.\n";
	static const struct want wants[] = {
		{"bad.example", 0x7f000002},
		{"www.bad.example", 0},
		{"BAD.example.", 0x7f000002},
		{"worse.example", 0x7f000003},
		{"a.b.worse.example", 0x7f000003},
		{"good.worse.example", 0},
		{"sub.example", 0},
		{"x.sub.example", 0x7f000004},
		{"big.example", 0x7f000002},
		{"example", 0},
		{"", 0},
		{NULL, 0},
	};
	struct mirror_data *m = parsed(RBLDNSD_DNSET, "", text, 0);
	for (const struct want *w = wants; w->what; w++)
		if (mirror_find_name(m, slice_z(w->what)) != w->code)
			test_fail(__FILE__, __LINE__, "%s is %08x", w->what,
				mirror_find_name(m, slice_z(w->what)));
	mirror_unmap(m);
}

TEST(mirror_combined)
{
	static const char text[] = "$DATASET ip4set:dul dul all\n192.0.2.1 :10:\n"
				   "$DATASET ip4trie:web @ all\n198.51.100.0/24 :7:\n"
				   "$DATASET dnset:names @\nbad.example\n"
				   "$DATASET generic:other @\nfoo A 192.0.2.9\n";
	static const struct want root[] = {
		{"192.0.2.1", 0}, {"198.51.100.3", 0x7f000007}, {NULL, 0}};
	static const struct want all[] = {
		{"192.0.2.1", 0x7f00000a}, {"198.51.100.3", 0x7f000007}, {NULL, 0}};
	check_ips(parsed(RBLDNSD_COMBINED, "", text, 0), root);
	check_ips(parsed(RBLDNSD_COMBINED, "all", text, 0), all);
}

TEST(mirror_maxrange)
{
	static const struct want wants[] = {
		{"192.0.2.1", 0}, {"198.51.100.1", 0x7f000002}, {NULL, 0}};
	check_ips(parsed(RBLDNSD_IP4SET, "", "$MAXRANGE4 /24\n192.0.0.0/16\n198.51.100.0/24\n", 1),
		wants);
}

/* Against the simplest possible judge: the most specific of random prefixes. */
TEST(mirror_agrees_with_a_plain_search)
{
	enum { N = 400 };
	static struct {
		uint32_t low, code;
		unsigned bits;
	} v[N];
	for (int round = 0; round < 20; round++) {
		struct mirror_builder *b = mirror_builder_new();
		for (int i = 0; i < N; i++) {
			v[i].bits = 16 + (unsigned)rand_below(17);
			v[i].low = (0x0a000000 | (uint32_t)rand_below(1 << 18)) &
				   (UINT32_MAX << (32 - v[i].bits));
			v[i].code = rand_below(4) ? 0x7f000000 | (uint32_t)(1 + rand_below(5)) : 0;
			CHECK(mirror_add_ip4(b, v[i].low, v[i].bits, v[i].code));
		}
		struct mirror_data *m = made(b);
		for (int k = 0; k < 20000; k++) {
			struct net_addr a = {.len = sizeof(struct sockaddr_in)};
			struct sockaddr_in in = {.sin_family = AF_INET};
			uint32_t at = 0x0a000000 - 1000 + (uint32_t)rand_below((1 << 18) + 2000);
			int best = -1;
			for (int i = 0; i < N; i++)
				if (!((at ^ v[i].low) & (UINT32_MAX << (32 - v[i].bits))) &&
					(best < 0 || v[i].bits > v[best].bits))
					best = i;
			in.sin_addr.s_addr = htonl(at);
			memcpy(&a.ss, &in, sizeof in);
			CHECK_INT(mirror_find_ip(m, &a), best < 0 ? 0 : v[best].code);
		}
		mirror_unmap(m);
	}
}

TEST(mirror_file_that_is_none)
{
	char path[] = "/tmp/posthouse-mirror-XXXXXX";
	struct mirror_data *m;
	struct err e;
	int fd = mkstemp(path);
	CHECK(write(fd,
		      "PHmirr1\nand then something else that is long enough for a head......"
		      "................",
		      80) == 80);
	CHECK(mirror_map(slice_z(path), &m, &e) < 0);
	CHECK_INT(e.kind, ERR_PROTO);
	CHECK(ftruncate(fd, 10) == 0);
	CHECK(mirror_map(slice_z(path), &m, &e) < 0);
	CHECK_INT(e.kind, ERR_PROTO);
	close(fd);
	unlink(path);
	CHECK(mirror_map(slice_z(path), &m, &e) < 0);
	CHECK_INT(e.kind, ERR_NOTFOUND);
}
