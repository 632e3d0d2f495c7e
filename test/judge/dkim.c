/*
 * Judge of DKIM: reads one JSON object a line and answers with one. Messages have CRLF line ends
 * and come in base64, since real mail is not always UTF-8.
 *
 *	{"do": "verify", "zone": {...}, "message": BASE64, "now": 1700000000, "chunk": 1000}
 *	{"signatures": [{"result": "pass", "reason": "...", "domain": "...", "selector": "...",
 *	  "algorithm": "rsa-sha256", "bits": 2048, "testing": false, "partial": false, "b": "..."}],
 *	 "skipped": 0, "from": 1, "asked": 1}
 *
 *	{"do": "body", "message": BASE64}       only whether bh= fits, in order of appearance:
 *	{"signatures": [{"fault": "", "fits": true, "domain": "..."}]}
 *
 *	{"do": "sign", "message": BASE64, "domain": "...", "identity": "", "now": 1, "lifetime": 0,
 *	 "keys": [{"selector": "...", "pem": "..."}]}
 *	{"fields": "DKIM-Signature: ..."}
 *
 * The zone (lib_zone.h) stays until another is given. "chunk": how many bytes of the body are given
 * at a time.
 */
#include "senderauth/dkim.h"
#include "base/b64.h"
#include "lib_zone.h"
#include "senderauth/signer_testing.h"

#include <stdio.h>

static _Noreturn void refuse(const char *why)
{
	fprintf(stderr, "dkim: %s\n", why);
	exit(2);
}

static slice member(json_t *o, const char *key)
{
	json_t *s = json_object_get(o, key);
	return slice_of(json_string_value(s), json_string_length(s));
}

static int64_t number(json_t *o, const char *key, int64_t otherwise)
{
	json_t *n = json_object_get(o, key);
	return n ? json_integer_value(n) : otherwise;
}

static slice message_of(json_t *request, struct arena *a)
{
	AUTO(buf) struct buf out = BUF(1 << 28);
	if (!b64_decode(&out, member(request, "message")))
		refuse("the message is not base64");
	return arena_dup(a, buf_slice(&out));
}

static void add_body(struct body_hashes *b, slice body, size_t chunk)
{
	for (; body.n; body = slice_skip(body, chunk))
		body_hashes_add(b, slice_first(body, chunk));
	body_hashes_end(b);
}

static json_t *text(slice s)
{
	json_t *t = json_stringn(s.n ? s.p : "", s.n);
	return t ? t : json_string("(not UTF-8)");
}

static json_t *one_result(const struct dkim_result *r)
{
	const struct dkim_field *f = &r->field;
	const char *algorithm = f->signature.n ? dkim_algorithm_name(f->algorithm) : "";
	json_t *o = json_object();
	json_object_set_new(o, "result", json_string(auth_result_name(r->result)));
	json_object_set_new(o, "reason", json_string(r->reason));
	json_object_set_new(o, "domain", text(f->domain));
	json_object_set_new(o, "selector", text(f->selector));
	json_object_set_new(o, "algorithm", json_string(algorithm));
	json_object_set_new(o, "bits", json_integer(r->bits));
	json_object_set_new(o, "testing", json_boolean(r->testing));
	json_object_set_new(o, "partial", json_boolean(r->partial));
	json_object_set_new(o, "b", text(f->b_text));
	return o;
}

static json_t *verify(struct zone *z, json_t *request)
{
	AUTO(arena) struct arena a = {0};
	slice message = message_of(request, &a);
	slice header = slice_first(message, header_length(message));
	struct body_hashes *b = body_hashes_new(&a);
	struct lookup l = zone_lookup(z);
	struct dkim_policy policy = DKIM_POLICY_DEFAULT;
	struct dkim_results r;
	struct dkim_verifier *v =
		dkim_verify_new(&a, header, b, &policy, number(request, "now", 0));
	add_body(b, slice_skip(message, header.n), (size_t)number(request, "chunk", 1 << 28));
	z->asked = 0;
	dkim_verify_finish(v, &l, INSTANT_NEVER, &r);
	body_hashes_free(b);
	json_t *o = json_object(), *list = json_array();
	for (size_t i = 0; i < r.n; i++)
		json_array_append_new(list, one_result(&r.v[i]));
	json_object_set_new(o, "signatures", list);
	json_object_set_new(o, "skipped", json_integer((json_int_t)r.skipped));
	json_object_set_new(o, "from", json_integer(r.from_fields));
	json_object_set_new(o, "asked", json_integer(z->asked));
	return o;
}

/* One signature's body hash by itself. */
static json_t *one_body(slice value, slice body, struct arena *a)
{
	struct dkim_field f;
	bool fits = false;
	enum dkim_fault fault = dkim_field_parse(value, DKIM_SIGNATURE, a, &f);
	if (!fault) {
		struct body_hashes *b = body_hashes_new(a);
		bool sha1 = f.algorithm == DKIM_RSA_SHA1;
		int i = body_hashes_want(b, f.body_canon, sha1 ? BODY_SHA1 : BODY_SHA256, f.length);
		add_body(b, body, 4096);
		fits = slice_eq(body_hashes_get(b, i), f.body_hash) &&
		       (f.length < 0 || (uint64_t)f.length <= body_hashes_length(b, i));
		body_hashes_free(b);
	}
	json_t *o = json_object();
	json_object_set_new(o, "fault", json_string(fault ? dkim_fault_text(fault) : ""));
	json_object_set_new(o, "fits", json_boolean(fits));
	json_object_set_new(o, "domain", text(f.domain));
	return o;
}

static json_t *bodies(json_t *request)
{
	AUTO(arena) struct arena a = {0};
	slice message = message_of(request, &a);
	size_t header = header_length(message);
	struct header_field f;
	json_t *o = json_object(), *list = json_array();
	for (size_t i = 0; header_find(slice_first(message, header), S("DKIM-Signature"), i, &f);
		i++)
		json_array_append_new(list, one_body(f.value, slice_skip(message, header), &a));
	json_object_set_new(o, "signatures", list);
	return o;
}

static void add_keys(struct test_signer *t, json_t *request)
{
	json_t *key;
	size_t i;
	json_array_foreach(json_object_get(request, "keys"), i,
		key) if (!test_signer_add(t, member(request, "domain"), member(key, "selector"),
				 member(key, "pem"))) refuse("no private key");
}

static json_t *sign(json_t *request)
{
	AUTO(arena) struct arena a = {0};
	AUTO(buf) struct buf out = BUF(1 << 20);
	slice message = message_of(request, &a);
	slice header = slice_first(message, header_length(message));
	struct test_signer t = {0};
	struct err e;
	add_keys(&t, request);
	struct signer s = test_signer(&t);
	struct body_hashes *b = body_hashes_new(&a);
	int i = dkim_sign_want(b);
	add_body(b, slice_skip(message, header.n), 1000);
	struct dkim_sign_how how = {.domain = member(request, "domain"),
		.identity = member(request, "identity"),
		.now = number(request, "now", 0),
		.lifetime = number(request, "lifetime", 0)};
	if (dkim_sign(&s, &how, (slice){0}, header, body_hashes_get(b, i), &a, &out, &e) < 0)
		refuse(e.text);
	body_hashes_free(b);
	test_signer_done(&t);
	json_t *o = json_object();
	json_object_set_new(o, "fields", text(buf_slice(&out)));
	return o;
}

static json_t *answer(struct zone *z, json_t *request)
{
	slice what = member(request, "do");
	json_t *o = NULL;
	if (slice_eq(what, S("verify")))
		o = verify(z, request);
	else if (slice_eq(what, S("body")))
		o = bodies(request);
	else if (slice_eq(what, S("sign")))
		o = sign(request);
	else
		refuse("do what?");
	return o;
}

int main(void)
{
	return judge_main("dkim", answer);
}
