/*
 * `posthouse retention` and `posthouse hold`: how long mail stays, and who is on legal hold (store/retention.h). A hold is in force when the
 * command returns: shards are told at once, the keeper tells them again.
 */
#include "bin/cli_verbs.h"
#include "bin/retention_run.h"

#include "base/mem.h"
#include "store/directory_org.h"
#include <stdio.h>

/* ---- for whom ---- */

#define SCOPE_OPTIONS                                                                              \
	{"all", NULL, "for all accounts", "所有帐号"},                                             \
		{"org", "NAME", "for those of this organisation", "此组织的帐号"},                 \
		{"class", "NAME", "for those of this class", "此服务等级的帐号"},                  \
	{                                                                                          \
		"account", "ADDRESS", "for this one", "此帐号"                                  \
	}

static int find_scope(struct cli_call *c, struct sql *db, struct arena *a,
	enum retention_scope *ret, int64_t *ret_id, struct err *e)
{
	struct org org;
	struct service_class class;
	struct account account;
	if (cli_option(c, "org")) {
		*ret = RETENTION_ORG;
		if (directory_org(db, cli_option_text(c, "org"), a, &org, e) < 0)
			return -1;
		*ret_id = org.id;
	} else if (cli_option(c, "class")) {
		*ret = RETENTION_CLASS;
		if (directory_class(db, cli_option_text(c, "class"), a, &class, e) < 0)
			return -1;
		*ret_id = class.id;
	} else if (cli_option(c, "account")) {
		slice address = cli_option_text(c, "account");
		*ret = RETENTION_ACCOUNT;
		if (directory_account(db, address, a, &account, e) < 0 &&
			(e->kind != ERR_NOTFOUND ||
				directory_deleted(db, address, a, &account, e) < 0))
			return -1;
		*ret_id = account.id;
	} else {
		*ret = RETENTION_ALL;
		*ret_id = 0;
	}
	return 0;
}

/* Exactly one of them; else an exit code. */
static int check_scope(struct cli_call *c)
{
	int n = cli_flag(c, "all") + !!cli_option(c, "org") + !!cli_option(c, "class") +
		!!cli_option(c, "account");
	return n == 1 ? CLI_OK
		      : out_usage(T("say for whom: one of --all, --org, --class, --account",
				"请指定范围：--all、--org、--class、--account 之一"));
}

static const char *scope_word(enum retention_scope s)
{
	switch (s) {
	case RETENTION_ORG:
		return T("organisation", "组织");
	case RETENTION_CLASS:
		return T("class", "服务等级");
	case RETENTION_ACCOUNT:
		return T("account", "帐号");
	default:
		return T("all", "全部");
	}
}

static const char *scope_key(enum retention_scope s)
{
	static const char *const keys[] = {"", "all", "org", "class", "account"};
	return keys[s];
}

/* ---- rules ---- */

static void rule_json(struct json *j, const struct retention_rule *r)
{
	json_open_object(j, NULL);
	json_int(j, "id", r->id);
	json_text(j, "scope", slice_z(scope_key(r->scope)));
	json_text(j, "of", r->scope_name);
	json_text(j, "folder", r->folder);
	json_int(j, "days", r->days);
	json_text(j, "set_by", r->set_by);
	json_time(j, "set_at", r->set_at);
	json_close(j, '}');
}

static void rule_row(struct table *t, const struct retention_rule *r)
{
	char text[OUT_TEXT];
	table_cellf(t, "%lld", (long long)r->id);
	table_cell(t, slice_z(scope_word(r->scope)));
	table_cell(t, r->scope_name);
	table_cell(t, r->folder);
	if (r->days)
		table_cellf(t, "%lld", (long long)r->days);
	else
		table_cell(t, slice_z(T("for ever", "永久")));
	table_cellf(t, "%s", out_time(r->set_at, text));
	table_cell(t, r->set_by);
}

static int rules_list(struct cli_call *c)
{
	AUTO(cli_env) struct cli_env env = {0};
	struct retention_rule *v;
	struct listing l;
	struct err e;
	size_t n;
	int code;
	struct sql *db = cli_env_directory(c->cli, &env, &code);
	if (!db)
		return code;
	if (retention_list(db, &env.mem, &v, &n, &e) < 0)
		return out_fail(&e);
	const char *const heads[] = {T(">ID", ">编号"), T("FOR", "范围"), T("OF", "名称"),
		T("FOLDER", "文件夹"), T(">DAYS", ">天数"), T("SET", "设置时间"),
		T("BY", "设置人")};
	listing_begin(&l, c->cli->json, "rules", heads, 7);
	for (size_t i = 0; i < n; i++) {
		if (l.json)
			rule_json(&l.j, &v[i]);
		else
			rule_row(l.table, &v[i]);
	}
	listing_end_rows(&l);
	listing_end(&l);
	return CLI_OK;
}

static int rules_set(struct cli_call *c)
{
	AUTO(cli_env) struct cli_env env = {0};
	struct err e;
	uint64_t days = 0;
	struct retention_rule r = {.folder = cli_arg(c, 0)};
	int code = check_scope(c);
	if (code)
		return code;
	if (!slice_ieq(cli_arg(c, 1), S("forever")) &&
		(!slice_u64(cli_arg(c, 1), &days) || !days || days > RETENTION_DAYS_MAX))
		return out_usage(T("\"%.*s\": days, or \"forever\"", "“%.*s”：应为天数或 forever"),
			SFMT(cli_arg(c, 1)));
	struct sql *db = cli_env_directory(c->cli, &env, &code);
	if (!db)
		return code;
	r.days = (int64_t)days;
	r.set_by = cli_env_administrator(&env);
	if (find_scope(c, db, &env.mem, &r.scope, &r.scope_id, &e) < 0 ||
		retention_put(db, &r, &e) < 0)
		return out_fail(&e);
	printf("%s", T("The rule holds. `posthouse retention run --dry-run` tells what it would do "
		       "now.\n",
			     "规则已生效。`posthouse retention run --dry-run` "
			     "可查看现在会移除哪些邮件。\n"));
	return CLI_OK;
}

static int rules_remove(struct cli_call *c)
{
	AUTO(cli_env) struct cli_env env = {0};
	struct err e;
	uint64_t id;
	int code;
	if (!slice_u64(cli_arg(c, 0), &id))
		return out_usage(T("\"%.*s\" is no number of a rule", "“%.*s”不是规则编号"),
			SFMT(cli_arg(c, 0)));
	struct sql *db = cli_env_directory(c->cli, &env, &code);
	if (!db)
		return code;
	if (retention_remove(db, (int64_t)id, &e) < 0)
		return out_fail(&e);
	printf("%s", T("The rule is gone.\n", "规则已删除。\n"));
	return CLI_OK;
}

static int rules_run(struct cli_call *c)
{
	AUTO(cli_env) struct cli_env env = {0};
	struct retention_done done;
	struct err e;
	int code;
	struct sql *db = cli_env_directory(c->cli, &env, &code);
	if (!db)
		return code;
	const struct retention_run run = {.data = env.config.server->data,
		.directory = db,
		.try_only = cli_flag(c, "dry-run"),
		.who = cli_env_administrator(&env)};
	if (retention_run(&run, &done, &e) < 0)
		return out_fail(&e);
	printf(run.try_only ? T("%llu messages would leave %llu accounts' folders; %llu accounts "
				"are on hold.\n",
				      "%llu 封邮件将离开文件夹，涉及 %llu 个帐号；%llu "
				      "个帐号处于法律保留。\n")
			    : T("%llu messages left; rules hold for %llu accounts; %llu of them "
				"are on hold.\n",
				      "%llu 封邮件已移除；规则涉及 %llu 个帐号，其中 %llu "
				      "个处于法律保留。\n"),
		(unsigned long long)done.messages, (unsigned long long)done.accounts,
		(unsigned long long)done.held);
	return CLI_OK;
}

static const struct cli_option set_options[] = {SCOPE_OPTIONS, {0}};
static const struct cli_option run_options[] = {
	{"dry-run", NULL, "only tell how many would leave", "只统计，不移除"}, {0}};

const struct cli_verb retention_verbs[] = {
	{"list", rules_list, "", 0, 0, true, NULL, "Lists the rules.", "列出保留规则。", NULL,
		NULL},
	{"set", rules_set, "FOLDER DAYS|forever", 2, 2, false, set_options,
		"Makes a rule: messages leave a folder so many days after they came into it.",
		"设置规则：邮件进入文件夹若干天后自动移除。",
		"FOLDER is \"*\" (every folder), a special use such as '\\Trash' or '\\Junk', or a "
		"path with all "
		"below it. The narrowest rule holds: an account's before its class's, its "
		"organisation's and that "
		"for all; then the longest path, a special use, \"*\". \"forever\" is an exception "
		"from a wider "
		"rule. What leaves can be brought back for [mailbox] keep_removed.\n\n"
		"  posthouse retention set '\\Trash' 30 --all\n"
		"  posthouse retention set '*' 1825 --org acme\n"
		"  posthouse retention set Contracts forever --org acme",
		"FOLDER 为 \"*\"（所有文件夹）、特殊用途如 "
		"'\\Trash'、'\\Junk'，或一个路径（含其下级）。范围最小的规则优先："
		"帐号、服务等级、组织、全部；其次最长的路径、特殊用途、\"*\"。forever "
		"表示不受更大范围规则的影响。"
		"移除的邮件在 [mailbox] keep_removed 期限内可恢复。\n\n"
		"  posthouse retention set '\\Trash' 30 --all\n"
		"  posthouse retention set '*' 1825 --org acme\n"
		"  posthouse retention set 合同 forever --org acme"},
	{"remove", rules_remove, "ID", 1, 1, false, NULL, "Removes a rule.", "删除规则。", NULL,
		NULL},
	{"run", rules_run, "", 0, 0, false, run_options,
		"Does now what the keeper does every six hours.",
		"立即执行（平时每六小时自动执行）。", NULL, NULL},
	CLI_VERBS_END,
};

/* ---- holds ---- */

static void hold_json(struct json *j, const struct hold *h)
{
	json_open_object(j, NULL);
	json_text(j, "name", h->name);
	json_text(j, "scope", slice_z(scope_key(h->scope)));
	json_text(j, "of", h->scope_name);
	json_text(j, "reason", h->reason);
	json_text(j, "set_by", h->set_by);
	json_time(j, "set_at", h->set_at);
	json_text(j, "released_by", h->released_by);
	json_time(j, "released_at", h->released_at);
	json_close(j, '}');
}

static void hold_row(struct table *t, const struct hold *h)
{
	char text[OUT_TEXT];
	table_cell(t, h->name);
	table_cell(t, slice_z(h->released_at ? T("released", "已解除") : T("in force", "生效中")));
	table_cell(t, slice_z(scope_word(h->scope)));
	table_cell(t, h->scope_name);
	table_cellf(t, "%s", out_time(h->set_at, text));
	table_cell(t, h->set_by);
	table_cellf(t, "%s", out_time(h->released_at, text));
	table_cell(t, h->reason);
}

static int holds_list(struct cli_call *c)
{
	AUTO(cli_env) struct cli_env env = {0};
	struct listing l;
	struct hold *v;
	struct err e;
	size_t n;
	int code;
	struct sql *db = cli_env_directory(c->cli, &env, &code);
	if (!db)
		return code;
	if (hold_list(db, &env.mem, &v, &n, &e) < 0)
		return out_fail(&e);
	const char *const heads[] = {T("NAME", "名称"), T("STATE", "状态"), T("FOR", "范围"),
		T("OF", "对象"), T("SET", "设置时间"), T("BY", "设置人"), T("RELEASED", "解除时间"),
		T("REASON", "理由")};
	listing_begin(&l, c->cli->json, "holds", heads, 8);
	for (size_t i = 0; i < n; i++) {
		if (l.json)
			hold_json(&l.j, &v[i]);
		else
			hold_row(l.table, &v[i]);
	}
	listing_end_rows(&l);
	listing_end(&l);
	return CLI_OK;
}

static int holds_set(struct cli_call *c)
{
	AUTO(cli_env) struct cli_env env = {0};
	struct err e;
	struct hold h = {.name = cli_arg(c, 0), .reason = cli_option_text(c, "reason")};
	int code = check_scope(c);
	if (code)
		return code;
	struct sql *db = cli_env_directory(c->cli, &env, &code);
	if (!db)
		return code;
	h.set_by = cli_env_administrator(&env);
	if (find_scope(c, db, &env.mem, &h.scope, &h.scope_id, &e) < 0 ||
		hold_set(db, &h, &e) < 0 ||
		retention_mark(env.config.server->data, db, false, &e) < 0)
		return out_fail(&e);
	printf(T("Hold %.*s is in force.\n", "法律保留 %.*s 已生效。\n"), SFMT(h.name));
	return CLI_OK;
}

static int holds_release(struct cli_call *c)
{
	AUTO(cli_env) struct cli_env env = {0};
	struct err e;
	int code;
	struct sql *db = cli_env_directory(c->cli, &env, &code);
	if (!db)
		return code;
	if (hold_release(db, cli_arg(c, 0), cli_env_administrator(&env), &e) < 0 ||
		retention_mark(env.config.server->data, db, true, &e) < 0)
		return out_fail(&e);
	printf(T("Hold %.*s is released. What was deleted long ago ends soon now.\n",
		       "法律保留 %.*s 已解除。早已删除的邮件将很快彻底清除。\n"),
		SFMT(cli_arg(c, 0)));
	return CLI_OK;
}

static const struct cli_option hold_options[] = {
	SCOPE_OPTIONS, {"reason", "TEXT", "why, for the record", "理由，留作记录"}, {0}};

const struct cli_verb hold_verbs[] = {
	{"list", holds_list, "", 0, 0, true, NULL, "Lists legal holds, released ones too.",
		"列出法律保留，含已解除的。", NULL, NULL},
	{"set", holds_set, "NAME", 1, 1, false, hold_options,
		"Puts accounts on legal hold: they lose no mail from now on.",
		"对帐号实施法律保留：从现在起不丢失任何邮件。",
		"No retention rule touches their mail, what people delete keeps its bytes and its "
		"line in the log, and "
		"a deleted account stays. People do not notice.\n\n"
		"  posthouse hold set case-2026-17 --account ann@example.org --reason \"court "
		"order 17/2026\"\n"
		"  posthouse mailbox removed ann@example.org",
		"保留规则不再处理其邮件；用户删除的邮件保留原文和删除记录；已删除的帐号不会被清除。"
		"用户不会察觉。\n\n"
		"  posthouse hold set case-2026-17 --account ann@example.org --reason \"法院 "
		"17/2026 号\"\n"
		"  posthouse mailbox removed ann@example.org"},
	{"release", holds_release, "NAME", 1, 1, false, NULL, "Ends a hold; it stays in the list.",
		"解除法律保留；记录仍在列表中。", NULL, NULL},
	CLI_VERBS_END,
};
