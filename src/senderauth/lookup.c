/*
 * The lookups of sender authentication, by the process's resolver: run/dns follows CNAMEs, caches,
 * validates and keeps deadlines; here its answers become the few statuses of lookup.h. Names that
 * the DNS cannot hold do not exist; whatever else fails is temporary.
 */
#include "senderauth/lookup.h"

#include "run/dns.h"
#include <netinet/in.h>

static enum lookup_status failed(const struct err *e)
{
	return e->kind == ERR_PROTO ? LOOKUP_NXDOMAIN : LOOKUP_TEMP;
}

/* An answer that the resolver calls good may still hold no record that could be read. */
static enum lookup_status answered(const struct dns_answer *dns, size_t n)
{
	if (dns->status == DNS_NXDOMAIN)
		return LOOKUP_NXDOMAIN;
	return n ? LOOKUP_OK : LOOKUP_NODATA;
}

static enum lookup_status take_names(struct dns_names_answer *r, slice **ret, size_t *ret_n)
{
	*ret = r->v;
	*ret_n = r->n;
	return answered(&r->dns, r->n);
}

static enum lookup_status ask_txt(
	void *arg, slice name, instant deadline, struct arena *a, slice **ret, size_t *ret_n)
{
	struct dns_names_answer r = {0};
	struct err e;
	if (dns_txt(arg, name, deadline, a, &r, &e) < 0)
		return failed(&e);
	return take_names(&r, ret, ret_n);
}

static bool read_addr(slice rdata, int family, struct net_addr *ret)
{
	struct sockaddr_in v4 = {.sin_family = AF_INET};
	struct sockaddr_in6 v6 = {.sin6_family = AF_INET6};
	*ret = (struct net_addr){0};
	if (family == AF_INET && rdata.n == sizeof v4.sin_addr) {
		memcpy(&v4.sin_addr, rdata.p, rdata.n);
		memcpy(&ret->ss, &v4, sizeof v4);
		ret->len = sizeof v4;
	} else if (family == AF_INET6 && rdata.n == sizeof v6.sin6_addr) {
		memcpy(&v6.sin6_addr, rdata.p, rdata.n);
		memcpy(&ret->ss, &v6, sizeof v6);
		ret->len = sizeof v6;
	}
	return ret->len > 0;
}

/* One family alone, whatever order the configuration prefers for connecting. */
static enum lookup_status ask_addr(void *arg, slice name, int family, instant deadline,
	struct arena *a, struct net_addr **ret, size_t *ret_n)
{
	struct dns_names_answer r = {0};
	struct err e;
	size_t n = 0;
	int type = family == AF_INET ? DNS_TYPE_A : DNS_TYPE_AAAA;
	if (dns_query(arg, name, type, deadline, a, &r, &e) < 0)
		return failed(&e);
	struct net_addr *v = ARENA_ARRAY(a, struct net_addr, r.n);
	for (size_t i = 0; i < r.n; i++)
		if (read_addr(r.v[i], family, &v[n]))
			n++;
	*ret = v;
	*ret_n = n;
	return answered(&r.dns, n);
}

static enum lookup_status ask_mx(
	void *arg, slice name, instant deadline, struct arena *a, slice **ret, size_t *ret_n)
{
	struct dns_mx_answer r = {0};
	struct err e;
	if (dns_mx(arg, name, deadline, a, &r, &e) < 0)
		return failed(&e);
	size_t n = r.null_mx ? 1 : r.n;
	slice *v = ARENA_ARRAY(a, slice, n);
	for (size_t i = 0; i < r.n; i++)
		v[i] = r.v[i].host;
	*ret = v;
	*ret_n = n;
	return answered(&r.dns, n);
}

static enum lookup_status ask_ptr(void *arg, const struct net_addr *ip, instant deadline,
	struct arena *a, slice **ret, size_t *ret_n)
{
	struct dns_names_answer r = {0};
	struct err e;
	if (dns_ptr(arg, ip, deadline, a, &r, &e) < 0)
		return failed(&e);
	return take_names(&r, ret, ret_n);
}

struct lookup lookup_dns(struct dns *d)
{
	return (struct lookup){ask_txt, ask_addr, ask_mx, ask_ptr, d};
}
