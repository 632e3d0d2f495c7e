/*
 * `posthouse restore account` of an account that is gone: everything but its mail (store/revive.h), out of the databases of then, and what is
 * said about it. Called by cli_restore_mail.c around the mail.
 */
#include "bin/cli_backup.h"

#include "base/mem.h"
#include "bin/cli_out.h"
#include "bin/retention_run.h"
#include "store/backup.h"
#include "store/credential.h"
#include "store/mailbox.h"
#include "store/maillist.h"
#include "store/revive.h"

#include <fcntl.h>
#include <openssl/crypto.h>
#include <stdio.h>
#include <unistd.h>

struct cli_revive {
	struct revive v;
	struct cli_backup *b;
	struct backup_mail *then;
};

struct kind_name {
	const char *key, *en, *zh;
};
static const struct kind_name kinds[REVIVE_KINDS] = {
	[REVIVE_CLASS] = {"class", "service class", "服务等级"},
	[REVIVE_DEPARTMENT] = {"department", "department", "部门"},
	[REVIVE_ALIAS] = {"alias", "aliases", "别名"},
	[REVIVE_GROUP] = {"group", "member of groups", "所属群组"},
	[REVIVE_SHARED_USER] = {"shared", "uses shared mailboxes", "可用的共享邮箱"},
	[REVIVE_SHARED_MEMBER] = {"user", "users of this shared mailbox", "此共享邮箱的成员"},
	[REVIVE_FORWARD] = {"forward", "forwarding", "转发"},
	[REVIVE_REPLY] = {"autoreply", "automatic answer", "自动回复"},
	[REVIVE_SCRIPT] = {"script", "Sieve scripts", "Sieve 脚本"},
	[REVIVE_RETENTION] = {"retention", "retention rules for folders", "文件夹保留规则"},
	[REVIVE_HOLD] = {"hold", "legal holds", "法律保全"},
	[REVIVE_SENDER] = {"sender", "entries of its lists of senders", "个人黑白名单条目"},
	[REVIVE_DIGEST] = {"digest", "digest settings", "隔离通知设置"},
	[REVIVE_LIST_ROLE] = {"list-role", "looks after mailing lists", "管理的邮件列表"},
	[REVIVE_LIST] = {"list", "member of mailing lists", "订阅的邮件列表"},
	[REVIVE_PASSWORD] = {"password", "password", "密码"},
	[REVIVE_APP_PASSWORD] = {"app-password", "application passwords", "应用专用密码"},
	[REVIVE_FACTOR] = {"factor", "second factor", "第二因素"},
	[REVIVE_RECOVERY_CODE] = {"recovery-code", "recovery codes", "恢复码"},
	[REVIVE_SUSPENSION] = {"suspension", "suspended", "暂停状态"},
	[REVIVE_FOLDER] = {"folder", "folders", "文件夹"},
	[REVIVE_GRANT] = {"grant", "rights on its folders, for", "授予他人的文件夹权限"},
	[REVIVE_GRANTED] = {"granted", "rights on folders of others", "他人授予的文件夹权限"},
};

/* ---- before the mail ---- */

/* ERR_NOTFOUND: the backup has none, which is no error. */
static int open_then(struct cli_revive *r, const char *name, struct sql **ret, struct err *e)
{
	*ret = NULL;
	return backup_mail_db(r->then, name, ret, e) == 0 || e->kind == ERR_NOTFOUND ? 0 : -1;
}

/* The server's secret as it was; is it the one of today? */
static int secrets(struct cli_revive *r, struct credential_keys *ret_old, bool *ret_known,
	bool *ret_same, struct err *e)
{
	unsigned char secret[CREDENTIAL_KEY];
	struct credential_keys now;
	*ret_known = *ret_same = false;
	if (credential_keys_read(r->b->env.config.server->data, &now, e) < 0)
		return -1;
	if (backup_mail_file(r->then, S("auth/secret"), (char *)secret, sizeof secret, e) < 0)
		return e->kind == ERR_NOTFOUND ? 0 : -1;
	credential_keys_of(secret, ret_old);
	*ret_known = true;
	*ret_same = CRYPTO_memcmp(ret_old, &now, sizeof now) == 0;
	OPENSSL_cleanse(secret, sizeof secret);
	OPENSSL_cleanse(&now, sizeof now);
	return 0;
}

static int bring_credentials(struct cli_revive *r, struct err *e)
{
	struct credential_keys old;
	bool known, same;
	struct sql *then;
	if (open_then(r, CREDENTIAL_DB, &then, e) < 0)
		return -1;
	int done = secrets(r, &old, &known, &same, e);
	if (done == 0)
		done = revive_credentials(
			&r->v, then, r->b->env.config.server->data, same, known ? &old : NULL, e);
	OPENSSL_cleanse(&old, sizeof old);
	sql_close(then);
	return done;
}

static int bring_lists(struct cli_revive *r, struct err *e)
{
	struct sql *then, *now;
	if (open_then(r, MAILLIST_DB, &then, e) < 0)
		return -1;
	if (!then)
		return 0;
	int done = sql_open(r->b->env.config.server->data, MAILLIST_DB, &now, e);
	if (done == 0) {
		done = revive_lists(&r->v, then, now, e);
		sql_close(now);
	}
	sql_close(then);
	return done;
}

int cli_revive_begin(struct cli_backup *b, struct backup_mail *then, slice address,
	struct cli_revive **ret, int64_t *ret_id, struct err *e)
{
	struct cli_revive *r = NEW(struct cli_revive);
	*r = (struct cli_revive){.v = {.a = &b->mem, .address = address}, .b = b, .then = then};
	*ret = r;
	r->v.now = cli_env_db(&b->env, DB_DIRECTORY, e);
	if (!r->v.now || backup_mail_db(then, "directory", &r->v.then, e) < 0 ||
		revive_begin(&r->v, e) < 0 || bring_credentials(r, e) < 0 || bring_lists(r, e) < 0)
		return -1;
	*ret_id = r->v.id;
	return 0;
}

/* A hold counts from now on, before there is anything that could go. */
int cli_revive_folders(
	struct cli_revive *r, struct sql *then_shard, struct sql *now_shard, struct err *e)
{
	if (revive_folders(&r->v, then_shard, now_shard, e) < 0)
		return -1;
	return retention_mark(r->b->env.config.server->data, r->v.now, false, e);
}

/* ---- after it ---- */

static int open_now(void *arg, int64_t account_id, struct sql **ret, struct err *e)
{
	struct cli_revive *r = arg;
	*ret = cli_env_shard(&r->b->env, account_id, e);
	return *ret ? 0 : -1;
}

int cli_revive_end(
	struct cli_revive *r, struct sql *then_shard, struct sql *now_shard, struct err *e)
{
	int done = revive_grants(&r->v, then_shard, now_shard, e);
	for (int i = 0; i < MAILBOX_SHARDS && done == 0; i++) {
		struct sql *shard = NULL;
		bool own = i == mailbox_shard(r->v.then_id);
		if (!own && open_then(r, mailbox_db_name(i), &shard, e) < 0)
			return -1;
		if (own || shard)
			done = revive_granted(&r->v, own ? then_shard : shard, open_now, r, e);
		sql_close(shard);
	}
	return done < 0 ? -1 : revive_finish(&r->v, e);
}

void cli_revive_free(struct cli_revive *r)
{
	if (!r)
		return;
	sql_close(r->v.then);
	free(r);
}

/* ---- what came of it ---- */

static void tell_kind(const struct revive *v, enum revive_kind kind, bool back)
{
	size_t n = 0;
	for (size_t i = 0; i < v->nitems; i++) {
		const struct revive_item *x = &v->items[i];
		if (x->kind != kind || x->back != back)
			continue;
		if (n++ == 0)
			printf("  %s", T(kinds[kind].en, kinds[kind].zh));
		if (x->name.n)
			printf("%s%.*s", n == 1 ? T(": ", "：") : T(", ", "、"), SFMT(x->name));
	}
	if (n)
		printf("\n");
}

static bool has(const struct revive *v, bool back)
{
	for (size_t i = 0; i < v->nitems; i++)
		if (v->items[i].back == back)
			return true;
	return false;
}

static void tell_json(const struct revive *v, struct json *j)
{
	json_open_object(j, "account");
	json_text(j, "address", v->address);
	json_bool(j, "went_on", v->went_on);
	for (int back = 1; back >= 0; back--) {
		json_open_array(j, back ? "brought" : "missing");
		for (size_t i = 0; i < v->nitems; i++) {
			if (v->items[i].back != back)
				continue;
			json_open_object(j, NULL);
			json_text(j, "kind", slice_z(kinds[v->items[i].kind].key));
			json_text(j, "name", v->items[i].name);
			json_close(j, '}');
		}
		json_close(j, ']');
	}
	json_close(j, '}');
}

void cli_revive_tell(const struct cli_revive *r, struct json *j)
{
	const struct revive *v = &r->v;
	if (j) {
		tell_json(v, j);
		return;
	}
	printf(T("The account %.*s is there again%s\n", "帐号 %.*s 已恢复%s\n"), SFMT(v->address),
		v->went_on ? T("; a restore that was broken off has come to its end. It came with:",
				     "（完成了上次中断的恢复）。随之恢复：")
			   : T(", with:", "，随之恢复："));
	for (int k = 0; k < REVIVE_KINDS; k++)
		tell_kind(v, (enum revive_kind)k, true);
	if (!has(v, false))
		return;
	printf("%s\n", T("Not brought, since it is taken or not there any more:",
			       "未恢复（已被占用或已不存在）："));
	for (int k = 0; k < REVIVE_KINDS; k++)
		tell_kind(v, (enum revive_kind)k, false);
}
