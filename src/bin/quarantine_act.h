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

struct quarantine_conf; /* [quarantine] and [quarantine "CLASS"] */
struct link;
/* Where the deeds are done. */
struct quarantine_hands {
	struct sql *queue_db; /* a writer of one's own */
	slice data; /* of the store: directory, lists */
	const struct quarantine_conf *conf;
	/* A lesson (training_told), raw message; NULL: nobody is there to learn. 0 or -1. */
	int (*teach)(
		void *arg, const struct quarantine_msg *m, slice who, bool spam, struct err *e);
	/* Mail was put into the queue: somebody wakes it. May be NULL. */
	void (*queued)(void *arg, const struct queue_msg *m);
	void *arg;
};
/* May he? Also says why not, in both languages. */
bool quarantine_may(const struct quarantine_conf *c, const struct quarantine_actor *who,
	enum quarantine_verb verb, const struct quarantine_msg *m, const struct quarantine_rcpt *r,
	const char **ret_en, const char **ret_zh);
struct quarantine_done {
	unsigned changed; /* recipients */
	bool already; /* it was so before: doing it again is no mistake */
	msg_id released_as;
	slice note; /* what could not be done beside it (no list entry for lack of a proven sender ...); English */
};
/* One message, one recipient (idx) or all that wait (-1). ERR_NOTFOUND, ERR_DENIED (may not), ERR_PERM (its
 * state does not allow it), ERR_TEMP. */
int quarantine_act(const struct quarantine_hands *h, const struct quarantine_actor *who,
	enum quarantine_verb verb, msg_id id, int32_t idx, bool teach, struct arena *a,
	struct quarantine_done *ret, struct err *e);
