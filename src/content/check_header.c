/*
 * Checks of the header (FEATURES D13): what RFC 5322 3.6 asks for, and what programs of honest
 * people write. Date, Message-ID, From, recipients, Reply-To, the envelope, Received, fields that
 * are there twice or are far too long. Subject: check_subject.c; the sender's program:
 * check_mailer.c; who pretends to be whom: check_sender.c.
 *
 * What is missing counts only for mail from outside: our own users' programs may leave it to us.
 */
#include "codec/address.h"
#include "codec/date.h"
#include "content/checking.h"
#include "content/checks.h"

enum {
	SECONDS_DAY = 24 * 3600,
	OLD_DAYS = 30,
	FUTURE_DAYS = 2, /* zones and clocks that are wrong by a day */
	ID_MAX = 400,
	NAME_LONG = 200, /* bytes of a display name */
	RECIPIENTS_MANY = 30,
	ADDRESSES_READ = 64 * 1024, /* bytes of To: and Cc: that are looked at */
};

static bool from_outside(const struct content_exam *x)
{
	return x->ctx->direction == CONTENT_INBOUND && !x->ctx->login.n;
}

/* ---- Date ---- */

static void look_at_date(struct content_exam *x)
{
	slice value = checking_value(x, S("date"));
	int64_t at, now = (int64_t)x->ctx->now;
	if (!value.n) {
		if (from_outside(x))
			checking_found(x, SIGNAL_DATE_MISSING, 1, S(""));
		return;
	}
	if (!date_parse(value, &at))
		checking_found(x, SIGNAL_DATE_BAD, 1, value);
	else if (now && at > now + FUTURE_DAYS * SECONDS_DAY)
		checking_found(x, SIGNAL_DATE_FUTURE, 1, value);
	else if (now && at < now - OLD_DAYS * SECONDS_DAY)
		checking_found(x, SIGNAL_DATE_OLD, 1, value);
}

/* ---- Message-ID ---- */

static bool is_id(slice v)
{
	if (v.n < 5 || v.n > ID_MAX || v.p[0] != '<' || v.p[v.n - 1] != '>')
		return false;
	slice id = slice_first(slice_skip(v, 1), v.n - 2);
	size_t at = slice_rindex(id, '@');
	for (size_t i = 0; i < id.n; i++)
		if (id.p[i] <= ' ' || id.p[i] > '~' || id.p[i] == '<' || id.p[i] == '>')
			return false;
	return at > 0 && at + 1 < id.n;
}

static bool is_local_name(slice host)
{
	return slice_index(host, '.') == host.n || slice_iends(host, S(".localdomain")) ||
	       slice_iends(host, S(".local"));
}

static void look_at_id(struct content_exam *x)
{
	slice v = checking_value(x, S("message-id"));
	if (!v.n) {
		if (from_outside(x))
			checking_found(x, SIGNAL_ID_MISSING, 1, S(""));
		return;
	}
	if (!is_id(v)) {
		checking_found(x, SIGNAL_ID_BAD, 1, v);
		return;
	}
	slice host = checking_domain(slice_first(v, v.n - 1));
	if (is_local_name(host))
		checking_found(x, SIGNAL_ID_LOCAL, 1, host);
	else if (from_outside(x) && checking_own(x, checking_lower(x->a, host)) &&
		 !checking_own(x, checking_from_domain(x)) && !checking_is_list(x))
		checking_found(x, SIGNAL_ID_OURS, 1, host);
}

/* ---- From, and what may be there once only ---- */

/* "Bank, <x@y.example>": a comma that nobody quoted makes two of one, the first without address. */
static void count_from(struct content_exam *x, unsigned *ret_addresses, unsigned *ret_others)
{
	struct header_address *v;
	size_t n = header_addresses(
		slice_first(checking_value(x, S("from")), ADDRESSES_READ), x->a, &v);
	*ret_addresses = *ret_others = 0;
	for (size_t i = 0; i < n; i++)
		*(v[i].domain.n ? ret_addresses : ret_others) += 1;
}

static void look_at_from(struct content_exam *x)
{
	const struct content *c = x->c;
	unsigned addresses, others;
	if (!checking_has(x, S("from"))) {
		checking_found(x, SIGNAL_FROM_MISSING, 1, S(""));
		return;
	}
	count_from(x, &addresses, &others);
	if (!addresses)
		checking_found(x, SIGNAL_FROM_BAD, 1, checking_value(x, S("from")));
	else if (addresses > 1)
		checking_found(x, SIGNAL_FROM_SEVERAL, 1, checking_value(x, S("from")));
	else if (others)
		checking_found(x, SIGNAL_FROM_ODD, 1, checking_value(x, S("from")));
	if (c->from_name.n > NAME_LONG)
		checking_found(x, SIGNAL_FIELD_LONG, 1, S("From"));
	if (checking_freemail(checking_from_domain(x)))
		checking_found(x, SIGNAL_FROM_FREEMAIL, 1, checking_from_domain(x));
}

static void look_for_twice(struct content_exam *x)
{
	static const slice once[] = {S_INIT("from"), S_INIT("subject"), S_INIT("date"),
		S_INIT("to"), S_INIT("message-id"), S_INIT("reply-to"), S_INIT("content-type")};
	for (size_t i = 0; i < sizeof once / sizeof *once; i++)
		if (checking_count(x, once[i]) > 1)
			checking_found(
				x, i == 0 ? SIGNAL_FROM_TWICE : SIGNAL_FIELD_TWICE, 1, once[i]);
}

/* ---- to whom ---- */

struct recipients {
	size_t n; /* addresses in To: and Cc: */
	bool us; /* one of the envelope is among them */
	bool sender; /* the sender himself */
	bool others; /* somebody else than the sender */
};

static bool is_recipient(const struct content_context *ctx, slice address)
{
	for (size_t i = 0; i < ctx->nrcpts; i++)
		if (slice_ieq(ctx->rcpts[i], address))
			return true;
	return false;
}

static void read_recipients(struct content_exam *x, slice field, struct recipients *r)
{
	struct header_address *v;
	slice value = slice_first(checking_value(x, field), ADDRESSES_READ);
	size_t n = value.n ? header_addresses(value, x->a, &v) : 0;
	for (size_t i = 0; i < n; i++) {
		if (!v[i].address.n)
			continue;
		bool sender = slice_ieq(v[i].address, x->c->from_address);
		r->n++;
		r->us |= is_recipient(x->ctx, v[i].address);
		r->sender |= sender;
		r->others |= !sender;
	}
}

static void look_at_recipients(struct content_exam *x)
{
	struct recipients r = {0};
	const struct content_context *ctx = x->ctx;
	float soft = checking_unless_bulk(x);
	read_recipients(x, S("to"), &r);
	read_recipients(x, S("cc"), &r);
	if (r.n == 0)
		checking_found(x,
			checking_has(x, S("to")) ? SIGNAL_TO_UNDISCLOSED : SIGNAL_TO_MISSING, soft,
			S(""));
	if (checking_is_list(x))
		return;
	if (r.n > RECIPIENTS_MANY)
		checking_found(x, SIGNAL_TO_MANY, 1, arena_printf(x->a, "%zu", r.n));
	if (r.sender && !r.others && !is_recipient(ctx, x->c->from_address))
		checking_found(x, SIGNAL_TO_SELF, ctx->nrcpts ? 1 : 0.5F, x->c->from_address);
	else if (r.n && ctx->nrcpts && ctx->nrcpts == ctx->rcpts_total && !r.us)
		checking_found(x, SIGNAL_TO_OTHERS, soft, S(""));
}

/* ---- answers, envelope ---- */

static void look_at_reply(struct content_exam *x)
{
	const struct content *c = x->c;
	slice from = checking_from_domain(x), reply = checking_domain(c->reply_address);
	bool free_from = checking_freemail(from), free_reply = checking_freemail(reply);
	if (!reply.n || !from.n || slice_ieq(c->reply_address, c->from_address) ||
		checking_is_list(x) || checking_own(x, reply))
		return;
	if (free_reply && !free_from)
		/* Forms on a site write in its name for whoever filled them in. */
		checking_found(x, SIGNAL_REPLY_FREEMAIL, checking_own(x, from) ? 0.3F : 1,
			c->reply_address);
	else if (free_reply &&
		 !slice_ieq(checking_local(c->reply_address), checking_local(c->from_address)))
		checking_found(x, SIGNAL_REPLY_OTHER_FREEMAIL, 1, c->reply_address);
	else if (!free_reply && !slice_eq(checking_org(x, from), checking_org(x, reply)))
		checking_found(
			x, SIGNAL_REPLY_ELSEWHERE, checking_unless_bulk(x), c->reply_address);
}

static void look_at_envelope(struct content_exam *x)
{
	slice from = checking_from_domain(x), sender = checking_domain(x->ctx->sender);
	if (!sender.n || !from.n || checking_proven(x) || checking_is_list(x))
		return;
	if (!slice_eq(checking_org(x, checking_lower(x->a, sender)), checking_org(x, from)))
		checking_found(x, SIGNAL_ENVELOPE_ELSEWHERE, checking_unless_bulk(x), sender);
}

/* ---- Received, broken lines ---- */

/* "[300.1.2.3]": four numbers, one of them above 255. */
static bool is_impossible(slice inside)
{
	slice part;
	uint64_t v;
	unsigned n = 0, above = 0;
	while (slice_cut(&inside, '.', &part)) {
		if (part.n > 3 || !slice_u64(part, &v))
			return false;
		n++;
		above += v > 255;
	}
	return n == 4 && above > 0;
}

static void look_at_received(struct content_exam *x)
{
	size_t n;
	const struct header_field *f = checking_fields(x, &n);
	for (size_t i = 0; i < n; i++) {
		slice rest = f[i].value;
		if (!slice_ieq(f[i].name, S("received")))
			continue;
		for (size_t at; (at = slice_index(rest, '[')) < rest.n;) {
			rest = slice_skip(rest, at + 1);
			slice inside = slice_first(rest, slice_index(rest, ']'));
			if (is_impossible(inside))
				checking_found(x, SIGNAL_RECEIVED_IMPOSSIBLE, 1, inside);
		}
	}
	if (x->c->mime->v[0].defects & MIME_BAD_HEADER)
		checking_found(x, SIGNAL_HEADER_BROKEN, 1, S(""));
}

void content_check_header(struct content_exam *x)
{
	look_at_date(x);
	look_at_id(x);
	look_at_from(x);
	look_for_twice(x);
	look_at_recipients(x);
	look_at_reply(x);
	look_at_envelope(x);
	look_at_received(x);
}
