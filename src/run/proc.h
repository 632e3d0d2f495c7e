/*
 * proc: processes and descriptors. The master starts every other process by running its own program
 * again (`posthouse role NAME INSTANCE`) with one control socket, SOCK_SEQPACKET, as descriptor
 * PROC_CONTROL_FD. Over it the child gets its start message and later orders, each with descriptors
 * (SCM_RIGHTS), and tells when it is ready and, every few seconds, that it is alive.
 *
 * A child dies with its master (PR_SET_PDEATHSIG): whatever was answered for is on stable storage.
 */
#pragma once
#include "base/buf.h"
#include "base/err.h"
#include "base/slice.h"
#include "base/time.h"
#include <sys/types.h>

enum {
	PROC_CONTROL_FD = 3,
	PROC_NAME_MAX = 48, /* of a role, of a descriptor, with the NUL */
	PROC_ABOUT_MAX = 128, /* what a child tells about itself, with the NUL */
	PROC_FDS_MAX = 128, /* descriptors in one message */
	PROC_CONFIG_MAX = 1 << 20, /* bytes of configuration text */
	PROC_ALIVE_EVERY = 10, /* seconds between two signs of life of a child */
	PROC_SILENT_MAX = 120, /* seconds without one: the child hangs and is aborted */
};

struct proc_fd {
	char name[PROC_NAME_MAX];
	int fd;
};

/* ---- the child's side ---- */

struct proc_start {
	char role[PROC_NAME_MAX];
	unsigned instance; /* 0 .. among the processes of its role */
	unsigned generation; /* of the configuration: +1 with each reload */
	char *config_path;
	struct buf config; /* the text as the master read and checked it */
	struct proc_fd fds[PROC_FDS_MAX];
	size_t nfds;
};

/* Receives the start message; the first thing a child does. Blocks. */
int proc_start_receive(struct proc_start *ret, struct err *e);
/* Descriptor by name, which is then the caller's; -1 when it was not sent (or taken already). */
int proc_start_take(struct proc_start *s, const char *name);
/* Takes the next one whose name starts with prefix: its name (borrowed) in *ret_name. -1: no more.
 */
int proc_start_take_next(struct proc_start *s, const char *prefix, const char **ret_name);
void proc_start_done(struct proc_start *s); /* closes what nobody took */

enum proc_stop {
	PROC_STOP_DRAIN, /* a successor has taken over: let what is going on come to its natural end
			  */
	PROC_STOP_SOON, /* the server is going down: end what is idle, finish what is half done */
};

/* Orders to a child: stop and reload are called in a coroutine of their own each and may wait, link
 * and wake must not. Descriptors become the callee's. */
struct proc_orders {
	/* End by the deadline; the process ends when loop_run returns. May come again, more urgent.
	 */
	void (*stop)(void *arg, enum proc_stop how, instant deadline);
	/* A (new) link to a process of another role, see link.h. It replaces an earlier one to the
	 * same role and instance. */
	void (*link)(void *arg, const char *role, unsigned instance, int fd);
	/* A changed configuration, checked by the master. NULL: this role is replaced instead. */
	void (*reload)(void *arg, slice path, slice text);
	/* "Something for you changed in the store": look now, not at the next sweep. NULL: ignored.
	 */
	void (*wake)(void *arg);
	void *arg;
};
/* Starts listening to the master and telling it that we live. After loop_init; the orders struct is
 * borrowed. SIGTERM means stop(PROC_STOP_SOON); SIGINT and SIGHUP are the master's and ignored. */
void proc_child_run(const struct proc_orders *orders);
/* Tells the master that this process serves. Once. `about`: words for people who ask the master how
 * it is, below PROC_ABOUT_MAX bytes. */
void proc_child_ready(slice about);

/* ---- the master's side ---- */

struct proc;
struct proc_spec {
	const char *role;
	unsigned instance, generation;
	slice config_path, config_text;
	const struct proc_fd *fds; /* borrowed during the call; the child gets copies */
	size_t nfds;
};
struct proc_events {
	void (*ready)(void *arg, struct proc *p);
	/* The process is gone; status as from waitpid. p is freed after this returns. */
	void (*ended)(void *arg, struct proc *p, int status);
	void *arg;
};

/* Starts a child and watches it from a coroutine. ERR_TEMP when it could not be started. */
int proc_spawn(const struct proc_spec *spec, const struct proc_events *events, struct proc **ret,
	struct err *e);
pid_t proc_pid(const struct proc *p);
unsigned proc_generation(const struct proc *p);
bool proc_is_ready(const struct proc *p);
const char *proc_about(const struct proc *p); /* empty before it is ready; printable ASCII */
instant proc_started_at(const struct proc *p);

/* Orders; false when the child takes none (gone, or its control socket is full). fd is borrowed. */
bool proc_order_stop(struct proc *p, enum proc_stop how, int64_t within_usec);
bool proc_order_link(struct proc *p, const char *role, unsigned instance, int fd);
bool proc_order_reload(struct proc *p, slice path, slice text);
bool proc_order_wake(struct proc *p);
void proc_kill(struct proc *p, int signo);

/* "exit 3", "signal 11 (Segmentation fault)" */
void proc_status_print(int status, char out[64]);

/* Time to wait before the next start of a child that keeps ending: 0.1 s doubling to 30 s,
 * forgotten after a minute of good service. */
struct proc_backoff {
	unsigned crashes;
	int64_t next_usec;
};
int64_t proc_backoff_next(struct proc_backoff *b, int64_t lived_usec);

/* Writes "READY=1" and the like to the service manager (sd_notify(3)); nothing without one. */
void proc_notify(const char *state);
/* Half of the watchdog's period that the service manager asked for, or 0. */
int64_t proc_watchdog_usec(void);
