/*
 * `posthouse migrate add | import`, `posthouse collect add`: jobs for the collect process. Passwords come from a file, from stdin or from the
 * terminal, never from the command line, and are sealed before they are stored.
 */
#include "bin/cli_collect.h"
#include "bin/cli_tty.h"

#include "base/mem.h"
#include "codec/csv.h"
#include "mail/collections.h"
#include "store/directory.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/crypto.h>
#include <stdio.h>
#include <unistd.h>

enum { FILE_MAX_BYTES = 64 << 20, ROWS_MAX = 100000 };

/* ---- options ---- */

#define SERVER_OPTIONS                                                                             \
	{"protocol", "imap|pop3", "what the server speaks (default: imap)",                        \
		"服务器协议，默认 imap"},                                                          \
		{"security", "tls|starttls|none",                                                  \
			"TLS from the first byte (default), STARTTLS, or none",                    \
			"加密方式：tls（默认）、starttls 或 none"},                                \
		{"auth", "auto|plain|login|xoauth2|oauthbearer",                                   \
			"how to log in; with the last two the password is a token",                \
			"登录方式；后两种以令牌代替密码"},                                         \
		{"fingerprint", "SHA256", "trust the certificate with this fingerprint alone",     \
			"仅信任具有此指纹的证书"},                                                 \
		{"insecure", NULL, "trust any certificate", "信任任何证书（不验证）"},             \
		{"password-file", "FILE", "the password, first line; - is stdin",                  \
			"密码文件（第一行）；- 为标准输入"},                                       \
		{"rate", "SIZE", "bytes a second at most, as 500k", "每秒最多字节数，如 500k"},    \
	{                                                                                          \
		"max-size", "SIZE", "larger messages stay there", "超过此大小的邮件不取" \
	}

#define MIGRATE_OPTIONS                                                                            \
	{"into", "FOLDER", "all goes below this folder", "全部放到此文件夹之下"},                  \
		{"exclude", "FOLDER...", "leave these out, with all below; * is anything",         \
			"不迁移这些文件夹（及其下级）；* 为通配符"},                               \
		{"map", "OLD=NEW...", "another name here for a folder, with all below",            \
			"文件夹在本系统改名（及其下级）：旧名=新名"},                              \
		{"no-flags", NULL, "later changes of flags do not come",                           \
			"再次迁移时不同步标记的变化"},                                             \
		{"delete-gone", NULL, "what left there leaves here too, unless changed here",      \
			"对方已删除的邮件本系统也删除（本系统改动过的除外）"},                     \
		{"verify", NULL, "compare all bytes that are here already",                        \
			"逐字节比对已迁移的邮件"},                                                 \
		{"dry-run", NULL, "tell what would come, bring nothing", "只统计，不迁移"},        \
	{                                                                                          \
		"batch", "NAME", "a name for jobs that belong together", "一批任务的名称"   \
	}

const struct cli_option cli_migrate_add_options[] = {
	{"from", "HOST[:PORT]", "the server", "对方服务器"},
	{"user", "LOGIN", "whose account there (default: the address)", "对方帐号（默认同地址）"},
	{"as", "LOGIN", "whose mail, when LOGIN is an administrator there",
		"以对方管理员登录时，要迁移的帐号"},
	SERVER_OPTIONS,
	MIGRATE_OPTIONS,
	{"wait", NULL, "until it has ended", "等待完成"},
	{NULL, NULL, NULL, NULL},
};
const struct cli_option cli_migrate_import_options[] = {
	{"from", "HOST[:PORT]", "the server, for rows without one", "对方服务器（表中未给出时）"},
	{"user", "LOGIN", "an administrator there, for rows without a login",
		"对方管理员（表中未给出帐号时）"},
	SERVER_OPTIONS,
	MIGRATE_OPTIONS,
	{"wait", NULL, "until all have ended", "等待全部完成"},
	{NULL, NULL, NULL, NULL},
};
const struct cli_option cli_collect_add_options[] = {
	{"from", "HOST[:PORT]", "the server", "对方服务器"},
	{"user", "LOGIN", "whose account there", "对方帐号"},
	SERVER_OPTIONS,
	{"folder", "FOLDER", "where it goes (default: INBOX)", "放入的文件夹，默认收件箱"},
	{"folders", "FOLDER...",
		"by IMAP: collect these folders there, with all below, by their names; * is "
		"anything "
		"(default: INBOX)",
		"IMAP：收取对方的这些文件夹（及其下级），按原名放置；* 为通配符；默认仅收件箱"},
	{"exclude", "FOLDER...", "but not these", "其中不收取的文件夹"},
	{"map", "OLD=NEW...", "another name here for a folder, with all below",
		"文件夹在本系统改名（及其下级）：旧名=新名"},
	{"since", "TIME", "only messages that came since then: a date, or 30d",
		"只收取此时间之后的邮件：日期，或如 30d"},
	{"from-contains", "TEXT", "only messages whose From: contains this",
		"只收取发件人包含此文字的邮件"},
	{"subject-contains", "TEXT", "only messages whose subject contains this",
		"只收取主题包含此文字的邮件"},
	{"every", "TIME", "how often (default: 15m)", "间隔时间，默认 15m"},
	{"delete-after", "TIME",
		"delete it there so long after; 0: at the next pass (default: it stays)",
		"收取多久后从对方删除；0：下次收取时删除；默认不删除"},
	{"unfiltered", NULL, "not through the filter", "不经过滤"},
	{"as-person", NULL,
		"as its owner sets it up: needs the service \"collect\", no exceptions are made",
		"视同邮箱主人自行添加：需要 collect 服务权限，不享有管理员的例外"},
	{NULL, NULL, NULL, NULL},
};

static bool has_option(const struct cli_call *c, const char *name)
{
	for (const struct cli_option *o = c->verb->options; o && o->name; o++)
		if (strcmp(o->name, name) == 0)
			return true;
	return false;
}

static slice option(const struct cli_call *c, const char *name)
{
	return has_option(c, name) ? cli_option_text(c, name) : S("");
}

static bool flag(const struct cli_call *c, const char *name)
{
	return has_option(c, name) && cli_flag(c, name);
}

static int word(slice s, const char *const *words)
{
	for (int i = 0; words[i]; i++)
		if (slice_ieq(s, slice_z(words[i])))
			return i;
	return -1;
}

/* ---- texts into fields: options and cells alike; NULL: fine, else what is wrong ---- */

static const char *set_server(struct collect_job *j, slice v)
{
	uint64_t port;
	slice host = v;
	size_t colon = slice_rindex(v, ':');
	bool bracket = slice_starts(v, S("["));
	if (bracket) {
		size_t end = slice_index(v, ']');
		host = slice_skip(slice_first(v, end), 1);
		colon = end + 1 < v.n && v.p[end + 1] == ':' ? end + 1 : v.n;
	} else if (slice_index(v, ':') != colon) {
		colon = v.n; /* an IPv6 address */
	} else {
		host = slice_first(v, colon);
	}
	if (colon < v.n) {
		if (!slice_u64(slice_skip(v, colon + 1), &port) || port == 0 || port > 65535)
			return T("no port", "端口号错误");
		j->port = (uint16_t)port;
	}
	j->host = host;
	return host.n ? NULL : T("no server", "没有服务器");
}

static const char *set_port(struct collect_job *j, slice v)
{
	uint64_t n;
	if (!slice_u64(v, &n) || n == 0 || n > 65535)
		return T("no port", "端口号错误");
	j->port = (uint16_t)n;
	return NULL;
}

static const char *set_protocol(struct collect_job *j, slice v)
{
	static const char *const words[] = {"imap", "pop3", NULL};
	int i = word(v, words);
	j->protocol = i == 1 ? COLLECT_POP3 : COLLECT_IMAP;
	return i < 0 ? T("the protocol is imap or pop3", "协议应为 imap 或 pop3") : NULL;
}

static const char *set_security(struct collect_job *j, slice v)
{
	static const char *const words[] = {"tls", "starttls", "none", "ssl", NULL};
	static const enum collect_security is[] = {
		COLLECT_TLS, COLLECT_STARTTLS, COLLECT_PLAIN, COLLECT_TLS};
	int i = word(v, words);
	if (i >= 0)
		j->security = is[i];
	return i < 0 ? T("security is tls, starttls or none", "加密方式应为 tls、starttls 或 none")
		     : NULL;
}

static const char *set_auth(struct collect_job *j, slice v)
{
	static const char *const words[] = {
		"auto", "plain", "login", "xoauth2", "oauthbearer", NULL};
	int i = word(v, words);
	j->auth = i < 0 ? COLLECT_AUTO : (enum collect_auth)i;
	return i < 0 ? T("no such way to log in", "没有这种登录方式") : NULL;
}

static const char *set_fingerprint(struct collect_job *j, slice v)
{
	size_t digits = 0;
	for (size_t i = 0; i < v.n; i++) {
		char c = ascii_lower(v.p[i]);
		bool hex = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
		if (!hex && c != ':')
			digits = 1000;
		digits += hex;
	}
	j->fingerprint = v;
	return digits == 64 ? NULL
			    : T("a fingerprint is 64 hexadecimal digits (SHA-256)",
				      "指纹应为 64 位十六进制数（SHA-256）");
}

static const char *set_rate(struct collect_job *j, slice v)
{
	return cli_collect_size(v, &j->rate) ? NULL : T("no size", "大小格式错误");
}

static const char *set_max(struct collect_job *j, slice v)
{
	int64_t n = 0;
	bool ok = cli_collect_size(v, &n);
	j->max_message = (uint64_t)n;
	return ok ? NULL : T("no size", "大小格式错误");
}

static const char *set_every(struct collect_job *j, slice v)
{
	return duration_parse(v, &j->every) && j->every >= MINUTE
		       ? NULL
		       : T("the time between two passes is at least 1m", "间隔时间至少 1m");
}

static const char *set_delete(struct collect_job *j, slice v)
{
	return duration_parse(v, &j->delete_after) && j->delete_after >= 0
		       ? NULL
		       : T("no duration", "时长格式错误");
}

static const char *set_since(struct collect_job *j, slice v)
{
	return time_parse(v, wall_now(), &j->since) ? NULL : T("no time", "时间格式错误");
}

#define SETTER(name, field)                                                                        \
	static const char *name(struct collect_job *j, slice v)                                    \
	{                                                                                          \
		j->field = v;                                                                      \
		return NULL;                                                                       \
	}
SETTER(set_user, user)
SETTER(set_as, as)
SETTER(set_into, into)
SETTER(set_batch, batch)
SETTER(set_from_has, from_has)
SETTER(set_subject_has, subject_has)
SETTER(set_exclude, exclude)
SETTER(set_map, map)
SETTER(set_address, address)
SETTER(set_secret, secret)

static const struct field {
	const char *name, *zh; /* of an option, of a column */
	const char *(*set)(struct collect_job *j, slice v);
	bool column, option;
} fields[] = {
	{"address", "地址", set_address, true, false},
	{"host", "服务器", set_server, true, false},
	{"from", "来源", set_server, true, true},
	{"port", "端口", set_port, true, false},
	{"protocol", "协议", set_protocol, true, true},
	{"security", "加密", set_security, true, true},
	{"user", "帐号", set_user, true, true},
	{"password", "密码", set_secret, true, false},
	{"as", "代理", set_as, true, true},
	{"auth", "登录方式", set_auth, true, true},
	{"fingerprint", "指纹", set_fingerprint, true, true},
	{"into", "目标文件夹", set_into, true, true},
	{"folder", "文件夹", set_into, false, true},
	{"exclude", "排除", set_exclude, true, false},
	{"map", "映射", set_map, true, false},
	{"rate", "速率", set_rate, true, true},
	{"max-size", "最大", set_max, true, true},
	{"batch", "批次", set_batch, true, true},
	{"every", "间隔", set_every, false, true},
	{"since", "起始", set_since, false, true},
	{"from-contains", "发件人", set_from_has, false, true},
	{"subject-contains", "主题", set_subject_has, false, true},
	{"delete-after", "删除", set_delete, false, true},
};
enum { FIELDS = sizeof fields / sizeof *fields };

static slice words_of(struct cli_collect *x, const char *name)
{
	AUTO(buf) struct buf out = BUF(COLLECT_LIST_MAX + 1);
	int at = 0;
	if (!has_option(x->call, name))
		return S("");
	for (const char *w; (w = cli_word(x->call, name, &at));)
		buf_printf(&out, "%s\n", w);
	return arena_dup(&x->env.mem, buf_slice(&out));
}

static int from_options(struct cli_collect *x, struct collect_job *j)
{
	struct cli_call *c = x->call;
	*j = (struct collect_job){.protocol = COLLECT_IMAP,
		.security = COLLECT_TLS,
		.delete_after = -1,
		.every = x->repeated ? 15 * MINUTE : 0,
		.made_at = wall_now(),
		.made_by = cli_env_who(&x->env.mem)};
	for (size_t i = 0; i < FIELDS; i++) {
		slice v = fields[i].option ? option(c, fields[i].name) : S("");
		const char *wrong = v.n ? fields[i].set(j, v) : NULL;
		if (wrong)
			return out_usage("--%s: %s", fields[i].name, wrong);
	}
	j->exclude = words_of(x, "exclude");
	j->map = words_of(x, "map");
	j->folders = words_of(x, "folders");
	if (j->folders.n && j->protocol == COLLECT_POP3)
		return out_usage("--folders: %s", T("POP3 has INBOX alone", "POP3 只有收件箱"));
	j->options = (x->repeated || flag(c, "no-flags") ? 0 : COLLECT_FLAGS) |
		     (flag(c, "delete-gone") ? COLLECT_DELETE_GONE : 0) |
		     (flag(c, "verify") ? COLLECT_VERIFY : 0) |
		     (flag(c, "dry-run") ? COLLECT_DRY_RUN : 0) |
		     (flag(c, "insecure") ? COLLECT_TRUST_ANY : 0) |
		     (flag(c, "unfiltered") ? COLLECT_UNFILTERED : 0) |
		     (flag(c, "as-person") ? 0 : COLLECT_PRIVATE);
	return CLI_OK;
}

/* ---- passwords ---- */

static int ask_password(struct cli_collect *x, slice *ret, struct err *e)
{
	AUTO(buf) struct buf text = BUF(256 * 1024);
	slice file = option(x->call, "password-file"), rest, line = {0};
	if (!file.n)
		return tty_secret(T("Password there: ", "对方密码："), false, &x->env.mem, ret, e);
	if (cli_env_read(&x->env, file, "the file", &text, e) < 0)
		return -1;
	rest = buf_slice(&text);
	slice_cut(&rest, '\n', &line);
	if (slice_ends(line, S("\r")))
		line.n--;
	if (!line.n)
		return err_set(e, ERR_PROTO, "the file holds no password");
	*ret = arena_dup(&x->env.mem, line);
	OPENSSL_cleanse(text.p, text.n);
	return 0;
}

/* ---- one ---- */

/* j->secret: the password as it is; sealed here. */
static int add_tx(struct cli_collect *x, struct collect_job *j, int64_t *ret_id, struct err *e)
{
	struct sql *dir = cli_env_db(&x->env, DB_DIRECTORY, e);
	struct account account;
	slice password = j->secret;
	if (!dir)
		return -1;
	if (flag(x->call, "as-person"))
		return collections_add_tx(
			x->db, dir, j->address, j, password, &x->env.mem, ret_id, e);
	if (directory_account(dir, j->address, &x->env.mem, &account, e) < 0)
		return -1;
	j->account_id = account.id;
	j->address = account.address;
	if (!j->user.n)
		j->user = j->address;
	if (!j->port)
		j->port = collections_port(j);
	if (collections_seal(x->db, j, password, &x->env.mem, e) < 0)
		return -1;
	return collect_add_tx(x->db, j, ret_id, e);
}

static int added(struct cli_collect *x, const struct collect_query *q, uint64_t n)
{
	bool running;
	cli_collect_wake(&x->env, &running);
	if (cli_flag(x->call, "wait")) {
		if (!running)
			return out_usage("%s", T("no server is running: nothing would happen",
						       "服务器没有运行，任务不会执行"));
		return cli_collect_wait(x, q, x->call->cli->json);
	}
	if (x->call->cli->json)
		return CLI_OK;
	if (!running)
		puts(T("No server is running: it begins when one does.",
			"服务器没有运行：启动后开始。"));
	if (!x->repeated && n)
		puts(T("`posthouse migrate watch` shows how far it is.",
			"用 `posthouse migrate watch` 查看进度。"));
	return CLI_OK;
}

static int in_transaction(
	struct cli_collect *x, struct collect_job *v, size_t n, int64_t *ids, struct err *e)
{
	if (sql_begin(x->db, e) < 0)
		return -1;
	for (size_t i = 0; i < n; i++)
		if (add_tx(x, &v[i], &ids[i], e) < 0) {
			sql_rollback(x->db);
			return (int)i - (int)n - 1; /* which one: below -1 */
		}
	return sql_commit(x->db, e);
}

int cli_collect_add(struct cli_call *c)
{
	AUTO(cli_collect) struct cli_collect x = {0};
	struct collect_job j;
	struct err e;
	int64_t id = 0;
	int code = cli_collect_open(c, &x);
	if (code || (code = from_options(&x, &j)))
		return code;
	j.address = cli_arg(c, 0);
	if (!j.host.n)
		return out_usage("%s", T("--from HOST is missing", "缺少 --from 服务器"));
	if (x.repeated && !j.user.n)
		return out_usage("%s", T("--user LOGIN is missing", "缺少 --user 帐号"));
	if (ask_password(&x, &j.secret, &e) < 0 || in_transaction(&x, &j, 1, &id, &e) < 0)
		return out_fail(&e);
	if (c->cli->json) {
		struct json out = {0};
		json_begin(&out);
		json_int(&out, "id", id);
		json_end(&out);
	} else {
		printf(T("Job %lld: %.*s from %.*s\n", "任务 %lld：%.*s，来自 %.*s\n"),
			(long long)id, SFMT(j.address), SFMT(j.host));
	}
	const struct collect_query q = {.id = id, .repeated = x.repeated, .most = 1};
	if (x.repeated) {
		bool running;
		cli_collect_wake(&x.env, &running);
		return CLI_OK;
	}
	return added(&x, &q, 1);
}

/* ---- a table of them ---- */

struct table_in {
	struct csv csv;
	const struct field *columns[CSV_COLUMNS_MAX];
	size_t ncolumns;
};

static int read_head(struct table_in *t, struct arena *a, struct err *e)
{
	slice cells[CSV_COLUMNS_MAX];
	size_t n;
	if (csv_next(&t->csv, a, cells, &n) != CSV_ROW)
		return err_set(e, ERR_PROTO, "the table has no heading");
	for (size_t i = 0; i < n; i++) {
		slice name = slice_trim(cells[i]);
		for (size_t k = 0; k < FIELDS; k++)
			if (fields[k].column && (slice_ieq(name, slice_z(fields[k].name)) ||
							slice_eq(name, slice_z(fields[k].zh))))
				t->columns[i] = &fields[k];
		if (!t->columns[i])
			return err_set(e, ERR_PROTO, "no such column: %.*s",
				(int)(name.n < 80 ? name.n : 80), name.p);
	}
	t->ncolumns = n;
	return 0;
}

/* Several folders of a cell stand between semicolons. */
static slice list_cell(slice v, struct arena *a)
{
	char *p = arena_strz(a, v);
	for (size_t i = 0; i < v.n; i++)
		if (p[i] == ';')
			p[i] = '\n';
	return slice_of(p, v.n);
}

static int read_row(const struct table_in *t, const slice *cells, size_t n, struct arena *a,
	struct collect_job *j, struct err *e)
{
	for (size_t i = 0; i < n && i < t->ncolumns; i++) {
		const struct field *f = t->columns[i];
		bool list = f->set == set_exclude || f->set == set_map;
		slice v = f->set == set_secret ? cells[i] : slice_trim(cells[i]);
		if (!v.n)
			continue;
		const char *wrong = f->set(j, arena_dup(a, list ? list_cell(v, a) : v));
		if (wrong)
			return err_set(e, ERR_PROTO, "%s", wrong);
	}
	if (!j->address.n || !j->host.n)
		return err_set(e, ERR_PROTO, "%s",
			T("a row needs an address and a server", "每行需要地址和服务器"));
	return 0;
}

static int in_line(unsigned line, const struct err *e)
{
	fprintf(stderr, T("line %u: ", "第 %u 行："), line);
	return out_fail(e);
}

/* All rows, or -1 after a complaint with the exit code. */
static int read_rows(struct cli_collect *x, struct table_in *t, const struct collect_job *base,
	slice password, struct collect_job *v, unsigned *lines, size_t *ret_n, int *code)
{
	slice cells[CSV_COLUMNS_MAX];
	enum csv_result r;
	struct err e;
	size_t n = 0, ncells;
	while ((r = csv_next(&t->csv, &x->env.mem, cells, &ncells)) == CSV_ROW) {
		if (n == ROWS_MAX) {
			err_set(&e, ERR_LIMIT, "more than %d rows", ROWS_MAX);
			return *code = out_fail(&e), -1;
		}
		v[n] = *base;
		lines[n] = t->csv.line;
		if (read_row(t, cells, ncells, &x->env.mem, &v[n], &e) < 0)
			return *code = in_line(t->csv.line, &e), -1;
		if (!v[n].secret.n)
			v[n].secret = password;
		/* With one login for all it is an administrator's: the address says whose mail. */
		if (base->user.n && slice_eq(v[n].user, base->user) && !v[n].as.n)
			v[n].as = v[n].address;
		n++;
	}
	if (r != CSV_END) {
		err_set(&e, ERR_PROTO, "%s", T("the table is broken", "表格损坏"));
		return *code = in_line(t->csv.line, &e), -1;
	}
	*ret_n = n;
	return 0;
}

static int add_rows(
	struct cli_collect *x, slice text, const struct collect_job *base, slice password)
{
	struct table_in *t = ARENA_NEW(&x->env.mem, struct table_in);
	AUTO(free) struct collect_job *v = NULL;
	AUTO(free) unsigned *lines = NULL;
	AUTO(free) int64_t *ids = NULL;
	struct err e;
	size_t n = 0;
	int code;
	t->csv = csv_begin(text);
	if (read_head(t, &x->env.mem, &e) < 0)
		return out_fail(&e);
	v = mem_alloc(ROWS_MAX * sizeof *v);
	lines = mem_alloc(ROWS_MAX * sizeof *lines);
	ids = mem_alloc(ROWS_MAX * sizeof *ids);
	if (read_rows(x, t, base, password, v, lines, &n, &code) < 0)
		return code;
	int r = in_transaction(x, v, n, ids, &e);
	if (r < -1)
		return in_line(lines[(size_t)(r + (int)n + 1)], &e);
	if (r < 0)
		return out_fail(&e);
	if (!x->call->cli->json)
		printf(T("%zu jobs, batch %.*s\n", "%zu 个任务，批次 %.*s\n"), n,
			SFMT(base->batch));
	const struct collect_query q = {.batch = base->batch, .repeated = 0, .most = ROWS_MAX};
	return added(x, &q, n);
}

int cli_collect_import(struct cli_call *c)
{
	AUTO(cli_collect) struct cli_collect x = {0};
	AUTO(buf) struct buf file = BUF(FILE_MAX_BYTES);
	AUTO(buf) struct buf text = BUF(2 * FILE_MAX_BYTES);
	struct collect_job base;
	slice password = S("");
	struct err e;
	int code = cli_collect_open(c, &x);
	if (code || (code = from_options(&x, &base)))
		return code;
	char now[TIME_ISO_MAX];
	if (!base.batch.n)
		base.batch = arena_dup(&x.env.mem, slice_of(now, time_iso(wall_now(), now)));
	if (cli_env_read(&x.env, cli_arg(c, 0), "the file", &file, &e) < 0)
		return out_fail(&e);
	if (!csv_text(buf_slice(&file), &text))
		return out_usage("%s", T("the file is no table in UTF-8, UTF-16 or GB18030",
					       "文件不是 UTF-8、UTF-16 或 GB18030 的表格"));
	if (option(c, "password-file").n && ask_password(&x, &password, &e) < 0)
		return out_fail(&e);
	code = add_rows(&x, buf_slice(&text), &base, password);
	OPENSSL_cleanse(file.p, file.n);
	OPENSSL_cleanse(text.p, text.n);
	return code;
}
