/*
 * Checks for well-known names in the mouth of others (brands.h): the sender's name or the subject
 * says so, the domain is not theirs, or looks nearly like theirs. Whether the domain is proven does
 * not matter: swindlers prove their own domains, too.
 */
#include "content/brands.h"
#include "content/checks.h"
#include "content/link_tables.h"

enum { HOSTS_COMPARED = 12 };

/* Through lists and services that write in another's name, the name says little. */
static bool is_relayed(struct content_exam *x, slice name)
{
	static const slice words[] = {S_INIT("via"), S_INIT("通过")};
	return checking_is_list(x) || checking_says(name, words, 2);
}

static bool leads_to(struct content_exam *x, const struct brand *b)
{
	const struct checking_hosts *h = checking_hosts(x);
	for (size_t i = 0; i < h->n; i++)
		if (h->v[i].links && brand_owns(b, h->v[i].host, h->v[i].org))
			return true;
	return false;
}

/* "applelinks.com" writes as "Apple Links": a name of its own that begins alike. */
static bool is_in_domain(const struct content_exam *x, slice name, slice domain)
{
	char squeezed[100];
	size_t n = 0;
	slice label =
		slice_first(checking_org(x, domain), slice_index(checking_org(x, domain), '.'));
	for (size_t i = 0; i < name.n && n < sizeof squeezed; i++)
		if ((name.p[i] >= 'a' && name.p[i] <= 'z') ||
			(name.p[i] >= '0' && name.p[i] <= '9'))
			squeezed[n++] = name.p[i];
	return n > 0 && slice_eq(slice_of(squeezed, n), label);
}

static void look_at_name(struct content_exam *x, slice from)
{
	slice name = checking_normal(x, x->c->from_name);
	const struct brand *b = name.n ? brand_named(name) : NULL;
	if (!b || brand_owns(b, from, checking_org(x, from)) || is_relayed(x, name) ||
		checking_own(x, from))
		return;
	bool in_domain = is_in_domain(x, name, from);
	float weight = checking_freemail(from) ? 1.6F : in_domain ? 0.5F : 1;
	if (leads_to(x, b))
		weight *= 0.6F;
	checking_found(x, SIGNAL_BRAND_NAME, weight * (0.4F + 0.6F * checking_unless_bulk(x)),
		arena_printf(x->a, "%.*s: %.*s", SFMT(x->c->from_name), SFMT(from)));
}

static void look_at_subject(struct content_exam *x, slice from)
{
	const struct brand *b = brand_named(x->c->mail.normal_subject);
	if (!b || b->word || !from.n || brand_owns(b, from, checking_org(x, from)) ||
		checking_is_list(x) || checking_own(x, from))
		return;
	if (checking_hosts(x)->orgs && !leads_to(x, b))
		checking_found(x, SIGNAL_BRAND_SUBJECT, checking_unless_bulk(x), brand_domain(b));
}

/* ---- domains that look like theirs ---- */

static float strength(enum lookalike k)
{
	switch (k) {
	case LOOKALIKE_LETTERS:
	case LOOKALIKE_INSIDE:
		return 1;
	case LOOKALIKE_HYPHEN:
	case LOOKALIKE_NEAR:
		return 0.8F;
	case LOOKALIKE_AFFIX:
		return 0.6F;
	case LOOKALIKE_BELOW:
		return 0.2F;
	default:
		return 0; /* another ending: how should we know all of theirs? */
	}
}

static bool owned_by_any(slice host, slice org)
{
	for (size_t i = 0; i < brands_n; i++)
		if (brand_owns(&brands[i], host, org))
			return true;
	return false;
}

static void compare(struct content_exam *x, slice host, enum signal_id id, float weight)
{
	struct lookalike_host h;
	const struct lookalike_name *looks = brands_looks();
	lookalike_host(host, x->tools->names, x->a, &h);
	for (size_t i = 0; i < brands_n; i++) {
		enum lookalike k = lookalike_compare(&h, &looks[i], x->a);
		if (strength(k) <= 0)
			continue;
		if (owned_by_any(host, h.org))
			return;
		/* "apple-farm.example" is a farm. */
		bool doubtful = brands[i].word && k != LOOKALIKE_LETTERS && k != LOOKALIKE_INSIDE;
		checking_found(x, id, weight * strength(k) * (doubtful ? 0.4F : 1),
			arena_printf(x->a, "%.*s ~ %.*s", SFMT(host), SFMT(looks[i].domain)));
	}
}

static void look_at_domains(struct content_exam *x, slice from)
{
	const struct checking_hosts *h = checking_hosts(x);
	size_t compared = 0;
	if (from.n && !checking_own(x, from))
		compare(x, from, SIGNAL_BRAND_LOOKALIKE, 1);
	for (size_t i = 0; i < h->n && compared < HOSTS_COMPARED; i++) {
		if (!h->v[i].links || h->v[i].first->url.flags & (URL_IP | URL_BARE) ||
			checking_own(x, h->v[i].host) ||
			slice_eq(h->v[i].org, checking_org(x, from)))
			continue;
		compare(x, h->v[i].host, SIGNAL_LINK_BRAND_LOOKALIKE,
			checking_is_list(x) ? 0.3F : 1);
		compared++;
	}
}

/* "https://www.paypal.com/" as the text of a link that leads elsewhere. */
static void look_at_deceit(struct content_exam *x)
{
	for (size_t i = 0; i < x->c->nlinks; i++) {
		const struct content_link *l = &x->c->links[i];
		if (!l->deceives || !checking_follows(l) || l->where == CONTENT_IN_TEXT ||
			link_place(l->url.host, l->url.path) == LINK_WRAPPER)
			continue;
		slice host = url_pretended(l->text, x->tools->names, x->a);
		slice org = checking_org(x, host);
		if (host.n && (owned_by_any(host, org) || checking_own(x, host)))
			checking_found(x, SIGNAL_LINK_DECEIVES_BRAND, checking_unless_bulk(x),
				arena_printf(x->a, "%.*s: %.*s", SFMT(host), SFMT(l->url.host)));
	}
}

void content_check_brand(struct content_exam *x)
{
	slice from = checking_lower(x->a, checking_from_domain(x));
	look_at_name(x, from);
	look_at_subject(x, from);
	look_at_domains(x, from);
	look_at_deceit(x);
}
