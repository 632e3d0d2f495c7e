/*
 * The DKIM signatures of a message (RFC 6376 section 6): which of them are looked at, what they
 * claim about body and time, then their keys (dkim_check.c). Called by the edge while a message
 * passes, and by the lookup tools. Nothing here refuses mail: results are for DMARC and the policy.
 */
#include "senderauth/dkim.h"

#include "base/mem.h"
#include "base/must.h"
#include "codec/address.h"

enum { FUTURE_MAX = 12 * 3600 }; /* seconds that t= may be ahead, beside the clock's skew */

/* A signature that may be looked at. */
struct candidate {
	const struct header_field *field;
	unsigned rank; /* how near d= is to the From domain */
};

/* One that is, with what finishing needs. */
struct work {
	const struct header_field *field;
	int hash; /* of body_hashes, -1: decided already */
	struct dkim_keys keys;
};

struct dkim_verifier {
	struct arena *mem;
	slice header;
	struct dkim_header *index;
	struct body_hashes *hashes;
	struct dkim_policy policy;
	int64_t now;
	struct work *works;
	struct dkim_results results;
};

static void conclude(struct dkim_result *r, enum auth_result result, const char *reason)
{
	r->result = result;
	r->reason = reason;
}

/* Domain of the first address in From, lower case; empty without one. */
static slice from_domain(struct dkim_verifier *v)
{
	struct header_field from;
	struct header_address *addrs;
	bool found = header_find(v->header, S("From"), 0, &from);
	size_t n = found ? header_addresses(from.value, v->mem, &addrs) : 0;
	return n ? addrs[0].domain : (slice){0};
}

/* 2: the From domain, 1: above or below it, 0: another or unreadable. */
static unsigned rank_of(slice value, slice from)
{
	struct tags tags;
	const struct tag *d = tags_parse(value, &tags) ? tags_get(&tags, S("d")) : NULL;
	if (!d || d->value.n == 0)
		return 0;
	if (slice_ieq(d->value, from))
		return 2;
	return domain_within(d->value, from) || domain_within(from, d->value);
}

/* Keeps the best `max` in order of rank, then of appearance. Returns how many there are now. */
static size_t insert(struct candidate *v, size_t n, size_t max, struct candidate c)
{
	size_t at = n;
	while (at && v[at - 1].rank < c.rank)
		at--;
	if (at == max)
		return n;
	size_t moved = n - at - (n == max);
	memmove(v + at + 1, v + at, moved * sizeof *v);
	v[at] = c;
	return n + (n < max);
}

static size_t pick(struct dkim_verifier *v, struct candidate *ret, size_t max)
{
	const struct header_field *f;
	size_t found = dkim_header_count(v->index, S("DKIM-Signature")), n = 0;
	slice from = found > 1 ? from_domain(v) : (slice){0};
	for (size_t i = 0; found && (f = dkim_header_field(v->index, i)); i++) {
		if (!slice_ieq(f->name, S("DKIM-Signature")))
			continue;
		struct candidate c = {f, found > 1 ? rank_of(f->value, from) : 0};
		n = insert(ret, n, max, c);
	}
	v->results.skipped = found - n;
	return n;
}

/* What the field alone already says against it, or NULL. */
static const char *claims_unfit(
	const struct dkim_verifier *v, const struct dkim_field *f, enum auth_result *ret)
{
	int64_t skew = v->policy.clock_skew;
	*ret = AUTH_PERMERROR;
	if (!dkim_field_names(f, S("From")))
		return "the signature does not cover From";
	if (f->body_hash.n != (f->algorithm == DKIM_RSA_SHA1 ? 20 : 32))
		return "the body hash has the wrong length";
	*ret = AUTH_NEUTRAL;
	if (f->expires_at >= 0 && v->now - skew > f->expires_at)
		return "the signature has expired";
	*ret = AUTH_POLICY;
	if (f->signed_at > v->now + skew + FUTURE_MAX)
		return "the signature is from the future";
	return NULL;
}

/* Reads the field, and registers the body digest it needs unless it is decided already. */
static void prepare(struct dkim_verifier *v, struct work *w, struct dkim_result *r)
{
	struct dkim_field *f = &r->field;
	enum auth_result result = AUTH_NEUTRAL;
	w->hash = -1;
	r->tls_report = dkim_header_count(v->index, S("TLS-Report-Domain")) > 0; /* RFC 8460 5.3 */
	enum dkim_fault fault = dkim_field_parse(w->field->value, DKIM_SIGNATURE, v->mem, f);
	const char *unfit = fault ? dkim_fault_text(fault) : claims_unfit(v, f, &result);
	if (unfit) {
		conclude(r, result, unfit);
		return;
	}
	enum body_digest digest = f->algorithm == DKIM_RSA_SHA1 ? BODY_SHA1 : BODY_SHA256;
	w->hash = body_hashes_want(v->hashes, f->body_canon, digest, f->length);
	if (w->hash < 0)
		conclude(r, AUTH_NEUTRAL, "there are too many different body hashes");
}

/* Too many fields to look at: one result that says so, if there is a signature at all. */
static void give_up(struct dkim_verifier *v)
{
	struct header_field f;
	if (!header_find(v->header, S("DKIM-Signature"), 0, &f))
		return;
	v->results.v = ARENA_NEW(v->mem, struct dkim_result);
	v->works = ARENA_NEW(v->mem, struct work);
	v->works->hash = -1;
	v->results.n = 1;
	conclude(v->results.v, AUTH_NEUTRAL, "the header has too many fields");
}

struct dkim_verifier *dkim_verify_new(struct arena *a, slice header, struct body_hashes *b,
	const struct dkim_policy *policy, int64_t now)
{
	struct candidate picked[DKIM_SIGNATURES_MAX];
	struct dkim_verifier *v = ARENA_NEW(a, struct dkim_verifier);
	must(policy->signatures <= DKIM_SIGNATURES_MAX);
	*v = (struct dkim_verifier){
		.mem = a, .header = header, .hashes = b, .policy = *policy, .now = now};
	v->index = dkim_header_new((slice){0}, header, a);
	if (!v->index) {
		give_up(v);
		return v;
	}
	v->results.from_fields = (unsigned)dkim_header_count(v->index, S("From"));
	v->results.n = pick(v, picked, policy->signatures);
	v->results.v = ARENA_ARRAY(a, struct dkim_result, v->results.n);
	v->works = ARENA_ARRAY(a, struct work, v->results.n);
	for (size_t i = 0; i < v->results.n; i++) {
		v->works[i].field = picked[i].field;
		prepare(v, &v->works[i], &v->results.v[i]);
	}
	return v;
}

/* Decided without any key when the body is not what was signed. */
static void check_body(struct dkim_verifier *v, struct work *w, struct dkim_result *r)
{
	uint64_t length = body_hashes_length(v->hashes, w->hash);
	int64_t limit = r->field.length;
	if (limit >= 0 && (uint64_t)limit > length)
		conclude(r, AUTH_FAIL, "the body is shorter than what was signed");
	else if (!slice_eq(body_hashes_get(v->hashes, w->hash), r->field.body_hash))
		conclude(r, AUTH_FAIL, "the body was changed");
	else
		r->partial = limit >= 0 && (uint64_t)limit < length;
	if (r->reason)
		w->hash = -1;
}

/* Asks the keys of all that are still undecided. */
static void ask_keys(struct dkim_verifier *v, const struct lookup *lookup, instant deadline)
{
	const struct dkim_field *fields[DKIM_SIGNATURES_MAX];
	struct dkim_keys keys[DKIM_SIGNATURES_MAX];
	size_t n = 0;
	for (size_t i = 0; i < v->results.n; i++)
		if (v->works[i].hash >= 0)
			fields[n++] = &v->results.v[i].field;
	dkim_keys_ask(fields, n, lookup, deadline, v->mem, keys);
	for (size_t i = v->results.n; i-- > 0;)
		if (v->works[i].hash >= 0)
			v->works[i].keys = keys[--n];
}

/* Whether a field that readers see, and that there may be only one of, stands there more often than
 * it is signed: its top one is shown, its bottom one is signed (RFC 6376 section 8.15). */
static bool has_field_added(const struct dkim_verifier *v, const struct dkim_field *f)
{
	static const slice single[] = {S_INIT("From"), S_INIT("Subject"), S_INIT("Content-Type")};
	for (size_t i = 0; i < sizeof single / sizeof *single; i++) {
		size_t there = dkim_header_count(v->index, single[i]), names = 0;
		for (size_t k = 0; there > 1 && k < f->nnames; k++)
			names += slice_ieq(f->names[k], single[i]);
		if (names && names < there)
			return true;
	}
	return false;
}

static void check_signature(struct dkim_verifier *v, const struct work *w, struct dkim_result *r)
{
	AUTO(buf) struct buf data = BUF(2 * v->header.n + 1024);
	const struct dkim_field *f = &r->field;
	dkim_header_select(v->index, f->names, f->nnames, f->header_canon, w->field, &data);
	dkim_canon_signature(&data, f->header_canon, w->field->raw, f->b_span);
	must(buf_ok(&data));
	dkim_check(r, buf_slice(&data), &w->keys, v->mem);
	if (r->result == AUTH_PASS && r->partial && !v->policy.partial_body)
		conclude(r, AUTH_POLICY, "a part of the body is not signed");
	if (r->result == AUTH_PASS && has_field_added(v, f))
		conclude(r, AUTH_POLICY,
			"a second From, Subject or Content-Type was added to what was signed");
}

void dkim_verify_finish(struct dkim_verifier *v, const struct lookup *lookup, instant deadline,
	struct dkim_results *ret)
{
	for (size_t i = 0; i < v->results.n; i++)
		if (v->works[i].hash >= 0)
			check_body(v, &v->works[i], &v->results.v[i]);
	ask_keys(v, lookup, deadline);
	for (size_t i = 0; i < v->results.n; i++)
		if (v->works[i].hash >= 0)
			check_signature(v, &v->works[i], &v->results.v[i]);
	*ret = v->results;
}
