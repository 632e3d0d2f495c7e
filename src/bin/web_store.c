/*
 * The quarantine behind the pages (web.h): one connection that reads and one that writes, each used by one pool thread at
 * a time; coroutines wait here and never on the database. What a deed brings with it is carried out afterwards in
 * the coroutine: the queue hears of what was released, the learn process of what was told.
 */
#include "bin/web.h"

#include "base/mem.h"
#include "bin/learn_client.h"
#include "bin/user_report.h"
#include "codec/address.h"
#include "mail/handoff.h"
#include "run/link.h"
#include "run/log.h"
#include "run/pool.h"
#include "store/digest.h"
#include "store/directory.h"
#include "store/wildcard.h"
#include "training/conf.h"
#include "training/lesson.h"
#include <pthread.h>

struct web_store {
	struct sql *reader, *writer;
	pthread_mutex_t reading, writing;
	/* For reports. */
	struct sql *report_reader, *report_writer;
	struct lists *lists;
	bool reporting;
	struct cond reported;
};

int web_store_open(struct web *w, struct err *e)
{
	struct web_store *s = NEW(struct web_store);
	pthread_mutex_init(&s->reading, NULL);
	pthread_mutex_init(&s->writing, NULL);
	w->store = s;
	slice data = w->config->server->data;
	cond_init(&s->reported);
	if (sql_open(data, "queue", &s->writer, e) < 0 ||
		sql_open_read(data, "queue", &s->reader, e) < 0)
		return -1;
	if (!w->conf->reports)
		return 0;
	if (sql_open(data, "queue", &s->report_writer, e) < 0 ||
		sql_open_read(data, "queue", &s->report_reader, e) < 0)
		return -1;
	return lists_open(data, &s->lists, e);
}

void web_store_close(struct web_store *s)
{
	if (!s)
		return;
	sql_close(s->reader);
	sql_close(s->writer);
	sql_close(s->report_reader);
	sql_close(s->report_writer);
	lists_close(s->lists);
	pthread_mutex_destroy(&s->reading);
	pthread_mutex_destroy(&s->writing);
	free(s);
}

/* ---- one job in the pool ---- */

struct job {
	struct web *w;
	int (*fn)(struct job *j, struct sql *db);
	bool writes;
	struct arena *a;
	struct err e;
	int result;
	/* What each needs. */
	msg_id id;
	int32_t idx;
	slice who;
	void *out;
	const struct quarantine_actor *actor;
	enum quarantine_verb verb;
	size_t n;
	uint64_t total;
	slice *scope;
	size_t nscope;
	const struct web_scope *in;
	/* What a deed brings with it. */
	struct buf queued; /* for the queue process */
	bool lesson, spam;
	msg_id about;
	slice pupil;
};

static void work(void *arg)
{
	struct job *j = arg;
	struct web_store *s = j->w->store;
	pthread_mutex_t *lock = j->writes ? &s->writing : &s->reading;
	pthread_mutex_lock(lock);
	j->result = j->fn(j, j->writes ? s->writer : s->reader);
	pthread_mutex_unlock(lock);
}

static int run(struct job *j, struct err *e)
{
	pool_call(work, j);
	if (j->result < 0)
		*e = j->e;
	return j->result;
}

/* ---- reading ---- */

static int load(struct job *j, struct sql *db)
{
	return quarantine_load(db, j->id, j->a, j->out, &j->e);
}

int web_load(struct web *w, msg_id id, struct arena *a, struct quarantine_msg *ret, struct err *e)
{
	struct job j = {.w = w, .fn = load, .a = a, .id = id, .out = ret};
	return run(&j, e);
}

/* ---- whose list ---- */

static int read_group(struct job *j, struct sql *db)
{
	struct sql *directory = NULL;
	struct digest_setting s;
	slice rest, word;
	(void)db;
	int r = sql_open_read(j->w->config->server->data, "directory", &directory, &j->e);
	if (r == 0)
		r = digest_setting_get(directory, j->who, j->a, &s, &j->e);
	sql_close(directory);
	if (r < 0)
		return -1;
	rest = s.covers;
	j->scope = ARENA_ARRAY(j->a, slice, WEB_SCOPE_MAX);
	while (j->nscope < WEB_SCOPE_MAX && slice_cut(&rest, ' ', &word))
		if (word.n) /* a bare domain means its addresses */
			j->scope[j->nscope++] = slice_skip(word, slice_starts(word, S("@")));
	return 0;
}

int web_scope_read(struct web *w, slice who, struct arena *a, struct web_scope *ret, struct err *e)
{
	struct job j = {.w = w, .fn = read_group, .a = a, .who = who};
	if (!slice_starts(who, S(DIGEST_GROUP))) {
		j.scope = ARENA_NEW(a, slice);
		j.scope[j.nscope++] = who;
	} else if (run(&j, e) < 0) {
		return -1;
	}
	*ret = (struct web_scope){j.scope, j.nscope, slice_starts(who, S(DIGEST_GROUP))};
	return 0;
}

/* Wildcards are for groups: an address that has a '*' is just that. */
bool web_in_scope(const struct web_scope *s, slice rcpt, struct arena *a)
{
	slice x, y;
	for (size_t i = 0; s->group && i < s->n; i++)
		if (wildcard_match_address(s->v[i], rcpt))
			return true;
	if (s->group)
		return false;
	return slice_ieq(rcpt, s->v[0]) ||
	       (directory_canonical(rcpt, a, &x) && directory_canonical(s->v[0], a, &y) &&
		       slice_eq(x, y));
}

static slice keep(struct job *j, slice s)
{
	return arena_dup(j->a, s);
}

static bool take_row(void *arg, const struct quarantine_row *r)
{
	struct job *j = arg;
	const struct quarantine_row *had = j->out;
	if (r->kind != QUARANTINE_HELD || !web_in_scope(j->in, r->rcpt, j->a))
		return true;
	for (size_t i = 0; i < j->n; i++) /* patterns that overlap */
		if (had[i].id == r->id && had[i].idx == r->idx)
			return true;
	struct quarantine_row *to = (struct quarantine_row *)j->out + j->n++;
	*to = *r;
	to->sender = keep(j, r->sender);
	to->from = keep(j, r->from);
	to->rcpt = keep(j, r->rcpt);
	to->subject = keep(j, r->subject);
	to->signals = keep(j, r->signals);
	to->policy = to->client = to->virus = to->text = to->by = (slice){0};
	return j->n < WEB_LIST_MAX;
}

static int list_pattern(struct job *j, struct sql *db, slice pattern, int state)
{
	const struct quarantine_order order = {.likely_mistakes = true};
	const struct quarantine_filter f = {.rcpt = slice_eq(pattern, S("*")) ? S("") : pattern,
		.kind = QUARANTINE_HELD,
		.class = -1,
		.state = state,
		.direction = -1};
	uint64_t n = 0;
	if (quarantine_list(db, &f, &order, WEB_LIST_MAX, take_row, j, &j->e) < 0 ||
		quarantine_count(db, &f, &n, &j->e) < 0)
		return -1;
	j->total += n;
	return 0;
}

/* What waits, and what was asked for. */
static int list(struct job *j, struct sql *db)
{
	for (int state = QUARANTINE_WAITS; state <= QUARANTINE_ASKED; state++)
		for (size_t i = 0; i < j->in->n && j->n < WEB_LIST_MAX; i++)
			if (list_pattern(j, db, j->in->v[i], state) < 0)
				return -1;
	return 0;
}

int web_list_rows(struct web *w, const struct web_scope *scope, struct arena *a,
	struct quarantine_row **ret, size_t *ret_n, uint64_t *ret_total, struct err *e)
{
	struct job j = {.w = w, .fn = list, .a = a, .in = scope};
	j.out = ARENA_ARRAY(a, struct quarantine_row, WEB_LIST_MAX);
	if (run(&j, e) < 0)
		return -1;
	*ret = j.out;
	*ret_n = j.n;
	*ret_total = j.total;
	return 0;
}

/* ---- changing ---- */

static void on_queued(void *arg, const struct queue_msg *m)
{
	struct job *j = arg;
	buf_reset(&j->queued);
	handoff_encode(&j->queued, m);
}

/* In a pool thread: noted here, told in the coroutine. */
static int on_lesson(void *arg, const struct quarantine_msg *m, slice who, bool spam, struct err *e)
{
	struct job *j = arg;
	(void)e;
	j->lesson = true;
	j->spam = spam;
	j->about = m->msg.id;
	j->pupil = arena_dup(j->a, who);
	return 0;
}

static struct quarantine_hands hands_of(struct job *j, struct sql *db)
{
	return (struct quarantine_hands){
		.queue_db = db,
		.data = j->w->config->server->data,
		.conf = j->w->quarantine,
		.lifetime = j->w->config->queue->lifetime,
		.teach = on_lesson,
		.queued = on_queued,
		.arg = j,
	};
}

static int act(struct job *j, struct sql *db)
{
	const struct quarantine_hands hands = hands_of(j, db);
	return quarantine_act(&hands, j->actor, j->verb, j->id, j->idx, true, j->a, j->out, &j->e);
}

static int tell_lesson(struct web *w, const struct job *j, struct err *e)
{
	AUTO(arena) struct arena a = {0};
	AUTO(buf) struct buf bytes = BUF((size_t)w->config->learning->max_size);
	struct quarantine_msg m;
	if (web_load(w, j->about, &a, &m, e) < 0 || web_read(w, &m, bytes.limit, &bytes, e) < 0)
		return -1;
	const struct training_told told = {.source = TRAINING_RELEASE,
		.who = j->pupil,
		.spam = j->spam,
		.message = buf_slice(&bytes)};
	return learn_tell(w->learn_link, &told, e);
}

/* In the coroutine. */
static void tell_others(struct web *w, struct job *j)
{
	struct err e;
	if (j->queued.n)
		link_send(w->queue_link, buf_slice(&j->queued)); /* lost: its sweep finds it */
	if (j->lesson && w->config->learning->enabled && tell_lesson(w, j, &e) < 0)
		log_warn(NULL, "web.lesson", F("error", &e));
	buf_done(&j->queued);
}

int web_act(struct web *w, const struct quarantine_actor *who, enum quarantine_verb verb, msg_id id,
	int32_t idx, struct arena *a, struct quarantine_done *ret, struct err *e)
{
	struct job j = {.w = w,
		.fn = act,
		.writes = true,
		.a = a,
		.id = id,
		.idx = idx,
		.actor = who,
		.verb = verb,
		.out = ret,
		.queued = BUF(HANDOFF_MAX)};
	int r = run(&j, e);
	tell_others(w, &j);
	return r;
}

/* Its functions go to the pool on their own, with connections that nobody else uses; one at a time. */
int web_user_report(struct web *w, const struct user_report *r, struct arena *a,
	struct user_report_done *ret, struct err *e)
{
	struct web_store *s = w->store;
	struct job j = {.w = w, .a = a, .queued = BUF(HANDOFF_MAX)};
	const struct quarantine_hands deeds = hands_of(&j, s->report_writer);
	const struct user_report_hands hands = {
		.learn = w->learn_link,
		.lists = s->lists,
		.learning = w->config->learning,
		.hostname = w->config->hostname,
		.queue_read = s->report_reader,
		.hands = &deeds,
	};
	while (s->reporting)
		if (cond_wait(&s->reported, instant_in(MINUTE), e) < 0)
			return -1;
	s->reporting = true;
	int result = user_report(&hands, r, a, ret, e);
	s->reporting = false;
	cond_wake_one(&s->reported);
	tell_others(w, &j);
	return result;
}

static int in_transaction(struct job *j, struct sql *db, int (*fn)(struct job *, struct sql *))
{
	if (sql_begin(db, &j->e) < 0)
		return -1;
	if (fn(j, db) < 0) {
		sql_rollback(db);
		return -1;
	}
	return sql_commit(db, &j->e);
}

static int ask_digest_tx(struct job *j, struct sql *db)
{
	const struct digest_due d = {.name = j->who, .since = DIGEST_ASKED, .due_at = wall_now()};
	return digest_due_add_tx(db, &d, &j->e);
}

static int ask_digest(struct job *j, struct sql *db)
{
	return in_transaction(j, db, ask_digest_tx);
}

int web_ask_digest(struct web *w, slice who, struct err *e)
{
	AUTO(arena) struct arena a = {0};
	struct job j = {.w = w, .fn = ask_digest, .writes = true, .who = who};
	slice name;
	if (directory_canonical(who, &a, &name))
		j.who = name;
	return run(&j, e);
}

/* ---- letters ---- */

struct reading {
	struct blobs *blobs;
	const struct quarantine_msg *m;
	uint64_t most;
	struct buf *out;
	int result;
	struct err e;
};

static void read_blob(void *arg)
{
	struct reading *r = arg;
	struct blob_reader *b;
	slice piece;
	r->result = blob_open(r->blobs, r->m->msg.blob, &b, &r->e);
	if (r->result < 0)
		return;
	int got = 1;
	while (r->out->n < r->most && (got = blob_next(b, &piece, &r->e)) == 1)
		buf_put(r->out, slice_first(piece, (size_t)(r->most - r->out->n)));
	blob_close(b);
	r->result = got < 0 ? -1 : 0;
}

int web_read(struct web *w, const struct quarantine_msg *m, uint64_t most, struct buf *out,
	struct err *e)
{
	struct reading r = {.blobs = w->blobs, .m = m, .most = most, .out = out};
	pool_call(read_blob, &r);
	if (r.result < 0)
		*e = r.e;
	return r.result;
}
