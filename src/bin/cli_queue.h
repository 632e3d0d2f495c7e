/* cli_queue: which recipients a `posthouse queue` command means. */
#pragma once
#include "bin/cli_env.h"
#include "bin/cli_words.h"
#include "store/queue.h"

enum { PICK_IDS_MAX = 1000 };

struct queue_pick {
	struct queue_filter filter;
	bool deferred; /* only those that were tried before */
	msg_id *ids;
	int32_t *idx; /* of one recipient, or -1: all of the message */
	int nids;
};
/* The options that make up a filter; further ones may follow in a verb's own table. */
#define PICK_OPTIONS                                                                               \
	{"from", "ADDRESS", "sender; \"*\" is a wildcard, a bare domain means all of it",          \
		"发件人;\"*\" 为通配符,只写域名表示整个域"},                                       \
		{"to", "ADDRESS", "recipient, likewise", "收件人,同上"},                           \
		{"domain", "DOMAIN", "domain of the recipient; \"*\" is a wildcard",               \
			"收件人的域;\"*\" 为通配符"},                                              \
		{"older", "AGE", "arrived longer ago: 90s, 15m, 2h, 3d, or a time",                \
			"早于此时长(90s、15m、2h、3d)或时间"},                                     \
		{"newer", "AGE", "arrived since", "晚于此时长或时间"},                             \
		{"reason", "TEXT", "the last failure contains this", "上次失败原因包含此文字"},    \
		{"dest", "TEXT", "the destination contains this (smtp:example.com, backend:NAME)", \
			"目的地包含此文字(smtp:example.com、backend:名称)"},                       \
		{"state", "STATE", "waiting, deferred (tried before) or held",                     \
			"waiting(等待)、deferred(已试过)或 held(暂停)"},                           \
	{                                                                                          \
		"priority", "WHICH", "urgent, normal or bulk", "urgent、normal 或 bulk"          \
	}

/* From options and positional IDs ("ID" or "ID/RECIPIENT"). CLI_OK, or an exit code after a
 * complaint. *ret_any: nothing restricts it. */
int queue_pick_parse(struct cli_call *c, struct arena *a, struct queue_pick *ret, bool *ret_any);
/* Calls row for each match, until false or `most`. */
int queue_pick_each(struct sql *db, const struct queue_pick *p, uint64_t most,
	bool (*row)(void *arg, const struct queue_row *r), void *arg, struct err *e);

const char *queue_priority_name(int priority);
/* hold, release, retry, bounce, delete */
int queue_hold(struct cli_call *c);
int queue_release(struct cli_call *c);
int queue_retry(struct cli_call *c);
int queue_bounce(struct cli_call *c);
int queue_delete(struct cli_call *c);
int queue_show(struct cli_call *c);

/* The events of a timeline, for people; starts of lines by `indent`. */
void timeline_print(slice log, const char *indent, struct signal_words *w);
/* cli_explain.c: what the reason code at the end of a reply means; NULL: it has none. */
const char *reason_in_words(slice reply);
void timeline_json(struct json *j, const char *key, slice log);
