/*
 * queue: the queue process. It takes new messages from the edges' datagrams and the rest from the
 * database, and delivers: by SMTP and LMTP to other systems, into local mailboxes. What happens to
 * a message is decided in mail/ (flow, settle, local, route, hosts); here are its sockets and its
 * databases.
 *
 *	queue.c		the role: opening, orders, end
 *	queue_feed.c	datagrams, sweeping, loading
 *	queue_session.c	a session of flow: group after group of one destination
 *	queue_connect.c	finding hosts, connecting
 *	queue_smtp.c	sending
 *	queue_tls.c	how safe connections must be, and what is counted of it
 *	queue_report_in.c reports of others about our mail
 *	queue_scan.c      the scan processes; which domains are ours
 *	queue_user_report.c letters that our users report
 *	queue_lesson.c   letters that they move into Junk or out of it
 *	queue_scripts.c  people's scripts; queue_webhook.c what they tell programs
 *	queue_letters.c  letters to people: queue_notice.c (the outbox), queue_digest.c
 *	queue_outbound.c own accounts whose recipients do not exist
 *	queue_honeypot.c letters to addresses that nobody has
 *	queue_maillist*.c mailing lists
 *	queue_settings.c what comes from the configuration
 */
#pragma once
#include "base/map.h"
#include "bin/role.h"
#include "mail/flow.h"
#include "mail/hosts.h"
#include "mail/local.h"
#include "mail/settle.h"
#include "proto/smtpc/smtpc.h"
#include "run/co.h"
#include "run/link.h"
#include "store/commit.h"
#include "store/directory.h"

enum {
	QUEUE_RECENT = 1 << 16, /* ids remembered against late datagrams */
	QUEUE_DATAGRAM_AGE_S = 60, /* an older message is read from the database instead */
	QUEUE_LOAD_BATCH = 64, /* messages loaded by one job of the pool */
	QUEUE_SWEEP_MOST = 5000, /* groups found by one */
	QUEUE_SWEEP_EVERY_S = 30, /* at least */
	QUEUE_SWEEP_PAUSE_MS = 50, /* between two, at least */
	QUEUE_HASTEN_BATCH = 1000, /* rows made due by one transaction */
	QUEUE_CLOCK_STEP_S = 60, /* a clock that is set back by more is noticed */
	QUEUE_IDLE_LOCAL_S = 5, /* a session without connection waits that long for work */
	QUEUE_ATTEMPT_MOST_S = 600, /* no further host is tried after that */
	QUEUE_FLUSH_S = 20, /* for results still to be written when the process ends */
	QUEUE_GATHER_MS = 4, /* ends of messages wait that long to reach the disk together */
	QUEUE_POLICY_AGE_S =
		300, /* of a connection to a domain; then its TLS policy is asked again */
	QUEUE_REROUTE_AGE_S = 10, /* routes of younger messages are not decided again */
};

/* Everything that comes from the configuration; sessions keep theirs through a reload. */
struct queue_settings {
	unsigned refs;
	struct config config;
	struct retry_config retry;
	struct bounce_config bounce;
	struct hosts_self self;
	struct tls_ctx *tls;
	struct net_addr source_v4, source_v6; /* len 0: the system chooses */
	slice helo;
	/* How mail of ours is signed, and what leaves through an alias is passed on. */
	struct signing signing;
	struct forward forward;
};
struct queue;
/* For q, which has its keys and interfaces already. *c is moved in on success. */
int queue_settings_new(
	struct queue *q, struct config *c, struct queue_settings **ret, struct err *e);
void queue_settings_unref(struct queue_settings *s);

/* queue_outbound.c: results of recipients outside. In a coroutine. */
void queue_outbound_note(
	struct queue *q, const struct queue_msg *m, const struct settle_rcpt *v, size_t n);

/* queue_mirror.c: until cancelled */
void queue_mirror_run(void *arg);

struct keys_client;
struct queue_reports;
struct report_counter;
struct sts;
struct queue_report_in;
struct queue_scan;
struct queue_letters;
struct queue_notices;
struct queue_digests;
struct queue_user_reports;
struct queue_lessons;
struct queue_outbound;
struct queue_scripts;
struct queue_maillists;
struct queue {
	struct role_env *env;
	struct arena mem;
	struct queue_settings *settings;
	struct net_addr *interfaces;
	size_t ninterfaces;
	bool ready, stopping;

	struct blobs *blobs;
	struct sql *queue_db, *trace_db, *shard_db[MAILBOX_SHARDS], *load_db, *sweep_db;
	struct changes *changes; /* who waits for mail learns of it */
	struct commit *queue_commit, *trace_commit, *shard_commit[MAILBOX_SHARDS];
	struct directory *directory;
	struct route_lookup routes;
	struct queue_report_in *report_in;
	struct queue_scan *scan;
	struct link *keys_link, *learn_link;
	struct keys_client *keys;
	struct srs srs;
	struct dns *dns;
	struct sql *tlspolicy_db;
	struct sts *sts;
	struct report_counter *reports;
	struct queue_reports *reporter;
	struct queue_letters *letters;
	struct queue_notices *notices;
	struct queue_digests *digests;
	struct queue_user_reports *user_reports;
	struct queue_lessons *lessons;
	struct queue_maillists *maillists;
	struct queue_scripts *scripts;
	struct queue_outbound *outbound; /* queue_outbound.c; made when needed */
	struct hosts_health *health;

	struct flow *flow;
	struct flow_config flow_config;
	struct settle *settle;
	struct local *local;
	struct group sessions, workers;
	struct cond sessions_changed;

	/* feed */
	struct list links, loads;
	bool loading, sweep_now;
	int64_t sweep_at; /* wall time of the next one */
	int64_t clock; /* wall time less monotonic, when last looked at */
	instant changed; /* when the queue was last changed from outside */
	struct cond sweep_wake;
	msg_id recent[QUEUE_RECENT]; /* came from the database and have left: late datagrams about
					them are dropped */
};

/* ---- queue_feed.c ---- */
/* Serves an edge's link. */
void queue_feed_link(struct queue *q, unsigned instance, int fd);
void queue_feed_close_links(struct queue *q);
/* A message that is in the queue now: its groups go into the window. */
void queue_feed_letter(struct queue *q, struct letter *l);
/* Look into the database soon. */
void queue_feed_sweep(struct queue *q);
/* Something will be due at this wall time. */
void queue_feed_due(struct queue *q, int64_t at);
/* The queue was changed from outside: what waits is read again, and destinations that are down are
 * asked at once. */
void queue_feed_changed(struct queue *q);
/* Coroutine: sweeps until cancelled. */
void queue_feed_sweeper(void *arg);
/* From the database. ERR_NOTFOUND: it has left. */
int queue_feed_load(struct queue *q, msg_id id, struct letter **ret, struct err *e);
/* The group is settled or needs nothing: out of the window. */
void queue_feed_release(struct queue *q, struct flow_item *it, bool from_db);
/* Makes everything that waits for this destination due. */
void queue_feed_hasten(struct queue *q, slice dest);

/* ---- queue_session.c ---- */
/* Settled groups come back by this. */
struct queue_token {
	struct queue *q;
	struct flow_item *item;
	bool from_db;
};
struct queue_session {
	struct queue *q;
	struct flow_session *fs;
	struct queue_settings *settings;
	enum route_kind kind;
	slice name; /* of the route, or the domain */
	char *key;
	struct cond wake;
	bool woken;

	/* of the open connection */
	struct smtpc *smtp;
	struct host host;
	struct arena host_mem;
	char tls_text[128];
	bool lmtp;
	unsigned sent;
	instant opened;

	/* of the present group */
	struct arena mem;
	struct letter *letter;
	struct settle_rcpt *v;
	size_t n;
	struct attempt attempt;
};
void queue_session_start(void *arg, struct flow_session *fs); /* flow_ops */
void queue_session_wake(void *arg, struct flow_session *fs);

/* ---- queue_connect.c ---- */
/* A connection to the first host that answers and is safe enough: 0 with s->smtp; or -1 with what
 * the recipients get, RESULT_FAILED when it is a last word. *ret_asked: a host was found at all. */
int queue_connect(struct queue_session *s, struct result *ret_why, bool *ret_asked);
void queue_note_attempt(
	struct queue_session *s, const struct host *h, int64_t started_at, bool reused);
/* The message demands REQUIRETLS and the open connection cannot give it. */
bool queue_lacks_requiretls(const struct queue_session *s);
slice queue_reply(struct arena *a, const struct smtpc_result *r);

/* ---- queue_smtp.c ---- */
struct queue_smtp_outcome {
	enum flow_verdict verdict;
	slice reason;
	bool untried; /* no host was reached: recipients may be put back */
};
/* Tries to deliver to all recipients in s->v[0..n), whose results are filled in. */
struct queue_smtp_outcome queue_smtp_deliver(struct queue_session *s);
void queue_smtp_close(struct queue_session *s); /* QUIT */

/* ---- queue_scan.c ---- */
struct queue_scan *queue_scan_new(void);
int queue_scan_open(struct queue_scan *s, slice data, struct err *e);
void queue_scan_free(struct queue_scan *s);
void queue_scan_link(struct queue_scan *s, unsigned instance, int fd);
struct link *queue_scan_pick(struct queue_scan *s); /* never NULL */
void queue_scan_run(void *queue_scan); /* a coroutine */

/* ---- queue_report_in.c ---- */
struct queue_report_in *queue_report_in_new(void);
int queue_report_in_open(struct queue_report_in *r, slice data, struct err *e);
void queue_report_in_free(struct queue_report_in *r);
/* Reads the message of the present group and fills in the results. */
void queue_report_in_deliver(struct queue_session *s);

/* ---- queue_user_report.c ---- */
struct queue_user_reports *queue_user_reports_new(void);
int queue_user_reports_open(struct queue_user_reports *u, struct queue *q, struct err *e);
void queue_user_reports_free(struct queue_user_reports *u);
/* Has the letters learned that the message of the present group reports: results for all. */
void queue_user_report_deliver(struct queue_session *s);

/* ---- queue_honeypot.c ---- */
/* Has the letter learned as spam: results for all recipients of the group. */
void queue_honeypot_deliver(struct queue_session *s);
