/* `posthouse learn status | list | users`: the journal for people. */
#include "bin/cli_learn.h"

#include "base/mem.h"
#include "base/time.h"
#include <inttypes.h>
#include <math.h>
#include <stdio.h>

enum { SHOWN = 50 };

static bool zh(void)
{
	return tr_lang == LANG_ZH;
}

/* ---- status ---- */

static void status_json(const struct journal_totals *t, uint64_t current, bool pinned,
	const struct training_version *newest, const struct learn_pictures *pictures)
{
	struct json j = {0};
	json_begin(&j);
	json_int(&j, "waiting", (int64_t)t->waiting);
	json_int(&j, "spam", (int64_t)t->learned[1]);
	json_int(&j, "ham", (int64_t)t->learned[0]);
	json_int(&j, "site_spam", (int64_t)t->site[1]);
	json_int(&j, "site_ham", (int64_t)t->site[0]);
	json_int(&j, "unlearned", (int64_t)t->unlearned);
	json_int(&j, "rejected", (int64_t)t->rejected);
	json_int(&j, "users", (int64_t)t->users);
	json_int(&j, "samples", (int64_t)t->samples);
	json_time(&j, "newest_at", t->newest_at);
	json_int(&j, "version", (int64_t)current);
	json_bool(&j, "pinned", pinned);
	json_int(&j, "newest_version", newest ? (int64_t)newest->number : 0);
	json_bool(&j, "newest_refused", newest && newest->refused);
	json_text(&j, "why", newest ? newest->why : S(""));
	cli_learn_pictures_json(&j, pictures);
	json_end(&j);
}

static void status_text(const struct journal_totals *t, uint64_t current, bool pinned,
	const struct training_version *newest)
{
	char age[OUT_TEXT];
	printf(T("lessons: %" PRIu64 " spam, %" PRIu64 " honest; %" PRIu64 " and %" PRIu64
		 " of them teach the whole site\n",
		       "样本：垃圾邮件 %" PRIu64 "，正常邮件 %" PRIu64
		       "；其中用于全站的分别为 %" PRIu64 " 和 %" PRIu64 "\n"),
		t->learned[1], t->learned[0], t->site[1], t->site[0]);
	printf(T("waiting: %" PRIu64 ", taken back: %" PRIu64 ", not taken: %" PRIu64 "\n",
		       "待处理：%" PRIu64 "，已撤销：%" PRIu64 "，未采纳：%" PRIu64 "\n"),
		t->waiting, t->unlearned, t->rejected);
	printf(T("users who taught: %" PRIu64 ", recent letters kept for trying: %" PRIu64 "\n",
		       "教过的用户：%" PRIu64 "，用于评估的近期邮件：%" PRIu64 "\n"),
		t->users, t->samples);
	if (t->newest_at)
		printf(T("newest lesson: %s ago\n", "最近的样本：%s 前\n"),
			out_age(wall_now() - t->newest_at, age));
	if (current)
		printf(T("version in service: %" PRIu64 "%s\n", "正在使用的版本：%" PRIu64 "%s\n"),
			current,
			pinned ? T(" (kept by an administrator)", "（由管理员固定）") : "");
	else
		puts(T("version in service: none, as installed", "正在使用的版本：无，出厂状态"));
	if (newest && newest->refused && newest->number != current)
		printf(T("version %" PRIu64 " was not put into service: %.*s\n",
			       "版本 %" PRIu64 " 未启用：%.*s\n"),
			newest->number, SFMT(newest->why));
}

int cli_learn_status(struct cli_call *c)
{
	AUTO(cli_env) struct cli_env env = {0};
	struct journal_totals t;
	struct learn_pictures pictures;
	struct training_version *v;
	size_t n;
	uint64_t current;
	bool pinned;
	int code;
	struct err e;
	struct sql *db = cli_learn_open(c, &env, &code);
	if (!db)
		return code;
	slice data = env.config.server->data;
	int r = journal_totals(db, &t, &e) < 0 ||
				versions_current(data, &current, &pinned, &e) < 0 ||
				versions_list(data, db, &env.mem, &v, &n, &e) < 0 ||
				cli_learn_pictures_state(data, &pictures, &e) < 0
			? -1
			: 0;
	sql_close(db);
	if (r < 0)
		return out_fail(&e);
	if (c->cli->json)
		status_json(&t, current, pinned, n ? v : NULL, &pictures);
	else {
		status_text(&t, current, pinned, n ? v : NULL);
		cli_learn_pictures_text(&pictures);
	}
	return CLI_OK;
}

/* ---- list ---- */

static void lesson_json(struct json *j, const struct journal_lesson *l)
{
	json_open_object(j, NULL);
	json_int(j, "lesson", l->id);
	json_time(j, "learned_at", l->learned_at);
	json_text(j, "verdict", l->spam ? S("spam") : S("ham"));
	json_text(j, "source", slice_z(training_source_name(l->source, false)));
	json_text(j, "user", l->who);
	json_text(j, "state", slice_z(training_state_name(l->state, false)));
	json_bool(j, "site", l->site);
	json_int(j, "weight_percent", lrintf(l->weight * 100));
	json_int(j, "probability_before_percent", lrint(l->probability * 100));
	json_text(j, "sender", l->sender);
	json_text(j, "subject", l->subject);
	json_text(j, "reason", l->reason);
	json_close(j, '}');
}

static slice note_of(const struct journal_lesson *l, struct arena *a)
{
	if (l->state != TRAINING_LEARNED)
		return arena_printf(a, "%s%s%.*s", training_state_name(l->state, zh()),
			l->reason.n ? ": " : "", SFMT(l->reason));
	if (!l->site)
		return slice_z(T("his own layer", "仅个人模型"));
	return arena_printf(a, "%ld%%", lrintf(l->weight * 100));
}

static bool lesson_row(void *arg, const struct journal_lesson *l)
{
	struct listing *out = arg;
	AUTO(arena) struct arena a = {0};
	char age[OUT_TEXT];
	if (out->json) {
		lesson_json(&out->j, l);
		return true;
	}
	table_cellf(out->table, "%" PRId64, l->id);
	table_cell(out->table, slice_z(out_age(wall_now() - l->learned_at, age)));
	table_cell(out->table, slice_z(l->spam ? T("spam", "垃圾") : T("honest", "正常")));
	table_cell(out->table, l->who.n ? l->who : slice_z(training_source_name(l->source, zh())));
	table_cell(out->table, note_of(l, &a));
	table_cellf(out->table, "%ld%%", lrint(l->probability * 100));
	table_cell(out->table, l->sender);
	table_cell(out->table, l->subject);
	return true;
}

static int state_option(slice word, int *ret)
{
	*ret = 0;
	for (int s = TRAINING_LEARNED; s <= TRAINING_REJECTED && word.n; s++)
		if (slice_eq(word, slice_z(training_state_name((enum training_state)s, false))))
			*ret = s;
	if (word.n && !*ret)
		return out_usage(T("--state is learned, unlearned or rejected",
			"--state 为 learned、unlearned 或 rejected"));
	return CLI_OK;
}

int cli_learn_list(struct cli_call *c)
{
	AUTO(cli_env) struct cli_env env = {0};
	struct listing l;
	uint64_t most = SHOWN;
	int state, code = state_option(cli_option_text(c, "state"), &state);
	struct err e;
	const char *const heads[] = {T(">LESSON", ">编号"), T("AGE", "时间"), T("SAID", "判断"),
		T("BY", "来源"), T("TEACHES", "作用"), T(">BEFORE", ">此前"), T("FROM", "发件人"),
		T("SUBJECT", "主题")};
	if (code != CLI_OK)
		return code;
	if (cli_option(c, "limit") && (!slice_u64(cli_option_text(c, "limit"), &most) || !most ||
					      most > JOURNAL_LIST_MAX))
		return out_usage(T("--limit is a number up to %d", "--limit 为不超过 %d 的数字"),
			JOURNAL_LIST_MAX);
	struct sql *db = cli_learn_open(c, &env, &code);
	if (!db)
		return code;
	listing_begin(&l, c->cli->json, "lessons", heads, sizeof heads / sizeof *heads);
	int r = journal_list(db, cli_option_text(c, "user"), state, most, lesson_row, &l, &e);
	listing_end_rows(&l);
	listing_end(&l);
	sql_close(db);
	return r < 0 ? out_fail(&e) : CLI_OK;
}

/* ---- users ---- */

static bool user_row(void *arg, const struct journal_user *u)
{
	struct listing *l = arg;
	char age[OUT_TEXT];
	if (l->json) {
		json_open_object(&l->j, NULL);
		json_text(&l->j, "user", u->who);
		json_int(&l->j, "spam", (int64_t)u->spam);
		json_int(&l->j, "ham", (int64_t)u->ham);
		json_int(&l->j, "rejected", (int64_t)u->rejected);
		json_int(&l->j, "trust_percent", lrintf(u->trust * 100));
		json_time(&l->j, "last_at", u->last_at);
		json_close(&l->j, '}');
		return true;
	}
	table_cell(l->table, u->who);
	table_cellf(l->table, "%" PRIu64, u->spam);
	table_cellf(l->table, "%" PRIu64, u->ham);
	table_cellf(l->table, "%" PRIu64, u->rejected);
	table_cellf(l->table, "%ld%%", lrintf(u->trust * 100));
	table_cell(l->table, slice_z(u->last_at ? out_age(wall_now() - u->last_at, age) : "-"));
	return true;
}

int cli_learn_users(struct cli_call *c)
{
	AUTO(cli_env) struct cli_env env = {0};
	struct listing l;
	struct err e;
	int code;
	const char *const heads[] = {T("USER", "用户"), T(">SPAM", ">垃圾邮件"),
		T(">HONEST", ">正常邮件"), T(">NOT TAKEN", ">未采纳"), T(">TRUST", ">可信度"),
		T("LAST", "最近")};
	struct sql *db = cli_learn_open(c, &env, &code);
	if (!db)
		return code;
	listing_begin(&l, c->cli->json, "users", heads, sizeof heads / sizeof *heads);
	int r = journal_users(db, user_row, &l, &e);
	listing_end_rows(&l);
	listing_end(&l);
	sql_close(db);
	return r < 0 ? out_fail(&e) : CLI_OK;
}
