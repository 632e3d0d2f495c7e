/* `posthouse encryption status|convert|drop`: what in the store is encrypted by which key (store/crypt_usage.h), and rewriting it. */
#include "bin/cli_encryption.h"

#include "base/mem.h"
#include "base/time.h"
#include "bin/unlock.h"
#include "store/crypt_admin.h"
#include "store/crypt_usage.h"
#include "store/sql_crypt.h"
#include "store/store.h"

#include <inttypes.h>
#include <stdio.h>
#include <unistd.h>

/* ---- status ---- */

static int64_t made_at(const struct crypt_list *l, uint32_t no)
{
	for (size_t i = 0; i < l->n; i++)
		if (l->keys[i].no == no)
			return l->keys[i].made_at;
	return 0;
}

static bool is_known(const struct crypt_list *l, uint32_t no)
{
	for (size_t i = 0; i < l->n; i++)
		if (l->keys[i].no == no)
			return true;
	return no == 0;
}

/* Keys that encrypt nothing are in the list, too. */
static int complete(struct crypt_usage *u, const struct crypt_list *l, struct err *e)
{
	for (size_t i = 0; i < l->n; i++) {
		size_t k = 0;
		while (k < u->n && u->use[k].no != l->keys[i].no)
			k++;
		if (k < u->n)
			continue;
		if (u->n == sizeof u->use / sizeof *u->use)
			return err_set(e, ERR_LIMIT, "more data keys than there can be");
		u->use[u->n++] = (struct crypt_use){.no = l->keys[i].no};
	}
	return 0;
}

static const char *state_of(const struct crypt_list *l, uint32_t no)
{
	if (!is_known(l, no))
		return T("key missing", "缺少密钥");
	return no == l->now ? T("writes", "当前写入") : "";
}

static void show_row(struct listing *l, const struct crypt_list *keys, const struct crypt_use *u)
{
	char text[OUT_TEXT];
	if (l->json) {
		json_open_object(&l->j, NULL);
		json_int(&l->j, "key", u->no);
		json_time(&l->j, "made_at", made_at(keys, u->no));
		json_bool(&l->j, "writes", u->no == keys->now);
		json_bool(&l->j, "known", is_known(keys, u->no));
		json_int(&l->j, "packs", (int64_t)u->packs);
		json_int(&l->j, "pack_bytes", (int64_t)u->pack_bytes);
		json_int(&l->j, "database_pages", (int64_t)u->pages);
		json_int(&l->j, "database_bytes", (int64_t)u->page_bytes);
		json_int(&l->j, "copies", (int64_t)u->copies);
		json_close(&l->j, '}');
		return;
	}
	if (u->no)
		table_cellf(l->table, "%u", u->no);
	else
		table_cell(l->table, slice_z(T("plain", "未加密")));
	table_cell(l->table, slice_z(out_time(made_at(keys, u->no), text)));
	table_cellf(l->table, "%" PRIu64, u->packs);
	table_cell(l->table, slice_z(out_size(u->pack_bytes, text)));
	table_cell(l->table, slice_z(out_size(u->page_bytes, text)));
	table_cellf(l->table, "%" PRIu64, u->copies);
	table_cell(l->table, slice_z(state_of(keys, u->no)));
}

static void show(const struct crypt_usage *u, const struct crypt_list *keys, bool as_json)
{
	const char *const heads[] = {T("KEY", "密钥"), T("MADE", "生成时间"),
		T(">PACKS", ">存储包"), T(">SIZE", ">大小"), T(">DATABASES", ">数据库"),
		T(">COPIES", ">副本"), T("STATE", "状态")};
	struct listing l;
	uint64_t other = 0;
	listing_begin(&l, as_json, "keys", heads, sizeof heads / sizeof *heads);
	for (size_t i = 0; i < u->n; i++) {
		show_row(&l, keys, &u->use[i]);
		if (u->use[i].no != keys->now)
			other += u->use[i].packs + u->use[i].pages + u->use[i].copies;
	}
	listing_end_rows(&l);
	if (as_json) {
		json_bool(&l.j, "encrypted", keys->now != 0);
		json_bool(&l.j, "complete", other == 0);
		json_int(&l.j, "strange", (int64_t)u->strange);
	}
	listing_end(&l);
	if (as_json)
		return;
	puts(keys->now ? T("Encryption is on.", "加密已开启。")
		       : T("Encryption is off.", "加密未开启。"));
	if (other && (keys->now || keys->n))
		puts(T("Not everything is as it would be written now: posthouse encryption convert",
			"尚有内容与当前状态不一致：posthouse encryption convert"));
	if (u->strange)
		printf(T("%" PRIu64
			 " packs and pages cannot be read as either: posthouse store verify\n",
			       "有 %" PRIu64
			       " 个存储包或数据库页无法识别：posthouse store verify\n"),
			u->strange);
}

int cli_encryption_status(struct cli_call *c)
{
	AUTO(cli_env) struct cli_env env = {0};
	AUTO(free) struct crypt_usage *u = NEW(struct crypt_usage);
	AUTO(free) struct crypt_list *keys = NEW(struct crypt_list);
	struct err e, no_key = {0};
	int code;
	if (cli_env_config(c->cli, &env, &code) < 0)
		return code;
	slice data = env.config.server->data;
	if (crypt_list(data, cli_key_file(&env), keys, &no_key) == 0 || no_key.kind == ERR_NOTFOUND)
		no_key = (struct err){0};
	if (crypt_usage_read(data, u, &e) < 0 || complete(u, keys, &e) < 0)
		return out_fail(&e);
	show(u, keys, c->cli->json);
	return no_key.kind ? out_fail(&no_key) : CLI_OK;
}

/* ---- convert ---- */

struct converting {
	struct cli_env env;
	bool progress;
	instant told_at;
	uint64_t databases, copies;
	struct store_convert_result packs;
};

static bool tell(void *arg, uint64_t done, uint64_t all)
{
	struct converting *x = arg;
	if (x->progress && (instant_now() - x->told_at > SECOND / 4 || done == all)) {
		x->told_at = instant_now();
		fprintf(stderr,
			T("\rpacks: %" PRIu64 " of %" PRIu64 "  ",
				"\r存储包：%" PRIu64 " / %" PRIu64 "  "),
			done, all);
	}
	return true;
}

static int convert_databases(struct converting *x, struct err *e)
{
	AUTO(free) struct crypt_usage *u = NEW(struct crypt_usage);
	AUTO(arena) struct arena a = {0};
	slice data = x->env.config.server->data;
	if (crypt_usage_read(data, u, e) < 0)
		return -1;
	for (size_t i = 0; i < u->ndatabases; i++) {
		const struct crypt_database *db = &u->databases[i];
		bool done = false;
		if (x->progress)
			fprintf(stderr, "\r%-30s", db->name);
		slice dir = arena_printf(&a, "%.*s%s", SFMT(data), db->dir);
		if (sql_recrypt(dir, db->name, &done, e) < 0)
			return err_wrap(e, "database %s", db->name);
		x->databases += done;
	}
	return 0;
}

static int convert(struct converting *x, bool packs_only, struct err *e)
{
	slice data = x->env.config.server->data;
	unsigned copies = 0;
	if (!packs_only && convert_databases(x, e) < 0)
		return -1;
	if (store_convert_packs(data, tell, x, &x->packs, e) < 0)
		return -1;
	if (!packs_only && crypt_convert_copies(data, &copies, e) < 0)
		return -1;
	x->copies = copies;
	return 0;
}

static void show_converted(const struct converting *x, bool as_json)
{
	char text[OUT_TEXT];
	if (as_json) {
		struct json j = {0};
		json_begin(&j);
		json_int(&j, "databases", (int64_t)x->databases);
		json_int(&j, "packs", (int64_t)x->packs.done);
		json_int(&j, "packs_left", (int64_t)x->packs.left);
		json_int(&j, "copies", (int64_t)x->copies);
		json_end(&j);
		return;
	}
	printf(T("Rewritten: %" PRIu64 " databases, %" PRIu64 " old copies of databases, %" PRIu64
		 " packs (%s).\n",
		       "已重写：%" PRIu64 " 个数据库、%" PRIu64 " 个数据库旧副本、%" PRIu64
		       " 个存储包（%s）。\n"),
		x->databases, x->copies, x->packs.done, out_size(x->packs.bytes, text));
	if (x->packs.left)
		printf(T("%" PRIu64 " packs are left: in use by a server, or something in them "
			 "cannot be read (posthouse store verify). Again later.\n",
			       "尚余 %" PRIu64 " 个存储包：正被服务器使用，或其中有无法读取的内容（"
			       "posthouse store verify）。请稍后再次执行。\n"),
			x->packs.left);
}

int cli_encryption_convert(struct cli_call *c)
{
	struct converting x = {.progress = isatty(2) && !c->cli->json};
	bool packs_only = cli_flag(c, "packs");
	struct err e;
	int code;
	if (cli_env_open(c->cli, &x.env, &code) < 0)
		return code;
	int r = crypt_held() ? 0 : err_set(&e, ERR_NOTFOUND, "the store is not encrypted");
	if (r == 0 && !packs_only)
		r = cli_no_server(&x.env, &e);
	if (r == 0)
		r = convert(&x, packs_only, &e);
	if (x.progress)
		fputs("\r                                        \r", stderr);
	if (r == 0)
		show_converted(&x, c->cli->json);
	cli_env_close(&x.env);
	if (r < 0)
		return out_fail(&e);
	return x.packs.left ? CLI_TEMPORARY : CLI_OK;
}

/* ---- drop ---- */

/* A server that was killed leaves logs, whose pages may need a key that no other page needs: opening a database alone folds its log. */
static int fold_logs(slice data, const struct crypt_usage *u, struct err *e)
{
	AUTO(arena) struct arena a = {0};
	for (size_t i = 0; u->logs && i < u->ndatabases; i++) {
		struct sql *db;
		if (sql_open(arena_printf(&a, "%.*s%s", SFMT(data), u->databases[i].dir),
			    u->databases[i].name, &db, e) < 0)
			return -1;
		int r = sql_checkpoint(db, e);
		sql_close(db);
		if (r < 0)
			return -1;
	}
	return 0;
}

int cli_encryption_drop(struct cli_call *c)
{
	AUTO(cli_env) struct cli_env env = {0};
	AUTO(free) struct crypt_usage *u = NEW(struct crypt_usage);
	unsigned gone;
	struct err e;
	int code;
	if (cli_env_open(c->cli, &env, &code) < 0)
		return code;
	slice data = env.config.server->data;
	if (cli_no_server(&env, &e) < 0 || crypt_usage_read(data, u, &e) < 0 ||
		fold_logs(data, u, &e) < 0 || crypt_usage_read(data, u, &e) < 0)
		return out_fail(&e);
	cli_env_as_caller(&env); /* who may read the key file */
	if (u->strange || u->logs) {
		err_set(&e, ERR_PERM, "not everything of the store can be read: no key is dropped");
		return out_fail(&e);
	}
	if (crypt_drop(data, cli_key_file(&env), crypt_usage_has, u, &gone, &e) < 0)
		return out_fail(&e);
	printf(T("%u data keys dropped.\n", "已删除 %u 个数据密钥。\n"), gone);
	return CLI_OK;
}
