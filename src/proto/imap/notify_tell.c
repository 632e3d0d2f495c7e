/*
 * What NOTIFY tells (RFC 5465 section 5; notify.h): after a change in one of the accounts that are watched all folders are looked at
 * and compared with how they were. One read of folders a change, linear in their number. The selected folder is told of by tell.c.
 */
#include "proto/imap/notify.h"

#include "base/mem.h"
#include "run/log.h"

bool imap_hears_messages(const struct imap *s)
{
	return !s->notify ||
	       (s->notify->selected && (s->notify->selected->events & NOTIFY_MESSAGES));
}

bool imap_hears_flags(const struct imap *s)
{
	return !s->notify ||
	       (s->notify->selected && (s->notify->selected->events & NOTIFY_FLAG_CHANGE));
}

/* ---- which folders */

static bool is_named(const struct notify_group *g, slice name, bool below)
{
	for (size_t i = 0; i < g->nnames; i++) {
		slice n = g->names[i];
		if (slice_eq(n, name))
			return true;
		if (below && slice_starts(name, n) && name.p[n.n] == '/')
			return true;
	}
	return false;
}

static bool is_in(const struct notify_group *g, const struct box_folder *f)
{
	switch (g->filter) {
	case NOTIFY_INBOXES: /* rules may deliver to every folder: as PERSONAL (RFC 5465 6.3) */
	case NOTIFY_PERSONAL:
		return f->own;
	case NOTIFY_SUBSCRIBED:
		return f->subscribed;
	case NOTIFY_SUBTREE:
		return is_named(g, f->name, true);
	case NOTIFY_MAILBOXES:
		return is_named(g, f->name, false);
	default:
		return false;
	}
}

unsigned imap_notify_events(const struct imap_notify *n, const struct box_folder *f)
{
	unsigned events = 0;
	for (size_t i = 0; i < n->ngroups; i++) {
		if (!is_in(&n->groups[i], f))
			continue;
		if (!n->groups[i].events)
			break;
		events |= n->groups[i].events;
	}
	return events;
}

static bool was_named(const struct imap_notify *n, const struct box_folder *f)
{
	for (size_t i = 0; i < n->ngroups; i++)
		if (n->groups[i].filter >= NOTIFY_SUBTREE && is_in(&n->groups[i], f))
			return true;
	return false;
}

static bool is_selected(const struct imap *s, const struct box_folder *f)
{
	return s->view && s->view->folder.account_id == f->account_id &&
	       s->view->folder.f.id == f->f.id;
}

/* ---- how they were */

static int by_id(const void *pa, const void *pb)
{
	const struct notify_folder *a = pa, *b = pb;
	if (a->account_id != b->account_id)
		return a->account_id < b->account_id ? -1 : 1;
	return (a->id > b->id) - (a->id < b->id);
}

const struct notify_folder *imap_notify_known(
	const struct imap_notify *n, const struct box_folder *f)
{
	struct notify_folder key = {.account_id = f->account_id, .id = f->f.id};
	return n->nknown ? bsearch(&key, n->known, n->nknown, sizeof key, by_id) : NULL;
}

/* Keeps how they are now, in place of how they were. */
static int keep(const struct notify_look *l, struct err *e)
{
	struct imap_notify *n = l->n;
	struct arena mem = {0};
	size_t k = 0;
	if (l->count > NOTIFY_FOLDERS_MAX)
		return err_set(e, ERR_LIMIT, "there are too many mailboxes");
	struct notify_folder *known = ARENA_ARRAY(&mem, struct notify_folder, l->count + 1);
	for (size_t i = 0; i < l->count; i++) {
		const struct box_folder *f = &l->v[i];
		if (f->f.id)
			known[k++] = (struct notify_folder){f->account_id, f->f.id,
				arena_dup(&mem, f->name), f->f.modseq, f->f.messages, f->f.uidnext,
				f->subscribed};
	}
	qsort(known, k, sizeof *known, by_id);
	n->marks = ARENA_ARRAY(&mem, struct mailbox_metadata_mark, l->nmarks + 1);
	for (size_t i = 0; i < l->nmarks; i++) {
		n->marks[i] = l->marks[i];
		n->marks[i].entry = arena_dup(&mem, l->marks[i].entry);
	}
	n->nmarks = l->nmarks;
	arena_done(&n->known_mem);
	n->known_mem = mem;
	n->known = known;
	n->nknown = k;
	return 0;
}

/* Accounts with folders to be seen: all are watched, as new folders may become visible in each. */
static void watch(struct imap *s, const struct imap_notify *n)
{
	int64_t *accounts = ARENA_ARRAY(&s->mem, int64_t, n->nknown + 2);
	size_t count = 0;
	accounts[count++] = box_user_account(s->user);
	for (size_t i = 0; i < n->nknown; i++)
		if (n->known[i].account_id != accounts[0] &&
			n->known[i].account_id != accounts[count - 1])
			accounts[count++] = n->known[i].account_id;
	imap_watch(s, accounts, count);
}

static size_t count_accounts(const struct imap_notify *n)
{
	size_t count = 0;
	for (size_t i = 0; i < n->nknown; i++)
		count += i == 0 || n->known[i].account_id != n->known[i - 1].account_id;
	return count;
}

/* ---- own changes */

void imap_notify_mine(struct imap *s, enum imap_notify_mine what, slice folder, slice entry)
{
	struct imap_notify *n = s->notify;
	if (!n || !n->events || n->nmine == NOTIFY_MINE_MAX)
		return;
	struct notify_mine *m = ARENA_NEW(&n->mine_mem, struct notify_mine);
	*m = (struct notify_mine){
		n->mine, what, arena_dup(&n->mine_mem, folder), arena_dup(&n->mine_mem, entry)};
	n->mine = m;
	n->nmine++;
}

bool imap_notify_is_mine(
	const struct imap_notify *n, enum imap_notify_mine what, slice folder, slice entry)
{
	for (const struct notify_mine *m = n->mine; m; m = m->next)
		if (m->what == what && slice_eq(m->folder, folder) && slice_eq(m->entry, entry))
			return true;
	return false;
}

static void forget_mine(struct imap_notify *n)
{
	arena_done(&n->mine_mem);
	n->mine = NULL;
	n->nmine = 0;
}

/* ---- telling */

/* Who asked for changes of flags needs HIGHESTMODSEQ to see one (RFC 5465 5.1). */
static unsigned status_items(const struct imap *s, unsigned events)
{
	unsigned items = IMAP_STATUS_MESSAGES | IMAP_STATUS_UIDNEXT | IMAP_STATUS_UIDVALIDITY |
			 IMAP_STATUS_UNSEEN;
	bool modseq = imap_has(s, IMAP_CONDSTORE) || (events & NOTIFY_FLAG_CHANGE);
	return items | (modseq ? IMAP_STATUS_MODSEQ : 0);
}

static void tell_messages(struct imap *s, const struct imap_notify *n, const struct box_folder *f,
	const struct notify_folder *was)
{
	unsigned events = imap_notify_events(n, f);
	if (!(events & NOTIFY_MESSAGES) || !(f->rights & RIGHT_READ) || is_selected(s, f))
		return;
	if (was && was->modseq == f->f.modseq)
		return;
	bool came_or_left = !was || was->uidnext != f->f.uidnext || was->messages != f->f.messages;
	if (came_or_left || (events & NOTIFY_FLAG_CHANGE))
		imap_put_status(s, f, status_items(s, events));
}

static int look(struct notify_look *l, struct err *e)
{
	return box_folders(l->s->user, BOX_ALL, &l->s->mem, &l->v, &l->count, e) < 0 ||
			       imap_notify_marks(l, e) < 0
		       ? -1
		       : 0;
}

static int tell_folders(struct imap *s, struct imap_notify *n, struct err *e)
{
	struct notify_look l = {.s = s, .n = n};
	size_t accounts = count_accounts(n);
	if (look(&l, e) < 0)
		return -1;
	imap_notify_gone(&l);
	for (size_t i = 0; i < l.count && !s->lost; i++) {
		if (!l.v[i].f.id)
			continue;
		const struct notify_folder *was = imap_notify_known(n, &l.v[i]);
		imap_notify_name(&l, &l.v[i], was);
		tell_messages(s, n, &l.v[i], was);
	}
	imap_notify_metadata(&l);
	forget_mine(n);
	if (keep(&l, e) < 0)
		return -1;
	if (count_accounts(n) != accounts) /* somebody shares something, or does no longer */
		watch(s, n);
	return 0;
}

int imap_notify_begin(struct imap *s, struct imap_notify *n, bool status, struct err *e)
{
	struct notify_look l = {.s = s, .n = n};
	if (look(&l, e) < 0 || keep(&l, e) < 0)
		return -1;
	for (size_t i = 0; i < l.count; i++) {
		const struct box_folder *f = &l.v[i];
		unsigned events = f->f.id ? imap_notify_events(n, f) : 0;
		if (events && !(f->rights & RIGHT_READ) && was_named(n, f))
			imap_notify_no_access(s, f);
		else if (status && (events & NOTIFY_MESSAGES) && (f->rights & RIGHT_READ) &&
			 !is_selected(s, f))
			imap_put_status(s, f, status_items(s, events));
	}
	watch(s, n);
	return 0;
}

void imap_notify_came(struct imap *s, const uint32_t *uids, size_t n)
{
	AUTO(uidset) struct uidset came = {0};
	const struct notify_group *g = s->notify ? s->notify->selected : NULL;
	if (!g || !g->items.n)
		return;
	for (size_t i = 0; i < n; i++)
		uidset_add(&came, uids[i], uids[i]);
	uidset_keep(&came, &s->view->uids);
	if (s->made)
		uidset_drop(&came, s->made);
	if (came.count)
		imap_fetch_new(s, g->items, &came);
}

/* As NOTIFY NONE (RFC 5465 5.8). */
static void overflow(struct imap *s)
{
	imap_put(s, S("* OK [NOTIFICATIONOVERFLOW] There are too many mailboxes\r\n"));
	imap_notify_free(s->notify);
	s->notify = NEW(struct imap_notify);
	imap_watch(s, NULL, 0);
}

void imap_notify_tell(struct imap *s)
{
	struct imap_notify *n = s->notify;
	struct err e;
	if (s->view && imap_hears_messages(s))
		imap_tell_news(s, s->idling || n->selected->filter == NOTIFY_SELECTED);
	if (s->ending || !n->events || tell_folders(s, n, &e) == 0)
		return;
	if (e.kind == ERR_LIMIT)
		overflow(s);
	else
		log_warn(NULL, "imap.notify", F("kind", err_kind_name(e.kind)), F("error", e.text));
}
