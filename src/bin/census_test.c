/* The shared count of connections, and the count of failed logins. */
#include "bin/census.h"

#include "base/mem.h"
#include "base/test.h"
#include "bin/auth_failures.h"
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

static struct net_addr ip(const char *text)
{
	struct net_addr a;
	struct err e;
	CHECK(net_from_ip(slice_z(text), 0, &a, &e) == 0);
	return a;
}

static struct census *open_region(int fd, unsigned region)
{
	struct census *c;
	struct err e;
	CHECK(census_open(fd, region, &c, &e) == 0);
	return c;
}

static int created(void)
{
	int fd;
	struct err e;
	CHECK(census_create(&fd, &e) == 0);
	return fd;
}

TEST(census_limits_hold_over_all_processes)
{
	int fd = created();
	struct census *a = open_region(fd, 0), *b = open_region(fd, 1);
	struct net_addr x = ip("192.0.2.1"), y = ip("192.0.2.2");
	CHECK(census_enter(a, &x, 10, 2) == CENSUS_FINE);
	CHECK(census_enter(b, &x, 10, 2) == CENSUS_FINE);
	CHECK(census_enter(a, &x, 10, 2) == CENSUS_FULL_FROM_THERE);
	CHECK(census_enter(b, &y, 10, 2) == CENSUS_FINE);
	CHECK(census_enter(a, &y, 3, 2) == CENSUS_FULL);
	CHECK(census_enter(a, &x, 10, 0) == CENSUS_FINE);
	census_leave(a, &x);
	census_leave(b, &x);
	CHECK(census_enter(b, &x, 10, 2) == CENSUS_FINE);
	CHECK_INT(census_mine(b), 2);
	census_close(a);
	census_close(b);
	close(fd);
}

TEST(census_counts_ipv6_by_network)
{
	int fd = created();
	struct census *c = open_region(fd, 0);
	struct net_addr a = ip("2001:db8:1:2::1"), b = ip("2001:db8:1:2:ffff::9"),
			other = ip("2001:db8:1:3::1");
	CHECK(census_enter(c, &a, 0, 1) == CENSUS_FINE);
	CHECK(census_enter(c, &b, 0, 1) == CENSUS_FULL_FROM_THERE);
	CHECK(census_enter(c, &other, 0, 1) == CENSUS_FINE);
	struct net_addr mapped = ip("::ffff:192.0.2.7"), plain = ip("192.0.2.7");
	CHECK(census_enter(c, &mapped, 0, 1) == CENSUS_FINE);
	CHECK(census_enter(c, &plain, 0, 1) == CENSUS_FULL_FROM_THERE);
	census_close(c);
	close(fd);
}

/* What a killed process had counted does not stay. */
TEST(census_forgets_dead_processes)
{
	int fd = created();
	struct census *master = open_region(fd, CENSUS_REGIONS), *mine = open_region(fd, 0);
	struct net_addr x = ip("192.0.2.1");
	pid_t pid = fork();
	if (pid == 0) {
		struct census *c = open_region(fd, 1);
		for (int i = 0; i < 5; i++)
			census_enter(c, &x, 0, 0);
		_exit(0);
	}
	CHECK(waitpid(pid, NULL, 0) == pid);
	CHECK(census_enter(mine, &x, 0, 5) == CENSUS_FULL_FROM_THERE);
	census_wipe(master, 1);
	CHECK(census_enter(mine, &x, 0, 5) == CENSUS_FINE);
	CHECK(census_enter(mine, &x, 2, 5) == CENSUS_FINE);
	CHECK(census_enter(mine, &x, 2, 5) == CENSUS_FULL);
	census_close(mine);
	census_close(master);
	close(fd);
}

TEST(census_many_addresses_hardly_disturb_each_other)
{
	int fd = created();
	struct census *c = open_region(fd, 0);
	unsigned wrong = 0;
	char text[32];
	for (unsigned i = 0; i < 10000; i++) {
		snprintf(text, sizeof text, "10.%u.%u.%u", i >> 16, i >> 8 & 255, i & 255);
		struct net_addr a = ip(text);
		wrong += census_enter(c, &a, 0, 2) != CENSUS_FINE;
	}
	CHECK(wrong < 500); /* two addresses more in both buckets: about 2 % at the end */
	census_close(c);
	close(fd);
}

TEST(auth_failures_age)
{
	struct auth_failures f;
	instant t = 1000 * SECOND;
	auth_failures_init(&f, MINUTE, t);
	for (int i = 0; i < 3; i++)
		auth_failures_add(&f, S("alice"), t);
	CHECK_INT(auth_failures_count(&f, S("alice"), t + 30 * SECOND), 3);
	CHECK_INT(auth_failures_count(&f, S("bob"), t + 30 * SECOND), 0);
	CHECK_INT(auth_failures_count(&f, S("alice"), t + 61 * SECOND), 3); /* the window before */
	auth_failures_add(&f, S("alice"), t + 62 * SECOND);
	CHECK_INT(auth_failures_count(&f, S("alice"), t + 62 * SECOND), 4);
	CHECK_INT(auth_failures_count(&f, S("alice"), t + 125 * SECOND), 1);
	CHECK_INT(auth_failures_count(&f, S("alice"), t + 600 * SECOND), 0);
	auth_failures_done(&f);
}

TEST(auth_failures_are_bounded)
{
	struct auth_failures f;
	char name[32];
	auth_failures_init(&f, HOUR, 0);
	for (unsigned i = 0; i < 3 * AUTH_FAILURES_MAX; i++) {
		snprintf(name, sizeof name, "user%u", i);
		auth_failures_add(&f, slice_z(name), 0);
	}
	CHECK(f.now.n + f.before.n <= AUTH_FAILURES_MAX);
	auth_failures_done(&f);
}
