/* What people do with mail (box.h): copies, limits, replacing, lessons, annotations, what is undone or comes back. */
#include "mail/box_teach.h"
#include "mail/box_testing.h"

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
