/*
 * Asking DNS lists (dnsbl.h): all at once, each in a coroutine of its own; lists that are mirrored
 * here are looked up in memory. Called by door.c for addresses and domains, and by the content scan
 * for links. The resolver's cache keeps answers for their TTL.
 */
#include "defence/dnsbl_list.h"

#include "base/mem.h"
#include "codec/address.h"
#include "run/dns.h"
#include "run/log.h"
#include <arpa/inet.h>
#include <netinet/in.h>

static const char *const type_words[] = {"ip", "domain", "uri", "dnswl", NULL};

#define T struct dnsbl_conf
static const struct conf_key keys[] = {
	CONF_KEY_STRING(T, zone, "",
		"The zone to ask, e.g. zen.dnsbl.example. Needed without mirror.",
		"要查询的区域，例如 zen.dnsbl.example。没有 mirror 时必填。"),
	CONF_KEY_ENUM(T, type, "ip", type_words,
		"What is asked: ip (addresses that call), domain (senders' domains), uri (links in "
		"messages), dnswl (addresses; a listing speaks for the caller).",
		"查询什么：ip（来访地址）、domain（发件人域）、uri（邮件中的链接）、dnswl（地址；列"
		"入者可信）。"),
	CONF_KEY_BOOL(T, enabled, "yes", "Ask it.", "是否查询。"),
	CONF_KEY_LIST(T, weights, "",
		"\"CODE WEIGHT ...\": answers that count and how much (times the score of the "
		"signal "
		"dnsbl, dnswl or dnsbl-domain). A code is 127.0.0.2, 127.0.0.4-7, 127.0.1.0/24 or "
		"&0.0.0.4 (that bit is set). Empty: every answer in 127.0.0.0/8, weight 1. "
		"127.255.255.0/24 never counts.",
		"“代码 权重 ……”：哪些应答有效、权重多少（乘以信号 dnsbl、dnswl 或 dnsbl-domain "
		"的分值）。代码可写作 "
		"127.0.0.2、127.0.0.4-7、127.0.1.0/24 或 &0.0.0.4（该位已置）。空：127.0.0.0/8 "
		"中的任何应答，权重 1。127.255.255.0/24 从不计入。"),
	CONF_KEY_STRING(T, mirror, "", "Look it up in this [mirror], not in the DNS.",
		"在该 [mirror] 中查找，不查 DNS。"),
	CONF_KEY_LIST(T, test_points, "",
		"What must be listed and what must not, asked before the list is believed. Empty: "
		"127.0.0.2 127.0.0.1, or test invalid for domains. none: no test.",
		"必须列入和必须未列入的两个测试点，信任名单前先查询。空：127.0.0.2 "
		"127.0.0.1，域名名单为 test "
		"invalid。none：不测试。"),
	CONF_KEY_DURATION(T, timeout, "5s", 100 * MSEC, MINUTE,
		"A list that has not answered by then counts as if it knew nothing.",
		"到时未应答的名单视为不知情。"),
	CONF_KEY_DURATION(T, pause, "1h", MINUTE, 7 * DAY,
		"After an error code or a failed test the list is left alone for so long.",
		"收到错误代码或测试失败后停用多久。"),
	CONF_END};
#undef T

static void check(const void *value, slice instance, struct conf_check *c)
{
	const struct dnsbl_conf *v = value;
	struct dnsbl_weights w;
	(void)instance;
	if (!v->zone.n && !v->mirror.n)
		conf_complain(c, "zone", "or mirror is needed", "与 mirror 必须给出一个");
	if (v->zone.n && (!domain_valid(v->zone, false) || v->zone.n > 180))
		conf_complain(c, "zone", "is no domain name", "不是域名");
	if (!dnsbl_weights_parse(&v->weights, &w))
		conf_complain(c, "weights", "is \"CODE WEIGHT ...\", codes in 127.0.0.0/8",
			"应为“代码 权重 ……”，代码在 127.0.0.0/8 之内");
	if (v->test_points.n > 2 ||
		(v->test_points.n == 1 && !slice_eq(v->test_points.v[0], S("none"))))
		conf_complain(c, "test_points", "is two names or addresses, or none",
			"应为两个名字或地址，或 none");
}

const struct conf_section dnsbl_section = {
	.name = "dnsbl",
	.keys = keys,
	.size = sizeof(struct dnsbl_conf),
	.named = true,
	.doc_en =
		"A list of addresses or domains, asked by DNS (RFC 5782) or held here as a mirror. "
		"None is built in: read the operator's terms of use, many forbid commercial use "
		"without a contract.",
	.doc_zh = "用 DNS 查询（RFC "
		  "5782）或以本地镜像保存的地址或域名名单。没有内置名单：请阅读运营者的使用条款，"
		  "许多名单未签约不得商用。",
	.check = check,
};

/* ---- opening ---- */

static int add_list(struct dnsbls *d, const struct dnsbl_conf *v, slice name, struct err *e)
{
	if (d->n == DNSBL_LISTS_MAX)
		return err_set(e, ERR_LIMIT, "more than %d [dnsbl] sections", DNSBL_LISTS_MAX);
	struct dnsbl_list *l = &d->lists[d->n];
	*l = (struct dnsbl_list){.name = name, .conf = v, .mirror = -1};
	dnsbl_weights_parse(&v->weights, &l->weights);
	cond_init(&l->tested);
	if (v->mirror.n) {
		l->mirror = d->mirrors ? mirrors_index(d->mirrors, v->mirror) : -1;
		if (l->mirror < 0)
			return err_set(e, ERR_PERM,
				"[dnsbl \"%.*s\"]: there is no [mirror \"%.*s\"]", SFMT(name),
				SFMT(v->mirror));
	}
	d->n++;
	return 0;
}

int dnsbls_check(const struct conf *conf, struct err *e)
{
	for (size_t i = 0; i < conf_count(conf, &dnsbl_section); i++) {
		slice name;
		const struct dnsbl_conf *v = conf_nth(conf, &dnsbl_section, i, &name);
		if (v->mirror.n && !conf_named(conf, &mirror_section, v->mirror))
			return err_set(e, ERR_PERM,
				"[dnsbl \"%.*s\"] mirror: there is no [mirror \"%.*s\"]",
				SFMT(name), SFMT(v->mirror));
	}
	if (conf_count(conf, &dnsbl_section) > DNSBL_LISTS_MAX)
		return err_set(e, ERR_LIMIT, "more than %d [dnsbl] sections", DNSBL_LISTS_MAX);
	if (conf_count(conf, &mirror_section) > MIRRORS_MAX)
		return err_set(e, ERR_LIMIT, "more than %d [mirror] sections", MIRRORS_MAX);
	return 0;
}

int dnsbls_open(const struct conf *conf, const struct lookup *l, struct mirrors *m,
	struct dnsbls **ret, struct err *e)
{
	struct dnsbls *d = NEW(struct dnsbls);
	d->lookup = *l;
	d->mirrors = m;
	group_init(&d->tests);
	for (size_t i = 0; i < conf_count(conf, &dnsbl_section); i++) {
		slice name;
		const struct dnsbl_conf *v = conf_nth(conf, &dnsbl_section, i, &name);
		if (v->enabled && add_list(d, v, name, e) < 0) {
			free(d);
			return -1;
		}
	}
	*ret = d;
	return 0;
}

void dnsbls_close(struct dnsbls *d)
{
	if (!d)
		return;
	free(d);
}

bool dnsbls_any(const struct dnsbls *d, enum dnsbl_type type)
{
	for (size_t i = 0; i < d->n; i++)
		if (d->lists[i].conf->type == (int)type)
			return true;
	return false;
}

/* ---- one question ---- */

static void weigh(const struct dnsbl_list *l, uint32_t answer, enum dnsbl_code *ret,
	uint32_t *ret_code, float *ret_weight)
{
	float weight = 0;
	enum dnsbl_code c = dnsbl_code_judge(&l->weights, answer, &weight);
	if (*ret == DNSBL_ERROR || c == DNSBL_NOT)
		return;
	if (c == DNSBL_ERROR || *ret == DNSBL_NOT || weight > *ret_weight) {
		*ret = c;
		*ret_code = answer;
		*ret_weight = weight;
	}
}

enum lookup_status dnsbl_query(struct dnsbls *d, struct dnsbl_list *l, slice name, instant deadline,
	enum dnsbl_code *ret, uint32_t *ret_code, float *ret_weight)
{
	AUTO(arena) struct arena a = {0};
	struct net_addr *v;
	size_t n;
	*ret = DNSBL_NOT;
	slice full = arena_printf(&a, "%.*s.%.*s", SFMT(name), SFMT(l->conf->zone));
	enum lookup_status s = d->lookup.addr(d->lookup.arg, full, AF_INET, deadline, &a, &v, &n);
	for (size_t i = 0; s == LOOKUP_OK && i < n && i < DNSBL_ANSWERS_MAX; i++)
		weigh(l, ntohl(((const struct sockaddr_in *)&v[i].ss)->sin_addr.s_addr), ret,
			ret_code, ret_weight);
	return s;
}

/* ---- all lists ---- */

struct ask {
	struct dnsbls *d;
	const struct net_addr *ip; /* or a name */
	slice name; /* below the zone */
	instant deadline;
	struct dnsbl_result *ret;
};
struct ask_one {
	struct ask *ask;
	struct dnsbl_list *list;
};

static void hit(struct ask *q, const struct dnsbl_list *l, uint32_t code, float weight)
{
	unsigned order = (unsigned)(l - q->d->lists), at = q->ret->n++;
	for (; at > 0 && q->ret->hits[at - 1].order > order; at--)
		q->ret->hits[at] = q->ret->hits[at - 1];
	q->ret->hits[at] =
		(struct dnsbl_hit){l->name, code, weight, l->conf->type == DNSBL_WHITE, order};
}

static void ask_mirror(struct ask *q, struct dnsbl_list *l)
{
	uint32_t code = 0;
	float weight = 0;
	enum mirror_answer m = q->ip ? mirrors_ip(q->d->mirrors, l->mirror, q->ip, &code)
				     : mirrors_name(q->d->mirrors, l->mirror, q->name, &code);
	if (m == MIRROR_UNKNOWN)
		q->ret->unknown++;
	else if (m == MIRROR_LISTED && dnsbl_code_judge(&l->weights, code, &weight) == DNSBL_LISTED)
		hit(q, l, code, weight);
}

static void ask_dns(struct ask *q, struct dnsbl_list *l)
{
	enum dnsbl_code code;
	uint32_t answer = 0;
	float weight = 0;
	instant by = instant_in(l->conf->timeout);
	if (by > q->deadline)
		by = q->deadline;
	if (!dnsbl_trusted(q->d, l, by)) {
		q->ret->unknown++;
		return;
	}
	enum lookup_status s = dnsbl_query(q->d, l, q->name, by, &code, &answer, &weight);
	dnsbl_noted(l, s);
	if (s == LOOKUP_TEMP)
		q->ret->unknown++;
	else if (code == DNSBL_ERROR)
		dnsbl_error(l, answer);
	else if (code == DNSBL_LISTED)
		hit(q, l, answer, weight);
}

static void ask_run(void *arg)
{
	AUTO(free) struct ask_one *o = arg;
	ask_dns(o->ask, o->list);
}

static void ask_all(struct ask *q, unsigned types)
{
	struct group g;
	group_init(&g);
	for (size_t i = 0; i < q->d->n; i++) {
		struct dnsbl_list *l = &q->d->lists[i];
		if (!(types & 1U << l->conf->type))
			continue;
		if (l->mirror >= 0) {
			ask_mirror(q, l);
			continue;
		}
		struct ask_one *o = NEW(struct ask_one);
		*o = (struct ask_one){q, l};
		group_go(&g, "dnsbl", ask_run, o);
	}
	group_join(&g);
}

static void ask_address(struct dnsbls *d, const struct net_addr *ip, unsigned types,
	instant deadline, struct dnsbl_result *ret)
{
	AUTO(arena) struct arena a = {0};
	*ret = (struct dnsbl_result){0};
	struct ask q = {d, ip, dns_reverse(ip, S(""), &a), deadline, ret};
	if (q.name.n)
		ask_all(&q, types);
}

void dnsbls_ask_ip(
	struct dnsbls *d, const struct net_addr *ip, instant deadline, struct dnsbl_result *ret)
{
	ask_address(d, ip, 1U << DNSBL_IP | 1U << DNSBL_WHITE, deadline, ret);
}

void dnsbls_ask_uri_ip(
	struct dnsbls *d, const struct net_addr *ip, instant deadline, struct dnsbl_result *ret)
{
	ask_address(d, ip, 1U << DNSBL_URI, deadline, ret);
}

void dnsbls_ask_domain(struct dnsbls *d, enum dnsbl_type type, slice domain, instant deadline,
	struct dnsbl_result *ret)
{
	*ret = (struct dnsbl_result){0};
	struct ask q = {d, NULL, domain, deadline, ret};
	if (domain_valid(domain, false) && domain.n < 200)
		ask_all(&q, 1U << type);
}

float dnsbl_result_print(const struct dnsbl_result *r, bool white, struct buf *out)
{
	char text[INET_ADDRSTRLEN];
	float sum = 0;
	for (unsigned i = 0; i < r->n; i++) {
		const struct dnsbl_hit *h = &r->hits[i];
		struct in_addr code = {htonl(h->code)};
		if (h->white != white)
			continue;
		sum += h->weight;
		buf_printf(out, "%s%.*s %s", out->n ? ", " : "", SFMT(h->list),
			inet_ntop(AF_INET, &code, text, sizeof text));
	}
	return sum;
}
