/* What local_scripts*.c share: carrying out what people's scripts want of one letter. Nobody else includes this. */
#pragma once
#include "mail/local_impl.h"
#include "mail/scripts_run.h"

enum {
	SCRIPTS_EVENTS_MAX = 8 * 1024, /* bytes of a timeline */
	SCRIPTS_FAULTS_MAX = 8, /* that are told of one letter */
	SCRIPTS_REMEMBER_MAX_S = 90 * 86400, /* for so long at most keys are remembered */
};

struct scripts_made { /* a version of the letter that is stored */
	size_t edits;
	struct local_version version;
};
struct carry {
	struct job *j;
	const struct queue_rcpt *r;
	const struct rcpt_answer *answer;
	const struct delivery_wishes *w;
	const struct scripts_judge *judge;
	const struct scripts_conf *conf;
	const struct script_set *set;
	struct settle_rcpt *v;
	struct scripts_case *c;
	struct scripts_verdict verdict;
	slice letter; /* as the scripts saw it; its own memory */
	bool cut; /* it has more */
	struct scripts_facts facts;
	int64_t now;

	struct local_places *places;
	struct settle_extra *extra; /* with room for all */
	struct scripts_made versions[SCRIPTS_LETTERS_MAX];
	size_t nversions;
	struct buf events;
	unsigned redirected; /* addresses */
	bool ruled; /* what is to be sent was sent, while there was no room (MSG_RULED) */
	bool rejected, answered, discarded;
	slice reason; /* rejected */
};

/* One line of the timeline; texts may be empty. */
void scripts_event(
	struct carry *k, const struct sieve_action *x, const char *action, slice to, slice why);
/* Its owner is told what is wrong with it. */
void scripts_fault(struct carry *k, const struct sieve_action *x, slice en, slice zh);
/* Said by one of the administrator's scripts? */
bool scripts_is_systems(const struct script_set *set, slice script);
/* The letter goes home, too, if it went nowhere. */
void scripts_keep(struct carry *k, const struct sieve_action *x);

/* gc leaves it alone until blob_settle. In a coroutine. */
int scripts_hold(struct job *j, blob_id id, struct err *e);
/* A blob on stable storage, held. In a coroutine. */
int scripts_store(
	struct job *j, slice header, slice body, blob_id *ret, uint64_t *ret_size, struct err *e);
/* The version of the letter with these edits; NULL in *ret: as it came. */
int scripts_version(struct carry *k, size_t edits, const struct local_version **ret, struct err *e);

/* ---- local_scripts_send.c; -1: later ---- */

int scripts_redirect(struct carry *k, const struct sieve_action *x, struct err *e);
int scripts_notify(struct carry *k, const struct sieve_action *x, struct err *e);
int scripts_vacation(struct carry *k, const struct sieve_action *x, struct err *e);
/* Whether its sender may be told anything by a machine; else why not. */
const char *scripts_why_not_told(const struct carry *k);
