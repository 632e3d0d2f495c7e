/* Addresses as text, listening, accepting, connecting, a thousand connections at once. */
#include "run/net.h"

#include "base/mem.h"
#include "base/test.h"
#include "run/co.h"
#include "run/loop.h"
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

static const struct {
	slice text;
	uint16_t default_port;
	const char *printed, *ip; /* NULL: an error */
} addresses[] = {
	{S_INIT("192.0.2.1:25"), 0, "192.0.2.1:25", "192.0.2.1"},
	{S_INIT("192.0.2.1"), 587, "192.0.2.1:587", "192.0.2.1"},
	{S_INIT("[2001:db8::1]:25"), 0, "[2001:db8::1]:25", "2001:db8::1"},
	{S_INIT("[2001:db8::1]"), 25, "[2001:db8::1]:25", "2001:db8::1"},
	{S_INIT("2001:DB8::1"), 25, "[2001:db8::1]:25", "2001:db8::1"},
	{S_INIT("[::]:0"), 25, "[::]:0", "::"},
	{S_INIT("*:2525"), 0, "*:2525", "*"},
	{S_INIT("*"), 25, "*:25", "*"},
	{S_INIT("[::ffff:192.0.2.7]:25"), 0, "192.0.2.7:25", "192.0.2.7"},
	{S_INIT("unix:/run/x y"), 0, "unix:/run/x y", "unix"},
	{S_INIT("unix:"), 0, NULL, NULL},
	{S_INIT(""), 25, NULL, NULL},
	{S_INIT(":25"), 25, NULL, NULL},
	{S_INIT("localhost:25"), 25, NULL, NULL},
	{S_INIT("192.0.2.1:"), 25, NULL, NULL},
	{S_INIT("192.0.2.1:65536"), 25, NULL, NULL},
	{S_INIT("192.0.2.1:2 5"), 25, NULL, NULL},
	{S_INIT("192.0.2.256:25"), 25, NULL, NULL},
	{S_INIT("192.0.2.1\0:25"), 25, NULL, NULL},
	{S_INIT("[2001:db8::1"), 25, NULL, NULL},
	{S_INIT("[2001:db8::1]25"), 25, NULL, NULL},
	{S_INIT("[]:25"), 25, NULL, NULL},
	{S_INIT("["), 25, NULL, NULL},
};

TEST(addresses_are_read_and_written)
{
	for (size_t i = 0; i < sizeof addresses / sizeof *addresses; i++) {
		struct net_addr a;
		struct err e;
		char out[NET_TEXT_MAX];
		int r = net_parse(addresses[i].text, addresses[i].default_port, &a, &e);
		if (!addresses[i].printed) {
			if (r == 0 || e.kind != ERR_PROTO)
				test_fail(__FILE__, __LINE__, "accepted: %.*s",
					SFMT(addresses[i].text));
			continue;
		}
		if (r < 0)
			test_fail(__FILE__, __LINE__, "%s", e.text);
		CHECK_STR(slice_of(out, net_print(&a, out)), slice_z(addresses[i].printed));
		CHECK_STR(slice_of(out, net_print_ip(&a, out)), slice_z(addresses[i].ip));
	}
	struct net_addr a;
	struct err e;
	char path[200];
	memset(path, 'a', sizeof path);
	memcpy(path, "unix:/", 6);
	CHECK(net_parse(slice_of(path, sizeof path), 0, &a, &e) < 0);
}

static const struct {
	slice cidr, ip;
	bool match;
} cidrs[] = {
	{S_INIT("192.0.2.0/24"), S_INIT("192.0.2.255"), true},
	{S_INIT("192.0.2.0/24"), S_INIT("192.0.3.0"), false},
	{S_INIT("192.0.2.9/24"), S_INIT("192.0.2.1"), true},
	{S_INIT("192.0.2.128/25"), S_INIT("192.0.2.127"), false},
	{S_INIT("192.0.2.128/25"), S_INIT("192.0.2.129"), true},
	{S_INIT("192.0.2.4"), S_INIT("192.0.2.4"), true},
	{S_INIT("192.0.2.4"), S_INIT("192.0.2.5"), false},
	{S_INIT("0.0.0.0/0"), S_INIT("203.0.113.1"), true},
	{S_INIT("0.0.0.0/0"), S_INIT("::1"), false},
	{S_INIT("::/0"), S_INIT("203.0.113.1"), false},
	{S_INIT("2001:db8::/33"), S_INIT("2001:db8:7fff::1"), true},
	{S_INIT("2001:db8::/33"), S_INIT("2001:db8:8000::1"), false},
	{S_INIT("192.0.2.0/24"), S_INIT("::ffff:192.0.2.3"), true},
};

TEST(networks_match)
{
	struct err e;
	struct net_cidr c;
	for (size_t i = 0; i < sizeof cidrs / sizeof *cidrs; i++) {
		struct net_addr a;
		CHECK_INT(net_cidr_parse(cidrs[i].cidr, &c, &e), 0);
		CHECK_INT(net_from_ip(cidrs[i].ip, 0, &a, &e), 0);
		CHECK_INT(net_cidr_match(&c, &a), cidrs[i].match);
	}
	const char *bad[] = {
		"", "/8", "1.2.3.4/33", "1.2.3.4/", "::/129", "1.2.3/8", "1.2.3.4/-1", "x"};
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
		CHECK(net_cidr_parse(slice_z(bad[i]), &c, &e) < 0 && e.kind == ERR_PROTO);
}

TEST(loopback_is_known)
{
	static const struct {
		slice ip;
		bool is;
	} t[] = {{S_INIT("127.0.0.1"), 1}, {S_INIT("127.9.9.9"), 1}, {S_INIT("128.0.0.1"), 0},
		{S_INIT("::1"), 1}, {S_INIT("::2"), 0}, {S_INIT("::ffff:127.0.0.1"), 1}};
	struct net_addr a;
	struct err e;
	for (size_t i = 0; i < sizeof t / sizeof *t; i++) {
		CHECK_INT(net_from_ip(t[i].ip, 0, &a, &e), 0);
		CHECK_INT(net_is_loopback(&a), t[i].is);
	}
}

TEST(inside_is_known)
{
	static const struct {
		slice ip;
		bool is;
	} t[] = {{S_INIT("127.0.0.1"), 1}, {S_INIT("10.1.2.3"), 1}, {S_INIT("172.31.0.1"), 1},
		{S_INIT("172.32.0.1"), 0}, {S_INIT("192.168.0.1"), 1},
		{S_INIT("169.254.169.254"), 1}, {S_INIT("0.0.0.0"), 1}, {S_INIT("8.8.8.8"), 0},
		{S_INIT("::1"), 1}, {S_INIT("::"), 1}, {S_INIT("fd00::1"), 1},
		{S_INIT("fe80::1"), 1}, {S_INIT("2a00::1"), 0}, {S_INIT("::ffff:10.0.0.1"), 1},
		{S_INIT("64:ff9b::a00:1"), 1}};
	struct net_addr a;
	struct err e;
	for (size_t i = 0; i < sizeof t / sizeof *t; i++) {
		CHECK_INT(net_from_ip(t[i].ip, 0, &a, &e), 0);
		CHECK_INT(net_is_inside(&a), t[i].is);
	}
}

/* ---- connections */

enum { CONNECTIONS = 1000, ROUNDS = 3 };

static struct {
	int listen_fd;
	struct net_addr at;
	int served, asked;
} echo;

static int listen_at(const char *where, struct net_addr *ret_at)
{
	struct err e;
	int fd;
	CHECK_INT(net_parse(slice_z(where), 0, ret_at, &e), 0);
	if (net_listen(ret_at, 1024, &fd, &e) < 0)
		test_fail(__FILE__, __LINE__, "%s", e.text);
	CHECK_INT(net_local_addr(fd, ret_at, &e), 0);
	return fd;
}

static void echo_session(void *arg)
{
	struct io *io = arg;
	slice line;
	struct err e;
	io_set_deadline(io, instant_in(30 * SECOND));
	while (io_line(io, 100, &line, &e) > 0)
		CHECK_INT(io_write(io, line, &e), 0);
	io_close(io);
	echo.served++;
}

static void echo_server(void *arg)
{
	struct group *g = arg;
	for (int i = 0; i < CONNECTIONS; i++) {
		int fd;
		struct net_addr peer;
		struct err e;
		CHECK_INT(net_accept(echo.listen_fd, &fd, &peer, &e), 0);
		CHECK(net_is_loopback(&peer) && peer.ss.ss_family == AF_INET);
		group_go(g, "echo", echo_session, io_plain(fd));
	}
}

static void echo_client(void *arg)
{
	struct io *io;
	struct err e;
	slice line;
	if (net_connect(&echo.at, NULL, instant_in(30 * SECOND), &io, &e) < 0)
		test_fail(__FILE__, __LINE__, "%s", e.text);
	for (int i = 0; i < ROUNDS; i++) {
		char want[32];
		int n = snprintf(want, sizeof want, "%p %d\n", arg, i);
		CHECK_INT(io_write(io, slice_of(want, (size_t)n), &e), 0);
		CHECK_INT(io_line(io, 100, &line, &e), 1);
		CHECK_STR(line, slice_of(want, (size_t)n));
		echo.asked++;
	}
	io_close(io);
}

static void thousand(void *arg)
{
	struct group g;
	(void)arg;
	group_init(&g);
	echo.listen_fd = listen_at("127.0.0.1:0", &echo.at);
	group_go(&g, "server", echo_server, &g);
	for (int i = 0; i < CONNECTIONS; i++)
		group_go(&g, "client", echo_client, &echo.at + i);
	group_join(&g);
	CHECK_INT(echo.asked, CONNECTIONS * ROUNDS);
	CHECK_INT(echo.served, CONNECTIONS);
	loop_forget_fd(echo.listen_fd);
	close(echo.listen_fd);
}

TEST(a_thousand_connections_echo)
{
	struct rlimit r;
	getrlimit(RLIMIT_NOFILE, &r);
	r.rlim_cur = r.rlim_max;
	setrlimit(RLIMIT_NOFILE, &r);
	if (r.rlim_cur < 2 * CONNECTIONS + 100)
		test_skip("needs 2100 descriptors");
	loop_init();
	loop_main(thousand, NULL);
	loop_done();
}

static void accept_cancelled(void *arg)
{
	int fd;
	struct net_addr peer;
	struct err e;
	CHECK(net_accept(*(int *)arg, &fd, &peer, &e) < 0 && e.kind == ERR_CLOSED);
}

static void connect_failures(void *arg)
{
	struct net_addr at, source;
	struct err e;
	struct io *io;
	struct group g;
	(void)arg;
	int fd = listen_at("127.0.0.1:0", &at);
	group_init(&g);
	group_go(&g, "accept", accept_cancelled, &fd);
	co_yield();
	group_cancel(&g);
	group_join(&g);

	int second;
	CHECK(net_listen(&at, 10, &second, &e) < 0 && e.kind == ERR_EXISTS);
	CHECK_INT(net_from_ip(S("127.0.0.5"), 0, &source, &e), 0);
	CHECK_INT(net_connect(&at, &source, instant_in(SECOND), &io, &e), 0);
	struct net_addr peer;
	CHECK_INT(net_accept(fd, &second, &peer, &e), 0);
	char ip[NET_TEXT_MAX];
	CHECK_STR(slice_of(ip, net_print_ip(&peer, ip)), S("127.0.0.5"));
	io_close(io);
	close(second);
	CHECK_INT(net_from_ip(S("192.0.2.77"), 0, &source, &e), 0);
	CHECK(net_connect(&at, &source, instant_in(SECOND), &io, &e) < 0 &&
		strstr(e.text, "192.0.2.77"));
	loop_forget_fd(fd);
	close(fd);
	CHECK(net_connect(&at, NULL, instant_in(SECOND), &io, &e) < 0);
	CHECK(e.kind == ERR_TEMP && strstr(e.text, "refused") && strstr(e.text, "127.0.0.1:"));
}

TEST(connecting_fails_with_reasons)
{
	loop_init();
	loop_main(connect_failures, NULL);
	loop_done();
}

/* A listener that never accepts, with a full backlog: the connect itself must meet its deadline. */
static void connect_times_out(void *arg)
{
	struct net_addr at;
	struct err e;
	struct io *held[8], *io;
	(void)arg;
	int fd;
	CHECK_INT(net_parse(S("127.0.0.1:0"), 0, &at, &e), 0);
	CHECK_INT(net_listen(&at, 1, &fd, &e), 0);
	CHECK_INT(net_local_addr(fd, &at, &e), 0);
	int n = 0;
	instant start = instant_now();
	while (n < 8 && net_connect(&at, NULL, instant_in(50 * MSEC), &held[n], &e) == 0)
		n++;
	CHECK(n < 8 && e.kind == ERR_TIMEOUT);
	CHECK(instant_now() - start < 5 * SECOND);
	CHECK(net_connect(&at, NULL, instant_in(10 * MSEC), &io, &e) < 0 && e.kind == ERR_TIMEOUT);
	while (n > 0)
		io_close(held[--n]);
	close(fd);
}

TEST(connecting_has_a_deadline)
{
	loop_init();
	loop_main(connect_times_out, NULL);
	loop_done();
}

static void dual_stack(void *arg)
{
	struct net_addr at, to, peer;
	struct err e;
	struct io *io;
	int conn;
	(void)arg;
	int fd = listen_at("*:0", &at);
	CHECK_INT(net_from_ip(S("127.0.0.1"), net_port(&at), &to, &e), 0);
	CHECK_INT(net_connect(&to, NULL, instant_in(SECOND), &io, &e), 0);
	CHECK_INT(net_accept(fd, &conn, &peer, &e), 0);
	CHECK(peer.ss.ss_family == AF_INET && net_is_loopback(&peer));
	CHECK_INT(net_local_addr(conn, &peer, &e), 0);
	CHECK_INT(peer.ss.ss_family, AF_INET);
	io_close(io);
	close(conn);
	loop_forget_fd(fd);
	close(fd);
}

TEST(star_listens_on_both_families)
{
	loop_init();
	loop_main(dual_stack, NULL);
	loop_done();
}

static void unix_listener(void *arg)
{
	char dir[] = "/tmp/net-test-XXXXXX", where[64];
	struct net_addr at, peer;
	struct err e;
	struct io *io;
	int conn, again;
	(void)arg;
	CHECK(mkdtemp(dir) != NULL);
	snprintf(where, sizeof where, "unix:%s/s", dir);
	int fd = listen_at(where, &at);
	CHECK(net_listen(&at, 5, &again, &e) < 0 && e.kind == ERR_EXISTS); /* alive */
	CHECK_INT(net_accept(fd, &conn, &peer, &e), 0); /* our own probe */
	close(conn);
	CHECK_INT(net_connect(&at, NULL, instant_in(SECOND), &io, &e), 0);
	CHECK_INT(net_accept(fd, &conn, &peer, &e), 0);
	CHECK(net_is_loopback(&peer));
	io_close(io);
	close(conn);
	loop_forget_fd(fd);
	close(fd);
	CHECK_INT(net_listen(&at, 5, &fd, &e), 0); /* the file of the dead one is in the way */
	close(fd);
	unlink(where + 5);
	rmdir(dir);
}

TEST(unix_sockets)
{
	loop_init();
	loop_main(unix_listener, NULL);
	loop_done();
}
