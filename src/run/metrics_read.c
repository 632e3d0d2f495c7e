/*
 * Metrics, the reading side: for the command line and whoever shows numbers. Pages are copied by
 * read(), so one that shrinks meanwhile cannot hurt; every offset is checked. A page of a process
 * that is gone still counts until its successor replaces it: totals do not dip while a role
 * restarts.
 */
#include "base/mem.h"
#include "run/metrics.h"
#include "run/metrics_page.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <unistd.h>

struct page {
	slice bytes;
	struct page_head head;
};

/* "edge-0" */
static bool parse_name(slice file, slice *ret_role, unsigned *ret_n)
{
	uint64_t n;
	size_t dash = slice_rindex(file, '-');
	if (dash == file.n || dash == 0 || !slice_u64(slice_skip(file, dash + 1), &n) ||
		n > UINT32_MAX)
		return false;
	*ret_role = slice_first(file, dash);
	*ret_n = (unsigned)n;
	return true;
}

static bool page_parse(slice bytes, struct page *ret)
{
	struct page_head h;
	if (bytes.n < sizeof h)
		return false;
	memcpy(&h, bytes.p, sizeof h);
	if (h.magic != PAGE_MAGIC || h.version != PAGE_VERSION || h.cells_at % sizeof(uint64_t) ||
		h.cells_at > bytes.n || (bytes.n - h.cells_at) / sizeof(uint64_t) < h.cells ||
		h.texts_at > h.cells_at || h.texts_at < sizeof h ||
		(h.texts_at - sizeof h) / sizeof(struct page_entry) < h.entries)
		return false;
	*ret = (struct page){bytes, h};
	return true;
}

static bool page_text(const struct page *p, uint32_t at, slice *ret)
{
	slice texts = slice_of(p->bytes.p + p->head.texts_at, p->head.cells_at - p->head.texts_at);
	slice from = slice_skip(texts, at);
	size_t n = slice_index(from, '\0');
	if (n == from.n)
		return false;
	*ret = slice_first(from, n);
	return true;
}

static bool page_sample(const struct page *p, size_t i, struct metric_sample *ret)
{
	struct page_entry entry;
	memcpy(&entry, p->bytes.p + sizeof p->head + i * sizeof entry, sizeof entry);
	size_t ncells = entry.kind >= METRIC_HIST ? METRIC_CELLS_HIST : 1;
	if (entry.kind > METRIC_HIST_USEC || entry.cell > p->head.cells ||
		p->head.cells - entry.cell < ncells)
		return false;
	ret->kind = entry.kind;
	ret->cells = (const uint64_t *)(p->bytes.p + p->head.cells_at) + entry.cell;
	return page_text(p, entry.name, &ret->name) && page_text(p, entry.labels, &ret->labels) &&
	       page_text(p, entry.help, &ret->help);
}

static slice read_file(int dir, const char *name, struct arena *a)
{
	AUTO(fd) int fd = openat(dir, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	if (fd < 0)
		return (slice){0};
	off_t size = lseek(fd, 0, SEEK_END);
	if (size <= 0 || size > METRICS_PAGE_MAX)
		return (slice){0};
	char *bytes = arena_alloc(a, (size_t)size);
	ssize_t n = pread(fd, bytes, (size_t)size, 0);
	return slice_of(bytes, n < 0 ? 0 : (size_t)n);
}

struct reading {
	struct metric_sample *v;
	size_t n, cap;
};

static void add_page(struct reading *r, const struct page *p, slice role, unsigned n)
{
	for (size_t i = 0; i < p->head.entries; i++) {
		struct metric_sample s = {.role = role, .n = n};
		if (!page_sample(p, i, &s))
			return;
		if (r->n == r->cap) {
			r->cap = r->cap ? r->cap * 2 : 256;
			r->v = mem_grow(r->v, r->cap * sizeof *r->v);
		}
		r->v[r->n++] = s;
	}
}

static int by_name(const void *x, const void *y)
{
	const struct metric_sample *a = x, *b = y;
	int c = slice_cmp(a->name, b->name);
	c = c ? c : slice_cmp(a->labels, b->labels);
	c = c ? c : slice_cmp(a->role, b->role);
	return c ? c : (a->n > b->n) - (a->n < b->n);
}

static void read_dir(DIR *d, struct arena *a, struct reading *r)
{
	unsigned pages = 0;
	for (struct dirent *de; pages < METRICS_PAGES_MAX && (de = readdir(d));) {
		slice role;
		unsigned n;
		struct page page;
		if (!parse_name(slice_z(de->d_name), &role, &n) ||
			!page_parse(read_file(dirfd(d), de->d_name, a), &page))
			continue;
		add_page(r, &page, arena_dup(a, role), n);
		pages++;
	}
}

int metrics_read(slice dir, struct arena *a, struct metric_set *ret, struct err *e)
{
	const char *dirz = arena_strz(a, dir);
	DIR *d = opendir(dirz);
	if (!d && errno != ENOENT)
		return err_sys(e, errno, "metrics: %s", dirz);
	struct reading r = {0};
	if (d) {
		read_dir(d, a, &r);
		closedir(d);
	}
	*ret = (struct metric_set){ARENA_ARRAY(a, struct metric_sample, r.n + 1), r.n};
	if (r.n) {
		memcpy(ret->v, r.v, r.n * sizeof *r.v);
		qsort(ret->v, ret->n, sizeof *ret->v, by_name);
	}
	free(r.v);
	return 0;
}

uint64_t metrics_total(const struct metric_set *set, slice name)
{
	uint64_t sum = 0;
	for (size_t i = 0; i < set->n; i++)
		if (slice_eq(set->v[i].name, name))
			sum += set->v[i].cells[set->v[i].kind >= METRIC_HIST];
	return sum;
}

/* ---- Prometheus text exposition format 0.0.4 ---- */

static void put_help(struct buf *out, const struct metric_sample *s)
{
	static const char *const types[] = {"counter", "gauge", "histogram", "histogram"};
	buf_printf(out, "# HELP %.*s ", SFMT(s->name));
	for (size_t i = 0; i < s->help.n; i++) {
		if (s->help.p[i] == '\n' || s->help.p[i] == '\\')
			buf_put(out, s->help.p[i] == '\n' ? S("\\n") : S("\\\\"));
		else
			buf_byte(out, s->help.p[i]);
	}
	buf_printf(out, "\n# TYPE %.*s %s\n", SFMT(s->name), types[s->kind]);
}

/* name_suffix{role="edge",instance="0",labels without the closing brace */
static void put_name(struct buf *out, const struct metric_sample *s, const char *suffix)
{
	buf_printf(out, "%.*s%s{role=\"%.*s\",instance=\"%u\"%s%.*s", SFMT(s->name), suffix,
		SFMT(s->role), s->n, s->labels.n ? "," : "", SFMT(s->labels));
}

static void put_number(struct buf *out, const struct metric_sample *s, uint64_t v)
{
	if (s->kind == METRIC_HIST_USEC)
		buf_printf(out, "%.9g", (double)v / 1e6);
	else
		buf_printf(out, "%" PRIu64, v);
}

/* Bucket i counts values below 2^i, all integers: le is 2^i - 1. Empty ones at the top are left
 * out. */
static void put_histogram(struct buf *out, const struct metric_sample *s)
{
	uint64_t sum = s->cells[0], count = s->cells[1], below = 0;
	for (unsigned i = 0; i < METRIC_BUCKETS - 1 && below < count; i++) {
		below += s->cells[2 + i];
		put_name(out, s, "_bucket");
		buf_put(out, S(",le=\""));
		put_number(out, s, (1ull << i) - 1);
		buf_printf(out, "\"} %" PRIu64 "\n", below);
	}
	put_name(out, s, "_bucket");
	buf_printf(out, ",le=\"+Inf\"} %" PRIu64 "\n", count);
	put_name(out, s, "_sum");
	buf_put(out, S("} "));
	put_number(out, s, sum);
	buf_byte(out, '\n');
	put_name(out, s, "_count");
	buf_printf(out, "} %" PRIu64 "\n", count);
}

static void put_value(struct buf *out, const struct metric_sample *s)
{
	put_name(out, s, "");
	if (s->kind == METRIC_LEVEL)
		buf_printf(out, "} %" PRId64 "\n", (int64_t)s->cells[0]);
	else
		buf_printf(out, "} %" PRIu64 "\n", s->cells[0]);
}

void metrics_render(const struct metric_set *set, struct buf *out)
{
	for (size_t i = 0; i < set->n; i++) {
		const struct metric_sample *s = &set->v[i];
		if (i == 0 || !slice_eq(s->name, set->v[i - 1].name))
			put_help(out, s);
		if (s->kind >= METRIC_HIST)
			put_histogram(out, s);
		else
			put_value(out, s);
	}
}
