/* The reputation of fingerprints: what is reported counts, fades, is taken back; good mail makes it
 * neutral; outbreaks. */
#include "defence/fingerprint.h"

#include "base/mem.h"
#include "base/test.h"
#include "base/time.h"
#include "defence/kv_testing.h"

#include <stdio.h>

struct bench {
	struct test_kv t;
	struct fingerprints *f;
	struct arena a;
	struct signals s;
};

static void begin(struct bench *b)
{
	*b = (struct bench){0};
	const struct fingerprints_conf *conf =
		test_kv_open(&b->t, &fingerprints_section, "[fingerprints]\n");
	b->f = fingerprints_open(b->t.kv, conf);
	b->s.mem = &b->a;
}

static void end(struct bench *b)
{
	fingerprints_close(b->f);
	test_kv_close(&b->t);
	arena_done(&b->a);
}

/* Eight bands of a text, a link, a file. */
static size_t letter(uint64_t seed, struct fingerprint *v)
{
	for (unsigned i = 0; i < 8; i++)
		v[i] = (struct fingerprint){FINGERPRINT_TEXT, seed + i};
	v[8] = (struct fingerprint){FINGERPRINT_LINK, seed};
	v[9] = (struct fingerprint){FINGERPRINT_FILE, seed};
	return 10;
}

static double look(struct bench *b, const struct fingerprint *v, size_t n)
{
	kv_flush(b->t.kv);
	b->s.n = 0;
	fingerprints_look(b->f, v, n, &b->s);
	return signals_score(&b->s);
}

TEST(fingerprint_reports_count)
{
	static struct bench b;
	struct fingerprint v[16], other[16];
	size_t n = letter(1000, v), m = letter(2000, other);
	begin(&b);
	CHECK(look(&b, v, n) == 0);
	fingerprints_note(b.f, v, n, FINGERPRINT_BAD, 1);
	double once = look(&b, v, n);
	CHECK(once > 1 && signals_has(&b.s, SIGNAL_FP_TEXT_BAD));
	for (int i = 0; i < 10; i++)
		fingerprints_note(b.f, v, n, FINGERPRINT_BAD, 1);
	CHECK(look(&b, v, n) > 1.7 * once);
	CHECK(signals_has(&b.s, SIGNAL_FP_LINK_BAD) && signals_has(&b.s, SIGNAL_FP_FILE_BAD));
	CHECK(look(&b, other, m) == 0);
	/* A variant that shares one band of the text is suspected less. */
	other[0] = v[3];
	double one = look(&b, other, m);
	CHECK(one == 0 || one < 0.3 * once * 3);
	end(&b);
}

TEST(fingerprint_good_mail_makes_neutral)
{
	static struct bench b;
	struct fingerprint v[16];
	size_t n = letter(1000, v);
	begin(&b);
	for (int i = 0; i < 4; i++)
		fingerprints_note(b.f, v, n, FINGERPRINT_BAD, 1);
	for (int i = 0; i < 2; i++)
		fingerprints_note(b.f, v, n, FINGERPRINT_GOOD, 1);
	CHECK(look(&b, v, n) == 0);
	end(&b);
}

TEST(fingerprint_taken_back)
{
	static struct bench b;
	struct fingerprint v[16];
	struct fingerprint_record r;
	size_t n = letter(1000, v);
	begin(&b);
	fingerprints_note(b.f, v, n, FINGERPRINT_BAD, 3);
	fingerprints_note(b.f, v, n, FINGERPRINT_NOT_BAD, 3);
	CHECK(look(&b, v, n) == 0);
	fingerprints_note(b.f, v, n, FINGERPRINT_NOT_GOOD, 5);
	kv_flush(b.t.kv);
	CHECK(fingerprints_ask(b.f, v[0], &r));
	CHECK(r.good == 0 && r.bad == 0);
	end(&b);
}

TEST(fingerprint_fades)
{
	static struct bench b;
	struct fingerprint v[16];
	struct fingerprint_record r;
	size_t n = letter(1000, v);
	begin(&b);
	fingerprints_note(b.f, v, n, FINGERPRINT_BAD, 8);
	double fresh = look(&b, v, n);
	int64_t before = test_now;
	test_now += 28 * 86400;
	CHECK(look(&b, v, n) < 0.8 * fresh);
	CHECK(fingerprints_ask(b.f, v[0], &r));
	CHECK(r.bad > 1.9 && r.bad < 2.1);
	test_now += 40 * 86400;
	CHECK(look(&b, v, n) == 0);
	test_now = before;
	end(&b);
}

/* The filter's own word is written down where it tells most, and weighs little. */
TEST(fingerprint_own_verdicts)
{
	static struct bench b;
	struct fingerprint v[16];
	struct fingerprint_record r;
	size_t n = letter(1000, v);
	begin(&b);
	for (int i = 0; i < 3; i++)
		fingerprints_note(b.f, v, n, FINGERPRINT_BAD, 0.1);
	CHECK(look(&b, v, n) == 0);
	CHECK(fingerprints_ask(b.f, v[0], &r) && r.bad > 0.29 && r.bad < 0.31);
	CHECK(!fingerprints_ask(b.f, v[7], &r));
	end(&b);
}

TEST(fingerprint_outbreak)
{
	static struct bench b;
	struct fingerprint v[16], news[16];
	size_t n = letter(1000, v), m = letter(3000, news);
	char network[20], domain[20];
	begin(&b);
	for (unsigned i = 0; i < 60; i++) {
		snprintf(network, sizeof network, "192.0.%u", i);
		snprintf(domain, sizeof domain, "d%u.example", i);
		fingerprints_seen(b.f, v, n, slice_z(network), slice_z(domain));
		fingerprints_seen(b.f, news, m, slice_z(network), S("shop.example"));
	}
	look(&b, v, n);
	CHECK(signals_has(&b.s, SIGNAL_FP_SURGE));
	CHECK_INT(b.s.n, 1);
	CHECK(look(&b, news, m) == 0); /* many copies, one sender */
	int64_t before = test_now;
	test_now += 2 * 3600;
	CHECK(look(&b, v, n) == 0);
	test_now = before;
	end(&b);
}

TEST(fingerprint_without_store)
{
	struct fingerprints_conf conf = {.half_life = DAY, .keep = DAY, .known_from = 2};
	struct fingerprints *f = fingerprints_open(NULL, &conf);
	struct fingerprint v[16];
	static struct signals s;
	size_t n = letter(1, v);
	fingerprints_note(f, v, n, FINGERPRINT_BAD, 5);
	fingerprints_seen(f, v, n, S("a"), S("b"));
	fingerprints_look(f, v, n, &s);
	CHECK_INT(s.n, 0);
	fingerprints_close(f);
}
