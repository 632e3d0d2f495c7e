/*
 * Sealing a message that we pass on (RFC 8617 section 5.1): a new set with our results, a signature
 * of the message, and a seal over all sets. Called where mail is forwarded, with the header as it
 * will be sent.
 *
 * Our results are the Authentication-Results fields that bear our name: the edge wrote them when
 * the message came and removed forged ones. Their arc= is the chain's state as it came to us. A
 * chain that had failed before us is left alone (section 5.1.2: only its first discoverer seals).
 */
#include "senderauth/arc.h"

#include "base/mem.h"
#include "senderauth/arc_impl.h"
#include "senderauth/pubkey.h"

enum { SET_MAX = 64 * 1024, SIGNED_MAX = 16 << 20 };

/* Who the message is from, what it says, and what others signed; no trace fields, no results. */
const slice arc_seal_fields[] = {
	S_INIT("from"),
	S_INIT("to"),
	S_INIT("cc"),
	S_INIT("reply-to"),
	S_INIT("sender"),
	S_INIT("subject"),
	S_INIT("date"),
	S_INIT("message-id"),
	S_INIT("in-reply-to"),
	S_INIT("references"),
	S_INIT("mime-version"),
	S_INIT("content-type"),
	S_INIT("content-transfer-encoding"),
	S_INIT("list-id"),
	S_INIT("list-unsubscribe"),
	S_INIT("list-unsubscribe-post"),
	S_INIT("dkim-signature"),
};
const size_t arc_seal_fields_n = sizeof arc_seal_fields / sizeof *arc_seal_fields;

int arc_seal_want(struct body_hashes *b)
{
	return body_hashes_want(b, CANON_RELAXED, BODY_SHA256, -1);
}

struct sealing {
	const struct arc_seal *q;
	const struct signer *signer;
	struct signer_key key;
	struct arc chain; /* as it came */
	unsigned instance;
	enum arc_cv cv;
	struct arena *a;
	struct buf aar, ams, seal; /* the new fields */
};

/* ---- our results ---- */

static void add_results(const struct authres *from, struct authres *to)
{
	for (size_t i = 0; i < from->n && to->n < AUTHRES_METHODS_MAX; i++)
		to->v[to->n++] = from->v[i];
}

/* All of our fields, from the top, as one. */
static bool gather_results(const struct arc_seal *q, struct arena *a, struct authres *ret)
{
	struct header_field f;
	slice rest = q->header;
	bool found = false;
	struct authres one, all = {.authserv_id = q->authserv_id, .version = 1};
	all.v = ARENA_ARRAY(a, struct authres_method, AUTHRES_METHODS_MAX);
	while (header_next(&rest, &f)) {
		if (!slice_ieq(f.name, S("Authentication-Results")) ||
			!authres_parse(f.value, a, &one) ||
			!slice_ieq(one.authserv_id, q->authserv_id))
			continue;
		add_results(&one, &all);
		found = true;
	}
	*ret = all;
	return found;
}

/* Our word on the chain; the newest, which stands on top, where there are several. */
static bool chain_state(const struct authres *r, enum auth_result *ret)
{
	for (size_t i = 0; i < r->n; i++)
		if (slice_ieq(r->v[i].method, S("arc")))
			return auth_result_parse(r->v[i].result, ret);
	return false;
}

/* Whether a set can be added, and which. Otherwise the reason, in words. */
static slice plan(struct sealing *s, const struct authres *results)
{
	enum auth_result state = AUTH_NONE;
	bool said = chain_state(results, &state);
	if (s->chain.failed_before)
		return S("the chain had failed before us");
	if (s->chain.n >= ARC_SETS_MAX)
		return S("the chain has 50 sets");
	if (s->chain.there && !s->chain.n)
		return S("there are ARC fields without instance");
	if (s->chain.n && (!said || (state != AUTH_PASS && state != AUTH_FAIL)))
		return S("our results do not say whether the chain is valid");
	if (s->chain.n && state == AUTH_PASS && s->chain.broken.n)
		return s->chain.broken;
	s->instance = s->chain.n + 1;
	s->cv = !s->chain.n ? ARC_CV_NONE : state == AUTH_PASS ? ARC_CV_PASS : ARC_CV_FAIL;
	return S("");
}

/* ---- the three fields ---- */

static void build_results(struct sealing *s, const struct authres *results)
{
	buf_printf(&s->aar, "ARC-Authentication-Results: i=%u; ", s->instance);
	authres_build(&s->aar, results);
	buf_put(&s->aar, S("\r\n"));
}

/* Names of the default list as often as the message has them; From: always. */
static void choose_names(const struct sealing *s, struct dkim_header *h, struct dkim_field *f)
{
	size_t n = 0;
	if (s->q->nsign) {
		f->names = ARENA_ARRAY(s->a, slice, s->q->nsign);
		memcpy(f->names, s->q->sign, s->q->nsign * sizeof *f->names);
		f->nnames = s->q->nsign;
		return;
	}
	f->names = ARENA_ARRAY(s->a, slice, DKIM_NAMES_MAX);
	for (size_t i = 0; i < arc_seal_fields_n; i++) {
		size_t times = dkim_header_count(h, arc_seal_fields[i]);
		if (i == 0 && times == 0)
			times = 1;
		for (; times > 0 && n < DKIM_NAMES_MAX; times--)
			f->names[n++] = arc_seal_fields[i];
	}
	f->nnames = n;
}

static int sign(struct sealing *s, const struct buf *data, struct buf *field, struct err *e)
{
	unsigned char digest[32];
	slice signature;
	if (!buf_ok(data) || !buf_ok(field))
		return err_set(e, ERR_LIMIT, "the header is too large to be sealed");
	pubkey_sha256(buf_slice(data), digest);
	if (s->signer->sign(s->signer->arg, s->key.id, slice_of(digest, sizeof digest), s->a,
		    &signature, e) < 0)
		return -1;
	dkim_field_finish(field, signature);
	return 0;
}

static struct dkim_field field_of(const struct sealing *s, enum dkim_field_kind kind)
{
	return (struct dkim_field){
		.kind = kind,
		.algorithm = s->key.algorithm,
		.header_canon = CANON_RELAXED,
		.body_canon = CANON_RELAXED,
		.domain = s->key.domain,
		.selector = s->key.selector,
		.instance = s->instance,
		.length = -1,
		.signed_at = s->q->wall / SECOND,
		.expires_at = -1,
		.cv = s->cv,
	};
}

static int build_message_signature(struct sealing *s, slice body_hash, struct err *e)
{
	AUTO(buf) struct buf data = BUF(SIGNED_MAX);
	struct dkim_header *h = dkim_header_new(S(""), s->q->header, s->a);
	struct dkim_field f = field_of(s, ARC_MESSAGE_SIGNATURE);
	if (!h)
		return err_set(e, ERR_LIMIT, "the header has too many fields to be sealed");
	f.body_hash = body_hash;
	choose_names(s, h, &f);
	dkim_header_select(h, f.names, f.nnames, CANON_RELAXED, NULL, &data);
	dkim_field_begin(&s->ams, &f);
	dkim_canon_signature(&data, CANON_RELAXED, buf_slice(&s->ams), (slice){0});
	return sign(s, &data, &s->ams, e);
}

/* A failed chain is sealed alone: nothing before us can be told from forgery (5.1.2). */
static int build_seal(struct sealing *s, struct err *e)
{
	AUTO(buf) struct buf data = BUF(SIGNED_MAX);
	struct dkim_field f = field_of(s, ARC_SEAL);
	for (unsigned i = 0; s->cv != ARC_CV_FAIL && i < s->chain.n; i++) {
		dkim_canon_field(&data, CANON_RELAXED, s->chain.sets[i].aar->raw);
		dkim_canon_field(&data, CANON_RELAXED, s->chain.sets[i].ams->raw);
		dkim_canon_field(&data, CANON_RELAXED, s->chain.sets[i].as->raw);
	}
	dkim_canon_field(&data, CANON_RELAXED, buf_slice(&s->aar));
	dkim_canon_field(&data, CANON_RELAXED, buf_slice(&s->ams));
	dkim_field_begin(&s->seal, &f);
	dkim_canon_signature(&data, CANON_RELAXED, buf_slice(&s->seal), (slice){0});
	return sign(s, &data, &s->seal, e);
}

/* A set has one signature: RSA, which every verifier knows, before Ed25519. */
static int choose_key(struct sealing *s, bool *ret_found, struct err *e)
{
	struct signer_key keys[SIGNER_KEYS_MAX];
	size_t n = 0;
	if (s->signer->keys(s->signer->arg, s->q->domain, s->a, keys, &n, e) < 0)
		return -1;
	*ret_found = n > 0;
	s->key = n ? keys[0] : (struct signer_key){0};
	for (size_t i = n; i-- > 0;)
		if (keys[i].algorithm == DKIM_RSA_SHA256)
			s->key = keys[i];
	return 0;
}

static int seal(struct sealing *s, const struct authres *results, slice body_hash, struct buf *out,
	struct err *e)
{
	build_results(s, results);
	if (build_message_signature(s, body_hash, e) < 0 || build_seal(s, e) < 0)
		return -1;
	buf_put(out, buf_slice(&s->seal));
	buf_put(out, buf_slice(&s->ams));
	buf_put(out, buf_slice(&s->aar));
	return buf_ok(out) ? 0 : err_set(e, ERR_LIMIT, "no room for the ARC set");
}

int arc_seal(const struct arc_seal *q, const struct body_hashes *b, int digest,
	const struct signer *signer, struct arena *a, struct buf *out, slice *ret_why,
	struct err *e)
{
	struct sealing s = {.q = q, .signer = signer, .a = a};
	struct authres results;
	bool found = false;
	*ret_why = S("");
	arc_read(&s.chain, S(""), q->header, ARC_SETS_MAX, a);
	if (digest < 0)
		*ret_why = S("no digest of the body");
	else if (!gather_results(q, a, &results))
		*ret_why = S("there are no results of ours");
	else
		*ret_why = plan(&s, &results);
	if (ret_why->n)
		return 0;
	if (choose_key(&s, &found, e) < 0)
		return -1;
	if (!found) {
		*ret_why = S("no key seals for the domain");
		return 0;
	}
	s.aar = s.ams = s.seal = BUF(SET_MAX);
	int r = seal(&s, &results, body_hashes_get(b, digest), out, e);
	buf_done(&s.aar);
	buf_done(&s.ams);
	buf_done(&s.seal);
	return r;
}
