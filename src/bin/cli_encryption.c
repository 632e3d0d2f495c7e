/*
 * `posthouse encryption`: keys of an encrypted store (store/crypt_admin.h). What changes which key writes is done while no server runs, since processes keep the
 * keys they were started with; another installation key changes nothing for them. Converting: cli_encryption_convert.c.
 */
#include "bin/cli_encryption.h"

#include "base/hex.h"
#include "base/mem.h"
#include "base/rand.h"
#include "bin/cli_verbs.h"
#include "run/control.h"
#include "run/sandbox.h"
#include "store/crypt_admin.h"
#include "store/crypt_file.h"

#include <errno.h>
#include <openssl/crypto.h>
#include <stdio.h>
#include <unistd.h>

int cli_no_server(const struct cli_env *env, struct err *e)
{
	AUTO(buf) struct buf reply = BUF(CONTROL_REPLY_MAX);
	struct err why = {0};
	if (control_call(env->config.server->run, S("status"), &reply, &why) < 0 &&
		why.kind == ERR_NOTFOUND)
		return 0;
	return err_set(e, ERR_TEMP, "the server is running: stop it first");
}

void cli_key_advice(slice path)
{
	printf(T("Keep a copy of %.*s at another place, now: without it nobody reads this mail any "
		 "more, and no backup of the disk helps.\n"
		 "(Backups of posthouse backup open with their own key.)\n",
		       "请立即把 %.*s "
		       "另存一份到别处：丢失它，邮件就再也无法读取，磁盘的备份也无济于事。\n"
		       "（posthouse backup 的备份用它自己的密钥打开。）\n"),
		SFMT(path));
}

int cli_key_make(const struct cli_env *env, slice path, struct err *e)
{
	unsigned uid, gid;
	AUTO(free) char *z = mem_dup(path.p, path.n);
	if (crypt_key_make(path, env->config.server->data, e) < 0)
		return -1;
	if (geteuid() != 0)
		return 0;
	/* The server may be started as its own user. */
	if (sandbox_user_ids(env->config.server->user, &uid, &gid, e) == 0 &&
		chown(z, uid, gid) == 0)
		return 0;
	if (e->kind == ERR_NONE)
		err_sys(e, errno, "%s", z);
	unlink(z);
	return -1;
}

static int print_key(void)
{
	unsigned char key[CRYPT_KEY];
	AUTO(buf) struct buf hex = BUF(2 * CRYPT_KEY + 1);
	rand_bytes(key, sizeof key);
	hex_encode(&hex, slice_of(key, sizeof key));
	printf("%.*s\n", (int)hex.n, hex.p);
	OPENSSL_cleanse(hex.p, hex.cap);
	OPENSSL_cleanse(key, sizeof key);
	return CLI_OK;
}

static int key(struct cli_call *c)
{
	AUTO(cli_env) struct cli_env env = {0};
	struct err e = {0};
	int code;
	slice path = cli_arg(c, 0);
	if (slice_eq(path, S("-")))
		return print_key();
	if (cli_env_config(c->cli, &env, &code) < 0)
		return code;
	if (!path.n)
		path = cli_key_file(&env);
	if (!path.n)
		return out_usage(
			"%s", T("where? Give FILE, or set [encryption] key_file",
				      "存到哪里？请给出 FILE，或设置 [encryption] key_file"));
	if (cli_key_make(&env, path, &e) < 0)
		return out_fail(&e);
	printf(T("A key is in %.*s.\n", "密钥已写入 %.*s。\n"), SFMT(path));
	cli_key_advice(path);
	return CLI_OK;
}

/* One of the changes while no server runs. */
static int change(
	struct cli_call *c, int (*fn)(slice dir, slice key_file, struct err *e), const char *done)
{
	AUTO(cli_env) struct cli_env env = {0};
	struct err e;
	int code;
	if (cli_env_config(c->cli, &env, &code) < 0)
		return code;
	if (cli_no_server(&env, &e) < 0 || fn(env.config.server->data, cli_key_file(&env), &e) < 0)
		return out_fail(&e);
	puts(done);
	if (fn == crypt_on)
		cli_key_advice(cli_key_file(&env));
	return CLI_OK;
}

static int on(struct cli_call *c)
{
	return change(c, crypt_on,
		T("Encryption is on: what is written from now on is encrypted. What is there "
		  "already: posthouse encryption convert",
			"加密已开启：今后写入的内容都会加密。已有的内容请执行：posthouse "
			"encryption convert"));
}

static int off(struct cli_call *c)
{
	return change(c, crypt_off,
		T("Encryption is off: new messages are stored plain. What is encrypted stays so, "
		  "and the key stays needed, until: posthouse encryption "
		  "convert && posthouse encryption drop",
			"加密已关闭：新邮件不再加密。已加密的内容仍需密钥，直到执行：posthouse "
			"encryption convert && posthouse encryption drop"));
}

static int rotate(struct cli_call *c)
{
	return change(c, crypt_rotate,
		T("A new data key writes from now on. What older ones encrypted: posthouse "
		  "encryption convert, then posthouse encryption drop",
			"今后写入使用新的数据密钥。旧密钥加密的内容请执行：posthouse encryption "
			"convert，然后 posthouse encryption drop"));
}

static int rewrap(struct cli_call *c)
{
	AUTO(cli_env) struct cli_env env = {0};
	struct err e;
	int code;
	slice to = cli_arg(c, 0), from = cli_option_text(c, "from");
	if (cli_env_config(c->cli, &env, &code) < 0)
		return code;
	if (!from.n)
		from = cli_key_file(&env);
	if (crypt_rewrap(env.config.server->data, from, to, &e) < 0)
		return out_fail(&e);
	printf(T("The key in %.*s opens the store from now on: [encryption] key_file must name it "
		 "before the server is started again.\n"
		 "The former key opens copies of the disk that were made until now.\n",
		       "从现在起由 %.*s 中的密钥打开存储：请在下次启动服务器之前让 [encryption] "
		       "key_file 指向它。\n"
		       "旧密钥仍可打开此前制作的磁盘副本。\n"),
		SFMT(to));
	cli_key_advice(to);
	return CLI_OK;
}

static const struct cli_option rewrap_options[] = {
	{"from", "FILE", "the key that opens it until now (default: [encryption] key_file)",
		"目前使用的密钥文件（默认取 [encryption] key_file）"},
	{NULL, NULL, NULL, NULL}};
static const struct cli_option convert_options[] = {
	{"packs", NULL, "messages alone; the server may run", "只转换邮件存储包，服务器可继续运行"},
	{NULL, NULL, NULL, NULL}};

#define STOPPED_EN "The server must be stopped. "
#define STOPPED_ZH "须先停止服务器。"

const struct cli_verb encryption_verbs[] = {
	{"status", cli_encryption_status, "", 0, 0, true, NULL,
		"How much is encrypted, by which keys.", "显示哪些内容已加密、使用哪些密钥。",
		"May run beside the server. Tells also without the key what needs which one.",
		"可与服务器同时运行。没有密钥时也能显示各部分需要哪把密钥。"},
	{"key", key, "[FILE]", 0, 1, false, NULL, "Makes a key file.", "生成密钥文件。",
		"FILE: default [encryption] key_file; \"-\" prints a key instead. The file is "
		"readable by its owner alone, and must lie outside "
		"of [server] data, at best on another disk, in memory, or handed over by the "
		"service manager (LoadCredentialEncrypted=).",
		"FILE 默认为 [encryption] key_file；“-”表示只打印一个密钥。文件仅属主可读，须在 "
		"[server] data 之外，"
		"最好在另一块磁盘或内存中，或由服务管理器提供（LoadCredentialEncrypted=）。"},
	{"on", on, "", 0, 0, false, NULL, "Encrypts what is written from now on.",
		"加密今后写入的内容。",
		STOPPED_EN "The key in [encryption] key_file opens the store from now on: lost "
			   "with all its copies, all mail is lost.",
		STOPPED_ZH "此后由 [encryption] key_file "
			   "中的密钥打开存储：若它连同所有副本一起丢失，全部邮件也就丢失。"},
	{"convert", cli_encryption_convert, "", 0, 0, true, convert_options,
		"Rewrites what is not as it would be written now.",
		"把已有内容重写为当前应有的状态。",
		STOPPED_EN "Encrypts after on, decrypts after off, exchanges keys after rotate. "
			   "Needs room for the largest database and a pack, once more. "
			   "Can be broken off and begun again. With --packs the server may run: "
			   "databases stay as they are.",
		STOPPED_ZH
		"开启后执行即加密，关闭后执行即解密，轮换后执行即更换密钥。需要能再容纳最大的数据库"
		"和一个存储包的空间。"
		"可以中断，再次执行会继续。使用 --packs 时服务器可继续运行，数据库保持不变。"},
	{"rotate", rotate, "", 0, 0, false, NULL, "A new data key writes from now on.",
		"更换数据密钥。", STOPPED_EN "Older keys stay, for what they encrypted.",
		STOPPED_ZH "旧的数据密钥保留，用于读取已有内容。"},
	{"rewrap", rewrap, "FILE", 1, 1, false, rewrap_options,
		"Another key opens the store from now on.", "更换打开存储的密钥。",
		"FILE has the new key (posthouse encryption key FILE). Rewrites one small file; "
		"the server may run.",
		"FILE 中是新密钥（posthouse encryption key "
		"FILE）。只重写一个小文件，服务器可继续运行。"},
	{"off", off, "", 0, 0, false, NULL, "Encrypts nothing more.", "停止加密。", STOPPED_EN,
		STOPPED_ZH},
	{"drop", cli_encryption_drop, "", 0, 0, false, NULL,
		"Forgets data keys that nothing needs any longer.", "删除不再需要的数据密钥。",
		STOPPED_EN
		"Every pack and page is looked at first. Backups keep the keys they need.",
		STOPPED_ZH "会先检查每个存储包和数据库页。备份保留其自身需要的密钥。"},
	CLI_VERBS_END,
};
