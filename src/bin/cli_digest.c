/*
 * `posthouse digest`: who gets the list of his held mail and when (store/digest.h); what is set, what is due, sending one
 * now. What a digest would say is in cli_digest_preview.c. Digests themselves leave from the queue process.
 */
#include "bin/cli_digest.h"

#include "base/mem.h"
#include "bin/cli_verbs.h"
#include "bin/serve.h"
#include "codec/address.h"
#include <stdio.h>

static const char *const weekdays[] = {
	"sunday", "monday", "tuesday", "wednesday", "thursday", "friday", "saturday"};

/* ---- names ---- */

int digest_cli_name(struct arena *a, slice given, slice *ret)
{
	if (slice_starts(given, S("group:")) && given.n > 6) {
		*ret = arena_printf(a, DIGEST_GROUP "%.*s", SFMT(slice_skip(given, 6)));
		return CLI_OK;
	}
	if (directory_canonical_catchall(given, a, ret))
		return CLI_OK;
	return out_usage(T("%.*s: an address, @domain, or group:NAME is needed",
				 "%.*s：应为邮件地址、@域名或 group:组名"),
		SFMT(given));
}

static slice shown_name(slice name, struct arena *a)
{
	return slice_starts(name, S(DIGEST_GROUP))
		       ? arena_printf(a, "group:%.*s", SFMT(slice_skip(name, strlen(DIGEST_GROUP))))
		       : name;
}

/* ---- set ---- */

static int read_switches(struct cli_call *c, struct digest_setting *s)
{
	if (cli_flag(c, "on") && cli_flag(c, "off"))
		return out_usage(
			T("--on and --off exclude each other", "--on 与 --off 不能同时使用"));
	if (cli_flag(c, "only-new") && cli_flag(c, "all"))
		return out_usage(T("--only-new and --all exclude each other",
			"--only-new 与 --all 不能同时使用"));
	if (cli_flag(c, "on") || cli_flag(c, "off"))
		s->on = cli_flag(c, "on");
	if (cli_flag(c, "only-new") || cli_flag(c, "all"))
		s->only_new = cli_flag(c, "only-new");
	return CLI_OK;
}

static int read_times(struct cli_call *c, struct digest_setting *s)
{
	slice every = cli_option_text(c, "every"), hour = cli_option_text(c, "hour");
	slice weekday = cli_option_text(c, "weekday");
	uint64_t n = 0;
	if (every.n && (!duration_parse(every, &s->every) || !digest_every_valid(s->every)))
		return out_usage(T("--every is 1h to 23h, or 1d to 7d",
			"--every 的取值为 1h 至 23h，或 1d 至 7d"));
	if (hour.n && (!slice_u64(hour, &n) || n > 23))
		return out_usage(T("--hour is a number from 0 to 23", "--hour 为 0 至 23 的数"));
	if (hour.n)
		s->hour = (int)n;
	if (weekday.n)
		s->weekday = -1;
	for (int i = 0; weekday.n && i < 7; i++)
		if (slice_ieq(weekday, slice_z(weekdays[i])))
			s->weekday = i;
	if (weekday.n && s->weekday < 0)
		return out_usage(
			T("--weekday is monday ... sunday", "--weekday 的取值为 monday 至 sunday"));
	return CLI_OK;
}

static int read_place(struct cli_call *c, struct digest_setting *s)
{
	AUTO(zones) struct zones zones = {0};
	slice zone = cli_option_text(c, "zone"), language = cli_option_text(c, "language");
	bool known;
	if (zone.n)
		zones_get(&zones, zone, &known);
	if (zone.n && !known)
		return out_usage(
			T("%.*s is no time zone of this system: Asia/Shanghai, or +08:00",
				"%.*s 不是本系统已知的时区：应形如 Asia/Shanghai 或 +08:00"),
			SFMT(zone));
	if (language.n && !slice_ieq(language, S("en")) && !slice_ieq(language, S("zh")))
		return out_usage(T("--language is en or zh", "--language 的取值为 en 或 zh"));
	if (zone.n)
		s->zone = zone;
	if (language.n)
		s->language = language;
	return CLI_OK;
}

/* Words with commas or blanks between, each checked. */
static int read_list(struct arena *a, slice given, bool patterns, slice *ret)
{
	AUTO(buf) struct buf out = BUF(DIGEST_LIST_MAX);
	char *text = arena_strz(a, given);
	for (char *p = text; *p; p++)
		*p = *p == ',' ? ' ' : *p;
	slice rest = slice_z(text), word, canonical;
	struct address parsed;
	while (slice_cut(&rest, ' ', &word)) {
		if (word.n == 0)
			continue;
		bool wild = patterns && (word.p[0] == '@' || slice_index(word, '*') < word.n);
		if (!wild && address_parse(word, true, &parsed) != ADDRESS_FINE)
			return out_usage(
				T("%.*s is no mail address", "%.*s 不是邮件地址"), SFMT(word));
		if (!directory_canonical_catchall(word, a, &canonical))
			canonical = word;
		buf_printf(&out, "%s%.*s", out.n ? " " : "", SFMT(canonical));
	}
	if (!buf_ok(&out))
		return out_usage(T("the list is too long", "列表过长"));
	*ret = arena_dup(a, buf_slice(&out));
	return CLI_OK;
}

static int read_lists(struct cli_call *c, struct arena *a, struct digest_setting *s)
{
	bool group = slice_starts(s->name, S(DIGEST_GROUP));
	int code = CLI_OK;
	if (cli_option(c, "to"))
		code = read_list(a, cli_option_text(c, "to"), false, &s->to);
	if (code == CLI_OK && cli_option(c, "covers"))
		code = read_list(a, cli_option_text(c, "covers"), true, &s->covers);
	if (code != CLI_OK)
		return code;
	if (s->covers.n && !group)
		return out_usage(T("--covers is for groups", "--covers 仅用于组"));
	if (group && (!s->covers.n || !s->to.n))
		return out_usage(T("a group needs --covers and --to", "组需要 --covers 和 --to"));
	return CLI_OK;
}

static int run_set(struct cli_call *c)
{
	AUTO(cli_env) struct cli_env env = {0};
	struct digest_setting s = DIGEST_UNSET;
	slice name;
	struct err e;
	int code;
	if ((code = digest_cli_name(&env.mem, cli_arg(c, 0), &name)) != CLI_OK ||
		cli_env_open(c->cli, &env, &code) < 0)
		return code;
	struct sql *db = cli_env_db(&env, DB_DIRECTORY, &e);
	if (!db)
		return out_fail(&e);
	if (digest_setting_get(db, name, &env.mem, &s, &e) < 0 && e.kind != ERR_NOTFOUND)
		return out_fail(&e);
	s.name = name;
	s.changed_at = wall_now();
	s.changed_by = cli_env_who(&env.mem);
	if ((code = read_switches(c, &s)) != CLI_OK || (code = read_times(c, &s)) != CLI_OK ||
		(code = read_place(c, &s)) != CLI_OK ||
		(code = read_lists(c, &env.mem, &s)) != CLI_OK)
		return code;
	return digest_setting_put(db, &s, &e) < 0 ? out_fail(&e) : CLI_OK;
}

static int run_unset(struct cli_call *c)
{
	AUTO(cli_env) struct cli_env env = {0};
	slice name;
	struct err e;
	int code;
	if ((code = digest_cli_name(&env.mem, cli_arg(c, 0), &name)) != CLI_OK ||
		cli_env_open(c->cli, &env, &code) < 0)
		return code;
	struct sql *db = cli_env_db(&env, DB_DIRECTORY, &e);
	return db && digest_setting_remove(db, name, &e) == 0 ? CLI_OK : out_fail(&e);
}

/* ---- list ---- */

struct settings_list {
	struct listing l;
	struct arena *a;
	size_t n;
};

static slice every_text(int64_t every, struct arena *a)
{
	char text[24];
	return every ? arena_dup(a, slice_of(text, duration_print(every, text))) : S("-");
}

static void setting_json(struct json *j, const struct digest_setting *s, struct arena *a)
{
	json_open_object(j, NULL);
	json_text(j, "name", shown_name(s->name, a));
	if (s->on >= 0)
		json_bool(j, "on", s->on);
	if (s->every)
		json_text(j, "every", every_text(s->every, a));
	if (s->hour >= 0)
		json_int(j, "hour", s->hour);
	if (s->weekday >= 0)
		json_text(j, "weekday", slice_z(weekdays[s->weekday % 7]));
	if (s->only_new >= 0)
		json_bool(j, "only_new", s->only_new);
	json_text(j, "zone", s->zone);
	json_text(j, "language", s->language);
	json_text(j, "to", s->to);
	json_text(j, "covers", s->covers);
	json_time(j, "changed_at", s->changed_at);
	json_text(j, "changed_by", s->changed_by);
	json_close(j, '}');
}

static bool show_setting(void *arg, const struct digest_setting *s)
{
	struct settings_list *t = arg;
	t->n++;
	if (t->l.json) {
		setting_json(&t->l.j, s, t->a);
		return true;
	}
	table_cell(t->l.table, shown_name(s->name, t->a));
	table_cell(t->l.table, slice_z(s->on < 0 ? "-" : s->on ? T("on", "开") : T("off", "关")));
	table_cell(t->l.table, every_text(s->every, t->a));
	table_cell(t->l.table, s->hour < 0 ? S("-") : arena_printf(t->a, "%d", s->hour));
	table_cell(t->l.table, s->zone.n ? s->zone : S("-"));
	table_cell(t->l.table, s->language.n ? s->language : S("-"));
	table_cell(t->l.table, s->covers.n ? s->covers : S("-"));
	table_cell(t->l.table, s->to.n ? s->to : S("-"));
	return true;
}

static int run_list(struct cli_call *c)
{
	AUTO(cli_env) struct cli_env env = {0};
	const char *const headers[] = {T("NAME", "名称"), T("STATE", "状态"), T("EVERY", "频率"),
		T("HOUR", "时"), T("ZONE", "时区"), T("LANGUAGE", "语言"), T("COVERS", "范围"),
		T("ALSO TO", "另发给")};
	struct settings_list t = {.a = &env.mem};
	struct err e;
	int code;
	if (cli_env_open(c->cli, &env, &code) < 0)
		return code;
	struct sql *db = cli_env_db(&env, DB_DIRECTORY, &e);
	if (!db)
		return out_fail(&e);
	listing_begin(&t.l, c->cli->json, "settings", headers, sizeof headers / sizeof *headers);
	int r = digest_settings_each(db, false, show_setting, &t, &e);
	listing_end_rows(&t.l);
	listing_end(&t.l);
	return r < 0 ? out_fail(&e) : CLI_OK;
}

/* ---- show ---- */

int digest_cli_plan(struct cli_env *env, slice name, struct digest_plan *ret, struct err *e)
{
	struct sql *db = cli_env_db(env, DB_DIRECTORY, e);
	struct digest_setting s;
	slice local, domain = {0};
	*ret = digest_plan_of(env->config.digest);
	if (!db)
		return -1;
	if (address_split(name, &local, &domain) && local.n)
		domain = arena_printf(&env->mem, "@%.*s", SFMT(domain));
	const slice names[] = {domain, name};
	for (int i = 0; i < 2; i++) {
		if (names[i].n == 0)
			continue;
		if (digest_setting_get(db, names[i], &env->mem, &s, e) == 0)
			digest_plan_apply(ret, &s);
		else if (e->kind != ERR_NOTFOUND)
			return -1;
	}
	return 0;
}

static void show_plan(const struct digest_plan *p, struct arena *a)
{
	printf(T("digests:   %s\n", "清单：     %s\n"), p->on ? T("on", "开") : T("off", "关"));
	printf(T("every:     %.*s, at %d:00\n", "频率：     %.*s，%d:00\n"),
		SFMT(every_text(p->every, a)), p->hour);
	printf(T("zone:      %.*s\n", "时区：     %.*s\n"),
		SFMT(p->zone.n ? p->zone : slice_z(T("the system's", "系统时区"))));
	printf(T("language:  %s\n", "语言：     %s\n"), p->chinese ? "zh" : "en");
	printf(T("lists:     %s\n", "列出：     %s\n"),
		p->only_new ? T("what is new", "新增邮件")
			    : T("all that waits", "全部等待处理的邮件"));
	if (p->to.n)
		printf(T("also to:   %.*s\n", "另发给：   %.*s\n"), SFMT(p->to));
}

static void show_json(slice name, const struct digest_plan *p, const struct digest_last *last,
	const struct digest_due *due, struct arena *a)
{
	struct json j = {0};
	json_begin(&j);
	json_text(&j, "name", shown_name(name, a));
	json_bool(&j, "on", p->on);
	json_text(&j, "every", every_text(p->every, a));
	json_int(&j, "hour", p->hour);
	json_text(&j, "zone", p->zone);
	json_text(&j, "language", p->chinese ? S("zh") : S("en"));
	json_bool(&j, "only_new", p->only_new);
	json_text(&j, "to", p->to);
	json_time(&j, "sent_at", last->sent_at);
	json_int(&j, "listed", last->listed);
	json_time(&j, "due_at", due->due_at);
	json_end(&j);
}

static int run_show(struct cli_call *c)
{
	AUTO(cli_env) struct cli_env env = {0};
	struct digest_plan p;
	struct digest_last last = {0};
	struct digest_due next;
	slice name;
	struct err e;
	char sent[OUT_TEXT], due[OUT_TEXT];
	int code;
	if ((code = digest_cli_name(&env.mem, cli_arg(c, 0), &name)) != CLI_OK ||
		cli_env_open(c->cli, &env, &code) < 0)
		return code;
	struct sql *db = cli_env_db(&env, DB_QUEUE, &e);
	if (!db || digest_cli_plan(&env, name, &p, &e) < 0 ||
		digest_last_get(db, name, &last, &e) < 0 || digest_due_of(db, name, &next, &e) < 0)
		return out_fail(&e);
	if (c->cli->json) {
		show_json(name, &p, &last, &next, &env.mem);
		return CLI_OK;
	}
	show_plan(&p, &env.mem);
	printf(T("last sent: %s\n", "上次发送： %s\n"), out_time(last.sent_at, sent));
	printf(T("next:      %s\n", "下次：     %s\n"), out_time(next.due_at, due));
	return CLI_OK;
}

/* ---- send ---- */

static int add_due(struct sql *db, slice name, struct err *e)
{
	const struct digest_due d = {name, DIGEST_ASKED, wall_now()};
	if (sql_begin(db, e) < 0)
		return -1;
	if (digest_due_add_tx(db, &d, e) < 0) {
		sql_rollback(db);
		return -1;
	}
	return sql_commit(db, e);
}

static int run_send(struct cli_call *c)
{
	AUTO(cli_env) struct cli_env env = {0};
	slice name;
	struct err e;
	int code;
	if (cli_env_open(c->cli, &env, &code) < 0)
		return code;
	struct sql *db = cli_env_db(&env, DB_QUEUE, &e);
	if (!db)
		return out_fail(&e);
	for (int i = 0; i < c->nargs; i++)
		if ((code = digest_cli_name(&env.mem, cli_arg(c, i), &name)) != CLI_OK)
			return code;
		else if (add_due(db, name, &e) < 0)
			return out_fail(&e);
	cli_env_as_caller(&env);
	serve_wake_queue(env.config.server->run);
	return CLI_OK;
}

/* ---- the table ---- */

static const struct cli_option set_options[] = {{"on", NULL, "send digests", "发送清单"},
	{"off", NULL, "send none", "不发送"},
	{"every", "TIME", "how often: 1h to 23h, 1d to 7d", "频率：1h 至 23h，1d 至 7d"},
	{"hour", "HOUR", "of the day, by the reader's clock: 0 to 23",
		"每天几点（当地时间）：0 至 23"},
	{"weekday", "DAY", "of weekly ones: monday ...", "每周一次时的星期：monday 等"},
	{"zone", "ZONE", "Asia/Shanghai, or +08:00", "时区：Asia/Shanghai 或 +08:00"},
	{"language", "LANGUAGE", "en or zh", "en 或 zh"},
	{"only-new", NULL, "list what came since the last one", "只列出上次之后的邮件"},
	{"all", NULL, "list all that waits", "列出全部等待处理的邮件"},
	{"to", "ADDRESSES", "also sent to these, commas between; of a group: its readers",
		"另发给这些地址，逗号分隔；组：其收件人"},
	{"covers", "WHOM", "of a group: addresses, @domain, '*' is a wildcard",
		"组的范围：地址、@域名，'*' 为通配符"},
	{NULL, NULL, NULL, NULL}};

const struct cli_verb digest_verbs[] = {
	{"list", run_list, "", 0, 0, true, NULL, "Lists what is set.", "列出所有设置。", NULL,
		NULL},
	{"show", run_show, "NAME", 1, 1, true, NULL,
		"Shows what holds for somebody, when his last digest left and when the next is "
		"due.",
		"显示对某人生效的设置、上次发送和下次发送的时间。", NULL, NULL},
	{"set", run_set, "NAME", 1, 1, false, set_options,
		"Changes what is given, for an address, @domain or group:NAME.",
		"修改给出的设置，对象为邮件地址、@域名或 group:组名。",
		"What is not set is as the domain has it, else as [digest] says.\n\n"
		"  posthouse digest set @example.com --on --every 24h --hour 8 --zone "
		"Asia/Shanghai\n"
		"  posthouse digest set ann@example.com --every 4h --language zh\n"
		"  posthouse digest set group:it --covers @example.com --to it@example.com --every "
		"7d",
		"未设置的项以域的设置为准，其次为 [digest]。\n\n"
		"  posthouse digest set @example.com --on --every 24h --hour 8 --zone "
		"Asia/Shanghai\n"
		"  posthouse digest set ann@example.com --every 4h --language zh\n"
		"  posthouse digest set group:it --covers @example.com --to it@example.com --every "
		"7d"},
	{"unset", run_unset, "NAME", 1, 1, false, NULL, "Removes all settings of this name.",
		"删除该名称的全部设置。", NULL, NULL},
	{"send", run_send, "NAME...", 1, -1, false, NULL, "Sends a digest of all that waits, now.",
		"立即发送一份清单，列出全部等待处理的邮件。", NULL, NULL},
	{"preview", digest_cli_preview, "NAME", 1, 1, false, digest_preview_options,
		"Prints what a digest would say now, without links.",
		"显示现在的清单内容，不含链接。", NULL, NULL},
	CLI_VERBS_END,
};
