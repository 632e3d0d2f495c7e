/* `posthouse login` and `posthouse ban`: who logged in, from where, by what; networks that may not (store/login.h). */
#include "bin/cli_verbs.h"

#include "base/mem.h"
#include "base/time.h"
#include "store/directory.h"
#include "store/login.h"
#include <stdio.h>

enum { LIST_DEFAULT = 100, LIST_MAX = 100000 };

static struct sql *open_logins(struct cli_call *c, struct cli_env *env, int *ret_code)
{
	struct err e;
	struct sql *db;
	if (cli_env_open(c->cli, env, ret_code) < 0)
		return NULL;
	if (login_open(env->config.server->data, &db, &e) == 0)
		return db;
	*ret_code = out_fail(&e);
	return NULL;
}

/* ---- the log ---- */

static const char *result_word(enum login_result r)
{
	switch (r) {
	case LOGIN_OK:
		return T("ok", "成功");
	case LOGIN_FAILED:
		return T("failed", "失败");
	case LOGIN_REFUSED:
		return T("refused", "被拒");
	case LOGIN_NOT_HERE:
		return T("not here", "服务未开放");
	case LOGIN_EXPIRED:
		return T("expired", "密码须修改");
	default:
		return T("temporary", "暂时失败");
	}
}

static bool print_row(void *arg, const struct login_row *r)
{
	struct listing *l = arg;
	char text[OUT_TEXT];
	if (l->json) {
		json_open_object(&l->j, NULL);
		json_time(&l->j, "at", r->at);
		json_time(&l->j, "last_at", r->last_at);
		json_int(&l->j, "times", r->times);
		json_text(&l->j, "login", r->login);
		json_text(&l->j, "service", r->service);
		json_text(&l->j, "ip", r->ip);
		json_text(&l->j, "country", r->country);
		json_text(&l->j, "how", r->how);
		json_text(&l->j, "client", r->client);
		json_text(&l->j, "result", slice_z(login_result_name(r->result)));
		json_text(&l->j, "why", r->why);
		json_bool(&l->j, "secure", r->secure);
		json_close(&l->j, '}');
		return true;
	}
	table_cell(l->table, slice_z(out_time(r->last_at, text)));
	table_cellf(l->table, "%lld", (long long)r->times);
	table_cell(l->table, r->login);
	table_cell(l->table, r->service);
	table_cellf(l->table, "%.*s%s%.*s", SFMT(r->ip), r->country.n ? " " : "", SFMT(r->country));
	table_cell(l->table, r->how);
	table_cell(l->table, r->client);
	table_cellf(
		l->table, "%s%s%.*s", result_word(r->result), r->why.n ? ": " : "", SFMT(r->why));
	return true;
}

static int read_filter(struct cli_call *c, struct arena *a, struct login_filter *ret)
{
	slice since = cli_option_text(c, "since"), most = cli_option_text(c, "most"),
	      result = cli_option_text(c, "result");
	uint64_t n = LIST_DEFAULT;
	if (cli_arg(c, 0).n && !directory_canonical(cli_arg(c, 0), a, &ret->login))
		ret->login = cli_arg(c, 0); /* people log in by all kinds of names */
	ret->ip = cli_option_text(c, "ip");
	if (since.n && !time_parse(since, wall_now(), &ret->since))
		return out_usage(T("not a time such as 2h or 2026-11-22: %.*s",
					 "不是时间（如 2h、2026-11-22）：%.*s"),
			SFMT(since));
	if (most.n && (!slice_u64(most, &n) || n == 0 || n > LIST_MAX))
		return out_usage(T("not a number from 1 to %d: %.*s", "不是 1 到 %d 的数：%.*s"),
			LIST_MAX, SFMT(most));
	if (result.n && !login_result_parse(result, &ret->result))
		return out_usage(
			T("results are ok, failed, refused, not-here, expired, temp: %.*s",
				"结果为 ok、failed、refused、not-here、expired、temp：%.*s"),
			SFMT(result));
	ret->most = (int64_t)n;
	return CLI_OK;
}

static int login_list(struct cli_call *c)
{
	AUTO(cli_env) struct cli_env env = {0};
	struct login_filter f = {0};
	struct listing l;
	struct err e;
	int code = read_filter(c, &env.mem, &f);
	struct sql *db = code == CLI_OK ? open_logins(c, &env, &code) : NULL;
	if (!db)
		return code;
	const char *const heads[] = {T("LAST", "最近"), T(">TIMES", ">次数"), T("LOGIN", "登录名"),
		T("SERVICE", "服务"), T("FROM", "来自"), T("HOW", "方式"), T("CLIENT", "客户端"),
		T("RESULT", "结果")};
	listing_begin(&l, c->cli->json, "logins", heads, 8);
	int r = login_each(db, &f, print_row, &l, &e);
	listing_end_rows(&l);
	listing_end(&l);
	sql_close(db);
	return r < 0 ? out_fail(&e) : CLI_OK;
}

/* ---- bans ---- */

static int ban_add_verb(struct cli_call *c)
{
	AUTO(cli_env) struct cli_env env = {0};
	struct err e;
	int code;
	int64_t age = 0;
	slice how_long = cli_option_text(c, "for");
	if (how_long.n && (!duration_parse(how_long, &age) || age <= 0))
		return out_usage(T("not a time such as 2h: %.*s", "不是时间（如 2h）：%.*s"),
			SFMT(how_long));
	struct sql *db = open_logins(c, &env, &code);
	if (!db)
		return code;
	const struct ban b = {.network = cli_arg(c, 0),
		.made_at = wall_now(),
		.until = age ? wall_now() + age : 0,
		.by = cli_env_who(&env.mem),
		.why = cli_option_text(c, "reason")};
	int r = ban_add(db, &b, &e);
	sql_close(db);
	if (r < 0)
		return out_fail(&e);
	printf(T("Nobody logs in from %.*s.\n", "%.*s 已不能登录。\n"), SFMT(b.network));
	return CLI_OK;
}

static int ban_remove_verb(struct cli_call *c)
{
	AUTO(cli_env) struct cli_env env = {0};
	struct err e;
	int code, r = 0;
	struct sql *db = open_logins(c, &env, &code);
	if (!db)
		return code;
	for (int i = 0; i < c->nargs && r == 0; i++)
		r = ban_remove(db, cli_arg(c, i), &e);
	sql_close(db);
	return r < 0 ? out_fail(&e) : CLI_OK;
}

static void print_ban(struct listing *l, const struct ban *b)
{
	char text[OUT_TEXT];
	if (l->json) {
		json_open_object(&l->j, NULL);
		json_text(&l->j, "network", b->network);
		json_time(&l->j, "at", b->made_at);
		json_time(&l->j, "until", b->until);
		json_text(&l->j, "by", b->by);
		json_text(&l->j, "reason", b->why);
		json_close(&l->j, '}');
		return;
	}
	table_cell(l->table, b->network);
	table_cell(l->table, slice_z(out_time(b->made_at, text)));
	table_cell(l->table,
		b->until ? slice_z(out_time(b->until, text)) : slice_z(T("for good", "永久")));
	table_cell(l->table, b->by);
	table_cell(l->table, b->why);
}

static int ban_list_verb(struct cli_call *c)
{
	AUTO(cli_env) struct cli_env env = {0};
	struct listing l;
	struct err e;
	struct ban *v;
	size_t n;
	int code;
	struct sql *db = open_logins(c, &env, &code);
	if (!db)
		return code;
	int r = ban_list(db, wall_now(), &env.mem, &v, &n, &e);
	sql_close(db);
	if (r < 0)
		return out_fail(&e);
	const char *const heads[] = {T("NETWORK", "网络"), T("SINCE", "开始"), T("UNTIL", "结束"),
		T("BY", "操作者"), T("REASON", "原因")};
	listing_begin(&l, c->cli->json, "bans", heads, 5);
	for (size_t i = 0; i < n; i++)
		print_ban(&l, &v[i]);
	listing_end_rows(&l);
	listing_end(&l);
	return CLI_OK;
}

/* ---- tables ---- */

static const struct cli_option list_options[] = {
	{"ip", "ADDRESS", "from this address only", "仅此 IP 地址"},
	{"since", "TIME", "not older than this: 2h, 3d, 2026-11-22", "不早于：2h、3d、2026-11-22"},
	{"result", "WORD", "ok, failed, refused, not-here, expired or temp",
		"ok、failed、refused、not-here、expired 或 temp"},
	{"most", "N", "so many rows (default 100)", "最多多少行（默认 100）"},
	{NULL, NULL, NULL, NULL},
};
static const struct cli_option ban_options[] = {
	{"for", "TIME", "so long: 2h, 30d (default for good)", "封禁多久：2h、30d（默认永久）"},
	{"reason", "TEXT", "kept and shown in the list", "保存并在列表中显示的原因"},
	{NULL, NULL, NULL, NULL},
};

const struct cli_verb login_verbs[] = {
	{"list", login_list, "[ADDRESS]", 0, 1, true, list_options,
		"Who logged in, latest first, of one account or all.",
		"登录记录，最近的在前（某个帐号或全部）。",
		"Logins that say the same within an hour are one row with a count.\n\n"
		"  posthouse login list alice@example.org --since 2d\n"
		"  posthouse login list --result failed --ip 192.0.2.7",
		"一小时内相同的登录合为一行并计次。\n\n"
		"  posthouse login list alice@example.org --since 2d\n"
		"  posthouse login list --result failed --ip 192.0.2.7"},
	CLI_VERBS_END,
};

const struct cli_verb ban_verbs[] = {
	{"list", ban_list_verb, "", 0, 0, true, NULL, "Networks that may not log in.",
		"不能登录的网络。", NULL, NULL},
	{"add", ban_add_verb, "NETWORK", 1, 1, false, ban_options,
		"Bans one: an address, or 192.0.2.0/24.",
		"封禁一个网络：IP 地址，或 192.0.2.0/24。",
		"Passwords from there are not looked at. Mail from other servers is not concerned: "
		"that is posthouse list.",
		"来自该网络的密码一律不予核对。其他服务器发来的邮件不受影响（见 posthouse "
		"list）。"},
	{"remove", ban_remove_verb, "NETWORK...", 1, -1, false, NULL, "Lifts bans.", "解除封禁。",
		NULL, NULL},
	CLI_VERBS_END,
};
