/*
 * Into mailboxes (local.h): one row in the account's shard, its prefix Return-Path:, Delivered-To: and what the message has. The
 * same (message, recipient) is never stored twice. Called by local.c.
 */
#include "mail/local_impl.h"

#include "base/mem.h"
#include "base/time.h"
#include "codec/received.h"

struct drop {
	struct job *job;
	struct result *result;
	struct mailbox_delivery d;
	uint64_t quota, quota_messages;
	bool full;
	bool junk, sent;
	slice detail; /* the folder that the address names; empty: none */
	struct arena mem; /* of one try */
};

/* Sets p->full. What is in the mailbox since before a crash does not count twice. */
static int check_quota(struct sql *db, struct drop *p, struct err *e)
{
	uint64_t bytes, messages;
	if (mailbox_usage(db, p->d.account_id, &bytes, &messages, e) < 0)
		return -1;
	if ((!p->quota || bytes + p->d.size + p->d.prefix.n <= p->quota) &&
		(!p->quota_messages || messages < p->quota_messages))
		return 0;
	int delivered = mailbox_delivered(db, &p->d, e);
	p->full = delivered == 0;
	return delivered < 0 ? -1 : 0;
}

/* "work.2026" is the folder Work/2026. Those with a use of their own are not for strangers to choose. */
static bool is_named(const struct mailbox_folder *f, slice detail)
{
	if (f->use != MAILBOX_USE_NONE || f->name.n != detail.n)
		return false;
	for (size_t i = 0; i < detail.n; i++) {
		char c = ascii_lower(detail.p[i]);
		if (c != ascii_lower(f->name.p[i]) && !(c == '.' && f->name.p[i] == '/'))
			return false;
	}
	return true;
}

/* The folder that is used as Junk may have any name. */
static int find_folder(struct sql *db, struct drop *p, struct err *e)
{
	struct mailbox_folder *v;
	size_t n;
	p->d.folder = p->sent ? S(LOCAL_SENT) : p->junk ? S(LOCAL_JUNK) : S("INBOX");
	if (!p->sent && !p->junk && !p->detail.n)
		return 0;
	if (mailbox_folders(db, p->d.account_id, &p->mem, &v, &n, e) < 0)
		return -1;
	for (size_t i = 0; i < n; i++)
		if (p->sent       ? v[i].use == MAILBOX_USE_SENT
			: p->junk ? v[i].use == MAILBOX_USE_JUNK
				  : is_named(&v[i], p->detail)) {
			p->d.folder = v[i].name;
			break;
		}
	return 0;
}

/* A full mailbox is an answer, not a failure: the others of the group commit goes on. */
static int drop_tx(struct sql *db, void *arg, struct err *e)
{
	struct drop *p = arg;
	struct mailbox_place place;
	p->full = false;
	arena_reset(&p->mem);
	if (find_folder(db, p, e) < 0 ||
		((p->quota || p->quota_messages) && check_quota(db, p, e) < 0))
		return -1;
	if (p->full || mailbox_deliver_tx(db, &p->d, &place, e) == 0)
		return 0;
	if (e->kind != ERR_LIMIT || slice_eq(p->d.folder, S("INBOX")))
		return -1;
	p->d.folder = S("INBOX"); /* no room for another folder */
	return mailbox_deliver_tx(db, &p->d, &place, e);
}

static void drop_done(void *arg, const struct err *e)
{
	struct drop *p = arg;
	struct job *j = p->job;
	arena_done(&p->mem);
	if (e)
		local_result(p->result, RESULT_DEFERRED, STATUS(4, 3, 0),
			arena_dup(&j->mem, slice_z(e->text)));
	else if (p->full)
		local_result(p->result, RESULT_DEFERRED, STATUS(4, 2, 2), S("mailbox is full"));
	else
		local_result(
			p->result, RESULT_DELIVERED, STATUS(2, 1, 5), S("delivered to mailbox"));
	if (!e && !p->full)
		changes_tell(j->l->c.changes, p->d.account_id);
	if (j->l->posted-- == LOCAL_POSTED_MAX)
		cond_wake_all(&j->l->room);
	if (--j->pending == 0)
		local_finish(j);
}

static slice mailbox_prefix(struct job *j, const struct queue_rcpt *r)
{
	const struct queue_msg *m = &j->letter->m;
	AUTO(buf) struct buf b = BUF(LOCAL_PREFIX_MAX);
	return_path_build(&b, m->sender);
	buf_printf(&b, "Delivered-To: %.*s\r\n", SFMT(r->address));
	buf_put(&b, m->prefix);
	return arena_dup(&j->mem, buf_slice(&b));
}

/* What stands behind "+" in the local part, unless that is the account's own name. */
static slice detail_of(
	const struct job *j, const struct queue_rcpt *r, const struct delivery_wishes *w)
{
	slice local = slice_first(r->address, slice_rindex(r->address, '@'));
	slice detail = slice_skip(local, slice_index(local, '+') + 1);
	return j->rules->plus_folders && !slice_ieq(r->address, w->address) ? detail : S("");
}

void local_into_mailbox(struct job *j, const struct queue_rcpt *r, const struct rcpt_answer *answer,
	const struct delivery_wishes *w, struct result *ret)
{
	const struct queue_msg *m = &j->letter->m;
	struct drop *p = ARENA_NEW(&j->mem, struct drop);
	*p = (struct drop){.job = j,
		.result = ret,
		.quota = answer->quota,
		.quota_messages = answer->quota_messages,
		.junk = m->flags & MSG_JUNK,
		.detail = detail_of(j, r, w),
		.d = {.account_id = answer->account_id,
			.queue_id = m->id,
			.rcpt_idx = r->idx,
			.blob = m->blob,
			.size = m->size,
			.prefix = mailbox_prefix(j, r),
			.summary = m->summary,
			.received_at = wall_now()}};
	j->pending++;
	j->l->posted++;
	commit_post(j->l->c.shards[mailbox_shard(answer->account_id)], drop_tx, drop_done, p);
}

/* What was sent in the name of a shared mailbox, as a mail program would put it there: seen, and whether or not
 * there is room. */
void local_into_sent(struct job *j, const struct queue_rcpt *r, const struct rcpt_answer *answer,
	struct result *ret)
{
	const struct queue_msg *m = &j->letter->m;
	struct drop *p = ARENA_NEW(&j->mem, struct drop);
	*p = (struct drop){.job = j,
		.result = ret,
		.sent = true,
		.d = {.account_id = answer->account_id,
			.queue_id = m->id,
			.rcpt_idx = r->idx,
			.blob = m->blob,
			.size = m->size,
			.prefix = m->prefix,
			.summary = m->summary,
			.flags = MAILBOX_SEEN,
			.received_at = wall_now()}};
	j->pending++;
	j->l->posted++;
	commit_post(j->l->c.shards[mailbox_shard(answer->account_id)], drop_tx, drop_done, p);
}
