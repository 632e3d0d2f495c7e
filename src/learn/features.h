/*
 * features: a message as a set of 64-bit numbers, each the hash of one observation ("the word X",
 * "these two words near each other", "the link leads to organisation Y"). What learns (bayes.h,
 * linear.h) sees only these. They come in groups that can be switched off and measured one by one.
 *
 * Hashes are the same on all machines and in all versions with the same LEARN_FEATURES_VERSION: a
 * model file says for which it was made.
 */
#pragma once
#include "learn/mail.h"

enum {
	LEARN_FEATURES_VERSION = 2,
	LEARN_FEATURES_MAX = 24 * 1024, /* of one message; more are left out */
};

enum learn_group {
	LEARN_WORDS, /* words of the visible text */
	LEARN_PAIRS, /* orthogonal sparse bigrams: two words with up to three between them */
	LEARN_SUBJECT, /* words and pairs of the subject */
	LEARN_CJK, /* pairs and triples of Chinese, Japanese, Korean characters, and words */
	LEARN_GRAMS, /* character 5-grams of the beginning */
	LEARN_HIDDEN, /* words that only a machine sees */
	LEARN_SENDER, /* who it says it is from */
	LEARN_HEADER, /* how it was made: charset, encodings, program, threading */
	LEARN_URL, /* where its links lead, and their shape */
	LEARN_HTML, /* structure of its HTML */
	LEARN_PARTS, /* attachments and structure of MIME */
	LEARN_SHAPE, /* statistics of the text; what had to be undone to read it */
	LEARN_SIGNALS, /* what the checks found, by name */
	LEARN_LAYOUT, /* length, lines, how its HTML is laid out: habits of a time and of programs
		       */
	LEARN_GROUPS
};
enum {
	LEARN_ALL_GROUPS = (1 << LEARN_GROUPS) - 1,
	/* What holds at other sites and in other years, too: all that a shipped model may use. */
	LEARN_LASTING_GROUPS = LEARN_ALL_GROUPS & ~(1 << LEARN_LAYOUT),
};
/* "words", "pairs" ... in English or Chinese. */
const char *learn_group_name(enum learn_group g, bool chinese);

struct learn_feature {
	uint64_t hash;
	uint32_t text, text_n; /* where it stands in texts, when these are kept */
	uint8_t group;
};

struct learn_features {
	struct learn_feature *v; /* no two alike */
	size_t n;
	unsigned per_group[LEARN_GROUPS];
	bool cut; /* LEARN_FEATURES_MAX was reached */
	bool keep_texts; /* in: for explaining; costs time */
	struct buf texts;
	/* inside */
	uint32_t *slots, mark;
};

/* An object is used for many messages, one after the other. */
void learn_features_init(struct learn_features *f, bool keep_texts);
void learn_features_done(struct learn_features *f);
static inline void auto_learn_features(struct learn_features *f)
{
	learn_features_done(f);
}

/* Fills f anew. groups: bits 1 << enum learn_group. */
void learn_features_read(
	struct learn_features *f, const struct learn_mail *m, unsigned groups, struct arena *a);

/* A finding of a check, by its name: behind learn_features_read. */
void learn_features_add_signal(struct learn_features *f, slice name);

/* What one feature of each group counts: gain/sqrt of how many there are. */
void learn_group_values(
	const struct learn_features *f, const float gain[LEARN_GROUPS], float ret[LEARN_GROUPS]);

/* Readable: "pairs: claim … prize". Empty unless texts are kept. */
slice learn_feature_text(const struct learn_features *f, size_t i);

/* For those who add their own groups of hashes: stable, not keyed. */
uint64_t learn_hash(uint64_t seed, slice s);
