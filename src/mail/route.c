/*
 * Routing decisions. The order of the rules:
 *	1. an address literal goes to that address
 *	2. a domain of ours: addresses to which reports come, honeypots, its mailboxes and aliases,
 *	   or its backend's route
 *	3. an explicit route: address, domain, parent domains, "*" (directory_route_for)
 *	4. the MX of the domain (asked at delivery, mail/hosts.h, which also keeps us from loops)
 * Before 2: a sender that we rewrote for forwarded mail (srs.h) stands for the true one.
 * An explicit route for one of our own local domains is not followed: what is here stays here.
 * doc/notes/routing.md tells why.
 */
#include "mail/route.h"

#include "base/time.h"
#include "codec/address.h"
#include "store/queue.h"
#include <stdio.h>

static int lookup_rcpt(
	void *arg, slice address, struct arena *a, struct rcpt_answer *ret, struct err *e)
{
	return directory_rcpt(arg, address, a, ret, e);
}

static int lookup_route_for(
	void *arg, slice address, struct arena *a, struct route *ret, struct err *e)
{
	return directory_get_route_for(arg, address, a, ret, e);
}

static int lookup_route(void *arg, slice name, struct arena *a, struct route *ret, struct err *e)
{
	return directory_get_route(arg, name, a, ret, e);
}

struct route_lookup route_lookup_directory(struct directory *d)
{
	return (struct route_lookup){.rcpt = lookup_rcpt,
		.route_for = lookup_route_for,
		.route = lookup_route,
		.arg = d};
}

/* One decision in the making. */
struct making {
	const struct route_lookup *l;
	struct arena *a;
	bool why;
	struct route_decision d;
	slice address, domain; /* domain: lower-case A-labels */
};

__attribute__((format(printf, 3, 4))) static void because(
	struct making *k, const char *zh, const char *en, ...)
{
	if (!k->why || k->d.nwhy == ROUTE_WHY_MAX)
		return;
	char text[600];
	va_list ap;
	va_start(ap, en);
	vsnprintf(text, sizeof text, en, ap);
	va_end(ap);
	char text_zh[600];
	va_start(ap, en);
	vsnprintf(text_zh, sizeof text_zh, zh, ap);
	va_end(ap);
	struct route_why *w = &k->d.why[k->d.nwhy++];
	w->en = arena_dup(k->a, slice_z(text));
	w->zh = arena_dup(k->a, slice_z(text_zh));
}

static int decide_error(struct making *k, struct status_code status, const char *text)
{
	k->d.kind = ROUTE_ERROR;
	k->d.status = status;
	k->d.text = slice_z(text);
	k->d.dest = arena_printf(
		k->a, "error:%u.%u.%u %s", status.cls, status.subject, status.detail, text);
	return 0;
}

/* By the route `r`, found by name or by match. */
static int decide_route(struct making *k, const struct route *r)
{
	if (r->disabled) {
		because(k, "路由 %.*s 已停用", "route %.*s is disabled", SFMT(r->name));
		return decide_error(k, STATUS(4, 4, 4), "the route for this recipient is disabled");
	}
	k->d.kind = ROUTE_BACKEND;
	k->d.route = arena_dup(k->a, r->name);
	k->d.dest = arena_printf(k->a, "backend:%.*s", SFMT(r->name));
	because(k, "经路由 %.*s 投递（%.*s，主机 %.*s）", "goes by route %.*s (%.*s to %.*s)",
		SFMT(r->name), SFMT(r->protocol), SFMT(r->hosts));
	return 0;
}

static int decide_local(struct making *k, const struct rcpt_answer *r)
{
	k->d.kind = ROUTE_LOCAL;
	k->d.dest = S("local");
	k->d.ours = k->d.verified = true;
	k->d.account = r->account_id;
	k->d.quota = r->quota;
	k->d.quota_messages = r->quota_messages;
	because(k, "%.*s 是本机域", "%.*s is a domain of this server", SFMT(k->domain));
	if (r->targets)
		because(k, "该地址是别名，有 %zu 个目标",
			"the address is an alias with %zu targets", r->ntargets);
	else
		because(k, "存入 %.*s 的邮箱", "goes into the mailbox of %.*s", SFMT(k->address));
	return 0;
}

static int decide_list(struct making *k)
{
	k->d.kind = ROUTE_LIST;
	k->d.dest = S("list");
	k->d.ours = k->d.verified = true;
	because(k, "该地址属于邮件列表", "the address belongs to a mailing list");
	return 0;
}

static int decide_backend(struct making *k, const struct rcpt_answer *r, struct err *e)
{
	k->d.ours = true;
	k->d.callout = r->callout;
	because(k, "%.*s 是后端域", "%.*s is a domain behind this server", SFMT(k->domain));
	struct route route;
	if (k->l->route(k->l->arg, r->backend, k->a, &route, e) == 0)
		return decide_route(k, &route);
	if (e->kind != ERR_NOTFOUND)
		return -1;
	because(k, "其路由 %.*s 不存在", "its route %.*s does not exist", SFMT(r->backend));
	return decide_error(k, STATUS(4, 4, 4), "the domain's backend has no route");
}

/* Not ours: an explicit route, else the domain's MX. */
static int decide_elsewhere(struct making *k, struct err *e)
{
	because(k, "%.*s 不是本系统的域", "%.*s is not a domain of this system", SFMT(k->domain));
	struct route r;
	if (k->l->route_for(k->l->arg, k->address, k->a, &r, e) == 0) {
		because(k, "符合路由规则 %.*s", "matches the rule %.*s", SFMT(r.match));
		return decide_route(k, &r);
	}
	if (e->kind != ERR_NOTFOUND)
		return -1;
	k->d.kind = ROUTE_SMTP;
	k->d.dest = arena_printf(k->a, "smtp:%.*s", SFMT(k->domain));
	because(k, "没有匹配的路由规则：投递到该域的 MX 主机",
		"no rule matches: goes to the domain's MX hosts");
	return 0;
}

static int decide_literal(struct making *k)
{
	k->d.kind = ROUTE_SMTP;
	k->d.dest = arena_printf(k->a, "smtp:%.*s", SFMT(k->domain));
	because(k, "%.*s 是 IP 地址：直接投递到该地址",
		"%.*s is an address literal: goes to that address", SFMT(k->domain));
	return 0;
}

static bool is_in(const struct making *k, const struct conf_list *list)
{
	slice local, domain;
	if (!list || !address_split(k->address, &local, &domain))
		return false;
	for (size_t i = 0; i < list->n; i++)
		if (slice_ieq(list->v[i], k->address) || slice_ieq(list->v[i], local))
			return true;
	return false;
}

static int decide_report(struct making *k)
{
	k->d.kind = ROUTE_REPORT;
	k->d.dest = S("report");
	k->d.ours = k->d.verified = true;
	because(k, "发到这个地址的报告会被读取和保存（[reports] addresses）",
		"reports to this address are read and kept ([reports] addresses)");
	return 0;
}

static int decide_user_report(struct making *k, bool spam)
{
	k->d.kind = ROUTE_REPORT;
	k->d.dest = spam ? S("report:spam") : S("report:ham");
	k->d.ours = k->d.verified = true;
	if (spam)
		because(k, "用户向该地址举报垃圾邮件，供过滤系统学习（[reports] spam）",
			"users report spam to this address: the filter learns from it ([reports] "
			"spam)");
	else
		because(k, "用户向该地址反馈被误判的正常邮件，供过滤系统学习（[reports] ham）",
			"users report wanted mail to this address: the filter learns from it "
			"([reports] ham)");
	return 0;
}

static bool is_honeypot(const struct making *k)
{
	slice local, domain;
	if (!k->l->honeypots || !address_split(k->address, &local, &domain))
		return false;
	for (size_t i = 0; i < k->l->honeypots->n; i++) {
		slice entry = k->l->honeypots->v[i];
		if (slice_ieq(entry, k->address) || slice_ieq(entry, local) ||
			(slice_starts(entry, S("@")) && slice_ieq(slice_skip(entry, 1), k->domain)))
			return true;
	}
	return false;
}

static int decide_honeypot(struct making *k)
{
	k->d.kind = ROUTE_HONEYPOT;
	k->d.dest = S("honeypot");
	k->d.ours = k->d.verified = true;
	because(k, "该地址是蜜罐：邮件作为垃圾邮件学习，不投递（[learning] honeypots）",
		"the address is a honeypot: its mail is learned as spam and not delivered "
		"([learning] honeypots)");
	return 0;
}

static int decide_by_answer(struct making *k, const struct rcpt_answer *r, struct err *e)
{
	if (r->kind != RCPT_UNKNOWN_DOMAIN && is_in(k, k->l->reports))
		return decide_report(k);
	if (r->kind != RCPT_UNKNOWN_DOMAIN && (is_in(k, k->l->spam) || is_in(k, k->l->ham)))
		return decide_user_report(k, is_in(k, k->l->spam));
	if (r->kind != RCPT_UNKNOWN_DOMAIN && is_honeypot(k))
		return decide_honeypot(k);
	switch (r->kind) {
	case RCPT_LOCAL:
		return r->list_id && !r->targets ? decide_list(k) : decide_local(k, r);
	case RCPT_BACKEND:
		return decide_backend(k, r, e);
	case RCPT_UNKNOWN_DOMAIN:
		return decide_elsewhere(k, e);
	case RCPT_NO_SUCH_USER:
		k->d.ours = k->d.verified = true;
		because(k, "%.*s 域中没有这个地址", "%.*s has no such address", SFMT(k->domain));
		return decide_error(k, STATUS(5, 1, 1), "no such mailbox here");
	case RCPT_DISABLED:
		k->d.ours = k->d.verified = true;
		because(k, "邮箱 %.*s 已停用", "the mailbox %.*s is disabled", SFMT(k->address));
		return decide_error(k, STATUS(5, 2, 1), "this mailbox is disabled");
	}
	return err_set(e, ERR_BUG, "directory answered kind %d", (int)r->kind);
}

/* ---- rewritten senders ---- */

/* One that stands for an address. The rules are asked about that one, without this rule. */
static int decide_true_sender(struct making *k, slice sender, struct err *e)
{
	struct route_lookup plain = *k->l;
	struct route_decision d;
	plain.srs = NULL;
	because(k, "%.*s 是改写过的发件人，代表 %.*s",
		"%.*s is a rewritten sender and stands for %.*s", SFMT(k->address), SFMT(sender));
	if (route_decide(&plain, sender, false, k->a, &d, e) < 0)
		return -1;
	memcpy(d.why, k->d.why, sizeof d.why);
	d.nwhy = k->d.nwhy;
	k->d = d;
	k->d.ours = true;
	k->d.callout = false;
	k->d.stands_for = sender;
	return 0;
}

/* 1: decided; 0: go on, it is an address like any other; -1. */
static int decide_rewritten(struct making *k, const struct rcpt_answer *r, struct err *e)
{
	const struct srs *s = k->l->srs;
	slice sender;
	if (!s || !srs_is(k->address) ||
		(r->kind == RCPT_UNKNOWN_DOMAIN && !slice_ieq(k->domain, s->domain)))
		return 0;
	if (srs_reverse(s, k->address, wall_now(), k->a, &sender, e) == 0)
		return decide_true_sender(k, sender, e) < 0 ? -1 : 1;
	if (e->kind != ERR_DENIED && e->kind != ERR_NOTFOUND && e->kind != ERR_LIMIT)
		return -1;
	if (r->kind != RCPT_NO_SUCH_USER && r->kind != RCPT_UNKNOWN_DOMAIN)
		return 0; /* a catch-all, or a backend that rewrites senders itself */
	k->d.ours = k->d.verified = true;
	because(k, "改写过的发件人无效：%s", "the rewritten sender is not valid: %s", e->text);
	decide_error(k, STATUS(5, 1, 1), "this rewritten sender is forged or has expired");
	return 1;
}

/* Domain into k->domain. False: it is none. */
static bool take_domain(struct making *k, bool *ret_literal)
{
	slice local, domain;
	if (!address_split(k->address, &local, &domain) || domain.n == 0)
		return false;
	uint8_t family, ip[16];
	*ret_literal = domain.p[0] == '[';
	if (*ret_literal) {
		k->domain = domain;
		return domain_literal_parse(domain, &family, ip);
	}
	return domain_to_ascii(domain, k->a, &k->domain) && domain_valid(k->domain, false);
}

int route_decide(const struct route_lookup *l, slice address, bool why, struct arena *a,
	struct route_decision *ret, struct err *e)
{
	struct making k = {.l = l, .a = a, .why = why, .address = address};
	bool literal;
	int r;
	if (!take_domain(&k, &literal)) {
		because(&k, "这不是一个邮件地址", "this is not a mail address");
		r = decide_error(&k, STATUS(5, 1, 3), "bad recipient address");
	} else {
		struct rcpt_answer answer;
		r = literal ? decide_literal(&k) : l->rcpt(l->arg, address, a, &answer, e);
		int rewritten = r == 0 && !literal ? decide_rewritten(&k, &answer, e) : 0;
		if (rewritten < 0)
			r = -1;
		else if (r == 0 && !literal && !rewritten)
			r = decide_by_answer(&k, &answer, e);
	}
	if (r == 0)
		*ret = k.d;
	return r;
}

bool route_parse(slice dest, enum route_kind *ret_kind, slice *ret_name)
{
	static const struct {
		slice word;
		enum route_kind kind;
	} kinds[] = {{S_INIT("backend:"), ROUTE_BACKEND}, {S_INIT("smtp:"), ROUTE_SMTP},
		{S_INIT("error:"), ROUTE_ERROR}, {S_INIT("report:"), ROUTE_REPORT},
		{S_INIT("list:"), ROUTE_LIST}};
	static const struct {
		slice word;
		enum route_kind kind;
	} words[] = {{S_INIT("local"), ROUTE_LOCAL}, {S_INIT(ROUTE_SENT), ROUTE_LOCAL},
		{S_INIT(QUEUE_DEST_BOUNCE), ROUTE_BOUNCE},
		{S_INIT("report"), ROUTE_REPORT}, {S_INIT("honeypot"), ROUTE_HONEYPOT},
		{S_INIT("list"), ROUTE_LIST}};
	for (size_t i = 0; i < sizeof words / sizeof *words; i++)
		if (slice_eq(dest, words[i].word)) {
			*ret_kind = words[i].kind;
			*ret_name = (slice){0};
			return true;
		}
	for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
		if (slice_starts(dest, kinds[i].word) && dest.n > kinds[i].word.n) {
			*ret_kind = kinds[i].kind;
			*ret_name = slice_skip(dest, kinds[i].word.n);
			return true;
		}
	return false;
}

void route_error(slice name, struct status_code *ret_status, slice *ret_text)
{
	*ret_status = STATUS(5, 0, 0);
	status_parse(&name, ret_status);
	*ret_text = name;
}
