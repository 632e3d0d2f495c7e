/*
 * The classifier of pictures (pictures.h): a support vector machine with radial basis functions,
 * trained by libsvm from a site's own letters, asked without it: the sum is a few lines, and the
 * file is read from bytes, as a sandbox needs it.
 *
 * The file: magic, number of features, of vectors, gamma, rho; each vector with its coefficient;
 * CRC-32C. All big endian, floats as their bits.
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
	unsigned n;
	float gamma, rho;
	float *v; /* n times: a coefficient, PICTURES_FEATURES numbers */
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
	for (unsigned i = 0; i < m->n; i++, s += 1 + PICTURES_FEATURES) {
		float square = 0;
		for (unsigned k = 0; k < PICTURES_FEATURES; k++)
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

int pictures_model_read(slice file, struct pictures_model **ret, struct err *e)
{
	if (!is_sound(file))
		return err_set(e, ERR_PROTO, "no model of pictures, or a damaged one");
	struct cur c = cur_of(slice_skip(slice_first(file, file.n - 4), MAGIC.n));
	unsigned features = cur_u32(&c), n = cur_u32(&c);
	if (features != PICTURES_FEATURES || n == 0 || n > PICTURES_VECTORS_MAX)
		return err_set(e, ERR_PROTO, "a model of pictures for another version");
	size_t numbers = (size_t)n * (1 + PICTURES_FEATURES);
	struct pictures_model *m = NEW(struct pictures_model);
	m->n = n;
	m->gamma = get_finite(&c);
	m->rho = get_finite(&c);
	m->v = mem_alloc(numbers * sizeof *m->v);
	for (size_t i = 0; i < numbers; i++)
		m->v[i] = get_finite(&c);
	if (!cur_ok(&c) || !cur_at_end(&c) || !(m->gamma > 0)) {
		pictures_model_free(m);
		return err_set(e, ERR_PROTO, "a damaged model of pictures");
	}
	*ret = m;
	return 0;
}

/* ---- training ---- */

struct training {
	struct svm_problem problem;
	struct svm_node *nodes; /* PICTURES_FEATURES + 1 of each example; the last ends it */
	double weights[2];
	int labels[2];
};

static void silent(const char *text)
{
	(void)text;
}

static void training_begin(
	struct training *t, const struct pictures_example *v, size_t n, size_t nspam)
{
	enum { NODES = PICTURES_FEATURES + 1 };
	*t = (struct training){.labels = {1, -1}};
	t->problem.l = (int)n;
	t->problem.y = mem_alloc(n * sizeof *t->problem.y);
	t->problem.x = mem_alloc(n * sizeof *t->problem.x);
	t->nodes = mem_alloc(n * NODES * sizeof *t->nodes);
	for (size_t i = 0; i < n; i++) {
		struct svm_node *x = t->nodes + i * NODES;
		for (int k = 0; k < PICTURES_FEATURES; k++)
			x[k] = (struct svm_node){k + 1, (double)v[i].v[k]};
		x[PICTURES_FEATURES].index = -1;
		t->problem.x[i] = x;
		t->problem.y[i] = v[i].spam ? 1 : -1;
	}
	/* Both kinds weigh the same; a good picture that is called spam costs twice. */
	t->weights[0] = (double)n / (2 * (double)nspam);
	t->weights[1] = 2 * (double)n / (2 * (double)(n - nspam));
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

/* How many of the examples a model that has not seen them gets right. */
static double validated(struct training *t, const struct svm_parameter *p)
{
	double *got = mem_alloc((size_t)t->problem.l * sizeof *got), right = 0;
	srand(1); /* libsvm's folds: the same each time */
	svm_cross_validation(&t->problem, p, FOLDS, got);
	for (int i = 0; i < t->problem.l; i++)
		right += (got[i] > 0) == (t->problem.y[i] > 0);
	free(got);
	return right / t->problem.l;
}

static struct svm_parameter best_parameters(struct training *t, double *ret_right)
{
	static const double costs[] = {1, 8}, gammas[] = {0.3, 1, 3};
	struct svm_parameter best = parameters(t, costs[0], gammas[0]);
	*ret_right = 0;
	for (int i = 0; i < 6; i++) {
		struct svm_parameter p = parameters(t, costs[i / 3], gammas[i % 3]);
		double right = validated(t, &p);
		if (right > *ret_right) {
			*ret_right = right;
			best = p;
		}
	}
	return best;
}

static void write_model(const struct svm_model *m, const struct svm_parameter *p, struct buf *out)
{
	/* libsvm's first class is the first example's: its decisions may be the other way round. */
	double sign = m->label[0] > 0 ? 1 : -1;
	buf_put(out, MAGIC);
	buf_u32(out, PICTURES_FEATURES);
	buf_u32(out, (uint32_t)m->l);
	buf_f32(out, (float)p->gamma);
	buf_f32(out, (float)(sign * m->rho[0]));
	for (int i = 0; i < m->l; i++) {
		buf_f32(out, (float)(sign * m->sv_coef[0][i]));
		for (int k = 0; k < PICTURES_FEATURES; k++)
			buf_f32(out, (float)m->SV[i][k].value);
	}
	buf_u32(out, crc32c(0, buf_slice(out)));
}

int pictures_train(const struct pictures_example *v, size_t n, double *ret_right, struct buf *out,
	struct err *e)
{
	struct training t;
	size_t nspam = 0;
	for (size_t i = 0; i < n; i++)
		nspam += v[i].spam;
	if (n > PICTURES_TRAIN_MAX)
		return err_set(e, ERR_LIMIT, "more than %d pictures", PICTURES_TRAIN_MAX);
	if (nspam < PICTURES_TRAIN_MIN || n - nspam < PICTURES_TRAIN_MIN)
		return err_set(e, ERR_LIMIT,
			"%zu pictures of spam and %zu others: at least %d of each are needed",
			nspam, n - nspam, PICTURES_TRAIN_MIN);
	svm_set_print_string_function(silent);
	training_begin(&t, v, n, nspam);
	struct svm_parameter p = best_parameters(&t, ret_right);
	struct svm_model *m = svm_train(&t.problem, &p);
	int r = 0;
	if (m->l > PICTURES_VECTORS_MAX)
		r = err_set(e, ERR_LIMIT, "the pictures are too mixed to be told apart");
	else
		write_model(m, &p, out);
	svm_free_and_destroy_model(&m);
	training_end(&t);
	return r;
}
