/*
 * Looking at mail again (keeper_again.h): where it stands, asking the engines, and what is said of what they found. Called by
 * keeper.c. What the quarantine has is in keeper_again_held.c, what was delivered in keeper_again_mail.c.
 */
#include "bin/keeper_again_impl.h"

#include "base/cur.h"
#include "base/mem.h"
#include "bin/config.h"
#include "mail/letter.h"
#include "run/log.h"
#include "run/memfile.h"
#include "run/metrics.h"
#include "run/pool.h"
#include "store/changes.h"
#include "store/directory.h"
#include "store/trace.h"
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>

METRIC_COUNTER(looked, "posthouse_engine_again_total", "", "Messages that were looked at again.");
METRIC_COUNTER(found, "posthouse_engine_again_infected_total", "",
	"Messages in which a virus was found when they were looked at again.");

enum { LETTER_MAX = 1 << 30 };
#define PAUSE_LEAST (10 * MSEC)
#define ASK_TIME (2 * MINUTE)

void again_found(void)
{
	metric_add(&found, 1);
}

/* ---- where it stands ---- */

static const char *state_path(slice data, struct arena *a, const char *more)
{
	return arena_strz(a, arena_printf(a, "%.*s/db/engines.again%s", SFMT(data), more));
}

static void read_state(struct again *g)
{
	AUTO(arena) struct arena a = {0};
	char bytes[AGAIN_STATE_MAX];
	AUTO(fd) int fd = open(state_path(g->data, &a, ""), O_RDONLY | O_CLOEXEC);
	ssize_t n = fd >= 0 ? read(fd, bytes, sizeof bytes) : 0;
	struct cur c = cur_of(slice_of(bytes, n > 0 ? (size_t)n : 0));
	uint64_t version = cur_u64(&c);
	unsigned phase = cur_u8(&c), shard = cur_u8(&c);
	struct mailbox_mark mark = {
		(int64_t)cur_u64(&c), (msg_id)cur_u64(&c), (int32_t)cur_u32(&c)};
	slice cursor = cur_str(&c);
	bool good = cur_ok(&c) && phase <= PHASE_DONE && shard <= MAILBOX_SHARDS;
	g->version = good ? version : 0;
	g->phase = good ? (enum phase)phase : PHASE_HELD;
	g->shard = good ? (int)shard : 0;
	g->mark = good ? mark : (struct mailbox_mark){0};
	buf_reset(&g->cursor);
	buf_put(&g->cursor, good ? cursor : S(""));
}

/* What is lost of it costs work, not mail. */
void again_write_state(const struct again *g)
{
	AUTO(arena) struct arena a = {0};
	AUTO(buf) struct buf out = BUF(AGAIN_STATE_MAX);
	buf_u64(&out, g->version);
	buf_u8(&out, (uint8_t)g->phase);
	buf_u8(&out, (uint8_t)g->shard);
	buf_u64(&out, (uint64_t)g->mark.account_id);
	buf_u64(&out, (uint64_t)g->mark.queue_id);
	buf_u32(&out, (uint32_t)g->mark.rcpt_idx);
	buf_str(&out, buf_slice(&g->cursor));
	const char *fresh = state_path(g->data, &a, ".new");
	AUTO(fd) int fd = open(fresh, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	if (fd < 0 || !buf_ok(&out) || write(fd, out.p, out.n) != (ssize_t)out.n ||
		rename(fresh, state_path(g->data, &a, "")) < 0)
		log_warn(NULL, "again.state", F("errno", errno));
}

int again_forget(slice data, struct err *e)
{
	AUTO(arena) struct arena a = {0};
	if (unlink(state_path(data, &a, "")) < 0 && errno != ENOENT)
		return err_sys(e, errno, "%s", state_path(data, &a, ""));
	return 0;
}

static void begin(struct again *g, uint64_t version)
{
	g->version = version;
	g->phase = PHASE_HELD;
	g->shard = 0;
	g->mark = (struct mailbox_mark){0};
	buf_reset(&g->cursor);
	again_write_state(g);
	log_info(NULL, "again.begin", F("version", version));
}

/* ---- asking ---- */

int again_look_at(struct again *g, const struct queue_msg *m, struct arena *a, slice *ret_virus,
	struct err *e)
{
	AUTO(buf) struct buf bytes = BUF(LETTER_MAX);
	struct queue_msg bare = *m;
	struct engines_answer w;
	bare.prefix = S("");
	if (m->size >= LETTER_MAX)
		return 0; /* nothing takes one so large */
	if (letter_read(g->blobs, &bare, SIZE_MAX, false, &bytes, e) < 0)
		return e->kind == ERR_TEMP ? -1 : 0;
	AUTO(fd) int fd = memfile_of("message", buf_slice(&bytes), e);
	if (fd < 0)
		return -1;
	const struct engines_asked q = {.purpose = ENGINE_AGAIN,
		.fd = fd,
		.size = bytes.n,
		.name = S("message.eml"),
		.deadline = instant_in(ASK_TIME)};
	engines_ask(g->engines, &q, a, &w);
	metric_add(&looked, 1);
	*ret_virus = w.virus;
	if (w.infected)
		return 1;
	return w.failed.n ? err_set(e, ERR_TEMP, "%.*s", SFMT(slice_first(w.failed, 200))) : 0;
}

int again_rest(instant began, struct err *e)
{
	int64_t took = instant_now() - began;
	return co_sleep(instant_in(took > PAUSE_LEAST ? took : PAUSE_LEAST), e);
}

/* ---- a step in the pool ---- */

struct step {
	struct again *g;
	int (*fn)(struct again *g, void *arg, struct err *e);
	void *arg;
	int result;
	struct err *e;
};

static void run_step(void *arg)
{
	struct step *s = arg;
	s->result = s->fn(s->g, s->arg, s->e);
}

int again_step(struct again *g, int (*fn)(struct again *g, void *arg, struct err *e), void *arg,
	struct err *e)
{
	struct step s = {g, fn, arg, 0, e};
	pool_call(run_step, &s);
	return s.result;
}

/* ---- what is said about it ---- */

int again_in_transaction(struct sql *db, int (*fn)(struct sql *db, void *arg, struct err *e),
	void *arg, struct err *e)
{
	if (sql_begin(db, e) < 0)
		return -1;
	if (fn(db, arg, e) == 0)
		return sql_commit(db, e);
	sql_rollback(db);
	return -1;
}

struct saying {
	msg_id id;
	int32_t idx;
	slice log;
};

static int say_tx(struct sql *db, void *arg, struct err *e)
{
	const struct saying *s = arg;
	return trace_note_tx(db, s->id, s->idx, s->log, e);
}

int again_say_infected(
	struct again *g, msg_id id, int32_t idx, slice virus, const char *where, struct err *e)
{
	AUTO(buf) struct buf log = BUF(TRACE_LOG_MAX);
	trace_event(&log, wall_now(), "infected", "virus", virus, "where", slice_z(where), "by",
		AGAIN_WHO, NULL);
	struct saying s = {id, idx, buf_slice(&log)};
	return again_in_transaction(g->trace, say_tx, &s, e) < 0 && e->kind != ERR_NOTFOUND ? -1
											    : 0;
}

int again_alarm(
	struct sql *db, const struct notice_alarm *w, msg_id about, struct arena *a, struct err *e)
{
	const struct notice n = {.kind = NOTICE_ALARM,
		.about = about,
		.idx = 0,
		.data = notice_alarm_data(w, a),
		.at = wall_now()};
	return notice_add_tx(db, &n, e) < 0 && e->kind != ERR_TEMP ? -1 : 0;
}

/* ---- all of it ---- */

static int go_on(struct again *g, struct err *e)
{
	for (; g->phase < PHASE_MAILBOXES; again_write_state(g)) {
		if (again_kept(g, e) < 0)
			return -1;
		g->phase++;
		buf_reset(&g->cursor);
	}
	if (g->phase == PHASE_MAILBOXES) {
		if (again_mailboxes(g, e) < 0)
			return -1;
		g->phase = PHASE_DONE;
		g->shard = 0;
		again_write_state(g);
		log_info(NULL, "again.done", F("version", g->version));
	}
	return 0;
}

/* The state is read each time: the command line may have taken it away. */
static void look_round(struct again *g)
{
	struct err e;
	uint64_t version = engines_version(g->engines, instant_in(10 * SECOND));
	if (!version)
		return;
	read_state(g);
	if (g->version != version)
		begin(g, version);
	if (go_on(g, &e) < 0 && e.kind != ERR_CLOSED)
		log_warn(NULL, "again.later", F("error", &e));
}

void again_run(struct again *g)
{
	struct err e;
	do
		if (engines_any(g->engines, ENGINE_AGAIN))
			look_round(g);
	while (cond_wait(&g->woken, instant_in(g->conf.poll), &e) == 0 || e.kind == ERR_TIMEOUT);
}

void again_configure(struct again *g, const struct config *c)
{
	g->conf = *(const struct engines_conf *)conf_get(c->conf, &engines_section);
	g->held = *c->quarantine;
	engines_configure(g->engines, c->conf);
}

void again_wake(struct again *g)
{
	cond_wake_all(&g->woken);
}

static int open_dbs(struct again *g, struct err *e)
{
	if (blobs_open(g->data, &g->blobs, e) < 0 || sql_open(g->data, "queue", &g->queue, e) < 0 ||
		sql_open(g->data, "directory", &g->directory, e) < 0 ||
		sql_open(g->data, "trace", &g->trace, e) < 0)
		return -1;
	for (int i = 0; i < MAILBOX_SHARDS; i++)
		if (sql_open(g->data, mailbox_db_name(i), &g->shards[i], e) < 0)
			return -1;
	return changes_open(g->data, &g->changes, e);
}

int again_open(const struct config *c, struct engines *engines, struct again **ret, struct err *e)
{
	struct again *g = NEW(struct again);
	g->data = arena_dup(&g->mem, c->server->data);
	g->cursor = BUF(AGAIN_STATE_MAX / 2);
	g->engines = engines;
	cond_init(&g->woken);
	again_configure(g, c);
	if (open_dbs(g, e) < 0) {
		again_close(g);
		return -1;
	}
	*ret = g;
	return 0;
}

void again_close(struct again *g)
{
	if (!g)
		return;
	for (int i = 0; i < MAILBOX_SHARDS; i++)
		sql_close(g->shards[i]);
	changes_close(g->changes);
	sql_close(g->trace);
	sql_close(g->directory);
	sql_close(g->queue);
	blobs_close(g->blobs);
	buf_done(&g->cursor);
	arena_done(&g->mem);
	free(g);
}
