/*
 * What is asked of the DNS about a caller while its session goes on: its name (FCrDNS), the lists,
 * and the name it gives itself. Nobody waits for the answers before MAIL; then they become signals,
 * and the caller's class may change (see door.c).
 */
#include "defence/door_impl.h"

#include "base/mem.h"
#include "defence/reputation.h"

enum { FEW_PASSWORDS = 3 }; /* failed logins of an hour that say nothing about mail */

static void iprev_run(void *arg)
{
	struct door_visit *v = arg;
	v->iprev = iprev_check(v->door->c.lookup, &v->caller.ip, v->deadline, &v->mem);
}

static void dnsbl_run(void *arg)
{
	struct door_visit *v = arg;
	dnsbls_ask_ip(v->door->c.dnsbls, &v->caller.ip, v->deadline, v->listed);
}

static void helo_run(void *arg)
{
	struct door_visit *v = arg;
	AUTO(arena) struct arena a = {0};
	const struct helo_facts f = {.helo = arena_dup(&a, visit_helo(v)),
		.odd = v->helo_odd,
		.peer = &v->caller.ip,
		.iprev = &v->iprev};
	helo_judge_name(&f, v->door->c.lookup, v->deadline, &a, door_signals(v));
}

void lookups_start(struct door_visit *v)
{
	const struct door_config *c = &v->door->c;
	v->deadline = instant_in(DOOR_LOOKUP_TIME);
	if (v->caller.ip.ss.ss_family == AF_UNIX || !c->lookup)
		return;
	v->looking = true;
	if (v->source->checks & CHECK_IPREV)
		group_go(&v->lookups, "door.iprev", iprev_run, v);
	bool lists = c->dnsbls && (v->source->checks & CHECK_DNSBL) &&
		     (dnsbls_any(c->dnsbls, DNSBL_IP) || dnsbls_any(c->dnsbls, DNSBL_WHITE));
	if (!lists)
		return;
	v->listed = NEW(struct dnsbl_result);
	group_go(&v->lookups, "door.dnsbl", dnsbl_run, v);
}

/* By its form; behind the lookups, because a customer's own server may have the name of a domain
 * of ours. */
static void judge_helo(struct door_visit *v)
{
	const struct helo_facts f = {.helo = visit_helo(v),
		.odd = v->helo_odd,
		.peer = &v->caller.ip,
		.hostname = v->door->c.hostname,
		.ours = v->door->c.ours,
		.arg = v->door->c.arg,
		.iprev = &v->iprev};
	helo_judge_form(&f, door_signals(v));
}

void lookups_helo(struct door_visit *v)
{
	if (v->helos > DOOR_HELOS_MAX)
		return;
	if (v->settled) { /* a new name, later: its form alone */
		judge_helo(v);
		return;
	}
	if (!v->looking)
		return;
	door_signals(v);
	group_go(&v->lookups, "door.helo", helo_run, v);
}

/* ---- conclusions ---- */

static void judge_name(struct door_visit *v)
{
	const struct iprev *p = &v->iprev;
	slice name = p->name.n ? p->name : p->unconfirmed;
	if (p->result == AUTH_PERMERROR)
		signals_add(door_signals(v), SIGNAL_PTR_NONE, 1, S(""));
	else if (p->result == AUTH_FAIL)
		signals_add(door_signals(v), SIGNAL_PTR_UNCONFIRMED, 1, name);
	if (name.n && host_looks_dynamic(name, &v->caller.ip))
		signals_add(door_signals(v), SIGNAL_PTR_DYNAMIC, 1, name);
}

static float judge_lists(struct door_visit *v, bool white)
{
	AUTO(buf) struct buf text = BUF(SIGNAL_DETAIL_MAX);
	float weight = dnsbl_result_print(v->listed, white, &text);
	if (text.n)
		signals_add(door_signals(v), white ? SIGNAL_DNSWL : SIGNAL_DNSBL, weight,
			buf_slice(&text));
	return weight;
}

static void judge_repute(struct door_visit *v)
{
	double sure = 0;
	const struct rep_subjects s = {.ip = &v->caller.ip, .helo = visit_helo(v)};
	double score = reputation_connection(v->door->c.reputation, &s, door_signals(v), &sure);
	if (sure <= 0.5)
		return;
	if (score > 0.3 && v->source->cls == SOURCE_UNKNOWN)
		visit_set_class(v, SOURCE_KNOWN);
	else if (score < -0.5 && v->source->cls == SOURCE_UNKNOWN)
		visit_set_class(v, SOURCE_BAD);
}

/* The section that its verified name belongs to. */
static bool find_host(struct door_visit *v)
{
	const struct source *s = v->source->range || !v->iprev.name.n
					 ? NULL
					 : sources_by_host(&v->door->sources, v->iprev.name);
	if (s)
		visit_set_source(v, s);
	return s != NULL;
}

void lookups_settle(struct door_visit *v)
{
	if (v->settled)
		return;
	group_join(&v->lookups);
	v->settled = true;
	if (v->caller.service != DOOR_MX || find_host(v) || v->excepted)
		return;
	if (v->helo_n && visit_checks(v, CHECK_HELO))
		judge_helo(v);
	if (v->source->limits[LIMIT_AUTH_FAILURES].n && failed_logins(v) > FEW_PASSWORDS)
		signals_add(door_signals(v), SIGNAL_PASSWORDS, 1, S(""));
	if (!v->looking)
		return;
	if (visit_checks(v, CHECK_IPREV))
		judge_name(v);
	if (v->listed && visit_checks(v, CHECK_DNSBL)) {
		float black = judge_lists(v, false), white = judge_lists(v, true);
		if (black >= 1 && v->source->cls == SOURCE_UNKNOWN)
			visit_set_class(v, SOURCE_BAD);
		else if (white > 0 && black <= 0 && v->source->cls == SOURCE_UNKNOWN)
			visit_set_class(v, SOURCE_KNOWN);
	}
	if (v->door->c.reputation && visit_checks(v, CHECK_REPUTATION))
		judge_repute(v);
}
