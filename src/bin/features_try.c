/*
 * Trying a version (features_role.h): DATA/features/trial says which one is wanted. The master runs one scan process
 * with it, the edges have a sample of mail judged there, too, and tell what came out; what is counted here decides.
 * Coming into force: the master first, which proves that it can be done, then the disk.
 */
#include "bin/features_role.h"

#include "base/mem.h"
#include "mail/notice.h"
#include "run/file.h"
#include "run/link.h"
#include "run/log.h"
#include "run/metrics.h"
#include "run/pool.h"
#include "store/queue.h"
#include <inttypes.h>
#include <jansson.h>
#include <unistd.h>

METRIC_COUNTER(tried, "posthouse_features_trial_letters_total", "",
	"Letters judged by versions that are tried, too.");
METRIC_COUNTER(
	differed, "posthouse_features_trial_differ_total", "", "Of these: judged otherwise.");

#define MASTER_TIME (3 * MINUTE)

/* ---- in the pool ---- */

struct step {
	struct features *f;
	struct arena mem;
	uint64_t number; /* in: which version; out of look(): which is wanted */
	slice by;
	const char *what;
	struct feature_set set; /* with it */
	struct buf order;
	json_t *more;
	int lock; /* held between the steps of coming into force; -1 */
	int result;
	struct err e;
};

static int make_set(struct step *s)
{
	struct feature_manifest m;
	if (feature_current_read(s->f->data, &s->set, &s->e) < 0 ||
		feature_depot_look(s->f->data, s->number, &s->mem, &m, &s->e) < 0)
		return -1;
	if (!feature_set_put(&s->set, m.name, s->number))
		return err_set(&s->e, ERR_LIMIT, "packs of more than %d names", FEATURE_PACKS_MAX);
	feature_set_print(&s->set, &s->order);
	return 0;
}

static void look(void *arg)
{
	struct step *s = arg;
	struct feature_trial t;
	s->result = feature_trial_read(s->f->data, &s->mem, &t, &s->e);
	if (s->result < 0)
		return;
	s->number = t.number;
	s->by = t.by;
	if (t.number) {
		buf_put(&s->order, S("try "));
		s->result = make_set(s);
	}
}

static void lock_and_make(void *arg)
{
	struct step *s = arg;
	buf_put(&s->order, S("use "));
	s->result = feature_depot_lock(s->f->data, &s->lock, &s->e) < 0 ? -1 : make_set(s);
}

static void write_taken(void *arg)
{
	struct step *s = arg;
	s->result = features_take(
		s->f->data, &s->set, s->what, s->number, s->by, take(&s->more), &s->e);
	if (s->result == 0 && features_trim(s->f->data, s->f->conf->keep, &s->e) < 0)
		log_warn(NULL, "features.trim", F("error", &s->e));
}

/* Unless somebody wants another one by now. */
static void forget_trial(void *arg)
{
	struct step *s = arg;
	struct feature_trial t;
	const struct feature_trial none = {0};
	AUTO(fd) int lock = -1;
	s->result = -1;
	if (feature_depot_lock(s->f->data, &lock, &s->e) < 0 ||
		feature_trial_read(s->f->data, &s->mem, &t, &s->e) < 0)
		return;
	s->result = t.number == s->number ? feature_trial_write(s->f->data, &none, &s->e) : 0;
}

static void tell_history(void *arg)
{
	struct step *s = arg;
	s->result = features_tell(s->f->data, s->what, s->number, s->by, take(&s->more), &s->e);
}

static struct step *step_new(struct features *f, uint64_t number, const char *what)
{
	struct step *s = NEW(struct step);
	*s = (struct step){.f = f, .number = number, .what = what, .order = BUF(2000), .lock = -1};
	return s;
}

static void step_free(struct step *s)
{
	if (s->lock >= 0)
		close(s->lock);
	json_decref(s->more);
	buf_done(&s->order);
	arena_done(&s->mem);
	free(s);
}

/* ---- into force ---- */

static int ask_master(struct features *f, slice order, struct err *e)
{
	AUTO(arena) struct arena a = {0};
	slice nothing;
	return link_call(f->master, order, instant_in(MASTER_TIME), &a, &nothing, e);
}

int features_into_force(struct features *f, const char *what, uint64_t number, slice by,
	json_t *more, struct err *e)
{
	struct step *s = step_new(f, number, what);
	s->by = by;
	s->more = more;
	pool_call(lock_and_make, s);
	if (s->result == 0)
		s->result = ask_master(f, buf_slice(&s->order), &s->e);
	if (s->result == 0)
		pool_call(write_taken, s);
	int r = s->result;
	if (r < 0)
		*e = s->e;
	else
		log_info(NULL, "features.taken", F("version", number), F("by", by));
	step_free(s);
	cond_wake_all(&f->told);
	return r;
}

/* ---- telling ---- */

static void tell(struct features *f, const char *what, uint64_t number, slice by, json_t *more)
{
	struct step *s = step_new(f, number, what);
	s->by = by;
	s->more = more;
	pool_call(tell_history, s);
	if (s->result < 0)
		log_error(NULL, "features.history", F("error", &s->e));
	step_free(s);
}

struct alarm {
	struct sql *db;
	struct notice notice;
	struct err e;
	int result;
};

static void send_alarm(void *arg)
{
	struct alarm *x = arg;
	x->result = -1;
	if (sql_begin(x->db, &x->e) < 0)
		return;
	x->result = notice_add_tx(x->db, &x->notice, &x->e);
	if (x->result < 0)
		sql_rollback(x->db);
	else
		x->result = sql_commit(x->db, &x->e);
}

void features_alarm(struct features *f, uint64_t number, slice why, slice facts)
{
	AUTO(arena) struct arena a = {0};
	const slice lines[] = {facts};
	const struct notice_alarm w = {
		.what_en = arena_printf(&a,
			"Version %" PRIu64 " of a feature pack was not taken into force", number),
		.what_zh = arena_printf(&a, "特征包版本 %" PRIu64 " 未被启用", number),
		.why_en = why,
		.why_zh = why,
		.done_en = S("The version in force before stays."),
		.done_zh = S("原有版本继续使用。"),
		.todo_en = S("posthouse features history; posthouse features use to take it all "
			     "the same."),
		.todo_zh =
			S("查看：posthouse features history；仍要启用：posthouse features use。"),
		.lines = lines,
		.nlines = facts.n ? 1 : 0};
	struct alarm x = {.db = f->queue,
		.notice = {.kind = NOTICE_ALARM,
			.idx = -1,
			.key = arena_printf(&a, "features.%" PRIu64, number),
			.data = notice_alarm_data(&w, &a),
			.at = wall_now()}};
	pool_call(send_alarm, &x);
	if (x.result < 0)
		log_error(NULL, "features.alarm", F("error", &x.e));
}

/* ---- counting ---- */

static double thousandths(double v)
{
	return (double)(int64_t)(v * 1000 + 0.5) / 1000;
}

static json_t *counts_json(const struct features *f)
{
	const struct features_counts *k = &f->counts;
	int64_t n = k->letters ? (int64_t)k->letters : 1;
	return json_pack("{s:I, s:I, s:I, s:I, s:f, s:I, s:I, s:O}", "letters",
		(json_int_t)k->letters, "more_spam", (json_int_t)k->more_spam, "less_spam",
		(json_int_t)k->less_spam, "failed", (json_int_t)k->failed, "moved",
		thousandths(k->moved / (double)n), "usec", (json_int_t)(k->took / n), "usec_trial",
		(json_int_t)(k->took_trial / n), "examples", f->examples);
}

static void keep_example(struct features *f, const struct features_result *r)
{
	char id[MSG_ID_TEXT];
	if (json_array_size(f->examples) >= FEATURES_EXAMPLES)
		return;
	msg_id_print(r->id, id);
	json_array_append_new(f->examples,
		json_pack("{s:s, s:b, s:f, s:f, s:o}", "id", id, "spam", r->spam_trial, "p",
			thousandths((double)r->p), "p_trial", thousandths((double)r->p_trial),
			"rules", json_stringn(r->rules.p, r->rules.n)));
}

void features_try_count(struct features *f, slice message)
{
	struct features_result r;
	struct features_counts *k = &f->counts;
	if (!f->trying || !features_result_decode(message, &r))
		return;
	metric_add(&tried, 1);
	f->counts_written = false;
	if (r.failed) {
		k->failed++;
		cond_wake_all(&f->told);
		return;
	}
	k->letters++;
	k->took += r.took;
	k->took_trial += r.took_trial;
	k->moved += r.p_trial > r.p ? (double)(r.p_trial - r.p) : (double)(r.p - r.p_trial);
	k->more_spam += !r.spam && r.spam_trial;
	k->less_spam += r.spam && !r.spam_trial;
	if (r.spam != r.spam_trial) {
		metric_add(&differed, 1);
		keep_example(f, &r);
	}
	const char *why;
	if (features_judge(k, f->conf, instant_now() - f->began, &why) != FEATURES_GO_ON)
		cond_wake_all(&f->told);
}

/* For `posthouse features canary`. */
static void write_counts(struct features *f)
{
	struct err e;
	AUTO(arena) struct arena a = {0};
	if (f->counts_written)
		return;
	f->counts_written = true;
	json_t *j = counts_json(f);
	json_object_set_new(j, "number", json_integer((json_int_t)f->trying));
	json_object_set_new(j, "seconds", json_integer((instant_now() - f->began) / SECOND));
	AUTO(free) char *text = json_dumps(j, JSON_COMPACT);
	json_decref(j);
	slice dir = arena_printf(&a, "%.*s/features", SFMT(f->data));
	if (text && file_replace(dir, S("counts"), slice_z(text), &e) < 0)
		log_warn(NULL, "features.counts", F("error", &e));
}

/* ---- beginning and end ---- */

static void end_trial(struct features *f)
{
	struct step *s = step_new(f, f->trying, "");
	struct err e;
	pool_call(forget_trial, s);
	if (s->result < 0)
		log_error(NULL, "features.trial", F("error", &s->e));
	step_free(s);
	if (ask_master(f, S("end"), &e) < 0)
		log_warn(NULL, "features.trial", F("error", &e));
	f->trying = 0;
}

static void begin_counting(struct features *f, uint64_t number)
{
	f->trying = number;
	f->began = instant_now();
	f->counts = (struct features_counts){0};
	json_array_clear(f->examples);
	f->counts_written = false;
	log_info(NULL, "features.trial", F("version", number));
}

static void refuse(struct features *f, slice by, slice why)
{
	AUTO(arena) struct arena a = {0};
	const struct features_counts *k = &f->counts;
	log_warn(NULL, "features.refused", F("version", f->trying), F("why", why),
		F("letters", k->letters), F("more_spam", k->more_spam),
		F("less_spam", k->less_spam));
	tell(f, "refused", f->trying, by,
		json_pack(
			"{s:o, s:o}", "why", json_stringn(why.p, why.n), "trial", counts_json(f)));
	features_alarm(f, f->trying, why,
		arena_printf(&a,
			"letters: %" PRIu64 ", spam by it alone: %" PRIu64
			", honest by it alone: %" PRIu64,
			k->letters, k->more_spam, k->less_spam));
	end_trial(f);
}

static void take_it(struct features *f, slice by, bool quiet)
{
	struct err e;
	json_t *more = json_pack("{s:o}", "trial", counts_json(f));
	if (quiet)
		json_object_set_new(
			more, "note", json_string("few letters came while it was tried"));
	if (features_into_force(f, "in-force", f->trying, by, more, &e) == 0)
		end_trial(f);
	else if (e.kind == ERR_TEMP || e.kind == ERR_TIMEOUT || e.kind == ERR_CLOSED)
		log_warn(NULL, "features.trial", F("error", &e)); /* tried again */
	else
		refuse(f, by, slice_z(e.text));
}

/* Makes sure that the process runs; edges of a reload ask only one that is as new as they are. */
static bool keep_trying(struct features *f, struct step *s)
{
	if (s->number != f->trying)
		begin_counting(f, s->number);
	if (ask_master(f, buf_slice(&s->order), &s->e) == 0)
		return true;
	if (s->e.kind == ERR_TEMP || s->e.kind == ERR_TIMEOUT || s->e.kind == ERR_CLOSED)
		log_warn(NULL, "features.trial", F("error", &s->e));
	else
		refuse(f, s->by, slice_z(s->e.text));
	return false;
}

static void judge(struct features *f, slice by)
{
	const char *why;
	switch (features_judge(&f->counts, f->conf, instant_now() - f->began, &why)) {
	case FEATURES_TAKE:
		take_it(f, by, false);
		break;
	case FEATURES_TAKE_QUIET:
		take_it(f, by, true);
		break;
	case FEATURES_REFUSE:
		refuse(f, by, slice_z(why));
		break;
	case FEATURES_GO_ON:
		write_counts(f);
	}
}

void features_try(struct features *f)
{
	struct step *s = step_new(f, 0, "");
	pool_call(look, s);
	if (s->result < 0 && s->number) {
		f->trying = s->number;
		refuse(f, s->by, slice_z(s->e.text));
	} else if (s->result < 0) {
		log_error(NULL, "features.trial", F("error", &s->e));
	} else if (!s->number && f->trying) { /* the administrator wants it no more */
		end_trial(f);
	} else if (s->number && keep_trying(f, s)) {
		judge(f, s->by);
	}
	step_free(s);
}
