/* The table of counts: growing, full buckets, the file. */
#include "training/published.h"
#include "training/training_testing.h"

static uint64_t hash_of(unsigned i)
{
	return learn_hash(11, slice_of(&i, sizeof i));
}

TEST(counts_are_nearly_all_there_while_there_is_room)
{
	AUTO(training_counts) struct training_counts c;
	training_counts_init(&c, 12);
	for (unsigned i = 0; i < 5000; i++)
		for (unsigned k = 0; k <= i % 3; k++)
			training_counts_add(&c, hash_of(i), k == 2);
	struct training_look l = {c.v, c.bits};
	unsigned wrong = 0;
	for (unsigned i = 0; i < 5000; i++) {
		struct learn_count n = training_look_one(&l, hash_of(i));
		wrong += n.ham != (i % 3 ? 2u : 1u) || n.spam != (i % 3 == 2);
	}
	CHECK(c.crowded < 25); /* of 5000: full buckets while it was small */
	CHECK(wrong <= 2 * c.crowded);
	CHECK(c.bits > TRAINING_BUCKETS_MIN_BITS); /* it has grown */
	for (unsigned i = 20000; i < 30000; i++) {
		struct learn_count n = training_look_one(&l, hash_of(i));
		CHECK(n.ham == 0 && n.spam == 0);
	}
}

TEST(counts_often_seen_outlive_a_flood)
{
	AUTO(training_counts) struct training_counts c;
	training_counts_init(&c, TRAINING_BUCKETS_MIN_BITS);
	for (unsigned i = 0; i < 300; i++)
		for (unsigned k = 0; k < 5; k++)
			training_counts_add(&c, hash_of(i), true);
	for (unsigned i = 1000; i < 50000; i++)
		training_counts_add(&c, hash_of(i), false);
	struct training_look l = {c.v, c.bits};
	unsigned kept = 0;
	for (unsigned i = 0; i < 300; i++)
		kept += training_look_one(&l, hash_of(i)).spam == 5;
	CHECK(kept >= 295);
	CHECK(c.crowded > 0);
}

TEST(counts_end_at_their_limit)
{
	AUTO(training_counts) struct training_counts c;
	training_counts_init(&c, TRAINING_BUCKETS_MIN_BITS);
	for (unsigned i = 0; i < 70000; i++)
		training_counts_add(&c, 12345, true);
	struct training_look l = {c.v, c.bits};
	CHECK_INT(training_look_one(&l, 12345).spam, 65535);
}

static void write_version(struct buf *out, bool counts)
{
	AUTO(training_counts) struct training_counts c;
	AUTO(learn_model) struct learn_model m = {.fuse = learn_fuse_default};
	const uint64_t lessons[2] = {30, 40};
	training_counts_init(&c, 10);
	for (unsigned i = 0; i < 5000; i++)
		training_counts_add(&c, hash_of(i), i & 1);
	c.messages[0] = 25;
	c.messages[1] = 35;
	m.weights = (struct learn_weights){.bits = 10, .scale = 0.5f, .w = mem_alloc(1024)};
	m.weights.w[17] = -3;
	training_published_write(9, lessons, TRAINING_CALIBRATED, &m, counts ? &c : NULL, out);
}

TEST(published_file_is_read_back)
{
	AUTO(buf) struct buf b = BUF(TRAINING_FILE_MAX);
	AUTO(training_published) struct training_published p = {0};
	struct learn_count n;
	uint64_t hash = hash_of(17);
	struct err e;
	write_version(&b, true);
	OK(training_published_read(buf_slice(&b), &p, &e));
	CHECK(p.version == 9 && p.lessons[0] == 30 && p.lessons[1] == 40);
	CHECK(p.flags == TRAINING_CALIBRATED && p.model.weights.w[17] == -3);
	CHECK(p.has_counts && p.counts.ham == 25 && p.counts.spam == 35);
	p.counts.look(p.counts.ctx, &hash, 1, &n);
	CHECK(n.spam == 1 && n.ham == 0);
}

TEST(published_file_without_counts)
{
	AUTO(buf) struct buf b = BUF(TRAINING_FILE_MAX);
	AUTO(training_published) struct training_published p = {0};
	struct err e;
	write_version(&b, false);
	OK(training_published_read(buf_slice(&b), &p, &e));
	CHECK(!p.has_counts);
}

TEST(published_file_damaged_anywhere)
{
	AUTO(buf) struct buf b = BUF(TRAINING_FILE_MAX);
	struct training_published p;
	struct err e;
	write_version(&b, true);
	for (size_t at = 0; at < b.n; at += at < 200 ? 1 : 997) {
		if (at >= 60 && at < 64)
			continue; /* nothing is there */
		b.p[at] ^= 4;
		CHECK(training_published_read(buf_slice(&b), &p, &e) < 0);
		CHECK_INT(e.kind, ERR_PROTO);
		b.p[at] ^= 4;
	}
	for (size_t n = 0; n < b.n; n += 1 + n / 3)
		CHECK(training_published_read(slice_first(buf_slice(&b), n), &p, &e) < 0);
}
