/*
 * DKIM signing (RFC 6376 section 5, RFC 8463): relaxed/relaxed, SHA-256, one line for each key that
 * the signer has for the domain. Private keys are elsewhere (signer.h). Called by the queue for
 * what leaves, and by whoever writes mail itself (reports, digests).
 *
 * Fields that a reader sees or trusts are signed once more than they are there ("oversigning"), so
 * that nobody adds a second Subject under our name (RFC 6376 sections 5.4, 8.15).
 */
#include "senderauth/dkim.h"

#include "base/mem.h"
#include "base/must.h"
#include "codec/address.h"
#include "senderauth/pubkey.h"

enum {
	SAME_NAME_MAX = 10, /* fields of one name that are signed */
	IDENTITY_MAX = 1000, /* longer ones are left out */
	LINE_MAX_BYTES = 32 * 1024, /* a whole DKIM-Signature; ours stay far below */
};

static const struct {
	slice name;
	bool oversign;
} signed_fields[] = {
	{S_INIT("From"), true},
	{S_INIT("To"), true},
	{S_INIT("Cc"), true},
	{S_INIT("Subject"), true},
	{S_INIT("Date"), true},
	{S_INIT("Message-ID"), true},
	{S_INIT("Reply-To"), true},
	{S_INIT("MIME-Version"), true},
	{S_INIT("Content-Type"), true},
	{S_INIT("Content-Transfer-Encoding"), false},
	{S_INIT("Sender"), false},
	{S_INIT("In-Reply-To"), false},
	{S_INIT("References"), false},
	{S_INIT("Resent-From"), false},
	{S_INIT("Resent-Sender"), false},
	{S_INIT("Resent-To"), false},
	{S_INIT("Resent-Cc"), false},
	{S_INIT("Resent-Date"), false},
	{S_INIT("Resent-Message-ID"), false},
	{S_INIT("List-Id"), false},
	{S_INIT("List-Help"), false},
	{S_INIT("List-Owner"), false},
	{S_INIT("List-Post"), false},
	{S_INIT("List-Subscribe"), false},
	{S_INIT("List-Unsubscribe"), false},
	{S_INIT("List-Unsubscribe-Post"), false},
	{S_INIT("List-Archive"), false},
};
enum { SIGNED_FIELDS = sizeof signed_fields / sizeof *signed_fields };

int dkim_sign_want(struct body_hashes *b)
{
	return body_hashes_want(b, CANON_RELAXED, BODY_SHA256, -1);
}

static void choose_name(
	const struct dkim_header *h, slice name, bool oversign, struct dkim_field *f)
{
	size_t n = dkim_header_count(h, name);
	n = n < SAME_NAME_MAX ? n : SAME_NAME_MAX;
	for (n += oversign; n; n--)
		f->names[f->nnames++] = name;
}

/* h=: what is there, and one more of those that are oversigned. */
static void choose_names(const struct dkim_header *h, const struct dkim_sign_how *how,
	struct arena *a, struct dkim_field *f)
{
	size_t most = how->nnames ? how->nnames : SIGNED_FIELDS;
	f->names = ARENA_ARRAY(a, slice, most * (SAME_NAME_MAX + 1));
	for (size_t i = 0; i < how->nnames; i++) {
		bool oversign = slice_starts(how->names[i], S("+"));
		choose_name(h, slice_skip(how->names[i], oversign), oversign, f);
	}
	for (size_t i = 0; i < SIGNED_FIELDS && !how->nnames; i++)
		choose_name(h, signed_fields[i].name, signed_fields[i].oversign, f);
}

static slice host_of(slice identity)
{
	return slice_skip(identity, slice_rindex(identity, '@') + 1);
}

/* One message being signed by one key after the other. */
struct signing {
	const struct signer *signer;
	const struct dkim_field *field; /* what all lines say */
	struct arena *mem;
	struct buf data; /* the signed fields; then a line's own, taken off again */
};

/* One line, by one key. */
static int sign_with(
	struct signing *s, const struct signer_key *key, struct buf *out, struct err *e)
{
	struct dkim_field f = *s->field;
	unsigned char digest[32];
	slice signature;
	AUTO(buf) struct buf line = BUF(LINE_MAX_BYTES);
	f.algorithm = key->algorithm;
	f.domain = key->domain;
	f.selector = key->selector;
	if (!domain_within(host_of(f.identity), f.domain))
		f.identity = (slice){0};
	dkim_field_begin(&line, &f);
	size_t fields = s->data.n;
	dkim_canon_signature(&s->data, f.header_canon, buf_slice(&line), (slice){0});
	pubkey_sha256(buf_slice(&s->data), digest);
	must(buf_ok(&line) && buf_ok(&s->data));
	s->data.n = fields;
	if (s->signer->sign(s->signer->arg, key->id, slice_of(digest, sizeof digest), s->mem,
		    &signature, e) < 0)
		return -1;
	dkim_field_finish(&line, signature);
	buf_put(out, buf_slice(&line));
	return 0;
}

static bool may_work_later(const struct err *e)
{
	return e->kind == ERR_TEMP || e->kind == ERR_TIMEOUT || e->kind == ERR_CLOSED;
}

/* Lines of all keys. One that cannot sign at all is left out unless no other can; but not one that
 * is out of reach for a moment: to most receivers a message with the Ed25519 line alone is unsigned
 * (RFC 8463 5). */
static int sign_by_all(
	struct signing *s, const struct signer_key *keys, size_t n, struct buf *out, struct err *e)
{
	size_t made = 0, before = out->n;
	for (size_t i = 0; i < n; i++) {
		if (sign_with(s, &keys[i], out, e) == 0) {
			made++;
		} else if (may_work_later(e)) {
			out->n = before;
			return -1;
		}
	}
	if (made && !buf_ok(out))
		return err_set(e, ERR_LIMIT, "the signatures have no room");
	return made ? 0 : -1;
}

int dkim_sign(const struct signer *s, const struct dkim_sign_how *how, slice before, slice header,
	slice body_digest, struct arena *a, struct buf *out, struct err *e)
{
	struct signer_key keys[SIGNER_KEYS_MAX];
	size_t n = 0;
	if (s->keys(s->arg, how->domain, a, keys, &n, e) < 0)
		return -1;
	if (n == 0)
		return 0;
	struct dkim_header *h = dkim_header_new(before, header, a);
	if (!h)
		return err_set(e, ERR_LIMIT, "the header has too many fields to be signed");
	struct dkim_field f = {.kind = DKIM_SIGNATURE,
		.header_canon = CANON_RELAXED,
		.body_canon = CANON_RELAXED,
		.identity = how->identity.n <= IDENTITY_MAX ? how->identity : (slice){0},
		.body_hash = body_digest,
		.signed_at = how->now,
		.expires_at = how->lifetime ? how->now + how->lifetime : -1,
		.length = -1};
	choose_names(h, how, a, &f);
	struct signing signing = {.signer = s,
		.field = &f,
		.mem = a,
		.data = BUF(2 * (before.n + header.n) + LINE_MAX_BYTES)};
	dkim_header_select(h, f.names, f.nnames, f.header_canon, NULL, &signing.data);
	int rc = sign_by_all(&signing, keys, n, out, e);
	buf_done(&signing.data);
	return rc;
}
