/*
 * What verification writes about a message: the Authentication-Results field on top of it (RFC
 * 8601), events for the trace with the reasons in words (doc/en/trace.md), and signals.
 */
#include "bin/edge_verify_impl.h"

#include "base/mem.h"
#include "store/trace.h"

enum {
	FIELD_MAX = 24 * 1024,
	DKIM_TOLD = 8, /* signatures in the trace */
	METHODS_MAX = DKIM_SIGNATURES_MAX + 8,
};

/* ---- Authentication-Results ---- */

static void put_iprev(const struct edge_verify *v, struct authres *r)
{
	const struct iprev *i = &v->found.iprev;
	struct authres_method *m = &r->v[r->n];
	if (i->result == AUTH_NONE)
		return;
	r->n++;
	*m = (struct authres_method){
		.method = S("iprev"),
		.result = slice_z(auth_result_name(i->result)),
		.comment = i->name.n ? i->name : i->unconfirmed,
		.props = {{S("policy"), S("iprev"), slice_z(v->session->client->ip)}},
		.nprops = 1,
	};
}

static void put_dkim(struct edge_verify *v, struct authres *r)
{
	const struct dkim_results *all = &v->found.dkim;
	for (size_t i = 0; i < all->n; i++)
		dkim_result_method(all, i, &v->msg, &r->v[r->n++]);
	if (!all->n)
		r->v[r->n++] = (struct authres_method){.method = S("dkim"), .result = S("none")};
}

static void gather(struct edge_verify *v, struct authres *r)
{
	const struct edge_verified *f = &v->found;
	if (v->checks.dmarc)
		dmarc_authres(&f->dmarc, &v->msg, &r->v[r->n++]);
	if (f->spf.identity.n)
		spf_authres(&f->spf, &v->msg, &r->v[r->n++]);
	if (f->spf_helo.domain.n && f->spf.scope != SPF_HELO)
		spf_authres(&f->spf_helo, &v->msg, &r->v[r->n++]);
	if (v->checks.dkim)
		put_dkim(v, r);
	if (f->arc.result != AUTH_NONE)
		arc_authres(&f->arc, slice_z(v->session->client->ip), &v->msg, &r->v[r->n++]);
	put_iprev(v, r);
}

static void write_results(struct edge_verify *v, struct buf *top)
{
	AUTO(buf) struct buf field = BUF(FIELD_MAX);
	struct authres r = {.authserv_id = v->session->edge->authserv_id, .version = 1};
	r.v = ARENA_ARRAY(&v->msg, struct authres_method, METHODS_MAX);
	gather(v, &r);
	buf_put(&field, S("Authentication-Results: "));
	authres_build(&field, &r);
	buf_put(&field, S("\r\n"));
	if (buf_ok(&field))
		buf_put(top, buf_slice(&field));
	else
		log_warn(&v->session->log, "verify.results", F("methods", r.n));
}

/* ---- events ---- */

static slice result_text(enum auth_result r)
{
	return slice_z(auth_result_name(r));
}

static void tell_spf(struct edge_verify *v, struct buf *log, const struct spf_result *r)
{
	if (!r->identity.n)
		return;
	slice why = r->explanation.n ? r->explanation : spf_problem_text(&r->problem, &v->msg);
	trace_event(log, wall_now(), "spf", "result", result_text(r->result), "of",
		r->scope == SPF_HELO ? S("helo") : S("mailfrom"), "domain", r->domain, "by",
		r->mechanism, "in",
		slice_eq(r->record_domain, r->domain) ? S("") : r->record_domain, "why", why, NULL);
}

static void tell_dkim(struct edge_verify *v, struct buf *log)
{
	const struct dkim_results *all = &v->found.dkim;
	for (size_t i = 0; i < all->n && i < DKIM_TOLD; i++) {
		const struct dkim_result *r = &all->v[i];
		trace_event(log, wall_now(), "dkim", "result", result_text(r->result), "domain",
			r->field.domain, "selector", r->field.selector, "bits",
			r->bits ? arena_printf(&v->msg, "%u", r->bits) : S(""), "why",
			r->result == AUTH_PASS ? S("") : slice_z(r->reason), NULL);
	}
	size_t more = all->n > DKIM_TOLD ? all->n - DKIM_TOLD : 0;
	if (more + all->skipped)
		trace_event(log, wall_now(), "dkim", "others", arena_printf(&v->msg, "%zu", more),
			"unread", arena_printf(&v->msg, "%zu", all->skipped), NULL);
	if (!all->n && v->checks.dkim)
		trace_event(log, wall_now(), "dkim", "result", S("none"), NULL);
}

static void tell_arc(struct edge_verify *v, struct buf *log)
{
	AUTO(buf) struct buf sealers = BUF(1024);
	const struct arc_result *r = &v->found.arc;
	if (r->result == AUTH_NONE)
		return;
	for (unsigned i = 0; i < r->n; i++)
		buf_printf(&sealers, "%s%.*s", i ? " " : "", SFMT(r->hops[i].domain));
	trace_event(log, wall_now(), "arc", "result", result_text(r->result), "sealers",
		buf_slice(&sealers), "why", r->reason, NULL);
}

static slice override_text(struct edge_verify *v)
{
	const struct arc_word *w = &v->found.forwarder;
	if (v->found.override == OVERRIDE_TRUSTED_FORWARDER)
		return arena_printf(&v->msg, "%.*s says %s=pass (ARC i=%u)", SFMT(w->sealer),
			w->method, w->instance);
	return v->found.override == OVERRIDE_LOCAL_POLICY ? S("exception for the domain") : S("");
}

static void tell_dmarc(struct edge_verify *v, struct buf *log)
{
	const struct dmarc_result *d = &v->found.dmarc;
	if (!v->checks.dmarc)
		return;
	bool asked = d->record != NULL;
	trace_event(log, wall_now(), "dmarc", "result", result_text(d->result), "from",
		v->found.from_domain, "policy",
		asked ? slice_z(dmarc_policy_name(d->policy)) : S(""), "done",
		asked ? slice_z(dmarc_policy_name(v->found.disposition)) : S(""), "override",
		override_text(v), "why", d->reason, NULL);
}

static void tell_rest(struct edge_verify *v, struct buf *log)
{
	const struct iprev *i = &v->found.iprev;
	if (i->result != AUTH_NONE)
		trace_event(log, wall_now(), "iprev", "result", result_text(i->result), "name",
			i->name.n ? i->name : i->unconfirmed, NULL);
	if (v->found.forged)
		trace_event(log, wall_now(), "forged", "removed",
			arena_printf(&v->msg, "%u", v->found.forged), NULL);
}

/* ---- signals ---- */

static void add(struct edge_verify *v, enum signal_id id, slice detail)
{
	signals_add(v->signals, id, 1, detail);
}

void edge_verify_signal_spf(struct edge_verify *v)
{
	const struct edge_verified *f = &v->found;
	if (f->spf.identity.n)
		add(v, signal_of_spf(f->spf.result), f->spf.domain);
}

static void signal_dkim(struct edge_verify *v)
{
	const struct dkim_results *all = &v->found.dkim;
	if (!v->checks.dkim)
		return;
	switch (dkim_results_best(all)) {
	case AUTH_PASS:
		add(v, SIGNAL_DKIM_PASS, v->found.domains[0]);
		break;
	case AUTH_NONE:
		add(v, SIGNAL_DKIM_NONE, S(""));
		break;
	case AUTH_TEMPERROR:
		add(v, SIGNAL_DKIM_TEMPERROR, S(""));
		break;
	case AUTH_FAIL:
		add(v, SIGNAL_DKIM_FAIL, slice_z(all->v[0].reason));
		break;
	default:
		add(v, SIGNAL_DKIM_UNUSABLE, slice_z(all->v[0].reason));
	}
}

static void signal_dmarc(struct edge_verify *v)
{
	const struct edge_verified *f = &v->found;
	if (!v->checks.dmarc)
		return;
	switch (f->dmarc.result) {
	case AUTH_PASS:
		add(v, SIGNAL_DMARC_PASS, f->from_domain);
		break;
	case AUTH_TEMPERROR: /* anyone can name a key below the domain that is never answered */
		add(v, f->dmarc.policy == DMARC_NONE ? SIGNAL_DMARC_TEMPERROR : SIGNAL_DMARC_UNSURE,
			f->from_domain);
		break;
	case AUTH_PERMERROR:
		add(v, SIGNAL_DMARC_PERMERROR, f->dmarc.reason);
		break;
	case AUTH_FAIL:
		if (f->override)
			break;
		add(v,
			f->dmarc.disposition == DMARC_REJECT       ? SIGNAL_DMARC_REJECT
			: f->dmarc.disposition == DMARC_QUARANTINE ? SIGNAL_DMARC_QUARANTINE
								   : SIGNAL_DMARC_FAIL,
			f->from_domain);
		break;
	default:
		add(v, SIGNAL_DMARC_NONE, f->from_domain);
	}
}

static void signal_rest(struct edge_verify *v)
{
	const struct edge_verified *f = &v->found;
	if (f->spf_helo.result == AUTH_FAIL && f->spf.scope != SPF_HELO)
		add(v, SIGNAL_SPF_HELO_FAIL, f->spf_helo.domain);
	if (f->override == OVERRIDE_TRUSTED_FORWARDER)
		add(v, SIGNAL_ARC_TRUSTED, f->forwarder.sealer);
	else if (f->arc.result == AUTH_PASS)
		add(v, SIGNAL_ARC_PASS, f->arc.hops[f->arc.n - 1].domain);
	else if (f->arc.result == AUTH_FAIL && !f->arc.temporary)
		add(v, SIGNAL_ARC_FAIL, f->arc.reason);
	if (f->forged)
		add(v, SIGNAL_FORGED_RESULTS, S(""));
}

void edge_verify_tell(struct edge_verify *v, struct smtpd_verdict *out)
{
	write_results(v, out->top);
	tell_rest(v, out->log);
	tell_spf(v, out->log, &v->found.spf);
	if (v->found.spf_helo.domain.n && v->found.spf.scope != SPF_HELO)
		tell_spf(v, out->log, &v->found.spf_helo);
	tell_dkim(v, out->log);
	tell_arc(v, out->log);
	tell_dmarc(v, out->log);
	edge_verify_signal_spf(v);
	signal_dkim(v);
	signal_dmarc(v);
	signal_rest(v);
}
