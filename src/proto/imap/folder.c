/*
 * Folders come, go and are renamed; subscriptions: RFC 9051 6.3.4 to 6.3.8; CREATE-SPECIAL-USE of RFC 6154 5.1, MAILBOXID of
 * RFC 8474 4.2. Who may do what is decided by mail/box.h.
 */
#include "proto/imap/session.h"

static const struct {
	const char *name;
	enum mailbox_use use;
} uses[] = {
	{"\\Archive", MAILBOX_USE_ARCHIVE},
	{"\\Drafts", MAILBOX_USE_DRAFTS},
	{"\\Junk", MAILBOX_USE_JUNK},
	{"\\Sent", MAILBOX_USE_SENT},
	{"\\Trash", MAILBOX_USE_TRASH},
	{"\\Flagged", MAILBOX_USE_FLAGGED},
	{"\\All", MAILBOX_USE_ALL},
	{"\\Important", MAILBOX_USE_IMPORTANT},
};

const char *imap_use_name(enum mailbox_use use)
{
	for (size_t i = 0; i < sizeof uses / sizeof *uses; i++)
		if (uses[i].use == use)
			return uses[i].name;
	return NULL;
}

/* "Work/" is a folder that is to have others below it: all can. */
static slice without_last_separator(slice name)
{
	if (name.n > 1 && name.p[name.n - 1] == '/')
		name.n--;
	return name;
}

/* " (USE (\Sent))". *ret_bad_use: one we do not give, or more than one. */
static bool read_uses(struct imap_reader *r, enum mailbox_use *ret, bool *ret_bad_use)
{
	slice word;
	*ret = MAILBOX_USE_NONE;
	if (!imap_accept(r, ' '))
		return imap_end(r);
	if (!imap_char(r, '(') || !imap_atom(r, &word))
		return false;
	if (!imap_is(word, "USE"))
		return imap_wrong(r, "that parameter of CREATE is not known");
	if (!imap_space(r) || !imap_char(r, '('))
		return false;
	for (unsigned i = 0; imap_peek(r) != ')'; i++) {
		if ((i > 0 && !imap_space(r)) || !imap_char(r, '\\') || !imap_atom(r, &word))
			return false;
		*ret_bad_use |= i > 0;
		for (size_t k = 0; k < sizeof uses / sizeof *uses; k++)
			if (imap_is(word, uses[k].name + 1))
				*ret = uses[k].use;
		*ret_bad_use |= *ret == MAILBOX_USE_NONE || *ret == MAILBOX_USE_ALL ||
				*ret == MAILBOX_USE_FLAGGED; /* views of others: not made here */
	}
	return imap_char(r, ')') && imap_char(r, ')') && imap_end(r);
}

void imap_cmd_create(struct imap *s)
{
	struct imap_reader *r = &s->in;
	struct box_folder f;
	struct err e;
	slice name;
	enum mailbox_use use;
	bool bad_use = false;
	if (!imap_space(r) || !imap_mailbox(r, &name) || !read_uses(r, &use, &bad_use)) {
		imap_complain(s);
		return;
	}
	name = without_last_separator(name);
	if (bad_use) {
		imap_no(s, "USEATTR", "Folders are not made with that use");
		return;
	}
	if (box_folder_make(s->user, name, use, &e) < 0 ||
		box_folder(s->user, name, &s->mem, &f, &e) < 0) {
		imap_fail(s, &e);
		return;
	}
	imap_notify_mine(s, IMAP_MINE_NAME, name, S(""));
	slice code = arena_printf(&s->mem, "MAILBOXID (%.*s)", SFMT(imap_mailbox_id(&s->mem, &f)));
	imap_ok(s, code.p, "Created");
}

static bool one_mailbox(struct imap *s, slice *ret)
{
	struct imap_reader *r = &s->in;
	if (imap_space(r) && imap_mailbox(r, ret) && imap_end(r))
		return true;
	imap_complain(s);
	return false;
}

static void conclude(struct imap *s, int result, const struct err *e, const char *done,
	enum imap_notify_mine what, slice name)
{
	if (result < 0) {
		imap_fail(s, e);
		return;
	}
	imap_notify_mine(s, what, name, S(""));
	imap_ok(s, NULL, "%s", done);
}

void imap_cmd_delete(struct imap *s)
{
	struct err e;
	slice name;
	if (!one_mailbox(s, &name))
		return;
	name = without_last_separator(name);
	conclude(s, box_folder_remove(s->user, name, &e), &e, "Deleted", IMAP_MINE_NAME, name);
}

void imap_cmd_rename(struct imap *s)
{
	struct imap_reader *r = &s->in;
	struct err e;
	slice from, to;
	if (!imap_space(r) || !imap_mailbox(r, &from) || !imap_space(r) || !imap_mailbox(r, &to) ||
		!imap_end(r)) {
		imap_complain(s);
		return;
	}
	to = without_last_separator(to);
	int n = box_folder_rename(s->user, without_last_separator(from), to, &e);
	conclude(s, n, &e, "Renamed", IMAP_MINE_NAME, to);
}

void imap_cmd_subscribe(struct imap *s)
{
	struct err e;
	slice name;
	if (!one_mailbox(s, &name))
		return;
	name = without_last_separator(name);
	conclude(s, box_subscribe(s->user, name, true, &e), &e, "Subscribed",
		IMAP_MINE_SUBSCRIPTION, name);
}

void imap_cmd_unsubscribe(struct imap *s)
{
	struct err e;
	slice name;
	if (!one_mailbox(s, &name))
		return;
	name = without_last_separator(name);
	conclude(s, box_subscribe(s->user, name, false, &e), &e, "Unsubscribed",
		IMAP_MINE_SUBSCRIPTION, name);
}
