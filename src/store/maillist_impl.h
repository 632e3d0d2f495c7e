/* What the maillist*.c files of the store share. Nobody else includes this. */
#pragma once
#include "base/buf.h"
#include "store/maillist.h"

enum { MAILLIST_SETTINGS_MAX = 64 * 1024 };
void maillist_conf_write(const struct maillist_conf *c, struct buf *out);
/* What is missing or not known any more has its usual value. */
void maillist_conf_read(struct maillist_conf *c, slice text, struct arena *a);
#define MEMBER_COLUMNS                                                                             \
	"id, list_id, address, name, state, digest, own, joined_at, score, bounced_at, bounce, "   \
	"disabled_at, probes, probed_at"
struct maillist_member maillist_read_member(struct sql_stmt *s, struct arena *a);
