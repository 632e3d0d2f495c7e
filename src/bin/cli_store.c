/* `posthouse store`: is everything there and whole, mending it, giving space back, numbers. */
#include "bin/cli_mailbox.h"

#include "base/mem.h"
#include "store/store.h"

#include <stdio.h>

static const struct kind {
	const char *en, *zh; /* `en` is the store's own word */
} kinds[] = {
	{"pack-damaged", "存储包损坏"},
	{"pack-salvaged", "存储包已抢救"},
	{"pack-locked", "存储包已加密，缺少密钥"},
	{"pack-link", "存储包链接错误"},
	{"blob-missing", "邮件内容缺失"},
	{"blob-damaged", "邮件内容损坏"},
	{"size-wrong", "邮件大小不符"},
	{"queue-orphan", "队列中无主的收件人"},
	{"queue-empty", "队列中没有收件人的邮件"},
	{"mailbox-orphan", "邮件所在文件夹不存在"},
	{"mailbox-count", "文件夹计数错误"},
	{"mailbox-uid", "文件夹编号错误"},
	{"mailbox-missing", "帐号缺少邮箱记录"},
	{"mailbox-modseq", "修改序号错误"},
	{"mailbox-next", "帐号编号错误"},
	{"mailbox-size", "邮件大小记录错误"},
	{"mailbox-total", "帐号合计错误"},
	{"mailbox-removed", "已删除邮件无法恢复"},
	{"mailbox-lost", "邮件没有内容"},
	{"mailbox-nowhere", "邮件不在任何文件夹"},
	{"mailbox-refs", "邮件引用计数错误"},
	{"mailbox-thread", "会话引用错误"},
	{"mailbox-rights", "权限所属文件夹不存在"},
	{"mailbox-metadata", "元数据所属文件夹不存在"},
	{"mailbox-keyword", "关键字所属文件夹不存在"},
	{"segment-index", "共享内容索引错误"},
	{"sqlite", "数据库结构损坏"},
};

const char *cli_store_kind(const char *kind)
{
	for (size_t i = 0; tr_lang == LANG_ZH && i < sizeof kinds / sizeof kinds[0]; i++)
		if (strcmp(kind, kinds[i].en) == 0)
			return kinds[i].zh;
	return kind;
}

struct verifying {
	bool as_json;
	struct json j;
	uint64_t repaired;
};

static void on_problem(void *arg, const struct store_problem *p)
{
	struct verifying *v = arg;
	v->repaired += p->repaired;
	if (v->as_json) {
		json_open_object(&v->j, NULL);
		json_text(&v->j, "kind", slice_z(p->kind));
		json_text(&v->j, "text", p->text);
		json_bool(&v->j, "repaired", p->repaired);
		json_close(&v->j, '}');
		return;
	}
	printf("%s: ", cli_store_kind(p->kind));
	out_safe(p->text);
	puts(p->repaired ? T(" (mended)", "（已修复）") : "");
}

static int look(struct cli_call *c, bool repair)
{
	AUTO(cli_env) struct cli_env env = {0};
	struct verifying v = {.as_json = c->cli->json};
	struct err e;
	int code;
	if (cli_env_open(c->cli, &env, &code) < 0)
		return code;
	if (v.as_json) {
		json_begin(&v.j);
		json_open_array(&v.j, "problems");
	}
	int n = store_verify(env.config.server->data, repair, on_problem, &v, &e);
	if (v.as_json) {
		json_close(&v.j, ']');
		json_bool(&v.j, "complete", n >= 0);
		json_end(&v.j);
	}
	if (n < 0)
		return out_fail(&e);
	if (!v.as_json && n == 0)
		puts(T("The store is whole.", "存储完好。"));
	else if (!v.as_json)
		printf(T("%d problems, %llu mended.\n", "共 %d 个问题，已修复 %llu 个。\n"), n,
			(unsigned long long)v.repaired);
	return (uint64_t)n > v.repaired ? CLI_FAILED : CLI_OK;
}

static int verify(struct cli_call *c)
{
	return look(c, false);
}

static int repair(struct cli_call *c)
{
	return look(c, true);
}

static int gc(struct cli_call *c)
{
	AUTO(cli_env) struct cli_env env = {0};
	struct store_gc_result r = {0};
	struct err e;
	char freed[OUT_TEXT];
	int code;
	if (cli_env_open(c->cli, &env, &code) < 0)
		return code;
	if (store_gc(env.config.server->data, &r, &e) < 0)
		return out_fail(&e);
	if (c->cli->json) {
		struct json j = {0};
		json_begin(&j);
		json_int(&j, "packs_deleted", (int64_t)r.packs_deleted);
		json_int(&j, "packs_rewritten", (int64_t)r.packs_rewritten);
		json_int(&j, "bytes_freed", (int64_t)r.bytes_freed);
		json_int(&j, "references", (int64_t)r.references);
		json_end(&j);
		return CLI_OK;
	}
	printf(T("%s given back: %llu packs deleted, %llu rewritten; %llu messages are referred "
		 "to.\n",
		       "释放 %s：删除 %llu 个存储包，重写 %llu 个；被引用的邮件 %llu 封。\n"),
		out_size(r.bytes_freed, freed), (unsigned long long)r.packs_deleted,
		(unsigned long long)r.packs_rewritten, (unsigned long long)r.references);
	return CLI_OK;
}

static int stat(struct cli_call *c)
{
	AUTO(cli_env) struct cli_env env = {0};
	struct store_stat s;
	struct err e;
	int code;
	if (cli_env_open(c->cli, &env, &code) < 0)
		return code;
	if (store_stat(env.config.server->data, &s, &e) < 0)
		return out_fail(&e);
	const struct {
		const char *key, *en, *zh;
		uint64_t v;
		bool is_size;
	} rows[] = {
		{"domains", "domains", "域", s.domains, false},
		{"accounts", "accounts", "帐号", s.accounts, false},
		{"mailbox_messages", "messages in mailboxes", "邮箱中的邮件", s.mailbox_messages,
			false},
		{"queue_messages", "messages in the queue", "队列中的邮件", s.queue_messages,
			false},
		{"queue_recipients", "recipients in the queue", "队列中的收件人", s.queue_rcpts,
			false},
		{"quarantine_messages", "messages in quarantine", "隔离区中的邮件",
			s.quarantine_messages, false},
		{"quarantine_recipients", "recipients in quarantine", "隔离区中的收件人",
			s.quarantine_rcpts, false},
		{"trace_rows", "rows of the trace", "跟踪记录", s.trace_rows, false},
		{"packs", "packs", "存储包", s.packs, false},
		{"pack_bytes", "bytes in packs", "存储包大小", s.pack_bytes, true},
		{"segments", "shared segments", "共享内容块", s.segments, false},
		{"segment_bytes", "bytes of shared segments", "共享内容块大小", s.segment_bytes,
			true},
		{"db_bytes", "bytes in databases", "数据库大小", s.db_bytes, true},
		{"free_bytes", "free on the disk", "磁盘剩余", s.free_bytes, true},
	};
	const char *const heads[] = {T("WHAT", "项目"), T(">HOW MUCH", ">数值")};
	struct table *t = table_new(heads, 2);
	struct json j = {0};
	if (c->cli->json)
		json_begin(&j);
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		char size[OUT_TEXT];
		if (c->cli->json) {
			json_int(&j, rows[i].key, (int64_t)rows[i].v);
			continue;
		}
		table_cell(t, slice_z(T(rows[i].en, rows[i].zh)));
		if (rows[i].is_size)
			table_cell(t, slice_z(out_size(rows[i].v, size)));
		else
			table_cellf(t, "%llu", (unsigned long long)rows[i].v);
	}
	if (c->cli->json)
		json_end(&j);
	table_end(t);
	return CLI_OK;
}

const struct cli_verb store_verbs[] = {
	{"verify", verify, "", 0, 0, true, NULL,
		"Reads everything and tells what is missing or damaged.",
		"检查全部数据，报告缺失和损坏。",
		"Changes nothing; may run beside the server. Exit code 1 when there is a problem.",
		"不作任何更改，可与服务器同时运行。发现问题时退出码为 1。"},
	{"repair", repair, "", 0, 0, true, NULL, "The same, and mends what can be mended.",
		"检查并修复可修复的问题。",
		"Never destroys the only copy of anything: damaged packs are moved to "
		"DATA/lost.\nExit code 1 when something could "
		"not be mended.",
		"绝不销毁任何内容的唯一副本：损坏的存储包移至 "
		"数据目录/lost。若有无法修复的问题，退出码为 1。"},
	{"gc", gc, "", 0, 0, true, NULL, "Gives the space of deleted messages back.",
		"回收已删除邮件占用的空间。", "The server does this by itself; this does it now.",
		"服务器会自动进行；此命令立即执行。"},
	{"stat", stat, "", 0, 0, true, NULL, "Numbers about the store.", "存储的统计数字。", NULL,
		NULL},
	CLI_VERBS_END,
};
