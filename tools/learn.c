/*
 * Training and judging of models from files: what tools/train and bench/accuracy.py run. Messages
 * come as lines on stdin: "train" or "test", "spam" or "ham", sum of the rules' scores, collection,
 * file name, with tabs between.
 *
 *	learn base OUT [SEED]          trains on all "train" lines and writes a model for shipping
 *	learn judge MODEL              what that model says about the "test" lines
 *	learn site SEED [MODEL]        learns the "train" lines as a site does, on top of MODEL;
 *	                               then judges the "test" lines
 *	learn explain MODEL FILE       the strongest reasons
 *	learn cost MODEL               CPU a message: reading it, features, scoring
 *
 * Judging prints: probability, margin, label, file name, then each input of fuse.h. The same input
 * gives the same output, whatever the machine.
 */
#include "base/mem.h"
#include "learn/bayes.h"
#include "learn/model.h"
#include "senderauth/psl.h"
#include <math.h>
#include <stdio.h>
#include <time.h>

enum {
	MESSAGE_MAX = 64 << 20,
	MESSAGES_MAX = 200000,
	COUNT_BITS = 24,
	BASE_EPOCHS = 4,
	REASONS = 40
};

struct message {
	char *path, *collection;
	bool spam, test;
	unsigned fold;
	float rules;
	struct learn_feature *v;
	size_t n;
	unsigned per_group[LEARN_GROUPS];
};
struct corpus {
	struct message *v;
	size_t n;
	struct learn_features f; /* the one looked at */
	double spent; /* seconds of CPU for reading and features */
};

static void auto_corpus(struct corpus *c)
{
	for (size_t i = 0; i < c->n; i++) {
		free(c->v[i].path);
		free(c->v[i].collection);
		free(c->v[i].v);
	}
	free(c->v);
	learn_features_done(&c->f);
}

static const struct url_names names = {.organisation = psl_org_domain};

static void die(const char *what, const char *why)
{
	fprintf(stderr, "learn: %s: %s\n", what, why);
	exit(1);
}

static void load(const char *path, struct buf *out)
{
	FILE *f = fopen(path, "r");
	char *room;
	size_t n;
	if (!f)
		die(path, "cannot be opened");
	while ((room = buf_room(out, 65536)) && (n = fread(room, 1, 65536, f)) > 0)
		buf_commit(out, n);
	fclose(f);
}

static void read_features(const char *path, struct learn_features *f, unsigned groups)
{
	AUTO(buf) struct buf raw = BUF(MESSAGE_MAX);
	AUTO(arena) struct arena a = {0};
	struct learn_mail m;
	load(path, &raw);
	learn_mail_read(buf_slice(&raw), &names, &a, &m);
	learn_features_read(f, &m, groups, &a);
}

static double cpu(void)
{
	struct timespec t;
	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* ---- the corpus in memory ---- */

static void add(struct corpus *c, char *line, unsigned groups)
{
	char *save, *role = strtok_r(line, "\t", &save), *label = strtok_r(NULL, "\t", &save);
	char *rules = strtok_r(NULL, "\t", &save), *collection = strtok_r(NULL, "\t", &save);
	char *path = strtok_r(NULL, "\n", &save);
	if (!path || c->n == MESSAGES_MAX)
		die("stdin", path ? "too many messages" : "not five columns");
	struct message *m = &c->v[c->n++];
	*m = (struct message){.path = mem_dup(path, strlen(path)),
		.collection = mem_dup(collection, strlen(collection)),
		.spam = !strcmp(label, "spam"),
		.test = !strcmp(role, "test"),
		.rules = strtof(rules, NULL)};
	double before = cpu();
	read_features(path, &c->f, groups);
	c->spent += cpu() - before;
	m->n = c->f.n;
	m->v = mem_alloc(m->n * sizeof *m->v + 1);
	memcpy(m->v, c->f.v, m->n * sizeof *m->v);
	memcpy(m->per_group, c->f.per_group, sizeof m->per_group);
}

static void read_corpus(struct corpus *c, unsigned groups)
{
	char line[2048];
	c->v = mem_alloc(MESSAGES_MAX * sizeof *c->v);
	learn_features_init(&c->f, false);
	while (fgets(line, sizeof line, stdin))
		add(c, line, groups);
}

static struct learn_features *features_of(struct corpus *c, const struct message *m)
{
	memcpy(c->f.v, m->v, m->n * sizeof *m->v);
	memcpy(c->f.per_group, m->per_group, sizeof m->per_group);
	c->f.n = m->n;
	return &c->f;
}

/* Reproducible on every machine; not for secrets. */
static uint64_t next_random(uint64_t *state)
{
	*state += 0x9e3779b97f4a7c15;
	return learn_hash(11, slice_of(state, sizeof *state));
}

static size_t shuffled(const struct corpus *c, size_t *order, uint64_t *random)
{
	size_t n = 0;
	for (size_t i = 0; i < c->n; i++)
		if (!c->v[i].test)
			order[n++] = i;
	for (size_t i = n; i > 1; i--) {
		size_t j = next_random(random) % i, keep = order[i - 1];
		order[i - 1] = order[j];
		order[j] = keep;
	}
	return n;
}

/* ---- one site ---- */

struct site {
	const struct learn_model *base; /* may be NULL */
	struct learn_linear linear;
	struct learn_count *counts;
	struct learn_counts table;
};

static void look(void *ctx, const uint64_t *hashes, size_t n, struct learn_count *ret)
{
	const struct learn_count *counts = ctx;
	for (size_t i = 0; i < n; i++)
		ret[i] = counts[hashes[i] >> (64 - COUNT_BITS)];
}

struct putting {
	struct learn_count *counts;
	bool spam;
};

static void put_count(void *ctx, uint64_t hash)
{
	struct putting *p = ctx;
	struct learn_count *c = &p->counts[hash >> (64 - COUNT_BITS)];
	*(p->spam ? &c->spam : &c->ham) += 1;
}

static double base_margin(const struct site *s, const struct learn_features *f)
{
	return s->base ? learn_weights_margin(&s->base->weights, f) : 0;
}

static void learn_bayes(struct site *s, const struct learn_features *f, bool spam)
{
	struct putting p = {s->counts, spam};
	learn_bayes_each(f, &learn_bayes_default, put_count, &p);
	*(spam ? &s->table.spam : &s->table.ham) += 1;
}

/* Learns all that are for training, but for one fold: each once, as they come. */
static void learn_site(struct site *s, struct corpus *c, unsigned but, uint64_t seed)
{
	AUTO(free) size_t *order = mem_alloc(c->n * sizeof *order);
	learn_linear_init(&s->linear, &learn_linear_default);
	s->counts = mem_alloc(sizeof *s->counts << COUNT_BITS);
	s->table = (struct learn_counts){.ctx = s->counts, .look = look};
	size_t n = shuffled(c, order, &seed);
	for (size_t i = 0; i < n; i++) {
		const struct message *m = &c->v[order[i]];
		if (m->fold == but)
			continue;
		const struct learn_features *f = features_of(c, m);
		learn_linear_train(&s->linear, f, m->spam, 1, base_margin(s, f));
		learn_bayes(s, f, m->spam);
	}
}

static void site_done(struct site *s)
{
	learn_linear_done(&s->linear);
	free(s->counts);
}

static void inputs(
	const struct site *s, struct corpus *c, const struct message *m, float ret[LEARN_INPUTS])
{
	struct learn_bayes b;
	const struct learn_features *f = features_of(c, m);
	learn_bayes_score(&s->table, f, &learn_bayes_default, &b);
	memset(ret, 0, sizeof *ret * LEARN_INPUTS);
	ret[LEARN_BASE] = (float)base_margin(s, f);
	ret[LEARN_SITE] = (float)learn_linear_margin(&s->linear, f);
	ret[LEARN_BAYES_SITE] = (float)b.margin;
	ret[LEARN_RULES] = m->rules;
}

static void print(const struct message *m, const struct learn_fuse *fuse, const float in[])
{
	printf("%.6f\t%.4f\t%s\t%s", learn_fuse_probability(fuse, in),
		learn_fuse_margin(fuse, in, NULL), m->spam ? "spam" : "ham", m->path);
	for (unsigned i = 0; i < LEARN_INPUTS; i++)
		printf("\t%.3f", (double)in[i]);
	puts("");
}

/* Each half of what is learned is judged by a site that learned the other half: that says how far
 * to trust what. */
static void calibrate(
	struct corpus *c, const struct learn_model *base, uint64_t seed, struct learn_fuse *ret)
{
	AUTO(free) struct learn_judged *v = mem_alloc((c->n + 1) * sizeof *v);
	size_t n = 0;
	uint64_t random = seed;
	for (size_t i = 0; i < c->n; i++)
		c->v[i].fold = 1 + next_random(&random) % 2;
	for (unsigned fold = 1; fold <= 2; fold++) {
		struct site s = {.base = base};
		learn_site(&s, c, fold, seed);
		for (size_t i = 0; i < c->n; i++) {
			const struct message *m = &c->v[i];
			if (m->test || m->fold != fold)
				continue;
			v[n] = (struct learn_judged){.spam = m->spam, .weight = 1};
			inputs(&s, c, m, v[n++].in);
		}
		site_done(&s);
	}
	learn_fuse_fit(v, n, base ? &base->fuse : &learn_fuse_default, ret);
}

static void read_model(const char *path, struct learn_model *ret)
{
	AUTO(buf) struct buf file = BUF(LEARN_MODEL_MAX);
	struct err e = {0};
	load(path, &file);
	if (learn_model_read(buf_slice(&file), ret, &e) < 0)
		die(path, e.text);
}

static void tell_fuse(const struct learn_fuse *f)
{
	fprintf(stderr, "bias %.3f", (double)f->bias);
	for (unsigned i = 0; i < LEARN_INPUTS; i++)
		fprintf(stderr, ", %s %.3f", learn_input_name(i, false), (double)f->w[i]);
	fprintf(stderr, ", %u knots\n", f->knots);
}

static void site(uint64_t seed, const char *model)
{
	AUTO(corpus) struct corpus c = {0};
	AUTO(learn_model) struct learn_model base = {0};
	struct learn_fuse fuse;
	float in[LEARN_INPUTS];
	if (model)
		read_model(model, &base);
	read_corpus(&c, LEARN_ALL_GROUPS);
	calibrate(&c, model ? &base : NULL, seed, &fuse);
	tell_fuse(&fuse);
	struct site s = {.base = model ? &base : NULL};
	learn_site(&s, &c, 0, seed);
	double before = cpu(), judged = 0;
	for (size_t i = 0; i < c.n; i++) {
		if (!c.v[i].test)
			continue;
		inputs(&s, &c, &c.v[i], in);
		print(&c.v[i], &fuse, in);
		judged++;
	}
	fprintf(stderr, "reading and features %.0f us a message, judging %.0f us\n",
		1e6 * c.spent / (double)c.n, 1e6 * (cpu() - before) / fmax(1, judged));
	site_done(&s);
}

/* ---- the model that is shipped ---- */

static const struct learn_linear_conf base_conf = {
	.bits = 20, .rate = 0.2f, .beta = 0.3f, .l1 = 0.01f, .l2 = 0.2f};

static void learn_base(struct corpus *c, unsigned but, uint64_t seed, struct learn_linear *ret)
{
	AUTO(free) size_t *order = mem_alloc((c->n + 1) * sizeof *order);
	learn_linear_init(ret, &base_conf);
	for (unsigned epoch = 0; epoch < BASE_EPOCHS; epoch++) {
		size_t n = shuffled(c, order, &seed);
		for (size_t i = 0; i < n; i++) {
			const struct message *m = &c->v[order[i]];
			if (m->fold != but || !but)
				learn_linear_train(ret, features_of(c, m), m->spam, 1, 0);
		}
	}
}

/* Each collection is a fold; how many there are. */
static unsigned fold_by_collection(struct corpus *c)
{
	unsigned folds = 0;
	for (size_t i = 0; i < c->n; i++) {
		size_t k = 0;
		while (strcmp(c->v[k].collection, c->v[i].collection) != 0)
			k++;
		c->v[i].fold = k < i ? c->v[k].fold : ++folds;
	}
	return folds;
}

/* Each collection, and in it each kind, has the same say, however large it is. */
static float say(const struct corpus *c, const struct message *m, unsigned folds)
{
	size_t alike = 0;
	for (size_t i = 0; i < c->n; i++)
		alike += c->v[i].fold == m->fold && c->v[i].spam == m->spam;
	return (float)c->n / (float)(2 * folds) / (float)alike;
}

/* Margins of messages from collections that the model did not learn, for how much to trust it: it
 * will meet mail of other places. */
static void calibrate_base(struct corpus *c, uint64_t seed, struct learn_fuse *ret)
{
	AUTO(free) struct learn_judged *v = mem_alloc((c->n + 1) * sizeof *v);
	size_t n = 0;
	unsigned folds = fold_by_collection(c);
	for (unsigned fold = 1; fold <= folds; fold++) {
		AUTO(learn_linear) struct learn_linear l = {0};
		learn_base(c, fold, seed, &l);
		for (size_t i = 0; i < c->n; i++) {
			const struct message *m = &c->v[i];
			if (m->test || m->fold != fold)
				continue;
			v[n] = (struct learn_judged){.spam = m->spam, .weight = say(c, m, folds)};
			v[n++].in[LEARN_BASE] = (float)learn_linear_margin(&l, features_of(c, m));
		}
	}
	learn_fuse_fit(v, n, &learn_fuse_default, ret);
}

static void base(const char *out, uint64_t seed)
{
	AUTO(corpus) struct corpus c = {0};
	AUTO(learn_linear) struct learn_linear l = {0};
	AUTO(learn_model) struct learn_model m = {0};
	AUTO(buf) struct buf file = BUF(LEARN_MODEL_MAX);
	read_corpus(&c, LEARN_LASTING_GROUPS);
	calibrate_base(&c, seed, &m.fuse);
	tell_fuse(&m.fuse);
	learn_base(&c, 0, seed, &l);
	learn_linear_weights(&l, 0, &m.weights);
	learn_model_write(&m, &file);
	FILE *f = fopen(out, "w");
	if (!f || fwrite(file.p, 1, file.n, f) != file.n || fclose(f))
		die(out, "cannot be written");
	fprintf(stderr, "%zu messages, %zu bytes\n", c.n, file.n);
}

static void judge(const char *model)
{
	AUTO(corpus) struct corpus c = {0};
	AUTO(learn_model) struct learn_model m = {0};
	read_model(model, &m);
	read_corpus(&c, LEARN_LASTING_GROUPS);
	for (size_t i = 0; i < c.n; i++) {
		float in[LEARN_INPUTS] = {[LEARN_RULES] = c.v[i].rules};
		in[LEARN_BASE] = (float)learn_weights_margin(&m.weights, features_of(&c, &c.v[i]));
		if (c.v[i].test)
			print(&c.v[i], &m.fuse, in);
	}
}

static void explain(const char *model, const char *path)
{
	AUTO(learn_features) struct learn_features f;
	AUTO(learn_model) struct learn_model m = {0};
	struct learn_reason r[REASONS];
	float by_group[LEARN_GROUPS];
	read_model(model, &m);
	learn_features_init(&f, true);
	read_features(path, &f, LEARN_LASTING_GROUPS);
	learn_weights_explain(&m.weights, &f, by_group);
	printf("margin %.2f\n", learn_weights_margin(&m.weights, &f));
	for (unsigned g = 0; g < LEARN_GROUPS; g++)
		printf("%6.2f %s (%u)\n", (double)by_group[g], learn_group_name(g, false),
			f.per_group[g]);
	size_t n = learn_weights_reasons(&m.weights, &f, r, REASONS);
	for (size_t i = 0; i < n; i++) {
		slice text = learn_feature_text(&f, r[i].feature);
		printf("%6.3f %s: %.*s\n", (double)r[i].margin,
			learn_group_name(f.v[r[i].feature].group, false), SFMT(text));
	}
}

static void cost(const char *model)
{
	AUTO(corpus) struct corpus c = {0};
	AUTO(learn_model) struct learn_model model_read = {0};
	AUTO(arena) struct arena a = {0};
	double reading = 0, features = 0, scoring = 0, sum = 0, bytes = 0;
	read_model(model, &model_read);
	read_corpus(&c, LEARN_LASTING_GROUPS);
	for (size_t i = 0; i < c.n; i++) {
		AUTO(buf) struct buf raw = BUF(MESSAGE_MAX);
		struct learn_mail m;
		load(c.v[i].path, &raw);
		double start = cpu();
		learn_mail_read(buf_slice(&raw), &names, &a, &m);
		double read = cpu();
		learn_features_read(&c.f, &m, LEARN_ALL_GROUPS, &a);
		double seen = cpu();
		sum += learn_weights_margin(&model_read.weights, &c.f);
		double scored = cpu();
		reading += read - start, features += seen - read, scoring += scored - seen;
		bytes += (double)raw.n;
		arena_reset(&a);
	}
	printf("%zu messages of %.0f bytes: reading %.0f us, features %.0f us, scoring %.1f us "
	       "(mean margin %.2f)\n",
		c.n, bytes / (double)c.n, 1e6 * reading / (double)c.n, 1e6 * features / (double)c.n,
		1e6 * scoring / (double)c.n, sum / (double)c.n);
}

int main(int argc, char **argv)
{
	const char *verb = argc > 2 ? argv[1] : "";
	text_warm_up();
	if (!strcmp(verb, "base"))
		base(argv[2], argc > 3 ? strtoull(argv[3], NULL, 10) : 1);
	else if (!strcmp(verb, "judge"))
		judge(argv[2]);
	else if (!strcmp(verb, "site"))
		site(strtoull(argv[2], NULL, 10), argc > 3 ? argv[3] : NULL);
	else if (!strcmp(verb, "cost"))
		cost(argv[2]);
	else if (!strcmp(verb, "explain") && argc > 3)
		explain(argv[2], argv[3]);
	else {
		fputs("usage: learn base OUT [SEED] | judge MODEL | site SEED [MODEL] | "
		      "explain MODEL FILE | cost MODEL\n",
			stderr);
		return 2;
	}
	return 0;
}
