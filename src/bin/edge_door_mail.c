/*
 * The door at the envelope and the message (edge_door.h): what verification has found is handed to
 * it, what becomes of recipients and messages is told to it, and what our own users send is noted
 * for the automatic whitelist.
 */
#include "base/mem.h"
#include "bin/edge_door.h"
#include "bin/edge_verify.h"
#include "codec/address.h"
#include "defence/autowhite.h"
#include "defence/reputation.h"
#include "store/trace.h"
#include <netinet/in.h>

int edge_door_mail(struct edge_session *s, const struct smtpd_ask_mail *m, struct smtpd_refusal *no)
{
	struct door_verdict v;
	if (!s->visit)
		return 0;
	const struct door_mail mail = {
		.sender = m->sender, .size = m->size, .login = s->client->login};
	door_mail(s->visit, &mail, &v);
	edge_door_limits(s);
	const struct iprev *name = door_iprev(s->visit);
	if (name->result == AUTH_PASS && !s->client->name.n)
		s->client->name = name->name;
	return edge_door_obey(s, &v, no);
}

/* Complaints reach us, whoever they come from (RFC 5321 4.5.1, RFC 2142). */
static bool takes_complaints(slice address)
{
	slice local = slice_first(address, slice_rindex(address, '@'));
	return slice_ieq(local, S("postmaster")) || slice_ieq(local, S("abuse"));
}

/* A domain that lets everybody send in its name says of nobody that he is its own. */
static enum auth_result proven_by(const struct spf_result *spf)
{
	slice m = spf->mechanism;
	bool all = slice_ieq(m, S("all")) || slice_ieq(m, S("+all"));
	return spf->result == AUTH_PASS && all ? AUTH_NEUTRAL : spf->result;
}

int edge_door_rcpt(struct edge_session *s, const struct smtpd_ask_rcpt *r, struct smtpd_refusal *no)
{
	struct door_verdict v;
	if (!s->visit)
		return 0;
	const struct spf_result *spf = edge_verify_spf(s);
	struct door_evidence ev = {0};
	if (spf) {
		ev.spf = proven_by(spf);
		ev.spf_domain = spf->domain;
	}
	const struct door_rcpt rcpt = {.address = r->address,
		.postmaster = takes_complaints(r->address),
		.evidence = spf ? &ev : NULL};
	door_rcpt(s->visit, &rcpt, &v);
	return edge_door_obey(s, &v, no);
}

int edge_door_greylist(struct edge_session *s, struct smtpd_refusal *no)
{
	struct door_verdict v;
	if (!s->visit)
		return 0;
	door_greylist(s->visit, &v);
	return edge_door_obey(s, &v, no);
}

void edge_door_rcpt_was(struct edge_session *s, bool taken, const struct smtpd_refusal *no)
{
	bool unknown =
		no->code ? slice_eq(slice_z(no->status), S("5.1.1")) : no->err.kind == ERR_NOTFOUND;
	if (s->visit)
		door_rcpt_was(s->visit, taken     ? DOOR_GOOD
					: unknown ? DOOR_NO_SUCH_USER
						  : DOOR_OTHER);
}

/* ---- the message ---- */

static slice value_of(slice block, slice name, struct arena *a)
{
	struct header_field f;
	return header_find(block, name, 0, &f) ? arena_dup(a, f.value) : S("");
}

/* Where a trusted hop says that the message comes from. */
static struct origin_ip origin_of(struct edge_session *s, slice header)
{
	struct origin o;
	struct origin_ip client = {0};
	struct net_addr a = s->client->peer;
	net_unmap(&a);
	if (a.ss.ss_family == AF_INET) {
		client.family = 4;
		memcpy(client.ip, &((const struct sockaddr_in *)&a.ss)->sin_addr, 4);
	} else if (a.ss.ss_family == AF_INET6) {
		client.family = 6;
		memcpy(client.ip, &((const struct sockaddr_in6 *)&a.ss)->sin6_addr, 16);
	} else {
		return client;
	}
	origin_find(header, &client, reputation_trusts_hop, s->edge->door->reputation, &o);
	return o.source == ORIGIN_CLIENT ? (struct origin_ip){0} : o.ip;
}

void edge_door_header(struct edge_session *s, const struct smtpd_header *h)
{
	struct header_address *from;
	if (!s->visit)
		return;
	struct edge_message *m = &s->message;
	arena_reset(&m->mem);
	m->marked = false;
	m->automatic = h->summary->bulk || h->summary->auto_reply || h->summary->list;
	m->from = m->in_reply_to = m->references = S("");
	m->origin = (struct origin_ip){0};
	if (s->client->login.n)
		return;
	m->origin = origin_of(s, h->block);
	m->in_reply_to = value_of(h->block, S("In-Reply-To"), &m->mem);
	m->references = value_of(h->block, S("References"), &m->mem);
	if (header_addresses(h->summary->from_value, &m->mem, &from) > 0)
		m->from = from[0].address;
}

int edge_door_verdict(struct edge_session *s, struct smtpd_verdict *out, struct smtpd_refusal *no)
{
	struct door_verdict v;
	struct door_evidence ev = {.from = s->message.from,
		.in_reply_to = s->message.in_reply_to,
		.references = s->message.references,
		.origin = s->message.origin.family ? &s->message.origin : NULL};
	const struct edge_verified *found = edge_verify_found(s);
	if (!s->visit)
		return 0;
	if (found) {
		ev.spf = proven_by(&found->spf);
		ev.spf_domain = found->spf.domain;
		ev.dkim = found->domains;
		ev.ndkim = found->ndomains;
		ev.dmarc = found->dmarc.result;
	}
	door_data(s->visit, &ev, &v);
	int r = edge_door_obey(s, &v, no);
	s->message.marked = r == 0 && v.action == DOOR_MARK;
	AUTO(arena) struct arena a = {0};
	struct door_words w = door_words(s->visit, &a);
	bool plain = door_source(s->visit)->range || s->client->login.n;
	if (!plain || v.action != DOOR_ACCEPT)
		trace_event(out->log, wall_now(), "door", "class", w.cls, "source", w.source,
			"verdict", slice_z(door_action_name(v.action)), "reason", slice_z(v.reason),
			NULL);
	return r;
}

void edge_door_message_was(struct edge_session *s, enum door_end_of what)
{
	if (s->visit)
		door_message_was(s->visit, what);
}

void edge_door_sent(struct edge_session *s, const struct queue_msg *m)
{
	struct edge_door *d = s->edge->door;
	if (!d || !m->auth.n || s->message.automatic || !m->sender.n)
		return;
	for (size_t i = 0; i < m->nrcpts; i++) {
		autowhite_note_sent(d->autowhite, m->sender, m->rcpts[i].address, m->message_id);
		reputation_sent(d->reputation, m->rcpts[i].address);
	}
}
