/*
 * Names of folders and subscriptions that changed (RFC 5465 5.4, 5.5), as LIST lines with what LIST says of them. Called by notify_tell.c
 * while it looks at all folders. Folders come so that those below one follow it; one that was renamed takes them along untold.
 */
#include "proto/imap/notify.h"

#include "base/mem.h"

static void put(struct imap *s, const struct box_folder *f, slice old)
{
	const struct imap_list_args a = {.extended = true, .returns = LIST_RETURN_SUBSCRIBED};
	const struct list_name n = {.name = f->name,
		.folder = f->f.id ? f : NULL,
		.subscribed = f->subscribed,
		.children = f->children};
	imap_list_put(s, &n, &a, old);
}

static void put_flagged(struct imap *s, const char *attribute, slice name)
{
	imap_printf(s, "* LIST (%s) \"/\" ", attribute);
	imap_put_mailbox(s, name);
	imap_put(s, S("\r\n"));
}

void imap_notify_no_access(struct imap *s, const struct box_folder *f)
{
	put_flagged(s, "\\NoAccess", f->name);
}

/* ---- by name */

static int by_name(const void *pa, const void *pb)
{
	const struct box_folder *const *a = pa, *const *b = pb;
	return slice_cmp((*a)->name, (*b)->name);
}

static const struct box_folder *find(struct notify_look *l, slice name)
{
	struct box_folder key = {.name = name}, *k = &key, **found;
	if (!l->by_name) {
		l->by_name = ARENA_ARRAY(&l->s->mem, struct box_folder *, l->count + 1);
		for (size_t i = 0; i < l->count; i++)
			l->by_name[i] = &l->v[i];
		qsort(l->by_name, l->count, sizeof *l->by_name, by_name);
	}
	found = bsearch(&k, l->by_name, l->count, sizeof k, by_name);
	return found ? *found : NULL;
}

/* Where a folder came or went the one above it has changed, too: whether there is anything below it. */
static void tell_parent(struct notify_look *l, const struct box_folder *f)
{
	size_t n = f->name.n;
	while (n > 0 && f->name.p[n - 1] != '/')
		n--;
	slice name = slice_first(f->name, n ? n - 1 : 0);
	if (!name.n || slice_eq(name, l->parent))
		return;
	l->parent = name;
	const struct box_folder *above = find(l, name), none = {.name = name, .own = f->own};
	if (!above || (above->f.id && !imap_notify_known(l->n, above)))
		return; /* no folder, or told itself */
	if (imap_notify_events(l->n, above->f.id ? above : &none) & NOTIFY_MAILBOX_NAME)
		put(l->s, above, S(""));
}

/* ---- */

static bool is_below(slice name, slice above)
{
	return above.n && name.n > above.n && name.p[above.n] == '/' && slice_starts(name, above);
}

/* With the folder above it, which was told. */
static bool moved_along(const struct notify_look *l, slice from, slice to)
{
	return is_below(to, l->to) && is_below(from, l->from) &&
	       slice_eq(slice_skip(to, l->to.n), slice_skip(from, l->from.n));
}

static void renamed(struct notify_look *l, const struct box_folder *f, slice from)
{
	if (moved_along(l, from, f->name))
		return;
	l->from = from;
	l->to = f->name;
	if (!imap_notify_is_mine(l->n, IMAP_MINE_NAME, f->name, S("")))
		put(l->s, f, from);
}

void imap_notify_name(
	struct notify_look *l, const struct box_folder *f, const struct notify_folder *was)
{
	struct box_folder either = *f;
	either.subscribed |= was && was->subscribed; /* SUBSCRIBED: one that was, too */
	unsigned events = imap_notify_events(l->n, &either);
	if ((events & NOTIFY_MAILBOX_NAME) && !was) {
		if (imap_notify_is_mine(l->n, IMAP_MINE_NAME, f->name, S("")))
			return;
		put(l->s, f, S(""));
		tell_parent(l, f);
	} else if ((events & NOTIFY_MAILBOX_NAME) && !slice_eq(was->name, f->name)) {
		renamed(l, f, was->name);
	} else if ((events & NOTIFY_SUBSCRIPTION_CHANGE) && was &&
		   was->subscribed != f->subscribed &&
		   !imap_notify_is_mine(l->n, IMAP_MINE_SUBSCRIPTION, f->name, S(""))) {
		put(l->s, f, S(""));
	}
}

static int by_id(const void *pa, const void *pb)
{
	const struct box_folder *const *a = pa, *const *b = pb;
	if ((*a)->account_id != (*b)->account_id)
		return (*a)->account_id < (*b)->account_id ? -1 : 1;
	return ((*a)->f.id > (*b)->f.id) - ((*a)->f.id < (*b)->f.id);
}

static void gone(struct notify_look *l, const struct box_folder *f)
{
	if (!(imap_notify_events(l->n, f) & NOTIFY_MAILBOX_NAME) ||
		imap_notify_is_mine(l->n, IMAP_MINE_NAME, f->name, S("")))
		return;
	const struct box_folder *level = find(l, f->name);
	if (level)
		put(l->s, level, S("")); /* a level above others now, or another one of that name */
	else
		put_flagged(l->s, "\\NonExistent", f->name);
	tell_parent(l, f);
}

void imap_notify_gone(struct notify_look *l)
{
	struct box_folder **sorted = ARENA_ARRAY(&l->s->mem, struct box_folder *, l->count + 1);
	size_t k = 0;
	for (size_t i = 0; i < l->count; i++)
		sorted[i] = &l->v[i];
	qsort(sorted, l->count, sizeof *sorted, by_id);
	for (size_t i = 0; i < l->n->nknown; i++) {
		const struct notify_folder *was = &l->n->known[i];
		struct box_folder f = {.name = was->name,
			.account_id = was->account_id,
			.f = {.id = was->id},
			.own = was->account_id == box_user_account(l->s->user),
			.subscribed = was->subscribed};
		const struct box_folder *key = &f;
		while (k < l->count && by_id(&sorted[k], &key) < 0)
			k++;
		if (k == l->count || by_id(&sorted[k], &key) != 0)
			gone(l, &f);
	}
}
