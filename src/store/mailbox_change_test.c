/* Mailboxes: reading rows, flags, copies, moves, expunging, what left and comes back, folders; counts are right after each. */
#include "base/time.h"
#include "store/mailbox.h"
#include "store/store_testing.h"

static const struct mailbox_actor alice = {.who = S_INIT("alice@example.org"),
	.protocol = S_INIT("imap"),
	.client = S_INIT("test"),
	.ip = S_INIT("192.0.2.1")};

/* A shard with an account, its INBOX, and messages 1 .. n in it. */
struct shard {
	struct testdir dir;
	struct sql *db;
	struct arena a;
	int64_t account, inbox;
};

static void auto_shard(struct shard *s)
{
	sql_close(s->db);
	arena_done(&s->a);
	auto_testdir(&s->dir);
}

static int64_t folder_id(struct shard *s, const char *name)
{
	struct mailbox_folder f;
	struct err e;
	OK(mailbox_folder_find(s->db, s->account, slice_z(name), &s->a, &f, &e));
	return f.id;
}

static void deliver(struct shard *s, const char *folder, int n)
{
	static msg_id id;
	struct err e;
	struct mailbox_place place;
	for (int i = 0; i < n; i++) {
		id++;
		const struct mailbox_delivery d = {.account_id = s->account,
			.folder = slice_z(folder),
			.queue_id = id,
			.blob = (blob_id)(1000 + id),
			.size = 100,
			.prefix = S("X: y\r\n"),
			.received_at = id};
		OK(mailbox_deliver_tx(s->db, &d, &place, &e));
	}
}

static struct shard make(int n)
{
	struct err e;
	struct shard s = {.dir = testdir_make(), .account = 7};
	OK(sql_open(testdir_slice(&s.dir), mailbox_db_name(3), &s.db, &e));
	OK(sql_migrate(s.db, mailbox_migrations, mailbox_migrations_n, &e));
	deliver(&s, "INBOX", n);
	s.inbox = n ? folder_id(&s, "INBOX") : 0;
	return s;
}

static int64_t number(struct shard *s, const char *sql)
{
	struct err e;
	struct sql_stmt *st = sql_prepare(s->db, sql, &e);
	if (!st || sql_step(st, &e) != 1)
		test_fail(__FILE__, __LINE__, "%s: %s", sql, e.text);
	int64_t n = sql_int(st, 0);
	sql_reset(st);
	return n;
}

/* What is counted is what is there. */
static void check_counts(struct shard *s)
{
	CHECK_INT(number(s, "SELECT COUNT(*) FROM folder f WHERE messages <> (SELECT COUNT(*) FROM "
			    "message m"
			    " WHERE m.account_id = f.account_id AND m.folder_id = f.id)"),
		0);
	CHECK_INT(number(s, "SELECT COUNT(*) FROM folder f WHERE unseen <> (SELECT COUNT(*) FROM "
			    "message m"
			    " WHERE m.account_id = f.account_id AND m.folder_id = f.id AND (flags "
			    "& 1) = 0)"),
		0);
	CHECK_INT(number(s, "SELECT COUNT(*) FROM folder f WHERE deleted <> (SELECT COUNT(*) FROM "
			    "message m"
			    " WHERE m.account_id = f.account_id AND m.folder_id = f.id AND (flags "
			    "& 8) <> 0)"),
		0);
	CHECK_INT(number(s, "SELECT COUNT(*) FROM folder f WHERE bytes <> (SELECT "
			    "COALESCE(SUM(size), 0) FROM message m"
			    " WHERE m.account_id = f.account_id AND m.folder_id = f.id)"),
		0);
	CHECK_INT(number(s, "SELECT COUNT(*) FROM mailbox b WHERE messages <> (SELECT COUNT(*) "
			    "FROM message m"
			    " WHERE m.account_id = b.account_id) OR bytes <> (SELECT "
			    "COALESCE(SUM(size), 0)"
			    " FROM message m WHERE m.account_id = b.account_id)"),
		0);
	CHECK_INT(
		number(s,
			"SELECT COUNT(*) FROM email e WHERE refs <> (SELECT COUNT(*) FROM message m"
			" WHERE m.email_id = e.id) + (SELECT COUNT(*) FROM removed r"
			" WHERE r.email_id = e.id AND r.can_return = 1) OR refs = 0"),
		0);
	CHECK_INT(number(s, "SELECT COUNT(*) FROM folder f JOIN mailbox b ON b.account_id = "
			    "f.account_id"
			    " WHERE f.modseq > b.modseq OR f.changed > b.modseq"),
		0);
}

static struct uidset set(const char *text)
{
	struct uidset r = {0};
	unsigned first, last;
	int n;
	for (; sscanf(text, "%u%n", &first, &n) == 1; text += n + (text[n] == ',')) {
		text += n;
		n = 0;
		last = first;
		if (*text == ':' && sscanf(text + 1, "%u%n", &last, &n) == 1)
			n++;
		uidset_add(&r, first, last);
	}
	return r;
}

/* "1:3,5" */
static slice text_of(struct shard *s, const struct uidset *u)
{
	AUTO(buf) struct buf out = BUF(10000);
	for (size_t i = 0; i < u->n; i++) {
		buf_printf(&out, "%s%u", i ? "," : "", u->v[i].first);
		if (u->v[i].last > u->v[i].first)
			buf_printf(&out, ":%u", u->v[i].last);
	}
	return arena_dup(&s->a, buf_slice(&out));
}

static slice uids_of(struct shard *s, int64_t folder)
{
	AUTO(uidset) struct uidset u = {0};
	struct err e;
	OK(mailbox_uids(s->db, s->account, folder, &u, &e));
	return text_of(s, &u);
}

static slice flagged(struct shard *s, unsigned flags, bool on)
{
	AUTO(uidset) struct uidset u = {0};
	struct err e;
	OK(mailbox_uids_flagged(s->db, s->account, s->inbox, flags, on, &u, &e));
	return text_of(s, &u);
}

/* "UID flags [keywords] " of what a query finds, in pieces of q.most. */
static slice rows(struct shard *s, struct mailbox_query q)
{
	AUTO(buf) struct buf out = BUF(100000);
	struct mailbox_message *v;
	struct err e;
	size_t n;
	q.account_id = s->account;
	q.folder_id = q.folder_id ? q.folder_id : s->inbox;
	do {
		OK(mailbox_rows(s->db, &q, &s->a, &v, &n, &e));
		for (size_t i = 0; i < n; i++)
			buf_printf(&out, "%u:%u%s%.*s ", v[i].uid, v[i].flags,
				v[i].keywords.n ? ":" : "", SFMT(v[i].keywords));
		q.after = n ? v[n - 1].uid : 0;
	} while (n == q.most);
	return arena_dup(&s->a, buf_slice(&out));
}

static uint64_t modseq(struct shard *s)
{
	uint64_t n;
	struct err e;
	OK(mailbox_modseq(s->db, s->account, &n, &e));
	return n;
}

static struct mailbox_store storing(
	struct shard *s, enum mailbox_flags_how how, unsigned flags, const char *keywords)
{
	return (struct mailbox_store){.account_id = s->account,
		.folder_id = s->inbox,
		.how = how,
		.flags = flags,
		.keywords = slice_z(keywords),
		.unchanged_since = UINT64_MAX};
}

/* What was changed. */
static slice store(struct shard *s, struct mailbox_store m, const char *uids)
{
	AUTO(uidset) struct uidset u = set(uids);
	AUTO(uidset) struct uidset changed = {0};
	AUTO(uidset) struct uidset failed = {0};
	struct err e;
	uint64_t seq = 0;
	m.uids = &u;
	OK(mailbox_store_tx(s->db, &m, &changed, &failed, &seq, &e));
	CHECK(changed.count == 0 ? seq == 0 : seq == modseq(s));
	check_counts(s);
	if (!failed.n)
		return text_of(s, &changed);
	return arena_printf(
		&s->a, "%.*s not %.*s", SFMT(text_of(s, &changed)), SFMT(text_of(s, &failed)));
}

static slice expunge(struct shard *s, int64_t folder, const char *uids, bool only_deleted)
{
	AUTO(uidset) struct uidset u = set(uids ? uids : "");
	AUTO(uidset) struct uidset gone = {0};
	struct err e;
	uint64_t seq;
	OK(mailbox_expunge_tx(s->db, s->account, folder, uids ? &u : NULL, only_deleted, &alice,
		&gone, &seq, &e));
	check_counts(s);
	return text_of(s, &gone);
}

static slice copy(struct shard *s, int64_t account, int64_t to, const char *uids, bool move)
{
	AUTO(uidset) struct uidset u = set(uids);
	AUTO(uidset) struct uidset from = {0};
	AUTO(uidset) struct uidset made = {0};
	struct err e;
	uint32_t validity = 0;
	const struct mailbox_copy c = {.account_id = s->account,
		.folder_id = s->inbox,
		.uids = &u,
		.to_account = account,
		.to_folder = to,
		.keep_flags = ~0u,
		.keep_keywords = true,
		.move = move,
		.by = &alice};
	OK(mailbox_copy_tx(s->db, &c, &from, &made, &validity, &e));
	CHECK(validity || !from.n);
	check_counts(s);
	return arena_printf(
		&s->a, "%.*s -> %.*s", SFMT(text_of(s, &from)), SFMT(text_of(s, &made)));
}

static slice vanished(struct shard *s, int64_t folder, uint64_t since)
{
	AUTO(uidset) struct uidset u = {0};
	struct err e;
	OK(mailbox_vanished(s->db, s->account, folder, since, &u, &e));
	return text_of(s, &u);
}

TEST(mailbox_flags_change)
{
	AUTO(shard) struct shard s = make(5);
	CHECK_STR(store(&s, storing(&s, MAILBOX_FLAGS_ADD, MAILBOX_SEEN, ""), "1:2,4"), S("1:2,4"));
	uint64_t before = modseq(&s);
	CHECK_STR(store(&s,
			  storing(&s, MAILBOX_FLAGS_ADD, MAILBOX_SEEN | MAILBOX_FLAGGED,
				  "$Forwarded Work"),
			  "2:3"),
		S("2:3"));
	CHECK_STR(store(&s, storing(&s, MAILBOX_FLAGS_ADD, MAILBOX_SEEN, "work"), "2"), S(""));
	CHECK_STR(rows(&s, (struct mailbox_query){.most = 10}),
		S("1:1 2:5:$Forwarded Work 3:5:$Forwarded Work 4:1 5:0 "));
	CHECK_STR(rows(&s, (struct mailbox_query){.most = 10, .since = before}),
		S("2:5:$Forwarded Work 3:5:$Forwarded Work "));
	struct mailbox_store m = storing(&s, MAILBOX_FLAGS_SET, MAILBOX_DELETED, "");
	m.unchanged_since = before;
	CHECK_STR(store(&s, m, "1:3,9"), S("1 not 2:3"));
	CHECK_STR(store(&s, storing(&s, MAILBOX_FLAGS_REMOVE, MAILBOX_SEEN, "WORK none"), "1:5"),
		S("2:4"));
	m = storing(&s, MAILBOX_FLAGS_SET, MAILBOX_SEEN, "a");
	m.keep = MAILBOX_DELETED;
	m.keep_keywords = true;
	CHECK_STR(store(&s, m, "1:2"), S("1:2"));
	CHECK_STR(rows(&s, (struct mailbox_query){.most = 2}),
		S("1:9 2:1:$Forwarded 3:4:$Forwarded 4:0 5:0 "));
	CHECK_STR(flagged(&s, MAILBOX_SEEN, false), S("3:5"));
	CHECK_STR(flagged(&s, MAILBOX_SEEN, true), S("1:2"));
	CHECK_STR(flagged(&s, MAILBOX_DELETED, true), S("1"));
	CHECK_STR(flagged(&s, MAILBOX_DELETED, false), S("2:5"));
	CHECK_STR(flagged(&s, MAILBOX_FLAGGED, true), S("3"));
	slice *v;
	size_t n;
	struct err e;
	OK(mailbox_keywords(s.db, s.account, s.inbox, &s.a, &v, &n, &e));
	CHECK_INT(n, 2);
	CHECK_STR(v[1], S("Work"));
}

TEST(mailbox_keywords_have_limits)
{
	AUTO(shard) struct shard s = make(1);
	AUTO(uidset) struct uidset u = set("1");
	AUTO(buf) struct buf many = BUF(10000);
	struct uidset changed = {0}, failed = {0};
	uint64_t seq;
	struct err e;
	for (int i = 0; i <= MAILBOX_KEYWORDS_MAX; i++)
		buf_printf(&many, "k%d ", i);
	const slice bad[] = {S("a(b"), S("\\Seen"), S("\xc3\xa9"), buf_slice(&many)};
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		struct mailbox_store m = storing(&s, MAILBOX_FLAGS_ADD, 0, "");
		m.keywords = bad[i];
		m.uids = &u;
		CHECK_INT(mailbox_store_tx(s.db, &m, &changed, &failed, &seq, &e), -1);
		CHECK_INT(e.kind, i == 3 ? ERR_LIMIT : ERR_PROTO);
	}
}

TEST(mailbox_rows_are_read_in_any_pieces)
{
	AUTO(shard) struct shard s = make(40);
	AUTO(uidset) struct uidset u = set("2:3,5,7,9:10,30,38:50");
	expunge(&s, s.inbox, "9,31", false);
	for (size_t most = 1; most < 9; most++)
		CHECK_STR(rows(&s, (struct mailbox_query){.most = most, .uids = &u}),
			S("2:0 3:0 5:0 7:0 10:0 30:0 38:0 39:0 40:0 "));
	store(&s, storing(&s, MAILBOX_FLAGS_ADD, MAILBOX_SEEN, ""), "3,38");
	uint64_t before = modseq(&s);
	store(&s, storing(&s, MAILBOX_FLAGS_ADD, MAILBOX_FLAGGED, ""), "1,3,10,39");
	for (size_t most = 1; most < 5; most++)
		CHECK_STR(
			rows(&s, (struct mailbox_query){.most = most, .uids = &u, .since = before}),
			S("3:5 10:4 39:4 "));
	struct mailbox_message *v;
	struct err e;
	size_t n;
	const struct mailbox_query q = {.account_id = 7,
		.folder_id = s.inbox,
		.uids = &u,
		.most = 1,
		.want = MAILBOX_WANT_EMAIL | MAILBOX_WANT_SUMMARY};
	OK(mailbox_rows(s.db, &q, &s.a, &v, &n, &e));
	CHECK(n == 1 && v->blob > 1000 && v->thread_id == v->email_id && v->size == 106 &&
		v->summary.n == 0);
	CHECK_STR(v->prefix, S("X: y\r\n"));
	CHECK_STR(uids_of(&s, s.inbox), S("1:8,10:30,32:40"));
}

TEST(mailbox_copies_share_the_email)
{
	AUTO(shard) struct shard s = make(3);
	struct err e;
	int64_t work, theirs;
	uint64_t bytes, messages;
	OK(mailbox_folder_make_tx(s.db, 7, S("Work"), MAILBOX_USE_NONE, &work, &e));
	OK(mailbox_folder_make_tx(s.db, 11, S("Work"), MAILBOX_USE_NONE, &theirs, &e));
	store(&s, storing(&s, MAILBOX_FLAGS_ADD, MAILBOX_FLAGGED, "x y"), "2");
	CHECK_STR(copy(&s, 7, work, "2:3,8", false), S("2:3 -> 1:2"));
	CHECK_STR(
		rows(&s, (struct mailbox_query){.most = 9, .folder_id = work}), S("1:4:x y 2:0 "));
	CHECK_INT(number(&s, "SELECT COUNT(*) FROM email WHERE account_id = 7"), 3);
	OK(mailbox_usage(s.db, 7, &bytes, &messages, &e));
	CHECK(messages == 5 && bytes == 5 * 106);
	CHECK_STR(copy(&s, 11, theirs, "1:2", false), S("1:2 -> 1:2"));
	CHECK_INT(number(&s, "SELECT COUNT(*) FROM email WHERE account_id = 11 AND id / 4294967296 "
			     "= 11"),
		2);
	CHECK_STR(copy(&s, 7, s.inbox, "1", false), S("1 -> 4"));
	CHECK_STR(copy(&s, 7, s.inbox, "77", false), S(" -> "));
}

TEST(mailbox_moves_leave_a_line)
{
	AUTO(shard) struct shard s = make(3);
	struct err e;
	int64_t work, theirs;
	OK(mailbox_folder_make_tx(s.db, 7, S("Work"), MAILBOX_USE_NONE, &work, &e));
	OK(mailbox_folder_make_tx(s.db, 11, S("Work"), MAILBOX_USE_NONE, &theirs, &e));
	uint64_t before = modseq(&s);
	CHECK_STR(copy(&s, 7, work, "1", true), S("1 -> 1"));
	CHECK_STR(copy(&s, 11, theirs, "3", true), S("3 -> 1"));
	CHECK_STR(uids_of(&s, s.inbox), S("2"));
	CHECK_STR(vanished(&s, s.inbox, before), S("1,3"));
	CHECK_STR(vanished(&s, work, before), S(""));
	CHECK_STR(copy(&s, 7, s.inbox, "2", true), S("2 -> 4"));
	struct mailbox_removed *v;
	size_t n;
	OK(mailbox_removed_list(s.db, &(struct mailbox_removed_query){.account_id = 7, .most = 9},
		&s.a, &v, &n, &e));
	CHECK(n == 3 && v[2].uid == 1 && v[2].how == MAILBOX_MOVED && !v[2].can_return);
	CHECK(v[1].uid == 3 && v[1].can_return); /* it left the account */
	CHECK_STR(v[1].by.who, alice.who);
	CHECK_STR(v[1].by.ip, alice.ip);
}

TEST(mailbox_expunged_mail_comes_back)
{
	AUTO(shard) struct shard s = make(6);
	struct err e;
	uint64_t before = modseq(&s);
	store(&s, storing(&s, MAILBOX_FLAGS_ADD, MAILBOX_DELETED | MAILBOX_SEEN, "kw"), "2,4,6");
	CHECK_STR(expunge(&s, s.inbox, "1:4", true), S("2,4"));
	CHECK_STR(expunge(&s, s.inbox, NULL, true), S("6"));
	CHECK_STR(expunge(&s, s.inbox, NULL, true), S(""));
	CHECK_STR(expunge(&s, s.inbox, "5", false), S("5"));
	CHECK_STR(uids_of(&s, s.inbox), S("1,3"));
	CHECK_STR(vanished(&s, s.inbox, before), S("2,4:6"));
	struct mailbox_removed *v;
	size_t n;
	struct mailbox_removed_query q = {.account_id = 7, .most = 2, .only_returnable = true};
	OK(mailbox_removed_list(s.db, &q, &s.a, &v, &n, &e));
	CHECK(n == 2 && v[0].uid == 5 && v[1].uid == 6);
	q.before = v[1].modseq;
	q.before_uid = v[1].uid;
	OK(mailbox_removed_list(s.db, &q, &s.a, &v, &n, &e));
	CHECK(n == 2 && v[0].uid == 4 && v[1].uid == 2 && v[0].can_return);
	CHECK_STR(v[0].folder, S("INBOX"));
	CHECK_STR(v[0].keywords, S("kw"));
	struct mailbox_place place;
	OK(mailbox_recover_tx(s.db, 7, v[0].modseq, 4, S(""), &alice, &place, &e));
	CHECK(place.folder_id == s.inbox && place.uid == 7);
	check_counts(&s);
	CHECK_INT(mailbox_recover_tx(s.db, 7, v[0].modseq, 4, S(""), &alice, &place, &e), -1);
	CHECK_INT(e.kind, ERR_PERM);
	CHECK_INT(mailbox_recover_tx(s.db, 7, v[0].modseq, 40, S(""), &alice, &place, &e), -1);
	CHECK_INT(e.kind, ERR_NOTFOUND);
	OK(mailbox_recover_tx(s.db, 7, v[1].modseq, 2, S("Back"), &alice, &place, &e));
	check_counts(&s);
	CHECK_STR(rows(&s, (struct mailbox_query){.most = 9}), S("1:0 3:0 7:1:kw "));
	CHECK_STR(
		vanished(&s, s.inbox, before), S("2,4:6")); /* the line about coming back is none */
}

TEST(mailbox_removed_mail_ends)
{
	AUTO(shard) struct shard s = make(4);
	struct err e;
	int64_t now = wall_now(), work;
	uint64_t before = modseq(&s);
	OK(mailbox_folder_make_tx(s.db, 7, S("Work"), MAILBOX_USE_NONE, &work, &e));
	copy(&s, 7, work, "1", false);
	expunge(&s, s.inbox, "1:2", false);
	CHECK_INT(mailbox_removed_end_tx(
			  s.db, &(struct mailbox_ends){now - DAY, now - DAY, 0, 0}, &e),
		0);
	CHECK_INT(mailbox_removed_end_tx(
			  s.db, &(struct mailbox_ends){now + DAY, now - DAY, 0, 0}, &e),
		2);
	check_counts(&s);
	CHECK_INT(number(&s, "SELECT COUNT(*) FROM email"), 3); /* the copy holds one */
	CHECK_STR(vanished(&s, s.inbox, before), S("1:2"));
	CHECK_INT(mailbox_removed_end_tx(
			  s.db, &(struct mailbox_ends){now + DAY, now + DAY, 0, 0}, &e),
		2);
	CHECK_INT(mailbox_removed_end_tx(
			  s.db, &(struct mailbox_ends){now + DAY, now + DAY, 0, 0}, &e),
		0);
	AUTO(uidset) struct uidset u = {0};
	CHECK_INT(mailbox_vanished(s.db, 7, s.inbox, before, &u, &e), -1);
	CHECK_INT(e.kind, ERR_NOTFOUND);
	CHECK_STR(vanished(&s, s.inbox, modseq(&s)), S(""));
}

TEST(mailbox_ages)
{
	AUTO(shard) struct shard s = make(MAILBOX_BATCH + 2);
	struct err e;
	int64_t now = wall_now();
	CHECK_INT(mailbox_age_tx(s.db, 7, s.inbox, now - DAY, &alice, &e), 0);
	CHECK_INT(mailbox_age_tx(s.db, 7, s.inbox, now + DAY, &alice, &e), MAILBOX_BATCH);
	CHECK_INT(mailbox_age_tx(s.db, 7, s.inbox, now + DAY, &alice, &e), 2);
	check_counts(&s);
	CHECK_INT(number(&s, "SELECT COUNT(*) FROM removed WHERE how = 4 AND can_return = 1"),
		MAILBOX_BATCH + 2);
	CHECK_INT(mailbox_remove_some_tx(s.db, 7, &e), MAILBOX_REMOVE_BATCH);
	while (mailbox_remove_some_tx(s.db, 7, &e) == MAILBOX_REMOVE_BATCH)
		;
	CHECK_INT(
		number(&s, "SELECT (SELECT COUNT(*) FROM email) + (SELECT COUNT(*) FROM removed) +"
			   " (SELECT COUNT(*) FROM folder) + (SELECT COUNT(*) FROM mailbox)"),
		0);
}

/* ---- folders ---- */

static slice names(struct shard *s)
{
	AUTO(buf) struct buf out = BUF(10000);
	struct mailbox_folder *v;
	struct err e;
	size_t n;
	OK(mailbox_folders(s->db, s->account, &s->a, &v, &n, &e));
	for (size_t i = 0; i < n; i++)
		buf_printf(&out, "%.*s(%d) ", SFMT(v[i].name), (int)v[i].messages);
	return arena_dup(&s->a, buf_slice(&out));
}

TEST(mailbox_folder_names_have_one_spelling)
{
	AUTO(arena) struct arena a = {0};
	static const struct {
		const char *in, *want;
	} cases[] = {
		{"inbox", "INBOX"},
		{"Inbox/x", "INBOX/x"},
		{"inboxes", "inboxes"},
		{"Work/Cafe\xcc\x81", "Work/Caf\xc3\xa9"},
		{"/a", NULL},
		{"a/", NULL},
		{"a//b", NULL},
		{"", NULL},
		{"a\x7f", NULL},
		{"a\xc2\x85", NULL},
		{"\xff", NULL},
		{"1/2/3/4/5/6/7/8/9/0/1/2/3/4/5/6/7/8/9/0",
			"1/2/3/4/5/6/7/8/9/0/1/2/3/4/5/6/7/8/9/0"},
		{"1/2/3/4/5/6/7/8/9/0/1/2/3/4/5/6/7/8/9/0/1", NULL},
	};
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		slice got = {0};
		struct err e = {0};
		int r = mailbox_folder_name(slice_z(cases[i].in), &a, &got, &e);
		CHECK_INT(r, cases[i].want ? 0 : -1);
		if (r == 0)
			CHECK_STR(got, slice_z(cases[i].want));
		else
			CHECK_INT(e.kind, ERR_PROTO);
	}
}

TEST(mailbox_folders_are_made_renamed_removed)
{
	AUTO(shard) struct shard s = make(3);
	struct err e;
	int64_t id, again;
	struct mailbox_folder f, g;
	OK(mailbox_folder_make_tx(s.db, 7, S("Work"), MAILBOX_USE_NONE, &id, &e));
	CHECK_INT(mailbox_folder_make_tx(s.db, 7, S("Work"), MAILBOX_USE_NONE, &again, &e), -1);
	CHECK_INT(e.kind, ERR_EXISTS);
	OK(mailbox_folder_make_tx(s.db, 7, S("Work/2026"), MAILBOX_USE_NONE, &again, &e));
	OK(mailbox_folder_make_tx(s.db, 7, S("Workshop"), MAILBOX_USE_NONE, &again, &e));
	deliver(&s, "Work/2026", 2);
	OK(mailbox_folder_rename_tx(s.db, 7, S("Work"), S("Jobs/Old"), &alice, &e));
	CHECK_STR(names(&s), S("INBOX(3) Jobs/Old(0) Jobs/Old/2026(2) Workshop(0) "));
	OK(mailbox_folder_by_id(s.db, 7, id, &s.a, &f, &e));
	CHECK_STR(f.name, S("Jobs/Old"));
	CHECK(f.changed > 1 && f.changed <= modseq(&s));
	OK(mailbox_folder_rename_tx(
		s.db, 7, S("Jobs"), S("Work"), &alice, &e)); /* a level above some */
	CHECK_STR(names(&s), S("INBOX(3) Work/Old(0) Work/Old/2026(2) Workshop(0) "));
	static const struct {
		const char *from, *to;
		enum err_kind kind;
	} bad[] = {{"None", "x", ERR_NOTFOUND}, {"Work/Old", "Workshop", ERR_EXISTS},
		{"Work/Old", "Work/Old/a", ERR_PROTO}, {"Work/Old", "inbox", ERR_EXISTS},
		{"Work/Old", "a//b", ERR_PROTO}};
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		CHECK_INT(mailbox_folder_rename_tx(
				  s.db, 7, slice_z(bad[i].from), slice_z(bad[i].to), &alice, &e),
			-1);
		CHECK_INT(e.kind, bad[i].kind);
	}
	uint64_t before = modseq(&s);
	OK(mailbox_folder_rename_tx(s.db, 7, S("INBOX"), S("Before"), &alice, &e));
	check_counts(&s);
	CHECK_STR(names(&s), S("Before(3) INBOX(0) Work/Old(0) Work/Old/2026(2) Workshop(0) "));
	CHECK_STR(vanished(&s, s.inbox, before), S("1:3"));
	OK(mailbox_folder_find(s.db, 7, S("Before"), &s.a, &f, &e));
	OK(mailbox_folder_remove_tx(s.db, 7, S("Before"), &alice, &e));
	check_counts(&s);
	CHECK_INT(mailbox_folder_find(s.db, 7, S("Before"), &s.a, &g, &e), -1);
	CHECK_INT(mailbox_folder_remove_tx(s.db, 7, S("inbox"), &alice, &e), -1);
	CHECK_INT(e.kind, ERR_PERM);
	OK(mailbox_folder_make_tx(s.db, 7, S("Before"), MAILBOX_USE_NONE, &id, &e));
	OK(mailbox_folder_by_id(s.db, 7, id, &s.a, &g, &e));
	CHECK(g.id > f.id && g.uidvalidity > f.uidvalidity);
	struct mailbox_removed *v;
	size_t n;
	OK(mailbox_removed_list(s.db,
		&(struct mailbox_removed_query){
			.account_id = 7, .most = 99, .only_returnable = true},
		&s.a, &v, &n, &e));
	CHECK_INT(n, 3);
	struct mailbox_place place;
	OK(mailbox_recover_tx(s.db, 7, v[2].modseq, v[2].uid, S(""), &alice, &place, &e));
	CHECK_INT(place.folder_id, id); /* by its name: the old one is gone */
}

TEST(mailbox_default_folders_are_made_once)
{
	AUTO(shard) struct shard s = make(0);
	(void)s;
	struct err e;
	slice *v;
	size_t n;
	struct mailbox_folder f;
	OK(mailbox_folders_default_tx(s.db, 7, &e));
	CHECK_STR(names(&s), S("Archive(0) Drafts(0) INBOX(0) Junk(0) Sent(0) Trash(0) "));
	OK(mailbox_folder_find(s.db, 7, S("Junk"), &s.a, &f, &e));
	CHECK_INT(f.use, MAILBOX_USE_JUNK);
	OK(mailbox_folder_remove_tx(s.db, 7, S("Archive"), &alice, &e));
	OK(mailbox_folders_default_tx(s.db, 7, &e));
	CHECK_STR(names(&s), S("Drafts(0) INBOX(0) Junk(0) Sent(0) Trash(0) "));
	OK(mailbox_subscribe_tx(s.db, 7, S("Other Users/bob@example.com/x"), true, &e));
	OK(mailbox_subscribe_tx(s.db, 7, S("Trash"), false, &e));
	OK(mailbox_subscriptions(s.db, 7, &s.a, &v, &n, &e));
	CHECK_INT(n, 6); /* the removed one stays subscribed (RFC 9051 6.3.7) */
}

TEST(mailbox_recent_goes_forward)
{
	AUTO(shard) struct shard s = make(3);
	struct err e;
	struct mailbox_folder f;
	uint32_t from;
	OK(mailbox_recent_tx(s.db, 7, s.inbox, 3, &from, &e));
	CHECK_INT(from, 1);
	OK(mailbox_recent_tx(s.db, 7, s.inbox, 4, &from, &e));
	CHECK_INT(from, 3);
	OK(mailbox_recent_tx(s.db, 7, s.inbox, 2, &from, &e));
	CHECK_INT(from, 2); /* none */
	OK(mailbox_folder_by_id(s.db, 7, s.inbox, &s.a, &f, &e));
	CHECK(f.recent_uid == 4 && f.uidnext == 4 && f.unseen == 3);
}

TEST(mailbox_grants_on_folders)
{
	AUTO(shard) struct shard s = make(1);
	struct err e;
	struct mailbox_grant *v;
	size_t n;
	OK(mailbox_grant_tx(s.db,
		&(struct mailbox_grant){
			7, s.inbox, S("bob@example.org"), RIGHT_LOOKUP | RIGHT_READ},
		&e));
	OK(mailbox_grant_tx(
		s.db, &(struct mailbox_grant){7, s.inbox, S("anyone"), RIGHT_LOOKUP}, &e));
	OK(mailbox_grant_tx(
		s.db, &(struct mailbox_grant){7, 0, S("bob@example.org"), RIGHT_POST}, &e));
	OK(mailbox_grant_tx(
		s.db, &(struct mailbox_grant){11, 3, S("bob@example.org"), RIGHT_ALL}, &e));
	OK(mailbox_grants(s.db, 7, s.inbox, &s.a, &v, &n, &e));
	CHECK(n == 2 && v[0].rights == RIGHT_LOOKUP && v[1].rights == 3);
	const slice bob[] = {S("bob@example.org"), S("group:none@example.org"), S("anyone")};
	OK(mailbox_grants_to(s.db, bob, 3, &s.a, &v, &n, &e));
	CHECK(n == 4 && v[0].folder_id == 0 && v[3].account_id == 11);
	OK(mailbox_grant_tx(s.db, &(struct mailbox_grant){7, s.inbox, S("anyone"), 0}, &e));
	OK(mailbox_grants_to(s.db, bob, 3, &s.a, &v, &n, &e));
	CHECK_INT(n, 3);
}

static int annotate(
	struct shard *s, int64_t folder, int64_t reader, slice entry, slice value, struct err *e)
{
	const struct mailbox_metadata v = {entry, value};
	return mailbox_metadata_set_tx(s->db, 7, folder, reader, &v, 1, e);
}

TEST(mailbox_metadata_is_of_readers)
{
	AUTO(shard) struct shard s = make(1);
	struct err e;
	struct mailbox_metadata *m;
	struct mailbox_metadata_mark *k;
	size_t n;
	OK(annotate(&s, s.inbox, 7, S("/private/comment"), S("a"), &e));
	OK(annotate(&s, s.inbox, 7, S("/private/comment"), slice_of("b\0c", 3), &e));
	OK(annotate(&s, s.inbox, 9, S("/private/comment"), S("other"), &e));
	OK(annotate(&s, 0, 7, S("/shared/admin"), S(""), &e));
	OK(mailbox_metadata(s.db, 7, s.inbox, 7, &s.a, &m, &n, &e));
	CHECK_INT(n, 1);
	CHECK_STR(m[0].entry, S("/private/comment"));
	CHECK_STR(m[0].value, slice_of("b\0c", 3));
	OK(mailbox_metadata(s.db, 7, s.inbox, 9, &s.a, &m, &n, &e));
	CHECK(n == 1 && slice_eq(m[0].value, S("other")));
	OK(mailbox_metadata_marks(s.db, 7, 9, &s.a, &k, &n, &e));
	CHECK(n == 2 && k[0].modseq != k[1].modseq && k[0].modseq > 0);
	OK(annotate(&s, s.inbox, 7, S("/private/comment"), (slice){0}, &e));
	OK(mailbox_metadata(s.db, 7, s.inbox, 7, &s.a, &m, &n, &e));
	CHECK_INT(n, 0);
}

/* What readers keep takes nothing from the owner's room, and all of it has an end. */
TEST(mailbox_metadata_has_room_for_its_owner)
{
	AUTO(shard) struct shard s = make(1);
	AUTO(arena) struct arena a = {0};
	struct err e;
	for (int64_t reader = 9; reader < 29; reader++)
		for (int i = 0; i < MAILBOX_METADATA_OTHERS_MAX; i++)
			OK(annotate(&s, s.inbox, reader, arena_printf(&a, "/private/%d", i), S("x"),
				&e));
	CHECK_INT(annotate(&s, s.inbox, 9, S("/private/one-more"), S("x"), &e), -1);
	CHECK_INT(e.kind, ERR_LIMIT);
	OK(annotate(&s, s.inbox, 9, S("/private/one-more"), (slice){0}, &e));
	for (int i = 0; i < MAILBOX_METADATA_ENTRIES_MAX; i++)
		OK(annotate(&s, s.inbox, 7, arena_printf(&a, "/private/%d", i), S("x"), &e));
	CHECK_INT(annotate(&s, s.inbox, 7, S("/shared/one-more"), S("x"), &e), -1);
	AUTO(free) char *large = mem_alloc(MAILBOX_METADATA_MAX);
	memset(large, 'x', MAILBOX_METADATA_MAX);
	int64_t folder = 1000;
	while (annotate(&s, folder, 7, S("/shared/x"), slice_of(large, MAILBOX_METADATA_MAX), &e) ==
		0)
		folder++;
	CHECK_INT(e.kind, ERR_LIMIT);
	CHECK_INT(folder - 1000, MAILBOX_METADATA_BYTES_MAX / MAILBOX_METADATA_MAX - 1);
}
