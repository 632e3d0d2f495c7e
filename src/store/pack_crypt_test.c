/*
 * Encrypted packs: nothing of a letter lies readable on the disk, a record that was changed or exchanged does not open, and packs change from one state to another
 * with all they have. (What holds for plain packs and encrypted ones alike: blob_test.c, gc_test.c, verify_test.c.)
 */
#include "store/pack_crypt.h"

#include "base/mem.h"
#include "base/must.h"
#include "base/time.h"
#include "store/blob_int.h"
#include "store/crypt_usage.h"
#include "store/gc.h"
#include "store/store_testing.h"

#include <dirent.h>

#define MARK "Confidential-Wombat-7391"

struct world {
	struct testdir dir;
	struct blobs *blobs;
	struct sql *mail;
	msg_id last;
};

static void ok(int r, const struct err *e)
{
	if (r < 0)
		test_fail(__FILE__, __LINE__, "%s", e->text);
}

/* The databases are plain in all of these tests. */
static void setup(struct world *w)
{
	struct err e = {0};
	crypt_forget();
	*w = (struct world){.dir = testdir_make()};
	ok(store_prepare(testdir_slice(&w->dir), &e), &e);
	ok(blobs_open(testdir_slice(&w->dir), &w->blobs, &e), &e);
	ok(sql_open(testdir_slice(&w->dir), "mail-01", &w->mail, &e), &e);
}

static void teardown(struct world *w)
{
	blobs_close(w->blobs);
	sql_close(w->mail);
	auto_testdir(&w->dir);
	crypt_forget();
}

/* Another process begins; `now` writes, 0: nothing is encrypted, but the keys are there. */
static void restart(struct world *w, uint32_t now)
{
	struct err e = {0};
	blobs_close(w->blobs);
	testing_encrypt(now);
	ok(blobs_open(testdir_slice(&w->dir), &w->blobs, &e), &e);
}

static void make(struct buf *m, int seed, size_t attachment)
{
	buf_printf(m, "Subject: %d " MARK "\r\n\r\n" MARK " %d\r\n--x\r\nA: b\r\n\r\n", seed, seed);
	for (size_t i = 0; i < attachment; i += 64)
		buf_printf(m, MARK "%011zu..%024zu\r\n", i * 7919, i);
	buf_printf(m, "--x--\r\n");
}

/* Delivered, so that gc keeps it. */
static blob_id put(struct world *w, int seed, size_t attachment)
{
	AUTO(buf) struct buf m = BUF(8 << 20);
	struct err e = {0};
	struct blob_writer *b = blob_begin(w->blobs);
	struct mailbox_place place;
	blob_id id = 0;
	uint64_t size;
	make(&m, seed, attachment);
	ok(blob_add(b, buf_slice(&m), &e), &e);
	ok(blob_finish(b, &id, &size, &e), &e);
	ok(blobs_sync(w->blobs, &e), &e);
	blobs_idle(w->blobs);
	struct mailbox_delivery d = {.account_id = 1,
		.folder = S("INBOX"),
		.queue_id = ++w->last,
		.blob = id,
		.size = size};
	ok(sql_begin(w->mail, &e), &e);
	ok(mailbox_deliver_tx(w->mail, &d, &place, &e), &e);
	ok(sql_commit(w->mail, &e), &e);
	blob_settle(w->blobs, id);
	return id;
}

static void check(struct world *w, blob_id id, int seed, size_t attachment)
{
	AUTO(buf) struct buf want = BUF(8 << 20), got = BUF(8 << 20);
	struct err e = {0};
	make(&want, seed, attachment);
	ok(blob_read(w->blobs, id, &got, &e), &e);
	CHECK(slice_eq(buf_slice(&want), buf_slice(&got)));
}

static void check_unreadable(struct world *w, blob_id id, enum err_kind kind)
{
	AUTO(buf) struct buf got = BUF(8 << 20);
	struct err e = {0};
	CHECK_INT(blob_read(w->blobs, id, &got, &e), -1);
	CHECK_INT(e.kind, kind);
}

static void pack_path(struct world *w, uint32_t no, char ret[120])
{
	snprintf(ret, 120, "%s/blob/%09u.pack", w->dir.path, no);
}

static void read_pack(struct world *w, uint32_t no, struct buf *out)
{
	char path[120];
	pack_path(w, no, path);
	AUTO(fd) int fd = open(path, O_RDONLY);
	CHECK(fd >= 0);
	ssize_t n;
	while ((n = read(fd, buf_room(out, 65536), 65536)) > 0)
		buf_commit(out, (size_t)n);
	CHECK(n == 0 && buf_ok(out));
}

static bool shows(struct world *w, slice what)
{
	AUTO(buf) struct buf path = BUF(200);
	buf_printf(&path, "%s/blob", w->dir.path);
	buf_byte(&path, 0);
	DIR *d = opendir(path.p);
	bool found = false;
	uint32_t no;
	for (struct dirent *f; (f = readdir(d));) {
		AUTO(buf) struct buf bytes = BUF(256 << 20);
		if (!pack_name_parse(f->d_name, &no))
			continue;
		read_pack(w, no, &bytes);
		found = found || slice_find(buf_slice(&bytes), what) < bytes.n;
	}
	closedir(d);
	return found;
}

TEST(pack_crypt_shows_nothing)
{
	struct world w;
	setup(&w);
	put(&w, 1, 100);
	CHECK(shows(&w, S(MARK)));
	teardown(&w);
	setup(&w);
	restart(&w, 1);
	blob_id small = put(&w, 1, 100), large = put(&w, 2, 900000);
	CHECK(large & BLOB_HAS_REFS);
	CHECK(!shows(&w, S(MARK)));
	CHECK(!shows(&w, S("Wombat")));
	CHECK(!shows(&w, S("Subject")));
	char digest[DIGEST_SIZE]; /* of an attachment: who has the file could ask for it */
	AUTO(buf) struct buf m = BUF(8 << 20);
	make(&m, 2, 900000);
	size_t at = slice_find(buf_slice(&m), S("A: b\r\n\r\n")) + 8;
	segment_digest(slice_first(slice_skip(buf_slice(&m), at), BLOB_SEGMENT_MAX), digest);
	CHECK(!shows(&w, slice_of(digest, 12)));
	check(&w, small, 1, 100);
	check(&w, large, 2, 900000);
	/* Equal letters are not equal on the disk. */
	AUTO(buf) struct buf pack = BUF(64 << 20);
	blob_id twin = put(&w, 1, 100);
	read_pack(&w, blob_pack(small), &pack);
	slice a = slice_of(pack.p + blob_offset(small) + RECORD_HEAD_SIZE, 100);
	slice b = slice_of(pack.p + blob_offset(twin) + RECORD_HEAD_SIZE, 100);
	CHECK(!slice_eq(a, b));
	teardown(&w);
}

/* A record's bytes put at its place, with CRCs that are right: what somebody could do who writes to the disk and has no key. */
static void forge(struct world *w, blob_id at, struct record *r, const char *payload)
{
	char path[120], head[RECORD_HEAD_SIZE];
	struct pack_in *p;
	struct err e = {0};
	ok(pack_in_open(w->blobs->dir, blob_pack(at), &p, &e), &e);
	r->offset = blob_offset(at);
	r->crc = record_crc(p->head.salt, slice_of(payload, r->stored));
	record_put(r, p->head.salt, head);
	pack_in_close(p);
	pack_path(w, blob_pack(at), path);
	CHECK_INT(testdir_overwrite(path, (off_t)blob_offset(at), slice_of(head, sizeof head)), 0);
	CHECK_INT(testdir_overwrite(path, (off_t)blob_offset(at) + RECORD_HEAD_SIZE,
			  slice_of(payload, r->stored)),
		0);
}

static void read_raw(struct world *w, blob_id id, struct record *ret, char *payload, size_t room)
{
	AUTO(buf) struct buf pack = BUF(64 << 20);
	struct pack_in *p;
	struct err e = {0};
	ok(pack_in_open(w->blobs->dir, blob_pack(id), &p, &e), &e);
	ok(pack_in_peek(p, blob_offset(id), ret, &e), &e);
	pack_in_close(p);
	CHECK(ret->stored <= room);
	read_pack(w, blob_pack(id), &pack);
	memcpy(payload, pack.p + blob_offset(id) + RECORD_HEAD_SIZE, ret->stored);
}

TEST(pack_crypt_notices_every_change)
{
	struct world w;
	struct record r, same, wrong;
	char payload[2000], other[2000];
	setup(&w);
	restart(&w, 1);
	blob_id id = put(&w, 1, 0), second = put(&w, 2, 0);
	restart(&w, 1);
	blob_id elsewhere = put(&w, 3, 0);
	CHECK(blob_pack(elsewhere) != blob_pack(id));
	read_raw(&w, id, &r, payload, sizeof payload);
	for (size_t i = 0; i < r.stored; i++) {
		payload[i] ^= 1;
		same = r;
		forge(&w, id, &same, payload);
		check_unreadable(&w, id, ERR_PERM);
		payload[i] ^= 1;
	}
	same = r;
	forge(&w, id, &same, payload);
	check(&w, id, 1, 0);
	/* Another place, another pack, another kind, another length. */
	read_raw(&w, second, &wrong, other, sizeof other);
	CHECK_INT(wrong.stored, r.stored);
	forge(&w, id, &wrong, other);
	check_unreadable(&w, id, ERR_PERM);
	read_raw(&w, elsewhere, &wrong, other, sizeof other);
	forge(&w, id, &wrong, other);
	check_unreadable(&w, id, ERR_PERM);
	same = r;
	same.type = RECORD_CHUNK;
	forge(&w, id, &same, payload);
	check_unreadable(&w, id, ERR_PERM);
	same = r;
	same.flags |= RECORD_ZSTD;
	same.raw = 5000;
	forge(&w, id, &same, payload);
	check_unreadable(&w, id, ERR_PERM);
	/* A plain record in an encrypted pack. */
	same = (struct record){
		.type = RECORD_MESSAGE, .stored = LIST_HEAD_SIZE, .raw = LIST_HEAD_SIZE};
	memset(other, 0, LIST_HEAD_SIZE);
	forge(&w, id, &same, other);
	check_unreadable(&w, id, ERR_PERM);
	same = r;
	forge(&w, id, &same, payload);
	check(&w, id, 1, 0);
	teardown(&w);
}

struct told {
	int locked, others;
};

static void note(void *arg, const struct store_problem *p)
{
	struct told *t = arg;
	if (strcmp(p->kind, "pack-locked") == 0)
		t->locked++;
	else
		t->others++;
	CHECK(!p->repaired);
}

TEST(pack_crypt_without_the_key_is_no_damage)
{
	struct world w;
	struct err e = {0};
	char lost[120];
	setup(&w);
	blob_id plain = put(&w, 1, 300000);
	restart(&w, 2);
	blob_id id = put(&w, 2, 0), shared = put(&w, 3, 300000);
	CHECK(shared & BLOB_HAS_REFS);
	blobs_close(w.blobs);
	crypt_forget();
	ok(blobs_open(testdir_slice(&w.dir), &w.blobs, &e), &e);
	check(&w, plain, 1, 300000);
	check_unreadable(&w, id, ERR_TEMP);
	check_unreadable(&w, shared, ERR_TEMP);
	for (int repair = 0; repair < 2; repair++) {
		struct told t = {0};
		CHECK_INT(store_verify(testdir_slice(&w.dir), repair, note, &t, &e), 1);
		CHECK_INT(t.locked, 1);
		CHECK_INT(t.others, 0);
	}
	snprintf(lost, sizeof lost, "%s/lost", w.dir.path);
	CHECK(access(lost, F_OK) < 0);
	struct store_gc_result g;
	ok(store_gc(testdir_slice(&w.dir), &g, &e), &e);
	CHECK_INT(g.packs_deleted + g.packs_rewritten, 0);
	/* Another store's key of that number: nothing opens, nothing is thrown away by gc. */
	char ring[16 + 4 + CRYPT_KEY] = {[3] = 1, [7] = 1, [11] = 2, [19] = 2, [30] = 99};
	ok(crypt_adopt(slice_of(ring, sizeof ring), &e), &e);
	blobs_close(w.blobs);
	ok(blobs_open(testdir_slice(&w.dir), &w.blobs, &e), &e);
	check_unreadable(&w, id, ERR_PERM);
	ok(store_gc(testdir_slice(&w.dir), &g, &e), &e);
	CHECK_INT(g.packs_deleted + g.packs_rewritten, 0);
	restart(&w, 2);
	check(&w, id, 2, 0);
	check(&w, shared, 3, 300000);
	struct told t = {0};
	CHECK_INT(store_verify(testdir_slice(&w.dir), false, note, &t, &e), 0);
	teardown(&w);
}

static uint32_t key_of(struct world *w, blob_id id)
{
	struct pack_in *p;
	struct err e = {0};
	ok(pack_in_open(w->blobs->dir, blob_pack(id), &p, &e), &e);
	uint32_t no = p->head.crypt_no;
	CHECK(!pack_key_missing(&p->key));
	pack_in_close(p);
	return no;
}

static struct store_convert_result convert(struct world *w)
{
	struct store_convert_result r;
	struct err e = {0};
	ok(store_convert_packs(testdir_slice(&w->dir), NULL, NULL, &r, &e), &e);
	return r;
}

/* From plain to one key, to another, and back; letters, sharing and ids stay. */
TEST(pack_crypt_converts_and_ids_stay)
{
	enum { N = 40, BIG = 300000 };
	static const uint32_t states[] = {1, 2, 0, 2};
	struct world w;
	blob_id id[N], big[2];
	setup(&w);
	for (int i = 0; i < N; i++)
		id[i] = put(&w, i, 2000);
	big[0] = put(&w, 1000, BIG);
	restart(&w,
		1); /* the same attachment from an encrypted pack, which uses the plain one's segments */
	big[1] = put(&w, 1000, BIG);
	CHECK_INT(key_of(&w, big[0]), 0);
	CHECK_INT(key_of(&w, big[1]), 1);
	CHECK_INT(blob_offset(big[1]), PACK_RECORDS_AT); /* no segments before it */
	struct store_convert_result r = convert(&w);
	CHECK_INT(r.done, 1);
	CHECK_INT(r.left, 0); /* what is being written is as it shall be */
	CHECK(!shows(&w, S(MARK)));
	CHECK_INT(convert(&w).done, 0);
	for (size_t s = 0; s < sizeof states / sizeof *states; s++) {
		restart(&w, states[s]);
		put(&w, 2000 + (int)s, 0); /* one that is being written, by the newest state */
		r = convert(&w);
		CHECK_INT(r.left, 0);
		CHECK_INT(r.done > 0, s > 0);
		CHECK_INT(key_of(&w, id[0]), states[s]);
		CHECK_INT(key_of(&w, big[1]), states[s]);
		CHECK_INT(shows(&w, S(MARK)), states[s] == 0);
		for (int i = 0; i < N; i++)
			check(&w, id[i], i, 2000);
		check(&w, big[0], 1000, BIG);
		check(&w, big[1], 1000, BIG);
	}
	struct told t = {0};
	struct err e = {0};
	CHECK_INT(store_verify(testdir_slice(&w.dir), false, note, &t, &e), 0);
	teardown(&w);
}

static bool not_twice(void *arg, uint64_t done, uint64_t all)
{
	uint64_t *most = arg;
	CHECK_INT(all, 3);
	return done < *most;
}

TEST(pack_crypt_conversion_goes_on_where_it_was)
{
	struct world w;
	struct store_convert_result r;
	struct err e = {0};
	uint64_t most = 1;
	blob_id id[3];
	setup(&w);
	for (int i = 0; i < 3; i++) {
		id[i] = put(&w, i, 100);
		if (i < 2)
			restart(&w, 0);
	}
	testing_encrypt(1);
	CHECK_INT(store_convert_packs(testdir_slice(&w.dir), not_twice, &most, &r, &e), -1);
	CHECK_INT(e.kind, ERR_CLOSED);
	CHECK_INT(key_of(&w, id[0]), 1);
	CHECK_INT(key_of(&w, id[1]), 0);
	r = convert(&w);
	CHECK_INT(r.done, 1);
	CHECK_INT(r.left, 1); /* still being written */
	restart(&w, 1);
	r = convert(&w);
	CHECK_INT(r.done, 1);
	CHECK_INT(r.left, 0);
	for (int i = 0; i < 3; i++)
		check(&w, id[i], i, 100);
	teardown(&w);
}

/* The usual gc, when it rewrites anyway, writes by the newest key. */
TEST(pack_crypt_gc_moves_on_to_the_newest_key)
{
	struct world w;
	struct store_gc_result g;
	struct err e = {0};
	int64_t rest = gc_rest_age;
	setup(&w);
	restart(&w, 1);
	blob_id keep = put(&w, 1, 200000);
	for (int i = 2; i < 8; i++) {
		blob_id gone = put(&w, i, 200000 + 64 * (size_t)i);
		ok(mailbox_forget_blob(w.mail, gone, &e), &e);
	}
	restart(&w, 2);
	gc_rest_age = -SECOND;
	ok(store_gc(testdir_slice(&w.dir), &g, &e), &e);
	gc_rest_age = rest;
	CHECK_INT(g.packs_rewritten, 1);
	CHECK_INT(key_of(&w, keep), 2);
	check(&w, keep, 1, 200000);
	teardown(&w);
}

TEST(pack_crypt_head_names_its_key)
{
	struct pack_head h = {.no = 7, .salt = 8, .created_at = 9, .crypt_no = 4000000001u}, back;
	char bytes[PACK_HEAD_SIZE];
	memset(h.crypt_salt, 0xa5, sizeof h.crypt_salt);
	pack_head_put(&h, bytes);
	CHECK(pack_head_parse(slice_of(bytes, sizeof bytes), &back));
	CHECK_INT(back.crypt_no, h.crypt_no);
	CHECK(memcmp(back.crypt_salt, h.crypt_salt, sizeof h.crypt_salt) == 0);
	for (size_t i = 0; i < sizeof bytes; i++) {
		bytes[i] ^= 1;
		CHECK(!pack_head_parse(slice_of(bytes, sizeof bytes), &back));
		bytes[i] ^= 1;
	}
	/* As before without one. */
	h.crypt_no = 0;
	pack_head_put(&h, bytes);
	CHECK_INT(bytes[11], PACK_VERSION);
	CHECK(pack_head_parse(slice_of(bytes, sizeof bytes), &back) && back.crypt_no == 0);
}

/* A pack that is there and cannot be looked at: nobody knows which key it needs, and none may go. */
TEST(pack_crypt_usage_of_what_cannot_be_read)
{
	struct world w;
	struct err e = {0};
	struct crypt_usage *u = NEW(struct crypt_usage);
	char name[PACK_NAME_MAX], path[300];
	setup(&w);
	ok(crypt_usage_read(testdir_slice(&w.dir), u, &e), &e);
	CHECK_INT(u->strange, 0);
	pack_name(77, name);
	snprintf(path, sizeof path, "%s/blob/%s", w.dir.path, name);
	CHECK(symlink(name, path) == 0); /* leads to itself */
	ok(crypt_usage_read(testdir_slice(&w.dir), u, &e), &e);
	CHECK_INT(u->strange, 1);
	CHECK(unlink(path) == 0);
	free(u);
	teardown(&w);
}
