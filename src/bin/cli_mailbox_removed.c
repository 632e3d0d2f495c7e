/*
 * `posthouse mailbox removed|recover|log`: what left a mailbox, by whom, and bringing it back (cli_mailbox.h).
 * A deleted message is named by the change that took it out and its UID then: "412.17".
 */
#include "bin/cli_mailbox.h"

#include "base/mem.h"
#include "base/time.h"

#include <inttypes.h>
#include <stdio.h>

enum { PAGE = 200, RECOVER_AT_ONCE = 50 };

const struct cli_option cli_mailbox_removed_options[] = {
	{"since", "TIME", "an age (2h, 3d) or a time", "起始时间，时长（2h、3d）或时间"},
	{"until", "TIME", "an age or a time", "截止时间，时长或时间"},
	{"folder", "NAME", "that they were in", "原所在文件夹"},
	{"text", "TEXT", "in the subject or the sender", "主题或发件人中的文字"},
	{NULL, NULL, NULL, NULL},
};
const struct cli_option cli_mailbox_recover_options[] = {
	{"since", "TIME", "an age (2h, 3d) or a time", "起始时间，时长（2h、3d）或时间"},
	{"until", "TIME", "an age or a time", "截止时间，时长或时间"},
	{"folder", "NAME", "that they were in", "原所在文件夹"},
	{"text", "TEXT", "in the subject or the sender", "主题或发件人中的文字"},
	{"all", NULL, "everything that can come back", "所有可恢复的邮件"},
	{"to", "FOLDER", "instead of the one they were in", "恢复到此文件夹，默认恢复到原文件夹"},
	{NULL, NULL, NULL, NULL},
};

/* An exit code. */
static int read_query(struct cli_call *c, struct mailbox_removed_query *q)
{
	q->folder = cli_option_text(c, "folder");
	q->text = cli_option_text(c, "text");
	q->most = PAGE;
	int code = cli_time_option(c, "since", &q->since);
	return code == CLI_OK ? cli_time_option(c, "until", &q->until) : code;
}

static const char *how_text(enum mailbox_how how)
{
	switch (how) {
	case MAILBOX_EXPUNGED:
		return T("deleted", "删除");
	case MAILBOX_MOVED:
		return T("moved", "移走");
	case MAILBOX_FOLDER_REMOVED:
		return T("folder removed", "文件夹被删除");
	case MAILBOX_AGED:
		return T("too old", "超过保留期");
	case MAILBOX_VIRUS:
		return T("virus", "病毒");
	case MAILBOX_RECOVERED:
		return T("came back", "已恢复");
	case MAILBOX_LOST:
		return T("unreadable", "无法读取");
	}
	return "-";
}

static const char *how_name(enum mailbox_how how)
{
	static const char *const names[] = {
		"", "expunged", "moved", "folder-removed", "aged", "virus", "recovered", "lost"};
	return how < sizeof names / sizeof *names ? names[how] : "";
}

static void print_json(struct json *j, const struct mailbox_removed *m)
{
	char id[48];
	int n = snprintf(id, sizeof id, "%" PRIu64 ".%u", m->modseq, m->uid);
	json_open_object(j, NULL);
	json_text(j, "id", slice_of(id, (size_t)n));
	json_text(j, "how", slice_z(how_name(m->how)));
	json_time(j, "removed_at", m->removed_at);
	json_time(j, "received_at", m->received_at);
	json_bool(j, "can_return", m->can_return);
	json_text(j, "folder", m->folder);
	json_int(j, "size", (int64_t)m->size);
	json_text(j, "from", m->from);
	json_text(j, "subject", m->subject);
	json_text(j, "message_id", m->message_id);
	json_text(j, "who", m->by.who);
	json_text(j, "protocol", m->by.protocol);
	json_text(j, "client", m->by.client);
	json_text(j, "ip", m->by.ip);
	json_close(j, '}');
}

static void print_removed(struct listing *l, const struct mailbox_removed *m, bool log)
{
	char text[OUT_TEXT];
	if (l->json) {
		print_json(&l->j, m);
		return;
	}
	table_cellf(l->table, "%" PRIu64 ".%u", m->modseq, m->uid);
	table_cell(l->table, slice_z(out_time(m->removed_at, text)));
	if (log) {
		table_cell(l->table, slice_z(how_text(m->how)));
		table_cell(l->table, m->by.who);
		table_cell(l->table, m->by.protocol);
		table_cell(l->table, m->by.client);
		table_cell(l->table, m->by.ip);
	} else {
		table_cell(l->table, slice_z(out_size(m->size, text)));
	}
	table_cell(l->table, m->folder);
	table_cell(l->table, m->from);
	table_cell(l->table, m->subject);
}

/* Page by page from the newest; each() may stop it by -1. */
static int each_removed(struct cli_box *b, struct mailbox_removed_query *q,
	int (*each)(void *arg, const struct mailbox_removed *v, size_t n, struct err *e), void *arg,
	struct err *e)
{
	AUTO(arena) struct arena a = {0};
	struct mailbox_removed *v;
	size_t n;
	q->account_id = b->account.id;
	do {
		arena_reset(&a);
		if (mailbox_removed_list(b->shard, q, &a, &v, &n, e) < 0 || each(arg, v, n, e) < 0)
			return -1;
		if (n) {
			q->before = v[n - 1].modseq;
			q->before_uid = v[n - 1].uid;
		}
	} while (n == q->most);
	return 0;
}

struct showing {
	struct listing l;
	bool log;
};

static int show_page(void *arg, const struct mailbox_removed *v, size_t n, struct err *e)
{
	struct showing *s = arg;
	(void)e;
	for (size_t i = 0; i < n; i++)
		print_removed(&s->l, &v[i], s->log);
	return 0;
}

static int show(struct cli_call *c, bool log)
{
	struct mailbox_removed_query q = {.only_returnable = !log};
	struct showing s = {.log = log};
	struct cli_box b;
	struct err e;
	int code = read_query(c, &q);
	if (code != CLI_OK || cli_box_open(c, S(""), &b, &code) < 0)
		return code;
	const char *const removed[] = {T("ID", "编号"), T("DELETED", "删除时间"),
		T(">SIZE", ">大小"), T("FOLDER", "文件夹"), T("FROM", "发件人"),
		T("SUBJECT", "主题")};
	const char *const lines[] = {T("ID", "编号"), T("TIME", "时间"), T("WHAT", "操作"),
		T("WHO", "操作者"), T("BY", "途径"), T("CLIENT", "程序"), T("IP", "IP"),
		T("FOLDER", "文件夹"), T("FROM", "发件人"), T("SUBJECT", "主题")};
	listing_begin(
		&s.l, c->cli->json, log ? "log" : "removed", log ? lines : removed, log ? 10 : 6);
	int r = each_removed(&b, &q, show_page, &s, &e);
	listing_end_rows(&s.l);
	listing_end(&s.l);
	code = r < 0 ? out_fail(&e) : CLI_OK;
	cli_box_close(&b);
	return code;
}

int cli_mailbox_removed(struct cli_call *c)
{
	return show(c, false);
}

int cli_mailbox_log(struct cli_call *c)
{
	return show(c, true);
}

/* ---- recover ---- */

struct recovering {
	struct cli_box *b;
	slice to;
	struct mailbox_actor by;
	uint64_t done;
};

/* What somebody else brought back meanwhile, or the keeper gave up, is passed over. */
static int recover_some(
	struct recovering *x, const struct mailbox_removed *v, size_t n, struct err *e)
{
	uint64_t done = 0;
	if (sql_begin(x->b->shard, e) < 0)
		return -1;
	for (size_t i = 0; i < n; i++) {
		struct mailbox_place place;
		if (mailbox_recover_tx(x->b->shard, x->b->account.id, v[i].modseq, v[i].uid, x->to,
			    &x->by, &place, e) == 0) {
			done++;
		} else if (e->kind != ERR_PERM && e->kind != ERR_NOTFOUND) {
			sql_rollback(x->b->shard);
			return -1;
		}
	}
	if (sql_commit(x->b->shard, e) < 0)
		return -1;
	x->done += done;
	return 0;
}

static int recover_page(void *arg, const struct mailbox_removed *v, size_t n, struct err *e)
{
	for (size_t i = 0; i < n; i += RECOVER_AT_ONCE)
		if (recover_some(arg, v + i, n - i < RECOVER_AT_ONCE ? n - i : RECOVER_AT_ONCE, e) <
			0)
			return -1;
	return 0;
}

static bool parse_id(slice s, uint64_t *ret_modseq, uint32_t *ret_uid)
{
	slice first;
	uint64_t uid;
	if (!slice_cut(&s, '.', &first) || !s.p || !slice_u64(first, ret_modseq) ||
		!slice_u64(s, &uid) || uid == 0 || uid > UINT32_MAX)
		return false;
	*ret_uid = (uint32_t)uid;
	return true;
}

/* The named ones: all or none. */
static int recover_named(struct cli_call *c, struct recovering *x, struct err *e)
{
	if (sql_begin(x->b->shard, e) < 0)
		return -1;
	for (int i = 1; i < c->nargs; i++) {
		struct mailbox_place place;
		uint64_t modseq;
		uint32_t uid;
		if (!parse_id(cli_arg(c, i), &modseq, &uid) ||
			mailbox_recover_tx(x->b->shard, x->b->account.id, modseq, uid, x->to,
				&x->by, &place, e) < 0) {
			sql_rollback(x->b->shard);
			return -1;
		}
		x->done++;
	}
	return sql_commit(x->b->shard, e);
}

static int check_names(struct cli_call *c, bool filtered)
{
	uint64_t modseq;
	uint32_t uid;
	for (int i = 1; i < c->nargs; i++)
		if (!parse_id(cli_arg(c, i), &modseq, &uid))
			return out_usage(T("not the ID of a deleted message: %.*s",
						 "不是已删除邮件的编号：%.*s"),
				SFMT(cli_arg(c, i)));
	if ((c->nargs > 1) == filtered)
		return out_usage("%s",
			T("give IDs (mailbox removed lists them), or say which: --since, --until, "
			  "--folder, --text, --all",
				"请给出编号（见 mailbox removed），或用 "
				"--since、--until、--folder、--text、"
				"--all 选择"));
	return CLI_OK;
}

int cli_mailbox_recover(struct cli_call *c)
{
	struct mailbox_removed_query q = {.only_returnable = true};
	struct cli_box b;
	struct err e;
	int code = read_query(c, &q);
	bool filtered = cli_flag(c, "since") || cli_flag(c, "until") || cli_flag(c, "folder") ||
			cli_flag(c, "text") || cli_flag(c, "all");
	if (code == CLI_OK)
		code = check_names(c, filtered);
	if (code != CLI_OK || cli_box_open(c, S(""), &b, &code) < 0)
		return code;
	struct recovering x = {
		.b = &b, .to = cli_option_text(c, "to"), .by = cli_box_actor(&b.env)};
	int r = filtered ? each_removed(&b, &q, recover_page, &x, &e) : recover_named(c, &x, &e);
	if (x.done)
		cli_box_tell(&b.env, b.account.id);
	if (r == 0)
		printf(T("%llu messages are back.\n", "已恢复 %llu 封邮件。\n"),
			(unsigned long long)x.done);
	code = r < 0 ? out_fail(&e) : CLI_OK;
	cli_box_close(&b);
	return code;
}
