/*
 * acceptor: how a role that listens (edge, access, web) takes connections on the sockets that the master bound, runs each as a coroutine of
 * its own, and lets them end. All processes of a role wait on the same sockets: the one that is idle takes the connection, and
 * none is lost when a process goes.
 */
#pragma once
#include "run/co.h"
#include "run/net.h"
#include "run/proc.h"

struct acceptor_conf {
	const char *role; /* names coroutines and lines of the log */
	const char *sockets; /* "access.": those that the master named "access.LISTENER.ADDRESS" */
	slice (*name)(void *arg, size_t listener); /* for logs */
	/* A connection came to this listener: acceptor_go(), or close(fd). In the loop's thread; must not wait. */
	void (*admit)(void *arg, size_t listener, int fd, const struct net_addr *peer);
	void (*drain)(void *arg); /* sessions are to end where they stand between two commands */
	void *arg;
	size_t listeners; /* sockets of others are closed */
};
struct acceptor {
	struct acceptor_conf conf;
	struct group accepting, sessions;
	struct cond ended; /* a session, once we stop; or the hurry changed */
	bool stopping;
	enum proc_stop how;
	instant stop_by;
};
void acceptor_init(struct acceptor *a, const struct acceptor_conf *c);
/* Takes its sockets out of *start and begins to accept. */
void acceptor_start(struct acceptor *a, struct proc_start *start);
/* A session begins; `run` must call acceptor_ended() as its last act. */
struct co *acceptor_go(struct acceptor *a, const char *name, void (*run)(void *arg), void *session);
void acceptor_ended(struct acceptor *a);

/* The role's order to stop. Accepts no more; sessions go on until the deadline (after a reload: new ones are our successor's),
 * or are drained at once (PROC_STOP_SOON); whoever then works still gets `grace` usec more, and is cancelled. Returns when none is left.
 * False: we stop already, and only the hurry was passed on. */
bool acceptor_stop(struct acceptor *a, enum proc_stop how, instant deadline, int64_t grace);
