/*
 * cli_env: what most commands need before they can work: the configuration, the rights of the
 * server's user (files that root would make here could not be written by the server), and the
 * databases.
 */
#pragma once
#include "bin/cli_args.h"
#include "bin/config.h"
#include "store/sql.h"

enum cli_db { DB_DIRECTORY, DB_QUEUE, DB_TRACE, DB_REPORT, DB_COUNT };

struct cli_env {
	struct config config;
	struct sql *db[DB_COUNT];
	struct arena mem; /* for the command */
	unsigned root_uid, root_gid; /* when it runs as root in the server's stead */
	bool is_root;
};

/* Reads the configuration, complains about every mistake. 0, or -1 with the exit code in *ret_code.
 */
int cli_env_config(struct cli *cli, struct cli_env *env, int *ret_code);
/* The same, and takes on the server's user, and makes the store if there is none yet. */
int cli_env_open(struct cli *cli, struct cli_env *env, int *ret_code);
void cli_env_close(struct cli_env *env);
static inline void auto_cli_env(struct cli_env *env)
{
	cli_env_close(env);
}

/* cli_env_open and the directory; NULL after a complaint, and *ret_code. */
struct sql *cli_env_directory(struct cli *cli, struct cli_env *env, int *ret_code);
/* One database, opened at first use; NULL after a complaint. Its schema must be this program's. */
struct sql *cli_env_db(struct cli_env *env, enum cli_db which, struct err *e);
/* The mail shard of an account; the caller closes it. */
struct sql *cli_env_shard(struct cli_env *env, int64_t account_id, struct err *e);

/* For files outside the store, which belong to who runs the command. */
void cli_env_as_caller(struct cli_env *env);
void cli_env_as_server(struct cli_env *env);
/* All of a file, "-": of stdin, as who runs the command. `what` it is, for errors: "the table". */
int cli_env_read(
	struct cli_env *env, slice path, const char *what, struct buf *out, struct err *e);

/* Makes the data directory for the server's user; when root, takes on that user. */
int cli_env_take_user(struct cli_env *env, struct err *e);

/* Who this is, for timelines: the login name, or "uid 1000". */
slice cli_env_who(struct arena *a);
/* The same as who changed something: "administrator root". Memory of the command. */
slice cli_env_administrator(struct cli_env *env);

enum conf_lang cli_conf_lang(void);
