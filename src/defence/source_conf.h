/* source_conf: the keys of [source "NAME"], shared by source_conf.c (their documentation),
 * source_defaults.c (what holds without them) and source.c (what follows). */
#pragma once
#include "defence/source.h"

/* X(key, enum source_limit) */
#define SOURCE_LIMIT_KEYS(X)                                                                       \
	X(connections, LIMIT_CONNECTIONS)                                                          \
	X(connections_per_minute, LIMIT_CONNECTION_RATE)                                           \
	X(network_connections_per_minute, LIMIT_NETWORK_RATE)                                      \
	X(messages_per_minute, LIMIT_MESSAGE_RATE)                                                 \
	X(sender_messages_15m, LIMIT_SENDER_MESSAGES_15M)                                          \
	X(sender_rcpts_15m, LIMIT_SENDER_RCPTS_15M)                                                \
	X(sender_messages_day, LIMIT_SENDER_MESSAGES_DAY)                                          \
	X(sender_rcpts_day, LIMIT_SENDER_RCPTS_DAY)                                                \
	X(error_ratio, LIMIT_ERROR_RATIO)                                                          \
	X(auth_failures_per_hour, LIMIT_AUTH_FAILURES)                                             \
	X(unknown_rcpts_per_hour, LIMIT_UNKNOWN_RCPTS)                                             \
	X(offences_per_hour, LIMIT_OFFENCES)

/* X(key, enum source_number, how it is written) */
enum number_kind { WRITTEN_COUNT, WRITTEN_SIZE, WRITTEN_TIME };
#define SOURCE_NUMBER_KEYS(X)                                                                      \
	X(messages_per_connection, NUMBER_MESSAGES, WRITTEN_COUNT)                                 \
	X(commands_per_connection, NUMBER_COMMANDS, WRITTEN_COUNT)                                 \
	X(rcpts_per_message, NUMBER_RCPTS, WRITTEN_COUNT)                                          \
	X(rcpts_per_connection, NUMBER_SESSION_RCPTS, WRITTEN_COUNT)                               \
	X(max_size, NUMBER_SIZE, WRITTEN_SIZE)                                                     \
	X(max_header, NUMBER_HEADER, WRITTEN_SIZE)                                                 \
	X(errors_per_connection, NUMBER_ERRORS, WRITTEN_COUNT)                                     \
	X(unknown_rcpts_per_connection, NUMBER_UNKNOWN, WRITTEN_COUNT)                             \
	X(idle_time, NUMBER_IDLE, WRITTEN_TIME)                                                    \
	X(hello_time, NUMBER_HELLO, WRITTEN_TIME)                                                  \
	X(greet_delay, NUMBER_GREET, WRITTEN_TIME)

/* X(key, enum door_action): thresholds */
#define SOURCE_SCORE_KEYS(X)                                                                       \
	X(mark_score, DOOR_MARK)                                                                   \
	X(slow_score, DOOR_SLOW)                                                                   \
	X(greylist_score, DOOR_GREYLIST)                                                           \
	X(defer_score, DOOR_DEFER)                                                                 \
	X(reject_score, DOOR_REJECT)

/* X(key, enum source_check) */
#define SOURCE_CHECK_KEYS(X)                                                                       \
	X(dnsbl, CHECK_DNSBL)                                                                      \
	X(reverse_dns, CHECK_IPREV)                                                                \
	X(helo, CHECK_HELO)                                                                        \
	X(spf, CHECK_SPF)                                                                          \
	X(dkim, CHECK_DKIM)                                                                        \
	X(dmarc, CHECK_DMARC)                                                                      \
	X(reputation, CHECK_REPUTATION)                                                            \
	X(greylist, CHECK_GREYLIST)                                                                \
	X(content, CHECK_CONTENT)

/* As written; an empty value means: what the class has. */
struct source_conf {
	int class; /* enum source_class, or SOURCE_CLASSES: by the section's name */
	struct conf_nets networks, exceptions;
	struct conf_list hosts;
#define X(key, id) struct conf_list key;
	SOURCE_LIMIT_KEYS(X)
#undef X
#define X(key, id, kind) slice key;
	SOURCE_NUMBER_KEYS(X)
#undef X
#define X(key, id) slice key;
	SOURCE_SCORE_KEYS(X)
#undef X
#define X(key, id) int key;
	SOURCE_CHECK_KEYS(X)
#undef X
	slice error_minimum, delay, delay_max;
};

enum source_auto { SOURCE_AUTO, SOURCE_NO, SOURCE_YES };

/* source_conf.c: one value as text. False: not such a value. */
bool source_rule_parse(
	const struct conf_list *words, enum door_action usual, struct source_rule *ret);
bool source_number_parse(slice s, enum number_kind kind, int64_t *ret);
bool source_score_parse(slice s, float *ret); /* "off" is SOURCE_OFF */

/* source_defaults.c */
void source_defaults(enum source_class c, struct source *ret);
/* A section by that name is no range: a class, or what is built in. */
bool source_is_class(slice name, enum source_class *ret);
extern const struct conf_nets source_local_networks; /* of "local" when the section has none */

/* source_scores.c: scores by signal for one set of checks. */
const float *source_scores(const struct conf *conf, unsigned checks, struct arena *a);
