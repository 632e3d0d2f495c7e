/*
 * The domains in From: (dmarc.h; RFC 9989 section 5.3.1, RFC 7489 section 6.6.1). Read with the
 * tolerance of mail programs: what a reader may be shown as the author counts, so every From field
 * and every address in it.
 */
#include "senderauth/dmarc.h"

#include "codec/address.h"
#include "codec/header.h"
#include <string.h>

enum { OWNER_LABELS_MAX = 8 /* of a domain whose first labels are not valid */ };

static void add_domain(struct dmarc_from *f, slice domain)
{
	for (unsigned i = 0; i < f->n; i++)
		if (slice_eq(f->domains[i], domain))
			return;
	if (f->n == DMARC_FROMS_MAX)
		f->more = true;
	else
		f->domains[f->n++] = domain;
}

static size_t count_labels(slice domain)
{
	size_t n = 1;
	for (size_t i = 0; i < domain.n; i++)
		n += domain.p[i] == '.';
	return n;
}

/* The domain; of one with labels that no host may have ("my_host.example.com") what stands behind
 * them, since it belongs to that owner. False: nothing that could have a record. */
static bool usable(slice domain, struct arena *a, slice *ret)
{
	while (slice_ends(domain, S(".")))
		domain.n--;
	if (domain.n == 0 || domain.p[0] == '[')
		return false;
	if (domain_to_ascii(domain, a, ret))
		return true;
	for (size_t labels = count_labels(domain); labels > 2; labels--) {
		domain = slice_skip(domain, slice_index(domain, '.') + 1);
		if (labels <= OWNER_LABELS_MAX && domain_to_ascii(domain, a, ret))
			return true;
	}
	return false;
}

/* Whatever stands behind an @: "a@b.example c@d.example", "a@b.example@d.example". */
static void add_any(struct dmarc_from *f, slice value, struct arena *a)
{
	slice domain;
	for (size_t at; (at = slice_index(value, '@')) < value.n;) {
		value = slice_skip(value, at + 1);
		size_t n = 0;
		while (n < value.n && !(value.p[n] && strchr(" \t\r\n()<>[]:;@,\"\\", value.p[n])))
			n++;
		domain = slice_first(value, n);
		if (slice_index(domain, '.') < domain.n && usable(domain, a, &domain))
			add_domain(f, domain);
	}
}

/* An empty group ("undisclosed:;") has an entry without address. */
static bool add_field(struct dmarc_from *f, slice value, struct arena *a)
{
	struct header_address *v;
	bool good = true;
	slice domain;
	size_t n = header_addresses(value, a, &v), odd = 0;
	for (size_t i = 0; i < n; i++) {
		if (usable(v[i].domain, a, &domain))
			add_domain(f, domain);
		else
			good = false;
		odd += v[i].odd;
	}
	if (odd)
		add_any(f, value, a);
	return good && n > 0 && n < HEADER_ADDRESSES_MAX;
}

void dmarc_from(slice header, struct arena *a, struct dmarc_from *ret)
{
	struct dmarc_from f = {0};
	struct header_field field;
	bool good = true;
	slice first = {0};
	while (header_next(&header, &field)) {
		if (!slice_ieq(field.name, S("From")))
			continue;
		if (f.fields++ == 0)
			first = slice_trim(field.value);
		f.differ |= !slice_eq(first, slice_trim(field.value));
		good = add_field(&f, field.value, a) && good;
	}
	if (f.fields == 0)
		f.state = DMARC_FROM_NONE;
	else if (!good || f.n == 0)
		f.state = DMARC_FROM_INVALID;
	else if (f.fields > 1 || f.n > 1)
		f.state = DMARC_FROM_SEVERAL;
	*ret = f;
}
