/* `posthouse backup`: runs, generations, checking them (store/backup.h). Repositories are in cli_backup_init.c, keys in cli_backup_key.c. */
#include "bin/cli_backup.h"

#include "base/mem.h"
#include "bin/cli_verbs.h"

#include <inttypes.h>
#include <stdio.h>

/* ---- generations ---- */

static int list(struct cli_call *c)
{
	AUTO(cli_backup) struct cli_backup b = {0};
	struct backup_generation *v;
	struct listing l;
	struct err e;
	char text[OUT_TEXT];
	size_t n;
	int code;
	bool key = cli_option(c, "key") || cli_flag(c, "stdin");
	if (cli_backup_open(c, key ? NEEDS_KEY : 0, &b, &code) < 0)
		return code;
	if (cli_backup_generations(&b, &v, &n, &e) < 0)
		return out_fail(&e);
	const char *const heads[] = {T("ID", "编号"), T("BEGUN", "开始时间"), T(">TOOK", ">用时"),
		T(">FILES", ">文件"), T(">SIZE", ">大小"), T(">NEW", ">新增"), T(">SENT", ">发送"),
		T("WHY", "原因")};
	listing_begin(&l, c->cli->json, "generations", heads, 8);
	for (size_t i = 0; i < n; i++) {
		const struct backup_generation *g = &v[i];
		if (l.json) {
			json_open_object(&l.j, NULL);
			json_text(&l.j, "id", cli_backup_id(g->name, &b.mem));
			json_time(&l.j, "started_at", g->started_at);
			json_time(&l.j, "finished_at", g->finished_at);
			json_int(&l.j, "files", (int64_t)g->files);
			json_int(&l.j, "bytes", (int64_t)g->bytes);
			json_int(&l.j, "new_bytes", (int64_t)g->fresh);
			json_int(&l.j, "sent_bytes", (int64_t)g->sent);
			json_text(&l.j, "why", g->why);
			json_close(&l.j, '}');
			continue;
		}
		table_cell(l.table, cli_backup_id(g->name, &b.mem));
		table_cell(l.table, slice_z(out_time(g->started_at, text)));
		table_cell(l.table, slice_z(out_age(g->finished_at - g->started_at, text)));
		table_cellf(l.table, "%" PRIu64, g->files);
		table_cell(l.table, slice_z(out_size(g->bytes, text)));
		table_cell(l.table, slice_z(out_size(g->fresh, text)));
		table_cell(l.table, slice_z(out_size(g->sent, text)));
		table_cell(l.table, g->why);
	}
	listing_end_rows(&l);
	listing_end(&l);
	return CLI_OK;
}

static const char *kind_text(enum backup_kind k)
{
	switch (k) {
	case BACKUP_DATABASE:
		return T("database", "数据库");
	case BACKUP_PACK:
		return T("pack", "存储包");
	case BACKUP_CONFIG:
		return T("configuration", "配置");
	case BACKUP_KEYS:
		return T("data keys", "数据密钥");
	default:
		return T("file", "文件");
	}
}

static int show(struct cli_call *c)
{
	AUTO(cli_backup) struct cli_backup b = {0};
	struct backup_generation g;
	struct backup_content *content;
	struct listing l;
	struct err e;
	char text[OUT_TEXT];
	int code;
	if (cli_backup_open(c, NEEDS_KEY, &b, &code) < 0)
		return code;
	if (cli_backup_find(&b, cli_arg(c, 0), &g, &e) < 0 ||
		backup_content_open(b.repo, g.name, &content, &e) < 0)
		return out_fail(&e);
	const char *const heads[] = {T("KIND", "类型"), T(">SIZE", ">大小"),
		T("CHANGED", "修改时间"), T("FILE", "文件")};
	if (!c->cli->json)
		printf(T("Backup %.*s of %.*s (posthouse %.*s), %s\n\n",
			       "备份 %.*s，主机 %.*s（posthouse %.*s），%s\n\n"),
			SFMT(cli_backup_id(g.name, &b.mem)), SFMT(content->host),
			SFMT(content->version), out_time(content->started_at, text));
	listing_begin(&l, c->cli->json, "files", heads, 4);
	for (size_t i = 0; i < content->nfiles; i++) {
		const struct backup_file *f = &content->files[i];
		if (l.json) {
			json_open_object(&l.j, NULL);
			json_text(&l.j, "path", f->path);
			json_int(&l.j, "size", (int64_t)f->size);
			json_time(&l.j, "changed_at", f->changed_at);
			json_close(&l.j, '}');
			continue;
		}
		table_cell(l.table, slice_z(kind_text(f->kind)));
		table_cell(l.table, slice_z(out_size(f->size, text)));
		table_cell(l.table, slice_z(out_time(f->changed_at, text)));
		table_cell(l.table, f->path);
	}
	listing_end_rows(&l);
	if (l.json) {
		json_text(&l.j, "id", cli_backup_id(g.name, &b.mem));
		json_text(&l.j, "host", content->host);
		json_text(&l.j, "version", content->version);
		json_time(&l.j, "started_at", content->started_at);
	}
	listing_end(&l);
	backup_content_close(content);
	return CLI_OK;
}

/* ---- making ---- */

static int run(struct cli_call *c)
{
	AUTO(cli_backup) struct cli_backup b = {0};
	struct backup_result r;
	struct backup_pruned p;
	struct err e;
	char text[3][OUT_TEXT];
	int code;
	if (cli_backup_open(c, NEEDS_STORE | NEEDS_EXTRAS, &b, &code) < 0)
		return code;
	const struct backup_job j = {.config = &b.env.config,
		.extras = &b.extras,
		.why = S("command"),
		.go_on = cli_backup_progress,
		.arg = &b};
	backup_be_modest();
	int result = backup_job_run(&j, &r, &p, &e);
	cli_backup_progress_end(&b);
	if (result < 0)
		return out_fail(&e);
	if (c->cli->json) {
		struct json out = {0};
		json_begin(&out);
		json_text(&out, "id", cli_backup_id(r.name, &b.mem));
		json_int(&out, "files", (int64_t)r.files);
		json_int(&out, "bytes", (int64_t)r.bytes);
		json_int(&out, "read_bytes", (int64_t)r.read);
		json_int(&out, "new_bytes", (int64_t)r.fresh);
		json_int(&out, "sent_bytes", (int64_t)r.sent);
		json_int(&out, "took_ms", r.took / MSEC);
		json_int(&out, "pruned", (int64_t)p.generations);
		json_end(&out);
	} else {
		printf(T("Backup %.*s: %s, of it %s new, %s sent.\n",
			       "备份 %.*s：共 %s，其中新增 %s，发送 %s。\n"),
			SFMT(cli_backup_id(r.name, &b.mem)), out_size(r.bytes, text[0]),
			out_size(r.fresh, text[1]), out_size(r.sent, text[2]));
		if (p.generations)
			printf(T("%" PRIu64 " old ones removed, %s given back.\n",
				       "删除过期备份 %" PRIu64 " 个，释放 %s。\n"),
				p.generations, out_size(p.bytes, text[0]));
	}
	return result > 0 ? out_fail(&e) : CLI_OK;
}

static int prune(struct cli_call *c)
{
	AUTO(cli_backup) struct cli_backup b = {0};
	struct backup_pruned p;
	struct err e;
	char text[OUT_TEXT];
	int code;
	bool dry = cli_flag(c, "dry-run");
	if (cli_backup_open(c, NEEDS_STORE, &b, &code) < 0)
		return code;
	const struct backup_keep keep = backup_keep_of(b.conf);
	if (backup_prune(b.env.config.server->data, b.target, &keep, dry, &p, &e) < 0)
		return out_fail(&e);
	if (c->cli->json) {
		struct json j = {0};
		json_begin(&j);
		json_int(&j, "generations", (int64_t)p.generations);
		json_int(&j, "objects", (int64_t)p.objects);
		json_int(&j, "bytes", (int64_t)p.bytes);
		json_end(&j);
	} else if (dry) {
		printf(T("%" PRIu64 " backups would go.\n", "将删除 %" PRIu64 " 个备份。\n"),
			p.generations);
	} else {
		printf(T("%" PRIu64 " backups removed, %s given back.\n",
			       "已删除 %" PRIu64 " 个备份，释放 %s。\n"),
			p.generations, out_size(p.bytes, text));
	}
	return CLI_OK;
}

/* ---- verify ---- */

struct verifying {
	struct cli_backup *b;
	bool json;
	struct json j;
};

static const char *problem_text(const char *kind)
{
	static const struct {
		const char *en, *zh;
	} kinds[] = {{"object-missing", "对象缺失"}, {"object-damaged", "对象损坏"},
		{"object-short", "对象长度不符"}, {"list-damaged", "清单损坏"},
		{"database", "数据库损坏"}};
	for (size_t i = 0; tr_lang == LANG_ZH && i < sizeof kinds / sizeof *kinds; i++)
		if (strcmp(kinds[i].en, kind) == 0)
			return kinds[i].zh;
	return kind;
}

static void on_problem(void *arg, const struct backup_problem *p)
{
	struct verifying *v = arg;
	if (v->json) {
		json_open_object(&v->j, NULL);
		json_text(&v->j, "kind", slice_z(p->kind));
		json_text(&v->j, "text", p->text);
		json_close(&v->j, '}');
		return;
	}
	cli_backup_progress_end(v->b);
	printf("%s: ", problem_text(p->kind));
	out_safe(p->text);
	puts("");
}

static bool on_progress(void *arg, uint64_t done, uint64_t all)
{
	return cli_backup_progress(((struct verifying *)arg)->b, done, all);
}

static int verify(struct cli_call *c)
{
	AUTO(cli_backup) struct cli_backup b = {0};
	struct verifying x = {.b = &b, .json = c->cli->json};
	struct backup_generation g;
	struct backup_verified done = {0};
	struct err e;
	char text[OUT_TEXT];
	uint64_t percent = 100;
	int code;
	if (cli_option(c, "percent") &&
		(!slice_u64(cli_option_text(c, "percent"), &percent) || percent > 100))
		return out_usage("%s", T("--percent: 0 to 100", "--percent：0 到 100"));
	if (cli_backup_open(c, NEEDS_KEY, &b, &code) < 0)
		return code;
	if (c->nargs && cli_backup_find(&b, cli_arg(c, 0), &g, &e) < 0)
		return out_fail(&e);
	const struct backup_verify v = {.percent = (unsigned)percent,
		.databases = cli_flag(c, "databases"),
		.problem = on_problem,
		.go_on = on_progress,
		.arg = &x};
	if (x.json) {
		json_begin(&x.j);
		json_open_array(&x.j, "problems");
	}
	int64_t n = backup_verify(b.repo, c->nargs ? g.name : NULL, &v, &done, &e);
	cli_backup_progress_end(&b);
	if (x.json) {
		json_close(&x.j, ']');
		json_bool(&x.j, "complete", n >= 0);
		json_int(&x.j, "generations", (int64_t)done.generations);
		json_int(&x.j, "objects", (int64_t)done.objects);
		json_int(&x.j, "bytes", (int64_t)done.bytes);
		json_int(&x.j, "databases", (int64_t)done.databases);
		json_end(&x.j);
	}
	if (n < 0)
		return out_fail(&e);
	if (!x.json)
		printf(T("%" PRIu64 " backups, %" PRIu64 " objects, %s: %" PRId64 " problems.\n",
			       "备份 %" PRIu64 " 个，对象 %" PRIu64 " 个，共 %s：%" PRId64
			       " 个问题。\n"),
			done.generations, done.objects, out_size(done.bytes, text), n);
	return n ? CLI_FAILED : CLI_OK;
}

static const struct cli_option init_options[] = {
	{"key", "FILE", "make a key file; without it a passphrase is asked for",
		"生成密钥文件；未给出时询问口令"},
	{"stdin", NULL, "a passphrase, from the first line of standard input (also beside --key)",
		"从标准输入第一行读取口令（可与 --key 并用）"},
	{NULL, NULL, NULL, NULL},
};
static const struct cli_option key_options[] = {CLI_BACKUP_KEY_OPTIONS, {NULL, NULL, NULL, NULL}};
static const struct cli_option verify_options[] = {CLI_BACKUP_KEY_OPTIONS,
	{"percent", "N",
		"read so many of a hundred objects (100); of the others only the size is asked",
		"读取百分之几的对象（100）；其余只核对大小"},
	{"databases", NULL, "check the databases, too, without restoring them",
		"同时检查数据库，无需恢复"},
	{NULL, NULL, NULL, NULL}};
static const struct cli_option prune_options[] = {
	{"dry-run", NULL, "only tell how many would go", "只显示将删除多少"},
	{NULL, NULL, NULL, NULL}};

const struct cli_verb backup_verbs[] = {
	{"init", cli_backup_init, "", 0, 0, false, init_options,
		"Makes the repository that [backup] target names.",
		"在 [backup] target 指定的位置建立仓库。",
		"The key opens every backup: whoever has it reads all mail, whoever lost it none.",
		"密钥可打开所有备份：持有者能读全部邮件，遗失则无法恢复。"},
	{"adopt", cli_backup_adopt, "", 0, 0, false, key_options,
		"Goes on with a repository that is there.", "继续使用已有的仓库。",
		"After a disaster, or on a new machine. An installation that wrote there before "
		"cannot any more.\n"
		"Reads the newest backup once, so that nothing is sent again.",
		"用于灾难恢复之后或更换机器。此前写入该仓库的系统将不能再写。\n会读取一次最新备份，"
		"避免重复发送。"},
	{"run", run, "", 0, 0, true, NULL, "Makes a backup now.", "立即备份。",
		"The server goes on running. Only what is new is sent. What is over by the rules "
		"of [backup] is "
		"removed.",
		"服务器照常运行。只发送新增内容，并按 [backup] 的规则删除过期备份。"},
	{"list", list, "", 0, 0, true, key_options, "Backups that there are.", "列出备份。",
		"As this server remembers them; with --key or --stdin as the repository has them.",
		"按本服务器的记录；使用 --key 或 --stdin 时按仓库内容。"},
	{"show", show, "[BACKUP]", 0, 1, true, key_options, "What is in a backup.",
		"显示备份内容。",
		"BACKUP: an ID (its beginning), \"latest\", or a time: the newest one not after "
		"it.",
		"BACKUP：编号（可只写开头）、latest，或一个时间（取不晚于该时间的最新备份）。"},
	{"verify", verify, "[BACKUP]", 0, 1, true, verify_options, "Is all of it there and whole?",
		"检查备份是否完整。",
		"Reads and opens everything that one backup, or all, need. Exit code 1 when there "
		"is a problem.",
		"读取并解开一个或全部备份所需的内容。发现问题时退出码为 1。"},
	{"prune", prune, "", 0, 0, true, prune_options, "Removes backups that are over.",
		"删除过期备份。",
		"By [backup] keep_last, keep_daily, keep_weekly, keep_monthly; each run does it, "
		"too.",
		"按 [backup] 的 "
		"keep_last、keep_daily、keep_weekly、keep_monthly；每次备份后也会自动进行。"},
	{"key", cli_backup_key, "list|add|remove|export [NAME|FILE]", 1, 2, true,
		cli_backup_key_options, "Passphrases that open the repository.",
		"可打开仓库的口令。",
		"list; add LABEL: one more passphrase; remove NAME; export FILE: the key as a "
		"file.",
		"list：列出；add LABEL：增加口令；remove NAME：删除；export FILE：导出密钥文件。"},
	CLI_VERBS_END,
};
