/*
 * The fair sweep (queue.h). Destinations are found by stepping through the index rcpt_due: each
 * step asks for the first row behind the last (destination, priority, lane), so what is skipped or
 * not yet due costs one step, however many messages wait there. Nothing is read in proportion to
 * the queue.
 *
 * Called by the queue process in its pool; no rules of delivery here.
 */
#include "base/mem.h"
#include "base/rand.h"
#include "store/queue.h"

enum { HEADS_MAX = QUEUE_PRIORITIES * QUEUE_LANES, BEHIND_ALL = 1000, DEST_MAX = 4096 };

/* The first waiting row of one (destination, priority, lane). */
struct head {
	int64_t priority, lane, next_at;
};

struct walk {
	struct sql *db;
	const struct queue_sweep *s;
	struct err *e;
	unsigned left, steps; /* groups that may still be found; steps made */
	int64_t next_at;
	struct head head; /* where the walk stands, and at which destination */
	struct buf dest;
	struct buf serving, scratch; /* the destination being served; the sender, and swaps */
};

/* Moves to the first row behind (dest, priority, lane): 1, 0 at the end of the queue, -1. */
static int next_head(struct walk *w, int64_t priority, int64_t lane)
{
	struct sql_stmt *s = sql_prepare(w->db,
		"SELECT dest, priority, lane, next_at FROM rcpt"
		" WHERE state = 0 AND (dest, priority, lane) > ($1, $2, $3)"
		" ORDER BY dest, priority, lane, next_at LIMIT 1",
		w->e);
	if (!s)
		return -1;
	sql_bind_text(s, 1, buf_slice(&w->dest));
	sql_bind_int(s, 2, priority);
	sql_bind_int(s, 3, lane);
	w->steps++;
	int r = sql_step(s, w->e);
	if (r != 1)
		return r;
	w->head = (struct head){sql_int(s, 1), sql_int(s, 2), sql_int(s, 3)};
	buf_reset(&w->scratch);
	buf_put(&w->scratch, sql_text(s, 0));
	sql_reset(s);
	struct buf last = w->dest;
	w->dest = w->scratch;
	w->scratch = last;
	return 1;
}

static int next_dest(struct walk *w)
{
	return next_head(w, BEHIND_ALL, BEHIND_ALL);
}

/* Tells the sweeper about one group: 1, 0 when its message is missing (store verify knows), -1. */
static int report(struct walk *w, const struct head *h, msg_id id, int64_t next_at)
{
	struct sql_stmt *s = sql_prepare(w->db, "SELECT sender FROM msg WHERE id = $1", w->e);
	if (!s)
		return -1;
	sql_bind_int(s, 1, id);
	int r = sql_step(s, w->e);
	if (r != 1)
		return r;
	buf_reset(&w->scratch);
	buf_put(&w->scratch, sql_text(s, 0));
	sql_reset(s);
	w->s->found(w->s->arg, &(struct queue_due){
				       .id = id,
				       .dest = buf_slice(&w->serving),
				       .sender = buf_slice(&w->scratch),
				       .priority = (enum queue_priority)h->priority,
				       .next_at = next_at,
			       });
	return 1;
}

static void note_later(struct walk *w, int64_t at)
{
	if (at < w->next_at)
		w->next_at = at;
}

/* Up to `most` groups of one head, oldest first. Returns how many, or -1. */
static int serve_head(struct walk *w, const struct head *h, unsigned most)
{
	struct sql_stmt *s = sql_prepare(w->db,
		"SELECT DISTINCT next_at, msg FROM rcpt"
		" WHERE state = 0 AND dest = $1 AND priority = $2 AND lane = $3"
		" ORDER BY next_at, msg LIMIT $4",
		w->e);
	if (!s)
		return -1;
	sql_bind_text(s, 1, buf_slice(&w->serving));
	sql_bind_int(s, 2, h->priority);
	sql_bind_int(s, 3, h->lane);
	sql_bind_int(s, 4, most);
	int n = 0, r;
	while ((r = sql_step(s, w->e)) == 1) {
		int64_t next_at = sql_int(s, 0);
		if (next_at > w->s->now) {
			note_later(w, next_at);
			break;
		}
		int one = report(w, h, sql_int(s, 1), next_at);
		if (one < 0) {
			sql_reset(s);
			return -1;
		}
		n += one;
	}
	if (r == 1)
		sql_reset(s);
	return r < 0 ? -1 : n;
}

/* The lanes of one priority share what is allowed; who goes first changes from sweep to sweep. */
static int serve_lanes(struct walk *w, const struct head *heads, size_t n, unsigned allowed)
{
	size_t start = n > 1 ? (size_t)rand_below(n) : 0;
	int served = 0;
	for (size_t i = 0; i < n && allowed; i++) {
		unsigned share = allowed / (unsigned)(n - i);
		int got = serve_head(w, &heads[(start + i) % n], share ? share : 1);
		if (got < 0)
			return -1;
		served += got;
		allowed -= (unsigned)got;
	}
	return served;
}

static unsigned priorities_in(const struct head *heads, size_t n)
{
	unsigned count = n > 0;
	for (size_t i = 1; i < n; i++)
		count += heads[i].priority != heads[i - 1].priority;
	return count;
}

static int serve_heads(struct walk *w, const struct head *heads, size_t n)
{
	unsigned per_dest = w->s->per_dest, reserve = per_dest / 8;
	unsigned left = per_dest < w->left ? per_dest : w->left;
	for (size_t i = 0, end; i < n; i = end) {
		for (end = i + 1; end < n && heads[end].priority == heads[i].priority;)
			end++;
		unsigned lower = priorities_in(heads + end, n - end) * reserve;
		int got = serve_lanes(w, heads + i, end - i, left > lower ? left - lower : left);
		if (got < 0)
			return -1;
		left -= (unsigned)got;
		w->left -= (unsigned)got;
	}
	return 0;
}

/* Serves the destination at which the walk stands and moves on to the next. As next_head. */
static int serve_dest(struct walk *w)
{
	struct head due[HEADS_MAX];
	size_t n = 0;
	int r = 1;
	buf_reset(&w->serving);
	buf_put(&w->serving, buf_slice(&w->dest));
	while (r == 1 && n < HEADS_MAX && slice_eq(buf_slice(&w->dest), buf_slice(&w->serving))) {
		if (w->head.next_at <= w->s->now)
			due[n++] = w->head;
		else
			note_later(w, w->head.next_at);
		r = next_head(w, w->head.priority, w->head.lane);
	}
	if (r < 0 || serve_heads(w, due, n) < 0)
		return -1;
	return r;
}

static bool skipped(const struct walk *w, slice dest)
{
	return w->s->skip && !slice_eq(dest, S(QUEUE_DEST_BOUNCE)) && w->s->skip(w->s->arg, dest);
}

static int walk_on(struct walk *w, struct buf *cursor)
{
	int r = next_dest(w);
	while (r == 1 && w->left && w->steps < QUEUE_SWEEP_STEPS) {
		buf_reset(cursor);
		buf_put(cursor, buf_slice(&w->dest));
		r = skipped(w, buf_slice(&w->dest)) ? next_dest(w) : serve_dest(w);
	}
	if (r == 0)
		buf_reset(cursor);
	return r;
}

int queue_sweep(struct sql *db, const struct queue_sweep *s, struct buf *cursor,
	int64_t *ret_next_at, struct err *e)
{
	struct walk w = {
		.db = db,
		.s = s,
		.e = e,
		.left = s->most,
		.next_at = INT64_MAX,
		.dest = BUF(DEST_MAX),
		.serving = BUF(DEST_MAX),
		.scratch = BUF(DEST_MAX),
	};
	buf_put(&w.dest, buf_slice(cursor));
	int r = walk_on(&w, cursor);
	buf_done(&w.dest);
	buf_done(&w.serving);
	buf_done(&w.scratch);
	if (r < 0)
		return -1;
	*ret_next_at = w.next_at;
	return 0;
}
