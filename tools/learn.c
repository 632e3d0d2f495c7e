/*
 * Training and judging of models from files: what tools/train and bench/accuracy.py run. Letters
 * are read and examined by the same code as in the product, with the rules of RULES (a folder),
 * without anything that needs the network. They come as lines on stdin: "train" or "test", "spam" or
 * "ham", collection, file name, with tabs between.
 *
 *	learn RULES base OUT [SEED]        trains on all "train" lines, writes a model for shipping
 *	learn RULES judge MODEL            what that model says about the "test" lines
 *	learn RULES site SEED [MODEL]      learns the "train" lines as a site does, on top of MODEL;
 *	                                   then judges the "test" lines
 *	learn RULES explain MODEL FILE     the strongest reasons
 *	learn RULES cost MODEL             CPU a letter: reading, checks and features; scoring
 *
 * Judging prints: probability, margin, label, file name, then each input of fuse.h. The same input
 * gives the same output, whatever the machine.
 */
#include "base/mem.h"
#include "content/report.h"
#include "content/rules.h"
#include "learn/bayes.h"
#include "learn/model.h"
#include "senderauth/psl.h"
#include <glob.h>
#include <math.h>
#include <stdio.h>
#include <time.h>

enum {
	MESSAGE_MAX = 64 << 20,
	MESSAGES_MAX = 200000,
	COUNT_BITS = 24,
	BASE_EPOCHS = 8,
	FOLDS = 5,
	HAM_COUNTS = 3, /* where nothing was learned a false alarm is the worse mistake */
	REASONS = 40
};

struct message {
	char *path, *collection;
	bool spam, test;
	unsigned fold;
	float rules; /* sum of the scores of what was found */
	float bulk; /* LEARN_BULK */
	struct learn_feature *v;
	size_t n;
};
struct corpus {
	struct message *v;
	size_t n;
	struct content_tools tools;
	struct content_examiner *examiner;
	struct learn_features f; /* the one looked at; borrows .v */
	double spent; /* seconds of CPU for reading, checks and features */
};

static void auto_corpus(struct corpus *c)
{
	for (size_t i = 0; i < c->n; i++) {
		free(c->v[i].path);
		free(c->v[i].collection);
		free(c->v[i].v);
	}
	free(c->v);
	rules_free(c->tools.rules);
	content_examiner_free(c->examiner);
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

/* All *.rules of a folder, in the order of their names. */
static struct rules *read_rules(const char *folder)
{
	glob_t found;
	char pattern[1000];
	struct rules *r = NULL;
	struct err e = {0};
	snprintf(pattern, sizeof pattern, "%s/*.rules", folder);
	if (glob(pattern, 0, NULL, &found))
		die(folder, "no rules in this folder");
	struct rules_source *v = mem_alloc(found.gl_pathc * sizeof *v);
	struct buf *texts = mem_alloc(found.gl_pathc * sizeof *texts);
	for (size_t i = 0; i < found.gl_pathc; i++) {
		texts[i] = BUF(RULES_TEXT_MAX);
		load(found.gl_pathv[i], &texts[i]);
		v[i] = (struct rules_source){slice_z(found.gl_pathv[i]), buf_slice(&texts[i])};
	}
	if (rules_compile(v, found.gl_pathc, &r, &e) < 0)
		die(folder, e.text);
	for (size_t i = 0; i < found.gl_pathc; i++)
		buf_done(&texts[i]);
	free(texts);
	free(v);
	globfree(&found);
	return r;
}

static void corpus_init(struct corpus *c, const char *rules)
{
	c->tools = (struct content_tools){.names = &names, .rules = read_rules(rules)};
	c->examiner = content_examiner_new();
}

static const struct content_report *examine(
	struct corpus *c, const char *path, unsigned wishes, struct arena *a)
{
	struct content_report *r = ARENA_NEW(a, struct content_report);
	static const struct content_context nothing_known;
	struct buf *raw = ARENA_NEW(a, struct buf);
	*raw = BUF(MESSAGE_MAX);
	load(path, raw);
	slice message = arena_dup(a, buf_slice(raw));
	buf_done(raw);
	content_examine(c->examiner, message, &nothing_known, &c->tools, wishes, a, r);
	return r;
}

static double cpu(void)
{
	struct timespec t;
	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* ---- the corpus in memory ---- */

static void add(struct corpus *c, char *line)
{
	AUTO(arena) struct arena a = {0};
	char *save, *role = strtok_r(line, "\t", &save), *label = strtok_r(NULL, "\t", &save);
	char *collection = strtok_r(NULL, "\t", &save), *path = strtok_r(NULL, "\n", &save);
	if (!path || c->n == MESSAGES_MAX)
		die("stdin", path ? "too many messages" : "not four columns");
	struct message *m = &c->v[c->n++];
	double before = cpu();
	const struct content_report *r = examine(c, path, CONTENT_FEATURES | CONTENT_NO_CHECKS, &a);
	c->spent += cpu() - before;
	*m = (struct message){.path = mem_dup(path, strlen(path)),
		.collection = mem_dup(collection, strlen(collection)),
		.spam = !strcmp(label, "spam"),
		.test = !strcmp(role, "test"),
		.rules = (float)signals_score(&r->signals),
		.bulk = r->in[LEARN_BULK],
		.v = (void *)mem_dup(r->features, r->nfeatures * sizeof *r->features),
		.n = r->nfeatures};
}

static void read_corpus(struct corpus *c)
{
	char line[2048];
	c->v = mem_alloc(MESSAGES_MAX * sizeof *c->v);
	while (fgets(line, sizeof line, stdin))
		add(c, line);
}

static struct learn_features *features_of(struct corpus *c, const struct message *m)
{
	c->f = (struct learn_features){.v = m->v, .n = m->n};
	for (size_t i = 0; i < m->n; i++)
		c->f.per_group[m->v[i].group]++;
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
	ret[LEARN_BULK] = m->bulk;
}

static void print(const struct message *m, const struct learn_fuse *fuse, const float in[])
{
	printf("%.6f\t%.4f\t%s\t%s", learn_fuse_probability(fuse, in),
		learn_fuse_margin(fuse, in, NULL), m->spam ? "spam" : "ham", m->path);
	for (unsigned i = 0; i < LEARN_INPUTS; i++)
		printf("\t%.3f", (double)in[i]);
	puts("");
}

/* Each part of what is learned is judged by a site that learned the others: that says how far to
 * trust what. */
static void calibrate(
	struct corpus *c, const struct learn_model *base, uint64_t seed, struct learn_fuse *ret)
{
	AUTO(free) struct learn_judged *v = mem_alloc((c->n + 1) * sizeof *v);
	size_t n = 0;
	uint64_t random = seed;
	for (size_t i = 0; i < c->n; i++)
		c->v[i].fold = 1 + next_random(&random) % FOLDS;
	for (unsigned fold = 1; fold <= FOLDS; fold++) {
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

static void site(struct corpus *c, uint64_t seed, const char *model)
{
	AUTO(learn_model) struct learn_model base = {0};
	struct learn_fuse fuse;
	float in[LEARN_INPUTS];
	if (model)
		read_model(model, &base);
	read_corpus(c);
	calibrate(c, model ? &base : NULL, seed, &fuse);
	tell_fuse(&fuse);
	struct site s = {.base = model ? &base : NULL};
	learn_site(&s, c, 0, seed);
	double before = cpu(), judged = 0;
	for (size_t i = 0; i < c->n; i++) {
		if (!c->v[i].test)
			continue;
		inputs(&s, c, &c->v[i], in);
		print(&c->v[i], &fuse, in);
		judged++;
	}
	fprintf(stderr, "reading and features %.0f us a message, judging %.0f us\n",
		1e6 * c->spent / (double)c->n, 1e6 * (cpu() - before) / fmax(1, judged));
	site_done(&s);
}

/* ---- the model that is shipped ---- */

static const struct learn_linear_conf base_conf = {.bits = 20,
	.rate = 0.2f,
	.beta = 0.3f,
	.l1 = 0.01f,
	.l2 = 0.2f,
	.gain = {[LEARN_WORDS] = 1,
		[LEARN_PAIRS] = 1,
		[LEARN_SUBJECT] = 1,
		[LEARN_CJK] = 2,
		[LEARN_GRAMS] = 1.5f,
		[LEARN_HIDDEN] = 1,
		[LEARN_SENDER] = 1,
		[LEARN_HEADER] = 0.5f,
		[LEARN_URL] = 1,
		[LEARN_HTML] = 1,
		[LEARN_PARTS] = 1,
		[LEARN_SHAPE] = 1,
		[LEARN_SIGNALS] = 1}};
#define BASE_LEFT_OUT 0.15 /* of the groups, at each step: none may rest on the others */

static void leave_out(struct learn_features *f, uint64_t *random)
{
	for (unsigned g = 0; g < LEARN_GROUPS; g++)
		if ((double)(next_random(random) >> 11) * 0x1p-53 < BASE_LEFT_OUT)
			f->per_group[g] = 0;
}

static void learn_base(struct corpus *c, unsigned but, uint64_t seed, struct learn_linear *ret)
{
	AUTO(free) size_t *order = mem_alloc((c->n + 1) * sizeof *order);
	learn_linear_init(ret, &base_conf);
	for (unsigned epoch = 0; epoch < BASE_EPOCHS; epoch++) {
		size_t n = shuffled(c, order, &seed);
		for (size_t i = 0; i < n; i++) {
			const struct message *m = &c->v[order[i]];
			if (but && m->fold == but)
				continue;
			struct learn_features *f = features_of(c, m);
			leave_out(f, &seed);
			learn_linear_train(ret, f, m->spam, 1, 0);
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

/* Does its collection show spam and ham of one place, as they come? Those written for training are
 * not of any place. */
static bool has_both(const struct corpus *c, const struct message *m)
{
	bool found[2] = {false, false};
	for (size_t i = 0; i < c->n; i++)
		if (c->v[i].fold == m->fold)
			found[c->v[i].spam] = true;
	return found[0] && found[1] && strcmp(m->collection, "letters") != 0;
}

/* Margins of messages from collections that the model did not learn, for how much to trust it: it
 * will meet mail of other places. Real mail only. Too few places for a curve: it stays plain. */
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
			if (m->test || m->fold != fold || !has_both(c, m))
				continue;
			v[n] = (struct learn_judged){.spam = m->spam,
				.weight = (m->spam ? 1 : HAM_COUNTS) * say(c, m, folds)};
			v[n].in[LEARN_RULES] = m->rules;
			v[n].in[LEARN_BULK] = m->bulk;
			v[n++].in[LEARN_BASE] = (float)learn_linear_margin(&l, features_of(c, m));
		}
	}
	struct learn_fuse start = learn_fuse_default;
	start.bias = -2; /* roundly what fits to several collections come to */
	start.w[LEARN_RULES] = 2.5f;
	learn_fuse_fit(v, n, &start, ret);
	ret->knots = 0;
}

static void base(struct corpus *c, const char *out, uint64_t seed)
{
	AUTO(learn_linear) struct learn_linear l = {0};
	AUTO(learn_model) struct learn_model m = {0};
	AUTO(buf) struct buf file = BUF(LEARN_MODEL_MAX);
	read_corpus(c);
	calibrate_base(c, seed, &m.fuse);
	tell_fuse(&m.fuse);
	learn_base(c, 0, seed, &l);
	learn_linear_weights(&l, 0, &m.weights);
	learn_model_write(&m, &file);
	FILE *f = fopen(out, "w");
	if (!f || fwrite(file.p, 1, file.n, f) != file.n || fclose(f))
		die(out, "cannot be written");
	fprintf(stderr, "%zu messages, %zu bytes\n", c->n, file.n);
}

static void judge(struct corpus *c, const char *model)
{
	AUTO(learn_model) struct learn_model m = {0};
	read_model(model, &m);
	read_corpus(c);
	for (size_t i = 0; i < c->n; i++) {
		float in[LEARN_INPUTS] = {
			[LEARN_RULES] = c->v[i].rules, [LEARN_BULK] = c->v[i].bulk};
		in[LEARN_BASE] = (float)learn_weights_margin(&m.weights, features_of(c, &c->v[i]));
		if (c->v[i].test)
			print(&c->v[i], &m.fuse, in);
	}
}

static void explain(struct corpus *c, const char *model, const char *path)
{
	AUTO(learn_model) struct learn_model m = {0};
	AUTO(arena) struct arena a = {0};
	read_model(model, &m);
	c->tools.base = &m;
	const struct content_report *r = examine(c, path, CONTENT_EXPLAIN, &a);
	printf("probability %.4f, margin %.2f, checks and rules %.1f\n", r->probability,
		(double)r->in[LEARN_BASE], signals_score(&r->signals));
	for (unsigned g = 0; g < LEARN_GROUPS; g++)
		printf("%6.2f %s\n", (double)r->groups[g], learn_group_name(g, false));
	for (size_t i = 0; i < r->nreasons; i++)
		printf("%6.3f %.*s\n", (double)r->reasons[i].margin, SFMT(r->reasons[i].what));
	for (unsigned i = 0; i < r->signals.n; i++)
		printf("%6.1f %s\n", (double)r->signals.v[i].score, r->signals.v[i].def->name);
}

static void cost(struct corpus *c, const char *model)
{
	AUTO(learn_model) struct learn_model m = {0};
	double sum = 0;
	read_model(model, &m);
	read_corpus(c);
	double before = cpu();
	for (size_t i = 0; i < c->n; i++)
		sum += learn_weights_margin(&m.weights, features_of(c, &c->v[i]));
	double n = fmax(1, (double)c->n);
	printf("%zu messages: reading, checks and features %.0f us, scoring %.1f us (mean margin "
	       "%.2f)\n",
		c->n, 1e6 * c->spent / n, 1e6 * (cpu() - before) / n, sum / n);
}

int main(int argc, char **argv)
{
	AUTO(corpus) struct corpus c = {0};
	const char *verb = argc > 3 ? argv[2] : "", *model = argc > 3 ? argv[3] : NULL;
	text_warm_up();
	if (argc > 3)
		corpus_init(&c, argv[1]);
	if (!strcmp(verb, "base"))
		base(&c, model, argc > 4 ? strtoull(argv[4], NULL, 10) : 1);
	else if (!strcmp(verb, "judge"))
		judge(&c, model);
	else if (!strcmp(verb, "site"))
		site(&c, strtoull(argv[3], NULL, 10), argc > 4 ? argv[4] : NULL);
	else if (!strcmp(verb, "cost"))
		cost(&c, model);
	else if (!strcmp(verb, "explain") && argc > 4)
		explain(&c, model, argv[4]);
	else {
		fputs("usage: learn RULES base OUT [SEED] | judge MODEL | site SEED [MODEL] | "
		      "explain MODEL FILE | cost MODEL\n",
			stderr);
		return 2;
	}
	return 0;
}
