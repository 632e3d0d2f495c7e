/* What people may do to held mail, and that what they do is done once, with what follows. */
#include "base/time.h"
#include "bin/quarantine_act.h"
#include "bin/quarantine_conf.h"
#include "store/directory.h"
#include "store/notice.h"
#include "store/store_testing.h"

static const struct conf_section *const sections[] = {
	&quarantine_section, &quarantine_class_section, NULL};

static size_t read_conf(slice text, struct arena *a, struct quarantine_conf *ret)
{
	struct conf_errors errors = {0};
	struct conf *c;
	struct err e;
	if (conf_parse(text, S("test"), sections, CONF_EN, a, &c, &errors, &e) < 0)
		return errors.n ? errors.n : 1;
	quarantine_conf_read(c, ret);
	conf_free(c);
	return 0;
}

TEST(what_cannot_be_permitted_is_a_mistake)
{
	static const struct {
		const char *text;
		size_t mistakes;
	} cases[] = {
		{"", 0},
		{"[quarantine]\nkeep = 3d\n[quarantine \"spam\"]\nkeep = 1d\nmay = release\n", 0},
		{"[quarantine \"virus\"]\nmay = headers ask\n", 0},
		{"[quarantine \"virus\"]\nmay = release\n", 1},
		{"[quarantine \"high-phishing\"]\nmay = allow\n", 1},
		{"[quarantine \"unexamined\"]\nmay = download\n", 1},
		{"[quarantine \"approval\"]\nmay = release\n", 1},
		{"[quarantine \"nonsense\"]\nmay = headers\n", 1},
		{"[quarantine \"none\"]\nmay = headers\n", 1},
		{"[quarantine \"spam\"]\nmay = fly\n", 1},
		{"[quarantine]\nmay = release\n", 1},
	};
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		AUTO(arena) struct arena a = {0};
		struct quarantine_conf c;
		size_t n = read_conf(slice_z(cases[i].text), &a, &c);
		if (n != cases[i].mistakes)
			test_fail(__FILE__, __LINE__, "case %zu: %zu mistakes", i, n);
	}
}

TEST(times_by_kind_and_class)
{
	AUTO(arena) struct arena a = {0};
	struct quarantine_conf c;
	CHECK_INT(read_conf(S("[quarantine]\nkeep = 3d\nkeep_rejected = 2d\n"
			      "[quarantine \"spam\"]\nkeep = 1d\n"),
			  &a, &c),
		0);
	CHECK_INT(quarantine_expires_at(&c, QUARANTINE_HELD, QUARANTINE_SPAM, 5), DAY + 5);
	CHECK_INT(quarantine_expires_at(&c, QUARANTINE_HELD, QUARANTINE_VIRUS, 5), 3 * DAY + 5);
	CHECK_INT(quarantine_expires_at(&c, QUARANTINE_REJECTED, QUARANTINE_SPAM, 5), 2 * DAY + 5);
}

TEST(who_may_do_what)
{
	static const slice approvers[] = {S_INIT("boss@example.net")};
	static const struct {
		enum quarantine_role role;
		const char *name;
		enum quarantine_verb verb;
		enum quarantine_class class;
		enum quarantine_kind kind;
		enum quarantine_state state;
		bool may;
	} cases[] = {
		{QUARANTINE_RECIPIENT, "bob@x", QUARANTINE_RELEASE, QUARANTINE_SPAM, 1, 0, true},
		{QUARANTINE_RECIPIENT, "bob@x", QUARANTINE_RELEASE, QUARANTINE_SPAM, 2, 0, true},
		{QUARANTINE_RECIPIENT, "bob@x", QUARANTINE_RELEASE, QUARANTINE_SPAM, 3, 0, false},
		{QUARANTINE_RECIPIENT, "bob@x", QUARANTINE_RELEASE, QUARANTINE_SPAM, 1,
			QUARANTINE_DISCARDED, false},
		{QUARANTINE_RECIPIENT, "bob@x", QUARANTINE_RELEASE, QUARANTINE_VIRUS, 1, 0, false},
		{QUARANTINE_RECIPIENT, "bob@x", QUARANTINE_ALLOW, QUARANTINE_PHISHING_SURE, 1, 0,
			false},
		{QUARANTINE_RECIPIENT, "bob@x", QUARANTINE_RELEASE, QUARANTINE_UNEXAMINED, 1, 0,
			false},
		{QUARANTINE_RECIPIENT, "bob@x", QUARANTINE_ASK, QUARANTINE_UNEXAMINED, 1, 0, true},
		{QUARANTINE_RECIPIENT, "bob@x", QUARANTINE_APPROVE_IT, QUARANTINE_SPAM, 1, 0,
			false},
		{QUARANTINE_RECIPIENT, "boss@example.net", QUARANTINE_APPROVE_IT,
			QUARANTINE_APPROVAL, 1, 0, false},
		{QUARANTINE_RECIPIENT, "bob@x", QUARANTINE_UNDO, QUARANTINE_SPAM, 1,
			QUARANTINE_DELETED, true},
		{QUARANTINE_RECIPIENT, "eve@x", QUARANTINE_UNDO, QUARANTINE_SPAM, 1,
			QUARANTINE_DELETED, false},
		{QUARANTINE_RECIPIENT, "bob@x", QUARANTINE_UNDO, QUARANTINE_SPAM, 1,
			QUARANTINE_REFUSED, false},
		{QUARANTINE_APPROVER, "BOSS@example.net", QUARANTINE_APPROVE_IT,
			QUARANTINE_APPROVAL, 1, 0, true},
		{QUARANTINE_APPROVER, "boss@example.net", QUARANTINE_PREVIEW, QUARANTINE_APPROVAL,
			1, 0, true},
		{QUARANTINE_APPROVER, "boss@example.net", QUARANTINE_DELETE, QUARANTINE_APPROVAL, 1,
			0, false},
		{QUARANTINE_APPROVER, "boss@example.net", QUARANTINE_APPROVE_IT, QUARANTINE_SPAM, 1,
			0, false},
		{QUARANTINE_APPROVER, "bob@x", QUARANTINE_APPROVE_IT, QUARANTINE_APPROVAL, 1, 0,
			false},
		{QUARANTINE_ADMIN, "root", QUARANTINE_RELEASE, QUARANTINE_VIRUS, 1, 0, true},
	};
	AUTO(arena) struct arena a = {0};
	struct quarantine_conf c;
	CHECK_INT(read_conf(S(""), &a, &c), 0);
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct quarantine_rcpt r = {
			.address = S("sales@x"), .state = cases[i].state, .by = S("bob@x")};
		struct quarantine_msg m = {.kind = cases[i].kind,
			.class = cases[i].class,
			.approvers = approvers,
			.napprovers = 1};
		struct quarantine_actor who = {cases[i].role, slice_z(cases[i].name)};
		const char *en = NULL, *zh = NULL;
		bool may = quarantine_may(&c, &who, cases[i].verb, &m, &r, &en, &zh);
		if (may != cases[i].may || (!may && (!en || !zh)))
			test_fail(__FILE__, __LINE__, "case %zu", i);
	}
	c.allow_senders = false;
	struct quarantine_rcpt r = {0};
	struct quarantine_msg m = {.kind = QUARANTINE_HELD, .class = QUARANTINE_SPAM};
	struct quarantine_actor bob = {QUARANTINE_RECIPIENT, S("bob@x")};
	CHECK(!quarantine_may(&c, &bob, QUARANTINE_ALLOW, &m, &r, NULL, NULL));
	CHECK(quarantine_may(&c, &bob, QUARANTINE_RELEASE, &m, &r, NULL, NULL));
}

TEST(sender_of_a_message)
{
	static const struct {
		const char *from, *envelope, *want;
	} cases[] = {
		{"Ann <ann@x.example>", "b@y.example", "ann@x.example"},
		{"ann@x.example", "b@y.example", "ann@x.example"},
		{"\"<a@b>\" <ann@x.example>", "b@y.example", "ann@x.example"},
		{"Ann", "b@y.example", "b@y.example"},
		{"", "b@y.example", "b@y.example"},
		{"Ann <>", "", ""},
	};
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct quarantine_msg m = {.from = slice_z(cases[i].from)};
		m.msg.sender = slice_z(cases[i].envelope);
		CHECK_STR(quarantine_sender_of(&m), slice_z(cases[i].want));
	}
}

/* ---- deeds ---- */

struct place {
	struct testdir dir;
	struct sql *queue, *directory;
	struct quarantine_conf conf;
	struct quarantine_hands hands;
	struct arena a;
	unsigned taught, woken;
	bool spam;
	slice who;
};

static int teach(void *arg, const struct quarantine_msg *m, slice who, bool spam, struct err *e)
{
	struct place *p = arg;
	(void)m, (void)e;
	p->taught++;
	p->spam = spam;
	p->who = arena_dup(&p->a, who);
	return 0;
}

static void queued(void *arg, const struct queue_msg *m)
{
	struct place *p = arg;
	p->woken += (unsigned)m->nrcpts;
}

static void place_open(struct place *p)
{
	struct err e;
	p->dir = testdir_make();
	slice dir = testdir_slice(&p->dir);
	OK(sql_open(dir, "queue", &p->queue, &e));
	OK(sql_migrate(p->queue, queue_migrations, queue_migrations_n, &e));
	OK(sql_open(dir, "directory", &p->directory, &e));
	OK(sql_migrate(p->directory, directory_migrations, directory_migrations_n, &e));
	CHECK_INT(read_conf(S(""), &p->a, &p->conf), 0);
	p->hands = (struct quarantine_hands){.queue_db = p->queue,
		.data = dir,
		.conf = &p->conf,
		.lifetime = DAY,
		.teach = teach,
		.queued = queued,
		.arg = p};
}

static void place_close(struct place *p)
{
	sql_close(p->queue);
	sql_close(p->directory);
	arena_done(&p->a);
	auto_testdir(&p->dir);
}

static msg_id hold(struct place *p, enum quarantine_class class, slice log)
{
	static const slice approvers[] = {S_INIT("boss@example.net")};
	struct err e;
	struct quarantine_rcpt r[2] = {{.idx = 0, .address = S("bob@example.net")},
		{.idx = 1, .address = S("ann@example.net")}};
	struct quarantine_msg m = {.msg = {.id = msg_id_new(),
					   .sender = S("eve@partner.example"),
					   .blob = 77,
					   .size = 5,
					   .prefix = S("Received: x\r\n"),
					   .log = log},
		.kind = QUARANTINE_HELD,
		.class = class,
		.from = S("Eve <eve@partner.example>"),
		.approvers = approvers,
		.napprovers = class == QUARANTINE_APPROVAL ? 1 : 0,
		.held_at = wall_now(),
		.expires_at = wall_now() + DAY,
		.rcpts = r,
		.nrcpts = 2};
	OK(quarantine_add_tx(p->queue, &m, &e));
	return m.msg.id;
}

static const struct quarantine_actor bob = {QUARANTINE_RECIPIENT, S_INIT("bob@example.net")},
				     boss = {QUARANTINE_APPROVER, S_INIT("boss@example.net")},
				     root = {QUARANTINE_ADMIN, S_INIT("r\xc3\xb6\xc3\xb6t; x")};

static bool keep_entry(void *arg, const struct lists_entry *entry)
{
	*(struct lists_entry *)arg = *entry;
	((struct lists_entry *)arg)->what = slice_z(mem_dup(entry->what.p, entry->what.n));
	((struct lists_entry *)arg)->scope = slice_z(mem_dup(entry->scope.p, entry->scope.n));
	return true;
}

TEST(release_and_allow_once)
{
	struct place p = {0};
	struct quarantine_done d;
	struct queue_msg q;
	struct err e;
	place_open(&p);
	msg_id id = hold(&p, QUARANTINE_SPAM, S(""));
	OK(quarantine_act(&p.hands, &bob, QUARANTINE_ALLOW, id, 0, true, &p.a, &d, &e));
	CHECK(d.changed == 1 && !d.already && d.note.n == 0 && d.released_as);
	CHECK(p.woken == 1 && p.taught == 1 && !p.spam);
	CHECK_STR(p.who, bob.name);
	msg_id as = d.released_as;
	OK(queue_load(p.queue, as, &p.a, &q, &e));
	CHECK(slice_starts(q.prefix, S("X-Posthouse-Released: ")));
	CHECK(slice_find(q.prefix, S("; by=bob@example.net; id=")) < q.prefix.n);
	struct lists_entry entry = {0};
	OK(lists_each(p.directory, &(struct lists_filter){0}, keep_entry, &entry, &e));
	CHECK(entry.allow && entry.level == LISTS_USER && entry.kind == LISTS_ADDRESS);
	CHECK_STR(entry.what, S("eve@partner.example"));
	CHECK_STR(entry.scope, bob.name);
	free((char *)entry.what.p);
	free((char *)entry.scope.p);
	OK(quarantine_act(&p.hands, &bob, QUARANTINE_RELEASE, id, 0, true, &p.a, &d, &e));
	CHECK(d.already && d.changed == 0 && d.released_as == as);
	CHECK(p.woken == 1 && p.taught == 1);
	CHECK(quarantine_act(&p.hands, &bob, QUARANTINE_RELEASE, id, -1, false, &p.a, &d, &e) < 0);
	CHECK_INT(e.kind, ERR_DENIED);
	OK(quarantine_act(&p.hands, &root, QUARANTINE_RELEASE, id, -1, false, &p.a, &d, &e));
	CHECK_INT(d.changed, 1);
	OK(queue_load(p.queue, d.released_as, &p.a, &q, &e));
	CHECK(slice_find(q.prefix, S("; by=r????t??x; id=")) < q.prefix.n);
	place_close(&p);
}

static bool keep_kind(void *arg, const struct notice *n)
{
	((unsigned *)arg)[n->kind]++;
	return true;
}

TEST(approval_is_told_to_whom_it_concerns)
{
	static const struct {
		const char *log;
		enum quarantine_verb verb;
		enum notice_kind told; /* 0: nobody */
	} cases[] = {
		{"1 told sender=eve@partner.example\n", QUARANTINE_APPROVE_IT, NOTICE_APPROVED},
		{"1 told sender=eve@partner.example\n", QUARANTINE_REFUSE_IT, NOTICE_REFUSED},
		{"1 told rcpt=bob@example.net\n", QUARANTINE_APPROVE_IT, 0},
		{"1 connect\n", QUARANTINE_REFUSE_IT, 0},
	};
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct place p = {0};
		struct quarantine_done d;
		struct err e;
		unsigned kinds[NOTICE_KINDS] = {0}, all = 0;
		place_open(&p);
		msg_id id = hold(&p, QUARANTINE_APPROVAL, slice_z(cases[i].log));
		for (int twice = 0; twice < 2; twice++)
			OK(quarantine_act(
				&p.hands, &boss, cases[i].verb, id, -1, false, &p.a, &d, &e));
		OK(notice_each(p.queue, 0, 10, keep_kind, kinds, &e));
		for (int k = 0; k < NOTICE_KINDS; k++)
			all += kinds[k];
		if (all != (cases[i].told != 0) || (all && !kinds[cases[i].told]))
			test_fail(__FILE__, __LINE__, "case %zu: %u notices", i, all);
		place_close(&p);
	}
}

TEST(asking_tells_the_administrator_once)
{
	struct place p = {0};
	struct quarantine_done d;
	struct err e;
	unsigned kinds[NOTICE_KINDS] = {0};
	place_open(&p);
	msg_id id = hold(&p, QUARANTINE_PHISHING, S(""));
	CHECK(quarantine_act(&p.hands, &bob, QUARANTINE_RELEASE, id, 0, false, &p.a, &d, &e) < 0);
	CHECK_INT(e.kind, ERR_DENIED);
	for (int i = 0; i < 2; i++)
		OK(quarantine_act(&p.hands, &bob, QUARANTINE_ASK, id, 0, false, &p.a, &d, &e));
	CHECK(d.already);
	OK(notice_each(p.queue, 0, 10, keep_kind, kinds, &e));
	CHECK_INT(kinds[NOTICE_RELEASE_ASKED], 1);
	OK(quarantine_act(&p.hands, &bob, QUARANTINE_UNDO, id, 0, false, &p.a, &d, &e));
	CHECK_INT(d.changed, 1);
	place_close(&p);
}

TEST(a_deed_remembers_exactly_what_it_changed)
{
	struct place p = {0};
	struct quarantine_deed deed = {.verb = S("delete")};
	struct quarantine_deed_item after = {0}, items[10];
	struct quarantine_outcome o;
	struct err e;
	place_open(&p);
	msg_id id = hold(&p, QUARANTINE_SPAM, S(""));
	CHECK_INT(quarantine_change_tx(p.queue, id, 1, QUARANTINE_ASKED, S("ann"), 1, &e), 1);
	struct quarantine_request r = {
		.who = root, .verb = QUARANTINE_DELETE, .id = id, .idx = -1, .now = 7};
	OK(quarantine_deed_new_tx(p.queue, &deed, &r.deed, &e));
	OK(quarantine_act_tx(&p.hands, &r, &p.a, &o, &e));
	CHECK_INT(o.done.changed, 2);
	CHECK_INT(quarantine_deed_items(p.queue, r.deed, &after, items, 10, &e), 2);
	CHECK(items[0].before == QUARANTINE_WAITS && items[1].before == QUARANTINE_ASKED);
	place_close(&p);
}
