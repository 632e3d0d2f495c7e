/*
 * Searching the trace and the queue together, newest first (trace_find). Two sources, each read in
 * pieces and filtered here, are merged by id. Called by the command line; blocks.
 *
 * A search by sender or recipient (an address or a whole domain) goes back hour by hour through the
 * index of that column; everything else walks the rows by id within the time asked for.
 */
#include "base/mem.h"
#include "base/time.h"
#include "store/trace_rows.h"
#include "store/wildcard.h"

#include <stdio.h>

enum { PIECE = 200 };
#define SLACK HOUR /* between making an id and arriving */

struct position {
	msg_id id;
	int64_t idx;
};

struct source {
	struct sql *db;
	const struct trace_filter *f;
	int (*fill)(struct source *src, struct err *e);
	struct position below; /* rows before this one are still to come */
	struct arena a;
	struct trace_row rows[PIECE];
	size_t n, at;
	bool ended;
	/* Search by key: [from, to) of one column, hour by hour. */
	slice from, to;
	int64_t hour;
};

static bool match_subject(slice pattern, slice subject)
{
	return slice_index(pattern, '*') < pattern.n ? wildcard_match(pattern, subject)
						     : wildcard_contains(pattern, subject);
}

static slice bare_message_id(slice s)
{
	s = slice_trim(s);
	return s.n >= 2 && s.p[0] == '<' && s.p[s.n - 1] == '>' ? slice_of(s.p + 1, s.n - 2) : s;
}

static bool matches(const struct trace_filter *f, const struct trace_row *r)
{
	return (!f->id || f->id == r->id) && (f->status < 0 || f->status == r->status) &&
	       (!f->since || r->arrived_at >= f->since) &&
	       (!f->until || r->arrived_at < f->until) &&
	       wildcard_match_address(f->from, r->sender) &&
	       wildcard_match_address(f->to, r->rcpt) &&
	       (wildcard_match(f->client, r->client) ||
		       wildcard_match(
			       f->client, slice_first(r->client, slice_index(r->client, ' ')))) &&
	       wildcard_match(bare_message_id(f->message_id), bare_message_id(r->message_id)) &&
	       match_subject(f->subject, r->subject);
}

/* Takes the rows of one statement whose columns are in the common order; moves `below` on. Returns
 * how many were read (kept or not), or -1. */
static int take_rows(struct source *src, struct sql_stmt *s, struct err *e)
{
	int r, seen = 0;
	while ((r = sql_step(s, e)) == 1) {
		struct trace_row row = {
			.id = sql_int(s, 0),
			.idx = (int32_t)sql_int(s, 1),
			.arrived_at = sql_int(s, 2),
			.ended_at = sql_int(s, 3),
			.sender = sql_text(s, 4),
			.rcpt = sql_text(s, 5),
			.client = sql_text(s, 6),
			.message_id = sql_text(s, 7),
			.subject = sql_text(s, 8),
			.size = (uint64_t)sql_int(s, 9),
			.status = (int)sql_int(s, 10),
			.log = sql_text(s, 11),
		};
		src->below = (struct position){row.id, row.idx};
		seen++;
		if (!matches(src->f, &row))
			continue;
		slice *const texts[] = {&row.sender, &row.rcpt, &row.client, &row.message_id,
			&row.subject, &row.log};
		for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++)
			*texts[i] = arena_dup(&src->a, *texts[i]);
		src->rows[src->n++] = row;
	}
	return r < 0 ? -1 : seen;
}

static void bind_position(struct sql_stmt *s, const struct source *src)
{
	sql_bind_int(s, 1, src->below.id);
	sql_bind_int(s, 2, src->below.idx);
	sql_bind_int(s, 3, PIECE);
}

/* One piece of a walk by id: both sources, each with its own statement. */
static int fill_by_id(struct source *src, const char *text, struct err *e)
{
	struct sql_stmt *s = sql_prepare(src->db, text, e);
	if (!s)
		return -1;
	bind_position(s, src);
	int seen = take_rows(src, s, e);
	if (seen < 0)
		return -1;
	msg_id oldest = src->f->id      ? src->f->id
			: src->f->since ? msg_id_floor(src->f->since - SLACK)
					: 0;
	src->ended = seen < PIECE || src->below.id < oldest;
	return 0;
}

static int fill_trace(struct source *src, struct err *e)
{
	return fill_by_id(src,
		"SELECT id, idx, arrived_at, ended_at, sender, rcpt, client, message_id, subject, "
		"size,"
		" status, log FROM trace WHERE (id, idx) < ($1, $2) ORDER BY id DESC, idx DESC "
		"LIMIT $3",
		e);
}

static int fill_queue(struct source *src, struct err *e)
{
	return fill_by_id(src,
		"SELECT r.msg, r.idx, m.arrived_at, 0, m.sender, r.address, m.client, "
		"m.message_id, m.subject,"
		" m.size, 0, m.log || r.log FROM rcpt r JOIN msg m ON m.id = r.msg"
		" WHERE (r.msg, r.idx) < ($1, $2) ORDER BY r.msg DESC, r.idx DESC LIMIT $3",
		e);
}

/* The latest hour before this one that has rows, or -1 in *ret. */
static int hour_before(struct source *src, int64_t hour, int64_t *ret, struct err *e)
{
	struct sql_stmt *s = sql_prepare(
		src->db, "SELECT hour FROM trace WHERE hour < $1 ORDER BY hour DESC LIMIT 1", e);
	if (!s)
		return -1;
	sql_bind_int(s, 1, hour);
	int r = sql_step(s, e);
	if (r < 0)
		return -1;
	*ret = r ? sql_int(s, 0) : -1;
	if (r)
		sql_reset(s);
	return 0;
}

static int fill_by_key(struct source *src, const char *text, struct err *e)
{
	struct sql_stmt *s = sql_prepare(src->db, text, e);
	if (!s)
		return -1;
	bind_position(s, src);
	sql_bind_int(s, 4, src->hour);
	sql_bind_text(s, 5, src->from);
	sql_bind_text(s, 6, src->to);
	int seen = take_rows(src, s, e);
	if (seen < 0)
		return -1;
	if (seen == PIECE)
		return 0;
	if (hour_before(src, src->hour, &src->hour, e) < 0)
		return -1;
	src->ended = src->hour < 0 || (src->f->since && src->hour < (src->f->since - SLACK) / HOUR);
	return 0;
}

static int fill_sender(struct source *src, struct err *e)
{
	return fill_by_key(src,
		"SELECT id, idx, arrived_at, ended_at, sender, rcpt, client, message_id, subject, "
		"size,"
		" status, log FROM trace WHERE (id, idx) < ($1, $2) AND hour = $4 AND sender_key "
		">= $5"
		" AND sender_key < $6 ORDER BY id DESC, idx DESC LIMIT $3",
		e);
}

static int fill_rcpt(struct source *src, struct err *e)
{
	return fill_by_key(src,
		"SELECT id, idx, arrived_at, ended_at, sender, rcpt, client, message_id, subject, "
		"size,"
		" status, log FROM trace WHERE (id, idx) < ($1, $2) AND hour = $4 AND rcpt_key >= "
		"$5"
		" AND rcpt_key < $6 ORDER BY id DESC, idx DESC LIMIT $3",
		e);
}

/* The range of keys that a pattern can match, when it is an address or names a whole domain. */
static bool key_range(slice pattern, struct arena *a, slice *ret_from, slice *ret_to)
{
	size_t at = slice_rindex(pattern, '@');
	slice domain = at < pattern.n ? slice_skip(pattern, at + 1) : pattern;
	if (domain.n == 0 || slice_index(domain, '*') < domain.n)
		return false;
	if (at < pattern.n && slice_index(pattern, '*') == pattern.n) {
		*ret_from = trace_key(pattern, a);
		*ret_to = arena_printf(a, "%.*s%c", SFMT(*ret_from), 1);
		return true;
	}
	*ret_from = trace_key(arena_printf(a, "@%.*s", SFMT(domain)), a);
	*ret_to = arena_printf(
		a, "%.*s0", SFMT(slice_first(*ret_from, ret_from->n - 1))); /* '/' + 1 */
	return true;
}

static int next(struct source *src, const struct trace_row **ret, struct err *e)
{
	while (src->at == src->n) {
		if (src->ended)
			return 0;
		arena_reset(&src->a);
		src->n = src->at = 0;
		if (src->fill(src, e) < 0)
			return -1;
	}
	*ret = &src->rows[src->at];
	return 1;
}

static int newer(const struct trace_row *a, const struct trace_row *b)
{
	if (a->id != b->id)
		return a->id > b->id ? 1 : -1;
	return (a->idx > b->idx) - (a->idx < b->idx);
}

static int merge(struct source *trace, struct source *queue, uint64_t most,
	bool (*row)(void *arg, const struct trace_row *r), void *arg, struct err *e)
{
	for (bool go_on = most > 0; go_on; most--) {
		const struct trace_row *t = NULL, *q = NULL;
		int has_t = next(trace, &t, e), has_q = next(queue, &q, e);
		if (has_t < 0 || has_q < 0)
			return -1;
		if (!has_t && !has_q)
			return 0;
		int order = !has_q ? 1 : !has_t ? -1 : newer(t, q);
		trace->at += order >= 0;
		queue->at += order <= 0;
		go_on = row(arg, order >= 0 ? t : q) && most > 1;
	}
	return 0;
}

static void start(struct source *src, struct sql *db, const struct trace_filter *f)
{
	src->db = db;
	src->f = f;
	src->below.id = f->id ? f->id + 1 : f->until ? msg_id_floor(f->until + SLACK) : INT64_MAX;
	src->ended = !db;
}

static int plan(struct source *trace, struct arena *a, struct err *e)
{
	const struct trace_filter *f = trace->f;
	trace->fill = fill_trace;
	if (f->status == 0)
		trace->ended = true;
	if (f->id)
		return 0;
	if (key_range(f->to, a, &trace->from, &trace->to))
		trace->fill = fill_rcpt;
	else if (key_range(f->from, a, &trace->from, &trace->to))
		trace->fill = fill_sender;
	else
		return 0;
	int64_t behind = f->until ? (f->until + SLACK) / HOUR + 1 : INT64_MAX;
	if (hour_before(trace, behind, &trace->hour, e) < 0)
		return -1;
	trace->ended |= trace->hour < 0;
	return 0;
}

int trace_find(struct sql *trace, struct sql *queue, const struct trace_filter *f, uint64_t most,
	bool (*row)(void *arg, const struct trace_row *r), void *arg, struct err *e)
{
	struct source *t = NEW(struct source), *q = NEW(struct source);
	struct arena a = {0};
	start(t, trace, f);
	start(q, queue, f);
	q->fill = fill_queue;
	q->ended |= f->status > 0;
	int r = plan(t, &a, e);
	if (r == 0)
		r = merge(t, q, most, row, arg, e);
	arena_done(&t->a);
	arena_done(&q->a);
	arena_done(&a);
	free(t);
	free(q);
	return r;
}
