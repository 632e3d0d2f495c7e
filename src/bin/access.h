/*
 * access: the role behind which people read their mail with programs: IMAP and POP3 (proto/imap, proto/pop3) on mailboxes (mail/box.h), and
 * write their rules with them: ManageSieve (proto/managesieve). What its files share:
 *
 *	access.c	the process: listening, limits, links to other processes, end
 *	access_conf.c	sections [access], [imap "NAME"], [pop3 "NAME"], [managesieve "NAME"]
 *	access_session.c  one connection: PROXY header, then what its protocol asks of the process
 *	access_still.c	sessions that are to end: by the command, because their login does not hold any more
 *	access_guard.c	virus engines look at what is read
 *	access_texts.c	searches use the full-text index, and have attachments read
 *	sessions.c	who is logged in
 */
#pragma once
#include "base/map.h"
#include "bin/acceptor.h"
#include "bin/auth_client.h"
#include "bin/census.h"
#include "bin/role.h"
#include "bin/sessions.h"
#include "mail/box.h"
#include "proto/imap/imap.h"
#include "proto/managesieve/managesieve.h"
#include "proto/pop3/pop3.h"
#include "run/co.h"
#include "run/log.h"
#include "run/tls.h"

/* ---- access_conf.c ---- */

enum access_enabled { ACCESS_AUTO, ACCESS_YES, ACCESS_NO };
struct access_conf { /* section [access] */
	int enabled; /* enum access_enabled */
	int64_t processes; /* 0: as many as edges */
	int64_t max_connections, max_per_ip, max_per_account;
	int64_t login_time;
};
struct access_listener_conf { /* sections [imap "NAME"] ... */
	struct conf_addrs listen;
	int tls; /* enum session_tls */
	bool auth_plaintext;
	struct conf_list auth_mechs;
	struct conf_nets trusted, proxy_from;
	int64_t idle_time, bad_commands, login_failures;
	/* imap */
	int64_t command_time, max_line, max_literal, max_command, max_messages;
};
extern const struct conf_section access_section, imap_section, pop3_section, managesieve_section;

enum access_protocol { ACCESS_IMAP, ACCESS_POP3, ACCESS_SIEVE, ACCESS_PROTOCOLS };
/* As auth, logs and `posthouse session` call it: "imap", "pop3", "sieve". */
const char *access_protocol_name(enum access_protocol p);

struct access_listener {
	slice name;
	enum access_protocol protocol;
	const struct access_listener_conf *conf;
};
/* All sections by protocol, when mail programs are served at all; else none. */
size_t access_listeners(const struct config *c);
struct access_listener access_listener(const struct config *c, size_t i);
/* How many processes; 0: mail programs are not served. */
unsigned access_wanted(const struct config *c);
/* Sections to be read behind a configuration that wants mail programs served and does not say where; empty: none. */
slice access_defaults(const struct conf *c);
/* No two share an address, with each other or with others. */
int access_check(const struct config *c, struct err *e);

/* ---- the process ---- */

struct engines;
struct access_still;
struct access_guard;
struct access_service { /* one a listener */
	struct access_listener listener;
	struct imap_service imap;
	struct pop3_service pop3;
	struct managesieve_service sieve;
};
struct access {
	struct role_env *env;
	const struct config *config;
	const struct access_conf *conf;
	struct arena mem; /* of the process */
	struct access_service *services;
	size_t nservices;
	struct imap_hub imap_hub;
	struct session_hub pop3_hub;
	struct session_hub sieve_hub;
	struct tls_ctx *tls;
	struct census *census, *accounts; /* connections by address, sessions by account */
	struct link *auth_link;
	struct engines *engines;
	struct link *texts_link;
	struct sessions *sessions;
	struct access_session **by_row; /* of sessions' rows, SESSIONS_MAX */
	struct access_still *still;
	struct access_guard *guard;
	/* The store. */
	struct blobs *blobs;
	struct directory *directory;
	struct boxes *boxes;
	struct managesieve_store *scripts;
	/* Coming and going. */
	struct acceptor acceptor;
};

struct access_session { /* one connection; kept small: thousands are idle */
	struct access *access;
	const struct access_service *service;
	struct co *co;
	int fd;
	struct net_addr peer, counted; /* the client; where the census has it */
	struct session_row *row;
	struct auth_exchange login;
	int64_t account_id; /* 0: nobody; entered when `who` is set */
	uint64_t grant; /* of its login */
	const char *why_end; /* a literal; told by BYE */
	char *who; /* canonical; NULL: not logged in */
	bool idle; /* counted as such */
	char ip[64];
};

/* access_session.c: in the session's coroutine; frees it. */
void access_session_run(void *arg);
/* Ends it where it stands; `why` is a literal. */
void access_session_end(struct access_session *s, const char *why);

/* access_still.c */
struct access_still *access_still_new(struct access *a);
void access_still_stop(struct access_still *s); /* NULL is fine */

/* access_texts.c */
void access_texts_open(struct access *a);

/* access_guard.c: for boxes_guard(). */
int access_guard_ask(void *arg, int64_t account_id, const struct mailbox_message *m, struct err *e);
void access_guard_open(struct access *a);
void access_guard_free(struct access_guard *g);
