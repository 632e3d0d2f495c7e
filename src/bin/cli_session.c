/*
 * `posthouse session`: who is logged in with a mail program, and ending sessions (sessions.h). Reads and marks the files of the server's
 * processes; they end marked sessions within a second.
 */
#include "bin/cli_verbs.h"

#include "base/mem.h"
#include "base/time.h"
#include "bin/sessions.h"
#include "store/directory.h"

#include <inttypes.h>
#include <stdio.h>

/* ---- which ones ---- */

struct which {
	uint64_t id; /* or 0 */
	slice login, service, ip; /* empty: any */
	bool all; /* also those that have not logged in */
};

static bool matches(void *arg, const struct session_row *r)
{
	const struct which *w = arg;
	if (w->id)
		return r->id == w->id;
	if (w->login.n && !slice_eq(w->login, slice_z(r->login)))
		return false;
	if (w->service.n && !slice_ieq(w->service, slice_z(r->service)))
		return false;
	if (w->ip.n && !slice_eq(w->ip, slice_z(r->ip)))
		return false;
	return w->all || r->account_id;
}

static bool parse_id(slice s, uint64_t *ret)
{
	uint64_t v = 0;
	if (s.n == 0 || s.n > 10)
		return false;
	for (size_t i = 0; i < s.n; i++) {
		char c = ascii_lower(s.p[i]);
		if (!(c >= '0' && c <= '9') && !(c >= 'a' && c <= 'f'))
			return false;
		v = v << 4 | (uint64_t)(c <= '9' ? c - '0' : c - 'a' + 10);
	}
	*ret = v;
	return v != 0;
}

/* An address as it is written in the files: the canonical spelling, cut to fit there. */
static bool login_of(slice address, struct arena *a, slice *ret)
{
	if (!directory_canonical(address, a, ret))
		return false;
	char *text = arena_alloc(a, sizeof((struct session_row *)0)->login);
	session_text(text, sizeof((struct session_row *)0)->login, *ret);
	*ret = slice_z(text);
	return true;
}

static int read_options(struct cli_call *c, struct arena *a, struct which *ret)
{
	slice address = cli_option_text(c, "account");
	ret->service = cli_option_text(c, "service");
	ret->ip = cli_option_text(c, "ip");
	if (address.n && !login_of(address, a, &ret->login))
		return out_usage(
			T("not a mail address: %.*s", "不是邮件地址：%.*s"), SFMT(address));
	return CLI_OK;
}

/* ---- list ---- */

static void to_json(struct json *j, const struct session_seen *s)
{
	const struct session_row *r = &s->row;
	char id[32];
	snprintf(id, sizeof id, "%010" PRIx64, r->id);
	json_text(j, "id", slice_z(id));
	json_text(j, "service", slice_z(r->service));
	json_text(j, "login", slice_z(r->login));
	json_text(j, "how", slice_z(r->how));
	json_text(j, "ip", slice_z(r->ip));
	json_text(j, "client", slice_z(r->client));
	json_text(j, "tls", slice_z(r->tls));
	json_text(j, "doing", slice_z(r->doing));
	json_text(j, "folder", slice_z(r->folder));
	json_time(j, "since", r->since);
	json_time(j, "active", r->active_at);
	json_text(j, "process", s->role);
	json_int(j, "instance", s->n);
	json_int(j, "pid", s->pid);
}

static void to_table(struct table *t, const struct session_seen *s)
{
	const struct session_row *r = &s->row;
	char since[OUT_TEXT], quiet[OUT_TEXT];
	table_cellf(t, "%010" PRIx64, r->id);
	table_cell(t, slice_z(r->login[0] ? r->login : "-"));
	table_cell(t, slice_z(r->service));
	table_cell(t, slice_z(r->ip));
	table_cell(t, slice_z(out_age(wall_now() - r->since, since)));
	table_cell(t, slice_z(out_age(wall_now() - r->active_at, quiet)));
	table_cell(t, slice_z(r->doing));
	table_cell(t, slice_z(r->folder));
	table_cell(t, slice_z(r->how));
	table_cell(t, slice_z(r->client));
}

static int run_list(struct cli_call *c)
{
	AUTO(cli_env) struct cli_env env = {0};
	struct which w = {.all = cli_flag(c, "all")};
	struct session_seen *seen = NULL;
	struct listing l;
	size_t n = 0;
	struct err e;
	int code;
	if (cli_env_config(c->cli, &env, &code) < 0)
		return code;
	if ((code = read_options(c, &env.mem, &w)) != CLI_OK)
		return code;
	if (sessions_read(env.config.server->run, &env.mem, &seen, &n, &e) < 0)
		return out_fail(&e);
	const char *const headers[] = {T("session", "会话"), T("account", "帐号"),
		T("service", "服务"), T("from", "来自"), T("open", "已打开"), T("quiet", "静默"),
		T("doing", "正在"), T("folder", "文件夹"), T("login", "登录方式"),
		T("program", "程序")};
	listing_begin(&l, c->cli->json, "sessions", headers, 10);
	for (size_t i = 0; i < n; i++) {
		if (!matches(&w, &seen[i].row))
			continue;
		if (!l.json) {
			to_table(l.table, &seen[i]);
			continue;
		}
		json_open_object(&l.j, NULL);
		to_json(&l.j, &seen[i]);
		json_close(&l.j, '}');
	}
	listing_end_rows(&l);
	listing_end(&l);
	return CLI_OK;
}

/* ---- end ---- */

static int run_end(struct cli_call *c)
{
	AUTO(cli_env) struct cli_env env = {0};
	slice what = cli_arg(c, 0);
	struct which w = {0};
	struct err e;
	int code;
	if (cli_env_config(c->cli, &env, &code) < 0)
		return code;
	w.service = cli_option_text(c, "service");
	w.ip = cli_option_text(c, "ip");
	if (!parse_id(what, &w.id) && !login_of(what, &env.mem, &w.login))
		return out_usage(
			T("which? A session as `session list` names it, or an account's address",
				"请指定会话（见 session list）或帐号地址"));
	int64_t n = sessions_end(env.config.server->run, matches, &w, &e);
	if (n < 0)
		return out_fail(&e);
	if (c->cli->json) {
		struct json j = {0};
		json_begin(&j);
		json_int(&j, "ended", n);
		json_end(&j);
	} else {
		printf(T("%lld sessions are being ended\n", "正在结束 %lld 个会话\n"),
			(long long)n);
	}
	return n ? CLI_OK : CLI_NOTHING;
}

static const struct cli_option list_options[] = {
	{"account", "ADDRESS", "of this account", "此帐号的"},
	{"service", "NAME", "imap or pop3", "imap 或 pop3"},
	{"ip", "ADDRESS", "from this address", "来自此地址的"},
	{"all", NULL, "also those where nobody has logged in yet", "包括尚未登录的"}, {0}};
static const struct cli_option end_options[] = {
	{"service", "NAME", "only imap or pop3", "仅 imap 或 pop3"},
	{"ip", "ADDRESS", "only from this address", "仅来自此地址的"}, {0}};

const struct cli_verb session_verbs[] = {
	{"list", run_list, "", 0, 0, true, list_options, "who is logged in, from where, with what",
		"谁已登录、来自哪里、用什么程序",
		"Sessions of IMAP and POP3. \"quiet\" is how long the program has said nothing.",
		"IMAP 和 POP3 会话。“静默”指客户端多久没有动作。"},
	{"end", run_end, "SESSION|ADDRESS", 1, 1, true, end_options,
		"end a session, or all of an account", "结束一个会话，或一个帐号的全部会话",
		"The program is told, and may log in again: to keep it out disable the account, "
		"change its\n"
		"password or switch the service off (that ends its sessions, too).",
		"客户端会得到通知，并且可以再次登录：如需阻止，请停用帐号、修改密码或关闭服务\n"
		"（也会结束其会话）。"},
	CLI_VERBS_END};
