/* TLS over memory and sockets: trust, names, tickets, STARTTLS injection, broken peers. */
#include "run/tls.h"

#include "base/mem.h"
#include "base/test.h"
#include "run/arch_san.h"
#include "run/co.h"
#include "run/loop.h"
#include "run/net.h"
#include "run/tls_ctx.h"
#include <stdio.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

static char dir[64];

static slice at(const char *name)
{
	static char paths[16][128];
	static int n;
	char *p = paths[n++ % 16];
	return slice_of(p, (size_t)snprintf(p, 128, "%s/%s", dir, name));
}

static void make_cert(const char *host, const char *cert, const char *key)
{
	struct err e;
	if (tls_make_self_signed(slice_z(host), at(cert), at(key), &e) < 0)
		test_fail(__FILE__, __LINE__, "%s", e.text);
}

static void remove_dir(void)
{
	char command[128];
	snprintf(command, sizeof command, "rm -rf %s", dir);
	CHECK(system(command) == 0);
}

/* Runs fn with a loop, in a directory with mx.pem and mx.key for mx.example.org. */
static void run(void (*fn)(void *), void *arg)
{
	strcpy(dir, "/tmp/tls-test-XXXXXX");
	CHECK(mkdtemp(dir) != NULL);
	make_cert("mx.example.org", "mx.pem", "mx.key");
	loop_init();
	loop_main(fn, arg);
	loop_done();
	remove_dir();
}

static struct tls_ctx *server_ctx(void)
{
	struct tls_server_config cfg = {.cert_file = at("mx.pem"), .key_file = at("mx.key")};
	struct tls_ctx *ctx;
	struct err e;
	if (tls_server_ctx(&cfg, &ctx, &e) < 0)
		test_fail(__FILE__, __LINE__, "%s", e.text);
	return ctx;
}

static struct tls_ctx *client_ctx(const char *ca)
{
	struct tls_client_config cfg = {.ca_file = ca ? at(ca) : S("")};
	struct tls_ctx *ctx;
	struct err e;
	if (tls_client_ctx(&cfg, &ctx, &e) < 0)
		test_fail(__FILE__, __LINE__, "%s", e.text);
	return ctx;
}

/* The other side: one handshake, echoes lines, tells what it saw. */
struct server {
	struct io *io;
	struct tls_ctx *ctx;
	int accepted;
	struct err e;
	struct tls_info info;
	const char *binding_type;
	char binding[64];
	size_t n_binding;
};

static void serve(void *arg)
{
	struct server *s = arg;
	slice line;
	struct err e;
	io_set_deadline(s->io, instant_in(20 * SECOND));
	s->accepted = tls_accept(s->io, s->ctx, &s->e);
	if (s->accepted == 0) {
		tls_get_info(s->io, &s->info);
		tls_channel_binding(s->io, &s->binding_type, s->binding, &s->n_binding);
		while (io_line(s->io, 100000, &line, &e) > 0)
			CHECK_INT(io_write(s->io, line, &e), 0);
	}
	io_close(s->io);
}

/* A connection of client c to server s: the client's result; *ret_io open when 0. */
static int handshake(struct group *g, struct server *s, struct tls_ctx *c, slice host,
	enum tls_verify v, struct io **ret_io, struct err *e)
{
	io_mem_pair(&s->io, ret_io);
	group_go(g, "server", serve, s);
	io_set_deadline(*ret_io, instant_in(20 * SECOND));
	return tls_connect(*ret_io, c, host, v, e);
}

static void check_echo(struct io *io, const char *text)
{
	slice line;
	struct err e;
	CHECK_INT(io_write(io, slice_z(text), &e), 0);
	if (io_line(io, 100000, &line, &e) != 1)
		test_fail(__FILE__, __LINE__, "no echo: %s", e.text);
	CHECK_STR(line, slice_z(text));
}

/* ---- trust */

static const struct {
	const char *ca, *host;
	enum tls_verify v;
	int want;
	bool verified;
} trust[] = {
	{NULL, "mx.example.org", TLS_OPPORTUNISTIC, 0, false},
	{NULL, "", TLS_OPPORTUNISTIC, 0, false},
	{"mx.pem", "mx.example.org", TLS_OPPORTUNISTIC, 0, true},
	{"mx.pem", "other.example.org", TLS_OPPORTUNISTIC, 0, false},
	{NULL, "mx.example.org", TLS_VERIFY_CA, -1, false},
	{"mx.pem", "other.example.org", TLS_VERIFY_CA, 0, true},
	{"mx.pem", "", TLS_VERIFY_CA, 0, true},
	{"mx.pem", "mx.example.org", TLS_VERIFY_HOST, 0, true},
	{"mx.pem", "MX.Example.ORG.", TLS_VERIFY_HOST, 0, true},
	{"mx.pem", "other.example.org", TLS_VERIFY_HOST, -1, false},
	{"mx.pem", "192.0.2.1", TLS_VERIFY_HOST, -1, false},
	{"mx.pem", "", TLS_VERIFY_HOST, -1, false},
	{NULL, "mx.example.org", TLS_VERIFY_HOST, -1, false},
};

static void check_trust(void *arg)
{
	(void)arg;
	struct tls_ctx *server = server_ctx();
	for (size_t i = 0; i < sizeof trust / sizeof *trust; i++) {
		struct tls_ctx *client = client_ctx(trust[i].ca);
		struct server s = {.ctx = server};
		struct group g;
		struct io *io;
		struct err e;
		group_init(&g);
		int r = handshake(&g, &s, client, slice_z(trust[i].host), trust[i].v, &io, &e);
		if (r != trust[i].want)
			test_fail(__FILE__, __LINE__, "row %zu: %d %s", i, r, r < 0 ? e.text : "");
		if (r == 0) {
			struct tls_info info;
			tls_get_info(io, &info);
			CHECK_INT(info.verified, trust[i].verified);
			CHECK(tls_active(io) && info.bits >= 128 && !info.resumed);
			CHECK_STR(slice_z(info.version), S("TLSv1.3"));
			check_echo(io, "hello\r\n");
		} else if (*trust[i].host) {
			CHECK_INT(e.kind, ERR_DENIED);
		}
		io_close(io);
		group_join(&g);
		CHECK_INT(s.accepted == 0, r == 0 || s.info.bits > 0);
		tls_ctx_unref(client);
	}
	tls_ctx_unref(server);
}

TEST(tls_trust)
{
	run(check_trust, NULL);
}

static void check_ip(void *arg)
{
	(void)arg;
	make_cert("192.0.2.1", "ip.pem", "ip.key");
	struct tls_server_config cfg = {.cert_file = at("ip.pem"), .key_file = at("ip.key")};
	struct server s = {0};
	struct group g;
	struct io *io;
	struct err e;
	group_init(&g);
	CHECK_INT(tls_server_ctx(&cfg, &s.ctx, &e), 0);
	struct tls_ctx *client = client_ctx("ip.pem");
	CHECK_INT(handshake(&g, &s, client, S("192.0.2.1"), TLS_VERIFY_HOST, &io, &e), 0);
	io_close(io);
	group_join(&g);
	CHECK(handshake(&g, &s, client, S("192.0.2.2"), TLS_VERIFY_HOST, &io, &e) < 0);
	io_close(io);
	group_join(&g);
	tls_ctx_unref(client);
	tls_ctx_unref(s.ctx);
}

TEST(tls_trust_of_an_ip_address)
{
	run(check_ip, NULL);
}

static void check_client_cert(void *arg)
{
	(void)arg;
	make_cert("client.example.org", "cl.pem", "cl.key");
	struct tls_server_config cfg = {.cert_file = at("mx.pem"),
		.key_file = at("mx.key"),
		.require_client_cert = true,
		.ca_file = at("cl.pem")};
	struct tls_client_config with = {
		.ca_file = at("mx.pem"), .cert_file = at("cl.pem"), .key_file = at("cl.key")};
	struct server s = {0};
	struct group g;
	struct io *io;
	struct err e;
	struct tls_ctx *client;
	group_init(&g);
	CHECK_INT(tls_server_ctx(&cfg, &s.ctx, &e), 0);
	CHECK_INT(tls_client_ctx(&with, &client, &e), 0);
	for (int i = 0; i < 2; i++) { /* the second one resumes; the name must still be known */
		CHECK_INT(handshake(&g, &s, client, S("mx.example.org"), TLS_VERIFY_HOST, &io, &e),
			0);
		check_echo(io, "x\n");
		io_close(io);
		group_join(&g);
		CHECK_INT(s.accepted, 0);
		CHECK_INT(s.info.resumed, i);
		CHECK(s.info.verified);
		CHECK_STR(slice_z(s.info.peer_cn), S("client.example.org"));
	}
	tls_ctx_unref(client);

	client = client_ctx(
		"mx.pem"); /* without one; the refusal comes after the client's Finished */
	slice line;
	if (handshake(&g, &s, client, S("mx.example.org"), TLS_VERIFY_HOST, &io, &e) == 0)
		CHECK(io_line(io, 100, &line, &e) < 0 && e.kind == ERR_PROTO);
	io_close(io);
	group_join(&g);
	CHECK_INT(s.accepted, -1);
	tls_ctx_unref(client);
	tls_ctx_unref(s.ctx);
}

TEST(tls_client_certificates)
{
	run(check_client_cert, NULL);
}

/* ---- several certificates */

static void check_sni(void *arg)
{
	(void)arg;
	static const struct {
		const char *asked, *ca;
	} t[] = {{"mx.example.org", "mx.pem"}, {"mail.example.net", "net.pem"},
		{"MAIL.example.net", "net.pem"}, {"a.wild.example", "wild.pem"}};
	struct server s = {.ctx = server_ctx()};
	struct group g;
	struct io *io;
	struct err e;
	group_init(&g);
	make_cert("mail.example.net", "net.pem", "net.key");
	make_cert("*.wild.example", "wild.pem", "wild.key");
	CHECK_INT(tls_server_ctx_add_cert(s.ctx, at("net.pem"), at("net.key"), &e), 0);
	CHECK_INT(tls_server_ctx_add_cert(s.ctx, at("wild.pem"), at("wild.key"), &e), 0);
	CHECK(tls_server_ctx_add_cert(s.ctx, at("net.pem"), at("wild.key"), &e) < 0);
	for (size_t i = 0; i < sizeof t / sizeof *t; i++) {
		struct tls_ctx *client = client_ctx(t[i].ca);
		for (int again = 0; again < 2; again++) {
			struct tls_info info;
			if (handshake(&g, &s, client, slice_z(t[i].asked), TLS_VERIFY_HOST, &io,
				    &e) < 0)
				test_fail(__FILE__, __LINE__, "%s: %s", t[i].asked, e.text);
			tls_get_info(io, &info);
			CHECK_INT(info.resumed, again);
			check_echo(io, "x\n");
			io_close(io);
			group_join(&g);
		}
		tls_ctx_unref(client);
	}
	struct tls_ctx *client = client_ctx("wild.pem"); /* a wildcard covers one label */
	CHECK(handshake(&g, &s, client, S("a.b.wild.example"), TLS_VERIFY_HOST, &io, &e) < 0);
	io_close(io);
	group_join(&g);
	tls_ctx_unref(client);
	tls_ctx_unref(s.ctx);
}

TEST(tls_certificate_by_name)
{
	run(check_sni, NULL);
}

/* ---- resumption */

static struct tls_ctx *server_with_secret(slice secret)
{
	struct tls_server_config cfg = {
		.cert_file = at("mx.pem"), .key_file = at("mx.key"), .ticket_secret = secret};
	struct tls_ctx *ctx;
	struct err e;
	if (tls_server_ctx(&cfg, &ctx, &e) < 0)
		test_fail(__FILE__, __LINE__, "%s", e.text);
	return ctx;
}

static bool resumes(struct tls_ctx *server, struct tls_ctx *client, enum tls_verify v)
{
	struct server s = {.ctx = server};
	struct group g;
	struct io *io;
	struct err e;
	struct tls_info info;
	group_init(&g);
	if (handshake(&g, &s, client, S("mx.example.org"), v, &io, &e) < 0)
		test_fail(__FILE__, __LINE__, "%s", e.text);
	tls_get_info(io, &info);
	check_echo(io, "x\n"); /* the ticket comes along */
	io_close(io);
	group_join(&g);
	CHECK_INT(info.resumed, s.info.resumed);
	CHECK(info.verified);
	return info.resumed;
}

static void resumption_with(int version)
{
	slice secret = S("0123456789abcdef0123456789abcdef");
	struct tls_ctx *one = server_with_secret(secret), *two = server_with_secret(secret);
	struct tls_ctx *three = server_with_secret(S("another secret of thirty-two byte"));
	struct tls_ctx *four = server_with_secret(S("")), *client = client_ctx("mx.pem");
	SSL_CTX_set_max_proto_version(client->ssl, version);
	CHECK(!resumes(one, client, TLS_VERIFY_HOST));
	CHECK(resumes(one, client, TLS_VERIFY_HOST));
	CHECK(resumes(two, client, TLS_VERIFY_HOST)); /* another process */
	CHECK(!resumes(two, client, TLS_OPPORTUNISTIC));
	CHECK(resumes(one, client, TLS_OPPORTUNISTIC));
	CHECK(!resumes(three, client, TLS_VERIFY_HOST));
	CHECK(!resumes(four, client, TLS_VERIFY_HOST));
	CHECK(resumes(four, client, TLS_VERIFY_HOST));
	CHECK(tls_cache_size(client) <= 2);
	for (int i = 0; i < 3; i++) /* as if the period had passed: accepted still */
		four->keys[i].period++;
	struct tls_ticket_keys last = four->keys[0], now = four->keys[1];
	four->keys[0] = now;
	four->keys[1] = four->keys[2];
	four->keys[1].period = now.period - 1;
	four->keys[2] = last;
	CHECK(resumes(four, client, TLS_VERIFY_HOST));
	tls_ctx_unref(one);
	tls_ctx_unref(two);
	tls_ctx_unref(three);
	tls_ctx_unref(four);
	tls_ctx_unref(client);
}

static void check_resumption(void *arg)
{
	(void)arg;
	resumption_with(TLS1_3_VERSION);
	resumption_with(TLS1_2_VERSION);
}

TEST(tls_resumption_across_processes)
{
	run(check_resumption, NULL);
}

static void check_cache_bound(void *arg)
{
	(void)arg;
	struct tls_ctx *client = client_ctx("mx.pem");
	char key[32];
	for (int i = 0; i < 2000; i++) {
		SSL_SESSION *s = SSL_SESSION_new();
		tls_cache_put(
			client, slice_of(key, (size_t)snprintf(key, sizeof key, "host%d", i)), s);
	}
	CHECK_INT(tls_cache_size(client), 500);
	CHECK(tls_cache_get(client, S("host0")) == NULL);
	tls_ctx_unref(client);
}

TEST(tls_client_cache_is_bounded)
{
	run(check_cache_bound, NULL);
}

/* ---- channel binding */

static void check_binding(void *arg)
{
	(void)arg;
	struct server s = {.ctx = server_ctx()};
	struct tls_ctx *client = client_ctx("mx.pem");
	struct group g;
	group_init(&g);
	for (int i = 0; i < 4; i++) { /* 1.3, 1.3 resumed, 1.2, 1.2 resumed */
		struct io *io;
		struct err e;
		const char *type = "";
		char data[64];
		size_t n = 0;
		if (i == 2)
			SSL_CTX_set_max_proto_version(s.ctx->ssl, TLS1_2_VERSION);
		CHECK_INT(handshake(&g, &s, client, S("mx.example.org"), TLS_VERIFY_HOST, &io, &e),
			0);
		CHECK(tls_channel_binding(io, &type, data, &n));
		check_echo(io, "x\n");
		io_close(io);
		group_join(&g);
		CHECK_INT(s.info.resumed, i % 2);
		CHECK_STR(slice_z(type), i < 2 ? S("tls-exporter") : S("tls-unique"));
		CHECK_INT(n, i < 2 ? 32 : 12);
		CHECK_STR(slice_of(data, n), slice_of(s.binding, s.n_binding));
	}
	tls_ctx_unref(client);
	tls_ctx_unref(s.ctx);
}

TEST(tls_channel_bindings_agree)
{
	run(check_binding, NULL);
}

/* ---- STARTTLS and bad peers */

static void check_injection(void *arg)
{
	(void)arg;
	struct tls_ctx *ctx = server_ctx();
	AUTO(io) struct io *io = io_mem(S("STARTTLS\r\nRSET\r\n"), NULL);
	slice line;
	struct err e;
	CHECK_INT(io_line(io, 100, &line, &e), 1);
	CHECK(tls_accept(io, ctx, &e) < 0 && e.kind == ERR_PROTO &&
		strstr(e.text, "6 bytes of plain"));
	CHECK(!tls_active(io));
	tls_ctx_unref(ctx);
}

TEST(starttls_injection_is_refused)
{
	run(check_injection, NULL);
}

static void starttls_server(void *arg)
{
	struct server *s = arg;
	slice line;
	struct err e;
	CHECK_INT(io_line(s->io, 100, &line, &e), 1);
	CHECK_STR(line, S("STARTTLS\r\n"));
	CHECK_INT(io_write(s->io, S("220 go\r\n"), &e), 0); /* flushed by tls_accept */
	serve(s);
}

static void check_starttls(void *arg)
{
	(void)arg;
	int fds[2];
	slice line;
	struct err e;
	struct group g;
	group_init(&g);
	CHECK(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds) == 0);
	struct server s = {.io = io_plain(fds[0]), .ctx = server_ctx()};
	struct io *io = io_plain(fds[1]);
	struct tls_ctx *client = client_ctx("mx.pem");
	group_go(&g, "server", starttls_server, &s);
	CHECK_INT(io_write(io, S("STARTTLS\r\n"), &e), 0);
	CHECK_INT(io_line(io, 100, &line, &e), 1);
	CHECK_INT(tls_connect(io, client, S("mx.example.org"), TLS_VERIFY_HOST, &e), 0);
	CHECK_INT(io_fd(io), fds[1]);
	check_echo(io, "EHLO again\r\n");
	AUTO(free) char *big = mem_alloc(90001);
	memset(big, 'z', 90000);
	big[89999] = '\n';
	for (int i = 0; i < 10; i++)
		check_echo(io, big);
	io_close(io);
	group_join(&g);
	tls_ctx_unref(client);
	tls_ctx_unref(s.ctx);
}

TEST(starttls_over_a_socket)
{
	run(check_starttls, NULL);
}

static void check_bad_peers(void *arg)
{
	(void)arg;
	struct tls_ctx *ctx = server_ctx(), *client = client_ctx(NULL);
	struct err e;
	struct io *a, *b;
	AUTO(io) struct io *garbage = io_mem(S("EHLO plain.example\r\nMAIL FROM:<>\r\n"), NULL);
	CHECK(tls_accept(garbage, ctx, &e) < 0 && e.kind == ERR_PROTO);
	AUTO(io) struct io *nothing = io_mem(S(""), NULL);
	CHECK(tls_accept(nothing, ctx, &e) < 0 && e.kind == ERR_CLOSED);
	AUTO(io) struct io *half = io_mem(slice_of("\x16\x03\x01\x02\x00\x01", 6), NULL);
	CHECK(tls_accept(half, ctx, &e) < 0 && e.kind == ERR_CLOSED);
	AUTO(io) struct io *greeting = io_mem(S("220 I speak no TLS\r\n"), NULL);
	CHECK(tls_connect(greeting, client, S("x.example"), TLS_OPPORTUNISTIC, &e) < 0);
	CHECK_INT(e.kind, ERR_PROTO);
	io_mem_pair(&a, &b);
	io_set_deadline(a, instant_in(10 * MSEC));
	CHECK(tls_accept(a, ctx, &e) < 0 && e.kind == ERR_TIMEOUT);
	io_close(a);
	io_close(b);
	tls_ctx_unref(ctx);
	tls_ctx_unref(client);
}

TEST(tls_bad_peers)
{
	run(check_bad_peers, NULL);
}

static void check_ends(void *arg)
{
	(void)arg;
	struct server s = {.ctx = server_ctx()};
	struct tls_ctx *client = client_ctx("mx.pem");
	for (int clean = 0; clean < 2; clean++) {
		struct group g;
		struct io *io;
		struct err e;
		group_init(&g);
		CHECK_INT(handshake(&g, &s, client, S("mx.example.org"), TLS_VERIFY_HOST, &io, &e),
			0);
		check_echo(io, "x\n");
		if (clean)
			io_close(io);
		else
			io_abort(io); /* no close_notify: an end all the same */
		group_join(&g);
	}
	tls_ctx_unref(client);
	tls_ctx_unref(s.ctx);
}

TEST(tls_ends_with_and_without_notice)
{
	run(check_ends, NULL);
}

/* ---- configuration errors */

static void check_config(void *arg)
{
	(void)arg;
	struct tls_ctx *ctx;
	struct err e;
	struct tls_server_config cfg = {.cert_file = at("none.pem"), .key_file = at("mx.key")};
	CHECK(tls_server_ctx(&cfg, &ctx, &e) < 0 && e.kind == ERR_NOTFOUND &&
		strstr(e.text, "none.pem"));
	cfg.cert_file = at("mx.key");
	CHECK(tls_server_ctx(&cfg, &ctx, &e) < 0 && e.kind == ERR_PERM && strstr(e.text, "mx.key"));
	cfg.cert_file = at("mx.pem");
	cfg.key_file = at("mx.pem");
	CHECK(tls_server_ctx(&cfg, &ctx, &e) < 0 && e.kind == ERR_PERM && strstr(e.text, "mx.pem"));
	cfg.key_file = at("mx.key");
	cfg.ticket_secret = S("short");
	CHECK(tls_server_ctx(&cfg, &ctx, &e) < 0 && e.kind == ERR_PERM);
	cfg.ticket_secret = S("");
	cfg.ciphers = S("NO-SUCH-CIPHER");
	CHECK(tls_server_ctx(&cfg, &ctx, &e) < 0 && e.kind == ERR_PERM &&
		strstr(e.text, "ciphers"));
	cfg.ciphers = S("ECDHE-ECDSA-AES256-GCM-SHA384:TLS_CHACHA20_POLY1305_SHA256");
	CHECK_INT(tls_server_ctx(&cfg, &ctx, &e), 0);
	struct server s = {.ctx = ctx};
	struct tls_ctx *client = client_ctx("mx.pem");
	struct group g;
	struct io *io;
	group_init(&g);
	CHECK_INT(handshake(&g, &s, client, S("mx.example.org"), TLS_VERIFY_HOST, &io, &e), 0);
	check_echo(io, "x\n");
	io_close(io);
	group_join(&g);
	CHECK_STR(slice_z(s.info.cipher), S("TLS_CHACHA20_POLY1305_SHA256"));
	tls_ctx_unref(client);
	tls_ctx_unref(ctx);
	struct stat st;
	CHECK(stat(at("mx.key").p, &st) == 0 && (st.st_mode & 0777) == 0600);
	CHECK(tls_make_self_signed(S("x"), at("mx.pem"), at("x.key"), &e) < 0 &&
		e.kind == ERR_EXISTS);
	CHECK(tls_make_self_signed(S("a,DNS:b"), at("a.pem"), at("a.key"), &e) < 0);
}

TEST(tls_configuration_errors)
{
	run(check_config, NULL);
}

/* ---- many, and idle */

enum { MANY = 100 };

struct many {
	struct net_addr at;
	int fd;
	struct tls_ctx *server, *client;
	instant until; /* all idle till then */
	int open;
};

static void many_client(void *arg)
{
	struct many *m = arg;
	struct io *io;
	struct err e;
	if (net_connect(&m->at, NULL, instant_in(30 * SECOND), &io, &e) < 0 ||
		tls_connect(io, m->client, S("mx.example.org"), TLS_VERIFY_HOST, &e) < 0)
		test_fail(__FILE__, __LINE__, "%s", e.text);
	check_echo(io, "hello\r\n");
	m->open++;
	io_set_deadline(io, m->until);
	CHECK(io_fill(io, 100, &e) < 0 && e.kind == ERR_TIMEOUT);
	io_set_deadline(io, instant_in(30 * SECOND));
	check_echo(io, "again\r\n");
	io_close(io);
}

static void check_many(void *arg)
{
	(void)arg;
	static struct server servers[MANY];
	struct many m = {.server = server_ctx(), .client = client_ctx("mx.pem")};
	struct group g;
	struct err e;
	group_init(&g);
	m.until = instant_in(5 * SECOND);
	CHECK_INT(net_parse(S("127.0.0.1:0"), 0, &m.at, &e), 0);
	CHECK_INT(net_listen(&m.at, MANY, &m.fd, &e), 0);
	CHECK_INT(net_local_addr(m.fd, &m.at, &e), 0);
	size_t before = san_heap_used();
	for (int i = 0; i < MANY; i++) {
		int fd;
		struct net_addr peer;
		group_go(&g, "client", many_client, &m);
		CHECK_INT(net_accept(m.fd, &fd, &peer, &e), 0);
		servers[i] = (struct server){.io = io_plain(fd), .ctx = m.server};
		group_go(&g, "server", serve, &servers[i]);
	}
	while (m.open < MANY)
		CHECK_INT(co_sleep(instant_in(5 * MSEC), &e), 0);
	CHECK(san_heap_used() - before < MANY * 2 * 24000 + 64 * 33000); /* both ends, no buffers */
	CHECK(loop_now() < m.until);
	group_join(&g);
	loop_forget_fd(m.fd);
	close(m.fd);
	tls_ctx_unref(m.server);
	tls_ctx_unref(m.client);
}

TEST(tls_sessions_idle_without_buffers)
{
	run(check_many, NULL);
}
