/* What the files of keeper_again share: what it has open, where it stands, and what they do alike. Nobody else includes this. */
#pragma once
#include "base/buf.h"
#include "bin/keeper_again.h"
#include "mail/notice.h"
#include "run/co.h"
#include "store/mailbox.h"

enum { AGAIN_AT_ONCE = 20, AGAIN_STATE_MAX = 2048 };
#define AGAIN_WHO S("engines")

enum phase { PHASE_HELD, PHASE_RECENT, PHASE_MAILBOXES, PHASE_DONE };

struct again {
	slice data;
	struct arena mem;
	struct engines *engines;
	struct cond woken;
	struct engines_conf conf;
	struct quarantine_conf held;
	struct blobs *blobs;
	struct sql *queue, *directory, *trace, *shards[MAILBOX_SHARDS];
	struct changes *changes;
	/* State, as kept in the file. */
	uint64_t version;
	enum phase phase;
	int shard;
	struct mailbox_mark mark;
	struct buf cursor; /* of held and of recent mail */
};

void again_write_state(const struct again *g);

/* 1 infected, 0 clean, -1: not now. */
int again_look_at(struct again *g, const struct queue_msg *m, struct arena *a, slice *ret_virus,
	struct err *e);
/* Half of the time belongs to others. */
int again_rest(instant began, struct err *e);
/* fn in the pool. */
int again_step(struct again *g, int (*fn)(struct again *g, void *arg, struct err *e), void *arg,
	struct err *e);

int again_in_transaction(struct sql *db, int (*fn)(struct sql *db, void *arg, struct err *e),
	void *arg, struct err *e);
/* In the timeline of what was delivered. What has not ended, or long ago, has none. */
int again_say_infected(
	struct again *g, msg_id id, int32_t idx, slice virus, const char *where, struct err *e);
int again_alarm(
	struct sql *db, const struct notice_alarm *w, msg_id about, struct arena *a, struct err *e);
void again_found(void); /* counts one */

/* What the quarantine has, held mail or that of backends: the phase's (keeper_again_held.c). */
int again_kept(struct again *g, struct err *e);
/* What was delivered to mailboxes (keeper_again_mail.c). */
int again_mailboxes(struct again *g, struct err *e);
