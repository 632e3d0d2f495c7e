/*
 * source: who is calling, as far as rules are concerned: classes of callers, the limits that each
 * has, and the checks it must pass. Sections [source "NAME"] of the configuration:
 *
 *	[source "unknown"]			a class itself: trusted, known, unknown, bad, or
 *	messages_per_minute = 60 defer		"local" (private and loopback networks)
 *	[source "partner"]			a range of its own
 *	class = trusted
 *	networks = 198.51.100.0/24
 *	hosts = .partner.example		verified host names
 *
 * A range takes what it does not say from the section of its class, and that one from the built-in
 * table (source_defaults.c), so that an empty configuration is a sensible one. Immutable once made.
 */
#pragma once
#include "base/arena.h"
#include "codec/signal.h"
#include "run/conf.h"

enum source_class { SOURCE_TRUSTED, SOURCE_KNOWN, SOURCE_UNKNOWN, SOURCE_BAD, SOURCE_CLASSES };
const char *source_class_name(enum source_class c);

/* What can happen to a caller, mildest first. */
enum door_action {
	DOOR_ACCEPT,
	DOOR_MARK, /* accepted, and said so in the message's signals */
	DOOR_SLOW, /* accepted after a delay */
	DOOR_GREYLIST, /* 450 until it has come again */
	DOOR_DEFER, /* 4xx */
	DOOR_REJECT, /* 5xx */
	DOOR_DROP, /* one line, and the connection is closed */
};
enum { DOOR_ACTIONS = DOOR_DROP + 1 };
const char *door_action_name(enum door_action a);

/* Each is a key of the section: "NUMBER [ACTION]"; 0: no limit. */
enum source_limit {
	LIMIT_CONNECTIONS, /* at a time, from one address (IPv4) or /64 (IPv6) */
	LIMIT_CONNECTION_RATE, /* a minute, likewise */
	LIMIT_NETWORK_RATE, /* connections a minute from its /24 or /48 */
	LIMIT_MESSAGE_RATE, /* messages a minute from one address */
	LIMIT_SENDER_MESSAGES_15M, /* of one envelope sender from one network */
	LIMIT_SENDER_RCPTS_15M,
	LIMIT_SENDER_MESSAGES_DAY,
	LIMIT_SENDER_RCPTS_DAY,
	LIMIT_ERROR_RATIO, /* percent of the commands of the last hour that failed */
	LIMIT_AUTH_FAILURES, /* of the last hour */
	LIMIT_UNKNOWN_RCPTS, /* of the last hour, above twice the number of good ones */
	LIMIT_OFFENCES, /* of the last hour: no mail spoken, talked early, harvest ... */
	SOURCE_LIMITS
};
struct source_rule {
	int64_t n; /* 0: no limit */
	enum door_action action;
};

/* Limits of one session: plain numbers that the session itself keeps. 0: as the listener has it. */
enum source_number {
	NUMBER_MESSAGES, /* in one connection */
	NUMBER_COMMANDS,
	NUMBER_RCPTS, /* of one message */
	NUMBER_SESSION_RCPTS, /* of one connection */
	NUMBER_SIZE, /* bytes */
	NUMBER_HEADER, /* bytes */
	NUMBER_ERRORS,
	NUMBER_UNKNOWN, /* recipients, in one connection */
	NUMBER_IDLE, /* usec: wait for a command or the next piece of a message */
	NUMBER_HELLO, /* usec: wait for the first command */
	NUMBER_GREET, /* usec: wait before the greeting */
	SOURCE_NUMBERS
};

/* Checks that can be turned off for a section (H5). */
enum source_check {
	CHECK_DNSBL = 1,
	CHECK_IPREV = 2,
	CHECK_HELO = 4,
	CHECK_SPF = 8,
	CHECK_DKIM = 16,
	CHECK_DMARC = 32,
	CHECK_REPUTATION = 64,
	CHECK_GREYLIST = 128,
	CHECK_CONTENT = 256, /* for the scan */
	CHECKS_ALL = 511
};

enum { SOURCE_OFF = 1000000 }; /* a threshold that is never reached */
struct source {
	slice name;
	enum source_class cls;
	bool range; /* has networks or hosts of its own: evidence does not change its class */
	const struct conf_nets *networks, *exceptions;
	const struct conf_list *hosts;
	struct source_rule limits[SOURCE_LIMITS];
	int64_t numbers[SOURCE_NUMBERS];
	unsigned checks; /* enum source_check */
	/* Sums of signals from which on something happens, by action (MARK to REJECT). */
	float thresholds[DOOR_ACTIONS];
	int64_t error_minimum; /* commands, before the ratio counts */
	int64_t delay, delay_max; /* usec: DOOR_SLOW */
	const float *scores; /* by signal_id; 0 for what belongs to a check that is off */
};

struct sources {
	struct source classes[SOURCE_CLASSES];
	struct source *ranges; /* "local" among them */
	size_t n;
};
extern const struct conf_section source_section;
extern const struct conf_section scores_section; /* [scores]: a key a signal */

/* Memory from *a, which holds the result; conf must live as long. ERR_PERM with a sentence. */
int sources_make(const struct conf *conf, struct arena *a, struct sources *ret, struct err *e);

/* The range that names this address: the longest prefix wins; NULL: none. */
const struct source *sources_by_address(const struct sources *s, const struct net_addr *ip);
/* The range that names this verified host name, the longest match wins; NULL: none. */
const struct source *sources_by_host(const struct sources *s, slice name);
/* Is it spared the rules of that section? */
bool source_excepts(const struct source *s, const struct net_addr *ip);
/* The check that a signal belongs to, 0 when it belongs to none that can be turned off. */
unsigned source_check_of(enum signal_id id);
