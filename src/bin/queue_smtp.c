/*
 * The queue process's way to other systems: sends (proto/smtpc) over a connection of queue_connect.c
 * and keeps it for the next group. What the replies mean for the recipients is said here; when they
 * are tried again is settle's matter.
 */
#include "base/mem.h"
#include "bin/queue.h"
#include "run/pool.h"

static struct queue_smtp_outcome outcome(enum flow_verdict verdict, slice reason, bool untried)
{
	return (struct queue_smtp_outcome){
		.verdict = verdict, .reason = reason, .untried = untried};
}

static struct queue_smtp_outcome all_get(
	struct queue_session *s, struct result r, enum flow_verdict verdict, bool untried)
{
	for (size_t i = 0; i < s->n; i++)
		s->v[i].result = r;
	const struct status_code c = r.status;
	return outcome(verdict,
		arena_printf(&s->mem, "%u.%u.%u %.*s", c.cls, c.subject, c.detail, SFMT(r.text)),
		untried);
}

/* ---- the message as a stream ---- */

struct source {
	struct queue_session *s;
	struct blob_reader *reader;
	bool prefix_sent;
	slice piece;
	int status;
	struct err err;
};

static void open_in_pool(void *arg)
{
	struct source *b = arg;
	b->status = blob_open(b->s->q->blobs, b->s->letter->m.blob, &b->reader, &b->err);
}

static void next_in_pool(void *arg)
{
	struct source *b = arg;
	b->status = blob_next(b->reader, &b->piece, &b->err);
}

/* What was just accepted is in the page cache: read right here. The rest may block: in the pool. */
static int read_blob(struct source *b, void (*fn)(void *), struct err *e)
{
	if (b->s->letter->from_db)
		pool_call(fn, b);
	else
		fn(b);
	if (b->status < 0)
		*e = b->err;
	return b->status;
}

static int next_piece(void *arg, slice *ret, struct err *e)
{
	struct source *b = arg;
	if (!b->prefix_sent) {
		b->prefix_sent = true;
		*ret = b->s->letter->m.prefix;
		if (ret->n)
			return 1;
	}
	if (!b->reader && read_blob(b, open_in_pool, e) < 0)
		return -1;
	int r = read_blob(b, next_in_pool, e);
	*ret = b->piece;
	return r;
}

/* ---- sending ---- */

static unsigned mail_flags(const struct queue_msg *m)
{
	static const struct {
		unsigned ours, theirs;
	} map[] = {{MSG_8BIT, SMTPC_8BIT}, {MSG_BINARY, SMTPC_BINARY}, {MSG_SMTPUTF8, SMTPC_UTF8},
		{MSG_REQUIRETLS, SMTPC_REQUIRETLS}, {MSG_RET_HDRS, SMTPC_RET_HDRS},
		{MSG_RET_FULL, SMTPC_RET_FULL}};
	unsigned flags = 0;
	for (size_t i = 0; i < sizeof map / sizeof *map; i++)
		flags |= m->flags & map[i].ours ? map[i].theirs : 0;
	return flags;
}

static struct result result_of(struct queue_session *s, const struct smtpc_result *r, bool dsn)
{
	static const enum result_kind kinds[] = {[SMTPC_OK] = RESULT_DELIVERED,
		[SMTPC_TEMP] = RESULT_DEFERRED,
		[SMTPC_PERM] = RESULT_FAILED,
		[SMTPC_NEXT] = RESULT_DEFERRED};
	return (struct result){
		.kind = kinds[r->kind],
		.status = r->status,
		.mta = r->code ? s->host.name : (slice){0},
		.text = queue_reply(&s->mem, r),
		.dsn = dsn,
		.relayed = !s->lmtp,
	};
}

/* One transaction with the recipients v[0..n). */
static void send_once(
	struct queue_session *s, struct settle_rcpt **v, size_t n, struct smtpc_result *results)
{
	const struct queue_msg *m = &s->letter->m;
	struct smtpc_rcpt *rcpts = ARENA_ARRAY(&s->mem, struct smtpc_rcpt, n);
	for (size_t i = 0; i < n; i++) {
		const struct queue_rcpt *r = &m->rcpts[v[i]->at];
		rcpts[i] = (struct smtpc_rcpt){
			.address = r->address, .orcpt = r->orcpt, .notify = r->notify};
	}
	struct smtpc_mail mail = {
		.sender = m->sender,
		.flags = mail_flags(m),
		.envid = m->envid,
		.size = m->prefix.n + m->size,
		.rcpts = rcpts,
		.nrcpts = n,
	};
	struct source source = {.s = s};
	struct smtpc_sent sent;
	smtpc_send(
		s->smtp, &mail, (struct smtpc_body){next_piece, &source}, &s->mem, results, &sent);
	blob_close(source.reader);
	s->sent++;
	for (size_t i = 0; i < n; i++)
		v[i]->result = result_of(s, &results[i], sent.dsn);
}

/* Was the connection that we kept gone before the peer saw anything of this message? */
static bool lost_while_idle(struct queue_session *s, const struct smtpc_result *r)
{
	return s->attempt.reused && r->kind == SMTPC_TEMP && r->code == 0 &&
	       r->stage <= SMTPC_AT_RCPT && !smtpc_usable(s->smtp);
}

static bool is_status(struct status_code a, struct status_code b)
{
	return a.cls == b.cls && a.subject == b.subject && a.detail == b.detail;
}

/* It answers, but we are too many or too fast. */
static bool is_throttle(const struct smtpc_result *r)
{
	return r->code == 421 || is_status(r->status, STATUS(4, 3, 2)) ||
	       is_status(r->status, STATUS(4, 4, 5)) || is_status(r->status, STATUS(4, 7, 28));
}

/* All recipients, in as many transactions as the peer's limits ask for; the session is usable.
 * False: see lost_while_idle. */
static bool send_all(struct queue_session *s, struct queue_smtp_outcome *ret)
{
	struct settle_rcpt **todo = ARENA_ARRAY(&s->mem, struct settle_rcpt *, s->n);
	struct smtpc_result *results = ARENA_ARRAY(&s->mem, struct smtpc_result, s->n);
	size_t n = s->n;
	for (size_t i = 0; i < n; i++)
		todo[i] = &s->v[i];
	*ret = outcome(FLOW_OK, (slice){0}, false);
	for (bool first = true; first || (n > 0 && smtpc_usable(s->smtp)); first = false) {
		send_once(s, todo, n, results);
		if (first && lost_while_idle(s, &results[0]))
			return false;
		size_t left = 0;
		for (size_t i = 0; i < n; i++) {
			if (is_throttle(&results[i]))
				*ret = outcome(FLOW_THROTTLED, todo[i]->result.text, false);
			if (results[i].kind == SMTPC_NEXT)
				todo[left++] = todo[i];
		}
		if (left == n)
			break;
		n = left;
	}
	return true;
}

/* ---- one group ---- */

/* Not for mail that demands more than the connection gives, nor when its policy may be out of date.
 */
static bool is_safe_enough(const struct queue_session *s)
{
	return !queue_lacks_requiretls(s) &&
	       (s->kind != ROUTE_SMTP || instant_now() - s->opened < QUEUE_POLICY_AGE_S * SECOND);
}

static bool can_reuse(struct queue_session *s)
{
	if (!s->smtp)
		return false;
	if (is_safe_enough(s) && s->sent < (unsigned)s->settings->config.delivery->reuse_messages &&
		smtpc_usable(s->smtp))
		return true;
	queue_smtp_close(s);
	return false;
}

/* The message asked for more than others do: nothing is said about the destination. */
static bool is_particular(const struct queue_session *s, const struct result *why)
{
	return (s->letter->m.flags & MSG_REQUIRETLS) && why->status.subject == 7;
}

/* Opens a connection; false with the outcome when that is the end of it. */
static bool open_connection(struct queue_session *s, struct queue_smtp_outcome *ret)
{
	struct result why = {0};
	bool asked;
	if (queue_connect(s, &why, &asked) == 0)
		return true;
	bool final = why.kind == RESULT_FAILED;
	/* Nobody can be asked: for good it is an answer, for now the destination is down. */
	if (is_particular(s, &why) || (!asked && final))
		*ret = all_get(s, why, FLOW_OK, false);
	else
		*ret = all_get(s, why, FLOW_UNREACHABLE, asked && !final);
	return false;
}

struct queue_smtp_outcome queue_smtp_deliver(struct queue_session *s)
{
	struct queue_smtp_outcome o;
	if (can_reuse(s)) {
		queue_note_attempt(s, &s->host, wall_now(), true);
		if (send_all(s, &o))
			return o;
		smtpc_close(take(&s->smtp));
	}
	if (!open_connection(s, &o))
		return o;
	send_all(s, &o);
	return o;
}

void queue_smtp_close(struct queue_session *s)
{
	smtpc_quit(take(&s->smtp));
}
