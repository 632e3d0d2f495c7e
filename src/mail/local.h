/*
 * local: final delivery. A recipient with destination "local" is a mailbox, or an alias whose
 * targets become recipients of new messages of the same blob: one for those here and behind us, one
 * for those elsewhere, which forward.h makes fit to travel. Mailbox rows are committed per
 * shard; the same (message, recipient) is never stored twice, so a crash repeats without
 * duplicates.
 *
 * What the account wants (store/forward.h): mail is passed on as by an alias, with the mailbox itself among the targets
 * where a copy is to stay; mail that comes back, or was found to be junk, is kept and goes nowhere. "ann+work@" goes to
 * the folder Work when there is one (case does not count; "+work/2026" and "+work.2026" to Work/2026). Its automatic
 * answer (autoreply.h) travels with the result. Then its scripts, and the administrator's, have their say (local_scripts.c): what they
 * want beside a place for the letter is done in the transaction that ends the recipient (settle.h).
 */
#pragma once
#include "mail/forward.h"
#include "mail/letter.h"
#include "mail/result.h"
#include "mail/route.h"
#include "mail/scripts_run.h"
#include "mail/settle.h"
#include "store/changes.h"
#include "store/commit.h"
#include "store/mailbox.h"

#define LOCAL_JUNK                                                                                 \
	"Junk" /* folder of mail with MSG_JUNK where none has that use; made by its first message */

#define LOCAL_SENT "Sent" /* likewise, of what was sent in the name of a shared mailbox */
#define LOCAL_SENT_DEST ROUTE_SENT

enum { LOCAL_POSTED_MAX = 5000 }; /* mailbox rows on their way to the disk */

struct local_config {
	struct directory *directory;
	const struct route_lookup *routes;
	struct commit *shards[MAILBOX_SHARDS];
	struct blobs *blobs;
	struct changes *changes; /* told of what arrived; may be NULL */
	struct commit *queue; /* makes blobs durable, by an empty transaction */
	const struct scripts_judge *judge; /* runs people's scripts; NULL: nobody does */
	/* All recipients of the group have their result. In the loop's thread; not inside
	 * local_deliver. The arrays are valid during the call. */
	void (*done)(void *arg, struct letter *l, const struct settle_rcpt *v, size_t n,
		const struct expansions *expansions, void *token);
	void *arg;
};
struct local;
struct local *local_new(const struct local_config *c);
void local_free(struct local *l); /* nothing may be under way */

struct local_rules { /* of the configuration */
	const struct forward *forward; /* how mail is passed on to other systems; NULL: as it is */
	bool plus_folders; /* "+detail" chooses a folder */
	bool forward_outside; /* accounts may have mail passed on to other systems */
	bool autoreply;
	const struct scripts_conf *scripts; /* NULL: none are run */
	const struct signing *signing; /* of what scripts have sent */
	slice hostname;
	int zone; /* minutes east: the site's */
};

/* Starts the delivery of the group's recipients (positions in letter->m.rcpts). In a coroutine:
 * waits only when the directory must be read, or (for an alias) the message, or the keys process be
 * asked. The rules are borrowed during the call. */
void local_deliver(struct local *l, struct letter *letter, const uint32_t *at, size_t n,
	const struct local_rules *rules, void *token);
