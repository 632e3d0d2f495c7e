/*
 * The classifier of pictures (pictures.h): a support vector machine with radial basis functions,
 * trained by libsvm from a site's own letters, asked without it: the sum is a few lines, and the
 * file is read from bytes, as a sandbox needs it.
 *
 * The file: magic; pictures of spam, of ham, those caught, those accused; number of features, of
 * vectors, gamma, rho; each vector with its coefficient; CRC-32C. All big endian, floats as their
 * bits.
 */
#include "content/pictures.h"

#include "base/cur.h"
#include "base/hash.h"
#include "base/mem.h"

#include <libsvm/svm.h>
#include <math.h>

#define MAGIC S("posthouse pictures 1\n")

enum { FOLDS = 5 };

struct pictures_model {
	struct pictures_figures figures;
	unsigned features; /* PICTURES_FEATURES, or PICTURES_OWN */
	unsigned n;
	float gamma, rho;
	float *v; /* n times: a coefficient, the features */
};

/* ---- what is seen ---- */

static float log_share(double v, double most)
{
	double f = log2(1 + v) / log2(1 + most);
	return f > 1 ? 1 : (float)f;
}

static const struct content_file *file_of(const struct content *c, const struct content_picture *p)
{
	return p->file >= 0 ? &c->files[p->file] : NULL;
}

void pictures_features(
	const struct content *c, const struct content_picture *p, float ret[PICTURES_FEATURES])
{
	const struct content_file *f = file_of(c, p);
	unsigned shorter = p->width < p->height ? p->width : p->height;
	unsigned longer = p->width < p->height ? p->height : p->width;
	float v[PICTURES_FEATURES] = {
		log_share(p->width, 4000),
		log_share(p->height, 4000),
		longer ? (float)shorter / (float)longer : 0,
		p->width > p->height,
		p->text,
		p->photo,
		p->background,
		p->edges,
		p->saturation,
		p->contrast,
		log_share(p->colours, 4096),
		p->flat,
		p->animated,
		p->qr > 0,
		log_share((double)c->mail.text.n, 20000),
		log_share((double)c->nlinks, 100),
		log_share((double)c->npictures, 30),
		f && !f->is_inline,
		content_picture_inside(c, p->file),
		c->mail.rich > 0,
	};
	memcpy(ret, v, sizeof v);
}

/* ---- asking ---- */

float pictures_model_margin(const struct pictures_model *m, const float v[PICTURES_FEATURES])
{
	float sum = -m->rho;
	const float *s = m->v;
	for (unsigned i = 0; i < m->n; i++, s += 1 + m->features) {
		float square = 0;
		for (unsigned k = 0; k < m->features; k++)
			square += (s[1 + k] - v[k]) * (s[1 + k] - v[k]);
		sum += s[0] * expf(-m->gamma * square);
	}
	return sum;
}

void content_judge_pictures(struct content *c, const struct pictures_model *m)
{
	float v[PICTURES_FEATURES];
	for (size_t i = 0; i < c->npictures; i++) {
		if (!c->pictures[i].decoded)
			continue;
		pictures_features(c, &c->pictures[i], v);
		c->pictures[i].spam = pictures_model_margin(m, v);
	}
}

/* ---- the file ---- */

static float get_finite(struct cur *c)
{
	float f = cur_f32(c);
	if (!isfinite(f))
		c->bad = true;
	return f;
}

void pictures_model_free(struct pictures_model *m)
{
	if (!m)
		return;
	free(m->v);
	free(m);
}

static bool is_sound(slice file)
{
	if (file.n < MAGIC.n + 4 || file.n > PICTURES_MODEL_MAX || !slice_starts(file, MAGIC))
		return false;
	struct cur end = cur_of(slice_skip(file, file.n - 4));
	return cur_u32(&end) == crc32c(0, slice_first(file, file.n - 4));
}

static bool read_head(struct cur *c, struct pictures_model *m)
{
	struct pictures_figures *f = &m->figures;
	f->spam = cur_u32(c);
	f->ham = cur_u32(c);
	f->caught = cur_u32(c);
	f->accused = cur_u32(c);
	m->features = cur_u32(c);
	m->n = cur_u32(c);
	m->gamma = get_finite(c);
	m->rho = get_finite(c);
	return cur_ok(c) && (m->features == PICTURES_FEATURES || m->features == PICTURES_OWN) &&
	       m->n > 0 && m->n <= PICTURES_VECTORS_MAX && m->gamma > 0 && f->caught <= f->spam &&
	       f->accused <= f->ham;
}

static bool read_vectors(struct cur *c, struct pictures_model *m)
{
	size_t numbers = (size_t)m->n * (1 + m->features);
	m->v = mem_alloc(numbers * sizeof *m->v);
	for (size_t i = 0; i < numbers; i++)
		m->v[i] = get_finite(c);
	return cur_ok(c) && cur_at_end(c);
}

int pictures_model_read(slice file, struct pictures_model **ret, struct err *e)
{
	if (!is_sound(file))
		return err_set(e, ERR_PROTO, "no model of pictures, or a damaged one");
	struct cur c = cur_of(slice_skip(slice_first(file, file.n - 4), MAGIC.n));
	struct pictures_model *m = NEW(struct pictures_model);
	if (read_head(&c, m) && read_vectors(&c, m)) {
		*ret = m;
		return 0;
	}
	pictures_model_free(m);
	return err_set(e, ERR_PROTO, "a model of pictures for another version");
}

int pictures_model_figures(slice file, struct pictures_figures *ret, struct err *e)
{
	struct pictures_model *m;
	if (pictures_model_read(file, &m, e) < 0)
		return -1;
	*ret = m->figures;
	pictures_model_free(m);
	return 0;
}

/* ---- training ---- */

struct training {
	struct svm_problem problem;
	struct svm_node *nodes; /* of each example its features and one that ends them */
	int features;
	struct pictures_figures figures;
	double weights[2];
	int labels[2];
};

static void silent(const char *text)
{
	(void)text;
}

static int by_looks(const void *x, const void *y)
{
	const struct pictures_example *a = x, *b = y;
	int d = memcmp(a->v, b->v, PICTURES_OWN * sizeof *a->v);
	if (d == 0)
		d = (int)a->spam - (int)b->spam;
	return d ? d : memcmp(a->v, b->v, sizeof a->v);
}

/* One of each that looks the same: copies would be their own witnesses. */
static size_t keep_different(struct pictures_example *v, size_t n)
{
	size_t kept = 0;
	qsort(v, n, sizeof *v, by_looks);
	for (size_t i = 0; i < n; i++)
		if (!kept || v[i].spam != v[kept - 1].spam ||
			memcmp(v[i].v, v[kept - 1].v, PICTURES_OWN * sizeof *v->v) != 0)
			v[kept++] = v[i];
	return kept;
}

static void training_begin(struct training *t, const struct pictures_example *v, size_t n)
{
	size_t nodes = (size_t)t->features + 1;
	t->labels[0] = 1;
	t->labels[1] = -1;
	t->problem.l = (int)n;
	t->problem.y = mem_alloc(n * sizeof *t->problem.y);
	t->problem.x = mem_alloc(n * sizeof *t->problem.x);
	t->nodes = mem_alloc(n * nodes * sizeof *t->nodes);
	for (size_t i = 0; i < n; i++) {
		struct svm_node *x = t->nodes + i * nodes;
		for (int k = 0; k < t->features; k++)
			x[k] = (struct svm_node){k + 1, (double)v[i].v[k]};
		x[t->features].index = -1;
		t->problem.x[i] = x;
		t->problem.y[i] = v[i].spam ? 1 : -1;
	}
	/* Both kinds weigh the same; a good picture that is called spam costs twice. */
	t->weights[0] = (double)n / (2.0 * t->figures.spam);
	t->weights[1] = 2 * (double)n / (2.0 * t->figures.ham);
}

static void training_end(struct training *t)
{
	free(t->problem.y);
	free(t->problem.x);
	free(t->nodes);
}

static struct svm_parameter parameters(struct training *t, double cost, double gamma)
{
	return (struct svm_parameter){.svm_type = C_SVC,
		.kernel_type = RBF,
		.gamma = gamma,
		.C = cost,
		.cache_size = 50,
		.eps = 0.001,
		.shrinking = 1,
		.nr_weight = 2,
		.weight_label = t->labels,
		.weight = t->weights};
}

/* What models that have not seen an example say to it. */
static struct pictures_figures validated(struct training *t, const struct svm_parameter *p)
{
	struct pictures_figures f = t->figures;
	double *got = mem_alloc((size_t)t->problem.l * sizeof *got);
	f.caught = f.accused = 0;
	srand(1); /* libsvm's folds: the same each time */
	svm_cross_validation(&t->problem, p, FOLDS, got);
	for (int i = 0; i < t->problem.l; i++) {
		f.caught += got[i] > 0 && t->problem.y[i] > 0;
		f.accused += got[i] > 0 && t->problem.y[i] < 0;
	}
	free(got);
	return f;
}

/* An honest picture that is taken for spam is as bad as two that are missed. */
static double worth(const struct pictures_figures *f)
{
	return (double)f->caught / f->spam - 2.0 * f->accused / f->ham;
}

static struct svm_parameter best_parameters(struct training *t)
{
	static const double costs[] = {1, 8}, gammas[] = {0.3, 1, 3};
	struct svm_parameter best = parameters(t, costs[0], gammas[0]);
	t->figures = validated(t, &best);
	for (int i = 1; i < 6; i++) {
		struct svm_parameter p = parameters(t, costs[i / 3], gammas[i % 3]);
		struct pictures_figures f = validated(t, &p);
		if (worth(&f) > worth(&t->figures)) {
			t->figures = f;
			best = p;
		}
	}
	return best;
}

static void write_model(const struct training *t, const struct svm_model *m,
	const struct svm_parameter *p, struct buf *out)
{
	/* libsvm's first class is the first example's: its decisions may be the other way round. */
	double sign = m->label[0] > 0 ? 1 : -1;
	const struct pictures_figures *f = &t->figures;
	buf_put(out, MAGIC);
	buf_u32(out, f->spam);
	buf_u32(out, f->ham);
	buf_u32(out, f->caught);
	buf_u32(out, f->accused);
	buf_u32(out, (uint32_t)t->features);
	buf_u32(out, (uint32_t)m->l);
	buf_f32(out, (float)p->gamma);
	buf_f32(out, (float)(sign * m->rho[0]));
	for (int i = 0; i < m->l; i++) {
		buf_f32(out, (float)(sign * m->sv_coef[0][i]));
		for (int k = 0; k < t->features; k++)
			buf_f32(out, (float)m->SV[i][k].value);
	}
	buf_u32(out, crc32c(0, buf_slice(out)));
}

static int train(struct training *t, struct buf *out, struct err *e)
{
	struct svm_parameter p = best_parameters(t);
	const struct pictures_figures *f = &t->figures;
	if (f->caught * 100.0 < PICTURES_CAUGHT_MIN * (double)f->spam ||
		f->accused * 100.0 > PICTURES_ACCUSED_MAX * (double)f->ham)
		return err_set(e, ERR_LIMIT,
			"the two kinds look too much alike: of %u unseen pictures of spam %u were "
			"known, of %u honest ones %u were taken for spam",
			f->spam, f->caught, f->ham, f->accused);
	struct svm_model *m = svm_train(&t->problem, &p);
	int r = 0;
	if (m->l > PICTURES_VECTORS_MAX)
		r = err_set(e, ERR_LIMIT, "the pictures are too mixed to be told apart");
	else
		write_model(t, m, &p, out);
	svm_free_and_destroy_model(&m);
	return r;
}

int pictures_train(struct pictures_example *v, size_t n, struct pictures_figures *ret,
	struct buf *out, struct err *e)
{
	struct training t = {.features = PICTURES_FEATURES};
	if (n > PICTURES_TRAIN_MAX)
		return err_set(e, ERR_LIMIT, "more than %d pictures", PICTURES_TRAIN_MAX);
	n = keep_different(v, n);
	for (size_t i = 0; i < n; i++) {
		t.figures.spam += v[i].spam;
		t.figures.ham += !v[i].spam;
		t.features = v[i].alone ? PICTURES_OWN : t.features;
	}
	if (t.figures.spam < PICTURES_TRAIN_MIN || t.figures.ham < PICTURES_TRAIN_MIN)
		return err_set(e, ERR_LIMIT,
			"%u different pictures of spam and %u others: at least %d of each are "
			"needed",
			t.figures.spam, t.figures.ham, PICTURES_TRAIN_MIN);
	svm_set_print_string_function(silent);
	training_begin(&t, v, n);
	int r = train(&t, out, e);
	*ret = t.figures;
	training_end(&t);
	return r;
}
