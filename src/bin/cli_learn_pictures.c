/*
 * `posthouse learn pictures`: makes the site's classifier of pictures (content/pictures.h) and
 * removes it. The running server looks for a changed one by itself.
 */
#include "bin/cli_learn.h"
#include "bin/cli_letters.h"
#include "bin/cli_pictures.h"
#include "bin/pictures_file.h"

#include "base/mem.h"
#include "base/time.h"
#include <stdio.h>

/* ---- gathering ---- */

struct gathering {
	struct cli_letters files;
	struct pictures_reading reading;
	struct pictures_example *v; /* PICTURES_TRAIN_MAX + PICTURES_OF_LETTER */
	size_t n, letters[2], pictures[2]; /* honest, spam */
	bool spam;
	struct err e;
};

static int take_letter(void *arg, const char *path, slice letter)
{
	struct gathering *g = arg;
	size_t n = 0;
	if (pictures_of_letter(&g->reading, letter, g->v + g->n, &n, &g->e) < 0) {
		cli_letters_fault(&g->files, path, g->e.text);
		return g->e.kind == ERR_PROTO || g->e.kind == ERR_TEMP ? -1 : 0;
	}
	for (size_t i = 0; i < n; i++)
		g->v[g->n + i].spam = g->spam;
	g->n += n;
	g->letters[g->spam]++;
	g->pictures[g->spam] += n;
	if (g->n <= PICTURES_TRAIN_MAX)
		return 0;
	return err_set(&g->e, ERR_LIMIT, "more than %d pictures", PICTURES_TRAIN_MAX);
}

static int gather(struct cli_call *c, struct gathering *g, const char *option, bool spam)
{
	const char *path;
	int at = 0, r = 0;
	g->spam = spam;
	while (r == 0 && (path = cli_word(c, option, &at)))
		r = cli_letters(&g->files, path);
	return r;
}

/* ---- what is told ---- */

static double percent(uint32_t part, uint32_t of)
{
	return of ? 100.0 * part / of : 0;
}

static void tell_json(const struct gathering *g, const struct pictures_figures *f)
{
	struct json j = {0};
	json_begin(&j);
	json_int(&j, "files_spam", (int64_t)g->letters[1]);
	json_int(&j, "files_ham", (int64_t)g->letters[0]);
	json_int(&j, "unreadable", (int64_t)g->files.faults);
	json_int(&j, "pictures_spam", (int64_t)g->pictures[1]);
	json_int(&j, "pictures_ham", (int64_t)g->pictures[0]);
	json_int(&j, "different_spam", f->spam);
	json_int(&j, "different_ham", f->ham);
	json_int(&j, "caught", f->caught);
	json_int(&j, "accused", f->accused);
	json_end(&j);
}

static void tell_text(const struct gathering *g, const struct pictures_figures *f)
{
	printf(T("Pictures: %zu of spam in %zu files, %zu honest ones in %zu files; "
		 "different ones: %u and %u.\n",
		       "图片：垃圾 %zu 张（%zu 个文件），正常 %zu 张（%zu 个文件）；"
		       "其中不同的图片：%u 张和 %u 张。\n"),
		g->pictures[1], g->letters[1], g->pictures[0], g->letters[0], f->spam, f->ham);
	printf(T("Judged by models that had not seen them: %.1f %% of spam caught, %.1f %% of "
		 "honest ones taken for spam.\n",
		       "由未见过这些图片的模型判断：识别垃圾图片 %.1f%%，误判正常图片 %.1f%%。\n"),
		percent(f->caught, f->spam), percent(f->accused, f->ham));
	puts(T("The classifier is in service.", "分类器已启用。"));
}

int cli_learn_pictures_state(slice data, struct learn_pictures *ret, struct err *e)
{
	AUTO(buf) struct buf model = BUF(PICTURES_MODEL_MAX);
	uint64_t which;
	*ret = (struct learn_pictures){0};
	if (pictures_file_look(data, &which, &ret->made_at, e) < 0)
		return -1;
	if (!which)
		return 0;
	if (pictures_file_read(data, &model, e) < 0 ||
		pictures_model_figures(buf_slice(&model), &ret->figures, e) < 0) {
		ret->damaged = e->kind == ERR_PROTO;
		return ret->damaged ? 0 : -1;
	}
	return 0;
}

void cli_learn_pictures_json(struct json *j, const struct learn_pictures *p)
{
	json_time(j, "pictures_made_at", p->made_at);
	json_bool(j, "pictures_damaged", p->damaged);
	json_int(j, "pictures_spam", p->figures.spam);
	json_int(j, "pictures_ham", p->figures.ham);
	json_int(j, "pictures_caught", p->figures.caught);
	json_int(j, "pictures_accused", p->figures.accused);
}

void cli_learn_pictures_text(const struct learn_pictures *p)
{
	const struct pictures_figures *f = &p->figures;
	char age[OUT_TEXT];
	if (p->damaged)
		puts(T("pictures: the classifier's file is damaged and not used",
			"图片：分类器文件已损坏，未使用"));
	else if (!p->made_at)
		puts(T("pictures: no classifier", "图片：没有分类器"));
	else
		printf(T("pictures: a classifier of %u of spam and %u honest ones, made %s ago; "
			 "%.1f %% caught, %.1f %% accused\n",
			       "图片：分类器由 %u 张垃圾图片和 %u 张正常图片训练，%s 前生成；"
			       "识别 %.1f%%，误判 %.1f%%\n"),
			f->spam, f->ham, out_age(wall_now() - p->made_at, age),
			percent(f->caught, f->spam), percent(f->accused, f->ham));
}

/* ---- the command ---- */

static int make(struct cli_call *c, struct cli_env *env, struct gathering *g)
{
	AUTO(buf) struct buf model = BUF(PICTURES_MODEL_MAX);
	struct pictures_figures f;
	int r = gather(c, g, "spam", true);
	if (r == 0)
		r = gather(c, g, "ham", false);
	pictures_reading_end(&g->reading);
	if (r < 0 || pictures_train_confined(&env->config, g->v, g->n, &f, &model, &g->e) < 0 ||
		pictures_file_put(env->config.server->data, buf_slice(&model), &g->e) < 0)
		return out_fail(&g->e);
	cli_learn_wake(env);
	if (c->cli->json)
		tell_json(g, &f);
	else
		tell_text(g, &f);
	return g->files.faults ? CLI_FAILED : CLI_OK;
}

static int forget(struct cli_env *env)
{
	struct err e;
	if (pictures_file_remove(env->config.server->data, &e) < 0)
		return out_fail(&e);
	cli_learn_wake(env);
	puts(T("The classifier of pictures is removed.", "已删除图片分类器。"));
	return CLI_OK;
}

int cli_learn_pictures(struct cli_call *c)
{
	AUTO(cli_env) struct cli_env env = {0};
	bool spam = cli_option(c, "spam"), ham = cli_option(c, "ham");
	int code;
	if (cli_flag(c, "forget") ? spam || ham : !spam || !ham)
		return out_usage(T("which pictures: --spam PATH... and --ham PATH..., or --forget?",
			"请指明图片：--spam PATH... 和 --ham PATH...，或 --forget"));
	/* The journal is not needed, but its directory. */
	struct sql *db = cli_learn_open(c, &env, &code);
	if (!db)
		return code;
	sql_close(db);
	if (cli_flag(c, "forget"))
		return forget(&env);
	struct gathering g = {.files = {.env = &env, .each = take_letter, .arg = &g},
		.reading = {.config = &env.config, .fd = -1}};
	AUTO(free)
	struct pictures_example *v =
		mem_alloc((PICTURES_TRAIN_MAX + PICTURES_OF_LETTER) * sizeof *v);
	g.v = v;
	return make(c, &env, &g);
}
