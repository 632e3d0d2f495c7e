/*
 * Searching the trace, the queue and the quarantine together, newest first (trace_find). Three sources,
 * each read in pieces and filtered here, are merged by id. Called by the command line; blocks.
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
	struct trace_filter what; /* the same, as rows are compared with it */
	int (*fill)(struct source *src, struct err *e);
	struct position below; /* rows before this one are still to come */
	struct arena a;
	struct trace_row rows[PIECE];
	size_t n, at;
	bool ended;
	const char *hours; /* the latest hour before $1 that has rows */
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
		if (!matches(&src->what, &row))
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

/* What has this id, and what is held of a letter that had it before it was split. */
static int fill_one(struct source *src, const char *text, struct err *e)
{
	struct sql_stmt *s = sql_prepare(src->db, text, e);
	if (!s)
		return -1;
	bind_position(s, src);
	sql_bind_int(s, 4, src->f->id);
	int seen = take_rows(src, s, e);
	src->ended = seen < PIECE;
	return seen < 0 ? -1 : 0;
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

/* Status 7: TRACE_QUARANTINED. */
#define HELD                                                                                       \
	"SELECT r.msg, r.idx, h.arrived_at, 0, h.sender, r.address, h.client, m.message_id,"       \
	" h.subject, h.size, 7, m.log || r.log FROM "
#define HELD_JOINED                                                                                \
	" AND h.id = r.msg AND m.id = r.msg AND h.kind = 1 AND (r.msg, r.idx) < ($1, $2)"          \
	" ORDER BY r.msg DESC, r.idx DESC LIMIT $3"

static int fill_held(struct source *src, struct err *e)
{
	if (src->f->id)
		return fill_one(src,
			HELD "held_rcpt r CROSS JOIN held h CROSS JOIN held_more m WHERE r.msg IN"
			     " (SELECT id FROM held WHERE origin = $4 AND origin <> id"
			     " UNION SELECT id FROM held WHERE id = $4)" HELD_JOINED,
			e);
	return fill_by_id(src,
		HELD "held_rcpt r CROSS JOIN held h CROSS JOIN held_more m WHERE 1 = 1" HELD_JOINED,
		e);
}

/* The latest hour before this one that has rows, or -1 in *ret. */
static int hour_before(struct source *src, int64_t hour, int64_t *ret, struct err *e)
{
	struct sql_stmt *s = sql_prepare(src->db, src->hours, e);
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

static int fill_held_sender(struct source *src, struct err *e)
{
	return fill_by_key(src,
		HELD "held h CROSS JOIN held_rcpt r CROSS JOIN held_more m WHERE h.hour = $4"
		     " AND h.sender_key >= $5 AND h.sender_key < $6 AND r.msg = h.id" HELD_JOINED,
		e);
}

static int fill_held_rcpt(struct source *src, struct err *e)
{
	return fill_by_key(src,
		HELD "held_rcpt r CROSS JOIN held h CROSS JOIN held_more m WHERE r.hour = $4"
		     " AND r.rcpt_key >= $5 AND r.rcpt_key < $6" HELD_JOINED,
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

enum { SOURCES = 3 }; /* trace, queue, quarantine: what has ended hides what has not */

static int merge(struct source *const v[SOURCES], uint64_t most,
	bool (*row)(void *arg, const struct trace_row *r), void *arg, struct err *e)
{
	for (bool go_on = most > 0; go_on; most--) {
		const struct trace_row *heads[SOURCES] = {0}, *first = NULL;
		for (int i = 0; i < SOURCES; i++)
			if (next(v[i], &heads[i], e) < 0)
				return -1;
		for (int i = 0; i < SOURCES; i++)
			if (heads[i] && (!first || newer(heads[i], first) > 0))
				first = heads[i];
		if (!first)
			return 0;
		for (int i = 0; i < SOURCES; i++)
			v[i]->at += heads[i] && newer(heads[i], first) == 0;
		go_on = row(arg, first) && most > 1;
	}
	return 0;
}

static void start(struct source *src, struct sql *db, const struct trace_filter *f)
{
	src->db = db;
	src->f = f;
	src->what = *f;
	src->below.id = f->id ? f->id + 1 : f->until ? msg_id_floor(f->until + SLACK) : INT64_MAX;
	src->ended = !db;
}

static int plan_keys(struct source *src, int (*rcpt)(struct source *, struct err *),
	int (*sender)(struct source *, struct err *), struct arena *a, struct err *e)
{
	const struct trace_filter *f = src->f;
	if (f->id || src->ended)
		return 0;
	if (key_range(f->to, a, &src->from, &src->to))
		src->fill = rcpt;
	else if (key_range(f->from, a, &src->from, &src->to))
		src->fill = sender;
	else
		return 0;
	int64_t behind = f->until ? (f->until + SLACK) / HOUR + 1 : INT64_MAX;
	if (hour_before(src, behind, &src->hour, e) < 0)
		return -1;
	src->ended |= src->hour < 0;
	return 0;
}

/* A queue that was made by an older version has no quarantine yet. */
static int has_held(struct sql *db, bool *ret, struct err *e)
{
	int version;
	if (sql_version(db, &version, e) < 0)
		return -1;
	*ret = version >= 3;
	return 0;
}

static int plan(
	struct source *t, struct source *q, struct source *h, struct arena *a, struct err *e)
{
	int status = t->f->status;
	bool held = false;
	if (h->db && has_held(h->db, &held, e) < 0)
		return -1;
	t->fill = fill_trace;
	q->fill = fill_queue;
	h->fill = fill_held;
	t->hours = "SELECT hour FROM trace WHERE hour < $1 ORDER BY hour DESC LIMIT 1";
	h->hours = "SELECT hour FROM held_rcpt WHERE hour < $1 ORDER BY hour DESC LIMIT 1";
	t->ended |= status == 0;
	q->ended |= status > 0;
	h->ended |= !held || (status >= 0 && status != TRACE_QUARANTINED);
	if (h->f->id) { /* parts of a letter that was split have later ids */
		h->what.id = 0;
		h->below.id = INT64_MAX;
	}
	if (plan_keys(t, fill_rcpt, fill_sender, a, e) < 0)
		return -1;
	return plan_keys(h, fill_held_rcpt, fill_held_sender, a, e);
}

int trace_find(struct sql *trace, struct sql *queue, const struct trace_filter *f, uint64_t most,
	bool (*row)(void *arg, const struct trace_row *r), void *arg, struct err *e)
{
	struct source *v[SOURCES];
	struct arena a = {0};
	for (int i = 0; i < SOURCES; i++) {
		v[i] = NEW(struct source);
		start(v[i], i == 0 ? trace : queue, f);
	}
	int r = plan(v[0], v[1], v[2], &a, e);
	if (r == 0)
		r = merge(v, most, row, arg, e);
	for (int i = 0; i < SOURCES; i++) {
		arena_done(&v[i]->a);
		free(v[i]);
	}
	arena_done(&a);
	return r;
}
