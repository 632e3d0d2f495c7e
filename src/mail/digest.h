/*
 * digest: the letter that lists somebody's held mail, and when it is due. Pure; the queue process (bin/queue_digest.c)
 * reads the quarantine, makes the links and queues it.
 */
#pragma once
#include "codec/zone.h"
#include "mail/notice.h"
#include "store/digest.h"

enum {
	DIGEST_ROWS_MAX = 100, /* of one letter; the rest is behind "see all" */
	DIGEST_REASONS_MAX = 3, /* of one row */
	DIGEST_TO_MAX = 50, /* addresses that get one digest */
};

enum digest_protected { DIGEST_LIST, DIGEST_HIDE };
struct digest_conf {
	bool enabled, only_new;
	int64_t every, hour, jitter, rows;
	int weekday, language; /* enum digest_language */
	int protected; /* enum digest_protected */
	slice zone, from, from_name, url;
};
enum digest_language { DIGEST_EN, DIGEST_ZH };
extern const struct conf_section digest_section;

struct alarm_conf {
	struct conf_list to;
	int language; /* enum digest_language */
};
extern const struct conf_section alarm_section;

/* ---- when ---- */

/* What holds for one name: the configuration, then its domain's setting, then its own. */
struct digest_plan {
	bool on, chinese, only_new;
	int64_t every;
	int hour, weekday;
	slice zone; /* name or offset; empty: the system's */
	slice to; /* also sent to */
};
struct digest_plan digest_plan_of(const struct digest_conf *c);
void digest_plan_apply(struct digest_plan *p, const struct digest_setting *s);
/* Is it one that can be: whole hours below a day, whole days up to a week. */
bool digest_every_valid(int64_t usec);
/* The first time after `since` (wall) at which the digest of this name is due. Each name has its own moment within
 * `jitter` behind the hour. */
int64_t digest_next(const struct digest_plan *p, const struct zone *z, int64_t since, slice name,
	int64_t jitter);

/* ---- the letter ---- */

struct digest_row {
	slice from, sender, subject, rcpt; /* rcpt: shown in digests of groups */
	int64_t held_at;
	uint64_t size;
	slice class_text;
	slice reasons[DIGEST_REASONS_MAX]; /* sentences */
	unsigned nreasons;
	bool protected; /* a virus ...: nothing can be done with it by its reader */
	/* links; empty: not allowed */
	slice view_url, release_url, allow_url, block_url, delete_url, ask_url;
};
struct digest_facts {
	bool chinese;
	const struct zone *zone;
	slice hostname, name; /* whose mail */
	bool group;
	const struct digest_row *rows;
	size_t nrows;
	uint64_t total; /* all that waits */
	bool only_new; /* rows: what is new since the last one */
	slice all_url; /* the list of all */
	int64_t now;
};
/* Fills subject, text, html, kind, chinese. ERR_LIMIT. From *a. */
int digest_write(
	const struct digest_facts *f, struct arena *a, struct notice_letter *ret, struct err *e);
