/*
 * The control socket (control.h): both ends. The master serves it, the command line calls it. One
 * command a connection: a line; the answer is "ok" or "error KIND TEXT" and then free text to the
 * end.
 */
#include "run/control.h"

#include "base/arena.h"
#include "base/mem.h"
#include "run/co.h"
#include "run/io.h"
#include "run/log.h"
#include "run/loop.h"
#include "run/net.h"
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/epoll.h>
#include <sys/fsuid.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

struct server {
	int fd;
	uid_t owner;
	control_handler handler;
	void *arg;
	struct group clients;
};

struct client {
	struct server *server;
	int fd;
};

static int control_address(slice run_dir, struct sockaddr_un *ret, struct err *e)
{
	*ret = (struct sockaddr_un){.sun_family = AF_UNIX};
	int n = snprintf(ret->sun_path, sizeof ret->sun_path, "%.*s/control", SFMT(run_dir));
	if (n < 0 || (size_t)n >= sizeof ret->sun_path)
		return err_set(e, ERR_LIMIT, "%.*s: the path of the control socket is too long",
			SFMT(run_dir));
	return 0;
}

static int connect_control(slice run_dir, int *ret_fd, struct err *e)
{
	struct sockaddr_un a;
	if (control_address(run_dir, &a, e) < 0)
		return -1;
	AUTO(fd) int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return err_sys(e, errno, "socket");
	if (connect(fd, (struct sockaddr *)&a, sizeof a) < 0) {
		if (errno == ENOENT || errno == ECONNREFUSED)
			return err_set(e, ERR_NOTFOUND, "no server is running (%s)", a.sun_path);
		return err_sys(e, errno, "%s", a.sun_path);
	}
	*ret_fd = take_fd(&fd);
	return 0;
}

/* The socket belongs to whom RUN_DIR belongs, from its first moment on: what is named there may be
 * another thing a moment later, so nothing is changed afterwards. */
static int bind_for_owner(int fd, const struct sockaddr_un *a, slice run_dir)
{
	AUTO(arena) struct arena mem = {0};
	struct stat st;
	if (stat(arena_strz(&mem, run_dir), &st) < 0)
		return -1;
	mode_t mask = umask(0117);
	if (geteuid() == 0) {
		setfsgid(st.st_gid);
		setfsuid(st.st_uid);
	}
	int r = bind(fd, (const struct sockaddr *)a, sizeof *a), saved = errno;
	setfsuid(geteuid());
	setfsgid(getegid());
	umask(mask);
	errno = saved;
	return r;
}

/* The one to whom the socket belongs, beside root. */
static uid_t owner_of(int fd)
{
	struct sockaddr_un a = {0};
	struct stat st;
	socklen_t n = sizeof a - 1;
	if (getsockname(fd, (struct sockaddr *)&a, &n) < 0 || lstat(a.sun_path, &st) < 0)
		return geteuid();
	return st.st_uid;
}

int control_listen(slice run_dir, int *ret_fd, struct err *e)
{
	struct sockaddr_un a;
	AUTO(fd) int other = -1;
	if (connect_control(run_dir, &other, e) == 0)
		return err_set(e, ERR_EXISTS, "a server is running already (%.*s)", SFMT(run_dir));
	if (control_address(run_dir, &a, e) < 0)
		return -1;
	if (unlink(a.sun_path) < 0 && errno != ENOENT) /* left behind by a crash */
		return err_sys(e, errno, "%s", a.sun_path);
	AUTO(fd) int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return err_sys(e, errno, "socket");
	if (bind_for_owner(fd, &a, run_dir) < 0 || listen(fd, CONTROL_CLIENTS_MAX) < 0)
		return err_sys(e, errno, "%s", a.sun_path);
	*ret_fd = take_fd(&fd);
	return 0;
}

void control_remove(slice run_dir)
{
	struct sockaddr_un a;
	struct err e;
	if (control_address(run_dir, &a, &e) == 0)
		unlink(a.sun_path);
}

static bool trusted(int fd, uid_t owner)
{
	struct ucred peer;
	socklen_t n = sizeof peer;
	return getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &n) == 0 &&
	       (peer.uid == 0 || peer.uid == geteuid() || peer.uid == owner);
}

static void serve_command(struct server *s, struct io *io)
{
	AUTO(buf) struct buf reply = BUF(CONTROL_REPLY_MAX);
	struct err e, late;
	slice line;
	if (io_line(io, CONTROL_LINE_MAX, &line, &e) <= 0)
		return;
	if (s->handler(s->arg, slice_trim(line), &reply, &e) < 0)
		io_printf(io, &late, "error %s %s\n", err_kind_name(e.kind), e.text);
	else
		io_write(io, S("ok\n"), &late);
	io_write(io, buf_slice(&reply), &late);
}

static void serve_client(void *arg)
{
	AUTO(free) struct client *c = arg;
	if (!trusted(c->fd, c->server->owner)) {
		log_warn(NULL, "control.denied");
		close(c->fd);
		return;
	}
	AUTO(io) struct io *io = io_plain(c->fd);
	io_set_deadline(io, instant_in(CONTROL_SECONDS * SECOND));
	serve_command(c->server, io);
}

void control_serve(int fd, control_handler handler, void *arg)
{
	struct server s = {.fd = fd, .owner = owner_of(fd), .handler = handler, .arg = arg};
	struct err e = {0};
	group_init(&s.clients);
	while (e.kind != ERR_CLOSED) {
		struct net_addr peer;
		int client_fd;
		if (net_accept(fd, &client_fd, &peer, &e) < 0) {
			co_sleep(instant_in(100 * MSEC), &e);
			continue;
		}
		if (s.clients.n >= CONTROL_CLIENTS_MAX) {
			close(client_fd);
			continue;
		}
		struct client *c = NEW(struct client);
		*c = (struct client){&s, client_fd};
		group_go(&s.clients, "control.client", serve_client, c);
	}
	group_cancel(&s.clients);
	group_join(&s.clients);
	loop_forget_fd(fd);
	close(fd);
}

static int exchange(int fd, slice command, struct buf *all, struct err *e)
{
	struct timeval limit = {.tv_sec = CONTROL_SECONDS + 5};
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
	if (send(fd, command.p, command.n, MSG_NOSIGNAL) < 0 || send(fd, "\n", 1, MSG_NOSIGNAL) < 0)
		return err_sys(e, errno, "control socket");
	for (;;) {
		char piece[2048];
		ssize_t n = recv(fd, piece, sizeof piece, 0);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return err_sys(e, errno, "control socket");
		if (n == 0)
			return 0;
		buf_put(all, slice_of(piece, (size_t)n));
	}
}

static enum err_kind kind_of(slice name)
{
	for (enum err_kind k = ERR_TEMP; k <= ERR_BUG; k++)
		if (slice_eq(name, slice_z(err_kind_name(k))))
			return k;
	return ERR_PERM;
}

int control_call(slice run_dir, slice command, struct buf *reply, struct err *e)
{
	AUTO(fd) int fd = -1;
	AUTO(buf) struct buf all = BUF(CONTROL_REPLY_MAX + CONTROL_LINE_MAX);
	if (command.n >= CONTROL_LINE_MAX)
		return err_set(e, ERR_LIMIT, "command too long");
	if (connect_control(run_dir, &fd, e) < 0 || exchange(fd, command, &all, e) < 0)
		return -1;
	slice rest = buf_slice(&all), first, word;
	if (!slice_cut(&rest, '\n', &first) || first.n == 0)
		return err_set(e, ERR_CLOSED,
			"the server closed the control connection without an answer");
	slice_cut(&first, ' ', &word);
	buf_put(reply, rest);
	if (slice_eq(word, S("ok")))
		return 0;
	slice_cut(&first, ' ', &word);
	return err_set(e, kind_of(word), "%.*s", SFMT(first));
}
