/* What the tests of training share: a private store, and letters made of words. */
#pragma once
#include "base/mem.h"
#include "base/test.h"
#include "base/time.h"
#include "store/store_testing.h"
#include "training/alike.h"
#include "training/build.h"
#include "training/pack.h"
#include <sys/stat.h>

struct site {
	struct testdir dir;
	struct sql *db;
	struct learning_conf conf;
	int64_t now;
};

static inline struct site site_open(void)
{
	struct site s = {.dir = testdir_make(),
		.conf = {.enabled = true,
			.keep = 10000,
			.max_size = 1 << 20,
			.versions = 4,
			.agree = 3,
			.per_user_day = 100,
			.honeypot_day = 300,
			.weight_user = 30,
			.weight_honeypot = 80,
			.sample = 1000,
			.worse_spam = 200,
			.worse_ham = 50,
			.changed = 500,
			.judge = 10},
		.now = 1000 * DAY};
	AUTO(arena) struct arena a = {0};
	struct err e;
	OK(journal_prepare(testdir_slice(&s.dir), &e));
	OK(sql_open(journal_dir(testdir_slice(&s.dir), &a), JOURNAL_DB, &s.db, &e));
	return s;
}

static inline void site_close(struct site *s)
{
	sql_close(s->db);
	auto_testdir(&s->dir);
}
static inline void auto_site(struct site *s)
{
	site_close(s);
}

static inline slice site_data(const struct site *s)
{
	return testdir_slice(&s->dir);
}

enum { LETTER_WORDS = 120 };

/* A letter of the theme: two thirds of its words are those that all letters use. `seed` decides
 * which; letters with the same one are the same. */
static inline size_t letter_features(
	unsigned theme, unsigned seed, struct learn_feature ret[LETTER_WORDS])
{
	uint64_t x = seed * 2654435761u + theme * 97u + 1;
	size_t n = 0;
	while (n < LETTER_WORDS) {
		x = x * 6364136223846793005u + 1442695040888963407u;
		unsigned word = (unsigned)(x >> 33) % 400;
		uint64_t own = (x >> 20) % 3 == 0 ? theme : 0;
		uint64_t id = own << 32 | word;
		ret[n++] = (struct learn_feature){
			.hash = learn_hash(7, slice_of(&id, sizeof id)), .group = LEARN_PAIRS};
	}
	return n;
}

static inline void letter_read_as(unsigned theme, unsigned seed, double probability,
	struct arena *a, struct journal_read *ret)
{
	struct learn_feature v[LETTER_WORDS];
	AUTO(buf) struct buf packed = BUF(TRAINING_PACKED_MAX);
	struct learn_features f = {.v = v, .n = letter_features(theme, seed, v)};
	training_pack(v, f.n, &packed);
	*ret = (struct journal_read){
		.probability = probability, .packed = arena_dup(a, buf_slice(&packed))};
	training_digest(ret->packed, ret->digest);
	training_kin(&f, ret->digest, ret->kin);
}

/* Somebody tells of a letter, and it is learned at once. Returns the lesson. */
static inline int64_t teach_at(struct site *s, enum training_source source, const char *who,
	bool spam, unsigned theme, unsigned seed, double probability)
{
	AUTO(arena) struct arena a = {0};
	struct training_told t = {.source = source,
		.who = slice_z(who),
		.spam = spam,
		.message = S("Subject: x\r\n\r\nx\r\n")};
	struct journal_waiting w;
	struct journal_read r;
	int64_t id;
	struct err e = {0};
	OK(sql_begin(s->db, &e));
	OK(journal_tell_tx(s->db, &t, s->now, (size_t)s->conf.max_size, &id, &e));
	OK(journal_next(s->db, id - 1, &a, &w, &e));
	letter_read_as(theme, seed, probability, &a, &r);
	OK(journal_learn_tx(s->db, &w, &r, &s->conf, s->now, &id, &e));
	OK(sql_commit(s->db, &e));
	return id;
}

static inline int64_t teach(struct site *s, enum training_source source, const char *who, bool spam,
	unsigned theme, unsigned seed)
{
	return teach_at(s, source, who, spam, theme, seed, 0.5);
}
