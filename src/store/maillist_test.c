/* Mailing lists: settings as texts, addresses, readers in pages through all sources, bounces that fade, posts under way. */
#include "base/time.h"
#include "store/directory_org.h"
#include "store/maillist_impl.h"
#include "store/store_testing.h"

struct place {
	struct testdir dir;
	struct sql *directory, *lists, *queue;
	struct arena a;
};

static struct place *place(void)
{
	struct err e;
	struct place *p = NEW(struct place);
	p->dir = testdir_make();
	OK(sql_open(testdir_slice(&p->dir), "directory", &p->directory, &e));
	OK(sql_migrate(p->directory, directory_migrations, directory_migrations_n, &e));
	OK(sql_open(testdir_slice(&p->dir), MAILLIST_DB, &p->lists, &e));
	OK(sql_migrate(p->lists, maillist_migrations, maillist_migrations_n, &e));
	OK(sql_open(testdir_slice(&p->dir), "queue", &p->queue, &e));
	OK(sql_migrate(p->queue, queue_migrations, queue_migrations_n, &e));
	OK(directory_domain_add(
		p->directory, &(struct domain){.name = S("one.test"), .kind = DOMAIN_LOCAL}, &e));
	return p;
}

static void leave(struct place *p)
{
	sql_close(p->directory);
	sql_close(p->lists);
	sql_close(p->queue);
	arena_done(&p->a);
	auto_testdir(&p->dir);
	free(p);
}

static int64_t make(struct place *p, slice address)
{
	struct maillist l = {.address = address};
	struct err e;
	int64_t id = 0;
	maillist_conf_usual(&l.c);
	OK(maillist_add(p->directory, &l, &id, &e));
	return id;
}

static void join(struct place *p, int64_t list, slice address)
{
	struct err e;
	bool fresh;
	OK(maillist_join_tx(p->lists, list, address, S(""), 1, &fresh, &e));
}

TEST(maillist_settings_are_texts)
{
	struct place *p = place();
	struct maillist l;
	struct err e;
	int64_t id = make(p, S("dev@one.test"));
	OK(maillist_get(p->directory, S("DEV@one.test"), &p->a, &l, &e));
	for (size_t i = 0; i < maillist_settings_n; i++) {
		const struct maillist_setting *s = &maillist_settings[i];
		slice usual = maillist_conf_get(&l.c, s, &p->a);
		OK(maillist_conf_set(&l.c, slice_z(s->key), usual, &e));
		CHECK(s->en && s->zh && (s->type != MAILLIST_WORD || s->words[s->usual]));
	}
	static const struct {
		slice key, value;
		enum err_kind kind;
	} bad[] = {{S_INIT("posting"), S_INIT("nobody"), ERR_PROTO},
		{S_INIT("digest_hour"), S_INIT("24"), ERR_PROTO},
		{S_INIT("max_size"), S_INIT("10x"), ERR_PROTO},
		{S_INIT("max_size"), S_INIT("99g"), ERR_PROTO},
		{S_INIT("subject_tag"), S_INIT("a\nb"), ERR_PROTO},
		{S_INIT("footer"), S_INIT("\xff"), ERR_PROTO},
		{S_INIT("unheard"), S_INIT("1"), ERR_NOTFOUND}};
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
		FAILS(maillist_conf_set(&l.c, bad[i].key, bad[i].value, &e), bad[i].kind);
	OK(maillist_conf_set(&l.c, S("footer"), S("a\\n=b\nc"), &e));
	OK(maillist_conf_set(&l.c, S("max_size"), S("2m"), &e));
	OK(maillist_save(p->directory, &l, &e));
	OK(maillist_by_id(p->directory, id, &p->a, &l, &e));
	CHECK(slice_eq(l.c.footer, S("a\\n=b\nc")) && l.c.max_size == 2 << 20);
	leave(p);
}

TEST(maillist_addresses)
{
	struct place *p = place();
	struct err e;
	int64_t id = make(p, S("dev@one.test")), got = 0;
	struct maillist l = {.address = S("dev@one.test")};
	enum maillist_part part;
	static const struct {
		slice address;
		int found;
		enum maillist_part part;
	} v[] = {{S_INIT("dev@one.test"), 1, MAILLIST_POST},
		{S_INIT("dev+x@one.test"), 1, MAILLIST_POST},
		{S_INIT("dev-request@one.test"), 1, MAILLIST_REQUEST},
		{S_INIT("dev-bounces+vtok@one.test"), 1, MAILLIST_BOUNCES},
		{S_INIT("dev-owner@one.test"), 1, MAILLIST_OWNER},
		{S_INIT("-owner@one.test"), 0, 0}, {S_INIT("de@one.test"), 0, 0},
		{S_INIT("dev-nothing@one.test"), 0, 0}};
	for (size_t i = 0; i < sizeof v / sizeof *v; i++) {
		CHECK(maillist_find(p->directory, v[i].address, &got, &part, &e) == v[i].found);
		CHECK(!v[i].found || (part == v[i].part && got == id));
	}
	FAILS(maillist_add(p->directory, &l, &got, &e), ERR_EXISTS);
	FAILS(directory_group_add(p->directory, S("dev@one.test"), S(""), &e), ERR_EXISTS);
	l.address = S("a123456789012345678901234567890@one.test");
	FAILS(maillist_add(p->directory, &l, &got, &e), ERR_PROTO);
	l.address = S("dev@else.test");
	FAILS(maillist_add(p->directory, &l, &got, &e), ERR_NOTFOUND);
	OK(directory_group_add(p->directory, S("ops-request@one.test"), S(""), &e));
	l.address = S("ops@one.test");
	FAILS(maillist_add(p->directory, &l, &got, &e), ERR_EXISTS);
	FAILS(directory_domain_remove(p->directory, S("one.test"), &e), ERR_PERM);
	leave(p);
}

/* All readers, read in pages of `most`. */
static slice readers(struct place *p, int64_t list, size_t most)
{
	struct maillist_reader *v;
	struct err e;
	AUTO(buf) struct buf out = BUF(1 << 20);
	slice next = S("");
	bool more = true;
	size_t n;
	for (int calls = 0; more && calls < 100000; calls++) {
		OK(maillist_readers(
			p->lists, p->directory, list, next, most, &p->a, &v, &n, &next, &more, &e));
		CHECK(n <= most);
		for (size_t i = 0; i < n; i++)
			buf_printf(&out, "%.*s ",
				SFMT(slice_first(v[i].address, slice_index(v[i].address, '@'))));
	}
	CHECK(!more);
	return arena_dup(&p->a, buf_slice(&out));
}

TEST(maillist_readers_come_once_in_pages)
{
	struct place *p = place();
	struct err e;
	struct maillist l;
	struct maillist_source s;
	int64_t dev = make(p, S("dev@one.test")), inner = make(p, S("inner@one.test")), id;
	static const char *const people[] = {"m1", "m3", "m5", "m7", "m9"};
	OK(directory_department_add(p->directory, DIRECTORY_FIRST, S("Sales"), &e));
	struct department d;
	OK(directory_department(p->directory, DIRECTORY_FIRST, S("Sales"), &p->a, &d, &e));
	for (size_t i = 0; i < sizeof people / sizeof *people; i++) {
		struct account_draft draft = {
			.account = {.address = arena_printf(&p->a, "%s@one.test", people[i]),
				.department_id = d.id}};
		OK(directory_account_make(p->directory, &draft, &id, &e));
	}
	join(p, dev, S("m2@far.test"));
	join(p, dev, S("m3@one.test")); /* also in the department */
	join(p, dev, S("m8@far.test"));
	join(p, inner, S("m4@far.test"));
	join(p, inner, S("m6@far.test"));
	join(p, inner, S("m2@far.test")); /* on both */
	OK(maillist_by_id(p->directory, dev, &p->a, &l, &e));
	OK(maillist_source_parse(p->directory, &l, S("department:Sales"), &p->a, &s, &e));
	OK(maillist_source_put(p->directory, dev, &s, &e));
	OK(maillist_source_parse(p->directory, &l, S("list:inner@one.test"), &p->a, &s, &e));
	OK(maillist_source_put(p->directory, dev, &s, &e));
	FAILS(directory_department_remove(p->directory, d.id, &e), ERR_PERM);
	/* Circles. */
	FAILS(maillist_source_parse(p->directory, &l, S("list:dev@one.test"), &p->a, &s, &e),
		ERR_PROTO);
	s = (struct maillist_source){MAILLIST_SOURCE_LIST, dev, S("")};
	FAILS(maillist_source_put(p->directory, inner, &s, &e), ERR_PROTO);
	for (size_t most = 1; most < 12; most++)
		CHECK(slice_eq(readers(p, dev, most), S("m1 m2 m3 m4 m5 m6 m7 m8 m9 ")));
	/* Who left stays away, whoever brings him in; likewise who wants none, and whose mail bounces. */
	struct maillist_member m;
	OK(maillist_leave_tx(p->lists, dev, S("m5@one.test"), true, 1, &e));
	OK(maillist_leave_tx(p->lists, dev, S("m8@far.test"), false, 1, &e));
	OK(maillist_member_get(p->lists, inner, S("m6@far.test"), &p->a, &m, &e));
	OK(maillist_wish_tx(p->lists, m.id, MAILLIST_NOMAIL, false, &e));
	OK(maillist_known_tx(p->lists, dev, S("m9@one.test"), 1, &id, &e));
	OK(maillist_known_tx(
		p->lists, dev, S("nobody@far.test"), 1, &id, &e)); /* known, but on no list */
	for (size_t most = 1; most < 12; most++)
		CHECK(slice_eq(readers(p, dev, most), S("m1 m2 m3 m4 m7 m9 ")));
	static const struct {
		slice address;
		bool has;
	} has[] = {{S_INIT("m1@one.test"), true}, {S_INIT("m2@far.test"), true},
		{S_INIT("m4@far.test"), true}, {S_INIT("m5@one.test"), false},
		{S_INIT("nobody@far.test"), false}, {S_INIT("m10@one.test"), false},
		{S_INIT("m9@one.test"), true}};
	for (size_t i = 0; i < sizeof has / sizeof *has; i++) {
		bool got;
		OK(maillist_has(p->lists, p->directory, dev, has[i].address, &got, &e));
		CHECK(got == has[i].has);
	}
	leave(p);
}

TEST(maillist_bounces_fade)
{
	struct place *p = place();
	struct err e;
	struct maillist_conf c;
	struct maillist_member m;
	enum maillist_deed deed;
	int64_t now = 1000 * DAY, list = make(p, S("dev@one.test"));
	bool over;
	maillist_conf_usual(&c);
	c.bounce_score = 3;
	join(p, list, S("ann@far.test"));
	OK(maillist_member_get(p->lists, list, S("ann@far.test"), &p->a, &m, &e));
	for (int i = 0; i < 50; i++) { /* one day: one bounce */
		OK(maillist_bounce_tx(p->lists, m.id, MAILLIST_BOUNCE_HARD, S("no"), &c,
			now + i * MINUTE, &over, &e));
		CHECK(!over);
	}
	OK(maillist_bounce_tx(
		p->lists, m.id, MAILLIST_BOUNCE_HARD, S("no"), &c, now + 70 * DAY, &over, &e));
	OK(maillist_member_by_id(p->lists, m.id, &p->a, &m, &e));
	CHECK(m.score == MAILLIST_BOUNCE_HARD &&
		m.state == MAILLIST_ACTIVE); /* the first was forgotten */
	now += 70 * DAY;
	int day;
	for (day = 1; day < 20 && !over; day++)
		OK(maillist_bounce_tx(p->lists, m.id, MAILLIST_BOUNCE_HARD, S("no"), &c,
			now + day * DAY, &over, &e));
	CHECK(over && day == 4);
	now += (day - 1) * DAY;
	CHECK(maillist_bounced_next(p->lists, now + 6 * DAY, &p->a, &m, &deed, &e) == 0);
	CHECK(maillist_bounced_next(p->lists, now + 8 * DAY, &p->a, &m, &deed, &e) == 1 &&
		deed == MAILLIST_DO_PROBE);
	OK(maillist_probed_tx(p->lists, m.id, now + 8 * DAY, &e));
	CHECK(maillist_bounced_next(p->lists, now + 10 * DAY, &p->a, &m, &deed, &e) == 0);
	CHECK(maillist_bounced_next(p->lists, now + 12 * DAY, &p->a, &m, &deed, &e) == 1 &&
		deed == MAILLIST_DO_ENABLE);
	/* The probe came back: again, and at last no more. */
	OK(maillist_bounce_tx(
		p->lists, m.id, MAILLIST_BOUNCE_HARD, S("no"), &c, now + 9 * DAY, &over, &e));
	CHECK(maillist_bounced_next(p->lists, now + 12 * DAY, &p->a, &m, &deed, &e) == 0);
	CHECK(maillist_bounced_next(p->lists, now + 16 * DAY, &p->a, &m, &deed, &e) == 1 &&
		deed == MAILLIST_DO_PROBE);
	OK(maillist_probed_tx(p->lists, m.id, now + 16 * DAY, &e));
	OK(maillist_probed_tx(p->lists, m.id, now + 24 * DAY, &e));
	OK(maillist_bounce_tx(
		p->lists, m.id, MAILLIST_BOUNCE_HARD, S("no"), &c, now + 25 * DAY, &over, &e));
	CHECK(maillist_bounced_next(p->lists, now + 40 * DAY, &p->a, &m, &deed, &e) == 1 &&
		deed == MAILLIST_DO_REMOVE);
	OK(maillist_enable_tx(p->lists, m.id, &e));
	CHECK(maillist_bounced_next(p->lists, now + 90 * DAY, &p->a, &m, &deed, &e) == 0);
	leave(p);
}

TEST(maillist_posts_go_on_from_where_they_were)
{
	struct place *p = place();
	struct err e;
	slice at;
	uint64_t n, all;
	bool done;
	OK(maillist_cursor(p->queue, 5, &p->a, &at, &n, &done, &e));
	CHECK(!at.n && !n && !done);
	OK(maillist_cursor_tx(p->queue, 5, S(""), S("b@x"), 10, false, &e));
	FAILS(maillist_cursor_tx(p->queue, 5, S(""), S("b@x"), 10, false, &e), ERR_EXISTS);
	OK(maillist_cursor_tx(p->queue, 5, S("b@x"), S("f@x"), 20, true, &e));
	FAILS(maillist_cursor_tx(p->queue, 5, S("f@x"), S("g@x"), 30, true, &e), ERR_EXISTS);
	CHECK(maillist_seen_tx(p->queue, 1, S("<a@b>"), S("ann@x"), 100, DAY, &e) == 0);
	CHECK(maillist_seen_tx(p->queue, 1, S("<a@b>"), S("ann@x"), 100, DAY, &e) ==
		0); /* the same message */
	CHECK(maillist_seen_tx(p->queue, 1, S("<a@b>"), S("ann@x"), 101, DAY, &e) == 1);
	CHECK(maillist_seen_tx(p->queue, 2, S("<a@b>"), S("ann@x"), 101, DAY, &e) == 0);
	OK(maillist_posts(p->queue, 1, S("ann@x"), DAY + MINUTE, &n, &all, &e));
	CHECK(n == 1 && all == 1);
	CHECK(maillist_seen_tx(p->queue, 1, S("<a@b>"), S("ann@x"), 102, 9 * DAY, &e) ==
		0); /* long ago */
	OK(maillist_done_tx(p->queue, 5, 0, &e));
	CHECK(maillist_done(p->queue, 5, 0, &e) == 1);
	OK(maillist_sweep_tx(p->queue, &e)); /* the message has left */
	CHECK(maillist_done(p->queue, 5, 0, &e) == 0);
	leave(p);
}

TEST(maillist_requests_do_not_fill_a_mailbox)
{
	struct place *p = place();
	struct err e;
	unsigned letters = 0;
	int64_t id;
	for (int64_t at = DAY; at < DAY + 2 * HOUR; at += HOUR + SECOND)
		for (int64_t list = 1; list <= 8; list++) {
			const struct maillist_request r = {.list_id = list,
				.address = S("victim@far.example"),
				.name = S(""),
				.want = MAILLIST_WANT_JOIN,
				.at = at,
				.until = at + DAY};
			bool ask;
			OK(maillist_request_tx(p->lists, &r, &id, &ask, &e));
			letters += ask;
		}
	CHECK_INT(letters, 2 * MAILLIST_LETTERS_HOUR);
	leave(p);
}
