/*
 * A letter examined, in order: read, checks, rules, fingerprints, models, probability. Called in
 * the scan process for every message, by `posthouse explain`, by the trainer (features only) and
 * tests.
 */
#include "content/report.h"

#include "base/mem.h"
#include "base/utf8.h"
#include "content/fingerprint.h"
#include "content/rules.h"
#include "content/yara.h"
#include "learn/bayes.h"

enum { TEXT_SHOWN = 600, TEXT_LONG = 64 * 1024 }; /* bytes of the text in a report */

struct content_examiner {
	struct learn_features features;
	struct learn_features told; /* the same with texts, for explaining; made when needed */
	bool telling;
};

struct content_examiner *content_examiner_new(void)
{
	struct content_examiner *e = NEW(struct content_examiner);
	learn_features_init(&e->features, false);
	return e;
}

void content_examiner_free(struct content_examiner *e)
{
	if (!e)
		return;
	learn_features_done(&e->features);
	if (e->telling)
		learn_features_done(&e->told);
	free(e);
}

static struct learn_features *features(struct content_examiner *e, unsigned wishes)
{
	if (!(wishes & CONTENT_EXPLAIN))
		return &e->features;
	if (!e->telling)
		learn_features_init(&e->told, true);
	e->telling = true;
	return &e->told;
}

/* ---- checks ---- */

static void run_checks(struct content_exam *x)
{
	for (const struct content_check *k = content_checks; k->name; k++)
		k->run(x);
	if (x->tools->rules)
		rules_run(x->tools->rules, x);
}

/* ---- hosts for lists of bad links ---- */

enum { HOST_LINK_FLAGS = URL_IP | URL_USERINFO | URL_IDN | URL_LOOKALIKE | URL_ENCODED_HOST };

/* What a reader could be lured to comes first. */
static unsigned suspicion(const struct content_link *l)
{
	bool followed = l->kind == HTML_LINK_A || l->kind == HTML_LINK_AREA ||
			l->kind == HTML_LINK_FORM || l->kind == HTML_LINK_REFRESH;
	return (l->deceives ? 8 : 0) + (l->url.flags & HOST_LINK_FLAGS ? 4 : 0) +
	       (l->where == CONTENT_IN_QR ? 4 : 0) + (followed ? 2 : 0) + (l->hidden ? 0 : 1);
}
enum { SUSPICION_MAX = 19 };

static bool has_host(const struct content_report *r, slice host)
{
	for (size_t i = 0; i < r->nhosts; i++)
		if (slice_eq(r->hosts[i], host))
			return true;
	return false;
}

static void list_hosts(const struct content *c, struct arena *a, struct content_report *ret)
{
	ret->hosts = ARENA_ARRAY(a, slice, CONTENT_HOSTS_MAX);
	for (unsigned want = SUSPICION_MAX; ret->nhosts < CONTENT_HOSTS_MAX; want--) {
		for (size_t i = 0; i < c->nlinks && ret->nhosts < CONTENT_HOSTS_MAX; i++) {
			const struct content_link *l = &c->links[i];
			if (l->url.host.n && suspicion(l) == want && !has_host(ret, l->url.host))
				ret->hosts[ret->nhosts++] = l->url.host;
		}
		if (want == 0)
			break;
	}
}

/* ---- models ---- */

/* What hangs on when, by which way and to whom a letter came is nothing to learn from. */
static bool of_circumstances(slice name)
{
	static const slice v[] = {S_INIT("date-"), S_INIT("to-"), S_INIT("received-"),
		S_INIT("envelope-"), S_INIT("history-"), S_INIT("internal-")};
	for (size_t i = 0; i < sizeof v / sizeof *v; i++)
		if (slice_starts(name, v[i]))
			return true;
	return false;
}

static void add_findings(struct learn_features *f, const struct signals *s)
{
	for (unsigned i = 0; i < s->n; i++) {
		slice name = slice_z(s->v[i].def->name);
		if (s->v[i].def->stage == SIGNAL_CONTENT && !of_circumstances(name))
			learn_features_add_signal(f, name);
	}
}

static void ask_models(
	const struct learn_features *f, const struct content_tools *t, struct content_report *ret)
{
	struct learn_bayes b;
	if (t->base)
		ret->in[LEARN_BASE] = (float)learn_weights_margin(&t->base->weights, f);
	if (t->local)
		ret->in[LEARN_SITE] = (float)learn_weights_margin(t->local, f);
	if (t->counts) {
		learn_bayes_score(t->counts, f, &learn_bayes_default, &b);
		ret->in[LEARN_BAYES_SITE] = b.known ? (float)b.margin : 0;
	}
	ret->fuse = t->fuse ? *t->fuse : t->base ? t->base->fuse : learn_fuse_default;
}

static void give_reasons(const struct learn_features *f, const struct content_tools *t,
	struct arena *a, struct content_report *ret)
{
	struct learn_reason v[CONTENT_REASONS_MAX];
	if (!t->base)
		return;
	learn_weights_explain(&t->base->weights, f, ret->groups);
	ret->nreasons = learn_weights_reasons(&t->base->weights, f, v, CONTENT_REASONS_MAX);
	for (size_t i = 0; i < ret->nreasons; i++)
		ret->reasons[i] = (struct content_reason){
			arena_dup(a, learn_feature_text(f, v[i].feature)), v[i].margin};
}

double content_probability(const struct content_report *r, double rules)
{
	float in[LEARN_INPUTS];
	double own = signals_score(&r->signals);
	memcpy(in, r->in, sizeof in);
	in[LEARN_RULES] = (float)(own + CONTENT_ELSEWHERE * (rules - own));
	return learn_fuse_probability(&r->fuse, in);
}

static void list_files(const struct content *c, struct arena *a, struct content_report *ret)
{
	ret->files = ARENA_ARRAY(a, struct content_report_file, c->nfiles + 1);
	for (size_t i = 0; i < c->nfiles && i < CONTENT_REPORT_FILES_MAX; i++) {
		const struct content_file *f = &c->files[i];
		ret->files[ret->nfiles++] = (struct content_report_file){
			f->name, f->type, f->size, f->facts, f->depth, f->part};
	}
}

/* ---- what others look at ---- */

static void list_opened(const struct content *c, struct arena *a, struct content_report *ret)
{
	ret->opened = ARENA_ARRAY(a, struct content_report_opened, CONTENT_OPENED_MAX);
	for (size_t i = 0; i < c->nfiles && ret->nopened < CONTENT_OPENED_MAX; i++)
		if (c->files[i].bytes.n)
			ret->opened[ret->nopened++] =
				(struct content_report_opened){.name = c->files[i].name,
					.bytes = c->files[i].bytes,
					.size = c->files[i].bytes.n};
}

/* Files are looked at while they are read; here is the rest of the letter. */
static void finish_yara(const struct content_exam *x, struct content_report *ret)
{
	struct yara_rules *y = x->tools->yara;
	slice message = x->c->message;
	const struct yara_piece text = {.bytes = x->c->mail.text, .where = "text"};
	const struct yara_piece header = {
		.bytes = slice_first(message, slice_find(message, S("\r\n\r\n"))),
		.where = "header"};
	yara_look(y, &text);
	yara_look(y, &header);
	if (!yara_end(y, x->signals))
		ret->limited = true;
}

static void describe(
	const struct content *c, unsigned wishes, struct arena *a, struct content_report *ret)
{
	list_files(c, a, ret);
	ret->content = c;
	ret->limited = c->limited;
	ret->subject = c->mail.subject;
	ret->from_name = c->from_name;
	ret->from_address = c->from_address;
	ret->text = utf8_first(c->mail.text, wishes & CONTENT_TEXT ? TEXT_LONG : TEXT_SHOWN);
}

void content_examine(struct content_examiner *e, slice message, const struct content_context *ctx,
	const struct content_tools *t, unsigned wishes, struct arena *a, struct content_report *ret)
{
	struct content *c = ARENA_NEW(a, struct content);
	struct learn_features *f = features(e, wishes);
	*ret = (struct content_report){.signals = {.mem = a, .scores = t->scores}};
	struct content_limits limits = content_limits_default;
	limits.opened = wishes & CONTENT_OPENED ? CONTENT_OPENED_BYTES : 0;
	if (t->yara)
		yara_begin(t->yara, t->yara_time);
	content_read(message, t, &limits, a, c);
	describe(c, wishes, a, ret);
	if (wishes & CONTENT_OPENED)
		list_opened(c, a, ret);
	struct content_exam x = {.c = c, .ctx = ctx, .tools = t, .signals = &ret->signals, .a = a};
	run_checks(&x);
	if (t->yara)
		finish_yara(&x, ret);
	ret->bulk = x.bulk;
	ret->class = x.bulk >= CONTENT_BULK_FROM ? CONTENT_BULK : CONTENT_ORDINARY;
	if (!(wishes & CONTENT_NO_CHECKS)) {
		content_fingerprints(&x, ret);
		list_hosts(c, a, ret);
	}
	learn_features_read(f, &c->mail, LEARN_ALL_GROUPS, a);
	add_findings(f, &ret->signals);
	ret->features = f->v;
	ret->nfeatures = f->n;
	ask_models(f, t, ret);
	ret->in[LEARN_BULK] = -(float)ret->bulk / 100;
	if (wishes & CONTENT_EXPLAIN)
		give_reasons(f, t, a, ret);
	double before = ctx->known ? signals_score(ctx->known) : 0;
	ret->probability = content_probability(ret, before + signals_score(&ret->signals));
}
