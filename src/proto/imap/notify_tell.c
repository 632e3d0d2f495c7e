/*
 * What NOTIFY tells (RFC 5465 section 5; notify.h): after a change in one of the accounts that are watched all folders are looked at
 * and compared with how they were. One read of folders a change, linear in their number. The selected folder is told of by tell.c.
 */
#include "proto/imap/notify.h"

#include "base/mem.h"
#include "run/log.h"

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
	case NOTIFY_INBOXES: /* where mail is delivered to: for all of the mailbox a rule may (RFC 5465 6.3) */
		return f->own && (slice_eq(f->name, S("INBOX")) || f->f.use == MAILBOX_USE_JUNK);
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

const struct notify_group *imap_notify_group(
	const struct imap_notify *n, const struct box_folder *f)
{
	for (size_t i = 0; i < n->ngroups; i++)
		if (is_in(&n->groups[i], f))
			return &n->groups[i];
	return NULL;
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

static const struct notify_folder *find(const struct imap_notify *n, const struct box_folder *f)
{
	struct notify_folder key = {.account_id = f->account_id, .id = f->f.id};
	return n->nknown ? bsearch(&key, n->known, n->nknown, sizeof key, by_id) : NULL;
}

/* Keeps how they are now, in place of how they were. */
static int keep(struct imap_notify *n, const struct box_folder *v, size_t count, struct err *e)
{
	struct arena mem = {0};
	size_t k = 0;
	if (count > NOTIFY_FOLDERS_MAX)
		return err_set(e, ERR_LIMIT, "there are too many mailboxes");
	struct notify_folder *known = ARENA_ARRAY(&mem, struct notify_folder, count + 1);
	for (size_t i = 0; i < count; i++)
		if (v[i].f.id)
			known[k++] = (struct notify_folder){v[i].account_id, v[i].f.id,
				arena_dup(&mem, v[i].name), v[i].f.modseq, v[i].f.messages,
				v[i].f.uidnext, v[i].subscribed};
	qsort(known, k, sizeof *known, by_id);
	arena_done(&n->known_mem);
	n->known_mem = mem;
	n->known = known;
	n->nknown = k;
	return 0;
}

/* Accounts with folders to be seen: all are watched, as new folders may become visible in each. */
static void watch(struct imap *s, const struct imap_notify *n)
{
	int64_t *accounts = ARENA_ARRAY(&s->mem, int64_t, n->nknown + 1);
	size_t count = 0;
	accounts[count++] = box_user_account(s->user);
	for (size_t i = 0; i < n->nknown; i++)
		if (n->known[i].account_id != accounts[0] &&
			n->known[i].account_id != accounts[count - 1])
			accounts[count++] = n->known[i].account_id;
	imap_watch(s, accounts, count);
}

/* ---- telling */

/* Who asked for changes of flags needs HIGHESTMODSEQ to see one (RFC 5465 4). */
static unsigned status_items(const struct imap *s, const struct notify_group *g)
{
	unsigned items = IMAP_STATUS_MESSAGES | IMAP_STATUS_UIDNEXT | IMAP_STATUS_UIDVALIDITY |
			 IMAP_STATUS_UNSEEN;
	bool modseq = imap_has(s, IMAP_CONDSTORE) || (g->events & NOTIFY_FLAG_CHANGE);
	return items | (modseq ? IMAP_STATUS_MODSEQ : 0);
}

static void put_list(struct imap *s, slice name, const char *attributes, slice old)
{
	imap_printf(s, "* LIST (%s) \"/\" ", attributes);
	imap_put_mailbox(s, name);
	if (old.n) {
		imap_put(s, S(" (\"OLDNAME\" ("));
		imap_put_mailbox(s, old);
		imap_put(s, S("))"));
	}
	imap_put(s, S("\r\n"));
}

static void tell_names(struct imap *s, const struct notify_group *g, const struct box_folder *f,
	const struct notify_folder *was)
{
	const char *subscribed = f->subscribed ? "\\Subscribed" : "";
	if ((g->events & NOTIFY_MAILBOX_NAME) && !was)
		put_list(s, f->name, subscribed, S(""));
	else if ((g->events & NOTIFY_MAILBOX_NAME) && !slice_eq(was->name, f->name))
		put_list(s, f->name, subscribed, was->name);
	else if ((g->events & NOTIFY_SUBSCRIPTION_CHANGE) && was &&
		 was->subscribed != f->subscribed)
		put_list(s, f->name, subscribed, S(""));
}

static void tell_messages(struct imap *s, const struct notify_group *g, const struct box_folder *f,
	const struct notify_folder *was)
{
	if (!(g->events & NOTIFY_MESSAGES) || !(f->rights & RIGHT_READ) || is_selected(s, f))
		return;
	if (was && was->modseq == f->f.modseq)
		return;
	bool came_or_left = !was || was->uidnext != f->f.uidnext || was->messages != f->f.messages;
	if (came_or_left || (g->events & NOTIFY_FLAG_CHANGE))
		imap_put_status(s, f, status_items(s, g));
}

static int by_box_id(const void *pa, const void *pb)
{
	const struct box_folder *const *a = pa, *const *b = pb;
	if ((*a)->account_id != (*b)->account_id)
		return (*a)->account_id < (*b)->account_id ? -1 : 1;
	return ((*a)->f.id > (*b)->f.id) - ((*a)->f.id < (*b)->f.id);
}

/* Those that were there and are not, or cannot be seen any more. */
static void tell_gone(
	struct imap *s, const struct imap_notify *n, struct box_folder *v, size_t count)
{
	struct box_folder **sorted = ARENA_ARRAY(&s->mem, struct box_folder *, count + 1);
	size_t k = 0;
	for (size_t i = 0; i < count; i++)
		sorted[i] = &v[i];
	qsort(sorted, count, sizeof *sorted, by_box_id);
	for (size_t i = 0; i < n->nknown; i++) {
		const struct notify_folder *was = &n->known[i];
		struct box_folder gone = {.name = was->name,
			.account_id = was->account_id,
			.f = {.id = was->id},
			.own = was->account_id == box_user_account(s->user),
			.subscribed = was->subscribed};
		const struct box_folder *key = &gone;
		while (k < count && by_box_id(&sorted[k], &key) < 0)
			k++;
		if (k < count && by_box_id(&sorted[k], &key) == 0)
			continue;
		const struct notify_group *g = imap_notify_group(n, &gone);
		if (g && (g->events & NOTIFY_MAILBOX_NAME))
			put_list(s, was->name, "\\NonExistent", S(""));
	}
}

static int tell_folders(struct imap *s, struct imap_notify *n, struct err *e)
{
	struct box_folder *v;
	size_t count;
	if (box_folders(s->user, BOX_ALL, &s->mem, &v, &count, e) < 0)
		return -1;
	tell_gone(s, n, v, count);
	for (size_t i = 0; i < count && !s->lost; i++) {
		const struct notify_group *g = v[i].f.id ? imap_notify_group(n, &v[i]) : NULL;
		if (!g)
			continue;
		const struct notify_folder *was = find(n, &v[i]);
		tell_names(s, g, &v[i], was);
		tell_messages(s, g, &v[i], was);
	}
	return keep(n, v, count, e);
}

int imap_notify_begin(struct imap *s, struct imap_notify *n, bool status, struct err *e)
{
	struct box_folder *v;
	size_t count;
	if (box_folders(s->user, BOX_ALL, &s->mem, &v, &count, e) < 0 || keep(n, v, count, e) < 0)
		return -1;
	for (size_t i = 0; status && i < count; i++) {
		const struct notify_group *g = v[i].f.id ? imap_notify_group(n, &v[i]) : NULL;
		if (g && (g->events & NOTIFY_MESSAGES) && (v[i].rights & RIGHT_READ) &&
			!is_selected(s, &v[i]))
			imap_put_status(s, &v[i], status_items(s, g));
	}
	watch(s, n);
	return 0;
}

/* The selected folder: new messages with what was asked for of them (5.2). */
static void tell_selected(struct imap *s, const struct notify_group *g)
{
	uint32_t last = uidset_last(&s->view->uids);
	imap_tell_news(s, s->idling || g->filter == NOTIFY_SELECTED);
	if (s->ending || !g->items.n || uidset_last(&s->view->uids) <= last)
		return;
	AUTO(uidset) struct uidset came = {0};
	uidset_add(&came, last + 1, UINT32_MAX);
	uidset_keep(&came, &s->view->uids);
	imap_fetch_new(s, g->items, &came);
}

void imap_notify_tell(struct imap *s)
{
	struct imap_notify *n = s->notify;
	struct err e;
	if (s->view && n->selected && (n->selected->events & NOTIFY_MESSAGES))
		tell_selected(s, n->selected);
	else if (s->idling)
		imap_tell_news(s, true);
	if (s->ending || tell_folders(s, n, &e) == 0)
		return;
	if (e.kind == ERR_LIMIT) {
		imap_put(s, S("* OK [NOTIFICATIONOVERFLOW] There are too many mailboxes\r\n"));
		imap_notify_free(take(&s->notify));
		imap_watch(s, s->view ? &s->view->folder.account_id : NULL, s->idling && s->view);
	} else {
		log_warn(NULL, "imap.notify", F("kind", err_kind_name(e.kind)), F("error", e.text));
	}
}
