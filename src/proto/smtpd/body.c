/*
 * DATA (RFC 5321 section 4.1.1.4) and BDAT (RFC 3030): the message on its way in. Its bytes go from
 * the input buffer to the ops' body_add without a copy; only the header may be gathered before
 * (head.c).
 *
 * A message that cannot be taken is read to its end all the same, so that the client hears why.
 */
#include "proto/smtpd/session.h"

#include "base/must.h"
#include <inttypes.h>

void smtpd_fail(struct smtpd_session *s, const struct smtpd_refusal *no)
{
	struct smtpd_tx *t = &s->tx;
	if (t->failed)
		return;
	t->failed = ARENA_NEW(&t->mem, struct smtpd_refusal);
	*t->failed = *no;
	smtpd_resolve(STAGE_DATA, t->failed);
	if (t->body_open)
		s->ops->body_cancel(s->arg);
	t->body_open = false;
	buf_done(&t->head);
}

void smtpd_fail_with(struct smtpd_session *s, int code, const char *status, const char *text)
{
	struct smtpd_refusal no = {0};
	smtpd_refuse(&no, code, status, "%s", text);
	smtpd_fail(s, &no);
}

void smtpd_store(struct smtpd_session *s, slice bytes, bool behind)
{
	struct smtpd_refusal no = {0};
	if (!bytes.n)
		return;
	if (s->ops->body_add(s->arg, bytes, behind, &no.err) < 0) {
		smtpd_fail(s, &no);
		return;
	}
	s->tx.stored += bytes.n;
}

static void too_large(struct smtpd_session *s)
{
	struct smtpd_refusal no = {0};
	smtpd_refuse(&no, 552, "5.3.4", "Message is larger than %" PRId64 " bytes",
		s->client.limits.max_size);
	smtpd_fail(s, &no);
}

/* A run of clean message bytes, already counted in t->scan. */
static void take_run(struct smtpd_session *s, slice run)
{
	struct smtpd_tx *t = &s->tx;
	if (!t->failed && t->scan.bytes > (uint64_t)s->client.limits.max_size)
		too_large(s);
	if (t->failed)
		t->thrown += run.n;
	else if (t->head_done)
		smtpd_store(s, run, true);
	else
		smtpd_head_feed(s, run);
}

/* Of a message that is refused anyway: enough is enough. */
static bool endless(struct smtpd_session *s)
{
	if (s->tx.thrown <= (uint64_t)s->client.limits.max_size + THROWN_MAX)
		return false;
	smtpd_say(s, 552, "5.3.4", "Message is larger than %" PRId64 " bytes",
		s->client.limits.max_size);
	smtpd_end(s, "endless", "kept sending a refused message");
	return true;
}

/* -1: *no says why. */
static int begin_body(struct smtpd_session *s, const char *by, struct smtpd_refusal *no)
{
	struct smtpd_tx *t = &s->tx;
	smtp_data_init(&t->scan);
	t->head = BUF((size_t)s->client.limits.max_header);
	t->added = BUF(4096);
	t->top = BUF(TOP_MAX);
	t->events = BUF(EVENTS_MAX);
	t->by = by;
	t->began = instant_now();
	t->deadline = instant_in(s->conf->timeout_message);
	if (s->ops->body_begin(s->arg, &t->msg, no) < 0)
		return -1;
	t->body_open = true;
	return 0;
}

/* RFC 5321 3.3 allows both codes, RFC 2033 4.2 asks for 503. */
static void no_recipients(struct smtpd_session *s)
{
	int code = s->conf->kind == SMTPD_LMTP ? 503 : 554;
	const char *text = "No valid recipients";
	if (s->tx.nrefused) /* the client may have sent it before it heard of that */
		smtpd_say(s, code, "5.5.1", "%s", text);
	else
		smtpd_complain(s, code, "5.5.1", "%s", text);
}

/* ---- DATA ---- */

static bool data_allowed(struct smtpd_session *s)
{
	if (s->state == ST_MAIL)
		no_recipients(s);
	else if (s->tx.binary)
		smtpd_complain(s, 503, "5.5.1", "BODY=BINARYMIME needs BDAT");
	else
		return true;
	return false;
}

/* Until the dot. False: the session is over. */
static bool receive_data(struct smtpd_session *s)
{
	for (;;) {
		slice in = io_peek(s->io), run;
		size_t had = in.n;
		enum smtp_data_step step;
		while ((step = smtp_data_next(&s->tx.scan, &in, &run)) == SMTP_DATA_RUN)
			take_run(s, run);
		io_consume(s->io, had - in.n);
		if (step == SMTP_DATA_END)
			return true;
		if (endless(s) || !smtpd_read_more(s))
			return false;
	}
}

void smtpd_data(struct smtpd_session *s, const struct smtp_command *c)
{
	(void)c;
	struct smtpd_refusal no = {0};
	if (!data_allowed(s))
		return;
	if (begin_body(s, "DATA", &no) < 0) {
		smtpd_resolve(STAGE_DATA, &no);
		smtpd_report(s, "data", &no, S(""));
		smtpd_say_refusal(s, &no, true);
		return;
	}
	smtpd_say(s, 354, NULL, "Go ahead, end with <CRLF>.<CRLF>");
	if (!s->over && receive_data(s))
		smtpd_finish(s);
}

/* ---- BDAT ---- */

/* Reads the chunk. False: the session is over. */
static bool receive_chunk(struct smtpd_session *s, uint64_t left)
{
	while (left) {
		slice in = io_peek(s->io);
		if (!in.n) {
			if (endless(s) || !smtpd_read_more(s))
				return false;
			continue;
		}
		slice run = slice_first(in, left < in.n ? (size_t)left : in.n);
		if (s->tx.failed) {
			s->tx.thrown += run.n;
		} else {
			smtp_data_count(&s->tx.scan, run);
			take_run(s, run);
		}
		io_consume(s->io, run.n);
		left -= run.n;
	}
	return true;
}

/* A chunk that has no place here: its bytes must be taken off the stream (RFC 3030 section 2). */
static void misplaced(struct smtpd_session *s, const struct smtp_command *c)
{
	bool transaction = s->state & ST_TRANSACTION;
	struct smtpd_refusal gone = {0};
	s->tx.deadline = instant_in(s->conf->timeout_message);
	s->tx.failed = &gone; /* for receive_chunk: nothing is kept */
	bool read = receive_chunk(s, c->bdat.size);
	s->tx.failed = NULL;
	if (!read)
		return;
	if (s->chunks_lost) { /* sent before our refusal was heard: no mistake */
		smtpd_say(s, 503, "5.5.1", "The message was refused already");
		s->chunks_lost = !c->bdat.last;
	} else if (transaction)
		no_recipients(s);
	else
		smtpd_out_of_place(s, "Say MAIL and RCPT first");
}

void smtpd_bdat(struct smtpd_session *s, const struct smtp_command *c)
{
	struct smtpd_tx *t = &s->tx;
	struct smtpd_refusal no = {0};
	uint64_t size = c->bdat.size;
	bool last = c->bdat.last;
	if (!(s->state & (ST_RCPT | ST_BDAT))) {
		misplaced(s, c);
		return;
	}
	if (s->state == ST_RCPT && begin_body(s, "BDAT", &no) < 0)
		smtpd_fail(s, &no);
	s->state = ST_BDAT;
	if (!size)
		s->idle_commands++;
	if (!receive_chunk(s, size))
		return;
	if (last && !t->failed)
		smtp_data_finish(&t->scan);
	if (last || t->failed) {
		s->chunks_lost = !last;
		smtpd_finish(s);
	} else
		smtpd_say(s, 250, "2.0.0", "%" PRIu64 " bytes received", size);
}
