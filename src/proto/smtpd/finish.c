/*
 * The end of a message: what is wrong with it as a whole, our Received: field (RFC 5321
 * section 4.4), the timeline, acceptance, and the reply: one for SMTP, one for each recipient for
 * LMTP (RFC 2033 section 4.2). 250 is said only after accept() has made the message durable.
 */
#include "proto/smtpd/session.h"

#include "base/mem.h"
#include "codec/received.h"
#include "run/metrics.h"
#include "run/tls.h"
#include "store/trace.h"
#include <inttypes.h>

METRIC_COUNTER(accepted, "posthouse_smtp_messages_accepted_total", "",
	"Messages accepted by SMTP and LMTP.");
METRIC_COUNTER(
	accepted_bytes, "posthouse_smtp_bytes_accepted_total", "", "Bytes of messages accepted.");
METRIC_COUNTER(
	refused, "posthouse_smtp_messages_refused_total", "", "Messages refused after their data.");

/* Bare CR and LF are how a message is hidden inside another one: see doc/VIOLATIONS.md. */
static bool bare_newlines_are_bad(const struct smtpd_session *s)
{
	const struct smtpd_tx *t = &s->tx;
	if (t->binary || !(t->scan.bare_cr || t->scan.bare_lf) ||
		s->conf->bare_newline == SMTPD_BARE_KEEP)
		return false;
	return s->conf->bare_newline == SMTPD_BARE_REFUSE || !smtpd_is_known(s);
}

static void judge(struct smtpd_session *s)
{
	struct smtpd_tx *t = &s->tx;
	if (bare_newlines_are_bad(s))
		smtpd_fail_with(s, 550, "5.5.2",
			"Message has a bare CR or LF; lines end in CRLF (RFC 5321 2.3.8)");
	else if (t->scan.has_nul && !t->binary && s->conf->refuse_nul)
		smtpd_fail_with(s, 554, "5.6.0", "Message has NUL bytes");
	else if (!t->binary && t->scan.longest_line > (uint64_t)s->conf->max_line)
		smtpd_fail_with(s, 554, "5.6.0", "Message has a line that is too long");
}

static slice build_received(struct smtpd_session *s)
{
	struct smtpd_tx *t = &s->tx;
	const struct smtpd_client *c = &s->client;
	AUTO(buf) struct buf out = BUF(RECEIVED_MAX);
	char id[MSG_ID_TEXT];
	msg_id_print(t->msg.id, id);
	struct tls_info tls = {0};
	if (s->tls)
		tls_get_info(s->io, &tls);
	received_build(
		&out, &(struct received_facts){
			      .helo = c->helo,
			      .client_ip = c->peer.ss.ss_family == AF_UNIX ? S("") : slice_z(c->ip),
			      .client_name = c->name,
			      .by = s->service->hostname,
			      .id = slice_z(id),
			      .rcpt = t->ngiven == 1 ? t->given[0] : S(""),
			      .tls_version = slice_z(c->tls_version),
			      .tls_cipher = slice_z(c->tls_cipher),
			      .tls_bits = (unsigned)tls.bits,
			      .esmtp = c->esmtp,
			      .lmtp = s->conf->kind == SMTPD_LMTP,
			      .auth = c->login.n > 0,
			      .utf8 = t->msg.flags & MSG_SMTPUTF8,
			      .wall = t->msg.arrived_at,
		      });
	return arena_dup(&t->mem, buf_slice(&out));
}

/* The last word before acceptance: what the message as a whole is found to be. */
static void ask_verdict(struct smtpd_session *s)
{
	struct smtpd_tx *t = &s->tx;
	struct smtpd_refusal no = {0};
	t->msg.size = t->stored;
	if (t->scan.has_8bit)
		t->msg.flags |= MSG_8BIT;
	t->received = build_received(s);
	struct smtpd_verdict v = {.msg = &t->msg,
		.received = t->received,
		.added = buf_slice(&t->added),
		.top = &t->top,
		.log = &t->events};
	if (s->ops->verdict && s->ops->verdict(s->arg, &v, &no) < 0)
		smtpd_fail(s, &no);
}

static void build_prefix(const struct smtpd_tx *t, struct buf *out)
{
	buf_put(out, buf_slice(&t->top));
	buf_put(out, t->received);
	buf_put(out, buf_slice(&t->added));
	if (t->headless)
		buf_put(out, S("\r\n"));
}

static const char *body_name(const struct smtpd_tx *t)
{
	return t->binary ? "binary" : t->msg.flags & MSG_8BIT ? "8bit" : "7bit";
}

static void build_log(struct smtpd_session *s, struct buf *log)
{
	struct smtpd_tx *t = &s->tx;
	int64_t now = wall_now();
	struct arena *a = &s->cmd;
	slice rcpts = t->ngiven == 1 ? t->given[0] : arena_printf(a, "%zu recipients", t->ngiven);
	buf_put(log, buf_slice(&s->log));
	trace_event(log, t->msg.arrived_at, "envelope", "helo", s->client.helo, "from",
		t->msg.sender.n ? t->msg.sender : S("<>"), "to", rcpts, "refused",
		t->nrefused ? arena_printf(a, "%zu", t->nrefused) : S(""), NULL);
	if (t->by)
		trace_event(log, now, "data", "by", slice_z(t->by), "bytes",
			arena_printf(a, "%" PRIu64, t->scan.bytes), "body", slice_z(body_name(t)),
			"took",
			arena_printf(a, "%.3f", (double)(instant_now() - t->began) / SECOND), NULL);
	buf_put(log, buf_slice(&t->events));
}

/* Every recipient of an LMTP message hears the same: they were stored together. */
static void answer_accepted(struct smtpd_session *s, const char *id)
{
	if (s->conf->kind != SMTPD_LMTP) {
		smtpd_say(s, 250, "2.0.0", "Kept as %s", id);
		return;
	}
	for (size_t i = 0; i < s->tx.ngiven && !s->over; i++)
		smtpd_say(s, 250, "2.1.5", "<%.*s> kept as %s", SFMT(s->tx.given[i]), id);
}

static void answer_refused(struct smtpd_session *s, const struct smtpd_refusal *no)
{
	smtpd_say_refusal(s, no, true);
	if (s->conf->kind != SMTPD_LMTP)
		return;
	for (size_t i = 1; i < s->tx.ngiven && !s->over; i++)
		smtpd_say_refusal(s, no, false);
}

static void accept_message(struct smtpd_session *s)
{
	struct smtpd_tx *t = &s->tx;
	AUTO(buf) struct buf prefix = BUF(TOP_MAX + RECEIVED_MAX + 64 * 1024);
	AUTO(buf) struct buf log = BUF(TRACE_LOG_MAX);
	struct smtpd_refusal no = {0};
	char id[MSG_ID_TEXT];
	msg_id_print(t->msg.id, id);
	build_prefix(t, &prefix);
	build_log(s, &log);
	trace_event(&log, wall_now(), "queued", "id", slice_z(id), NULL);
	t->msg.prefix = buf_slice(&prefix);
	t->msg.log = buf_slice(&log);
	t->msg.size = t->stored;
	t->body_open = false;
	int r = s->ops->accept(s->arg, &t->msg, &no);
	t->msg.log = t->msg.prefix = S("");
	if (r < 0) {
		smtpd_fail(s, &no);
		return;
	}
	s->sum.accepted++;
	s->sum.bytes_in += t->stored;
	metric_add(&accepted, 1);
	metric_add(&accepted_bytes, (int64_t)t->stored);
	answer_accepted(s, id);
}

static void refuse_message(struct smtpd_session *s)
{
	struct smtpd_tx *t = &s->tx;
	AUTO(buf) struct buf log = BUF(TRACE_LOG_MAX);
	build_log(s, &log);
	t->msg.log = buf_slice(&log);
	t->msg.size = t->scan.bytes;
	s->sum.refused++;
	metric_add(&refused, 1);
	smtpd_report(s, "data", t->failed, S(""));
	t->msg.log = S("");
	answer_refused(s, t->failed);
}

void smtpd_finish(struct smtpd_session *s)
{
	struct smtpd_tx *t = &s->tx;
	if (!t->failed && !t->head_done)
		smtpd_head_end(s);
	if (!t->failed)
		judge(s);
	if (!t->failed)
		ask_verdict(s);
	if (!t->failed)
		accept_message(s);
	if (t->failed)
		refuse_message(s);
	smtpd_tx_reset(s);
	s->state = ST_READY;
}
