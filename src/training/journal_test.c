/* Who teaches what to whom: agreement, trust, limits, taking back. */
#include "training/training_testing.h"

struct looking {
	int64_t id;
	struct journal_lesson found;
};

static bool look(void *arg, const struct journal_lesson *l)
{
	struct looking *k = arg;
	if (l->id == k->id)
		k->found = *l;
	return true;
}

static struct journal_lesson lesson(struct site *s, int64_t id)
{
	struct looking k = {.id = id};
	struct err e;
	OK(journal_list(s->db, S(""), 0, 10000, look, &k, &e));
	CHECK_INT(k.found.id, id);
	return k.found;
}

static bool at_site(struct site *s, int64_t id)
{
	return lesson(s, id).site;
}

TEST(one_user_teaches_only_himself)
{
	AUTO(site) struct site s = site_open();
	int64_t mine = teach(&s, TRAINING_REPORT, "a@x.test", true, 1, 1);
	CHECK(!at_site(&s, mine));
	for (unsigned i = 0; i < 5; i++) /* whatever he repeats */
		teach(&s, TRAINING_REPORT, "a@x.test", true, 1, 1);
	CHECK(!at_site(&s, mine));
}

TEST(traps_teach_so_much_a_day)
{
	AUTO(site) struct site s = site_open();
	s.conf.honeypot_day = 2;
	CHECK(teach(&s, TRAINING_HONEYPOT, "", true, 1, 1) > 0);
	CHECK(teach(&s, TRAINING_HONEYPOT, "", true, 2, 2) > 0);
	CHECK_INT(teach(&s, TRAINING_HONEYPOT, "", true, 3, 3), 0);
	CHECK(teach(&s, TRAINING_ADMIN, "", true, 4, 4) > 0);
	s.now += 2 * DAY;
	CHECK(teach(&s, TRAINING_HONEYPOT, "", true, 3, 3) > 0);
}

/* A letter without its last word: another one, but alike. */
static int64_t teach_alike(struct site *s, enum training_source source, bool spam, unsigned theme)
{
	struct learn_feature v[LETTER_WORDS];
	struct learn_features f = {.v = v, .n = letter_features(theme, 1, v) - 1};
	AUTO(buf) struct buf packed = BUF(TRAINING_PACKED_MAX);
	struct journal_waiting w = {.told = {.source = source, .spam = spam}};
	struct journal_read r = {.probability = 0.5};
	int64_t id;
	struct err e;
	training_pack(v, f.n, &packed);
	r.packed = buf_slice(&packed);
	training_digest(r.packed, r.digest);
	training_kin(&f, r.digest, r.kin);
	OK(sql_begin(s->db, &e));
	OK(journal_learn_tx(s->db, &w, &r, &s->conf, s->now, &id, &e));
	OK(sql_commit(s->db, &e));
	return id;
}

TEST(administrators_overrule_traps)
{
	AUTO(site) struct site s = site_open();
	int64_t trap = teach(&s, TRAINING_HONEYPOT, "", true, 1, 1);
	CHECK(at_site(&s, trap));
	int64_t word = teach_alike(&s, TRAINING_ADMIN, false, 1);
	CHECK(word != trap && at_site(&s, word) && !at_site(&s, trap));
	CHECK_INT(teach_alike(&s, TRAINING_HONEYPOT, true, 1), word);
	CHECK(!lesson(&s, word).spam);
	CHECK_INT(teach_alike(&s, TRAINING_ADMIN, true, 1), word);
	CHECK(lesson(&s, word).spam);
}

TEST(users_who_agree_teach_all)
{
	AUTO(site) struct site s = site_open();
	int64_t a = teach(&s, TRAINING_REPORT, "a@x.test", true, 1, 1);
	int64_t b = teach(&s, TRAINING_MOVE, "b@x.test", true, 1, 1);
	CHECK(!at_site(&s, a) && !at_site(&s, b));
	int64_t c = teach(&s, TRAINING_REPORT, "c@x.test", true, 1, 1);
	CHECK(at_site(&s, a) && at_site(&s, b) && at_site(&s, c));
	struct err e;
	OK(sql_begin(s.db, &e));
	OK(journal_forget_tx(s.db, c, &s.conf, s.now, &e));
	OK(sql_commit(s.db, &e));
	CHECK(!at_site(&s, a) && !at_site(&s, b));
	CHECK_INT(lesson(&s, c).state, TRAINING_UNLEARNED);
}

TEST(agreement_against_the_evidence_needs_twice_as_many)
{
	AUTO(site) struct site s = site_open();
	char who[] = "a@x.test";
	int64_t first = 0;
	for (int i = 0; i < 6; i++, who[0]++) {
		int64_t id = teach_at(&s, TRAINING_REPORT, who, true, 1, 1, 0.001);
		first = first ? first : id;
		CHECK_INT(at_site(&s, first), i == 5);
	}
}

TEST(a_contrary_voice_stops_agreement)
{
	AUTO(site) struct site s = site_open();
	int64_t a = teach(&s, TRAINING_REPORT, "a@x.test", true, 1, 1);
	teach(&s, TRAINING_MOVE, "h@x.test", false, 1, 1);
	teach(&s, TRAINING_MOVE, "i@x.test", false, 1, 1);
	teach(&s, TRAINING_REPORT, "b@x.test", true, 1, 1);
	teach(&s, TRAINING_REPORT, "c@x.test", true, 1, 1);
	CHECK(!at_site(&s, a));
}

struct trusting {
	slice who;
	float trust;
};

static bool look_trust(void *arg, const struct journal_user *u)
{
	struct trusting *t = arg;
	if (slice_eq(u->who, t->who))
		t->trust = u->trust;
	return true;
}

static float trust(struct site *s, const char *who)
{
	struct trusting t = {slice_z(who), -1};
	struct err e;
	OK(journal_users(s->db, look_trust, &t, &e));
	return t.trust;
}

TEST(the_administrator_decides_and_trust_follows)
{
	AUTO(site) struct site s = site_open();
	int64_t wrong = teach(&s, TRAINING_REPORT, "a@x.test", true, 1, 1);
	int64_t right = teach(&s, TRAINING_RELEASE, "b@x.test", false, 1, 1);
	CHECK(trust(&s, "a@x.test") == 1);
	int64_t word = teach(&s, TRAINING_ADMIN, "", false, 1, 1);
	CHECK(at_site(&s, word) && at_site(&s, right) && !at_site(&s, wrong));
	CHECK(trust(&s, "a@x.test") < 0.6f && trust(&s, "b@x.test") == 1);
	CHECK(lesson(&s, right).weight > 0.25f && lesson(&s, right).weight < 0.35f);
	struct err e;
	OK(sql_begin(s.db, &e));
	OK(journal_forget_tx(s.db, word, &s.conf, s.now, &e));
	OK(sql_commit(s.db, &e));
	CHECK(!at_site(&s, right) && trust(&s, "a@x.test") == 1);
}

TEST(the_last_word_of_a_person_counts)
{
	AUTO(site) struct site s = site_open();
	int64_t one = teach(&s, TRAINING_MOVE, "a@x.test", true, 1, 1);
	int64_t other = teach(&s, TRAINING_MOVE, "a@x.test", false, 1, 1);
	CHECK_INT(one, other);
	CHECK(!lesson(&s, one).spam);
	struct journal_totals t;
	struct err e;
	OK(journal_totals(s.db, &t, &e));
	CHECK(t.learned[0] == 1 && t.learned[1] == 0 && t.waiting == 0);
}

TEST(lessons_of_a_day_are_limited)
{
	AUTO(site) struct site s = site_open();
	s.conf.per_user_day = 10;
	for (unsigned i = 0; i < 15; i++)
		teach(&s, TRAINING_REPORT, "a@x.test", true, 1, i);
	struct journal_totals t;
	struct err e;
	OK(journal_totals(s.db, &t, &e));
	CHECK(t.learned[1] == 10 && t.rejected == 5);
	s.now += 2 * DAY;
	teach(&s, TRAINING_REPORT, "a@x.test", true, 1, 100);
	OK(journal_totals(s.db, &t, &e));
	CHECK_INT(t.learned[1], 11);
}

TEST(vouched_mail_is_not_spam_for_all)
{
	AUTO(site) struct site s = site_open();
	AUTO(arena) struct arena a = {0};
	char who[] = "a@x.test";
	int64_t id = 0;
	for (int i = 0; i < 8; i++, who[0]++) {
		struct training_told t = {.source = TRAINING_REPORT,
			.who = slice_z(who),
			.spam = true,
			.vouched = true,
			.message = S("x")};
		struct journal_waiting w;
		struct journal_read r;
		struct err e;
		OK(sql_begin(s.db, &e));
		OK(journal_tell_tx(s.db, &t, s.now, 100, &id, &e));
		OK(journal_next(s.db, id - 1, &a, &w, &e));
		letter_read_as(1, 1, 0.5, &a, &r);
		OK(journal_learn_tx(s.db, &w, &r, &s.conf, s.now, &id, &e));
		OK(sql_commit(s.db, &e));
	}
	CHECK(!at_site(&s, id));
}

static bool count_site(void *arg, const struct journal_lesson *l)
{
	CHECK(l->packed.n > 0);
	++*(unsigned *)arg;
	return true;
}

TEST(equal_letters_teach_once_and_old_ones_are_forgotten)
{
	AUTO(site) struct site s = site_open();
	unsigned n = 0;
	struct err e;
	teach(&s, TRAINING_ADMIN, "", true, 1, 1);
	teach(&s, TRAINING_REPORT, "a@x.test", true, 1, 1);
	for (unsigned i = 2; i < 30; i++)
		teach(&s, TRAINING_IMPORT, "", true, 1, i);
	OK(journal_each_site(s.db, count_site, &n, &e));
	CHECK_INT(n, 29);
	s.conf.keep = 10;
	OK(sql_begin(s.db, &e));
	OK(journal_trim_tx(s.db, &s.conf, &e));
	OK(sql_commit(s.db, &e));
	n = 0;
	OK(journal_each_site(s.db, count_site, &n, &e));
	CHECK_INT(n, 10);
}

TEST(letters_that_cannot_be_read_are_told)
{
	AUTO(site) struct site s = site_open();
	AUTO(arena) struct arena a = {0};
	struct training_told t = {.source = TRAINING_ADMIN, .message = S("x")};
	struct journal_waiting w;
	struct journal_totals totals;
	struct err e;
	int64_t id;
	for (int i = 0; i < 2; i++) {
		OK(sql_begin(s.db, &e));
		OK(journal_tell_tx(s.db, &t, s.now, 100, &id, &e));
		CHECK_INT(journal_next(s.db, 0, &a, &w, &e), 1);
		OK(journal_reject_tx(s.db, &w, S("why"), s.now, &e));
		OK(sql_commit(s.db, &e));
	}
	OK(journal_totals(s.db, &totals, &e));
	CHECK(totals.rejected == 2 && totals.waiting == 0);
}
