/*
 * Counting reports' rows in memory (report.h): equal rows of one window are one entry with a
 * number. Every REPORT_FLUSH_S, and at the end, what has gathered goes into the database in one
 * transaction, in the pool. What cannot be written is kept and tried again; beyond
 * REPORT_PENDING_MAX entries further ones are dropped, which is logged. A crash loses what was
 * counted since the last flush: these are statistics, mail never waits for them.
 */
#include "store/report_int.h"

#include "base/map.h"
#include "base/mem.h"
#include "base/time.h"
#include "run/co.h"
#include "run/log.h"
#include "run/metrics.h"
#include "run/pool.h"

METRIC_COUNTER(counted, "posthouse_report_counted_total", "",
	"Messages and TLS sessions counted for reports.");
METRIC_COUNTER(lost, "posthouse_report_lost_total", "",
	"Counts for reports that found no room in memory.");

struct row {
	struct row *next;
	int64_t count;
	slice bytes;
};
struct window {
	struct window *next;
	struct report_place place; /* strings in the batch */
	struct row *rows;
	size_t nrows;
};
/* What gathers between two flushes. */
struct batch {
	struct batch *next;
	struct arena mem;
	struct map windows, rows; /* by key */
	struct window *list;
	size_t n; /* rows */
};

struct report_counter {
	char *dir;
	struct sql *db; /* opened and used in the pool */
	struct batch *now; /* gathers; never NULL */
	struct batch *waiting; /* to be written, oldest first */
	size_t pending; /* rows in all batches */
	struct buf key, row;
	struct group workers;
	bool flushing, failing;
	struct cond flushed;
	uint64_t lost;
};

/* ---- counting ---- */

static struct batch *batch_new(void)
{
	return NEW(struct batch);
}

static void batch_free(struct batch *b)
{
	map_done(&b->windows);
	map_done(&b->rows);
	arena_done(&b->mem);
	free(b);
}

static void put_place(struct buf *key, const struct report_place *p)
{
	buf_u8(key, (uint8_t)p->kind);
	buf_u8(key, p->by_suffix);
	buf_u64(key, (uint64_t)p->day);
	buf_str(key, p->domain);
	buf_str(key, p->policy);
}

static struct window *window_of(struct batch *b, slice key, const struct report_place *p)
{
	struct window *w = map_get(&b->windows, key);
	if (w)
		return w;
	w = ARENA_NEW(&b->mem, struct window);
	w->place = *p;
	w->place.domain = arena_dup(&b->mem, p->domain);
	w->place.policy = arena_dup(&b->mem, p->policy);
	w->next = b->list;
	b->list = w;
	map_put(&b->windows, key, w);
	return w;
}

/* c->row holds the packed row. */
static void count(struct report_counter *c, const struct report_place *p)
{
	struct batch *b = c->now;
	buf_reset(&c->key);
	put_place(&c->key, p);
	slice place = buf_slice(&c->key);
	size_t place_n = place.n;
	buf_put(&c->key, buf_slice(&c->row));
	if (!buf_ok(&c->key) || !buf_ok(&c->row))
		return;
	struct row *r = map_get(&b->rows, buf_slice(&c->key));
	if (r) {
		r->count++;
		return;
	}
	if (c->pending >= REPORT_PENDING_MAX) {
		metric_add(&lost, 1);
		c->lost++;
		return;
	}
	struct window *w = window_of(b, slice_first(buf_slice(&c->key), place_n), p);
	r = ARENA_NEW(&b->mem, struct row);
	*r = (struct row){w->rows, 1, arena_dup(&b->mem, buf_slice(&c->row))};
	w->rows = r;
	w->nrows++;
	b->n++;
	c->pending++;
	map_put(&b->rows, buf_slice(&c->key), r);
}

void report_count_dmarc(struct report_counter *c, const struct dmarc_stat *s)
{
	if (s->policy_domain.n == 0)
		return;
	struct report_place p = report_place_dmarc(s);
	metric_add(&counted, 1);
	buf_reset(&c->row);
	report_pack_dmarc(&c->row, s);
	count(c, &p);
}

void report_count_tls(struct report_counter *c, const struct tls_stat *s)
{
	if (s->policy_domain.n == 0)
		return;
	struct report_place p = report_place_tls(s);
	metric_add(&counted, 1);
	buf_reset(&c->row);
	report_pack_tls(&c->row, s);
	count(c, &p);
}

/* ---- flushing ---- */

static int write_window(struct sql *db, const struct window *w, struct err *e)
{
	AUTO(free) struct report_packed *v = mem_alloc(w->nrows * sizeof *v);
	size_t n = 0;
	for (const struct row *r = w->rows; r; r = r->next)
		v[n++] = (struct report_packed){r->bytes, r->count};
	return report_write_tx(db, &w->place, v, n, e);
}

static int write_batch(struct sql *db, const struct batch *b, struct err *e)
{
	if (sql_begin(db, e) < 0)
		return -1;
	for (const struct window *w = b->list; w; w = w->next)
		if (write_window(db, w, e) < 0) {
			sql_rollback(db);
			return -1;
		}
	return sql_commit(db, e);
}

struct flush {
	struct report_counter *c;
	const struct batch *batch;
	int status;
	struct err err;
};

/* Statistics may miss their last seconds after a power failure: no sync of their own. */
static void flush_in_pool(void *arg)
{
	struct flush *f = arg;
	struct report_counter *c = f->c;
	f->status = c->db ? 0 : sql_open_cache(slice_z(c->dir), REPORT_DB, &c->db, &f->err);
	if (f->status == 0)
		f->status = write_batch(c->db, f->batch, &f->err);
}

/* What was counted since moves to the end of what waits. */
static void set_aside(struct report_counter *c)
{
	if (c->now->n == 0)
		return;
	struct batch **at = &c->waiting;
	while (*at)
		at = &(*at)->next;
	*at = c->now;
	c->now = batch_new();
}

static void tell(struct report_counter *c, int status, const struct err *e)
{
	if (status < 0 && !c->failing)
		log_warn(NULL, "report.count", F("error", e), F("rows", c->pending));
	else if (status == 0 && c->failing)
		log_info(NULL, "report.count_recovered");
	c->failing = status < 0;
	if (c->lost)
		log_warn(NULL, "report.lost", F("counts", c->lost));
	c->lost = 0;
}

int report_counter_flush(struct report_counter *c, struct err *e)
{
	struct flush f = {.c = c};
	while (c->flushing)
		cond_wait_firm(&c->flushed);
	set_aside(c);
	c->flushing = true;
	while (f.status == 0 && c->waiting) {
		f.batch = c->waiting;
		pool_call(flush_in_pool, &f);
		if (f.status < 0)
			break;
		struct batch *done = c->waiting;
		c->waiting = done->next;
		c->pending -= done->n;
		batch_free(done);
	}
	c->flushing = false;
	cond_wake_all(&c->flushed);
	tell(c, f.status, &f.err);
	if (f.status < 0)
		*e = f.err;
	return f.status;
}

static void flush_often(void *arg)
{
	struct report_counter *c = arg;
	struct err e, ignored;
	while (co_sleep(instant_in(REPORT_FLUSH_S * SECOND), &e) == 0)
		report_counter_flush(c, &ignored); /* it has told */
}

struct report_counter *report_counter_new(slice dir)
{
	struct report_counter *c = NEW(struct report_counter);
	c->dir = mem_dup(dir.p, dir.n);
	c->now = batch_new();
	c->key = BUF(2 * REPORT_ROW_MAX);
	c->row = BUF(REPORT_ROW_MAX);
	group_init(&c->workers);
	cond_init(&c->flushed);
	group_go(&c->workers, "report.count", flush_often, c);
	return c;
}

void report_counter_stop(struct report_counter *c)
{
	struct err e;
	if (!c)
		return;
	group_cancel(&c->workers);
	group_join(&c->workers);
	report_counter_flush(c, &e);
}

void report_counter_free(struct report_counter *c)
{
	if (!c)
		return;
	while (c->waiting) {
		struct batch *b = c->waiting;
		c->waiting = b->next;
		batch_free(b);
	}
	batch_free(c->now);
	sql_close(c->db);
	buf_done(&c->key);
	buf_done(&c->row);
	free(c->dir);
	free(c);
}
