/*
 * One digest (queue_digest.h): what waits for its name is read, likely mistakes first; what its reader may do with each
 * becomes a link; the letter is queued in the transaction that remembers that it was sent. Killed anywhere, it
 * is sent once.
 *
 * Only mailboxes of ours get digests: local addresses, and those of backend domains that exist as far as we know
 * (asked at RCPT, or mail was delivered there before). A digest to somebody who does not exist would only come back.
 */
#include "bin/queue_digest.h"

#include "base/mem.h"
#include "bin/queue.h"
#include "codec/address.h"
#include "run/log.h"
#include "run/metrics.h"
#include "run/pool.h"
#include "store/trace.h"

METRIC_COUNTER(sent, "posthouse_digests_total", "", "Digests queued.");
METRIC_COUNTER(rows_sent, "posthouse_digest_rows_total", "", "Messages listed in them.");

enum { KNOWN_DAYS = 90, PATTERNS_MAX = 200 };

/* A row as it was read. */
struct item {
	struct quarantine_row r;
};
struct making {
	struct queue_digests *d;
	struct queue_settings *set;
	struct arena *a;
	const struct digest_due *due;
	bool group;
	struct digest_plan plan;
	struct digest_setting setting; /* of a group */
	slice patterns[PATTERNS_MAX]; /* whose mail */
	size_t npatterns;
	slice readers[LETTERS_TO_MAX];
	size_t nreaders;
	struct digest_last last;
	int64_t now, seen_at;
	/* rows, the likeliest mistakes first */
	struct item *v;
	size_t n, most;
	uint64_t total;
	unsigned classes; /* bits; 0 all */
};

/* ---- the name ---- */

static size_t cut_words(slice list, slice *v, size_t n, size_t most)
{
	slice word;
	while (n < most && slice_cut(&list, ' ', &word))
		if (word.n)
			v[n++] = word;
	return n;
}

static int read_name(struct sql *queue, struct sql *directory, void *arg, struct err *e)
{
	struct making *k = arg;
	if (digest_last_get(queue, k->due->name, &k->last, e) < 0)
		return -1;
	return k->group ? digest_setting_get(directory, k->due->name, k->a, &k->setting, e) : 0;
}

static bool saw_delivered(void *arg, const struct trace_row *row)
{
	(void)row;
	*(bool *)arg = true;
	return false;
}

struct asking {
	struct making *k;
	bool known;
	int status;
	struct err e;
};

static void ask_trace(void *arg)
{
	struct asking *q = arg;
	struct sql *trace = NULL;
	const struct trace_filter f = {.to = q->k->due->name,
		.since = q->k->now - KNOWN_DAYS * DAY,
		.status = TRACE_DELIVERED};
	slice data = q->k->set->config.server->data;
	q->status = sql_open_read(data, "trace", &trace, &q->e);
	if (q->status == 0)
		q->status = trace_find(trace, NULL, &f, 1, saw_delivered, &q->known, &q->e);
	sql_close(trace);
}

/* 1 yes, 0 no, -1 not now. */
static int is_mailbox(struct making *k, struct err *e)
{
	struct route_decision d;
	/* As a pattern of rows it would be other people's mail, too: only groups have such. */
	if (slice_index(k->due->name, '*') < k->due->name.n)
		return 0;
	if (route_decide(&k->d->letters->q->routes, k->due->name, false, k->a, &d, e) < 0)
		return -1;
	if (!d.ours || (d.kind != ROUTE_LOCAL && d.kind != ROUTE_BACKEND))
		return 0;
	if (d.kind == ROUTE_LOCAL || d.callout)
		return 1;
	struct asking q = {.k = k};
	pool_call(ask_trace, &q);
	if (q.status < 0)
		*e = q.e;
	return q.status < 0 ? -1 : q.known;
}

/* 1: go on; 0: nobody reads it; -1. */
static int find_readers(struct making *k, struct err *e)
{
	if (queue_letters_read(k->d->letters, read_name, k, e) < 0)
		return k->group && e->kind == ERR_NOTFOUND ? 0 : -1;
	k->plan = queue_letters_plan(k->d->letters, k->set, k->due->name, k->a);
	if (!k->plan.on && k->due->since != DIGEST_ASKED)
		return 0;
	if (k->group) {
		k->npatterns = cut_words(k->setting.covers, k->patterns, 0, PATTERNS_MAX);
	} else {
		int is = is_mailbox(k, e);
		if (is <= 0)
			return is;
		k->patterns[k->npatterns++] = k->due->name;
		k->readers[k->nreaders++] = k->due->name;
	}
	k->nreaders = cut_words(k->plan.to, k->readers, k->nreaders, LETTERS_TO_MAX);
	return k->nreaders > 0;
}

/* ---- rows ---- */

static void keep_texts(struct quarantine_row *r, struct arena *a)
{
	slice *const texts[] = {
		&r->sender, &r->from, &r->rcpt, &r->subject, &r->policy, &r->signals, &r->virus};
	for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
		*texts[i] = arena_dup(a, *texts[i]);
}

/* By probability; at most k->most stay. Patterns that overlap show a message once. */
static bool take_row(void *arg, const struct quarantine_row *r)
{
	struct making *k = arg;
	size_t at = k->n;
	for (size_t i = 0; i < k->n; i++)
		if (k->v[i].r.id == r->id && k->v[i].r.idx == r->idx)
			return true;
	while (at > 0 && k->v[at - 1].r.probability > r->probability)
		at--;
	if (at == k->most)
		return false; /* what follows is not likelier */
	if (k->n == k->most)
		k->n--;
	memmove(&k->v[at + 1], &k->v[at], (k->n - at) * sizeof *k->v);
	k->v[at].r = *r;
	keep_texts(&k->v[at].r, k->a);
	k->n++;
	return true;
}

struct listing {
	struct making *k;
	int status;
	struct err e;
};

static int list_pattern(struct making *k, slice pattern, struct err *e)
{
	struct quarantine_filter f = {
		/* a bare domain means its addresses */
		.rcpt = slice_starts(pattern, S("@")) ? slice_skip(pattern, 1) : pattern,
		.kind = QUARANTINE_HELD,
		.class = -1,
		.classes = k->classes,
		.state = QUARANTINE_WAITS,
		.direction = -1,
		.before = k->due->since == DIGEST_ASKED ? 0 : k->seen_at,
	};
	const struct quarantine_order o = {.likely_mistakes = true};
	uint64_t n = 0;
	if (quarantine_count(k->d->db, &f, &n, e) < 0)
		return -1;
	k->total += n;
	if (k->plan.only_new && k->due->since != DIGEST_ASKED)
		f.after = k->last.seen_at;
	return quarantine_list(k->d->db, &f, &o, k->most, take_row, k, e);
}

static void list_in_pool(void *arg)
{
	struct listing *l = arg;
	for (size_t i = 0; i < l->k->npatterns && l->status == 0; i++)
		l->status = list_pattern(l->k, l->k->patterns[i], &l->e);
}

/* Is anything new? Without only_new old rows are listed, too, but not alone. */
static bool is_new(const struct making *k)
{
	for (size_t i = 0; i < k->n; i++)
		if (k->due->since == DIGEST_ASKED || k->v[i].r.held_at >= k->last.seen_at)
			return true;
	return false;
}

static int read_rows(struct making *k, struct err *e)
{
	struct listing l = {.k = k};
	k->most = (size_t)k->set->config.digest->rows;
	k->v = ARENA_ARRAY(k->a, struct item, k->most + 1);
	k->seen_at = k->now - DIGESTS_SETTLE_S * SECOND;
	pool_call(list_in_pool, &l);
	if (l.status < 0)
		*e = l.e;
	return l.status;
}

/* ---- what may be done with them ---- */

static bool may(const struct making *k, const struct quarantine_row *r, enum quarantine_verb verb)
{
	const struct quarantine_actor who = {QUARANTINE_RECIPIENT, r->rcpt};
	struct quarantine_rcpt rcpt = {
		.idx = r->idx, .address = r->rcpt, .state = r->state, .changed_at = r->changed_at};
	const struct quarantine_msg m = {.msg = {.id = r->id, .sender = r->sender},
		.kind = r->kind,
		.class = r->class,
		.direction = r->direction,
		.held_at = r->held_at,
		.expires_at = r->expires_at,
		.rcpts = &rcpt,
		.nrcpts = 1};
	const char *en, *zh;
	return quarantine_may(k->set->config.quarantine, &who, verb, &m, &rcpt, &en, &zh);
}

/* Classes that a recipient may neither have nor see are hidden where [digest] protected says so. */
static unsigned visible_classes(const struct making *k)
{
	unsigned bits = 0;
	for (int c = QUARANTINE_SPAM; c < QUARANTINE_CLASSES; c++) {
		const struct quarantine_row r = {.id = 1,
			.kind = QUARANTINE_HELD,
			.class = (enum quarantine_class)c,
			.rcpt = k->patterns[0],
			.expires_at = INT64_MAX};
		if (may(k, &r, QUARANTINE_RELEASE) || may(k, &r, QUARANTINE_ASK) ||
			may(k, &r, QUARANTINE_PREVIEW))
			bits |= 1u << c;
	}
	return bits;
}

/* A link, when the verb is allowed. *e->kind is set when the keys do not answer. */
static slice link_for(
	struct making *k, const struct quarantine_row *r, enum quarantine_verb verb, struct err *e)
{
	const struct token t = {.verb = verb,
		.role = QUARANTINE_RECIPIENT,
		.id = r->id,
		.idx = r->idx,
		.until = r->expires_at,
		.who = r->rcpt};
	if (e->kind || !may(k, r, verb))
		return (slice){0};
	return queue_letters_link(k->d->letters, k->set, &t, k->a, e);
}

static void fill_row(
	struct making *k, const struct quarantine_row *r, struct digest_row *w, struct err *e)
{
	bool chinese = k->plan.chinese;
	*w = (struct digest_row){.from = r->from,
		.sender = r->sender,
		.subject = r->subject,
		.rcpt = r->rcpt,
		.held_at = r->held_at,
		.size = r->size,
		.class_text = slice_z(quarantine_class_text(r->class, chinese))};
	if (r->virus.n)
		w->reasons[w->nreasons++] = r->virus;
	else if (r->class == QUARANTINE_POLICY && r->policy.n)
		w->reasons[w->nreasons++] = r->policy;
	else
		w->nreasons =
			queue_letters_reasons(k->d->letters, r->signals, chinese, k->a, w->reasons);
	w->protected = !may(k, r, QUARANTINE_RELEASE) && !may(k, r, QUARANTINE_ASK);
	w->view_url = link_for(k, r, QUARANTINE_PREVIEW, e);
	w->release_url = link_for(k, r, QUARANTINE_RELEASE, e);
	w->allow_url = link_for(k, r, QUARANTINE_ALLOW, e);
	w->block_url = link_for(k, r, QUARANTINE_BLOCK, e);
	w->delete_url = link_for(k, r, QUARANTINE_DELETE, e);
	if (!w->release_url.n)
		w->ask_url = link_for(k, r, QUARANTINE_ASK, e);
}

/* ---- the letter ---- */

static int write_letter(struct making *k, struct notice_letter *ret, struct err *e)
{
	struct digest_row *rows = ARENA_ARRAY(k->a, struct digest_row, k->n);
	const struct token all = {.verb = QUARANTINE_PREVIEW,
		.role = QUARANTINE_RECIPIENT,
		.idx = -1,
		.until = k->now + DIGESTS_ALL_LINK_S * SECOND,
		.who = k->due->name};
	*e = (struct err){0};
	for (size_t i = 0; i < k->n; i++)
		fill_row(k, &k->v[i].r, &rows[i], e);
	slice name = k->group ? slice_skip(k->due->name, strlen(DIGEST_GROUP)) : k->due->name;
	const struct digest_facts f = {.chinese = k->plan.chinese,
		.zone = zones_get(&k->d->letters->zones, k->plan.zone, NULL),
		.hostname = k->set->config.hostname,
		.name = name,
		.group = k->group,
		.rows = rows,
		.nrows = k->n,
		.total = k->total,
		.only_new = k->plan.only_new && k->last.sent_at && k->due->since != DIGEST_ASKED,
		.all_url = e->kind || k->group
				   ? (slice){0}
				   : queue_letters_link(k->d->letters, k->set, &all, k->a, e),
		.now = k->now};
	return e->kind ? -1 : digest_write(&f, k->a, ret, e);
}

/* In the transaction that queues it; or alone, when there is nothing to send. */
static int finish(struct sql *db, void *arg, struct err *e)
{
	struct making *k = arg;
	if (k->n && digest_last_put_tx(db, k->due->name, &k->last, e) < 0)
		return -1;
	return digest_due_drop_tx(db, k->due->name, e);
}

static int send_digest(struct making *k, struct err *e)
{
	struct notice_letter letter;
	const struct queue_letters_job job = {.letters = &letter,
		.to = k->readers,
		.nto = k->nreaders,
		.priority = QUEUE_BULK,
		.then = finish,
		.arg = k};
	unsigned made = 0;
	msg_id first = 0;
	if (write_letter(k, &letter, e) < 0)
		return -1;
	k->last = (struct digest_last){
		.sent_at = k->now, .seen_at = k->seen_at, .listed = (int64_t)k->n};
	if (queue_letters_send(k->d->letters, k->set, &job, k->a, &made, &first, e) < 0)
		return -1;
	metric_add(&sent, made > 0);
	metric_add(&rows_sent, made ? (int64_t)k->n : 0);
	log_info(NULL, "digest.queued", F("name", k->due->name), F("rows", k->n),
		F("waiting", k->total), F("letters", made));
	return 0;
}

int queue_digest_make(struct queue_digests *d, struct queue_settings *set,
	const struct digest_due *due, struct err *e)
{
	AUTO(arena) struct arena a = {0};
	struct making *k = ARENA_NEW(&a, struct making);
	*k = (struct making){.d = d, .set = set, .a = &a, .due = due, .now = wall_now()};
	k->group = slice_starts(due->name, S(DIGEST_GROUP));
	int read = find_readers(k, e);
	if (read < 0)
		return -1;
	if (read && k->npatterns && set->config.digest->protected == DIGEST_HIDE)
		k->classes = visible_classes(k);
	if (read && read_rows(k, e) < 0)
		return -1;
	if (k->n && is_new(k))
		return send_digest(k, e);
	k->n = 0;
	return commit_run(d->letters->q->queue_commit, finish, k, e);
}
