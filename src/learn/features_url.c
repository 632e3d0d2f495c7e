/*
 * Features of links: where they lead, how they are written, how many and how different.
 */
#include "codec/address.h"
#include "learn/features_parts.h"
#include <stdio.h>

enum { URLS_LOOKED_AT = 60, SEGMENT_MAX = 24 };

slice learn_organisation(const struct learn_mail *m, slice host)
{
	if (m->names && m->names->organisation)
		return m->names->organisation(host);
	size_t last = slice_rindex(host, '.');
	if (last == host.n)
		return host;
	size_t before = slice_rindex(slice_first(host, last), '.');
	return before == last ? host : slice_skip(host, before + 1);
}

slice learn_top_level(slice host)
{
	size_t dot = slice_rindex(host, '.');
	return dot < host.n ? slice_skip(host, dot + 1) : host;
}

static const char *const kinds[] = {"a", "area", "form", "refresh", "frame", "image", "background",
	"style", "script", "media", "base"};

/* Words of a path that a person chose: letters, not too long. */
static void put_path(struct learn_features *f, slice path)
{
	for (slice rest = path, segment; slice_cut(&rest, '/', &segment);) {
		size_t letters = 0;
		for (size_t i = 0; i < segment.n; i++)
			letters += (segment.p[i] | 32) >= 'a' && (segment.p[i] | 32) <= 'z';
		if (segment.n && segment.n <= SEGMENT_MAX && letters * 4 >= segment.n * 3)
			learn_put_fact(f, LEARN_URL, S("path"), segment);
	}
	slice name = slice_skip(path, slice_rindex(path, '/') + 1);
	size_t dot = slice_rindex(name, '.');
	if (dot < name.n && name.n - dot <= 6)
		learn_put_fact(f, LEARN_URL, S("extension"), slice_skip(name, dot));
}

static void put_query(struct learn_features *f, slice query)
{
	unsigned n = 0;
	for (slice part; n < 20 && slice_cut(&query, '&', &part); n++) {
		slice key = slice_first(part, slice_index(part, '='));
		if (key.n && key.n <= SEGMENT_MAX)
			learn_put_fact(f, LEARN_URL, S("query"), key);
	}
}

static void put_host(struct learn_features *f, const struct learn_mail *m, const struct url *u)
{
	slice org = learn_organisation(m, u->host);
	learn_put_fact(f, LEARN_URL, S("site"), org);
	learn_put_fact(f, LEARN_URL, S("tld"), learn_top_level(u->host));
	if (!slice_eq(org, u->host))
		learn_put_fact(f, LEARN_URL, S("host"), u->host);
}

static void put_url(struct learn_features *f, const struct learn_mail *m, const struct learn_url *l)
{
	const struct url *u = &l->url;
	char bit[8];
	slice kind = slice_z(l->kind < sizeof kinds / sizeof *kinds ? kinds[l->kind] : "");
	if (l->kind != HTML_LINK_A && l->kind != HTML_LINK_IMAGE)
		learn_put_fact(f, LEARN_URL, S("html"), kind);
	for (unsigned b = 0; b < 25; b++)
		if (u->flags & 1u << b)
			learn_put_fact(f, LEARN_URL, S("flag"),
				slice_of(bit, (size_t)snprintf(bit, sizeof bit, "%u", b)));
	learn_put_flag(f, LEARN_URL, S("deceives"), l->deceives);
	learn_put_flag(f, LEARN_URL, S("hidden"), l->hidden);
	if (!u->host.n)
		return;
	put_host(f, m, u);
	if (l->kind <= HTML_LINK_FRAME) {
		put_path(f, u->path);
		put_query(f, u->query);
	}
}

static slice from_organisation(const struct learn_mail *m, struct arena *a)
{
	struct header_field f;
	struct header_address *v;
	if (!header_find(m->header, S("from"), 0, &f) || !header_addresses(f.value, a, &v))
		return (slice){0};
	return learn_organisation(m, v[0].domain);
}

void learn_put_urls(struct learn_features *f, const struct learn_mail *m, struct arena *a)
{
	slice from = from_organisation(m, a);
	size_t own = 0, other = 0;
	for (size_t i = 0; i < m->nurls; i++) {
		const struct learn_url *l = &m->urls[i];
		slice org = learn_organisation(m, l->url.host);
		if (i < URLS_LOOKED_AT)
			put_url(f, m, l);
		if (l->kind > HTML_LINK_FORM || !org.n)
			continue;
		*(slice_eq(org, from) ? &own : &other) += 1;
	}
	learn_put_flag(f, LEARN_URL, S("only-one-link"), own + other == 1);
	learn_put_flag(f, LEARN_URL, S("none-to-own-site"), other && !own);
	learn_put_share(f, LEARN_URL, S("to-own-site"), own, own + other);
}
