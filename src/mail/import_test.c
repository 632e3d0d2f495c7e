/* Sources that are read again and again: what comes, what does not come twice, what changes. */
#include "mail/box_testing.h"
#include "mail/import.h"
#include "store/moved.h"

struct letter {
	const char *key, *text;
	unsigned flags;
	const char *words;
	int64_t at;
};

static struct importing *begin(struct bench *b, const struct import_options *o)
{
	struct importing *i = NULL;
	struct err e;
	OK(import_open(b->boxes, b->ann, S("test:ann"), o, &i, &e));
	return i;
}

struct pass {
	const char *name, *path;
	uint64_t epoch;
	const struct letter *v;
	size_t n;
	size_t stop; /* leaves off before this one; 0: goes on */
	bool incomplete;
};

static void bring(struct importing *i, const struct letter *l)
{
	struct err e;
	const struct import_message m = {.key = slice_z(l->key),
		.flags = l->flags,
		.keywords = slice_z(l->words),
		.received_at = l->at,
		.size = strlen(l->text)};
	int r = import_message_begin(i, &m, &e);
	if (r < 0 && (e.kind == ERR_LIMIT || e.kind == ERR_QUOTA))
		return;
	CHECK(r >= 0);
	if (r == 1)
		return;
	slice rest = slice_z(l->text); /* in odd pieces */
	for (size_t n = 1; rest.n; n = n * 2 + 1) {
		slice piece = slice_first(rest, n);
		rest = slice_skip(rest, piece.n);
		if (import_message_bytes(i, piece, &e) < 0) {
			CHECK(e.kind == ERR_LIMIT || e.kind == ERR_QUOTA);
			return;
		}
	}
	OK(import_message_end(i, &e));
}

static struct import_known_box run(struct importing *i, const struct pass *p)
{
	struct err e;
	struct import_known_box known = {0};
	const struct import_box box = {.path = slice_z(p->path ? p->path : p->name),
		.name = slice_z(p->name),
		.epoch = p->epoch ? p->epoch : 7,
		.subscribed = true};
	OK(import_box_begin(i, &box, &known, &e));
	for (size_t k = 0; k < p->n; k++) {
		unsigned flags;
		if (p->stop && k == p->stop)
			return known;
		int here = import_known(i, slice_z(p->v[k].key), &flags, &e);
		CHECK(here >= 0);
		if (here != 1)
			bring(i, &p->v[k]);
		if (here)
			OK(import_flags(i, slice_z(p->v[k].key), p->v[k].flags,
				slice_z(p->v[k].words), &e));
	}
	OK(import_box_end(i, !p->incomplete, 99, &e));
	return known;
}

static struct import_report whole(
	struct bench *b, const struct import_options *o, const struct pass *p)
{
	struct import_report r;
	struct importing *i = begin(b, o);
	run(i, p);
	import_report(i, &r);
	import_close(i);
	return r;
}

static size_t rows(struct bench *b, const char *folder, struct mailbox_message **ret)
{
	struct err e;
	size_t n = 0;
	struct box_view *v = bench_view(b->ann, folder);
	const struct box_query q = {.want = MAILBOX_WANT_EMAIL};
	OK(box_rows(v, &q, &b->mem, ret, &n, &e));
	box_close(v);
	return n;
}

static slice text_of(struct bench *b, const struct mailbox_message *m)
{
	AUTO(buf) struct buf out = BUF(1 << 20);
	struct err e;
	OK(blob_read(b->blobs, m->blob, &out, &e));
	return arena_dup(&b->mem, buf_slice(&out));
}

#define HEAD "From: joe@far.test\r\nSubject: "
static const struct letter three[] = {
	{"1", HEAD "one\r\n\r\none\r\n", MAILBOX_SEEN, "$Forwarded work", 1000 * SECOND},
	{"2", HEAD "two\r\n\r\ntwo\r\n", 0, "", 2000 * SECOND},
	{"3", HEAD "three\n\nbare\nlines\n", MAILBOX_FLAGGED | MAILBOX_ANSWERED, "", 3000 * SECOND},
};
static const struct import_options plain = {.flags = true};

static void comes_once(struct bench *b)
{
	struct mailbox_message *v;
	const struct pass p = {.name = "INBOX", .v = three, .n = 3};
	struct import_report r = whole(b, &plain, &p);
	CHECK_INT(r.copied, 3);
	CHECK_INT(r.messages, 3);
	CHECK_INT(r.mended, 1);
	CHECK_INT(rows(b, "INBOX", &v), 3);
	CHECK_INT(v[0].flags, MAILBOX_SEEN);
	CHECK_STR(v[0].keywords, slice_z("$Forwarded work"));
	CHECK_INT(v[1].received_at, 2000 * SECOND);
	CHECK_STR(text_of(b, &v[0]), slice_z(three[0].text));
	CHECK_STR(text_of(b, &v[2]), slice_z(HEAD "three\r\n\r\nbare\r\nlines\r\n"));
	r = whole(b, &plain, &p);
	CHECK_INT(r.copied, 0);
	CHECK_INT(r.present, 3);
	CHECK_INT(r.flagged, 0);
	CHECK_INT(rows(b, "INBOX", &v), 3);
}

/* What was in a transaction stays, what was not comes again; nothing twice. */
static void goes_on(struct bench *b)
{
	struct mailbox_message *v;
	struct err e;
	struct importing *i = begin(b, &plain);
	const struct pass some = {.name = "Work", .v = three, .n = 3, .stop = 2};
	run(i, &some);
	OK(import_flush(i, &e));
	import_close(i);
	CHECK_INT(rows(b, "Work", &v), 2);
	i = begin(b, &plain);
	run(i, &some); /* this time nothing becomes durable */
	import_close(i);
	const struct pass p = {.name = "Work", .v = three, .n = 3};
	struct import_report r = whole(b, &plain, &p);
	CHECK_INT(r.copied, 1);
	CHECK_INT(r.present, 2);
	CHECK_INT(rows(b, "Work", &v), 3);
}

static void one_at_a_time(struct bench *b)
{
	struct err e;
	struct importing *one = begin(b, &plain), *two = NULL;
	FAILS(import_open(b->boxes, b->ann, S("test:ann"), &plain, &two, &e), ERR_EXISTS);
	OK(import_open(b->boxes, b->ann, S("test:other"), &plain, &two, &e));
	import_close(two);
	import_close(one);
	import_close(begin(b, &plain));
}

static void flags_go_one_way(struct bench *b)
{
	struct err e;
	struct mailbox_message *v;
	struct letter l[3];
	memcpy(l, three, sizeof l);
	const struct pass p = {.name = "INBOX", .v = l, .n = 3};
	whole(b, &plain, &p);
	/* Here: the second is flagged, the first gets a keyword of its own and moves away. */
	struct box_view *view = bench_view(b->ann, "INBOX");
	AUTO(uidset) struct uidset two = bench_set(2, 2), one = bench_set(1, 1), c = {0}, f = {0};
	uint64_t modseq;
	struct box_store s = {&two, MAILBOX_FLAGS_ADD, MAILBOX_FLAGGED, S("mine"), UINT64_MAX};
	OK(box_store(view, &s, &c, &f, &modseq, &e));
	struct box_copied copied = {0};
	OK(box_folder_make(b->ann, S("Elsewhere"), MAILBOX_USE_NONE, &e));
	OK(box_copy(view, &one, S("Elsewhere"), true, &copied, &e));
	uidset_done(&copied.from);
	uidset_done(&copied.to);
	box_close(view);
	/* There: the first is no longer seen and loses a keyword, the second is seen. */
	l[0].flags = MAILBOX_DELETED;
	l[0].words = "work";
	l[1].flags = MAILBOX_SEEN;
	l[1].words = "theirs";
	struct import_report r = whole(b, &plain, &p);
	CHECK_INT(r.copied, 0);
	CHECK_INT(r.flagged, 2);
	CHECK_INT(rows(b, "INBOX", &v), 2);
	CHECK_INT(v[0].flags, MAILBOX_FLAGGED | MAILBOX_SEEN);
	CHECK_STR(v[0].keywords, slice_z("mine theirs"));
	CHECK_INT(rows(b, "Elsewhere", &v), 1);
	CHECK_INT(v[0].flags, MAILBOX_DELETED);
	CHECK_STR(v[0].keywords, slice_z("work"));
	CHECK_INT(whole(b, &plain, &p).flagged, 0);
	/* Without the option nothing changes. */
	l[1].flags = 0;
	CHECK_INT(whole(b, &(struct import_options){0}, &p).flagged, 0);
}

static void what_went(struct bench *b)
{
	struct mailbox_message *v;
	struct letter l[3];
	memcpy(l, three, sizeof l);
	const struct import_options o = {.flags = true, .delete_gone = true};
	const struct pass all = {.name = "INBOX", .v = l, .n = 3},
			  less = {.name = "INBOX", .v = l, .n = 1},
			  broken = {.name = "INBOX", .v = l, .n = 1, .incomplete = true};
	whole(b, &o, &all);
	CHECK_INT(whole(b, &plain, &less).gone, 0);
	CHECK_INT(whole(b, &o, &broken).gone, 0);
	struct box_view *view = bench_view(b->ann, "INBOX");
	AUTO(uidset) struct uidset two = bench_set(2, 2), c = {0}, f = {0};
	struct err e;
	uint64_t modseq;
	struct box_store s = {&two, MAILBOX_FLAGS_ADD, MAILBOX_ANSWERED, S(""), UINT64_MAX};
	OK(box_store(view, &s, &c, &f, &modseq, &e)); /* changed here: it stays */
	box_close(view);
	struct import_report r = whole(b, &o, &less);
	CHECK_INT(r.gone, 1);
	CHECK_INT(rows(b, "INBOX", &v), 2);
	CHECK_INT(v[1].uid, 2);
}

static void another_epoch(struct bench *b)
{
	struct mailbox_message *v;
	static const struct letter renumbered[] = {
		{"3", HEAD "one\r\n\r\none\r\n", MAILBOX_SEEN | MAILBOX_ANSWERED, "",
			1000 * SECOND},
		{"1", HEAD "two\r\n\r\ntwo\r\n", 0, "", 2000 * SECOND},
		{"2", HEAD "new\r\n\r\nnew\r\n", 0, "", 2000 * SECOND},
		{"9", HEAD "two\r\n\r\ntwo\r\n", 0, "", 2000 * SECOND},
	};
	const struct pass before = {.name = "INBOX", .v = three, .n = 3},
			  after = {.name = "INBOX", .v = renumbered, .n = 4, .epoch = 8};
	whole(b, &plain, &before);
	struct import_report r = whole(b, &plain, &after);
	CHECK_INT(r.copied, 2); /* the new one, and a second copy of "two" */
	CHECK_INT(r.present, 2);
	CHECK_INT(r.flagged, 1);
	CHECK_INT(rows(b, "INBOX", &v), 5);
	CHECK_INT(v[0].flags, MAILBOX_SEEN | MAILBOX_ANSWERED);
	r = whole(b, &plain, &after);
	CHECK_INT(r.copied, 0);
	CHECK_INT(r.present, 4);
}

static void is_verified(struct bench *b)
{
	struct err e;
	struct import_report r;
	struct letter l[3];
	memcpy(l, three, sizeof l);
	const struct import_options o = {.verify = true};
	const struct pass p = {.name = "INBOX", .v = l, .n = 3};
	whole(b, &plain, &p);
	r = whole(b, &o, &p);
	CHECK_INT(r.verified, 3);
	CHECK_INT(r.different + r.missing, 0);
	l[1].text = HEAD "two\r\n\r\nTwo\r\n";
	struct box_view *view = bench_view(b->ann, "INBOX");
	AUTO(uidset) struct uidset three_ = bench_set(3, 3), gone = {0};
	uint64_t modseq;
	OK(box_expunge(view, &three_, true, &gone, &modseq, &e));
	box_close(view);
	r = whole(b, &o, &p);
	CHECK_INT(r.verified, 1);
	CHECK_INT(r.different, 1);
	CHECK_INT(r.missing, 1);
	CHECK_INT(r.copied, 0);
	struct importing *i = begin(b, &plain);
	OK(import_verify(i, &e));
	import_report(i, &r);
	CHECK_INT(r.verified, 2);
	CHECK_INT(r.missing, 1);
	import_close(i);
}

static bool note(void *arg, slice box, slice key, slice why)
{
	buf_printf(arg, "%.*s %.*s: %.*s\n", SFMT(box), SFMT(key), SFMT(why));
	return true;
}

static void is_refused(struct bench *b)
{
	AUTO(buf) struct buf told = BUF(10000);
	struct err e;
	struct mailbox_message *v;
	struct import_report r;
	const struct import_options o = {.max_message = 40};
	static const struct letter l[] = {
		{"1", HEAD "a letter that is too large\r\n\r\n", 0, "", 0},
		{"2", HEAD "x\r\n\r\n", 0, "good \\bad b(d good [also]", 0},
	};
	const struct pass p = {.name = "INBOX", .v = l, .n = 2};
	struct importing *i = begin(b, &o);
	run(i, &p);
	import_report(i, &r);
	CHECK_INT(r.refused, 1);
	CHECK_INT(r.copied, 1);
	CHECK_INT(r.mended, 1);
	OK(import_refused(i, note, &told, &e));
	CHECK_STR(buf_slice(&told), slice_z("INBOX 1: larger than 40 bytes\n"));
	import_close(i);
	CHECK_INT(rows(b, "INBOX", &v), 1);
	CHECK_STR(v[0].keywords, slice_z("good"));
	r = whole(b, &plain, &p); /* with a larger limit it comes */
	CHECK_INT(r.copied, 1);
	CHECK_INT(r.refused, 0);
}

static void dry(struct bench *b)
{
	struct err e;
	struct box_folder f;
	const struct import_options o = {.dry_run = true, .flags = true};
	const struct pass p = {.name = "Far", .v = three, .n = 3};
	struct import_report r = whole(b, &o, &p);
	CHECK_INT(r.copied, 3);
	FAILS(box_folder(b->ann, S("Far"), &b->mem, &f, &e), ERR_NOTFOUND);
	whole(b, &plain, &p);
	r = whole(b, &o, &p);
	CHECK_INT(r.copied, 0);
	CHECK_INT(r.present, 3);
}

static void dates(struct bench *b)
{
	struct mailbox_message *v;
	static const struct letter l[] = {
		{"1",
			"Received: from a by b; Thu, 1 Jan 2015 00:00:10 +0000\r\n"
			"Received: from c by a; Thu, 1 Jan 2015 00:00:00 +0000\r\n"
			"Date: Mon, 1 Jan 2001 00:00:00 +0000\r\n\r\n",
			0, "", 0},
		{"2", "Received: garbage\nDate: Mon, 1 Jan 2001 00:00:01 +0000\n\nDate: x\n", 0, "",
			0},
		{"3", "Date: Mon, 1 Jan 2990 00:00:00 +0000\r\n\r\n", 0, "", 0},
	};
	const struct pass p = {.name = "INBOX", .v = l, .n = 3};
	whole(b, &plain, &p);
	CHECK_INT(rows(b, "INBOX", &v), 3);
	CHECK_INT(v[0].received_at, 1420070410 * SECOND);
	CHECK_INT(v[1].received_at, 978307201 * SECOND);
	CHECK(wall_now() - v[2].received_at < MINUTE);
}

static void folders(struct bench *b)
{
	static const struct {
		const char *path, *want;
	} cases[] = {
		{"Work/2026", "Work/2026"},
		{"inbox", "INBOX"},
		{"收件箱/项目 & co", "收件箱/项目 & co"},
		{"a//b", "a/_/b"},
		{"tab\there", "tab_here"},
		{"Shared/x", "Shared_/x"},
		{"Other Users", "Other Users_"},
		{"bad\xff", "bad_"},
	};
	struct err e;
	struct box_folder f;
	for (size_t k = 0; k < sizeof cases / sizeof *cases; k++) {
		const struct pass p = {.name = cases[k].path, .v = three, .n = 1};
		whole(b, &plain, &p);
		OK(box_folder(b->ann, slice_z(cases[k].want), &b->mem, &f, &e));
	}
	slice *names;
	size_t nnames;
	OK(box_subscriptions(b->ann, &b->mem, &names, &nnames, &e));
	CHECK(nnames >= sizeof cases / sizeof *cases);
	/* By use; below a folder of its own. */
	struct importing *i = begin(b, &plain);
	struct import_known_box known;
	const struct import_box sent = {
		.path = S("Gesendet"), .name = S("Gesendet"), .epoch = 1, .use = MAILBOX_USE_SENT};
	OK(import_box_begin(i, &sent, &known, &e));
	bring(i, &three[0]);
	OK(import_box_end(i, true, 5, &e));
	CHECK_INT(known.keys, 0);
	OK(import_box_begin(i, &sent, &known, &e));
	CHECK_INT(known.keys, 1);
	CHECK_INT(known.modseq, 5);
	import_box_unchanged(i);
	OK(import_box_end(i, true, 5, &e));
	import_close(i);
	struct mailbox_message *v;
	CHECK_INT(rows(b, "Sent", &v), 1);
	const struct import_options into = {.into = S("Old mail")};
	const struct pass p = {.name = "Sent", .v = three, .n = 2};
	whole(b, &into, &p);
	CHECK_INT(rows(b, "Old mail/Sent", &v), 2);
}

static void forgets(struct bench *b)
{
	struct sql *db;
	struct err e;
	struct moved_source *v;
	size_t n;
	const struct pass p = {.name = "INBOX", .v = three, .n = 3};
	whole(b, &plain, &p);
	int64_t id = box_user_account(b->ann);
	OK(sql_open(testdir_slice(&b->dir), mailbox_db_name(mailbox_shard(id)), &db, &e));
	OK(moved_sources(db, id, &b->mem, &v, &n, &e));
	CHECK_INT(n, 1);
	CHECK_INT(v[0].keys, 3);
	OK(sql_begin(db, &e));
	CHECK_INT(moved_forget_account_tx(db, id, 2, &e), 2);
	CHECK_INT(moved_forget_account_tx(db, id, 2, &e), 1);
	CHECK_INT(moved_forget_account_tx(db, id, 2, &e), 0);
	OK(sql_commit(db, &e));
	OK(moved_sources(db, id, &b->mem, &v, &n, &e));
	CHECK_INT(n, 0);
	sql_close(db);
}

TEST(import_once)
{
	in_bench(comes_once);
}
TEST(import_goes_on)
{
	in_bench(goes_on);
}
TEST(import_alone)
{
	in_bench(one_at_a_time);
}
TEST(import_flags)
{
	in_bench(flags_go_one_way);
}
TEST(import_gone)
{
	in_bench(what_went);
}
TEST(import_epoch)
{
	in_bench(another_epoch);
}
TEST(import_verified)
{
	in_bench(is_verified);
}
TEST(import_refused)
{
	in_bench(is_refused);
}
TEST(import_dry)
{
	in_bench(dry);
}
TEST(import_dates)
{
	in_bench(dates);
}
TEST(import_folders)
{
	in_bench(folders);
}
TEST(import_forgets)
{
	in_bench(forgets);
}
