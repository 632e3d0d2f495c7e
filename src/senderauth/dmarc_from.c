/*
 * The domains in From: (dmarc.h; RFC 9989 section 5.3.1, RFC 7489 section 6.6.1). Read with the
 * tolerance of mail programs: what a reader may be shown as the author counts, so every From field
 * and every address in it.
 */
#include "senderauth/dmarc.h"

#include "codec/address.h"
#include "codec/header.h"

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

/* False: it has no domain that could have a record. */
static bool add_address(struct dmarc_from *f, const struct header_address *h, struct arena *a)
{
	slice domain = h->domain, ascii;
	if (slice_ends(domain, S(".")))
		domain.n--;
	if (domain.n == 0 || domain.p[0] == '[' || !domain_to_ascii(domain, a, &ascii))
		return false;
	add_domain(f, ascii);
	return true;
}

/* An empty group ("undisclosed:;") has an entry without address. */
static bool add_field(struct dmarc_from *f, slice value, struct arena *a)
{
	struct header_address *v;
	bool good = true;
	size_t n = header_addresses(value, a, &v);
	for (size_t i = 0; i < n; i++)
		good = add_address(f, &v[i], a) && good;
	return good && n > 0;
}

void dmarc_from(slice header, struct arena *a, struct dmarc_from *ret)
{
	struct dmarc_from f = {0};
	struct header_field field;
	bool good = true;
	while (header_next(&header, &field)) {
		if (!slice_ieq(field.name, S("From")))
			continue;
		f.fields++;
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
