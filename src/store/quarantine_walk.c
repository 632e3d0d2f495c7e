/*
 * Searching the quarantine (quarantine.h): lists, counts, bulk work. A search walks one index, the one that
 * narrows most, newest first, in pieces of QUARANTINE_PIECE keys at most (smaller ones first: a page is short),
 * and looks at each row with the whole filter. So no read transaction lives long, and what row() changes
 * meanwhile is seen. Many counts need no rows (quarantine_count.c).
 *
 * Addresses and domains go back by parts of days (see trace_find.c); signals, policies, viruses and classes by
 * their terms; states by theirs. Least probable first walks an index of its own when nothing narrows, else
 * gathers what matches and sorts it.
 */
#include "store/quarantine_walk.h"
#include "base/mem.h"
#include "base/time.h"
#include "codec/signal.h"
#include "store/trace_rows.h"
#include "store/wildcard.h"

#include <stdio.h>

#define SLACK QUARANTINE_SLACK

/* ---- what matches ---- */

static bool has_signal(slice signals, slice name)
{
	slice one, detail;
	double score;
	while (signals_next(&signals, &one, &score, &detail))
		if (slice_ieq(one, name))
			return true;
	return false;
}

static bool matches_numbers(const struct quarantine_filter *f, const struct quarantine_row *r)
{
	bool any = f->probability_from == 0 && f->probability_to == 0;
	return (!f->id || f->id == r->id) && (!f->origin || f->origin == r->origin) &&
	       (f->kind < 0 || f->kind == (int)r->kind) &&
	       (f->class < 0 || f->class == (int)r->class) &&
	       (f->state < 0 || f->state == (int)r->state) &&
	       (f->direction < 0 || f->direction == r->direction) &&
	       (!f->classes || (f->classes & 1u << r->class)) &&
	       (!f->after || r->held_at >= f->after) && (!f->before || r->held_at < f->before) &&
	       (!f->expires_before || r->expires_at < f->expires_before) &&
	       (any || (r->probability >= f->probability_from &&
			       r->probability <= f->probability_to));
}

static bool matches_virus(slice want, slice virus)
{
	return want.n == 0 ||
	       (slice_eq(want, S("*")) ? virus.n > 0 : wildcard_contains(want, virus));
}

/* All but the signals, which lie elsewhere. */
static bool matches(const struct quarantine_filter *f, const struct quarantine_row *r)
{
	return matches_numbers(f, r) && wildcard_match_address(f->rcpt, r->rcpt) &&
	       wildcard_match_address(f->sender, r->sender) &&
	       wildcard_contains(f->subject, r->subject) &&
	       (!f->policy.n || slice_eq(f->policy, r->policy)) &&
	       matches_virus(f->virus, r->virus);
}

/* ---- one piece ---- */

#define COLUMNS                                                                                    \
	"SELECT m.id, r.idx, m.origin, m.kind, m.class, r.state, m.direction, m.arrived_at,"       \
	" m.held_at, r.changed_at, m.expires_at, m.size, m.probability, m.score, m.sender,"        \
	" m.author, r.address, m.subject, m.client, m.policy, m.virus, r.changed_by,"              \
	" r.released_as FROM ("
#define JOINED                                                                                     \
	" LIMIT $3) k CROSS JOIN held m CROSS JOIN held_rcpt r"                                    \
	" WHERE m.id = k.msg AND r.msg = k.msg AND r.idx = k.idx"
#define NEWEST JOINED " ORDER BY k.msg DESC, k.idx DESC"

static const char *const statements[] = {
	[BY_ID] = COLUMNS "SELECT msg, idx FROM held_rcpt WHERE msg = $4 AND (msg, idx) < ($1, $2)"
			  " ORDER BY msg DESC, idx DESC" NEWEST,
	[BY_ORIGIN] = COLUMNS
	"SELECT msg, idx FROM held_rcpt WHERE msg IN (SELECT id FROM held WHERE origin = $4"
	" AND origin <> id UNION SELECT id FROM held WHERE id = $4) AND (msg, idx) < ($1, $2)"
	" ORDER BY msg DESC, idx DESC" NEWEST,
	[BY_RCPT] = COLUMNS "SELECT msg, idx FROM held_rcpt WHERE hour = $4 AND rcpt_key >= $5"
			    " AND rcpt_key < $6 AND (msg, idx) < ($1, $2)"
			    " ORDER BY msg DESC, idx DESC" NEWEST,
	[BY_SENDER] = COLUMNS
	"SELECT q.msg AS msg, q.idx AS idx FROM held h CROSS JOIN held_rcpt q WHERE h.hour = $4"
	" AND h.sender_key >= $5 AND h.sender_key < $6 AND h.id <= $1 AND q.msg = h.id"
	" AND (q.msg, q.idx) < ($1, $2) ORDER BY q.msg DESC, q.idx DESC" NEWEST,
	[BY_TERM] = COLUMNS
	"SELECT q.msg AS msg, q.idx AS idx FROM held_by_term t CROSS JOIN held_rcpt q"
	" WHERE t.term = $4 AND t.msg <= $1 AND q.msg = t.msg AND (q.msg, q.idx) < ($1, $2)"
	" ORDER BY t.msg DESC, q.idx DESC" NEWEST,
	[BY_STATE] = COLUMNS "SELECT msg, idx FROM held_rcpt WHERE state = $4 AND state <> 0"
			     " AND (msg, idx) < ($1, $2) ORDER BY msg DESC, idx DESC" NEWEST,
	[BY_LIKELY] = COLUMNS
	"SELECT h.probability AS ppm, q.msg AS msg, q.idx AS idx FROM held h"
	" CROSS JOIN held_rcpt q WHERE h.kind = 1 AND (h.probability, h.id) >= ($4, $1)"
	" AND q.msg = h.id AND (h.probability, q.msg, q.idx) > ($4, $1, $2)"
	" ORDER BY h.probability, h.id, q.idx" JOINED " ORDER BY k.ppm, k.msg, k.idx",
	[BY_ALL] = COLUMNS "SELECT msg, idx FROM held_rcpt WHERE (msg, idx) < ($1, $2)"
			   " ORDER BY msg DESC, idx DESC" NEWEST,
};

static struct quarantine_row borrow_row(struct sql_stmt *s)
{
	return (struct quarantine_row){
		.id = sql_int(s, 0),
		.idx = (int32_t)sql_int(s, 1),
		.origin = sql_int(s, 2),
		.kind = (enum quarantine_kind)sql_int(s, 3),
		.class = (enum quarantine_class)sql_int(s, 4),
		.state = (enum quarantine_state)sql_int(s, 5),
		.direction = (int)sql_int(s, 6),
		.arrived_at = sql_int(s, 7),
		.held_at = sql_int(s, 8),
		.changed_at = sql_int(s, 9),
		.expires_at = sql_int(s, 10),
		.size = (uint64_t)sql_int(s, 11),
		.probability = (double)sql_int(s, 12) / 1e6,
		.score = (double)sql_int(s, 13) / 1000,
		.sender = sql_text(s, 14),
		.from = sql_text(s, 15),
		.rcpt = sql_text(s, 16),
		.subject = sql_text(s, 17),
		.client = sql_text(s, 18),
		.policy = sql_text(s, 19),
		.virus = sql_text(s, 20),
		.by = sql_text(s, 21),
		.released_as = sql_int(s, 22),
	};
}

static void keep_row(struct quarantine_walk *w, struct quarantine_row r)
{
	slice *const texts[] = {
		&r.sender, &r.from, &r.rcpt, &r.subject, &r.client, &r.policy, &r.virus, &r.by};
	for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++)
		*texts[i] = arena_dup(&w->a, *texts[i]);
	w->spots[w->n] = w->at;
	w->rows[w->n++] = r;
}

static void bind(struct sql_stmt *s, const struct quarantine_walk *w)
{
	sql_bind_int(s, 1, w->at.id);
	sql_bind_int(s, 2, w->at.idx);
	sql_bind_int(s, 3, w->piece);
	switch (w->way) {
	case BY_RCPT:
	case BY_SENDER:
		sql_bind_int(s, 4, w->hour);
		sql_bind_text(s, 5, w->from);
		sql_bind_text(s, 6, w->to);
		break;
	case BY_LIKELY:
		sql_bind_int(s, 4, w->at.ppm);
		break;
	case BY_ALL:
		break;
	default:
		sql_bind_int(s, 4, w->key);
	}
}

/* The latest part of a day before this hour that has rows, or -1 in *ret. */
static int hour_before(struct quarantine_walk *w, int64_t hour, int64_t *ret, struct err *e)
{
	struct sql_stmt *s = sql_prepare(w->db,
		w->way == BY_RCPT
			? "SELECT hour FROM held_rcpt WHERE hour < $1 ORDER BY hour DESC LIMIT 1"
			: "SELECT hour FROM held WHERE hour < $1 ORDER BY hour DESC LIMIT 1",
		e);
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

/* The walk's index is spent (of this part): is there more? */
static int go_on(struct quarantine_walk *w, int seen, struct err *e)
{
	bool hours = w->way == BY_RCPT || w->way == BY_SENDER;
	if (seen < w->piece && hours) {
		if (hour_before(w, w->hour, &w->hour, e) < 0)
			return -1;
		w->ended = w->hour < 0 || (w->f->after && w->hour < (w->f->after - SLACK) / HOUR -
									    QUARANTINE_PART);
		return 0;
	}
	w->ended = seen < w->piece || (w->way != BY_LIKELY && w->at.id < w->oldest);
	return 0;
}

/* The next piece; of it only what matches. */
int quarantine_walk_fill(struct quarantine_walk *w, struct err *e)
{
	arena_reset(&w->a);
	w->n = 0;
	struct sql_stmt *s = sql_prepare(w->db, statements[w->way], e);
	if (!s)
		return -1;
	bind(s, w);
	int more, seen = 0;
	while ((more = sql_step(s, e)) == 1) {
		struct quarantine_row r = borrow_row(s);
		w->at = (struct quarantine_spot){sql_int(s, 12), r.id, r.idx};
		seen++;
		if (matches(w->f, &r))
			keep_row(w, r);
	}
	if (more < 0 || go_on(w, seen, e) < 0)
		return -1;
	w->piece = w->piece * 2 < QUARANTINE_PIECE ? w->piece * 2 : QUARANTINE_PIECE;
	return 0;
}

/* What lies beside: signals and text. False in *ret: it does not match after all, or has left. */
int quarantine_walk_complete(
	struct quarantine_walk *w, struct quarantine_row *r, bool *ret, struct err *e)
{
	struct sql_stmt *s =
		sql_prepare(w->db, "SELECT signals, text FROM held_more WHERE id = $1", e);
	if (!s)
		return -1;
	sql_bind_int(s, 1, r->id);
	int more = sql_step(s, e);
	*ret = more == 1;
	if (more != 1)
		return more;
	r->signals = arena_dup(&w->a, sql_text(s, 0));
	r->text = arena_dup(&w->a, sql_text(s, 1));
	sql_reset(s);
	*ret = !w->f->signal.n || has_signal(r->signals, w->f->signal);
	return 0;
}

/* ---- which way ---- */

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
	*ret_to = arena_printf(a, "%.*s0", SFMT(slice_first(*ret_from, ret_from->n - 1)));
	return true;
}

static int by_term(struct quarantine_walk *w, const char *prefix, slice name, struct err *e)
{
	char text[QUARANTINE_TERM_MAX];
	int n = snprintf(text, sizeof text, "%s%.*s", prefix, SFMT(slice_first(name, 150)));
	w->way = BY_TERM;
	if (quarantine_term_find(w->db, slice_of(text, (size_t)n), &w->key, e) < 0)
		return -1;
	w->ended |= w->key == 0;
	return 0;
}

static int only_class(const struct quarantine_filter *f)
{
	if (f->class >= 0 || f->classes == 0 || (f->classes & (f->classes - 1)))
		return f->class;
	return __builtin_ctz(f->classes);
}

/* Everything that is not an address. */
static int choose_other(struct quarantine_walk *w, struct err *e)
{
	const struct quarantine_filter *f = w->f;
	char term[8];
	if (f->signal.n)
		return by_term(w, "s:", f->signal, e);
	if (f->virus.n)
		return by_term(w, "v", S(""), e);
	if (f->policy.n)
		return by_term(w, "p:", f->policy, e);
	if (f->state > QUARANTINE_WAITS) {
		w->way = BY_STATE;
		w->key = f->state;
		return 0;
	}
	if (only_class(f) >= 0)
		return by_term(w, "",
			quarantine_term_class((enum quarantine_class)only_class(f), term), e);
	if (f->kind >= 0)
		return by_term(w, "", quarantine_term_kind((enum quarantine_kind)f->kind, term), e);
	w->way = BY_ALL;
	return 0;
}

int quarantine_walk_choose(struct quarantine_walk *w, struct arena *a, struct err *e)
{
	const struct quarantine_filter *f = w->f;
	if (f->id || f->origin) {
		w->way = f->id ? BY_ID : BY_ORIGIN;
		w->key = f->id ? f->id : f->origin;
		return 0;
	}
	if (key_range(f->rcpt, a, &w->from, &w->to))
		w->way = BY_RCPT;
	else if (key_range(f->sender, a, &w->from, &w->to))
		w->way = BY_SENDER;
	else
		return choose_other(w, e);
	int64_t from = w->at.id < INT64_MAX ? trace_hour(w->at.id) + 1 : INT64_MAX;
	if (hour_before(w, from, &w->hour, e) < 0)
		return -1;
	w->ended |= w->hour < 0;
	return 0;
}

void quarantine_walk_start(
	struct quarantine_walk *w, struct sql *db, const struct quarantine_filter *f)
{
	w->db = db;
	w->f = f;
	w->piece = QUARANTINE_PIECE;
	w->at.id = f->before ? msg_id_floor(f->before + SLACK) : INT64_MAX;
	w->at.idx = INT32_MAX;
	w->oldest = f->after ? msg_id_floor(f->after > SLACK ? f->after - SLACK : 0) : 0;
}
