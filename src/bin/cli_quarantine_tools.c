/*
 * What verbs of `posthouse quarantine` work with (cli_quarantine.h): reading a message, teaching by the journal (as
 * `posthouse learn` does), waking the running server.
 */
#include "bin/cli_quarantine.h"

#include "base/mem.h"
#include "base/time.h"
#include "bin/cli_learn.h"
#include "bin/serve.h"
#include "mail/route.h"
#include "store/blob.h"
#include "training/journal.h"

enum { MESSAGE_MAX = 1 << 30 };

int held_read(struct held_tools *t, const struct quarantine_msg *m, struct buf *out, struct err *e)
{
	if (!t->blobs && blobs_open(t->env->config.server->data, &t->blobs, e) < 0)
		return -1;
	buf_put(out, m->msg.prefix);
	return blob_read(t->blobs, m->msg.blob, out, e);
}

static int teach(void *arg, const struct quarantine_msg *m, slice who, bool spam, struct err *e)
{
	struct held_tools *t = arg;
	AUTO(buf) struct buf letter = BUF(MESSAGE_MAX);
	AUTO(arena) struct arena a = {0};
	int64_t id, max = t->env->config.learning->max_size;
	struct sql *db;
	if (held_read(t, m, &letter, e) < 0 ||
		sql_open(journal_dir(t->env->config.server->data, &a), JOURNAL_DB, &db, e) < 0)
		return -1;
	struct training_told told = {.source = who.n ? TRAINING_RELEASE : TRAINING_ADMIN,
		.who = who,
		.spam = spam,
		.message = buf_slice(&letter)};
	int r = sql_begin(db, e);
	if (r == 0 && journal_tell_tx(db, &told, wall_now(), (size_t)max, &id, e) < 0) {
		sql_rollback(db);
		r = -1;
	} else if (r == 0) {
		r = sql_commit(db, e);
	}
	sql_close(db);
	t->taught += r == 0;
	return r;
}

static void queued(void *arg, const struct queue_msg *m)
{
	(void)m;
	((struct held_tools *)arg)->queued++;
}

struct quarantine_hands held_hands(struct held_tools *t, struct sql *queue)
{
	return (struct quarantine_hands){.queue_db = queue,
		.data = t->env->config.server->data,
		.conf = t->env->config.quarantine,
		.lifetime = t->env->config.queue->lifetime,
		.teach = teach,
		.queued = queued,
		.arg = t};
}

/* Tells the running server what was put before it. */
void held_tools_done(struct held_tools *t)
{
	if (t->taught)
		cli_learn_wake(t->env);
	if (t->queued) {
		cli_env_as_caller(t->env);
		serve_wake_queue(t->env->config.server->run);
	}
	blobs_close(t->blobs);
	t->blobs = NULL;
}

int held_route(struct cli_env *env, slice address, struct arena *a, slice *ret_dest, struct err *e)
{
	struct directory *dir;
	struct route_decision d;
	if (directory_open(env->config.server->data, &dir, e) < 0)
		return -1;
	directory_set_postmaster(dir, env->config.postmaster);
	struct route_lookup l = route_lookup_directory(dir);
	int r = route_decide(&l, address, false, a, &d, e);
	if (r == 0 && d.kind == ROUTE_ERROR)
		r = err_set(e, ERR_NOTFOUND, "mail for %.*s goes nowhere: %.*s", SFMT(address),
			SFMT(d.text));
	else if (r == 0)
		*ret_dest = arena_dup(a, d.dest);
	directory_close(dir);
	return r;
}
