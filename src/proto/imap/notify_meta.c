/*
 * Metadata that changed (RFC 5465 5.6, 5.7; RFC 5464 4.4.2): names of entries without their values. Found by when each was written, which is
 * read of the accounts that are watched, and by those that are no longer there. Called by notify_tell.c.
 */
#include "proto/imap/notify.h"

#include "base/mem.h"

static int compare(const void *pa, const void *pb)
{
	const struct mailbox_metadata_mark *a = pa, *b = pb;
	if (a->account_id != b->account_id)
		return a->account_id < b->account_id ? -1 : 1;
	if (a->folder_id != b->folder_id)
		return a->folder_id < b->folder_id ? -1 : 1;
	return slice_cmp(a->entry, b->entry);
}

static int read_account(struct notify_look *l, int64_t account_id, size_t *cap, struct err *e)
{
	struct mailbox_metadata_mark *v;
	size_t n;
	if (box_metadata_marks(l->s->user, account_id, &l->s->mem, &v, &n, e) < 0)
		return -1;
	if (l->nmarks + n > *cap) {
		*cap = 2 * (l->nmarks + n);
		struct mailbox_metadata_mark *grown =
			ARENA_ARRAY(&l->s->mem, struct mailbox_metadata_mark, *cap);
		if (l->nmarks)
			memcpy(grown, l->marks, l->nmarks * sizeof *grown);
		l->marks = grown;
	}
	if (n)
		memcpy(l->marks + l->nmarks, v, n * sizeof *v);
	l->nmarks += n;
	return 0;
}

static int by_account(const void *pa, const void *pb)
{
	int64_t a = *(const int64_t *)pa, b = *(const int64_t *)pb;
	return (a > b) - (a < b);
}

int imap_notify_marks(struct notify_look *l, struct err *e)
{
	size_t cap = 0, n = 0;
	if (!(l->n->events & NOTIFY_METADATA))
		return 0;
	int64_t *accounts = ARENA_ARRAY(&l->s->mem, int64_t, l->count + 1);
	accounts[n++] = box_user_account(l->s->user);
	for (size_t i = 0; i < l->count && (l->n->events & NOTIFY_MAILBOX_METADATA); i++)
		if (l->v[i].f.id && l->v[i].account_id != accounts[n - 1])
			accounts[n++] = l->v[i].account_id;
	qsort(accounts, n, sizeof *accounts, by_account);
	for (size_t i = 0; i < n; i++)
		if ((i == 0 || accounts[i] != accounts[i - 1]) &&
			read_account(l, accounts[i], &cap, e) < 0)
			return -1;
	if (l->nmarks)
		qsort(l->marks, l->nmarks, sizeof *l->marks, compare);
	return 0;
}

/* ---- telling */

static const struct box_folder *folder_of(
	const struct notify_look *l, const struct mailbox_metadata_mark *m)
{
	for (size_t i = 0; i < l->count; i++)
		if (l->v[i].account_id == m->account_id && l->v[i].f.id == m->folder_id)
			return &l->v[i];
	return NULL;
}

/* The name to be told of; p == NULL: nobody asked. */
static slice name_of(const struct notify_look *l, const struct mailbox_metadata_mark *m)
{
	const slice nobody = {0};
	if (!m->folder_id)
		return m->account_id == box_user_account(l->s->user) &&
				       (l->n->events & NOTIFY_SERVER_METADATA)
			       ? S("")
			       : nobody;
	const struct box_folder *f = folder_of(l, m);
	if (!f || !imap_notify_known(l->n, f) || !(f->rights & RIGHT_READ) ||
		!(imap_notify_events(l->n, f) & NOTIFY_MAILBOX_METADATA))
		return nobody;
	return f->name;
}

struct line {
	int64_t account_id, folder_id;
	slice name;
	bool begun, put;
};

static void tell(struct notify_look *l, struct line *at, const struct mailbox_metadata_mark *m)
{
	struct imap *s = l->s;
	if (!at->begun || at->account_id != m->account_id || at->folder_id != m->folder_id) {
		if (at->put)
			imap_put(s, S("\r\n"));
		*at = (struct line){m->account_id, m->folder_id, name_of(l, m), true, false};
	}
	if (!at->name.p || imap_notify_is_mine(l->n, IMAP_MINE_METADATA, at->name, m->entry))
		return;
	if (!at->put) {
		imap_put(s, S("* METADATA "));
		imap_put_mailbox(s, at->name);
	}
	at->put = true;
	imap_put(s, S(" "));
	imap_put_astring(s, m->entry);
}

void imap_notify_metadata(struct notify_look *l)
{
	const struct imap_notify *n = l->n;
	struct line at = {0};
	size_t i = 0, k = 0;
	while (i < n->nmarks || k < l->nmarks) {
		int c = i == n->nmarks   ? 1
			: k == l->nmarks ? -1
					 : compare(&n->marks[i], &l->marks[k]);
		if (c < 0)
			tell(l, &at, &n->marks[i++]); /* removed */
		else if (c > 0)
			tell(l, &at, &l->marks[k++]);
		else if (n->marks[i++].modseq != l->marks[k++].modseq)
			tell(l, &at, &l->marks[k - 1]);
	}
	if (at.put)
		imap_put(l->s, S("\r\n"));
}
