/*
 * A brake on refusals in the trace (edge_trace.c): of one network only so many in an hour get a row
 * of their own; the rest is counted, and one row tells about them when their hour is over. So an
 * attack cannot fill the database, and an administrator still sees that there was one.
 *
 * What a logged-in user, a trusted network or a local one is refused always has its row.
 */
#include "bin/edge_door.h"

#include "base/map.h"
#include "base/mem.h"
#include "defence/rate.h"
#include "run/metrics.h"
#include "store/trace.h"
#include <arpa/inet.h>
#include <inttypes.h>
#include <stdio.h>

METRIC_COUNTER(braked, "posthouse_edge_refusals_gathered_total", "",
	"Refusals that are told about in a row for their network, not one by one.");

enum { NETWORKS_MAX = 10000 };

struct gathered {
	char network[64];
	int64_t first_at, last_at;
	uint64_t n;
	char reply[120];
};
struct edge_brake {
	struct edge *edge;
	struct map networks; /* network text -> struct gathered */
};

struct edge_brake *edge_brake_new(struct edge *e)
{
	struct edge_brake *b = NEW(struct edge_brake);
	b->edge = e;
	return b;
}

void edge_brake_free(struct edge_brake *b)
{
	slice key;
	void *value;
	if (!b)
		return;
	for (size_t i = 0; map_next(&b->networks, &i, &key, &value);)
		free(value);
	map_done(&b->networks);
	free(b);
}

/* "192.0.2.0/24", "2001:db8:1::/48" */
static slice network_text(const struct net_addr *a, char out[64])
{
	char key[RATE_KEY_MAX], text[INET6_ADDRSTRLEN];
	slice k = rate_key_network(a, key);
	unsigned char ip[16] = {0};
	memcpy(ip, k.p + 1, k.n - 1);
	bool v4 = k.p[0] == '4';
	if (k.n == 1 || !inet_ntop(v4 ? AF_INET : AF_INET6, ip, text, sizeof text))
		return S("local");
	int n = snprintf(out, 64, "%s/%d", text, v4 ? 24 : 48);
	return slice_of(out, (size_t)n);
}

static void gather(struct edge_brake *b, slice network, int code, slice reply)
{
	if (b->networks.n >= NETWORKS_MAX && !map_get(&b->networks, network))
		network = S("others");
	struct gathered *g = map_get(&b->networks, network);
	if (!g) {
		g = NEW(struct gathered);
		snprintf(g->network, sizeof g->network, "%.*s", SFMT(network));
		g->first_at = wall_now();
		map_put(&b->networks, network, g);
	}
	g->n++;
	g->last_at = wall_now();
	snprintf(g->reply, sizeof g->reply, "%d %.*s", code, SFMT(reply));
}

bool edge_brake_passes(struct edge_session *s, const struct smtpd_refused *what)
{
	struct edge_door *d = s->edge->door;
	char text[64], key[RATE_KEY_MAX];
	int64_t most = s->edge->config->connections->traced_refusals;
	if (!d || !s->client || !s->visit || s->client->login.n || !most)
		return true;
	const struct source *src = door_source(s->visit);
	if (src->cls == SOURCE_TRUSTED || slice_eq(src->name, S("local")))
		return true;
	slice net = rate_key_network(&s->client->peer, key);
	if (rates_count(d->rates, RATE_TRACES, net, 1) <= most)
		return true;
	metric_add(&braked, 1);
	gather(d->brake, network_text(&s->client->peer, text), what->code, what->reply);
	return false;
}

void edge_brake_turned_away(struct edge_brake *b, const struct smtpd_service *service,
	const struct net_addr *peer, const struct door_verdict *v)
{
	char text[64], key[RATE_KEY_MAX], ip[NET_TEXT_MAX];
	int64_t most = b->edge->config->connections->traced_refusals;
	slice net = rate_key_network(peer, key);
	net_print_ip(peer, ip);
	if (!most || rates_count(b->edge->door->rates, RATE_TRACES, net, 1) <= most)
		log_info(NULL, "door.turned_away", F("listener", service->name),
			F("ip", (const char *)ip), F("reason", v->reason),
			F("why", (const char *)v->why));
	else
		metric_add(&braked, 1);
	gather(b, network_text(peer, text), v->code, slice_z(v->text));
}

struct row {
	struct arena mem;
	struct trace_row row;
};

static int add_row(struct sql *db, void *arg, struct err *e)
{
	return trace_add_tx(db, &((struct row *)arg)->row, e);
}

static void row_written(void *arg, const struct err *e)
{
	struct row *r = arg;
	if (e)
		log_warn(NULL, "smtp.trace", F("error", e));
	arena_done(&r->mem);
	free(r);
}

static void tell(struct edge_brake *b, const struct gathered *g)
{
	AUTO(buf) struct buf log = BUF(TRACE_LOG_MAX);
	struct row *r = NEW(struct row);
	trace_event(&log, g->last_at, "refused", "stage", S("many"), "network", slice_z(g->network),
		"count", arena_printf(&r->mem, "%" PRIu64, g->n), "last", slice_z(g->reply), NULL);
	r->row = (struct trace_row){
		.id = msg_id_new(),
		.arrived_at = g->first_at,
		.ended_at = g->last_at,
		.client = arena_dup(&r->mem, slice_z(g->network)),
		.status = TRACE_REFUSED,
		.log = arena_dup(&r->mem, buf_slice(&log)),
	};
	log_info(NULL, "smtp.refused.many", F("network", (const char *)g->network),
		F("count", g->n));
	commit_post(b->edge->trace, add_row, row_written, r);
}

void edge_brake_flush(struct edge_brake *b, bool all)
{
	struct map rest = {0};
	int64_t now = wall_now();
	slice key;
	void *value;
	for (size_t i = 0; map_next(&b->networks, &i, &key, &value);) {
		struct gathered *g = value;
		if (!all && now - g->first_at < HOUR) {
			map_put(&rest, key, g);
			continue;
		}
		tell(b, g);
		free(g);
	}
	map_done(&b->networks);
	b->networks = rest;
}
