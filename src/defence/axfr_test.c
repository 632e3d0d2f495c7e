#include "defence/axfr.h"

#include "base/mem.h"
#include "base/test.h"
#include <netinet/in.h>

/* ---- messages ---- */

static void head(struct buf *b, uint16_t answers)
{
	buf_u16(b, 1);
	buf_u16(b, 0x8400);
	buf_u16(b, 0);
	buf_u16(b, answers);
	buf_u16(b, 0);
	buf_u16(b, 0);
}

static void rr(struct buf *b, const char *name, uint16_t type, slice data)
{
	CHECK(dns_name_put(b, slice_z(name)));
	buf_u16(b, type);
	buf_u16(b, DNS_CLASS_IN);
	buf_u32(b, 300);
	buf_u16(b, (uint16_t)data.n);
	buf_put(b, data);
}

static void soa(struct buf *b, const char *name, uint32_t serial)
{
	AUTO(buf) struct buf d = BUF(200);
	dns_name_put(&d, S("ns.test"));
	dns_name_put(&d, S("root.test"));
	buf_u32(&d, serial);
	for (int i = 0; i < 4; i++)
		buf_u32(&d, 1);
	rr(b, name, DNS_RR_SOA, buf_slice(&d));
}

static void a(struct buf *b, const char *name, uint32_t code)
{
	AUTO(buf) struct buf d = BUF(8);
	buf_u32(&d, code);
	rr(b, name, DNS_RR_A, buf_slice(&d));
}

TEST(axfr_takes_addresses)
{
	AUTO(buf) struct buf m = BUF(4096);
	AUTO(mirror_builder) struct mirror_builder *b = mirror_builder_new();
	struct axfr x = {.zone = S("bl.test"), .to = b};
	struct err e;
	head(&m, 6);
	soa(&m, "bl.test", 7);
	a(&m, "bl.test", 0x7f000001);
	a(&m, "2.0.0.127.bl.test", 0x7f000002);
	a(&m, "*.2.0.192.bl.test", 0x7f000003);
	a(&m, "x.other.test", 0x7f000002);
	rr(&m, "2.0.0.127.bl.test", 16, slice_of("\1x", 2));
	CHECK_INT(axfr_message(&x, buf_slice(&m), &e), 0);
	buf_reset(&m);
	head(&m, 4);
	a(&m, "bad.example.bl.test", 0x7f000004);
	a(&m, "1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.bl.test",
		0x7f000005);
	a(&m, "9.9.9.9.bl.test", 0x01020304);
	soa(&m, "BL.test", 7);
	CHECK_INT(axfr_message(&x, buf_slice(&m), &e), 1);
	CHECK_INT(mirror_builder_entries(b), 4);
	CHECK_INT(x.ignored, 4);
	CHECK_INT(x.serial, 7);
}

static int one(uint16_t flags, const char *first, const char *last, uint32_t serial)
{
	AUTO(buf) struct buf m = BUF(4096);
	AUTO(mirror_builder) struct mirror_builder *b = mirror_builder_new();
	struct axfr x = {.zone = S("bl.test"), .to = b};
	struct err e;
	head(&m, 3);
	m.p[2] = (char)(flags >> 8);
	m.p[3] = (char)flags;
	soa(&m, first, 1);
	a(&m, "2.0.0.127.bl.test", 0x7f000002);
	soa(&m, last, serial);
	return axfr_message(&x, buf_slice(&m), &e) == 1 ? 0 : (int)e.kind;
}

TEST(axfr_refuses)
{
	CHECK_INT(one(0x8400, "bl.test", "bl.test", 1), 0);
	CHECK_INT(one(0x0400, "bl.test", "bl.test", 1), ERR_PROTO); /* no answer */
	CHECK_INT(one(0x8405, "bl.test", "bl.test", 1), ERR_TEMP); /* refused */
	CHECK_INT(one(0x8400, "xx.test", "bl.test", 1), ERR_PROTO);
	CHECK_INT(one(0x8400, "bl.test", "bl.test", 2), ERR_TEMP); /* changed meanwhile */
}

/* ---- TSIG ---- */

/* What a server does: the same key, the chain of section 5.3.1. */
static void answer(struct tsig *server, struct buf *m, int64_t seconds)
{
	tsig_sign(server, m, seconds);
}

TEST(tsig_between_two_of_our_kind)
{
	const struct tsig_key key = {S("k.test"), S("hmac-sha256"), {S("0123456789abcdef")}};
	const struct tsig_key wrong = {S("k.test"), S("hmac-sha256"), {S("0123456789abcdeF")}};
	struct tsig ours, theirs;
	struct err e;
	AUTO(buf) struct buf q = BUF(4096);
	CHECK(tsig_algorithm_known(S("HMAC-SHA512")) && !tsig_algorithm_known(S("hmac-md5")));
	CHECK(dns_message_query(&q, 5, S("bl.test"), DNS_RR_AXFR));
	tsig_init(&ours, &key);
	tsig_sign(&ours, &q, 1000);
	/* A question is verified like an answer to nothing: the chain begins empty. */
	struct dns_message m;
	struct dns_rr last = {0};
	CHECK(dns_message_parse(buf_slice(&q), &m) && dns_message_next(&m, &last));
	CHECK_INT(last.type, DNS_RR_TSIG);
	CHECK_STR(slice_of(last.name, last.name_n), S("k.test"));
	/* An answer without TSIG, and one that another key signed. */
	AUTO(buf) struct buf r = BUF(4096);
	head(&r, 0);
	CHECK(tsig_verify(&ours, buf_slice(&r), 1000, &e) < 0);
	CHECK_INT(e.kind, ERR_DENIED);
	tsig_init(&theirs, &wrong);
	answer(&theirs, &r, 1000);
	tsig_done(&ours);
	tsig_init(&ours, &key);
	CHECK(tsig_verify(&ours, buf_slice(&r), 1000, &e) < 0);
	CHECK_INT(e.kind, ERR_DENIED);
	CHECK(tsig_verify(&ours, slice_of("\0\1", 2), 1000, &e) < 0);
	CHECK_INT(e.kind, ERR_PROTO);
	tsig_done(&ours);
	tsig_done(&theirs);
}
