#include "defence/rate.h"

#include "base/mem.h"
#include "base/test.h"
#include <stdio.h>

static int64_t seconds = 1000000;
static int64_t fake(void)
{
	return seconds;
}

static struct rates *fresh(int fd)
{
	struct rates *r;
	struct err e;
	CHECK(rates_open(fd, NULL, &r, &e) == 0);
	rates_set_clock(r, fake);
	return r;
}

TEST(rates_slide)
{
	struct rates *r = fresh(-1);
	seconds = 1000020; /* a multiple of 60 */
	CHECK_INT(rates_get(r, RATE_CONNECTIONS, S("a")), 0);
	for (int i = 1; i <= 30; i++)
		CHECK_INT(rates_count(r, RATE_CONNECTIONS, S("a"), 1), i);
	CHECK_INT(rates_get(r, RATE_CONNECTIONS, S("b")), 0);
	CHECK_INT(rates_get(r, RATE_MESSAGES, S("a")), 0);
	seconds += 59;
	CHECK_INT(rates_get(r, RATE_CONNECTIONS, S("a")), 30);
	seconds += 31; /* half a window on: half of the former one counts */
	CHECK_INT(rates_get(r, RATE_CONNECTIONS, S("a")), 15);
	CHECK_INT(rates_count(r, RATE_CONNECTIONS, S("a"), 4), 19);
	seconds += 60;
	CHECK_INT(rates_get(r, RATE_CONNECTIONS, S("a")), 2);
	seconds += 60;
	CHECK_INT(rates_get(r, RATE_CONNECTIONS, S("a")), 0);
	CHECK_INT(rates_count(r, RATE_CONNECTIONS, S("a"), 1), 1);
	rates_close(r);
}

TEST(rates_are_shared)
{
	int fd;
	struct err e;
	CHECK(rates_create(&fd, &e) == 0);
	struct rates *a = fresh(fd), *b = fresh(fd);
	rates_add(a, RATE_OFFENCES, S("x"), 3);
	CHECK_INT(rates_count(b, RATE_OFFENCES, S("x"), 2), 5);
	CHECK_INT(rates_get(a, RATE_OFFENCES, S("x")), 5);
	rates_close(a);
	rates_close(b);
	close(fd);
}

/* An attacker with a million addresses does not make us forget the one that comes often. */
TEST(rates_keep_what_counts)
{
	struct rates *r = fresh(-1);
	rates_add(r, RATE_OFFENCES, S("often"), 1000);
	for (int i = 0; i < 1000000; i++) {
		char key[16];
		int n = snprintf(key, sizeof key, "%d", i);
		rates_add(r, RATE_OFFENCES, slice_of(key, (size_t)n), 1);
	}
	CHECK_INT(rates_get(r, RATE_OFFENCES, S("often")), 1000);
	rates_close(r);
}

TEST(rates_keys)
{
	char a[RATE_KEY_MAX], b[RATE_KEY_MAX];
	struct net_addr x, y;
	struct err e;
	static const struct {
		const char *x, *y;
		bool address, network;
	} cases[] = {
		{"192.0.2.1", "192.0.2.1", true, true},
		{"192.0.2.1", "192.0.2.200", false, true},
		{"192.0.2.1", "192.0.3.1", false, false},
		{"192.0.2.1", "::ffff:192.0.2.1", true, true},
		{"2001:db8:1:2::1", "2001:db8:1:2:ffff::9", true, true},
		{"2001:db8:1:2::1", "2001:db8:1:3::1", false, true},
		{"2001:db8:1:2::1", "2001:db8:2::1", false, false},
	};
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		CHECK(net_from_ip(slice_z(cases[i].x), 0, &x, &e) == 0);
		CHECK(net_from_ip(slice_z(cases[i].y), 0, &y, &e) == 0);
		CHECK_INT(slice_eq(rate_key_address(&x, a), rate_key_address(&y, b)),
			cases[i].address);
		CHECK_INT(slice_eq(rate_key_network(&x, a), rate_key_network(&y, b)),
			cases[i].network);
	}
}
