/*
 * Searching a folder (box_search.h): the plan, and what rows and summaries answer. What of the texts the full-text index can answer it is asked
 * first (box_index.h): most messages are then out of the question, and most others certain. A tree is asked up to three times, each time
 * with more at hand; what cannot be told yet is open, and only messages that are open go on. Called by IMAP's SEARCH, SORT,
 * THREAD.
 */
#include "mail/box_search.h"
#include "base/mem.h"
#include "codec/date.h"
#include "codec/search_text.h"
#include "codec/tokens.h"
#include "mail/box_index.h"

enum { PROGRESS_EVERY = 10 }; /* seconds */
#define TURN (MSEC) /* then other sessions of this process come first */
enum level { ROWS, SUMMARIES, BYTES };

struct searching {
	struct box_view *v;
	const struct box_search *s;
	struct box_found *found;
	struct box_criterion **rest; /* what sets did not answer */
	size_t nrest;
	struct box_unit *
		top; /* the index on those of rest that it answers, which are in front of the others */
	size_t ntop;
	unsigned nunits; /* further questions to the index */
	struct box_text_want texts;
	unsigned row_want;
	bool of_rows; /* some criterion is */
	bool of_whole_rows; /* likewise: of keywords or threads */
	struct buf text, folded; /* scratch */
	instant tell_at, turn; /* turn: since when nobody else had one */
	uint64_t done, total;
	/* of the message being asked about */
	enum level level;
	const struct mailbox_message *m;
	const struct summary *sum;
	bool *met; /* of texts */
};

/* ---- sets ---- */

struct flagged {
	const struct box_view *v;
	unsigned flags;
	bool set;
	struct uidset uids;
};

static int flagged_job(struct sql *db, void *arg, struct err *e)
{
	struct flagged *f = arg;
	uidset_done(&f->uids);
	return mailbox_uids_flagged(
		db, f->v->folder.account_id, f->v->folder.f.id, f->flags, f->set, &f->uids, e);
}

/* Those of *in that have the flag. Unseen ones are few and found without a walk: the seen are the others. */
static int keep_flagged(struct box_view *v, unsigned flags, struct uidset *in, struct err *e)
{
	struct flagged f = {.v = v, .flags = flags, .set = flags != MAILBOX_SEEN};
	if (box_view_may(v, BOX_DO_READ, e) < 0)
		return -1;
	int r = box_read_of(v->user->b, v->folder.account_id, flagged_job, &f, e);
	if (!r && f.set)
		uidset_keep(in, &f.uids);
	else if (!r)
		uidset_drop(in, &f.uids);
	uidset_done(&f.uids);
	return r;
}

static bool is_set(const struct box_criterion *c, bool flags_too)
{
	if (c->kind == BOX_UIDS || c->kind == BOX_RECENT)
		return true;
	if (c->kind == BOX_FLAGGED)
		return flags_too;
	if (c->kind > BOX_NONE_OF)
		return false;
	for (const struct box_criterion *k = c->first; k; k = k->next)
		if (!is_set(k, flags_too))
			return false;
	return true;
}

/* Keeps those of *in that meet it. Depth is bounded by BOX_CRITERIA_DEPTH. */
static int keep(struct box_view *v, const struct box_criterion *c, struct uidset *in, struct err *e)
{
	AUTO(uidset) struct uidset some = {0};
	switch (c->kind) {
	case BOX_UIDS:
		uidset_keep(in, c->uids);
		return 0;
	case BOX_RECENT:
		uidset_keep(in, &v->recent);
		return 0;
	case BOX_FLAGGED:
		return in->count ? keep_flagged(v, c->flags, in, e) : 0;
	case BOX_ALL_OF:
		for (const struct box_criterion *k = c->first; k; k = k->next)
			if (keep(v, k, in, e))
				return -1;
		return 0;
	default:
		break;
	}
	for (const struct box_criterion *k = c->first; k; k = k->next) {
		AUTO(uidset) struct uidset one = {0};
		uidset_copy(&one, in);
		if (keep(v, k, &one, e))
			return -1;
		uidset_join(&some, &one);
	}
	if (c->kind == BOX_ANY_OF)
		uidset_keep(in, &some);
	else
		uidset_drop(in, &some);
	return 0;
}

/* ---- rows and summaries ---- */

static bool contains(const struct buf *text, slice what)
{
	return slice_find(buf_slice(text), what) < text->n || !what.n;
}

static bool has_text(struct searching *s, slice utf8, slice what)
{
	buf_reset(&s->folded);
	search_fold(utf8, &s->folded);
	return contains(&s->folded, what);
}

static enum box_told of_who(struct searching *s, enum summary_who who, slice what)
{
	buf_reset(&s->text);
	search_addresses(s->sum, who, &s->text);
	if (s->text.n && has_text(s, buf_slice(&s->text), what))
		return BOX_YES;
	return s->sum->flags & SUMMARY_CUT ? BOX_OPEN : BOX_NO;
}

static enum box_told of_summary_text(struct searching *s, enum summary_text t, slice what)
{
	slice text = summary_text(s->sum, 0, t);
	if (text.p && has_text(s, text, what))
		return BOX_YES;
	return s->sum->flags & SUMMARY_CUT ? BOX_OPEN : BOX_NO;
}

/* HEADER, as far as a summary has it. */
static enum box_told of_header(struct searching *s, const struct box_criterion *c)
{
	static const struct {
		slice name;
		enum summary_text t;
	} texts[] = {{S_INIT("Subject"), SUMMARY_SUBJECT_TEXT},
		{S_INIT("Message-ID"), SUMMARY_MESSAGE_ID},
		{S_INIT("In-Reply-To"), SUMMARY_IN_REPLY_TO}, {S_INIT("Date"), SUMMARY_DATE}};
	static const struct {
		slice name;
		enum summary_who who;
	} whos[] = {{S_INIT("From"), SUMMARY_FROM}, {S_INIT("To"), SUMMARY_TO},
		{S_INIT("Cc"), SUMMARY_CC}, {S_INIT("Bcc"), SUMMARY_BCC}};
	for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++)
		if (slice_ieq(c->name, texts[i].name))
			return of_summary_text(s, texts[i].t, c->text);
	for (size_t i = 0; i < sizeof(whos) / sizeof(*whos); i++)
		if (slice_ieq(c->name, whos[i].name))
			return of_who(s, whos[i].who, c->text) == BOX_YES ? BOX_YES : BOX_OPEN;
	return BOX_OPEN;
}

/* Date: as its writer's clock showed it (RFC 9051 6.4.4: "disregarding time and timezone"). */
static bool sent_day(const struct summary *sum, int64_t *ret)
{
	char local[96];
	slice d = summary_text(sum, 0, SUMMARY_DATE);
	size_t n = slice_index(d, ':');
	if (sum->sent_at == INT64_MIN)
		return false;
	while (n < d.n && ((d.p[n] >= '0' && d.p[n] <= '9') || d.p[n] == ':'))
		n++;
	*ret = sum->sent_at;
	if (n + 7 > sizeof(local) || slice_index(d, ':') == d.n)
		return true;
	memcpy(local, d.p, n);
	memcpy(local + n, " +0000", 6);
	date_parse(slice_of(local, n + 6), ret);
	return true;
}

static bool within(const struct box_criterion *c, int64_t v)
{
	return c->from <= v && v <= c->to;
}

static bool has_keyword(slice keywords, slice one)
{
	slice k;
	while (slice_cut(&keywords, ' ', &k))
		if (slice_ieq(k, one))
			return true;
	return false;
}

static bool of_row(const struct searching *s, const struct box_criterion *c)
{
	const struct mailbox_message *m = s->m;
	switch (c->kind) {
	case BOX_UIDS:
		return uidset_has(c->uids, m->uid);
	case BOX_FLAGGED:
		return (m->flags & c->flags) == c->flags;
	case BOX_KEYWORD:
		return has_keyword(m->keywords, c->text);
	case BOX_RECENT:
		return uidset_has(&s->v->recent, m->uid);
	case BOX_SIZE:
		return within(c, (int64_t)m->size);
	case BOX_RECEIVED:
		return within(c, m->received_at);
	case BOX_SAVED:
		return within(c, m->saved_at);
	case BOX_MODSEQ:
		return within(c, (int64_t)m->modseq);
	case BOX_EMAIL:
		return m->email_id == c->from;
	default:
		return m->thread_id == c->from;
	}
}

static enum box_told of_summary(struct searching *s, const struct box_criterion *c)
{
	if (c->kind == BOX_WHO)
		return of_who(s, c->who, c->text);
	if (c->kind == BOX_SUBJECT)
		return of_summary_text(s, SUMMARY_SUBJECT_TEXT, c->text);
	return c->kind == BOX_HEADER ? of_header(s, c) : BOX_OPEN;
}

static enum box_told leaf(struct searching *s, const struct box_criterion *c)
{
	int64_t day;
	if (c->kind < BOX_SENT || (c->kind >= BOX_MODSEQ && c->kind <= BOX_THREAD))
		return of_row(s, c) ? BOX_YES : BOX_NO;
	if (s->level == ROWS)
		return BOX_OPEN;
	if (c->kind == BOX_SENT)
		return sent_day(s->sum, &day) && within(c, day) ? BOX_YES : BOX_NO;
	/* What a summary tells is so, whatever else has to be read for others. */
	enum box_told t = of_summary(s, c);
	return s->level == BYTES && t == BOX_OPEN ? (s->met[c->slot] ? BOX_YES : BOX_NO) : t;
}

static enum box_told ask(struct searching *s, const struct box_criterion *c)
{
	if (c->unit) {
		enum box_told t = box_unit_told(c->unit, s->m->email_id);
		if (t != BOX_OPEN)
			return t;
	}
	if (c->kind > BOX_NONE_OF)
		return leaf(s, c);
	enum box_told all = BOX_YES, any = BOX_NO;
	for (const struct box_criterion *k = c->first; k; k = k->next) {
		enum box_told t = ask(s, k);
		all = t < all ? t : all;
		any = t > any ? t : any;
		if (c->kind == BOX_ALL_OF ? all == BOX_NO : any == BOX_YES)
			break;
	}
	return c->kind == BOX_ALL_OF   ? all
	       : c->kind == BOX_ANY_OF ? any
				       : (enum box_told)(BOX_YES - any);
}

static enum box_told ask_rest(struct searching *s)
{
	enum box_told all = BOX_YES,
		      top = s->top ? box_unit_told(s->top, s->m->email_id) : BOX_OPEN;
	if (top == BOX_NO)
		return BOX_NO;
	for (size_t i = top == BOX_YES ? s->ntop : 0; i < s->nrest && all != BOX_NO; i++) {
		enum box_told t = ask(s, s->rest[i]);
		all = t < all ? t : all;
	}
	return all;
}

/* ---- the walk ---- */

/* Bytes decide. What cannot be read does not match. */
static int ask_bytes(struct searching *s, enum box_told *ret, struct err *e)
{
	for (size_t i = 0; i < s->texts.n; i++)
		s->met[i] = false;
	*ret = BOX_NO;
	if (box_search_bytes(s->v, s->m, s->sum, &s->texts, s->met, e) ||
		box_index_files(s->v, s->m, s->sum, &s->texts, s->met, e)) {
		s->found->unread++;
		return e->kind == ERR_CLOSED ? -1 : 0;
	}
	s->level = BYTES;
	*ret = ask_rest(s);
	return 0;
}

static int progress(struct searching *s, struct err *e)
{
	if (co_cancelled())
		return err_set(e, ERR_CLOSED, "the session ends");
	if (!s->s->progress || instant_now() < s->tell_at)
		return 0;
	s->tell_at = instant_in(PROGRESS_EVERY * SECOND);
	if (s->s->progress(s->s->arg, s->done, s->total))
		return 0;
	return err_set(e, ERR_CLOSED, "the search was given up");
}

static void give_way(struct searching *s)
{
	if (instant_now() - s->turn < TURN)
		return;
	co_yield();
	s->turn = instant_now();
}

static void add_found(struct searching *s, const struct mailbox_message *m)
{
	uidset_add(&s->found->uids, m->uid, m->uid);
	if (m->modseq > s->found->modseq)
		s->found->modseq = m->modseq;
}

static int message(struct searching *s, struct uidset *open, struct err *e)
{
	struct summary sum;
	enum box_told t;
	s->done++;
	s->sum = NULL;
	if (s->level != ROWS) {
		s->level = SUMMARIES;
		if (!summary_open(s->m->summary, &sum)) {
			s->found->unread++;
			return 0;
		}
		s->sum = &sum;
	}
	t = ask_rest(s);
	if (t == BOX_OPEN && s->level == ROWS)
		uidset_add(open, s->m->uid, s->m->uid);
	else if (t == BOX_OPEN && (ask_bytes(s, &t, e) || progress(s, e)))
		return -1;
	if (t == BOX_YES)
		add_found(s, s->m);
	return 0;
}

static int walk(struct searching *s, enum level level, const struct uidset *in, struct uidset *open,
	struct err *e)
{
	AUTO(arena) struct arena a = {0};
	struct box_query q = {.uids = in, .want = s->row_want};
	if (level != ROWS)
		q.want |= MAILBOX_WANT_SUMMARY | (s->texts.n ? MAILBOX_WANT_EMAIL : 0);
	while (q.after < uidset_last(in)) {
		struct mailbox_message *v;
		size_t n;
		arena_reset(&a);
		if (box_rows(s->v, &q, &a, &v, &n, e))
			return -1;
		for (size_t i = 0; i < n; i++) {
			give_way(s);
			s->m = &v[i];
			s->level = level;
			if (message(s, open, e))
				return -1;
		}
		if (!n)
			break;
		q.after = v[n - 1].uid;
		if (progress(s, e))
			return -1;
	}
	return 0;
}

/* ---- the plan ---- */

static void take_note(struct searching *s, struct box_criterion *c)
{
	c->unit = NULL;
	if (c->kind <= BOX_NONE_OF) {
		for (struct box_criterion *k = c->first; k; k = k->next)
			take_note(s, k);
		return;
	}
	if (c->kind == BOX_THREAD)
		s->row_want |= MAILBOX_WANT_EMAIL;
	if (c->kind < BOX_SENT || (c->kind >= BOX_MODSEQ && c->kind <= BOX_THREAD))
		s->of_rows = true;
	if (c->kind == BOX_KEYWORD || c->kind == BOX_THREAD)
		s->of_whole_rows = true;
	if (c->kind >= BOX_WHO) {
		c->slot = s->texts.n;
		s->texts.v[s->texts.n++] = c;
	}
}

static size_t count(const struct box_criterion *c)
{
	size_t n = 1;
	for (const struct box_criterion *k = c->first; k; k = k->next)
		n += count(k);
	return n;
}

/* Sets first; what is left goes to s->rest. */
static int plan(struct searching *s, struct uidset *in, struct arena *a, struct err *e)
{
	struct box_criterion *top = s->s->what;
	size_t n = count(top);
	s->rest = ARENA_ARRAY(a, struct box_criterion *, n);
	s->texts.v = ARENA_ARRAY(a, struct box_criterion *, n);
	s->met = ARENA_ARRAY(a, bool, n);
	struct box_criterion *first = top->kind == BOX_ALL_OF ? top->first : top;
	for (int flags = 0; flags < 2; flags++) {
		bool large = in->count > BOX_PIECE;
		for (struct box_criterion *c = first; c;
			c = top->kind == BOX_ALL_OF ? c->next : NULL) {
			bool set = is_set(c, false);
			if (!flags && set && keep(s->v, c, in, e))
				return -1;
			if (!flags || set)
				continue;
			if (large && is_set(c, true)) {
				if (keep(s->v, c, in, e))
					return -1;
				continue;
			}
			s->rest[s->nrest++] = c;
			take_note(s, c);
		}
	}
	return 0;
}

/* ---- with the index ---- */

/* Those of rest that the index answers go to the front; they are one question. */
static struct index_query *take_answered(struct searching *s, struct arena *a, bool *ret_look)
{
	struct index_query *all = ARENA_NEW(a, struct index_query), *q;
	all->op = INDEX_AND;
	for (size_t i = 0; i < s->nrest; i++) {
		struct box_criterion *c = s->rest[i];
		if (!box_index_query(c, a, &q, ret_look))
			continue;
		q->next = all->first;
		all->first = q;
		s->rest[i] = s->rest[s->ntop];
		s->rest[s->ntop++] = c;
	}
	return all;
}

/* The largest parts of a tree that the index answers, one question each. */
static int ask_parts(struct searching *s, struct box_criterion *c, struct arena *a, struct err *e)
{
	struct index_query *q;
	bool look = false;
	if (c->kind > BOX_NONE_OF || s->nunits >= BOX_UNITS_MAX)
		return 0;
	for (struct box_criterion *k = c->first; k; k = k->next) {
		if (!box_index_query(k, a, &q, &look)) {
			if (ask_parts(s, k, a, e) < 0)
				return -1;
			continue;
		}
		if (s->nunits++ >= BOX_UNITS_MAX)
			return 0;
		if (box_index_ask(s->v, q, false, a, &k->unit, e) < 0)
			return -1;
		if (k->unit)
			k->unit->look = look;
	}
	return 0;
}

static int ask_top(struct searching *s, const struct index_query *q, struct arena *a, struct err *e)
{
	struct box_asked *k = s->s->asked;
	int64_t account = s->v->folder.account_id;
	if (k && k->known && k->account_id == account && k->ntop == s->ntop) {
		s->top = k->unit;
		return 0;
	}
	if (box_index_ask(s->v, q, s->s->scores != NULL, k ? &k->mem : a, &s->top, e) < 0)
		return -1;
	if (k) {
		k->known = true;
		k->spotted = false;
		k->account_id = account;
		k->ntop = s->ntop;
		k->unit = s->top;
	}
	return 0;
}

static int ask_index(struct searching *s, struct arena *a, struct err *e)
{
	bool look = false;
	if (!s->texts.n || !s->v->user->b->index)
		return 0;
	struct index_query *q = take_answered(s, a, &look);
	if (s->ntop && ask_top(s, q, a, e) < 0)
		return -1;
	if (!s->top)
		s->ntop = 0;
	else
		s->top->look = look;
	for (size_t i = s->ntop; i < s->nrest; i++)
		if (ask_parts(s, s->rest[i], a, e) < 0)
			return -1;
	return 0;
}

/* All of rest must be met: others than those of its dates need not be looked at. */
static void take_dates(const struct searching *s, struct box_spotting *how)
{
	how->received_from = INT64_MIN;
	how->received_to = INT64_MAX;
	for (size_t i = 0; i < s->nrest; i++) {
		const struct box_criterion *c = s->rest[i];
		if (c->kind != BOX_RECEIVED)
			continue;
		how->dated = true;
		how->received_from = c->from > how->received_from ? c->from : how->received_from;
		how->received_to = c->to < how->received_to ? c->to : how->received_to;
	}
}

/* Whatever the index leaves: *in becomes that. What it is sure of is found, if rows do not say more than it comes with. */
static int take_candidates(struct searching *s, struct uidset *in, struct arena *a, struct err *e)
{
	AUTO(uidset) struct uidset left = {0};
	struct box_spotting how = {.unit = s->top, .asked = s->s->asked, .rows = s->of_rows};
	struct mailbox_spot *v;
	size_t n;
	take_dates(s, &how);
	if (box_index_spots(s->v, &how, a, &v, &n, e) < 0)
		return -1;
	for (size_t i = 0; i < n; i++) {
		const struct mailbox_message m = {.uid = v[i].uid,
			.email_id = v[i].email_id,
			.flags = v[i].flags,
			.modseq = v[i].modseq,
			.size = v[i].size,
			.received_at = v[i].received_at,
			.saved_at = v[i].saved_at};
		give_way(s);
		if (!uidset_has(in, m.uid))
			continue;
		s->m = &m;
		s->level = ROWS;
		enum box_told t = s->of_whole_rows ? BOX_OPEN : ask_rest(s);
		if (t == BOX_YES)
			add_found(s, &m);
		else if (t == BOX_OPEN)
			uidset_add(&left, m.uid, m.uid);
	}
	uidset_copy(in, &left);
	return 0;
}

static float score_of(const struct searching *s, int64_t email_id)
{
	float score = s->top ? box_unit_score(s->top, email_id) : 0;
	return score > 0 ? score : 0.5F; /* found without the index */
}

static int give_scores(struct searching *s, struct arena *a, struct err *e)
{
	AUTO(arena) struct arena rows = {0};
	const struct uidset *u = &s->found->uids;
	struct box_query q = {.uids = u};
	struct box_score *v = ARENA_ARRAY(a, struct box_score, (size_t)u->count + 1);
	struct mailbox_message *m;
	size_t n, done = 0;
	while (q.after < uidset_last(u)) {
		arena_reset(&rows);
		if (box_rows(s->v, &q, &rows, &m, &n, e) < 0)
			return -1;
		for (size_t i = 0; i < n && done < u->count; i++)
			v[done++] = (struct box_score){m[i].uid, score_of(s, m[i].email_id)};
		if (!n)
			break;
		q.after = m[n - 1].uid;
	}
	s->found->scores = v;
	s->found->nscores = done;
	return 0;
}

static int run(struct searching *s, struct uidset *in, struct arena *a, struct err *e)
{
	AUTO(uidset) struct uidset open = {0};
	if (!in->count)
		return 0;
	if (!s->nrest) {
		uidset_join(&s->found->uids, in);
		return 0;
	}
	if (ask_index(s, a, e) < 0 || (s->top && take_candidates(s, in, a, e) < 0))
		return -1;
	s->total = in->count;
	if (s->top ? !s->of_whole_rows : !s->of_rows && !s->nunits)
		return in->count ? walk(s, SUMMARIES, in, NULL, e) : 0;
	if (walk(s, ROWS, in, &open, e))
		return -1;
	s->total += open.count;
	return open.count ? walk(s, SUMMARIES, &open, NULL, e) : 0;
}

int box_search(struct box_view *v, const struct box_search *q, struct box_found *ret, struct err *e)
{
	AUTO(arena) struct arena a = {0};
	AUTO(uidset) struct uidset in = {0};
	struct searching s = {
		.v = v, .s = q, .found = ret, .text = BUF(1 << 20), .folded = BUF(4 << 20)};
	s.tell_at = instant_in(PROGRESS_EVERY * SECOND);
	s.turn = instant_now();
	uidset_copy(&in, &v->uids);
	int r = plan(&s, &in, &a, e) ? -1 : run(&s, &in, &a, e);
	if (r == 0 && q->scores)
		r = give_scores(&s, q->scores, e);
	buf_done(&s.text);
	buf_done(&s.folded);
	return r;
}
