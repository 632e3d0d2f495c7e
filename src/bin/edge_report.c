/*
 * Counting a verified message for its domain's DMARC report (edge_report.h). Called by the session
 * after each verdict. A message that is put off (4xx) is counted when it comes again; one whose
 * domain has no record, or whose record could not be looked up, is not counted.
 */
#include "bin/edge_report.h"

#include "base/mem.h"
#include "bin/edge_failure.h"
#include "bin/edge_verify.h"
#include "codec/address.h"
#include "store/report.h"

static slice domain_of(slice address, struct arena *a)
{
	slice local, domain, ascii;
	if (!address_split(address, &local, &domain))
		return (slice){0};
	return domain_to_ascii(domain, a, &ascii) ? ascii : domain;
}

static void add_reason(struct dmarc_stat *s, enum report_override type, slice comment)
{
	if (s->nreasons < REPORT_REASONS_MAX)
		s->reasons[s->nreasons++] = (struct report_reason){type, comment};
}

/* Why the disposition is not what the record asks for (RFC 9990 section 3.1). */
static void add_reasons(const struct edge_verified *f, struct arena *a, struct dmarc_stat *s)
{
	const struct dmarc_result *d = &f->dmarc;
	if (d->result != AUTH_FAIL)
		return;
	if (d->testing)
		add_reason(s, REPORT_POLICY_TEST_MODE, S(""));
	if (d->sampled_out)
		add_reason(s, REPORT_SAMPLED_OUT, S(""));
	if (f->override == OVERRIDE_TRUSTED_FORWARDER)
		add_reason(s, REPORT_TRUSTED_FORWARDER,
			arena_printf(a, "arc=pass as[%u].d=%.*s", f->forwarder.instance,
				SFMT(f->forwarder.sealer)));
	else if (f->override == OVERRIDE_LOCAL_POLICY)
		add_reason(s, REPORT_LOCAL_POLICY, S("exception of the receiver"));
	else if (f->disposition != d->disposition)
		add_reason(s, REPORT_LOCAL_POLICY, S(""));
}

static void add_signatures(const struct edge_verified *f, struct dmarc_stat *s)
{
	for (size_t i = 0; i < f->dkim.n && s->ndkim < REPORT_DKIM_MAX; i++) {
		const struct dkim_result *r = &f->dkim.v[i];
		if (r->field.domain.n)
			s->dkim[s->ndkim++] =
				(struct report_dkim){r->field.domain, r->field.selector, r->result};
	}
}

static void count(struct edge_session *s, const struct queue_msg *m, const struct edge_verified *f)
{
	AUTO(arena) struct arena a = {0};
	const struct dmarc_result *d = &f->dmarc;
	struct dmarc_stat *st = ARENA_NEW(&a, struct dmarc_stat);
	*st = (struct dmarc_stat){
		.at = m->arrived_at,
		.policy_domain = d->record_domain,
		.record = d->record_text,
		.by_suffix = d->method == DMARC_PUBLIC_SUFFIX,
		.client_ip = slice_z(s->client->ip),
		.header_from = d->from_domain,
		.envelope_from = domain_of(m->sender, &a),
		.envelope_to = m->nrcpts ? domain_of(m->rcpts[0].address, &a) : (slice){0},
		.spf_domain = f->spf.domain,
		.spf_helo = f->spf.scope == SPF_HELO,
		.spf = f->spf.result,
		.spf_aligned = d->spf_aligned,
		.dkim_aligned = d->dkim_aligned,
		.disposition = f->disposition,
	};
	add_signatures(f, st);
	add_reasons(f, &a, st);
	report_count_dmarc(s->edge->reports, st);
}

void edge_report(
	struct edge_session *s, const struct queue_msg *m, const struct smtpd_refusal *refused)
{
	const struct edge_verified *f = edge_verify_found(s);
	bool put_off = refused && refused->code < 500;
	if (!f || !f->dmarc.record || put_off)
		return;
	if (f->dmarc.result != AUTH_PASS && f->dmarc.result != AUTH_FAIL)
		return;
	count(s, m, f);
	edge_failure(s, m, f, refused != NULL);
}
