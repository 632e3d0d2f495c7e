/*
 * features: packs of what detects (feature/feature.h) in a running server: rules, allow and block entries, the base
 * model, fingerprints, YARA rules, signatures of ClamAV, signed and versioned, made by the maker of the product or by
 * the site itself for its other machines; installed from a directory or URL on a schedule, or offline from a file. Of
 * each name one version is in force; those before it are kept for going back.
 *
 *	features_conf.c		[features]
 *	features_check.c	whether what a pack holds can be used at all
 *	features_install.c	a pack becomes a version; versions come into force, also backwards
 *	features_role.c		the process: what is wanted is tried, taken into force, its effects made true
 *	features_source.c	it looks for newer packs
 *	features_trial.c	it counts where a new version judges otherwise (the canary)
 *	features_apply.c	entries of lists, fingerprints, signatures of others
 *	features_wire.c		what the edges tell
 *	master_features.c	the master gives scan processes what is in force
 *	edge_trial.c		the edges have a sample of mail judged by the version that is tried
 *	cli_features*.c		the command line
 *
 * A new version is tried first: one scan process more judges by it a sample of the mail that the others judge by the
 * version in force. When too many verdicts differ it is not taken into force, and the administrator is told.
 */
#pragma once
#include "bin/config.h"
#include "feature/feature.h"

struct link;

enum features_quiet { FEATURES_QUIET_INSTALL, FEATURES_QUIET_WAIT };
struct features_conf {
	slice source; /* directory, or https URL of an index; empty: none */
	int64_t every;
	struct conf_list keys, revoked;
	bool automatic, canary;
	int64_t canary_letters, canary_time, canary_differ; /* percent */
	int canary_quiet; /* enum features_quiet */
	int64_t keep;
	slice clamav; /* directory for signatures; empty: not installed */
	slice clamd; /* address that is told RELOAD; empty: nobody */
};
extern const struct conf_section features_section;

/* The keys whose packs are taken: of the configuration and introduced by packs, without the revoked ones. ERR_TEMP:
 * what packs introduced cannot be read. */
int features_trusted(
	const struct features_conf *c, slice data, struct feature_keys *ret, struct err *e);

/* The base model of the packs in force, as a memory file; -1: the shipped one is. */
int features_model(slice data, int *ret_fd, struct err *e);

/* ---- features_check.c ---- */

/* Everything in it can be used by this program: rules (together with the shipped ones), model, entries, fingerprints.
 * compile: rules also become what is run, which takes a second. ERR_PROTO with a sentence. */
int features_check(const struct feature_pack *p, bool compile, struct err *e);
/* The allow and block entries of a file. *ret_bad: the line that is none. */
struct lists_entry;
int features_entries(slice pack, slice text, struct arena *a, struct lists_entry **ret,
	size_t *ret_n, struct err *e);
/* "text 0123456789abcdef bad 5": a fingerprint and the weight of what is known of it. */
struct features_print {
	struct fingerprint print;
	bool bad;
	double weight;
};
int features_prints(
	slice text, struct arena *a, struct features_print **ret, size_t *ret_n, struct err *e);

/* ---- features_install.c; blocks, under the lock of the depot ---- */

/* Stores a pack that was verified; nothing of it is in force yet. `again`: an administrator wants a serial that was
 * here before (never one below). ERR_EXISTS: that serial was here; ERR_DENIED: an older one. */
int features_store(slice data, const struct feature_pack *p, bool again, slice by,
	uint64_t *ret_number, struct err *e);
/* What changes when `set` comes into force in place of what is: names of rules added, removed, changed, into an
 * object of the history. */
struct json_t *features_difference(
	slice data, const struct feature_set *was, const struct feature_set *is);
/* "what" with who, which version; takes `more` (may be NULL). */
int features_tell(slice data, const char *what, uint64_t number, slice by, struct json_t *more,
	struct err *e);
/* Removes versions beyond `keep` of each name that are neither in force, tried, nor the one before. */
int features_trim(slice data, int64_t keep, struct err *e);
/* The set that was in force before the present one, by the history. ERR_NOTFOUND. */
int features_before(slice data, struct feature_set *ret, struct err *e);
/* Makes `set` the one in force on disk and tells the history. */
int features_take(slice data, const struct feature_set *set, const char *what, uint64_t number,
	slice by, struct json_t *more, struct err *e);

/* ---- the trial (features_trial.c) ---- */

struct features_counts {
	uint64_t letters, more_spam, less_spam, failed;
	double moved; /* sum of differences of probabilities */
	int64_t took, took_trial; /* usec, all together */
};
enum features_judgement { FEATURES_GO_ON, FEATURES_TAKE, FEATURES_TAKE_QUIET, FEATURES_REFUSE };
enum {
	FEATURES_FEW = 20 /* letters: fewer say little */,
	FEATURES_SLOWER = 5,
	FEATURES_EXAMPLES = 10
};
/* *ret_why: why it is refused. */
enum features_judgement features_judge(const struct features_counts *k,
	const struct features_conf *c, int64_t elapsed, const char **ret_why);

/* ---- what an edge tells of one letter (features_wire.c) ---- */

struct features_result {
	uint64_t id; /* message */
	bool failed; /* the process of the trial gave no answer */
	bool spam, spam_trial;
	float p, p_trial;
	uint32_t took, took_trial; /* usec */
	slice rules; /* names that only one of them found, "+new -old" */
};
enum { FEATURES_RULES_MAX = 400 /* bytes of it */ };
void features_result_encode(struct buf *out, const struct features_result *r);
bool features_result_decode(slice in, struct features_result *ret); /* borrows */

/* ---- features_source.c ---- */

/* One entry of an index. */
struct features_offer {
	slice name, version, file;
	uint64_t serial, size;
};
enum { FEATURES_OFFERS_MAX = 200, FEATURES_INDEX_MAX = 256 << 10 };
/* {"packs": [{"name", "version", "serial", "file", "size"}]}; nobody signs it: it only says what to look at. */
int features_index_read(
	slice json, struct arena *a, struct features_offer **ret, size_t *ret_n, struct err *e);
void features_index_write(const struct features_offer *v, size_t n, struct buf *out);
