/*
 * Before the server starts: the store's directories and schemas (migrations with snapshots), and a
 * self-signed certificate for a fresh installation. Runs as a role of its own, as the server's
 * user, so that the master opens no database. `posthouse init` does the same work.
 */
#include "bin/prepare.h"

#include "base/mem.h"
#include "base/rand.h"
#include "base/time.h"
#include "bin/backup.h"
#include "bin/sasl.h"
#include "feature/feature.h"
#include "bin/token.h"
#include "mail/srs.h"
#include "run/log.h"
#include "run/loop.h"
#include "run/pool.h"
#include "run/tls.h"
#include "store/collect.h"
#include "store/keyring.h"
#include "store/seal.h"
#include "store/store.h"
#include "training/journal.h"
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

static int make_certificate(const struct config *c, struct err *e)
{
	if (c->tls->certificate.n > 0)
		return 0; /* the administrator's: used or missed, never made */
	AUTO(arena) struct arena a = {0};
	if (access(arena_strz(&a, c->certificate), F_OK) == 0)
		return 0;
	const char *dir = arena_strz(&a, arena_printf(&a, "%.*s/tls", SFMT(c->server->data)));
	if (mkdir(dir, 0700) < 0 && errno != EEXIST)
		return err_sys(e, errno, "%s", dir);
	if (tls_make_self_signed(c->hostname, c->certificate, c->key, e) < 0)
		return -1;
	log_info(NULL, "tls.selfsigned", F("host", c->hostname), F("file", c->certificate));
	return 0;
}

/* What the auth role makes the salts of unknown logins from (auth.c). */
static int make_secret(const struct config *c, struct err *e)
{
	AUTO(arena) struct arena a = {0};
	unsigned char secret[SASL_SECRET];
	const char *dir = arena_strz(&a, arena_printf(&a, "%.*s/auth", SFMT(c->server->data)));
	const char *path = arena_strz(&a, arena_printf(&a, "%s/secret", dir));
	if (mkdir(dir, 0700) < 0 && errno != EEXIST)
		return err_sys(e, errno, "%s", dir);
	AUTO(fd) int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (fd < 0)
		return errno == EEXIST ? 0 : err_sys(e, errno, "%s", path);
	rand_bytes(secret, sizeof secret);
	if (write(fd, secret, sizeof secret) == sizeof secret && fsync(fd) == 0)
		return 0;
	err_sys(e, errno, "%s", path);
	unlink(path);
	return -1;
}

/* What rewritten senders (mail/srs.h) and links for people (token.h) are made with. */
static int make_secrets(const struct config *c, struct err *e)
{
	struct sql *keyring;
	if (keyring_open(c->server->data, &keyring, e) < 0)
		return -1;
	int r = keyring_secret_make(keyring, S(SRS_SECRET), wall_now(), e);
	if (r == 0)
		r = keyring_secret_make(keyring, S(TOKEN_SECRET), wall_now(), e);
	sql_close(keyring);
	return r;
}

/* What a restore that broke off has left is no store, and none is made over it. */
static int refuse_half_restored(const struct config *c, struct err *e)
{
	AUTO(arena) struct arena a = {0};
	const char *path = arena_strz(
		&a, arena_printf(&a, "%.*s/" BACKUP_RESTORING, SFMT(c->server->data)));
	if (access(path, F_OK) < 0)
		return 0;
	return err_set(e, ERR_PERM,
		"%s: a restore was not finished: begin it again (posthouse restore all)", path);
}

/*
 * A newer program is about to change databases: what was there is put into the repository first. When that fails the server starts nevertheless:
 * mail does not wait for a repository, and each database gets its own snapshot before it is changed.
 */
static void backup_before(const struct config *c, const struct backup_extras *extras)
{
	const struct backup_conf *conf = backup_conf_of(c);
	struct backup_result r;
	struct backup_pruned p;
	struct err e;
	if (!extras || conf->target.n == 0 || !conf->before_upgrade ||
		backup_prepared(c->server->data, &e) != 1 || store_behind(c->server->data, &e) != 1)
		return;
	const struct backup_job j = {.config = c, .extras = extras, .why = S("upgrade")};
	log_info(NULL, "backup.before_upgrade");
	if (backup_job_run(&j, &r, &p, &e) < 0)
		log_error(NULL, "backup.failed", F("error", &e), F("why", "upgrade"));
	else
		log_info(NULL, "backup.made", F("why", "upgrade"), F("new", r.fresh), F("sent", r.sent),
			F_USEC("took", r.took));
}

/* The key that the collect process alone reads: passwords of accounts elsewhere are sealed for it (store/seal.h). */
static int read_or_make_key(const struct config *c, unsigned char key[SEAL_KEY], struct err *e)
{
	AUTO(arena) struct arena a = {0};
	unsigned char unused[SEAL_KEY];
	const char *dir = arena_strz(&a, arena_printf(&a, "%.*s/collect", SFMT(c->server->data)));
	const char *path = arena_strz(&a, arena_printf(&a, "%s/secret", dir));
	if (mkdir(dir, 0700) < 0 && errno != EEXIST)
		return err_sys(e, errno, "%s", dir);
	AUTO(fd) int fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd >= 0)
		return read(fd, key, SEAL_KEY) == SEAL_KEY ? 0 : err_set(e, ERR_PERM, "%s: no key", path);
	if (errno != ENOENT)
		return err_sys(e, errno, "%s", path);
	seal_make(key, unused);
	const char *fresh = arena_strz(&a, arena_printf(&a, "%s.new", path));
	AUTO(fd) int to = open(fresh, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	if (to < 0 || write(to, key, SEAL_KEY) != SEAL_KEY || fsync(to) < 0 || rename(fresh, path) < 0)
		return err_sys(e, errno, "%s", path);
	return 0;
}

static int make_collect_key(const struct config *c, struct err *e)
{
	unsigned char key[SEAL_KEY], public_key[SEAL_KEY], known[SEAL_KEY];
	struct sql *db;
	if (read_or_make_key(c, key, e) < 0 || sql_open(c->server->data, COLLECT_DB, &db, e) < 0)
		return -1;
	seal_public_of(key, public_key);
	bool same = collect_key(db, known, e) == 0 && memcmp(known, public_key, SEAL_KEY) == 0;
	int r = same ? 0 : sql_begin(db, e);
	if (r == 0 && !same)
		r = collect_key_tx(db, public_key, e) < 0 ? -1 : sql_commit(db, e);
	sql_close(db);
	return r;
}

int prepare_store(const struct config *c, struct err *e)
{
	if (refuse_half_restored(c, e) < 0)
		return -1;
	if (store_prepare(c->server->data, e) < 0 || journal_prepare(c->server->data, e) < 0 ||
		feature_depot_make(c->server->data, e) < 0 ||
		make_secrets(c, e) < 0 || make_collect_key(c, e) < 0)
		return -1;
	return make_secret(c, e) < 0 ? -1 : make_certificate(c, e);
}

struct work {
	struct role_env *env;
	int result;
	struct err *e;
};

static void work_run(void *arg)
{
	struct work *w = arg;
	backup_before(&w->env->config, w->env->self);
	w->result = prepare_store(&w->env->config, w->e);
}

static int prepare_prepare(struct role_env *env, struct err *e)
{
	(void)e;
	if (backup_conf_of(&env->config)->target.n == 0)
		return 0;
	env->self = NEW(struct backup_extras);
	backup_extras_read(&env->config, slice_z(env->start.config_path), env->self);
	return 0;
}

static void prepare_close(struct role_env *env)
{
	if (env->self)
		backup_extras_done(env->self);
	free(env->self);
}

static int prepare_open(struct role_env *env, struct err *e)
{
	struct work w = {.env = env, .e = e};
	pool_call(work_run, &w);
	if (w.result == 0)
		loop_stop();
	return w.result;
}

static void stop(void *arg, enum proc_stop how, instant deadline)
{
	(void)arg, (void)how,
		(void)deadline; /* a migration is not interrupted: it ends by itself */
}

static void no_link(void *arg, const char *role, unsigned instance, int fd)
{
	(void)arg, (void)role, (void)instance;
	close(fd);
}

const struct role prepare_role = {
	.name = "prepare",
	.prepare = prepare_prepare,
	.open = prepare_open,
	.orders = {.stop = stop, .link = no_link},
	.close = prepare_close,
};
