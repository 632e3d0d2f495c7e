/*
 * A client session's beginning and end: connecting, greeting, EHLO or LHLO with fallback to HELO
 * (RFC 5321 3.2, 4.1.1.1), STARTTLS (RFC 3207), then AUTH (auth.c); QUIT, and whether an idle
 * session may be used again. Called by the queue's deliveries and by callouts. Transactions:
 * send.c.
 */
#include "base/mem.h"
#include "proto/smtpc/session.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

/* ---- making one ---- */

static int64_t or_default(int64_t given, int64_t standard)
{
	return given > 0 ? given : standard;
}

static struct smtpc *session_new(const struct smtpc_config *cfg)
{
	struct smtpc *s = NEW(struct smtpc);
	smtp_reply_init(&s->reply);
	s->cfg = *cfg;
	s->cfg.helo = arena_dup(&s->mem, cfg->helo);
	s->cfg.host = arena_dup(&s->mem, cfg->host);
	for (size_t i = 0; i < cfg->nnames; i++)
		s->cfg.names[i] = arena_dup(&s->mem, cfg->names[i]);
	s->cfg.auth_user = arena_dup(&s->mem, cfg->auth_user);
	s->cfg.auth_password.value = arena_dup(&s->mem, cfg->auth_password.value);
	struct smtpc_timeouts *t = &s->cfg.timeouts;
	t->connect = or_default(t->connect, 30 * SECOND);
	t->greeting = or_default(t->greeting, 5 * MINUTE);
	t->command = or_default(t->command, 5 * MINUTE);
	t->data = or_default(t->data, 2 * MINUTE);
	t->block = or_default(t->block, 3 * MINUTE);
	t->end = or_default(t->end, 10 * MINUTE);
	t->quit = or_default(t->quit, 5 * SECOND);
	return s;
}

/* ---- the steps ---- */

/* One command and its reply. -1: broken. */
static int ask(struct smtpc *s, enum smtpc_stage at, const char *verb, slice arg)
{
	struct err e;
	if (io_printf(s->io, &e, "%s%s%.*s\r\n", verb, arg.n ? " " : "", SFMT(arg)) < 0)
		return smtpc_lost(s, at, &e);
	return smtpc_read(s, at, s->cfg.timeouts.command);
}

static int refused(struct smtpc *s, enum smtpc_stage at)
{
	return smtpc_refused(s, smtpc_result_of(s, at, &s->mem));
}

static slice first_word(slice text)
{
	slice line, word = {0};
	slice_cut(&text, '\n', &line);
	slice_cut(&line, ' ', &word);
	return word;
}

static int greeting(struct smtpc *s)
{
	if (smtpc_read(s, SMTPC_AT_GREETING, s->cfg.timeouts.greeting) < 0)
		return -1;
	s->banner = arena_dup(&s->mem, slice_first(buf_slice(&s->reply.text), SMTPC_TEXT_MAX));
	return s->reply.code / 100 == 2 ? 0 : refused(s, SMTPC_AT_GREETING);
}

/* A server from before 1995 answers EHLO with 5xx and wants HELO; LMTP has no such past. */
static int hello(struct smtpc *s)
{
	s->caps = (struct smtp_caps){0};
	if (ask(s, SMTPC_AT_HELO, s->cfg.lmtp ? "LHLO" : "EHLO", s->cfg.helo) < 0)
		return -1;
	if (s->reply.code / 100 == 2)
		smtp_caps_parse(&s->reply, &s->caps);
	else if (s->reply.code / 100 != 5 || s->cfg.lmtp)
		return refused(s, SMTPC_AT_HELO);
	else if (ask(s, SMTPC_AT_HELO, "HELO", s->cfg.helo) < 0)
		return -1;
	else if (s->reply.code / 100 != 2)
		return refused(s, SMTPC_AT_HELO);
	s->ehlo = arena_dup(&s->mem, slice_first(first_word(buf_slice(&s->reply.text)), 255));
	return 0;
}

/* RFC 3463 X.7.5: cryptographic failure. */
static int tls_failure(
	struct smtpc *s, enum tls_failure failure, const char *what, const struct err *e)
{
	slice text = arena_printf(&s->mem, "tls: %s%s%s", what, e ? ": " : "", e ? e->text : "");
	s->tls_failed = true;
	s->tls_failure = failure;
	s->lost |= e != NULL; /* a handshake went wrong; without one we may still say goodbye */
	return smtpc_refused(s, smtpc_result_own(SMTPC_TEMP, SMTPC_AT_TLS, STATUS(4, 7, 5), text));
}

static enum tls_verify verification(enum smtpc_tls tls)
{
	switch (tls) {
	case SMTPC_TLS_CA:
		return TLS_VERIFY_CA;
	case SMTPC_TLS_HOST:
		return TLS_VERIFY_HOST;
	case SMTPC_TLS_DANE:
		return TLS_VERIFY_DANE;
	default:
		return TLS_OPPORTUNISTIC;
	}
}

static int handshake(struct smtpc *s)
{
	const struct smtpc_config *c = &s->cfg;
	struct tls_want want = {.host = c->host,
		.verify = verification(c->tls),
		.tlsa = c->tlsa,
		.ntlsa = c->ntlsa,
		.nnames = c->nnames};
	enum tls_failure why;
	struct err e;
	memcpy(want.names, c->names, sizeof want.names);
	io_set_deadline(s->io, smtpc_in(s, c->timeouts.command));
	if (tls_connect_as(s->io, c->ctx, &want, &why, &e) < 0)
		return tls_failure(s, why,
			e.kind == ERR_DENIED ? "the certificate is not trusted"
					     : "handshake failed",
			&e);
	return 0;
}

/* 1 when TLS is on now, 0 without, -1. A refused STARTTLS leaves the session as it was (RFC 3207
 * 4). */
static int starttls(struct smtpc *s)
{
	bool must_have = s->cfg.tls >= SMTPC_TLS_ALWAYS;
	if (s->cfg.tls == SMTPC_TLS_NEVER || tls_active(s->io))
		return 0;
	if (!s->cfg.ctx)
		return must_have ? tls_failure(s, TLS_FAIL_NONE,
					   "required, but not configured here", NULL)
				 : 0;
	if (!(s->caps.caps & SMTP_CAP_STARTTLS))
		return must_have ? tls_failure(s, TLS_FAIL_STARTTLS,
					   "required, but the peer does not offer STARTTLS", NULL)
				 : 0;
	if (ask(s, SMTPC_AT_TLS, "STARTTLS", (slice){0}) < 0)
		return -1;
	if (s->reply.code != 220) {
		s->tls_failed = true;
		s->tls_failure = TLS_FAIL_STARTTLS;
		return must_have ? refused(s, SMTPC_AT_TLS) : 0;
	}
	return handshake(s) < 0 ? -1 : 1;
}

static int introduce(struct smtpc *s)
{
	if (s->cfg.tls_implicit) {
		if (!s->cfg.ctx)
			return tls_failure(
				s, TLS_FAIL_NONE, "required, but not configured here", NULL);
		if (handshake(s) < 0)
			return -1;
	}
	if (greeting(s) < 0 || hello(s) < 0)
		return -1;
	int tls = starttls(s);
	if (tls < 0 || (tls > 0 && hello(s) < 0))
		return -1;
	return s->cfg.auth_user.n ? smtpc_login(s) : 0;
}

/* The session's failure as an error. */
static int tell(const struct smtpc *s, struct err *e)
{
	const struct smtpc_result *f = &s->failure;
	return err_set(e, f->kind == SMTPC_PERM ? ERR_PERM : ERR_TEMP, "%s%s%.*s",
		f->code ? smtpc_stage_name(f->stage) : "", f->code ? ": " : "", SFMT(f->text));
}

int smtpc_open(struct io *io, const struct smtpc_config *cfg, struct smtpc **ret, struct err *e)
{
	struct smtpc *s = session_new(cfg);
	s->io = io;
	*ret = s;
	return introduce(s) < 0 ? tell(s, e) : 0;
}

int smtpc_connect(const struct net_addr *to, const struct net_addr *source,
	const struct smtpc_config *cfg, struct smtpc **ret, struct err *e)
{
	struct smtpc *s = session_new(cfg);
	*ret = s;
	if (net_connect(to, source, smtpc_in(s, s->cfg.timeouts.connect), &s->io, e) < 0) {
		s->io = NULL;
		slice text = arena_dup(&s->mem, slice_z(e->text));
		smtpc_fail(
			s, smtpc_result_own(SMTPC_TEMP, SMTPC_AT_CONNECT, STATUS(4, 4, 1), text));
		return -1;
	}
	return introduce(s) < 0 ? tell(s, e) : 0;
}

/* ---- what is known of it ---- */

const struct smtpc_result *smtpc_failure(const struct smtpc *s)
{
	return &s->failure;
}

static void both_ips(const struct smtpc *s, struct smtpc_info *ret)
{
	int fd = s->io ? io_fd(s->io) : -1;
	struct net_addr a = {.len = sizeof a.ss}, own;
	struct err e;
	if (fd >= 0 && getpeername(fd, (struct sockaddr *)&a.ss, &a.len) == 0)
		ret->ip[net_print_ip(&a, ret->ip)] = 0;
	if (fd >= 0 && net_local_addr(fd, &own, &e) == 0)
		ret->local_ip[net_print_ip(&own, ret->local_ip)] = 0;
}

void smtpc_info(const struct smtpc *s, struct smtpc_info *ret)
{
	*ret = (struct smtpc_info){
		.host = s->cfg.host,
		.banner = s->banner,
		.ehlo = s->ehlo,
		.caps = s->caps.caps,
		.size_max = s->caps.size,
		.rcpt_max = s->caps.rcpt_max,
		.mail_max = s->caps.mail_max,
		.mails = s->mails,
		.tls = s->io && tls_active(s->io),
		.tls_failed = s->tls_failed,
		.tls_failure = s->tls_failure,
		.auth = s->auth,
	};
	both_ips(s, ret);
	if (ret->tls)
		tls_get_info(s->io, &ret->tls_info);
}

/* A peer that says something unasked, or closes, is on its way out (RFC 5321 3.8). */
static bool is_silent(struct smtpc *s)
{
	char c;
	if (io_ready(s->io))
		return false;
	int fd = io_fd(s->io);
	return fd < 0 || (recv(fd, &c, 1, MSG_PEEK | MSG_DONTWAIT) < 0 && errno == EAGAIN);
}

bool smtpc_usable(struct smtpc *s)
{
	if (s->broken || (s->caps.mail_max && s->mails >= s->caps.mail_max))
		return false;
	return is_silent(s);
}

/* ---- the end ---- */

void smtpc_close(struct smtpc *s)
{
	if (!s)
		return;
	if (s->lost)
		io_abort(s->io); /* perhaps in the middle of a message: nothing may follow */
	else
		io_close(s->io);
	if (s->cfg.auth_password.value.n)
		explicit_bzero((char *)s->cfg.auth_password.value.p, s->cfg.auth_password.value.n);
	smtp_reply_done(&s->reply);
	arena_done(&s->mem);
	free(s);
}

void smtpc_quit(struct smtpc *s)
{
	struct err e;
	if (s && !s->lost && io_write(s->io, S("QUIT\r\n"), &e) == 0)
		smtpc_read(s, SMTPC_AT_QUIT, s->cfg.timeouts.quit);
	smtpc_close(s);
}
