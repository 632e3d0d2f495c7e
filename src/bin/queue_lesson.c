/*
 * Lessons by moving (queue_lesson.h). The process that moves a letter notes it in the shard; here is where the filter can be told,
 * so every few seconds they are taken, read and told by user_report, oldest first. A lesson leaves the shard when it was
 * told, or cannot be: its bytes are gone, or its author moved more letters within the hour than one may report. While the
 * learn process is away, or has too much to do, they wait.
 */
#include "bin/queue_lesson.h"

#include "base/map.h"
#include "base/mem.h"
#include "bin/queue.h"
#include "bin/user_report.h"
#include "codec/reported.h"
#include "mail/box_teach.h"
#include "mail/report_conf.h"
#include "run/log.h"
#include "run/metrics.h"
#include "store/list.h"

METRIC_COUNTER(spam_moves, "posthouse_user_moves_total", "as=\"spam\"",
	"Letters that users moved into Junk or out of it.");
METRIC_COUNTER(ham_moves, "posthouse_user_moves_total", "as=\"ham\"",
	"Letters that users moved into Junk or out of it.");

enum { USERS_MAX = 100000 };

struct queue_lessons {
	struct queue *q;
	struct boxes *boxes;
	struct lists *lists;
	struct map counts; /* letters by user, in this hour: intptr_t */
	int64_t hour;
};

int queue_lessons_open(struct queue *q, struct queue_lessons **ret, struct err *e)
{
	slice data = q->settings->config.server->data;
	const struct boxes_config c = {.data = data,
		.directory = q->directory,
		.blobs = q->blobs,
		.readers = 1,
		.conf = conf_get(q->settings->config.conf, &mailbox_section)};
	struct queue_lessons *l = NEW(struct queue_lessons);
	l->q = q;
	if (boxes_open(&c, &l->boxes, e) < 0 || lists_open(data, &l->lists, e) < 0) {
		queue_lessons_close(l);
		return -1;
	}
	*ret = l;
	return 0;
}

void queue_lessons_close(struct queue_lessons *l)
{
	if (!l)
		return;
	boxes_close(l->boxes);
	lists_close(l->lists);
	map_done(&l->counts);
	free(l);
}

/* One letter more of this user in this hour: is it allowed? */
static bool count_letter(struct queue_lessons *l, slice who)
{
	int64_t hour = wall_now() / HOUR;
	if (hour != l->hour || l->counts.n >= USERS_MAX) {
		map_done(&l->counts);
		l->counts = (struct map){0};
		l->hour = hour;
	}
	intptr_t n = (intptr_t)map_get(&l->counts, who);
	if (n >= l->q->settings->config.reports->letters_per_hour)
		return false;
	map_put(&l->counts, who, (void *)(n + 1));
	return true;
}

static void note(const struct box_lesson *v, const char *done)
{
	metric_add(v->spam ? &spam_moves : &ham_moves, 1);
	log_info(NULL, "lesson.moved", F("who", v->who), F("as", v->spam ? "spam" : "ham"),
		F("done", done));
}

static int tell(struct queue_lessons *l, const struct box_lesson *v, slice letter, struct err *e)
{
	AUTO(arena) struct arena a = {0};
	const struct config *c = &l->q->settings->config;
	const struct user_report_hands hands = {.learn = l->q->learn_link,
		.lists = l->lists,
		.learning = c->learning,
		.hostname = c->hostname};
	const struct user_report r = {.who = v->who, .spam = v->spam, .letter = letter};
	struct user_report_done done;
	if (user_report(&hands, &r, &a, &done, e) < 0)
		return -1;
	if (done.fate == USER_REPORT_BUSY)
		return err_set(e, ERR_TEMP, "the learn process has too much to do");
	note(v, user_report_fate_name(done.fate));
	return 0;
}

/* 0: it is done with; -1: to be tried again. */
static int handle(struct queue_lessons *l, const struct box_lesson *v, struct err *e)
{
	AUTO(buf) struct buf letter = BUF(v->prefix.n + REPORTED_LETTER_MAX + 1);
	const struct queue_msg m = {.blob = v->blob, .size = v->size, .prefix = v->prefix};
	if (!v->blob) {
		note(v, "gone");
		return 0;
	}
	if (!count_letter(l, v->who)) {
		note(v, "many");
		return 0;
	}
	if (letter_read(l->q->blobs, &m, REPORTED_LETTER_MAX, false, &letter, e) == 0)
		return tell(l, v, buf_slice(&letter), e);
	if (e->kind != ERR_NOTFOUND && e->kind != ERR_PERM)
		return -1;
	note(v, "gone");
	return 0;
}

/* Full batches are followed by the next one at once. */
static bool work(struct queue_lessons *l)
{
	AUTO(arena) struct arena a = {0};
	struct box_lesson *v;
	struct err e = {0};
	size_t n, done = 0;
	if (!link_up(l->q->learn_link))
		return false;
	int r = boxes_lessons_due(l->boxes, &a, &v, &n, &e);
	while (r == 0 && done < n && !l->q->stopping && (r = handle(l, &v[done], &e)) == 0)
		done++;
	struct err failed = e;
	if (done && boxes_lessons_done(l->boxes, v, done, &e) < 0)
		r = -1;
	else
		e = failed;
	if (r < 0)
		log_warn(NULL, "lesson.failed", F("error", &e));
	return r == 0 && done >= BOX_LESSONS_MAX / MAILBOX_SHARDS;
}

void queue_lessons_run(void *arg)
{
	struct queue_lessons *l = arg;
	struct err e;
	while (co_sleep(instant_in(LESSONS_EVERY_MS * MSEC), &e) == 0)
		while (!l->q->stopping && work(l))
			co_yield();
}
