/*
 * Counters, gauges and histograms, declared where they are counted:
 *
 *	METRIC_COUNTER(accepted, "posthouse_smtp_accepted_total", "service=\"mx\"",
 *		"Messages accepted.");
 *	...	metric_add(&accepted, 1);
 *
 * Counting is one relaxed atomic addition, from any thread. metrics_open() moves all values of the
 * process into a shared page, RUN_DIR/metrics/<role>-<n>, which others read at any time: the page
 * describes itself, so reader and writer may be different versions.
 */
#pragma once
#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"

enum metric_kind {
	METRIC_COUNT, /* only grows */
	METRIC_LEVEL, /* goes up and down (gauge) */
	METRIC_HIST, /* histogram of plain numbers (bytes, recipients) */
	METRIC_HIST_USEC, /* histogram of durations: observed in microseconds, shown in seconds */
};

/* Bucket i of a histogram holds values below 2^i; the last one everything else. */
enum { METRIC_BUCKETS = 40, METRIC_CELLS_HIST = METRIC_BUCKETS + 2 /* sum, count */ };

struct metric {
	enum metric_kind kind;
	const char *name, *labels, *help; /* labels: `a="b",c="d"` or "" */
	uint64_t *cells; /* one; a histogram: sum, count, buckets */
	struct metric *next;
};

#define METRIC_COUNTER(var, name, labels, help)                                                    \
	METRIC_DECLARE(var, METRIC_COUNT, 1, name, labels, help)
#define METRIC_GAUGE(var, name, labels, help)                                                      \
	METRIC_DECLARE(var, METRIC_LEVEL, 1, name, labels, help)
#define METRIC_HISTOGRAM(var, name, labels, help)                                                  \
	METRIC_DECLARE(var, METRIC_HIST, METRIC_CELLS_HIST, name, labels, help)
/* Its name should end in _seconds. */
#define METRIC_DURATION(var, name, labels, help)                                                   \
	METRIC_DECLARE(var, METRIC_HIST_USEC, METRIC_CELLS_HIST, name, labels, help)

static inline void metric_add(struct metric *m, int64_t n)
{
	__atomic_fetch_add(m->cells, (uint64_t)n, __ATOMIC_RELAXED);
}

static inline void metric_set(struct metric *m, int64_t n)
{
	__atomic_store_n(m->cells, (uint64_t)n, __ATOMIC_RELAXED);
}

void metric_observe(struct metric *m, uint64_t value);

/* Moves this process's values into dir/<role>-<n> (made; replaces an older one). Once a process,
 * before threads count. The values so far are taken along; a child of a process that has
 * a page begins at zero. */
int metrics_open(slice dir, slice role, unsigned n, struct err *e);

/* ---- reading ---- */
struct metric_sample {
	slice role; /* "edge" */
	unsigned n; /* which of that role */
	enum metric_kind kind;
	slice name, labels, help;
	const uint64_t *cells;
};
struct metric_set {
	struct metric_sample *v; /* sorted by name, labels, role, n */
	size_t n;
};

enum { METRICS_PAGE_MAX = 1 << 20, METRICS_PAGES_MAX = 256 };
/* All pages below dir; damaged ones are skipped. No directory: an empty set. */
int metrics_read(slice dir, struct arena *a, struct metric_set *ret, struct err *e);
/* Prometheus text exposition format 0.0.4. */
void metrics_render(const struct metric_set *set, struct buf *out);
/* The sum over all processes and labels; of a histogram the count. */
uint64_t metrics_total(const struct metric_set *set, slice name);

/* What the declaring macros are made of. */
void metric_register(struct metric *m);
#define METRIC_DECLARE(var, k, ncells, metric_name, metric_labels, metric_help)                    \
	static uint64_t var##_cells[ncells];                                                       \
	static struct metric var = {                                                               \
		k, metric_name, metric_labels, metric_help, var##_cells, NULL};                    \
	__attribute__((constructor)) static void var##_register(void)                              \
	{                                                                                          \
		metric_register(&var);                                                             \
	}                                                                                          \
	struct metric_declared /* swallows the semicolon */
