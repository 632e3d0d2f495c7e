/*
 * collect: the process that brings mail of accounts elsewhere here: whole accounts that move (`posthouse migrate`), and others that people have beside
 * (`posthouse collect`), which are looked into again and again. It has the network to the outside, the mailboxes, and the key that passwords of
 * those accounts are sealed for; it listens to nobody. What it is to do are rows (store/collect.h); that each message comes once is mail/import.h's.
 *
 *	collect.c	the role: whose turn it is, progress, orders, ends	collect_conf.c	section [collect]
 *	collect_run.c	one pass of one job: its server, its password, its options
 *	collect_imap.c	folders and messages by IMAP		collect_pop3.c	by POP3
 *	collect_filter.c	mail of a collection through the filter		collect_want.c	which folders and messages are wanted
 */
#pragma once
#include "bin/role.h"
#include "mail/box.h"
#include "mail/import.h"
#include "mail/remote.h"
#include "run/co.h"
#include "run/dns.h"
#include "run/tls.h"
#include "store/collect.h"
#include "store/commit.h"
#include "store/seal.h"

struct collect_conf {
	bool enabled;
	int64_t parallel, per_server;
	int64_t rate;
	bool allow_private;
	int64_t pass_time;
	int64_t tell_after;
	slice filter;
};
extern const struct conf_section collect_section;

enum {
	COLLECT_PARALLEL_MAX = 200,
	COLLECT_RETRIES = 10, /* failures in a row of a migration, then it is FAILED */
	COLLECT_LMTP_PORT = 24,
};

struct imapc;
struct pop3c;

struct collector {
	struct role_env *env;
	const struct config *config;
	const struct collect_conf *conf;
	struct dns *dns;
	struct tls_ctx *tls;
	struct directory *directory;
	struct blobs *blobs;
	struct boxes *boxes;
	struct sql *db;
	struct commit *commit;
	unsigned char key[SEAL_KEY];
	struct list running; /* collect_run.in */
	unsigned nrunning;
	struct group jobs;
	struct cond wake;
	bool stopping;
};

/* One job in the works. */
struct collect_run {
	struct list in;
	struct collector *c;
	struct co *co;
	struct arena mem;
	struct collect_job job;
	struct box_user *user;
	struct importing *import;
	struct import_options options;
	slice password;
	struct collect_filter *filter; /* or NULL */
	bool filtering; /* the message that comes in goes there */
	slice to; /* the folder it goes to here */
	struct collect_choice *choice; /* NULL: every message is wanted */
	bool deciding, unwanted_now; /* the message that comes in */
	bool full; /* no room: nothing more is fetched */
	slice box; /* being read; for progress */
	uint64_t boxes, boxes_done;
	bool unwanted; /* paused, cancelled, removed */
	bool strange; /* another account has the address now */
};

/* Work on the database of jobs. */
int collect_db(struct collector *c, commit_fn fn, void *arg, struct err *e);

/* collect_run.c: a whole pass. */
int collect_pass(struct collect_run *r, struct err *e);
void collect_take_counts(struct collect_run *r); /* of the import so far, into run->job.n */
/* Connects to an address of the job's server that may be connected to (ERR_DENIED: there is none) and has open() log in. */
int collect_log_in(struct collect_run *r,
	int (*open)(void *arg, struct io *io, const struct remote *to, struct err *e), void *arg,
	struct err *e);

/* Where a folder there goes here; false: it is left out. From *a. */
bool collect_place(const struct collect_job *j, slice path, struct arena *a, slice *ret);

/* collect_want.c: is this folder there one of those that are collected? */
bool collect_folder_wanted(const struct collect_job *j, slice path);
/* NULL: all messages are wanted. */
struct collect_choice *collect_choice_new(const struct collect_job *j);
void collect_choice_free(struct collect_choice *c); /* NULL is fine */
/* A message begins: false: it is plain already that it is not wanted. */
bool collect_choice_begin(struct collect_choice *c, const struct import_message *m);
enum collect_chosen { COLLECT_UNDECIDED, COLLECT_WANTED, COLLECT_UNWANTED };
/* More of it; decided at the latest by the end. */
enum collect_chosen collect_choice_add(struct collect_choice *c, slice piece, bool last);
/* What was read of it until it was decided, and what it began with. */
slice collect_choice_read(const struct collect_choice *c);
const struct import_message *collect_choice_of(const struct collect_choice *c);

/* What the import (import.h) is told of a message, by way of the filter where the job wants it. 1: (the rest of) it is not wanted. */
int collect_message_begin(struct collect_run *r, const struct import_message *m, struct err *e);
int collect_message_bytes(struct collect_run *r, slice piece, struct err *e);
int collect_message_end(struct collect_run *r, struct err *e);
void collect_message_drop(struct collect_run *r);

struct collect_filter;
/* *ret NULL: straight into the folder. */
int collect_filter_open(struct collect_run *r, struct collect_filter **ret, struct err *e);
void collect_filter_close(struct collect_filter *f);
void collect_filter_begin(struct collect_filter *f, slice key);
int collect_filter_bytes(struct collect_filter *f, slice s);
int collect_filter_end(struct collect_filter *f, struct err *e);

int collect_imap(struct collect_run *r, struct err *e);
int collect_pop3(struct collect_run *r, struct err *e);
