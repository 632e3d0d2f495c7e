/*
 * The life of a role process (role.h), and the table of what every role may touch: the one place to
 * look at when asking what a process could do if it were taken over.
 */
#include "bin/role.h"

#include "base/mem.h"
#include "bin/backup_role.h"
#include "bin/features.h"
#include "bin/identity_conf.h"
#include "bin/prepare.h"
#include "bin/unlock.h"
#include "bin/zones.h"
#include "run/co.h"
#include "run/log.h"
#include "run/loop.h"
#include "run/metrics.h"
#include "run/pool.h"
#include "run/sandbox.h"
#include "store/crypt.h"
#include "store/queue.h"
#include <stdio.h>
#include <unistd.h>

/* Files, beside the process's own page of counters. DATA is the configured directory. */
enum role_path {
	MAY_BLOBS = 1, /* write DATA/blob */
	MAY_DB = 2, /* write DATA/db: directory, queue, trace, mailboxes */
	MAY_CREDENTIALS = 4, /* write DATA/auth */
	MAY_DATA = 8, /* write all of DATA */
	MAY_RESOLVE = 16, /* read what a resolver reads in /etc */
	MAY_KEYS = 64, /* write DATA/keys: readers of a database write beside it, too */
	MAY_VERIFY = 32, /* read the system's certificates of authorities */
	MAY_KV = 128, /* write DATA/kv */
	MAY_LISTS = 256, /* read DATA/mirror */
	MAY_MIRROR = 512, /* write it */
	MAY_LEARN = 1024, /* write DATA/learn */
	MAY_LEARNED = 2048, /* read DATA/learn/users */
	MAY_FEATURES =
		131072, /* write DATA/features; read where packs come from; clamd's directory */
	MAY_ZONES = 65536, /* read the system's time zones */
	MAY_READ_BLOBS = 262144,
	MAY_SESSIONS = 524288, /* write RUN/sessions */
	MAY_COLLECT = 2097152, /* read DATA/collect */
	MAY_NOTHING = 4194304, /* not even write its counters: it has what it was given */
	MAY_BACKUP = 1048576, /* read all of DATA, write what readers of databases write, DATA/backup; write the target */
};

enum { TICKET_SECRET = 32 };

/* Takes foreign containers apart for `posthouse import` (cli_import_child.h): a fork of that command, no process of the server's. */
static const struct role reader_role = {.name = "reader"};

static const struct role_limits {
	const struct role *role;
	unsigned paths; /* enum role_path */
	unsigned may; /* enum sandbox_may */
	unsigned threads; /* of the blocking pool */
	unsigned files; /* open descriptors */
} table[] = {
	{&edge_role,
		MAY_BLOBS | MAY_DB | MAY_KV | MAY_LISTS | MAY_LEARNED | MAY_RESOLVE | MAY_VERIFY,
		SANDBOX_MAY_CONNECT | SANDBOX_MAY_UDP | SANDBOX_MAY_MEMORY_FILE, 6, 1 << 17},
	{&queue_role,
		MAY_BLOBS | MAY_DB | MAY_KV | MAY_MIRROR | MAY_RESOLVE | MAY_VERIFY | MAY_ZONES,
		SANDBOX_MAY_CONNECT | SANDBOX_MAY_BIND | SANDBOX_MAY_UDP | SANDBOX_MAY_MEMORY_FILE,
		12, 1 << 15},
	{&auth_role, MAY_CREDENTIALS | MAY_DB, SANDBOX_NO_DUMP, 12, 1 << 12},
	{&identity_role, MAY_DB | MAY_RESOLVE | MAY_VERIFY,
		SANDBOX_NO_DUMP | SANDBOX_MAY_CONNECT | SANDBOX_MAY_UDP, 12, 1 << 10},
	{&keys_role, MAY_KEYS, SANDBOX_NO_DUMP, 4, 1 << 10},
	{&collect_role, MAY_BLOBS | MAY_DB | MAY_COLLECT | MAY_RESOLVE | MAY_VERIFY,
		SANDBOX_NO_DUMP | SANDBOX_MAY_CONNECT | SANDBOX_MAY_UDP | SANDBOX_MAY_MEMORY_FILE,
		8, 1 << 12},
	{&scan_role, 0, SANDBOX_NO_DUMP | SANDBOX_LEAVE_FILES, 1, 1 << 8},
	/* Writes the index, beside which reading the mailboxes writes, too. */
	{&indexer_role, MAY_READ_BLOBS | MAY_DB, SANDBOX_NO_DUMP | SANDBOX_MAY_MEMORY_FILE, 3,
		1 << 10},
	{&texts_role, 0, SANDBOX_NO_DUMP | SANDBOX_LEAVE_FILES, 1, 1 << 8},
	{&reader_role, MAY_NOTHING, SANDBOX_NO_DUMP | SANDBOX_LEAVE_FILES, 1, 1 << 6},
	{&learn_role, MAY_LEARN | MAY_KV, SANDBOX_MAY_MEMORY_FILE, 3, 1 << 10},
	{&engine_role, 0, SANDBOX_MAY_CONNECT | SANDBOX_MAY_MEMORY_FILE, 3, 1 << 13},
	{&features_role, MAY_FEATURES | MAY_DB | MAY_KV | MAY_RESOLVE | MAY_VERIFY,
		SANDBOX_MAY_CONNECT | SANDBOX_MAY_UDP | SANDBOX_MAY_MEMORY_FILE, 3, 1 << 10},
	{&web_role, MAY_READ_BLOBS | MAY_DB | MAY_ZONES, SANDBOX_NO_DUMP | SANDBOX_MAY_MEMORY_FILE,
		6, 1 << 14},
	{&access_role, MAY_BLOBS | MAY_DB | MAY_SESSIONS, SANDBOX_NO_DUMP | SANDBOX_MAY_MEMORY_FILE,
		10, 1 << 17},
	{&keeper_role, MAY_BLOBS | MAY_DB | MAY_LEARN, SANDBOX_MAY_MEMORY_FILE, 2, 1 << 12},
	{&backup_role, MAY_BACKUP | MAY_RESOLVE | MAY_VERIFY | MAY_ZONES,
		SANDBOX_NO_DUMP | SANDBOX_MAY_CONNECT | SANDBOX_MAY_UDP, 3, 1 << 14},
	{&prepare_role, MAY_DATA | MAY_BACKUP | MAY_RESOLVE | MAY_VERIFY,
		SANDBOX_MAY_FORK | SANDBOX_MAY_CONNECT | SANDBOX_MAY_UDP, 2, 1 << 14},
};

/* Places of databases and packs: who may reach one of them gets the keys of an encrypted store. Scan, texts and engine never do. */
enum {
	OPENS_STORE = MAY_BLOBS | MAY_READ_BLOBS | MAY_DB | MAY_CREDENTIALS | MAY_KEYS | MAY_DATA | MAY_LEARN |
		      MAY_BACKUP,
};

static const struct role_limits *find(const char *name)
{
	for (size_t i = 0; i < sizeof table / sizeof *table; i++)
		if (strcmp(table[i].role->name, name) == 0)
			return &table[i];
	return NULL;
}

bool role_opens_store(const char *name)
{
	const struct role_limits *l = find(name);
	return l && l->paths & OPENS_STORE;
}

/* ---- the sandbox ---- */

static void add_path(struct sandbox *s, slice path, bool write)
{
	if (path.n > 0 && s->npaths < SANDBOX_PATHS_MAX)
		s->paths[s->npaths++] = (struct sandbox_path){path, write};
}

static void add_features(
	struct sandbox *s, slice data, const struct features_conf *c, struct arena *a)
{
	add_path(s, arena_printf(a, "%.*s/features", SFMT(data)), true);
	if (slice_starts(c->source, S("/")))
		add_path(s, c->source, false);
	add_path(s, c->clamav, true);
}

/* Reading a database writes beside it. */
static void add_backup(struct sandbox *s, slice data, const struct backup_conf *c, struct arena *a)
{
	static const char *const dirs[] = {"db", "auth/db", "keys/db", "learn/db", "backup"};
	add_path(s, data, false);
	for (size_t i = 0; i < sizeof dirs / sizeof *dirs; i++)
		add_path(s, arena_printf(a, "%.*s/%s", SFMT(data), dirs[i]), true);
	if (slice_starts(c->target, S("/")))
		add_path(s, c->target, true);
	add_path(s, c->ca, false);
}

/* Both reach a network for backups in a bucket alone. */
static bool wants_network(const struct role_limits *l, const struct config *c)
{
	return !(l->paths & MAY_BACKUP) || backup_is_s3(backup_conf_of(c));
}

static void add_paths(
	struct sandbox *s, const struct role_limits *l, const struct config *c, struct arena *a)
{
	slice data = c->server->data;
	if (l->paths & MAY_NOTHING)
		return;
	add_path(s, arena_printf(a, "%.*s/metrics", SFMT(c->server->run)), true);
	add_path(s, S("/dev/urandom"), false);
	if (l->paths & MAY_DATA)
		add_path(s, data, true);
	if (l->paths & MAY_DATA)
		add_path(s, S("/proc/sys/kernel/random/boot_id"), false);
	if (l->paths & MAY_KV)
		add_path(s, arena_printf(a, "%.*s/kv", SFMT(data)), true);
	if (l->paths & MAY_KV)
		add_path(s, c->reputation->asn_database, false);
	if (l->paths & (MAY_LISTS | MAY_MIRROR))
		add_path(s, arena_printf(a, "%.*s/mirror", SFMT(data)), l->paths & MAY_MIRROR);
	if (l->paths & MAY_SESSIONS)
		add_path(s, arena_printf(a, "%.*s/sessions", SFMT(c->server->run)), true);
	if (l->paths & MAY_BLOBS)
		add_path(s, arena_printf(a, "%.*s/blob", SFMT(data)), true);
	if (l->paths & MAY_READ_BLOBS)
		add_path(s, arena_printf(a, "%.*s/blob", SFMT(data)), false);
	if (l->paths & MAY_DB)
		add_path(s, arena_printf(a, "%.*s/db", SFMT(data)), true);
	if (l->paths & MAY_CREDENTIALS)
		add_path(s, arena_printf(a, "%.*s/auth", SFMT(data)), true);
	if (l->paths & MAY_LEARN)
		add_path(s, arena_printf(a, "%.*s/learn", SFMT(data)), true);
	if (l->paths & MAY_LEARNED)
		add_path(s, arena_printf(a, "%.*s/learn/users", SFMT(data)), false);
	if (l->paths & MAY_FEATURES)
		add_features(s, data, conf_get(c->conf, &features_section), a);
	if (l->paths & MAY_BACKUP)
		add_backup(s, data, backup_conf_of(c), a);
	if (l->paths & MAY_COLLECT)
		add_path(s, arena_printf(a, "%.*s/collect", SFMT(data)), false);
	if (l->paths & MAY_KEYS)
		add_path(s, arena_printf(a, "%.*s/keys", SFMT(data)), true);
	if (l->paths & MAY_RESOLVE && wants_network(l, c)) {
		add_path(s, S("/etc/resolv.conf"), false);
		add_path(s, S("/etc/hosts"), false);
		add_path(s, S("/etc/nsswitch.conf"), false);
		add_path(s, S("/etc/gai.conf"), false);
		add_path(s, c->dns->trust_anchor, false);
		add_path(s, c->dns->root_hints, false);
	}
	if (l->paths & MAY_ZONES) {
		add_path(s, S(ZONES_DIR), false);
		add_path(s, S("/etc/localtime"), false);
	}
	if (l->paths & MAY_VERIFY && wants_network(l, c)) {
		add_path(s, S("/etc/ssl"), false);
		add_path(s, S("/usr/lib/ssl"), false);
		add_path(s, S("/usr/share/ca-certificates"), false);
		add_path(s, S("/usr/local/share/ca-certificates"), false);
		add_path(s, c->tls->ca, false);
		const struct ldap_conf *ldap = conf_get(c->conf, &ldap_section);
		add_path(s, ldap->ca, false);
	}
}

/* Address space that is mapped already: a fork has what its parent had. */
static uint64_t mapped(void)
{
	unsigned long long pages = 0;
	FILE *f = fopen("/proc/self/statm", "re");
	if (f && fscanf(f, "%llu", &pages) != 1)
		pages = 0;
	if (f)
		fclose(f);
	return (uint64_t)pages * (uint64_t)sysconf(_SC_PAGESIZE);
}

/* Of those whose input decides how much they take. */
static uint64_t memory_of(const struct role_limits *l, const struct config *c)
{
	if (l->role == &reader_role)
		return (uint64_t)c->scan->memory + mapped();
	return l->role == &scan_role || l->role == &texts_role ? (uint64_t)c->scan->memory : 0;
}

static int enter(const struct role_limits *l, const struct config *c, struct err *e)
{
	AUTO(arena) struct arena a = {0};
	struct sandbox s = {
		.mode = (enum sandbox_mode)c->server->sandbox,
		.may = l->may,
		.user = c->server->user,
		.open_files = l->files,
		.memory = memory_of(l, c),
	};
	if (crypt_held())
		s.may |= SANDBOX_NO_DUMP;
	if (!wants_network(l, c))
		s.may &= ~(unsigned)(SANDBOX_MAY_CONNECT | SANDBOX_MAY_UDP);
	add_paths(&s, l, c, &a);
	return sandbox_enter(&s, e);
}

int role_confine(const char *role, const struct config *c, struct err *e)
{
	const struct role_limits *l = find(role);
	return l ? enter(l, c, e) : err_set(e, ERR_NOTFOUND, "no such role: %s", role);
}

/* ---- from start message to end ---- */

slice role_tls_tickets(struct role_env *env, struct arena *a)
{
	char secret[TICKET_SECRET];
	AUTO(fd) int fd = proc_start_take(&env->start, "tickets");
	bool got = fd >= 0 && pread(fd, secret, sizeof secret, 0) == sizeof secret;
	return got ? arena_dup(a, slice_of(secret, sizeof secret)) : S("");
}

static int receive(struct role_env *env, struct err *e)
{
	if (proc_start_receive(&env->start, e) < 0)
		return -1;
	const struct proc_start *s = &env->start;
	return config_parse(buf_slice(&s->config), slice_z(s->config_path), &env->config, e);
}

struct running {
	const struct role *role;
	struct role_env *env;
	int status;
};

static void tell_ready(void)
{
	char state[SANDBOX_STATE_MAX], about[sizeof state + 16];
	sandbox_state(state);
	int n = snprintf(about, sizeof about, "sandbox=%s", state);
	proc_child_ready(slice_of(about, (size_t)n));
}

static void open_role(void *arg)
{
	struct running *r = arg;
	struct err e;
	if (r->role->open(r->env, &e) == 0) {
		tell_ready();
		return;
	}
	log_error(NULL, "role.failed", F("error", &e));
	r->status = 1;
	loop_stop();
}

static int open_metrics(const struct role_env *env, struct err *e)
{
	AUTO(arena) struct arena a = {0};
	slice dir = arena_printf(&a, "%.*s/metrics", SFMT(env->config.server->run));
	return metrics_open(dir, slice_z(env->start.role), env->start.instance, e);
}

/* Processes that make message ids never make the same: the last number is the queue's. */
static void number_writer(const struct role_env *env)
{
	bool queue = strcmp(env->start.role, "queue") == 0,
	     web = strcmp(env->start.role, "web") == 0;
	unsigned n = env->start.instance % (MSG_ID_WRITERS - 1);
	msg_id_set_writer(queue ? MSG_ID_WRITERS - 1 : web ? MSG_ID_WRITERS - 2 - n : n);
}

/* Everything up to the point where the network may be talked to. */
static int arm(const struct role_limits *l, struct role_env *env, struct err *e)
{
	if (unlock_from_master(env, e) < 0 || (l->role->prepare && l->role->prepare(env, e) < 0))
		return -1;
	if (enter(l, &env->config, e) < 0)
		return -1;
	return open_metrics(env, e);
}

static int run(const struct role_limits *l, struct role_env *env)
{
	struct running r = {.role = l->role, .env = env};
	struct proc_orders orders = l->role->orders;
	struct err e;
	number_writer(env);
	loop_init();
	if (arm(l, env, &e) < 0) {
		log_error(NULL, "role.failed", F("error", &e));
		return 1;
	}
	orders.arg = env;
	pool_init(l->threads);
	proc_child_run(&orders);
	co_go("role.open", open_role, &r);
	loop_run();
	if (l->role->close)
		l->role->close(env);
	pool_done();
	loop_done();
	return r.status;
}

int role_main(int argc, char **argv)
{
	static char name[PROC_NAME_MAX + 16];
	static struct role_env env;
	struct err e;
	(void)argc, (void)argv;
	log_init("role", 2, LEVEL_INFO);
	if (receive(&env, &e) < 0) {
		log_error(NULL, "role.failed", F("error", &e));
		return 1;
	}
	snprintf(name, sizeof name, "%s-%u", env.start.role, env.start.instance);
	log_init(name, 2, (enum log_level)env.config.log->level);
	const struct role_limits *l = find(env.start.role);
	if (!l || !l->role->open) {
		log_error(NULL, "role.unknown");
		return 1;
	}
	int status = run(l, &env);
	config_done(&env.config);
	proc_start_done(&env.start);
	return status;
}
