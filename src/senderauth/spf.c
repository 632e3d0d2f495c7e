/*
 * check_host() of SPF (RFC 7208 section 4): finds a domain's record, looks at its terms in order,
 * follows include and redirect, and keeps the limits of 4.6.4. Mechanisms are in spf_match.c, names
 * and macros in spf_target.c, the grammar in codec/spf_record.
 *
 * It does not act on the result and writes no Received-SPF field; Authentication-Results carries
 * it (spf_authres).
 */
#include "senderauth/spf_internal.h"

#include "base/utf8.h"
#include "codec/address.h"

/* ---- telling ---- */

_Static_assert(SPF_LOOKUPS_MAX == 10 && SPF_VOID_MAX == 2 && SPF_NAMES_MAX == 10, "texts below");

const char *spf_reason_text(enum spf_reason r)
{
	static const char *const texts[SPF_REASONS] = {
		[SPF_REASON_NONE] = "",
		[SPF_NO_DOMAIN] = "no domain that could have a record",
		[SPF_NO_RECORD] = "no record",
		[SPF_LOOKUP_FAILED] = "DNS lookup failed",
		[SPF_TOO_LATE] = "the lookups took too long",
		[SPF_RECORDS_MANY] = "more than one record",
		[SPF_RECORD_BROKEN] = "syntax error",
		[SPF_TARGET_NONE] = "the domain it refers to has no record",
		[SPF_LOOKUPS_MANY] = "more than 10 terms ask the DNS",
		[SPF_VOIDS_MANY] = "more than 2 lookups found nothing",
		[SPF_NAMES_MANY] = "more than 10 mail hosts",
		[SPF_EXPANSION_LONG] = "its macros make it too long",
		[SPF_STEPS_MANY] = "too many terms",
	};
	return texts[r];
}

slice spf_problem_text(const struct spf_problem *p, struct arena *a)
{
	enum { SHOWN = 100 };
	const char *why = p->reason == SPF_RECORD_BROKEN ? spf_fault_text(p->fault)
							 : spf_reason_text(p->reason);
	if (p->reason == SPF_REASON_NONE)
		return (slice){0};
	if (p->term.n == 0)
		return arena_printf(a, "%.*s: %s", SFMT(p->domain), why);
	return arena_printf(
		a, "%.*s: %.*s: %s", SFMT(p->domain), SFMT(slice_first(p->term, SHOWN)), why);
}

void spf_tell(struct spf_run *r, const struct spf_place *p, struct spf_step step)
{
	if (!r->q->step)
		return;
	step.depth = p->depth;
	step.domain = p->domain;
	step.lookups = r->lookups;
	r->q->step(r->q->arg, &step);
}

enum spf_verdict spf_give_up(struct spf_run *r, const struct spf_place *p, slice term,
	enum spf_verdict verdict, enum spf_reason why)
{
	if (why == SPF_LOOKUP_FAILED && instant_now() >= r->deadline)
		why = SPF_TOO_LATE;
	r->ret->problem = (struct spf_problem){.reason = why, .domain = p->domain, .term = term};
	spf_tell(r, p,
		(struct spf_step){
			.event = SPF_PROBLEM, .term = term, .text = slice_z(spf_reason_text(why))});
	return verdict;
}

bool spf_count_lookup(struct spf_run *r)
{
	return ++r->lookups <= SPF_LOOKUPS_MAX;
}

/* ---- a domain's record ---- */

static enum auth_result without_record(
	struct spf_run *r, const struct spf_place *p, enum auth_result result, enum spf_reason why)
{
	enum spf_verdict v = result == AUTH_TEMPERROR ? SPF_TEMP : SPF_PERM;
	spf_give_up(r, p, (slice){0}, v, why);
	return result;
}

/* Section 4.4, 4.5: the one record among the domain's texts. AUTH_PASS when found. */
static enum auth_result find_record(struct spf_run *r, const struct spf_place *p, slice *ret)
{
	slice *texts;
	size_t n = 0, found = 0;
	enum lookup_status status = spf_name_valid(p->domain)
					    ? spf_ask_txt(r, p->domain, r->a, &texts, &n)
					    : LOOKUP_NXDOMAIN;
	if (status == LOOKUP_TEMP)
		return without_record(r, p, AUTH_TEMPERROR, SPF_LOOKUP_FAILED);
	for (size_t i = 0; status == LOOKUP_OK && i < n; i++)
		if (spf_record_is(texts[i]) && found++ == 0)
			*ret = texts[i];
	if (found > 1)
		return without_record(r, p, AUTH_PERMERROR, SPF_RECORDS_MANY);
	return found ? AUTH_PASS : without_record(r, p, AUTH_NONE, SPF_NO_RECORD);
}

static enum auth_result read_record(
	struct spf_run *r, const struct spf_place *p, struct spf_record *ret)
{
	slice text, where;
	enum auth_result found = find_record(r, p, &text);
	if (found != AUTH_PASS)
		return found;
	spf_tell(r, p, (struct spf_step){.event = SPF_RECORD, .text = text});
	enum spf_fault fault = spf_record_parse(text, r->a, ret, &where);
	if (fault == SPF_FINE)
		return AUTH_PASS;
	r->ret->problem = (struct spf_problem){SPF_RECORD_BROKEN, fault, p->domain, where};
	spf_tell(r, p,
		(struct spf_step){.event = SPF_PROBLEM,
			.term = where,
			.text = slice_z(spf_fault_text(fault))});
	return AUTH_PERMERROR;
}

/* ---- terms ---- */

static enum auth_result check_host(struct spf_run *r, const struct spf_place *p);

/* The record of another domain. */
static enum auth_result descend(
	struct spf_run *r, const struct spf_place *from, slice term, slice target)
{
	struct spf_place to = {.domain = target, .depth = from->depth + 1};
	spf_tell(r, from, (struct spf_step){.event = SPF_DESCEND, .term = term, .target = target});
	enum auth_result result = check_host(r, &to);
	spf_tell(r, from,
		(struct spf_step){
			.event = SPF_RETURN, .term = term, .target = target, .result = result});
	return result;
}

/* Section 5.2's table. */
static enum spf_verdict match_include(
	struct spf_run *r, const struct spf_place *p, const struct spf_term *t, slice *ret_target)
{
	if (!spf_count_lookup(r))
		return spf_give_up(r, p, t->text, SPF_PERM, SPF_LOOKUPS_MANY);
	enum spf_verdict v = spf_target(r, p, t->text, t->domain, ret_target);
	if (v == SPF_NO && !spf_needs_utf8(r, t->domain))
		return spf_give_up(r, p, t->text, SPF_PERM, SPF_TARGET_NONE);
	if (v != SPF_YES)
		return v;
	bool outer = r->in_include;
	r->in_include = true;
	enum auth_result result = descend(r, p, t->text, *ret_target);
	r->in_include = outer;
	switch (result) {
	case AUTH_PASS:
		return SPF_YES;
	case AUTH_TEMPERROR:
		return SPF_TEMP;
	case AUTH_PERMERROR:
		return SPF_PERM;
	case AUTH_NONE:
		return spf_give_up(r, p, t->text, SPF_PERM, SPF_TARGET_NONE);
	default:
		return SPF_NO;
	}
}

static enum auth_result result_of(char qualifier)
{
	switch (qualifier) {
	case '-':
		return AUTH_FAIL;
	case '~':
		return AUTH_SOFTFAIL;
	case '?':
		return AUTH_NEUTRAL;
	default:
		return AUTH_PASS;
	}
}

static enum spf_verdict match_term(
	struct spf_run *r, const struct spf_place *p, const struct spf_term *t)
{
	slice target = {0};
	if (++r->steps > SPF_STEPS_MAX)
		return spf_give_up(r, p, t->text, SPF_PERM, SPF_STEPS_MANY);
	enum spf_verdict v = t->mechanism == SPF_INCLUDE ? match_include(r, p, t, &target)
							 : spf_match(r, p, t, &target);
	if (v == SPF_YES || v == SPF_NO)
		spf_tell(r, p,
			(struct spf_step){.event = v == SPF_YES ? SPF_MATCH : SPF_NO_MATCH,
				.term = t->text,
				.target = target,
				.result = result_of(t->qualifier)});
	return v;
}

/* Section 6.1. */
static enum auth_result redirect(
	struct spf_run *r, const struct spf_place *p, const struct spf_record *record)
{
	slice target, term = arena_printf(r->a, "redirect=%.*s", SFMT(record->redirect));
	if (!spf_count_lookup(r)) {
		spf_give_up(r, p, term, SPF_PERM, SPF_LOOKUPS_MANY);
		return AUTH_PERMERROR;
	}
	enum spf_verdict v = spf_target(r, p, term, record->redirect, &target);
	if (v == SPF_TEMP || v == SPF_PERM)
		return v == SPF_TEMP ? AUTH_TEMPERROR : AUTH_PERMERROR;
	if (v == SPF_NO && spf_needs_utf8(r, record->redirect))
		return AUTH_NEUTRAL;
	enum auth_result result = v == SPF_YES ? descend(r, p, term, target) : AUTH_NONE;
	if (result != AUTH_NONE)
		return result;
	spf_give_up(r, p, term, SPF_PERM, SPF_TARGET_NONE);
	return AUTH_PERMERROR;
}

static enum auth_result matched(struct spf_run *r, const struct spf_place *p,
	const struct spf_record *record, const struct spf_term *t)
{
	enum auth_result result = result_of(t->qualifier);
	if (r->in_include)
		return result;
	r->ret->mechanism = t->text;
	r->ret->record_domain = p->domain;
	if (result == AUTH_FAIL && record->exp.n)
		r->ret->explanation = spf_explain(r, p, record->exp);
	return result;
}

static bool has_all(const struct spf_record *record)
{
	for (size_t i = 0; i < record->n; i++)
		if (record->terms[i].mechanism == SPF_ALL)
			return true;
	return false;
}

static enum auth_result check_host(struct spf_run *r, const struct spf_place *p)
{
	struct spf_record record;
	enum auth_result found = read_record(r, p, &record);
	if (found != AUTH_PASS)
		return found;
	for (size_t i = 0; i < record.n; i++) {
		enum spf_verdict v = match_term(r, p, &record.terms[i]);
		if (v == SPF_YES)
			return matched(r, p, &record, &record.terms[i]);
		if (v != SPF_NO)
			return v == SPF_TEMP ? AUTH_TEMPERROR : AUTH_PERMERROR;
	}
	if (record.redirect.n && !has_all(&record))
		return redirect(r, p, &record);
	if (!r->in_include)
		r->ret->record_domain = p->domain;
	return AUTH_NEUTRAL; /* 4.7 */
}

/* ---- the identity ---- */

/* Lower case and A-labels. False: no domain that could have a record (4.3). */
static bool checked_domain(slice domain, struct arena *a, slice *ret)
{
	if (!utf8_is_ascii(domain))
		return domain_to_ascii(domain, a, ret);
	if (slice_ends(domain, S(".")))
		domain.n--;
	char *z = arena_strz(a, domain);
	for (size_t i = 0; i < domain.n; i++)
		z[i] = ascii_lower(z[i]);
	*ret = slice_of(z, domain.n);
	return spf_name_valid(*ret) && slice_index(*ret, '.') < ret->n && ret->p[0] != '[';
}

/* Sections 2.3, 2.4, 4.3: whose permission it is about. */
static bool choose_identity(struct spf_run *r)
{
	slice local = {0}, domain = {0};
	bool helo = r->q->scope == SPF_HELO || r->q->mail_from.n == 0;
	if (helo)
		domain = r->q->helo;
	else
		address_split(r->q->mail_from, &local, &domain);
	r->local = local.n ? local : S("postmaster");
	r->ret->scope = helo ? SPF_HELO : SPF_MFROM;
	bool good = checked_domain(domain, r->a, &r->sender_domain);
	slice shown = good ? r->sender_domain : domain;
	r->sender = arena_printf(r->a, "%.*s@%.*s", SFMT(r->local), SFMT(shown));
	r->ret->identity = r->sender;
	if (good)
		r->ret->domain = r->sender_domain;
	return good;
}

void spf_check(
	const struct lookup *l, const struct spf_query *q, struct arena *a, struct spf_result *ret)
{
	*ret = (struct spf_result){.result = AUTH_NONE};
	struct spf_run r = {.dns = l, .q = q, .a = a, .ip = q->ip, .ret = ret};
	instant own = instant_in(SPF_TIME_MAX);
	r.deadline = q->deadline < own ? q->deadline : own;
	net_unmap(&r.ip);
	struct spf_place first = {0};
	if (choose_identity(&r)) {
		first.domain = r.sender_domain;
		ret->result = check_host(&r, &first);
	} else {
		spf_give_up(&r, &first, (slice){0}, SPF_PERM, SPF_NO_DOMAIN);
		ret->problem.domain = slice_skip(r.sender, r.local.n + 1);
	}
	if (ret->result != AUTH_NONE && ret->result != AUTH_TEMPERROR &&
		ret->result != AUTH_PERMERROR)
		ret->problem = (struct spf_problem){0};
	ret->lookups = r.lookups;
	ret->voids = r.voids;
}

void spf_authres(const struct spf_result *r, struct arena *a, struct authres_method *ret)
{
	bool helo = r->scope == SPF_HELO;
	*ret = (struct authres_method){.method = S("spf"),
		.result = slice_z(auth_result_name(r->result)),
		.reason = spf_problem_text(&r->problem, a)};
	slice value = helo ? r->domain : r->identity;
	if (value.n)
		ret->props[ret->nprops++] =
			(struct authres_prop){S("smtp"), helo ? S("helo") : S("mailfrom"), value};
}
