/*
 * What the command line and the console ask of the queue: filtered lists and totals. Reads in
 * pieces of LIST_PIECE rows, so no read transaction lives longer than a few milliseconds and
 * whoever pages through a million rows does not hold up the folding of the log.
 */
#include "base/mem.h"
#include "base/time.h"
#include "store/queue.h"
#include "store/wildcard.h"

enum { LIST_PIECE = 500 };

struct piece {
	struct arena a;
	struct queue_row rows[LIST_PIECE];
	size_t n;
};

static struct queue_row read_row(struct sql_stmt *s, struct arena *a)
{
	return (struct queue_row){
		.id = sql_int(s, 0),
		.idx = (int32_t)sql_int(s, 1),
		.sender = arena_dup(a, sql_text(s, 2)),
		.rcpt = arena_dup(a, sql_text(s, 3)),
		.dest = arena_dup(a, sql_text(s, 4)),
		.reason = arena_dup(a, sql_text(s, 5)),
		.client = arena_dup(a, sql_text(s, 6)),
		.attempts = (int32_t)sql_int(s, 7),
		.size = (uint64_t)sql_int(s, 8),
		.arrived_at = sql_int(s, 9),
		.next_at = sql_int(s, 10),
		.expires_at = sql_int(s, 11),
		.state = (enum rcpt_state)sql_int(s, 12),
		.priority = (enum queue_priority)sql_int(s, 13),
	};
}

/* The rows behind (id, idx), in the order of the key, which is the order of arrival. */
static int read_piece(struct sql *db, const struct queue_filter *f, msg_id id, int32_t idx,
	struct piece *p, struct err *e)
{
	arena_reset(&p->a);
	p->n = 0;
	struct sql_stmt *s = sql_prepare(db,
		"SELECT r.msg, r.idx, m.sender, r.address, r.dest, r.reason, m.client, r.attempts, "
		"m.size,"
		" m.arrived_at, r.next_at, m.expires_at, r.state, r.priority"
		" FROM rcpt r JOIN msg m ON m.id = r.msg"
		" WHERE (r.msg, r.idx) > ($1, $2) AND r.msg <= $3 ORDER BY r.msg, r.idx LIMIT $4",
		e);
	if (!s)
		return -1;
	sql_bind_int(s, 1, id);
	sql_bind_int(s, 2, idx);
	sql_bind_int(s, 3, f->id ? f->id : INT64_MAX);
	sql_bind_int(s, 4, LIST_PIECE);
	int r;
	while ((r = sql_step(s, e)) == 1 && p->n < LIST_PIECE)
		p->rows[p->n++] = read_row(s, &p->a);
	if (r == 1)
		sql_reset(s);
	return r < 0 ? -1 : 0;
}

static bool matches(const struct queue_filter *f, const struct queue_row *r)
{
	slice domain = slice_skip(r->rcpt, slice_rindex(r->rcpt, '@') + 1);
	return (f->state < 0 || f->state == (int)r->state) &&
	       (f->priority < 0 || f->priority == (int)r->priority) &&
	       (!f->before || r->arrived_at < f->before) &&
	       (!f->after || r->arrived_at >= f->after) &&
	       wildcard_match_address(f->sender, r->sender) &&
	       wildcard_match_address(f->rcpt, r->rcpt) && wildcard_match(f->domain, domain) &&
	       wildcard_contains(f->dest, r->dest) && wildcard_contains(f->reason, r->reason);
}

int queue_list(struct sql *db, const struct queue_filter *f, uint64_t most,
	bool (*row)(void *arg, const struct queue_row *r), void *arg, struct err *e)
{
	struct piece *p = NEW(struct piece);
	msg_id id = f->id ? f->id - 1 : 0;
	int32_t idx = INT32_MAX;
	int r = 0;
	bool go_on = most > 0;
	while (go_on && (r = read_piece(db, f, id, idx, p, e)) == 0 && p->n) {
		for (size_t i = 0; i < p->n && go_on; i++)
			if (matches(f, &p->rows[i]))
				go_on = row(arg, &p->rows[i]) && --most > 0;
		id = p->rows[p->n - 1].id;
		idx = p->rows[p->n - 1].idx;
	}
	arena_done(&p->a);
	free(p);
	return r;
}

int queue_totals(struct sql *db, struct queue_totals *ret, struct err *e)
{
	struct sql_stmt *s = sql_prepare(db,
		"SELECT COUNT(*), CAST(COALESCE(SUM(size), 0) AS BIGINT), "
		"COALESCE(MIN(arrived_at), 0) FROM msg",
		e);
	if (!s || sql_step(s, e) < 0)
		return -1;
	struct queue_totals t = {.messages = (uint64_t)sql_int(s, 0),
		.bytes = (uint64_t)sql_int(s, 1),
		.oldest_at = sql_int(s, 2)};
	sql_reset(s);
	s = sql_prepare(db,
		"SELECT COUNT(*), COUNT(CASE WHEN state = 1 THEN 1 END),"
		" COUNT(CASE WHEN state = 0 AND (attempts > 0 OR reason <> '') THEN 1 END) FROM rcpt",
		e);
	if (!s || sql_step(s, e) < 0)
		return -1;
	t.recipients = (uint64_t)sql_int(s, 0);
	t.held = (uint64_t)sql_int(s, 1);
	t.deferred = (uint64_t)sql_int(s, 2);
	sql_reset(s);
	*ret = t;
	return 0;
}
