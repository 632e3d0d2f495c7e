/*
 * Having mail examined (scans.h). Called by edge_scan.c. Each process has at most PIPELINE messages
 * of ours at a time, so that it never waits for us and little waits in vain when it dies; the
 * others wait here, at most waiting_max of them, half of those of one source.
 */
#include "bin/scans.h"

#include "base/list.h"
#include "base/map.h"
#include "base/mem.h"
#include "run/co.h"
#include "run/link.h"
#include "run/log.h"
#include "run/metrics.h"
#include "run/pool.h"
#include <inttypes.h>
#include <jansson.h>
#include <math.h>
#include <unistd.h>

METRIC_COUNTER(again, "posthouse_edge_scans_repeated_total", "",
	"Messages given to another scan process because one had died.");
METRIC_GAUGE(waiting, "posthouse_edge_scans_waiting", "", "Messages that wait for a scan process.");
METRIC_DURATION(waited, "posthouse_edge_scan_wait_seconds", "",
	"Time that messages waited for a scan process.");

enum {
	PIPELINE = 2,
	STRIKES = 2,
	TRIES = 6, /* with those that were no strike */
	IN_POOL = 32 * 1024, /* answers larger than this are parsed off the loop */
	SOURCES_MAX = 4096, /* remembered; more: all are forgotten */
};
#define GIVE_UP (5 * SECOND) /* beyond the time in which a process ends by itself */
#define SICK (MINUTE)
#define LOOK_AGAIN (SECOND) /* while waiting: one that was sick may be well again */
#define USE_HALVES (MINUTE) /* time that a source has used counts half after this */

struct place {
	struct link *link; /* NULL: no such process */
	unsigned under_way;
	instant sick_until; /* it did not answer in time: others first */
	instant answered; /* the last time: what waits there is begun then */
};

/* Somebody who has mail examined. */
struct source {
	double used; /* usec of scan processes, fading */
	instant at;
};

struct waiter {
	struct list node;
	slice source;
	struct cond turn;
};

struct scans {
	const struct scan_conf *conf;
	unsigned waiting, waiting_max;
	struct list waiters; /* in the order in which they came */
	struct map sources;
	struct place places[SCAN_PLACES]; /* the last one: asked by scans_try alone */
	unsigned next; /* whose turn it is among equals */
};

struct scans *scans_new(const struct scan_conf *c, int64_t waiting_max)
{
	struct scans *s = NEW(struct scans);
	s->conf = c;
	s->waiting_max = (unsigned)waiting_max;
	list_init(&s->waiters);
	return s;
}

static void forget_sources(struct scans *s)
{
	size_t i = 0;
	slice name;
	void *value;
	while (map_next(&s->sources, &i, &name, &value))
		free(value);
	map_done(&s->sources);
	s->sources = (struct map){0};
}

void scans_free(struct scans *s)
{
	if (!s)
		return;
	for (unsigned i = 0; i < SCAN_PLACES; i++)
		link_free(s->places[i].link);
	forget_sources(s);
	free(s);
}

/* ---- whose turn it is ---- */

static double used_by(const struct scans *s, slice source, instant now)
{
	const struct source *o = map_get(&s->sources, source);
	return o ? o->used * exp2(-(double)(now - o->at) / (double)USE_HALVES) : 0;
}

static void count_use(struct scans *s, slice source, int64_t took)
{
	instant now = instant_now();
	struct source *o = map_get(&s->sources, source);
	double used = used_by(s, source, now) + (double)took;
	if (!o && s->sources.n >= SOURCES_MAX)
		forget_sources(s);
	if (!o) {
		o = NEW(struct source);
		map_put(&s->sources, source, o);
	}
	*o = (struct source){used, now};
}

static unsigned waiting_of(const struct scans *s, slice source)
{
	unsigned n = 0;
	list_each(i, &s->waiters)
		n += slice_eq(list_entry(i, struct waiter, node)->source, source);
	return n;
}

/* Of those who have used least the one who came first. */
static void wake_next(struct scans *s)
{
	instant now = instant_now();
	struct waiter *next = NULL;
	double least = 0;
	list_each(i, &s->waiters) {
		struct waiter *w = list_entry(i, struct waiter, node);
		double used = used_by(s, w->source, now);
		if (!next || used < least) {
			next = w;
			least = used;
		}
	}
	if (next)
		cond_wake_all(&next->turn);
}

static void wake_all(struct scans *s)
{
	list_each(i, &s->waiters)
		cond_wake_all(&list_entry(i, struct waiter, node)->turn);
}

void scans_link(struct scans *s, unsigned instance, int fd)
{
	if (instance >= SCAN_PLACES) {
		close(fd);
		return;
	}
	struct place *p = &s->places[instance];
	if (!p->link)
		p->link = link_new("scan");
	p->sick_until = 0;
	link_attach(p->link, fd);
	wake_all(s);
}

struct link *scans_link_of(const struct scans *s, unsigned instance)
{
	return instance < SCAN_PLACES ? s->places[instance].link : NULL;
}

/* ---- which one ---- */

static struct place *find_place(struct scans *s, instant now)
{
	struct place *best = NULL;
	for (unsigned i = 0; i < SCAN_INSTANCES_MAX; i++) {
		struct place *p = &s->places[(s->next + i) % SCAN_INSTANCES_MAX];
		if (p->link && link_up(p->link) && p->sick_until <= now &&
			p->under_way < PIPELINE && (!best || p->under_way < best->under_way))
			best = p;
	}
	if (best)
		s->next = (unsigned)(best - s->places) + 1;
	return best;
}

/* NULL: *e. */
static struct place *wait_for_place(struct scans *s, slice source, instant deadline, struct err *e)
{
	struct waiter w = {.source = source};
	struct place *p;
	cond_init(&w.turn);
	list_append(&s->waiters, &w.node);
	while (!(p = find_place(s, instant_now()))) {
		instant until = instant_in(LOOK_AGAIN);
		if (cond_wait(&w.turn, until < deadline ? until : deadline, e) < 0 &&
			(e->kind != ERR_TIMEOUT || instant_now() >= deadline)) {
			err_wrap(e, "no scan process is free");
			break;
		}
	}
	list_remove(&w.node);
	return p;
}

/* Waits for one that can take a message. NULL: *e. */
static struct place *take_place(struct scans *s, slice source, instant deadline, struct err *e)
{
	struct place *p = s->waiting ? NULL : find_place(s, instant_now());
	if (p) {
		p->under_way++;
		return p;
	}
	if (s->waiting >= s->waiting_max ||
		(s->waiting >= s->waiting_max / 2 &&
			waiting_of(s, source) >= (s->waiting_max + 1) / 2)) {
		err_set(e, ERR_TEMP, "%u messages wait for a scan process", s->waiting);
		return NULL;
	}
	s->waiting++;
	metric_add(&waiting, 1);
	instant began = instant_now();
	p = wait_for_place(s, source, deadline, e);
	metric_observe(&waited, (uint64_t)(instant_now() - began));
	metric_add(&waiting, -1);
	s->waiting--;
	if (p)
		p->under_way++;
	return p;
}

/* What stood in line behind others there has used nothing meanwhile. */
static void leave_place(struct scans *s, struct place *p, slice source, instant began)
{
	instant now = instant_now(), from = began > p->answered ? began : p->answered;
	p->under_way--;
	p->answered = now;
	count_use(s, source, now - from);
	wake_next(s);
}

/* ---- the answer ---- */

struct parsing {
	int fd;
	struct scan_answer where;
	json_t *json;
	struct err *e;
};

static void parse(void *arg)
{
	struct parsing *p = arg;
	json_error_t bad;
	slice text = p->where.text;
	AUTO(free) char *bytes = NULL;
	if (p->where.n) {
		bytes = mem_alloc((size_t)p->where.n);
		ssize_t n = p->fd >= 0
				    ? pread(p->fd, bytes, (size_t)p->where.n, (off_t)p->where.from)
				    : -1;
		text = slice_of(bytes, n > 0 ? (size_t)n : 0);
	}
	p->json = text.n ? json_loadb(text.p, text.n, JSON_ALLOW_NUL, &bad) : NULL;
	if (!p->json)
		err_set(p->e, ERR_PROTO, "scan: a damaged answer");
}

static int read_answer(slice reply, int fd, struct arena *a, struct content_report *ret,
	json_t **ret_json, struct err *e)
{
	struct parsing p = {.fd = fd, .e = e};
	if (!scan_answer_decode(reply, &p.where))
		return err_set(e, ERR_PROTO, "scan: a damaged answer");
	if (p.where.n + p.where.text.n > IN_POOL)
		pool_call(parse, &p);
	else
		parse(&p);
	if (!p.json)
		return -1;
	if (!content_report_read(p.json, a, ret)) {
		json_decref(p.json);
		return err_set(e, ERR_PROTO, "scan: a damaged answer");
	}
	ret->summary = p.where.summary;
	*ret_json = p.json;
	return 0;
}

/* ---- one try ---- */

static int send_to(struct scans *s, struct place *p, const struct scans_asked *q, bool in_file,
	struct arena *a, slice *ret_reply, struct err *e)
{
	AUTO(buf) struct buf request = BUF(SCAN_WIRE_MAX);
	struct scan_request r = {.job = SCAN_MESSAGE,
		.wishes = q->wishes,
		.context = *q->context,
		.lead_n = (uint32_t)q->lead.n,
		.in_file = in_file};
	if (in_file && scan_letter_file(q->letter, q->lead, &r.from, e) < 0)
		return -1;
	r.lead = q->lead;
	r.message = buf_slice(&q->letter->bytes);
	scan_request_encode(&request, &r);
	if (!buf_ok(&request))
		return err_set(e, ERR_LIMIT, "the request is too large");
	instant deadline = instant_in(2 * s->conf->time + GIVE_UP);
	if (deadline > q->deadline)
		deadline = q->deadline;
	return link_call_file(p->link, buf_slice(&request), in_file ? q->letter->fd : -1, deadline,
		a, ret_reply, e);
}

/* What the way to a process or back did, not the message. */
static bool is_passing(const struct err *e)
{
	return e->kind == ERR_TEMP || e->kind == ERR_TIMEOUT;
}

static enum scans_fate give_up(unsigned strikes, struct err *e)
{
	if (strikes >= STRIKES)
		return SCANS_CANNOT;
	if (e->kind == ERR_NONE)
		err_set(e, ERR_TEMP, "scan processes died again and again");
	return SCANS_UNAVAILABLE;
}

enum scans_fate scans_examine(struct scans *s, const struct scans_asked *q, struct arena *a,
	struct content_report *ret, json_t **ret_json, struct err *e)
{
	unsigned strikes = 0;
	bool in_file =
		q->wishes & (CONTENT_EXPLAIN | CONTENT_FEATURES | CONTENT_TEXT | CONTENT_OPENED) ||
		!scan_letter_is_small(q->letter, q->lead);
	*e = (struct err){0};
	for (unsigned i = 0; i < TRIES && strikes < STRIKES; i++) {
		slice reply;
		struct place *p = take_place(s, q->source, q->deadline, e);
		if (!p)
			return SCANS_UNAVAILABLE;
		instant began = instant_now();
		int r = send_to(s, p, q, in_file, a, &reply, e);
		if (r < 0 && e->kind == ERR_TIMEOUT && instant_now() - began > s->conf->time)
			p->sick_until = instant_in(SICK);
		leave_place(s, p, q->source, began);
		if (r == 0)
			r = read_answer(reply, in_file ? q->letter->fd : -1, a, ret, ret_json, e);
		if (r == 0)
			return SCANS_EXAMINED;
		log_warn(NULL, "scan.failed", F("try", i + 1), F("error", e));
		if (e->kind == ERR_CLOSED)
			break;
		/* What came back, but is none: it would be none again. */
		strikes += is_passing(e) ? in_file && scan_letter_begun(q->letter) : in_file;
		in_file = true;
		metric_add(&again, 1);
	}
	return give_up(strikes, e);
}

/* ---- the trial ---- */

bool scans_trial_up(const struct scans *s)
{
	const struct place *p = &s->places[SCAN_TRIAL];
	return p->link && link_up(p->link) && p->under_way < PIPELINE;
}

int scans_try(struct scans *s, slice request, int fd, struct arena *a, struct content_report *ret,
	json_t **ret_json, struct err *e)
{
	struct place *p = &s->places[SCAN_TRIAL];
	slice reply;
	p->under_way++;
	int r = link_call_file(
		p->link, request, fd, instant_in(s->conf->time + GIVE_UP), a, &reply, e);
	p->under_way--;
	return r < 0 ? -1 : read_answer(reply, fd, a, ret, ret_json, e);
}
