/* Links: messages, calls in any order, refusals, deadlines, replaced peers, full sockets. */
#include "run/link.h"

#include "base/mem.h"
#include "base/test.h"
#include "run/co.h"
#include "run/loop.h"
#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>

struct served {
	struct link_server *server;
	unsigned messages, requests, closed;
	struct cond let_go;
	bool hold;
};

static void on_message(void *arg, slice message)
{
	struct served *s = arg;
	CHECK_STR(message, S("note"));
	s->messages++;
}

/* "echo X" says X; "slow" waits; "no" is refused. */
static void on_request(void *arg, struct link_request *r, slice request)
{
	struct served *s = arg;
	struct err e;
	s->requests++;
	if (slice_starts(request, S("slow")))
		co_sleep(instant_in(50 * MSEC), &e);
	int file = slice_eq(request, S("file")) ? link_request_take_file(r) : -1;
	if (file >= 0) {
		char text[8];
		ssize_t n = pread(file, text, sizeof text, 0);
		close(file);
		link_reply(r, slice_of(text, n > 0 ? (size_t)n : 0));
		return;
	}
	while (s->hold && slice_eq(request, S("hold")))
		if (cond_wait(&s->let_go, INSTANT_NEVER, &e) < 0)
			break;
	if (slice_eq(request, S("no"))) {
		err_set(&e, ERR_DENIED, "not for you");
		link_refuse(r, &e);
		return;
	}
	link_reply(r, slice_skip(request, 5));
}

static void on_closed(void *arg)
{
	((struct served *)arg)->closed++;
}

static struct link *linked(struct served *s)
{
	struct err e;
	int ends[2];
	CHECK(link_pair(ends, &e) == 0);
	const struct link_service service = {on_message, on_request, on_closed, s};
	cond_init(&s->let_go);
	s->server = link_serve("test", ends[0], &service);
	struct link *l = link_new("test");
	link_attach(l, ends[1]);
	return l;
}

static void pause_ms(int ms)
{
	struct err e;
	co_sleep(instant_in(ms * MSEC), &e);
}

/* ---- */

static void calls_and_messages(void *arg)
{
	struct served s = {0};
	struct arena a = {0};
	struct err e;
	slice reply = {0};
	(void)arg;
	struct link *l = linked(&s);
	CHECK(link_send(l, S("note")) && link_send(l, S("note")));
	CHECK(link_call(l, S("echo 12345"), instant_in(SECOND), &a, &reply, &e) == 0);
	CHECK_STR(reply, S("12345"));
	CHECK_INT(s.messages, 2);
	CHECK(link_call(l, S("no"), instant_in(SECOND), &a, &reply, &e) < 0);
	CHECK(e.kind == ERR_DENIED && strcmp(e.text, "not for you") == 0);
	CHECK(link_call(l, S("echo "), instant_in(SECOND), &a, &reply, &e) == 0 && reply.n == 0);
	arena_done(&a);
	link_free(l);
	pause_ms(5);
	CHECK_INT(s.closed, 1);
}

TEST(link_calls_and_messages)
{
	loop_init();
	loop_main(calls_and_messages, NULL);
}

static void file_goes_along(void *arg)
{
	struct served s = {0};
	struct arena a = {0};
	struct err e;
	slice reply;
	(void)arg;
	struct link *l = linked(&s);
	AUTO(fd) int fd = memfd_create("test", MFD_CLOEXEC);
	CHECK(write(fd, "letter", 6) == 6);
	CHECK(link_call_file(l, S("file"), fd, instant_in(SECOND), &a, &reply, &e) == 0);
	CHECK_STR(reply, S("letter"));
	/* One that nobody takes is closed, and the next call is none the worse. */
	int before = dup(fd);
	close(before);
	CHECK(link_call_file(l, S("echo 1"), fd, instant_in(SECOND), &a, &reply, &e) == 0);
	CHECK_STR(reply, S("1"));
	pause_ms(5);
	int after = dup(fd);
	close(after);
	CHECK_INT(after, before);
	arena_done(&a);
	link_free(l);
}

TEST(link_file_goes_along)
{
	loop_init();
	loop_main(file_goes_along, NULL);
}

struct caller {
	struct link *l;
	const char *request;
	unsigned *order, place;
	int result;
	struct err e;
	char reply[32];
};

static void call_one(void *arg)
{
	struct caller *c = arg;
	struct arena a = {0};
	slice reply;
	c->result = link_call(c->l, slice_z(c->request), instant_in(2 * SECOND), &a, &reply, &c->e);
	if (c->result == 0)
		snprintf(c->reply, sizeof c->reply, "%.*s", SFMT(reply));
	c->place = ++*c->order;
	arena_done(&a);
}

static void answers_in_any_order(void *arg)
{
	struct served s = {0};
	struct group g;
	unsigned order = 0;
	(void)arg;
	struct link *l = linked(&s);
	struct caller c[3] = {{.l = l, .request = "slow one", .order = &order},
		{.l = l, .request = "echo two", .order = &order},
		{.l = l, .request = "echo three", .order = &order}};
	group_init(&g);
	for (int i = 0; i < 3; i++)
		group_go(&g, "caller", call_one, &c[i]);
	group_join(&g);
	CHECK(c[0].result == 0 && c[1].result == 0 && c[2].result == 0);
	CHECK_STR(slice_z(c[0].reply), S("one"));
	CHECK_STR(slice_z(c[2].reply), S("three"));
	CHECK_INT(c[0].place, 3);
	link_free(l);
}

TEST(link_answers_in_any_order)
{
	loop_init();
	loop_main(answers_in_any_order, NULL);
}

static void deadline_then_late_answer(void *arg)
{
	struct served s = {.hold = true};
	struct arena a = {0};
	struct err e;
	slice reply;
	(void)arg;
	struct link *l = linked(&s);
	CHECK(link_call(l, S("hold"), instant_in(20 * MSEC), &a, &reply, &e) < 0);
	CHECK(e.kind == ERR_TIMEOUT);
	s.hold = false;
	cond_wake_all(&s.let_go);
	/* The late answer must not be taken for this one's. */
	CHECK(link_call(l, S("slow x"), instant_in(SECOND), &a, &reply, &e) == 0);
	CHECK_STR(reply, S("x"));
	arena_done(&a);
	link_free(l);
}

TEST(link_deadline_then_late_answer)
{
	loop_init();
	loop_main(deadline_then_late_answer, NULL);
}

static void peer_replaced(void *arg)
{
	struct served old = {.hold = true}, fresh = {0};
	struct group g;
	unsigned order = 0;
	struct arena a = {0};
	struct err e;
	int ends[2];
	slice reply;
	(void)arg;
	struct link *l = linked(&old);
	struct caller c = {.l = l, .request = "hold", .order = &order};
	group_init(&g);
	group_go(&g, "caller", call_one, &c);
	pause_ms(5);
	link_server_close(old.server); /* the request under work keeps the descriptor open */
	CHECK(link_pair(ends, &e) == 0);
	link_attach(l, ends[1]);
	group_join(&g);
	CHECK(c.result < 0 && c.e.kind == ERR_TEMP);
	const struct link_service service = {on_message, on_request, on_closed, &fresh};
	cond_init(&fresh.let_go);
	fresh.server = link_serve("test", ends[0], &service);
	CHECK(link_call(l, S("echo new"), instant_in(SECOND), &a, &reply, &e) == 0);
	CHECK_STR(reply, S("new"));
	old.hold = false;
	cond_wake_all(&old.let_go);
	pause_ms(5);
	CHECK_INT(old.closed, 1);
	arena_done(&a);
	link_free(l);
}

TEST(link_peer_replaced)
{
	loop_init();
	loop_main(peer_replaced, NULL);
}

static void down_waits_for_a_new_link(void *arg)
{
	struct served s = {0};
	struct group g;
	unsigned order = 0;
	struct err e;
	int ends[2];
	(void)arg;
	struct link *l = link_new("test");
	CHECK(!link_up(l) && !link_send(l, S("note")));
	struct caller c = {.l = l, .request = "echo up", .order = &order};
	group_init(&g);
	group_go(&g, "caller", call_one, &c);
	pause_ms(5);
	CHECK(link_pair(ends, &e) == 0);
	const struct link_service service = {on_message, on_request, on_closed, &s};
	cond_init(&s.let_go);
	link_serve("test", ends[0], &service);
	link_attach(l, ends[1]);
	group_join(&g);
	CHECK(c.result == 0);
	CHECK_STR(slice_z(c.reply), S("up"));
	link_free(l);
}

TEST(link_down_waits_for_a_new_link)
{
	loop_init();
	loop_main(down_waits_for_a_new_link, NULL);
}

static void full_link_refuses(void *arg)
{
	struct err e;
	int ends[2];
	(void)arg;
	CHECK(link_pair(ends, &e) == 0);
	struct link *l = link_new("test");
	link_attach(l, ends[1]);
	static char big[LINK_MESSAGE_MAX + 1];
	CHECK(!link_send(l, slice_of(big, sizeof big)));
	unsigned sent = 0;
	while (link_send(l, slice_of(big, LINK_MESSAGE_MAX)) && sent < 1000)
		sent++;
	CHECK(sent > 0 && sent < 1000);
	close(ends[0]);
	pause_ms(5);
	CHECK(!link_up(l));
	link_free(l);
}

TEST(link_full_refuses)
{
	loop_init();
	loop_main(full_link_refuses, NULL);
}
