/* Checks of a domain: DKIM keys, DMARC, services of mail programs (cli_domain_dns.h). */
#include "bin/cli_domain_dns.h"

#include "base/mem.h"
#include "senderauth/dmarc.h"

/* ---- DKIM ---- */

/* What is wrong with what the DNS has for this key, if anything. */
static enum finding_state judge_key(const struct keyring_key *k, enum dkim_seen seen)
{
	if (seen == DKIM_SEEN_UNKNOWN)
		return FOUND_UNKNOWN;
	if (seen == DKIM_SEEN_RIGHT || (seen == DKIM_SEEN_MISSING && k->state == KEYRING_REVOKED))
		return FOUND_RIGHT;
	return seen == DKIM_SEEN_MISSING ? FOUND_MISSING : FOUND_DIFFERENT;
}

static const char *key_why(enum keyring_state s)
{
	if (s == KEYRING_ACTIVE)
		return T("Our signatures cannot be verified.", "我们的签名无法验证。");
	if (s == KEYRING_PREPARED)
		return T("It must be visible before the key signs (posthouse dkim rotate).",
			"启用密钥之前必须可见（posthouse dkim rotate）。");
	if (s == KEYRING_RETIRED)
		return T("Mail that it signed and that is still on its way cannot be verified.",
			"它签过名、尚在途中的邮件无法验证。");
	return T("Whoever has the revoked key can still sign in our name.",
		"持有已吊销密钥的人仍可冒用本域签名。");
}

static void check_key(struct checking *k, const struct plan_record *r)
{
	slice text;
	enum dkim_seen seen = dkim_look(k->l, r->key, &text);
	struct finding f = {.type = "DKIM",
		.name = r->name,
		.wanted = r->value,
		.found = text,
		.optional = r->optional && r->key->state != KEYRING_REVOKED,
		.state = judge_key(r->key, seen),
		.why = key_why(r->key->state)};
	check_tell(k, &f);
}

void check_dkim(struct checking *k)
{
	bool active = false;
	for (size_t i = 0; i < k->plan->n; i++) {
		const struct plan_record *r = &k->plan->v[i];
		if (r->kind != PLAN_DKIM)
			continue;
		active = active || r->key->state == KEYRING_ACTIVE;
		check_key(k, r);
	}
	if (active)
		return;
	struct finding f = {.type = "DKIM",
		.name = k->plan->domain,
		.state = FOUND_MISSING,
		.why = T("No key signs the domain's mail: large receivers ask for it.",
			"没有密钥为该域的邮件签名：大型邮件系统要求签名。"),
		.mend = arena_printf(k->l->mem, "posthouse dkim add %.*s", SFMT(k->plan->domain))};
	check_tell(k, &f);
}

/* ---- DMARC ---- */

static const struct plan_record *planned(const struct plan *p, enum plan_kind kind)
{
	for (size_t i = 0; i < p->n; i++)
		if (p->v[i].kind == kind)
			return &p->v[i];
	return NULL;
}

/* Do the reports come to us? */
static bool reports_come(const struct dmarc_record *r, const struct plan *p)
{
	for (unsigned i = 0; i < r->nrua; i++)
		if (slice_ieq(r->rua[i].address, p->rua))
			return true;
	return false;
}

static void check_reports(struct checking *k, const struct lookup *lookup)
{
	const struct plan_record *r = planned(k->plan, PLAN_DMARC_REPORTS);
	struct looking *l = k->l;
	slice other, rua = k->plan->rua;
	if (!r)
		return;
	int may = dmarc_report_allowed(lookup, k->plan->domain,
		slice_skip(rua, slice_rindex(rua, '@') + 1), DMARC_TREE_WALK, l->deadline, l->mem,
		&other);
	struct finding f = {.type = "DMARC",
		.name = r->name,
		.wanted = r->value,
		.optional = true,
		.state = may > 0   ? FOUND_RIGHT
			 : may < 0 ? FOUND_UNKNOWN
				   : FOUND_MISSING,
		.why = T("Without it nobody sends the domain's reports there.",
			"没有它，其他系统不会把该域的报告发到那里。")};
	check_tell(k, &f);
}

void check_dmarc(struct checking *k)
{
	struct looking *l = k->l;
	const struct lookup lookup = lookup_dns(l->dns);
	const struct plan_record *r = planned(k->plan, PLAN_DMARC);
	struct finding f = {.type = "DMARC", .name = r->name, .wanted = r->value, .why = r->why};
	struct dmarc_found found;
	dmarc_find(&lookup, k->plan->domain, DMARC_TREE_WALK, l->deadline, l->mem, &found);
	if (found.temporary) {
		f.state = FOUND_UNKNOWN;
	} else if (!found.policy || !found.policy->valid) {
		f.state = found.n && found.steps[0].text.n ? FOUND_DIFFERENT : FOUND_MISSING;
		f.found = found.n ? found.steps[0].text : (slice){0};
	} else {
		f.found = found.policy->text;
		f.state = FOUND_RIGHT;
	}
	check_tell(k, &f);
	if (f.state != FOUND_RIGHT)
		return;
	if (!reports_come(&found.policy->record, k->plan)) {
		f.optional = true;
		f.state = FOUND_DIFFERENT;
		f.why = T("Its reports do not come to this server, so posthouse report knows "
			  "nothing of them.",
			"报告没有发到本服务器，因此 posthouse report 无法统计。");
		f.mend = arena_printf(l->mem, "rua=mailto:%.*s", SFMT(k->plan->rua));
		check_tell(k, &f);
		return;
	}
	check_reports(k, &lookup);
}

/* ---- SRV ---- */

enum { DNS_TYPE_SRV = 33 };

/* "0 1 465 host." of RDATA (RFC 2782). False: malformed. */
static bool srv_text(slice rdata, struct arena *a, slice *ret)
{
	AUTO(buf) struct buf host = BUF(DNS_NAME_MAX + 2);
	const unsigned char *p = (const unsigned char *)rdata.p;
	size_t at = 6;
	if (rdata.n < 7)
		return false;
	while (at < rdata.n && p[at]) {
		if (at + 1 + p[at] > rdata.n || p[at] > 63)
			return false;
		buf_put(&host, slice_of(rdata.p + at + 1, p[at]));
		buf_byte(&host, '.');
		at += 1 + p[at];
	}
	if (!buf_ok(&host))
		return false;
	*ret = arena_printf(a, "%u %u %u %.*s", p[0] << 8 | p[1], p[2] << 8 | p[3],
		p[4] << 8 | p[5], SFMT(buf_slice(&host)));
	return true;
}

/* Port and host count; priority and weight are the owner's business. */
static bool same_service(slice found, slice wanted)
{
	slice a = found, b = wanted, skipped;
	for (int i = 0; i < 2; i++)
		if (!slice_cut(&a, ' ', &skipped) || !slice_cut(&b, ' ', &skipped))
			return false;
	return slice_ieq(a, b);
}

static void check_srv(struct checking *k, const struct plan_record *r)
{
	struct looking *l = k->l;
	struct finding f = {.type = "SRV",
		.name = r->name,
		.wanted = r->value,
		.optional = true,
		.state = FOUND_MISSING,
		.why = r->why};
	struct dns_names_answer a;
	struct err e;
	if (dns_query(l->dns, r->name, DNS_TYPE_SRV, l->deadline, l->mem, &a, &e) < 0) {
		check_unknown(k, &f, &e);
		return;
	}
	for (size_t i = 0; i < a.n && f.state != FOUND_RIGHT; i++) {
		if (!srv_text(a.v[i], l->mem, &f.found))
			f.found = slice_z(T("malformed", "格式错误"));
		f.state = same_service(f.found, r->value) ? FOUND_RIGHT : FOUND_DIFFERENT;
	}
	check_tell(k, &f);
}

void check_services(struct checking *k)
{
	for (size_t i = 0; i < k->plan->n; i++)
		if (k->plan->v[i].kind == PLAN_SRV)
			check_srv(k, &k->plan->v[i]);
}
