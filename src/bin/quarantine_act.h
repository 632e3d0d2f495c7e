/*
 * quarantine_act: what people do to held mail, in one place for the command line, the pages behind digests' links and
 * the console: release, release and allow, ask for release, approve, refuse, block, delete, take back. Checks who
 * may do what by class ([quarantine] and its permission bits), acts in one transaction, then sees to
 * what follows (allow and block entries, lessons for the filter, notices).
 */
#pragma once
#include "store/list.h"
#include "store/quarantine.h"

enum quarantine_verb { /* bits: a class's permissions; the names of the configuration */
	QUARANTINE_PREVIEW = 1,
	QUARANTINE_RELEASE = 2,
	QUARANTINE_ALLOW = 4, /* release and allow its sender */
	QUARANTINE_BLOCK = 8, /* delete and block its sender */
	QUARANTINE_DELETE = 16,
	QUARANTINE_ASK = 32, /* for release */
	QUARANTINE_DOWNLOAD = 64,
	QUARANTINE_HEADERS = 128,
	/* not for recipients: */
	QUARANTINE_APPROVE_IT = 256,
	QUARANTINE_REFUSE_IT = 512,
	QUARANTINE_UNDO = 1024, /* what was deleted, refused or asked for waits again */
};
enum quarantine_role { QUARANTINE_ADMIN, QUARANTINE_RECIPIENT, QUARANTINE_APPROVER };
struct quarantine_actor {
	enum quarantine_role role;
	slice name; /* address, or the administrator's name */
};

struct quarantine_conf; /* [quarantine] and [quarantine "CLASS"]: quarantine_conf.h */
/* Where the deeds are done. */
struct quarantine_hands {
	struct sql *queue_db; /* a writer of one's own */
	slice data; /* of the store: directory, lists */
	const struct quarantine_conf *conf;
	int64_t lifetime; /* of what is released, in the queue: [queue] lifetime */
	/* A lesson (training_told) about a message for this person (empty: for all); NULL: nobody is there
	 * to learn. Reads the message itself. 0 or -1. */
	int (*teach)(
		void *arg, const struct quarantine_msg *m, slice who, bool spam, struct err *e);
	/* Mail was put into the queue: somebody wakes it. May be NULL. */
	void (*queued)(void *arg, const struct queue_msg *m);
	void *arg;
};
/* May he? Also says why not, in both languages. A RECIPIENT's right to stand for this recipient is the caller's to know
 * (a signed link, a login). What policy discarded and what was delivered is not for recipients. */
bool quarantine_may(const struct quarantine_conf *c, const struct quarantine_actor *who,
	enum quarantine_verb verb, const struct quarantine_msg *m, const struct quarantine_rcpt *r,
	const char **ret_en, const char **ret_zh);
struct quarantine_done {
	unsigned changed; /* recipients */
	bool already; /* it was so before: doing it again is no mistake */
	msg_id released_as;
	slice note; /* what could not be done beside it (no list entry for lack of a sender ...); English */
};
/* One message, one recipient (idx) or all that wait (-1). ERR_NOTFOUND, ERR_DENIED (may not), ERR_PERM (its
 * state does not allow it), ERR_TEMP. Blocks: in the pool, or in a program without loop. */
int quarantine_act(const struct quarantine_hands *h, const struct quarantine_actor *who,
	enum quarantine_verb verb, msg_id id, int32_t idx, bool teach, struct arena *a,
	struct quarantine_done *ret, struct err *e);

/*
 * The same in two steps, for many in one transaction: first all _tx, then, when the transaction is durable, _after for
 * each (list entries, lessons, the queue is woken: what fails there is in ret->note).
 */
struct quarantine_request {
	struct quarantine_actor who;
	enum quarantine_verb verb;
	msg_id id;
	int32_t idx;
	bool teach;
	int64_t now;
	slice to, to_dest; /* RELEASE: deliver there instead */
	bool copy; /* with `to`: forward a copy, change nothing */
	int64_t deed; /* its number, or 0: quarantine.h */
};
struct quarantine_outcome { /* everything from *a */
	struct quarantine_msg m; /* as it was before */
	struct queue_msg queued; /* id 0: nothing was */
	struct quarantine_done done;
};
int quarantine_act_tx(const struct quarantine_hands *h, const struct quarantine_request *r,
	struct arena *a, struct quarantine_outcome *ret, struct err *e);
void quarantine_act_after(const struct quarantine_hands *h, const struct quarantine_request *r,
	struct quarantine_outcome *o, struct arena *a);

/* Who was told that it is held: by the event "told sender=ADDRESS" or "told rcpt=ADDRESS" that whoever holds it
 * writes into msg.log together with the notice. */
bool quarantine_told_sender(const struct quarantine_msg *m);

/* The address of From: "Name <address>" as the quarantine keeps it; else the envelope's; empty: none. */
slice quarantine_sender_of(const struct quarantine_msg *m);
