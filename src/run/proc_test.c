/*
 * Processes: the test program starts itself again as a child, as the master does with posthouse. A
 * constructor looks for `role NAME` before any test runs.
 */
#include "run/proc.h"

#include "base/mem.h"
#include "base/test.h"
#include "run/co.h"
#include "run/link.h"
#include "run/log.h"
#include "run/loop.h"
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

/* ---- the child ---- */

static void child_stop(void *arg, enum proc_stop how, instant deadline)
{
	(void)arg, (void)deadline;
	dprintf(*(int *)arg, "stop %d\n", how);
	loop_stop();
}

static void child_echo(void *arg, struct link_request *r, slice request)
{
	(void)arg;
	link_reply(r, request);
}

static void child_link(void *arg, const char *role, unsigned instance, int fd)
{
	const struct link_service service = {.request = child_echo};
	dprintf(*(int *)arg, "link %s %u\n", role, instance);
	link_serve("child", fd, &service);
}

static void child_reload(void *arg, slice path, slice text)
{
	dprintf(*(int *)arg, "reload %.*s %zu\n", SFMT(path), text.n);
}

static void child_wake(void *arg)
{
	dprintf(*(int *)arg, "wake\n");
}

static void child_open(void *arg)
{
	(void)arg;
	proc_child_ready(S("about=this\x1b"));
}

/* Reports through the descriptor "out" what it was told. */
static int child_serve(void)
{
	static struct proc_start s;
	static int out;
	static struct proc_orders orders = {child_stop, child_link, child_reload, child_wake, &out};
	struct err e;
	if (proc_start_receive(&s, &e) < 0)
		return 9;
	out = proc_start_take(&s, "out");
	dprintf(out, "start %s %u %u %s %zu other=%d\n", s.role, s.instance, s.generation,
		s.config_path, s.config.n, proc_start_take(&s, "other"));
	proc_start_done(&s);
	loop_init();
	proc_child_run(&orders);
	co_go("open", child_open, NULL);
	loop_run();
	loop_done();
	return 0;
}

__attribute__((constructor)) static void become_child(int argc, char **argv)
{
	if (argc != 4 || strcmp(argv[1], "role") != 0)
		return;
	if (strcmp(argv[2], "crash") == 0)
		raise(SIGKILL);
	if (strcmp(argv[2], "fail") == 0)
		_exit(3);
	_exit(child_serve());
}

/* ---- the tests are the master ---- */

struct watched {
	struct proc *p;
	int out[2];
	bool ready, ended;
	int status;
	struct cond changed;
	char heard[1024];
};

static void on_ready(void *arg, struct proc *p)
{
	struct watched *w = arg;
	CHECK(p == w->p && proc_is_ready(p));
	CHECK_STR(slice_z(proc_about(p)), S("about=this?"));
	w->ready = true;
	cond_wake_all(&w->changed);
}

static void on_ended(void *arg, struct proc *p, int status)
{
	struct watched *w = arg;
	CHECK(p == w->p);
	w->p = NULL;
	w->ended = true;
	w->status = status;
	cond_wake_all(&w->changed);
}

static void start(struct watched *w, const char *role)
{
	struct err e;
	CHECK(pipe2(w->out, O_CLOEXEC) == 0);
	cond_init(&w->changed);
	const struct proc_fd fds[] = {{"out", w->out[1]}};
	AUTO(buf) struct buf text = BUF(1 << 20);
	buf_fill(&text, 'x', 300000); /* more than a datagram holds */
	const struct proc_spec spec = {role, 7, 2, S("/etc/test.conf"), buf_slice(&text), fds, 1};
	const struct proc_events events = {on_ready, on_ended, w};
	CHECK(proc_spawn(&spec, &events, &w->p, &e) == 0);
}

static void wait_for(struct watched *w, const bool *what)
{
	struct err e;
	instant deadline = instant_in(20 * SECOND);
	while (!*what)
		CHECK(cond_wait(&w->changed, deadline, &e) == 0);
}

static slice heard(struct watched *w)
{
	close(w->out[1]);
	ssize_t n, all = 0;
	while ((n = read(w->out[0], w->heard + all, sizeof w->heard - (size_t)all)) > 0)
		all += n;
	close(w->out[0]);
	return slice_of(w->heard, (size_t)all);
}

static void orders_reach_a_child(void *arg)
{
	struct watched w = {0};
	struct err e;
	int ends[2];
	(void)arg;
	start(&w, "serve");
	wait_for(&w, &w.ready);
	CHECK(proc_order_wake(w.p));
	CHECK(proc_order_reload(w.p, S("/new"), S("abc")));
	CHECK(link_pair(ends, &e) == 0);
	CHECK(proc_order_link(w.p, "edge", 3, ends[0]));
	close(ends[0]);
	struct link *l = link_new("child");
	struct arena a = {0};
	slice reply;
	link_attach(l, ends[1]);
	CHECK(link_call(l, S("hello"), instant_in(20 * SECOND), &a, &reply, &e) == 0);
	CHECK_STR(reply, S("hello"));
	CHECK(proc_order_stop(w.p, PROC_STOP_SOON, SECOND));
	wait_for(&w, &w.ended);
	CHECK(WIFEXITED(w.status) && WEXITSTATUS(w.status) == 0);
	slice told = heard(&w), begin = S("start serve 7 2 /etc/test.conf 300000 other=-1\nwake\n");
	CHECK_STR(slice_first(told, begin.n), begin);
	/* A reload runs in a coroutine of its own, a link is told at once: either may come first. */
	slice rest = slice_skip(told, begin.n);
	if (!slice_eq(rest, S("reload /new 3\nlink edge 3\nstop 1\n")))
		CHECK_STR(rest, S("link edge 3\nreload /new 3\nstop 1\n"));
	link_free(l);
	arena_done(&a);
}

TEST(proc_orders_reach_a_child)
{
	loop_init();
	loop_main(orders_reach_a_child, NULL);
}

static void ends_are_told(void *arg)
{
	struct watched w = {0};
	char text[64];
	(void)arg;
	start(&w, "crash");
	wait_for(&w, &w.ended);
	CHECK(!w.ready && WIFSIGNALED(w.status));
	proc_status_print(w.status, text);
	CHECK_STR(slice_z(text), S("signal 9 (Killed)"));
	CHECK_STR(heard(&w), S(""));
	w = (struct watched){0};
	start(&w, "fail");
	wait_for(&w, &w.ended);
	proc_status_print(w.status, text);
	CHECK_STR(slice_z(text), S("exit 3"));
	heard(&w);
	w = (struct watched){0};
	start(&w, "serve");
	wait_for(&w, &w.ready);
	proc_kill(w.p, SIGTERM); /* by hand: as gentle as an order */
	wait_for(&w, &w.ended);
	CHECK(WIFEXITED(w.status) && WEXITSTATUS(w.status) == 0);
	heard(&w);
}

TEST(proc_ends_are_told)
{
	loop_init();
	loop_main(ends_are_told, NULL);
}

static void grandmaster(void *arg)
{
	struct watched w = {0};
	start(&w, "serve");
	wait_for(&w, &w.ready);
	pid_t child = proc_pid(w.p);
	ssize_t n = write(*(int *)arg, &child, sizeof child);
	_exit(n == sizeof child ? 0 : 1);
}

/* A child is gone soon after its master, however that one ended. */
TEST(proc_child_dies_with_its_master)
{
	int told[2];
	CHECK(pipe2(told, O_CLOEXEC) == 0);
	pid_t master = fork(), child = 0;
	if (master == 0) {
		loop_init();
		loop_main(grandmaster, &told[1]);
		_exit(1);
	}
	CHECK(read(told[0], &child, sizeof child) == sizeof child && child > 0);
	CHECK(waitpid(master, NULL, 0) == master);
	for (int i = 0; i < 500; i++) {
		char state[64] = "", path[64];
		snprintf(path, sizeof path, "/proc/%d/stat", (int)child);
		FILE *f = fopen(path, "r");
		/* Gone, or a zombie where nobody reaps orphans. */
		bool gone = !f || fscanf(f, "%*d %*s %63s", state) != 1 || state[0] == 'Z';
		if (f)
			fclose(f);
		if (gone)
			return;
		usleep(10000);
	}
	test_fail(__FILE__, __LINE__, "child %d lives on", (int)child);
}

TEST(proc_backoff_grows_and_forgets)
{
	struct proc_backoff b = {0};
	CHECK_INT(proc_backoff_next(&b, 0), 100 * MSEC);
	CHECK_INT(proc_backoff_next(&b, 0), 200 * MSEC);
	for (int i = 0; i < 20; i++)
		proc_backoff_next(&b, 0);
	CHECK_INT(proc_backoff_next(&b, 0), 30 * SECOND);
	CHECK_INT(proc_backoff_next(&b, 2 * MINUTE), 100 * MSEC);
	CHECK_INT(b.crashes, 24);
}
