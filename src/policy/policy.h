/*
 * policy: what happens to a letter. The checks say what it is (signals, a probability, viruses, files);
 * policies, which are data that an administrator writes, alone decide what follows from that, for each
 * recipient by himself. Pure: no I/O, no clock; the same code decides in the edge, in `posthouse policy
 * test` and in the dry run over recent traffic.
 *
 *	facts.c		what is known of a letter; as JSON, for keeping
 *	classify.c	facts -> class (spam, phishing, virus ...) by the thresholds
 *	document*.c	the text of the policies -> struct policy_set, with all its mistakes
 *	match*.c	does a policy's condition hold
 *	decide.c	facts and a recipient -> a decision
 *	decision.c	comparing decisions, and one line of text for each
 *
 * Policies are tried in their order. Each that matches adds what it does; the first that says how the
 * letter ends (deliver, junk, quarantine, reject ...) ends it, unless it says `continue`: then a later
 * one may say otherwise. When none does, the thresholds of [filter] hold, as the last policies of all.
 *
 * What no policy does by accident: letters with a virus, and letters that should have been examined
 * and were not, reach a reader only by a policy that speaks of viruses (or of examination) itself;
 * letters of allowed senders are never of the classes spam, phishing and suspicious, and meet
 * conditions on probability and score only when the policy speaks of `allowed`. What is addressed to
 * those who take complaints (`spared`) is never refused: it is held instead.
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
	unsigned depth; /* 0: an attachment; else inside of one, behind which it stands */
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
	bool examined;
	bool limited; /* examined, but a limit was reached inside */
	bool too_large; /* only its beginning was examined */
	slice why_unexamined; /* empty and not examined: nobody wanted it to be */
	bool unavailable; /* not examined because no scan process had time: [filter] unavailable */
	bool allowed; /* an allow list or what stands for one speaks for it */
	bool spared; /* all its recipients take complaints, or are traps */
	slice virus; /* what engines found, "ClamAV: Win.Test.EICAR_HDB-1"; empty: nothing */
	slice engine_down; /* engines that should have looked and could not */
	bool engine_holds, engine_defers; /* what they demand then */
	const struct policy_file *files;
	size_t nfiles;
	/* Probability with another sum of scores (policies may leave out families of checks); NULL: it is
	 * estimated. */
	double (*probability_of)(void *arg, double score);
	void *arg;
	/* What an address belongs to in the directory (directory_find_belonging); asked for when
	 * policy_asks_directory() alone. NULL: nobody belongs to anything. Memory from *a or longer. */
	slice (*belonging_of)(void *arg, slice address, struct arena *a);
	void *directory;
};
enum {
	POLICY_HEADER_KEPT = 8 << 10, /* bytes of the header that facts keep */
	POLICY_FILES_MAX = 200, /* more are not looked at */
	POLICY_FACTS_MAX = 128 << 10, /* of their JSON */
};
/* Facts are kept as one line of JSON: the header shortened, details of signals left out. */
void policy_facts_print(struct buf *out, const struct policy_facts *f);
/* False: no facts. All memory from *a, nothing borrowed. */
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
	enum quarantine_class class; /* of the letter; held: the one it is held under */
	slice policy; /* that decided the end; empty: thresholds */
	slice reason; /* in a few words, English: "probability 0.996 from 0.990 on (quarantine)" */
	double probability, score; /* as this recipient's policies count them */
	bool mark; /* X-Spam-Flag: YES */
	slice subject_tag; /* put before the subject; empty: none */
	const slice *fields; /* "Name: value" to be added */
	size_t nfields;
	struct policy_text banner, disclaimer; /* on top, at the end of the text */
	enum policy_strip strip;
	const bool
		*stripped; /* one a file of the facts: attachments (depth 0) to be taken out; NULL:
				 none */
	size_t nfiles; /* of the facts */
	struct policy_text strip_notice; /* stands in its place; empty: the usual one */
	bool clean; /* take out what engines call infected; when that fails: quarantine as virus */
	const slice *copies, *supervisors, *forwards, *approvers;
	size_t ncopies, nsupervisors, nforwards, napprovers;
	bool tell_sender, tell_rcpt; /* that it is held */
	int64_t delay; /* usec; 0 none */
	int code; /* REJECT, DEFER */
	slice status, reply; /* "5.7.1", text; reply empty: the usual one */
	bool keep_copy; /* REJECT: a copy into the quarantine */
	slice why[POLICY_WHY_MAX]; /* names of all policies that had a part in it */
	unsigned nwhy;
};
/* The same for both recipients: one message will do. */
bool policy_same(const struct policy_decision *a, const struct policy_decision *b);
const char *policy_end_name(enum policy_end e); /* "deliver" ... */

/* What is done, on one line: "quarantine class=spam", "deliver mark banner copy=a@example.com". Equal
 * lines: nothing that people notice differs. */
void policy_decision_print(struct buf *out, const struct policy_decision *d);
/* What was decided for recipients, kept with the facts: a line each. */
struct policy_decided {
	slice rcpt;
	enum policy_direction direction; /* for this recipient */
	slice done; /* policy_decision_print */
	slice policy;
};
void policy_decided_add(struct buf *out, slice rcpt, enum policy_direction direction,
	const struct policy_decision *d);
bool policy_decided_next(slice *text, struct policy_decided *ret);

/* ---- the document ---- */

enum {
	POLICY_DOCUMENT_MAX = 1 << 20, /* bytes */
	POLICY_POLICIES_MAX = 500,
	POLICY_GROUPS_MAX = 1000,
	POLICY_MEMBERS_MAX = 50000, /* words of addresses, all together */
	POLICY_WORDS_MAX = 1000, /* of other conditions, one key */
	POLICY_TEXT_MAX = 4000, /* bytes of a banner, disclaimer, notice */
	POLICY_REPLY_MAX = 400,
	POLICY_TAG_MAX = 60,
	POLICY_SIGNALS_MAX = 2000, /* different names of signals, all together */
	POLICY_GROUP_DEPTH = 8,
};

struct policy_set;
struct policy_thresholds { /* [filter]; 2 is never */
	double mark, junk, quarantine, reject; /* mail from outside */
	double own_mark, own_junk, own_quarantine, own_reject;
	double suspicious, sure; /* sure: high confidence */
	bool defer_unavailable, hold_large; /* what could not be examined */
};
/* Mistakes, all of them, as lines for people, in the language asked for. -1: ERR_PERM. The set owns
 * its memory; errors live in *a. Includes are not followed. Runs in any thread. */
int policy_parse(slice text, slice name, enum conf_lang lang, struct arena *a,
	struct policy_set **ret, struct conf_errors *ret_errors, struct err *e);
/* What is allowed and probably not meant; lives as long as the set. */
struct conf_errors policy_warnings(const struct policy_set *s);
size_t policy_count(const struct policy_set *s);
/* Some condition speaks of organisations, classes, departments or groups of the directory. NULL is fine. */
bool policy_asks_directory(const struct policy_set *s);
/* Born with one user; the last release frees it. One thread at a time. NULL is fine. */
const struct policy_set *policy_hold(const struct policy_set *s);
void policy_release(const struct policy_set *s);
static inline void auto_policy_set(const struct policy_set **s)
{
	policy_release(*s);
}

enum quarantine_class policy_classify(
	const struct policy_facts *f, const struct policy_thresholds *t);
/* s NULL: thresholds alone. Strings and arrays from *a or borrowed from s and f. */
void policy_decide(const struct policy_set *s, const struct policy_thresholds *t,
	const struct policy_facts *f, slice rcpt, struct arena *a, struct policy_decision *ret);
