/*
 * What an address belongs to, as the words by which policies speak of it (directory.h): organisation, service class, departments with those
 * above, groups through groups. An address that is an alias of one account alone is that account; a group's is the group.
 */
#include "base/mem.h"
#include "store/directory_impl.h"

enum { WORDS_BYTES_MAX = 256 * 1024 };

static void word(struct buf *out, const char *kind, slice name)
{
	buf_printf(out, "%s%.*s\n", kind, SFMT(name));
}

static int name_org(
	struct sql *db, int64_t org_id, struct buf *out, struct arena *a, slice *ret, struct err *e)
{
	struct org org;
	if (directory_org_by_id(db, org_id, a, &org, e) < 0)
		return -1;
	word(out, "org:", org.name);
	*ret = org.name;
	return 0;
}

static int of_account(struct sql *db, const struct login_facts *f, struct buf *out, struct arena *a,
	struct err *e)
{
	struct memberships m;
	struct service_class class;
	slice org;
	if (directory_find_memberships(db, f->address, a, &m, e) < 0 ||
		directory_class_by_id(db, f->class_id, a, &class, e) < 0 ||
		name_org(db, f->org_id, out, a, &org, e) < 0)
		return -1;
	word(out, "class:", class.name);
	for (size_t i = 0; i < m.ngroups; i++)
		word(out, "group:", m.groups[i].address);
	for (size_t i = 0; i < m.ndepartments; i++) {
		word(out, "department:", m.department_paths[i]);
		buf_printf(out, "department:%.*s:%.*s\n", SFMT(org), SFMT(m.department_paths[i]));
	}
	return 0;
}

/* Whatever is in a domain of an organisation, be its mailboxes here or behind us. */
static int of_domain(struct sql *db, slice address, struct buf *out, struct arena *a, struct err *e)
{
	struct domain d;
	slice org;
	if (directory_domain(db, slice_skip(address, slice_rindex(address, '@') + 1), a, &d, e) < 0)
		return e->kind == ERR_NOTFOUND ? 0 : -1;
	return name_org(db, d.org_id, out, a, &org, e);
}

static int words_of(struct sql *db, slice address, struct buf *out, struct arena *a, struct err *e)
{
	struct rcpt_answer r;
	struct login_facts f;
	struct mail_group g;
	if (directory_resolve(db, address, S(""), a, &r, e) < 0)
		return -1;
	bool one = r.ntargets == 1 && !r.group_id && !r.list_id;
	int found = r.account_id ? directory_account_facts(db, r.account_id, a, &f, e)
		    : one        ? directory_login_facts(db, r.targets[0], a, &f, e)
				 : err_set(e, ERR_NOTFOUND, "no account");
	if (found == 0 && !f.deleted)
		return of_account(db, &f, out, a, e);
	if (found < 0 && e->kind != ERR_NOTFOUND)
		return -1;
	if (r.group_id && directory_group(db, address, a, &g, e) == 0)
		word(out, "group:", g.address);
	return of_domain(db, address, out, a, e);
}

int directory_find_belonging(
	struct sql *db, slice address, struct arena *a, slice *ret, struct err *e)
{
	AUTO(arena) struct arena mem = {0};
	AUTO(buf) struct buf out = BUF(WORDS_BYTES_MAX);
	slice key;
	*ret = S("");
	if (!directory_canonical(address, &mem, &key))
		return 0;
	if (words_of(db, key, &out, &mem, e) < 0)
		return -1;
	if (!buf_ok(&out))
		return err_set(e, ERR_LIMIT, "%.*s belongs to too much", SFMT(key));
	*ret = arena_dup(a, buf_slice(&out));
	return 0;
}
