/*
 * What the content of a message makes us look up (edge_scan.h): the hosts of its links in lists of
 * type uri, all at once, within [filter] lookup_time. No answer is no finding.
 */
#include "bin/edge_scan.h"

#include "base/mem.h"
#include "bin/edge_door.h"
#include "defence/dnsbl.h"
#include "senderauth/psl.h"

enum { HIT_MAX = 200 };

struct lookup_host {
	struct dnsbls *lists;
	slice name; /* its registered domain, or an address */
	struct net_addr ip; /* len 0: a name */
	instant deadline;
	struct dnsbl_result result;
};

static void ask(void *arg)
{
	struct lookup_host *h = arg;
	if (h->ip.len)
		dnsbls_ask_uri_ip(h->lists, &h->ip, h->deadline, &h->result);
	else
		dnsbls_ask_domain(h->lists, DNSBL_URI, h->name, h->deadline, &h->result);
}

static bool among(struct lookup_host *const *v, size_t n, slice name)
{
	for (size_t i = 0; i < n; i++)
		if (slice_eq(v[i]->name, name))
			return true;
	return false;
}

/* Each organisation once. */
static size_t choose(struct edge_session *s, struct edge_scan *x, struct lookup_host **v)
{
	const struct content_report *r = x->report;
	instant deadline = instant_in(x->conf->lookup_time);
	struct err e;
	size_t n = 0;
	for (size_t i = 0; i < r->nhosts && n < (size_t)x->conf->lookups; i++) {
		struct lookup_host *h = ARENA_NEW(&x->mem, struct lookup_host);
		h->lists = s->edge->door->dnsbls;
		h->deadline = deadline;
		if (net_parse(r->hosts[i], 1, &h->ip, &e) < 0)
			h->ip.len = 0;
		h->name = h->ip.len ? r->hosts[i] : psl_org_domain(r->hosts[i]);
		if (!among(v, n, h->name))
			v[n++] = h;
	}
	return n;
}

static void add_signal(struct edge_scan *x, const struct lookup_host *h)
{
	AUTO(buf) struct buf text = BUF(HIT_MAX);
	if (!h->result.n)
		return;
	buf_printf(&text, "%.*s in ", SFMT(h->name));
	float weight = dnsbl_result_print(&h->result, false, &text);
	if (weight > 0)
		signals_add(x->signals, SIGNAL_DNSBL_URI, weight, buf_slice(&text));
}

void edge_scan_look_up(struct edge_session *s, struct edge_scan *x)
{
	struct lookup_host *v[CONTENT_HOSTS_MAX];
	struct group asking;
	struct edge_door *d = s->edge->door;
	if (!d || !x->report->nhosts || !dnsbls_any(d->dnsbls, DNSBL_URI))
		return;
	size_t n = choose(s, x, v);
	group_init(&asking);
	for (size_t i = 0; i < n; i++)
		group_go(&asking, "scan.lookup", ask, v[i]);
	group_join(&asking);
	for (size_t i = 0; i < n; i++)
		add_signal(x, v[i]);
}
