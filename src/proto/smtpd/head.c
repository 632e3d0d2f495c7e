/*
 * The header of a message as it passes: it is looked at once (loops, Message-ID and Subject for the
 * trace), and for messages from our own users mended as RFC 6409 section 8 allows: what is missing
 * is added to the prefix, Bcc: is left out. Of other messages only what header() names is left out.
 *
 * The header is gathered only when it comes in more than one piece, up to max_header bytes.
 */
#include "proto/smtpd/session.h"

#include "base/mem.h"
#include "base/must.h"
#include "base/rand.h"
#include "base/utf8.h"
#include <inttypes.h>

/* How often a field is there. The summary looks at the first HEADER_SUMMARY_MAX bytes only. */
static size_t occurs(slice block, slice name, unsigned summarized)
{
	return block.n <= HEADER_SUMMARY_MAX ? summarized : header_count(block, name);
}

/* ---- From: against the login (RFC 6409 6.1, 8.1) ---- */

enum from_verdict { FROM_OK, FROM_NOBODY, FROM_FOREIGN, FROM_REFUSED /* failed already */ };

static slice domain_of(slice address)
{
	return slice_skip(address, slice_rindex(address, '@') + 1);
}

/* Of the login's domain, above or below it: there SPF and DKIM vouch for what this user sends. */
static bool is_house(struct smtpd_session *s, slice address)
{
	slice ours = domain_of(s->client.login), theirs = domain_of(address);
	slice a, b;
	if (!domain_to_ascii(ours, &s->tx.mem, &a) || !domain_to_ascii(theirs, &s->tx.mem, &b))
		return true;
	return domain_within(a, b) || domain_within(b, a);
}

/* house: addresses elsewhere are not looked at. */
static enum from_verdict check_addresses(struct smtpd_session *s, slice value, bool house)
{
	struct header_address *v;
	size_t n = header_addresses(value, &s->tx.mem, &v), named = 0;
	struct smtpd_refusal no = {0};
	if (n > FROM_CHECKED_MAX)
		return FROM_FOREIGN;
	for (size_t i = 0; i < n; i++) {
		bool may = false;
		if (!v[i].address.n)
			continue;
		if (house && !is_house(s, v[i].address)) {
			named++;
			continue;
		}
		if (s->ops->may_send_as(s->arg, s->client.login, v[i].address, &may, &no.err) < 0) {
			no.err.kind = ERR_TEMP;
			smtpd_fail(s, &no);
			return FROM_REFUSED;
		}
		if (!may)
			return FROM_FOREIGN;
		named++;
	}
	/* An @ where we find no address: others may find one. */
	for (size_t i = 0; i < n; i++)
		if (v[i].odd)
			return FROM_FOREIGN;
	if (named < n || n == 0)
		return slice_index(value, '@') < value.n ? FROM_FOREIGN : FROM_NOBODY;
	return FROM_OK;
}

static enum from_verdict check_all(struct smtpd_session *s, slice block, bool house)
{
	struct header_field f;
	for (size_t i = 0; header_find(block, S("From"), i, &f); i++) {
		if (i >= FROM_CHECKED_MAX)
			return FROM_FOREIGN;
		enum from_verdict v = check_addresses(s, f.value, house);
		if (v != FROM_OK && v != FROM_NOBODY)
			return v;
	}
	return FROM_OK;
}

/* Who speaks in this message: the last one to resend it, else From: (RFC 5322 3.6.6). Resent mail
 * may be of strangers, but not of others in the house: anybody can write such a field, and nobody
 * is shown it. */
static enum from_verdict check_from(struct smtpd_session *s, slice block)
{
	struct header_field f;
	if (s->tx.summary.resent && header_find(block, S("Resent-From"), 0, &f)) {
		enum from_verdict v = check_addresses(s, f.value, false);
		if (v != FROM_NOBODY)
			return v == FROM_OK ? check_all(s, block, true) : v;
	}
	return check_all(s, block, false);
}

/* Returns whether Sender: is to be replaced. */
static bool bind_from(struct smtpd_session *s, slice block)
{
	if (!s->client.login.n || s->conf->header_from == SMTPD_FROM_ANY ||
		check_from(s, block) != FROM_FOREIGN)
		return false;
	if (s->conf->header_from == SMTPD_FROM_ADD_SENDER)
		return true;
	smtpd_fail_with(s, 550, "5.7.1", "The From: address is not yours");
	return false;
}

/* ---- what is added and left out ---- */

static void add_missing(struct smtpd_session *s, slice block)
{
	struct smtpd_tx *t = &s->tx;
	const struct header_summary *h = &t->summary;
	if (!occurs(block, S("Date"), h->date)) {
		char date[TIME_RFC5322_MAX];
		buf_printf(&t->added, "Date: %.*s\r\n", (int)time_rfc5322(t->msg.arrived_at, date),
			date);
	}
	if (!occurs(block, S("From"), h->from)) {
		slice from = t->msg.sender.n ? t->msg.sender : s->client.login;
		if (from.n)
			buf_printf(&t->added, "From: <%.*s>\r\n", SFMT(from));
	}
	if (!occurs(block, S("Message-ID"), h->message_id_n)) {
		char id[MSG_ID_TEXT];
		msg_id_print(t->msg.id, id);
		t->msg.message_id = arena_printf(&t->mem, "<%s.%08" PRIx64 "@%.*s>", id,
			rand_u64() >> 32, SFMT(s->service->hostname));
		buf_printf(&t->added, "Message-ID: %.*s\r\n", SFMT(t->msg.message_id));
	}
}

static bool left_out(slice name, bool bcc, bool sender)
{
	if (bcc && (slice_ieq(name, S("Bcc")) || slice_ieq(name, S("Resent-Bcc"))))
		return true;
	return sender && slice_ieq(name, S("Sender"));
}

/* h->left_out has its fields in the order of the block. */
static void store_without(
	struct smtpd_session *s, const struct smtpd_header *h, bool bcc, bool sender)
{
	slice rest = h->block, from = h->block;
	size_t next = 0;
	struct header_field f;
	while (!s->tx.failed && header_next(&rest, &f)) {
		bool marked = next < h->nleft_out && h->left_out[next].p == f.raw.p;
		next += marked;
		if (!marked && !left_out(f.name, bcc, sender))
			continue;
		smtpd_store(s, slice_of(from.p, (size_t)(f.raw.p - from.p)), false);
		from = slice_skip(from, (size_t)(f.raw.p + f.raw.n - from.p));
	}
	must(s->tx.failed || next == h->nleft_out);
	if (!s->tx.failed)
		smtpd_store(s, from, false);
}

static bool may_fix(const struct smtpd_session *s)
{
	return s->service->fix_headers && (s->tx.msg.flags & MSG_SUBMITTED);
}

/* ---- the header is complete ---- */

static slice kept(struct arena *a, slice text, size_t max)
{
	return arena_dup(a, utf8_first(text, max));
}

/* A message that does not begin with a header: our own fields must not run into its text. */
static bool starts_without_header(slice block)
{
	struct header_field f;
	slice rest = block;
	return header_next(&rest, &f) && !f.name.n && !slice_starts(f.raw, S("From ")) &&
	       !slice_starts(f.raw, S(">From "));
}

static void ask_header(struct smtpd_session *s, struct smtpd_header *h)
{
	struct smtpd_refusal no = {0};
	if (s->ops->header && s->ops->header(s->arg, h, &s->tx.mem, &no) < 0)
		smtpd_fail(s, &no);
}

static void header_complete(struct smtpd_session *s, slice block)
{
	struct smtpd_tx *t = &s->tx;
	t->head_done = true;
	header_summarize(block, &t->mem, &t->summary);
	t->msg.message_id = kept(&t->mem, t->summary.message_id, MESSAGE_ID_MAX);
	t->msg.subject = kept(&t->mem, t->summary.subject, SUBJECT_MAX);
	t->headless = starts_without_header(block);
	if (t->scan.received > s->conf->max_hops) {
		smtpd_fail_with(s, 554, "5.4.6", "Too many hops: this message is going in circles");
		return;
	}
	struct smtpd_header h = {.block = block, .summary = &t->summary, .headless = t->headless};
	bool sender = bind_from(s, block);
	if (!t->failed)
		ask_header(s, &h);
	if (t->failed)
		return;
	if (sender)
		buf_printf(&t->added, "Sender: <%.*s>\r\n", SFMT(s->client.login));
	if (may_fix(s))
		add_missing(s, block);
	if (may_fix(s) || sender || h.nleft_out)
		store_without(s, &h, may_fix(s), sender);
	else
		smtpd_store(s, block, false);
}

void smtpd_head_feed(struct smtpd_session *s, slice run)
{
	struct smtpd_tx *t = &s->tx;
	bool complete = !t->scan.in_header && t->scan.header_bytes <= t->head.n + run.n;
	size_t mine = complete ? (size_t)t->scan.header_bytes - t->head.n : run.n;
	slice block = slice_first(run, mine);
	if (t->head.n || !complete) {
		buf_put(&t->head, block);
		block = buf_slice(&t->head);
	}
	if (!buf_ok(&t->head) || block.n > (size_t)s->client.limits.max_header) {
		smtpd_fail_with(s, 552, "5.3.4", "The header of the message is too large");
		return;
	}
	if (!complete)
		return;
	header_complete(s, block);
	if (!t->failed)
		smtpd_store(s, slice_skip(run, mine), true);
	buf_done(&t->head);
}

void smtpd_head_end(struct smtpd_session *s)
{
	header_complete(s, buf_slice(&s->tx.head));
	buf_done(&s->tx.head);
}
