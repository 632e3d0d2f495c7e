/* master: what the files of the supervisor share: master.c, master_procs.c, master_listen.c,
 * master_reload.c. */
#pragma once
#include "bin/census.h"
#include "bin/config.h"
#include "feature/feature.h"
#include "run/co.h"
#include "run/proc.h"

enum {
	MASTER_EDGES_MAX =
		CENSUS_REGIONS, /* edge processes, those of former generations included */
	MASTER_ACCESS_MAX = CENSUS_REGIONS, /* access processes, likewise */
	MASTER_WEBS_MAX = 4, /* web processes, those of former generations included */
	MASTER_SOCKETS_MAX = 100, /* listening sockets */
};

/* One place where a process runs; a crashed one is started again in it. */
struct slot {
	struct master *master;
	const char *role;
	unsigned instance;
	struct proc *proc; /* NULL: not running now */
	bool wanted; /* shall run */
	bool once; /* ends by itself (prepare) */
	bool failed; /* the last one ended before it was ready, or with an error */
	int status; /* of the last one */
	struct proc_backoff backoff;
};

struct master_socket {
	struct net_addr addr;
	int fd;
};

/* Files in memory for scan processes; -1: none, or not readable. */
struct master_given {
	int rules; /* rule_files.h */
	int model; /* base model of a feature pack */
	int yara; /* yara_files.h */
};

struct master {
	struct config config;
	slice config_path; /* as given; empty: the default */
	struct buf text; /* the configuration as handed to children */
	unsigned generation;
	struct master_socket sockets[MASTER_SOCKETS_MAX];
	size_t nsockets;
	int census; /* shared table of connections, bin/census.h */
	struct census *census_table;
	int access_census,
		access_accounts; /* the same for mail programs: connections, sessions of accounts */
	struct census *access_census_table, *access_accounts_table;
	int unlocked; /* keys of an encrypted store, for those who open it (unlock.h); -1: it is plain */
	int rates; /* shared counters, defence/rate.h */
	struct feature_set features; /* in force */
	struct master_given given; /* of them, and of the site's rules; to scan processes */
	struct feature_set trial_set; /* what is tried, by m->scans[SCAN_TRIAL] */
	struct master_given trial_given;
	unsigned trial_generation;
	int tickets; /* secret that TLS session tickets of all edges are made with */
	struct slot engines[2]; /* a reload starts the other one */
	unsigned engine_at; /* the one that is asked */
	bool swapping; /* a reload starts processes that may still be refused */
	struct slot texts, indexer; /* full-text search */
	struct slot collect; /* mail of accounts elsewhere */
	struct slot prepare, keeper, backup, learn, feature, queue, auth, identity, keys, scans[SCAN_PLACES],
		edges[MASTER_EDGES_MAX], access[MASTER_ACCESS_MAX], webs[MASTER_WEBS_MAX];
	struct cond changed; /* a process became ready or ended, or a signal came */
	bool stop_wanted, force_wanted, reload_wanted, reloading;
	int control;
	int exit_status;
};

/* master_procs.c */
void slots_init(struct master *m);
/* Starts a process in the slot and links it; on failure it is tried again later. */
void slot_start(struct slot *s);
bool slot_ready(const struct slot *s);
/* Stops it for good; the slot is free when its process has ended. */
void slot_retire(struct slot *s, enum proc_stop how, int64_t within);
/* Waits for all slots given to be ready: 0; -1 when one failed, time is up, or a stop is wanted. */
int slots_wait_ready(
	struct master *m, struct slot *const *v, size_t n, int64_t within, struct err *e);
/* Waits until no edge (or nothing at all) runs; false: time is up. */
bool edges_wait_ended(struct master *m, instant deadline);
bool slot_wait_ended(struct slot *s, instant deadline);
/* A free slot for one more edge, one more scan process, or NULL. */
struct slot *edge_slot_free(struct master *m);
struct slot *scan_slot_free(struct master *m);
struct slot *web_slot_free(struct master *m);
struct slot *access_slot_free(struct master *m);
/* Links everybody with the engine process in force, after a reload. */
void engine_connect_all(struct master *m);
/* Mail is indexed for searching. */
bool search_wanted(const struct config *c);
/* How many scan processes this configuration wants. */
unsigned scans_wanted(const struct config *c);
void master_status(struct master *m, struct buf *out);

/* master_listen.c */
/* Binds what the configuration listens on and `m` has not yet; new sockets are appended. On failure
 * nothing has changed. */
int listen_add(struct master *m, const struct config *c, struct err *e);
/* Closes the sockets that the configuration does not want. */
void listen_drop_others(struct master *m, const struct config *c);
void listen_close_all(struct master *m);
/* The descriptors an edge needs, by name ("listen.LISTENER.ADDRESS"). */
size_t listen_fds(const struct master *m, const struct config *c, struct proc_fd *fds, size_t max);
/* Those of access processes: "access.LISTENER.ADDRESS". */
size_t listen_access_fds(
	const struct master *m, const struct config *c, struct proc_fd *fds, size_t max);
/* Those of the web process: "web.ADDRESS". */
size_t listen_web_fds(
	const struct master *m, const struct config *c, struct proc_fd *fds, size_t max);

/* master_reload.c */
/* Takes the changed configuration into service, or refuses it and changes nothing. In a coroutine.
 */
int master_reload(struct master *m, struct buf *report, struct err *e);

/* New scan processes with what is given now; when they are ready those of before finish. On failure
 * nothing has changed. */
int master_renew_scans(struct master *m, struct err *e);

/* master_features.c */
/* At the start: what is in force on disk. */
void master_given_read(struct master *m);
int master_given_make(struct master *m, const struct config *c, const struct feature_set *set,
	struct master_given *ret, struct err *e);
void master_given_close(struct master_given *g);
/* Takes another set of versions into force. In a coroutine. */
int master_features_use(struct master *m, const struct feature_set *set, struct err *e);
/* Gives the features process, which has just started, its way to the master. */
void master_features_link(struct master *m);

/* `posthouse serve` */
int master_main(slice config_path, enum conf_lang lang);
