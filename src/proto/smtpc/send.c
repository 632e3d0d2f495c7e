/*
 * One transaction (RFC 5321 3.3): envelope, body, and a result for every recipient. Called by the
 * queue's deliveries and callouts. What can be sent at all is decided in check.c, the body goes out
 * in body.c.
 *
 * With PIPELINING (RFC 2920) RSET, MAIL, all RCPT and DATA leave together; at most SMTPC_WINDOW
 * replies are outstanding, so that peer and we never both wait to write. A small body with CHUNKING
 * leaves in the same flight: one round trip for the whole mail.
 *
 * LMTP (RFC 2033 4.2) answers the end of the body once per accepted recipient.
 */
#include "base/mem.h"
#include "codec/smtp.h"
#include "proto/smtpc/transaction.h"

#include <inttypes.h>

enum { STEP_RSET, STEP_MAIL, STEP_RCPT };

/* ---- results ---- */

static bool is_open(const struct tx *t, size_t rcpt)
{
	return t->results[rcpt].status.cls == 0;
}

/* The verdict for all that have none yet. */
static void settle(struct tx *t, struct smtpc_result r)
{
	r.text = arena_dup(t->a, r.text);
	for (size_t i = 0; i < t->m->nrcpts; i++)
		if (is_open(t, i))
			t->results[i] = r;
}

/* The connection broke: everyone without a verdict shares the reason. */
static void settle_broken(struct tx *t)
{
	settle(t, t->s->failure);
}

/* ---- writing the commands ---- */

static void write_mail_params(struct tx *t, struct buf *line)
{
	const struct smtpc_mail *m = t->m;
	unsigned caps = t->s->caps.caps;
	if ((caps & SMTP_CAP_SIZE) && m->size)
		buf_printf(line, " SIZE=%" PRIu64, m->size);
	if (m->flags & SMTPC_BINARY)
		buf_put(line, S(" BODY=BINARYMIME"));
	else if (m->flags & SMTPC_8BIT)
		buf_put(line, S(" BODY=8BITMIME"));
	if (t->utf8)
		buf_put(line, S(" SMTPUTF8"));
	if (m->flags & SMTPC_REQUIRETLS)
		buf_put(line, S(" REQUIRETLS"));
	if (!(caps & SMTP_CAP_DSN))
		return;
	if (m->flags & (SMTPC_RET_FULL | SMTPC_RET_HDRS))
		buf_put(line, m->flags & SMTPC_RET_FULL ? S(" RET=FULL") : S(" RET=HDRS"));
	AUTO(buf) struct buf envid = BUF(SMTP_ENVID_MAX);
	xtext_encode(&envid, m->envid);
	if (envid.n && buf_ok(&envid)) {
		buf_put(line, S(" ENVID="));
		buf_put(line, buf_slice(&envid));
	}
}

static void write_notify(struct buf *line, unsigned notify)
{
	static const struct {
		unsigned bit;
		const char *word;
	} words[] = {{SMTP_NOTIFY_SUCCESS, "SUCCESS"}, {SMTP_NOTIFY_FAILURE, "FAILURE"},
		{SMTP_NOTIFY_DELAY, "DELAY"}};
	const char *sep = " NOTIFY=";
	if (notify & SMTP_NOTIFY_NEVER) {
		buf_put(line, S(" NOTIFY=NEVER"));
		return;
	}
	for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
		if (!(notify & words[i].bit))
			continue;
		buf_printf(line, "%s%s", sep, words[i].word);
		sep = ",";
	}
}

/* "rfc822;a@b": the type as it is, the address encoded (RFC 3461 4.2, RFC 6533 3). */
static void write_orcpt(struct buf *line, slice orcpt)
{
	AUTO(buf) struct buf address = BUF(SMTP_ORCPT_MAX);
	slice type;
	if (!slice_cut(&orcpt, ';', &type) || !orcpt.n)
		return;
	if (slice_ieq(type, S("utf-8")))
		utf8_addr_encode_xtext(&address, orcpt);
	else
		xtext_encode(&address, orcpt);
	AUTO(buf) struct buf type_text = BUF(64);
	xtext_encode(&type_text, type);
	if (buf_ok(&address) && buf_ok(&type_text))
		buf_printf(line, " ORCPT=%.*s;%.*s", SFMT(buf_slice(&type_text)),
			SFMT(buf_slice(&address)));
}

static void write_step(struct tx *t, size_t step, struct buf *line)
{
	if (step == STEP_RSET) {
		buf_put(line, S("RSET"));
	} else if (step == STEP_MAIL) {
		buf_printf(line, "MAIL FROM:<%.*s>", SFMT(t->m->sender));
		write_mail_params(t, line);
	} else {
		const struct smtpc_rcpt *r = &t->m->rcpts[t->go[step - STEP_RCPT]];
		buf_printf(line, "RCPT TO:<%.*s>", SFMT(r->address));
		if (t->s->caps.caps & SMTP_CAP_DSN) {
			write_notify(line, r->notify);
			write_orcpt(line, r->orcpt);
		}
	}
	buf_put(line, S("\r\n"));
}

static enum smtpc_stage stage_of(size_t step)
{
	return step <= STEP_MAIL ? SMTPC_AT_MAIL : SMTPC_AT_RCPT;
}

/* ---- reading the replies ---- */

static void got_mail(struct tx *t)
{
	if (t->s->reply.code / 100 == 2) {
		t->mail_ok = true;
		return;
	}
	t->mail_failed = true;
	settle(t, smtpc_result_of(t->s, SMTPC_AT_MAIL, t->a));
}

/* RFC 5321 4.5.3.1.10: 452 (or 552, of old) may mean that this transaction has recipients enough.
 */
static bool is_full(const struct tx *t)
{
	const struct smtp_reply *r = &t->s->reply;
	bool bare = r->status.cls == 0 || (r->status.subject == 5 && r->status.detail == 3);
	return t->n_accepted > 0 && bare && (r->code == 452 || r->code == 552);
}

static void got_rcpt(struct tx *t, size_t i)
{
	struct smtpc_result *r = &t->results[t->go[i]];
	if (t->mail_failed)
		return;
	if (t->s->reply.code / 100 == 2) {
		t->n_accepted++; /* and stays open until the body is answered */
		return;
	}
	*r = smtpc_result_of(t->s, SMTPC_AT_RCPT, t->a);
	if (is_full(t))
		r->kind = SMTPC_NEXT;
	else if (r->code == 552 && t->s->reply.status.cls == 0)
		r->kind = SMTPC_TEMP;
	else
		return;
	r->status.cls = 4;
}

/* One reply, to the oldest command without one. -1: broken. */
static int read_step(struct tx *t)
{
	size_t step = t->answered;
	if (smtpc_read(t->s, stage_of(step), t->s->cfg.timeouts.command) < 0)
		return -1;
	t->answered++;
	if (step == STEP_RSET)
		t->s->needs_rset = false; /* whatever it said: nobody refuses RSET */
	else if (step == STEP_MAIL)
		got_mail(t);
	else
		got_rcpt(t, step - STEP_RCPT);
	return 0;
}

static int read_steps(struct tx *t, size_t outstanding)
{
	while (t->put - t->answered > outstanding)
		if (read_step(t) < 0)
			return -1;
	return 0;
}

static bool pipelining(const struct tx *t)
{
	return (t->s->caps.caps & SMTP_CAP_PIPELINING) != 0;
}

/* Without pipelining each reply is awaited before the next command. */
static int put_envelope(struct tx *t)
{
	AUTO(buf) struct buf line = BUF(8192);
	struct err e;
	size_t end = STEP_RCPT + t->n_go;
	t->put = t->answered = t->s->needs_rset ? STEP_RSET : STEP_MAIL;
	while (t->put < end && !t->mail_failed) {
		if (read_steps(t, pipelining(t) ? SMTPC_WINDOW - 1 : 0) < 0)
			return -1;
		if (t->mail_failed)
			break;
		buf_reset(&line);
		write_step(t, t->put, &line);
		if (io_write(t->s->io, buf_slice(&line), &e) < 0)
			return smtpc_lost(t->s, stage_of(t->put), &e);
		t->put++;
	}
	t->s->mails++;
	return pipelining(t) ? 0 : read_steps(t, 0);
}

/* ---- the end of the body ---- */

static int read_final(struct tx *t)
{
	return smtpc_read(t->s, SMTPC_AT_END, t->s->cfg.timeouts.end);
}

/* RFC 1047: after the last byte nobody knows whether the peer has the message. */
static void final_lost(struct tx *t)
{
	struct smtpc_result r = t->s->failure;
	if (r.code == 0 && r.stage == SMTPC_AT_END)
		r.text = arena_printf(t->a,
			"%.*s; the whole message was sent, the peer may have it", SFMT(r.text));
	settle(t, r);
}

static void final_each(struct tx *t)
{
	for (size_t i = 0; i < t->n_go; i++) {
		if (!is_open(t, t->go[i]))
			continue;
		if (read_final(t) < 0) {
			final_lost(t);
			return;
		}
		t->results[t->go[i]] = smtpc_result_of(t->s, SMTPC_AT_END, t->a);
	}
}

static void final(struct tx *t)
{
	t->s->needs_rset = false;
	if (t->s->cfg.lmtp && t->n_accepted) {
		final_each(t);
		return;
	}
	if (read_final(t) < 0) {
		final_lost(t);
		return;
	}
	t->s->needs_rset = t->s->reply.code / 100 != 2;
	settle(t, smtpc_result_of(t->s, SMTPC_AT_END, t->a));
}

/* The peer went away while we wrote. It may have said why, before; else our own loss is the reason.
 */
static void body_lost(struct tx *t)
{
	struct smtpc *s = t->s;
	struct smtpc_result why = s->failure;
	if (!t->source_failed) {
		s->broken = s->lost = false;
		if (read_steps(t, 0) == 0 &&
			smtpc_read(s, SMTPC_AT_DATA, s->cfg.timeouts.quit) == 0 &&
			s->reply.code / 100 >= 4)
			why = smtpc_result_of(s, SMTPC_AT_DATA, &s->mem);
		else if (s->broken && (s->failure.code || s->failure.stage < SMTPC_AT_DATA))
			why = s->failure;
		s->failure = why;
		s->broken = s->lost = true;
	}
	settle_broken(t);
}

/* ---- by DATA ---- */

static int put_data(struct tx *t)
{
	struct err e;
	return io_write(t->s->io, S("DATA\r\n"), &e) < 0 ? smtpc_lost(t->s, SMTPC_AT_DATA, &e) : 0;
}

/* 354 although nobody is left to write to (RFC 2920 3.1): an empty message, whose fate is of no
 * interest. */
static void data_for_nobody(struct tx *t)
{
	struct err e;
	if (io_write(t->s->io, S(".\r\n"), &e) < 0)
		smtpc_lost(t->s, SMTPC_AT_DATA, &e);
	else
		smtpc_read(t->s, SMTPC_AT_END, t->s->cfg.timeouts.end);
}

/* Neither 354 nor a refusal: taken as success it would lose the mail. */
static void data_nonsense(struct tx *t)
{
	struct err e;
	err_set(&e, ERR_PROTO, "reply %u to DATA", t->s->reply.code);
	smtpc_lost(t->s, SMTPC_AT_DATA, &e);
	settle_broken(t);
}

static void by_data(struct tx *t)
{
	if (put_data(t) < 0 || read_steps(t, 0) < 0 ||
		smtpc_read(t->s, SMTPC_AT_DATA, t->s->cfg.timeouts.data) < 0)
		settle_broken(t);
	else if (t->s->reply.code != 354 && t->s->reply.code < 400)
		data_nonsense(t);
	else if (t->s->reply.code != 354)
		settle(t, smtpc_result_of(t->s, SMTPC_AT_DATA, t->a));
	else if (!t->n_accepted)
		data_for_nobody(t);
	else if (smtpc_body_data(t) < 0)
		body_lost(t);
	else
		final(t);
}

/* ---- by BDAT ---- */

/* The whole mail in one flight. */
static bool fits_one_flight(const struct tx *t)
{
	return pipelining(t) && t->m->size && t->m->size <= SMTPC_BDAT_SMALL;
}

static bool wants_bdat(const struct tx *t)
{
	if (t->m->flags & SMTPC_BINARY)
		return true;
	return (t->s->caps.caps & SMTP_CAP_CHUNKING) && !t->s->cfg.no_chunking &&
	       fits_one_flight(t);
}

static void by_bdat(struct tx *t)
{
	t->sent->chunking = true;
	int r = t->m->size ? smtpc_body_bdat(t) : smtpc_body_bdat_pieces(t);
	if (r < 0)
		body_lost(t);
	else if (r > 0) /* a chunk was refused: its reply is for all (RFC 3030 2) */
		settle(t, smtpc_result_of(t->s, SMTPC_AT_DATA, t->a));
	else if (read_steps(t, 0) < 0)
		settle_broken(t);
	else
		final(t);
}

/* ---- together ---- */

/* Without waiting for the verdicts about the recipients, or with. False: nobody is left, or broken.
 */
static bool may_go_on(struct tx *t)
{
	bool bdat = wants_bdat(t);
	if (pipelining(t) && !t->mail_failed && (!bdat || fits_one_flight(t)))
		return true;
	if (read_steps(t, 0) < 0)
		settle_broken(t);
	return t->n_accepted > 0 && !t->s->broken;
}

static void transact(struct tx *t)
{
	t->sent->dsn = (t->s->caps.caps & SMTP_CAP_DSN) != 0;
	if (put_envelope(t) < 0) {
		settle_broken(t);
		return;
	}
	t->s->needs_rset = true;
	if (!may_go_on(t))
		return;
	if (wants_bdat(t))
		by_bdat(t);
	else
		by_data(t);
}

/* False: everything is decided already. */
static bool start(struct tx *t)
{
	for (size_t i = 0; i < t->m->nrcpts; i++)
		t->results[i] = (struct smtpc_result){.kind = SMTPC_TEMP};
	if (t->s->broken)
		settle_broken(t);
	else
		smtpc_check(t);
	return t->n_go > 0;
}

void smtpc_send(struct smtpc *s, const struct smtpc_mail *m, struct smtpc_body body,
	struct arena *a, struct smtpc_result *ret_results, struct smtpc_sent *ret)
{
	struct tx t = {.s = s, .m = m, .body = body, .a = a, .results = ret_results, .sent = ret};
	instant begun = instant_now();
	*ret = (struct smtpc_sent){0};
	if (start(&t))
		transact(&t);
	ret->took = instant_now() - begun;
}

void smtpc_probe(
	struct smtpc *s, slice sender, slice rcpt, struct arena *a, struct smtpc_result *ret)
{
	struct smtpc_sent sent = {0};
	struct smtpc_rcpt to = {.address = rcpt};
	struct smtpc_mail m = {.sender = sender, .rcpts = &to, .nrcpts = 1};
	struct tx t = {.s = s, .m = &m, .a = a, .results = ret, .sent = &sent};
	if (!start(&t))
		return;
	if (put_envelope(&t) < 0 || read_steps(&t, 0) < 0)
		settle_broken(&t);
	else if (t.n_accepted)
		*ret = smtpc_result_of(s, SMTPC_AT_RCPT, a);
	s->needs_rset = true;
}
