/*
 * config: the configuration of the whole product: which sections and keys exist, what they mean,
 * their defaults. The engine is run/conf.h. An empty or missing file is a working configuration.
 *
 * Durations are microseconds, sizes bytes. Strings are NUL-terminated behind their end. Everything
 * is borrowed from the struct config.
 */
#pragma once
#include "base/arena.h"
#include "mail/sign.h"
#include "mail/srs.h"
#include "proto/smtpd/smtpd.h"
#include "bin/auth_conf.h"
#include "bin/scan.h"
#include "defence/autowhite.h"
#include "defence/greylist.h"
#include "defence/fingerprint.h"
#include "defence/reputation.h"
#include "run/conf.h"
#include "run/dns.h"
#include "store/kv.h"

struct filter_conf;
struct policy_conf;
struct verify_conf;
struct reports_conf;
struct learning_conf;
struct digest_conf;
struct alarm_conf;
struct quarantine_conf;

#define CONFIG_PATH "/etc/posthouse/posthouse.conf"

struct server_conf {
	slice hostname; /* empty: see config.hostname */
	slice data, run, user;
	int64_t edges; /* 0: one a processor */
	int sandbox; /* enum sandbox_mode */
	int64_t stop_time, drain_time;
};

struct tls_conf {
	slice certificate, key; /* empty: see config.certificate, config.key */
	slice ciphers;
	slice ca;
};

struct connections_conf {
	int64_t max, max_per_ip;
	int64_t stress; /* percent */
	int64_t traced_refusals;
};

/* Asking backends about recipients at RCPT. */
enum callout_failure { CALLOUT_TRY_LATER, CALLOUT_ACCEPT };
struct callout_conf {
	int64_t timeout, good, bad, entries;
	int if_unreachable; /* enum callout_failure */
};

struct queue_conf {
	int64_t lifetime, delay_warning;
	struct conf_list retry; /* durations, checked */
	int64_t window;
	slice postmaster; /* empty: see config.postmaster */
	slice double_bounces; /* address, or empty */
	int64_t bounce_size;
};

struct delivery_conf {
	int64_t max_connections, per_destination, per_destination_start;
	int64_t connect_timeout, command_timeout, data_timeout;
	int64_t reuse_time, reuse_messages;
	slice source_v4, source_v6, helo;
	int64_t port;
	int tls; /* enum smtpc_tls */
	bool dane, mta_sts;
	struct conf_list tls_exceptions; /* domains, ".domain" for all below */
	bool plus_folders, forward_outside, autoreply;
};

struct store_conf {
	int64_t min_free, trace_keep, gc_every;
};

struct log_conf {
	int level; /* enum log_level */
};

/* A section [smtp "NAME"]. Without any: "mx", "submission", "submissions". */
struct listener {
	slice name;
	const struct smtpd_conf *conf;
};

struct config {
	struct arena mem;
	struct conf *conf;
	slice path;
	const struct server_conf *server;
	const struct tls_conf *tls;
	const struct connections_conf *connections;
	const struct callout_conf *callout;
	const struct auth_conf *auth;
	const struct queue_conf *queue;
	const struct delivery_conf *delivery;
	const struct dns_config *dns;
	const struct store_conf *store;
	const struct log_conf *log;
	const struct signing_conf *signing;
	const struct srs_conf *srs;
	const struct kv_conf *kv;
	const struct reputation_conf *reputation;
	const struct fingerprints_conf *fingerprints;
	const struct greylist_conf *greylist;
	const struct autowhite_conf *autowhite;
	const struct digest_conf *digest; /* mail/digest.h */
	const struct alarm_conf *alarm; /* the same */
	const struct quarantine_conf *quarantine; /* quarantine_conf.h */
	const struct scan_conf *scan;
	const struct filter_conf *filter; /* filter_conf.h */
	const struct policy_conf *policy; /* policy_conf.h */
	const struct verify_conf *verify; /* edge_verify.h */
	const struct reports_conf *reports; /* mail/report_conf.h */
	const struct learning_conf *learning; /* training/conf.h */
	/* Worked out from the above. */
	slice hostname; /* never empty */
	slice certificate, key; /* files; the default ones may not exist yet */
	slice postmaster; /* an address */
	unsigned edges;
	int64_t *retry; /* waits between attempts; the last one repeats */
	size_t nretry;
	struct listener *listeners;
	size_t nlisteners;
};

/* `path` empty: CONFIG_PATH, and no such file is the empty configuration. Mistakes go to
 * *ret_errors (its strings live in *mem) and the first to *e. On -1 there is nothing to free. */
int config_load(slice path, enum conf_lang lang, struct config *ret, struct arena *mem,
	struct conf_errors *ret_errors, struct err *e);
/* From text that another process loaded (config_text). */
int config_parse(slice text, slice path, struct config *ret, struct err *e);
/* All values, includes resolved, for handing to a child. */
void config_text(const struct config *c, struct buf *out);
void config_done(struct config *c);
static inline void auto_config(struct config *c)
{
	config_done(c);
}

/* All sections, ends with NULL: for conf_print_defaults. */
extern const struct conf_section *const config_sections[];
