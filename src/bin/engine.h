/*
 * engine: one virus engine inside the engine role (engines.h): whose turn it is, how it is, what it said
 * before. The role's files share this.
 */
#pragma once
#include "bin/engines.h"
#include "run/co.h"
#include "run/metrics.h"

struct engine_kept;
struct engine_hand;

enum { ENGINE_VERSION_MAX = 160, ENGINE_DIGEST = 32 };

struct engine {
	slice name;
	unsigned index;
	const struct engine_conf *conf;
	unsigned purposes;
	struct net_addr addr;
	slice service; /* of ICAP */
	int64_t preview; /* bytes that the ICAP server wants first; -1: none */
	struct engine_hand *hand; /* starts commands */
	/* Whose turn it is. */
	unsigned under_way;
	struct cond turn;
	/* Health. */
	unsigned failures; /* one after the other */
	instant down_until; /* 0: it works as far as we know */
	int64_t pause;
	char why[160]; /* it is down */
	struct cond sick; /* it went down: probe it soon */
	char version[ENGINE_VERSION_MAX]; /* of its signatures; "": not known */
	/* Counters, registered by name. */
	struct metric *up, *clean, *infected, *failed, *seconds;
};

/* One file that is looked at. */
struct engine_look {
	slice bytes;
	slice name;
	uint8_t digest[ENGINE_DIGEST];
	instant deadline;
	bool again; /* what is kept does not do */
};
struct engine_found {
	bool infected;
	slice virus; /* printable, never empty when infected */
};

/* ---- engine.c ---- */
/* Once a process, before metrics_open. */
void engine_init(
	struct engine *g, slice name, unsigned index, const struct engine_conf *c, struct arena *a);
/* In a coroutine. ERR_LIMIT: too large for it. Everything else: it could not look. */
int engine_ask(struct engine *g, struct engine_kept *kept, const struct engine_look *q,
	struct arena *a, struct engine_found *ret, struct err *e);
/* Asks for its version and sees how it is, until cancelled. */
void engine_watch(struct engine *g, int64_t every);
/* Virus names are of strangers: printable ASCII, no blanks and commas, at most ENGINE_VIRUS_MAX bytes. */
slice engine_virus_name(slice raw, struct arena *a);

/* ---- engine_net.c: engines behind sockets. *ret_began: it was reached. ---- */
int engine_net_look(struct engine *g, const struct engine_look *q, struct arena *a,
	struct engine_found *ret, bool *ret_began, struct err *e);
/* Its version, "" when it has none. */
int engine_net_version(
	struct engine *g, instant deadline, struct arena *a, slice *ret, struct err *e);

/* ---- engine_kept.c: answers of all engines ---- */
struct engine_kept *engine_kept_new(const struct engines_conf *c);
void engine_kept_free(struct engine_kept *k);
/* False: not known, too old, or of another version of signatures. */
bool engine_kept_get(struct engine_kept *k, const struct engine *g, const uint8_t *digest,
	struct arena *a, struct engine_found *ret);
void engine_kept_put(struct engine_kept *k, const struct engine *g, const uint8_t *digest,
	const struct engine_found *f);
