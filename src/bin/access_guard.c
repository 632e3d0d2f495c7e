/*
 * Virus engines look at mail when it is read (boxes_guard, mail/box.h): signatures are newer then than when it arrived. Only where an engine has
 * `for = read`. What an engine said of a message is remembered for some minutes: a mail program reads one in pieces.
 */
#include "bin/access.h"

#include "base/mem.h"
#include "bin/engines.h"
#include "run/memfile.h"
#include "run/metrics.h"
#include "run/pool.h"
#include "store/blob.h"
#include <unistd.h>

METRIC_COUNTER(infected, "posthouse_access_infected_total", "",
	"Messages that were not handed out because of a virus.");
METRIC_COUNTER(not_looked, "posthouse_access_engines_failed_total", "",
	"Messages that a virus engine should have looked at when they were read, and could not.");

enum { KEPT_MAX = 4096, WAIT_SECONDS = 60 };
#define KEPT_FOR (5 * MINUTE)
#define LARGEST (256 << 20) /* bytes of a message that are held in memory */

struct kept { /* by blob id modulo KEPT_MAX: the later one wins */
	blob_id blob;
	instant until;
	bool infected;
};
struct access_guard {
	struct kept kept[KEPT_MAX];
};

/* ---- the message as a file in memory ---- */

struct reading {
	struct blobs *blobs;
	blob_id blob;
	int fd, result;
	uint64_t size;
	struct err e;
};

static int copy_out(struct blob_reader *r, int fd, uint64_t *ret_size, struct err *e)
{
	slice piece;
	int got;
	while ((got = blob_next(r, &piece, e)) > 0) {
		*ret_size += piece.n;
		if (*ret_size > LARGEST)
			return err_set(e, ERR_LIMIT, "too large for the virus engines");
		while (piece.n) {
			ssize_t n = write(fd, piece.p, piece.n);
			if (n <= 0)
				return err_set(e, ERR_TEMP, "no memory for the virus engines");
			piece = slice_skip(piece, (size_t)n);
		}
	}
	return got;
}

static void read_run(void *arg)
{
	struct reading *r = arg;
	struct blob_reader *reader;
	r->result = -1;
	r->fd = memfile_of("message", S(""), &r->e);
	if (r->fd < 0 || blob_open(r->blobs, r->blob, &reader, &r->e) < 0)
		return;
	r->result = copy_out(reader, r->fd, &r->size, &r->e);
	blob_close(reader);
}

/* ---- asking ---- */

static int refuse(struct err *e)
{
	metric_add(&infected, 1);
	return err_set(e, ERR_DENIED, "A virus was found in this message");
}

static int verdict(struct access_guard *g, const struct mailbox_message *m,
	const struct engines_answer *w, struct err *e)
{
	if (w->failed.n)
		metric_add(&not_looked, 1);
	if (!w->infected && w->failed.n && (w->defer || w->hold))
		return err_set(e, ERR_TEMP, "The virus engines cannot be asked, try later");
	if (w->failed.n == 0 || w->infected)
		g->kept[m->blob % KEPT_MAX] =
			(struct kept){m->blob, instant_in(KEPT_FOR), w->infected};
	if (!w->infected)
		return 0;
	log_warn(NULL, "access.infected", F("account", m->account_id), F("uid", m->uid),
		F("virus", w->virus));
	return refuse(e);
}

int access_guard_ask(void *arg, int64_t account_id, const struct mailbox_message *m, struct err *e)
{
	struct access *a = arg;
	AUTO(arena) struct arena mem = {0};
	(void)account_id;
	const struct kept *k = &a->guard->kept[m->blob % KEPT_MAX];
	if (k->blob == m->blob && k->until > instant_now())
		return k->infected ? refuse(e) : 0;
	struct reading r = {.blobs = a->blobs, .blob = m->blob, .fd = -1};
	pool_call(read_run, &r);
	AUTO(fd) int fd = r.fd;
	if (r.result < 0 && r.e.kind == ERR_LIMIT) { /* no engine takes so much */
		metric_add(&not_looked, 1);
		return 0;
	}
	if (r.result < 0) {
		*e = r.e;
		return -1;
	}
	struct engines_answer w;
	const struct engines_asked q = {.purpose = ENGINE_READ,
		.fd = fd,
		.size = r.size,
		.name = S("message.eml"),
		.deadline = instant_in(WAIT_SECONDS * SECOND)};
	engines_ask(a->engines, &q, &mem, &w);
	return verdict(a->guard, m, &w, e);
}

void access_guard_open(struct access *a)
{
	if (!engines_any(a->engines, ENGINE_READ))
		return;
	a->guard = NEW(struct access_guard);
	boxes_guard(a->boxes, access_guard_ask, a);
}

void access_guard_free(struct access_guard *g)
{
	free(g);
}
