/*
 * HTTPS requests by libcurl (fetch.h). Called for MTA-STS policies and for reports that are sent by
 * HTTPS. The name is looked up by our resolver first and given to libcurl together with the URL;
 * the transfer runs in the blocking pool, a few at a time, and looks at a flag about once a second,
 * so that a process that ends does not wait for a stranger's server.
 */
#include "run/fetch.h"

#include "base/buf.h"
#include "base/mem.h"
#include "run/co.h"
#include "run/dns.h"
#include "run/pool.h"
#include <curl/curl.h>
#include <pthread.h>

enum { FETCH_ETAG_MAX = 200, FETCH_HEADER_MAX = 4096 };
enum { HOST_BYTES = 256, RESOLVE_BYTES = 2000, PORT_HTTPS = 443 };

/* ---- the URL */

static bool is_host(slice s)
{
	for (size_t i = 0; i < s.n; i++) {
		char c = ascii_lower(s.p[i]);
		if (!((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '.' || c == '-' ||
			    c == '_'))
			return false;
	}
	return s.n > 0 && s.n < HOST_BYTES;
}

bool fetch_url_parse(slice url, slice *ret_host, uint16_t *ret_port)
{
	uint64_t port = PORT_HTTPS;
	if (url.n > FETCH_URL_MAX || !slice_istarts(url, S("https://")))
		return false;
	for (size_t i = 0; i < url.n; i++)
		if (url.p[i] <= ' ' || url.p[i] > '~')
			return false;
	slice rest = slice_skip(url, 8);
	slice host = slice_first(rest, slice_index(rest, '/'));
	size_t colon = slice_index(host, ':');
	if (colon < host.n &&
		(!slice_u64(slice_skip(host, colon + 1), &port) || port == 0 || port > 65535))
		return false;
	host = slice_first(host, colon);
	if (!is_host(host))
		return false;
	*ret_host = host;
	*ret_port = (uint16_t)port;
	return true;
}

/* ---- in a thread of the pool */

struct transfer {
	const struct fetch_want *want;
	const char *url, *ca_file, *post, *post_type, *etag,
		*resolve; /* NUL-terminated; NULL: none */
	int64_t timeout;
	bool stop; /* atomic: give up */
	struct buf body;
	/* results */
	CURLcode code;
	long status;
	char type[200], tag[FETCH_ETAG_MAX];
	char text[CURL_ERROR_SIZE];
	/* the loop's side */
	bool done;
	struct cond finished;
};

static size_t on_body(char *data, size_t size, size_t n, void *arg)
{
	struct transfer *t = arg;
	buf_put(&t->body, slice_of(data, size * n));
	return buf_ok(&t->body) ? size * n : 0;
}

static int on_progress(void *arg, curl_off_t a, curl_off_t b, curl_off_t c, curl_off_t d)
{
	const struct transfer *t = arg;
	(void)a, (void)b, (void)c, (void)d;
	return __atomic_load_n(&t->stop, __ATOMIC_RELAXED) ? 1 : 0;
}

static void set_limits(CURL *c, struct transfer *t)
{
	curl_easy_setopt(c, CURLOPT_PROTOCOLS_STR, "https");
	curl_easy_setopt(c, CURLOPT_FOLLOWLOCATION, 0L);
	curl_easy_setopt(c, CURLOPT_PROXY, "");
	curl_easy_setopt(c, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(c, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
	curl_easy_setopt(c, CURLOPT_TIMEOUT_MS, (long)(t->timeout / MSEC));
	curl_easy_setopt(c, CURLOPT_SSL_VERIFYPEER, 1L);
	curl_easy_setopt(c, CURLOPT_SSL_VERIFYHOST, 2L);
	curl_easy_setopt(c, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
	if (t->ca_file) {
		curl_easy_setopt(c, CURLOPT_CAINFO, t->ca_file);
		curl_easy_setopt(c, CURLOPT_CAPATH, NULL);
	}
}

static void set_callbacks(CURL *c, struct transfer *t)
{
	curl_easy_setopt(c, CURLOPT_ERRORBUFFER, t->text);
	curl_easy_setopt(c, CURLOPT_WRITEFUNCTION, on_body);
	curl_easy_setopt(c, CURLOPT_WRITEDATA, t);
	curl_easy_setopt(c, CURLOPT_XFERINFOFUNCTION, on_progress);
	curl_easy_setopt(c, CURLOPT_XFERINFODATA, t);
	curl_easy_setopt(c, CURLOPT_NOPROGRESS, 0L);
}

static struct curl_slist *set_request(CURL *c, struct transfer *t)
{
	struct curl_slist *headers = NULL;
	curl_easy_setopt(c, CURLOPT_URL, t->url);
	curl_easy_setopt(c, CURLOPT_USERAGENT, "posthouse");
	if (t->etag) {
		char line[FETCH_ETAG_MAX + 32];
		snprintf(line, sizeof line, "If-None-Match: %s", t->etag);
		headers = curl_slist_append(NULL, line);
		curl_easy_setopt(c, CURLOPT_HTTPHEADER, headers);
	}
	if (t->want->authorization.n) {
		AUTO(buf) struct buf line = BUF(FETCH_HEADER_MAX);
		buf_printf(&line, "Authorization: %.*s", SFMT(t->want->authorization));
		buf_byte(&line, 0);
		if (buf_ok(&line))
			headers = curl_slist_append(headers, line.p);
		curl_easy_setopt(c, CURLOPT_HTTPHEADER, headers);
	}
	if (t->post_type) {
		char line[300];
		snprintf(line, sizeof line, "Content-Type: %s", t->post_type);
		headers = curl_slist_append(headers, line);
		headers = curl_slist_append(headers, "Expect:");
		curl_easy_setopt(c, CURLOPT_HTTPHEADER, headers);
		curl_easy_setopt(c, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)t->want->post.n);
		curl_easy_setopt(c, CURLOPT_POSTFIELDS, t->want->post.p ? t->want->post.p : "");
	}
	return headers;
}

static void keep_outcome(CURL *c, struct transfer *t)
{
	const char *type = NULL;
	struct curl_header *tag;
	curl_easy_getinfo(c, CURLINFO_RESPONSE_CODE, &t->status);
	curl_easy_getinfo(c, CURLINFO_CONTENT_TYPE, &type);
	snprintf(t->type, sizeof t->type, "%s", type ? type : "");
	if (curl_easy_header(c, "ETag", 0, CURLH_HEADER, -1, &tag) == CURLHE_OK &&
		strlen(tag->value) < sizeof t->tag)
		snprintf(t->tag, sizeof t->tag, "%s", tag->value);
	if (!t->text[0])
		snprintf(t->text, sizeof t->text, "%s", curl_easy_strerror(t->code));
}

static void init_once(void)
{
	curl_global_init(CURL_GLOBAL_DEFAULT);
}

static void transfer_run(void *arg)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;
	struct transfer *t = arg;
	pthread_once(&once, init_once);
	CURL *c = curl_easy_init();
	t->code = CURLE_FAILED_INIT;
	if (!c)
		return;
	struct curl_slist *resolve = curl_slist_append(NULL, t->resolve);
	curl_easy_setopt(c, CURLOPT_RESOLVE, resolve);
	set_limits(c, t);
	set_callbacks(c, t);
	struct curl_slist *headers = set_request(c, t);
	t->code = curl_easy_perform(c);
	keep_outcome(c, t);
	curl_easy_cleanup(c);
	curl_slist_free_all(headers);
	curl_slist_free_all(resolve);
}

static void transfer_done(void *arg)
{
	struct transfer *t = arg;
	t->done = true;
	cond_wake_all(&t->finished);
}

/* ---- in the loop */

static struct {
	unsigned running;
	bool ready;
	struct cond fewer;
} turn;

static int turn_take(instant deadline, struct err *e)
{
	if (!turn.ready)
		cond_init(&turn.fewer);
	turn.ready = true;
	while (turn.running >= FETCH_AT_ONCE)
		if (cond_wait(&turn.fewer, deadline, e) < 0)
			return -1;
	turn.running++;
	return 0;
}

static void turn_give(void)
{
	turn.running--;
	cond_wake_one(&turn.fewer);
}

static int fail(struct fetch_answer *ret, enum fetch_failure why, struct err *e, const char *text)
{
	ret->failure = why;
	return err_set(e, why == FETCH_BAD_URL ? ERR_PERM : ERR_TEMP, "https: %s", text);
}

/* "HOST:PORT:ADDRESS,ADDRESS" as libcurl takes it. */
static int resolve(struct dns *d, slice host, uint16_t port, bool outside, instant deadline,
	struct arena *a, const char **ret, struct fetch_answer *answer, struct err *e)
{
	struct dns_addr_answer addrs;
	size_t kept = 0;
	struct buf text = BUF(RESOLVE_BYTES);
	if (dns_addr(d, host, deadline, a, &addrs, e) < 0) {
		answer->failure = FETCH_NO_ADDRESS;
		return -1;
	}
	buf_printf(&text, "%.*s:%u:", SFMT(host), port);
	for (size_t i = 0; i < addrs.n; i++) {
		char ip[NET_TEXT_MAX];
		size_t n = net_print_ip(&addrs.v[i], ip);
		bool v6 = addrs.v[i].ss.ss_family == AF_INET6;
		if (outside && net_is_inside(&addrs.v[i]))
			continue;
		buf_printf(&text, "%s%s%.*s%s", kept++ ? "," : "", v6 ? "[" : "", (int)n, ip,
			v6 ? "]" : "");
	}
	*ret = arena_strz(a, buf_slice(&text));
	bool ok = buf_ok(&text);
	buf_done(&text);
	if (kept == 0 || !ok)
		return fail(answer, FETCH_NO_ADDRESS, e,
			addrs.n ? "the host's address is private" : "the host has no address");
	return 0;
}

static enum fetch_failure failure_of(const struct transfer *t)
{
	switch (t->code) {
	case CURLE_OK:
		return FETCH_OK;
	case CURLE_COULDNT_CONNECT:
		return FETCH_NO_CONNECTION;
	case CURLE_SSL_CONNECT_ERROR:
	case CURLE_PEER_FAILED_VERIFICATION:
	case CURLE_SSL_CERTPROBLEM:
	case CURLE_SSL_CACERT_BADFILE:
	case CURLE_SSL_ISSUER_ERROR:
		return FETCH_TLS;
	case CURLE_WRITE_ERROR:
	case CURLE_FILESIZE_EXCEEDED:
		return FETCH_SIZE;
	case CURLE_OPERATION_TIMEDOUT:
		return FETCH_TIME;
	default:
		return FETCH_OTHER;
	}
}

static bool is_type(const char *got, slice want)
{
	slice all = slice_z(got), type;
	return slice_cut(&all, ';', &type) && slice_ieq(slice_trim(type), want);
}

static int judge(struct transfer *t, struct arena *a, struct fetch_answer *ret, struct err *e)
{
	enum fetch_failure f = failure_of(t);
	ret->status = (int)t->status;
	ret->type = arena_dup(a, slice_z(t->type));
	ret->etag = arena_dup(a, slice_z(t->tag));
	if (f == FETCH_SIZE)
		return fail(ret, f, e, "the answer is too large");
	if (f != FETCH_OK)
		return fail(ret, f, e, t->text);
	if (t->status / 100 != 2) {
		snprintf(t->text, sizeof t->text, "status %ld", t->status);
		return fail(ret, FETCH_STATUS, e, t->text);
	}
	if (t->want->type.n && !is_type(t->type, t->want->type)) {
		snprintf(t->text, sizeof t->text, "media type \"%.100s\" instead of %.*s", t->type,
			SFMT(t->want->type));
		return fail(ret, FETCH_TYPE, e, t->text);
	}
	ret->failure = FETCH_OK;
	ret->body = arena_dup(a, buf_slice(&t->body));
	return 0;
}

/* Runs it in the pool; the memory is lent out until it has returned. */
static void transfer(struct transfer *t)
{
	struct err e;
	cond_init(&t->finished);
	pool_post(transfer_run, transfer_done, t);
	while (!t->done) {
		if (cond_wait(&t->finished, INSTANT_NEVER, &e) == 0)
			continue;
		__atomic_store_n(&t->stop, true, __ATOMIC_RELAXED);
		while (!t->done)
			cond_wait_firm(&t->finished);
	}
}

static const char *strz_or_null(struct arena *a, slice s)
{
	return s.n ? arena_strz(a, s) : NULL;
}

static int run(const struct fetch_want *w, const char *addresses, instant deadline, struct arena *a,
	struct fetch_answer *ret, struct err *e)
{
	struct transfer *t = ARENA_NEW(a, struct transfer);
	*t = (struct transfer){
		.want = w,
		.url = arena_strz(a, w->url),
		.ca_file = strz_or_null(a, w->ca_file),
		.etag = strz_or_null(a, slice_first(w->etag, FETCH_ETAG_MAX - 1)),
		.post_type = strz_or_null(a, slice_first(w->post_type, 200)),
		.resolve = addresses,
		.timeout = deadline - instant_now(),
		.body = BUF(w->max < FETCH_BODY_MAX ? w->max : FETCH_BODY_MAX),
	};
	if (t->timeout < MSEC)
		return fail(ret, FETCH_TIME, e, "no time left");
	transfer(t);
	int r = judge(t, a, ret, e);
	buf_done(&t->body);
	return r;
}

int fetch(struct dns *d, const struct fetch_want *w, struct arena *a, struct fetch_answer *ret,
	struct err *e)
{
	instant deadline = instant_in(w->timeout);
	const char *addresses;
	slice host;
	uint16_t port;
	*ret = (struct fetch_answer){.failure = FETCH_OTHER};
	if (!fetch_url_parse(w->url, &host, &port))
		return fail(ret, FETCH_BAD_URL, e, "not an https URL");
	if (resolve(d, host, port, w->outside, deadline, a, &addresses, ret, e) < 0)
		return -1;
	if (turn_take(deadline, e) < 0) {
		ret->failure = e->kind == ERR_TIMEOUT ? FETCH_TIME : FETCH_OTHER;
		return -1;
	}
	int r = run(w, addresses, deadline, a, ret, e);
	turn_give();
	return r;
}
