/*
 * Lookups by record type: MX (RFC 5321 5.1, RFC 7505), addresses, PTR, TXT, TLSA (RFC 6698), any.
 * Called by everyone who needs the DNS. Answers are copied into the caller's arena; a record that
 * is malformed is left out, as if the server had not sent it. Asking itself is dns.c.
 */
#include "base/cur.h"
#include "base/rand.h"
#include "run/dns_internal.h"

#include <arpa/inet.h>
#include <stdlib.h>

/* Asks and waits. When 0: lookup_end(l) by the caller, after reading l->result. */
static int ask(struct lookup *l, struct dns *d, slice name, int type, instant deadline,
	struct arena *a, struct dns_answer *ret, struct err *e)
{
	if (lookup_start(l, d, name, type, e) < 0) {
		if (e->kind == ERR_TEMP)
			ret->status = DNS_TEMP;
		return -1;
	}
	if (lookup_wait(l, deadline, a, ret, e) == 0)
		return 0;
	lookup_end(l);
	return -1;
}

static size_t count_records(const struct lookup *l)
{
	size_t n = 0;
	while (l->result->havedata && l->result->data[n])
		n++;
	return n;
}

static slice record(const struct lookup *l, size_t i)
{
	return slice_of(l->result->data[i], (size_t)l->result->len[i]);
}

/* A domain name in wire form (not compressed) to lower-case text without final dot; the root is "".
 * False when a label holds anything that cannot stand in a host name of ours. */
static bool wire_name(struct cur *c, struct arena *a, slice *ret)
{
	char text[DNS_NAME_MAX + 2];
	size_t n = 0;
	for (;;) {
		slice label = cur_bytes(c, cur_u8(c));
		if (!cur_ok(c) || n + label.n > DNS_NAME_MAX)
			return false;
		if (label.n == 0)
			break;
		for (size_t i = 0; i < label.n; i++) {
			char ch = ascii_lower(label.p[i]);
			if (ch <= ' ' || ch > '~' || ch == '.' || ch == '\\' || ch == '"')
				return false;
			text[n++] = ch;
		}
		text[n++] = '.';
	}
	*ret = arena_dup(a, slice_of(text, n ? n - 1 : 0));
	return true;
}

/* ---- MX ---- */

struct mx_candidate {
	struct dns_mx mx;
	uint32_t dice;
};

static int by_preference(const void *x, const void *y)
{
	const struct mx_candidate *a = x, *b = y;
	if (a->mx.pref != b->mx.pref)
		return a->mx.pref < b->mx.pref ? -1 : 1;
	return (a->dice > b->dice) - (a->dice < b->dice);
}

static bool has_host(const struct dns_mx_answer *m, slice host)
{
	for (size_t i = 0; i < m->n; i++)
		if (slice_eq(m->v[i].host, host))
			return true;
	return false;
}

/* The null MX stands alone (RFC 7505 3); beside others a "." is an error in the zone and left out.
 */
static void choose_mx(struct mx_candidate *c, size_t n, struct arena *a, struct dns_mx_answer *ret)
{
	ret->null_mx = n == 1 && c[0].mx.host.n == 0;
	ret->v = ARENA_ARRAY(a, struct dns_mx, DNS_MX_MAX);
	qsort(c, n, sizeof *c, by_preference);
	for (size_t i = 0; i < n && ret->n < DNS_MX_MAX; i++)
		if (c[i].mx.host.n && !has_host(ret, c[i].mx.host))
			ret->v[ret->n++] = c[i].mx;
}

static void read_mx(const struct lookup *l, struct arena *a, struct dns_mx_answer *ret)
{
	size_t total = count_records(l), n = 0;
	struct mx_candidate *c = ARENA_ARRAY(a, struct mx_candidate, total);
	for (size_t i = 0; i < total; i++) {
		struct cur rd = cur_of(record(l, i));
		struct mx_candidate m = {.mx.pref = cur_u16(&rd), .dice = (uint32_t)rand_u64()};
		if (wire_name(&rd, a, &m.mx.host))
			c[n++] = m;
	}
	choose_mx(c, n, a, ret);
}

int dns_mx(struct dns *d, slice domain, instant deadline, struct arena *a,
	struct dns_mx_answer *ret, struct err *e)
{
	struct lookup l;
	struct dns_mx_answer m = {0};
	if (ask(&l, d, domain, DNS_TYPE_MX, deadline, a, &m.dns, e) < 0) {
		ret->dns.status = m.dns.status;
		return -1;
	}
	read_mx(&l, a, &m);
	lookup_end(&l);
	*ret = m;
	return 0;
}

int dns_mail_hosts(struct dns *d, slice domain, instant deadline, struct arena *a,
	struct dns_hosts_answer *ret, struct err *e)
{
	struct dns_mx_answer m = {0};
	if (dns_mx(d, domain, deadline, a, &m, e) < 0) {
		ret->dns.status = m.dns.status;
		return -1;
	}
	*ret = (struct dns_hosts_answer){.dns = m.dns, .null_mx = m.null_mx, .v = m.v, .n = m.n};
	if (m.dns.status == DNS_NODATA) {
		ret->implicit = true;
		ret->dns.status = DNS_OK;
		ret->v = ARENA_NEW(a, struct dns_mx);
		ret->v[ret->n++].host = m.dns.canon;
	}
	return 0;
}

/* ---- addresses ---- */

static bool read_address(slice rdata, int type, struct net_addr *ret)
{
	struct net_addr addr = {0};
	struct sockaddr_in *v4 = (struct sockaddr_in *)&addr.ss;
	struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)&addr.ss;
	if (type == DNS_TYPE_A && rdata.n == 4) {
		v4->sin_family = AF_INET;
		memcpy(&v4->sin_addr, rdata.p, 4);
		addr.len = sizeof *v4;
	} else if (type == DNS_TYPE_AAAA && rdata.n == 16) {
		v6->sin6_family = AF_INET6;
		memcpy(&v6->sin6_addr, rdata.p, 16);
		addr.len = sizeof *v6;
	} else {
		return false;
	}
	*ret = addr;
	return true;
}

struct family {
	int type;
	bool asked, failed;
	struct lookup l;
	struct dns_answer answer;
	struct err e;
	struct net_addr *v;
	size_t n;
};

/* All addresses, in random order. */
static void read_family(struct family *f, struct arena *a)
{
	size_t total = count_records(&f->l);
	f->v = ARENA_ARRAY(a, struct net_addr, total);
	for (size_t i = 0; i < total; i++) {
		struct net_addr one;
		if (!read_address(record(&f->l, i), f->type, &one))
			continue;
		size_t at = (size_t)rand_below(f->n + 1);
		f->v[f->n++] = f->v[at];
		f->v[at] = one;
	}
}

static void start_family(struct family *f, struct dns *d, slice host)
{
	f->asked = true;
	if (lookup_start(&f->l, d, host, f->type, &f->e) < 0) {
		f->failed = true;
		f->answer.status = DNS_TEMP;
	}
}

static void finish_family(struct family *f, instant deadline, struct arena *a)
{
	if (!f->asked || f->failed)
		return;
	if (lookup_wait(&f->l, deadline, a, &f->answer, &f->e) < 0)
		f->failed = true;
	else
		read_family(f, a);
	lookup_end(&f->l);
}

static void take_addresses(struct dns_addr_answer *r, const struct family *f, size_t most)
{
	for (size_t i = 0; i < f->n && i < most && r->n < DNS_ADDR_MAX; i++)
		r->v[r->n++] = f->v[i];
}

/* The answers of one or two families as one: NXDOMAIN belongs to the name, so either may say it. */
static struct dns_answer join_answers(const struct family *f, const struct family *g)
{
	const struct family *good = f->asked && !f->failed ? f : g, *other = good == f ? g : f;
	struct dns_answer r = good->answer;
	if (!other->asked || other->failed)
		return r;
	r.secure = r.secure && other->answer.secure;
	if (other->answer.ttl < r.ttl)
		r.ttl = other->answer.ttl;
	if (f->n + g->n)
		r.status = DNS_OK;
	else if (other->answer.status == DNS_NXDOMAIN)
		r.status = DNS_NXDOMAIN;
	return r;
}

static int join_families(struct family *first, struct family *second, struct arena *a,
	struct dns_addr_answer *ret, struct err *e)
{
	const struct family *bad = first->failed ? first : second->failed ? second : NULL;
	if (bad && first->n + second->n == 0) {
		*e = bad->e;
		ret->dns.status = bad->answer.status;
		return -1;
	}
	size_t half = DNS_ADDR_MAX / 2;
	struct dns_addr_answer r = {.dns = join_answers(first, second)};
	r.v = ARENA_ARRAY(a, struct net_addr, DNS_ADDR_MAX);
	take_addresses(&r, first, second->n < half ? DNS_ADDR_MAX - second->n : half);
	take_addresses(&r, second, DNS_ADDR_MAX);
	*ret = r;
	return 0;
}

/* RFC 6761 6.3: never asked of the DNS. */
static bool is_localhost(slice host)
{
	if (host.n && host.p[host.n - 1] == '.')
		host.n--;
	return slice_ieq(host, S("localhost")) || slice_iends(host, S(".localhost"));
}

static void localhost_family(struct family *f, struct arena *a)
{
	static const char v4[] = {127, 0, 0, 1}, v6[16] = {[15] = 1};
	f->v = ARENA_NEW(a, struct net_addr);
	f->asked = true;
	f->answer = (struct dns_answer){.status = DNS_OK, .ttl = 3600, .canon = S("localhost")};
	f->n = read_address(
		f->type == DNS_TYPE_A ? slice_of(v4, 4) : slice_of(v6, 16), f->type, f->v);
}

int dns_addr(struct dns *d, slice host, instant deadline, struct arena *a,
	struct dns_addr_answer *ret, struct err *e)
{
	struct family v6 = {.type = DNS_TYPE_AAAA}, v4 = {.type = DNS_TYPE_A};
	enum dns_order order = dns_order_of(d);
	struct family *first = order == DNS_V6_FIRST || order == DNS_V6_ONLY ? &v6 : &v4;
	struct family *second = first == &v6 ? &v4 : &v6;
	bool both = order == DNS_V6_FIRST || order == DNS_V4_FIRST;
	if (is_localhost(host)) {
		localhost_family(first, a);
		if (both)
			localhost_family(second, a);
		return join_families(first, second, a, ret, e);
	}
	start_family(first, d, host);
	if (both)
		start_family(second, d, host);
	finish_family(first, deadline, a);
	finish_family(second, deadline, a);
	return join_families(first, second, a, ret, e);
}

/* ---- PTR, TXT, TLSA, any ---- */

/* A lookup whose records become slices, each by `read` (false: leave it out). */
static int ask_names(struct dns *d, slice name, int type, instant deadline, struct arena *a,
	bool (*read)(slice rdata, struct arena *a, slice *ret), struct dns_names_answer *ret,
	struct err *e)
{
	struct lookup l;
	struct dns_names_answer r = {0};
	if (ask(&l, d, name, type, deadline, a, &r.dns, e) < 0) {
		ret->dns.status = r.dns.status;
		return -1;
	}
	size_t total = count_records(&l);
	if (total > DNS_RECORDS_MAX)
		total = DNS_RECORDS_MAX;
	r.v = ARENA_ARRAY(a, slice, total);
	for (size_t i = 0; i < total; i++)
		if (read(record(&l, i), a, &r.v[r.n]))
			r.n++;
	lookup_end(&l);
	*ret = r;
	return 0;
}

static bool read_ptr(slice rdata, struct arena *a, slice *ret)
{
	struct cur c = cur_of(rdata);
	return wire_name(&c, a, ret) && ret->n > 0;
}

/* RFC 1035 3.3.14: strings of a length byte each, meant as one text. */
static bool read_txt(slice rdata, struct arena *a, slice *ret)
{
	struct cur c = cur_of(rdata);
	char *text = arena_alloc(a, rdata.n + 1);
	size_t n = 0;
	while (cur_ok(&c) && !cur_at_end(&c)) {
		slice part = cur_bytes(&c, cur_u8(&c));
		if (part.n)
			memcpy(text + n, part.p, part.n);
		n += part.n;
	}
	*ret = slice_of(text, n);
	return cur_ok(&c);
}

static bool read_raw(slice rdata, struct arena *a, slice *ret)
{
	*ret = arena_dup(a, rdata);
	return true;
}

/* The IPv4 address in either form, or NULL. */
static const uint8_t *ipv4_bytes(const struct net_addr *addr)
{
	static const uint8_t mapped[12] = {[10] = 0xff, [11] = 0xff};
	if (addr->ss.ss_family == AF_INET)
		return (const uint8_t *)&((const struct sockaddr_in *)&addr->ss)->sin_addr;
	const uint8_t *ip = (const uint8_t *)&((const struct sockaddr_in6 *)&addr->ss)->sin6_addr;
	bool is_mapped = addr->ss.ss_family == AF_INET6 && memcmp(ip, mapped, sizeof mapped) == 0;
	return is_mapped ? ip + 12 : NULL;
}

slice dns_reverse(const struct net_addr *addr, slice zone, struct arena *a)
{
	const uint8_t *ip = ipv4_bytes(addr);
	if (ip)
		return arena_printf(a, "%u.%u.%u.%u%s%.*s", ip[3], ip[2], ip[1], ip[0],
			zone.n ? "." : "", SFMT(zone));
	if (addr->ss.ss_family != AF_INET6)
		return (slice){0};
	char text[64];
	ip = (const uint8_t *)&((const struct sockaddr_in6 *)&addr->ss)->sin6_addr;
	for (int i = 0; i < 32; i++) {
		text[2 * i] = "0123456789abcdef"[ip[15 - i / 2] >> (i % 2 * 4) & 15];
		text[2 * i + 1] = '.';
	}
	return arena_printf(a, "%.*s%.*s", zone.n ? 64 : 63, text, SFMT(zone));
}

slice dns_reverse_name(const struct net_addr *addr, struct arena *a)
{
	return dns_reverse(addr, ipv4_bytes(addr) ? S("in-addr.arpa") : S("ip6.arpa"), a);
}

int dns_ptr(struct dns *d, const struct net_addr *addr, instant deadline, struct arena *a,
	struct dns_names_answer *ret, struct err *e)
{
	slice name = dns_reverse_name(addr, a);
	if (name.n == 0)
		return err_set(e, ERR_PROTO, "dns: no IP address");
	return ask_names(d, name, DNS_TYPE_PTR, deadline, a, read_ptr, ret, e);
}

int dns_txt(struct dns *d, slice name, instant deadline, struct arena *a,
	struct dns_names_answer *ret, struct err *e)
{
	return ask_names(d, name, DNS_TYPE_TXT, deadline, a, read_txt, ret, e);
}

int dns_query(struct dns *d, slice name, int type, instant deadline, struct arena *a,
	struct dns_names_answer *ret, struct err *e)
{
	return ask_names(d, name, type, deadline, a, read_raw, ret, e);
}

int dns_tlsa(struct dns *d, slice host, uint16_t port, instant deadline, struct arena *a,
	struct dns_tlsa_answer *ret, struct err *e)
{
	struct dns_names_answer raw = {0};
	slice name = arena_printf(a, "_%u._tcp.%.*s", port, SFMT(host));
	if (ask_names(d, name, DNS_TYPE_TLSA, deadline, a, read_raw, &raw, e) < 0) {
		ret->dns.status = raw.dns.status;
		return -1;
	}
	struct dns_tlsa_answer r = {.dns = raw.dns, .v = ARENA_ARRAY(a, struct dns_tlsa, raw.n)};
	for (size_t i = 0; i < raw.n; i++) {
		struct cur c = cur_of(raw.v[i]);
		struct dns_tlsa t = {.usage = cur_u8(&c)};
		t.selector = cur_u8(&c);
		t.matching = cur_u8(&c);
		t.data = cur_rest(&c);
		if (cur_ok(&c) && t.data.n > 0)
			r.v[r.n++] = t;
	}
	*ret = r;
	return 0;
}
