/* Who looks after a mailing list, where its members come from, what waits for a moderator (cli_maillist.h). */
#include "bin/cli_maillist.h"

#include "base/mem.h"
#include "base/time.h"
#include "bin/serve.h"
#include <inttypes.h>
#include <stdio.h>

/* ---- sources and roles ---- */

static int change_sources(struct cli_call *c,
	int (*fn)(struct sql *, int64_t, const struct maillist_source *, struct err *))
{
	AUTO(cli_lists) struct cli_lists x = {0};
	struct maillist_source s;
	struct err e;
	if (!cli_maillist_begin(c, &x, true))
		return x.code;
	for (int i = 1; i < c->nargs; i++)
		if (maillist_source_parse(x.h.directory, &x.l, cli_arg(c, i), &x.env.mem, &s, &e) <
				0 ||
			fn(x.h.directory, x.l.id, &s, &e) < 0)
			return out_fail(&e);
	printf(T("Mailing list %.*s changed.\n", "已修改邮件列表 %.*s。\n"), SFMT(x.l.address));
	return CLI_OK;
}

int cli_maillist_include(struct cli_call *c)
{
	return change_sources(c, maillist_source_put);
}

int cli_maillist_exclude(struct cli_call *c)
{
	return change_sources(c, maillist_source_take);
}

static int change_roles(
	struct cli_call *c, int (*fn)(struct sql *, int64_t, slice, unsigned, struct err *))
{
	AUTO(cli_lists) struct cli_lists x = {0};
	enum maillist_role role;
	struct err e;
	if (!maillist_role_parse(cli_arg(c, 1), &role))
		return out_usage(T("a role is owner, moderator or sender: %.*s",
					 "角色应为 owner、moderator 或 sender：%.*s"),
			SFMT(cli_arg(c, 1)));
	if (!cli_maillist_begin(c, &x, true))
		return x.code;
	for (int i = 2; i < c->nargs; i++)
		if (fn(x.h.directory, x.l.id, cli_arg(c, i), role, &e) < 0)
			return out_fail(&e);
	printf(T("Mailing list %.*s changed.\n", "已修改邮件列表 %.*s。\n"), SFMT(x.l.address));
	return CLI_OK;
}

int cli_maillist_role(struct cli_call *c)
{
	return change_roles(c, maillist_role_put);
}

int cli_maillist_unrole(struct cli_call *c)
{
	return change_roles(c, maillist_role_take);
}

/* ---- moderation ---- */

static void held_row(struct listing *l, const struct maillist_held *h, struct arena *a)
{
	char id[MSG_ID_TEXT];
	msg_id_print(h->id, id);
	slice name = arena_printf(a, "%s/%d", id, h->idx);
	if (l->json) {
		json_open_object(&l->j, NULL);
		json_text(&l->j, "id", name);
		json_text(&l->j, "author", h->author);
		json_text(&l->j, "subject", h->subject);
		json_text(&l->j, "reason", h->reason);
		json_bool(&l->j, "proven", h->proven);
		json_time(&l->j, "at", h->at);
		json_time(&l->j, "until", h->until);
		json_close(&l->j, '}');
		return;
	}
	table_cell(l->table, name);
	table_cell(l->table, out_address(h->author, a));
	table_cell(l->table, h->subject);
	table_cell(l->table, h->reason);
}

static void request_row(struct listing *l, const struct maillist_request *r, struct arena *a)
{
	slice name = arena_printf(a, "request/%" PRId64, r->id);
	if (l->json) {
		json_open_object(&l->j, NULL);
		json_text(&l->j, "id", name);
		json_text(&l->j, "author", r->address);
		json_text(&l->j, "reason", S("asks to join"));
		json_time(&l->j, "at", r->at);
		json_close(&l->j, '}');
		return;
	}
	table_cell(l->table, name);
	table_cell(l->table, out_address(r->address, a));
	table_cell(l->table, r->name);
	table_cell(l->table, slice_z(T("asks to join", "申请加入")));
}

int cli_maillist_pending(struct cli_call *c)
{
	AUTO(cli_lists) struct cli_lists x = {0};
	struct listing l;
	struct maillist_held *v;
	struct maillist_request *r;
	struct err e;
	size_t n, nr;
	if (!cli_maillist_begin(c, &x, true))
		return x.code;
	if (maillist_held(x.h.queue, x.l.id, &x.env.mem, &v, &n, &e) < 0 ||
		maillist_requests(x.h.lists, x.l.id, true, &x.env.mem, &r, &nr, &e) < 0)
		return out_fail(&e);
	const char *const heads[] = {
		T("ID", "编号"), T("FROM", "发件人"), T("SUBJECT", "主题"), T("WHY", "原因")};
	listing_begin(&l, c->cli->json, "pending", heads, 4);
	for (size_t i = 0; i < n; i++)
		held_row(&l, &v[i], &x.env.mem);
	for (size_t i = 0; i < nr; i++)
		request_row(&l, &r[i], &x.env.mem);
	listing_end_rows(&l);
	listing_end(&l);
	return CLI_OK;
}

/* "ID/IDX" of a post, "request/N". */
static int decide_one(struct cli_lists *x, slice name, enum maillist_verdict v, struct err *e)
{
	size_t at = slice_index(name, '/');
	uint64_t n;
	msg_id id;
	if (!slice_u64(slice_skip(name, at + 1), &n) || n > INT64_MAX)
		return err_set(e, ERR_PROTO, "not an id of `pending`: %.*s", SFMT(name));
	if (slice_eq(slice_first(name, at), S("request")))
		return maillist_act_answer(
			&x->h, (int64_t)n, v == MAILLIST_APPROVED, &x->env.mem, e);
	if (!msg_id_parse(slice_first(name, at), &id) || n > INT32_MAX)
		return err_set(e, ERR_PROTO, "not an id of `pending`: %.*s", SFMT(name));
	return maillist_act_decide(&x->h, id, (int32_t)n, v, cli_env_who(&x->env.mem), e);
}

static int decide(struct cli_call *c, enum maillist_verdict v)
{
	AUTO(cli_lists) struct cli_lists x = {0};
	struct err e;
	if (!cli_maillist_begin(c, &x, true))
		return x.code;
	for (int i = 1; i < c->nargs; i++)
		if (decide_one(&x, cli_arg(c, i), v, &e) < 0)
			return out_fail(&e);
	serve_wake_queue(x.env.config.server->run);
	puts(T("Decided.", "已处理。"));
	return CLI_OK;
}

int cli_maillist_approve(struct cli_call *c)
{
	return decide(c, MAILLIST_APPROVED);
}

int cli_maillist_reject(struct cli_call *c)
{
	return decide(c, MAILLIST_REJECTED);
}

int cli_maillist_discard(struct cli_call *c)
{
	return decide(c, MAILLIST_DISCARDED);
}

int cli_maillist_digest(struct cli_call *c)
{
	AUTO(cli_lists) struct cli_lists x = {0};
	struct err e;
	if (!cli_maillist_begin(c, &x, true))
		return x.code;
	if (sql_begin(x.h.queue, &e) < 0 ||
		cli_maillist_end(x.h.queue, maillist_digest_ask_tx(x.h.queue, x.l.id, &e), &e) < 0)
		return out_fail(&e);
	serve_wake_queue(x.env.config.server->run);
	puts(T("What waits leaves as a digest now.", "待汇总的邮件即将发出。"));
	return CLI_OK;
}
