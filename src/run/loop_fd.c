/*
 * Waiting for descriptors. Each is told to epoll once, edge-triggered, for both directions; what
 * arrives while nobody waits is latched. So the rule for callers is: try the system call, wait
 * only after EAGAIN, try again. A wait may return although nothing is there (an old latch).
 */
#include "run/loop_fd.h"

#include "base/mem.h"
#include "base/must.h"
#include "run/loop.h"
#include "run/sched.h"
#include <errno.h>
#include <sys/epoll.h>

/* Lies on the stack of the waiting coroutine. */
struct fd_wait {
	struct fd_wait *next;
	struct co *co;
	uint32_t events;
	bool forgotten; /* the descriptor was given up meanwhile */
};

struct fd_slot {
	struct fd_wait *waits;
	uint32_t ready; /* came while nobody waited */
	bool registered;
	bool hup; /* the peer will send no more */
};

static struct fd_slot *slots;
static int n_slots;

static const uint32_t READ_EVENTS = EPOLLIN | EPOLLRDHUP | EPOLLHUP | EPOLLERR;
static const uint32_t WRITE_EVENTS = EPOLLOUT | EPOLLHUP | EPOLLERR;

static struct fd_slot *slot_of(int fd)
{
	must(fd >= 0);
	if (fd < n_slots)
		return &slots[fd];
	int n = n_slots ? n_slots : 64;
	while (n <= fd)
		n *= 2;
	slots = mem_grow(slots, (size_t)n * sizeof(*slots));
	memset(slots + n_slots, 0, (size_t)(n - n_slots) * sizeof(*slots));
	n_slots = n;
	return &slots[fd];
}

/* 1 registered, 0 a file that epoll does not know because it is always ready, -1. */
static int ensure_registered(int fd, struct err *e)
{
	struct fd_slot *s = slot_of(fd);
	if (s->registered)
		return 1;
	struct epoll_event ev = {
		.events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET, .data.fd = fd};
	if (epoll_ctl(loop_epoll_fd(), EPOLL_CTL_ADD, fd, &ev) < 0)
		return errno == EPERM ? 0 : err_sys(e, errno, "epoll_ctl");
	s->registered = true;
	return 1;
}

static uint32_t causes_of(uint32_t wanted)
{
	return (wanted & EPOLLIN ? READ_EVENTS : 0) | (wanted & EPOLLOUT ? WRITE_EVENTS : 0);
}

static void unlink_wait(int fd, struct fd_wait *w)
{
	for (struct fd_wait **at = &slots[fd].waits; *at; at = &(*at)->next)
		if (*at == w) {
			*at = w->next;
			return;
		}
}

int loop_wait_fd(int fd, uint32_t events, instant deadline, struct err *e)
{
	must(co_self() != NULL);
	int r = ensure_registered(fd, e);
	if (r <= 0)
		return r;
	uint32_t causes = causes_of(events);
	struct fd_slot *s = slot_of(fd);
	if (s->ready & causes) {
		s->ready &= ~causes;
		return co_breathe(deadline, e);
	}
	struct fd_wait w = {s->waits, co_self(), causes, false};
	s->waits = &w;
	enum wake why = co_park(deadline);
	if (w.forgotten)
		return err_set(e, ERR_CLOSED, "descriptor closed");
	unlink_wait(fd, &w);
	return co_wake_err(why, e);
}

void loop_fd_event(int fd, uint32_t events)
{
	struct fd_slot *s = slot_of(fd);
	if (events & (EPOLLRDHUP | EPOLLHUP | EPOLLERR))
		s->hup = true;
	uint32_t unheard = events;
	for (struct fd_wait *w = s->waits; w; w = w->next) {
		if (!(w->events & events) || w->co->state != CO_PARKED)
			continue; /* one just woken by its deadline has not heard of this */
		unheard &= ~w->events;
		co_wake(w->co, WAKE_EVENT);
	}
	s->ready |= unheard;
}

bool loop_fd_hup(int fd)
{
	return fd < n_slots && slots[fd].hup;
}

bool loop_fd_latched(int fd, uint32_t events)
{
	return fd < n_slots && (slots[fd].ready & causes_of(events));
}

bool loop_fd_take(int fd, uint32_t events)
{
	if (!loop_fd_latched(fd, events))
		return false;
	slots[fd].ready &= ~causes_of(events);
	return true;
}

void loop_forget_fd(int fd)
{
	if (fd < 0 || fd >= n_slots || !slots[fd].registered)
		return;
	for (struct fd_wait *w = slots[fd].waits; w; w = w->next) {
		w->forgotten = true;
		if (w->co->state == CO_PARKED)
			co_wake(w->co, WAKE_CANCEL);
	}
	slots[fd] = (struct fd_slot){0};
	epoll_ctl(loop_epoll_fd(), EPOLL_CTL_DEL, fd, NULL);
}

void loop_fd_forget_all(void)
{
	free(slots);
	slots = NULL;
	n_slots = 0;
}
