/*
 * DMARC records (dmarc_record.h): RFC 9989 section 4.8 with the tags of RFC 7489 section 6.3 that
 * it left out (pct, rf, ri, the size behind a report address), since owners still publish them.
 * Read by senderauth/dmarc and by the reports.
 *
 * Forgiving as section 4.7 asks: what is wrong behind the version is as if it were not written, but
 * for the policies, which are worth a word. rf is passed over: there is one format.
 */
#include "codec/dmarc_record.h"

#include "base/hex.h"
#include "codec/address.h"
#include "codec/tags.h"

enum { URI_MAX = 1000, SIZE_DIGITS_MAX = 15 };

static const char *const policy_names[] = {"none", "quarantine", "reject"};

const char *dmarc_policy_name(enum dmarc_policy p)
{
	return policy_names[p];
}

bool dmarc_policy_parse(slice s, enum dmarc_policy *ret)
{
	for (int i = DMARC_NONE; i <= DMARC_REJECT; i++)
		if (slice_ieq(s, slice_z(policy_names[i]))) {
			*ret = (enum dmarc_policy)i;
			return true;
		}
	return false;
}

/* ---- report addresses ---- */

/* Percent-decoding (RFC 3986 2.1). False: a percent sign without two digits, or a control
 * character. */
static bool decode(slice s, struct arena *a, slice *ret)
{
	char *out = arena_alloc(a, s.n + 1), *to = out;
	for (size_t i = 0; i < s.n; i++) {
		char c = s.p[i];
		if (c == '%') {
			int high = i + 2 < s.n ? hex_digit(s.p[i + 1]) : -1;
			int low = high >= 0 ? hex_digit(s.p[i + 2]) : -1;
			if (low < 0)
				return false;
			c = (char)(high << 4 | low);
			i += 2;
		}
		if ((unsigned char)c < 0x20 || c == 0x7f)
			return false;
		*to++ = c;
	}
	*ret = slice_of(out, (size_t)(to - out));
	return true;
}

/* "!10m" behind the address: decimal, then k, m, g, t or nothing. */
static bool parse_size(slice s, uint64_t *ret)
{
	unsigned shift = 0;
	if (s.n && (s.p[s.n - 1] < '0' || s.p[s.n - 1] > '9')) {
		static const char units[] = "kmgt";
		const char *u = strchr(units, ascii_lower(s.p[s.n - 1]));
		if (!u || !*u)
			return false;
		shift = 10 * (unsigned)(u - units + 1);
		s.n--;
	}
	uint64_t n;
	if (s.n > SIZE_DIGITS_MAX || !slice_u64(s, &n) || n == 0 || n > (UINT64_MAX >> shift))
		return false;
	*ret = n << shift;
	return true;
}

static bool parse_mailto(slice text, struct arena *a, slice *ret)
{
	struct address parsed;
	slice s = slice_skip(text, 7);
	s = slice_first(s, slice_index(s, '?'));
	if (!decode(s, a, &s) || address_parse(s, false, &parsed) != ADDRESS_FINE ||
		parsed.domain.n == 0 || parsed.family)
		return false;
	*ret = s;
	return true;
}

static bool parse_uri(slice s, struct arena *a, struct dmarc_uri *ret)
{
	struct dmarc_uri u = {0};
	size_t bang = slice_rindex(s, '!');
	u.text = slice_trim(slice_first(s, bang));
	if (bang < s.n && !parse_size(slice_trim(slice_skip(s, bang + 1)), &u.size))
		return false;
	size_t colon = slice_index(u.text, ':');
	if (colon == 0 || colon == u.text.n || u.text.n > URI_MAX)
		return false;
	if (slice_istarts(u.text, S("mailto:")) && !parse_mailto(u.text, a, &u.address))
		return false;
	*ret = u;
	return true;
}

/* A bad one among them does not spoil the others; what is named twice counts once. */
static unsigned parse_uris(slice list, struct arena *a, struct dmarc_uri *ret, bool *ret_bad)
{
	unsigned n = 0;
	slice item;
	while (n < DMARC_URIS_MAX && slice_cut(&list, ',', &item)) {
		if (!parse_uri(slice_trim(item), a, &ret[n])) {
			*ret_bad = true;
			continue;
		}
		bool again = false;
		for (unsigned i = 0; i < n; i++)
			again = again || slice_ieq(ret[i].text, ret[n].text);
		n += !again;
	}
	return n;
}

/* ---- tags ---- */

struct reading {
	struct arena *a;
	struct dmarc_record *r;
	bool bad_policy; /* p, sp or np */
	slice problem; /* the first */
	unsigned seen; /* by place in the table */
};

static void complain(struct reading *c, slice problem)
{
	if (!c->problem.n)
		c->problem = problem;
}

static void policy(struct reading *c, slice v, enum dmarc_policy *ret, bool *ret_has)
{
	*ret_has = dmarc_policy_parse(v, ret);
	if (!*ret_has)
		c->bad_policy = true;
}

static void read_p(struct reading *c, slice v)
{
	policy(c, v, &c->r->p, &c->r->has_p);
}

static void read_sp(struct reading *c, slice v)
{
	policy(c, v, &c->r->sp, &c->r->has_sp);
}

static void read_np(struct reading *c, slice v)
{
	policy(c, v, &c->r->np, &c->r->has_np);
}

static void alignment(struct reading *c, slice v, bool *ret)
{
	if (slice_ieq(v, S("s")))
		*ret = true;
	else if (!slice_ieq(v, S("r")))
		complain(c, S("an alignment is neither r nor s"));
}

static void read_adkim(struct reading *c, slice v)
{
	alignment(c, v, &c->r->strict_dkim);
}

static void read_aspf(struct reading *c, slice v)
{
	alignment(c, v, &c->r->strict_spf);
}

static void read_t(struct reading *c, slice v)
{
	c->r->has_t = slice_ieq(v, S("y")) || slice_ieq(v, S("n"));
	c->r->testing = slice_ieq(v, S("y"));
	if (!c->r->has_t)
		complain(c, S("t is neither y nor n"));
}

static void read_psd(struct reading *c, slice v)
{
	if (v.n == 1 && strchr("ynu", ascii_lower(v.p[0])))
		c->r->psd = ascii_lower(v.p[0]);
	else
		complain(c, S("psd is none of y, n, u"));
}

static void read_pct(struct reading *c, slice v)
{
	uint64_t n;
	if (slice_u64(v, &n) && n <= 100)
		c->r->pct = (unsigned)n;
	else
		complain(c, S("pct is no number from 0 to 100"));
}

static void read_ri(struct reading *c, slice v)
{
	uint64_t n;
	if (slice_u64(v, &n) && n <= UINT32_MAX)
		c->r->ri = (uint32_t)n;
	else
		complain(c, S("ri is no number of seconds"));
}

static void read_fo(struct reading *c, slice v)
{
	static const char letters[] = "01ds";
	unsigned fo = 0;
	slice item;
	while (tags_item(&v, ':', &item)) {
		const char *at = item.n == 1 ? strchr(letters, ascii_lower(item.p[0])) : NULL;
		if (at && *at)
			fo |= 1u << (at - letters);
		else
			complain(c, S("fo has an unknown option"));
	}
	if (fo)
		c->r->fo = fo;
}

static void read_rua(struct reading *c, slice v)
{
	bool bad = false;
	c->r->nrua = parse_uris(v, c->a, c->r->rua, &bad);
	if (bad)
		complain(c, S("an address in rua cannot be read"));
}

static void read_ruf(struct reading *c, slice v)
{
	bool bad = false;
	c->r->nruf = parse_uris(v, c->a, c->r->ruf, &bad);
	if (bad)
		complain(c, S("an address in ruf cannot be read"));
}

static const struct known {
	slice name;
	void (*read)(struct reading *c, slice v);
} known[] = {
	{S_INIT("p"), read_p},
	{S_INIT("sp"), read_sp},
	{S_INIT("np"), read_np},
	{S_INIT("adkim"), read_adkim},
	{S_INIT("aspf"), read_aspf},
	{S_INIT("t"), read_t},
	{S_INIT("psd"), read_psd},
	{S_INIT("pct"), read_pct},
	{S_INIT("ri"), read_ri},
	{S_INIT("fo"), read_fo},
	{S_INIT("rua"), read_rua},
	{S_INIT("ruf"), read_ruf},
};

/* Names of tags are case-insensitive here (RFC 5234 strings); the first of a name counts. */
static void read_tag(struct reading *c, const struct tag *t)
{
	for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
		if (!slice_ieq(t->name, known[i].name))
			continue;
		if (c->seen & 1u << i)
			complain(c, arena_printf(c->a, "%.*s is there twice", SFMT(known[i].name)));
		else
			known[i].read(c, t->value);
		c->seen |= 1u << i;
		return;
	}
}

/* Cuts "v=DMARC1" and its semicolon off; the value is exact, also in case. */
static bool cut_version(slice *text)
{
	slice rest = slice_trim(*text), part;
	if (rest.n > DMARC_RECORD_MAX || !slice_cut(&rest, ';', &part))
		return false;
	size_t eq = slice_index(part, '=');
	if (eq == part.n || !slice_ieq(slice_trim(slice_first(part, eq)), S("v")) ||
		!slice_eq(slice_trim(slice_skip(part, eq + 1)), S("DMARC1")))
		return false;
	*text = rest;
	return true;
}

bool dmarc_record_is(slice txt)
{
	return cut_version(&txt);
}

/* RFC 9989 section 4.7: what a record without a usable policy means. */
static bool settle_policy(struct reading *c)
{
	struct dmarc_record *r = c->r;
	bool good = r->has_p && !c->bad_policy;
	if (!good) {
		/* Its own word, whatever else was wrong. */
		c->problem = r->has_p || (c->seen & 1)
				     ? S("a policy is none of none, quarantine, reject")
				     : S("there is no policy (p)");
		if (r->nrua == 0)
			return false;
		r->p = r->sp = r->np = DMARC_NONE;
		r->has_sp = r->has_np = false;
		return true;
	}
	if (!r->has_sp)
		r->sp = r->p;
	if (!r->has_np)
		r->np = r->sp;
	return true;
}

bool dmarc_record_parse(slice txt, struct arena *a, struct dmarc_record *ret, slice *ret_problem)
{
	struct dmarc_record r = {.pct = 100, .psd = 'u', .fo = DMARC_FO_ALL, .ri = 86400};
	struct reading c = {.a = a, .r = &r};
	bool good = cut_version(&txt);
	if (!good)
		complain(&c, S("it does not begin with v=DMARC1"));
	struct tag t;
	for (enum tag_found f; good && (f = tags_next(&txt, &t)) != TAG_END;) {
		if (f == TAG_BAD)
			complain(&c, S("there is something that is no tag"));
		else
			read_tag(&c, &t);
	}
	good = good && settle_policy(&c);
	if (ret_problem)
		*ret_problem = c.problem;
	if (good)
		*ret = r;
	return good;
}
