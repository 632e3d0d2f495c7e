/*
 * What the tests of DKIM share: a message verified against a made zone, and one signed by keys of
 * our own whose records are in it.
 */
#pragma once
#include "base/test.h"
#include "senderauth/dkim.h"
#include "senderauth/signer_testing.h"
#include "senderauth/zone_testing.h"

enum { NOW = 1528637909 };

/* A message against a zone; the digests are freed whatever is checked then. */
static inline struct dkim_results verify_with(struct zone *z, struct arena *a, slice message,
	const struct dkim_policy *policy, int64_t now)
{
	struct dkim_results r;
	struct lookup l = zone_lookup(z);
	struct body_hashes *b = body_hashes_new(a);
	size_t header = header_length(message);
	struct dkim_verifier *v = dkim_verify_new(a, slice_first(message, header), b, policy, now);
	body_hashes_add(b, slice_skip(message, header));
	body_hashes_end(b);
	dkim_verify_finish(v, &l, INSTANT_NEVER, &r);
	body_hashes_free(b);
	return r;
}

static inline struct dkim_results verify(struct zone *z, struct arena *a, slice message)
{
	return verify_with(z, a, message, &DKIM_POLICY_DEFAULT, NOW);
}

static inline void add_key(struct zone *z, slice name, slice record)
{
	zone_add(z, name, ZONE_TXT, record);
}

/* Keys, their zone, and memory for a test. */
struct dkim_bench {
	struct test_signer t;
	struct zone z;
	struct arena mem;
};

static inline void bench_publish(struct dkim_bench *b)
{
	for (size_t i = 0; i < b->t.n; i++) {
		slice name = arena_printf(&b->mem, "%.*s._domainkey.%.*s",
			SFMT(b->t.keys[i].selector), SFMT(b->t.keys[i].domain));
		add_key(&b->z, name, test_signer_record(&b->t, i, &b->mem));
	}
}

static inline void bench_init(struct dkim_bench *b)
{
	*b = (struct dkim_bench){0};
	test_signer_make(&b->t, S("example.com"), S("rsa"), false);
	test_signer_make(&b->t, S("example.com"), S("ed"), true);
	bench_publish(b);
}

static inline void bench_done(struct dkim_bench *b)
{
	test_signer_done(&b->t);
	zone_done(&b->z);
	arena_done(&b->mem);
}

/* The lines that sign the message, and the message. */
static inline slice sign(struct dkim_bench *b, struct dkim_sign_how how, slice message)
{
	AUTO(buf) struct buf out = BUF(1 << 20);
	struct err e;
	struct signer s = test_signer(&b->t);
	struct body_hashes *hashes = body_hashes_new(&b->mem);
	size_t header = header_length(message);
	int i = dkim_sign_want(hashes);
	how.now = how.now ? how.now : NOW;
	body_hashes_add(hashes, slice_skip(message, header));
	body_hashes_end(hashes);
	int rc = dkim_sign(&s, &how, (slice){0}, slice_first(message, header),
		body_hashes_get(hashes, i), &b->mem, &out, &e);
	body_hashes_free(hashes);
	must(rc == 0);
	buf_put(&out, message);
	return arena_dup(&b->mem, buf_slice(&out));
}

#define MAIL                                                                                       \
	"Received: from a by b;\r\n\tnow\r\nFROM: A <a@example.com>\r\nto : b@other.example,\r\n " \
	"c@other.example\r\nSubject:\r\nX-Other: 1\r\n\r\nText \r\n with  blanks\r\n\r\n"
