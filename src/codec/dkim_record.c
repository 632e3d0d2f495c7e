/*
 * DKIM public key records (RFC 6376 section 3.6.1, RFC 8463 section 4), read by senderauth/ and the
 * lookup tools, built for publishing. The tag g= of RFC 4871 is ignored, as RFC 6376 appendix C has
 * it. The key's own encoding is looked at by senderauth/pubkey.c.
 */
#include "codec/dkim_record.h"

#include "base/b64.h"
#include "codec/tags.h"

static const char *const algorithms[] = {
	[DKIM_RSA_SHA256] = "rsa-sha256",
	[DKIM_ED25519_SHA256] = "ed25519-sha256",
	[DKIM_RSA_SHA1] = "rsa-sha1",
};

const char *dkim_algorithm_name(enum dkim_algorithm a)
{
	return algorithms[a];
}

bool dkim_algorithm_parse(slice s, enum dkim_algorithm *ret)
{
	for (unsigned i = 0; i < sizeof algorithms / sizeof *algorithms; i++) {
		if (!slice_ieq(s, slice_z(algorithms[i])))
			continue;
		*ret = (enum dkim_algorithm)i;
		return true;
	}
	return false;
}

const char *dkim_record_fault_text(enum dkim_record_fault f)
{
	static const char *const texts[] = {
		[DKIM_RECORD_FINE] = "the key record is fine",
		[DKIM_RECORD_SYNTAX] = "the key record is malformed",
		[DKIM_RECORD_VERSION] = "the key record does not begin with v=DKIM1",
		[DKIM_RECORD_TYPE] = "the key record has an unknown key type",
		[DKIM_RECORD_REVOKED] = "the key is revoked",
		[DKIM_RECORD_DATA] = "the key record holds no readable key",
		[DKIM_RECORD_SERVICE] = "the key is not meant for mail",
	};
	return texts[f];
}

/* Whether a colon list has the item, in any case. */
static bool list_has(slice list, slice want)
{
	slice item;
	while (tags_item(&list, ':', &item))
		if (slice_ieq(item, want))
			return true;
	return false;
}

static slice value_or(const struct tags *t, slice name, slice otherwise)
{
	const struct tag *tag = tags_get(t, name);
	return tag ? tag->value : otherwise;
}

static enum dkim_record_fault read_key(const struct tags *t, struct arena *a, struct dkim_record *r)
{
	slice type = value_or(t, S("k"), S("rsa"));
	const struct tag *p = tags_get(t, S("p"));
	if (!p)
		return DKIM_RECORD_SYNTAX;
	if (p->value.n == 0)
		return DKIM_RECORD_REVOKED;
	if (!slice_ieq(type, S("rsa")) && !slice_ieq(type, S("ed25519")))
		return DKIM_RECORD_TYPE;
	r->type = slice_ieq(type, S("rsa")) ? DKIM_KEY_RSA : DKIM_KEY_ED25519;
	if (!tags_base64(p->value, a, &r->key) || r->key.n == 0)
		return DKIM_RECORD_DATA;
	if (r->type == DKIM_KEY_ED25519 && r->key.n != DKIM_ED25519_KEY)
		return DKIM_RECORD_DATA;
	return DKIM_RECORD_FINE;
}

enum dkim_record_fault dkim_record_parse(slice text, struct arena *a, struct dkim_record *ret)
{
	struct tags t;
	struct dkim_record r = {0};
	if (text.n > DKIM_RECORD_MAX || !tags_parse(text, &t))
		return DKIM_RECORD_SYNTAX;
	const struct tag *v = tags_get(&t, S("v"));
	if (v && (v != t.v || !slice_eq(v->value, S("DKIM1"))))
		return DKIM_RECORD_VERSION;
	enum dkim_record_fault fault = read_key(&t, a, &r);
	if (fault)
		return fault;
	slice services = value_or(&t, S("s"), S("*")), flags = value_or(&t, S("t"), (slice){0});
	bool all = list_has(services, S("*"));
	r.mail = all || list_has(services, S("email"));
	r.tls_reports = all || list_has(services, S("tlsrpt"));
	if (!r.mail && !r.tls_reports)
		return DKIM_RECORD_SERVICE;
	slice hashes = value_or(&t, S("h"), S("sha1:sha256"));
	r.sha1 = list_has(hashes, S("sha1"));
	r.sha256 = list_has(hashes, S("sha256"));
	r.testing = list_has(flags, S("y"));
	r.same_domain = list_has(flags, S("s"));
	*ret = r;
	return DKIM_RECORD_FINE;
}

void dkim_record_build(struct buf *out, enum dkim_key_type type, slice key, bool testing)
{
	buf_printf(out, "v=DKIM1; k=%s; %sp=", type == DKIM_KEY_RSA ? "rsa" : "ed25519",
		testing ? "t=y; " : "");
	b64_encode(out, key);
}
