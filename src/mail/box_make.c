/*
 * Making, removing and renaming folders (box.h). What a person may do is looked up in the transaction that does it. A new folder
 * begins with the entries of rights that the folder above it has (RFC 4314 section 4), and folders above it that are missing
 * are made, too.
 *
 * Where a hidden folder is in the way, or above, the answer is that of a place that does not exist.
 */
#include "base/mem.h"
#include "mail/box_impl.h"

struct making {
	struct box_user *u;
	struct box_look to;
	slice shown; /* as the person wrote it */
	enum mailbox_use use;
	bool exclusive; /* else the folder itself is not made, only those above */
	bool granted; /* entries were inherited */
	/* Renaming. */
	struct box_look from;
};

/* The level above, or empty. */
static slice above(slice name)
{
	size_t at = slice_rindex(name, '/');
	return at < name.n ? slice_first(name, at) : S("");
}

/* Rights where something is to be made: on the nearest folder above it, or on the mailbox as a whole. 1: `name` exists itself. */
static int rights_above(struct sql *db, struct making *m, slice name, unsigned *ret, struct err *e)
{
	struct mailbox_folder f = {.id = 0};
	for (slice up = name; up.n; up = above(up)) {
		if (mailbox_folder_find(db, m->to.where.account_id, up, m->to.a, &f, e) == 0) {
			if (box_look_rights(db, &m->to, f.id, e) < 0)
				return -1;
			*ret = m->to.rights;
			return up.n == name.n;
		}
		if (e->kind != ERR_NOTFOUND)
			return -1;
	}
	if (box_look_rights(db, &m->to, 0, e) < 0)
		return -1;
	*ret = m->to.rights;
	return 0;
}

static int may_make(struct sql *db, struct making *m, struct err *e)
{
	unsigned rights;
	slice name = m->to.where.folder;
	int there = rights_above(db, m, name, &rights, e);
	if (there < 0)
		return -1;
	if (there && (rights & RIGHT_LOOKUP))
		return err_set(e, ERR_EXISTS, "there is a folder of this name already");
	if (there && rights_above(db, m, above(name), &rights, e) < 0)
		return -1;
	if (box_may(rights, BOX_DO_CREATE, m->shown, e) < 0)
		return -1;
	return there ? err_set(e, ERR_DENIED, "no folder of this name can be made here") : 0;
}

static int inherit(struct sql *db, struct making *m, slice name, int64_t id, struct err *e)
{
	struct mailbox_folder parent;
	struct mailbox_grant *v;
	size_t n;
	int64_t account = m->to.where.account_id;
	if (!above(name).n)
		return 0;
	if (mailbox_folder_find(db, account, above(name), m->to.a, &parent, e) < 0 ||
		mailbox_grants(db, account, parent.id, m->to.a, &v, &n, e) < 0)
		return -1;
	for (size_t i = 0; i < n; i++) {
		const struct mailbox_grant g = {.account_id = account,
			.folder_id = id,
			.who = v[i].who,
			.rights = v[i].rights};
		if (mailbox_grant_tx(db, &g, e) < 0)
			return -1;
		m->granted = true;
	}
	return 0;
}

static int make_one(
	struct sql *db, struct making *m, slice name, enum mailbox_use use, struct err *e)
{
	int64_t id;
	return mailbox_folder_make_tx(db, m->to.where.account_id, name, use, &id, e) < 0
		       ? -1
		       : inherit(db, m, name, id, e);
}

/* Those above that are missing, from the top. */
static int make_above(struct sql *db, struct making *m, slice name, struct err *e)
{
	struct mailbox_folder f;
	for (size_t i = 1; i < name.n; i++) {
		slice level = slice_first(name, i);
		if (name.p[i] != '/' ||
			mailbox_folder_find(db, m->to.where.account_id, level, m->to.a, &f, e) == 0)
			continue;
		if (e->kind != ERR_NOTFOUND || make_one(db, m, level, MAILBOX_USE_NONE, e) < 0)
			return -1;
	}
	return 0;
}

static int make_tx(struct sql *db, void *arg, struct err *e)
{
	struct making *m = arg;
	slice name = m->to.where.folder;
	m->granted = false;
	if (may_make(db, m, e) < 0 || make_above(db, m, name, e) < 0)
		return -1;
	return make_one(db, m, name, m->use, e);
}

/* Whoever looks for what others granted must look again. */
static void tell_grants(struct boxes *b, bool granted)
{
	if (granted)
		changes_tell(b->changes, 0);
}

int box_folder_make(struct box_user *u, slice name, enum mailbox_use use, struct err *e)
{
	AUTO(arena) struct arena a = {0};
	struct making m = {.u = u, .shown = name, .use = use};
	if (slice_ends(name, S("/"))) /* "what follows will be below it" (RFC 9051 6.3.4) */
		name = slice_first(name, name.n - 1);
	if (box_look_begin(u, name, &a, &m.to, e) < 0)
		return -1;
	if (!m.to.where.folder.n)
		return err_set(e, ERR_DENIED, "no folder of this name can be made here");
	if (box_change(u->b, m.to.where.account_id, make_tx, &m, e) < 0)
		return -1;
	tell_grants(u->b, m.granted);
	return 0;
}

/* ---- removing ---- */

struct changing {
	struct box_user *u;
	struct box_look look;
	enum mailbox_use use;
};

/* Again in the transaction: it may be another one by now. */
static int same_folder(struct sql *db, const struct box_look *l, struct err *e)
{
	AUTO(arena) struct arena a = {0};
	struct mailbox_folder f;
	if (mailbox_folder_find(db, l->where.account_id, l->where.folder, &a, &f, e) < 0)
		return e->kind == ERR_NOTFOUND ? box_no_such(l->where.folder, e) : -1;
	return f.id == l->f.id ? 0 : box_no_such(l->where.folder, e);
}

static int remove_tx(struct sql *db, void *arg, struct err *e)
{
	struct changing *c = arg;
	if (same_folder(db, &c->look, e) < 0)
		return -1;
	return mailbox_folder_remove_tx(
		db, c->look.where.account_id, c->look.where.folder, &c->u->actor, e);
}

int box_folder_remove(struct box_user *u, slice name, struct err *e)
{
	AUTO(arena) struct arena a = {0};
	struct changing c = {.u = u};
	if (box_look_up(u, name, BOX_DO_REMOVE, &a, &c.look, e) < 0 ||
		box_change(u->b, c.look.where.account_id, remove_tx, &c, e) < 0)
		return -1;
	tell_grants(u->b, true); /* those that it had are gone */
	return 0;
}

static int use_tx(struct sql *db, void *arg, struct err *e)
{
	struct changing *c = arg;
	if (same_folder(db, &c->look, e) < 0)
		return -1;
	return mailbox_folder_use_tx(db, c->look.where.account_id, c->look.f.id, c->use, e);
}

int box_folder_use(struct box_user *u, slice name, enum mailbox_use use, struct err *e)
{
	AUTO(arena) struct arena a = {0};
	struct changing c = {.u = u, .use = use};
	if (box_look_up(u, name, BOX_DO_USE, &a, &c.look, e) < 0)
		return -1;
	return box_change(u->b, c.look.where.account_id, use_tx, &c, e);
}

/* ---- renaming ---- */

static int rename_tx(struct sql *db, void *arg, struct err *e)
{
	struct making *m = arg;
	slice to = m->to.where.folder;
	m->granted = false;
	if (same_folder(db, &m->from, e) < 0 || may_make(db, m, e) < 0 ||
		make_above(db, m, to, e) < 0)
		return -1;
	return mailbox_folder_rename_tx(
		db, m->from.where.account_id, m->from.where.folder, to, &m->u->actor, e);
}

static int other_mailbox(struct err *e)
{
	return err_set(e, ERR_PERM, "a folder cannot be moved into another mailbox");
}

int box_folder_rename(struct box_user *u, slice from, slice to, struct err *e)
{
	AUTO(arena) struct arena a = {0};
	struct making m = {.u = u, .shown = to};
	if (slice_ends(to, S("/")))
		to = slice_first(to, to.n - 1);
	if (box_look_up(u, from, BOX_DO_RENAME, &a, &m.from, e) < 0)
		return -1;
	if (box_look_begin(u, to, &a, &m.to, e) < 0) /* whether somebody is there is not told */
		return e->kind == ERR_NOTFOUND ? other_mailbox(e) : -1;
	if (!m.to.where.folder.n)
		return err_set(e, ERR_DENIED, "no folder of this name can be made here");
	if (m.to.where.account_id != m.from.where.account_id)
		return other_mailbox(e);
	if (slice_starts(m.to.where.folder, m.from.where.folder) &&
		slice_starts(slice_skip(m.to.where.folder, m.from.where.folder.n), S("/")) &&
		!slice_eq(m.from.where.folder, S("INBOX")))
		return err_set(e, ERR_PERM, "a folder cannot be moved into itself");
	if (box_change(u->b, m.to.where.account_id, rename_tx, &m, e) < 0)
		return -1;
	tell_grants(u->b, true); /* names of what was granted */
	return 0;
}
