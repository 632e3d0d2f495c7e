/*
 * Making a version (build.h). First the twin, from all lessons but the witnesses; the witnesses say
 * how good it is beside the twin of the version in service, and how its probabilities are to be
 * calibrated. Then the version itself, from all lessons. Last the decision.
 *
 * Called by the learn process in its pool.
 */
#include "base/mem.h"
#include "base/time.h"
#include "training/build_impl.h"
#include <inttypes.h>

/* ---- training ---- */

struct rounds {
	const struct build *b;
	struct trainer *t;
	bool twin, first, stopped;
};

static bool learn(void *arg, const struct journal_lesson *l)
{
	struct rounds *r = arg;
	r->stopped = r->b->stop && __atomic_load_n(r->b->stop, __ATOMIC_RELAXED);
	if (!r->stopped && !(r->twin && is_witness(l)))
		trainer_learn(r->t, l->packed, l->spam, l->weight, l->in[LEARN_BASE], r->first);
	return !r->stopped;
}

static int train(const struct build *b, bool twin, struct trainer *t, struct err *e)
{
	struct rounds r = {.b = b, .t = t, .twin = twin, .first = true};
	unsigned left = 1;
	while (left--) {
		if (journal_each_site(b->db, learn, &r, e) < 0)
			return -1;
		if (r.stopped)
			return err_set(e, ERR_CLOSED, "stopped");
		if (r.first)
			left = trainer_rounds(t->lessons[0] + t->lessons[1]) - 1;
		r.first = false;
	}
	return 0;
}

/* ---- calibration ---- */

/*
 * Only archives and traps show mail as it is: what users tell is what had been judged wrongly, and
 * would teach to distrust everything. Both kinds weigh the same, however many there are of each.
 * Every second witness: the others tell how good it is.
 */
static bool calibrate(
	const struct witnesses *w, const struct learn_fuse *start, struct learn_fuse *ret)
{
	AUTO(free) struct learn_judged *v = mem_alloc((w->n + 1) * sizeof *v);
	size_t n = 0, of[2] = {0};
	for (size_t i = 0; i < w->n; i += 2) {
		if (!w->v[i].representative)
			continue;
		memcpy(v[n].in, w->v[i].in[1], sizeof v[n].in);
		v[n].spam = w->v[i].spam;
		of[v[n++].spam]++;
	}
	for (size_t i = 0; i < n; i++)
		v[i].weight = (float)n / (2.0f * (float)of[v[i].spam]);
	return learn_fuse_fit(v, n, start, ret);
}

/* ---- the decision ---- */

static double share(uint64_t part, uint64_t whole)
{
	return whole ? (double)part / (double)whole : 0;
}

/* Worse by more than the limit, and by more letters than chance explains. */
static bool worse(uint64_t wrong, uint64_t wrong_before, uint64_t of, int64_t limit)
{
	return wrong >= wrong_before + BUILD_WORSE_LEAST &&
	       share(wrong - wrong_before, of) * 1e4 > (double)limit;
}

static bool objection(const struct build *b, const struct training_version *v, bool fresh,
	struct arena *a, slice *ret)
{
	const struct training_figures *n = &v->figures, *o = &v->before;
	uint64_t least = (uint64_t)b->conf->judge;
	if (n->ham >= least && worse(n->accused, o->accused, n->ham, b->conf->worse_ham))
		*ret = arena_printf(a,
			"honest letters taken for spam: %" PRIu64 " of %" PRIu64
			" witnesses, before %" PRIu64,
			n->accused, n->ham, o->accused);
	else if (n->spam >= least &&
		 worse(n->spam - n->caught, o->spam - o->caught, n->spam, b->conf->worse_spam))
		*ret = arena_printf(a,
			"spam caught: %" PRIu64 " of %" PRIu64 " witnesses, before %" PRIu64,
			n->caught, n->spam, o->caught);
	else if (!fresh && v->sampled >= BUILD_SAMPLE_LEAST &&
		 share(v->changed, v->sampled) * 1e4 > (double)b->conf->changed)
		*ret = arena_printf(a, "recent letters judged otherwise: %" PRIu64 " of %" PRIu64,
			v->changed, v->sampled);
	else
		return false;
	return true;
}

/* ---- all of it ---- */

struct making {
	const struct build *b;
	struct training_version *v;
	struct training_published current, current_twin;
	uint64_t in_service;
	bool pinned;
	struct learn_fuse fuse;
	unsigned flags;
};

static int put(struct making *m, struct trainer *t, bool twin, struct err *e)
{
	AUTO(buf) struct buf file = BUF(TRAINING_FILE_MAX);
	AUTO(learn_model) struct learn_model model = {.fuse = m->fuse};
	learn_linear_weights(&t->linear, 0, &model.weights);
	training_published_write(m->v->number, t->lessons, m->flags, &model, &t->counts, &file);
	if (!buf_ok(&file))
		return err_set(e, ERR_LIMIT, "the version is too large");
	m->v->bytes = file.n;
	return versions_put(m->b->data, m->v->number, twin, buf_slice(&file), e);
}

static int judge_twin(struct making *m, struct trainer *t, struct err *e)
{
	AUTO(learn_model) struct learn_model model = {0};
	AUTO(witnesses) struct witnesses w = {0};
	struct training_look look = {t->counts.v, t->counts.bits};
	struct learn_counts counts;
	learn_linear_weights(&t->linear, 0, &model.weights);
	training_look_counts(&look, t->counts.messages, &counts);
	struct judge old = judge_of(&m->current_twin, m->b->fuse);
	struct judge new = {&model.weights, &counts, m->b->fuse};
	if (witnesses_read(m->b, &old, &new, &w, e) < 0)
		return -1;
	m->fuse = *m->b->fuse;
	m->flags = calibrate(&w, m->b->fuse, &m->fuse) ? TRAINING_CALIBRATED : 0;
	m->v->before = witnesses_figures(&w, 0, old.fuse);
	m->v->figures = witnesses_figures(&w, 1, &m->fuse);
	return 0;
}

static int make_twin(struct making *m, struct err *e)
{
	AUTO(trainer) struct trainer t;
	trainer_init(&t, BUILD_BITS, BUILD_BUCKET_BITS);
	if (train(m->b, true, &t, e) < 0 || judge_twin(m, &t, e) < 0)
		return -1;
	return put(m, &t, true, e);
}

static int make_site(struct making *m, struct err *e)
{
	AUTO(trainer) struct trainer t;
	trainer_init(&t, BUILD_BITS, BUILD_BUCKET_BITS);
	if (train(m->b, false, &t, e) < 0)
		return -1;
	m->v->lessons[0] = t.lessons[0];
	m->v->lessons[1] = t.lessons[1];
	return put(m, &t, false, e);
}

/* A version in service that cannot be read (a damaged disk) is as good as none. */
static int open_current(struct making *m, struct err *e)
{
	struct err damaged;
	if (versions_current(m->b->data, &m->in_service, &m->pinned, e) < 0)
		return -1;
	if (!m->in_service)
		return 0;
	if (versions_open(m->b->data, m->in_service, false, &m->current, &damaged) < 0 ||
		versions_open(m->b->data, m->in_service, true, &m->current_twin, &damaged) < 0) {
		training_published_done(&m->current);
		m->in_service = 0;
	}
	return 0;
}

static int compare_sample(struct making *m, struct err *e)
{
	AUTO(training_published) struct training_published fresh = {0};
	uint64_t more;
	if (versions_open(m->b->data, m->v->number, false, &fresh, e) < 0)
		return -1;
	struct judge old = judge_of(&m->current, m->b->fuse);
	struct judge new = judge_of(&fresh, m->b->fuse);
	return sample_compare(m->b, &old, &new, &m->v->sampled, &m->v->changed, &more, e);
}

static int record(const struct build *b, const struct training_version *v, struct err *e)
{
	if (sql_begin(b->db, e) < 0)
		return -1;
	if (versions_add_tx(b->db, v, e) == 0)
		return sql_commit(b->db, e);
	sql_rollback(b->db);
	return -1;
}

/* Recorded before it is in service: the number is never used again. */
static int finish(struct making *m, struct arena *a, struct build_result *ret, struct err *e)
{
	struct training_version *v = m->v;
	v->made_at = wall_now();
	v->why = S("");
	v->refused = objection(m->b, v, !m->in_service, a, &v->why);
	bool use = !v->refused && !m->pinned;
	v->used_at = use ? v->made_at : 0;
	if (record(m->b, v, e) < 0)
		return -1;
	if (use && versions_use(m->b->data, v->number, false, e) < 0)
		return -1;
	ret->published = use;
	ret->version = *v;
	return versions_trim(m->b->data, m->b->conf->versions, e);
}

int build_version(const struct build *b, struct arena *a, struct build_result *ret, struct err *e)
{
	struct training_version v = {0};
	struct making m = {.b = b, .v = &v};
	int r = -1;
	if (journal_revision(b->db, &v.revision, e) == 0 &&
		versions_next(b->db, b->data, &v.number, e) == 0 && open_current(&m, e) == 0 &&
		make_twin(&m, e) == 0 && make_site(&m, e) == 0 && compare_sample(&m, e) == 0)
		r = finish(&m, a, ret, e);
	training_published_done(&m.current);
	training_published_done(&m.current_twin);
	return r;
}
