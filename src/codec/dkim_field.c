/*
 * DKIM-Signature (RFC 6376 section 3.5, RFC 8463), ARC-Message-Signature and ARC-Seal (RFC 8617
 * section 4.1), read for senderauth/. Unknown tags are ignored, so are z= and (in DKIM) nothing
 * else. Building them: dkim_field_build.c.
 */
#include "codec/dkim_field.h"

#include "base/buf.h"
#include "base/hex.h"
#include "base/mem.h"
#include "base/utf8.h"
#include "codec/address.h"

enum { IDENTITY_MAX = 1000 };

const char *dkim_field_name(enum dkim_field_kind kind)
{
	static const char *const names[] = {
		[DKIM_SIGNATURE] = "DKIM-Signature",
		[ARC_MESSAGE_SIGNATURE] = "ARC-Message-Signature",
		[ARC_SEAL] = "ARC-Seal",
	};
	return names[kind];
}

const char *dkim_fault_text(enum dkim_fault f)
{
	static const char *const texts[] = {
		[DKIM_FIELD_FINE] = "the signature is well-formed",
		[DKIM_FIELD_SYNTAX] = "the signature is no valid tag list",
		[DKIM_FIELD_MISSING] = "the signature lacks a required tag",
		[DKIM_FIELD_VERSION] = "the signature has an unknown version",
		[DKIM_FIELD_ALGORITHM] = "the signature has an unknown algorithm",
		[DKIM_FIELD_CANON] = "the signature has an unknown canonicalisation",
		[DKIM_FIELD_QUERY] = "the signature's key cannot be asked from the DNS",
		[DKIM_FIELD_DOMAIN] = "the signature's d= is no domain",
		[DKIM_FIELD_SELECTOR] = "the signature's s= is no name",
		[DKIM_FIELD_IDENTITY] = "the signature's i= is not valid",
		[DKIM_FIELD_BASE64] = "the signature's b= or bh= is not base64",
		[DKIM_FIELD_NAMES] = "the signature's h= is not valid",
		[DKIM_FIELD_NUMBER] = "the signature's l=, t= or x= is not valid",
		[DKIM_FIELD_CV] = "the seal's cv= is not valid",
	};
	return texts[f];
}

bool dkim_field_names(const struct dkim_field *f, slice name)
{
	for (size_t i = 0; i < f->nnames; i++)
		if (slice_ieq(f->names[i], name))
			return true;
	return false;
}

/* What all the readers below work on. */
struct reading {
	const struct tags *tags;
	struct arena *mem;
	struct dkim_field *f;
};

static const struct tag *tag_of(const struct reading *r, const char *name)
{
	return tags_get(r->tags, slice_z(name));
}

static enum dkim_fault read_algorithm(const struct reading *r)
{
	const struct tag *a = tag_of(r, "a");
	return dkim_algorithm_parse(a->value, &r->f->algorithm) ? DKIM_FIELD_FINE
								: DKIM_FIELD_ALGORITHM;
}

static bool canon_parse(slice s, enum dkim_canon *ret)
{
	if (slice_ieq(s, S("simple")))
		*ret = CANON_SIMPLE;
	else if (slice_ieq(s, S("relaxed")))
		*ret = CANON_RELAXED;
	else
		return false;
	return true;
}

static enum dkim_fault read_canon(const struct reading *r)
{
	const struct tag *c = tag_of(r, "c");
	slice body = c ? c->value : (slice){0}, header = {0};
	if (r->f->kind == ARC_SEAL) { /* RFC 8617 4.1.3: always */
		r->f->header_canon = CANON_RELAXED;
		return DKIM_FIELD_FINE;
	}
	if (!c)
		return DKIM_FIELD_FINE; /* simple/simple */
	tags_item(&body, '/', &header);
	bool ok = canon_parse(header, &r->f->header_canon) &&
		  (!body.p || canon_parse(slice_trim(body), &r->f->body_canon));
	return ok ? DKIM_FIELD_FINE : DKIM_FIELD_CANON;
}

/* One of the methods must be the one that there is. "dns" alone is from before RFC 4871. */
static enum dkim_fault read_query(const struct reading *r)
{
	const struct tag *q = tag_of(r, "q");
	slice methods = q ? q->value : S("dns/txt"), method;
	while (tags_item(&methods, ':', &method))
		if (slice_ieq(method, S("dns/txt")) || slice_ieq(method, S("dns")))
			return DKIM_FIELD_FINE;
	return DKIM_FIELD_QUERY;
}

static bool selector_label_valid(slice label)
{
	for (size_t i = 0; i < label.n; i++) {
		char c = ascii_lower(label.p[i]);
		if (!((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_'))
			return false;
	}
	return label.n > 0 && label.n <= ADDRESS_LABEL_MAX;
}

/* Labels as a host's, but all digits are fine ("20230601"), and "_" is seen. */
static bool selector_parse(slice s, struct arena *a, slice *ret)
{
	slice rest = s, label;
	if (!utf8_is_ascii(s))
		return domain_to_ascii(s, a, ret);
	if (s.n == 0 || s.n > ADDRESS_DOMAIN_MAX)
		return false;
	while (slice_cut(&rest, '.', &label))
		if (!selector_label_valid(label))
			return false;
	char *lower = arena_strz(a, s);
	for (size_t i = 0; i < s.n; i++)
		lower[i] = ascii_lower(s.p[i]);
	*ret = slice_of(lower, s.n);
	return true;
}

static enum dkim_fault read_domain(const struct reading *r)
{
	const struct tag *d = tag_of(r, "d");
	bool ok = domain_to_ascii(tags_compact(d->value, r->mem), r->mem, &r->f->domain);
	return ok ? DKIM_FIELD_FINE : DKIM_FIELD_DOMAIN;
}

static enum dkim_fault read_selector(const struct reading *r)
{
	const struct tag *s = tag_of(r, "s");
	bool ok = selector_parse(tags_compact(s->value, r->mem), r->mem, &r->f->selector);
	return ok ? DKIM_FIELD_FINE : DKIM_FIELD_SELECTOR;
}

/* dkim-quoted-printable (RFC 6376 2.11): "=" and two hexadecimal digits; white space is nothing. */
static bool qp_decode(slice in, struct arena *a, slice *ret)
{
	char *to = arena_alloc(a, in.n + 1), *end = to;
	for (size_t i = 0; i < in.n; i++) {
		if (in.p[i] != '=') {
			*end++ = in.p[i];
			continue;
		}
		int high = i + 2 < in.n ? hex_digit(in.p[i + 1]) : -1;
		int low = high < 0 ? -1 : hex_digit(in.p[i + 2]);
		if (low < 0)
			return false;
		*end++ = (char)(high << 4 | low);
		i += 2;
	}
	*ret = slice_of(to, (size_t)(end - to));
	return true;
}

static enum dkim_fault read_identity(const struct reading *r)
{
	const struct tag *i = tag_of(r, "i");
	slice identity, local, domain, ascii;
	uint64_t instance;
	if (r->f->kind != DKIM_SIGNATURE) {
		if (!slice_u64(i->value, &instance) || !instance || instance > DKIM_INSTANCE_MAX)
			return DKIM_FIELD_IDENTITY;
		r->f->instance = (unsigned)instance;
		return DKIM_FIELD_FINE;
	}
	if (!i)
		return DKIM_FIELD_FINE;
	bool ok = qp_decode(tags_compact(i->value, r->mem), r->mem, &identity) &&
		  identity.n <= IDENTITY_MAX && address_split(identity, &local, &domain) &&
		  domain_to_ascii(domain, r->mem, &ascii) && domain_within(ascii, r->f->domain);
	if (!ok)
		return DKIM_FIELD_IDENTITY;
	r->f->identity = identity;
	return DKIM_FIELD_FINE;
}

static bool field_name_valid(slice name)
{
	for (size_t i = 0; i < name.n; i++)
		if (name.p[i] <= ' ' || name.p[i] > '~')
			return false;
	return name.n > 0;
}

static enum dkim_fault read_names(const struct reading *r)
{
	const struct tag *h = tag_of(r, "h");
	slice list = h ? h->value : (slice){0}, name;
	if (r->f->kind == ARC_SEAL) /* signs the whole chain; RFC 8617 4.1.3 forbids h= */
		return h ? DKIM_FIELD_NAMES : DKIM_FIELD_FINE;
	size_t n = 1;
	for (size_t i = 0; i < list.n; i++)
		n += list.p[i] == ':';
	if (n > DKIM_NAMES_MAX)
		return DKIM_FIELD_NAMES;
	r->f->names = ARENA_ARRAY(r->mem, slice, n);
	bool may_be_empty =
		r->f->kind == ARC_MESSAGE_SIGNATURE; /* the ARC suite has such that pass */
	while (tags_item(&list, ':', &name)) {
		if (name.n == 0 && may_be_empty)
			continue;
		if (!field_name_valid(name))
			return DKIM_FIELD_NAMES;
		r->f->names[r->f->nnames++] = name;
	}
	return r->f->nnames || may_be_empty ? DKIM_FIELD_FINE : DKIM_FIELD_NAMES;
}

static enum dkim_fault read_base64(const struct reading *r)
{
	const struct tag *b = tag_of(r, "b"), *bh = tag_of(r, "bh");
	struct dkim_field *f = r->f;
	if (!tags_base64(f->b_text, r->mem, &f->signature) || f->signature.n == 0)
		return DKIM_FIELD_BASE64;
	f->b_span = b->span;
	if (f->kind == ARC_SEAL)
		return bh ? DKIM_FIELD_BASE64 : DKIM_FIELD_FINE;
	return tags_base64(bh->value, r->mem, &f->body_hash) ? DKIM_FIELD_FINE : DKIM_FIELD_BASE64;
}

/* Decimal digits; what is too large for an int64_t is its largest value. */
static bool read_number(const struct reading *r, const char *name, int64_t *ret)
{
	const struct tag *t = tag_of(r, name);
	uint64_t u = 0;
	*ret = -1;
	if (!t)
		return true;
	if (t->value.n == 0 || t->value.n > 76)
		return false;
	for (size_t i = 0; i < t->value.n; i++)
		if (t->value.p[i] < '0' || t->value.p[i] > '9')
			return false;
	*ret = slice_u64(t->value, &u) && u < INT64_MAX ? (int64_t)u : INT64_MAX;
	return true;
}

static enum dkim_fault read_numbers(const struct reading *r)
{
	bool ok = read_number(r, "t", &r->f->signed_at) && read_number(r, "x", &r->f->expires_at) &&
		  read_number(r, "l", &r->f->length);
	return ok ? DKIM_FIELD_FINE : DKIM_FIELD_NUMBER;
}

static enum dkim_fault read_cv(const struct reading *r)
{
	const struct tag *cv = tag_of(r, "cv");
	if (r->f->kind != ARC_SEAL)
		return DKIM_FIELD_FINE;
	if (slice_ieq(cv->value, S("none")))
		r->f->cv = ARC_CV_NONE;
	else if (slice_ieq(cv->value, S("pass")))
		r->f->cv = ARC_CV_PASS;
	else if (slice_ieq(cv->value, S("fail")))
		r->f->cv = ARC_CV_FAIL;
	else
		return DKIM_FIELD_CV;
	return DKIM_FIELD_FINE;
}

/* Required tags and the version; AMS and AS have none (RFC 8617 4.1.2). */
static enum dkim_fault check_tags(const struct reading *r)
{
	static const char *const required[][9] = {
		[DKIM_SIGNATURE] = {"v", "a", "b", "bh", "d", "h", "s"},
		[ARC_MESSAGE_SIGNATURE] = {"i", "a", "b", "bh", "d", "h", "s"},
		[ARC_SEAL] = {"i", "a", "b", "cv", "d", "s"},
	};
	for (const char *const *name = required[r->f->kind]; *name; name++)
		if (!tag_of(r, *name))
			return DKIM_FIELD_MISSING;
	bool versioned = r->f->kind == DKIM_SIGNATURE;
	if (versioned && !slice_eq(tag_of(r, "v")->value, S("1")))
		return DKIM_FIELD_VERSION;
	return DKIM_FIELD_FINE;
}

enum dkim_fault dkim_field_parse(
	slice value, enum dkim_field_kind kind, struct arena *a, struct dkim_field *ret)
{
	static enum dkim_fault (*const steps[])(const struct reading *) = {check_tags, read_domain,
		read_selector, read_algorithm, read_canon, read_query, read_identity, read_names,
		read_numbers, read_base64, read_cv};
	struct tags tags;
	struct reading r = {.tags = &tags, .mem = a, .f = ret};
	*ret = (struct dkim_field){.kind = kind, .length = -1, .signed_at = -1, .expires_at = -1};
	if (!tags_parse(value, &tags))
		return DKIM_FIELD_SYNTAX;
	const struct tag *b = tag_of(&r, "b");
	if (b)
		ret->b_text = tags_compact(b->value, a);
	for (size_t i = 0; i < sizeof steps / sizeof *steps; i++) {
		enum dkim_fault fault = steps[i](&r);
		if (fault)
			return fault;
	}
	return DKIM_FIELD_FINE;
}
