/* What a job of `posthouse migrate` and `posthouse collect` is made from (cli_collect_fields.h): tables of options, texts into fields. */
#include "bin/cli_collect_fields.h"

#include "base/mem.h"
#include "mail/collections.h"

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

slice cli_collect_option(const struct cli_call *c, const char *name)
{
	return has_option(c, name) ? cli_option_text(c, name) : S("");
}

bool cli_collect_flag(const struct cli_call *c, const char *name)
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

const struct cli_collect_field cli_collect_fields[] = {
	{"address", "地址", set_address, FIELD_COLUMN},
	{"host", "服务器", set_server, FIELD_COLUMN},
	{"from", "来源", set_server, FIELD_COLUMN | FIELD_OPTION},
	{"port", "端口", set_port, FIELD_COLUMN},
	{"protocol", "协议", set_protocol, FIELD_COLUMN | FIELD_OPTION},
	{"security", "加密", set_security, FIELD_COLUMN | FIELD_OPTION},
	{"user", "帐号", set_user, FIELD_COLUMN | FIELD_OPTION},
	{"password", "密码", set_secret, FIELD_COLUMN | FIELD_SECRET},
	{"as", "代理", set_as, FIELD_COLUMN | FIELD_OPTION},
	{"auth", "登录方式", set_auth, FIELD_COLUMN | FIELD_OPTION},
	{"fingerprint", "指纹", set_fingerprint, FIELD_COLUMN | FIELD_OPTION},
	{"into", "目标文件夹", set_into, FIELD_COLUMN | FIELD_OPTION},
	{"folder", "文件夹", set_into, FIELD_OPTION},
	{"exclude", "排除", set_exclude, FIELD_COLUMN | FIELD_LIST},
	{"map", "映射", set_map, FIELD_COLUMN | FIELD_LIST},
	{"rate", "速率", set_rate, FIELD_COLUMN | FIELD_OPTION},
	{"max-size", "最大", set_max, FIELD_COLUMN | FIELD_OPTION},
	{"batch", "批次", set_batch, FIELD_COLUMN | FIELD_OPTION},
	{"every", "间隔", set_every, FIELD_OPTION},
	{"since", "起始", set_since, FIELD_OPTION},
	{"from-contains", "发件人", set_from_has, FIELD_OPTION},
	{"subject-contains", "主题", set_subject_has, FIELD_OPTION},
	{"delete-after", "删除", set_delete, FIELD_OPTION},
	{0},
};

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

int cli_collect_from_options(struct cli_collect *x, struct collect_job *j)
{
	struct cli_call *c = x->call;
	*j = (struct collect_job){.protocol = COLLECT_IMAP,
		.security = COLLECT_TLS,
		.delete_after = -1,
		.every = x->repeated ? 15 * MINUTE : 0,
		.made_at = wall_now(),
		.made_by = cli_env_who(&x->env.mem)};
	for (const struct cli_collect_field *f = cli_collect_fields; f->name; f++) {
		slice v = f->is & FIELD_OPTION ? cli_collect_option(c, f->name) : S("");
		const char *wrong = v.n ? f->set(j, v) : NULL;
		if (wrong)
			return out_usage("--%s: %s", f->name, wrong);
	}
	j->exclude = words_of(x, "exclude");
	j->map = words_of(x, "map");
	j->folders = words_of(x, "folders");
	if (j->folders.n && j->protocol == COLLECT_POP3)
		return out_usage("--folders: %s", T("POP3 has INBOX alone", "POP3 只有收件箱"));
	j->options = (x->repeated || cli_collect_flag(c, "no-flags") ? 0 : COLLECT_FLAGS) |
		     (cli_collect_flag(c, "delete-gone") ? COLLECT_DELETE_GONE : 0) |
		     (cli_collect_flag(c, "verify") ? COLLECT_VERIFY : 0) |
		     (cli_collect_flag(c, "dry-run") ? COLLECT_DRY_RUN : 0) |
		     (cli_collect_flag(c, "insecure") ? COLLECT_TRUST_ANY : 0) |
		     (cli_collect_flag(c, "unfiltered") ? COLLECT_UNFILTERED : 0) |
		     (cli_collect_flag(c, "as-person") ? 0 : COLLECT_PRIVATE);
	return CLI_OK;
}
