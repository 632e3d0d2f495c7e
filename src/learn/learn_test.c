/* Models: what was learned is told apart, taken back, explained, and survives a file. */
#include "base/hash.h"
#include "base/mem.h"
#include "base/test.h"
#include "learn/bayes.h"
#include "learn/model.h"
#include <math.h>

enum { COUNTS = 1 << 14 };

static const slice spam_letters[] = {S_INIT("Subject: prize\n\nclaim your prize money now\n"),
	S_INIT("Subject: cheap pills\n\nbuy cheap pills online, no prescription\n"),
	S_INIT("Subject: 发票\nContent-Type: text/plain; charset=utf-8\n\n代开发票，点数优惠\n")};
static const slice ham_letters[] = {S_INIT("Subject: minutes\n\nthe minutes of our meeting\n"),
	S_INIT("Subject: lunch\n\nshall we have lunch on friday\n"),
	S_INIT("Subject: 会议\nContent-Type: text/plain; charset=utf-8\n\n会议纪要请查收\n")};

static void read_letter(struct learn_features *f, slice letter)
{
	AUTO(arena) struct arena a = {0};
	struct learn_mail m;
	learn_mail_read(letter, NULL, &a, &m);
	learn_features_read(f, &m, LEARN_ALL_GROUPS, &a);
}

static void teach(struct learn_linear *l, struct learn_features *f, unsigned rounds)
{
	for (unsigned r = 0; r < rounds; r++)
		for (unsigned i = 0; i < 3; i++) {
			read_letter(f, spam_letters[i]);
			learn_linear_train(l, f, true, 1, 0);
			read_letter(f, ham_letters[i]);
			learn_linear_train(l, f, false, 1, 0);
		}
}

static const struct learn_linear_conf small = {.bits = 16,
	.rate = 0.5f,
	.beta = 0.1f,
	.l1 = 0.001f,
	.gain = {1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1}};

TEST(linear_learns)
{
	AUTO(learn_features) struct learn_features f;
	AUTO(learn_linear) struct learn_linear l;
	learn_features_init(&f, true);
	learn_linear_init(&l, &small);
	read_letter(&f, spam_letters[0]);
	CHECK(learn_linear_margin(&l, &f) == 0);
	teach(&l, &f, 10);
	CHECK_INT(l.messages[1], 30);
	AUTO(learn_weights) struct learn_weights w;
	learn_linear_weights(&l, 0, &w);
	for (unsigned i = 0; i < 3; i++) {
		read_letter(&f, spam_letters[i]);
		double exact = learn_linear_margin(&l, &f),
		       short_one = learn_weights_margin(&w, &f);
		CHECK(exact > 1);
		CHECK(fabs(exact - short_one) < 0.5);
		read_letter(&f, ham_letters[i]);
		CHECK(learn_linear_margin(&l, &f) < -1);
		CHECK(learn_weights_margin(&w, &f) < -1);
	}
	read_letter(&f, S("Subject: x\n\nfriday: claim the pills\n"));
	struct learn_reason r[5];
	size_t n = learn_weights_reasons(&w, &f, r, 5);
	CHECK_INT(n, 5);
	for (size_t i = 1; i < n; i++)
		CHECK(fabsf(r[i].margin) <= fabsf(r[i - 1].margin));
	float by_group[LEARN_GROUPS], sum = w.bias;
	learn_weights_explain(&w, &f, by_group);
	for (unsigned g = 0; g < LEARN_GROUPS; g++)
		sum += by_group[g];
	CHECK(fabs(sum - learn_weights_margin(&w, &f)) < 0.001);
}

/* A layer above learns only what the one below gets wrong. */
TEST(linear_layers)
{
	AUTO(learn_features) struct learn_features f;
	AUTO(learn_linear) struct learn_linear right, wrong;
	learn_features_init(&f, false);
	learn_linear_init(&right, &small);
	learn_linear_init(&wrong, &small);
	read_letter(&f, spam_letters[0]);
	learn_linear_train(&right, &f, true, 1, 6);
	learn_linear_train(&wrong, &f, true, 1, -6);
	CHECK(learn_linear_margin(&right, &f) < 0.1);
	CHECK(learn_linear_margin(&wrong, &f) > 0.3);
}

/* ---- counts ---- */

static void look(void *ctx, const uint64_t *hashes, size_t n, struct learn_count *ret)
{
	for (size_t i = 0; i < n; i++)
		ret[i] = ((struct learn_count *)ctx)[hashes[i] % COUNTS];
}

struct putting {
	struct learn_count *v;
	bool spam;
};

static void put(void *ctx, uint64_t hash)
{
	struct putting *p = ctx;
	*(p->spam ? &p->v[hash % COUNTS].spam : &p->v[hash % COUNTS].ham) += 1;
}

TEST(bayes_tells_apart)
{
	AUTO(learn_features) struct learn_features f;
	AUTO(free) struct learn_count *v = mem_alloc(COUNTS * sizeof *v);
	struct learn_counts counts = {v, look, 0, 0};
	struct learn_bayes b;
	learn_features_init(&f, false);
	read_letter(&f, spam_letters[0]);
	learn_bayes_score(&counts, &f, &learn_bayes_default, &b);
	CHECK(!b.known && b.p == 0.5 && b.margin == 0);
	for (unsigned i = 0; i < 60; i++) {
		bool spam = i % 2;
		read_letter(&f, (spam ? spam_letters : ham_letters)[i / 2 % 3]);
		struct putting p = {v, spam};
		learn_bayes_each(&f, &learn_bayes_default, put, &p);
		*(spam ? &counts.spam : &counts.ham) += 1;
	}
	for (unsigned i = 0; i < 3; i++) {
		read_letter(&f, spam_letters[i]);
		learn_bayes_score(&counts, &f, &learn_bayes_default, &b);
		CHECK(b.known && b.p > 0.99 && b.margin > 1);
		CHECK(b.used > 5 && b.used <= learn_bayes_default.most);
		read_letter(&f, ham_letters[i]);
		learn_bayes_score(&counts, &f, &learn_bayes_default, &b);
		CHECK(b.known && b.p < 0.01 && b.margin < -1);
	}
}

TEST(bayes_of_one_token)
{
	struct learn_counts c = {.spam = 100, .ham = 1000};
	static const struct {
		struct learn_count n;
		double least, most;
	} cases[] = {
		{{0, 0}, 0.5, 0.5},
		{{10, 100}, 0.499, 0.501}, /* as often in each kind, whatever their number */
		{{50, 0}, 0.99, 1}, {{0, 50}, 0, 0.01},
		{{1, 0}, 0.7, 0.9}, /* one sight is not certainty */
	};
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		double p = learn_bayes_token(&c, cases[i].n, &learn_bayes_default);
		CHECK(p >= cases[i].least && p <= cases[i].most);
	}
}

/* ---- one probability ---- */

static size_t judged(struct learn_judged *v, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		double noise = (double)(learn_hash(i, S("a")) % 1000) / 1000 - 0.5;
		double luck = (double)(learn_hash(i, S("b")) % 1000) / 1000;
		float margin = (float)(8 * noise);
		v[i] = (struct learn_judged){.weight = 1};
		v[i].in[LEARN_SITE] = margin;
		v[i].in[LEARN_BAYES_SITE] = (float)(learn_hash(i, S("c")) % 20) - 10;
		v[i].spam = luck < 1 / (1 + exp(-2 * margin)); /* twice as sure as it says */
	}
	return n;
}

TEST(fuse_is_calibrated_and_monotone)
{
	enum { N = 8000 };
	AUTO(free) struct learn_judged *v = mem_alloc(N * sizeof *v);
	struct learn_fuse f;
	CHECK(!learn_fuse_fit(v, 50, &learn_fuse_default, &f));
	CHECK(!memcmp(&f, &learn_fuse_default, sizeof f));
	CHECK(learn_fuse_fit(v, judged(v, N), &learn_fuse_default, &f));
	CHECK(f.w[LEARN_SITE] > 1.7 && f.w[LEARN_SITE] < 2.3);
	CHECK(f.w[LEARN_BAYES_SITE] < 0.05); /* it says nothing */
	CHECK(f.w[LEARN_RULES] == learn_fuse_default.w[LEARN_RULES]);
	CHECK(f.knots >= 4);
	for (unsigned input = 0; input < LEARN_INPUTS; input++) {
		double last = -1;
		for (float x = -50; x <= 50; x += 0.25f) {
			float in[LEARN_INPUTS] = {0};
			in[input] = x;
			double p = learn_fuse_probability(&f, in);
			CHECK(p >= last && p >= 0 && p <= 1);
			last = p;
		}
	}
	double said = 0, was = 0;
	for (size_t i = 0; i < N; i++) {
		double p = learn_fuse_probability(&f, v[i].in);
		if (p > 0.6 && p < 0.9) {
			said += p;
			was += v[i].spam;
		}
	}
	CHECK(fabs(said - was) < 0.05 * said);
}

TEST(fuse_takes_nonsense)
{
	float in[LEARN_INPUTS] = {[LEARN_BASE] = NAN, [LEARN_RULES] = INFINITY};
	CHECK(learn_fuse_probability(&learn_fuse_default, in) == 0.5);
	in[LEARN_SITE] = 1e30f;
	CHECK(learn_fuse_probability(&learn_fuse_default, in) > 0.999);
}

TEST(bulk_mail_is_a_kind_of_its_own)
{
	float plain[LEARN_INPUTS] = {[LEARN_RULES] = 2}, bulk[LEARN_INPUTS];
	memcpy(bulk, plain, sizeof bulk);
	bulk[LEARN_BULK] = -1;
	CHECK(learn_fuse_probability(&learn_fuse_default, bulk) <
		learn_fuse_probability(&learn_fuse_default, plain) - 0.2);
}

/* ---- files ---- */

TEST(fuse_of_fewer_inputs)
{
	AUTO(buf) struct buf file = BUF(LEARN_MODEL_MAX);
	struct learn_fuse back;
	struct err e = {0};
	learn_fuse_write(&learn_fuse_default, &file);
	enum { LAST = 2 + 4 * LEARN_INPUTS }; /* where the last weight lies */
	memmove(file.p + LAST, file.p + LAST + 4, file.n - LAST - 4);
	file.n -= 4;
	CHECK_INT(learn_fuse_read(buf_slice(&file), &back, &e), -1);
	file.p[1] = LEARN_INPUTS - 1;
	CHECK_INT(learn_fuse_read(buf_slice(&file), &back, &e), 0);
	CHECK(back.w[LEARN_INPUTS - 1] == 0);
	CHECK(back.w[LEARN_INPUTS - 2] == learn_fuse_default.w[LEARN_INPUTS - 2]);
	file.p[1] = LEARN_INPUTS + 1;
	CHECK_INT(learn_fuse_read(buf_slice(&file), &back, &e), -1);
	CHECK_INT(e.kind, ERR_PROTO);
}

TEST(model_file)
{
	AUTO(learn_features) struct learn_features f;
	AUTO(learn_linear) struct learn_linear l;
	AUTO(learn_model) struct learn_model m = {.fuse = learn_fuse_default}, back = {0};
	AUTO(buf) struct buf file = BUF(LEARN_MODEL_MAX);
	struct err e = {0};
	learn_features_init(&f, false);
	learn_linear_init(&l, &small);
	teach(&l, &f, 5);
	learn_linear_weights(&l, 0, &m.weights);
	m.fuse.knots = 2;
	m.fuse.at[1] = 1, m.fuse.p[0] = 0.2f, m.fuse.p[1] = 0.9f;
	learn_model_write(&m, &file);
	CHECK(file.n < 20000);
	CHECK_INT(learn_model_read(buf_slice(&file), &back, &e), 0);
	CHECK_INT(back.weights.bits, m.weights.bits);
	CHECK(!memcmp(back.weights.w, m.weights.w, (size_t)1 << m.weights.bits));
	CHECK(!memcmp(&back.fuse, &m.fuse, sizeof m.fuse));
	CHECK(back.weights.scale == m.weights.scale && back.weights.bias == m.weights.bias);
	for (size_t i = 0; i < file.n; i += 1 + file.n / 97) { /* every damage is noticed */
		struct learn_model other = {0};
		file.p[i] ^= 0x10;
		CHECK_INT(learn_model_read(buf_slice(&file), &other, &e), -1);
		CHECK_INT(e.kind, ERR_PROTO);
		file.p[i] ^= 0x10;
		CHECK_INT(learn_model_read(slice_first(buf_slice(&file), i), &other, &e), -1);
	}
}

/* A file with a right checksum and wrong contents. */
TEST(model_file_lies)
{
	AUTO(learn_model) struct learn_model m = {.fuse = learn_fuse_default}, back = {0};
	struct err e = {0};
	m.weights = (struct learn_weights){.bits = LEARN_BITS_MIN, .scale = 1};
	m.weights.w = mem_alloc((size_t)1 << LEARN_BITS_MIN);
	m.weights.w[7] = 3;
	for (unsigned change = 0; change < 7; change++) {
		AUTO(buf) struct buf file = BUF(LEARN_MODEL_MAX);
		learn_model_write(&m, &file);
		file.n -= 4;
		switch (change) {
		case 0:
			break;
		case 1: /* other features */
			file.p[9] = 77;
			break;
		case 2: /* a table too large */
			file.p[10] = 40;
			break;
		case 3: /* more weights than there are */
			file.p[76] = 1;
			break;
		case 4: /* a place beyond the table: its gap goes on and on */
			file.p[80] = (char)0xff;
			break;
		case 5: /* other groups */
			file.p[19]--;
			break;
		case 6: /* a gain below zero */
			file.p[20] = (char)0xbf;
			break;
		}
		buf_u32(&file, crc32c(0, buf_slice(&file)));
		CHECK_INT(learn_model_read(buf_slice(&file), &back, &e), change ? -1 : 0);
		learn_model_done(&back);
	}
}
