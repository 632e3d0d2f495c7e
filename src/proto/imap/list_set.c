/*
 * The names that LIST and LSUB choose from (list.h). Folders come from mail/box.h with the levels above them; names that are only
 * subscribed to are put between them. Sorted so that what is below a name follows it; then one pass with a stack of open levels answers
 * what is asked about the names below one. Linear but for the sorting.
 */
#include "proto/imap/list.h"

#include "base/mem.h"

/* By levels: "a", "a/b", "a-b". */
static int compare(slice a, slice b)
{
	size_t n = a.n < b.n ? a.n : b.n;
	for (size_t i = 0; i < n; i++) {
		unsigned char x = (unsigned char)a.p[i], y = (unsigned char)b.p[i];
		if (x != y)
			return x == '/' ? -1 : y == '/' ? 1 : x < y ? -1 : 1;
	}
	return (a.n > b.n) - (a.n < b.n);
}

/* Of the same name the folder comes first, then what is subscribed to. */
static int by_level(const void *pa, const void *pb)
{
	const struct list_name *a = pa, *b = pb;
	int c = compare(a->name, b->name);
	if (c != 0)
		return c;
	if (!a->folder != !b->folder)
		return a->folder ? -1 : 1;
	return (int)b->subscribed - (int)a->subscribed;
}

static bool is_below(slice name, slice above)
{
	return name.n > above.n && name.p[above.n] == '/' && slice_starts(name, above);
}

static size_t levels(slice name)
{
	size_t n = 1;
	for (size_t i = 0; i < name.n; i++)
		n += name.p[i] == '/';
	return n;
}

static size_t unify(struct list_name *v, size_t n)
{
	size_t out = 0;
	qsort(v, n, sizeof *v, by_level);
	for (size_t i = 0; i < n; i++) {
		if (out > 0 && slice_eq(v[out - 1].name, v[i].name))
			v[out - 1].subscribed |= v[i].subscribed;
		else
			v[out++] = v[i];
	}
	/* Neighbours: what is below a name follows it at once. */
	for (size_t i = 0; i + 1 < out; i++)
		v[i].children |= is_below(v[i + 1].name, v[i].name);
	return out;
}

/* A name that is subscribed to, and the levels above it. */
static size_t add_subscription(struct list_name *v, size_t n, slice name)
{
	v[n++] = (struct list_name){.name = name, .subscribed = true};
	for (size_t i = 1; i < name.n; i++)
		if (name.p[i] == '/')
			v[n++] = (struct list_name){.name = slice_first(name, i)};
	return n;
}

int imap_list_names(
	struct imap *s, bool subscriptions, struct list_name **ret, size_t *ret_n, struct err *e)
{
	struct box_folder *folders;
	slice *subs = NULL;
	size_t nfolders, nsubs = 0, most, n = 0;
	if (box_folders(s->user, BOX_ALL, &s->mem, &folders, &nfolders, e) < 0)
		return -1;
	if (subscriptions && box_subscriptions(s->user, &s->mem, &subs, &nsubs, e) < 0)
		return -1;
	most = nfolders;
	for (size_t i = 0; i < nsubs; i++)
		most += levels(subs[i]);
	struct list_name *v = ARENA_ARRAY(&s->mem, struct list_name, most + 1);
	for (size_t i = 0; i < nfolders; i++)
		v[n++] = (struct list_name){.name = folders[i].name,
			.folder = folders[i].f.id ? &folders[i] : NULL,
			.subscribed = folders[i].subscribed,
			.children = folders[i].children};
	for (size_t i = 0; i < nsubs; i++)
		n = add_subscription(v, n, subs[i]);
	*ret_n = subscriptions ? unify(v, n) : n;
	*ret = v;
	return 0;
}

bool imap_list_meets(const struct list_name *n, unsigned select)
{
	if ((select & LIST_SELECT_SUBSCRIBED) && !n->subscribed)
		return false;
	if ((select & LIST_SELECT_SPECIAL_USE) &&
		(!n->folder || n->folder->f.use == MAILBOX_USE_NONE))
		return false;
	return true;
}

void imap_list_mark(struct list_name *v, size_t n, const struct imap_list_args *a)
{
	enum { OPEN_MAX = 64 };
	struct list_name *open[OPEN_MAX];
	size_t depth = 0;
	for (size_t i = 0; i < n; i++) {
		while (depth > 0 && !is_below(v[i].name, open[depth - 1]->name))
			depth--;
		if (depth > 0 && imap_list_meets(&v[i], a->select)) {
			bool hidden = !imap_list_match_any(a, v[i].name);
			for (size_t k = depth; k-- > 0 && !open[k]->selected_below;)
				open[k]->selected_below = true;
			for (size_t k = depth; hidden && k-- > 0 && !open[k]->hidden_below;)
				open[k]->hidden_below = true;
		}
		if (depth < OPEN_MAX)
			open[depth++] = &v[i];
	}
}
