/* Inside `posthouse mailbox`: one mailbox, opened. cli_mailbox.c (what is in it), cli_mailbox_removed.c (what left it),
 * cli_mailbox_mend.c (verify, repair, reindex). */
#pragma once
#include "bin/cli_verbs.h"
#include "store/directory.h"
#include "store/mailbox.h"

struct cli_box {
	struct cli_env env;
	struct account account;
	struct sql *shard;
	struct blobs *blobs;
	slice folder;
};
/* -1 after a complaint. The folder: INBOX when empty. */
int cli_box_open(struct cli_call *c, slice folder, struct cli_box *b, int *ret_code);
void cli_box_close(struct cli_box *b);
/* Whoever has the mailbox open learns of what was changed. */
void cli_box_tell(struct cli_env *env, int64_t account_id);
/* Who this is, for the log of deletions. */
struct mailbox_actor cli_box_actor(struct cli_env *env);

int cli_mailbox_show(struct cli_call *c);
int cli_mailbox_removed(struct cli_call *c);
int cli_mailbox_recover(struct cli_call *c);
int cli_mailbox_log(struct cli_call *c);
int cli_mailbox_verify(struct cli_call *c);
int cli_mailbox_repair(struct cli_call *c);
int cli_mailbox_reindex(struct cli_call *c);
extern const struct cli_option cli_mailbox_removed_options[], cli_mailbox_recover_options[];

/* What a kind of damage is called ("mailbox-count"); cli_store.c. */
const char *cli_store_kind(const char *kind);
