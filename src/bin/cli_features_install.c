/*
 * `posthouse features install | check | use | rollback | remove`: packs from files, versions into force and back.
 * Everything is done here, under the depot's lock; a running server is told (its master exchanges the scan processes), or
 * tries the version first.
 */
#include "bin/cli_features.h"

#include "base/mem.h"
#include "run/control.h"
#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>

enum { SET_TEXT_MAX = 1000 };

/* ---- the server ---- */

static bool server_runs(const struct cli_env *env)
{
	AUTO(buf) struct buf reply = BUF(CONTROL_REPLY_MAX);
	struct err e;
	return control_call(env->config.server->run, S("status"), &reply, &e) == 0;
}

static void wake(const struct cli_env *env)
{
	AUTO(buf) struct buf reply = BUF(CONTROL_REPLY_MAX);
	struct err ignored;
	control_call(env->config.server->run, S("wake-features"), &reply, &ignored);
}

static int tell_master(const struct cli_env *env, const struct feature_set *set, struct err *e)
{
	AUTO(buf) struct buf line = BUF(CONTROL_LINE_MAX);
	AUTO(buf) struct buf reply = BUF(CONTROL_REPLY_MAX);
	buf_put(&line, S("features-use "));
	feature_set_print(set, &line);
	if (control_call(env->config.server->run, buf_slice(&line), &reply, e) == 0)
		return 0;
	return e->kind == ERR_NOTFOUND ? 0 : -1; /* no server: it reads it when it starts */
}

/* ---- into force ---- */

static int end_trial(slice data, struct err *e)
{
	const struct feature_trial none = {0};
	return feature_trial_write(data, &none, e);
}

/* Under the lock. */
static int take_now(struct cli_env *env, const struct feature_set *set, const char *what,
	uint64_t number, struct err *e)
{
	slice data = env->config.server->data;
	const struct features_conf *c = conf_get(env->config.conf, &features_section);
	if (tell_master(env, set, e) < 0 || end_trial(data, e) < 0 ||
		features_take(data, set, what, number, cli_env_who(&env->mem), NULL, e) < 0)
		return -1;
	return features_trim(data, c->keep, e);
}

static int set_with(
	slice data, uint64_t number, struct arena *a, struct feature_set *ret, struct err *e)
{
	struct feature_manifest m;
	if (feature_current_read(data, ret, e) < 0 ||
		feature_depot_look(data, number, a, &m, e) < 0)
		return -1;
	if (!feature_set_put(ret, m.name, number))
		return err_set(e, ERR_LIMIT, "packs of more than %d names", FEATURE_PACKS_MAX);
	return 0;
}

/* Tried first, or at once. *ret_tried: the server tries it. */
static int put_into_force(
	struct cli_env *env, uint64_t number, bool now, bool *ret_tried, struct err *e)
{
	slice data = env->config.server->data;
	const struct features_conf *c = conf_get(env->config.conf, &features_section);
	const struct feature_trial t = {number, wall_now(), cli_env_who(&env->mem)};
	struct feature_set set;
	*ret_tried = !now && c->canary && server_runs(env);
	if (*ret_tried)
		return feature_trial_write(data, &t, e);
	if (set_with(data, number, &env->mem, &set, e) < 0)
		return -1;
	return take_now(env, &set, "in-force", number, e);
}

static int say_taken(uint64_t number, bool tried, const struct err *e, int r)
{
	if (r < 0)
		return out_fail(e);
	if (tried)
		printf(T("Version %" PRIu64
			 " is being tried on a sample of mail: posthouse features canary\n",
			       "版本 %" PRIu64 " 正在以部分邮件试用：posthouse features canary\n"),
			number);
	else
		printf(T("Version %" PRIu64 " is in force.\n", "已启用版本 %" PRIu64 "。\n"),
			number);
	return CLI_OK;
}

/* ---- install, check ---- */

static int read_pack(struct cli_call *c, struct cli_env *env, struct feature_pack *ret)
{
	AUTO(buf) struct buf archive = {0};
	struct feature_keys trusted;
	struct err e;
	int code = cli_features_trusted(c, &env->config, &trusted);
	if (code != CLI_OK)
		return code;
	cli_env_as_caller(env);
	int r = cli_features_load(c->args[0], FEATURE_PACK_MAX, &archive, &e);
	cli_env_as_server(env);
	if (r == 0)
		r = cli_features_read(
			&env->config, buf_slice(&archive), &trusted, &env->mem, ret, &e);
	return r < 0 ? out_fail(&e) : CLI_OK;
}

int cli_features_check(struct cli_call *c)
{
	AUTO(cli_env) struct cli_env env = {0};
	struct feature_pack p;
	struct json j = {0};
	int code;
	if (cli_env_config(c->cli, &env, &code) < 0 || (code = read_pack(c, &env, &p)) != CLI_OK)
		return code;
	char key[FEATURE_KEY_TEXT];
	feature_key_print(&p.by, key);
	if (c->cli->json)
		json_begin(&j);
	cli_features_tell(&p.m, c->cli->json, &j);
	if (c->cli->json) {
		json_text(&j, "signed_by", slice_z(key));
		json_end(&j);
	} else {
		printf(T("signed by %s; everything in it can be used\n",
			       "由 %s 签名；内容均可使用\n"),
			key);
	}
	return CLI_OK;
}

int cli_features_install(struct cli_call *c)
{
	AUTO(cli_env) struct cli_env env = {0};
	AUTO(fd) int lock = -1;
	struct feature_pack p;
	struct err e;
	uint64_t number = 0;
	bool tried = false;
	int code;
	if (cli_env_open(c->cli, &env, &code) < 0 || (code = read_pack(c, &env, &p)) != CLI_OK)
		return code;
	slice data = env.config.server->data;
	int r = feature_depot_lock(data, &lock, &e);
	if (r == 0)
		r = features_store(data, &p, true, cli_env_who(&env.mem), &number, &e);
	if (r == 0 && cli_flag(c, "store")) {
		printf(T("Stored as version %" PRIu64 ".\n", "已保存为版本 %" PRIu64 "。\n"),
			number);
		return CLI_OK;
	}
	if (r == 0)
		r = put_into_force(&env, number, cli_flag(c, "now"), &tried, &e);
	if (lock >= 0)
		close(take_fd(&lock));
	if (r == 0)
		wake(&env);
	return say_taken(number, tried, &e, r);
}

/* ---- use, rollback, remove ---- */

static int number_arg(struct cli_call *c, uint64_t *ret)
{
	if (slice_u64(cli_arg(c, 0), ret) && *ret)
		return CLI_OK;
	return out_usage(T("not the number of a version: %s", "不是版本号：%s"), c->args[0]);
}

int cli_features_use(struct cli_call *c)
{
	AUTO(cli_env) struct cli_env env = {0};
	AUTO(fd) int lock = -1;
	struct feature_manifest m;
	struct err e;
	uint64_t number;
	bool tried = false;
	int code = number_arg(c, &number);
	if (code != CLI_OK || cli_env_open(c->cli, &env, &code) < 0)
		return code;
	slice data = env.config.server->data;
	int r = feature_depot_lock(data, &lock, &e);
	if (r == 0)
		r = feature_depot_look(data, number, &env.mem, &m, &e);
	if (r == 0)
		r = put_into_force(&env, number, cli_flag(c, "now"), &tried, &e);
	if (lock >= 0)
		close(take_fd(&lock));
	if (r == 0)
		wake(&env);
	return say_taken(number, tried, &e, r);
}

static int say_set(const struct feature_set *set, const struct err *e, int r)
{
	AUTO(buf) struct buf text = BUF(SET_TEXT_MAX);
	if (r < 0)
		return out_fail(e);
	feature_set_print(set, &text);
	if (set->n)
		printf(T("In force: %.*s\n", "使用中：%.*s\n"), SFMT(buf_slice(&text)));
	else
		puts(T("No pack is in force: rules and model are those of the program.",
			"没有启用任何特征包：规则和模型为程序自带的。"));
	return CLI_OK;
}

static int change_now(struct cli_env *env, uint64_t number, bool before, slice without,
	struct feature_set *ret, struct err *e)
{
	slice data = env->config.server->data;
	AUTO(fd) int lock = -1;
	if (feature_depot_lock(data, &lock, e) < 0)
		return -1;
	int r = before   ? features_before(data, ret, e)
		: number ? set_with(data, number, &env->mem, ret, e)
			 : feature_current_read(data, ret, e);
	if (r == 0 && without.n && !feature_set_get(ret, without))
		r = err_set(e, ERR_NOTFOUND, "no pack %.*s is in force", SFMT(without));
	if (r == 0 && without.n)
		feature_set_put(ret, without, 0);
	return r < 0 ? -1 : take_now(env, ret, without.n ? "removed" : "rolled-back", number, e);
}

static int change(struct cli_call *c, uint64_t number, bool before, slice without)
{
	AUTO(cli_env) struct cli_env env = {0};
	struct feature_set set = {0};
	struct err e;
	int code;
	if (cli_env_open(c->cli, &env, &code) < 0)
		return code;
	int r = change_now(&env, number, before, without, &set, &e);
	if (r == 0)
		wake(&env);
	return say_set(&set, &e, r);
}

int cli_features_rollback(struct cli_call *c)
{
	uint64_t number = 0;
	int code = c->nargs ? number_arg(c, &number) : CLI_OK;
	return code != CLI_OK ? code : change(c, number, c->nargs == 0, S(""));
}

int cli_features_remove(struct cli_call *c)
{
	return change(c, 0, false, cli_arg(c, 0));
}
