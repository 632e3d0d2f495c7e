#include "codec/dns_message.h"

#include "base/mem.h"
#include "base/test.h"

static bool name_at(slice all, size_t at, slice want, size_t behind)
{
	char name[DNS_TEXT_NAME_MAX + 1];
	size_t n;
	return dns_name_get(all, &at, name, &n) && slice_eq(slice_of(name, n), want) &&
	       at == behind;
}

TEST(dns_names)
{
	static const char m[] = "\003WWW\007example\003com\0\004mail\300\004\300\000";
	slice all = slice_of(m, sizeof m - 1);
	CHECK(name_at(all, 0, S("www.example.com"), 17));
	CHECK(name_at(all, 17, S("mail.example.com"), 24));
	CHECK(name_at(all, 24, S("www.example.com"), 26));
	CHECK(name_at(slice_of("\0", 1), 0, S(""), 1));
	static const struct {
		const char *p;
		size_t n;
	} bad[] = {{"", 0}, {"\003ww", 3}, {"\300\000", 2}, {"\300", 1}, {"\001a\300\002", 4},
		{"\100a\0", 3}, {"\001a", 2}};
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		char name[DNS_TEXT_NAME_MAX + 1];
		size_t at = 0, n;
		CHECK(!dns_name_get(slice_of(bad[i].p, bad[i].n), &at, name, &n));
	}
}

TEST(dns_query_and_back)
{
	AUTO(buf) struct buf b = BUF(512);
	struct dns_message m;
	struct dns_rr rr;
	CHECK(dns_message_query(&b, 77, S("list.example."), DNS_RR_AXFR));
	CHECK_INT(b.n, 12 + 14 + 4);
	CHECK(dns_message_parse(buf_slice(&b), &m));
	CHECK_INT(m.id, 77);
	CHECK(!dns_message_next(&m, &rr) && !m.bad);
	CHECK(!dns_message_query(&b, 1, S("a..b"), 1));
	/* An answer that points to the question. */
	buf_reset(&b);
	buf_put(&b, slice_of("\0\1\204\0\0\1\0\1\0\0\0\0", 12));
	buf_put(&b, slice_of("\001a\001b\0\0\1\0\1", 9));
	buf_put(&b, slice_of("\300\014\0\1\0\1\0\0\1\0\0\4\177\0\0\2", 16));
	CHECK(dns_message_parse(buf_slice(&b), &m));
	CHECK(dns_message_next(&m, &rr));
	CHECK_STR(slice_of(rr.name, rr.name_n), S("a.b"));
	CHECK_INT(rr.ttl, 256);
	CHECK_INT(rr.data.n, 4);
	CHECK_INT(rr.data_at, 33);
	CHECK(!dns_message_next(&m, &rr) && !m.bad);
	b.n--; /* cut */
	CHECK(dns_message_parse(buf_slice(&b), &m));
	CHECK(!dns_message_next(&m, &rr) && m.bad);
}
