/*
 * The quarantine: messages that are kept and not delivered (or kept beside what was delivered), one
 * object a message with a state for each recipient. In the queue's database, so that a message moves
 * between queue and quarantine in one transaction: held exactly once, released exactly once.
 *
 * What came is never changed: blob and prefix are those of the arrival. Two things are never mixed up:
 * what is *held* (we answered 250, nobody was told) and the *copy of what was rejected* (the sender
 * got 5xx).
 *
 * Writers: edge adds; whoever may acts (bin/quarantine_act.h); keeper lets expire. Functions named
 * *_tx run inside a transaction (commit_fn).
 */
#pragma once
#include "store/queue.h"

enum quarantine_kind { /* numbers are stored */
	QUARANTINE_HELD = 1, /* accepted, not delivered */
	QUARANTINE_REJECTED = 2, /* a copy; the sender was told that it was refused */
	QUARANTINE_ORIGINAL = 3, /* delivered in a changed form; this is how it came */
	QUARANTINE_RECENT = 4, /* delivered as it came; kept for looking at it once more */
};
enum quarantine_class { /* numbers are stored */
	QUARANTINE_NONE = 0,
	QUARANTINE_SPAM = 1,
	QUARANTINE_BULK = 2,
	QUARANTINE_SUSPICIOUS = 3,
	QUARANTINE_PHISHING = 4,
	QUARANTINE_PHISHING_SURE = 5, /* high confidence */
	QUARANTINE_VIRUS = 6,
	QUARANTINE_POLICY = 7, /* a rule of the organisation */
	QUARANTINE_APPROVAL = 8, /* waits for somebody's yes */
	QUARANTINE_UNEXAMINED = 9, /* could not be examined */
	QUARANTINE_CLASSES
};
/* "spam", "high-phishing" ...: configuration, command line; and for people. */
const char *quarantine_class_name(enum quarantine_class c);
const char *quarantine_class_text(enum quarantine_class c, bool chinese);
bool quarantine_class_parse(slice s, enum quarantine_class *ret);

enum quarantine_state { /* of a recipient; numbers are stored */
	QUARANTINE_WAITS = 0,
	QUARANTINE_ASKED = 1, /* its recipient asked for it */
	QUARANTINE_RELEASED = 2,
	QUARANTINE_DELETED = 3, /* by a person; until it expires it can be taken back */
	QUARANTINE_REFUSED = 4, /* whoever was to approve said no */
	QUARANTINE_EXPIRED = 5,
	QUARANTINE_DISCARDED = 6, /* by policy, never shown to its recipient */
};
const char *quarantine_state_name(enum quarantine_state s);

struct quarantine_rcpt {
	int32_t idx;
	slice address; /* as the sender wrote it */
	slice orcpt;
	unsigned notify;
	slice dest; /* where it would have gone (mail/route.h); asked again at release */
	enum quarantine_state state;
	int64_t changed_at;
	slice by; /* who brought it into this state */
	msg_id released_as; /* the queued message, in which it has the same idx; 0 none. Of
				QUARANTINE_RECENT: the one that was delivered */
	slice log; /* timeline of what was done with it (store/trace.h); empty when added */
};

struct quarantine_msg {
	/* sender, blob, size, prefix, flags, arrived_at, envid, auth, client, log, message_id,
	 * subject as in the queue; id is its own; rcpts is not used. */
	struct queue_msg msg;
	msg_id origin; /* id that the sender was told; that of msg when it was not split */
	enum quarantine_kind kind;
	enum quarantine_class class;
	int direction; /* enum policy_direction */
	double probability; /* of being unwanted */
	double score; /* sum of the signals */
	slice from; /* "Name <address>", decoded, shortened */
	slice policy; /* name of the policy that decided */
	int64_t policy_version;
	slice signals; /* as signals_print writes them; each is found by its name */
	slice virus; /* names that engines gave, or empty */
	slice text; /* beginning of the visible text, for lists */
	const slice *approvers; /* APPROVAL: addresses */
	size_t napprovers;
	int64_t held_at, expires_at; /* wall; then it leaves, whatever became of it */
	struct quarantine_rcpt *rcpts;
	size_t nrcpts;
};

enum {
	QUARANTINE_APPROVERS_MAX = 50,
	QUARANTINE_TEXT_MAX = 400, /* bytes of `text`; longer ones are cut */
	QUARANTINE_SIGNALS_MAX = 8 * 1024,
};
/* ERR_EXISTS: the id is taken. */
int quarantine_add_tx(struct sql *db, const struct quarantine_msg *m, struct err *e);
/* ERR_NOTFOUND. Memory from *a. */
int quarantine_load(
	struct sql *db, msg_id id, struct arena *a, struct quarantine_msg *ret, struct err *e);

/*
 * Hands one recipient (idx; -1: all that wait) to the queue as a new message with the original bytes,
 * `field` (header lines, each with CRLF) above its prefix. Once: ERR_EXISTS when it was released
 * already, ERR_PERM when it was deleted, refused, expired, or cannot be released (QUARANTINE_RECENT was
 * delivered as it came); ERR_NOTFOUND. *ret: what is in the queue now, memory from *a. What policy
 * discarded can be released, too: who may ask for that is for the caller to judge.
 */
struct quarantine_release {
	msg_id id;
	int32_t idx;
	msg_id as; /* a new id */
	slice by, field;
	int64_t now, lifetime; /* usec */
	slice to; /* deliver there instead of the recipient; empty: the recipient */
	slice to_dest; /* with `to`: where that is (mail/route.h) */
	bool copy; /* with `to`: whatever its state, which stays as it is */
};
int quarantine_release_tx(struct sql *db, const struct quarantine_release *r, struct arena *a,
	struct queue_msg *ret, struct err *e);
/* Takes a release back: what is still in the queue leaves it and is here again, in the state `to` that it had
 * (WAITS, ASKED, DISCARDED). Returns how many recipients (idx -1: all) came back; 0 when all of them have
 * left the queue; ERR_PERM when none was released. */
int64_t quarantine_recall_tx(struct sql *db, msg_id id, int32_t idx, enum quarantine_state to,
	slice by, int64_t now, struct err *e);
/* Other changes of one recipient (-1: all for whom it is possible): ASKED, DELETED, REFUSED, and WAITS (taking
 * DELETED, REFUSED or ASKED back; what was refused can be taken back as long as it is here). Returns
 * how many changed; those that are in this state already are not changed and no mistake (0).
 * ERR_PERM when that does not follow from the present state, ERR_NOTFOUND. */
int64_t quarantine_change_tx(struct sql *db, msg_id id, int32_t idx, enum quarantine_state to,
	slice by, int64_t now, struct err *e);
/* Looked at once more, with other eyes: it belongs to this class, for this reason (`virus` as engines
 * said it; empty: as it was). Goes to the timelines of its recipients. */
int quarantine_reclass_tx(struct sql *db, msg_id id, enum quarantine_class class, slice virus,
	slice by, int64_t now, struct err *e);
/* An event for the timeline of a recipient (-1: of all) that changes nothing: "viewed", "downloaded". */
int quarantine_note_tx(struct sql *db, msg_id id, int32_t idx, const char *event, slice by,
	slice detail, int64_t now, struct err *e);

/* What lists, digests, exports and bulk work ask. Empty slices, zeros and -1 match all. */
struct quarantine_filter {
	msg_id id, origin;
	slice rcpt, sender; /* '*' is a wildcard; a bare domain matches its addresses */
	slice subject; /* part of it */
	slice signal, policy; /* names: of one of its signals (rules), of the policy that decided */
	slice virus; /* part of what engines said; "*": anything */
	int kind, class, state, direction; /* -1 */
	unsigned classes; /* bits 1 << class; 0 all */
	int64_t after, before; /* held_at */
	double probability_from, probability_to; /* 0, 0: all */
	int64_t expires_before;
};
struct quarantine_row {
	msg_id id, origin, released_as;
	int32_t idx;
	enum quarantine_kind kind;
	enum quarantine_class class;
	enum quarantine_state state;
	int direction;
	int64_t arrived_at, held_at, changed_at, expires_at;
	uint64_t size;
	double probability, score;
	slice sender, from, rcpt, subject, client, policy, signals, virus, text, by;
};
/* One row a recipient, newest first (likely_mistakes: least probable first), until row() says false or `most` were
 * seen; reads in short pieces, row() may change the quarantine. *cursor goes on where the last call
 * ended ("" at first; may be NULL). */
struct quarantine_order {
	bool likely_mistakes;
	struct buf *cursor;
};
int quarantine_list(struct sql *db, const struct quarantine_filter *f,
	const struct quarantine_order *o, uint64_t most,
	bool (*row)(void *arg, const struct quarantine_row *r), void *arg, struct err *e);
int quarantine_count(
	struct sql *db, const struct quarantine_filter *f, uint64_t *ret, struct err *e);

/*
 * Leaving. Recipients who still wait when its time is up become EXPIRED; then the message leaves, its end
 * being in the trace first. Both in short transactions of their own (begin and commit inside), `most`
 * messages a call; returns how many messages left, 0 when there is nothing more to do. Killed
 * anywhere, the next call goes on.
 */
int64_t quarantine_expire(
	struct sql *queue, struct sql *trace, int64_t now, uint64_t most, struct err *e);

/* What is there, by kind and class (QUARANTINE_NONE counts, too). */
struct quarantine_totals {
	struct {
		uint64_t messages, bytes;
	} v[QUARANTINE_RECENT + 1][QUARANTINE_CLASSES];
	uint64_t messages, bytes;
};
int quarantine_totals(struct sql *db, struct quarantine_totals *ret, struct err *e);
/*
 * Too much is there: the time of `most` messages that are worth least is up now. First what was delivered as it
 * came, then originals, then copies of what was rejected, then held mail: bulk, spam, suspicious, phishing, sure
 * phishing, virus, unexamined, policy; what waits for approval never; the oldest first. Returns how many.
 */
int64_t quarantine_squeeze_tx(struct sql *db, int64_t now, uint64_t most, struct err *e);

/*
 * Deeds on many messages have a number, under which they can be taken back. Each transaction that changes
 * recipients writes what it changed in the same transaction (quarantine_deed_item_tx), so the list is
 * exact wherever the work was interrupted.
 */
struct quarantine_deed {
	int64_t no;
	int64_t at, undone_at; /* wall; 0: not undone */
	slice by, verb, query; /* for people */
	uint64_t items;
};
int quarantine_deed_new_tx(
	struct sql *db, const struct quarantine_deed *d, int64_t *ret_no, struct err *e);
int quarantine_deed_item_tx(struct sql *db, int64_t no, msg_id id, int32_t idx,
	enum quarantine_state before, struct err *e);
/* ERR_NOTFOUND. */
int quarantine_deed_get(
	struct sql *db, int64_t no, struct arena *a, struct quarantine_deed *ret, struct err *e);
/* Newest first. */
int quarantine_deeds(struct sql *db, uint64_t most,
	bool (*fn)(void *arg, const struct quarantine_deed *d), void *arg, struct err *e);
struct quarantine_deed_item {
	msg_id id;
	int32_t idx;
	enum quarantine_state before;
};
/* Up to `most` items behind *after (zeros at first), which moves on; returns how many. Not undone ones only. */
int64_t quarantine_deed_items(struct sql *db, int64_t no, struct quarantine_deed_item *after,
	struct quarantine_deed_item *ret, uint64_t most, struct err *e);
int quarantine_deed_undone_tx(struct sql *db, int64_t no, const struct quarantine_deed_item *i,
	int64_t now, struct err *e);
/* Of those done before `wall`. */
int64_t quarantine_deeds_expire_tx(struct sql *db, int64_t wall, uint64_t most, struct err *e);

/* Steps of the queue's schema (queue_migrations). */
extern const char quarantine_schema_up[], quarantine_schema_down[];
extern const char quarantine_counts_up[], quarantine_counts_down[];
