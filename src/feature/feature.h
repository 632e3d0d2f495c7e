/*
 * feature: packs of what detects, signed and versioned: files of rules, allow and block entries, the
 * base model, fingerprints, YARA rules, signatures of virus engines. A pack is one file: a tar
 * archive, compressed by zstd, whose first member is the manifest (JSON), whose second one are the
 * signatures over it (Ed25519), and whose others are the files that the manifest names, with their
 * sizes and SHA-256, in its order.
 *
 *	key.c		keys, signing, verifying	manifest.c	the manifest
 *	pack.c		reading and writing packs	file.c		files that appear whole
 *	depot.c		versions kept on disk		current.c	which of them are in force
 *	known.c		serials seen, keys introduced	history.c	what happened, by whom
 *
 * A pack is hostile until its signature has been verified, and its archive is read only where there
 * is nothing to steal (a scan process, a confined child of the command line). What comes back from
 * there (feature_pack_encode) is verified again by whoever stores it, so that nobody has to believe the
 * one that read it.
 */
#pragma once
#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/slice.h"
#include "base/time.h"

enum {
	FEATURE_FILES_MAX = 500, /* in a pack */
	FEATURE_TOTAL_MAX = 64 << 20, /* bytes of all its files */
	FEATURE_PACK_MAX = 64 << 20, /* bytes of the pack */
	FEATURE_MANIFEST_MAX = 512 << 10,
	FEATURE_SIGNATURES_MAX = 8 << 10, /* bytes of the second member */
	FEATURE_NAME_MAX = 64, /* of a pack, of a file, of a version */
	FEATURE_NOTES_MAX = 8000,
	FEATURE_KEYS_MAX = 16, /* trusted; named by a manifest */
	FEATURE_PACKS_MAX = 8, /* names of packs in force at a time */
	FEATURE_VERSIONS_MAX = 10000, /* on disk */
};

/* ---- keys (key.c) ---- */

struct feature_key { /* public, Ed25519 */
	unsigned char bytes[32];
};
struct feature_keys {
	struct feature_key v[FEATURE_KEYS_MAX];
	size_t n;
};
enum { FEATURE_KEY_TEXT = 56, FEATURE_KEY_ID = 17 };
/* "ed25519:BASE64" */
bool feature_key_parse(slice text, struct feature_key *ret);
void feature_key_print(const struct feature_key *k, char out[FEATURE_KEY_TEXT]);
/* 16 hexadecimal digits, for people and for finding it. */
void feature_key_id(const struct feature_key *k, char out[FEATURE_KEY_ID]);
bool feature_keys_have(const struct feature_keys *set, const struct feature_key *k);
/* False: there are too many. One that is there already is fine. */
bool feature_keys_add(struct feature_keys *set, const struct feature_key *k);
/* A new pair; the private one as PEM (PKCS#8). */
int feature_key_make(struct buf *ret_pem, struct feature_key *ret, struct err *e);
/* Appends a line "ed25519 ID BASE64" for a manifest. */
int feature_sign(slice pem, slice manifest, struct buf *out, struct err *e);
/* A line by a trusted key that is right: 0, and which one. ERR_DENIED: none. */
int feature_verify(slice manifest, slice signatures, const struct feature_keys *trusted,
	struct feature_key *ret_by, struct err *e);
void feature_sha256(slice bytes, unsigned char out[32]);

/* ---- the manifest (manifest.c) ---- */

enum feature_kind {
	FEATURE_RULES, /* *.rules: content/rules.h */
	FEATURE_MODEL, /* base.model: learn/model.h */
	FEATURE_LISTS, /* *.list: allow and block entries of the system, store/list.h */
	FEATURE_PRINTS, /* *.prints: fingerprints and what is known of them */
	FEATURE_YARA, /* *.yar, *.yara */
	FEATURE_CLAMAV, /* signatures for ClamAV: *.ndb, *.hdb, *.hsb, *.ldb, *.mdb ... */
	FEATURE_KINDS
};
const char *feature_kind_name(enum feature_kind k); /* "rules" ... */
/* By its ending; false: no file for a pack, or a name that is not flat and plain ASCII. */
bool feature_kind_of(slice name, enum feature_kind *ret);

struct feature_file {
	slice name;
	enum feature_kind kind;
	uint64_t size;
	unsigned char sha256[32];
};
struct feature_manifest {
	slice name; /* of the pack: a-z, 0-9, '-' */
	slice version; /* for people */
	uint64_t serial; /* only grows */
	int64_t made_at; /* wall */
	slice needs; /* the oldest program that can use it; empty: any */
	slice notes_en, notes_zh;
	struct feature_keys next; /* keys that may sign from now on, too */
	struct feature_file *files;
	size_t nfiles;
};
/* ERR_PROTO with a sentence. Memory from *a. */
int feature_manifest_read(slice json, struct arena *a, struct feature_manifest *ret, struct err *e);
void feature_manifest_write(const struct feature_manifest *m, struct buf *out);
/* Whether a program of that version is new enough: "0.5.1" below "0.10". */
bool feature_program_fits(slice needs, slice program);

/* ---- packs (pack.c) ---- */

struct feature_pack {
	struct feature_manifest m;
	slice manifest, signatures; /* as they came */
	slice *bytes; /* of m.files */
	struct feature_key by; /* who signed it */
};
/* Takes an archive apart and verifies it. ERR_PROTO, ERR_LIMIT, ERR_DENIED (no trusted key has
 * signed it), with a sentence. */
int feature_pack_read(slice archive, const struct feature_keys *trusted, struct arena *a,
	struct feature_pack *ret, struct err *e);
/* Between processes. */
void feature_pack_encode(const struct feature_pack *p, struct buf *out);
/* Verifies everything again. Borrows from `in`. */
int feature_pack_decode(slice in, const struct feature_keys *trusted, struct arena *a,
	struct feature_pack *ret, struct err *e);
/* The archive of a manifest, its signatures and its files. */
int feature_pack_write(const struct feature_pack *p, struct buf *out, struct err *e);

/* ---- what is kept: DATA/features (depot.c) ----
 *
 *	NNNNNN/		one installed version: manifest.json, manifest.sig, index (a line a file: kind,
 *			size, SHA-256, name), the files
 *	current		which versions are in force
 *	known		serials that were seen, keys that manifests introduced
 *	history		a line of JSON for each thing that happened
 *	trial		the version that is being tried
 *
 * Each appears whole or not at all. Whoever writes holds the lock.
 */
int feature_depot_make(slice data, struct err *e);
/* Blocks until nobody else writes here. Closing the descriptor gives it back. */
int feature_depot_lock(slice data, int *ret_fd, struct err *e);
/* A new version; what a killed one left goes. */
int feature_depot_put(
	slice data, const struct feature_pack *p, uint64_t *ret_number, struct err *e);
/* ERR_NOTFOUND. Files' bytes are verified against what was signed. */
int feature_depot_read(
	slice data, uint64_t number, struct arena *a, struct feature_pack *ret, struct err *e);
/* Only what the manifest says. */
int feature_depot_look(
	slice data, uint64_t number, struct arena *a, struct feature_manifest *ret, struct err *e);
/* Oldest first. */
int feature_depot_list(slice data, struct arena *a, uint64_t **ret, size_t *ret_n, struct err *e);
int feature_depot_remove(slice data, uint64_t number, struct err *e);
int feature_read_file(slice path, size_t most, struct arena *a, slice *ret, struct err *e);

/* ---- in force (current.c) ---- */

struct feature_set { /* which version of which pack */
	struct {
		char name[FEATURE_NAME_MAX + 1];
		uint64_t number;
	} v[FEATURE_PACKS_MAX];
	size_t n;
};
/* "vendor=12 corp=13"; empty: none. */
bool feature_set_parse(slice text, struct feature_set *ret);
void feature_set_print(const struct feature_set *s, struct buf *out);
uint64_t feature_set_get(const struct feature_set *s, slice name); /* 0: none */
/* number 0: without it. False: no room. */
bool feature_set_put(struct feature_set *s, slice name, uint64_t number);
/* No such file: the empty set. ERR_PROTO: damaged. */
int feature_current_read(slice data, struct feature_set *ret, struct err *e);
int feature_current_write(slice data, const struct feature_set *s, struct err *e);

/* The version that waits to be tried, or is being tried (canary); number 0: none. */
struct feature_trial {
	uint64_t number;
	int64_t since; /* wall */
	slice by; /* who wants it */
};
int feature_trial_read(slice data, struct arena *a, struct feature_trial *ret, struct err *e);
int feature_trial_write(slice data, const struct feature_trial *t, struct err *e);

struct feature_part { /* a file in force */
	slice pack, name, bytes;
};
/* All files of one kind, in the order of the packs' names, then of theirs: read by the index, each
 * verified by its digest; no links are followed. Parses no JSON: for the master. */
int feature_set_files(slice data, const struct feature_set *s, enum feature_kind kind,
	struct arena *a, struct feature_part **ret, size_t *ret_n, struct err *e);

/* ---- serials and keys (known.c) ---- */

struct feature_known {
	struct {
		char name[FEATURE_NAME_MAX + 1];
		uint64_t serial;
	} serials[FEATURE_PACKS_MAX * 3];
	size_t nserials;
	struct feature_keys keys; /* introduced by packs */
};
int feature_known_read(slice data, struct feature_known *ret, struct err *e);
int feature_known_write(slice data, const struct feature_known *k, struct err *e);
uint64_t feature_known_serial(const struct feature_known *k, slice name); /* 0: never seen */
bool feature_known_see(struct feature_known *k, slice name, uint64_t serial);

/* ---- history (history.c) ---- */

struct json_t;
enum { FEATURE_HISTORY_LINE_MAX = 64 << 10, FEATURE_HISTORY_KEPT = 5000 };
/* Appends durably; takes the reference; "at" is added. */
int feature_history_add(slice data, struct json_t *what, struct err *e);
/* A new array, oldest first, the last `most` (json_decref). Lines that are damaged are left out. */
int feature_history_read(slice data, size_t most, struct json_t **ret, struct err *e);
