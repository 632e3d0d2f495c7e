/*
 * `posthouse features`: which packs there are, what happened to them, what is being tried; the table of all its verbs.
 */
#include "bin/cli_features.h"
#include "bin/cli_verbs.h"

#include "base/mem.h"
#include "codec/json_read.h"
#include "run/control.h"
#include <inttypes.h>
#include <stdio.h>

enum { HISTORY_SHOWN = 50, COUNTS_MAX = 64 << 10, NAMES_TOLD = 8 };

static int open_data(struct cli_call *c, struct cli_env *env, slice *ret)
{
	int code;
	if (cli_env_open(c->cli, env, &code) < 0)
		return code;
	*ret = env->config.server->data;
	return CLI_OK;
}

/* ---- list ---- */

static const char *state_of(
	const struct feature_set *set, const struct feature_trial *t, slice name, uint64_t number)
{
	if (feature_set_get(set, name) == number)
		return T("in force", "使用中");
	return t->number == number ? T("being tried", "试用中") : "-";
}

static void version_json(struct listing *l, const struct feature_manifest *m, uint64_t number,
	const struct feature_set *set, const struct feature_trial *t)
{
	json_open_object(&l->j, NULL);
	json_int(&l->j, "number", (int64_t)number);
	json_text(&l->j, "name", m->name);
	json_text(&l->j, "version", m->version);
	json_int(&l->j, "serial", (int64_t)m->serial);
	json_time(&l->j, "made_at", m->made_at);
	json_int(&l->j, "files", (int64_t)m->nfiles);
	json_bool(&l->j, "in_force", feature_set_get(set, m->name) == number);
	json_bool(&l->j, "tried", t->number == number);
	json_close(&l->j, '}');
}

static void version_row(struct listing *l, const struct feature_manifest *m, uint64_t number,
	const struct feature_set *set, const struct feature_trial *t)
{
	char made[OUT_TEXT];
	table_cellf(l->table, "%" PRIu64, number);
	table_cell(l->table, m->name);
	table_cell(l->table, m->version);
	table_cellf(l->table, "%" PRIu64, m->serial);
	table_cell(l->table, slice_z(out_time(m->made_at, made)));
	table_cellf(l->table, "%zu", m->nfiles);
	table_cell(l->table, slice_z(state_of(set, t, m->name, number)));
}

static int features_list(struct cli_call *c)
{
	AUTO(cli_env) struct cli_env env = {0};
	const char *const heads[] = {T(">VERSION", ">版本号"), T("PACK", "特征包"),
		T("RELEASE", "发布版本"), T(">SERIAL", ">序号"), T("MADE", "制作时间"),
		T(">FILES", ">文件数"), T("STATE", "状态")};
	struct feature_set set;
	struct feature_trial t;
	struct listing l;
	struct err e;
	uint64_t *v;
	size_t n;
	slice data;
	int code = open_data(c, &env, &data);
	if (code != CLI_OK)
		return code;
	if (feature_current_read(data, &set, &e) < 0 ||
		feature_trial_read(data, &env.mem, &t, &e) < 0 ||
		feature_depot_list(data, &env.mem, &v, &n, &e) < 0)
		return out_fail(&e);
	listing_begin(&l, c->cli->json, "versions", heads, sizeof heads / sizeof *heads);
	for (size_t i = 0; i < n; i++) {
		struct feature_manifest m;
		if (feature_depot_look(data, v[i], &env.mem, &m, &e) < 0)
			continue;
		(l.json ? version_json : version_row)(&l, &m, v[i], &set, &t);
	}
	listing_end_rows(&l);
	listing_end(&l);
	return CLI_OK;
}

/* ---- show ---- */

void cli_features_tell(const struct feature_manifest *m, bool json, struct json *j)
{
	char made[OUT_TEXT], size[OUT_TEXT];
	if (json) {
		json_text(j, "name", m->name);
		json_text(j, "version", m->version);
		json_int(j, "serial", (int64_t)m->serial);
		json_time(j, "made_at", m->made_at);
		json_text(j, "needs", m->needs);
		json_text(j, "notes_en", m->notes_en);
		json_text(j, "notes_zh", m->notes_zh);
		json_open_array(j, "files");
		for (size_t i = 0; i < m->nfiles; i++) {
			json_open_object(j, NULL);
			json_text(j, "name", m->files[i].name);
			json_text(j, "kind", slice_z(feature_kind_name(m->files[i].kind)));
			json_int(j, "size", (int64_t)m->files[i].size);
			json_close(j, '}');
		}
		json_close(j, ']');
		return;
	}
	printf(T("%.*s %.*s, serial %" PRIu64 ", made %s\n",
		       "%.*s %.*s，序号 %" PRIu64 "，制作于 %s\n"),
		SFMT(m->name), SFMT(m->version), m->serial, out_time(m->made_at, made));
	slice notes = T(true, false) ? m->notes_en : m->notes_zh;
	if (!notes.n)
		notes = m->notes_en.n ? m->notes_en : m->notes_zh;
	if (notes.n) {
		out_safe(notes);
		putchar('\n');
	}
	for (size_t i = 0; i < m->nfiles; i++)
		printf("  %-12s %10s  %.*s\n", feature_kind_name(m->files[i].kind),
			out_size(m->files[i].size, size), SFMT(m->files[i].name));
	for (size_t i = 0; i < m->next.n; i++) {
		char key[FEATURE_KEY_TEXT];
		feature_key_print(&m->next.v[i], key);
		printf(T("  introduces the key %s\n", "  引入公钥 %s\n"), key);
	}
}

static int show_version(struct cli_call *c, slice data, uint64_t number, struct arena *a)
{
	struct feature_manifest m;
	struct json j = {0};
	struct err e;
	if (feature_depot_look(data, number, a, &m, &e) < 0)
		return out_fail(&e);
	if (c->cli->json)
		json_begin(&j);
	cli_features_tell(&m, c->cli->json, &j);
	if (c->cli->json)
		json_end(&j);
	return CLI_OK;
}

static void show_keys(const struct feature_keys *keys)
{
	puts(T("trusted keys:", "信任的公钥："));
	for (size_t i = 0; i < keys->n; i++) {
		char text[FEATURE_KEY_TEXT];
		feature_key_print(&keys->v[i], text);
		printf("  %s\n", text);
	}
}

/* When the source was looked at, and what came of it. */
static void show_source(slice data, struct arena *a)
{
	slice text, path = arena_printf(a, "%.*s/features/source", SFMT(data));
	struct err e;
	json_error_t bad;
	char age[OUT_TEXT];
	json_t *j = feature_read_file(path, COUNTS_MAX, a, &text, &e) == 0
			    ? json_loadb(text.p, text.n, 0, &bad)
			    : NULL;
	if (j)
		printf(T("source: looked at %s ago: %.*s\n", "来源：%s 前查找：%.*s\n"),
			out_age(wall_now() - json_read_count(j, "at"), age),
			SFMT(json_is_true(json_object_get(j, "failed"))
					? json_read_text(j, "error")
					: slice_z(T("fine", "正常"))));
	json_decref(j);
}

static int features_show(struct cli_call *c)
{
	AUTO(cli_env) struct cli_env env = {0};
	AUTO(buf) struct buf text = BUF(4096);
	struct feature_keys keys;
	struct feature_set set;
	struct err e;
	uint64_t number;
	slice data;
	int code = open_data(c, &env, &data);
	if (code != CLI_OK)
		return code;
	if (c->nargs && !slice_u64(cli_arg(c, 0), &number))
		return out_usage(
			T("not the number of a version: %s", "不是版本号：%s"), c->args[0]);
	if (c->nargs)
		return show_version(c, data, number, &env.mem);
	if (feature_current_read(data, &set, &e) < 0 ||
		features_trusted(conf_get(env.config.conf, &features_section), data, &keys, &e) < 0)
		return out_fail(&e);
	feature_set_print(&set, &text);
	if (c->cli->json) {
		struct json j = {0};
		json_begin(&j);
		json_text(&j, "in_force", buf_slice(&text));
		json_int(&j, "keys", (int64_t)keys.n);
		json_end(&j);
		return CLI_OK;
	}
	printf(T("in force: %.*s\n", "使用中：%.*s\n"), SFMT(set.n ? buf_slice(&text) : S("-")));
	show_source(data, &env.mem);
	show_keys(&keys);
	return CLI_OK;
}

/* ---- history ---- */

static const struct {
	const char *word, *en, *zh;
} happenings[] = {
	{"installed", "stored", "已保存"},
	{"in-force", "in force", "已启用"},
	{"refused", "refused", "被拒绝"},
	{"rolled-back", "rolled back", "已回退"},
	{"removed", "removed", "已移除"},
	{"key", "key introduced", "引入公钥"},
};

static slice in_words(slice what)
{
	for (size_t i = 0; i < sizeof happenings / sizeof *happenings; i++)
		if (slice_eq(what, slice_z(happenings[i].word)))
			return slice_z(T(happenings[i].en, happenings[i].zh));
	return what;
}

static void put_names(struct buf *out, const char *sign, const json_t *v)
{
	const json_t *names = json_object_get(v, "names");
	int64_t count = json_read_count(v, "count");
	if (!count)
		return;
	buf_printf(out, "%s%s%" PRId64 ":", out->n ? " " : "", sign, count);
	for (size_t i = 0; i < json_array_size(names) && i < NAMES_TOLD; i++)
		buf_printf(out, " %s", json_string_value(json_array_get(names, i)));
	if (count > NAMES_TOLD)
		buf_put(out, S(" ..."));
}

static void put_trial(struct buf *out, const json_t *t)
{
	const json_t *examples = json_object_get(t, "examples");
	if (!t)
		return;
	buf_printf(out,
		T("%stried on %" PRId64 " letters, %" PRId64 " more spam, %" PRId64 " less",
			"%s试用 %" PRId64 " 封邮件，%" PRId64 " 封变为垃圾邮件，%" PRId64
			" 封变为正常"),
		out->n ? "; " : "", json_read_count(t, "letters"), json_read_count(t, "more_spam"),
		json_read_count(t, "less_spam"));
	for (size_t i = 0; i < json_array_size(examples) && i < 3; i++)
		buf_printf(out, "%s%.*s", i ? ", " : T("; such as ", "；例如 "),
			SFMT(json_read_text(json_array_get(examples, i), "id")));
}

static void history_row(struct table *t, const json_t *j, struct arena *a)
{
	AUTO(buf) struct buf text = BUF(8192);
	char at[OUT_TEXT];
	const json_t *rules = json_object_get(j, "rules");
	int64_t number = json_read_count(j, "number");
	buf_put(&text, json_read_text(j, "why"));
	buf_put(&text, json_read_text(j, "note"));
	buf_put(&text, json_read_text(j, "key"));
	put_names(&text, "+", json_object_get(rules, "added"));
	put_names(&text, "-", json_object_get(rules, "removed"));
	put_names(&text, "~", json_object_get(rules, "changed"));
	put_trial(&text, json_object_get(j, "trial"));
	table_cell(t, slice_z(out_time(json_read_count(j, "at"), at)));
	table_cell(t, in_words(json_read_text(j, "what")));
	table_cell(t, number ? arena_printf(a, "%" PRId64, number) : S("-"));
	table_cell(t, json_read_text(j, "name"));
	table_cell(t, json_read_text(j, "version"));
	table_cell(t, json_read_text(j, "by"));
	table_cell(t, buf_slice(&text));
}

static int features_history(struct cli_call *c)
{
	AUTO(cli_env) struct cli_env env = {0};
	const char *const heads[] = {T("WHEN", "时间"), T("WHAT", "事件"), T(">VERSION", ">版本号"),
		T("PACK", "特征包"), T("RELEASE", "发布版本"), T("BY", "操作者"),
		T("DETAILS", "详情")};
	struct err e;
	json_t *list;
	slice data;
	int code = open_data(c, &env, &data);
	if (code != CLI_OK)
		return code;
	if (feature_history_read(data, cli_flag(c, "all") ? SIZE_MAX : HISTORY_SHOWN, &list, &e) <
		0)
		return out_fail(&e);
	if (c->cli->json) {
		AUTO(free) char *text = json_dumps(list, JSON_INDENT(1));
		printf("{\"history\": %s}\n", text ? text : "[]");
	} else {
		struct table *t = table_new(heads, sizeof heads / sizeof *heads);
		for (size_t i = 0; i < json_array_size(list); i++)
			history_row(t, json_array_get(list, i), &env.mem);
		table_end(t);
	}
	json_decref(list);
	return CLI_OK;
}

/* ---- canary, fetch ---- */

static int wake(struct cli_env *env)
{
	AUTO(buf) struct buf reply = BUF(CONTROL_REPLY_MAX);
	struct err e;
	return control_call(env->config.server->run, S("wake-features"), &reply, &e) < 0
		       ? out_fail(&e)
		       : CLI_OK;
}

static int stop_trial(struct cli_env *env, slice data, uint64_t number)
{
	AUTO(fd) int lock = -1;
	const struct feature_trial none = {0};
	struct err e;
	if (feature_depot_lock(data, &lock, &e) < 0 || feature_trial_write(data, &none, &e) < 0 ||
		features_tell(data, "refused", number, cli_env_who(&env->mem),
			json_pack("{s:s}", "why", "the administrator ended the trial"), &e) < 0)
		return out_fail(&e);
	wake(env);
	return CLI_OK;
}

static int features_canary(struct cli_call *c)
{
	AUTO(cli_env) struct cli_env env = {0};
	struct feature_trial t;
	struct err e;
	json_error_t bad;
	slice data, text = S("");
	char age[OUT_TEXT];
	int code = open_data(c, &env, &data);
	if (code != CLI_OK)
		return code;
	if (feature_trial_read(data, &env.mem, &t, &e) < 0)
		return out_fail(&e);
	if (!t.number) {
		puts(c->cli->json ? "{}" : T("Nothing is being tried.", "没有正在试用的版本。"));
		return CLI_NOTHING;
	}
	if (cli_flag(c, "stop"))
		return stop_trial(&env, data, t.number);
	slice path = arena_printf(&env.mem, "%.*s/features/counts", SFMT(data));
	json_t *j = feature_read_file(path, COUNTS_MAX, &env.mem, &text, &e) == 0
			    ? json_loadb(text.p, text.n, 0, &bad)
			    : NULL;
	bool current = json_read_count(j, "number") == (int64_t)t.number;
	if (c->cli->json) {
		printf("%.*s\n", SFMT(current ? text : S("{}")));
	} else {
		AUTO(buf) struct buf line = BUF(4096);
		printf(T("Version %" PRIu64 " has been tried for %s (wanted by %.*s)\n",
			       "版本 %" PRIu64 " 已试用 %s（操作者 %.*s）\n"),
			t.number, out_age(wall_now() - t.since, age), SFMT(t.by));
		put_trial(&line, current ? j : NULL);
		printf("%.*s\n", SFMT(buf_slice(&line)));
	}
	json_decref(j);
	return CLI_OK;
}

static int features_fetch(struct cli_call *c)
{
	AUTO(cli_env) struct cli_env env = {0};
	slice data;
	int code = open_data(c, &env, &data);
	if (code != CLI_OK)
		return code;
	const struct features_conf *f = conf_get(env.config.conf, &features_section);
	if (!f->source.n)
		return out_usage(
			"%s", T("there is no [features] source", "没有配置 [features] source"));
	return wake(&env);
}

/* ---- the table ---- */

static const struct cli_option install_options[] = {
	{"now", NULL, "into force at once, without a trial", "不经试用立即启用"},
	{"store", NULL, "only store it", "只保存"},
	{"trust", "KEY...", "further keys, this time", "本次额外信任的公钥"},
	{NULL, NULL, NULL, NULL},
};
static const struct cli_option use_options[] = {
	{"now", NULL, "at once, without a trial", "不经试用立即启用"},
	{NULL, NULL, NULL, NULL},
};
static const struct cli_option trust_options[] = {
	{"trust", "KEY...", "further keys, this time", "本次额外信任的公钥"},
	{NULL, NULL, NULL, NULL},
};
static const struct cli_option sign_options[] = {
	{"key", "FILE", "the private key", "私钥文件"},
	{"trust", "KEY...", "further keys, this time", "本次额外信任的公钥"},
	{NULL, NULL, NULL, NULL},
};
static const struct cli_option all_options[] = {
	{"all", NULL, "not only the last 50", "不限于最近 50 条"},
	{NULL, NULL, NULL, NULL},
};
static const struct cli_option canary_options[] = {
	{"stop", NULL, "end the trial; the version is not taken", "结束试用，不启用该版本"},
	{NULL, NULL, NULL, NULL},
};
static const struct cli_option build_options[] = {
	{"name", "NAME", "of the pack: a-z, 0-9, '-'", "特征包名称：a-z、0-9、'-'"},
	{"version", "TEXT", "of this release, for people", "发布版本，供人阅读"},
	{"serial", "N", "must grow with each release; else the time in seconds",
		"每次发布必须增大；默认为以秒计的时间"},
	{"needs", "VERSION", "the oldest program that can use it", "所需程序的最低版本"},
	{"notes-en", "TEXT", "what is new, in English", "英文更新说明"},
	{"notes-zh", "TEXT", "what is new, in Chinese", "中文更新说明"},
	{"next-key", "KEY...", "keys that may sign from now on, too", "此后也可签名的公钥"},
	{"key", "FILE", "the private key", "私钥文件"},
	{"out", "FILE", "the pack", "输出的特征包"},
	{NULL, NULL, NULL, NULL},
};

const struct cli_verb features_verbs[] = {
	{"list", features_list, "", 0, 0, true, NULL, "installed versions", "列出已安装的版本",
		NULL, NULL},
	{"show", features_show, "[VERSION]", 0, 1, true, NULL,
		"what is in force, or what a version holds", "显示使用中的版本，或某版本的内容",
		NULL, NULL},
	{"history", features_history, "", 0, 0, true, all_options,
		"what happened, by whom, which rules changed", "更新历史：事件、操作者和规则的变化",
		NULL, NULL},
	{"install", cli_features_install, "FILE", 1, 1, false, install_options,
		"take a pack from a file", "从文件安装特征包",
		"A running server first tries it on a sample of mail ([features] canary), then "
		"takes it into force or\n"
		"refuses it. The pack must be signed by a trusted key, and must not be older than "
		"what was here.\n",
		"运行中的服务器先以部分邮件试用（[features] "
		"canary），再启用或拒绝。特征包必须由信任的公钥签名，\n"
		"且不得早于本机已有的版本。\n"},
	{"check", cli_features_check, "FILE", 1, 1, true, trust_options,
		"verify a pack and what it holds", "检查特征包", NULL, NULL},
	{"use", cli_features_use, "VERSION", 1, 1, false, use_options,
		"take an installed version into force", "启用已安装的版本", NULL, NULL},
	{"rollback", cli_features_rollback, "[VERSION]", 0, 1, false, NULL,
		"back to what was in force before, or to a version, at once",
		"立即回退到之前的状态或指定版本", NULL, NULL},
	{"remove", cli_features_remove, "NAME", 1, 1, false, NULL, "take a pack out of force",
		"停用一个特征包", NULL, NULL},
	{"fetch", features_fetch, "", 0, 0, false, NULL, "look at the source now", "立即查找新版本",
		NULL, NULL},
	{"canary", features_canary, "", 0, 0, true, canary_options,
		"what is being tried, and how it does", "正在试用的版本及其结果", NULL, NULL},
	{"keygen", cli_features_keygen, "FILE", 1, 1, false, NULL,
		"a key for making packs: private to FILE, public shown",
		"生成签名密钥：私钥写入 FILE，显示公钥", NULL, NULL},
	{"build", cli_features_build, "DIR", 1, 1, false, build_options,
		"make a pack of the files in DIR", "用目录中的文件制作特征包",
		"Files: *.rules, *.list, *.prints, base.model, *.yar, and signatures for ClamAV "
		"(*.ndb, *.hdb ...).\n",
		"文件：*.rules、*.list、*.prints、base.model、*.yar，以及 ClamAV "
		"特征（*.ndb、*.hdb 等）。\n"},
	{"sign", cli_features_sign, "FILE", 1, 1, false, sign_options, "add a signature to a pack",
		"为特征包追加签名", NULL, NULL},
	{"index", cli_features_index, "DIR", 1, 1, false, trust_options,
		"write the index of the packs in DIR", "为目录中的特征包生成索引", NULL, NULL},
	CLI_VERBS_END,
};
