/*
 * `posthouse learn`: teaching the filter of this site and taking it back. Letters go into the
 * journal (training/journal.h); the learn process of the running server reads them. What is shown
 * is in cli_learn_show.c and cli_learn_versions.c; the classifier of pictures:
 * cli_learn_pictures.c.
 */
#include "bin/cli_learn.h"

#include "base/mem.h"
#include "base/time.h"
#include "bin/cli_letters.h"
#include "bin/cli_verbs.h"
#include "run/control.h"
#include "store/directory.h"
#include <stdio.h>

enum {
	BATCH_LETTERS = 200, /* told in one transaction */
	BATCH_BYTES = 32 << 20,
};

struct sql *cli_learn_open(struct cli_call *c, struct cli_env *env, int *ret_code)
{
	AUTO(arena) struct arena a = {0};
	struct sql *db;
	struct err e;
	if (cli_env_open(c->cli, env, ret_code) < 0)
		return NULL;
	if (sql_open(journal_dir(env->config.server->data, &a), JOURNAL_DB, &db, &e) == 0)
		return db;
	*ret_code = out_fail(&e);
	return NULL;
}

void cli_learn_wake(const struct cli_env *env)
{
	AUTO(buf) struct buf reply = BUF(CONTROL_REPLY_MAX);
	struct err e;
	control_call(env->config.server->run, S("wake-learn"), &reply, &e);
}

int cli_learn_number(slice text, uint64_t *ret)
{
	if (slice_u64(text, ret) && *ret > 0 && *ret < INT64_MAX)
		return CLI_OK;
	return out_usage(T("%.*s: should be a number", "%.*s：应为数字"), SFMT(text));
}

/* ---- telling ---- */

struct teaching {
	struct cli_env env;
	struct sql *db;
	struct training_told told; /* but for the letter */
	size_t max_size;
	size_t letters, in_batch, bytes_in_batch;
	struct cli_letters files;
	bool open; /* a transaction */
	struct err e;
};

static int end_batch(struct teaching *t)
{
	if (!t->open)
		return 0;
	t->open = false;
	t->in_batch = t->bytes_in_batch = 0;
	return sql_commit(t->db, &t->e);
}

static int tell(struct teaching *t, slice letter)
{
	int64_t id;
	if (!t->open && sql_begin(t->db, &t->e) < 0)
		return -1;
	t->open = true;
	t->told.message = letter;
	if (journal_tell_tx(t->db, &t->told, wall_now(), t->max_size, &id, &t->e) < 0) {
		sql_rollback(t->db);
		t->open = false;
		return -1;
	}
	t->letters++;
	t->in_batch++;
	t->bytes_in_batch += letter.n;
	if (t->in_batch >= BATCH_LETTERS || t->bytes_in_batch >= BATCH_BYTES)
		return end_batch(t);
	return 0;
}

static int tell_file(void *arg, const char *path, slice letter)
{
	(void)path;
	return tell(arg, letter);
}

/* ---- spam, ham, import ---- */

static int take_user(struct teaching *t, slice user)
{
	if (!user.n)
		return CLI_OK;
	if (!directory_canonical(user, &t->env.mem, &t->told.who) ||
		t->told.who.n > TRAINING_WHO_MAX)
		return out_usage(T("--user is an address", "--user 应为邮箱地址"));
	t->told.source = TRAINING_REPORT;
	return CLI_OK;
}

static int finish(struct teaching *t, int r, const struct cli_call *c)
{
	if (r == 0)
		r = end_batch(t);
	if (r < 0)
		return out_fail(&t->e);
	cli_learn_wake(&t->env);
	if (c->cli->json) {
		struct json j = {0};
		json_begin(&j);
		json_int(&j, "told", (int64_t)t->letters);
		json_int(&j, "unreadable", (int64_t)t->files.faults);
		json_end(&j);
	} else {
		printf(T("Letters to be learned: %zu.\n", "待学习的邮件：%zu 封。\n"), t->letters);
	}
	if (!t->env.config.learning->enabled)
		fprintf(stderr, "%s\n",
			T("posthouse: they wait, because [learning] enabled is no",
				"posthouse: [learning] enabled 为 no，这些邮件暂不学习"));
	return t->files.faults ? CLI_FAILED : t->letters ? CLI_OK : CLI_NOTHING;
}

static int teach(struct cli_call *c, enum training_source source, bool spam)
{
	struct teaching t = {.told = {.source = source, .spam = spam}};
	int code, r = 0;
	t.files = (struct cli_letters){.env = &t.env, .each = tell_file, .arg = &t};
	t.db = cli_learn_open(c, &t.env, &code);
	if (t.db) {
		t.max_size = (size_t)t.env.config.learning->max_size;
		code = take_user(&t, cli_option_text(c, "user"));
		for (int i = 0; code == CLI_OK && i < c->nargs && r == 0; i++)
			r = cli_letters(&t.files, c->args[i]);
		if (code == CLI_OK)
			code = finish(&t, r, c);
		sql_close(t.db);
	}
	cli_env_close(&t.env);
	return code;
}

static int learn_spam(struct cli_call *c)
{
	return teach(c, TRAINING_ADMIN, true);
}

static int learn_ham(struct cli_call *c)
{
	return teach(c, TRAINING_ADMIN, false);
}

static int learn_import(struct cli_call *c)
{
	bool spam = cli_flag(c, "spam"), ham = cli_flag(c, "ham");
	if (spam == ham)
		return out_usage(
			T("what is in it: --spam or --ham?", "请指明内容：--spam 或 --ham"));
	return teach(c, TRAINING_IMPORT, spam);
}

/* ---- taking back ---- */

static int64_t forget(struct cli_call *c, struct cli_env *env, struct sql *db, struct err *e)
{
	const struct learning_conf *conf = env->config.learning;
	slice user = cli_option_text(c, "user");
	int64_t now = wall_now(), n = 0;
	uint64_t id;
	if (user.n || cli_flag(c, "all"))
		return journal_forget_all_tx(db, user, !user.n, conf, now, e);
	for (int i = 0; i < c->nargs; i++, n++) {
		slice_u64(cli_arg(c, i), &id);
		if (journal_forget_tx(db, (int64_t)id, conf, now, e) < 0)
			return -1;
	}
	return n;
}

static int learn_forget(struct cli_call *c)
{
	AUTO(cli_env) struct cli_env env = {0};
	bool all = cli_flag(c, "all") || cli_option(c, "user");
	int code = CLI_OK;
	uint64_t id;
	struct err e;
	for (int i = 0; i < c->nargs && code == CLI_OK; i++)
		code = cli_learn_number(cli_arg(c, i), &id);
	if (code != CLI_OK)
		return code;
	if (all == (c->nargs > 0))
		return out_usage(T("which lessons: numbers, --user or --all?",
			"请指明要撤销的样本：编号、--user 或 --all"));
	struct sql *db = cli_learn_open(c, &env, &code);
	if (!db)
		return code;
	int64_t n = sql_begin(db, &e) < 0 ? -1 : forget(c, &env, db, &e);
	if (n >= 0 && sql_commit(db, &e) < 0)
		n = -1;
	else if (n < 0)
		sql_rollback(db);
	sql_close(db);
	if (n < 0)
		return out_fail(&e);
	cli_learn_wake(&env);
	printf(T("Lessons taken back: %lld.\n", "已撤销样本：%lld 条。\n"), (long long)n);
	return n ? CLI_OK : CLI_NOTHING;
}

static const struct cli_option teach_options[] = {
	{"user", "ADDRESS", "in this user's name: it teaches his layer, not the site's",
		"以该用户的名义：影响其个人模型，而非全站模型"},
	{NULL, NULL, NULL, NULL}};
static const struct cli_option import_options[] = {
	{"spam", NULL, "all of it is spam", "全部为垃圾邮件"},
	{"ham", NULL, "all of it is honest mail", "全部为正常邮件"},
	{"user", "ADDRESS", "in this user's name", "以该用户的名义"}, {NULL, NULL, NULL, NULL}};
static const struct cli_option list_options[] = {
	{"user", "ADDRESS", "only of this user", "仅该用户"},
	{"state", "STATE", "only learned, unlearned or rejected ones",
		"仅显示某种状态：learned、unlearned 或 rejected"},
	{"limit", "NUMBER", "so many, the newest first (50)", "显示条数，最新的在前（50）"},
	{NULL, NULL, NULL, NULL}};
static const struct cli_option forget_options[] = {
	{"user", "ADDRESS", "all that this user taught", "该用户教过的全部样本"},
	{"all", NULL, "everything that was ever learned here", "本站学到的全部内容"},
	{NULL, NULL, NULL, NULL}};

static const struct cli_option pictures_options[] = {
	{"spam", "PATH...", "where pictures of spam are", "垃圾邮件中的图片所在的路径"},
	{"ham", "PATH...", "where honest pictures are", "正常图片所在的路径"},
	{"forget", NULL, "removes the classifier", "删除分类器"}, {NULL, NULL, NULL, NULL}};

const struct cli_verb learn_verbs[] = {
	{"status", cli_learn_status, "", 0, 0, true, NULL,
		"What was learned, what waits, which version is in service.",
		"显示已学习、待学习的内容和正在使用的版本。", NULL, NULL},
	{"spam", learn_spam, "FILE|-...", 1, -1, true, teach_options, "Learns letters as spam.",
		"将邮件作为垃圾邮件学习。",
		"A letter (.eml), an mbox, or a directory with such. Within seconds a new version "
		"is\n"
		"made and judges mail, without a restart.",
		"可以是邮件文件（.eml）、mbox "
		"或包含它们的目录。几秒内生成新版本并用于判断，无需重启。"},
	{"ham", learn_ham, "FILE|-...", 1, -1, true, teach_options,
		"Learns letters as honest mail.", "将邮件作为正常邮件学习。", NULL, NULL},
	{"import", learn_import, "PATH...", 1, -1, true, import_options,
		"Learns an archive: directories, Maildirs, mboxes.",
		"学习邮件归档：目录、Maildir 或 mbox。",
		"  posthouse learn import --ham ~/Maildir/.Archive\n"
		"  posthouse learn import --spam junk.mbox",
		"  posthouse learn import --ham ~/Maildir/.Archive\n"
		"  posthouse learn import --spam junk.mbox"},
	{"list", cli_learn_list, "", 0, 0, true, list_options, "Lists lessons.", "列出学习样本。",
		NULL, NULL},
	{"forget", learn_forget, "[LESSON...]", 0, -1, false, forget_options,
		"Takes lessons back, as if they had never been.", "撤销样本，如同从未学过。", NULL,
		NULL},
	{"users", cli_learn_users, "", 0, 0, true, NULL,
		"Who taught how much, and how far he is trusted.", "各用户的样本数和可信度。", NULL,
		NULL},
	{"versions", cli_learn_versions, "", 0, 0, true, NULL,
		"Versions of the site's model, with how each judges letters that it has not "
		"learned.",
		"列出本站模型的版本，以及各版本对未学过的邮件的判断效果。", NULL, NULL},
	{"compare", cli_learn_compare, "VERSION VERSION", 2, 2, true, NULL,
		"How two versions judge the same letters. 0 is the filter as installed.",
		"比较两个版本对同一批邮件的判断。0 表示出厂状态。", NULL, NULL},
	{"use", cli_learn_use, "VERSION|latest|none", 1, 1, false, NULL,
		"Puts a version into service and keeps it there.", "启用某个版本并保持不变。",
		"Newer ones do not replace it, and none are made, until `use latest`. none: as "
		"installed.",
		"在执行 use latest 之前不会被新版本替换，也不生成新版本。none：出厂状态。"},
	{"pictures", cli_learn_pictures, "", 0, 0, true, pictures_options,
		"Makes the classifier of pictures from pictures of spam and honest ones.",
		"用垃圾图片和正常图片训练图片分类器。",
		"Paths are letters, mboxes, picture files, or directories with such. At least 40 "
		"different\n"
		"pictures of each kind are needed. The new classifier takes the place of the old "
		"one, and\n"
		"judges mail at once.\n\n"
		"  posthouse learn pictures --spam junk/ --ham ~/Maildir/cur\n"
		"  posthouse learn pictures --forget",
		"路径可以是邮件、mbox、图片文件或包含它们的目录。两类各至少需要 40 张不同的图片。\n"
		"新分类器取代旧的，并立即用于判断邮件。\n\n"
		"  posthouse learn pictures --spam junk/ --ham ~/Maildir/cur\n"
		"  posthouse learn pictures --forget"},
	CLI_VERBS_END,
};
