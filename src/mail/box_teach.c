/*
 * Lessons by moving (box_teach.h). COPY counts like MOVE: programs without MOVE copy and then delete. Only within one mailbox: what goes
 * to another's is passed on, not judged.
 *
 *	lesson		by the email's id (it may have left the folder since): who, what it was, when
 */
#include "mail/box_teach.h"

#include "base/mem.h"
#include "mail/box_impl.h"

struct box_lesson_tx box_lesson_of(const struct box_view *v, const struct box_look *to)
{
	enum mailbox_use from = v->folder.f.use;
	struct box_lesson_tx l = {.who = v->user->login, .spam = to->f.use == MAILBOX_USE_JUNK};
	l.teach = v->user->b->conf.teach && v->folder.account_id == to->where.account_id &&
		  (l.spam ? from != MAILBOX_USE_JUNK
			  : from == MAILBOX_USE_JUNK && to->f.use != MAILBOX_USE_TRASH);
	return l;
}

int box_lessons_tx(struct sql *db, const struct box_lesson_tx *l, const struct box_folder *from,
	const struct uidset *uids, struct err *e)
{
	int64_t now = wall_now();
	for (size_t i = 0; l->teach && i < uids->n; i++)
		if (sql_run(db, e,
			    "INSERT INTO lesson (email_id, account_id, who, spam, at)"
			    " SELECT email_id, account_id, $5, $6, $7 FROM message"
			    " WHERE account_id = $1 AND folder_id = $2 AND uid BETWEEN $3 AND $4"
			    " ON CONFLICT (email_id) DO UPDATE SET who = excluded.who, spam = "
			    "excluded.spam,"
			    " at = excluded.at",
			    "iiiitii", from->account_id, from->f.id, (int64_t)uids->v[i].first,
			    (int64_t)uids->v[i].last, l->who, (int64_t)l->spam, now) < 0)
			return -1;
	return 0;
}

/* ---- taking them ---- */

struct taking {
	struct arena *a;
	struct box_lesson *v;
	size_t n;
};

static struct box_lesson read_lesson(struct sql_stmt *s, struct arena *a)
{
	return (struct box_lesson){.account_id = sql_int(s, 0),
		.email_id = sql_int(s, 1),
		.who = arena_dup(a, sql_text(s, 2)),
		.spam = sql_int(s, 3) != 0,
		.at = sql_int(s, 4),
		.blob = (blob_id)sql_int(s, 5), /* 0: the message is gone for good */
		.size = (uint64_t)sql_int(s, 6),
		.prefix = arena_dup(a, sql_text(s, 7))};
}

static int take_shard(struct sql *db, void *arg, struct err *e)
{
	struct taking *t = arg;
	struct sql_stmt *s = sql_prepare(db,
		"SELECT l.account_id, l.email_id, l.who, l.spam, l.at, m.blob, m.size, m.prefix "
		"FROM lesson l"
		" LEFT JOIN email m ON m.id = l.email_id ORDER BY l.at LIMIT $1",
		e);
	if (!s)
		return -1;
	sql_bind_int(s, 1, BOX_LESSONS_MAX / MAILBOX_SHARDS);
	int r;
	while ((r = sql_step(s, e)) == 1)
		t->v[t->n++] = read_lesson(s, t->a);
	return r;
}

/* Those whose message is gone come, too, with blob 0: to be done with. */
int boxes_lessons_due(
	struct boxes *b, struct arena *a, struct box_lesson **ret, size_t *ret_n, struct err *e)
{
	struct taking t = {.a = a, .v = ARENA_ARRAY(a, struct box_lesson, BOX_LESSONS_MAX)};
	if (box_read_shards(b, take_shard, &t, e) < 0)
		return -1;
	*ret = t.v;
	*ret_n = t.n;
	return 0;
}

struct finishing {
	const struct box_lesson *v;
	size_t n;
	int shard;
};

static int finish_tx(struct sql *db, void *arg, struct err *e)
{
	const struct finishing *f = arg;
	for (size_t i = 0; i < f->n; i++)
		if (mailbox_shard(f->v[i].account_id) == f->shard &&
			sql_run(db, e, "DELETE FROM lesson WHERE email_id = $1 AND at = $2", "ii",
				f->v[i].email_id, f->v[i].at) < 0)
			return -1;
	return 0;
}

int boxes_lessons_done(struct boxes *b, const struct box_lesson *v, size_t n, struct err *e)
{
	for (int shard = 0; shard < MAILBOX_SHARDS; shard++) {
		struct finishing f = {v, n, shard};
		bool any = false;
		for (size_t i = 0; i < n; i++)
			any |= mailbox_shard(v[i].account_id) == shard;
		if (any && commit_run(b->commit[shard], finish_tx, &f, e) < 0)
			return -1;
	}
	return 0;
}
