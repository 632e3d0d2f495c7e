/*
 * Signing what leaves (sign.h). The signature itself is made by senderauth/dkim, with keys that
 * live in another process. Whom a message may name in its From: is decided before this.
 */
#include "mail/sign.h"

#include "base/mem.h"
#include "codec/address.h"
#include "codec/header.h"
#include "senderauth/bodyhash.h"
#include "senderauth/dkim.h"

bool sign_author(slice header, struct arena *a, slice *ret_address, slice *ret_domain)
{
	struct header_field f;
	struct header_address *v;
	slice domain;
	if (!header_find(header, S("From"), 0, &f))
		return false;
	size_t n = header_addresses(f.value, a, &v);
	for (size_t i = 0; i < n; i++)
		if (v[i].valid && domain_to_ascii(v[i].domain, a, &domain)) {
			*ret_address = v[i].address;
			*ret_domain = domain;
			return true;
		}
	return false;
}

/* ---- only the keys that are wanted ---- */

static bool wanted(const struct signing_conf *c, enum dkim_algorithm g)
{
	return c->algorithms == SIGNING_ALL ||
	       (c->algorithms == SIGNING_ED25519) == (g == DKIM_ED25519_SHA256);
}

static int wanted_keys(void *arg, slice domain, struct arena *a, struct signer_key *ret,
	size_t *ret_n, struct err *e)
{
	const struct signing *s = arg;
	size_t n = 0, kept = 0;
	if (s->signer.keys(s->signer.arg, domain, a, ret, &n, e) < 0)
		return -1;
	for (size_t i = 0; i < n; i++)
		if (wanted(s->conf, ret[i].algorithm))
			ret[kept++] = ret[i];
	*ret_n = kept;
	return 0;
}

static int sign_digest(
	void *arg, int64_t key, slice digest, struct arena *a, slice *ret, struct err *e)
{
	const struct signing *s = arg;
	return s->signer.sign(s->signer.arg, key, digest, a, ret, e);
}

int sign_has_keys(const struct signing *s, slice domain, struct arena *a, struct err *e)
{
	struct signer_key keys[SIGNER_KEYS_MAX];
	size_t n = 0;
	if (wanted_keys((void *)s, domain, a, keys, &n, e) < 0)
		return -1;
	return n > 0;
}

/* ---- signing ---- */

/* The d= that mail of this domain gets; empty: it has no keys. */
static int signing_domain(
	const struct signing *s, slice domain, struct arena *a, slice *ret, struct err *e)
{
	struct signer_key keys[SIGNER_KEYS_MAX];
	size_t n = 0;
	if (wanted_keys((void *)s, domain, a, keys, &n, e) < 0)
		return -1;
	*ret = n ? keys[0].domain : (slice){0};
	return 0;
}

/* A key that was retired since the list was read makes the client forget the list: once more. */
static int sign_by(const struct signing *s, slice domain, const struct sign_what *w,
	struct arena *a, struct buf *out, struct err *e)
{
	const struct signer chosen = {wanted_keys, sign_digest, (void *)s};
	const struct dkim_sign_how how = {
		.domain = domain,
		.names = s->conf->headers.v,
		.nnames = s->conf->headers.n,
		.now = w->wall / SECOND,
		.lifetime = s->conf->lifetime / SECOND,
	};
	int r = dkim_sign(&chosen, &how, w->before, w->header, w->digest, a, out, e);
	if (r < 0 && e->kind == ERR_NOTFOUND)
		r = dkim_sign(&chosen, &how, w->before, w->header, w->digest, a, out, e);
	return r;
}

int sign_fields(const struct signing *s, const struct sign_what *w, struct arena *a,
	struct buf *out, struct err *e)
{
	slice done[SIGN_DOMAINS_MAX], d;
	int n = 0;
	for (size_t i = 0; i < w->ndomains; i++) {
		if (signing_domain(s, w->domains[i], a, &d, e) < 0)
			return -1;
		bool again = d.n == 0;
		for (int k = 0; k < n; k++)
			again = again || slice_eq(done[k], d);
		if (again)
			continue;
		if (sign_by(s, w->domains[i], w, a, out, e) < 0)
			return -1;
		done[n++] = d;
	}
	return n;
}

/* ---- a message in memory ---- */

/* Where the body begins, behind the empty line. */
static size_t body_at(slice message)
{
	if (slice_starts(message, S("\r\n")))
		return 2;
	size_t at = slice_find(message, S("\r\n\r\n"));
	return at == message.n ? message.n : at + 4;
}

static int sign_whole(const struct signing *s, slice message, slice domain, int64_t wall,
	struct arena *a, struct buf *out, struct err *e)
{
	size_t at = body_at(message);
	struct body_hashes *b = body_hashes_new(a);
	int digest = dkim_sign_want(b);
	body_hashes_add(b, slice_skip(message, at));
	body_hashes_end(b);
	const struct sign_what w = {.domains = {domain},
		.ndomains = 1,
		.header = slice_first(message, at),
		.digest = body_hashes_get(b, digest),
		.wall = wall};
	int r = sign_fields(s, &w, a, out, e);
	body_hashes_free(b);
	return r;
}

int sign_text(const struct signing *s, slice message, int64_t wall, struct arena *a, slice *ret,
	struct err *e)
{
	AUTO(buf) struct buf out = BUF(SIGN_FIELDS_MAX);
	*ret = (slice){0};
	if (!s || !s->conf->sign)
		return 0;
	slice author, domain;
	if (!sign_author(slice_first(message, body_at(message)), a, &author, &domain))
		return 0;
	if (sign_whole(s, message, domain, wall, a, &out, e) < 0)
		return s->conf->if_unreachable == SIGNING_UNSIGNED ? 0 : -1;
	*ret = arena_dup(a, buf_slice(&out));
	return 0;
}
