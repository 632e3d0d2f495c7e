/*
 * Finding the hosts of a destination (hosts.h). Called by the queue's SMTP transport before it
 * connects. RFC 5321 5.1 (MX order, implicit MX, our own host in the list), RFC 7505 (null MX).
 */
#include "mail/hosts.h"

#include "base/mem.h"
#include "codec/address.h"
#include <errno.h>
#include <ifaddrs.h>
#include <netinet/in.h>

/* ---- who we are ---- */

bool hosts_is_self_name(const struct hosts_self *self, slice host)
{
	for (size_t i = 0; i < self->nnames; i++)
		if (slice_ieq(self->names[i], host))
			return true;
	return false;
}

static slice ip_bytes(const struct net_addr *a)
{
	if (a->ss.ss_family == AF_INET)
		return slice_of(&((const struct sockaddr_in *)&a->ss)->sin_addr, 4);
	if (a->ss.ss_family == AF_INET6)
		return slice_of(&((const struct sockaddr_in6 *)&a->ss)->sin6_addr, 16);
	return (slice){0};
}

bool hosts_is_self_addr(const struct hosts_self *self, const struct net_addr *a)
{
	if (a->ss.ss_family != AF_INET && a->ss.ss_family != AF_INET6)
		return false;
	for (size_t i = 0; i < self->naddrs; i++) {
		const struct net_addr *own = &self->addrs[i];
		if (own->ss.ss_family == a->ss.ss_family && slice_eq(ip_bytes(own), ip_bytes(a)) &&
			(net_port(own) == 0 || net_port(own) == net_port(a)))
			return true;
	}
	return false;
}

static void set_port(struct net_addr *a, uint16_t port)
{
	if (a->ss.ss_family == AF_INET)
		((struct sockaddr_in *)&a->ss)->sin_port = htons(port);
	else if (a->ss.ss_family == AF_INET6)
		((struct sockaddr_in6 *)&a->ss)->sin6_port = htons(port);
}

static size_t count_addrs(const struct ifaddrs *list)
{
	size_t n = 0;
	for (; list; list = list->ifa_next)
		n++;
	return n;
}

int hosts_interfaces(struct arena *a, struct net_addr **ret, size_t *ret_n, struct err *e)
{
	struct ifaddrs *list;
	if (getifaddrs(&list) < 0)
		return err_sys(e, errno, "addresses of this machine");
	struct net_addr *v = ARENA_ARRAY(a, struct net_addr, count_addrs(list) + 1);
	size_t n = 0;
	for (const struct ifaddrs *i = list; i; i = i->ifa_next) {
		int family = i->ifa_addr ? i->ifa_addr->sa_family : AF_UNSPEC;
		if (family != AF_INET && family != AF_INET6)
			continue;
		v[n].len = family == AF_INET ? sizeof(struct sockaddr_in)
					     : sizeof(struct sockaddr_in6);
		memcpy(&v[n].ss, i->ifa_addr, v[n].len);
		set_port(&v[n++], 0);
	}
	freeifaddrs(list);
	*ret = v;
	*ret_n = n;
	return 0;
}

static bool is_any(const struct net_addr *a)
{
	slice ip = ip_bytes(a);
	for (size_t i = 0; i < ip.n; i++)
		if (ip.p[i])
			return false;
	return ip.n > 0;
}

void hosts_add_listening(const struct net_addr *listen, const struct net_addr *interfaces,
	size_t ninterfaces, struct net_addr *v, size_t *n)
{
	if (!is_any(listen)) {
		v[(*n)++] = *listen;
		return;
	}
	for (size_t i = 0; i < ninterfaces; i++) {
		v[*n] = interfaces[i];
		set_port(&v[(*n)++], net_port(listen));
	}
}

size_t hosts_prune_self(const struct hosts_self *self, struct dns_mx *v, size_t n, bool *ret_loop)
{
	*ret_loop = false;
	for (size_t i = 0; i < n; i++) {
		if (!hosts_is_self_name(self, v[i].host))
			continue;
		while (i > 0 && v[i - 1].pref == v[i].pref)
			i--;
		*ret_loop = i == 0;
		return i;
	}
	return n;
}

/* ---- gathering ---- */

struct gather {
	const struct hosts_want *w;
	struct arena *a;
	struct host *v;
	size_t n;
	bool unsure; /* a lookup failed for now */
	bool self; /* an address was ours */
	bool mx_secure;
	slice domain_canon;
	char text[200];
};

static int why(struct result *ret, enum result_kind kind, struct status_code status, slice text)
{
	*ret = (struct result){.kind = kind, .status = status, .text = text};
	return -1;
}

static bool same_addr(const struct net_addr *a, const struct net_addr *b)
{
	if (a->ss.ss_family != b->ss.ss_family)
		return false;
	if (a->ss.ss_family == AF_UNIX)
		return a->len == b->len && memcmp(&a->ss, &b->ss, a->len) == 0;
	return slice_eq(ip_bytes(a), ip_bytes(b)) && net_port(a) == net_port(b);
}

static bool have_addr(const struct gather *g, const struct net_addr *addr)
{
	for (size_t i = 0; i < g->n; i++)
		if (same_addr(&g->v[i].addr, addr))
			return true;
	return false;
}

static void add_addr(
	struct gather *g, slice name, const struct net_addr *addr, const struct dns_answer *dns)
{
	if (hosts_is_self_addr(g->w->self, addr))
		g->self = true;
	else if (g->n < HOSTS_MAX && !have_addr(g, addr))
		g->v[g->n++] = (struct host){.name = name,
			.addr = *addr,
			.canon = dns ? dns->canon : (slice){0},
			.secure = dns && dns->secure,
			.mx_secure = g->mx_secure,
			.domain_canon = g->domain_canon};
}

static void add_name(struct gather *g, slice name, uint16_t port)
{
	struct dns_addr_answer answer;
	struct err e;
	if (dns_addr(g->w->dns, name, g->w->deadline, g->a, &answer, &e) < 0) {
		g->unsure = g->unsure || e.kind != ERR_PROTO;
		memcpy(g->text, e.text, sizeof g->text - 1);
		return;
	}
	for (size_t i = 0; i < answer.n; i++) {
		set_port(&answer.v[i], port);
		add_addr(g, name, &answer.v[i], &answer.dns);
	}
}

/* Stable: what works in its order, then what is down in its order. */
static void down_last(struct gather *g)
{
	struct host sorted[HOSTS_MAX];
	size_t n = 0;
	if (!g->w->health)
		return;
	for (int down = 0; down < 2; down++)
		for (size_t i = 0; i < g->n; i++)
			if (hosts_health_is_down(g->w->health, &g->v[i].addr, g->w->now) ==
				(down == 1))
				sorted[n++] = g->v[i];
	memcpy(g->v, sorted, n * sizeof *sorted);
}

static int gathered(
	struct gather *g, slice what, struct host **ret, size_t *ret_n, struct result *ret_why)
{
	if (g->n == 0 && g->unsure)
		return why(ret_why, RESULT_DEFERRED, STATUS(4, 4, 3),
			arena_printf(g->a, "DNS: %s", g->text[0] ? g->text : "no answer"));
	if (g->n == 0)
		return why(ret_why, RESULT_FAILED, STATUS(5, 4, 4),
			arena_printf(g->a, "no address found for %.*s", SFMT(what)));
	*ret = g->v;
	*ret_n = g->n;
	return 0;
}

/* ---- a domain ---- */

static int loops(struct arena *a, slice domain, struct result *ret_why)
{
	return why(ret_why, RESULT_FAILED, STATUS(5, 4, 6),
		arena_printf(a, "mail for %.*s loops back to this server", SFMT(domain)));
}

static int for_literal(
	struct gather *g, slice literal, struct host **ret, size_t *ret_n, struct result *ret_why)
{
	uint8_t family, ip[16];
	if (!domain_literal_parse(literal, &family, ip))
		return why(ret_why, RESULT_FAILED, STATUS(5, 1, 2), S("bad address literal"));
	struct net_addr addr = {0};
	if (family == 4) {
		struct sockaddr_in *s = (struct sockaddr_in *)&addr.ss;
		s->sin_family = AF_INET;
		memcpy(&s->sin_addr, ip, 4);
		addr.len = sizeof *s;
	} else {
		struct sockaddr_in6 *s = (struct sockaddr_in6 *)&addr.ss;
		s->sin6_family = AF_INET6;
		memcpy(&s->sin6_addr, ip, 16);
		addr.len = sizeof *s;
	}
	set_port(&addr, g->w->port);
	add_addr(g, literal, &addr, NULL);
	if (g->self)
		return loops(g->a, literal, ret_why);
	return gathered(g, literal, ret, ret_n, ret_why);
}

/* Addresses of the MX hosts, best first; an address of ours ends the list before its preference. */
static void add_mx(struct gather *g, const struct dns_mx *v, size_t n)
{
	size_t round_start = 0;
	for (size_t i = 0; i < n && g->n < HOSTS_MAX; i++) {
		if (i > 0 && v[i].pref != v[i - 1].pref)
			round_start = g->n;
		add_name(g, v[i].host, g->w->port);
		if (g->self) {
			g->n = round_start;
			return;
		}
	}
}

int hosts_for_domain(const struct hosts_want *w, slice domain, struct arena *a, struct host **ret,
	size_t *ret_n, struct result *ret_why)
{
	struct gather g = {.w = w, .a = a, .v = ARENA_ARRAY(a, struct host, HOSTS_MAX)};
	if (domain.n && domain.p[0] == '[')
		return for_literal(&g, domain, ret, ret_n, ret_why);
	struct dns_hosts_answer mx;
	struct err e;
	if (dns_mail_hosts(w->dns, domain, w->deadline, a, &mx, &e) < 0) {
		if (e.kind == ERR_PROTO)
			return why(ret_why, RESULT_FAILED, STATUS(5, 1, 2),
				S("this is not a domain name"));
		return why(ret_why, RESULT_DEFERRED, STATUS(4, 4, 3),
			arena_printf(a, "DNS: %s", e.text));
	}
	if (mx.dns.status == DNS_NXDOMAIN)
		return why(ret_why, RESULT_FAILED, STATUS(5, 1, 2),
			arena_printf(a, "domain %.*s does not exist", SFMT(domain)));
	if (mx.null_mx)
		return why(ret_why, RESULT_FAILED, STATUS(5, 1, 10),
			arena_printf(
				a, "domain %.*s does not accept mail (null MX)", SFMT(domain)));
	g.mx_secure = mx.dns.secure;
	g.domain_canon = mx.dns.canon;
	bool loop;
	size_t n = hosts_prune_self(w->self, mx.v, mx.n, &loop);
	if (loop)
		return loops(a, domain, ret_why);
	add_mx(&g, mx.v, n);
	if (g.self && g.n == 0)
		return loops(a, domain, ret_why);
	down_last(&g);
	return gathered(&g, domain, ret, ret_n, ret_why);
}

/* ---- a route's list ---- */

/* "host", "host:25", "192.0.2.1", "[2001:db8::1]:25", "unix:/run/lmtp". */
static void add_listed(struct gather *g, slice word)
{
	struct net_addr addr;
	struct err e;
	if (net_parse(word, g->w->port, &addr, &e) == 0 && !addr.dual) {
		char ip[NET_TEXT_MAX];
		bool is_ip = addr.ss.ss_family != AF_UNIX;
		add_addr(g, is_ip ? arena_dup(g->a, slice_of(ip, net_print_ip(&addr, ip))) : word,
			&addr, NULL);
		return;
	}
	uint64_t port = g->w->port;
	size_t colon = slice_rindex(word, ':');
	if (colon < word.n && slice_u64(slice_skip(word, colon + 1), &port) && port > 0 &&
		port < 65536)
		word = slice_first(word, colon);
	add_name(g, arena_dup(g->a, word), (uint16_t)port);
}

int hosts_for_route(const struct hosts_want *w, slice list, struct arena *a, struct host **ret,
	size_t *ret_n, struct result *ret_why)
{
	struct gather g = {.w = w, .a = a, .v = ARENA_ARRAY(a, struct host, HOSTS_MAX)};
	slice rest = list, word;
	while (slice_cut(&rest, ' ', &word))
		if ((word = slice_trim(word)).n)
			add_listed(&g, word);
	down_last(&g);
	if (g.n == 0 &&
		g.self) /* a mistake of ours that an administrator can mend: nothing is bounced */
		return why(ret_why, RESULT_DEFERRED, STATUS(4, 4, 6),
			S("the route leads back to this server"));
	if (g.n == 0 && !g.unsure)
		return why(ret_why, RESULT_DEFERRED, STATUS(4, 4, 4),
			S("no host of the route has an address"));
	return gathered(&g, list, ret, ret_n, ret_why);
}
