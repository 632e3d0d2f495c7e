/* STARTTLS, TLS from the first byte, and what is allowed only under TLS; over pipes in memory. */
#include "proto/smtpd/transcript_testing.h"

#include "run/tls.h"
#include <unistd.h>

struct talk {
	const char *conf;
	void (*client)(struct talk *t);
	struct fake fake;
	struct tls_ctx *server_ctx, *client_ctx;
	struct io *near, *far;
	struct group group;
};

static char dir[64];

static slice in_dir(struct arena *a, const char *name)
{
	return arena_printf(a, "%s/%s", dir, name);
}

static void make_contexts(struct talk *t, struct arena *a)
{
	struct err e;
	slice cert = in_dir(a, "cert.pem"), key = in_dir(a, "key.pem");
	must(tls_make_self_signed(S("mail.example.com"), cert, key, &e) == 0);
	struct tls_server_config sc = {.cert_file = cert, .key_file = key};
	struct tls_client_config cc = {.ca_file = cert};
	must(tls_server_ctx(&sc, &t->server_ctx, &e) == 0);
	must(tls_client_ctx(&cc, &t->client_ctx, &e) == 0);
}

static void serve(void *arg)
{
	struct talk *t = arg;
	struct arena a = {0};
	struct conf *conf;
	struct smtpd_service service;
	struct net_addr peer, local;
	fake_service(slice_z(t->conf), t->server_ctx, &a, &conf, &service);
	fake_peers("192.0.2.1", &peer, &local);
	smtpd_serve(&t->fake.hub, t->near, &service, &fake_ops, &t->fake, &peer, &local);
	conf_free(conf);
	arena_done(&a);
}

static void both(void *arg)
{
	struct talk *t = arg;
	io_mem_pair(&t->near, &t->far);
	io_set_deadline(t->far, instant_in(20 * SECOND));
	group_init(&t->group);
	group_go(&t->group, "server", serve, t);
	t->client(t);
	io_close(t->far);
	group_join(&t->group);
}

static void talk(const char *conf, void (*client)(struct talk *t), struct talk *ret)
{
	struct arena a = {0};
	*ret = (struct talk){.conf = conf, .client = client};
	strcpy(dir, "/tmp/smtpd-test-XXXXXX");
	CHECK(mkdtemp(dir) != NULL);
	make_contexts(ret, &a);
	fake_init(&ret->fake, 1 << 20);
	loop_init();
	loop_main(both, ret);
	loop_done();
	tls_ctx_unref(ret->server_ctx);
	tls_ctx_unref(ret->client_ctx);
	char command[128];
	snprintf(command, sizeof command, "rm -rf %s", dir);
	CHECK(system(command) == 0);
	arena_done(&a);
}

static void say(struct talk *t, const char *text)
{
	struct err e;
	CHECK(io_write(t->far, slice_z(text), &e) == 0 && io_flush(t->far, &e) == 0);
}

/* Reads one reply, all its lines; it must begin with `code`. *has: whether `part` is in it. */
static bool hears(struct talk *t, const char *code, const char *part)
{
	bool found = false;
	for (;;) {
		slice line;
		struct err e;
		if (io_line(t->far, 1000, &line, &e) != 1)
			test_fail(__FILE__, __LINE__, "no reply, %s expected", code);
		if (!slice_starts(line, slice_z(code)))
			test_fail(__FILE__, __LINE__, "%.*s instead of %s", SFMT(line), code);
		found |= part && slice_find(line, slice_z(part)) < line.n;
		if (line.n < 4 || line.p[3] != '-')
			return found;
	}
}

static void handshake(struct talk *t)
{
	struct err e;
	if (tls_connect(t->far, t->client_ctx, S("mail.example.com"), TLS_VERIFY_HOST, &e) < 0)
		test_fail(__FILE__, __LINE__, "handshake: %s", e.text);
}

static void use_starttls(struct talk *t)
{
	hears(t, "220", NULL);
	say(t, "EHLO c.test\r\n");
	CHECK(hears(t, "250", "STARTTLS"));
	say(t, "EHLO c.test\r\n");
	CHECK(!hears(t, "250", "AUTH"));
	say(t, "EHLO c.test\r\n");
	CHECK(!hears(t, "250", "REQUIRETLS"));
	say(t, "STARTTLS now\r\n");
	hears(t, "501", NULL);
	say(t, "STARTTLS\r\n");
	hears(t, "220", NULL);
	handshake(t);
	say(t, MAIL_A); /* EHLO is forgotten */
	hears(t, "503", NULL);
	say(t, "EHLO c.test\r\n");
	CHECK(hears(t, "250", "AUTH SCRAM-SHA-256-PLUS SCRAM-SHA-256 PLAIN LOGIN"));
	say(t, "EHLO c.test\r\n");
	CHECK(!hears(t, "250", "STARTTLS"));
	say(t, "STARTTLS\r\n");
	hears(t, "503", NULL);
	say(t, AUTH_ALICE);
	hears(t, "235", NULL);
	say(t, "MAIL FROM:<alice@example.com> REQUIRETLS\r\nRCPT TO:<a@foreign.test>\r\nDATA\r\n");
	hears(t, "250", NULL);
	hears(t, "250", NULL);
	hears(t, "354", NULL);
	say(t, "From: alice@example.com\r\n\r\nx\r\n.\r\nQUIT\r\n");
	hears(t, "250", NULL);
	hears(t, "221", NULL);
}

TEST(starttls)
{
	struct talk t;
	talk("kind = submission\n", use_starttls, &t);
	CHECK_STR(slice_first(buf_slice(&t.fake.kept), 50),
		S("136 <alice@example.com> -> a@foreign.test(smtp:for"));
	slice prefix = buf_slice(&t.fake.last_prefix);
	CHECK(slice_find(prefix, S("with ESMTPSA id ")) < prefix.n);
	CHECK(slice_find(prefix, S("version=TLSv1.3")) < prefix.n);
	slice log = buf_slice(&t.fake.last_log);
	CHECK(slice_find(log, S(" tls version=TLSv1.3 ")) < log.n);
	fake_done(&t.fake);
}

static void forget_login(struct talk *t)
{
	hears(t, "220", NULL);
	say(t, "EHLO c.test\r\n" AUTH_ALICE "STARTTLS\r\n");
	hears(t, "250", NULL);
	hears(t, "235", NULL);
	hears(t, "220", NULL);
	handshake(t);
	say(t, "EHLO c.test\r\nMAIL FROM:<alice@example.com>\r\nQUIT\r\n");
	CHECK(hears(t, "250", "AUTH"));
	hears(t, "530", NULL);
	hears(t, "221", NULL);
}

TEST(what_was_said_in_clear_is_forgotten)
{
	struct talk t;
	talk(SUBMISSION, forget_login, &t);
	fake_done(&t.fake);
}

static void inject(struct talk *t)
{
	hears(t, "220", NULL);
	say(t, "EHLO c.test\r\n");
	hears(t, "250", NULL);
	say(t, "STARTTLS\r\nMAIL FROM:<evil@x.test>\r\n");
	hears(t, "554", NULL);
	slice rest;
	struct err e;
	CHECK_INT(io_line(t->far, 1000, &rest, &e), 0);
}

TEST(plaintext_behind_starttls_ends_the_session)
{
	struct talk t;
	talk(MX, inject, &t);
	CHECK_STR(buf_slice(&t.fake.told), S("end sync\n"));
	fake_done(&t.fake);
}

static void garbage(struct talk *t)
{
	hears(t, "220", NULL);
	say(t, "EHLO c.test\r\n");
	hears(t, "250", NULL);
	say(t, "STARTTLS\r\n");
	hears(t, "220", NULL);
	say(t, "EHLO c.test\r\nMAIL FROM:<a@x.test>\r\n");
	slice line;
	struct err e;
	while (io_line(t->far, 1000, &line, &e) > 0)
		CHECK(!slice_starts(line, S("250")));
}

TEST(no_handshake_no_session)
{
	struct talk t;
	talk(MX, garbage, &t);
	CHECK_STR(buf_slice(&t.fake.told), S("end tls\n"));
	fake_done(&t.fake);
}

static void required(struct talk *t)
{
	hears(t, "220", NULL);
	say(t, "EHLO c.test\r\nMAIL FROM:<a@x.test>\r\nVRFY x\r\nNOOP\r\nBDAT 4 "
	       "LAST\r\nQUITRSET\r\n");
	hears(t, "250", NULL);
	hears(t, "530", NULL);
	hears(t, "530", NULL);
	hears(t, "250", NULL);
	hears(t, "503", NULL);
	hears(t, "250", NULL);
	say(t, "STARTTLS\r\n");
	hears(t, "220", NULL);
	handshake(t);
	say(t, "EHLO c.test\r\nMAIL FROM:<a@x.test>\r\nQUIT\r\n");
	CHECK(hears(t, "250", "REQUIRETLS"));
	hears(t, "250", NULL);
	hears(t, "221", NULL);
}

TEST(tls_can_be_required)
{
	struct talk t;
	talk(MX "tls = require\n", required, &t);
	fake_done(&t.fake);
}

static void implicit(struct talk *t)
{
	handshake(t);
	hears(t, "220", NULL);
	say(t, "EHLO c.test\r\n");
	CHECK(hears(t, "250", "AUTH SCRAM-SHA-256-PLUS"));
	say(t, "QUIT\r\n");
	hears(t, "221", NULL);
}

TEST(tls_from_the_first_byte)
{
	struct talk t;
	talk("kind = submissions\n", implicit, &t);
	CHECK_STR(buf_slice(&t.fake.told), S("end quit\n"));
	fake_done(&t.fake);
}

/* The header and the first bytes of the handshake arrive together: the header's end is respected.
 */
static void proxied_v1(struct talk *t)
{
	say(t, "PROXY TCP4 198.51.100.7 192.0.2.25 40000 465\r\n");
	implicit(t);
}

static void proxied_v2(struct talk *t)
{
	static const char header[] = "\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0f\xc6\x33\x64\x07\xc0\0\2"
				     "\x19\x9c\x40\x01\xd1\x04\0\0";
	struct err e;
	CHECK(io_write(t->far, slice_of(header, sizeof header - 1), &e) == 0 &&
		io_flush(t->far, &e) == 0);
	implicit(t);
}

TEST(proxy_header_before_tls)
{
	struct talk t;
	talk("kind = submissions\nproxy_from = 192.0.2.1\n", proxied_v1, &t);
	CHECK_STR(buf_slice(&t.fake.told), S("end quit\n"));
	fake_done(&t.fake);
	talk("kind = submissions\nproxy_from = 192.0.2.1\n", proxied_v2, &t);
	CHECK_STR(buf_slice(&t.fake.told), S("end quit\n"));
	fake_done(&t.fake);
}

/* A drain wakes an idle session that waits in a read, and lets one in a transaction finish. */
static void drained(struct talk *t)
{
	hears(t, "220", NULL);
	say(t, "EHLO c.test\r\n");
	hears(t, "250", NULL);
	smtpd_drain(&t->fake.hub);
	hears(t, "421", NULL);
}

static void drained_within(struct talk *t)
{
	hears(t, "220", NULL);
	say(t, HELO MAIL_A);
	hears(t, "250", NULL);
	hears(t, "250", NULL);
	smtpd_drain(&t->fake.hub);
	say(t, RCPT_ALICE "DATA\r\n");
	hears(t, "250", NULL);
	hears(t, "354", NULL);
	say(t, "\r\nx\r\n.\r\n");
	hears(t, "250", NULL);
	hears(t, "421", NULL);
}

TEST(drain_wakes_idle_sessions)
{
	struct talk t;
	talk(MX, drained, &t);
	CHECK_STR(buf_slice(&t.fake.told), S("end drain\n"));
	fake_done(&t.fake);
	talk(MX, drained_within, &t);
	CHECK_INT(t.fake.accepts, 1);
	CHECK_STR(buf_slice(&t.fake.told), S("end drain\n"));
	fake_done(&t.fake);
}

static void slow(struct talk *t)
{
	hears(t, "220", NULL);
	instant began = instant_now();
	say(t, "X\r\nX\r\nX\r\nX\r\n");
	for (int i = 0; i < 4; i++)
		hears(t, "500", NULL);
	instant took = instant_now() - began;
	CHECK(took >= 100 * MSEC && took < 5 * SECOND); /* none, 20 ms, 40 ms, 40 ms */
	say(t, QUIT);
	hears(t, "221", NULL);
}

TEST(tarpit)
{
	struct talk t;
	talk(MX "soft_errors = 1\ntarpit = 20ms\ntarpit_max = 40ms\n", slow, &t);
	fake_done(&t.fake);
}
