/*
 * Access control lists (RFC 4314) and annotations (RFC 5464) of folders (box.h).
 *
 * Who is named in an entry must be an account or a group of the same organisation, or "anyone"; entries of people who are
 * gone can still be taken away. Rights of the owner are not an entry: nobody can take them.
 *
 * "/private/" annotations belong to the reader: in the tables they carry the number of the account, "/private/" below it.
 */
#include "base/mem.h"
#include "mail/box_impl.h"
#include "store/directory_org.h"

/* ---- who ---- */

struct grouping {
	slice address;
	struct arena *a;
	struct mail_group group;
	int64_t org_id;
};

static int group_job(struct sql *db, void *arg, struct err *e)
{
	struct grouping *g = arg;
	struct domain d;
	if (directory_group(db, g->address, g->a, &g->group, e) < 0)
		return -1;
	slice domain = slice_skip(g->group.address, slice_rindex(g->group.address, '@') + 1);
	if (directory_domain(db, domain, g->a, &d, e) < 0)
		return -1;
	g->org_id = d.org_id;
	return 0;
}

static int nobody(slice who, struct err *e)
{
	return err_set(e, ERR_NOTFOUND, "there is no such person or group: %.*s",
		(int)(who.n < 120 ? who.n : 120), who.p);
}

/* A group of the organisation of this person. */
static int find_group(struct box_user *u, slice address, struct arena *a, slice *ret, struct err *e)
{
	struct grouping g = {.address = address, .a = a};
	if (box_read(u->b, BOX_DIRECTORY, group_job, &g, e) < 0)
		return e->kind == ERR_NOTFOUND || e->kind == ERR_PROTO ? nobody(address, e) : -1;
	if (g.org_id != u->org)
		return nobody(address, e);
	*ret = arena_printf(a, "group:%.*s", SFMT(g.group.address));
	return 0;
}

/* As entries spell it. `gone`: of somebody who may not be there any more. */
static int find_who(
	struct box_user *u, slice who, bool gone, struct arena *a, slice *ret, struct err *e)
{
	struct login_facts f;
	slice bare = slice_skip(who, slice_starts(who, S("-"))), found;
	if (slice_eq(bare, S("anyone")) || slice_eq(bare, S("anonymous"))) {
		found = S("anyone");
	} else if (slice_istarts(bare, S("group:"))) {
		if (find_group(u, slice_skip(bare, 6), a, &found, e) < 0) {
			if (!gone || e->kind != ERR_NOTFOUND)
				return -1;
			found = bare;
		}
	} else if (directory_get_facts(u->b->directory, bare, a, &f, e) == 0) {
		if (f.org_id != u->org && !gone)
			return nobody(bare, e);
		found = f.org_id == u->org ? f.address
					   : bare; /* of another's people nothing is told */
	} else if (e->kind != ERR_NOTFOUND && e->kind != ERR_PROTO) {
		return -1;
	} else if (find_group(u, bare, a, &found, e) < 0) {
		if (!gone || e->kind != ERR_NOTFOUND)
			return -1;
		found = bare;
	}
	*ret = arena_printf(a, "%s%.*s", slice_starts(who, S("-")) ? "-" : "", SFMT(found));
	return 0;
}

/* ---- entries ---- */

static int grant_tx(struct sql *db, void *arg, struct err *e)
{
	return mailbox_grant_tx(db, arg, e);
}

int box_grant(struct box_user *u, slice name, slice who, unsigned rights, struct err *e)
{
	AUTO(arena) struct arena a = {0};
	struct box_look l;
	struct box_person owner;
	struct mailbox_grant g;
	if (box_look_up(u, name, BOX_DO_GRANT, &a, &l, e) < 0 ||
		find_who(u, who, rights == 0, &a, &g.who, e) < 0 ||
		box_person(u->b, l.where.account_id, &a, &owner, e) < 0)
		return -1;
	if (slice_eq(slice_skip(g.who, slice_starts(g.who, S("-"))), owner.address))
		return err_set(e, ERR_PERM, "the rights of the owner cannot be changed");
	g.account_id = l.where.account_id;
	g.folder_id = l.f.id;
	g.rights = rights & RIGHT_ALL;
	if (box_change(u->b, g.account_id, grant_tx, &g, e) < 0)
		return -1;
	changes_tell(u->b->changes, 0);
	return 0;
}

struct listing {
	struct box_look *look;
	struct mailbox_grant *v[2];
	size_t n[2];
};

static int grants_job(struct sql *db, void *arg, struct err *e)
{
	struct listing *l = arg;
	struct box_look *k = l->look;
	if (box_look_db(db, k, e) < 0)
		return -1;
	if (!k->found || !box_may_quietly(k->rights, BOX_DO_GRANTS))
		return 0;
	return mailbox_grants(db, k->where.account_id, k->f.id, k->a, &l->v[0], &l->n[0], e) < 0 ||
			       mailbox_grants(
				       db, k->where.account_id, 0, k->a, &l->v[1], &l->n[1], e) < 0
		       ? -1
		       : 0;
}

static bool has_entry(const struct mailbox_grant *v, size_t n, slice who)
{
	for (size_t i = 0; i < n; i++)
		if (slice_eq(v[i].who, who))
			return true;
	return false;
}

/* The owner first; then the folder's own, then those of the mailbox as a whole that count here. */
int box_grants(struct box_user *u, slice name, struct arena *a, struct mailbox_grant **ret,
	size_t *ret_n, struct err *e)
{
	struct box_look look;
	struct listing l = {.look = &look};
	struct box_person owner;
	if (box_look_begin(u, name, a, &look, e) < 0)
		return -1;
	if (!look.where.folder.n)
		return box_no_such(name, e);
	if (box_read_of(u->b, look.where.account_id, grants_job, &l, e) < 0)
		return -1;
	if (!look.found)
		return box_no_such(name, e);
	if (box_may(look.rights, BOX_DO_GRANTS, name, e) < 0 ||
		box_person(u->b, look.where.account_id, a, &owner, e) < 0)
		return -1;
	struct mailbox_grant *all = ARENA_ARRAY(a, struct mailbox_grant, l.n[0] + l.n[1] + 1);
	size_t n = 0;
	all[n++] = (struct mailbox_grant){.account_id = look.where.account_id,
		.folder_id = look.f.id,
		.who = owner.address,
		.rights = RIGHT_ALL};
	for (size_t i = 0; i < l.n[0]; i++)
		all[n++] = l.v[0][i];
	for (size_t i = 0; i < l.n[1]; i++)
		if (!has_entry(all, n, l.v[1][i].who))
			all[n++] = l.v[1][i];
	*ret = all;
	*ret_n = n;
	return 0;
}

/* ---- annotations ---- */

enum { ENTRY_MAX = 500 };
#define PRIVATE "/private/"
#define SHARED "/shared/"

static bool entry_ok(slice s)
{
	if (s.n > ENTRY_MAX || slice_ends(s, S("/")) || slice_find(s, S("//")) < s.n)
		return false;
	for (size_t i = 0; i < s.n; i++)
		if (s.p[i] <= ' ' || s.p[i] > '~' || s.p[i] == '*' || s.p[i] == '%')
			return false;
	return slice_istarts(s, S(PRIVATE)) || slice_istarts(s, S(SHARED));
}

/* As it is stored (RFC 5464 3.2: names do not depend on case). */
static slice lower(slice entry, struct arena *a)
{
	char *low = arena_strz(a, entry);
	for (size_t i = 0; i < entry.n; i++)
		low[i] = ascii_lower(low[i]);
	return slice_of(low, entry.n);
}

struct annotating {
	struct box_user *u;
	struct box_look look;
	struct arena *a;
	struct mailbox_metadata *v;
	size_t n;
};

static int begin_annotating(struct box_user *u, slice name, enum box_op op, struct arena *a,
	struct annotating *ret, struct err *e)
{
	*ret = (struct annotating){.u = u, .a = a};
	if (name.n)
		return box_look_up(u, name, op, a, &ret->look, e);
	ret->look.where.account_id = u->account;
	return 0;
}

static int metadata_job(struct sql *db, void *arg, struct err *e)
{
	struct annotating *m = arg;
	return mailbox_metadata(
		db, m->look.where.account_id, m->look.f.id, m->u->account, m->a, &m->v, &m->n, e);
}

int box_metadata(struct box_user *u, slice name, struct arena *a, struct mailbox_metadata **ret,
	size_t *ret_n, struct err *e)
{
	struct annotating m;
	if (begin_annotating(u, name, BOX_DO_META_READ, a, &m, e) < 0 ||
		box_read_of(u->b, m.look.where.account_id, metadata_job, &m, e) < 0)
		return -1;
	*ret = m.v;
	*ret_n = m.n;
	return 0;
}

struct marking {
	int64_t account_id, reader;
	struct arena *a;
	struct mailbox_metadata_mark *v;
	size_t n;
};

static int marks_job(struct sql *db, void *arg, struct err *e)
{
	struct marking *m = arg;
	return mailbox_metadata_marks(db, m->account_id, m->reader, m->a, &m->v, &m->n, e);
}

int box_metadata_marks(struct box_user *u, int64_t account_id, struct arena *a,
	struct mailbox_metadata_mark **ret, size_t *ret_n, struct err *e)
{
	struct marking m = {.account_id = account_id, .reader = u->account, .a = a};
	if (box_read_of(u->b, account_id, marks_job, &m, e) < 0)
		return -1;
	*ret = m.v;
	*ret_n = m.n;
	return 0;
}

static int annotate_tx(struct sql *db, void *arg, struct err *e)
{
	const struct annotating *m = arg;
	return mailbox_metadata_set_tx(
		db, m->look.where.account_id, m->look.f.id, m->u->account, m->v, m->n, e);
}

int box_metadata_set(
	struct box_user *u, slice name, const struct mailbox_metadata *v, size_t n, struct err *e)
{
	AUTO(arena) struct arena a = {0};
	struct annotating m;
	bool shared = false;
	for (size_t i = 0; i < n; i++) {
		if (!entry_ok(v[i].entry))
			return err_set(e, ERR_PROTO, "no name of an annotation: %.100s",
				arena_strz(&a, v[i].entry));
		shared |= slice_istarts(v[i].entry, S(SHARED));
	}
	if (shared && !name.n)
		return err_set(e, ERR_DENIED, "annotations of the server are the administrator's");
	if (begin_annotating(u, name, shared ? BOX_DO_META_WRITE : BOX_DO_META_READ, &a, &m, e) < 0)
		return -1;
	m.v = ARENA_ARRAY(&a, struct mailbox_metadata, n + 1);
	m.n = n;
	for (size_t i = 0; i < n; i++)
		m.v[i] = (struct mailbox_metadata){lower(v[i].entry, &a), v[i].value};
	return box_change(u->b, m.look.where.account_id, annotate_tx, &m, e);
}
