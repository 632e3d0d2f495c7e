/*
 * Finding the record that applies to a domain and its organisational domain: by walking the tree
 * (RFC 9989 section 4.10) or by the list of public suffixes (RFC 7489 sections 3.2, 6.6.3), and
 * whether reports may go to another organisation. Called by dmarc.c for each message, by the
 * reports and the command line.
 */
#include "senderauth/dmarc_int.h"

#include "codec/address.h"
#include "senderauth/psl.h"

enum { WALK_LABELS = 7 /* RFC 9989 4.10 step 4 */, NAME_MAX_DNS = 253 };

/* ---- asking ---- */

static void read_records(struct dmarc_asker *k, struct dmarc_step *s, const slice *txt, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (dmarc_record_is(txt[i])) {
			s->text = txt[i];
			s->records++;
		}
	if (s->records != 1) /* several are none (4.10 step 2) */
		s->text = (slice){0};
	else
		s->valid = dmarc_record_parse(s->text, k->a, &s->record, NULL);
}

/* NULL: the budget is spent. */
static struct dmarc_step *ask(struct dmarc_asker *k, slice name)
{
	for (unsigned i = 0; i < k->n; i++)
		if (slice_eq(k->asked[i]->name, name))
			return k->asked[i];
	if (k->n == DMARC_LOOKUPS_MAX)
		return NULL;
	struct dmarc_step *s = ARENA_NEW(k->a, struct dmarc_step);
	slice *txt = NULL;
	size_t n = 0;
	s->name = name;
	slice question = arena_printf(k->a, "_dmarc.%.*s", SFMT(name));
	if (question.n > NAME_MAX_DNS)
		s->status = LOOKUP_NXDOMAIN;
	else
		s->status = k->lookup->txt(k->lookup->arg, question, k->deadline, k->a, &txt, &n);
	if (s->status == LOOKUP_OK)
		read_records(k, s, txt, n);
	return k->asked[k->n++] = s;
}

/* ---- the walk ---- */

static unsigned count_labels(slice name)
{
	unsigned n = name.n > 0;
	for (size_t i = 0; i < name.n; i++)
		n += name.p[i] == '.';
	return n;
}

static slice parent(slice name)
{
	return slice_skip(name, slice_index(name, '.') + 1);
}

/* The name to ask after the first one: long names jump to seven labels. */
static slice next_name(slice name)
{
	slice up = parent(name);
	for (unsigned n = count_labels(up); n > WALK_LABELS; n--)
		up = parent(up);
	return up;
}

static bool ends_walk(const struct dmarc_step *s)
{
	return s->valid && s->record.psd != 'u';
}

static void walk(struct dmarc_asker *k, slice domain, struct dmarc_found *f)
{
	f->steps = ARENA_ARRAY(k->a, struct dmarc_step, DMARC_WALK_MAX);
	for (slice name = domain; name.n && f->n < DMARC_WALK_MAX; name = next_name(name)) {
		const struct dmarc_step *s = ask(k, name);
		f->temporary = f->temporary || !s || s->status == LOOKUP_TEMP;
		if (!s)
			return;
		f->steps[f->n++] = *s;
		if (ends_walk(s))
			return;
	}
}

/* One label below `top` on the way to `domain`. */
static slice label_below(slice domain, slice top)
{
	while (domain.n > top.n && !slice_eq(parent(domain), top))
		domain = parent(domain);
	return domain;
}

/* RFC 9989 section 4.10.2; without any record the walk says nothing and the list of suffixes is
 * asked. */
static slice org_of_walk(slice domain, const struct dmarc_found *f)
{
	slice org = {0};
	for (unsigned i = 0; i < f->n; i++) {
		const struct dmarc_step *s = &f->steps[i];
		if (!s->valid)
			continue;
		if (s->record.psd == 'n')
			return s->name;
		if (s->record.psd == 'y' && i > 0)
			return label_below(domain, s->name);
		org = s->name; /* fewest labels so far */
	}
	return org.n ? org : psl_org_domain(domain);
}

static struct dmarc_step *step_at(struct dmarc_found *f, slice name)
{
	for (unsigned i = 0; i < f->n; i++)
		if (f->steps[i].valid && slice_eq(f->steps[i].name, name))
			return &f->steps[i];
	return NULL;
}

/* A record of the author's domain itself that cannot be used ends the search: no DMARC (RFC 9989
 * section 4.7, RFC 7489 section 6.6.3 step 6). Several of them do so only by the older rules (step
 * 5); the walk passes over them. */
static bool ends_search(const struct dmarc_step *own, bool by_suffix)
{
	return !own->valid && (own->records == 1 || (by_suffix && own->records > 1));
}

/* Author domain, organisational domain, public suffix domain, in this order (4.10.1). */
static void choose(slice domain, bool by_suffix, struct dmarc_found *f)
{
	if (f->n && ends_search(&f->steps[0], by_suffix))
		return;
	f->policy = step_at(f, domain);
	if (!f->policy)
		f->policy = step_at(f, f->org_domain);
	struct dmarc_step *last = f->n ? &f->steps[f->n - 1] : NULL;
	if (!f->policy && last && last->valid && last->record.psd == 'y')
		f->policy = last;
	if (f->policy)
		f->record_domain = f->policy->name;
}

static void find_by_suffix(struct dmarc_asker *k, slice domain, struct dmarc_found *f)
{
	f->org_domain = psl_org_domain(domain);
	f->steps = ARENA_ARRAY(k->a, struct dmarc_step, 2);
	for (slice name = domain;; name = f->org_domain) {
		const struct dmarc_step *s = ask(k, name);
		f->temporary = f->temporary || !s || s->status == LOOKUP_TEMP;
		if (s)
			f->steps[f->n++] = *s;
		if (!s || s->records || s->status == LOOKUP_TEMP || slice_eq(name, f->org_domain))
			break;
	}
	choose(domain, true, f);
}

void dmarc_find_by(struct dmarc_asker *k, slice domain, struct dmarc_found *ret)
{
	struct dmarc_found f = {0};
	if (k->method == DMARC_PUBLIC_SUFFIX) {
		find_by_suffix(k, domain, &f);
	} else {
		walk(k, domain, &f);
		f.org_domain = org_of_walk(domain, &f);
		choose(domain, false, &f);
	}
	*ret = f;
}

void dmarc_find(const struct lookup *l, slice domain, enum dmarc_method method, instant deadline,
	struct arena *a, struct dmarc_found *ret)
{
	struct dmarc_asker *k = ARENA_NEW(a, struct dmarc_asker);
	*k = (struct dmarc_asker){.lookup = l, .method = method, .deadline = deadline, .a = a};
	dmarc_find_by(k, domain, ret);
}

/* ---- does it exist? (RFC 9989 section 3.2.13) ---- */

bool dmarc_nonexistent(struct dmarc_asker *k, slice domain)
{
	const struct lookup *l = k->lookup;
	struct net_addr *addrs;
	slice *hosts;
	size_t n;
	enum lookup_status s = l->mx(l->arg, domain, k->deadline, k->a, &hosts, &n);
	if (s == LOOKUP_NXDOMAIN)
		return true;
	if (s != LOOKUP_NODATA)
		return false;
	s = l->addr(l->arg, domain, AF_INET, k->deadline, k->a, &addrs, &n);
	if (s != LOOKUP_NODATA && s != LOOKUP_NXDOMAIN)
		return false;
	s = l->addr(l->arg, domain, AF_INET6, k->deadline, k->a, &addrs, &n);
	return s == LOOKUP_NODATA || s == LOOKUP_NXDOMAIN;
}

/* ---- where reports may go (RFC 9990 section 4, RFC 7489 section 7.1) ---- */

static bool same_organisation(struct dmarc_asker *k, slice domain, slice to, bool *ret_unsure)
{
	struct dmarc_found x, y;
	if (slice_eq(domain, to))
		return true;
	dmarc_find_by(k, domain, &x);
	if (!domain_within(to, x.org_domain)) {
		*ret_unsure = x.temporary;
		return false;
	}
	dmarc_find_by(k, to, &y);
	*ret_unsure = x.temporary || y.temporary;
	return slice_eq(x.org_domain, y.org_domain);
}

/* The address that takes the place of ours: at the same host alone. */
static slice other_address(slice record, slice to, struct arena *a)
{
	struct dmarc_record r;
	if (!dmarc_record_parse(record, a, &r, NULL))
		return (slice){0};
	for (unsigned i = 0; i < r.nrua; i++) {
		slice address = r.rua[i].address;
		if (slice_ieq(slice_skip(address, slice_rindex(address, '@') + 1), to))
			return address;
	}
	return (slice){0};
}

int dmarc_report_allowed(const struct lookup *l, slice domain, slice to, enum dmarc_method method,
	instant deadline, struct arena *a, slice *ret_rua)
{
	struct dmarc_asker *k = ARENA_NEW(a, struct dmarc_asker);
	*k = (struct dmarc_asker){.lookup = l, .method = method, .deadline = deadline, .a = a};
	*ret_rua = (slice){0};
	bool unsure = false;
	if (same_organisation(k, domain, to, &unsure))
		return 1;
	slice question = arena_printf(a, "%.*s._report._dmarc.%.*s", SFMT(domain), SFMT(to)), *txt;
	size_t n = 0;
	if (question.n > NAME_MAX_DNS)
		return 0;
	enum lookup_status s = l->txt(l->arg, question, deadline, a, &txt, &n);
	for (size_t i = 0; s == LOOKUP_OK && i < n; i++)
		if (dmarc_record_is(txt[i])) {
			*ret_rua = other_address(txt[i], to, a);
			return 1;
		}
	return s == LOOKUP_TEMP || unsure ? -1 : 0;
}
