/*
 * Configuration, identity and databases for the command line (cli_env.h). Root works as the
 * server's user on the store and as itself outside of it.
 */
#include "bin/cli_env.h"

#include "base/mem.h"
#include "bin/prepare.h"
#include "bin/unlock.h"
#include "bin/user.h"
#include "run/log.h"
#include "run/sandbox.h"
#include "store/directory.h"
#include "store/mailbox.h"
#include "store/queue.h"
#include "store/report.h"
#include "store/trace.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

enum conf_lang cli_conf_lang(void)
{
	return tr_lang == LANG_ZH ? CONF_ZH : CONF_EN;
}

/* ---- configuration ---- */

static int complain(const struct conf_errors *errors, slice path, const struct err *e)
{
	fflush(stdout);
	if (e->kind == ERR_NOTFOUND) {
		fprintf(stderr,
			T("posthouse: no configuration file %.*s\n",
				"posthouse: 没有配置文件 %.*s\n"),
			SFMT(path));
		return CLI_USAGE;
	}
	if (e->kind == ERR_DENIED) {
		fprintf(stderr,
			T("posthouse: no access to %.*s: run this as root or as the server's "
			  "user\n",
				"posthouse: 无权读取 %.*s：请以 root 或服务器用户的身份运行\n"),
			SFMT(path));
		return CLI_FAILED;
	}
	for (size_t i = 0; i < errors->n; i++)
		fprintf(stderr, "%.*s\n", SFMT(errors->v[i]));
	if (errors->n == 0)
		out_fail(e);
	return CLI_USAGE;
}

int cli_env_config(struct cli *cli, struct cli_env *env, int *ret_code)
{
	AUTO(arena) struct arena mem = {0};
	struct conf_errors errors;
	struct err e;
	*env = (struct cli_env){0};
	log_init("cli", 2, LEVEL_ERROR);
	if (config_load(slice_z(cli->config), cli_conf_lang(), &env->config, &mem, &errors, &e) ==
		0)
		return 0;
	*ret_code = complain(&errors, slice_z(cli->config ? cli->config : CONFIG_PATH), &e);
	return -1;
}

/* ---- identity ---- */

static int become(unsigned uid, unsigned gid, struct err *e)
{
	/* Groups and gid can only be changed while still root. */
	if ((geteuid() != 0 && seteuid(0) < 0) || setgroups(1, &gid) < 0 || setegid(gid) < 0 ||
		seteuid(uid) < 0)
		return err_sys(e, errno, "changing to user %u", uid);
	return 0;
}

void cli_env_as_caller(struct cli_env *env)
{
	struct err e;
	if (env->is_root && become(0, 0, &e) < 0)
		out_fail(&e);
}

void cli_env_as_server(struct cli_env *env)
{
	struct err e;
	if (env->is_root && become(env->root_uid, env->root_gid, &e) < 0)
		out_fail(&e);
}

static int read_all(int fd, const char *what, struct buf *out, struct err *e)
{
	for (;;) {
		char *p = buf_room(out, 64 * 1024);
		if (!p)
			return err_set(e, ERR_LIMIT, "%s is too large", what);
		ssize_t n = read(fd, p, 64 * 1024);
		if (n < 0 && errno != EINTR)
			return err_sys(e, errno, "reading %s", what);
		if (n == 0)
			return 0;
		if (n > 0)
			buf_commit(out, (size_t)n);
	}
}

int cli_env_read(
	struct cli_env *env, slice path, const char *what, struct buf *out, struct err *e)
{
	AUTO(fd) int fd = -1;
	if (slice_eq(path, S("-")))
		return read_all(STDIN_FILENO, what, out, e);
	const char *name = arena_strz(&env->mem, path);
	cli_env_as_caller(env);
	fd = open(name, O_RDONLY | O_CLOEXEC);
	int error = errno;
	cli_env_as_server(env);
	return fd < 0 ? err_sys(e, error, "cannot open %s", name) : read_all(fd, what, out, e);
}

/* mkdir -p, the last one for the server's user with all that is in it. */
static int make_data_dir(const char *path, bool is_root, unsigned uid, unsigned gid, struct err *e)
{
	AUTO(free) char *part = mem_dup(path, strlen(path));
	for (char *p = part + 1; (p = strchr(p, '/')); p++) {
		*p = 0;
		if (mkdir(part, 0755) < 0 && errno != EEXIST)
			return err_sys(e, errno, "%s", part);
		*p = '/';
	}
	if (mkdir(path, 0750) < 0 && errno != EEXIST)
		return err_sys(e, errno, "%s", path);
	return is_root ? user_give(path, uid, gid, e) : 0;
}

int cli_env_take_user(struct cli_env *env, struct err *e)
{
	AUTO(arena) struct arena a = {0};
	const char *data = arena_strz(&a, env->config.server->data);
	env->is_root = geteuid() == 0;
	if (env->is_root &&
		sandbox_user_ids(env->config.server->user, &env->root_uid, &env->root_gid, e) < 0)
		return -1;
	if (make_data_dir(data, env->is_root, env->root_uid, env->root_gid, e) < 0)
		return -1;
	return env->is_root ? become(env->root_uid, env->root_gid, e) : 0;
}

slice cli_env_who(struct arena *a)
{
	const char *sudo = getuid() == 0 ? getenv("SUDO_USER") : NULL;
	const struct passwd *pw = getpwuid(getuid());
	if (sudo && *sudo)
		return arena_dup(a, slice_z(sudo));
	return pw ? arena_dup(a, slice_z(pw->pw_name)) : arena_printf(a, "uid %u", getuid());
}

slice cli_env_administrator(struct cli_env *env)
{
	slice who = cli_env_who(&env->mem);
	return arena_printf(&env->mem, "administrator %.*s", SFMT(who));
}

/* ---- the store ---- */

static int denied(const struct config *c)
{
	fprintf(stderr,
		T("posthouse: no access to %.*s: run this as root or as user %.*s\n",
			"posthouse: 无权访问 %.*s：请以 root 或用户 %.*s 的身份运行\n"),
		SFMT(c->server->data), SFMT(c->server->user));
	return CLI_FAILED;
}

static bool can_use(const char *path)
{
	return faccessat(AT_FDCWD, path, R_OK | W_OK | X_OK, AT_EACCESS) == 0;
}

int cli_env_open(struct cli *cli, struct cli_env *env, int *ret_code)
{
	struct err e;
	if (cli_env_config(cli, env, ret_code) < 0)
		return -1;
	AUTO(arena) struct arena a = {0};
	slice data = env->config.server->data;
	int r = unlock_store(&env->config, &e); /* as the caller: a key file may be root's */
	if (r >= 0)
		r = cli_env_take_user(env, &e);
	if (r == 0 && !can_use(arena_strz(&a, data)))
		r = err_set(&e, ERR_DENIED, "%.*s", SFMT(data));
	slice last = arena_printf(
		&a, "%.*s/db/%s.sqlite", SFMT(data), mailbox_db_name(MAILBOX_SHARDS - 1));
	if (r == 0 && faccessat(AT_FDCWD, arena_strz(&a, last), F_OK, AT_EACCESS) < 0)
		r = prepare_store(&env->config, &e);
	if (r == 0)
		return 0;
	*ret_code = e.kind == ERR_DENIED ? denied(&env->config) : out_fail(&e);
	cli_env_close(env);
	return -1;
}

void cli_env_close(struct cli_env *env)
{
	for (int i = 0; i < DB_COUNT; i++)
		sql_close(env->db[i]);
	arena_done(&env->mem);
	if (env->config.conf)
		config_done(&env->config);
	*env = (struct cli_env){0};
}

/* Only the server changes schemas, at its start. */
static int check_version(struct sql *db, const struct sql_migration *m, size_t n, struct err *e)
{
	int version, mine = m[n - 1].version;
	if (sql_version(db, &version, e) < 0)
		return -1;
	if (version == mine)
		return 0;
	if (version == 0) /* a first start was interrupted */
		return sql_migrate(db, m, n, e);
	return err_set(e, ERR_PERM,
		version < mine
			? T("the %s database has schema %d, this program knows %d: start the "
			    "server with this program first",
				  "%s 数据库的结构版本是 %d，本程序是 %d：请先用本程序启动服务器")
			: T("the %s database has schema %d, this program knows only %d: use the "
			    "newer program",
				  "%s 数据库的结构版本是 %d，本程序只认识到 %d：请使用更新的程序"),
		sql_name(db), version, mine);
}

static struct sql *open_checked(
	slice dir, const char *name, const struct sql_migration *m, size_t n, struct err *e)
{
	struct sql *db;
	if (sql_open(dir, name, &db, e) < 0)
		return NULL;
	if (check_version(db, m, n, e) == 0)
		return db;
	sql_close(db);
	return NULL;
}

struct sql *cli_env_db(struct cli_env *env, enum cli_db which, struct err *e)
{
	static const struct {
		const char *name;
		const struct sql_migration *m;
		const size_t *n;
	} dbs[DB_COUNT] = {
		[DB_DIRECTORY] = {"directory", directory_migrations, &directory_migrations_n},
		[DB_QUEUE] = {"queue", queue_migrations, &queue_migrations_n},
		[DB_TRACE] = {"trace", trace_migrations, &trace_migrations_n},
		[DB_REPORT] = {REPORT_DB, report_migrations, &report_migrations_n},
	};
	if (!env->db[which])
		env->db[which] = open_checked(
			env->config.server->data, dbs[which].name, dbs[which].m, *dbs[which].n, e);
	return env->db[which];
}

struct sql *cli_env_shard(struct cli_env *env, int64_t account_id, struct err *e)
{
	return open_checked(env->config.server->data, mailbox_db_name(mailbox_shard(account_id)),
		mailbox_migrations, mailbox_migrations_n, e);
}

struct sql *cli_env_directory(struct cli *cli, struct cli_env *env, int *ret_code)
{
	struct err e;
	if (cli_env_open(cli, env, ret_code) < 0)
		return NULL;
	struct sql *db = cli_env_db(env, DB_DIRECTORY, &e);
	if (!db)
		*ret_code = out_fail(&e);
	return db;
}
