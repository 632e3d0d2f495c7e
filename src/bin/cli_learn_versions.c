/* `posthouse learn versions | compare | use`: the versions of the site's model. */
#include "bin/cli_learn.h"

#include "base/mem.h"
#include "base/time.h"
#include "bin/shipped.h"
#include <inttypes.h>
#include <math.h>
#include <stdio.h>

/* ---- versions ---- */

static void figures_json(struct json *j, const char *key, const struct training_figures *f)
{
	json_open_object(j, key);
	json_int(j, "spam", (int64_t)f->spam);
	json_int(j, "caught", (int64_t)f->caught);
	json_int(j, "ham", (int64_t)f->ham);
	json_int(j, "accused", (int64_t)f->accused);
	json_int(j, "log_loss_thousandths", lrint(f->log_loss * 1000));
	json_close(j, '}');
}

static void version_json(struct json *j, const struct training_version *v, bool current)
{
	json_open_object(j, NULL);
	json_int(j, "version", (int64_t)v->number);
	json_bool(j, "in_service", current);
	json_bool(j, "refused", v->refused);
	json_text(j, "why", v->why);
	json_time(j, "made_at", v->made_at);
	json_int(j, "spam", (int64_t)v->lessons[1]);
	json_int(j, "ham", (int64_t)v->lessons[0]);
	figures_json(j, "witnesses", &v->figures);
	figures_json(j, "witnesses_before", &v->before);
	json_int(j, "recent", (int64_t)v->sampled);
	json_int(j, "recent_changed", (int64_t)v->changed);
	json_int(j, "bytes", (int64_t)v->bytes);
	json_close(j, '}');
}

static const char *state_of(const struct training_version *v, bool current)
{
	return current ? T("in service", "使用中") : v->refused ? T("refused", "未启用") : "-";
}

static void version_row(struct table *t, const struct training_version *v, bool current)
{
	char age[OUT_TEXT], size[OUT_TEXT];
	table_cellf(t, "%" PRIu64, v->number);
	table_cell(t, slice_z(v->made_at ? out_age(wall_now() - v->made_at, age) : "-"));
	table_cellf(t, "%" PRIu64, v->lessons[1]);
	table_cellf(t, "%" PRIu64, v->lessons[0]);
	table_cellf(t, "%" PRIu64 "/%" PRIu64, v->figures.caught, v->figures.spam);
	table_cellf(t, "%" PRIu64 "/%" PRIu64, v->figures.accused, v->figures.ham);
	table_cellf(t, "%" PRIu64 "/%" PRIu64, v->changed, v->sampled);
	table_cell(t, slice_z(out_size(v->bytes, size)));
	table_cell(t, slice_z(state_of(v, current)));
	table_cell(t, v->why);
}

int cli_learn_versions(struct cli_call *c)
{
	AUTO(cli_env) struct cli_env env = {0};
	struct training_version *v;
	struct listing l;
	size_t n;
	uint64_t current;
	bool pinned;
	int code;
	struct err e;
	const char *const heads[] = {T(">VERSION", ">版本"), T("AGE", "时间"),
		T(">SPAM", ">垃圾样本"), T(">HONEST", ">正常样本"), T(">CAUGHT", ">识别"),
		T(">ACCUSED", ">误判"), T(">CHANGED", ">改变"), T(">SIZE", ">大小"),
		T("STATE", "状态"), T("WHY", "原因")};
	struct sql *db = cli_learn_open(c, &env, &code);
	if (!db)
		return code;
	slice data = env.config.server->data;
	int r = versions_current(data, &current, &pinned, &e);
	if (r == 0)
		r = versions_list(data, db, &env.mem, &v, &n, &e);
	sql_close(db);
	if (r < 0)
		return out_fail(&e);
	listing_begin(&l, c->cli->json, "versions", heads, sizeof heads / sizeof *heads);
	for (size_t i = 0; i < n; i++) {
		if (l.json)
			version_json(&l.j, &v[i], v[i].number == current);
		else
			version_row(l.table, &v[i], v[i].number == current);
	}
	listing_end_rows(&l);
	listing_end(&l);
	return CLI_OK;
}

/* ---- compare ---- */

static void print_figures(uint64_t number, const struct training_figures *f)
{
	printf(T("version %" PRIu64 ": %" PRIu64 " of %" PRIu64 " spam caught, %" PRIu64
		 " of %" PRIu64 " honest letters taken for spam, log loss %.4f\n",
		       "版本 %" PRIu64 "：识别垃圾邮件 %" PRIu64 "/%" PRIu64
		       "，误判正常邮件 %" PRIu64 "/%" PRIu64 "，对数损失 %.4f\n"),
		number, f->caught, f->spam, f->accused, f->ham, f->log_loss);
}

static int version_arg(slice text, uint64_t *ret)
{
	*ret = 0;
	return slice_eq(text, S("0")) ? CLI_OK : cli_learn_number(text, ret);
}

static void print_comparison(
	bool as_json, uint64_t one, uint64_t other, const struct build_comparison *k)
{
	struct json j = {0};
	if (as_json) {
		json_begin(&j);
		figures_json(&j, "first", &k->a);
		figures_json(&j, "second", &k->b);
		json_int(&j, "recent", (int64_t)k->sampled);
		json_int(&j, "recent_changed", (int64_t)k->changed);
		json_int(&j, "recent_more_spam", (int64_t)k->more_spam);
		json_end(&j);
		return;
	}
	puts(T("Letters that neither has learned:", "两个版本都未学过的邮件："));
	print_figures(one, &k->a);
	print_figures(other, &k->b);
	printf(T("Of %" PRIu64 " recent letters version %" PRIu64 " judges %" PRIu64
		 " otherwise: %" PRIu64 " become spam, %" PRIu64 " become honest.\n",
		       "在 %" PRIu64 " 封近期邮件中，版本 %" PRIu64 " 有 %" PRIu64
		       " 封判断不同：%" PRIu64 " 封变为垃圾邮件，%" PRIu64 " 封变为正常邮件。\n"),
		k->sampled, other, k->changed, k->more_spam, k->changed - k->more_spam);
}

int cli_learn_compare(struct cli_call *c)
{
	AUTO(cli_env) struct cli_env env = {0};
	AUTO(learn_model) struct learn_model base = {0};
	struct build_comparison k;
	uint64_t one, other;
	struct err e;
	int code = version_arg(cli_arg(c, 0), &one);
	if (code == CLI_OK)
		code = version_arg(cli_arg(c, 1), &other);
	if (code != CLI_OK)
		return code;
	if (learn_model_read(shipped_base_model(), &base, &e) < 0)
		return out_fail(&e);
	struct sql *db = cli_learn_open(c, &env, &code);
	if (!db)
		return code;
	const struct build b = {env.config.server->data, db, env.config.learning, &base.fuse, NULL};
	int r = build_compare(&b, one, other, &k, &e);
	sql_close(db);
	if (r < 0)
		return out_fail(&e);
	print_comparison(c->cli->json, one, other, &k);
	return CLI_OK;
}

/* ---- use ---- */

static int use_latest(slice data, struct sql *db, struct arena *a, uint64_t *ret, struct err *e)
{
	struct training_version *v;
	size_t n;
	*ret = 0;
	if (versions_list(data, db, a, &v, &n, e) < 0)
		return -1;
	for (size_t i = 0; i < n && !*ret; i++)
		if (!v[i].refused)
			*ret = v[i].number;
	return *ret ? versions_use(data, *ret, false, e) : versions_use_none(data, false, e);
}

int cli_learn_use(struct cli_call *c)
{
	AUTO(cli_env) struct cli_env env = {0};
	slice word = cli_arg(c, 0);
	bool latest = slice_eq(word, S("latest")), none = slice_eq(word, S("none"));
	uint64_t number = 0;
	struct err e;
	int code = latest || none ? CLI_OK : cli_learn_number(word, &number);
	if (code != CLI_OK)
		return code;
	struct sql *db = cli_learn_open(c, &env, &code);
	if (!db)
		return code;
	slice data = env.config.server->data;
	int r = latest ? use_latest(data, db, &env.mem, &number, &e)
		: none ? versions_use_none(data, true, &e)
		       : versions_use(data, number, true, &e);
	sql_close(db);
	if (r < 0)
		return out_fail(&e);
	cli_learn_wake(&env);
	if (number)
		printf(T("Version %" PRIu64 " is in service.\n", "已启用版本 %" PRIu64 "。\n"),
			number);
	else
		puts(T("No version is in service: the filter is as installed.",
			"没有启用任何版本：过滤器为出厂状态。"));
	return CLI_OK;
}
