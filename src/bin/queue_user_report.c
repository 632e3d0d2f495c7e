/*
 * Mail to the report addresses ([reports] spam, ham): letters that our users report are read by a scan process and become
 * lessons; what is held and wanted is let out (user_report.h). Called by queue_session.c for groups with
 * the destination "report:spam" and "report:ham".
 *
 * Only our own users are heard: who logged in, or wrote from a network that we trust. The edges refuse others; here it
 * is looked at again. The user gets one answer, through the outbox of notices, unless his message was
 * written by a machine. A crash repeats the work, which changes nothing: a lesson told twice counts once, a release
 * happens once, and the answer has a key.
 */
#include "base/b64.h"
#include "base/map.h"
#include "base/mem.h"
#include "bin/queue.h"
#include "bin/queue_notice.h"
#include "bin/scan.h"
#include "bin/user_report.h"
#include "codec/json_read.h"
#include "codec/reported.h"
#include "mail/notice.h"
#include "mail/report_conf.h"
#include "run/log.h"
#include "run/metrics.h"

METRIC_COUNTER(spam_reports, "posthouse_user_reports_total", "as=\"spam\"",
	"Letters that users reported.");
METRIC_COUNTER(
	ham_reports, "posthouse_user_reports_total", "as=\"ham\"", "Letters that users reported.");

enum { USERS_MAX = 100000, LISTED_MAX = 10, ABOUT_COLUMNS = 100 };

struct queue_user_reports {
	struct lists *lists;
	struct sql *read, *act;
	pthread_mutex_t lock;
	struct map counts; /* letters by user, in this hour: intptr_t */
	int64_t hour;
};

/* One message, in the making. */
struct making {
	struct queue_session *s;
	struct queue_user_reports *u;
	slice who;
	bool spam;
	json_t *found; /* by the scan process */
	json_t *told; /* the answer */
	unsigned letters;
	struct user_report_hands hands;
	struct quarantine_hands quarantine;
};

struct queue_user_reports *queue_user_reports_new(void)
{
	struct queue_user_reports *u = NEW(struct queue_user_reports);
	pthread_mutex_init(&u->lock, NULL);
	return u;
}

int queue_user_reports_open(struct queue_user_reports *u, struct queue *q, struct err *e)
{
	slice data = q->settings->config.server->data;
	if (sql_open_read(data, "queue", &u->read, e) < 0 ||
		sql_open(data, "queue", &u->act, e) < 0)
		return -1;
	return lists_open(data, &u->lists, e);
}

void queue_user_reports_free(struct queue_user_reports *u)
{
	if (!u)
		return;
	lists_close(u->lists);
	sql_close(u->read);
	sql_close(u->act);
	map_done(&u->counts);
	pthread_mutex_destroy(&u->lock);
	free(u);
}

static struct result outcome(enum result_kind kind, struct status_code status, slice text)
{
	return (struct result){.kind = kind, .status = status, .text = text};
}

/* ---- how much ---- */

/* One letter more of this user in this hour: is it allowed? */
static bool count_letter(struct making *k)
{
	struct queue_user_reports *u = k->u;
	int64_t hour = wall_now() / HOUR;
	if (hour != u->hour || u->counts.n >= USERS_MAX) {
		map_done(&u->counts);
		u->hour = hour;
	}
	intptr_t n = (intptr_t)map_get(&u->counts, k->who);
	if (n >= k->s->settings->config.reports->letters_per_hour)
		return false;
	map_put(&u->counts, k->who, (void *)(n + 1));
	return true;
}

/* ---- one letter ---- */

static void tell_letter(struct making *k, const struct user_report_done *done)
{
	json_t *letters = json_object_get(k->told, "letters");
	if (json_array_size(letters) >= LISTED_MAX)
		return;
	slice subject = notice_safe(done->subject, ABOUT_COLUMNS, &k->s->mem);
	slice from = notice_safe(done->from, ABOUT_COLUMNS, &k->s->mem);
	json_t *one = json_object();
	json_object_set_new(one, "subject", json_stringn(subject.p, subject.n));
	json_object_set_new(one, "from", json_stringn(from.p, from.n));
	json_object_set_new(one, "done", json_string(user_report_fate_name(done->fate)));
	json_array_append_new(letters, one);
}

static int handle_letter(struct making *k, const json_t *letter, struct err *e)
{
	AUTO(buf) struct buf bytes = BUF(REPORTED_LETTER_MAX + 4);
	struct user_report_done done = {.fate = USER_REPORT_UNREADABLE};
	if (b64_decode(&bytes, json_read_text(letter, "bytes"))) {
		const struct user_report r = {k->who, k->spam, buf_slice(&bytes)};
		if (user_report(&k->hands, &r, &k->s->mem, &done, e) < 0)
			return -1;
	}
	metric_add(k->spam ? &spam_reports : &ham_reports, 1);
	k->letters++;
	log_info(NULL, "report.user", F("who", k->who), F("as", k->spam ? "spam" : "ham"),
		F("done", user_report_fate_name(done.fate)));
	tell_letter(k, &done);
	if (done.fate == USER_REPORT_RELEASED)
		queue_feed_sweep(k->s->q);
	return 0;
}

static void set_fault(struct making *k, const char *fault)
{
	json_object_set_new(k->told, "fault", json_string(fault));
}

static int handle_letters(struct making *k, struct err *e)
{
	const json_t *letters = json_object_get(k->found, "letters"), *l;
	size_t i;
	json_array_foreach(letters, i, l)
	{
		if (!count_letter(k)) {
			set_fault(k, "many");
			break;
		}
		if (handle_letter(k, l, e) < 0)
			return -1;
	}
	int64_t more = json_read_count(k->found, "more");
	if (k->letters > LISTED_MAX)
		more += k->letters - LISTED_MAX;
	json_object_set_new(k->told, "more", json_integer(more));
	if (json_array_size(letters) == 0)
		set_fault(k, slice_eq(json_read_text(k->found, "how"), S("inline")) ? "inline"
										    : "nothing");
	return 0;
}

/* ---- the answer ---- */

static int add_notice(struct sql *db, void *arg, struct err *e)
{
	return notice_add_tx(db, arg, e);
}

static int answer(struct making *k, struct err *e)
{
	char id[MSG_ID_TEXT];
	const struct queue_msg *m = &k->s->letter->m;
	if (!k->s->settings->config.reports->answer ||
		json_is_true(json_object_get(k->found, "automatic")) || m->sender.n == 0)
		return 0;
	slice message_id = json_read_text(k->found, "message_id");
	json_object_set_new(k->told, "message_id", json_stringn(message_id.p, message_id.n));
	msg_id_print(m->id, id);
	AUTO(free) char *data = json_dumps(k->told, JSON_COMPACT);
	struct notice n = {.kind = NOTICE_REPORT,
		.to = k->who,
		.idx = -1,
		.key = arena_printf(&k->s->mem, "report %s", id),
		.data = slice_z(data),
		.at = wall_now()};
	if (commit_run(k->s->q->queue_commit, add_notice, &n, e) < 0)
		return -1;
	queue_notices_wake(k->s->q->notices);
	return 0;
}

/* ---- the message ---- */

static struct result later(const struct err *e, struct arena *a)
{
	slice text = arena_dup(a, slice_z(e->text));
	bool temp = e->kind == ERR_TEMP || e->kind == ERR_TIMEOUT || e->kind == ERR_CLOSED;
	return temp ? outcome(RESULT_DEFERRED, STATUS(4, 3, 0), text)
		    : outcome(RESULT_FAILED, STATUS(5, 6, 0), text);
}

/* The login, or the sender of a network that we trust, if it is an address of ours. */
static bool find_who(struct making *k)
{
	const struct queue_msg *m = &k->s->letter->m;
	struct route_decision d;
	struct err e;
	slice said = m->auth.n ? m->auth : m->sender;
	if (!(m->flags & MSG_SUBMITTED) || !directory_canonical(said, &k->s->mem, &k->who))
		return false;
	return route_decide(&k->s->q->routes, k->who, false, &k->s->mem, &d, &e) == 0 && d.ours;
}

static void prepare(struct making *k)
{
	const struct config *c = &k->s->settings->config;
	k->quarantine = (struct quarantine_hands){.queue_db = k->u->act,
		.data = c->server->data,
		.conf = c->quarantine,
		.lifetime = c->queue->lifetime};
	k->hands = (struct user_report_hands){.learn = k->s->q->learn_link,
		.lists = k->u->lists,
		.learning = c->learning,
		.hostname = c->hostname,
		.queue_read = k->u->read,
		.lock = &k->u->lock,
		.hands = &k->quarantine};
	k->told = json_pack("{s:b,s:[]}", "spam", k->spam, "letters");
}

static struct result handle(struct making *k)
{
	struct queue_session *s = k->s;
	struct err e;
	if (scan_ask(queue_scan_pick(s->q->scan), SCAN_REPORTED, s->settings->config.scan,
		    s->q->blobs, &s->letter->m, &k->found, &e) < 0)
		return later(&e, &s->mem);
	slice type = json_read_text(k->found, "type");
	if (type.n)
		k->spam = !slice_ieq(type, S("not-spam")); /* RFC 6430 */
	prepare(k);
	if (handle_letters(k, &e) < 0 || answer(k, &e) < 0)
		return later(&e, &s->mem);
	return outcome(RESULT_DELIVERED, STATUS(2, 0, 0),
		arena_printf(&s->mem, "%u letters reported as %s", k->letters,
			k->spam ? "spam" : "wanted"));
}

void queue_user_report_deliver(struct queue_session *s)
{
	struct making k = {.s = s, .u = s->q->user_reports, .spam = slice_eq(s->name, S("spam"))};
	struct result r = find_who(&k) ? handle(&k)
				       : outcome(RESULT_FAILED, STATUS(5, 7, 1),
						 S("this address takes reports of our own users"));
	json_decref(k.found);
	json_decref(k.told);
	for (size_t i = 0; i < s->n; i++)
		s->v[i].result = r;
}
