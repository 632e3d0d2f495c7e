/* One quarantined message with all that is known of it (quarantine.h). */
#include "base/mem.h"
#include "store/quarantine_impl.h"

static void split_approvers(slice text, struct arena *a, struct quarantine_msg *m)
{
	slice *v = ARENA_ARRAY(a, slice, QUARANTINE_APPROVERS_MAX);
	slice one;
	if (text.n == 0)
		return;
	while (m->napprovers < QUARANTINE_APPROVERS_MAX && slice_cut(&text, '\n', &one))
		v[m->napprovers++] = one;
	m->approvers = v;
}

static void read_held(struct sql_stmt *s, struct arena *a, struct quarantine_msg *m)
{
	m->origin = sql_int(s, 0);
	m->kind = (enum quarantine_kind)sql_int(s, 1);
	m->class = (enum quarantine_class)sql_int(s, 2);
	m->direction = (int)sql_int(s, 3);
	m->probability = (double)sql_int(s, 4) / 1e6;
	m->score = (double)sql_int(s, 5) / 1000;
	m->msg.blob = (blob_id)sql_int(s, 6);
	m->msg.size = (uint64_t)sql_int(s, 7);
	m->msg.flags = (unsigned)sql_int(s, 8);
	m->msg.arrived_at = sql_int(s, 9);
	m->held_at = sql_int(s, 10);
	m->expires_at = sql_int(s, 11);
	m->policy_version = sql_int(s, 12);
	m->policy = arena_dup(a, sql_text(s, 13));
	m->msg.sender = arena_dup(a, sql_text(s, 14));
	m->msg.client = arena_dup(a, sql_text(s, 15));
	m->virus = arena_dup(a, sql_text(s, 16));
	m->msg.subject = arena_dup(a, sql_text(s, 17));
	m->from = arena_dup(a, sql_text(s, 18));
	m->msg.prefix = arena_dup(a, sql_text(s, 19));
	m->msg.envid = arena_dup(a, sql_text(s, 20));
	m->msg.auth = arena_dup(a, sql_text(s, 21));
	m->msg.message_id = arena_dup(a, sql_text(s, 22));
	m->signals = arena_dup(a, sql_text(s, 23));
	m->text = arena_dup(a, sql_text(s, 24));
	split_approvers(arena_dup(a, sql_text(s, 25)), a, m);
	m->msg.log = arena_dup(a, sql_text(s, 26));
	m->nrcpts = (size_t)sql_int(s, 27);
}

static int load_held(
	struct sql *db, msg_id id, struct arena *a, struct quarantine_msg *m, struct err *e)
{
	struct sql_stmt *s = sql_prepare(db,
		"SELECT h.origin, h.kind, h.class, h.direction, h.probability, h.score, h.blob,"
		" h.size, h.flags, h.arrived_at, h.held_at, h.expires_at, h.policy_version,"
		" h.policy, h.sender, h.client, h.virus, h.subject, h.author, m.prefix, m.envid,"
		" m.auth, m.message_id, m.signals, m.text, m.approvers, m.log,"
		" (SELECT COUNT(*) FROM held_rcpt r WHERE r.msg = h.id)"
		" FROM held h JOIN held_more m ON m.id = h.id WHERE h.id = $1",
		e);
	if (!s)
		return -1;
	sql_bind_int(s, 1, id);
	int r = sql_step(s, e);
	if (r <= 0)
		return r < 0 ? -1 : err_set(e, ERR_NOTFOUND, "message is not in the quarantine");
	m->msg.id = id;
	m->msg.priority = QUEUE_NORMAL;
	read_held(s, a, m);
	sql_reset(s);
	return 0;
}

static struct quarantine_rcpt read_rcpt(struct sql_stmt *s, struct arena *a)
{
	return (struct quarantine_rcpt){
		.idx = (int32_t)sql_int(s, 0),
		.address = arena_dup(a, sql_text(s, 1)),
		.orcpt = arena_dup(a, sql_text(s, 2)),
		.notify = (unsigned)sql_int(s, 3),
		.dest = arena_dup(a, sql_text(s, 4)),
		.state = (enum quarantine_state)sql_int(s, 5),
		.changed_at = sql_int(s, 6),
		.by = arena_dup(a, sql_text(s, 7)),
		.released_as = sql_int(s, 8),
		.log = arena_dup(a, sql_text(s, 9)),
	};
}

/* At most the number that load_held counted. */
static int load_rcpts(struct sql *db, struct arena *a, struct quarantine_msg *m, struct err *e)
{
	struct sql_stmt *s = sql_prepare(db,
		"SELECT idx, address, orcpt, notify, dest, state, changed_at, changed_by,"
		" released_as, log FROM held_rcpt WHERE msg = $1 ORDER BY idx",
		e);
	if (!s)
		return -1;
	sql_bind_int(s, 1, m->msg.id);
	size_t n = 0;
	int r;
	m->rcpts = ARENA_ARRAY(a, struct quarantine_rcpt, m->nrcpts);
	while ((r = sql_step(s, e)) == 1 && n < m->nrcpts)
		m->rcpts[n++] = read_rcpt(s, a);
	if (r == 1)
		sql_reset(s);
	m->nrcpts = n;
	return r < 0 ? -1 : 0;
}

int quarantine_load(
	struct sql *db, msg_id id, struct arena *a, struct quarantine_msg *ret, struct err *e)
{
	struct quarantine_msg m = {0};
	if (load_held(db, id, a, &m, e) < 0 || load_rcpts(db, a, &m, e) < 0)
		return -1;
	*ret = m;
	return 0;
}
