/*
 * Checks of links, second part: what they carry (the recipient's address, another link), and how
 * they relate to the sender and to the text around them. Called with check_link.c.
 */
#include "base/b64.h"
#include "base/mem.h"
#include "codec/address.h"
#include "content/checking.h"
#include "content/checks.h"
#include "content/link_tables.h"

enum {
	ADDRESSES = 8, /* of recipients that are looked for */
	SHORT_TEXT = 250, /* bytes */
	MANY_ORGS = 20,
	CODED_LEAST = 8, /* characters of base64 */
	CODED_MAX = 2000,
	RUNS_MAX = 64, /* pieces of one link */
	LINKS_LOOKED_AT = 100,
	FEW_LINKS = 5, /* newsletters have more */
};

struct recipients {
	slice v[ADDRESSES]; /* lower case */
	size_t n;
};

static void add_address(struct content_exam *x, struct recipients *r, slice address)
{
	size_t at = slice_index(address, '@');
	if (r->n < ADDRESSES && at > 0 && at + 3 < address.n)
		r->v[r->n++] = checking_lower(x->a, address);
}

/* Of the envelope; when it is not known, of To: if it names one alone. */
static void read_recipients(struct content_exam *x, struct recipients *r)
{
	struct header_address *v;
	for (size_t i = 0; i < x->ctx->nrcpts; i++)
		add_address(x, r, x->ctx->rcpts[i]);
	if (r->n || x->ctx->nrcpts)
		return;
	slice to = checking_value(x, S("to"));
	if (to.n && to.n < CODED_MAX && header_addresses(to, x->a, &v) == 1)
		add_address(x, r, v[0].address);
}

static bool is_login_word(slice text)
{
	static const slice words[] = {S_INIT("login"), S_INIT("signin"), S_INIT("sign-in"),
		S_INIT("logon"), S_INIT("verify"), S_INIT("verification"), S_INIT("webmail"),
		S_INIT("owa"), S_INIT("password"), S_INIT("account-update"),
		S_INIT("updateaccount"), S_INIT("webscr"), S_INIT("unlock"), S_INIT("wallet"),
		S_INIT("authenticate")};
	return checking_says(text, words, sizeof words / sizeof *words);
}

/* ---- the recipient's address inside ---- */

static bool is_coded(char c)
{
	return (c >= '0' && c <= '9') || (ascii_lower(c) >= 'a' && ascii_lower(c) <= 'z') ||
	       c == '+' || c == '/' || c == '-' || c == '_';
}

static bool is_address(slice s)
{
	size_t at = slice_index(s, '@');
	slice domain = slice_skip(s, at + 1);
	if (at == 0 || at >= s.n || slice_index(domain, '@') < domain.n)
		return false;
	for (size_t i = 0; i < s.n; i++)
		if (s.p[i] <= ' ' || s.p[i] > '~' || strchr("<>()[]\\,;:\"/", s.p[i]))
			return false;
	size_t dot = slice_rindex(domain, '.');
	return dot > 0 && dot + 2 < domain.n;
}

/* Calls for every piece that could be base64 what is in it. True: one said yes. */
static bool any_decoded(struct content_exam *x, slice s, const struct recipients *r,
	bool (*wanted)(slice plain, const struct recipients *r))
{
	unsigned runs = 0;
	for (size_t i = 0; i < s.n && runs < RUNS_MAX;) {
		size_t n = 0;
		while (i + n < s.n && is_coded(s.p[i + n]))
			n++;
		if (n >= CODED_LEAST && n <= CODED_MAX) {
			AUTO(buf) struct buf out = BUF(CODED_MAX);
			b64_decode_tolerant(&out, slice_of(s.p + i, n));
			runs++;
			if (wanted(checking_lower(x->a, buf_slice(&out)), r))
				return true;
		}
		i += n + 1;
	}
	return false;
}

static bool holds_recipient(slice plain, const struct recipients *r)
{
	for (size_t i = 0; i < r->n; i++)
		if (slice_find(plain, r->v[i]) < plain.n)
			return true;
	return false;
}

static bool is_any_address(slice plain, const struct recipients *r)
{
	(void)r;
	return is_address(plain);
}

/* "%40" for "@"; the rest of an address needs no escapes. */
static slice unescaped(struct content_exam *x, slice s)
{
	char *out = arena_alloc(x->a, s.n + 1);
	size_t n = 0;
	for (size_t i = 0; i < s.n; i++) {
		bool at = slice_starts(slice_skip(s, i), S("%40"));
		out[n++] = at ? '@' : ascii_lower(s.p[i]);
		i += at ? 2 : 0;
	}
	return slice_of(out, n);
}

/* What stands behind # never reaches a server: a page reads it to greet its victim by name. */
static void look_at_fragment(struct content_exam *x, const struct url *u)
{
	slice f = unescaped(x, u->fragment);
	while (f.n && (f.p[0] == '/' || f.p[0] == '?' || f.p[0] == '!'))
		f = slice_skip(f, 1);
	if (is_address(f) ||
		any_decoded(x, slice_first(u->fragment, CODED_MAX), NULL, is_any_address))
		checking_found(x, SIGNAL_LINK_FRAGMENT_ADDRESS, 1, u->text);
}

static void look_at_recipient(
	struct content_exam *x, const struct url *u, const struct recipients *r, slice from)
{
	slice rest = slice_skip(u->text, slice_find(u->text, u->host) + u->host.n);
	if (!r->n || rest.n < CODED_LEAST)
		return;
	if (!holds_recipient(unescaped(x, rest), r) && !any_decoded(x, rest, r, holds_recipient))
		return;
	bool few = checking_hosts(x)->followed <= FEW_LINKS;
	bool login = is_login_word(checking_lower(x->a, slice_first(u->path, 200))) ||
		     is_login_word(u->host);
	if (few && login && !slice_eq(checking_org(x, u->host), checking_org(x, from)))
		checking_found(x, SIGNAL_LINK_RECIPIENT_LOGIN, checking_unless_bulk(x), u->text);
	else
		checking_found(x, SIGNAL_LINK_RECIPIENT, checking_unless_bulk(x), u->text);
}

/* ---- another link inside ---- */

static void look_at_nested(struct content_exam *x, const struct url *u, slice from)
{
	struct url inner;
	if (!u->nested.n || !url_parse(u->nested, x->a, &inner) || !inner.host.n ||
		link_place(u->host, u->path) == LINK_WRAPPER)
		return;
	slice outer_org = checking_org(x, u->host), inner_org = checking_org(x, inner.host);
	if (!slice_eq(outer_org, inner_org) && !slice_eq(outer_org, checking_org(x, from)))
		checking_found(x, SIGNAL_LINK_NESTED, checking_unless_bulk(x), u->text);
}

/* ---- links and the letter ---- */

static void look_at_login(struct content_exam *x, slice from)
{
	const struct checking_hosts *h = checking_hosts(x);
	for (size_t i = 0; i < h->n && h->followed <= FEW_LINKS; i++) {
		const struct checking_host *v = &h->v[i];
		if (!v->links || v->first->url.flags & URL_BARE ||
			slice_eq(v->org, checking_org(x, from)))
			continue;
		slice words = checking_lower(x->a, slice_first(v->first->url.path, 200));
		if (is_login_word(words) || is_login_word(v->host))
			checking_found(
				x, SIGNAL_LINK_LOGIN, checking_unless_bulk(x), v->first->url.text);
	}
}

static void look_at_sum(struct content_exam *x, slice from)
{
	const struct checking_hosts *h = checking_hosts(x);
	const struct checking_host *first = NULL;
	bool own = false;
	if (!h->orgs)
		return;
	for (size_t i = h->n; i-- > 0;) {
		if (!h->v[i].links)
			continue;
		first = &h->v[i];
		own |= slice_eq(h->v[i].org, checking_org(x, from));
	}
	if (h->followed == 1 && x->c->mail.text.n < SHORT_TEXT && !checking_is_list(x))
		checking_found(x, SIGNAL_LINK_ONLY, 1, first->first->url.text);
	if (h->orgs >= MANY_ORGS)
		checking_found(x, SIGNAL_LINK_MANY_SITES, 1, S(""));
	if (!own && from.n && !checking_freemail(from) && !checking_is_list(x))
		checking_found(x, SIGNAL_LINK_FOREIGN, checking_unless_bulk(x), first->host);
}

void content_check_link_where(struct content_exam *x)
{
	struct recipients r = {.n = 0};
	slice from = checking_from_domain(x);
	unsigned looked = 0;
	read_recipients(x, &r);
	for (size_t i = 0; i < x->c->nlinks && looked < LINKS_LOOKED_AT; i++) {
		const struct content_link *l = &x->c->links[i];
		if (!checking_follows(l) || !l->url.host.n)
			continue;
		looked++;
		if (l->url.fragment.n)
			look_at_fragment(x, &l->url);
		look_at_recipient(x, &l->url, &r, from);
		look_at_nested(x, &l->url, from);
	}
	look_at_login(x, from);
	look_at_sum(x, from);
}
