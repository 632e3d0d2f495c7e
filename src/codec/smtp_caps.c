/*
 * What a server announces in its reply to EHLO or LHLO (RFC 5321 4.1.1.1): keywords and arguments.
 * Unknown ones are skipped; a malformed argument counts as absent.
 */
#include "codec/smtp_reply.h"

struct named_bit {
	slice name;
	unsigned bit;
};

static const struct named_bit keywords[] = {
	{S_INIT("PIPELINING"), SMTP_CAP_PIPELINING},
	{S_INIT("SIZE"), SMTP_CAP_SIZE},
	{S_INIT("8BITMIME"), SMTP_CAP_8BITMIME},
	{S_INIT("BINARYMIME"), SMTP_CAP_BINARYMIME},
	{S_INIT("CHUNKING"), SMTP_CAP_CHUNKING},
	{S_INIT("SMTPUTF8"), SMTP_CAP_SMTPUTF8},
	{S_INIT("DSN"), SMTP_CAP_DSN},
	{S_INIT("ENHANCEDSTATUSCODES"), SMTP_CAP_ENHANCED},
	{S_INIT("STARTTLS"), SMTP_CAP_STARTTLS},
	{S_INIT("AUTH"), SMTP_CAP_AUTH},
	{S_INIT("REQUIRETLS"), SMTP_CAP_REQUIRETLS},
	{S_INIT("LIMITS"), SMTP_CAP_LIMITS},
	{S_INIT("MT-PRIORITY"), SMTP_CAP_MT_PRIORITY},
	{S_INIT("XCLIENT"), SMTP_CAP_XCLIENT},
	{S_INIT("DELIVERBY"), SMTP_CAP_DELIVERBY},
	{S_INIT("ETRN"), SMTP_CAP_ETRN},
	{S_INIT("VRFY"), SMTP_CAP_VRFY},
	{S_INIT("HELP"), SMTP_CAP_HELP},
};

static const struct named_bit mechs[] = {
	{S_INIT("PLAIN"), SMTP_MECH_PLAIN},
	{S_INIT("LOGIN"), SMTP_MECH_LOGIN},
	{S_INIT("CRAM-MD5"), SMTP_MECH_CRAM_MD5},
	{S_INIT("SCRAM-SHA-1"), SMTP_MECH_SCRAM_SHA_1},
	{S_INIT("SCRAM-SHA-256"), SMTP_MECH_SCRAM_SHA_256},
	{S_INIT("SCRAM-SHA-256-PLUS"), SMTP_MECH_SCRAM_SHA_256_PLUS},
	{S_INIT("XOAUTH2"), SMTP_MECH_XOAUTH2},
	{S_INIT("OAUTHBEARER"), SMTP_MECH_OAUTHBEARER},
	{S_INIT("EXTERNAL"), SMTP_MECH_EXTERNAL},
	{S_INIT("NTLM"), SMTP_MECH_NTLM},
	{S_INIT("GSSAPI"), SMTP_MECH_GSSAPI},
};

static const struct named_bit attrs[] = {
	{S_INIT("NAME"), SMTP_XCLIENT_NAME},
	{S_INIT("ADDR"), SMTP_XCLIENT_ADDR},
	{S_INIT("PORT"), SMTP_XCLIENT_PORT},
	{S_INIT("PROTO"), SMTP_XCLIENT_PROTO},
	{S_INIT("HELO"), SMTP_XCLIENT_HELO},
	{S_INIT("LOGIN"), SMTP_XCLIENT_LOGIN},
	{S_INIT("DESTADDR"), SMTP_XCLIENT_DESTADDR},
	{S_INIT("DESTPORT"), SMTP_XCLIENT_DESTPORT},
};

static unsigned bit_of(const struct named_bit *list, size_t n, slice name)
{
	for (size_t i = 0; i < n; i++)
		if (slice_ieq(list[i].name, name))
			return list[i].bit;
	return 0;
}
#define BIT_OF(list, name) bit_of((list), sizeof(list) / sizeof(list)[0], (name))

/* RFC 9422 section 4: NAME=number; 1 to 999999. */
static void read_limit(slice word, struct smtp_caps *c)
{
	slice value = word, name;
	uint64_t v;
	slice_cut(&value, '=', &name);
	if (!slice_u64(value, &v) || v == 0 || v > 999999)
		return;
	if (slice_ieq(name, S("MAILMAX")))
		c->mail_max = (unsigned)v;
	else if (slice_ieq(name, S("RCPTMAX")))
		c->rcpt_max = (unsigned)v;
	else if (slice_ieq(name, S("RCPTDOMAINMAX")))
		c->rcpt_domain_max = (unsigned)v;
}

static void read_word(unsigned cap, slice word, struct smtp_caps *c)
{
	uint64_t size;
	if (cap == SMTP_CAP_AUTH)
		c->mechs |= BIT_OF(mechs, word);
	else if (cap == SMTP_CAP_XCLIENT)
		c->xclient |= BIT_OF(attrs, word);
	else if (cap == SMTP_CAP_LIMITS)
		read_limit(word, c);
	else if (cap == SMTP_CAP_SIZE && slice_u64(word, &size))
		c->size = size;
}

static void read_line(slice line, struct smtp_caps *c)
{
	slice word;
	unsigned cap = 0;
	for (bool first = true; slice_cut(&line, ' ', &word); first = false) {
		if (word.n == 0)
			continue;
		if (first &&
			slice_istarts(word, S("AUTH="))) { /* before RFC 2554: AUTH=LOGIN PLAIN */
			cap = SMTP_CAP_AUTH;
			read_word(cap, slice_skip(word, 5), c);
		} else if (first) {
			cap = BIT_OF(keywords, word);
		} else {
			read_word(cap, word, c);
		}
	}
	c->caps |= cap;
}

void smtp_caps_parse(const struct smtp_reply *r, struct smtp_caps *ret)
{
	struct smtp_caps c = {.caps = SMTP_CAP_ESMTP};
	slice text = buf_slice(&r->text), line;
	slice_cut(&text, '\n', &line); /* the server's name */
	while (slice_cut(&text, '\n', &line))
		read_line(line, &c);
	*ret = c;
}
