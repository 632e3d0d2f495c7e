/* Folders, what others see of them, and what is in messages (box.h), against a real store. */
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
