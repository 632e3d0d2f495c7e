/* edge: what the files of the edge role share: edge.c (the process), edge_session.c (a session's
 * answers to proto/smtpd), edge_rcpt.c, edge_quota.c, edge_auth.c, edge_trace.c, callout.c,
 * edge_verify*.c (who stands behind a message), edge_scan*.c (what is in it), edge_policy*.c (what
 * happens to it). */
#pragma once
#include "base/map.h"
#include "bin/acceptor.h"
#include "bin/auth_client.h"
#include "bin/auth_failures.h"
#include "bin/census.h"
#include "bin/role.h"
#include "defence/outbound.h"
#include "mail/route.h"
#include "proto/smtpd/smtpd.h"
#include "run/co.h"
#include "run/log.h"
#include "run/tls.h"
#include "senderauth/lookup.h"
#include "store/blob.h"
#include "store/commit.h"
#include "store/directory.h"

struct link;
struct callout;
struct edge_quota;
struct report_counter;
struct edge_failures;
struct edge_verify;
struct edge_door;
struct door_visit;
struct edge_scan;
struct edge_plan;
struct policies;
struct quarantine_conf;
struct edge_outbound;
struct scans;
struct engines;
struct kv;
struct keys_client;

struct edge {
	struct role_env *env;
	const struct config *config;
	struct arena mem; /* of the process */
	struct smtpd_service *services; /* one a listener */
	struct smtpd_hub hub;
	struct tls_ctx *tls;
	struct tls_ctx *client_tls; /* for callouts */
	struct census *census;
	struct policies *policies;
	struct quarantine_conf *quarantine;
	struct link *queue_link, *auth_link, *keys_link, *learn_link, *features_link;
	struct training_users *users; /* their own layers, training/user.h */
	instant next_sample; /* of mail for the learn process */
	struct keys_client *keys;
	struct scans *scans; /* scans.h */
	struct engines *engines; /* engines.h */
	struct srs srs;
	struct auth_failures srs_used; /* bounces taken, by rewritten sender */
	/* The store. */
	struct blobs *blobs;
	struct sql *queue_db, *trace_db;
	struct commit *queue, *trace;
	unsigned traces_waiting; /* refusals on their way to the trace */
	struct { /* facts of letters, likewise (edge_policy_keep.c) */
		unsigned waiting;
		instant next;
	} facts;
	uint64_t editing; /* bytes of messages that are being changed (edge_policy_rows.c) */
	struct cond edited;
	struct directory *directory;
	struct route_lookup routes;
	struct dns *dns;
	struct lookup lookup; /* by dns */
	slice authserv_id; /* our name in Authentication-Results */
	struct callout *callout;
	struct edge_quota *quota;
	struct report_counter *reports;
	struct edge_failures *failures; /* edge_failure.h */
	struct kv *kv;
	struct edge_door *door; /* edge_door.h */
	struct edge_outbound *outbound; /* edge_outbound.h */
	/* Free space, looked at now and then. */
	uint64_t free_bytes;
	bool disk_low;
	/* Coming and going. */
	struct acceptor acceptor;
};

/* Of the message at hand, for the door. */
struct edge_message {
	struct arena mem;
	bool automatic; /* not written by a person: lists, answering machines */
	bool marked; /* by the door */
	slice from, in_reply_to, references;
	struct origin_ip origin; /* behind a trusted hop; family 0: the client itself */
};

/* One connection. */
struct edge_session {
	struct edge *edge;
	const struct smtpd_service *service;
	int fd;
	struct net_addr peer; /* of the socket */
	struct net_addr counted; /* where the census has it */
	struct log_ctx log;
	struct auth_exchange login; /* SASL under way */
	char ip[NET_TEXT_MAX];
	struct blob_writer *body;
	struct smtpd_client *client; /* from connect() to end() */
	struct door_visit *visit; /* NULL: no door here */
	struct edge_message message;
	struct outbound_count outbound; /* recipients of the message at hand */
	struct limits limits; /* of the login (edge_class.h), from MAIL on */
	unsigned class_rcpts;
	const struct queue_msg *msg; /* the message at hand, from body_begin() on */
	struct edge_sign *sign; /* edge_sign.h; NULL: not to be signed */
	struct edge_verify *verify; /* edge_verify.h; NULL: nothing to verify so far */
	struct edge_scan *scan; /* edge_scan.h; NULL: nothing was examined so far */
	struct edge_plan *plan; /* edge_policy.h; NULL: no message so far */
};

extern const struct smtpd_ops edge_ops; /* arg: struct edge_session */

/* edge_rcpt.c */
struct edge_sign;
int edge_rcpt(void *arg, const struct smtpd_ask_rcpt *r, struct arena *a, struct smtpd_rcpt *ret,
	struct smtpd_refusal *no);

/* edge_quota.c: in a coroutine. A store that cannot be asked is no full mailbox. */
struct edge_quota *edge_quota_new(slice data);
void edge_quota_free(struct edge_quota *q);
bool edge_quota_full(struct edge_quota *q, const struct route_decision *d);

/* edge_auth.c */
enum smtpd_auth edge_auth_start(void *arg, const struct smtpd_auth_start *s, struct arena *a,
	struct smtpd_auth_result *ret);
enum smtpd_auth edge_auth_step(
	void *arg, slice response, struct arena *a, struct smtpd_auth_result *ret);
void edge_auth_cancel(void *arg);

/* edge_trace.c */
void edge_refused(void *arg, const struct smtpd_refused *r);

/* What each line of the session's log begins with. */
void edge_log_client(struct edge_session *s, const char *ip);

/* Tells the queue process about a message that is stored. */
void edge_hand_off(struct edge *e, const struct queue_msg *m);

/* Is this address in one of the networks? */
bool edge_in_nets(const struct conf_nets *nets, const struct net_addr *a);
