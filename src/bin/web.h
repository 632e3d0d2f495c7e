/*
 * web: the role behind the pages that people reach by links in digests and notices, and what its files share:
 *
 *	web.c		the process: listening, TLS, links to other processes, end
 *	web_conf.c	section [web]
 *	web_guests.c	how many connections and requests there may be from where
 *	web_page.c	what every page has: head, language, errors, the style sheet
 *	web_store.c	the quarantine, read and changed in the pool's threads
 *	web_token.c	from a link to what it is about
 *	web_letter.c	one held letter: what it is, the button, what pressing it did
 *	web_list.c	all that is held for somebody
 *	web_view.c	a letter's text, its bytes
 *	web_maillist.c	mailing lists
 *	web_report.c	POST /api/report, for the buttons of mail programs
 *
 * GET, HEAD and OPTIONS change nothing; link scanners and mail programs follow links on their own.
 */
#pragma once
#include "base/map.h"
#include "bin/acceptor.h"
#include "bin/cli_words.h"
#include "bin/quarantine_conf.h"
#include "bin/role.h"
#include "bin/token.h"
#include "bin/zones.h"
#include "proto/http/http.h"
#include "run/co.h"

enum web_tls { WEB_TLS_YES, WEB_TLS_NO };
struct web_conf {
	struct conf_addrs listen; /* none: there are no pages */
	int tls; /* enum web_tls */
	struct conf_nets proxies;
	int64_t max_connections, max_per_ip;
	int64_t requests; /* a minute, from one address */
	int64_t bad_links; /* an hour, from one address */
	int64_t idle_time;
	bool reports;
	int64_t reports_per_hour, report_size;
};
extern const struct conf_section web_section;
/* Is there anything to listen on? */
bool web_wanted(const struct config *c);

struct web_store;
struct web_lists;
struct link;
struct scans;
struct rates;
struct blobs;
struct keys_client;
struct web {
	struct role_env *env;
	const struct config *config;
	const struct web_conf *conf;
	struct quarantine_conf *quarantine;
	struct arena mem; /* of the process */
	struct http_hub hub;
	struct http_service service;
	struct tls_ctx *tls;
	struct link *queue_link, *auth_link, *keys_link, *learn_link;
	struct keys_client *keys;
	struct scans *scans;
	struct rates *rates;
	struct map guests; /* struct guest by address */
	unsigned nguests; /* connections */
	struct blobs *blobs;
	struct web_store *store;
	struct web_lists *lists;
	struct signal_words words;
	struct zones zones;
	struct acceptor acceptor;
};
static inline struct web *web_of(const struct http *h)
{
	return h->arg;
}

/* ---- web_guests.c ---- */

/* One more connection from there; false: there are too many. */
bool web_enter(struct web *w, const struct net_addr *from);
void web_leave(struct web *w, const struct net_addr *from);
/* Counts a request; false: it was answered by 429. */
bool web_admit(struct http *h);
/* A link that is none, a login that failed: who tries many is not served for a while. */
void web_count_bad(struct http *h);
bool web_too_bad(struct http *h);
void web_guests_done(struct web *w);

/* ---- web_page.c ---- */

enum { WEB_SUBJECT_COLUMNS = 200, WEB_FORM_MAX = 64 * 1024, WEB_DIGESTS_PER_HOUR = 10 };
bool web_chinese(struct http *h);
/* In the reader's language. */
static inline const char *web_word(struct http *h, const char *en, const char *zh)
{
	return web_chinese(h) ? zh : en;
}
/* Opens the page: title is a word of ours. */
void web_page_begin(struct http *h, const char *title);
void web_page_end(struct http *h);
void web_html(struct http *h, slice text); /* escaped */
void web_text(struct http *h, const char *class, const char *text); /* <p class>; words of ours */
/* A stranger's text: shown harmlessly, cut. */
void web_strange(struct http *h, slice text);
/* "Label: value" rows between _begin and _end; nothing for an empty value. */
void web_facts_begin(struct http *h);
void web_fact(struct http *h, const char *label, slice value);
void web_facts_end(struct http *h);
slice web_time(struct http *h, int64_t wall);
/* A page that says one thing. */
void web_message(
	struct http *h, unsigned status, const char *title, const char *text, const char *advice);
/* 503 with Retry-After, 404 ...: by the kind. Logged. */
void web_failed(struct http *h, const struct err *e);
void web_error_page(struct http *h); /* struct http_service.fail */
void web_style(struct http *h);
void web_robots(struct http *h);
extern const char web_headers[];

/* ---- web_store.c: in coroutines ---- */

int web_store_open(struct web *w, struct err *e);
void web_store_close(struct web_store *s);
int web_load(struct web *w, msg_id id, struct arena *a, struct quarantine_msg *ret, struct err *e);
/* Also wakes the queue and teaches the filter. */
int web_act(struct web *w, const struct quarantine_actor *who, enum quarantine_verb verb, msg_id id,
	int32_t idx, struct arena *a, struct quarantine_done *ret, struct err *e);
/* Whose mail a list is about: one address, or what a group covers. */
struct web_scope {
	const slice *v;
	size_t n;
	bool group;
};
/* ERR_NOTFOUND: there is no such group any more. */
int web_scope_read(struct web *w, slice who, struct arena *a, struct web_scope *ret, struct err *e);
bool web_in_scope(const struct web_scope *s, slice rcpt, struct arena *a);
enum { WEB_LIST_MAX = 200 /* rows of a page */, WEB_SCOPE_MAX = 200 /* patterns of a group */ };
/* What waits for these, what looks like a mistake first. */
int web_list_rows(struct web *w, const struct web_scope *scope, struct arena *a,
	struct quarantine_row **ret, size_t *ret_n, uint64_t *ret_total, struct err *e);
int web_ask_digest(struct web *w, slice who, struct err *e);
struct user_report;
struct user_report_done;
int web_user_report(struct web *w, const struct user_report *r, struct arena *a,
	struct user_report_done *ret, struct err *e);
/* A stored letter's bytes, up to `most` of them. */
int web_read(struct web *w, const struct quarantine_msg *m, uint64_t most, struct buf *out,
	struct err *e);

/* ---- web_token.c ---- */

struct web_item {
	slice text; /* of the token */
	struct token token;
	struct quarantine_actor who;
	struct quarantine_msg m; /* loaded when token.id is set */
	const struct quarantine_rcpt *rcpt; /* NULL: all, or the list */
	int32_t idx;
	struct web_scope scope; /* of the list */
};
/* From the path's second segment, and for the list's token from `item` in the query or form. False: the response is
 * made. */
bool web_item_read(struct http *h, slice form, struct web_item *ret);
/* Of a form that was posted: -1, the response is made. */
int web_form_check(struct http *h, slice token, slice form);
bool web_may(struct web *w, const struct web_item *i, enum quarantine_verb verb,
	const char **ret_en, const char **ret_zh);
/* "<form ...>" that posts to the token's page (and suffix), with what web_form_check wants. -1: the response is made. */
int web_form_begin(struct http *h, slice token, const char *suffix);

/* ---- handlers ---- */

void web_token_get(struct http *h), web_token_post(struct http *h), web_digest_post(struct http *h);
void web_letter_page(struct http *h, const struct web_item *i);
void web_letter_act(struct http *h, const struct web_item *i, slice form);
/* From, subject ... and why. */
void web_letter_facts(struct http *h, const struct web_item *i);
/* Reasons in words, at most `most`, separated. */
slice web_reasons(struct http *h, slice signals, unsigned most);
const char *web_verb_word(struct http *h, enum quarantine_verb verb);
const char *web_done_word(struct http *h, enum quarantine_verb verb);
void web_list_page(struct http *h, const struct web_item *i);
void web_list_act(struct http *h, const struct web_item *i, slice form);
void web_view_page(struct http *h, const struct web_item *i);
void web_view(struct http *h), web_file(struct http *h);
void web_report(struct http *h);

/* ---- web_maillist.c ---- */

int web_lists_open(struct web *w, struct err *e);
void web_lists_close(struct web_lists *l); /* NULL is fine */
void web_maillist_get(struct http *h), web_maillist_post(struct http *h);
