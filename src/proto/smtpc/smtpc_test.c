/*
 * Client sessions against peers from memory: what is said, and what each recipient is told. The
 * peer's lines are all there from the start, so these tests also show that nothing is read too
 * early or too late. Peers that need time, TLS or a real SASL server: live_test.c.
 */
#include "base/mem.h"
#include "base/test.h"
#include "codec/smtp.h"
#include "proto/smtpc/smtpc.h"
#include "run/loop.h"

#include <stdio.h>

static struct arena a;

/* LF to CRLF, so that scripts read well. */
static slice crlf(const char *z)
{
	struct buf b = BUF(1 << 20);
	for (; *z; z++)
		buf_put(&b, *z == '\n' ? S("\r\n") : slice_of(z, 1));
	slice s = arena_dup(&a, buf_slice(&b));
	buf_done(&b);
	return s;
}

/* A body in pieces of `cut` bytes; fails with `fault` at the end when that is set. */
struct source {
	slice rest;
	size_t cut;
	enum err_kind fault;
};

static int source_next(void *arg, slice *ret, struct err *e)
{
	struct source *s = arg;
	if (s->rest.n == 0)
		return s->fault ? err_set(e, s->fault, "disk on fire") : 0;
	*ret = slice_first(s->rest, s->cut);
	s->rest = slice_skip(s->rest, s->cut);
	return 1;
}

/* One test case. `mails` of the same kind are sent one after another. */
struct scene {
	const char *peer, *said, *results;
	const char *body, *sender;
	const char *rcpts[6];
	struct smtpc_config cfg;
	unsigned flags;
	const char *envid, *orcpt;
	unsigned notify;
	bool sized;
	size_t cut;
	enum err_kind fault;
	int mails;
	bool unusable;
};

static void print_result(struct buf *out, const struct smtpc_result *r)
{
	static const char *const kinds[] = {"ok", "temp", "perm", "next"};
	buf_printf(out, "%s %s %d %u.%u.%u %.*s\n", kinds[r->kind], smtpc_stage_name(r->stage),
		r->code, r->status.cls, r->status.subject, r->status.detail, SFMT(r->text));
}

static void send_mail(struct smtpc *s, const struct scene *sc, struct buf *results)
{
	struct smtpc_rcpt rcpts[6];
	struct smtpc_result r[6];
	struct smtpc_sent sent;
	slice body = crlf(sc->body ? sc->body : "Subject: x\n\nhello\n");
	struct source src = {body, sc->cut ? sc->cut : 1000000, sc->fault};
	struct smtpc_mail m = {.sender = slice_z(sc->sender ? sc->sender : "s@a.test"),
		.flags = sc->flags,
		.envid = slice_z(sc->envid),
		.size = sc->sized ? body.n : 0,
		.rcpts = rcpts};
	for (const char *const *to = sc->rcpts[0] ? sc->rcpts
						  : (const char *const[]){"r@b.test", NULL};
		*to; to++)
		rcpts[m.nrcpts++] =
			(struct smtpc_rcpt){slice_z(*to), slice_z(sc->orcpt), sc->notify};
	smtpc_send(s, &m, (struct smtpc_body){source_next, &src}, &a, r, &sent);
	for (size_t i = 0; i < m.nrcpts; i++)
		print_result(results, &r[i]);
}

static void play_here(const struct scene *sc)
{
	struct buf said = BUF(1 << 20), results = BUF(1 << 20);
	struct smtpc_config cfg = sc->cfg;
	struct smtpc *s;
	struct err e;
	cfg.helo = S("me.test");
	cfg.host = S("peer.test");
	if (smtpc_open(io_mem(crlf(sc->peer), &said), &cfg, &s, &e) < 0) {
		buf_put(&results, S("open: "));
		print_result(&results, smtpc_failure(s));
		CHECK(!smtpc_usable(s));
	} else {
		for (int i = 0; i < (sc->mails ? sc->mails : 1); i++)
			send_mail(s, sc, &results);
		if (sc->unusable)
			CHECK(smtpc_failure(s)->status.cls != 0 && !smtpc_usable(s));
		else
			CHECK(smtpc_failure(s)->status.cls == 0);
	}
	smtpc_quit(s);
	if (sc->results)
		CHECK_STR(buf_slice(&results), slice_z(sc->results));
	if (sc->said)
		CHECK_STR(buf_slice(&said), crlf(sc->said));
	buf_done(&said);
	buf_done(&results);
}

static const struct scene *playing;
static size_t n_playing;

static void play_all(void *arg)
{
	(void)arg;
	for (size_t i = 0; i < n_playing; i++) {
		play_here(&playing[i]);
		arena_reset(&a);
	}
}

static void play(const struct scene *scenes, size_t n)
{
	playing = scenes;
	n_playing = n;
	loop_init();
	loop_main(play_all, NULL);
	loop_done();
	arena_done(&a);
}
#define PLAY(...)                                                                                  \
	do {                                                                                       \
		const struct scene scenes[] = {__VA_ARGS__};                                       \
		play(scenes, sizeof scenes / sizeof *scenes);                                      \
	} while (0)

#define HELLO "220 peer.test ready\n250-peer.test\n"
#define PLAIN_ESMTP "220 peer.test ready\n250 peer.test\n"
#define PIPE HELLO "250 PIPELINING\n"

/* ---- the ordinary course ---- */

TEST(smtpc_plain_transaction)
{
	PLAY({.peer = PLAIN_ESMTP "250 ok\n250 ok\n354 go\n250 2.0.0 queued as 7\n221 bye\n",
		     .said = "EHLO me.test\nMAIL FROM:<s@a.test>\nRCPT "
			     "TO:<r@b.test>\nDATA\nSubject: x\n\nhello\n.\nQUIT\n",
		     .results = "ok end 250 2.0.0 250 2.0.0 queued as 7\n"},
		{.peer = PIPE "250 ok\n250 ok\n354 go\n250 ok\n221 bye\n",
			.said = "EHLO me.test\nMAIL FROM:<s@a.test>\nRCPT "
				"TO:<r@b.test>\nDATA\nSubject: x\n\nhello\n.\nQUIT\n",
			.results = "ok end 250 2.0.0 250 ok\n"},
		{.peer = "220-first\n220 second\n502 what?\n250 peer\n250 ok\n251 will "
			 "forward\n354 go\n250 ok\n221 bye\n",
			.said = "EHLO me.test\nHELO me.test\nMAIL FROM:<>\nRCPT "
				"TO:<Postmaster>\nDATA\nx\n.\nQUIT\n",
			.sender = "",
			.rcpts = {"Postmaster"},
			.body = "x\n",
			.results = "ok end 250 2.0.0 250 ok\n"});
}

TEST(smtpc_dots_and_line_ends)
{
	for (size_t cut = 1; cut < 12; cut++)
		PLAY({.peer = PIPE "250 ok\n250 ok\n354 go\n250 ok\n221 bye\n",
			.said = "EHLO me.test\nMAIL FROM:<s@a.test>\nRCPT "
				"TO:<r@b.test>\nDATA\n..\n..a\n....\nend\n.\nQUIT\n",
			.body = ".\n.a\n...\nend",
			.cut = cut,
			.results = "ok end 250 2.0.0 250 ok\n"});
}

TEST(smtpc_recipients_have_their_own_results)
{
	PLAY({.peer = PIPE "250 ok\n250 ok\n550 5.1.1 no such\n451 later\n552 full\n354 go\n250 "
			   "ok\n221 bye\n",
		     .rcpts = {"a@b.test", "b@b.test", "c@b.test", "d@b.test"},
		     .results = "ok end 250 2.0.0 250 ok\nperm rcpt 550 5.1.1 550 5.1.1 no "
				"such\ntemp rcpt 451 4.0.0 451 "
				"later\nnext rcpt 552 4.2.2 552 full\n"},
		{.peer = PIPE "250 ok\n250 ok\n452 4.5.3 enough\n452 4.2.2 mailbox full\n550-5.7.1 "
			      "line one\n550 5.7.1 two\n"
			      "354 go\n554 5.6.0 spam\n221 bye\n",
			.rcpts = {"a@b.test", "b@b.test", "c@b.test", "d@b.test"},
			.results = "perm end 554 5.6.0 554 5.6.0 spam\nnext rcpt 452 4.5.3 452 "
				   "4.5.3 enough\ntemp rcpt 452 "
				   "4.2.2 452 4.2.2 mailbox full\nperm rcpt 550 5.7.1 550 5.7.1 "
				   "line one two\n"},
		/* the first recipient of all: there is no transaction it could go into */
		{.peer = PIPE "250 ok\n452 too many\n552 full\n503 none\n221 bye\n",
			.rcpts = {"a@b.test", "b@b.test"},
			.results = "temp rcpt 452 4.3.1 452 too many\ntemp rcpt 552 4.2.2 552 "
				   "full\n"});
}

TEST(smtpc_envelope_refused)
{
	PLAY(/* nobody left, but 354 all the same: an empty message, and the session goes on */
		{.peer = PIPE "250 ok\n550 no\n354 go\n250 strange\n250 reset\n250 ok\n250 ok\n354 "
			      "go\n250 ok\n221 bye\n",
			.mails = 2,
			.said = "EHLO me.test\nMAIL FROM:<s@a.test>\nRCPT TO:<r@b.test>\nDATA\n.\n"
				"RSET\nMAIL FROM:<s@a.test>\nRCPT TO:<r@b.test>\nDATA\nSubject: "
				"x\n\nhello\n.\nQUIT\n",
			.results = "perm rcpt 550 5.0.0 550 no\nok end 250 2.0.0 250 ok\n"},
		{.peer = PIPE "250 ok\n550 no\n503 no recipients\n221 bye\n",
			.said = "EHLO me.test\nMAIL FROM:<s@a.test>\nRCPT "
				"TO:<r@b.test>\nDATA\nQUIT\n",
			.results = "perm rcpt 550 5.0.0 550 no\n"},
		{.peer = PIPE "450 4.7.1 greylisted\n503 no mail\n503 no mail\n221 bye\n",
			.results = "temp mail 450 4.7.1 450 4.7.1 greylisted\n"},
		{.peer = PLAIN_ESMTP "553 5.1.8 no such domain\n221 bye\n",
			.said = "EHLO me.test\nMAIL FROM:<s@a.test>\nQUIT\n",
			.results = "perm mail 553 5.1.8 553 5.1.8 no such domain\n"},
		{.peer = PLAIN_ESMTP "250 ok\n550 no\n221 bye\n",
			.said = "EHLO me.test\nMAIL FROM:<s@a.test>\nRCPT TO:<r@b.test>\nQUIT\n",
			.results = "perm rcpt 550 5.0.0 550 no\n"},
		{.peer = PIPE "250 ok\n250 ok\n451 4.3.0 no disk\n221 bye\n",
			.results = "temp data 451 4.3.0 451 4.3.0 no disk\n"});
}

TEST(smtpc_reset_only_after_trouble)
{
	PLAY({.peer = PIPE
		     "250 ok\n250 ok\n354 go\n250 ok\n250 ok\n250 ok\n354 go\n250 ok\n221 bye\n",
		     .mails = 2,
		     .body = "x\n",
		     .said = "EHLO me.test\nMAIL FROM:<s@a.test>\nRCPT TO:<r@b.test>\nDATA\nx\n.\n"
			     "MAIL FROM:<s@a.test>\nRCPT TO:<r@b.test>\nDATA\nx\n.\nQUIT\n"},
		{.peer = PLAIN_ESMTP "250 ok\n250 ok\n354 go\n451 no\n250 reset\n250 ok\n250 "
				     "ok\n354 go\n250 ok\n221 bye\n",
			.mails = 2,
			.body = "x\n",
			.said = "EHLO me.test\nMAIL FROM:<s@a.test>\nRCPT "
				"TO:<r@b.test>\nDATA\nx\n.\n"
				"RSET\nMAIL FROM:<s@a.test>\nRCPT "
				"TO:<r@b.test>\nDATA\nx\n.\nQUIT\n",
			.results = "temp end 451 4.0.0 451 no\nok end 250 2.0.0 250 ok\n"});
}

/* ---- the end of a connection ---- */

#define MAY_HAVE "; the whole message was sent, the peer may have it\n"

TEST(smtpc_lost_connections)
{
	PLAY({.peer = "",
		     .results = "open: temp greeting 0 4.4.2 greeting: the peer closed the "
				"connection\n"},
		{.peer = "220 he",
			.results = "open: temp greeting 0 4.4.2 greeting: stream ended inside a "
				   "line\n"},
		{.peer = "220 hi\n",
			.results =
				"open: temp helo 0 4.4.2 helo: the peer closed the connection\n"},
		{.peer = "220 hi\n250-a\n",
			.results =
				"open: temp helo 0 4.4.2 helo: the peer closed the connection\n"},
		{.peer = PIPE,
			.unusable = true,
			.results = "temp mail 0 4.4.2 mail: the peer closed the connection\n"},
		{.peer = PIPE "250 ok\n550 no\n",
			.unusable = true,
			.rcpts = {"a@b.test", "b@b.test"},
			.results = "perm rcpt 550 5.0.0 550 no\ntemp rcpt 0 4.4.2 rcpt: the peer "
				   "closed the connection\n"},
		{.peer = PIPE "250 ok\n250 ok\n",
			.unusable = true,
			.results = "temp data 0 4.4.2 data: the peer closed the connection\n"},
		{.peer = PIPE "250 ok\n250 ok\n354 go\n",
			.unusable = true,
			.results = "temp end 0 4.4.2 end: the peer closed the connection" MAY_HAVE},
		{.peer = PIPE "250 ok\n250 ok\n354 go\n250-half\n",
			.unusable = true,
			.results =
				"temp end 0 4.4.2 end: the peer closed the connection" MAY_HAVE});
}

TEST(smtpc_shutdown_by_421)
{
	PLAY({.peer = "421 4.3.2 busy\n",
		     .results = "open: temp greeting 421 4.3.2 421 4.3.2 busy\n"},
		{.peer = PIPE "421 going down\n",
			.unusable = true,
			.results = "temp mail 421 4.3.2 421 going down\n"},
		{.peer = PIPE "250 ok\n250 ok\n421 going down\n",
			.unusable = true,
			.rcpts = {"a@b.test", "b@b.test"},
			.results = "temp rcpt 421 4.3.2 421 going down\ntemp rcpt 421 4.3.2 421 "
				   "going down\n"},
		{.peer = PIPE "250 ok\n250 ok\n354 go\n421 going down\n",
			.unusable = true,
			.results = "temp end 421 4.3.2 421 going down\n"});
}

TEST(smtpc_refused_at_the_door)
{
	PLAY({.peer = "554 5.7.1 go away\n221 bye\n",
		     .said = "QUIT\n",
		     .results = "open: perm greeting 554 5.7.1 554 5.7.1 go away\n"},
		{.peer = "220 hi\n450 who?\n", .results = "open: temp helo 450 4.0.0 450 who?\n"},
		{.peer = "220 hi\n500 what?\n550 no\n",
			.results = "open: perm helo 550 5.0.0 550 no\n"},
		{.peer = "220 hi\n500 what?\n221 bye\n",
			.cfg = {.lmtp = true},
			.said = "LHLO me.test\nQUIT\n",
			.results = "open: perm helo 500 5.5.2 500 what?\n"});
}

TEST(smtpc_nasty_replies)
{
	char wide[6000], text[7000];
	memset(wide, 'w', sizeof wide);
	wide[sizeof wide - 1] = 0;
	snprintf(text, sizeof text, "220 %s\n", wide);
	PLAY({.peer = "HTTP/1.1 400 Bad\x1b[31m\n",
		     .results = "open: temp greeting 0 4.5.0 greeting: this is no SMTP reply: "
				"\"HTTP/1.1 400 Bad?[31m\"\n"},
		{.peer = "220\xff\xfe\n",
			.results = "open: temp greeting 0 4.5.0 greeting: this is no SMTP reply: "
				   "\"220\xef\xbf\xbd\xef\xbf\xbd\"\n"},
		{.peer = "99 x\n",
			.results = "open: temp greeting 0 4.5.0 greeting: this is no SMTP reply: "
				   "\"99 x\"\n"},
		{.peer = "220-a\n250 b\n",
			.results = "open: temp greeting 0 4.5.0 greeting: this is no SMTP reply: "
				   "\"250 b\"\n"},
		{.peer = text,
			.results = "open: temp greeting 0 4.5.0 greeting: line longer than 4098 "
				   "bytes\n"},
		/* taken for success, these would lose the mail */
		{.peer = PIPE "250 ok\n250 ok\n250 fine\n250 fine\n",
			.unusable = true,
			.results = "temp data 0 4.5.0 data: reply 250 to DATA\n"},
		{.peer = PIPE "250 ok\n250 ok\n354 go\n354 go on\n221 bye\n",
			.results = "temp end 354 4.5.0 354 go on\n"},
		{.peer = PIPE "250 ok\n354 go\n354 go\n221 bye\n",
			.results = "temp rcpt 354 4.5.0 354 go\n"},
		/* texts come out printable */
		{.peer = PIPE "250 ok\n550 \xe9t\xe9 \x07\n503 no\n221 bye\n",
			.results = "perm rcpt 550 5.0.0 550 ?t? ?\n"},
		{.peer = PIPE "250 ok\n550 查无此人\n503 no\n221 bye\n",
			.results = "perm rcpt 550 5.0.0 550 查无此人\n"},
		/* a status that contradicts its code is not believed */
		{.peer = PIPE "250 ok\n550 2.1.5 ok\n503 no\n221 bye\n",
			.results = "perm rcpt 550 5.0.0 550 2.1.5 ok\n"});
}

TEST(smtpc_endless_replies)
{
	struct buf b = BUF(1 << 20);
	for (int i = 0; i < 500; i++)
		buf_put(&b, S("220-and on\n"));
	buf_byte(&b, 0);
	PLAY({.peer = b.p,
		.results = "open: temp greeting 0 4.5.0 greeting: this is no SMTP reply: \"220-and "
			   "on\"\n"});
	buf_done(&b);
}

/* ---- LMTP ---- */

TEST(smtpc_lmtp_answers_for_each)
{
	PLAY({.peer = PIPE "250 ok\n250 ok\n550 no\n250 ok\n354 go\n250 2.1.5 in\n452 4.2.2 "
			   "full\n221 bye\n",
		     .cfg = {.lmtp = true},
		     .body = "x\n",
		     .rcpts = {"a@b.test", "b@b.test", "c@b.test"},
		     .said = "LHLO me.test\nMAIL FROM:<s@a.test>\nRCPT TO:<a@b.test>\nRCPT "
			     "TO:<b@b.test>\nRCPT TO:<c@b.test>\n"
			     "DATA\nx\n.\nQUIT\n",
		     .results = "ok end 250 2.1.5 250 2.1.5 in\nperm rcpt 550 5.0.0 550 no\ntemp "
				"end 452 4.2.2 452 4.2.2 full\n"},
		{.peer = PIPE "250 ok\n250 ok\n250 ok\n354 go\n250 in\n",
			.cfg = {.lmtp = true},
			.unusable = true,
			.rcpts = {"a@b.test", "b@b.test"},
			.results = "ok end 250 2.0.0 250 in\ntemp end 0 4.4.2 end: the peer closed "
				   "the connection" MAY_HAVE},
		{.peer = HELLO "250-PIPELINING\n250 CHUNKING\n250 ok\n250 ok\n250 ok\n250 in\n550 "
			       "out\n221 bye\n",
			.cfg = {.lmtp = true},
			.sized = true,
			.body = "x\n",
			.rcpts = {"a@b.test", "b@b.test"},
			.said = "LHLO me.test\nMAIL FROM:<s@a.test>\nRCPT TO:<a@b.test>\nRCPT "
				"TO:<b@b.test>\nBDAT 3 LAST\nx\nQUIT\n",
			.results = "ok end 250 2.0.0 250 in\nperm end 550 5.0.0 550 out\n"});
}

/* ---- extensions ---- */

#define CHUNK HELLO "250-PIPELINING\n250 CHUNKING\n"
#define ENVELOPE "EHLO me.test\nMAIL FROM:<s@a.test>\nRCPT TO:<r@b.test>\n"

TEST(smtpc_chunking)
{
	PLAY({.peer = CHUNK "250 ok\n250 ok\n250 done\n221 bye\n",
		     .sized = true,
		     .body = ".x\n",
		     .cut = 1,
		     .said = ENVELOPE "BDAT 4 LAST\n.x\nQUIT\n",
		     .results = "ok end 250 2.0.0 250 done\n"},
		{.peer = CHUNK "250 ok\n550 no\n503 no recipients\n250 rset\n250 ok\n250 ok\n250 "
			       "done\n221 bye\n",
			.sized = true,
			.mails = 2,
			.body = "x\n",
			.said = ENVELOPE "BDAT 3 LAST\nx\nRSET\nMAIL FROM:<s@a.test>\nRCPT "
					 "TO:<r@b.test>\nBDAT 3 LAST\nx\nQUIT\n",
			.results = "perm rcpt 550 5.0.0 550 no\nok end 250 2.0.0 250 done\n"},
		{.peer = CHUNK "250 ok\n250 ok\n354 go\n250 ok\n221 bye\n",
			.sized = true,
			.cfg = {.no_chunking = true},
			.body = "x\n",
			.said = ENVELOPE "DATA\nx\n.\nQUIT\n"},
		/* the size is not known: DATA */
		{.peer = CHUNK "250 ok\n250 ok\n354 go\n250 ok\n221 bye\n",
			.body = "x\n",
			.said = ENVELOPE "DATA\nx\n.\nQUIT\n"},
		{.peer = CHUNK "250 ok\n250 ok\n",
			.sized = true,
			.unusable = true,
			.results =
				"temp end 0 4.4.2 end: the peer closed the connection" MAY_HAVE});
}

TEST(smtpc_binary)
{
	const char *bin = HELLO "250-CHUNKING\n250 BINARYMIME\n";
	char peer[400], pieces[400], refused[400];
	snprintf(peer, sizeof peer, "%s250 ok\n250 ok\n250 done\n221 bye\n", bin);
	snprintf(pieces, sizeof pieces,
		"%s250 ok\n250 ok\n250 got 3\n250 got 2\n250 done\n221 bye\n", bin);
	snprintf(refused, sizeof refused, "%s250 ok\n250 ok\n552 5.3.4 too big\n221 bye\n", bin);
	PLAY({.peer = peer,
		     .flags = SMTPC_BINARY,
		     .sized = true,
		     .body = "ab\x01",
		     .said = "EHLO me.test\nMAIL FROM:<s@a.test> BODY=BINARYMIME\nRCPT "
			     "TO:<r@b.test>\nBDAT 3 LAST\nab\x01QUIT\n",
		     .results = "ok end 250 2.0.0 250 done\n"},
		{.peer = pieces,
			.flags = SMTPC_BINARY,
			.cut = 3,
			.body = "abcde",
			.said = "EHLO me.test\nMAIL FROM:<s@a.test> BODY=BINARYMIME\nRCPT "
				"TO:<r@b.test>\nBDAT 3\nabcBDAT 2\ndeBDAT 0 "
				"LAST\nQUIT\n",
			.results = "ok end 250 2.0.0 250 done\n"},
		{.peer = refused,
			.flags = SMTPC_BINARY,
			.cut = 3,
			.body = "abcde",
			.results = "perm data 552 5.3.4 552 5.3.4 too big\n"},
		{.peer = CHUNK "221 bye\n",
			.flags = SMTPC_BINARY,
			.said = "EHLO me.test\nQUIT\n",
			.results = "perm mail 0 5.6.3 the message is binary, the peer does not "
				   "offer BINARYMIME\n"});
}

TEST(smtpc_needs_of_the_message)
{
	PLAY({.peer = HELLO "250 SIZE 10\n221 bye\n",
		     .sized = true,
		     .said = "EHLO me.test\nQUIT\n",
		     .results = "perm mail 0 5.3.4 the message has 21 bytes, the peer takes at "
				"most 10\n"},
		{.peer = HELLO "250-SIZE\n250 8BITMIME\n250 ok\n250 ok\n354 go\n250 ok\n221 bye\n",
			.sized = true,
			.flags = SMTPC_8BIT,
			.body = "\xe4\n",
			.said = "EHLO me.test\nMAIL FROM:<s@a.test> SIZE=3 BODY=8BITMIME\nRCPT "
				"TO:<r@b.test>\nDATA\n\xe4\n.\nQUIT\n"},
		{.peer = PIPE "221 bye\n",
			.flags = SMTPC_8BIT,
			.results = "perm mail 0 5.6.3 the message is 8-bit, the peer does not "
				   "offer 8BITMIME\n"},
		{.peer = HELLO "250 SMTPUTF8\n250 ok\n250 ok\n354 go\n250 ok\n221 bye\n",
			.sender = "驿@a.test",
			.body = "x\n",
			.said = "EHLO me.test\nMAIL FROM:<驿@a.test> SMTPUTF8\nRCPT "
				"TO:<r@b.test>\nDATA\nx\n.\nQUIT\n"},
		{.peer = PIPE "221 bye\n",
			.sender = "驿@a.test",
			.results = "perm mail 0 5.6.7 the message is internationalized, the peer "
				   "does not offer SMTPUTF8\n"},
		{.peer = PIPE "221 bye\n",
			.flags = SMTPC_UTF8,
			.results = "perm mail 0 5.6.7 the message is internationalized, the peer "
				   "does not offer SMTPUTF8\n"},
		{.peer = PIPE "250 ok\n250 ok\n354 go\n250 ok\n221 bye\n",
			.rcpts = {"驿@b.test", "r@b.test"},
			.results = "perm rcpt 0 5.6.7 the address is internationalized, the peer "
				   "does not offer SMTPUTF8\n"
				   "ok end 250 2.0.0 250 ok\n"},
		{.peer = HELLO "250 REQUIRETLS\n221 bye\n",
			.flags = SMTPC_REQUIRETLS,
			.said = "EHLO me.test\nQUIT\n",
			.results = "perm mail 0 5.7.30 the message requires TLS, the peer does not "
				   "offer REQUIRETLS over a verified "
				   "connection\n"});
}

TEST(smtpc_dsn)
{
	PLAY({.peer = HELLO "250 DSN\n250 ok\n250 ok\n354 go\n250 ok\n221 bye\n",
		     .flags = SMTPC_RET_HDRS,
		     .envid = "a+b c",
		     .notify = SMTP_NOTIFY_SUCCESS | SMTP_NOTIFY_DELAY,
		     .orcpt = "rfc822;x=y@b.test",
		     .body = "x\n",
		     .said = "EHLO me.test\nMAIL FROM:<s@a.test> RET=HDRS ENVID=a+2Bb+20c\n"
			     "RCPT TO:<r@b.test> NOTIFY=SUCCESS,DELAY "
			     "ORCPT=rfc822;x+3Dy@b.test\nDATA\nx\n.\nQUIT\n"},
		{.peer = HELLO "250 DSN\n250 ok\n250 ok\n354 go\n250 ok\n221 bye\n",
			.flags = SMTPC_RET_FULL,
			.notify = SMTP_NOTIFY_NEVER,
			.body = "x\n",
			.said = "EHLO me.test\nMAIL FROM:<s@a.test> RET=FULL\nRCPT TO:<r@b.test> "
				"NOTIFY=NEVER\nDATA\nx\n.\nQUIT\n"},
		{.peer = PIPE "250 ok\n250 ok\n354 go\n250 ok\n221 bye\n",
			.flags = SMTPC_RET_FULL,
			.notify = SMTP_NOTIFY_NEVER,
			.envid = "x",
			.body = "x\n",
			.said = ENVELOPE "DATA\nx\n.\nQUIT\n"});
}

TEST(smtpc_limits)
{
	PLAY({.peer = HELLO "250-LIMITS RCPTMAX=2 MAILMAX=1\n250 PIPELINING\n250 ok\n250 ok\n250 "
			    "ok\n354 go\n250 ok\n221 bye\n",
		     .rcpts = {"a@b.test", "b@b.test", "c@b.test"},
		     .results = "ok end 250 2.0.0 250 ok\nok end 250 2.0.0 250 ok\nnext rcpt 0 "
				"4.5.3 the peer takes fewer recipients at "
				"a time\n"},
		{.peer = HELLO "250-LIMITS RCPTDOMAINMAX=1\n250 PIPELINING\n250 ok\n250 ok\n250 "
			       "ok\n354 go\n250 ok\n221 bye\n",
			.rcpts = {"a@b.test", "b@c.test", "c@B.test"},
			.results = "ok end 250 2.0.0 250 ok\nnext rcpt 0 4.5.3 the peer takes "
				   "fewer recipients at a time\n"
				   "ok end 250 2.0.0 250 ok\n"});
}

TEST(smtpc_lets_nothing_be_smuggled)
{
	PLAY({.peer = PIPE "250 ok\n250 ok\n354 go\n250 ok\n221 bye\n",
		     .rcpts = {"a@b.test>\r\nRCPT TO:<x@y.test", "a b@c.test", "r@b.test", "x"},
		     .body = "x\n",
		     .said = ENVELOPE "DATA\nx\n.\nQUIT\n",
		     .results = "perm rcpt 0 5.1.3 the recipient's address is malformed\nperm rcpt "
				"0 5.1.3 the recipient's address is "
				"malformed\nok end 250 2.0.0 250 ok\nperm rcpt 0 5.1.3 the "
				"recipient's address is malformed\n"},
		{.peer = PIPE "221 bye\n",
			.sender = "a@b.test>\r\nDATA\r\n",
			.said = "EHLO me.test\nQUIT\n",
			.results = "perm mail 0 5.1.7 the sender's address is malformed\n"},
		{.peer = HELLO "250 DSN\n250 ok\n250 ok\n354 go\n250 ok\n221 bye\n",
			.envid = "a\r\nRSET",
			.orcpt = "rf\r\nc;a\r\nb",
			.body = "x\n",
			.said = "EHLO me.test\nMAIL FROM:<s@a.test> ENVID=a+0D+0ARSET\nRCPT "
				"TO:<r@b.test> ORCPT=rf+0D+0Ac;a+0D+0Ab\n"
				"DATA\nx\n.\nQUIT\n"});
}

TEST(smtpc_source_that_fails)
{
	PLAY({.peer = PIPE "250 ok\n250 ok\n354 go\n250 ok\n221 bye\n",
		     .fault = ERR_TEMP,
		     .unusable = true,
		     .results = "temp data 0 4.3.0 the message cannot be read: disk on fire\n"},
		{.peer = PIPE "250 ok\n250 ok\n354 go\n250 ok\n221 bye\n",
			.fault = ERR_PERM,
			.unusable = true,
			.results = "perm data 0 5.3.0 the message cannot be read: disk on fire\n"},
		{.peer = CHUNK "250 ok\n250 ok\n250 ok\n221 bye\n",
			.sized = true,
			.fault = ERR_TEMP,
			.unusable = true,
			.results = "temp data 0 4.3.0 the message cannot be read: disk on fire\n"});
}

/* ---- TLS and AUTH, as far as memory goes ---- */

TEST(smtpc_without_tls)
{
	PLAY({.peer = PIPE "221 bye\n",
		     .cfg = {.tls = SMTPC_TLS_ALWAYS},
		     .results = "open: temp tls 0 4.7.5 tls: required, but not configured here\n"},
		{.peer = HELLO "250 STARTTLS\n250 ok\n250 ok\n354 go\n250 ok\n221 bye\n",
			.cfg = {.tls = SMTPC_TLS_MAYBE},
			.results = "ok end 250 2.0.0 250 ok\n"});
}

TEST(smtpc_auth)
{
	const struct secret pw = {S_INIT("pass")};
	PLAY({.peer = HELLO "250 AUTH LOGIN PLAIN\n235 2.7.0 in\n250 ok\n250 ok\n354 go\n250 "
			    "ok\n221 bye\n",
		     .cfg = {.auth_user = S_INIT("user"),
			     .auth_password = pw,
			     .auth_plaintext = true},
		     .body = "x\n",
		     .said = "EHLO me.test\nAUTH PLAIN AHVzZXIAcGFzcw==\nMAIL "
			     "FROM:<s@a.test>\nRCPT TO:<r@b.test>\nDATA\nx\n.\nQUIT\n"},
		{.peer = HELLO "250 AUTH LOGIN\n334 VXNlcm5hbWU6\n334 UGFzc3dvcmQ6\n235 in\n250 "
			       "ok\n250 ok\n354 go\n250 ok\n221 bye\n",
			.cfg = {.auth_user = S_INIT("user"),
				.auth_password = pw,
				.auth_plaintext = true},
			.body = "x\n",
			.said = "EHLO me.test\nAUTH LOGIN\ndXNlcg==\ncGFzcw==\nMAIL "
				"FROM:<s@a.test>\nRCPT TO:<r@b.test>\nDATA\nx\n.\nQUIT\n"},
		{.peer = HELLO "250 AUTH PLAIN\n535 5.7.8 wrong\n",
			.cfg = {.auth_user = S_INIT("user"),
				.auth_password = pw,
				.auth_plaintext = true},
			.results = "open: perm auth 535 5.7.8 535 5.7.8 wrong\n"},
		{.peer = HELLO "250 AUTH PLAIN LOGIN\n221 bye\n",
			.cfg = {.auth_user = S_INIT("user"), .auth_password = pw},
			.said = "EHLO me.test\nQUIT\n",
			.results = "open: temp auth 0 4.7.4 auth: the peer offers no mechanism "
				   "that may be used here\n"},
		{.peer = PIPE,
			.cfg = {.auth_user = S_INIT("user"),
				.auth_password = pw,
				.auth_plaintext = true},
			.results = "open: temp auth 0 4.7.4 auth: the peer offers no mechanism "
				   "that may be used here\n"},
		{.peer = HELLO "250 AUTH PLAIN\n334 again\n501 cancelled\n",
			.cfg = {.auth_user = S_INIT("user"),
				.auth_password = pw,
				.auth_plaintext = true},
			.results =
				"open: temp auth 0 4.7.0 auth: the server's challenge is wrong\n"},
		/* who skips the proof is no server that knows the password */
		{.peer = HELLO "250 AUTH SCRAM-SHA-256\n235 come in\n",
			.cfg = {.auth_user = S_INIT("user"), .auth_password = pw},
			.results = "open: temp auth 0 4.7.0 auth: the server did not prove that it "
				   "knows the password\n"});
}

/* ---- probes, and using a session again ---- */

static void probe_test(void *arg)
{
	struct buf said = BUF(1 << 16), results = BUF(1 << 16);
	struct smtpc_config cfg = {.helo = S("me.test")};
	struct smtpc_result r;
	struct smtpc_info info;
	struct smtpc *s;
	struct err e;
	(void)arg;
	const char *peer = HELLO "250-LIMITS MAILMAX=3\n250 PIPELINING\n250 ok\n250 2.1.5 "
				 "here\n250 reset\n250 ok\n550 5.1.1 "
				 "gone\n250 reset\n450 later\n503 no\n221 bye\n";
	CHECK(smtpc_open(io_mem(crlf(peer), &said), &cfg, &s, &e) == 0);
	smtpc_probe(s, S(""), S("a@b.test"), &a, &r);
	print_result(&results, &r);
	smtpc_probe(s, S(""), S("b@b.test"), &a, &r);
	print_result(&results, &r);
	smtpc_probe(s, S(""), S("c@b.test"), &a, &r);
	print_result(&results, &r);
	smtpc_info(s, &info);
	CHECK(info.mails == 3 && info.mail_max == 3 && !info.tls && !smtpc_usable(s));
	CHECK_STR(info.banner, S("peer.test ready"));
	CHECK_STR(info.ehlo, S("peer.test"));
	smtpc_quit(s);
	CHECK_STR(buf_slice(&results),
		S("ok rcpt 250 2.1.5 250 2.1.5 here\nperm rcpt 550 5.1.1 550 5.1.1 gone\n"
		  "temp mail 450 4.0.0 450 later\n"));
	CHECK_STR(buf_slice(&said), crlf("EHLO me.test\nMAIL FROM:<>\nRCPT "
					 "TO:<a@b.test>\nRSET\nMAIL FROM:<>\nRCPT TO:<b@b.test>\n"
					 "RSET\nMAIL FROM:<>\nRCPT TO:<c@b.test>\nQUIT\n"));
	buf_done(&said);
	buf_done(&results);
	arena_done(&a);
}

TEST(smtpc_probes)
{
	loop_init();
	loop_main(probe_test, NULL);
	loop_done();
}

/* Many recipients: never more than SMTPC_WINDOW commands without an answer. */
static void crowd_test(void *arg)
{
	enum { CROWD = 1200 };
	struct buf script = BUF(1 << 20), said = BUF(1 << 20);
	struct smtpc_rcpt *rcpts = ARENA_ARRAY(&a, struct smtpc_rcpt, CROWD);
	struct smtpc_result *r = ARENA_ARRAY(&a, struct smtpc_result, CROWD);
	struct source src = {S("x\r\n"), 10, ERR_NONE};
	struct smtpc_config cfg = {.helo = S("me.test")};
	struct smtpc_sent sent;
	struct smtpc *s;
	struct err e;
	(void)arg;
	buf_put(&script, S(PIPE "250 ok\n"));
	for (int i = 0; i < CROWD; i++)
		rcpts[i].address = arena_printf(&a, "r%d@b.test", i);
	for (int i = 0; i < SMTPC_RCPT_MAX; i++)
		buf_printf(&script, i % 2 ? "550 no\n" : "250 ok\n");
	buf_put(&script, S("354 go\n250 ok\n221 bye\n"));
	buf_byte(&script, 0);
	CHECK(smtpc_open(io_mem(crlf(script.p), &said), &cfg, &s, &e) == 0);
	struct smtpc_mail m = {.sender = S("s@a.test"), .rcpts = rcpts, .nrcpts = CROWD};
	smtpc_send(s, &m, (struct smtpc_body){source_next, &src}, &a, r, &sent);
	for (int i = 0; i < CROWD; i++)
		CHECK_INT(r[i].kind, i >= SMTPC_RCPT_MAX ? SMTPC_NEXT
				     : i % 2             ? SMTPC_PERM
							 : SMTPC_OK);
	CHECK_INT(sent.bytes, 3);
	smtpc_quit(s);
	buf_done(&script);
	buf_done(&said);
	arena_done(&a);
}

TEST(smtpc_many_recipients)
{
	loop_init();
	loop_main(crowd_test, NULL);
	loop_done();
}
