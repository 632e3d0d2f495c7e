/* How full mailboxes are and may be (RFC 9208): the limits are the directory's, the numbers those of the mailbox's own counters. */
#include "base/mem.h"
#include "mail/box_impl.h"

int box_own_quota(struct box_user *u, struct box_where *w, struct err *e)
{
	AUTO(arena) struct arena a = {0};
	struct login_facts f;
	if (!w->own)
		return 0;
	if (directory_get_facts(u->b->directory, u->login, &a, &f, e) < 0)
		return -1;
	w->quota = f.limits.quota;
	w->quota_messages = f.limits.quota_messages;
	return 0;
}

int box_room_tx(
	struct sql *db, const struct box_where *w, uint64_t bytes, uint64_t messages, struct err *e)
{
	uint64_t has_bytes, has_messages;
	if (!w->quota && !w->quota_messages)
		return 0;
	if (mailbox_usage(db, w->account_id, &has_bytes, &has_messages, e) < 0)
		return -1;
	if ((w->quota && has_bytes + bytes > w->quota) ||
		(w->quota_messages && has_messages + messages > w->quota_messages))
		return err_set(e, ERR_QUOTA, "the mailbox has no room left for this");
	return 0;
}

struct asking {
	int64_t account_id;
	struct box_usage *usage;
};

static int usage_job(struct sql *db, void *arg, struct err *e)
{
	const struct asking *q = arg;
	return mailbox_usage(db, q->account_id, &q->usage->bytes, &q->usage->messages, e);
}

/* Of another's mailbox only for who may read a folder of it. */
int box_usage(struct box_user *u, slice name, struct box_usage *ret, struct err *e)
{
	AUTO(arena) struct arena a = {0};
	struct box_look l = {.where = {.account_id = u->account, .own = true}};
	struct box_usage found = {0};
	if (name.n && box_look_up(u, name, BOX_DO_QUOTA, &a, &l, e) < 0)
		return -1;
	struct asking q = {l.where.account_id, &found};
	if (box_own_quota(u, &l.where, e) < 0 ||
		box_read_brief(u->b, q.account_id, usage_job, &q, e) < 0)
		return -1;
	found.quota = l.where.quota;
	found.quota_messages = l.where.quota_messages;
	*ret = found;
	return 0;
}
