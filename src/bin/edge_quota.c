/*
 * Is a mailbox full? Asked at RCPT for accounts that have a quota, so that the sending system is
 * told at once; the last word has delivery (mail/local.c), which counts the message itself. The
 * shards are opened when first needed and read one question at a time.
 */
#include "bin/edge.h"

#include "base/mem.h"
#include "run/pool.h"
#include "store/mailbox.h"

struct edge_quota {
	slice data;
	struct sql *shard[MAILBOX_SHARDS];
	bool busy;
	struct cond idle;
};

struct question {
	struct edge_quota *q;
	int64_t account;
	uint64_t bytes, messages;
	int status;
	struct err err;
};

struct edge_quota *edge_quota_new(slice data)
{
	struct edge_quota *q = NEW(struct edge_quota);
	q->data = data;
	cond_init(&q->idle);
	return q;
}

void edge_quota_free(struct edge_quota *q)
{
	for (int i = 0; q && i < MAILBOX_SHARDS; i++)
		sql_close(q->shard[i]);
	free(q);
}

static void ask_in_pool(void *arg)
{
	struct question *k = arg;
	int i = mailbox_shard(k->account);
	struct sql **db = &k->q->shard[i];
	k->status = 0;
	if (!*db)
		k->status = sql_open_read(k->q->data, mailbox_db_name(i), db, &k->err);
	if (k->status == 0)
		k->status = mailbox_usage(*db, k->account, &k->bytes, &k->messages, &k->err);
}

bool edge_quota_full(struct edge_quota *q, const struct route_decision *d)
{
	struct question k = {.q = q, .account = d->account};
	if (!d->quota && !d->quota_messages)
		return false;
	while (q->busy)
		if (cond_wait(&q->idle, INSTANT_NEVER, &k.err) < 0)
			return false;
	q->busy = true;
	pool_call(ask_in_pool, &k);
	q->busy = false;
	cond_wake_one(&q->idle);
	if (k.status < 0)
		log_warn(NULL, "edge.quota", F("error", &k.err)); /* delivery will see */
	return k.status == 0 && ((d->quota && k.bytes >= d->quota) ||
					(d->quota_messages && k.messages >= d->quota_messages));
}
