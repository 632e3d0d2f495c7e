/* Received reports in the database (report_received.h). Removed with age by report_expire_tx. */
#include "store/report_received.h"

#include "base/mem.h"
#include "store/report_int.h"
#include "store/wildcard.h"

#define COLUMNS                                                                                    \
	"id, kind, received_at, org, contact, report_id, domain, begin_at, end_at, messages,"      \
	" failed, sender"

/* What makes a report the same as another: its name, or (feedback has none) all of it. */
static void digest(const struct report_received *r, char out[REPORT_DIGEST + 1])
{
	AUTO(buf) struct buf b = BUF(REPORT_BODY_MAX + REPORT_ROW_MAX);
	buf_str(&b, r->kind);
	if (r->report_id.n == 0) {
		buf_str(&b, r->body);
	} else {
		buf_str(&b, r->org);
		buf_str(&b, r->report_id);
		buf_str(&b, r->domain);
	}
	report_digest(buf_slice(&b), out);
}

int report_received_add_tx(
	struct sql *db, const struct report_received *r, int64_t *ret_id, struct err *e)
{
	char key[REPORT_DIGEST + 1];
	if (r->body.n > REPORT_BODY_MAX)
		return err_set(e, ERR_LIMIT, "a report of more than %d bytes", REPORT_BODY_MAX);
	digest(r, key);
	struct sql_stmt *s = sql_prepare(db,
		"INSERT INTO received (kind, digest, received_at, org, contact, report_id, domain,"
		" begin_at, end_at, messages, failed, sender, body)"
		" VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13) RETURNING id",
		e);
	if (!s)
		return -1;
	sql_bind_text(s, 1, r->kind);
	sql_bind_text(s, 2, slice_z(key));
	sql_bind_int(s, 3, r->received_at);
	sql_bind_text(s, 4, r->org);
	sql_bind_text(s, 5, r->contact);
	sql_bind_text(s, 6, r->report_id);
	sql_bind_text(s, 7, r->domain);
	sql_bind_int(s, 8, r->begin_at);
	sql_bind_int(s, 9, r->end_at);
	sql_bind_int(s, 10, r->messages);
	sql_bind_int(s, 11, r->failed);
	sql_bind_text(s, 12, r->sender);
	sql_bind_text(s, 13, r->body);
	int got = sql_step(s, e);
	if (got < 0)
		return -1;
	*ret_id = sql_int(s, 0);
	sql_reset(s);
	return 0;
}

static struct report_received read_row(struct sql_stmt *s)
{
	return (struct report_received){
		.id = sql_int(s, 0),
		.kind = sql_text(s, 1),
		.received_at = sql_int(s, 2),
		.org = sql_text(s, 3),
		.contact = sql_text(s, 4),
		.report_id = sql_text(s, 5),
		.domain = sql_text(s, 6),
		.begin_at = sql_int(s, 7),
		.end_at = sql_int(s, 8),
		.messages = sql_int(s, 9),
		.failed = sql_int(s, 10),
		.sender = sql_text(s, 11),
	};
}

int report_received_list(struct sql *db, const struct report_received_filter *f, uint64_t most,
	bool (*row)(void *arg, const struct report_received *r), void *arg, struct err *e)
{
	struct sql_stmt *s = sql_prepare(db,
		"SELECT " COLUMNS " FROM received WHERE received_at >= $1 AND received_at < $2"
		" AND (kind = $3 OR $3 = '') ORDER BY received_at DESC, id DESC",
		e);
	int r = 0;
	if (!s)
		return -1;
	sql_bind_int(s, 1, f->since);
	sql_bind_int(s, 2, f->until ? f->until : INT64_MAX);
	sql_bind_text(s, 3, f->kind);
	for (uint64_t n = 0; n < most && (r = sql_step(s, e)) == 1;) {
		struct report_received one = read_row(s);
		if (f->domain.n && !wildcard_match(f->domain, one.domain))
			continue;
		n++;
		if (!row(arg, &one))
			break;
	}
	if (r == 1)
		sql_reset(s);
	return r < 0 ? -1 : 0;
}

int report_received_load(
	struct sql *db, int64_t id, struct arena *a, struct report_received *ret, struct err *e)
{
	struct sql_stmt *s =
		sql_prepare(db, "SELECT " COLUMNS ", body FROM received WHERE id = $1", e);
	if (!s)
		return -1;
	sql_bind_int(s, 1, id);
	int got = sql_step(s, e);
	if (got <= 0)
		return got < 0 ? -1 : err_set(e, ERR_NOTFOUND, "no such report");
	struct report_received r = read_row(s);
	r.body = sql_text(s, 12);
	slice *const texts[] = {
		&r.kind, &r.org, &r.contact, &r.report_id, &r.domain, &r.sender, &r.body};
	for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++)
		*texts[i] = arena_dup(a, *texts[i]);
	sql_reset(s);
	*ret = r;
	return 0;
}
