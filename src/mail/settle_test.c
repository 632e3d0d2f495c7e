/*
 * Settling against a real store: what is in the queue, the trace and the mailboxes after each
 * result, who is told, and that nothing goes before its time when commits fail.
 */
#include "mail/settle_testing.h"

/* ---- who is told ---- */

TEST(bounce_rules)
{
	static const struct {
		const char *sender;
		unsigned notify;
		enum queue_priority priority;
		bool failed, delayed, relayed, doubled;
	} t[] = {
		{"a@b", NOTIFY_DEFAULT, QUEUE_NORMAL, true, true, false, false},
		{"a@b", NOTIFY_DEFAULT, QUEUE_BULK, true, false, false, false},
		{"a@b", NOTIFY_NEVER, QUEUE_NORMAL, false, false, false, false},
		{"a@b", NOTIFY_FAILURE, QUEUE_NORMAL, true, false, false, false},
		{"a@b", NOTIFY_SUCCESS, QUEUE_NORMAL, false, false, true, false},
		{"a@b", NOTIFY_DELAY, QUEUE_BULK, false, true, false, false},
		{"a@b", NOTIFY_SUCCESS | NOTIFY_FAILURE | NOTIFY_DELAY, QUEUE_NORMAL, true, true,
			true, false},
		{"", NOTIFY_DEFAULT, QUEUE_NORMAL, false, false, false, true},
		{"", NOTIFY_SUCCESS | NOTIFY_FAILURE, QUEUE_NORMAL, false, false, false, true},
		{"", NOTIFY_NEVER, QUEUE_NORMAL, false, false, false, false},
	};
	for (size_t i = 0; i < sizeof t / sizeof *t; i++) {
		struct queue_msg m = {.sender = slice_z(t[i].sender), .priority = t[i].priority};
		struct queue_rcpt r = {.notify = t[i].notify};
		CHECK_INT(bounce_wanted(&m, &r, DSN_FAILED), t[i].failed);
		CHECK_INT(bounce_wanted(&m, &r, DSN_DELAYED), t[i].delayed);
		CHECK_INT(bounce_wanted(&m, &r, DSN_RELAYED), t[i].relayed);
		CHECK_INT(bounce_wanted(&m, &r, DSN_DELIVERED), t[i].relayed);
		CHECK_INT(bounce_is_double(&m, &r), t[i].doubled);
	}
	struct bounce_config c = {.size = 1000};
	struct queue_msg m = {.size = 900, .prefix = S("12345")};
	CHECK(bounce_returns_all(&c, &m, DSN_FAILED));
	CHECK(!bounce_returns_all(&c, &m, DSN_DELAYED));
	m.size = 996;
	CHECK(!bounce_returns_all(&c, &m, DSN_FAILED));
	m.size = 10;
	m.flags = MSG_RET_HDRS;
	CHECK(!bounce_returns_all(&c, &m, DSN_FAILED));
	m.flags = MSG_RET_FULL | MSG_REQUIRETLS;
	CHECK(!bounce_returns_all(&c, &m, DSN_FAILED));
	m.flags = MSG_RET_FULL;
	CHECK(bounce_returns_all(&c, &m, DSN_FAILED));
}

/* ---- results ---- */

static void delivered(void *arg)
{
	struct bench *b = arg;
	struct queue_rcpt r[2] = {{.address = S("x@far.example"), .dest = S("smtp:far.example")},
		{.address = S("y@far.example"), .dest = S("smtp:far.example")}};
	struct letter *l = post(b, S("s@else.example"), MINUTE, S(BODY), r, 2);
	struct settle_rcpt v[2] = {gets(0, RESULT_DELIVERED, STATUS(2, 0, 0), "250 2.0.0 kept"),
		gets(1, RESULT_UNTRIED, STATUS(0, 0, 0), "")};
	settle_and_wait(b, l, v, 2);
	struct queue_msg m;
	CHECK_INT(in_queue(b, l->m.id, &m), 1);
	CHECK_STR(m.rcpts[0].address, S("y@far.example"));
	CHECK_INT(m.rcpts[0].attempts, 0);
	struct seen s = in_trace(b, l->m.id);
	CHECK_INT(s.n, 1);
	CHECK_INT(s.status, TRACE_DELIVERED);
	slice log = slice_z(s.log);
	HAS(log, "1 connect ip=192.0.2.1\n");
	HAS(log, "attempt host=mx.far.example ip=192.0.2.9:25");
	HAS(log, "delivered status=2.0.0 by=mx.far.example reply=\"250 2.0.0 kept\"");
	CHECK_INT(b->nmade, 0);
	CHECK_INT(b->settled, 1);
	v[0] = gets(1, RESULT_DELIVERED, STATUS(2, 0, 0), "250 ok");
	settle_and_wait(b, l, v, 1);
	CHECK_INT(in_queue(b, l->m.id, &m), 0);
	letter_unref(l);
}

TEST(settle_delivered)
{
	in_loop(delivered);
}

static void failed(void *arg)
{
	struct bench *b = arg;
	struct queue_rcpt r[3] = {{.address = S("x@far.example"), .dest = S("smtp:far.example")},
		{.address = S("y@far.example"), .dest = S("smtp:far.example")},
		{.address = S("z@far.example"),
			.dest = S("smtp:far.example"),
			.notify = NOTIFY_NEVER}};
	struct letter *l = post(b, S("alice@home.example"), MINUTE, S(BODY), r, 3);
	struct settle_rcpt v[3] = {gets(0, RESULT_FAILED, STATUS(5, 1, 1), "550 5.1.1 no x here"),
		gets(1, RESULT_FAILED, STATUS(5, 2, 1), "550 5.2.1 y is gone"),
		gets(2, RESULT_FAILED, STATUS(5, 1, 1), "550 5.1.1 no z here")};
	settle_and_wait(b, l, v, 3);
	struct queue_msg m;
	CHECK_INT(in_queue(b, l->m.id, &m), 0);
	CHECK_INT(b->nmade, 1); /* one report about both */
	CHECK_INT(in_queue(b, b->made[0]->m.id, &m), 1);
	HAS(m.subject, "Undeliverable");
	HAS(m.message_id, "@mx.home.example>");
	CHECK_STR(m.sender, S(""));
	CHECK_STR(m.rcpts[0].address, S("alice@home.example"));
	CHECK_STR(m.rcpts[0].dest, S("local"));
	CHECK(m.flags & MSG_BOUNCE);
	CHECK_INT(m.expires_at - m.arrived_at, 2 * DAY);
	slice text = text_of(b, b->made[0]);
	HAS(text, "x@far.example");
	HAS(text, "550 5.2.1 y is gone");
	HAS(text, "the body");
	HAS_NOT(text, "z@far.example");
	struct seen s = in_trace(b, l->m.id);
	CHECK_INT(s.n, 3);
	CHECK_INT(s.status, TRACE_BOUNCED);
	/* The bounce cannot be delivered either: that is the end. */
	struct settle_rcpt again = gets(0, RESULT_FAILED, STATUS(5, 1, 1), "550 5.1.1 no");
	settle_and_wait(b, b->made[0], &again, 1);
	CHECK_INT(b->nmade, 1);
	CHECK_INT(in_queue(b, b->made[0]->m.id, &m), 0);
	CHECK_INT(in_trace(b, b->made[0]->m.id).status, TRACE_BOUNCED);
	letter_unref(l);
}

TEST(settle_failed_tells_the_sender_once)
{
	in_loop(failed);
}

static void nobody_to_tell(void *arg)
{
	struct bench *b = arg;
	struct queue_rcpt r[1] = {{.address = S("x@far.example"), .dest = S("smtp:far.example")}};
	struct letter *l = post(b, S("nobody@home.example"), MINUTE, S(BODY), r, 1);
	struct settle_rcpt v = gets(0, RESULT_FAILED, STATUS(5, 1, 1), "550 no");
	settle_and_wait(b, l, &v, 1);
	struct queue_msg m;
	CHECK_INT(in_queue(b, l->m.id, &m), 0);
	CHECK_INT(b->nmade, 0);
	letter_unref(l);
}

TEST(settle_failed_of_a_sender_that_does_not_exist)
{
	in_loop(nobody_to_tell);
}

static void deferred(void *arg)
{
	struct bench *b = arg;
	struct queue_rcpt r[1] = {{.address = S("x@far.example"), .dest = S("smtp:far.example")}};
	struct letter *l = post(b, S("alice@home.example"), MINUTE, S(BODY), r, 1);
	struct settle_rcpt v = gets(0, RESULT_DEFERRED, STATUS(4, 4, 1), "451 4.4.1 later");
	settle_and_wait(b, l, &v, 1);
	struct queue_msg m;
	CHECK_INT(in_queue(b, l->m.id, &m), 1);
	CHECK_INT(m.rcpts[0].attempts, 1);
	CHECK_STR(m.rcpts[0].reason, S("451 4.4.1 later"));
	CHECK(m.rcpts[0].next_at > wall_now() + 4 * MINUTE &&
		m.rcpts[0].next_at < wall_now() + 6 * MINUTE);
	CHECK(!m.rcpts[0].warned);
	HAS(m.rcpts[0].log, "deferred status=4.4.1");
	CHECK_INT(in_trace(b, l->m.id).n, 0);
	CHECK_INT(b->nmade, 0);
	letter_unref(l);
	/* After five hours the sender is told, once. */
	l = post(b, S("alice@home.example"), 5 * HOUR, S(BODY), r, 1);
	settle_and_wait(b, l, &v, 1);
	CHECK_INT(b->nmade, 1);
	CHECK_INT(in_queue(b, l->m.id, &m), 1);
	CHECK(m.rcpts[0].warned);
	HAS(text_of(b, b->made[0]), "delayed");
	struct letter *later = letter_copy(&m);
	settle_and_wait(b, later, &v, 1);
	CHECK_INT(b->nmade, 1);
	letter_unref(later);
	letter_unref(l);
}

TEST(settle_deferred)
{
	in_loop(deferred);
}

/* Nobody was asked: no attempt, and the schedule stays where it is. */
static void skipped(void *arg)
{
	struct bench *b = arg;
	struct queue_rcpt r[1] = {{.address = S("x@far.example"), .dest = S("smtp:far.example")}};
	struct settle_rcpt v = gets(0, RESULT_DEFERRED, STATUS(4, 4, 1), "destination is down");
	v.result.skipped = true;
	struct queue_msg m;
	struct letter *l = post(b, S("alice@home.example"), MINUTE, S(BODY), r, 1);
	settle_and_wait(b, l, &v, 1);
	CHECK_INT(in_queue(b, l->m.id, &m), 1);
	CHECK_INT(m.rcpts[0].attempts, 0);
	CHECK_STR(m.rcpts[0].reason, S("destination is down"));
	CHECK(m.rcpts[0].next_at < wall_now() + 6 * MINUTE);
	letter_unref(l);
	r[0].attempts = 2;
	l = post(b, S("alice@home.example"), 3 * HOUR, S(BODY), r, 1); /* a quarter of its age */
	settle_and_wait(b, l, &v, 1);
	CHECK_INT(in_queue(b, l->m.id, &m), 1);
	CHECK_INT(m.rcpts[0].attempts, 2);
	CHECK(m.rcpts[0].next_at > wall_now() + 40 * MINUTE &&
		m.rcpts[0].next_at < wall_now() + 50 * MINUTE);
	letter_unref(l);
}

TEST(settle_skipped_is_no_attempt)
{
	in_loop(skipped);
}

static void expired(void *arg)
{
	struct bench *b = arg;
	struct queue_rcpt r[1] = {
		{.address = S("x@far.example"), .dest = S("smtp:far.example"), .warned = true}};
	struct letter *l = post(b, S("alice@home.example"), RETRY_LIFETIME, S(BODY), r, 1);
	struct settle_rcpt v = gets(0, RESULT_DEFERRED, STATUS(4, 4, 1), "connection timed out");
	settle_and_wait(b, l, &v, 1);
	struct queue_msg m;
	CHECK_INT(in_queue(b, l->m.id, &m), 0);
	CHECK_INT(in_trace(b, l->m.id).status, TRACE_EXPIRED);
	CHECK_INT(b->nmade, 1);
	slice text = text_of(b, b->made[0]);
	HAS(text, "5.4.7");
	HAS(text, "connection timed out");
	letter_unref(l);
}

TEST(settle_expired)
{
	in_loop(expired);
}

static void success_reports(void *arg)
{
	struct bench *b = arg;
	struct queue_rcpt r[2] = {{.address = S("x@far.example"),
					  .dest = S("smtp:far.example"),
					  .notify = NOTIFY_SUCCESS},
		{.address = S("y@far.example"),
			.dest = S("smtp:far.example"),
			.notify = NOTIFY_SUCCESS}};
	struct letter *l = post(b, S("alice@home.example"), MINUTE, S(BODY), r, 2);
	struct settle_rcpt v[2] = {gets(0, RESULT_DELIVERED, STATUS(2, 0, 0), "250 ok"),
		gets(1, RESULT_DELIVERED, STATUS(2, 0, 0), "250 ok")};
	v[0].result.dsn = true; /* the next hop reports */
	settle_and_wait(b, l, v, 1);
	CHECK_INT(b->nmade, 0);
	CHECK_INT(in_trace(b, l->m.id).status, TRACE_RELAYED_DSN);
	settle_and_wait(b, l, v + 1, 1);
	CHECK_INT(b->nmade, 1);
	slice text = text_of(b, b->made[0]);
	HAS(text, "relayed");
	HAS_NOT(text, "the body");
	letter_unref(l);
}

TEST(settle_reports_success_when_asked)
{
	in_loop(success_reports);
}

static void rerouted(void *arg)
{
	struct bench *b = arg;
	struct queue_rcpt r[1] = {{.address = S("x@far.example"), .dest = S("smtp:far.example")}};
	struct letter *l = post(b, S("alice@home.example"), MINUTE, S(BODY), r, 1);
	struct settle_rcpt v = gets(0, RESULT_REROUTED, STATUS(0, 0, 0), "");
	v.result.dest = S("backend:new");
	settle_and_wait(b, l, &v, 1);
	struct queue_msg m;
	CHECK_INT(in_queue(b, l->m.id, &m), 1);
	CHECK_STR(m.rcpts[0].dest, S("backend:new"));
	CHECK_INT(m.rcpts[0].attempts, 0);
	CHECK_INT(b->rerouted, 1);
	letter_unref(l);
}

TEST(settle_rerouted)
{
	in_loop(rerouted);
}

/* ---- when the disk does not take it ---- */

static void sabotage(struct bench *b, const char *db, const char *statement)
{
	struct err e;
	struct sql *s;
	OK(sql_open(testdir_slice(&b->dir), db, &s, &e));
	OK((int)sql_run(s, &e, statement, ""));
	sql_close(s);
}

static void failing_commits(void *arg)
{
	struct bench *b = arg;
	struct err e;
	struct queue_rcpt r[1] = {{.address = S("x@far.example"), .dest = S("smtp:far.example")}};
	struct letter *l = post(b, S("alice@home.example"), MINUTE, S(BODY), r, 1);
	struct settle_rcpt v = gets(0, RESULT_FAILED, STATUS(5, 1, 1), "550 no");
	struct queue_msg m;
	/* The trace cannot be written: the queue keeps its row, and no bounce leaves. */
	sabotage(b, "trace", "ALTER TABLE trace RENAME TO hidden");
	settle_group(b->settle, l, &v, 1, NULL, NULL, NULL);
	OK(co_sleep(instant_in(1200 * MSEC), &e)); /* tried at least twice */
	CHECK_INT(settle_pending(b->settle), 1);
	CHECK_INT(b->settled, 0);
	CHECK_INT(b->nmade, 0);
	CHECK_INT(in_queue(b, l->m.id, &m), 1);
	/* Now the trace works and the queue does not. */
	sabotage(b, "queue",
		"CREATE TRIGGER stuck BEFORE DELETE ON rcpt BEGIN SELECT RAISE(ABORT, 'stuck'); "
		"END");
	sabotage(b, "trace", "ALTER TABLE hidden RENAME TO trace");
	OK(co_sleep(instant_in(2500 * MSEC), &e));
	CHECK_INT(b->settled, 0);
	CHECK_INT(in_queue(b, l->m.id, &m), 1);
	CHECK_INT(in_trace(b, l->m.id).n, 1);
	sabotage(b, "queue", "DROP TRIGGER stuck");
	CHECK_INT(settle_drain(b->settle, instant_in(20 * SECOND)), 0);
	CHECK_INT(b->settled, 1);
	CHECK_INT(b->nmade, 1); /* one, however often it was tried */
	CHECK_INT(in_queue(b, l->m.id, &m), 0);
	struct seen s = in_trace(b, l->m.id);
	char id[MSG_ID_TEXT];
	msg_id_print(b->made[0]->m.id, id);
	CHECK(strstr(s.log, id) != NULL); /* the trace names the report that was sent */
	letter_unref(l);
}

TEST(settle_keeps_results_until_the_disk_takes_them)
{
	in_loop(failing_commits);
}
