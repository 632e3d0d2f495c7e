/*
 * Metrics, the counting side: the list of what is declared, and the shared page that makes the
 * values readable from outside. Every role calls metrics_open once. The page (all integers in host
 * order: it never leaves the machine) is
 *
 *	page_head, page_entry x n, texts, padding to 64, cells (uint64_t)
 *
 * It is written to a temporary name and renamed, so a reader sees a whole page or none. A process
 * that restarts makes a new page; readers treat the drop of a counter to zero as Prometheus does.
 */
#include "run/metrics.h"
#include "base/mem.h"
#include "base/must.h"
#include "base/time.h"
#include "run/metrics_page.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

static struct metric *all;
static size_t nall;
static bool opened; /* the values are in a page; after fork(): our parent's */

static size_t cells_of(enum metric_kind kind)
{
	return kind == METRIC_HIST || kind == METRIC_HIST_USEC ? METRIC_CELLS_HIST : 1;
}

void metric_register(struct metric *m)
{
	m->next = all;
	all = m;
	nall++;
}

void metric_observe(struct metric *m, uint64_t value)
{
	unsigned bits = value ? 64 - (unsigned)__builtin_clzll(value) : 0;
	if (bits >= METRIC_BUCKETS)
		bits = METRIC_BUCKETS - 1;
	__atomic_fetch_add(&m->cells[0], value, __ATOMIC_RELAXED);
	__atomic_fetch_add(&m->cells[1], 1, __ATOMIC_RELAXED);
	__atomic_fetch_add(&m->cells[2 + bits], 1, __ATOMIC_RELAXED);
}

static uint32_t put_text(struct buf *texts, const char *z)
{
	uint32_t at = (uint32_t)texts->n;
	buf_put(texts, slice_of(z, strlen(z) + 1));
	return at;
}

/* The page without its cells: head, entries, texts. Offsets of cells count from cells_at. */
static void describe(struct buf *page)
{
	AUTO(buf) struct buf texts = BUF(METRICS_PAGE_MAX), entries = BUF(METRICS_PAGE_MAX);
	struct page_head head = {.magic = PAGE_MAGIC,
		.version = PAGE_VERSION,
		.pid = getpid(),
		.started_at = wall_now(),
		.entries = (uint32_t)nall};
	for (struct metric *m = all; m; m = m->next) {
		struct page_entry entry = {.kind = m->kind,
			.cell = head.cells,
			.name = put_text(&texts, m->name),
			.labels = put_text(&texts, m->labels),
			.help = put_text(&texts, m->help)};
		head.cells += (uint32_t)cells_of(m->kind);
		buf_put(&entries, slice_of(&entry, sizeof entry));
	}
	head.texts_at = (uint32_t)(sizeof head + entries.n);
	head.cells_at = (uint32_t)((head.texts_at + texts.n + 63) & ~(size_t)63);
	buf_put(page, slice_of(&head, sizeof head));
	buf_put(page, buf_slice(&entries));
	buf_put(page, buf_slice(&texts));
	buf_fill(page, 0, head.cells_at - page->n);
	buf_fill(page, 0, head.cells * sizeof(uint64_t));
	must(buf_ok(page));
}

static int write_page(int fd, slice page, void **ret_map)
{
	if (write(fd, page.p, page.n) != (ssize_t)page.n)
		return -1;
	void *map = mmap(NULL, page.n, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (map == MAP_FAILED)
		return -1;
	*ret_map = map;
	return 0;
}

/* From now on counting goes to the page; what was counted so far comes along. */
static void move_cells(void *map)
{
	const struct page_head *head = map;
	uint64_t *cells = (uint64_t *)((char *)map + head->cells_at);
	for (struct metric *m = all; m; m = m->next) {
		size_t n = cells_of(m->kind);
		if (!opened)
			memcpy(cells, m->cells, n * sizeof *cells);
		m->cells = cells;
		cells += n;
	}
	opened = true;
}

int metrics_open(slice dir, slice role, unsigned n, struct err *e)
{
	char path[512], tmp[520], dirz[512];
	if (dir.n + role.n > sizeof path - 20)
		return err_set(e, ERR_LIMIT, "metrics: path too long");
	snprintf(dirz, sizeof dirz, "%.*s", SFMT(dir));
	snprintf(path, sizeof path, "%s/%.*s-%u", dirz, SFMT(role), n);
	snprintf(tmp, sizeof tmp, "%s.new", path);
	/* Some sandboxes forbid it: then it is there, or opening the page fails. */
	if (mkdir(dirz, 0755) < 0 && errno != EEXIST && errno != EPERM)
		return err_sys(e, errno, "metrics: %s", dirz);
	AUTO(fd) int fd = open(tmp, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
	if (fd < 0)
		return err_sys(e, errno, "metrics: %s", tmp);
	AUTO(buf) struct buf page = BUF(METRICS_PAGE_MAX);
	void *map;
	describe(&page);
	if (write_page(fd, buf_slice(&page), &map) < 0 || rename(tmp, path) < 0) {
		err_sys(e, errno, "metrics: %s", path);
		unlink(tmp);
		return -1;
	}
	move_cells(map);
	return 0;
}
