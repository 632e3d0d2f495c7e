/*
 * Checks for tricks with the sender: a display name that holds another address or domain, our own
 * domain from outside, domains that look like ours or our partners', names of systems at free mail
 * services. Persons whom swindlers imitate: check_people.c; well-known firms: check_brand.c.
 *
 * Our own domains are those of the site; where it has set up none, those of the recipients.
 */
#include "codec/address.h"
#include "content/checking.h"
#include "content/checks.h"
#include "content/lookalike.h"

enum {
	NAMES_MAX = 64, /* own and partners' domains that are compared */
	HOSTS_COMPARED = 16,
	TOKENS_MAX = 20, /* of a display name */
};

struct guarded {
	struct lookalike_name v[NAMES_MAX];
	size_t n, own; /* the first `own` are ours */
};

/* ---- what we guard ---- */

static bool is_guarded(const struct guarded *g, slice domain)
{
	for (size_t i = 0; i < g->n; i++)
		if (domain_within(domain, g->v[i].domain))
			return true;
	return false;
}

static void guard(struct content_exam *x, struct guarded *g, slice domain)
{
	if (g->n < NAMES_MAX && domain.n && !is_guarded(g, domain))
		lookalike_prepare(domain, x->tools->names, x->a, &g->v[g->n++]);
}

static void read_guarded(struct content_exam *x, struct guarded *g)
{
	const struct content_site *s = x->tools->site;
	for (size_t i = 0; s && i < s->ndomains; i++)
		guard(x, g, s->domains[i]);
	for (size_t i = 0; (!s || !s->ndomains) && i < x->ctx->nrcpts; i++) {
		slice d = checking_lower(x->a, checking_domain(x->ctx->rcpts[i]));
		if (x->ctx->direction == CONTENT_INBOUND && !checking_freemail(d))
			guard(x, g, d);
	}
	g->own = g->n;
	for (size_t i = 0; s && i < s->npartners; i++)
		guard(x, g, s->partners[i]);
}

static bool is_own(const struct guarded *g, slice domain)
{
	for (size_t i = 0; i < g->own; i++)
		if (domain_within(domain, g->v[i].domain))
			return true;
	return false;
}

/* ---- domains that look like them ---- */

static float strength(enum lookalike k)
{
	static const float of[] = {[LOOKALIKE_LETTERS] = 1,
		[LOOKALIKE_NEAR] = 0.8F,
		[LOOKALIKE_HYPHEN] = 0.9F,
		[LOOKALIKE_AFFIX] = 0.6F,
		[LOOKALIKE_INSIDE] = 1,
		[LOOKALIKE_BELOW] = 0.1F, /* our name at a service that we use */
		[LOOKALIKE_TOP] = 0.4F};
	return of[k];
}

static void compare(struct content_exam *x, const struct guarded *g, slice host, enum signal_id id,
	float weight)
{
	struct lookalike_host h;
	if (!host.n || is_guarded(g, host))
		return;
	lookalike_host(checking_lower(x->a, host), x->tools->names, x->a, &h);
	for (size_t i = 0; i < g->n; i++) {
		enum lookalike k = lookalike_compare(&h, &g->v[i], x->a);
		checking_found(x, id, weight * strength(k),
			arena_printf(x->a, "%.*s ~ %.*s (%s)", SFMT(host), SFMT(g->v[i].domain),
				lookalike_text(k)));
	}
}

static void look_for_lookalikes(struct content_exam *x, const struct guarded *g)
{
	const struct checking_hosts *h = checking_hosts(x);
	size_t compared = 0;
	/* To whom we write he is known. */
	float weight = x->ctx->written_to && checking_proven(x) ? 0.2F : 1;
	if (!g->n)
		return;
	compare(x, g, checking_from_domain(x), SIGNAL_SENDER_LOOKALIKE, weight);
	compare(x, g, checking_domain(x->ctx->sender), SIGNAL_SENDER_LOOKALIKE, weight);
	compare(x, g, checking_domain(x->c->reply_address), SIGNAL_REPLY_LOOKALIKE, weight);
	for (size_t i = 0; i < h->n && compared < HOSTS_COMPARED; i++)
		if (h->v[i].links && !(h->v[i].first->url.flags & URL_IP)) {
			compare(x, g, h->v[i].host, SIGNAL_LINK_LOOKALIKE, 1);
			compared++;
		}
}

/* ---- our own domain from outside ---- */

static void look_at_own(struct content_exam *x, const struct guarded *g)
{
	const struct content_context *ctx = x->ctx;
	slice from = checking_from_domain(x);
	if (ctx->direction != CONTENT_INBOUND || !ctx->verified || ctx->proven || ctx->login.n ||
		!is_own(g, from))
		return;
	checking_found(
		x, SIGNAL_SENDER_OWN_FORGED, checking_is_list(x) ? 0.3F : 1, x->c->from_address);
}

/* ---- display names ---- */

/* Services write in their customers' names, and lists in their authors'. */
static bool is_relayed(struct content_exam *x, slice normal)
{
	static const slice words[] = {S_INIT("via"), S_INIT("通过"), S_INIT("on behalf of"),
		S_INIT("代表"), S_INIT("google calendar"), S_INIT("calendar")};
	return checking_is_list(x) || checking_says(normal, words, sizeof words / sizeof *words);
}

static slice stripped(slice token)
{
	while (token.n && strchr("<>()[]\"',;:", token.p[0]))
		token = slice_skip(token, 1);
	while (token.n && strchr("<>()[]\"',;:.", token.p[token.n - 1]))
		token.n--;
	return token;
}

static bool is_domain(const struct content_exam *x, slice s)
{
	const struct url_names *names = x->tools->names;
	size_t dot = slice_rindex(s, '.');
	slice top = dot < s.n ? slice_skip(s, dot + 1) : (slice){0};
	if (dot < 2 || top.n < 2 || !domain_valid(s, false))
		return false;
	return names && names->is_suffix ? names->is_suffix(checking_lower(x->a, top)) : top.n <= 3;
}

static void look_at_token(struct content_exam *x, const struct guarded *g, slice token, slice from)
{
	slice domain = checking_lower(x->a, checking_domain(token));
	bool address = domain.n && is_domain(x, domain) && slice_index(token, '@') > 0;
	if (!address)
		domain = checking_lower(x->a, token);
	if (!address && !is_domain(x, domain))
		return;
	slice org = checking_org(x, domain), mine = checking_org(x, from);
	if (slice_eq(org, mine) || (address && slice_ieq(token, x->c->reply_address)))
		return;
	if (is_own(g, domain) && !is_own(g, from))
		checking_found(x, SIGNAL_NAME_OWN_DOMAIN, 1, token);
	else if (address)
		checking_found(x, SIGNAL_NAME_ADDRESS, checking_unless_bulk(x), token);
	else
		checking_found(x, SIGNAL_NAME_DOMAIN, checking_unless_bulk(x), token);
}

static void look_at_name(struct content_exam *x, const struct guarded *g, slice normal)
{
	slice rest = x->c->from_name, token, from = checking_from_domain(x);
	if (!rest.n || !from.n || is_relayed(x, normal))
		return;
	for (unsigned n = 0; n < TOKENS_MAX && slice_cut(&rest, ' ', &token); n++)
		look_at_token(x, g, stripped(token), from);
}

/* Who looks after mailboxes, money or staff has an address of his house. */
static void look_for_system(struct content_exam *x, const struct guarded *g, slice normal)
{
	static const slice systems[] = {S_INIT("it support"), S_INIT("it helpdesk"),
		S_INIT("it help desk"), S_INIT("it service desk"), S_INIT("helpdesk"),
		S_INIT("mail admin"), S_INIT("mail administrator"), S_INIT("email admin"),
		S_INIT("email administrator"), S_INIT("webmail"), S_INIT("mailbox admin"),
		S_INIT("system administrator"), S_INIT("mail server"), S_INIT("server admin"),
		S_INIT("email support"), S_INIT("mail support"), S_INIT("mail delivery system"),
		S_INIT("account support"), S_INIT("email security"), S_INIT("postmaster"),
		S_INIT("hr department"), S_INIT("human resources"), S_INIT("payroll"),
		S_INIT("系统管理员"), S_INIT("邮箱管理员"), S_INIT("邮件管理员"),
		S_INIT("邮箱管理"), S_INIT("邮件系统"), S_INIT("邮件中心"), S_INIT("邮箱系统"),
		S_INIT("邮件服务"), S_INIT("信息中心"), S_INIT("网络中心"), S_INIT("网络管理"),
		S_INIT("信息技术部"), S_INIT("人力资源部"), S_INIT("人事部"), S_INIT("财务部"),
		S_INIT("管理员"), S_INIT("安全中心"), S_INIT("通知中心")};
	slice from = checking_from_domain(x);
	if (is_own(g, from) || checking_is_list(x) ||
		!checking_says(normal, systems, sizeof systems / sizeof *systems))
		return;
	if (checking_freemail(from))
		checking_found(x, SIGNAL_NAME_SYSTEM_FREEMAIL, 1, x->c->from_name);
	else
		checking_found(x, SIGNAL_NAME_SYSTEM, checking_unless_bulk(x), x->c->from_name);
}

void content_check_sender(struct content_exam *x)
{
	struct guarded *g = ARENA_NEW(x->a, struct guarded);
	slice normal = checking_normal(x, x->c->from_name);
	read_guarded(x, g);
	look_at_own(x, g);
	look_at_name(x, g, normal);
	look_for_system(x, g, normal);
	look_for_lookalikes(x, g);
}
