/*
 * `posthouse init`: a fresh installation in one step: configuration, directories, schemas,
 * certificate, the first domain and account; then it tells what has to be done outside: ports,
 * firewall, DNS. Running it again is harmless: what is there stays. The advice is in cli_advice.c.
 */
#include "bin/cli_advice.h"
#include "bin/cli_anchor.h"
#include "bin/cli_dkim.h"
#include "bin/cli_encryption.h"
#include "bin/cli_tty.h"
#include "bin/cli_verbs.h"
#include "bin/prepare.h"
#include "bin/shipped.h"
#include "bin/unlock.h"

#include "base/base32.h"
#include "base/mem.h"
#include "base/rand.h"
#include "base/time.h"
#include "codec/address.h"
#include "run/sandbox.h"
#include "store/crypt_admin.h"
#include "store/directory.h"
#include "store/password_rule.h"
#include "store/policies.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>

struct answers {
	slice hostname, domain, admin; /* the first two as lower-case A-labels */
	slice data, run, user; /* empty: the defaults */
	slice resolver; /* empty: the system's */
	slice key_file; /* empty: the store is not encrypted */
	bool gateway; /* nobody reads mail here */
	slice anchor; /* what [dns] trust_anchor shall be */
	slice password;
	bool generated; /* nobody was there to choose one */
};

/* ---- questions ---- */

static slice machine_name(struct arena *a)
{
	char name[256] = "";
	if (gethostname(name, sizeof name - 1) < 0)
		return S("");
	return arena_dup(a, slice_z(name));
}

/* The value of the option; else the question, where someone can answer; else the default. */
static int option_or_ask(struct cli_call *c, const char *option, const char *question, slice def,
	struct arena *a, slice *ret, struct err *e)
{
	*ret = cli_option_text(c, option);
	if (ret->n)
		return 0;
	if (tty_present())
		return tty_ask(question, def, a, ret, e);
	*ret = def;
	return 0;
}

static int ask_domain(struct cli_call *c, struct arena *a, struct answers *w, struct err *e)
{
	slice text;
	if (option_or_ask(c, "domain",
		    T("Mail domain (the part behind @)", "邮件域名（@ 后面的部分）"), S(""), a,
		    &text, e) < 0)
		return -1;
	if (text.n == 0)
		return err_set(e, ERR_PROTO, "%s", T("--domain is missing", "缺少 --domain"));
	return domain_valid(text, true) && domain_to_ascii(text, a, &w->domain)
		       ? 0
		       : err_set(e, ERR_PROTO, "not a domain name: %.*s", SFMT(text));
}

static int ask_hostname(struct cli_call *c, struct arena *a, struct answers *w, struct err *e)
{
	slice text, def = machine_name(a);
	if (slice_index(def, '.') == def.n)
		def = arena_printf(a, "mail.%.*s", SFMT(w->domain));
	if (option_or_ask(c, "hostname", T("Name of this server in DNS", "本服务器在 DNS 中的名称"),
		    def, a, &text, e) < 0)
		return -1;
	return domain_valid(text, true) && domain_to_ascii(text, a, &w->hostname)
		       ? 0
		       : err_set(e, ERR_PROTO, "not a domain name: %.*s", SFMT(text));
}

static int ask_admin(struct cli_call *c, struct arena *a, struct answers *w, struct err *e)
{
	slice text, def = arena_printf(a, "admin@%.*s", SFMT(w->domain));
	if (option_or_ask(c, "admin",
		    T("First account (gets mail for postmaster)",
			    "第一个帐号（接收发给 postmaster 的邮件）"),
		    def, a, &text, e) < 0)
		return -1;
	if (slice_index(text, '@') == text.n)
		text = arena_printf(a, "%.*s@%.*s", SFMT(text), SFMT(w->domain));
	return directory_canonical(text, a, &w->admin)
		       ? 0
		       : err_set(e, ERR_PROTO, "not a mail address: %.*s", SFMT(text));
}

static int ask_password(struct cli_call *c, struct arena *a, struct answers *w, struct err *e)
{
	bool from_stdin = cli_flag(c, "stdin");
	if (from_stdin || tty_present()) {
		if (!from_stdin)
			printf(T("Password of %.*s\n", "%.*s 的密码\n"),
				SFMT(out_address(w->admin, a)));
		fflush(stdout);
		return tty_new_password(from_stdin, a, &w->password, e);
	}
	unsigned char bytes[10];
	AUTO(buf) struct buf text = BUF(64);
	rand_bytes(bytes, sizeof bytes);
	base32hex_encode(&text, slice_of(bytes, sizeof bytes));
	w->password = arena_dup(a, buf_slice(&text));
	w->generated = true;
	return 0;
}

static int ask_all(struct cli_call *c, struct arena *a, struct answers *w, struct err *e)
{
	w->data = cli_option_text(c, "data");
	w->run = cli_option_text(c, "run");
	w->user = cli_option_text(c, "user");
	w->resolver = cli_option_text(c, "resolver");
	w->gateway = cli_flag(c, "gateway");
	w->key_file = cli_option_text(c, "encryption");
	if (w->key_file.n && w->key_file.p[0] != '/')
		return err_set(e, ERR_PROTO, "%s",
			T("--encryption is an absolute path", "--encryption 应为绝对路径"));
	if ((w->data.n && w->data.p[0] != '/') || (w->run.n && w->run.p[0] != '/'))
		return err_set(e, ERR_PROTO, "%s",
			T("--data and --run are absolute paths", "--data 和 --run 应为绝对路径"));
	return ask_domain(c, a, w, e) < 0 || ask_hostname(c, a, w, e) < 0 ||
			       ask_admin(c, a, w, e) < 0
		       ? -1
		       : 0;
}

/* ---- the DNS ---- */

/* Validated only when that works: see anchor_probe. */
static int choose_anchor(struct cli_call *c, struct answers *w, struct err *e)
{
	slice file = cli_option_text(c, "trust-anchor");
	struct dns_config dns = {.order = DNS_V4_FIRST,
		.cache_size = 1 << 20,
		.timeout = MINUTE,
		.trust_anchor = file.n ? file : S(ANCHOR_FILE)};
	struct err why;
	if (file.n && file.p[0] != '/')
		return err_set(e, ERR_PROTO, "%s",
			T("--trust-anchor is an absolute path", "--trust-anchor 应为绝对路径"));
	if (w->resolver.n) {
		dns.mode = DNS_FORWARD;
		dns.servers = (struct conf_list){.v = &w->resolver, .n = 1};
	}
	enum anchor_state s = anchor_try(&dns, &why);
	if (s == ANCHOR_NO_FILE && why.kind != ERR_NOTFOUND) { /* not an address, no anchor file */
		*e = why;
		return -1;
	}
	if (s == ANCHOR_WORKS)
		w->anchor = dns.trust_anchor;
	puts(anchor_sentence(s));
	if (s != ANCHOR_WORKS)
		printf(T("(%s.) Until then [dns] trust_anchor stays empty; posthouse lookup dnssec "
			 "tells when to set it.\n",
			       "（%s。）在此之前 [dns] trust_anchor 留空；何时可以设置，见 "
			       "posthouse lookup dnssec。\n"),
			why.text);
	return 0;
}

/* ---- the configuration file ---- */

static void compose(const struct answers *w, struct buf *out)
{
	buf_put(out, slice_z(T("# Posthouse. Every key and its default: posthouse config defaults\n"
			       "# After a change: posthouse check-config && posthouse reload\n",
			     "# 驿站邮件系统。所有配置项及默认值：posthouse config defaults\n"
			     "# 修改之后：posthouse check-config && posthouse reload\n")));
	buf_printf(out, "\n[server]\nhostname = %.*s\n", SFMT(w->hostname));
	if (w->data.n)
		buf_printf(out, "data = \"%.*s\"\n", SFMT(w->data));
	if (w->run.n)
		buf_printf(out, "run = \"%.*s\"\n", SFMT(w->run));
	if (w->user.n)
		buf_printf(out, "user = %.*s\n", SFMT(w->user));
	if (w->key_file.n)
		buf_printf(out, "\n[encryption]\nkey_file = \"%.*s\"\n", SFMT(w->key_file));
	buf_put(out, S("\n[smtp \"mx\"]\nkind = mx\nlisten = *:25\n"
		       "\n[smtp \"submission\"]\nkind = submission\nlisten = *:587\n"
		       "\n[smtp \"submissions\"]\nkind = submissions\nlisten = *:465\n"));
	if (!w->gateway)
		buf_put(out, S("\n[smtp \"lmtp\"]\nkind = lmtp\nlisten = 127.0.0.1:24\n"
			       "\n[imap \"imap\"]\nlisten = *:143\n"
			       "\n[imap \"imaps\"]\nlisten = *:993\ntls = implicit\n"
			       "\n[pop3 \"pop3\"]\nlisten = *:110\n"
			       "\n[pop3 \"pop3s\"]\nlisten = *:995\ntls = implicit\n"
			       "\n[managesieve \"sieve\"]\nlisten = *:4190\n"));
	if (w->resolver.n || w->anchor.n)
		buf_put(out, S("\n[dns]\n"));
	if (w->resolver.n)
		buf_printf(out, "mode = forward\nservers = %.*s\n", SFMT(w->resolver));
	if (w->anchor.n)
		buf_printf(out, "trust_anchor = \"%.*s\"\n", SFMT(w->anchor));
	buf_printf(out,
		"\n[digest]\nenabled = yes\nlanguage = %s\nfrom = postmaster@%.*s\n"
		"url = https://%.*s:8443\n"
		"\n[web]\nlisten = *:8443\n"
		"\n[alarm]\nto = %.*s\nlanguage = %s\n",
		T("en", "zh"), SFMT(w->domain), SFMT(w->hostname), SFMT(w->admin), T("en", "zh"));
	buf_put(out, slice_z(T("\n# A certificate of your own; without these lines a self-signed "
			       "one is used.\n"
			       "#[tls]\n#certificate = /etc/letsencrypt/live/NAME/fullchain.pem\n"
			       "#key = /etc/letsencrypt/live/NAME/privkey.pem\n",
			     "\n# 自己的证书；没有以下几行则使用自签名证书。\n"
			     "#[tls]\n#certificate = /etc/letsencrypt/live/NAME/fullchain.pem\n"
			     "#key = /etc/letsencrypt/live/NAME/privkey.pem\n")));
}

static int make_parent(const char *path, struct err *e)
{
	AUTO(free) char *dir = mem_dup(path, strlen(path));
	char *slash = strrchr(dir, '/');
	if (!slash || slash == dir)
		return 0;
	*slash = 0;
	return mkdir(dir, 0755) < 0 && errno != EEXIST ? err_sys(e, errno, "%s", dir) : 0;
}

/* Secrets may come into it later: for root and the server's group only. */
static int protect(int fd, slice user, struct err *e)
{
	unsigned uid, gid;
	if (geteuid() != 0)
		return 0;
	if (sandbox_user_ids(user, &uid, &gid, e) < 0)
		return -1;
	return fchown(fd, 0, gid) < 0 ? err_sys(e, errno, "chown") : 0;
}

/* 0 written, 1 there already, -1. */
static int write_config(const char *path, const struct answers *w, struct err *e)
{
	AUTO(buf) struct buf text = BUF(1 << 16);
	compose(w, &text);
	if (make_parent(path, e) < 0)
		return -1;
	AUTO(fd) int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0640);
	if (fd < 0)
		return errno == EEXIST ? 1 : err_sys(e, errno, "%s", path);
	if (write(fd, text.p, text.n) != (ssize_t)text.n || fsync(fd) < 0)
		err_sys(e, errno, "%s", path);
	else if (protect(fd, w->user.n ? w->user : S("posthouse"), e) == 0)
		return 0;
	unlink(path);
	return -1;
}

/* ---- the store ---- */

static int add_first(struct cli_call *c, struct cli_env *env, struct answers *w, struct err *e)
{
	struct sql *db = cli_env_db(env, DB_DIRECTORY, e);
	struct domain d = {.name = w->domain, .kind = DOMAIN_LOCAL};
	struct keyring_key keys[2];
	struct account there;
	if (!db || (directory_domain_add(db, &d, e) < 0 && e->kind != ERR_EXISTS))
		return -1;
	if (dkim_make_usual(env->config.server->data, w->domain, &env->mem, keys, e) < 0)
		return -1;
	if (directory_account(db, w->admin, &env->mem, &there, e) == 0) {
		printf(T("Account %.*s is there already.\n", "帐号 %.*s 已存在。\n"),
			SFMT(out_address(w->admin, &env->mem)));
		return 0;
	}
	if (ask_password(c, &env->mem, w, e) < 0 ||
		(!w->generated && password_check(conf_get(env->config.conf, &password_section),
					  w->password, w->admin, S(""), e) < 0))
		return -1;
	if (directory_account_add(db, w->admin, S(""), w->password, e) < 0)
		return -1;
	printf(T("Account %.*s made.\n", "已创建帐号 %.*s。\n"),
		SFMT(out_address(w->admin, &env->mem)));
	if (w->generated)
		printf(T("Its password, shown only now: %.*s\n", "密码（仅显示这一次）：%.*s\n"),
			SFMT(w->password));
	return 0;
}

/* What happens to mail, unless somebody has said so already. */
static int add_policies(struct cli_env *env, struct err *e)
{
	struct sql *db = cli_env_db(env, DB_DIRECTORY, e);
	const struct policies_version v = {.at = wall_now(),
		.by = cli_env_who(&env->mem),
		.note = S("init"),
		.text = shipped_policies()};
	int64_t version;
	if (!db || policies_current_version(db, &version, e) < 0)
		return -1;
	if (version)
		return 0;
	if (policies_put(db, &v, 0, &version, e) < 0)
		return -1;
	puts(T("Policies for phishing, spam, viruses and dangerous attachments are in force: "
	       "posthouse "
	       "policy show",
		"针对钓鱼、垃圾邮件、病毒和危险附件的策略已生效：posthouse policy show"));
	return 0;
}

/* Before the first database is made. As the caller: the key file lies where he may write. */
static int encrypt(struct cli_env *env, const struct answers *w, struct err *e)
{
	int r = 0;
	cli_env_as_caller(env);
	if (w->key_file.n) {
		bool made = cli_key_make(env, w->key_file, e) == 0;
		if (!made && e->kind != ERR_EXISTS)
			r = -1;
		if (r == 0 && (r = crypt_on(env->config.server->data, w->key_file, e)) < 0 &&
			e->kind == ERR_EXISTS)
			r = 0;
		if (r == 0)
			cli_key_advice(w->key_file);
	}
	if (r == 0)
		r = unlock_store(&env->config, e);
	cli_env_as_server(env);
	return r < 0 ? -1 : 0;
}

static int install(struct cli_call *c, struct answers *w)
{
	AUTO(cli_env) struct cli_env env = {0};
	struct err e;
	int code;
	if (cli_env_config(c->cli, &env, &code) < 0)
		return code;
	if (cli_env_take_user(&env, &e) < 0 || encrypt(&env, w, &e) < 0 || prepare_store(&env.config, &e) < 0)
		return out_fail(&e);
	printf(T("Store in %.*s, certificate in %.*s.\n", "数据在 %.*s，证书在 %.*s。\n"),
		SFMT(env.config.server->data), SFMT(env.config.certificate));
	if (add_first(c, &env, w, &e) < 0 || add_policies(&env, &e) < 0)
		return out_fail(&e);
	advice_print(&env.config, w->domain);
	return CLI_OK;
}

static int init(struct cli_call *c)
{
	AUTO(arena) struct arena a = {0};
	struct answers w = {0};
	struct err e;
	const char *path = c->cli->config ? c->cli->config : CONFIG_PATH;
	if (ask_all(c, &a, &w, &e) < 0)
		return out_fail(&e);
	bool there = access(path, F_OK) == 0;
	if (!there && choose_anchor(c, &w, &e) < 0)
		return out_fail(&e);
	int r = there ? 1 : write_config(path, &w, &e);
	if (r < 0)
		return out_fail(&e);
	if (r > 0 && (w.data.n || w.run.n || w.user.n || w.resolver.n || w.key_file.n || cli_option(c, "hostname")))
		return out_usage(T("%s is there already: change it there, or give another --config",
					 "%s 已存在：请直接修改它，或另外指定 --config"),
			path);
	printf(r ? T("Configuration %s is there already and stays as it is.\n",
			   "配置文件 %s 已存在，保持不变。\n")
		 : T("Configuration written to %s.\n", "配置已写入 %s。\n"),
		path);
	return install(c, &w);
}

static const struct cli_option options[] = {
	{"domain", "DOMAIN", "the first mail domain", "第一个邮件域名"},
	{"hostname", "NAME", "the server's name in DNS (default: the machine's, or mail.DOMAIN)",
		"服务器在 DNS 中的名称（默认取本机名，或 mail.域名）"},
	{"admin", "ADDRESS", "the first account (default admin@DOMAIN)",
		"第一个帐号（默认 admin@域名）"},
	{"stdin", NULL, "read its password from the first line of stdin",
		"从标准输入的第一行读取其密码"},
	{"data", "DIRECTORY", "where mail is kept (default /var/lib/posthouse)",
		"数据目录（默认 /var/lib/posthouse）"},
	{"run", "DIRECTORY", "for the control socket (default /run/posthouse)",
		"控制套接字目录（默认 /run/posthouse）"},
	{"user", "NAME", "the server's system user (default posthouse)",
		"服务器的系统用户（默认 posthouse）"},
	{"resolver", "ADDRESS[@PORT]", "the DNS server to ask (default: those of the system)",
		"要查询的 DNS 服务器（默认使用系统的）"},
	{"encryption", "FILE", "encrypt the store with the key in this file, which is made when there is none",
		"用此文件中的密钥加密存储；没有则生成"},
	{"gateway", NULL,
		"only a gateway before other mail systems: no IMAP and POP3 for mail programs",
		"仅作为其他邮件系统之前的网关：不为邮件客户端提供 IMAP 和 POP3"},
	{"trust-anchor", "FILE", "for DNSSEC (default " ANCHOR_FILE ")",
		"DNSSEC 信任锚文件（默认 " ANCHOR_FILE "）"},
	{NULL, NULL, NULL, NULL},
};

const struct cli_verb init_verbs[] = {
	{NULL, init, "", 0, 0, false, options,
		"Sets up a new installation and says what to do next.",
		"初始化新安装，并说明后续步骤。",
		"Writes the configuration, makes the directories, databases and a self-signed "
		"certificate, the\n"
		"first domain and account, the first policies (posthouse policy show); prints the "
		"ports to open and the DNS records to make. "
		"On a terminal\n"
		"it asks what is not given. Answers of the DNS will be validated (DNSSEC, DANE) if "
		"the resolver\n"
		"hands on signatures, which is tried. Nothing that exists is overwritten.\n\n"
		"  posthouse init --domain example.org\n"
		"  posthouse init --domain example.org --hostname mx1.example.org --admin "
		"alice@example.org --stdin < password",
		"写配置文件，创建目录、数据库和自签名证书，以及第一个域和帐号、最初的策略；"
		"并列出需要开放的端口和需要添加的\n"
		"DNS 记录。在终端上运行时会询问未给出的内容。会试探解析服务器是否传递签名，\n"
		"是则验证 DNS 应答（DNSSEC、DANE）。不会覆盖任何已有内容。\n\n"
		"  posthouse init --domain example.org\n"
		"  posthouse init --domain example.org --hostname mx1.example.org --admin "
		"alice@example.org --stdin < password"},
	CLI_VERBS_END,
};
