/*
 * Who may do what (RFC 4314 section 4): one table of operations and the rights they need, and what rights a person holds on a folder:
 * all on the own mailbox; those of the level at which somebody is a member of a shared mailbox; and what entries of access
 * control lists give to the person, to groups they are in, and to anyone of the organisation, less what "-" entries take.
 *
 * Without RIGHT_LOOKUP a folder is not there. Entries of the mailbox as a whole (folder 0) count where the folder has none for
 * the same identifier.
 */
#include "mail/box_impl.h"

struct need {
	unsigned all; /* each of these */
	unsigned any; /* and, if not 0, one of these */
};
static const struct need needs[BOX_OPS] = {
	[BOX_DO_LIST] = {0, 0},
	[BOX_DO_OPEN] = {RIGHT_READ, 0},
	[BOX_DO_STATUS] = {RIGHT_READ, 0},
	[BOX_DO_CREATE] = {RIGHT_CREATE, 0},
	[BOX_DO_REMOVE] = {RIGHT_DELETE_FOLDER, 0},
	[BOX_DO_RENAME] = {RIGHT_DELETE_FOLDER, 0},
	[BOX_DO_USE] = {RIGHT_ADMIN, 0},
	[BOX_DO_COPY_FROM] = {RIGHT_READ, 0},
	[BOX_DO_COPY_TO] = {RIGHT_INSERT, 0},
	[BOX_DO_MOVE_FROM] = {RIGHT_READ | RIGHT_DELETE | RIGHT_EXPUNGE, 0},
	[BOX_DO_APPEND] = {RIGHT_INSERT, 0},
	[BOX_DO_REPLACE] = {RIGHT_DELETE | RIGHT_EXPUNGE, 0},
	[BOX_DO_STORE] = {0, RIGHT_SEEN | RIGHT_WRITE | RIGHT_DELETE},
	[BOX_DO_EXPUNGE] = {RIGHT_EXPUNGE, 0},
	[BOX_DO_EXPUNGE_ANY] = {RIGHT_DELETE | RIGHT_EXPUNGE, 0},
	[BOX_DO_READ] = {RIGHT_READ, 0},
	[BOX_DO_GRANT] = {RIGHT_ADMIN, 0},
	[BOX_DO_GRANTS] = {RIGHT_ADMIN, 0},
	[BOX_DO_META_READ] = {RIGHT_READ, 0}, /* RFC 5464 3.3 */
	[BOX_DO_META_WRITE] = {RIGHT_WRITE, 0},
	[BOX_DO_QUOTA] = {RIGHT_READ, 0},
};

bool box_may_quietly(unsigned rights, enum box_op op)
{
	const struct need *n = &needs[op];
	return (rights & RIGHT_LOOKUP) && (rights & n->all) == n->all &&
	       (!n->any || (rights & n->any));
}

int box_may(unsigned rights, enum box_op op, slice name, struct err *e)
{
	if (!(rights & RIGHT_LOOKUP))
		return box_no_such(name, e);
	if (box_may_quietly(rights, op))
		return 0;
	return err_set(e, ERR_DENIED, "you do not have the right to do that in this folder");
}

unsigned box_flags_allowed(unsigned rights)
{
	unsigned f = 0;
	if (rights & RIGHT_SEEN)
		f |= MAILBOX_SEEN;
	if (rights & RIGHT_DELETE)
		f |= MAILBOX_DELETED;
	if (rights & RIGHT_WRITE)
		f |= MAILBOX_ANSWERED | MAILBOX_FLAGGED | MAILBOX_DRAFT;
	return f;
}

/* ---- as letters ---- */

static const char letters[] = "lrswipkxtea";

slice box_rights_print(unsigned rights, struct arena *a)
{
	char s[sizeof letters];
	size_t n = 0;
	for (size_t i = 0; letters[i]; i++)
		if (rights & 1u << i)
			s[n++] = letters[i];
	return arena_dup(a, slice_of(s, n));
}

/* RFC 4314 2.1.1: what c and d of RFC 2086 stand for. */
bool box_rights_parse(slice s, unsigned *ret)
{
	unsigned rights = 0;
	for (size_t i = 0; i < s.n; i++) {
		const char *at = memchr(letters, s.p[i], sizeof letters - 1);
		if (at)
			rights |= 1u << (at - letters);
		else if (s.p[i] == 'c')
			rights |= RIGHT_CREATE | RIGHT_DELETE_FOLDER;
		else if (s.p[i] == 'd')
			rights |= RIGHT_DELETE | RIGHT_EXPUNGE | RIGHT_DELETE_FOLDER;
		else
			return false;
	}
	*ret = rights;
	return true;
}

/* ---- who somebody is ---- */

static void add_who(struct box_whos *w, struct arena *a, const char *kind, slice name)
{
	w->v[w->n++] = arena_printf(a, "%s%.*s", kind, SFMT(name));
	w->v[w->n++] = arena_printf(a, "-%s%.*s", kind, SFMT(name));
}

int box_whos(struct box_user *u, struct arena *a, struct box_whos *ret, struct err *e)
{
	if (directory_memberships(u->b->directory, u->login, a, &ret->m, e) < 0)
		return -1;
	ret->n = 0;
	ret->v = ARENA_ARRAY(a, slice, 2 * (ret->m.ngroups + 2));
	add_who(ret, a, "", u->login);
	for (size_t i = 0; i < ret->m.ngroups; i++)
		add_who(ret, a, "group:", ret->m.groups[i].address);
	add_who(ret, a, "", S("anyone"));
	return 0;
}

/* The entry of one identifier: the folder's, else that of the mailbox. */
static unsigned entry(
	const struct mailbox_grant *v, size_t n, int64_t account_id, int64_t folder_id, slice who)
{
	unsigned rights = 0;
	for (size_t i = 0; i < n; i++) {
		if (v[i].account_id != account_id || !slice_eq(v[i].who, who))
			continue;
		if (v[i].folder_id == folder_id)
			return v[i].rights;
		if (v[i].folder_id == 0)
			rights = v[i].rights;
	}
	return rights;
}

unsigned box_rights_of(unsigned base, const struct mailbox_grant *v, size_t n, int64_t account_id,
	int64_t folder_id, const struct box_whos *w)
{
	unsigned given = base, taken = 0;
	for (size_t i = 0; n && i < w->n; i++)
		*(slice_starts(w->v[i], S("-")) ? &taken : &given) |=
			entry(v, n, account_id, folder_id, w->v[i]);
	return given & ~taken;
}

unsigned box_rights_base(const struct box_user *u, int64_t account_id, const struct box_whos *w)
{
	if (account_id == u->account)
		return RIGHT_ALL;
	for (size_t i = 0; i < w->m.nshared; i++)
		if (w->m.shared[i].account_id == account_id)
			return shared_level_rights(w->m.shared[i].level);
	return 0;
}

/* ---- what others granted ---- */

struct asking {
	struct arena *a;
	const struct box_whos *w;
	struct mailbox_grant *v;
	size_t n;
};

static int ask_shard(struct sql *db, void *arg, struct err *e)
{
	struct asking *q = arg;
	struct mailbox_grant *more;
	size_t n;
	if (mailbox_grants_to(db, q->w->v, q->w->n, q->a, &more, &n, e) < 0)
		return -1;
	if (!n)
		return 0;
	struct mailbox_grant *all = ARENA_ARRAY(q->a, struct mailbox_grant, q->n + n);
	if (q->n)
		memcpy(all, q->v, q->n * sizeof *all);
	memcpy(all + q->n, more, n * sizeof *all);
	q->v = all;
	q->n += n;
	return 0;
}

/* Account 0 stands for "some grant of anyone": who changes one tells it. */
int box_granted(struct box_user *u, const struct box_whos *w, struct err *e)
{
	uint64_t seen = changes_seen(u->b->changes, 0);
	if (u->granted_known && u->granted_seen == seen && u->granted_version == w->m.version)
		return 0;
	u->granted_known = false;
	arena_done(&u->granted_mem);
	struct asking q = {.a = &u->granted_mem, .w = w};
	if (box_read_shards(u->b, ask_shard, &q, e) < 0)
		return -1;
	u->granted = q.v;
	u->ngranted = q.n;
	u->granted_seen = seen;
	u->granted_version = w->m.version;
	u->granted_known = true;
	return 0;
}
