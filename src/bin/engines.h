/*
 * engines: virus engines of others (clamd, ICAP servers, commands) as the other processes ask them. The
 * engine role talks to all of them: it alone has their sockets and may have commands started; whoever asks
 * hands it the message in memory over a link, and gets one combined answer.
 *
 *	engine_conf.c	sections [engine "NAME"] and [engines]
 *	engines.c	this: asking
 *	engine_wire.c	how requests travel
 *	engine_role.c	the role: all engines that are meant, in parallel; one answer
 *	engine.c	one engine: whose turn it is, health, versions, answers that are kept
 *	engine_kept.c	answers by digest
 *	engine_net.c	engines behind sockets: proto/clamd, proto/icap
 *	engine_command.c  engines that are commands; engine_hand.c starts them
 *	edge_engines.c	the edge asks about each message
 *	keeper_again.c	mail that was held or delivered is looked at again with new signatures
 */
#pragma once
#include "base/arena.h"
#include "base/err.h"
#include "base/time.h"
#include "run/conf.h"

enum engine_purpose { /* bits; `for` of an engine */
	ENGINE_IN = 1,
	ENGINE_OUT = 2,
	ENGINE_INTERNAL = 4,
	ENGINE_READ = 8, /* when a mailbox is read */
	ENGINE_AGAIN = 16, /* held and delivered mail, when signatures have changed */
};
enum engine_down { ENGINE_DOWN_DEFER, ENGINE_DOWN_HOLD, ENGINE_DOWN_PASS /* marked */ };

enum {
	ENGINES_MAX = 16,
	ENGINE_FILES_MAX = 50, /* parts of a message that engines cannot see by themselves */
	ENGINE_VIRUS_MAX = 200, /* bytes of a virus's name */
};

struct engines_answer {
	bool infected;
	slice virus; /* "clamav: Win.Test.EICAR_HDB-1, sophos: EICAR-AV-Test"; empty: none */
	slice failed; /* "clamav: no answer in 30 s": those that were to look and did not; empty: none */
	bool hold, defer; /* what the failed ones demand */
	bool none; /* no engine is for this purpose */
};

/* The engine process, as a process that asks sees it. */
struct engines;
struct engines *engines_new(const struct conf *c);
void engines_free(struct engines *e); /* nobody may ask; NULL is fine */
void engines_configure(struct engines *e, const struct conf *c); /* after a reload */
void engines_link(struct engines *e, int fd); /* takes fd over */
/* Whether an engine is for it. NULL: none. */
bool engines_any(const struct engines *e, enum engine_purpose purpose);
/* So long mail that is delivered elsewhere is to be kept for being looked at again; 0: not at all. */
int64_t engines_keep(const struct engines *e);

/* Looks at a file (a message, or one part of it) of `size` bytes from offset `from` of a memory file; `name`
 * for engines that want one. In a coroutine; borrowed fd. Never fails: an engine process that does
 * not answer is in `failed`, with what its engines demand. The answer is in *a. */
struct engines_asked {
	enum engine_purpose purpose;
	int fd;
	uint64_t from, size;
	slice name;
	instant deadline;
};
void engines_ask(struct engines *e, const struct engines_asked *q, struct arena *a,
	struct engines_answer *ret);
/* Two answers about the same message as one. */
void engines_answer_add(
	struct engines_answer *to, const struct engines_answer *more, struct arena *a);
/* A number that changes with set-up and signatures of the engines that look at mail again (ENGINE_AGAIN);
 * 0: not known now. */
uint64_t engines_version(struct engines *e, instant deadline);

/* ---- engine_conf.c ---- */

enum engine_type { ENGINE_CLAMD, ENGINE_ICAP, ENGINE_COMMAND };
enum engine_by { ENGINE_BY_STREAM, ENGINE_BY_DESCRIPTOR };
enum engine_method { ENGINE_RESPMOD, ENGINE_REQMOD };
struct engine_conf {
	bool enabled;
	int type; /* enum engine_type */
	slice address; /* IP:PORT, unix:/PATH, icap://IP:PORT/SERVICE */
	int by; /* clamd: enum engine_by */
	int method; /* ICAP: enum engine_method */
	bool preview; /* ICAP */
	struct conf_list command, clean, infected;
	slice virus; /* how a line of the command's output names it: "%v FOUND" */
	int64_t memory; /* of a command */
	struct conf_list purposes; /* key `for` */
	int64_t timeout, max_size, at_once;
	int down; /* enum engine_down */
};
struct engines_conf {
	int64_t kept, kept_for; /* answers */
	int64_t poll; /* how often versions are asked for */
	int64_t again; /* mail in mailboxes so young is looked at again; 0: none */
	int64_t keep; /* mail for backends is kept so long for the same; 0: it is not kept */
};
extern const struct conf_section engine_section, engines_section;

unsigned engine_purposes(const struct engine_conf *c); /* bits; 0 when it is not enabled */
/* For type clamd. ERR_PROTO. */
int engine_clamd_parse(slice address, struct net_addr *ret, struct err *e);
/* For type icap: where, and the service with its query ("/avscan"). */
bool engine_icap_parse(slice url, struct net_addr *ret_addr, slice *ret_service);
bool engines_configured(const struct conf *c); /* any at all, enabled */
