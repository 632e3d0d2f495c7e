/*
 * `posthouse outbound`: own accounts that were suspended for what they sent, and what is counted of each
 * (defence/outbound.h). Works with and without a running server, which notices within a second.
 */
#include "bin/cli_verbs.h"

#include "base/mem.h"
#include "base/time.h"
#include "bin/edge_outbound.h"
#include "bin/serve.h"
#include "store/commit.h"

#include <stdio.h>

enum { AT_ONCE = 500 };

static struct sql *open_queue(struct cli_call *c, struct cli_env *env, int *ret_code)
{
	struct err e;
	if (cli_env_open(c->cli, env, ret_code) < 0)
		return NULL;
	struct sql *db = cli_env_db(env, DB_QUEUE, &e);
	if (!db)
		*ret_code = out_fail(&e);
	return db;
}

static bool is_chinese(void)
{
	return cli_conf_lang() == CONF_ZH;
}

/* ---- list, show ---- */

static void to_json(struct json *j, const struct outbound_suspension *s, int64_t held)
{
	json_text(j, "who", s->who);
	json_text(j, "why", slice_z(outbound_why_name(s->why)));
	json_text(j, "detail", s->detail);
	json_time(j, "since", s->since);
	json_time(j, "until", s->until);
	json_text(j, "by", s->by);
	if (held >= 0)
		json_int(j, "held", held);
}

static bool list_one(void *arg, const struct outbound_suspension *s)
{
	struct listing *l = arg;
	char since[OUT_TEXT], until[OUT_TEXT];
	if (l->json) {
		json_open_object(&l->j, NULL);
		to_json(&l->j, s, -1);
		json_close(&l->j, '}');
		return true;
	}
	table_cell(l->table, s->who);
	table_cell(l->table, slice_z(outbound_why_text(s->why, is_chinese())));
	table_cell(l->table, slice_z(out_time(s->since, since)));
	table_cell(l->table,
		slice_z(s->until ? out_time(s->until, until) : T("until lifted", "直到解除")));
	table_cell(l->table, s->detail);
	return true;
}

static int run_list(struct cli_call *c)
{
	AUTO(cli_env) struct cli_env env = {0};
	struct listing l;
	struct err e;
	int code;
	struct sql *db = open_queue(c, &env, &code);
	if (!db)
		return code;
	const char *const headers[] = {T("sender", "发送方"), T("why", "原因"), T("since", "起始"),
		T("until", "截止"), T("detail", "详情")};
	listing_begin(&l, c->cli->json, "suspended", headers, 5);
	int r = outbound_each(db, list_one, &l, &e);
	listing_end_rows(&l);
	listing_end(&l);
	return r < 0 ? out_fail(&e) : CLI_OK;
}

static void facts_json(struct json *j, const struct outbound_facts *f)
{
	json_int(j, "outside_hour", f->outside_hour);
	json_int(j, "outside_day", f->outside_day);
	json_int(j, "inside_hour", f->inside_hour);
	json_int(j, "inside_day", f->inside_day);
	json_int(j, "messages_hour", f->messages_hour);
	json_int(j, "spam_hour", f->spam_hour);
	json_int(j, "usual_outside_hour", (int64_t)f->usual);
	json_time(j, "first_at", f->first_at * SECOND);
	json_bool(j, "new", f->fresh);
}

static void facts_text(const struct outbound_facts *f)
{
	printf(T("recipients outside: %lld in an hour, %lld in a day; usually %.0f an hour\n",
		       "外部收件人：一小时 %lld，一天 %lld；平时每小时 %.0f\n"),
		(long long)f->outside_hour, (long long)f->outside_day, f->usual);
	printf(T("recipients inside: %lld in an hour, %lld in a day\n",
		       "内部收件人：一小时 %lld，一天 %lld\n"),
		(long long)f->inside_hour, (long long)f->inside_day);
	printf(T("messages in an hour: %lld, of them spam: %lld\n",
		       "一小时内的邮件：%lld，其中垃圾邮件：%lld\n"),
		(long long)f->messages_hour, (long long)f->spam_hour);
}

static void suspension_text(const struct outbound_suspension *s, int64_t held)
{
	char since[OUT_TEXT];
	printf(T("suspended since %s by %.*s: %s (%.*s)\n", "自 %s 起由 %.*s 停用：%s（%.*s）\n"),
		out_time(s->since, since),
		SFMT(s->by.n ? s->by : slice_z(T("the server", "服务器"))),
		outbound_why_text(s->why, is_chinese()), SFMT(s->detail));
	printf(T("recipients of it that are held in the queue: %lld\n",
		       "队列中因此暂停的收件人：%lld\n"),
		(long long)held);
}

static int run_show(struct cli_call *c)
{
	AUTO(cli_env) struct cli_env env = {0};
	slice who = cli_arg(c, 0);
	struct outbound_suspension s;
	struct outbound_facts f;
	struct err e;
	int code;
	struct sql *db = open_queue(c, &env, &code);
	if (!db)
		return code;
	int found = outbound_suspended(db, who, wall_now(), &env.mem, &s, &e);
	int64_t held = found > 0 ? outbound_held(db, s.who, &e) : 0;
	if (found < 0 || held < 0)
		return out_fail(&e);
	struct kv *kv = kv_open(env.config.server->data, (uint64_t)env.config.kv->size);
	const struct outbound o = {conf_get(env.config.conf, &outbound_section), kv};
	outbound_facts(&o, who, &f);
	kv_close(kv);
	if (c->cli->json) {
		struct json j = {0};
		json_begin(&j);
		json_bool(&j, "suspended", found);
		if (found)
			to_json(&j, &s, held);
		facts_json(&j, &f);
		json_end(&j);
		return CLI_OK;
	}
	if (found)
		suspension_text(&s, held);
	else
		printf(T("%.*s is not suspended\n", "%.*s 未被停用\n"), SFMT(who));
	facts_text(&f);
	return CLI_OK;
}

/* ---- suspend, lift ---- */

static bool is_who(slice s)
{
	return slice_index(s, '@') < s.n || slice_starts(s, S("ip:"));
}

static int bad_who(void)
{
	return out_usage(T("whom? A login, \"@domain\" or \"ip:ADDRESS\"",
		"发送方应为帐号、“@域”或“ip:地址”"));
}

static int run_suspend(struct cli_call *c)
{
	AUTO(cli_env) struct cli_env env = {0};
	struct err e;
	int code;
	int64_t lasts = 0;
	slice duration = cli_option_text(c, "for"), because = cli_option_text(c, "because");
	if (!is_who(cli_arg(c, 0)))
		return bad_who();
	if (duration.n && (!duration_parse(duration, &lasts) || lasts <= 0))
		return out_usage(T("--for is a duration: 2h, 3d", "--for 为时长：2h、3d"));
	struct sql *db = open_queue(c, &env, &code);
	if (!db)
		return code;
	int64_t now = wall_now();
	const struct outbound_suspension s = {.who = cli_arg(c, 0),
		.why = OUTBOUND_ADMIN,
		.detail = because,
		.since = now,
		.until = lasts ? now + lasts : 0,
		.by = cli_env_who(&env.mem)};
	struct commit *queue = commit_new(db, NULL);
	int r = outbound_act(queue, &s, &e);
	commit_free(queue);
	if (r < 0)
		return out_fail(&e);
	int64_t held = outbound_held(db, s.who, &e);
	serve_wake_queue(env.config.server->run);
	printf(T("%.*s is suspended; recipients held in the queue: %lld\n",
		       "已停用 %.*s；队列中暂停的收件人：%lld\n"),
		SFMT(s.who), (long long)held);
	return CLI_OK;
}

static int64_t release_all(struct sql *db, slice who, slice by, struct err *e)
{
	int64_t all = 0, n;
	do {
		if (sql_begin(db, e) < 0)
			return -1;
		n = outbound_release_tx(db, who, by, AT_ONCE, e);
		if (n < 0) {
			sql_rollback(db);
			return -1;
		}
		if (sql_commit(db, e) < 0)
			return -1;
		all += n;
	} while (n == AT_ONCE);
	return all;
}

static int lift(struct sql *db, slice who, struct err *e)
{
	if (sql_begin(db, e) < 0)
		return -1;
	if (outbound_lift_tx(db, who, e) < 0) {
		sql_rollback(db);
		return -1;
	}
	return sql_commit(db, e);
}

static int run_lift(struct cli_call *c)
{
	AUTO(cli_env) struct cli_env env = {0};
	slice who = cli_arg(c, 0);
	struct err e;
	int code;
	if (!is_who(who))
		return bad_who();
	struct sql *db = open_queue(c, &env, &code);
	if (!db)
		return code;
	if (lift(db, who, &e) < 0)
		return out_fail(&e);
	int64_t released = 0;
	if (cli_flag(c, "release"))
		released = release_all(db, who, cli_env_who(&env.mem), &e);
	int64_t held = released < 0 ? -1 : outbound_held(db, who, &e);
	if (held < 0)
		return out_fail(&e);
	serve_wake_queue(env.config.server->run);
	printf(T("%.*s may send again; recipients released: %lld, still held: %lld\n",
		       "%.*s 可重新发送；已恢复的收件人：%lld，仍暂停：%lld\n"),
		SFMT(who), (long long)released, (long long)held);
	return CLI_OK;
}

static const struct cli_option suspend_options[] = {
	{"for", "DURATION", "how long: 2h, 3d; without it until it is lifted",
		"时长：2h、3d；不给则直到解除"},
	{"because", "TEXT", "a word about it, for the list and the alarm", "原因说明"}, {0}};
static const struct cli_option lift_options[] = {
	{"release", NULL, "what was held of it in the queue goes out (not for stolen accounts)",
		"恢复投递其被暂停的邮件（被盗帐号请勿使用）"},
	{0}};

const struct cli_verb outbound_verbs[] = {{.name = "list",
						  .run = run_list,
						  .args = "",
						  .json = true,
						  .en = "who is suspended, and why",
						  .zh = "已停用的发送方及原因"},
	{.name = "show",
		.run = run_show,
		.args = "WHO",
		.least = 1,
		.most = 1,
		.json = true,
		.en = "one sender: whether it is suspended, what is counted of it",
		.zh = "某个发送方：是否停用、各项计数"},
	{.name = "suspend",
		.run = run_suspend,
		.args = "WHO",
		.least = 1,
		.most = 1,
		.options = suspend_options,
		.en = "refuse new mail of a login, \"@domain\" or \"ip:ADDRESS\", hold what waits",
		.zh = "停用帐号、“@域”或“ip:地址”的发送，并暂停其排队邮件"},
	{.name = "lift",
		.run = run_lift,
		.args = "WHO",
		.least = 1,
		.most = 1,
		.options = lift_options,
		.en = "let it send again; what was held stays held, but for --release",
		.zh = "解除停用；除非给出 --release，已暂停的邮件保持暂停"},
	CLI_VERBS_END};
