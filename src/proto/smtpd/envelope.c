/*
 * MAIL and RCPT: the envelope of one transaction (RFC 5321 sections 3.3, 4.1.1.2, 4.1.1.3).
 *
 * Here stands that this is no open relay: a recipient of a foreign domain is accepted only from who
 * may relay (peer.c), whatever rcpt() says; and that a sender belongs to its login where the
 * service binds senders (RFC 6409 section 6.1).
 */
#include "proto/smtpd/session.h"

#include "base/hash.h"
#include "base/mem.h"
#include "store/trace.h"
#include <inttypes.h>

_Static_assert((int)SMTP_NOTIFY_NEVER == (int)NOTIFY_NEVER &&
		       (int)SMTP_NOTIFY_SUCCESS == (int)NOTIFY_SUCCESS &&
		       (int)SMTP_NOTIFY_FAILURE == (int)NOTIFY_FAILURE &&
		       (int)SMTP_NOTIFY_DELAY == (int)NOTIFY_DELAY,
	"NOTIFY bits are passed on as they are");

enum { TX_KEEP = 8 * 1024 }; /* memory that a transaction may leave to the next one */

void smtpd_tx_reset(struct smtpd_session *s)
{
	struct smtpd_tx *t = &s->tx;
	if (t->body_open)
		s->ops->body_cancel(s->arg);
	buf_done(&t->head);
	buf_done(&t->added);
	buf_done(&t->top);
	buf_done(&t->events);
	struct arena mem = t->mem;
	if (mem.total > TX_KEEP)
		arena_done(&mem);
	else
		arena_reset(&mem);
	*t = (struct smtpd_tx){.mem = mem};
}

void smtpd_report(
	struct smtpd_session *s, const char *stage, const struct smtpd_refusal *no, slice rcpt)
{
	if (!s->ops->refused)
		return;
	AUTO(buf) struct buf log = BUF(TRACE_LOG_MAX);
	AUTO(buf) struct buf reply = BUF(SMTPD_REPLY_MAX + sizeof no->status + 2);
	struct queue_msg m = s->tx.msg;
	buf_printf(&reply, "%s %s", no->status, no->text);
	slice why = no->err.text[0] ? slice_z(no->err.text) : S("");
	buf_put(&log, m.log.n ? m.log : buf_slice(&s->log));
	trace_event(&log, wall_now(), "refused", "stage", slice_z(stage), "from", m.sender, "to",
		rcpt, "code", arena_printf(&s->cmd, "%d", no->code), "reply", buf_slice(&reply),
		"why", why, NULL);
	m.log = buf_slice(&log);
	if (!m.id) {
		m.id = msg_id_new();
		m.arrived_at = wall_now();
		m.client = slice_z(s->client.ip);
	}
	s->ops->refused(s->arg, &(struct smtpd_refused){
					.stage = stage,
					.code = no->code,
					.reply = buf_slice(&reply),
					.why = why,
					.rcpt = rcpt,
					.idx = rcpt.n ? -1 - (int32_t)s->tx.nrefused : 0,
					.msg = &m,
				});
}

/* ---- MAIL ---- */

static bool sender_is_bound(struct smtpd_session *s, slice sender, struct smtpd_refusal *no)
{
	bool may = false;
	if (!s->service->bind_sender || !s->client.login.n || !sender.n)
		return true;
	if (s->ops->may_send_as(s->arg, s->client.login, sender, &may, &no->err) < 0) {
		no->err.kind = ERR_TEMP;
		return false;
	}
	if (!may)
		smtpd_refuse(no, 553, "5.7.1", "You may not send as this address");
	return may;
}

static unsigned mail_flags(const struct smtpd_session *s, const struct smtp_mail *m)
{
	unsigned f = 0;
	if (m->body == SMTP_BODY_8BITMIME)
		f |= MSG_8BIT;
	if (m->body == SMTP_BODY_BINARYMIME)
		f |= MSG_BINARY;
	if (m->smtputf8)
		f |= MSG_SMTPUTF8;
	if (m->requiretls)
		f |= MSG_REQUIRETLS;
	if (m->ret == SMTP_RET_HDRS)
		f |= MSG_RET_HDRS;
	if (m->ret == SMTP_RET_FULL)
		f |= MSG_RET_FULL;
	if (smtpd_may_relay(s))
		f |= MSG_SUBMITTED;
	return f;
}

static void begin(struct smtpd_session *s, const struct smtp_mail *m, unsigned flags)
{
	struct smtpd_tx *t = &s->tx;
	t->declared = m->has_size ? m->size : 0;
	t->binary = m->body == SMTP_BODY_BINARYMIME;
	t->msg = (struct queue_msg){
		.id = msg_id_new(),
		.sender = arena_dup(&t->mem, m->from.text),
		.flags = flags,
		.priority = QUEUE_NORMAL,
		.arrived_at = wall_now(),
		.envid = arena_dup(&t->mem, m->envid),
		.auth = arena_dup(&t->mem, s->client.login),
		.client = arena_printf(&t->mem, "%s %.*s", s->client.ip, SFMT(s->client.helo)),
	};
	s->state = ST_MAIL;
	s->idle_commands = 0;
}

static void refuse_mail(
	struct smtpd_session *s, const struct smtp_mail *m, struct smtpd_refusal *no)
{
	smtpd_resolve(STAGE_MAIL, no);
	s->sum.refused++;
	s->tx.msg.sender = m->from.text;
	smtpd_report(s, "mail", no, S(""));
	smtpd_tx_reset(s);
	s->mail_lost = true;
	smtpd_say_refusal(s, no, true);
}

void smtpd_mail(struct smtpd_session *s, const struct smtp_command *c)
{
	const struct smtp_mail *m = &c->mail;
	struct smtpd_refusal no = {0};
	struct smtpd_ask_mail ask = {
		m->from.text, m->has_size ? m->size : 0, mail_flags(s, m), m->envid, m->auth};
	bool ok = false;
	if (s->sum.transactions >= s->client.limits.max_transactions) {
		smtpd_hang_up(s, "transactions", "4.5.3", "Enough messages for one connection");
		return;
	}
	s->sum.transactions++;
	s->chunks_lost = s->mail_lost = false;
	if (m->from.text.n && !m->from.domain.n)
		smtpd_refuse(&no, 553, "5.1.7", "A sender address needs a domain");
	else if (m->has_size && m->size > (uint64_t)s->client.limits.max_size)
		smtpd_refuse(&no, 552, "5.3.4", "Message is larger than %" PRId64 " bytes",
			s->client.limits.max_size);
	else
		ok = sender_is_bound(s, m->from.text, &no) &&
		     (!s->ops->mail || s->ops->mail(s->arg, &ask, &no) == 0);
	if (!ok) {
		refuse_mail(s, m, &no);
		return;
	}
	begin(s, m, ask.flags);
	smtpd_say(s, 250, "2.1.0", "Sender ok");
}

/* ---- RCPT ---- */

static bool is_postmaster(slice address)
{
	slice local, domain;
	return slice_ieq(address, S("postmaster")) ||
	       (address_split(address, &local, &domain) && slice_ieq(local, S("postmaster")));
}

/* There is no such mailbox, said by kind or by code. */
static bool is_unknown(const struct smtpd_refusal *no)
{
	if (!no->code)
		return no->err.kind == ERR_NOTFOUND;
	return no->code >= 500 && slice_eq(slice_z(no->status), S("5.1.1"));
}

/* Mail to postmaster is never refused for want of a mailbox (RFC 5321 4.5.1). */
static int ask_rcpt(struct smtpd_session *s, struct smtpd_ask_rcpt *ask, struct smtpd_rcpt *ret,
	struct smtpd_refusal *no)
{
	int r = s->ops->rcpt(s->arg, ask, &s->tx.mem, ret, no);
	if (r == 0 || !is_unknown(no) || !is_postmaster(ask->address) ||
		slice_ieq(ask->address, s->service->postmaster))
		return r;
	ask->address = s->service->postmaster;
	*no = (struct smtpd_refusal){0};
	*ret = (struct smtpd_rcpt){0};
	return s->ops->rcpt(s->arg, ask, &s->tx.mem, ret, no);
}

static void *grown(struct arena *a, void *old, size_t n, size_t *cap, size_t size)
{
	if (n < *cap)
		return old;
	size_t more = *cap ? *cap * 2 : 8;
	char *p = arena_alloc(a, more * size);
	if (n)
		memcpy(p, old, n * size);
	*cap = more;
	return p;
}

static uint64_t key_of(const struct smtpd_target *to)
{
	return hash_keyed(to->address) * 31 + hash_keyed(to->dest);
}

static struct queue_rcpt *find_target(
	const struct smtpd_tx *t, const struct smtpd_target *to, uint64_t key)
{
	for (size_t i = 0; i < t->msg.nrcpts; i++)
		if (t->keys[i] == key && slice_eq(t->msg.rcpts[i].address, to->address) &&
			slice_eq(t->msg.rcpts[i].dest, to->dest))
			return &t->msg.rcpts[i];
	return NULL;
}

/* RFC 3461 5.2.7: reports about an alias name the address that was written to. */
static slice orcpt_of(
	struct smtpd_tx *t, const struct smtpd_target *to, slice address, const struct smtp_rcpt *r)
{
	if (r->orcpt.n || slice_ieq(to->address, address))
		return arena_dup(&t->mem, r->orcpt);
	return arena_printf(&t->mem, "%s;%.*s", r->to.utf8 ? "utf-8" : "rfc822", SFMT(address));
}

static void add_target(
	struct smtpd_tx *t, const struct smtpd_target *to, slice address, const struct smtp_rcpt *r)
{
	uint64_t key = key_of(to);
	struct queue_rcpt *q = find_target(t, to, key);
	if (q) { /* the same mailbox again: one copy, and the wishes said last */
		if (r->notify || r->orcpt.n) {
			q->notify = r->notify;
			q->orcpt = orcpt_of(t, to, address, r);
		}
		return;
	}
	size_t n = t->msg.nrcpts, cap = t->rcpts_cap;
	t->msg.rcpts = grown(&t->mem, t->msg.rcpts, n, &cap, sizeof *t->msg.rcpts);
	t->keys = grown(&t->mem, t->keys, n, &t->rcpts_cap, sizeof *t->keys);
	t->keys[n] = key;
	t->msg.rcpts[n] = (struct queue_rcpt){
		.idx = (int32_t)n,
		.address = arena_dup(&t->mem, to->address),
		.orcpt = to->quiet ? (slice){0} : orcpt_of(t, to, address, r),
		.notify = to->quiet ? NOTIFY_NEVER : r->notify,
		.dest = arena_dup(&t->mem, to->dest),
		.state = RCPT_WAITING,
		.next_at = t->msg.arrived_at,
	};
	t->msg.nrcpts++;
}

static void accept_rcpt(struct smtpd_session *s, const struct smtp_rcpt *r, slice address,
	const struct smtpd_rcpt *to)
{
	struct smtpd_tx *t = &s->tx;
	for (size_t i = 0; i < to->n; i++)
		add_target(t, &to->targets[i], address, r);
	t->given = grown(&t->mem, t->given, t->ngiven, &t->given_cap, sizeof *t->given);
	t->given[t->ngiven++] = arena_dup(&t->mem, r->to.text);
	s->sum.rcpts++;
	s->state = ST_RCPT;
	smtpd_say(s, 250, "2.1.5", "Recipient ok");
}

static void refuse_rcpt(struct smtpd_session *s, slice address, struct smtpd_refusal *no)
{
	bool unknown = is_unknown(no);
	smtpd_resolve(STAGE_RCPT, no);
	s->sum.refused++;
	smtpd_report(s, "rcpt", no, address);
	s->tx.nrefused++;
	if (!unknown) {
		smtpd_say_refusal(s, no, true);
		return;
	}
	/* Unknown users have a limit of their own: a mailing list may have many, see below. */
	s->sum.unknown_rcpts++;
	smtpd_tarpit(s, s->sum.errors + s->sum.unknown_rcpts);
	if (!s->over)
		smtpd_say_refusal(s, no, false);
}

/*
 * The limits of one message. Who asks for too many unknown addresses learns nothing more;
 * recipients that were accepted still get their message, the others may come again (4xx), so that a
 * list with many dead addresses makes progress.
 */
static bool too_many(struct smtpd_session *s)
{
	const struct smtpd_conf *c = s->conf;
	const struct smtpd_tx *t = &s->tx;
	bool stranger = !smtpd_is_known(s) && c->kind != SMTPD_LMTP;
	if (stranger && s->sum.unknown_rcpts >= s->client.limits.max_unknown) {
		s->suspicious = true;
		if (t->ngiven)
			smtpd_say(
				s, 450, "4.7.1", "Too many unknown recipients, try this one later");
		else
			smtpd_hang_up(s, "harvest", "4.7.0",
				"Too many unknown recipients, closing connection");
		return true;
	}
	if (t->ngiven >= (size_t)s->client.limits.max_rcpts ||
		t->msg.nrcpts >= (size_t)c->max_expanded) {
		smtpd_say(
			s, 452, "4.5.3", "Too many recipients, send the others in another message");
		return true;
	}
	if (stranger && !t->msg.sender.n && t->ngiven >= (size_t)c->null_sender_rcpts) {
		smtpd_say(s, 452, "4.5.3",
			"One at a time for notifications, send the others separately");
		return true;
	}
	return false;
}

void smtpd_rcpt(struct smtpd_session *s, const struct smtp_command *c)
{
	const struct smtp_rcpt *r = &c->rcpt;
	struct smtpd_refusal no = {0};
	struct smtpd_rcpt to = {0};
	bool bare = !r->to.domain.n;
	struct smtpd_ask_rcpt ask = {
		.address = bare ? s->service->postmaster : r->to.text,
		.sender = s->tx.msg.sender,
		.may_relay = smtpd_may_relay(s),
		.index = (unsigned)s->tx.ngiven,
	};
	if (too_many(s))
		return;
	if (bare && !is_postmaster(r->to.text)) {
		smtpd_complain(s, 553, "5.1.3", "A recipient address needs a domain");
		return;
	}
	int got = ask_rcpt(s, &ask, &to, &no);
	if (got == 0 && to.foreign && !ask.may_relay)
		got = smtpd_refuse(&no, 554, "5.7.1", "Relay access denied");
	else if (got == 0 && to.n == 0)
		got = err_set(&no.err, ERR_BUG, "rcpt() gave no target");
	if (got < 0)
		refuse_rcpt(s, r->to.text, &no);
	else
		accept_rcpt(s, r, bare ? ask.address : r->to.text, &to);
}
