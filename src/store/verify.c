/*
 * `store verify` and `store repair` (store.h): looks at everything once, in the order that gives
 * each finding its meaning: databases, what they refer to, packs. Verify may run beside the server
 * and changes nothing; repair keeps gc away, and leaves alone what another process has in use.
 */
#include "store/verify.h"

#include "base/mem.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>

void verify_report(struct verify *v, const char *kind, bool repaired, const char *fmt, ...)
{
	char text[512];
	va_list ap;
	va_start(ap, fmt);
	int n = vsnprintf(text, sizeof text, fmt, ap);
	va_end(ap);
	size_t len = n < 0 ? 0 : (size_t)n < sizeof text ? (size_t)n : sizeof text - 1;
	struct store_problem p = {.kind = kind, .text = slice_of(text, len), .repaired = repaired};
	v->problems++;
	if (v->problem)
		v->problem(v->arg, &p);
}

void verify_ids_add(struct verify_ids *s, blob_id id)
{
	if (s->n == s->cap) {
		s->cap = s->cap ? 2 * s->cap : 64;
		s->v = mem_grow(s->v, s->cap * sizeof *s->v);
	}
	s->v[s->n++] = id;
}

static int compare(const void *a, const void *b)
{
	blob_id x = *(const blob_id *)a, y = *(const blob_id *)b;
	return x < y ? -1 : x > y;
}

void verify_ids_sort(struct verify_ids *s)
{
	if (s->n)
		qsort(s->v, s->n, sizeof *s->v, compare);
}

bool verify_ids_has(const struct verify_ids *s, blob_id id)
{
	return s->n && bsearch(&id, s->v, s->n, sizeof id, compare);
}

static int look_at_all(struct verify *v, struct err *e)
{
	if (gc_list_packs(v->g, e) < 0)
		return -1;
	v->needed = mem_alloc((v->g->npacks + 1) * sizeof *v->needed);
	if (verify_messages(v, e) < 0 || verify_packs(v, e) < 0 || verify_again(v, e) < 0)
		return -1;
	if (verify_queue(v, e) < 0 || verify_quarantine(v, e) < 0 || verify_mailboxes(v, e) < 0 ||
		verify_index(v, e) < 0)
		return -1;
	return 0;
}

/* gc must not remove what we are about to mend. */
static int keep_gc_away(struct verify *v, int *ret, struct err *e)
{
	if (!v->repair)
		return 0;
	AUTO(fd) int fd = openat(v->g->packs_dir, "gc.lock", O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
	if (fd < 0 || fcntl(fd, F_OFD_SETLKW, &lock) < 0)
		return err_sys(e, errno, "gc.lock");
	*ret = take_fd(&fd);
	return 0;
}

int store_verify(slice dir, bool repair, void (*problem)(void *arg, const struct store_problem *p),
	void *arg, struct err *e)
{
	struct verify v = {.dir = dir, .repair = repair, .problem = problem, .arg = arg};
	if (verify_databases(&v, e) < 0 || store_gc_open(dir, &v.g, e) < 0)
		return -1;
	AUTO(fd) int lock = -1;
	int r = keep_gc_away(&v, &lock, e);
	if (r == 0)
		r = look_at_all(&v, e);
	store_gc_close(v.g);
	free(v.damaged.v);
	free(v.told.v);
	free(v.needed);
	return r < 0 ? -1 : v.problems > INT32_MAX ? INT32_MAX : (int)v.problems;
}
