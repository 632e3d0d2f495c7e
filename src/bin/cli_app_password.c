/* `posthouse app-password`: passwords for one program each: made (shown once), listed with their last use, revoked. */
#include "bin/cli_account_login.h"

#include "base/mem.h"
#include "base/time.h"
#include "store/login.h"
#include <stdio.h>

static const struct {
	const char *name;
	unsigned bit;
} services[] = {{"smtp", SERVICE_SUBMISSION}, {"imap", SERVICE_IMAP}, {"pop3", SERVICE_POP3},
	{"web", SERVICE_WEB}, {"dav", SERVICE_DAV}, {"eas", SERVICE_EAS}, {"sieve", SERVICE_SIEVE}};

unsigned cli_services_parse(slice words)
{
	slice word;
	unsigned bits = 0;
	if (slice_eq(words, S("all")))
		return SERVICE_ALL;
	while (slice_cut(&words, ',', &word)) {
		unsigned bit = 0;
		for (size_t i = 0; i < sizeof services / sizeof *services; i++)
			if (slice_ieq(slice_trim(word), slice_z(services[i].name)))
				bit = services[i].bit;
		if (!bit)
			return 0;
		bits |= bit;
	}
	return bits;
}

slice cli_services_print(unsigned bits, struct arena *a)
{
	AUTO(buf) struct buf out = BUF(200);
	for (size_t i = 0; i < sizeof services / sizeof *services; i++)
		if (bits & services[i].bit)
			buf_printf(&out, "%s%s", out.n ? "," : "", services[i].name);
	return arena_dup(a, buf_slice(&out));
}

static int app_add(struct cli_call *c)
{
	AUTO(cli_login) struct cli_login_env l = {0};
	struct err e;
	slice text, list = cli_option_text(c, "services"), expires = cli_option_text(c, "expires");
	int64_t age = 0;
	unsigned bits = list.n ? cli_services_parse(list)
			       : SERVICE_IMAP | SERVICE_POP3 | SERVICE_SUBMISSION;
	if (!bits)
		return out_usage(T("services are smtp, imap, pop3, web, dav, eas, sieve: %.*s",
					 "服务为 smtp、imap、pop3、web、dav、eas、sieve：%.*s"),
			SFMT(list));
	if (expires.n && (!duration_parse(expires, &age) || age <= 0))
		return out_usage(T("not a time such as 90d: %.*s", "不是时间（如 90d）：%.*s"),
			SFMT(expires));
	int code = cli_login_open(c, &l, cli_arg(c, 0));
	if (code != CLI_OK)
		return code;
	const struct app_password app = {.account_id = l.account.id,
		.label = cli_arg(c, 1),
		.services = bits,
		.expires_at = age ? wall_now() + age : 0,
		.made_by = cli_env_who(&l.env.mem)};
	if (app_password_make(l.credentials, &l.keys, &app, &l.env.mem, &text, &e) < 0)
		return out_fail(&e);
	if (c->cli->json) {
		struct json j = {0};
		json_begin(&j);
		json_text(&j, "label", app.label);
		json_text(&j, "password", text);
		json_text(&j, "services", cli_services_print(bits, &l.env.mem));
		json_end(&j);
		return CLI_OK;
	}
	printf(T("Application password, shown only now: %.*s\n",
		       "应用专用密码（仅显示这一次）：%.*s\n"),
		SFMT(text));
	printf(T("For: %.*s\n", "可用于：%.*s\n"), SFMT(cli_services_print(bits, &l.env.mem)));
	return CLI_OK;
}

static void print_app(
	struct listing *l, const struct app_password *p, const struct app_used *u, struct arena *a)
{
	char text[OUT_TEXT];
	if (l->json) {
		json_open_object(&l->j, NULL);
		json_int(&l->j, "id", p->id);
		json_text(&l->j, "label", p->label);
		json_text(&l->j, "services", cli_services_print(p->services, a));
		json_time(&l->j, "made_at", p->made_at);
		json_text(&l->j, "made_by", p->made_by);
		json_time(&l->j, "expires_at", p->expires_at);
		json_time(&l->j, "used_at", u->at);
		json_text(&l->j, "used_from", u->ip);
		json_text(&l->j, "used_for", u->service);
		json_close(&l->j, '}');
		return;
	}
	table_cellf(l->table, "%lld", (long long)p->id);
	table_cell(l->table, p->label);
	table_cell(l->table, cli_services_print(p->services, a));
	table_cell(l->table, slice_z(out_time(p->made_at, text)));
	table_cell(l->table, p->expires_at ? slice_z(out_time(p->expires_at, text))
					   : slice_z(T("never", "不过期")));
	table_cell(l->table, slice_z(out_time(u->at, text)));
	table_cell(l->table,
		arena_printf(a, "%.*s%s%.*s", SFMT(u->ip), u->ip.n ? " " : "", SFMT(u->service)));
}

static int app_list(struct cli_call *c)
{
	AUTO(cli_login) struct cli_login_env l = {0};
	struct err e;
	struct listing list;
	struct app_password *v;
	struct sql *logins = NULL;
	size_t n;
	int code = cli_login_open(c, &l, cli_arg(c, 0)), r = 0;
	if (code != CLI_OK)
		return code;
	if (app_password_list(l.credentials, l.account.id, &l.env.mem, &v, &n, &e) < 0 ||
		login_open(l.env.config.server->data, &logins, &e) < 0)
		return out_fail(&e);
	const char *const heads[] = {T(">ID", ">编号"), T("LABEL", "名称"), T("SERVICES", "服务"),
		T("MADE", "创建时间"), T("EXPIRES", "到期"), T("LAST USED", "最近使用"),
		T("FROM", "来自")};
	listing_begin(&list, c->cli->json, "app_passwords", heads, 7);
	for (size_t i = 0; i < n && r == 0; i++) {
		struct app_used used;
		r = app_used(logins, v[i].id, &l.env.mem, &used, &e);
		if (r == 0)
			print_app(&list, &v[i], &used, &l.env.mem);
	}
	listing_end_rows(&list);
	listing_end(&list);
	sql_close(logins);
	return r < 0 ? out_fail(&e) : CLI_OK;
}

static int app_revoke(struct cli_call *c)
{
	AUTO(cli_login) struct cli_login_env l = {0};
	struct err e;
	int64_t n;
	bool all = cli_flag(c, "all");
	if (all == (c->nargs == 2))
		return out_usage(T("name one by its label or number, or say --all",
			"请给出名称或编号，或使用 --all"));
	int code = cli_login_open(c, &l, cli_arg(c, 0));
	if (code != CLI_OK)
		return code;
	if (app_password_revoke(l.credentials, l.account.id, cli_arg(c, 1), &n, &e) < 0)
		return out_fail(&e);
	printf(T("%lld revoked; sessions that came in with it end.\n",
		       "已撤销 %lld 个；以其登录的会话随即结束。\n"),
		(long long)n);
	return CLI_OK;
}

static const struct cli_option add_options[] = {
	{"services", "LIST",
		"what it is for: smtp,imap,pop3,web,dav,eas,sieve or all (default smtp,imap,pop3)",
		"用途：smtp,imap,pop3,web,dav,eas,sieve 或 all（默认 smtp,imap,pop3）"},
	{"expires", "TIME", "after this time it is void: 90d (default never)",
		"过这么久失效：90d（默认不过期）"},
	{NULL, NULL, NULL, NULL},
};
static const struct cli_option revoke_options[] = {
	{"all", NULL, "all of this account", "该帐号的全部"},
	{NULL, NULL, NULL, NULL},
};

const struct cli_verb app_password_verbs[] = {
	{"add", app_add, "ADDRESS LABEL", 2, 2, true, add_options,
		"Makes a password for one program of an account, and shows it once.",
		"为帐号的某个程序生成专用密码，仅显示一次。",
		"It is typed into the mail program in place of the account's password, with or "
		"without the hyphens. It can be\n"
		"revoked alone, cannot be guessed, and still works when the account has a second "
		"factor.\n\n"
		"  posthouse app-password add alice@example.org phone --services imap,smtp "
		"--expires 365d",
		"在邮件程序中代替帐号密码输入，连字符可省略。可单独撤销，无法被猜中，帐号启用双因素"
		"后依然可用。\n\n"
		"  posthouse app-password add alice@example.org 手机 --services imap,smtp "
		"--expires 365d"},
	{"list", app_list, "ADDRESS", 1, 1, true, NULL,
		"Lists them, with when and from where each was used last.",
		"列出应用专用密码，以及各自最近一次使用的时间和来源。", NULL, NULL},
	{"revoke", app_revoke, "ADDRESS [LABEL|ID]", 1, 2, false, revoke_options,
		"Makes one, or all, void at once.", "立即作废一个或全部。", NULL, NULL},
	CLI_VERBS_END,
};
