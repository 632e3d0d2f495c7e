/*
 * vacation (RFC 5230), vacation-seconds (RFC 6131). Whether the letter is one that a person wrote to this person is
 * looked at here (4.5, 4.6, and RFC 3834); whether the sender was answered lately is the caller's to know.
 */
#include "base/hex.h"
#include "sieve/addr.h"
#include "sieve/impl.h"
#include <openssl/sha.h>

enum { DAY_SECONDS = 86400, DAYS_DEFAULT = 7, DAYS_MIN = 1, DAYS_MAX = 90, HANDLE_BYTES = 16 };

/* ---- checking ---- */

static bool check_vacation(struct check *c, struct node *n)
{
	slice address;
	const struct arg *from = sieve_node_tag(n, TAG_FROM, NULL);
	if (!from || from->v[0].n || sieve_mailbox(from->v[0].plain, c->a, &address, NULL))
		return true;
	sieve_mistake(c, from->at,
		SAY(c, "vacation: '%.*s' is no mail address", SFMT(from->v[0].plain)),
		SAY(c, "vacation：“%.*s”不是邮件地址", SFMT(from->v[0].plain)));
	return false;
}

/* ---- may it be answered? ---- */

/* Senders that are programs (RFC 5230 section 4.6). */
static bool is_program(slice local)
{
	static const slice begins[] = {S_INIT("owner-"), S_INIT("mailer-daemon"),
		S_INIT("listserv"), S_INIT("majordomo"), S_INIT("noreply"), S_INIT("no-reply"),
		S_INIT("bounce")};
	for (size_t i = 0; i < sizeof begins / sizeof *begins; i++)
		if (slice_istarts(local, begins[i]))
			return true;
	return slice_iends(local, S("-request")) || slice_iends(local, S("-owner")) ||
	       slice_iends(local, S("-bounces"));
}

static bool forbids(slice name, slice value)
{
	value = slice_trim(value);
	if (slice_ieq(name, S("auto-submitted")))
		return !slice_istarts(value, S("no")) ||
		       (value.n > 2 && !strchr(" ;(\t", value.p[2]));
	if (slice_ieq(name, S("precedence")))
		return slice_ieq(value, S("bulk")) || slice_ieq(value, S("junk")) ||
		       slice_ieq(value, S("list"));
	if (slice_ieq(name, S("x-auto-response-suppress")))
		return !slice_ieq(value, S("none"));
	return slice_istarts(name, S("list-"));
}

static bool same_address(struct run *r, const struct addr *x, slice other)
{
	slice joined = sieve_addr_join(x, r->a);
	sieve_run_look(r, joined.n + other.n);
	if (slice_ieq(joined, other))
		return true;
	/* user+detail is the user's, too */
	size_t at = r->in->separator ? slice_index(x->local, r->in->separator) : x->local.n;
	struct addr user = {.local = slice_first(x->local, at), .domain = x->domain, .valid = true};
	return at < x->local.n && slice_ieq(sieve_addr_join(&user, r->a), other);
}

static bool is_mine(struct run *r, const struct addr *x, const slice *more, size_t nmore)
{
	const struct sieve_input *in = r->in;
	if (same_address(r, x, in->recipient) ||
		(in->original_recipient.n && same_address(r, x, in->original_recipient)))
		return true;
	for (size_t i = 0; i < in->nown; i++)
		if (same_address(r, x, in->own[i]))
			return true;
	for (size_t i = 0; i < nmore; i++)
		if (same_address(r, x, more[i]))
			return true;
	return false;
}

static bool is_to_field(slice name)
{
	static const slice names[] = {S_INIT("to"), S_INIT("cc"), S_INIT("bcc"),
		S_INIT("resent-to"), S_INIT("resent-cc"), S_INIT("resent-bcc")};
	for (size_t i = 0; i < sizeof names / sizeof *names; i++)
		if (slice_ieq(name, names[i]))
			return true;
	return false;
}

static bool is_to_me(struct run *r, const struct fields *v, const slice *more, size_t nmore)
{
	struct addr *to;
	for (size_t i = 0; i < v->n; i++) {
		if (!is_to_field(v->v[i].name) || !sieve_run_look(r, v->v[i].value.n * 4))
			continue;
		size_t n = sieve_addr_list(header_unfold(v->v[i].value, r->a), r->a, &to);
		for (size_t k = 0; k < n && sieve_run_spend(r, 1); k++)
			if (to[k].valid && is_mine(r, &to[k], more, nmore))
				return true;
	}
	return false;
}

static bool may_answer(struct run *r, const struct node *n)
{
	struct addr sender;
	size_t nmore;
	struct loop *loop = r->loop;
	slice *more = sieve_run_strings(r, sieve_node_tag(n, TAG_ADDRESSES, NULL), &nmore);
	if (!r->in->sender.n || !sieve_addr_path(r->in->sender, r->a, &sender) || !sender.local.n ||
		is_program(sender.local))
		return false;
	r->loop = NULL;
	struct fields *v = sieve_run_fields(r);
	r->loop = loop;
	for (size_t i = 0; i < v->n; i++)
		if (forbids(v->v[i].name, v->v[i].value))
			return false;
	return !is_mine(r, &sender, more, nmore) && is_to_me(r, v, more, nmore);
}

/* ---- the answer ---- */

/* What makes two vacations the same when they do not say it themselves (4.7). */
static slice own_handle(struct run *r, const struct sieve_action *a)
{
	unsigned char digest[SHA256_DIGEST_LENGTH];
	AUTO(buf) struct buf text = BUF(a->text.n + a->subject.n + a->from.n + 16), out = BUF(64);
	buf_printf(&text, "%d\n", a->mime);
	buf_put(&text, a->subject);
	buf_byte(&text, '\n');
	buf_put(&text, a->from);
	buf_byte(&text, '\n');
	buf_put(&text, a->text);
	SHA256((const unsigned char *)text.p, text.n, digest);
	hex_encode(&out, slice_of(digest, HANDLE_BYTES));
	return sieve_run_dup(r, buf_slice(&out));
}

static int64_t seconds_of(const struct node *n)
{
	bool seconds;
	const struct arg *s = sieve_node_tag(n, TAG_SECONDS, &seconds),
			 *d = sieve_node_tag(n, TAG_DAYS, NULL);
	if (seconds)
		return s->number > (uint64_t)DAYS_MAX * DAY_SECONDS ? DAYS_MAX * DAY_SECONDS
								    : (int64_t)s->number;
	uint64_t days = d ? d->number : DAYS_DEFAULT;
	return (days < DAYS_MIN          ? DAYS_MIN
		       : days > DAYS_MAX ? DAYS_MAX
					 : (int64_t)days) *
	       DAY_SECONDS;
}

static bool is_second(struct run *r)
{
	for (const struct action_made *m = r->first; m; m = m->next)
		if (m->a.kind == SIEVE_VACATION && m->script == r->script)
			return true;
	return false;
}

static void run_vacation(struct run *r, const struct node *n)
{
	slice address;
	struct sieve_action v = {.kind = SIEVE_VACATION,
		.text = sieve_run_string(r, n->pos[0]),
		.mime = node_has(n, TAG_MIME)};
	v.subject = sieve_run_string(r, sieve_node_tag(n, TAG_SUBJECT, NULL));
	v.handle = sieve_run_string(r, sieve_node_tag(n, TAG_HANDLE, NULL));
	slice from = sieve_run_string(r, sieve_node_tag(n, TAG_FROM, NULL));
	if (from.n && !sieve_mailbox(from, r->a, &address, &v.from))
		sieve_run_warn(r, S("vacation: :from is no mail address; the own one is used"),
			S("vacation：:from 不是邮件地址，改用自己的地址"));
	if (r->rejected || is_second(r)) {
		sieve_run_fail(r,
			S("a letter that is rejected or answered already cannot be answered"),
			S("已拒收或已自动回复的邮件不能再次回复"));
		return;
	}
	if (!run_on(r) || !may_answer(r, n))
		return;
	if (!v.handle.n)
		v.handle = own_handle(r, &v);
	struct sieve_action *a = sieve_run_act(r, SIEVE_VACATION);
	if (!a)
		return;
	v.seconds = seconds_of(n);
	v.edits = a->edits;
	v.script = a->script;
	v.line = a->line;
	*a = v;
}

static const struct tag tags[] = {
	{S_INIT("days"), TAG_DAYS, EXT_VACATION, 'n', 1},
	{S_INIT("seconds"), TAG_SECONDS, EXT_VACATION_SECONDS, 'n', 1},
	{S_INIT("subject"), TAG_SUBJECT, EXT_VACATION, 's', 0},
	{S_INIT("from"), TAG_FROM, EXT_VACATION, 's', 0},
	{S_INIT("addresses"), TAG_ADDRESSES, EXT_VACATION, 'S', 0},
	{S_INIT("mime"), TAG_MIME, EXT_VACATION, 0, 0},
	{S_INIT("handle"), TAG_HANDLE, EXT_VACATION, 's', 0},
	{{0}, 0, 0, 0, 0},
};

const struct word sieve_words_vacation[] = {
	{.name = S_INIT("vacation"),
		.ext = EXT_VACATION,
		.params = {{'s', false, "reason", "回复内容"}},
		.tags = tags,
		.check = check_vacation,
		.run = run_vacation},
	{.name = {0}},
};
