/*
 * cli_quarantine: what the files of `posthouse quarantine` share.
 *
 *	cli_quarantine.c		the table of verbs; list
 *	cli_quarantine_pick.c		which messages are meant: ids and filters
 *	cli_quarantine_tools.c		reading messages, teaching, waking the server
 *	cli_quarantine_show.c		show
 *	cli_quarantine_change.c		release, delete, approve, refuse, ask, forward: one or many
 *	cli_quarantine_undo.c		undo, operations
 *	cli_quarantine_view.c		preview, download
 *	cli_quarantine_export.c		export: CSV, xlsx
 */
#pragma once
#include "bin/cli_env.h"
#include "bin/cli_words.h"
#include "bin/quarantine_act.h"

enum { HELD_IDS_MAX = 1000 };

struct held_pick {
	struct quarantine_filter filter;
	msg_id *ids;
	int32_t *idx; /* of one recipient, or -1: all of the message */
	int nids;
	bool likely; /* the least probable first */
};
#define HELD_OPTIONS                                                                               \
	{"from", "ADDRESS", "sender; \"*\" is a wildcard, a bare domain means all of it",          \
		"发件人；\"*\" 为通配符，只写域名表示整个域"},                                     \
		{"to", "ADDRESS", "recipient, likewise", "收件人，同上"},                          \
		{"subject", "TEXT", "the subject contains this", "主题包含此文字"},                \
		{"signal", "NAME", "this signal or rule spoke about it", "触发了此信号或规则"},    \
		{"policy", "NAME", "this policy decided", "由此策略决定"},                         \
		{"virus", "TEXT", "what engines found contains this; \"*\": anything",             \
			"引擎发现的病毒名包含此文字；\"*\" 表示任意"},                             \
		{"class", "CLASS", "spam, bulk, suspicious, phishing, high-phishing, virus ...",   \
			"类别：spam、bulk、suspicious、phishing、high-phishing、virus 等"},        \
		{"kind", "KIND", "held (default), rejected, original, recent or all",              \
			"held（扣留，默认）、rejected、original、recent 或 all"},                  \
		{"state", "STATE",                                                                 \
			"waits, asked, released, deleted, refused, expired, discarded or any",     \
			"waits、asked、released、deleted、refused、expired、discarded 或 any"},    \
		{"direction", "WHICH", "in, out or internal", "in、out 或 internal"},              \
		{"since", "WHEN", "held since: 2h, 3d, 2026-11-22T09:00", "此后扣留"},             \
		{"until", "WHEN", "held before", "此前扣留"},                                      \
		{"least", "P", "probability at least this, 0 to 1", "概率不低于（0 到 1）"},       \
	{                                                                                          \
		"most", "P", "probability at most this", "概率不高于"                         \
	}

/* From options and positional IDs ("ID" or "ID/RECIPIENT"). `state`: when --state is not given (-1: any).
 * *ret_any: nothing restricts it. *ret_query: for the record of what was done, from *a. */
int held_pick_parse(struct cli_call *c, int state, struct arena *a, struct held_pick *ret,
	bool *ret_any, slice *ret_query);
/* Calls row for each match, until false or `most`. */
int held_pick_each(struct sql *db, const struct held_pick *p, uint64_t most,
	bool (*row)(void *arg, const struct quarantine_row *r), void *arg, struct err *e);
int held_pick_count(struct sql *db, const struct held_pick *p, uint64_t *ret, struct err *e);
int held_parse_id(slice text, msg_id *ret_id, int32_t *ret_idx);

const char *held_kind_name(enum quarantine_kind k);
const char *held_kind_text(enum quarantine_kind k); /* in the language chosen */
const char *held_state_text(enum quarantine_state s);
/* The strongest signals in words, "；" between; from *a. */
slice held_reasons(struct signal_words *w, slice signals, unsigned most, struct arena *a);

/* The hands of the command line: env's queue database and store. */
struct held_tools {
	struct cli_env *env;
	struct blobs *blobs; /* opened when needed */
	uint64_t queued, taught; /* what a running server is told of at the end */
};
struct quarantine_hands held_hands(struct held_tools *t, struct sql *queue);
void held_tools_done(struct held_tools *t);
/* The whole message as it came: prefix and bytes. */
int held_read(struct held_tools *t, const struct quarantine_msg *m, struct buf *out, struct err *e);

/* Where `address` goes now (mail/route.h), for --to. ERR_NOTFOUND: nowhere. */
int held_route(struct cli_env *env, slice address, struct arena *a, slice *ret_dest, struct err *e);

int held_show(struct cli_call *c);
int held_release(struct cli_call *c);
int held_delete(struct cli_call *c);
int held_approve(struct cli_call *c);
int held_refuse(struct cli_call *c);
int held_ask(struct cli_call *c);
int held_forward(struct cli_call *c);
int held_undo(struct cli_call *c);
int held_operations(struct cli_call *c);
int held_preview(struct cli_call *c);
int held_download(struct cli_call *c);
int held_export(struct cli_call *c);
