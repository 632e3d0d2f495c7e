/*
 * scripts_run: scripts over one letter, from local delivery's side: what they are told is gathered, a scan process (or a test) runs
 * them, what they ask is answered and they run again. What they want is carried out by local_scripts.c.
 *
 *	scripts_conf.c	section [sieve]
 *	scripts_facts.c	what the letter's timeline says of it
 *	scripts_run.c	rounds of questions
 */
#pragma once
#include "mail/scripts_case.h"
#include "run/conf.h"
#include "store/mailbox.h"
#include "store/queue.h"

struct scripts_conf {
	bool enabled, make_folders;
	int64_t time, steps, memory, actions, redirects, redirects_day, notices, notices_day;
	struct conf_list webhook_hosts;
	bool webhook_private;
	int64_t vacation_min, vacation_max;
};
extern const struct conf_section scripts_section;
struct sieve_limits scripts_limits(const struct scripts_conf *c);
/* May `notify` reach this URL? */
bool scripts_may_reach(const struct scripts_conf *c, slice url);

/* Lists of RFC 6134: groups of the directory, by address. */
#define SCRIPTS_GROUP_URN "urn:posthouse:group:"

enum scripts_deed { SCRIPTS_REDIRECTS, SCRIPTS_NOTICES, SCRIPTS_DEEDS };

/* Who knows and does what rules need: the queue process, or a test. All in coroutines. */
struct scripts_judge {
	/* What runs over this account's mail; lent until `drop`. */
	int (*scripts)(void *arg, int64_t account_id, const struct script_set **ret, struct err *e);
	void (*drop)(void *arg, const struct script_set *s);
	/* One run. -1: ERR_PERM: it cannot be run, now or later; else: later. */
	int (*run)(void *arg, const struct scripts_case *c, slice message, struct arena *a,
		struct scripts_verdict *ret, struct err *e);
	int (*folders)(void *arg, int64_t account_id, struct arena *a, struct sieve_folder **ret,
		size_t *ret_n, struct err *e);
	int (*seen)(void *arg, const struct mailbox_seen *s, int64_t since, struct err *e);
	/* 1, 0: there is none, -1. `folder` empty: of the account. */
	int (*metadata)(void *arg, int64_t account_id, slice folder, slice entry, struct arena *a,
		slice *ret, struct err *e);
	/* Is this address in that list? Empty: is there such a list? 1, 0, -1. */
	int (*listed)(void *arg, int64_t account_id, slice list, slice address, struct err *e);
	/* Who is in it. 0 also when there is no such list. */
	int (*members)(void *arg, int64_t account_id, slice list, struct arena *a, slice **ret,
		size_t *ret_n, struct err *e);
	/* So many more within the day? Counts them if so. */
	bool (*may)(void *arg, int64_t account_id, enum scripts_deed deed, unsigned n);
	void *arg;
	uint64_t letter_max; /* bytes of a letter that are looked at */
};

/* What the timeline says. */
struct scripts_facts {
	float spam; /* below 0: was not judged */
	int virus; /* as sieve_input's */
	bool proven; /* its sender is who he says: ours, or SPF or DMARC passed */
};
void scripts_facts_read(const struct queue_msg *m, struct scripts_facts *ret);

struct scripts_ask {
	int64_t account_id;
	const struct queue_msg *m;
	const struct queue_rcpt *r;
	const struct script_set *set;
	slice letter; /* as it would be delivered, at most letter_max bytes */
	slice home, host;
	int zone;
	const struct scripts_conf *conf;
};
/* 0, also when the scripts failed (the verdict says so). -1 as `run` of the judge. All from *a, which must outlive the verdict. */
int scripts_judge_letter(const struct scripts_judge *judge, const struct scripts_ask *q, struct arena *a,
	struct scripts_case *ret_case, struct scripts_verdict *ret, struct err *e);
