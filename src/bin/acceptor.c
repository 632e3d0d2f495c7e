/* Taking connections and letting them end (acceptor.h). Used by edge, access and web. */
#include "bin/acceptor.h"

#include "base/mem.h"
#include "run/log.h"
#include "run/loop.h"
#include <stdio.h>
#include <unistd.h>

void acceptor_init(struct acceptor *a, const struct acceptor_conf *c)
{
	a->conf = *c;
	group_init(&a->accepting);
	group_init(&a->sessions);
	cond_init(&a->ended);
}

/* A line of the log of this role. */
struct event {
	char name[40];
};
static struct event event_of(const struct acceptor *a, const char *what)
{
	struct event r;
	snprintf(r.name, sizeof r.name, "%s.%s", a->conf.role, what);
	return r;
}

struct listening {
	struct acceptor *acceptor;
	size_t listener;
	int fd;
};

static void accept_run(void *arg)
{
	AUTO(free) struct listening *l = arg;
	struct acceptor *a = l->acceptor;
	struct net_addr peer;
	struct err e;
	int fd;
	for (;;) {
		if (net_accept(l->fd, &fd, &peer, &e) == 0) {
			net_unmap(&peer);
			a->conf.admit(a->conf.arg, l->listener, fd, &peer);
			continue;
		}
		if (e.kind == ERR_CLOSED)
			break;
		log_error(NULL, event_of(a, "accept").name,
			F("listener", a->conf.name(a->conf.arg, l->listener)), F("error", &e));
		if (co_sleep(instant_in(100 * MSEC), &e) < 0)
			break;
	}
	loop_forget_fd(l->fd);
	close(l->fd);
}

/* "ROLE.LISTENER.ADDRESS" */
static bool listener_of(const struct acceptor *a, const char *name, uint64_t *ret)
{
	slice rest = slice_z(name), part;
	slice_cut(&rest, '.', &part);
	slice_cut(&rest, '.', &part);
	return slice_u64(part, ret) && *ret < a->conf.listeners;
}

void acceptor_start(struct acceptor *a, struct proc_start *start)
{
	const char *name;
	int fd;
	while ((fd = proc_start_take_next(start, a->conf.sockets, &name)) >= 0) {
		uint64_t listener;
		if (!listener_of(a, name, &listener)) {
			close(fd);
			continue;
		}
		struct listening *l = NEW(struct listening);
		*l = (struct listening){a, listener, fd};
		group_go(&a->accepting, "accept", accept_run, l);
	}
}

struct co *acceptor_go(struct acceptor *a, const char *name, void (*run)(void *arg), void *session)
{
	return group_go(&a->sessions, name, run, session);
}

void acceptor_ended(struct acceptor *a)
{
	if (a->stopping)
		cond_wake_all(&a->ended);
}

static void let_sessions_end(struct acceptor *a, int64_t grace)
{
	struct err e;
	bool drained = false;
	while (a->sessions.n > 0) {
		bool late = instant_now() >= a->stop_by;
		if ((a->how == PROC_STOP_SOON || late) && !drained) {
			drained = true;
			a->conf.drain(a->conf.arg);
			if (late) /* a little time for commands under way */
				a->stop_by = instant_in(grace);
			continue;
		}
		if (late) {
			log_warn(NULL, event_of(a, "cut").name, F("sessions", a->sessions.n));
			break;
		}
		if (cond_wait(&a->ended, a->stop_by, &e) < 0 && e.kind != ERR_TIMEOUT)
			break;
	}
	group_cancel(&a->sessions);
	group_join(&a->sessions);
}

bool acceptor_stop(struct acceptor *a, enum proc_stop how, instant deadline, int64_t grace)
{
	bool again = a->stopping;
	a->stopping = true;
	a->how = how;
	a->stop_by = deadline;
	if (again) {
		cond_wake_all(&a->ended);
		return false;
	}
	group_cancel(&a->accepting);
	group_join(&a->accepting);
	log_info(NULL, event_of(a, "draining").name, F("sessions", a->sessions.n));
	let_sessions_end(a, grace);
	return true;
}
