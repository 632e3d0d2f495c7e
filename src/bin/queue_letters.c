/*
 * What letters to people need (queue_letters.h): readers' languages, links, sentences, and queueing. Called by
 * queue_notice.c, queue_digest.c and queue_user_report.c, in coroutines of the queue process.
 */
#include "bin/queue_letters.h"

#include "base/mem.h"
#include "bin/filter_conf.h"
#include "bin/queue.h"
#include "codec/address.h"
#include "codec/signal.h"
#include "run/log.h"
#include "run/pool.h"

/* ---- reading ---- */

struct reading {
	struct queue_letters *l;
	letters_fn fn;
	void *arg;
	int status;
	struct err e;
};

static void read_in_pool(void *arg)
{
	struct reading *r = arg;
	pthread_mutex_lock(&r->l->lock);
	r->status = r->fn(r->l->queue_db, r->l->directory_db, r->arg, &r->e);
	pthread_mutex_unlock(&r->l->lock);
}

int queue_letters_read(struct queue_letters *l, letters_fn fn, void *arg, struct err *e)
{
	struct reading r = {.l = l, .fn = fn, .arg = arg};
	pool_call(read_in_pool, &r);
	if (r.status < 0)
		*e = r.e;
	return r.status;
}

/* ---- readers ---- */

struct planning {
	slice address;
	struct arena *a;
	struct digest_plan plan;
};

static int apply(struct planning *p, struct sql *directory, slice name, struct err *e)
{
	struct digest_setting s;
	if (name.n == 0)
		return 0;
	if (digest_setting_get(directory, name, p->a, &s, e) == 0)
		digest_plan_apply(&p->plan, &s);
	else if (e->kind != ERR_NOTFOUND)
		return -1;
	return 0;
}

static int read_plan(struct sql *queue, struct sql *directory, void *arg, struct err *e)
{
	struct planning *p = arg;
	slice name, local, domain = {0};
	(void)queue;
	if (!directory_canonical(p->address, p->a, &name))
		name = p->address; /* of a group */
	else if (address_split(name, &local, &domain))
		domain = arena_printf(p->a, "@%.*s", SFMT(domain));
	return apply(p, directory, domain, e) < 0 ? -1 : apply(p, directory, name, e);
}

struct digest_plan queue_letters_plan(
	struct queue_letters *l, const struct queue_settings *s, slice address, struct arena *a)
{
	struct planning p = {.address = address, .a = a, .plan = digest_plan_of(s->config.digest)};
	struct err e;
	if (queue_letters_read(l, read_plan, &p, &e) < 0)
		log_warn(NULL, "letters.settings", F("address", address), F("error", &e));
	return p.plan;
}

size_t queue_letters_admins(
	const struct queue_settings *s, struct arena *a, slice ret[LETTERS_TO_MAX])
{
	const struct conf_list *to = &s->config.alarm->to;
	slice local, domain;
	for (size_t i = 0; i < to->n && i < LETTERS_TO_MAX; i++)
		ret[i] = to->v[i];
	if (to->n)
		return to->n < LETTERS_TO_MAX ? to->n : LETTERS_TO_MAX;
	if (!address_split(s->config.postmaster, &local, &domain))
		domain = s->config.hostname;
	/* Answered for even where the domain is not ours (directory_set_postmaster). */
	ret[0] = arena_printf(a, "postmaster@%.*s", SFMT(domain));
	return 1;
}

/* ---- links and sentences ---- */

slice queue_letters_link(struct queue_letters *l, const struct queue_settings *s,
	const struct token *t, struct arena *a, struct err *e)
{
	AUTO(buf) struct buf text = BUF(TOKEN_TEXT_MAX);
	slice url = s->config.digest->url;
	*e = (struct err){0};
	if (url.n == 0 || token_make(l->q->keys, t, &text, e) < 0)
		return (slice){0};
	while (slice_ends(url, S("/")))
		url.n--;
	return arena_printf(a, "%.*s/d/%.*s", SFMT(url), SFMT(buf_slice(&text)));
}

unsigned queue_letters_reasons(struct queue_letters *l, slice signals, bool chinese,
	struct arena *a, slice ret[LETTERS_REASONS_MAX])
{
	slice name, detail;
	double score;
	unsigned n = 0;
	/* They are printed with the largest first. */
	while (n < LETTERS_REASONS_MAX && signals_next(&signals, &name, &score, &detail)) {
		const struct signal_def *d = score > 0 ? signal_words_def(&l->words, name) : NULL;
		if (d)
			ret[n++] = arena_dup(a, slice_z(chinese ? d->zh : d->en));
	}
	return n;
}

/* ---- sending ---- */

struct sending {
	const struct queue_letters_job *job;
	struct queue_msg m[LETTERS_TO_MAX];
	blob_id blobs[LETTERS_TO_MAX];
	unsigned n;
};

static int add_all(struct sql *db, void *arg, struct err *e)
{
	struct sending *s = arg;
	for (unsigned i = 0; i < s->n; i++)
		if (queue_add_tx(db, &s->m[i], e) < 0)
			return -1;
	return s->job->then ? s->job->then(db, s->job->arg, e) : 0;
}

static int make_all(struct queue_letters *l, struct queue_settings *set, struct sending *s,
	struct arena *a, struct err *e)
{
	const struct digest_conf *c = set->config.digest;
	struct queue *q = l->q;
	for (size_t i = 0; i < s->job->nto && s->n < LETTERS_TO_MAX; i++) {
		struct notice_letter letter = s->job->letters[s->job->each ? i : 0];
		if (!letter.as_written) {
			letter.from = c->from.n ? c->from : set->config.postmaster;
			letter.from_name = c->from_name.n   ? c->from_name
					   : letter.chinese ? S("邮件隔离区")
							    : S("Mail quarantine");
		}
		letter.lifetime = LETTERS_LIFETIME_S * SECOND;
		letter.to = s->job->to[i];
		int r = notice_make(&letter, set->config.hostname, &set->signing, &q->routes,
			q->blobs, wall_now(), a, &s->m[s->n], e);
		if (r < 0 && e->kind != ERR_NOTFOUND)
			return -1;
		if (r < 0) {
			log_warn(NULL, "letters.nowhere", F("kind", letter.kind),
				F("to", letter.to), F("error", e));
			continue;
		}
		s->m[s->n].priority = s->job->priority;
		s->blobs[s->n] = s->m[s->n].blob;
		s->n++;
	}
	return 0;
}

static void feed(struct queue *q, const struct sending *s)
{
	for (unsigned i = 0; i < s->n; i++) {
		struct letter *l = letter_copy(&s->m[i]);
		queue_feed_letter(q, l);
		letter_unref(l);
	}
}

int queue_letters_send(struct queue_letters *l, struct queue_settings *set,
	const struct queue_letters_job *job, struct arena *a, unsigned *ret_n, msg_id *ret_first,
	struct err *e)
{
	struct queue *q = l->q;
	struct sending *s = ARENA_NEW(a, struct sending);
	s->job = job;
	if (make_all(l, set, s, a, e) < 0) {
		for (unsigned i = 0; i < s->n; i++)
			blob_settle(q->blobs, s->blobs[i]);
		return -1;
	}
	int r = s->n ? commit_run_blobs(q->queue_commit, s->blobs, s->n, add_all, s, e)
		     : commit_run(q->queue_commit, add_all, s, e);
	if (r < 0)
		return -1;
	feed(q, s);
	*ret_n = s->n;
	*ret_first = s->n ? s->m[0].id : 0;
	return 0;
}

/* ---- opening ---- */

struct queue_letters *queue_letters_new(struct queue *q)
{
	struct queue_letters *l = NEW(struct queue_letters);
	l->q = q;
	l->words.dir = arena_dup(&q->mem, q->settings->config.filter->rules);
	l->words.data = arena_dup(&q->mem, q->settings->config.server->data);
	signal_words_def(&l->words, S(" "));
	pthread_mutex_init(&l->lock, NULL);
	return l;
}

int queue_letters_open(struct queue_letters *l, struct err *e)
{
	slice data = l->q->settings->config.server->data;
	if (sql_open_read(data, "queue", &l->queue_db, e) < 0)
		return -1;
	return sql_open_read(data, "directory", &l->directory_db, e);
}

void queue_letters_close(struct queue_letters *l)
{
	if (!l)
		return;
	sql_close(l->queue_db);
	sql_close(l->directory_db);
	pthread_mutex_destroy(&l->lock);
	zones_done(&l->zones);
	signal_words_done(&l->words);
	free(l);
}
