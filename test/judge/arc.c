/*
 * Judge of ARC: reads one JSON object a line and answers with one.
 *
 *	{"do": "verify", "zone": {...}, "message": "...", "now": 12345}
 *	{"result": "pass", "reason": "...", "temporary": false, "oldest_pass": 0,
 *	 "sealers": ["example.org"], "asked": 1}
 *
 *	{"do": "seal", "message": "...", "key": "-----BEGIN ...", "domain": "...",
 *	 "selector": "...", "authserv_id": "...", "sign": ["from", ...], "now": 12345}
 *	{"why": "", "fields": "ARC-Seal: ..."}
 *
 * The message has CRLF line ends. The zone (lib_zone.h) stays until another is given.
 */
#include "senderauth/arc.h"
#include "codec/header.h"
#include "lib_zone.h"
#include "senderauth/signer_testing.h"

#include <stdio.h>

enum { NAMES_MAX = 100 };

static slice member(json_t *o, const char *key)
{
	json_t *s = json_object_get(o, key);
	return slice_of(json_string_value(s), json_string_length(s));
}

static int64_t now_of(json_t *request)
{
	json_t *now = json_object_get(request, "now");
	return now ? json_integer_value(now) * SECOND : wall_now();
}

static json_t *text(slice s)
{
	return json_stringn_nocheck(s.n ? s.p : "", s.n);
}

static json_t *verify(struct zone *z, json_t *request)
{
	AUTO(arena) struct arena a = {0};
	slice message = member(request, "message");
	slice header = slice_first(message, header_length(message));
	struct body_hashes *b = body_hashes_new(&a);
	struct lookup l = zone_lookup(z);
	struct arc_result r;
	struct arc *x = arc_begin(header, 0, b, &a);
	body_hashes_add(b, slice_skip(message, header.n));
	body_hashes_end(b);
	z->asked = 0;
	arc_verify(x, b, &l, INSTANT_NEVER, now_of(request), &a, &r);
	body_hashes_free(b);
	json_t *o = json_object(), *sealers = json_array();
	for (unsigned i = 0; i < r.n; i++)
		json_array_append_new(sealers, text(r.hops[i].domain));
	json_object_set_new(o, "result", json_string(auth_result_name(r.result)));
	json_object_set_new(o, "reason", text(r.reason));
	json_object_set_new(o, "temporary", json_boolean(r.temporary));
	json_object_set_new(o, "oldest_pass", json_integer(r.oldest_pass));
	json_object_set_new(o, "sealers", sealers);
	json_object_set_new(o, "asked", json_integer(z->asked));
	return o;
}

static _Noreturn void refuse(const char *why)
{
	fprintf(stderr, "arc: %s\n", why);
	exit(2);
}

static json_t *seal(json_t *request)
{
	AUTO(arena) struct arena a = {0};
	AUTO(buf) struct buf out = BUF(1 << 20);
	slice message = member(request, "message"), names[NAMES_MAX], why;
	json_t *sign = json_object_get(request, "sign"), *name;
	struct test_signer t = {0};
	struct err e;
	size_t i;
	if (!test_signer_add(&t, member(request, "domain"), member(request, "selector"),
		    member(request, "key")))
		refuse("no private key");
	struct arc_seal q = {
		.header = slice_first(message, header_length(message)),
		.authserv_id = member(request, "authserv_id"),
		.domain = member(request, "domain"),
		.sign = sign ? names : NULL,
		.wall = now_of(request),
	};
	json_array_foreach(sign, i, name)
	{
		if (i == NAMES_MAX)
			refuse("too many names");
		names[q.nsign++] = slice_of(json_string_value(name), json_string_length(name));
	}
	struct body_hashes *b = body_hashes_new(&a);
	int digest = arc_seal_want(b);
	body_hashes_add(b, slice_skip(message, q.header.n));
	body_hashes_end(b);
	struct signer s = test_signer(&t);
	if (arc_seal(&q, b, digest, &s, &a, &out, &why, &e) < 0)
		refuse(e.text);
	body_hashes_free(b);
	test_signer_done(&t);
	json_t *o = json_object();
	json_object_set_new(o, "why", text(why));
	json_object_set_new(o, "fields", text(buf_slice(&out)));
	return o;
}

static json_t *answer(struct zone *z, json_t *request)
{
	return slice_eq(member(request, "do"), S("seal")) ? seal(request) : verify(z, request);
}

int main(void)
{
	return judge_main("arc", answer);
}
