/*
 * backup: copies of a whole installation in a repository elsewhere: a directory (also of a mounted NFS) or a bucket that speaks S3. A run makes
 * a generation: databases as of one moment, then the packs, then other files of DATA and the configuration; only what is not in the repository
 * yet is sent there. doc/notes/backup.md tells the layout and why it is safe.
 *
 * Everything in a repository is sealed for the key of its owner: the server can write, it cannot read back. What it needs to know of earlier
 * generations it keeps itself, in DATA/backup; whoever has the key can make that anew (backup_adopt).
 *
 *	backup_seal.c	keys, sealing and opening objects	backup_key.c	key files, passphrases, the repository's head
 *	backup_target.c	directories as targets			backup_s3.c	buckets as targets
 *	backup_state.c	what the server remembers		backup_write.c	chunks into objects, objects to the target
 *	backup_run.c	a generation				backup_files.c	its databases, packs and files, one by one
 *	backup_prune.c	old generations go			backup_open.c	reading a repository with its key
 *	backup_read.c	files of a generation			backup_verify.c	is all of it there and whole
 *	backup_restore.c  everything back			backup_mail.c	one mailbox of a generation
 *
 * All calls block.
 */
#pragma once
#include "base/arena.h"
#include "base/err.h"
#include "base/slice.h"
#include "base/time.h"
#include "run/conf.h"

enum {
	BACKUP_ID = 16, /* bytes of the name of a repository, a generation, an object */
	BACKUP_KEY = 32,
	BACKUP_OBJECT_MAX = 16 << 20, /* an object is sent when it is so large */
	BACKUP_DB_CHUNK = 32 * 1024,
	BACKUP_FILE_CHUNK = 256 * 1024, /* packs and other files */
	BACKUP_MANIFEST_MAX = 512 << 20, /* bytes of a generation's list */
	BACKUP_FILES_MAX = 1 << 20, /* files of a generation */
	BACKUP_PASSPHRASE_MIN = 12, /* characters */
	BACKUP_KEYS_MAX = 16, /* passphrases of a repository */
	BACKUP_WHY_MAX = 40,
};

/* ---- configuration: [backup], backup_conf.c ---- */

struct backup_conf {
	slice target; /* "/srv/backup", "s3://bucket/prefix"; empty: no backups */
	slice endpoint, region, s3_key, ca;
	struct secret s3_secret;
	int64_t every; /* usec; 0: only by command */
	slice at; /* "02:30", local time */
	int64_t max_rate; /* bytes read a second; 0: as fast as it goes */
	int64_t keep_last, keep_daily, keep_weekly, keep_monthly;
	int64_t alarm_after;
	bool before_upgrade;
};
extern const struct conf_section backup_section;

/* Where repositories are. `addresses`: of the endpoint's host, as libcurl's CURLOPT_RESOLVE has them ("host:443:192.0.2.1"); empty: libcurl
 * looks it up. */
struct backup_where {
	const struct backup_conf *conf;
	slice addresses;
};
struct backup_target;
int backup_target_open(const struct backup_where *w, struct backup_target **ret, struct err *e);
void backup_target_close(struct backup_target *t); /* NULL is fine */
bool backup_is_s3(const struct backup_conf *c);
/* Host and port of the endpoint: for looking it up. */
bool backup_endpoint(const struct backup_conf *c, slice *ret_host, uint16_t *ret_port);

/* ---- keys ---- */

struct backup_secret {
	unsigned char repository[BACKUP_ID], key[BACKUP_KEY];
};
/* The text of a key file, and back. ERR_PROTO. */
void backup_secret_print(const struct backup_secret *s, struct buf *out);
int backup_secret_parse(slice text, struct backup_secret *ret, struct err *e);
/* By one of the repository's passphrases: ERR_DENIED when none fits. */
int backup_secret_unlock(
	struct backup_target *t, slice passphrase, struct backup_secret *ret, struct err *e);

struct backup_key {
	slice name; /* of its file in the repository */
	slice label;
	int64_t made_at;
};
/* Passphrases that open the repository. ERR_LIMIT, ERR_PROTO (too short), ERR_NOTFOUND. */
int backup_key_add(struct backup_target *t, const struct backup_secret *s, slice passphrase,
	slice label, int64_t now, struct err *e);
int backup_key_list(struct backup_target *t, struct arena *a, struct backup_key **ret,
	size_t *ret_n, struct err *e);
int backup_key_remove(struct backup_target *t, slice name, struct err *e);

/* A new repository, and DATA/backup for it. *ret: the key, which is nowhere else. ERR_EXISTS: there is one. */
int backup_init(
	slice data, struct backup_target *t, int64_t now, struct backup_secret *ret, struct err *e);
/* From now on this installation writes to that repository, and nobody else: after a disaster, or when DATA/backup was lost. What is in it is
 * read, so that nothing is sent again. */
int backup_adopt(slice data, struct backup_target *t, const struct backup_secret *s, struct err *e);
/* Is DATA/backup made? 1, 0, -1. */
int backup_prepared(slice data, struct err *e);

/* ---- a run ---- */

/* Given to the run beside DATA: the configuration, certificates. */
struct backup_extra {
	slice path; /* "config/posthouse.conf" */
	slice bytes;
};
struct backup_run {
	slice data;
	struct backup_target *target;
	slice host, why; /* for people: "schedule", "command", "upgrade" */
	const struct backup_extra *extra;
	size_t nextra;
	int64_t max_rate;
	/* May be NULL: now and then; false ends the run (ERR_CLOSED). */
	bool (*go_on)(void *arg, uint64_t done, uint64_t all);
	void *arg;
};
struct backup_result {
	int64_t id; /* number of the generation here */
	unsigned char name[BACKUP_ID];
	uint64_t files, bytes; /* of the installation */
	uint64_t read, fresh,
		sent; /* bytes: looked at; not in the repository before; of objects sent */
	int64_t took;
};
/* ERR_EXISTS: another run is under way; ERR_NOTFOUND: no repository was made, or it is not there now; ERR_DENIED: another installation writes
 * to the repository. After any error what was sent counts for the next run. */
int backup_run(const struct backup_run *r, struct backup_result *ret, struct err *e);

struct backup_generation {
	int64_t id;
	unsigned char name[BACKUP_ID];
	int64_t started_at, finished_at; /* wall */
	slice why;
	uint64_t files, bytes, fresh, sent;
};
/* Finished ones, the newest first: from DATA/backup. */
int backup_generations(
	slice data, struct arena *a, struct backup_generation **ret, size_t *ret_n, struct err *e);
/* When the last one began; 0: there is none. */
int backup_last(slice data, int64_t *ret, struct err *e);

struct backup_keep {
	int64_t last, daily, weekly, monthly;
};
struct backup_pruned {
	uint64_t generations, objects, bytes;
};
/* Generations that no rule wants go, and what only they needed. */
int backup_prune(slice data, struct backup_target *t, const struct backup_keep *k, bool dry_run,
	struct backup_pruned *ret, struct err *e);
/* Which of these (newest first) a rule wants: keep[i]. Days, weeks and months are those of local time. */
void backup_prune_plan(
	const struct backup_keep *k, const int64_t *started_at, size_t n, bool *keep);

/* ---- reading: with the key ---- */

struct backup_repo;
int backup_repo_open(struct backup_target *t, const struct backup_secret *s,
	struct backup_repo **ret, struct err *e);
void backup_repo_close(struct backup_repo *r);

enum backup_kind {
	BACKUP_DATABASE = 1,
	BACKUP_PACK,
	BACKUP_PLAIN,
	BACKUP_CONFIG,
	BACKUP_KEYS, /* of an encrypted store: never a file on a disk (backup_crypt.c) */
};
struct backup_file {
	slice path; /* below DATA; of BACKUP_CONFIG: "config/..." */
	enum backup_kind kind;
	uint32_t mode;
	uint64_t size;
	int64_t changed_at;
	uint32_t chunk; /* bytes of each part */
	slice lists; /* backup_format.h */
};
struct backup_content {
	struct arena mem;
	unsigned char name[BACKUP_ID];
	int64_t started_at, finished_at;
	slice host, version, why;
	struct backup_file *files; /* by path */
	size_t nfiles;
	uint64_t bytes;
	struct backup_used {
		unsigned char id[BACKUP_ID];
		uint64_t size;
	} * objects;
	size_t nobjects;
};
/* What is in the repository, the newest first, read from it; without files and objects. */
int backup_repo_list(struct backup_repo *r, struct arena *a, struct backup_generation **ret,
	size_t *ret_n, struct err *e);
int backup_content_open(struct backup_repo *r, const unsigned char name[BACKUP_ID],
	struct backup_content **ret, struct err *e);
void backup_content_close(struct backup_content *c);
const struct backup_file *backup_file_find(
	const struct backup_content *c, slice path); /* or NULL */
/* n bytes from `at` on, all below its size; only the parts that are asked for are fetched. ERR_PERM: damaged; the text names object and file. */
int backup_file_read(struct backup_repo *r, const struct backup_file *f, uint64_t at, size_t n,
	char *to, struct err *e);

struct backup_problem {
	const char *
		kind; /* "object-missing", "object-damaged", "object-short", "list-damaged", "database" */
	slice text;
};
struct backup_verify {
	unsigned percent; /* of the objects that are read whole; of all of them the size is asked */
	bool databases; /* the engine's own check of each database of the generations */
	void (*problem)(void *arg, const struct backup_problem *p);
	bool (*go_on)(void *arg, uint64_t done, uint64_t all); /* may be NULL */
	void *arg;
};
struct backup_verified {
	uint64_t generations, objects, bytes, databases;
};
/* `name` NULL: all generations. The number of problems, or -1 when it could not look. */
int64_t backup_verify(struct backup_repo *r, const unsigned char *name,
	const struct backup_verify *v, struct backup_verified *ret, struct err *e);

/* All files to an empty (or missing) directory `data`, configuration aside to `config_to` (may be empty). Until it is done DATA holds
 * "restoring" alone, with which no server starts. ERR_EXISTS: something is in it. */
#define BACKUP_RESTORING "restoring"
struct backup_restore {
	slice data, config_to; /* `data` empty: the configuration alone */
	void (*own)(
		void *arg, const char *path); /* may be NULL: for each file and directory made */
	bool (*go_on)(void *arg, uint64_t done, uint64_t all); /* may be NULL */
	/* The backup is of an encrypted store, whose keys are in this process's ring now: makes DIR/crypt of them (crypt_settle). NULL: such a
	 * backup is refused. */
	int (*keep_keys)(void *arg, slice dir, struct err *e);
	void *arg;
};
int backup_restore_all(struct backup_repo *r, const struct backup_content *c,
	const struct backup_restore *x, struct err *e);

/* ---- one mailbox of a generation ---- */

struct sql;
struct blobs;
struct backup_mail;
/* `work`: a directory of ours for what is fetched; it is emptied at the end. */
int backup_mail_open(struct backup_repo *r, const struct backup_content *c, slice work,
	struct backup_mail **ret, struct err *e);
void backup_mail_close(struct backup_mail *m);
/* A database of that generation, for reading, by this program's schema: "directory", "mail-02", "maillist", "credential". The caller closes it before backup_mail_close.
 * What is missing here cannot be opened: ERR_NOTFOUND. */
int backup_mail_db(struct backup_mail *m, const char *name, struct sql **ret, struct err *e);
/* A small file of that generation, of n bytes: "auth/secret". ERR_NOTFOUND. */
int backup_mail_file(struct backup_mail *m, slice path, char *to, size_t n, struct err *e);
/* The message's bytes, appended. */
int backup_mail_blob(struct backup_mail *m, uint64_t blob, struct buf *out, struct err *e);
