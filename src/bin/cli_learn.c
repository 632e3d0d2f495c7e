/*
 * `posthouse learn`: teaching the filter of this site and taking it back. Letters go into the
 * journal (training/journal.h); the learn process of the running server reads them. What is shown
 * is in cli_learn_show.c and cli_learn_versions.c.
 */
#include "bin/cli_learn.h"

#include "base/mem.h"
#include "base/time.h"
#include "bin/cli_verbs.h"
#include "run/control.h"
#include "store/directory.h"
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
	LETTER_MAX = 128 << 20, /* bytes of a file with one letter */
	MBOX_MAX = 1 << 30, /* of one with many */
	DEPTH_MAX = 8, /* directories inside directories */
	BATCH_LETTERS = 200, /* told in one transaction */
	BATCH_BYTES = 32 << 20,
	FAULTS_SHOWN = 20,
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
	size_t letters, faults, in_batch, bytes_in_batch;
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

static void fault(struct teaching *t, const char *path, const char *why)
{
	if (t->faults++ < FAULTS_SHOWN)
		fprintf(stderr, "posthouse: %s: %s\n", path, why);
}

/* ---- files ---- */

static int read_fd(int fd, struct buf *out)
{
	for (;;) {
		char *room = buf_room(out, 64 * 1024);
		ssize_t n = room ? read(fd, room, 64 * 1024) : -1;
		if (!room)
			errno = EFBIG;
		if (n <= 0)
			return (int)n;
		buf_commit(out, (size_t)n);
	}
}

/* Files belong to who runs the command, the journal to the server. */
static int read_file(struct teaching *t, const char *path, struct buf *out)
{
	cli_env_as_caller(&t->env);
	AUTO(fd)
	int fd = strcmp(path, "-") == 0 ? dup(0)
					: open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	int r = fd < 0 ? -1 : read_fd(fd, out);
	int why = errno;
	cli_env_as_server(&t->env);
	errno = why;
	return r;
}

/* Where the next letter of an mbox begins: "From " at the beginning of a line behind an empty one.
 */
static size_t next_letter(slice s)
{
	for (size_t at = 1; at < s.n;) {
		size_t found = at + slice_find(slice_skip(s, at), S("\nFrom "));
		if (found >= s.n)
			return s.n;
		slice before = slice_first(s, found);
		if (slice_ends(before, S("\n")) || slice_ends(before, S("\n\r")))
			return found + 1;
		at = found + 1;
	}
	return s.n;
}

static int tell_mbox(struct teaching *t, slice all)
{
	while (all.n) {
		size_t n = next_letter(all);
		slice letter = slice_first(all, n);
		all = slice_skip(all, n);
		letter = slice_skip(letter, slice_index(letter, '\n') + 1);
		if (slice_trim(letter).n && tell(t, letter) < 0)
			return -1;
	}
	return 0;
}

static int tell_file(struct teaching *t, const char *path)
{
	AUTO(buf) struct buf all = BUF(MBOX_MAX);
	if (read_file(t, path, &all) < 0) {
		fault(t, path, strerror(errno));
		return 0;
	}
	if (slice_starts(buf_slice(&all), S("From ")))
		return tell_mbox(t, buf_slice(&all));
	if (all.n > LETTER_MAX || !slice_trim(buf_slice(&all)).n) {
		fault(t, path,
			all.n > LETTER_MAX ? T("too large for a letter", "太大，不是一封邮件")
					   : T("empty", "空文件"));
		return 0;
	}
	return tell(t, buf_slice(&all));
}

static int tell_path(struct teaching *t, const char *path, unsigned depth);

static int tell_dir(struct teaching *t, const char *path, DIR *d, unsigned depth)
{
	int r = 0;
	for (struct dirent *f; r == 0 && (f = readdir(d));) {
		AUTO(arena) struct arena a = {0};
		if (f->d_name[0] == '.' && (f->d_name[1] == 0 || f->d_name[1] == '.'))
			continue;
		slice inside = arena_printf(&a, "%s/%s", path, f->d_name);
		r = tell_path(t, arena_strz(&a, inside), depth + 1);
	}
	return r;
}

/* A letter, an mbox, or a directory with such: also a Maildir with its folders. */
static int tell_path(struct teaching *t, const char *path, unsigned depth)
{
	struct stat st = {0};
	cli_env_as_caller(&t->env);
	bool is_dir = stat(path, &st) == 0 && S_ISDIR(st.st_mode);
	DIR *d = is_dir && depth < DEPTH_MAX ? opendir(path) : NULL;
	int why = errno;
	cli_env_as_server(&t->env);
	if (!is_dir)
		return S_ISREG(st.st_mode) || depth == 0 ? tell_file(t, path) : 0;
	if (!d) {
		fault(t, path, depth < DEPTH_MAX ? strerror(why) : T("too deep", "目录层次太深"));
		return 0;
	}
	int r = tell_dir(t, path, d, depth);
	closedir(d);
	return r;
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
		json_int(&j, "unreadable", (int64_t)t->faults);
		json_end(&j);
	} else {
		printf(T("Letters to be learned: %zu.\n", "待学习的邮件：%zu 封。\n"), t->letters);
	}
	if (!t->env.config.learning->enabled)
		fprintf(stderr, "%s\n",
			T("posthouse: they wait, because [learning] enabled is no",
				"posthouse: [learning] enabled 为 no，这些邮件暂不学习"));
	return t->faults ? CLI_FAILED : t->letters ? CLI_OK : CLI_NOTHING;
}

static int teach(struct cli_call *c, enum training_source source, bool spam)
{
	struct teaching t = {.told = {.source = source, .spam = spam}};
	int code, r = 0;
	t.db = cli_learn_open(c, &t.env, &code);
	if (t.db) {
		t.max_size = (size_t)t.env.config.learning->max_size;
		code = take_user(&t, cli_option_text(c, "user"));
		for (int i = 0; code == CLI_OK && i < c->nargs && r == 0; i++)
			r = tell_path(&t, c->args[i], 0);
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
	CLI_VERBS_END,
};
