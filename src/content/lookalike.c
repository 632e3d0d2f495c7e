/*
 * Domains that look like another (lookalike.h). Used by check_sender.c and check_brand.c for the
 * own domains, those of partners and well-known brands.
 *
 * Short names are like many others by chance: how far two names may be apart grows with their
 * length. The ending alone differs for honest reasons, too; what to make of it is the caller's
 * business.
 */
#include "content/lookalike.h"

#include "base/utf8.h"
#include "codec/address.h"

enum {
	NAME_LEAST = 4, /* letters: shorter ones are like everything */
	NEAR_LEAST = 6, /* for a distance of one */
	FAR_LEAST = 12, /* for a distance of two */
	AFFIX_LEAST = 5, /* for names that are joined to a word without hyphen */
	INSIDE_LEAST = 6, /* for a name alone as a label below another domain */
	DISTANCE_MAX = 64,
};

const char *lookalike_text(enum lookalike k)
{
	static const char *const texts[] = {
		"no", "letters", "near", "hyphen", "affix", "inside", "below", "top"};
	return texts[k];
}

/* ---- how a name looks ---- */

static char fold_one(char c)
{
	switch (c) {
	case '0':
		return 'o';
	case '1':
	case 'i':
	case 'j':
		return 'l';
	case '3':
		return 'e';
	case '4':
		return 'a';
	case '5':
		return 's';
	case '7':
		return 't';
	case '8':
		return 'b';
	case 'q':
	case '9':
		return 'g';
	default:
		return c;
	}
}

/* What looks alike becomes the same: rn m, vv w, cl d, 1 l i, 0 o. Other scripts by Unicode's
 * tables first. */
static slice fold(slice name, struct arena *a)
{
	slice s = utf8_is_ascii(name) ? name : url_skeleton(name, a);
	char *out = arena_alloc(a, s.n + 1);
	size_t n = 0;
	for (size_t i = 0; i < s.n; i++) {
		char c = ascii_lower(s.p[i]), next = i + 1 < s.n ? ascii_lower(s.p[i + 1]) : 0;
		bool pair = true;
		if (c == 'r' && next == 'n')
			out[n++] = 'm';
		else if (c == 'v' && next == 'v')
			out[n++] = 'w';
		else if (c == 'c' && (next == 'l' || next == '1'))
			out[n++] = 'd';
		else
			pair = false;
		if (!pair)
			out[n++] = fold_one(c);
		i += pair;
	}
	return slice_of(out, n);
}

static slice first_label(slice domain)
{
	return slice_first(domain, slice_index(domain, '.'));
}

static slice as_letters(slice label, struct arena *a)
{
	return slice_starts(label, S("xn--")) ? domain_to_utf8(label, a) : label;
}

static slice organisation(slice host, const struct url_names *names)
{
	if (names && names->organisation)
		return names->organisation(host);
	size_t last = slice_rindex(host, '.');
	size_t before = slice_rindex(slice_first(host, last), '.');
	return last == host.n || before == last ? host : slice_skip(host, before + 1);
}

void lookalike_prepare_org(slice org, struct arena *a, struct lookalike_name *ret)
{
	slice name = as_letters(first_label(org), a);
	*ret = (struct lookalike_name){.domain = org, .name = name, .folded = fold(name, a)};
}

void lookalike_prepare(
	slice domain, const struct url_names *names, struct arena *a, struct lookalike_name *ret)
{
	lookalike_prepare_org(organisation(domain, names), a, ret);
}

void lookalike_host(
	slice host, const struct url_names *names, struct arena *a, struct lookalike_host *ret)
{
	slice org = organisation(host, names), name = as_letters(first_label(org), a);
	slice below = slice_first(host, host.n - org.n);
	*ret = (struct lookalike_host){host, org, name, fold(name, a), below};
}

/* ---- comparing ---- */

/* Is the distance of the two at most one? Replaced, added, left out, exchanged neighbours. */
static bool is_one_apart(slice a, slice b)
{
	size_t i = 0, j = 0;
	while (i < a.n && i < b.n && a.p[i] == b.p[i])
		i++;
	while (j < a.n - i && j < b.n - i && a.p[a.n - 1 - j] == b.p[b.n - 1 - j])
		j++;
	size_t left = a.n - i - j, right = b.n - i - j;
	if (left <= 1 && right <= 1)
		return true;
	return left == 2 && right == 2 && a.p[i] == b.p[i + 1] && a.p[i + 1] == b.p[i];
}

/* Of two long names: two changes at two places. */
static bool is_two_apart(slice a, slice b)
{
	size_t i = 0, j = 0;
	while (i < a.n && i < b.n && a.p[i] == b.p[i])
		i++;
	while (j < a.n - i && j < b.n - i && a.p[a.n - 1 - j] == b.p[b.n - 1 - j])
		j++;
	slice x = slice_of(a.p + i, a.n - i - j), y = slice_of(b.p + i, b.n - i - j);
	if (x.n > DISTANCE_MAX || y.n > DISTANCE_MAX || !x.n || !y.n)
		return x.n + y.n <= 2;
	/* The first difference is one of three edits; the rest is one apart. */
	return is_one_apart(slice_skip(x, 1), slice_skip(y, 1)) ||
	       is_one_apart(slice_skip(x, 1), y) || is_one_apart(x, slice_skip(y, 1));
}

static bool is_near(slice a, slice b)
{
	if (a.n < NEAR_LEAST || b.n + 1 < NEAR_LEAST)
		return false;
	if (is_one_apart(a, b))
		/* "apple" and "maple": a name that begins otherwise is another word. */
		return a.p[0] == b.p[0] || a.n >= FAR_LEAST;
	return a.n >= FAR_LEAST && b.n >= FAR_LEAST && a.p[0] == b.p[0] && is_two_apart(a, b);
}

static slice without_hyphens(slice s, struct arena *a)
{
	char *out = arena_alloc(a, s.n + 1);
	size_t n = 0;
	for (size_t i = 0; i < s.n; i++)
		if (s.p[i] != '-')
			out[n++] = s.p[i];
	return slice_of(out, n);
}

/* "example" in "example-login", "my-example": apart by hyphens. */
static bool is_token(slice s, slice name)
{
	for (slice token; slice_cut(&s, '-', &token);)
		if (slice_eq(token, name))
			return true;
	return false;
}

/* Words that swindlers put before or behind a name. */
static bool is_affix(slice s)
{
	static const slice words[] = {S_INIT("login"), S_INIT("secure"), S_INIT("security"),
		S_INIT("mail"), S_INIT("email"), S_INIT("webmail"), S_INIT("verify"),
		S_INIT("support"), S_INIT("service"), S_INIT("services"), S_INIT("online"),
		S_INIT("account"), S_INIT("accounts"), S_INIT("update"), S_INIT("alert"),
		S_INIT("alerts"), S_INIT("help"), S_INIT("info"), S_INIT("team"), S_INIT("pay"),
		S_INIT("payment"), S_INIT("bank"), S_INIT("billing"), S_INIT("invoice"),
		S_INIT("hr"), S_INIT("it"), S_INIT("admin"), S_INIT("portal"), S_INIT("auth"),
		S_INIT("sso"), S_INIT("corp"), S_INIT("group"), S_INIT("inc"), S_INIT("ltd"),
		S_INIT("co"), S_INIT("cn"), S_INIT("china"), S_INIT("global"), S_INIT("int"),
		S_INIT("notice"), S_INIT("center"), S_INIT("app"), S_INIT("web"), S_INIT("net"),
		S_INIT("my"), S_INIT("the"), S_INIT("id"), S_INIT("vip")};
	for (size_t i = 0; i < sizeof words / sizeof *words; i++)
		if (slice_eq(s, words[i]))
			return true;
	return false;
}

static bool has_affix(slice s, slice name)
{
	if (s.n <= name.n || slice_find(s, name) == s.n)
		return false;
	if (name.n >= NAME_LEAST && is_token(s, name))
		return true;
	if (name.n < AFFIX_LEAST)
		return false;
	return (slice_starts(s, name) && is_affix(slice_skip(s, name.n))) ||
	       (slice_ends(s, name) && is_affix(slice_first(s, s.n - name.n)));
}

/* The domain's name in what stands before the host's own domain; with what follows it in the
 * domain, or alone. */
static enum lookalike inside(const struct lookalike_host *h, const struct lookalike_name *of)
{
	slice rest = h->below;
	slice top = slice_skip(of->domain, slice_index(of->domain, '.') + 1);
	slice next = slice_first(top, slice_index(top, '.'));
	enum lookalike found = LOOKALIKE_NO;
	for (size_t at; (at = slice_find(rest, of->name)) < rest.n;) {
		slice tail = slice_skip(rest, at + of->name.n);
		bool begins = at == 0 || rest.p[at - 1] == '.' || rest.p[at - 1] == '-';
		bool ends = !tail.n || tail.p[0] == '.' || tail.p[0] == '-';
		slice behind = slice_skip(tail, 1), after = slice_skip(behind, next.n);
		bool whole = after.n == 0 || after.p[0] == '.' || after.p[0] == '-';
		if (begins && ends && next.n && slice_starts(behind, next) && whole)
			return LOOKALIKE_INSIDE;
		if (begins && ends && of->name.n >= INSIDE_LEAST)
			found = LOOKALIKE_BELOW;
		rest = slice_skip(rest, at + 1);
	}
	return found;
}

enum lookalike lookalike_compare(
	const struct lookalike_host *h, const struct lookalike_name *of, struct arena *a)
{
	if (!of->name.n || !h->org.n || slice_eq(h->org, of->domain) ||
		domain_within(h->host, of->domain))
		return LOOKALIKE_NO;
	enum lookalike below = h->below.n ? inside(h, of) : LOOKALIKE_NO;
	if (below != LOOKALIKE_NO)
		return below;
	/* Nothing below makes a name shorter by more than two. */
	if (of->name.n < NAME_LEAST || h->name.n < NAME_LEAST || of->name.n > h->name.n + 2)
		return LOOKALIKE_NO;
	if (slice_eq(h->name, of->name))
		return LOOKALIKE_TOP;
	if (slice_eq(h->folded, of->folded))
		return LOOKALIKE_LETTERS;
	bool hyphens =
		slice_index(h->name, '-') < h->name.n || slice_index(of->name, '-') < of->name.n;
	if (hyphens && slice_eq(without_hyphens(h->name, a), without_hyphens(of->name, a)))
		return LOOKALIKE_HYPHEN;
	if (has_affix(h->name, of->name) ||
		(of->folded.n > AFFIX_LEAST && has_affix(h->folded, of->folded)))
		return LOOKALIKE_AFFIX;
	return is_near(of->name, h->name) ? LOOKALIKE_NEAR : LOOKALIKE_NO;
}
