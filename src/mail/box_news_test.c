/* What sessions learn of a folder (box.h): changes of others, also while nobody looked or told; who waits; \Recent. */
#include "mail/box_testing.h"

/* ---- what sessions learn ---- */

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
