/*
 * Checks of links, first part: how they are written and where they lead. What they carry (the
 * recipient's address, another link) and how they relate to the sender: check_link_where.c. Whether
 * a host looks like another's: check_sender.c; lists of bad hosts need lookups: elsewhere.
 */
#include "codec/origin.h"
#include "content/checking.h"
#include "content/checks.h"
#include "content/link_tables.h"

enum {
	RANDOM_LEAST = 8,
	CONSONANTS_MOST = 6,
};
/* What only an attribute can hold: in text it is where the finder of links misread. */
#define OF_ATTRIBUTES (URL_BAD_IDN | URL_BACKSLASH | URL_CONTROL | URL_ENCODED_HOST | URL_ENCODED)

/* ---- how it is written ---- */

static const struct {
	unsigned flags;
	enum signal_id signal;
} shapes[] = {
	{URL_IP_ODD, SIGNAL_LINK_IP_ODD},
	{URL_USERINFO_HOST, SIGNAL_LINK_USERINFO},
	{URL_ENCODED_HOST, SIGNAL_LINK_ENCODED_HOST},
	{URL_MIXED | URL_LOOKALIKE, SIGNAL_LINK_LOOKALIKE_LETTERS},
	{URL_BAD_IDN, SIGNAL_LINK_BAD_IDN},
	{URL_BACKSLASH, SIGNAL_LINK_BACKSLASH},
	{URL_CONTROL, SIGNAL_LINK_CONTROL},
	{URL_ENCODED, SIGNAL_LINK_ENCODED},
	{URL_DEEP_HOST, SIGNAL_LINK_DEEP_HOST},
	{URL_HOST_IN_PATH, SIGNAL_LINK_HOST_INSIDE},
	{URL_SCRIPT, SIGNAL_LINK_SCRIPT},
	{URL_DEFANGED, SIGNAL_LINK_DEFANGED},
};

static bool is_private(slice host)
{
	struct origin_ip ip;
	return slice_eq(host, S("localhost")) || slice_ends(host, S(".local")) ||
	       (origin_ip_parse(host, &ip) && origin_is_private(&ip));
}

static void look_at_address(struct content_exam *x, const struct content_link *l)
{
	if (l->url.flags & URL_IP && !(l->url.flags & URL_IP_ODD))
		checking_found(x, SIGNAL_LINK_IP, 1, l->url.host);
	if (l->url.flags & URL_PORT && !(l->url.flags & URL_BARE))
		checking_found(x, SIGNAL_LINK_PORT, 1, l->url.text);
}

/* Senders count clicks through hosts of their own or of a service, and name other firms in passing.
 */
static float deceit(const struct content_exam *x, const struct content_link *l)
{
	bool whole = slice_istarts(l->text, S("http")) || slice_istarts(l->text, S("www."));
	bool own = slice_eq(checking_org(x, l->url.host), checking_org(x, checking_from_domain(x)));
	return checking_unless_bulk(x) * (whole ? 1 : 0.3F) * (own ? 0.3F : 1);
}

static void look_at_shape(struct content_exam *x, const struct content_link *l, float weight)
{
	unsigned flags =
		l->url.flags & (l->where == CONTENT_IN_TEXT ? ~(unsigned)OF_ATTRIBUTES : ~0U);
	for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++)
		if (flags & shapes[i].flags)
			checking_found(x, shapes[i].signal, weight,
				l->url.host.n ? l->url.host : slice_first(l->url.text, 60));
	if (l->url.flags & URL_DATA && slice_starts(l->url.text, S("data:text/html")))
		checking_found(x, SIGNAL_LINK_DATA, 1, S(""));
	if (l->deceives && l->where != CONTENT_IN_TEXT &&
		link_place(l->url.host, l->url.path) != LINK_WRAPPER)
		checking_found(x, SIGNAL_LINK_DECEIVES, deceit(x, l),
			arena_printf(x->a, "%.*s: %.*s", SFMT(slice_first(l->text, 60)),
				SFMT(l->url.host)));
}

/* ---- where it leads ---- */

static void look_at_place(struct content_exam *x, const struct content_link *l)
{
	static const enum signal_id signals[] = {[LINK_SHORTENER] = SIGNAL_LINK_SHORTENER,
		[LINK_FORM] = SIGNAL_LINK_FORM,
		[LINK_HOSTING] = SIGNAL_LINK_HOSTING,
		[LINK_STORAGE] = SIGNAL_LINK_STORAGE,
		[LINK_TUNNEL] = SIGNAL_LINK_TUNNEL};
	enum link_place p = link_place(l->url.host, l->url.path);
	float weight = checking_unless_bulk(x);
	if (p == LINK_REDIRECTOR && l->url.flags & URL_NESTED)
		checking_found(x, SIGNAL_LINK_OPEN_REDIRECT, weight, l->url.text);
	else if (p != LINK_ORDINARY && p < LINK_REDIRECTOR)
		checking_found(x, signals[p], p == LINK_TUNNEL ? 1 : weight, l->url.host);
	if (link_cheap_top(l->url.host) && !(l->url.flags & URL_BARE))
		checking_found(x, SIGNAL_LINK_CHEAP, 1, l->url.host);
}

static bool is_vowel(char c)
{
	return memchr("aeiouy", c, 6) != NULL;
}

/* "xkqjzvw", "a8f03bc91d": nobody could say it, and no machine of a big site is called so. */
static bool looks_random(slice label)
{
	size_t digits = 0, changes = 0, run = 0, most = 0;
	for (size_t i = 0; i < label.n; i++) {
		bool digit = label.p[i] >= '0' && label.p[i] <= '9';
		bool letter = label.p[i] >= 'a' && label.p[i] <= 'z';
		digits += digit;
		if (i && digit != (label.p[i - 1] >= '0' && label.p[i - 1] <= '9'))
			changes++;
		run = letter && !is_vowel(label.p[i]) ? run + 1 : 0;
		most = run > most ? run : most;
	}
	return label.n >= RANDOM_LEAST && label.n < 60 &&
	       (most > CONSONANTS_MOST || (changes >= 4 && digits * 4 >= label.n));
}

static void look_at_name(struct content_exam *x, const struct checking_host *h)
{
	slice label = slice_first(h->org, slice_index(h->org, '.'));
	if (looks_random(label) && !slice_starts(label, S("xn--")) &&
		!(h->first->url.flags & (URL_BARE | URL_IP)))
		checking_found(x, SIGNAL_LINK_RANDOM_HOST, 1, h->host);
}

/* Folders of content systems where no page is for readers: the site was broken into. */
static void look_at_path(struct content_exam *x, const struct content_link *l)
{
	static const slice inner[] = {S_INIT("/wp-includes/"), S_INIT("/wp-admin/"),
		S_INIT("/wp-content/plugins/"), S_INIT("/wp-content/themes/"),
		S_INIT("/.well-known/"), S_INIT("/cgi-sys/"), S_INIT("/.git/")};
	for (size_t i = 0; i < sizeof inner / sizeof *inner; i++)
		if (slice_find(l->url.path, inner[i]) < l->url.path.n)
			checking_found(x, SIGNAL_LINK_HACKED, 1, l->url.text);
}

static void look_at_file(struct content_exam *x, const struct content_link *l)
{
	static const slice endings[] = {S_INIT(".exe"), S_INIT(".scr"), S_INIT(".msi"),
		S_INIT(".js"), S_INIT(".vbs"), S_INIT(".hta"), S_INIT(".iso"), S_INIT(".img"),
		S_INIT(".lnk"), S_INIT(".bat"), S_INIT(".cmd"), S_INIT(".apk"), S_INIT(".jar"),
		S_INIT(".ps1"), S_INIT(".vhd"), S_INIT(".cab"), S_INIT(".pif")};
	for (size_t i = 0; i < sizeof endings / sizeof *endings; i++)
		if (slice_iends(l->url.path, endings[i]))
			checking_found(x, SIGNAL_LINK_PROGRAM, 1, l->url.text);
}

void content_check_link(struct content_exam *x)
{
	const struct checking_hosts *h = checking_hosts(x);
	/* Where people talk of links they write odd ones. */
	float weight = checking_is_list(x) ? 0.3F : 1;
	for (size_t i = 0; i < x->c->nlinks; i++) {
		const struct content_link *l = &x->c->links[i];
		if (!checking_follows(l) || is_private(l->url.host))
			continue;
		look_at_shape(x, l, weight);
		if (!l->url.host.n)
			continue;
		look_at_address(x, l);
		look_at_path(x, l);
		look_at_file(x, l);
	}
	for (size_t i = 0; i < h->n; i++) {
		if (!h->v[i].links)
			continue;
		look_at_place(x, h->v[i].first);
		look_at_name(x, &h->v[i]);
	}
}
