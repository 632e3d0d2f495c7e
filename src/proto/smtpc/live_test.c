/*
 * Client sessions against peers that live: another coroutine at the far end of a memory pair or a
 * socket. TLS by STARTTLS and from the first byte, what is done without trust, SCRAM against
 * libgsasl's server, peers that are slow, that stop half way, that hang up while we send.
 * Transcripts: smtpc_test.c.
 */
#include "base/b64.h"
#include "base/mem.h"
#include "base/test.h"
#include "proto/smtpc/smtpc.h"
#include "run/co.h"
#include "run/loop.h"

#include <gsasl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* ---- the peer: a script of its own little language, one step a line ----
 *	<TEXT	expects a line that begins with TEXT		>TEXT	says it
 *	!tls	does a handshake				!wait	sleeps until cancelled
 *	!body	reads up to the lone dot			!scram	plays the SASL server
 *	!plus	that was with channel binding
 *	>>TEXT	says it without a line end
 */
struct peer {
	struct io *io;
	const char *script;
	struct tls_ctx *ctx;
	const char *password;
	char last[400]; /* the client's last line */
	char mech[40]; /* that it logged in by */
};

static slice client_line(struct peer *p)
{
	struct err e;
	slice line = {0};
	if (io_line(p->io, 100000, &line, &e) <= 0)
		return (slice){0};
	snprintf(p->last, sizeof p->last, "%.*s", SFMT(slice_trim(line)));
	return slice_z(p->last);
}

static bool read_body(struct peer *p)
{
	slice line;
	struct err e;
	while (io_line(p->io, 100000, &line, &e) > 0)
		if (slice_eq(line, S(".\r\n")))
			return true;
	return false;
}

/* What libgsasl's server asks us: the password, and the binding to this very TLS session. */
static int server_secret(Gsasl *lib, Gsasl_session *sasl, Gsasl_property what)
{
	struct peer *p = gsasl_callback_hook_get(lib);
	const char *type;
	char data[64];
	size_t n;
	if (what == GSASL_PASSWORD) {
		gsasl_property_set(sasl, GSASL_PASSWORD, p->password);
		return GSASL_OK;
	}
	if (!tls_active(p->io) || !tls_channel_binding(p->io, &type, data, &n) ||
		what != (strcmp(type, "tls-exporter") == 0 ? GSASL_CB_TLS_EXPORTER
							   : GSASL_CB_TLS_UNIQUE))
		return GSASL_NO_CALLBACK;
	AUTO(buf) struct buf text = BUF(200);
	b64_encode(&text, slice_of(data, n));
	buf_byte(&text, 0);
	gsasl_property_set(sasl, what, text.p);
	return GSASL_OK;
}

/* From "AUTH MECH initial" to 235 or 535. */
static bool scram(struct peer *p)
{
	Gsasl *lib;
	Gsasl_session *sasl;
	struct err e;
	char first[200], *out;
	client_line(p);
	CHECK(sscanf(p->last, "AUTH %39s %199s", p->mech, first) == 2);
	CHECK(gsasl_init(&lib) == GSASL_OK);
	gsasl_callback_hook_set(lib, p);
	gsasl_callback_set(lib, server_secret);
	CHECK(gsasl_server_start(lib, p->mech, &sasl) == GSASL_OK);
	int r = gsasl_step64(sasl, first, &out);
	while (r == GSASL_NEEDS_MORE || (r == GSASL_OK && *out)) {
		io_printf(p->io, &e, "334 %s\r\n", out);
		gsasl_free(out);
		client_line(p);
		if (r == GSASL_OK) {
			out = NULL;
			break;
		}
		r = gsasl_step64(sasl, p->last, &out);
	}
	io_printf(p->io, &e, r == GSASL_OK ? "235 in\r\n" : "535 5.7.8 no\r\n");
	gsasl_finish(sasl);
	gsasl_done(lib);
	return true;
}

static bool play_step(struct peer *p, slice step)
{
	struct err e;
	if (slice_starts(step, S(">>")))
		return io_printf(p->io, &e, "%.*s", SFMT(slice_skip(step, 2))) == 0 &&
		       io_flush(p->io, &e) == 0;
	if (*step.p == '>')
		return io_printf(p->io, &e, "%.*s\r\n", SFMT(slice_skip(step, 1))) == 0 &&
		       io_flush(p->io, &e) == 0;
	if (*step.p == '<')
		return slice_starts(client_line(p), slice_skip(step, 1));
	if (slice_eq(step, S("!tls")))
		return tls_accept(p->io, p->ctx, &e) == 0;
	if (slice_eq(step, S("!wait")))
		return co_sleep(INSTANT_NEVER, &e) == 0;
	if (slice_eq(step, S("!body")))
		return read_body(p);
	if (slice_eq(step, S("!plus")))
		return strcmp(p->mech, "SCRAM-SHA-256-PLUS") == 0;
	CHECK(slice_eq(step, S("!scram")));
	return scram(p);
}

static void play_peer(void *arg)
{
	struct peer *p = arg;
	slice rest = slice_z(p->script), step;
	while (slice_cut(&rest, '\n', &step) && step.n)
		if (!play_step(p, step))
			break;
	io_close(p->io);
}

/* ---- the client's side ---- */

static struct arena a;
static struct tls_ctx *server_tls, *client_tls;

static int next_piece(void *arg, slice *ret, struct err *e)
{
	static char block[65536];
	int *left = arg;
	(void)e;
	memset(block, 'b', sizeof block);
	for (size_t i = 98; i + 1 < sizeof block; i += 100)
		memcpy(block + i, "\r\n", 2);
	*ret = slice_of(block, sizeof block);
	return (*left)-- > 0;
}

static slice result_text(const struct smtpc_result *r)
{
	static const char *const kinds[] = {"ok", "temp", "perm", "next"};
	return arena_printf(&a, "%s %s %u.%u.%u %.*s", kinds[r->kind], smtpc_stage_name(r->stage),
		r->status.cls, r->status.subject, r->status.detail, SFMT(r->text));
}

/* Opens, sends `blocks` of 64 KiB, quits; what came of it. *ret_info is of the open session. */
static slice converse(
	const char *script, struct smtpc_config cfg, int blocks, struct smtpc_info *ret_info)
{
	struct peer peer = {.script = script, .ctx = server_tls, .password = "pencil"};
	struct smtpc_rcpt to = {.address = S("r@b.test")};
	struct smtpc_mail m = {.sender = S("s@a.test"), .rcpts = &to, .nrcpts = 1};
	struct smtpc_result r;
	struct smtpc_sent sent;
	struct smtpc *s;
	struct group g;
	struct io *mine;
	struct err e;
	io_mem_pair(&mine, &peer.io);
	group_init(&g);
	group_go(&g, "peer", play_peer, &peer);
	cfg.helo = S("me.test");
	cfg.ctx = client_tls;
	if (smtpc_open(mine, &cfg, &s, &e) < 0)
		r = *smtpc_failure(s);
	else
		smtpc_send(s, &m, (struct smtpc_body){next_piece, &blocks}, &a, &r, &sent);
	slice text = result_text(&r);
	if (ret_info)
		smtpc_info(s, ret_info);
	smtpc_quit(s);
	group_cancel(&g);
	group_join(&g);
	return text;
}

static char dir[] = "/tmp/smtpc-XXXXXX";

static slice file(const char *name)
{
	return arena_printf(&a, "%s/%s", dir, name);
}

static void with_tls(void *arg)
{
	void (*test)(void);
	struct err e;
	memcpy(&test, arg, sizeof test);
	CHECK(mkdtemp(dir) != NULL);
	CHECK(tls_make_self_signed(S("mx.test"), file("c"), file("k"), &e) == 0);
	struct tls_server_config sc = {.cert_file = file("c"), .key_file = file("k")};
	struct tls_client_config cc = {.ca_file = file("c")};
	CHECK(tls_server_ctx(&sc, &server_tls, &e) == 0 &&
		tls_client_ctx(&cc, &client_tls, &e) == 0);
	test();
	tls_ctx_unref(server_tls);
	tls_ctx_unref(client_tls);
	char command[64];
	snprintf(command, sizeof command, "rm -r %s", dir);
	CHECK(system(command) == 0);
	arena_done(&a);
}

static void run(void (*test)(void))
{
	loop_init();
	loop_main(with_tls, &test);
	loop_done();
}

#define MAIL "<MAIL\n>250 ok\n<RCPT\n>250 ok\n<DATA\n>354 go\n!body\n>250 done\n<QUIT\n>221 bye\n"

/* ---- TLS ---- */

static void starttls_test(void)
{
	struct smtpc_info info;
	const char *upgrade = ">220 hi\n<EHLO\n>250-x\n>250 STARTTLS\n<STARTTLS\n>220 "
			      "go\n!tls\n<EHLO\n>250-x\n>250 8BITMIME\n" MAIL;
	static const enum smtpc_tls modes[] = {
		SMTPC_TLS_MAYBE, SMTPC_TLS_ALWAYS, SMTPC_TLS_CA, SMTPC_TLS_HOST};
	for (int i = 0; i < 4; i++) {
		CHECK_STR(converse(upgrade,
				  (struct smtpc_config){.tls = modes[i], .host = S("mx.test")}, 1,
				  &info),
			S("ok end 2.0.0 250 done"));
		CHECK(info.tls && info.tls_info.verified && !info.tls_failed &&
			(info.caps & SMTP_CAP_8BITMIME));
		CHECK(!(info.caps & SMTP_CAP_STARTTLS)); /* what was said before TLS is forgotten */
	}
	CHECK_STR(converse(upgrade,
			  (struct smtpc_config){.tls = SMTPC_TLS_ALWAYS, .host = S("other.test")},
			  1, &info),
		S("ok end 2.0.0 250 done"));
	CHECK(info.tls && !info.tls_info.verified);
	slice r = converse(upgrade,
		(struct smtpc_config){.tls = SMTPC_TLS_HOST, .host = S("other.test")}, 1, &info);
	CHECK(slice_starts(r, S("temp tls 4.7.5 tls: the certificate is not trusted: ")));
	CHECK(info.tls_failed);
	CHECK_STR(converse(">220 hi\n<EHLO\n>250-x\n>250 STARTTLS\n<MAIL\n>250 ok\n<RCPT\n>250 "
			   "ok\n<DATA\n>354 go\n!body\n>250 done\n<QUIT\n",
			  (struct smtpc_config){.tls = SMTPC_TLS_NEVER}, 1, &info),
		S("ok end 2.0.0 250 done"));
	CHECK(!info.tls);
}

TEST(smtpc_starttls)
{
	run(starttls_test);
}

static void starttls_trouble_test(void)
{
	struct smtpc_info info;
	const char *refused =
		">220 hi\n<EHLO\n>250-x\n>250 STARTTLS\n<STARTTLS\n>454 4.7.0 not now\n" MAIL;
	CHECK_STR(converse(refused, (struct smtpc_config){.tls = SMTPC_TLS_MAYBE}, 1, &info),
		S("ok end 2.0.0 250 done"));
	CHECK(info.tls_failed && !info.tls);
	CHECK_STR(converse(refused, (struct smtpc_config){.tls = SMTPC_TLS_ALWAYS}, 1, NULL),
		S("temp tls 4.7.0 454 4.7.0 not now"));
	CHECK_STR(converse(">220 hi\n<EHLO\n>250 x\n<QUIT\n>221 bye\n",
			  (struct smtpc_config){.tls = SMTPC_TLS_ALWAYS}, 1, NULL),
		S("temp tls 4.7.5 tls: required, but the peer does not offer STARTTLS"));
	/* what a man in the middle says before the handshake is not taken for the server's words */
	slice r = converse(">220 hi\n<EHLO\n>250-x\n>250 STARTTLS\n<STARTTLS\n>220 "
			   "go\n>250-x\n>250 AUTH PLAIN\n!tls\n",
		(struct smtpc_config){.tls = SMTPC_TLS_MAYBE}, 1, &info);
	CHECK(slice_starts(r, S("temp tls 4.7.5 tls: handshake failed: ")) && info.tls_failed);
	r = converse(">220 hi\n<EHLO\n>250-x\n>250 STARTTLS\n<STARTTLS\n>220 go\n<x\n",
		(struct smtpc_config){.tls = SMTPC_TLS_MAYBE}, 1, &info);
	CHECK(slice_starts(r, S("temp tls 4.7.5 tls: handshake failed: ")) && info.tls_failed);
}

TEST(smtpc_starttls_trouble)
{
	run(starttls_trouble_test);
}

static void implicit_tls_test(void)
{
	struct smtpc_info info;
	CHECK_STR(
		converse("!tls\n>220 hi\n<EHLO\n>250-x\n>250 STARTTLS\n" MAIL,
			(struct smtpc_config){
				.tls = SMTPC_TLS_HOST, .tls_implicit = true, .host = S("mx.test")},
			1, &info),
		S("ok end 2.0.0 250 done"));
	CHECK(info.tls);
	slice r = converse(">220 plain\n<x\n",
		(struct smtpc_config){.tls = SMTPC_TLS_MAYBE, .tls_implicit = true}, 1, NULL);
	CHECK(slice_starts(r, S("temp tls 4.7.5 tls: handshake failed: ")));
}

TEST(smtpc_implicit_tls)
{
	run(implicit_tls_test);
}

static const char *try_requiretls(enum smtpc_tls tls, bool authentic, const char *script)
{
	struct peer peer = {.ctx = server_tls, .script = script};
	struct smtpc_config cfg = {.helo = S("me.test"),
		.ctx = client_tls,
		.tls = tls,
		.authentic = authentic,
		.tls_implicit = true,
		.host = S("mx.test")};
	struct smtpc_rcpt to = {.address = S("r@b.test")};
	struct smtpc_mail m = {
		.sender = S("s@a.test"), .flags = SMTPC_REQUIRETLS, .rcpts = &to, .nrcpts = 1};
	struct smtpc_result r;
	struct smtpc_sent sent;
	struct smtpc *s;
	struct group g;
	struct io *mine;
	struct err e;
	int blocks = 1;
	io_mem_pair(&mine, &peer.io);
	group_init(&g);
	group_go(&g, "peer", play_peer, &peer);
	CHECK(smtpc_open(mine, &cfg, &s, &e) == 0);
	smtpc_send(s, &m, (struct smtpc_body){next_piece, &blocks}, &a, &r, &sent);
	smtpc_quit(s);
	group_join(&g);
	return arena_strz(&a, result_text(&r));
}

/* RFC 8689 4.2.1: offered, verified, and the host's name is authentic. */
static void requiretls_test(void)
{
	const char *sends =
		"!tls\n>220 hi\n<EHLO\n>250-x\n>250 REQUIRETLS\n<MAIL FROM:<s@a.test> "
		"REQUIRETLS\n>250 ok\n<RCPT\n>250 ok\n<DATA\n>354 go\n!body\n>250 done\n<QUIT\n";
	const char *refuses = "!tls\n>220 hi\n<EHLO\n>250-x\n>250 REQUIRETLS\n<QUIT\n>221 bye\n";
	const char *lacks = "!tls\n>220 hi\n<EHLO\n>250 x\n<QUIT\n>221 bye\n";
	const slice no = S("perm mail 5.7.30 ");
	CHECK_STR(slice_z(try_requiretls(SMTPC_TLS_HOST, true, sends)), S("ok end 2.0.0 250 done"));
	CHECK(slice_starts(slice_z(try_requiretls(SMTPC_TLS_HOST, false, refuses)), no));
	CHECK(slice_starts(slice_z(try_requiretls(SMTPC_TLS_ALWAYS, true, refuses)), no));
	CHECK(slice_starts(slice_z(try_requiretls(SMTPC_TLS_HOST, true, lacks)), no));
}

TEST(smtpc_requiretls)
{
	run(requiretls_test);
}

/* ---- SCRAM ---- */

static void scram_test(void)
{
	struct smtpc_info info;
	struct smtpc_config cfg = {
		.auth_user = S("user"), .auth_password = {S("pencil")}, .host = S("mx.test")};
	const char *clear = ">220 hi\n<EHLO\n>250-x\n>250 AUTH PLAIN SCRAM-SHA-256 "
			    "SCRAM-SHA-256-PLUS\n!scram\n" MAIL;
	CHECK_STR(converse(clear, cfg, 1, &info), S("ok end 2.0.0 250 done"));
	CHECK(info.auth);
	cfg.auth_password.value = S("pen");
	CHECK_STR(converse(clear, cfg, 1, &info), S("perm auth 5.7.8 535 5.7.8 no"));
	CHECK(!info.auth);
}

/* Bound to the connection where both can (RFC 5802 6); only then the server sees "-PLUS". */
static void scram_plus_test(void)
{
	struct smtpc_config cfg = {.auth_user = S("user"),
		.auth_password = {S("pencil")},
		.host = S("mx.test"),
		.tls = SMTPC_TLS_HOST,
		.tls_implicit = true};
	struct smtpc_info info;
	CHECK_STR(converse("!tls\n>220 hi\n<EHLO\n>250-x\n>250 AUTH PLAIN SCRAM-SHA-256 "
			   "SCRAM-SHA-256-PLUS\n!scram\n!plus\n" MAIL,
			  cfg, 1, &info),
		S("ok end 2.0.0 250 done"));
	CHECK(info.auth && info.tls);
}

TEST(smtpc_scram_with_channel_binding)
{
	run(scram_plus_test);
}

TEST(smtpc_scram)
{
	run(scram_test);
}

/* ---- time ---- */

#define QUICK                                                                                      \
	.timeouts = {.greeting = 50 * MSEC,                                                        \
		.command = 50 * MSEC,                                                              \
		.data = 50 * MSEC,                                                                 \
		.block = 50 * MSEC,                                                                \
		.end = 50 * MSEC,                                                                  \
		.quit = 50 * MSEC}

static void slow_test(void)
{
	struct smtpc_config quick = {QUICK};
	struct {
		const char *script, *want;
	} table[] = {
		{"!wait\n", "temp greeting 4.4.2 greeting: "},
		{">>220 hal\n!wait\n", "temp greeting 4.4.2 greeting: "},
		{">220-hi\n!wait\n", "temp greeting 4.4.2 greeting: "},
		{">220 hi\n<EHLO\n!wait\n", "temp helo 4.4.2 helo: "},
		{">220 hi\n<EHLO\n>250 x\n<MAIL\n!wait\n", "temp mail 4.4.2 mail: "},
		{">220 hi\n<EHLO\n>250 x\n<MAIL\n>250 ok\n<RCPT\n!wait\n",
			"temp rcpt 4.4.2 rcpt: "},
		{">220 hi\n<EHLO\n>250 x\n<MAIL\n>250 ok\n<RCPT\n>250 ok\n<DATA\n!wait\n",
			"temp data 4.4.2 data: "},
		{">220 hi\n<EHLO\n>250 x\n<MAIL\n>250 ok\n<RCPT\n>250 ok\n<DATA\n>354 go\n!wait\n",
			"temp data 4.4.2 data: "},
		{">220 hi\n<EHLO\n>250 x\n<MAIL\n>250 ok\n<RCPT\n>250 ok\n<DATA\n>354 "
		 "go\n!body\n!wait\n",
			"temp end 4.4.2 end: "},
	};
	for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
		instant begun = instant_now();
		slice r = converse(table[i].script, quick, 10, NULL);
		if (!slice_starts(r, slice_z(table[i].want)))
			test_fail(__FILE__, __LINE__, "%zu: %.*s", i, SFMT(r));
		CHECK(instant_now() - begun < 5 * SECOND);
	}
}

TEST(smtpc_deadlines)
{
	run(slow_test);
}

static void hang_up_test(void)
{
	const char *start =
		">220 hi\n<EHLO\n>250 x\n<MAIL\n>250 ok\n<RCPT\n>250 ok\n<DATA\n>354 go\n";
	char script[300];
	/* the reason given before hanging up is the result, also when we were still writing */
	snprintf(script, sizeof script, "%s<b\n>552 5.3.4 too big\n", start);
	CHECK_STR(converse(script, (struct smtpc_config){0}, 100, NULL),
		S("perm data 5.3.4 552 5.3.4 too big"));
	snprintf(script, sizeof script, "%s>421 4.3.2 going\n", start);
	CHECK_STR(converse(script, (struct smtpc_config){0}, 100, NULL),
		S("temp data 4.3.2 421 4.3.2 going"));
	snprintf(script, sizeof script, "%s>250 thanks, enough\n", start);
	CHECK(slice_starts(converse(script, (struct smtpc_config){0}, 100, NULL),
		S("temp data 4.4.2 data: ")));
	CHECK(slice_starts(
		converse(start, (struct smtpc_config){0}, 100, NULL), S("temp data 4.4.2 data: ")));
}

TEST(smtpc_peer_hangs_up)
{
	run(hang_up_test);
}

static void large_test(void)
{
	CHECK_STR(converse(">220 hi\n<EHLO\n>250 x\n" MAIL, (struct smtpc_config){0}, 0, NULL),
		S("ok end 2.0.0 250 done"));
	CHECK_STR(converse(">220 hi\n<EHLO\n>250-x\n>250 PIPELINING\n" MAIL,
			  (struct smtpc_config){0}, 1, NULL),
		S("ok end 2.0.0 250 done"));
}

TEST(smtpc_sizes)
{
	run(large_test);
}

/* ---- sockets ---- */

static void socket_test(void)
{
	struct peer peer = {.script = ">220 hi\n<EHLO\n>250 x\n<NEVER\n"};
	struct smtpc_config cfg = {
		.helo = S("me.test"), .timeouts = {.connect = 2 * SECOND, .greeting = 2 * SECOND}};
	struct smtpc_info info;
	struct net_addr at;
	struct smtpc *s;
	struct group g;
	struct err e;
	int listener, fd;
	CHECK(net_parse(S("127.0.0.1:0"), 0, &at, &e) == 0 &&
		net_listen(&at, 5, &listener, &e) == 0);
	CHECK(net_local_addr(listener, &at, &e) == 0);
	group_init(&g);
	/* accept only afterwards: the kernel's backlog answers the connect */
	AUTO(fd) int early = socket(AF_INET, SOCK_STREAM, 0);
	CHECK(connect(early, (struct sockaddr *)&at.ss, at.len) == 0);
	CHECK(net_accept(listener, &fd, &(struct net_addr){0}, &e) == 0);
	close(fd);
	struct io *io;
	CHECK(net_connect(&at, NULL, instant_in(SECOND), &io, &e) == 0);
	CHECK(net_accept(listener, &fd, &(struct net_addr){0}, &e) == 0);
	peer.io = io_plain(fd);
	group_go(&g, "peer", play_peer, &peer);
	CHECK(smtpc_open(io, &cfg, &s, &e) == 0);
	smtpc_info(s, &info);
	CHECK_STR(slice_z(info.ip), S("127.0.0.1"));
	CHECK(smtpc_usable(s));
	CHECK(send(io_fd(io), "x\r\n", 3, 0) == 3); /* not NEVER: the peer hangs up */
	group_join(&g);
	CHECK(!smtpc_usable(s));
	smtpc_close(s);
	loop_forget_fd(listener);
	close(listener);
	CHECK(smtpc_connect(&at, NULL, &cfg, &s, &e) == -1);
	CHECK(smtpc_failure(s)->stage == SMTPC_AT_CONNECT && smtpc_failure(s)->kind == SMTPC_TEMP);
	CHECK(!smtpc_usable(s));
	smtpc_info(s, &info);
	CHECK_STR(slice_z(info.ip), S(""));
	smtpc_quit(s);
}

TEST(smtpc_over_sockets)
{
	run(socket_test);
}
