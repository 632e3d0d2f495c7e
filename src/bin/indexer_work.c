/*
 * One batch of an account's new mail (indexer.h): rows, texts, one transaction. An email that has gone meanwhile, or whose bytes
 * cannot be read, goes in as cut without texts: searches look at such an email themselves, and the line goes on.
 */
#include "bin/indexer.h"

#include "base/mem.h"
#include "bin/scan_text.h"
#include "run/co.h"
#include "run/link.h"
#include "run/log.h"
#include "run/pool.h"

struct work {
	struct indexer *x;
	struct indexer_batch *b;
	struct arena mem;
	struct mailbox_email *rows;
	size_t nrows;
	struct index_email *v;
	size_t next,
		done; /* whose texts are asked for next; how many of v are whole, from the first on */
	bool *ready;
	uint64_t bytes;
	bool failed;
	int result;
	struct err e;
};

static void read_rows(void *arg)
{
	struct work *w = arg;
	w->result = mailbox_emails(w->x->mail[indexer_shard(w->b->account_id)], w->b->account_id,
		w->b->known, INDEXER_EMAILS, &w->mem, &w->rows, &w->nrows, &w->e);
}

/* Nothing of it can be known. */
static bool for_good(const struct err *e)
{
	return e->kind == ERR_PERM || e->kind == ERR_NOTFOUND || e->kind == ERR_LIMIT;
}

static void take_texts(struct work *w, size_t i, const struct content_texts *t)
{
	struct index_email *m = &w->v[i];
	for (int k = 0; k < INDEX_FIELDS; k++) {
		m->text[k] = t->text[k];
		w->bytes += t->text[k].n;
	}
	if (!w->x->conf.attachments)
		m->text[INDEX_ATTACHMENT] = (slice){0};
	m->cut = t->cut;
}

static bool one_email(struct work *w, size_t i)
{
	const struct mailbox_email *r = &w->rows[i];
	const struct scan_text q = {.blob = r->blob, .size = r->size, .prefix = r->prefix};
	struct content_texts t = {0};
	struct err e;
	if (scan_text_ask(w->x->texts, &w->x->scan, w->x->blobs, &q, &w->mem, &t, &e) < 0) {
		if (!for_good(&e)) {
			w->e = e;
			return false;
		}
		t = (struct content_texts){.cut = true};
	}
	take_texts(w, i, &t);
	w->v[i].email_id = r->id;
	w->ready[i] = true;
	return true;
}

static void worker(void *arg)
{
	struct work *w = arg;
	while (!w->failed && w->next < w->nrows && w->bytes < INDEXER_BYTES) {
		size_t i = w->next++;
		if (!one_email(w, i))
			w->failed = true;
	}
}

static void read_texts(struct work *w)
{
	struct group g;
	group_init(&g);
	w->v = ARENA_ARRAY(&w->mem, struct index_email, w->nrows);
	w->ready = ARENA_ARRAY(&w->mem, bool, w->nrows);
	for (int i = 0; i < INDEXER_AT_ONCE; i++)
		group_go(&g, "indexer.texts", worker, w);
	group_join(&g);
	while (w->done < w->nrows && w->ready[w->done])
		w->done++;
}

/* Somebody may have begun anew with the account: what is added must join on to what is there. */
static int add_tx(struct work *w, struct sql *db)
{
	int64_t known;
	if (index_known(db, w->b->account_id, &known, &w->e) < 0)
		return -1;
	if (known != w->b->known)
		return err_set(&w->e, ERR_NOTFOUND, "the index was changed meanwhile");
	return index_add_tx(db, w->b->account_id, w->v, w->done, &w->e);
}

static void add(void *arg)
{
	struct work *w = arg;
	struct sql *db = w->x->index[indexer_shard(w->b->account_id)];
	w->result = sql_begin(db, &w->e);
	if (w->result < 0)
		return;
	w->result = add_tx(w, db);
	if (w->result == 0)
		w->result = sql_commit(db, &w->e);
	else
		sql_rollback(db);
}

static void count(struct work *w)
{
	w->b->known = w->v[w->done - 1].email_id;
	w->b->emails += w->done;
	w->b->bytes += w->bytes;
	for (size_t i = 0; i < w->done; i++)
		w->b->cut += w->v[i].cut;
	w->b->more = w->done < w->nrows || w->nrows == INDEXER_EMAILS;
}

static int run(struct work *w)
{
	pool_call(read_rows, w);
	if (w->result < 0 || !w->nrows)
		return w->result;
	read_texts(w);
	if (!w->done)
		return -1; /* w->e: of the first that failed */
	pool_call(add, w);
	if (w->result == 0)
		count(w);
	return w->result;
}

int indexer_batch(struct indexer *x, struct indexer_batch *b, struct err *e)
{
	struct work w = {.x = x, .b = b};
	b->more = false;
	int r = run(&w);
	if (r < 0)
		*e = w.e;
	arena_done(&w.mem);
	return r < 0 ? -1 : 0;
}
