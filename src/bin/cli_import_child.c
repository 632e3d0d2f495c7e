/*
 * Starting and ending the reader of foreign containers (cli_import_child.h). It is forked from a thread of the pool, whose stack is an ordinary one.
 */
#include "bin/cli_import_child.h"

#include "base/mem.h"
#include "bin/role.h"
#include "run/pool.h"
#include "store/crypt.h"
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/wait.h>

enum { FD_SOCKET = 3, FD_FILE = 4, FIRST_OTHER = 5 };

struct starting {
	struct cli_import_child *c;
	struct import_unpack *u;
	int socket; /* the child's end */
	int pid;
};

/* Everything else goes: databases, packs, whatever this command has open. */
static bool keep_two(struct import_unpack *u, int *socket)
{
	enum { ASIDE = 100 };
	int s = fcntl(*socket, F_DUPFD_CLOEXEC, ASIDE), f = fcntl(u->file, F_DUPFD_CLOEXEC, ASIDE),
	    none = open("/dev/null", O_RDWR | O_CLOEXEC);
	if (s < 0 || f < 0 || none < 0 || dup2(s, FD_SOCKET) < 0 || dup2(f, FD_FILE) < 0 ||
		dup2(none, 0) < 0 || dup2(none, 1) < 0)
		return false;
	*socket = FD_SOCKET;
	u->file = FD_FILE;
	return close_range(FIRST_OTHER, ~0U, 0) == 0;
}

_Noreturn static void child(struct starting *x)
{
	struct err e;
	signal(SIGPIPE, SIG_IGN);
	if (!keep_two(x->u, &x->socket))
		_exit(1);
	x->u->socket = x->socket;
	crypt_forget();
	if (role_confine("reader", x->c->config, &e) < 0) {
		import_say_text(x->u, WIRE_FAILED, slice_z(e.text), S(""));
		_exit(1);
	}
	import_unpack(x->u);
	_exit(0);
}

static void fork_job(void *arg)
{
	struct starting *x = arg;
	x->pid = fork();
	if (x->pid == 0)
		child(x);
	if (x->pid < 0)
		x->pid = -errno;
}

int cli_import_child_start(struct cli_import_child *c, struct import_unpack *u, struct err *e)
{
	int pair[2];
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0)
		return err_sys(e, errno, "socketpair");
	AUTO(fd) int own = pair[0];
	AUTO(fd) int its = pair[1];
	struct import_unpack copy = *u;
	struct starting x = {.c = c, .u = &copy, .socket = its};
	pool_call(fork_job, &x);
	if (x.pid < 0)
		return err_sys(e, -x.pid, "fork");
	c->pid = x.pid;
	u->socket = take_fd(&own);
	return 0;
}

struct ending {
	int pid, status, result;
};

static void wait_job(void *arg)
{
	struct ending *x = arg;
	do
		x->result = waitpid(x->pid, &x->status, 0);
	while (x->result < 0 && errno == EINTR);
}

int cli_import_child_end(struct cli_import_child *c, bool kill_it, int *ret_status, struct err *e)
{
	struct ending x = {.pid = c->pid};
	if (!c->pid)
		return err_set(e, ERR_BUG, "no reader");
	if (kill_it)
		kill(c->pid, SIGKILL);
	pool_call(wait_job, &x);
	c->pid = 0;
	*ret_status = x.status;
	return x.result == x.pid ? 0 : err_set(e, ERR_TEMP, "waitpid");
}
