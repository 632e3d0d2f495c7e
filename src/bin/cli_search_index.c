/*
 * `posthouse search status|reindex`: how far the full-text index is, and beginning anew with it (cli_search.h). Works beside the server and
 * without it; the indexer of a running one is woken. An index that is not there, or damaged, counts as empty: it is made again.
 */
#include "bin/cli_search.h"

#include "base/mem.h"
#include "run/control.h"
#include "store/directory.h"
#include "store/index.h"
#include "store/mailbox_email.h"
#include <inttypes.h>
#include <stdio.h>

enum { ACCOUNTS_AT_ONCE = 1000 };

/* ---- status ---- */

struct status {
	struct cli_env env;
	struct index_size all;
	uint64_t behind, accounts;
	bool damaged;
};

/* Of one account; the index may be NULL. */
static int add_account(
	struct status *s, struct sql *mail, struct sql *index, int64_t id, struct err *e)
{
	struct index_size size = {0};
	uint64_t behind = 0;
	int64_t known = 0;
	if (index &&
		(index_known(index, id, &known, e) < 0 || index_size(index, id, &size, e) < 0)) {
		s->damaged = true;
		known = 0;
	}
	if (mailbox_emails_above(mail, id, known, &behind, e) < 0)
		return -1;
	s->accounts++;
	s->behind += behind;
	s->all.emails += size.emails;
	s->all.cut += size.cut;
	s->all.words += size.words;
	s->all.bytes += size.bytes;
	s->all.text_bytes += size.text_bytes;
	s->all.segments += size.segments;
	return 0;
}

static int add_shard(
	struct status *s, struct sql *mail, struct sql *index, int64_t only, struct err *e)
{
	AUTO(arena) struct arena a = {0};
	struct mailbox_account *v;
	size_t n = ACCOUNTS_AT_ONCE;
	if (only)
		return add_account(s, mail, index, only, e);
	for (int64_t after = 0; n == ACCOUNTS_AT_ONCE;) {
		arena_reset(&a);
		if (mailbox_accounts(mail, after, ACCOUNTS_AT_ONCE, &a, &v, &n, e) < 0)
			return -1;
		for (size_t i = 0; i < n; i++)
			if (add_account(s, mail, index, v[i].account_id, e) < 0)
				return -1;
		after = n ? v[n - 1].account_id : 0;
	}
	return 0;
}

static int look_at(struct status *s, int shard, int64_t only, struct err *e)
{
	struct sql *index = NULL, *mail = cli_env_shard(&s->env, MAILBOX_SHARDS + shard, e);
	if (!mail)
		return -1;
	if (sql_open_read(s->env.config.server->data, index_db_name(shard), &index, e) < 0)
		s->damaged |= e->kind != ERR_NOTFOUND;
	int r = add_shard(s, mail, index, only, e);
	sql_close(index);
	sql_close(mail);
	return r;
}

static int account_id(struct cli_env *env, slice address, int64_t *ret, struct err *e)
{
	struct account account;
	struct sql *db = cli_env_db(env, DB_DIRECTORY, e);
	*ret = 0;
	if (!address.n)
		return db ? 0 : -1;
	if (!db || directory_account(db, address, &env->mem, &account, e) < 0)
		return -1;
	*ret = account.id;
	return 0;
}

static void json_status(const struct status *s)
{
	struct json j = {0};
	json_begin(&j);
	json_int(&j, "accounts", (int64_t)s->accounts);
	json_int(&j, "emails", (int64_t)s->all.emails);
	json_int(&j, "behind", (int64_t)s->behind);
	json_int(&j, "cut", (int64_t)s->all.cut);
	json_int(&j, "text_bytes", (int64_t)s->all.text_bytes);
	json_int(&j, "bytes", (int64_t)s->all.bytes);
	json_int(&j, "segments", (int64_t)s->all.segments);
	json_bool(&j, "damaged", s->damaged);
	json_end(&j);
}

static void print_status(const struct status *s)
{
	char text[OUT_TEXT], size[OUT_TEXT];
	printf(T("%" PRIu64 " messages of %" PRIu64 " mailboxes are indexed; %" PRIu64 " wait\n",
		       "已索引 %" PRIu64 " 封邮件，%" PRIu64 " 个邮箱；待索引 %" PRIu64 " 封\n"),
		s->all.emails, s->accounts, s->behind);
	printf(T("index: %s for %s of text\n", "索引大小：%s；文字：%s\n"),
		out_size(s->all.bytes, size), out_size(s->all.text_bytes, text));
	if (s->all.cut)
		printf(T("%" PRIu64 " of them not wholly: searches read these\n",
			       "其中 %" PRIu64 " 封未能完整索引，搜索时会直接读取\n"),
			s->all.cut);
	if (s->damaged)
		puts(T("a part of the index is damaged; a running server makes it anew",
			"部分索引已损坏，服务器运行时会自动重建"));
}

int cli_search_status(struct cli_call *c)
{
	struct status s = {.damaged = false};
	struct err e;
	int code, r;
	int64_t only = 0;
	if (cli_env_open(c->cli, &s.env, &code) < 0)
		return code;
	r = account_id(&s.env, cli_arg(c, 0), &only, &e);
	for (int i = 0; r == 0 && i < MAILBOX_SHARDS; i++)
		if (!only || mailbox_shard(only) == i)
			r = look_at(&s, i, only, &e);
	if (r == 0 && c->cli->json)
		json_status(&s);
	else if (r == 0)
		print_status(&s);
	cli_env_close(&s.env);
	return r < 0 ? out_fail(&e) : CLI_OK;
}

/* ---- reindex ---- */

/* 1: there is more, 0, -1. */
static int remove_some(struct sql *db, int64_t id, struct err *e)
{
	if (sql_begin(db, e) < 0)
		return -1;
	int r = index_remove_tx(db, id, e);
	if (r >= 0)
		return sql_commit(db, e) < 0 ? -1 : r;
	sql_rollback(db);
	return -1;
}

static int forget(struct cli_env *env, int64_t id, struct err *e)
{
	struct sql *db;
	int version = 0, r = 1;
	if (sql_open_cache(env->config.server->data, index_db_name(mailbox_shard(id)), &db, e) < 0)
		return -1;
	if (sql_version(db, &version, e) < 0)
		r = -1;
	while (r == 1 && version)
		r = remove_some(db, id, e);
	sql_close(db);
	return r < 0 ? -1 : 0;
}

static int forget_all(struct cli_env *env, slice address, struct err *e)
{
	struct sql *db = cli_env_db(env, DB_DIRECTORY, e);
	struct account one, *v = &one;
	size_t n = 1;
	if (!db || (address.n ? directory_account(db, address, &env->mem, &one, e)
			      : directory_accounts(db, S(""), &env->mem, &v, &n, e)) < 0)
		return -1;
	for (size_t i = 0; i < n; i++)
		if (forget(env, v[i].id, e) < 0)
			return -1;
	return 0;
}

int cli_search_reindex(struct cli_call *c)
{
	AUTO(buf) struct buf reply = BUF(CONTROL_REPLY_MAX);
	struct cli_env env;
	struct err e;
	int code;
	if (cli_env_open(c->cli, &env, &code) < 0)
		return code;
	int r = forget_all(&env, cli_arg(c, 0), &e);
	if (r == 0 && control_call(env.config.server->run, S("wake-indexer"), &reply, &e) < 0)
		puts(T("The index is made anew when the server runs.",
			"索引将在服务器运行时重建。"));
	else if (r == 0)
		puts(T("The index is being made anew.", "正在重建索引。"));
	cli_env_close(&env);
	return r < 0 ? out_fail(&e) : CLI_OK;
}
