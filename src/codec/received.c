/*
 * Our trace fields (RFC 5321 section 4.4; keywords of RFC 3848 and RFC 6531 section 4.3). The SMTP
 * server builds one Received: per message; delivery to a mailbox adds Return-Path:.
 */
#include "codec/received.h"

#include "base/time.h"
#include "base/utf8.h"

const char *received_with(const struct received_facts *f)
{
	static const char *const names[][4] = {
		/* plain, TLS, AUTH, TLS and AUTH */
		{"SMTP", "SMTP", "SMTP", "SMTP"}, /* HELO over TLS has no keyword of its own */
		{"ESMTP", "ESMTPS", "ESMTPA", "ESMTPSA"},
		{"LMTP", "LMTPS", "LMTPA", "LMTPSA"},
		{"UTF8SMTP", "UTF8SMTPS", "UTF8SMTPA", "UTF8SMTPSA"},
		{"UTF8LMTP", "UTF8LMTPS", "UTF8LMTPA", "UTF8LMTPSA"},
	};
	int kind = f->lmtp ? 2 : f->esmtp ? 1 : 0;
	if (f->utf8)
		kind = f->lmtp ? 4 : 3;
	return names[kind][(f->tls_version.n > 0) + 2 * f->auth];
}

/* Text from outside: only what cannot break out of a token or comment. */
static void put_tame(struct buf *out, slice s, const char *also)
{
	bool utf8 = utf8_valid(s);
	for (size_t i = 0; i < s.n; i++) {
		char c = s.p[i], low = ascii_lower(c);
		bool good = (low >= 'a' && low <= 'z') || (c >= '0' && c <= '9');
		good |= (c & 0x80) ? utf8 : c && strchr(also, c) != NULL;
		buf_byte(out, good ? c : '?');
	}
}

static void put_from(struct buf *out, const struct received_facts *f)
{
	if (f->helo.n == 0 && f->client_ip.n == 0)
		return;
	buf_put(out, S(" from "));
	if (f->helo.n)
		put_tame(out, f->helo, "-._[]:");
	else
		buf_put(out, S("unknown"));
	if (f->client_ip.n) {
		buf_put(out, S(" ("));
		put_tame(out, f->client_name, "-._");
		buf_printf(out, "%s[%s", f->client_name.n ? " " : "",
			slice_index(f->client_ip, ':') < f->client_ip.n ? "IPv6:" : "");
		put_tame(out, f->client_ip, ".:");
		buf_put(out, S("])"));
	}
	if (f->login.n) {
		buf_put(out, S("\r\n\t(authenticated as "));
		put_tame(out, f->login, "-._@+=!#$%&'*/^`{|}~");
		buf_byte(out, ')');
	}
	buf_put(out, S("\r\n\t"));
}

void received_build(struct buf *out, const struct received_facts *f)
{
	char date[TIME_RFC5322_MAX];
	buf_put(out, S("Received:"));
	bool from = f->helo.n || f->client_ip.n;
	put_from(out, f);
	buf_printf(out, "%sby ", from ? "" : " ");
	buf_put(out, f->by);
	buf_printf(out, " (Posthouse) with %s id ", received_with(f));
	buf_put(out, f->id);
	if (f->tls_version.n) {
		buf_put(out, S("\r\n\t(version="));
		put_tame(out, f->tls_version, "-._");
		buf_put(out, S(" cipher="));
		put_tame(out, f->tls_cipher, "-._");
		if (f->tls_bits)
			buf_printf(out, " bits=%u", f->tls_bits);
		buf_byte(out, ')');
	}
	if (f->rcpt.n) {
		buf_put(out, S("\r\n\tfor <"));
		buf_put(out, f->rcpt);
		buf_byte(out, '>');
	}
	buf_put(out, S(";\r\n\t"));
	buf_put(out, slice_of(date, time_rfc5322(f->wall, date)));
	buf_put(out, S("\r\n"));
}

void return_path_build(struct buf *out, slice sender)
{
	buf_put(out, S("Return-Path: <"));
	buf_put(out, sender);
	buf_put(out, S(">\r\n"));
}
