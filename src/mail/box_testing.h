/* What the tests of box.h share: a store with people, groups and shared mailboxes; messages put in. */
#pragma once
#include "base/mem.h"
#include "base/rand.h"
#include "base/test.h"
#include "mail/box_impl.h"
#include "run/co.h"
#include "run/loop.h"
#include "run/pool.h"
#include "store/directory_org.h"
#include "store/store.h"
#include "store/store_testing.h"

#include <stdio.h>

struct bench {
	struct testdir dir;
	struct sql *dirdb;
	struct directory *directory;
	struct blobs *blobs;
	struct mailbox_conf conf;
	struct boxes *boxes;
	struct box_user *ann, *bob, *cat, *eve;
	struct arena mem;
};

static inline int64_t bench_account(struct bench *b, slice address, enum account_kind kind)
{
	struct err e;
	int64_t id = 0;
	const struct account_draft d = {
		.account = {.address = address, .name = address, .kind = kind}};
	OK(directory_account_make(b->dirdb, &d, &id, &e));
	return id;
}

static inline void bench_people(struct bench *b)
{
	struct err e;
	struct arena *a = &b->mem;
	struct mail_group team;
	struct member m;
	OK(directory_org_add(b->dirdb, &(struct org){.name = S("elsewhere")}, &e));
	struct org o;
	OK(directory_org(b->dirdb, S("elsewhere"), a, &o, &e));
	OK(directory_domain_add(
		b->dirdb, &(struct domain){.name = S("one.test"), .kind = DOMAIN_LOCAL}, &e));
	OK(directory_domain_add(b->dirdb,
		&(struct domain){.name = S("far.test"), .kind = DOMAIN_LOCAL, .org_id = o.id}, &e));
	bench_account(b, S("ann@one.test"), ACCOUNT_PERSON);
	bench_account(b, S("bob@one.test"), ACCOUNT_PERSON);
	bench_account(b, S("cat@one.test"), ACCOUNT_PERSON);
	int64_t sales = bench_account(b, S("sales@one.test"), ACCOUNT_SHARED);
	bench_account(b, S("eve@one.test"), ACCOUNT_PERSON);
	bench_account(b, S("zoe@far.test"), ACCOUNT_PERSON);
	OK(directory_group_add(b->dirdb, S("team@one.test"), S("Team"), &e));
	OK(directory_group(b->dirdb, S("team@one.test"), a, &team, &e));
	OK(directory_member_parse(b->dirdb, DIRECTORY_FIRST, S("cat@one.test"), a, &m, &e));
	OK(directory_group_put(b->dirdb, team.id, &m, &e));
	OK(directory_member_parse(b->dirdb, DIRECTORY_FIRST, S("ann@one.test"), a, &m, &e));
	m.level = SHARED_MANAGE;
	OK(directory_shared_put(b->dirdb, sales, &m, &e));
	OK(directory_member_parse(b->dirdb, DIRECTORY_FIRST, S("bob@one.test"), a, &m, &e));
	m.level = SHARED_READ;
	OK(directory_shared_put(b->dirdb, sales, &m, &e));
}

static inline struct box_user *bench_user(struct bench *b, slice login)
{
	struct err e;
	struct box_user *u = NULL;
	const struct mailbox_actor actor = {
		.who = login, .protocol = S("imap"), .client = S("test"), .ip = S("192.0.2.1")};
	OK(box_user_open(b->boxes, login, &actor, &u, &e));
	return u;
}

static inline void bench_open(struct bench *b)
{
	struct err e;
	*b = (struct bench){.dir = testdir_make()};
	slice dir = testdir_slice(&b->dir);
	OK(store_prepare(dir, &e));
	OK(sql_open(dir, "directory", &b->dirdb, &e));
	bench_people(b);
	OK(directory_open(dir, &b->directory, &e));
	OK(blobs_open(dir, &b->blobs, &e));
	b->conf = (struct mailbox_conf){.keep_removed = 14 * DAY,
		.keep_log = 90 * DAY,
		.max_message = 20 << 20,
		.teach = true};
	const struct boxes_config c = {.data = dir,
		.directory = b->directory,
		.blobs = b->blobs,
		.readers = 2,
		.conf = &b->conf};
	OK(boxes_open(&c, &b->boxes, &e));
}

static inline void bench_close(struct bench *b)
{
	boxes_close(b->boxes);
	directory_close(b->directory);
	blobs_close(b->blobs);
	sql_close(b->dirdb);
	arena_done(&b->mem);
	auto_testdir(&b->dir);
}

struct bench_run {
	struct bench *b;
	void (*fn)(struct bench *b);
};

static inline void bench_body(void *arg)
{
	struct bench_run *r = arg;
	struct bench *b = r->b;
	b->ann = bench_user(b, S("ann@one.test"));
	b->bob = bench_user(b, S("bob@one.test"));
	b->cat = bench_user(b, S("cat@one.test"));
	b->eve = bench_user(b, S("eve@one.test"));
	r->fn(b);
	box_user_close(b->ann);
	box_user_close(b->bob);
	box_user_close(b->cat);
	box_user_close(b->eve);
	boxes_drain(b->boxes);
}

static inline void in_bench(void (*fn)(struct bench *b))
{
	struct bench b;
	struct bench_run r = {&b, fn};
	loop_init();
	pool_init(3);
	bench_open(&b);
	loop_main(bench_body, &r);
	bench_close(&b);
	pool_done();
	loop_done();
}

static inline uint32_t bench_append(
	struct box_user *u, slice folder, slice message, unsigned flags, slice keywords)
{
	struct err e;
	struct box_append *p;
	const struct box_append_options o = {.flags = flags, .keywords = keywords};
	AUTO(uidset) struct uidset uids = {0};
	uint32_t validity;
	OK(box_append_begin(u, folder, &p, &e));
	OK(box_append_start(p, &o, &e));
	OK(box_append_bytes(p, message, &e));
	OK(box_append_end(p, &e));
	OK(box_append_commit(p, NULL, 0, &validity, &uids, &e));
	box_append_cancel(p);
	CHECK_INT(uids.count, 1);
	return uidset_at(&uids, 0);
}

#define LETTER                                                                                     \
	"From: Joe <joe@far.test>\r\nSubject: hello\r\nMessage-ID: <m1@far.test>\r\n\r\nthe "      \
	"body\r\n"

static inline uint32_t bench_letter(struct box_user *u, const char *folder)
{
	return bench_append(u, slice_z(folder), S(LETTER), 0, S(""));
}

static inline struct box_view *bench_view(struct box_user *u, const char *folder)
{
	struct err e;
	struct box_view *v = NULL;
	OK(box_open(u, slice_z(folder), false, &v, &e));
	return v;
}

static inline struct uidset bench_set(uint32_t first, uint32_t last)
{
	struct uidset s = {0};
	uidset_add(&s, first, last);
	return s;
}

static inline void check_content(struct box_view *v, uint32_t uid, slice want)
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

static inline struct box_news sync_of(struct box_view *v, bool expunges, struct arena *a)
{
	struct box_news n;
	struct err e;
	OK(box_sync(v, expunges, a, &n, &e));
	return n;
}

static inline void news_done(struct box_news *n)
{
	uidset_done(&n->gone);
	uidset_done(&n->before);
}

static inline void expunge_one(struct box_view *v, uint32_t uid)
{
	struct uidset one = bench_set(uid, uid), gone = {0};
	uint64_t modseq;
	struct err e;
	OK(box_expunge(v, &one, true, &gone, &modseq, &e));
	uidset_done(&one);
	uidset_done(&gone);
}
