/* Organisations, departments, classes, groups, shared mailboxes, deleted accounts: what changes mean. */
#include "base/time.h"
#include "store/credential.h"
#include "store/directory_impl.h"
#include "store/directory_testing.h"
#include "store/mailbox.h"

static int64_t make(struct place *p, slice address, enum account_kind kind, int64_t department)
{
	struct err e;
	int64_t id = 0;
	struct account_draft d = {.account = {.address = address,
					  .name = S("名字"),
					  .kind = kind,
					  .department_id = department}};
	OK(directory_account_make(p->db, &d, &id, &e));
	return id;
}

static int64_t department(struct place *p, slice path)
{
	struct err e;
	struct department d;
	if (directory_department(p->db, DIRECTORY_FIRST, path, &p->a, &d, &e) < 0) {
		OK(directory_department_add(p->db, DIRECTORY_FIRST, path, &e));
		OK(directory_department(p->db, DIRECTORY_FIRST, path, &p->a, &d, &e));
	}
	return d.id;
}

static int64_t group(struct place *p, slice address)
{
	struct err e;
	struct mail_group g;
	OK(directory_group_add(p->db, address, S("Group"), &e));
	OK(directory_group(p->db, address, &p->a, &g, &e));
	return g.id;
}

static void put(struct place *p, int64_t group_id, slice text, bool send_as)
{
	struct err e;
	struct member m;
	OK(directory_member_parse(p->db, DIRECTORY_FIRST, text, &p->a, &m, &e));
	m.send_as = send_as;
	OK(directory_group_put(p->db, group_id, &m, &e));
}

static void share(
	struct place *p, int64_t account_id, slice text, enum shared_level level, bool send_as)
{
	struct err e;
	struct member m;
	OK(directory_member_parse(p->db, DIRECTORY_FIRST, text, &p->a, &m, &e));
	m.send_as = send_as;
	m.level = level;
	OK(directory_shared_put(p->db, account_id, &m, &e));
}

/* "a b c", sorted as they come. */
static slice expanded(struct place *p, slice address)
{
	struct err e;
	struct rcpt_answer r;
	AUTO(buf) struct buf out = BUF(10000);
	OK(directory_resolve(p->db, address, S(""), &p->a, &r, &e));
	if (r.kind != RCPT_LOCAL)
		return S("no");
	for (size_t i = 0; i < r.ntargets; i++)
		buf_printf(&out, "%s%.*s", i ? " " : "", SFMT(r.targets[i]));
	return arena_dup(&p->a, buf_slice(&out));
}

static bool may(struct place *p, slice login, slice address)
{
	struct err e;
	bool yes;
	OK(directory_check_sender(p->db, login, address, S(""), &p->a, &yes, &e));
	return yes;
}

TEST(org_schema_goes_up_and_down)
{
	struct err e;
	struct place *p = place();
	struct account v;
	int version;
	make(p, S("ann@one.test"), ACCOUNT_PERSON, 0);
	make(p, S("desk@one.test"), ACCOUNT_SHARED, 0);
	OK(sql_migrate_down(p->db, 4, &e));
	OK(sql_version(p->db, &version, &e));
	CHECK_INT(version, 4);
	CHECK_INT(
		directory_number(p->db, &e, "SELECT COUNT(*) FROM account WHERE disabled = 1", ""),
		1);
	OK(sql_migrate(p->db, directory_migrations, directory_migrations_n, &e));
	OK(directory_account(p->db, S("ann@one.test"), &p->a, &v, &e));
	CHECK(v.kind == ACCOUNT_PERSON && v.class_id == DIRECTORY_FIRST && !v.disabled);
	leave(p);
}

TEST(org_limits_hold)
{
	struct err e;
	struct place *p = place();
	struct org o;
	int64_t id;
	OK(directory_org_add(p->db, &(struct org){.name = S("acme"), .max_accounts = 1}, &e));
	FAILS(directory_org_add(p->db, &(struct org){.name = S("acme")}, &e), ERR_EXISTS);
	FAILS(directory_org_add(p->db, &(struct org){.name = S("a b")}, &e), ERR_PROTO);
	OK(directory_domain_move(p->db, S("two.test"), S("acme"), &e));
	make(p, S("a@two.test"), ACCOUNT_PERSON, 0);
	struct account_draft d = {.account = {.address = S("b@two.test")}};
	FAILS(directory_account_make(p->db, &d, &id, &e), ERR_LIMIT);
	OK(directory_org(p->db, S("acme"), &p->a, &o, &e));
	CHECK(o.accounts == 1 && o.domains == 1);
	o.max_accounts = 0;
	o.max_bytes = 1000;
	FAILS(directory_org_save(p->db, &o, &e), ERR_LIMIT); /* a@ has no quota */
	OK(directory_account_quota(p->db, S("a@two.test"), 600, &e));
	OK(directory_org_save(p->db, &o, &e));
	d.account.own_quota = 500;
	FAILS(directory_account_make(p->db, &d, &id, &e), ERR_LIMIT);
	d.account.own_quota = 400;
	OK(directory_account_make(p->db, &d, &id, &e));
	FAILS(directory_account_quota(p->db, S("a@two.test"), 601, &e), ERR_LIMIT);
	FAILS(directory_org_remove(p->db, S("acme"), &e), ERR_PERM);
	FAILS(directory_org_remove(p->db, S("default"), &e), ERR_PERM);
	FAILS(directory_org_remove(p->db, S("none"), &e), ERR_NOTFOUND);
	/* A disabled organisation gets no mail and nobody in it logs in. */
	struct login_facts f;
	o.disabled = true;
	OK(directory_org_save(p->db, &o, &e));
	struct rcpt_answer r;
	OK(directory_resolve(p->db, S("a@two.test"), S(""), &p->a, &r, &e));
	CHECK(r.kind == RCPT_DISABLED);
	OK(directory_login_facts(p->db, S("a@two.test"), &p->a, &f, &e));
	CHECK(f.disabled);
	leave(p);
}

TEST(org_departments_are_a_tree)
{
	struct err e;
	struct place *p = place();
	struct department *v, d;
	size_t n;
	int64_t east = department(p, S("销售/华东")), sales = department(p, S("销售"));
	int64_t dev = department(p, S("Dev"));
	FAILS(directory_department_add(p->db, DIRECTORY_FIRST, S("Dev"), &e), ERR_EXISTS);
	FAILS(directory_department_add(p->db, DIRECTORY_FIRST, S("Dev//x"), &e), ERR_PROTO);
	FAILS(directory_department_add(p->db, DIRECTORY_FIRST, S(""), &e), ERR_PROTO);
	FAILS(directory_department_move(p->db, sales, east, &e), ERR_PROTO);
	OK(directory_department_move(p->db, east, dev, &e));
	OK(directory_department_rename(p->db, east, S("East"), &e));
	OK(directory_departments(p->db, DIRECTORY_FIRST, &p->a, &v, &n, &e));
	CHECK_INT(n, 3);
	CHECK_STR(v[0].path, S("Dev"));
	CHECK_STR(v[1].path, S("Dev/East"));
	CHECK_STR(v[2].path, S("销售"));
	make(p, S("ann@one.test"), ACCOUNT_PERSON, east);
	FAILS(directory_department_remove(p->db, east, &e), ERR_PERM);
	FAILS(directory_department_remove(p->db, dev, &e), ERR_PERM);
	OK(directory_department_remove(p->db, sales, &e));
	FAILS(directory_department(p->db, DIRECTORY_FIRST, S("销售"), &p->a, &d, &e), ERR_NOTFOUND);
	/* As deep as it may be, and no deeper by moving. */
	int64_t deep = department(p, S("1/2/3/4/5/6/7/8/9/10/11/12/13/14/15/16"));
	CHECK(deep > 0);
	FAILS(directory_department_move(p->db, department(p, S("1")), dev, &e), ERR_LIMIT);
	leave(p);
}

TEST(org_classes_limit_and_accounts_override)
{
	struct err e;
	struct place *p = place();
	struct service_class c = {.name = S("small"),
		.limits = {
			.quota = 100, .quota_messages = 5, .services = SERVICE_IMAP | SERVICE_WEB}};
	struct login_facts f;
	struct account_draft d = {.account = {.address = S("ann@one.test")}};
	int64_t id;
	OK(directory_class_add(p->db, &c, &e));
	OK(directory_class(p->db, S("small"), &p->a, &c, &e));
	d.account.class_id = c.id;
	OK(directory_account_make(p->db, &d, &id, &e));
	OK(directory_login_facts(p->db, S("Ann@ONE.test"), &p->a, &f, &e));
	CHECK(f.limits.quota == 100 && f.limits.quota_messages == 5);
	CHECK_INT(f.limits.services, SERVICE_IMAP | SERVICE_WEB);
	OK(directory_account_by_id(p->db, id, &p->a, &d.account, &e));
	d.account.services_on = SERVICE_POP3;
	d.account.services_off = SERVICE_WEB;
	d.account.own_quota = DIRECTORY_UNLIMITED;
	d.field[FIELD_TITLE] = S("经理");
	OK(directory_account_save(p->db, &d, &e));
	OK(directory_account_facts(p->db, id, &p->a, &f, &e));
	CHECK(f.limits.quota == 0);
	CHECK_INT(f.limits.services, SERVICE_IMAP | SERVICE_POP3);
	slice field[FIELD_COUNT];
	OK(directory_account_fields(p->db, id, &p->a, field, &e));
	CHECK_STR(field[FIELD_TITLE], S("经理"));
	d.account.services_on = SERVICE_WEB;
	FAILS(directory_account_save(p->db, &d, &e), ERR_PROTO);
	FAILS(directory_class_remove(p->db, S("small"), &e), ERR_PERM);
	FAILS(directory_class_remove(p->db, S("standard"), &e), ERR_PERM);
	unsigned bits;
	CHECK(services_parse(S("imap, pop3 smtp"), &bits) &&
		bits == (SERVICE_IMAP | SERVICE_POP3 | SERVICE_SUBMISSION));
	CHECK(!services_parse(S("imap,ftp"), &bits));
	CHECK_STR(services_print(SERVICE_IMAP | SERVICE_EAS, &p->a), S("imap,eas"));
	leave(p);
}

TEST(org_groups_expand_once_and_end)
{
	struct err e;
	struct place *p = place();
	struct member m;
	int64_t sales = department(p, S("Sales")), east = department(p, S("Sales/East"));
	make(p, S("ann@one.test"), ACCOUNT_PERSON, sales);
	make(p, S("bob@one.test"), ACCOUNT_PERSON, east);
	make(p, S("cat@two.test"), ACCOUNT_PERSON, 0);
	make(p, S("desk@one.test"), ACCOUNT_SHARED, sales);
	int64_t all = group(p, S("all@one.test")), few = group(p, S("few@one.test"));
	CHECK_STR(expanded(p, S("all@one.test")), S("no")); /* nobody yet */
	put(p, all, S("department:Sales"), false);
	put(p, all, S("Few@one.test"), false);
	put(p, few, S("cat@two.test"), true);
	put(p, few, S("ann@one.test"), false);
	put(p, few, S("all@one.test"), false); /* a circle */
	put(p, few, S("out@far.test"), false);
	CHECK_STR(expanded(p, S("all@one.test")),
		S("ann@one.test bob@one.test cat@two.test out@far.test"));
	CHECK_STR(expanded(p, S("all+x@one.test")),
		S("ann@one.test bob@one.test cat@two.test out@far.test"));
	OK(directory_account_delete(p->db, S("ann@one.test"), &e));
	OK(directory_account_disable(p->db, S("bob@one.test"), true, &e));
	CHECK_STR(expanded(p, S("all@one.test")), S("cat@two.test out@far.test"));
	FAILS(directory_member_parse(p->db, DIRECTORY_FIRST, S("nobody@one.test"), &p->a, &m, &e),
		ERR_NOTFOUND);
	FAILS(directory_member_parse(p->db, DIRECTORY_FIRST, S("department:X"), &p->a, &m, &e),
		ERR_NOTFOUND);
	OK(directory_member_parse(p->db, DIRECTORY_FIRST, S("few@one.test"), &p->a, &m, &e));
	FAILS(directory_group_put(p->db, few, &m, &e), ERR_PROTO);
	FAILS(directory_group_add(p->db, S("desk@one.test"), S(""), &e), ERR_EXISTS);
	FAILS(directory_alias_add(p->db, S("few@one.test"), S("cat@two.test"), &e), ERR_EXISTS);
	FAILS(directory_account_add(p->db, S("few@one.test"), S(""), S("long enough"), &e),
		ERR_EXISTS);
	FAILS(directory_domain_remove(p->db, S("one.test"), &e), ERR_PERM);
	/* Who may use the address: who is told so, not everybody in it. */
	CHECK(may(p, S("cat@two.test"), S("few@one.test")));
	CHECK(!may(p, S("cat@two.test"), S("all@one.test")));
	OK(directory_account_disable(p->db, S("bob@one.test"), false, &e));
	CHECK(!may(p, S("bob@one.test"), S("few@one.test")));
	/* An alias that leads through a group gives nobody the right either. */
	OK(directory_alias_add(p->db, S("wide@one.test"), S("all@one.test"), &e));
	CHECK(!may(p, S("bob@one.test"), S("wide@one.test")));
	OK(directory_group_remove(p->db, S("few@one.test"), &e));
	CHECK_STR(expanded(p, S("all@one.test")), S("bob@one.test"));
	leave(p);
}

/* A chain of groups longer than it may be; one of everybody in an organisation. */
TEST(org_groups_have_limits)
{
	struct err e;
	struct place *p = place();
	int64_t before = 0;
	make(p, S("ann@one.test"), ACCOUNT_PERSON, 0);
	for (int i = 0; i <= DIRECTORY_GROUP_DEPTH; i++) {
		int64_t g = group(p, arena_printf(&p->a, "g%d@one.test", i));
		put(p, g, i ? arena_printf(&p->a, "g%d@one.test", i - 1) : S("ann@one.test"),
			false);
		before = g;
	}
	CHECK_STR(expanded(p, arena_printf(&p->a, "g%d@one.test", DIRECTORY_GROUP_DEPTH - 1)),
		S("ann@one.test"));
	CHECK_STR(expanded(p, arena_printf(&p->a, "g%d@one.test", DIRECTORY_GROUP_DEPTH)), S("no"));
	put(p, before, S("org:default"), true);
	CHECK(may(
		p, S("ann@one.test"), arena_printf(&p->a, "g%d@one.test", DIRECTORY_GROUP_DEPTH)));
	(void)e;
	leave(p);
}

TEST(org_shared_mailboxes_reach_people_by_all_ways)
{
	struct err e;
	struct place *p = place();
	struct memberships m;
	struct login_facts f;
	int64_t east = department(p, S("Sales/East"));
	int64_t ann = make(p, S("ann@one.test"), ACCOUNT_PERSON, east);
	make(p, S("bob@one.test"), ACCOUNT_PERSON, 0);
	int64_t desk = make(p, S("desk@one.test"), ACCOUNT_SHARED, 0);
	int64_t room = make(p, S("room@one.test"), ACCOUNT_ROOM, 0);
	int64_t inner = group(p, S("inner@one.test")), outer = group(p, S("outer@one.test"));
	put(p, outer, S("inner@one.test"), false);
	put(p, inner, S("bob@one.test"), false);
	put(p, inner, S("department:Sales"), false);
	share(p, desk, S("outer@one.test"), SHARED_READ, false);
	share(p, desk, S("ann@one.test"), SHARED_WRITE, true);
	share(p, room, S("department:Sales"), SHARED_MANAGE, false);
	OK(directory_find_memberships(p->db, S("ann@one.test"), &p->a, &m, &e));
	CHECK_INT(m.ngroups, 2);
	CHECK_STR(m.groups[0].address, S("inner@one.test"));
	CHECK_INT(m.ndepartments, 2);
	CHECK_STR(m.department_paths[0], S("Sales/East"));
	CHECK_STR(m.department_paths[1], S("Sales"));
	CHECK_INT(m.nshared, 2);
	CHECK(m.shared[0].account_id == desk && m.shared[0].level == SHARED_WRITE &&
		m.shared[0].send_as);
	CHECK(m.shared[1].account_id == room && m.shared[1].level == SHARED_MANAGE);
	OK(directory_find_memberships(p->db, S("bob@one.test"), &p->a, &m, &e));
	CHECK_INT(m.nshared, 1);
	CHECK(m.shared[0].level == SHARED_READ && !m.shared[0].send_as);
	CHECK(may(p, S("ann@one.test"), S("desk+x@one.test")));
	CHECK(!may(p, S("ann@one.test"), S("room@one.test")));
	CHECK(!may(p, S("bob@one.test"), S("desk@one.test")));
	/* Nobody logs in as the mailbox itself, nor sends by it. */
	OK(directory_login_facts(p->db, S("desk@one.test"), &p->a, &f, &e));
	CHECK(f.kind == ACCOUNT_SHARED && f.limits.services == 0);
	CHECK(!may(p, S("desk@one.test"), S("desk@one.test")));
	/* A person's mailbox is not shared this way; nobody from elsewhere reads one. */
	struct member who = {.kind = MEMBER_ACCOUNT, .id = ann, .level = SHARED_READ};
	FAILS(directory_shared_put(p->db, ann, &who, &e), ERR_PROTO);
	who.kind = MEMBER_ADDRESS;
	FAILS(directory_shared_put(p->db, desk, &who, &e), ERR_PROTO);
	CHECK(shared_level_rights(SHARED_READ) == (RIGHT_LOOKUP | RIGHT_READ | RIGHT_SEEN));
	CHECK(!(shared_level_rights(SHARED_WRITE) & RIGHT_ADMIN));
	CHECK(shared_level_rights(SHARED_MANAGE) == RIGHT_ALL);
	leave(p);
}

TEST(org_domain_aliases_stand_for_whole_domains)
{
	struct err e;
	struct place *p = place();
	struct rcpt_answer r;
	int64_t ann = make(p, S("ann@one.test"), ACCOUNT_PERSON, 0);
	struct domain d = {
		.name = S("alias.test"), .kind = DOMAIN_ALIAS, .stands_for = S("ONE.test")};
	OK(directory_domain_add(p->db, &d, &e));
	OK(directory_resolve(p->db, S("Ann+x@alias.test"), S(""), &p->a, &r, &e));
	CHECK(r.kind == RCPT_LOCAL && r.account_id == ann);
	OK(directory_resolve(p->db, S("nobody@alias.test"), S(""), &p->a, &r, &e));
	CHECK(r.kind == RCPT_NO_SUCH_USER);
	CHECK(may(p, S("ann@one.test"), S("ann@alias.test")));
	FAILS(directory_account_add(p->db, S("bob@alias.test"), S(""), S("long enough"), &e),
		ERR_PROTO);
	d = (struct domain){
		.name = S("b.test"), .kind = DOMAIN_ALIAS, .stands_for = S("alias.test")};
	FAILS(directory_domain_add(p->db, &d, &e), ERR_PROTO);
	FAILS(directory_domain_remove(p->db, S("one.test"), &e), ERR_PERM);
	OK(directory_domain_disable(p->db, S("alias.test"), true, &e));
	OK(directory_resolve(p->db, S("ann@alias.test"), S(""), &p->a, &r, &e));
	CHECK(r.kind == RCPT_DISABLED);
	OK(directory_domain_remove(p->db, S("alias.test"), &e));
	leave(p);
}

TEST(org_own_addresses_go_with_the_account)
{
	struct err e;
	struct place *p = place();
	int64_t ann = make(p, S("ann@one.test"), ACCOUNT_PERSON, 0);
	slice *v;
	size_t n;
	OK(directory_own_add(p->db, ann, S("A.Lee@two.test"), &e));
	FAILS(directory_own_add(p->db, ann, S("a.lee@two.test"), &e), ERR_EXISTS);
	FAILS(directory_own_add(p->db, ann, S("a@far.test"), &e), ERR_NOTFOUND);
	FAILS(directory_alias_add(p->db, S("a.lee@two.test"), S("x@far.test"), &e), ERR_EXISTS);
	OK(directory_own(p->db, ann, &p->a, &v, &n, &e));
	CHECK_INT(n, 1);
	CHECK_STR(v[0], S("a.lee@two.test"));
	CHECK_STR(expanded(p, S("a.lee@two.test")), S("ann@one.test"));
	CHECK(may(p, S("ann@one.test"), S("a.lee@two.test")));
	OK(directory_account_delete(p->db, S("ann@one.test"), &e));
	FAILS(directory_own_add(p->db, ann, S("b@two.test"), &e), ERR_NOTFOUND);
	OK(directory_account_purge(p->db, ann, true, &e));
	OK(directory_own(p->db, ann, &p->a, &v, &n, &e));
	CHECK_INT(n, 0);
	leave(p);
}

TEST(org_deleted_accounts_come_back_whole)
{
	struct err e;
	struct place *p = place();
	struct account v;
	struct login_facts f;
	struct rcpt_answer r;
	struct memberships m;
	int64_t ann = make(p, S("ann@one.test"), ACCOUNT_PERSON, 0);
	int64_t g = group(p, S("g@one.test"));
	put(p, g, S("ann@one.test"), false);
	OK(directory_own_add(p->db, ann, S("a@two.test"), &e));
	OK(directory_alias_add(p->db, S("x@one.test"), S("ann@one.test"), &e));
	FAILS(directory_account_delete(p->db, S("ann@one.test"), &e), ERR_PERM);
	OK(directory_alias_remove(p->db, S("x@one.test"), S(""), &e));
	int64_t before = wall_now();
	OK(directory_account_delete(p->db, S("ann@one.test"), &e));
	FAILS(directory_account_delete(p->db, S("ann@one.test"), &e), ERR_NOTFOUND);
	FAILS(directory_login_facts(p->db, S("ann@one.test"), &p->a, &f, &e), ERR_NOTFOUND);
	static const char *const addresses[] = {"ann@one.test", "ann+x@one.test", "a@two.test"};
	for (size_t i = 0; i < 3; i++) {
		OK(directory_resolve(p->db, slice_z(addresses[i]), S(""), &p->a, &r, &e));
		CHECK(r.kind == RCPT_NO_SUCH_USER);
	}
	FAILS(directory_account_add(p->db, S("ann@one.test"), S(""), S("long enough"), &e),
		ERR_EXISTS);
	CHECK_INT(directory_next_deleted(p->db, before, &p->a, &v, &e), 0);
	CHECK_INT(directory_next_deleted(p->db, wall_now() + 1, &p->a, &v, &e), 1);
	CHECK_INT(v.id, ann);
	OK(directory_account_recover(p->db, S("Ann@one.test"), &e));
	FAILS(directory_account_recover(p->db, S("ann@one.test"), &e), ERR_NOTFOUND);
	OK(directory_find_memberships(p->db, S("ann@one.test"), &p->a, &m, &e));
	CHECK_INT(m.ngroups, 1);
	CHECK(may(p, S("ann@one.test"), S("a@two.test")));
	FAILS(directory_account_purge(p->db, ann, true, &e), ERR_PERM);
	OK(directory_account_delete(p->db, S("ann@one.test"), &e));
	OK(directory_account_purge(p->db, ann, true, &e));
	CHECK_INT(directory_number(p->db, &e, "SELECT COUNT(*) FROM mailgroup_member", ""), 0);
	make(p, S("ann@one.test"), ACCOUNT_PERSON, 0); /* the address is free again */
	leave(p);
}

TEST(org_pages_find_what_is_asked)
{
	struct err e;
	struct place *p = place();
	struct account *v;
	struct domain two;
	size_t n;
	int64_t sales = department(p, S("Sales")), east = department(p, S("Sales/East"));
	for (int i = 0; i < 25; i++)
		make(p, arena_printf(&p->a, "u%02d@one.test", i), ACCOUNT_PERSON,
			i % 5 == 0 ? east : 0);
	make(p, S("100%@two.test"), ACCOUNT_SHARED, sales);
	struct account_query q = {.limit = 10};
	size_t all = 0;
	do {
		OK(directory_accounts_page(p->db, &q, &p->a, &v, &n, &e));
		all += n;
		if (n)
			q.after = v[n - 1].address;
	} while (n == 10);
	CHECK_INT(all, 26);
	OK(directory_accounts_page(
		p->db, &(struct account_query){.department_id = sales}, &p->a, &v, &n, &e));
	CHECK_INT(n, 6);
	OK(directory_accounts_page(
		p->db, &(struct account_query){.text = S("U1")}, &p->a, &v, &n, &e));
	CHECK_INT(n, 10);
	OK(directory_accounts_page(
		p->db, &(struct account_query){.text = S("0%@")}, &p->a, &v, &n, &e));
	CHECK_INT(n, 1);
	OK(directory_accounts_page(
		p->db, &(struct account_query){.text = S("名")}, &p->a, &v, &n, &e));
	CHECK_INT(n, 26);
	OK(directory_domain(p->db, S("two.test"), &p->a, &two, &e));
	OK(directory_accounts_page(
		p->db, &(struct account_query){.domain_id = two.id}, &p->a, &v, &n, &e));
	CHECK_INT(n, 1);
	OK(directory_accounts_page(
		p->db, &(struct account_query){.kind = ACCOUNT_SHARED}, &p->a, &v, &n, &e));
	CHECK_INT(n, 1);
	OK(directory_account_delete(p->db, S("u03@one.test"), &e));
	OK(directory_accounts_page(
		p->db, &(struct account_query){.deleted = true}, &p->a, &v, &n, &e));
	CHECK_INT(n, 1);
	CHECK_STR(v[0].address, S("u03@one.test"));
	leave(p);
}

TEST(org_groups_of_others_are_far)
{
	struct place *p = place();
	struct err e;
	int64_t team = group(p, S("team@two.test")),
		ann = make(p, S("ann@one.test"), ACCOUNT_PERSON, 0);
	CHECK_INT(directory_group_is_near(p->db, team, ann, &e), 1);
	OK(directory_org_add(p->db, &(struct org){.name = S("other"), .title = S("")}, &e));
	OK(directory_domain_move(p->db, S("two.test"), S("other"), &e));
	CHECK_INT(directory_group_is_near(p->db, team, ann, &e), 0);
	leave(p);
}
