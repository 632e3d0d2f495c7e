/*
 * A child process of the command line that answers through a pipe (cli_child.h): `explain`, `quarantine preview`,
 * `features install`. (`learn pictures` keeps one for many letters: cli_pictures_child.c.)
 */
#include "bin/cli_child.h"

#include "base/mem.h"
#include "store/crypt.h"
#include <errno.h>
#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

void cli_child_write(int out, slice s)
{
	while (s.n) {
		ssize_t n = write(out, s.p, s.n);
		if (n < 0 && errno != EINTR)
			_exit(1);
		s = slice_skip(s, n > 0 ? (size_t)n : 0);
	}
}

void cli_child_read(int fd, struct buf *out)
{
	enum { PIECE = 64 * 1024 };
	ssize_t n = 1;
	while (n > 0 && buf_ok(out)) {
		char *room = buf_room(out, PIECE);
		n = room ? read(fd, room, PIECE) : 0;
		if (n > 0)
			buf_commit(out, (size_t)n);
	}
}

int cli_child(cli_child_run *run, void *arg, struct buf *answer, int *ret_status, struct err *e)
{
	int pipes[2];
	if (pipe2(pipes, O_CLOEXEC) < 0)
		return err_sys(e, errno, "pipe");
	AUTO(fd) int in = pipes[0];
	AUTO(fd) int out = pipes[1];
	pid_t pid = fork();
	if (pid < 0)
		return err_sys(e, errno, "fork");
	if (pid == 0) {
		crypt_forget(); /* it reads what strangers wrote */
		run(arg, out);
		_exit(1);
	}
	close(take_fd(&out));
	cli_child_read(in, answer);
	close(take_fd(&in)); /* one that writes more than fits ends now */
	return waitpid(pid, ret_status, 0) == pid ? 0 : err_sys(e, errno, "waitpid");
}
