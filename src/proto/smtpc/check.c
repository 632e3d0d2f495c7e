/*
 * What can be sent to this peer at all, decided before a word is said: sizes (RFC 1870), 8-bit and
 * binary bodies (RFC 6152 3, RFC 3030), SMTPUTF8 (RFC 6531 3.2), REQUIRETLS (RFC 8689 4.2), LIMITS
 * (RFC 9422). Called by send.c. Nothing is converted: a message that does not fit is refused with
 * the status that the RFC names, and the caller bounces it or tries another host.
 */
#include "proto/smtpc/transaction.h"

#include "base/utf8.h"
#include "codec/address.h"

/* No control characters: an address can never become a second command. */
bool smtpc_clean_mailbox(slice mailbox)
{
	struct address a;
	return slice_ieq(mailbox, S("postmaster")) ||
	       address_parse(mailbox, true, &a) == ADDRESS_FINE;
}

static struct smtpc_result perm(enum smtpc_stage at, struct status_code status, slice text)
{
	return smtpc_result_own(SMTPC_PERM, at, status, text);
}

/* RFC 8689 4.2.1: the peer must offer it, over TLS whose certificate verified for a name that
 * nobody on the way could have made up. */
bool smtpc_can_require_tls(const struct smtpc *s)
{
	struct tls_info info;
	if (!(s->caps.caps & SMTP_CAP_REQUIRETLS) || !s->io || !tls_active(s->io) ||
		s->cfg.tls < SMTPC_TLS_HOST || !s->cfg.authentic)
		return false;
	tls_get_info(s->io, &info);
	return info.verified;
}

/* False: *ret_why holds for every recipient. */
static bool mail_fits(const struct tx *t, struct smtpc_result *ret_why)
{
	const struct smtpc_mail *m = t->m;
	const struct smtp_caps *c = &t->s->caps;
	unsigned binary = SMTP_CAP_BINARYMIME | SMTP_CAP_CHUNKING;
	if (m->sender.n && !smtpc_clean_mailbox(m->sender))
		*ret_why = perm(
			SMTPC_AT_MAIL, STATUS(5, 1, 7), S("the sender's address is malformed"));
	else if (c->size && m->size > c->size)
		*ret_why = perm(SMTPC_AT_MAIL, STATUS(5, 3, 4),
			arena_printf(t->a,
				"the message has %llu bytes, the peer takes at most %llu",
				(unsigned long long)m->size, (unsigned long long)c->size));
	else if ((m->flags & SMTPC_BINARY) && (c->caps & binary) != binary)
		*ret_why = perm(SMTPC_AT_MAIL, STATUS(5, 6, 3),
			S("the message is binary, the peer does not offer BINARYMIME"));
	else if ((m->flags & (SMTPC_8BIT | SMTPC_BINARY)) == SMTPC_8BIT &&
		 !(c->caps & SMTP_CAP_8BITMIME))
		*ret_why = perm(SMTPC_AT_MAIL, STATUS(5, 6, 3),
			S("the message is 8-bit, the peer does not offer 8BITMIME"));
	else if (((m->flags & SMTPC_UTF8) || !utf8_is_ascii(m->sender)) &&
		 !(c->caps & SMTP_CAP_SMTPUTF8))
		*ret_why = perm(SMTPC_AT_MAIL, STATUS(5, 6, 7),
			S("the message is internationalized, the peer does not offer SMTPUTF8"));
	else if ((m->flags & SMTPC_REQUIRETLS) && !smtpc_can_require_tls(t->s))
		*ret_why = perm(SMTPC_AT_MAIL, STATUS(5, 7, 30),
			S("the message requires TLS, the peer does not offer REQUIRETLS over a "
			  "verified connection"));
	else
		return true;
	return false;
}

static bool rcpt_fits(const struct tx *t, slice address, struct smtpc_result *ret_why)
{
	if (!smtpc_clean_mailbox(address))
		*ret_why = perm(
			SMTPC_AT_RCPT, STATUS(5, 1, 3), S("the recipient's address is malformed"));
	else if (!utf8_is_ascii(address) && !(t->s->caps.caps & SMTP_CAP_SMTPUTF8))
		*ret_why = perm(SMTPC_AT_RCPT, STATUS(5, 6, 7),
			S("the address is internationalized, the peer does not offer SMTPUTF8"));
	else
		return true;
	return false;
}

static size_t rcpt_limit(const struct tx *t)
{
	unsigned stated = t->s->caps.rcpt_max;
	return stated && stated < SMTPC_RCPT_MAX ? stated : SMTPC_RCPT_MAX;
}

static slice domain_of(slice mailbox)
{
	slice local, domain = {0};
	address_split(mailbox, &local, &domain);
	return domain;
}

/* RCPTDOMAINMAX: whether one more recipient stays within the number of domains. */
static bool domain_fits(const struct tx *t, slice address, size_t *domains)
{
	if (!t->s->caps.rcpt_domain_max)
		return true;
	slice domain = domain_of(address);
	for (size_t i = 0; i < t->n_go; i++)
		if (slice_ieq(domain_of(t->m->rcpts[t->go[i]].address), domain))
			return true;
	if (*domains >= t->s->caps.rcpt_domain_max)
		return false;
	(*domains)++;
	return true;
}

static void choose_rcpts(struct tx *t)
{
	size_t domains = 0;
	for (size_t i = 0; i < t->m->nrcpts; i++) {
		slice address = t->m->rcpts[i].address;
		if (!rcpt_fits(t, address, &t->results[i]))
			continue;
		if (t->n_go == rcpt_limit(t) || !domain_fits(t, address, &domains)) {
			t->results[i] = smtpc_result_own(SMTPC_NEXT, SMTPC_AT_RCPT, STATUS(4, 5, 3),
				S("the peer takes fewer recipients at a time"));
			continue;
		}
		t->utf8 |= !utf8_is_ascii(address);
		t->go[t->n_go++] = i;
	}
}

void smtpc_check(struct tx *t)
{
	struct smtpc_result why;
	t->go = ARENA_ARRAY(t->a, size_t, t->m->nrcpts);
	if (!mail_fits(t, &why)) {
		for (size_t i = 0; i < t->m->nrcpts; i++)
			t->results[i] = why;
		return;
	}
	t->utf8 = (t->m->flags & SMTPC_UTF8) || !utf8_is_ascii(t->m->sender);
	choose_rcpts(t);
}
