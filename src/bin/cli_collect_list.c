/* `posthouse migrate|collect list | show | watch`: what the jobs are and how far. */
#include "bin/cli_collect.h"

#include "base/mem.h"

#include <stdio.h>
#include <unistd.h>

enum { PIECE = 500 };

const char *cli_collect_state(enum collect_state s)
{
	switch (s) {
	case COLLECT_WAITING:
		return T("waiting", "等待");
	case COLLECT_RUNNING:
		return T("running", "进行中");
	case COLLECT_DONE:
		return T("done", "完成");
	case COLLECT_FAILED:
		return T("failed", "失败");
	case COLLECT_PAUSED:
		return T("paused", "暂停");
	case COLLECT_CANCELLED:
		return T("cancelled", "已取消");
	}
	return "";
}

static slice source_text(const struct collect_job *j, struct arena *a)
{
	slice who = j->as.n ? j->as : j->user;
	return arena_printf(a, "%s:%.*s@%.*s:%u", j->protocol == COLLECT_POP3 ? "pop3" : "imap",
		SFMT(who), SFMT(j->host), (unsigned)j->port);
}

/* ---- JSON ---- */

static void counts_json(struct json *o, const struct collect_counts *n)
{
	const struct {
		const char *key;
		uint64_t v;
	} all[] = {{"folders", n->boxes}, {"folders_done", n->boxes_done},
		{"messages", n->messages}, {"bytes", n->bytes}, {"copied", n->copied},
		{"present", n->present}, {"flagged", n->flagged}, {"gone", n->gone},
		{"refused", n->refused}, {"mended", n->mended}, {"verified", n->verified},
		{"missing", n->missing}, {"different", n->different}};
	for (size_t i = 0; i < sizeof all / sizeof *all; i++)
		json_int(o, all[i].key, (int64_t)all[i].v);
}

static void job_json(struct json *o, const struct collect_job *j, struct arena *a)
{
	json_int(o, "id", j->id);
	json_text(o, "address", j->address);
	json_text(o, "source", source_text(j, a));
	json_text(o, "batch", j->batch);
	json_text(o, "state", slice_z(collect_state_name(j->state)));
	json_text(o, "why", j->why);
	json_text(o, "folder", j->box);
	json_text(o, "made_by", j->made_by);
	json_text(o, "folders", j->folders);
	json_text(o, "from_contains", j->from_has);
	json_text(o, "subject_contains", j->subject_has);
	json_time(o, "since", j->since);
	counts_json(o, &j->n);
	json_int(o, "total_copied", (int64_t)j->total_copied);
	json_int(o, "passes", (int64_t)j->passes);
	json_int(o, "failures", j->failures);
	json_time(o, "started_at", j->started_at);
	json_time(o, "ended_at", j->ended_at);
	json_time(o, "next_at", j->state == COLLECT_WAITING ? j->next_at : 0);
	json_time(o, "good_at", j->good_at);
}

/* ---- list ---- */

static slice progress_text(const struct collect_job *j, struct arena *a)
{
	if (j->state == COLLECT_RUNNING && j->n.boxes)
		return arena_printf(a, "%llu/%llu %.*s", (unsigned long long)j->n.boxes_done,
			(unsigned long long)j->n.boxes, SFMT(j->box));
	return j->why;
}

static void row(struct listing *l, const struct collect_job *j, struct arena *a)
{
	if (l->json) {
		json_open_object(&l->j, NULL);
		job_json(&l->j, j, a);
		json_close(&l->j, '}');
		return;
	}
	table_cellf(l->table, "%lld", (long long)j->id);
	table_cell(l->table, j->address);
	table_cell(l->table, source_text(j, a));
	table_cell(l->table, slice_z(cli_collect_state(j->state)));
	table_cellf(l->table, "%llu", (unsigned long long)j->n.messages);
	table_cellf(l->table, "%llu", (unsigned long long)j->n.copied);
	table_cellf(l->table, "%llu", (unsigned long long)j->n.refused);
	table_cell(l->table, progress_text(j, a));
}

static int rows(struct cli_collect *x, struct listing *l, struct collect_query q, struct err *e)
{
	AUTO(arena) struct arena a = {0};
	struct collect_job *v;
	size_t n;
	q.most = PIECE;
	do {
		arena_reset(&a);
		if (collect_list(x->db, &q, &a, &v, &n, e) < 0)
			return -1;
		for (size_t i = 0; i < n; i++)
			row(l, &v[i], &a);
		if (n)
			q.after = v[n - 1].id;
	} while (n == PIECE);
	return 0;
}

static int state_of(slice s, unsigned *ret)
{
	for (unsigned i = 1; i <= COLLECT_CANCELLED; i++)
		if (slice_ieq(s, slice_z(collect_state_name((enum collect_state)i))))
			return *ret = i, 0;
	return -1;
}

int cli_collect_list(struct cli_call *c)
{
	AUTO(cli_collect) struct cli_collect x = {0};
	struct collect_query q = {0};
	struct listing l;
	struct err e;
	int code = cli_collect_open(c, &x);
	if (code)
		return code;
	q.repeated = x.repeated;
	if (!x.repeated)
		q.batch = cli_option_text(c, "batch");
	if (cli_option(c, "state") && state_of(cli_option_text(c, "state"), &q.state) < 0)
		return out_usage("%s", T("no such state", "没有这种状态"));
	const char *const heads[] = {T(">JOB", ">任务"), T("ACCOUNT", "帐号"), T("FROM", "来源"),
		T("STATE", "状态"), T(">MAILS", ">邮件"), T(">COPIED", ">新取"),
		T(">REFUSED", ">未取"), T("ABOUT", "说明")};
	listing_begin(&l, c->cli->json, "jobs", heads, 8);
	int r = rows(&x, &l, q, &e);
	listing_end_rows(&l);
	listing_end(&l);
	return r < 0 ? out_fail(&e) : CLI_OK;
}

/* ---- show ---- */

static void line(const char *what, slice value)
{
	if (!value.n)
		return;
	printf("%s: ", what);
	out_safe(value);
	putchar('\n');
}

static void number(const char *what, uint64_t n)
{
	if (n)
		printf("%s: %llu\n", what, (unsigned long long)n);
}

static void when(const char *what, int64_t at)
{
	char text[OUT_TEXT];
	if (at)
		printf("%s: %s\n", what, out_time(at, text));
}

static void show(const struct collect_job *j, struct arena *a)
{
	char text[OUT_TEXT];
	line(T("Account", "帐号"), j->address);
	line(T("From", "来源"), source_text(j, a));
	line(T("Batch", "批次"), j->batch);
	line(T("State", "状态"), slice_z(cli_collect_state(j->state)));
	line(T("Why", "原因"), j->why);
	line(T("Folder", "文件夹"), j->box);
	printf(T("Folders: %llu of %llu\n", "文件夹：%llu / %llu\n"),
		(unsigned long long)j->n.boxes_done, (unsigned long long)j->n.boxes);
	number(T("Messages there", "对方邮件数"), j->n.messages);
	number(T("Copied", "新取"), j->n.copied);
	if (j->n.bytes)
		line(T("Bytes", "字节数"), slice_z(out_size(j->n.bytes, text)));
	number(T("Here before", "原已存在"), j->n.present);
	number(T("Flags changed", "标记更新"), j->n.flagged);
	number(T("Gone", "已删除"), j->n.gone);
	number(T("Refused", "未取"), j->n.refused);
	number(T("Mended", "经修正"), j->n.mended);
	number(T("Verified", "比对一致"), j->n.verified);
	number(T("Missing here", "本系统缺少"), j->n.missing);
	number(T("Different here", "内容不同"), j->n.different);
	number(T("Copied in all passes", "累计取回"), j->total_copied);
	when(T("Began", "开始"), j->started_at);
	when(T("Ended", "结束"), j->ended_at);
	if (j->state == COLLECT_WAITING)
		when(T("Next", "下次"), j->next_at);
}

int cli_collect_show(struct cli_call *c)
{
	AUTO(cli_collect) struct cli_collect x = {0};
	struct collect_job j;
	struct err e;
	uint64_t id;
	int code = cli_collect_open(c, &x);
	if (code)
		return code;
	if (!slice_u64(cli_arg(c, 0), &id) || id > INT64_MAX)
		return out_usage("%s", T("no number of a job", "不是任务编号"));
	if (collect_get(x.db, (int64_t)id, &x.env.mem, &j, &e) < 0)
		return out_fail(&e);
	if (c->cli->json) {
		struct json o = {0};
		json_begin(&o);
		job_json(&o, &j, &x.env.mem);
		json_end(&o);
	} else {
		show(&j, &x.env.mem);
	}
	return CLI_OK;
}

/* ---- watching ---- */

struct sum {
	uint64_t jobs, open, running, failed, refused, bad, messages, copied, bytes;
	slice box;
};

static int add_up(struct cli_collect *x, struct collect_query q, struct arena *a, struct sum *s,
	struct err *e)
{
	struct collect_job *v;
	size_t n;
	*s = (struct sum){0};
	q.most = PIECE;
	do {
		arena_reset(a);
		if (collect_list(x->db, &q, a, &v, &n, e) < 0)
			return -1;
		for (size_t i = 0; i < n; i++) {
			const struct collect_job *j = &v[i];
			s->jobs++;
			s->running += j->state == COLLECT_RUNNING;
			s->open += j->state == COLLECT_RUNNING || j->state == COLLECT_WAITING;
			s->failed += j->state == COLLECT_FAILED || j->state == COLLECT_CANCELLED;
			s->refused += j->n.refused;
			s->bad += j->n.missing + j->n.different;
			s->messages += j->n.messages;
			s->copied += j->n.copied;
			s->bytes += j->n.bytes;
			if (j->state == COLLECT_RUNNING)
				s->box = j->box;
		}
		if (n)
			q.after = v[n - 1].id;
	} while (n == PIECE);
	return 0;
}

static void tell(const struct sum *s, bool terminal)
{
	char text[OUT_TEXT];
	if (terminal)
		fputs("\r\033[K", stdout);
	printf(T("%llu accounts, %llu left (%llu running), %llu failed; %llu messages seen, %llu "
		 "copied, %s",
		       "%llu 个帐号，剩余 %llu 个（进行中 %llu 个），失败 %llu 个；已查看邮件 %llu "
		       "封，"
		       "取回 %llu 封，%s"),
		(unsigned long long)s->jobs, (unsigned long long)s->open,
		(unsigned long long)s->running, (unsigned long long)s->failed,
		(unsigned long long)s->messages, (unsigned long long)s->copied,
		out_size(s->bytes, text));
	if (terminal && s->box.n) {
		fputs("  ", stdout);
		out_safe(slice_first(s->box, 60));
	}
	if (!terminal)
		putchar('\n');
	fflush(stdout);
}

int cli_collect_wait(struct cli_collect *x, const struct collect_query *q, bool quiet)
{
	AUTO(arena) struct arena a = {0};
	bool terminal = isatty(STDOUT_FILENO);
	struct sum s, last = {0};
	struct err e;
	for (;;) {
		if (add_up(x, *q, &a, &s, &e) < 0)
			return out_fail(&e);
		bool news = s.copied != last.copied || s.open != last.open;
		if (!quiet && (terminal || news || !s.open))
			tell(&s, terminal);
		last = s;
		if (!s.open)
			break;
		usleep(terminal ? 500 * MSEC : 200 * MSEC);
	}
	if (terminal && !quiet)
		putchar('\n');
	if (!s.jobs)
		return CLI_NOTHING;
	return s.failed || s.bad ? CLI_FAILED : CLI_OK;
}

int cli_collect_watch(struct cli_call *c)
{
	AUTO(cli_collect) struct cli_collect x = {0};
	int code = cli_collect_open(c, &x);
	if (code)
		return code;
	const struct collect_query q = {
		.batch = cli_option_text(c, "batch"), .repeated = 0, .most = PIECE};
	return cli_collect_wait(&x, &q, false);
}
