/* What was deleted from the own mailbox and can be brought back (box.h), for its owner. */
#include "base/mem.h"
#include "mail/box_impl.h"

struct listing {
	struct mailbox_removed_query q;
	struct arena *a;
	struct mailbox_removed *v;
	size_t n;
};

static int list_job(struct sql *db, void *arg, struct err *e)
{
	struct listing *l = arg;
	return mailbox_removed_list(db, &l->q, l->a, &l->v, &l->n, e);
}

int box_removed(struct box_user *u, const struct mailbox_removed_query *q, struct arena *a,
	struct mailbox_removed **ret, size_t *ret_n, struct err *e)
{
	struct listing l = {.q = *q, .a = a};
	l.q.account_id = u->account;
	if (box_read_of(u->b, u->account, list_job, &l, e) < 0)
		return -1;
	*ret = l.v;
	*ret_n = l.n;
	return 0;
}

struct recovery {
	struct box_user *u;
	uint64_t modseq;
	uint32_t uid;
	slice folder;
	struct mailbox_place place;
};

static int recover_tx(struct sql *db, void *arg, struct err *e)
{
	struct recovery *r = arg;
	return mailbox_recover_tx(
		db, r->u->account, r->modseq, r->uid, r->folder, &r->u->actor, &r->place, e);
}

int box_recover(struct box_user *u, uint64_t modseq, uint32_t uid, slice folder, struct err *e)
{
	AUTO(arena) struct arena a = {0};
	struct recovery r = {.u = u, .modseq = modseq, .uid = uid};
	if (folder.n && mailbox_folder_name(folder, &a, &r.folder, e) < 0)
		return -1;
	return box_change(u->b, u->account, recover_tx, &r, e);
}
