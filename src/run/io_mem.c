/*
 * io in memory: whole sessions run from it inside unit tests and fuzzers. A pair blocks like a
 * socket does (a bounded amount is under way, then the writer waits); io_mem never blocks.
 */
#include "run/io.h"

#include "base/mem.h"
#include "run/co.h"

enum { PIPE_MAX = 64 * 1024 };

/* One direction of a pair. */
struct pipe {
	struct buf data;
	size_t at; /* read so far */
	bool no_reader, no_writer;
	struct cond changed;
};

struct pair {
	struct pipe way[2];
	int ends;
};

struct mem_end {
	struct pair *pair;
	struct pipe *in, *out;
};

static bool can_read(const struct pipe *p)
{
	return p->at < p->data.n || p->no_writer;
}

static bool can_write(const struct pipe *p)
{
	return p->data.n - p->at < PIPE_MAX || p->no_reader;
}

static ssize_t pair_read(void *self, char *to, size_t n, struct err *e)
{
	(void)e;
	struct pipe *p = ((struct mem_end *)self)->in;
	if (!can_read(p))
		return IO_AGAIN;
	slice s = slice_first(slice_skip(buf_slice(&p->data), p->at), n);
	if (s.n == 0)
		return 0;
	memcpy(to, s.p, s.n);
	p->at += s.n;
	if (p->at == p->data.n) {
		p->at = 0;
		buf_reset(&p->data);
	}
	cond_wake_all(&p->changed);
	return (ssize_t)s.n;
}

static ssize_t pair_write(void *self, slice s, struct err *e)
{
	struct pipe *p = ((struct mem_end *)self)->out;
	if (p->no_reader)
		return err_set(e, ERR_CLOSED, "write: the other end is closed");
	if (!can_write(p))
		return IO_AGAIN;
	buf_drop_front(&p->data, p->at);
	p->at = 0;
	s = slice_first(s, PIPE_MAX - p->data.n);
	buf_put(&p->data, s);
	cond_wake_all(&p->changed);
	return (ssize_t)s.n;
}

static int pair_wait(void *self, enum io_dir dir, instant deadline, struct err *e)
{
	struct mem_end *m = self;
	struct pipe *p = dir == IO_IN ? m->in : m->out;
	if (dir == IO_IN ? can_read(p) : can_write(p))
		return 0;
	return cond_wait(&p->changed, deadline, e);
}

static bool pair_ready(void *self)
{
	struct pipe *p = ((struct mem_end *)self)->in;
	return p->at < p->data.n;
}

static void pair_close(void *self, bool clean)
{
	(void)clean;
	struct mem_end *m = self;
	m->in->no_reader = m->out->no_writer = true;
	cond_wake_all(&m->in->changed);
	cond_wake_all(&m->out->changed);
	if (--m->pair->ends == 0) {
		buf_done(&m->in->data);
		buf_done(&m->out->data);
		free(m->pair);
	}
	free(m);
}

static int no_fd(const void *self)
{
	(void)self;
	return -1;
}

static const struct io_ops pair_ops = {
	.read = pair_read,
	.write = pair_write,
	.wait = pair_wait,
	.ready = pair_ready,
	.close = pair_close,
	.fd = no_fd,
};

static struct io *new_end(struct pair *pair, struct pipe *in, struct pipe *out)
{
	struct mem_end *m = NEW(struct mem_end);
	*m = (struct mem_end){pair, in, out};
	return io_new(&pair_ops, m);
}

void io_mem_pair(struct io **ret_a, struct io **ret_b)
{
	struct pair *pair = NEW(struct pair);
	pair->ends = 2;
	for (int i = 0; i < 2; i++) {
		pair->way[i].data = BUF(PIPE_MAX);
		cond_init(&pair->way[i].changed);
	}
	*ret_a = new_end(pair, &pair->way[0], &pair->way[1]);
	*ret_b = new_end(pair, &pair->way[1], &pair->way[0]);
}

/* ---- from a slice, into a buf */

struct mem {
	char *in;
	slice rest;
	struct buf *out;
};

static ssize_t mem_read(void *self, char *to, size_t n, struct err *e)
{
	(void)e;
	struct mem *m = self;
	slice s = slice_first(m->rest, n);
	if (s.n > 0)
		memcpy(to, s.p, s.n);
	m->rest = slice_skip(m->rest, s.n);
	return (ssize_t)s.n;
}

static ssize_t mem_write(void *self, slice s, struct err *e)
{
	struct mem *m = self;
	if (m->out)
		buf_put(m->out, s);
	if (m->out && !buf_ok(m->out))
		return err_set(e, ERR_LIMIT, "output larger than %zu bytes", m->out->limit);
	return (ssize_t)s.n;
}

static int mem_wait(void *self, enum io_dir dir, instant deadline, struct err *e)
{
	(void)self, (void)dir, (void)deadline, (void)e;
	return 0;
}

static bool mem_ready(void *self)
{
	return ((struct mem *)self)->rest.n > 0;
}

static void mem_close(void *self, bool clean)
{
	(void)clean;
	struct mem *m = self;
	free(m->in);
	free(m);
}

static const struct io_ops mem_ops = {
	.read = mem_read,
	.write = mem_write,
	.wait = mem_wait,
	.ready = mem_ready,
	.close = mem_close,
	.fd = no_fd,
};

struct io *io_mem(slice input, struct buf *out)
{
	struct mem *m = NEW(struct mem);
	m->in = mem_dup(input.p, input.n);
	m->rest = slice_of(m->in, input.n);
	m->out = out;
	return io_new(&mem_ops, m);
}
