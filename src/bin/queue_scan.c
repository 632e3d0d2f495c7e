/*
 * The scan processes as the queue process sees them: links to them, whose turn it is to read a
 * report (queue_report_in.c), and which domains are the site's own: each scan process is told, and
 * told again when the directory has changed.
 */
#include "bin/queue.h"

#include "base/mem.h"
#include "bin/scan.h"
#include "run/link.h"
#include "run/log.h"
#include "run/memfile.h"
#include "run/pool.h"
#include "store/directory.h"
#include <unistd.h>

enum { DOMAINS_TEXT_MAX = 32 << 20 };
#define LOOK_EVERY (5 * SECOND)
#define TELL_TIME (10 * SECOND)

struct queue_scan {
	struct link *links[SCAN_PLACES]; /* NULL: no such process */
	bool told[SCAN_PLACES];
	unsigned next; /* whose turn it is */
	struct cond came;
	struct sql *directory;
	struct buf domains; /* what they were told */
	int file; /* the same, or -1 */
};

struct queue_scan *queue_scan_new(void)
{
	struct queue_scan *s = NEW(struct queue_scan);
	s->links[0] = link_new("scan");
	s->domains = BUF(DOMAINS_TEXT_MAX);
	s->file = -1;
	cond_init(&s->came);
	return s;
}

int queue_scan_open(struct queue_scan *s, slice data, struct err *e)
{
	return sql_open(data, "directory", &s->directory, e);
}

void queue_scan_free(struct queue_scan *s)
{
	for (unsigned i = 0; i < SCAN_PLACES; i++)
		link_free(s->links[i]);
	sql_close(s->directory);
	buf_done(&s->domains);
	if (s->file >= 0)
		close(s->file);
	free(s);
}

void queue_scan_link(struct queue_scan *s, unsigned instance, int fd)
{
	if (instance >= SCAN_PLACES) {
		close(fd);
		return;
	}
	if (!s->links[instance])
		s->links[instance] = link_new("scan");
	link_attach(s->links[instance], fd);
	s->told[instance] = false;
	cond_wake_all(&s->came);
}

/* The processes in turn; one that is being replaced only when no other is there. */
struct link *queue_scan_pick(struct queue_scan *s)
{
	for (unsigned i = 0; i < SCAN_INSTANCES_MAX; i++) {
		struct link *l = s->links[s->next++ % SCAN_INSTANCES_MAX];
		if (l && link_up(l))
			return l;
	}
	return s->links[0];
}

/* ---- the site's domains ---- */

struct look {
	struct queue_scan *scan;
	struct buf text;
	int result;
	struct err e;
};

/* In the pool. */
static void read_domains(void *arg)
{
	struct look *l = arg;
	AUTO(arena) struct arena a = {0};
	struct domain *v;
	size_t n = 0;
	l->result = directory_domains(l->scan->directory, &a, &v, &n, &l->e);
	for (size_t i = 0; i < n && l->result == 0; i++) {
		buf_put(&l->text, v[i].name);
		buf_byte(&l->text, '\n');
	}
}

static void look(struct queue_scan *s)
{
	struct look l = {.scan = s, .text = BUF(DOMAINS_TEXT_MAX)};
	pool_call(read_domains, &l);
	bool changed = s->file < 0 || !slice_eq(buf_slice(&l.text), buf_slice(&s->domains));
	int fd = l.result == 0 && changed ? memfile_of("domains", buf_slice(&l.text), &l.e) : -1;
	if (l.result < 0 || (changed && fd < 0))
		log_warn(NULL, "queue.domains", F("error", &l.e));
	if (fd < 0) {
		buf_done(&l.text);
		return;
	}
	if (s->file >= 0)
		close(s->file);
	buf_done(&s->domains);
	s->file = fd;
	s->domains = l.text;
	memset(s->told, 0, sizeof s->told);
}

static void tell(struct queue_scan *s, unsigned i)
{
	struct err e;
	s->told[i] = true; /* a new link meanwhile says otherwise */
	if (scan_use(s->links[i], SCAN_USE_DOMAINS, s->file, instant_in(TELL_TIME), &e) == 0)
		return;
	if (e.kind == ERR_TEMP || e.kind == ERR_TIMEOUT)
		s->told[i] = false;
	else
		log_warn(NULL, "queue.domains", F("scan", i), F("error", &e));
}

void queue_scan_run(void *arg)
{
	struct queue_scan *s = arg;
	struct err e;
	do {
		look(s);
		for (unsigned i = 0; i < SCAN_PLACES && s->file >= 0; i++)
			if (s->links[i] && !s->told[i] && link_up(s->links[i]))
				tell(s, i);
	} while (cond_wait(&s->came, instant_in(LOOK_EVERY), &e) == 0 || e.kind == ERR_TIMEOUT);
}
