/*
 * Tokens of an OpenID Connect provider (identity.h): its configuration by discovery (OpenID Connect Discovery 1.0 section 4), its keys, fetched again
 * when they are old or a token names one that is not known, the claims of a token that verifies (codec/jwt.h), and for tokens that
 * say nothing themselves introspection (RFC 7662). Old keys go on while the provider does not answer.
 */
#include "base/b64.h"
#include "base/mem.h"
#include "base/time.h"
#include "bin/identity.h"
#include "codec/json_read.h"
#include "codec/jwt.h"
#include "run/fetch.h"
#include "run/log.h"

enum { DOCUMENT_MAX = 256 * 1024, FETCH_TIME_S = 10 };
#define KEYS_FRESH HOUR /* then they are fetched again beside their use */
#define KEYS_DEAD DAY /* then they count no more */
#define KEYS_FIRST_WAIT (2 * SECOND) /* before we are ready */
#define KEYS_FIRST SECOND /* while there are none at all */
#define KEYS_AGAIN (10 * SECOND) /* not more often, whatever tokens say */

struct oidc {
	const struct config *config;
	const struct oidc_conf *conf;
	struct dns *dns;
	struct jwks *keys;
	instant fetched, tried;
	bool fetching;
	struct cond done;
};

struct oidc *oidc_new(const struct config *c, struct dns *dns)
{
	struct oidc *o = NEW(struct oidc);
	o->config = c;
	o->conf = conf_get(c->conf, &oidc_section);
	o->dns = dns;
	cond_init(&o->done);
	return o;
}

void oidc_free(struct oidc *o)
{
	if (!o)
		return;
	jwks_free(o->keys);
	free(o);
}

/* ---- documents ---- */

static int get(struct oidc *o, slice url, struct arena *a, slice *ret, struct err *e)
{
	struct fetch_answer answer;
	const struct fetch_want w = {.url = url,
		.ca_file = o->config->tls->ca,
		.max = DOCUMENT_MAX,
		.timeout = FETCH_TIME_S * SECOND};
	if (fetch(o->dns, &w, a, &answer, e) < 0)
		return err_wrap(e, "%.*s", SFMT(slice_first(url, 100)));
	*ret = answer.body;
	return 0;
}

static slice without_slash(slice s)
{
	while (s.n && s.p[s.n - 1] == '/')
		s.n--;
	return s;
}

/* Where the keys are. The document must be the issuer's own (Discovery 4.3). */
static int discover(struct oidc *o, struct arena *a, slice *ret_url, struct err *e)
{
	slice body;
	json_error_t bad;
	slice url = arena_printf(
		a, "%.*s/.well-known/openid-configuration", SFMT(without_slash(o->conf->issuer)));
	if (get(o, url, a, &body, e) < 0)
		return -1;
	json_t *j = json_loadb(body.p ? body.p : "", body.n, JSON_REJECT_DUPLICATES, &bad);
	slice issuer = json_read_text(j, "issuer"), keys = json_read_text(j, "jwks_uri");
	int r = slice_eq(issuer, o->conf->issuer)
			? (slice_starts(keys, S("https://"))
					  ? 0
					  : err_set(e, ERR_TEMP,
						    "discovery: no jwks_uri with https"))
			: err_set(e, ERR_TEMP, "discovery: the document is of another issuer: %.*s",
				  SFMT(slice_first(issuer, 100)));
	if (r == 0)
		*ret_url = arena_dup(a, keys);
	json_decref(j);
	return r;
}

static int fetch_keys(struct oidc *o, struct err *e)
{
	AUTO(arena) struct arena a = {0};
	struct jwks *fresh;
	slice url, body;
	if (discover(o, &a, &url, e) < 0 || get(o, url, &a, &body, e) < 0 ||
		jwks_parse(body, &fresh, e) < 0)
		return -1;
	jwks_free(o->keys);
	o->keys = fresh;
	o->fetched = instant_now();
	log_info(NULL, "identity.keys", F("issuer", o->conf->issuer), F("keys", jwks_count(fresh)));
	return 0;
}

/* Once at a time; the others wait for it. -1 only when there are no keys to work with. */
static int refresh(struct oidc *o, struct err *e)
{
	instant deadline = instant_in(2 * FETCH_TIME_S * SECOND);
	while (o->fetching)
		if (cond_wait(&o->done, deadline, e) < 0)
			return -1;
	if (o->tried && instant_now() - o->tried < (o->keys ? KEYS_AGAIN : KEYS_FIRST))
		return o->keys ? 0
			       : err_set(e, ERR_TEMP,
					 "the issuer's keys could not be fetched lately");
	o->fetching = true;
	o->tried = instant_now();
	int r = fetch_keys(o, e);
	o->fetching = false;
	cond_wake_all(&o->done);
	if (r < 0)
		log_warn(NULL, "identity.keys", F("issuer", o->conf->issuer), F("error", e));
	return o->keys ? 0 : r;
}

static int need_keys(struct oidc *o, struct err *e)
{
	int64_t age = o->keys ? instant_now() - o->fetched : KEYS_DEAD;
	if (age < KEYS_FRESH)
		return 0;
	if (refresh(o, e) < 0)
		return -1;
	return instant_now() - o->fetched < KEYS_DEAD
		       ? 0
		       : err_set(e, ERR_TEMP, "the issuer's keys are too old");
}

void oidc_warm_up(struct oidc *o)
{
	struct err e;
	need_keys(o, &e);
}

/* A login by token in the first moment would be told to come again; an issuer that is silent holds nobody up for longer. */
void oidc_wait_warm(struct oidc *o)
{
	instant deadline = instant_in(KEYS_FIRST_WAIT);
	struct err e;
	while (!o->keys && (o->fetching || !o->tried))
		if (cond_wait(&o->done, deadline, &e) < 0)
			return;
}

/* ---- whose it is ---- */

static int address_of(
	const struct oidc *o, const json_t *claims, struct arena *a, slice *ret, struct err *e)
{
	AUTO(buf) struct buf name = BUF(100);
	buf_put(&name, o->conf->claim);
	buf_byte(&name, 0);
	slice v = buf_ok(&name) ? json_read_text(claims, name.p) : S("");
	const json_t *verified = json_object_get(claims, "email_verified");
	if (v.n == 0 || v.n > 320)
		return err_set(e, ERR_DENIED, "the token has no claim %.*s", SFMT(o->conf->claim));
	/* An address that its owner only claims to have opens nobody's mailbox. */
	if (slice_eq(o->conf->claim, S("email")) && verified && !json_is_true(verified))
		return err_set(e, ERR_DENIED, "the address in the token is not verified");
	if (slice_index(v, '@') < v.n)
		*ret = arena_dup(a, v);
	else if (o->conf->domain.n)
		*ret = arena_printf(a, "%.*s@%.*s", SFMT(v), SFMT(o->conf->domain));
	else
		return err_set(e, ERR_DENIED, "the claim is no address");
	return 0;
}

static int verify(struct oidc *o, slice token, struct arena *a, slice *ret, struct err *e)
{
	const struct jwt_expect x = {.issuer = o->conf->issuer,
		.audiences = o->conf->audience.v,
		.naudiences = o->conf->audience.n,
		.now = wall_now() / SECOND,
		.skew = o->conf->skew / SECOND,
		.max_life = o->conf->max_life / SECOND};
	json_t *claims;
	if (need_keys(o, e) < 0)
		return -1;
	int r = jwt_verify(o->keys, token, &x, &claims, e);
	if (r < 0 &&
		e->kind ==
			ERR_NOTFOUND) { /* the provider has changed its keys, or somebody made one up */
		if (refresh(o, e) < 0)
			return -1;
		r = jwt_verify(o->keys, token, &x, &claims, e);
	}
	if (r < 0) {
		if (e->kind == ERR_NOTFOUND)
			e->kind = ERR_DENIED;
		return -1;
	}
	r = address_of(o, claims, a, ret, e);
	json_decref(claims);
	return r;
}

/* ---- introspection (RFC 7662) ---- */

static void percent(struct buf *out, slice s)
{
	for (size_t i = 0; i < s.n; i++) {
		unsigned char c = (unsigned char)s.p[i];
		bool plain = (c >= '0' && c <= '9') ||
			     (ascii_lower((char)c) >= 'a' && ascii_lower((char)c) <= 'z') ||
			     c == '-' || c == '.' || c == '_' || c == '~';
		if (plain)
			buf_byte(out, (char)c);
		else
			buf_printf(out, "%%%02X", c);
	}
}

static bool audience_fits(const struct oidc *o, const json_t *j)
{
	const json_t *aud = json_object_get(j, "aud"), *one;
	size_t k;
	for (size_t i = 0; i < o->conf->audience.n; i++) {
		slice want = o->conf->audience.v[i];
		if (slice_eq(json_read_text(j, "aud"), want) ||
			slice_eq(json_read_text(j, "client_id"), want))
			return true;
		json_array_foreach(aud, k,
			one) if (json_is_string(one) &&
				 slice_eq(slice_of(json_string_value(one), json_string_length(one)),
					 want)) return true;
	}
	return false;
}

static int judge_answer(
	const struct oidc *o, const json_t *j, struct arena *a, slice *ret, struct err *e)
{
	int64_t now = wall_now() / SECOND, exp = json_read_count(j, "exp");
	slice iss = json_read_text(j, "iss");
	if (!json_is_object(j))
		return err_set(e, ERR_TEMP, "introspection: no JSON");
	if (!json_is_true(json_object_get(j, "active")))
		return err_set(e, ERR_DENIED, "the token is not active");
	if (exp && now - o->conf->skew / SECOND >= exp)
		return err_set(e, ERR_DENIED, "the token has expired");
	if (iss.n && !slice_eq(iss, o->conf->issuer))
		return err_set(e, ERR_DENIED, "the token is of another issuer");
	if (!audience_fits(o, j))
		return err_set(e, ERR_DENIED, "the token is for another audience");
	return address_of(o, j, a, ret, e);
}

static int introspect(struct oidc *o, slice token, struct arena *a, slice *ret, struct err *e)
{
	AUTO(buf) struct buf post = BUF(3 * JWT_MAX + 100);
	AUTO(buf) struct buf basic = BUF(2000);
	AUTO(buf) struct buf header = BUF(3000);
	struct fetch_answer answer;
	json_error_t bad;
	buf_put(&post, S("token_type_hint=access_token&token="));
	percent(&post, token);
	percent(&basic, o->conf->client_id); /* RFC 6749 2.3.1 */
	buf_byte(&basic, ':');
	percent(&basic, o->conf->client_secret.value);
	buf_put(&header, S("Basic "));
	b64_encode(&header, buf_slice(&basic));
	if (!buf_ok(&post) || !buf_ok(&header))
		return err_set(e, ERR_DENIED, "the token is too long");
	const struct fetch_want w = {.url = o->conf->introspection,
		.ca_file = o->config->tls->ca,
		.max = DOCUMENT_MAX,
		.timeout = FETCH_TIME_S * SECOND,
		.post = buf_slice(&post),
		.post_type = S("application/x-www-form-urlencoded"),
		.authorization = buf_slice(&header)};
	if (fetch(o->dns, &w, a, &answer, e) < 0) {
		e->kind = ERR_TEMP;
		return err_wrap(e, "introspection");
	}
	json_t *j = json_loadb(
		answer.body.p ? answer.body.p : "", answer.body.n, JSON_REJECT_DUPLICATES, &bad);
	int r = judge_answer(o, j, a, ret, e);
	json_decref(j);
	return r;
}

static bool looks_signed(slice token)
{
	size_t first = slice_index(token, '.');
	slice rest = slice_skip(token, first + 1);
	size_t second = slice_index(rest, '.');
	return first < token.n && second < rest.n &&
	       slice_index(slice_skip(rest, second + 1), '.') == rest.n - second - 1;
}

int oidc_token(struct oidc *o, slice token, struct arena *a, slice *ret_address, struct err *e)
{
	int r;
	if (token.n > JWT_MAX)
		return err_set(e, ERR_DENIED, "the token is too long");
	if (looks_signed(token))
		r = verify(o, token, a, ret_address, e);
	else if (o->conf->introspection.n)
		r = introspect(o, token, a, ret_address, e);
	else
		r = err_set(e, ERR_DENIED,
			"not a signed token, and [oidc] introspection names nobody to ask");
	if (r < 0 && e->kind != ERR_DENIED)
		e->kind = ERR_TEMP;
	return r;
}
