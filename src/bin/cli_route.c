/*
 * `posthouse route`: named ways out (backends, smarthosts, rules for destinations), and the
 * question which way a recipient's mail would take.
 */
#include "bin/cli_directory.h"
#include "bin/cli_tty.h"
#include "bin/cli_verbs.h"

#include "base/mem.h"
#include "mail/report_conf.h"
#include "training/conf.h"
#include "mail/route.h"
#include "store/directory.h"

#include <stdio.h>

/* "a,b c" -> "a b c": a comma needs no quotes in the shell. */
static slice host_list(slice s, struct arena *a)
{
	char *z = arena_strz(a, s);
	for (size_t i = 0; i < s.n; i++)
		if (z[i] == ',')
			z[i] = ' ';
	return slice_of(z, s.n);
}

static slice or_default(slice s, const char *def)
{
	return s.n ? s : slice_z(def);
}

/* No process that speaks to others may open unix sockets (run/sandbox.h): a route to one would
 * only make mail wait. */
static int refuse_unix(slice hosts)
{
	slice word;
	while (slice_cut(&hosts, ' ', &word))
		if (slice_starts(slice_trim(word), S("unix:")))
			return out_usage(T("%.*s: the sandbox keeps deliveries from unix sockets; "
					   "let the other system listen on a loopback port "
					   "(127.0.0.1:24)",
						 "%.*s：沙箱不允许经 unix 套接字投递；"
						 "请让对方监听回环地址的端口（127.0.0.1:24）"),
				SFMT(slice_trim(word)));
	return CLI_OK;
}

static int route_add(struct cli_call *c)
{
	AUTO(arena) struct arena a = {0};
	AUTO(cli_env) struct cli_env env = {0};
	struct err e;
	int code;
	if (!cli_option(c, "hosts"))
		return out_usage(T("--hosts is missing", "缺少 --hosts"));
	slice hosts = host_list(cli_option_text(c, "hosts"), &a);
	if (refuse_unix(hosts) != CLI_OK)
		return CLI_USAGE;
	if (cli_env_open(c->cli, &env, &code) < 0)
		return code;
	struct route r = {
		.name = cli_arg(c, 0),
		.match = cli_option_text(c, "match"),
		.protocol = or_default(cli_option_text(c, "protocol"), "smtp"),
		.hosts = hosts,
		.tls = or_default(cli_option_text(c, "tls"), "opportunistic"),
		.auth_user = cli_option_text(c, "user"),
		.disabled = cli_flag(c, "disabled"),
	};
	struct sql *db = cli_env_db(&env, DB_DIRECTORY, &e);
	if (!db)
		return out_fail(&e);
	if (r.auth_user.n && tty_secret(T("Password at the next hop: ", "下一跳的密码："),
				     cli_flag(c, "stdin"), &env.mem, &r.auth_secret, &e) < 0)
		return out_fail(&e);
	if (directory_route_add(db, &r, &e) < 0)
		return out_fail(&e);
	printf(T("Route %.*s saved.\n", "已保存路由 %.*s。\n"), SFMT(r.name));
	return CLI_OK;
}

static void print_route(struct listing *l, const struct route *r)
{
	if (l->json) {
		json_open_object(&l->j, NULL);
		json_text(&l->j, "name", r->name);
		json_text(&l->j, "match", r->match);
		json_text(&l->j, "protocol", r->protocol);
		json_text(&l->j, "hosts", r->hosts);
		json_text(&l->j, "tls", r->tls);
		json_text(&l->j, "user", r->auth_user);
		json_bool(&l->j, "disabled", r->disabled);
		json_close(&l->j, '}');
		return;
	}
	table_cell(l->table, r->name);
	table_cell(l->table, r->match);
	table_cell(l->table, r->protocol);
	table_cell(l->table, r->tls);
	table_cell(l->table, slice_z(r->disabled ? T("disabled", "停用") : ""));
	table_cell(l->table, r->hosts);
}

static int route_list(struct cli_call *c)
{
	AUTO(cli_env) struct cli_env env = {0};
	struct err e;
	struct route *v;
	struct listing l;
	size_t n;
	int code;
	if (cli_env_open(c->cli, &env, &code) < 0)
		return code;
	struct sql *db = cli_env_db(&env, DB_DIRECTORY, &e);
	if (!db || directory_routes(db, &env.mem, &v, &n, &e) < 0)
		return out_fail(&e);
	const char *const heads[] = {T("NAME", "名称"), T("MATCH", "匹配"), T("PROTOCOL", "协议"),
		"TLS", T("NOTE", "说明"), T("HOSTS", "主机")};
	listing_begin(&l, c->cli->json, "routes", heads, 6);
	for (size_t i = 0; i < n; i++)
		print_route(&l, &v[i]);
	listing_end_rows(&l);
	listing_end(&l);
	return CLI_OK;
}

static int route_remove(struct cli_call *c)
{
	return cli_directory_each(c, directory_route_remove,
		T("Route %.*s removed.\n", "已删除路由 %.*s。\n"));
}

/* ---- test ---- */

static const char *kind_name(enum route_kind kind)
{
	static const char *const names[] = {
		[ROUTE_LOCAL] = "local",
		[ROUTE_BACKEND] = "backend",
		[ROUTE_SMTP] = "smtp",
		[ROUTE_ERROR] = "error",
		[ROUTE_BOUNCE] = "bounce",
		[ROUTE_REPORT] = "report",
		[ROUTE_HONEYPOT] = "honeypot",
		[ROUTE_LIST] = "list",
	};
	return names[kind];
}

static slice why_text(const struct route_why *w)
{
	return tr_lang == LANG_ZH ? w->zh : w->en;
}

static void decision_json(struct json *j, slice address, const struct route_decision *d)
{
	json_text(j, "address", address);
	json_text(j, "kind", slice_z(kind_name(d->kind)));
	json_text(j, "destination", d->dest);
	json_text(j, "route", d->route);
	json_bool(j, "ours", d->ours);
	json_bool(j, "verified", d->verified);
	json_bool(j, "callout", d->callout);
	json_open_array(j, "why");
	for (unsigned i = 0; i < d->nwhy; i++)
		json_text(j, NULL, why_text(&d->why[i]));
	json_close(j, ']');
}

static void decision_text(slice address, const struct route_decision *d)
{
	out_safe(address);
	switch (d->kind) {
	case ROUTE_LOCAL:
		puts(T(": delivered here", "：在本机投递"));
		break;
	case ROUTE_BACKEND:
		printf(T(": route %.*s\n", "：经路由 %.*s\n"), SFMT(d->route));
		break;
	case ROUTE_REPORT:
		puts(slice_eq(d->dest, S("report")) ? T(": read as a report", "：作为报告读取")
						    : T(": the filter learns from it", "：供过滤系统学习"));
		break;
	case ROUTE_HONEYPOT:
		puts(T(": a honeypot, learned as spam", "：蜜罐，作为垃圾邮件学习"));
		break;
	case ROUTE_LIST:
		puts(T(": a mailing list", "：邮件列表"));
		break;
	case ROUTE_SMTP:
		puts(T(": direct, by SMTP", "：直接以 SMTP 投递"));
		break;
	default:
		printf(T(": refused: %u.%u.%u %.*s\n", "：拒绝：%u.%u.%u %.*s\n"), d->status.cls,
			d->status.subject, d->status.detail, SFMT(d->text));
	}
	printf(T("  destination key: %.*s\n", "  目的地标识：%.*s\n"), SFMT(d->dest));
	for (unsigned i = 0; i < d->nwhy; i++) {
		fputs("  - ", stdout);
		out_safe(why_text(&d->why[i]));
		putchar('\n');
	}
	if (d->callout)
		puts(T("  - the backend is asked at RCPT whether the recipient exists",
			"  - 收件时会向后端查询收件人是否存在"));
}

/* One address: what is decided. */
static int decide(const struct route_lookup *l, slice address, struct arena *a, struct json *j,
	struct route_decision *ret, struct err *e)
{
	if (route_decide(l, address, true, a, ret, e) < 0)
		return -1;
	if (j)
		decision_json(j, address, ret);
	else
		decision_text(address, ret);
	return 0;
}

/* An alias: where each of its targets goes. */
static int decide_targets(
	const struct route_lookup *l, slice address, struct arena *a, struct json *j, struct err *e)
{
	struct rcpt_answer answer;
	struct route_decision d;
	if (l->rcpt(l->arg, address, a, &answer, e) < 0)
		return -1;
	if (j)
		json_open_array(j, "targets");
	int r = 0;
	for (size_t i = 0; i < answer.ntargets && r == 0; i++) {
		if (j)
			json_open_object(j, NULL);
		r = decide(l, answer.targets[i], a, j, &d, e);
		if (j)
			json_close(j, '}');
	}
	if (j)
		json_close(j, ']');
	return r;
}

static int decide_all(const struct route_lookup *l, slice address, struct arena *a, struct json *j,
	struct route_decision *d, struct err *e)
{
	if (j)
		json_begin(j);
	int r = decide(l, address, a, j, d, e);
	if (r == 0 && d->kind == ROUTE_LOCAL)
		r = decide_targets(l, address, a, j, e);
	if (j)
		json_end(j);
	return r;
}

static int route_test(struct cli_call *c)
{
	AUTO(cli_env) struct cli_env env = {0};
	struct err e;
	struct directory *dir;
	struct route_decision d;
	struct json j = {0};
	int code;
	if (cli_env_open(c->cli, &env, &code) < 0)
		return code;
	if (!cli_env_db(&env, DB_DIRECTORY, &e) ||
		directory_open(env.config.server->data, &dir, &e) < 0)
		return out_fail(&e);
	directory_set_postmaster(dir, env.config.postmaster);
	struct route_lookup l = route_lookup_directory(dir);
	l.reports = &env.config.reports->addresses;
	l.spam = &env.config.reports->spam;
	l.ham = &env.config.reports->ham;
	l.honeypots = &env.config.learning->honeypots;
	int r = decide_all(&l, cli_arg(c, 0), &env.mem, c->cli->json ? &j : NULL, &d, &e);
	directory_close(dir);
	if (r < 0)
		return out_fail(&e);
	return d.kind == ROUTE_ERROR ? CLI_NOTHING : CLI_OK;
}

/* ---- tables ---- */

static const struct cli_option add_options[] = {
	{"hosts", "LIST", "\"host[:port] ...\", tried in order, those that work first; required",
		"\"主机[:端口] ...\"，按顺序尝试，可用者优先；必填"},
	{"match", "PATTERN", "recipients that take it: domain, .domain, user@domain, *",
		"适用的收件人：域名、.域名（子域）、用户@域名、*"},
	{"protocol", "smtp|lmtp", "default smtp", "默认 smtp"},
	{"tls", "MODE", "opportunistic (default), required, ca, host, dane, none",
		"opportunistic（默认）、required、ca、host、dane、none"},
	{"user", "NAME", "log in at the next hop; the password is asked",
		"在下一跳登录的用户名；密码会询问"},
	{"stdin", NULL, "read that password from stdin", "从标准输入读取该密码"},
	{"disabled", NULL, "keep it, but do not use it", "保存但不使用"},
	{NULL, NULL, NULL, NULL},
};

const struct cli_verb route_verbs[] = {
	{"add", route_add, "NAME", 1, 1, false, add_options,
		"Saves a way out; one of that name is replaced.",
		"保存一条投递路由；同名的会被替换。",
		"A route is used by domains that name it (domain add --backend NAME) and by "
		"recipients in\n"
		"foreign domains that match its pattern; the most exact pattern wins.\n\n"
		"  posthouse route add exchange --hosts \"ex1.lan ex2.lan\" --tls ca\n"
		"  posthouse route add smarthost --match \"*\" --hosts relay.example.net:587 --tls "
		"host --user me\n"
		"  posthouse route add store --protocol lmtp --hosts [192.0.2.7]:24",
		"路由用于指定它的域（domain add --backend "
		"名称），以及与其规则匹配的外部收件人；最精确的规则优先。\n\n"
		"  posthouse route add exchange --hosts \"ex1.lan ex2.lan\" --tls ca\n"
		"  posthouse route add smarthost --match \"*\" --hosts relay.example.net:587 --tls "
		"host --user me\n"
		"  posthouse route add store --protocol lmtp --hosts [192.0.2.7]:24"},
	{"list", route_list, "", 0, 0, true, NULL, "Lists the routes.", "列出所有路由。", NULL,
		NULL},
	{"remove", route_remove, "NAME", 1, 1, false, NULL, "Removes a route that no domain uses.",
		"删除没有域在使用的路由。", NULL, NULL},
	{"test", route_test, "ADDRESS", 1, 1, true, NULL,
		"Tells which way mail for this recipient would take, and why.",
		"说明发给此收件人的邮件会走哪条路，以及原因。",
		"Exit code 3 when the recipient would be refused.\n\n  posthouse route test "
		"someone@example.com",
		"若该收件人会被拒绝，退出码为 3。\n\n  posthouse route test someone@example.com"},
	CLI_VERBS_END,
};
