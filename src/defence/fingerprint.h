/*
 * fingerprint: what became of earlier mail with the same fingerprints (codec/fingerprint.h: texts,
 * layouts, links, pictures, files, habits of senders, clusters of signals), kept in the key-value
 * store and fading with time. One that good mail has, too, says nothing.
 *
 * Who calls: the edge, between the scan's report and the verdict (fingerprints_look), and after
 * the verdict (fingerprints_seen); whoever learns what mail was (fingerprints_note: reports of
 * people, honeypots, releases, administrators, moves). All return at once; without a store nothing
 * is known and nothing is noted.
 */
#pragma once
#include "codec/fingerprint.h"
#include "codec/signal.h"
#include "run/conf.h"
#include "store/kv.h"

struct fingerprint_conf {
	int64_t half_life; /* usec: what was noted so long ago weighs half */
	int64_t keep; /* usec: forgotten when nothing came for so long */
	int64_t known_from; /* how much bad was noted before one speaks against mail */
	int64_t surge_minimum; /* copies within an hour that are an outbreak, from many sources */
	int64_t surge_sources; /* networks they come from, at least */
};
extern const struct conf_section fingerprint_section;

struct fingerprints;
/* Borrowed; kv may be NULL. */
struct fingerprints *fingerprints_open(struct kv *kv, const struct fingerprint_conf *conf);
void fingerprints_close(struct fingerprints *f); /* NULL is fine */

enum fingerprint_event {
	FINGERPRINT_GOOD, /* a person or a strong check says so */
	FINGERPRINT_BAD,
	FINGERPRINT_UNGOOD, /* takes back what was noted before */
	FINGERPRINT_UNBAD,
};

/* Adds the signals fp-*. source: where it comes from, for counting (client's network). */
void fingerprints_look(
	struct fingerprints *f, const struct fingerprint *v, size_t n, struct signals *out);
/* One more message with them came, from there: for surges. After fingerprints_look. */
void fingerprints_seen(struct fingerprints *f, const struct fingerprint *v, size_t n, slice source);
/* weight: 1 for a person's word; the filter's own verdict weighs far less, or it would confirm
 * itself: fingerprint.c says how. */
void fingerprints_note(struct fingerprints *f, const struct fingerprint *v, size_t n,
	enum fingerprint_event event, double weight);

/* For explaining and the command line. */
struct fingerprint_record {
	double good, bad; /* faded */
	double rate; /* messages an hour, now */
	unsigned sources; /* in that time, roughly */
	int64_t first_at, last_at; /* seconds since 1970 */
};
bool fingerprints_ask(struct fingerprints *f, struct fingerprint p, struct fingerprint_record *ret);
