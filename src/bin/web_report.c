/*
 * POST /api/report (web.h): the buttons "this is spam" and "this is not" of mail programs. HTTP Basic (RFC 7617) over TLS
 * alone, checked by the auth process with its limits; then user_report.h.
 *
 *	Content-Type: application/json		{"kind": "spam", "message": "... the letter ..."}
 *	Content-Type: message/rfc822		?kind=spam (or ham); the letter as it is
 *
 * The answer is JSON: {"done": "learned"}, or {"error": "..."} with a status that says whether to come again.
 */
#include "bin/web.h"

#include "base/b64.h"
#include "base/mem.h"
#include "bin/auth_client.h"
#include "bin/user_report.h"
#include "codec/json_read.h"
#include "defence/rate.h"
#include "run/log.h"
#include "run/metrics.h"
#include <jansson.h>

METRIC_COUNTER(reported, "posthouse_web_reports_total", "", "Letters reported by mail programs.");

enum { BASIC_MAX = 1000 };

static void say(struct http *h, unsigned status, const char *key, slice value)
{
	if (status != 200)
		http_fail(h, status);
	buf_reset(&h->out);
	h->status = status;
	json_t *j = json_object();
	json_object_set_new(j, key, json_stringn(value.n ? value.p : "", value.n));
	AUTO(free) char *text = json_dumps(j, JSON_COMPACT);
	json_decref(j);
	if (status == 200) {
		http_header(h, S("Content-Type"), S("application/json"));
		http_header(h, S("Cache-Control"), S("no-store"));
	}
	buf_printf(&h->out, "%s\n", text ? text : "{}");
}

static void refuse(struct http *h, unsigned status, const char *why)
{
	say(h, status, "error", slice_z(why));
}

/* ---- who ---- */

/* The words of Basic as SASL PLAIN has them: NUL user NUL password. */
static bool read_basic(struct http *h, struct buf *ret_plain)
{
	slice v = http1_field(h->head, S("authorization"));
	AUTO(buf) struct buf both = BUF(BASIC_MAX);
	if (!slice_istarts(v, S("Basic ")) || !b64_decode(&both, slice_trim(slice_skip(v, 6))))
		return false;
	slice pair = buf_slice(&both);
	size_t colon = slice_index(pair, ':');
	bool fine = colon > 0 && colon < pair.n && slice_index(pair, 0) == pair.n;
	if (fine) {
		buf_byte(ret_plain, 0);
		buf_put(ret_plain, slice_first(pair, colon));
		buf_byte(ret_plain, 0);
		buf_put(ret_plain, slice_skip(pair, colon + 1));
	}
	if (both.p)
		explicit_bzero(both.p, both.cap);
	return fine && buf_ok(ret_plain);
}

static void ask_auth(struct http *h, slice plain, struct auth_reply *ret)
{
	struct auth_exchange x = {.link = web_of(h)->auth_link};
	const struct auth_request q = {.response = plain,
		.mech = S("PLAIN"),
		.has_initial = true,
		.secure = h->secure,
		.ip = slice_z(h->ip),
		.service = S("web"),
		.client = http1_field(h->head, S("user-agent"))};
	auth_client_start(&x, &q, h->a, ret);
	auth_client_cancel(&x); /* one step is all there is */
}

static void ask_for_login(struct http *h)
{
	refuse(h, 401, "log in with name and password");
	http_header(h, S("WWW-Authenticate"), S("Basic realm=\"mail\", charset=\"UTF-8\""));
}

/* False: the response is made. */
static bool log_in(struct http *h, slice *ret_login)
{
	AUTO(buf) struct buf plain = BUF(BASIC_MAX + 8);
	struct auth_reply reply;
	if (!h->secure) {
		refuse(h, 403, "only over TLS");
		return false;
	}
	if (!read_basic(h, &plain)) {
		ask_for_login(h);
		return false;
	}
	ask_auth(h, buf_slice(&plain), &reply);
	explicit_bzero(plain.p, plain.cap);
	if (reply.outcome == AUTH_OK) {
		*ret_login = reply.login;
		return true;
	}
	if (reply.outcome == AUTH_EXPIRED || reply.outcome == AUTH_NOT_HERE) {
		log_warn(NULL, "web.login", F("ip", (const char *)h->ip), F("why", reply.why));
		say(h, 403, "error", reply.say); /* who is right hears why it is refused all the same */
		return false;
	}
	if (reply.outcome == AUTH_FAILED) {
		web_count_bad(h);
		log_warn(NULL, "web.login", F("ip", (const char *)h->ip), F("why", reply.why));
		ask_for_login(h);
		return false;
	}
	log_error(NULL, "web.login", F("why", reply.why));
	refuse(h, 503, "try again later");
	return false;
}

/* ---- what ---- */

static bool read_kind(slice s, bool *ret_spam)
{
	*ret_spam = slice_eq(s, S("spam")) || slice_eq(s, S("phishing"));
	return *ret_spam || slice_eq(s, S("ham"));
}

/* *ret_json holds what *ret borrows. False: the response is made. */
static bool read_report(struct http *h, struct user_report *ret, json_t **ret_json)
{
	slice type = http1_field(h->head, S("content-type")), body, kind = {0};
	json_error_t bad;
	type = slice_trim(slice_first(type, slice_index(type, ';')));
	bool json = slice_ieq(type, S("application/json"));
	if (!json && !slice_ieq(type, S("message/rfc822"))) {
		refuse(h, 415, "application/json or message/rfc822");
		return false;
	}
	if (http_body(h, (size_t)web_of(h)->conf->report_size, &body) < 0) {
		refuse(h, h->status, http1_reason(h->status));
		return false;
	}
	ret->letter = body;
	if (json) {
		*ret_json = json_loadb(body.p, body.n, 0, &bad);
		kind = json_read_text(*ret_json, "kind");
		ret->letter = json_read_text(*ret_json, "message");
	} else {
		http_query(h, S("kind"), &kind);
	}
	if (read_kind(kind, &ret->spam) && ret->letter.n)
		return true;
	refuse(h, 400, "kind (spam, ham) or message is missing");
	return false;
}

void web_report(struct http *h)
{
	struct web *w = web_of(h);
	struct user_report r = {0};
	struct user_report_done done;
	json_t *json = NULL;
	struct err e;
	if (!w->conf->reports) {
		refuse(h, 404, "switched off");
		return;
	}
	if (web_too_bad(h) || !log_in(h, &r.who))
		return;
	if (rates_count(w->rates, RATE_WEB_REPORTS, r.who, 1) > w->conf->reports_per_hour) {
		refuse(h, 429, "too many reports");
		http_header(h, S("Retry-After"), S("600"));
		return;
	}
	if (read_report(h, &r, &json)) {
		if (web_user_report(w, &r, h->a, &done, &e) < 0) {
			log_error(NULL, "web.report", F("user", r.who), F("error", &e));
			refuse(h, 503, "try again later");
		} else {
			metric_add(&reported, 1);
			log_info(NULL, "web.reported", F("user", r.who), F("spam", r.spam),
				F("done", user_report_fate_name(done.fate)));
			say(h, 200, "done", slice_z(user_report_fate_name(done.fate)));
		}
	}
	json_decref(json);
}
