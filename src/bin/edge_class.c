/*
 * Service classes in the edge process (edge_class.h). Called by edge_session.c at each step of a message. Recipients of
 * an hour and of a day are counted in the key-value store, so that all edge processes count together; the last
 * hour (or day) counts in proportion to what of it still lies inside the window.
 */
#include "bin/edge_class.h"

#include "base/mem.h"
#include "mail/local.h"
#include "run/metrics.h"
#include "store/kv.h"
#include <inttypes.h>

METRIC_COUNTER(limited, "posthouse_class_refused_total", "",
	"Messages and recipients refused because of the sender's service class.");
METRIC_COUNTER(copies, "posthouse_shared_copies_total", "",
	"Copies kept in the folder Sent of shared mailboxes.");

enum { HOUR_S = 3600, DAY_S = 86400 };

/* ---- counting ---- */

static slice key_of(slice login, int64_t seconds, int64_t n, struct arena *a)
{
	return arena_printf(
		a, "class:%" PRId64 ":%.*s:%" PRId64, seconds, SFMT(slice_first(login, 320)), n);
}

static uint64_t counted(struct kv *kv, slice login, int64_t seconds, struct arena *a)
{
	int64_t now = kv_now(kv), at = now / seconds, this = 0, last = 0;
	kv_count(kv, key_of(login, seconds, at, a), &this);
	kv_count(kv, key_of(login, seconds, at - 1, a), &last);
	return (uint64_t)(this + last * (seconds - now % seconds) / seconds);
}

void edge_class_sent(struct edge_session *s)
{
	AUTO(arena) struct arena a = {0};
	struct kv *kv = s->edge->kv;
	slice login = s->client->login;
	if (!login.n || !kv || !(s->limits.rcpts_hour | s->limits.rcpts_day))
		return;
	int64_t now = kv_now(kv);
	kv_add(kv, key_of(login, HOUR_S, now / HOUR_S, &a), s->class_rcpts, 2 * HOUR_S);
	kv_add(kv, key_of(login, DAY_S, now / DAY_S, &a), s->class_rcpts, 2 * DAY_S);
}

/* ---- limits ---- */

static int too_large(const struct edge_session *s, struct smtpd_refusal *no)
{
	metric_add(&limited, 1);
	smtpd_refuse(no, 552, "5.3.4", "Your messages may have %" PRIu64 " bytes [class]",
		s->limits.max_message);
	return err_set(&no->err, ERR_LIMIT, "larger than the service class allows");
}

int edge_class_mail(
	struct edge_session *s, const struct smtpd_ask_mail *m, struct smtpd_refusal *no)
{
	AUTO(arena) struct arena a = {0};
	struct login_facts f;
	s->limits = (struct limits){0};
	s->class_rcpts = 0;
	if (!s->client->login.n)
		return 0;
	int r = directory_get_facts(s->edge->directory, s->client->login, &a, &f, &no->err);
	if (r < 0 && no->err.kind != ERR_NOTFOUND)
		return -1;
	if (r < 0 || f.disabled || !(f.limits.services & SERVICE_SUBMISSION)) {
		metric_add(&limited, 1);
		smtpd_refuse(no, 550, "5.7.1", "This account may not send mail [class]");
		return err_set(&no->err, ERR_DENIED, "the account may not send");
	}
	s->limits = f.limits;
	return f.limits.max_message && m->size > f.limits.max_message ? too_large(s, no) : 0;
}

int edge_class_verdict(struct edge_session *s, const struct queue_msg *m, struct smtpd_refusal *no)
{
	return s->limits.max_message && m->size > s->limits.max_message ? too_large(s, no) : 0;
}

static int too_many(uint64_t most, const char *within, struct smtpd_refusal *no)
{
	metric_add(&limited, 1);
	smtpd_refuse(no, 452, "4.5.3",
		"You may write to %" PRIu64 " recipients %s; try the others later [class]", most,
		within);
	return err_set(&no->err, ERR_LIMIT, "recipients %s of the service class", within);
}

static int count_rcpt(struct edge_session *s, struct smtpd_refusal *no)
{
	AUTO(arena) struct arena a = {0};
	const struct limits *l = &s->limits;
	struct kv *kv = s->edge->kv;
	uint64_t n = ++s->class_rcpts;
	if (l->max_rcpts && n > l->max_rcpts)
		return too_many(l->max_rcpts, "with one message", no);
	if (kv && l->rcpts_hour && counted(kv, s->client->login, HOUR_S, &a) + n > l->rcpts_hour)
		return too_many(l->rcpts_hour, "within an hour", no);
	if (kv && l->rcpts_day && counted(kv, s->client->login, DAY_S, &a) + n > l->rcpts_day)
		return too_many(l->rcpts_day, "within a day", no);
	return 0;
}

/* ---- the copy of a shared mailbox ---- */

/* The shared mailbox that an address is of. 1, 0 none, -1. */
static int shared_of(struct directory *d, slice sender, struct arena *a, slice *ret, struct err *e)
{
	struct rcpt_answer r;
	if (directory_rcpt(d, sender, a, &r, e) < 0)
		return -1;
	*ret = sender;
	if (r.kind == RCPT_LOCAL && r.ntargets == 1 && !r.group_id) { /* a further address of it */
		*ret = r.targets[0];
		if (directory_rcpt(d, r.targets[0], a, &r, e) < 0)
			return -1;
	}
	return r.kind == RCPT_LOCAL && r.account_id && r.account_kind != ACCOUNT_PERSON;
}

static int add_copy(struct edge_session *s, slice sender, struct arena *a, struct smtpd_rcpt *ret,
	struct smtpd_refusal *no)
{
	slice mailbox;
	int r = sender.n ? shared_of(s->edge->directory, sender, a, &mailbox, &no->err) : 0;
	if (r <= 0)
		return r;
	struct smtpd_target *v = ARENA_ARRAY(a, struct smtpd_target, ret->n + 1);
	for (size_t i = 0; i < ret->n; i++)
		v[i] = ret->targets[i];
	v[ret->n++] = (struct smtpd_target){
		.address = mailbox, .dest = S(LOCAL_SENT_DEST), .quiet = true};
	ret->targets = v;
	metric_add(&copies, 1);
	return 0;
}

int edge_class_rcpt(struct edge_session *s, const struct smtpd_ask_rcpt *r, struct arena *a,
	struct smtpd_rcpt *ret, struct smtpd_refusal *no)
{
	if (!s->client->login.n)
		return 0;
	if (count_rcpt(s, no) < 0) {
		s->class_rcpts--;
		return -1;
	}
	if (r->index == 0 && add_copy(s, r->sender, a, ret, no) < 0) {
		s->class_rcpts--;
		return -1;
	}
	return 0;
}
