/*
 * The signatures of an ARC chain (RFC 8617 section 5.2, steps 4 to 7): the newest message
 * signature, all seals, and then the older message signatures from the newest back, which tell
 * since when the message is unchanged ("oldest-pass"). Keys and signatures are DKIM's
 * (senderauth/dkim.h).
 */
#include "senderauth/arc.h"

#include "base/mem.h"
#include "senderauth/arc_impl.h"

enum { SIGNED_MAX = 16 << 20 /* canonical bytes of one signature: headers are far smaller */ };

void arc_seal_data(struct buf *out, const struct arc_set *s)
{
	dkim_canon_field(out, CANON_RELAXED, s->aar->raw);
	dkim_canon_field(out, CANON_RELAXED, s->ams->raw);
	dkim_canon_signature(out, CANON_RELAXED, s->as->raw, s->seal.b_span);
}

struct check {
	struct arc *x;
	const struct body_hashes *hashes;
	const struct dkim_keys *keys; /* of the message signatures, then of the seals */
	int64_t now; /* seconds */
	struct arena *a;
	struct arc_result *ret;
};

/* RFC 8617 section 4.1.2: as in DKIM, without v= and with SHA-256 only. */
static const char *unfit(const struct check *c, const struct arc_set *s)
{
	const struct dkim_field *f = &s->message;
	if (f->algorithm == DKIM_RSA_SHA1)
		return "SHA-1 is not accepted";
	if (f->expires_at >= 0 && f->expires_at + ARC_CLOCK_SKEW < c->now)
		return "the signature has expired";
	if (s->body_hash < 0)
		return "too many different digests of the body";
	if (f->length >= 0 && body_hashes_length(c->hashes, s->body_hash) < (uint64_t)f->length)
		return "l= is larger than the body";
	if (!slice_eq(f->body_hash, body_hashes_get(c->hashes, s->body_hash)))
		return "the body was changed";
	return NULL;
}

static bool check_message(const struct check *c, unsigned i, struct dkim_result *r)
{
	const struct arc_set *s = &c->x->sets[i];
	AUTO(buf) struct buf data = BUF(SIGNED_MAX);
	*r = (struct dkim_result){.result = AUTH_FAIL, .field = s->message};
	r->reason = unfit(c, s);
	if (r->reason)
		return false;
	dkim_header_select(c->x->header, s->message.names, s->message.nnames,
		s->message.header_canon, s->ams, &data);
	dkim_canon_signature(&data, s->message.header_canon, s->ams->raw, s->message.b_span);
	if (buf_ok(&data))
		dkim_check(r, buf_slice(&data), &c->keys[i], c->a);
	else
		r->reason = "the signed header is too large";
	return r->result == AUTH_PASS;
}

/* `data` holds the sets before this one; afterwards this one, too. */
static bool check_seal(const struct check *c, unsigned i, struct buf *data, struct dkim_result *r)
{
	const struct arc_set *s = &c->x->sets[i];
	*r = (struct dkim_result){.result = AUTH_FAIL, .field = s->seal};
	if (s->seal.algorithm == DKIM_RSA_SHA1) {
		r->reason = "SHA-1 is not accepted";
		return false;
	}
	dkim_canon_field(data, CANON_RELAXED, s->aar->raw);
	dkim_canon_field(data, CANON_RELAXED, s->ams->raw);
	size_t before = data->n;
	dkim_canon_signature(data, CANON_RELAXED, s->as->raw, s->seal.b_span);
	if (!buf_ok(data)) {
		r->reason = "the chain is too large";
		return false;
	}
	dkim_check(r, buf_slice(data), &c->keys[c->x->n + i], c->a);
	data->n = before;
	dkim_canon_field(data, CANON_RELAXED, s->as->raw);
	return r->result == AUTH_PASS;
}

static void failed(const struct check *c, const char *part, unsigned i, const struct dkim_result *r)
{
	c->ret->result = AUTH_FAIL;
	c->ret->temporary = r->result == AUTH_TEMPERROR;
	c->ret->reason = arena_printf(
		c->a, "%s i=%u (%.*s): %s", part, i + 1, SFMT(r->field.domain), r->reason);
}

static bool check_seals(const struct check *c)
{
	AUTO(buf) struct buf data = BUF(SIGNED_MAX);
	struct dkim_result r;
	for (unsigned i = 0; i < c->x->n; i++) {
		if (check_seal(c, i, &data, &r))
			continue;
		failed(c, "ARC-Seal", i, &r);
		return false;
	}
	return true;
}

static void check_all(const struct check *c)
{
	struct dkim_result r;
	struct arc_hop *hops = c->ret->hops;
	unsigned i = c->x->n - 1;
	if (!check_message(c, i, &r)) {
		failed(c, "ARC-Message-Signature", i, &r);
		return;
	}
	if (!check_seals(c))
		return;
	hops[i].intact = true;
	while (i > 0 && check_message(c, i - 1, &r))
		hops[--i].intact = true;
	c->ret->result = AUTH_PASS;
	c->ret->oldest_pass = i ? i + 1 : 0;
	c->ret->reason = arena_printf(c->a, "%u set%s, newest by %.*s", c->x->n,
		c->x->n == 1 ? "" : "s", SFMT(hops[c->x->n - 1].domain));
}

static void ask_and_check(
	const struct arc *x, const struct lookup *l, instant deadline, struct check *c)
{
	const struct dkim_field **fields =
		ARENA_ARRAY(c->a, const struct dkim_field *, 2 * (size_t)x->n);
	struct dkim_keys *keys = ARENA_ARRAY(c->a, struct dkim_keys, 2 * (size_t)x->n);
	for (unsigned i = 0; i < x->n; i++) {
		fields[i] = &x->sets[i].message;
		fields[x->n + i] = &x->sets[i].seal;
	}
	dkim_keys_ask(fields, 2 * (size_t)x->n, l, deadline, c->a, keys);
	c->keys = keys;
	check_all(c);
}

/* Who is in the chain: told also when it fails. */
static void list_hops(const struct arc *x, struct arena *a, struct arc_result *ret)
{
	ret->n = x->n;
	ret->hops = ARENA_ARRAY(a, struct arc_hop, x->n);
	for (unsigned i = 0; i < x->n; i++) {
		const struct arc_set *s = &x->sets[i];
		struct arc_hop *h = &ret->hops[i];
		h->domain = s->seal.domain;
		h->selector = s->seal.selector;
		h->ams_domain = s->message.domain;
		h->results = s->results;
		h->covers_from =
			s->ams && s->message.length < 0 && dkim_field_names(&s->message, S("from"));
		if (authres_parse(s->results, a, &h->authres) && h->authres.version != 1)
			h->authres = (struct authres){0}; /* RFC 8601 2.2: another language */
	}
}

void arc_verify(struct arc *x, const struct body_hashes *b, const struct lookup *l,
	instant deadline, int64_t wall, struct arena *a, struct arc_result *ret)
{
	struct arc_result r = {.result = AUTH_NONE};
	struct check c = {x, b, NULL, wall / SECOND, a, &r};
	if (!x->there) {
		*ret = r;
		return;
	}
	list_hops(x, a, &r);
	r.result = AUTH_FAIL;
	if (x->failed_before)
		r.reason = arena_printf(a, "%.*s found the chain broken (cv=fail)",
			SFMT(x->sets[x->n - 1].seal.domain));
	else if (x->broken.n)
		r.reason = x->broken;
	else
		ask_and_check(x, l, deadline, &c);
	*ret = r;
}
