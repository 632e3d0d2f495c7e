/*
 * LIST, LSUB, NAMESPACE: RFC 9051 6.3.9, 6.3.10; RFC 3501 6.3.9; RFC 5258, RFC 6154, RFC 8440, RFC 9590, RFC 2342. What can be seen
 * of which mailbox is decided by mail/box.h. Time is linear in the number of folders.
 */
#include "proto/imap/list.h"

enum { YIELD_EVERY = 256 }; /* names looked at before others get a turn */

/* ---- lines */

static void put_attribute(struct imap *s, const char **between, const char *name)
{
	imap_putz(s, *between);
	imap_putz(s, name);
	*between = " ";
}

static void put_attributes(
	struct imap *s, const struct list_name *n, const struct imap_list_args *a)
{
	const char *between = "", *use = n->folder ? imap_use_name(n->folder->f.use) : NULL;
	imap_put(s, S("("));
	if (!n->folder) {
		put_attribute(s, &between, "\\NonExistent");
		if (!a->extended && !imap_has(s, IMAP_REV2))
			put_attribute(s, &between, "\\Noselect");
	} else if (!(n->folder->rights & RIGHT_READ)) {
		put_attribute(s, &between, "\\Noselect");
	}
	if (n->subscribed && (a->returns & LIST_RETURN_SUBSCRIBED))
		put_attribute(s, &between, "\\Subscribed");
	if (n->folder || n->children)
		put_attribute(s, &between, n->children ? "\\HasChildren" : "\\HasNoChildren");
	if (use)
		put_attribute(s, &between, use);
	imap_put(s, S(")"));
}

void imap_list_put(
	struct imap *s, const struct list_name *n, const struct imap_list_args *a, slice old)
{
	imap_put(s, S("* LIST "));
	put_attributes(s, n, a);
	imap_put(s, S(" \"/\" "));
	imap_put_mailbox(s, n->name);
	if ((a->select & LIST_SELECT_RECURSIVE) && n->selected_below) {
		imap_put(s, S(" (\"CHILDINFO\" ("));
		imap_putz(s,
			a->select & LIST_SELECT_SUBSCRIBED ? "\"SUBSCRIBED\"" : "\"SPECIAL-USE\"");
		imap_put(s, S("))"));
	}
	if (old.n) {
		imap_put(s, S(" (\"OLDNAME\" ("));
		imap_put_mailbox(s, old);
		imap_put(s, S("))"));
	}
	imap_put(s, S("\r\n"));
}

static void put_more(struct imap *s, const struct list_name *n, const struct imap_list_args *a)
{
	const struct box_folder *f = n->folder;
	if (!f)
		return;
	if ((a->returns & LIST_RETURN_STATUS) && (f->rights & RIGHT_READ))
		imap_put_status(s, f, a->status);
	if (a->returns & LIST_RETURN_MYRIGHTS)
		imap_put_myrights(s, f);
	if (a->returns & LIST_RETURN_METADATA)
		imap_put_metadata(s, f->name, a->entries, a->nentries);
}

/* ---- LIST */

static bool is_to_be_listed(const struct list_name *n, const struct imap_list_args *a)
{
	if (imap_list_meets(n, a->select))
		return true;
	/* RFC 5258 section 5, example 9: not where what is below is listed itself. */
	return (a->select & LIST_SELECT_RECURSIVE) && n->hidden_below;
}

static void list(struct imap *s, const struct imap_list_args *a)
{
	bool subscriptions = a->select & LIST_SELECT_SUBSCRIBED;
	struct list_name *v;
	struct err e;
	size_t n;
	/* RECURSIVEMATCH needs the order of levels, which comes with them. */
	if (imap_list_names(s, subscriptions || (a->select & LIST_SELECT_RECURSIVE), &v, &n, &e) <
		0) {
		imap_fail(s, &e);
		return;
	}
	if (a->select & LIST_SELECT_RECURSIVE)
		imap_list_mark(v, n, a);
	for (size_t i = 0; i < n && !s->lost; i++) {
		if (i % YIELD_EVERY == YIELD_EVERY - 1)
			co_yield();
		if (!is_to_be_listed(&v[i], a) || !imap_list_match_any(a, v[i].name))
			continue;
		imap_list_put(s, &v[i], a, S(""));
		put_more(s, &v[i], a);
	}
	imap_ok(s, NULL, "Listed");
}

void imap_cmd_list(struct imap *s)
{
	struct imap_list_args a;
	if (!imap_list_read(s, &a)) {
		imap_complain(s);
	} else if (a.root) {
		imap_put(s, S("* LIST (\\Noselect) \"/\" \"\"\r\n"));
		imap_ok(s, NULL, "Listed");
	} else {
		if (a.returns & LIST_RETURN_STATUS && a.status & IMAP_STATUS_MODSEQ)
			imap_use_condstore(s);
		list(s, &a);
	}
}

/* ---- LSUB: a level that is not subscribed to is told when "%" stops at it (RFC 3501 6.3.9) */

static void lsub(struct imap *s, const struct imap_list_args *a)
{
	struct list_name *v;
	struct err e;
	size_t n;
	slice p = a->patterns[0];
	bool stops = p.n > 0 && p.p[p.n - 1] == '%';
	if (imap_list_names(s, true, &v, &n, &e) < 0) {
		imap_fail(s, &e);
		return;
	}
	struct imap_list_args marked = *a;
	marked.select = LIST_SELECT_SUBSCRIBED;
	imap_list_mark(v, n, &marked);
	for (size_t i = 0; i < n && !s->lost; i++) {
		bool level = !v[i].subscribed && stops && v[i].hidden_below;
		if ((!v[i].subscribed && !level) || !imap_list_match_any(a, v[i].name))
			continue;
		imap_put(s, level ? S("* LSUB (\\Noselect) \"/\" ") : S("* LSUB () \"/\" "));
		imap_put_mailbox(s, v[i].name);
		imap_put(s, S("\r\n"));
	}
	imap_ok(s, NULL, "Listed");
}

void imap_cmd_lsub(struct imap *s)
{
	struct imap_list_args a;
	if (!imap_list_read(s, &a)) {
		imap_complain(s);
	} else if (a.extended) {
		imap_bad(s, "LSUB has no options");
	} else if (a.root) {
		imap_put(s, S("* LSUB (\\Noselect) \"/\" \"\"\r\n"));
		imap_ok(s, NULL, "Listed");
	} else {
		lsub(s, &a);
	}
}

void imap_cmd_namespace(struct imap *s)
{
	if (!imap_end(&s->in)) {
		imap_complain(s);
		return;
	}
	imap_put(s, S("* NAMESPACE ((\"\" \"/\")) ((\"" BOX_OTHERS "\" \"/\")) ((\"" BOX_SHARED
		      "\" \"/\"))\r\n"));
	imap_ok(s, NULL, "Those are the namespaces");
}
