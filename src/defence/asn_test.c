/* Autonomous systems from a file in MaxMind's DB format (2.0), made here: one IPv4 network. */
#include "defence/asn.h"
#include "defence/kv_testing.h"
#include "defence/reputation_impl.h"

enum { PREFIX = 24, STRING = 2, UINT16 = 5, UINT32 = 6, MAP = 7, UINT64 = 2, ARRAY = 4 };

static void put_head(struct buf *out, unsigned type, size_t size)
{
	buf_u8(out, (uint8_t)(type << 5 | size));
}

static void put_string(struct buf *out, const char *s)
{
	CHECK(strlen(s) < 29);
	put_head(out, STRING, strlen(s));
	buf_put(out, slice_z(s));
}

static void put_number(struct buf *out, const char *key, unsigned type, uint32_t v)
{
	put_string(out, key);
	put_head(out, type, type == UINT16 ? 2 : 4);
	if (type == UINT16)
		buf_u16(out, (uint16_t)v);
	else
		buf_u32(out, v);
}

static void put_u24(struct buf *out, uint32_t v)
{
	buf_u8(out, (uint8_t)(v >> 16));
	buf_u16(out, (uint16_t)v);
}

/* A path of PREFIX nodes; everything beside it is not found. */
static void put_tree(struct buf *out, uint32_t network)
{
	for (unsigned i = 0; i < PREFIX; i++) {
		uint32_t on = i + 1 < PREFIX ? i + 1 : PREFIX + 16;
		bool bit = network >> (31 - i) & 1;
		put_u24(out, bit ? PREFIX : on);
		put_u24(out, bit ? on : PREFIX);
	}
}

static void write_db(const char *path, uint32_t network, uint32_t asn)
{
	AUTO(buf) struct buf out = BUF(4096);
	put_tree(&out, network);
	buf_fill(&out, 0, 16);
	put_head(&out, MAP, 1);
	put_number(&out, "autonomous_system_number", UINT32, asn);
	buf_put(&out, S("\xab\xcd\xefMaxMind.com"));
	put_head(&out, MAP, 9);
	put_number(&out, "node_count", UINT32, PREFIX);
	put_number(&out, "record_size", UINT16, 24);
	put_number(&out, "ip_version", UINT16, 4);
	put_number(&out, "binary_format_major_version", UINT16, 2);
	put_number(&out, "binary_format_minor_version", UINT16, 0);
	put_string(&out, "database_type");
	put_string(&out, "Test-ASN");
	put_string(&out, "languages");
	put_head(&out, 0, 0);
	buf_u8(&out, ARRAY);
	put_string(&out, "build_epoch");
	put_head(&out, 0, 8);
	buf_u8(&out, UINT64);
	buf_u64(&out, 1700000000);
	put_string(&out, "description");
	put_head(&out, MAP, 0);
	AUTO(fd) int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
	CHECK(fd >= 0 && write(fd, out.p, out.n) == (ssize_t)out.n);
}

TEST(asn_of_addresses)
{
	AUTO(testdir) struct testdir d = testdir_make();
	AUTO(arena) struct arena a = {0};
	struct asn *asn;
	struct err e;
	slice path = arena_printf(&a, "%s/asn.mmdb", d.path);
	write_db(path.p, 0xc0000200, 64500);
	if (asn_open(path, &asn, &e) < 0)
		test_fail(__FILE__, __LINE__, "%s", e.text);
	static const struct {
		const char *ip;
		uint32_t want;
	} cases[] = {{"192.0.2.1", 64500}, {"192.0.2.255", 64500}, {"192.0.3.1", 0},
		{"::ffff:192.0.2.1", 64500}, {"2001:db8::1", 0}};
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct net_addr ip = test_ip(cases[i].ip);
		CHECK_INT(asn_of(asn, &ip), cases[i].want);
	}
	asn_close(asn);
	CHECK(asn_open(S("/nonexistent.mmdb"), &asn, &e) < 0 && e.kind == ERR_PERM);
}

/* Networks of which nothing is known are judged by their system. */
TEST(asn_reputation)
{
	AUTO(testdir) struct testdir d = testdir_make();
	AUTO(arena) struct arena a = {0};
	struct test_kv t;
	slice path = arena_printf(&a, "%s/asn.mmdb", d.path);
	write_db(path.p, 0xc0000200, 64500);
	const char *text =
		arena_strz(&a, arena_printf(&a, "[reputation]\nasn_database = %.*s\n", SFMT(path)));
	const struct reputation_conf *conf = test_kv_open(&t, &reputation_section, text);
	struct reputation *r = reputation_open(t.kv, conf);
	struct net_addr ip = test_ip("192.0.2.1");
	const struct rep_subjects s = {.ip = &ip};
	for (int i = 0; i < 30; i++)
		reputation_note(r, &s, REP_SPAM, 1);
	kv_flush(t.kv);
	struct rep_answer answer;
	CHECK(reputation_ask(r, REP_ASN, S("AS64500"), &answer) && answer.score < -0.8);
	reputation_forget(r, REP_IP, S("192.0.2.1"));
	reputation_forget(r, REP_NET, S("192.0.2.0/24"));
	struct signals out = {.mem = &a};
	CHECK(reputation_connection(r, &s, &out, NULL) < -0.8);
	CHECK(slice_starts(out.v[0].detail, S("asn AS64500: 30 messages")));
	reputation_close(r);
	test_kv_close(&t);
}
