/*
 * Mailboxes as people see them, against a real store: folders, what is appended and read back, what sessions learn of each other's
 * changes, copies and moves within a shard and across, what is hidden stays hidden.
 */
#include "mail/box_teach.h"
#include "mail/box_testing.h"

/* ---- folders ---- */

static void print_folders(struct box_user *u, unsigned scope, struct buf *out)
{
	AUTO(arena) struct arena a = {0};
	struct box_folder *v;
	struct err e;
	size_t n;
	OK(box_folders(u, scope, &a, &v, &n, &e));
	for (size_t i = 0; i < n; i++)
		buf_printf(out, "%.*s%s%s%s;", SFMT(v[i].name), v[i].f.id ? "" : "(none)",
			v[i].children ? "+" : "", v[i].subscribed ? "*" : "");
}

static void check_folders(struct box_user *u, unsigned scope, slice want)
{
	AUTO(buf) struct buf got = BUF(65536);
	print_folders(u, scope, &got);
	CHECK_STR(buf_slice(&got), want);
}

static void folders(struct bench *b)
{
	struct err e;
	AUTO(arena) struct arena a = {0};
	struct box_folder f;
	check_folders(b->ann, BOX_OWN, S("Archive*;Drafts*;INBOX*;Junk*;Sent*;Trash*;"));
	OK(box_folder_make(b->ann, S("Work/2026/May"), MAILBOX_USE_NONE, &e));
	OK(box_folder_make(b->ann, S("Work-x"), MAILBOX_USE_NONE, &e));
	FAILS(box_folder_make(b->ann, S("Work"), MAILBOX_USE_NONE, &e), ERR_EXISTS);
	FAILS(box_folder_make(b->ann, S("inbox"), MAILBOX_USE_NONE, &e), ERR_EXISTS);
	FAILS(box_folder_make(b->ann, S("a//b"), MAILBOX_USE_NONE, &e), ERR_PROTO);
	OK(box_folder_remove(b->ann, S("Work"), &e));
	check_folders(b->ann, BOX_OWN,
		S("Archive*;Drafts*;INBOX*;Junk*;Sent*;Trash*;Work(none)+;Work/2026+;Work/2026/"
		  "May;Work-x;"));
	OK(box_folder_rename(b->ann, S("Work/2026"), S("Old/2026"), &e));
	FAILS(box_folder_rename(b->ann, S("Old"), S("Old/2026/x"), &e), ERR_PERM);
	FAILS(box_folder_rename(b->ann, S("Old"), S("INBOX"), &e), ERR_EXISTS);
	FAILS(box_folder_rename(b->ann, S("None"), S("Other"), &e), ERR_NOTFOUND);
	FAILS(box_folder_remove(b->ann, S("INBOX"), &e), ERR_PERM);
	check_folders(b->ann, BOX_OWN,
		S("Archive*;Drafts*;INBOX*;Junk*;Old+;Old/2026+;Old/2026/"
		  "May;Sent*;Trash*;Work-x;"));
	OK(box_folder(b->ann, S("Junk"), &a, &f, &e));
	CHECK_INT(f.f.use, MAILBOX_USE_JUNK);
	CHECK_INT(f.rights, RIGHT_ALL);
	OK(box_folder_use(b->ann, S("Old"), MAILBOX_USE_ARCHIVE, &e));
	OK(box_subscribe(b->ann, S("Old"), true, &e));
	OK(box_subscribe(b->ann, S("Junk"), false, &e));
	check_folders(b->ann, BOX_OWN,
		S("Archive*;Drafts*;INBOX*;Junk;Old+*;Old/2026+;Old/2026/"
		  "May;Sent*;Trash*;Work-x;"));
	slice *names;
	size_t n;
	OK(box_subscriptions(b->ann, &a, &names, &n, &e));
	CHECK_INT(n, 6);
}

TEST(box_folders_are_made_and_renamed)
{
	in_bench(folders);
}

/* ---- what others may see ---- */

static void shared(struct bench *b)
{
	struct err e;
	AUTO(arena) struct arena a = {0};
	struct box_folder f;
	check_folders(b->bob, BOX_OTHERS_TOO, S(""));
	check_folders(b->bob, BOX_ALL, S("Archive*;Drafts*;INBOX*;Junk*;Sent*;Trash*;"));
	FAILS(box_folder_make(b->bob, S("Shared/sales@one.test/Offers"), MAILBOX_USE_NONE, &e),
		ERR_DENIED);
	OK(box_folder_make(b->ann, S("Shared/sales@one.test/Offers"), MAILBOX_USE_NONE, &e));
	check_folders(b->bob, BOX_SHARED_TOO,
		S("Shared(none)+;Shared/sales@one.test(none)+;Shared/sales@one.test/Offers;"));
	FAILS(box_folder(b->cat, S("Shared/sales@one.test/Offers"), &a, &f, &e), ERR_NOTFOUND);
	OK(box_folder(b->bob, S("Shared/SALES@one.test/Offers"), &a, &f, &e));
	CHECK_INT(f.rights, RIGHT_LOOKUP | RIGHT_READ | RIGHT_SEEN);

	OK(box_folder_make(b->ann, S("Plan"), MAILBOX_USE_NONE, &e));
	FAILS(box_folder(b->cat, S("Other Users/ann@one.test/Plan"), &a, &f, &e), ERR_NOTFOUND);
	FAILS(box_folder(b->cat, S("Other Users/nobody@one.test/Plan"), &a, &f, &e), ERR_NOTFOUND);
	OK(box_grant(b->ann, S("Plan"), S("team@one.test"), RIGHT_LOOKUP | RIGHT_READ, &e));
	OK(box_grant(b->ann, S("Plan"), S("BOB@one.test"), RIGHT_LOOKUP | RIGHT_INSERT, &e));
	FAILS(box_grant(b->ann, S("Plan"), S("nobody@one.test"), RIGHT_LOOKUP, &e), ERR_NOTFOUND);
	FAILS(box_grant(b->ann, S("Plan"), S("zoe@far.test"), RIGHT_LOOKUP, &e), ERR_NOTFOUND);
	FAILS(box_grant(b->ann, S("Plan"), S("ann@one.test"), RIGHT_LOOKUP, &e), ERR_PERM);
	FAILS(box_grant(
		      b->bob, S("Other Users/ann@one.test/Plan"), S("bob@one.test"), RIGHT_ALL, &e),
		ERR_DENIED);
	check_folders(b->cat, BOX_OTHERS_TOO,
		S("Other Users(none)+;Other Users/ann@one.test(none)+;Other "
		  "Users/ann@one.test/Plan;"));
	OK(box_folder(b->cat, S("Other Users/ann@one.test/Plan"), &a, &f, &e));
	CHECK_INT(f.rights, RIGHT_LOOKUP | RIGHT_READ);
	/* What is made below it has the same entries. */
	OK(box_folder_make(b->ann, S("Plan/A"), MAILBOX_USE_NONE, &e));
	OK(box_folder(b->bob, S("Other Users/ann@one.test/Plan/A"), &a, &f, &e));
	CHECK_INT(f.rights, RIGHT_LOOKUP | RIGHT_INSERT);
	/* "-" takes away; the entry of a person and of their group add up. */
	OK(box_grant(b->ann, S("Plan"), S("anyone"), RIGHT_LOOKUP | RIGHT_SEEN, &e));
	OK(box_grant(b->ann, S("Plan"), S("-cat@one.test"), RIGHT_READ, &e));
	OK(box_folder(b->cat, S("Other Users/ann@one.test/Plan"), &a, &f, &e));
	CHECK_INT(f.rights, RIGHT_LOOKUP | RIGHT_SEEN);
	OK(box_folder(b->eve, S("Other Users/ann@one.test/Plan"), &a, &f, &e));
	CHECK_INT(f.rights, RIGHT_LOOKUP | RIGHT_SEEN);
	/* Not for another organisation. */
	struct box_user *zoe = bench_user(b, S("zoe@far.test"));
	FAILS(box_folder(zoe, S("Other Users/ann@one.test/Plan"), &a, &f, &e), ERR_NOTFOUND);
	check_folders(zoe, BOX_OTHERS_TOO, S(""));
	box_user_close(zoe);
	struct mailbox_grant *v;
	size_t n;
	OK(box_grants(b->ann, S("Plan"), &a, &v, &n, &e));
	CHECK_INT(n, 5);
	CHECK_STR(v[0].who, S("ann@one.test"));
	FAILS(box_grants(b->cat, S("Other Users/ann@one.test/Plan"), &a, &v, &n, &e), ERR_DENIED);
	OK(box_grant(b->ann, S("Plan"), S("anyone"), 0, &e));
	check_folders(b->eve, BOX_OTHERS_TOO, S(""));
}

TEST(box_others_see_what_was_granted)
{
	in_bench(shared);
}

/* ---- what is in a folder ---- */

static void check_content(struct box_view *v, uint32_t uid, slice want)
{
	AUTO(arena) struct arena a = {0};
	AUTO(buf) struct buf got = BUF(64 << 20);
	struct uidset one = bench_set(uid, uid);
	const struct box_query q = {.uids = &one, .want = MAILBOX_WANT_EMAIL};
	struct mailbox_message *m;
	struct box_content *c;
	struct err e;
	size_t n;
	OK(box_rows(v, &q, &a, &m, &n, &e));
	CHECK_INT(n, 1);
	OK(box_content_open(v, m, &c, &e));
	CHECK_INT(box_content_size(c), want.n);
	OK(box_content_read(c, 0, UINT64_MAX, &got, &e));
	CHECK(slice_eq(buf_slice(&got), want));
	for (uint64_t at = 0; at < want.n; at += 1 + want.n / 17) {
		buf_reset(&got);
		OK(box_content_read(c, at, 70000, &got, &e));
		CHECK(slice_eq(buf_slice(&got), slice_first(slice_skip(want, at), 70000)));
	}
	box_content_close(c);
	uidset_done(&one);
}

static void large_letter(struct buf *out, size_t n)
{
	buf_printf(out, "Subject: large\r\nContent-Type: multipart/mixed; "
			"boundary=b\r\n\r\n--b\r\n\r\ntext\r\n--b\r\n"
			"Content-Type: application/octet-stream\r\nContent-Transfer-Encoding: "
			"base64\r\n\r\n");
	for (size_t i = 0; i < n / 78; i++)
		buf_printf(out, "%076zu\r\n", i * 7919);
	buf_printf(out, "--b--\r\n");
}

static void contents(struct bench *b)
{
	AUTO(buf) struct buf large = BUF(64 << 20);
	AUTO(arena) struct arena a = {0};
	struct err e;
	large_letter(&large, 10 << 20); /* above what is kept in memory for the summary */
	uint32_t one = bench_letter(b->ann, "INBOX");
	uint32_t two =
		bench_append(b->ann, S("INBOX"), buf_slice(&large), MAILBOX_SEEN, S("$Label1 x"));
	struct box_view *v = bench_view(b->ann, "INBOX");
	CHECK_INT(v->uids.count, 2);
	check_content(v, one, S(LETTER));
	check_content(v, two, buf_slice(&large));
	const struct box_query q = {.want = MAILBOX_WANT_SUMMARY};
	struct mailbox_message *m;
	struct summary s;
	size_t n;
	OK(box_rows(v, &q, &a, &m, &n, &e));
	CHECK_INT(n, 2);
	CHECK(summary_open(m[0].summary, &s));
	CHECK_STR(summary_text(&s, 0, SUMMARY_SUBJECT), S("hello"));
	CHECK(summary_open(m[1].summary, &s));
	CHECK_INT(s.nparts, 3);
	CHECK_INT(s.size, large.n);
	CHECK_INT(m[1].flags, MAILBOX_SEEN);
	CHECK_STR(m[1].keywords, S("$Label1 x"));
	box_close(v);
	struct box_append *p;
	FAILS(box_append_begin(b->ann, S("None"), &p, &e), ERR_NOTFOUND);
}

TEST(box_messages_come_back_as_they_were)
{
	in_bench(contents);
}

static int drop_summaries(struct sql *db, void *arg, struct err *e)
{
	(void)arg;
	return sql_run(db, e, "UPDATE email SET summary = $1", "b", S("")) < 0 ? -1 : 0;
}

static void older(struct bench *b)
{
	AUTO(arena) struct arena a = {0};
	struct mailbox_message *m;
	struct summary s;
	struct err e;
	size_t n;
	bench_letter(b->ann, "INBOX");
	OK(box_change(b->boxes, box_user_account(b->ann), drop_summaries, NULL, &e));
	struct box_view *v = bench_view(b->ann, "INBOX");
	const struct box_query q = {.want = MAILBOX_WANT_SUMMARY};
	OK(box_rows(v, &q, &a, &m, &n, &e));
	CHECK_INT(n, 1);
	CHECK(summary_open(m[0].summary, &s));
	boxes_drain(b->boxes);
	/* Kept: it comes with the row now. */
	OK(box_rows(v, &q, &a, &m, &n, &e));
	CHECK(summary_open(m[0].summary, &s));
	CHECK_STR(summary_text(&s, 0, SUMMARY_MESSAGE_ID), S("<m1@far.test>"));
	box_close(v);
}

TEST(box_missing_summaries_are_made)
{
	in_bench(older);
}

/* ---- what sessions learn ---- */

static struct box_news sync_of(struct box_view *v, bool expunges, struct arena *a)
{
	struct box_news n;
	struct err e;
	OK(box_sync(v, expunges, a, &n, &e));
	return n;
}

static void news_done(struct box_news *n)
{
	uidset_done(&n->gone);
	uidset_done(&n->before);
}

static void store_flag(struct box_view *v, uint32_t uid, unsigned flags)
{
	struct uidset one = bench_set(uid, uid), changed = {0}, failed = {0};
	const struct box_store s = {.uids = &one,
		.how = MAILBOX_FLAGS_ADD,
		.flags = flags,
		.unchanged_since = UINT64_MAX};
	uint64_t modseq;
	struct err e;
	OK(box_store(v, &s, &changed, &failed, &modseq, &e));
	uidset_done(&one);
	uidset_done(&changed);
	uidset_done(&failed);
}

static void expunge_one(struct box_view *v, uint32_t uid)
{
	struct uidset one = bench_set(uid, uid), gone = {0};
	uint64_t modseq;
	struct err e;
	OK(box_expunge(v, &one, true, &gone, &modseq, &e));
	uidset_done(&one);
	uidset_done(&gone);
}

static void learning(struct bench *b)
{
	AUTO(arena) struct arena a = {0};
	struct err e;
	for (int i = 0; i < 5; i++)
		bench_letter(b->ann, "INBOX");
	struct box_user *phone = bench_user(b, S("ann@one.test"));
	struct box_view *v = bench_view(b->ann, "INBOX"), *w = bench_view(phone, "INBOX");
	struct box_news n = sync_of(w, true, &a);
	CHECK(!n.any);
	store_flag(v, 2, MAILBOX_FLAGGED);
	expunge_one(v, 4);
	uint32_t sixth = bench_letter(b->ann, "INBOX");
	uint32_t seventh = bench_letter(b->ann, "INBOX");
	expunge_one(v, seventh); /* not in v: it never saw it */
	n = sync_of(v, true, &a);
	CHECK_INT(n.ncame, 2);
	news_done(&n);
	expunge_one(v, seventh);
	n = sync_of(w, false, &a); /* no EXPUNGE now */
	CHECK_INT(n.gone.count, 0);
	CHECK_INT(n.ncame, 1);
	CHECK_INT(n.came[0], sixth);
	CHECK_INT(n.nchanged, 2);
	CHECK_INT(n.changed[0].uid, 2);
	CHECK_INT(n.changed[0].flags, MAILBOX_FLAGGED);
	CHECK_INT(w->uids.count, 6);
	n = sync_of(w, true, &a);
	CHECK_INT(n.gone.count, 1);
	CHECK(uidset_has(&n.gone, 4));
	CHECK_INT(n.before.count, 6);
	CHECK_INT(w->uids.count, 5);
	CHECK_INT(n.ncame, 0);
	news_done(&n);
	n = sync_of(w, true, &a);
	CHECK(!n.any);
	n = sync_of(v, true, &a);
	news_done(&n);
	CHECK(uidset_eq(&v->uids, &w->uids));
	CHECK_INT(v->modseq, w->modseq);
	/* The folder is renamed: it is the same; then it is removed. */
	OK(box_folder_make(b->ann, S("X"), MAILBOX_USE_NONE, &e));
	bench_letter(b->ann, "X");
	struct box_view *x = bench_view(phone, "X");
	OK(box_folder_rename(b->ann, S("X"), S("Y"), &e));
	n = sync_of(x, true, &a);
	CHECK(!n.folder_gone);
	news_done(&n);
	OK(box_folder_remove(b->ann, S("Y"), &e));
	n = sync_of(x, true, &a);
	CHECK(n.folder_gone);
	n = sync_of(x, true, &a);
	CHECK(n.folder_gone);
	box_close(x);
	box_close(v);
	box_close(w);
	box_user_close(phone);
}

TEST(box_sessions_learn_of_changes)
{
	in_bench(learning);
}

/* Random changes by one session; what the other one is told adds up to what is there. */
static void random_change(struct box_user *u, struct box_view *v, struct arena *a)
{
	struct box_news n = sync_of(v, true, a);
	news_done(&n);
	uint32_t uid = v->uids.count ? uidset_at(&v->uids, rand_below(v->uids.count)) : 0;
	switch (rand_below(4)) {
	case 0:
	case 1:
		bench_letter(u, "INBOX");
		break;
	case 2:
		if (uid)
			store_flag(v, uid, 1u << rand_below(5));
		break;
	case 3:
		if (uid)
			expunge_one(v, uid);
		break;
	}
}

static void check_same_as_store(struct bench *b, struct box_view *w, const unsigned *flags)
{
	AUTO(arena) struct arena a = {0};
	struct box_user *fresh = bench_user(b, S("ann@one.test"));
	struct box_view *v = bench_view(fresh, "INBOX");
	struct mailbox_message *m;
	struct err e;
	size_t n;
	CHECK(uidset_eq(&v->uids, &w->uids));
	const struct box_query q = {.want = 0};
	OK(box_rows(v, &q, &a, &m, &n, &e));
	CHECK_INT(n, v->uids.count);
	for (size_t i = 0; i < n; i++)
		CHECK_INT(m[i].flags, flags[m[i].uid]);
	box_close(v);
	box_user_close(fresh);
}

static void random_walk(struct bench *b)
{
	AUTO(arena) struct arena a = {0};
	struct box_user *phone = bench_user(b, S("ann@one.test"));
	struct box_view *v = bench_view(b->ann, "INBOX"), *w = bench_view(phone, "INBOX");
	unsigned flags[300] = {0};
	for (int round = 0; round < 40; round++) {
		for (int i = (int)rand_below(6); i >= 0; i--)
			random_change(b->ann, v, &a);
		bool expunges = rand_below(2);
		struct box_news n = sync_of(w, expunges, &a);
		for (size_t i = 0; i < n.nchanged; i++)
			flags[n.changed[i].uid] = n.changed[i].flags;
		news_done(&n);
		if (expunges)
			check_same_as_store(b, w, flags);
		arena_reset(&a);
	}
	box_close(v);
	box_close(w);
	box_user_close(phone);
}

TEST(box_news_add_up)
{
	in_bench(random_walk);
}

/* ---- the kept sets ---- */

static void reopened(struct bench *b)
{
	AUTO(arena) struct arena a = {0};
	struct err e;
	struct box_append *p;
	AUTO(uidset) struct uidset uids = {0};
	uint32_t validity;
	OK(box_append_begin(b->ann, S("INBOX"), &p, &e));
	for (int i = 0; i < 700; i++) {
		OK(box_append_start(p, &(struct box_append_options){.flags = 0}, &e));
		OK(box_append_bytes(p, S(LETTER), &e));
		OK(box_append_end(p, &e));
	}
	OK(box_append_commit(p, NULL, 0, &validity, &uids, &e));
	box_append_cancel(p);
	CHECK_INT(uids.count, 700);
	struct box_view *v = bench_view(b->ann, "INBOX");
	expunge_one(v, 100);
	struct box_news n = sync_of(v, true, &a);
	news_done(&n);
	CHECK_INT(b->boxes->nkept, 0);
	box_close(v);
	CHECK_INT(b->boxes->nkept, 1);
	v = bench_view(b->ann, "INBOX");
	CHECK_INT(v->uids.count, 699);
	struct box_view *w = bench_view(b->ann, "INBOX");
	expunge_one(w, 200);
	bench_letter(b->ann, "INBOX");
	box_close(w);
	box_close(v);
	v = bench_view(b->ann, "INBOX");
	CHECK_INT(v->uids.count, 699);
	CHECK(!uidset_has(&v->uids, 200));
	CHECK(uidset_has(&v->uids, 701));
	box_close(v);
}

TEST(box_reopening_knows_what_happened)
{
	in_bench(reopened);
}

/* ---- copies ---- */

static void check_copy(struct bench *b, struct box_user *u, slice to, bool move, slice shown)
{
	AUTO(arena) struct arena a = {0};
	struct err e;
	uint32_t one = bench_append(
		b->ann, S("INBOX"), S(LETTER), MAILBOX_SEEN | MAILBOX_FLAGGED, S("word"));
	struct box_view *v = bench_view(b->ann, "INBOX");
	struct uidset uids = bench_set(one, one);
	struct box_copied c = {0};
	OK(box_copy(v, &uids, to, move, &c, &e));
	CHECK_INT(c.from.count, 1);
	CHECK_INT(c.to.count, 1);
	struct box_view *w;
	OK(box_open(u, shown, false, &w, &e));
	CHECK_INT(c.uidvalidity, w->folder.f.uidvalidity);
	check_content(w, uidset_at(&c.to, 0), S(LETTER));
	struct box_news n = sync_of(v, true, &a);
	CHECK_INT(n.gone.count, move ? 1 : 0);
	news_done(&n);
	CHECK(uidset_has(&v->uids, one) == !move);
	box_close(v);
	box_close(w);
	uidset_done(&uids);
	uidset_done(&c.from);
	uidset_done(&c.to);
}

static void copies(struct bench *b)
{
	struct err e;
	OK(box_folder_make(b->bob, S("In"), MAILBOX_USE_NONE, &e));
	OK(box_grant(
		b->bob, S("In"), S("ann@one.test"), RIGHT_LOOKUP | RIGHT_INSERT | RIGHT_SEEN, &e));
	OK(box_folder_make(b->eve, S("In"), MAILBOX_USE_NONE, &e));
	OK(box_grant(
		b->eve, S("In"), S("ann@one.test"), RIGHT_LOOKUP | RIGHT_INSERT | RIGHT_WRITE, &e));
	int64_t ann = box_user_account(b->ann), eve = box_user_account(b->eve),
		bob = box_user_account(b->bob);
	CHECK(mailbox_shard(ann) == mailbox_shard(eve) && mailbox_shard(ann) != mailbox_shard(bob));
	for (int move = 0; move < 2; move++) {
		check_copy(b, b->ann, S("Archive"), move, S("Archive"));
		check_copy(b, b->bob, S("Other Users/bob@one.test/In"), move, S("In"));
		check_copy(b, b->eve, S("Other Users/eve@one.test/In"), move, S("In"));
	}
	/* Flags only as far as the rights go. */
	AUTO(arena) struct arena a = {0};
	struct mailbox_message *m;
	size_t n;
	const struct box_query q = {.want = 0};
	struct box_view *v = bench_view(b->bob, "In");
	OK(box_rows(v, &q, &a, &m, &n, &e));
	CHECK_INT(n, 2);
	CHECK_INT(m[0].flags, MAILBOX_SEEN);
	CHECK_STR(m[0].keywords, S(""));
	box_close(v);
	v = bench_view(b->eve, "In");
	OK(box_rows(v, &q, &a, &m, &n, &e));
	CHECK_INT(n, 2);
	CHECK_INT(m[1].flags, MAILBOX_FLAGGED);
	CHECK_STR(m[1].keywords, S("word"));
	struct uidset uids = bench_set(1, 10);
	struct box_copied c = {0};
	FAILS(box_copy(v, &uids, S("Nowhere"), false, &c, &e), ERR_NOTFOUND);
	FAILS(box_copy(v, &uids, S("Other Users/ann@one.test/INBOX"), false, &c, &e), ERR_NOTFOUND);
	uidset_done(&uids);
	box_close(v);
}

TEST(box_copies_here_and_to_other_shards)
{
	in_bench(copies);
}

/* ---- quota ---- */

static int try_append(struct box_user *u, slice folder, slice message, struct err *e)
{
	struct box_append *p;
	AUTO(uidset) struct uidset uids = {0};
	uint32_t validity;
	if (box_append_begin(u, folder, &p, e) < 0)
		return -1;
	int r = box_append_start(p, &(struct box_append_options){.flags = 0}, e);
	if (r == 0)
		r = box_append_bytes(p, message, e);
	if (r == 0)
		r = box_append_end(p, e);
	if (r == 0)
		r = box_append_commit(p, NULL, 0, &validity, &uids, e);
	box_append_cancel(p);
	return r;
}

static void quotas(struct bench *b)
{
	struct err e;
	struct box_usage usage;
	OK(directory_account_quota(b->dirdb, S("ann@one.test"), 2 * strlen(LETTER) + 10, &e));
	struct err ignored;
	co_sleep(instant_in(1200 * MSEC),
		&ignored); /* changes of the directory are seen within a second */
	OK(try_append(b->ann, S("INBOX"), S(LETTER), &e));
	OK(try_append(b->ann, S("INBOX"), S(LETTER), &e));
	FAILS(try_append(b->ann, S("INBOX"), S(LETTER), &e), ERR_QUOTA);
	OK(box_usage(b->ann, S(""), &usage, &e));
	CHECK_INT(usage.messages, 2);
	CHECK_INT(usage.bytes, 2 * strlen(LETTER));
	CHECK_INT(usage.quota, 2 * strlen(LETTER) + 10);
	struct box_view *v = bench_view(b->ann, "INBOX");
	struct uidset uids = bench_set(1, 2);
	struct box_copied c = {0};
	FAILS(box_copy(v, &uids, S("Archive"), false, &c, &e), ERR_QUOTA);
	OK(box_copy(v, &uids, S("Archive"), true, &c, &e)); /* a move takes no room */
	CHECK_INT(c.to.count, 2);
	box_close(v);
	uidset_done(&c.from);
	uidset_done(&c.to);
	uidset_done(&uids);
	v = bench_view(b->ann, "Archive");
	expunge_one(v, 1); /* can return, and does not count */
	box_close(v);
	OK(try_append(b->ann, S("INBOX"), S(LETTER), &e));
	b->conf.max_message = 50;
	boxes_configure(b->boxes, &b->conf);
	FAILS(try_append(b->bob, S("INBOX"), S(LETTER), &e), ERR_LIMIT);
}

TEST(box_quota_and_largest_message)
{
	in_bench(quotas);
}

/* ---- replacing ---- */

static void replacing(struct bench *b)
{
	struct err e;
	AUTO(uidset) struct uidset uids = {0};
	uint32_t validity, draft = bench_letter(b->ann, "Drafts");
	struct box_view *v = bench_view(b->ann, "Drafts");
	struct box_append *p;
	for (int again = 0; again < 2; again++) {
		OK(box_append_begin(b->ann, S("Drafts"), &p, &e));
		OK(box_append_start(p, &(struct box_append_options){.flags = MAILBOX_DRAFT}, &e));
		OK(box_append_bytes(p, S("Subject: new\r\n\r\nx\r\n"), &e));
		OK(box_append_end(p, &e));
		int r = box_append_commit(p, v, draft, &validity, &uids, &e);
		box_append_cancel(p);
		CHECK_INT(r, again ? -1 : 0); /* it is gone the second time */
	}
	CHECK_INT(e.kind, ERR_NOTFOUND);
	CHECK_INT(uids.count, 1);
	box_close(v);
	v = bench_view(b->ann, "Drafts");
	CHECK_INT(v->uids.count, 1);
	CHECK(uidset_has(&v->uids, uidset_at(&uids, 0)));
	box_close(v);
}

TEST(box_replacing_is_one_step)
{
	in_bench(replacing);
}

/* ---- lessons ---- */

static void move_one(struct box_user *u, const char *from, uint32_t uid, const char *to)
{
	struct err e;
	struct box_view *v = bench_view(u, from);
	struct uidset one = bench_set(uid, uid);
	struct box_copied c = {0};
	OK(box_copy(v, &one, slice_z(to), true, &c, &e));
	box_close(v);
	uidset_done(&one);
	uidset_done(&c.from);
	uidset_done(&c.to);
}

static void lessons(struct bench *b)
{
	AUTO(arena) struct arena a = {0};
	struct box_lesson *v;
	struct err e;
	size_t n;
	for (int i = 0; i < 3; i++)
		bench_letter(b->ann, "INBOX");
	move_one(b->ann, "INBOX", 1, "Archive");
	move_one(b->ann, "INBOX", 2, "Junk");
	move_one(b->ann, "INBOX", 3, "Junk");
	move_one(b->ann, "Junk", 2, "Trash");
	OK(boxes_lessons_due(b->boxes, &a, &v, &n, &e));
	CHECK_INT(n, 2);
	CHECK(v[0].spam && v[1].spam);
	CHECK_STR(v[0].who, S("ann@one.test"));
	OK(boxes_lessons_done(b->boxes, v, 1, &e));
	move_one(b->ann, "Trash", 1, "Junk");
	move_one(b->ann, "Junk", 1, "INBOX");
	OK(boxes_lessons_due(b->boxes, &a, &v, &n, &e));
	CHECK_INT(n, 2);
	CHECK(v[0].spam != v[1].spam);
	AUTO(buf) struct buf got = BUF(4096);
	OK(blob_read(b->blobs, v[0].blob, &got, &e));
	CHECK_STR(buf_slice(&got), S(LETTER));
	CHECK_INT(v[0].size, strlen(LETTER));
	OK(boxes_lessons_done(b->boxes, v, n, &e));
	OK(boxes_lessons_due(b->boxes, &a, &v, &n, &e));
	CHECK_INT(n, 0);
}

TEST(box_moves_to_and_from_junk_are_lessons)
{
	in_bench(lessons);
}

/* ---- waiting ---- */

struct waiting {
	unsigned woken;
	struct cond cond;
};

static void on_wake(void *arg)
{
	struct waiting *w = arg;
	w->woken++;
	cond_wake_all(&w->cond);
}

static void watching(struct bench *b)
{
	struct err e;
	struct waiting w = {0};
	int64_t account = box_user_account(b->ann);
	cond_init(&w.cond);
	struct box_watch *watch = box_watch(b->boxes, &account, 1, on_wake, &w);
	instant begun = instant_now();
	bench_letter(b->bob, "INBOX"); /* another's */
	bench_letter(b->ann, "INBOX");
	while (!w.woken && cond_wait(&w.cond, instant_in(5 * SECOND), &e) == 0)
		;
	CHECK_INT(w.woken, 1);
	CHECK(instant_now() - begun < 2 * SECOND);
	co_sleep(instant_in(400 * MSEC), &e);
	CHECK_INT(w.woken, 1);
	box_unwatch(watch);
	bench_letter(b->ann, "INBOX");
	co_sleep(instant_in(400 * MSEC), &e);
	CHECK_INT(w.woken, 1);
}

TEST(box_who_waits_is_woken)
{
	in_bench(watching);
}

/* ---- annotations, recovery ---- */

static void annotations(struct bench *b)
{
	AUTO(arena) struct arena a = {0};
	struct mailbox_metadata *v;
	struct err e;
	size_t n;
	OK(box_folder_make(b->ann, S("Plan"), MAILBOX_USE_NONE, &e));
	OK(box_grant(b->ann, S("Plan"), S("bob@one.test"), RIGHT_LOOKUP | RIGHT_READ, &e));
	const slice theirs = S("Other Users/ann@one.test/Plan");
	const struct mailbox_metadata both[] = {
		{S("/shared/Comment"), S("for all")}, {S("/private/comment"), S("mine")}};
	const struct mailbox_metadata bobs = {S("/private/comment"), S("bob's")};
	const struct mailbox_metadata bad = {S("/elsewhere/x"), S("x")};
	OK(box_metadata_set(b->ann, S("Plan"), both, 2, &e));
	FAILS(box_metadata_set(b->bob, theirs, both, 2, &e), ERR_DENIED);
	FAILS(box_metadata_set(b->cat, theirs, &bobs, 1, &e), ERR_NOTFOUND);
	FAILS(box_metadata_set(b->ann, S("Plan"), &bad, 1, &e), ERR_PROTO);
	FAILS(box_metadata_set(b->ann, S(""), both, 1, &e), ERR_DENIED);
	OK(box_metadata_set(b->bob, theirs, &bobs, 1, &e));
	OK(box_metadata(b->bob, theirs, &a, &v, &n, &e));
	CHECK_INT(n, 2);
	CHECK_STR(v[0].entry, S("/shared/comment"));
	CHECK_STR(v[1].entry, S("/private/comment"));
	CHECK_STR(v[1].value, S("bob's"));
	OK(box_metadata(b->ann, S("Plan"), &a, &v, &n, &e));
	CHECK_INT(n, 2);
	CHECK_STR(v[1].value, S("mine"));
}

TEST(box_annotations_are_private_or_shared)
{
	in_bench(annotations);
}

static void recovery(struct bench *b)
{
	AUTO(arena) struct arena a = {0};
	struct mailbox_removed *v;
	struct err e;
	size_t n;
	uint32_t uid = bench_letter(b->ann, "INBOX");
	struct box_view *view = bench_view(b->ann, "INBOX");
	expunge_one(view, uid);
	box_close(view);
	const struct mailbox_removed_query q = {.most = 10};
	OK(box_removed(b->ann, &q, &a, &v, &n, &e));
	CHECK_INT(n, 1);
	CHECK(v[0].can_return);
	CHECK_STR(v[0].by.who, S("ann@one.test"));
	CHECK_STR(v[0].by.protocol, S("imap"));
	OK(box_recover(b->ann, v[0].modseq, v[0].uid, S(""), &e));
	view = bench_view(b->ann, "INBOX");
	CHECK_INT(view->uids.count, 1);
	check_content(view, uidset_at(&view->uids, 0), S(LETTER));
	box_close(view);
	OK(box_removed(b->bob, &q, &a, &v, &n, &e));
	CHECK_INT(n, 0);
}

TEST(box_deleted_mail_comes_back)
{
	in_bench(recovery);
}

/* ---- \Recent: one session has it ---- */

static uint32_t recent_of(struct box_user *u, bool read_only)
{
	struct box_view *v;
	struct err e;
	OK(box_open(u, S("INBOX"), read_only, &v, &e));
	uint32_t from = v->recent.n ? v->recent.v[0].first : v->folder.f.uidnext;
	CHECK_INT(box_recent_count(v), v->folder.f.uidnext - from);
	box_close(v);
	return from;
}

static void recent(struct bench *b)
{
	AUTO(arena) struct arena a = {0};
	struct box_user *phone = bench_user(b, S("ann@one.test"));
	bench_letter(b->ann, "INBOX");
	CHECK_INT(recent_of(phone, true), 1); /* who only reads does not take it */
	struct box_view *v = bench_view(b->ann, "INBOX");
	CHECK(uidset_has(&v->recent, 1));
	CHECK_INT(recent_of(phone, false), 2);
	bench_letter(phone, "INBOX");
	struct box_news n = sync_of(v, true, &a); /* told of it: it is this session's */
	CHECK_INT(n.ncame, 1);
	CHECK_INT(recent_of(phone, false), 3);
	bench_letter(phone, "INBOX");
	struct box_view *other = bench_view(phone, "INBOX"); /* takes it first */
	n = sync_of(v, true, &a);
	CHECK(n.ncame == 1 && !uidset_has(&v->recent, 3) && uidset_has(&other->recent, 3));
	bench_letter(phone, "INBOX");
	n = sync_of(v, true, &a);
	CHECK(uidset_has(&v->recent, 4) && !uidset_has(&v->recent, 3) && uidset_has(&v->recent, 2));
	CHECK_INT(box_recent_count(v), 3);
	n = sync_of(other, true, &a);
	CHECK_INT(box_recent_count(other), 1);
	box_close(other);
	bench_letter(phone, "INBOX");
	box_user_no_recent(phone);
	box_close(bench_view(phone, "INBOX"));
	n = sync_of(v, true, &a);
	CHECK_INT(n.ncame, 1);
	box_close(v);
	CHECK_INT(recent_of(b->ann, false), 6);
	box_user_close(phone);
}

TEST(box_recent_belongs_to_one_session)
{
	in_bench(recent);
}

/* ---- what does not fit is undone ---- */

static void undone(struct bench *b)
{
	struct err e;
	AUTO(uidset) struct uidset uids = {0};
	uint32_t validity;
	struct box_append *p;
	struct box_usage usage;
	OK(box_folder_make(b->bob, S("In"), MAILBOX_USE_NONE, &e));
	OK(box_grant(b->bob, S("In"), S("ann@one.test"), RIGHT_LOOKUP | RIGHT_INSERT, &e));
	OK(directory_account_quota(
		b->dirdb, S("bob@one.test"), (MAILBOX_BATCH + 10) * strlen(LETTER), &e));
	co_sleep(instant_in(1200 * MSEC), &e);
	OK(box_append_begin(b->ann, S("INBOX"), &p, &e));
	for (int i = 0; i < MAILBOX_BATCH + 20; i++) {
		OK(box_append_start(p, &(struct box_append_options){.flags = 0}, &e));
		OK(box_append_bytes(p, S(LETTER), &e));
		OK(box_append_end(p, &e));
	}
	OK(box_append_commit(p, NULL, 0, &validity, &uids, &e));
	box_append_cancel(p);
	struct box_view *v = bench_view(b->ann, "INBOX");
	struct box_copied c = {0};
	FAILS(box_copy(v, NULL, S("Other Users/bob@one.test/In"), false, &c, &e), ERR_QUOTA);
	CHECK_INT(c.to.count, 0);
	OK(box_usage(b->bob, S(""), &usage, &e));
	CHECK_INT(usage.messages, 0);
	box_close(v);
}

TEST(box_copy_that_does_not_fit_leaves_nothing)
{
	in_bench(undone);
}

/* ---- a change of which nobody told ---- */

static int deliver_tx(struct sql *db, void *arg, struct err *e)
{
	struct mailbox_place place;
	return mailbox_deliver_tx(db, arg, &place, e);
}

/* As by a process that was killed after its commit. */
static void deliver_silently(struct bench *b, int64_t account)
{
	struct err e;
	struct mailbox_delivery d = {
		.account_id = account, .folder = S("INBOX"), .received_at = wall_now()};
	struct blob_writer *w = blob_begin(b->blobs);
	OK(blob_add(w, S(LETTER), &e));
	OK(blob_finish(w, &d.blob, &d.size, &e));
	OK(commit_run_blob(b->boxes->commit[mailbox_shard(account)], d.blob, deliver_tx, &d, &e));
}

static void untold(struct bench *b)
{
	AUTO(arena) struct arena a = {0};
	struct err e;
	struct waiting w = {0};
	int64_t account = box_user_account(b->ann);
	struct box_view *v = bench_view(b->ann, "INBOX");
	cond_init(&w.cond);
	b->boxes->slow_every = 600 * MSEC;
	struct box_watch *watch = box_watch(b->boxes, &account, 1, on_wake, &w);
	while (!w.woken && cond_wait(&w.cond, instant_in(5 * SECOND), &e) == 0)
		; /* its first look knows nothing to compare with */
	CHECK_INT(w.woken, 1);
	deliver_silently(b, account);
	struct box_news n = sync_of(v, true, &a);
	CHECK(!n.any);
	while (w.woken < 2 && cond_wait(&w.cond, instant_in(5 * SECOND), &e) == 0)
		;
	CHECK_INT(w.woken, 2);
	v->looked_at -= BOX_SLOW_LOOK;
	n = sync_of(v, true, &a);
	CHECK_INT(n.ncame, 1);
	box_unwatch(watch);
	box_close(v);
}

TEST(box_changes_that_nobody_told_are_found)
{
	in_bench(untold);
}
