/*
 * Names of folders as a person sees them (box.h): the own mailbox without a prefix, those of others below "Other Users/" and
 * shared mailboxes below "Shared/", each followed by the address of the account. What such a name leads to is asked of
 * the directory, which answers from memory.
 *
 * Somebody who is not there, belongs to another organisation or is switched off reads as a folder that does not exist.
 */
#include "base/mem.h"
#include "mail/box_impl.h"

int box_no_such(slice name, struct err *e)
{
	return err_set(e, ERR_NOTFOUND, "no such folder: %.*s", (int)(name.n < 120 ? name.n : 120),
		name.p);
}

/* ---- people ---- */

static void forget_people(struct boxes *b)
{
	map_done(&b->people);
	arena_done(&b->people_mem);
	b->people = (struct map){0};
	b->people_mem = (struct arena){0};
}

struct ask {
	int64_t id;
	struct arena *a;
	struct login_facts facts;
	bool gone;
};

static int ask_db(struct sql *db, void *arg, struct err *e)
{
	struct ask *q = arg;
	if (directory_account_facts(db, q->id, q->a, &q->facts, e) == 0)
		return 0;
	q->gone = e->kind == ERR_NOTFOUND;
	return q->gone ? 0 : -1;
}

static void keep_person(struct boxes *b, slice key, const struct box_person *p)
{
	struct box_person *kept = ARENA_NEW(&b->people_mem, struct box_person);
	*kept = *p;
	kept->address = arena_dup(&b->people_mem, p->address);
	map_put(&b->people, key, kept);
}

int box_person(
	struct boxes *b, int64_t account_id, struct arena *a, struct box_person *ret, struct err *e)
{
	uint64_t version = directory_seen(b->directory);
	slice key = slice_of(&account_id, sizeof account_id);
	if (version != b->people_version || b->people.n >= BOX_PEOPLE_MAX)
		forget_people(b);
	b->people_version = version;
	const struct box_person *known = map_get(&b->people, key);
	if (known) {
		*ret = *known;
		ret->address =
			arena_dup(a, known->address); /* what is remembered may be forgotten */
		return 0;
	}
	struct ask q = {.id = account_id, .a = a};
	if (box_read(b, BOX_DIRECTORY, ask_db, &q, e) < 0)
		return -1;
	const struct login_facts *f = &q.facts;
	*ret = (struct box_person){.id = account_id,
		.org_id = f->org_id,
		.kind = f->kind,
		.address = f->address,
		.gone = q.gone || f->disabled || f->deleted,
		.quota = f->limits.quota,
		.quota_messages = f->limits.quota_messages};
	if (version == b->people_version && !map_get(&b->people, key))
		keep_person(b, key, ret);
	return 0;
}

slice box_person_prefix(const struct box_person *p, struct arena *a)
{
	return arena_printf(a, "%s%.*s/", p->kind == ACCOUNT_PERSON ? BOX_OTHERS : BOX_SHARED,
		SFMT(p->address));
}

/* ---- names ---- */

/* A level above the folders has no account: id 0, whether there is such an account or not. What is no name is none wherever it stands:
 * the answer does not depend on who is there. */
static int locate_in(struct box_user *u, slice space, slice name, struct arena *a,
	struct box_where *ret, struct err *e)
{
	slice rest = slice_skip(name, space.n), address, folder;
	bool shared = space.p[0] == 'S';
	struct login_facts f;
	if (!slice_cut(&rest, '/', &address) || !address.n || !rest.n) {
		*ret = (struct box_where){.shared = shared};
		return 0;
	}
	if (mailbox_folder_name(rest, a, &folder, e) < 0)
		return -1;
	if (directory_get_facts(u->b->directory, address, a, &f, e) < 0)
		return e->kind == ERR_NOTFOUND || e->kind == ERR_PROTO ? box_no_such(name, e) : -1;
	if (f.org_id != u->org || f.id == u->account || f.disabled || f.deleted ||
		shared == (f.kind == ACCOUNT_PERSON))
		return box_no_such(name, e);
	*ret = (struct box_where){.account_id = f.id,
		.shared = shared,
		.folder = folder,
		.prefix = arena_printf(a, "%.*s%.*s/", SFMT(space), SFMT(f.address)),
		.quota = f.limits.quota,
		.quota_messages = f.limits.quota_messages};
	return 0;
}

/* "Other Users", with or without what follows. */
static bool in_space(slice name, slice space)
{
	slice bare = slice_first(space, space.n - 1);
	return slice_starts(name, space) || slice_eq(name, bare);
}

int box_locate(
	struct box_user *u, slice name, struct arena *a, struct box_where *ret, struct err *e)
{
	if (in_space(name, S(BOX_OTHERS)))
		return locate_in(u, S(BOX_OTHERS), name, a, ret, e);
	if (in_space(name, S(BOX_SHARED)))
		return locate_in(u, S(BOX_SHARED), name, a, ret, e);
	*ret = (struct box_where){.account_id = u->account, .own = true};
	return mailbox_folder_name(name, a, &ret->folder, e);
}
