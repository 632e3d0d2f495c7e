/*
 * The tests address and envelope (RFC 5228 sections 5.1, 5.4) with address parts (2.7.4) and those of subaddress (RFC 5233).
 */
#include "sieve/addr.h"
#include "sieve/impl.h"

/* Fields that hold addresses: those of RFC 5322, and what mail programs put them into besides. */
static const char *const fields[] = {"from", "to", "cc", "bcc", "sender", "reply-to", "resent-from",
	"resent-to", "resent-cc", "resent-bcc", "resent-sender", "resent-reply-to",
	"disposition-notification-to", "for-approval", "for-handling", "for-comment",
	"apparently-to", "errors-to", "delivered-to", "return-path", "return-receipt-to", "x-admin",
	"read-receipt-to", "x-confirm-reading-to", "return-receipt-requested",
	"registered-mail-reply-requested-by", "mail-followup-to", "mail-reply-to",
	"abuse-reports-to", "x-complaints-to", "x-report-abuse-to", "x-beenthere",
	"x-original-from", "x-original-to", "x-envelope-to", "envelope-to", "x-forwarded-to",
	"x-forwarded-for", "list-post", "approved", "author", "x-envelope-from", "x-sender",
	"x-receiver", "x-delivered-to", "x-rcpt-to"};

static bool holds_addresses(slice name)
{
	for (size_t i = 0; i < sizeof fields / sizeof *fields; i++)
		if (slice_ieq(name, slice_z(fields[i])))
			return true;
	return false;
}

static bool check_address(struct check *c, struct node *n)
{
	const struct arg *a = n->pos[0];
	for (size_t i = 0; i < a->n; i++) {
		if (a->v[i].n || holds_addresses(a->v[i].plain))
			continue;
		sieve_mistake(c, a->at,
			SAY(c,
				"header '%.*s' is not allowed for the address test: it holds no "
				"addresses",
				SFMT(a->v[i].plain)),
			SAY(c, "address 测试不能用于信头字段“%.*s”：其中没有地址",
				SFMT(a->v[i].plain)));
		return false;
	}
	return true;
}

/* The part that is asked for. False: an address without it does not match (2.7.4). */
static bool address_part(
	struct run *r, const struct node *n, const struct addr *x, slice all, slice *ret)
{
	bool user = node_has(n, TAG_USER), detail = node_has(n, TAG_DETAIL);
	bool local = node_has(n, TAG_LOCALPART), domain = node_has(n, TAG_DOMAIN);
	if (!user && !detail && !local && !domain) {
		*ret = all;
		return true;
	}
	if (!x->valid)
		return false;
	size_t at = r->in->separator ? slice_index(x->local, r->in->separator) : x->local.n;
	if (local || domain)
		*ret = local ? x->local : x->domain;
	else if (user)
		*ret = slice_first(x->local, at);
	else
		*ret = slice_skip(x->local, at + 1);
	return !detail || at < x->local.n;
}

/* The field's addresses, read once. */
static bool read_addresses(struct run *r, struct field *f)
{
	if (f->addrs)
		return true;
	slice value = header_unfold(f->value, r->a);
	if (!sieve_run_look(r, value.n * 4) || !sieve_run_memory(r, value.n * 2))
		return false;
	f->naddrs = sieve_addr_list(value, r->a, &f->addrs);
	sieve_run_memory(r, f->naddrs * (sizeof *f->addrs + sizeof *f->addr_all));
	f->addr_all = ARENA_ARRAY(r->a, slice, f->naddrs);
	for (size_t i = 0; i < f->naddrs; i++)
		f->addr_all[i] =
			f->addrs[i].valid ? sieve_addr_join(&f->addrs[i], r->a) : f->addrs[i].raw;
	return run_on(r);
}

static bool match_field(struct run *r, const struct node *n, struct matching *m, struct field *f)
{
	slice part;
	if (!read_addresses(r, f))
		return true;
	for (size_t i = 0; i < f->naddrs; i++)
		if (address_part(r, n, &f->addrs[i], f->addr_all[i], &part) &&
			sieve_match_value(m, part))
			return true;
	return !run_on(r);
}

static bool match_fields(struct run *r, const struct node *n, struct matching *m, struct fields *v)
{
	size_t nnames;
	struct field *f;
	slice *names = sieve_run_strings(r, n->pos[0], &nnames);
	for (size_t k = 0; k < nnames; k++) {
		size_t i = 0;
		if (!holds_addresses(names[k]))
			continue;
		while ((f = sieve_fields_next(r, v, names[k], n, &i)))
			if (match_field(r, n, m, f))
				return true;
	}
	return !run_on(r);
}

static bool holds_address(struct run *r, const struct node *n)
{
	struct matching m;
	size_t i = 0, part;
	sieve_match_begin(&m, r, n, n->pos[1]);
	if (!node_has(n, TAG_MIME)) {
		match_fields(r, n, &m, sieve_run_fields(r));
		return sieve_match_end(&m);
	}
	while (sieve_mime_next(r, n, &i, &part))
		if (match_fields(r, n, &m, sieve_run_part_fields(r, part)))
			break;
	return sieve_match_end(&m);
}

/* ---- envelope ---- */

static const slice parts[] = {S_INIT("from"), S_INIT("to"), S_INIT("auth"), S_INIT("orig_to")};

static bool is_part(slice name)
{
	for (size_t i = 0; i < sizeof parts / sizeof *parts; i++)
		if (slice_ieq(name, parts[i]))
			return true;
	return false;
}

static bool check_envelope(struct check *c, struct node *n)
{
	const struct arg *a = n->pos[0];
	for (size_t i = 0; i < a->n; i++) {
		if (a->v[i].n || is_part(a->v[i].plain))
			continue;
		sieve_mistake(c, a->at,
			SAY(c, "unknown envelope part '%.*s': there are from, to, orig_to and auth",
				SFMT(a->v[i].plain)),
			SAY(c, "未知的信封部分“%.*s”：可用 from、to、orig_to 和 auth",
				SFMT(a->v[i].plain)));
		return false;
	}
	return true;
}

static bool match_path(struct run *r, const struct node *n, struct matching *m, slice path)
{
	struct addr x;
	slice part;
	if (!sieve_run_look(r, path.n * 4) || !sieve_run_memory(r, path.n) ||
		!sieve_addr_path(path, r->a, &x))
		return false;
	if (!x.local.n && !x.domain.n)
		return sieve_match_value(
			m, S("")); /* the null path: empty, whatever part is asked for */
	return address_part(r, n, &x, sieve_addr_join(&x, r->a), &part) &&
	       sieve_match_value(m, part);
}

static bool holds_envelope(struct run *r, const struct node *n)
{
	struct matching m;
	size_t nnames;
	slice *names = sieve_run_strings(r, n->pos[0], &nnames);
	sieve_match_begin(&m, r, n, n->pos[1]);
	for (size_t i = 0; i < nnames && run_on(r); i++) {
		bool enough = false;
		if (slice_ieq(names[i], S("from")))
			enough = match_path(r, n, &m, r->in->sender);
		else if (slice_ieq(names[i], S("to")))
			enough = r->in->recipient.n && match_path(r, n, &m, r->in->recipient);
		else if (slice_ieq(names[i], S("orig_to")))
			enough = r->in->original_recipient.n &&
				 match_path(r, n, &m, r->in->original_recipient);
		else if (slice_ieq(names[i], S("auth")))
			enough = r->in->login.n && sieve_match_value(&m, r->in->login);
		if (enough)
			break;
	}
	return sieve_match_end(&m);
}

const struct word sieve_words_address[] = {
	{.name = S_INIT("address"),
		.test = true,
		.takes = TAKES_MATCH | TAKES_PART | TAKES_INDEX | TAKES_MIME,
		.params = {{'S', false, "header list", "信头字段列表"},
			{'S', false, "key list", "关键字列表"}},
		.check = check_address,
		.holds = holds_address},
	{.name = S_INIT("envelope"),
		.ext = EXT_ENVELOPE,
		.test = true,
		.takes = TAKES_MATCH | TAKES_PART,
		.params = {{'S', false, "envelope parts", "信封部分"},
			{'S', false, "key list", "关键字列表"}},
		.check = check_envelope,
		.holds = holds_envelope},
	{.name = {0}},
};
