/*
 * NOTIFY (RFC 5465 sections 3, 5, 6): the command. Messages have no annotations here, so AnnotationChange is refused as any event that
 * is not known: BADEVENT says which are.
 */
#include "proto/imap/notify.h"

#include "base/mem.h"

static const struct {
	const char *name;
	unsigned event;
} events_known[] = {
	{"MessageNew", NOTIFY_MESSAGE_NEW},
	{"MessageExpunge", NOTIFY_MESSAGE_EXPUNGE},
	{"FlagChange", NOTIFY_FLAG_CHANGE},
	{"MailboxName", NOTIFY_MAILBOX_NAME},
	{"SubscriptionChange", NOTIFY_SUBSCRIPTION_CHANGE},
	{"MailboxMetadataChange", NOTIFY_MAILBOX_METADATA},
	{"ServerMetadataChange", NOTIFY_SERVER_METADATA},
};

struct reading {
	struct imap_notify *n;
	size_t names;
	bool status, bad_event;
};

void imap_notify_free(struct imap_notify *n)
{
	if (!n)
		return;
	arena_done(&n->mem);
	arena_done(&n->known_mem);
	arena_done(&n->mine_mem);
	free(n);
}

/* ---- reading */

/* "(UID BODY.PEEK[HEADER.FIELDS (From)])": the text; what is in it FETCH judges. */
static bool read_items(struct imap_reader *r, slice *ret)
{
	const char *begin = r->p;
	int depth = 0;
	bool quoted = false;
	do {
		char c = imap_peek(r);
		if (c == 0 || c == '{')
			return imap_wrong(r, "items to be fetched are expected");
		if (c == '"')
			quoted = !quoted;
		if (quoted && c == '\\' && r->p + 1 < r->end)
			r->p++;
		depth += quoted ? 0 : c == '(' ? 1 : c == ')' ? -1 : 0;
		r->p++;
	} while (depth > 0);
	*ret = slice_of(begin, (size_t)(r->p - begin));
	return ret->n <= NOTIFY_ITEMS_MAX || imap_wrong_size(r, "too much is to be fetched");
}

static bool read_event(struct imap *s, struct reading *in, struct notify_group *g)
{
	struct imap_reader *r = &s->in;
	slice word;
	if (!imap_atom(r, &word))
		return false;
	for (size_t i = 0; i < sizeof events_known / sizeof *events_known; i++) {
		if (!imap_is(word, events_known[i].name))
			continue;
		g->events |= events_known[i].event;
		if (events_known[i].event != NOTIFY_MESSAGE_NEW || imap_peek(r) != ' ' ||
			r->end - r->p < 2 || r->p[1] != '(')
			return true;
		return imap_space(r) && read_items(r, &g->items);
	}
	in->bad_event = true; /* NO, not BAD (RFC 5465 3.1) */
	return true;
}

/* RFC 5465 5: the first two come together, the third only with them. */
static bool fit_together(const struct notify_group *g)
{
	unsigned both = NOTIFY_MESSAGE_NEW | NOTIFY_MESSAGE_EXPUNGE;
	bool messages = g->events & NOTIFY_MESSAGES;
	bool selected = g->filter == NOTIFY_SELECTED || g->filter == NOTIFY_SELECTED_DELAYED;
	if (messages && (g->events & both) != both)
		return false;
	if (selected && (g->events & ~(unsigned)NOTIFY_MESSAGES))
		return false;
	return selected || g->items.n == 0;
}

static bool read_events(struct imap *s, struct reading *in, struct notify_group *g)
{
	struct imap_reader *r = &s->in;
	slice word;
	if (imap_peek(r) != '(') {
		if (!imap_atom(r, &word))
			return false;
		return imap_is(word, "NONE") || imap_wrong(r, "events are expected");
	}
	imap_char(r, '(');
	do
		if (!read_event(s, in, g))
			return false;
	while (imap_accept(r, ' '));
	if (!imap_char(r, ')'))
		return false;
	return in->bad_event || fit_together(g) || imap_wrong(r, "these events do not go together");
}

static bool read_name(struct imap *s, struct reading *in, struct notify_group *g)
{
	slice name;
	if (!imap_mailbox(&s->in, &name))
		return false;
	if (++in->names > NOTIFY_NAMES_MAX)
		return imap_wrong_size(&s->in, "there are too many mailboxes");
	if (name.n > 1 && name.p[name.n - 1] == '/')
		name.n--;
	g->names[g->nnames++] = arena_dup(&in->n->mem, name);
	return true;
}

static bool read_names(struct imap *s, struct reading *in, struct notify_group *g)
{
	struct imap_reader *r = &s->in;
	slice *names = ARENA_ARRAY(&s->mem, slice, NOTIFY_NAMES_MAX);
	g->names = names;
	if (!imap_space(r))
		return false;
	bool list = imap_accept(r, '(');
	do
		if (!read_name(s, in, g))
			return false;
	while (list && imap_accept(r, ' '));
	g->names = ARENA_ARRAY(&in->n->mem, slice, g->nnames); /* only as many as there are */
	memcpy(g->names, names, g->nnames * sizeof *names);
	return !list || imap_char(r, ')');
}

static bool read_filter(struct imap *s, struct reading *in, struct notify_group *g)
{
	static const char *const names[] = {[NOTIFY_SELECTED] = "SELECTED",
		[NOTIFY_SELECTED_DELAYED] = "SELECTED-DELAYED",
		[NOTIFY_INBOXES] = "INBOXES",
		[NOTIFY_PERSONAL] = "PERSONAL",
		[NOTIFY_SUBSCRIBED] = "SUBSCRIBED",
		[NOTIFY_SUBTREE] = "SUBTREE",
		[NOTIFY_MAILBOXES] = "MAILBOXES"};
	slice word;
	if (!imap_atom(&s->in, &word))
		return false;
	for (unsigned i = 0; i < sizeof names / sizeof *names; i++)
		if (imap_is(word, names[i])) {
			g->filter = (enum notify_filter)i;
			return i < NOTIFY_SUBTREE || read_names(s, in, g);
		}
	return imap_wrong(&s->in, "mailboxes to be watched are expected");
}

static bool read_group(struct imap *s, struct reading *in)
{
	struct imap_notify *n = in->n;
	struct imap_reader *r = &s->in;
	if (n->ngroups == NOTIFY_GROUPS_MAX)
		return imap_wrong_size(r, "there are too many groups of events");
	struct notify_group *g = &n->groups[n->ngroups++];
	if (!imap_char(r, '(') || !read_filter(s, in, g) || !imap_space(r) ||
		!read_events(s, in, g) || !imap_char(r, ')'))
		return false;
	if (g->filter != NOTIFY_SELECTED && g->filter != NOTIFY_SELECTED_DELAYED) {
		n->events |= g->events;
		return true;
	}
	if (n->selected)
		return imap_wrong(r, "SELECTED stands there twice");
	n->selected = g;
	if (g->items.n && !imap_fetch_check(s, g->items))
		return imap_wrong(r, "that cannot be fetched");
	g->items = arena_dup(&n->mem, g->items);
	return true;
}

/* " SET STATUS (...) (...)" or " NONE" (*ret_none). */
static bool read_all(struct imap *s, struct reading *in, bool *ret_none)
{
	struct imap_reader *r = &s->in;
	slice word;
	if (!imap_space(r) || !imap_atom(r, &word))
		return false;
	*ret_none = imap_is(word, "NONE");
	if (*ret_none)
		return imap_end(r);
	if (!imap_is(word, "SET") || !imap_space(r))
		return imap_wrong(r, "SET or NONE is expected");
	in->n->groups = ARENA_ARRAY(&in->n->mem, struct notify_group, NOTIFY_GROUPS_MAX);
	if (imap_peek(r) != '(') {
		if (!imap_atom(r, &word) || !imap_is(word, "STATUS") || !imap_space(r))
			return imap_wrong(r, "STATUS or a group of events is expected");
		in->status = true;
	}
	do
		if (!read_group(s, in))
			return false;
	while (imap_accept(r, ' '));
	return imap_end(r);
}

/* ---- the command */

static void set(struct imap *s, struct reading *in)
{
	struct err e;
	if (imap_notify_begin(s, in->n, in->status, &e) == 0) {
		imap_notify_free(s->notify);
		s->notify = take(&in->n);
		imap_ok(s, NULL, "You will be told");
	} else if (e.kind == ERR_LIMIT) {
		imap_no(s, "NOTIFICATIONOVERFLOW", "There are too many mailboxes");
	} else {
		imap_fail(s, &e);
	}
}

static void set_none(struct imap *s)
{
	imap_notify_free(s->notify);
	s->notify = NEW(struct imap_notify);
	imap_watch(s, NULL, 0);
}

void imap_cmd_notify(struct imap *s)
{
	struct reading in = {.n = NEW(struct imap_notify)};
	bool none;
	if (!read_all(s, &in, &none)) {
		imap_complain(s);
	} else if (none) {
		set_none(s);
		imap_ok(s, NULL, "You will not be told any more");
	} else if (in.bad_event) {
		imap_no(s,
			"BADEVENT (MessageNew MessageExpunge FlagChange MailboxName "
			"SubscriptionChange MailboxMetadataChange ServerMetadataChange)",
			"Not all of these events can be watched");
	} else {
		set(s, &in);
	}
	imap_notify_free(in.n);
}
