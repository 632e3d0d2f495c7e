/*
 * Who the other side is: its networks, what a load balancer (PROXY protocol) or a proxy (XCLIENT,
 * postfix.org/XCLIENT_README.html) tells about its client, and whether it is let in.
 */
#include "proto/smtpd/session.h"

#include "base/mem.h"
#include "codec/proxy.h"
#include "codec/xclient.h"
#include "run/tls.h"
#include "store/trace.h"
#include <stdio.h>

bool smtpd_in_nets(const struct conf_nets *nets, const struct net_addr *a)
{
	for (size_t i = 0; i < nets->n; i++)
		if (net_cidr_match(&nets->v[i], a))
			return true;
	return false;
}

void smtpd_set_peer(struct smtpd_session *s, const struct net_addr *peer)
{
	s->client.peer = *peer;
	size_t n = net_print_ip(peer, s->client.ip);
	s->client.ip[n < NET_TEXT_MAX ? n : NET_TEXT_MAX - 1] = 0;
	s->client.trusted = smtpd_in_nets(&s->conf->trusted, peer);
	if (peer->ss.ss_family == AF_UNIX) { /* who may open it was decided by its permissions */
		strcpy(s->client.ip, "local");
		s->client.trusted = true;
	}
}

bool smtpd_is_known(const struct smtpd_session *s)
{
	return s->client.login.n || s->client.trusted;
}

bool smtpd_may_relay(const struct smtpd_session *s)
{
	if (s->conf->kind == SMTPD_LMTP)
		return false;
	return s->client.login.n || (s->client.trusted && !s->service->require_auth);
}

static bool refuse_peer(struct smtpd_session *s, const struct smtpd_refusal *no)
{
	smtpd_say_refusal(s, no, false);
	smtpd_report(s, "connect", no, S(""));
	s->sum.refused++;
	smtpd_end(s, "refused", no->text);
	return false;
}

bool smtpd_admit(struct smtpd_session *s, bool first)
{
	struct smtpd_client *c = &s->client;
	struct smtpd_refusal no = {0};
	bool serves = !s->service->require_trust || c->trusted || s->service->auth;
	int r = serves ? s->ops->connect(s->arg, c, &no)
		       : smtpd_refuse(&no, 554, "5.7.1", "Only known networks are served here");
	if (r == 0 && first && !smtpd_watch_early(s))
		return false;
	trace_event(&s->log, wall_now(), "connect", "service", s->service->name, "ip",
		slice_z(c->ip), "name", c->name, "via",
		c->xclient   ? S("xclient")
		: c->proxied ? S("proxy")
			     : S(""),
		"early", c->early ? S("yes") : S(""), NULL);
	if (r == 0)
		return true;
	smtpd_resolve(STAGE_CONNECT, &no);
	return refuse_peer(s, &no);
}

static bool proxy_bad(struct smtpd_session *s, const char *why)
{
	smtpd_end(s, "proxy", why);
	return false;
}

static bool from_header(const struct proxy_header *h, bool source, struct net_addr *ret)
{
	char ip[PROXY_IP_TEXT];
	size_t n = proxy_ip_text(h->family, source ? h->src : h->dst, ip);
	struct err e;
	return net_from_ip(slice_of(ip, n), source ? h->src_port : h->dst_port, ret, &e) == 0;
}

static bool use_header(struct smtpd_session *s, const struct proxy_header *h)
{
	struct net_addr peer, local;
	if (!h->family) { /* LOCAL, UNKNOWN: its health check, or a client it cannot name: no trust
			   */
		s->unnamed = true;
		s->client.trusted = false;
		return true;
	}
	if (!from_header(h, true, &peer) || !from_header(h, false, &local))
		return proxy_bad(s, "addresses in the PROXY header are not usable");
	s->client.proxied = true;
	s->client.local = local;
	smtpd_set_peer(s, &peer);
	return true;
}

bool smtpd_proxy(struct smtpd_session *s)
{
	if (!s->conf->proxy_from.n)
		return true;
	if (!smtpd_in_nets(&s->conf->proxy_from, &s->client.peer)) {
		if (s->service->tls_mode != SMTPD_TLS_IMPLICIT)
			smtpd_say(s, 554, "5.7.1", "Direct connections are not served here");
		return proxy_bad(s, "peer is not in proxy_from");
	}
	io_set_deadline(s->io, instant_in(s->conf->timeout_proxy));
	for (;;) {
		struct proxy_header h;
		slice in = io_peek(s->io);
		enum proxy_step step = in.n ? proxy_parse(in, &h) : PROXY_MORE;
		if (step == PROXY_BAD)
			return proxy_bad(s, "no PROXY header");
		if (step == PROXY_OK) {
			bool ok = use_header(s, &h);
			io_consume(s->io, h.length);
			return ok;
		}
		struct err e = {0};
		size_t want = proxy_want(in);
		if (want > PROXY_MAX)
			return proxy_bad(s, "the PROXY header is too long");
		if (io_fill_to(s->io, want, &e) <= 0)
			return proxy_bad(
				s, e.kind == ERR_TIMEOUT ? "no PROXY header came" : "closed");
	}
}

static slice keep(struct smtpd_session *s, const struct xclient_attr *a, slice old)
{
	if (a->has == XCLIENT_ABSENT)
		return old;
	return a->has == XCLIENT_VALUE ? arena_dup(&s->mem, a->value) : S("");
}

static bool xclient_addr(const struct xclient_attr *ip, const struct xclient_attr *port,
	uint16_t number, struct net_addr *io_addr)
{
	struct err e;
	char text[NET_TEXT_MAX];
	slice at = slice_of(text, net_print_ip(io_addr, text));
	if (ip->has == XCLIENT_ABSENT && port->has == XCLIENT_ABSENT)
		return true;
	uint16_t use = port->has == XCLIENT_VALUE    ? number
		       : port->has == XCLIENT_ABSENT ? net_port(io_addr)
						     : 0;
	struct net_addr made;
	/* [UNAVAILABLE] address: nobody's, so that no network's trust is inherited from the proxy.
	 */
	slice from = ip->has == XCLIENT_VALUE    ? ip->value
		     : ip->has == XCLIENT_ABSENT ? at
						 : S("0.0.0.0");
	if (net_from_ip(from, use, &made, &e) < 0)
		return false;
	*io_addr = made;
	return true;
}

void smtpd_xclient(struct smtpd_session *s, const struct smtp_command *c)
{
	struct xclient x;
	slice bad = S("");
	if (!xclient_parse(c->arg, &s->cmd, &x, &bad)) {
		smtpd_complain(s, 501, "5.5.4", "Bad XCLIENT attribute: %.*s",
			(int)(bad.n < 80 ? bad.n : 80), bad.p);
		return;
	}
	struct net_addr peer = s->client.peer, local = s->client.local;
	if (!xclient_addr(&x.addr, &x.port, x.port_number, &peer) ||
		!xclient_addr(&x.destaddr, &x.destport, x.destport_number, &local)) {
		smtpd_complain(s, 501, "5.5.4", "Bad XCLIENT address");
		return;
	}
	struct smtpd_client *cl = &s->client;
	bool new_addr = x.addr.has != XCLIENT_ABSENT;
	cl->xclient = true;
	cl->local = local;
	/* The name may be in memory of a callback, which connect() is about to ask anew. */
	cl->name = keep(s, &x.name, new_addr ? S("") : arena_dup(&s->mem, cl->name));
	cl->login = keep(s, &x.login, new_addr ? S("") : cl->login);
	cl->helo = keep(s, &x.helo, S(""));
	cl->helo_odd = cl->helo.n && !smtpd_helo_proper(cl->helo);
	cl->esmtp = x.proto.has == XCLIENT_VALUE && x.esmtp;
	smtpd_set_peer(s, &peer);
	s->state = cl->helo.n ? ST_READY : ST_CONNECTED;
	buf_reset(&s->log);
	if (smtpd_admit(s, false))
		smtpd_greet(s);
}
