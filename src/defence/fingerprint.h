/*
 * fingerprint: what became of earlier mail with the same fingerprints (codec/fingerprint.h: texts,
 * layouts, links, pictures, files, habits of senders, clusters of signals), kept in the key-value
 * store and fading with time. One that good mail has, too, says nothing.
 *
 * Who calls: the edge, between the scan's report and the verdict (fingerprints_look), and after
 * the verdict (fingerprints_seen); whoever learns what mail was (fingerprints_note: reports of
 * people, honeypots, releases, administrators, moves). All return at once; without a store nothing
 * is known and nothing is noted. Section [fingerprints].
 */
#pragma once
#include "codec/fingerprint.h"
#include "codec/signal.h"
#include "run/conf.h"
#include "store/kv.h"

struct fingerprints_conf {
	int64_t half_life; /* usec: what was noted so long ago weighs half */
	int64_t keep; /* usec: forgotten when nothing came for so long */
	int64_t known_from; /* weight of bad that is needed before one speaks against mail */
	int64_t surge_copies; /* within an hour: an outbreak, if they come */
	int64_t surge_sources; /* from so many networks and domains */
};
extern const struct conf_section fingerprints_section;

struct fingerprints;
/* Borrowed; kv may be NULL. */
struct fingerprints *fingerprints_open(struct kv *kv, const struct fingerprints_conf *conf);
void fingerprints_close(struct fingerprints *f); /* NULL is fine */

/* Adds the signals fp-*, at most one a kind. */
void fingerprints_look(
	struct fingerprints *f, const struct fingerprint *v, size_t n, struct signals *out);

/* One more message with them came: for surges. Where from: the client's network, and the domain in
 * From: (or of the envelope), so that a newsletter from one sender is none. For mail that was
 * accepted and for mail that was refused, once a message; after fingerprints_look. */
void fingerprints_seen(
	struct fingerprints *f, const struct fingerprint *v, size_t n, slice network, slice domain);

enum fingerprint_event {
	FINGERPRINT_GOOD,
	FINGERPRINT_BAD,
	FINGERPRINT_NOT_GOOD, /* takes back what was noted before */
	FINGERPRINT_NOT_BAD,
};
enum { FINGERPRINT_WEIGHT_MAX = 20 };
/* weight: 1 for a person's word, several for a honeypot or an administrator. The filter's own
 * verdict at most 0.1, or it would confirm itself; below 0.5 only those are noted that tell most.
 */
void fingerprints_note(struct fingerprints *f, const struct fingerprint *v, size_t n,
	enum fingerprint_event event, double weight);

/* For explaining, the command line and tests. False: never seen. */
struct fingerprint_record {
	double good, bad; /* faded to now */
	double copies; /* within the last hour, about */
	unsigned sources; /* of them: networks, or domains if these are fewer; 32 at most */
	int64_t first_at, last_at; /* seconds since 1970 */
};
bool fingerprints_ask(struct fingerprints *f, struct fingerprint p, struct fingerprint_record *ret);
/* "text", "layout" ... */
const char *fingerprint_kind_name(enum fingerprint_kind k);
