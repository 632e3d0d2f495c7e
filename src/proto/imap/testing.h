/*
 * Transcripts of whole sessions on a real store in a directory of its own, for the unit tests and the fuzzer of this folder; the world is
 * mail/session_testing.h's.
 *
 *	CHECK_IMAP(w,
 *		"C: a LOGIN alice secret\n"
 *		"S: a OK [CAPABILITY <any>] Logged in\n"
 *		"C: b SELECT INBOX\n"
 *		"W: b OK [READ-WRITE]<any>\n");
 *
 *	C: TEXT		the client says it, and CRLF	T: TEXT		the same without CRLF; <crlf> is one
 *	S: TEXT		the next line is that; <any> stands for anything, <1> ... <9> too,
 *			but for the same wherever they stand, also behind C:
 *	W: TEXT		lines are skipped until that one comes
 *	N: TEXT		nothing that begins so has been skipped by the W: before
 *	E:		the server closes the connection
 *	M: FOLDER TEXT	a message arrives in alice's folder
 *	X:		the client begins TLS			Z:		the client begins to compress
 *	D:		the process drains its sessions
 *
 * C2: S2: ... C9: are of other sessions, opened when they are first spoken of; the greeting is read then. What is left of a session
 * at the end is closed.
 */
#pragma once
#include "base/test.h"
#include "mail/session_testing.h"
#include "proto/imap/imap.h"
#include "run/deflate.h"

/* ---- the server ---- */

static struct imap_hub world_hub;
static struct imap_service served;

static inline struct world *imap_world(void)
{
	struct world *w = world_open();
	served = (struct imap_service){
		.tls_mode = SESSION_TLS_NO,
		.auth_plaintext = true,
		.hostname = S("mx.post.test"),
		.version = S("1"),
		.limits = {.login_time = MINUTE,
			.idle_time = 30 * MINUTE,
			.command_time = MINUTE,
			.bad_commands = 20,
			.login_failures = 3,
			.line = 65536,
			.literal = 128 * 1024,
			.command = 256 * 1024},
		.mechs = world_mechs,
		.nmechs = WORLD_MECHS,
		.boxes = w->boxes,
	};
	imap_hub_init(&world_hub);
	return w;
}

/* STARTTLS is offered from now on, and no login before it. */
static inline void imap_world_tls(struct world *w)
{
	world_certificate(w);
	served.tls = w->tls;
	served.auth_plaintext = false;
	served.tls_mode = SESSION_TLS_OFFER;
}

struct world_session {
	struct world *w;
	struct io *io;
};

static inline void world_serve(void *arg)
{
	struct world_session *s = arg;
	struct net_addr peer = {0};
	imap_serve(&world_hub, s->io, &served, &world_ops, s->w, &peer);
	free(s);
}

/* ---- the language ---- */

enum { WORLD_SESSIONS = 10, WORLD_LINE_MAX = 1 << 20, WORLD_SKIPPED_MAX = 1 << 20 };
struct transcript {
	struct world *w;
	const char *file;
	int line;
	slice script;
	struct group servers;
	struct io *client[WORLD_SESSIONS];
	struct buf skipped; /* by the last W: */
	char var[10][80]; /* what <1> ... stand for */
	char failed[700];
};

/* Where the next <any> or <1> is; n: its bytes. */
static inline size_t world_wild(slice pattern, size_t *ret_n, unsigned *ret_var)
{
	for (size_t i = 0; i + 2 < pattern.n; i++) {
		if (pattern.p[i] != '<')
			continue;
		bool var = pattern.p[i + 1] >= '1' && pattern.p[i + 1] <= '9' &&
			   pattern.p[i + 2] == '>';
		if (!var && !slice_starts(slice_skip(pattern, i), S("<any>")))
			continue;
		*ret_n = var ? 3 : 5;
		*ret_var = var ? (unsigned)(pattern.p[i + 1] - '0') : 0;
		return i;
	}
	return pattern.n;
}

/* <1> that has no value yet gets the one that it stands for. */
static inline bool world_match(struct transcript *t, slice pattern, slice text)
{
	size_t n = 0;
	unsigned var = 0;
	size_t at = world_wild(pattern, &n, &var);
	if (at == pattern.n)
		return slice_eq(pattern, text);
	if (!slice_starts(text, slice_first(pattern, at)))
		return false;
	slice rest = slice_skip(pattern, at + n), tail = slice_skip(text, at);
	if (var && t->var[var][0]) {
		slice v = slice_z(t->var[var]);
		return slice_starts(tail, v) && world_match(t, rest, slice_skip(tail, v.n));
	}
	for (size_t i = 0; i <= tail.n; i++)
		if (world_match(t, rest, slice_skip(tail, i))) {
			if (var)
				snprintf(t->var[var], sizeof t->var[var], "%.*s", (int)i, tail.p);
			return true;
		}
	return false;
}

/* What the client says with the values of <1> ... and ends of lines put in. */
static inline void world_expand(struct transcript *t, slice text, struct buf *out)
{
	for (;;) {
		size_t n = 0;
		unsigned var = 0;
		size_t at = world_wild(text, &n, &var), crlf = slice_find(text, S("<crlf>"));
		size_t end = at < crlf ? at : crlf;
		buf_put(out, slice_first(text, end));
		if (end == text.n)
			return;
		buf_put(out, crlf < at ? S("\r\n") : slice_z(t->var[var]));
		text = slice_skip(text, crlf < at ? crlf + 6 : at + n);
	}
}

static inline void world_fail(struct transcript *t, slice step, const char *why, slice got)
{
	if (!t->failed[0])
		snprintf(t->failed, sizeof t->failed, "%.*s\n\t%s %.*s",
			SFMT(slice_first(step, 250)), why, SFMT(slice_first(got, 300)));
}

/* A line without its end; false: there is none. */
static inline bool world_line(struct io *io, slice *ret)
{
	struct err e;
	io_set_deadline(io, instant_in(10 * SECOND));
	if (io_line(io, WORLD_LINE_MAX, ret, &e) <= 0) {
		*ret = S("(no line)");
		return false;
	}
	*ret = slice_first(*ret, ret->n - 1);
	if (ret->n && ret->p[ret->n - 1] == '\r')
		ret->n--;
	return true;
}

static inline struct io *world_client_of(struct transcript *t, unsigned i)
{
	slice greeting;
	struct io *server;
	if (t->client[i])
		return t->client[i];
	io_mem_pair(&server, &t->client[i]);
	struct world_session *s = NEW(struct world_session);
	*s = (struct world_session){t->w, server};
	group_go(&t->servers, "imap", world_serve, s);
	if (!world_line(t->client[i], &greeting) || !slice_starts(greeting, S("* ")))
		world_fail(t, S("greeting"), "but:", greeting);
	return t->client[i];
}

static inline void world_wait_for(struct transcript *t, struct io *io, slice step, slice want)
{
	slice got;
	buf_reset(&t->skipped);
	while (world_line(io, &got)) {
		if (world_match(t, want, got))
			return;
		buf_put(&t->skipped, got);
		buf_byte(&t->skipped, '\n');
	}
	world_fail(t, step, "never came, but:", buf_slice(&t->skipped));
}

static inline void world_not_skipped(struct transcript *t, slice step, slice what)
{
	slice rest = buf_slice(&t->skipped), one;
	while (slice_cut(&rest, '\n', &one))
		if (slice_starts(one, what))
			world_fail(t, step, "has come:", one);
}

static inline void world_say(struct transcript *t, struct io *io, slice step, slice text)
{
	AUTO(buf) struct buf b = BUF(WORLD_LINE_MAX);
	struct err e;
	world_expand(t, text, &b);
	if (*step.p == 'C')
		buf_put(&b, S("\r\n"));
	if (io_write(io, buf_slice(&b), &e) < 0 || io_flush(io, &e) < 0)
		world_fail(t, step, "could not be said:", slice_z(e.text));
}

static inline void world_wrap(struct transcript *t, slice step, struct io *io)
{
	struct err e;
	io_set_deadline(io, instant_in(10 * SECOND));
	int r = *step.p == 'Z'
			? deflate_start(io, &e)
			: tls_connect(io, t->w->client_tls, S("mx.post.test"), TLS_VERIFY_HOST, &e);
	if (r < 0)
		world_fail(t, step, "failed:", slice_z(e.text));
}

static inline void world_step(struct transcript *t, slice step)
{
	char what = step.n ? *step.p : ' ';
	bool numbered = step.n > 1 && step.p[1] >= '2' && step.p[1] <= '9';
	unsigned i = numbered ? (unsigned)(step.p[1] - '0') : 1;
	slice text = slice_skip(step, numbered ? 4 : 3), got, folder;
	if (what == 'M') {
		slice_cut(&text, ' ', &folder);
		AUTO(buf) struct buf b = BUF(WORLD_LINE_MAX);
		buf_printf(&b, "Subject: %.*s\r\nFrom: <bob@local.test>\r\n\r\n%.*s\r\n",
			SFMT(text), SFMT(text));
		world_deliver(t->w, folder, buf_slice(&b));
		return;
	}
	if (what == 'D') {
		for (int k = 0; k < 10; k++) /* until all have read what was said to them */
			co_yield();
		imap_drain(&world_hub);
		return;
	}
	if (what == 'N') {
		world_not_skipped(t, step, text);
		return;
	}
	struct io *io = world_client_of(t, i);
	if (what == 'C' || what == 'T') {
		world_say(t, io, step, text);
	} else if (what == 'S') {
		if (!world_line(io, &got) || !world_match(t, text, got))
			world_fail(t, step, "but:", got);
	} else if (what == 'W') {
		world_wait_for(t, io, step, text);
	} else if (what == 'X' || what == 'Z') {
		world_wrap(t, step, io);
	} else if (what == 'E') {
		if (world_line(io, &got))
			world_fail(t, step, "but:", got);
	} else {
		world_fail(t, step, "is no step", S(""));
	}
}

static inline void world_run(void *arg)
{
	struct transcript *t = arg;
	slice rest = t->script, step;
	group_init(&t->servers);
	t->skipped = BUF(WORLD_SKIPPED_MAX);
	while (!t->failed[0] && slice_cut(&rest, '\n', &step))
		if (step.n)
			world_step(t, step);
	for (unsigned i = 0; i < WORLD_SESSIONS; i++)
		io_close(t->client[i]);
	group_join(&t->servers);
	boxes_drain(t->w->boxes);
	buf_done(&t->skipped);
}

static inline void world_check(struct world *w, const char *script, const char *file, int line)
{
	static struct transcript t; /* larger than a stack should hold */
	t = (struct transcript){.w = w, .file = file, .line = line, .script = slice_z(script)};
	loop_main(world_run, &t);
	if (t.failed[0])
		test_fail(file, line, "%s", t.failed);
}
#define CHECK_IMAP(w, script) world_check(w, script, __FILE__, __LINE__)
#define LOGIN "C: l LOGIN alice secret\nS: l OK [CAPABILITY <any>] Logged in\n"
