/* A message in memory for the scan processes (scan_letter.h): bytes here, then a memory file. */
#include "bin/scan_letter.h"

#include "base/mem.h"
#include "base/must.h"
#include <errno.h>
#include <sys/mman.h>
#include <unistd.h>

enum { PIECE = SCAN_INLINE_MAX }; /* gathered for one write */

void scan_letter_init(struct scan_letter *l, uint64_t limit)
{
	*l = (struct scan_letter){.bytes = BUF(2 * PIECE), .fd = -1, .limit = limit};
}

void scan_letter_done(struct scan_letter *l)
{
	buf_done(&l->bytes);
	if (l->fd >= 0)
		close(l->fd);
	l->fd = -1;
}

static int write_at(int fd, slice s, uint64_t at, struct err *e)
{
	for (size_t done = 0; done < s.n;) {
		ssize_t n = pwrite(fd, s.p + done, s.n - done, (off_t)(at + done));
		if (n < 0)
			return err_sys(e, errno, "memory file");
		done += (size_t)n;
	}
	return 0;
}

static int make_file(struct scan_letter *l, struct err *e)
{
	if (l->fd < 0)
		l->fd = memfd_create("message", MFD_CLOEXEC);
	return l->fd < 0 ? err_sys(e, errno, "memfd_create") : 0;
}

static int append(struct scan_letter *l, slice s, struct err *e)
{
	if (make_file(l, e) < 0 || write_at(l->fd, s, SCAN_LEAD_MAX + l->written, e) < 0)
		return -1;
	l->written += s.n;
	return 0;
}

static int flush(struct scan_letter *l, struct err *e)
{
	if (append(l, buf_slice(&l->bytes), e) < 0)
		return -1;
	buf_reset(&l->bytes);
	return 0;
}

void scan_letter_add(struct scan_letter *l, slice bytes)
{
	uint64_t room = l->size < l->limit ? l->limit - l->size : 0;
	l->size += bytes.n;
	slice s = slice_first(bytes, room < bytes.n ? (size_t)room : bytes.n);
	if (!s.n || l->broken.kind)
		return;
	if (l->bytes.n + s.n > PIECE && flush(l, &l->broken) < 0)
		return;
	if (s.n > PIECE)
		append(l, s, &l->broken);
	else
		buf_put(&l->bytes, s);
}

bool scan_letter_is_small(const struct scan_letter *l, slice lead)
{
	return l->fd < 0 && l->bytes.n + lead.n <= SCAN_INLINE_MAX;
}

int scan_letter_file(struct scan_letter *l, slice lead, uint32_t *ret_from, struct err *e)
{
	must(lead.n < SCAN_LEAD_MAX);
	uint32_t from = (uint32_t)(SCAN_LEAD_MAX - lead.n);
	if (l->broken.kind) {
		*e = l->broken;
		return -1;
	}
	if (flush(l, e) < 0 || write_at(l->fd, lead, from, e) < 0 ||
		ftruncate(l->fd, (off_t)(SCAN_LEAD_MAX + l->written)) < 0 ||
		write_at(l->fd, slice_of("", 1), 0, e) < 0)
		return e->kind ? -1 : err_sys(e, errno, "memory file");
	*ret_from = from;
	return 0;
}

bool scan_letter_begun(const struct scan_letter *l)
{
	char mark = 0;
	return l->fd >= 0 && pread(l->fd, &mark, 1, 0) == 1 && mark;
}
