/*
 * Messages change (mailbox.h): flags and keywords, copies, moves, expunging. Each call is part of a
 * transaction, works on the UIDs it is given (a batch of them), and gives all rows it changes one new
 * modification sequence. Counts of folders and of the account move with them.
 */
#include "store/mailbox_impl.h"

#include "base/mem.h"
#include "base/must.h"
#include "base/time.h"

enum { PIECE = MAILBOX_BATCH };

/* ---- flags ---- */

struct storing {
	struct sql *db;
	const struct mailbox_store *s;
	slice keywords; /* as the folder spells them */
	struct arena *a;
	struct mailbox_sum sum;
	uint64_t modseq; /* 0: nothing has changed yet */
	struct uidset *changed, *failed;
};

static void put_word(struct buf *out, slice w)
{
	if (out->n)
		buf_byte(out, ' ');
	buf_put(out, w);
}

/* What `words` become. */
static slice new_keywords(struct storing *g, slice words)
{
	AUTO(buf) struct buf out = BUF((MAILBOX_KEYWORD_MAX + 1) * 2 * MAILBOX_KEYWORDS_MAX);
	slice w, rest = words;
	if (g->s->keep_keywords || (!g->keywords.n && g->s->how != MAILBOX_FLAGS_SET))
		return words;
	if (g->s->how == MAILBOX_FLAGS_SET)
		return g->keywords;
	while (mailbox_keyword_next(&rest, &w))
		if (g->s->how == MAILBOX_FLAGS_ADD || !mailbox_keyword_in(g->keywords, w))
			put_word(&out, w);
	rest = g->keywords;
	while (g->s->how == MAILBOX_FLAGS_ADD && mailbox_keyword_next(&rest, &w))
		if (!mailbox_keyword_in(words, w))
			put_word(&out, w);
	return arena_dup(g->a, buf_slice(&out));
}

static unsigned new_flags(const struct mailbox_store *s, unsigned flags)
{
	switch (s->how) {
	case MAILBOX_FLAGS_ADD:
		return flags | (s->flags & ~s->keep);
	case MAILBOX_FLAGS_REMOVE:
		return flags & ~(s->flags & ~s->keep);
	default:
		return (flags & s->keep) | (s->flags & ~s->keep);
	}
}

static int check_keywords(slice words, struct err *e)
{
	slice w;
	int n = 0;
	while (mailbox_keyword_next(&words, &w))
		n++;
	return n <= MAILBOX_KEYWORDS_MAX
		       ? 0
		       : err_set(e, ERR_LIMIT, "a message has at most %d keywords",
				 MAILBOX_KEYWORDS_MAX);
}

static int need_modseq(struct storing *g, struct err *e)
{
	const struct mailbox_sum nothing = {0};
	int64_t email;
	return g->modseq
		       ? 0
		       : mailbox_next(g->db, g->s->account_id, &nothing, 0, &g->modseq, &email, e);
}

static int update_flags(struct storing *g, const struct mailbox_message *m, struct err *e)
{
	struct sql_stmt *s = sql_prepare(g->db,
		"UPDATE message SET flags = $4, keywords = $5, modseq = $6"
		" WHERE account_id = $1 AND folder_id = $2 AND uid = $3",
		e);
	if (!s)
		return -1;
	sql_bind_int(s, 1, m->account_id);
	sql_bind_int(s, 2, m->folder_id);
	sql_bind_int(s, 3, m->uid);
	sql_bind_int(s, 4, m->flags);
	sql_bind_text(s, 5, m->keywords);
	sql_bind_int(s, 6, (int64_t)m->modseq);
	return sql_step(s, e);
}

/* *m becomes what it is now. 1 changed, 0, -1. Same words in the same order: they were made by the same rules. */
static int store_one(struct storing *g, struct mailbox_message *m, struct err *e)
{
	unsigned flags = new_flags(g->s, m->flags);
	slice keywords = new_keywords(g, m->keywords);
	if (m->modseq > g->s->unchanged_since) {
		uidset_add(g->failed, m->uid, m->uid);
		return 0;
	}
	if (flags == m->flags && slice_eq(keywords, m->keywords))
		return 0;
	if (check_keywords(keywords, e) < 0 || need_modseq(g, e) < 0)
		return -1;
	mailbox_sum_sub(&g->sum, m->flags, 0);
	mailbox_sum_add(&g->sum, flags, 0);
	uidset_add(g->changed, m->uid, m->uid);
	m->flags = flags;
	m->keywords = keywords;
	m->modseq = g->modseq;
	return update_flags(g, m, e) < 0 ? -1 : 1;
}

/* Those of v that changed move to the front. */
static int store_rows(
	struct storing *g, struct mailbox_message *v, size_t n, size_t *ret_changed, struct err *e)
{
	size_t changed = 0;
	for (size_t i = 0; i < n; i++) {
		int r = store_one(g, &v[i], e);
		if (r < 0)
			return -1;
		if (r > 0)
			v[changed++] = v[i];
	}
	*ret_changed = changed;
	return 0;
}

static void note_counts(struct mailbox_folder *f, const struct storing *g)
{
	f->unseen += (uint64_t)g->sum.unseen;
	f->deleted += (uint64_t)g->sum.deleted;
	f->modseq = g->modseq;
}

static int store_all(struct storing *g, struct err *e)
{
	const struct mailbox_store *s = g->s;
	struct mailbox_stored *told = s->told;
	struct mailbox_query q = {.account_id = s->account_id,
		.folder_id = s->folder_id,
		.uids = s->uids,
		.most = PIECE};
	struct mailbox_message *v;
	size_t n, changed;
	do {
		if (mailbox_rows(g->db, &q, g->a, &v, &n, e) < 0)
			return -1;
		q.after = n ? v[n - 1].uid : 0;
		if (store_rows(g, v, n, &changed, e) < 0)
			return -1;
		if (told && changed) {
			told->rows = v;
			told->n = changed;
		}
	} while (n == PIECE && !told);
	if (!g->modseq)
		return 0;
	if (told)
		note_counts(&told->folder, g);
	return mailbox_folder_count(g->db, s->account_id, s->folder_id, &g->sum, g->modseq, e);
}

/* The folder as it is before. */
static int begin_told(struct storing *g, struct err *e)
{
	struct mailbox_stored *told = g->s->told;
	told->rows = NULL;
	told->n = 0;
	told->folder = (struct mailbox_folder){0}; /* when there is none any more: no rows either */
	int r = mailbox_folder_load(
		g->db, g->s->account_id, g->s->folder_id, g->a, &told->folder, e);
	told->modseq_before = told->folder.modseq;
	return r < 0 ? -1 : 0;
}

int mailbox_store_tx(struct sql *db, const struct mailbox_store *s, struct uidset *changed,
	struct uidset *failed, uint64_t *ret_modseq, struct err *e)
{
	AUTO(arena) struct arena mem = {0};
	struct storing g = {.db = db,
		.s = s,
		.a = s->told ? s->told->a : &mem,
		.changed = changed,
		.failed = failed};
	int r = s->told ? begin_told(&g, e) : 0;
	if (r < 0)
		return -1;
	if (s->how == MAILBOX_FLAGS_REMOVE)
		g.keywords = s->keywords; /* what no message has need not be known */
	else if (s->keywords.n && !s->keep_keywords)
		r = mailbox_keywords_note(
			db, s->account_id, s->folder_id, s->keywords, g.a, &g.keywords, e);
	if (r < 0 || store_all(&g, e) < 0)
		return -1;
	*ret_modseq = g.modseq;
	return 0;
}

/* ---- rows that a change is about ---- */

struct rows {
	struct mailbox_message *v;
	size_t n;
};

/* At most PIECE rows; what UIDs of `uids` are behind them is left to the next call. */
static int take_rows(struct sql *db, int64_t account_id, int64_t folder_id,
	const struct uidset *uids, struct arena *a, struct rows *ret, struct err *e)
{
	const struct mailbox_query q = {
		.account_id = account_id, .folder_id = folder_id, .uids = uids, .most = PIECE};
	return mailbox_rows(db, &q, a, &ret->v, &ret->n, e);
}

/* ---- copying ---- */

struct copying {
	struct sql *db;
	const struct mailbox_copy *c;
	struct arena a;
	struct mailbox_leaving leaving; /* of a move */
	uint64_t modseq; /* in the target's account */
	int64_t email; /* next one of the target's account */
	uint32_t uid; /* next one of the target */
	slice keywords_in, keywords_out; /* the last ones that were noted */
};

/* The email as one of another account: the same bytes. */
static int copy_email(struct copying *p, int64_t from, int64_t to, struct err *e)
{
	slice summary = S("");
	int64_t thread_id = to, account = p->c->to_account;
	if (mailbox_summary(p->db, from, &p->a, &summary, e) < 0)
		return -1;
	if (summary.n && mailbox_thread_enter(p->db, account, to, summary, &thread_id, e) < 0)
		return -1;
	int64_t n = sql_run(p->db, e,
		"INSERT INTO email (id, account_id, refs, blob, size, queue_id, rcpt_idx, "
		"thread_id,"
		" received_at, summary, prefix) SELECT $1, $2, 1, blob, size, 0, 0, $3, "
		"received_at,"
		" summary, prefix FROM email WHERE id = $4",
		"iiii", to, account, thread_id, from);
	return n < 0    ? -1
	       : n == 0 ? err_set(e, ERR_TEMP,
				  "the message has no email row (posthouse mailbox verify)")
			: 0;
}

/* Words are the same from message to message. */
static int note_keywords(struct copying *p, slice keywords, slice *ret, struct err *e)
{
	if (!p->c->keep_keywords || !keywords.n) {
		*ret = S("");
		return 0;
	}
	if (!slice_eq(keywords, p->keywords_in)) {
		if (mailbox_keywords_note(p->db, p->c->to_account, p->c->to_folder, keywords, &p->a,
			    &p->keywords_out, e) < 0)
			return -1;
		p->keywords_in = keywords;
	}
	*ret = p->keywords_out;
	return 0;
}

/* Who keeps the email: a move within the account changes nobody; else the new row holds it, too. */
static int give_email(
	struct copying *p, const struct mailbox_message *m, int64_t *ret_email, struct err *e)
{
	if (p->c->to_account != p->c->account_id) {
		*ret_email = p->email++;
		return copy_email(p, m->email_id, *ret_email, e);
	}
	*ret_email = m->email_id;
	return p->c->move ? 0 : mailbox_email_hold(p->db, m->email_id, e);
}

static int copy_one(struct copying *p, const struct mailbox_message *m, struct err *e)
{
	const struct mailbox_copy *c = p->c;
	struct mailbox_message to = *m;
	if (give_email(p, m, &to.email_id, e) < 0 ||
		note_keywords(p, m->keywords, &to.keywords, e) < 0)
		return -1;
	to.account_id = c->to_account;
	to.folder_id = c->to_folder;
	to.uid = p->uid++;
	to.flags &= c->keep_flags;
	to.modseq = p->modseq;
	to.saved_at = p->leaving.at;
	if (c->move &&
		(mailbox_removed_insert(p->db, &p->leaving, m, e) < 0 ||
			mailbox_message_delete(p->db, m->account_id, m->folder_id, m->uid, e) < 0))
		return -1;
	return mailbox_message_insert(p->db, &to, e);
}

/* A move: the source gets its numbers. Within an account it is one change. */
static int begin_leaving(struct copying *p, struct rows *rows, struct err *e)
{
	const struct mailbox_copy *c = p->c;
	struct mailbox_folder f;
	struct mailbox_sum gone = {0};
	int64_t email;
	for (size_t i = 0; i < rows->n; i++)
		mailbox_sum_sub(&gone, rows->v[i].flags, rows->v[i].size);
	int r = mailbox_folder_load(p->db, c->account_id, c->folder_id, &p->a, &f, e);
	if (r <= 0)
		return r < 0 ? -1 : err_set(e, ERR_NOTFOUND, "no such folder");
	p->leaving.account_id = c->account_id;
	p->leaving.folder_id = c->folder_id;
	p->leaving.folder = f.name;
	p->leaving.how = MAILBOX_MOVED;
	p->leaving.can_return = c->to_account != c->account_id;
	p->leaving.by = c->by;
	p->leaving.modseq = p->modseq;
	if (c->to_account != c->account_id &&
		mailbox_next(p->db, c->account_id, &gone, 0, &p->leaving.modseq, &email, e) < 0)
		return -1;
	if (c->to_account == c->account_id && mailbox_total(p->db, c->account_id, &gone, e) < 0)
		return -1;
	return mailbox_folder_count(
		p->db, c->account_id, c->folder_id, &gone, p->leaving.modseq, e);
}

static int copy_all(struct copying *p, struct uidset *from, struct uidset *to,
	uint32_t *ret_uidvalidity, struct err *e)
{
	const struct mailbox_copy *c = p->c;
	struct rows rows = {0};
	struct mailbox_sum came = {0};
	bool across = c->to_account != c->account_id;
	if (take_rows(p->db, c->account_id, c->folder_id, c->uids, &p->a, &rows, e) < 0)
		return -1;
	if (rows.n == 0)
		return 0;
	for (size_t i = 0; i < rows.n; i++)
		mailbox_sum_add(&came, rows.v[i].flags & c->keep_flags, rows.v[i].size);
	if (mailbox_next(p->db, c->to_account, &came, across ? (int64_t)rows.n : 0, &p->modseq,
		    &p->email, e) < 0 ||
		mailbox_folder_enter(p->db, c->to_account, c->to_folder, &came, (int64_t)rows.n,
			p->modseq, &p->uid, ret_uidvalidity, e) < 0)
		return -1;
	if (c->move && begin_leaving(p, &rows, e) < 0)
		return -1;
	for (size_t i = 0; i < rows.n; i++) {
		uint32_t uid = p->uid;
		if (copy_one(p, &rows.v[i], e) < 0)
			return -1;
		uidset_add(from, rows.v[i].uid, rows.v[i].uid);
		uidset_add(to, uid, uid);
	}
	return 0;
}

int mailbox_copy_tx(struct sql *db, const struct mailbox_copy *c, struct uidset *from,
	struct uidset *to, uint32_t *ret_uidvalidity, struct err *e)
{
	must(mailbox_shard(c->account_id) == mailbox_shard(c->to_account));
	struct copying p = {.db = db, .c = c, .leaving = {.at = wall_now()}};
	int r = copy_all(&p, from, to, ret_uidvalidity, e);
	arena_done(&p.a);
	return r;
}

/* ---- expunging ---- */

static int rows_to_expunge(struct sql *db, int64_t account_id, int64_t folder_id,
	const struct uidset *uids, bool only_deleted, struct arena *a, struct rows *ret,
	struct err *e)
{
	AUTO(uidset) struct uidset deleted = {0};
	if (!only_deleted)
		return take_rows(db, account_id, folder_id, uids, a, ret, e);
	if (mailbox_uids_flagged(db, account_id, folder_id, MAILBOX_DELETED, true, &deleted, e) < 0)
		return -1;
	if (uids)
		uidset_keep(&deleted, uids);
	return deleted.n ? take_rows(db, account_id, folder_id, &deleted, a, ret, e) : 0;
}

int mailbox_leave(struct sql *db, struct mailbox_leaving *l, const struct mailbox_message *v,
	size_t n, struct err *e)
{
	struct mailbox_sum sum = {0};
	int64_t email;
	for (size_t i = 0; i < n; i++)
		mailbox_sum_sub(&sum, v[i].flags, v[i].size);
	if (mailbox_next(db, l->account_id, &sum, 0, &l->modseq, &email, e) < 0 ||
		mailbox_folder_count(db, l->account_id, l->folder_id, &sum, l->modseq, e) < 0)
		return -1;
	for (size_t i = 0; i < n; i++)
		if (mailbox_removed_insert(db, l, &v[i], e) < 0 ||
			mailbox_message_delete(db, l->account_id, l->folder_id, v[i].uid, e) < 0)
			return -1;
	return 0;
}

static int expunge(struct sql *db, int64_t account_id, int64_t folder_id, const struct uidset *uids,
	bool only_deleted, const struct mailbox_actor *by, struct arena *a, struct uidset *gone,
	uint64_t *ret_modseq, struct err *e)
{
	struct rows rows = {0};
	struct mailbox_folder f;
	if (rows_to_expunge(db, account_id, folder_id, uids, only_deleted, a, &rows, e) < 0)
		return -1;
	*ret_modseq = 0;
	if (rows.n == 0)
		return 0;
	int r = mailbox_folder_load(db, account_id, folder_id, a, &f, e);
	if (r <= 0)
		return r < 0 ? -1 : err_set(e, ERR_NOTFOUND, "no such folder");
	struct mailbox_leaving l = {.account_id = account_id,
		.folder_id = folder_id,
		.folder = f.name,
		.at = wall_now(),
		.how = by && by->how ? by->how : MAILBOX_EXPUNGED,
		.by = by};
	l.can_return = l.how != MAILBOX_LOST;
	if (mailbox_leave(db, &l, rows.v, rows.n, e) < 0)
		return -1;
	for (size_t i = 0; i < rows.n; i++)
		uidset_add(gone, rows.v[i].uid, rows.v[i].uid);
	*ret_modseq = l.modseq;
	return 0;
}

int mailbox_expunge_tx(struct sql *db, int64_t account_id, int64_t folder_id,
	const struct uidset *uids, bool only_deleted, const struct mailbox_actor *by,
	struct uidset *gone, uint64_t *ret_modseq, struct err *e)
{
	AUTO(arena) struct arena a = {0};
	return expunge(db, account_id, folder_id, uids, only_deleted, by, &a, gone, ret_modseq, e);
}
