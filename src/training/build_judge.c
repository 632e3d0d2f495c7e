/*
 * How versions judge letters they have not learned (build_impl.h): the canary of every new version,
 * and `posthouse learn compare`.
 */
#include "base/mem.h"
#include "training/build_impl.h"
#include "training/pack.h"
#include <math.h>

struct judge judge_of(const struct training_published *p, const struct learn_fuse *fallback)
{
	if (!p->version)
		return (struct judge){NULL, NULL, fallback};
	return (struct judge){&p->model.weights, p->has_counts ? &p->counts : NULL,
		p->flags & TRAINING_CALIBRATED ? &p->model.fuse : fallback};
}

void judge_inputs(const struct judge *j, const struct learn_features *f, float in[LEARN_INPUTS])
{
	struct learn_bayes b = {0};
	in[LEARN_SITE] = j->weights ? (float)learn_weights_margin(j->weights, f) : 0;
	in[LEARN_USER] = in[LEARN_BAYES_USER] = 0;
	if (j->counts)
		learn_bayes_score(j->counts, f, &learn_bayes_default, &b);
	in[LEARN_BAYES_SITE] = b.known ? (float)b.margin : 0;
}

static bool stopped(const struct build *b)
{
	return b->stop && __atomic_load_n(b->stop, __ATOMIC_RELAXED);
}

/* ---- witnesses ---- */

struct reading {
	const struct build *b;
	const struct judge *judges[2];
	struct witnesses *ret;
	struct learn_features f;
	bool stopped;
};

static bool read_witness(void *arg, const struct journal_lesson *l)
{
	struct reading *r = arg;
	if (stopped(r->b)) {
		r->stopped = true;
		return false;
	}
	if (!is_witness(l) || !training_unpack(l->packed, &r->f))
		return true;
	struct witness *w = &r->ret->v[r->ret->n++];
	w->spam = l->spam;
	w->representative = l->source == TRAINING_IMPORT || l->source == TRAINING_HONEYPOT;
	for (unsigned i = 0; i < 2; i++) {
		memcpy(w->in[i], l->in, sizeof w->in[i]);
		judge_inputs(r->judges[i], &r->f, w->in[i]);
	}
	return r->ret->n < BUILD_WITNESSES_MAX;
}

int witnesses_read(const struct build *b, const struct judge *one, const struct judge *other,
	struct witnesses *ret, struct err *e)
{
	struct reading r = {.b = b, .judges = {one, other}, .ret = ret};
	*ret = (struct witnesses){.v = mem_alloc(BUILD_WITNESSES_MAX * sizeof *ret->v)};
	learn_features_init(&r.f, false);
	int got = journal_each_site(b->db, read_witness, &r, e);
	learn_features_done(&r.f);
	if (got == 0 && r.stopped)
		got = err_set(e, ERR_CLOSED, "stopped");
	return got;
}

void witnesses_done(struct witnesses *w)
{
	free(w->v);
	*w = (struct witnesses){0};
}

struct training_figures witnesses_figures(
	const struct witnesses *w, unsigned judge, const struct learn_fuse *fuse)
{
	struct training_figures f = {0};
	double loss = 0;
	for (size_t i = 0; i < w->n; i++) {
		double p = learn_fuse_probability(fuse, w->v[i].in[judge]);
		bool said = p >= BUILD_SPAM_AT;
		f.spam += w->v[i].spam;
		f.ham += !w->v[i].spam;
		f.caught += w->v[i].spam && said;
		f.accused += !w->v[i].spam && said;
		loss -= log(fmax(1e-6, w->v[i].spam ? p : 1 - p));
	}
	f.log_loss = w->n ? loss / (double)w->n : 0;
	return f;
}

/* ---- the sample of recent mail ---- */

struct sampling {
	const struct build *b;
	const struct judge *judges[2];
	struct learn_features f;
	uint64_t n, changed, more;
	bool stopped;
};

static bool judge_sample(void *arg, const struct journal_sample *v)
{
	struct sampling *s = arg;
	bool spam[2];
	s->stopped = stopped(s->b);
	if (s->stopped || !training_unpack(v->packed, &s->f))
		return !s->stopped;
	for (unsigned i = 0; i < 2; i++) {
		float in[LEARN_INPUTS];
		memcpy(in, v->in, sizeof in);
		judge_inputs(s->judges[i], &s->f, in);
		in[LEARN_RULES] = (float)v->rules;
		spam[i] = learn_fuse_probability(s->judges[i]->fuse, in) >= BUILD_SPAM_AT;
	}
	s->n++;
	s->changed += spam[0] != spam[1];
	s->more += !spam[0] && spam[1];
	return true;
}

int sample_compare(const struct build *b, const struct judge *one, const struct judge *other,
	uint64_t *ret_sampled, uint64_t *ret_changed, uint64_t *ret_more_spam, struct err *e)
{
	struct sampling s = {.b = b, .judges = {one, other}};
	learn_features_init(&s.f, false);
	int r = journal_each_sample(b->db, judge_sample, &s, e);
	learn_features_done(&s.f);
	if (r < 0)
		return -1;
	if (s.stopped)
		return err_set(e, ERR_CLOSED, "stopped");
	*ret_sampled = s.n;
	*ret_changed = s.changed;
	*ret_more_spam = s.more;
	return 0;
}

/* ---- two versions ---- */

static int open_version(const struct build *b, uint64_t number, bool twin,
	struct training_published *ret, struct err *e)
{
	*ret = (struct training_published){0};
	return number ? versions_open(b->data, number, twin, ret, e) : 0;
}

int build_compare(const struct build *b, uint64_t one, uint64_t other, struct build_comparison *ret,
	struct err *e)
{
	AUTO(training_published) struct training_published a = {0}, ta = {0}, o = {0}, to = {0};
	AUTO(witnesses) struct witnesses w = {0};
	struct build_comparison c = {0};
	if (open_version(b, one, false, &a, e) < 0 || open_version(b, one, true, &ta, e) < 0 ||
		open_version(b, other, false, &o, e) < 0 ||
		open_version(b, other, true, &to, e) < 0)
		return -1;
	struct judge ja = judge_of(&a, b->fuse), jta = judge_of(&ta, b->fuse),
		     jo = judge_of(&o, b->fuse), jto = judge_of(&to, b->fuse);
	if (witnesses_read(b, &jta, &jto, &w, e) < 0)
		return -1;
	c.a = witnesses_figures(&w, 0, jta.fuse);
	c.b = witnesses_figures(&w, 1, jto.fuse);
	if (sample_compare(b, &ja, &jo, &c.sampled, &c.changed, &c.more_spam, e) < 0)
		return -1;
	*ret = c;
	return 0;
}
