/*
 * `posthouse forward` and `posthouse autoreply`: what accounts want done with their mail (store/forward.h). Whose mail is
 * passed on is told so by a letter, which is in the outbox before the change is made: rather a letter too much than a
 * forward that nobody hears of.
 */
#include "bin/cli_verbs.h"
#include "bin/serve.h"

#include "base/mem.h"
#include "base/time.h"
#include "store/directory.h"
#include "store/forward.h"
#include "store/notice.h"

#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <stdio.h>
#include <unistd.h>

/* The directory, and the account of the first argument; NULL after a complaint, and *ret_code. */
static struct sql *open_account(
	struct cli_call *c, struct cli_env *env, struct account *ret, int *ret_code)
{
	struct err e;
	struct sql *db = cli_env_directory(c->cli, env, ret_code);
	if (db && directory_account(db, cli_arg(c, 0), &env->mem, ret, &e) < 0) {
		*ret_code = out_fail(&e);
		return NULL;
	}
	return db;
}

/* ---- forwards ---- */

static slice join(const struct forwarding *f, struct arena *a)
{
	AUTO(buf) struct buf b = BUF(FORWARD_TARGETS_MAX * 1024);
	for (size_t i = 0; i < f->ntargets; i++)
		buf_printf(&b, "%s%.*s", i ? ", " : "", SFMT(out_address(f->targets[i], a)));
	return arena_dup(a, buf_slice(&b));
}

static void forward_json(struct json *j, const struct forwarding_row *r)
{
	json_open_object(j, NULL);
	json_text(j, "address", r->address);
	json_open_array(j, "targets");
	for (size_t i = 0; i < r->f.ntargets; i++)
		json_text(j, NULL, r->f.targets[i]);
	json_close(j, ']');
	json_bool(j, "outside", r->outside);
	json_bool(j, "keep", r->f.keep);
	json_bool(j, "enabled", r->f.enabled);
	json_text(j, "set_by", r->f.set_by);
	json_time(j, "set_at", r->f.set_at);
	json_close(j, '}');
}

static void forward_row(struct listing *l, const struct forwarding_row *r, struct arena *a)
{
	char text[OUT_TEXT];
	table_cell(l->table, out_address(r->address, a));
	table_cell(l->table, slice_z(r->outside ? T("outside", "外部") : T("here", "本系统")));
	table_cell(l->table, slice_z(r->f.keep ? T("yes", "是") : T("no", "否")));
	table_cell(l->table, slice_z(r->f.enabled ? T("yes", "是") : T("no", "否")));
	table_cellf(l->table, "%s", out_time(r->f.set_at, text));
	table_cell(l->table, r->f.set_by);
	table_cell(l->table, join(&r->f, a));
}

static int forward_list(struct cli_call *c)
{
	AUTO(cli_env) struct cli_env env = {0};
	struct forwarding_row *v;
	struct listing l;
	struct err e;
	size_t n;
	int code;
	struct sql *db = cli_env_directory(c->cli, &env, &code);
	if (!db)
		return code;
	if (forwarding_list(db, cli_arg(c, 0), &env.mem, &v, &n, &e) < 0)
		return out_fail(&e);
	const char *const heads[] = {T("ADDRESS", "帐号"), T("TO", "去向"), T("COPY", "留副本"),
		T("ON", "启用"), T("SET", "设置时间"), T("BY", "设置人"), T("TARGETS", "目标")};
	listing_begin(&l, c->cli->json, "forwards", heads, 7);
	for (size_t i = 0; i < n; i++) {
		if (cli_flag(c, "outside") && !(v[i].outside && v[i].f.enabled))
			continue;
		if (l.json)
			forward_json(&l.j, &v[i]);
		else
			forward_row(&l, &v[i], &env.mem);
	}
	listing_end_rows(&l);
	listing_end(&l);
	return CLI_OK;
}

static slice notice_data(const struct forwarding *f, bool outside, struct arena *a)
{
	json_t *o = json_object(), *targets = json_array();
	json_object_set_new(o, "by", json_stringn(f->set_by.p, f->set_by.n));
	for (size_t i = 0; i < f->ntargets; i++)
		json_array_append_new(targets, json_stringn(f->targets[i].p, f->targets[i].n));
	json_object_set_new(o, "targets", targets);
	json_object_set_new(o, "outside", json_boolean(outside));
	json_object_set_new(o, "keep", json_boolean(f->keep));
	json_object_set_new(o, "enabled", json_boolean(f->enabled));
	AUTO(free) char *text = json_dumps(o, JSON_COMPACT);
	json_decref(o);
	return arena_dup(a, slice_z(text));
}

static int tell_owner(
	struct cli_env *env, slice address, const struct forwarding *f, bool outside, struct err *e)
{
	struct sql *queue = cli_env_db(env, DB_QUEUE, e);
	const struct notice n = {.kind = NOTICE_FORWARD,
		.to = address,
		.idx = -1,
		.data = notice_data(f, outside, &env->mem),
		.at = wall_now()};
	if (!queue || sql_begin(queue, e) < 0)
		return -1;
	if (notice_add_tx(queue, &n, e) < 0) {
		sql_rollback(queue);
		return -1;
	}
	return sql_commit(queue, e);
}

/* Does any target lead outside? */
static int leaves(struct sql *db, const struct forwarding *f, bool *ret, struct err *e)
{
	*ret = false;
	for (size_t i = 0; i < f->ntargets && !*ret; i++)
		if (forwarding_leaves(db, f->targets[i], ret, e) < 0)
			return -1;
	return 0;
}

static int forward_set(struct cli_call *c)
{
	AUTO(cli_env) struct cli_env env = {0};
	struct account account;
	struct forwarding f;
	struct err e;
	bool outside;
	int code;
	struct sql *db = open_account(c, &env, &account, &code);
	if (!db)
		return code;
	slice *targets = ARENA_ARRAY(&env.mem, slice, (size_t)c->nargs);
	for (int i = 1; i < c->nargs; i++)
		targets[i - 1] = cli_arg(c, i);
	struct forwarding asked = {.account_id = account.id,
		.enabled = true,
		.keep = !cli_flag(c, "no-copy"),
		.targets = targets,
		.ntargets = (size_t)c->nargs - 1,
		.set_by = cli_env_administrator(&env),
		.set_at = wall_now()};
	if (forwarding_check(db, &asked, &env.mem, &f, &e) < 0 ||
		leaves(db, &f, &outside, &e) < 0 ||
		tell_owner(&env, account.address, &f, outside, &e) < 0 ||
		forwarding_set(db, &f, &e) < 0)
		return out_fail(&e);
	serve_wake_queue(env.config.server->run);
	printf(T("Mail for %.*s is passed on to %.*s; %s\n", "发给 %.*s 的邮件将转发到 %.*s；%s\n"),
		SFMT(account.address), SFMT(join(&f, &env.mem)),
		f.keep ? T("a copy stays.", "保留副本。") : T("no copy stays.", "不保留副本。"));
	if (outside && !env.config.delivery->forward_outside)
		printf("%s", T("Forwarding to outside is forbidden ([delivery] forward_outside): "
			       "what leads there is not followed.\n",
				     "已禁止向外部转发（[delivery] "
				     "forward_outside）：外部目标不会执行。\n"));
	return CLI_OK;
}

static int forward_remove(struct cli_call *c)
{
	AUTO(cli_env) struct cli_env env = {0};
	struct account account;
	struct forwarding f;
	struct err e;
	bool outside;
	int code;
	struct sql *db = open_account(c, &env, &account, &code);
	if (!db)
		return code;
	if (forwarding_get(db, account.id, &env.mem, &f, &e) < 0)
		return out_fail(&e);
	f.enabled = false;
	f.set_by = cli_env_administrator(&env);
	if (leaves(db, &f, &outside, &e) < 0 ||
		tell_owner(&env, account.address, &f, outside, &e) < 0 ||
		forwarding_remove(db, account.id, &e) < 0)
		return out_fail(&e);
	serve_wake_queue(env.config.server->run);
	printf(T("Mail for %.*s is not passed on any more.\n", "发给 %.*s 的邮件不再转发。\n"),
		SFMT(account.address));
	return CLI_OK;
}

static const struct cli_option list_options[] = {
	{"outside", NULL, "only those that are on and lead outside", "只列出已启用且转发到外部的"},
	{0}};
static const struct cli_option set_options[] = {
	{"no-copy", NULL, "no copy stays in the mailbox", "邮箱中不保留副本"}, {0}};

const struct cli_verb forward_verbs[] = {
	{"list", forward_list, "[DOMAIN]", 0, 1, true, list_options,
		"Lists whose mail is passed on, where to, set by whom.",
		"列出自动转发：帐号、目标、设置人。", NULL, NULL},
	{"set", forward_set, "ADDRESS TARGET...", 2, -1, false, set_options,
		"Has an account's mail passed on; replaces what was set.",
		"设置帐号的自动转发（替换已有设置）。",
		"Its owner is told so by a letter. Junk is not passed on; mail that comes back "
		"stays in the mailbox.\n\n"
		"  posthouse forward set ann@example.org ann@example.net\n"
		"  posthouse forward set ann@example.org bob@example.org --no-copy",
		"系统会发信通知帐号所有者。垃圾邮件不转发；转回来的邮件留在邮箱中。\n\n"
		"  posthouse forward set ann@example.org ann@example.net\n"
		"  posthouse forward set ann@example.org bob@example.org --no-copy"},
	{"remove", forward_remove, "ADDRESS", 1, 1, false, NULL, "Mail stays in the mailbox again.",
		"取消自动转发。", NULL, NULL},
	CLI_VERBS_END,
};

/* ---- automatic answers ---- */

static int autoreply_show(struct cli_call *c)
{
	AUTO(cli_env) struct cli_env env = {0};
	char from[OUT_TEXT], until[OUT_TEXT], set_at[OUT_TEXT];
	struct account account;
	struct autoreply r;
	struct err e;
	int code;
	struct sql *db = open_account(c, &env, &account, &code);
	if (!db)
		return code;
	if (autoreply_get(db, account.id, &env.mem, &r, &e) < 0)
		return out_fail(&e);
	if (c->cli->json) {
		struct json j = {0};
		json_begin(&j);
		json_text(&j, "address", account.address);
		json_bool(&j, "enabled", r.enabled);
		json_bool(&j, "due", autoreply_is_due(&r, wall_now()));
		json_text(&j, "subject", r.subject);
		json_text(&j, "text", r.text);
		json_time(&j, "from", r.from_at);
		json_time(&j, "until", r.until_at);
		json_int(&j, "days", r.days);
		json_text(&j, "set_by", r.set_by);
		json_time(&j, "set_at", r.set_at);
		json_end(&j);
		return CLI_OK;
	}
	printf(T("%.*s: from %s until %s, a sender once in %lld days; set %s by %.*s\n",
		       "%.*s：从 %s 到 %s，同一发件人每 %lld 天回复一次；设置于 %s，%.*s\n"),
		SFMT(account.address), out_time(r.from_at, from), out_time(r.until_at, until),
		(long long)r.days, out_time(r.set_at, set_at), SFMT(r.set_by));
	printf("%s", T("Subject: ", "主题："));
	out_safe(r.subject.n ? r.subject : S("Auto: ..."));
	printf("\n\n");
	for (slice line, rest = r.text; slice_cut(&rest, '\n', &line); printf("\n"))
		out_safe(line);
	return CLI_OK;
}

/* A time as people say it; ages count from now on here: "3d" is in three days. */
static bool read_time(slice s, int64_t *ret)
{
	int64_t now = wall_now(), lasts;
	if (!s.n)
		return true;
	if (duration_parse(s, &lasts)) {
		*ret = now + lasts;
		return true;
	}
	return time_parse(s, now, ret);
}

static int read_text(struct cli_env *env, struct cli_call *c, slice *ret, struct err *e)
{
	slice text = cli_option_text(c, "text"), path = cli_option_text(c, "file");
	if (text.n || !path.n) {
		*ret = text;
		return 0;
	}
	AUTO(buf) struct buf out = BUF(AUTOREPLY_TEXT_MAX + 2);
	cli_env_as_caller(env);
	AUTO(fd)
	int fd = slice_eq(path, S("-")) ? dup(0)
					: open(arena_strz(&env->mem, path), O_RDONLY | O_CLOEXEC);
	cli_env_as_server(env);
	ssize_t n = fd < 0 ? -1 : 1;
	while (n > 0 && out.n <= AUTOREPLY_TEXT_MAX) {
		char *room = buf_room(&out, AUTOREPLY_TEXT_MAX + 1 - out.n);
		n = read(fd, room, AUTOREPLY_TEXT_MAX + 1 - out.n);
		buf_commit(&out, n > 0 ? (size_t)n : 0);
	}
	if (n < 0)
		return err_sys(e, errno, "%.*s", SFMT(path));
	AUTO(buf) struct buf lf = BUF(AUTOREPLY_TEXT_MAX + 2);
	for (size_t i = 0; i < out.n; i++)
		if (out.p[i] != '\r')
			buf_byte(&lf, out.p[i]);
	*ret = arena_dup(&env->mem, buf_slice(&lf));
	return 0;
}

static int autoreply_set_verb(struct cli_call *c)
{
	AUTO(cli_env) struct cli_env env = {0};
	struct account account;
	struct autoreply r = {
		.enabled = true, .subject = cli_option_text(c, "subject"), .days = AUTOREPLY_DAYS};
	slice days = cli_option_text(c, "days");
	struct err e;
	uint64_t n;
	int code;
	if (!read_time(cli_option_text(c, "from"), &r.from_at) ||
		!read_time(cli_option_text(c, "until"), &r.until_at))
		return out_usage(T("--from and --until are times: 2026-12-24, 2026-12-24T18:00, 3d",
			"--from 和 --until 为时间：2026-12-24、2026-12-24T18:00、3d"));
	if (days.n && (!slice_u64(days, &n) || n < 1 || n > AUTOREPLY_DAYS_MAX))
		return out_usage(T("--days is 1 to %d", "--days 为 1 至 %d"), AUTOREPLY_DAYS_MAX);
	if (days.n)
		r.days = (int64_t)n;
	struct sql *db = open_account(c, &env, &account, &code);
	if (!db)
		return code;
	r.set_by = cli_env_administrator(&env);
	if (read_text(&env, c, &r.text, &e) < 0)
		return out_fail(&e);
	r.account_id = account.id;
	if (autoreply_set(db, &r, &e) < 0)
		return out_fail(&e);
	printf(T("Letters to %.*s are answered.\n", "发给 %.*s 的来信将自动回复。\n"),
		SFMT(account.address));
	return CLI_OK;
}

static int autoreply_off(struct cli_call *c)
{
	AUTO(cli_env) struct cli_env env = {0};
	struct account account;
	struct err e;
	int code;
	struct sql *db = open_account(c, &env, &account, &code);
	if (!db)
		return code;
	if (autoreply_remove(db, account.id, &e) < 0)
		return out_fail(&e);
	printf(T("Letters to %.*s are not answered any more.\n",
		       "发给 %.*s 的来信不再自动回复。\n"),
		SFMT(account.address));
	return CLI_OK;
}

static const struct cli_option autoreply_options[] = {{"text", "TEXT", "what it says", "回复内容"},
	{"file", "FILE", "what it says, from a file; \"-\" is standard input",
		"从文件读取回复内容；“-”为标准输入"},
	{"subject", "TEXT", "its subject; without: \"Auto: \" and theirs",
		"主题；不给则为“Auto: ”加来信主题"},
	{"from", "TIME", "when it begins: 2026-12-24, 3d; without: now",
		"开始时间：2026-12-24、3d；不给则立即"},
	{"until", "TIME", "when it ends; without: until it is switched off",
		"结束时间；不给则直到关闭"},
	{"days", "N", "one sender is answered once in so many days (7)",
		"同一发件人每 N 天回复一次（7）"},
	{0}};

const struct cli_verb autoreply_verbs[] = {
	{"show", autoreply_show, "ADDRESS", 1, 1, true, NULL,
		"Shows an account's automatic answer.", "显示帐号的自动回复。", NULL, NULL},
	{"set", autoreply_set_verb, "ADDRESS", 1, 1, false, autoreply_options,
		"Has letters to an account answered.", "设置帐号的自动回复。",
		"Only letters of people to this person are answered: no lists, no machines, no "
		"junk.\n\n"
		"  posthouse autoreply set ann@example.org --until 2026-12-28 --text 'I am back on "
		"Monday.'",
		"只回复写给本人的个人来信，不回复邮件列表、自动邮件和垃圾邮件。\n\n"
		"  posthouse autoreply set ann@example.org --until 2026-12-28 --text "
		"'我周一回来。'"},
	{"off", autoreply_off, "ADDRESS", 1, 1, false, NULL, "Switches it off.", "关闭自动回复。",
		NULL, NULL},
	CLI_VERBS_END,
};
