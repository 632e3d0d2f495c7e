/*
 * engines: virus engines of others (clamd, ICAP servers, commands) as the other processes ask them. The
 * engine role talks to all of them: it alone has their sockets and may start commands; whoever asks hands it
 * the message in memory over a link, and gets one combined answer.
 *
 *	engine_role.c	the role: connections, limits, health, answers kept by digest
 *	engine_wire.c	how requests travel
 *	engines.c	this: asking
 *	edge_engines.c	the edge asks about each message that policy wants looked at
 *	queue... keeper	mail that was held or delivered is looked at again with new signatures
 *
 * Engines are sections [engine "NAME"]: type, where, for which directions, how long, how much, what when it is down.
 */
#pragma once
#include "base/arena.h"
#include "base/err.h"
#include "base/time.h"
#include "run/conf.h"

struct link;

enum engine_purpose { /* bits; `for` of an engine */
	ENGINE_IN = 1,
	ENGINE_OUT = 2,
	ENGINE_INTERNAL = 4,
	ENGINE_READ = 8, /* when a mailbox is read */
	ENGINE_AGAIN = 16, /* held and delivered mail, when signatures have changed */
};
enum engine_down { ENGINE_DOWN_HOLD, ENGINE_DOWN_DEFER, ENGINE_DOWN_PASS /* marked */ };

enum { ENGINE_NAMES_MAX = 16, ENGINE_FILES_MAX = 50 };

struct engines_answer {
	bool infected;
	slice virus; /* "clamav: Win.Test.EICAR_HDB-1, sophos: EICAR-AV-Test"; empty: none */
	slice failed; /* "clamav: no answer in 30 s": those that were to look and did not; empty: none */
	bool hold, defer; /* what the failed ones demand */
	bool none; /* no engine is for this purpose */
};
/* Looks at a file (a message, or one part of it) of `size` bytes from offset `from` of a memory file; `name`
 * for engines that want one. In a coroutine; borrowed fd. Never fails: an engine process that does
 * not answer is in `failed`. */
struct engines_asked {
	enum engine_purpose purpose;
	int fd;
	uint64_t from, size;
	slice name;
	instant deadline;
};
void engines_ask(struct link *engine, const struct engines_asked *q, struct arena *a,
	struct engines_answer *ret);
/* A number that changes with the engines' signatures and set-up; 0: not known. */
uint64_t engines_version(struct link *engine, instant deadline);
