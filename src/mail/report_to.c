/*
 * Where reports go (report.h): the addresses that a domain's records name. Only mailto:; a DMARC
 * address outside of the domain's organisation only when its owner agrees (RFC 9990 section 4, RFC
 * 7489 section 7.1), so that nobody can have our reports sent to a victim. Records of TLS reports
 * have no such rule (RFC 8460 section 3).
 */
#include "mail/report.h"

#include "codec/address.h"
#include "codec/tags.h"

static slice domain_of(slice address, struct arena *a)
{
	slice local, domain, ascii;
	if (!address_split(address, &local, &domain) || !domain_to_ascii(domain, a, &ascii))
		return (slice){0};
	return ascii;
}

static void add(struct report_to *v, unsigned *n, struct report_to one)
{
	for (unsigned i = 0; i < *n; i++)
		if (slice_ieq(v[i].address, one.address))
			return;
	if (*n < REPORT_TO_MAX)
		v[(*n)++] = one;
}

enum report_to_status report_to_dmarc(const struct lookup *l, slice domain, slice record,
	bool failure, enum dmarc_method method, instant deadline, struct arena *a,
	struct report_to ret[REPORT_TO_MAX], unsigned *ret_n, slice *ret_why)
{
	struct dmarc_record *r = ARENA_NEW(a, struct dmarc_record);
	bool later = false;
	slice refused = {0};
	*ret_n = 0;
	if (!dmarc_record_parse(record, a, r, NULL))
		r->nrua = r->nruf = 0;
	const struct dmarc_uri *v = failure ? r->ruf : r->rua;
	for (unsigned i = 0, n = failure ? r->nruf : r->nrua; i < n; i++) {
		slice to = domain_of(v[i].address, a), other;
		if (to.n == 0)
			continue;
		int allowed = dmarc_report_allowed(l, domain, to, method, deadline, a, &other);
		later = later || allowed < 0;
		if (allowed == 0)
			refused = v[i].address;
		if (allowed == 1)
			add(ret, ret_n,
				(struct report_to){other.n ? other : v[i].address, v[i].size});
	}
	if (later)
		return REPORT_TO_LATER;
	if (*ret_n)
		return REPORT_TO_FOUND;
	*ret_why = refused.n ? arena_printf(a, "%.*s does not agree to receive it", SFMT(refused))
			     : S("no mail address is named");
	return REPORT_TO_NOBODY;
}

/* "v=TLSRPTv1; rua=mailto:a@b,https://..." */
static bool read_tlsrpt(slice txt, struct arena *a, struct report_to *ret, unsigned *ret_n)
{
	struct tags *t = ARENA_NEW(a, struct tags);
	const struct tag *rua;
	slice list;
	if (!tags_parse(txt, t) || !(rua = tags_get(t, S("rua"))))
		return false;
	/* The same addresses as those of DMARC. */
	struct dmarc_record *r = ARENA_NEW(a, struct dmarc_record);
	list = arena_printf(a, "v=DMARC1; p=none; rua=%.*s", SFMT(rua->value));
	if (!dmarc_record_parse(list, a, r, NULL))
		return false;
	for (unsigned i = 0; i < r->nrua; i++)
		if (r->rua[i].address.n)
			add(ret, ret_n, (struct report_to){r->rua[i].address, r->rua[i].size});
	return true;
}

enum report_to_status report_to_tls(const struct lookup *l, slice domain, instant deadline,
	struct arena *a, struct report_to ret[REPORT_TO_MAX], unsigned *ret_n, slice *ret_why)
{
	slice *txt, record = {0};
	size_t n = 0;
	unsigned found = 0;
	*ret_n = 0;
	enum lookup_status s = l->txt(
		l->arg, arena_printf(a, "_smtp._tls.%.*s", SFMT(domain)), deadline, a, &txt, &n);
	if (s == LOOKUP_TEMP)
		return REPORT_TO_LATER;
	for (size_t i = 0; s == LOOKUP_OK && i < n; i++)
		if (slice_starts(txt[i], S("v=TLSRPTv1")) &&
			(txt[i].n == 10 || strchr("; \t", txt[i].p[10]))) {
			record = txt[i];
			found++;
		}
	/* Anything but one record is none (RFC 8460 section 3). */
	if (found == 1)
		read_tlsrpt(record, a, ret, ret_n);
	*ret_why = found == 0  ? S("no TLS reports are wanted")
		   : found > 1 ? S("there is more than one TLSRPT record")
			       : S("no mail address is named");
	return *ret_n ? REPORT_TO_FOUND : REPORT_TO_NOBODY;
}
