/*
 * `posthouse dkim`: the keys that sign a domain's mail. Each change works by itself: the keys
 * process notices it within a second, those who ask it within ten more. Rotation is in
 * cli_dkim_rotate.c.
 */
#include "bin/cli_dkim.h"
#include "bin/cli_verbs.h"

#include "base/mem.h"
#include "store/directory.h"
#include <openssl/crypto.h>
#include <unistd.h>

#include <stdio.h>

/* ---- adding ---- */

static int check_domain(struct cli_env *env, slice name, struct err *e)
{
	struct sql *directory = cli_env_db(env, DB_DIRECTORY, e);
	struct domain d;
	return directory ? directory_domain(directory, name, &env->mem, &d, e) : -1;
}

/* Given, else active when the domain has no active key yet: nobody waits for a second one. */
static int new_state(struct cli_call *c, struct sql *db, slice domain, struct arena *a,
	enum keyring_state *ret, struct err *e)
{
	struct keyring_key *v;
	size_t n;
	*ret = KEYRING_ACTIVE;
	if (cli_flag(c, "active"))
		return 0;
	if (keyring_list(db, domain, a, &v, &n, e) < 0)
		return -1;
	for (size_t i = 0; i < n; i++)
		if (v[i].state == KEYRING_ACTIVE)
			*ret = KEYRING_PREPARED;
	return 0;
}

static void print_new(struct cli_call *c, const struct keyring_key *v, size_t n, struct arena *a)
{
	if (c->cli->json) {
		struct json j = {0};
		json_begin(&j);
		json_open_array(&j, "keys");
		for (size_t i = 0; i < n; i++)
			dkim_json_key(&j, &v[i], true, a);
		json_close(&j, ']');
		json_end(&j);
		return;
	}
	bool active = n && v[0].state == KEYRING_ACTIVE;
	printf(active ? T("; These keys sign from now on. Publish their records at once:\n",
				"; 这些密钥即刻开始签名。请立即发布以下记录：\n")
		      : T("; These keys are prepared. Publish their records, then: posthouse dkim "
			  "rotate\n",
				"; 密钥已备好。请先发布以下记录，再运行 posthouse dkim rotate\n"));
	dkim_print_records(v, n, a);
}

/* The frame of the verbs: fn gives -1 with *e, or an exit code. */
static int with_keys(struct cli_call *c,
	int (*fn)(struct cli_call *c, struct cli_env *env, struct sql *db, struct err *e))
{
	AUTO(cli_env) struct cli_env env = {0};
	struct err e;
	int code;
	struct sql *db = dkim_open(c->cli, &env, &code);
	if (!db)
		return code;
	code = fn(c, &env, db, &e);
	sql_close(db);
	return code < 0 ? out_fail(&e) : code;
}

static int add_keys(struct cli_call *c, struct cli_env *env, struct sql *db, struct err *e)
{
	static const enum keyring_algorithm usual[] = {KEYRING_RSA2048, KEYRING_ED25519};
	enum keyring_algorithm one;
	slice domain = cli_arg(c, 0), algorithm = cli_option_text(c, "algorithm");
	slice selector = cli_option_text(c, "selector");
	struct keyring_key made[2];
	enum keyring_state state;
	if (algorithm.n && !keyring_algorithm_parse(algorithm, &one))
		return out_usage(T("--algorithm is rsa2048, rsa3072, rsa4096 or ed25519",
			"--algorithm 应为 rsa2048、rsa3072、rsa4096 或 ed25519"));
	if (selector.n && !algorithm.n)
		return out_usage(T("--selector needs --algorithm: two keys cannot share one",
			"--selector 需要 --algorithm：两个密钥不能共用一个选择器"));
	if (check_domain(env, domain, e) < 0 || new_state(c, db, domain, &env->mem, &state, e) < 0)
		return -1;
	size_t n = algorithm.n ? 1 : 2;
	for (size_t i = 0; i < n; i++)
		if (dkim_make_key(db, domain, selector, algorithm.n ? one : usual[i], state,
			    cli_env_who(&env->mem), &env->mem, &made[i], e) < 0)
			return -1;
	print_new(c, made, n, &env->mem);
	return CLI_OK;
}

static int dkim_add(struct cli_call *c)
{
	return with_keys(c, add_keys);
}

/* ---- importing and exporting ---- */

/* The file is read as who runs the command. */
static int read_pem(struct cli_env *env, const char *path, struct buf *out, struct err *e)
{
	bool from_stdin = strcmp(path, "-") == 0;
	cli_env_as_caller(env);
	FILE *f = from_stdin ? stdin : fopen(path, "re");
	cli_env_as_server(env);
	if (!f)
		return err_set(e, ERR_NOTFOUND, "cannot open %s", path);
	char *room = buf_room(out, KEYRING_PEM_MAX);
	size_t n = fread(room, 1, KEYRING_PEM_MAX, f);
	buf_commit(out, n);
	if (!from_stdin)
		fclose(f);
	return n == KEYRING_PEM_MAX ? err_set(e, ERR_LIMIT, "%s is too long for a key", path) : 0;
}

static int import_key(struct cli_call *c, struct cli_env *env, struct sql *db, struct err *e)
{
	AUTO(buf) struct buf pem = BUF(KEYRING_PEM_MAX + 1);
	struct keyring_key k, stored;
	enum keyring_state state;
	slice domain = cli_arg(c, 0), selector = cli_arg(c, 1);
	if (check_domain(env, domain, e) < 0 || read_pem(env, c->args[2], &pem, e) < 0)
		return -1;
	int r = keyring_import(buf_slice(&pem), &env->mem, &k, e);
	OPENSSL_cleanse(pem.p, pem.n);
	if (r < 0 || new_state(c, db, domain, &env->mem, &state, e) < 0)
		return -1;
	k.domain = domain;
	k.selector = selector;
	k.state = state;
	r = keyring_add(db, &k, cli_env_who(&env->mem), wall_now(), &k.id, e);
	OPENSSL_cleanse((char *)k.private_der.p, k.private_der.n);
	if (r < 0 || keyring_find(db, domain, selector, &env->mem, &stored, e) < 0)
		return -1;
	print_new(c, &stored, 1, &env->mem);
	return 0;
}

static int dkim_import(struct cli_call *c)
{
	return with_keys(c, import_key);
}

static int print_private(const struct keyring_key *k, struct err *e)
{
	AUTO(buf) struct buf pem = BUF(KEYRING_PEM_MAX);
	if (k->private_der.n == 0)
		return err_set(e, ERR_NOTFOUND, "the key is revoked: its private part is gone");
	if (keyring_export(k, &pem, e) < 0)
		return -1;
	fwrite(pem.p, 1, pem.n, stdout);
	OPENSSL_cleanse(pem.p, pem.n);
	return 0;
}

static int export_key(struct cli_call *c, struct cli_env *env, struct sql *db, struct err *e)
{
	struct keyring_key k;
	if (keyring_find(db, cli_arg(c, 0), cli_arg(c, 1), &env->mem, &k, e) < 0)
		return -1;
	if (cli_flag(c, "private"))
		return print_private(&k, e);
	dkim_print_records(&k, 1, &env->mem);
	return CLI_OK;
}

static int dkim_export(struct cli_call *c)
{
	return with_keys(c, export_key);
}

/* ---- listing ---- */

static void print_key(struct listing *l, const struct keyring_key *k, struct arena *a)
{
	char when[OUT_TEXT];
	if (l->json) {
		dkim_json_key(&l->j, k, true, a);
		return;
	}
	int64_t since = k->state == KEYRING_ACTIVE    ? k->activated_at
			: k->state == KEYRING_RETIRED ? k->retired_at
			: k->state == KEYRING_REVOKED ? k->revoked_at
						      : k->created_at;
	table_cell(l->table, out_address(k->domain, a));
	table_cell(l->table, k->selector);
	if (k->algorithm == KEYRING_RSA_OTHER)
		table_cellf(l->table, "rsa%u", k->bits);
	else
		table_cell(l->table, slice_z(keyring_algorithm_name(k->algorithm)));
	table_cell(l->table, slice_z(dkim_state_text(k->state)));
	table_cell(l->table, slice_z(out_time(since, when)));
	table_cell(l->table, k->by);
}

static int list_keys(struct cli_call *c, struct cli_env *env, struct sql *db, struct err *e)
{
	struct keyring_key *v = NULL;
	struct listing l;
	size_t n = 0;
	if (keyring_list(db, cli_arg(c, 0), &env->mem, &v, &n, e) < 0)
		return -1;
	const char *const heads[] = {T("DOMAIN", "域"), T("SELECTOR", "选择器"), T("KEY", "密钥"),
		T("STATE", "状态"), T("SINCE", "始于"), T("BY", "操作者")};
	listing_begin(&l, c->cli->json, "keys", heads, 6);
	for (size_t i = 0; i < n; i++)
		print_key(&l, &v[i], &env->mem);
	listing_end_rows(&l);
	listing_end(&l);
	return n ? CLI_OK : CLI_NOTHING;
}

static int dkim_list(struct cli_call *c)
{
	return with_keys(c, list_keys);
}

/* ---- changing one ---- */

static int change(struct cli_call *c, struct cli_env *env, struct sql *db, enum keyring_state to,
	struct err *e)
{
	struct keyring_key k;
	if (keyring_find(db, cli_arg(c, 0), cli_arg(c, 1), &env->mem, &k, e) < 0 ||
		keyring_set_state(db, k.id, to, cli_env_who(&env->mem), wall_now(), e) < 0 ||
		keyring_find(db, k.domain, k.selector, &env->mem, &k, e) < 0)
		return -1;
	printf(T("Key %.*s of %.*s is %s now.\n", "密钥 %.*s（%.*s）现为：%s。\n"),
		SFMT(k.selector), SFMT(k.domain), dkim_state_text(k.state));
	if (to == KEYRING_RETIRED)
		puts(T("Leave its record published for a week: mail that it signed is still on its "
		       "way.",
			"请将其记录继续发布一周：它签过名的邮件可能还在途中。"));
	if (to == KEYRING_REVOKED) {
		puts(T("Publish this in place of its record:", "请发布以下记录代替原记录："));
		dkim_print_records(&k, 1, &env->mem);
	}
	return CLI_OK;
}

static int retire_key(struct cli_call *c, struct cli_env *env, struct sql *db, struct err *e)
{
	return change(c, env, db, KEYRING_RETIRED, e);
}

static int dkim_retire(struct cli_call *c)
{
	return with_keys(c, retire_key);
}

static int revoke_key(struct cli_call *c, struct cli_env *env, struct sql *db, struct err *e)
{
	return change(c, env, db, KEYRING_REVOKED, e);
}

static int dkim_revoke(struct cli_call *c)
{
	return with_keys(c, revoke_key);
}

static int remove_key(struct cli_call *c, struct cli_env *env, struct sql *db, struct err *e)
{
	struct keyring_key k;
	if (keyring_find(db, cli_arg(c, 0), cli_arg(c, 1), &env->mem, &k, e) < 0)
		return -1;
	if (k.state == KEYRING_ACTIVE && !cli_flag(c, "force"))
		return err_set(e, ERR_DENIED, "the key signs: retire it first, or use --force");
	if (keyring_remove(db, k.id, e) < 0)
		return -1;
	printf(T("Key %.*s of %.*s removed; remove its record, too.\n",
		       "已删除密钥 %.*s（%.*s）；请同时删除其记录。\n"),
		SFMT(k.selector), SFMT(k.domain));
	return CLI_OK;
}

static int dkim_remove(struct cli_call *c)
{
	return with_keys(c, remove_key);
}

/* ---- the secret of rewritten senders ---- */

static int renew_srs(struct cli_call *c, struct cli_env *env, struct sql *db, struct err *e)
{
	(void)c, (void)env;
	if (keyring_secret_renew(db, S(SRS_SECRET), wall_now(), e) < 0)
		return -1;
	puts(T("The secret of rewritten senders is new; addresses made with the one before stay "
	       "good until\nthey expire or the secret is renewed once more.",
		"改写发件人所用的密钥已更新；用上一个密钥生成的地址在过期或再次更新之前仍然有效"
		"。"));
	return CLI_OK;
}

static int dkim_renew_srs(struct cli_call *c)
{
	return with_keys(c, renew_srs);
}

static int run_rotate(struct cli_call *c)
{
	return looking_run(c, dkim_rotate);
}

static int run_activate(struct cli_call *c)
{
	return looking_run(c, dkim_activate);
}

/* ---- table ---- */

static const struct cli_option add_options[] = {
	{"algorithm", "NAME", "rsa2048, rsa3072, rsa4096, ed25519 (default: rsa2048 and ed25519)",
		"rsa2048、rsa3072、rsa4096 或 ed25519（默认 rsa2048 和 ed25519 各一个）"},
	{"selector", "NAME", "the selector (default: by the date, like ph202611r)",
		"选择器（默认按日期，如 ph202611r）"},
	{"active", NULL, "sign at once, even when other keys do", "即刻启用，即使已有启用的密钥"},
	{NULL, NULL, NULL, NULL},
};
static const struct cli_option import_options[] = {
	{"active", NULL, "sign at once, even when other keys do", "即刻启用，即使已有启用的密钥"},
	{NULL, NULL, NULL, NULL},
};
static const struct cli_option export_options[] = {
	{"private", NULL, "the private key as PEM, in place of the record",
		"输出 PEM 形式的私钥，而不是记录"},
	{NULL, NULL, NULL, NULL},
};
static const struct cli_option activate_options[] = {
	{"force", NULL, "without looking whether the record is published", "不检查记录是否已发布"},
	{NULL, NULL, NULL, NULL},
};
static const struct cli_option rotate_options[] = {
	{"older-than", "TIME", "begin only when the keys have signed for so long, e.g. 90d",
		"仅当密钥已使用超过此时间才开始轮换，如 90d"},
	{"overlap", "TIME", "keep retired keys published for so long (default 7d)",
		"停用的密钥继续发布多久（默认 7d）"},
	{"force", NULL, "without looking whether the records are published",
		"不检查记录是否已发布"},
	{NULL, NULL, NULL, NULL},
};
static const struct cli_option remove_options[] = {
	{"force", NULL, "even a key that signs", "即使密钥正在使用"},
	{NULL, NULL, NULL, NULL},
};

const struct cli_verb dkim_verbs[] = {
	{"add", dkim_add, "DOMAIN", 1, 1, true, add_options, "Makes signing keys for a domain.",
		"为域生成签名密钥。",
		"The first keys of a domain sign at once; later ones are prepared and wait for "
		"rotate or activate.\nThe records to publish are printed in zone-file form.",
		"域的第一批密钥即刻启用；以后的密钥为待启用状态，由 rotate 或 activate 启用。\n"
		"应发布的记录以区域文件格式输出。"},
	{"list", dkim_list, "[DOMAIN]", 0, 1, true, NULL, "Lists keys and their states.",
		"列出密钥及其状态。", "Exit code 3 when there are none.", "没有密钥时退出码为 3。"},
	{"rotate", run_rotate, "DOMAIN", 1, 1, true, rotate_options,
		"Takes the next step in changing a domain's keys.", "执行密钥轮换的下一步。",
		"Each run takes one step; run it again until it says that all is done, or from a "
		"timer:\n"
		"  1. new keys of the same kinds are prepared; publish the records shown\n"
		"  2. when the DNS shows them, they sign, and the old keys retire\n"
		"  3. after the overlap the old keys are revoked; publish the records shown\n"
		"Exit code 75: the records are not visible yet, nothing was changed; 3: the domain "
		"has no "
		"keys.\n\n"
		"  posthouse dkim rotate example.org --older-than 90d",
		"每次运行执行一步；反复运行直至提示完成，或由定时任务运行：\n"
		"  1. 生成同类的新密钥（待启用）；请发布所示记录\n"
		"  2. 在 DNS 中可见后，新密钥开始签名，旧密钥停用\n"
		"  3. 过渡期之后吊销旧密钥；请发布所示记录\n"
		"退出码 75：记录尚不可见，未作更改；3：该域没有密钥。\n\n"
		"  posthouse dkim rotate example.org --older-than 90d"},
	{"activate", run_activate, "DOMAIN SELECTOR", 2, 2, true, activate_options,
		"Lets a key sign, once its record is published.", "记录发布后启用密钥。",
		"Exit code 75: the record is not visible yet, nothing was changed.",
		"退出码 75：记录尚不可见，未作更改。"},
	{"retire", dkim_retire, "DOMAIN SELECTOR", 2, 2, false, NULL,
		"Lets a key sign no more; its record stays published.",
		"停用密钥；其记录继续发布。", NULL, NULL},
	{"revoke", dkim_revoke, "DOMAIN SELECTOR", 2, 2, false, NULL,
		"Destroys a private key and says so in the DNS.", "销毁私钥，并在 DNS 中声明吊销。",
		"For a key that others may have got hold of: publish the record shown at once. "
		"Mail "
		"with its\nsignatures that is still on its way fails to verify.",
		"用于可能已泄露的密钥：请立即发布所示记录。途中由它签名的邮件将无法通过验证。"},
	{"remove", dkim_remove, "DOMAIN SELECTOR", 2, 2, false, remove_options,
		"Forgets a key altogether.", "彻底删除密钥。", NULL, NULL},
	{"export", dkim_export, "DOMAIN SELECTOR", 2, 2, false, export_options,
		"Prints a key's record, or the private key.", "输出密钥的记录或私钥。", NULL, NULL},
	{"import", dkim_import, "DOMAIN SELECTOR FILE", 3, 3, true, import_options,
		"Takes over a private key of another system.", "导入其他系统的私钥。",
		"FILE is PEM without passphrase, as opendkim and rspamd keep it, or - for stdin. "
		"The selector is the\none published already.",
		"FILE 为不带口令的 PEM 文件（opendkim、rspamd 均使用此格式），- 表示标准输入。\n"
		"选择器即已发布的那一个。"},
	{"renew-srs", dkim_renew_srs, "", 0, 0, false, NULL,
		"Changes the secret behind rewritten senders (SRS).",
		"更换改写发件人（SRS）所用的密钥。", NULL, NULL},
	CLI_VERBS_END,
};
