/*
 * Asking the full-text index for a search (box_index.h). It is read over connections of its own that come and go with the file: the
 * indexer may begin anew with it at any time. One that fails is no failure of the search; when it is damaged the indexer is told by a
 * file beside it.
 */
#include "mail/box_index.h"

#include "base/mem.h"
#include "codec/search_text.h"
#include "codec/tokens.h"
#include "run/log.h"
#include <errno.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

/* ---- the connection ---- */

static const char *path_of(struct boxes *b, int shard, struct arena *a)
{
	return arena_strz(
		a, arena_printf(a, "%.*s/db/%s.sqlite", SFMT(b->data), index_db_name(shard)));
}

/* A file that was replaced: what is open is left alone, since closing it might take away the log of the new one. */
static bool is_there(struct boxes *b, int shard)
{
	AUTO(arena) struct arena a = {0};
	struct box_readers *r = &b->db[BOX_INDEX + shard];
	struct stat st;
	if (stat(path_of(b, shard, &a), &st) < 0)
		return false;
	if (r->file != st.st_ino) {
		r->nopen -= r->nidle;
		r->nidle = 0;
		r->file = st.st_ino;
	}
	return true;
}

static void tell_damaged(struct boxes *b, int shard, const struct err *e)
{
	struct err no_mark;
	log_warn(NULL, "search.index_failed", F("db", index_db_name(shard)), F("error", e));
	index_tell_damaged(b->data, shard, &no_mark);
}

/* ---- asking ---- */

struct asking {
	struct index_ask ask;
	struct arena *a;
	struct index_found found;
};

static int ask_job(struct sql *db, void *arg, struct err *e)
{
	struct asking *k = arg;
	return index_find(db, &k->ask, k->a, &k->found, e);
}

int box_index_ask(struct box_view *v, const struct index_query *what, bool score, struct arena *a,
	struct box_unit **ret, struct err *e)
{
	struct boxes *b = v->user->b;
	int64_t account = v->folder.account_id;
	int shard = mailbox_shard(account);
	struct asking k = {.a = a, .ask = {.account_id = account, .what = what, .score = score}};
	*ret = NULL;
	if (!b->index || !is_there(b, shard))
		return 0;
	if (box_read(b, BOX_INDEX + shard, ask_job, &k, e) < 0) {
		if (e->kind == ERR_CLOSED)
			return -1;
		if (e->kind == ERR_TEMP || e->kind == ERR_BUG)
			tell_damaged(b, shard, e);
		return 0;
	}
	*ret = ARENA_NEW(a, struct box_unit);
	**ret = (struct box_unit){.v = k.found.v, .n = k.found.n, .known = k.found.known};
	return 0;
}

static const struct index_hit *hit_of(const struct box_unit *u, int64_t email_id)
{
	size_t lo = 0, hi = u->n;
	while (lo < hi) {
		size_t mid = (lo + hi) / 2;
		if (u->v[mid].email_id > email_id)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo < u->n && u->v[lo].email_id == email_id ? &u->v[lo] : NULL;
}

enum box_told box_unit_told(const struct box_unit *u, int64_t email_id)
{
	if (email_id > u->known)
		return BOX_OPEN;
	const struct index_hit *h = hit_of(u, email_id);
	return !h ? BOX_NO : h->sure && !u->look ? BOX_YES : BOX_OPEN;
}

float box_unit_score(const struct box_unit *u, int64_t email_id)
{
	const struct index_hit *h = hit_of(u, email_id);
	return h ? h->score : 0;
}

/* ---- candidates ---- */

struct spotting {
	struct mailbox_spots q;
	struct arena *a;
	struct mailbox_spot *v;
	size_t n;
};

static int by_place(const void *a, const void *b)
{
	const struct mailbox_spot *x = a, *y = b;
	if (x->folder_id != y->folder_id)
		return x->folder_id < y->folder_id ? -1 : 1;
	return x->uid < y->uid ? -1 : x->uid > y->uid;
}

/* Many small questions take the locks once. In the pool, where the order takes nobody's time. */
static int spots_job(struct sql *db, void *arg, struct err *e)
{
	struct spotting *s = arg;
	if (sql_read_begin(db, e) < 0)
		return -1;
	int r = mailbox_spots(db, &s->q, s->a, &s->v, &s->n, e);
	sql_read_end(db);
	if (r == 0 && s->n)
		qsort(s->v, s->n, sizeof *s->v, by_place);
	return r;
}

static int spot(struct box_view *v, const struct box_spotting *how, bool all, struct arena *a,
	struct mailbox_spot **ret, size_t *ret_n, struct err *e)
{
	const struct box_unit *u = how->unit;
	int64_t account = v->folder.account_id;
	struct spotting s = {.a = a,
		.q = {.account_id = account,
			.folder_id = all ? 0 : v->folder.f.id,
			.rows = how->rows,
			.dated = how->dated,
			.received_from = how->received_from,
			.received_to = how->received_to,
			.n = u->n,
			.above = u->known > account << 32 ? u->known : account << 32,
			.messages = v->uids.count}};
	int64_t *ids = ARENA_ARRAY(a, int64_t, u->n + 1);
	for (size_t i = 0; i < u->n; i++)
		ids[i] = u->v[i].email_id;
	s.q.ids = ids;
	if (box_read_of(v->user->b, account, spots_job, &s, e) < 0)
		return -1;
	*ret = s.v;
	*ret_n = s.n;
	return 0;
}

/* Those of the folder, from all that are known of the account. */
static void take_folder(
	const struct box_asked *k, int64_t folder_id, struct mailbox_spot **ret, size_t *ret_n)
{
	size_t lo = 0, hi = k->nspots, end;
	while (lo < hi) {
		size_t mid = (lo + hi) / 2;
		if (k->spots[mid].folder_id < folder_id)
			lo = mid + 1;
		else
			hi = mid;
	}
	for (end = lo; end < k->nspots && k->spots[end].folder_id == folder_id;)
		end++;
	*ret = k->spots + lo;
	*ret_n = end - lo;
}

int box_index_spots(struct box_view *v, const struct box_spotting *how, struct arena *a,
	struct mailbox_spot **ret, size_t *ret_n, struct err *e)
{
	struct box_asked *asked = how->asked;
	if (box_view_may(v, BOX_DO_READ, e) < 0)
		return -1;
	if (!asked || asked->unit != how->unit)
		return spot(v, how, false, a, ret, ret_n, e);
	if ((!asked->spotted || (how->rows && !asked->rows)) &&
		spot(v, how, true, &asked->mem, &asked->spots, &asked->nspots, e) < 0)
		return -1;
	asked->rows = how->rows || (asked->spotted && asked->rows);
	asked->spotted = true;
	take_folder(asked, v->folder.f.id, ret, ret_n);
	return 0;
}

/* ---- attachments of those that the index cannot tell about ---- */

int box_index_files(struct box_view *v, const struct mailbox_message *m, const struct summary *sum,
	const struct box_text_want *want, bool *met, struct err *e)
{
	struct boxes *b = v->user->b;
	AUTO(arena) struct arena a = {0};
	AUTO(buf) struct buf folded = BUF(SIZE_MAX / 4);
	slice text[INDEX_FIELDS];
	bool open = false;
	for (size_t i = 0; i < want->n; i++)
		open |= !met[i] && want->v[i]->kind >= BOX_BODY;
	if (!open || !b->index || !b->index->files || !search_has_files(sum))
		return 0;
	if (b->index->texts(b->index->arg, m, false, &a, text, e) < 0)
		return e->kind == ERR_PERM || e->kind == ERR_NOTFOUND ? 0 : -1;
	search_fold(text[INDEX_ATTACHMENT], &folded);
	for (size_t i = 0; i < want->n; i++)
		if (!met[i] && want->v[i]->kind >= BOX_BODY)
			met[i] = slice_find(buf_slice(&folded), want->v[i]->text) < folded.n;
	return 0;
}

void boxes_index(struct boxes *b, const struct box_index *index)
{
	free(b->index);
	b->index = index ? NEW(struct box_index) : NULL;
	if (index)
		*b->index = *index;
}
