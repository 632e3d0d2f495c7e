/*
 * signal: what the checks find out, in one vocabulary. Every check yields named signals, each with
 * a score (positive: speaks against the mail; negative: for it) and a sentence that a person
 * understands, in English and Chinese. Whoever decides adds them up; the trace keeps them, so that
 * a decision can be explained later.
 *
 * The table of all signals is signal_table.h, one line each.
 */
#pragma once
#include "base/arena.h"
#include "base/buf.h"
#include "codec/authres.h"

enum signal_stage {
	SIGNAL_CONNECT,
	SIGNAL_HELO,
	SIGNAL_MAIL,
	SIGNAL_RCPT,
	SIGNAL_DATA,
	SIGNAL_CONTENT
};

enum signal_id {
#define SIGNAL(id, name, stage, score, en, zh) SIGNAL_##id,
#include "codec/signal_table.h"
#undef SIGNAL
	SIGNALS_KNOWN
};

struct signal_def {
	const char *name; /* "spf-fail": in the configuration, the trace, the command line */
	enum signal_stage stage;
	float score; /* default */
	const char *en, *zh; /* what it means; the detail is shown behind it */
	const char *class; /* of rules: spam, phishing, fraud ..., for policies; else NULL */
};
const struct signal_def *signal_def(enum signal_id id);
bool signal_by_name(slice name, enum signal_id *ret);
enum signal_id signal_of_spf(enum auth_result r);

enum { SIGNALS_MAX = 200, SIGNAL_DETAIL_MAX = 200 };

struct signal {
	const struct signal_def *def;
	float score;
	slice detail; /* "192.0.2.1 in zen.example (127.0.0.4)", may be empty */
};
/* Signals of one connection or message. */
struct signals {
	struct arena *mem; /* of the details */
	const float *scores; /* by id, from the configuration; NULL: defaults */
	struct signal v[SIGNALS_MAX];
	unsigned n;
};
/* A signal given twice counts once, with the larger score and the first detail. weight multiplies
 * the configured score (a list's own weight; usually 1). Above SIGNALS_MAX they are dropped. */
void signals_add(struct signals *s, enum signal_id id, float weight, slice detail);
/* One that is not in the table: a rule's (content/rules.h). `def` lives as long as *s. */
void signals_add_def(struct signals *s, const struct signal_def *def, float score, slice detail);
bool signals_has(const struct signals *s, enum signal_id id);
bool signals_has_name(const struct signals *s, slice name);
double signals_score(const struct signals *s);
/* "spf-fail=2.5 dnsbl=4.0(zen.example 127.0.0.4) ...", largest first: for traces and logs. */
void signals_print(struct buf *out, const struct signals *s);
/* Cuts one off the front of such a text, for explaining it. */
bool signals_next(slice *text, slice *ret_name, double *ret_score, slice *ret_detail);
