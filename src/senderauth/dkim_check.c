/*
 * One signature against the keys that its domain publishes (RFC 6376 sections 6.1.2, 6.1.3; RFC
 * 8301; RFC 8463): asking for keys and verifying. Called by dkim_verify.c and arc_verify.c. The
 * body hash, expiry and the list of signed fields are theirs.
 */
#include "codec/address.h"
#include "run/co.h"
#include "senderauth/dkim.h"
#include "senderauth/pubkey.h"

/* So few at a time that strangers whose DNS never answers cannot fill the process's resolver. */
enum { KEYS_AT_ONCE = 4 };

/* A message's questions; those who ask take one after the other. */
struct question {
	slice name;
	struct dkim_keys *answer;
};
struct asking {
	struct question *v;
	size_t n, next;
	const struct lookup *lookup;
	instant deadline;
	struct arena *mem;
};

static void ask(const struct asking *k, const struct question *q)
{
	struct dkim_keys *r = q->answer;
	const struct lookup *l = k->lookup;
	if (instant_now() >= k->deadline) {
		r->status = LOOKUP_TEMP;
		return;
	}
	r->status = l->txt(l->arg, q->name, k->deadline, k->mem, &r->txt, &r->n);
	if (r->status == LOOKUP_OK && r->n == 0)
		r->status = LOOKUP_NODATA;
}

static void ask_some(void *arg)
{
	struct asking *k = arg;
	while (k->next < k->n)
		ask(k, &k->v[k->next++]);
}

static void ask_all(struct asking *k)
{
	struct group group;
	if (k->n < 2 || !co_self()) {
		ask_some(k);
		return;
	}
	group_init(&group);
	for (size_t i = 0; i < k->n && i < KEYS_AT_ONCE; i++)
		group_go(&group, "dkim-key", ask_some, k);
	group_join(&group);
}

/* The field before this one that asks for the same key, or n. */
static size_t same_key(const struct dkim_field *const *fields, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (slice_eq(fields[i]->selector, fields[n]->selector) &&
			slice_eq(fields[i]->domain, fields[n]->domain))
			return i;
	return n;
}

void dkim_keys_ask(const struct dkim_field *const *fields, size_t n, const struct lookup *lookup,
	instant deadline, struct arena *a, struct dkim_keys *ret)
{
	struct asking k = {.v = ARENA_ARRAY(a, struct question, n),
		.lookup = lookup,
		.deadline = deadline,
		.mem = a};
	for (size_t i = 0; i < n; i++) {
		const struct dkim_field *f = fields[i];
		ret[i] = (struct dkim_keys){.status = LOOKUP_NODATA};
		if (f->domain.n && f->selector.n && same_key(fields, i) == i)
			k.v[k.n++] = (struct question){arena_printf(a, "%.*s._domainkey.%.*s",
							       SFMT(f->selector), SFMT(f->domain)),
				&ret[i]};
	}
	ask_all(&k);
	for (size_t i = 0; i < n; i++)
		ret[i] = ret[same_key(fields, i)];
}

static void conclude(struct dkim_result *r, enum auth_result result, const char *reason)
{
	r->result = result;
	r->reason = reason;
}

/* t=s: i= must not be in a domain below d= (RFC 6376 3.6.1). */
static bool identity_fits(const struct dkim_record *key, const struct dkim_field *f)
{
	slice local, domain;
	if (!key->same_domain || f->kind != DKIM_SIGNATURE || f->identity.n == 0)
		return true;
	return address_split(f->identity, &local, &domain) && slice_ieq(domain, f->domain);
}

/* Why the key must not be used with this signature, or NULL. */
static const char *key_unfit(const struct dkim_record *key, const struct dkim_result *r)
{
	const struct dkim_field *f = &r->field;
	if (!key->mail && !r->tls_report)
		return dkim_record_fault_text(DKIM_RECORD_SERVICE);
	bool ed = f->algorithm == DKIM_ED25519_SHA256;
	if (ed != (key->type == DKIM_KEY_ED25519))
		return "the key is for another algorithm";
	if (f->algorithm == DKIM_RSA_SHA1 ? !key->sha1 : !key->sha256)
		return "the key forbids this hash";
	return identity_fits(key, f) ? NULL : "the key forbids i= in another domain";
}

/* What passed by arithmetic may still be too weak to count (RFC 8301 3.1, 3.2). */
static void conclude_good(struct dkim_result *r, enum pubkey_fault strength)
{
	if (strength == PUBKEY_SMALL)
		conclude(r, AUTH_POLICY, pubkey_fault_text(strength));
	else if (r->field.algorithm == DKIM_RSA_SHA1)
		conclude(r, AUTH_POLICY, "the signature uses SHA-1");
	else
		conclude(r, AUTH_PASS, "good signature");
}

static void check_record(struct dkim_result *r, slice data, slice text, struct arena *a)
{
	struct dkim_record key;
	const struct pubkey *parsed;
	enum dkim_record_fault fault = dkim_record_parse(text, a, &key);
	if (fault) {
		conclude(r, AUTH_PERMERROR, dkim_record_fault_text(fault));
		return;
	}
	r->testing = key.testing;
	const char *unfit = key_unfit(&key, r);
	if (unfit) {
		conclude(r, AUTH_PERMERROR, unfit);
		return;
	}
	enum pubkey_fault strength = pubkey_get(&key, &parsed, &r->bits);
	if (strength == PUBKEY_BAD)
		conclude(r, AUTH_PERMERROR, pubkey_fault_text(strength));
	else if (strength == PUBKEY_LARGE)
		conclude(r, AUTH_POLICY, pubkey_fault_text(strength));
	else if (pubkey_verify(parsed, r->field.algorithm, data, r->field.signature))
		conclude_good(r, strength);
	else
		conclude(r, AUTH_FAIL, "the signature does not fit header and key");
}

/* Of several records (RFC 6376 3.6.2.2 leaves it open) one that fits is enough; else a failed
 * comparison says more than a broken record. */
static bool better(enum auth_result a, enum auth_result b)
{
	static const uint8_t worth[] = {[AUTH_PASS] = 9, [AUTH_POLICY] = 5, [AUTH_FAIL] = 3};
	return (a < sizeof worth ? worth[a] : 0) > (b < sizeof worth ? worth[b] : 0);
}

void dkim_check(
	struct dkim_result *r, slice signed_data, const struct dkim_keys *keys, struct arena *a)
{
	if (keys->status == LOOKUP_TEMP) {
		conclude(r, AUTH_TEMPERROR, "the key cannot be looked up now");
		return;
	}
	if (keys->status != LOOKUP_OK) {
		conclude(r, AUTH_PERMERROR, "there is no key");
		return;
	}
	for (size_t i = 0; i < keys->n && i < DKIM_KEY_RECORDS_MAX; i++) {
		struct dkim_result one = *r;
		check_record(&one, signed_data, keys->txt[i], a);
		if (i == 0 || better(one.result, r->result))
			*r = one;
	}
}
