/*
 * What the families of checks share (checking.h): the letter's hosts with the organisations behind
 * them, who the sender is, and small questions about text. Called by check_*.c.
 */
#include "content/checking.h"

#include "base/mem.h"
#include "base/utf8.h"
#include "codec/address.h"
#include <stdlib.h>

enum { BULK_SOFTENS_FROM = 30, BULK_LEAST_PERCENT = 20 };

struct checking { /* of one letter */
	struct checking_hosts *hosts;
	struct header_field *fields;
	size_t nfields;
};

static struct checking *shared(struct content_exam *x)
{
	if (!x->shared)
		x->shared = ARENA_NEW(x->a, struct checking);
	return x->shared;
}

/* ---- hosts ---- */

slice checking_org(const struct content_exam *x, slice host)
{
	const struct url_names *names = x->tools->names;
	if (names && names->organisation)
		return names->organisation(host);
	size_t last = slice_rindex(host, '.');
	if (last == host.n)
		return host;
	size_t before = slice_rindex(slice_first(host, last), '.');
	return before == last ? host : slice_skip(host, before + 1);
}

bool checking_follows(const struct content_link *l)
{
	return l->kind == HTML_LINK_A || l->kind == HTML_LINK_AREA || l->kind == HTML_LINK_FORM ||
	       l->kind == HTML_LINK_REFRESH;
}

static struct checking_host *find_host(struct checking_hosts *h, slice host)
{
	for (size_t i = 0; i < h->n; i++)
		if (slice_eq(h->v[i].host, host))
			return &h->v[i];
	return NULL;
}

static void count_org(struct checking_hosts *h, slice org)
{
	for (size_t i = 0; i < h->n; i++)
		if (h->v[i].links && slice_eq(h->v[i].org, org))
			return;
	h->orgs++;
}

static void take_link(
	struct content_exam *x, struct checking_hosts *h, const struct content_link *l)
{
	bool follows = checking_follows(l);
	if (!l->url.host.n)
		return;
	h->followed += follows;
	struct checking_host *known = find_host(h, l->url.host);
	if (!known && h->n == CHECKING_HOSTS_MAX) {
		h->more = true;
		return;
	}
	if (!known) {
		known = &h->v[h->n++];
		*known = (struct checking_host){.host = l->url.host,
			.org = l->url.flags & URL_IP ? l->url.host : checking_org(x, l->url.host),
			.first = l};
	}
	if (follows && known->links == 0) {
		known->first = l;
		count_org(h, known->org);
	}
	*(follows ? &known->links : &known->loads) += 1;
}

const struct checking_hosts *checking_hosts(struct content_exam *x)
{
	struct checking *k = shared(x);
	if (k->hosts)
		return k->hosts;
	k->hosts = ARENA_NEW(x->a, struct checking_hosts);
	for (size_t i = 0; i < x->c->nlinks; i++)
		take_link(x, k->hosts, &x->c->links[i]);
	return k->hosts;
}

/* ---- who ---- */

slice checking_domain(slice address)
{
	size_t at = slice_rindex(address, '@');
	return at < address.n ? slice_skip(address, at + 1) : (slice){0};
}

slice checking_local(slice address)
{
	return slice_first(address, slice_rindex(address, '@'));
}

slice checking_from_domain(const struct content_exam *x)
{
	return checking_domain(x->c->from_address);
}

bool checking_own(const struct content_exam *x, slice domain)
{
	const struct content_site *s = x->tools->site;
	for (size_t i = 0; s && i < s->ndomains; i++)
		if (domain_within(domain, s->domains[i]))
			return true;
	return false;
}

bool checking_proven(const struct content_exam *x)
{
	return x->ctx->verified && x->ctx->proven;
}

bool checking_is_list(struct content_exam *x)
{
	return checking_has(x, S("list-id")) || checking_has(x, S("list-post")) ||
	       checking_has(x, S("x-mailman-version")) || checking_has(x, S("mailing-list")) ||
	       checking_has(x, S("x-loop"));
}

static const slice freemail[] = {S_INIT("021.com"), S_INIT("126.com"), S_INIT("139.com"),
	S_INIT("163.com"), S_INIT("188.com"), S_INIT("189.cn"), S_INIT("21cn.com"),
	S_INIT("263.net"), S_INIT("aliyun.com"), S_INIT("aol.com"), S_INIT("att.net"),
	S_INIT("bol.com.br"), S_INIT("comcast.net"), S_INIT("daum.net"), S_INIT("eyou.com"),
	S_INIT("fastmail.com"), S_INIT("foxmail.com"), S_INIT("free.fr"), S_INIT("freenet.de"),
	S_INIT("gmail.com"), S_INIT("gmx.at"), S_INIT("gmx.com"), S_INIT("gmx.de"),
	S_INIT("gmx.net"), S_INIT("gmx.us"), S_INIT("googlemail.com"), S_INIT("hanmail.net"),
	S_INIT("hotmail.co.uk"), S_INIT("hotmail.com"), S_INIT("hotmail.fr"),
	S_INIT("hushmail.com"), S_INIT("icloud.com"), S_INIT("inbox.lv"), S_INIT("inbox.ru"),
	S_INIT("laposte.net"), S_INIT("libero.it"), S_INIT("list.ru"), S_INIT("live.cn"),
	S_INIT("live.com"), S_INIT("live.fr"), S_INIT("mac.com"), S_INIT("mail.com"),
	S_INIT("mail.ru"), S_INIT("me.com"), S_INIT("msn.com"), S_INIT("naver.com"),
	S_INIT("onet.pl"), S_INIT("orange.fr"), S_INIT("outlook.com"), S_INIT("outlook.de"),
	S_INIT("outlook.fr"), S_INIT("proton.me"), S_INIT("protonmail.com"), S_INIT("qq.com"),
	S_INIT("rambler.ru"), S_INIT("rediffmail.com"), S_INIT("rocketmail.com"),
	S_INIT("seznam.cz"), S_INIT("sina.cn"), S_INIT("sina.com"), S_INIT("sina.com.cn"),
	S_INIT("sohu.com"), S_INIT("t-online.de"), S_INIT("terra.com.br"), S_INIT("tom.com"),
	S_INIT("tuta.com"), S_INIT("tutanota.com"), S_INIT("uol.com.br"), S_INIT("vip.163.com"),
	S_INIT("vip.qq.com"), S_INIT("vip.sina.com"), S_INIT("web.de"), S_INIT("wo.cn"),
	S_INIT("wp.pl"), S_INIT("yahoo.ca"), S_INIT("yahoo.co.in"), S_INIT("yahoo.co.jp"),
	S_INIT("yahoo.co.uk"), S_INIT("yahoo.com"), S_INIT("yahoo.com.br"), S_INIT("yahoo.com.cn"),
	S_INIT("yahoo.com.hk"), S_INIT("yahoo.com.tw"), S_INIT("yahoo.de"), S_INIT("yahoo.es"),
	S_INIT("yahoo.fr"), S_INIT("yahoo.it"), S_INIT("yandex.com"), S_INIT("yandex.ru"),
	S_INIT("yeah.net"), S_INIT("ymail.com"), S_INIT("zoho.com"), S_INIT("zohomail.com")};

bool checking_freemail(slice domain)
{
	return checking_listed(domain, freemail, sizeof freemail / sizeof *freemail);
}

/* ---- fields ---- */

const struct header_field *checking_fields(struct content_exam *x, size_t *ret_n)
{
	struct checking *k = shared(x);
	slice rest = x->c->mail.header;
	if (!k->fields) {
		k->fields = ARENA_ARRAY(x->a, struct header_field, CHECKING_FIELDS_MAX);
		while (k->nfields < CHECKING_FIELDS_MAX &&
			header_next(&rest, &k->fields[k->nfields]))
			k->nfields++;
	}
	*ret_n = k->nfields;
	return k->fields;
}

static const struct header_field *find_field(struct content_exam *x, slice name)
{
	size_t n;
	const struct header_field *f = checking_fields(x, &n);
	for (size_t i = 0; i < n; i++)
		if (slice_ieq(f[i].name, name))
			return &f[i];
	return NULL;
}

unsigned checking_count(struct content_exam *x, slice name)
{
	size_t n;
	unsigned count = 0;
	const struct header_field *f = checking_fields(x, &n);
	for (size_t i = 0; i < n; i++)
		count += slice_ieq(f[i].name, name);
	return count;
}

bool checking_has(struct content_exam *x, slice name)
{
	return find_field(x, name) != NULL;
}

slice checking_value(struct content_exam *x, slice name)
{
	const struct header_field *f = find_field(x, name);
	return f ? slice_trim(f->value) : (slice){0};
}

slice checking_text(struct content_exam *x, slice name)
{
	return header_text(checking_value(x, name), x->a);
}

/* ---- findings ---- */

void checking_found(struct content_exam *x, enum signal_id id, float weight, slice detail)
{
	if (weight > 0)
		signals_add(x->signals, id, weight, utf8_first(detail, SIGNAL_DETAIL_MAX));
}

float checking_unless_bulk(const struct content_exam *x)
{
	if (x->bulk <= BULK_SOFTENS_FROM)
		return 1;
	unsigned most = 100 - BULK_LEAST_PERCENT;
	unsigned off = (x->bulk - BULK_SOFTENS_FROM) * most / (100 - BULK_SOFTENS_FROM);
	return (float)(100 - off) / 100;
}

/* ---- text ---- */

static bool is_word_byte(char c)
{
	return (c >= '0' && c <= '9') || (ascii_lower(c) >= 'a' && ascii_lower(c) <= 'z');
}

static bool says_word(slice text, slice word)
{
	if (text.n < word.n)
		return false;
	bool latin = is_word_byte(word.p[0]);
	for (size_t at = 0; at < text.n;) {
		size_t i = at + slice_find(slice_skip(text, at), word), end = i + word.n;
		if (i >= text.n)
			return false;
		bool inside = (i > 0 && is_word_byte(text.p[i - 1])) ||
			      (end < text.n && is_word_byte(text.p[end]));
		if (!latin || !inside)
			return true;
		at = i + 1;
	}
	return false;
}

bool checking_says(slice normal, const slice *words, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (says_word(normal, words[i]))
			return true;
	return false;
}

static int by_name(const void *key, const void *entry)
{
	return slice_cmp(*(const slice *)key, *(const slice *)entry);
}

bool checking_listed(slice s, const slice *sorted, size_t n)
{
	return s.n && bsearch(&s, sorted, n, sizeof *sorted, by_name);
}

slice checking_normal(const struct content_exam *x, slice text)
{
	AUTO(buf) struct buf out = BUF(4 * text.n + 64);
	struct text_undone undone = {0};
	text_normalise(text, &out, &undone);
	return arena_dup(x->a, buf_slice(&out));
}

slice checking_lower(struct arena *a, slice s)
{
	char *p = arena_alloc(a, s.n + 1);
	for (size_t i = 0; i < s.n; i++)
		p[i] = ascii_lower(s.p[i]);
	return slice_of(p, s.n);
}
