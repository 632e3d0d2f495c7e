/*
 * policy: what happens to a letter. The checks say what it is (signals, a probability, viruses, files);
 * policies, which are data that an administrator writes, alone decide what follows from that, for each
 * recipient by himself. Pure: no I/O, no clock; the same code decides in the edge, in `posthouse policy
 * test` and in the dry run over recent traffic.
 *
 *	facts.c		what is known of a letter; as JSON, for keeping
 *	classify.c	facts -> class (spam, phishing, virus ...) by the thresholds
 *	document*.c	the text of the policies -> struct policy_set, with all its mistakes
 *	decide.c	facts and a recipient -> a decision
 *
 * Policies are tried in their order. Each that matches adds what it does; the first that says how the
 * letter ends (deliver, junk, quarantine, reject ...) ends it, unless it says `continue`. When none
 * does, the thresholds of [filter] hold, as the last policies of all.
 */
#pragma once
#include "codec/filetype.h"
#include "codec/signal.h"
#include "run/conf.h"
#include "store/quarantine.h"

enum policy_direction {
	POLICY_IN = 1,
	POLICY_OUT = 2,
	POLICY_INTERNAL = 4
}; /* bits; numbers are stored */

struct policy_file {
	slice name; /* UTF-8 */
	enum filetype type; /* what it truly is */
	uint64_t size;
	unsigned facts; /* enum extract_fact */
	unsigned depth; /* 0: an attachment; else inside of one */
	unsigned part; /* index in mime_parse(message) of the part that it is, or is inside of */
};

struct policy_facts {
	enum policy_direction direction;
	int64_t at; /* wall */
	slice client_ip, client_name, login;
	slice sender; /* envelope */
	slice from; /* address of From: */
	slice subject; /* decoded */
	slice header; /* raw, as it came; shortened when kept */
	uint64_t size;
	unsigned rcpts;
	const struct signals *signals; /* all; never NULL */
	double probability, score;
	unsigned bulk; /* 0..100 */
	bool examined, limited,
		allowed; /* allowed: an allow list or what stands for one speaks for it */
	bool too_large; /* for being examined whole */
	slice why_unexamined;
	slice virus; /* what engines found, "ClamAV: Win.Test.EICAR_HDB-1"; empty: nothing */
	slice engine_down; /* engines that should have looked and could not; `hold` among what they demand */
	bool engine_holds;
	const struct policy_file *files;
	size_t nfiles;
	/* Probability with another sum of scores (policies may leave out families of checks); NULL: it is
	 * estimated. */
	double (*probability_of)(void *arg, double score);
	void *arg;
};
/* Facts travel and are kept as one line of JSON; reading borrows from *j. */
void policy_facts_print(struct buf *out, const struct policy_facts *f);
bool policy_facts_read(slice json, struct arena *a, struct policy_facts *ret);

enum policy_end { /* how it ends for a recipient */
	POLICY_DELIVER,
	POLICY_JUNK, /* into the junk folder; behind us: marked, so that the backend files it */
	POLICY_QUARANTINE,
	POLICY_APPROVE, /* held until somebody approves */
	POLICY_REJECT, /* 5xx in the session */
	POLICY_BOUNCE, /* accepted, a bounce is sent */
	POLICY_DISCARD, /* accepted, not delivered, nobody is told; kept for the administrator as discarded */
	POLICY_FORWARD, /* to others instead of the recipient */
	POLICY_DEFER, /* 4xx: try again later */
};
enum policy_strip { /* which files are taken out */
	POLICY_STRIP_NONE,
	POLICY_STRIP_MATCHED, /* those that made the policy match */
	POLICY_STRIP_ALL,
};
struct policy_text { /* shown to readers; both languages where the policy gives both */
	slice en, zh;
};
enum { POLICY_WHY_MAX = 16, POLICY_ADDRESSES_MAX = 50 };
struct policy_decision {
	enum policy_end end;
	enum quarantine_class class
		; /* of the letter; for QUARANTINE, APPROVE: that it is held under */
	slice policy; /* that decided the end; empty: thresholds */
	bool mark; /* X-Spam-Flag: YES */
	slice subject_tag; /* put before the subject; empty: none */
	const slice *fields; /* "Name: value" to be added */
	size_t nfields;
	struct policy_text banner, disclaimer; /* on top, at the end of the text */
	enum policy_strip strip;
	const bool *stripped; /* one a file of the facts: taken out */
	struct policy_text strip_notice; /* stands in its place; empty: the usual one */
	bool clean; /* take out what engines call infected; when that fails: quarantine as virus */
	slice *copies, *supervisors, *forwards, *approvers;
	size_t ncopies, nsupervisors, nforwards, napprovers;
	bool tell_sender, tell_rcpt; /* that it is held */
	int64_t delay; /* usec; 0 none */
	int code; /* REJECT, DEFER */
	slice status, reply; /* "5.7.1", text */
	bool keep_copy; /* REJECT: a copy into the quarantine */
	slice why[POLICY_WHY_MAX]; /* names of all policies that had a part in it */
	unsigned nwhy;
};
/* The same for both recipients: one message will do. */
bool policy_same(const struct policy_decision *a, const struct policy_decision *b);

/* ---- the document ---- */

struct policy_set;
struct policy_thresholds { /* [filter]; 2 is never */
	double mark, quarantine, reject, own_mark, own_quarantine, own_reject;
	double suspicious, sure; /* sure: high confidence */
};
/* `groups` are sections of the text. Mistakes, all of them, as lines for people. -1: ERR_PERM. */
int policy_parse(slice text, slice name, enum conf_lang lang, struct arena *a,
	struct policy_set **ret, struct conf_errors *ret_errors, struct err *e);
void policy_free(struct policy_set *s); /* NULL is fine */

enum quarantine_class policy_classify(
	const struct policy_facts *f, const struct policy_thresholds *t);
/* s NULL: thresholds alone. Strings and arrays from *a or borrowed from s and f. */
void policy_decide(const struct policy_set *s, const struct policy_thresholds *t,
	const struct policy_facts *f, slice rcpt, struct arena *a, struct policy_decision *ret);
const char *policy_end_name(enum policy_end e); /* "deliver" ... */
