/*
 * A bucket as the target of backups (backup_target.h): any service that speaks S3, addressed by path (https://HOST/BUCKET/PREFIX/NAME), by
 * libcurl. Objects are smaller than what needs several parts. The digest of the content is in the signature, so that what was damaged on the way
 * is refused there. What may go better later (5xx, 429, no connection) is tried again, with growing pauses.
 *
 * It does not make buckets, and it does not ask a service to keep versions or to lock objects: that is for its owner to set.
 */
#include "base/mem.h"
#include "store/backup_sign.h"
#include "store/backup_target.h"

#include <curl/curl.h>
#include <libxml/parser.h>
#include <pthread.h>
#include <stdio.h>
#include <unistd.h>

enum {
	TRIES = 6,
	ANSWER_MAX = 8 << 20, /* bytes of a list, of an error */
	ERROR_TEXT = 120,
	PAGES_MAX = 1 << 20,
};
#define FIRST_PAUSE (250 * MSEC)
#define CONNECT_TIME 20L
#define SLOW_BYTES 1024L
#define SLOW_TIME 60L

struct s3 {
	struct backup_target base;
	struct arena mem;
	slice scheme_host, host, bucket, prefix; /* prefix: ends with "/", or empty */
	const struct backup_conf *conf;
	const char *ca, *addresses;
	CURL *curl;
};

static struct s3 *s3_of(struct backup_target *t)
{
	return (struct s3 *)t;
}

/* ---- one request ---- */

struct exchange {
	const char *method;
	slice path, query, body;
	const char *range; /* or NULL */
	struct buf *out;
	size_t out_from;
	long status;
	uint64_t length; /* Content-Length of the answer */
	CURLcode code;
	char text[CURL_ERROR_SIZE];
};

static size_t on_bytes(char *data, size_t size, size_t n, void *arg)
{
	struct exchange *x = arg;
	buf_put(x->out, slice_of(data, size * n));
	return buf_ok(x->out) ? size * n : 0;
}

static struct curl_slist *headers_of(struct s3 *s, const struct exchange *x, struct arena *a)
{
	struct backup_signed sig;
	const struct backup_request r = {.method = x->method,
		.host = s->host,
		.path = x->path,
		.query = x->query,
		.body = x->body,
		.region = s->conf->region,
		.key = s->conf->s3_key,
		.secret = s->conf->s3_secret.value,
		.now = wall_now()};
	backup_sign(&r, a, &sig);
	struct curl_slist *h = curl_slist_append(NULL, arena_strz(a, sig.authorization));
	h = curl_slist_append(h, arena_strz(a, sig.date));
	h = curl_slist_append(h, arena_strz(a, sig.digest));
	h = curl_slist_append(h, "Content-Type:");
	return curl_slist_append(h, "Expect:");
}

static void set_connection(struct s3 *s, struct curl_slist **resolve)
{
	CURL *c = s->curl;
	curl_easy_reset(c);
	curl_easy_setopt(c, CURLOPT_PROTOCOLS_STR, "http,https");
	curl_easy_setopt(c, CURLOPT_FOLLOWLOCATION, 0L);
	curl_easy_setopt(c, CURLOPT_PROXY, "");
	curl_easy_setopt(c, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(c, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
	curl_easy_setopt(c, CURLOPT_CONNECTTIMEOUT, CONNECT_TIME);
	curl_easy_setopt(c, CURLOPT_LOW_SPEED_LIMIT, SLOW_BYTES);
	curl_easy_setopt(c, CURLOPT_LOW_SPEED_TIME, SLOW_TIME);
	curl_easy_setopt(c, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
	curl_easy_setopt(c, CURLOPT_USERAGENT, "posthouse");
	if (s->ca) {
		curl_easy_setopt(c, CURLOPT_CAINFO, s->ca);
		curl_easy_setopt(c, CURLOPT_CAPATH, NULL);
	}
	if (s->addresses) {
		*resolve = curl_slist_append(NULL, s->addresses);
		curl_easy_setopt(c, CURLOPT_RESOLVE, *resolve);
	}
}

static void set_request(
	struct s3 *s, struct exchange *x, const char *url, struct curl_slist *headers)
{
	CURL *c = s->curl;
	curl_easy_setopt(c, CURLOPT_URL, url);
	curl_easy_setopt(c, CURLOPT_PATH_AS_IS, 1L);
	curl_easy_setopt(c, CURLOPT_HTTPHEADER, headers);
	curl_easy_setopt(c, CURLOPT_ERRORBUFFER, x->text);
	curl_easy_setopt(c, CURLOPT_WRITEFUNCTION, on_bytes);
	curl_easy_setopt(c, CURLOPT_WRITEDATA, x);
	if (x->range)
		curl_easy_setopt(c, CURLOPT_RANGE, x->range);
	if (strcmp(x->method, "HEAD") == 0) {
		curl_easy_setopt(c, CURLOPT_NOBODY, 1L);
	} else if (strcmp(x->method, "PUT") == 0) {
		curl_easy_setopt(c, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)x->body.n);
		curl_easy_setopt(c, CURLOPT_POSTFIELDS, x->body.p ? x->body.p : "");
		curl_easy_setopt(c, CURLOPT_CUSTOMREQUEST, x->method);
	} else if (strcmp(x->method, "GET") != 0) {
		curl_easy_setopt(c, CURLOPT_CUSTOMREQUEST, x->method);
	}
}

static void perform(struct s3 *s, struct exchange *x)
{
	AUTO(arena) struct arena a = {0};
	struct curl_slist *resolve = NULL, *headers = headers_of(s, x, &a);
	const char *url =
		arena_strz(&a, arena_printf(&a, "%.*s%.*s%s%.*s", SFMT(s->scheme_host),
				       SFMT(x->path), x->query.n ? "?" : "", SFMT(x->query)));
	curl_off_t length = -1;
	x->status = 0;
	x->text[0] = 0;
	x->out->n = x->out_from;
	x->out->full = false;
	set_connection(s, &resolve);
	set_request(s, x, url, headers);
	x->code = curl_easy_perform(s->curl);
	curl_easy_getinfo(s->curl, CURLINFO_RESPONSE_CODE, &x->status);
	curl_easy_getinfo(s->curl, CURLINFO_CONTENT_LENGTH_DOWNLOAD_T, &length);
	x->length = length > 0 ? (uint64_t)length : 0;
	curl_slist_free_all(headers);
	curl_slist_free_all(resolve);
}

/* <Code>NoSuchBucket</Code> */
static slice error_code(slice answer)
{
	size_t at = slice_find(answer, S("<Code>"));
	slice rest = at < answer.n ? slice_skip(answer, at + 6) : S("");
	return slice_first(rest, slice_index(rest, '<'));
}

static int explain(struct s3 *s, const struct exchange *x, struct err *e)
{
	char why[ERROR_TEXT];
	slice code = error_code(slice_skip(buf_slice(x->out), x->out_from));
	if (x->code != CURLE_OK)
		return err_set(e, ERR_TEMP, "%.*s: %s", SFMT(s->host),
			x->text[0] ? x->text : curl_easy_strerror(x->code));
	size_t n = 0;
	for (size_t i = 0; i < code.n && n + 1 < sizeof why; i++)
		why[n++] = code.p[i] >= ' ' && code.p[i] < 127 ? code.p[i] : '?';
	why[n] = 0;
	enum err_kind kind = x->status == 404                       ? ERR_NOTFOUND
			     : x->status == 401 || x->status == 403 ? ERR_DENIED
			     : x->status >= 500 || x->status == 429 || x->status == 408 ? ERR_TEMP
											: ERR_PERM;
	return err_set(e, kind, "%.*s/%.*s: %s %.*s: %ld %s", SFMT(s->host), SFMT(s->bucket),
		x->method, (int)(x->path.n < 80 ? x->path.n : 80), x->path.p, x->status, why);
}

static bool may_go_better(const struct exchange *x)
{
	switch (x->code) {
	case CURLE_OK:
		return x->status >= 500 || x->status == 429 || x->status == 408;
	case CURLE_PEER_FAILED_VERIFICATION:
	case CURLE_SSL_CACERT_BADFILE:
	case CURLE_WRITE_ERROR:
		return false;
	default:
		return true;
	}
}

static int ask(struct s3 *s, struct exchange *x, struct err *e)
{
	int64_t pause = FIRST_PAUSE;
	x->out_from = x->out->n;
	for (int i = 0; i < TRIES; i++, pause *= 2) {
		if (i)
			usleep((useconds_t)pause);
		perform(s, x);
		if (x->code == CURLE_OK && x->status >= 200 && x->status < 300)
			return 0;
		if (!may_go_better(x))
			break;
	}
	explain(s, x, e);
	x->out->n = x->out_from;
	return -1;
}

/* ---- the target ---- */

static slice path_of(struct s3 *s, const char *name, struct arena *a)
{
	slice path = arena_printf(a, "/%.*s/%.*s%s", SFMT(s->bucket), SFMT(s->prefix), name);
	return backup_percent(path, true, a);
}

static int s3_put(
	struct backup_target *t, const char *name, slice bytes, bool replace, struct err *e)
{
	AUTO(arena) struct arena a = {0};
	AUTO(buf) struct buf answer = BUF(ANSWER_MAX);
	struct exchange x = {.method = "PUT",
		.path = path_of(s3_of(t), name, &a),
		.body = bytes,
		.out = &answer};
	(void)replace; /* names are random, and services differ in what they know of conditions */
	return ask(s3_of(t), &x, e);
}

static int s3_get(struct backup_target *t, const char *name, uint64_t at, size_t n, struct buf *out,
	struct err *e)
{
	AUTO(arena) struct arena a = {0};
	char range[64];
	size_t from = out->n;
	if (n == 0)
		return 0;
	snprintf(range, sizeof range, "%llu-%llu", (unsigned long long)at,
		(unsigned long long)(at + n - 1));
	struct exchange x = {
		.method = "GET", .path = path_of(s3_of(t), name, &a), .range = range, .out = out};
	if (ask(s3_of(t), &x, e) < 0) {
		if (x.code == CURLE_OK && x.status == 416)
			return 0; /* behind its end */
		return -1;
	}
	if (x.status == 200) { /* a service that gives all */
		slice all = slice_first(slice_skip(slice_skip(buf_slice(out), from), at), n);
		memmove(out->p + from, all.p ? all.p : out->p, all.n);
		out->n = from + all.n;
	}
	return 0;
}

static int s3_size(struct backup_target *t, const char *name, uint64_t *ret, struct err *e)
{
	AUTO(arena) struct arena a = {0};
	AUTO(buf) struct buf answer = BUF(ANSWER_MAX);
	struct exchange x = {.method = "HEAD", .path = path_of(s3_of(t), name, &a), .out = &answer};
	if (ask(s3_of(t), &x, e) == 0) {
		*ret = x.length;
		return 0;
	}
	/* An answer to HEAD has no words: asked once more, for them. */
	struct exchange why = {.method = "GET", .path = x.path, .range = "0-0", .out = &answer};
	if (e->kind == ERR_DENIED || e->kind == ERR_PERM)
		ask(s3_of(t), &why, e);
	return -1;
}

static int s3_remove(struct backup_target *t, const char *name, struct err *e)
{
	AUTO(arena) struct arena a = {0};
	AUTO(buf) struct buf answer = BUF(ANSWER_MAX);
	struct exchange x = {
		.method = "DELETE", .path = path_of(s3_of(t), name, &a), .out = &answer};
	return ask(s3_of(t), &x, e) < 0 && e->kind != ERR_NOTFOUND ? -1 : 0;
}

/* ---- lists ---- */

struct page {
	struct s3 *s;
	int (*fn)(void *arg, const char *name, uint64_t size, struct err *e);
	void *arg;
	slice next; /* token; empty: the last page */
	struct arena *mem;
};

/* What stands in the element of that name; empty: there is none. */
static slice text_of(xmlNode *node, const char *name, struct arena *a)
{
	AUTO(buf) struct buf text = BUF(ANSWER_MAX);
	for (xmlNode *c = node->children; c; c = c->next) {
		if (c->type != XML_ELEMENT_NODE || strcmp((const char *)c->name, name) != 0)
			continue;
		for (xmlNode *t = c->children; t; t = t->next)
			if (t->type == XML_TEXT_NODE || t->type == XML_CDATA_SECTION_NODE)
				buf_put(&text, slice_z((const char *)t->content));
		break;
	}
	slice s = arena_dup(a, buf_slice(&text));
	return s.p ? s : S("");
}

static int list_entry(struct page *p, xmlNode *node, struct err *e)
{
	AUTO(arena) struct arena a = {0};
	uint64_t size = 0;
	slice key = text_of(node, "Key", &a);
	slice_u64(text_of(node, "Size", &a), &size);
	if (!slice_starts(key, p->s->prefix))
		return 0;
	return p->fn(p->arg, arena_strz(&a, slice_skip(key, p->s->prefix.n)), size, e);
}

static int read_page(struct page *p, slice answer, struct err *e)
{
	xmlDoc *doc = xmlReadMemory(answer.p, (int)answer.n, "list", NULL,
		XML_PARSE_NONET | XML_PARSE_NOERROR | XML_PARSE_NOWARNING);
	xmlNode *root = doc ? xmlDocGetRootElement(doc) : NULL;
	int r = 0;
	if (!root || strcmp((const char *)root->name, "ListBucketResult") != 0)
		r = err_set(e, ERR_TEMP, "%.*s: no list of a bucket", SFMT(p->s->host));
	for (xmlNode *n = r == 0 ? root->children : NULL; r == 0 && n; n = n->next)
		if (n->type == XML_ELEMENT_NODE && strcmp((const char *)n->name, "Contents") == 0)
			r = list_entry(p, n, e);
	p->next = S("");
	if (r == 0 && slice_eq(text_of(root, "IsTruncated", p->mem), S("true")))
		p->next = text_of(root, "NextContinuationToken", p->mem);
	xmlFreeDoc(doc);
	return r;
}

static slice list_query(struct s3 *s, const char *prefix, slice token, struct arena *a)
{
	slice under = backup_percent(arena_printf(a, "%.*s%s", SFMT(s->prefix), prefix), false, a);
	if (token.n == 0)
		return arena_printf(a, "list-type=2&prefix=%.*s", SFMT(under));
	slice from = backup_percent(token, false, a);
	return arena_printf(
		a, "continuation-token=%.*s&list-type=2&prefix=%.*s", SFMT(from), SFMT(under));
}

static int s3_list(struct backup_target *t, const char *prefix,
	int (*fn)(void *arg, const char *name, uint64_t size, struct err *e), void *arg,
	struct err *e)
{
	AUTO(arena) struct arena a = {0};
	AUTO(buf) struct buf answer = BUF(ANSWER_MAX);
	struct s3 *s = s3_of(t);
	struct page p = {.s = s, .fn = fn, .arg = arg, .mem = &a};
	int pages = 0;
	do {
		struct exchange x = {.method = "GET",
			.path = backup_percent(
				arena_printf(&a, "/%.*s", SFMT(s->bucket)), true, &a),
			.query = list_query(s, prefix, p.next, &a),
			.out = &answer};
		buf_reset(&answer);
		if (ask(s, &x, e) < 0 || read_page(&p, buf_slice(&answer), e) < 0)
			return -1;
	} while (p.next.n && ++pages < PAGES_MAX);
	return 0;
}

static void s3_close(struct backup_target *t)
{
	struct s3 *s = s3_of(t);
	if (s->curl)
		curl_easy_cleanup(s->curl);
	arena_done(&s->mem);
	free(s);
}

static const struct backup_target_ops s3_ops = {
	s3_put, s3_get, s3_size, s3_remove, s3_list, s3_close};

static bool split_endpoint(slice endpoint, slice *ret_scheme, slice *ret_host)
{
	size_t at = slice_find(endpoint, S("://"));
	slice scheme = slice_first(endpoint, at), host = slice_skip(endpoint, at + 3);
	if (slice_ends(host, S("/")))
		host.n--;
	if (at == endpoint.n || !(slice_ieq(scheme, S("https")) || slice_ieq(scheme, S("http"))) ||
		host.n == 0 || slice_index(host, '/') < host.n || slice_index(host, '@') < host.n)
		return false;
	*ret_scheme = scheme;
	*ret_host = host;
	return true;
}

bool backup_endpoint(const struct backup_conf *c, slice *ret_host, uint16_t *ret_port)
{
	slice scheme, host;
	uint64_t port;
	if (!split_endpoint(c->endpoint, &scheme, &host))
		return false;
	size_t colon = slice_rindex(host, ':');
	bool has_port = colon < host.n && slice_u64(slice_skip(host, colon + 1), &port) &&
			port > 0 && port < 65536;
	*ret_host = has_port ? slice_first(host, colon) : host;
	*ret_port = has_port ? (uint16_t)port : slice_ieq(scheme, S("http")) ? 80 : 443;
	return true;
}

static void init_once(void)
{
	curl_global_init(CURL_GLOBAL_DEFAULT);
	xmlInitParser();
}

int backup_s3_open(const struct backup_where *w, struct backup_target **ret, struct err *e)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;
	slice scheme, host, rest = slice_skip(w->conf->target, 5);
	pthread_once(&once, init_once);
	if (!split_endpoint(w->conf->endpoint, &scheme, &host))
		return err_set(e, ERR_PROTO, "[backup] endpoint is not https://HOST[:PORT]");
	struct s3 *s = NEW(struct s3);
	size_t slash = slice_index(rest, '/');
	s->base = (struct backup_target){&s3_ops, arena_dup(&s->mem, w->conf->target)};
	s->conf = w->conf;
	s->bucket = arena_dup(&s->mem, slice_first(rest, slash));
	s->prefix = slice_skip(rest, slash + 1);
	while (slice_ends(s->prefix, S("/")))
		s->prefix.n--;
	s->prefix = s->prefix.n ? arena_printf(&s->mem, "%.*s/", SFMT(s->prefix)) : S("");
	s->host = arena_dup(&s->mem, host);
	s->scheme_host = arena_printf(&s->mem, "%.*s://%.*s", SFMT(scheme), SFMT(host));
	s->ca = w->conf->ca.n ? arena_strz(&s->mem, w->conf->ca) : NULL;
	s->addresses = w->addresses.n ? arena_strz(&s->mem, w->addresses) : NULL;
	s->curl = curl_easy_init();
	if (!s->curl) {
		s3_close(&s->base);
		return err_set(e, ERR_TEMP, "libcurl");
	}
	*ret = &s->base;
	return 0;
}
