/*
 * An engine that is a program (engine_command.h): it gets the message on standard input or as a file; its exit
 * code says what it found, a line of its output the name. Called by engine.c.
 */
#include "bin/engine_command.h"

#include "base/mem.h"
#include "run/loop.h"
#include "run/memfile.h"
#include <errno.h>
#include <fcntl.h>
#include <sys/epoll.h>
#include <sys/wait.h>

enum { OUTPUT_MAX = 256 * 1024, LINE_SHOWN = 100 };
#define AFTER_END (SECOND) /* others may hold its output open */

/* ---- what it says ---- */

static slice between(slice line, slice before, slice behind)
{
	size_t from = slice_find(line, before);
	if (from == line.n && before.n)
		return S("");
	slice rest = slice_skip(line, from + before.n);
	size_t end = behind.n ? slice_find(rest, behind) : rest.n;
	return end == rest.n && behind.n ? S("") : slice_trim(slice_first(rest, end));
}

slice engine_command_virus(slice output, slice pattern)
{
	slice line, rest = output;
	size_t at = slice_find(pattern, S("%v"));
	while (slice_cut(&rest, '\n', &line)) {
		slice name = pattern.n ? between(line, slice_first(pattern, at),
						 slice_skip(pattern, at + 2))
				       : slice_trim(line);
		if (name.n)
			return name;
	}
	return S("");
}

static bool is_code(const struct conf_list *codes, unsigned code)
{
	uint64_t v;
	for (size_t i = 0; i < codes->n; i++)
		if (slice_u64(codes->v[i], &v) && v == code)
			return true;
	return false;
}

static slice first_line(slice output)
{
	return slice_trim(slice_first(slice_first(output, slice_index(output, '\n')), LINE_SHOWN));
}

static int judge(
	const struct engine *g, int status, slice output, struct engine_found *ret, struct err *e)
{
	unsigned code = WIFEXITED(status) ? (unsigned)WEXITSTATUS(status) : 256;
	if (is_code(&g->conf->infected, code)) {
		*ret = (struct engine_found){true, engine_command_virus(output, g->conf->virus)};
		return 0;
	}
	if (is_code(&g->conf->clean, code)) {
		*ret = (struct engine_found){0};
		return 0;
	}
	if (WIFSIGNALED(status))
		return err_set(e, ERR_TEMP, "ended by signal %d", WTERMSIG(status));
	return err_set(e, ERR_TEMP, "exit code %u: %.*s", code, SFMT(first_line(output)));
}

/* ---- its output ---- */

struct listening {
	int fd;
	struct buf out;
};

static void listen_run(void *arg)
{
	struct listening *l = arg;
	struct err e;
	char piece[2048];
	while (buf_ok(&l->out)) {
		ssize_t n = read(l->fd, piece, sizeof piece);
		if (n > 0)
			buf_put(&l->out, slice_of(piece, (size_t)n));
		else if (n == 0 || errno != EAGAIN ||
			 loop_wait_fd(l->fd, EPOLLIN, INSTANT_NEVER, &e) < 0)
			return;
	}
}

/* Its pipe is empty soon after it has ended, or somebody else holds it. */
static void drain(struct group *reader, struct listening *l)
{
	struct err e;
	instant until = instant_in(AFTER_END);
	while (reader->n && instant_now() < until && co_sleep(instant_in(2 * MSEC), &e) == 0)
		;
	group_cancel(reader);
	group_join(reader);
	loop_forget_fd(l->fd);
	close(l->fd);
}

static int run(struct engine *g, int file, instant deadline, struct buf *out, int *ret_status,
	struct err *e)
{
	int ends[2];
	struct group reader;
	if (pipe2(ends, O_CLOEXEC) < 0)
		return err_sys(e, errno, "pipe");
	struct listening l = {.fd = ends[0], .out = BUF(OUTPUT_MAX)};
	fcntl(l.fd, F_SETFL, O_NONBLOCK);
	group_init(&reader);
	group_go(&reader, "engine.output", listen_run, &l);
	int r = engine_hand_call(g->hand, g->index, file, ends[1], deadline, ret_status, e);
	close(ends[1]);
	drain(&reader, &l);
	*out = l.out;
	return r;
}

int engine_command_look(struct engine *g, const struct engine_look *q, struct arena *a,
	struct engine_found *ret, struct err *e)
{
	AUTO(buf) struct buf out = BUF(OUTPUT_MAX);
	int status = 0;
	AUTO(fd) int file = memfile_of("message", q->bytes, e);
	if (file < 0 || run(g, file, q->deadline, &out, &status, e) < 0)
		return -1;
	slice said = arena_dup(a, buf_slice(&out));
	return judge(g, status, said, ret, e);
}
