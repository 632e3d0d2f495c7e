/* Packs in a server, without one: the judgement of the trial, indexes, entries, fingerprints, what edges tell. */
#include "base/mem.h"
#include "base/test.h"
#include "bin/features.h"
#include "defence/fingerprint.h"
#include "store/list.h"

TEST(features_trial_is_judged)
{
	const struct features_conf c = {
		.canary_letters = 100, .canary_time = HOUR, .canary_differ = 2};
	const struct features_conf patient = {.canary_letters = 100,
		.canary_time = HOUR,
		.canary_differ = 2,
		.canary_quiet = FEATURES_QUIET_WAIT};
	const struct {
		struct features_counts k;
		int64_t elapsed;
		const struct features_conf *c;
		enum features_judgement want;
	} v[] = {
		{{.letters = 0}, 0, &c, FEATURES_GO_ON},
		{{.letters = 99}, MINUTE, &c, FEATURES_GO_ON},
		{{.letters = 100}, MINUTE, &c, FEATURES_TAKE},
		{{.letters = 100, .more_spam = 1, .less_spam = 1}, MINUTE, &c, FEATURES_TAKE},
		{{.letters = 100, .more_spam = 2, .less_spam = 1}, MINUTE, &c, FEATURES_REFUSE},
		{{.letters = 3, .more_spam = 3}, MINUTE, &c,
			FEATURES_REFUSE}, /* holds everything */
		{{.letters = 2, .more_spam = 2}, MINUTE, &c, FEATURES_GO_ON},
		{{.letters = 3}, HOUR, &c, FEATURES_TAKE_QUIET},
		{{.letters = 3}, HOUR, &patient, FEATURES_GO_ON},
		{{.letters = 3, .more_spam = 2}, HOUR, &c, FEATURES_REFUSE},
		{{.letters = 50, .more_spam = 2}, HOUR, &c, FEATURES_REFUSE},
		{{.letters = 50, .more_spam = 1}, HOUR, &c, FEATURES_TAKE},
		{{.letters = 10, .failed = 4}, MINUTE, &c, FEATURES_REFUSE},
		{{.letters = 30, .took = 30 * MSEC, .took_trial = 30 * SECOND}, MINUTE, &c,
			FEATURES_REFUSE},
		{{.letters = 30, .took = 30 * MSEC, .took_trial = 300 * MSEC}, MINUTE, &c,
			FEATURES_GO_ON},
	};
	for (size_t i = 0; i < sizeof v / sizeof *v; i++) {
		const char *why = NULL;
		enum features_judgement got = features_judge(&v[i].k, v[i].c, v[i].elapsed, &why);
		if (got != v[i].want || (got == FEATURES_REFUSE) != (why != NULL))
			test_fail(__FILE__, __LINE__, "case %zu: %d, not %d", i, (int)got,
				(int)v[i].want);
	}
}

TEST(features_results_travel)
{
	AUTO(buf) struct buf wire = BUF(4096);
	const struct features_result r = {.id = 7,
		.spam_trial = true,
		.p = 0.25F,
		.p_trial = 0.75F,
		.took = 1,
		.took_trial = 2,
		.rules = S("+x -y")};
	struct features_result got;
	features_result_encode(&wire, &r);
	CHECK(features_result_decode(buf_slice(&wire), &got));
	CHECK(got.id == 7 && got.spam_trial && !got.spam && !got.failed && got.took_trial == 2);
	CHECK_STR(got.rules, S("+x -y"));
	for (size_t i = 0; i < wire.n; i++)
		CHECK(!features_result_decode(slice_first(buf_slice(&wire), i), &got));
	wire.p[9] = 0x7f; /* a probability of 1e38 */
	CHECK(!features_result_decode(buf_slice(&wire), &got));
}

TEST(features_entries_are_the_systems)
{
	AUTO(arena) struct arena a = {0};
	struct lists_entry *v;
	struct err e;
	size_t n;
	CHECK_INT(features_entries(S("vendor"),
			  S("# a comment\nblock domain Bad.Example\n\nallow ip 192.0.2.7\n"), &a,
			  &v, &n, &e),
		0);
	CHECK_INT(n, 2);
	CHECK_STR(v[0].what, S("bad.example"));
	CHECK_STR(v[0].created_by, S("features:vendor"));
	CHECK(v[1].allow && v[1].kind == LISTS_IP);
	CHECK(features_entries(S("vendor"),
		      S("block domain x.example level=organisation:y.example\n"), &a, &v, &n,
		      &e) < 0);
	CHECK(features_entries(S("vendor"), S("block ip 300.1.1.1\n"), &a, &v, &n, &e) < 0);
	CHECK_INT(features_entries(
			  S("vendor"), S("block domain x.example by=root\n"), &a, &v, &n, &e),
		0);
	CHECK_STR(v[0].created_by, S("features:vendor"));
}

TEST(features_prints_are_read)
{
	AUTO(arena) struct arena a = {0};
	struct features_print *v;
	struct err e;
	size_t n;
	const char *const bad[] = {"text 123 bad 5", "text 0123456789abcdef bad",
		"nothing 0123456789abcdef bad 5", "text 0123456789abcdef worse 5",
		"text 0123456789abcdef bad 0", "text 0123456789abcdef bad 21",
		"text 0123456789abcdef bad nan", "text 0123456789abcdefg bad 5"};
	CHECK_INT(
		features_prints(
			S("# x\ntext 0123456789abcdef bad 5\n\nlinks ffffffffffffffff good 0.5\n"),
			&a, &v, &n, &e),
		0);
	CHECK_INT(n, 2);
	CHECK(v[0].bad && v[0].print.hash == 0x0123456789abcdef &&
		v[0].print.kind == FINGERPRINT_TEXT);
	CHECK(!v[1].bad && v[1].print.kind == FINGERPRINT_LINKS);
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
		if (features_prints(slice_z(bad[i]), &a, &v, &n, &e) == 0)
			test_fail(__FILE__, __LINE__, "taken: %s", bad[i]);
}

TEST(features_indexes)
{
	AUTO(arena) struct arena a = {0};
	AUTO(buf) struct buf text = BUF(FEATURES_INDEX_MAX);
	const struct features_offer offer = {
		S("vendor"), S("2026.11"), S("vendor-3.pack"), 3, 1234};
	struct features_offer *v;
	struct err e;
	size_t n;
	features_index_write(&offer, 1, &text);
	CHECK_INT(features_index_read(buf_slice(&text), &a, &v, &n, &e), 0);
	CHECK_INT(n, 1);
	CHECK_STR(v[0].file, S("vendor-3.pack"));
	CHECK_INT(v[0].serial, 3);
	CHECK(features_index_read(S("{}"), &a, &v, &n, &e) < 0);
	CHECK(features_index_read(
		      S("{\"packs\":[{\"name\":\"x\",\"serial\":1,\"file\":\"../x\",\"size\":1}]}"),
		      &a, &v, &n, &e) < 0);
	CHECK(features_index_read(S("{\"packs\":[{\"name\":\"x\",\"serial\":1,\"file\":\"/etc/"
				    "x.pack\",\"size\":1}]}"),
		      &a, &v, &n, &e) < 0);
	CHECK(features_index_read(S("{\"packs\":[{\"name\":\"x\",\"serial\":0,\"file\":\"x.pack\","
				    "\"size\":1}]}"),
		      &a, &v, &n, &e) < 0);
}
