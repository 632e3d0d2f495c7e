/*
 * `posthouse mailbox verify|repair|reindex [ADDRESS]`: do the tables of a mailbox, or of all, agree; mending them;
 * making anew what follows from the messages (cli_mailbox.h). May run beside the server. Whether the bytes are there
 * and whole is asked by `store verify`.
 */
#include "bin/cli_mailbox.h"

#include "base/mem.h"
#include "store/blob.h"

#include <inttypes.h>
#include <stdio.h>

struct looking {
	struct cli_env env;
	struct sql *shard;
	bool json;
	struct json j;
	uint64_t findings, mended;
};

static void on_finding(void *arg, const struct mailbox_finding *f)
{
	struct looking *l = arg;
	l->findings++;
	l->mended += f->mended;
	if (l->json) {
		json_open_object(&l->j, NULL);
		json_text(&l->j, "kind", slice_z(f->kind));
		json_text(&l->j, "shard", slice_z(sql_name(l->shard)));
		json_text(&l->j, "text", slice_z(f->text));
		json_int(&l->j, "count", f->n);
		json_bool(&l->j, "repaired", f->mended);
		json_close(&l->j, '}');
		return;
	}
	printf("%s: %s: %" PRId64 " %s%s\n", cli_store_kind(f->kind), sql_name(l->shard), f->n,
		f->text, f->mended ? T(" (mended)", "（已修复）") : "");
}

static int look_at(struct looking *l, int64_t account_id, bool repair, struct err *e)
{
	if (repair && sql_begin(l->shard, e) < 0)
		return -1;
	int64_t n = mailbox_verify(l->shard, account_id, repair, on_finding, l, e);
	if (!repair)
		return n < 0 ? -1 : 0;
	if (n >= 0)
		return sql_commit(l->shard, e);
	sql_rollback(l->shard);
	return -1;
}

/* Of one account (its id), or the shard that ids like this one are in. */
static int look_into(struct looking *l, int64_t id, bool all, bool repair, struct err *e)
{
	l->shard = cli_env_shard(&l->env, id, e);
	int r = l->shard ? look_at(l, all ? 0 : id, repair, e) : -1;
	sql_close(take(&l->shard));
	if (r == 0 && repair && !all)
		cli_box_tell(&l->env, id);
	return r;
}

static int find(struct looking *l, slice address, struct account *ret, struct err *e)
{
	struct sql *db = cli_env_db(&l->env, DB_DIRECTORY, e);
	return db ? directory_account(db, address, &l->env.mem, ret, e) : -1;
}

static int look_at_all(struct looking *l, slice address, bool repair, struct err *e)
{
	struct account account;
	if (address.n)
		return find(l, address, &account, e) < 0
			       ? -1
			       : look_into(l, account.id, false, repair, e);
	for (int64_t i = 0; i < MAILBOX_SHARDS; i++)
		if (look_into(l, MAILBOX_SHARDS + i, true, repair, e) < 0)
			return -1;
	return 0;
}

static int look(struct cli_call *c, bool repair)
{
	struct looking l = {.json = c->cli->json};
	struct err e;
	int code;
	if (cli_env_open(c->cli, &l.env, &code) < 0)
		return code;
	if (l.json) {
		json_begin(&l.j);
		json_open_array(&l.j, "problems");
	}
	int r = look_at_all(&l, cli_arg(c, 0), repair, &e);
	if (l.json) {
		json_close(&l.j, ']');
		json_int(&l.j, "found", (int64_t)l.findings);
		json_int(&l.j, "repaired", (int64_t)l.mended);
		json_end(&l.j);
	} else if (r == 0 && !l.findings) {
		puts(T("No problems.", "未发现问题。"));
	}
	cli_env_close(&l.env);
	if (r < 0)
		return out_fail(&e);
	return l.findings > l.mended ? CLI_FAILED : CLI_OK;
}

int cli_mailbox_verify(struct cli_call *c)
{
	return look(c, false);
}

int cli_mailbox_repair(struct cli_call *c)
{
	return look(c, true);
}

/* ---- reindex ---- */

struct indexing {
	struct cli_env env;
	struct blobs *blobs;
	int64_t emails;
	uint64_t unread;
};

static int index_one(struct indexing *x, int64_t account_id, struct err *e)
{
	uint64_t unread = 0;
	struct sql *shard = cli_env_shard(&x->env, account_id, e);
	int64_t n = shard ? mailbox_reindex(shard, x->blobs, account_id, &unread, e) : -1;
	sql_close(shard);
	if (n < 0)
		return -1;
	x->emails += n;
	x->unread += unread;
	cli_box_tell(&x->env, account_id);
	return 0;
}

static int index_all(struct indexing *x, slice address, struct err *e)
{
	struct sql *db = cli_env_db(&x->env, DB_DIRECTORY, e);
	struct account one, *v = &one;
	size_t n = 1;
	if (!db || blobs_open(x->env.config.server->data, &x->blobs, e) < 0)
		return -1;
	if ((address.n ? directory_account(db, address, &x->env.mem, &one, e)
		       : directory_accounts(db, S(""), &x->env.mem, &v, &n, e)) < 0)
		return -1;
	for (size_t i = 0; i < n; i++)
		if (index_one(x, v[i].id, e) < 0)
			return -1;
	return 0;
}

int cli_mailbox_reindex(struct cli_call *c)
{
	struct indexing x = {.emails = 0};
	struct err e;
	int code;
	if (cli_env_open(c->cli, &x.env, &code) < 0)
		return code;
	int r = index_all(&x, cli_arg(c, 0), &e);
	blobs_close(x.blobs);
	cli_env_close(&x.env);
	if (r < 0)
		return out_fail(&e);
	if (c->cli->json) {
		struct json j = {0};
		json_begin(&j);
		json_int(&j, "messages", x.emails);
		json_int(&j, "unread", (int64_t)x.unread);
		json_end(&j);
	} else {
		printf(T("%" PRId64 " messages read anew.\n", "已重新读取 %" PRId64 " 封邮件。\n"),
			x.emails);
		if (x.unread)
			printf(T("%llu of them could not be read: posthouse store verify\n",
				       "其中 %llu 封无法读取：posthouse store verify\n"),
				(unsigned long long)x.unread);
	}
	return x.unread ? CLI_FAILED : CLI_OK;
}
