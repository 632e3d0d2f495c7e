/*
 * quarantine_conf: sections [quarantine] and [quarantine "CLASS"]: how long what is kept, how much of it, what
 * recipients may do with mail of each class. Read by the edge (how long), the keeper (room), and everybody who
 * acts (bin/quarantine_act.h).
 */
#pragma once
#include "run/conf.h"
#include "store/quarantine.h"

struct quarantine_section_conf { /* [quarantine] as written */
	int64_t keep, keep_rejected, keep_originals, keep_deeds;
	int64_t max_size, max_messages;
	bool allow_senders, teach;
};
struct quarantine_class_conf { /* [quarantine "CLASS"] as written */
	int64_t keep;
	struct conf_list may;
};
extern const struct conf_section quarantine_section, quarantine_class_section;

/* What follows from both. */
struct quarantine_conf {
	int64_t keep[QUARANTINE_CLASSES]; /* usec, of held mail */
	unsigned may[QUARANTINE_CLASSES]; /* enum quarantine_verb: what recipients may */
	int64_t keep_rejected, keep_originals, keep_deeds;
	int64_t max_size, max_messages; /* 0: no limit */
	bool allow_senders, teach;
};
void quarantine_conf_read(const struct conf *c, struct quarantine_conf *ret);
/* When a message that is kept now is to leave. Of QUARANTINE_RECENT that is for [engines] to say: engines_keep. */
int64_t quarantine_expires_at(const struct quarantine_conf *c, enum quarantine_kind kind,
	enum quarantine_class class, int64_t now);
