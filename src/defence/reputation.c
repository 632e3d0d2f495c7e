/*
 * Reputation: by which names a message is known, and noting what became of it (reputation.h). What
 * follows for the next one is in reputation_judge.c; one subject's record in reputation_record.c.
 *
 * Keys in the store: "rep:i:192.0.2.1", with a letter a kind; "repto:a@b.example", how often ours
 * wrote there. A subject of which little is known is forgotten sooner than one with a history, so
 * that a flood of names that occur once cannot push out the others.
 */
#include "defence/reputation_impl.h"

#include "base/mem.h"
#include "base/time.h"
#include "codec/address.h"
#include "defence/names.h"
#include "run/log.h"

#include <arpa/inet.h>
#include <netinet/in.h>

enum {
	NAME_MAX_BYTES = 300,
	NEW_SHARE = 8, /* of `keep`: how long subjects with little history are kept */
	KNOWN_AFTER = 4, /* observations */
};

#define T struct reputation_conf
static const struct conf_key reputation_keys[] = {
	CONF_KEY_DURATION(T, half_life, "14d", HOUR, 3650 * DAY,
		"What was observed so long ago weighs half.", "多久以前的观察结果权重减半。"),
	CONF_KEY_INT(T, doubt, "10", 1, 10000,
		"So many messages of a sender are needed before they weigh as much as not knowing "
		"him.",
		"某来源的邮件达到这个数量时，其历史与“不了解”各占一半权重。"),
	CONF_KEY_DURATION(T, keep, "90d", DAY, 3650 * DAY,
		"A source that sends nothing for so long is forgotten (one that is hardly known: "
		"after an eighth of it).",
		"多久没有邮件的来源被遗忘（了解很少的来源：八分之一的时间）。"),
	CONF_KEY_PATH(T, asn_database, "",
		"File in MaxMind's DB format with autonomous systems, such as GeoLite2-ASN.mmdb. "
		"Empty: systems are not looked at.",
		"MaxMind DB 格式的自治系统数据文件，例如 GeoLite2-ASN.mmdb。空：不使用。"),
	CONF_KEY_NETS(T, trusted_hops, "",
		"Hosts in front of this server, or of partners, whose Received: and "
		"X-Originating-IP: lines are believed: the address behind them is judged, too.",
		"位于本服务器之前的主机或合作方主机，其 Received: 和 X-Originating-IP: "
		"信头可信：对其背后的来源地址也进行评估。"),
	CONF_KEY_INT(T, surge_factor, "10", 2, 100000,
		"A sudden volume: so many times as many messages an hour as usual.",
		"突发流量：每小时邮件数达到平常的多少倍。"),
	CONF_KEY_INT(T, surge_minimum, "100", 1, 10000000, "and at least so many within an hour.",
		"并且一小时内至少这么多封。"),
	CONF_KEY_INT(T, mute_messages, "50", 1, 10000000,
		"A sender of so many messages to whom nobody here ever wrote is one that only "
		"sends.",
		"发来这么多封邮件而本系统从未有人给他写过信的发件人，视为“只发不收”。"),
	CONF_END};
#undef T
const struct conf_section reputation_section = {.name = "reputation",
	.keys = reputation_keys,
	.size = sizeof(struct reputation_conf),
	.doc_en = "What is learnt from earlier mail of the same source.",
	.doc_zh = "从同一来源以往的邮件中学到的信誉。"};

struct reputation *reputation_open(struct kv *kv, const struct reputation_conf *conf)
{
	struct reputation *r = NEW(struct reputation);
	struct err e;
	r->kv = kv;
	r->conf = conf;
	r->half_life = (double)conf->half_life / SECOND;
	r->doubt = (double)conf->doubt;
	if (conf->asn_database.n && asn_open(conf->asn_database, &r->asn, &e) < 0)
		log_error(NULL, "reputation.asn", F("error", &e));
	return r;
}

void reputation_close(struct reputation *r)
{
	if (!r)
		return;
	asn_close(r->asn);
	free(r);
}

/* ---- names ---- */

static slice with_network(slice name, const struct rep_subjects *s, struct arena *a)
{
	if (name.n == 0 || !s->ip)
		return (slice){0};
	slice net = name_network(s->ip, 24, 48, a);
	return net.n ? arena_printf(a, "%.*s|%.*s", SFMT(name), SFMT(net)) : net;
}

static slice asn_name(struct reputation *r, const struct rep_subjects *s, struct arena *a)
{
	uint32_t n = r->asn && s->ip ? asn_of(r->asn, s->ip) : 0;
	return n ? arena_printf(a, "AS%u", n) : (slice){0};
}

static slice helo_name(slice helo, struct arena *a)
{
	slice name = name_domain_of(helo, a);
	if (name.n || helo.n == 0 || helo.n > NAME_MAX_BYTES)
		return name;
	char *p = arena_strz(a, helo);
	for (size_t i = 0; i < helo.n; i++)
		p[i] = (unsigned char)p[i] < ' ' ? '?' : ascii_lower(p[i]);
	return slice_of(p, helo.n);
}

static slice origin_name(const struct origin_ip *ip, struct arena *a)
{
	struct net_addr n = {0};
	if (!ip || !ip->family)
		return (slice){0};
	n.ss.ss_family = ip->family == 4 ? AF_INET : AF_INET6;
	if (ip->family == 4)
		memcpy(&((struct sockaddr_in *)&n.ss)->sin_addr, ip->ip, 4);
	else
		memcpy(&((struct sockaddr_in6 *)&n.ss)->sin6_addr, ip->ip, 16);
	return name_network(&n, 32, 64, a);
}

slice reputation_name(struct reputation *r, const struct rep_subjects *s, enum rep_kind kind,
	size_t i, struct arena *a)
{
	slice name;
	switch (kind) {
	case REP_IP:
		return s->ip ? name_network(s->ip, 32, 64, a) : (slice){0};
	case REP_NET:
		return s->ip ? name_network(s->ip, 24, 48, a) : (slice){0};
	case REP_ASN:
		return asn_name(r, s, a);
	case REP_HELO:
		return helo_name(s->helo, a);
	case REP_DOMAIN:
		name = s->sender.n ? name_domain_of(s->sender, a) : (slice){0};
		return s->sender_proven ? name : with_network(name, s, a);
	case REP_DKIM:
		return i < s->ndkim ? name_domain_of(s->dkim[i], a) : (slice){0};
	case REP_SENDER:
		name = s->sender.n ? name_address(s->sender, a) : (slice){0};
		return s->sender_proven ? name : with_network(name, s, a);
	case REP_ORIGIN:
		return origin_name(s->origin, a);
	default:
		return (slice){0};
	}
}

static const char letters[REP_KINDS] = {'i', 'n', 'a', 'h', 'd', 'k', 's', 'o'};

static slice key_of(enum rep_kind kind, slice name, struct arena *a)
{
	return arena_printf(a, "rep:%c:%.*s", letters[kind], SFMT(name));
}

/* ---- records ---- */

bool reputation_record(struct reputation *r, enum rep_kind kind, slice name, struct rep_record *ret)
{
	AUTO(arena) struct arena a = {0};
	slice value;
	return r->kv && name.n && kv_get(r->kv, key_of(kind, name, &a), &a, &value) == KV_FOUND &&
	       rep_record_read(value, ret);
}

/* What the store's writing thread does with a record. */
struct change {
	int64_t now;
	double half_life, weight;
	enum rep_event event;
};

static void apply(slice old, slice arg, struct buf *out)
{
	struct change c;
	struct rep_record rec;
	memcpy(&c, arg.p, sizeof c);
	rep_record_read(old, &rec);
	rep_record_note(&rec, c.now, c.half_life, c.event, c.weight);
	rep_record_write(out, &rec);
}

static uint32_t keep_time(struct reputation *r, enum rep_kind kind, slice name)
{
	struct rep_record rec;
	int64_t keep = r->conf->keep / SECOND;
	bool known = reputation_record(r, kind, name, &rec) && rec.good + rec.bad >= KNOWN_AFTER;
	return (uint32_t)(known ? keep : keep / NEW_SHARE);
}

static void note(struct reputation *r, enum rep_kind kind, slice name, const struct change *c)
{
	AUTO(arena) struct arena a = {0};
	if (name.n == 0)
		return;
	kv_update(r->kv, key_of(kind, name, &a), apply, slice_of(c, sizeof *c),
		keep_time(r, kind, name));
}

void reputation_note(
	struct reputation *r, const struct rep_subjects *s, enum rep_event event, double weight)
{
	AUTO(arena) struct arena a = {0};
	if (!r->kv || !(weight > 0))
		return;
	const struct change c = {kv_now(r->kv), r->half_life, weight, event};
	for (int kind = 0; kind < REP_KINDS; kind++) {
		size_t n = kind != REP_DKIM ? 1 : s->ndkim < REP_DKIM_MAX ? s->ndkim : REP_DKIM_MAX;
		for (size_t i = 0; i < n; i++)
			note(r, (enum rep_kind)kind,
				reputation_name(r, s, (enum rep_kind)kind, i, &a), &c);
	}
}

/* ---- whom ours write to ---- */

static slice written_key(slice address, struct arena *a)
{
	slice name = name_address(address, a);
	return name.n ? arena_printf(a, "repto:%.*s", SFMT(name)) : name;
}

void reputation_sent(struct reputation *r, slice rcpt)
{
	AUTO(arena) struct arena a = {0};
	slice key = written_key(rcpt, &a);
	if (r->kv && key.n)
		kv_add(r->kv, key, 1, (uint32_t)(r->conf->keep / SECOND));
}

int64_t reputation_written_to(struct reputation *r, slice address)
{
	AUTO(arena) struct arena a = {0};
	int64_t n;
	slice key = written_key(address, &a);
	if (!r->kv || key.n == 0 || kv_count(r->kv, key, &n) == KV_UNKNOWN)
		return -1;
	return n;
}

/* ---- for the command line ---- */

bool reputation_ask(struct reputation *r, enum rep_kind kind, slice name, struct rep_answer *ret)
{
	struct rep_record rec;
	if (!reputation_record(r, kind, name, &rec))
		return false;
	rep_record_answer(&rec, kv_now(r->kv), r->half_life, r->doubt, 0, ret);
	return true;
}

struct each {
	struct reputation *r;
	enum rep_kind kind;
	bool (*fn)(void *arg, enum rep_kind kind, slice name, const struct rep_answer *answer);
	void *arg;
	bool stopped;
};

static bool each_entry(void *arg, slice key, slice value, int64_t ends_at)
{
	struct each *w = arg;
	struct rep_record rec;
	struct rep_answer answer;
	(void)ends_at;
	if (!rep_record_read(value, &rec))
		return true;
	rep_record_answer(&rec, kv_now(w->r->kv), w->r->half_life, w->r->doubt, 0, &answer);
	w->stopped = !w->fn(w->arg, w->kind, slice_skip(key, sizeof "rep:i:" - 1), &answer);
	return !w->stopped;
}

int reputation_each(struct reputation *r, enum rep_kind kind,
	bool (*fn)(void *arg, enum rep_kind kind, slice name, const struct rep_answer *answer),
	void *arg, struct err *e)
{
	struct each w = {.r = r, .fn = fn, .arg = arg};
	char prefix[] = "rep:i:";
	for (int k = 0; k < REP_KINDS && !w.stopped; k++) {
		if (kind != REP_KINDS && k != (int)kind)
			continue;
		w.kind = (enum rep_kind)k;
		prefix[4] = letters[k];
		if (kv_each(r->kv, slice_z(prefix), each_entry, &w, e) < 0)
			return -1;
	}
	return 0;
}

void reputation_forget(struct reputation *r, enum rep_kind kind, slice name)
{
	AUTO(arena) struct arena a = {0};
	if (r->kv)
		kv_delete(r->kv, key_of(kind, name, &a));
}

/* ---- hops ---- */

bool reputation_trusts_hop(void *arg, const struct origin_ip *ip)
{
	const struct reputation *r = arg;
	struct net_addr a = {0};
	a.ss.ss_family = ip->family == 4 ? AF_INET : AF_INET6;
	if (ip->family == 4)
		memcpy(&((struct sockaddr_in *)&a.ss)->sin_addr, ip->ip, 4);
	else
		memcpy(&((struct sockaddr_in6 *)&a.ss)->sin6_addr, ip->ip, 16);
	for (size_t i = 0; i < r->conf->trusted_hops.n; i++)
		if (net_cidr_match(&r->conf->trusted_hops.v[i], &a))
			return true;
	return false;
}
