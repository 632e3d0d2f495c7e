/* Versions: what they learn, exactness of taking back, the canary, users' layers. */
#include "training/training_testing.h"
#include "training/user.h"

static struct build build_of(struct site *s)
{
	return (struct build){site_data(s), s->db, &s->conf, &learn_fuse_default, NULL};
}

static struct build_result make(struct site *s, struct arena *a)
{
	struct build b = build_of(s);
	struct build_result r = {0};
	struct err e;
	OK(build_version(&b, a, &r, &e));
	return r;
}

static void import(struct site *s, bool spam, unsigned theme, unsigned from, unsigned n)
{
	for (unsigned i = from; i < from + n; i++)
		teach(s, TRAINING_IMPORT, "", spam, theme, i);
}

static double probability(struct site *s, unsigned theme, unsigned seed)
{
	AUTO(training_published) struct training_published p = {0};
	AUTO(fd) int fd = -1;
	struct learn_feature v[LETTER_WORDS];
	struct learn_features f = {.v = v, .n = letter_features(theme, seed, v)};
	float in[LEARN_INPUTS] = {0};
	struct learn_bayes b;
	struct err e;
	f.per_group[LEARN_PAIRS] = (unsigned)f.n;
	if (training_current_open(site_data(s), &fd, &e) < 0)
		return 0.5;
	OK(training_published_map(fd, &p, &e));
	in[LEARN_SITE] = (float)learn_weights_margin(&p.model.weights, &f);
	learn_bayes_score(&p.counts, &f, &learn_bayes_default, &b);
	in[LEARN_BAYES_SITE] = b.known ? (float)b.margin : 0;
	return learn_fuse_probability(
		p.flags & TRAINING_CALIBRATED ? &p.model.fuse : &learn_fuse_default, in);
}

TEST(a_version_judges_letters_it_has_not_seen)
{
	AUTO(site) struct site s = site_open();
	AUTO(arena) struct arena a = {0};
	import(&s, true, 1, 0, 100);
	import(&s, false, 2, 0, 100);
	struct build_result r = make(&s, &a);
	CHECK(r.published && !r.version.refused && r.version.number == 1);
	CHECK(r.version.lessons[0] == 100 && r.version.lessons[1] == 100);
	CHECK(r.version.figures.spam > 5 && r.version.figures.ham > 5);
	CHECK_INT(r.version.figures.caught, r.version.figures.spam);
	CHECK_INT(r.version.figures.accused, 0);
	for (unsigned i = 1000; i < 1020; i++)
		CHECK(probability(&s, 1, i) > 0.8 && probability(&s, 2, i) < 0.2);
}

static void read_version(struct site *s, uint64_t number, struct buf *out)
{
	AUTO(arena) struct arena a = {0};
	const char *path = arena_strz(&a, arena_printf(&a, "%s/learn/versions/%06llu.site",
						  s->dir.path, (unsigned long long)number));
	AUTO(fd) int fd = open(path, O_RDONLY);
	char chunk[4096];
	ssize_t n;
	CHECK(fd >= 0);
	while ((n = read(fd, chunk, sizeof chunk)) > 0)
		buf_put(out, slice_of(chunk, (size_t)n));
}

TEST(what_was_taken_back_leaves_no_trace)
{
	AUTO(site) struct site s = site_open();
	AUTO(arena) struct arena a = {0};
	AUTO(buf) struct buf before = BUF(TRAINING_FILE_MAX), after = BUF(TRAINING_FILE_MAX);
	struct err e;
	int64_t ids[20];
	import(&s, true, 1, 0, 50);
	import(&s, false, 2, 0, 50);
	make(&s, &a);
	read_version(&s, 1, &before);
	for (unsigned i = 0; i < 20; i++)
		ids[i] = teach(&s, TRAINING_ADMIN, "", true, 3, i);
	make(&s, &a);
	CHECK(probability(&s, 3, 5) > 0.9);
	OK(sql_begin(s.db, &e));
	for (unsigned i = 0; i < 20; i++)
		OK(journal_forget_tx(s.db, ids[i], &s.conf, s.now, &e));
	OK(sql_commit(s.db, &e));
	make(&s, &a);
	read_version(&s, 3, &after);
	CHECK(before.n == after.n && before.n > 64);
	CHECK(memcmp(before.p + 64, after.p + 64, before.n - 64) == 0); /* but for its number */
	CHECK(probability(&s, 3, 5) < 0.9);
}

TEST(a_bad_version_does_not_go_into_service)
{
	AUTO(site) struct site s = site_open();
	AUTO(arena) struct arena a = {0};
	uint64_t current;
	bool pinned;
	struct err e;
	import(&s, true, 1, 0, 150);
	import(&s, false, 2, 0, 150);
	CHECK(make(&s, &a).published);
	import(&s, true, 2, 1000, 400); /* honest letters, told to be spam */
	struct build_result r = make(&s, &a);
	CHECK(!r.published && r.version.refused && r.version.why.n > 0);
	CHECK(r.version.figures.accused > r.version.before.accused);
	OK(versions_current(site_data(&s), &current, &pinned, &e));
	CHECK(current == 1 && !pinned);
	CHECK(probability(&s, 2, 5000) < 0.2);
	/* An administrator may, and newer ones do not replace his choice. */
	OK(versions_use(site_data(&s), 2, true, &e));
	teach(&s, TRAINING_ADMIN, "", true, 1, 9000);
	CHECK(!make(&s, &a).published);
	OK(versions_current(site_data(&s), &current, &pinned, &e));
	CHECK(current == 2 && pinned);
}

TEST(a_version_that_changes_too_much_does_not_go_into_service)
{
	AUTO(site) struct site s = site_open();
	AUTO(arena) struct arena a = {0};
	struct err e;
	import(&s, true, 1, 0, 100);
	import(&s, false, 2, 0, 100);
	CHECK(make(&s, &a).published);
	OK(sql_begin(s.db, &e));
	for (unsigned i = 0; i < 200; i++) {
		struct journal_read r;
		letter_read_as(4, i, 0.1, &a, &r);
		struct journal_sample one = {.at = s.now, .packed = r.packed};
		one.in[LEARN_BASE] = -1;
		OK(journal_sample_tx(s.db, &one, s.conf.sample, &e));
	}
	OK(sql_commit(s.db, &e));
	import(&s, true, 4, 0, 100); /* nobody ever said that such mail is honest */
	struct build_result r = make(&s, &a);
	CHECK(r.version.refused && !r.published);
	CHECK(r.version.sampled == 200 && r.version.changed > 100);
	struct build_comparison k;
	struct build b = build_of(&s);
	OK(build_compare(&b, 1, 2, &k, &e));
	CHECK(k.changed == r.version.changed && k.more_spam == k.changed);
}

TEST(versions_are_listed_and_trimmed)
{
	AUTO(site) struct site s = site_open();
	AUTO(arena) struct arena a = {0};
	struct training_version *v;
	size_t n;
	struct err e;
	for (unsigned i = 0; i < 7; i++) {
		teach(&s, TRAINING_ADMIN, "", i & 1, 1 + (i & 1), i);
		make(&s, &a);
	}
	OK(versions_list(site_data(&s), s.db, &a, &v, &n, &e));
	CHECK_INT(n, s.conf.versions);
	CHECK(v[0].number == 7 && v[n - 1].number == 4 && v[0].bytes > 0 && v[0].made_at > 0);
	CHECK(versions_use(site_data(&s), 1, true, &e) < 0 && e.kind == ERR_NOTFOUND);
	OK(versions_use(site_data(&s), 5, true, &e));
	for (unsigned i = 0; i < 6; i++)
		make(&s, &a);
	OK(versions_list(site_data(&s), s.db, &a, &v, &n, &e));
	CHECK_INT(v[n - 1].number, 5); /* what is in service stays */
}

TEST(a_stopped_build_leaves_everything_as_it_was)
{
	AUTO(site) struct site s = site_open();
	AUTO(arena) struct arena a = {0};
	bool stop = true;
	struct build b = build_of(&s);
	struct build_result r = {0};
	struct err e;
	uint64_t current;
	bool pinned;
	teach(&s, TRAINING_ADMIN, "", true, 1, 1);
	b.stop = &stop;
	CHECK(build_version(&b, &a, &r, &e) < 0 && e.kind == ERR_CLOSED);
	OK(versions_current(site_data(&s), &current, &pinned, &e));
	CHECK_INT(current, 0);
}

static struct training_user_says ask(struct site *s, const char *who, unsigned theme, unsigned seed)
{
	struct learn_feature v[LETTER_WORDS];
	struct training_user_says says = {0};
	struct training_users *u = training_users_open(site_data(s));
	size_t n = letter_features(theme, seed, v);
	bool has = training_user_ask(u, slice_z(who), v, n, &says);
	CHECK(has == training_user_has(u, slice_z(who)));
	training_users_close(u);
	return says;
}

TEST(a_user_has_his_own_layer)
{
	AUTO(site) struct site s = site_open();
	struct err e;
	for (unsigned i = 0; i < 30; i++) {
		teach(&s, TRAINING_MOVE, "ann@x.test", true, 1, i);
		teach(&s, TRAINING_MOVE, "ann@x.test", false, 2, i);
	}
	OK(build_user(site_data(&s), s.db, S("ann@x.test"), &e));
	struct training_user_says spam = ask(&s, "Ann@X.test", 1, 500),
				  ham = ask(&s, "ann@x.test", 2, 500);
	CHECK(spam.linear > 1 && spam.bayes > 0.5f);
	CHECK(ham.linear < -1 && ham.bayes < -0.5f);
	CHECK(ask(&s, "bob@x.test", 1, 500).linear == 0);
	OK(sql_begin(s.db, &e));
	CHECK_INT(journal_forget_all_tx(s.db, S("ann@x.test"), false, &s.conf, s.now, &e), 60);
	OK(sql_commit(s.db, &e));
	OK(build_user(site_data(&s), s.db, S("ann@x.test"), &e));
	CHECK(ask(&s, "ann@x.test", 1, 500).linear == 0);
}
